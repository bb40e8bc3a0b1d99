"""A world that stands still while something is under way, so that what passes quickly can be acted upon."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from sandbox.clock import DomainClock
from sandbox.world.world import World


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

        def look() -> None:  # called under the world's lock, right after each change
            if any(update.subject == subject for update in watched.updates_in_progress()):
                self._held_at = self._held_at or world.now

        forget = world.subscribe(look)
        try:
            yield
        finally:
            forget()
            self._held_at = None
