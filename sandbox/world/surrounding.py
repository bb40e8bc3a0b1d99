"""Puts around a cluster what its scenario says: its stack and tags, backups, quotas, security group."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.scenario import ClusterSpec
from sandbox.surroundings_spec import OwnerSpec
from sandbox.world.model import Cluster, FargateProfile, Region
from sandbox.world.surroundings import Stack, Surroundings

if TYPE_CHECKING:
    from sandbox.world.world import World


def surround(world: World, place: Region, cluster: Cluster, spec: ClusterSpec) -> None:
    """Everything of `surroundings` in the scenario."""
    wanted = spec.surroundings
    age = wanted.recovery_point_hours_old
    cluster.surroundings = Surroundings(
        recovery_points=[] if age is None else [world.scenario.date - timedelta(hours=age)],
        resilience_apps=list(wanted.resilience_apps),
        stale_tokens=list(wanted.stale_tokens),
    )
    place.quotas["ec2", "L-1216C47A"] = float(wanted.vcpu_quota)
    place.security_groups[cluster.cluster_security_group_id].narrow = wanted.narrow_security_group
    cluster.ip_family, cluster.zonal_shift = wanted.ip_family, wanted.zonal_shift
    cluster.public_access, cluster.hybrid_networks = wanted.public_endpoint, list(wanted.hybrid_networks)
    cluster.auto_mode, cluster.status = wanted.auto_mode, wanted.status
    cluster.platform_version = wanted.platform_version or cluster.platform_version
    for name in wanted.fargate_profiles:
        cluster.fargate_profiles[name] = FargateProfile(
            name=name,
            arn=f"arn:aws:eks:{place.name}:{place.account}:fargateprofile/{cluster.name}/{name}/"
            f"{world.draws.uuid('fargate-profile', cluster.arn, name)}",
            pod_execution_role_arn=f"arn:aws:iam::{place.account}:role/{cluster.name}-fargate",
            subnet_ids=list(cluster.subnet_ids),
            selectors=[{"namespace": name}],
            created_at=cluster.created_at,
        )
    if wanted.owner is not None:
        _own(place, cluster, wanted.owner)


def _own(place: Region, cluster: Cluster, owner: OwnerSpec) -> None:
    """The tags that the tool leaves on the cluster and the stack that it made it with."""
    if owner.tool == "Terraform":
        cluster.tags["terraform"] = "true"
        return
    name = f"eksctl-{cluster.name}-cluster" if owner.tool == "eksctl" else f"{cluster.name}-stack"
    resource: dict[str, Any] = {
        "Type": "AWS::EKS::Cluster",
        "Properties": {"Name": cluster.name, "Version": {"Ref": "KubernetesVersion"}},
    }
    if owner.tool == "CDK":
        resource["Metadata"] = {"aws:cdk:path": f"{name}/Cluster/Resource"}
    template = {"Parameters": {"KubernetesVersion": {"Type": "String"}}, "Resources": {"ControlPlane": resource}}
    place.stacks[name] = Stack(name, json.dumps(template), {"KubernetesVersion": owner.version or cluster.version})
    cluster.tags |= {
        "aws:cloudformation:stack-name": name,
        "aws:cloudformation:stack-id": place.stacks[name].arn(place.account, place.name),
        "aws:cloudformation:logical-id": "ControlPlane",
    }
    if owner.tool == "eksctl":
        cluster.tags["alpha.eksctl.io/cluster-name"] = cluster.name
        cluster.tags["alpha.eksctl.io/eksctl-version"] = owner.release
