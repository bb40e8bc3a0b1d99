"""How often an app may call (docs.slack.dev/apis/web-api/rate-limits), and how long texts may be."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

PER_MINUTE = {"tier1": 1, "tier2": 20, "tier3": 50, "tier4": 100, "special": 600}
POSTS_PER_CHANNEL = 1.0  # a second
POST_BURST = 5
POSTS_PER_WORKSPACE = 300  # a minute

# Characters of a message's blocks as JSON; not documented, but met (slackapi/bolt-js issues 2509 and 2867).
MOST_BLOCKS_TOGETHER = 13_000
MOST_TEXT_POSTED = 40_000  # longer text is cut
MOST_TEXT_UPDATED = 4_000
MOST_METADATA = 16_384
ALT_TEXT = 1_000
MOST_VIEW_BYTES = 250_000
ACK_SECONDS = 3.0
TRIGGER_SECONDS = 3.0
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5
MOST_CONNECTIONS = 10
EVENT_RETRY_DELAYS = (0.0, 60.0, 300.0)


@dataclass
class _Bucket:
    size: float
    per_second: float
    level: float
    filled_at: float

    def wait(self, now: float) -> float:
        """Seconds until one call fits; 0.0 when it does."""
        self.level = min(self.size, self.level + (now - self.filled_at) * self.per_second)
        self.filled_at = now
        return 0.0 if self.level >= 1 else (1 - self.level) / self.per_second


class RateLimits:
    """Token buckets by method, and by channel for chat.postMessage.

    Args:
        enabled: False lets every call through.
        scale: all rates times this, for tests and fast worlds.
    """

    def __init__(self, enabled: bool = True, scale: float = 1.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.enabled = enabled
        self.scale = scale
        self._clock = clock
        self._buckets: dict[tuple[str, str], _Bucket] = {}
        self._lock = threading.Lock()

    def refuse(self, method: str, tier: str, channel: str = "") -> int | None:
        """Count a call; None if it may pass, else the whole seconds for Retry-After."""
        if not self.enabled:
            return None
        with self._lock:
            now = self._clock()
            if method == "chat.postMessage":
                buckets = [
                    self._bucket(method, channel, POST_BURST, POSTS_PER_CHANNEL, now),
                    self._bucket(method, "", POSTS_PER_WORKSPACE, POSTS_PER_WORKSPACE / 60, now),
                ]
            else:
                buckets = [self._bucket(method, "", PER_MINUTE[tier], PER_MINUTE[tier] / 60, now)]
            wait = max(bucket.wait(now) for bucket in buckets)
            if wait > 0:
                return max(1, math.ceil(wait))
            for bucket in buckets:
                bucket.level -= 1
            return None

    def _bucket(self, method: str, channel: str, size: float, per_second: float, now: float) -> _Bucket:
        key = (method, channel)
        if key not in self._buckets:
            self._buckets[key] = _Bucket(size * max(1.0, self.scale), per_second * self.scale, 0.0, now)
            self._buckets[key].level = self._buckets[key].size
        return self._buckets[key]
