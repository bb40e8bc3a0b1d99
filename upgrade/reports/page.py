"""A report as one web page that holds all it needs: to open, to mail, to print, to hand to whoever decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from html import escape
from importlib import resources
from typing import Final

from upgrade.findings import Finding, Readiness, Report, Severity, Verdict
from upgrade.reports.escaping import in_html, let_in
from upgrade.reports.outline import Cure, Group, Listed, Outline, objects, outline, title_of
from upgrade.reports.sources import address
from upgrade.reports.words import utc
from upgrade.versions import KubernetesVersion
from upgrade.words import count

_SHOWN: Final = 5
_PHASES: Final = ("start", "control-plane", "add-ons", "nodes")
_SEVERITIES: Final = {
    "blocks": "In the way",
    "unseen": "Could not be seen",
    "warns": "Warnings",
    "informs": "Good to know",
}
_MARKS: Final = {Readiness.READY: "✓", Readiness.BLOCKED: "✕", Readiness.UNKNOWN: "?"}
_FOOTER: Final = (
    "Made by eks-upgrade-bot, which only looked: nothing was changed. "
    '<span class="code">eks-upgrade-bot explain CODE</span> says more of a check.'
)
_VERDICTS: Final = {
    Verdict.PASSED: ("passed", "passed"),
    Verdict.FAILED: ("blocks", "failed"),
    Verdict.UNKNOWN: ("unseen", "unknown"),
    Verdict.NOT_APPLICABLE: ("informs", "not applicable"),
}


def render(report: Report, fail_on: Severity = Severity.BLOCKS) -> str:
    told = outline(report, fail_on)
    script = asset("page.js")
    lines = [
        "<!DOCTYPE html>",
        '<html lang="en">',
        *_preamble(in_html(title_of(report)), asset("page.css"), script),
        "<body>",
        *_head(report, told),
        *_filters(told),
        *_groups("In the way", told.blockers, folded=False),
        *_cures(told.cures),
        *_groups("Warnings", told.warnings, folded=False),
        *_groups("Good to know", told.notes, folded=True),
        *_coverage(told),
        f"<footer>{_FOOTER}</footer>",
        f"<script>{script}</script>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _preamble(title: str, style: str, script: str) -> Iterator[str]:
    """The policy lets in this style and this script, and nothing from anywhere else."""
    yield '<head><meta charset="utf-8">'
    yield (
        '<meta http-equiv="Content-Security-Policy" content="'
        f"default-src 'none'; style-src '{let_in(style)}'; script-src '{let_in(script)}'; "
        "base-uri 'none'; form-action 'none'\">"
    )
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="referrer" content="no-referrer">'
    yield f"<title>{title}</title><style>{style}</style></head>"


def _head(report: Report, told: Outline) -> Iterator[str]:
    cluster = report.cluster
    yield f"<header><h1>{in_html(title_of(report))}</h1>"
    hops = f" · {count(len(told.hops), 'hop')}: {', '.join(map(str, told.hops))}" if len(told.hops) > 1 else ""
    where = f"Account {in_html(cluster.account)} · {in_html(cluster.region)}"
    yield f'<p class="facts">{where} · seen {utc(report.taken_at)}{hops}</p>'
    yield f'<p class="verdict {told.readiness}">{_MARKS[told.readiness]} {in_html(told.headline)}</p>'
    tiles = (
        ("blocks", _size(told.blockers), "in the way"),
        ("unseen", _unseen(told.cures), "could not be seen"),
        ("warns", _size(told.warnings), "warnings"),
        ("passed", told.coverage.passed, "checks passed"),
    )
    yield '<ul class="tiles">'
    yield from (f'<li class="{kind}"><b>{number}</b>{label}</li>' for kind, number, label in tiles)
    yield "</ul></header>"


def _size(groups: Sequence[Group]) -> int:
    return sum(len(group.subjects) for group in groups)


def _unseen(cures: Sequence[Cure]) -> int:
    return objects(one.finding for cure in cures for one in cure.listed)


def _filters(told: Outline) -> Iterator[str]:
    yield '<form class="filters" hidden>'
    yield '<input type="search" name="text" placeholder="Search: name, code, owner …" aria-label="Search">'
    yield _select("severity", "Any severity", _SEVERITIES.items())
    yield _select("phase", "Any phase", [(phase, f"Stops {phase}") for phase in _PHASES])
    if len(told.hops) > 1:
        yield _select("hop", "Any hop", [(str(hop), f"Hop to {hop}") for hop in told.hops])
    else:
        yield '<input type="hidden" name="hop" value="">'
    yield '<output id="shown" class="quiet"></output></form>'


def _select(name: str, everything: str, options: Iterable[tuple[str, str]]) -> str:
    choices = "".join(f'<option value="{value}">{label}</option>' for value, label in options)
    return f'<select name="{name}" aria-label="{name}"><option value="">{everything}</option>{choices}</select>'


def _groups(title: str, groups: Sequence[Group], *, folded: bool) -> Iterator[str]:
    if not groups:
        return
    number = f"<small>{_size(groups)}</small>"
    if folded:
        yield f'<details data-holds=""><summary>{title} {number}</summary>'
    else:
        yield f'<section data-holds=""><h2>{title} {number}</h2>'
    for group in groups:
        yield from _card(group)
    yield "</details>" if folded else "</section>"


def _card(group: Group) -> Iterator[str]:
    finding = group.first.finding
    kind = _kind(finding)
    yield f'<article class="card {kind}" data-holds="{in_html(group.code)} {in_html(group.first.title)}">'
    name = f'<span class="code">{in_html(group.code)}</span><span><bdi>{in_html(_heading(group))}</bdi></span>'
    yield f"<h3>{name}{_badges(finding)}</h3>"
    yield f'<p class="quiet">Expected: {in_html(group.first.title)}.</p>'
    yield from _list(group.listed, alone=len(group.subjects) == 1)
    yield from _remedies(group.remedies)
    yield f'<p class="quiet">Source: {_source(group.first.source)}</p>' if group.first.source else ""
    yield "</article>"


def _remedies(remedies: Sequence[str]) -> Iterator[str]:
    """The first ones, the rest folded."""
    told = [f"<p>{in_html(one)}</p>" for one in remedies]
    if told:
        yield f'<div class="remedy">{"".join(told[:_SHOWN])}'
        if rest := told[_SHOWN:]:
            yield f"<details><summary>{len(rest)} more</summary>{''.join(rest)}</details>"
        yield "</div>"


def _heading(group: Group) -> str:
    if len(group.subjects) == 1:
        return group.first.finding.subject
    return count(len(group.subjects), "object")


def _badges(finding: Finding) -> str:
    kind = _kind(finding)
    label = {"blocks": "blocks", "warns": "warning", "unseen": "unknown", "informs": "note"}[kind]
    stops = "" if "all" in finding.stops or not finding.blocks else f" {', '.join(finding.stops)}"
    waivable = '<span class="badge informs">may be waived</span>' if finding.waivable and finding.blocks else ""
    return f'<span class="badge {kind}">{label}{stops}</span>{waivable}'


def _list(listed: Sequence[Listed], *, alone: bool) -> Iterator[str]:
    """The first ones, the rest folded."""
    yield '<ul class="findings">'
    yield from (_finding(one, alone) for one in listed[:_SHOWN])
    yield "</ul>"
    if len(listed) > _SHOWN:
        yield f'<details data-holds=""><summary>{len(listed) - _SHOWN} more</summary><ul class="findings">'
        yield from (_finding(one, alone) for one in listed[_SHOWN:])
        yield "</ul></details>"


def _finding(one: Listed, alone: bool) -> str:
    finding = one.finding
    name = "" if alone else f"<b><bdi>{in_html(finding.subject)}</bdi></b> "
    facts = [f"{in_html(key)}: <bdi>{in_html(value)}</bdi>" for key, value in finding.evidence.items()]
    facts += [in_html(one.at_hops)] if len(one.hops) > 1 else []
    more = f'<div class="evidence">{" · ".join(facts)}</div>' if facts else ""
    told = "<br>".join(f"<bdi>{in_html(summary)}</bdi>" for summary in one.summaries)
    return f"<li {_data(one)}>{name}{told}{more}</li>"


def _data(one: Listed) -> str:
    """What the filters ask for."""
    finding = one.finding
    stops = " ".join(finding.stops)
    hops = " ".join(map(str, one.hops))
    return f'data-severity="{_kind(finding)}" data-phases="{stops}" data-hops="{hops}"'


def _kind(finding: Finding) -> str:
    return "unseen" if finding.unknown else str(finding.severity)


def _cures(cures: Sequence[Cure]) -> Iterator[str]:
    if not cures:
        return
    yield f'<section data-holds=""><h2>Could not be seen <small>{_unseen(cures)}</small></h2>'
    for cure in cures:
        yield '<article class="card unseen" data-holds="">'
        weight = '<span class="badge blocks">in the way</span>' if cure.counts else ""
        yield f"<h3><span><bdi>{in_html(cure.title)}</bdi></span>{weight}</h3>"
        for remedy in cure.remedies[:_SHOWN]:
            yield f'<div class="remedy"><p>{in_html(remedy)}</p></div>'
        yield from _list(cure.listed, alone=False) if not cure.permission else _uncovered(cure)
        yield "</article>"
    yield "</section>"


def _uncovered(cure: Cure) -> Iterator[str]:
    """What a permission would let be seen: the checks by what they say when all is well."""
    yield '<ul class="findings">'
    for one in cure.listed:
        yield f'<li {_data(one)}><span class="code">{in_html(one.finding.code)}</span> {in_html(one.title)}</li>'
    yield "</ul>"


def _coverage(told: Outline) -> Iterator[str]:
    yield f"<details><summary>Coverage <small>{in_html(str(told.coverage))}</small></summary>"
    heads = "".join(f"<th>{_hop(hop)}</th>" for hop in told.hops)
    yield f"<table><thead><tr><th>Check</th><th>Expected</th>{heads}</tr></thead><tbody>"
    for result, verdicts in told.table:
        cells = "".join(f'<td class="verdicts">{_badge(verdict)}</td>' for verdict in verdicts)
        yield f'<tr><td class="code">{in_html(result.code)}</td><td>{in_html(result.title)}</td>{cells}</tr>'
    yield "</tbody></table></details>"


def _hop(hop: KubernetesVersion) -> str:
    return f"to {hop}"


def _badge(verdict: Verdict | None) -> str:
    if verdict is None:
        return ""
    kind, label = _VERDICTS[verdict]
    return f'<span class="badge {kind}">{label}</span>'


def _source(source: str) -> str:
    link = address(source)
    if link is None:
        return in_html(source)
    return f'<a href="{escape(link)}" rel="noreferrer">{in_html(source)}</a>'


@cache
def asset(name: str) -> str:
    """A file of this package."""
    return (resources.files("upgrade.reports") / name).read_text("utf-8")
