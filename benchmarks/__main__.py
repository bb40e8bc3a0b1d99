"""``python -m benchmarks [NAME]…``: measure, and print one table. No target fails the command."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import click

from benchmarks import ack, noticing, readiness, resume, scan, whole
from benchmarks.figures import Row, render_table
from benchmarks.recorded_objects import Size
from benchmarks.stand import say


@dataclass(frozen=True)
class Benchmark:
    """What is asked, and the two sizes of the answer."""

    question: str
    full: Callable[[], list[Row]]
    quick: Callable[[], list[Row]]


BENCHMARKS = {
    "ack": Benchmark(
        "How fast are commands acknowledged while upgrades run?",
        ack.measure,
        partial(ack.measure, upgrades=4, bursts=4),
    ),
    "noticing": Benchmark(
        "How long until a step that AWS has finished is told as finished?",
        noticing.measure,
        partial(noticing.measure, clusters=3, version="1.35", speed=60),
    ),
    "readiness": Benchmark(
        "How long does readiness of 2,000 nodes take, against the official client's list of their pods alone?",
        readiness.measure,
        partial(readiness.measure, Size(nodes=100, pods=1_000, workloads=150, pdbs=25, releases=10), rounds=1),
    ),
    "resume": Benchmark(
        "How long after kill -9 and a new start is every run looked at again?",
        resume.measure,
        partial(resume.measure, upgrades=4, kills=1),
    ),
    "scan": Benchmark(
        "How much faster is a scan of files than its own parser without the prefilter?",
        scan.measure,
        partial(scan.measure, files=1_000),
    ),
    "whole": Benchmark(
        "How much longer than AWS itself does a whole upgrade take?",
        whole.measure,
        partial(whole.measure, scenarios=("two-hops",)),
    ),
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(BENCHMARKS)))
@click.option("--quick", is_flag=True, help="Small sizes: to see that it works, not to quote.")
def main(names: tuple[str, ...], quick: bool) -> None:
    """Measure the bot in the sandbox. Progress goes to stderr."""
    rows = []
    for name in names or tuple(BENCHMARKS):
        benchmark = BENCHMARKS[name]
        # On a machine with more to do than it has cores, tails tell of the machine.
        say(f"{name}: {benchmark.question} (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)")
        rows += benchmark.quick() if quick else benchmark.full()
    click.echo(render_table(rows))


if __name__ == "__main__":
    main()
