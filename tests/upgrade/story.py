"""A whole run on fakes, in compressed time: the engine's worker is called whenever the run says it is due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.upgrade.fakes import FakeAccess, FakeCluster, FakeClusters, FakeDelivery, ManualClock
from upgrade.checklist import unticked
from upgrade.engine.settings import EngineSettings
from upgrade.engine.worker import RunWorker
from upgrade.events import EventKind, UpgradeEvent
from upgrade.gates import PLAN_GATE
from upgrade.plan import PlanRequest, UpgradePolicy
from upgrade.run import RunStatus, UpgradeRun
from upgrade.service import ConfiguredCluster, UpgradeService
from upgrade.store.sqlite import SqliteStore
from upgrade.versions import KubernetesVersion

POLICY = UpgradePolicy(notice=timedelta(0))


class Story:
    def __init__(
        self,
        folder: Path,
        clock: ManualClock,
        cluster: FakeCluster,
        *,
        policy: UpgradePolicy = POLICY,
        settings: EngineSettings | None = None,
    ) -> None:
        self.clock = clock
        self.cluster = cluster
        self.clusters = FakeClusters(self.cluster)
        self.access = FakeAccess()
        self.delivery = FakeDelivery()
        self.store = SqliteStore(folder / "bot.db")
        self.configured = ConfiguredCluster(id=self.cluster.snapshot.cluster, policy=policy)
        self.settings = settings or EngineSettings()
        self.origins = 0
        self.run_id = ""
        self.awake()

    def awake(self) -> None:
        """A fresh process over the same database."""
        self.service = UpgradeService(
            self.store,
            self.clusters,
            [self.configured],
            access=self.access,
            delivery=self.delivery,
            clock=self.clock,
            settings=self.settings,
        )
        self.worker: RunWorker = self.service._runner._worker

    def restart(self) -> None:
        self.awake()
        self.worker.restarted(self.run_id)

    # -- people -----------------------------------------------------------------------------------------------------

    def start(self, target: str | None = None, **wish: Any) -> UpgradeRun:
        self.run_id = self.service.start(self.request(target, **wish), actor="U-ASKS", channel="C-OPS").id
        return self.run

    def request(self, target: str | None = None, **wish: Any) -> PlanRequest:
        version = KubernetesVersion.parse(target) if target else None
        return PlanRequest(cluster=self.configured.id, target=version, **wish)

    def ask(self, verb: str, actor: str = "U-OPERATES", **more: Any) -> None:
        self.origins += 1
        getattr(self.service, verb)(self.run_id, actor=actor, origin=f"click-{self.origins}", **more)

    def approve(self, actor: str = "U-APPROVES", gate: str | None = None) -> None:
        """Tick what is left of the check list and approve."""
        run = self.run
        assert run.plan is not None
        gate = gate or run.waiting_for or PLAN_GATE
        ticked = [item.id for item in unticked(run, gate)]
        self.ask("approve", actor, gate=gate, digest=run.plan.digest, ticked=ticked)

    # -- time -------------------------------------------------------------------------------------------------------

    @property
    def run(self) -> UpgradeRun:
        return self.store.load(self.run_id)

    def once(self) -> UpgradeRun:
        return self.worker.process(self.run_id)

    def go_on(self, until: Callable[[UpgradeRun], bool], *, within: timedelta = timedelta(days=2)) -> UpgradeRun:
        """Let time pass from due to due until something holds, or nothing more is due. Fails after ``within``."""
        limit = self.clock.now() + within
        while True:
            run = self.once()
            if until(run):
                return run
            assert run.next_due_at is not None, f"{run.status}: nothing more is due; {self.told()[-5:]}"
            assert run.next_due_at <= limit, f"still {run.status} after {within}; {self.told()[-5:]}"
            self.clock.time = max(self.clock.time, run.next_due_at)

    def until(self, status: RunStatus, **more: Any) -> UpgradeRun:
        return self.go_on(lambda run: run.status is status, **more)

    def to_running(self, target: str | None = None, **wish: Any) -> UpgradeRun:
        """Asked for, checked, approved, and just about to change the cluster."""
        self.start(target, **wish)
        self.until(RunStatus.AWAITING_APPROVAL)
        self.approve()
        return self.until(RunStatus.RUNNING)

    # -- what was told ----------------------------------------------------------------------------------------------

    @property
    def events(self) -> tuple[UpgradeEvent, ...]:
        return self.store.events(self.run_id)

    def told(self) -> list[str]:
        return [f"{event.kind} {event.step_id or ''}".strip() for event in self.events]

    def of(self, kind: EventKind) -> list[UpgradeEvent]:
        return [event for event in self.events if event.kind is kind]
