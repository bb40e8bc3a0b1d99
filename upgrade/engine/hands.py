"""Whose hands a run is in: who took it over, what people saw, wrote down, and do not want to hear again. Pure."""

from __future__ import annotations

from upgrade.engine.draft import Draft
from upgrade.engine.signals import CallAcknowledged, NoteAdded, RunMuted, RunTakenOver
from upgrade.events import EventKind


def acknowledge(draft: Draft, signal: CallAcknowledged) -> None:
    draft.tell(EventKind.CALL_ACKNOWLEDGED, actor=signal.actor, call=signal.call)


def take_over(draft: Draft, signal: RunTakenOver) -> None:
    before = draft.run.in_charge
    if before != signal.actor:
        draft.change(in_charge=signal.actor)
        draft.tell(EventKind.RUN_TAKEN_OVER, actor=signal.actor, before=before)


def mute(draft: Draft, signal: RunMuted) -> None:
    if signal.until > draft.now:
        draft.tell(EventKind.RUN_MUTED, actor=signal.actor, until=signal.until.isoformat())


def add_note(draft: Draft, signal: NoteAdded) -> None:
    draft.tell(EventKind.NOTE_ADDED, actor=signal.actor, text=signal.text)
