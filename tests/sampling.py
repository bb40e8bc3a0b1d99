"""A few of many, always the same, for every day; all of them in the campaign (`make crash`)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest


def in_sample(name: str, one_in: int) -> bool:
    """Whether it is among the few: about one in so many, always the same ones."""
    return zlib.crc32(name.encode()) % one_in == 0


def share_of(name: str, shares: int) -> int:
    """In which of so many shares it is, counted from 0; each is about as large, and always the same."""
    return zlib.crc32(f"share {name}".encode()) % shares


def sampled(every: Iterable[str | tuple[object, ...]], one_in: int) -> Iterator[Any]:
    """Parameters of a test: about one in so many is tried by `make test`, chosen by its words."""
    for one in every:
        values = (one,) if isinstance(one, str) else one
        words = " ".join(value for value in values if isinstance(value, str))
        daily = in_sample(words, one_in)
        yield pytest.param(*values, marks=() if daily else pytest.mark.campaign)
