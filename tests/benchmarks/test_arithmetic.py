"""The figures of the table, from what was measured."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from benchmarks.ack import Acks, commands
from benchmarks.ack import rows_of as ack_rows
from benchmarks.figures import Row, percentile, render_table
from benchmarks.noticing import delays_of
from benchmarks.noticing import rows_of as noticing_rows
from benchmarks.resume import rows_of as resume_rows
from benchmarks.scan import MEAN_BYTES, TARGET, make_tree
from benchmarks.scan import rows_of as scan_rows
from benchmarks.whole import row_of
from sandbox.world.model import Duration
from tests.upgrade.runs import CLUSTER, NOW, make_run
from upgrade.events import EventKind, UpgradeEvent
from upgrade.removals.files import scan_files
from upgrade.removals.rules import builtin_rules
from upgrade.run import RunStatus


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def took(subject: str, began: float, ended: float) -> Duration:
    return Duration(str(CLUSTER), "VersionUpdate", subject, at(began), at(ended))


def told(seq: int, kind: EventKind, step_id: str, seconds: float) -> UpgradeEvent:
    return UpgradeEvent(run_id="run-1", seq=seq, at=at(seconds), kind=kind, step_id=step_id)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1000, 0, -1)]
    assert [percentile(values, percent) for percent in (50, 99, 99.95, 100)] == [500, 990, 1000, 1000]
    assert percentile([7.0], 1) == 7
    with pytest.raises(ValueError, match="nothing"):
        percentile([], 50)


def test_a_target_is_judged_by_the_ratio_or_by_the_figure() -> None:
    row = Row("ack p99", 30, "ms", 1000, 20, "bare", 1.5)
    assert (row.ratio, row.met) == (1.5, True)
    assert Row("ack p99", 30.1, "ms", 1000, 20, "bare", 1.5).met is False
    assert Row("resume", 5.1, "s", 5, 0.5, "libraries", 5.0, by_ratio=False).met is False
    assert Row("resume", 4.9, "s", 5, 0.5, "libraries", 5.0, by_ratio=False).met is True
    assert Row("ack p50", 30, "ms", 1000, 20, "bare").met is None
    assert Row("noticing", 1, "s", 1, most=0.6).met is False  # nothing to compare with is no success


def test_the_table_names_figure_baseline_ratio_and_target() -> None:
    lines = render_table(
        [Row("ack p99", 30, "ms", 1000, 20, "bare", 1.5), Row("missed", 1, "", 1000, most=0, by_ratio=False)]
    )
    header, rule, first, second = lines.splitlines()
    assert header.split() == ["measure", "n", "figure", "baseline", "ratio", "target"]
    assert set(rule) == {"-", " "}
    assert first.split() == [
        "ack",
        "p99",
        "1000",
        "30.0",
        "ms",
        "20.0",
        "ms",
        "(bare)",
        "1.50",
        "ratio",
        "<=",
        "1.5",
        "met",
    ]
    assert second.split() == ["missed", "1000", "1", "<=", "0", "MISSED"]


def test_half_of_a_burst_writes_and_what_was_paused_is_resumed_next() -> None:
    clusters = [f"c-{number}" for number in range(20)]
    one, other = commands(clusters, 50, 0), commands(clusters, 50, 1)
    assert len(one) == 50
    assert sum(text.startswith(("pause", "resume")) for text in one) == 25
    paused, resumed = (
        {text.split()[1] for text in texts if text.startswith(verb)}
        for texts, verb in ((one, "pause"), (other, "resume"))
    )
    assert paused == resumed == set(clusters[10:])


def test_acks_are_compared_percentile_by_percentile() -> None:
    missed, median, slowest = ack_rows(Acks([0.01] * 98 + [0.03] * 2, missed=1), Acks([0.02] * 100))
    assert (missed.figure, missed.samples, missed.met) == (1, 101, False)
    assert (median.figure, median.ratio, median.met) == (10, 0.5, None)
    assert slowest.ratio == pytest.approx(1.5)


def test_a_delay_runs_from_the_end_of_an_update_to_the_event_that_tells_it() -> None:
    events = [
        told(1, EventKind.STEP_FINISHED, "announce", 1),
        told(2, EventKind.UPDATE_STARTED, "control-plane@1.35", 2),
        told(3, EventKind.STEP_FINISHED, "control-plane@1.35", 618),
        told(4, EventKind.UPDATE_STARTED, "addon/coredns@v1", 620),
        told(5, EventKind.STEP_FINISHED, "addon/coredns@v1", 716),
        told(6, EventKind.UPDATE_STARTED, "control-plane@1.36", 720),
        told(7, EventKind.STEP_FINISHED, "control-plane@1.36", 1330),
        told(8, EventKind.STEP_FINISHED, "verify@1.36", 1331),
    ]
    durations = [
        took("insights", 0, 100),
        took("control-plane", 2, 600),
        took("addon/coredns", 620, 710),
        took("control-plane", 720, 1318),
    ]
    delays = delays_of(events, durations)
    assert delays == {"control plane": [18, 12], "add-on": [6]}
    plane, addon = noticing_rows(delays)
    assert (plane.samples, plane.figure, plane.ratio) == (2, 15, 0.5)
    assert addon.samples == 1
    assert addon.ratio == pytest.approx(0.4)
    with pytest.raises(ValueError, match="not those"):
        delays_of(events, durations[:-1])


def test_what_counts_of_many_kills_is_the_slowest_resume() -> None:
    (row,) = resume_rows([0.7, 5.5, 0.8], [0.4, 0.5, 0.4])
    assert (row.figure, row.baseline, row.met) == (5.5, 0.5, False)


def test_a_whole_upgrade_is_compared_with_the_chain_that_began_with_it() -> None:
    run = make_run(RunStatus.SUCCEEDED, started_at=at(0), finished_at=at(1320))
    before, one = took("insights", -100, -10), took("control-plane", 5, 605)
    beside, after = took("addon/coredns", 10, 100), took("nodegroup/core", 610, 1210)
    row = row_of("two-hops", run, [before, one, beside, after])
    assert (row.figure, row.baseline) == (22, 20)
    assert row.ratio == pytest.approx(1.1)
    assert row.met


def test_a_scan_is_compared_with_the_same_parser_without_its_prefilter(tmp_path: Path) -> None:
    size = make_tree(tmp_path, 60)
    quick, slow = (
        scan_files([str(tmp_path)], TARGET, builtin_rules(), stdin=io.BytesIO(), every=every) for every in (False, True)
    )
    assert 0.75 < size / 60 / MEAN_BYTES < 1.35
    differ, hits, ratio = scan_rows(1.0, quick, 10.0, slow)
    assert (differ.figure, differ.met) == (0, True)
    assert hits.figure == pytest.approx(100 * len({one.path for one in slow.findings}) / 60)
    assert (ratio.ratio, ratio.met) == (0.1, True)
    slow.findings.pop()
    assert scan_rows(1.0, quick, 7.0, slow)[0].met is False
    assert scan_rows(1.0, quick, 7.0, slow)[2].met is False
