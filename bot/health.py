"""Is the bot well? It writes so into a file every few seconds; `healthcheck` reads it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

import click

from bot.config import Settings
from bot.invocation import settings_of

#: Real seconds after which a file that nobody renewed means that nobody is there.
STALE_SECONDS: Final = 30.0


def health_file(settings: Settings) -> Path:
    return settings.health_file or settings.database.with_name(f"{settings.database.name}.health")


class Health:
    """Args: parts: what must be well, by name."""

    def __init__(self, path: Path, parts: Mapping[str, Callable[[], bool]]) -> None:
        self._path = path
        self._parts = parts

    def write(self) -> None:
        """Replace the file as a whole: a reader never sees half of it."""
        content = {"at": time.time(), "pid": os.getpid(), **{name: well() for name, well in self._parts.items()}}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f"{self._path.name}.new")
        fresh.write_text(json.dumps(content))
        fresh.replace(self._path)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


def ailments(path: Path, now: float | None = None, *, but_for: Collection[str] = ()) -> list[str]:
    """What is not well, a sentence each; empty when all is. ``but_for``: parts that are left out."""
    try:
        content = json.loads(path.read_text())
        at = float(content["at"])
    except FileNotFoundError:
        return ["The bot is not running: it left no health file."]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"The health file {path} cannot be read."]
    age = (time.time() if now is None else now) - at
    if age > STALE_SECONDS:
        return [f"The bot has given no sign for {age:.0f} seconds."]
    return [f"{name} is not well" for name, well in content.items() if well is False and name not in but_for]


commands = click.Group()


@commands.command()
@click.option("--live", is_flag=True, help="Leave Slack out: a restart does not bring it back.")
def healthcheck(live: bool) -> None:
    """Exit 0 when the running bot is well, 1 with what is not."""
    found = ailments(health_file(settings_of()), but_for=("slack",) if live else ())
    for one in found:
        click.echo(one, err=True)
    raise click.exceptions.Exit(1 if found else 0)
