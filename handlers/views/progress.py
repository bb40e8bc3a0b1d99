"""Where a run stands, as people say it: pure readings of a run and its plan, shared by every view."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from handlers.views.limits import fit
from handlers.views.rests import holding_freeze, progress_line, rest_taken
from handlers.views.text import about, count, duration, esc, local_time
from handlers.views.titles import gate_title, in_words, step_title, title_of
from upgrade.estimate import Basis, basis_of, total_minutes
from upgrade.findings import Finding, without_waived
from upgrade.gates import PLAN_GATE
from upgrade.plan import ControlPlaneStep, Phase, Step, UpgradePlan
from upgrade.reports.outline import objects
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun

#: Characters of a status line and of a step's detail; the whole story is in the thread.
_LINE: Final = 300
_DETAIL: Final = 500
#: What an estimate is made from, behind it.
_BASES: Final[Mapping[Basis, str]] = {
    Basis.OWN: "from this cluster's past",
    Basis.PARTLY: "partly from this cluster's past",
    Basis.QUOTED: "from quoted ranges",
}
#: Cells of the bar that shows how much of a run is done: fits beside its words on a phone.
_CELLS: Final = 10


class Mark(StrEnum):
    DONE = "✅"
    RUNNING = "🔄"
    PENDING = "⬜"
    FAILED = "❌"
    BLOCKED = "⛔"
    PAUSED = "⏸️"
    STOPPED = "⏹️"
    WAITING = "✋"
    CLOCK = "🕒"
    LOOKING = "🔎"
    WARNING = "⚠️"
    UNKNOWN = "❔"


class Minutes(NamedTuple):
    low: float
    high: float

    def __str__(self) -> str:
        return about(self.low, self.high)


class PhaseProgress(NamedTuple):
    """How far a phase is. ``detail`` is mrkdwn: the steps under way, or why it stands still."""

    phase: Phase
    mark: Mark
    done: int
    total: int
    detail: str
    started_at: datetime | None
    finished_at: datetime | None


def way(plan: UpgradePlan) -> str:
    """``1.34 → 1.36``; ``to 1.36`` when the control plane is there already, and the rest follows."""
    there = plan.from_version == plan.to_version
    return f"to {plan.to_version}" if there else f"{plan.from_version} → {plan.to_version}"


def versions(run: UpgradeRun) -> str:
    """``1.34 → 1.36``; before there is a plan, what was asked for."""
    if run.plan is not None:
        return way(run.plan)
    target = str(run.request.target) if run.request.target else "the next minor"
    return f"{run.report.from_version} → {run.report.target}" if run.report else f"to {target}"


def minutes_left(run: UpgradeRun) -> Minutes:
    """The estimate of the phases that are not finished; a step that is over counts no more."""
    if run.plan is None:
        return Minutes(0.0, 0.0)
    return Minutes(*total_minutes(_left_of(run, run.plan)))


def _left_of(run: UpgradeRun, plan: UpgradePlan) -> UpgradePlan:
    """The plan without the steps that are over."""
    over = (StepStatus.DONE, StepStatus.SKIPPED)
    left = tuple(
        phase.model_copy(update={"steps": tuple(s for s in phase.steps if run.step(s.id).status not in over)})
        for phase in plan.phases
    )
    return plan.model_copy(update={"phases": left})


def estimate_basis(plan: UpgradePlan) -> str:
    """What the estimate of a plan is made from; nothing when that is not known."""
    basis = basis_of(plan)
    return _BASES[basis] if basis else ""


def work_line(run: UpgradeRun) -> list[str]:
    """How much of the work is done, by the estimate of its steps; nothing before its start and after its end."""
    if run.plan is None or run.started_at is None or run.status.finished:
        return []
    whole, left = sum(total_minutes(run.plan)), sum(minutes_left(run))
    if not whole:  # people do all of it
        return []
    percent = int(100 * (whole - left) // whole)
    full = percent * _CELLS // 100
    return [f"{'▰' * full}{'▱' * (_CELLS - full)} {percent} % of the work done"]


def steps_of(run: UpgradeRun, phase: Phase) -> tuple[Step, ...]:
    """The steps of a phase, with those that a C-06 branch put in front of a control-plane step."""
    steps: list[Step] = []
    for step in phase.steps:
        if isinstance(step, ControlPlaneStep):
            taken = run.branches.get(step.id, ())
            steps += [branch for branch in step.if_groups_must_match if branch.id in taken]
        steps.append(step)
    return tuple(steps)


def progress_of(run: UpgradeRun, phase: Phase) -> PhaseProgress:
    steps = steps_of(run, phase)
    states = [(step, run.step(step.id)) for step in steps]
    done = sum(state.status in (StepStatus.DONE, StepStatus.SKIPPED) for _, state in states)
    starts = [state.started_at for _, state in states if state.started_at]
    ends = [state.finished_at for _, state in states if state.finished_at]
    started_at = min(starts, default=None)
    mark, detail = Mark.PENDING, ""
    if done == len(states):
        return PhaseProgress(phase, Mark.DONE, done, done, "", started_at, max(ends, default=None))
    if run.waiting_for is not None and run.waiting_for == phase.gate:
        mark, detail = Mark.WAITING, "waits for its approval"
    elif any(state.status is StepStatus.FAILED for _, state in states):
        mark = Mark.FAILED
    elif any(state.status is StepStatus.BLOCKED for _, state in states):
        mark = Mark.BLOCKED
    elif any(state.status in (StepStatus.STARTING, StepStatus.FOLLOWING) for _, state in states):
        mark = Mark.RUNNING
    elif done:
        mark = Mark.PAUSED if run.status is RunStatus.PAUSED else Mark.RUNNING
    return PhaseProgress(phase, mark, done, len(states), detail or _under_way(run, phase), started_at, None)


def _under_way(run: UpgradeRun, phase: Phase) -> str:
    lines = []
    steps = steps_of(run, phase)
    for step in steps:
        state = run.step(step.id)
        if state.status in (StepStatus.STARTING, StepStatus.FOLLOWING):
            if len(steps) > 1:
                lines.append(f"{step_title(step)}: {progress_line(run, step.id) or 'under way'}")
            elif state.progress:
                lines.append(progress_line(run, step.id))
        elif state.status in (StepStatus.BLOCKED, StepStatus.FAILED):
            why = "; ".join(state.reasons) or state.progress or state.status.value
            lines.append(f"{step_title(step)}: {fit(esc(why), _DETAIL)}")
    return "\n".join(lines)


def phase_number(run: UpgradeRun) -> tuple[int, int]:
    """(phase under way, phases), counted from 1 as the plan shows them: a verification belongs to what it verifies."""
    phases = run.plan.phases if run.plan else ()
    total = sum(phase.kind != "verify" for phase in phases)
    number = 0
    for phase in phases:
        number += phase.kind != "verify"
        if progress_of(run, phase).mark is not Mark.DONE:
            return max(number, 1), total
    return total, total


def under_way(run: UpgradeRun) -> tuple[str, ...]:
    """Titles of the steps that EKS has something under way for, also those of a C-06 branch."""
    acting = (StepStatus.STARTING, StepStatus.FOLLOWING)
    return tuple(
        title_of(run.plan, step_id)
        for step_id, state in run.steps.items()
        if state.status in acting and run.plan is not None and run.plan.updates(step_id)
    )


def approvals_given(run: UpgradeRun) -> int:
    """Approvals that count for the gate that is open."""
    digest = run.plan.digest if run.plan else ""
    return len({a.by for a in run.approvals if a.gate == run.waiting_for and a.digest == digest})


def status_line(run: UpgradeRun) -> str:
    """One line of mrkdwn: a mark, the status and what matters now."""
    if not run.status.finished and run.intent is Intent.ABORT:
        going = under_way(run)
        after = f": {', '.join(going)} will still finish" if going else ""
        return f"{Mark.STOPPED} Stopping for good{after}"
    if run.status is RunStatus.RUNNING and run.intent is Intent.PAUSE:
        going = under_way(run)
        return f"{Mark.PAUSED} Pausing: {', '.join(going)} will finish first" if going else f"{Mark.PAUSED} Pausing"
    say = _STATUS_LINES[run.status]
    line = say if isinstance(say, str) else say(run)
    if run.intent is Intent.PAUSE and run.started_at is None and not run.status.finished:
        held = "it does not start before somebody resumes it"
        return f"{Mark.PAUSED} Paused: {held}" if run.status is RunStatus.SCHEDULED else f"{line} · paused: {held}"
    return line


class Blockers(NamedTuple):
    """What is in the way of a run: of its start or of the phase it stands at, and of a later phase only."""

    now: tuple[Finding, ...]
    later: tuple[Finding, ...]


def blockers_of(run: UpgradeRun) -> Blockers:
    """The findings in the way, without those that were waived. The run's reasons tell which ones count now."""
    left = without_waived(run.report.blockers, run.waivers) if run.report else ()
    now = [one for one in left if f"{one.code} {one.subject}: {one.summary}" in run.pause_reasons]
    return Blockers(tuple(now), tuple(one for one in left if one not in now))


