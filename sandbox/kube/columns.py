"""The columns of `kubectl get`, kind by kind, as kube-apiserver prints them (pkg/printers/internalversion)."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.kube import cells
from sandbox.kube.durations import UNKNOWN, age
from sandbox.world.objects import Json, Resource


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Those with `priority` 1 show with `-o wide` only."""

    name: str
    cell: cells.Cell
    type: str = "string"
    priority: int = 0


def of(resource: Resource) -> list[Column]:
    """The columns of a built-in kind; name and creation for kinds without columns of their own."""
    return _COLUMNS.get(resource.key, [_NAME, _CREATED])


def of_custom(printer_columns: list[Json]) -> list[Column]:
    """The columns of a custom resource, from its additionalPrinterColumns."""
    if not printer_columns:
        return [_NAME, _AGE]
    return [_NAME, *(_printer_column(column) for column in printer_columns)]


def _printer_column(column: Json) -> Column:
    path = column["jsonPath"]
    if column["type"] == "date":
        return Column(
            column["name"], lambda found, now: age(cells.at_path(found, path), now), priority=column.get("priority", 0)
        )
    return Column(
        column["name"], lambda found, _: cells.at_path(found, path), column["type"], column.get("priority", 0)
    )


def _number(name: str, path: str) -> Column:
    return Column(name, cells.value_at(path, 0), "integer")


def _text(name: str, path: str, default: str = cells.NONE, priority: int = 0) -> Column:
    return Column(name, lambda found, now: str(cells.value_at(path, default)(found, now)), "string", priority)


def _wide(name: str, cell: cells.Cell) -> Column:
    return Column(name, cell, "string", 1)


_NAME = Column("Name", lambda found, _: found["metadata"]["name"])
_AGE = Column("Age", lambda found, now: age(found["metadata"].get("creationTimestamp"), now))
_CREATED = Column("Created At", lambda found, _: found["metadata"].get("creationTimestamp", ""))
_CONTAINERS = _wide("Containers", lambda found, _: ",".join(c["name"] for c in cells.template_containers(found)))
_IMAGES = _wide("Images", lambda found, _: ",".join(c.get("image", "") for c in cells.template_containers(found)))
_SELECTOR = _wide("Selector", cells.selector)

