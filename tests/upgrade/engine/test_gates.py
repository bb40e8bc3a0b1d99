"""Gates half-way: attended ones have a deadline, unattended ones open by themselves when all is green (0009)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.upgrade.fakes import FakeCluster, ManualClock
from tests.upgrade.runs import NOW, UP_TO_NODES, make_finding, make_plan, make_report, make_run
from tests.upgrade.story import POLICY, Story
from upgrade.audit import audit
from upgrade.engine.advance import advance
from upgrade.engine.course import LookAtCluster, next_due_at, next_work
from upgrade.engine.signals import (
    ChecksFinished,
    DecisionGiven,
    GlassBroken,
    IntentGiven,
    Signal,
    SlackChanged,
    StepIntended,
    TimePassed,
    WindowChanged,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.findings import Severity
from upgrade.gates import GateRule, GateTerms
from upgrade.plan import ChecklistItem, UpgradePlan
from upgrade.run import Approval, Intent, RunStatus, UpgradeRun

GATE = "nodes@1.35"
ATTENDED = GateTerms(attended="S0NIGHT", within=timedelta(hours=2))
ALONE = GateTerms(unattended=True)
LOOK = ChecksFinished(phase=GATE, report=make_report())
LATER = NOW + timedelta(hours=2)


def plan_with(terms: GateTerms) -> UpgradePlan:
    plan = make_plan(gate=True)
    phases = [one.model_copy(update={"gate_terms": terms}) if one.gate else one for one in plan.phases]
    return plan.model_copy(update={"phases": tuple(phases)})


def before_nodes(terms: GateTerms, **changes: object) -> UpgradeRun:
    return make_run(RunStatus.RUNNING, plan=plan_with(terms), steps=UP_TO_NODES, phases_checked=(), **changes)


def play(run: UpgradeRun, *signals: Signal, at: datetime = NOW) -> tuple[UpgradeRun, list[UpgradeEvent]]:
    told: list[UpgradeEvent] = []
    for signal in signals:
        run, events = advance(run, signal, at)
        told += events
    return run, told


def kinds(events: list[UpgradeEvent]) -> list[str]:
    return [event.kind.value for event in events]


# -- attended -------------------------------------------------------------------------------------------------------


def test_an_attended_gate_names_who_attends_it_and_has_a_deadline() -> None:
    run, (opened,) = play(before_nodes(ATTENDED), TimePassed())
    assert (run.status, run.waiting_for, run.expires_at) == (RunStatus.AWAITING_APPROVAL, GATE, LATER)
    assert opened.data == {"gate": GATE, "attended": "S0NIGHT"}
    assert next_due_at(run, NOW) == LATER


def test_a_gate_that_is_a_word_waits_for_as_long_as_it_takes() -> None:
    run, _ = play(before_nodes(GateTerms()), TimePassed())
    assert (run.status, run.expires_at) == (RunStatus.AWAITING_APPROVAL, None)
    after, told = play(run, TimePassed(), at=NOW + timedelta(days=30))
    assert (after.status, told) == (RunStatus.AWAITING_APPROVAL, [])


def test_a_run_at_a_gate_knows_when_its_window_opens() -> None:
    run, _ = play(before_nodes(GateTerms()), WindowChanged(open=False, opens_at=LATER), TimePassed())
    assert (run.status, next_due_at(run, NOW)) == (RunStatus.AWAITING_APPROVAL, LATER)
    after, told = play(run, WindowChanged(open=True), at=LATER)
    assert (after.status, after.holds, kinds(told)) == (RunStatus.AWAITING_APPROVAL, (), ["window-opened"])


def test_at_the_deadline_the_run_pauses_and_not_a_moment_before() -> None:
    run, _ = play(before_nodes(ATTENDED), TimePassed())
    assert play(run, TimePassed(), at=LATER - timedelta(seconds=1)) == (run, [])
    after, told = play(run, TimePassed(), at=LATER)
    assert (after.status, after.waiting_for, after.intent) == (RunStatus.PAUSED, None, Intent.GO)
    assert kinds(told) == ["run-paused"]
    assert after.pause_reasons == (f"Nobody attended the gate {GATE} in time; Resume asks again.",)


def test_a_decision_after_the_deadline_does_not_count_and_resume_asks_again_with_a_new_one() -> None:
    run, _ = play(before_nodes(ATTENDED), TimePassed())
    paused, _ = play(run, TimePassed(), at=LATER)
    assert run.plan is not None
    approve = DecisionGiven(gate=GATE, digest=run.plan.digest, approved=True, actor="U-LATE")
    refused, told = play(paused, approve, at=LATER)
    assert (refused.status, kinds(told)) == (RunStatus.PAUSED, ["approval-refused"])
    again, told = play(paused, IntentGiven(verb="resume", actor="U"), at=LATER)
    assert kinds(told) == ["run-resumed", "gate-opened"]
    assert again.expires_at == LATER + timedelta(hours=2)
    _, told = play(again, approve, at=LATER)
    assert kinds(told) == ["approval-given", "gate-passed"]


# -- unattended -----------------------------------------------------------------------------------------------------


def test_an_unattended_gate_waits_for_the_look_before_its_phase() -> None:
    run = before_nodes(ALONE)
    assert play(run, TimePassed()) == (run, [])
    assert next_work(run, NOW) == LookAtCluster(phase=GATE)
    assert next_due_at(run, NOW) == NOW
    assert play(run, StepIntended(step_id="nodegroup/core@1.35"))[1] == []


def test_when_all_is_green_it_goes_on_and_says_so() -> None:
    run, told = play(before_nodes(ALONE), LOOK)
    assert (run.status, run.gates_passed) == (RunStatus.RUNNING, (GATE,))
    assert kinds(told) == ["checks-finished", "gate-passed"]
    assert told[-1].data == {"gate": GATE, "unattended": True}
    assert told[-1].actor is None


@pytest.mark.parametrize("warned_at", [NOW - timedelta(minutes=1), NOW])
def test_what_was_told_before_the_last_approval_was_seen_by_whoever_gave_it(warned_at: datetime) -> None:
    _, told = play(before_nodes(ALONE, warned_at=warned_at), LOOK)
    assert kinds(told)[-1] == "gate-passed"


def test_a_warning_since_the_approval_makes_people_decide() -> None:
    late = before_nodes(ALONE, warned_at=NOW + timedelta(minutes=1))
    run, told = play(late, LOOK, at=LATER)
    assert (run.status, run.waiting_for, run.expires_at) == (RunStatus.AWAITING_APPROVAL, GATE, None)
    assert kinds(told) == ["checks-finished", "gate-opened"]
    assert told[-1].data["reason"] == "something went other than planned since the last approval."


def test_an_approval_of_another_plan_has_seen_nothing() -> None:
    late = before_nodes(ALONE, warned_at=NOW + timedelta(minutes=1))
    other = Approval(gate="plan", digest="0" * 64, by="U-APPROVES", at=LATER)
    _, told = play(late.model_copy(update={"approvals": (*late.approvals, other)}), LOOK, at=LATER)
    assert kinds(told)[-1] == "gate-opened"


@pytest.mark.parametrize(("severity", "last"), [(Severity.BLOCKS, "gate-opened"), (Severity.WARNS, "gate-passed")])
def test_what_will_stop_a_later_phase_and_did_not_before_makes_people_decide(severity: Severity, last: str) -> None:
    look = ChecksFinished(phase=GATE, report=make_report(make_finding("PDB001", "shop/web", severity=severity)))
    _, told = play(before_nodes(ALONE), look, at=LATER)
    assert kinds(told)[-1] == last
    warned = [event.data["text"] for event in told if event.kind is EventKind.WARNING_RAISED]
    said = "New since the last look, and in the way of a phase: PDB001 shop/web."
    assert warned == ([said] if severity is Severity.BLOCKS else [])


def test_a_finding_that_was_there_when_the_plan_was_approved_stops_nothing() -> None:
    known = make_report(make_finding())
    _, told = play(before_nodes(ALONE, report=known), ChecksFinished(phase=GATE, report=known))
    assert kinds(told) == ["checks-finished", "gate-passed"]


def test_a_finding_that_stops_the_phase_pauses_as_ever() -> None:
    finding = make_finding(stops=("nodes",))
    look = ChecksFinished(phase=GATE, report=make_report(finding), stopping=(finding,))
    run, told = play(before_nodes(ALONE, report=make_report(finding)), look)
    assert (run.status, run.blocked_phase, run.gates_passed) == (RunStatus.PAUSED, GATE, ())
    assert kinds(told) == ["checks-finished", "run-paused"]


def test_while_slack_is_away_nothing_opens_by_itself_and_afterwards_it_is_looked_at_again() -> None:
    run, _ = play(before_nodes(ALONE), SlackChanged(unreachable_since=NOW))
    held, told = play(run, LOOK)
    assert (held.gates_passed, kinds(told)) == ((), ["checks-finished"])
    back, told = play(held, SlackChanged(unreachable_since=None))
    assert (back.gates_passed, back.phases_checked) == ((), ())
    assert next_work(back, NOW) == LookAtCluster(phase=GATE)


# -- break-glass ----------------------------------------------------------------------------------------------------


def glass(run: UpgradeRun, *, actor: str = "U-ASKS", gate: str = "plan", digest: str = "") -> GlassBroken:
    assert run.plan is not None
    return GlassBroken(gate=gate, digest=digest or run.plan.digest, reason="a hole is used", actor=actor)


def test_break_glass_opens_the_plan_alone_also_for_the_requester_and_says_what_it_left_out() -> None:
    items = (
        ChecklistItem(id="kubectl", rule="A-22", title="kubectl", sentence="It fits.", link="https://example.com"),
    )
    noted = make_report(*(make_finding("POD001", name, severity=Severity.WARNS) for name in ("shop/a", "shop/b")))
    run = make_run(RunStatus.AWAITING_APPROVAL, plan=make_plan(approvals=2, checklist=items), report=noted)
    after, told = play(run, glass(run))
    assert (after.status, after.approvals, after.ticks) == (RunStatus.SCHEDULED, (), ())
    assert after.start_at == NOW + run.policy.notice  # the announcement comes first all the same
    assert kinds(told) == ["break-glass-used", "run-scheduled"]
    assert told[0].actor == "U-ASKS"
    assert told[0].data == {
        "gate": "plan",
        "digest": run.plan.digest if run.plan else "",
        "reason": "a hole is used",
        "until": (NOW + timedelta(hours=4)).isoformat(),
        "given": 0,
        "needed": 2,
        "unticked": ["kubectl"],
        "looked_at": noted.taken_at.isoformat(),
        "noted": {"POD001": 2},
    }
    (decision,) = audit(told).decisions
    assert (decision.actor, decision.what, decision.subject, decision.reason, decision.given, decision.needed) == (
        "U-ASKS", "broke the glass", "plan", "a hole is used", 0, 2,
    )  # fmt: skip


def test_break_glass_opens_a_gate_half_way_once() -> None:
    run, _ = play(before_nodes(ATTENDED), TimePassed())
    breaks = glass(run, gate=GATE)
    after, told = play(run, breaks, breaks)
    assert kinds(told) == ["break-glass-used", "gate-passed", "request-refused"]
    assert (after.status, after.gates_passed, len(after.glass)) == (RunStatus.RUNNING, (GATE,), 1)


@pytest.mark.parametrize("changes", [{"gate": GATE}, {"digest": "0" * 64}])
def test_break_glass_is_for_the_gate_and_the_plan_that_were_seen(changes: dict[str, str]) -> None:
    run = make_run(RunStatus.AWAITING_APPROVAL)
    after, (refused,) = play(run, glass(run, **changes))
    assert (after.status, after.glass, refused.kind) == (run.status, (), "request-refused")


def test_break_glass_does_not_begin_over_a_finding() -> None:
    run = make_run(RunStatus.AWAITING_APPROVAL)
    finding = make_finding()
    opened, _ = play(run, glass(run))
    look = ChecksFinished(report=make_report(finding), plan=run.plan, stopping=(finding,))
    blocked, told = play(opened.model_copy(update={"status": RunStatus.CHECKING}), look)
    assert (blocked.status, kinds(told)[-1]) == (RunStatus.BLOCKED, "run-blocked")


def test_a_plan_that_changed_is_not_the_one_the_glass_was_broken_for() -> None:
    run = make_run(RunStatus.AWAITING_APPROVAL)
    opened, _ = play(run, glass(run))
    changed = ChecksFinished(report=make_report(), plan=make_plan(gate=True))
    after, _ = play(opened.model_copy(update={"status": RunStatus.CHECKING}), changed)
    assert after.status is RunStatus.AWAITING_APPROVAL


@pytest.mark.parametrize(("after", "asked"), [(timedelta(hours=4), False), (timedelta(hours=4, seconds=1), True)])
def test_when_it_is_over_the_next_phase_asks_for_an_ordinary_approval(after: timedelta, asked: bool) -> None:
    run, _ = play(before_nodes(ATTENDED), TimePassed())
    opened, _ = play(run, glass(run, gate=GATE))
    later, told = play(opened, TimePassed(), at=NOW + after)
    assert (later.waiting_for == "plan") is asked
    assert kinds(told) == (["warning-raised", "gate-opened"] if asked else [])
    if asked and later.plan is not None:
        approve = DecisionGiven(gate="plan", digest=later.plan.digest, approved=True, actor="U-APPROVES")
        on, _ = play(later, approve, at=NOW + after)
        assert (on.status, on.glass) == (RunStatus.RUNNING, ())


# -- whole runs -----------------------------------------------------------------------------------------------------

Make = Callable[..., Story]


@pytest.fixture
def story(tmp_path: Path) -> Make:
    def make(*gates: GateRule) -> Story:
        clock = ManualClock()
        return Story(tmp_path, clock, FakeCluster(clock), policy=POLICY.model_copy(update={"gates": gates}))

    return make


def test_two_hops_run_through_unattended_gates_without_anybody(story: Make) -> None:
    tale = story(*(GateRule(before=place, unattended=True) for place in ("control-plane", "add-ons", "nodes")))
    tale.to_running("1.36")
    tale.until(RunStatus.SUCCEEDED)
    gated = [phase.gate for phase in tale.run.plan.phases if phase.gate]  # type: ignore[union-attr]
    passed = tale.of(EventKind.GATE_PASSED)
    assert [event.data["gate"] for event in passed] == gated
    assert all(event.data["unattended"] for event in passed)
    assert tale.of(EventKind.GATE_OPENED) == []


def test_whoever_attends_a_gate_may_approve_it_and_nothing_else(story: Make) -> None:
    tale = story(GateRule(before="nodes", attended="S0NIGHT", within=timedelta(hours=2)))
    tale.access.groups["S0NIGHT"] = {"U-NIGHT"}
    tale.access.refused[("U-NIGHT", "approve")] = "That is for the role approver."
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve("U-NIGHT")
    tale.once()
    assert [event.data["reason"] for event in tale.of(EventKind.APPROVAL_REFUSED)] == ["That is for the role approver."]
    tale.approve()
    tale.go_on(lambda run: run.waiting_for == "nodes@1.35")
    tale.approve("U-NIGHT")
    tale.until(RunStatus.SUCCEEDED)


def test_a_gate_whose_deadline_passed_while_the_bot_was_down_is_paused_when_it_is_back(story: Make) -> None:
    tale = story(GateRule(before="nodes", attended="S0NIGHT", within=timedelta(hours=2)))
    tale.to_running("1.35")
    tale.go_on(lambda run: run.waiting_for == "nodes@1.35")
    tale.clock.time += timedelta(hours=3)
    tale.restart()
    assert tale.once().status is RunStatus.PAUSED
