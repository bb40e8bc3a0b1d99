"""What commands of the shell share: who asks, under which settings, and what the answer says to do next."""

from __future__ import annotations

import getpass
import os
import uuid
from pathlib import Path
from typing import Final

import click

from bot.config import LogSettings, Settings, load_settings
from bot.logs import set_up_logs
from upgrade.run import UpgradeRun
from upgrade.store.ownership import DatabaseOwnership

PROGRAM: Final = "eks-upgrade-bot"

as_option = click.option(
    "--as", "name", metavar="NAME", help="Who asks; decisions count for names in cli_users.  [default: the login name]"
)

format_option = click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to print it."
)


def settings_of(*, server: bool = False) -> Settings:
    settings = load_settings(click.get_current_context().find_object(Path), server=server)
    slack = settings.slack
    secrets = [one.get_secret_value() for one in (slack.bot_token, slack.app_token, slack.signing_secret) if one]
    secrets += [os.environ.get(name, "") for name in settings.on_call.variables.values()]
    set_up_logs(settings.log if server else LogSettings(level="warning"), secrets, clock=settings.make_clock())
    return settings


def server_runs(settings: Settings) -> bool:
    """Whether some process owns the database now."""
    return DatabaseOwnership(settings.database).holder() is not None


def actor_of(name: str | None) -> str:
    return f"cli:{name or getpass.getuser()}"


def new_origin() -> str:
    return f"cli:{uuid.uuid4()}"


def noted(settings: Settings, run: UpgradeRun, what: str, follow: str = "wait {} follows it") -> None:
    """``follow``: the next move: a command, with {} for the run, and what it does."""
    alone = f" No server is running: it is taken up when one starts, or by wait {run.id}."
    later = "" if server_runs(settings) else alone
    click.echo(f"{run.id}: noted. {what}{later}")
    click.echo(f"Next: {PROGRAM} {follow.format(run.id)}.")
