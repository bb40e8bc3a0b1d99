"""A run being changed by one signal, and the events that tell it. Keeps run and story in step."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from upgrade.engine.course import abort_preview, next_due_at, under_way
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus, StepState, UpgradeRun

#: What somebody should have seen before a gate opens by itself.
_TROUBLING: Final = frozenset({EventKind.WARNING_RAISED, EventKind.STEP_FAILED, EventKind.STEP_SLOW})


class Draft:
    """Collects changes of one pass; "now" is one instant in it."""

    def __init__(self, run: UpgradeRun, now: datetime) -> None:
        self.run = run
        self.now = now
        self.events: list[UpgradeEvent] = []

    def tell(self, kind: EventKind, *, actor: str | None = None, step_id: str | None = None, **data: Any) -> None:
        seq = self.run.last_seq + 1
        self.events.append(
            UpgradeEvent(run_id=self.run.id, seq=seq, at=self.now, kind=kind, actor=actor, step_id=step_id, data=data)
        )
        self.change(last_seq=seq)
        if kind in _TROUBLING:
            self.change(warned_at=self.now)

    def change(self, **fields: Any) -> None:
        self.run = self.run.model_copy(update=fields)

    def change_step(self, step_id: str, **fields: Any) -> StepState:
        state = self.run.step(step_id).model_copy(update=fields)
        self.change(steps={**self.run.steps, step_id: state})
        return state

    def finish(self, status: RunStatus, kind: EventKind, *, actor: str | None = None, **data: Any) -> None:
        """End the run. ``data`` of the event says what is left behind when something was begun."""
        self.change(
            status=status, finished_at=self.now, expires_at=None, waiting_for=None, holds=(), blocked_phase=None
        )
        self.tell(kind, actor=actor, **data)

    def left_behind(self) -> dict[str, Any]:
        return abort_preview(self.run).model_dump(mode="json", exclude={"under_way"})

    def going(self) -> list[dict[str, str | None]]:
        """Steps under way, as events tell them."""
        return [one.model_dump() for one in under_way(self.run)]

    def result(self) -> tuple[UpgradeRun, tuple[UpgradeEvent, ...]]:
        return self.run.model_copy(update={"next_due_at": next_due_at(self.run, self.now)}), tuple(self.events)
