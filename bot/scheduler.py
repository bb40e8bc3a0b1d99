"""One tick, in memory, every few seconds. It is not the truth: it makes others ask the store what is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)
TICK_SECONDS: Final = 3


class Scheduler:
    """Args: ticks: what is called at each tick; one that fails does not keep the others from theirs."""

    def __init__(self, ticks: Sequence[Callable[[], None]], seconds: float = TICK_SECONDS) -> None:
        self._ticks = ticks
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._scheduler.add_job(self._tick, "interval", seconds=seconds, max_instances=1, coalesce=True)

    def start(self) -> None:
        self._tick()
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=True)

    def _tick(self) -> None:
        for tick in self._ticks:
            try:
                tick()
            except Exception:
                log.exception("a tick failed")
