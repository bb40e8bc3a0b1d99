"""What a look at a step does to its run. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from upgrade.engine.course import (
    SETTLED,
    active,
    budget,
    current_phase,
    is_closed,
    may_start,
    phase_of,
    settled,
    step_token,
)
from upgrade.engine.draft import Draft
from upgrade.engine.signals import StepConfirmed, StepLooked
from upgrade.events import EventKind
from upgrade.fit import will_not_fit
from upgrade.plan import ControlPlaneStep
from upgrade.run import Blocked, Done, Failed, RunStatus, StepState, StepStatus, Wait

#: The code of a failure that means: EKS wants the node groups to match first (C-06).
GROUPS_MUST_MATCH: Final = "NodegroupsMustMatch"
#: C-16: about ten tries before a start is given up.
TRIES: Final = 10


def intend(draft: Draft, step_id: str, crash_limit: int) -> None:
    """Save the token of a call that is about to be made, if it may be. One that keeps killing us is parked."""
    run = draft.run
    phase = current_phase(run)
    state = run.step(step_id)
    if phase is None or all(step.id != step_id for step in phase.steps) or not may_start(run):
        return
    if is_closed(run, phase):
        return
    if state.status not in (StepStatus.PENDING, StepStatus.STARTING, StepStatus.BLOCKED):
        return
    others = [one for one, _ in active(run) if one != step_id]
    if len(others) >= phase.parallelism:
        return
    if state.crashes >= crash_limit:
        _failed(draft, step_id, _parked(state.crashes))
        return
    first = state.token is None
    _begin(draft, step_id)
    draft.change_step(
        step_id,
        status=StepStatus.STARTING,
        token=step_token(run.id, step_id, state.attempt),
        intended_at=state.intended_at or draft.now,
        due_at=None,
        acting=True,
        reasons=(),
    )
    if first:
        draft.tell(EventKind.STEP_STARTED, step_id=step_id, attempt=state.attempt)


def _begin(draft: Draft, step_id: str) -> None:
    """Tell the phase when this is its first step, and note when the step began."""
    phase = phase_of(draft.run, step_id)
    if all(draft.run.step(step.id).started_at is None for step in phase.steps):
        if (text := will_not_fit(draft.run, draft.now, phase=phase)) is not None:
            draft.tell(EventKind.WARNING_RAISED, text=text)
        draft.tell(EventKind.PHASE_STARTED, phase=phase.id, title=phase.title)
    if draft.run.step(step_id).started_at is None:
        draft.change_step(step_id, started_at=draft.now)


def release(draft: Draft, step_id: str) -> None:
    """Nothing is under way and nothing may be started now: as if it had never been intended."""
    if draft.run.step(step_id).status in (StepStatus.STARTING, StepStatus.BLOCKED):
        draft.change_step(step_id, status=StepStatus.PENDING, due_at=None)


def look(draft: Draft, signal: StepLooked) -> None:
    step_id, state = signal.step_id, draft.run.step(signal.step_id)
    if draft.run.status not in (RunStatus.RUNNING, RunStatus.PAUSED, RunStatus.AWAITING_APPROVAL):
        return
    if state.status in SETTLED or state.status is StepStatus.FAILED:
        return
    try:
        phase_of(draft.run, step_id)
    except KeyError:
        return
    if state.acting:  # the call has returned, whatever it brought
        draft.change_step(step_id, acting=False)
    match signal.outcome:
        case Done() as outcome:
            _done(draft, step_id, outcome)
        case Wait() as outcome:
            _wait(draft, step_id, outcome, signal.looked_at)
        case Blocked() as outcome:
            _blocked(draft, step_id, outcome, signal.looked_at)
        case Failed() as outcome:
            _failed(draft, step_id, outcome)


def _done(draft: Draft, step_id: str, outcome: Done) -> None:
    state = draft.run.step(step_id)
    _begin(draft, step_id)
    _warn(draft, step_id, outcome.warnings)
    if outcome.skipped and state.token is None:
        draft.change_step(step_id, status=StepStatus.SKIPPED, finished_at=draft.now, due_at=None, reasons=())
        draft.tell(EventKind.STEP_SKIPPED, step_id=step_id, reason=outcome.note)
    else:
        _finish(draft, step_id)
    _finish_phase(draft, step_id)


def _finish(draft: Draft, step_id: str) -> None:
    state = draft.change_step(
        step_id, status=StepStatus.DONE, finished_at=draft.now, due_at=None, reasons=(), errors=0, needs_person=False
    )
    began = state.started_at or draft.now
    draft.tell(EventKind.STEP_FINISHED, step_id=step_id, seconds=(draft.now - began).total_seconds())


def _finish_phase(draft: Draft, step_id: str) -> None:
    phase = phase_of(draft.run, step_id)
    if settled(draft.run, phase):
        began = min((at for step in phase.steps if (at := draft.run.step(step.id).started_at)), default=draft.now)
        seconds = (draft.now - began).total_seconds()
        draft.tell(EventKind.PHASE_FINISHED, phase=phase.id, title=phase.title, seconds=seconds)


def _wait(draft: Draft, step_id: str, outcome: Wait, looked_at: datetime) -> None:
    state = draft.run.step(step_id)
    errors = state.errors + 1 if outcome.trouble else 0
    if errors >= TRIES and state.status is not StepStatus.FOLLOWING:
        # Whether the last call took effect is not known, so what it may have started must stay adoptable.
        _failed(draft, step_id, Failed(code="TemporaryError", message=outcome.trouble, meaning=outcome.progress))
        return
    fields: dict[str, Any] = {"errors": errors, "due_at": looked_at + timedelta(seconds=outcome.seconds)}
    if outcome.memory is not None:
        fields["memory"] = outcome.memory
    if not outcome.trouble:
        fields |= {"reasons": ()}
    if outcome.update is not None and state.update_id is None:
        _take_update(draft, step_id, outcome)
        fields["status"] = StepStatus.FOLLOWING
    elif outcome.acted and not outcome.trouble and state.status in (StepStatus.STARTING, StepStatus.BLOCKED):
        fields["status"] = StepStatus.FOLLOWING
    draft.change_step(step_id, **fields)
    _warn(draft, step_id, outcome.warnings)
    _progress(draft, step_id, outcome)
    _slow(draft, step_id, outcome.total)


def _take_update(draft: Draft, step_id: str, outcome: Wait) -> None:
    """An update of ours is under way: started, or found after a crash."""
    assert outcome.update is not None
    state = draft.run.step(step_id)
    if state.token is None:
        _begin(draft, step_id)
        token = step_token(draft.run.id, step_id, state.attempt)
        draft.change_step(step_id, token=token, intended_at=state.intended_at or draft.now)
        draft.tell(EventKind.STEP_STARTED, step_id=step_id, attempt=state.attempt)
    update = outcome.update
    draft.change_step(step_id, update_id=update.id, update_at=update.created_at, update_ended=False, crashes=0)
    kind = EventKind.UPDATE_ADOPTED if outcome.adopted else EventKind.UPDATE_STARTED
    draft.tell(kind, step_id=step_id, update_id=update.id, **_requested(update.request_id))


def _requested(request_id: str) -> dict[str, str]:
    """AWS's id of a request, where there is one."""
    return {"request_id": request_id} if request_id else {}


