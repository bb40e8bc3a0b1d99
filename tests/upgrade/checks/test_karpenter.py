"""Karpenter: releases, drift, expiry, APIs and images."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judged import BLOCKS, INFORMS, WARNS, Fine, Wrong, findings, mixed, verdict
from tests.upgrade.snapshots import healthy_snapshot, k8s, node, with_facts, workload
from upgrade.checks import run_checks
from upgrade.checks.karpenter import least_for, least_kubernetes_for
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import Unknown, need
from upgrade.findings import Verdict
from upgrade.objects import DisruptionBudget, NodeClassRow, NodePoolRow
from upgrade.plan import Scope

ALONE = {"scope": Scope.CONTROL_PLANE}
HELD = (DisruptionBudget(nodes="0", reasons=("Drifted",)),)
AT_NIGHT = (DisruptionBudget(nodes="0", schedule="0 6 * * *", duration="16h"),)
ALIAS = ("alias=al2023@latest",)
CONTROLLER = "karpenter/Deployment/karpenter"


def karpenter(version: str, release: str | None = "1.13.0", nodes: bool = True, image: str = "") -> ClusterSnapshot:
    """A cluster with Karpenter of that release (None: it runs elsewhere) and a node of its pool."""
    row = node("k-1", version, {"karpenter.sh/nodepool": "default"})
    cluster = mixed(version, nodes=(row,) if nodes else ())
    image = image or f"public.ecr.aws/karpenter/controller:{release}@sha256:00"
    more = (workload("Deployment", "karpenter", "karpenter", image),) if release else ()
    return with_facts(cluster, workloads=(*need(cluster.workloads), *more))


def pooled(
    version: str = "1.34",
    selectors: tuple[str, ...] = ALIAS,
    family: str = "AL2023",
    api: str = "v1",
    kind: str = "NodePool",
    **pool: Any,
) -> ClusterSnapshot:
    row = NodePoolRow(name="default", api_version=f"karpenter.sh/{api}", kind=kind, node_class="main", **pool)
    node_class = NodeClassRow(name="main", ami_family=family, ami_selectors=selectors)
    return with_facts(karpenter(version), node_pools=(row,), node_classes=(node_class,))


POOL = "karpenter/default"
CLASS = "EC2NodeClass/main"
OLD: dict[str, Any] = {"family": "AL2", "selectors": ("alias=al2@latest",)}

WRONG = [
    Wrong("KAR001", "an old one", karpenter("1.34", "1.8.9"), "1.35", BLOCKS, CONTROLLER, "takes 1.9.0 or later"),
    Wrong("KAR001", "the broken one", karpenter("1.25", "0.28.0"), "1.26", BLOCKS, CONTROLLER, "takes 0.28.1"),
    Wrong("KAR001", "too new for now", karpenter("1.25", "1.5.0"), "1.26", BLOCKS, CONTROLLER, "takes Kubernetes 1.26"),
    Wrong("KAR001", "a mirror", karpenter("1.35", image="1.dkr.ecr.eu/karpenter-controller:v1.9.0"), "1.36", BLOCKS,
          CONTROLLER, "1.13.0 or later"),
    Wrong("KAR001", "a digest", karpenter("1.34", image="x/karpenter/controller@sha256:00"), "1.35", BLOCKS,
          CONTROLLER, "does not tell"),
    Wrong("KAR001", "one that runs elsewhere", karpenter("1.34", None), "1.35", BLOCKS, "karpenter", "does not run in"),
    Wrong("KAR002", "an alias", pooled(), "1.35", WARNS, POOL, "begins to replace"),
    Wrong("KAR002", "a pinned alias", pooled(selectors=("alias=al2023@v20250101",)), "1.35", WARNS, POOL, "begins to"),
    Wrong("KAR002", "no selector", pooled(selectors=(), budgets=(DisruptionBudget(nodes="10%"),)), "1.35", WARNS, POOL,
          "begins to"),
    Wrong("KAR002", "a budget for another reason", pooled(budgets=(DisruptionBudget("0", ("Empty",)),)), "1.35", WARNS,
          POOL, "begins to"),
    Wrong("KAR002", "named AMIs", pooled(selectors=("id=ami-1",)), "1.35", INFORMS, POOL, "names its AMIs"),
    Wrong("KAR003", "a budget in the way", pooled(budgets=HELD), "1.35", WARNS, POOL, "lets no drifted node go"),
    Wrong("KAR004", "expiry by default", pooled(budgets=HELD), "1.35", WARNS, POOL, "expire at 720h"),
    Wrong("KAR004", "an age", pooled(budgets=AT_NIGHT, expire_after="48h"), "1.35", WARNS, POOL, "expire at 48h"),
    Wrong("KAR005", "a Provisioner", pooled("1.28", api="v1alpha5", kind="Provisioner"), "1.29", BLOCKS,
          "Provisioner/default", "up to 0.32; 1.29 takes 0.34.0"),
    Wrong("KAR005", "a Provisioner for now", pooled("1.27", api="v1alpha5", kind="Provisioner"), "1.28", WARNS,
          "Provisioner/default", "up to 0.32."),
    Wrong("KAR005", "a v1beta1 pool", pooled("1.31", api="v1beta1"), "1.32", BLOCKS, "NodePool/default", "up to 1.0;"),
    Wrong("KAR006", "AL2", pooled("1.30", **OLD), "1.31", WARNS, CLASS, "makes nodes with Amazon Linux 2"),
    Wrong("KAR006", "AL2 by family", pooled("1.30", family="AL2", selectors=("id=a",)), "1.31", WARNS, CLASS, "main m"),
    Wrong("KAR007", "AL2 at its end", pooled("1.32", **OLD), "1.33", BLOCKS, CLASS, "no image after 1.32"),
    Wrong("KAR007", "AL2 for the control plane alone", pooled("1.32", **OLD), "1.33", BLOCKS, CLASS, "no image", ALONE),
]  # fmt: skip

FINE = [
    Fine("KAR001", "the least one", karpenter("1.34", "1.9.0"), "1.35"),
    Fine("KAR001", "one fixed", karpenter("1.25", "0.28.1"), "1.26"),
    Fine("KAR002", "a budget for drift", pooled(budgets=HELD), "1.35"),
    Fine("KAR002", "a window", pooled(budgets=AT_NIGHT), "1.35"),
    Fine("KAR002", "a budget for all reasons", pooled(budgets=(DisruptionBudget("0"),)), "1.35"),
    Fine("KAR003", "a budget that the plan does not meet", pooled(budgets=HELD), "1.35", ALONE),
    Fine("KAR003", "a window", pooled(budgets=AT_NIGHT), "1.35"),
    Fine("KAR004", "no expiry", pooled(budgets=HELD, expire_after="Never"), "1.35"),
    Fine("KAR004", "nothing held", pooled(expire_after="48h"), "1.35"),
    Fine("KAR004", "named AMIs", pooled(budgets=HELD, selectors=("id=ami-1",)), "1.35"),
    Fine("KAR004", "a Provisioner that says nothing", pooled("1.27", budgets=HELD, kind="Provisioner"), "1.28"),
    Fine("KAR005", "v1", pooled("1.31"), "1.32"),
    Fine("KAR006", "AL2023", pooled("1.30"), "1.31"),
    Fine("KAR007", "AL2 before its end", pooled("1.31", **OLD), "1.32"),
    Fine("KAR007", "AL2 by id", pooled("1.32", family="AL2", selectors=("id=ami-1",)), "1.33"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_one_thing_wrong_is_one_finding(case: Wrong) -> None:
    case.is_found()


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_near_miss_is_no_finding(case: Fine) -> None:
    case.is_fine()


def test_a_floor_of_a_later_hop_is_shown_there_and_now() -> None:
    found = findings(karpenter("1.33", "1.9.0"), "KAR001", "1.36")
    assert [(one.hop, one.blocks) for one in found] == [(k8s("1.36"), True)]


def test_one_that_is_too_old_for_the_present_version_says_so_on_the_first_hop() -> None:
    found = findings(karpenter("1.33", "1.4.0"), "KAR001", "1.35")
    hops = (k8s("1.34"), k8s("1.34"), k8s("1.35"))
    for one, hop, unfit in zip(found, hops, ("1.33", "1.34", "1.35"), strict=True):
        assert one.hop == hop
        assert f"does not support {unfit};" in one.summary


def test_a_version_that_the_matrix_does_not_know_is_unknown() -> None:
    report = run_checks(karpenter("1.36"), k8s("1.37"))
    (found,) = [one for one in report.findings if one.code == "KAR001"]
    assert (found.unknown, found.severity, found.waivable) == (True, BLOCKS, True)


def test_a_cluster_without_karpenter_has_nothing_to_judge() -> None:
    healthy = healthy_snapshot("1.34")
    for code in ("KAR001", "KAR002", "KAR004", "KAR005", "KAR006", "KAR007"):
        assert verdict(healthy, code, "1.35") is Verdict.NOT_APPLICABLE


def test_classes_that_nobody_may_read_block_only_where_karpenter_is() -> None:
    denied = Unknown(reason="denied", permission="list ec2nodeclasses.karpenter.k8s.aws")
    assert findings(with_facts(healthy_snapshot("1.34"), node_classes=denied), "KAR007", "1.35") == []
    (found,) = findings(with_facts(pooled(), node_classes=denied), "KAR007", "1.35")
    assert (found.unknown, found.severity) == (True, BLOCKS)


@pytest.mark.parametrize("release", [(0, 27, 9), (0, 28, 0), (1, 4, 9), (1, 5, 0)])
def test_a_release_has_a_least_kubernetes(release: tuple[int, int, int]) -> None:
    least = {(0, 28, 0): k8s("1.23"), (1, 4, 9): k8s("1.25"), (1, 5, 0): k8s("1.26")}
    assert least_kubernetes_for(release) == least.get(release)


def test_the_matrix_knows_every_version_that_rules_are_known_for() -> None:
    known = [least_for(k8s(f"1.{minor}")) for minor in range(21, 37)]
    assert None not in known
    assert known == sorted(known, key=lambda release: release or (0, 0, 0))
