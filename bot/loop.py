"""A pass, again and again, in a thread of its own: the life of notifier, caller, App Home and fleet watch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)


class Loop:
    """Runs between `start` and `stop`; a pass that fails is logged, and does not end it.

    Args:
        name: of the thread, and in logs.
        once: one pass; returns real seconds until the next, which a `wake` cuts short.
        after_failure: real seconds until the next pass when one failed.
        gather: real seconds that a woken pass waits for more news, so that many commits make one pass.
    """

    def __init__(
        self, name: str, once: Callable[[], float], *, after_failure: float = 30.0, gather: float = 0.0
    ) -> None:
        self._name = name
        self._once = once
        self._after_failure = after_failure
        self._gather = gather
        self._news = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def stop(self, seconds: float) -> None:
        """Let the pass under way end, for so long at most, and begin no other. A pass that is long asks `stopping`."""
        self._stopping.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def wake(self) -> None:
        """There is something new."""
        self._news.set()

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while not self.stopping:
            self._news.clear()
            try:
                delay = self._once()
            except Exception:
                log.exception("%s: a pass failed; trying again", self._name)
                delay = self._after_failure
            if self._news.wait(delay):
                self._stopping.wait(self._gather)
