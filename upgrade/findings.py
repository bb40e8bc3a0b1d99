"""What a check says: verdicts and findings, and the report that gathers them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Literal

from upgrade.eks import ClusterId
from upgrade.facts import Value
from upgrade.plan import PhaseKind, Waiver
from upgrade.versions import KubernetesVersion

#: ``start``: only that a run begins; what holds it until then is looked at when it wants to.
Stops = Literal["all", "start", "control-plane", "add-ons", "nodes"]


class Severity(StrEnum):
    BLOCKS = "blocks"
    WARNS = "warns"
    INFORMS = "informs"


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"


class Readiness(StrEnum):
    """What a report comes to. UNKNOWN: nothing is known to be in the way, but what counts could not be seen."""

    READY = "ready"
    BLOCKED = "blocked"
    UNKNOWN = "unknown"


class Finding(Value):
    """One thing that is wrong, or could not be seen.

    Args:
        code: the check's code, such as ``NET001``.
        subject: what it is about, such as ``subnet-0a1`` or ``shop/PodDisruptionBudget/web``.
        summary: one sentence: what is wrong.
        remedy: one sentence: the next move.
        evidence: names and values, as text.
        stops: the phases a blocking finding stops.
        unknown: True when the fact could not be read; ``permission`` then names what is missing, if that is why.
    """

    code: str
    subject: str
    summary: str
    remedy: str = ""
    evidence: Mapping[str, str] = {}
    severity: Severity = Severity.BLOCKS
    stops: tuple[Stops, ...] = ("all",)
    hop: KubernetesVersion | None = None
    unknown: bool = False
    permission: str | None = None
    waivable: bool = False

    @property
    def blocks(self) -> bool:
        return self.severity is Severity.BLOCKS


class CheckResult(Value):
    """The verdict of one check for one hop."""

    code: str
    title: str
    hop: KubernetesVersion
    verdict: Verdict
    rules: tuple[str, ...] = ()
    source: str = ""
    findings: tuple[Finding, ...] = ()


class Report(Value):
    """Every verdict for a cluster and a target, hop by hop."""

    cluster: ClusterId
    from_version: KubernetesVersion
    target: KubernetesVersion
    taken_at: datetime
    results: tuple[CheckResult, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, each once: the same one found for several hops keeps its first hop."""
        seen: dict[tuple[str, str, str], Finding] = {}
        for result in self.results:
            for finding in result.findings:
                seen.setdefault((finding.code, finding.subject, finding.summary), finding)
        return tuple(seen.values())

    @property
    def blockers(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.blocks)

    @property
    def unknowns(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.unknown)

    @property
    def ready(self) -> bool:
        return not self.blockers

    def readiness(self, fail_on: Severity = Severity.BLOCKS) -> Readiness:
        """The verdict over all hops. ``fail_on``: WARNS also counts what warns as being in the way."""
        counting = [finding for finding in self.findings if fails(finding, fail_on)]
        if not counting:
            return Readiness.READY
        return Readiness.UNKNOWN if all(finding.unknown for finding in counting) else Readiness.BLOCKED


def fails(finding: Finding, fail_on: Severity = Severity.BLOCKS) -> bool:
    """Whether a finding weighs enough to count as being in the way."""
    return finding.blocks or (fail_on is Severity.WARNS and finding.severity is Severity.WARNS)


def without_waived(findings: Iterable[Finding], waivers: Iterable[Waiver]) -> tuple[Finding, ...]:
    """Those that nobody accepts, by code and subject; a waiver counts only where the check allows it."""
    accepted = {(waiver.code, waiver.subject) for waiver in waivers}
    return tuple(one for one in findings if not (one.waivable and (one.code, one.subject) in accepted))


def findings_stopping(
    report: Report,
    what: PhaseKind | Literal["start"],
    *,
    waivers: Iterable[Waiver] = (),
    hop: KubernetesVersion | None = None,
) -> tuple[Finding, ...]:
    """The blocking findings that keep a phase of that kind from starting, or a run from beginning now (``start``).

    Asked for ``announce`` it tells what keeps the whole run from starting, whenever that is.

    Args:
        waivers: findings that somebody accepts, by code and subject; they count only where the check allows it.
        hop: leave out what was found for hops after this one.
    """
    return tuple(
        finding
        for finding in without_waived(report.blockers, waivers)
        if ("all" in finding.stops or what in finding.stops)
        and (hop is None or finding.hop is None or finding.hop <= hop)
    )
