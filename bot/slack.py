"""Slack's Web API as the notifier needs it: every failure is one of three, and none is retried behind our back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Final

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.config import SlackSettings
from handlers.conversation import File
from handlers.views.kit import Message
from handlers.views.limits import Block

log = logging.getLogger(__name__)

TIMEOUT_SECONDS: Final = 10
EVENT_TYPE: Final = "eks_upgrade"
_PAGES: Final = 10
#: Slack itself is in trouble, or will not talk to us at all: waited out, like no answer.
_OUT_OF_ORDER: Final = frozenset(
    {
        "internal_error",
        "fatal_error",
        "service_unavailable",
        "team_added_to_org",
        "request_timeout",
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
    }
)


#: How a workspace, or an older message that is edited, says that it has no place for a plan block; or not for as much.
_CARDS_REFUSED: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "block_mismatch", "msg_blocks_too_long"})


class SlackUnreachable(Exception):
    """No answer, or none that says anything: the call may have had its effect."""


class SlackBusy(Exception):
    """429: nothing happened. Args: seconds: when to come back."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"come back in {seconds:g} s")
        self.seconds = seconds


class SlackRefused(Exception):
    """Slack said no, for good. Args: code: its word for why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Workspace:
    """Who we are and where."""

    url: str
    team_id: str
    bot_id: str
    bot_user_id: str

    def link(self, channel: str, ts: str) -> str:
        """The address of a message, as Slack writes it."""
        return f"{self.url}archives/{channel}/p{ts.replace('.', '')}"


def make_client(settings: SlackSettings) -> WebClient:
    """A client without retries: the SDK would repeat chat.postMessage after a reset, which may post twice."""
    token = settings.bot_token.get_secret_value() if settings.bot_token else None
    return WebClient(token=token, base_url=settings.api_url, timeout=TIMEOUT_SECONDS, retry_handlers=[])


class SlackCalls:
    """The calls. Each raises SlackUnreachable, SlackBusy or SlackRefused, and nothing else.

    Args:
        cards: try plan blocks; False: sections only.
    """

    def __init__(self, client: WebClient, *, cards: bool = True) -> None:
        self._client = client
        self._cards_taken = cards
        self._lock = threading.Lock()
        self._workspace: Workspace | None = None
        self._channels: dict[str, str] = {}
        #: Real time of the last answer, whatever it said.
        self.answered_at = time.monotonic()

    def workspace(self) -> Workspace:
        with self._lock:
            if self._workspace is None:
                found = self._call(self._client.auth_test)
                self._workspace = Workspace(
                    url=str(found["url"]),
                    team_id=str(found["team_id"]),
                    bot_id=str(found.get("bot_id") or ""),
                    bot_user_id=str(found["user_id"]),
                )
            return self._workspace

    @property
    def known_workspace(self) -> Workspace | None:
        """What auth.test said, without asking."""
        return self._workspace

    def ping(self) -> None:
        self._call(self._client.api_test)

    def channel_id(self, name: str) -> str:
        """The id of ``#name``, or of the direct messages with a user; an id of a channel stays as it is.

        Raises SlackRefused(channel_not_found).
        """
        if name.startswith(("U", "W")):
            return self._direct_messages(name)
        if not name.startswith("#"):
            return name
        if name not in self._channels:
            self._channels.update({f"#{channel['name']}": str(channel["id"]) for channel in self._all_channels()})
        try:
            return self._channels[name]
        except KeyError:
            raise SlackRefused("channel_not_found") from None

    def _direct_messages(self, user: str) -> str:
        if user not in self._channels:
            self._channels[user] = str(self._call(self._client.conversations_open, users=user)["channel"]["id"])
        return self._channels[user]

    def _all_channels(self) -> Iterator[dict[str, Any]]:
        cursor = ""
        while True:
            page = self._call(
                self._client.conversations_list,
                types="public_channel,private_channel",
                exclude_archived=True,
                limit=200,
                cursor=cursor,
            )
            yield from page["channels"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def post(
        self,
        channel: str,
        message: Message,
        *,
        payload: dict[str, Any],
        thread: str | None = None,
        broadcast: bool = False,
    ) -> tuple[str, str]:
        """Post; returns (channel id, ts).

        Args:
            payload: what `find` looks for after a crash.
            broadcast: a message in a thread is shown in the channel too.
        """
        found = self._say(
            self._client.chat_postMessage,
            message,
            channel=channel,
            thread_ts=thread,
            reply_broadcast=broadcast or None,
            metadata={"event_type": EVENT_TYPE, "event_payload": payload},
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(found["channel"]), str(found["ts"])

    def update(self, channel: str, ts: str, message: Message) -> None:
        self._say(self._client.chat_update, message, channel=channel, ts=ts)

    def whisper(self, channel: str, user: str, message: Message, *, thread: str | None = None) -> None:
        self._say(self._client.chat_postEphemeral, message, channel=channel, user=user, thread_ts=thread)

    def hand_over(self, user: str, file: File) -> None:
        """Upload a file and share it with one person, as a direct message."""
        self._call(
            self._client.files_upload_v2,
            channels=[user],
            filename=file.name,
            title=file.title,
            content=file.content,
            alt_txt=file.alt or None,
        )

    def publish_home(self, user: str, view: Block) -> None:
        self._call(self._client.views_publish, user_id=user, view=view)

    def share(self, channel: str, thread: str, file: File) -> None:
        """Upload a file into a thread. It carries no metadata, so `has_file` finds it by its name."""
        self._call(
            self._client.files_upload_v2,
            channel=channel,
            thread_ts=thread,
            filename=file.name,
            title=file.title,
            content=file.content,
            alt_txt=file.alt or None,
        )

    def has_file(self, channel: str, thread: str, name: str) -> bool:
        """Whether we have put a file of that name into a thread."""
        own = self.workspace().bot_user_id
        return any(
            message.get("user") == own and name in (file.get("name") for file in message.get("files") or ())
            for message in self._newest(channel, thread)
        )

    def join(self, channel: str) -> None:
        self._call(self._client.conversations_join, channel=channel)

    def find(self, channel: str, payload: dict[str, Any], *, thread: str | None = None) -> str | None:
        """The ts of our message with that payload in its metadata, among the newest in the channel or a thread."""
        for message in self._newest(channel, thread):
            metadata = message.get("metadata") or {}
            if metadata.get("event_type") == EVENT_TYPE and metadata.get("event_payload") == payload:
                return str(message["ts"])
        return None

    def _newest(self, channel: str, thread: str | None) -> Iterator[dict[str, Any]]:
        """Messages of a channel or a thread, as many as are worth a search."""
        cursor = ""
        for _ in range(_PAGES):
            arguments = {"channel": channel, "include_all_metadata": True, "limit": 200, "cursor": cursor}
            if thread is None:
                page = self._call(self._client.conversations_history, **arguments)
            else:
                page = self._call(self._client.conversations_replies, ts=thread, **arguments)
            yield from page["messages"]
            cursor = (page.get("response_metadata") or {}).get("next_cursor") or ""
            if not cursor:
                return

    def _say(self, method: Callable[..., Any], message: Message, **arguments: Any) -> Any:
        """With a plan block where the workspace takes it. Where it does not, nothing came of the call: so once more
        with sections, and with them only for as long as this process lives.
        """
        arguments |= {"link_names": False, "parse": "none"}
        if message.cards is not None and self._cards_taken:
            try:
                return self._call(method, **arguments, **message.as_arguments(cards=True))
            except SlackRefused as error:
                if error.code not in _CARDS_REFUSED:
                    raise
                self._cards_taken = False
                log.warning("this workspace does not take plan blocks (%s): runs show sections instead", error)
        return self._call(method, **arguments, **message.as_arguments())

    def _call(self, method: Callable[..., Any], **arguments: Any) -> Any:
        try:
            answer = method(**arguments)
        except SlackApiError as error:
            response = error.response
            status = int(getattr(response, "status_code", 0) or 0)
            code = str(response.get("error") or "") if hasattr(response, "get") else ""
            if status == 429 or code in ("ratelimited", "rate_limited"):
                raise SlackBusy(_retry_after(response)) from None
            if status >= 500 or not code or code in _OUT_OF_ORDER:
                raise SlackUnreachable(code or f"status {status}") from error
            self.answered_at = time.monotonic()
            raise SlackRefused(code) from None
        except (SlackClientError, HTTPException, OSError, ValueError) as error:
            # OSError: urllib's URLError, resets, timeouts. ValueError: a body that is no JSON.
            raise SlackUnreachable(type(error).__name__) from error
        self.answered_at = time.monotonic()
        return answer


def _retry_after(response: Any) -> float:
    headers = getattr(response, "headers", None) or {}
    value = next((v for k, v in headers.items() if k.lower() == "retry-after"), "1")
    try:
        return max(1.0, float(value[0] if isinstance(value, list) else value))
    except ValueError:
        return 1.0
