"""Gates half-way: whether one opens by itself, and what becomes of one that nobody attends. Pure."""

from __future__ import annotations

from typing import Final

from upgrade.engine.approvals import await_approval, broken_glass, counted
from upgrade.engine.course import opens_alone
from upgrade.engine.draft import Draft
from upgrade.events import EventKind
from upgrade.findings import Report, without_waived
from upgrade.plan import Phase
from upgrade.run import RunStatus, UpgradeRun

_NOT_GREEN: Final = "something went other than planned since the last approval."
_SUBJECTS: Final = 5


def reach_gate(draft: Draft, phase: Phase) -> None:
    """The run stands before the gate of ``phase``: ask people, or go on if it may open by itself and all is green."""
    assert phase.gate is not None
    if not opens_alone(draft.run, phase):
        await_approval(draft, phase.gate)
    elif phase.id not in draft.run.phases_checked or draft.run.holds:
        return  # the look right before it comes first
    elif is_green(draft.run):
        draft.change(gates_passed=(*draft.run.gates_passed, phase.gate))
        draft.tell(EventKind.GATE_PASSED, gate=phase.gate, unattended=True)
    else:
        await_approval(draft, phase.gate, _NOT_GREEN)


def is_green(run: UpgradeRun) -> bool:
    """Whether nothing was told since the last approval that somebody should have seen before it goes on."""
    if run.warned_at is None or run.plan is None:
        return True
    digest = run.plan.digest
    seen = [one.at for one in broken_glass(run)]
    seen += [one.at for one in run.approvals if one.digest == digest and one.by in counted(run, one.gate, digest)]
    return run.warned_at <= max(seen, default=run.created_at)


def tell_new_findings(draft: Draft, report: Report) -> None:
    """Where a gate may open by itself, people hear of what will stop a later phase and did not before.

    Findings that only warn come and go with the work itself: node groups lag after each hop.
    """
    plan, before = draft.run.plan, draft.run.report
    if before is None or plan is None or not any(one.gate_terms and one.gate_terms.unattended for one in plan.phases):
        return
    known = {(one.code, one.subject) for one in before.findings}
    left = without_waived(report.blockers, draft.run.waivers)
    fresh = tuple(dict.fromkeys(f"{one.code} {one.subject}" for one in left if (one.code, one.subject) not in known))
    if fresh:
        more = f" and {len(fresh) - _SUBJECTS} more" if len(fresh) > _SUBJECTS else ""
        text = f"New since the last look, and in the way of a phase: {', '.join(fresh[:_SUBJECTS])}{more}."
        draft.tell(EventKind.WARNING_RAISED, text=text)


def leave_gate(draft: Draft) -> None:
    """Nobody attended a gate in time: the run pauses, and comes back to it when somebody lets it go on."""
    run = draft.run
    waits = run.status is RunStatus.AWAITING_APPROVAL and run.started_at is not None
    if not waits or run.expires_at is None or draft.now < run.expires_at:
        return
    reasons = (f"Nobody attended the gate {run.waiting_for} in time; Resume asks again.",)
    draft.change(status=RunStatus.PAUSED, waiting_for=None, expires_at=None, pause_reasons=reasons)
    draft.tell(EventKind.RUN_PAUSED, reasons=list(reasons), under_way=draft.going())
