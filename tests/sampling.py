"""A few of many, always the same, for every day; all of them in the campaign (`make crash`)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest


def sampled(every: Iterable[str | tuple[object, ...]], one_in: int) -> Iterator[Any]:
    """Parameters of a test: about one in so many is tried by `make test`, chosen by its words."""
    for one in every:
        values = (one,) if isinstance(one, str) else one
        words = " ".join(value for value in values if isinstance(value, str))
        daily = zlib.crc32(words.encode()) % one_in == 0
        yield pytest.param(*values, marks=() if daily else pytest.mark.campaign)
