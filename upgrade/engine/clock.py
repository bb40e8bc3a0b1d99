"""The clocks. The only module of this room that reads the wall clock, or draws a random name (DESIGN 7)."""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Self


class SystemClock:
    """Domain time is the machine's time."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def real_seconds(self, delay: timedelta) -> float:
        return max(0.0, delay.total_seconds())

    def new_id(self) -> str:
        return uuid.uuid4().hex[:8]


class ScaledClock(SystemClock):
    """Domain time runs ``rate`` times as fast as the machine's.

    Two processes that are given the same three numbers agree on the time, also across restarts.

    Args:
        domain_origin: domain time, in seconds since the epoch, at the moment ``wall_origin``.
        wall_origin: the machine's time, in seconds since the epoch, at that moment.
        rate: seconds of domain time in one real second; above 0.
        machine: the machine's time, in seconds since the epoch.
    """

    def __init__(
        self, domain_origin: float, wall_origin: float, rate: float, machine: Callable[[], float] = time.time
    ) -> None:
        if not 0 < rate <= 1_000_000:
            raise ValueError(f"a clock's rate must be above 0 and at most 1000000, not {rate:g}")
        if not (math.isfinite(domain_origin) and math.isfinite(wall_origin)):
            raise ValueError("a clock's origins must be seconds since the epoch")
        self.domain_origin = domain_origin
        self.wall_origin = wall_origin
        self.rate = rate
        self._machine = machine

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``scaled:<domain origin epoch>:<wall origin epoch>:<rate>``. Raises ValueError for anything else."""
        parts = text.split(":")
        try:
            kind, domain_origin, wall_origin, rate = parts[0], float(parts[1]), float(parts[2]), float(parts[3])
        except (IndexError, ValueError):
            kind = ""
        if kind != "scaled" or len(parts) != 4:
            raise ValueError(f"{text!r} is not a clock; write scaled:<domain origin>:<wall origin>:<rate>, in seconds")
        return cls(domain_origin, wall_origin, rate)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.domain_origin + (self._machine() - self.wall_origin) * self.rate, UTC)

    def real_seconds(self, delay: timedelta) -> float:
        return max(0.0, delay.total_seconds() / self.rate)


def parse_clock(text: str) -> SystemClock:
    """The clock of a setting: ``system``, or ``scaled:…``. Raises ValueError."""
    return SystemClock() if text in ("", "system") else ScaledClock.parse(text)
