"""Slack: the tokens, the scopes, the channels, the user groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPException
from typing import Any, Final

import yaml
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from bot.config import Settings, missing_for_serve
from bot.doctor.verdicts import Verdict, fix, note, ok
from bot.manifest import manifest
from bot.slack import make_client

APPS: Final = "https://api.slack.com/apps"
_REFUSED_TOKENS: Final = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"}
)
_NO_GROUPS: Final = frozenset({"plan_upgrade_required", "paid_teams_only", "paid_only"})


class _Trouble(Exception):
    """Slack did not give what was asked for. Args: code: Slack's word, empty when there was no answer."""

    def __init__(self, code: str, seen: str) -> None:
        super().__init__(seen)
        self.code = code
        self.seen = seen


def needed_scopes() -> Mapping[str, str]:
    """Each bot scope that the app asks for, and why: the manifest and its comments."""
    text = manifest()
    scopes: list[str] = yaml.safe_load(text)["oauth_config"]["scopes"]["bot"]
    reasons = dict(line.strip()[2:].split(" # ", 1) for line in text.splitlines() if " # " in line)
    return {scope: reasons[scope] for scope in scopes}


def examine_slack(settings: Settings) -> Iterator[Verdict]:
    slack = settings.slack
    if not (slack.bot_token or slack.app_token or slack.signing_secret):
        yield note(
            "slack-not-configured",
            "slack",
            "not configured. check, plan and snapshot work without it; serve does not.",
            "set SLACK_BOT_TOKEN and SLACK_APP_TOKEN (docs/install.md)",
        )
        return
    for line in missing_for_serve(settings):
        if line.startswith("clusters"):
            continue  # told with the settings
        yield fix("slack-setting-missing", "slack", f"{line}.", "see docs/configuration.md")
    if slack.bot_token is None:
        return
    client = make_client(slack)
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=2))
    try:
        who = _call(client.auth_test)
    except _Trouble as trouble:
        yield _no_entry(trouble, settings)
        return
    bot = str(who["user"])
    yield ok("slack", "slack", f"the bot is @{bot} in {who['team']} ({who['team_id']}).")
    scopes = _granted(who)
    yield from _scopes(scopes)
    yield from _way_in(client, settings)
    for channel, key in _channels(settings).items():
        yield _channel(client, key, channel, bot, joins="channels:join" in scopes)
    for key, group, instead in _groups(settings):
        yield _group(client, key, group, instead)


def _channels(settings: Settings) -> dict[str, str]:
    """Where the bot speaks, each once, and the setting that says so first."""
    keys = ("announcement_channel", "operations_channel", "security_channel")
    named = [(getattr(settings, key), key) for key in keys]
    named += [(channel, f"clusters {one.name}") for one in settings.clusters for channel in one.channels]
    found: dict[str, str] = {}
    for channel, key in named:
        if channel:
            found.setdefault(channel, key)
    return found


