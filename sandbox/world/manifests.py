"""Builders of Kubernetes objects in wire shape, with every field that clients require."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sandbox.world.model import Instance
from sandbox.world.objects import Json, timestamp

NEVER_READY = "sandbox.example.com/never-ready"
"""`true`: its pods run and do not become Ready; else why their containers do not even start."""
RUNS_MINUTES = "sandbox.example.com/runs-minutes"
NODEGROUP_LABEL = "eks.amazonaws.com/nodegroup"
NODEGROUP_IMAGE_LABEL = "eks.amazonaws.com/nodegroup-image"
EXCLUDE_LABEL = "node.kubernetes.io/exclude-from-external-load-balancers"
HOST_LABEL = "kubernetes.io/hostname"
ZONE_LABEL = "topology.kubernetes.io/zone"

Condition = dict[str, str]


def condition(kind: str, status: bool, at: datetime, reason: str = "", message: str = "") -> Condition:
    """A condition as pods, nodes and workloads carry it."""
    made = {"type": kind, "status": "True" if status else "False", "lastTransitionTime": timestamp(at)}
    if reason:
        made["reason"] = reason
    if message:
        made["message"] = message
    return made


def condition_of(manifest: Json, kind: str) -> Condition | None:
    """The condition of that type, if the object has it."""
    found: list[Condition] = manifest.get("status", {}).get("conditions") or []
    return next((entry for entry in found if entry["type"] == kind), None)


def is_true(manifest: Json, kind: str) -> bool:
    """Whether the object's condition of that type is True."""
    found = condition_of(manifest, kind)
    return found is not None and found["status"] == "True"


def set_condition(manifest: Json, wanted: Condition) -> None:
    """Puts a condition into an object's status; the transition time stays when the status does."""
    conditions: list[Condition] = manifest.setdefault("status", {}).setdefault("conditions", [])
    for index, present in enumerate(conditions):
        if present["type"] == wanted["type"]:
            if present["status"] == wanted["status"] and "lastTransitionTime" in present:
                wanted = {**wanted, "lastTransitionTime": present["lastTransitionTime"]}
            conditions[index] = wanted
            return
    conditions.append(wanted)


def owner_reference(owner: Json) -> Json:
    """A controller's owner reference."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(manifest: Json) -> Json | None:
    """The owner reference of the object's controller, if it has one."""
    owners: list[Json] = manifest["metadata"].get("ownerReferences") or []
    return next((owner for owner in owners if owner.get("controller")), None)


def matches(selector: Json | None, labels: dict[str, str]) -> bool:
    """Whether a LabelSelector picks these labels. An empty selector picks everything, None nothing."""
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_expression_holds(expression, labels) for expression in selector.get("matchExpressions") or [])


