"""The benchmark of readiness: its figures, and that its small cluster is read whole by both sides."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.readiness import measure, rows_of
from benchmarks.readiness_reads import Listing, Reading
from benchmarks.recorded_objects import EVERYWHERE, Size, apps, pods
from benchmarks.stand import NothingMoves

READING = Reading(seconds=3, cpu=2, check_seconds=1, check_cpu=1, megabytes=300, pods=50, findings=7, unknown=())
LISTING = Listing(seconds=20, cpu=15, megabytes=2_000, pods=50)


def test_the_time_is_that_of_snapshot_and_checks_together() -> None:
    slow = dataclasses.replace(READING, seconds=100, megabytes=501)
    whole, cpu, checks, memory = rows_of([READING, slow, READING], [LISTING] * 3)
    assert (whole.figure, whole.ratio, whole.met) == (4, 0.2, True)
    assert cpu.ratio == pytest.approx(0.2)
    assert (checks.figure, checks.met) == (1, True)
    assert (memory.figure, memory.met) == (501, False)  # of peaks the largest counts


@pytest.mark.parametrize("changed", [{"unknown": ("nodes",)}, {"pods": 49}])
def test_what_was_not_read_whole_is_no_figure(changed: dict[str, object]) -> None:
    with pytest.raises(NothingMoves, match="not read"):
        rows_of([dataclasses.replace(READING, **changed)], [LISTING])  # type: ignore[arg-type]


def test_pods_are_as_many_and_as_large_as_said() -> None:
    size = Size(nodes=10, pods=200, workloads=30, pdbs=5, releases=2)
    made = list(pods(size, apps(size)))
    assert len(made) == size.pods > size.nodes * len(EVERYWHERE)
    assert 5_000 < sum(map(len, made)) / len(made) < 9_000


def test_both_sides_read_a_small_cluster_whole() -> None:
    whole, *_ = measure(Size(nodes=5, pods=60, workloads=30, pdbs=5, releases=2), rounds=1)
    assert whole.figure > 0
    assert whole.baseline
