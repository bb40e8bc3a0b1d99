"""A year of the bot in which a test moves the time: people, processes that die, and a Slack that remembers when.

The engine, the store, the notifier and the digest's delivery are the real ones; AWS, Kubernetes, Slack and the threads
are fakes.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import count
from typing import Any, Final, NamedTuple, cast
from zoneinfo import ZoneInfo

from bot.digests import Digests
from bot.notices import Audience
from bot.notifier import Channels, Notifier
from bot.pacing import Pacing
from bot.slack import Workspace
from tests.bot.test_digests import FakeReader, FakeSlack
from tests.bot.test_notifier import Died, Mortal
from tests.upgrade.fakes import FakeAccess, FakeCluster, FakeClusters, FakeDelivery, cluster_named
from upgrade.checklist import unticked
from upgrade.digest import DigestTime
from upgrade.engine.clock import ScaledClock
from upgrade.errors import NotNow
from upgrade.plan import PlanRequest, UpgradePolicy
from upgrade.run import Intent, RunStatus, UpgradeRun
from upgrade.service import ConfiguredCluster, UpgradeService
from upgrade.store.sqlite import SqliteStore
from upgrade.versions import KubernetesVersion

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: A tick of the bot is three real seconds: a minute of this year.
RATE, TICK = 20, MINUTE
NEW_YEAR, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
ZONES = {"eu": "Europe/Berlin", "us": "America/New_York"}
#: The instants at which summer time begins and ends.
CHANGES = {
    "eu": (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)),
    "us": (datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)),
}
LEADS: Final = {"dev": (), "staging": (HOUR,), "production": (7 * DAY, DAY, HOUR)}
NOTICES: Final = {"dev": timedelta(0), "staging": 15 * MINUTE, "production": 15 * MINUTE}


class YearClock(ScaledClock):
    """The machine's time is moved by the test."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(NEW_YEAR.timestamp(), 0.0, RATE, machine=lambda: self.seconds)
        self._ids = count(1)

    def new_id(self) -> str:
        return f"{next(self._ids):08x}"

    def go_to(self, at: datetime) -> None:
        self.seconds = max(self.seconds, (at - NEW_YEAR).total_seconds() / RATE)


class Told(NamedTuple):
    at: datetime
    run: str
    kind: str
    key: str
    text: str
    broadcast: bool


class Slack(FakeSlack):
    """Also remembers when each was posted."""

    known_workspace = Workspace("https://acme.slack.com/", "T0", "B0", "U0BOT")

    def __init__(self, clock: YearClock) -> None:
        super().__init__()
        self.clock = clock
        self.told: list[Told] = []

    @property
    def answered_at(self) -> float:
        return time.monotonic()

    def post(self, channel: str, message: Any, *, payload: dict[str, str], **more: Any) -> tuple[str, str]:
        run, kind, key = payload["run"], payload["kind"], payload["key"]
        self.told.append(Told(self.clock.now(), run, kind, key, message.text, more["broadcast"]))
        return super().post(channel, message, payload=payload, **more)

    def update(self, channel: str, ts: str, message: Any) -> None:
        assert 0 < int(ts) <= len(self.posted)


class AtOnce:
    """In place of the engine's threads."""

    def submit(self, work: Callable[..., None], *arguments: Any) -> None:
        work(*arguments)


class Delivery(FakeDelivery):
    notifier: Notifier

    def notice_delivered(self, run_id: str) -> bool:
        return self.notifier.notice_delivered(run_id)


class Process:
    """The bot from its birth until it dies after ``lives`` writes and calls; 0: it lives on."""

    def __init__(self, year: Year, lives: int) -> None:
        self.clock = year.clock
        counted = [0]
        store: Any = Mortal(year.store, ("save", "save_message"), counted, lives)
        calls: Any = Mortal(year.slack, ("post", "update", "find"), counted, lives)
        delivery = Delivery()
        self.service = UpgradeService(
            store, FakeClusters(*year.clusters.values()), year.configured, access=FakeAccess(), delivery=delivery,
            clock=year.clock,
        )  # fmt: skip
        machine = lambda: year.clock.seconds  # noqa: E731
        self.notifier = delivery.notifier = Notifier(
            self.service,
            store,
            calls,
            year.clock,
            Channels("#maintenance-notices"),
            audience_of=lambda cluster: Audience(environment=cluster.name.partition("-")[0]),
            delivered=self.service.delivery_changed,
            pacing=Pacing(machine),
            digests=Digests(FakeReader(), store, year.clock, year.digest, ("#ops",), machine=machine),
        )
        self._runner = cast("Any", self.service._runner)
        self._runner._pool, self._runner._dispatch = AtOnce(), lambda: None
        self.service.start_engine()

    def settle(self, answered: Callable[[], bool]) -> None:
        """Until nothing more is due before the next tick. Raises Died.

        Args:
            answered: what people say to what they were told; whether anybody said anything.
        """
        for _ in range(300):
            self._runner._woken = False
            engine = self._runner._hand_out()
            delay = self.notifier.deliver_once()
            if self._runner._woken or (delay > 0 and answered()):
                continue
            delay = min(delay, engine if engine < 1 else delay)
            if delay >= 3:
                return
            self.clock.seconds += max(delay, 0.001)
        raise AssertionError("it does not come to rest")


class Maintenance(NamedTuple):
    """What people want: at ``ahead`` before ``start`` they ask; ``change`` before it they move it by ``by``, or, if
    that is zero, call it off."""

    environment: str
    place: str
    start: datetime
    ahead: timedelta
    change: timedelta | None
    by: timedelta

    @property
    def last_start(self) -> datetime:
        return self.start if self.change is None else self.start + self.by