def _expression_holds(expression: Json, labels: dict[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def is_finished(pod: Json) -> bool:
    """Whether the pod has run to its end."""
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def is_terminating(pod: Json) -> bool:
    """Whether the pod has been told to go."""
    return "deletionTimestamp" in pod["metadata"]


def is_active(pod: Json) -> bool:
    """Whether the pod counts for its controller."""
    return not is_terminating(pod) and not is_finished(pod)


def is_healthy(pod: Json) -> bool:
    """Whether the pod counts as healthy: Ready and staying."""
    return not is_terminating(pod) and is_true(pod, "Ready")


def container(name: str, image: str, *, cpu: str = "100m", memory: str = "128Mi", probed: bool = False) -> Json:
    probe = {"httpGet": {"path": "/ready", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10, "failureThreshold": 3}
    return {
        **({"readinessProbe": probe} if probed else {}),
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "resources": {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
    }


def template(
    labels: dict[str, str],
    containers: list[Json],
    *,
    grace_seconds: int = 30,
    tolerations: list[Json] | None = None,
    node_selector: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    service_account: str = "default",
    priority_class: str | None = None,
    host_network: bool = False,
    one_per_node: bool = False,
    spread: bool = False,
    restart_policy: str = "Always",
) -> Json:
    """A pod template. `spread`: over hosts and zones as far as possible."""
    spec: Json = {
        "containers": containers,
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": restart_policy,
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccountName": service_account,
        "serviceAccount": service_account,
        "terminationGracePeriodSeconds": grace_seconds,
    }
    if tolerations:
        spec["tolerations"] = tolerations
    if node_selector:
        spec["nodeSelector"] = node_selector
    if priority_class:
        spec["priorityClassName"] = priority_class
    if host_network:
        spec["hostNetwork"] = True
    if one_per_node:
        term = {"labelSelector": {"matchLabels": labels}, "topologyKey": HOST_LABEL}
        spec["affinity"] = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    if spread:
        rule = {"maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": {"matchLabels": labels}}
        spec["topologySpreadConstraints"] = [{**rule, "topologyKey": key} for key in (HOST_LABEL, ZONE_LABEL)]
    metadata: Json = {"labels": labels}
    if annotations:
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": spec}


def workload(
    name: str, namespace: str, spec: Json, *, labels: dict[str, str] | None = None, status: Json | None = None
) -> Json:
    """A workload object; its status is the controllers' to fill."""
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": labels or {}},
        "spec": spec,
        "status": status or {},
    }


def deployment_spec(replicas: int, selector: dict[str, str], pod_template: Json) -> Json:
    return {
        "replicas": replicas,
        "selector": {"matchLabels": selector},
        "template": pod_template,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"}},
        "revisionHistoryLimit": 10,
        "progressDeadlineSeconds": 600,
    }


def daemon_set_spec(selector: dict[str, str], pod_template: Json, max_unavailable: int | str = "10%") -> Json:
    return {
        "selector": {"matchLabels": selector},
        "template": pod_template,
        "updateStrategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": 0, "maxUnavailable": max_unavailable},
        },
        "revisionHistoryLimit": 10,
    }


def stateful_set_spec(name: str, replicas: int, selector: dict[str, str], pod_template: Json) -> Json:
    return {
        "replicas": replicas,
        "selector": {"matchLabels": selector},
        "serviceName": name,
        "template": pod_template,
        "podManagementPolicy": "OrderedReady",
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        "revisionHistoryLimit": 10,
    }


def budget(
    name: str,
    namespace: str,
    selector: dict[str, str],
    *,
    min_available: int | str | None = None,
    max_unavailable: int | str | None = None,
) -> Json:
    """A PodDisruptionBudget with exactly one of its limits."""
    limit = {"minAvailable": min_available} if min_available is not None else {"maxUnavailable": max_unavailable}
    return {
        "metadata": {"name": name, "namespace": namespace},
        "spec": {**limit, "selector": {"matchLabels": selector}},
        "status": {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0},
    }


def service_account(name: str, namespace: str) -> Json:
    return {"metadata": {"name": name, "namespace": namespace}}


def service(name: str, namespace: str, selector: dict[str, str], ports: list[tuple[str, int]], cluster_ip: str) -> Json:
    """A ClusterIP service; `ports` are (name, number), UDP where the name is `dns`."""
    return {
        "metadata": {"name": name, "namespace": namespace, "labels": dict(selector)},
        "spec": {
            "clusterIP": cluster_ip,
            "clusterIPs": [cluster_ip],
            "type": "ClusterIP",
            "selector": selector,
            "sessionAffinity": "None",
            "ports": [
                {"name": label, "port": port, "protocol": "UDP" if label == "dns" else "TCP", "targetPort": port}
                for label, port in ports
            ],
        },
        "status": {"loadBalancer": {}},
    }


def pod(
    name: str, namespace: str, pod_template: Json, *, owner: Json | None, labels: dict[str, str], address: str
) -> Json:
    """A pod before it is scheduled.

    `address` is the IP that it will have; kept in an annotation of the VPC CNI's kind.
    """
    metadata: Json = {
        "name": name,
        "namespace": namespace,
        "labels": {**pod_template["metadata"].get("labels", {}), **labels},
        "annotations": {**pod_template["metadata"].get("annotations", {}), "vpc.amazonaws.com/pod-ips": address},
    }
    if owner is not None:
        metadata["ownerReferences"] = [owner_reference(owner)]
        metadata["generateName"] = f"{owner['metadata']['name']}-"
    spec = dict(pod_template["spec"])
    spec["tolerations"] = [
        *spec.get("tolerations", []),
        {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
        {
            "key": "node.kubernetes.io/unreachable",
            "operator": "Exists",
            "effect": "NoExecute",
            "tolerationSeconds": 300,
        },
    ]
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Pending", "qosClass": "Burstable"}}


def container_status(
    spec: Json, *, started_at: datetime | None, ready: bool, restarts: int = 0, waiting: str = ""
) -> Json:
    """One entry of containerStatuses: running since `started_at`, or waiting with a reason."""
    status: Json = {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": ready,
        "started": started_at is not None,
        "restartCount": restarts,
        "lastState": {},
        "state": {"waiting": {"reason": waiting or "ContainerCreating"}},
    }
    if started_at is not None:
        status["state"] = {"running": {"startedAt": timestamp(started_at)}}
        status["imageID"] = f"{spec['image'].split(':')[0]}@sha256:{abs(hash_text(spec['image'])):064x}"
    return status


def hash_text(text: str) -> int:
    """A number for a text that is the same in every process."""
    value = 0
    for character in text:
        value = (value * 131 + ord(character)) % (1 << 61)
    return value


def canonical(value: Any) -> str:
    """JSON in one spelling, for hashes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def node(
    instance: Instance,
    *,
    os_image: str,
    runtime: str,
    labels: dict[str, str],
    taints: list[Json],
    pods: int,
    at: datetime,
    uuid: str,
    region: str,
) -> Json:
    """A node that has just registered and is not Ready yet."""
    kernel = "6.1.155-176.282.amzn2023.x86_64" if "2023" in os_image else "5.10.192-183.736.amzn2.x86_64"
    capacity = {
        "cpu": "4",
        "memory": "16069356Ki",
        "pods": str(pods),
        "ephemeral-storage": "83873772Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
    }
    made: Json = {
        "metadata": {
            "name": instance.node_name,
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                HOST_LABEL: instance.node_name,
                "node.kubernetes.io/instance-type": instance.instance_type,
                "topology.kubernetes.io/region": region,
                ZONE_LABEL: instance.zone,
                "topology.k8s.aws/zone-id": instance.zone,
                **labels,
            },
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
        },
        "spec": {"providerID": f"aws:///{instance.zone}/{instance.id}"},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": instance.private_ip},
                {"type": "InternalDNS", "address": instance.node_name},
                {"type": "Hostname", "address": instance.node_name},
            ],
            "capacity": capacity,
            "allocatable": {**capacity, "cpu": "3920m", "memory": "15052524Ki"},
            "conditions": [
                {**condition(kind, False, at, reason), "lastHeartbeatTime": timestamp(at)}
                for kind, reason in (
                    ("MemoryPressure", "KubeletHasSufficientMemory"),
                    ("DiskPressure", "KubeletHasNoDiskPressure"),
                    ("PIDPressure", "KubeletHasSufficientPID"),
                    ("Ready", "KubeletNotReady"),
                )
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            "images": [],
            "nodeInfo": {
                "machineID": uuid.replace("-", ""),
                "systemUUID": uuid,
                "bootID": uuid[::-1],
                "kernelVersion": kernel,
                "osImage": os_image,
                "containerRuntimeVersion": runtime,
                "kubeletVersion": instance.kubelet_version,
                "kubeProxyVersion": instance.kubelet_version,
                "operatingSystem": "linux",
                "architecture": "amd64",
            },
        },
    }
    if taints:
        made["spec"]["taints"] = taints
    return made
