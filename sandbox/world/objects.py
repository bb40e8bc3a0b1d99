"""One cluster's Kubernetes objects, as JSON dicts in exact wire shape.

Objects are never changed in place: each write puts a new dict in the old one's stead. So what `get`, `list` and the
change log give may be kept and sent without a copy, and must not be modified; to change one, `copy_json` it or use
`edit`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sandbox.world.errors import ObjectConflict, ObjectExists, ObjectNotFound, WatchExpired

Json = dict[str, Any]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
CHANGE_LOG_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind that the API server serves. `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short_names: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> tuple[str, str]:
        return (self.group, self.plural)


PODS = Resource("", "v1", "pods", "Pod", True, ("po",))
NODES = Resource("", "v1", "nodes", "Node", False, ("no",))
NAMESPACES = Resource("", "v1", "namespaces", "Namespace", False, ("ns",))
SERVICES = Resource("", "v1", "services", "Service", True, ("svc",))
EVENTS = Resource("", "v1", "events", "Event", True, ("ev",))
CONFIG_MAPS = Resource("", "v1", "configmaps", "ConfigMap", True, ("cm",))
SECRETS = Resource("", "v1", "secrets", "Secret", True)
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",))
VOLUME_CLAIMS = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",))
VOLUMES = Resource("", "v1", "persistentvolumes", "PersistentVolume", False, ("pv",))
DEPLOYMENTS = Resource("apps", "v1", "deployments", "Deployment", True, ("deploy",))
REPLICA_SETS = Resource("apps", "v1", "replicasets", "ReplicaSet", True, ("rs",))
STATEFUL_SETS = Resource("apps", "v1", "statefulsets", "StatefulSet", True, ("sts",))
DAEMON_SETS = Resource("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",))
JOBS = Resource("batch", "v1", "jobs", "Job", True)
CRON_JOBS = Resource("batch", "v1", "cronjobs", "CronJob", True, ("cj",))
AUTOSCALERS = Resource("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", True, ("hpa",))
BUDGETS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", True, ("pdb",))
CSI_NODES = Resource("storage.k8s.io", "v1", "csinodes", "CSINode", False)
CSI_DRIVERS = Resource("storage.k8s.io", "v1", "csidrivers", "CSIDriver", False)
STORAGE_CLASSES = Resource("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ("sc",))
ENDPOINT_SLICES = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", True)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease", True)
VALIDATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", False
)
MUTATING_WEBHOOKS = Resource(
    "admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", False
)
API_SERVICES = Resource("apiregistration.k8s.io", "v1", "apiservices", "APIService", False)
CUSTOM_RESOURCES = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", False, ("crd", "crds")
)
CLUSTER_ROLES = Resource("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", False)
CLUSTER_ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", False)
SECURITY_POLICIES = Resource("policy", "v1beta1", "podsecuritypolicies", "PodSecurityPolicy", False, ("psp",))
PRIORITY_CLASSES = Resource("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", False, ("pc",))
ENDPOINTS = Resource("", "v1", "endpoints", "Endpoints", True, ("ep",))
RESOURCE_QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota", True, ("quota",))
LIMIT_RANGES = Resource("", "v1", "limitranges", "LimitRange", True, ("limits",))
CONTROLLER_REVISIONS = Resource("apps", "v1", "controllerrevisions", "ControllerRevision", True)
ROLES = Resource("rbac.authorization.k8s.io", "v1", "roles", "Role", True)
ROLE_BINDINGS = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", True)
INGRESSES = Resource("networking.k8s.io", "v1", "ingresses", "Ingress", True, ("ing",))
NETWORK_POLICIES = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", True, ("netpol",))
SIGNING_REQUESTS = Resource(
    "certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", False, ("csr",)
)
FLOW_SCHEMAS = Resource("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", False)
PRIORITY_LEVELS = Resource(
    "flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", False
)
VOLUME_ATTACHMENTS = Resource("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", False)

RESOURCES: tuple[Resource, ...] = (
    PODS,
    NODES,
    NAMESPACES,
    SERVICES,
    EVENTS,
    CONFIG_MAPS,
    SECRETS,
    SERVICE_ACCOUNTS,
    VOLUME_CLAIMS,
    VOLUMES,
    DEPLOYMENTS,
    REPLICA_SETS,
    STATEFUL_SETS,
    DAEMON_SETS,
    JOBS,
    CRON_JOBS,
    AUTOSCALERS,
    BUDGETS,
    CSI_NODES,
    CSI_DRIVERS,
    STORAGE_CLASSES,
    ENDPOINT_SLICES,
    LEASES,
    VALIDATING_WEBHOOKS,
    MUTATING_WEBHOOKS,
    API_SERVICES,
    CUSTOM_RESOURCES,
    CLUSTER_ROLES,
    CLUSTER_ROLE_BINDINGS,
    SECURITY_POLICIES,
    PRIORITY_CLASSES,
    ENDPOINTS,
    RESOURCE_QUOTAS,
    LIMIT_RANGES,
    CONTROLLER_REVISIONS,
    ROLES,
    ROLE_BINDINGS,
    INGRESSES,
    NETWORK_POLICIES,
    SIGNING_REQUESTS,
    FLOW_SCHEMAS,
    PRIORITY_LEVELS,
    VOLUME_ATTACHMENTS,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One entry of the change log; `before` is None for ADDED."""

    type: ChangeType
    resource_version: int
    resource: Resource
    object: Json
    before: Json | None


