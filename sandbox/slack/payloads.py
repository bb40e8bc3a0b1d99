"""The bodies of slash commands and interactions (docs.slack.dev/reference/interaction-payloads)."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.slack.inputs import State
from sandbox.slack.model import Channel, Message, User, View
from sandbox.slack.schema import Json
from sandbox.slack.wire import message_json, view_json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

_CHANNEL_NAMES = {"im": "directmessage", "private": "privategroup"}


def _channel_name(channel: Channel) -> str:
    return _CHANNEL_NAMES.get(channel.kind, channel.name)


def command(workspace: "Workspace", user: User, channel: Channel, line: str, response_url: str) -> Json:
    name, _, text = line.partition(" ")
    return {
        "token": workspace.app.verification_token,
        "team_id": workspace.team_id,
        "team_domain": workspace.team_domain,
        "channel_id": channel.id,
        "channel_name": _channel_name(channel),
        "user_id": user.id,
        "user_name": user.name,
        "command": name,
        "text": text.strip(),
        "api_app_id": workspace.app.app_id,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": workspace.triggers.issue(user.id),
    }


def _interaction(workspace: "Workspace", kind: str, user: User) -> Json:
    return {
        "type": kind,
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": workspace.app.app_id,
        "token": workspace.app.verification_token,
        "team": {"id": workspace.team_id, "domain": workspace.team_domain},
        "enterprise": None,
        "is_enterprise_install": False,
    }


@dataclass(frozen=True)
class Use:
    """An element that a person used, what was chosen there (empty for a button) and the answers standing around it."""

    block_id: str
    element: Json
    chosen: Json
    state: State = field(default_factory=dict)


def _action(workspace: "Workspace", used: Use) -> Json:
    element = used.element
    shown: Json = {name: element[name] for name in ("text", "value", "style", "placeholder") if name in element}
    ids = {"action_id": element["action_id"], "block_id": used.block_id, "action_ts": workspace.new_ts()}
    return {**shown, **used.chosen, **ids, "type": element["type"]}


def message_action(workspace: "Workspace", user: User, message: Message, used: Use, response_url: str) -> Json:
    channel = workspace.channels[message.channel]
    ephemeral = message.ephemeral_for is not None
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": ephemeral,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    payload: Json = {
        **_interaction(workspace, "block_actions", user),
        "container": container,
        "trigger_id": workspace.triggers.issue(user.id),
        "channel": {"id": channel.id, "name": _channel_name(channel)},
        "state": {"values": used.state},
        "response_url": response_url,
        "actions": [_action(workspace, used)],
    }
    if not ephemeral:
        payload["message"] = message_json(workspace, message, metadata=True, thread=False)
    return payload


def view_action(workspace: "Workspace", user: User, view: View, used: Use) -> Json:
    return {
        **_interaction(workspace, "block_actions", user),
        "container": {"type": "view", "view_id": view.id},
        "trigger_id": workspace.triggers.issue(user.id),
        "view": view_json(workspace, view),
        "actions": [_action(workspace, used)],
    }


def view_submission(workspace: "Workspace", user: User, view: View) -> Json:
    return {
        **_interaction(workspace, "view_submission", user),
        "trigger_id": workspace.triggers.issue(user.id),
        "view": view_json(workspace, view),
        "response_urls": [],
    }


def view_closed(workspace: "Workspace", user: User, view: View, *, cleared: bool) -> Json:
    return {
        **_interaction(workspace, "view_closed", user),
        "view": view_json(workspace, view),
        "is_cleared": cleared,
    }
