"""Domain time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.clock import DomainClock, ManualClock

ORIGIN = datetime(2026, 11, 17, 9, tzinfo=UTC)


def test_domain_time_runs_at_its_rate() -> None:
    clock = DomainClock(ORIGIN, rate=60, wall_origin=time.time() - 10)
    before, now, after = time.time(), clock.now(), time.time()
    passed = (now - ORIGIN).total_seconds()
    # A datetime is kept in whole microseconds.
    assert (before - clock.wall_origin) * 60 - 1e-3 <= passed <= (after - clock.wall_origin) * 60 + 1e-3
    assert passed > 599
    assert clock.to_real(timedelta(minutes=1)) == 1.0
    assert clock.to_real(timedelta(minutes=-1)) == 0.0


def test_setting_says_all_that_another_process_needs() -> None:
    clock = DomainClock(ORIGIN, rate=600, wall_origin=1_700_000_000.1234)
    assert clock.setting() == f"scaled:{ORIGIN.timestamp():.3f}:1700000000.123:600"
    _, domain, wall, rate = clock.setting().split(":")
    other = DomainClock(datetime.fromtimestamp(float(domain), UTC), float(rate), float(wall))
    assert clock.now() <= other.now() <= clock.now()


@pytest.mark.parametrize(("origin", "rate"), [(ORIGIN.replace(tzinfo=None), 1.0), (ORIGIN, 0.0), (ORIGIN, -1.0)])
def test_senseless_clocks_are_refused(origin: datetime, rate: float) -> None:
    with pytest.raises(ValueError, match=r"time zone|positive"):
        DomainClock(origin, rate)


def test_manual_clock_moves_only_forward() -> None:
    clock = ManualClock(ORIGIN)
    clock.advance(timedelta(minutes=5))
    assert clock.now() == ORIGIN + timedelta(minutes=5)
    with pytest.raises(ValueError, match="does not go back"):
        clock.set(ORIGIN)
