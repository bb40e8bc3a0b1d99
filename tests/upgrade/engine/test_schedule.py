"""Starts: where they are set, who moves them, which are missed, and looks ahead of them (docs/decisions/0007)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.upgrade.runs import CONTROL_PLANE, NOW, done, following, make_finding, make_plan, make_report, make_run
from upgrade.engine.advance import advance
from upgrade.engine.course import START_GRACE, LookAtCluster, back_off, next_work
from upgrade.engine.signals import (
    ChecksFinished,
    DecisionGiven,
    FreezeLifted,
    IntentGiven,
    Restarted,
    Signal,
    StartMoved,
    StepIntended,
    TimePassed,
    WindowChanged,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.freeze import Freeze
from upgrade.gates import PLAN_GATE
from upgrade.plan import UpgradePlan, UpgradePolicy
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATE = START_GRACE + timedelta(seconds=1)
TOMORROW = NOW + DAY
PLAN = make_plan()
SEEN = ChecksFinished(report=make_report(), plan=PLAN)
AHEAD = SEEN.model_copy(update={"ahead": True})
PASSED = TimePassed()


def play(run: UpgradeRun, *signals: Signal, now: datetime = NOW) -> tuple[UpgradeRun, list[UpgradeEvent]]:
    told: list[UpgradeEvent] = []
    for signal in signals:
        run, events = advance(run, signal, now)
        told += events
    return run, told


def kinds(told: list[UpgradeEvent]) -> list[str]:
    return [event.kind.value for event in told]


def waiting(**changes: Any) -> UpgradeRun:
    """It waits for the approval of its plan."""
    return make_run(RunStatus.AWAITING_APPROVAL, **changes)


def scheduled(start_at: datetime = TOMORROW, **changes: Any) -> UpgradeRun:
    return make_run(RunStatus.SCHEDULED, start_at=start_at, **changes)


def approve(actor: str = "U-APPROVES", gate: str = PLAN_GATE) -> DecisionGiven:
    return DecisionGiven(gate=gate, digest=PLAN.digest, approved=True, actor=actor)


def move(start_at: datetime | None) -> StartMoved:
    return StartMoved(start_at=start_at, actor="U-MOVES")


def freeze(starts_at: datetime, lasts: timedelta = DAY, name: str = "sale") -> Freeze:
    return Freeze(name=name, starts_at=starts_at, ends_at=starts_at + lasts, reason="a sale", lifters=("U-LIFTS",))


# -- the first start --------------------------------------------------------------------------------------------------


def test_an_approved_run_begins_when_it_was_wanted() -> None:
    run, told = play(waiting(wanted_at=TOMORROW), approve())
    assert (run.status, run.start_at) == (RunStatus.SCHEDULED, TOMORROW)
    assert kinds(told) == ["approval-given", "run-scheduled"]


def test_the_notice_comes_before_the_start_that_was_wanted() -> None:
    run, told = play(waiting(wanted_at=NOW + timedelta(minutes=5)), approve())
    assert run.start_at == NOW + run.policy.notice
    assert kinds(told) == ["approval-given", "run-scheduled", "warning-raised"]


def test_a_wanted_start_outside_the_windows_moves_into_the_next() -> None:
    policy = UpgradePolicy(windows=("wed 20:00-23:00",))  # NOW is a Tuesday
    run, _ = play(waiting(wanted_at=TOMORROW, policy=policy), approve())
    assert run.start_at == TOMORROW + 10 * HOUR


def test_a_freeze_closes_a_window_unless_it_was_lifted() -> None:
    policy = UpgradePolicy(windows=("daily 09:00-12:00",), freezes=(freeze(NOW - HOUR, lasts=3 * DAY),))
    run = waiting(policy=policy)
    held, _ = play(run, approve())
    assert held.start_at == NOW - HOUR + 3 * DAY
    lifted, _ = play(run, FreezeLifted(freeze="sale", reason="it must", actor="U-LIFTS"), approve())
    assert lifted.start_at == NOW + policy.notice


def test_a_start_that_was_over_before_the_approval_is_asked_about() -> None:
    run, told = play(waiting(wanted_at=NOW), approve(), now=NOW + LATE)
    assert (run.status, run.missed_start, run.start_at) == (RunStatus.SCHEDULED, True, None)
    assert kinds(told) == ["approval-given", "start-missed"]
    moved, told = play(run, move(None), now=NOW + HOUR)
    assert moved.start_at == NOW + HOUR + run.policy.notice  # nobody has been told of it yet
    assert kinds(told) == ["run-rescheduled"]


# -- moved ------------------------------------------------------------------------------------------------------------


def test_a_moved_start_keeps_the_approvals_and_tells_both_times() -> None:
    before = scheduled()
    run, told = play(before, move(TOMORROW + HOUR))
    assert (run.status, run.start_at, run.wanted_at) == (RunStatus.SCHEDULED, TOMORROW + HOUR, TOMORROW + HOUR)
    assert run.approvals == before.approvals
    assert run.notice_at == before.notice_at
    assert kinds(told) == ["run-rescheduled"]
    assert told[0].actor == "U-MOVES"
    assert told[0].data == {"start_at": (TOMORROW + HOUR).isoformat(), "before": TOMORROW.isoformat()}


def test_an_earlier_start_is_announced_anew_and_leaves_time_for_it() -> None:
    run, _ = play(scheduled(), move(NOW + timedelta(minutes=1)))
    assert run.start_at == NOW + run.policy.notice
    assert run.notice_at is None


def test_a_start_that_is_put_off_needs_no_new_lead_time() -> None:
    policy = UpgradePolicy(notice=7 * DAY)
    run, _ = play(scheduled(policy=policy), move(TOMORROW + HOUR))
    assert run.start_at == TOMORROW + HOUR
    told_too_late, _ = play(scheduled(policy=policy, notice_at=None), move(TOMORROW + HOUR))
    assert told_too_late.start_at == NOW + 7 * DAY


def test_as_soon_as_it_may_is_after_the_notice_within_the_work_times() -> None:
    run, _ = play(scheduled(policy=UpgradePolicy(windows=("daily 20:00-23:00",))), move(None))
    assert run.start_at == NOW + 10 * HOUR
    assert run.wanted_at is None


@pytest.mark.parametrize("status", [RunStatus.CHECKING, RunStatus.BLOCKED, RunStatus.AWAITING_APPROVAL])
def test_before_the_approval_the_wish_is_moved(status: RunStatus) -> None:
    run, told = play(make_run(status, wanted_at=TOMORROW), move(TOMORROW + DAY))
    assert (run.status, run.wanted_at, run.start_at) == (status, TOMORROW + DAY, None)
    assert told[0].data == {"start_at": (TOMORROW + DAY).isoformat(), "before": TOMORROW.isoformat()}
    run, told = play(run, move(None))
    assert run.wanted_at is None
    assert told[0].data["start_at"] is None


def test_a_start_that_is_moved_during_its_last_look_does_not_begin() -> None:
    run = make_run(RunStatus.SCHEDULED, status=RunStatus.CHECKING, start_at=NOW)
    run, told = play(run, move(TOMORROW), SEEN)
    assert (run.status, run.start_at) == (RunStatus.SCHEDULED, TOMORROW)
    assert EventKind.RUN_STARTED not in [event.kind for event in told]


@pytest.mark.parametrize("run", [make_run(RunStatus.RUNNING), scheduled(intent=Intent.ABORT)])
def test_what_has_begun_or_is_given_up_is_not_moved(run: UpgradeRun) -> None:
    assert EventKind.RUN_RESCHEDULED not in [event.kind for event in play(run, move(TOMORROW))[1]]


# -- missed -----------------------------------------------------------------------------------------------------------


def test_a_start_is_kept_for_fifteen_minutes_and_then_asked_about_once() -> None:
    run = scheduled(NOW)
    assert play(run, PASSED, now=NOW + START_GRACE)[0].status is RunStatus.CHECKING
    missed, told = play(run, PASSED, PASSED, Restarted(), PASSED, now=NOW + LATE)
    assert (missed.status, missed.missed_start) == (RunStatus.SCHEDULED, True)
    assert kinds(told) == ["start-missed"]
    assert told[0].data == {"start_at": NOW.isoformat()}
    assert next_work(missed, NOW + DAY) is None


def test_how_late_a_run_may_begin_is_a_setting() -> None:
    assert play(scheduled(NOW), TimePassed(grace=HOUR), now=NOW + HOUR)[0].status is RunStatus.CHECKING
    assert play(scheduled(NOW), TimePassed(grace=HOUR), now=NOW + HOUR + LATE)[0].missed_start


def test_a_start_behind_another_run_is_missed_in_the_end() -> None:
    busy = TimePassed(busy_run="r-2")
    run, told = play(scheduled(NOW), busy)
    run, more = play(run, busy, now=NOW + START_GRACE)
    assert kinds(told + more) == ["warning-raised"]
    run, told = play(run, busy, PASSED, now=NOW + LATE)
    assert run.missed_start
    assert kinds(told) == ["start-missed"]


def test_a_start_that_a_person_paused_is_missed_and_resume_does_not_bring_it_back() -> None:
    run, _ = play(scheduled(NOW + HOUR), IntentGiven(verb="pause", actor="U"))
    assert run.next_due_at == NOW + HOUR + START_GRACE
    run, told = play(run, PASSED, now=NOW + HOUR + START_GRACE)
    assert not run.missed_start
    run, told = play(run, PASSED, IntentGiven(verb="resume", actor="U"), PASSED, now=NOW + HOUR + LATE)
    assert (run.status, run.missed_start) == (RunStatus.SCHEDULED, True)
    assert kinds(told) == ["start-missed", "run-resumed"]


def test_a_downtime_in_the_look_at_the_start_misses_it_too() -> None:
    run = make_run(RunStatus.SCHEDULED, status=RunStatus.CHECKING, start_at=NOW)
    run, told = play(run, SEEN, now=NOW + 5 * HOUR)
    assert (run.status, run.missed_start) == (RunStatus.SCHEDULED, True)
    assert kinds(told) == ["checks-finished", "start-missed"]


def test_a_block_that_outlasts_the_start_is_no_silent_late_start() -> None:
    run = make_run(RunStatus.SCHEDULED, status=RunStatus.BLOCKED, start_at=NOW, pause_reasons=("x",))
    run, _ = play(run, IntentGiven(verb="recheck", actor="U"), SEEN, now=NOW + HOUR)
    assert (run.status, run.missed_start) == (RunStatus.SCHEDULED, True)


def test_a_missed_start_is_caught_up_at_once_because_it_was_announced() -> None:
    run, _ = play(scheduled(NOW, policy=UpgradePolicy(notice=7 * DAY)), PASSED, now=NOW + HOUR)
    run, told = play(run, move(None), now=NOW + 2 * HOUR)
    assert (run.start_at, run.missed_start, run.expires_at) == (NOW + 2 * HOUR, False, None)
    assert kinds(told) == ["run-rescheduled"]
    assert play(run, PASSED, now=NOW + 2 * HOUR)[0].status is RunStatus.CHECKING


def test_a_missed_start_can_be_put_off_or_cancelled() -> None:
    missed, _ = play(scheduled(NOW), PASSED, now=NOW + HOUR)
    moved, _ = play(missed, move(TOMORROW), now=NOW + 2 * HOUR)
    assert (moved.start_at, moved.missed_start) == (TOMORROW, False)
    cancelled, _ = play(missed, IntentGiven(verb="abort", actor="U"), now=NOW + 2 * HOUR)
    assert cancelled.status is RunStatus.ABORTED


def test_a_missed_start_that_nobody_answers_expires() -> None:
    missed, _ = play(scheduled(NOW), PASSED, now=NOW + HOUR)
    assert missed.next_due_at == NOW + HOUR + missed.policy.approval_expires
    expired, told = play(missed, PASSED, now=missed.next_due_at)
    assert expired.status is RunStatus.EXPIRED
    assert kinds(told) == ["run-expired"]
    assert told[0].data == {"reason": "Nobody said in time when to start it instead."}


def test_a_window_that_closed_within_the_grace_moves_the_start_and_says_so() -> None:
    policy = UpgradePolicy(windows=("daily 10:00-10:05",))
    run, told = play(scheduled(NOW, policy=policy), PASSED, now=NOW + timedelta(minutes=6))
    assert run.start_at == TOMORROW
    assert kinds(told) == ["run-rescheduled"]


# -- looks ahead ------------------------------------------------------------------------------------------------------


def test_a_day_and_two_hours_before_the_start_the_cluster_is_looked_at() -> None:
    run = scheduled(NOW + 3 * DAY)
    for lead in (DAY, 2 * HOUR):
        at = NOW + 3 * DAY - lead
        assert next_work(run, at - timedelta(seconds=1)) is None
        assert next_work(run, at) == LookAtCluster(ahead=True)
        run, told = play(run, AHEAD, now=at)
        assert run.status is RunStatus.SCHEDULED
        assert kinds(told) == ["checks-finished"]
        assert told[0].data["ahead"] == lead / HOUR
    assert run.looked_ahead_at == NOW + 3 * DAY - 2 * HOUR
    assert next_work(run, NOW + 3 * DAY - HOUR) is None
    assert run.next_due_at == NOW + 3 * DAY


def test_only_looks_that_are_due_after_the_run_was_scheduled_count() -> None:
    assert next_work(scheduled(NOW + HOUR), NOW + timedelta(minutes=59)) is None
    run = scheduled(NOW + 3 * HOUR)
    assert next_work(run, NOW + timedelta(minutes=59)) is None
    assert next_work(run, NOW + HOUR) == LookAtCluster(ahead=True)


def test_after_a_downtime_one_look_does_for_both() -> None:
    run = scheduled(NOW + 3 * DAY)
    late = NOW + 3 * DAY - HOUR
    assert next_work(run, late) == LookAtCluster(ahead=True)
    run, told = play(run, AHEAD, now=late)
    assert told[0].data["ahead"] == 1
    assert next_work(run, late) is None


@pytest.mark.parametrize("changes", [{"intent": Intent.PAUSE}, {"missed_start": True}, {"start_at": NOW + 2 * HOUR}])
def test_no_look_for_a_run_that_does_not_go_on_or_is_due_itself(changes: dict[str, Any]) -> None:
    run = scheduled(NOW + 4 * HOUR).model_copy(update=changes)
    assert next_work(run, NOW + 2 * HOUR) is None


def test_a_plan_that_changed_voids_the_approval_ahead_and_the_start_is_kept() -> None:
    run = scheduled(NOW + 3 * DAY)
    at = NOW + 2 * DAY
    other = PLAN.model_copy(update={"phases": tuple(one for one in PLAN.phases if one.kind != "add-ons")})
    voided, told = play(run, AHEAD.model_copy(update={"plan": other}), now=at)
    assert (voided.status, voided.approvals, voided.start_at) == (RunStatus.AWAITING_APPROVAL, (), None)
    assert voided.wanted_at == run.start_at
    assert kinds(told) == ["checks-finished", "plan-changed", "plan-ready"]
    assert told[1].data["dropped"] == ["addon/coredns@v1.13.0-eksbuild.1"]
    assert told[1].data["added"] == []
    again = approve().model_copy(update={"digest": other.digest})
    back, _ = play(voided, again, now=at + 12 * HOUR)
    assert (back.status, back.start_at) == (RunStatus.SCHEDULED, run.start_at)


def test_the_start_that_is_kept_keeps_its_lead_time() -> None:
    run = scheduled(NOW + 8 * DAY, policy=UpgradePolicy(notice=7 * DAY), notice_at=NOW + HOUR)
    other = make_plan(gate=True)
    at = NOW + 7 * DAY
    run, _ = play(run, AHEAD.model_copy(update={"plan": other}), now=at)
    run, _ = play(run, approve().model_copy(update={"digest": other.digest}), now=at + HOUR)
    assert run.start_at == NOW + 8 * DAY


def test_a_finding_ahead_of_the_start_blocks_it_and_keeps_approvals_and_start() -> None:
    finding = make_finding()
    stopped = AHEAD.model_copy(update={"report": make_report(finding), "stopping": (finding,)})
    run, told = play(scheduled(), stopped, now=NOW + timedelta(minutes=1))
    assert run.status is RunStatus.BLOCKED
    assert kinds(told) == ["checks-finished", "run-blocked"]
    run, told = play(run, IntentGiven(verb="recheck", actor="U"), SEEN, now=NOW + HOUR)
    assert (run.status, run.start_at) == (RunStatus.SCHEDULED, TOMORROW)


def test_a_cluster_that_cannot_be_read_ahead_is_tried_again_then_told_and_voids_nothing() -> None:
    run = scheduled(NOW + 2 * HOUR, scheduled_at=NOW - DAY)
    at, error = NOW, ChecksFinished(ahead=True, error="throttled", temporary=True)
    for errors in range(1, 10):
        assert next_work(run, at) == LookAtCluster(ahead=True)
        run, told = play(run, error, now=at)
        assert told == []
        assert next_work(run, at) is None
        assert run.next_due_at == at + back_off(errors)
        at += back_off(errors)
    run, told = play(run, error, now=at)
    assert kinds(told) == ["warning-raised"]
    assert (run.status, run.approvals != (), next_work(run, at)) == (RunStatus.SCHEDULED, True, None)
    refused = ChecksFinished(ahead=True, error="not permitted")
    run, told = play(scheduled(NOW + 2 * HOUR, scheduled_at=NOW - DAY), refused)
    assert (run.status, kinds(told)) == (RunStatus.SCHEDULED, ["warning-raised"])


def test_a_look_ahead_behind_another_run_is_told_and_voids_nothing() -> None:
    changed = AHEAD.model_copy(update={"plan": make_plan(gate=True), "busy_run": "r-2"})
    before = scheduled()
    run, told = play(before, changed)
    assert (run.status, run.approvals, run.start_at) == (RunStatus.SCHEDULED, before.approvals, before.start_at)
    assert kinds(told) == ["warning-raised"]
    assert "r-2" in told[0].data["text"]


# -- approvals that lapse ---------------------------------------------------------------------------------------------

OLD = NOW + timedelta(days=14, minutes=1)


def test_a_phase_that_begins_after_the_approvals_lapsed_asks_again_once() -> None:
    steps = done("announce", CONTROL_PLANE.id)
    run = make_run(RunStatus.RUNNING, steps=steps)
    assert play(run, PASSED, now=NOW + 14 * DAY)[0].status is RunStatus.RUNNING
    asking, told = play(run, PASSED, PASSED, now=OLD)
    assert (asking.status, asking.waiting_for, asking.approvals) == (RunStatus.AWAITING_APPROVAL, PLAN_GATE, ())
    assert kinds(told) == ["warning-raised", "gate-opened"]
    going, told = play(asking, approve(), PASSED, now=OLD + HOUR)
    assert going.status is RunStatus.RUNNING
    assert kinds(told) == ["approval-given", "gate-passed"]


def test_a_phase_that_has_begun_goes_on_whatever_its_approval_is_worth() -> None:
    going = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: following()})
    assert play(going, PASSED, now=OLD)[0].status is RunStatus.RUNNING


def test_what_will_have_lapsed_when_the_window_opens_is_asked_while_it_is_closed() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce", CONTROL_PLANE.id))
    soon, _ = play(run, WindowChanged(open=False, opens_at=NOW + 13 * DAY))
    assert soon.status is RunStatus.RUNNING
    late, _ = play(run, WindowChanged(open=False, opens_at=NOW + 15 * DAY), now=NOW + 2 * DAY)
    assert late.status is RunStatus.AWAITING_APPROVAL


def test_what_no_approval_outlasts_is_asked_when_the_window_opens_and_not_again_and_again() -> None:
    policy = UpgradePolicy(approval_valid=2 * DAY)
    run = make_run(RunStatus.RUNNING, steps=done("announce", CONTROL_PLANE.id), policy=policy)
    opens_at = NOW + 6 * DAY
    run, told = play(run, WindowChanged(open=False, opens_at=opens_at), PASSED)
    assert (run.status, kinds(told)) == (RunStatus.RUNNING, ["window-closed"])
    run, _ = play(run, WindowChanged(open=True), now=opens_at)
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert play(run, approve(), PASSED, now=opens_at + HOUR)[0].status is RunStatus.RUNNING


def test_an_approval_that_will_not_last_until_the_start_is_asked_for_at_the_look_ahead() -> None:
    run, told = play(scheduled(NOW + 16 * DAY), AHEAD, now=NOW + 15 * DAY)
    assert (run.status, run.wanted_at) == (RunStatus.AWAITING_APPROVAL, NOW + 16 * DAY)
    assert kinds(told) == ["checks-finished", "warning-raised", "plan-ready"]
    run, _ = play(run, approve(), now=NOW + 15 * DAY + HOUR)
    assert (run.status, run.start_at) == (RunStatus.SCHEDULED, NOW + 16 * DAY)
    assert play(scheduled(NOW + 14 * DAY), AHEAD, now=NOW + 13 * DAY)[0].status is RunStatus.SCHEDULED


# -- freezes ----------------------------------------------------------------------------------------------------------


def test_a_freeze_that_is_declared_later_moves_the_start_while_people_can_be_told() -> None:
    declared = Restarted(freezes=(freeze(TOMORROW - HOUR),))
    run, told = play(scheduled(), declared, declared)
    assert run.start_at == TOMORROW - HOUR + DAY
    assert kinds(told) == ["run-rescheduled"]
    elsewhere, told = play(scheduled(), Restarted(freezes=(freeze(TOMORROW + HOUR),)))
    assert (elsewhere.start_at, told) == (TOMORROW, [])
    assert elsewhere.policy.freezes != ()


def test_a_freeze_that_is_declared_later_counts_for_what_is_under_way() -> None:
    run = make_run(RunStatus.RUNNING)
    frozen, _ = play(run, Restarted(freezes=(freeze(NOW),)))
    assert [one.name for one in frozen.policy.freezes] == ["sale"]
    assert play(frozen, Restarted())[0].policy == frozen.policy
    assert play(frozen, Restarted(freezes=()))[0].policy.freezes == ()


def test_a_lift_is_remembered_with_who_and_why_and_counts_once() -> None:
    run = make_run(RunStatus.RUNNING, policy=UpgradePolicy(freezes=(freeze(NOW),)))
    lift = FreezeLifted(freeze="sale", reason="a hole in it", actor="U-LIFTS")
    run, told = play(run, lift, lift)
    assert [(one.freeze, one.by, one.reason, one.at) for one in run.lifts] == [("sale", "U-LIFTS", "a hole in it", NOW)]
    assert kinds(told) == ["freeze-lifted"]
    assert told[0].data == {"freeze": "sale", "reason": "a hole in it"}


def test_a_freeze_that_is_not_there_is_not_lifted() -> None:
    run = make_run(RunStatus.RUNNING, policy=UpgradePolicy(freezes=(freeze(NOW),)))
    assert play(run, FreezeLifted(freeze="other", reason="x", actor="U"))[1] == []


def test_a_closed_window_says_why_and_says_it_again_when_it_opens_later_than_it_said() -> None:
    run = make_run(RunStatus.RUNNING)
    closed = WindowChanged(open=False, opens_at=TOMORROW, reason="sale: a sale")
    run, told = play(run, closed, closed)
    assert [event.data for event in told] == [{"opens_at": TOMORROW.isoformat(), "reason": "sale: a sale"}]
    run, told = play(run, closed.model_copy(update={"opens_at": TOMORROW + DAY}))
    assert kinds(told) == ["window-closed"]
    assert (run.holds, run.window_opens_at) == (("window",), TOMORROW + DAY)


# -- windows that are too short ---------------------------------------------------------------------------------------


def slow_plan() -> UpgradePlan:
    return PLAN.model_copy(update={"minutes": {CONTROL_PLANE.id: (10.0, 90.0)}})


def test_work_that_may_not_fit_is_told_when_it_is_scheduled_and_when_it_is_moved() -> None:
    policy = UpgradePolicy(windows=("daily 10:00-11:00",))
    run, told = play(waiting(plan=slow_plan(), policy=policy), approve())
    assert kinds(told) == ["approval-given", "run-scheduled", "warning-raised"]
    _, told = play(run, move(TOMORROW))
    assert kinds(told) == ["run-rescheduled", "warning-raised"]
    long = UpgradePolicy(windows=("daily 10:00-18:00",))
    assert kinds(play(waiting(plan=slow_plan(), policy=long), approve())[1]) == ["approval-given", "run-scheduled"]


def test_work_that_may_not_fit_is_told_before_its_phase_once() -> None:
    policy = UpgradePolicy(windows=("daily 10:00-11:00",))
    run = make_run(RunStatus.RUNNING, plan=slow_plan(), policy=policy, steps=done("announce"))
    run, told = play(run, StepIntended(step_id=CONTROL_PLANE.id), StepIntended(step_id=CONTROL_PLANE.id))
    assert run.step(CONTROL_PLANE.id).status is StepStatus.STARTING
    assert kinds(told) == ["warning-raised", "phase-started", "step-started"]
