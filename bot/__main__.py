"""`eks-upgrade-bot`: the server, and every verb of the service on the command line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Final

import click

from bot.cli import cli

REFUSED: Final = 1
USAGE: Final = 64
INTERNAL: Final = 70
CONFIGURATION: Final = 78
INTERRUPTED: Final = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """The console script."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command. Returns the exit code: 64 usage, 78 settings, 70 an error that nobody foresaw."""
    try:
        code = cli.main(arguments, prog_name="eks-upgrade-bot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return USAGE if isinstance(error, click.UsageError) else REFUSED
    except (Exception, KeyboardInterrupt, click.Abort) as error:
        return _told(error)
    return code if isinstance(code, int) else 0


def _told(error: BaseException) -> int:
    """Print what went wrong, with no secret and nothing that steers a terminal. Returns the exit code."""
    from bot.logs import hide  # noqa: PLC0415 - as below

    lines, code = _explain(error)
    for line in lines:
        click.echo(hide("".join(letter if letter.isprintable() else "?" for letter in line)), err=True)
    return code


def _explain(error: BaseException) -> tuple[Sequence[str], int]:
    """What is printed, and the exit code."""
    # What errors there are takes half a second to load; a command that goes well does not need to know.
    from bot.config import ConfigurationWrong  # noqa: PLC0415
    from handlers.words import CommandUnclear  # noqa: PLC0415
    from upgrade.errors import UpgradeError  # noqa: PLC0415

    match error:
        case click.Abort() | KeyboardInterrupt():
            return ["Interrupted."], INTERRUPTED
        case CommandUnclear():
            return [str(error)], USAGE
        case ConfigurationWrong():
            return error.lines, CONFIGURATION
        case UpgradeError():
            return [line for line in (error.message, error.hint) if line], REFUSED
        case _:
            logging.getLogger(__name__).error("a command broke", exc_info=error)
            return [f"Something went wrong: {type(error).__name__}. The log above says more."], INTERNAL


if __name__ == "__main__":
    main()
