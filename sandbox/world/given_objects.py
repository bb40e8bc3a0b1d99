"""Puts a scenario's own Kubernetes objects into a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandbox.objects_spec import ObjectSpec, resources_of
from sandbox.world import manifests
from sandbox.world.model import Cluster
from sandbox.world.objects import (
    CUSTOM_RESOURCES,
    NAMESPACES,
    PODS,
    SERVICE_ACCOUNTS,
    Json,
    Resource,
    copy_json,
)

if TYPE_CHECKING:
    from sandbox.world.world import World

_FIRST = (NAMESPACES.kind, CUSTOM_RESOURCES.kind)


def give_objects(world: World, cluster: Cluster, objects: Sequence[ObjectSpec]) -> None:
    """Namespaces and definitions first; the namespace of an object is made if it is not there."""
    known = resources_of(objects)
    for one in sorted(objects, key=lambda found: found.kind not in _FIRST):
        _give(world, cluster, known[one.group, one.kind], one)


def add_namespace(cluster: Cluster, name: str, labels: dict[str, str] | None = None) -> None:
    """A namespace with its default service account, unless it is there."""
    if cluster.kube.find(NAMESPACES, "", name) is None:
        metadata = {"name": name, "labels": {"kubernetes.io/metadata.name": name, **(labels or {})}}
        spec = {"finalizers": ["kubernetes"]}
        cluster.kube.create(NAMESPACES, {"metadata": metadata, "spec": spec, "status": {"phase": "Active"}})
        cluster.kube.create(SERVICE_ACCOUNTS, manifests.service_account("default", name))


def _give(world: World, cluster: Cluster, resource: Resource, one: ObjectSpec) -> None:
    store, name = cluster.kube, one.metadata.name
    namespace = one.metadata.namespace if resource.namespaced else ""
    wanted = one.manifest()
    if resource.namespaced:
        add_namespace(cluster, namespace)
        wanted["metadata"]["namespace"] = namespace
    present = store.find(resource, namespace, name)
    if one.patch == "delete":
        if present is not None:
            store.delete(resource, namespace, name)
    elif present is not None:
        store.replace(resource, merged(present, wanted))
    elif resource == NAMESPACES:
        add_namespace(cluster, name, wanted["metadata"].get("labels"))
    else:
        made: Json = world.kube(cluster).with_defaults(resource, wanted)
        if "status" in wanted and resource != PODS:
            made["status"] = wanted["status"]
        store.create(resource, made)


def merged(present: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396): mappings member by member, null takes a member out, all else is replaced."""
    if not isinstance(patch, dict):
        return copy_json(patch)
    result = dict(present) if isinstance(present, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result
