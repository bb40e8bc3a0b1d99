"""Looks for clusters and at each now and then, so that the fleet board and the digest know versions and support."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, Protocol

from bot.discovery import Discovery
from bot.loop import Loop
from upgrade.eks import ClusterId

log = logging.getLogger(__name__)

#: Clusters that are looked at side by side: an account that does not answer holds up few others.
_AT_ONCE: Final = 2
#: Real seconds between two passes, on however fast a clock.
_REST_SECONDS: Final = 15.0


class Looks(Protocol):
    """The service has them."""

    def due_looks(self, every: timedelta) -> tuple[ClusterId, ...]: ...
    def look_at(self, cluster: ClusterId) -> object: ...


class FleetWatch:
    """Runs in a thread of its own between `start` and `stop`.

    Args:
        every: how often a cluster is looked at; zero means never.
        discovery: finds clusters; None when all of them are listed.
    """

    def __init__(self, service: Looks, every: timedelta, discovery: Discovery | None = None) -> None:
        self._service = service
        self._every = every
        self._discovery = discovery
        self._loop = Loop("fleet-watch", self.look_once, after_failure=_REST_SECONDS)

    def start(self) -> None:
        if self._every or self._discovery:
            self._loop.start()

    def stop(self, seconds: float = 12.0) -> None:
        """Finish the looks under way and begin no other."""
        self._loop.stop(seconds)

    def look_once(self) -> float:
        """Look for clusters if it is time, and at each whose turn it is; returns real seconds until the next pass."""
        if self._discovery:
            self._discover(self._discovery)
        if self._every:
            with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fleet-watch") as pool:
                for _ in pool.map(self._look, self._service.due_looks(self._every)):
                    pass
        return _REST_SECONDS

    def _discover(self, discovery: Discovery) -> None:
        try:
            discovery.look_if_due(lambda: self._loop.stopping)
        except Exception:
            log.exception("looking for clusters failed")

    def _look(self, cluster: ClusterId) -> None:
        if self._loop.stopping:
            return
        try:
            self._service.look_at(cluster)
        except Exception:
            log.exception("looking at %s failed", cluster)
