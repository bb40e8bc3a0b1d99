"""The simulated clusters in a process of their own, so that they share no interpreter with what is measured."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sandbox.scenario import Scenario
from sandbox.stage import Stage
from sandbox.world.model import Duration
from sandbox.world.picture import longest_chain

_PATIENCE_SECONDS = 120.0


class WorldProcess:
    """AWS and Kubernetes of a scenario. ``environment`` is what the bot needs there, its files in ``home``."""

    def __init__(self, scenario: Scenario, speed: float, home: Path | None = None) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(there, scenario, speed, home), name="world", daemon=True)
        self._process.start()
        there.close()
        self.environment: dict[str, str] = self._answer()

    def durations(self) -> list[Duration]:
        """What AWS has done so far, with the time that the world itself took."""
        self._here.send("durations")
        found: list[Duration] = self._answer()
        return found

    def stop(self) -> None:
        self._here.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()

    def _answer(self) -> Any:
        if not self._here.poll(_PATIENCE_SECONDS):
            raise TimeoutError("the simulated world does not answer")
        return self._here.recv()


def _serve(connection: Connection, scenario: Scenario, speed: float, home: Path | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the pipe
    with Stage(scenario, speed=speed, faces=("aws", "kubernetes"), home=home) as stage:
        connection.send(stage.environment())
        while True:
            try:
                connection.recv()
            except EOFError:
                return
            connection.send(stage.world.chain_durations())


def chain_of(durations: Sequence[Duration]) -> timedelta:
    """The longest chain in which each thing began after the one before had ended."""
    return longest_chain(list(durations))
