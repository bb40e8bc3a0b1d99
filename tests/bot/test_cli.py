"""The command line knows its commands by name, and loads no more than the one that is run."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from bot.cli import HOMES

HEAVY = ("boto3", "kubernetes", "slack_bolt", "slack_sdk", "apscheduler")


@pytest.mark.parametrize("home", HOMES)
def test_each_command_is_where_it_is_looked_for_and_none_is_forgotten(home: str) -> None:
    assert sorted(import_module(home).commands.commands) == sorted(HOMES[home])


@pytest.mark.parametrize("words", ["['manifest']", "['healthcheck']"])
def test_what_runs_often_or_early_loads_none_of_the_heavy_libraries(words: str) -> None:
    script = f"import sys; from bot.__main__ import run; run({words}); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env={}, check=True)
    assert set(HEAVY).isdisjoint(done.stderr.split())
