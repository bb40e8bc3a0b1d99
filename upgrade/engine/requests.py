"""Requests of people, from the rows that listeners commit to the signals that ``advance`` understands."""

from __future__ import annotations

from datetime import date

from upgrade.engine.signals import DecisionGiven, IntentGiven, Signal, StepConfirmed, WaiverGiven
from upgrade.ports import InboxRow


def signal_of(row: InboxRow) -> Signal:
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
        case "confirm":
            return StepConfirmed(step_id=told["step_id"], actor=row.actor)
        case "waive":
            until = date.fromisoformat(told["until"]) if told.get("until") else None
            return WaiverGiven(
                code=told["code"], subject=told["subject"], reason=told["reason"], until=until, actor=row.actor
            )
        case other:
            raise ValueError(f"{other} is not something that can be asked of a run")
