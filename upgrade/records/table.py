"""A record as CSV: a row for each event, which no spreadsheet computes."""

from __future__ import annotations

import csv
import io
import json
from typing import Final

from upgrade.records.record import Record
from upgrade.reports.words import clean

COLUMNS: Final = ("run", "cluster", "seq", "at", "kind", "actor", "step_id", "update_id", "request_id", "data")
#: A cell that begins so is a formula to a spreadsheet; the wide forms too, where East Asian text is typed.
_COMPUTES: Final = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001
#: What a cell of a spreadsheet holds.
_LONGEST: Final = 32_000


def render(record: Record) -> str:
    """With a head, as RFC 4180 has it."""
    found = io.StringIO()
    writer = csv.writer(found)
    writer.writerow(COLUMNS)
    for event in record.events:
        writer.writerow(
            map(
                cell,
                (
                    event.run_id,
                    record.run.cluster,
                    event.seq,
                    event.at.isoformat(),
                    event.kind.value,
                    event.actor or "",
                    event.step_id or "",
                    event.data.get("update_id") or "",
                    event.data.get("request_id") or "",
                    json.dumps(dict(event.data), ensure_ascii=False, default=str) if event.data else "",
                ),
            )
        )
    return found.getvalue()


def cell(value: object) -> str:
    """One line that is text and nothing else: what looks like a formula has an apostrophe before it."""
    text = clean(value, _LONGEST) if str(value) else ""
    return f"'{text}" if text.startswith(_COMPUTES) else text
