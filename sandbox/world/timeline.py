"""The heap of future events in domain time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime

Action = Callable[[], None]


class Event:
    """Something that will happen. `cancel()` makes it not happen."""

    __slots__ = ("action", "at", "seq")

    def __init__(self, at: datetime, seq: int, action: Action) -> None:
        self.at = at
        self.seq = seq
        self.action: Action | None = action

    def cancel(self) -> None:
        self.action = None

    def __lt__(self, other: Event) -> bool:
        return (self.at, self.seq) < (other.at, other.seq)


class Timeline:
    """Future events, earliest first; events of the same instant in the order they were planned."""

    def __init__(self) -> None:
        self._heap: list[Event] = []
        self._seq = 0

    def plan(self, at: datetime, action: Action) -> Event:
        self._seq += 1
        event = Event(at, self._seq, action)
        heapq.heappush(self._heap, event)
        return event

    def next_at(self) -> datetime | None:
        """When the earliest event that was not cancelled is due."""
        while self._heap and self._heap[0].action is None:
            heapq.heappop(self._heap)
        return self._heap[0].at if self._heap else None

    def pop_due(self, until: datetime) -> Event | None:
        """The earliest event due at or before `until`, taken off the heap."""
        at = self.next_at()
        return heapq.heappop(self._heap) if at is not None and at <= until else None
