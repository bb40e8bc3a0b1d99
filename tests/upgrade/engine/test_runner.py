"""Threads: who runs what, and when. Real time, scaled."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.patience import LONGEST, wait_for
from tests.upgrade.fakes import FakeAccess, FakeClusters, FakeDelivery, cluster_named
from tests.upgrade.snapshots import TAKEN_AT
from upgrade.engine.clock import ScaledClock
from upgrade.engine.settings import EngineSettings
from upgrade.errors import TemporaryError
from upgrade.events import EventKind
from upgrade.gates import PLAN_GATE
from upgrade.plan import PlanRequest, Scope, UpgradePolicy
from upgrade.run import RunStatus, StepStatus, UpgradeRun
from upgrade.service import ConfiguredCluster, UpgradeService
from upgrade.store.sqlite import SqliteStore
from upgrade.versions import KubernetesVersion

NO_NOTICE = UpgradePolicy(notice=timedelta(0))
#: So slow that nothing which waits for its time comes to pass in a test.
STANDING = 0.01


class Bot:
    """An engine over several fake clusters; ``again`` is the next process over the same database."""

    def __init__(self, folder: Path, rate: float, names: tuple[str, ...], workers: int = 4) -> None:
        self.clock = ScaledClock(TAKEN_AT.timestamp(), time.time(), rate)
        self.clusters = {name: cluster_named(self.clock, name) for name in names}
        self.ports = FakeClusters(*self.clusters.values())
        self.access, self.delivery = FakeAccess(), FakeDelivery()
        self.store = SqliteStore(folder / "bot.db")
        self.settings = EngineSettings(workers=workers, start_grace=timedelta(seconds=LONGEST * rate))
        self.again()

    def again(self) -> None:
        configured = [ConfiguredCluster(id=one.snapshot.cluster, policy=NO_NOTICE) for one in self.clusters.values()]
        self.service = UpgradeService(
            self.store,
            self.ports,
            configured,
            access=self.access,
            delivery=self.delivery,
            clock=self.clock,
            settings=self.settings,
        )

    def start(self, name: str, scope: Scope = Scope.ALL) -> str:
        cluster = self.clusters[name].snapshot.cluster
        wish = PlanRequest(cluster=cluster, target=KubernetesVersion(1, 35), scope=scope)
        return self.service.start(wish, actor="U-ASKS", channel=None).id

    def approve(self, run_id: str) -> None:
        wait_for(lambda: self.run(run_id).status is RunStatus.AWAITING_APPROVAL)
        run = self.run(run_id)
        assert run.plan is not None
        ticked, digest = [item.id for item in run.plan.checklist], run.plan.digest

        def committed() -> bool:
            try:
                self.service.approve(
                    run_id, gate=PLAN_GATE, digest=digest, actor="U-A", origin=f"approve-{run_id}", ticked=ticked
                )
            except TemporaryError:  # the disk stood still for a second: as people are told, once more
                return False
            return True

        wait_for(committed)

    def run(self, run_id: str) -> UpgradeRun:
        return self.store.load(run_id)

    def has(self, run_id: str, status: RunStatus) -> Callable[[], bool]:
        return lambda: self.run(run_id).status is status


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Bot]]:
    made: list[Bot] = []

    def build(*names: str, rate: float = 600, **more: int) -> Bot:
        made.append(Bot(tmp_path, rate, names or ("prod",), **more))
        return made[-1]

    yield build
    for bot in made:
        bot.service.stop_engine()
        bot.store.close()


def test_many_runs_go_on_together_and_none_is_ever_in_two_threads(make: Callable[..., Bot]) -> None:
    names = tuple(f"cluster-{number}" for number in range(6))
    bot = make(*names, rate=3000)
    busy: Counter[str] = Counter()
    clashes: list[str] = []
    guard = threading.Lock()
    worker = bot.service._runner._worker
    process = worker.process

    def watched(run_id: str, stopping: Callable[[], bool]) -> UpgradeRun:
        with guard:
            busy[run_id] += 1
            if busy[run_id] > 1:
                clashes.append(run_id)
        try:
            return process(run_id, stopping)
        finally:
            with guard:
                busy[run_id] -= 1

    worker.process = watched  # type: ignore[method-assign, assignment]
    bot.service.start_engine()
    runs = [bot.start(name) for name in names]
    for run_id in runs:
        bot.approve(run_id)
    for run_id in runs:
        wait_for(bot.has(run_id, RunStatus.SUCCEEDED))
    assert clashes == []
    for cluster in bot.clusters.values():
        assert [call.split()[0] for call in cluster.took_effect()] == [
            "update_cluster_version",
            *["update_addon"] * 4,
            "update_nodegroup_version",
        ]


def test_waiting_holds_no_thread(make: Callable[..., Bot]) -> None:
    names = tuple(f"cluster-{number}" for number in range(6))
    bot = make(*names, rate=STANDING, workers=2)
    bot.service.start_engine()
    runs = [bot.start(name) for name in names]
    for run_id in runs:
        bot.approve(run_id)
    follows = StepStatus.FOLLOWING
    for run_id in runs:  # all six follow an update at once, on two threads
        wait_for(lambda run_id=run_id: bot.run(run_id).step("control-plane@1.35").status is follows)  # type: ignore[misc]
    assert sum(thread.name.startswith("engine_") for thread in threading.enumerate()) <= 2


def test_a_request_is_taken_in_at_once(make: Callable[..., Bot]) -> None:
    bot = make(rate=STANDING)
    bot.service.start_engine()
    run_id = bot.start("prod")
    bot.approve(run_id)
    wait_for(bot.has(run_id, RunStatus.RUNNING))
    bot.service.pause(run_id, actor="U-A", origin="pause-1")
    wait_for(bot.has(run_id, RunStatus.PAUSED))


def test_what_another_process_commits_is_seen_within_seconds(make: Callable[..., Bot]) -> None:
    bot = make(rate=STANDING)
    bot.service.start_engine()
    run_id = bot.start("prod")
    wait_for(bot.has(run_id, RunStatus.AWAITING_APPROVAL))
    command_line = UpgradeService(
        bot.store, bot.ports, [], access=bot.access, delivery=bot.delivery, clock=bot.clock
    )  # never started
    command_line.abort(run_id, actor="cli:ann", origin="cli-1")
    wait_for(bot.has(run_id, RunStatus.ABORTED))


def test_after_a_restart_every_unfinished_run_is_looked_at_at_once(make: Callable[..., Bot]) -> None:
    names = tuple(f"cluster-{number}" for number in range(5))
    bot = make(*names, rate=STANDING)
    bot.service.start_engine()
    runs = [bot.start(name) for name in names]
    for run_id in runs:
        bot.approve(run_id)
        wait_for(lambda run_id=run_id: bot.run(run_id).step("control-plane@1.35").update_id is not None)  # type: ignore[misc]
    bot.service.stop_engine()
    bot.again()
    bot.service.start_engine()

    def told(run_id: str) -> bool:
        return any(event.kind is EventKind.BOT_RESTARTED for event in bot.store.events(run_id))

    wait_for(lambda: all(told(run_id) for run_id in runs))
    following = next(e for e in bot.store.events(runs[0]) if e.kind is EventKind.BOT_RESTARTED).data["following"]
    assert following == [{"step_id": "control-plane@1.35", "update_id": "u-1"}]


def test_a_run_that_begins_in_this_process_was_not_restarted(make: Callable[..., Bot]) -> None:
    bot = make()
    bot.service.start_engine()
    run_id = bot.start("prod")
    wait_for(bot.has(run_id, RunStatus.AWAITING_APPROVAL))
    assert EventKind.BOT_RESTARTED not in [event.kind for event in bot.store.events(run_id)]


def test_the_end_of_an_update_is_noticed_by_one_of_the_next_polls(make: Callable[..., Bot]) -> None:
    names = tuple(f"cluster-{number}" for number in range(10))
    bot = make(*names, rate=10)
    for number, cluster in enumerate(bot.clusters.values()):  # ends spread evenly between two polls
        cluster.minutes["cluster"] = 0.5 + number * 0.05
    bot.service.start_engine()
    runs = [bot.start(name, scope=Scope.CONTROL_PLANE) for name in names]
    for run_id in runs:
        bot.approve(run_id)
    for run_id in runs:
        wait_for(bot.has(run_id, RunStatus.SUCCEEDED))
    delays = [_delay(bot, run_id) for run_id in runs]
    assert all(0 <= delay < 3 for delay in delays), delays  # the benchmark says how soon it is on average


def _delay(bot: Bot, run_id: str) -> float:
    """From the end of the control plane's update until its step was finished, in polls."""
    run = bot.run(run_id)
    finished_at = run.step("control-plane@1.35").finished_at
    assert finished_at is not None
    return (finished_at - bot.ports.by_id[run.cluster].updates[0].ends_at) / timedelta(seconds=30)


