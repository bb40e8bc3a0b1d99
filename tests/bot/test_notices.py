"""What everybody hears of maintenances: in time, in order, once, and true to the end. Against the simulator."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.notices import REPLY, Audience
from bot.notifier import Notifier
from bot.slack import SlackCalls
from sandbox.slack import Channel, Message, SlackFace
from tests.bot.conftest import (
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
from tests.bot.test_notifier import Died, Mortal
from tests.handlers import samples
from upgrade.events import EventKind
from upgrade.plan import UpgradePolicy
from upgrade.ports import StoredMessage
from upgrade.run import RunStatus

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
START = samples.NOW + 3 * DAY
POLICY = UpgradePolicy(remind=(7 * DAY, DAY, HOUR))
TOLD = ["🕒 Reminder", "🕒 New start", "🕒 Reminder", "🕒 Reminder", "🔄 The maintenance", "✅ The maintenance"]


def notices_in(face: SlackFace, channel: str = "maintenance-notices") -> list[Message]:
    return [one for one in face.workspace.messages(channel) if one.by_bot and not one.is_reply]


def announce(story: Story, start_at: datetime = START, **values: Any) -> None:
    story.begin(policy=POLICY, plan=samples.two_hops(), **values)
    story.tell(EventKind.RUN_SCHEDULED, status=RunStatus.SCHEDULED, data=_at(start_at), **set_for(start_at))


def _at(start_at: datetime) -> dict[str, str]:
    return {"start_at": start_at.isoformat()}


def delivered(notifier: Notifier, story: Story) -> None:
    """What the engine does once it sees that the notice is there."""
    deliver(notifier)
    assert notifier.notice_delivered(story.id)
    story.tell(EventKind.NOTICE_DELIVERED, notice_at=story.now, data={"notice": "planned"})
    deliver(notifier)


class Days:
    """A maintenance from its notice to its end.

    ``step`` is called after each thing that happened, ``restart`` before one that only time brings: the notifier waits
    for that in real time.
    """

    def __init__(self, story: Story, clock: FixedClock, step: Callable[[], None], restart: Callable[[], None]) -> None:
        self.story, self.clock, self.step, self.restart = story, clock, step, restart

    def tell(self, kind: EventKind, at: datetime, **changes: Any) -> None:
        self.clock.time = self.story.now = at
        self.story.tell(kind, **changes)
        self.step()

    def wait(self, until: datetime) -> None:
        self.clock.time = self.story.now = until
        self.restart()
        self.step()

    def live(self) -> None:
        moved = START + DAY
        announce(self.story)
        self.step()
        self.tell(EventKind.NOTICE_DELIVERED, samples.NOW, notice_at=samples.NOW, data={"notice": "planned"})
        self.wait(START - DAY)
        self.tell(EventKind.RUN_RESCHEDULED, START - 20 * HOUR, start_at=moved, data=_at(moved))
        self.wait(moved - DAY)
        self.wait(moved - HOUR)
        self.tell(EventKind.RUN_STARTED, moved, status=RunStatus.RUNNING, started_at=moved)
        self.tell(EventKind.RUN_SUCCEEDED, moved + HOUR, status=RunStatus.SUCCEEDED, finished_at=moved + HOUR)


def assert_all_told(face: SlackFace, channel: str = "maintenance-notices") -> None:
    (notice,) = notices_in(face, channel)
    assert "Finished" in notice.text
    replies = thread_of(face, notice)
    assert [one.text[: len(start)] for one, start in zip(replies, TOLD, strict=True)] == TOLD
    assert [one.broadcast for one in replies] == [start == "🕒 New start" for start in TOLD]


def days_with_a_death(face: SlackFace, dies_at: int) -> int:
    """Deliver it all, dying once at that boundary and restarting. Returns how many boundaries there were."""
    count, clock, story = [0], FixedClock(), Story(MemoryStore())

    def born() -> Notifier:
        calls = Mortal(SlackCalls(client_of(face)), ("post", "update", "find"), count, dies_at)
        messages = Mortal(story.store, ("save_message",), count, dies_at)
        owners = Audience(channels=("#team-shop",))
        return notifier_of(face, story, calls=calls, messages=messages, clock=clock, audience_of=lambda _: owners)

    alive = [born()]

    def step() -> None:
        try:
            deliver(alive[0])
        except Died:
            alive[0] = born()
            deliver(alive[0])

    def restart() -> None:
        alive[0] = born()

    Days(story, clock, step, restart).live()
    return count[0]


def test_a_crash_at_any_boundary_loses_no_reply_and_doubles_none(make_face: MakeFace) -> None:
    def told(dies_at: int) -> int:
        face = make_face(channels=[Channel("ops"), Channel("maintenance-notices"), Channel("team-shop")])
        boundaries = days_with_a_death(face, dies_at)
        assert_all_told(face)
        assert_all_told(face, "team-shop")
        face.stop()
        return boundaries

    boundaries = told(0)
    for dies_at in range(1, boundaries + 1, 7):
        told(dies_at)


def test_what_came_too_late_is_not_told_and_a_call_off_is_told_to_the_channel(face: SlackFace, story: Story) -> None:
    clock = FixedClock()
    announce(story)
    delivered(notifier_of(face, story, clock=clock), story)
    clock.time = story.now = START - timedelta(minutes=30)
    notifier = notifier_of(face, story, clock=clock)
    deliver(notifier)
    (notice,) = notices_in(face)
    assert [one.text.split(":")[0] for one in thread_of(face, notice)] == ["🕒 Reminder"], "one for two"
    story.tell(EventKind.RUN_ABORTED, status=RunStatus.ABORTED, finished_at=clock.time)
    deliver(notifier)
    last = thread_of(face, notice)[-1]
    assert (last.text.split(":")[0], last.broadcast) == ("⏹️ Called off", True)
    assert "Called off" in notices_in(face)[0].text


def test_a_reminder_begun_by_a_bot_that_died_and_overtaken_since_is_let_go(face: SlackFace, story: Story) -> None:
    clock = FixedClock()
    announce(story)
    delivered(notifier_of(face, story, clock=clock), story)
    clock.time = story.now = START - timedelta(minutes=30)
    begun = f"remind:24h@{START.astimezone(UTC).isoformat()}"
    (notice,) = notices_in(face)
    story.store.save_message(StoredMessage(run_id=story.id, kind=REPLY, key=begun, channel_id=notice.channel))
    deliver(notifier_of(face, story, clock=clock))
    assert [one.text.split(":")[0] for one in thread_of(face, notice)] == ["🕒 Reminder"]
    assert not [row for row in story.store.messages(story.id) if row.kind == REPLY and row.shown_seq == 0]


def test_a_start_that_was_moved_is_not_announced_before_people_were_told_of_it(face: SlackFace, story: Story) -> None:
    notifier, earlier = notifier_of(face, story), START - DAY
    announce(story)
    delivered(notifier, story)
    story.tell(EventKind.RUN_RESCHEDULED, start_at=earlier, notice_at=None, data=_at(earlier))
    assert not notifier.notice_delivered(story.id), "the notice is there, and says another start"
    deliver(notifier)
    assert notifier.notice_delivered(story.id)
    assert [one.broadcast for one in thread_of(face, notices_in(face)[0])] == [True]


def test_a_changed_plan_is_told_although_the_run_forgot_its_start(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story)
    announce(story)
    delivered(notifier, story)
    forgot = {"scheduled_at": None, "start_at": None, "notice_at": None}
    story.tell(EventKind.PLAN_CHANGED, status=RunStatus.AWAITING_APPROVAL, waiting_for="plan", **forgot)
    deliver(notifier)
    assert "Postponed" in notices_in(face)[0].text
    assert "Postponed" in thread_of(face, notices_in(face)[0])[-1].text


def test_owners_read_a_copy_and_one_that_cannot_be_posted_is_shown_but_holds_nothing(
    make_face: MakeFace, story: Story
) -> None:
    face = make_face(channels=[Channel("ops"), Channel("maintenance-notices"), Channel("team-shop")])
    told = Audience(owner="shop", channels=("#team-shop", "#nowhere"), mention_here=True)
    notifier = notifier_of(face, story, audience_of=lambda _: told)
    announce(story)
    delivered(notifier, story)
    assert notices_in(face)[0].text.startswith("<!here> Maintenance")
    assert notices_in(face, "team-shop")[0].text.startswith("Maintenance")
    (top,) = notices_in(face, "ops")
    assert "cannot be posted in #nowhere" in json.dumps(top.blocks)
    story.tell(EventKind.RUN_ABORTED, status=RunStatus.ABORTED, finished_at=samples.NOW)
    deliver(notifier)
    for channel in ("maintenance-notices", "team-shop"):
        (notice,) = notices_in(face, channel)
        assert "Called off" in notice.text
        assert [(one.text[:14], one.broadcast) for one in thread_of(face, notice)] == [("⏹️ Called off:", True)]
    assert story.store.untold() == (), "a finished run is left in peace"


# -- maintenances of one environment and day --------------------------------------------------------------------------


def test_one_day_of_an_environment_is_told_in_one_thread(face: SlackFace, story: Story) -> None:
    clock, later = FixedClock(), START + 5 * HOUR
    notifier = notifier_of(face, story, clock=clock, audience_of=lambda _: Audience(environment="production"))
    second, other_day = Story(story.store, id="r-second"), Story(story.store, id="r-third")
    announce(story)
    delivered(notifier, story)
    announce(second, later)
    delivered(notifier, second)
    announce(other_day, START + 2 * DAY)
    delivered(notifier, other_day)
    first, third = notices_in(face)
    (reply,) = thread_of(face, first)
    assert not reply.broadcast
    assert "also announced here" in json.dumps(first.blocks).lower()
    assert f"!date^{int(later.timestamp())}" in json.dumps(first.blocks)
    assert "also announced here" not in json.dumps(third.blocks).lower()

    moved = START + 4 * DAY
    second.tell(EventKind.RUN_RESCHEDULED, data=_at(moved), start_at=moved)
    deliver(notifier)
    first = notices_in(face)[0]
    assert f"!date^{int(moved.timestamp())}" in json.dumps(first.blocks), (
        "the list is true although nothing moved the first"
    )
    assert [one.broadcast for one in thread_of(face, first)] == [False, True]

    story.tell(EventKind.RUN_ABORTED, status=RunStatus.ABORTED, finished_at=samples.NOW)
    deliver(notifier)
    restarted = notifier_of(face, story, clock=clock, audience_of=lambda _: Audience(environment="production"))
    second.tell(EventKind.RUN_ABORTED, status=RunStatus.ABORTED, finished_at=samples.NOW)
    deliver(restarted)
    first = notices_in(face)[0]
    assert "Called off" in first.text
    assert "also announced here" not in json.dumps(first.blocks).lower(), "its own run is over, and it is kept true"
    assert "Called off" in thread_of(face, first)[0].text


def test_where_the_first_notice_was_deleted_the_second_stands_alone(face: SlackFace, story: Story) -> None:
    notifier = notifier_of(face, story, audience_of=lambda _: Audience(environment="production"))
    announce(story)
    delivered(notifier, story)
    face.workspace.delete(notices_in(face)[0])
    second = Story(story.store, id="r-second")
    announce(second)
    notifier = notifier_of(face, story, audience_of=lambda _: Audience(environment="production"))
    for _ in range(12):
        notifier.deliver_once()
    restarted = notifier_of(face, story, audience_of=lambda _: Audience(environment="production"))
    for _ in range(12):
        restarted.deliver_once()
    assert restarted.notice_delivered(second.id)
    assert len(notices_in(face)) == 1
