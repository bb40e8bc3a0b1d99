"""Which webhook has heard of what: pages people, and takes it back once somebody has seen it or it is over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, Protocol

from bot.console import plain
from bot.loop import Loop
from bot.notices import FOR_EVER, Runs
from bot.outbox import Messages
from bot.stories import Stories
from bot.webhooks.page import Page, PageAction, PageLost, Webhook
from handlers.views.calls import call_lines
from handlers.views.titles import in_words
from upgrade.calls import Call, CallPolicy, calls_of
from upgrade.eks import ClusterId
from upgrade.events import UpgradeEvent
from upgrade.ports import StoredMessage
from upgrade.run import UpgradeRun
from upgrade.troubles import Trouble, troubles_of

log = logging.getLogger(__name__)

PAGE: Final = "page"
#: Real seconds between two looks when nothing happens.
QUIET_SECONDS: Final = 30.0
_LONGEST_BACK_OFF: Final = 300.0


class Now(Protocol):
    """Domain time. The clock has it."""

    def now(self) -> datetime: ...


class Behind(Messages, Protocol):
    """The table ``messages``, and which of them tell of what has changed since. The store has it."""

    def messages_behind(self) -> Sequence[StoredMessage]: ...


class Caller:
    """Runs in a thread of its own between `start` and `stop`, so that a receiver which hangs holds up nobody else.

    A delivery is written down after it was taken, so a crash in between sends it again, under the same id and key.

    Args:
        policy_of: whom to call, for a cluster.
        thread_link: the address of a run's thread, once it exists.
        clock: domain time.
        machine: the machine's monotonic time, by which it backs off.
    """

    def __init__(
        self,
        runs: Runs,
        messages: Behind,
        webhooks: Sequence[Webhook],
        clock: Now,
        *,
        policy_of: Callable[[ClusterId], CallPolicy],
        thread_link: Callable[[str], str | None] = lambda _: None,
        machine: Callable[[], float] = time.monotonic,
    ) -> None:
        self._runs = runs
        self._messages = messages
        self._webhooks = webhooks
        self._clock = clock
        self._policy_of = policy_of
        self._thread_link = thread_link
        self._machine = machine
        #: By webhook: how often it failed in a row, and when it is tried again.
        self._failed: dict[str, tuple[int, float]] = {}
        self._stories = Stories(runs)
        self._loop = Loop("caller", self.page_once)

    # -- life ---------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        if self._webhooks:
            self._loop.start()

    def stop(self, seconds: float = 12.0) -> None:
        """Finish the delivery under way and stop; what was not delivered is delivered after the next start."""
        self._loop.stop(seconds)

    def wake(self) -> None:
        """Something was committed, or time has passed."""
        self._loop.wake()

    # -- one pass -----------------------------------------------------------------------------------------------------

    def page_once(self) -> float:
        """Send all that is due and can be sent now. A receiver that fails is left alone for a while.

        Returns real seconds until the next look.
        """
        under_way = [item.run_id for item in self._messages.agenda()]
        unsettled = [row.run_id for row in self._messages.messages_behind() if row.kind == PAGE]
        looked_at = dict.fromkeys((*under_way, *unsettled))
        self._stories.keep(looked_at)
        for run_id in looked_at:
            run = self._runs.run(run_id)
            events = self._stories.of(run)
            for webhook in self._webhooks:
                self._tell(webhook, run, events)
        return QUIET_SECONDS

    def _tell(self, webhook: Webhook, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> None:
        """In order: what was not taken keeps what comes after it."""
        rows = {row.key for row in self._delivered(run)}
        for key, page in self._pages(webhook.name, run, events, rows):
            if self._loop.stopping or not self._send(webhook, page):
                return
            # A trigger stays behind its run until it is resolved, so that the end of the run is not missed.
            seq = 0 if page.action is PageAction.TRIGGER else FOR_EVER
            self._save(webhook.name, run, key, seq)
        self._settle(run)

    def _settle(self, run: UpgradeRun) -> None:
        """Triggers of what is resolved are behind no more, also those that a death right after the resolution left."""
        rows = {row.key: row for row in self._delivered(run)}
        for key, row in rows.items():
            if row.shown_seq < FOR_EVER and f"{key.rpartition(':')[0]}:resolved" in rows:
                self._messages.save_message(row.model_copy(update={"shown_seq": FOR_EVER}))

    def _delivered(self, run: UpgradeRun) -> list[StoredMessage]:
        return [row for row in self._messages.messages(run.id) if row.kind == PAGE]

    def _save(self, name: str, run: UpgradeRun, key: str, seq: int) -> None:
        at = self._clock.now().isoformat()
        self._messages.save_message(
            StoredMessage(run_id=run.id, kind=PAGE, key=key, channel_id=name, ts=at, shown_seq=seq)
        )

    def _send(self, webhook: Webhook, page: Page) -> bool:
        times, again_at = self._failed.get(webhook.name, (0, 0.0))
        if self._machine() < again_at:
            return False
        try:
            webhook.send(page)
        except Exception as error:
            back_off = min(_LONGEST_BACK_OFF, 2.0 * 2**times)
            self._failed[webhook.name] = (min(times + 1, 10), self._machine() + back_off)
            reason = str(error) if isinstance(error, PageLost) else type(error).__name__
            log.warning("the webhook %s was not told of run %s: %s", webhook.name, page.run_id, reason)
            return False
        self._failed.pop(webhook.name, None)
        return True

    # -- what it should have heard ------------------------------------------------------------------------------------

    def _pages(
        self, name: str, run: UpgradeRun, events: Sequence[UpgradeEvent], rows: set[str]
    ) -> Iterator[tuple[str, Page]]:
        """What is missing, by its key in the table."""
        now = self._clock.now()
        for call in calls_of(run, events, self._policy_of(run.cluster), now):
            key = f"{name}:{call.key}"
            if call.pages and call.due(now) and key not in rows:
                yield key, self._trigger(run, call, key)
        for trouble in troubles_of(run, events):
            head = f"{name}:{trouble.key}:"
            if not any(key.startswith(head) for key in rows):
                continue
            if trouble.open and trouble.acknowledged_by and f"{head}acknowledged" not in rows:
                yield f"{head}acknowledged", self._after(run, trouble, PageAction.ACKNOWLEDGE, f"{head}acknowledged")
            if not trouble.open and f"{head}resolved" not in rows:
                yield f"{head}resolved", self._after(run, trouble, PageAction.RESOLVE, f"{head}resolved")

    def _trigger(self, run: UpgradeRun, call: Call, key: str) -> Page:
        return Page(
            action=PageAction.TRIGGER,
            id=f"{run.id}:{key}",
            key=f"{run.id}:{call.trouble}",
            run_id=run.id,
            cluster=run.cluster,
            kind=call.kind,
            lines=tuple(map(plain, call_lines(call, run, paged=True))),
            since=call.since,
            link=self._thread_link(run.id),
        )

    def _after(self, run: UpgradeRun, trouble: Trouble, action: PageAction, key: str) -> Page:
        return Page(
            action=action,
            id=f"{run.id}:{key}",
            key=f"{run.id}:{trouble.key}",
            run_id=run.id,
            cluster=run.cluster,
            kind=trouble.kind,
            lines=(plain(f"{run.cluster.name}: {in_words(run.plan, trouble.reason)}"),),
            since=trouble.since,
            by=trouble.acknowledged_by or "",
            link=self._thread_link(run.id),
        )
