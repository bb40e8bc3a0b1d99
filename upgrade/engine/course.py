"""Where a run stands in its plan and what comes next. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import Final, Literal

from upgrade.announcements import notice_due_at
from upgrade.engine.mix import recall_mix
from upgrade.facts import Value
from upgrade.plan import TRACELESS, ControlPlaneStep, Phase, Step, UpgradePlan
from upgrade.run import AbortPreview, Intent, RunStatus, StepState, StepStatus, UnderWay, UpgradeRun
from upgrade.versions import KubernetesVersion

SETTLED: Final = frozenset({StepStatus.DONE, StepStatus.SKIPPED})
#: How long before its start a scheduled run looks at its cluster (docs/decisions/0007).
LOOKS_AHEAD: Final = (timedelta(hours=24), timedelta(hours=2))
#: How late a run may begin; later than that a person is asked (docs/decisions/0007).
START_GRACE: Final = timedelta(minutes=15)
#: A look at the delivery of the notice, at Slack's return and at a cluster that another run holds.
LOOK_AGAIN: Final = timedelta(seconds=15)

#: How long a step may take before it is told as slow (C-40…C-43); never a failure. A node group has as much again
#: for each node, since a stubborn drain alone may take 15 minutes (D-03).
BUDGETS: Final = {
    "announce": timedelta(minutes=10),
    "control-plane": timedelta(minutes=45),
    "addon": timedelta(minutes=15),
    "nodegroup": timedelta(minutes=20),
    "confirm": timedelta(days=7),
    "verify": timedelta(minutes=20),
    "bake": timedelta.max,  # it says itself when it is over
}


class LookAtCluster(Value):
    """Take a snapshot and check it: for the start, ahead of it, or for a phase that is about to begin."""

    kind: Literal["look-at-cluster"] = "look-at-cluster"
    phase: str | None = None
    ahead: bool = False


class AttendStep(Value):
    """Look at a step; start it when nothing was started yet and ``may_start``."""

    kind: Literal["attend-step"] = "attend-step"
    step_id: str
    may_start: bool


Work = LookAtCluster | AttendStep


def back_off(errors: int) -> timedelta:
    """2, 4, 8 … at most 60 seconds of domain time after that many errors in a row (C-16)."""
    return timedelta(seconds=min(60, 2 ** min(errors, 6)))


def step_token(run_id: str, step_id: str, attempt: int) -> str:
    """The ``clientRequestToken`` of a step: the same after a crash, another after Retry (DESIGN 4)."""
    return hashlib.sha256(f"{run_id}\n{step_id}\n{attempt}".encode()).hexdigest()


def budget(step: Step, nodes: int | None) -> timedelta:
    """How long ``step`` may take before it is told as slow. ``nodes``: how many nodes its group has, if known."""
    allowed = BUDGETS[step.kind]
    return allowed + timedelta(minutes=15) * (nodes or 0) if step.kind == "nodegroup" else allowed


def effective_phases(run: UpgradeRun) -> tuple[Phase, ...]:
    """The phases of the plan, each C-06 branch that was taken put in front of its control plane."""
    if run.plan is None:
        return ()
    phases: list[Phase] = []
    for phase in run.plan.phases:
        phases += [_branch_phase(s) for s in phase.steps if isinstance(s, ControlPlaneStep) and s.id in run.branches]
        phases.append(phase)
    return tuple(phases)


def _branch_phase(step: ControlPlaneStep) -> Phase:
    title = f"Node groups that must match before {step.version}"
    return Phase(id=f"nodes-before/{step.id}", kind="nodes", title=title, steps=step.if_groups_must_match)


def settled(run: UpgradeRun, phase: Phase) -> bool:
    return all(run.step(step.id).status in SETTLED for step in phase.steps)


def current_phase(run: UpgradeRun) -> Phase | None:
    """The first phase with something left to do; None when all is done."""
    return next((phase for phase in effective_phases(run) if not settled(run, phase)), None)


def phase_of(run: UpgradeRun, step_id: str) -> Phase:
    """Raises KeyError."""
    for phase in effective_phases(run):
        if any(step.id == step_id for step in phase.steps):
            return phase
    raise KeyError(step_id)


def under_way(run: UpgradeRun) -> tuple[UnderWay, ...]:
    """Steps whose call to AWS was made, or may have been made, and has not ended."""
    return tuple(
        UnderWay(step_id=step_id, update_id=state.update_id)
        for step_id, state in run.steps.items()
        if (state.status is StepStatus.STARTING and run.plan is not None and run.plan.updates(step_id))
        or (state.status is StepStatus.FOLLOWING and state.update_id is not None)
    )


def active(run: UpgradeRun) -> tuple[tuple[str, StepState], ...]:
    """Steps that want to be looked at: started, followed, or blocked by something that passes by itself."""
    wanted = {StepStatus.STARTING, StepStatus.FOLLOWING, StepStatus.BLOCKED}
    return tuple(
        (step_id, state) for step_id, state in run.steps.items() if state.status in wanted and not state.needs_person
    )


def failed_steps(run: UpgradeRun) -> tuple[str, ...]:
    return tuple(step_id for step_id, state in run.steps.items() if state.status is StepStatus.FAILED)


def is_under_way(run: UpgradeRun) -> bool:
    """Whether it has begun and is not over, also while it stands at a gate."""
    waits = run.status is RunStatus.AWAITING_APPROVAL and run.started_at is not None
    return waits or run.status in (RunStatus.RUNNING, RunStatus.PAUSED)


def may_start(run: UpgradeRun) -> bool:
    """Whether anything new may start: running, nobody asked to stop, no hold, nothing failed, nothing told as slow."""
    return (
        run.status is RunStatus.RUNNING
        and run.intent is Intent.GO
        and not run.holds
        and run.blocked_phase is None
        and not any(
            state.status is StepStatus.FAILED or state.needs_person or (state.slow_told and state.finished_at is None)
            for state in run.steps.values()
        )
    )


def is_closed(run: UpgradeRun, phase: Phase) -> bool:
    """Whether the phase has a gate that was not passed."""
    return phase.gate is not None and phase.gate not in run.gates_passed


def opens_alone(run: UpgradeRun, phase: Phase) -> bool:
    """Whether the phase has a gate that was not passed, and that opens by itself if all signals are green."""
    return is_closed(run, phase) and phase.gate_terms is not None and phase.gate_terms.unattended


def must_check(run: UpgradeRun, phase: Phase) -> bool:
    """Whether the cluster is looked at again right before ``phase``.

    Always before a control plane or nodes, which cannot be undone, and at a gate that may open by itself; before
    add-ons when something is known that stops them. The look at the start covers the first phase that changes anything,
    unless people or a hold came between.
    """
    if phase.id in run.phases_checked or any(
        run.step(step.id).status is not StepStatus.PENDING for step in phase.steps
    ):
        return False
    if is_closed(run, phase):
        return opens_alone(run, phase)
    if phase.kind == "add-ons":
        return run.report is None or any({"all", "add-ons"} & set(f.stops) for f in run.report.blockers)
    return phase.kind in ("control-plane", "nodes")


def first_change(run: UpgradeRun) -> Phase | None:
    """The first phase that changes anything."""
    return next((p for p in effective_phases(run) if p.steps and p.kind not in TRACELESS), None)


def next_work(run: UpgradeRun, now: datetime) -> Work | None:
    """The one thing to do now, or None: followed steps first, then whatever may start."""
    if run.status.finished:
        return None
    if run.status is RunStatus.CHECKING:
        return LookAtCluster() if run.next_due_at is None or run.next_due_at <= now else None
    if run.status is RunStatus.SCHEDULED:
        ahead = look_ahead_at(run, now)
        return LookAtCluster(ahead=True) if ahead is not None and ahead <= now else None
    for step_id, state in active(run):
        if state.due_at is None or state.due_at <= now:
            return AttendStep(step_id=step_id, may_start=may_start(run))
    return _startable(run, now) if may_start(run) else None


def _startable(run: UpgradeRun, now: datetime) -> Work | None:
    phase = current_phase(run)
    if phase is not None and must_check(run, phase):
        due = run.next_due_at is None or run.next_due_at <= now or run.check_errors == 0
        return LookAtCluster(phase=phase.id) if due else None
    if phase is None or is_closed(run, phase):
        return None
    taken = {step_id for step_id, _ in active(run)}
    if len(taken) >= phase.parallelism:
        return None
    for step in phase.steps:
        state = run.step(step.id)
        if state.status is StepStatus.PENDING and (state.due_at is None or state.due_at <= now):
            return AttendStep(step_id=step.id, may_start=True)
        if state.status is StepStatus.PENDING:
            return None
    return None


def next_due_at(run: UpgradeRun, now: datetime) -> datetime | None:
    """When the run wants to be looked at next without anybody asking; None when only people can move it."""
    match run.status:
        case status if status.finished:
            return None
        case RunStatus.CHECKING:
            return run.next_due_at if run.check_errors else now
        case RunStatus.BLOCKED | RunStatus.AWAITING_APPROVAL if not under_way(run):
            return min((at for at in (run.expires_at, _opens_at(run)) if at is not None), default=None)
        case RunStatus.SCHEDULED:
            return _scheduled_due_at(run, now)
    dues = [state.due_at or now for _, state in active(run)]
    if may_start(run) and (phase := current_phase(run)) is not None and len(active(run)) < phase.parallelism:
        pending = [run.step(step.id) for step in phase.steps if run.step(step.id).status is StepStatus.PENDING]
        if run.check_errors and must_check(run, phase):
            dues.append(run.next_due_at or now)
        elif pending:
            dues.append(pending[0].due_at or now)
    if "slack" in run.holds:
        dues.append(now + LOOK_AGAIN)
    if (opens_at := _opens_at(run)) is not None:
        dues.append(opens_at)
    return min(dues, default=None)


def _opens_at(run: UpgradeRun) -> datetime | None:
    return run.window_opens_at if is_under_way(run) and "window" in run.holds else None


def look_ahead_at(run: UpgradeRun, now: datetime) -> datetime | None:
    """When a scheduled run looks at its cluster ahead of its start; None when no such look is left.

    Only looks that are due after it was scheduled count. Of those that a downtime slept through, one does for all.
    """
    waits = run.status is RunStatus.SCHEDULED and run.intent is Intent.GO and not run.missed_start
    if not waits or run.start_at is None or run.scheduled_at is None or run.start_at <= now:
        return None
    if run.check_errors and run.looked_ahead_at is not None:
        return run.looked_ahead_at + back_off(run.check_errors)
    known = max(run.scheduled_at, run.looked_ahead_at or run.scheduled_at)
    return min((at for lead in LOOKS_AHEAD if (at := run.start_at - lead) > known), default=None)


def _scheduled_due_at(run: UpgradeRun, now: datetime) -> datetime | None:
    if run.missed_start:
        return run.expires_at
    dues = []
    if run.start_at is not None:
        due_at = run.start_at + START_GRACE if run.intent is Intent.PAUSE else run.start_at
        # After it another run holds the cluster, or a person the run.
        dues.append(due_at if due_at > now else now + LOOK_AGAIN)
    if (ahead := look_ahead_at(run, now)) is not None:
        dues.append(max(ahead, now))
    notice_due = notice_due_at(run)
    if run.notice_at is None and notice_due is not None:
        dues.append(max(notice_due, now + LOOK_AGAIN))
    return min(dues, default=None)


def reached_version(run: UpgradeRun) -> KubernetesVersion | None:
    """The version that the control plane has, counting an update under way as done."""
    if run.plan is None:
        return None
    coming = {*SETTLED, StepStatus.STARTING, StepStatus.FOLLOWING}
    reached = [
        step.version
        for _, step in run.plan.steps()
        if isinstance(step, ControlPlaneStep) and run.step(step.id).status in coming
    ]
    return max(reached, default=run.plan.from_version)


def seen_version(run: UpgradeRun) -> tuple[datetime, KubernetesVersion] | None:
    """When the run saw last which version the control plane has; None before it looked."""
    seen = [(run.report.taken_at, run.report.from_version)] if run.report else []
    for _, step in run.plan.steps() if run.plan else ():
        state = run.step(step.id)
        if isinstance(step, ControlPlaneStep) and state.status in SETTLED and state.finished_at:
            seen.append((state.finished_at, step.version))
    return max(seen, default=None)


def abort_preview(run: UpgradeRun) -> AbortPreview:
    """What an abort would leave behind."""
    steps = [step for phase in effective_phases(run) for step in phase.steps if step.kind not in TRACELESS]
    going = under_way(run)
    ids_going = {one.step_id for one in going}
    groups = [step for step in steps if step.kind == "nodegroup" and run.step(step.id).status not in SETTLED]
    return AbortPreview(
        under_way=going,
        control_plane=reached_version(run),
        node_groups=tuple(mix for step in groups if (mix := recall_mix(step, run.step(step.id).memory))),
        done=tuple(step.id for step in steps if run.step(step.id).status in SETTLED),
        not_done=tuple(
            step.id for step in steps if run.step(step.id).status not in SETTLED and step.id not in ids_going
        ),
    )


def remaining_plan(run: UpgradeRun) -> UpgradePlan:
    """What is left of the approved plan, for checks that are made half-way. Raises ValueError without a plan."""
    if run.plan is None:
        raise ValueError("the run has no plan yet")
    done = [
        step.version
        for _, step in run.plan.steps()
        if isinstance(step, ControlPlaneStep) and run.step(step.id).status in SETTLED
    ]
    phases = tuple(
        phase.model_copy(update={"steps": left})
        for phase in effective_phases(run)
        if (left := tuple(step for step in phase.steps if run.step(step.id).status not in SETTLED))
    )
    return run.plan.model_copy(update={"phases": phases, "from_version": max(done, default=run.plan.from_version)})
