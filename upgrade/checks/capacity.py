"""Room for the nodes that a rotation adds: addresses, quotas, capacity, and who else moves the sizes."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import ceil
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.checks.rotations import Rotation, rotations
from upgrade.components import CLUSTER_AUTOSCALER, cluster_autoscaler
from upgrade.data_files import read_data
from upgrade.eks import Nodegroup, Subnet
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.nodes import NodeKind
from upgrade.surroundings import Quota
from upgrade.words import count

_UPDATE_BEHAVIOR: Final = "Amazon EKS User Guide: Understand each phase of node updates"
_GROUPS: Final = ("eks:ListNodegroups", "eks:DescribeNodegroup", "list nodes")
_ENI_CONFIGS: Final = "list eniconfigs.crd.k8s.amazonaws.com"
_BY_EKS: Final = frozenset({NodeKind.MANAGED, NodeKind.CUSTOM_AMI})
PREFIXES: Final = "ENABLE_PREFIX_DELEGATION"
CUSTOM_NETWORKING: Final = "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"
#: Addresses in the /28 block that an instance gets with prefix delegation.
_A_PREFIX: Final = 16
_ENDED: Final = ("Succeeded", "Failed")


@check(
    "CAP001",
    "Subnets have room for the nodes that a rotation adds",
    rules=("A-46", "D-02", "D-04", "D-24"),
    source=_UPDATE_BEHAVIOR,
    permissions=(*_GROUPS, "ec2:DescribeSubnets", "list pods", "list daemonsets.apps", _ENI_CONFIGS),
    waivable=True,
    severity=Severity.WARNS,
    stops=("nodes",),
)
def subnets_have_room_for_the_surge(hop: Hop) -> Iterator[Problem]:
    """EKS adds the nodes evenly over the group's zones, and each takes addresses for the pods that move to it."""
    rotated = rotations(hop, kinds=_BY_EKS)
    subnets = {one.id: one for one in need(hop.now.vpc_subnets)}
    switches = _cni_switches(hop)
    pods = _pods_by_node(hop)
    for one in rotated:
        group = one.nodes.group
        nodes_in = [subnets[name] for name in group.subnet_ids if name in subnets] if group else []
        surge = surge_of(group, nodes_in) if group else 0
        if not surge:
            continue
        for_pods = _addresses_for_pods(hop, one, pods, switches)
        if CUSTOM_NETWORKING in switches:
            yield from _shortage(one, surge, 1, nodes_in)
            named = {config.subnet for config in need(hop.now.eni_configs)}
            zones = {subnet.zone for subnet in nodes_in}
            pods_in = [subnet for subnet in subnets.values() if subnet.id in named and subnet.zone in zones]
            yield from _shortage(one, surge, for_pods, pods_in)
        else:
            yield from _shortage(one, surge, 1 + for_pods, nodes_in)


def surge_of(group: Nodegroup, subnets: Iterable[Subnet]) -> int:
    """How many nodes EKS adds to a group while it is rotated (D-02, D-04): none with the strategy MINIMAL.

    Source: Amazon EKS User Guide, "Understand each phase of node updates": the larger of twice the number of zones and
    maxUnavailable.
    """
    zones = len({one.zone for one in subnets})
    if group.update_strategy == "MINIMAL" or not group.desired_size or not zones:
        return 0
    percentage = group.max_unavailable_percentage
    by_share = ceil(group.desired_size * percentage / 100) if percentage else 1
    return max(2 * zones, group.max_unavailable or by_share)


def _shortage(one: Rotation, surge: int, a_node: int, subnets: Sequence[Subnet]) -> Iterator[Problem]:
    free: dict[str, int] = defaultdict(int)
    for subnet in subnets:
        free[subnet.zone] += max(subnet.free_addresses, 0)
    if not free:
        return
    evidence = {subnet.id: f"{subnet.free_addresses} free in {subnet.zone}" for subnet in subnets}
    remedy = "Free addresses, add subnets, lower maxUnavailable, or set the update strategy MINIMAL."
    total = sum(free.values())
    if total < surge:
        summary = f"The rotation of {one.name} adds {count(surge, 'node')}; {total} addresses are free in its subnets."
        yield Problem(one.subject, summary, remedy, evidence, Severity.BLOCKS)
        return
    wanted = ceil(surge / len(free)) * a_node
    short = sorted(zone for zone, left in free.items() if left < wanted)
    if short:
        summary = (
            f"The rotation of {one.name} adds {count(surge, 'node')} with about {a_node} addresses each, so {wanted} "
            f"in each zone; {', '.join(f'{zone} has {free[zone]}' for zone in short)}."
        )
        yield Problem(one.subject, summary, remedy, evidence)


