"""How long does readiness of a big cluster take, against what the official client needs merely to list its pods?"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import TypeVar

import msgspec

from benchmarks.figures import Row
from benchmarks.readiness_reads import Listing, Reading
from benchmarks.recorded_cluster import RecordedCluster
from benchmarks.recorded_objects import Size
from benchmarks.stand import NothingMoves, say

MOST_RATIO = 0.20
MOST_MEGABYTES = 500.0
MOST_CHECK_SECONDS = 1.0

R = TypeVar("R")


def measure(size: Size = Size(), rounds: int = 3) -> list[Row]:  # noqa: B008  (frozen)
    """Both in turn, each time in a process of its own."""
    say(f"readiness: recording {size.nodes} nodes, {size.pods} pods, {size.workloads} workloads")
    cluster = RecordedCluster(size)
    try:
        say(f"readiness: mean pod {cluster.pod_bytes / size.pods / 1024:.1f} KiB")
        readings, listings = [], []
        for _ in range(rounds):
            readings.append(_alone(Reading, ["read"], cluster.environment))
            listings.append(_alone(Listing, [cluster.url, cluster.authority], {}))
            _tell(readings[-1], listings[-1])
    finally:
        cluster.stop()
    return rows_of(readings, listings)


def _tell(reading: Reading, listing: Listing) -> None:
    say(
        f"  snapshot {reading.seconds:.1f} s ({reading.cpu:.1f} s CPU), checks {reading.check_seconds:.2f} s "
        f"({reading.check_cpu:.2f} s CPU), "
        f"{reading.megabytes:.0f} MB; official list {listing.seconds:.1f} s ({listing.cpu:.1f} s CPU), "
        f"{listing.megabytes:.0f} MB; load {os.getloadavg()[0]:.1f}"
    )


def rows_of(readings: Sequence[Reading], listings: Sequence[Listing]) -> list[Row]:
    """The median of the times, the largest of the peaks. Raises NothingMoves when something was left unread."""
    for reading, listing in zip(readings, listings, strict=True):
        if reading.unknown or reading.pods != listing.pods:
            raise NothingMoves(f"not read: {', '.join(reading.unknown) or 'some pods'}")
    number = len(readings)
    checks = statistics.median(one.check_seconds for one in readings)
    whole = statistics.median(one.seconds + one.check_seconds for one in readings)
    cpu = statistics.median(one.cpu + one.check_cpu for one in readings)
    listed, list_cpu = (statistics.median(getattr(one, name) for one in listings) for name in ("seconds", "cpu"))
    peak, list_peak = (max(one.megabytes for one in several) for several in (readings, listings))
    against = "official client, pods alone"
    return [
        Row("readiness: snapshot and checks", whole, "s", number, listed, against, MOST_RATIO),
        Row("readiness: the same in CPU time", cpu, "s", number, list_cpu, against),
        Row("readiness: all checks", checks, "s", number, most=MOST_CHECK_SECONDS, by_ratio=False),
        Row("readiness: peak memory", peak, "MB", number, list_peak, against, MOST_MEGABYTES, by_ratio=False),
    ]


def _alone(kind: type[R], arguments: Sequence[str], environment: Mapping[str, str]) -> R:
    """In a process that is new, so that its peak memory is its own; nothing of the machine's AWS is in there."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    command = [sys.executable, "-m", "benchmarks.readiness_reads", *arguments]
    done = subprocess.run(command, env=inherited | dict(environment), stdout=subprocess.PIPE, check=True)
    return msgspec.json.decode(done.stdout, type=kind)
