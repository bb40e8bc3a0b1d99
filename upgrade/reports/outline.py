"""What every format tells, in order: the verdict, what is in the way, what could not be seen, warnings, the rest."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from upgrade.facts import Value
from upgrade.findings import CheckResult, Finding, Readiness, Report, Severity, Verdict, fails
from upgrade.reports.words import clean
from upgrade.versions import KubernetesVersion
from upgrade.words import count

#: How the registry begins what it says of a fact that could not be read.
_UNREAD: Final = "Could not be checked: "
_GRAVITY: Final = {Severity.BLOCKS: 0, Severity.WARNS: 1, Severity.INFORMS: 2}


@dataclass(frozen=True)
class Listed:
    """A finding once, with all hops it was found for and what its check says of itself."""

    finding: Finding
    hops: tuple[KubernetesVersion, ...]
    title: str
    rules: tuple[str, ...]
    source: str

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
        """Each once."""
        return tuple(dict.fromkeys(one.finding.remedy for one in self.listed if one.finding.remedy))


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
        blockers=_groups(one for one in seen if fails(one.finding, fail_on)),
        cures=_cures((one for one in listed if one.finding.unknown), fail_on),
        warnings=_groups(one for one in seen if _only_warns(one.finding, fail_on)),
        notes=_groups(one for one in seen if one.finding.severity is Severity.INFORMS),
        coverage=VerdictCounts(
            passed=verdicts[Verdict.PASSED],
            failed=verdicts[Verdict.FAILED],
            unknown=verdicts[Verdict.UNKNOWN],
            not_applicable=verdicts[Verdict.NOT_APPLICABLE],
        ),
        table=tuple(_table(report, hops)),
    )


def listed_findings(report: Report) -> tuple[Listed, ...]:
    """Every finding once, the gravest first, then by code, name and hop."""
    hops: dict[tuple[str, str, str], dict[KubernetesVersion, None]] = defaultdict(dict)
    told_by: dict[tuple[str, str, str], CheckResult] = {}
    for result in report.results:
        for finding in result.findings:
            name = (finding.code, finding.subject, finding.summary)
            hops[name][finding.hop or result.hop] = None
            told_by.setdefault(name, result)
    listed = []
    for finding in report.findings:
        name = (finding.code, finding.subject, finding.summary)
        check = told_by[name]
        listed.append(Listed(finding, tuple(sorted(hops[name])), check.title, check.rules, check.source))
    return tuple(sorted(listed, key=_order))


def _only_warns(finding: Finding, fail_on: Severity) -> bool:
    return finding.severity is Severity.WARNS and not fails(finding, fail_on)


def _order(one: Listed) -> tuple[int, bool, str, str, tuple[KubernetesVersion, ...], str]:
    finding = one.finding
    return _GRAVITY[finding.severity], finding.unknown, finding.code, finding.subject, one.hops, finding.summary


def _groups(listed: Iterable[Listed]) -> tuple[Group, ...]:
    return tuple(Group(code, tuple(ones)) for code, ones in groupby(listed, key=lambda one: one.finding.code))


def _cures(unknown: Iterable[Listed], fail_on: Severity) -> tuple[Cure, ...]:
    """What is in the way first, then what cures most."""
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
    unseen = sum(finding.unknown for finding in counting)
    seen = len(counting) - unseen
    if not counting:
        warnings = sum(finding.severity is Severity.WARNS for finding in report.findings)
        return f"Ready: nothing is in the way{', ' + count(warnings, 'warning') if warnings else ''}."
    if not seen:
        return f"Not known: {count(unseen, 'thing')} that would count could not be seen; nothing else is in the way."
    more = f", and {count(unseen, 'thing')} that would count could not be seen" if unseen else ""
    return f"Not ready: {count(seen, 'finding is', 'findings are')} in the way{more}."


def title_of(report: Report) -> str:
    """``prod-eu: Kubernetes 1.34 to 1.36``"""
    return f"{clean(report.cluster.name)}: Kubernetes {report.from_version} to {report.target}"
