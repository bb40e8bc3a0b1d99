"""A plan on one phone screen: exact versions, order, minutes, what people do, what cannot be undone."""

from __future__ import annotations

from collections.abc import Sequence

from handlers.ids import Action, encode_request
from handlers.views import kit
from handlers.views.checklist import checklist_blocks
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.progress import Mark, Minutes, estimate_basis, way
from handlers.views.report import blockers_line
from handlers.views.rests import rest_of, rests_of, work_times_lines
from handlers.views.text import code, count, duration, esc, person, until
from upgrade.estimate import phase_minutes, total_minutes
from upgrade.findings import Report
from upgrade.gates import GateTerms
from upgrade.plan import (
    AddonStep,
    BakeStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    Phase,
    PlanRequest,
    Step,
    UpgradePlan,
)
from upgrade.versions import KubernetesVersion
from upgrade.work_times import WorkTimes


def render_plan(
    plan: UpgradePlan,
    report: Report,
    request: PlanRequest,
    offers: Sequence[KubernetesVersion],
    *,
    startable: bool,
    times: WorkTimes | None = None,
) -> Message:
    """The answer to ``plan``.

    Args:
        offers: versions that EKS offers above the present one.
        startable: show Start and Schedule.
        times: when the cluster may be worked on.
    """
    title = f"{plan.cluster.name}: plan {way(plan)}"
    hours = work_times_lines(times, report.taken_at) if times else ()
    blocks = [kit.header(title), *plan_blocks(plan, checklist_blocks(plan), hours)]
    if report.blockers:
        blocks.append(kit.section(blockers_line(report)))
    return Message(esc(title), [*blocks, *kit.actions(_buttons(plan, request, offers, startable=startable))])


def plan_blocks(plan: UpgradePlan, checklist: Sequence[Block], times: Sequence[str] = ()) -> list[Block]:
    """Order with versions and minutes, then what people do, accept and look after, then what cannot be undone.

    ``times``: windows and freezes, a line each.
    """
    told = [phase for phase in plan.phases if phase.kind != "verify"]
    lines = [f"{number}. {phase_line(plan, phase)}" for number, phase in enumerate(told, 1)]
    blocks = [kit.section(*lines)]
    manual = [step for _, step in plan.steps() if isinstance(step, ConfirmStep)]
    if manual:
        todo = [f"{Mark.WAITING} {esc(step.summary or step.subject)}" for step in manual]
        blocks.append(kit.section("*By hand, each confirmed with a button*", *todo))
    if plan.waivers:
        waived = [
            f"{Mark.WARNING} {code(one.code)} {esc(one.subject)} by {person(one.by)}{until(one.until)}: "
            f"{esc(one.reason)}"
            for one in plan.waivers
        ]
        blocks.append(kit.section("*Waived*", *waived))
    blocks += checklist
    if plan.notes:
        blocks.append(kit.context(*(esc(note) for note in plan.notes)))
    if times:
        blocks.append(kit.context("\n".join(times)))
    return [*blocks, kit.context(_summary(plan)), kit.context(*undo_lines(plan))]


def phase_line(plan: UpgradePlan, phase: Phase) -> str:
    """A phase in one line, with the exact versions of its steps."""
    what = what_of(phase)
    joint = ", " if phase.kind == "bake" else ": "
    title = f"*{esc(phase.title)}*{joint if what else ''}{what}"
    lasts = "" if phase.kind == "bake" else minutes_of(plan, phase)  # a rest has said how long it is
    return " · ".join(part for part in (title, lasts, gate_of(phase)) if part)


def minutes_of(plan: UpgradePlan, phase: Phase) -> str:
    """How long a phase may take; nothing when nobody can say."""
    estimate = Minutes(*phase_minutes(phase, plan.minutes))
    return str(estimate) if estimate.high else ""


def gate_of(phase: Phase) -> str:
    return f"{Mark.WAITING} {gate_line(phase.gate_terms)}" if phase.gate else ""


def gate_line(terms: GateTerms | None) -> str:
    """How a gate is kept, for those who approve the plan."""
    if terms is not None and terms.unattended:
        return "unattended: goes on by itself if all signals are green, else own approval"
    if terms is not None and terms.attended and terms.within:
        return f"own approval, attended by {person(terms.attended)}: pauses after {duration(terms.within)}"
    return "own approval"


def what_of(phase: Phase) -> str:
    """The steps of a phase behind its title, with their exact versions."""
    if phase.kind == "bake":
        return ", ".join(rest_of(step) for step in phase.steps if isinstance(step, BakeStep))
    return ", ".join(detail for detail in map(_detail, phase.steps) if detail)


def _detail(step: Step) -> str:
    if isinstance(step, AddonStep):
        return f"{esc(step.name)} {code(step.version)}"
    if isinstance(step, NodegroupStep):
        return _group(step)
    if isinstance(step, ConfirmStep):
        return f"{Mark.WAITING} {esc(step.subject)}"
    if isinstance(step, ControlPlaneStep) and step.if_groups_must_match:
        return f"node groups {', '.join(esc(group.name) for group in step.if_groups_must_match)} first if EKS asks"
    return ""


def _group(step: NodegroupStep) -> str:
    forced = " forced" if step.force else ""
    return f"{esc(step.name)} {code(step.release_version or step.version)}{forced}"


def _summary(plan: UpgradePlan) -> str:
    steps = sum(step.kind != "bake" for _, step in plan.steps())
    rest = rests_of(plan)
    resting = f" of work, and rest {rest}" if rest else ""
    basis = estimate_basis(plan)
    named = f" of {', '.join(map(person, plan.approver_groups))}" if plan.approver_groups else ""
    whose = named + ("" if plan.requester_counts else ", not the requester's")
    return (
        f"{count(steps, 'step')}, each verified · about {Minutes(*total_minutes(plan))}{resting} · "
        f"{'estimate ' if basis else ''}{basis}{' · ' if basis else ''}"
        f"nodes: {plan.node_policy} · "
        f"{count(plan.approvals, 'approval')}{whose} · plan {code(plan.digest[:8])}"
    )


def undo_lines(plan: UpgradePlan) -> list[str]:
    """What cannot be taken back (C-38)."""
    return ["EKS cannot cancel an update under way: Abort stops before the next step.", *way_back(plan)]


def way_back(plan: UpgradePlan) -> list[str]:
    """Of the control plane, if the plan moves it (C-30, C-33)."""
    moves = [step.version for _, step in plan.steps() if isinstance(step, ControlPlaneStep)]
    if not moves:
        return []
    return [f"Way back: the control plane to {moves[-1].previous} only, within 7 days, nodes and add-ons first."]


def _buttons(
    plan: UpgradePlan, request: PlanRequest, offers: Sequence[KubernetesVersion], *, startable: bool
) -> list[Block]:
    pinned = request.model_copy(update={"target": plan.to_version})
    buttons = []
    if startable:
        value = encode_request(pinned)
        buttons.append(kit.button("Start this", Action.START, value, style="primary"))
        buttons.append(kit.button("Schedule…", Action.SCHEDULE, value))
    for version in offers:
        if version != plan.to_version:
            other = encode_request(request.model_copy(update={"target": version}))
            buttons.append(kit.button(f"Plan to {version}", Action.PLAN, other, key=str(version)))
    return buttons
