"""Where the messages are: by channel and ts, and by thread, so that a long history stays quick to read."""

from collections.abc import Iterable

from sandbox.slack.errors import SlackError
from sandbox.slack.model import Message


class MessageStore:
    """The live messages. For callers that hold the workspace's lock; outside of it only copies are handed out."""

    def __init__(self, channels: Iterable[str]) -> None:
        self._channels: dict[str, dict[str, Message]] = {channel: {} for channel in channels}
        self._replies: dict[tuple[str, str], dict[str, Message]] = {}

    def open(self, channel: str) -> None:
        self._channels.setdefault(channel, {})

    def add(self, message: Message) -> None:
        self._channels[message.channel][message.ts] = message
        if message.thread_ts is not None:
            self._replies.setdefault((message.channel, message.thread_ts), {})[message.ts] = message

    def remove(self, message: Message) -> None:
        del self._channels[message.channel][message.ts]
        if message.is_reply and message.thread_ts is not None:
            del self._replies[message.channel, message.thread_ts][message.ts]

    def find(self, channel: str, ts: str) -> Message | None:
        return self._channels.get(channel, {}).get(ts)

    def get(self, channel: str, ts: str) -> Message:
        """
        Raises:
            SlackError: message_not_found.
        """
        message = self.find(channel, ts)
        if message is None:
            raise SlackError("message_not_found")
        return message

    def of(self, channel: str, seen_by: str | None = None) -> list[Message]:
        """Oldest first, replies included; messages for one user's eyes only if it is `seen_by`."""
        return _visible(self._channels[channel].values(), seen_by)

    def replies(self, channel: str, ts: str, seen_by: str | None = None) -> list[Message]:
        """The replies of a thread without its parent, oldest first."""
        return _visible(self._replies.get((channel, ts), {}).values(), seen_by)


def _visible(messages: Iterable[Message], seen_by: str | None) -> list[Message]:
    return [message for message in messages if message.ephemeral_for in (None, seen_by)]
