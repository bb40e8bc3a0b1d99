"""users.*, usergroups.*, team.* and bots.*: who is there."""

from sandbox.slack.api.calls import Call, method, page
from sandbox.slack.errors import SlackError
from sandbox.slack.schema import Json
from sandbox.slack.wire import bot_json, user_json, usergroup_json


def _user(call: Call, user_id: str) -> Json:
    user = call.workspace.users.get(user_id)
    if user is None:
        raise SlackError("user_not_found")
    return user_json(user, email="users:read.email" in call.workspace.app.scopes)


@method("users.info", "tier4", "users:read")
def info(call: Call) -> Json:
    return {"user": _user(call, call.args.text("user"))}


@method("users.list", "tier2", "users:read")
def list_users(call: Call) -> Json:
    return page(call, [_user(call, user_id) for user_id in call.workspace.users], "members", default=200, most=1000)


@method("users.lookupByEmail", "tier3", "users:read.email")
def lookup_by_email(call: Call) -> Json:
    email = call.args.text("email").lower()
    for user in call.workspace.users.values():
        if user.email.lower() == email and not (user.is_bot or user.deleted):
            return {"user": _user(call, user.id)}
    raise SlackError("users_not_found")


def _need_groups(call: Call) -> None:
    if not call.workspace.paid:
        raise SlackError("plan_upgrade_required")


@method("usergroups.list", "tier2", "usergroups:read")
def list_usergroups(call: Call) -> Json:
    _need_groups(call)
    return {
        "usergroups": [
            usergroup_json(call.workspace, group, with_users=call.args.flag("include_users"))
            for group in call.workspace.usergroups.values()
            if call.args.flag("include_disabled") or not group.disabled
        ]
    }


@method("usergroups.users.list", "tier2", "usergroups:read")
def list_usergroup_users(call: Call) -> Json:
    _need_groups(call)
    group = call.workspace.usergroups.get(call.args.text("usergroup"))
    if group is None or (group.disabled and not call.args.flag("include_disabled")):
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


@method("team.info", "tier3", "team:read")
def team_info(call: Call) -> Json:
    space = call.workspace
    team = {"id": space.team_id, "name": space.team_name, "domain": space.team_domain, "url": space.team_url}
    return {"team": {**team, "email_domain": "", "icon": {}}}


@method("bots.info", "tier3", "users:read")
def bot_info(call: Call) -> Json:
    if call.args.has("bot") and call.args.text("bot") != call.workspace.app.bot_id:
        raise SlackError("bot_not_found")
    return {"bot": bot_json(call.workspace)}
