"""files.*: the upload in three steps (docs.slack.dev/messaging/working-with-files)."""

from typing import Any

from sandbox.slack import limits
from sandbox.slack.api.calls import Call, method
from sandbox.slack.errors import InvalidArguments, SlackError
from sandbox.slack.model import Channel
from sandbox.slack.schema import Json


@method("files.getUploadURLExternal", "tier4", "files:write")
def get_upload_url(call: Call) -> Json:
    length = call.args.number("length", 0, 1_000_000_000)
    alt = call.args.maybe("alt_txt") or ""
    if len(alt) > limits.ALT_TEXT:
        raise InvalidArguments(f"must be less than {limits.ALT_TEXT + 1} characters [json-pointer:/alt_txt]")
    upload = call.workspace.uploads.begin(call.workspace.new_id("F"), call.args.text("filename"), length, alt)
    return {"upload_url": f"{call.url}upload/{upload.key}", "file_id": upload.file_id}


@method("files.completeUploadExternal", "tier4", "files:write")
def complete_upload(call: Call) -> Json:
    given: Any = call.args.json("files")
    if not isinstance(given, list) or not all(isinstance(item, dict) and item.get("id") for item in given):
        raise InvalidArguments("must provide an array [json-pointer:/files]")
    files = [call.workspace.uploads.finish(str(item["id"]), item.get("title")) for item in given]
    channel = _channel(call)
    if channel is not None:
        call.workspace.post(
            channel,
            call.workspace.app.bot_user_id,
            call.args.maybe("initial_comment") or "",
            thread_ts=call.args.maybe("thread_ts"),
            files=files,
        )
    return {"files": files}


def _channel(call: Call) -> Channel | None:
    """Where it is shared: ``channels`` also takes a person, who gets it as a direct message."""
    ref = call.args.maybe("channel_id") or call.args.maybe("channels")
    if ref is None:
        return None
    if ref in call.workspace.users:
        if not call.workspace.app.manifest.messages_tab:
            raise SlackError("messages_tab_disabled")
        return call.workspace.direct_message(ref)
    channel = call.workspace.channel(ref)
    bot = call.workspace.app.bot_user_id
    if not call.workspace.can_see(bot, channel):
        raise SlackError("channel_not_found")
    if not call.workspace.is_member(bot, channel):
        raise SlackError("not_in_channel")
    return channel


@method("files.info", "tier4", "files:read")
def info(call: Call) -> Json:
    return {"file": call.workspace.uploads.info(call.args.text("file")), "comments": []}
