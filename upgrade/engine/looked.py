"""What a look at the cluster does to its run: ahead of its start, at it, and before a phase. Pure."""

from __future__ import annotations

from typing import Any, Final

from upgrade.engine.approvals import (
    approved,
    ask_again,
    await_approval,
    lapsed,
    let_waivers_expire,
    mark_checked_for_start,
    replace_plan,
)
from upgrade.engine.course import back_off, current_phase
from upgrade.engine.draft import Draft
from upgrade.engine.gates import tell_new_findings
from upgrade.engine.schedule import miss, schedule, schedule_approved
from upgrade.engine.signals import ChecksFinished
from upgrade.events import EventKind
from upgrade.findings import Finding, Report, without_waived
from upgrade.gates import PLAN_GATE
from upgrade.run import RunStatus, UpgradeRun
from upgrade.work_times import work_times_of

#: C-16: about ten tries, two to sixty seconds apart; only then ask.
TRIES: Final = 10


def turn_down(draft: Draft, reason: str) -> None:
    """End a run that asked for what cannot be had, so that it does not hold the cluster."""
    draft.change(pause_reasons=(reason,))
    draft.finish(RunStatus.REJECTED, EventKind.RUN_REJECTED, gate="start", reason=reason)


# -- at the start -----------------------------------------------------------------------------------------------------


def checked(draft: Draft, signal: ChecksFinished) -> None:
    """The look that makes the plan, and the one at the start."""
    if draft.run.status is not RunStatus.CHECKING:
        return
    if signal.error and _wait_for_cluster(draft, signal):
        return
    let_waivers_expire(draft)
    if signal.impossible and draft.run.plan is None:
        turn_down(draft, signal.error)
        return
    draft.change(report=signal.report or draft.run.report, check_errors=0)
    if signal.report is not None:
        draft.tell(EventKind.CHECKS_FINISHED, **_counts(draft.run, signal.report))
    known, was_blocked = draft.run.plan, bool(draft.run.pause_reasons)
    if not _take_plan(draft, signal):
        return
    if not approved(draft.run):
        if was_blocked and known is not None and signal.plan is not None and known.digest == signal.plan.digest:
            draft.tell(EventKind.PLAN_READY, digest=known.digest)  # it was no use to anybody until now
        await_approval(draft, PLAN_GATE)
    else:
        _go_to_start(draft, signal)


def _take_plan(draft: Draft, signal: ChecksFinished) -> bool:
    """Take the plan that was made; False when what was seen blocks the run."""
    if signal.plan is None:
        reasons = (signal.error or "No plan could be made.", *_sentences(signal.stopping))
        _block(draft, reasons, _codes(signal.stopping))
        return False
    # With findings too the plan is shown, and its approvals stay if it is still the same one once nothing stops it.
    replace_plan(draft, signal.plan)
    if signal.stopping:
        _block(draft, _sentences(signal.stopping), _codes(signal.stopping))
        return False
    draft.change(pause_reasons=())
    return True


def _go_to_start(draft: Draft, signal: ChecksFinished) -> None:
    """The plan is approved and nothing stops it: begin, or wait for the start."""
    run = draft.run
    if lapsed(run, max(draft.now, run.start_at or draft.now)):
        ask_again(draft)
    elif run.start_at is None:
        schedule_approved(draft)
    elif draft.now < run.start_at:
        schedule(draft, run.start_at)
    elif draft.now - run.start_at > signal.grace:
        miss(draft)
    elif not work_times_of(run).is_open(draft.now):
        schedule(draft, draft.now)
    else:
        draft.change(status=RunStatus.RUNNING, started_at=draft.now, expires_at=None, baseline=signal.baseline)
        mark_checked_for_start(draft)
        draft.tell(EventKind.RUN_STARTED)


# -- ahead of it ------------------------------------------------------------------------------------------------------


def looked_ahead(draft: Draft, signal: ChecksFinished) -> None:
    """What would void the approval at the start voids it now, while people are awake."""
    run = draft.run
    if run.status is not RunStatus.SCHEDULED or run.missed_start or run.start_at is None:
        return
    draft.change(looked_ahead_at=draft.now)
    if signal.report is None:
        _could_not_look(draft, signal)
        return
    if signal.busy_run:
        _cannot_say(draft, signal)
        return
    let_waivers_expire(draft)
    draft.change(report=signal.report, check_errors=0)
    hours = round((run.start_at - draft.now).total_seconds() / 3600)
    draft.tell(EventKind.CHECKS_FINISHED, ahead=hours, **_counts(draft.run, signal.report))
    if not _take_plan(draft, signal):
        return
    if not approved(draft.run):
        await_approval(draft, PLAN_GATE)
    elif lapsed(draft.run, run.start_at):
        ask_again(draft)


