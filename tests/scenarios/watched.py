"""Instead of the interpreter: ``watched-python -m MODULE …`` runs a module and writes down whom it dials and starts.

`plant` makes such an interpreter. Put into ``sys.executable`` before the sandbox is imported, it is what the bot is
started with, too; nothing in the product knows of it.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from typing import Any

WATCHED = {
    "socket.connect": lambda args: args[1],
    "socket.sendto": lambda args: args[1],
    "socket.bind": lambda args: args[1],
    "socket.getaddrinfo": lambda args: args[0],
    "socket.gethostbyname": lambda args: args[0],
    "socket.gethostbyaddr": lambda args: args[0],
    "subprocess.Popen": lambda args: args[0],
    "os.exec": lambda args: args[0],
    "os.posix_spawn": lambda args: args[0],
    "os.system": lambda args: args[0],
    "open": lambda args: args[0],
}


def plant(folder: Path) -> Path:
    """Make an interpreter in ``folder`` that writes what it sees into ``folder/seen``."""
    interpreter = folder / "watched-python"
    interpreter.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        f"from tests.scenarios.watched import main\nmain({str(interpreter)!r}, {str(folder / 'seen')!r})\n"
    )
    interpreter.chmod(0o700)
    return interpreter


def seen(folder: Path) -> list[tuple[str, str, Any]]:
    """(which module, what, with whom or what), of all watched processes, in order."""
    lines = (folder / "seen").read_text().splitlines()
    return [tuple(json.loads(line)) for line in lines]


def main(interpreter: str, log: str) -> None:
    """Be ``python -m MODULE ARGUMENTS``, watched."""
    sys.executable = interpreter
    _, flag, module, *arguments = sys.argv
    assert flag == "-m"
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(event: str, args: tuple[Any, ...]) -> None:
        if event in WATCHED:
            what = WATCHED[event](args)
            line = json.dumps(
                [module, event, what], default=lambda one: os.fsdecode(one) if isinstance(one, bytes) else repr(one)
            )
            os.write(out, f"{line}\n".encode())

    sys.addaudithook(note)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
