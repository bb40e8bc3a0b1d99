"""A readiness report: the verdict, what is in the way, what could not be seen and what would cure it, warnings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from handlers.ids import Action, encode_request
from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.progress import Mark
from handlers.views.text import code, count, esc, link, utc
from upgrade.findings import Finding, Readiness, Report
from upgrade.plan import PlanRequest
from upgrade.reports.outline import Cure, Group, Listed, Outline, cures_of, groups_of, listed_findings, objects, outline
from upgrade.reports.sources import address
from upgrade.reports.words import clean

_BLOCKERS = 5
_CURES = 5
_WARNINGS = 3
_OBJECTS = 5
_NAME = 120
_LINE = 250
#: With these there is no plan to ask for: the version is not offered, or not above the present one.
_NO_PLAN = ("VER001", "VER002")
_MARKS = {Readiness.READY: Mark.DONE, Readiness.BLOCKED: Mark.BLOCKED, Readiness.UNKNOWN: Mark.UNKNOWN}


def render_report(report: Report, request: PlanRequest, *, file: str | None = None) -> Message:
    """The answer to ``check``: what fits on a screen. ``file``: the name of the one with all of it, if it was sent."""
    told = outline(report)
    title = f"{report.cluster.name}: {report.from_version} → {report.target}"
    verdict = f"{_MARKS[told.readiness]} {told.headline}"
    blocks = [
        kit.header(title),
        kit.section(f"*{verdict}*"),
        *_blockers(told.blockers),
        *_cures(told.cures),
        *_warnings(told.warnings),
        kit.context(*_rest(told, report, file)),
        *kit.actions(_buttons(report, request)),
    ]
    return Message(f"{esc(title)}: {verdict}", blocks)


def _buttons(report: Report, request: PlanRequest) -> list[Block]:
    buttons = [kit.button("Recheck", Action.CHECK, encode_request(request))]
    if not any(finding.code in _NO_PLAN for finding in report.blockers):
        pinned = encode_request(request.model_copy(update={"target": report.target}))
        buttons.append(kit.button(f"Plan to {report.target}", Action.PLAN, pinned))
    return buttons


def _blockers(groups: Sequence[Group], most: int = _BLOCKERS) -> Iterator[Block]:
    for group in groups[:most]:
        yield kit.section(*_group_lines(group))
    if rest := groups[most:]:
        number = sum(len(group.subjects) for group in rest)
        yield kit.context(f"… and {number} more: {', '.join(map(_counted, rest))}")


def _group_lines(group: Group) -> Iterator[str]:
    """Findings of one check: which objects, what, what to do, where to read on."""
    first = group.first.finding
    if len(group.listed) == 1:
        yield from _finding_lines(first, *group.first.summaries)
    else:
        names = [esc(clean(subject, _NAME)) for subject in group.subjects]
        more = f" and {len(names) - _OBJECTS} more" if len(names) > _OBJECTS else ""
        what = names[0] if len(names) == 1 else f"{len(names)} objects"
        owners = list(dict.fromkeys(esc(one.owner) for one in group.listed if one.owner))
        whose = f" · owner {', '.join(owners[:_OBJECTS])}" if owners else ""
        yield f"{finding_mark(first)} {code(first.code)} *{what}*{_stops(first)}{whose}"
        if len(names) > 1:
            yield f"{', '.join(names[:_OBJECTS])}{more}"
        yield f"For example: {esc(clean(first.summary))}"
        yield from (f"→ {esc(clean(remedy))}" for remedy in group.remedies[:2])
    yield from _link_lines(group.first.source)


def _link_lines(source: str) -> list[str]:
    page = address(source)
    return [] if page is None else [link(page, source)]


def _cures(cures: Sequence[Cure]) -> Iterator[Block]:
    """One line for each thing that would let more be seen."""
    if not cures:
        return
    lines = ["*Could not be seen*"]
    for cure in cures[:_CURES]:
        codes = list(dict.fromkeys(code(one.finding.code) for one in cure.listed))
        more = f" and {len(codes) - _OBJECTS} more" if len(codes) > _OBJECTS else ""
        what = f"Allow {code(cure.permission)}" if cure.permission else esc(clean(cure.reason, _LINE))
        weight = " *in the way*" if cure.counts else ""
        lines.append(f"{Mark.UNKNOWN}{weight} {what}: for {', '.join(codes[:_OBJECTS])}{more}")
        lines += [f"→ {esc(clean(remedy))}" for remedy in cure.remedies[:1]]
    if len(cures) > _CURES:
        lines.append(f"… and {len(cures) - _CURES} more")
    yield kit.section(*lines)


def _warnings(groups: Sequence[Group]) -> Iterator[Block]:
    if not groups:
        return
    number = sum(len(group.subjects) for group in groups)
    lines = [f"*{count(number, 'warning')}*"]
    for group in groups[:_WARNINGS]:
        first = group.first.finding
        said = f"{esc(clean(first.subject, _NAME))}: {esc(clean(first.summary, _LINE))}"
        more = f" (and {len(group.subjects) - 1} more)" if len(group.subjects) > 1 else ""
        lines.append(f"{Mark.WARNING} {code(first.code)} {said}{more}")
    if rest := groups[_WARNINGS:]:
        lines.append(f"… and {', '.join(map(_counted, rest))}")
    yield kit.section(*lines)


def _counted(group: Group) -> str:
    return code(group.code) if len(group.subjects) == 1 else f"{code(group.code)} {len(group.subjects)} times"


def _rest(told: Outline, report: Report, file: str | None) -> Iterator[str]:
    notes = sum(len(group.subjects) for group in told.notes)
    noted = f" · {count(notes, 'note')}" if notes else ""
    yield f"{told.coverage}{noted} · seen {utc(report.taken_at)}"
    yield _all_of_it(report, file)
    yield from _waivable(report)
    if told.blockers or told.cures or told.warnings:
        yield f"{code('explain CODE')} says what a check looks at, why, and how to fix it."


def _waivable(report: Report) -> Iterator[str]:
    codes = sorted({code(finding.code) for finding in report.blockers if finding.waivable})
    if codes:
        more = f" and {len(codes) - _OBJECTS} more" if len(codes) > _OBJECTS else ""
        yield f"A run can have these waived, with a reason: {', '.join(codes[:_OBJECTS])}{more}."


def _all_of_it(report: Report, file: str | None) -> str:
    shell = f"eks-upgrade-bot check {report.cluster.name} --to {report.target} --format html"
    return f"All of it: {code(file)}, in your messages with me." if file else f"All of it: {code(shell)}"


def render_handed_over(report: Report, file: str, *, sent: bool) -> Message:
    """The answer to *Full report*."""
    line = _all_of_it(report, file if sent else None)
    lines = [line] if sent else [f"{Mark.WARNING} The file could not be sent.", line]
    return Message("\n".join(lines), [kit.section(*lines)])


def finding_blocks(report: Report, now: Sequence[Finding], later: Sequence[Finding] = ()) -> list[Block]:
    """What a run of that report stands at, as the answer to ``check`` tells it: five at most, the rest is counted.

    Args:
        now: what is in the way of its next phase.
        later: what would stop a later one; it is shown where there is room, and not again where an earlier hop says it.
    """
    listed = listed_findings(report)
    here = _of(listed, now)
    ahead = _of((one for one in listed if one not in here), later)
    groups = _seen(here)
    blocks = [*_blockers(groups), *_cures(cures_of(_unseen(here)))]
    if ahead:
        room = max(_BLOCKERS - len(groups), 0)
        blocks.append(kit.section("*These would stop a later phase*"))
        blocks += [*_blockers(_seen(ahead), room), *_cures(cures_of(_unseen(ahead)))]
    return blocks


def _of(listed: Iterable[Listed], findings: Iterable[Finding]) -> list[Listed]:
    """Those that one of the findings is part of."""
    said = {_said(finding) for finding in findings}
    return [one for one in listed if said & {_said(one.finding), _said(one.last)}]


def _said(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.subject, finding.summary


def _seen(listed: Iterable[Listed]) -> tuple[Group, ...]:
    return groups_of(one for one in listed if not one.finding.unknown)


def _unseen(listed: Iterable[Listed]) -> Iterator[Listed]:
    return (one for one in listed if one.finding.unknown)


def unknown_lines(report: Report, unknown: Sequence[Finding]) -> list[str]:
    """One line of what could not be seen: the codes, by the permission that cures them; none when all was seen.

    Args:
        unknown: those of the report that are to be told.
    """
    cures = cures_of(_of(listed_findings(report), unknown))
    if not cures:
        return []
    named = [_cured(cure) for cure in cures[:_CURES]]
    more = [f"and {len(cures) - _CURES} more"] if len(cures) > _CURES else []
    return [f"{Mark.UNKNOWN} {len(unknown)} unknown: {'; '.join([*named, *more])}"]


def _cured(cure: Cure) -> str:
    codes = list(dict.fromkeys(code(one.finding.code) for one in cure.listed))
    more = f" and {len(codes) - _OBJECTS} more" if len(codes) > _OBJECTS else ""
    why = f"allow {code(cure.permission)}" if cure.permission else esc(clean(cure.reason, _NAME))
    weight = ", *would stop a later phase*" if cure.counts else ""
    return f"{', '.join(codes[:_OBJECTS])}{more} ({why}){weight}"


def blockers_line(report: Report) -> str:
    """How many objects are in the way, and by which checks."""
    groups = groups_of(one for one in listed_findings(report) if one.finding.blocks)
    rest = sum(len(group.subjects) for group in groups[_BLOCKERS:])
    more = f" and {rest} more" if rest else ""
    named = ", ".join(map(_counted, groups[:_BLOCKERS]))
    return f"{Mark.BLOCKED} {count(objects(report.blockers), 'finding')} in the way: {named}{more}"


def finding_mark(finding: Finding) -> Mark:
    if finding.unknown:
        return Mark.UNKNOWN
    return Mark.BLOCKED if finding.blocks else Mark.WARNING


def _stops(finding: Finding) -> str:
    return "" if "all" in finding.stops or not finding.blocks else f" · stops {', '.join(finding.stops)}"


def _finding_lines(finding: Finding, *summaries: str) -> list[str]:
    """``summaries``: what is wrong, where that is more than the finding's own sentence."""
    evidence: Mapping[str, str] = finding.evidence
    owner = f" · owner {esc(evidence['owner'])}" if evidence.get("owner") else ""
    lines = [
        f"{finding_mark(finding)} {code(finding.code)} *{esc(clean(finding.subject, _NAME))}*{_stops(finding)}{owner}",
        *(esc(clean(summary)) for summary in summaries or (finding.summary,)),
    ]
    if finding.remedy:
        lines.append(f"→ {esc(clean(finding.remedy))}")
    if finding.permission:
        lines.append(f"→ missing permission: {code(finding.permission)}")
    return lines
