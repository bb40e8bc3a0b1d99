"""A report as SARIF 2.1.0, for code scanning: a rule for each check that found something, a result for each finding."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final
from urllib.parse import quote

from upgrade.findings import Report, Severity, fails
from upgrade.reports.outline import Listed, listed_findings
from upgrade.reports.sources import address
from upgrade.reports.words import clean

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {Severity.BLOCKS: "error", Severity.WARNS: "warning", Severity.INFORMS: "note"}


def render(report: Report, fail_on: Severity = Severity.BLOCKS) -> str:
    listed = listed_findings(report)
    codes = sorted({one.finding.code for one in listed})
    place = quote(clean(f"eks/{report.cluster}"))
    run = {
        "tool": {"driver": {"name": "eks-upgrade-bot", "rules": _rules(codes, listed)}},
        "automationDetails": {"id": f"eks-upgrade-bot/{place}/{report.target}"},
        "invocations": [{"executionSuccessful": True}],
        "properties": {
            "readiness": report.readiness(fail_on),
            "fromVersion": str(report.from_version),
            "target": str(report.target),
            "takenAt": report.taken_at.isoformat(),
        },
        "results": [_result(one, codes.index(one.finding.code), place, fail_on) for one in listed],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rules(codes: list[str], listed: tuple[Listed, ...]) -> list[dict[str, Any]]:
    first = {code: next(one for one in listed if one.finding.code == code) for code in codes}
    return [_rule(code, one) for code, one in first.items()]


def _rule(code: str, one: Listed) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "id": clean(code),
        "shortDescription": {"text": clean(one.title)},
        "help": {"text": clean(f"eks-upgrade-bot explain {code} says more. Source: {one.source or 'none'}.")},
        "properties": {"tags": [clean(rule) for rule in one.rules]},
    }
    if link := address(one.source):
        rule["helpUri"] = link
    return rule


def _result(one: Listed, index: int, place: str, fail_on: Severity) -> dict[str, Any]:
    """An unknown that counts fails; any other is "open": not enough was seen to decide."""
    finding = one.finding
    opened = finding.unknown and not fails(finding, fail_on)
    subject = clean(finding.subject)
    told = [f"{subject}: {clean(finding.summary)}", *map(clean, one.summaries[1:])]
    told += [clean(finding.remedy)] if finding.remedy else []
    return {
        "ruleId": clean(finding.code),
        "ruleIndex": index,
        "kind": "open" if opened else "fail",
        "level": "none" if opened else _LEVELS[finding.severity],
        "message": {"text": " ".join(told)},
        "locations": [
            {
                # Nothing is a file here; code scanning shows only what has one.
                "physicalLocation": {"artifactLocation": {"uri": place}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": subject, "kind": "resource"}],
            }
        ],
        "partialFingerprints": {"finding/v1": _fingerprint(one)},
        "properties": {
            "hops": [str(hop) for hop in one.hops],
            "stops": list(finding.stops),
            "unknown": finding.unknown,
            **({"permission": clean(finding.permission)} if finding.permission else {}),
            "waivable": finding.waivable,
            "evidence": {clean(name): clean(text) for name, text in finding.evidence.items()},
        },
    }


def _fingerprint(one: Listed) -> str:
    """The same finding in the next report; its summary counts things, which change."""
    return hashlib.sha256(f"{one.finding.code}\0{one.finding.subject}".encode(errors="replace")).hexdigest()[:32]
