"""The whole state machine of a run, pure: ``advance(run, signal, now) -> (run, events)`` (DESIGN 3).

Terminal states absorb; a signal that does not apply changes nothing. Statuses and who moves them:

    checking -> blocked | awaiting-approval -> scheduled -> checking -> running <-> paused | awaiting-approval
    -> succeeded | failed | aborted | rejected | expired
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from upgrade.bake import baking_since, goes_on_at
from upgrade.engine.approvals import ask_again, break_glass, decide, lapsed, waive
from upgrade.engine.course import current_phase, failed_steps, is_closed, is_under_way, under_way
from upgrade.engine.draft import Draft
from upgrade.engine.gates import leave_gate, reach_gate
from upgrade.engine.hands import acknowledge, add_note, mute, take_over
from upgrade.engine.looked import checked, looked_ahead, phase_checked, turn_down
from upgrade.engine.outcomes import confirm, intend, look, release, restart, retry
from upgrade.engine.schedule import lift, move_start, pass_time, take_freezes
from upgrade.engine.signals import (
    CallAcknowledged,
    ChecksFinished,
    DecisionGiven,
    FreezeLifted,
    GlassBroken,
    IntentGiven,
    NoteAdded,
    NoticeDelivered,
    RequestRefused,
    Restarted,
    RunMuted,
    RunTakenOver,
    Signal,
    SlackChanged,
    StartMoved,
    StepConfirmed,
    StepIntended,
    StepLooked,
    StepReleased,
    TimePassed,
    WaiverGiven,
    WindowChanged,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.gates import PLAN_GATE
from upgrade.plan import BakeStep, Phase
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun

#: The id of the step that waits for the notice.
ANNOUNCE: Final = "announce"


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
        case GlassBroken():
            break_glass(draft, signal)
        case WaiverGiven():
            waive(draft, signal)
        case StepConfirmed():
            confirm(draft, signal)
        case RequestRefused():
            _refuse(draft, signal)
        case ChecksFinished(ahead=True):
            looked_ahead(draft, signal)
        case ChecksFinished(phase=None):
            checked(draft, signal)
        case ChecksFinished():
            phase_checked(draft, signal)
        case StepIntended():
            intend(draft, signal.step_id, signal.crash_limit)
        case StepReleased():
            release(draft, signal.step_id)
        case StepLooked():
            look(draft, signal)
        case WindowChanged():
            _window(draft, signal)
        case StartMoved():
            move_start(draft, signal)
        case FreezeLifted():
            lift(draft, signal)
        case CallAcknowledged():
            acknowledge(draft, signal)
        case RunTakenOver():
            take_over(draft, signal)
        case RunMuted():
            mute(draft, signal)
        case NoteAdded():
            add_note(draft, signal)
        case SlackChanged():
            _slack(draft, signal)
        case NoticeDelivered():
            _notice(draft)
        case TimePassed():
            pass_time(draft, signal)
            leave_gate(draft)
        case Restarted():
            take_freezes(draft, signal.freezes)
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
        turn_down(draft, signal.reason)
    elif signal.verb in ("approve", "reject"):
        draft.tell(EventKind.APPROVAL_REFUSED, actor=signal.actor, gate=signal.gate, reason=signal.reason)
    else:
        draft.tell(
            EventKind.REQUEST_REFUSED, actor=signal.actor, verb=signal.asked or signal.verb, reason=signal.reason
        )


# -- surroundings ---------------------------------------------------------------------------------------------------


def _window(draft: Draft, signal: WindowChanged) -> None:
    held = "window" in draft.run.holds
    later = held and not signal.open and signal.opens_at != draft.run.window_opens_at
    if not is_under_way(draft.run) or (held is not signal.open and not later):
        return
    others = tuple(hold for hold in draft.run.holds if hold != "window")
    if signal.open:
        draft.change(holds=others, window_opens_at=None, phases_checked=())
        draft.tell(EventKind.WINDOW_OPENED)
    else:
        draft.change(holds=(*others, "window"), window_opens_at=signal.opens_at)
        opens_at = signal.opens_at.isoformat() if signal.opens_at else None
        draft.tell(EventKind.WINDOW_CLOSED, opens_at=opens_at, reason=signal.reason)


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
        elif not _begun(run, phase) and lapsed(run, _goes_on_at(draft, phase)):
            ask_again(draft)
        elif is_closed(run, phase):
            reach_gate(draft, phase)
    elif reasons := _why_it_stands(draft):
        draft.change(pause_reasons=reasons)


def _begun(run: UpgradeRun, phase: Phase) -> bool:
    return any(run.step(step.id).status is not StepStatus.PENDING for step in phase.steps)


def _goes_on_at(draft: Draft, phase: Phase) -> datetime:
    """When ``phase`` may begin, or what follows if it only rests: what is known of that time is asked about before it.

    Now, when that is so far off that an approval given now would not count then either.
    """
    run, first = draft.run, phase.steps[0]
    opens_at = run.window_opens_at if "window" in run.holds else None
    at = max(draft.now, opens_at or draft.now)
    if isinstance(first, BakeStep):
        at = max(at, goes_on_at(run, first, baking_since(run, first) or draft.now))
    return at if at - draft.now <= run.policy.approval_valid else draft.now


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
