"""Who decided what, how long each phase took, until when a rollback is possible: read off the events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Final

from upgrade.events import EventKind, UpgradeEvent
from upgrade.facts import Value

#: C-30: EKS rolls a control plane back within seven days after its update completed.
ROLLBACK_PERIOD: Final = timedelta(days=7)
_CONTROL_PLANE: Final = "control-plane@"


class Decision(Value):
    """What a person decided, and what they saw when they did.

    Args:
        what: approved, ticked, rejected, waived …
        subject: the gate, item, finding or step it was about.
        digest: of the plan that an approval or a rejection was for.
        given: how many approvals of that gate counted with this one, of so many that are ``needed``.
        ticked: ids of the items of the check list that came with it.
        looked_at: when the cluster was looked at, for the report that stood beside the plan.
        noted: how many findings were in that report that nobody had waived, by the code of their check.
    """

    at: datetime
    actor: str
    what: str
    subject: str = ""
    reason: str = ""
    until: date | None = None
    digest: str = ""
    given: int | None = None
    needed: int | None = None
    ticked: tuple[str, ...] = ()
    looked_at: datetime | None = None
    noted: Mapping[str, int] = {}


class PhaseTime(Value):
    """A phase as it went.

    Args:
        finished_at: None for one that never ended.
        attempts: how often its most stubborn step was tried.
        waited: how much of it nothing was done because people were waited for: paused, approvals, steps by hand.
    """

    id: str
    title: str
    started_at: datetime
    finished_at: datetime | None = None
    attempts: int = 1
    waited: timedelta = timedelta(0)

    @property
    def duration(self) -> timedelta | None:
        """From its beginning to its end, also what it ``waited``, and while the bot was down: EKS went on then."""
        return self.finished_at - self.started_at if self.finished_at else None


class Audit(Value):
    """What a run leaves for the record.

    Args:
        rollback_until: seven days after the last control-plane update ended well; None when none did.
    """

    decisions: tuple[Decision, ...]
    phases: tuple[PhaseTime, ...]
    rollback_until: datetime | None


_DECISIONS: Final = {
    EventKind.RUN_REQUESTED: ("requested", "target"),
    EventKind.APPROVAL_GIVEN: ("approved", "gate"),
    EventKind.BREAK_GLASS_USED: ("broke the glass", "gate"),
    EventKind.RUN_REJECTED: ("rejected", "gate"),
    EventKind.WAIVER_GIVEN: ("waived", "code"),
    EventKind.STEP_CONFIRMED: ("confirmed", ""),
    EventKind.RUN_RESCHEDULED: ("rescheduled", "start_at"),
    EventKind.FREEZE_LIFTED: ("lifted a freeze", "freeze"),
    EventKind.PAUSE_REQUESTED: ("paused", ""),
    EventKind.RUN_RESUMED: ("resumed", ""),
    EventKind.RETRY_REQUESTED: ("retried", ""),
    EventKind.RECHECK_REQUESTED: ("rechecked", ""),
    EventKind.ABORT_REQUESTED: ("aborted", ""),
    EventKind.CALL_ACKNOWLEDGED: ("acknowledged", "call"),
    EventKind.RUN_TAKEN_OVER: ("took over", ""),
    EventKind.RUN_MUTED: ("muted", "until"),
    EventKind.NOTE_ADDED: ("noted", "text"),
}


_STOPS: Final = frozenset({EventKind.RUN_PAUSED, EventKind.GATE_OPENED})
_GOES_ON: Final = frozenset(
    {EventKind.RUN_RESUMED, EventKind.RETRY_REQUESTED, EventKind.RECHECK_REQUESTED, EventKind.GATE_PASSED}
)
_BEGINS: Final = frozenset({EventKind.STEP_STARTED, EventKind.UPDATE_STARTED, EventKind.UPDATE_ADOPTED})
_ENDS: Final = frozenset(
    {EventKind.STEP_FINISHED, EventKind.STEP_SKIPPED, EventKind.STEP_FAILED, EventKind.STEP_BLOCKED}
)
_BY_HAND: Final = "confirm/"


class _Hands:
    """Whose turn it is: a pause lets what is under way finish, and only then people are waited for."""

    def __init__(self) -> None:
        self._stopped = False
        self._working: set[str] = set()
        self._asked: set[str] = set()

    def see(self, event: UpgradeEvent) -> None:
        step_id = event.step_id or ""
        steps = self._asked if step_id.startswith(_BY_HAND) else self._working
        if event.kind in _STOPS:
            self._stopped = True
        elif event.kind in _GOES_ON:
            self._stopped = False
        elif event.kind in _BEGINS:
            steps.add(step_id)
        elif event.kind in _ENDS:
            steps.discard(step_id)

    @property
    def are_peoples(self) -> bool:
        return not self._working and (self._stopped or bool(self._asked))


def audit(events: Iterable[UpgradeEvent]) -> Audit:
    """The record of a run, from its events in order."""
    decisions: list[Decision] = []
    phases: dict[str, PhaseTime] = {}
    rollback_until: datetime | None = None
    hands, before = _Hands(), None
    for event in events:
        if event.actor is not None and event.kind in _DECISIONS:
            decisions.append(_decision(event))
            decisions += _ticked(event)
        if before is not None and hands.are_peoples:
            _open_phase_waited(phases, event.at - before)
        hands.see(event)
        before = event.at
        match event.kind:
            case EventKind.PHASE_STARTED:
                phase_id = str(event.data["phase"])
                phases[phase_id] = PhaseTime(id=phase_id, title=str(event.data["title"]), started_at=event.at)
            case EventKind.PHASE_FINISHED if event.data["phase"] in phases:
                phase_id = str(event.data["phase"])
                phases[phase_id] = phases[phase_id].model_copy(update={"finished_at": event.at})
            case EventKind.RETRY_REQUESTED:
                _open_phase_tried(phases, int(event.data["attempt"]))
            case EventKind.STEP_FINISHED if (event.step_id or "").startswith(_CONTROL_PLANE):
                rollback_until = event.at + ROLLBACK_PERIOD
    return Audit(decisions=tuple(decisions), phases=tuple(phases.values()), rollback_until=rollback_until)


def _open_phase_waited(phases: dict[str, PhaseTime], length: timedelta) -> None:
    for phase in _open(phases):
        phases[phase.id] = phase.model_copy(update={"waited": phase.waited + length})


def _open_phase_tried(phases: dict[str, PhaseTime], attempt: int) -> None:
    for phase in _open(phases):
        phases[phase.id] = phase.model_copy(update={"attempts": max(phase.attempts, attempt)})


def _open(phases: dict[str, PhaseTime]) -> list[PhaseTime]:
    """Phases come one after the other: at most one has begun and not ended."""
    return [phase for phase in phases.values() if phase.finished_at is None]


def _ticked(event: UpgradeEvent) -> list[Decision]:
    """What came with an approval: each item of the check list, by its id."""
    items = event.data.get("ticked", ()) if event.kind is EventKind.APPROVAL_GIVEN else ()
    return [Decision(at=event.at, actor=event.actor or "", what="ticked", subject=str(item)) for item in items]


def _decision(event: UpgradeEvent) -> Decision:
    what, key = _DECISIONS[event.kind]
    subject = str(event.data.get(key, "")) if key else event.step_id or ""
    if event.kind is EventKind.WAIVER_GIVEN:
        subject = f"{subject} {event.data.get('subject', '')}".strip()
    looked_at = event.data.get("looked_at")
    until = event.data.get("until") if event.kind is EventKind.WAIVER_GIVEN else None
    return Decision(
        at=event.at,
        actor=event.actor or "",
        what=what,
        subject=subject,
        reason=str(event.data.get("reason") or ""),
        until=date.fromisoformat(str(until)) if until else None,
        digest=str(event.data.get("digest", "")),
        given=event.data.get("given"),
        needed=event.data.get("needed"),
        ticked=tuple(map(str, event.data.get("ticked", ()))),
        looked_at=datetime.fromisoformat(str(looked_at)) if looked_at else None,
        noted=event.data.get("noted", {}),
    )
