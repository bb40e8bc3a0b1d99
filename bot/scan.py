"""``scan``: which manifests name an API that a version of Kubernetes removes? Needs no cluster and no settings."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from bot.scan_formats import FORMATS
from upgrade.removals.files import LARGEST_FILE, SKIPPED_DIRECTORIES, FileScan, scan_files
from upgrade.removals.rules import Rules, RulesUnreadable, Standing, builtin_rules, own_rules
from upgrade.versions import KubernetesVersion

CLEAN: Final = 0
DEPRECATED: Final = 10
REMOVED: Final = 11
UNREAD: Final = 12

_HELP: Final = f"""\
Which manifests name an API that a version of Kubernetes removes or deprecates? Changes nothing.

PATH is a file, a directory or - for standard input. Directories are read with all below them (but
{", ".join(sorted(SKIPPED_DIRECTORIES))}): YAML, JSON, one JSON value a line, templates that nobody rendered, broken
YAML. Lists are taken apart; manifests inside strings count. Files of more than
{LARGEST_FILE // 1024 // 1024} MiB are not read, and told. Webhooks and roles whose rules name what the version does not
serve are told; they break nothing and change no exit code.

Exit {CLEAN} when nothing is found, {DEPRECATED} for deprecated APIs, {REMOVED} for removed ones, {UNREAD} when not
everything could be read or a template decides. What is found wins: {REMOVED} before {DEPRECATED} before {UNREAD}; what
could not be read is always told.
"""


commands = click.Group()


@commands.command(help=_HELP, short_help="Which manifests name a removed API? Changes nothing.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--to", "version", metavar="VERSION", required=True, help="The version that the cluster will have.")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="How to print it."
)
@click.option(
    "--rules",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rules of your own (YAML): they add to the built-in ones and take their place.",
)
def scan(paths: Sequence[str], version: str, form: str, file: Path | None) -> None:
    target = _version(version)
    rules = _rules(file)
    found = scan_files(paths, target, rules, stdin=sys.stdin.buffer)
    click.echo(FORMATS[form](found, rules), nl=False)
    raise click.exceptions.Exit(exit_code(found))


def exit_code(found: FileScan) -> int:
    """What is found wins over what could not be read."""
    if found.certain(Standing.REMOVED):
        return REMOVED
    if found.certain(Standing.DEPRECATED):
        return DEPRECATED
    return UNREAD if found.unread or found.conditional else CLEAN


def _version(text: str) -> KubernetesVersion:
    try:
        return KubernetesVersion.parse(text)
    except ValueError as wrong:
        raise click.BadParameter(str(wrong), param_hint="--to") from None


def _rules(file: Path | None) -> Rules:
    if file is None:
        return builtin_rules()
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RulesUnreadable(f"{file} cannot be read: {error}", "It is a YAML file in UTF-8.") from None
    return builtin_rules().with_own(own_rules(text, str(file)))
