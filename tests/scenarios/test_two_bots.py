"""Two bots on one database: the second goes away, says who is there, and disturbs nothing."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sandbox.bot_process import BOT, BotProcess
from sandbox.scenario import load_scenario
from tests.patience import LONGEST
from tests.scenarios.play import ROOT, Play
from upgrade.run import RunStatus

REFUSED: Final = 1
PEOPLE: Final = Path(__file__).with_name("people.yaml")


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    with Play(load_scenario(PEOPLE), tmp_path_factory.mktemp("two-bots"), speed=1800.0) as play:
        yield play


def test_a_second_bot_names_the_holder_and_leaves(play: Play) -> None:
    second = BotProcess(play.stage.environment(), play.stage.home / "second.log")
    with play.unchanged():
        second.start()
        assert second.wait(LONGEST) == REFUSED
    assert "| 1 | refused" in (ROOT / "docs/commands.md").read_text()
    told = second.log.read_text().splitlines()
    assert told == [
        f"Another process owns the database eks-upgrade-bot.db: {holder(play.bot)}.",
        "Stop it first, or give this one a database of its own.",
    ]
    assert play.bot.running
    assert play.slack.connections == 1
    assert "Nothing is under way." in play.asks("ana", "status")


def holder(bot: BotProcess) -> str:
    return f"process {bot.pid} on {socket.gethostname()}"


def test_start_and_wait_looks_on_while_a_server_does_the_work(play: Play) -> None:
    command = [*BOT, "start", "twice", "--as", "ana", "--wait"]
    looking = subprocess.Popen(
        command, env=play.stage.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        play.until(lambda: play.store.find(limit=1), "the run")
        (run,) = play.store.find(limit=2)
        play.approved(run.id, "ben")
        assert play.ends(run.id).status is RunStatus.SUCCEEDED
        told, _ = looking.communicate(timeout=LONGEST)
    finally:
        looking.kill()
    assert looking.returncode == 0, told
    assert "Done in" in told
    assert "approved the plan" in told
    assert len(play.notices(run.id)) == 1


def test_the_database_is_free_as_soon_as_its_bot_is_dead(play: Play) -> None:
    play.kill_bot()
    play.start_bot()
    assert "Nothing is under way." in play.asks("ana", "status")
