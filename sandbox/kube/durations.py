"""Ages and intervals as kubectl prints them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

UNKNOWN = "<unknown>"
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400


def parse_time(text: str) -> datetime:
    """A metav1.Time or MicroTime."""
    return datetime.fromisoformat(text).astimezone(UTC)


def age(since: str | None, now: datetime) -> str:
    """How long ago, `<unknown>` without a time."""
    return human_duration(now - parse_time(since)) if since else UNKNOWN


def human_duration(duration: timedelta) -> str:
    """Two units at most, coarser the longer it is: `75s`, `2m5s`, `47h`, `3d4h`, `250d`, `2y30d`."""
    seconds = int(duration.total_seconds())
    if seconds < 0:
        return "<invalid>" if seconds < -2 else "0s"
    for below, unit, rest in (
        (2 * _MINUTE, 1, None),
        (10 * _MINUTE, _MINUTE, 1),
        (3 * _HOUR, _MINUTE, None),
        (8 * _HOUR, _HOUR, _MINUTE),
        (2 * _DAY, _HOUR, None),
        (8 * _DAY, _DAY, _HOUR),
        (2 * _YEAR, _DAY, None),
        (8 * _YEAR, _YEAR, _DAY),
    ):
        if seconds < below:
            return _told(seconds, unit, rest)
    return _told(seconds, _YEAR, None)


_LETTERS = {1: "s", _MINUTE: "m", _HOUR: "h", _DAY: "d", _YEAR: "y"}


def _told(seconds: int, unit: int, rest: int | None) -> str:
    text = f"{seconds // unit}{_LETTERS[unit]}"
    left = (seconds % unit) // rest if rest else 0
    return f"{text}{left}{_LETTERS[rest]}" if rest and left else text
