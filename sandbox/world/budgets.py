"""PodDisruptionBudgets, their status always true, and evictions that respect them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sandbox.scenario import BudgetBlocks, Fault
from sandbox.world import manifests
from sandbox.world.errors import EvictionBlocked, SeveralBudgets
from sandbox.world.objects import BUDGETS, DAEMON_SETS, DEPLOYMENTS, PODS, REPLICA_SETS, STATEFUL_SETS, Json

if TYPE_CHECKING:
    from sandbox.world.controllers import Controllers


class Budgets:
    """Computes PDB status as the disruption controller does."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers
        self._former_limits: dict[tuple[str, str], Json] = {}

    def bring_up_to_date(self, namespace: str) -> None:
        """Recomputes the status of every budget of a namespace."""
        store = self._controllers.store
        budgets = store.list(BUDGETS, namespace)
        if not budgets:
            return
        pods = [pod for pod in store.list(PODS, namespace) if not manifests.is_finished(pod)]
        for budget in budgets:
            store.replace(BUDGETS, {**budget, "status": self._status(budget, pods)}, status_only=True)

    def covering(self, pod: Json) -> list[Json]:
        """The budgets whose selector picks this pod."""
        labels = pod["metadata"].get("labels", {})
        budgets = self._controllers.store.list(BUDGETS, pod["metadata"]["namespace"])
        return [budget for budget in budgets if manifests.matches(budget["spec"].get("selector"), labels)]

    def block(self, fault: BudgetBlocks) -> None:
        """Lets a budget allow no disruption any more; its limits are kept for `restore`."""
        key = (fault.namespace, fault.name)
        budget = self._controllers.store.find(BUDGETS, *key)
        if budget is None or key in self._former_limits:
            return
        self._former_limits[key] = {
            name: value for name, value in budget["spec"].items() if name in ("minAvailable", "maxUnavailable")
        }
        self._set_limits(key, {"minAvailable": "100%"})

    def restore(self, fault: Fault) -> None:
        """Gives a budget that a fault turned blocking its former limits back."""
        if not isinstance(fault, BudgetBlocks) or fault.cluster != self._controllers.cluster.name:
            return
        key = (fault.namespace, fault.name)
        former = self._former_limits.pop(key, None)
        if former is not None and self._controllers.store.find(BUDGETS, *key):
            self._set_limits(key, former)

    def _set_limits(self, key: tuple[str, str], limits: Json) -> None:
        def change(budget: Json) -> None:
            budget["spec"] = {"selector": budget["spec"]["selector"], **limits}

        self._controllers.store.edit(BUDGETS, *key, change)

    def _status(self, budget: Json, pods: list[Json]) -> Json:
        spec, now = budget["spec"], self._controllers.world.now
        covered = [pod for pod in pods if manifests.matches(spec.get("selector"), pod["metadata"].get("labels", {}))]
        expected, desired = self._limits(spec, covered)
        healthy = sum(1 for pod in covered if manifests.is_healthy(pod))
        allowed = max(0, healthy - desired) if expected > 0 else 0
        status: Json = {
            "conditions": list(budget["status"].get("conditions") or []),
            "currentHealthy": healthy,
            "desiredHealthy": desired,
            "disruptionsAllowed": allowed,
            "expectedPods": expected,
            "observedGeneration": budget["metadata"]["generation"],
        }
        reason = "SufficientPods" if allowed else "InsufficientPods"
        told = manifests.condition("DisruptionAllowed", allowed > 0, now, reason)
        manifests.set_condition({"status": status}, {**told, "message": ""})
        return status

    def _limits(self, spec: Json, covered: list[Json]) -> tuple[int, int]:
        """(expectedPods, desiredHealthy)."""
        if "maxUnavailable" in spec:
            expected = self._scale(covered)
            return expected, max(0, expected - _resolve(spec["maxUnavailable"], expected))
        floor = spec.get("minAvailable", 0)
        expected = len(covered) if isinstance(floor, int) else self._scale(covered)
        return expected, _resolve(floor, expected)

    def _scale(self, pods: list[Json]) -> int:
        """How many pods the controllers of these pods mean to run; a bare pod counts for itself."""
        owners: dict[str, int] = {}
        bare = 0
        for pod in pods:
            owner = manifests.controller_of(pod)
            if owner is None:
                bare += 1
            elif owner["uid"] not in owners:
                owners[owner["uid"]] = self._intended(owner, pod["metadata"]["namespace"])
        return bare + sum(owners.values())

    def _intended(self, owner: Json, namespace: str) -> int:
        store = self._controllers.store
        if owner["kind"] == "StatefulSet":
            found = store.find(STATEFUL_SETS, namespace, owner["name"])
            return int(found["spec"]["replicas"]) if found else 0
        if owner["kind"] == "DaemonSet":
            found = store.find(DAEMON_SETS, namespace, owner["name"])
            return int(found["status"].get("desiredNumberScheduled", 0)) if found else 0
        if owner["kind"] != "ReplicaSet":
            return len(self._controllers.pods.owned_by(owner["uid"]))
        replica_set = store.find(REPLICA_SETS, namespace, owner["name"])
        if replica_set is None:
            return 0
        parent = manifests.controller_of(replica_set)
        deployment = store.find(DEPLOYMENTS, namespace, parent["name"]) if parent else None
        if deployment is None:
            return int(replica_set["spec"]["replicas"])
        # While a Deployment rolls, several of its ReplicaSets own pods; its scale counts once, at the newest of them.
        return int(deployment["spec"]["replicas"]) if self._is_newest(replica_set) else 0

    def _is_newest(self, replica_set: Json) -> bool:
        store, owner = self._controllers.store, manifests.controller_of(replica_set)
        siblings = [
            other
            for other in store.list(REPLICA_SETS, replica_set["metadata"]["namespace"])
            if manifests.controller_of(other) == owner and self._controllers.pods.owned_by(other["metadata"]["uid"])
        ]
        return bool(siblings) and siblings[-1]["metadata"]["uid"] == replica_set["metadata"]["uid"]


