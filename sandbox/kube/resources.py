"""What the API server serves: one table, and the lookups over it.

The store keeps each kind once; a kind may be served under several versions of the same shape, and only by Kubernetes
minors that had them (Kubernetes deprecated API migration guide).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from sandbox.world import objects
from sandbox.world.objects import Json, ObjectStore, Resource

_KNOWN = {resource.key: resource for resource in objects.RESOURCES}
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
STATUS = ("status",)
SCALED = ("scale", "status")


@dataclass(frozen=True, slots=True)
class Served:
    """A kind under one API version: served from minor `since` (of 1.x) on, and no longer by minor `until`.

    With `until` it is deprecated from minor `deprecated` on; 0 for before any minor that is simulated.
    """

    resource: Resource
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    since: int = 0
    until: int | None = None
    deprecated: int = 0

    @property
    def singular(self) -> str:
        return self.resource.kind.lower()

    @property
    def stored(self) -> Resource:
        """The kind as the world knows it, whatever version was asked for."""
        return _KNOWN.get(self.resource.key, self.resource)

    @property
    def path(self) -> str:
        """The group and version part of its addresses: `/api/v1`, `/apis/apps/v1`."""
        return f"/apis/{self.resource.api_version}" if self.resource.group else f"/api/{self.resource.version}"

    def deprecated_by(self, minor: int) -> bool:
        return self.until is not None and minor >= self.deprecated

    def by(self, minor: int) -> bool:
        return self.since <= minor and (self.until is None or minor < self.until)


_ALL = ("all",)
_EXTENSIONS = ("api-extensions",)

_BETA_UNTIL_22 = (
    *(objects.CLUSTER_ROLES, objects.CLUSTER_ROLE_BINDINGS, objects.ROLES, objects.ROLE_BINDINGS),
    *(objects.VALIDATING_WEBHOOKS, objects.MUTATING_WEBHOOKS, objects.CUSTOM_RESOURCES, objects.API_SERVICES),
    *(objects.STORAGE_CLASSES, objects.CSI_NODES, objects.CSI_DRIVERS, objects.VOLUME_ATTACHMENTS),
    *(objects.SIGNING_REQUESTS, objects.LEASES, objects.INGRESSES, objects.PRIORITY_CLASSES),
)

TABLE: tuple[Served, ...] = (
    Served(objects.PODS, ("eviction", "log", "status"), _ALL),
    Served(objects.NODES, ("proxy", "status")),
    Served(objects.NAMESPACES, STATUS),
    Served(objects.SERVICES, STATUS, _ALL),
    Served(objects.ENDPOINTS),
    Served(objects.EVENTS),
    Served(objects.CONFIG_MAPS),
    Served(objects.SECRETS),
    Served(objects.SERVICE_ACCOUNTS),
    Served(objects.VOLUME_CLAIMS, STATUS),
    Served(objects.VOLUMES, STATUS),
    Served(objects.RESOURCE_QUOTAS, STATUS),
    Served(objects.LIMIT_RANGES),
    Served(objects.API_SERVICES, STATUS, _EXTENSIONS),
    Served(objects.DEPLOYMENTS, SCALED, _ALL),
    Served(objects.REPLICA_SETS, SCALED, _ALL),
    Served(objects.STATEFUL_SETS, SCALED, _ALL),
    Served(objects.DAEMON_SETS, STATUS, _ALL),
    Served(objects.CONTROLLER_REVISIONS),
    Served(objects.AUTOSCALERS, STATUS, _ALL, since=23),
    Served(replace(objects.AUTOSCALERS, version="v2beta2"), STATUS, _ALL, until=26, deprecated=23),
    Served(objects.JOBS, STATUS, _ALL),
    Served(objects.CRON_JOBS, STATUS, _ALL, since=21),
    Served(replace(objects.CRON_JOBS, version="v1beta1"), STATUS, _ALL, until=25),
    Served(objects.INGRESSES, STATUS, since=19),
    Served(objects.NETWORK_POLICIES),
    Served(objects.BUDGETS, STATUS, since=21),
    Served(replace(objects.BUDGETS, version="v1beta1"), STATUS, until=25),
    Served(objects.SECURITY_POLICIES, until=25),
    Served(objects.CLUSTER_ROLES),
    Served(objects.CLUSTER_ROLE_BINDINGS),
    Served(objects.ROLES),
    Served(objects.ROLE_BINDINGS),
    Served(objects.STORAGE_CLASSES),
    Served(objects.CSI_NODES),
    Served(objects.CSI_DRIVERS),
    Served(objects.VOLUME_ATTACHMENTS, STATUS),
    Served(objects.SIGNING_REQUESTS, ("approval", "status")),
    Served(objects.VALIDATING_WEBHOOKS, (), _EXTENSIONS),
    Served(objects.MUTATING_WEBHOOKS, (), _EXTENSIONS),
    Served(objects.CUSTOM_RESOURCES, STATUS, _EXTENSIONS),
    *(
        # Beta versions of flow control were deprecated three minors before they went.
        Served(replace(kind, version=version), STATUS, since=since, until=until, deprecated=until - 3 if until else 0)
        for kind in (objects.FLOW_SCHEMAS, objects.PRIORITY_LEVELS)
        for version, since, until in (("v1", 29, None), ("v1beta3", 26, 32), ("v1beta2", 23, 29), ("v1beta1", 20, 26))
    ),
    Served(objects.PRIORITY_CLASSES),
    Served(objects.LEASES),
    Served(objects.ENDPOINT_SLICES, since=21),
    Served(replace(objects.ENDPOINT_SLICES, version="v1beta1"), until=25),
    *(Served(replace(kind, version="v1beta1"), until=22) for kind in _BETA_UNTIL_22),
)


def served_by(minor: int, store: ObjectStore) -> Iterator[Served]:
    """All that a cluster of that minor serves, preferred versions first within a group, custom resources last."""
    yield from (served for served in TABLE if served.by(minor))
    yield from _custom(store.list(objects.CUSTOM_RESOURCES))


def find(served: Iterable[Served], group: str, version: str, plural: str) -> Served | None:
    """The kind at that address."""
    for candidate in served:
        resource = candidate.resource
        if (resource.group, resource.version, resource.plural) == (group, version, plural):
            return candidate
    return None


def _custom(definitions: list[Json]) -> Iterator[Served]:
    for definition in definitions:
        spec = definition["spec"]
        names = spec["names"]
        for version in spec["versions"]:
            if version.get("served", True):
                resource = Resource(
                    spec["group"],
                    version["name"],
                    names["plural"],
                    names["kind"],
                    spec["scope"] == "Namespaced",
                    tuple(names.get("shortNames", ())),
                )
                subresources = tuple(sorted(version.get("subresources", {})))
                yield Served(resource, subresources, tuple(names.get("categories", ())))
