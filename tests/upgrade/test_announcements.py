"""Who is told what, and when: each lead time once and at its instant, whatever clocks, people and restarts do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upgrade.runs import NOW, V35, following, make_plan, make_run
from upgrade.announcements import (
    Effect,
    NoticeReply,
    NoticeState,
    ReplyKind,
    delivered_late,
    notice_due_at,
    notice_of,
    notice_replies,
)
from upgrade.events import EventKind, UpgradeEvent
from upgrade.plan import BakeStep, Phase, UpgradePolicy
from upgrade.run import RunStatus, UpgradeRun

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEADS = (7 * DAY, DAY, HOUR)
POLICY = UpgradePolicy(remind=LEADS)


class Told:
    """A run and its stream as the store holds them, and a clock that the test moves by hand."""

    def __init__(self, start_at: datetime, now: datetime = NOW, policy: UpgradePolicy = POLICY) -> None:
        self.now = now
        self.run = make_run(RunStatus.SCHEDULED, policy=policy, scheduled_at=now, start_at=None, notice_at=None)
        self.events: list[UpgradeEvent] = []
        self.posts: list[tuple[str, datetime]] = []
        self.tell(EventKind.RUN_SCHEDULED, start_at=start_at)

    def tell(
        self, kind: EventKind, *, actor: str | None = None, data: dict[str, Any] | None = None, **changes: Any
    ) -> None:
        if "start_at" in changes and changes["start_at"] is not None:
            data = {"start_at": changes["start_at"].isoformat()}
        seq = len(self.events) + 1
        event = UpgradeEvent(run_id=self.run.id, seq=seq, at=self.now, kind=kind, actor=actor, data=data or {})
        self.events.append(event)
        self.run = self.run.model_copy(update={**changes, "last_seq": seq})

    def replies(self) -> tuple[NoticeReply, ...]:
        return notice_replies(self.run, self.events)

    def look(self) -> None:
        """What the notifier does in one pass: first the notice, then what is due under it and has no row yet."""
        due_at = notice_due_at(self.run)
        if self.run.notice_at is None and due_at is not None and due_at <= self.now:
            self.tell(EventKind.NOTICE_DELIVERED, notice_at=self.now)
            self.posts.append(("notice", self.now))
        posted = {key for key, _ in self.posts}
        self.posts += [(one.key, self.now) for one in self.replies() if one.due(self.now) and one.key not in posted]

    def live(self, until: datetime, down: Sequence[tuple[datetime, datetime]] = ()) -> None:
        """Look whenever something is due, and right after each time in which the bot was down."""
        while self.now < until:
            asleep = next((end for begin, end in down if begin <= self.now < end), None)
            if asleep is None:
                self.look()
            due_at = notice_due_at(self.run)
            dues = [one.due_at for one in self.replies()] + ([due_at] if due_at else [])
            wakes = [asleep] if asleep else [*dues, *(begin for begin, _ in down)]
            self.now = min([until, *(at for at in wakes if at > self.now)])

    def kinds(self) -> list[tuple[ReplyKind, datetime | None]]:
        return [(one.kind, one.at) for one in self.replies()]


def reminders(told: Told) -> list[datetime]:
    return [at for key, at in told.posts if key.startswith("remind:")]


def test_the_first_lead_time_is_the_notice_and_each_later_one_a_reminder() -> None:
    start = NOW + 30 * DAY
    told = Told(start)
    told.live(start + DAY)
    keys = [f"remind:{lead}@{start.isoformat()}" for lead in ("24h", "1h")]
    assert told.posts == [("notice", start - 7 * DAY), (keys[0], start - DAY), (keys[1], start - HOUR)]


@pytest.mark.parametrize(
    ("ahead", "left"), [(8 * DAY, [DAY, HOUR]), (7 * DAY, [DAY, HOUR]), (3 * HOUR, [HOUR]), (40 * MINUTE, [])]
)
def test_leads_that_are_past_when_the_start_is_set_come_to_one_notice(ahead: timedelta, left: list[timedelta]) -> None:
    start = NOW + ahead
    told = Told(start)
    told.live(start + DAY)
    assert told.posts[0] == ("notice", max(NOW, start - 7 * DAY))
    assert reminders(told) == [start - lead for lead in left]


def test_the_notice_is_never_later_than_the_least_lead_time() -> None:
    start = NOW + 30 * DAY
    short = Told(start, policy=UpgradePolicy(notice=2 * HOUR, remind=(HOUR,)))
    assert notice_due_at(short.run) == start - 2 * HOUR
    week = Told(start).run
    in_time = week.model_copy(update={"notice_at": start - DAY})
    assert not delivered_late(in_time), "six days after the first lead time, and a day before the start"
    assert delivered_late(week.model_copy(update={"notice_at": start - timedelta(minutes=9)}))


def test_a_moved_start_is_announced_again_with_all_its_lead_times() -> None:
    told = Told(NOW + 3 * DAY)
    told.live(NOW + 2 * DAY + HOUR)
    assert reminders(told) == [NOW + 2 * DAY]
    start = NOW + 12 * DAY
    told.tell(EventKind.RUN_RESCHEDULED, start_at=start)
    told.live(start)
    assert [(key.split("@")[0], at) for key, at in told.posts[2:]] == [
        ("event:3", NOW + 2 * DAY + HOUR),
        ("remind:168h", start - 7 * DAY),
        ("remind:24h", start - DAY),
        ("remind:1h", start - HOUR),
    ]


def test_a_start_that_moves_before_anybody_heard_of_it_is_not_told_as_moved() -> None:
    told = Told(NOW + 30 * DAY)
    told.tell(EventKind.RUN_RESCHEDULED, start_at=NOW + 20 * DAY)
    told.live(NOW + 20 * DAY)
    assert [key.split("@")[0] for key, _ in told.posts] == ["notice", "remind:24h", "remind:1h"]


def test_a_changed_plan_postpones_and_its_new_start_is_told_even_when_it_is_the_old_one() -> None:
    start = NOW + 3 * DAY
    told = Told(start)
    told.look()
    told.tell(EventKind.PLAN_CHANGED, status=RunStatus.AWAITING_APPROVAL, start_at=None, notice_at=None)
    told.tell(EventKind.RUN_BLOCKED)
    assert told.kinds() == [(ReplyKind.POSTPONED, NOW)], "and no reminder of a start that is not set"
    told.now += 3 * HOUR
    told.tell(EventKind.RUN_SCHEDULED, status=RunStatus.SCHEDULED, start_at=start)
    assert [kind for kind, _ in told.kinds()] == [ReplyKind.POSTPONED, ReplyKind.MOVED, *[ReplyKind.REMINDER] * 2]
    told.look()
    assert [key for key, _ in told.posts][-1] == "event:5", "what is overtaken is not told any more"


def test_a_wish_for_another_start_is_told_once_it_is_set() -> None:
    wish = NOW + 9 * DAY
    told = Told(NOW + 3 * DAY)
    told.look()
    told.tell(EventKind.PLAN_READY, status=RunStatus.AWAITING_APPROVAL, start_at=None)
    told.tell(EventKind.RUN_RESCHEDULED, actor="U0ADA", data={"start_at": wish.isoformat()})
    assert told.kinds() == [(ReplyKind.POSTPONED, NOW)]
    told.tell(EventKind.RUN_SCHEDULED, status=RunStatus.SCHEDULED, start_at=wish)
    assert told.kinds()[1] == (ReplyKind.MOVED, wish)
    told.tell(EventKind.START_MISSED, missed_start=True)
    told.tell(EventKind.RUN_RESCHEDULED, actor="U0ADA", start_at=wish + DAY, missed_start=False)
    assert told.kinds()[2:4] == [(ReplyKind.POSTPONED, NOW), (ReplyKind.MOVED, wish + DAY)]


def test_what_happens_is_told_once_and_pauses_and_closed_windows_as_one_rest() -> None:
    opens = NOW + DAY
    told = Told(NOW + 15 * MINUTE)
    told.look()
    told.now = NOW + 15 * MINUTE
    for kind, data in [
        (EventKind.RUN_STARTED, {}),
        (EventKind.PAUSE_REQUESTED, {}),
        (EventKind.RUN_PAUSED, {}),
        (EventKind.WINDOW_CLOSED, {"opens_at": opens.isoformat()}),
        (EventKind.RUN_RESUMED, {}),
        (EventKind.WINDOW_OPENED, {}),
        (EventKind.WINDOW_CLOSED, {"opens_at": opens.isoformat()}),
        (EventKind.WINDOW_OPENED, {}),
        (EventKind.RUN_ABORTED, {}),
    ]:
        told.tell(kind, data=data, status=RunStatus.RUNNING, started_at=told.now)
    at = told.now
    assert told.kinds() == [
        (ReplyKind.STARTED, at),
        (ReplyKind.PAUSED, None),
        (ReplyKind.RESUMED, at),
        (ReplyKind.PAUSED, opens),
        (ReplyKind.RESUMED, at),
        (ReplyKind.STOPPED, at),
    ]


@pytest.mark.parametrize("kind", [EventKind.RUN_ABORTED, EventKind.RUN_EXPIRED, EventKind.RUN_REJECTED])
def test_what_ends_before_it_begins_is_called_off_if_anybody_was_told(kind: EventKind) -> None:
    told = Told(NOW + 3 * DAY)
    told.tell(kind, status=RunStatus.ABORTED)
    assert told.replies() == ()
    told = Told(NOW + 3 * DAY)
    told.look()
    told.tell(kind, status=RunStatus.ABORTED)
    assert told.kinds() == [(ReplyKind.CALLED_OFF, NOW)]


@pytest.mark.parametrize(
    "changes", [{"missed_start": True}, {"status": RunStatus.BLOCKED}, {"intent": "pause"}, {"intent": "abort"}]
)
def test_nobody_is_reminded_of_what_will_not_begin(changes: dict[str, Any]) -> None:
    told = Told(NOW + 3 * DAY)
    told.look()
    assert len(told.replies()) == 2
    told.run = UpgradeRun.model_validate({**told.run.model_dump(), **changes})
    assert told.replies() == ()


def test_the_notice_tells_effects_and_rests_of_the_plan_and_stays_when_a_changed_plan_forgot_its_start() -> None:
    rest = BakeStep(version=V35, lasts=DAY)
    bake = Phase(id="bake@1.35", kind="bake", title="Watch", steps=(rest,))
    plan = make_plan(phases=(*make_plan().phases, bake))
    run = make_run(RunStatus.AWAITING_APPROVAL, plan=plan)
    assert notice_of(run) is None
    notice = notice_of(run, announced=True)
    assert notice is not None
    assert (notice.state, notice.effects, notice.rests) == (NoticeState.POSTPONED, tuple(Effect), (rest,))
    addons = make_plan(phases=tuple(one for one in make_plan().phases if one.kind in ("announce", "add-ons")))
    only = notice_of(make_run(RunStatus.SCHEDULED, plan=addons))
    assert only is not None
    assert only.effects == (Effect.ADDONS,)


def test_a_run_that_rests_stands_still_in_its_notice_too_and_says_when_it_goes_on() -> None:
    rest = BakeStep(version=V35, lasts=DAY)
    bake = Phase(id="bake@1.35", kind="bake", title="Watch", steps=(rest,))
    plan = make_plan(phases=(*make_plan().phases, bake))
    policy = UpgradePolicy(windows=("wed 11:00 for 2h",))  # the bake is over an hour before it
    baking = make_run(RunStatus.RUNNING, plan=plan, policy=policy, steps={rest.id: following()})
    closed = make_run(RunStatus.RUNNING, holds=("window",), window_opens_at=NOW + HOUR)
    gate = make_run(RunStatus.AWAITING_APPROVAL, waiting_for="nodes", scheduled_at=NOW, started_at=NOW)
    runs = (baking, closed, make_run(RunStatus.RUNNING), make_run(RunStatus.PAUSED), gate)
    told = [notice_of(run) for run in runs]
    assert [(one.state, one.goes_on_at) for one in told if one] == [
        (NoticeState.PAUSED, NOW + DAY + HOUR),
        (NoticeState.PAUSED, NOW + HOUR),
        (NoticeState.STARTED, None),
        (NoticeState.PAUSED, None),
        (NoticeState.PAUSED, None),
    ]


# -- a year of clocks, moves and restarts -----------------------------------------------------------------------------

ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Shanghai")]
#: Minutes of a year, as its clocks would show them in each zone; those of the changes are drawn often.
CHANGES = ["2026-03-29T02:30", "2026-10-25T02:30", "2026-11-01T01:30", "2027-03-14T02:30", "2026-04-05T01:45"]
READINGS = st.integers(0, 525_600).map(lambda minute: NOW + minute * MINUTE) | st.sampled_from(CHANGES).map(
    lambda reading: datetime.fromisoformat(reading).replace(tzinfo=UTC) + 2 * DAY
)
SPANS = st.timedeltas(MINUTE, 20 * DAY)
#: How long before the start the bot goes down or comes back: before, between and after the lead times.
AHEAD = st.sampled_from([10 * DAY, 2 * DAY, DAY, 90 * MINUTE, HOUR, 30 * MINUTE]) | SPANS
UP_TO_3 = st.integers(0, 3)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_lead_time_is_told_once_and_at_its_instant(data: st.DataObject) -> None:
    """The oracle: after each setting of the start, a lead that lies ahead is told at start - lead, or right after the
    bot is back, unless the next lead or the start has come by then."""
    zone = data.draw(st.sampled_from(ZONES))
    start = data.draw(READINGS).replace(tzinfo=zone)
    told = Told(start, now=start.astimezone(UTC) - data.draw(SPANS))
    for _ in range(data.draw(st.integers(1, 3))):
        before = len(told.posts)
        ends = [sorted(start.astimezone(UTC) - data.draw(AHEAD) for _ in range(2)) for _ in range(data.draw(UP_TO_3))]
        down = sorted((begin, end) for begin, end in ends)
        begun, announced = told.now, told.run.notice_at is not None
        until = start.astimezone(UTC) - data.draw(st.just(timedelta(0)) | SPANS)
        told.live(max(until, begun), down)
        new = told.posts[before:]
        delivered = [at for key, at in new if key == "notice"]
        assert len(delivered) <= 1 - announced
        heard_at = begun if announced else (delivered[0] if delivered else None)
        posted = [(key.split("@")[0], at) for key, at in new if key.startswith("remind:")]
        assert posted == expected(start.astimezone(UTC), heard_at, told.now, down)
        start = (told.now + data.draw(SPANS)).astimezone(zone)
        told.tell(EventKind.RUN_RESCHEDULED, start_at=start)
    assert len({key for key, _ in told.posts}) == len(told.posts)


def expected(
    start: datetime, heard_at: datetime | None, until: datetime, down: Sequence[tuple[datetime, datetime]]
) -> list[tuple[str, datetime]]:
    if heard_at is None:
        return []
    found = []
    for name, lead, after in (("168h", 7 * DAY, DAY), ("24h", DAY, HOUR), ("1h", HOUR, timedelta(0))):
        at = start - lead
        while back := [end for begin, end in down if begin <= at < end]:
            at = max(back)
        if start - lead > heard_at and at < start - after and at < until:
            found.append((f"remind:{name}", at))
    return found
