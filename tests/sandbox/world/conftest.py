"""A healthy world for each test."""

from __future__ import annotations

import pytest

from tests.sandbox.world.play import Play, play


@pytest.fixture
def healthy() -> Play:
    return play()
