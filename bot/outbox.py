"""Posting exactly once, editing as often as it takes.

A row is written before a message is posted. So after a crash, or a reset that hides whether Slack took it, there is a
row without a ``ts``, and the message is looked up by its metadata before it is posted again. An edit carries the newest
state, so it may be repeated, and what was overtaken is left out.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from bot.pacing import Pacing
from bot.slack import SlackBusy, SlackCalls, SlackRefused, SlackUnreachable
from handlers.views.kit import Message
from upgrade.ports import AgendaItem, StoredMessage

log = logging.getLogger(__name__)

#: Real seconds between two edits of one message, unless it cannot wait.
EDIT_SECONDS: Final = 1.5
#: Edits that mere progress leaves to what cannot wait.
SPARE_EDITS: Final = 5
#: A message that Slack refuses is tried again that often: somebody may invite the bot.
REFUSED_SECONDS: Final = 20.0
_ELSEWHERE: Final = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "restricted_action", "no_permission"}
)
_UNREADABLE: Final = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long"})
_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class Messages(Protocol):
    """The table ``messages``, and which runs changed. The store has it."""

    def message(self, run_id: str, kind: str, key: str) -> StoredMessage | None: ...
    def messages(self, run_id: str) -> Sequence[StoredMessage]: ...
    def named(self, kind: str, key: str) -> Sequence[StoredMessage]: ...
    def save_message(self, message: StoredMessage) -> None: ...
    def untold(self) -> Sequence[str]: ...
    def agenda(self) -> Sequence[AgendaItem]: ...


def payload_of(run_id: str, kind: str, key: str) -> dict[str, str]:
    """By which a message is found again."""
    return {"run": run_id, "kind": kind, "key": key}


def made(message: Message) -> Callable[[], Message]:
    """For an `Item` whose message is there already."""
    return lambda: message


@dataclass(frozen=True)
class Item:
    """A message to post.

    Args:
        render: makes it. Called only when it could go out now.
        key: tells messages of one kind apart; empty for the run message and the notice.
        places: channels by name or id, the first that takes it.
        thread: the ts of the message that it stands under, if any.
        broadcast: it is shown in the channel as well as in the thread.
        shown_seq: the last event that it shows; a message is behind while the run has later ones.
    """

    run_id: str
    kind: str
    key: str
    render: Callable[[], Message]
    places: tuple[str, ...]
    thread: str | None = None
    shown_seq: int = 0
    broadcast: bool = False

    @property
    def name(self) -> tuple[str, str, str]:
        return self.run_id, self.kind, self.key

    @property
    def payload(self) -> dict[str, str]:
        return payload_of(self.run_id, self.kind, self.key)


@dataclass
class Outbox:
    """What is known of deliveries in this process only; everything else is in the rows.

    Args:
        problems: why a message cannot be posted, by run, kind and key.
    """

    messages: Messages
    calls: SlackCalls
    pacing: Pacing = field(default_factory=Pacing)
    problems: dict[tuple[str, str, str], str] = field(default_factory=dict)
    #: Rows whose post certainly had no effect yet, so that no look-up is needed.
    _sure: set[tuple[str, str, str]] = field(default_factory=set)
    _refused_at: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _edited_at: dict[tuple[str, str, str], float] = field(default_factory=dict)

    def post(self, item: Item, row: StoredMessage | None) -> float:
        """Post it once. Returns real seconds until the next try, 0.0 when it is done. Raises SlackUnreachable."""
        again_in = self._refused_at.get(item.name, -REFUSED_SECONDS) + REFUSED_SECONDS - self.pacing.clock()
        if again_in > 0:
            return again_in
        begun = (row.channel_id,) if row else ()
        for place in dict.fromkeys((*begun, *item.places)):
            try:
                return self._post_in(self.calls.channel_id(place), item, row)
            except SlackRefused as error:
                log.warning("Slack refuses the %s message of run %s in %s: %s", item.kind, item.run_id, place, error)
                self.problems[item.name] = f"The {item.kind} message cannot be posted in {place}: {error.code}."
                if error.code not in _ELSEWHERE:
                    break
        self._refused_at[item.name] = self.pacing.clock()
        return REFUSED_SECONDS

    def let_go(self, row: StoredMessage, thread: str | None, seq: int) -> StoredMessage:
        """Nobody needs what was begun any more: what Slack took all the same is found, the rest is left unposted.

        Args:
            seq: up to where it counts as shown.

        Returns its row, which has a ``ts`` if it is there. Raises SlackUnreachable.
        """
        payload = payload_of(row.run_id, row.kind, row.key)
        found = self._find(row.channel_id, payload, thread)
        settled = row.model_copy(update={"ts": found, "shown_seq": seq})
        self.messages.save_message(settled)
        self.problems.pop((row.run_id, row.kind, row.key), None)
        return settled

    def problem_of(self, run_id: str) -> str:
        return next((problem for name, problem in self.problems.items() if name[0] == run_id), "")

    def _post_in(self, channel: str, item: Item, row: StoredMessage | None) -> float:
        wait = self.pacing.wait("chat.postMessage", channel)
        if wait > 0:
            return wait
        if row is None:
            row = StoredMessage(run_id=item.run_id, kind=item.kind, key=item.key, channel_id=channel)
            self.messages.save_message(row)
            self._sure.add(item.name)
        found = None if item.name in self._sure else self._find(channel, item.payload, item.thread)
        message = item.render()
        if found is None:
            self.pacing.take("chat.postMessage", channel)
            try:
                channel, found = self._send(channel, item, message)
            except SlackUnreachable:
                self._sure.discard(item.name)
                raise
            except SlackBusy as busy:
                self._sure.add(item.name)
                self.pacing.close("chat.postMessage", channel, busy.seconds)
                return busy.seconds
        shown = {
            "channel_id": channel,
            "ts": found,
            "shown_seq": item.shown_seq,
            "content_hash": content_hash(message),
        }
        self.messages.save_message(row.model_copy(update=shown))
        self.problems.pop(item.name, None)
        return 0.0

    def _find(self, channel: str, payload: dict[str, str], thread: str | None) -> str | None:
        """Look up what may have been posted. Where we may not read, posting twice beats not posting."""
        try:
            return self.calls.find(channel, payload, thread=thread)
        except SlackRefused as error:
            log.warning("cannot look up messages in %s: %s; what was begun there counts as not posted", channel, error)
            return None

    def _send(self, channel: str, item: Item, message: Message) -> tuple[str, str]:
        """A public channel that the bot is not in is joined first; what Slack cannot read goes as plain text."""

        def post(shown: Message) -> tuple[str, str]:
            return self.calls.post(channel, shown, payload=item.payload, thread=item.thread, broadcast=item.broadcast)

        try:
            return post(message)
        except SlackRefused as error:
            if error.code == "not_in_channel" and self._joined(channel):
                return post(message)
            if error.code in _UNREADABLE:
                log.exception("Slack does not take our blocks")
                return post(Message(message.text))
            raise

    def _joined(self, channel: str) -> bool:
        try:
            self.calls.join(channel)
        except SlackRefused:
            return False
        return True

    def _update(self, row: StoredMessage, message: Message) -> None:
        """What Slack cannot read goes as plain text: without its buttons, but true."""
        try:
            self.calls.update(row.channel_id, row.ts or "", message)
        except SlackRefused as error:
            if error.code not in _UNREADABLE:
                raise
            log.exception("Slack does not take our blocks")
            self.calls.update(row.channel_id, row.ts or "", Message(message.text))

    def edit(self, row: StoredMessage, render: Callable[[], Message], seq: int, *, urgent: bool) -> float | None:
        """Bring a message to its newest state.

        Args:
            render: makes it. Called only when it could go out now: with many runs most tries are too early.
            seq: what it shows then.
            urgent: it calls for a person or is the last state, so it goes before mere progress.

        Returns None when it is up to date, else real seconds until the next try. Raises SlackUnreachable.
        """
        name = (row.run_id, row.kind, row.key)
        gap = 0.0 if urgent else self._edited_at.get(name, -EDIT_SECONDS) + EDIT_SECONDS - self.pacing.clock()
        wait = max(gap, self.pacing.wait("chat.update", row.channel_id, spare=0 if urgent else SPARE_EDITS))
        if wait > 0:
            return wait
        message = render()
        shown = row.model_copy(update={"shown_seq": seq, "content_hash": content_hash(message)})
        if row.content_hash == shown.content_hash:
            if shown != row:
                self.messages.save_message(shown)
            return None
        self.pacing.take("chat.update", row.channel_id)
        self._edited_at[name] = self.pacing.clock()
        try:
            self._update(row, message)
        except SlackBusy as busy:
            self.pacing.close("chat.update", row.channel_id, busy.seconds)
            return busy.seconds
        except SlackRefused as error:
            # Somebody deleted it, or it cannot be edited: there is nothing left to keep true.
            if error.code not in _GONE:
                log.exception("Slack refuses to edit the %s message of run %s", row.kind, row.run_id)
        self.messages.save_message(shown)
        return None


def content_hash(message: Message) -> str:
    """Of the message in both its forms: lines that did not fit as sections may be a task that changed."""
    shown = message.as_arguments() | ({} if message.cards is None else {"cards": message.cards})
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()[:32]
