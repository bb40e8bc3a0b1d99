"""Looks at every cluster now and then, so that the fleet board and the digest know versions and support."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final, Protocol

from upgrade.eks import ClusterId

log = logging.getLogger(__name__)

#: Clusters that are looked at side by side: an account that does not answer holds up few others.
_AT_ONCE: Final = 4
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
    """

    def __init__(self, service: Looks, every: timedelta) -> None:
        self._service = service
        self._every = every
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._every:
            self._thread = threading.Thread(target=self._loop, name="fleet-watch", daemon=True)
            self._thread.start()

    def stop(self, seconds: float = 12.0) -> None:
        """Finish the looks under way and begin no other."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look_once()
            except Exception:
                log.exception("looking at the fleet failed; trying again")
            self._stopping.wait(_REST_SECONDS)

    def look_once(self) -> None:
        """Look at each cluster whose turn it is."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fleet-watch") as pool:
            for _ in pool.map(self._look, self._service.due_looks(self._every)):
                pass

    def _look(self, cluster: ClusterId) -> None:
        if self._stopping.is_set():
            return
        try:
            self._service.look_at(cluster)
        except Exception:
            log.exception("looking at %s failed", cluster)
