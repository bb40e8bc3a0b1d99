"""What is here: the settings and the database."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from bot.config import Settings
from bot.doctor.verdicts import Verdict, fix, note, ok
from upgrade.errors import DatabaseTooNew, PermanentError
from upgrade.store.examination import NETWORK_FILE_SYSTEMS, examine_database, file_system_of
from upgrade.store.ownership import DatabaseOwnership


def examine_settings(settings: Settings) -> Iterator[Verdict]:
    """The settings could be read, or there would be nothing to examine; here is what they leave out."""
    if not (settings.clusters or settings.discovery):
        yield note(
            "settings-no-cluster",
            "settings",
            "no cluster is configured, so AWS and Kubernetes were not looked at.",
            "name them under clusters, or a place to find them under discovery (docs/configuration.md)",
        )
        return
    listed = f"{len(settings.clusters)} cluster(s): {', '.join(_names(settings)) or 'none is listed, they are found'}."
    yield ok("settings", "settings", listed)
    if not settings.has_approver:
        yield note(
            "settings-no-approver",
            "settings",
            "nobody is an approver, so every cluster can be checked and planned, not upgraded.",
            "name users or groups under roles.approver",
        )
    for cluster in settings.clusters:
        if cluster.change_role is None:
            yield note(
                "settings-check-only",
                cluster.name,
                "it has no change_role, so it can be checked and planned, not upgraded.",
                "set change_role (docs/install.md)",
            )


def examine_store(settings: Settings) -> Iterator[Verdict]:
    """The database: there or possible, sound, in WAL mode, writable, and whose it is."""
    path = settings.database
    folder = shlex.quote(str(path.parent))
    try:
        exists = examine_database(path)
    except PermanentError as error:
        commands = {
            "NotWritable": f"install -d -m 0700 {folder} (as the bot's user), or set database to another path",
            "NoWal": "put the file on a local disk (a block volume, not NFS or EFS)",
        }
        codes = {"NotWritable": "database-not-writable", "NoWal": "database-no-wal"}
        yield fix(
            codes.get(error.code, "database-damaged"), "database", error.message, commands.get(error.code, error.hint)
        )
        return
    except DatabaseTooNew as error:
        yield fix("database-too-new", "database", error.message, error.hint)
        return
    kind = file_system_of(path if exists else path.parent)
    if kind in NETWORK_FILE_SYSTEMS:
        yield fix(
            "database-on-network",
            "database",
            f"{path} is on {kind}; SQLite's locks do not hold there.",
            "put it on a local disk or a block volume (EBS)",
        )
    if exists and path.stat().st_mode & 0o077:
        yield fix(
            "database-readable",
            "database",
            "other users of this machine can read it.",
            f"chmod 600 {shlex.quote(str(path))}",
        )
    state = "sound, WAL, writable" if exists else "not there yet; it will be made"
    yield ok("database", "database", f"{path}: {state}.")
    if holder := DatabaseOwnership(path).holder():
        yield note(
            "database-in-use",
            "database",
            f"{holder} owns it: a running bot. A second one would not start.",
        )


def _names(settings: Settings) -> list[str]:
    return [cluster.name for cluster in settings.clusters]
