"""One stage for all of doctor's tests; each breaks one thing, looks, and mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.config import load_settings
from bot.doctor.command import examine
from bot.doctor.verdicts import State, Verdict
from sandbox.scenario import load_scenario
from sandbox.slack import RateLimits
from sandbox.stage import Stage

MANIFEST = Path(__file__).parents[3] / "manifest.yml"


@dataclass
class Clinic:
    """A stage and the settings that doctor reads; ``settings`` may be changed before an examination."""

    stage: Stage
    environment: pytest.MonkeyPatch
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    def examine(self) -> list[Verdict]:
        file = self.folder / "doctor.yaml"
        file.write_text(yaml.safe_dump(self.settings))
        return list(examine(load_settings(file)))

    def to_fix(self) -> list[Verdict]:
        return [verdict for verdict in self.examine() if verdict.state is State.FIX]


def enter(stage: Stage, environment: pytest.MonkeyPatch, folder: Path) -> Clinic:
    for variable, value in stage.environment().items():
        if variable.startswith(("AWS_", "SLACK_", "PAGERDUTY_", "EKS_UPGRADE_BOT_CLOCK")):
            environment.setenv(variable, value)
    settings = yaml.safe_load(stage.config_file.read_text())
    settings["database"] = str(folder / "bot.db")
    return Clinic(stage, environment, folder, settings)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    pacing = RateLimits(enabled=False)
    with Stage(load_scenario("two-hops"), speed=60, manifest=MANIFEST.read_text(), slack_rate_limits=pacing) as stage:
        yield stage


@pytest.fixture
def clinic(stage: Stage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clinic:
    return enter(stage, monkeypatch, tmp_path)


@pytest.fixture
def without_slack(clinic: Clinic) -> Clinic:
    for name in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
        clinic.environment.delenv(name)
    return clinic


@pytest.fixture
def without_clusters(clinic: Clinic) -> Clinic:
    clinic.settings["clusters"] = []
    return clinic


Enter = Callable[[Stage], Clinic]


@pytest.fixture
def entering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Enter:
    """For a stage of the test's own."""
    return lambda stage: enter(stage, monkeypatch, tmp_path)
