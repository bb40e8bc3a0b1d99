"""The time zone of whoever types a time, as Slack knows it."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from slack_sdk.errors import SlackClientError

from upgrade.errors import NotNow, WindowUnreadable
from upgrade.windows import time_zone

log = logging.getLogger(__name__)
#: People move seldom; whoever does is shown the zone that was understood.
FRESH: Final = timedelta(minutes=10)


class Zones:
    """Asks ``users.info``, and remembers the newest answers for a while. Safe to use from many threads.

    It waits for the network, so a listener uses it after its ack only.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[datetime, ZoneInfo]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, client: Any, user: str, now: datetime) -> ZoneInfo:
        """Raises NotNow when Slack does not say."""
        with self._lock:
            known = self._kept.get(user)
        if known is not None and now - known[0] <= FRESH:
            return known[1]
        zone = _asked(client, user)
        with self._lock:
            self._kept[user] = (now, zone)
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        return zone


def _asked(client: Any, user: str) -> ZoneInfo:
    try:
        return time_zone(str(client.users_info(user=user)["user"]["tz"]))
    except (SlackClientError, OSError, KeyError, TypeError, ValueError, WindowUnreadable) as error:
        log.warning("Slack does not say a time zone", exc_info=error, extra={"user": user})
        raise NotNow(
            "Slack does not say what your time zone is.",
            "Write it behind the time: at 22:00 Europe/Berlin, or at 22:00 UTC.",
        ) from None
