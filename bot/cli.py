"""The command line: its commands by name, each loaded when somebody runs it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Final

import click

#: In which module's ``commands`` each stands. Slack's and AWS's libraries take a second to load: a health check, or
#: whoever looks at a run, waits for none that it does not need.
HOMES: Final[Mapping[str, tuple[str, ...]]] = {
    "bot.check": ("check", "explain"),
    "bot.commands": (
        "calendar",
        "clusters",
        "digest",
        "history",
        "plan",
        "schedule",
        "snapshot",
        "start",
        "status",
        "wait",
    ),
    "bot.doctor.command": ("doctor",),
    "bot.export": ("export",),
    "bot.health": ("healthcheck",),
    "bot.manifest": ("manifest",),
    "bot.preview": ("preview",),
    "bot.scan": ("scan",),
    "bot.serving": ("serve",),
    "bot.steering": (
        "abort",
        "approve",
        "break-glass",
        "cancel",
        "confirm",
        "lift",
        "pause",
        "recheck",
        "reject",
        "reschedule",
        "resume",
        "retry",
        "waive",
    ),
    "bot.tending": ("acknowledge", "mute", "note", "take-over"),
}
_HOME: Final = {name: home for home, names in HOMES.items() for name in names}


class LazyGroup(click.Group):
    """Knows the names; the rest is loaded on demand."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return sorted(_HOME)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        return command_named(cmd_name) if cmd_name in _HOME else None


def command_named(name: str) -> click.Command:
    """Raises KeyError."""
    home = _HOME[name]
    if home not in sys.modules:
        # What is loaded here lives as long as the process: to look for garbage in it takes a third of a second in all.
        gc.disable()
        import_module(home)
        gc.freeze()
        gc.enable()
    group: click.Group = sys.modules[home].commands
    return group.commands[name]


def every_command() -> Iterator[tuple[str, click.Command]]:
    """By name, sorted."""
    return ((name, command_named(name)) for name in sorted(_HOME))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config", type=click.Path(path_type=Path), help="The settings file.  [default: EKS_UPGRADE_BOT_CONFIG, else none]"
)
@click.version_option(package_name="eks-upgrade-bot")
@click.pass_context
def cli(context: click.Context, config: Path | None) -> None:
    """Upgrades Amazon EKS clusters: checks, plans, asks, announces, acts, survives."""
    context.obj = config
