"""The notice of a run: posted in time, kept true, and what is told under it; a copy in each of its owners' channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from bot.outbox import Item, Messages, Outbox
from handlers.views.kit import Message
from handlers.views.notice import loud, render_notice, render_reply
from handlers.views.notice_facts import Also, NoticeFacts, also_of, notice_facts
from handlers.views.preview import preview_facts, render_preview
from handlers.views.wording import Wording
from upgrade.announcements import Notice, NoticeReply, NoticeState, ReplyKind, notice_of, notice_replies
from upgrade.eks import ClusterId
from upgrade.events import UpgradeEvent
from upgrade.ports import Clock, StoredMessage
from upgrade.run import RunStatus, UpgradeRun

#: Kinds of rows. THREAD is no message: it says under whose notice a run's own stands, by that run's id.
NOTICE, REPLY, THREAD = "notice", "notice-reply", "notice-thread"
#: What tells one thing is never behind.
FOR_EVER: Final = 2**53
#: States in which mere progress is told.
CAN_WAIT: Final = frozenset({RunStatus.RUNNING, RunStatus.CHECKING})

Rows = Mapping[tuple[str, str], StoredMessage]


class Runs(Protocol):
    """What is told of runs. The service has it."""

    def run(self, run_id: str) -> UpgradeRun: ...
    def status(self) -> Sequence[UpgradeRun]: ...
    def events(self, run_id: str, after: int = 0) -> Sequence[UpgradeEvent]: ...


@dataclass(frozen=True)
class Audience:
    """Who hears of a cluster, as configured.

    Args:
        environment: its name; maintenances of one environment and day are told together.
        owner: whom to ask.
        channels: where its owners read their own copy of each notice: names with ``#`` or ids.
        mention_here: whether a notice calls the people who are in the announcement channel.
    """

    environment: str | None = None
    owner: str | None = None
    channels: tuple[str, ...] = ()
    mention_here: bool = False


class Notices:
    """What the notifier says in the announcement channel and to owners. Each call makes at most a few calls to Slack.

    Args:
        channel: the announcement channel.
        thread_link: the address of a run's thread, once it exists.
        delivered: called when a notice, or what tells another start, exists in Slack.
        wording: the words of it all.
    """

    def __init__(
        self,
        runs: Runs,
        messages: Messages,
        outbox: Outbox,
        clock: Clock,
        channel: str,
        *,
        audience_of: Callable[[ClusterId], Audience],
        thread_link: Callable[[str], str | None],
        delivered: Callable[[], None],
        wording: Wording,
    ) -> None:
        self._runs = runs
        self._messages = messages
        self._outbox = outbox
        self._clock = clock
        self._channel = channel
        self._audience_of = audience_of
        self._thread_link = thread_link
        self._delivered = delivered
        self._wording = wording
        #: By run: its last event that the notice above its own shows.
        self._led_at: dict[str, int] = {}

    def deliver(self, run: UpgradeRun, rows: Rows, events: Sequence[UpgradeEvent]) -> float | None:
        """What is due now. Returns None when all of it is told, else real seconds until the next try."""
        notice = notice_of(run, announced=(NOTICE, "") in rows)
        if notice is None:
            return None
        waits = [self._announce(notice, run, rows), *self._copies(notice, run, rows)]
        top = rows.get((NOTICE, ""))
        if top is not None and top.ts is not None:
            waits += [*self._replies(notice, run, rows, events), self._keep_leader_true(run, rows)]
        return min((wait for wait in waits if wait is not None), default=None)

    def due_in(self, run: UpgradeRun, rows: Rows, events: Sequence[UpgradeEvent]) -> float | None:
        """Real seconds until time alone makes something due; None when nothing waits for that."""
        now = self._clock.now()
        notice = notice_of(run)
        dues = [reply.due_at for reply in notice_replies(run, events)]
        if notice is not None and notice.due_at is not None and (NOTICE, "") not in rows:
            dues.append(notice.due_at)
        return min((self._clock.real_seconds(due - now) for due in dues if due > now), default=None)

    def told(self, run_id: str) -> bool:
        """Whether the notice is out, and so is the start that holds: an edit of the notice alone calls nobody."""
        posted = {(row.kind, row.key) for row in self._messages.messages(run_id) if row.ts is not None}
        if (NOTICE, "") not in posted:
            return False
        replies, now = notice_replies(self._runs.run(run_id), self._runs.events(run_id)), self._clock.now()
        return all((REPLY, one.key) in posted for one in replies if one.kind is ReplyKind.MOVED and one.due(now))

    def preview(self, run: UpgradeRun) -> Message:
        """Its notice as it would read now. Raises NotNow for a run without a plan."""
        told, thread, now = self._audience_of(run.cluster), self._thread_link(run.id), self._clock.now()
        facts = preview_facts(run, now, environment=told.environment, owner=told.owner, thread=thread)
        return render_preview(facts, now, here=told.mention_here, wording=self._wording)

    # -- the notice and its copies ------------------------------------------------------------------------------------

    def _announce(self, notice: Notice, run: UpgradeRun, rows: Rows) -> float | None:
        row = rows.get((NOTICE, ""))
        if row is not None and row.ts is not None:
            return self._keep_true(row, notice, run, rows)
        if not self._is_due(notice, row):
            return None
        under = self._chosen_thread(rows)
        if row is None and not any(kind == THREAD for kind, _ in rows):
            under = self._thread_of_the_day(notice, run)
        here = under is None and self._audience_of(run.cluster).mention_here
        render = partial(self._render, notice, run, here=here)
        places = (under.channel_id if under else self._channel,)
        wait = self._post(Item(run.id, NOTICE, "", render, places, under.ts if under else None), row, run)
        if wait == 0.0:
            self._delivered()
        elif under is not None and (run.id, NOTICE, "") in self._outbox.problems:
            self._messages.save_message(under.model_copy(update={"ts": None}))  # nobody can write there any more
        return wait

    def _copies(self, notice: Notice, run: UpgradeRun, rows: Rows) -> Iterator[float | None]:
        """Whether they can be posted does not keep a run from starting."""
        for channel in self._audience_of(run.cluster).channels:
            row = rows.get((NOTICE, channel))
            if row is not None and row.ts is not None:
                yield self._keep_true(row, notice, run, rows)
            elif channel != self._channel and self._is_due(notice, row):
                render = partial(self._render, notice, run)
                yield self._post(Item(run.id, NOTICE, channel, render, (channel,)), row, run)

    def _is_due(self, notice: Notice, row: StoredMessage | None) -> bool:
        return row is not None or (notice.due_at is not None and notice.due_at <= self._clock.now())

    def _post(self, item: Item, row: StoredMessage | None, run: UpgradeRun) -> float | None:
        """Real seconds until the next try, 0.0 when it is there; None when the run is over and nobody can be told."""
        if run.status.finished and item.name in self._outbox.problems:
            return None
        return self._outbox.post(item, row)

    def _keep_true(self, row: StoredMessage, notice: Notice, run: UpgradeRun, rows: Rows) -> float | None:
        # Only when something happened: its expected end moves with the clock, and that alone tells nobody more.
        if row.shown_seq == run.last_seq:
            return None
        urgent = run.status not in CAN_WAIT
        return self._outbox.edit(row, partial(self._shown_in, row, notice, run, rows), run.last_seq, urgent=urgent)

    def _shown_in(self, row: StoredMessage, notice: Notice, run: UpgradeRun, rows: Rows) -> Message:
        if row.key or self._chosen_thread(rows):
            return self._render(notice, run)
        here = self._audience_of(run.cluster).mention_here
        return self._render(notice, run, here=here, also=tuple(self._led_by(run)))

    def _render(self, notice: Notice, run: UpgradeRun, *, here: bool = False, also: Sequence[Also] = ()) -> Message:
        return render_notice(self._facts(notice, run, also), here=here, wording=self._wording)

    def _facts(self, notice: Notice, run: UpgradeRun, also: Sequence[Also] = ()) -> NoticeFacts:
        told, thread = self._audience_of(run.cluster), self._thread_link(run.id)
        return notice_facts(
            notice,
            run,
            environment=told.environment,
            owner=told.owner,
            thread=thread,
            also=also,
            now=self._clock.now(),
        )

    # -- under the notice ---------------------------------------------------------------------------------------------

    def _replies(
        self, notice: Notice, run: UpgradeRun, rows: Rows, events: Sequence[UpgradeEvent]
    ) -> Iterator[float | None]:
        """What is told under the notice, and under each copy of it. Slack's threads have one level, so a run told under
        another's notice goes on there."""
        replies, under = notice_replies(run, events), self._chosen_thread(rows)
        for place in ("", *self._audience_of(run.cluster).channels):
            row = rows.get((NOTICE, place))
            if row is not None and row.ts is not None:
                thread = under.ts if under and not place else row.ts
                yield self._reply(replies, row.model_copy(update={"ts": thread}), notice, run, rows)

    def _reply(
        self, replies: Sequence[NoticeReply], top: StoredMessage, notice: Notice, run: UpgradeRun, rows: Rows
    ) -> float | None:
        """Post the first that is due and missing in the thread of ``top``."""
        now = self._clock.now()
        due = {_key(reply, top): reply for reply in replies if reply.due(now)}
        for (kind, key), begun in rows.items():
            overtaken = kind == REPLY and key not in due and _place(key) == top.key
            if overtaken and begun.ts is None and begun.shown_seq < FOR_EVER:
                self._outbox.let_go(begun, top.ts, FOR_EVER)  # a death came before its post
        for key, reply in due.items():
            row = rows.get((REPLY, key))
            if row is not None and row.ts is not None:
                continue
            render = partial(self._render_reply, reply, notice, run)
            item = Item(run.id, REPLY, key, render, (top.channel_id,), top.ts, FOR_EVER, loud(reply))
            wait = self._post(item, row, run)
            if wait == 0.0 and reply.kind is ReplyKind.MOVED and not top.key:
                self._delivered()
            return wait
        return None

    def _render_reply(self, reply: NoticeReply, notice: Notice, run: UpgradeRun) -> Message:
        return render_reply(reply, self._facts(notice, run), wording=self._wording)

    # -- maintenances of one environment and day ----------------------------------------------------------------------

    def _chosen_thread(self, rows: Rows) -> StoredMessage | None:
        return next((row for (kind, _), row in rows.items() if kind == THREAD and row.ts is not None), None)

    def _thread_of_the_day(self, notice: Notice, run: UpgradeRun) -> StoredMessage | None:
        """The first notice of that environment and local day, if it still stands as announced: there this one is told.

        What is chosen stays, also when either moves: each notice in a thread names its own cluster and start, and the
        one above lists them.
        """
        environment, zone = self._audience_of(run.cluster).environment, ZoneInfo(run.time_zone)
        if environment is None or notice.start_at is None:
            return None
        leaders = []
        for other in self._runs.status():
            planned = notice_of(other)
            same = other.id != run.id and self._audience_of(other.cluster).environment == environment
            if not same or planned is None or planned.state is not NoticeState.PLANNED:
                continue
            rows = {(row.kind, row.key): row for row in self._messages.messages(other.id)}
            top = rows.get((NOTICE, ""))
            if top is None or top.ts is None or self._chosen_thread(rows):
                continue
            if _day(planned.start_at, zone) == _day(notice.start_at, zone):
                leaders.append(
                    StoredMessage(
                        run_id=run.id,
                        kind=THREAD,
                        key=other.id,
                        channel_id=top.channel_id,
                        ts=top.ts,
                        shown_seq=FOR_EVER,
                    )
                )
        if not leaders:
            return None
        first = min(leaders, key=lambda row: row.ts or "")
        self._messages.save_message(first)
        return first

    def _keep_leader_true(self, run: UpgradeRun, rows: Rows) -> float | None:
        """The notice above lists this one: it is edited with it, also when its own run is over."""
        under = self._chosen_thread(rows)
        row = self._messages.message(under.key, NOTICE, "") if under else None
        if row is None or row.ts is None or self._led_at.get(run.id) == run.last_seq:
            return None
        leader = self._runs.run(row.run_id)
        notice = notice_of(leader, announced=True)
        if notice is None:
            return None
        render = partial(self._shown_in, row, notice, leader, {})
        wait = self._outbox.edit(row, render, row.shown_seq, urgent=False)
        if wait is None:
            self._led_at[run.id] = run.last_seq
        return wait

    def _led_by(self, leader: UpgradeRun) -> Iterator[Also]:
        """What was announced in the thread of that run's notice and is not over."""
        under_it = {row.run_id for row in self._messages.named(THREAD, leader.id) if row.ts}
        for run in self._runs.status() if under_it else ():
            notice = notice_of(run, announced=True) if run.id in under_it else None
            if notice is not None:
                yield also_of(notice)


def _key(reply: NoticeReply, top: StoredMessage) -> str:
    """By which it is known under that notice, or copy."""
    return f"{top.key} {reply.key}" if top.key else reply.key


def _place(key: str) -> str:
    """The channel of the copy that a reply stands under; empty for the notice itself."""
    return key.rpartition(" ")[0]


def _day(at: datetime | None, zone: ZoneInfo) -> date | None:
    return at.astimezone(zone).date() if at else None
