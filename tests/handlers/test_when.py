"""What people mean by a time, in every zone and at every change of the clocks."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.when import At, instant, read_time, spoken, zone_named
from upgrade.errors import NotNow

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)  # a Friday; 10:00 in Berlin


def at(text: str) -> At:
    found, _ = read_time(text.split())
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-24 22:00", "2026-11-24T21:00"),
        ("tomorrow 22:00", "2026-11-21T21:00"),
        ("today 22:00", "2026-11-20T21:00"),
        ("22:00", "2026-11-20T21:00"),
        ("9:30", "2026-11-21T08:30"),
        ("10:00", "2026-11-21T09:00"),
        ("fri 22:00", "2026-11-20T21:00"),
        ("fri 9:00", "2026-11-27T08:00"),
        ("thu 00:00", "2026-11-25T23:00"),
    ],
)
def test_a_reading_is_the_next_such_time(text: str, expected: str) -> None:
    assert instant(at(text), BERLIN, NOW) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_the_day_is_the_day_of_the_zone() -> None:
    auckland = ZoneInfo("Pacific/Auckland")  # it is Friday 22:00 there, and Saturday soon
    late = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert instant(at("tomorrow 09:00"), auckland, late) == datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
    assert instant(at("sat 09:00"), auckland, late) == datetime(2026, 11, 20, 20, 0, tzinfo=UTC)


def test_a_reading_that_is_skipped_means_the_skip_and_one_that_comes_twice_the_first() -> None:
    before = datetime(2026, 3, 1, tzinfo=UTC)
    assert instant(at("2026-03-29 02:30"), BERLIN, before) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert instant(at("2026-10-25 02:30"), BERLIN, before) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-11-19 22:00", "today 09:00", "2026-11-20 10:00", "2000-01-01 00:00"])
def test_what_is_over_is_refused(text: str) -> None:
    with pytest.raises(NotNow) as over:
        instant(at(text), BERLIN, NOW)
    assert over.value.message == f"{text} is over."
    assert "still to come" in over.value.hint


@pytest.mark.parametrize(
    ("when", "zone", "said"),
    [
        ("2026-11-24T21:00", BERLIN, "Tue 24 Nov 22:00 Europe/Berlin (21:00 UTC)"),
        ("2026-11-24T23:30", BERLIN, "Wed 25 Nov 00:30 Europe/Berlin (Tue 24 Nov 23:30 UTC)"),
        ("2026-11-24T21:00", ZoneInfo("UTC"), "Tue 24 Nov 21:00 UTC"),
        ("2026-11-24T21:00", UTC, "Tue 24 Nov 21:00 UTC"),
        ("2026-11-04T21:00", timezone(timedelta(hours=1)), "Wed 4 Nov 22:00 +01:00 (21:00 UTC)"),
    ],
)
def test_a_start_is_said_with_its_zone_and_in_utc(when: str, zone: tzinfo, said: str) -> None:
    assert spoken(datetime.fromisoformat(when).replace(tzinfo=UTC), zone) == said


ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "-09:30"])


@given(
    st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    st.sampled_from(["", "tomorrow", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
    ZONES,
    st.integers(-3_000_000, 4_500_000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
)
def test_a_start_is_ahead_within_eight_days_and_shows_its_reading(
    reading: time, day: str, name: str, now: datetime
) -> None:
    zone = zone_named(name)
    found = instant(At(reading, day), zone, now)
    assert now < found <= now + timedelta(days=8, hours=2)
    shown = found.astimezone(zone)
    skipped = datetime.combine(shown.date(), reading, zone).astimezone(UTC).astimezone(zone).time() != reading
    assert shown.time().replace(second=0, microsecond=0) == reading or skipped
