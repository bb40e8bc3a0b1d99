"""A sample of the boundaries, for every day: the campaign kills at all of them (`make crash`)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from sandbox.stage import OPERATIONS
from tests.crash.night import Night, failure_of, night_told_well
from tests.crash.tale import Nursery, Tale, alive, told_well
from tests.patience import LONGEST
from upgrade.events import EventKind
from upgrade.run import StepStatus

MakeTale = Callable[..., Tale]

CONTROL_PLANE, VPC_CNI, COREDNS, CORE = (
    "control-plane@1.35",
    "addon/vpc-cni@v1.21.1-eksbuild.1",
    "addon/coredns@v1.13.1-eksbuild.1",
    "nodegroup/core@1.36",
)

#: Each line is one upgrade; its bot dies at all of the line's boundaries, one a life.
UPGRADES = {
    "asking, deciding, control plane": (
        "before commit run-requested",
        "after commit run-requested",
        "before commit run message begun",
        "before slack chat.postMessage run",
        "after slack chat.postMessage run",
        "after commit run message shown",
        "before commit approve",
        "after commit approve",
        "before commit approval-given run-scheduled",
        "before slack chat.postMessage notice",
        "after slack chat.postMessage notice",
        "after commit notice-delivered",
        f"before commit phase-started step-started {CONTROL_PLANE}",
        f"after commit phase-started step-started {CONTROL_PLANE}",
        "before aws update_cluster_version 1.35",
        f"after commit update-started {CONTROL_PLANE}",
        "after aws update_cluster_version 1.36",
        "before commit update-adopted control-plane@1.36",
    ),
    "add-ons, thread, nodes": (
        "after aws update_addon vpc-cni v1.21.1-eksbuild.1",
        f"before commit update-adopted {VPC_CNI}",
        "before aws update_addon coredns v1.13.1-eksbuild.1",
        f"after commit update-started {COREDNS}",
        f"before commit step-finished {COREDNS} phase-finished",
        "before slack chat.postMessage entry#2",
        "after slack chat.postMessage entry#2",
        "before aws update_nodegroup_version core 1.36",
        "after aws update_nodegroup_version core 1.36",
        f"after commit update-adopted {CORE}",
        "before commit update-started nodegroup/apps@1.36",
        "before commit step-finished verify-nodes@1.36 phase-finished run-succeeded",
    ),
}


#: One maintenance with everything around it; its bot dies at these.
NIGHT = (
    "after commit run-rescheduled",
    "after slack chat.postMessage notice-reply 3h",
    "before commit step-failed control-plane@1.36",
    "after slack chat.postMessage call person",
    "after webhook trigger pages",
    "after commit call-acknowledged",
    "before commit approval-given gate-passed",
)


@pytest.fixture
def make_tale(nursery: Nursery, tmp_path: Path) -> MakeTale:
    def make(deaths: Sequence[str] = (), **options: float) -> Tale:
        return Tale(nursery, tmp_path, deaths, **options)  # type: ignore[arg-type]

    return make


@pytest.mark.parametrize("line", UPGRADES)
def test_an_upgrade_goes_on_wherever_the_bot_dies(make_tale: MakeTale, line: str) -> None:
    deaths = UPGRADES[line]
    with make_tale(deaths) as tale:
        tale.to_the_end()
        told_well(tale)
        for place, name in zip(tale.died_at(), deaths, strict=True):
            assert place.startswith(name.partition("#")[0])
        restarts = [event for event in tale.events if event.kind is EventKind.BOT_RESTARTED]
        if CONTROL_PLANE in str(deaths):
            assert any(CONTROL_PLANE in str(event.data["following"]) for event in restarts)
            assert EventKind.UPDATE_ADOPTED in {event.kind for event in tale.events}
            entries = [message.text for message in tale.messages]
            [update] = [run_update(tale, CONTROL_PLANE)]
            assert any(text.startswith("🔁 Restarted, following") and update in text for text in entries)
            # Ticked and sent once more to the bot that came after the one which died of the decision.
            assert ("dialog.approve", 1 + deaths.index("after commit approve")) in tale.acts
        tale.end()


def test_a_night_goes_on_wherever_the_bot_dies(nursery: Nursery, tmp_path: Path) -> None:
    """Scheduled, announced, brought to mind, moved, failed, called, acknowledged, retried, and a gate half-way."""
    with Night(nursery, tmp_path, NIGHT, speed=4800.0) as tale:
        tale.to_the_end()
        night_told_well(tale)
        for place, name in zip(tale.died_at(), NIGHT, strict=True):
            assert place.startswith(name)
        pages = [page["id"] for page in tale.receiver.taken]  # of a gate too, where people are slow to open it
        first = f":{failure_of(tale.events)}:pages"
        assert sum(page.endswith(first) for page in pages) == 2  # the one that took it could not write that down
        tale.end()


def run_update(tale: Tale, step_id: str) -> str:
    run = tale.run
    assert run is not None
    return str(run.step(step_id).update_id)


def test_an_update_that_still_runs_is_found_and_followed_on(make_tale: MakeTale) -> None:
    """It was started by a bot that died before it could write down its id."""
    with (
        make_tale(["after aws update_cluster_version 1.35"]) as tale,
        tale.clock.holding(tale.stage.world, "demo", "control-plane"),
    ):
        tale.until(lambda: any(event.kind is EventKind.UPDATE_ADOPTED for event in tale.events))
        [effect] = [effect for effect in tale.stage.world.effects if effect.update_id]
        [adopted] = [event for event in tale.events if event.kind is EventKind.UPDATE_ADOPTED]
        assert adopted.data["update_id"] == effect.update_id
        assert [update.status for update in tale.stage.world.find_cluster("demo").updates_in_progress()]
        assert tale.run is not None
        assert tale.run.step(CONTROL_PLANE).status is StepStatus.FOLLOWING
        tale.end()


def test_a_step_that_takes_the_bot_down_three_times_is_parked_and_asks(make_tale: MakeTale) -> None:
    call = "before aws update_addon coredns v1.13.1-eksbuild.1"
    with make_tale([call] * 3) as tale:
        tale.to_the_end()
        told_well(tale)
        [parked] = [event for event in tale.events if event.kind is EventKind.STEP_FAILED]
        assert (parked.step_id, parked.data["code"]) == (COREDNS, "Parked")
        assert [event.actor for event in tale.events if event.kind is EventKind.RETRY_REQUESTED] == ["U0BEN"]
        assert any(event.kind is EventKind.RUN_PAUSED for event in tale.events)
        assert tale.lives == 4
        tale.end()


def test_a_check_dies_with_the_bot_and_leaves_nothing(make_tale: MakeTale) -> None:
    with make_tale(["before kube nodes"]) as tale:
        slack = tale.stage.slack
        assert slack is not None
        tale.live()
        tale.wait(lambda: slack.connections > 0)
        tale.type("check demo to 1.36")
        tale.wait(lambda: not alive(tale.pid))
        tale.revive()
        tale.wait(lambda: slack.connections > 0)
        assert tale.run is None
        assert tale.messages == []
        tale.type("check demo to 1.36")
        tale.wait(lambda: any("in the way" in one.text for one in slack.people.messages("ana", OPERATIONS)))
        tale.end()


def test_a_database_whose_making_was_interrupted_is_made_by_the_next_start(make_tale: MakeTale) -> None:
    deaths = ["before create table runs", "after create table inbox", "after create table messages"]
    with make_tale(deaths) as tale:
        tale.until(lambda: any(event.kind is EventKind.RUN_SCHEDULED for event in tale.events))
        assert len(tale.died_at()) == len(deaths)
        tale.end()


def test_a_second_bot_on_the_same_database_names_the_first_and_ends(make_tale: MakeTale) -> None:
    with make_tale() as tale:
        tale.until(lambda: tale.top is not None)
        second = subprocess.run(
            [sys.executable, "-m", "bot", "serve"],
            env=tale.stage.environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
        assert second.returncode == 1
        assert f"process {tale.pid} on" in second.stderr
        assert "Stop it first" in second.stderr
        assert alive(tale.pid)
        tale.end()
