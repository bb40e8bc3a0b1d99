"""When a run rests on purpose: windows, freezes and bakes, as people read them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from handlers.views.text import code, duration, esc, local_time, person
from upgrade.bake import baked_at, baking_since
from upgrade.freeze import Freeze
from upgrade.plan import BakeStep, UpgradePlan
from upgrade.run import RunStatus, UpgradeRun
from upgrade.work_times import WorkTimes, work_times_of


def holding_freeze(run: UpgradeRun) -> Freeze | None:
    """The freeze that keeps a run from going on, or its start from coming; of several the one that ends last.

    Half way, what it waits for lies between the last thing that happened in it and the next opening.
    """
    until = run.window_opens_at if "window" in run.holds else None
    if until is None:
        starts = (run.start_at, run.wanted_at) if run.started_at is None and run.status is RunStatus.SCHEDULED else ()
        held = (work_times_of(run).freeze_at(start) for start in starts if start is not None)
        return next(filter(None, held), None)
    known = (at for state in run.steps.values() for at in (state.started_at, state.finished_at))
    since = max(at for at in (run.created_at, run.start_at, run.started_at, *known) if at is not None)
    freezes = [one for one in work_times_of(run).freezes if one.starts_at < until and one.ends_at > since]
    return max(freezes, key=lambda one: one.ends_at, default=None)


def rest_taken(run: UpgradeRun) -> timedelta:
    """How long the run rested in bakes that are over: that is no work."""
    bakes = [run.step(step.id) for _, step in run.plan.steps() if step.kind == "bake"] if run.plan else []
    spans = [one.finished_at - one.started_at for one in bakes if one.started_at and one.finished_at]
    return sum(spans, timedelta(0))


def progress_line(run: UpgradeRun, step_id: str) -> str:
    """What a step says of itself, as mrkdwn; of a bake, until when in each reader's time zone."""
    said, steps = run.step(step_id).progress, run.plan.steps() if run.plan else ()
    bake = next((step for _, step in steps if isinstance(step, BakeStep) and step.id == step_id), None)
    since = baking_since(run, bake) if bake else None
    if not said or bake is None or since is None:
        return esc(said)
    return f"Watching {bake.version} until {local_time(baked_at(run, bake, since))}."


def rest_of(step: BakeStep) -> str:
    """How long a bake is planned to last: ``24 h``, ``until the next window``, or both."""
    lasts = [f"for {duration(step.lasts)}"] if step.lasts else []
    return " and ".join([*lasts, *(["until the next window"] if step.next_window else [])])


def rests_of(plan: UpgradePlan) -> str:
    """The bakes of a plan, each as ``rest_of`` has it; nothing when it has none."""
    return " and ".join(dict.fromkeys(rest_of(step) for _, step in plan.steps() if isinstance(step, BakeStep)))


def windows_line(times: WorkTimes) -> str:
    """Where the windows are, in the cluster's own time zone; nothing when it may be worked on at any time."""
    windows = ", ".join(map(code, times.windows))
    return f"Windows ({esc(times.time_zone)}): {windows}" if windows else ""


def freeze_line(freeze: Freeze) -> str:
    span = f"{local_time(freeze.starts_at)} to {local_time(freeze.ends_at)}"
    return f"Freeze “{esc(freeze.name)}”, {span}: {esc(freeze.reason)}"


def lifters_line(freeze: Freeze) -> str:
    """Who may let a run go on in it."""
    if not freeze.lifters:
        return "Nobody may lift it."
    return f"May lift it: {', '.join(map(person, freeze.lifters[:10]))}"


def work_times_lines(times: WorkTimes, since: datetime | None = None) -> list[str]:
    """Windows and freezes; ``since``: freezes that ended by then are left out."""
    ahead: Sequence[Freeze] = [one for one in times.freezes if since is None or one.ends_at > since]
    window = windows_line(times)
    return [*([window] if window else []), *map(freeze_line, ahead)]


def until_start(at: datetime, now: datetime | None) -> str:
    """``, in 3 d 4 h``; nothing when it is not said what time it is, or when the start has come."""
    return f", in {duration(at - now)}" if now is not None and at > now else ""
