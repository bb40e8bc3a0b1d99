"""What every test shares: a test that needs a tool is skipped without it, but fails where CI promises the tool."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.remote import Producer  # type: ignore[import-untyped]
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.warm_shell import WarmShell

TOOLS = {"browser": ("chromium", "chromium-browser", "google-chrome"), "kubectl": ("kubectl",)}
#: What takes longest begins first, so that no worker is left alone with it at the end.
_FIRST: Final = (
    "tests/scenarios/",
    "tests/crash/",
    "tests/handlers/test_conversation",
    "tests/benchmarks/",
    "tests/browser/",
    "tests/upgrade/test_half_way",
    "tests/bot/",
)
#: Their tests share nothing that is dear to set up: each goes to whichever worker is free.
_ONE_BY_ONE: Final = (
    "tests/scenarios/test_shipped",
    "tests/scenarios/test_loopback_only",
    "tests/crash/",
    "tests/handlers/test_conversation",
    "tests/upgrade/test_half_way",
)

# The same examples on every machine and in every run, however long one takes: what is found is found before it lands.
# `make test ARGS=--hypothesis-profile=default` looks for others.
settings.register_profile("daily", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("daily")


@pytest.fixture(scope="session")
def warm_shell() -> Iterator[WarmShell]:
    shell = WarmShell()
    yield shell
    shell.close()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--pictures", metavar="FOLDER", help="where the browser stories write the pictures of the docs")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, commands in TOOLS.items():
        if item.get_closest_marker(marker) is None or any(shutil.which(command) for command in commands):
            continue
        message = f"needs {' or '.join(commands)}"
        if os.environ.get("REQUIRE_TOOLS"):
            pytest.fail(message)
        pytest.skip(message)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The long campaign runs only when it is asked for by its marker; of the rest the long ones come first."""
    items.sort(key=lambda item: next((at for at, start in enumerate(_FIRST) if item.nodeid.startswith(start)), 99))
    if "campaign" in str(config.getoption("markexpr", default="")):
        return
    chosen = [item for item in items if item.get_closest_marker("campaign") is None]
    config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("campaign")])
    items[:] = chosen


class ByModule(LoadScopeScheduling):  # type: ignore[misc]
    """A module's tests go to one worker, in order: what they share, such as a stage, is set up once."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if nodeid.startswith(_ONE_BY_ONE) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByModule:
    return ByModule(config, log)