def test_a_pass_that_breaks_is_tried_again_and_stops_no_other(
    make: Callable[..., Bot], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upgrade.engine.runner._BROKEN", 0.1)
    bot = make("one", "two")
    breaks = iter([True, True, False])
    worker = bot.service._runner._worker
    process = worker.process

    def fragile(run_id: str, stopping: Callable[[], bool]) -> UpgradeRun:
        if bot.run(run_id).cluster.name == "one" and next(breaks, False):
            raise OSError("disk")
        return process(run_id, stopping)

    worker.process = fragile  # type: ignore[method-assign, assignment]
    bot.service.start_engine()
    runs = [bot.start("one"), bot.start("two")]
    for run_id in runs:
        wait_for(bot.has(run_id, RunStatus.AWAITING_APPROVAL))


def test_short_jobs_answer_from_the_pool_and_leave_room_for_runs(make: Callable[..., Bot]) -> None:
    bot = make(workers=2)
    bot.service.start_engine()
    answers: list[object] = []
    gate = threading.Event()

    def stuck() -> None:
        gate.wait(LONGEST)

    bot.service._runner.submit(stuck)
    request = PlanRequest(cluster=bot.clusters["prod"].snapshot.cluster)
    bot.service.check(request, answers.append)
    run_id = bot.start("prod")
    wait_for(bot.has(run_id, RunStatus.AWAITING_APPROVAL))  # a stuck job does not hold the runs up
    assert answers == []
    gate.set()
    wait_for(lambda: len(answers) == 1)


def test_a_stop_is_clean_and_leaves_no_thread(make: Callable[..., Bot]) -> None:
    bot = make(rate=STANDING)
    bot.service.start_engine()
    run_id = bot.start("prod")
    bot.approve(run_id)
    wait_for(bot.has(run_id, RunStatus.RUNNING))
    assert bot.service.engine_alive
    bot.service.stop_engine()
    assert not bot.service.engine_alive
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("engine")]
    version = bot.run(run_id).version
    time.sleep(0.1)
    assert bot.run(run_id).version == version


def test_news_from_the_delivery_is_looked_at_at_once(make: Callable[..., Bot]) -> None:
    bot = make(rate=STANDING)
    bot.delivery.delivered = False
    bot.service.start_engine()
    run_id = bot.start("prod")
    bot.approve(run_id)
    wait_for(lambda: bot.run(run_id).step("announce").status is StepStatus.FOLLOWING)
    bot.delivery.delivered = True
    bot.service.delivery_changed()
    wait_for(lambda: bot.run(run_id).step("announce").status is StepStatus.DONE)
