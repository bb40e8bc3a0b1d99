"""Services, addresses, ingress and kube-proxy."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, also, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.snapshots import healthy_snapshot, k8s, node, pod_shape, with_facts, workload
from upgrade.api_usage import ApiRequest
from upgrade.checks import networking
from upgrade.cluster import ClusterSnapshot
from upgrade.findings import Severity
from upgrade.objects import CoreConfig, NetworkPolicyRow, ServiceRow
from upgrade.rows import LabelRequirement, NodeTerm

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
WEB = "shop/Service/web"
MODE = "kube-system/ConfigMap/kube-proxy-config"
KUBE_PROXY = "kube-system/DaemonSet/kube-proxy"
EKS_IMAGE = "602401143452.dkr.ecr.eu-west-1.amazonaws.com/eks/kube-proxy:v1.24.7-eksbuild.2"
TWO = tuple(node(arch, "1.34", {"kubernetes.io/arch": arch}) for arch in ("amd64", "arm64"))
BOTH = (NodeTerm((LabelRequirement("kubernetes.io/arch", "In", ("amd64", "arm64")),)),)


def service(target: str, **changes: Any) -> ClusterSnapshot:
    return before(target, services=(ServiceRow("shop", "web", labels={"team": "shop"}, **changes),))


def policy(target: str, *cidrs: str) -> ClusterSnapshot:
    return before(target, network_policies=(NetworkPolicyRow("shop", "deny", cidrs),))


def mode(target: str, value: str | None) -> ClusterSnapshot:
    return before(target, core_config=CoreConfig(kube_proxy_mode=value))


def own_proxy(target: str, image: str, year: int = 2024, nodes: Any = (), **shape: Any) -> ClusterSnapshot:
    """A cluster of that year whose kube-proxy nobody but its owner manages."""
    made = {"created_at": datetime(year, 1, 1, tzinfo=UTC)}
    cluster = healthy_snapshot(str(k8s(target).previous), control_plane=made)
    row = workload("DaemonSet", "kube-system", "kube-proxy", image, shape=pod_shape(**shape))
    return with_facts(cluster, addons=(), workloads=(row,), nodes=nodes)


def ingress(image: str) -> ClusterSnapshot:
    return also("1.35", workload("Deployment", "edge", "ingress", image))


def audited(username: str, resource: str = "endpoints", target: str = "1.35") -> ClusterSnapshot:
    row = ApiRequest(group="", version="v1", resource=resource, username=username, user_agent="till/1")
    return before(target, audit_requests=(row,))


FOUND = [
    Found("SVC001", "two families", service("1.23", ip_family_policy="PreferDualStack"), WARNS, WEB, "PreferDualStack"),
    Found("SVC002", "leading zeros", service("1.36", external_ips=("010.0.0.1",)), WARNS, WEB),
    Found("SVC002", "host bits", policy("1.36", "10.0.0.7/8"), WARNS, "shop/NetworkPolicy/deny", "host bits"),
    Found("SVC002", "a block without length", service("1.36", source_ranges=("10.0.0.0",)), WARNS, WEB),
    Found("SVC002", "IPv4 inside IPv6", service("1.36", cluster_ips=("::ffff:10.0.0.1",)), WARNS, WEB),
    Found("SVC002", "before 1.36", policy("1.30", "10.00.0.0/8"), INFORMS, "shop/NetworkPolicy/deny"),
    Found("SVC003", "externalIPs", service("1.36", external_ips=("192.0.2.1",)), INFORMS, WEB, "1.43"),
    Found("SVC004", "the annotation", service("1.33", topology_mode=True), INFORMS, WEB, "topology-mode"),
    Found("SVC005", "the controller", ingress("registry.k8s.io/ingress-nginx/controller:v1.9@sha256:00"), WARNS,
          "edge/Deployment/ingress"),
    Found("SVC005", "in a mirror", ingress("mirror.example/k8s/ingress-nginx/controller-chroot:v1.9"), WARNS,
          "edge/Deployment/ingress"),
    Found("SVC006", "no mode", mode("1.33", ""), INFORMS, MODE, "not named"),
    Found("SVC006", "IPVS at 1.35", mode("1.35", "ipvs"), WARNS, MODE, "IPVS"),
    Found("SVC007", "the default image at 1.23", own_proxy("1.23", EKS_IMAGE), WARNS, KUBE_PROXY, "no shell"),
    Found("SVC007", "the default image at 1.25", own_proxy("1.25", EKS_IMAGE), WARNS, KUBE_PROXY, "only the minimal"),
    Found("SVC007", "two architectures", own_proxy("1.35", "x/kube-proxy:v1.34.0", 2019, TWO), INFORMS, KUBE_PROXY,
          "17 August 2020"),
    Found("SVC008", "a user", audited("system:serviceaccount:shop:web"), WARNS, "system:serviceaccount:shop:web"),
]  # fmt: skip

NEAR = [
    NearMiss("SVC001", "one family", service("1.23", ip_family_policy="SingleStack")),
    NearMiss("SVC001", "later", service("1.24", ip_family_policy="PreferDualStack")),
    NearMiss("SVC002", "no cluster address", service("1.36", cluster_ips=("None",), source_ranges=("10.0.0.0/8",))),
    NearMiss("SVC002", "IPv6", policy("1.36", "2001:db8::/32", "::/0")),
    NearMiss("SVC002", "before 1.27", policy("1.26", "10.0.0.7/8")),
    NearMiss("SVC003", "before 1.36", service("1.35", external_ips=("192.0.2.1",))),
    NearMiss("SVC004", "before 1.33", service("1.32", topology_mode=True)),
    NearMiss("SVC005", "NGINX's own controller", ingress("docker.io/nginx/nginx-ingress:3.4")),
    NearMiss("SVC006", "IPVS before 1.35", mode("1.34", "ipvs")),
    NearMiss("SVC006", "nftables", mode("1.36", "nftables")),
    NearMiss("SVC006", "no such ConfigMap", mode("1.36", None)),
    NearMiss("SVC007", "the minimal image", own_proxy("1.25", EKS_IMAGE.replace("-eks", "-minimal-eks"))),
    NearMiss("SVC007", "an EKS add-on",
             before("1.25", workloads=(workload("DaemonSet", "kube-system", "kube-proxy", EKS_IMAGE),))),
    NearMiss("SVC007", "both architectures named", own_proxy("1.35", "x/kube-proxy:v1", 2019, TWO, node_terms=BOTH)),
    NearMiss("SVC007", "a newer cluster", own_proxy("1.35", "x/kube-proxy:v1", 2021, TWO)),
    NearMiss("SVC008", "Kubernetes itself", audited("system:kube-controller-manager")),
    NearMiss("SVC008", "another resource", audited("ann", "componentstatuses")),
]  # fmt: skip


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    assert {one.code for one in FOUND} == codes_of(networking) == {one.code for one in NEAR}


def test_ipvs_blocks_only_where_it_is_off() -> None:
    levels = {target: findings(mode(target, "ipvs"), "SVC006")[0].severity for target in ("1.36", "1.39", "1.40")}
    assert levels == {"1.36": WARNS, "1.39": WARNS, "1.40": BLOCKS}


def test_a_service_with_an_owner_names_it() -> None:
    (found,) = findings(service("1.36", external_ips=("192.0.2.1",)), "SVC003")
    assert found.evidence["owner"] == "shop"
