"""What people see in Slack is what happened: in order, once, and in the end complete. Against the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.notices import Audience
from bot.notifier import Channels
from bot.pacing import Pacing
from bot.slack import SlackCalls
from handlers.ids import Action
from handlers.views.kit import Message as Said
from sandbox.slack import Channel, Fault, Message, RateLimits, SlackFace
from tests.bot.conftest import (
    CHANNELS,
    FixedClock,
    MakeFace,
    MemoryStore,
    Story,
    client_of,
    deliver,
    notifier_of,
    set_for,
    thread_of,
)
from tests.handlers import samples
from tests.patience import wait_for
from upgrade.events import EventKind
from upgrade.ports import StoredMessage
from upgrade.run import RunStatus, StepState, StepStatus

ENTRIES = [
    "<@U0ADA> asked for prod-eu",
    "⛔ Looked",
    "*prod-eu*: plan `abababab` is ready",
    "✅ <@U0BEN> approved the plan",
    "🕒 Starts",
    "🔄 Started",
    "✅ Control plane to `1.35`",
    "prod-eu 1.34 → 1.36: ✅ Done",
]


def top_of(face: SlackFace, channel: str = "ops") -> Message:
    (message,) = [one for one in face.workspace.messages(channel) if one.by_bot and not one.is_reply]
    return message


def assert_the_whole_story(face: SlackFace) -> None:
    """One run message in its last state, one notice in its last state, each entry once and in order."""
    top = top_of(face)
    assert "Done in 1 h" in json.dumps(top.blocks, ensure_ascii=False)
    assert "action_id" not in json.dumps(top.blocks)
    entries = [message.text for message in thread_of(face, top)]
    assert len(entries) == len(ENTRIES), entries
    assert [text[: len(start)] for text, start in zip(entries, ENTRIES, strict=True)] == ENTRIES
    assert "Finished" in top_of(face, "maintenance-notices").text


def test_a_run_is_told_by_one_message_its_thread_and_one_notice(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    story.begin()
    deliver(notifier)
    assert "Checking" in top_of(face).text
    assert [one.text[:7] for one in thread_of(face, top_of(face))] == ["<@U0ADA"]
    assert face.workspace.messages("maintenance-notices") == []
    link = notifier.thread_link(story.id)
    assert link == face.workspace.permalink(top_of(face))
    assert notifier.run_at("C0OPS", top_of(face).ts) == story.id
    assert notifier.run_at("C0OPS", "1.2") is None


def test_the_whole_story_is_told_step_by_step(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    tell = story.tell

    def told(*args: Any, **changes: Any) -> Any:
        run = tell(*args, **changes)
        deliver(notifier)
        return run

    story.tell = told  # type: ignore[method-assign]
    story.whole()
    assert_the_whole_story(face)


def test_a_step_is_one_message_that_is_edited_while_it_runs_also_by_the_next_process(
    face: SlackFace, story: Story
) -> None:
    step, plan = "control-plane@1.35", samples.two_hops()
    story.begin(plan=plan, started_at=samples.NOW)

    def told(kind: EventKind, status: StepStatus, progress: str = "", **data: str) -> list[str]:
        state = StepState(status=status, progress=progress)
        story.tell(kind, step=step, status=RunStatus.RUNNING, steps={step: state}, data=data or None)
        deliver(notifier_of(face, story))
        return [message.text for message in thread_of(face, top_of(face))[1:]]

    assert told(EventKind.STEP_STARTED, StepStatus.FOLLOWING) == ["🔄 Control plane to `1.35`"]
    (message,) = thread_of(face, top_of(face))[1:]
    assert told(EventKind.STEP_PROGRESSED, StepStatus.FOLLOWING, "half of it") == [
        "🔄 Control plane to `1.35`\nhalf of it"
    ]
    failed = told(EventKind.STEP_FAILED, StepStatus.FAILED, code="X", message="it broke")
    assert failed[0] == "❌ Control plane to `1.35`"
    assert any("it broke" in text for text in failed[1:]), "and what an edit would tell nobody is a message of its own"
    again = told(EventKind.STEP_STARTED, StepStatus.FOLLOWING, attempt="2")
    assert (again[0], again[-1]) == (failed[0], "🔄 Control plane to `1.35`")
    ended = told(EventKind.STEP_FINISHED, StepStatus.DONE)
    assert (len(ended), ended[0]) == (len(again), failed[0]), "a new attempt is a new message; the old one stays"
    assert ended[len(again) - 1].startswith("✅ Control plane to `1.35`")
    assert thread_of(face, top_of(face))[1].ts == message.ts


def test_what_happened_while_nobody_delivered_is_told_in_order(face: SlackFace, story: Story) -> None:
    story.begin()
    deliver(notifier_of(face, story))
    story.rest()
    deliver(notifier_of(face, story))
    told = [one.text[:6] for one in thread_of(face, top_of(face))]
    assert told == [start[:6] for start in ENTRIES]
    assert "Done in 1 h" in top_of(face).text
    assert face.workspace.messages("maintenance-notices") == [], "a notice after the end helps nobody"


def test_a_run_that_was_over_before_anybody_looked_is_told_all_the_same(face: SlackFace, story: Story) -> None:
    story.begin()
    story.tell(EventKind.RUN_REJECTED, actor="U0ADA", status=RunStatus.REJECTED, finished_at=samples.NOW)
    deliver(notifier_of(face, story))
    assert "Rejected" in top_of(face).text
    assert len(thread_of(face, top_of(face))) == 2


def test_nothing_new_means_no_call(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    story.whole()
    deliver(notifier)
    calls = len(face.workspace.api_calls)
    deliver(notifier)
    deliver(notifier_of(face, story))
    assert len(face.workspace.api_calls) == calls


def test_a_finished_run_whose_end_was_not_shown_is_shown_after_a_restart(face: SlackFace, story: Story) -> None:
    story.begin()
    deliver(notifier_of(face, story))
    why = "Nobody said when."
    over: dict[str, Any] = {"status": RunStatus.EXPIRED, "finished_at": samples.NOW, "pause_reasons": (why,)}
    story.tell(EventKind.RUN_EXPIRED, data={"reason": why}, **over)
    deliver(notifier_of(face, story))
    assert f"Expired: {why}" in top_of(face).text
    assert thread_of(face, top_of(face))[-1].text.endswith(f"The run is over: {why}")


# -- crashes ----------------------------------------------------------------------------------------------------------


class Died(BaseException):
    """The process is gone."""


class Mortal:
    """Lets a thing die after its Nth call, so before the next one too; `names` are the calls that count."""

    def __init__(self, real: Any, names: tuple[str, ...], count: list[int], dies_at: int) -> None:
        self._real, self._names, self._count, self._dies_at = real, names, count, dies_at

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._real, name)
        if name not in self._names:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            answer = found(*args, **kwargs)
            self._count[0] += 1
            if self._count[0] == self._dies_at:
                raise Died
            return answer

        return call


def tell_and_die(face: SlackFace, story: Story, dies_at: int) -> int:
    """Deliver the whole story, dying once at that boundary and restarting. Returns how many boundaries there were."""
    count = [0]

    def born() -> Any:
        calls = Mortal(SlackCalls(client_of(face)), ("post", "update", "find"), count, dies_at)
        messages = Mortal(story.store, ("save_message",), count, dies_at)
        return notifier_of(face, story, calls=calls, messages=messages)

    alive = [born()]
    tell = story.tell

    def step(action: Callable[[], Any]) -> None:
        action()
        try:
            deliver(alive[0])
        except Died:
            alive[0] = born()
            deliver(alive[0])

    story.tell = lambda *a, **k: step(lambda: tell(*a, **k))  # type: ignore[assignment, method-assign]
    begin = story.begin
    story.begin = lambda **k: step(lambda: begin(**k))  # type: ignore[assignment, method-assign]
    story.whole()
    return count[0]


def test_a_crash_at_any_boundary_loses_no_message_and_doubles_none(make_face: MakeFace) -> None:
    def told(dies_at: int) -> int:
        face = make_face()
        boundaries = tell_and_die(face, Story(MemoryStore()), dies_at)
        assert_the_whole_story(face)
        face.stop()
        return boundaries

    boundaries = told(0)
    assert boundaries > 40
    # Every third here; the campaign kills the real process at each boundary of a whole upgrade.
    for dies_at in range(1, boundaries + 1, 3):
        told(dies_at)


# -- faults -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["reset-after", "reset-before", "server-error", "rate-limited"])
@pytest.mark.parametrize("method", ["chat.postMessage", "chat.update", "conversations.*", "auth.test"])
def test_no_fault_loses_or_doubles_a_message(
    make_face: MakeFace, story: Story, kind: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = make_face()
    notifier = notifier_of(face, story)
    monkeypatch.setattr(notifier, "_out_of_reach", lambda _: 0.0)  # no need to wait for real
    tell = story.tell

    def told(*args: Any, **kwargs: Any) -> Any:
        face.faults.fail_next(method, Fault(kind, seconds=0.01))
        answer = tell(*args, **kwargs)
        deliver(notifier)
        face.faults.clear()
        return answer

    if kind != "rate-limited":
        story.tell = told  # type: ignore[method-assign]
        story.whole()
        assert_the_whole_story(face)
    else:
        face.faults.fail_next(method, Fault(kind, seconds=1))
        story.begin()
        deliver(notifier)
        assert "Checking" in top_of(face).text


def test_what_waits_for_slacks_pace_is_not_put_off_by_a_pass_that_has_nothing_to_do(
    face: SlackFace, story: Story
) -> None:
    notifier = notifier_of(face, story, pacing=Pacing(lambda: 100.0))
    story.begin()
    for _ in range(9):
        story.tell(EventKind.NOTE_ADDED, actor="U0BEN", data={"text": "more than goes out at once"})
    while (paced := notifier.deliver_once()) == 0:
        pass
    assert 0 < paced < 5
    assert 0 < notifier.deliver_once() <= paced


def test_an_outage_is_waited_out_and_told_to_the_engine(face: SlackFace, story: Story) -> None:
    clock = FixedClock()
    woken: list[bool] = []
    notifier = notifier_of(face, story, clock=clock, delivered=lambda: woken.append(True))
    face.set_outage(True)
    story.begin()
    delays = [notifier.deliver_once() for _ in range(8)]
    assert notifier.unreachable_since() == clock.now()
    assert delays == sorted(delays)
    assert delays[-1] == 30.0
    clock.time += timedelta(minutes=9)
    notifier.deliver_once()
    assert notifier.unreachable_since() == clock.now() - timedelta(minutes=9)
    face.set_outage(False)
    deliver(notifier)
    assert notifier.unreachable_since() is None
    assert woken
    assert "Checking" in top_of(face).text


def test_a_revoked_token_is_an_outage_not_a_reason_to_forget(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    face.faults.fail_next("chat.postMessage", Fault("error", code="token_revoked"))
    story.begin()
    notifier.deliver_once()
    assert notifier.unreachable_since() is not None
    deliver(notifier)
    assert "Checking" in top_of(face).text


def test_the_last_state_is_shown_under_slacks_own_limits(make_face: MakeFace) -> None:
    face, story = make_face(rate_limits=RateLimits()), Story(MemoryStore())
    notifier = notifier_of(face, story, pacing=Pacing())
    notifier.start()
    try:
        story.begin()
        plan = samples.two_hops()
        story.tell(EventKind.RUN_STARTED, status=RunStatus.RUNNING, plan=plan, started_at=samples.NOW)
        for number in range(60):
            states = {**samples.half_way(samples.NOW)}
            step = "addon/coredns@v1.13.1-eksbuild.1"
            states[step] = states[step].model_copy(update={"progress": f"{number} of 60"})
            story.tell(EventKind.STEP_PROGRESSED, steps=states)
            notifier.wake()
        story.tell(EventKind.RUN_FAILED, status=RunStatus.FAILED, finished_at=samples.NOW + timedelta(hours=1))
        notifier.wake()
        wait_for(lambda: face.workspace.messages("ops") and "Given up" in top_of(face).text)
    finally:
        notifier.stop()
    edits = [call for call in face.workspace.api_calls if call.method == "chat.update"]
    assert len(edits) < 15, "progress is told in few edits"
    assert not [call for call in face.workspace.api_calls if call.status == 429]


# -- places -----------------------------------------------------------------------------------------------------------


def test_a_public_channel_that_the_bot_is_not_in_is_joined(face: SlackFace, story: Story) -> None:
    story.begin(channel=face.workspace.channel("not-invited").id)
    deliver(notifier_of(face, story))
    assert "Checking" in top_of(face, "not-invited").text


@pytest.mark.parametrize("channel", ["secret", "old"])
def test_where_the_bot_may_not_speak_the_run_is_shown_elsewhere(face: SlackFace, story: Story, channel: str) -> None:
    story.begin(channel=face.workspace.channel(channel).id)
    channels = Channels("#maintenance-notices", operations=None)
    deliver(notifier_of(face, story, channels=channels))
    assert "Checking" in top_of(face, "maintenance-notices").text


def test_the_operations_channel_goes_first_and_takes_command_line_runs(face: SlackFace, story: Story) -> None:
    story.begin(channel=None)
    deliver(notifier_of(face, story, channels=Channels("#maintenance-notices", operations="#ops")))
    assert "Checking" in top_of(face).text


def test_no_notice_is_said_in_the_run_message_and_made_good_when_the_channel_exists(
    make_face: MakeFace, story: Story
) -> None:
    face = make_face(channels=[Channel("ops")])
    notifier = notifier_of(face, story)
    story.begin()
    start_at = samples.NOW + timedelta(minutes=15)
    story.tell(EventKind.RUN_SCHEDULED, status=RunStatus.SCHEDULED, plan=samples.two_hops(), **set_for(start_at))
    for _ in range(6):
        notifier.deliver_once()
    assert not notifier.notice_delivered(story.id)
    assert "cannot be posted in #maintenance-notices: channel_not_found" in json.dumps(top_of(face).blocks)
    face.workspace.add_channel(Channel("maintenance-notices"))
    restarted = notifier_of(face, story)
    deliver(restarted)
    assert restarted.notice_delivered(story.id)
    assert "Starts" in top_of(face, "maintenance-notices").text


def test_the_notice_waits_for_its_lead_time(face: SlackFace, story: Story) -> None:
    clock = FixedClock()
    notifier = notifier_of(face, story, clock=clock)
    story.begin()
    start_at = samples.NOW + timedelta(hours=3)
    story.tell(EventKind.RUN_SCHEDULED, status=RunStatus.SCHEDULED, plan=samples.two_hops(), **set_for(start_at))
    deliver(notifier)
    assert not notifier.notice_delivered(story.id)
    clock.time = start_at - timedelta(minutes=15)
    restarted = notifier_of(face, story, clock=clock)
    deliver(restarted)
    assert restarted.notice_delivered(story.id)


def test_an_approval_that_is_wanted_calls_the_approvers(face: SlackFace, story: Story) -> None:
    channels = Channels("#maintenance-notices", approvers=("S0APPROVERS", "U0BEN"))
    story.begin()
    story.tell(EventKind.PLAN_READY, status=RunStatus.AWAITING_APPROVAL, plan=samples.two_hops(), waiting_for="plan")
    deliver(notifier_of(face, story, channels=channels))
    assert thread_of(face, top_of(face))[-1].text.endswith("<!subteam^S0APPROVERS> <@U0BEN>")


def test_the_run_message_names_the_owner_who_is_in_charge(face: SlackFace, story: Story) -> None:
    story.begin()
    deliver(notifier_of(face, story, channels=CHANNELS, audience_of=lambda _: Audience(owner="S0SHOP1")))
    assert "In charge: <!subteam^S0SHOP1>" in json.dumps(top_of(face).blocks)


def test_a_decision_on_the_command_line_takes_the_buttons_away_and_names_who_took_it(
    face: SlackFace, story: Story
) -> None:
    notifier = notifier_of(face, story, channels=CHANNELS)
    story.begin()
    story.tell(EventKind.PLAN_READY, status=RunStatus.AWAITING_APPROVAL, plan=samples.two_hops(), waiting_for="plan")
    deliver(notifier)
    assert Action.APPROVE in json.dumps(top_of(face).blocks)
    story.tell(EventKind.RUN_REJECTED, actor="cli:ben", status=RunStatus.REJECTED, finished_at=samples.NOW)
    deliver(notifier)
    shown = json.dumps(top_of(face).blocks)
    assert Action.APPROVE not in shown
    assert "rejected by cli:ben" in shown


def test_security_hears_once_of_each_gate_that_somebody_opened_alone(make_face: MakeFace, story: Story) -> None:
    face = make_face(channels=[Channel("ops"), Channel("maintenance-notices"), Channel("security")])
    channels = Channels("#maintenance-notices", security="#security")
    story.begin(plan=samples.two_hops(gate=True))
    story.tell(EventKind.BREAK_GLASS_USED, actor="U0CHI")
    deliver(notifier_of(face, story, channels=channels))
    assert "<@U0CHI> opened “Nodes to 1.36” alone, with 1 of 2 approvals" in top_of(face, "security").text
    story.tell(EventKind.BREAK_GLASS_USED, actor="U0DEV")
    deliver(notifier_of(face, story, channels=channels))
    deliver(notifier_of(face, story, channels=channels))
    assert len(face.workspace.messages("security")) == 2


def test_without_a_security_channel_only_the_thread_hears_of_it(face: SlackFace, story: Story) -> None:
    story.begin(plan=samples.two_hops(gate=True))
    story.tell(EventKind.BREAK_GLASS_USED, actor="U0CHI")
    deliver(notifier_of(face, story, channels=CHANNELS))
    assert "a hole is being used" in thread_of(face, top_of(face))[-1].text


def test_a_message_that_somebody_deleted_is_let_go(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    story.begin()
    deliver(notifier)
    face.workspace.delete(top_of(face))
    story.tell(EventKind.RUN_EXPIRED, status=RunStatus.EXPIRED, finished_at=samples.NOW)
    notifier.deliver_once()
    assert notifier.deliver_once() >= 5


def test_a_whisper_is_for_one_person_and_never_raises(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    notifier.whisper("C0OPS", "U0BEN", Said("only you"))
    assert [one.text for one in face.people.messages("ben", "ops")] == ["only you"]
    assert face.people.messages("ada", "ops") == []
    face.set_outage(True)
    notifier.whisper("C0OPS", "U0BEN", Said("lost"))


def test_a_row_that_was_intended_but_never_posted_is_posted(face: SlackFace, story: Story) -> None:
    story.begin()
    story.store.save_message(StoredMessage(run_id=story.id, kind="run", key="", channel_id="C0OPS"))
    deliver(notifier_of(face, story, channels=CHANNELS))
    assert "Checking" in top_of(face).text


def test_an_edit_that_slack_cannot_read_is_made_as_plain_text(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    story.begin()
    deliver(notifier)
    face.workspace.refused_blocks = frozenset({"section"})
    story.tell(EventKind.RUN_SUCCEEDED, status=RunStatus.SUCCEEDED, finished_at=samples.NOW + timedelta(hours=1))
    deliver(notifier)
    assert top_of(face).text == "prod-eu: Kubernetes 1.34 → 1.36: ✅ Done"
    assert top_of(face).blocks == []
