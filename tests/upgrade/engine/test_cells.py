"""Every cell of status and signal: what it does, or that it does nothing. A new status or signal fails here first."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest

from tests.upgrade.runs import (
    CONFIRM,
    CONTROL_PLANE,
    NOW,
    UP_TO_NODES,
    done,
    following,
    make_finding,
    make_plan,
    make_report,
    make_run,
)
from upgrade.engine.advance import advance
from upgrade.engine.signals import (
    CallAcknowledged,
    ChecksFinished,
    DecisionGiven,
    FreezeLifted,
    GlassBroken,
    IntentGiven,
    NoteAdded,
    NoticeDelivered,
    RequestRefused,
    Restarted,
    RunMuted,
    RunTakenOver,
    Signal,
    SlackChanged,
    StartMoved,
    StepConfirmed,
    StepIntended,
    StepLooked,
    StepReleased,
    TimePassed,
    WaiverGiven,
    WindowChanged,
)
from upgrade.freeze import Freeze
from upgrade.gates import PLAN_GATE
from upgrade.plan import UpgradePolicy
from upgrade.run import Done, RunStatus, StepStatus, UpgradeRun

PLAN = make_plan()
NOTHING = ""
FREEZE = Freeze(
    name="sale", starts_at=NOW + timedelta(days=30), ends_at=NOW + timedelta(days=31), reason="a sale", lifters=("U",)
)

SIGNALS: dict[str, Signal] = {
    "pause": IntentGiven(verb="pause", actor="U"),
    "resume": IntentGiven(verb="resume", actor="U"),
    "retry": IntentGiven(verb="retry", actor="U"),
    "abort": IntentGiven(verb="abort", actor="U"),
    "recheck": IntentGiven(verb="recheck", actor="U"),
    "approve": DecisionGiven(gate=PLAN_GATE, digest=PLAN.digest, approved=True, actor="U-NEW"),
    "reject": DecisionGiven(gate=PLAN_GATE, digest=PLAN.digest, approved=False, actor="U-NEW"),
    "break-glass": GlassBroken(gate=PLAN_GATE, digest=PLAN.digest, reason="it must", actor="U"),
    "waive": WaiverGiven(code="POD001", subject="shop/web", reason="known", actor="U"),
    "confirm": StepConfirmed(step_id=CONFIRM.id, actor="U"),
    "refused": RequestRefused(verb="abort", actor="U", reason="no"),
    "checked": ChecksFinished(report=make_report(), plan=PLAN),
    "looked-ahead": ChecksFinished(report=make_report(), plan=PLAN, ahead=True),
    "phase-checked": ChecksFinished(phase="control-plane@1.35", report=make_report()),
    "intended": StepIntended(step_id=CONTROL_PLANE.id),
    "released": StepReleased(step_id=CONTROL_PLANE.id),
    "looked": StepLooked(step_id=CONTROL_PLANE.id, outcome=Done(), looked_at=NOW),
    "window-closes": WindowChanged(open=False, opens_at=NOW + timedelta(hours=9)),
    "window-opens": WindowChanged(open=True),
    "moved": StartMoved(start_at=NOW + timedelta(hours=2), actor="U"),
    "lifted": FreezeLifted(freeze=FREEZE.name, reason="it must", actor="U"),
    "acknowledged": CallAcknowledged(call="failed:7", actor="U"),
    "taken-over": RunTakenOver(actor="U"),
    "muted": RunMuted(until=NOW + timedelta(hours=1), actor="U"),
    "noted": NoteAdded(text="the disk is full", actor="U"),
    "slack-gone": SlackChanged(unreachable_since=NOW),
    "slack-back": SlackChanged(unreachable_since=None),
    "notice": NoticeDelivered(),
    "time": TimePassed(),
    "restarted": Restarted(),
}

POLICY = UpgradePolicy(freezes=(FREEZE,))
REPORT = {"report": make_report(make_finding())}
RUNS: dict[RunStatus, UpgradeRun] = {
    RunStatus.CHECKING: make_run(RunStatus.CHECKING, policy=POLICY),
    RunStatus.BLOCKED: make_run(RunStatus.BLOCKED, policy=POLICY, **REPORT),
    RunStatus.AWAITING_APPROVAL: make_run(RunStatus.AWAITING_APPROVAL, policy=POLICY, **REPORT),
    RunStatus.SCHEDULED: make_run(RunStatus.SCHEDULED, policy=POLICY, start_at=NOW, notice_at=None),
    RunStatus.RUNNING: make_run(RunStatus.RUNNING, policy=POLICY, steps=done("announce"), notice_at=None),
    RunStatus.PAUSED: make_run(RunStatus.PAUSED, policy=POLICY, steps=done("announce"), notice_at=None),
    **{status: make_run(status) for status in RunStatus if status.finished},
}

# What each signal does in each status that is not terminal: the new status and the events, or nothing at all.
# Columns: checking, blocked, awaiting-approval, scheduled, running (nothing started), paused (by a person).
P = "pause-requested"
A = "aborted: abort-requested run-aborted"
R = "same: request-refused"
N = "same: notice-delivered"
M = "same: run-rescheduled"
L = "same: freeze-lifted"
CELLS: dict[str, tuple[str, str, str, str, str, str]] = {
    "pause": (f"same: {P}", f"same: {P}", f"same: {P}", f"same: {P}", f"paused: {P} run-paused", NOTHING),
    "resume": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, "running: run-resumed"),
    "retry": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "abort": (A, A, A, A, A, A),
    "recheck": (NOTHING, "checking: recheck-requested", "checking: recheck-requested", NOTHING, NOTHING, NOTHING),
    "approve": (
        "same: approval-refused",
        "same: approval-refused",
        "scheduled: approval-given run-scheduled",
        "same: approval-refused",
        "same: approval-refused",
        "same: approval-refused",
    ),
    "reject": (
        "same: approval-refused",
        "same: approval-refused",
        "rejected: run-rejected",
        "same: approval-refused",
        "same: approval-refused",
        "same: approval-refused",
    ),
    "break-glass": (R, R, "scheduled: break-glass-used run-scheduled", R, R, R),
    "waive": (NOTHING, "checking: waiver-given", "checking: waiver-given", NOTHING, NOTHING, NOTHING),
    "confirm": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "refused": (R, R, R, R, R, R),
    "checked": ("awaiting-approval: checks-finished plan-ready", NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "looked-ahead": (NOTHING, NOTHING, NOTHING, "same: checks-finished", NOTHING, NOTHING),
    "phase-checked": (NOTHING, NOTHING, NOTHING, NOTHING, "same: checks-finished", NOTHING),
    "intended": (NOTHING, NOTHING, NOTHING, NOTHING, "same: phase-started step-started", NOTHING),
    "released": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "looked": (
        NOTHING,
        NOTHING,
        "same: phase-started step-finished phase-finished",  # a look that was under way when a gate opened
        NOTHING,
        "same: phase-started step-finished phase-finished",
        "same: phase-started step-finished phase-finished",
    ),
    "window-closes": (NOTHING, NOTHING, NOTHING, NOTHING, "same: window-closed", "same: window-closed"),
    "window-opens": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "moved": (M, M, M, M, NOTHING, NOTHING),
    "lifted": (L, L, L, L, L, L),
    "acknowledged": ("same: call-acknowledged",) * 6,
    "taken-over": ("same: run-taken-over",) * 6,
    "muted": ("same: run-muted",) * 6,
    "noted": ("same: note-added",) * 6,
    "slack-gone": (NOTHING, NOTHING, NOTHING, NOTHING, "same: slack-unreachable", "same: slack-unreachable"),
    "slack-back": (NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
    "notice": (NOTHING, NOTHING, NOTHING, N, N, N),
    "time": (NOTHING, NOTHING, NOTHING, "checking:", NOTHING, NOTHING),
    "restarted": ("same: bot-restarted", NOTHING, NOTHING, NOTHING, "same: bot-restarted", "same: bot-restarted"),
}
COLUMNS = [status for status in RunStatus if not status.finished]


def outcome(run: UpgradeRun, signal: Signal) -> str:
    after, events = advance(run, signal, NOW)
    said = " ".join(event.kind.value for event in events)
    unchanged = after.model_copy(update={"next_due_at": None}) == run.model_copy(update={"next_due_at": None})
    if unchanged:
        return NOTHING
    return f"{'same' if after.status is run.status else after.status.value}: {said}".strip()


def test_the_table_names_every_signal_of_the_union_and_every_status() -> None:
    union: tuple[Any, ...] = get_args(get_args(Signal)[0])
    assert {type(signal) for signal in SIGNALS.values()} == set(union)
    assert CELLS.keys() == SIGNALS.keys()
    assert set(RUNS) == set(RunStatus)
    assert [status.value for status in COLUMNS] == [
        "checking", "blocked", "awaiting-approval", "scheduled", "running", "paused",
    ]  # fmt: skip


@pytest.mark.parametrize("status", COLUMNS)
@pytest.mark.parametrize("name", SIGNALS)
def test_cell(name: str, status: RunStatus) -> None:
    assert outcome(RUNS[status], SIGNALS[name]) == CELLS[name][COLUMNS.index(status)]


@pytest.mark.parametrize("status", [s for s in RunStatus if s.finished])
@pytest.mark.parametrize("name", SIGNALS)
def test_terminal_states_absorb(name: str, status: RunStatus) -> None:
    assert advance(RUNS[status], SIGNALS[name], NOW) == (RUNS[status], ())


def test_steps_in_their_own_states_answer_the_signals_that_need_them() -> None:
    failed = make_run(
        RunStatus.PAUSED, intent="go", steps={**UP_TO_NODES, "nodegroup/core@1.35": following(status=StepStatus.FAILED)}
    )
    assert outcome(failed, SIGNALS["retry"]) == "running: retry-requested"
    held = make_run(RunStatus.RUNNING, steps=done("announce"), holds=("window", "slack"))
    assert outcome(held, SIGNALS["window-opens"]) == "same: window-opened"
    assert outcome(held, SIGNALS["slack-back"]) == "same: slack-reachable"
    starting = following(None, status=StepStatus.STARTING)
    intended = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: starting})
    assert outcome(intended, SIGNALS["released"]).startswith("same")
