"""The harness at its smallest, over the wire: it measures, and asserts nothing about time."""

from __future__ import annotations

import pytest

from benchmarks import ack, resume
from benchmarks.scenarios import many_clusters
from benchmarks.stand import Stand
from tests.patience import LONGEST, SLACK_SECONDS


@pytest.mark.campaign
def test_acks_and_a_resume_are_measured_while_an_upgrade_runs() -> None:
    with Stand(many_clusters(1, "1.33"), speed=30, ack_seconds=SLACK_SECONDS) as stand:
        stand.begin_all(LONGEST)
        missed, median, slowest = ack.measure_on(stand, bursts=1, burst=6)
        (resumed,) = resume.measure_on(stand, kills=1)
    assert missed.figure == 0
    assert missed.samples == median.samples == 6
    assert slowest.figure >= median.figure > 0
    assert slowest.baseline is not None
    assert slowest.baseline > 0
    assert resumed.samples == 1
    assert resumed.figure > 0
    assert resumed.ratio is not None
