"""Which message shows what: the run message, an entry in its thread for each event that is told, and the notice."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from bot.calls import Calls
from bot.digests import Digests
from bot.loop import Loop
from bot.notices import CAN_WAIT, FOR_EVER, Audience, Notices, Rows, Runs
from bot.outbox import Item, Messages, Outbox, made
from bot.pacing import Pacing
from bot.pictures import PictureOf, Pictures
from bot.slack import SlackBusy, SlackCalls, SlackRefused, SlackUnreachable
from bot.stories import Stories
from handlers.conversation import File
from handlers.views.kit import Message
from handlers.views.notice import ENGLISH
from handlers.views.run import render_run
from handlers.views.steps import render_step, stories_of
from handlers.views.text import callable_owner
from handlers.views.thread import asks_for_approval, render_entry, render_glass
from handlers.views.wording import Wording
from upgrade.calls import CallPolicy
from upgrade.eks import ClusterId
from upgrade.events import EventKind, UpgradeEvent
from upgrade.ports import AgendaItem, Clock, StoredMessage
from upgrade.run import UpgradeRun

log = logging.getLogger(__name__)

RUN, ENTRY, SECURITY = "run", "entry", "security"
_REFUSED: Final = frozenset({EventKind.REQUEST_REFUSED, EventKind.APPROVAL_REFUSED})
#: Real seconds without an answer after which we ask whether Slack is there, while runs are under way.
QUIET_SECONDS: Final = 30.0
#: Real seconds that a pass waits for more commits.
GATHER_SECONDS: Final = 0.05


def told_elsewhere(run_id: str) -> StoredMessage:
    """The row of a run whose story was told on a terminal, from its beginning to its end: Slack hears nothing of it."""
    return StoredMessage(run_id=run_id, kind=RUN, key="", channel_id="", shown_seq=FOR_EVER)


@dataclass(frozen=True)
class Channels:
    """Where things go: names with ``#`` or ids.

    Args:
        approvers: users and groups who may approve.
        security: where it is told that somebody opened a gate alone; None: nowhere but in the thread.
    """

    announcements: str
    operations: str | None = None
    approvers: tuple[str, ...] = ()
    security: str | None = None


class Notifier:
    """Runs in a thread of its own between `start` and `stop`; the only caller of chat.*.

    Args:
        audience_of: who hears of a cluster, and whom to ask about it.
        calls_policy_of: whom a run of a cluster calls when it needs a person.
        delivered: called when a notice exists in Slack or Slack is back, so that the engine need not wait to look.
        wording: the words of notices.
        digests: the weekly digest, if there is one.
        picture_of: draws the picture under the end of a run's story.
        breathe: called before each run is looked at; it returns when nothing more urgent is to be done.
    """

    def __init__(
        self,
        runs: Runs,
        messages: Messages,
        calls: SlackCalls,
        clock: Clock,
        channels: Channels,
        *,
        audience_of: Callable[[ClusterId], Audience] = lambda _: Audience(),
        calls_policy_of: Callable[[ClusterId], CallPolicy] = lambda _: CallPolicy(),
        delivered: Callable[[], None] = lambda: None,
        pacing: Pacing | None = None,
        wording: Wording = ENGLISH,
        digests: Digests | None = None,
        picture_of: PictureOf = lambda *_: None,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self._runs = runs
        self._messages = messages
        self._calls = calls
        self._clock = clock
        self._channels = channels
        self._audience_of = audience_of
        self._delivered = delivered
        self._digests = digests
        self._breathe = breathe
        self._outbox = Outbox(messages, calls, pacing or Pacing())
        self._pictures = Pictures(self._outbox, picture_of)
        self._notices = Notices(
            runs,
            messages,
            self._outbox,
            clock,
            channels.announcements,
            audience_of=audience_of,
            thread_link=self.thread_link,
            delivered=delivered,
            wording=wording,
        )
        self._people = Calls(self._outbox, clock, policy_of=calls_policy_of, thread_link=self.thread_link)
        #: By run: the version that was looked at, and the real time of the next look.
        self._looked: dict[str, tuple[int, float]] = {}
        self._stories = Stories(runs)
        self._unreachable_since: datetime | None = None
        self._failures = 0
        self._loop = Loop("notifier", self.deliver_once, after_failure=5.0, gather=GATHER_SECONDS)

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        self._loop.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Finish the call under way and stop; what was not delivered is delivered after the next start."""
        self._loop.stop(seconds)

    def wake(self) -> None:
        """Something was committed."""
        self._loop.wake()

    @property
    def alive(self) -> bool:
        return self._loop.alive

    # -- what the engine and the conversation ask ---------------------------------------------------------------------

    def notice_delivered(self, run_id: str) -> bool:
        return self._notices.told(run_id)

    def unreachable_since(self) -> datetime | None:
        return self._unreachable_since

    def thread_link(self, run_id: str) -> str | None:
        row, workspace = self._messages.message(run_id, RUN, ""), self._calls.known_workspace
        return workspace.link(row.channel_id, row.ts) if workspace and row and row.ts else None

    def preview(self, run: UpgradeRun) -> Message:
        return self._notices.preview(run)

    def run_at(self, channel: str, thread: str) -> str | None:
        for run in self._runs.status():
            row = self._messages.message(run.id, RUN, "")
            if row is not None and (row.channel_id, row.ts) == (channel, thread):
                return run.id
        return None

    def whisper(self, channel: str, user: str, message: Message, *, thread: str | None = None) -> bool:
        try:
            self._calls.whisper(channel, user, message, thread=thread)
        except (SlackUnreachable, SlackBusy, SlackRefused) as error:
            log.warning("an ephemeral message was not sent: %s", error)
            return False
        return True

    def hand_over(self, user: str, file: File) -> bool:
        try:
            self._calls.hand_over(user, file)
        except (SlackUnreachable, SlackBusy, SlackRefused) as error:
            log.warning("the file %s was not sent: %s", file.name, error)
            return False
        return True

    # -- one pass -----------------------------------------------------------------------------------------------------

    def deliver_once(self) -> float:
        """At most a few calls for each run that is behind; returns real seconds until there may be more to do."""
        delay = QUIET_SECONDS
        try:
            agenda = self._messages.agenda()
            if agenda and self._calls.known_workspace is None:
                self._calls.workspace()
            for run_id, version in self._pending(agenda):
                if self._loop.stopping:
                    return 0.0
                self._breathe()
                self._looked[run_id] = (version, self._outbox.pacing.clock() + self._deliver(run_id))
            # Also of runs that were not looked at now: what they wait for may come sooner.
            soonest = min((due_at for _, due_at in self._looked.values()), default=math.inf)
            delay = min(delay, max(0.0, soonest - self._outbox.pacing.clock()))
            digest = self._digests.deliver(self._outbox) if self._digests else None
            delay = delay if digest is None else min(delay, digest)
            if agenda and time.monotonic() - self._calls.answered_at > QUIET_SECONDS:
                self._calls.ping()
        except SlackUnreachable as error:
            return self._out_of_reach(error)
        except SlackBusy as busy:
            delay = busy.seconds
        self._in_reach()
        return delay

    def _pending(self, agenda: Sequence[AgendaItem]) -> list[tuple[str, int]]:
        """Runs to look at now, with their version: those that changed or are due again, and ends not shown yet.

        Most are as they were, so this asks only for numbers: it happens at every commit, while listeners want to ack.
        """
        now = self._outbox.pacing.clock()
        pending = []
        for item in agenda:
            version, due_at = self._looked.get(item.run_id, (-1, 0.0))
            if version != item.version or now >= due_at:
                pending.append((item.run_id, item.version))
        under_way = {item.run_id for item in agenda}
        for gone in self._looked.keys() - under_way:
            del self._looked[gone]
        ended = self._messages.untold()
        self._stories.keep(under_way.union(ended))
        return [*pending, *((run_id, -1) for run_id in ended)]

    def _deliver(self, run_id: str) -> float:
        """What is due for a run: a few posts and edits at most. Returns real seconds until there may be more."""
        run = self._runs.run(run_id)
        rows = {(row.kind, row.key): row for row in self._messages.messages(run_id)}
        row = rows.get((RUN, ""))
        problem = self._outbox.problem_of(run_id)
        behind = row is None or row.shown_seq < run.last_seq or bool(problem)
        events = self._stories.of(run)
        if row is None or row.ts is None:
            render = partial(self._render_run, run, events, problem)
            return self._outbox.post(Item(run.id, RUN, "", render, self._places(run)), row)
        notice = self._notices.deliver(run, rows, events)
        glass = self._glass(run, events, rows) if behind else None
        entry = self._entry(run, events, rows, row) if behind else None
        steps = self._steps(run, events, rows) if behind else None
        answers = self._answers(run, events, rows) if behind else None
        calls = self._people.deliver(run, rows, events, row)
        edit = None
        if behind:
            # Shown in full only with its thread, notice, calls and picture: until then the run counts as behind.
            told = all(one is None for one in (entry, steps, answers, notice, calls, glass))
            drawn = not self._pictures.due(run, rows)
            seq = run.last_seq if told and drawn else row.shown_seq
            urgent = run.status not in CAN_WAIT
            edit = self._outbox.edit(row, partial(self._render_run, run, events, problem), seq, urgent=urgent)
            if told and not drawn and edit is None:  # words first
                return self._pictures.deliver(run, rows, events, row)
        dues = (self._notices.due_in(run, rows, events), self._people.due_in(run, events))
        waits = (entry, steps, answers, glass, notice, calls, edit, *dues)
        return min((wait for wait in waits if wait is not None), default=QUIET_SECONDS)

    def _render_run(self, run: UpgradeRun, events: Sequence[UpgradeEvent], problem: str) -> Message:
        owner = self._audience_of(run.cluster).owner
        return render_run(run, events, problem=problem, approvers=self._channels.approvers, owner=owner)

    def _glass(self, run: UpgradeRun, events: Sequence[UpgradeEvent], rows: Rows) -> float | None:
        """Tell the security channel of a gate that somebody opened alone; None when all of it is told."""
        place, thread = self._channels.security, self.thread_link(run.id)
        for event in events if place else ():
            row = rows.get((SECURITY, str(event.seq)))
            if event.kind is EventKind.BREAK_GLASS_USED and place and (row is None or row.ts is None):
                render = partial(render_glass, event, run, thread)
                return self._outbox.post(Item(run.id, SECURITY, str(event.seq), render, (place,), None, FOR_EVER), row)
        return None

    def _places(self, run: UpgradeRun) -> tuple[str, ...]:
        """Where the run message belongs, then where it goes when it cannot be posted there."""
        wanted = (self._channels.operations, run.channel, self._channels.announcements)
        return tuple(place for place in wanted if place)

    def _entry(
        self,
        run: UpgradeRun,
        events: Sequence[UpgradeEvent],
        rows: Rows,
        top: StoredMessage,
    ) -> float | None:
        """Post the first entry that is missing; None when all are there."""
        told = max((int(key) for kind, key in rows if kind == ENTRY and rows[kind, key].ts), default=0)
        for event in events:
            if event.seq <= told:
                continue
            owner = self._audience_of(run.cluster).owner
            message = render_entry(event, run, events, approvers=self._channels.approvers, owner=owner)
            if message is not None:
                place, loud = (top.channel_id,), asks_for_approval(event, run)
                edited = loud or event.kind is EventKind.STEP_STARTED  # as its step goes on, or when it is answered
                seq = event.seq if edited else FOR_EVER
                item = Item(run.id, ENTRY, str(event.seq), made(message), place, top.ts, seq, broadcast=loud)
                wait = self._outbox.post(item, rows.get((ENTRY, str(event.seq))))
                if wait == 0.0 and event.kind in _REFUSED and event.actor and callable_owner(event.actor):
                    self.whisper(top.channel_id, event.actor, message)  # whoever asked may not have the thread open
                return wait
        return None

    def _steps(self, run: UpgradeRun, events: Sequence[UpgradeEvent], rows: Rows) -> float | None:
        """Edit the messages of steps that are behind; None when all show what there is to show."""
        waits = []
        for story in stories_of(events):
            row, over = rows.get((ENTRY, str(story.begun.seq))), story.over(run)
            newest = FOR_EVER if over else story.newest
            if row is not None and row.ts is not None and row.shown_seq < newest:
                waits.append(self._outbox.edit(row, partial(render_step, story, run), newest, urgent=over))
        return min((wait for wait in waits if wait is not None), default=None)

    def _answers(self, run: UpgradeRun, events: Sequence[UpgradeEvent], rows: Rows) -> float | None:
        """Edit what asked the channel for an approval that is not waited for any more; None when none is left."""
        waits = []
        for event in events:
            row = rows.get((ENTRY, str(event.seq))) if event.kind is EventKind.PLAN_READY else None
            if row is None or row.ts is None or row.shown_seq >= FOR_EVER or asks_for_approval(event, run):
                continue
            if (message := render_entry(event, run, events, approvers=(), owner=None)) is not None:
                waits.append(self._outbox.edit(row, made(message), FOR_EVER, urgent=False))
        return min((wait for wait in waits if wait is not None), default=None)

    # -- out of reach -------------------------------------------------------------------------------------------------

    def _in_reach(self) -> None:
        self._failures = 0
        if self._unreachable_since is not None:
            log.info("Slack can be reached again")
            self._unreachable_since = None
            self._delivered()

    def _out_of_reach(self, error: SlackUnreachable) -> float:
        self._failures += 1
        if self._unreachable_since is None:
            self._unreachable_since = self._clock.now()
            log.warning("Slack cannot be reached: %s", error)
        return float(min(30.0, 0.5 * 2 ** min(self._failures, 6)))
