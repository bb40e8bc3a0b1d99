"""Subnets: EKS puts new network interfaces of the control plane into them during an update."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from upgrade.checks.registry import Hop, Problem, check
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import Subnet
from upgrade.facts import Known, need
from upgrade.findings import Severity
from upgrade.surroundings import SecurityGroup

_NETWORK_PAGE = "Amazon EKS User Guide: View Amazon EKS networking requirements for VPC and subnets"
#: An update takes up to five addresses; AWS asks for six in each subnet and recommends sixteen (A-07).
_FOR_AN_UPDATE = 5
_REQUIRED = 6
_RECOMMENDED = 16


@check(
    "NET001",
    "Every subnet of the cluster exists",
    rules=("A-06",),
    source=_NETWORK_PAGE,
    permissions=("ec2:DescribeSubnets",),
    phases=("control-plane",),
)
def control_plane_subnets_exist(hop: Hop) -> Iterator[Problem]:
    found = {subnet.id for subnet in need(hop.now.subnets)}
    for name in hop.now.control_plane.subnet_ids:
        if name not in found:
            yield Problem(
                subject=name,
                summary=f"Subnet {name} belongs to the cluster and does not exist.",
                remedy="Give the cluster subnets that exist, in the same zones (UpdateClusterConfig).",
            )


@check(
    "NET002",
    "The cluster's subnets have free addresses for the update",
    rules=("A-07", "A-08"),
    source=_NETWORK_PAGE,
    permissions=("ec2:DescribeSubnets",),
    phases=("control-plane",),
)
def control_plane_subnets_have_free_addresses(hop: Hop) -> Iterator[Problem]:
    subnets = [one for one in need(hop.now.subnets) if one.id in hop.now.control_plane.subnet_ids]
    free = sum(one.free_addresses for one in subnets)
    zones = sorted({one.zone for one in subnets if one.free_addresses >= _FOR_AN_UPDATE})
    evidence = {one.id: f"{one.free_addresses} free in {one.zone}" for one in subnets}
    remedy = _proposal(hop.now, subnets)
    cluster = hop.now.cluster.name
    if free < _FOR_AN_UPDATE:
        summary = f"The cluster's subnets have {free} free addresses together; the update takes {_FOR_AN_UPDATE}."
        yield Problem(cluster, summary, remedy, evidence)
        return
    if len(zones) < 2:
        where = f"only zone {zones[0]} has" if zones else "no zone has"
        summary = f"{where.capitalize()} {_FOR_AN_UPDATE} free addresses in one of the cluster's subnets."
        yield Problem(cluster, summary, remedy, evidence, Severity.WARNS)
        return
    for one in subnets:
        if one.free_addresses < _RECOMMENDED:
            few = one.free_addresses < _REQUIRED
            asked = f"AWS asks for {_REQUIRED}" if few else f"AWS recommends {_RECOMMENDED}"
            yield Problem(
                subject=one.id,
                summary=f"Subnet {one.id} has {one.free_addresses} free addresses; {asked}.",
                remedy=remedy,
                severity=Severity.WARNS if few else Severity.INFORMS,
            )


def _proposal(snapshot: ClusterSnapshot, present: Sequence[Subnet]) -> str:
    """What to do about too few addresses (A-08): other subnets of the VPC in the zones that the cluster has."""
    candidates: dict[str, list[Subnet]] = defaultdict(list)
    in_vpc = snapshot.vpc_subnets.value if isinstance(snapshot.vpc_subnets, Known) else ()
    for one in in_vpc:
        same_vpc = one.vpc_id == snapshot.control_plane.vpc_id
        if same_vpc and one.id not in snapshot.control_plane.subnet_ids and one.free_addresses >= _REQUIRED:
            candidates[one.zone].append(one)
    zones = {one.zone for one in present}
    if zones and zones <= candidates.keys():
        best = [max(candidates[zone], key=lambda one: (one.free_addresses, one.id)).id for zone in sorted(zones)]
        return f"Free addresses, or give the cluster these subnets of the same zones: {', '.join(best)}."
    return (
        "Free addresses, or add subnets in the same zones to the cluster; if the VPC is full, give it another CIDR "
        "block first."
    )


@check(
    "NET003",
    "The cluster's security groups exist and let the control plane and the nodes talk",
    rules=("A-09",),
    source="Amazon EKS User Guide: View Amazon EKS security group requirements for clusters",
    permissions=("ec2:DescribeSecurityGroups",),
    phases=("control-plane",),
)
def security_groups_let_them_talk(hop: Hop) -> Iterator[Problem]:
    """EKS may put the control plane's interfaces into any of the cluster's subnets, so the groups must allow all.

    Network ACLs and routes are not looked at: they are for people.
    """
    plane = hop.now.control_plane
    groups = {group.id: group for group in need(hop.now.security_groups)}
    own_id = plane.cluster_security_group_id or ""
    wanted = (*filter(None, [own_id]), *plane.security_group_ids)
    for name in wanted:
        if name not in groups:
            yield Problem(
                subject=name,
                summary=f"Security group {name} belongs to the cluster and does not exist.",
                remedy="Give the cluster security groups that exist (UpdateClusterConfig).",
            )
    own = groups.get(own_id)
    if own is None:
        return
    if not any(rule.protocol == "-1" and rule.itself for rule in own.ingress):
        yield _narrow(own.id, "does not let all traffic in from itself", "Let all traffic in from the group itself.")
    missing = [text for text, protocol, port in _TO_ITSELF if not _lets_out(own, protocol, port)]
    if missing:
        remedy = "Let all traffic out, or at least these ports to the group itself."
        yield _narrow(own.id, f"does not let {', '.join(missing)} out", remedy)


#: What nodes and control plane need of each other at the least.
_TO_ITSELF = (("tcp 443", "tcp", 443), ("tcp 10250", "tcp", 10250), ("tcp 53", "tcp", 53), ("udp 53", "udp", 53))


def _lets_out(group: SecurityGroup, protocol: str, port: int) -> bool:
    return any(
        (rule.itself or rule.everywhere)
        and (
            rule.protocol == "-1"
            or (rule.protocol == protocol and (rule.from_port or 0) <= port <= (rule.to_port or 0))
        )
        for rule in group.egress
    )


def _narrow(name: str, what: str, remedy: str) -> Problem:
    return Problem(name, f"The cluster's security group {name} {what}.", remedy, severity=Severity.WARNS)
