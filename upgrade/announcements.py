"""What everybody is told of a run, and when (A-26). Facts only: the words belong to the conversation. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from upgrade.bake import baking_since, goes_on_at
from upgrade.eks import ClusterId
from upgrade.events import START_SET, EventKind, UpgradeEvent
from upgrade.facts import Value
from upgrade.plan import BakeStep, ControlPlaneStep, UpgradePlan
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun
from upgrade.versions import KubernetesVersion

#: A notice that was delivered no later than this after it was due counts as in time.
ON_TIME: Final = timedelta(minutes=5)


class NoticeState(StrEnum):
    """What everybody should know of a run that was announced."""

    PLANNED = "planned"
    POSTPONED = "postponed"  # announced, then the plan changed, something blocks it, or its start was missed
    STARTED = "started"
    PAUSED = "paused"  # by people or a failure, outside of its windows, in a bake, or at a gate
    STOPPING = "stopping"  # aborted; what is under way still finishes
    FINISHED = "finished"
    STOPPED = "stopped"  # ended early, with something changed
    CALLED_OFF = "called-off"  # ended before it began


class Effect(StrEnum):
    """What people may notice of a plan, and alerts may fire for."""

    API = "api"  # API servers are replaced
    ADDONS = "add-ons"  # network, DNS and storage drivers are updated
    NODES = "nodes"  # nodes are replaced, so pods move


class Notice(Value):
    """The facts of one notice: short, for everybody, edited as they change.

    Args:
        due_at: when it must be in the channel; None once nothing more will start.
        goes_on_at: when it goes on by itself; None unless it stands still and does.
        effects: what people may notice.
        rests: where the plan watches a version for a while before it goes on.
    """

    state: NoticeState
    cluster: ClusterId
    from_version: KubernetesVersion
    to_version: KubernetesVersion
    start_at: datetime | None
    due_at: datetime | None
    goes_on_at: datetime | None = None
    effects: tuple[Effect, ...] = ()
    rests: tuple[BakeStep, ...] = ()


class ReplyKind(StrEnum):
    """What people are told under the notice, beside its being kept true."""

    REMINDER = "reminder"
    MOVED = "moved"
    POSTPONED = "postponed"
    CALLED_OFF = "called-off"
    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    STOPPED = "stopped"
    FINISHED = "finished"


class NoticeReply(Value):
    """One thing that people are told under the notice, once.

    Args:
        key: tells it from the others of its run; the same after every restart.
        due_at: from when it is told.
        at: the instant it tells of: the start for a reminder and a move, the end of a rest for a pause that has one
            (else None), when it happened for the others.
        until: from then on it is not told any more, because what came after says more; None: it is told however late.
    """

    key: str
    kind: ReplyKind
    due_at: datetime
    at: datetime | None
    until: datetime | None = None

    def due(self, now: datetime) -> bool:
        return self.due_at <= now and (self.until is None or now < self.until)


def notice_due_at(run: UpgradeRun) -> datetime | None:
    """When the announcement must be out: the longest lead time before the start. None while no start is set."""
    if run.start_at is None or run.scheduled_at is None:
        return None
    return max(run.scheduled_at, _before(run.start_at, max(run.policy.notice, *run.policy.remind, timedelta(0))))


def delivered_late(run: UpgradeRun) -> bool:
    """Whether people had less than the least lead time, because the notice came late."""
    if run.start_at is None or run.scheduled_at is None or run.notice_at is None:
        return False
    return run.notice_at - max(run.scheduled_at, _before(run.start_at, run.policy.notice)) > ON_TIME


def notice_of(run: UpgradeRun, *, announced: bool = False) -> Notice | None:
    """The notice as it should read now; None for a run that was never announced nor is to be.

    Args:
        announced: it is in the channel, whatever the run remembers: a changed plan forgets its start.
    """
    if run.plan is None or (run.scheduled_at is None and run.notice_at is None and not announced):
        return None
    return Notice(
        state=_state(run),
        cluster=run.cluster,
        from_version=run.plan.from_version,
        to_version=run.plan.to_version,
        start_at=run.start_at,
        due_at=None if run.status.finished else notice_due_at(run),
        goes_on_at=_goes_on_at(run),
        effects=tuple(_effects(run.plan)),
        rests=tuple(step for _, step in run.plan.steps() if isinstance(step, BakeStep)),
    )


def previewed(run: UpgradeRun, now: datetime) -> UpgradeRun:
    """A run as it will be once it is scheduled: with the start that is wanted, else as soon as its notice allows.

    Args:
        now: domain time, aware.
    """
    if run.start_at is not None or run.status.finished or run.started_at is not None:
        return run
    return run.model_copy(update={"start_at": run.wanted_at or now + run.policy.notice, "scheduled_at": now})


def notice_replies(run: UpgradeRun, events: Iterable[UpgradeEvent]) -> tuple[NoticeReply, ...]:
    """What is to be told under the notice, past and future, in order; nothing before the notice is out.

    Derived from the run and its whole stream of events alone, so that after any restart the same ones are due.
    """
    story = _Story()
    for event in events:
        story.hear(event)
    if story.out_at is None:
        return ()
    told = [
        one.model_copy(update={"until": after.due_at}) if one.kind in _OVERTAKEN else one
        for one, after in pairwise(story.told)
    ]
    every = [*told, *story.told[-1:], *_reminders(run, story.told, story.out_at)]
    return tuple(sorted(every, key=lambda reply: reply.due_at))


def _state(run: UpgradeRun) -> NoticeState:
    if run.status is RunStatus.SUCCEEDED:
        return NoticeState.FINISHED
    if run.status.finished:
        return NoticeState.STOPPED if run.started_at else NoticeState.CALLED_OFF
    if run.intent is Intent.ABORT:
        return NoticeState.STOPPING
    if run.started_at is not None:
        stands = run.status in (RunStatus.PAUSED, RunStatus.AWAITING_APPROVAL) or _goes_on_at(run) is not None
        return NoticeState.PAUSED if stands else NoticeState.STARTED
    if run.intent is Intent.PAUSE:
        return NoticeState.PAUSED
    blocked = run.status is RunStatus.BLOCKED or run.start_at is None or run.missed_start
    return NoticeState.POSTPONED if blocked else NoticeState.PLANNED


def _goes_on_at(run: UpgradeRun) -> datetime | None:
    """When a run that rests goes on by itself: its windows open, and its bake is over."""
    if run.status is not RunStatus.RUNNING or run.intent is not Intent.GO:
        return None
    ends = [run.window_opens_at] if "window" in run.holds else []
    for _, step in run.plan.steps() if run.plan else ():
        if isinstance(step, BakeStep) and run.step(step.id).status is StepStatus.FOLLOWING:
            since = baking_since(run, step)
            ends += [goes_on_at(run, step, since)] if since else []
    return max((end for end in ends if end is not None), default=None)


def _effects(plan: UpgradePlan) -> Iterable[Effect]:
    kinds = {phase.kind for phase in plan.phases if phase.steps}
    if "control-plane" in kinds:
        yield Effect.API
    if "add-ons" in kinds:
        yield Effect.ADDONS
    if "nodes" in kinds or any(
        isinstance(step, ControlPlaneStep) and step.if_groups_must_match for _, step in plan.steps()
    ):
        yield Effect.NODES


# -- replies ----------------------------------------------------------------------------------------------------------

#: What they say of the future is not told once something else has happened.
_OVERTAKEN: Final = frozenset({ReplyKind.MOVED, ReplyKind.POSTPONED})
#: A plan that is ready once more waits for its approvals once more.
_POSTPONING: Final = frozenset(
    {EventKind.PLAN_CHANGED, EventKind.PLAN_READY, EventKind.RUN_BLOCKED, EventKind.START_MISSED}
)
_GOING_ON: Final = frozenset({EventKind.RUN_RESUMED, EventKind.RETRY_REQUESTED, EventKind.RECHECK_REQUESTED})
_ENDED_EARLY: Final = frozenset(
    {EventKind.RUN_ABORTED, EventKind.RUN_FAILED, EventKind.RUN_REJECTED, EventKind.RUN_EXPIRED}
)


@dataclass
class _Story:
    """What the stream says of the maintenance so far, and what of it was worth telling once the notice was out.

    Args:
        out_at: when the notice was first seen to be in the channel.
        start: the start that people know of.
        postponed: what took that start away last.
        paused, rests: it stands still because of people or a failure, and because its window is closed.
    """

    out_at: datetime | None = None
    start: datetime | None = None
    postponed: EventKind | None = None
    began: bool = False
    paused: bool = False
    rests: bool = False
    told: list[NoticeReply] = field(default_factory=list)

    def hear(self, event: UpgradeEvent) -> None:
        if event.kind is EventKind.NOTICE_DELIVERED:
            self.out_at = self.out_at or event.at
        elif event.kind in START_SET:
            self._start_set(event)
        elif event.kind in _POSTPONING:
            self._postpone(event)
        elif event.kind is EventKind.RUN_STARTED:
            self.began = True
            self._tell(event, ReplyKind.STARTED)
        elif event.kind is EventKind.RUN_SUCCEEDED:
            self._tell(event, ReplyKind.FINISHED)
        elif event.kind in _ENDED_EARLY:
            self._tell(event, ReplyKind.STOPPED if self.began else ReplyKind.CALLED_OFF)
        else:
            self._stands_or_goes(event)

    def _postpone(self, event: UpgradeEvent) -> None:
        if self.began:
            return
        if self.postponed is None:
            self._tell(event, ReplyKind.POSTPONED)
        self.postponed = event.kind

    def _start_set(self, event: UpgradeEvent) -> None:
        start = _instant(event, "start_at")
        if start is None or self.began or (start == self.start and self.postponed is None):
            return
        # Whoever moves a run that is blocked or wants approval says what they wish; it is set once that is over.
        if event.actor is not None and self.postponed not in (None, EventKind.START_MISSED):
            return
        self.start, self.postponed = start, None
        self._tell(event, ReplyKind.MOVED, start)

    def _stands_or_goes(self, event: UpgradeEvent) -> None:
        stood = self.paused or self.rests
        opens_at = None
        if event.kind is EventKind.RUN_PAUSED or (event.kind is EventKind.PAUSE_REQUESTED and not self.began):
            self.paused = True
        elif event.kind in _GOING_ON:
            self.paused = False
        elif event.kind is EventKind.WINDOW_CLOSED and self.began:
            self.rests, opens_at = True, _instant(event, "opens_at")
        elif event.kind is EventKind.WINDOW_OPENED:
            self.rests = False
        stands = self.paused or self.rests
        if stands and not stood:
            self._tell(event, ReplyKind.PAUSED, opens_at)
        elif stood and not stands:
            self._tell(event, ReplyKind.RESUMED, event.at)

    def _tell(self, event: UpgradeEvent, kind: ReplyKind, at: datetime | None = None) -> None:
        if self.out_at is not None:
            known = at if kind in (ReplyKind.MOVED, ReplyKind.PAUSED) else event.at
            self.told.append(NoticeReply(key=f"event:{event.seq}", kind=kind, due_at=event.at, at=known))


def _reminders(run: UpgradeRun, told: Sequence[NoticeReply], out_at: datetime) -> list[NoticeReply]:
    """Those of the start as it is now, that come after people heard of it; each is overtaken by the next."""
    start = run.start_at
    if start is None or _state(run) is not NoticeState.PLANNED:
        return []
    heard_at = max([out_at, *(reply.due_at for reply in told if reply.kind is ReplyKind.MOVED)])
    leads = [lead for lead in sorted(set(run.policy.remind), reverse=True) if lead > timedelta(0)]
    return [
        NoticeReply(
            key=f"remind:{_short(lead)}@{start.astimezone(UTC).isoformat()}",
            kind=ReplyKind.REMINDER,
            due_at=_before(start, lead),
            at=start,
            until=_before(start, after),
        )
        for lead, after in pairwise([*leads, timedelta(0)])
        if _before(start, lead) > heard_at
    ]


def _before(at: datetime, lead: timedelta) -> datetime:
    """That much earlier, in real hours: between readings of one zone Python counts the hours of its clocks."""
    return at.astimezone(UTC) - lead


def _instant(event: UpgradeEvent, name: str) -> datetime | None:
    value = event.data.get(name)
    return datetime.fromisoformat(value) if value else None


def _short(lead: timedelta) -> str:
    """``24h``, ``90m``: of a key, so never changed."""
    minutes, seconds = divmod(int(lead.total_seconds()), 60)
    if seconds:
        return f"{minutes * 60 + seconds}s"
    return f"{minutes}m" if minutes % 60 else f"{minutes // 60}h"
