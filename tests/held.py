"""A world that stands still while something is under way, so that what passes quickly can be acted upon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sandbox.clock import DomainClock
from sandbox.world.world import World
from upgrade.engine.clock import ScaledClock


class HeldClock(DomainClock):
    """The world's clock. The bot computes the same formula by itself, so its own time goes on when the world stands."""

    _held_at: datetime | None = None

    def now(self) -> datetime:
        return self._held_at or super().now()

    @contextmanager
    def holding(self, world: World, cluster: str, subject: str) -> Iterator[None]:
        """From the moment that an update begins until the block ends no time passes in the world.

        So the update is under way for as long as the block needs it, however slow this machine is.

        Args:
            cluster: whose update.
            subject: of what: ``control-plane``, ``addon/NAME`` or ``nodegroup/NAME``.
        """
        watched = world.find_cluster(cluster)
        with self.standing(world, lambda: any(one.subject == subject for one in watched.updates_in_progress())):
            yield

    @contextmanager
    def standing(self, world: World, so: Callable[[], bool]) -> Iterator[None]:
        """From the moment that ``so`` holds until the block ends no time passes in the world."""

        def look() -> None:  # called under the world's lock, right after each change
            if self._held_at is None and so():
                self._held_at = world.now

        forget = world.subscribe(look)
        try:
            yield
        finally:
            forget()
            self._held_at = None


class ToldClock(ScaledClock):
    """The bot's side of a `StandingClock`: it stands and goes with it.

    Args:
        file: by which it is told.
        setting: of a clock of the same rate.
    """

    def __init__(self, file: Path, setting: str) -> None:
        told = ScaledClock.parse(setting)
        super().__init__(told.domain_origin, told.wall_origin, told.rate)
        self._file = file

    def now(self) -> datetime:
        told = self._file.read_text()
        if told.startswith("scaled:"):
            return ScaledClock.parse(told).now()
        return datetime.fromisoformat(told)


class StandingClock(HeldClock):
    """Stands for the world and for the bot alike, so that a bot that starts again has slept through nothing.

    Args:
        file: by which the bot's side is told.
    """

    def __init__(self, domain_origin: datetime, rate: float, file: Path) -> None:
        super().__init__(domain_origin, rate)
        self.file = file
        self._tell(self.setting())

    def stand(self) -> None:
        if self._held_at is None:
            self._held_at = self.now().astimezone(UTC)
            self._tell(self._held_at.isoformat())

    def go(self) -> None:
        if self._held_at is not None:
            self.domain_origin, self.wall_origin = self._held_at, time.time()
            self._held_at = None
            self._tell(f"scaled:{self.domain_origin.timestamp()}:{self.wall_origin}:{self.rate}")

    def _tell(self, words: str) -> None:
        """At once, for whoever reads at any moment."""
        new = self.file.with_suffix(".new")
        new.write_text(words)
        new.replace(self.file)
