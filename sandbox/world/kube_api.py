"""What an API server does with requests, below the wire: reading, writing with defaults, graceful deletion, eviction;
each write noted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sandbox.world import manifests
from sandbox.world.errors import KubernetesError, ObjectInvalid, ObjectNotFound
from sandbox.world.model import Call, Cluster, Effect
from sandbox.world.objects import (
    BUDGETS,
    DAEMON_SETS,
    DEPLOYMENTS,
    NAMESPACES,
    NODES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    STATEFUL_SETS,
    Change,
    Json,
    Resource,
    copy_json,
)

if TYPE_CHECKING:
    from sandbox.world.world import World


class KubeApi:
    """One cluster's API, for the Kubernetes face. Methods take the world's lock and settle it first.

    Objects that are given back must not be modified. `resource.namespaced` kinds need a namespace; others take "".
    """

    def __init__(self, world: World, cluster: Cluster) -> None:
        self._world = world
        self._cluster = cluster
        self._store = cluster.kube

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Raises ObjectNotFound."""
        with self._world.current():
            return self._store.get(resource, namespace, name)

    def list(self, resource: Resource, namespace: str | None = None) -> tuple[list[Json], int]:
        """The objects, of one namespace or of all, and the resource version of the list."""
        with self._world.current():
            return self._store.list(resource, namespace), self._store.resource_version

    def changes_since(
        self, resource_version: int, resource: Resource, namespace: str | None = None
    ) -> tuple[Iterable[Change], int]:
        """Changes for a watch, oldest first, and the resource version reached. Raises WatchExpired."""
        with self._world.current():
            changes = self._store.changes_since(resource_version, resource, namespace)
            return changes, self._store.resource_version

    def resets_connections(self) -> bool:
        """Whether the API server is cutting connections now and then (a fault after control-plane updates)."""
        with self._world.current():
            until = self._cluster.api_resets_until
            return until is not None and self._world.now < until

    def git_version(self) -> str:
        """`gitVersion` of `/version`, for example v1.34.2-eks-3025e55."""
        with self._world.current():
            patch = self._cluster.patch_version
            return f"v{patch}-eks-{self._world.draws.hex(7, 'control-plane-build', patch)}"

    # --- writing ------------------------------------------------------------------------------------------------------

    def create(self, resource: Resource, manifest: Json, *, dry_run: bool = False) -> Json:
        """Stores a new object with the defaults of its kind.

        Raises ObjectExists, ObjectInvalid, ObjectNotFound (no such namespace).
        """
        with self._world.current():
            wanted = self.with_defaults(resource, manifest)
            metadata = wanted["metadata"]
            if dry_run:
                return wanted
            return self._noted(
                "create", resource, metadata, lambda: self._store.create(resource, wanted), manifest.get("spec")
            )

    def replace(self, resource: Resource, manifest: Json, *, status_only: bool = False, dry_run: bool = False) -> Json:
        """Stores a whole object, for PUT and for the result of a PATCH. The status stays unless `status_only`.

        Raises ObjectNotFound, ObjectConflict (a resourceVersion that is no longer current), ObjectInvalid.
        """
        with self._world.current():
            metadata = manifest["metadata"]
            stored = self._store.get(
                resource, metadata.get("namespace", "") if resource.namespaced else "", metadata["name"]
            )
            wanted: Json = copy_json(manifest)
            wanted["metadata"].setdefault("resourceVersion", stored["metadata"]["resourceVersion"])
            if not status_only:
                self._check(resource, wanted)
                wanted.pop("status", None)
                if "status" in stored:
                    wanted["status"] = stored["status"]
            if dry_run:
                return wanted
            return self._noted(
                "update",
                resource,
                metadata,
                lambda: self._store.replace(resource, wanted, status_only=status_only),
                manifest.get("spec"),
            )

    def delete(
        self, resource: Resource, namespace: str, name: str, *, grace_seconds: int | None = None, dry_run: bool = False
    ) -> Json:
        """Deletes an object; a pod goes gracefully.

        Gives the object as it then is, or last was. Raises ObjectNotFound.
        """
        with self._world.current():
            stored: Json = self._store.get(resource, namespace, name)
            if dry_run:
                return stored
            controllers = self._world.controllers(self._cluster)

            def delete() -> Json:
                if resource is PODS:
                    controllers.kubelet.delete(stored, grace_seconds)
                elif resource is NODES:
                    controllers.nodes.remove(name)
                else:
                    self._store.delete(resource, namespace, name)
                return self._store.find(resource, namespace, name) or stored

            return self._noted("delete", resource, stored["metadata"], delete, None)

    def evict(self, namespace: str, name: str, *, grace_seconds: int | None = None, dry_run: bool = False) -> None:
        """POST pods/NAME/eviction. Raises ObjectNotFound, EvictionBlocked (429), SeveralBudgets (500)."""
        with self._world.current():
            evictions = self._world.controllers(self._cluster).evictions

            def evict() -> Json:
                evictions.evict(namespace, name, grace_seconds=grace_seconds, dry_run=dry_run)
                return {}

            if dry_run:
                evict()
            else:
                self._noted("evict", PODS, {"namespace": namespace, "name": name}, evict, None)

    def with_defaults(self, resource: Resource, manifest: Json) -> Json:
        """A new object as it is stored: named, checked, with the defaults of its kind.

        Raises ObjectInvalid, ObjectNotFound (no such namespace).
        """
        wanted: Json = copy_json(manifest)
        metadata = wanted.setdefault("metadata", {})
        words = (self._cluster.key, resource.plural, self._store.resource_version)
        if not metadata.get("name"):
            if not metadata.get("generateName"):
                raise ObjectInvalid(
                    f"{resource.kind} is invalid: metadata.name: Required value: name or generateName is required"
                )
            metadata["name"] = metadata["generateName"] + self._world.draws.letters(5, "generated", *words)
        if (
            resource.namespaced
            and self._store.find(NAMESPACES, "", metadata.setdefault("namespace", "default")) is None
        ):
            raise ObjectNotFound(f'namespaces "{metadata["namespace"]}" not found')
        self._check(resource, wanted)
        spec = wanted.setdefault("spec", {}) if resource in _WITH_SPEC else {}
        if resource in (DEPLOYMENTS, STATEFUL_SETS, REPLICA_SETS):
            spec.setdefault("replicas", 1)
        if resource in _WITH_TEMPLATE:
            spec["template"].setdefault("metadata", {}).setdefault("labels", {})
        if resource is PODS:
            self._pod_defaults(wanted, words)
        elif resource is SERVICES:
            address = int(self._world.draws.between(256, 60_000, "cluster-ip", *words))
            spec.setdefault("clusterIP", f"172.20.{address // 256}.{address % 256}")
            spec.setdefault("type", "ClusterIP")
            wanted["status"] = {"loadBalancer": {}}
        elif resource in _WITH_SPEC:
            wanted["status"] = {}
        if resource is NAMESPACES:
            wanted["status"] = {"phase": "Active"}
        return wanted

    # --- inside -------------------------------------------------------------------------------------------------------

    def _noted(self, verb: str, resource: Resource, metadata: Json, act: Any, spec: Any) -> Json:
        world, kind = self._world, f"{verb} {resource.plural}"
        subject = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
        args: dict[str, Any] = {} if spec is None else {"spec": spec}
        version = self._store.resource_version
        try:
            result: Json = act()
        except KubernetesError as error:
            world.record(Call(world.now, kind, self._cluster.key, subject, args, None, error.reason))
            raise
        changed = self._store.resource_version != version
        world.record(Call(world.now, kind, self._cluster.key, subject, args, None, "ok" if changed else "unchanged"))
        if changed:
            world.effects.append(Effect(world.now, kind, self._cluster.key, subject, args, None))
        return result

    def _pod_defaults(self, pod: Json, words: tuple[object, ...]) -> None:
        made = manifests.pod(
            pod["metadata"]["name"],
            pod["metadata"]["namespace"],
            {"metadata": pod["metadata"], "spec": pod["spec"]},
            owner=None,
            labels={},
            address=f"10.9.{int(self._world.draws.between(0, 255, 'pod-address', *words))}.17",
        )
        pod["metadata"] = {**pod["metadata"], **made["metadata"]}
        pod["spec"] = {"terminationGracePeriodSeconds": 30, "restartPolicy": "Always", **made["spec"]}
        pod["status"] = made["status"]

    @staticmethod
    def _check(resource: Resource, manifest: Json) -> None:
        """The rules without which the controllers could not work."""
        spec, name = manifest.get("spec") or {}, manifest["metadata"]["name"]
        start = f'{resource.kind} "{name}" is invalid: '
        if resource in _WITH_TEMPLATE:
            labels = (spec.get("template") or {}).get("metadata", {}).get("labels", {})
            if not (spec.get("template") or {}).get("spec", {}).get("containers"):
                raise ObjectInvalid(f"{start}spec.template.spec.containers: Required value")
            if not manifests.matches(spec.get("selector"), labels):
                raise ObjectInvalid(
                    f"{start}spec.template.metadata.labels: Invalid value: `selector` does not match template `labels`"
                )
        elif resource is PODS and not spec.get("containers"):
            raise ObjectInvalid(f"{start}spec.containers: Required value")
        elif resource is BUDGETS and spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None:
            raise ObjectInvalid(f"{start}spec: Invalid value: minAvailable and maxUnavailable cannot be both set")


_WITH_TEMPLATE = (DEPLOYMENTS, STATEFUL_SETS, REPLICA_SETS, DAEMON_SETS)
_WITH_SPEC = (*_WITH_TEMPLATE, PODS, SERVICES, BUDGETS)
