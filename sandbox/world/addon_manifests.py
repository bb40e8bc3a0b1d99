"""What each managed add-on puts into its cluster."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.world import manifests
from sandbox.world.objects import (
    BUDGETS,
    CONFIG_MAPS,
    CSI_DRIVERS,
    DAEMON_SETS,
    DEPLOYMENTS,
    SERVICE_ACCOUNTS,
    SERVICES,
    STORAGE_CLASSES,
    Json,
    Resource,
)

Objects = list[tuple[Resource, Json]]
SYSTEM = "kube-system"
ANYWHERE: list[Json] = [{"operator": "Exists"}]
CRITICAL: list[Json] = [
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
]
COREFILE = """.:53 {
    errors
    health {
        lameduck 5s
    }
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
      pods insecure
      fallthrough in-addr.arpa ip6.arpa
    }
    prometheus :9153
    forward . /etc/resolv.conf
    cache 30
    loop
    reload
    loadbalance
}
"""
KUBE_PROXY_CONFIG = """apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
bindAddress: 0.0.0.0
clientConnection:
  kubeconfig: /var/lib/kube-proxy/kubeconfig
conntrack:
  maxPerCore: 32768
  min: 131072
metricsBindAddress: 0.0.0.0:10249
mode: "iptables"
"""


def addon_objects(name: str, version: str, region: str) -> Objects:
    """The objects of an add-on at a version; an add-on unknown here gets one Deployment of its name."""
    registry = f"602401143452.dkr.ecr.{region}.amazonaws.com"
    objects = BUILDERS.get(name, _plain(name))(registry, version)
    pods = [manifest["spec"]["template"]["spec"] for kind, manifest in objects if kind in (DEPLOYMENTS, DAEMON_SETS)]
    accounts = {spec["serviceAccountName"] for spec in pods}
    return [*((SERVICE_ACCOUNTS, manifests.service_account(account, SYSTEM)) for account in sorted(accounts)), *objects]


def _plain(name: str) -> Callable[[str, str], Objects]:
    def build(registry: str, version: str) -> Objects:
        return [_deployment(name, {"k8s-app": name}, f"{registry}/eks/{name}:{version}")]

    return build


def _vpc_cni(registry: str, version: str) -> Objects:
    images = {
        "aws-node": f"{registry}/amazon-k8s-cni:{version}",
        "aws-eks-nodeagent": f"{registry}/amazon/aws-network-policy-agent:v1.2.7-eksbuild.1",
    }
    return [_daemon_set("aws-node", {"k8s-app": "aws-node"}, images, grace=10)]


def _kube_proxy(registry: str, version: str) -> Objects:
    number, build = version.split("-", 1)
    image = f"{registry}/eks/kube-proxy:{number}-minimal-{build}"
    config = {"metadata": {"name": "kube-proxy-config", "namespace": SYSTEM}, "data": {"config": KUBE_PROXY_CONFIG}}
    return [
        (CONFIG_MAPS, config),
        _daemon_set("kube-proxy", {"k8s-app": "kube-proxy"}, {"kube-proxy": image}, grace=30),
    ]


def _coredns(registry: str, version: str) -> Objects:
    labels = {"eks.amazonaws.com/component": "coredns", "k8s-app": "kube-dns"}
    selector = {"k8s-app": "kube-dns"}
    config = {"metadata": {"name": "coredns", "namespace": SYSTEM}, "data": {"Corefile": COREFILE}}
    return [
        (CONFIG_MAPS, config),
        (SERVICES, manifests.service("kube-dns", SYSTEM, selector, [("dns", 53), ("dns-tcp", 53)], "172.20.0.10")),
        _deployment("coredns", labels, f"{registry}/eks/coredns:{version}"),
        (BUDGETS, manifests.budget("coredns", SYSTEM, labels, max_unavailable=1)),
    ]


def _ebs_csi(registry: str, version: str) -> Objects:
    image = f"{registry}/eks/aws-ebs-csi-driver:{version.split('-', maxsplit=1)[0]}"
    driver = {
        "metadata": {"name": "ebs.csi.aws.com", "labels": {"app.kubernetes.io/name": "aws-ebs-csi-driver"}},
        "spec": {"attachRequired": True, "podInfoOnMount": False, "fsGroupPolicy": "ReadWriteOnceWithFSType"},
    }
    storage_class = {
        "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "ebs.csi.aws.com",
        "parameters": {"type": "gp3"},
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    labels = {"app": "ebs-csi-controller"}
    return [
        (CSI_DRIVERS, driver),
        (STORAGE_CLASSES, storage_class),
        _daemon_set("ebs-csi-node", {"app": "ebs-csi-node"}, {"ebs-plugin": image}, grace=30),
        _deployment("ebs-csi-controller", labels, image),
        (BUDGETS, manifests.budget("ebs-csi-controller", SYSTEM, labels, max_unavailable=1)),
    ]


def _pod_identity_agent(registry: str, version: str) -> Objects:
    image = f"{registry}/eks/eks-pod-identity-agent:{version.split('-', maxsplit=1)[0]}"
    labels = {"app.kubernetes.io/name": "eks-pod-identity-agent"}
    return [_daemon_set("eks-pod-identity-agent", labels, {"eks-pod-identity-agent": image}, grace=30)]


def _deployment(name: str, labels: dict[str, str], image: str) -> tuple[Resource, Json]:
    template = manifests.template(
        labels,
        [manifests.container(name, image, probed=True)],
        tolerations=CRITICAL,
        spread=True,
        service_account=name,
        priority_class="system-cluster-critical",
    )
    return DEPLOYMENTS, manifests.workload(name, SYSTEM, manifests.deployment_spec(2, labels, template), labels=labels)


def _daemon_set(name: str, labels: dict[str, str], images: dict[str, str], grace: int) -> tuple[Resource, Json]:
    template = manifests.template(
        labels,
        [manifests.container(container, image, cpu="50m", memory="64Mi") for container, image in images.items()],
        grace_seconds=grace,
        tolerations=ANYWHERE,
        service_account=name,
        priority_class="system-node-critical",
        host_network=True,
    )
    return DAEMON_SETS, manifests.workload(name, SYSTEM, manifests.daemon_set_spec(labels, template), labels=labels)


BUILDERS: dict[str, Callable[[str, str], Objects]] = {
    "vpc-cni": _vpc_cni,
    "kube-proxy": _kube_proxy,
    "coredns": _coredns,
    "aws-ebs-csi-driver": _ebs_csi,
    "eks-pod-identity-agent": _pod_identity_agent,
}
