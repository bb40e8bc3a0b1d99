"""Changes that no program can look for, and versions without rules."""

from __future__ import annotations

from tests.upgrade.checks.judging import before, findings
from tests.upgrade.snapshots import healthy_snapshot, k8s, span
from upgrade.checks import REGISTRY, run_checks
from upgrade.eks import OfferedVersion
from upgrade.findings import Severity, Verdict
from upgrade.release_notes import NEWEST_COVERED, notes_for, release_notes


def test_what_a_version_changes_unseen_is_one_finding_with_a_sentence_for_each() -> None:
    (found,) = findings(before("1.33"), "REL001")
    assert (found.severity, found.subject) == (Severity.INFORMS, "1.33")
    assert "2 changes of 1.33" in found.summary
    assert {"B-133-04", "B-133-07", "A-34"} <= found.evidence.keys()
    assert not any(rule.startswith("B-132") for rule in found.evidence)


def test_a_version_that_changes_nothing_unseen_still_says_what_holds_for_every_upgrade() -> None:
    assert "No changes of 1.21" in findings(before("1.21"), "REL001")[0].summary


def test_a_target_without_rules_says_so_and_asks_for_a_person() -> None:
    offer = tuple(OfferedVersion(version=one, status="STANDARD_SUPPORT") for one in span("1.35", "1.37"))
    cluster = healthy_snapshot("1.36", offered_versions=offer)
    (found,) = findings(cluster, "REL002")
    assert (found.severity, found.subject) == (Severity.WARNS, "1.37")
    assert "up to 1.36" in found.summary
    assert {"B-137-01", "B-137-02"} <= findings(cluster, "REL001")[0].evidence.keys()


def test_the_newest_covered_version_is_covered() -> None:
    assert findings(before(str(NEWEST_COVERED)), "REL002") == []


def test_a_version_that_cannot_be_reached_has_no_notes() -> None:
    for target in ("1.33", "1.34", "1.37"):
        report = run_checks(healthy_snapshot("1.34"), k8s(target), checks=[REGISTRY["REL001"], REGISTRY["REL002"]])
        hop = [one for one in report.results if one.hop == k8s(target)]
        assert {one.verdict for one in hop} == {Verdict.NOT_APPLICABLE}


def test_every_note_is_a_sentence_with_a_source() -> None:
    assert len({(one.rule, one.target) for one in release_notes()}) == len(release_notes())
    for one in release_notes():
        assert one.text.endswith(".")
        assert one.source
        assert one.target is None or one.rule == f"B-1{one.target.minor}{one.rule[-3:]}"
        assert one in notes_for(one.target or k8s("1.30"))
