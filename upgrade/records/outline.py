"""What Markdown and HTML tell of a record, as tables: a title, heads, and rows of text that nobody has escaped yet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from upgrade.audit import Decision
from upgrade.plan import Phase
from upgrade.records.record import Record, aws_calls, digests
from upgrade.reports.words import lasting, utc
from upgrade.run import UpgradeRun
from upgrade.troubles import troubles_of

#: A record leaves nothing out; what is longer than that is no text but a flood.
LONGEST: Final = 20_000


class Table(NamedTuple):
    """Args: none: what is said where there are no rows."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    none: str


Rows = Iterator[tuple[str, ...]]


def tables(record: Record) -> Iterator[Table]:
    run = record.run
    yield _table("The run", ("What", "Value"), _facts(record))
    yield _table("Plan", ("Phase", "Step", "Pinned", "Gate"), _plan(run), "There is no plan.")
    yield _table("Digests", ("Planned at", "Digest"), ((utc(one.at), one.digest) for one in digests(record.events)))
    decided = ("At", "Who", "Decision", "Subject", "Reason", "Of plan", "In view")
    yield _table("Decisions", decided, _decisions(record), "Nobody decided anything.")
    waived = ("Check", "Subject", "By", "Reason", "Until")
    waivers = ((one.code, one.subject, one.by, one.reason, str(one.until or "")) for one in run.waivers)
    yield _table("Waivers", waived, waivers, "Nothing was waived.")
    broken = ("At", "Gate", "By", "Reason", "Good until")
    glass = ((utc(one.at), one.gate, one.by, one.reason, utc(one.until)) for one in run.glass)
    yield _table("Break-glass", broken, glass, "Nobody broke the glass.")
    went = ("Phase", "Began", "Ended", "Took", "Of that, people were waited for", "Attempts")
    yield _table("Phases", went, _phases(record), "None has begun.")
    calls = ("At", "Call", "Step", "Attempt", "Outcome", "Update", "Request id")
    yield _table("Calls of AWS", calls, _calls(record), "AWS was not asked to change anything.")
    yield _table("Events", ("No.", "At", "What", "Who", "Step", "Data"), _events(record))


def _table(title: str, heads: tuple[str, ...], rows: Rows, none: str = "There is none.") -> Table:
    return Table(title, heads, tuple(rows), none)


def _decisions(record: Record) -> Rows:
    happened = {trouble.key: trouble.reason for trouble in troubles_of(record.run, record.events)}
    for one in record.audit.decisions:
        counted = f" ({one.given} of {one.needed})" if one.needed is not None else ""
        told = (f"{one.what}{counted}", happened.get(one.subject, one.subject), one.reason, one.digest[:12])
        yield utc(one.at), one.actor, *told, _in_view(one)


def _in_view(decision: Decision) -> str:
    """What whoever decided had before them, beside the plan."""
    if decision.looked_at is None:
        return ""
    found = ", ".join(f"{code} ({number})" for code, number in decision.noted.items()) or "nothing"
    return f"looked at {utc(decision.looked_at)}, to note: {found}"


def _phases(record: Record) -> Rows:
    for one in record.audit.phases:
        took = lasting(one.duration) if one.duration is not None else ""
        waited = lasting(one.waited) if one.waited else ""
        yield one.title, utc(one.started_at), _at(one.finished_at), took, waited, str(one.attempts)


def _calls(record: Record) -> Rows:
    for one in aws_calls(record.events):
        told = (one.action, one.step_id, str(one.attempt), one.outcome, one.update_id, one.request_id)
        yield (utc(one.at), *told)


def _facts(record: Record) -> Rows:
    run = record.run
    yield "Run", run.id
    yield "Cluster", str(run.cluster)
    yield "Stands", record.standing
    if run.plan:
        yield "Versions", f"{run.plan.from_version} to {run.plan.to_version}"
        yield "Plan digest", run.plan.digest
        yield "Approvals needed", str(run.plan.approvals)
    yield "Approvals that count", ", ".join(f"{one.by} ({one.gate})" for one in run.approvals)
    yield "Gates passed", ", ".join(run.gates_passed)
    yield "Requested by", run.requester
    yield "Requested at", utc(run.created_at)
    yield "Began", _at(run.started_at)
    yield "Ended", _at(run.finished_at)
    yield "Control plane can go back until", _at(record.audit.rollback_until)


def _plan(run: UpgradeRun) -> Rows:
    for phase, step in run.plan.steps() if run.plan else ():
        yield phase.title, step.id, _data(step.pins), _gate(phase)


def _gate(phase: Phase) -> str:
    if phase.gate is None:
        return ""
    terms = phase.gate_terms
    return f"{phase.gate} {_data(terms.model_dump(mode='json'))}" if terms else phase.gate


def _events(record: Record) -> Rows:
    for event in record.events:
        actor, step_id = event.actor or "", event.step_id or ""
        yield str(event.seq), event.at.isoformat(), event.kind.value, actor, step_id, _data(event.data)


def _data(found: Mapping[str, Any]) -> str:
    return json.dumps(dict(found), ensure_ascii=False, default=str) if found else ""


def _at(at: datetime | None) -> str:
    return utc(at) if at else ""
