"""Who is called, when, and when that ends: each stage once, in order, whatever people, clocks and restarts do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upgrade.runs import CONFIRM, CONTROL_PLANE, CORE, NOW, UP_TO_NODES, done, following, make_plan, make_run
from upgrade.calls import Call, CallPolicy, calls_of, in_charge, muted_until, standing_of
from upgrade.events import EventKind, UpgradeEvent
from upgrade.gates import GateTerms
from upgrade.plan import UpgradePolicy
from upgrade.run import Intent, RunStatus, StepState, StepStatus, UpgradeRun
from upgrade.troubles import CallKind, troubles_of

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
POLICY = CallPolicy(owner="U0OWNER", group="S0NIGHT", pages=True, approvers=("S0APPROVE",))
FAILED = following(status=StepStatus.FAILED)


class Night:
    """A run and its stream as the store holds them; who was called, when; and a clock that the test moves by hand."""

    def __init__(self, run: UpgradeRun | None = None, policy: CallPolicy = POLICY) -> None:
        self.now, self.policy = NOW, policy
        self.run = run or make_run(RunStatus.RUNNING, steps=done("announce"), last_seq=0)
        self.run = self.run.model_copy(update={"last_seq": 0})
        self.events: list[UpgradeEvent] = []
        self.called: list[tuple[str, timedelta]] = []

    def tell(
        self, kind: EventKind, step: str | None = None, *, actor: str | None = None, data: Any = None, **changes: Any
    ) -> int:
        seq = self.run.last_seq + 1
        event = UpgradeEvent(
            run_id=self.run.id, seq=seq, at=self.now, kind=kind, actor=actor, step_id=step, data=data or {}
        )
        self.events.append(event)
        self.run = self.run.model_copy(update={**changes, "last_seq": seq})
        return seq

    def fail(self, step: str = CONTROL_PLANE.id, **changes: Any) -> int:
        steps = {**self.run.steps, step: FAILED}
        return self.tell(EventKind.STEP_FAILED, step, data={"message": "no"}, steps=steps, **changes)

    def mute(self, lasts: timedelta) -> None:
        self.tell(EventKind.RUN_MUTED, actor="U", data={"until": (self.now + lasts).isoformat()})

    def calls(self) -> tuple[Call, ...]:
        return calls_of(self.run, self.events, self.policy, self.now)

    def look(self) -> None:
        """What the notifier does in one pass, the rows being ``called``."""
        known = {key for key, _ in self.called}
        self.called += [
            (call.key, self.now - NOW) for call in self.calls() if call.due(self.now) and call.key not in known
        ]

    def wait(self, lasts: timedelta, *, step: timedelta = MINUTE) -> None:
        until = self.now + lasts
        self.look()
        while self.now < until:
            self.now = min(until, self.now + step)
            self.look()

    def stages(self, seq: int, kind: str = "failed") -> list[tuple[str, int]]:
        """What was called of that trouble, and after how many minutes."""
        head = f"{kind}:{seq}:"
        return [(key.removeprefix(head), int(at / MINUTE)) for key, at in self.called if key.startswith(head)]


LADDER = [("person", 0), ("group", 10), ("pages", 20), ("again-1", 50), ("again-2", 80)]


def test_a_failed_step_calls_the_person_then_the_group_then_the_webhooks_and_again() -> None:
    night = Night()
    seq = night.fail()
    night.wait(100 * MINUTE)
    assert night.stages(seq) == LADDER
    by = {call.key.rpartition(":")[2]: call for call in night.calls()}
    assert (by["person"].to, by["person"].pages) == (("U0OWNER",), False)
    assert (by["group"].to, by["group"].pages) == (("S0NIGHT",), False)
    assert (by["pages"].to, by["pages"].pages) == ((), True)
    assert (by["again-2"].to, by["again-2"].pages) == (("U0OWNER", "S0NIGHT"), True)


@pytest.mark.parametrize("ends", ["acknowledged", "taken-over", "retried", "aborted", "failed"])
def test_nothing_is_called_after_the_end_of_it(ends: str) -> None:
    night = Night()
    seq = night.fail()
    night.wait(15 * MINUTE)
    match ends:
        case "acknowledged":
            night.tell(EventKind.CALL_ACKNOWLEDGED, actor="U0ADA", data={"call": f"failed:{seq}"})
        case "taken-over":
            night.tell(EventKind.RUN_TAKEN_OVER, actor="U0ADA", in_charge="U0ADA")
        case "retried":
            night.tell(EventKind.RETRY_REQUESTED, CONTROL_PLANE.id, steps=done("announce"))
        case "aborted":
            night.tell(EventKind.ABORT_REQUESTED, intent=Intent.ABORT)
        case _:
            night.tell(EventKind.RUN_FAILED, status=RunStatus.FAILED)
    night.wait(4 * HOUR)
    assert night.stages(seq) == LADDER[:2]
    (trouble,) = troubles_of(night.run, night.events)
    assert trouble.acknowledged_by == ("U0ADA" if ends in ("acknowledged", "taken-over") else None)


def test_an_acknowledgement_is_for_its_own_trouble_and_for_no_later_one() -> None:
    night = Night()
    first = night.fail()
    second = night.fail(CORE.id)
    night.tell(EventKind.CALL_ACKNOWLEDGED, actor="U0ADA", data={"call": f"failed:{first}"})
    night.tell(EventKind.CALL_ACKNOWLEDGED, actor="U0BEN", data={"call": ""})
    assert [one.acknowledged_by for one in troubles_of(night.run, night.events)] == ["U0ADA", "U0BEN"]
    third = night.fail()
    night.wait(30 * MINUTE)
    assert (night.stages(first), night.stages(second)) == ([], [])
    assert night.stages(third) == LADDER[:3]


def test_a_mute_holds_what_is_known_until_its_end_and_a_new_failure_ends_it() -> None:
    night = Night()
    seq = night.fail()
    night.wait(5 * MINUTE)
    night.mute(HOUR)
    assert muted_until(night.events, night.now) == night.now + HOUR
    night.wait(2 * HOUR)
    assert night.stages(seq) == [("person", 0), ("group", 65), ("pages", 65), ("again-2", 80), ("again-3", 110)]
    quiet = Night()
    first = quiet.fail()
    quiet.look()
    quiet.mute(6 * HOUR)
    quiet.wait(30 * MINUTE)
    second = quiet.fail(CORE.id)
    quiet.wait(15 * MINUTE)
    assert quiet.stages(second) == [("person", 30), ("group", 40)]
    assert quiet.stages(first) == [("person", 0), ("group", 30), ("pages", 30)]


def test_after_a_downtime_only_the_last_repeat_is_called() -> None:
    night = Night()
    seq = night.fail()
    night.wait(55 * MINUTE)
    night.wait(5 * HOUR, step=5 * HOUR)
    assert night.stages(seq) == [*LADDER[:4], ("again-11", 355)]


# -- what begins one, and what does not -------------------------------------------------------------------------------


def test_a_step_that_cannot_go_on_is_one_trouble_until_a_person_or_a_call_moved_it() -> None:
    night = Night()
    stuck = StepState(status=StepStatus.BLOCKED)
    reasons = {"reasons": ["two pods wait"]}
    seq = night.tell(EventKind.STEP_BLOCKED, CORE.id, data=reasons, steps={**UP_TO_NODES, CORE.id: stuck})
    night.tell(EventKind.STEP_PROGRESSED, CORE.id)
    night.tell(EventKind.STEP_BLOCKED, CORE.id, data={"reasons": ["three pods wait"]})
    assert [one.key for one in troubles_of(night.run, night.events)] == [f"stalled:{seq}"]
    night.tell(EventKind.RUN_RESUMED, actor="U")
    again = night.tell(EventKind.STEP_BLOCKED, CORE.id, data=reasons)
    open_now = [one.key for one in troubles_of(night.run, night.events) if one.open]
    assert open_now == [f"stalled:{again}"]


def test_a_pause_by_itself_calls_and_a_pause_by_a_person_or_with_its_cause_does_not() -> None:
    night = Night()
    night.tell(EventKind.PAUSE_REQUESTED, actor="U", intent=Intent.PAUSE)
    night.tell(EventKind.RUN_PAUSED, data={"reasons": ["U paused it."]}, status=RunStatus.PAUSED)
    assert night.calls() == ()
    night.now += HOUR
    seq = night.tell(EventKind.RUN_PAUSED, data={"reasons": ["No room."]}, intent=Intent.GO, blocked_phase="nodes@1.35")
    assert {call.trouble for call in night.calls()} == {f"failed:{seq}"}
    night.tell(EventKind.RUN_RESUMED, actor="U", status=RunStatus.RUNNING, blocked_phase=None)
    assert night.calls() == ()


def test_what_waits_for_a_decision_half_way_calls_and_a_plan_that_was_not_begun_does_not() -> None:
    night = Night()
    night.tell(
        EventKind.GATE_OPENED, data={"gate": "nodes@1.35"}, status=RunStatus.AWAITING_APPROVAL, waiting_for="nodes@1.35"
    )
    assert {call.kind for call in night.calls()} == {CallKind.DECISION}
    night.tell(EventKind.GATE_PASSED, status=RunStatus.RUNNING, waiting_for=None)
    assert night.calls() == ()
    night.tell(EventKind.STEP_STARTED, CONFIRM.id, steps={CONFIRM.id: following(None)})
    assert {call.kind for call in night.calls()} == {CallKind.DECISION}
    night.tell(EventKind.STEP_CONFIRMED, CONFIRM.id, steps=done(CONFIRM.id))
    assert night.calls() == ()
    missed = Night(make_run(RunStatus.SCHEDULED, missed_start=True))
    missed.tell(EventKind.START_MISSED)
    assert {call.kind for call in missed.calls()} == {CallKind.DECISION}


def at_its_start(blocked_after: timedelta) -> tuple[Night, int]:
    """A run whose start was set for in an hour, and which a look finds blocked after that long."""
    start = {"start_at": (NOW + HOUR).isoformat()}
    night = Night(make_run(RunStatus.SCHEDULED))
    night.tell(EventKind.RUN_SCHEDULED, data=start)
    night.now += blocked_after
    return night, block(night)


def block(night: Night) -> int:
    reasons = {"codes": ["IDL001"], "reasons": ["IDL001 lab: two people are still on."]}
    return night.tell(EventKind.RUN_BLOCKED, data=reasons, status=RunStatus.BLOCKED)


def test_a_start_that_has_come_and_is_blocked_calls_everybody_once_however_often_somebody_looks() -> None:
    night, seq = at_its_start(HOUR)
    night.wait(5 * MINUTE)
    night.tell(EventKind.RECHECK_REQUESTED, actor="U", status=RunStatus.CHECKING)
    block(night)
    night.wait(20 * MINUTE)
    assert night.called == [(f"decision:{seq}:{rung}", HOUR + after * MINUTE) for rung, after in LADDER[:3]]
    assert night.calls()[0].reason == "Its start has come, and it cannot begin: IDL001 lab: two people are still on."
    again = {"start_at": (night.now + HOUR).isoformat()}
    night.tell(EventKind.RUN_RESCHEDULED, data=again, actor="U")
    assert night.calls() == (), "somebody has given it another start"
    night.now += HOUR
    assert block(night) in {int(call.key.split(":")[1]) for call in night.calls()}


def test_what_is_in_the_way_ahead_of_a_start_calls_the_person_in_charge_alone() -> None:
    night, seq = at_its_start(30 * MINUTE)
    night.wait(4 * HOUR)
    assert night.stages(seq, "decision") == [("person", 30)]


def test_what_is_blocked_before_any_start_was_set_calls_nobody() -> None:
    night = Night(make_run(RunStatus.CHECKING))
    block(night)
    assert night.calls() == ()


def test_webhooks_hear_at_once_that_slack_is_away_and_the_person_that_it_is_back() -> None:
    night = Night()
    gone = night.tell(EventKind.SLACK_UNREACHABLE, holds=("slack",))
    night.look()
    assert [stage for stage, at in night.stages(gone, "stalled")] == ["group", "pages", "person"]
    night.now += HOUR
    back = night.tell(EventKind.SLACK_REACHABLE, holds=())
    night.wait(4 * HOUR)
    assert night.stages(back, "stalled") == [("person", 60)]
    assert len(night.stages(gone, "stalled")) == 3


def test_a_slow_step_calls_until_it_moves_on() -> None:
    night = Night()
    slow = following(slow_told=True)
    said = {"minutes": 61, "budget": 45}
    seq = night.tell(EventKind.STEP_SLOW, CONTROL_PLANE.id, data=said, steps={CONTROL_PLANE.id: slow})
    assert {call.trouble for call in night.calls()} == {f"stalled:{seq}"}
    night.tell(EventKind.STEP_FINISHED, CONTROL_PLANE.id, steps=done(CONTROL_PLANE.id))
    assert night.calls() == ()


@pytest.mark.parametrize(
    ("taken", "owner", "person"), [(None, None, "U-ASKS"), (None, "S0SHOP", "S0SHOP"), ("U0ADA", "S0SHOP", "U0ADA")]
)
def test_who_is_in_charge(taken: str | None, owner: str | None, person: str) -> None:
    assert in_charge(make_run(RunStatus.RUNNING, in_charge=taken), owner) == person


def test_the_group_is_called_at_once_when_the_person_in_charge_cannot_be() -> None:
    night = Night(make_run(RunStatus.RUNNING, in_charge="cli:ada"))
    seq = night.fail()
    night.look()
    assert [stage for stage, _ in night.stages(seq)] == ["group", "person"]


def test_those_who_may_approve_are_reminded_at_half_and_at_three_quarters_of_the_time() -> None:
    expires = NOW + 24 * HOUR
    waits = make_run(RunStatus.AWAITING_APPROVAL, policy=UpgradePolicy(approval_expires=24 * HOUR), expires_at=expires)
    night = Night(waits)
    night.wait(23 * HOUR, step=HOUR)
    assert [(key.rpartition(":")[2], at / HOUR) for key, at in night.called] == [("half", 12), ("three-quarters", 18)]
    assert {call.to for call in night.calls()} == {("S0APPROVE",)}
    late = Night(waits)
    late.wait(20 * HOUR, step=20 * HOUR)
    assert [key.rpartition(":")[2] for key, _ in late.called] == ["three-quarters"]


def test_a_plan_that_is_to_start_tonight_is_brought_to_mind_before_it_is_too_late_for_that() -> None:
    policy = UpgradePolicy(approval_expires=24 * HOUR, notice=HOUR)
    asked = {"policy": policy, "expires_at": NOW + 24 * HOUR}
    tonight = Night(make_run(RunStatus.AWAITING_APPROVAL, wanted_at=NOW + 9 * HOUR, **asked))
    tonight.wait(23 * HOUR, step=HOUR)
    assert [(key.rpartition(":")[2], at / HOUR) for key, at in tonight.called] == [("half", 4), ("three-quarters", 6)]
    for wanted_at in (NOW + 9 * 24 * HOUR, NOW - HOUR):
        other = Night(make_run(RunStatus.AWAITING_APPROVAL, wanted_at=wanted_at, **asked))
        other.wait(23 * HOUR, step=HOUR)
        assert [at / HOUR for _, at in other.called] == [12, 18]


def at_gate(terms: GateTerms, expires_at: datetime | None = None) -> UpgradeRun:
    plan = make_plan(gate=True)
    phases = tuple(one.model_copy(update={"gate_terms": terms}) if one.gate else one for one in plan.phases)
    return make_run(
        RunStatus.AWAITING_APPROVAL,
        plan=plan.model_copy(update={"phases": phases}),
        steps=UP_TO_NODES,
        started_at=NOW,
        waiting_for="nodes@1.35",
        expires_at=expires_at,
    )


def test_whoever_attends_a_gate_is_reminded_before_its_deadline_even_when_somebody_has_seen_the_call() -> None:
    night = Night(at_gate(GateTerms(attended="S0DBA", within=4 * HOUR), NOW + 4 * HOUR))
    night.tell(EventKind.GATE_OPENED, data={"gate": "nodes@1.35", "attended": "S0DBA"})
    (call,) = [one for one in night.calls() if one.trouble]
    assert (call.to, call.pages, call.due_at) == (("S0DBA", "U0OWNER"), False, NOW)
    assert call.reason == "It waits for an approval half-way: nodes@1.35."
    night.tell(EventKind.CALL_ACKNOWLEDGED, actor="U0ADA", data={"call": ""})
    night.wait(4 * HOUR + HOUR)
    assert [(key.rpartition(":")[2], at / HOUR) for key, at in night.called] == [("half", 2), ("three-quarters", 3)]
    assert {call.to for call in night.calls()} == {("S0DBA", "S0APPROVE")}
    paused = {"status": RunStatus.PAUSED, "waiting_for": None, "expires_at": None}
    seq = night.tell(EventKind.RUN_PAUSED, data={"reasons": ["Nobody came."]}, **paused)
    night.called.clear()
    night.wait(30 * MINUTE)
    assert [stage for stage, _ in night.stages(seq)] == ["person", "group", "pages"]


def test_a_gate_without_a_deadline_calls_those_who_may_approve_again_and_again_with_the_others() -> None:
    night = Night(at_gate(GateTerms()))
    seq = night.tell(EventKind.GATE_OPENED, data={"gate": "nodes@1.35"})
    night.wait(85 * MINUTE)
    assert night.stages(seq, "decision") == LADDER
    by = {call.key.rpartition(":")[2]: call.to for call in night.calls()}
    assert by["person"] == ("U0OWNER",)
    assert by["again-2"] == ("U0OWNER", "S0NIGHT", "S0APPROVE")
    night.tell(EventKind.GATE_PASSED, status=RunStatus.RUNNING, waiting_for=None)
    assert night.calls() == ()


def test_a_gate_that_opens_outside_of_the_window_calls_everybody_only_when_that_opens() -> None:
    night = Night(at_gate(GateTerms()))
    night.tell(EventKind.WINDOW_CLOSED)
    early = night.tell(EventKind.GATE_OPENED, data={"gate": "nodes@1.35"})
    night.wait(5 * HOUR)
    assert night.stages(early, "decision") == [("person", 0)]
    opened = night.tell(EventKind.WINDOW_OPENED)
    night.wait(15 * MINUTE)
    assert [stage for stage, _ in night.stages(opened, "decision")] == ["person", "group"]
    (trouble,) = (one for one in troubles_of(night.run, night.events) if one.open)
    assert trouble.seq == opened


def test_a_gate_that_was_passed_before_the_window_opens_calls_nobody_then() -> None:
    night = Night(at_gate(GateTerms()))
    night.tell(EventKind.WINDOW_CLOSED)
    night.tell(EventKind.GATE_OPENED, data={"gate": "nodes@1.35"})
    night.tell(EventKind.GATE_PASSED, data={"gate": "nodes@1.35"}, status=RunStatus.RUNNING, waiting_for=None)
    opened = night.tell(EventKind.WINDOW_OPENED)
    night.wait(2 * HOUR)
    assert night.stages(opened, "decision") == []
    assert all(one.seq != opened for one in troubles_of(night.run, night.events))


def test_where_the_environment_names_who_approves_nobody_else_is_reminded() -> None:
    policy = UpgradePolicy(approval_expires=24 * HOUR, approver_groups=("S0SHOP",))
    night = Night(make_run(RunStatus.AWAITING_APPROVAL, policy=policy, expires_at=NOW + 24 * HOUR))
    assert {call.to for call in night.calls()} == {("S0SHOP",)}


def test_what_goes_on_by_itself_is_told_from_what_is_stored() -> None:
    going = standing_of(make_run(RunStatus.RUNNING, steps={CONTROL_PLANE.id: following("u-9")}))
    assert [one.update_id for one in going.under_way] == ["u-9"]
    assert not going.steady
    assert standing_of(make_run(RunStatus.PAUSED, steps=done("announce"))).steady


# -- whatever happens -------------------------------------------------------------------------------------------------

_DEEDS = st.lists(
    st.tuples(
        st.sampled_from(["fail", "slow", "fix", "acknowledge", "take over", "mute", "nothing", "sleep"]),
        st.integers(min_value=0, max_value=90),
    ),
    max_size=12,
)


def live(night: Night, deeds: Sequence[tuple[str, int]]) -> list[tuple[int, datetime]]:
    """Do it all; gives when each trouble was seen or put right, by its event's number."""
    over: dict[int, datetime] = {}
    for deed, minutes in deeds:
        step = f"addon/a{minutes}@v1"
        match deed:
            case "fail":
                night.fail(step)
            case "slow":
                steps = {**night.run.steps, step: following(slow_told=True)}
                night.tell(EventKind.STEP_SLOW, step, steps=steps)
            case "fix":
                over |= {one.seq: night.now for one in troubles_of(night.run, night.events) if one.open}
                night.tell(EventKind.RETRY_REQUESTED, steps=done("announce"))
            case "acknowledge" | "take over":
                over |= {one.seq: night.now for one in troubles_of(night.run, night.events) if one.calls}
                kinds = {"acknowledge": EventKind.CALL_ACKNOWLEDGED, "take over": EventKind.RUN_TAKEN_OVER}
                night.tell(kinds[deed], actor="U0ADA")
            case "mute" if minutes:
                night.mute(minutes * MINUTE)
        night.wait(minutes * MINUTE, step=minutes * MINUTE if deed == "sleep" and minutes else MINUTE)
    return list(over.items())


