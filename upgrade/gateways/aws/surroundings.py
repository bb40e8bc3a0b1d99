"""What stands around a cluster, from AWS's answers. Pure; ``Json`` is what botocore has parsed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from upgrade.gateways.aws.decode import Json
from upgrade.gateways.aws.user_data import read_user_data
from upgrade.surroundings import AutoScalingGroup, Instance, LaunchTemplateVersion, SecurityGroup, TrafficRule

_EVERYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})
#: Families that the quota L-1216C47A counts: A, C, D, H, I, M, R, T and Z; not hpc, inf, mac, trn or dl.
_STANDARD: Final = re.compile(r"^(a|c|d|h|i|im|is|m|r|t|z)\d")


def security_group(item: Json) -> SecurityGroup:
    name = item["GroupId"]
    return SecurityGroup(
        id=name,
        ingress=tuple(_traffic(item.get("IpPermissions") or (), name)),
        egress=tuple(_traffic(item.get("IpPermissionsEgress") or (), name)),
    )


def _traffic(permissions: Iterable[Json], own: str) -> Iterator[TrafficRule]:
    for permission in permissions:
        peers = {pair.get("GroupId") for pair in permission.get("UserIdGroupPairs") or ()}
        ranges = {one.get("CidrIp") for one in permission.get("IpRanges") or ()}
        ranges |= {one.get("CidrIpv6") for one in permission.get("Ipv6Ranges") or ()}
        protocol = str(permission.get("IpProtocol") or "-1")
        yield TrafficRule(
            protocol=protocol,
            from_port=None if protocol == "-1" else permission.get("FromPort"),
            to_port=None if protocol == "-1" else permission.get("ToPort"),
            itself=own in peers,
            everywhere=bool(_EVERYWHERE & ranges),
        )


def instance(item: Json) -> Instance:
    metadata = item.get("MetadataOptions") or {}
    return Instance(
        id=item["InstanceId"],
        type=item["InstanceType"],
        image_id=item.get("ImageId") or "",
        zone=(item.get("Placement") or {}).get("AvailabilityZone") or "",
        hop_limit=metadata.get("HttpPutResponseHopLimit"),
        tokens_required=metadata.get("HttpTokens") == "required",
    )


def standard_vcpus(item: Json) -> int:
    """The vCPUs of an instance that the quota of running on-demand standard instances counts."""
    if item.get("InstanceLifecycle") is not None or not _STANDARD.match(item.get("InstanceType") or ""):
        return 0
    cpus = item.get("CpuOptions") or {}
    return int(cpus.get("CoreCount", 0) * cpus.get("ThreadsPerCore", 0))


def runs_nodes_of(item: Json, cluster: str) -> bool:
    """Is an instance a node of the cluster, by the tag that every node has, whoever launched it (A-99)?"""
    return f"kubernetes.io/cluster/{cluster}" in _tags(item)


def belongs(item: Json, cluster: str) -> bool:
    """Is an Auto Scaling group the cluster's own, by its tags (A-51)?"""
    tags = _tags(item)
    return tags.get(f"kubernetes.io/cluster/{cluster}") == "owned" or tags.get("eks:cluster-name") == cluster


def autoscaling_group(item: Json) -> AutoScalingGroup:
    mixed = ((item.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}).get("LaunchTemplateSpecification")
    template = item.get("LaunchTemplate") or mixed or {}
    used = {str((one.get("LaunchTemplate") or {}).get("Version") or "") for one in item.get("Instances") or ()}
    return AutoScalingGroup(
        name=item["AutoScalingGroupName"],
        nodegroup=_tags(item).get("eks:nodegroup-name"),
        template_id=template.get("LaunchTemplateId"),
        template_version=template.get("Version") or ("$Default" if template else None),
        template_versions=tuple(sorted(used - {""})),
        desired=item.get("DesiredCapacity") or 0,
        minimum=item.get("MinSize") or 0,
        maximum=item.get("MaxSize") or 0,
    )


def launch_template_version(item: Json, latest: int) -> LaunchTemplateVersion:
    data = item.get("LaunchTemplateData") or {}
    metadata = data.get("MetadataOptions") or {}
    tokens: Any = metadata.get("HttpTokens")
    return LaunchTemplateVersion(
        id=item["LaunchTemplateId"],
        name=item.get("LaunchTemplateName") or "",
        version=item["VersionNumber"],
        latest=latest,
        image_id=data.get("ImageId"),
        instance_type=data.get("InstanceType"),
        hop_limit=metadata.get("HttpPutResponseHopLimit"),
        tokens_required=tokens == "required" if tokens else None,
        user_data=read_user_data(data.get("UserData")),
    )


def _tags(item: Json) -> dict[str, str]:
    return {tag["Key"]: tag.get("Value") or "" for tag in item.get("Tags") or ()}
