"""People are called in the thread and directly, once each, and the call is true until it is over. In the simulator."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast

import pytest

from bot.calls import CALL, DIRECT
from bot.notifier import Notifier
from bot.slack import SlackCalls
from sandbox.slack import Fault, Message, SlackFace
from tests.bot.conftest import FixedClock, MakeFace, MemoryStore, Story, client_of, deliver, notifier_of, thread_of
from tests.bot.test_notifier import Died, Mortal, top_of
from tests.handlers import samples
from upgrade.calls import CallPolicy
from upgrade.events import EventKind
from upgrade.gates import GateTerms
from upgrade.run import Approval, RunStatus, StepState, StepStatus

STEP = "control-plane@1.35"
MINUTE = timedelta(minutes=1)
HOUR = 60 * MINUTE
#: What a reminder says when nobody has to answer it any more.
REMINDED = "🕒 *prod-eu*: approvers were reminded here; it does not wait for them any more."
POLICY = CallPolicy(owner="U0BEN", group="S0APPROVERS")


def fail(story: Story, clock: FixedClock) -> int:
    story.now = clock.time
    story.begin(plan=samples.two_hops())
    failed = {STEP: StepState(status=StepStatus.FAILED)}
    run = story.tell(EventKind.STEP_FAILED, step=STEP, status=RunStatus.PAUSED, started_at=clock.time, steps=failed)
    return run.last_seq


def calls_in(face: SlackFace) -> list[Message]:
    return [
        one
        for one in thread_of(face, top_of(face))
        if "needs you" in one.text or "seen it" in one.text or "Over" in one.text
    ]


def direct(face: SlackFace, user: str = "U0BEN") -> list[Message]:
    return [one for one in face.workspace.messages(face.workspace.direct_message(user).id) if one.by_bot]


def live(story: Story, clock: FixedClock, step: Callable[[], None], restart: Callable[[], None]) -> None:
    """A failure, the person and then the group; somebody sees it; somebody ends it."""
    seq = fail(story, clock)
    step()
    clock.time = story.now = clock.time + 12 * MINUTE
    restart()
    step()
    story.tell(EventKind.CALL_ACKNOWLEDGED, actor="U0CY", data={"call": f"failed:{seq}"})
    step()
    clock.time = story.now = clock.time + 300 * MINUTE
    restart()
    step()
    story.tell(EventKind.RUN_FAILED, status=RunStatus.FAILED, finished_at=clock.time)
    step()


def assert_called_once_each(face: SlackFace) -> None:
    person, group = calls_in(face)
    (told,) = direct(face)
    assert person.broadcast
    assert not group.broadcast
    assert group.text == "⏹️ Over."
    for message in (person, told):
        assert "Over: *prod-eu*: Control plane to `1.35` failed" in message.text
        assert "<@U0CY> had seen it" in message.text
    for message in (person, group, told):
        assert "action_id" not in str(message.blocks)


def test_the_person_in_charge_is_called_in_the_thread_and_directly_then_the_group(
    face: SlackFace, story: Story
) -> None:
    clock = FixedClock()
    notifier = notifier_of(face, story, clock=clock, calls_policy_of=lambda _: POLICY)
    fail(story, clock)
    deliver(notifier)
    (called,), (told,) = calls_in(face), direct(face)
    assert "<@U0BEN>" in called.text
    assert "run.acknowledge" in str(told.blocks)
    clock.time += 10 * MINUTE
    deliver(notifier_of(face, story, clock=clock, calls_policy_of=lambda _: POLICY))
    assert ["<!subteam^S0APPROVERS>" in one.text for one in calls_in(face)] == [False, True]
    assert len(direct(face)) == 1


def test_the_channel_hears_once_of_each_decision_that_is_needed(face: SlackFace, story: Story) -> None:
    clock, plan = FixedClock(), samples.two_hops(gate=True)
    notifier = notifier_of(face, story, clock=clock, calls_policy_of=lambda _: POLICY)
    story.now = clock.time
    story.begin()
    ready = {"status": RunStatus.AWAITING_APPROVAL, "waiting_for": "plan"}
    changed = {"old": "ab" * 32, "new": plan.digest}
    story.tell(EventKind.PLAN_CHANGED, data=changed, plan=plan, **ready)
    story.tell(EventKind.PLAN_READY, data={"digest": plan.digest}, expires_at=clock.time, **ready)
    deliver(notifier)
    assert ["Approve or reject it" in one.text for one in thread_of(face, top_of(face)) if one.broadcast] == [True]
    begun: dict[str, Any] = {"status": RunStatus.RUNNING, "waiting_for": None, "started_at": clock.time}
    approval = Approval(gate="plan", digest=plan.digest, by="U0CY", at=clock.time)
    data = {"gate": "plan", "digest": plan.digest}
    story.tell(EventKind.APPROVAL_GIVEN, actor="U0CY", data=data, approvals=(approval,), **begun)
    deliver(notifier)
    gate = plan.phases[-1].gate or ""
    waits = {"status": RunStatus.AWAITING_APPROVAL, "waiting_for": gate}
    story.tell(EventKind.GATE_OPENED, data={"gate": gate}, **waits)
    deliver(notifier)
    clock.time += 300 * MINUTE
    deliver(notifier_of(face, story, clock=clock, calls_policy_of=lambda _: POLICY))
    loud = [one.text for one in thread_of(face, top_of(face)) if one.broadcast]
    assert [("Approved by <@U0CY>." in text, "needs you" in text) for text in loud] == [(True, False), (False, True)]
    assert len(calls_in(face)) > 1, "those who are called later are called in the thread"


def reminders_in(face: SlackFace) -> list[str]:
    told = (one.text for one in thread_of(face, top_of(face)))
    return [text for text in told if "still waits" in text or "were reminded here" in text]


def passes(face: SlackFace, story: Story, clock: FixedClock, time: timedelta) -> list[str]:
    """Time goes by, and the bot is another process. Gives the reminders."""
    clock.time = story.now = clock.time + time
    policy = POLICY.model_copy(update={"approvers": ("S0APPROVERS",)})
    deliver(notifier_of(face, story, clock=clock, calls_policy_of=lambda _: policy))
    return reminders_in(face)


def test_those_who_may_approve_a_plan_are_reminded_twice_and_not_after_the_decision(
    face: SlackFace, story: Story
) -> None:
    clock = FixedClock()
    story.begin(plan=samples.two_hops())
    waits: dict[str, Any] = {"status": RunStatus.AWAITING_APPROVAL, "waiting_for": "plan"}
    story.tell(EventKind.PLAN_READY, expires_at=clock.time + 24 * HOUR, **waits)
    assert passes(face, story, clock, 11 * HOUR) == []
    (told,) = passes(face, story, clock, HOUR)
    assert told.startswith("⏳ <!subteam^S0APPROVERS> *prod-eu*: the plan still waits for an approval until <!date^")
    assert "then the run is over" in told
    assert len(passes(face, story, clock, 5 * HOUR)) == 1
    assert len(passes(face, story, clock, 2 * HOUR)) == 2
    assert direct(face) == []
    story.tell(EventKind.RUN_SCHEDULED, status=RunStatus.SCHEDULED, waiting_for=None, expires_at=None)
    assert passes(face, story, clock, HOUR) == [REMINDED] * 2


def test_whoever_attends_a_gate_is_called_and_reminded_before_its_deadline(face: SlackFace, story: Story) -> None:
    clock = FixedClock()
    plan = samples.with_terms(samples.two_hops(gate=True), GateTerms(attended="U0CY", within=4 * HOUR))
    gate = next(phase.gate for phase in plan.phases if phase.gate)
    story.begin(plan=plan, started_at=clock.time)
    waits: dict[str, Any] = {
        "status": RunStatus.AWAITING_APPROVAL,
        "waiting_for": gate,
        "expires_at": clock.time + 4 * HOUR,
    }
    story.tell(EventKind.GATE_OPENED, data={"gate": gate or "", "attended": "U0CY"}, **waits)
    assert passes(face, story, clock, HOUR) == []
    (called,) = direct(face, "U0CY")
    assert "needs you: It waits for an approval half-way: Nodes to `1.36`." in called.text
    assert [one.text.split(" *")[0] for one in calls_in(face)] == ["📟 <@U0CY> <@U0BEN>"]
    assert "Approvers: <@U0CY>; not whoever asked" in str(top_of(face).blocks)
    (told,) = passes(face, story, clock, HOUR)
    assert told.startswith("⏳ <@U0CY> <!subteam^S0APPROVERS> *prod-eu*: “")
    assert "then it pauses" in told
    story.tell(EventKind.GATE_PASSED, status=RunStatus.RUNNING, waiting_for=None, expires_at=None)
    assert passes(face, story, clock, 2 * HOUR) == [REMINDED]


def test_who_cannot_be_told_directly_is_called_in_the_thread_and_nothing_waits(face: SlackFace, story: Story) -> None:
    clock = FixedClock()
    notifier = notifier_of(face, story, clock=clock, calls_policy_of=lambda _: POLICY)
    face.faults.fail_next("conversations.open", Fault("error", code="missing_scope"))
    fail(story, clock)
    deliver(notifier)
    assert len(calls_in(face)) == 1
    assert direct(face) == []


def with_a_death(face: SlackFace, dies_at: int) -> int:
    """Call and be answered, dying once at that boundary. Returns how many boundaries there were."""
    count, clock, store = [0], FixedClock(), MemoryStore()
    story = Story(store)

    def born() -> Notifier:
        calls: Any = Mortal(SlackCalls(client_of(face)), ("post", "update", "find", "channel_id"), count, dies_at)
        messages = Mortal(story.store, ("save_message",), count, dies_at)
        return notifier_of(face, story, calls=calls, messages=messages, clock=clock, calls_policy_of=lambda _: POLICY)

    alive = [born()]

    def step() -> None:
        try:
            deliver(alive[0])
        except Died:
            alive[0] = born()
            deliver(alive[0])

    def restart() -> None:
        alive[0] = born()

    live(story, clock, step, restart)
    assert {kind for _, kind, _ in store.rows} >= {CALL, DIRECT}
    return count[0]


@pytest.mark.parametrize("posted", [False, True])
def test_what_was_begun_when_the_bot_died_and_is_over_since_is_kept_true_or_let_go(
    face: SlackFace, posted: bool
) -> None:
    class Dies:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def post(self, *values: Any, payload: dict[str, Any], **named: Any) -> Any:
            if payload["kind"] != CALL:
                return real.post(*values, payload=payload, **named)
            if posted:
                real.post(*values, payload=payload, **named)
            raise Died

    clock, real, store = FixedClock(), SlackCalls(client_of(face)), MemoryStore()
    story, dying = Story(store), cast("SlackCalls", Dies())
    fail(story, clock)
    with pytest.raises(Died):
        deliver(notifier_of(face, story, calls=dying, clock=clock, calls_policy_of=lambda _: POLICY))
    clock.time = story.now = clock.time + MINUTE
    story.tell(EventKind.RUN_FAILED, status=RunStatus.FAILED, finished_at=clock.time)
    deliver(notifier_of(face, story, clock=clock, calls_policy_of=lambda _: POLICY))
    assert ["Over:" in one.text for one in calls_in(face)] == [True] * posted
    last = story.run(story.id).last_seq
    assert not [row for row in store.messages(story.id) if row.shown_seq < last]


def test_a_crash_at_any_boundary_calls_nobody_twice_and_forgets_nobody(make_face: MakeFace) -> None:
    def told(dies_at: int) -> int:
        face = make_face()
        boundaries = with_a_death(face, dies_at)
        assert_called_once_each(face)
        face.stop()
        return boundaries

    for dies_at in range(1, told(0) + 1, 7):
        told(dies_at)