def _groups(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """The setting, the user group that it names, and what to do in a workspace without user groups."""
    for role in ("viewer", "operator", "approver", "admin", "break_glass"):
        for group in getattr(settings.roles, role).groups:
            yield f"roles.{role}", group, f"name people under roles.{role}.users instead"
    for name, environment in settings.environments.items():
        for one in environment.approver_groups:
            if one.startswith("S"):
                yield f"environments.{name}", one, "name people under approver_groups instead"
    if settings.on_call.group:
        yield "on_call.group", settings.on_call.group, "leave it out, and set webhooks"


def _call(method: Callable[..., Any], **arguments: Any) -> Any:
    try:
        return method(**arguments)
    except SlackApiError as error:
        code = str(error.response.get("error") or "")
        raise _Trouble(code, code or f"status {error.response.status_code}") from None
    except (SlackClientError, HTTPException, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise _Trouble("", f"{type(error).__name__}: {reason}") from None


def _no_entry(trouble: _Trouble, settings: Settings) -> Verdict:
    if trouble.code in _REFUSED_TOKENS:
        return fix(
            "slack-token-refused",
            "slack",
            f"Slack does not accept slack.bot_token ({trouble.code}).",
            f"{APPS} > the app > Install App: install it again, and set SLACK_BOT_TOKEN to the xoxb- token",
        )
    return fix(
        "slack-unreachable",
        "slack",
        f"{settings.slack.api_url} gives no usable answer ({trouble.seen}).",
        f"curl -sS {settings.slack.api_url}api.test; behind a proxy, set HTTPS_PROXY",
    )


def _granted(who: Any) -> frozenset[str]:
    """The scopes of the token: a header of every answer."""
    value = next((value for name, value in who.headers.items() if name.lower() == "x-oauth-scopes"), "")
    text = ",".join(value) if isinstance(value, list) else str(value)
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _scopes(granted: frozenset[str]) -> Iterator[Verdict]:
    if not granted:
        yield note("slack-scopes-unknown", "slack", "Slack did not say which scopes the token has.")
        return
    needed = needed_scopes()
    for scope in sorted(needed.keys() - granted):
        yield fix(
            "slack-scope-missing",
            "slack",
            f"the scope {scope} is missing ({needed[scope]}).",
            f"{APPS} > the app > App Manifest: paste the output of `eks-upgrade-bot manifest`, and install it again",
        )
    if more := sorted(granted - needed.keys()):
        yield note("slack-scopes-too-many", "slack", f"the token may more than the bot needs: {', '.join(more)}.")
    if granted >= needed.keys():
        yield ok("slack-scopes", "slack", "it has every scope that it needs.")


def _way_in(client: WebClient, settings: Settings) -> Iterator[Verdict]:
    """How Slack's requests reach the bot."""
    slack = settings.slack
    if slack.mode == "http":
        yield note(
            "slack-http",
            "slack",
            f"requests are expected on port {slack.port}; whether Slack reaches it cannot be seen from here.",
            "let your proxy lead https://YOUR-HOST/slack/events there, and give Slack that address",
        )
        return
    if slack.app_token is None:
        return
    try:
        _call(client.apps_connections_open, app_token=slack.app_token.get_secret_value())
    except _Trouble as trouble:
        yield _no_socket(trouble)
    else:
        yield ok("slack-socket-mode", "slack", "Socket Mode can be opened.")


def _no_socket(trouble: _Trouble) -> Verdict:
    token = f"{APPS} > the app > Basic Information > App-Level Tokens"
    if trouble.code == "missing_scope":
        return fix(
            "slack-app-token-scope",
            "slack",
            "slack.app_token lacks the scope connections:write.",
            f"{token}: make one with it, and set SLACK_APP_TOKEN",
        )
    if trouble.code in _REFUSED_TOKENS:
        return fix(
            "slack-app-token-refused",
            "slack",
            f"Slack does not accept slack.app_token ({trouble.code}).",
            f"{token}: make one with connections:write, and set SLACK_APP_TOKEN to the xapp- token",
        )
    return fix(
        "slack-socket-mode-off",
        "slack",
        f"Socket Mode cannot be opened ({trouble.seen}).",
        f"{APPS} > the app > Socket Mode: switch it on; or set slack.mode to http",
    )


def _channel(client: WebClient, key: str, name: str, bot: str, *, joins: bool) -> Verdict:
    invite = f"in that channel, type /invite @{bot}"
    try:
        found = _find(client, name)
    except _Trouble as trouble:
        if trouble.code != "channel_not_found":
            return fix("slack-channel-unreadable", key, f"{name} cannot be looked up ({trouble.seen}).", invite)
        found = None
    if found is None:
        return fix(
            "slack-channel-missing",
            key,
            f"{name} does not exist, or is private and the bot is not in it.",
            f"create it, or {invite}",
        )
    if found.get("is_archived"):
        return fix("slack-channel-archived", key, f"{name} is archived.", "unarchive it, or name another channel")
    if found.get("is_member"):
        return ok("slack-channel", key, f"the bot is in {name}.")
    if joins:  # a private channel without the bot is not shown at all
        return note(
            "slack-not-in-channel", key, f"the bot is not in {name}; it joins when it first posts there.", invite
        )
    return fix("slack-not-in-channel", key, f"the bot is not in {name} and cannot join by itself.", invite)


def _find(client: WebClient, name: str) -> dict[str, Any] | None:
    """The channel of a name (``#name``) or id."""
    if not name.startswith("#"):
        return dict(_call(client.conversations_info, channel=name)["channel"])
    cursor = ""
    while True:
        page = _call(client.conversations_list, types="public_channel,private_channel", limit=1000, cursor=cursor)
        for channel in page["channels"]:
            if channel["name"] == name[1:]:
                return dict(channel)
        cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
        if not cursor:
            return None


def _group(client: WebClient, subject: str, group: str, instead: str) -> Verdict:
    """``instead``: what to do in a workspace whose plan has no user groups."""
    try:
        members = _call(client.usergroups_users_list, usergroup=group)["users"]
    except _Trouble as trouble:
        if trouble.code in _NO_GROUPS:
            return fix(
                "slack-groups-not-in-plan",
                subject,
                "this workspace's plan has no user groups.",
                instead,
            )
        return fix(
            "slack-group-unreadable",
            subject,
            f"the user group {group} cannot be read ({trouble.seen}).",
            "People > User groups > the group > … > Copy group ID, and put it into the settings",
        )
    if not members:
        return fix("slack-group-empty", subject, f"nobody is in the user group {group}.", "add people to it in Slack")
    return ok(
        "slack-group",
        subject,
        f"{len(members)} {'person' if len(members) == 1 else 'people'} in the user group {group}.",
    )
