"""Objects of a big cluster as an API server sends them: as large as real ones, most of it nothing that we read."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

VERSION = "1.31"
ZONES = ("a", "b", "c")
CREATED = "2025-10-01T08:00:00Z"
NODES_OF_A_GROUP = 100
#: DaemonSets that have a pod on every node.
EVERYWHERE = ("aws-node", "kube-proxy", "ebs-csi-node", "log-agent")
#: ReplicaSets of a Deployment: the one in use and those that could be rolled back to.
REPLICA_SETS = 4
_NAMESPACES = 100


@dataclass(frozen=True)
class Size:
    """How many of each; ReplicaSets come on top of the workloads."""

    nodes: int = 2_000
    pods: int = 20_000
    workloads: int = 3_000
    pdbs: int = 500
    releases: int = 200


@dataclass(frozen=True)
class App:
    """A workload and what belongs to it."""

    kind: str
    namespace: str
    name: str
    number: int


def apps(size: Size) -> list[App]:
    """The DaemonSets, then of ten others seven Deployments, a StatefulSet, a CronJob and a Job."""
    kinds = ("Deployment",) * 7 + ("StatefulSet", "CronJob", "Job")
    everywhere = [App("DaemonSet", "kube-system", name, number) for number, name in enumerate(EVERYWHERE)]
    others = (
        App(kinds[number % 10], f"team-{number % _NAMESPACES}", f"app-{number}", number)
        for number in range(len(everywhere), size.workloads)
    )
    return [*everywhere, *others]


def encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def pods(size: Size, every: list[App]) -> Iterator[bytes]:
    """The pods of the DaemonSets on each node, the rest spread over Deployments and StatefulSets."""
    for app in every[: len(EVERYWHERE)]:
        sample = encoded(_pod(app)).decode()
        for node in range(size.nodes):
            yield _filled(sample, app, node, node)
    movable = [app for app in every if app.kind in ("Deployment", "StatefulSet")]
    samples = {app: encoded(_pod(app)).decode() for app in movable}
    for number in range(size.pods - size.nodes * len(EVERYWHERE)):
        app = movable[number % len(movable)]
        yield _filled(samples[app], app, number // len(movable), number % size.nodes)


def _filled(sample: str, app: App, replica: int, node: int) -> bytes:
    name = f"{app.name}-{replica}" if app.kind == "StatefulSet" else f"{app.name}-6f9d8b7c5d-{replica:05d}"
    return sample.replace("@POD@", name).replace("@NODE@", node_name(node)).replace("@UID@", uid_of(name)).encode()


def node_name(number: int) -> str:
    return f"ip-10-{number // 65536}-{number // 256 % 256}-{number % 256}.eu-west-1.compute.internal"


def uid_of(text: str) -> str:
    hexed = f"{random.Random(text).getrandbits(128):032x}"
    return f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"


def _meta(app: App, **more: Any) -> dict[str, Any]:
    return {
        "name": app.name,
        "namespace": app.namespace,
        "uid": uid_of(app.name),
        "resourceVersion": str(900_000 + app.number),
        "generation": 3,
        "creationTimestamp": CREATED,
        "labels": _labels(app),
        **more,
    }


def _labels(app: App) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": app.name,
        "app.kubernetes.io/instance": f"{app.name}-prod",
        "app.kubernetes.io/version": "2.17.4",
        "app.kubernetes.io/managed-by": "Helm",
        "team": app.namespace,
    }


def _owner(kind: str, name: str) -> dict[str, Any]:
    version = "apps/v1"
    return {
        "apiVersion": version,
        "kind": kind,
        "name": name,
        "uid": uid_of(name),
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _pod(app: App) -> dict[str, Any]:
    owner = ("ReplicaSet", f"{app.name}-6f9d8b7c5d") if app.kind == "Deployment" else (app.kind, app.name)
    spec = _pod_spec(app)
    meta = _meta(app, generateName=f"{app.name}-", ownerReferences=[_owner(*owner)], uid="@UID@", name="@POD@")
    meta["annotations"] = _pod_annotations(app)
    meta["labels"]["pod-template-hash"] = "6f9d8b7c5d"
    meta["managedFields"] = [
        _managed("kube-controller-manager", {"metadata": meta["labels"], "spec": spec}),
        _managed("kubelet", {"status": _pod_status(spec)}, subresource="status"),
    ]
    return {"metadata": meta, "spec": spec | _scheduled(app), "status": _pod_status(spec)}


def _pod_annotations(app: App) -> dict[str, str]:
    return {
        "checksum/config": f"{app.number:064x}",
        "checksum/secret": f"{app.number * 7:064x}",
        "prometheus.io/scrape": "true",
        "prometheus.io/port": "9090",
        "prometheus.io/path": "/metrics",
        "kubectl.kubernetes.io/restartedAt": CREATED,
    }


def _scheduled(app: App) -> dict[str, Any]:
    access = {
        "name": "kube-api-access-x7k2p",
        "projected": {
            "defaultMode": 420,
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
                {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {
                    "downwardAPI": {
                        "items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}],
                    }
                },
            ],
        },
    }
    lost = [
        {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        for key in ("not-ready", "unreachable")
    ]
    placed: dict[str, Any] = {
        "nodeName": "@NODE@",
        "serviceAccount": "default",
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
        "enableServiceLinks": True,
        "tolerations": lost,
        "volumes": [*_volumes(app), access],
    }
    if app.kind == "DaemonSet":
        placed["tolerations"] = [{"operator": "Exists"}]
        field = {"key": "metadata.name", "operator": "In", "values": ["@NODE@"]}
        terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        placed["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}
    if app.kind == "StatefulSet":
        claim = {"name": "data", "persistentVolumeClaim": {"claimName": "data-@POD@"}}
        placed["volumes"] = [claim, *placed["volumes"]]
    return placed


def _volumes(app: App) -> list[dict[str, Any]]:
    return [
        {"name": "config", "configMap": {"name": f"{app.name}-config", "defaultMode": 420}},
        {"name": "cache", "emptyDir": {}},
    ]


def _container(app: App, name: str) -> dict[str, Any]:
    probe = {
        "httpGet": {"path": "/healthz", "port": "http", "scheme": "HTTP"},
        "periodSeconds": 10,
        "timeoutSeconds": 1,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    return {
        "name": name,
        "image": f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/{app.name}:2.17.4",
        "args": ["--log-level=info", "--listen=:8080", "--metrics=:9090"],
        "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
        "env": [
            *({"name": f"SETTING_{n}", "value": f"https://dependency-{n}.{app.namespace}.svc:8443"} for n in range(3)),
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
            {"name": "PASSWORD", "valueFrom": {"secretKeyRef": {"name": f"{app.name}-secret", "key": "password"}}},
        ],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app", "readOnly": True},
            {"name": "cache", "mountPath": "/var/cache/app"},
        ],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }


def _pod_spec(app: App) -> dict[str, Any]:
    names = ["main", "proxy"] if app.number % 5 == 0 else ["main"]
    apart = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": _selected(app)}}
    spread = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
    return {
        "containers": [_container(app, name) for name in names],
        "volumes": _volumes(app),
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": app.name,
        "securityContext": {"runAsNonRoot": True, "fsGroup": 1000},
        "schedulerName": "default-scheduler",
        "affinity": {
            "podAntiAffinity": {
                "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": apart}]
            }
        },
        "topologySpreadConstraints": [spread | {"labelSelector": {"matchLabels": _selected(app)}}],
    }


def _selected(app: App) -> dict[str, str]:
    return {"app.kubernetes.io/name": app.name}


def _pod_status(spec: dict[str, Any]) -> dict[str, Any]:
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    return {
        "phase": "Running",
        "qosClass": "Burstable",
        "hostIP": "10.0.12.7",
        "hostIPs": [{"ip": "10.0.12.7"}],
        "podIP": "10.0.13.9",
        "podIPs": [{"ip": "10.0.13.9"}],
        "startTime": CREATED,
        "conditions": [
            {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": CREATED} for kind in kinds
        ],
        "containerStatuses": [
            {
                "name": container["name"],
                "state": {"running": {"startedAt": CREATED}},
                "lastState": {},
                "ready": True,
                "started": True,
                "restartCount": 1,
                "image": container["image"],
                "imageID": f"{container['image'].partition(':')[0]}@sha256:{'5d' * 32}",
                "containerID": f"containerd://{'7c' * 32}",
            }
            for container in spec["containers"]
        ],
    }


def _managed(manager: str, part: Any, **more: str) -> dict[str, Any]:
    """Which fields a manager has set, spelled as server-side apply spells them."""
    told = {"manager": manager, "operation": "Update", "apiVersion": "v1", "time": CREATED, "fieldsType": "FieldsV1"}
    return {**told, "fieldsV1": _fields(part), **more}


def _fields(part: Any) -> dict[str, Any]:
    if isinstance(part, dict):
        return {f"f:{key}": _fields(value) for key, value in part.items()}
    if isinstance(part, list) and part and isinstance(part[0], dict) and "name" in part[0]:
        dot: dict[str, Any] = {".": {}}
        return {f'k:{{"name":"{one["name"]}"}}': dot | _fields(one) for one in part}
    return {}


def workload(app: App) -> dict[str, Any]:
    """The object itself, with what kubectl or Helm last applied."""
    template = {
        "metadata": {"labels": _labels(app), "annotations": _pod_annotations(app)},
        "spec": _pod_spec(app),
    }
    spec: dict[str, Any] = {"template": template}
    status: dict[str, Any] = {"observedGeneration": 3}
    if app.kind == "CronJob":
        spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
    elif app.kind == "Job":
        status |= {"succeeded": 1, "completionTime": CREATED}
    else:
        spec |= {"replicas": 4, "selector": {"matchLabels": _selected(app)}, "minReadySeconds": 5}
        status |= dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), 4)
        counts = ("desiredNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable")
        status |= dict.fromkeys(counts, 2_000) if app.kind == "DaemonSet" else {}
    meta = _meta(app, managedFields=[_managed("helm", {"spec": spec})])
    if app.number % 4 == 0:
        version = "batch/v1" if app.kind in ("Job", "CronJob") else "apps/v1"
        applied = {"apiVersion": version, "kind": app.kind, "metadata": {"name": app.name}, "spec": spec}
        meta["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(applied)}
    return {"metadata": meta, "spec": spec, "status": status}


def replica_sets(app: App) -> Iterator[dict[str, Any]]:
    """The one in use, and older ones of which no pod is left."""
    for revision in range(REPLICA_SETS):
        name = f"{app.name}-6f9d8b7c5d" if revision == 0 else f"{app.name}-5c4b3a{revision}"
        found = workload(App("ReplicaSet", app.namespace, app.name, app.number))
        found["metadata"] |= {"name": name, "uid": uid_of(name), "ownerReferences": [_owner("Deployment", app.name)]}
        found["spec"]["replicas"] = 4 if revision == 0 else 0
        if revision:
            found["status"] = {"observedGeneration": 3, "replicas": 0}
        yield found


def node(number: int) -> dict[str, Any]:
    name, zone = node_name(number), ZONES[number % 3]
    labels = {
        "eks.amazonaws.com/nodegroup": f"group-{number // NODES_OF_A_GROUP}",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "kubernetes.io/hostname": name,
        "node.kubernetes.io/instance-type": "m7i.4xlarge",
        "topology.kubernetes.io/region": "eu-west-1",
        "topology.kubernetes.io/zone": f"eu-west-1{zone}",
    }
    room = {"cpu": "15890m", "memory": "60Gi", "pods": "110", "ephemeral-storage": "95551679124"}
    status = {
        "conditions": [
            {"type": kind, "status": "True" if kind == "Ready" else "False", "lastTransitionTime": CREATED}
            for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
        ],
        "nodeInfo": {
            "kubeletVersion": f"v{VERSION}.4-eks-113cf36",
            "osImage": "Amazon Linux 2023.8.20260915",
            "containerRuntimeVersion": "containerd://2.1.4",
            "kernelVersion": "6.1.150-174.273.amzn2023.x86_64",
            "architecture": "amd64",
        },
        "allocatable": room,
        "capacity": room | {"cpu": "16"},
        "images": [
            {
                "names": [f"111122223333.dkr.ecr.eu-west-1.amazonaws.com/app-{n}@sha256:{'5d' * 32}"],
                "sizeBytes": 10**8,
            }
            for n in range(40)
        ],
    }
    managed = [_managed("kubelet", {"metadata": labels, "status": status})]
    meta = {"name": name, "uid": uid_of(name), "creationTimestamp": CREATED, "labels": labels, "managedFields": managed}
    spec = {"providerID": f"aws:///eu-west-1{zone}/i-{number:017x}"}
    return {"metadata": meta, "spec": spec, "status": status}


def pdb(app: App) -> dict[str, Any]:
    counts = {"disruptionsAllowed": 1, "expectedPods": 4, "currentHealthy": 4, "desiredHealthy": 3}
    return {
        "metadata": _meta(app),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": _selected(app)}},
        "status": {"observedGeneration": 3, **counts},
    }


def service(app: App) -> dict[str, Any]:
    spec = {"type": "ClusterIP", "selector": _selected(app), "clusterIPs": ["172.20.1.1"], "ports": [{"port": 80}]}
    return {"metadata": _meta(app, managedFields=[_managed("helm", {"spec": spec})]), "spec": spec, "status": {}}


def service_account(app: App) -> dict[str, Any]:
    return {"metadata": _meta(app, annotations={"eks.amazonaws.com/role-arn": f"arn:aws:iam::1:role/{app.name}"})}


def namespaces() -> list[dict[str, Any]]:
    names = ["kube-system", *(f"team-{number}" for number in range(_NAMESPACES))]
    return [{"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}}} for name in names]
