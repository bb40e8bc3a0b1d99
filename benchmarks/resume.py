"""How long after kill -9 and a new start every unfinished run is looked at again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping

from benchmarks.figures import Row
from benchmarks.scenarios import many_clusters
from benchmarks.stand import Stand, say, wait_until
from upgrade.events import EventKind

#: What no start can be faster than: an interpreter that loads the same libraries and does nothing.
_LIBRARIES = "import apscheduler, boto3, click, kubernetes.client, pydantic, slack_bolt, sqlite_utils"
_PATIENCE_SECONDS = 180.0


def measure(*, upgrades: int = 20, kills: int = 5, speed: float = 15) -> list[Row]:
    """The worst of ``kills`` is what counts."""
    with Stand(many_clusters(upgrades, "1.33"), speed) as stand:
        stand.begin_all(300)
        return measure_on(stand, kills)


def measure_on(stand: Stand, kills: int) -> list[Row]:
    """With the upgrades that were begun there."""
    seconds, loads = [], []
    for number in range(kills):
        loads.append(_load_libraries())
        seconds.append(_kill_and_resume(stand))
        say(f"  kill {number + 1} of {kills}: {seconds[-1]:.2f} s for all, libraries alone {loads[-1]:.2f} s")
    return rows_of(seconds, loads)


def rows_of(seconds: list[float], loads: list[float]) -> list[Row]:
    against = "loading the libraries"
    return [Row("resume after kill -9, worst", max(seconds), "s", len(seconds), max(loads), against, 5.0, False)]


def _load_libraries() -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", _LIBRARIES], check=True, timeout=_PATIENCE_SECONDS)
    return time.monotonic() - began


def _kill_and_resume(stand: Stand) -> float:
    """Real seconds from the start of the process to the first pass over the last unfinished run."""
    stand.bot.kill()
    before = {run.id: run.last_seq for run in stand.store.unfinished()}
    began = time.time()
    stand.bot.start()
    wait_until(lambda: len(_resumed(stand, before)) == len(before), _PATIENCE_SECONDS, "the look at every run")
    return max(_resumed(stand, before).values()) - began


def _resumed(stand: Stand, before: Mapping[str, int]) -> dict[str, float]:
    """When each run was looked at again, on the machine's clock."""
    found = {}
    for run_id, seq in before.items():
        for event in stand.store.events(run_id, after=seq):
            if event.kind is EventKind.BOT_RESTARTED:
                found[run_id] = stand.wall(event.at)
    return found
