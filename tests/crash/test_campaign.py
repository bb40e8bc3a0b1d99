"""The long campaign (`make crash`): every boundary, then a sample of them one by one, then any moment at all."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.crash.boundaries import EACH, part
from tests.crash.night import Night, night_told_well
from tests.crash.tale import Nursery, Tale, told_well

pytestmark = pytest.mark.campaign

#: An undisturbed run passes some eleven hundred; how many exactly is for the threads and the polls to say.
SAMPLED = range(7, 900, 19)
SEEDS = range(6)
#: Each is a night of its own, so that they run beside each other; together they have all boundaries of one.
SHARES = 6


def ends_after_deaths(tale: Tale, more_than: int) -> None:
    """Each death was at a boundary of its own."""
    deaths = tale.died_at()
    assert len(deaths) == len(set(deaths))
    assert len(deaths) > more_than
    print(f"{len(deaths)} deaths, {len(tale.events)} events, {len(tale.messages)} messages")
    tale.end()


def test_one_upgrade_whose_bot_dies_at_every_boundary_in_turn(nursery: Nursery, tmp_path: Path) -> None:
    """Each life ends at the first boundary at which none ended before, until there is none left."""
    with Tale(nursery, tmp_path, then=EACH, speed=1200.0, limit=1400.0) as tale:
        tale.to_the_end()
        told_well(tale)
        ends_after_deaths(tale, more_than=600)


@pytest.mark.parametrize("share", range(SHARES))
def test_a_night_whose_bot_dies_at_every_boundary_of_a_share(nursery: Nursery, tmp_path: Path, share: int) -> None:
    """Of what is decided, told, called and changed; of what any upgrade does besides only a sample (`ORDINARY`)."""
    with Night(nursery, tmp_path, then=part(share, SHARES), limit=1400.0) as tale:
        tale.to_the_end()
        night_told_well(tale)
        ends_after_deaths(tale, more_than=20)


@pytest.mark.parametrize("number", SAMPLED)
def test_an_upgrade_whose_bot_dies_once(nursery: Nursery, tmp_path: Path, number: int) -> None:
    with Tale(nursery, tmp_path, [str(number)]) as tale:
        tale.to_the_end()
        told_well(tale)
        assert len(tale.died_at()) == 1
        tale.end()


@pytest.mark.parametrize("seed", SEEDS)
def test_an_upgrade_whose_bot_dies_at_any_moment(nursery: Nursery, tmp_path: Path, seed: int) -> None:
    """Killed from outside, also within a transaction or a call."""
    chance = random.Random(seed)
    with Tale(nursery, tmp_path, speed=600.0) as tale:
        for _ in range(12):
            lives_until = time.monotonic() + chance.uniform(0.3, 2.0)
            tale.until(lambda until=lives_until: time.monotonic() > until)  # type: ignore[misc]
            tale.kill()
        tale.to_the_end()
        told_well(tale)
        tale.end()
