"""How fast we may call Slack (docs.slack.dev/apis/web-api/rate-limits), kept a little below what Slack takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

#: (burst, calls a second). chat.postMessage: one a second and channel, short bursts are fine; the rest by tier.
_POST: Final = (4.0, 1.0)
_TIER_2: Final = (10.0, 18 / 60)
_TIER_3: Final = (20.0, 45 / 60)
_TIERS: Final = {"conversations.list": _TIER_2}


@dataclass
class _Bucket:
    burst: float
    per_second: float
    level: float
    filled_at: float
    closed_until: float = 0.0


class Pacing:
    """Token buckets: by channel for chat.postMessage, by method for everything else.

    Args:
        clock: the machine's monotonic time; pacing is never domain time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._buckets: dict[str, _Bucket] = {}

    def wait(self, method: str, channel: str, *, spare: float = 0) -> float:
        """Real seconds until one more call may go out; 0.0 when it may now.

        ``spare``: calls that must be left after it, for what cannot wait.
        """
        bucket = self._filled(method, channel)
        closed = bucket.closed_until - self.clock()
        missing = max(0.0, (1 + spare - bucket.level) / bucket.per_second)
        return max(0.0, closed, missing)

    def take(self, method: str, channel: str) -> None:
        """A call goes out."""
        self._filled(method, channel).level -= 1

    def close(self, method: str, channel: str, seconds: float) -> None:
        """Slack said 429: nothing more until then."""
        bucket = self._filled(method, channel)
        bucket.closed_until = max(bucket.closed_until, self.clock() + seconds)

    def _filled(self, method: str, channel: str) -> _Bucket:
        posts = method == "chat.postMessage"
        key = f"{method} {channel}" if posts else method
        now = self.clock()
        if key not in self._buckets:
            burst, per_second = _POST if posts else _TIERS.get(method, _TIER_3)
            self._buckets[key] = _Bucket(burst, per_second, burst, now)
        bucket = self._buckets[key]
        bucket.level = min(bucket.burst, bucket.level + (now - bucket.filled_at) * bucket.per_second)
        bucket.filled_at = now
        return bucket
