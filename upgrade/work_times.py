"""When work may be done on a cluster: its maintenance windows, without the freezes that were not lifted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from upgrade.facts import Value
from upgrade.windows import is_open, next_closing, next_opening

#: How often windows and freezes may take turns before a search gives up: no opening within reach.
_TURNS: Final = 400


class Freeze(Value):
    """A time in which nothing starts: the end of the year, a sale.

    Args:
        name: tells it from others; unique in the configuration.
        lifters: ids of the Slack users and user groups that may lift it for a run; none means nobody.
    """

    name: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    lifters: tuple[str, ...] = ()

    def holds(self, now: datetime) -> bool:
        return self.starts_at <= now < self.ends_at


class WorkTimes(Value):
    """Args: windows: as ``upgrade.windows`` reads them, none means always; freezes: those that count."""

    windows: tuple[str, ...] = ()
    time_zone: str = "UTC"
    freezes: tuple[Freeze, ...] = ()

    def freeze_at(self, now: datetime) -> Freeze | None:
        """The freeze that holds now; of several, the one that ends last."""
        return max((one for one in self.freezes if one.holds(now)), key=lambda one: one.ends_at, default=None)

    def is_open(self, now: datetime) -> bool:
        """Whether work may start at ``now`` (aware). Raises WindowUnreadable."""
        return self.freeze_at(now) is None and is_open(self.windows, self.time_zone, now)

    def next_opening(self, now: datetime) -> datetime | None:
        """When work may start next, in UTC: ``now`` itself while it may; None when no opening is within reach."""
        at = now.astimezone(UTC)
        for _ in range(_TURNS):
            at = next_opening(self.windows, self.time_zone, at)
            freeze = self.freeze_at(at)
            if freeze is None:
                return at
            at = freeze.ends_at.astimezone(UTC)
        return None

    def next_closing(self, now: datetime) -> datetime | None:
        """When the time to work that ``now`` lies in ends, in UTC; None when it is closed, or nothing will close it."""
        if not self.is_open(now):
            return None
        window = next_closing(self.windows, self.time_zone, now) if self.windows else None
        freezes = [one.starts_at.astimezone(UTC) for one in self.freezes if one.starts_at > now]
        return min((end for end in (window, *freezes) if end is not None), default=None)

    def spans(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings and closings between two instants, in UTC, in order."""
        opens = self.next_opening(since)
        while opens is not None and opens < until:
            closes = self.next_closing(opens)
            yield opens, min(closes, until) if closes else until
            if closes is None:
                return
            opens = self.next_opening(closes)
