"""The state machine, transition by transition."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.upgrade.runs import (
    ADDON,
    APPS,
    CONFIRM,
    CONTROL_PLANE,
    CORE,
    NOW,
    UP_TO_NODES,
    VERIFY,
    done,
    following,
    make_finding,
    make_plan,
    make_report,
    make_run,
)
from upgrade.eks import EksUpdate, UpdateSubject
from upgrade.engine.advance import advance
from upgrade.engine.course import AttendStep, LookAtCluster, back_off, next_work, step_token
from upgrade.engine.outcomes import GROUPS_MUST_MATCH
from upgrade.engine.signals import (
    ChecksFinished,
    DecisionGiven,
    IntentGiven,
    NoticeDelivered,
    RequestRefused,
    Restarted,
    Signal,
    SlackChanged,
    StepConfirmed,
    StepIntended,
    StepLooked,
    StepReleased,
    TimePassed,
    WaiverGiven,
    WindowChanged,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.gates import PLAN_GATE
from upgrade.plan import UpgradePolicy
from upgrade.run import (
    Approval,
    Blocked,
    Done,
    Failed,
    Intent,
    Outcome,
    RunStatus,
    StepState,
    StepStatus,
    UpgradeRun,
    Wait,
)

UPDATE = EksUpdate(
    id="u-1", subject=UpdateSubject(kind="cluster"), type="VersionUpdate", status="InProgress", created_at=NOW
)
FAILURE = Failed(code="NodeCreationFailure", message="no node", meaning="No node joined.", update_ended=True)


def kinds(events: tuple[UpgradeEvent, ...]) -> list[str]:
    return [event.kind.value for event in events]


def play(run: UpgradeRun, *signals: Signal, now: datetime = NOW) -> tuple[UpgradeRun, list[str]]:
    told: list[str] = []
    for signal in signals:
        run, events = advance(run, signal, now)
        told += kinds(events)
    return run, told


def looked(step_id: str, outcome: Outcome, at: datetime = NOW) -> StepLooked:
    return StepLooked(step_id=step_id, outcome=outcome, looked_at=at)


def approve(run: UpgradeRun, actor: str = "U-APPROVES", gate: str | None = None) -> DecisionGiven:
    assert run.plan is not None
    return DecisionGiven(gate=gate or run.waiting_for or PLAN_GATE, digest=run.plan.digest, approved=True, actor=actor)


def intent(verb: str, actor: str = "U-ANY") -> IntentGiven:
    return IntentGiven.model_validate({"verb": verb, "actor": actor})


# -- from the request to the start ----------------------------------------------------------------------------------


def test_a_plan_without_blockers_waits_for_approval_and_will_expire() -> None:
    run, told = play(make_run(), ChecksFinished(report=make_report(), plan=make_plan()))
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert run.waiting_for == PLAN_GATE
    assert run.expires_at == NOW + run.policy.approval_expires == run.next_due_at
    assert told == ["checks-finished", "plan-ready"]


def test_blockers_stop_the_start_and_name_themselves() -> None:
    finding = make_finding()
    run, told = play(make_run(), ChecksFinished(report=make_report(finding), plan=make_plan(), stopping=(finding,)))
    assert run.status is RunStatus.BLOCKED
    assert run.pause_reasons == ("POD001 shop/web: One thing is wrong.",)
    assert told == ["checks-finished", "plan-ready", "run-blocked"]
    run, told = play(run, intent("recheck"), ChecksFinished(report=make_report(), plan=make_plan()))
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert told == ["recheck-requested", "checks-finished", "plan-ready"], "the same plan, but only now of use"


def test_no_plan_blocks_with_the_planners_own_words() -> None:
    run, _ = play(make_run(), ChecksFinished(error="EKS does not offer 1.99."))
    assert run.status is RunStatus.BLOCKED
    assert run.pause_reasons == ("EKS does not offer 1.99.",)


def test_a_request_that_cannot_be_met_ends_and_does_not_hold_the_cluster() -> None:
    wrong = ChecksFinished(error="EKS does not offer 1.99. Allowed: 1.35.", impossible=True, report=make_report())
    run, told = play(make_run(), wrong)
    assert run.status is RunStatus.REJECTED
    assert run.finished_at == NOW
    assert told == ["run-rejected"]
    approved, _ = play(make_run(RunStatus.AWAITING_APPROVAL), intent("recheck"), wrong)
    assert approved.status is RunStatus.BLOCKED


def test_a_temporary_error_while_checking_backs_off_and_blocks_only_after_ten_tries() -> None:
    run = make_run()
    error = ChecksFinished(error="throttled", temporary=True)
    for tries in range(1, 10):
        run, told = play(run, error)
        assert run.status is RunStatus.CHECKING
        assert run.next_due_at == NOW + back_off(tries)
        assert next_work(run, NOW) is None
        assert told == []
    run, _ = play(run, error)
    assert run.status is RunStatus.BLOCKED


def test_back_off_stays_between_two_and_sixty_seconds() -> None:
    assert [back_off(n).total_seconds() for n in (1, 2, 3, 10, 1000)] == [2, 4, 8, 60, 60]


def test_enough_approvals_schedule_the_start_after_the_notice() -> None:
    run, told = play(make_run(RunStatus.AWAITING_APPROVAL), approve(make_run(RunStatus.AWAITING_APPROVAL)))
    assert run.status is RunStatus.SCHEDULED
    assert run.start_at == NOW + timedelta(minutes=15)
    assert told == ["approval-given", "run-scheduled"]


def test_the_start_moves_into_the_next_window() -> None:
    policy = UpgradePolicy(windows=("mon-fri 20:00-23:00",))
    run = make_run(RunStatus.AWAITING_APPROVAL, policy=policy, time_zone="Europe/Berlin")
    run, _ = play(run, approve(run))
    assert run.start_at is not None
    assert run.start_at.isoformat() == "2026-03-03T19:00:00+00:00"


def test_two_approvals_need_two_people() -> None:
    run = make_run(RunStatus.AWAITING_APPROVAL, plan=make_plan(approvals=2))
    run, told = play(run, approve(run), approve(run))
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert told == ["approval-given"]
    run, _ = play(run, approve(run, "U-OTHER"))
    assert run.status is RunStatus.SCHEDULED


def test_approvals_of_another_gate_or_another_plan_are_not_counted() -> None:
    run = make_run(RunStatus.RUNNING, plan=make_plan(approvals=2, gate=True), steps=UP_TO_NODES)
    assert run.plan is not None
    given = [Approval(gate=PLAN_GATE, digest=run.plan.digest, by=by, at=NOW) for by in ("U-1", "U-2")]
    old = [Approval(gate="nodes@1.35", digest="0" * 64, by=by, at=NOW) for by in ("U-1", "U-2")]
    waiting = {"approvals": (*given, *old), "status": RunStatus.AWAITING_APPROVAL, "waiting_for": "nodes@1.35"}
    run = run.model_copy(update=waiting)
    run, told = play(run, approve(run, "U-1"))
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert told == ["approval-given"]
    run, _ = play(run, approve(run, "U-2"))
    assert run.status is RunStatus.RUNNING


def test_the_requesters_own_approval_counts_only_when_the_policy_says_so() -> None:
    run = make_run(RunStatus.AWAITING_APPROVAL)
    refused, told = play(run, approve(run, "U-ASKS"))
    assert refused.status is RunStatus.AWAITING_APPROVAL
    assert told == ["approval-refused"]
    lenient = make_run(RunStatus.AWAITING_APPROVAL, plan=make_plan(requester_counts=True))
    assert play(lenient, approve(lenient, "U-ASKS"))[0].status is RunStatus.SCHEDULED


@pytest.mark.parametrize(("gate", "digest"), [("nodes@1.35", None), (PLAN_GATE, "0" * 64)])
def test_a_decision_for_another_gate_or_plan_does_not_count(gate: str, digest: str | None) -> None:
    run = make_run(RunStatus.AWAITING_APPROVAL)
    assert run.plan is not None
    wrong = DecisionGiven(gate=gate, digest=digest or run.plan.digest, approved=True, actor="U-APPROVES")
    after, told = play(run, wrong)
    assert after.status is RunStatus.AWAITING_APPROVAL
    assert after.approvals == ()
    assert told == ["approval-refused"]


def test_a_rejection_ends_the_run() -> None:
    run = make_run(RunStatus.AWAITING_APPROVAL)
    after, told = play(run, approve(run).model_copy(update={"approved": False, "reason": "not this week"}))
    assert after.status is RunStatus.REJECTED
    assert told == ["run-rejected"]


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (RunStatus.AWAITING_APPROVAL, "Nobody approved it in time."),
        (RunStatus.BLOCKED, "What stands in its way was not mended in time."),
    ],
)
def test_what_nobody_approves_or_repairs_in_time_expires(status: RunStatus, why: str) -> None:
    run = make_run(status)
    assert play(run, TimePassed(), now=NOW + timedelta(hours=23))[0].status is status
    expired, told = play(run, TimePassed(), now=NOW + timedelta(hours=24))
    assert (expired.status, expired.pause_reasons) == (RunStatus.EXPIRED, (why,))
    assert told == ["run-expired"]


def test_a_refused_start_ends_the_run_before_anything_was_looked_at() -> None:
    run, told = play(make_run(), RequestRefused(verb="start", actor="U-ASKS", reason="not an operator"))
    assert run.status is RunStatus.REJECTED
    assert told == ["run-rejected"]


def test_the_cluster_is_looked_at_again_when_the_start_is_due() -> None:
    run = make_run(RunStatus.SCHEDULED)
    assert play(run, TimePassed())[0].status is RunStatus.SCHEDULED
    due, told = play(run, TimePassed(), now=NOW + timedelta(minutes=15))
    assert due.status is RunStatus.CHECKING
    assert told == []
    assert next_work(due, NOW + timedelta(minutes=15)) == LookAtCluster()


def test_a_scheduled_run_waits_while_another_run_holds_the_cluster_and_says_so_once() -> None:
    run = make_run(RunStatus.SCHEDULED)
    late = run.start_at or NOW
    waiting, told = play(run, TimePassed(busy_run="r-2"), TimePassed(busy_run="r-2"), now=late + timedelta(minutes=9))
    assert waiting.status is RunStatus.SCHEDULED
    assert told == ["warning-raised"]


def test_an_unchanged_plan_begins_and_a_changed_one_asks_again() -> None:
    run = make_run(RunStatus.SCHEDULED, status=RunStatus.CHECKING, start_at=NOW)
    begun, told = play(run, ChecksFinished(report=make_report(), plan=make_plan(), baseline=("Deployment/shop/web",)))
    assert begun.status is RunStatus.RUNNING
    assert begun.baseline == ("Deployment/shop/web",)
    assert told == ["checks-finished", "run-started"]
    other = make_plan(gate=True)
    changed, told = play(run, ChecksFinished(report=make_report(), plan=other))
    assert changed.status is RunStatus.AWAITING_APPROVAL
    assert changed.approvals == ()
    assert told == ["checks-finished", "plan-changed", "plan-ready"]


def test_approvals_survive_a_block_at_the_start_when_the_plan_stays_the_same() -> None:
    finding = make_finding()
    run = make_run(RunStatus.SCHEDULED, status=RunStatus.CHECKING, start_at=NOW)
    run, _ = play(run, ChecksFinished(report=make_report(finding), plan=make_plan(), stopping=(finding,)))
    assert run.status is RunStatus.BLOCKED
    run, told = play(run, intent("recheck"), ChecksFinished(report=make_report(), plan=make_plan()))
    assert run.status is RunStatus.RUNNING
    assert told == ["recheck-requested", "checks-finished", "run-started"]


def test_a_waiver_changes_the_digest_and_a_requesters_own_needs_another_approver() -> None:
    run = make_run(RunStatus.BLOCKED)
    waiver = WaiverGiven(code="POD001", subject="shop/web", reason="known", actor="U-ASKS")
    run, told = play(run, waiver)
    assert run.status is RunStatus.CHECKING
    assert told == ["waiver-given"]
    _, counted = advance(run, ChecksFinished(report=make_report(make_finding(waivable=True)), plan=make_plan()), NOW)
    assert {key: counted[0].data[key] for key in ("blockers", "waived")} == {"blockers": 0, "waived": 1}
    plan = make_plan(requester_counts=True, waivers=run.waivers)
    assert plan.digest != make_plan(requester_counts=True).digest
    run, _ = play(run, ChecksFinished(report=make_report(), plan=plan))
    assert play(run, approve(run, "U-ASKS"))[1] == ["approval-refused"]
    assert play(run, approve(run))[0].status is RunStatus.SCHEDULED


@pytest.mark.parametrize("changes", [{"code": "XXX999"}, {"subject": "other"}])
def test_only_a_finding_that_is_there_and_waivable_can_be_waived(changes: dict[str, str]) -> None:
    waiver = WaiverGiven(code="POD001", subject="shop/web", reason="known", actor="U-A").model_copy(update=changes)
    run = make_run(RunStatus.BLOCKED)
    assert play(run, waiver)[1] == []
    strict = make_run(RunStatus.BLOCKED, report=make_report(make_finding(waivable=False)))
    assert play(strict, WaiverGiven(code="POD001", subject="shop/web", reason="x", actor="U-A"))[1] == []


# -- steps ----------------------------------------------------------------------------------------------------------


def test_the_intent_and_the_token_are_saved_before_the_call() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    assert next_work(run, NOW) == AttendStep(step_id=CONTROL_PLANE.id, may_start=True)
    run, told = play(run, StepIntended(step_id=CONTROL_PLANE.id))
    state = run.step(CONTROL_PLANE.id)
    assert state.status is StepStatus.STARTING
    assert state.token == step_token("run-1", CONTROL_PLANE.id, 1)
    assert state.intended_at == NOW
    assert told == ["phase-started", "step-started"]


def test_tokens_differ_by_run_step_and_attempt_only() -> None:
    tokens = {step_token(r, s, a) for r in ("r1", "r2") for s in ("a", "b") for a in (1, 2)}
    assert len(tokens) == 8
    assert step_token("r1", "a", 1) == step_token("r1", "a", 1)
    assert all(len(token) == 64 for token in tokens)


def test_an_update_is_followed_until_done_and_the_next_step_is_due_at_once() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    run, told = play(
        run,
        StepIntended(step_id=CONTROL_PLANE.id),
        looked(CONTROL_PLANE.id, Wait(seconds=30, update=UPDATE)),
        looked(CONTROL_PLANE.id, Wait(seconds=30, progress="half")),
        looked(CONTROL_PLANE.id, Wait(seconds=30, progress="half")),
    )
    assert told[2:] == ["update-started", "step-progressed"]
    assert run.next_due_at == NOW + timedelta(seconds=30)
    run, told = play(run, looked(CONTROL_PLANE.id, Done()))
    assert told == ["step-finished", "phase-finished"]
    assert run.next_due_at == NOW
    assert next_work(run, NOW) == AttendStep(step_id=ADDON.id, may_start=True)


def test_the_next_look_counts_from_the_beginning_of_this_one() -> None:
    run = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: following()})
    earlier = NOW - timedelta(seconds=4)
    run, _ = play(run, looked(CONTROL_PLANE.id, Wait(seconds=30), at=earlier))
    assert run.step(CONTROL_PLANE.id).due_at == earlier + timedelta(seconds=30)


def test_a_step_that_is_already_true_is_skipped() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    run, told = play(run, looked(CONTROL_PLANE.id, Done(skipped=True, note="already")))
    assert run.step(CONTROL_PLANE.id).status is StepStatus.SKIPPED
    assert told == ["phase-started", "step-skipped", "phase-finished"]


def test_an_update_found_after_a_crash_is_adopted() -> None:
    steps = {**done("announce"), CONTROL_PLANE.id: following(None, status=StepStatus.STARTING)}
    run, told = play(
        make_run(RunStatus.RUNNING, steps=steps), looked(CONTROL_PLANE.id, Wait(seconds=0, update=UPDATE, adopted=True))
    )
    assert run.step(CONTROL_PLANE.id).update_id == "u-1"
    assert told == ["update-adopted"]


def test_a_foreign_update_blocks_the_step_without_pausing_the_run() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    foreign = looked(CONTROL_PLANE.id, Blocked(reasons=("somebody's update u-9",), seconds=30))
    run, told = play(run, foreign, foreign)
    assert run.status is RunStatus.RUNNING
    assert run.step(CONTROL_PLANE.id).status is StepStatus.BLOCKED
    assert told == ["phase-started", "step-blocked"]
    later = NOW + timedelta(seconds=30)
    assert next_work(run, later) == AttendStep(step_id=CONTROL_PLANE.id, may_start=True)
    run, _ = play(run, StepIntended(step_id=CONTROL_PLANE.id), now=later)
    assert run.step(CONTROL_PLANE.id).status is StepStatus.STARTING


def test_a_block_that_needs_a_person_pauses_and_resume_looks_again() -> None:
    run = make_run(RunStatus.RUNNING, steps={**UP_TO_NODES, **done(CORE.id, APPS.id, CONFIRM.id)})
    run, told = play(run, StepIntended(step_id=VERIFY.id), looked(VERIFY.id, Blocked(reasons=("web is worse",))))
    assert run.status is RunStatus.PAUSED
    assert run.pause_reasons == (f"{VERIFY.id}: web is worse",)
    assert told[-2:] == ["step-blocked", "run-paused"]
    assert next_work(run, NOW) is None
    run, told = play(run, intent("resume"))
    assert told == ["run-resumed"]
    assert next_work(run, NOW) == AttendStep(step_id=VERIFY.id, may_start=True)


def test_a_failed_step_pauses_and_only_retry_tries_again_with_another_token() -> None:
    steps = {**UP_TO_NODES, CORE.id: following("u-7")}
    run, told = play(make_run(RunStatus.RUNNING, steps=steps), looked(CORE.id, FAILURE))
    assert run.status is RunStatus.PAUSED
    assert told == ["step-failed", "run-paused"]
    assert play(run, intent("resume"))[1] == []
    run, told = play(run, intent("retry"))
    assert run.status is RunStatus.RUNNING
    state = run.step(CORE.id)
    assert (state.status, state.attempt, state.update_id) == (StepStatus.PENDING, 2, None)
    assert state.past_update_ids == ("u-7",)
    run, _ = play(run, StepIntended(step_id=CORE.id))
    assert run.step(CORE.id).token == step_token("run-1", CORE.id, 2)


def test_retry_does_nothing_when_no_step_failed() -> None:
    run = make_run(RunStatus.RUNNING, steps={**UP_TO_NODES, CORE.id: following()})
    after, told = play(run, intent("retry"))
    assert told == []
    assert after.step(CORE.id).attempt == 1


def test_an_unforeseen_error_while_following_goes_on_with_the_same_update_after_retry() -> None:
    run = make_run(RunStatus.RUNNING, steps={**UP_TO_NODES, CORE.id: following("u-7")})
    run, _ = play(run, looked(CORE.id, Failed(code="Unforeseen", message="KeyError")), intent("retry"))
    state = run.step(CORE.id)
    assert (state.status, state.update_id, state.attempt) == (StepStatus.FOLLOWING, "u-7", 2)


def test_groups_that_must_match_first_are_the_branch_of_the_approved_plan() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    refusal = Failed(code=GROUPS_MUST_MATCH, message="Nodegroups core must be updated")
    run, told = play(run, StepIntended(step_id=CONTROL_PLANE.id), looked(CONTROL_PLANE.id, refusal))
    assert run.status is RunStatus.RUNNING
    assert told[-1] == "branch-taken"
    branch = CONTROL_PLANE.if_groups_must_match[0]
    phase = f"nodes-before/{CONTROL_PLANE.id}"
    assert next_work(run, NOW) == LookAtCluster(phase=phase)
    run, _ = play(run, ChecksFinished(phase=phase, report=make_report()))
    assert next_work(run, NOW) == AttendStep(step_id=branch.id, may_start=True)
    run, told = play(run, StepIntended(step_id=branch.id), looked(branch.id, Done()))
    assert told == ["phase-started", "step-started", "step-finished", "phase-finished"]
    assert next_work(run, NOW) == AttendStep(step_id=CONTROL_PLANE.id, may_start=True)
    run, told = play(run, StepIntended(step_id=CONTROL_PLANE.id), looked(CONTROL_PLANE.id, refusal))
    assert run.status is RunStatus.PAUSED  # a second refusal is a failure
    assert "step-failed" in told


def test_temporary_trouble_keeps_the_token_and_gives_up_a_start_after_ten_tries() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    run, _ = play(run, StepIntended(step_id=CONTROL_PLANE.id))
    token = run.step(CONTROL_PLANE.id).token
    trouble = looked(CONTROL_PLANE.id, Wait(seconds=2, acted=False, trouble="throttled"))
    run, _ = play(run, *[trouble] * 9)
    assert run.step(CONTROL_PLANE.id).status is StepStatus.STARTING
    assert run.step(CONTROL_PLANE.id).token == token
    run, told = play(run, trouble)
    assert run.status is RunStatus.PAUSED
    assert told == ["step-failed", "run-paused"]


def test_temporary_trouble_while_following_never_fails_the_step() -> None:
    run = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: following()})
    run, told = play(run, *[looked(CONTROL_PLANE.id, Wait(seconds=2, trouble="timeout"))] * 30)
    assert run.step(CONTROL_PLANE.id).status is StepStatus.FOLLOWING
    assert told == []


def test_a_slow_step_is_told_once_and_the_next_one_is_not_started() -> None:
    steps = {**UP_TO_NODES, CORE.id: following()}
    run = make_run(RunStatus.RUNNING, steps=steps, plan=make_plan(parallelism=2), phases_checked=("nodes@1.35",))
    assert next_work(run, NOW - timedelta(seconds=1)) == AttendStep(step_id=APPS.id, may_start=True)
    late = NOW + timedelta(minutes=66)
    run, told = play(run, *[looked(CORE.id, Wait(seconds=30, total=3), at=late)] * 2, now=late)
    assert told == ["step-slow"]
    assert run.status is RunStatus.RUNNING
    assert next_work(run, late) is None


def test_a_node_group_has_fifteen_more_minutes_for_each_node() -> None:
    run = make_run(RunStatus.RUNNING, steps={**UP_TO_NODES, CORE.id: following()})
    late = NOW + timedelta(minutes=66)
    assert play(run, looked(CORE.id, Wait(seconds=30, total=12), at=late), now=late)[1] == []


def test_groups_run_side_by_side_up_to_the_phases_parallelism() -> None:
    checked = ("nodes@1.35",)
    for parallelism, expected in ((1, None), (2, AttendStep(step_id=APPS.id, may_start=True))):
        run = make_run(
            RunStatus.RUNNING,
            steps={**UP_TO_NODES, CORE.id: following(due_at=NOW + timedelta(seconds=9))},
            plan=make_plan(parallelism=parallelism),
            phases_checked=checked,
        )
        assert next_work(run, NOW) == expected
        run, told = play(run, StepIntended(step_id=APPS.id))
        assert bool(told) is (parallelism == 2)


def test_nothing_starts_out_of_order() -> None:
    run = make_run(RunStatus.RUNNING)
    after, told = play(run, StepIntended(step_id=CORE.id), StepIntended(step_id="addon/unknown@v1"))
    assert after.steps == run.steps
    assert told == []


def test_a_person_confirms_what_the_bot_does_not_do() -> None:
    steps = {**UP_TO_NODES, **done(CORE.id, APPS.id)}
    run = make_run(RunStatus.RUNNING, steps=steps, phases_checked=("manual@1.35",))
    assert play(run, StepConfirmed(step_id=CONFIRM.id, actor="U-O"))[1] == []  # not its turn yet
    run, _ = play(run, StepIntended(step_id=CONFIRM.id), looked(CONFIRM.id, Wait(seconds=3600, progress="waiting")))
    run, told = play(run, StepConfirmed(step_id=CONFIRM.id, actor="U-O"))
    assert told == ["step-confirmed", "step-finished", "phase-finished"]
    assert run.step(CONFIRM.id).confirmed_by == "U-O"


def test_the_last_step_ends_the_run() -> None:
    run = make_run(RunStatus.RUNNING, steps={**UP_TO_NODES, **done(CORE.id, APPS.id, CONFIRM.id)})
    run, told = play(run, StepIntended(step_id=VERIFY.id), looked(VERIFY.id, Done(warnings=("web was slow",))))
    assert run.status is RunStatus.SUCCEEDED
    assert told[-4:] == ["warning-raised", "step-finished", "phase-finished", "run-succeeded"]
    assert run.next_due_at is None


# -- gates and looks before a phase ---------------------------------------------------------------------------------


def test_a_gate_opens_before_its_phase_and_counts_for_that_gate_only() -> None:
    steps = {**done("announce", CONTROL_PLANE.id), ADDON.id: following()}
    run = make_run(RunStatus.RUNNING, steps=steps, plan=make_plan(gate=True))
    run, told = play(run, looked(ADDON.id, Done()))
    assert (run.status, run.waiting_for) == (RunStatus.AWAITING_APPROVAL, "nodes@1.35")
    assert told[-1] == "gate-opened"
    assert run.expires_at is None
    assert play(run, approve(run, gate=PLAN_GATE))[1] == []  # the approval of the plan, once more
    assert play(run, approve(run, "U-OTHER", gate=PLAN_GATE))[1] == ["approval-refused"]
    run, told = play(run, approve(run))
    assert run.status is RunStatus.RUNNING
    assert told == ["approval-given", "gate-passed"]
    assert next_work(run, NOW) == LookAtCluster(phase="nodes@1.35")


def test_a_gate_may_be_rejected_which_ends_the_run_and_says_what_is_left() -> None:
    run = make_run(
        RunStatus.RUNNING,
        status=RunStatus.AWAITING_APPROVAL,
        steps=UP_TO_NODES,
        plan=make_plan(gate=True),
        waiting_for="nodes@1.35",
    )
    no = approve(run).model_copy(update={"approved": False})
    after, events = advance(run, no, NOW)
    assert after.status is RunStatus.REJECTED
    assert events[-1].data["control_plane"] == "1.35"
    assert events[-1].data["not_done"] == [CORE.id, APPS.id, CONFIRM.id]


def test_a_finding_that_stops_only_a_later_phase_pauses_right_before_it() -> None:
    run = make_run(RunStatus.RUNNING, steps=UP_TO_NODES)
    assert next_work(run, NOW) == LookAtCluster(phase="nodes@1.35")
    finding = make_finding(stops=("nodes",))
    blocked = ChecksFinished(phase="nodes@1.35", report=make_report(finding), stopping=(finding,))
    run, told = play(run, blocked)
    assert run.status is RunStatus.PAUSED
    assert run.pause_reasons == ("POD001 shop/web: One thing is wrong.",)
    assert told == ["checks-finished", "run-paused"]
    run, told = play(run, intent("recheck"))
    assert told == ["recheck-requested"]
    assert next_work(run, NOW) == LookAtCluster(phase="nodes@1.35")
    run, _ = play(run, ChecksFinished(phase="nodes@1.35", report=make_report()))
    assert next_work(run, NOW) == AttendStep(step_id=CORE.id, may_start=True)


def test_a_waiver_half_way_asks_for_approval_again_and_then_goes_on() -> None:
    finding = make_finding(stops=("nodes",))
    run = make_run(RunStatus.RUNNING, steps=UP_TO_NODES)
    run, _ = play(run, ChecksFinished(phase="nodes@1.35", report=make_report(finding), stopping=(finding,)))
    run, told = play(run, WaiverGiven(code="POD001", subject="shop/web", reason="known", actor="U-APPROVES"))
    assert (run.status, run.waiting_for) == (RunStatus.AWAITING_APPROVAL, PLAN_GATE)
    assert told == ["waiver-given", "plan-changed"]
    run, told = play(run, approve(run))
    assert run.status is RunStatus.RUNNING
    assert next_work(run, NOW) == LookAtCluster(phase="nodes@1.35")


def test_a_look_before_a_phase_that_cannot_be_made_pauses_instead_of_passing() -> None:
    run = make_run(RunStatus.RUNNING, steps=UP_TO_NODES)
    later, _ = play(run, ChecksFinished(phase="nodes@1.35", error="throttled", temporary=True))
    assert later.status is RunStatus.RUNNING
    assert next_work(later, NOW) is None
    assert next_work(later, NOW + timedelta(seconds=2)) == LookAtCluster(phase="nodes@1.35")
    paused, _ = play(run, ChecksFinished(phase="nodes@1.35", error="AccessDenied"))
    assert paused.status is RunStatus.PAUSED
    assert paused.pause_reasons == ("AccessDenied",)


# -- people stop and go on ------------------------------------------------------------------------------------------


def test_pause_starts_nothing_more_and_follows_what_is_under_way() -> None:
    run = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: following()})
    run, told = play(run, intent("pause", "U-NERVOUS"), intent("pause", "U-LATE"))
    assert run.status is RunStatus.PAUSED
    assert run.pause_reasons == ("U-NERVOUS paused it.",)
    assert told == ["pause-requested", "run-paused"]
    assert next_work(run, NOW) == AttendStep(step_id=CONTROL_PLANE.id, may_start=False)
    run, told = play(run, looked(CONTROL_PLANE.id, Done()), StepIntended(step_id=ADDON.id))
    assert told == ["step-finished", "phase-finished"]
    assert next_work(run, NOW) is None
    run, told = play(run, intent("resume"))
    assert told == ["run-resumed"]
    assert (run.paused_by, run.pause_reasons) == (None, ())
    assert next_work(run, NOW) == AttendStep(step_id=ADDON.id, may_start=True)


def test_a_paused_schedule_does_not_start_until_it_is_resumed() -> None:
    run = make_run(RunStatus.SCHEDULED)
    run, told = play(run, intent("pause"))
    assert (run.status, told) == (RunStatus.SCHEDULED, ["pause-requested"])
    later = NOW + timedelta(minutes=25)
    assert play(run, TimePassed(), now=later)[0].status is RunStatus.SCHEDULED
    assert play(run, intent("resume"), TimePassed(), now=later)[0].status is RunStatus.CHECKING


def test_abort_waits_for_the_update_under_way_and_keeps_the_run_unfinished() -> None:
    run = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: following()})
    run, told = play(run, intent("abort"))
    assert not run.status.finished
    assert told == ["abort-requested"]
    assert play(run, intent("resume"), intent("pause"), intent("retry"))[1] == []
    assert next_work(run, NOW) == AttendStep(step_id=CONTROL_PLANE.id, may_start=False)
    run, events = advance(run, looked(CONTROL_PLANE.id, Done()), NOW)
    assert run.status is RunStatus.ABORTED
    assert events[-1].data == {
        "control_plane": "1.35",
        "node_groups": [],
        "done": [CONTROL_PLANE.id],
        "not_done": [ADDON.id, CORE.id, APPS.id, CONFIRM.id],
    }


def test_an_intended_call_that_was_never_made_is_released_by_an_abort() -> None:
    steps = {**done("announce"), CONTROL_PLANE.id: following(None, status=StepStatus.STARTING, due_at=None)}
    run, _ = play(make_run(RunStatus.RUNNING, steps=steps), intent("abort"))
    assert not run.status.finished
    run, told = play(run, StepReleased(step_id=CONTROL_PLANE.id))
    assert run.status is RunStatus.ABORTED
    assert told == ["run-aborted"]


def test_a_block_that_has_passed_while_paused_is_as_if_nothing_had_begun() -> None:
    blocked = StepState(status=StepStatus.BLOCKED, started_at=NOW, due_at=NOW, reasons=("foreign update",))
    run = make_run(RunStatus.PAUSED, steps={**done("announce"), CONTROL_PLANE.id: blocked})
    assert next_work(run, NOW) == AttendStep(step_id=CONTROL_PLANE.id, may_start=False)
    run, told = play(run, StepReleased(step_id=CONTROL_PLANE.id))
    assert (next_work(run, NOW), told) == (None, [])
    run, _ = play(run, intent("resume"))
    assert next_work(run, NOW) == LookAtCluster(phase="control-plane@1.35")


def test_giving_up_on_a_failed_step_fails_the_run() -> None:
    run = make_run(RunStatus.RUNNING, steps={**UP_TO_NODES, CORE.id: following()})
    run, told = play(run, looked(CORE.id, FAILURE), intent("abort"))
    assert run.status is RunStatus.FAILED
    assert told[-2:] == ["abort-requested", "run-failed"]


@pytest.mark.parametrize(
    "status", [s for s in RunStatus if not s.finished and s not in (RunStatus.RUNNING, RunStatus.PAUSED)]
)
def test_abort_ends_at_once_what_has_nothing_under_way(status: RunStatus) -> None:
    run, told = play(make_run(status), intent("abort"))
    assert run.status is RunStatus.ABORTED
    assert told == ["abort-requested", "run-aborted"]


@pytest.mark.parametrize("step_id", ["announce", CONFIRM.id, VERIFY.id])
def test_only_an_update_at_eks_outlives_an_abort(step_id: str) -> None:
    steps = {**done("announce"), step_id: following(None, status=StepStatus.STARTING)}
    run, events = advance(make_run(RunStatus.RUNNING, steps=steps), intent("abort"), NOW)
    assert run.status is RunStatus.ABORTED
    assert events[0].data["under_way"] == []


def test_a_refused_request_is_told_and_changes_nothing() -> None:
    run = make_run(RunStatus.RUNNING)
    after, told = play(run, RequestRefused(verb="abort", actor="U-V", reason="viewers may not"))
    assert told == ["request-refused"]
    assert after.intent is Intent.GO
    gate = RequestRefused(verb="approve", actor="U-V", reason="no approver", gate=PLAN_GATE)
    assert play(make_run(RunStatus.AWAITING_APPROVAL), gate)[1] == ["approval-refused"]


# -- surroundings ---------------------------------------------------------------------------------------------------


def test_a_closed_window_holds_new_steps_and_says_when_it_opens() -> None:
    opens_at = NOW + timedelta(hours=8)
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    closed = WindowChanged(open=False, opens_at=opens_at)
    run, told = play(run, closed, closed)
    assert told == ["window-closed"]
    assert run.next_due_at == opens_at
    assert next_work(run, opens_at) is None
    assert play(run, StepIntended(step_id=CONTROL_PLANE.id))[1] == []
    run, told = play(run, WindowChanged(open=True))
    assert told == ["window-opened"]
    assert next_work(run, NOW) == LookAtCluster(phase="control-plane@1.35")  # looked at again: hours have passed


def test_no_step_starts_while_slack_is_out_of_reach() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"))
    gone = SlackChanged(unreachable_since=NOW - timedelta(minutes=5))
    run, told = play(run, gone, gone)
    assert told == ["slack-unreachable"]
    assert next_work(run, NOW) is None
    assert run.next_due_at == NOW + timedelta(seconds=15)
    run, told = play(run, SlackChanged(unreachable_since=None))
    assert told == ["slack-reachable"]


def test_the_delivery_of_the_notice_is_noted_once() -> None:
    run = make_run(RunStatus.SCHEDULED, notice_at=None)
    run, told = play(run, NoticeDelivered(), NoticeDelivered())
    assert run.notice_at == NOW
    assert told == ["notice-delivered"]
    assert play(make_run(RunStatus.BLOCKED), NoticeDelivered())[1] == []


def test_a_restart_names_what_is_followed() -> None:
    run = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: following()})
    _, events = advance(run, Restarted(), NOW)
    assert kinds(events) == ["bot-restarted"]
    assert events[0].data["following"] == [{"step_id": CONTROL_PLANE.id, "update_id": "u-1"}]


def dying(run: UpgradeRun, times: int) -> UpgradeRun:
    """The process dies that often just after it saved the intent."""
    for _ in range(times):
        run, _ = play(run, StepIntended(step_id=CONTROL_PLANE.id), Restarted())
    return run


def test_a_step_that_took_the_process_down_three_times_is_parked_instead_of_started() -> None:
    run = dying(make_run(RunStatus.RUNNING, steps=done("announce")), 3)
    assert run.status is RunStatus.RUNNING
    run, told = play(run, StepIntended(step_id=CONTROL_PLANE.id))
    assert run.status is RunStatus.PAUSED
    assert told == ["step-failed", "run-paused"]
    run, _ = play(run, intent("retry"))
    state = run.step(CONTROL_PLANE.id)
    assert (state.status, state.attempt, state.intended_at) == (StepStatus.PENDING, 2, NOW)


def test_a_call_that_took_effect_before_the_third_death_is_followed_and_not_parked() -> None:
    run = dying(make_run(RunStatus.RUNNING, steps=done("announce")), 3)
    run, told = play(run, looked(CONTROL_PLANE.id, Wait(seconds=0, update=UPDATE, adopted=True)))
    assert told == ["update-adopted"]
    assert run.step(CONTROL_PLANE.id).crashes == 0


def test_deaths_outside_of_the_call_do_not_count() -> None:
    run = dying(make_run(RunStatus.RUNNING, steps=done("announce")), 1)
    run, _ = play(run, *[Restarted()] * 9, StepIntended(step_id=CONTROL_PLANE.id))
    assert run.step(CONTROL_PLANE.id).status is StepStatus.STARTING


def test_a_restart_while_following_is_no_crash_of_the_step() -> None:
    run = make_run(RunStatus.RUNNING, steps={**done("announce"), CONTROL_PLANE.id: following()})
    run, _ = play(run, *[Restarted()] * 5)
    assert run.status is RunStatus.RUNNING
    assert run.step(CONTROL_PLANE.id) == following()


def test_events_are_numbered_on_from_the_runs_last() -> None:
    run = make_run(RunStatus.RUNNING, steps=done("announce"), last_seq=41)
    after, events = advance(run, StepIntended(step_id=CONTROL_PLANE.id), NOW)
    assert [event.seq for event in events] == [42, 43]
    assert after.last_seq == 43
    assert {event.run_id for event in events} == {"run-1"}


def test_no_state_is_left_that_tests_do_not_name() -> None:
    assert {kind.value for kind in EventKind} >= {"request-refused"}
    assert StepState().status is StepStatus.PENDING