def _could_not_look(draft: Draft, signal: ChecksFinished) -> None:
    """Try again for a while, then say so: an approval is not void because nothing could be read."""
    errors = draft.run.check_errors + 1
    if signal.temporary and errors < TRIES:
        draft.change(check_errors=errors)
        return
    draft.change(check_errors=0)
    text = f"The cluster could not be looked at ahead of the start: {signal.error}"
    draft.tell(EventKind.WARNING_RAISED, text=text)


def _cannot_say(draft: Draft, signal: ChecksFinished) -> None:
    """Another run holds the cluster's one place, so that this one cannot ask for anything before its start."""
    draft.change(check_errors=0)
    text = (
        "What a look ahead of the start saw would need an approval or a repair. "
        f"The cluster is held by the unfinished run {signal.busy_run}, so it is asked for at the start."
    )
    draft.tell(EventKind.WARNING_RAISED, text=text)


# -- before a phase ---------------------------------------------------------------------------------------------------


def phase_checked(draft: Draft, signal: ChecksFinished) -> None:
    """The look right before a phase: what stops it pauses the run."""
    phase = current_phase(draft.run)
    if draft.run.status is not RunStatus.RUNNING or phase is None or phase.id != signal.phase:
        return
    if signal.error and _wait_for_cluster(draft, signal):
        return
    let_waivers_expire(draft)
    if signal.report is not None:
        draft.tell(EventKind.CHECKS_FINISHED, phase=phase.id, **_counts(draft.run, signal.report))
        tell_new_findings(draft, signal.report)
    draft.change(check_errors=0, report=signal.report or draft.run.report)
    _tell_unapproved(draft, signal.unapproved)
    if signal.report is None or signal.stopping:
        reasons = _sentences(signal.stopping) or (signal.error,)
        draft.change(blocked_phase=phase.id, pause_reasons=reasons)
    else:
        draft.change(phases_checked=(*draft.run.phases_checked, phase.id))


def _tell_unapproved(draft: Draft, step_ids: tuple[str, ...]) -> None:
    """The cluster changed since the approval, so that a plan made now would do more: said once, never done."""
    told = draft.run.unapproved
    for step_id in step_ids:
        if step_id not in told:
            text = (
                f"The cluster has changed since the approval: {step_id} would be planned now. This run leaves it out."
            )
            draft.tell(EventKind.WARNING_RAISED, text=text)
    draft.change(unapproved=tuple(dict.fromkeys((*told, *step_ids))))


# -- words ------------------------------------------------------------------------------------------------------------


def _counts(run: UpgradeRun, report: Report) -> dict[str, Any]:
    findings = report.findings
    left = len(without_waived(report.blockers, run.waivers))
    return {
        "blockers": left,
        "waived": len(report.blockers) - left,
        "warnings": sum(f.severity == "warns" for f in findings),
        "unknowns": sum(f.unknown for f in findings),
    }


def _sentences(findings: tuple[Finding, ...]) -> tuple[str, ...]:
    return tuple(f"{finding.code} {finding.subject}: {finding.summary}" for finding in findings)


def _codes(findings: tuple[Finding, ...]) -> list[str]:
    return sorted({finding.code for finding in findings})


def _wait_for_cluster(draft: Draft, signal: ChecksFinished) -> bool:
    """Back off after a temporary error; False once it has lasted too long."""
    errors = draft.run.check_errors + 1
    if not signal.temporary or errors >= TRIES:
        return False
    draft.change(check_errors=errors, next_due_at=draft.now + back_off(errors))
    return True


def _block(draft: Draft, reasons: tuple[str, ...], codes: list[str]) -> None:
    draft.change(
        status=RunStatus.BLOCKED,
        pause_reasons=reasons,
        check_errors=0,
        expires_at=draft.now + draft.run.policy.approval_expires,
    )
    draft.tell(EventKind.RUN_BLOCKED, codes=codes, reasons=list(reasons))
