"""Words and texts of others on their way into a report: printable, one line, of a length that can be read."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
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
