"""What a report comes to, and that nothing in it goes missing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.reports import made
from tests.upgrade.reports.made import EVERYTHING, READY, V35, V36, finding, judged, report
from upgrade.findings import Finding, Readiness, Severity
from upgrade.reports.outline import outline


@pytest.mark.parametrize(
    ("findings", "on_blocks", "on_warns"),
    [
        ([], Readiness.READY, Readiness.READY),
        ([made.NOTE, made.CHOSEN], Readiness.READY, Readiness.READY),
        ([made.WARNING], Readiness.READY, Readiness.BLOCKED),
        ([made.BLOCKER], Readiness.BLOCKED, Readiness.BLOCKED),
        ([made.UNSEEN], Readiness.UNKNOWN, Readiness.UNKNOWN),
        ([made.UNSEEN, made.WARNING], Readiness.UNKNOWN, Readiness.BLOCKED),
        ([made.UNSEEN, made.BLOCKER], Readiness.BLOCKED, Readiness.BLOCKED),
        ([made.UNSEEN.model_copy(update={"severity": Severity.WARNS})], Readiness.READY, Readiness.UNKNOWN),
    ],
)
def test_what_is_in_the_way_and_what_is_only_unknown(
    findings: list[Finding], on_blocks: Readiness, on_warns: Readiness
) -> None:
    found = report(*map(judged, findings))
    assert (found.readiness(), found.readiness(Severity.WARNS)) == (on_blocks, on_warns)
    assert found.ready is (on_blocks is Readiness.READY)


def test_each_finding_stands_in_one_list() -> None:
    told = outline(EVERYTHING)
    groups = [*told.blockers, *told.warnings, *told.notes]
    named = [one.finding for group in groups for one in group.listed]
    named += [one.finding for cure in told.cures for one in cure.listed]
    assert sorted(one.code for one in named) == ["ADD001", "HLM001", "INS001", "NET001", "SUP003", "WRK001"]
    assert told.headline == "Not ready: 2 findings are in the way, and 1 thing that would count could not be seen."
    assert told.hops == (V35, V36)
    assert next(group for group in told.blockers if group.code == "NET001").first.hops == (V35, V36)


def test_unknowns_are_grouped_by_what_cures_them_and_what_counts_comes_first() -> None:
    refused: dict[str, Any] = {"unknown": True, "permission": "list pods", "summary": "Refused."}
    gone: dict[str, Any] = {"unknown": True, "summary": "Could not be checked: Timed out."}
    found = report(
        judged(finding("AAA001", severity=Severity.WARNS, **refused)),
        judged(finding("BBB001", severity=Severity.WARNS, **refused)),
        judged(finding("CCC001", severity=Severity.INFORMS, **gone)),
        judged(finding("DDD001", severity=Severity.WARNS, **gone)),
        judged(finding("EEE001", **gone)),
    )
    cures = [(c.title, c.counts, [one.finding.code for one in c.listed]) for c in outline(found).cures]
    assert cures == [
        ("Timed out", True, ["EEE001", "DDD001", "CCC001"]),
        ("Allow list pods", False, ["AAA001", "BBB001"]),
    ]


def test_an_object_that_several_hops_stumble_over_is_one_object_and_its_hops_are_in_order() -> None:
    ten = finding("SKW002", "nodegroup/core", summary="10 minors behind.")
    nine = finding("SKW002", "nodegroup/core", summary="9 minors behind.")
    (group,) = outline(report(judged(ten, hop=V36), judged(nine))).blockers
    assert [one.finding.summary for one in group.listed] == ["9 minors behind.", "10 minors behind."]
    assert group.subjects == ("nodegroup/core",)


def test_with_warnings_failing_they_are_in_the_way() -> None:
    told = outline(EVERYTHING, Severity.WARNS)
    assert [group.code for group in told.blockers] == ["ADD001", "NET001", "WRK001"]
    assert told.warnings == ()


def test_the_table_has_a_row_for_each_check_and_a_column_for_each_hop() -> None:
    table = {result.code: [str(verdict) for verdict in row] for result, row in outline(EVERYTHING).table}
    assert table["NET001"] == ["failed", "failed"]
    assert table["ADD001"] == ["None", "failed"]
    assert table["FAR001"] == ["not-applicable", "None"]


def test_ready_says_so() -> None:
    assert outline(READY).headline == "Ready: nothing is in the way."
    assert outline(report(judged(made.WARNING))).headline == "Ready: nothing is in the way, 1 warning."
    only = outline(report(judged(made.UNSEEN))).headline
    assert only == "Not known: 1 thing that would count could not be seen; nothing else is in the way."