def _blocked(run: UpgradeRun) -> str:
    now, later = blockers_of(run)
    at_once = objects(now)
    ahead = objects((*now, *later)) - at_once
    why = f" by {count(at_once, 'finding')}" if now else f": {in_words(run.plan, '; '.join(run.pause_reasons))}"
    more = f"; {ahead} more would stop a later phase" if now and ahead else ""
    return f"{Mark.BLOCKED} Blocked{why}{more}"


def _awaiting(run: UpgradeRun) -> str:
    needed = run.plan.approvals if run.plan else run.policy.approvals
    gate = f" of {gate_title(run, run.waiting_for)}" if run.waiting_for not in (None, PLAN_GATE) else ""
    given = f" ({approvals_given(run)} of {needed} given)" if needed > 1 else ""
    until = f" until {local_time(run.expires_at)}" if run.expires_at else ""
    wanted = run.started_at is None and run.wanted_at
    start = f", start wanted {local_time(wanted)}" if wanted else ""
    return f"{Mark.WAITING} Waiting for approval{gate}{given}{until}{start}"


def _running(run: UpgradeRun) -> str:
    if "window" in run.holds:
        return _held(run)
    if "slack" in run.holds:
        return f"{Mark.CLOCK} Waiting until Slack can be relied on"
    going = [step_id for step_id, state in run.steps.items() if state.status is StepStatus.FOLLOWING]
    if going and all(step_id.startswith("confirm/") for step_id in going):
        return f"{Mark.WAITING} Waiting for a person: {', '.join(title_of(run.plan, step_id) for step_id in going)}"
    if going and all(step_id.startswith("bake") for step_id in going):
        return f"{Mark.CLOCK} Resting: {fit('; '.join(progress_line(run, one) for one in going), _LINE)}"
    number, total = phase_number(run)
    left = minutes_left(run)
    basis = estimate_basis(_left_of(run, run.plan)) if run.plan else ""
    estimate = f" · about {left} left{', ' if basis else ''}{basis}" if left.high else ""
    return f"{Mark.RUNNING} Running, phase {number} of {total}{estimate}"


