"""What the API server fills in when an object is written, so that every stored object has what clients require."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from sandbox.world.objects import Json, copy_json

_SERVER_SET = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
)

_NODE_INFO = (
    "architecture",
    "bootID",
    "containerRuntimeVersion",
    "kernelVersion",
    "kubeProxyVersion",
    "machineID",
    "operatingSystem",
    "osImage",
    "systemUUID",
)


def new_object(kind: str, manifest: Json) -> Json:
    """A copy of what is to be created: no server-set metadata, defaults filled in, the status that new objects have."""
    filled: Json = filled_in(kind, manifest)
    filled["metadata"] = {name: value for name, value in filled["metadata"].items() if name not in _SERVER_SET}
    if kind in _NEW_STATUS:
        filled["status"] = copy_json(_NEW_STATUS[kind])
    elif kind == "CustomResourceDefinition":
        filled["status"] = _definition_status(filled)
    return filled


def filled_in(kind: str, manifest: Json) -> Json:
    """A copy with the defaults of its kind, as every write gets them."""
    filled: Json = copy_json(manifest)
    if kind in _DEFAULTS:
        _DEFAULTS[kind](filled)
    return filled


def _fill(target: Json, **defaults: Any) -> None:
    for name, value in defaults.items():
        if target.get(name) is None:
            target[name] = value


def _pod_spec(spec: Json) -> None:
    _fill(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        schedulerName="default-scheduler",
        securityContext={},
    )
    for container in [*spec.get("containers", ()), *(spec.get("initContainers") or ())]:
        image = str(container.get("image", ""))
        tag = image.rpartition("/")[2].partition(":")[2]
        _fill(
            container,
            image=image,
            imagePullPolicy="Always" if tag in ("", "latest") else "IfNotPresent",
            resources={},
            terminationMessagePath="/dev/termination-log",
            terminationMessagePolicy="File",
        )
        for port in container.get("ports") or ():
            _fill(port, protocol="TCP")


def _template(spec: Json) -> None:
    template = spec["template"]
    _fill(template, metadata={}, spec={})
    _fill(template["metadata"], labels={})
    _pod_spec(template["spec"])


def _pod(pod: Json) -> None:
    spec, metadata = pod["spec"], pod["metadata"]
    _pod_spec(spec)
    _fill(spec, serviceAccountName="default", serviceAccount="default")
    _fill(metadata, labels={}, annotations={})


def _deployment(deployment: Json) -> None:
    _template(deployment["spec"])
    rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
    _fill(
        deployment["spec"],
        replicas=1,
        strategy={"type": "RollingUpdate", "rollingUpdate": rolling},
        revisionHistoryLimit=10,
        progressDeadlineSeconds=600,
    )


def _replica_set(replica_set: Json) -> None:
    _fill(replica_set["spec"], replicas=1, template={"metadata": {}, "spec": {"containers": []}})
    _template(replica_set["spec"])


def _stateful_set(stateful_set: Json) -> None:
    _template(stateful_set["spec"])
    _fill(
        stateful_set["spec"],
        replicas=1,
        serviceName="",
        podManagementPolicy="OrderedReady",
        updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
        revisionHistoryLimit=10,
    )


def _daemon_set(daemon_set: Json) -> None:
    _template(daemon_set["spec"])
    _fill(
        daemon_set["spec"],
        updateStrategy={"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        revisionHistoryLimit=10,
    )


def _job(job: Json) -> None:
    spec, name = job["spec"], job["metadata"]["name"]
    _template(spec)
    labels = {"batch.kubernetes.io/job-name": name, "job-name": name}
    spec["template"]["metadata"]["labels"] = {**spec["template"]["metadata"]["labels"], **labels}
    _fill(
        spec,
        parallelism=1,
        completions=1,
        backoffLimit=6,
        completionMode="NonIndexed",
        suspend=False,
        selector={"matchLabels": {"batch.kubernetes.io/job-name": name}},
    )


def _cron_job(cron_job: Json) -> None:
    _fill(
        cron_job["spec"],
        concurrencyPolicy="Allow",
        suspend=False,
        successfulJobsHistoryLimit=3,
        failedJobsHistoryLimit=1,
    )


def _budget(budget: Json) -> None:
    _fill(budget, spec={})
    if "minAvailable" not in budget["spec"] and "maxUnavailable" not in budget["spec"]:
        budget["spec"]["minAvailable"] = 1


def _namespace(namespace: Json) -> None:
    _fill(namespace["metadata"], labels={})
    namespace["metadata"]["labels"]["kubernetes.io/metadata.name"] = namespace["metadata"]["name"]
    _fill(namespace, spec={"finalizers": ["kubernetes"]})


def _service(service: Json) -> None:
    _fill(service, spec={})
    spec = service["spec"]
    _fill(spec, type="ClusterIP", sessionAffinity="None")
    metadata = service["metadata"]
    digest = hashlib.sha256(f"{metadata['namespace']}/{metadata['name']}".encode()).digest()
    if spec["type"] != "ExternalName":
        _fill(spec, clusterIP=f"172.20.{digest[0]}.{1 + digest[1] % 254}")
        _fill(spec, clusterIPs=[spec["clusterIP"]])
    for port in spec.get("ports") or ():
        _fill(port, protocol="TCP", targetPort=port.get("port"))


def _node(node: Json) -> None:
    _fill(node, spec={}, status={})
    _fill(node["metadata"], labels={}, annotations={})
    status = node["status"]
    _fill(status, conditions=[], allocatable={}, nodeInfo={}, addresses=[_hostname(node)])
    _fill(status["allocatable"], pods="0")
    _fill(status["nodeInfo"], kubeletVersion="v0.0.0")  # nothing runs on a node that no kubelet registered
    _fill(status["nodeInfo"], **dict.fromkeys(_NODE_INFO, ""))


def _hostname(node: Json) -> Json:
    return {"type": "Hostname", "address": node["metadata"]["name"]}


def _definition(definition: Json) -> None:
    names = definition["spec"]["names"]
    _fill(names, singular=names["kind"].lower(), listKind=f"{names['kind']}List")


def _definition_status(definition: Json) -> Json:
    spec = definition["spec"]
    return {
        "acceptedNames": dict(spec["names"]),
        "conditions": [
            {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts"},
            {"type": "Established", "status": "True", "reason": "InitialNamesAccepted"},
        ],
        "storedVersions": [version["name"] for version in spec["versions"] if version.get("storage")],
    }


_NEW_STATUS: dict[str, Json] = {
    "Pod": {"phase": "Pending", "qosClass": "BestEffort"},
    "Deployment": {},
    "ReplicaSet": {"replicas": 0},
    "StatefulSet": {"replicas": 0, "availableReplicas": 0},
    "DaemonSet": {
        "currentNumberScheduled": 0,
        "desiredNumberScheduled": 0,
        "numberMisscheduled": 0,
        "numberReady": 0,
    },
    "Job": {},
    "CronJob": {},
    "PodDisruptionBudget": {"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0},
    "Namespace": {"phase": "Active"},
    "Service": {"loadBalancer": {}},
}
_DEFAULTS: dict[str, Callable[[Json], None]] = {
    "Pod": _pod,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
    "PodDisruptionBudget": _budget,
    "Namespace": _namespace,
    "Service": _service,
    "Node": _node,
    "CustomResourceDefinition": _definition,
}
