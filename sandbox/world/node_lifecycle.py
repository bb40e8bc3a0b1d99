"""Nodes: they register, become Ready, carry the taints that their state asks for, and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world import manifests
from sandbox.world.objects import CSI_NODES, LEASES, NODES, Json, micro_timestamp

if TYPE_CHECKING:
    from sandbox.world.controllers import Controllers

UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
LEASE_NAMESPACE = "kube-node-lease"


class NodeLifecycle:
    """Brings node objects in and out, and keeps their condition taints true."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers

    def register(self, node: Json) -> None:
        """A kubelet registers its node, not Ready yet."""
        store, name = self._controllers.store, node["metadata"]["name"]
        stored = store.create(NODES, node)
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": stored["metadata"]["uid"]}
        store.create(CSI_NODES, {"metadata": {"name": name, "ownerReferences": [owner]}, "spec": {"drivers": None}})
        lease = {
            "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
            "spec": {
                "holderIdentity": name,
                "leaseDurationSeconds": 40,
                "renewTime": micro_timestamp(self._controllers.world.now),
            },
        }
        store.create(LEASES, lease)
        message = f"Node {name} event: Registered Node {name} in Controller"
        self._controllers.tidings.tell(stored, "RegisteredNode", message, source="node-controller")

    def become_ready(self, name: str) -> None:
        """The kubelet reports Ready."""
        now = self._controllers.world.now
        ready = manifests.condition("Ready", True, now, "KubeletReady", "kubelet is posting ready status")
        node = self._controllers.store.edit(NODES, "", name, lambda wanted: manifests.set_condition(wanted, ready))
        self._controllers.tidings.tell(node, "NodeReady", f"Node {name} status is now: NodeReady", source="kubelet")

    def cordon(self, name: str, *, extra_labels: dict[str, str] | None = None) -> None:
        """Marks a node unschedulable."""

        def mark(node: Json) -> None:
            node["spec"]["unschedulable"] = True
            node["metadata"]["labels"].update(extra_labels or {})

        self._controllers.store.edit(NODES, "", name, mark)

    def remove(self, name: str) -> None:
        """The node and what is on it are gone."""
        store = self._controllers.store
        node = store.find(NODES, "", name)
        if node is None:
            return
        message = f"Node {name} event: Removing Node {name} from Controller"
        self._controllers.tidings.tell(node, "RemovingNode", message, source="node-controller")
        store.delete(NODES, "", name)
        for resource, namespace in ((CSI_NODES, ""), (LEASES, LEASE_NAMESPACE)):
            if store.find(resource, namespace, name):
                store.delete(resource, namespace, name)
        self._controllers.kubelet.node_gone(name)

    def register_driver(self, node_name: str, driver: str) -> None:
        """A CSI node plugin has registered its driver with the kubelet."""
        store = self._controllers.store
        csi_node = store.find(CSI_NODES, "", node_name)
        if csi_node is None:
            return
        drivers: list[Json] = csi_node["spec"].get("drivers") or []
        if any(known["name"] == driver for known in drivers):
            return
        entry = {
            "name": driver,
            "nodeID": node_name,
            "topologyKeys": [manifests.ZONE_LABEL],
            "allocatable": {"count": 25},
        }
        store.edit(CSI_NODES, "", node_name, lambda wanted: wanted["spec"].update(drivers=[*drivers, entry]))

    def bring_up_to_date(self, name: str) -> None:
        """Gives the node the taints of its state and takes away those that no longer hold."""
        store = self._controllers.store
        node = store.find(NODES, "", name)
        if node is None:
            return
        taints: list[Json] = node["spec"].get("taints") or []
        ours = (UNSCHEDULABLE["key"], NOT_READY["key"])
        wanted = [taint for taint in taints if taint["key"] not in ours]
        if node["spec"].get("unschedulable"):
            wanted.append(UNSCHEDULABLE)
        if not manifests.is_true(node, "Ready"):
            wanted.append(NOT_READY)
        if wanted == taints:
            return
        had = UNSCHEDULABLE in taints

        def change(target: Json) -> None:
            target["spec"].pop("taints", None)
            if wanted:
                target["spec"]["taints"] = [dict(taint) for taint in wanted]

        changed = store.edit(NODES, "", name, change)
        if had != (UNSCHEDULABLE in wanted):
            reason = "NodeSchedulable" if had else "NodeNotSchedulable"
            self._controllers.tidings.tell(changed, reason, f"Node {name} status is now: {reason}", source="kubelet")
