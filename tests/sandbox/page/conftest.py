"""One stage for each module: its tests leave it as usable as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.sandbox.page.playground import Playground
from tests.sandbox.slack.conftest import connect

__all__ = ["connect"]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with Playground(tmp_path_factory.mktemp("page")) as playground:
        yield playground
