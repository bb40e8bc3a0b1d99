"""Calls as Slack hears them: in the thread of the run, and to one person directly; kept true until they are over."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

from bot.notices import FOR_EVER, Rows
from bot.outbox import Item, Outbox
from handlers.views.calls import render_call, render_call_over, render_reminder_over
from handlers.views.kit import Message
from handlers.views.text import callable_owner
from upgrade.calls import Call, CallPolicy, calls_of, is_reminder
from upgrade.eks import ClusterId
from upgrade.events import UpgradeEvent
from upgrade.ports import Clock, StoredMessage
from upgrade.run import UpgradeRun
from upgrade.troubles import CallKind, Trouble, troubles_of

#: Kinds of rows: in the thread, and to one person.
CALL, DIRECT = "call", "call-direct"
_HEARD: Final = (CALL, DIRECT)
#: The first call about these is shown to the channel too.
_LOUD: Final = (CallKind.FAILED, CallKind.DECISION)


class Calls:
    """What the notifier says to people whom a run needs.

    Args:
        policy_of: whom to call, for a cluster.
        thread_link: the address of a run's thread, once it exists.
    """

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        *,
        policy_of: Callable[[ClusterId], CallPolicy],
        thread_link: Callable[[str], str | None],
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._policy_of = policy_of
        self._thread_link = thread_link

    def deliver(self, run: UpgradeRun, rows: Rows, events: Sequence[UpgradeEvent], top: StoredMessage) -> float | None:
        """What is due now. Returns None when all of it is told and true, else real seconds until the next try."""
        now = self._clock.now()
        calls = {call.key: call for call in calls_of(run, events, self._policy_of(run.cluster), now)}
        troubles = {one.key: one for one in troubles_of(run, events)}
        due = [call for call in calls.values() if call.to and call.due(now)]
        waits: list[float | None] = [wait for call in due for wait in self._call(call, run, rows, top)]
        wanted = {call.key for call in due}
        heard = [row for (kind, _), row in rows.items() if kind in _HEARD]
        for row in heard:
            brief = any(other.kind == row.kind == CALL and _before(other, row) for other in heard)
            if row.ts is None and row.key not in wanted and row.shown_seq < FOR_EVER:
                # A death came between its row and its post, and by now it is over.
                begun = self._outbox.let_go(row, top.ts if row.kind == CALL else None, FOR_EVER)
                waits.append(self._keep_true(begun, run, calls, troubles, brief=brief))
            else:
                waits.append(self._keep_true(row, run, calls, troubles, brief=brief))
        return min((wait for wait in waits if wait), default=None)

    def due_in(self, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> float | None:
        """Real seconds until time alone makes one due; None when nothing waits for that."""
        now = self._clock.now()
        dues = [call.due_at for call in calls_of(run, events, self._policy_of(run.cluster), now) if call.due_at > now]
        return min((self._clock.real_seconds(due - now) for due in dues), default=None)

    def _call(self, call: Call, run: UpgradeRun, rows: Rows, top: StoredMessage) -> Iterator[float]:
        """Everybody hears it in the thread; a person also directly, which must not hold up anything if it cannot be."""
        thread = self._thread_link(run.id)
        row = rows.get((CALL, call.key))
        if row is None or row.ts is None:
            loud = call.kind in _LOUD and call.key.endswith(":person")
            render = partial(render_call, call, run, thread)
            item = Item(run.id, CALL, call.key, render, (top.channel_id,), top.ts, FOR_EVER, broadcast=loud)
            yield self._outbox.post(item, row)
        person = next((one for one in call.to if callable_owner(one) and not one.startswith("S")), None)
        row = rows.get((DIRECT, call.key))
        if person is not None and call.kind is not CallKind.APPROVAL and (row is None or row.ts is None):
            render = partial(render_call, call, run, thread, direct=True)
            item = Item(run.id, DIRECT, call.key, render, (person,), None, FOR_EVER)
            if item.name not in self._outbox.problems:
                yield self._outbox.post(item, row)

    def _keep_true(
        self, row: StoredMessage, run: UpgradeRun, calls: dict[str, Call], troubles: dict[str, Trouble], *, brief: bool
    ) -> float | None:
        """What goes on by itself changes under a call; in the end it names who saw it, or that it is over.

        Args:
            brief: an earlier message of the thread is about the same, and says in the end what it was.
        """
        call, trouble = calls.get(row.key), troubles.get(_trouble(row))
        if row.ts is not None and is_reminder(row.key) and call is None:
            return self._outbox.edit(row, partial(render_reminder_over, run), FOR_EVER, urgent=False)
        if row.ts is None or trouble is None or (trouble.calls and call is None):
            return None
        over = not trouble.calls
        direct = row.kind == DIRECT

        def render() -> Message:
            if over or call is None:
                return render_call_over(trouble, run, brief=brief)
            return render_call(call, run, self._thread_link(run.id), direct=direct)

        return self._outbox.edit(row, render, FOR_EVER, urgent=over)


def _trouble(row: StoredMessage) -> str:
    """The key of what a call is about."""
    return row.key.rpartition(":")[0]


def _before(other: StoredMessage, row: StoredMessage) -> bool:
    """Whether the other message is about the same, and stands above that one."""
    return _trouble(other) == _trouble(row) and other.ts is not None and (row.ts is None or other.ts < row.ts)
