"""What goes wrong on the way: throttling, failing services, slow answers, answers lost after the call took effect."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Literal

from sandbox.aws.requests import Answer, ApiRequest, refuse
from sandbox.aws.server import LostConnection
from sandbox.world.world import World


@dataclass(slots=True)
class _Trouble:
    operation: str
    kind: Literal["unavailable", "internal-failure", "lost-answer", "cut-before"]
    calls: int


class Disturbances:
    """Troubles by operation (`UpdateAddon`, or `*` for all). The world's own `throttle` faults count too."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._troubles: list[_Trouble] = []
        self._latency: dict[str, float] = {}
        self._lock = threading.Lock()

    def fail(
        self,
        operation: str,
        kind: Literal["unavailable", "internal-failure", "lost-answer", "cut-before"] = "unavailable",
        calls: int = 1,
    ) -> None:
        """The next `calls` calls of the operation fail.

        `unavailable` (503) and `internal-failure` (500) come before any effect; `cut-before` cuts the connection
        before any effect, `lost-answer` after the call took effect.
        """
        with self._lock:
            self._troubles.append(_Trouble(operation, kind, calls))

    def slow(self, operation: str, seconds: float) -> None:
        """Each answer to the operation takes so many real seconds longer; 0 ends it."""
        with self._lock:
            self._latency[operation] = seconds

    def before(self, request: ApiRequest) -> Answer | None:
        """What is answered instead of doing the call, or None. Raises LostConnection."""
        with self._lock:
            delay = max(self._latency.get(request.operation, 0.0), self._latency.get("*", 0.0))
        if delay:
            time.sleep(delay)
        with self._world.current():
            throttled = self._world.faults.throttles(request.operation)
        if throttled:
            return refuse(request.service, "throttled", "Rate exceeded")
        kind = self._take(request.operation, ("unavailable", "internal-failure", "cut-before"))
        if kind == "cut-before":
            raise LostConnection
        if kind == "unavailable":
            return refuse(request.service, "unavailable", "Service is unavailable. Please try again.")
        if kind == "internal-failure":
            return refuse(request.service, "internal-failure", "An internal error occurred. Please try again.")
        return None

    def after(self, request: ApiRequest, answer: Answer) -> Answer:
        """The answer, unless it gets lost (LostConnection)."""
        if self._take(request.operation, ("lost-answer",)):
            raise LostConnection
        return answer

    def _take(self, operation: str, kinds: tuple[str, ...]) -> str | None:
        with self._lock:
            for trouble in self._troubles:
                if trouble.operation in (operation, "*") and trouble.kind in kinds and trouble.calls > 0:
                    trouble.calls -= 1
                    return trouble.kind
        return None
