"""The weekly digest on its way to Slack: once a week, whatever dies and whenever."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol

from bot.notices import FOR_EVER
from bot.outbox import Item, Messages, Outbox, made
from handlers.views.digest import render_digest
from upgrade.digest import Digest, DigestTime
from upgrade.digesting import DIGEST, offer_row, offers_told
from upgrade.errors import UpgradeError
from upgrade.ports import StoredMessage

log = logging.getLogger(__name__)

#: Kind of a row that is no message: ``ts`` is when the bot first ran.
SINCE: Final = "digest-since"
#: Real seconds until it is made again when that failed in a way that nobody foresaw.
_AGAIN_SECONDS: Final = 60.0


class Reader(Protocol):
    """Makes a digest in another thread. The service has it."""

    def digest(self, reply: Callable[[Digest | UpgradeError], None], week: str | None = None) -> None: ...


class Now(Protocol):
    """Domain time. The clock has it."""

    def now(self) -> datetime: ...


class Digests:
    """Used by the notifier alone, in its thread.

    Its messages are rows like any others: the first has the week as its key, what goes on in its thread has a number
    behind it. The first shows for ever only when all of them are there; a crash in between has the clusters looked at
    again and posts what is missing.

    Args:
        time: when it is due.
        places: channels by name or id, the first that takes it.
        machine: the machine's monotonic time.
    """

    def __init__(
        self,
        reader: Reader,
        messages: Messages,
        clock: Now,
        due: DigestTime,
        places: tuple[str, ...],
        *,
        machine: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._messages = messages
        self._clock = clock
        self._due = due
        self._places = places
        self._machine = machine
        self._first_ran: datetime | None = None
        #: Weeks: which is told, and which is being made, and what came of it.
        self._told = ""
        self._asked = ""
        self._made: tuple[str, Digest] | None = None
        self._again_at = 0.0

    def deliver(self, outbox: Outbox) -> float | None:
        """What is due now. Returns real seconds until the next try, None when there is nothing to try.

        Raises SlackUnreachable.
        """
        now = self._clock.now()
        week = self._due.week_due(now, self._since(now))
        if week is None or week == self._told:
            return None
        top = self._messages.message(DIGEST, DIGEST, week)
        if top is not None and top.ts is not None and top.shown_seq == FOR_EVER:
            self._told, self._made = week, None
            return None
        digest = self._digest(week)
        return None if digest is None else self._post(outbox, week, digest, top)

    def _since(self, now: datetime) -> datetime:
        """When the bot first ran. A clock that has gone back to before that is right now, and was wrong then."""
        if self._first_ran is None:
            row = self._messages.message(DIGEST, SINCE, "")
            self._first_ran = datetime.fromisoformat(row.ts) if row and row.ts else None
        if self._first_ran is None or self._first_ran > now:
            self._first_ran = now
            since = StoredMessage(run_id=DIGEST, kind=SINCE, key="", channel_id="", ts=now.isoformat())
            self._messages.save_message(since)
        return self._first_ran

    # -- making it ----------------------------------------------------------------------------------------------------

    def _digest(self, week: str) -> Digest | None:
        """What is to be told in that week; None until it is made."""
        if self._asked != week and self._machine() >= self._again_at:
            self._asked, self._made = week, None
            self._reader.digest(lambda made: self._take(week, made), week)
        made = self._made
        return made[1] if made is not None and made[0] == week else None

    def _take(self, week: str, made: Digest | UpgradeError) -> None:
        """In a worker thread. The next tick goes on from here."""
        if week != self._asked:
            return
        if isinstance(made, UpgradeError):
            log.warning("the digest of %s could not be made: %s", week, made)
            self._again_at, self._asked = self._machine() + _AGAIN_SECONDS, ""
        else:
            self._made = week, made

    # -- telling it ---------------------------------------------------------------------------------------------------

    def _post(self, outbox: Outbox, week: str, digest: Digest, top: StoredMessage | None) -> float:
        first, *more = render_digest(digest)
        if top is None or top.ts is None:
            self._remember(week, digest)
            seq = 0 if more else FOR_EVER
            return outbox.post(Item(DIGEST, DIGEST, week, made(first), self._places, shown_seq=seq), top)
        for number, message in enumerate(more, start=2):
            key = f"{week}/{number}"
            row = self._messages.message(DIGEST, DIGEST, key)
            if row is None or row.ts is None:
                item = Item(DIGEST, DIGEST, key, made(message), (top.channel_id,), top.ts, FOR_EVER)
                return outbox.post(item, row)
        self._messages.save_message(top.model_copy(update={"shown_seq": FOR_EVER}))
        return 0.0

    def _remember(self, week: str, digest: Digest) -> None:
        told = offers_told(self._messages.messages(DIGEST))
        for offer in digest.newest:
            if offer not in told:
                self._messages.save_message(offer_row(offer, week))
