"""The short-lived rights that come with an interaction: trigger ids and response URLs."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.slack import limits
from sandbox.slack.errors import SlackError

MOST_KEPT = 10_000


@dataclass
class Trigger:
    user: str
    issued_at: float
    used: bool = False


class Triggers:
    """Trigger ids: one use, three seconds."""

    def __init__(self, lifetime: float = limits.TRIGGER_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.lifetime = lifetime
        self._clock = clock
        self._issued: dict[str, Trigger] = {}

    def issue(self, user: str) -> str:
        while len(self._issued) >= MOST_KEPT:
            del self._issued[next(iter(self._issued))]
        trigger_id = f"{secrets.randbelow(10**13)}.{secrets.randbelow(10**11)}.{secrets.token_hex(16)}"
        self._issued[trigger_id] = Trigger(user, self._clock())
        return trigger_id

    def exchange(self, trigger_id: str) -> str:
        """Use it up; returns the user who triggered.

        Raises:
            SlackError: invalid_trigger_id, exchanged_trigger_id or expired_trigger_id.
        """
        trigger = self._issued.get(trigger_id)
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock() - trigger.issued_at > self.lifetime:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger.user


@dataclass
class ResponseUrl:
    """Whom an answer reaches, and the message it may replace (None for a slash command)."""

    user: str
    channel: str
    issued_at: float
    original_ts: str | None = None
    uses: int = 0


class ResponseUrls:
    """Response URLs: five uses in half an hour."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._issued: dict[str, ResponseUrl] = {}

    def issue(self, user: str, channel: str, original_ts: str | None = None) -> str:
        while len(self._issued) >= MOST_KEPT:
            del self._issued[next(iter(self._issued))]
        key = f"{secrets.token_hex(8)}/{secrets.token_urlsafe(18)}"
        self._issued[key] = ResponseUrl(user, channel, self._clock(), original_ts)
        return key

    def use(self, key: str) -> ResponseUrl:
        """Count one use.

        Raises:
            SlackError: no_such_url, expired_url or used_url.
        """
        url = self._issued.get(key)
        if url is None:
            raise SlackError("no_such_url")
        if self._clock() - url.issued_at > limits.RESPONSE_URL_SECONDS:
            raise SlackError("expired_url")
        if url.uses >= limits.RESPONSE_URL_USES:
            raise SlackError("used_url")
        url.uses += 1
        return url
