"""A report and the explanation of a check for a terminal: everything, the verdict first."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Final

from upgrade.checks.explained import Explanation
from upgrade.findings import Report, Severity
from upgrade.reports.outline import Cure, Group, Listed, outline, title_of
from upgrade.reports.sources import address
from upgrade.reports.words import clean, utc

_WIDTH: Final = 110


def render(report: Report, fail_on: Severity = Severity.BLOCKS) -> str:
    told = outline(report, fail_on)
    lines = [title_of(report), told.headline, ""]
    several = len(told.hops) > 1
    lines += _section("In the way", told.blockers, several)
    lines += _cures(told.cures)
    lines += _section("Warnings", told.warnings, several)
    lines += _section("Good to know", told.notes, several)
    lines.append(f"{told.coverage} · seen {utc(report.taken_at)}")
    if told.blockers or told.cures or told.warnings:
        lines.append("eks-upgrade-bot explain CODE says what a check looks at, why, and how to fix it.")
    return "\n".join(lines) + "\n"


def _section(title: str, groups: tuple[Group, ...], several_hops: bool) -> Iterator[str]:
    if not groups:
        return
    yield f"{title}:"
    for group in groups:
        for one in group.listed:
            yield from _finding(one, several_hops)
        for remedy in group.remedies:
            yield from _wrapped(f"-> {clean(remedy)}", 4)
        yield from _wrapped(f"   {_cited(group.first.source)}", 4)
    yield ""


def _finding(one: Listed, several_hops: bool) -> Iterator[str]:
    finding = one.finding
    yield from _wrapped(f"{finding.code} {clean(finding.subject)}{_where(one, several_hops)}", 2)
    for summary in one.summaries:
        yield from _wrapped(clean(summary), 6)


def _where(one: Listed, several_hops: bool) -> str:
    parts = [one.at_hops] if several_hops else []
    if one.finding.blocks and "all" not in one.finding.stops:
        parts.append(f"stops {', '.join(one.finding.stops)}")
    if one.owner:
        parts.append(f"owner {clean(one.owner)}")
    return f" ({'; '.join(parts)})" if parts else ""


def _cures(cures: tuple[Cure, ...]) -> Iterator[str]:
    if not cures:
        return
    yield "Could not be seen:"
    for cure in cures:
        weight = " (in the way)" if cure.counts else ""
        yield from _wrapped(f"{clean(cure.title)}{weight}", 2)
        codes = dict.fromkeys(clean(one.finding.code) for one in cure.listed)
        yield from _wrapped(f"for {', '.join(codes)}", 6)
        for remedy in cure.remedies:
            yield from _wrapped(f"-> {clean(remedy)}", 6)
    yield ""


def explained_text(told: Explanation) -> str:
    lines = [f"{told.code}: {told.title}."]
    lines += [line for paragraph in told.why.split("\n\n") for line in _wrapped(paragraph, 0)]
    waivable = "; a person may waive it" if told.waivable else ""
    facts = {
        "A finding": f"{told.weight}{waivable}",
        "Looked at": told.looks,
        "Takes": ", ".join(told.permissions) or "nothing of its own",
        "To fix it": "\n".join(told.fixes) or "The finding says what to do.",
        "Rules": ", ".join(told.rules),
        "Source": _cited(told.source),
    }
    for name, text in facts.items():
        if text:
            lines += ["", f"{name}:", *(line for one in text.split("\n") for line in _wrapped(one, 2))]
    return "\n".join(lines) + "\n"


def _cited(source: str) -> str:
    """With its address, if that is known and not all that it says."""
    return " ".join(dict.fromkeys(filter(None, (clean(source), address(source)))))


def _wrapped(text: str, indent: int) -> Iterable[str]:
    """Long lines go on two columns further in."""
    margin = " " * indent
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=margin,
        subsequent_indent=f"{margin}  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
