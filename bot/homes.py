"""App Home of those who opened it: shown at once, and kept fresh while it can be open before somebody."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from bot.loop import Loop
from bot.pacing import Pacing
from bot.slack import SlackBusy, SlackRefused, SlackUnreachable
from handlers.views.limits import Block
from upgrade.errors import UpgradeError
from upgrade.ports import StoredHome

log = logging.getLogger(__name__)

#: Real seconds between two refreshes of one Home. Slack takes about a hundred of all people a minute.
FRESH_SECONDS: Final = 15.0
#: Real seconds for which a Home is kept fresh after it was opened: Slack does not say when somebody closes it.
KEPT_SECONDS: Final = 12 * 3600.0
#: Homes that are kept fresh; of more people the newest.
MOST: Final = 200
#: Real seconds between two looks when nothing happens, and after a failure.
_QUIET_SECONDS: Final = 30.0
_METHOD: Final = "views.publish"
#: Calls that refreshes leave for people who open Home just now.
_SPARE: Final = 5.0

Render = Callable[[str, str], Block]


class Opened(Protocol):
    """The table of who has Home open. The store has it."""

    def homes(self) -> Sequence[StoredHome]: ...
    def save_home(self, home: StoredHome) -> None: ...
    def drop_homes(self, before: float) -> None: ...


class Publish(Protocol):
    """``views.publish``. SlackCalls has it."""

    def publish_home(self, user: str, view: Block) -> None: ...


@dataclass
class _Home:
    """Args: seen: up to which news it is drawn; wanted: somebody waits for it; shown: a hash of what is on it."""

    choice: str
    opened_at: float
    seen: int = -1
    wanted: bool = False
    saved: bool = True
    drawn_at: float = float("-inf")
    shown: str = ""


class Homes:
    """Draws and publishes in a thread of its own between `start` and `stop`: no listener waits for it.

    A Home that is the same as before is not published again, so only those are called whose board has changed.

    Args:
        machine: the machine's time in seconds since 1970: Slack's pace is never domain time.
        pacing: its clock is the machine's too, and runs on evenly.
    """

    def __init__(
        self,
        table: Opened,
        slack: Publish,
        *,
        machine: Callable[[], float] = time.time,
        pacing: Pacing | None = None,
    ) -> None:
        self._table = table
        self._slack = slack
        self._machine = machine
        self._pacing = pacing or Pacing()
        self._lock = threading.Lock()
        self._news = 0
        self._homes: dict[str, _Home] = {}
        self._render: Render | None = None
        self._loop = Loop("homes", self.publish_once, after_failure=_QUIET_SECONDS)

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self, render: Render) -> None:
        """``render``: the view for a person and what they chose. Who had Home open before a restart still has."""
        self.prepare(render)
        self._loop.start()

    def prepare(self, render: Render) -> None:
        self._render = render
        self._table.drop_homes(self._machine() - KEPT_SECONDS)
        with self._lock:
            for one in self._table.homes()[:MOST]:
                self._homes.setdefault(one.user, _Home(one.choice, one.at))

    def stop(self, seconds: float = 12.0) -> None:
        self._loop.stop(seconds)

    # -- what happens -----------------------------------------------------------------------------------------------

    def open(self, user: str, choice: str | None = None) -> None:
        """Somebody opened Home, or chose what it shows. Waits for nothing. ``choice`` None: as they last chose."""
        with self._lock:
            home = self._homes.setdefault(user, _Home("", self._machine()))
            home.choice = home.choice if choice is None else choice
            home.opened_at, home.wanted, home.saved = self._machine(), True, False
        self._loop.wake()

    def wake(self) -> None:
        """Something was committed."""
        with self._lock:
            self._news += 1
        self._loop.wake()

    # -- one pass -----------------------------------------------------------------------------------------------------

    def publish_once(self) -> float:
        """Show what somebody waits for, then what has changed; returns real seconds until there is more to do."""
        self._forget()
        delay = _QUIET_SECONDS
        with self._lock:
            homes = sorted(self._homes.items(), key=lambda one: (not one[1].wanted, one[1].drawn_at))
        for user, home in homes:
            if self._loop.stopping:
                break
            wait = self._due_in(home)
            if wait == 0:
                wait = self._draw(user, home)
            delay = min(delay, wait)
        return delay

    def _due_in(self, home: _Home) -> float:
        """Real seconds until it may be drawn; infinite when there is nothing new."""
        with self._lock:
            if not home.wanted and home.seen == self._news:
                return float("inf")
            rest = 0.0 if home.wanted else home.drawn_at + FRESH_SECONDS - self._pacing.clock()
        return max(rest, 0.0, self._pacing.wait(_METHOD, "", spare=0.0 if home.wanted else _SPARE))

    def _draw(self, user: str, home: _Home) -> float:
        """Draw and publish one; returns real seconds until it is tried again, infinite when all is done."""
        assert self._render is not None
        with self._lock:
            news, wanted, choice = self._news, home.wanted, home.choice
            home.wanted = False
        try:
            view = self._render(user, choice)
            look = hashlib.sha256(json.dumps(view, sort_keys=True).encode()).hexdigest()
            if wanted or look != home.shown:
                self._pacing.take(_METHOD, "")
                self._slack.publish_home(user, view)
        except SlackBusy as busy:
            self._pacing.close(_METHOD, "", busy.seconds)
            return self._again(home, wanted, busy.seconds)
        except (SlackUnreachable, UpgradeError) as error:
            log.info("App Home is shown later: %s", error)
            return self._again(home, wanted, _QUIET_SECONDS)
        except SlackRefused as refused:
            log.warning("Slack does not take App Home of %s: %s", user, refused.code)
            look = ""
        except Exception:
            log.exception("App Home of %s cannot be drawn", user)
            view, look = {}, ""
        home.seen, home.shown, home.drawn_at = news, look, self._pacing.clock()
        self._remember(user, home, str(view.get("private_metadata", choice)), choice)
        return float("inf")

    def _again(self, home: _Home, wanted: bool, seconds: float) -> float:
        with self._lock:
            home.wanted = home.wanted or wanted
        return seconds

    def _remember(self, user: str, home: _Home, chosen: str, choice: str) -> None:
        """What is shown is what they chose, unless they have chosen anew meanwhile."""
        with self._lock:
            if home.choice == choice:
                home.choice = chosen
            if home.saved:
                return
            home.saved = True
            row = StoredHome(user=user, choice=home.choice, at=home.opened_at)
        self._table.save_home(row)

    def _forget(self) -> None:
        """Who has not looked for long, and the oldest when there are too many."""
        with self._lock:
            old = self._machine() - KEPT_SECONDS
            newest = sorted(self._homes.items(), key=lambda one: -one[1].opened_at)[:MOST]
            self._homes = {user: home for user, home in newest if home.opened_at >= old}
