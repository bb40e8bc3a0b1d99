"""What a report comes to, and that nothing in it goes missing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.reports import made
from tests.upgrade.reports.made import EVERYTHING, READY, V35, V36, finding, judged, report, result
from upgrade.findings import Finding, Readiness, Severity, Verdict
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


def skewed(minors: int, first: str) -> Finding:
    return finding("SKW002", "nodegroup/core", summary=f"{minors} minors behind.", remedy=f"Go to {first} first.")


def test_an_object_that_several_hops_stumble_over_is_one_finding_from_the_first_hop_to_the_last() -> None:
    told = outline(report(judged(skewed(10, "1.35"), hop=V36), judged(skewed(9, "1.34"))))
    ((one,),) = [group.listed for group in told.blockers]
    assert (one.hops, one.at_hops) == ((V35, V36), "hops 1.35, 1.36")
    assert one.summaries == ("9 minors behind.", "At 1.36: 10 minors behind.")
    assert one.remedies == ("Go to 1.34 first.",), "what differs by the hop's own versions only is told once"
    assert told.headline == "Not ready: 1 finding is in the way."


def test_a_floor_that_rises_on_the_way_is_told_with_its_last_demand() -> None:
    wanted = [
        finding("KAR001", "karpenter", summary=f"1.5.0 does not go with {hop}.", remedy=f"Bring it to {floor}.")
        for hop, floor in ((V35, "1.9.0"), (V36, "1.13.0"))
    ]
    told = outline(report(judged(wanted[0]), judged(wanted[1], hop=V36)))
    ((one,),) = [group.listed for group in told.blockers]
    assert one.summaries == ("1.5.0 does not go with 1.35.",)
    assert told.blockers[0].remedies == ("Bring it to 1.9.0.", "Bring it to 1.13.0.")


def test_two_things_that_differ_in_numbers_stay_two_at_every_hop() -> None:
    ports = [finding("SVC001", "shop/Service/web", summary=f"Port {port} is gone.") for port in (80, 443)]
    hops = ((V35, ports), (V36, ports[::-1]))
    found = report(
        *(
            result("SVC001", Verdict.FAILED, *(one.model_copy(update={"hop": hop}) for one in several), hop=hop)
            for hop, several in hops
        )
    )
    (group,) = outline(found).blockers
    both = (V35, V36)
    assert {one.summaries: one.hops for one in group.listed} == {
        ("Port 80 is gone.",): both,
        ("Port 443 is gone.",): both,
    }
    assert group.subjects == ("shop/Service/web",)
    assert outline(found).headline == "Not ready: 1 finding is in the way."


def test_what_weighs_more_at_a_later_hop_stands_where_it_weighs() -> None:
    warned = finding("CMP001", "addon/vpc-cni", severity=Severity.WARNS)
    told = outline(report(judged(warned), judged(finding("CMP001", "addon/vpc-cni"), hop=V36)))
    assert [group.first.hops for group in (*told.blockers, *told.warnings)] == [(V36,), (V35,)]


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
