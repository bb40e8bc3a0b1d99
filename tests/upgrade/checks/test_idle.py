"""A cluster that is upgraded only while nobody works in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from tests.upgrade.checks.judging import also
from tests.upgrade.runs import NOW
from tests.upgrade.snapshots import k8s, pod, with_facts
from upgrade.checks import REGISTRY, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.engine.assessment import stopping_phase, stopping_start
from upgrade.facts import Unknown
from upgrade.findings import CheckResult, Finding, Verdict
from upgrade.idle import IdleOnly, parse_selector
from upgrade.plan import PlanRequest, UpgradePlan, UpgradePolicy, Waiver
from upgrade.planner import plan_upgrade
from upgrade.rows import PodRow
from upgrade.run import UpgradeRun

HUB = IdleOnly(namespaces=("hub", "lab"), selector="component=singleuser-server")
NOTEBOOK = {"component": "singleuser-server"}
ANN = pod("hub", "jupyter-ann", {**NOTEBOOK, "team": "physics"})


def planned(cluster: ClusterSnapshot, idle_only: IdleOnly | None = HUB) -> UpgradePlan:
    return plan_upgrade(cluster, k8s("1.35"), UpgradePolicy(idle_only=idle_only))


def judged(*pods: PodRow, idle_only: IdleOnly | None = HUB) -> CheckResult:
    cluster = also("1.35", *pods)
    (result,) = run_checks(cluster, planned(cluster, idle_only), checks=[REGISTRY["IDL001"]]).results
    return result


def found(*pods: PodRow) -> tuple[Finding, ...]:
    return judged(*pods).findings


def test_who_is_still_on_is_named_by_namespace() -> None:
    hub, lab = found(ANN, pod("hub", "jupyter-bob", NOTEBOOK), pod("lab", "jupyter-cy", NOTEBOOK))
    assert (hub.subject, lab.subject) == ("namespace/hub", "namespace/lab")
    assert hub.summary == "Somebody still works in hub: jupyter-ann, jupyter-bob."
    assert hub.evidence == {"pods": "2", "owner": "physics"}
    assert hub.blocks
    (many,) = found(*(pod("hub", f"jupyter-{number:02}", NOTEBOOK) for number in range(14)))
    assert many.summary.endswith("jupyter-09 and 4 more.")


@pytest.mark.parametrize(
    "near",
    [
        pod("hub", "starting", NOTEBOOK, ready=False),
        pod("hub", "leaving", NOTEBOOK, deletion_at=NOW),
        pod("hub", "proxy", {"component": "proxy"}),
        pod("elsewhere", "jupyter-ann", NOTEBOOK),
    ],
    ids=lambda row: row.name,
)
def test_a_near_miss_is_no_finding(near: PodRow) -> None:
    result = judged(near)
    assert (result.findings, result.verdict) == ((), Verdict.PASSED)


def test_it_is_for_clusters_that_say_so_and_pods_that_cannot_be_read_are_no_idleness() -> None:
    assert judged(ANN, idle_only=None).verdict is Verdict.NOT_APPLICABLE
    plan = planned(also("1.35"))
    unread = with_facts(also("1.35"), pods=Unknown(reason="Forbidden", permission="list pods"))
    (result,) = run_checks(unread, plan, checks=[REGISTRY["IDL001"]]).results
    assert (result.verdict, result.findings[0].blocks) == (Verdict.UNKNOWN, True)


def test_it_stops_the_start_and_neither_planning_ahead_nor_what_has_begun() -> None:
    cluster = also("1.35", ANN)
    plan = planned(cluster)
    report = run_checks(cluster, plan, checks=[REGISTRY["IDL001"]])
    assert stopping_start(report, plan, (), begins=False) == ()
    (stops,) = stopping_start(report, plan, (), begins=True)
    assert stops.code == "IDL001"
    waiver = Waiver(code=stops.code, subject=stops.subject, by="U0BEN", reason="ann agreed")
    assert stopping_start(report, plan, (waiver,), begins=True) == ()
    run = UpgradeRun(
        id="r",
        request=PlanRequest(cluster=cluster.cluster),
        policy=UpgradePolicy(),
        requester="U0ADA",
        created_at=NOW - timedelta(days=1),
        plan=plan,
    )
    assert [stopping_phase(report, run, phase) for phase in plan.phases if phase.kind == "nodes"] == [()]


def test_idleness_is_part_of_what_is_approved_and_its_absence_leaves_digests_as_they_were() -> None:
    cluster = also("1.35")
    assert planned(cluster).digest != planned(cluster, None).digest
    other = HUB.model_copy(update={"namespaces": ("hub",)})
    assert planned(cluster).digest != planned(cluster, other).digest


@pytest.mark.parametrize(
    ("selector", "labels", "selected"),
    [
        ("", {}, True),
        ("app=hub,tier==user", {"app": "hub", "tier": "user"}, True),
        ("app=hub,tier==user", {"app": "hub"}, False),
        ("tier in (user, guest),!gone", {"tier": "guest"}, True),
        ("tier in (user, guest),!gone", {"tier": "guest", "gone": ""}, False),
        ("tier notin (system)", {}, True),
        ("hub.jupyter.org/username", {"hub.jupyter.org/username": "ann"}, True),
        ("tier!=user", {"tier": "user"}, False),
    ],
)
def test_a_selector_is_read_as_kubectl_reads_it(selector: str, labels: dict[str, str], selected: bool) -> None:
    idle = IdleOnly(namespaces=("hub",), selector=selector)
    assert bool(list(idle.users([pod("hub", "one", labels)]))) is selected


@pytest.mark.parametrize("wrong", ["two words", "a=b,,c=d", "in (a)", "k in (a", "a=b=c", "=x", ",", "x>1"])
def test_a_selector_that_cannot_be_read_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not a label selector; write it like"):
        parse_selector(wrong)
    with pytest.raises(ValidationError, match="is not a label selector"):
        IdleOnly(selector=wrong)


def test_a_cluster_that_is_never_idle_is_refused() -> None:
    with pytest.raises(ValidationError, match="name namespaces, a selector"):
        IdleOnly()
