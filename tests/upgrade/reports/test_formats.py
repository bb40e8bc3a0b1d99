"""What each format says of a report with something of each kind."""

from __future__ import annotations

import json
from typing import get_args
from xml.etree import ElementTree

import pytest

from tests.upgrade.reports import made
from tests.upgrade.reports.made import EVERYTHING, READY, finding, judged, report
from upgrade.checks import REGISTRY
from upgrade.findings import Finding, Report, Severity, Stops
from upgrade.reports import Format, render
from upgrade.reports.sources import address


@pytest.mark.parametrize("form", Format)
def test_every_format_names_every_finding_with_its_remedy(form: Format) -> None:
    text = render(EVERYTHING, form)
    for code in ("NET001", "WRK001", "SUP003", "INS001", "HLM001", "ADD001"):
        assert code in text
    for words in ("subnet-0a1 has 3 free addresses", "Free addresses or add a subnet.", "team shop"):
        assert words in text


@pytest.mark.parametrize("form", Format)
def test_a_missing_permission_is_named(form: Format) -> None:
    assert "eks:ListInsights" in render(EVERYTHING, form)


def test_text_tells_the_verdict_first_and_what_counts_before_the_rest() -> None:
    lines = render(EVERYTHING, Format.TEXT).splitlines()
    assert lines[:2] == [
        "prod-eu: Kubernetes 1.34 to 1.36",
        "Not ready: 2 findings are in the way, and 1 thing that would count could not be seen.",
    ]
    heads = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert heads == ["In the way:", "Could not be seen:", "Warnings:", "Good to know:"]
    assert "  Allow eks:ListInsights (in the way)" in lines
    assert "  ADD001 vpc-cni (hop 1.36; stops add-ons)" in lines
    assert "  NET001 subnet-0a1 (hops 1.35, 1.36)" in lines
    assert "  WRK001 shop/Deployment/web (hop 1.35; owner team shop)" in lines
    assert "3 passed · 4 failed · 2 unknown · 1 not applicable · seen 2026-11-20 09:30 UTC" in lines


def test_markdown_folds_what_is_not_in_the_way() -> None:
    text = render(EVERYTHING, Format.MARKDOWN)
    assert text.startswith("## ⛔ prod-eu: Kubernetes 1.34 to 1.36\n")
    top = text.partition("<details>")[0]
    assert "NET001" in top
    assert "WRK001" not in top
    assert "<details><summary>Warnings: 1</summary>" in text
    assert render(READY, Format.MARKDOWN).startswith("## ✅")
    assert render(report(judged(made.UNSEEN)), Format.MARKDOWN).startswith("## ❔")


def many(number: int) -> Report:
    words = "word " * 60
    return report(
        *(
            judged(finding(f"A{n % 90:02}{n // 90:03}"[:6], f"object-{n}", summary=words, remedy=words))
            for n in range(number)
        )
    )


@pytest.mark.parametrize("number", [1, 100, 3000])
def test_a_comment_fits_whatever_was_found(number: int) -> None:
    assert len(render(many(number), Format.MARKDOWN)) <= 60_000


@pytest.mark.parametrize(
    ("findings", "fail_on", "outcome"),
    [
        ([made.BLOCKER], Severity.BLOCKS, {"failures": "1", "errors": "0"}),
        ([made.UNSEEN], Severity.BLOCKS, {"failures": "0", "errors": "1"}),
        ([made.WARNING], Severity.BLOCKS, {"failures": "0", "errors": "0"}),
        ([made.WARNING], Severity.WARNS, {"failures": "1", "errors": "0"}),
        ([made.NOTE, made.CHOSEN], Severity.WARNS, {"failures": "0", "errors": "0"}),
    ],
)
def test_junit_fails_where_check_does(findings: list[Finding], fail_on: Severity, outcome: dict[str, str]) -> None:
    found = report(*map(judged, findings))
    root = ElementTree.fromstring(render(found, Format.JUNIT, fail_on))
    assert {name: root.get(name) for name in outcome} == outcome
    assert (outcome == {"failures": "0", "errors": "0"}) is (found.readiness(fail_on) == "ready")