def _cni_switches(hop: Hop) -> frozenset[str]:
    for row in need(hop.now.workloads):
        if (row.kind, row.namespace, row.name) == ("DaemonSet", "kube-system", "aws-node"):
            return frozenset(row.switches)
    return frozenset()


def _pods_by_node(hop: Hop) -> Counter[str]:
    """How many pods with an address of their own run on each node."""
    rows = need(hop.now.pods)
    return Counter(pod.node for pod in rows if not pod.shape.host_network and pod.phase not in _ENDED)


def _addresses_for_pods(hop: Hop, one: Rotation, pods: Counter[str], switches: frozenset[str]) -> int:
    """How many addresses the VPC CNI takes for a node as busy as the group's busiest, with what it keeps warm."""
    if hop.now.control_plane.ip_family == "ipv6":
        return 0  # pods get IPv6 addresses, of which there is no lack
    busiest = max((pods[node.name] for node in one.nodes.nodes), default=0)
    if PREFIXES in switches:
        return _A_PREFIX * (ceil(busiest / _A_PREFIX) + 1)
    group = one.nodes.group
    types = {node.instance_type for node in one.nodes.nodes} | set(group.instance_types if group else ())
    known = [found for found in map(_interfaces, types) if found]
    if known:
        return max(_with_a_warm_interface(busiest, *found) for found in known) - 1
    return max([busiest, *(node.pod_limit for node in one.nodes.nodes)])


@cache
def _limits() -> dict[str, dict[str, list[int]]]:
    data = read_data("interfaces.yaml")
    return {"types": data["types"], "sizes": data["sizes"]}


def _interfaces(instance_type: str) -> tuple[int, int] | None:
    """(interfaces, addresses each) of an instance type; None when the table does not have it."""
    limits = _limits()
    found = limits["types"].get(instance_type) or limits["sizes"].get(instance_type.partition(".")[2])
    return (found[0], found[1]) if found else None


def _with_a_warm_interface(pods: int, interfaces: int, addresses: int) -> int:
    """The CNI attaches interfaces whole, their first address is the interface's own, and it keeps one more ready."""
    used = max(1, ceil(pods / (addresses - 1)))
    return min(used + 1, interfaces) * addresses


@check(
    "CAP002",
    "Subnets that pods get their addresses from have room",
    rules=("A-47",),
    source="Amazon EKS User Guide: Deploy pods in alternate subnets with custom networking",
    permissions=(_ENI_CONFIGS, "ec2:DescribeSubnets"),
    severity=Severity.WARNS,
    stops=("nodes",),
    phases=("nodes",),
)
def pod_subnets_have_room(hop: Hop) -> Iterator[Problem]:
    configs = need(hop.now.eni_configs)
    if not configs:
        raise NotApplicable
    subnets = {one.id: one for one in need(hop.now.vpc_subnets)}
    for config in configs:
        if config.subnet not in subnets:
            yield Problem(
                subject=f"ENIConfig/{config.name}",
                summary=f"ENIConfig {config.name} names subnet {config.subnet}, which the VPC does not have.",
                remedy="Point it to a subnet of its zone, or delete it.",
            )
    named = [subnets[name] for name in sorted({one.subnet for one in configs}) if name in subnets]
    free = sum(max(one.free_addresses, 0) for one in named)
    required, recommended = _FOR_PODS
    if named and free < recommended:
        yield Problem(
            subject="ENIConfig",
            summary=f"The subnets of pods have {free} free addresses together; "
            + (f"{required} are the least." if free < required else f"{recommended} are a comfortable number."),
            remedy="Add subnets, and an ENIConfig for each of them.",
            evidence={one.id: f"{one.free_addresses} free in {one.zone}" for one in named},
            severity=Severity.WARNS if free < required else Severity.INFORMS,
        )


#: Free addresses for pods: (required, recommended), as eksup asks (A-47).
_FOR_PODS: Final = (16, 256)


# -- quotas -----------------------------------------------------------------------------------------------------------

_MANY: Final = 0.8
_TOO_MANY: Final = 0.9
#: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", in vCPUs.
_STANDARD_VCPUS: Final = "L-1216C47A"
_STANDARD_FAMILY: Final = re.compile(r"[acdhimrtz]\d")


