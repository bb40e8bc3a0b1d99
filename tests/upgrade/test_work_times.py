from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.upgrade.runs import NOW, make_run
from tests.upgrade.test_windows import windows
from upgrade.freeze import Freeze
from upgrade.plan import UpgradePolicy
from upgrade.run import Lift
from upgrade.work_times import WorkTimes, work_times_of

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def freeze(since: datetime, until: datetime, name: str = "year-end") -> Freeze:
    return Freeze(name=name, starts_at=since, ends_at=until, reason="The sale.")


FRIDAY_NIGHT = WorkTimes(windows=("fri 22:00-04:00",), time_zone="Europe/Berlin")


def test_a_window_belongs_to_the_day_on_which_it_opens() -> None:
    assert FRIDAY_NIGHT.is_open(at("2026-11-07T03:00"))  # a Saturday
    assert not FRIDAY_NIGHT.is_open(at("2026-11-06T03:00"))


def test_without_windows_and_freezes_it_is_always_open() -> None:
    always = WorkTimes()
    assert always.is_open(NOW)
    assert always.next_opening(NOW) == NOW
    assert always.next_closing(NOW) is None
    assert list(always.spans(NOW, NOW + timedelta(days=30))) == [(NOW, NOW + timedelta(days=30))]


def test_a_freeze_takes_its_time_out_of_the_windows() -> None:
    sale = freeze(at("2026-11-06T12:00"), at("2026-11-07T02:00"))
    frozen = FRIDAY_NIGHT.model_copy(update={"freezes": (sale,)})
    assert frozen.freeze_at(at("2026-11-06T23:00")) == sale
    assert not frozen.is_open(at("2026-11-06T23:00"))
    assert frozen.next_opening(at("2026-11-06T23:00")) == at("2026-11-07T02:00")
    assert frozen.is_open(at("2026-11-07T02:00"))


def test_a_freeze_that_begins_in_a_window_closes_it() -> None:
    sale = freeze(at("2026-11-07T01:00"), at("2026-11-20T00:00"))
    frozen = FRIDAY_NIGHT.model_copy(update={"freezes": (sale,)})
    assert frozen.next_closing(at("2026-11-06T22:30")) == at("2026-11-07T01:00")
    assert frozen.next_opening(at("2026-11-07T01:00")) == at("2026-11-20T22:00")


def test_freezes_that_overlap_hold_until_the_last_is_over() -> None:
    first = freeze(at("2026-11-01T00:00"), at("2026-11-10T00:00"), "first")
    second = freeze(at("2026-11-05T00:00"), at("2026-11-15T00:00"), "second")
    frozen = WorkTimes(freezes=(first, second))
    assert frozen.next_opening(at("2026-11-02T00:00")) == at("2026-11-15T00:00")
    assert frozen.freeze_at(at("2026-11-06T00:00")) == second


def test_when_the_clocks_go_back_the_window_lasts_an_hour_longer_and_is_one_span() -> None:
    saturday = WorkTimes(windows=("sat 22:00-04:00",), time_zone="Europe/Berlin")
    ((opens, closes),) = saturday.spans(at("2026-10-24T12:00"), at("2026-10-26T00:00"))
    assert closes - opens == timedelta(hours=7)


def test_when_the_clocks_go_forward_the_window_lasts_an_hour_less() -> None:
    saturday = WorkTimes(windows=("sat 22:00-04:00",), time_zone="Europe/Berlin")
    ((opens, closes),) = saturday.spans(at("2026-03-28T12:00"), at("2026-03-30T00:00"))
    assert closes - opens == timedelta(hours=5)


def test_a_freeze_must_end_after_it_begins_and_say_of_which_zone_its_times_are() -> None:
    with pytest.raises(ValidationError, match="end after it begins"):
        freeze(NOW, NOW)
    with pytest.raises(ValidationError, match="timezone"):
        freeze(datetime(2026, 1, 1), NOW)  # noqa: DTZ001 -- that is the mistake


def test_a_run_has_the_work_times_of_its_policy_without_what_was_lifted_for_it() -> None:
    kept, lifted = (freeze(NOW, NOW + timedelta(days=9), name) for name in ("kept", "lifted"))
    policy = UpgradePolicy(windows=("fri 22:00-04:00",), freezes=(kept, lifted))
    lift = Lift(freeze="lifted", by="U-BOSS", reason="A security fix.", at=NOW)
    run = make_run(policy=policy, time_zone="Europe/Berlin", lifts=(lift,))
    assert work_times_of(run) == WorkTimes(windows=policy.windows, time_zone="Europe/Berlin", freezes=(kept,))


ZONES = ["Europe/Berlin", "America/New_York", "America/Santiago", "UTC", "Australia/Lord_Howe"]
moments = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


@st.composite
def work_times(draw: st.DrawFn, around: datetime) -> WorkTimes:
    """Windows and freezes that begin within three weeks around an instant and last up to three weeks."""
    freezes = []
    for number in range(draw(st.integers(0, 4))):
        begins = around + timedelta(minutes=draw(st.integers(-30_000, 30_000)))
        freezes.append(freeze(begins, begins + timedelta(minutes=draw(st.integers(1, 30_000))), f"freeze-{number}"))
    return WorkTimes(
        windows=tuple(draw(st.lists(windows, max_size=2))),
        time_zone=draw(st.sampled_from(ZONES)),
        freezes=tuple(freezes),
    )


@given(st.data(), moments)
def test_an_opening_is_open_and_not_frozen_and_nothing_before_it_is(data: st.DataObject, now: datetime) -> None:
    times = data.draw(work_times(now))
    opening = times.next_opening(now)
    assert opening >= now
    assert times.is_open(opening)
    assert times.freeze_at(opening) is None
    if opening > now:
        part = data.draw(st.floats(0, 0.999))
        assert not times.is_open(now + (opening - now) * part)
        assert not times.is_open(opening - timedelta(seconds=1))
    closing = times.next_closing(opening)
    if closing is not None:
        assert times.is_open(closing - timedelta(seconds=1))
        assert not times.is_open(closing)


@given(st.data(), moments)
def test_spans_are_ordered_apart_and_all_the_time_there_is(data: st.DataObject, since: datetime) -> None:
    times, until = data.draw(work_times(since)), since + timedelta(days=30)
    spans = list(times.spans(since, until))
    assert all(since <= opens < closes <= until for opens, closes in spans)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    moment = since + timedelta(minutes=data.draw(st.integers(0, 30 * 24 * 60 - 1)))
    assert times.is_open(moment) is any(opens <= moment < closes for opens, closes in spans)
