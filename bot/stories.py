"""The events of runs, each read from the store once."""

from __future__ import annotations

from collections.abc import Collection

from bot.notices import Runs
from upgrade.events import UpgradeEvent
from upgrade.run import UpgradeRun


class Stories:
    """Remembers what was read, for a thread that looks at the same runs again and again."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._told: dict[str, list[UpgradeEvent]] = {}

    def of(self, run: UpgradeRun) -> list[UpgradeEvent]:
        """The events of a run up to the state that was read; what came after is for the next pass."""
        told = self._told.setdefault(run.id, [])
        told += self._runs.events(run.id, after=told[-1].seq if told else 0)
        return [event for event in told if event.seq <= run.last_seq]

    def keep(self, run_ids: Collection[str]) -> None:
        """Forget all other runs."""
        for gone in self._told.keys() - set(run_ids):
            del self._told[gone]
