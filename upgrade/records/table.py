"""A record as CSV, which no spreadsheet computes: a row for each step of the plan, then one for each event."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from upgrade.records.record import Record
from upgrade.reports.words import clean

COLUMNS: Final = ("run", "cluster", "seq", "at", "kind", "actor", "step_id", "update_id", "request_id", "data")
#: The kind of the rows that are the plan; no event has it. They have no number and no time.
PLANNED: Final = "planned-step"
#: A cell that begins so is a formula to a spreadsheet; the wide forms too, where East Asian text is typed.
_COMPUTES: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001
#: What a cell of a spreadsheet holds.
_LONGEST: Final = 32_000


def render(record: Record) -> str:
    """With a head, as RFC 4180 has it."""
    found = io.StringIO()
    writer = csv.writer(found)
    writer.writerow(COLUMNS)
    for row in (*_planned(record), *_events(record)):
        writer.writerow(map(cell, (record.run.id, record.run.cluster, *row)))
    return found.getvalue()


def _planned(record: Record) -> Iterator[tuple[object, ...]]:
    """The plan as it was approved: each row has its digest."""
    plan = record.run.plan
    for phase, step in plan.steps() if plan else ():
        data = {"phase": phase.title, "gate": phase.gate, "pinned": step.pins, "digest": plan.digest if plan else ""}
        yield "", "", PLANNED, "", step.id, "", "", _json(data)


def _events(record: Record) -> Iterator[tuple[object, ...]]:
    for event in record.events:
        ids = (event.data.get("update_id") or "", event.data.get("request_id") or "")
        who = (event.actor or "", event.step_id or "")
        yield event.seq, event.at.isoformat(), event.kind.value, *who, *ids, _json(event.data)


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(dict(data), ensure_ascii=False, default=str) if data else ""


def cell(value: object) -> str:
    """One line that is text and nothing else: what looks like a formula has an apostrophe before it."""
    text = clean(value, _LONGEST) if str(value) else ""
    return f"'{text}" if text.startswith(_COMPUTES) else text
