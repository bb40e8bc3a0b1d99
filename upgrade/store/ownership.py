"""One process owns a database: a lock that the kernel gives back when its holder dies (DESIGN 5)."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from upgrade.errors import DatabaseInUse


class DatabaseOwnership:
    """Holds ``<database>.lock`` for as long as the process lives, or until ``release``.

    The file names its holder, so that a second process can say who is in the way. It is never removed: a lock file that
    is unlinked while another process waits for it would leave two owners.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(f"{path.name}.lock")
        self._fd: int | None = None

    def take(self) -> Self:
        """Raises DatabaseInUse, naming the holder's process and host."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(fd)
            os.close(fd)
            raise DatabaseInUse(
                f"Another process owns the database {self._path.name.removesuffix('.lock')}: {holder}.",
                "Stop it first, or give this one a database of its own.",
            ) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode(), 0)
        self._fd = fd
        return self

    def holder(self) -> str | None:
        """Who owns the database now, or None; asked without taking it."""
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # Shared and given back at once: in between, an owner that starts would be refused and started again.
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _holder(fd)
        finally:
            os.close(fd)
        return None

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> Self:
        return self.take()

    def __exit__(self, *_: object) -> None:
        self.release()


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Waits until no other process is in here for this folder. The lock is the folder's own: no file is left behind."""
    fd = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    try:
        told = json.loads(os.pread(fd, 4096, 0))
        return f"process {int(told['pid'])} on {told['host']}"
    except (ValueError, KeyError, TypeError):
        return "a process that is just starting"
