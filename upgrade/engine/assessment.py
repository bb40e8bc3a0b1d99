"""Judge a cluster for a request: the plan, the report, and what cannot be planned. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from upgrade.checks import run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.engine.course import SETTLED, remaining_plan, under_way
from upgrade.errors import NothingToDo, TargetNotOffered, UpgradeError
from upgrade.estimate import PastDuration
from upgrade.facts import Value
from upgrade.findings import Finding, Report, findings_stopping
from upgrade.plan import (
    AddonStep,
    ControlPlaneStep,
    NodegroupStep,
    Phase,
    PlanRequest,
    Scope,
    UpgradePlan,
    UpgradePolicy,
    Waiver,
)
from upgrade.planner import plan_upgrade
from upgrade.rest import difference
from upgrade.run import StepStatus, UpgradeRun
from upgrade.versions import KubernetesVersion


class Assessment(Value):
    """``problem`` is the sentence that says why there is no plan; None when there is one.

    ``impossible``: the request itself cannot be met, so that looking again does not help.
    """

    report: Report
    plan: UpgradePlan | None
    problem: str | None = None
    impossible: bool = False


def assess(
    snapshot: ClusterSnapshot,
    request: PlanRequest,
    policy: UpgradePolicy,
    *,
    waivers: Sequence[Waiver] = (),
    pins: UpgradePlan | None = None,
    past: Sequence[PastDuration] = (),
) -> Assessment:
    """Plan and check. Without a plan the bare target is checked, so that people see why there is none."""
    try:
        plan = make_plan(snapshot, request, policy, waivers=waivers, pins=pins, past=past)
    except UpgradeError as error:
        report = run_checks(snapshot, wished_version(snapshot, request))
        impossible = isinstance(error, TargetNotOffered | NothingToDo)
        return Assessment(report=report, plan=None, problem=str(error), impossible=impossible)
    return Assessment(report=run_checks(snapshot, plan), plan=plan)


def make_plan(
    snapshot: ClusterSnapshot,
    request: PlanRequest,
    policy: UpgradePolicy,
    *,
    waivers: Sequence[Waiver] = (),
    pins: UpgradePlan | None = None,
    past: Sequence[PastDuration] = (),
) -> UpgradePlan:
    """Raises what ``plan_upgrade`` raises."""
    return plan_upgrade(
        snapshot,
        request.target,
        policy,
        request.scope,
        node_policy=request.node_policy,
        waivers=waivers,
        pins=pins,
        past=past,
    )


def wished_version(snapshot: ClusterSnapshot, request: PlanRequest) -> KubernetesVersion:
    """The version asked for: the next minor unless named, or the present one for add-ons and nodes alone."""
    current = snapshot.control_plane.version
    stays = request.scope in (Scope.ADDONS, Scope.NODES)
    return request.target or (current if stays else current.next)


def stopping_start(
    report: Report, plan: UpgradePlan | None, waivers: Sequence[Waiver], *, begins: bool
) -> tuple[Finding, ...]:
    """What keeps the run from starting: what stops everything, or the first thing that the plan changes.

    A finding that stops only a later phase is looked at again right before that phase.

    Args:
        begins: it would begin now; else what only has to be so at the start, such as that nobody works, stops nothing.
    """
    found = findings_stopping(report, "start" if begins else "announce", waivers=waivers)
    phases = plan.phases if plan else ()
    first = next((p for p in phases if p.steps and p.kind not in ("announce", "verify")), None)
    if plan is None or first is None:
        return found
    more = findings_stopping(report, first.kind, waivers=waivers, hop=_next_hop(plan, first))
    return found + tuple(finding for finding in more if finding not in found)


def stopping_phase(report: Report, run: UpgradeRun, phase: Phase) -> tuple[Finding, ...]:
    """What keeps ``phase`` from starting now."""
    left = remaining_plan(run)
    return findings_stopping(report, phase.kind, waivers=run.waivers, hop=_next_hop(left, phase))


def check_remaining(snapshot: ClusterSnapshot, run: UpgradeRun) -> Report:
    """The checks, for what is left of the approved plan."""
    own: Collection[str] = [one.update_id for one in under_way(run) if one.update_id]
    return run_checks(snapshot, remaining_plan(run), own_updates=own)


def drift(snapshot: ClusterSnapshot, run: UpgradeRun) -> tuple[str, ...]:
    """What a plan made now would do beyond the rest of the approved one: told, never done (nothing unapproved)."""
    plan = run.plan
    if plan is None:
        return ()
    settled = [step_id for step_id, state in run.steps.items() if state.status in SETTLED]
    moves = run.request.scope in (Scope.ALL, Scope.CONTROL_PLANE)
    wish = run.request.model_copy(update={"target": plan.to_version if moves else None})
    try:
        fresh = make_plan(snapshot, wish, run.policy, waivers=run.waivers, pins=plan)
    except UpgradeError:
        return ()  # the checks of the phase say what is wrong
    approved = {step.id for _, step in plan.steps()}
    return tuple(step_id for step_id in difference(plan, settled, fresh).added if step_id not in approved)


def _next_hop(plan: UpgradePlan, phase: Phase) -> KubernetesVersion | None:
    """The hop that ``phase`` belongs to or comes before; what only a later hop meets is looked at then."""
    ids = [one.id for one in plan.phases]
    rest = plan.phases[ids.index(phase.id) :] if phase.id in ids else plan.phases
    return next((s.version for one in rest for s in one.steps if isinstance(s, ControlPlaneStep)), None)


def past_durations(runs: Sequence[UpgradeRun]) -> tuple[PastDuration, ...]:
    """How long this cluster's own updates took, from runs that were made before.

    Counted from the update, and only where the first attempt did it all: how long people took to resume, to retry or to
    make way says nothing of the next time.
    """
    past: list[PastDuration] = []
    for run in runs:
        for _, step in run.plan.steps() if run.plan else ():
            state = run.step(step.id)
            if state.status is not StepStatus.DONE or state.attempt > 1:
                continue
            if state.update_at is None or state.finished_at is None:
                continue
            minutes = (state.finished_at - state.update_at).total_seconds() / 60
            if isinstance(step, ControlPlaneStep):
                past.append(PastDuration(kind="control-plane", minutes=minutes))
            elif isinstance(step, AddonStep | NodegroupStep):
                past.append(PastDuration(kind=step.kind, name=step.name, minutes=minutes))
    return tuple(past)
