"""What every test shares: a test that needs a tool is skipped without it, but fails where CI promises the tool."""

from __future__ import annotations

import os
import shutil

import pytest
from hypothesis import HealthCheck, settings

TOOLS = {"browser": ("chromium", "chromium-browser", "google-chrome"), "kubectl": ("kubectl",)}

# The same examples on every machine and in every run, however long one takes: what is found is found before it lands.
# `make test ARGS=--hypothesis-profile=default` looks for others.
settings.register_profile("daily", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("daily")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, commands in TOOLS.items():
        if item.get_closest_marker(marker) is None or any(shutil.which(command) for command in commands):
            continue
        message = f"needs {' or '.join(commands)}"
        if os.environ.get("REQUIRE_TOOLS"):
            pytest.fail(message)
        pytest.skip(message)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long campaign runs only when it is asked for by its marker."""
    if "campaign" in str(config.getoption("markexpr", default="")):
        return
    chosen = [item for item in items if item.get_closest_marker("campaign") is None]
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("campaign")])
    items[:] = chosen
