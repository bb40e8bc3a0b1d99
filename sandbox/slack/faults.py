"""Faults on demand, so that a test or a person can see what the app makes of them."""

import fnmatch
import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What happens to a Web API call.

    kind: `rate-limited` (429), `server-error` (500), `reset-before` (connection reset, nothing happened), `reset-after`
    (connection reset, though it happened), `delay`, or `error` (answers `ok: false` with `code`).
    """

    kind: str
    seconds: float = 1.0
    code: str = "internal_error"


KINDS = frozenset({"rate-limited", "server-error", "reset-before", "reset-after", "delay", "error"})


@dataclass
class _Planned:
    methods: str
    fault: Fault
    left: int


class Faults:
    """Which calls go wrong next, and if Slack is there at all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[_Planned] = []
        self._duplicates = 0
        self.outage = False

    def fail_next(self, methods: str, fault: Fault, times: int = 1) -> None:
        """Let the next `times` calls of `methods` (a name, a pattern such as `chat.*`, or
        `response_url`) meet `fault`."""
        if fault.kind not in KINDS:
            raise ValueError(f"{fault.kind!r} is not a fault; there are {sorted(KINDS)}")
        with self._lock:
            self._planned.append(_Planned(methods, fault, times))

    def duplicate_next_envelopes(self, times: int = 1) -> None:
        """Send the next `times` Socket Mode envelopes twice."""
        with self._lock:
            self._duplicates += times

    def clear(self) -> None:
        with self._lock:
            self._planned.clear()
            self._duplicates = 0

    def take(self, method: str) -> Fault | None:
        with self._lock:
            for planned in self._planned:
                if fnmatch.fnmatchcase(method, planned.methods):
                    planned.left -= 1
                    if planned.left <= 0:
                        self._planned.remove(planned)
                    return planned.fault
            return None

    def take_duplicate(self) -> bool:
        with self._lock:
            if self._duplicates:
                self._duplicates -= 1
                return True
            return False
