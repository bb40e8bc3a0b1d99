"""Fargate, Auto Mode and hybrid nodes."""

from __future__ import annotations

import pytest

from tests.upgrade.checks.judged import BLOCKS, INFORMS, WARNS, Fine, Wrong, findings, mixed, verdict
from tests.upgrade.snapshots import healthy_snapshot, k8s, node, pod, with_facts, workload
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import Unknown, need
from upgrade.findings import Verdict
from upgrade.plan import NodePolicy, Scope
from upgrade.rows import Owner

ALONE = {"scope": Scope.CONTROL_PLANE}
STRICT = {"policy": NodePolicy.MATCH_FIRST}
NODE = "fargate-ip-10-0-1-2.eu-central-1.compute.internal"


def fargate(kubelet: str, owners: tuple[Owner, ...] = (Owner(kind="ReplicaSet", name="rs"),)) -> ClusterSnapshot:
    cluster = mixed("1.34", nodes=(node(NODE, kubelet),))
    pods = (*need(cluster.pods), pod("till", "job-1", node=NODE, owners=owners))
    return with_facts(cluster, fargate_profiles=("till",), pods=pods)


def hybrid(image: str = "") -> ClusterSnapshot:
    cluster = mixed("1.34", nodes=(node("mi-1", "1.34", {"eks.amazonaws.com/compute-type": "hybrid"}),))
    more = (workload("DaemonSet", "kube-system", "cni", image),) if image else ()
    return with_facts(cluster, workloads=(*need(cluster.workloads), *more))


AUTO = healthy_snapshot("1.34", control_plane={"auto_mode": True})

WRONG = [
    Wrong("FGT001", "an old pod", fargate("1.33"), "1.35", WARNS, "fargate/pods", "On Fargate 1 pod runs"),
    Wrong("FGT001", "one that may not be", fargate("1.33"), "1.35", BLOCKS, "fargate/pods", "1.33", STRICT | ALONE),
    Wrong("ATM001", "Auto Mode", AUTO, "1.36", INFORMS, "prod-eu", "after every hop"),
    Wrong("HYB001", "Cilium", hybrid("quay.io/cilium/cilium:v1.16.6@sha256:0"), "1.35", WARNS, "hybrid/nodes",
          "cilium:v1.16.6 on 1 hybrid node supports 1.35"),
    Wrong("HYB001", "no CNI that is known", hybrid(), "1.35", WARNS, "hybrid/nodes", "not known here"),
]  # fmt: skip

FINE = [
    Fine("FGT001", "a level pod", fargate("1.34"), "1.35"),
    Fine("FGT001", "an old pod that is restarted first", fargate("1.33"), "1.35", STRICT),
    Fine("FGT001", "a lag that the policy makes itself", fargate("1.34"), "1.36"),
    Fine("ATM001", "a cluster without it", healthy_snapshot("1.34"), "1.35"),
    Fine("HYB001", "a cluster without hybrid nodes", mixed("1.34", nodes=(node("n", "1.34"),)), "1.35"),
]


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_one_thing_wrong_is_one_finding(case: Wrong) -> None:
    case.is_found()


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_near_miss_is_no_finding(case: Fine) -> None:
    case.is_fine()


@pytest.mark.parametrize(("owners", "bare"), [((), "till/job-1"), ((Owner(kind="Job", name="job"),), None)])
def test_pods_that_do_not_come_back_are_named(owners: tuple[Owner, ...], bare: str | None) -> None:
    (found,) = findings(fargate("1.33", owners), "FGT001", "1.35")
    assert found.evidence["pods"] == "till/job-1"
    assert found.evidence.get("without a controller") == bare


def test_profiles_that_nobody_may_list_are_unknown_and_none_are_nothing_to_judge() -> None:
    healthy = healthy_snapshot("1.34")
    assert verdict(healthy, "FGT001", "1.35") is Verdict.NOT_APPLICABLE
    denied = with_facts(healthy, fargate_profiles=Unknown(reason="no", permission="eks:ListFargateProfiles"))
    (found,) = findings(denied, "FGT001", "1.35")
    assert (found.unknown, found.severity) == (True, WARNS)


def test_the_skew_of_hybrid_and_fargate_nodes_is_judged_with_all_others() -> None:
    rows = (
        node("mi-1", "1.31", {"eks.amazonaws.com/compute-type": "hybrid"}),
        node(NODE, "1.31"),
    )
    found = findings(mixed("1.34", nodes=rows), "SKW002", "1.35", scope=Scope.CONTROL_PLANE)
    assert {(one.subject, one.blocks, one.hop) for one in found} == {
        ("hybrid/nodes", True, k8s("1.35")),
        ("fargate/pods", True, k8s("1.35")),
    }
