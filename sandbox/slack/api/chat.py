"""chat.*: what the bot says. Also the answers that arrive at response URLs."""

import json
import re
from typing import Any

from sandbox.slack import limits
from sandbox.slack.api.calls import Arguments, Call, method
from sandbox.slack.api.views import checked_view
from sandbox.slack.blocks import validate_blocks
from sandbox.slack.errors import InvalidArguments, SlackError
from sandbox.slack.model import Channel, Message
from sandbox.slack.schema import Json
from sandbox.slack.wire import message_json
from sandbox.slack.workspace import Workspace

NO_TEXT = "This content can't be displayed."


def checked_blocks(args: Arguments, refused: frozenset[str] = frozenset()) -> list[Json]:
    """The blocks argument; `refused` are kinds that the workspace does not know.

    Raises:
        SlackError: invalid_blocks_format, msg_blocks_too_long, or invalid_blocks with a pointer for each complaint.
    """
    blocks = args.json("blocks", "invalid_blocks_format")
    if blocks is None:
        return []
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    errors = validate_blocks(blocks, without=refused)
    if errors:
        raise InvalidArguments(*map(str, errors), code="invalid_blocks")
    if len(json.dumps(blocks, ensure_ascii=False)) > limits.MOST_BLOCKS_TOGETHER:
        raise SlackError("msg_blocks_too_long")
    return blocks


def _attachments(args: Arguments) -> list[Json]:
    attachments = args.json("attachments") or []
    if not isinstance(attachments, list):
        raise SlackError("invalid_attachments")
    if len(attachments) > 100:
        raise SlackError("too_many_attachments")
    return attachments


def _metadata(args: Arguments) -> Json | None:
    metadata: Any = args.json("metadata", "invalid_metadata_format")
    if metadata is None:
        return None
    sound = isinstance(metadata, dict) and isinstance(metadata.get("event_payload"), dict)
    if not sound or not isinstance(metadata.get("event_type"), str) or not metadata["event_type"]:
        raise SlackError("invalid_metadata_format")
    if len(json.dumps(metadata)) > limits.MOST_METADATA:
        raise SlackError("metadata_too_large")
    return dict(metadata)


def as_stored(text: str) -> str:
    """Slack keeps a bare ampersand as an entity."""
    return re.sub(r"&(?!(?:amp|lt|gt);)", "&amp;", text)


def _content(workspace: Workspace, args: Arguments) -> tuple[str, list[Json], list[Json]]:
    blocks, attachments = checked_blocks(args, workspace.refused_blocks), _attachments(args)
    text = args.maybe("text") or ""
    if not (text or blocks or attachments):
        raise SlackError("no_text")
    return as_stored(text) or (NO_TEXT if blocks else ""), blocks, attachments


def _writable(call: Call, channel: Channel) -> Channel:
    bot = call.workspace.app.bot_user_id
    if channel.archived:
        raise SlackError("is_archived")
    if not call.workspace.is_member(bot, channel) and "chat:write.public" not in call.workspace.app.scopes:
        raise SlackError("not_in_channel")
    return channel


def _target(call: Call) -> Channel:
    ref = call.args.text("channel")
    if ref in call.workspace.users:
        channel = call.workspace.direct_message(ref)
    else:
        channel = _writable(call, call.channel(by_name=True))
    if channel.kind == "im" and not call.workspace.app.manifest.messages_tab:
        raise SlackError("messages_tab_disabled")
    return channel


@method("chat.postMessage", "special", "chat:write")
def post_message(call: Call) -> Json:
    channel = _target(call)
    text, blocks, attachments = _content(call.workspace, call.args)
    message = call.workspace.post(
        channel,
        call.workspace.app.bot_user_id,
        text[: limits.MOST_TEXT_POSTED],
        blocks=blocks,
        attachments=attachments,
        thread_ts=call.args.maybe("thread_ts"),
        broadcast=call.args.flag("reply_broadcast"),
        metadata=_metadata(call.args),
    )
    return {
        "channel": channel.id,
        "ts": message.ts,
        "message": message_json(call.workspace, message, metadata=True, thread=False),
    }


