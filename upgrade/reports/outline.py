"""What every format tells, in order: the verdict, what is in the way, what could not be seen, warnings, the rest."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import Final

from upgrade.facts import Value
from upgrade.findings import CheckResult, Finding, Readiness, Report, Severity, Verdict, fails
from upgrade.reports.words import clean
from upgrade.versions import KubernetesVersion
from upgrade.words import count

#: How the registry begins what it says of a fact that could not be read.
_UNREAD: Final = "Could not be checked: "
#: What changes from hop to hop in what is said of an object.
_NUMBERS: Final = re.compile(r"\d+(?:\.\d+)*")
_GRAVITY: Final = {Severity.BLOCKS: 0, Severity.WARNS: 1, Severity.INFORMS: 2}


@dataclass(frozen=True)
class Listed:
    """A finding once, with all hops it was found for and what its check says of itself.

    Args:
        finding: as it is at the first hop.
        last: as it is at the last; hop by hop only the versions and numbers in it change.
    """

    finding: Finding
    last: Finding
    hops: tuple[KubernetesVersion, ...]
    title: str
    rules: tuple[str, ...]
    source: str

    @property
    def summaries(self) -> tuple[str, ...]:
        """What is wrong; also at the last hop, where that comes to something else by then."""
        if self._comes_to_the_same(self.finding.summary, self.last.summary):
            return (self.finding.summary,)
        return self.finding.summary, f"At {self.hops[-1]}: {self.last.summary}"

    @property
    def remedies(self) -> tuple[str, ...]:
        """The next move; also the one at the last hop, where that asks for more."""
        if self._comes_to_the_same(self.finding.remedy, self.last.remedy):
            return (self.finding.remedy,) if self.finding.remedy else ()
        return tuple(filter(None, (self.finding.remedy, self.last.remedy)))

    def _comes_to_the_same(self, at_first: str, at_last: str) -> bool:
        """Whether nothing but the versions that the hop itself is about is another."""
        alike = _of_any_hop(at_first, self.hops[0]) == _of_any_hop(at_last, self.hops[-1])
        return at_first == at_last or alike

    @property
    def at_hops(self) -> str:
        """``hop 1.34``, ``hops 1.34, 1.35``, ``hops 1.22 to 1.36``."""
        named = [str(hop) for hop in self.hops]
        if len(named) == 1:
            return f"hop {named[0]}"
        follow = all(after.minors_after(before) == 1 for before, after in pairwise(self.hops))
        return f"hops {named[0]} to {named[-1]}" if follow and len(named) > 2 else f"hops {', '.join(named)}"

    @property
    def owner(self) -> str:
        """Who looks after the object, as its labels say; empty when they do not."""
        return self.finding.evidence.get("owner", "")


@dataclass(frozen=True)
class Group:
    """Findings of one check that weigh the same."""

    code: str
    listed: tuple[Listed, ...]

    @property
    def first(self) -> Listed:
        return self.listed[0]

    @property
    def subjects(self) -> tuple[str, ...]:
        """Each once: an object may be found at several hops, in other words."""
        return tuple(dict.fromkeys(one.finding.subject for one in self.listed))

    @property
    def remedies(self) -> tuple[str, ...]:
        """Each once, those of the first hops first."""
        firsts = (remedy for one in self.listed for remedy in one.remedies[:1])
        return tuple(dict.fromkeys((*firsts, *(remedy for one in self.listed for remedy in one.remedies))))


@dataclass(frozen=True)
class Cure:
    """Unknowns that one and the same thing cures.

    Args:
        permission: the permission that is missing; None when it is something else, which ``reason`` tells.
        counts: whether not knowing one of them is in the way.
    """

    permission: str | None
    reason: str
    counts: bool
    listed: tuple[Listed, ...]

    @property
    def title(self) -> str:
        return f"Allow {self.permission}" if self.permission else self.reason

    @property
    def remedies(self) -> tuple[str, ...]:
        """What else to do, each once; a permission says it all."""
        return () if self.permission else tuple(dict.fromkeys(filter(None, (o.finding.remedy for o in self.listed))))


class VerdictCounts(Value):
    """How many checks, over all hops, came to which verdict."""

    passed: int
    failed: int
    unknown: int
    not_applicable: int

    def __str__(self) -> str:
        counts = (f"{self.passed} passed", f"{self.failed} failed", f"{self.unknown} unknown")
        return " · ".join((*counts, f"{self.not_applicable} not applicable"))


@dataclass(frozen=True)
class Outline:
    """A report, sorted. Nothing is left out: each finding stands in exactly one of the four lists.

    Args:
        cures: what could not be seen, what is in the way because of it first.
        table: the verdicts of each check, hop by hop, in the order of ``hops``; None where it was not judged.
    """

    readiness: Readiness
    headline: str
    hops: tuple[KubernetesVersion, ...]
    blockers: tuple[Group, ...]
    cures: tuple[Cure, ...]
    warnings: tuple[Group, ...]
    notes: tuple[Group, ...]
    coverage: VerdictCounts
    table: tuple[tuple[CheckResult, tuple[Verdict | None, ...]], ...]


def outline(report: Report, fail_on: Severity = Severity.BLOCKS) -> Outline:
    """``fail_on``: from which severity on a finding counts as being in the way."""
    listed = listed_findings(report)
    seen = [one for one in listed if not one.finding.unknown]
    verdicts = Counter(result.verdict for result in report.results)
    hops = tuple(sorted({result.hop for result in report.results}))
    return Outline(
        readiness=report.readiness(fail_on),
        headline=_headline(report, fail_on),
        hops=hops,
        blockers=groups_of(one for one in seen if fails(one.finding, fail_on)),
        cures=cures_of((one for one in listed if one.finding.unknown), fail_on),
        warnings=groups_of(one for one in seen if _only_warns(one.finding, fail_on)),
        notes=groups_of(one for one in seen if one.finding.severity is Severity.INFORMS),
        coverage=VerdictCounts(
            passed=verdicts[Verdict.PASSED],
            failed=verdicts[Verdict.FAILED],
            unknown=verdicts[Verdict.UNKNOWN],
            not_applicable=verdicts[Verdict.NOT_APPLICABLE],
        ),
        table=tuple(_table(report, hops)),
    )


def listed_findings(report: Report) -> tuple[Listed, ...]:
    """Every finding once, the gravest first, then by code, name and hop.

    What several hops find of an object is one finding when it differs in versions and numbers only.
    """
    found: dict[KubernetesVersion, list[tuple[CheckResult, Finding]]] = defaultdict(list)
    for result in report.results:
        for finding in result.findings:
            found[finding.hop or result.hop].append((result, finding))
    strands: dict[_Kind, list[_Strand]] = defaultdict(list)
    for hop in sorted(found):
        for check, finding in _word_for_word_first(found[hop], strands):
            of_its_kind = strands[_kind(finding)]
            # Two things of one kind at one hop are two findings.
            fitting = [one for one in of_its_kind if one.goes_on_with(finding, hop)]
            strand = min(fitting, key=lambda one: one.last.summary != finding.summary, default=None)
            if strand is None:
                of_its_kind.append(strand := _Strand(check))
            strand.findings.setdefault(hop, finding)
    return tuple(sorted((strand.listed for several in strands.values() for strand in several), key=_order))


_Kind = tuple[str, str, str, Severity, bool, str | None]


@dataclass
class _Strand:
    """A finding on its way from hop to hop."""

    check: CheckResult
    findings: dict[KubernetesVersion, Finding] = field(default_factory=dict)

    def goes_on_with(self, finding: Finding, hop: KubernetesVersion) -> bool:
        return hop not in self.findings or self.findings[hop].summary == finding.summary

    @property
    def last(self) -> Finding:
        return next(reversed(self.findings.values()))

    @property
    def listed(self) -> Listed:
        first, check = next(iter(self.findings.values())), self.check
        return Listed(first, self.last, tuple(self.findings), check.title, check.rules, check.source)


def _word_for_word_first(
    found: Iterable[tuple[CheckResult, Finding]], strands: Mapping[_Kind, Sequence[_Strand]]
) -> list[tuple[CheckResult, Finding]]:
    """So that no other finding of its kind takes the place of one that stayed the same."""
    said = {(kind, strand.last.summary) for kind, several in strands.items() for strand in several}
    return sorted(found, key=lambda one: (_kind(one[1]), one[1].summary) not in said)


def _kind(finding: Finding) -> _Kind:
    said = _NUMBERS.sub("#", finding.summary)
    return finding.code, finding.subject, said, finding.severity, finding.unknown, finding.permission


def _of_any_hop(text: str, hop: KubernetesVersion) -> str:
    """With names for the versions before and after the hop."""
    for name, version in (("after", hop), ("before", hop.previous)):
        text = re.sub(rf"(?<![\d.]){re.escape(str(version))}(?!\.?\d)", f"{{{name}}}", text)
    return text


def objects(findings: Iterable[Finding]) -> int:
    """How many there are, whatever the number of hops and sentences: one object that one check names is one."""
    return len({(one.code, one.subject) for one in findings})


def _only_warns(finding: Finding, fail_on: Severity) -> bool:
    return finding.severity is Severity.WARNS and not fails(finding, fail_on)


def _order(one: Listed) -> tuple[int, bool, str, str, tuple[KubernetesVersion, ...], str]:
    finding = one.finding
    return _GRAVITY[finding.severity], finding.unknown, finding.code, finding.subject, one.hops, finding.summary


def groups_of(listed: Iterable[Listed]) -> tuple[Group, ...]:
    """Together what one check finds; ``listed`` in the order of ``listed_findings``."""
    return tuple(Group(code, tuple(ones)) for code, ones in groupby(listed, key=lambda one: one.finding.code))


def cures_of(unknown: Iterable[Listed], fail_on: Severity = Severity.BLOCKS) -> tuple[Cure, ...]:
    """Together what one thing cures: what is in the way first, then what cures most."""
    groups: dict[tuple[str | None, str], list[Listed]] = defaultdict(list)
    for one in unknown:
        reason = "" if one.finding.permission else one.finding.summary.removeprefix(_UNREAD).removesuffix(".")
        groups[one.finding.permission, reason].append(one)
    cures = [
        Cure(permission, reason, any(fails(one.finding, fail_on) for one in ones), tuple(ones))
        for (permission, reason), ones in groups.items()
    ]
    return tuple(sorted(cures, key=lambda cure: (not cure.counts, -len(cure.listed), not cure.permission, cure.title)))


def _table(
    report: Report, hops: tuple[KubernetesVersion, ...]
) -> Iterator[tuple[CheckResult, tuple[Verdict | None, ...]]]:
    results: dict[str, dict[KubernetesVersion, CheckResult]] = defaultdict(dict)
    for result in report.results:
        results[result.code][result.hop] = result
    for code in sorted(results):
        by_hop = results[code]
        found = [by_hop.get(hop) for hop in hops]
        yield next(iter(by_hop.values())), tuple(one.verdict if one else None for one in found)


def _headline(report: Report, fail_on: Severity) -> str:
    counting = [finding for finding in report.findings if fails(finding, fail_on)]
    unseen = objects(finding for finding in counting if finding.unknown)
    seen = objects(finding for finding in counting if not finding.unknown)
    if not counting:
        warnings = objects(finding for finding in report.findings if finding.severity is Severity.WARNS)
        return f"Ready: nothing is in the way{', ' + count(warnings, 'warning') if warnings else ''}."
    if not seen:
        return f"Not known: {count(unseen, 'thing')} that would count could not be seen; nothing else is in the way."
    more = f", and {count(unseen, 'thing')} that would count could not be seen" if unseen else ""
    return f"Not ready: {count(seen, 'finding is', 'findings are')} in the way{more}."


def title_of(report: Report) -> str:
    """``prod-eu: Kubernetes 1.34 to 1.36``"""
    return f"{clean(report.cluster.name)}: Kubernetes {report.from_version} to {report.target}"
