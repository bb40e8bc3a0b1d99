"""Acks go first (decision 0004): whatever else has time begins its next piece of work when none is under way."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: Real seconds after an ack in which the next one of the same moment may still come.
_GAP: Final = 0.01
#: Real seconds that a piece of work waits at most: requests without end hold nothing up.
_PATIENCE: Final = 1.0


class Acks:
    """Which requests of Slack wait for their ack. Safe to use from many threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0
        self._mine = threading.local()
        self._last = float("-inf")

    @contextmanager
    def one(self) -> Iterator[None]:
        """While a request is acknowledged."""
        with self._changed:
            self._under_way += 1
        self._mine.under_way = True
        try:
            yield
        finally:
            self._mine.under_way = False
            with self._changed:
                self._under_way -= 1
                self._last = time.monotonic()
                if not self._under_way:
                    self._changed.notify_all()

    def first(self) -> None:
        """Wait until none is under way, for a second at most. A request that calls it does not wait for itself."""
        if getattr(self._mine, "under_way", False):
            return
        until = time.monotonic() + _PATIENCE
        with self._changed:
            while (wait := self._wait()) > 0 and time.monotonic() < until:
                self._changed.wait(min(wait, until - time.monotonic()))

    def _wait(self) -> float:
        return _PATIENCE if self._under_way else self._last + _GAP - time.monotonic()
