"""Deployments, ReplicaSets, StatefulSets, DaemonSets and Jobs: simple, but true in owners, counts, revisions and
rollouts.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sandbox.world import manifests
from sandbox.world.draws import Draws
from sandbox.world.objects import (
    BUDGETS,
    DAEMON_SETS,
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Json,
    Resource,
    timestamp,
)
from sandbox.world.scheduler import untolerated

if TYPE_CHECKING:
    from sandbox.world.controllers import Controllers

HASH_LABEL = "pod-template-hash"
REVISION_LABEL = "controller-revision-hash"
DAEMON_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
    for key, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
        ("not-ready", "NoSchedule"),
    )
]


def is_ready(pod: Json) -> bool:
    return manifests.is_true(pod, "Ready")


def rounded(limit: int | str, total: int, *, up: bool) -> int:
    """maxSurge (rounded up) or maxUnavailable (rounded down) as a number of pods."""
    if isinstance(limit, int):
        return limit
    share = int(limit.rstrip("%")) * total / 100
    return math.ceil(share) if up else math.floor(share)


class Workloads:
    """The workload controllers of one cluster."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers
        self._pods_made: dict[str, int] = {}

    @property
    def _draws(self) -> Draws:
        return self._controllers.world.draws

    def reconcile(self, resource: Resource, namespace: str, name: str) -> None:
        """Brings one workload's pods and status in line with its spec."""
        owner = self._controllers.store.find(resource, namespace, name)
        if owner is None:
            return
        if resource is DEPLOYMENTS:
            self._deployment(owner)
        elif resource is REPLICA_SETS:
            self._replica_set(owner)
        elif resource is STATEFUL_SETS:
            self._stateful_set(owner)
        elif resource is DAEMON_SETS:
            self._daemon_set(owner)
        else:
            self._job(owner)

    def collect(self, owner: Json) -> None:
        """Deletes what a deleted workload owned."""
        store, metadata = self._controllers.store, owner["metadata"]
        for replica_set in store.list(REPLICA_SETS, metadata["namespace"]):
            parent = manifests.controller_of(replica_set)
            if parent and parent["uid"] == metadata["uid"]:
                store.delete(REPLICA_SETS, metadata["namespace"], replica_set["metadata"]["name"])
        for pod in self._controllers.pods.owned_by(metadata["uid"]):
            self._controllers.kubelet.delete(pod)

    def clear_namespace(self, namespace: str) -> None:
        """Deletes what was in a deleted namespace."""
        store = self._controllers.store
        kinds = (BUDGETS, SERVICES, ENDPOINT_SLICES, DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, DAEMON_SETS, JOBS)
        for resource in kinds:
            for found in store.list(resource, namespace):
                if store.find(resource, namespace, found["metadata"]["name"]):
                    store.delete(resource, namespace, found["metadata"]["name"])
        for pod in store.list(PODS, namespace):
            if store.find(PODS, namespace, pod["metadata"]["name"]):
                self._controllers.kubelet.delete(pod, 0)

    # --- Deployments --------------------------------------------------------------------------------------------------

    def _deployment(self, deployment: Json) -> None:
        spec = deployment["spec"]
        revision = self._revision(spec["template"], 10)
        sets = self._replica_sets(deployment)
        newest = next((found for found in sets if found["metadata"]["labels"][HASH_LABEL] == revision), None)
        if newest is None:
            newest = self._new_replica_set(deployment, revision, len(sets) + 1)
            sets.append(newest)
        self._roll(deployment, newest, [found for found in sets if found is not newest])
        self._deployment_status(deployment, revision)

    def _roll(self, deployment: Json, newest: Json, former: list[Json]) -> None:
        """Rolling update: never more than replicas + maxSurge pods, never fewer available than replicas -
        maxUnavailable.
        """
        wanted = deployment["spec"].get("replicas", 1)
        limits = deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
        surge = rounded(limits.get("maxSurge", "25%"), wanted, up=True)
        unavailable = rounded(limits.get("maxUnavailable", "25%"), wanted, up=False)
        if surge == 0 and unavailable == 0:
            unavailable = 1
        total = sum(found["spec"]["replicas"] for found in (newest, *former))
        here = newest["spec"]["replicas"]
        room = max(0, wanted + surge - total)
        target = min(wanted, here + room) if here < wanted else wanted
        self._scale(newest, target)
        # Pods that a ReplicaSet is about to lose still look Ready: no more count than it means to keep.
        ready = {id(found): min(found["spec"]["replicas"], self._ready(found)) for found in (newest, *former)}
        may_go = sum(ready.values()) - (wanted - unavailable)
        for found in former:
            unready = found["spec"]["replicas"] - ready[id(found)]
            leave = min(found["spec"]["replicas"], max(0, may_go) + unready)
            may_go -= max(0, leave - unready)
            self._scale(found, found["spec"]["replicas"] - leave)

    def _ready(self, owner: Json) -> int:
        return sum(map(is_ready, self._active_pods(owner)))

    def _scale(self, replica_set: Json, replicas: int) -> None:
        if replica_set["spec"]["replicas"] == replicas:
            return
        metadata = replica_set["metadata"]
        self._controllers.store.edit(
            REPLICA_SETS,
            metadata["namespace"],
            metadata["name"],
            lambda wanted: wanted["spec"].update(replicas=replicas),
        )

    def _replica_sets(self, deployment: Json) -> list[Json]:
        uid, namespace = deployment["metadata"]["uid"], deployment["metadata"]["namespace"]
        sets = self._controllers.store.list(REPLICA_SETS, namespace)
        return [found for found in sets if (manifests.controller_of(found) or {}).get("uid") == uid]

    def _new_replica_set(self, deployment: Json, revision: str, number: int) -> Json:
        metadata, template = deployment["metadata"], deployment["spec"]["template"]
        labels = {**template["metadata"].get("labels", {}), HASH_LABEL: revision}
        selector = {**(deployment["spec"]["selector"].get("matchLabels") or {}), HASH_LABEL: revision}
        return self._controllers.store.create(
            REPLICA_SETS,
            {
                "metadata": {
                    "name": f"{metadata['name']}-{revision}",
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "annotations": {"deployment.kubernetes.io/revision": str(number)},
                    "ownerReferences": [manifests.owner_reference(deployment)],
                },
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": selector},
                    "template": {**template, "metadata": {**template["metadata"], "labels": labels}},
                },
                "status": {"replicas": 0},
            },
        )

    def _deployment_status(self, deployment: Json, revision: str) -> None:
        wanted = deployment["spec"].get("replicas", 1)
        sets = self._replica_sets(deployment)
        pods = [pod for found in sets for pod in self._active_pods(found)]
        ready = sum(map(is_ready, pods))
        updated = sum(1 for pod in pods if pod["metadata"]["labels"].get(HASH_LABEL) == revision)
        limits = deployment["spec"].get("strategy", {}).get("rollingUpdate") or {}
        floor = wanted - rounded(limits.get("maxUnavailable", "25%"), wanted, up=False)
        status = self._seen(deployment)
        status |= {
            "replicas": len(pods),
            "updatedReplicas": updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        if wanted > ready:
            status["unavailableReplicas"] = wanted - ready
        now = self._controllers.world.now
        enough = ready >= floor
        reason = "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable"
        done = updated == wanted == ready == len(pods)
        progress = "NewReplicaSetAvailable" if done else "ReplicaSetUpdated"
        holder = {"status": status}
        manifests.set_condition(holder, manifests.condition("Available", enough, now, reason))
        manifests.set_condition(holder, manifests.condition("Progressing", True, now, progress))
        self._write_status(DEPLOYMENTS, deployment, status)

    # --- ReplicaSets --------------------------------------------------------------------------------------------------

    def _replica_set(self, replica_set: Json) -> None:
        pods = self._active_pods(replica_set)
        wanted = replica_set["spec"].get("replicas", 1)
        for _ in range(wanted - len(pods)):
            self._make_pod(replica_set, replica_set["spec"]["template"], {})
        if len(pods) > wanted:
            pods.reverse()  # of equals the newest goes first
            pods.sort(key=lambda pod: (bool(pod["spec"].get("nodeName")), is_ready(pod)))
            for pod in pods[: len(pods) - wanted]:
                self._controllers.kubelet.delete(pod)
        pods = self._active_pods(replica_set)
        ready = sum(map(is_ready, pods))
        status = self._seen(replica_set)
        status |= {"replicas": len(pods), "fullyLabeledReplicas": len(pods)}
        status |= {"readyReplicas": ready, "availableReplicas": ready}
        self._write_status(REPLICA_SETS, replica_set, status)

    # --- StatefulSets -------------------------------------------------------------------------------------------------

    def _stateful_set(self, stateful_set: Json) -> None:
        spec, metadata = stateful_set["spec"], stateful_set["metadata"]
        revision = f"{metadata['name']}-{self._revision(spec['template'], 9)}"
        wanted = spec.get("replicas", 1)
        self._stateful_pods(stateful_set, revision, wanted)
        pods = self._active_pods(stateful_set)
        ready = sum(map(is_ready, pods))
        updated = sum(1 for pod in pods if pod["metadata"]["labels"].get(REVISION_LABEL) == revision)
        status = self._seen(stateful_set)
        status |= {
            "replicas": len(pods),
            "readyReplicas": ready,
            "availableReplicas": ready,
            "currentReplicas": updated,
        }
        status |= {"updatedReplicas": updated, "updateRevision": revision, "collisionCount": 0}
        former = stateful_set["status"].get("currentRevision", revision)
        status["currentRevision"] = revision if updated == wanted == ready else former
        self._write_status(STATEFUL_SETS, stateful_set, status)

    def _stateful_pods(self, stateful_set: Json, revision: str, wanted: int) -> None:
        """Ordered: a pod is made when all before it are Ready; updates replace the highest outdated pod, one at a
        time.
        """
        metadata = stateful_set["metadata"]
        present = {pod["metadata"]["name"]: pod for pod in self._controllers.pods.owned_by(metadata["uid"])}
        for number in range(wanted):
            name = f"{metadata['name']}-{number}"
            pod = present.get(name)
            if pod is None:
                labels = {
                    REVISION_LABEL: revision,
                    "statefulset.kubernetes.io/pod-name": name,
                    "apps.kubernetes.io/pod-index": str(number),
                }
                self._make_pod(stateful_set, stateful_set["spec"]["template"], labels, name=name)
                return
            if not manifests.is_healthy(pod):
                return
        for name in sorted(present, key=lambda key: int(key.rsplit("-", 1)[1]), reverse=True):
            pod = present[name]
            surplus = int(name.rsplit("-", 1)[1]) >= wanted
            if surplus or pod["metadata"]["labels"].get(REVISION_LABEL) != revision:
                self._controllers.kubelet.delete(pod)
                return

    # --- DaemonSets ---------------------------------------------------------------------------------------------------

    def _daemon_set(self, daemon_set: Json) -> None:
        template = daemon_set["spec"]["template"]
        revision = self._revision(template, 10)
        nodes = [node for node in self._controllers.store.list(NODES) if self._takes(template, node)]
        names = {node["metadata"]["name"] for node in nodes}
        owned = self._controllers.pods.owned_by(daemon_set["metadata"]["uid"])
        occupied = {pod["spec"]["nodeName"] for pod in owned}
        for pod in owned:
            if pod["spec"]["nodeName"] not in names and manifests.is_active(pod):
                self._controllers.kubelet.delete(pod)
        for node in nodes:
            if node["metadata"]["name"] not in occupied:
                self._make_pod(daemon_set, template, {REVISION_LABEL: revision}, node=node)
        self._replace_outdated(daemon_set, revision, len(nodes))
        pods = self._active_pods(daemon_set)
        ready = sum(map(is_ready, pods))
        updated = sum(1 for pod in pods if pod["metadata"]["labels"].get(REVISION_LABEL) == revision)
        status = {
            "currentNumberScheduled": len(pods),
            "desiredNumberScheduled": len(nodes),
            "numberMisscheduled": 0,
            "numberReady": ready,
            "numberAvailable": ready,
            "updatedNumberScheduled": updated,
            "observedGeneration": daemon_set["metadata"]["generation"],
        }
        if len(nodes) > ready:
            status["numberUnavailable"] = len(nodes) - ready
        self._write_status(DAEMON_SETS, daemon_set, status)

    def _replace_outdated(self, daemon_set: Json, revision: str, nodes: int) -> None:
        """Deletes outdated pods, as many at once as maxUnavailable leaves; those that are unwell anyway go first."""
        pods = self._active_pods(daemon_set)
        outdated = [pod for pod in pods if pod["metadata"]["labels"].get(REVISION_LABEL) != revision]
        if not outdated:
            return
        limit = daemon_set["spec"].get("updateStrategy", {}).get("rollingUpdate", {}).get("maxUnavailable", 1)
        unavailable = nodes - sum(map(is_ready, pods))
        room = max(1, rounded(limit, nodes, up=True)) - unavailable
        for pod in outdated:
            if not is_ready(pod):
                self._controllers.kubelet.delete(pod)
            elif room > 0:
                room -= 1
                self._controllers.kubelet.delete(pod)

    @staticmethod
    def _takes(template: Json, node: Json) -> bool:
        labels = node["metadata"]["labels"]
        if labels.get("eks.amazonaws.com/compute-type") == "fargate":
            return False
        if any(labels.get(key) != value for key, value in (template["spec"].get("nodeSelector") or {}).items()):
            return False
        tolerant = {"spec": {"tolerations": [*(template["spec"].get("tolerations") or []), *DAEMON_TOLERATIONS]}}
        return not untolerated(tolerant, node["spec"].get("taints") or [], ("NoSchedule", "NoExecute"))

    # --- Jobs ---------------------------------------------------------------------------------------------------------

    def _job(self, job: Json) -> None:
        if manifests.is_true(job, "Complete"):
            return
        wanted = job["spec"].get("completions", 1)
        owned = self._controllers.pods.owned_by(job["metadata"]["uid"])
        succeeded = sum(1 for pod in owned if pod["status"].get("phase") == "Succeeded")
        active = self._active_pods(job)
        parallel = min(job["spec"].get("parallelism", 1), wanted - succeeded)
        for _ in range(parallel - len(active)):
            self._make_pod(job, job["spec"]["template"], {"batch.kubernetes.io/job-name": job["metadata"]["name"]})
        active = self._active_pods(job)
        status: Json = {"ready": sum(map(is_ready, active)), "startTime": job["metadata"]["creationTimestamp"]}
        if active:
            status["active"] = len(active)
        if succeeded:
            status["succeeded"] = succeeded
        if succeeded >= wanted:
            now = self._controllers.world.now
            status["completionTime"] = timestamp(now)
            status["conditions"] = [manifests.condition("Complete", True, now)]
        self._write_status(JOBS, job, status)

    # --- shared -------------------------------------------------------------------------------------------------------

    def _active_pods(self, owner: Json) -> list[Json]:
        return [pod for pod in self._controllers.pods.owned_by(owner["metadata"]["uid"]) if manifests.is_active(pod)]

    def _revision(self, template: Json, length: int) -> str:
        return self._draws.letters(length, "template", manifests.canonical(template))

    def _make_pod(
        self, owner: Json, template: Json, labels: dict[str, str], *, name: str | None = None, node: Json | None = None
    ) -> None:
        metadata = owner["metadata"]
        number = self._pods_made.get(metadata["uid"], 0) + 1
        self._pods_made[metadata["uid"]] = number
        words = (self._controllers.cluster.key, metadata["namespace"], metadata["name"], metadata["uid"], number)
        name = name or f"{metadata['name']}-{self._draws.letters(5, 'pod', *words)}"
        host = int(self._draws.between(2, 65_000, "pod-address", *words))
        made = manifests.pod(
            name,
            metadata["namespace"],
            template,
            owner=owner,
            labels=labels,
            address=f"10.8.{host // 256}.{host % 256}",
        )
        if node is not None:
            made["spec"]["nodeName"] = node["metadata"]["name"]
            made["spec"]["tolerations"] = [*(template["spec"].get("tolerations") or []), *DAEMON_TOLERATIONS]
            made["status"]["hostIP"] = node["status"]["addresses"][0]["address"]
            made["status"]["conditions"] = [manifests.condition("PodScheduled", True, self._controllers.world.now)]
            made["status"]["containerStatuses"] = [
                manifests.container_status(spec, started_at=None, ready=False) for spec in made["spec"]["containers"]
            ]
        pod = self._controllers.store.create(PODS, made)
        self._controllers.tidings.tell(
            owner, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", source="workload-controller"
        )

    @staticmethod
    def _seen(owner: Json) -> dict[str, Any]:
        return {
            "observedGeneration": owner["metadata"]["generation"],
            "conditions": list(owner["status"].get("conditions") or []),
        }

    def _write_status(self, resource: Resource, owner: Json, status: Json) -> None:
        stored = self._controllers.store.find(resource, owner["metadata"]["namespace"], owner["metadata"]["name"])
        if stored is None:
            return
        if "conditions" in status and not status["conditions"]:
            status = {key: value for key, value in status.items() if key != "conditions"}
        self._controllers.store.replace(resource, {**stored, "status": status}, status_only=True)
