"""``check`` and ``explain``: the verdict on a cluster in every format, and what a check is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from bot.looking import (
    WORDS,
    looking,
    profile_option,
    read_snapshot,
    region_option,
    snapshot_option,
    words_argument,
    write,
)
from handlers.words import Word
from upgrade.checks.explained import explain
from upgrade.findings import Readiness, Report, Severity
from upgrade.reports import Format, read, render
from upgrade.reports.outline import outline
from upgrade.reports.text import explained_text

EXIT_CODES: Final = {Readiness.READY: 0, Readiness.BLOCKED: 20, Readiness.UNKNOWN: 21}


commands = click.Group()


@commands.command(epilog=WORDS)
@words_argument
@click.option("--to", "target", metavar="VERSION", help="The same as the words to VERSION.")
@region_option
@profile_option
@snapshot_option
@click.option(
    "--report",
    "judged",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Show a report that was saved as JSON, in another format.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice([one.value for one in Format]),
    default="text",
    show_default=True,
    help="How to say it.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; then only the verdict is printed.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["blocks", "warns"]),
    default="blocks",
    show_default=True,
    help="From which severity on a finding is in the way.",
)
def check(
    *,
    words: Sequence[str],
    target: str | None,
    region: str | None,
    profile: str | None,
    file: Path | None,
    judged: Path | None,
    form: str,
    output: Path | None,
    fail_on: str,
) -> None:
    """Is the cluster ready? Changes nothing.

    Exit 0 when nothing is in the way, 20 when something is, 21 when it is only that something could not be seen.
    """
    if target is not None:
        words = _with_target(words, target)
    if judged is not None:
        if words or file is not None:
            raise click.UsageError("A saved report has its cluster and its version: leave out all but the format.")
        report = read(judged.read_bytes())
    else:
        snapshot = read_snapshot(file)
        with looking(Word.CHECK, words, region, profile, snapshot) as (service, request):
            report = service.check_now(request, snapshot)
    _tell(report, Format(form), output, Severity(fail_on))
    raise click.exceptions.Exit(EXIT_CODES[report.readiness(Severity(fail_on))])


def _with_target(words: Sequence[str], target: str) -> tuple[str, ...]:
    if "to" in words:
        raise click.UsageError("Give the version once: either to VERSION or --to VERSION.")
    return (*words, "to", target)


def _tell(report: Report, form: Format, output: Path | None, fail_on: Severity) -> None:
    text = render(report, form, fail_on)
    if output is None:
        # As bytes: the same on every terminal and in every locale.
        click.echo(text.encode(), nl=False)
        return
    write(output, text)
    click.echo(outline(report, fail_on).headline)


@commands.command(name="explain")
@click.argument("code")
def explain_command(code: str) -> None:
    """What a check looks at, why, and how to fix what it finds. Needs no cluster."""
    click.echo(explained_text(explain(code)), nl=False)
