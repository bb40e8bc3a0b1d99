"""What the page, the autopilot and the benchmarks see of the world."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.world import manifests
from sandbox.world.model import Addon, Cluster, Duration, Nodegroup, Update
from sandbox.world.objects import BUDGETS, NODES, PODS, Json, timestamp

if TYPE_CHECKING:
    from sandbox.world.world import World

Picture = dict[str, Any]


def draw(world: World, cluster: Cluster) -> Picture:
    """A cluster as JSON-able data: control plane, add-ons, node groups, nodes, pods and PodDisruptionBudgets."""
    running = {update.subject: update for update in cluster.updates_in_progress()}
    return {
        "name": cluster.name,
        "key": cluster.key,
        "environment": cluster.environment,
        "at": world.now.isoformat(),
        "control_plane": {
            "version": cluster.version,
            "platform_version": cluster.platform_version,
            "status": cluster.status,
            "health": [issue.code for issue in cluster.health],
            "update": _update(world, running.get("control-plane")),
        },
        "addons": [_addon(world, addon, running) for addon in cluster.addons.values()],
        "nodegroups": [_nodegroup(world, group, running) for group in cluster.nodegroups.values()],
        "nodes": [_node(world, cluster, node) for node in cluster.kube.list(NODES)],
        "pods": [_pod(pod) for pod in cluster.kube.list(PODS)],
        "budgets": [_budget(budget) for budget in cluster.kube.list(BUDGETS)],
    }


def _update(world: World, update: Update | None) -> Picture | None:
    if update is None:
        return None
    progress = None
    if update.expected_end_at is not None:
        whole = (update.expected_end_at - update.created_at).total_seconds()
        progress = round(min(1.0, (world.now - update.created_at).total_seconds() / whole), 3)
    return {
        "id": update.id,
        "type": update.type,
        "params": dict(update.params),
        "created_at": update.created_at.isoformat(),
        "progress": progress,
    }


def _addon(world: World, addon: Addon, running: dict[str, Update]) -> Picture:
    return {
        "name": addon.name,
        "version": addon.version,
        "status": addon.status,
        "health": [issue.code for issue in addon.health],
        "update": _update(world, running.get(f"addon/{addon.name}")),
    }


def _nodegroup(world: World, group: Nodegroup, running: dict[str, Update]) -> Picture:
    return {
        "name": group.name,
        "version": group.version,
        "release_version": group.release_version,
        "status": group.status,
        "desired": group.desired_size,
        "instances": len(group.auto_scaling_group.instances),
        "starting": [i.id for i in group.auto_scaling_group.instances.values() if i.state == "pending"],
        "health": [issue.code for issue in group.health],
        "update": _update(world, running.get(f"nodegroup/{group.name}")),
    }


def _node(world: World, cluster: Cluster, node: Json) -> Picture:
    labels, name = node["metadata"]["labels"], node["metadata"]["name"]
    born = node["metadata"]["creationTimestamp"]
    return {
        "name": name,
        "kubelet": node["status"]["nodeInfo"]["kubeletVersion"],
        "ready": manifests.is_true(node, "Ready"),
        "unschedulable": bool(node["spec"].get("unschedulable")),
        "group": labels.get(manifests.NODEGROUP_LABEL) or labels.get("alpha.eksctl.io/nodegroup-name", ""),
        "zone": labels.get(manifests.ZONE_LABEL, ""),
        "created_at": born,
        "is_young": born > timestamp(world.now - timedelta(minutes=5)),
        "pods": world.controllers(cluster).pods.count_on(name),
    }


def _pod(pod: Json) -> Picture:
    owner = manifests.controller_of(pod)
    return {
        "namespace": pod["metadata"]["namespace"],
        "name": pod["metadata"]["name"],
        "node": pod["spec"].get("nodeName", ""),
        "phase": "Terminating" if manifests.is_terminating(pod) else pod["status"]["phase"],
        "ready": manifests.is_true(pod, "Ready"),
        "owner": f"{owner['kind']}/{owner['name']}" if owner else "",
    }


def _budget(budget: Json) -> Picture:
    status = budget["status"]
    return {
        "namespace": budget["metadata"]["namespace"],
        "name": budget["metadata"]["name"],
        "allowed": status.get("disruptionsAllowed", 0),
        "healthy": status.get("currentHealthy", 0),
        "desired": status.get("desiredHealthy", 0),
        "expected": status.get("expectedPods", 0),
    }


def durations(world: World) -> list[Duration]:
    """Every update and requested insights refresh that ended, oldest start first."""
    updates = [
        Duration(cluster.key, update.type, update.subject, update.created_at, update.ended_at)
        for cluster in world.clusters()
        for update in cluster.updates.values()
        if update.ended_at is not None
    ]
    return sorted([*world.refreshes, *updates], key=lambda duration: duration.started_at)


def longest_chain(found: list[Duration]) -> timedelta:
    """The greatest sum of durations of which each began after the one before had ended."""
    by_end = sorted(found, key=lambda duration: duration.ended_at)
    ends = [duration.ended_at for duration in by_end]
    best = [timedelta(0)]
    for index, duration in enumerate(by_end):
        before = bisect_right(ends, duration.started_at, 0, index)
        best.append(max(best[index], best[before] + duration.length))
    return best[-1]
