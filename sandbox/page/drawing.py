"""The cluster as the page draws it: the world's picture, and what stands around it."""

from __future__ import annotations

from typing import Any

from sandbox.world.model import Cluster, Update
from sandbox.world.world import World

Json = dict[str, Any]
MOST_UPDATES = 40
_TARGETS = ("Version", "AddonVersion", "ReleaseVersion")


def drawing(world: World, cluster: Cluster) -> Json:
    """The picture with the cluster's place, its subnets and its updates, newest first."""
    with world.current():
        region = world.regions[cluster.account, cluster.region]
        updates = sorted(cluster.updates.values(), key=lambda update: update.created_at, reverse=True)
        picture = world.picture(cluster)
        groups = [{**group, "starting": _starting(cluster, group, picture)} for group in picture["nodegroups"]]
        return {
            **picture,
            "nodegroups": groups,
            "account": cluster.account,
            "region": cluster.region,
            "other_groups": {
                group.name: {"kind": group.kind, "desired": group.desired_size}
                for group in cluster.other_nodegroups.values()
            },
            "subnets": [
                {"id": subnet.id, "zone": subnet.zone, "cidr": subnet.cidr, "free": subnet.free}
                for subnet_id in cluster.subnet_ids
                if (subnet := region.subnets.get(subnet_id)) is not None
            ],
            "updates": [_update(update) for update in updates[:MOST_UPDATES]],
        }


def _starting(cluster: Cluster, group: Json, picture: Json) -> list[str]:
    """Instances that have not yet registered as a node."""
    nodes = {node["name"] for node in picture["nodes"]}
    instances = cluster.nodegroups[group["name"]].auto_scaling_group.instances
    return [instance.id for instance in instances.values() if instance.node_name not in nodes]


def _update(update: Update) -> Json:
    return {
        "id": update.id,
        "type": update.type,
        "subject": update.subject,
        "to": next((update.params[name] for name in _TARGETS if name in update.params), ""),
        "status": update.status,
        "created_at": update.created_at.isoformat(),
        "ended_at": update.ended_at.isoformat() if update.ended_at else None,
        "errors": [error.error_code for error in update.errors],
    }


def summaries(world: World) -> list[Json]:
    """A line a cluster, in the scenario's order, for the selector."""
    with world.current():
        return [
            {
                "key": cluster.key,
                "name": cluster.name,
                "environment": cluster.environment,
                "version": cluster.version,
                "busy": bool(cluster.updates_in_progress()),
            }
            for cluster in world.clusters()
        ]
