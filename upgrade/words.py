"""Numbers of things in sentences, and words that are nearly alike."""

from __future__ import annotations

import difflib
from collections.abc import Sequence


def count(number: int, one: str, many: str = "") -> str:
    """``1 pod``, ``2 pods``. ``many``: the plural where it is not ``one`` with an s, as in ``volumes have``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def nearest_first(typed: str, words: Sequence[str]) -> list[str]:
    """All of the words, those first that look most like what was typed."""
    short = typed.lower()[:100]
    return sorted(words, key=lambda word: -difflib.SequenceMatcher(None, short, word.lower()).ratio())
