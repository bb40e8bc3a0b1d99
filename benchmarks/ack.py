"""How fast commands are acknowledged while upgrades run, against a Bolt app that does nothing else.

The two apps are two processes with listener pools of the same size. A Slack face holds one app, so there are two faces,
served by this process in the same way. Bursts alternate, so that whatever else the machine does meets both.

Half of our acks wait for a commit, none of the other's does, and the disk of a machine that others use too stands still
for half a second now and then. So the database lies in memory here, and what the disk adds is a row of its own.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.bare_app import MANIFEST
from benchmarks.figures import Row, percentile
from benchmarks.scenarios import many_clusters
from benchmarks.stand import CHANNELS, COMMAND, OPERATOR, Stand, say, wait_until, workspace
from bot.config import SlackSettings
from sandbox.bot_process import BotProcess
from sandbox.slack import SlackFace
from upgrade.collector import collector_held_back
from upgrade.ports import StoredMessage
from upgrade.store.sqlite import SqliteStore

BURST = 50
_MEMORY: Final = Path("/dev/shm")
THREADS: int = SlackSettings().listener_threads
#: So that what one app still does after its acks does not slow down the other's.
_REST_SECONDS = 0.5


@dataclass
class Acks:
    """Real seconds of each ack that came in time, and how many did not."""

    seconds: list[float] = field(default_factory=list)
    missed: int = 0


def measure(*, upgrades: int = 20, bursts: int = 40, burst: int = BURST, speed: float = 15) -> list[Row]:
    """``bursts`` bursts to each app while ``upgrades`` upgrades run."""
    with _folder(_MEMORY) as home, Stand(many_clusters(upgrades, "1.33"), speed, home=home) as stand:
        stand.begin_all(300)
        rows = measure_on(stand, bursts=bursts, burst=burst)
    return [*rows, commit_row()]


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    """A temporary one in there; in the usual place when there is no such."""
    with TemporaryDirectory(prefix="eks-upgrade-ack-", dir=parent if parent and parent.is_dir() else None) as folder:
        yield Path(folder)


def commit_row(commits: int = 500) -> Row:
    """How long the store waits for this machine's disk. It has no target: it is the machine's own."""
    disk, memory = (_commit_p99(parent, commits) for parent in (None, _MEMORY))
    return Row("commit p99", disk, "ms", commits, memory, "in memory")


def _commit_p99(parent: Path | None, commits: int) -> float:
    """Milliseconds."""
    message = StoredMessage(run_id="run", kind="run", key="", channel_id="C0")
    seconds = []
    with _folder(parent) as folder, closing(SqliteStore(folder / "commits.db")) as store:
        for number in range(commits):
            begun = time.perf_counter()
            store.save_message(message.model_copy(update={"shown_seq": number}))
            seconds.append(time.perf_counter() - begun)
    return percentile(seconds, 99) * 1000


def measure_on(stand: Stand, *, bursts: int, burst: int) -> list[Row]:
    """While the upgrades run that were begun there."""
    ours, bare = Acks(), Acks()
    clusters = stand.clusters
    # Both Slack faces live in this process, and its collector stops them up to 0.4 s: that is no app's delay.
    with ExitStack() as opened, collector_held_back():
        beside = _beside(opened, stand)
        people = opened.enter_context(ThreadPoolExecutor(burst))
        for number in range(-1, bursts):
            texts = commands(clusters, burst, number)
            for face, acks in ((stand.slack, ours), (beside, bare)):
                _burst(people, face, texts, acks if number >= 0 else Acks())  # the first round warms up
            say(f"  burst {number + 1} of {bursts}: {len(ours.seconds)} and {len(bare.seconds)} acks")
        going = len(stand.store.unfinished())
        say(f"  {going} of {len(clusters)} upgrades still run after the last burst")
    return rows_of(ours, bare)


def _beside(opened: ExitStack, stand: Stand) -> SlackFace:
    """The bare app in a workspace of its own."""
    face = opened.enter_context(workspace(MANIFEST, stand.ack_seconds))
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1]), **face.environment()}
    command = (sys.executable, "-m", "benchmarks.bare_app", str(THREADS))
    app = BotProcess(environment, stand.bot.log.with_name("bare.log"), command)
    app.start()
    opened.callback(app.stop)
    wait_until(lambda: face.connections > 0, 180, "the bare app's connection to Slack")
    return face


def commands(clusters: Sequence[str], burst: int, number: int) -> list[str]:
    """Half of them write, half only read: one half of the runs is paused, the other resumed, and so on in turns."""
    half = len(clusters) // 2
    first, second = clusters[:half], clusters[half:]
    paused, resumed = (first, second) if number % 2 else (second, first)
    writing = [*(f"pause {name}" for name in paused), *(f"resume {name}" for name in resumed)]
    reading = ["help", "status", "clusters", f"history {clusters[0]}"]
    mixed = [text for index in range(burst) for text in (writing[index % len(writing)], reading[index % len(reading)])]
    return mixed[:burst]


def _burst(people: ThreadPoolExecutor, face: SlackFace, texts: Sequence[str], acks: Acks) -> None:
    def type_it(numbered: tuple[int, str]) -> float | None:
        channel = f"team-{numbered[0] % CHANNELS}"
        delivery = face.people.run_command(OPERATOR, channel, COMMAND, numbered[1]).delivery
        return delivery.ack_seconds if delivery is not None and delivery.ok else None

    for seconds in people.map(type_it, enumerate(texts)):
        if seconds is None:
            acks.missed += 1
        else:
            acks.seconds.append(seconds)
    time.sleep(_REST_SECONDS)


def rows_of(ours: Acks, bare: Acks) -> list[Row]:
    def line(percent: int, most: float | None) -> Row:
        figure, baseline = (percentile(acks.seconds, percent) * 1000 for acks in (ours, bare))
        return Row(f"ack p{percent}", figure, "ms", len(ours.seconds), baseline, "bare Bolt app", most)

    asked = len(ours.seconds) + ours.missed
    missed = Row("acks missed", ours.missed, "", asked, most=0, by_ratio=False)
    return [missed, line(50, None), line(99, 1.5)]
