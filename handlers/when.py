"""A start as people type it: words in, a reading of a clock out; and the instant at which a clock shows it. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from handlers.words import CommandUnclear, shown
from upgrade.errors import NotNow
from upgrade.windows import DAYS, instant_of

_TODAY, _TOMORROW = "today", "tomorrow"
_NAMES: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
#: Days by what people type: ``fri`` and ``friday``.
_DAYS: Final = {
    **{day: day for day in (_TODAY, _TOMORROW, *DAYS)},
    **dict(zip(_NAMES, DAYS, strict=True)),
}
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME: Final = re.compile(r"(\d{1,2}:\d{2})(z|[+-]\d{2}:?\d{2})?", re.IGNORECASE)
_OFFSET: Final = re.compile(r"([+-])(\d{2}):?(\d{2})")
#: Nobody sets a start beyond; dates beyond it have no instant everywhere.
_YEARS: Final = range(2000, 2200)
_FURTHEST_OFFSET: Final = timedelta(hours=14)
HOW: Final = (
    "Write it like 2026-11-24 22:00, tomorrow 22:00, fri 22:00 or 22:00, and a zone behind it if it is not yours."
)


@dataclass(frozen=True, slots=True)
class At:
    """A reading of a clock.

    Args:
        day: ``2026-11-24``, ``today``, ``tomorrow``, ``mon`` … ``sun`` (the next), or empty: whenever it comes next.
        zone: an IANA name, or an offset such as ``+01:00``; None is the zone of whoever types it.
    """

    time: time
    day: str = ""
    zone: str | None = None

    def __str__(self) -> str:
        return " ".join(part for part in ("at", self.day, f"{self.time:%H:%M}", self.zone) if part)


@dataclass(frozen=True, slots=True)
class NextWindow:
    """At the next opening of a maintenance window at which everybody is still told in time."""

    def __str__(self) -> str:
        return "in the next window"


@dataclass(frozen=True, slots=True)
class Now:
    """As soon as it may."""

    def __str__(self) -> str:
        return "now"


When = At | NextWindow | Now


def read_time(words: Sequence[str], ends: Sequence[str] = ()) -> tuple[At, int]:
    """What stands behind ``at``, and how many words it takes. Raises CommandUnclear.

    Args:
        ends: words that begin something else.
    """
    day = _day(words[0]) if words else None
    rest = words[1:] if day is not None else words
    found = _TIME.fullmatch(rest[0]) if rest else None
    if found is None:
        wrong = " ".join(words[: 1 + (day is not None)])
        raise CommandUnclear(f"{shown(wrong)} is not a time." if wrong else "Something is missing behind at.", HOW)
    try:
        reading = time.fromisoformat(found[1].rjust(5, "0"))
    except ValueError:
        raise CommandUnclear(f"No clock shows {shown(found[1])}.", HOW) from None
    used = len(words) - len(rest) + 1
    zone = _zone(found[2]) if found[2] else None
    if zone is None and used < len(words) and words[used].lower() not in ends:
        zone, used = _zone(words[used]), used + 1
    return At(reading, day or "", zone), used


def looks_like_time(word: str) -> bool:
    """Whether somebody who typed this word probably means a time."""
    return bool(_TIME.fullmatch(word) or _DATE.fullmatch(word) or word.lower() in _DAYS)


def _day(typed: str) -> str | None:
    """The day as ``At`` has it; None when it is not one. Raises CommandUnclear for a date that no calendar has."""
    if _DATE.fullmatch(typed):
        try:
            found = date.fromisoformat(typed)
        except ValueError:
            found = date.min
        if found.year not in _YEARS:
            raise CommandUnclear(f"{shown(typed)} is in no calendar.", HOW)
        return typed
    return _DAYS.get(typed.lower())


def _zone(typed: str) -> str:
    """The zone by its name in the time zone database, however it is spelled. Raises CommandUnclear."""
    if typed.lower() in ("z", "utc"):
        return "UTC"
    if _OFFSET.fullmatch(typed) and abs(_offset(typed)) <= _FURTHEST_OFFSET and typed[-2:] < "60":
        return f"{typed[:3]}:{typed[-2:]}"
    known = _known_zones()
    if typed.lower() in known:
        return known[typed.lower()]
    close = difflib.get_close_matches(typed.lower()[:40], known, n=1)
    hint = f" Did you mean {known[close[0]]}?" if close else ""
    raise CommandUnclear(
        f"{shown(typed)} is not a time zone.", f"Write UTC, Europe/Berlin or +01:00, or leave it out.{hint}"
    )


@cache
def _known_zones() -> dict[str, str]:
    """Names in the time zone database by their lower case."""
    return {name.lower(): name for name in available_timezones()}


def _offset(written: str) -> timedelta:
    sign, hours, minutes = written[0], int(written[1:3]), int(written[-2:])
    return timedelta(hours=hours, minutes=minutes) * (-1 if sign == "-" else 1)


def zone_named(name: str) -> tzinfo:
    """The zone that ``At`` names: ``UTC``, ``Europe/Berlin`` or ``+01:00``."""
    return timezone(_offset(name)) if _OFFSET.fullmatch(name) else ZoneInfo(name)


def instant(at: At, zone: tzinfo, now: datetime) -> datetime:
    """When the clock of ``zone`` shows that next, in UTC (docs/decisions/0007).

    A reading that summer time skips means the instant of the skip; of one that is shown twice the first is meant.

    Args:
        zone: whatever ``at`` itself says, it is read in this one.
        now: aware; what is not after it is over.

    Raises NotNow when it is over.
    """
    for day in _days(at.day, now.astimezone(zone).date()):
        found = instant_of(day, at.time, zone)
        if found > now:
            return found
    raise NotNow(f"{str(at).removeprefix('at ')} is over.", "Give a time that is still to come.")


def _days(day: str, today: date) -> Iterator[date]:
    """The days that may be meant, in order."""
    if day in DAYS:
        yield from (one for one in map(_after(today), range(8)) if one.weekday() == DAYS.index(day))
    elif day == _TOMORROW:
        yield _after(today)(1)
    elif day == _TODAY:
        yield today
    elif day:
        yield date.fromisoformat(day)
    else:
        yield from map(_after(today), range(3))


def _after(today: date) -> Callable[[int], date]:
    return lambda days: today + timedelta(days=days)


def spoken(at: datetime, zone: tzinfo) -> str:
    """``Tue 24 Nov 22:00 Europe/Berlin (21:00 UTC)``, as plain text."""
    local, utc = at.astimezone(zone), at.astimezone(UTC)
    told = f"{_day_and_time(local)} {_name(zone)}"
    if _name(zone) == "UTC":
        return told
    same_day = local.date() == utc.date()
    return f"{told} ({f'{utc:%H:%M}' if same_day else _day_and_time(utc)} UTC)"


def _day_and_time(at: datetime) -> str:
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def _name(zone: tzinfo) -> str:
    if isinstance(zone, ZoneInfo):
        return zone.key
    return str(zone).removeprefix("UTC") or "UTC"
