"""The real bot, as a child process: started with nothing but the environment it is given, killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BOT = (sys.executable, "-m", "bot")
_ENDS_WITH_US = (sys.executable, "-m", "sandbox.ends_with_parent")
# For the kernel the parent of a process is the thread that started it; this one lasts as long as the sandbox.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")


def run_bot(arguments: Sequence[str], environment: Mapping[str, str], *, timeout: float = 120) -> str:
    """Run one command of the bot to its end and give what it printed. Raises CalledProcessError."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [*BOT, *arguments],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
    )
    return done.stdout


class BotProcess:
    """``eks-upgrade-bot serve`` as a child that never outlives this process (on Linux, whatever ends it).

    Args:
        environment: its whole environment.
        log: where its output goes, appended.
        command: what is run; the crash tests and the proof of loopback put a wrapper here.
    """

    def __init__(self, environment: Mapping[str, str], log: Path, command: Sequence[str] = (*BOT, "serve")) -> None:
        self.environment = dict(environment)
        self.log = log
        self.command = list(command)
        self.starts = 0
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.poll() is None else None

    @property
    def running(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Start it, unless it runs."""
        with self._lock:
            if self.running:
                return
            self._process = _STARTER.submit(self._start).result()
            # After it: whoever reads of the start, without waiting for the lock, finds the process too.
            self.starts += 1

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as out:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [*_ENDS_WITH_US, str(os.getpid()), *self.command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """``kill -9``: no goodbye."""
        self._end(signal.SIGKILL)

    def stop(self, patience: float = 15) -> None:
        """Ask it to end, and insist after ``patience`` seconds."""
        self._end(signal.SIGTERM, patience)

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code once it ended; None when it still runs after ``timeout`` seconds."""
        if self._process is None:
            return None
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def _end(self, number: signal.Signals, patience: float = 15) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                return
            self._process.send_signal(number)
            if self.wait(patience) is None:
                self._process.kill()
                self._process.wait()