@dataclass
class Year:
    store: SqliteStore
    digest: DigestTime
    lives: list[int]
    naps: list[timedelta]
    clock: YearClock = field(default_factory=YearClock)
    downs: list[tuple[datetime, datetime]] = field(default_factory=list)
    todo: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    origins: Iterator[int] = field(default_factory=count)
    runs: list[str] = field(default_factory=list)
    process: Process | None = None

    def __post_init__(self) -> None:
        self.slack = Slack(self.clock)
        names = [f"{environment}-{place}" for environment in LEADS for place in ZONES]
        self.clusters = {name: cluster_named(self.clock, name) for name in names}
        self.healthy = {name: one.snapshot for name, one in self.clusters.items()}
        self.configured = [self.configure(name, one) for name, one in self.clusters.items()]

    def configure(self, name: str, cluster: FakeCluster) -> ConfiguredCluster:
        environment, _, place = name.partition("-")
        policy = UpgradePolicy(remind=LEADS[environment], notice=NOTICES[environment], approval_valid=60 * DAY)
        return ConfiguredCluster(id=cluster.snapshot.cluster, time_zone=ZONES[place], policy=policy)

    # -- time ---------------------------------------------------------------------------------------------------------

    def at(self, at: datetime, act: Callable[[], None] = lambda: None) -> None:
        heapq.heappush(self.todo, (at, next(self.origins), act))

    def around(self, *instants: datetime) -> None:
        for at in instants:
            self.at(at - 2 * TICK)
            self.at(at)

    def live(self) -> None:
        self.around(*digests_due(self.digest))
        for days in range(0, 365, 3):
            self.at(NEW_YEAR + days * DAY)
        self.born()
        while self.todo:
            at, _, act = heapq.heappop(self.todo)
            if self.process is None and act != self.born:
                self.at(max(at, self.downs[-1][1]) + MINUTE, act)  # nobody hears what people want
                continue
            self.clock.go_to(at)
            act()
            self.pass_()

    def pass_(self) -> None:
        """All that is due, and what people say to it, until all rests or the process dies."""
        if self.process is None:
            return
        try:
            self.process.settle(partial(self.answered, self.process.service))
        except Died:
            self.goes_down(self.naps.pop(0) if self.naps else timedelta(0))

    def goes_down(self, lasts: timedelta) -> None:
        if self.process is None:
            return
        self.process = None
        died_at = self.clock.now()
        self.downs.append((died_at, died_at + lasts))
        self.at(died_at + lasts, self.born)

    def born(self) -> None:
        if self.process is None:
            self.process = Process(self, self.lives.pop(0) if self.lives else 0)

    # -- people -------------------------------------------------------------------------------------------------------

    def answered(self, service: UpgradeService) -> bool:
        return sum(self.answer(run) for run in service.status()) > 0

    def answer(self, run: UpgradeRun) -> bool:
        """Approve what waits, give up what has begun, have what was missed two days later."""
        if run.status is RunStatus.AWAITING_APPROVAL and run.plan is not None:
            gate = run.waiting_for or ""
            ticked = [item.id for item in unticked(run, gate)]
            self.ask("approve", run.id, gate=gate, digest=run.plan.digest, ticked=ticked)
        elif run.status is RunStatus.RUNNING and run.intent is Intent.GO:
            self.ask("abort", run.id)
        elif run.missed_start:
            self.move(run.id, self.clock.now() + 2 * DAY)
        else:
            return False
        return True

    def ask(self, verb: str, run_id: str, **more: Any) -> None:
        assert self.process is not None
        actor, origin = "U-OTHER", f"click-{next(self.origins)}"
        getattr(self.process.service, verb)(run_id, actor=actor, origin=origin, **more)

    def begin(self, wanted: Maintenance) -> None:
        assert self.process is not None
        name = f"{wanted.environment}-{wanted.place}"
        cluster = self.clusters[name]
        cluster.settle()
        cluster.snapshot = self.healthy[name]
        request = PlanRequest(cluster=cluster.snapshot.cluster, target=KubernetesVersion.parse("1.35"))
        start = max(wanted.start, self.clock.now() + 2 * HOUR)
        run = self.process.service.start(request, actor="U-ASKS", channel="C-OPS", start_at=start)
        self.runs.append(run.id)
        self.watch(start)
        if wanted.change is not None:
            later = start + wanted.by
            self.at(start - wanted.change, lambda: self.move(run.id, later) if wanted.by else self.cancel(run.id))

    def watch(self, start: datetime) -> None:
        self.around(*(start - lead for lead in (7 * DAY, DAY, 2 * HOUR, HOUR, 15 * MINUTE, timedelta(0))))

    def move(self, run_id: str, start: datetime) -> None:
        with suppress(NotNow):  # it has begun, or it is too late
            self.ask("reschedule", run_id, start_at=start)
            self.watch(start)

    def cancel(self, run_id: str) -> None:
        with suppress(NotNow):
            self.ask("cancel", run_id)


def digests_due(due: DigestTime) -> list[datetime]:
    """Of each week: its reading in Berlin; what is skipped means the skip, what is shown twice the first."""
    zone = ZoneInfo(due.time_zone)
    instants = []
    for day in range(7 * 53):
        on = date(2026, 1, 1) + timedelta(days=day)
        if on.weekday() == due.weekday and on.year == 2026:
            at = datetime.combine(on, due.at, zone).astimezone(UTC)
            skipped = at.astimezone(zone).time() != due.at
            instants.append(next(one for one in CHANGES["eu"] if one.date() == on) if skipped else at)
    return instants