class Evictions:
    """The eviction subresource; the node groups drain through it too."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers

    def evict(self, namespace: str, name: str, *, grace_seconds: int | None = None, dry_run: bool = False) -> None:
        """Evicts a pod if its budget allows. Raises ObjectNotFound, EvictionBlocked, SeveralBudgets."""
        store = self._controllers.store
        pod = store.get(PODS, namespace, name)
        if manifests.is_active(pod) and pod["status"]["phase"] != "Pending":
            self._ask_budgets(pod)
        if dry_run:
            return
        if manifests.is_active(pod):
            now = self._controllers.world.now
            target = manifests.condition(
                "DisruptionTarget", True, now, "EvictionByEvictionAPI", "Eviction API: evicting"
            )
            pod = store.edit(PODS, namespace, name, lambda wanted: manifests.set_condition(wanted, target))
        self._controllers.kubelet.delete(pod, grace_seconds)
        self._controllers.budgets.bring_up_to_date(namespace)

    def _ask_budgets(self, pod: Json) -> None:
        budgets = self._controllers.budgets
        # Other changes of this same instant may not have reached the status yet.
        budgets.bring_up_to_date(pod["metadata"]["namespace"])
        covering = budgets.covering(pod)
        if len(covering) > 1:
            raise SeveralBudgets([budget["metadata"]["name"] for budget in covering])
        if not covering:
            return
        budget = covering[0]
        status = budget["status"]
        if not manifests.is_healthy(pod):
            always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
            if always or (status["desiredHealthy"] > 0 and status["currentHealthy"] >= status["desiredHealthy"]):
                return
        if status["disruptionsAllowed"] < 1:
            raise EvictionBlocked(budget["metadata"]["name"], status["desiredHealthy"], status["currentHealthy"])


def _resolve(limit: int | str, total: int) -> int:
    """An absolute number from a number or a percentage, rounded up as the disruption controller does."""
    if isinstance(limit, int):
        return limit
    return math.ceil(int(limit.rstrip("%")) * total / 100)
