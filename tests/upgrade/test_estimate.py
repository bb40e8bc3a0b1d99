from __future__ import annotations

from datetime import timedelta

import pytest

from tests.upgrade.snapshots import group_nodes, healthy_snapshot, k8s, nodegroup, workload
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import Nodegroup
from upgrade.estimate import (
    ADDON,
    CONTROL_PLANE,
    NODEGROUP_ROUND,
    NODEGROUP_SETUP,
    Basis,
    PastDuration,
    basis_of,
    nodes_at_once,
    phase_minutes,
    total_minutes,
)
from upgrade.plan import NodegroupStep, Phase, UpgradePlan, UpgradePolicy
from upgrade.planner import plan_upgrade


def plan(cluster: ClusterSnapshot, *past: PastDuration, parallel: int = 1) -> UpgradePlan:
    return plan_upgrade(cluster, k8s("1.35"), UpgradePolicy(parallel_nodegroups=parallel), past=past)


def test_without_a_past_the_quoted_durations_are_used() -> None:
    minutes = plan(healthy_snapshot("1.34")).minutes
    assert minutes["control-plane@1.35"] == CONTROL_PLANE
    assert minutes["addon/coredns@v1.11.3-eksbuild.4"] == ADDON
    assert minutes["announce"] == (0, 0)


def test_this_clusters_own_past_comes_first() -> None:
    minutes = plan(
        healthy_snapshot("1.34"),
        PastDuration(kind="control-plane", minutes=9.5),
        PastDuration(kind="control-plane", minutes=12),
        PastDuration(kind="addon", name="coredns", minutes=2),
        PastDuration(kind="nodegroup", name="core", minutes=33),
    ).minutes
    assert minutes["control-plane@1.35"] == (9.5, 12)
    assert minutes["addon/coredns@v1.11.3-eksbuild.4"] == (2, 2)
    assert minutes["addon/vpc-cni@v1.21.1-eksbuild.3"] == ADDON
    assert minutes["nodegroup/core@1.35"] == (33, 33)


ADDON_NAMES = ("vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver")
CONTROL_PLANE_TOOK = PastDuration(kind="control-plane", minutes=9.5)
EVERYTHING_TOOK = (
    CONTROL_PLANE_TOOK,
    *(PastDuration(kind="addon", name=name, minutes=2) for name in ADDON_NAMES),
    *(PastDuration(kind="nodegroup", name=name, minutes=33) for name in ("core", "workers")),
)


@pytest.mark.parametrize(
    ("past", "basis"),
    [
        ((), Basis.QUOTED),
        ((PastDuration(kind="nodegroup", name="gone", minutes=33),), Basis.QUOTED),
        ((CONTROL_PLANE_TOOK,), Basis.PARTLY),
        (EVERYTHING_TOOK, Basis.OWN),
    ],
)
def test_a_plan_knows_what_its_estimate_is_made_from(past: tuple[PastDuration, ...], basis: Basis) -> None:
    made = plan(healthy_snapshot("1.34"), *past)
    assert basis_of(made) is basis
    assert basis_of(made.model_copy(update={"phases": made.phases[:1]})) is None


def test_the_basis_of_an_estimate_changes_no_digest_and_is_not_made_up_for_a_plan_that_was_stored_without() -> None:
    made = plan(healthy_snapshot("1.34"), CONTROL_PLANE_TOOK)
    assert made.measured == ("control-plane@1.35",)
    stored = made.model_dump(mode="json")
    del stored["measured"]
    old = UpgradePlan.model_validate(stored)
    assert old.digest == made.digest
    assert basis_of(old) is None


@pytest.mark.parametrize(
    ("group", "rounds"),
    [
        (nodegroup("core", "1.34", desired_size=7, max_unavailable=3), 3),
        (nodegroup("core", "1.34", desired_size=10, max_unavailable=None, max_unavailable_percentage=33), 4),
        (nodegroup("core", "1.34", desired_size=2, max_unavailable=None, max_unavailable_percentage=10), 2),
    ],
)
def test_a_node_group_takes_a_round_for_each_batch_of_its_nodes(group: Nodegroup, rounds: int) -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(group,), nodes=group_nodes(group))
    low, high = plan(cluster).minutes["nodegroup/core@1.35"]
    assert low == NODEGROUP_SETUP[0] + rounds * NODEGROUP_ROUND[0]
    assert high == NODEGROUP_SETUP[1] + rounds * NODEGROUP_ROUND[1]


def test_an_empty_node_group_may_be_done_at_once() -> None:
    empty = nodegroup("core", "1.34", desired_size=0)
    minutes = plan(healthy_snapshot("1.34", nodegroups=(empty,), nodes=())).minutes
    assert minutes["nodegroup/core@1.35"] == (0, NODEGROUP_SETUP[1])


def test_one_node_at_a_time_is_what_eks_does_when_nothing_is_set() -> None:
    assert nodes_at_once(nodegroup("core", "1.34", max_unavailable=None)) == 1
    assert nodes_at_once(None) == 1


def test_a_phase_lasts_as_long_as_its_busiest_place() -> None:
    steps = tuple(NodegroupStep(name=name, version=k8s("1.35")) for name in "abc")
    minutes = {step.id: (float(10 * number), float(20 * number)) for number, step in enumerate(steps, 1)}

    def lasts(parallelism: int) -> tuple[float, float]:
        phase = Phase(id="nodes@1.35", kind="nodes", title="Nodes", parallelism=parallelism, steps=steps)
        return phase_minutes(phase, minutes)

    assert lasts(1) == (60, 120)
    assert lasts(2) == (40, 80)
    assert lasts(3) == (30, 60)


def test_the_whole_plan_lasts_as_long_as_its_phases_together() -> None:
    made = plan(healthy_snapshot("1.34"))
    assert total_minutes(made)[0] == sum(low for low, _ in made.minutes.values())
    both = plan(healthy_snapshot("1.34"), parallel=2)
    assert total_minutes(both)[0] < total_minutes(made)[0]


def test_a_bake_lasts_what_it_lasts_and_is_no_work() -> None:
    bakes = UpgradePolicy(bake_before_nodes=timedelta(hours=24))
    made = plan_upgrade(healthy_snapshot("1.34"), k8s("1.35"), bakes)
    assert made.minutes["bake-before-nodes@1.35"] == (1440, 1440)
    assert total_minutes(made) == total_minutes(plan(healthy_snapshot("1.34")))


def test_what_a_person_does_counts_as_nothing() -> None:
    image = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.2"
    cluster = healthy_snapshot("1.34", workloads=(workload("Deployment", "kube-system", "ca", image),))
    assert plan(cluster).minutes["confirm/controller/cluster-autoscaler@1.35"] == (0, 0)