def _progress(draft: Draft, step_id: str, outcome: Wait) -> None:
    if outcome.progress and outcome.progress != draft.run.step(step_id).progress:
        draft.change_step(step_id, progress=outcome.progress)
        draft.tell(
            EventKind.STEP_PROGRESSED, step_id=step_id, text=outcome.progress, done=outcome.done, total=outcome.total
        )


def _warn(draft: Draft, step_id: str, warnings: tuple[str, ...]) -> None:
    """Raise each warning once."""
    if not warnings:
        return
    told = draft.run.step(step_id).told
    for text in dict.fromkeys(warnings):
        if text not in told:
            draft.tell(EventKind.WARNING_RAISED, step_id=step_id, text=text)
    draft.change_step(step_id, told=tuple(dict.fromkeys((*told, *warnings))))


def _slow(draft: Draft, step_id: str, nodes: int | None) -> None:
    """Past its budget a step is told as slow, once; that is no failure."""
    state = draft.run.step(step_id)
    began = state.intended_at or state.started_at
    if state.slow_told or began is None or draft.run.plan is None or state.status is StepStatus.PENDING:
        return
    allowed = budget(draft.run.plan.find(step_id), nodes)
    if draft.now - began > allowed:
        draft.change_step(step_id, slow_told=True)
        minutes = (draft.now - began).total_seconds() / 60
        draft.tell(
            EventKind.STEP_SLOW, step_id=step_id, minutes=round(minutes), budget=round(allowed.total_seconds() / 60)
        )


def _blocked(draft: Draft, step_id: str, outcome: Blocked, looked_at: datetime) -> None:
    state = draft.run.step(step_id)
    due_at = None if outcome.seconds is None else looked_at + timedelta(seconds=outcome.seconds)
    _begin(draft, step_id)
    draft.change_step(
        step_id,
        status=StepStatus.BLOCKED,
        reasons=outcome.reasons,
        due_at=due_at,
        needs_person=outcome.seconds is None,
        errors=0,
    )
    if outcome.memory is not None:
        draft.change_step(step_id, memory=outcome.memory)
    if state.status is not StepStatus.BLOCKED or state.reasons != outcome.reasons:
        draft.tell(EventKind.STEP_BLOCKED, step_id=step_id, reasons=list(outcome.reasons))


