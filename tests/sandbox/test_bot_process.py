"""The bot as a child: it lives as long as the sandbox, and no longer."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess

HOLDS_A_LOCK = """
import fcntl, sys, time
held = open(sys.argv[1], "a")
fcntl.flock(held, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""
SANDBOX = """
import sys, time
from pathlib import Path
from sandbox.bot_process import BotProcess
bot = BotProcess({}, Path(sys.argv[1]), sys.argv[2:])
bot.start()
print(bot.pid, flush=True)
time.sleep(600)
"""


def child(lock: Path) -> list[str]:
    return [sys.executable, "-c", HOLDS_A_LOCK, str(lock)]


def wait_for(log: Path, text: str) -> None:
    deadline = threading.Event()
    for _ in range(300):
        if log.exists() and text in log.read_text("utf-8"):
            return
        deadline.wait(0.1)
    pytest.fail(f"the log never said {text}")


@pytest.fixture
def bot(tmp_path: Path) -> Iterator[BotProcess]:
    bot = BotProcess({}, tmp_path / "log", child(tmp_path / "lock"))
    yield bot
    bot.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent is gone")
def test_a_sandbox_that_is_killed_leaves_no_bot_behind(tmp_path: Path) -> None:
    log, lock = tmp_path / "log", tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", SANDBOX, str(log), *child(lock)], stdout=subprocess.PIPE, text=True
    ) as sandbox:
        assert sandbox.stdout is not None
        assert int(sandbox.stdout.readline()) > 0
        wait_for(log, "held")
        sandbox.kill()
    with lock.open("a") as held:  # free as soon as the one who held it is dead, whoever collects it
        fcntl.flock(held, fcntl.LOCK_EX)


def test_it_outlives_the_thread_that_asked_for_it(bot: BotProcess) -> None:
    asker = threading.Thread(target=bot.start)
    asker.start()
    asker.join()
    wait_for(bot.log, "held")
    assert bot.wait(0.3) is None
    assert bot.running


def test_its_pid_is_the_bots_own_and_it_can_be_killed_and_started_again(bot: BotProcess) -> None:
    bot.start()
    wait_for(bot.log, "held")
    first = bot.pid
    assert first is not None
    os.kill(first, 9)
    assert bot.wait(30) == -9
    bot.log.unlink()
    bot.start()
    wait_for(bot.log, "held")
    assert bot.starts == 2
    assert bot.pid not in (None, first)