_COLUMNS: dict[tuple[str, str], list[Column]] = {
    ("", "nodes"): [
        _NAME,
        Column("Status", cells.node_status),
        Column("Roles", cells.node_roles),
        _AGE,
        _text("Version", "status.nodeInfo.kubeletVersion", ""),
        _wide("Internal-IP", cells.node_address("InternalIP")),
        _wide("External-IP", cells.node_address("ExternalIP")),
        _text("OS-Image", "status.nodeInfo.osImage", UNKNOWN, 1),
        _text("Kernel-Version", "status.nodeInfo.kernelVersion", UNKNOWN, 1),
        _text("Container-Runtime", "status.nodeInfo.containerRuntimeVersion", UNKNOWN, 1),
    ],
    ("", "pods"): [
        _NAME,
        Column("Ready", cells.pod_ready),
        Column("Status", cells.pod_status),
        Column("Restarts", cells.pod_restarts),
        _AGE,
        _text("IP", "status.podIP", cells.NONE, 1),
        _text("Node", "spec.nodeName", cells.NONE, 1),
        _text("Nominated Node", "status.nominatedNodeName", cells.NONE, 1),
        _wide("Readiness Gates", cells.readiness_gates),
    ],
    ("", "namespaces"): [_NAME, _text("Status", "status.phase"), _AGE],
    ("", "services"): [
        _NAME,
        _text("Type", "spec.type", "ClusterIP"),
        _text("Cluster-IP", "spec.clusterIP"),
        Column("External-IP", cells.external_ip),
        Column("Port(s)", cells.service_ports),
        _AGE,
        _wide("Selector", lambda found, _: cells.format_labels(found["spec"].get("selector"))),
    ],
    ("", "endpoints"): [_NAME, Column("Endpoints", cells.endpoints), _AGE],
    ("", "events"): [
        Column("Last Seen", cells.last_seen),
        _text("Type", "type", ""),
        _text("Reason", "reason", ""),
        Column("Object", cells.event_object),
        _text("Subobject", "involvedObject.fieldPath", "", 1),
        _wide("Source", cells.event_source),
        _text("Message", "message", ""),
        _wide("First Seen", lambda found, now: age(cells.event_time(found, "firstTimestamp", "eventTime"), now)),
        Column("Count", cells.value_at("count", 1), "string", 1),
        Column("Name", lambda found, _: found["metadata"]["name"], "string", 1),
    ],
    ("", "configmaps"): [
        _NAME,
        Column("Data", lambda f, _: str(len(f.get("data") or ()) + len(f.get("binaryData") or ()))),
        _AGE,
    ],
    ("", "secrets"): [_NAME, _text("Type", "type", "Opaque"), Column("Data", cells.count_of("data")), _AGE],
    ("", "serviceaccounts"): [_NAME, Column("Secrets", cells.count_of("secrets")), _AGE],
    ("", "persistentvolumeclaims"): [
        _NAME,
        _text("Status", "status.phase", ""),
        _text("Volume", "spec.volumeName", ""),
        _text("Capacity", "status.capacity.storage", ""),
        Column("Access Modes", cells.access_modes),
        _text("StorageClass", "spec.storageClassName", ""),
        _AGE,
        _text("VolumeMode", "spec.volumeMode", "Filesystem", 1),
    ],
    ("", "persistentvolumes"): [
        _NAME,
        _text("Capacity", "spec.capacity.storage", ""),
        Column("Access Modes", cells.access_modes),
        _text("Reclaim Policy", "spec.persistentVolumeReclaimPolicy", ""),
        _text("Status", "status.phase", ""),
        Column("Claim", cells.claim_ref),
        _text("StorageClass", "spec.storageClassName", ""),
        _text("Reason", "status.reason", ""),
        _AGE,
        _text("VolumeMode", "spec.volumeMode", "Filesystem", 1),
    ],
    ("apps", "deployments"): [
        _NAME,
        Column("Ready", cells.ready_of("status.readyReplicas", "spec.replicas")),
        _number("Up-to-date", "status.updatedReplicas"),
        _number("Available", "status.availableReplicas"),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ],
    ("apps", "replicasets"): [
        _NAME,
        _number("Desired", "spec.replicas"),
        _number("Current", "status.replicas"),
        _number("Ready", "status.readyReplicas"),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ],
    ("apps", "statefulsets"): [
        _NAME,
        Column("Ready", cells.ready_of("status.readyReplicas", "spec.replicas")),
        _AGE,
        _CONTAINERS,
        _IMAGES,
    ],
    ("apps", "daemonsets"): [
        _NAME,
        _number("Desired", "status.desiredNumberScheduled"),
        _number("Current", "status.currentNumberScheduled"),
        _number("Ready", "status.numberReady"),
        _number("Up-to-date", "status.updatedNumberScheduled"),
        _number("Available", "status.numberAvailable"),
        Column(
            "Node Selector",
            lambda f, now: cells.format_labels(cells.value_at("spec.template.spec.nodeSelector", None)(f, now)),
        ),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ],
    ("apps", "controllerrevisions"): [
        _NAME,
        Column(
            "Controller",
            lambda f, _: next(
                (f"{o['kind'].lower()}.apps/{o['name']}" for o in f["metadata"].get("ownerReferences") or ()),
                cells.NONE,
            ),
        ),
        _number("Revision", "revision"),
        _AGE,
    ],
    ("batch", "jobs"): [
        _NAME,
        Column("Status", cells.job_status),
        Column("Completions", cells.ready_of("status.succeeded", "spec.completions")),
        Column("Duration", cells.job_duration),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        _SELECTOR,
    ],
    ("batch", "cronjobs"): [
        _NAME,
        _text("Schedule", "spec.schedule"),
        _text("Timezone", "spec.timeZone"),
        Column("Suspend", lambda f, _: str(bool(f["spec"].get("suspend")))),
        Column("Active", lambda f, now: len(cells.value_at("status.active", ())(f, now)), "integer"),
        Column(
            "Last Schedule",
            lambda f, now: (
                age(at, now) if (at := cells.value_at("status.lastScheduleTime", None)(f, now)) else cells.NONE
            ),
        ),
        _AGE,
        _CONTAINERS,
        _IMAGES,
    ],
    ("policy", "poddisruptionbudgets"): [
        _NAME,
        _text("Min Available", "spec.minAvailable", "N/A"),
        _text("Max Unavailable", "spec.maxUnavailable", "N/A"),
        _number("Allowed Disruptions", "status.disruptionsAllowed"),
        _AGE,
    ],
    ("autoscaling", "horizontalpodautoscalers"): [
        _NAME,
        Column(
            "Reference", lambda f, _: f"{f['spec']['scaleTargetRef']['kind']}/{f['spec']['scaleTargetRef']['name']}"
        ),
        Column("Targets", cells.metric_targets),
        _text("MinPods", "spec.minReplicas", "<unset>"),
        _number("MaxPods", "spec.maxReplicas"),
        _number("Replicas", "status.currentReplicas"),
        _AGE,
    ],
    ("storage.k8s.io", "storageclasses"): [
        Column(
            "Name",
            lambda f, _: (
                f["metadata"]["name"]
                + (
                    " (default)"
                    if (f["metadata"].get("annotations") or {}).get("storageclass.kubernetes.io/is-default-class")
                    == "true"
                    else ""
                )
            ),
        ),
        _text("Provisioner", "provisioner"),
        _text("ReclaimPolicy", "reclaimPolicy", "Delete"),
        _text("VolumeBindingMode", "volumeBindingMode", "Immediate"),
        Column("AllowVolumeExpansion", lambda f, _: str(bool(f.get("allowVolumeExpansion"))).lower()),
        _AGE,
    ],
    ("storage.k8s.io", "csinodes"): [_NAME, Column("Drivers", cells.count_of("spec.drivers")), _AGE],
    ("storage.k8s.io", "csidrivers"): [
        _NAME,
        Column("AttachRequired", lambda f, _: str(bool(f["spec"].get("attachRequired", True))).lower()),
        Column("PodInfoOnMount", lambda f, _: str(bool(f["spec"].get("podInfoOnMount"))).lower()),
        Column("StorageCapacity", lambda f, _: str(bool(f["spec"].get("storageCapacity"))).lower()),
        _AGE,
    ],
    ("discovery.k8s.io", "endpointslices"): [
        _NAME,
        _text("AddressType", "addressType"),
        Column("Ports", cells.slice_ports),
        Column("Endpoints", cells.slice_endpoints),
        _AGE,
    ],
    ("coordination.k8s.io", "leases"): [_NAME, _text("Holder", "spec.holderIdentity", ""), _AGE],
    ("scheduling.k8s.io", "priorityclasses"): [
        _NAME,
        _number("Value", "value"),
        Column("Global-Default", lambda f, _: str(bool(f.get("globalDefault"))).lower()),
        _AGE,
    ],
    ("apiregistration.k8s.io", "apiservices"): [
        _NAME,
        Column("Service", cells.api_service),
        Column("Available", cells.api_available),
        _AGE,
    ],
    ("rbac.authorization.k8s.io", "clusterrolebindings"): [_NAME, Column("Role", cells.role_reference), _AGE],
    ("rbac.authorization.k8s.io", "rolebindings"): [_NAME, Column("Role", cells.role_reference), _AGE],
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations"): [
        _NAME,
        Column("Webhooks", cells.count_of("webhooks")),
        _AGE,
    ],
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"): [
        _NAME,
        Column("Webhooks", cells.count_of("webhooks")),
        _AGE,
    ],
}
