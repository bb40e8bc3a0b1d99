"""Python's garbage collector, held back while many objects are made at once.

None of these is in a circle; but so many new ones make the collector look through everything that the process has,
again and again: that was a third of a big cluster's snapshot. What is not in a circle is freed all the same.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_holding: list[bool] = []  # one a holder: whether the collector was on when the first of them came


@contextmanager
def collector_held_back() -> Iterator[None]:
    """Any number of threads may hold it back at once; it goes on when the last of them ends."""
    with _lock:
        _holding.append(_holding[0] if _holding else gc.isenabled())
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            was_on = _holding.pop()
            if was_on and not _holding:
                gc.enable()