@settings(max_examples=60)
@given(_DEEDS)
def test_every_stage_is_called_once_in_order_never_early_and_never_after_its_end(deeds: list[tuple[str, int]]) -> None:
    night = Night()
    ends = dict(live(night, deeds))
    assert len({key for key, _ in night.called}) == len(night.called)
    for trouble in troubles_of(night.run, night.events):
        kind = trouble.kind.value
        told = night.stages(trouble.seq, kind)
        ladder = [stage for stage, _ in told if not stage.startswith("again")]
        assert ladder in (
            [],
            ["person"],
            ["person", "group"],
            ["person", "group", "pages"],
            ["group", "pages", "person"],
        )
        numbers = [int(stage.removeprefix("again-")) for stage, _ in told if stage.startswith("again")]
        assert numbers == sorted(numbers)
        began = int((trouble.since - NOW) / MINUTE)
        for stage, at in told:
            due = {"person": 0, "group": 10, "pages": 20}.get(stage)
            due = 20 + 30 * int(stage.removeprefix("again-")) if due is None else due
            assert at >= began + due
            assert trouble.seq not in ends or NOW + at * MINUTE <= ends[trouble.seq]


@settings(max_examples=40)
@given(_DEEDS)
def test_without_people_who_mute_and_without_sleep_every_call_goes_out_at_its_instant(
    deeds: list[tuple[str, int]],
) -> None:
    night = Night()
    live(night, [(deed if deed not in ("mute", "sleep") else "nothing", minutes) for deed, minutes in deeds])
    due = {"person": 0, "group": 10, "pages": 20}
    for trouble in troubles_of(night.run, night.events):
        began = int((trouble.since - NOW) / MINUTE)
        for stage, at in night.stages(trouble.seq, trouble.kind.value):
            number = stage.removeprefix("again-")
            assert at - began == (due[stage] if stage in due else 20 + 30 * int(number))


def test_a_failed_step_names_who_had_it_tried_again_until_it_fails_anew() -> None:
    night = Night()
    night.fail()
    night.tell(EventKind.RETRY_REQUESTED, CONTROL_PLANE.id, actor="U0BEN", steps={CONTROL_PLANE.id: following()})
    (first,) = troubles_of(night.run, night.events)
    assert (first.open, first.step, first.retried_by) == (False, CONTROL_PLANE.id, "U0BEN")
    night.fail()
    first, second = troubles_of(night.run, night.events)
    assert (first.open, first.retried_by) == (False, "U0BEN")
    assert (second.open, second.retried_by) == (True, None)
