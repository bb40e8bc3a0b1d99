"""A record as JSON, for scripts: keys are stable, and times are UTC."""

from __future__ import annotations

import json
from typing import Any

from upgrade.records.record import Record, aws_calls, digests, standing_at
from upgrade.run import UpgradeRun


def render(record: Record) -> str:
    """In ASCII, so that no terminal obeys what is in it."""
    return json.dumps(document(record), indent=2, default=str) + "\n"


def document(record: Record) -> dict[str, Any]:
    """Where it stands, its plan, who decided what, its phases, its calls of AWS, every event."""
    run, audit = record.run, record.audit
    return {
        "id": run.id,
        "cluster": str(run.cluster),
        "status": run.status.value,
        "intent": run.intent.value,
        "status_line": record.standing,
        "standing_at": standing_at(run),
        "waiting_for": run.waiting_for,
        "pause_reasons": list(run.pause_reasons),
        "blockers": [
            {"code": one.code, "subject": one.subject, "summary": one.summary}
            for one in (run.report.blockers if run.report else ())
        ],
        "requester": run.requester,
        "plan": run.plan.model_dump(mode="json") | {"digest": run.plan.digest} if run.plan else None,
        "digests": [one.model_dump(mode="json") for one in digests(record.events)],
        "created_at": run.created_at.isoformat(),
        "started_at": run.started_at.isoformat() if run.started_at else None,
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "rollback_until": audit.rollback_until.isoformat() if audit.rollback_until else None,
        **_let_be_done(run),
        "phases": [
            phase.model_dump(mode="json", exclude={"waited"})
            | {
                "seconds": phase.duration.total_seconds() if phase.duration is not None else None,
                "waited_seconds": phase.waited.total_seconds(),
            }
            for phase in audit.phases
        ],
        "decisions": [decision.model_dump(mode="json") for decision in audit.decisions],
        "aws_calls": [call.model_dump(mode="json") for call in aws_calls(record.events)],
        "events": [event.model_dump(mode="json") for event in record.events],
    }


def _let_be_done(run: UpgradeRun) -> dict[str, Any]:
    """What stands of who let it be done; who ever decided what is in ``decisions``."""
    return {
        "approvals": [one.model_dump(mode="json") for one in run.approvals],
        "gates_passed": list(run.gates_passed),
        "waivers": [one.model_dump(mode="json") for one in run.waivers],
        "break_glass": [one.model_dump(mode="json") for one in run.glass],
        "ticks": [one.model_dump(mode="json") for one in run.ticks],
        "lifts": [one.model_dump(mode="json") for one in run.lifts],
    }
