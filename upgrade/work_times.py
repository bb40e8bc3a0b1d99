"""When work may be done on a cluster: its maintenance windows, without the freezes that were not lifted. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from upgrade.facts import Value
from upgrade.freeze import Freeze
from upgrade.run import UpgradeRun
from upgrade.windows import is_open, next_closing, next_opening


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

    def next_opening(self, now: datetime) -> datetime:
        """When work may start next, in UTC: ``now`` itself while it may. Raises WindowUnreadable."""
        opens = next_opening(self.windows, self.time_zone, now)
        while freeze := self.freeze_at(opens):  # each turn leaves one freeze behind for good
            opens = next_opening(self.windows, self.time_zone, freeze.ends_at)
        return opens

    def next_closing(self, now: datetime) -> datetime | None:
        """When the time to work that ``now`` lies in ends, in UTC; None when it is closed, or nothing will close it."""
        if not self.is_open(now):
            return None
        window = next_closing(self.windows, self.time_zone, now) if self.windows else None
        freezes = [one.starts_at.astimezone(UTC) for one in self.freezes if one.starts_at > now]
        return min((end for end in (window, *freezes) if end is not None), default=None)

    def spans(self, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Openings and closings between two instants, in UTC, in order; no two of them touch."""
        opens = self.next_opening(since)
        while opens < until:
            closes = self.next_closing(opens)
            if closes is None or closes >= until:
                yield opens, until.astimezone(UTC)
                return
            yield opens, closes
            opens = self.next_opening(closes)


def work_times_of(run: UpgradeRun) -> WorkTimes:
    """The windows and freezes of the run's policy, without the freezes that somebody lifted for this run."""
    lifted = {one.freeze for one in run.lifts}
    return WorkTimes(
        windows=run.policy.windows,
        time_zone=run.time_zone,
        freezes=tuple(one for one in run.policy.freezes if one.name not in lifted),
    )
