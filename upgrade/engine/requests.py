"""Requests of people: the run that one asks for, and rows of listeners as the signals that ``advance`` understands."""

from __future__ import annotations

from datetime import UTC, date, datetime

from upgrade.configured import ConfiguredCluster
from upgrade.engine.signals import (
    CallAcknowledged,
    DecisionGiven,
    FreezeLifted,
    GlassBroken,
    IntentGiven,
    NoteAdded,
    RunMuted,
    RunTakenOver,
    Signal,
    StartMoved,
    StepConfirmed,
    WaiverGiven,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.plan import PlanRequest
from upgrade.ports import InboxRow
from upgrade.run import UpgradeRun


def requested_run(
    run_id: str,
    request: PlanRequest,
    configured: ConfiguredCluster,
    now: datetime,
    *,
    actor: str,
    channel: str | None,
    start_at: datetime | None,
) -> tuple[UpgradeRun, UpgradeEvent]:
    """A new run and the event that tells of it. ``start_at``: aware, or None for as soon as it may."""
    run = UpgradeRun(
        id=run_id,
        request=request,
        policy=configured.policy,
        time_zone=configured.time_zone,
        requester=actor,
        created_at=now,
        wanted_at=start_at.astimezone(UTC) if start_at else None,
        next_due_at=now,
        last_seq=1,
        channel=channel,
    )
    told = {"target": str(request.target) if request.target else None, "scope": request.scope.value}
    if run.wanted_at is not None:
        told["start_at"] = run.wanted_at.isoformat()
    event = UpgradeEvent(run_id=run.id, seq=1, at=now, kind=EventKind.RUN_REQUESTED, actor=actor, data=told)
    return run, event


def signal_of(row: InboxRow) -> Signal:  # noqa: PLR0911 -- one answer for each verb
    """Raises ValueError for a verb that is no request to a run."""
    told = row.payload
    match row.kind:
        case "pause" | "resume" | "retry" | "abort" | "recheck":
            return IntentGiven(verb=row.kind, actor=row.actor)
        case "approve" | "reject":
            return DecisionGiven(
                gate=told["gate"],
                digest=told["digest"],
                approved=row.kind == "approve",
                actor=row.actor,
                reason=told.get("reason", ""),
                ticked=tuple(told.get("ticked", "").split()),
            )
        case "break_glass":
            return GlassBroken(gate=told["gate"], digest=told["digest"], reason=told["reason"], actor=row.actor)
        case "confirm":
            return StepConfirmed(step_id=told["step_id"], actor=row.actor)
        case "waive":
            until = date.fromisoformat(told["until"]) if told.get("until") else None
            return WaiverGiven(
                code=told["code"], subject=told["subject"], reason=told["reason"], until=until, actor=row.actor
            )
        case "reschedule":
            start_at = datetime.fromisoformat(told["start_at"]) if told.get("start_at") else None
            return StartMoved(start_at=start_at, actor=row.actor)
        case "lift":
            return FreezeLifted(freeze=told["freeze"], reason=told["reason"], actor=row.actor)
        case "acknowledge":
            return CallAcknowledged(call=told.get("call", ""), actor=row.actor)
        case "take_over":
            return RunTakenOver(actor=row.actor)
        case "mute":
            return RunMuted(until=datetime.fromisoformat(told["until"]), actor=row.actor)
        case "note":
            return NoteAdded(text=told["text"], actor=row.actor)
        case other:
            raise ValueError(f"{other} is not something that can be asked of a run")
