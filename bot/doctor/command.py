"""The examination from end to end, and how it is printed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from bot.config import ConfigurationWrong, Settings, missing_for_serve
from bot.doctor.clusters import examine_clusters
from bot.doctor.discovery import examine_discovery
from bot.doctor.own import examine_settings, examine_store
from bot.doctor.verdicts import Verdict, to_fix
from bot.doctor.workspace import examine_slack
from bot.invocation import format_option, settings_of


def examine(settings: Settings) -> Iterator[Verdict]:
    """Everything, in the order in which one thing needs the other. Changes nothing anywhere."""
    yield from examine_settings(settings)
    yield from examine_store(settings)
    yield from examine_slack(settings)
    known = yield from examine_discovery(settings)
    yield from examine_clusters(known)


def doctor(settings: Settings, *, as_json: bool) -> int:
    """Print a line a verdict as it comes, or all as JSON. Returns the exit code: 1 when something is to be fixed.

    Raises ConfigurationWrong when neither a cluster nor Slack is configured: there is nothing to examine.
    """
    slack = settings.slack
    if not (settings.clusters or settings.discovery or slack.bot_token or slack.app_token or slack.signing_secret):
        where = "name a settings file with --config or EKS_UPGRADE_BOT_CONFIG (docs/configuration.md)"
        raise ConfigurationWrong(
            [f"Nothing is configured, so there is nothing to examine: {where}.", *missing_for_serve(settings)]
        )
    verdicts = []
    for verdict in examine(settings):
        verdicts.append(verdict)
        if not as_json:
            click.echo(verdict.line)
    count = to_fix(verdicts)
    if as_json:
        click.echo(json.dumps({"to_fix": count, "verdicts": [one.as_json() for one in verdicts]}, indent=2))
    else:
        click.echo(f"{count} to fix." if count else "Nothing to fix.")
    return 1 if count else 0


commands = click.Group()


@commands.command(name="doctor")
@format_option
def doctor_command(form: str) -> None:
    """Try all that the bot depends on, and say what to fix. Exit 0 when nothing is. Changes nothing."""
    raise click.exceptions.Exit(doctor(settings_of(), as_json=form == "json"))
