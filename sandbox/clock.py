"""Domain time: the time that the simulated world lives in.

The bot and the sandbox are two processes that compute the same formula, so they agree without talking and across
restarts: `domain_now = domain_origin + (wall_now - wall_origin) * rate`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What the world asks of a clock."""

    def now(self) -> datetime:
        """Domain time, aware, UTC."""

    def to_real(self, duration: timedelta) -> float:
        """How many real seconds a domain duration takes."""


class DomainClock:
    """Time that runs `rate` times as fast as the machine's, from a chosen origin.

    `rate` is domain seconds for one real second and must be positive. `wall_origin` is epoch seconds on the machine's
    clock (default: now). Origins are rounded to milliseconds, which is what `setting()` carries.
    """

    def __init__(self, domain_origin: datetime, rate: float = 1.0, wall_origin: float | None = None) -> None:
        if domain_origin.tzinfo is None:
            raise ValueError("domain_origin needs a time zone, for example 2026-11-17T09:00:00Z")
        if rate <= 0:
            raise ValueError(f"rate must be positive, not {rate:g}")
        self.domain_origin = datetime.fromtimestamp(round(domain_origin.timestamp(), 3), UTC)
        self.wall_origin = round(time.time() if wall_origin is None else wall_origin, 3)
        self.rate = rate

    def now(self) -> datetime:
        return self.domain_origin + timedelta(seconds=(time.time() - self.wall_origin) * self.rate)

    def to_real(self, duration: timedelta) -> float:
        return max(0.0, duration.total_seconds() / self.rate)

    def setting(self) -> str:
        """The `clock` setting of the bot: `scaled:<domain origin>:<wall origin>:<rate>`, origins in epoch seconds."""
        return f"scaled:{self.domain_origin.timestamp():.3f}:{self.wall_origin:.3f}:{self.rate:g}"


class ManualClock:
    """Time that stands still until a test moves it; it never goes back."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("a clock needs a time with a time zone")
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def to_real(self, duration: timedelta) -> float:
        return max(0.0, duration.total_seconds())

    def set(self, now: datetime) -> None:
        """Moves to `now`. Raises ValueError for a time before the present one."""
        if now < self._now:
            raise ValueError(f"time does not go back from {self._now} to {now}")
        self._now = now.astimezone(UTC)

    def advance(self, duration: timedelta) -> None:
        """Moves forward by `duration`."""
        self.set(self._now + duration)
