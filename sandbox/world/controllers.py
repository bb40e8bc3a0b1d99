"""The controllers of one cluster: they hear each change of an object and bring the rest in line, level-triggered and
at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world import manifests
from sandbox.world.budgets import Budgets, Evictions
from sandbox.world.endpoints import Endpoints
from sandbox.world.kubelet import Kubelet
from sandbox.world.model import Cluster
from sandbox.world.node_lifecycle import NodeLifecycle
from sandbox.world.objects import (
    BUDGETS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Change,
    Json,
)
from sandbox.world.scheduler import Scheduler
from sandbox.world.tidings import Tidings
from sandbox.world.workloads import Workloads

if TYPE_CHECKING:
    from sandbox.world.world import World

Task = tuple[str, str, str]
WORKLOADS = {resource.key: resource for resource in (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)}
WORKLOADS_BY_KIND = {resource.kind: resource for resource in WORKLOADS.values()}
MOST_TASKS = 200_000


class PodIndex:
    """Pods by node and by controller, in order of creation, so that nobody scans them all."""

    def __init__(self) -> None:
        self._by_node: dict[str, dict[str, Json]] = {}
        self._by_owner: dict[str, dict[str, Json]] = {}
        self._homeless: dict[str, Json] = {}

    def homeless(self) -> list[Json]:
        """Pods that no node has been chosen for."""
        return [*self._homeless.values()]

    def on_node(self, name: str) -> list[Json]:
        return [*self._by_node.get(name, {}).values()]

    def count_on(self, name: str) -> int:
        return len(self._by_node.get(name, ()))

    def owned_by(self, uid: str) -> list[Json]:
        return [*self._by_owner.get(uid, {}).values()]

    def hear(self, change: Change) -> None:
        uid = change.object["metadata"]["uid"]
        node = change.object["spec"].get("nodeName")
        owner = manifests.controller_of(change.object)
        if change.type == "DELETED":
            self._homeless.pop(uid, None)
            self._by_node.get(node or "", {}).pop(uid, None)
            if owner:
                self._by_owner.get(owner["uid"], {}).pop(uid, None)
            return
        if node:
            self._homeless.pop(uid, None)
            self._by_node.setdefault(node, {})[uid] = change.object
        else:
            self._homeless[uid] = change.object
        if owner:
            self._by_owner.setdefault(owner["uid"], {})[uid] = change.object


class Controllers:
    """All controllers of a cluster and the queue of what they have to look at, each thing once."""

    def __init__(self, world: World, cluster: Cluster) -> None:
        self.world = world
        self.cluster = cluster
        self.store = cluster.kube
        self.pods = PodIndex()
        self.tidings = Tidings(self)
        self.kubelet = Kubelet(self)
        self.scheduler = Scheduler(self)
        self.workloads = Workloads(self)
        self.budgets = Budgets(self)
        self.evictions = Evictions(self)
        self.endpoints = Endpoints(self)
        self.nodes = NodeLifecycle(self)
        self._queue: dict[Task, None] = {}
        self.store.listeners.append(self._hear)

    def dirty(self) -> bool:
        return bool(self._queue)

    def look_at(self, kind: str, namespace: str = "", name: str = "") -> None:
        """Puts something on the queue."""
        self._queue[(kind, namespace, name)] = None

    def reconcile(self) -> None:
        """Works until the queue is empty."""
        for _ in range(MOST_TASKS):
            if not self._queue:
                return
            task = next(iter(self._queue))
            del self._queue[task]
            self._do(task)
        raise RuntimeError(f"the controllers of {self.cluster.name} do not come to rest; last task {task}")

    def _do(self, task: Task) -> None:
        kind, namespace, name = task
        if kind == "schedule":
            self.scheduler.place_pending()
        elif kind == "budgets":
            self.budgets.bring_up_to_date(namespace)
        elif kind == "endpoints":
            self.endpoints.bring_up_to_date(namespace)
        elif kind == "node":
            self.nodes.bring_up_to_date(name)
        else:
            self.workloads.reconcile(WORKLOADS_BY_KIND[kind], namespace, name)

    def _hear(self, change: Change) -> None:
        self.world.changed()
        key = change.resource.key
        if key == EVENTS.key:
            return
        metadata = change.object["metadata"]
        namespace = metadata.get("namespace", "")
        if key == PODS.key:
            self._hear_pod(change, namespace)
        elif key == NODES.key:
            self._hear_node(change, metadata["name"])
        elif key in WORKLOADS:
            self._hear_workload(change, namespace, metadata["name"])
        elif key == BUDGETS.key:
            self.look_at("budgets", namespace)
        elif key == SERVICES.key:
            self.look_at("endpoints", namespace)
        elif key == NAMESPACES.key and change.type == "DELETED":
            self.workloads.clear_namespace(metadata["name"])

    def _hear_pod(self, change: Change, namespace: str) -> None:
        self.pods.hear(change)
        owner = manifests.controller_of(change.object)
        if owner and owner["kind"] in WORKLOADS_BY_KIND:
            self.look_at(owner["kind"], namespace, owner["name"])
        self.look_at("budgets", namespace)
        self.look_at("endpoints", namespace)
        if change.type == "DELETED" or not change.object["spec"].get("nodeName"):
            self.look_at("schedule")
        self.kubelet.hear(change)

    def _hear_node(self, change: Change, name: str) -> None:
        self.look_at("schedule")
        if change.type != "DELETED":
            self.look_at("node", "", name)
        for daemon_set in self.store.list(DAEMON_SETS):
            self.look_at("DaemonSet", daemon_set["metadata"]["namespace"], daemon_set["metadata"]["name"])

    def _hear_workload(self, change: Change, namespace: str, name: str) -> None:
        if change.type == "DELETED":
            self.workloads.collect(change.object)
        else:
            self.look_at(change.resource.kind, namespace, name)
        owner = manifests.controller_of(change.object)
        if owner and owner["kind"] in WORKLOADS_BY_KIND:
            self.look_at(owner["kind"], namespace, owner["name"])
        self.look_at("budgets", namespace)
