"""Kubernetes objects as an API server gives them; a test changes what it is about."""

from __future__ import annotations

from typing import Any

CREATED = "2026-11-01T08:00:00Z"
#: Lists that a healthy cluster without extras answers empty; only readiness checks read them.
READINESS_LISTS = (
    "/api/v1/services",
    "/api/v1/persistentvolumes",
    "/api/v1/persistentvolumeclaims",
    "/api/v1/serviceaccounts",
    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
    "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
    "/apis/apiregistration.k8s.io/v1/apiservices",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    "/apis/certificates.k8s.io/v1/certificatesigningrequests",
    "/apis/networking.k8s.io/v1/networkpolicies",
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
    "/apis/storage.k8s.io/v1/storageclasses",
)


def meta(name: str, namespace: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "uid": f"uid-{name}", "creationTimestamp": CREATED, "generation": 3, **more} | (
        {"namespace": namespace} if namespace else {}
    )


def node(name: str = "node-1", *, ready: str = "True", **spec: Any) -> dict[str, Any]:
    return {
        "metadata": meta(
            name,
            labels={"eks.amazonaws.com/nodegroup": "core"},
            annotations={"karpenter.sh/do-not-disrupt": "true", "node.alpha.kubernetes.io/ttl": "0"},
        ),
        "spec": {"providerID": f"aws:///eu-west-1a/{name}", **spec},
        "status": {
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": ready}],
            "nodeInfo": {
                "kubeletVersion": "v1.34.1-eks-113cf36",
                "osImage": "Amazon Linux 2023",
                "containerRuntimeVersion": "containerd://2.1",
                "machineID": "x",
            },
            "allocatable": {
                "cpu": "3920m",
                "memory": "15052524Ki",
                "pods": "58",
                "ephemeral-storage": "76224326324",
                "nvidia.com/gpu": "1",
                "aws.amazon.com/neuron": "2",
            },
        },
    }


def pod(name: str = "web-1", **status: Any) -> dict[str, Any]:
    """A pod whose environment and last-applied-configuration hold a password."""
    return {
        "metadata": meta(
            name,
            "shop",
            labels={"app": "web"},
            annotations={
                "kubectl.kubernetes.io/last-applied-configuration": '{"env":"hunter2"}',
                "karpenter.sh/do-not-disrupt": "true",
            },
            ownerReferences=[{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "uid-web"}],
        ),
        "spec": {
            "nodeName": "node-1",
            "containers": [{"name": "c", "env": [{"name": "PASSWORD", "value": "hunter2"}]}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
        },
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [
                {"name": "c", "restartCount": 2, "state": {"running": {}}},
                {"name": "d", "restartCount": 1, "state": {"waiting": {"reason": "CrashLoopBackOff"}}},
            ],
            **status,
        },
    }


def pdb(**spec: Any) -> dict[str, Any]:
    return {
        "metadata": meta("web", "shop"),
        "spec": spec,
        "status": {"disruptionsAllowed": 0, "expectedPods": 2, "currentHealthy": 2, "desiredHealthy": 2},
    }


def workload(name: str, spec: dict[str, Any], status: dict[str, Any]) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "c", "image": "registry/web:1", "env": [{"value": "hunter2"}]}]}}
    return {
        "metadata": meta(name, "shop"),
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
        "status": {"observedGeneration": 3, **status},
    }


def cron_job(name: str) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, **workload(name, {}, {})["spec"]["template"]}
    spec = {"schedule": "TZ=UTC 0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
    return {"metadata": meta(name, "shop"), "spec": spec, "status": {}}
