"""Documents that are no YAML as they stand: templates that nobody rendered, and broken ones. Read line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_LINE: Final = re.compile(
    r"^(?P<lead>[ \t]*(?:- +)*)[\"']?(?P<key>apiVersion|kind|metadata|name|namespace)[\"']?[ \t]*:"
    r"(?:[ \t]+(?P<value>[^\r\n]*?))?[ \t]*\r?$",
    re.MULTILINE,
)
_MARK: Final = re.compile(r"\{\{|\$\{|<%|\{%|\$\(")
#: How many lines with keys of ours one object has at most; a bound against files made to be slow.
_NEAR: Final = 500
_GROUP_VERSION: Final = re.compile(r"(?<![\w./-])(?:[a-z0-9.-]+/)?v\d+(?:(?:alpha|beta)\d+)?(?![\w./-])")


@dataclass(frozen=True, slots=True)
class Entry:
    """A line ``key: value``; ``begins`` when it is the first of a list's item."""

    line: int
    column: int
    begins: bool
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a document seems to hold.

    Args:
        versions: every API version that the object may get; more than one where a condition chooses.
        computed: the version or the kind is only known once it is rendered.
    """

    versions: tuple[tuple[str, int], ...]
    kind: str
    name: str
    namespace: str
    line: int
    computed: bool


def sketches_of(text: str) -> Iterator[Sketch]:
    """The objects that a document seems to hold, by the columns of their keys."""
    entries = tuple(_entries(text))
    by_kind: dict[int, list[int]] = {}
    for number, entry in enumerate(entries):
        if entry.key == "apiVersion":
            by_kind.setdefault(_kind_of(entries, number), []).append(number)
    for kind, versions in by_kind.items():
        if kind >= 0 and _is_object(entries, kind):
            yield _sketch(entries, kind, versions)


def _entries(text: str) -> Iterator[Entry]:
    line, counted = 1, 0
    for found in _LINE.finditer(text):
        line, counted = line + text.count("\n", counted, found.start()), found.start()
        yield Entry(
            line=line,
            column=len(found["lead"]),
            begins="-" in found["lead"],
            key=found["key"],
            value=(found["value"] or "").split(" #")[0].strip().rstrip(",").strip("\"'"),
        )


def _kind_of(entries: Sequence[Entry], version: int) -> int:
    """The number of the entry that tells the kind of the object with that version; -1 when there is none."""
    column = entries[version].column
    for number in range(version + 1, min(version + _NEAR, len(entries))):
        entry = entries[number]
        if entry.column < column or (entry.column == column and entry.begins):
            break
        if entry.column == column and entry.key == "kind":
            return number
    if entries[version].begins:
        return -1
    for number in range(version - 1, max(version - _NEAR, -1), -1):
        entry = entries[number]
        if entry.column < column:
            break
        if entry.column == column and entry.key == "kind":
            return number
        if entry.column == column and entry.begins:
            break
    return -1


def _is_object(entries: Sequence[Entry], kind: int) -> bool:
    """Whether it is a manifest rather than a reference to one: those have no metadata."""
    column = entries[kind].column
    return column == 0 or any(entry.key == "metadata" for entry in _object(entries, kind) if entry.column == column)


def _object(entries: Sequence[Entry], kind: int) -> Iterator[Entry]:
    """The entries of the object behind its kind."""
    column = entries[kind].column
    for number in range(kind + 1, min(kind + _NEAR, len(entries))):
        entry = entries[number]
        if entry.column < column or (entry.column == column and (entry.begins or entry.key == "kind")):
            return
        yield entry


def _sketch(entries: Sequence[Entry], kind: int, versions: Sequence[int]) -> Sketch:
    column = entries[kind].column
    inside = [entry for entry in _object(entries, kind) if entry.column > column]
    told: list[tuple[str, int]] = []
    computed = _MARK.search(entries[kind].value) is not None
    for number in versions:
        entry = entries[number]
        if _MARK.search(entry.value):
            # A condition in the line itself still names what it chooses from; a helper does not.
            literal = _GROUP_VERSION.findall(re.sub(r"\"[^\"]*\"", "", entry.value))
            told += [(name, entry.line) for name in literal]
            computed = computed or not literal
        else:
            told.append((entry.value, entry.line))
    return Sketch(
        versions=tuple(told),
        kind=entries[kind].value,
        name=next((entry.value for entry in inside if entry.key == "name"), ""),
        namespace=next((entry.value for entry in inside if entry.key == "namespace"), ""),
        line=entries[versions[0]].line,
        computed=computed,
    )
