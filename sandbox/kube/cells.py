"""What stands in the cells of `kubectl get`: each function gives one from an object and the time now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.kube.durations import UNKNOWN, age, human_duration, parse_time
from sandbox.world.objects import Json

NONE = "<none>"
Cell = Callable[[Json, datetime], Any]


def at_path(found: Any, path: str) -> Any:
    """The value at a dotted path; `.status.conditions[?(@.type=="Ready")].status` is the one filter that is known."""
    value = found
    for part in path.lstrip(".").replace('[?(@.type=="', ".?").replace('")]', "").split("."):
        if part.startswith("?") and isinstance(value, list):
            value = next((item for item in value if item.get("type") == part[1:]), None)
        else:
            value = value.get(part) if isinstance(value, dict) else None
    return value


def value_at(path: str, default: Any = "") -> Cell:
    """A cell with the value at a plain dotted path."""
    keys = path.split(".")

    def cell(found: Json, _: datetime) -> Any:
        value: Any = found
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def node_status(node: Json, _: datetime) -> str:
    ready = next((c for c in (node.get("status") or {}).get("conditions") or () if c["type"] == "Ready"), None)
    told = "Unknown" if ready is None else "Ready" if ready["status"] == "True" else "NotReady"
    return f"{told},SchedulingDisabled" if (node.get("spec") or {}).get("unschedulable") else told


def node_roles(node: Json, _: datetime) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(key.removeprefix(prefix) for key in labels if key.startswith(prefix))) or NONE


def node_address(kind: str) -> Cell:
    return lambda node, _: next(
        (a["address"] for a in (node.get("status") or {}).get("addresses") or () if a["type"] == kind), NONE
    )


def pod_containers(pod: Json) -> list[Json]:
    return (pod.get("status") or {}).get("containerStatuses") or []


def pod_ready(pod: Json, _: datetime) -> str:
    ready = sum(bool(container.get("ready")) for container in pod_containers(pod))
    return f"{ready}/{len(pod['spec'].get('containers') or ())}"


def pod_status(pod: Json, _: datetime) -> str:
    status = pod.get("status") or {}
    told = str(status.get("reason") or status.get("phase") or UNKNOWN)
    for container in pod_containers(pod):
        state = container.get("state") or {}
        for kind in ("waiting", "terminated"):
            if reason := (state.get(kind) or {}).get("reason"):
                told = str(reason)
    if pod["metadata"].get("deletionTimestamp"):
        return "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return told


def pod_restarts(pod: Json, now: datetime) -> str:
    restarts = sum(int(container.get("restartCount", 0)) for container in pod_containers(pod))
    ended = [
        at
        for container in pod_containers(pod)
        if (at := ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt"))
    ]
    return f"{restarts} ({age(max(ended), now)} ago)" if restarts and ended else str(restarts)


def readiness_gates(pod: Json, _: datetime) -> str:
    gates = pod["spec"].get("readinessGates")
    if not gates:
        return NONE
    conditions = {c["type"]: c["status"] for c in (pod.get("status") or {}).get("conditions") or ()}
    return f"{sum(conditions.get(gate['conditionType']) == 'True' for gate in gates)}/{len(gates)}"


def template_containers(found: Json) -> list[Json]:
    spec = found["spec"]
    template = spec.get("jobTemplate", {}).get("spec", {}).get("template") or spec.get("template") or {}
    return (template.get("spec") or {}).get("containers") or []


def format_labels(labels: dict[str, str] | None) -> str:
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or NONE


def selector(found: Json, _: datetime) -> str:
    selector = found["spec"].get("selector") or {}
    return format_labels(selector.get("matchLabels", {}) if "matchLabels" in selector else None)


def ready_of(ready: str, wanted: str) -> Cell:
    return lambda found, now: f"{value_at(ready, 0)(found, now)}/{value_at(wanted, 1)(found, now)}"


def job_status(job: Json, _: datetime) -> str:
    conditions = {c["type"]: c["status"] for c in (job.get("status") or {}).get("conditions") or ()}
    for kind, told in (("Complete", "Complete"), ("Failed", "Failed"), ("Suspended", "Suspended")):
        if conditions.get(kind) == "True":
            return told
    return "Terminating" if job["metadata"].get("deletionTimestamp") else "Running"


def job_duration(job: Json, now: datetime) -> str:
    status = job.get("status") or {}
    if not status.get("startTime"):
        return ""
    end = parse_time(status["completionTime"]) if status.get("completionTime") else now
    return human_duration(end - parse_time(status["startTime"]))


def service_ports(service: Json, _: datetime) -> str:
    def told(port: Json) -> str:
        node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port['port']}{node_port}/{port.get('protocol', 'TCP')}"

    return ",".join(map(told, service["spec"].get("ports") or ())) or NONE


def external_ip(service: Json, _: datetime) -> str:
    spec = service["spec"]
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec.get("type") != "LoadBalancer":
        return ",".join(spec.get("externalIPs") or ()) or NONE
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(item.get("hostname") or item.get("ip", "") for item in ingress) or "<pending>"


def event_time(event: Json, *names: str) -> str | None:
    return next((event[name] for name in names if event.get(name)), None)


def last_seen(event: Json, now: datetime) -> str:
    at = event_time(event, "lastTimestamp", "eventTime", "firstTimestamp")
    return age(at or event["metadata"].get("creationTimestamp"), now)


def event_object(event: Json, _: datetime) -> str:
    involved = event["involvedObject"]
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


def event_source(event: Json, _: datetime) -> str:
    source = event.get("source") or {}
    return ", ".join(filter(None, (source.get("component") or event.get("reportingComponent"), source.get("host"))))


def metric_targets(autoscaler: Json, _: datetime) -> str:
    """`cpu: 40%/80%` for each resource metric."""
    current = {
        m["resource"]["name"]: m["resource"]["current"].get("averageUtilization")
        for m in (autoscaler.get("status") or {}).get("currentMetrics") or ()
        if m.get("type") == "Resource"
    }
    told = []
    for metric in autoscaler["spec"].get("metrics") or ():
        if metric.get("type") == "Resource":
            name, wanted = metric["resource"]["name"], metric["resource"]["target"].get("averageUtilization")
            now = current.get(name)
            told.append(f"{name}: {UNKNOWN if now is None else f'{now}%'}/{wanted}%")
    return ", ".join(told) or NONE


def claim_ref(volume: Json, _: datetime) -> str:
    claim = volume["spec"].get("claimRef")
    return f"{claim.get('namespace', '')}/{claim.get('name', '')}" if claim else ""


_ACCESS_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def access_modes(found: Json, _: datetime) -> str:
    return ",".join(_ACCESS_MODES.get(mode, mode) for mode in found["spec"].get("accessModes") or ())


def slice_ports(found: Json, _: datetime) -> str:
    return ",".join(str(port.get("port", "")) for port in found.get("ports") or ()) or "<unset>"


def slice_endpoints(found: Json, _: datetime) -> str:
    return shortened([address for end in found.get("endpoints") or () for address in end.get("addresses") or ()])


def endpoints(found: Json, _: datetime) -> str:
    return shortened(
        [
            f"{address['ip']}:{port['port']}"
            for subset in found.get("subsets") or ()
            for port in subset.get("ports") or ()
            for address in subset.get("addresses") or ()
        ]
    )


def shortened(items: list[str]) -> str:
    if not items:
        return NONE
    return ",".join(items[:3]) + (f" + {len(items) - 3} more..." if len(items) > 3 else "")


def count_of(path: str) -> Cell:
    return lambda found, now: str(len(value_at(path, ())(found, now)))


def api_service(found: Json, _: datetime) -> str:
    service = found["spec"].get("service")
    return f"{service['namespace']}/{service['name']}" if service else "Local"


def api_available(found: Json, _: datetime) -> str:
    condition = next((c for c in (found.get("status") or {}).get("conditions") or () if c["type"] == "Available"), None)
    if condition is None:
        return "Unknown"
    return "True" if condition["status"] == "True" else f"{condition['status']} ({condition.get('reason', '')})"


def role_reference(found: Json, _: datetime) -> str:
    return f"{found['roleRef']['kind']}/{found['roleRef']['name']}"
