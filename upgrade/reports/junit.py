"""A report as JUnit XML: a suite for each hop, a test case for each check."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Final
from xml.etree import ElementTree

from upgrade.findings import CheckResult, Finding, Report, Severity, Verdict, fails
from upgrade.reports.outline import title_of
from upgrade.reports.words import clean

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


def render(report: Report, fail_on: Severity = Severity.BLOCKS) -> str:
    """What counts as being in the way is a failure, or an error when it could not be seen; the rest is output."""
    root = ElementTree.Element("testsuites", name=title_of(report))
    for hop, results in groupby(report.results, key=lambda result: result.hop):
        name = f"{clean(report.cluster.name)} before {hop}"
        suite = ElementTree.SubElement(root, "testsuite", name=name, timestamp=f"{report.taken_at:%Y-%m-%dT%H:%M:%S}")
        for result in results:
            _case(suite, result, f"{clean(report.cluster.name)}.{hop}", fail_on)
        _count(suite)
    _count(root)
    ElementTree.indent(root)
    return _HEAD + ElementTree.tostring(root, encoding="unicode") + "\n"


def _case(suite: ElementTree.Element, result: CheckResult, place: str, fail_on: Severity) -> None:
    name = f"{clean(result.code)} {clean(result.title)}"
    case = ElementTree.SubElement(suite, "testcase", classname=place, name=name, time="0")
    counting = [finding for finding in result.findings if fails(finding, fail_on)]
    seen = [finding for finding in counting if not finding.unknown]
    rest = [finding for finding in result.findings if finding not in counting]
    if seen:
        _outcome(case, "failure", counting)
    elif counting:
        _outcome(case, "error", counting)
    elif result.verdict is Verdict.NOT_APPLICABLE:
        ElementTree.SubElement(case, "skipped", message="There is nothing here for this check to judge.")
    elif result.verdict is Verdict.UNKNOWN:
        ElementTree.SubElement(case, "skipped", message=_told(rest))
        return
    if rest:
        ElementTree.SubElement(case, "system-out").text = _told(rest)


def _outcome(case: ElementTree.Element, kind: str, findings: Sequence[Finding]) -> None:
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    message = f"{clean(first.subject)}: {clean(first.summary)}{more}"
    ElementTree.SubElement(case, kind, message=message, type=first.severity.value).text = _told(findings)


def _told(findings: Sequence[Finding]) -> str:
    """For each finding a line, what it is based on, and what to do."""
    lines = []
    for finding in findings:
        lines.append(f"{clean(finding.subject)}: {clean(finding.summary)}")
        lines += [f"  {clean(name)}: {clean(text)}" for name, text in finding.evidence.items()]
        lines += [f"  missing permission: {clean(finding.permission)}"] if finding.permission else []
        lines += [f"  {clean(finding.remedy)}"] if finding.remedy else []
    return "\n".join(lines)


def _count(element: ElementTree.Element) -> None:
    cases = list(element.iter("testcase"))
    element.set("tests", str(len(cases)))
    for plural, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(plural, str(sum(case.find(kind) is not None for case in cases)))
