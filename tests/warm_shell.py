"""Commands of the bot, each in a process of its own that has everything loaded when it begins.

``python -m tests.warm_shell`` reads orders, a line of JSON each, forks a process for each, and prints how it ended: a
second of loading less for each of the hundred commands that the tests run. `bot.cli`'s own loading is tested elsewhere.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]


class WarmShell:
    """One command at a time. Close it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.warm_shell"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()

    def run(self, *arguments: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """``eks-upgrade-bot ARGUMENTS`` with this environment and no other."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock, tempfile.TemporaryDirectory() as folder:
            order = {"arguments": arguments, "environment": dict(environment), "folder": folder}
            print(json.dumps(order), file=self._process.stdin, flush=True)
            code = int(self._process.stdout.readline())
            out, err = (Path(folder, name).read_text("utf-8") for name in ("out", "err"))
        return subprocess.CompletedProcess(arguments, code, out, err)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _carry_out(order: dict[str, Any]) -> int:
    from bot.__main__ import run

    nothing = os.open(os.devnull, os.O_RDONLY)
    out, err = (os.open(Path(order["folder"], name), os.O_WRONLY | os.O_CREAT) for name in ("out", "err"))
    for fd, place in ((nothing, 0), (out, 1), (err, 2)):
        os.dup2(fd, place)
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    return run(order["arguments"])


def main() -> None:
    from bot.cli import every_command

    assert [*every_command()]
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = _carry_out(json.loads(line))
                sys.stdout.flush()
                sys.stderr.flush()
            except BaseException:
                traceback.print_exc()
            os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
