from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade.errors import WindowUnreadable
from upgrade.windows import DAYS, is_open, next_closing, next_opening, parse_window, time_zone

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
SANTIAGO = ZoneInfo("America/Santiago")


def at(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


@pytest.mark.parametrize(
    ("window", "moment", "open_"),
    [
        ("mon-fri 09:00-17:00", "2026-11-02T09:00", True),  # a Monday
        ("mon-fri 09:00-17:00", "2026-11-02T08:59", False),
        ("mon-fri 09:00-17:00", "2026-11-02T17:00", False),
        ("mon-fri 09:00-17:00", "2026-11-01T12:00", False),
        ("sat,sun 22:00-04:00", "2026-11-02T03:59", True),  # opened on Sunday
        ("sat,sun 22:00-04:00", "2026-11-02T04:00", False),
        ("sat,sun 22:00-04:00", "2026-11-02T22:00", False),
        ("fri-mon 10:00-11:00", "2026-11-01T10:30", True),
        ("fri-mon 10:00-11:00", "2026-11-03T10:30", False),
        ("daily 00:00-24:00", "2026-11-03T23:59", True),
        ("MON 09:00 - 17:00", "2026-11-02T12:00", True),
        ("fri 22:00 for 6h", "2026-11-07T03:59", True),  # belongs to Friday
        ("fri 22:00 for 6h", "2026-11-07T04:00", False),
        ("fri 22:00 for 6h", "2026-11-07T22:00", False),
        ("fri 22:00 for 1h30m", "2026-11-06T23:29", True),
        ("fri 22:00 for 90m", "2026-11-06T23:30", False),
        ("fri 22:00 for 168h", "2026-11-13T21:59", True),  # never closes
    ],
)
def test_a_window_is_open_from_its_first_minute_to_its_last(window: str, moment: str, open_: bool) -> None:
    assert is_open([window], BERLIN, at(moment)) is open_


def test_no_window_means_always() -> None:
    now = at("2026-11-03T10:00")
    assert is_open([], BERLIN, now)
    assert next_opening([], BERLIN, now) == now
    assert next_closing([], BERLIN, now) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("mon-fri", "not a maintenance window"),
        ("mon-fri 9-17", "not a maintenance window"),
        ("mon-fry 09:00-17:00", "“mon-fry”"),
        ("mon 25:00-26:00", "“25:00”"),
        ("mon 09:00-09:60", "“09:60”"),
        ("mon 09:00-09:00", "same time"),
        ("1-5 09:00-17:00", "not a maintenance window"),
        ("", "not a maintenance window"),
        ("fri 22:00 for", "not a maintenance window"),
        ("fri 22:00 for 6", "not a maintenance window"),
        ("fri 22:00 for 0h", "a week at most"),
        ("fri 22:00 for 169h", "a week at most"),
        ("mon,,tue 09:00-17:00", "is not a day"),
    ],
)
def test_a_window_that_cannot_be_read_is_told_with_what_is_allowed(text: str, sentence: str) -> None:
    with pytest.raises(WindowUnreadable, match=sentence) as refused:
        parse_window(text)
    assert refused.value.hint


@pytest.mark.parametrize("name", ["Europe/Berlyn", "", "../../etc/passwd", "Europe"])
def test_a_time_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(WindowUnreadable, match="not a time zone"):
        time_zone(name)


def test_next_opening_is_the_soonest_of_all_windows() -> None:
    windows = ["sat 10:00-12:00", "thu 10:00-12:00"]
    assert next_opening(windows, BERLIN, at("2026-11-03T12:00")) == at("2026-11-05T10:00")


def test_windows_that_touch_close_together() -> None:
    windows = ["mon 09:00-12:00", "mon 12:00-14:00"]
    assert next_closing(windows, BERLIN, at("2026-11-02T10:00")) == at("2026-11-02T14:00")
    assert next_closing(windows, BERLIN, at("2026-11-02T08:00")) is None


# -- when the clocks change -----------------------------------------------------------------------------------------


def test_a_window_that_begins_in_the_skipped_hour_opens_at_the_skip() -> None:
    # New York skips 02:00-03:00 on 8 March 2026.
    opening = next_opening(["sun 02:30-05:00"], NEW_YORK, at("2026-03-08T00:00", NEW_YORK))
    assert opening == datetime(2026, 3, 8, 7, 0, tzinfo=UTC)


def test_a_window_within_the_skipped_hour_does_not_open_that_day() -> None:
    opening = next_opening(["sun 02:10-02:50"], NEW_YORK, at("2026-03-08T00:00", NEW_YORK))
    assert opening == at("2026-03-15T02:10", NEW_YORK)


def test_a_window_at_a_midnight_that_is_skipped_still_opens_that_day() -> None:
    # Santiago skips 00:00-01:00 on 6 September 2026.
    opening = next_opening(["sun 00:00-03:00"], SANTIAGO, at("2026-09-05T12:00", SANTIAGO))
    assert opening == datetime(2026, 9, 6, 4, 0, tzinfo=UTC)


def test_a_window_in_the_repeated_hour_opens_once() -> None:
    # New York shows 01:00-02:00 twice on 1 November 2026.
    windows = ["sun 01:15-01:45"]
    assert is_open(windows, NEW_YORK, at("2026-11-01T01:30", NEW_YORK))
    assert not is_open(windows, NEW_YORK, at("2026-11-01T01:30", NEW_YORK, fold=1))


def test_a_window_over_the_repeated_hour_lasts_an_hour_longer() -> None:
    opens = at("2026-10-31T23:00", NEW_YORK)
    closing = next_closing(["sat 23:00-04:00"], NEW_YORK, opens)
    assert closing is not None
    assert closing - opens.astimezone(UTC) == timedelta(hours=6)


def test_a_window_with_a_length_lasts_as_long_over_the_repeated_hour_too() -> None:
    opens = at("2026-10-31T23:00", NEW_YORK)
    assert next_closing(["sat 23:00 for 5h"], NEW_YORK, opens) == opens.astimezone(UTC) + timedelta(hours=5)
    weekend = next_closing(["fri 22:00 for 60h", "sat 10:00-12:00"], BERLIN, at("2026-11-07T11:00"))
    assert weekend == at("2026-11-09T10:00")


windows = st.builds(
    lambda days, start, length, until: f"{','.join(sorted(days))} {clock(start)}{until(start, length)}",
    st.sets(st.sampled_from(DAYS), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1439),
    st.sampled_from(
        [
            lambda start, length: f"-{clock((start + length) % 1440)}",
            lambda _, length: f" for {4 * length // 60}h{4 * length % 60}m",
        ]
    ),
)


def clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


@given(
    st.lists(windows, min_size=1, max_size=3),
    st.sampled_from([BERLIN, NEW_YORK, SANTIAGO, ZoneInfo("UTC"), ZoneInfo("Australia/Lord_Howe")]),
    st.integers(0, 2 * 365 * 24 * 60).map(
        lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    ),
)
def test_the_next_opening_is_open_and_nothing_before_it_is(written: list[str], zone: ZoneInfo, now: datetime) -> None:
    opening = next_opening(written, zone, now)
    assert opening >= now
    assert is_open(written, zone, opening)
    if opening > now:
        between = now + (opening - now) / 2
        assert not is_open(written, zone, between)
        assert not is_open(written, zone, opening - timedelta(seconds=1))
    closing = next_closing(written, zone, opening)
    if closing:
        assert is_open(written, zone.key, closing - timedelta(seconds=1))
        assert not is_open(written, zone, closing)