@check(
    "CAP003",
    "EC2 and EBS quotas leave room for the nodes that a rotation adds",
    rules=("A-48", "D-23"),
    source=_UPDATE_BEHAVIOR,
    permissions=(
        *_GROUPS,
        "servicequotas:GetServiceQuota",
        "servicequotas:GetAWSDefaultServiceQuota",
        "ec2:DescribeInstances",
        "ec2:DescribeVolumes",
        "ec2:DescribeSubnets",
    ),
    severity=Severity.WARNS,
    stops=("nodes",),
)
def quotas_leave_room(hop: Hop) -> Iterator[Problem]:
    more = _Surge.of(hop, rotations(hop))
    for quota in need(hop.now.quotas):
        subject = f"quota/{quota.code}"
        remedy = f"Ask for more: Service Quotas, {quota.service}, {quota.name} ({quota.code})."
        if quota.used is None:
            summary = f"Nobody can tell how much of the quota {quota.name} ({quota.limit:g}) is used."
            yield Problem(subject, summary, remedy, unknown=True)
            continue
        left = quota.limit - quota.used
        evidence = {"used": f"{quota.used:g} of {quota.limit:g}"}
        if quota.code == _STANDARD_VCPUS and left < more.vcpus:
            summary = (
                f"The rotation adds nodes with {more.vcpus} vCPUs ({more.names}); the quota {quota.name} has "
                f"{left:g} left."
            )
            yield Problem(subject, summary, remedy, evidence)
        elif _share(quota) >= _MANY:
            how = "nearly used up" if _share(quota) >= _TOO_MANY else "filling up"
            summary = f"The quota {quota.name} is {how}: {_share(quota):.0%}."
            yield Problem(subject, summary, remedy, evidence)


def _share(quota: Quota) -> float:
    return (quota.used or 0) / quota.limit if quota.limit else 1.0


@dataclass(frozen=True)
class _Surge:
    """The on-demand vCPUs of standard families that rotations add at their worst moment, and which groups add them."""

    vcpus: int
    names: str

    @classmethod
    def of(cls, hop: Hop, rotated: Iterable[Rotation]) -> _Surge:
        phases = hop.plan.phases if hop.plan else ()
        at_once = max((phase.parallelism for phase in phases if phase.kind == "nodes"), default=1)
        subnets = {one.id: one for one in need(hop.now.vpc_subnets)}
        wanted: list[tuple[int, str]] = []
        for one in rotated:
            group = one.nodes.group
            if group is None or group.capacity_type != "ON_DEMAND" or not _is_standard(group):
                continue
            surge = surge_of(group, [subnets[name] for name in group.subnet_ids if name in subnets])
            millis = max((node.cpu_millis for node in one.nodes.nodes), default=0)
            wanted.append((surge * ceil(millis / 1000), group.name))
        most = sorted(wanted, reverse=True)[:at_once]
        return cls(sum(vcpus for vcpus, _ in most), ", ".join(name for _, name in most))


def _is_standard(group: Nodegroup) -> bool:
    return any(_STANDARD_FAMILY.match(one) for one in group.instance_types)


# -- capacity and other actors ----------------------------------------------------------------------------------------


@check(
    "CAP004",
    "Node groups that are rotated can choose among instance types",
    rules=("A-49",),
    source=_UPDATE_BEHAVIOR,
    permissions=_GROUPS,
    severity=Severity.INFORMS,
)
def groups_can_choose_instance_types(hop: Hop) -> Iterator[Problem]:
    for one in rotations(hop, kinds=_BY_EKS):
        group = one.nodes.group
        if group is None or not group.desired_size:
            continue
        if group.capacity_type != "ON_DEMAND":
            why = f"buys {group.capacity_type} capacity"
        elif len(group.instance_types) == 1:
            why = f"has {group.instance_types[0]} as its only instance type"
        else:
            continue
        yield Problem(
            subject=one.subject,
            summary=f"Node group {group.name} {why}: a zone that has none of it stops the rotation.",
            remedy="Give it several instance types, or make sure of the capacity beforehand.",
        )


@check(
    "CAP005",
    "Nothing else changes the sizes of node groups while they are rotated",
    rules=("A-50", "D-05", "C-25"),
    source=_UPDATE_BEHAVIOR,
    permissions=(*_GROUPS, "list deployments.apps"),
    severity=Severity.INFORMS,
)
def nothing_else_scales(hop: Hop) -> Iterator[Problem]:
    groups = rotations(hop, kinds=_BY_EKS | {NodeKind.SELF_MANAGED})
    if cluster_autoscaler(hop.now) is None:
        raise NotApplicable
    by_hand = sorted(one.name for one in groups if one.nodes.kind is NodeKind.SELF_MANAGED)
    yield Problem(
        subject=CLUSTER_AUTOSCALER,
        summary="Cluster Autoscaler runs while nodes are rotated, so groups may be left larger than before.",
        remedy="Compare desired sizes afterwards; lower them with care, because a change of scalingConfig ignores "
        "PodDisruptionBudgets."
        + (f" Scale Cluster Autoscaler to 0 while you replace {', '.join(by_hand)}." if by_hand else ""),
    )