def copy_json(value: Any) -> Any:
    """A deep copy of JSON-like data."""
    if isinstance(value, dict):
        return {key: copy_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy_json(item) for item in value]
    return value


def timestamp(at: datetime) -> str:
    """metav1.Time: RFC 3339 in whole seconds."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def micro_timestamp(at: datetime) -> str:
    """metav1.MicroTime."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class ObjectStore:
    """The objects of one cluster, keyed by kind, namespace and name, with one rising resource version for all.

    `now` gives domain time; `new_uid` makes a uid from a number that is never reused. Listeners hear each change,
    under the world's lock.
    """

    def __init__(self, now: Callable[[], datetime], new_uid: Callable[[int], str]) -> None:
        self._now = now
        self._new_uid = new_uid
        self._objects: dict[tuple[str, str], dict[tuple[str, str], Json]] = {}
        self._log: deque[Change] = deque(maxlen=CHANGE_LOG_LENGTH)
        self._created = 0
        self.resource_version = 1000
        self.listeners: list[Callable[[Change], None]] = []

    def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """The object, or None. `namespace` is empty for kinds without namespaces."""
        return self._objects.get(resource.key, {}).get((namespace, name))

    def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """The object. Raises ObjectNotFound."""
        found = self.find(resource, namespace, name)
        if found is None:
            raise ObjectNotFound(f'{_group_resource(resource)} "{name}" not found')
        return found

    def list(self, resource: Resource, namespace: str | None = None) -> list[Json]:
        """All objects of a kind, in a namespace or everywhere, in order of creation."""
        objects = self._objects.get(resource.key, {})
        if namespace is None:
            return [*objects.values()]
        return [found for (space, _), found in objects.items() if space == namespace]

    def create(self, resource: Resource, manifest: Json) -> Json:
        """Stores a new object and gives it apiVersion, kind, uid, resourceVersion, generation and creationTimestamp.

        Raises ObjectExists. `metadata.generateName` must have been resolved by the caller.
        """
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace", "") if resource.namespaced else ""
        key = (namespace, metadata["name"])
        objects = self._objects.setdefault(resource.key, {})
        if key in objects:
            raise ObjectExists(f'{_group_resource(resource)} "{metadata["name"]}" already exists')
        self._created += 1
        stored = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            **{name: value for name, value in manifest.items() if name not in ("apiVersion", "kind", "metadata")},
        }
        stored["metadata"] = {
            **metadata,
            "uid": self._new_uid(self._created),
            "creationTimestamp": timestamp(self._now()),
            "resourceVersion": str(self._next_version()),
        }
        if "spec" in stored:
            stored["metadata"]["generation"] = 1
        objects[key] = stored
        self._tell("ADDED", resource, stored, None)
        return stored

    def replace(self, resource: Resource, replacement: Json, *, status_only: bool = False) -> Json:
        """Stores `replacement` in place of the object of its name; the same content changes nothing.

        With `metadata.resourceVersion` it must be the stored one (ObjectConflict); without, the last writer wins.
        `status_only` takes the replacement's `status` and nothing else. A changed `spec` raises `metadata.generation`.
        Raises ObjectNotFound.
        """
        metadata = replacement["metadata"]
        namespace = metadata.get("namespace", "") if resource.namespaced else ""
        stored = self.get(resource, namespace, metadata["name"])
        expected = metadata.get("resourceVersion")
        if expected and expected != stored["metadata"]["resourceVersion"]:
            raise ObjectConflict(
                f'Operation cannot be fulfilled on {_group_resource(resource)} "{metadata["name"]}": the object has '
                "been modified; please apply your changes to the latest version and try again"
            )
        if status_only:
            wanted = {**stored, "status": replacement.get("status", {})}
        else:
            wanted = {**replacement, "apiVersion": resource.api_version, "kind": resource.kind}
        return self._put(resource, (namespace, metadata["name"]), stored, wanted)

    def edit(self, resource: Resource, namespace: str, name: str, change: Callable[[Json], None]) -> Json:
        """Applies `change` to a copy of the object and stores it. Raises ObjectNotFound."""
        stored = self.get(resource, namespace, name)
        wanted = copy_json(stored)
        change(wanted)
        return self._put(resource, (namespace, name), stored, wanted)

    def delete(self, resource: Resource, namespace: str, name: str) -> Json:
        """Takes the object out at once and gives its last state. Raises ObjectNotFound."""
        stored = self.get(resource, namespace, name)
        del self._objects[resource.key][(namespace, name)]
        gone = {**stored, "metadata": {**stored["metadata"], "resourceVersion": str(self._next_version())}}
        self._tell("DELETED", resource, gone, stored)
        return gone

    def changes_since(
        self, resource_version: int, resource: Resource | None = None, namespace: str | None = None
    ) -> Iterable[Change]:
        """Changes after that version, oldest first, of one kind and namespace if given.

        Raises WatchExpired when the log no longer reaches back that far.
        """
        if self._log and len(self._log) == CHANGE_LOG_LENGTH and resource_version < self._log[0].resource_version - 1:
            raise WatchExpired(f"too old resource version: {resource_version} ({self._log[0].resource_version})")
        if not self._log or resource_version >= self._log[-1].resource_version:
            return []
        later: deque[Change] = deque()
        for change in reversed(self._log):
            if change.resource_version <= resource_version:
                break
            if (resource is None or change.resource.key == resource.key) and (
                namespace is None or change.object["metadata"].get("namespace", "") == namespace
            ):
                later.appendleft(change)
        return later

    def _put(self, resource: Resource, key: tuple[str, str], stored: Json, wanted: Json) -> Json:
        before = stored["metadata"]
        metadata = {
            **wanted["metadata"],
            "uid": before["uid"],
            "creationTimestamp": before["creationTimestamp"],
            "resourceVersion": before["resourceVersion"],
        }
        if "generation" in before:
            metadata["generation"] = before["generation"]
        wanted = {**wanted, "metadata": metadata}
        if wanted == stored:
            return stored
        if "generation" in before and wanted.get("spec") != stored.get("spec"):
            metadata["generation"] = before["generation"] + 1
        metadata["resourceVersion"] = str(self._next_version())
        self._objects[resource.key][key] = wanted
        self._tell("MODIFIED", resource, wanted, stored)
        return wanted

    def _next_version(self) -> int:
        self.resource_version += 1
        return self.resource_version

    def _tell(self, kind: ChangeType, resource: Resource, changed: Json, before: Json | None) -> None:
        change = Change(kind, int(changed["metadata"]["resourceVersion"]), resource, changed, before)
        self._log.append(change)
        for listener in self.listeners:
            listener(change)


def _group_resource(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
