"""The phases of a run that has begun: a line each, or tasks of a plan block where the workspace takes those."""

from __future__ import annotations

from typing import Final, Literal

from handlers.views import kit, limits
from handlers.views.limits import Block
from handlers.views.plan import gate_of, minutes_of, phase_line, what_of
from handlers.views.progress import Mark, PhaseProgress, progress_of
from handlers.views.text import duration, esc, straight
from upgrade.plan import UpgradePlan
from upgrade.run import UpgradeRun

Status = Literal["pending", "in_progress", "complete", "error"]

#: Slack has four states, we have more: a word behind the title says which one it is. What waits for people is not
#: under way: Slack lets that turn.
_TASKS: Final[dict[Mark, tuple[Status, str]]] = {
    Mark.DONE: ("complete", ""),
    Mark.RUNNING: ("in_progress", ""),
    Mark.FAILED: ("error", "failed"),
    Mark.BLOCKED: ("error", "blocked"),
    Mark.PAUSED: ("pending", "paused"),
    Mark.WAITING: ("pending", "waits for its approval"),
    Mark.PENDING: ("pending", ""),
}


def phase_lines(run: UpgradeRun) -> list[str]:
    """A line a phase: its mark, what it does, how far it is and how long it took."""
    if run.plan is None:
        return []
    return [line for progress in _told(run, run.plan) for line in _lines(run, run.plan, progress)]


def phase_cards(run: UpgradeRun, plan: UpgradePlan) -> list[Block]:
    """The phases as one plan block; under it, what is under way or stands still, since Slack may fold what a task says.
    Its phase is the task that turns just above, so it is not named again.

    Nothing when they are more than it takes: lines can say how many more there are.
    """
    told = _told(run, plan)
    if len(told) > limits.TASKS:
        return []
    cards = kit.plan(_title(run, plan), [_task(run, plan, progress) for progress in told])
    now = [one for one in told if one.detail and one.mark is not Mark.WAITING]  # that one's title says it all
    lines = [f"{progress.mark} {line}" for progress in now for line in progress.detail.splitlines()]
    return [cards, kit.section(*lines)] if lines else [cards]


def _told(run: UpgradeRun, plan: UpgradePlan) -> list[PhaseProgress]:
    """A verification belongs to what it verifies, but for one that is worth a line."""
    quiet = (Mark.PENDING, Mark.DONE)
    phases = (progress_of(run, phase) for phase in plan.phases)
    return [one for one in phases if one.phase.kind != "verify" or one.mark not in quiet]


def _lines(run: UpgradeRun, plan: UpgradePlan, progress: PhaseProgress) -> list[str]:
    if progress.mark is Mark.PENDING:
        over = run.status.finished  # what will not be done any more takes no time
        line = f"*{esc(progress.phase.title)}*" if over else phase_line(plan, progress.phase)
        return [f"{progress.mark} {line}"]
    parts = (f"*{esc(progress.phase.title)}*", _counts(progress), _took(progress))
    head = f"{progress.mark} {' · '.join(part for part in parts if part)}"
    return [head, *(f"      {line}" for line in progress.detail.splitlines())]


def _title(run: UpgradeRun, plan: UpgradePlan) -> str:
    """A verification belongs to what it verifies, so it is not counted."""
    marks = [progress_of(run, phase).mark for phase in plan.phases if phase.kind != "verify"]
    return f"{marks.count(Mark.DONE)} of {len(marks)} phases done"


def _task(run: UpgradeRun, plan: UpgradePlan, progress: PhaseProgress) -> Block:
    """What is short stands in its title; what a phase is going to do, below it."""
    phase, ahead = progress.phase, progress.mark is Mark.PENDING and not run.status.finished
    status, word = _TASKS[progress.mark]
    if run.status.finished and progress.mark in (Mark.RUNNING, Mark.PAUSED):
        status, word = "pending", "stopped"
    took = minutes_of(plan, phase) if ahead else _took(progress)
    title = " · ".join(part for part in (straight(phase.title), _counts(progress), took, word) if part)
    details = [what_of(phase), gate_of(phase)] if ahead else []
    return kit.task(phase.id, title, status, " · ".join(part for part in details if part))


def _counts(progress: PhaseProgress) -> str:
    begun = progress.mark not in (Mark.DONE, Mark.PENDING)
    return f"{progress.done}/{progress.total}" if begun and progress.total > 1 else ""


def _took(progress: PhaseProgress) -> str:
    if progress.started_at is None or progress.finished_at is None or progress.phase.kind == "announce":
        return ""
    return duration(progress.finished_at - progress.started_at)
