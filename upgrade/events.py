"""The one stream of what happened in a run: append-only, numbered from 1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from upgrade.facts import Value


class EventKind(StrEnum):
    """Past tense: what happened. The keys of ``data`` stand behind each."""

    RUN_REQUESTED = "run-requested"  # target, scope, start_at (when one was wanted)
    REQUEST_REFUSED = "request-refused"  # verb, reason: this person may not
    # blockers, waived, warnings, unknowns (counts), phase (when looked at again), ahead (hours before the start)
    CHECKS_FINISHED = "checks-finished"
    RUN_BLOCKED = "run-blocked"  # codes, reasons
    PLAN_READY = "plan-ready"  # digest
    PLAN_CHANGED = "plan-changed"  # old, new (digests), added, dropped (step ids; in both: another pin)
    # Approvals, broken glass and rejections also tell what was in view: looked_at (when the cluster was looked at),
    # noted (how many findings that nobody waived, by the code of their check).
    APPROVAL_GIVEN = "approval-given"  # gate, digest, given, needed, ticked (ids of check-list items)
    BREAK_GLASS_USED = "break-glass-used"  # gate, digest, reason, until, given, needed, unticked (ids of items)
    APPROVAL_REFUSED = "approval-refused"  # gate, reason: this person may not
    RUN_REJECTED = "run-rejected"  # gate (``start``: it could not even begin), digest, reason
    WAIVER_GIVEN = "waiver-given"  # code, subject, reason, until (a day, or None)
    WAIVER_EXPIRED = "waiver-expired"  # code, subject, until
    RUN_SCHEDULED = "run-scheduled"  # start_at
    RUN_RESCHEDULED = "run-rescheduled"  # start_at (None: as soon as it may), before (None: there was none)
    START_MISSED = "start-missed"  # start_at
    FREEZE_LIFTED = "freeze-lifted"  # freeze, reason
    RUN_STARTED = "run-started"
    GATE_OPENED = "gate-opened"  # gate: waits for an approval; attended (by whom), reason (it did not open by itself)
    GATE_PASSED = "gate-passed"  # gate, unattended (True when it opened by itself)
    NOTICE_DELIVERED = "notice-delivered"  # notice
    PHASE_STARTED = "phase-started"  # phase, title
    PHASE_FINISHED = "phase-finished"  # phase, title, seconds
    STEP_STARTED = "step-started"  # attempt
    UPDATE_STARTED = "update-started"  # update_id, request_id (AWS's, of the call that made it)
    UPDATE_ADOPTED = "update-adopted"  # update_id
    STEP_PROGRESSED = "step-progressed"  # text, done, total
    STEP_SLOW = "step-slow"  # minutes, budget
    STEP_SKIPPED = "step-skipped"  # reason: it was already true
    STEP_BLOCKED = "step-blocked"  # reasons
    # code, meaning, action, message, resources, request_id (AWS's, of a call that it refused)
    STEP_FAILED = "step-failed"
    STEP_FINISHED = "step-finished"  # seconds
    STEP_CONFIRMED = "step-confirmed"
    BRANCH_TAKEN = "branch-taken"  # step_ids: the C-06 branch; request_id (of the call that EKS refused)
    WARNING_RAISED = "warning-raised"  # text
    PAUSE_REQUESTED = "pause-requested"  # under_way: [{step_id, update_id}]
    RUN_PAUSED = "run-paused"  # reasons, codes, under_way
    RUN_RESUMED = "run-resumed"
    RETRY_REQUESTED = "retry-requested"  # attempt
    RECHECK_REQUESTED = "recheck-requested"
    ABORT_REQUESTED = "abort-requested"  # under_way
    RUN_ABORTED = "run-aborted"  # control_plane, done, not_done
    RUN_EXPIRED = "run-expired"  # reason: what nobody answered
    RUN_FAILED = "run-failed"  # control_plane, done, not_done
    RUN_SUCCEEDED = "run-succeeded"  # seconds
    BOT_RESTARTED = "bot-restarted"  # following: [{step_id, update_id}]
    WINDOW_CLOSED = "window-closed"  # opens_at, reason
    WINDOW_OPENED = "window-opened"
    SLACK_UNREACHABLE = "slack-unreachable"  # since
    SLACK_REACHABLE = "slack-reachable"
    CALL_ACKNOWLEDGED = "call-acknowledged"  # call: the key of what it is about; empty: all that there is
    RUN_TAKEN_OVER = "run-taken-over"  # before: who was in charge, if somebody had taken it over
    RUN_MUTED = "run-muted"  # until
    NOTE_ADDED = "note-added"  # text


#: Kinds that set a start: a start that was set again is another one.
START_SET: Final = frozenset({EventKind.RUN_SCHEDULED, EventKind.RUN_RESCHEDULED})


class UpgradeEvent(Value):
    """One thing that happened.

    Args:
        seq: 1, 2, 3 … in the run, without gaps.
        at: domain time.
        actor: the person who did it (a Slack user id or ``cli:NAME``); None when the engine did.
        step_id: the step it is about.
        data: as ``EventKind`` says; never a secret.
    """

    run_id: str
    seq: int
    at: datetime
    kind: EventKind
    actor: str | None = None
    step_id: str | None = None
    data: Mapping[str, Any] = {}
