"""Starts of whole runs on fakes: whatever goes down and jumps, across summer time, and who may move and lift."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.upgrade.fakes import ManualClock, small_cluster
from tests.upgrade.snapshots import TAKEN_AT, default_addon
from tests.upgrade.story import POLICY, Story
from upgrade.engine.course import LOOKS_AHEAD, START_GRACE
from upgrade.errors import NotNow, TemporaryError
from upgrade.events import EventKind
from upgrade.freeze import Freeze
from upgrade.plan import UpgradePolicy
from upgrade.run import RunStatus, UpgradeRun
from upgrade.service import ConfiguredCluster
from upgrade.versions import AddonVersion

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Two days before the clocks change, and the zone in which they do.
CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 27, 9, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 23, 9, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 3, 6, 9, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 10, 30, 9, tzinfo=UTC)),
]
#: Readings of the night in which they do.
WINDOWS = ("sun 00:30-01:30", "sun 02:00-04:00", "sat 23:00-06:00")


def a_story(folder: Path, policy: UpgradePolicy = POLICY, now: datetime = TAKEN_AT, zone: str = "UTC") -> Story:
    clock = ManualClock(now)
    tale = Story(folder, clock, small_cluster(clock), policy=policy)
    configure(tale, policy, time_zone=zone)
    return tale


def configure(tale: Story, policy: UpgradePolicy, **more: str) -> None:
    """The bot is started again with another configuration."""
    tale.configured = ConfiguredCluster(id=tale.configured.id, policy=policy, **{"time_zone": "UTC", **more})
    tale.awake()


def ask_for_start(tale: Story, start_at: datetime | None) -> UpgradeRun:
    """Asked for, checked, approved: scheduled."""
    request = tale.request("1.35")
    tale.run_id = tale.service.start(request, actor="U-ASKS", channel="C-OPS", start_at=start_at).id
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    return tale.once()


def stay_awake(tale: Story, until: datetime) -> None:
    """Do what is due until then, or until it has begun."""
    while tale.clock.now() < until and tale.run.status is not RunStatus.RUNNING:
        due = tale.once().next_due_at
        tale.clock.time = until if due is None else min(until, max(due, tale.clock.now()))
    if tale.run.status is not RunStatus.RUNNING:
        tale.once()


def spring_sale(starts_at: datetime, lasts: timedelta, *lifters: str) -> Freeze:
    return Freeze(name="sale", starts_at=starts_at, ends_at=starts_at + lasts, reason="a sale", lifters=lifters)


# -- whatever happens -------------------------------------------------------------------------------------------------

NIGHTS = st.lists(
    st.tuples(st.sampled_from(["awake", "awake", "restart", "down", "jump"]), st.integers(1, 16 * 60)), max_size=8
)


@settings(max_examples=25)
@given(change=st.sampled_from(CHANGES), window=st.sampled_from(WINDOWS), nights=NIGHTS)
def test_a_start_fires_once_in_its_window_and_never_late_and_looks_ahead_once_each(
    change: tuple[str, datetime], window: str, nights: list[tuple[str, int]]
) -> None:
    zone, friday = change
    with tempfile.TemporaryDirectory() as folder:
        tale = a_story(Path(folder), UpgradePolicy(windows=(window,)), friday, zone)
        start_at = tale.service.next_window(tale.configured.id)
        assert start_at is not None
        run = ask_for_start(tale, start_at)
        assert run.start_at == start_at
        scheduled_at = tale.clock.now()
        slept: list[tuple[datetime, datetime]] = []
        for what, minutes in nights:
            until = tale.clock.now() + timedelta(minutes=minutes)
            if what in ("awake", "restart"):
                stay_awake(tale, until)
            else:
                slept.append((tale.clock.now(), until))
                tale.clock.time = until
            if what in ("restart", "down"):
                tale.restart()
        stay_awake(tale, max(tale.clock.now(), start_at + HOUR))
        judge(tale, start_at, scheduled_at, slept)
        tale.store.close()


def judge(tale: Story, start_at: datetime, scheduled_at: datetime, slept: list[tuple[datetime, datetime]]) -> None:
    def slept_over(at: datetime) -> bool:
        return any(since <= at < until for since, until in slept)

    started, missed = tale.of(EventKind.RUN_STARTED), tale.of(EventKind.START_MISSED)
    awake_at = next((until for since, until in slept if since <= start_at < until), start_at)
    while slept_over(awake_at):
        awake_at = next(until for since, until in slept if since <= awake_at < until)
    if awake_at <= start_at + START_GRACE:
        assert (len(started), missed) == (1, [])
        assert started[0].at == awake_at
    else:
        assert (started, len(missed)) == ([], 1)
    looks = [event for event in tale.of(EventKind.CHECKS_FINISHED) if "ahead" in event.data]
    due = [start_at - lead for lead in LOOKS_AHEAD if start_at - lead > scheduled_at]
    assert len(looks) <= len(due)
    for at in due:
        if not slept_over(at):
            assert at in [look.at for look in looks]
    assert all(look.at < start_at for look in looks)


@pytest.mark.parametrize(("zone", "friday"), CHANGES)
def test_a_day_ahead_is_twenty_four_hours_although_the_clock_shows_others(
    tmp_path: Path, zone: str, friday: datetime
) -> None:
    tale = a_story(tmp_path, UpgradePolicy(windows=("sun 12:00-14:00",)), friday, zone)
    run = ask_for_start(tale, tale.service.next_window(tale.configured.id))
    assert run.start_at is not None
    assert run.start_at.astimezone(ZoneInfo(zone)).hour == 12
    stay_awake(tale, run.start_at + HOUR)
    looks = [event.at for event in tale.of(EventKind.CHECKS_FINISHED) if "ahead" in event.data]
    assert looks == [run.start_at - DAY, run.start_at - 2 * HOUR]
    assert looks[0].astimezone(ZoneInfo(zone)).hour != 12


# -- looks ahead ------------------------------------------------------------------------------------------------------


def change_cluster(tale: Story) -> None:
    """Somebody updates an add-on by hand, so that the plan needs one step less."""
    tale.cluster.change_addon("coredns", version=AddonVersion(default_addon("coredns", "1.35")))


def test_what_changed_is_told_a_day_ahead_and_the_start_stands(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    start_at = tale.clock.now() + 2 * DAY
    ask_for_start(tale, start_at)
    change_cluster(tale)
    run = tale.until(RunStatus.AWAITING_APPROVAL)
    assert tale.clock.now() == start_at - DAY
    [changed] = tale.of(EventKind.PLAN_CHANGED)
    assert any(step.startswith("addon/coredns") for step in changed.data["dropped"])
    assert run.wanted_at == start_at
    tale.clock.pass_(hours=9)
    tale.approve()
    tale.until(RunStatus.RUNNING)
    assert tale.clock.now() == start_at


def test_a_look_ahead_never_takes_the_place_of_the_run_that_holds_the_cluster(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    start_at = tale.clock.now() + 2 * DAY
    waits = ask_for_start(tale, start_at).id
    tale.clock.time = start_at - DAY - HOUR
    holds = tale.start("1.35").id
    tale.until(RunStatus.AWAITING_APPROVAL)
    change_cluster(tale)
    tale.run_id = waits
    stay_awake(tale, start_at - DAY)
    assert (tale.run.status, tale.run.start_at) == (RunStatus.SCHEDULED, start_at)
    [warning] = tale.of(EventKind.WARNING_RAISED)
    assert holds in warning.data["text"]
    assert not tale.of(EventKind.PLAN_CHANGED)


def test_an_error_ahead_of_the_start_is_retried_and_costs_no_approval(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    start_at = tale.clock.now() + 2 * DAY
    ask_for_start(tale, start_at)
    tale.cluster.raises["describe_cluster"] = [TemporaryError("throttled") for _ in range(3)]
    stay_awake(tale, start_at - DAY + HOUR)
    assert not tale.of(EventKind.WARNING_RAISED)
    assert [event.data.get("ahead") for event in tale.of(EventKind.CHECKS_FINISHED)] == [None, 24]
    tale.until(RunStatus.RUNNING)
    assert tale.clock.now() == start_at


# -- freezes ----------------------------------------------------------------------------------------------------------


def frozen_run(tale: Story) -> None:
    """Under way when the bot comes back with a freeze that holds for two days."""
    tale.to_running("1.35")
    freeze = spring_sale(tale.clock.now(), 2 * DAY, "U-LIFTS", "S-LIFTERS")
    configure(tale, POLICY.model_copy(update={"freezes": (freeze,)}))
    tale.worker.restarted(tale.run_id)
    tale.once()


def test_a_freeze_holds_a_run_under_way_and_says_why_until_it_ends(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    frozen_run(tale)
    [closed] = tale.of(EventKind.WINDOW_CLOSED)
    assert closed.data["reason"] == "sale: a sale"
    tale.until(RunStatus.SUCCEEDED, within=3 * DAY)
    control_plane, addon, *_ = tale.cluster.updates
    assert control_plane.update.created_at == closed.at  # it was under way, and is followed
    assert addon.update.created_at == closed.at + 2 * DAY


@pytest.mark.parametrize("actor", ["U-LIFTS", "U-IN-GROUP", "U-ADMIN"])
def test_those_whom_the_freeze_names_and_admins_may_lift_it(tmp_path: Path, actor: str) -> None:
    tale = a_story(tmp_path)
    tale.access.groups = {"S-LIFTERS": {"U-IN-GROUP"}}
    tale.access.refused = {(one, "lift"): "not an admin" for one in ("U-LIFTS", "U-IN-GROUP")}
    frozen_run(tale)
    tale.ask("lift", actor, freeze="sale", reason="It must be.")
    tale.once()
    assert [event.actor for event in tale.of(EventKind.FREEZE_LIFTED)] == [actor]
    assert tale.of(EventKind.WINDOW_OPENED)
    tale.until(RunStatus.SUCCEEDED)


def test_nobody_else_may_lift_it(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    tale.access.refused = {("U-OPERATES", "lift"): "not an admin"}
    frozen_run(tale)
    tale.ask("lift", freeze="sale", reason="I like to.")
    run = tale.once()
    assert run.lifts == ()
    [refused] = tale.of(EventKind.REQUEST_REFUSED)
    assert refused.data["reason"] == "Only the people that the freeze names, and admins, may lift it."


@pytest.mark.parametrize(("freeze", "reason"), [("other", "It must be."), ("sale", " ")])
def test_a_lift_needs_a_freeze_that_holds_and_a_reason(tmp_path: Path, freeze: str, reason: str) -> None:
    tale = a_story(tmp_path)
    frozen_run(tale)
    with pytest.raises(NotNow):
        tale.ask("lift", freeze=freeze, reason=reason)
    assert tale.store.inbox(tale.run_id) == ()


# -- the door ---------------------------------------------------------------------------------------------------------

NIGHTLY = UpgradePolicy(windows=("daily 22:00-23:00",), notice=HOUR)


@pytest.mark.parametrize(
    ("start_at", "says"),
    [
        (TAKEN_AT, "is over"),
        (TAKEN_AT + 91 * DAY, "more than 90 days"),
        (TAKEN_AT + HOUR, "The next opening is Tue 2026-11-03 22:00 UTC"),
    ],
)
def test_a_start_that_cannot_be_is_refused_with_the_next_move(tmp_path: Path, start_at: datetime, says: str) -> None:
    tale = a_story(tmp_path, NIGHTLY)
    with pytest.raises(NotNow) as caught:
        tale.service.start(tale.request("1.35"), actor="U-ASKS", channel=None, start_at=start_at)
    assert says in str(caught.value)
    assert tale.service.status() == ()
    ask_for_start(tale, None)
    with pytest.raises(NotNow) as caught:
        tale.ask("reschedule", start_at=start_at)
    assert says in str(caught.value)
    assert tale.store.inbox(tale.run_id) == ()


def test_a_start_in_a_freeze_is_refused_with_its_name(tmp_path: Path) -> None:
    policy = POLICY.model_copy(update={"freezes": (spring_sale(TAKEN_AT, DAY),)})
    with pytest.raises(NotNow, match=r"the freeze “sale” holds \(a sale\)"):
        a_story(tmp_path, policy).service.start(
            a_story(tmp_path).request("1.35"), actor="U-ASKS", channel=None, start_at=TAKEN_AT + HOUR
        )


def test_a_wish_is_told_and_kept_in_utc(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    berlin = datetime(2026, 11, 5, 22, tzinfo=ZoneInfo("Europe/Berlin"))
    run = tale.service.start(tale.request("1.35"), actor="U-ASKS", channel=None, start_at=berlin)
    assert run.wanted_at == datetime(2026, 11, 5, 21, tzinfo=UTC)
    assert tale.service.events(run.id)[0].data["start_at"] == "2026-11-05T21:00:00+00:00"


def test_the_next_window_is_an_opening_that_leaves_time_for_the_notice(tmp_path: Path) -> None:
    tale = a_story(tmp_path, NIGHTLY)
    cluster, opening = tale.configured.id, TAKEN_AT.replace(hour=22)
    assert tale.service.next_window(cluster) == opening
    tale.clock.time = opening - HOUR
    assert tale.service.next_window(cluster) == opening
    tale.clock.pass_(seconds=1)
    assert tale.service.next_window(cluster) == opening + DAY
    configure(tale, NIGHTLY.model_copy(update={"freezes": (spring_sale(TAKEN_AT, 100 * DAY),)}))
    assert tale.service.next_window(cluster) is None
    configure(tale, POLICY)
    assert tale.service.next_window(cluster) is None


def test_cancel_ends_what_has_not_begun_and_nothing_else(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    ask_for_start(tale, TAKEN_AT + DAY)
    tale.ask("cancel")
    assert tale.once().status is RunStatus.ABORTED
    tale.to_running("1.35")
    with pytest.raises(NotNow, match="has begun"):
        tale.ask("cancel")
    with pytest.raises(NotNow, match="has begun"):
        tale.ask("reschedule", start_at=None)


def test_a_request_to_move_a_start_counts_only_of_those_who_may(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    ask_for_start(tale, TAKEN_AT + DAY)
    tale.access.refused = {("U-READS", "reschedule"): "That is for operators."}
    tale.ask("reschedule", "U-READS", start_at=TAKEN_AT + 2 * DAY)
    assert tale.once().start_at == TAKEN_AT + DAY
    tale.ask("reschedule", start_at=TAKEN_AT + 2 * DAY)
    assert tale.once().start_at == TAKEN_AT + 2 * DAY
    tale.ask("reschedule", start_at=None)
    assert tale.once().status is RunStatus.RUNNING


def test_a_missed_start_says_so_to_the_calendar_and_waits_for_a_person(tmp_path: Path) -> None:
    tale = a_story(tmp_path)
    ask_for_start(tale, TAKEN_AT + DAY)
    [ahead] = tale.service.calendar().maintenances
    assert (ahead.starts_at, ahead.missed) == (TAKEN_AT + DAY, False)
    assert tale.service.calendar(days=0).maintenances == ()
    tale.clock.pass_(days=1, hours=5)
    tale.restart()
    run = tale.once()
    assert run.missed_start
    assert tale.service.calendar().maintenances[0].missed
    tale.ask("reschedule", start_at=None)
    assert tale.once().status is RunStatus.RUNNING


def test_the_calendar_shows_the_freezes_of_the_configuration(tmp_path: Path) -> None:
    freeze = spring_sale(TAKEN_AT + 5 * DAY, DAY)
    tale = a_story(tmp_path, POLICY.model_copy(update={"freezes": (freeze,)}))
    [frozen] = tale.service.calendar().freezes
    assert (frozen.freeze, frozen.clusters) == (freeze, (tale.configured.id,))
    assert tale.service.calendar(days=3).freezes == ()
