"""Where each row of the upgrade rules lives: a check, the check list, a note of a release, or a part of the program."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from upgrade.checks import REGISTRY
from upgrade.data_files import read_data
from upgrade.facts import Value


class Home(Value):
    """A place where a rule is kept.

    Args:
        row: the rule's id, such as ``C-20``.
        kind: ``check``, ``check list``, ``release note``, or the part of the program; ``later`` for a row that is not
            kept yet.
        name: the check's code or the item's id; the file, for a part of the program.
        says: what is true there, in one sentence.
    """

    row: str
    kind: str
    name: str
    says: str


@cache
def every_row() -> tuple[str, ...]:
    """The ids of all rows of sections A to E, in the order of the rules."""
    return tuple(row for rows in read_data("rule_homes.yaml")["rows"].values() for row in rows.split())


@cache
def homes() -> tuple[Home, ...]:
    """Every home of every row, in the order of the rows."""
    order = {row: place for place, row in enumerate(every_row())}
    return tuple(sorted(_homes(), key=lambda home: order.get(home.row, len(order))))


def homeless() -> tuple[str, ...]:
    """Rows that are nowhere; there must be none."""
    housed = {home.row for home in homes()}
    return tuple(row for row in every_row() if row not in housed)


def _homes() -> Iterator[Home]:
    for check in REGISTRY:
        for row in check.rules:
            yield Home(row=row, kind="check", name=check.code, says=check.title)
    for item in read_data("checklist.yaml")["items"]:
        yield Home(row=item["rule"], kind="check list", name=item["id"], says=item["sentence"])
    for note in read_data("release_notes.yaml")["notes"]:
        yield Home(row=note["rule"], kind="release note", name=note.get("target", "every target"), says=note["text"])
    for home in read_data("rule_homes.yaml")["homes"]:
        for row, says in home["rows"].items():
            yield Home(row=row, kind=home["home"], name=home.get("path", ""), says=says)
