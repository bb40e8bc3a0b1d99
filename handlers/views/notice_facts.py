"""What the words of a notice are made of: plain strings, numbers and instants, whatever language or template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from handlers.views.progress import length, phase_number
from upgrade.announcements import Notice, NoticeState
from upgrade.estimate import total_minutes
from upgrade.fit import ends_by
from upgrade.plan import Step
from upgrade.run import StepState, StepStatus, UpgradeRun
from upgrade.work_times import work_times_of

#: Windows that are told; whoever needs more follows the run.
_WINDOWS = 8
_SETTLED = (StepStatus.DONE, StepStatus.SKIPPED)


@dataclass(frozen=True)
class Rest:
    """A rest of the plan, before the next ``hop`` or before ``nodes``: so long, until the next window, or both."""

    version: str
    before: str
    lasts: timedelta
    next_window: bool


@dataclass(frozen=True)
class Also:
    """Another maintenance that was announced in the thread of this notice."""

    cluster: str
    from_version: str
    to_version: str
    state: str
    start_at: datetime | None


@dataclass(frozen=True)
class NoticeFacts:
    """The facts of a notice. Texts of others (names, owners) are as they came: escape them.

    Args:
        state: as ``upgrade.announcements.NoticeState``.
        owner: whom to ask, as configured; empty when nobody is.
        start_at: None while no start is set.
        goes_on_at: when it goes on by itself; None unless it stands still and does.
        ends_by: the expected end by the high end of the estimate, up to full five minutes.
        minutes: (low, high) of the work alone, without rests and closed windows.
        windows: the times in which it works, when there are maintenance windows or freezes: (from, until).
        rests: where it waits on purpose.
        effects: what people may notice and alerts may fire for: ``api``, ``add-ons``, ``nodes``.
        thread: the address of the run's thread; empty before it exists.
        phase, phases: the one under way, counted from 1, and how many there are.
        finished_at, took: of a run that is over, when it had begun.
        changed: whether anything was changed.
        missing: what a run that ended early left undone: (kind of step, how many).
        also: other maintenances announced in its thread.
    """

    state: str
    cluster: str
    region: str
    environment: str
    owner: str
    from_version: str
    to_version: str
    start_at: datetime | None = None
    goes_on_at: datetime | None = None
    ends_by: datetime | None = None
    minutes: tuple[float, float] = (0.0, 0.0)
    windows: tuple[tuple[datetime, datetime], ...] = ()
    rests: tuple[Rest, ...] = ()
    effects: tuple[str, ...] = ()
    thread: str = ""
    phase: int = 0
    phases: int = 0
    finished_at: datetime | None = None
    took: timedelta | None = None
    changed: bool = False
    missing: tuple[tuple[str, int], ...] = ()
    also: tuple[Also, ...] = ()

    @property
    def over(self) -> bool:
        return self.state in (NoticeState.FINISHED, NoticeState.STOPPED, NoticeState.CALLED_OFF)


def notice_facts(
    notice: Notice,
    run: UpgradeRun,
    *,
    environment: str | None = None,
    owner: str | None = None,
    thread: str | None = None,
    also: Sequence[Also] = (),
    now: datetime,
) -> NoticeFacts:
    """Gather them.

    Args:
        environment, owner: of the cluster, as configured.
        thread: the address of the run's thread, once it exists.
        also: other maintenances announced in the thread of this notice.
        now: domain time, aware, for the expected end.
    """
    number, total = phase_number(run)
    ahead = not run.status.finished and (run.started_at is not None or run.start_at is not None)
    end = _rounded(ends_by(run, now)) if ahead else None
    steps = _changing(run)
    left = Counter(step.kind for step, state in steps if state.status not in _SETTLED)
    return NoticeFacts(
        state=notice.state.value,
        cluster=notice.cluster.name,
        region=notice.cluster.region,
        environment=environment or "",
        owner=owner or "",
        from_version=str(notice.from_version),
        to_version=str(notice.to_version),
        start_at=notice.start_at,
        goes_on_at=notice.goes_on_at,
        ends_by=end,
        minutes=total_minutes(run.plan) if run.plan else (0.0, 0.0),
        windows=_windows(run, now, end),
        rests=tuple(Rest(str(one.version), one.before, one.lasts, one.next_window) for one in notice.rests),
        effects=tuple(effect.value for effect in notice.effects),
        thread=thread or "",
        phase=number,
        phases=total,
        finished_at=run.finished_at,
        took=length(run),
        changed=any(state.token is not None for _, state in steps),
        missing=tuple(left.items()),
        also=tuple(also),
    )


def also_of(notice: Notice) -> Also:
    """A notice as the one above it lists it."""
    return Also(
        cluster=notice.cluster.name,
        from_version=str(notice.from_version),
        to_version=str(notice.to_version),
        state=notice.state.value,
        start_at=notice.start_at,
    )


def _changing(run: UpgradeRun) -> list[tuple[Step, StepState]]:
    """The steps that start an update, and where they stand."""
    plan = run.plan
    return [(step, run.step(step.id)) for _, step in plan.steps() if plan.updates(step.id)] if plan else []


def _windows(run: UpgradeRun, now: datetime, end: datetime | None) -> tuple[tuple[datetime, datetime], ...]:
    since = run.started_at or run.start_at
    times = work_times_of(run)
    if since is None or end is None or not (times.windows or times.freezes):
        return ()
    # The one under way is told from its opening, or the start in it, on: the notice stands until something happens.
    ahead = ((opens, closes) for opens, closes in times.spans(since, end) if closes > now)
    return tuple(islice(ahead, _WINDOWS))


def _rounded(at: datetime | None) -> datetime | None:
    """Up to full five minutes: nobody plans by seconds, and the notice is not edited for them."""
    return None if at is None else datetime.fromtimestamp(-(-at.timestamp() // 300) * 300, UTC)
