"""A report as Markdown, for the comment on a pull request: short where it may be, folded where it is long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from upgrade.findings import Readiness, Report, Severity
from upgrade.reports.escaping import in_markdown
from upgrade.reports.outline import Cure, Group, Listed, Outline, outline, title_of
from upgrade.reports.sources import address
from upgrade.reports.words import utc
from upgrade.words import count

#: A comment on GitHub holds 65,536 characters.
_MOST: Final = 60_000
_MARKS: Final = {Readiness.READY: "✅", Readiness.BLOCKED: "⛔", Readiness.UNKNOWN: "❔"}


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
    parts = [
        f"## {_MARKS[told.readiness]} {in_markdown(title_of(report))}",
        "",
        f"**{in_markdown(told.headline)}**",
        "",
    ]
    parts += _section("In the way", told.blockers, room)
    parts += _cures(told.cures, room)
    parts += _folded("Warnings", told.warnings, room)
    parts += _folded("Good to know", told.notes, room)
    parts.append(f"<sub>{in_markdown(str(told.coverage))} · seen {in_markdown(utc(report.taken_at))}</sub>")
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
        remedies = "<br>".join(in_markdown(remedy) for remedy in group.remedies[:3]) or "-"
        yield f"| {_code(group)} | {shown} | {remedies} |"
    yield ""
    if len(groups) > room.checks:
        codes = ", ".join(in_markdown(group.code) for group in groups[room.checks :])
        yield f"… and {count(len(groups) - room.checks, 'more check')}: {codes}"
        yield ""


def _code(group: Group) -> str:
    link = address(group.first.source)
    return f"[{in_markdown(group.code)}]({link})" if link else in_markdown(group.code)


def _finding(one: Listed) -> str:
    finding = one.finding
    owner = f" (owner: {in_markdown(one.owner)})" if one.owner else ""
    hops = f" ({in_markdown(one.at_hops)})" if len(one.hops) > 1 else ""
    return f"**{in_markdown(finding.subject)}**{owner}{hops}: {' '.join(map(in_markdown, one.summaries))}"


def _cures(cures: tuple[Cure, ...], room: _Room) -> Iterator[str]:
    if not cures:
        return
    yield "### Could not be seen"
    yield ""
    for cure in cures[: room.checks]:
        codes = ", ".join(dict.fromkeys(in_markdown(one.finding.code) for one in cure.listed))
        weight = " (in the way)" if cure.counts else ""
        remedy = " ".join(in_markdown(one) for one in cure.remedies[:1])
        yield f"- **{in_markdown(cure.title)}**{weight}: {codes}{f'. {remedy}' if remedy else ''}"
    if len(cures) > room.checks:
        yield f"- … and {len(cures) - room.checks} more"
    yield ""
