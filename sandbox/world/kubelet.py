"""Kubelets: pods start after a while, become Ready, end by their grace period, crash when a fault says so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.world import manifests
from sandbox.world.faults import Switch
from sandbox.world.objects import PODS, Change, Json, copy_json, timestamp

if TYPE_CHECKING:
    from sandbox.world.controllers import Controllers

LONGEST_BACK_OFF = 300
CSI_DRIVERS_BY_APP = {"ebs-csi-node": "ebs.csi.aws.com", "efs-csi-node": "efs.csi.aws.com"}


class Kubelet:
    """The kubelets of all nodes of a cluster."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers
        self.crashing_images: dict[str, Switch] = {}
        """Images whose containers crash while the switch is on (add-on faults)."""

    def hear(self, change: Change) -> None:
        """Begins to start a pod that got its node, and to end one that got its deletion time."""
        if change.type == "DELETED":
            return
        pod, before = change.object, change.before
        if pod["spec"].get("nodeName") and not (before and before["spec"].get("nodeName")):
            self._start(pod)
        if manifests.is_terminating(pod) and not (before and manifests.is_terminating(before)):
            self._end(pod)

    def delete(self, pod: Json, grace_seconds: int | None = None) -> None:
        """Deletes a pod as the API does: at once without a node, when it has finished or with grace 0, else
        gracefully.
        """
        metadata, spec = pod["metadata"], pod["spec"]
        grace = spec.get("terminationGracePeriodSeconds", 30) if grace_seconds is None else grace_seconds
        store = self._controllers.store
        if grace == 0 or not spec.get("nodeName") or manifests.is_finished(pod):
            store.delete(PODS, metadata["namespace"], metadata["name"])
            return
        if manifests.is_terminating(pod):
            return
        until = timestamp(self._controllers.world.now + timedelta(seconds=grace))

        def mark(wanted: Json) -> None:
            wanted["metadata"]["deletionTimestamp"] = until
            wanted["metadata"]["deletionGracePeriodSeconds"] = grace

        store.edit(PODS, metadata["namespace"], metadata["name"], mark)
        name = spec["containers"][0]["name"]
        self._controllers.tidings.tell(pod, "Killing", f"Stopping container {name}", source="kubelet")

    def node_gone(self, node_name: str) -> None:
        """Takes out the pods of a node that no longer exists."""
        for pod in self._controllers.pods.on_node(node_name):
            self._controllers.store.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])

    def _start(self, pod: Json) -> None:
        metadata = pod["metadata"]
        world = self._controllers.world
        owner = manifests.controller_of(pod)
        low, high = (5, 10) if owner and owner["kind"] == "DaemonSet" else (10, 40)
        words = (self._controllers.cluster.key, metadata["namespace"], metadata["name"], metadata["uid"])
        takes = world.draws.seconds(low, high, "pod-start", *words)
        key = (metadata["namespace"], metadata["name"], metadata["uid"])
        world.plan(takes * 0.7, lambda: self._run(*key))
        world.plan(takes, lambda: self._become_ready(*key))

    def _find(self, namespace: str, name: str, uid: str) -> Json | None:
        """The pod if it is still that one and stays."""
        pod = self._controllers.store.find(PODS, namespace, name)
        return pod if pod and pod["metadata"]["uid"] == uid and manifests.is_active(pod) else None

    def _run(self, namespace: str, name: str, uid: str) -> None:
        pod = self._find(namespace, name, uid)
        if pod is None:
            return
        now = self._controllers.world.now
        held_by = pod["metadata"]["annotations"].get(manifests.NEVER_READY, "true")
        started_at = now if held_by == "true" else None
        address = pod["metadata"]["annotations"]["vpc.amazonaws.com/pod-ips"]
        status = {
            **pod["status"],
            "phase": "Pending" if started_at is None else "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": timestamp(now),
            "containerStatuses": [
                manifests.container_status(spec, started_at=started_at, ready=False, waiting=held_by)
                for spec in pod["spec"]["containers"]
            ],
        }
        wanted = {**pod, "status": copy_json(status)}
        for kind, value in (("Initialized", True), ("ContainersReady", False), ("Ready", False)):
            manifests.set_condition(wanted, manifests.condition(kind, value, now))
        self._controllers.store.replace(PODS, wanted)
        if started_at is None:
            return
        image = pod["spec"]["containers"][0]["image"]
        self._controllers.tidings.tell(pod, "Started", f"Started container from image {image}", source="kubelet")

    def _become_ready(self, namespace: str, name: str, uid: str) -> None:
        pod = self._find(namespace, name, uid)
        if pod is None:
            return
        annotations = pod["metadata"].get("annotations", {})
        if manifests.NEVER_READY in annotations:
            return
        if self._crashes(pod):
            self._crash(pod)
            return
        now = self._controllers.world.now
        wanted = copy_json(pod)
        for status in wanted["status"]["containerStatuses"]:
            status.update(ready=True, started=True, state={"running": {"startedAt": timestamp(now)}})
        for kind in ("ContainersReady", "Ready"):
            manifests.set_condition(wanted, manifests.condition(kind, True, now))
        self._controllers.store.replace(PODS, wanted)
        driver = CSI_DRIVERS_BY_APP.get(pod["metadata"].get("labels", {}).get("app", ""))
        if driver:
            self._controllers.nodes.register_driver(pod["spec"]["nodeName"], driver)
        minutes = annotations.get(manifests.RUNS_MINUTES)
        if minutes:
            self._controllers.world.plan(timedelta(minutes=int(minutes)), lambda: self._finish(namespace, name, uid))

    def _crashes(self, pod: Json) -> bool:
        switches = (self.crashing_images.get(spec["image"]) for spec in pod["spec"]["containers"])
        return any(switch is not None and switch.on for switch in switches)

    def _crash(self, pod: Json) -> None:
        metadata = pod["metadata"]
        wanted = copy_json(pod)
        now = self._controllers.world.now
        for status in wanted["status"]["containerStatuses"]:
            status["restartCount"] += 1
            restarts = status["restartCount"]
            status.update(ready=False, started=False)
            message = f"back-off restarting failed container {status['name']} in pod {metadata['name']}"
            status["state"] = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
            status["lastState"] = {"terminated": {"exitCode": 1, "reason": "Error", "finishedAt": timestamp(now)}}
        for kind in ("ContainersReady", "Ready"):
            unready = manifests.condition(kind, False, now, "ContainersNotReady", "containers are not ready")
            manifests.set_condition(wanted, unready)
        self._controllers.store.replace(PODS, wanted)
        self._controllers.tidings.tell(
            pod, "BackOff", "Back-off restarting failed container", source="kubelet", warning=True
        )
        back_off = min(LONGEST_BACK_OFF, 10 * 2 ** (restarts - 1))
        key = (metadata["namespace"], metadata["name"], metadata["uid"])
        self._controllers.world.plan(timedelta(seconds=back_off), lambda: self._become_ready(*key))

    def _finish(self, namespace: str, name: str, uid: str) -> None:
        pod = self._find(namespace, name, uid)
        if pod is None:
            return
        now = self._controllers.world.now
        wanted = copy_json(pod)
        wanted["status"]["phase"] = "Succeeded"
        for status in wanted["status"]["containerStatuses"]:
            status.update(ready=False, started=False)
            status["state"] = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": timestamp(now)}}
        for kind in ("ContainersReady", "Ready"):
            manifests.set_condition(wanted, manifests.condition(kind, False, now, "PodCompleted"))
        self._controllers.store.replace(PODS, wanted)

    def _end(self, pod: Json) -> None:
        metadata = pod["metadata"]
        world = self._controllers.world
        owner = manifests.controller_of(pod)
        grace = metadata["deletionGracePeriodSeconds"]
        if owner and owner["kind"] == "DaemonSet":
            grace = min(grace, 5)
        words = (self._controllers.cluster.key, metadata["namespace"], metadata["name"], metadata["uid"])
        takes = world.draws.seconds(0.2 * grace, 0.9 * grace, "pod-end", *words)
        world.plan(takes, lambda: self._gone(metadata["namespace"], metadata["name"], metadata["uid"]))

    def _gone(self, namespace: str, name: str, uid: str) -> None:
        pod = self._controllers.store.find(PODS, namespace, name)
        if pod and pod["metadata"]["uid"] == uid:
            self._controllers.store.delete(PODS, namespace, name)
