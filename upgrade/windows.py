"""Maintenance windows: ``mon-fri 09:00-17:00`` or ``fri 22:00 for 6h`` in the cluster's time zone.

A window opens on the days it names and closes at the next reading of its closing time, which with a closing time at or
before the opening time is on the next day; or after its length, counted in real hours. Readings that the clock shows
twice (the hour that summer time ends) mean the first one; readings that it skips mean the instant of the skip.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from upgrade.errors import WindowUnreadable

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW: Final = re.compile(
    r"^(?P<days>[a-z,-]+)\s+(?P<opens>\d{2}:\d{2})"
    r"(\s*-\s*(?P<closes>\d{2}:\d{2})|\s+for\s+(?=\d)((?P<hours>\d{1,3})h)?((?P<minutes>\d{1,3})m)?)$"
)
_HINT: Final = "Write it like “mon-fri 09:00-17:00”, “fri 22:00-04:00”, “fri 22:00 for 6h” or “daily 00:00-24:00”."
#: A window that is longer never closes.
_LONGEST: Final = timedelta(days=7)
#: Every window comes round within a week; two more cover one that a change of the clock swallowed.
_SEARCH: Final = timedelta(days=21)


@dataclass(frozen=True)
class Window:
    """A weekly window. ``days``: 0 is Monday; ``closes_next_day`` also for 24:00; ``lasts`` goes before both."""

    days: frozenset[int]
    opens: time
    closes: time
    closes_next_day: bool
    lasts: timedelta | None = None


def parse_window(text: str) -> Window:
    """Read ``mon-fri 09:00-17:00`` or ``fri 22:00 for 6h``. Raises WindowUnreadable."""
    found = _WINDOW.match(text.strip().lower())
    if not found:
        raise WindowUnreadable(f"“{text}” is not a maintenance window.", _HINT)
    opens, closes = found["opens"], found["closes"]
    if closes is None:
        lasts = timedelta(hours=int(found["hours"] or 0), minutes=int(found["minutes"] or 0))
        if not timedelta(0) < lasts <= _LONGEST:
            raise WindowUnreadable(f"“{text}” must last more than no time and a week at most.", _HINT)
        opens_at = _time(text, opens)
        return Window(_days(text, found["days"]), opens_at, opens_at, False, lasts)
    whole_end = closes == "24:00"
    start = _time(text, opens)
    end = time(0) if whole_end else _time(text, closes)
    if start == end and not whole_end:
        raise WindowUnreadable(f"“{text}” opens and closes at the same time.", "For a whole day write “00:00-24:00”.")
    return Window(_days(text, found["days"]), start, end, whole_end or end < start)


def time_zone(name: str) -> ZoneInfo:
    """The zone of that IANA name. Raises WindowUnreadable."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WindowUnreadable(
            f"“{name}” is not a time zone.", "Use an IANA name such as Europe/Berlin or UTC."
        ) from None


def is_open(windows: Sequence[str | Window], zone: ZoneInfo | str, now: datetime) -> bool:
    """Whether work may start at ``now`` (aware). No windows means always. Raises WindowUnreadable."""
    return not windows or any(opens <= now < closes for opens, closes in _spans(windows, zone, now))


def next_opening(windows: Sequence[str | Window], zone: ZoneInfo | str, now: datetime) -> datetime:
    """When work may start next, in UTC: ``now`` itself while a window is open or when there are none."""
    if is_open(windows, zone, now):
        return now.astimezone(UTC)
    return min(opens for opens, _ in _spans(windows, zone, now) if opens > now)


def next_closing(windows: Sequence[str | Window], zone: ZoneInfo | str, now: datetime) -> datetime | None:
    """When the time to work that ``now`` lies in ends, in UTC; windows that touch count as one.

    None when no window is open, and when the windows leave no gap for weeks.
    """
    end = None
    for opens, closes in sorted(_spans(windows, zone, now)):
        if opens <= (end or now) < closes:
            end = closes
    return end if end and end < now + _SEARCH - timedelta(days=7) else None


def _spans(
    windows: Sequence[str | Window], zone_or_name: ZoneInfo | str, now: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The windows' openings and closings in UTC, from a week ago on: one may last as long."""
    zone = time_zone(zone_or_name) if isinstance(zone_or_name, str) else zone_or_name
    today = now.astimezone(zone).date()
    for written in windows:
        window = parse_window(written) if isinstance(written, str) else written
        first = -2 if window.lasts is None else -2 - _LONGEST.days
        for offset in range(first, _SEARCH.days):
            day = today + timedelta(days=offset)
            if day.weekday() not in window.days:
                continue
            opens = instant_of(day, window.opens, zone)
            closes = opens + window.lasts if window.lasts else _closing(window, day, zone)
            if opens < closes:
                yield opens, closes


def _closing(window: Window, day: date, zone: ZoneInfo) -> datetime:
    return instant_of(day + timedelta(days=window.closes_next_day), window.closes, zone)


def instant_of(day: date, reading: time, zone: tzinfo) -> datetime:
    """When the clock of the zone first shows that reading, in UTC; the instant of the skip when it never does."""
    local = datetime.combine(day, reading, zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None):
        return instant
    # The reading falls into a gap: the skip lies between its two interpretations (PEP 495).
    before, after = sorted((instant, local.replace(fold=1).astimezone(UTC)))
    offset = before.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _days(text: str, names: str) -> frozenset[int]:
    if names == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in names.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise WindowUnreadable(f"“{part}” in “{text}” is not a day.", f"Days are {', '.join(DAYS)} and daily.")
        start = DAYS.index(first)
        length = (DAYS.index(last) - start) % 7 if dash else 0
        days.update((start + step) % 7 for step in range(length + 1))
    return frozenset(days)


def _time(text: str, reading: str) -> time:
    try:
        return time.fromisoformat(reading)
    except ValueError:
        raise WindowUnreadable(f"“{reading}” in “{text}” is not a time of day.", _HINT) from None
