"""The test stand: a world, a Slack workspace, and the real bot in them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.scenarios import TARGET
from benchmarks.world_process import WorldProcess
from sandbox.bot_process import BotProcess, run_bot
from sandbox.scenario import Scenario
from sandbox.slack import AppManifest, Channel, InstalledApp, SlackFace, User
from sandbox.slack.limits import ACK_SECONDS
from sandbox.stage import NOTICES
from upgrade.engine.clock import ScaledClock
from upgrade.errors import TemporaryError
from upgrade.plan import UpgradePlan
from upgrade.ports import InboxRow
from upgrade.run import RunStatus, UpgradeRun
from upgrade.store.sqlite import SqliteStore

COMMAND = "/eks-upgrade"
OPERATOR, APPROVER = "ana", "U0BEN"
PEOPLE = (User("ana", id="U0ANA"), User("ben", id=APPROVER))
CHANNELS = 10
_LOOK_SECONDS = 0.25
_STARTED = frozenset({RunStatus.RUNNING, RunStatus.PAUSED})
_STANDING = frozenset({RunStatus.BLOCKED, RunStatus.PAUSED})


class NothingMoves(Exception):
    """What was waited for did not happen in time, or cannot happen any more."""


def say(line: str) -> None:
    """Progress, which is not part of the table."""
    print(line, file=sys.stderr, flush=True)


def workspace(manifest: str, ack_seconds: float = ACK_SECONDS) -> SlackFace:
    """A Slack workspace with one app in it and Slack's own limits."""
    channels = [Channel(NOTICES), *(Channel(f"team-{index}") for index in range(CHANNELS))]
    app = InstalledApp.install(AppManifest.from_yaml(manifest))
    return SlackFace(PEOPLE, channels, app=app, ack_seconds=ack_seconds)


def wait_until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Raises NothingMoves after so many real seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise NothingMoves(f"{what} has not happened in {seconds:.0f} s")
        time.sleep(_LOOK_SECONDS)


class Stand:
    """Everything that one measurement needs, between ``with`` and its end.

    Args:
        speed: domain seconds for one real second.
        ack_seconds: what Slack gives for an ack.
        home: where the bot's files go; default: a temporary folder.
    """

    slack: SlackFace
    world: WorldProcess
    bot: BotProcess
    store: SqliteStore
    clock: ScaledClock

    def __init__(
        self, scenario: Scenario, speed: float, ack_seconds: float = ACK_SECONDS, home: Path | None = None
    ) -> None:
        self.scenario = scenario
        self.speed = speed
        self.ack_seconds = ack_seconds
        self.home = home
        self._approved: set[tuple[str, str]] = set()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._enter()
        except BaseException:
            self._open.close()
            raise
        return self

    def _enter(self) -> None:
        self.slack = self._open.enter_context(
            workspace(run_bot(["manifest"], {"PATH": "/usr/bin:/bin"}), self.ack_seconds)
        )
        self.world = WorldProcess(self.scenario, self.speed, self.home)
        self._open.callback(self.world.stop)
        environment: Mapping[str, str] = self.world.environment | self.slack.environment()
        self.clock = ScaledClock.parse(environment["EKS_UPGRADE_BOT_CLOCK"])
        home = Path(environment["EKS_UPGRADE_BOT_CONFIG"]).parent
        self.bot = BotProcess(environment, home / "bot.log")
        self.bot.start()
        self._open.callback(self.bot.stop)
        wait_until(self._connected, 180, "the bot's connection to Slack")
        self.store = SqliteStore(home / "eks-upgrade-bot.db")
        self._open.callback(self.store.close)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.bot.log.exists():
            say("\n".join(self.bot.log.read_text("utf-8", "replace").splitlines()[-30:]))
        self._open.close()

    def _connected(self) -> bool:
        if not self.bot.running:
            raise NothingMoves("the bot ended at once")
        return self.slack.connections > 0

    def start_runs(self, clusters: Sequence[str], target: str = TARGET) -> None:
        """Ask for an upgrade of each in Slack. What stands still until it is approved is approved by `approve_all`."""
        for index, cluster in enumerate(clusters):
            channel = f"team-{index % CHANNELS}"
            outcome = self.slack.people.run_command(OPERATOR, channel, COMMAND, f"start {cluster} to {target}")
            if not outcome.ok:
                raise NothingMoves(f"start {cluster} was refused: {outcome.error}")

    def approve_all(self) -> tuple[UpgradeRun, ...]:
        """Approve at once what waits for it. Gives all runs, newest first. Raises NothingMoves for one that stands."""
        runs = self.store.find(limit=500)
        for run in runs:
            if run.status in _STANDING:
                raise NothingMoves(f"{run.cluster.name} is {run.status}: {' '.join(run.pause_reasons)}")
            if run.status is RunStatus.AWAITING_APPROVAL and run.plan is not None and run.waiting_for:
                self._approve(run, run.waiting_for, run.plan)
        return runs

    def _approve(self, run: UpgradeRun, gate: str, plan: UpgradePlan) -> None:
        if (run.id, gate) in self._approved:
            return
        ticked = " ".join(item.id for item in plan.checklist)
        row = InboxRow(
            run_id=run.id,
            kind="approve",
            actor=APPROVER,
            origin=f"bench:{run.id}:{gate}",
            payload={"gate": gate, "digest": plan.digest, "ticked": ticked},
            at=self.clock.now(),
        )
        with suppress(TemporaryError):  # a busy database: at the next look
            self.store.post(row)
            self._approved.add((run.id, gate))

    @property
    def clusters(self) -> list[str]:
        return [spec.name for spec in self.scenario.clusters]

    def begin_all(self, seconds: float) -> None:
        """Start and approve an upgrade of each cluster, and wait until all of them run."""
        number = len(self.clusters)
        self.start_runs(self.clusters)
        say(f"  {number} upgrades asked for")

        def all_run() -> bool:
            return sum(run.status in _STARTED for run in self.approve_all()) == number

        wait_until(all_run, seconds, "the start of all runs")
        say(f"  {number} upgrades run")

    def finish_all(self, number: int, seconds: float) -> tuple[UpgradeRun, ...]:
        """Wait until so many runs have ended, approving what waits. Raises NothingMoves when one did not succeed."""
        wait_until(lambda: sum(r.status.finished for r in self.approve_all()) == number, seconds, "the end of all runs")
        runs = self.store.find(limit=500)
        for run in runs:
            if run.status is not RunStatus.SUCCEEDED:
                raise NothingMoves(f"{run.cluster.name} ended as {run.status}")
        return runs

    def wall(self, at: datetime) -> float:
        """The machine's time, in epoch seconds, of a domain time."""
        return self.clock.wall_origin + (at.timestamp() - self.clock.domain_origin) / self.clock.rate
