"""What the autopilot does not wait for. How it plays is seen in the scenarios."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.autopilot import Autopilot, NothingHappens
from sandbox.scenario import load_scenario
from sandbox.stage import Stage

MANIFEST = Path(__file__).parents[2] / "manifest.yml"


def test_a_bot_that_ended_before_it_came_is_told_at_once(tmp_path: Path) -> None:
    scenario = load_scenario("one-hop")
    with (
        Stage(scenario, faces=("slack",), manifest=MANIFEST.read_text(), home=tmp_path) as stage,
        pytest.raises(NothingHappens, match="ended before it came to Slack"),
    ):
        Autopilot(stage, bot_runs=lambda: False).play()
