"""The scheduler: room by pod count, node selectors, taints, cordons, anti-affinity by host; it spreads a workload's
pods.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sandbox.world import manifests
from sandbox.world.objects import NODES, PODS, Json

if TYPE_CHECKING:
    from sandbox.world.controllers import Controllers


class Scheduler:
    """Finds nodes for pods that have none."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers

    def place_pending(self) -> None:
        """Binds each pod that has no node to the best one, or says in its conditions why it cannot."""
        pending = [pod for pod in self._controllers.pods.homeless() if manifests.is_active(pod)]
        if not pending:
            return
        nodes = self._controllers.store.list(NODES)
        for pod in pending:
            self._place(pod, nodes)

    def _place(self, pod: Json, nodes: list[Json]) -> None:
        refusals: Counter[str] = Counter()
        fitting = []
        for node in nodes:
            refusal = self._refusal(pod, node)
            if refusal is None:
                fitting.append(node)
            else:
                refusals[refusal] += 1
        if fitting:
            self._bind(pod, min(fitting, key=lambda node: self._cost(pod, node)))
        else:
            self._give_up(pod, len(nodes), refusals)

    def _refusal(self, pod: Json, node: Json) -> str | None:
        """Why this node does not take this pod, in the scheduler's words."""
        spec, name, labels = node["spec"], node["metadata"]["name"], node["metadata"]["labels"]
        selector = pod["spec"].get("nodeSelector") or {}
        taints = untolerated(pod, spec.get("taints") or [], ("NoSchedule", "NoExecute"))
        refusal = None
        if spec.get("unschedulable"):
            refusal = "node(s) were unschedulable"
        elif any(labels.get(key) != value for key, value in selector.items()):
            refusal = "node(s) didn't match Pod's node affinity/selector"
        elif taints or not manifests.is_true(node, "Ready"):
            refusal = "node(s) had untolerated taint(s)"
        elif self._controllers.pods.count_on(name) >= int(node["status"]["allocatable"]["pods"]):
            refusal = "Too many pods"
        elif self._kept_apart(pod, name):
            refusal = "node(s) didn't match pod anti-affinity rules"
        return refusal

    def _kept_apart(self, pod: Json, node_name: str) -> bool:
        affinity = pod["spec"].get("affinity", {}).get("podAntiAffinity", {})
        terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or []
        apart = [term["labelSelector"] for term in terms if term.get("topologyKey") == manifests.HOST_LABEL]
        if not apart:
            return False
        neighbours = self._controllers.pods.on_node(node_name)
        return any(
            manifests.matches(selector, neighbour["metadata"].get("labels", {}))
            for neighbour in neighbours
            if neighbour["metadata"]["namespace"] == pod["metadata"]["namespace"]
            for selector in apart
        )

    def _cost(self, pod: Json, node: Json) -> tuple[int, int, str]:
        name = node["metadata"]["name"]
        owner = manifests.controller_of(pod)
        siblings = self._controllers.pods.owned_by(owner["uid"]) if owner else []
        here = sum(1 for sibling in siblings if sibling["spec"].get("nodeName") == name)
        return (here, self._controllers.pods.count_on(name), name)

    def _bind(self, pod: Json, node: Json) -> None:
        now = self._controllers.world.now
        name = node["metadata"]["name"]

        def bind(wanted: Json) -> None:
            wanted["spec"]["nodeName"] = name
            wanted["status"]["hostIP"] = node["status"]["addresses"][0]["address"]
            wanted["status"]["containerStatuses"] = [
                manifests.container_status(spec, started_at=None, ready=False) for spec in wanted["spec"]["containers"]
            ]
            manifests.set_condition(wanted, manifests.condition("PodScheduled", True, now))

        metadata = pod["metadata"]
        bound = self._controllers.store.edit(PODS, metadata["namespace"], metadata["name"], bind)
        message = f"Successfully assigned {metadata['namespace']}/{metadata['name']} to {name}"
        self._controllers.tidings.tell(bound, "Scheduled", message, source="default-scheduler")

    def _give_up(self, pod: Json, count: int, refusals: Counter[str]) -> None:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(refusals.items()))
        message = f"0/{count} nodes are available: {reasons}." if reasons else "no nodes available to schedule pods"
        known = manifests.condition_of(pod, "PodScheduled")
        if known and known.get("message") == message:
            return
        now = self._controllers.world.now
        unschedulable = manifests.condition("PodScheduled", False, now, "Unschedulable", message)
        metadata = pod["metadata"]
        self._controllers.store.edit(
            PODS, metadata["namespace"], metadata["name"], lambda wanted: manifests.set_condition(wanted, unschedulable)
        )
        self._controllers.tidings.tell(pod, "FailedScheduling", message, source="default-scheduler", warning=True)


def untolerated(pod: Json, taints: list[Json], effects: tuple[str, ...]) -> list[Json]:
    """Those of the taints, of these effects, that the pod does not tolerate."""
    tolerations = pod["spec"].get("tolerations") or []
    return [
        taint
        for taint in taints
        if taint["effect"] in effects and not any(_tolerates(toleration, taint) for toleration in tolerations)
    ]


def _tolerates(toleration: Json, taint: Json) -> bool:
    if toleration.get("effect") not in (None, "", taint["effect"]):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return toleration.get("key") in (None, "", taint["key"])
    return bool(toleration.get("key") == taint["key"]) and bool(toleration.get("value", "") == taint.get("value", ""))
