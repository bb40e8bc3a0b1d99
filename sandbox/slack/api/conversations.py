"""conversations.* and reactions.*: channels, their history and their members."""

from sandbox.slack.api.calls import Call, method, page
from sandbox.slack.errors import SlackError
from sandbox.slack.model import Channel, Message
from sandbox.slack.schema import Json
from sandbox.slack.wire import channel_json, message_json

_KINDS = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}
_SCOPE_OF = {"public": "channels", "private": "groups", "im": "im", "mpim": "mpim"}
_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")


def _visible(call: Call, right: str) -> Channel:
    channel = call.channel()
    call.need_scope(f"{_SCOPE_OF[channel.kind]}:{right}")
    return channel


@method("conversations.list", "tier2", *_READ)
def list_conversations(call: Call) -> Json:
    kinds = call.args.names("types") or ["public_channel"]
    if not set(kinds) <= set(_KINDS):
        raise SlackError("invalid_types")
    for kind in kinds:
        call.need_scope(f"{_SCOPE_OF[_KINDS[kind]]}:read")
    wanted = {_KINDS[kind] for kind in kinds}
    found = [
        channel_json(call.workspace, channel)
        for channel in call.workspace.channels.values()
        if channel.kind in wanted
        and call.workspace.can_see(call.workspace.app.bot_user_id, channel)
        and not (call.args.flag("exclude_archived") and channel.archived)
    ]
    return page(call, found, "channels", default=100, most=1000)


@method("conversations.info", "tier3", *_READ)
def info(call: Call) -> Json:
    return {"channel": channel_json(call.workspace, _visible(call, "read"))}


@method("conversations.members", "tier4", *_READ)
def members(call: Call) -> Json:
    channel = _visible(call, "read")
    return page(call, call.workspace.members(channel), "members", default=100, most=1000)


@method("conversations.join", "tier3", "channels:join")
def join(call: Call) -> Json:
    channel = call.channel()
    if channel.kind != "public":
        raise SlackError("method_not_supported_for_channel_type")
    if channel.archived:
        raise SlackError("is_archived")
    if not channel.bot_is_member:
        channel.bot_is_member = True
        call.workspace.changes.add("channel-changed", channel=channel.id)
    return {"channel": channel_json(call.workspace, channel)}


@method("conversations.open", "tier3", "im:write", "mpim:write")
def open_conversation(call: Call) -> Json:
    if call.args.has("channel"):
        return {"channel": channel_json(call.workspace, call.channel())}
    users = call.args.names("users")
    if len(users) != 1:
        raise SlackError("users_list_not_supplied" if not users else "too_many_users")
    user = call.workspace.users.get(users[0])
    if user is None or user.deleted:
        raise SlackError("user_not_found" if user is None else "user_disabled")
    channel = call.workspace.direct_message(user.id)
    if call.args.flag("return_im"):
        return {"channel": channel_json(call.workspace, channel)}
    return {"channel": {"id": channel.id}}


def _in_time(call: Call, message: Message) -> bool:
    oldest, latest = call.args.maybe("oldest"), call.args.maybe("latest")
    ts, inclusive = float(message.ts), call.args.flag("inclusive")
    try:
        after = oldest is None or ts > float(oldest) or (inclusive and message.ts == oldest)
        before = latest is None or ts < float(latest) or (inclusive and message.ts == latest)
    except ValueError:
        raise SlackError("invalid_ts_oldest") from None
    return after and before


def _readable(call: Call) -> Channel:
    channel = _visible(call, "history")
    if not call.workspace.is_member(call.workspace.app.bot_user_id, channel):
        raise SlackError("not_in_channel")
    return channel


def _messages_page(call: Call, messages: list[Message]) -> Json:
    with_metadata = call.args.flag("include_all_metadata")
    answer = page(call, messages, "messages", default=100, most=999)
    shown = [message_json(call.workspace, message, metadata=with_metadata) for message in answer["messages"]]
    return {**answer, "messages": shown, "has_more": bool(answer["response_metadata"]["next_cursor"])}


@method("conversations.history", "tier3", *_HISTORY)
def history(call: Call) -> Json:
    kept = call.workspace.store.of(_readable(call).id)
    shown = [message for message in kept if not message.is_reply or message.broadcast]
    return {**_messages_page(call, [m for m in reversed(shown) if _in_time(call, m)]), "pin_count": 0}


@method("conversations.replies", "tier3", *_HISTORY)
def replies(call: Call) -> Json:
    channel, ts = _readable(call), call.args.text("ts")
    parent = call.workspace.store.find(channel.id, ts)
    if parent is None or parent.ephemeral_for is not None:
        raise SlackError("thread_not_found")
    answers = call.workspace.store.replies(channel.id, ts)
    return _messages_page(call, [parent, *(message for message in answers if _in_time(call, message))])


def _item(call: Call) -> Message:
    return call.workspace.message(_readable_item(call).id, call.args.text("timestamp"))


def _readable_item(call: Call) -> Channel:
    channel = call.channel()
    if not call.workspace.is_member(call.workspace.app.bot_user_id, channel):
        raise SlackError("not_in_channel")
    return channel


@method("reactions.add", "tier3", "reactions:write")
def add_reaction(call: Call) -> Json:
    call.workspace.react(_item(call), call.workspace.app.bot_user_id, call.args.text("name").strip(":"))
    return {}


@method("reactions.remove", "tier2", "reactions:write")
def remove_reaction(call: Call) -> Json:
    call.workspace.react(_item(call), call.workspace.app.bot_user_id, call.args.text("name").strip(":"), remove=True)
    return {}
