"""How long a whole upgrade takes, against the longest chain of what AWS itself needs for it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from benchmarks.figures import Row
from benchmarks.noticing import delays_of
from benchmarks.scenarios import shipped
from benchmarks.stand import Stand, say
from benchmarks.world_process import chain_of
from sandbox.world.model import Duration
from upgrade.run import UpgradeRun

SCENARIOS = ("two-hops", "four-hops")


def measure(*, scenarios: Sequence[str] = SCENARIOS, speed: float = 60) -> list[Row]:
    """Each in a world of its own, all at the same time."""
    with ThreadPoolExecutor(len(scenarios)) as pool:
        return list(pool.map(lambda name: _measure(name, speed), scenarios))


def _measure(name: str, speed: float) -> Row:
    scenario = shipped(name)
    with Stand(scenario, speed) as stand:
        stand.start_runs([scenario.start.cluster], scenario.start.to or "")
        run = stand.finish_all(1, 36_000 / speed)[0]
        durations = [one for one in stand.world.durations() if one.cluster == str(run.cluster)]
        noticing = sum(sum(seconds) for seconds in delays_of(stand.store.events(run.id), durations).values())
    row = row_of(name, run, durations)
    rest = row.figure * 60 - (row.baseline or 0) * 60 - noticing
    say(f"  {name}: beyond the chain {noticing:.0f} s until updates were noticed, {rest:.0f} s between updates")
    return row


def row_of(name: str, run: UpgradeRun, durations: Sequence[Duration]) -> Row:
    """Only what began with the run counts: what EKS did for its plan was over by then."""
    began, ended = _times(run)
    chain = chain_of([one for one in durations if one.started_at >= began])
    minutes, least = (ended - began).total_seconds() / 60, chain.total_seconds() / 60
    return Row(f"whole upgrade, {name}", minutes, "min", 1, least, "longest chain in AWS", 1.10)


def _times(run: UpgradeRun) -> tuple[datetime, datetime]:
    assert run.started_at is not None
    assert run.finished_at is not None
    return run.started_at, run.finished_at