@method("chat.postEphemeral", "tier4", "chat:write")
def post_ephemeral(call: Call) -> Json:
    channel, user = _target(call), call.args.text("user")
    if user not in call.workspace.users or not call.workspace.is_member(user, channel):
        raise SlackError("user_not_in_channel")
    text, blocks, attachments = _content(call.workspace, call.args)
    message = call.workspace.post(
        channel,
        call.workspace.app.bot_user_id,
        text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=call.args.maybe("thread_ts"),
        ephemeral_for=user,
    )
    return {"message_ts": message.ts}


def _own(call: Call, refusal: str) -> Message:
    channel = call.channel()
    if channel.archived:
        raise SlackError("is_archived")
    message = call.workspace.message(channel.id, call.args.text("ts"))
    if message.ephemeral_for is not None:
        raise SlackError("message_not_found")
    if not message.by_bot:
        raise SlackError(refusal)
    return message


@method("chat.update", "tier3", "chat:write")
def update(call: Call) -> Json:
    message = _own(call, "cant_update_message")
    if len(call.args.maybe("text") or "") > limits.MOST_TEXT_UPDATED:
        raise SlackError("msg_too_long")
    text, blocks, attachments = _content(call.workspace, call.args)
    changed = call.workspace.change(
        message, text=text, blocks=blocks, attachments=attachments, metadata=_metadata(call.args)
    )
    return {
        "channel": changed.channel,
        "ts": changed.ts,
        "text": changed.text,
        "message": message_json(call.workspace, changed, metadata=True, thread=False),
    }


@method("chat.delete", "tier3", "chat:write")
def delete(call: Call) -> Json:
    message = _own(call, "cant_delete_message")
    call.workspace.delete(message)
    return {"channel": message.channel, "ts": message.ts}


@method("chat.getPermalink", "special")
def get_permalink(call: Call) -> Json:
    channel = call.channel()
    message = call.workspace.message(channel.id, call.args.text("message_ts"))
    return {"channel": channel.id, "permalink": call.workspace.permalink(message)}


@method("blocks.validate", "tier4", opened_by="")
def validate(call: Call) -> Json:
    """One of `blocks`, `message` or `view`."""
    if call.args.has("view"):
        checked_view(call.args.json("view"))
        return {}
    message = call.args.json("message")
    args = Arguments(message) if isinstance(message, dict) else call.args
    checked_blocks(args, call.workspace.refused_blocks)
    return {}


def answer_response_url(workspace: Workspace, key: str, body: Json) -> None:
    """What a POST to a response URL does: one more message for the user or the channel, or a change of the original.

    Raises:
        SlackError: used_url or expired_url when the URL has had its day, else as chat.postMessage.
    """
    with workspace.lock:
        url = workspace.response_urls.use(key)
        args, channel = Arguments(body), workspace.channels[url.channel]
        original = workspace.message(url.channel, url.original_ts) if url.original_ts else None
        if args.flag("delete_original"):
            if original is not None:
                workspace.delete(original)
            return
        if args.flag("replace_original") and original is not None:
            text, blocks, attachments = _content(workspace, args)
            workspace.change(original, text=text, blocks=blocks, attachments=attachments, metadata=_metadata(args))
            return
        post_answer(workspace, channel, url.user, body)


def post_answer(workspace: Workspace, channel: Channel, user: str, body: Json) -> Message:
    """Show the body of an ack or of a response URL: to the user alone, or to all with `response_type: in_channel`.

    Also what is pressed in a thread is answered in the channel: a `thread_ts` counts with `in_channel` only, which is
    all that Slack documents of it.

    Raises:
        SlackError: as chat.postMessage.
    """
    args = Arguments(body)
    text, blocks, attachments = _content(workspace, args)
    for_all = body.get("response_type") == "in_channel"
    return workspace.post(
        channel,
        workspace.app.bot_user_id,
        text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=args.maybe("thread_ts") if for_all else None,
        ephemeral_for=None if for_all else user,
        metadata=_metadata(args),
    )
