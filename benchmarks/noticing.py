"""How long after AWS has finished a step the engine says so, in units of the poll interval."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import fmean

from benchmarks.figures import Row
from benchmarks.scenarios import many_clusters
from benchmarks.stand import Stand, say
from bot.config import PollSettings
from sandbox.world.model import Duration
from upgrade.events import EventKind, UpgradeEvent

POLLS: Mapping[str, timedelta] = {
    "control plane": PollSettings().control_plane,
    "add-on": PollSettings().addon,
    "node group": PollSettings().nodegroup,
}
_KINDS = {"control-plane": "control plane", "addon": "add-on", "nodegroup": "node group"}
Delays = dict[str, list[float]]


def measure(*, clusters: int = 24, version: str = "1.33", speed: float = 12) -> list[Row]:
    """All clusters are upgraded at the same time, each in its own phase of polling.

    The speed is low, because the real time that a look takes counts ``speed`` times.
    """
    with Stand(many_clusters(clusters, version, groups=2), speed) as stand:
        stand.begin_all(300)
        runs = stand.finish_all(clusters, 10_800 / speed)
        durations = stand.world.durations()
        events = {str(run.cluster): stand.store.events(run.id) for run in runs}
    delays: Delays = defaultdict(list)
    for cluster, told in events.items():
        for kind, seconds in delays_of(told, [one for one in durations if one.cluster == cluster]).items():
            delays[kind] += seconds
    say(f"  {sum(len(seconds) for seconds in delays.values())} updates were noticed")
    return rows_of(delays)


def delays_of(events: Sequence[UpgradeEvent], durations: Sequence[Duration]) -> Delays:
    """By kind of step, domain seconds from the end of each update of one cluster to its step-finished event.

    Raises ValueError when what was told and what AWS did are not the same updates.
    """
    ended: dict[str, list[datetime]] = defaultdict(list)
    for one in durations:
        if one.subject != "insights":
            ended[one.subject].append(one.ended_at)
    acted = {event.step_id for event in events if event.kind is EventKind.UPDATE_STARTED}
    finished: dict[str, list[datetime]] = defaultdict(list)
    for event in events:
        if event.kind is EventKind.STEP_FINISHED and event.step_id in acted:
            finished[subject_of(event.step_id or "")].append(event.at)
    if {name: len(at) for name, at in ended.items()} != {name: len(at) for name, at in finished.items()}:
        raise ValueError("the updates that AWS made are not those that the engine told")
    delays: Delays = defaultdict(list)
    for subject, times in finished.items():
        kind = _KINDS[subject.partition("/")[0]]
        pairs = zip(sorted(times), sorted(ended[subject]), strict=True)
        delays[kind] += [(told_at - ended_at).total_seconds() for told_at, ended_at in pairs]
    return delays


def subject_of(step_id: str) -> str:
    """What the world calls the subject of a step: ``addon/coredns@v1`` is about ``addon/coredns``."""
    return step_id.partition("@")[0]


def rows_of(delays: Mapping[str, Sequence[float]]) -> list[Row]:
    return [
        Row(
            f"noticing, {kind}, mean delay",
            fmean(delays[kind]),
            "s",
            len(delays[kind]),
            poll.total_seconds(),
            "poll interval",
            0.6,
        )
        for kind, poll in POLLS.items()
        if delays.get(kind)
    ]