def _failed(draft: Draft, step_id: str, outcome: Failed) -> None:
    assert draft.run.plan is not None
    step = draft.run.plan.find(step_id)
    lagging = outcome.code == GROUPS_MUST_MATCH and step_id not in draft.run.branches
    if lagging and isinstance(step, ControlPlaneStep) and step.if_groups_must_match:
        _take_branch(draft, step, outcome)
        return
    _begin(draft, step_id)
    sentence = outcome.meaning or outcome.message
    draft.change_step(
        step_id,
        status=StepStatus.FAILED,
        update_ended=outcome.update_ended,
        reasons=(f"{outcome.code}: {sentence}" if sentence else outcome.code,),
        due_at=None,
        errors=0,
    )
    if outcome.memory is not None:
        draft.change_step(step_id, memory=outcome.memory)
    draft.tell(
        EventKind.STEP_FAILED,
        step_id=step_id,
        code=outcome.code,
        meaning=outcome.meaning,
        action=outcome.action,
        message=outcome.message,
        resources=list(outcome.resources),
        **_requested(outcome.request_id),
    )


def _take_branch(draft: Draft, step: ControlPlaneStep, outcome: Failed) -> None:
    """EKS refused because node groups lag: do first what the approved plan says for that case (C-06)."""
    ids = tuple(one.id for one in step.if_groups_must_match)
    draft.change(branches={**draft.run.branches, step.id: ids})
    draft.change_step(step.id, status=StepStatus.PENDING, due_at=None, intended_at=None, errors=0)
    draft.tell(EventKind.BRANCH_TAKEN, step_id=step.id, step_ids=list(ids), **_requested(outcome.request_id))


def retry(draft: Draft, actor: str) -> None:
    """Try every failed step again with another token.

    What ended is never adopted again. What may still be under way (our look broke, not the update) is followed on.
    """
    for step_id, state in draft.run.steps.items():
        if state.status is not StepStatus.FAILED:
            continue
        draft.change_step(step_id, **_next_attempt(state))
        draft.tell(EventKind.RETRY_REQUESTED, actor=actor, step_id=step_id, attempt=state.attempt + 1)


def _next_attempt(state: StepState) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "attempt": state.attempt + 1,
        "reasons": (),
        "due_at": None,
        "errors": 0,
        "acting": False,
        "crashes": 0,
        "slow_told": False,
        "progress": "",
        "told": (),
        "memory": {},
    }
    if state.update_id is not None and not state.update_ended:
        return fields | {"status": StepStatus.FOLLOWING}
    past = (*state.past_update_ids, state.update_id) if state.update_id else state.past_update_ids
    return fields | {
        "status": StepStatus.PENDING,
        "token": None,
        "update_id": None,
        "past_update_ids": past,
        "intended_at": None if state.update_ended else state.intended_at,
        "update_ended": False,
    }


def confirm(draft: Draft, signal: StepConfirmed) -> None:
    """A person did it: the step is done."""
    state = draft.run.step(signal.step_id)
    if draft.run.plan is None or state.status is not StepStatus.FOLLOWING:
        return
    if draft.run.plan.find(signal.step_id).kind != "confirm":
        return
    draft.change_step(signal.step_id, confirmed_by=signal.actor)
    draft.tell(EventKind.STEP_CONFIRMED, actor=signal.actor, step_id=signal.step_id)
    _finish(draft, signal.step_id)
    _finish_phase(draft, signal.step_id)


def _parked(crashes: int) -> Failed:
    return Failed(
        code="Parked",
        message=f"The bot died {crashes} times while it was starting this step.",
        meaning="Starting this step takes the bot down, so it is not tried again by itself.",
        action="Look at the bot's log and memory, then press Retry or Abort.",
    )


def restart(draft: Draft) -> None:
    """Tell what is followed on, and count the calls that the process died in.

    Whether such a call took effect is looked at before the step is parked: what is under way is followed all the same.
    """
    if draft.run.status not in (RunStatus.CHECKING, RunStatus.RUNNING, RunStatus.PAUSED):
        return
    draft.tell(EventKind.BOT_RESTARTED, following=draft.going())
    for step_id, state in draft.run.steps.items():
        if state.acting:
            draft.change_step(step_id, acting=False, crashes=state.crashes + 1)
