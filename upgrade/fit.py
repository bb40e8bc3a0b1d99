"""Whether the work of a run fits into the time to work, by its estimate (docs/decisions/0007). Pure.

What does not fit stops nothing: a run that its window cuts off rests, and goes on in the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from upgrade.bake import baked_at, baking_since
from upgrade.estimate import NOTHING, phase_minutes
from upgrade.plan import BakeStep, Phase, Step
from upgrade.run import StepStatus, UpgradeRun
from upgrade.work_times import WorkTimes, work_times_of

_OVER = (StepStatus.DONE, StepStatus.SKIPPED)


def ends_by(run: UpgradeRun, now: datetime) -> datetime | None:
    """When the run is over by the high end of its estimate, windows, freezes and bakes respected; None without a plan.

    A step begins only while the work times are open, and goes on when they close under it (C-38). ``now``: aware.
    """
    if run.plan is None:
        return None
    return max((end for _, end in forecast(run, now).values()), default=begins_at(run, now))


def forecast(run: UpgradeRun, now: datetime) -> dict[str, tuple[datetime, datetime]]:
    """When each step that is left begins and is over, by its id and the high end of its estimate.

    Windows, freezes and bakes are respected; what has begun stands with its beginning. ``now``: aware.
    """
    times, at = work_times_of(run), begins_at(run, now)
    spans: dict[str, tuple[datetime, datetime]] = {}
    for number, phase in enumerate(_left(run)):
        first = phase.steps[0]
        if isinstance(first, BakeStep):
            since = (baking_since(run, first) if number == 0 else None) or at
            spans[first.id] = since, max(at, baked_at(run, first, since))
        else:
            spans |= _phase_spans(run, phase, times, at)
        at = max(at, *(spans[step.id][1] for step in phase.steps))
    return spans


def begins_at(run: UpgradeRun, now: datetime) -> datetime:
    """When the work that is left begins: at the start that is set, or wanted, unless that has come."""
    start = None if run.started_at else run.start_at or run.wanted_at
    return max(now, start) if start else now


def will_not_fit(run: UpgradeRun, now: datetime, *, phase: Phase | None = None) -> str | None:
    """A sentence when the work may last longer than the time to work does; None when it fits, or nothing closes.

    Args:
        now: aware.
        phase: what is about to begin now; a bake always fits. None for all that comes before the first bake, from the
            start of the run on.
    """
    if run.plan is None or (phase is not None and phase.kind == "bake"):
        return None  # a rest goes on while the windows are closed
    times = work_times_of(run)
    opens = times.next_opening(now if phase else begins_at(run, now))
    closes = times.next_closing(opens)
    if closes is None:
        return None
    stretch = takewhile(lambda one: one.kind != "bake", _left(run)) if phase is None else _without_over(run, [phase])
    spans = [phase_minutes(one, run.plan.minutes) for one in stretch]
    low, high = (sum(span[end] for span in spans) for end in (0, 1))
    if opens + timedelta(minutes=high) <= closes:
        return None
    lasts, room = f"{_words(low)} to {_words(high)}", _words((closes - opens) / timedelta(minutes=1))
    where = f"{phase.title}: the work is" if phase else "The work is"
    until = f"it may go on for {room}" if phase else f"from its start it may go on for {room}"
    return f"{where} estimated at {lasts}, and {until}: what has not begun by then waits until work may go on."


def _left(run: UpgradeRun) -> list[Phase]:
    return _without_over(run, run.plan.phases if run.plan else ())


def _without_over(run: UpgradeRun, phases: Sequence[Phase]) -> list[Phase]:
    """Those phases with the steps that are not over; phases without any are left out."""
    left = [
        one.model_copy(update={"steps": tuple(s for s in one.steps if run.step(s.id).status not in _OVER)})
        for one in phases
    ]
    return [one for one in left if one.steps]


def _phase_spans(run: UpgradeRun, phase: Phase, times: WorkTimes, at: datetime) -> dict[str, tuple[datetime, datetime]]:
    """Each step begins in order, as soon as one of ``parallelism`` places is free and work may start."""
    free, spans = [at] * max(1, phase.parallelism), {}
    for step in phase.steps:
        free.sort()
        spans[step.id] = _step_span(run, step, times, free[0])
        free[0] = spans[step.id][1]
    return spans


def _step_span(run: UpgradeRun, step: Step, times: WorkTimes, at: datetime) -> tuple[datetime, datetime]:
    minutes = run.plan.minutes.get(step.id, NOTHING)[1] if run.plan else 0
    state = run.step(step.id)
    if state.started_at is not None and state.status is StepStatus.FOLLOWING:
        return state.started_at, max(at, state.started_at + timedelta(minutes=minutes))
    begins = times.next_opening(at)
    return begins, begins + timedelta(minutes=minutes)


def _words(minutes: float) -> str:
    """``45 minutes``, ``3 hours``, ``2 h 10 min``."""
    hours, rest = divmod(round(minutes), 60)
    if hours < 2:
        return f"{60 * hours + rest} minutes"
    return f"{hours} h {rest} min" if rest else f"{hours} hours"
