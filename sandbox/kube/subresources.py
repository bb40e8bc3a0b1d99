"""pods/eviction, pods/log, nodes/proxy, scale, and finalize of namespaces."""

from __future__ import annotations

from sandbox.kube import patching, probes
from sandbox.kube.answers import Answer, as_json, as_text
from sandbox.kube.bodies import decode, read_body
from sandbox.kube.deleting import read_delete_options
from sandbox.kube.durations import parse_time
from sandbox.kube.reading import Kind, render_object
from sandbox.kube.requests import Asked
from sandbox.kube.status import Cause, bad_request, invalid, success
from sandbox.world.model import Cluster
from sandbox.world.objects import NODES, PODS, Json, copy_json
from sandbox.world.world import World


class Subresources:
    """What hangs below an object. Call its methods under the world's lock.

    They raise Refused, or a KubernetesError of the world.
    """

    def __init__(self, world: World, cluster: Cluster) -> None:
        self._world = world
        self._store = cluster.kube
        self._api = world.kube(cluster)

    def evict(self, asked: Asked, _: Kind) -> Answer:
        """POST pods/NAME/eviction: as a drain asks, PodDisruptionBudgets respected."""
        body = read_body(asked)
        if body.get("kind", "Eviction") != "Eviction":
            raise bad_request(f"the body of an eviction must be an Eviction, not {body.get('kind')}")
        name = (body.get("metadata") or {}).get("name", asked.name)
        if name != asked.name:
            raise bad_request(f"name in URL does not match name in Eviction object: {asked.name} is not {name}")
        options = read_delete_options(asked, body.get("deleteOptions") or {})
        self._api.evict(
            asked.namespace or "",
            asked.name,
            grace_seconds=options["gracePeriodSeconds"],
            dry_run="dryRun" in options,
        )
        return as_json(success(code=201), 201)

    def log(self, asked: Asked, _: Kind) -> Answer:
        """GET pods/NAME/log: a few lines, enough to see that the pod lives."""
        pod = self._store.get(PODS, asked.namespace or "", asked.name)
        names = [container["name"] for container in pod["spec"]["containers"]]
        wanted = asked.query.get("container") or names[0]
        if wanted not in names:
            raise bad_request(f"container {wanted} is not valid for pod {asked.name}")
        statuses = (pod.get("status") or {}).get("containerStatuses") or ()
        state: Json = next((status["state"] for status in statuses if status["name"] == wanted), {})
        if "running" not in state and "terminated" not in state:
            reason = (state.get("waiting") or {}).get("reason", "ContainerCreating")
            raise bad_request(f'container "{wanted}" in pod "{asked.name}" is waiting to start: {reason}')
        started = (state.get("running") or state.get("terminated") or {}).get("startedAt")
        at = f"{parse_time(started):%Y-%m-%dT%H:%M:%SZ} " if started else ""
        lines = [f"{at}starting {wanted}", f"{at}listening", f"{at}ready"]
        tail = asked.number("tailLines")
        return as_text("".join(f"{line}\n" for line in (lines if tail is None else lines[len(lines) - min(tail, 3) :])))

    def proxy(self, asked: Asked, _: Kind) -> Answer:
        """GET nodes/NAME/proxy/…: what the node's kubelet tells of itself."""
        node = self._store.get(NODES, "", asked.name)
        if asked.subpath == "metrics":
            return as_text(probes.kubelet_metrics(node))
        if asked.subpath == "configz":
            return as_json(probes.kubelet_configz(node))
        return as_text("404 page not found\n", 404)

    def get_scale(self, asked: Asked, kind: Kind) -> Answer:
        """GET …/scale"""
        return as_json(_scale(self._store.get(kind.served.resource, asked.namespace or "", asked.name)))

    def update_scale(self, asked: Asked, kind: Kind) -> Answer:
        """PUT …/scale"""
        return self._set_scale(asked, kind, read_body(asked))

    def patch_scale(self, asked: Asked, kind: Kind) -> Answer:
        """PATCH …/scale"""
        present = _scale(self._store.get(kind.served.resource, asked.namespace or "", asked.name))
        content_type = asked.content_type.split(";")[0].strip()
        patch = decode(asked.body, content_type)
        if content_type == patching.JSON_PATCH:
            return self._set_scale(asked, kind, patching.json_patch(present, patch))
        return self._set_scale(asked, kind, patching.merge_patch(present, patch))

    def finalize(self, asked: Asked, kind: Kind) -> Answer:
        """PUT namespaces/NAME/finalize: namespaces go at once here, so there is nothing to wait for."""
        found = self._store.get(kind.served.resource, "", asked.namespace or asked.name)
        return render_object(asked, kind, found, self._world.now)

    def _set_scale(self, asked: Asked, kind: Kind, scale: Json) -> Answer:
        resource = kind.served.resource
        replicas = (scale.get("spec") or {}).get("replicas", 0)
        if not isinstance(replicas, int) or isinstance(replicas, bool) or replicas < 0:
            told = f"Invalid value: {replicas}: must be greater than or equal to 0"
            raise invalid(resource, asked.name, [Cause("FieldValueInvalid", told, "spec.replicas")])
        wanted = copy_json(self._store.get(resource, asked.namespace or "", asked.name))
        wanted["spec"]["replicas"] = replicas
        version = (scale.get("metadata") or {}).get("resourceVersion")
        if version:
            wanted["metadata"]["resourceVersion"] = version
        return as_json(_scale(wanted if asked.dry_run else self._api.replace(resource, wanted)))


def _scale(found: Json) -> Json:
    """The autoscaling/v1 Scale of a workload."""
    metadata = found["metadata"]
    labels = (found["spec"].get("selector") or {}).get("matchLabels") or {}
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {
            name: metadata[name]
            for name in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
            if name in metadata
        },
        "spec": {"replicas": found["spec"].get("replicas", 1)},
        "status": {
            "replicas": (found.get("status") or {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }
