"""A report as JSON: versioned, its schema published (``docs/report.schema.json``), enough to rebuild all the rest."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import ValidationError

from upgrade.eks import ClusterId
from upgrade.errors import ReportUnreadable
from upgrade.facts import Value
from upgrade.findings import CheckResult, Finding, Readiness, Report, Severity
from upgrade.reports.outline import VerdictCounts, objects, outline
from upgrade.versions import KubernetesVersion

SCHEMA_VERSION: Final = 1


class FindingCounts(Value):
    """Findings, each once over all hops: what one check says of one object counts once for each severity.

    Those that are unknown are counted by their severity and once more.
    """

    blocks: int
    warns: int
    informs: int
    unknown: int


class ReportDocument(Value):
    """The readiness of a cluster for a target version.

    Args:
        readiness: over all hops: ready, blocked, or unknown when all that is in the way could not be seen.
        ready: nothing is in the way.
        taken_at: when the cluster was looked at.
        results: a verdict for each check and hop.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    readiness: Readiness
    ready: bool
    findings: FindingCounts
    verdicts: VerdictCounts
    cluster: ClusterId
    from_version: KubernetesVersion
    target: KubernetesVersion
    taken_at: datetime
    results: tuple[CheckResult, ...]

    @property
    def report(self) -> Report:
        return Report(
            cluster=self.cluster,
            from_version=self.from_version,
            target=self.target,
            taken_at=self.taken_at,
            results=self.results,
        )


def render(report: Report, fail_on: Severity = Severity.BLOCKS) -> str:
    """In ASCII, so that no terminal obeys what is in it."""
    found = ReportDocument(
        readiness=report.readiness(fail_on),
        ready=report.readiness(fail_on) is Readiness.READY,
        findings=_finding_counts(report.findings),
        verdicts=outline(report, fail_on).coverage,
        cluster=report.cluster,
        from_version=report.from_version,
        target=report.target,
        taken_at=report.taken_at,
        results=report.results,
    )
    return json.dumps(found.model_dump(mode="json"), indent=2) + "\n"


def read(text: str | bytes) -> Report:
    """The report of a JSON document; what is derived is derived anew. Raises ReportUnreadable."""
    try:
        given = json.loads(text)
        version = given["schema_version"]
    except (ValueError, KeyError, TypeError):
        raise ReportUnreadable(
            "The file is not a report.", "Make one with: eks-upgrade-bot check CLUSTER --format json --output FILE"
        ) from None
    if version != SCHEMA_VERSION:
        raise ReportUnreadable(
            f"The report has schema version {version!r}; this program reads {SCHEMA_VERSION}.",
            "Use a newer eks-upgrade-bot, or check again.",
        )
    try:
        return ReportDocument.model_validate(given).report
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ReportUnreadable(f"The report is damaged at {place}: {first['msg']}.", "Check again.") from None


def schema() -> dict[str, Any]:
    """The JSON Schema of the document."""
    found: dict[str, Any] = ReportDocument.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **found}


def canonical(report: Report) -> Report:
    """Sorted by hop and code, the findings of a check by what they are about: the same whoever put it together."""
    results = (
        result.model_copy(update={"findings": tuple(sorted(result.findings, key=_name))})
        for result in sorted(report.results, key=lambda result: (result.hop, result.code))
    )
    return report.model_copy(update={"results": tuple(results)})


def _name(finding: Finding) -> tuple[str, str, str, str]:
    return finding.code, finding.subject, finding.summary, repr(finding)


def _finding_counts(findings: tuple[Finding, ...]) -> FindingCounts:
    by_severity = {severity: objects(f for f in findings if f.severity is severity) for severity in Severity}
    return FindingCounts(
        blocks=by_severity[Severity.BLOCKS],
        warns=by_severity[Severity.WARNS],
        informs=by_severity[Severity.INFORMS],
        unknown=objects(f for f in findings if f.unknown),
    )
