"""Can the bot live with this database? Looked at without becoming its owner."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from upgrade.errors import DatabaseTooNew, PermanentError
from upgrade.store.migrations import KNOWN, migrations

_BUSY_SECONDS: Final = 1.0
_BUSY: Final = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
_MOUNTS: Final = Path("/proc/self/mounts")
#: SQLite's locks and its shared memory are not to be trusted there (https://www.sqlite.org/wal.html, "all processes
#: using a database must be on the same host computer").
NETWORK_FILE_SYSTEMS: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "fuse.s3fs", "lustre"})


def examine_database(path: Path) -> bool:
    """Whether there is a database. It was opened for writing and nothing in it was changed but the journal mode.

    Raises PermanentError (code NotWritable, NotADatabase or NoWal) and DatabaseTooNew.
    """
    _need_folder(_nearest(path.parent))  # -wal and -shm come to lie beside it
    if not path.exists():
        return False
    if not os.access(path, os.W_OK):
        raise PermanentError(f"User {os.geteuid()} may not write {path}.", code="NotWritable")
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
    try:
        _examine(connection, path)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname not in _BUSY:
            raise PermanentError(f"{path} cannot be used: {error}.", code="NotWritable") from None
    except sqlite3.DatabaseError as error:
        raise PermanentError(
            f"{path} is damaged, or is no database: {error}.", "Put the last backup in its place.", code="NotADatabase"
        ) from None
    finally:
        connection.close()
    return True


def file_system_of(path: Path, mounts: str | None = None) -> str:
    """The type of the file system that a path is on (``ext4``, ``nfs4``); empty when this machine does not tell.

    Args:
        mounts: lines as in /proc/self/mounts.
    """
    if mounts is None:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="replace") if _MOUNTS.exists() else ""
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in mounts.splitlines():
        _, where, found, *_ = [*line.split(" "), "", "", ""]
        inside = real == where or real.startswith(where.rstrip("/") + "/")
        if where and inside and len(where) >= len(best):
            best, kind = where, found
    return kind


def _examine(connection: sqlite3.Connection, path: Path) -> None:
    mode = connection.execute("pragma journal_mode = wal").fetchone()[0]
    if mode != "wal":
        raise PermanentError(
            f"{path} cannot be used in WAL mode, only in {mode}.", "Put it on a local disk.", code="NoWal"
        )
    damage = connection.execute("pragma quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise PermanentError(f"{path} is damaged: {damage}.", "Put the last backup in its place.", code="NotADatabase")
    newer = {one.name for one in migrations.applied(Database(connection, execute_plugins=False))} - KNOWN
    if newer:
        raise DatabaseTooNew(
            f"{path} was written by a newer version ({', '.join(sorted(newer))}).", "Use that version, or another file."
        )
    connection.execute("begin immediate")
    connection.rollback()


def _nearest(folder: Path) -> Path:
    """The folder itself, or the first above it that exists."""
    while not folder.exists():
        folder = folder.parent
    return folder


def _need_folder(path: Path) -> None:
    if not path.is_dir():
        raise PermanentError(f"{path} is no folder.", code="NotWritable")
    if not os.access(path, os.W_OK | os.X_OK):
        raise PermanentError(f"User {os.geteuid()} may not write into {path}.", code="NotWritable")
