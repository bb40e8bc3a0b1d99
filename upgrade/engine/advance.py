"""The whole state machine of a run, pure: ``advance(run, signal, now) -> (run, events)`` (DESIGN 3).

Terminal states absorb; a signal that does not apply changes nothing. Statuses and who moves them:

    checking -> blocked | awaiting-approval -> scheduled -> checking -> running <-> paused | awaiting-approval
    -> succeeded | failed | aborted | rejected | expired
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from upgrade.engine.approvals import (
    approved,
    await_approval,
    decide,
    into_window,
    let_waivers_expire,
    mark_checked_for_start,
    replace_plan,
    schedule,
    waive,
)
from upgrade.engine.course import PLAN_GATE, current_phase, failed_steps, under_way
from upgrade.engine.draft import Draft
from upgrade.engine.outcomes import confirm, intend, look, release, restart, retry
from upgrade.engine.signals import (
    ChecksFinished,
    DecisionGiven,
    IntentGiven,
    NoticeDelivered,
    RequestRefused,
    Restarted,
    Signal,
    SlackChanged,
    StepConfirmed,
    StepIntended,
    StepLooked,
    StepReleased,
    TimePassed,
    WaiverGiven,
    WindowChanged,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.findings import Finding, Report, without_waived
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun

#: The id of the step that waits for the notice.
ANNOUNCE: Final = "announce"
#: C-16: about ten tries, two to sixty seconds apart; only then ask.
TRIES: Final = 10


def back_off(errors: int) -> timedelta:
    """2, 4, 8 … at most 60 seconds of domain time after that many errors in a row (C-16)."""
    return timedelta(seconds=min(60, 2 ** min(errors, 6)))


def advance(run: UpgradeRun, signal: Signal, now: datetime) -> tuple[UpgradeRun, tuple[UpgradeEvent, ...]]:
    """What the run is after ``signal``, and the events that say so, numbered on from ``run.last_seq``."""
    if run.status.finished:
        return run, ()
    draft = Draft(run, now)
    _dispatch(draft, signal)
    _settle(draft)
    return draft.result()


def _dispatch(draft: Draft, signal: Signal) -> None:  # noqa: C901, PLR0912 -- one case for each signal of the union
    match signal:
        case IntentGiven():
            _intent(draft, signal)
        case DecisionGiven():
            decide(draft, signal)
        case WaiverGiven():
            waive(draft, signal)
        case StepConfirmed():
            confirm(draft, signal)
        case RequestRefused():
            _refuse(draft, signal)
        case ChecksFinished(phase=None):
            _checked(draft, signal)
        case ChecksFinished():
            _phase_checked(draft, signal)
        case StepIntended():
            intend(draft, signal.step_id, signal.crash_limit)
        case StepReleased():
            release(draft, signal.step_id)
        case StepLooked():
            look(draft, signal)
        case WindowChanged():
            _window(draft, signal)
        case SlackChanged():
            _slack(draft, signal)
        case NoticeDelivered():
            _notice(draft)
        case TimePassed():
            _time(draft, signal)
        case Restarted():
            restart(draft)


# -- people ---------------------------------------------------------------------------------------------------------


def _intent(draft: Draft, signal: IntentGiven) -> None:
    if draft.run.intent is Intent.ABORT:
        return
    match signal.verb:
        case "pause" if draft.run.intent is Intent.GO:
            draft.change(intent=Intent.PAUSE, paused_by=signal.actor)
            draft.tell(EventKind.PAUSE_REQUESTED, actor=signal.actor, under_way=draft.going())
        case "abort":
            draft.change(intent=Intent.ABORT)
            draft.tell(EventKind.ABORT_REQUESTED, actor=signal.actor, under_way=draft.going())
        case "resume" if can_resume(draft.run):
            _go_on(draft)
            draft.tell(EventKind.RUN_RESUMED, actor=signal.actor)
        case "recheck" if can_recheck(draft.run):
            draft.tell(EventKind.RECHECK_REQUESTED, actor=signal.actor)
            if draft.run.status is RunStatus.PAUSED:
                _go_on(draft)
            else:
                draft.change(status=RunStatus.CHECKING, waiting_for=None, expires_at=None, check_errors=0)
        case "retry" if failed_steps(draft.run):
            retry(draft, signal.actor)
            _go_on(draft)


def can_resume(run: UpgradeRun) -> bool:
    """Paused, or about to be, and no failed step: that one wants Retry or Abort."""
    stands = run.status is RunStatus.PAUSED or run.intent is Intent.PAUSE
    return stands and run.intent is not Intent.ABORT and not failed_steps(run)


def can_recheck(run: UpgradeRun) -> bool:
    """Blocked, waiting for the approval of a plan that was not begun, or paused by something other than a failure."""
    if run.status is RunStatus.BLOCKED:
        return True
    if run.status is RunStatus.AWAITING_APPROVAL:
        return run.waiting_for == PLAN_GATE and run.started_at is None
    return run.status is RunStatus.PAUSED and run.intent is Intent.GO and not failed_steps(run)


def _go_on(draft: Draft) -> None:
    draft.change(intent=Intent.GO, paused_by=None, blocked_phase=None, phases_checked=(), check_errors=0)
    if draft.run.status is RunStatus.PAUSED:
        draft.change(status=RunStatus.RUNNING, pause_reasons=())
    for step_id, state in draft.run.steps.items():
        if state.needs_person and state.status is StepStatus.BLOCKED:
            draft.change_step(step_id, needs_person=False, due_at=None)


def _refuse(draft: Draft, signal: RequestRefused) -> None:
    if signal.verb == "start" and draft.run.plan is None and draft.run.status is RunStatus.CHECKING:
        _turn_down(draft, signal.reason)
    elif signal.verb in ("approve", "reject"):
        draft.tell(EventKind.APPROVAL_REFUSED, actor=signal.actor, gate=signal.gate, reason=signal.reason)
    else:
        draft.tell(EventKind.REQUEST_REFUSED, actor=signal.actor, verb=signal.verb, reason=signal.reason)


def _turn_down(draft: Draft, reason: str) -> None:
    """End a run that asked for what cannot be had, so that it does not hold the cluster."""
    draft.change(pause_reasons=(reason,))
    draft.finish(RunStatus.REJECTED, EventKind.RUN_REJECTED, gate="start", reason=reason)


# -- the cluster was looked at --------------------------------------------------------------------------------------


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


def _checked(draft: Draft, signal: ChecksFinished) -> None:
    if draft.run.status is not RunStatus.CHECKING:
        return
    if signal.error and _wait_for_cluster(draft, signal):
        return
    let_waivers_expire(draft)
    if signal.impossible and draft.run.plan is None:
        _turn_down(draft, signal.error)
        return
    draft.change(report=signal.report or draft.run.report, check_errors=0)
    if signal.report is not None:
        draft.tell(EventKind.CHECKS_FINISHED, **_counts(draft.run, signal.report))
    if signal.plan is None:
        reasons = (signal.error or "No plan could be made.", *_sentences(signal.stopping))
        _block(draft, reasons, _codes(signal.stopping))
        return
    if signal.stopping:
        # The plan is shown, and its approvals stay if it is still the same one once nothing stops it.
        replace_plan(draft, signal.plan)
        _block(draft, _sentences(signal.stopping), _codes(signal.stopping))
        return
    known, was_blocked = draft.run.plan, bool(draft.run.pause_reasons)
    replace_plan(draft, signal.plan)
    draft.change(pause_reasons=())
    if not approved(draft.run):
        if was_blocked and known is not None and known.digest == signal.plan.digest:
            draft.tell(EventKind.PLAN_READY, digest=known.digest)  # it was no use to anybody until now
        await_approval(draft, PLAN_GATE)
    elif draft.run.start_at is None or draft.now < draft.run.start_at:
        schedule(draft, draft.run.start_at)
    else:
        _begin(draft, signal.baseline)


def _begin(draft: Draft, baseline: tuple[str, ...]) -> None:
    opens_at = into_window(draft.run, draft.now)
    if opens_at > draft.now:
        schedule(draft, opens_at)
        return
    draft.change(status=RunStatus.RUNNING, started_at=draft.now, expires_at=None, baseline=baseline)
    mark_checked_for_start(draft)
    draft.tell(EventKind.RUN_STARTED)


def _phase_checked(draft: Draft, signal: ChecksFinished) -> None:
    phase = current_phase(draft.run)
    if draft.run.status is not RunStatus.RUNNING or phase is None or phase.id != signal.phase:
        return
    if signal.error and _wait_for_cluster(draft, signal):
        return
    let_waivers_expire(draft)
    draft.change(check_errors=0, report=signal.report or draft.run.report)
    if signal.report is not None:
        draft.tell(EventKind.CHECKS_FINISHED, phase=phase.id, **_counts(draft.run, signal.report))
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


# -- surroundings ---------------------------------------------------------------------------------------------------


def _window(draft: Draft, signal: WindowChanged) -> None:
    held = "window" in draft.run.holds
    if draft.run.status not in (RunStatus.RUNNING, RunStatus.PAUSED) or held is not signal.open:
        return
    others = tuple(hold for hold in draft.run.holds if hold != "window")
    if signal.open:
        draft.change(holds=others, window_opens_at=None, phases_checked=())
        draft.tell(EventKind.WINDOW_OPENED)
    else:
        draft.change(holds=(*others, "window"), window_opens_at=signal.opens_at)
        draft.tell(EventKind.WINDOW_CLOSED, opens_at=signal.opens_at.isoformat() if signal.opens_at else None)


def _slack(draft: Draft, signal: SlackChanged) -> None:
    back = signal.unreachable_since is None
    if draft.run.status not in (RunStatus.RUNNING, RunStatus.PAUSED) or ("slack" in draft.run.holds) is not back:
        return
    others = tuple(hold for hold in draft.run.holds if hold != "slack")
    if signal.unreachable_since is None:
        draft.change(holds=others, phases_checked=())
        draft.tell(EventKind.SLACK_REACHABLE)
    else:
        draft.change(holds=(*others, "slack"))
        draft.tell(EventKind.SLACK_UNREACHABLE, since=signal.unreachable_since.isoformat())


def _notice(draft: Draft) -> None:
    if draft.run.notice_at is None and draft.run.scheduled_at is not None:
        draft.change(notice_at=draft.now)
        draft.tell(EventKind.NOTICE_DELIVERED, notice="planned")
        if draft.run.step(ANNOUNCE).status is StepStatus.FOLLOWING:
            draft.change_step(ANNOUNCE, due_at=None)


def _time(draft: Draft, signal: TimePassed) -> None:
    run = draft.run
    if run.expires_at is not None and run.expires_at <= draft.now and run.started_at is None:
        draft.finish(RunStatus.EXPIRED, EventKind.RUN_EXPIRED)
        return
    if run.status is not RunStatus.SCHEDULED or run.intent is not Intent.GO:
        return
    if run.start_at is None or draft.now < run.start_at:
        return
    opens_at = into_window(run, draft.now)
    if opens_at > draft.now:
        schedule(draft, opens_at)
    elif signal.busy_run:
        if run.extra.get("waits_for") != signal.busy_run:
            draft.change(extra={**run.extra, "waits_for": signal.busy_run})
            text = f"The cluster is held by the unfinished run {signal.busy_run}; this one begins when that has ended."
            draft.tell(EventKind.WARNING_RAISED, text=text)
    else:
        draft.change(status=RunStatus.CHECKING, check_errors=0)


# -- what follows from where the run stands now ---------------------------------------------------------------------


def _settle(draft: Draft) -> None:
    run = draft.run
    if run.status.finished:
        return
    if run.intent is Intent.ABORT:
        if not under_way(run):
            _end_aborted(draft)
        return
    if run.status not in (RunStatus.RUNNING, RunStatus.PAUSED):
        return
    phase = current_phase(run)
    if phase is None:
        began = run.started_at or draft.now
        draft.finish(RunStatus.SUCCEEDED, EventKind.RUN_SUCCEEDED, seconds=(draft.now - began).total_seconds())
    elif run.status is RunStatus.RUNNING:
        if reasons := _why_it_stands(draft):
            draft.change(status=RunStatus.PAUSED, pause_reasons=reasons)
            draft.tell(EventKind.RUN_PAUSED, reasons=list(reasons), under_way=draft.going())
        elif phase.gate is not None and phase.gate not in run.gates_passed:
            await_approval(draft, phase.gate)
    elif reasons := _why_it_stands(draft):
        draft.change(pause_reasons=reasons)


def _why_it_stands(draft: Draft) -> tuple[str, ...]:
    run = draft.run
    reasons = [f"{run.paused_by or 'A person'} paused it."] if run.intent is Intent.PAUSE else []
    if run.blocked_phase is not None:
        reasons += run.pause_reasons
    for step_id, state in run.steps.items():
        if state.status is StepStatus.FAILED or state.needs_person:
            reasons += [f"{step_id}: {reason}" for reason in state.reasons]
    return tuple(dict.fromkeys(reasons))


def _end_aborted(draft: Draft) -> None:
    """A run is failed only when a person gives up on a failed step."""
    if failed_steps(draft.run):
        draft.finish(RunStatus.FAILED, EventKind.RUN_FAILED, **draft.left_behind())
    else:
        draft.finish(RunStatus.ABORTED, EventKind.RUN_ABORTED, **draft.left_behind())
