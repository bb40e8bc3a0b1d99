"""Words and texts of others on their way into a report: printable, one line, of a length that can be read."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Final

#: Longer names and sentences are cut in everything but JSON.
LONGEST: Final = 600
#: Controls, marks that turn the direction of reading, lone surrogates, characters that are none.
_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"


def clean(value: object, most: int = LONGEST) -> str:
    """One line of what can be printed and encoded: anything else is shown as U+FFFD, what is too long is cut.

    Nothing at all becomes a dash.
    """
    line = " ".join(str(value)[: 2 * most].split()) or "-"
    shown = "".join(_REPLACEMENT if unicodedata.category(letter) in _UNPRINTABLE else letter for letter in line)
    return shown if len(shown) <= most and len(str(value)) <= 2 * most else f"{shown[: most - 1].rstrip()}…"


def utc(at: datetime) -> str:
    """To the minute. Without a zone it is taken for UTC, never for the machine's own."""
    return f"{at if at.tzinfo is None else at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def lasting(length: timedelta) -> str:
    """``45 s``, ``12 min``, ``1 h 05 min``, ``3 d 4 h``."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
