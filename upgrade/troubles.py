"""What a run needs a person for: the troubles that it has had, from its one stream of events. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from upgrade.events import START_SET, EventKind, UpgradeEvent
from upgrade.facts import Value
from upgrade.gates import PLAN_GATE
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun


class CallKind(StrEnum):
    """Why a person is called."""

    STALLED = "stalled"  # a step takes too long or cannot go on, or Slack was away
    FAILED = "failed"  # a step failed, or a finding stops a phase
    DECISION = "decision"  # half-way it waits for an approval or a confirmation; or its start was missed or is blocked
    APPROVAL = "approval"  # a plan, or a gate with a deadline, waits for its approvals


class Rung(StrEnum):
    """Who hears of a trouble, one after the other. The names are parts of keys, so never changed."""

    PERSON = "person"
    GROUP = "group"
    PAGES = "pages"


class Trouble(Value):
    """What a person is needed for.

    Args:
        key: tells it from the others of its run; the same after every restart.
        seq: the event that began it.
        reason: what happened, with ids of steps in it.
        open: it still stands.
        acknowledged_by: who said that they have seen it, or took the run over.
        step: the id of the step that failed; empty when it is about something else.
        retried_by: who had that step tried again; it may fail again, which is another trouble.
        rungs: who hears of it besides; of some troubles not everybody does.
        at_once: all of them hear of it without waiting for each other.
    """

    key: str
    kind: CallKind
    seq: int
    since: datetime
    reason: str
    open: bool = False
    acknowledged_by: str | None = None
    step: str = ""
    retried_by: str | None = None
    rungs: tuple[Rung, ...] = tuple(Rung)
    at_once: bool = False

    @property
    def calls(self) -> bool:
        """Whether somebody is still to be called."""
        return self.open and self.acknowledged_by is None


def troubles_of(run: UpgradeRun, events: Sequence[UpgradeEvent]) -> tuple[Trouble, ...]:
    """Every trouble that the run has had, in order; those that were put right are not open."""
    story = _Story()
    for event in events:
        story.hear(event)
    latest = {subject: key for subject, key in story.latest.items() if _stands(run, subject)}
    still = set(latest.values())
    return tuple(one.model_copy(update={"open": one.key in still}) for one in story.told.values())


_Subject = tuple[str, str]
_SLOW, _STUCK, _FAILED, _PAUSED, _GATE, _BY_HAND, _MISSED, _BLOCKED, _AWAY, _BACK = (
    "slow", "stuck", "failed", "paused", "gate", "by-hand", "missed", "blocked", "slack", "slack-back",
)  # fmt: skip
#: After these a step that cannot go on is another trouble; progress in between is not enough.
_MOVES: Final = frozenset(
    {
        EventKind.STEP_STARTED,
        EventKind.UPDATE_STARTED,
        EventKind.UPDATE_ADOPTED,
        EventKind.RETRY_REQUESTED,
        EventKind.STEP_FINISHED,
    }
)
_CAUSES: Final = frozenset({EventKind.STEP_FAILED, EventKind.STEP_BLOCKED, EventKind.PAUSE_REQUESTED})
_GOES_ON: Final = frozenset({EventKind.RUN_RESUMED, EventKind.RECHECK_REQUESTED})


@dataclass
class _Story:
    """What the stream says of troubles so far, the latest of each subject by its key."""

    told: dict[str, Trouble] = field(default_factory=dict)
    latest: dict[_Subject, str] = field(default_factory=dict)
    #: When something last stopped the run, so that the pause right after it is no trouble of its own.
    stopped_at: datetime | None = None
    #: The start that was set last; what is blocked before any was set is told in its thread and calls nobody.
    start_at: datetime | None = None
    closed: bool = False
    #: The gate that opened outside of the window, with nobody named for it: it has time until that opens.
    early_gate: str | None = None

    def hear(self, event: UpgradeEvent) -> None:
        step = event.step_id or ""
        if event.kind in _CAUSES:
            self.stopped_at = event.at
        match event.kind:
            case EventKind.STEP_SLOW:
                self._begin(event, (_SLOW, step), CallKind.STALLED, _slow(event))
            case EventKind.STEP_BLOCKED if (_STUCK, step) not in self.latest:
                self._begin(event, (_STUCK, step), CallKind.STALLED, f"{step} cannot go on: {_reasons(event)}")
            case EventKind.STEP_FAILED:
                said = event.data.get("meaning") or event.data.get("message") or event.data.get("code")
                self._begin(event, (_FAILED, step), CallKind.FAILED, f"{step} failed: {said}")
            case EventKind.RETRY_REQUESTED if key := self.latest.get((_FAILED, step)):
                tried = {"retried_by": event.actor or "somebody"}
                self.told[key] = self.told[key].model_copy(update=tried)
            case EventKind.RUN_PAUSED if event.at != self.stopped_at:
                self._begin(event, (_PAUSED, ""), CallKind.FAILED, f"It stands still: {_reasons(event)}")
            case EventKind.GATE_OPENED:
                self._waits(event, str(event.data.get("gate", "")))
            case EventKind.PLAN_CHANGED:
                self._begin(event, (_GATE, PLAN_GATE), CallKind.DECISION, "Its plan changed half-way.")
            case EventKind.STEP_STARTED if step.startswith("confirm/"):
                self._begin(event, (_BY_HAND, step), CallKind.DECISION, f"It waits until a person has done {step}.")
            case EventKind.START_MISSED:
                self._begin(event, (_MISSED, ""), CallKind.DECISION, "Its start was missed; it waits for another.")
            case EventKind.RUN_BLOCKED if self.start_at is not None:
                self._cannot_begin(event, self.start_at)
            case _:
                self._around(event)
        self._go_on(event, step)

    def _waits(self, event: UpgradeEvent, gate: str) -> None:
        """An attended gate calls whoever is named; when nobody came in time, its pause calls everybody.

        Outside of the window there is time, so only the person in charge is called; everybody when that opens.
        """
        which = "" if gate == PLAN_GATE else f": {gate}"
        attended = event.data.get("attended")
        rungs = (Rung.PERSON,) if attended or self.closed else tuple(Rung)
        self.early_gate = gate if self.closed and not attended else None
        self._begin(event, (_GATE, gate), CallKind.DECISION, f"It waits for an approval half-way{which}.", rungs=rungs)

    def _window(self, event: UpgradeEvent) -> None:
        self.closed = event.kind is EventKind.WINDOW_CLOSED
        if not self.closed and self.early_gate is not None:
            self._waits(event, self.early_gate)

    def _cannot_begin(self, event: UpgradeEvent, start_at: datetime) -> None:
        """A block is one trouble until the start is set again, however often people look. Ahead of it there is time."""
        come = event.at >= start_at
        subject = (_BLOCKED, "start" if come else "ahead")
        if subject in self.latest:
            return
        said = "Its start has come, and it cannot begin" if come else "It cannot start as it was set"
        rungs = tuple(Rung) if come else (Rung.PERSON,)
        self._begin(event, subject, CallKind.DECISION, f"{said}: {_reasons(event)}", rungs=rungs)

    def _around(self, event: UpgradeEvent) -> None:
        if event.kind is EventKind.SLACK_UNREACHABLE:
            said = "Slack cannot be reached, so nobody could press Pause: no new step is started."
            self._begin(event, (_AWAY, ""), CallKind.STALLED, said, at_once=True)
        elif event.kind is EventKind.SLACK_REACHABLE:
            said = "Slack could not be reached for a while. Look whether what happened meanwhile is as you want it."
            self._begin(event, (_BACK, ""), CallKind.STALLED, said, rungs=(Rung.PERSON,))
        elif event.kind in (EventKind.WINDOW_CLOSED, EventKind.WINDOW_OPENED):
            self._window(event)
        elif event.kind is EventKind.GATE_PASSED:
            self.early_gate = None

    def _go_on(self, event: UpgradeEvent, step: str) -> None:
        if event.kind in _MOVES:
            self.latest.pop((_STUCK, step), None)
        elif event.kind in _GOES_ON:
            self._forget(_STUCK)
        elif event.kind in START_SET:
            start = event.data.get("start_at")
            self.start_at = datetime.fromisoformat(start) if start else None
            self._forget(_BLOCKED)
        elif event.kind is EventKind.CALL_ACKNOWLEDGED:
            self._seen(event, str(event.data.get("call", "")))
        elif event.kind is EventKind.RUN_TAKEN_OVER:
            self._seen(event, "")

    def _forget(self, what: str) -> None:
        self.latest = {subject: key for subject, key in self.latest.items() if subject[0] != what}

    def _begin(
        self,
        event: UpgradeEvent,
        subject: _Subject,
        kind: CallKind,
        reason: str,
        *,
        rungs: tuple[Rung, ...] = tuple(Rung),
        at_once: bool = False,
    ) -> None:
        key = f"{kind}:{event.seq}"
        self.latest[subject] = key
        self.told[key] = Trouble(
            key=key,
            kind=kind,
            seq=event.seq,
            since=event.at,
            reason=reason,
            step=subject[1] if subject[0] == _FAILED else "",
            rungs=rungs,
            at_once=at_once,
        )

    def _seen(self, event: UpgradeEvent, key: str) -> None:
        """Of one trouble, or of all so far; who was first stays."""
        for one in self.told.values():
            if one.acknowledged_by is None and key in ("", one.key):
                self.told[one.key] = one.model_copy(update={"acknowledged_by": event.actor or "somebody"})


def _stands(run: UpgradeRun, subject: _Subject) -> bool:  # noqa: PLR0911 -- one answer for each subject
    """Whether that is still so. A run that is over, or given up, needs nobody."""
    if run.status.finished or run.intent is Intent.ABORT:
        return False
    what, of = subject
    match what:
        case "failed":
            return run.step(of).status is StepStatus.FAILED
        case "stuck":
            return run.step(of).status is StepStatus.BLOCKED
        case "slow":
            state = run.step(of)
            return state.slow_told and state.status in (StepStatus.STARTING, StepStatus.FOLLOWING)
        case "paused":
            return run.status is RunStatus.PAUSED and run.intent is Intent.GO
        case "gate":
            return run.status is RunStatus.AWAITING_APPROVAL and run.waiting_for == of and run.started_at is not None
        case "by-hand":
            return run.step(of).status is StepStatus.FOLLOWING
        case "missed":
            return run.missed_start and run.status is RunStatus.SCHEDULED
        case "blocked":
            return run.status is RunStatus.BLOCKED
        case "slack":
            return "slack" in run.holds
    return "slack" not in run.holds


def _slow(event: UpgradeEvent) -> str:
    spent, budget = event.data.get("minutes"), event.data.get("budget")
    return f"{event.step_id} takes longer than usual: {spent} min, usually up to {budget}."


def _reasons(event: UpgradeEvent) -> str:
    return " ".join(str(one) for one in event.data.get("reasons") or ())