def test_junit_has_a_case_for_each_check_and_hop() -> None:
    root = ElementTree.fromstring(render(EVERYTHING, Format.JUNIT))
    suites = [(suite.get("name"), suite.get("tests"), suite.get("skipped")) for suite in root]
    assert suites == [("prod-eu before 1.35", "7", "2"), ("prod-eu before 1.36", "3", "0")]
    names = [case.get("name") or "" for case in root.iter("testcase")]
    assert len(names) == len(EVERYTHING.results)
    output = root.find(".//testcase[@name='WRK001 All is well with WRK001']/system-out")
    assert output is not None
    assert output.text is not None
    assert "shop/Deployment/web has 3 free addresses" in output.text


def test_sarif_has_a_rule_for_each_code_and_levels_by_severity() -> None:
    (run,) = json.loads(render(EVERYTHING, Format.SARIF))["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert rules == sorted(rules)
    told = {one["ruleId"]: (one["kind"], one["level"]) for one in run["results"]}
    assert all(rules[one["ruleIndex"]] == one["ruleId"] for one in run["results"])
    assert told == {
        "NET001": ("fail", "error"),
        "ADD001": ("fail", "error"),
        "INS001": ("fail", "error"),
        "WRK001": ("fail", "warning"),
        "SUP003": ("fail", "note"),
        "HLM001": ("open", "none"),
    }
    assert run["tool"]["driver"]["rules"][0]["helpUri"].startswith("https://docs.aws.amazon.com/eks/")


def test_sarif_knows_a_finding_again_when_its_numbers_change() -> None:
    def prints(summary: str) -> list[str]:
        text = render(report(judged(finding(summary=summary))), Format.SARIF)
        return [one["partialFingerprints"]["finding/v1"] for one in json.loads(text)["runs"][0]["results"]]

    assert prints("3 addresses are free.") == prints("2 addresses are free.")


@pytest.mark.parametrize(
    ("source", "leads_to"),
    [
        (
            "Amazon EKS User Guide: Amazon EKS add-ons",
            "https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html",
        ),
        ("Amazon EKS User Guide: A page that moved", "https://docs.aws.amazon.com/eks/latest/userguide/"),
        (
            "Amazon EKS API Reference: DescribeAddonVersions",
            "https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html",
        ),
        ("Kubernetes: Version Skew Policy", "https://kubernetes.io/releases/version-skew-policy/"),
        (
            "Kubernetes 1.31: Urgent Upgrade Notes",
            "https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-1.31.md",
        ),
        ("Nobody's Book; Kubernetes: Version Skew Policy", "https://kubernetes.io/releases/version-skew-policy/"),
        ("https://kubernetes.io/docs/x/", "https://kubernetes.io/docs/x/"),
        ('https://evil.example/"><script>', None),
        ("http://kubernetes.io/", None),
        ("javascript: alert(1)", None),
        ("", None),
    ],
)
def test_a_source_leads_to_its_page_or_its_book(source: str, leads_to: str | None) -> None:
    assert address(source) == leads_to


def test_checks_of_ours_lead_to_pages_of_the_books_we_know() -> None:
    known = [check for check in REGISTRY if address(check.source)]
    assert len(known) > 20
    assert all((address(check.source) or "").startswith("https://") for check in known)


def test_the_page_can_be_asked_for_everything_that_a_finding_may_stop() -> None:
    text = render(EVERYTHING, Format.HTML)
    assert all(f'<option value="{phase}">Stops {phase}</option>' in text for phase in get_args(Stops) if phase != "all")


def test_the_page_has_every_remedy() -> None:
    behind = [finding("SKW002", summary=f"Behind {n}.", remedy=f"Rotate {n} first.") for n in range(9)]
    page = render(report(*map(judged, behind)), Format.HTML)
    assert [n for n in range(9) if f"<p>Rotate {n} first.</p>" in page] == list(range(9))
