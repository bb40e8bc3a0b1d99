"""How long the tests wait: long enough for a machine many times slower than ours. Only what is broken takes as long."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, TypeVar

#: Real seconds in which a condition has to come true, a process to end, an answer to arrive.
LONGEST: Final = 300.0
#: What the simulated Slack gives the bot for an ack instead of three seconds, wherever a test is not about them.
SLACK_SECONDS: Final = 60.0
T = TypeVar("T")


def wait_for(true: Callable[[], T | None], what: str = "it to come true", limit: float = LONGEST) -> T:
    """What the condition gives, once it holds."""
    give_up = time.monotonic() + limit
    while not (found := true()):
        assert time.monotonic() < give_up, f"waited {limit:.0f} s for {what}"
        time.sleep(0.03)
    return found
