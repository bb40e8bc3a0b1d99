"""The workspace's things as JSON, in the forms that Slack's methods and payloads use."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sandbox.slack.model import Channel, Message, User, UserGroup, View
from sandbox.slack.schema import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

_MESSAGE_SUBSCRIPTIONS = {"public": "message.channels", "private": "message.groups", "im": "message.im"}
_CHANNEL_TYPES = {"public": "channel", "private": "group", "im": "im"}


def user_json(user: User, *, email: bool) -> Json:
    offset = datetime.now(UTC).astimezone(ZoneInfo(user.tz)).utcoffset()
    profile: Json = {
        "title": user.title,
        "real_name": user.real_name,
        "real_name_normalized": user.real_name,
        "display_name": "" if user.is_bot else user.name,
        "team": user.team_id,
    }
    if email and not user.is_bot:
        profile["email"] = user.email
    return {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "deleted": user.deleted,
        "tz": user.tz,
        "tz_label": user.tz,
        "tz_offset": 0 if offset is None else int(offset.total_seconds()),
        "profile": profile,
        "is_admin": user.is_admin,
        "is_owner": False,
        "is_bot": user.is_bot,
        "is_app_user": False,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": user.is_ultra_restricted,
        "updated": 1_700_000_000,
    }


def channel_json(workspace: "Workspace", channel: Channel) -> Json:
    common: Json = {"id": channel.id, "created": channel.created, "is_archived": channel.archived}
    if channel.kind == "im":
        user = next(iter(channel.members - {workspace.app.bot_user_id}))
        return {**common, "is_im": True, "user": user, "is_user_deleted": workspace.users[user].deleted}
    return {
        **common,
        "name": channel.name,
        "name_normalized": channel.name,
        "is_channel": channel.kind == "public",
        "is_group": channel.kind == "private",
        "is_im": False,
        "is_mpim": False,
        "is_private": channel.kind == "private",
        "is_general": channel.name == "general",
        "is_member": workspace.is_member(workspace.app.bot_user_id, channel),
        "is_shared": False,
        "is_ext_shared": False,
        "topic": {"value": channel.topic, "creator": "", "last_set": 0},
        "purpose": {"value": channel.purpose, "creator": "", "last_set": 0},
        "num_members": len(workspace.members(channel)),
    }


def usergroup_json(workspace: "Workspace", group: UserGroup, *, with_users: bool) -> Json:
    return {
        "id": group.id,
        "team_id": workspace.team_id,
        "is_usergroup": True,
        "name": group.name,
        "handle": group.handle,
        "description": "",
        "is_external": False,
        "date_delete": 1 if group.disabled else 0,
        "user_count": len(group.users),
        **({"users": list(group.users)} if with_users else {}),
    }


def bot_json(workspace: "Workspace") -> Json:
    app = workspace.app
    return {
        "id": app.bot_id,
        "app_id": app.app_id,
        "user_id": app.bot_user_id,
        "name": app.manifest.bot_name,
        "deleted": False,
        "updated": 1_700_000_000,
        "icons": {},
    }


def message_json(workspace: "Workspace", message: Message, *, metadata: bool = False, thread: bool = True) -> Json:
    """A message; `thread` adds what a parent says of its replies."""
    answer: Json = {
        "type": "message",
        "user": message.author,
        "text": message.text,
        "ts": message.ts,
        "team": workspace.team_id,
    }
    if message.by_bot:
        profile = {**bot_json(workspace), "team_id": workspace.team_id}
        answer |= {"bot_id": workspace.app.bot_id, "app_id": workspace.app.app_id, "bot_profile": profile}
    if message.broadcast:
        answer["subtype"] = "thread_broadcast"
    for name in ("blocks", "attachments", "files"):
        if getattr(message, name):
            answer[name] = getattr(message, name)
    if message.metadata and metadata:
        answer["metadata"] = message.metadata
    if message.edited_ts:
        answer["edited"] = {"user": message.author, "ts": message.edited_ts}
    if message.reactions:
        answer["reactions"] = [
            {"name": name, "users": list(users), "count": len(users)} for name, users in message.reactions.items()
        ]
    if message.thread_ts:
        answer["thread_ts"] = message.thread_ts
        if message.is_reply:
            parent = workspace.store.find(message.channel, message.thread_ts)
            answer["parent_user_id"] = parent.author if parent else ""
        elif thread:
            answer |= _thread_json(workspace, message)
    return answer


def _thread_json(workspace: "Workspace", parent: Message) -> Json:
    replies = workspace.store.replies(parent.channel, parent.ts)
    if not replies:
        return {}
    users = list(dict.fromkeys(reply.author for reply in replies))
    return {
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "reply_users": users[:5],
        "latest_reply": replies[-1].ts,
        "is_locked": False,
        "subscribed": True,
    }


def view_json(workspace: "Workspace", view: View) -> Json:
    empty: Json = {
        "title": {"type": "plain_text", "text": "View Title", "emoji": True},
        "close": None,
        "submit": None,
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "clear_on_close": False,
        "notify_on_close": False,
    }
    return {
        **empty,
        **view.content,
        "id": view.id,
        "team_id": workspace.team_id,
        "state": {"values": view.state},
        "hash": view.hash,
        "root_view_id": view.root_view_id,
        "previous_view_id": view.previous_view_id,
        "app_id": workspace.app.app_id,
        "app_installed_team_id": workspace.team_id,
        "bot_id": workspace.app.bot_id,
    }


def message_events(workspace: "Workspace", message: Message) -> Iterator[tuple[str, Json]]:
    """The events that a new message causes, each with its subscription; where the bot is not, there are none."""
    channel = workspace.channels[message.channel]
    if not workspace.is_member(workspace.app.bot_user_id, channel):
        return
    event: Json = {
        **message_json(workspace, message),
        "channel": channel.id,
        "event_ts": message.ts,
        "channel_type": _CHANNEL_TYPES[channel.kind],
    }
    yield _MESSAGE_SUBSCRIPTIONS[channel.kind], event
    mentioned = f"<@{workspace.app.bot_user_id}>" in message.text
    if mentioned and not message.by_bot and channel.kind != "im":
        mention = {name: value for name, value in event.items() if name != "channel_type"}
        yield "app_mention", {**mention, "type": "app_mention"}


def reaction_event(workspace: "Workspace", kind: str, message: Message, user: str, name: str) -> Json:
    return {
        "type": kind,
        "user": user,
        "reaction": name,
        "item_user": message.author,
        "item": {"type": "message", "channel": message.channel, "ts": message.ts},
        "event_ts": workspace.new_ts(),
    }


def event_callback(workspace: "Workspace", event: Json) -> Json:
    """The envelope body of an event (docs.slack.dev/apis/events-api)."""
    app = workspace.app
    return {
        "token": app.verification_token,
        "team_id": workspace.team_id,
        "api_app_id": app.app_id,
        "event": event,
        "type": "event_callback",
        "event_id": workspace.new_id("Ev"),
        "event_time": int(time.time()),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": workspace.team_id,
                "user_id": app.bot_user_id,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": False,
    }