def _paused(run: UpgradeRun) -> str:
    failed = [step_id for step_id, state in run.steps.items() if state.status is StepStatus.FAILED]
    reasons = [f"{title_of(run.plan, step_id)} failed." for step_id in failed] or [
        in_words(run.plan, one) for one in run.pause_reasons
    ]
    why = f": {fit(' '.join(reasons), _LINE)}" if reasons else ""
    going = under_way(run)
    after = f" {', '.join(going)} will still finish." if going else ""
    return f"{Mark.PAUSED} Paused{why}{after}"


def _rejected(run: UpgradeRun) -> str:
    if run.plan is None and run.pause_reasons:
        return f"{Mark.STOPPED} Not started: {esc(' '.join(run.pause_reasons))}"
    why = f": {fit(esc(' '.join(run.pause_reasons)), _LINE)}" if run.pause_reasons else ""
    return f"{Mark.STOPPED} Rejected{why}"


def _expired(run: UpgradeRun) -> str:
    why = f": {fit(esc(' '.join(run.pause_reasons)), _LINE)}" if run.pause_reasons else ""
    return f"{Mark.STOPPED} Expired{why}"


def _held(run: UpgradeRun) -> str:
    """What its work times hold it with, and until when."""
    freeze = holding_freeze(run)
    opens = f" until {local_time(run.window_opens_at)}" if run.window_opens_at else ""
    if freeze is not None:
        return f"{Mark.CLOCK} Held by the freeze “{esc(freeze.name)}”{opens}"
    return f"{Mark.CLOCK} Waiting for the maintenance window{opens.replace(' until', ', which opens')}"


def _scheduled(run: UpgradeRun) -> str:
    if run.missed_start:
        missed = f" {local_time(run.start_at)}" if run.start_at else ""
        return f"{Mark.WARNING} The start{missed} was missed: it waits for somebody to say when"
    if "window" in run.holds:
        return _held(run)
    freeze = holding_freeze(run)
    frozen = f", held back by the freeze “{esc(freeze.name)}”" if freeze else ""
    return f"{Mark.CLOCK} Starts {local_time(run.start_at)}{frozen}" if run.start_at else f"{Mark.CLOCK} Scheduled"


def _succeeded(run: UpgradeRun) -> str:
    took, rested = length(run), rest_taken(run)
    if took is None:
        return f"{Mark.DONE} Done"
    rest = f", and {duration(rested)} of rest" if rested else ""
    return f"{Mark.DONE} Done in {duration(took - rested)}{rest}"


def length(run: UpgradeRun) -> timedelta | None:
    """How long the work took, from its start to its end."""
    return run.finished_at - run.started_at if run.started_at and run.finished_at else None


_STATUS_LINES: Final[Mapping[RunStatus, str | Callable[[UpgradeRun], str]]] = {
    RunStatus.CHECKING: f"{Mark.LOOKING} Checking",
    RunStatus.BLOCKED: _blocked,
    RunStatus.AWAITING_APPROVAL: _awaiting,
    RunStatus.SCHEDULED: _scheduled,
    RunStatus.RUNNING: _running,
    RunStatus.PAUSED: _paused,
    RunStatus.SUCCEEDED: _succeeded,
    RunStatus.FAILED: f"{Mark.FAILED} Given up",
    RunStatus.ABORTED: f"{Mark.STOPPED} Aborted",
    RunStatus.REJECTED: _rejected,
    RunStatus.EXPIRED: _expired,
}
