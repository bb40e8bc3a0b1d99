"""A cluster's bearer token, made again before it is too old."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

# EKS accepts a token for 15 minutes after it was signed.
RENEW_AFTER_SECONDS: Final = 600.0


class TokenCache:
    """Keeps one token.

    Args:
        mint: makes a new token.
        now: seconds of the machine's clock; a token's age has nothing to do with domain time (DESIGN 7).
    """

    def __init__(self, mint: Callable[[], str], now: Callable[[], float] = time.monotonic) -> None:
        self._mint = mint
        self._now = now
        self._lock = threading.Lock()
        self._token: str | None = None
        self._made_at = 0.0

    def token(self) -> str:
        with self._lock:
            if self._token is None or self._now() - self._made_at > RENEW_AFTER_SECONDS:
                self._token = self._mint()
                self._made_at = self._now()
            return self._token

    def forget(self, token: str) -> None:
        """The cluster refused this token (C-16). One that another thread has made since is kept."""
        with self._lock:
            if self._token == token:
                self._token = None
