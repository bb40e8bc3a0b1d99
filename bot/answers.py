"""What follows an ack: answers to questions, dialogs, App Home."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bot.acks import Acks

#: Few, so that a flood of questions takes no time from acks.
_THREADS: Final = 8
#: Real seconds between an ack and what follows it: many requests at once are acknowledged meanwhile.
_BREATH: Final = 0.05


class Answers:
    """Threads of their own, so that no ack waits for Slack or for somebody else's answer (decision 0004)."""

    def __init__(self, acks: Acks) -> None:
        self._acks = acks
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="answers")

    def later(self, work: Callable[[], object]) -> None:
        """Do it in a moment. It handles its own errors."""
        self._pool.submit(self._after_a_breath, work)

    def stop(self) -> None:
        """Returns when those that were begun have ended; the others are dropped: an answer may get lost."""
        self._pool.shutdown(cancel_futures=True)

    def _after_a_breath(self, work: Callable[[], object]) -> None:
        time.sleep(_BREATH)
        self._acks.first()
        work()
