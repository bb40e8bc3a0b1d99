"""Two processes that share three numbers share the time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from upgrade.engine.clock import ScaledClock, SystemClock, parse_clock
from upgrade.ports import Clock


def test_a_scaled_clock_runs_rate_times_as_fast_from_its_origin() -> None:
    origin = datetime(2026, 3, 1, tzinfo=UTC)
    began = time.time() - 10
    clock = ScaledClock(origin.timestamp(), began, 60)
    before, now, after = time.time(), clock.now(), time.time()
    # A datetime is kept in whole microseconds.
    assert (before - began) * 60 - 1e-3 <= (now - origin).total_seconds() <= (after - began) * 60 + 1e-3
    assert now - origin > timedelta(minutes=9)
    assert clock.real_seconds(timedelta(minutes=1)) == 1
    assert clock.real_seconds(timedelta(minutes=-1)) == 0


def test_clocks_of_one_text_agree() -> None:
    text = f"scaled:1772000000:{time.time()}:600"
    one, other = ScaledClock.parse(text), ScaledClock.parse(text)
    assert one.now() <= other.now() <= one.now()


@pytest.mark.parametrize(
    "text",
    ["scaled", "scaled:1:2", "scaled:1:2:0", "scaled:1:2:-5", "scaled:a:b:c", "real:1:2:3", "scaled:1:2:3:4",
     "scaled:nan:1:2", "scaled:1:inf:2", "scaled:1:2:nan", "scaled:1:2:1e9"],
)  # fmt: skip
def test_anything_else_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"clock"):
        parse_clock(text)


def test_the_default_is_the_machines_clock() -> None:
    clock: Clock = parse_clock("system")
    assert type(clock) is SystemClock is type(parse_clock(""))
    assert datetime.now(UTC) <= clock.now() <= datetime.now(UTC)
    assert clock.now().tzinfo is UTC
    assert clock.real_seconds(timedelta(seconds=3)) == 3


def test_names_are_fresh_and_short() -> None:
    names = {SystemClock().new_id() for _ in range(100)}
    assert len(names) == 100
    assert all(len(name) == 8 and int(name, 16) >= 0 for name in names)
