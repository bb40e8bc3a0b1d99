"""A report as Markdown, for the comment on a pull request: short where it may be, folded where it is long."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from upgrade.findings import Readiness, Report, Severity
from upgrade.reports.outline import Cure, Group, Listed, Outline, outline, title_of
from upgrade.reports.sources import address
from upgrade.reports.words import clean, utc
from upgrade.words import count

#: A comment on GitHub holds 65,536 characters.
_MOST: Final = 60_000
_LONGEST: Final = 250
_MARKS: Final = {Readiness.READY: "✅", Readiness.BLOCKED: "⛔", Readiness.UNKNOWN: "❔"}
_MARKUP: Final = re.compile(r"([\\`*_\[\]|~$])")
#: What a name, a number or an address behind it would make a mention, a reference or a link.
_ALIVE: Final = re.compile(r"([@#]|:(?=//)|\bwww(?=\.))", re.IGNORECASE)


class _Room(NamedTuple):
    """How many checks a section shows, and how many findings of each one by one; the rest is counted."""

    checks: int
    findings: int


_ROOMS: Final = (_Room(40, 10), _Room(40, 3), _Room(20, 1), _Room(5, 1))


def render(report: Report, fail_on: Severity = Severity.BLOCKS) -> str:
    told = outline(report, fail_on)
    for room in _ROOMS:
        text = _page(report, told, room)
        if len(text) <= _MOST:
            break
    return text


def _page(report: Report, told: Outline, room: _Room) -> str:
    parts = [f"## {_MARKS[told.readiness]} {_text(title_of(report))}", "", f"**{_text(told.headline)}**", ""]
    parts += _section("In the way", told.blockers, room)
    parts += _cures(told.cures, room)
    parts += _folded("Warnings", told.warnings, room)
    parts += _folded("Good to know", told.notes, room)
    parts.append(f"<sub>{_text(str(told.coverage))} · seen {_text(utc(report.taken_at))}</sub>")
    return "\n".join(parts) + "\n"


def _section(title: str, groups: tuple[Group, ...], room: _Room) -> Iterator[str]:
    if groups:
        yield f"### {title}"
        yield ""
        yield from _rows(groups, room)


def _folded(title: str, groups: tuple[Group, ...], room: _Room) -> Iterator[str]:
    if groups:
        number = sum(len(group.subjects) for group in groups)
        yield f"<details><summary>{title}: {number}</summary>"
        yield ""
        yield from _rows(groups, room)
        yield "</details>"
        yield ""


def _rows(groups: tuple[Group, ...], room: _Room) -> Iterator[str]:
    yield "| Check | What | Next move |"
    yield "| --- | --- | --- |"
    for group in groups[: room.checks]:
        shown = "<br>".join(_finding(one) for one in group.listed[: room.findings])
        if len(group.listed) > room.findings:
            shown += f"<br>… and {len(group.listed) - room.findings} more"
        remedies = "<br>".join(_text(remedy) for remedy in group.remedies[:3]) or "-"
        yield f"| {_code(group)} | {shown} | {remedies} |"
    yield ""
    if len(groups) > room.checks:
        codes = ", ".join(_text(group.code) for group in groups[room.checks :])
        yield f"… and {count(len(groups) - room.checks, 'more check')}: {codes}"
        yield ""


def _code(group: Group) -> str:
    link = address(group.first.source)
    return f"[{_text(group.code)}]({link})" if link else _text(group.code)


def _finding(one: Listed) -> str:
    finding = one.finding
    owner = f" (owner: {_text(one.owner)})" if one.owner else ""
    hops = f" ({_text(one.at_hops)})" if len(one.hops) > 1 else ""
    return f"**{_text(finding.subject)}**{owner}{hops}: {' '.join(map(_text, one.summaries))}"


def _cures(cures: tuple[Cure, ...], room: _Room) -> Iterator[str]:
    if not cures:
        return
    yield "### Could not be seen"
    yield ""
    for cure in cures[: room.checks]:
        codes = ", ".join(dict.fromkeys(_text(one.finding.code) for one in cure.listed))
        weight = " (in the way)" if cure.counts else ""
        remedy = " ".join(_text(one) for one in cure.remedies[:1])
        yield f"- **{_text(cure.title)}**{weight}: {codes}{f'. {remedy}' if remedy else ''}"
    if len(cures) > room.checks:
        yield f"- … and {len(cures) - room.checks} more"
    yield ""


def _text(value: str) -> str:
    """Text in which nothing is markup, a mention or a link; a comment in its middle keeps GitHub from making one."""
    safe = _MARKUP.sub(r"\\\1", html.escape(clean(value, _LONGEST), quote=False))
    return _ALIVE.sub(r"\1<!-- -->", safe)
