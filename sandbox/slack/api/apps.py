"""api.test, auth.test and apps.connections.open: the app and its connection."""

import secrets

from sandbox.slack.api.calls import Call, method
from sandbox.slack.errors import SlackError
from sandbox.slack.schema import Json


@method("api.test", "tier4", opened_by="")
def api_test(call: Call) -> Json:
    if call.args.has("error"):
        raise SlackError(call.args.text("error"), args=call.args.values)
    return {"args": call.args.values}


@method("auth.test", "special")
def auth_test(call: Call) -> Json:
    space = call.workspace
    return {
        "url": space.team_url,
        "team": space.team_name,
        "user": space.bot.name,
        "team_id": space.team_id,
        "user_id": space.app.bot_user_id,
        "bot_id": space.app.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open", "tier3", opened_by="xapp")
def open_connection(call: Call) -> Json:
    if not call.workspace.app.manifest.socket_mode:
        raise SlackError("socket_mode_not_enabled")
    ticket = secrets.token_urlsafe(24)
    call.workspace.socket_tickets.add(ticket)
    link = call.url.replace("http://", "ws://", 1)
    return {"url": f"{link}link/?ticket={ticket}&app_id={call.workspace.app.app_id}"}
