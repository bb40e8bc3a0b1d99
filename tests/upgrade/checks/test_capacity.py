"""Room for the nodes that a rotation adds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.upgrade.checks.judged import BLOCKS, INFORMS, WARNS, Fine, Wrong, findings, judge, lonely, verdict
from tests.upgrade.snapshots import (
    healthy_snapshot,
    k8s,
    nodegroup,
    pod,
    subnet,
    with_facts,
    with_group,
    workload,
)
from upgrade.checks import run_checks
from upgrade.checks.capacity import CUSTOM_NETWORKING, PREFIXES, surge_of
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import need
from upgrade.findings import Verdict
from upgrade.objects import EniConfigRow
from upgrade.plan import Scope, UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.rows import PodShape
from upgrade.surroundings import Quota

ALONE = {"scope": Scope.CONTROL_PLANE}


def cluster(
    *free: int,
    pods: int = 2,
    switches: tuple[str, ...] = (),
    eni_configs: tuple[EniConfigRow, ...] = (),
    pod_subnets: tuple[int, ...] = (),
    **group: Any,
) -> ClusterSnapshot:
    """One node group over three subnets with so many free addresses; so many pods on its busiest node."""
    made = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.34", **group),))
    nodes = [subnet(f"subnet-{name}", f"z{name}", left) for name, left in zip("abc", free, strict=True)]
    for_pods = [subnet(f"pods-{name}", f"z{name}", left) for name, left in zip("abc", pod_subnets, strict=False)]
    cni = msgspec.structs.replace(workload("DaemonSet", "kube-system", "aws-node"), switches=switches)
    others = tuple(row for row in need(made.workloads) if row.name != "aws-node")
    return with_facts(
        made,
        vpc_subnets=(*nodes, *for_pods),
        pods=tuple(pod("shop", f"p{number}", node="core-0") for number in range(pods)),
        workloads=(*others, cni),
        eni_configs=eni_configs,
    )


def idle(pods: int) -> ClusterSnapshot:
    """So many pods on a node, of which two have addresses of their own."""
    made = cluster(40, 40, 40, pods=pods)
    host = PodShape(host_network=True)
    rows = need(made.pods)
    ended = (msgspec.structs.replace(row, phase="Succeeded") for row in rows[2:6])
    on_host = (msgspec.structs.replace(row, shape=host) for row in rows[6:])
    return with_facts(made, pods=(*rows[:2], *ended, *on_host))


def quotas(*rows: Quota, cpu_millis: int = 1930, **group: Any) -> ClusterSnapshot:
    made = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.34", **group),))
    nodes = tuple(msgspec.structs.replace(node, cpu_millis=cpu_millis) for node in need(made.nodes))
    return with_facts(made, quotas=rows, nodes=nodes)


def vcpus(used: float | None, limit: float = 100) -> Quota:
    return Quota(service="ec2", code="L-1216C47A", name="vCPUs", limit=limit, used=used)


def volumes(used: float) -> Quota:
    return Quota(service="ebs", code="L-7A658B76", name="gp3", limit=50, used=used)


CONFIGS = tuple(EniConfigRow(name=f"z{zone}", subnet=f"pods-{zone}") for zone in "abc")
HUGE: dict[str, Any] = {"instance_types": ("m7i.48xlarge",)}
ALL_SPOT: dict[str, Any] = {"capacity_type": "SPOT"}
AUTOSCALER = workload("Deployment", "kube-system", "cluster-autoscaler", "registry.k8s.io/cluster-autoscaler:v1.34.0")
SCALED = with_facts(lonely("1.34"), workloads=(*need(healthy_snapshot("1.34").workloads), AUTOSCALER))
CUSTOM_NET: dict[str, Any] = {"switches": (CUSTOM_NETWORKING,), "eni_configs": CONFIGS}
CORE = "nodegroup/core"

WRONG = [
    Wrong("CAP001", "fewer addresses than nodes", cluster(2, 2, 1), "1.35", BLOCKS, CORE, "5 addresses are free"),
    # m7i.large: an interface of ten addresses, and one more kept warm, on two nodes a zone.
    Wrong("CAP001", "a tight zone", cluster(40, 40, 39), "1.35", WARNS, CORE, "so 40 in each zone; zc has 39"),
    Wrong("CAP001", "busy nodes", cluster(40, 40, 40, pods=10), "1.35", WARNS, CORE, "30 addresses each"),
    Wrong("CAP001", "big interfaces", cluster(199, 200, 200, **HUGE), "1.35", WARNS, CORE, "za has 199"),
    Wrong(
        "CAP001", "prefixes", cluster(98, 98, 97, pods=17, switches=(PREFIXES,)), "1.35", WARNS, CORE, "zc has 97"
    ),
    Wrong(
        "CAP001", "much at once", cluster(59, 60, 60, max_unavailable=8), "1.35", WARNS, CORE, "8 nodes with about 20"
    ),
    Wrong(
        "CAP001", "no room for pods", cluster(2, 2, 2, pod_subnets=(38, 38, 37), **CUSTOM_NET), "1.35", WARNS, CORE,
        "zc has 37",
    ),
    Wrong("CAP002", "a pod subnet gone", cluster(99, 99, 99, eni_configs=CONFIGS[:1]), "1.35", WARNS,
          "ENIConfig/za", "does not have"),
    Wrong("CAP002", "no room", cluster(99, 99, 99, eni_configs=CONFIGS, pod_subnets=(5, 5, 5)), "1.35", WARNS,
          "ENIConfig", "16 are the least"),
    Wrong("CAP002", "just enough", cluster(99, 99, 99, eni_configs=CONFIGS, pod_subnets=(6, 5, 5)), "1.35", INFORMS,
          "ENIConfig", "16 free addresses together; 256"),
    Wrong("CAP001", "the largest of its types", cluster(40, 40, 40, instance_types=("m7i.large", "m7i.xlarge")),
          "1.35", WARNS, CORE, "30 addresses each"),
    Wrong("CAP002", "some room", cluster(99, 99, 99, eni_configs=CONFIGS, pod_subnets=(85, 85, 85)), "1.35", INFORMS,
          "ENIConfig", "comfortable"),
    Wrong("CAP003", "no vCPUs", quotas(vcpus(89)), "1.35", WARNS, "quota/L-1216C47A", "12 vCPUs (core)"),
    Wrong("CAP003", "full", quotas(volumes(45)), "1.35", WARNS, "quota/L-7A658B76", "nearly used up: 90%"),
    Wrong("CAP003", "filling", quotas(volumes(40)), "1.35", WARNS, "quota/L-7A658B76", "filling up: 80%"),
    Wrong("CAP003", "nobody knows", quotas(vcpus(None)), "1.35", WARNS, "quota/L-1216C47A", "Nobody can tell"),
    Wrong("CAP004", "one type", cluster(99, 99, 99, **HUGE), "1.35", INFORMS, CORE, "its only instance type"),
    Wrong("CAP004", "spot", cluster(99, 99, 99, **ALL_SPOT), "1.35", INFORMS, CORE, "SPOT capacity"),
    Wrong("CAP005", "an autoscaler", SCALED, "1.35", INFORMS, "controller/cluster-autoscaler", "left larger"),
]  # fmt: skip

FINE = [
    Fine("CAP001", "just enough", cluster(40, 40, 40), "1.35"),
    Fine("CAP001", "no surge", cluster(0, 0, 0, update_strategy="MINIMAL"), "1.35"),
    Fine("CAP001", "an empty group", cluster(0, 0, 0, desired_size=0, min_size=0), "1.35"),
    Fine("CAP001", "nodes that stay", cluster(0, 0, 0), "1.35", ALONE),
    Fine("CAP001", "enough prefixes", cluster(98, 98, 98, pods=17, switches=(PREFIXES,)), "1.35"),
    Fine("CAP001", "enough for pods", cluster(2, 2, 2, pod_subnets=(38, 38, 38), **CUSTOM_NET), "1.35"),
    Fine("CAP001", "IPv6", cluster(2, 2, 2).model_copy(update={"control_plane": healthy_snapshot(
        "1.34", control_plane={"ip_family": "ipv6"}).control_plane}), "1.35"),
    Fine("CAP001", "pods that take no address", idle(10), "1.35"),
    Fine("CAP001", "an empty group among others", cluster(40, 40, 40, desired_size=0, min_size=0), "1.35"),
    Fine("CAP004", "an empty group", cluster(40, 40, 40, desired_size=0, min_size=0, **HUGE), "1.35"),
    Fine("CAP002", "much room", cluster(99, 99, 99, eni_configs=CONFIGS, pod_subnets=(86, 85, 85)), "1.35"),
    Fine("CAP003", "vCPUs enough", quotas(vcpus(8, 20)), "1.35"),
    Fine("CAP003", "spot instances", quotas(vcpus(79), cpu_millis=63000, **ALL_SPOT), "1.35"),
    Fine("CAP003", "GPU instances", quotas(vcpus(79), cpu_millis=63000, instance_types=("p5.4xlarge",)), "1.35"),
    Fine("CAP003", "some used", quotas(volumes(39)), "1.35"),
    Fine("CAP004", "two types", cluster(99, 99, 99), "1.35"),
    Fine("CAP005", "nodes that stay", SCALED, "1.35", ALONE),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_one_thing_wrong_is_one_finding(case: Wrong) -> None:
    case.is_found()


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_near_miss_is_no_finding(case: Fine) -> None:
    case.is_fine()


@pytest.mark.parametrize(
    ("changes", "zones", "nodes"),
    [
        ({}, "abc", 6),
        ({"max_unavailable": 9}, "abc", 9),
        ({"max_unavailable": None, "max_unavailable_percentage": 50, "desired_size": 15}, "ab", 8),
        ({"max_unavailable": None}, "a", 2),
        ({"update_strategy": "MINIMAL"}, "abc", 0),
    ],
)
def test_the_surge_is_the_larger_of_twice_the_zones_and_max_unavailable(
    changes: dict[str, Any], zones: str, nodes: int
) -> None:
    group = nodegroup("core", "1.34", **changes)
    assert surge_of(group, [subnet(f"subnet-{zone}", zone) for zone in zones]) == nodes


def test_an_instance_type_that_the_table_lacks_is_judged_by_its_pod_limit() -> None:
    made = cluster(40, 40, 40, instance_types=("zz9.enormous",))
    nodes = tuple(msgspec.structs.replace(node, pod_limit=20) for node in need(made.nodes))
    (found,) = findings(with_facts(made, nodes=nodes), "CAP001", "1.35")
    assert "about 21 addresses" in found.summary


def test_groups_that_are_rotated_at_once_share_the_quota() -> None:
    groups = (nodegroup("core", "1.34"), nodegroup("workers", "1.34"))
    made = healthy_snapshot("1.34", nodegroups=groups)
    nodes = tuple(msgspec.structs.replace(node, cpu_millis=1930) for node in need(made.nodes))
    made = with_facts(made, quotas=(vcpus(230, 250),), nodes=nodes)
    plan = plan_upgrade(made, k8s("1.35"), UpgradePolicy(parallel_nodegroups=2))
    (found,) = [one for one in run_checks(made, plan).findings if one.code == "CAP003"]
    assert "24 vCPUs (workers, core)" in found.summary
    (one_by_one,) = findings(made, "CAP003", "1.35")
    assert "filling up" in one_by_one.summary or "nearly" in one_by_one.summary


def test_nothing_is_judged_where_there_is_nothing() -> None:
    healthy = healthy_snapshot("1.34")
    assert verdict(healthy, "CAP002", "1.35") is Verdict.NOT_APPLICABLE
    assert verdict(healthy, "CAP005", "1.35") is Verdict.NOT_APPLICABLE
    assert {one.code for one in judge(healthy, "1.35").findings} & {"CAP001", "CAP003", "CAP004"} == set()


def test_a_group_that_is_gone_from_its_subnets_is_left_to_its_own_check() -> None:
    lost = with_group(healthy_snapshot("1.34"), "core", subnet_ids=("subnet-x",))
    assert findings(lost, "CAP001", "1.35") == []
    assert findings(lost, "NDG003", "1.35") != []


def test_the_busiest_and_largest_node_of_a_group_counts() -> None:
    made = quotas(vcpus(60))
    small, *rest = need(made.nodes)
    nodes = (small, *(msgspec.structs.replace(node, cpu_millis=7910) for node in rest))
    (found,) = findings(with_facts(made, nodes=nodes), "CAP003", "1.35")
    assert "48 vCPUs (core); the quota vCPUs has 40 left" in found.summary
