"""EC2 instances of node groups: launched into a subnet with room, joined as nodes, terminated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.world import manifests
from sandbox.world.catalogue import AmiRelease, minor
from sandbox.world.model import Cluster, Instance, Nodegroup, Subnet
from sandbox.world.objects import Json

if TYPE_CHECKING:
    from sandbox.world.world import World

EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}
Then = Callable[[Instance], None]


@dataclass(frozen=True, slots=True)
class Joining:
    """How an instance comes: never (a fault), at once (the world's beginning), or in two to three minutes."""

    joins: bool = True
    at_once: bool = False


def subnets_of(world: World, cluster: Cluster, group: Nodegroup) -> list[Subnet]:
    """The group's subnets that exist."""
    place = world.regions[(cluster.account, cluster.region)]
    return [place.subnets[subnet_id] for subnet_id in group.subnet_ids if subnet_id in place.subnets]


def launch(
    world: World,
    cluster: Cluster,
    group: Nodegroup,
    release: AmiRelease,
    *,
    joining: Joining = Joining(),
    ready: Then | None = None,
) -> Instance | None:
    """Launches an instance in the zone with the fewest of the group; None when no subnet has room.

    `ready` hears when its node is.
    """
    group_here = Counter(instance.subnet_id for instance in group.auto_scaling_group.instances.values())
    roomy = [s for s in subnets_of(world, cluster, group) if s.free >= group.addresses_per_node]
    if not roomy:
        return None
    subnet = min(roomy, key=lambda found: (group_here[found.id], found.zone))
    subnet.free -= group.addresses_per_node
    cluster.launches += 1
    number = cluster.launches
    words = (cluster.key, number)
    address = _address(subnet, number)
    instance = Instance(
        id=f"i-{world.draws.hex(17, 'instance', *words)}",
        zone=subnet.zone,
        subnet_id=subnet.id,
        instance_type=group.instance_types[0],
        private_ip=address,
        node_name=f"ip-{address.replace('.', '-')}.{cluster.region}.compute.internal",
        image_id=release.image_id,
        kubelet_version=release.kubelet_version,
        release_version=release.release_version,
        launch_template_version=group.auto_scaling_group.launch_template_version,
        launched_at=world.now,
        addresses=group.addresses_per_node,
    )
    group.auto_scaling_group.instances[instance.id] = instance
    world.changed()
    if joining.at_once:
        _register(world, cluster, group, instance)
        _join(world, cluster, instance, ready)
    elif joining.joins:
        takes = world.draws.seconds(120, 180, "join", *words)
        world.plan(takes * 0.6, lambda: _register(world, cluster, group, instance))
        world.plan(takes, lambda: _join(world, cluster, instance, ready))
    return instance


def terminate(world: World, cluster: Cluster, group: Nodegroup, instance: Instance, gone: Then | None = None) -> None:
    """Terminates an instance in half a minute to a minute; its node and addresses go with it.

    `gone` hears when it is over.
    """
    instance.state = "shutting-down"
    world.changed()

    def over() -> None:
        remove(world, cluster, group, instance)
        if gone is not None:
            gone(instance)

    world.plan(world.draws.seconds(30, 60, "terminate", cluster.key, instance.id), over)


def remove(world: World, cluster: Cluster, group: Nodegroup, instance: Instance) -> None:
    """The instance is gone, and what it held is free."""
    if group.auto_scaling_group.instances.pop(instance.id, None) is None:
        return
    place = world.regions[(cluster.account, cluster.region)]
    if instance.subnet_id in place.subnets:
        place.subnets[instance.subnet_id].free += instance.addresses
    world.controllers(cluster).nodes.remove(instance.node_name)
    world.changed()


def _address(subnet: Subnet, number: int) -> str:
    first, second, third, _ = subnet.cidr.split("/")[0].split(".")
    return f"{first}.{second}.{int(third) + number // 250}.{4 + (number * 37) % 250}"


def _register(world: World, cluster: Cluster, group: Nodegroup, instance: Instance) -> None:
    if instance.state != "pending":
        return
    node = manifests.node(
        instance,
        os_image=_os_image(group.ami_type),
        runtime=_runtime(group.ami_type, instance.kubelet_version),
        labels={**node_labels(cluster, group, instance), **group.labels},
        taints=[_taint(taint) for taint in group.taints],
        pods=group.pods_per_node,
        at=world.now,
        uuid=world.draws.uuid("node", cluster.key, instance.id),
        region=cluster.region,
    )
    world.controllers(cluster).nodes.register(node)


def _join(world: World, cluster: Cluster, instance: Instance, ready: Then | None) -> None:
    if instance.state != "pending":
        return
    instance.state = "running"
    instance.ready_at = world.now
    world.controllers(cluster).nodes.become_ready(instance.node_name)
    if ready is not None:
        ready(instance)


def node_labels(cluster: Cluster, group: Nodegroup, instance: Instance) -> dict[str, str]:
    """The labels by which a node shows who made it."""
    if group.kind == "self-managed":
        return {"alpha.eksctl.io/nodegroup-name": group.name, "alpha.eksctl.io/cluster-name": cluster.name}
    if group.kind == "karpenter":
        return {"karpenter.sh/nodepool": group.name, "karpenter.sh/capacity-type": "on-demand"}
    if group.kind == "fargate":
        return {"eks.amazonaws.com/compute-type": "fargate"}
    labels = {
        manifests.NODEGROUP_LABEL: group.name,
        manifests.NODEGROUP_IMAGE_LABEL: instance.image_id,
        "eks.amazonaws.com/capacityType": group.capacity_type,
    }
    if group.launch_template_custom:
        labels["eks.amazonaws.com/sourceLaunchTemplateId"] = group.launch_template.id
        labels["eks.amazonaws.com/sourceLaunchTemplateVersion"] = str(instance.launch_template_version)
    return labels


def _taint(taint: dict[str, str]) -> Json:
    made = {"key": taint["key"], "effect": EFFECTS[taint["effect"]]}
    if taint.get("value"):
        made["value"] = taint["value"]
    return made


def _os_image(ami_type: str) -> str:
    if ami_type.startswith("BOTTLEROCKET"):
        return "Bottlerocket OS 1.50.0 (aws-k8s)"
    return "Amazon Linux 2" if ami_type.startswith("AL2_") else "Amazon Linux 2023.9.20251014"


def _runtime(ami_type: str, kubelet_version: str) -> str:
    if ami_type.startswith("AL2_") and minor(kubelet_version) < 24:
        return "docker://20.10.17"
    return "containerd://2.1.5" if minor(kubelet_version) >= 34 else "containerd://1.7.28"
