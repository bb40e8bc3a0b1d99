"""A healthy cluster, and ways to change one thing of it.

``healthy_snapshot("1.34")`` is a cluster that every check passes; keyword arguments replace whole facts (a plain value
becomes a known fact, an ``Unknown`` stays one), ``with_addon``, ``with_group`` … change one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from upgrade.api_usage import ApiWrites
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import (
    Access,
    Addon,
    AddonOffer,
    AmiRelease,
    CallerIdentity,
    ClusterId,
    ControlPlane,
    IamRole,
    Insight,
    Insights,
    Nodegroup,
    OfferedVersion,
    Subnet,
)
from upgrade.facts import Known, Unknown, known, need
from upgrade.objects import CoreConfig, StorageClassRow
from upgrade.rows import NamespaceRow, NodeRow, Owner, PdbRow, PodRow, PodShape, SpreadRule, WorkloadRow
from upgrade.surroundings import Quota, SecurityGroup, TrafficRule
from upgrade.versions import AddonVersion, KubernetesVersion, hops

TAKEN_AT = datetime(2026, 11, 3, 9, 0, tzinfo=UTC)
ACCOUNT = "111122223333"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/eks-cluster"
COREFILE = """.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa
    forward . /etc/resolv.conf
    cache 30
}
"""
CORE_ADDONS = ("vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver")
AMI_TYPES = ("AL2023_x86_64_STANDARD", "BOTTLEROCKET_x86_64")


def k8s(text: str) -> KubernetesVersion:
    return KubernetesVersion.parse(text)


def span(first: str, last: str) -> tuple[KubernetesVersion, ...]:
    """Every version from first to last, both included."""
    return hops(k8s(first).previous, k8s(last))


#: Everything that the made-up EKS of these tests has ever offered.
EVERY_VERSION = span("1.20", "1.36")


def default_addon(name: str, version: str | KubernetesVersion) -> str:
    """EKS's default version of an add-on for a cluster version, in the world of these tests."""
    minor = k8s(str(version)).minor
    return {
        "vpc-cni": f"v1.{minor - 14}.1-eksbuild.3",
        "kube-proxy": f"v1.{minor}.3-eksbuild.2",
        "coredns": f"v1.{8 + (minor - 20) // 4}.{minor % 4}-eksbuild.4",
        "aws-ebs-csi-driver": f"v1.{minor + 16}.0-eksbuild.1",
        "eks-pod-identity-agent": f"v1.{minor - 20}.0-eksbuild.1",
    }[name]


#: How many cluster versions below and above its own an add-on version is listed for.
_LISTED_AROUND = {
    "vpc-cni": (2, 2),
    "kube-proxy": (0, 3),
    "coredns": (3, 1),
    "aws-ebs-csi-driver": (4, 4),
    "eks-pod-identity-agent": (2, 2),
}


def addon_offer(
    name: str, version: str, on: Iterable[KubernetesVersion | str], default_for: Iterable[KubernetesVersion | str] = ()
) -> AddonOffer:
    return AddonOffer(
        addon=name,
        version=AddonVersion(version),
        versions=tuple(k8s(str(one)) for one in on),
        default_for=tuple(k8s(str(one)) for one in default_for),
    )


def addon_offers(names: Sequence[str] = (*CORE_ADDONS, "eks-pod-identity-agent")) -> tuple[AddonOffer, ...]:
    """For each add-on and cluster version an older build and the default, each listed on neighbouring versions too."""
    offers = []
    for name in names:
        below, above = _LISTED_AROUND[name]
        for version in EVERY_VERSION:
            on = [one for one in EVERY_VERSION if -below <= one.minors_after(version) <= above]
            default = default_addon(name, version)
            older = default.rpartition(".")[0] + ".0"
            offers += [addon_offer(name, older, on), addon_offer(name, default, on, [version])]
    return tuple(offers)


ADDON_OFFERS = addon_offers()


def release(version: str | KubernetesVersion, ami_type: str = AMI_TYPES[0]) -> str:
    return f"{version}.2-20261019" if ami_type.startswith("AL2023") else f"1.{k8s(str(version)).minor}.0-7a3f"


AMI_RELEASES = tuple(
    AmiRelease(version=version, ami_type=ami_type, release_version=release(version, ami_type))
    for version in EVERY_VERSION
    for ami_type in AMI_TYPES
)


def nodegroup(name: str, version: str, **changes: Any) -> Nodegroup:
    """A managed node group with three nodes."""
    ami_type = changes.get("ami_type", AMI_TYPES[0])
    facts: dict[str, Any] = {
        "name": name,
        "version": k8s(version),
        "release_version": release(version, ami_type),
        "status": "ACTIVE",
        "ami_type": ami_type,
        "min_size": 1,
        "max_size": 6,
        "desired_size": 3,
        "max_unavailable": 1,
        "subnet_ids": ("subnet-a", "subnet-b", "subnet-c"),
        "instance_types": ("m7i.large", "m6i.large"),
        "autoscaling_groups": (f"eks-{name}",),
    }
    return Nodegroup(**(facts | changes))


def node(name: str, version: str, labels: Mapping[str, str] = {}, **changes: Any) -> NodeRow:
    facts: dict[str, Any] = {
        "name": name,
        "kubelet_version": f"v{version}.2-eks-113cf36",
        "ready": True,
        "labels": dict(labels),
        "os_image": "Amazon Linux 2023",
        "container_runtime": "containerd://2.1.4",
    }
    return NodeRow(**(facts | changes))


def group_nodes(group: Nodegroup, versions: Sequence[str | KubernetesVersion] = ()) -> tuple[NodeRow, ...]:
    """The nodes of a group; ``versions`` gives the kubelet of each, default all on the group's."""
    kubelets = versions or (group.version,) * group.desired_size
    return tuple(
        node(f"{group.name}-{number}", str(version), {"eks.amazonaws.com/nodegroup": group.name})
        for number, version in enumerate(kubelets)
    )


def addon(name: str, version: str, **changes: Any) -> Addon:
    return Addon(**({"name": name, "version": AddonVersion(version), "status": "ACTIVE"} | changes))


def addons_on(version: str, names: Sequence[str] = CORE_ADDONS) -> tuple[Addon, ...]:
    """Add-ons on EKS's default for a cluster version."""
    return tuple(addon(name, default_addon(name, version)) for name in names)


def workload(
    kind: str, namespace: str, name: str, *images: str, ready: int = 2, shape: PodShape | None = None, **changes: Any
) -> WorkloadRow:
    """A workload with two pods that a drain does not hurt; ``shape`` and ``changes`` replace what it is made of."""
    facts: dict[str, Any] = {
        "kind": kind,
        "namespace": namespace,
        "name": name,
        "uid": f"uid-{name}",
        "replicas": 2,
        "ready": ready,
        "updated": 2,
        "available": ready,
        "selector": {"app": name},
        "template_labels": {"app": name},
        "min_ready_seconds": 5,
        "images": images or (f"registry.example/{name}:v1",),
        "shape": shape or pod_shape(),
    }
    return WorkloadRow(**(facts | changes))


def pod_shape(**changes: Any) -> PodShape:
    """A pod that tells when it is ready, stays apart from its like and takes its time to end."""
    facts: dict[str, Any] = {
        "probed": True,
        "spread": (SpreadRule("kubernetes.io/hostname"), SpreadRule("topology.kubernetes.io/zone")),
        "grace_seconds": 30,
    }
    return PodShape(**(facts | changes))


def pod(namespace: str, name: str, labels: Mapping[str, str] = {}, **changes: Any) -> PodRow:
    facts: dict[str, Any] = {
        "namespace": namespace,
        "name": name,
        "phase": "Running",
        "ready": True,
        "node": "core-0",
        "labels": dict(labels),
        "owners": (Owner(kind="ReplicaSet", name=f"{name}-rs"),),
    }
    return PodRow(**(facts | changes))


def pdb(namespace: str, name: str, **changes: Any) -> PdbRow:
    facts: dict[str, Any] = {
        "namespace": namespace,
        "name": name,
        "match_labels": {"app": name},
        "max_unavailable": 1,
        "disruptions_allowed": 1,
        "expected_pods": 2,
        "current_healthy": 2,
        "desired_healthy": 1,
    }
    return PdbRow(**(facts | changes))


def subnet(name: str, zone: str, free: int = 200) -> Subnet:
    return Subnet(id=name, zone=zone, vpc_id="vpc-1", free_addresses=free)


def insight(name: str, version: str | None, status: str = "PASSING", **changes: Any) -> Insight:
    facts: dict[str, Any] = {
        "id": f"{name}-{version}",
        "name": name,
        "status": status,
        "version": k8s(version) if version else None,
        "refreshed_at": TAKEN_AT - timedelta(hours=3),
    }
    return Insight(**(facts | changes))


def _control_plane(version: str) -> ControlPlane:
    return ControlPlane(
        arn=f"arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/prod-eu",
        version=k8s(version),
        platform_version="eks.5",
        status="ACTIVE",
        role_arn=ROLE_ARN,
        vpc_id="vpc-1",
        subnet_ids=("subnet-a", "subnet-b", "subnet-c"),
        security_group_ids=("sg-1",),
        cluster_security_group_id="sg-2",
        authentication_mode="API_AND_CONFIG_MAP",
        support_type="EXTENDED",
        endpoint="https://prod-eu.example",
        logging=("api", "audit", "authenticator", "controllerManager", "scheduler"),
    )


def _surroundings() -> dict[str, Any]:
    all_traffic = (TrafficRule(protocol="-1", itself=True),)
    out = (TrafficRule(protocol="-1", everywhere=True),)
    return {
        "security_groups": tuple(SecurityGroup(id=one, ingress=all_traffic, egress=out) for one in ("sg-2", "sg-1")),
        "vpc_subnets": (
            subnet("subnet-a", "eu-central-1a"),
            subnet("subnet-b", "eu-central-1b"),
            subnet("subnet-c", "eu-central-1c"),
        ),
        "cluster_role_denied": (),
        "quotas": (Quota(service="ec2", code="L-1216C47A", name="Running On-Demand vCPUs", limit=640, used=24),),
        "instances": (),
        "launch_templates": (),
        "autoscaling_groups": (),
        "fargate_profiles": (),
        "recovery_point_at": TAKEN_AT - timedelta(hours=9),
        "owners": (),
        "resilience_apps": (),
        "audit_requests": (),
        "stale_token_users": (),
    }


def _objects() -> dict[str, Any]:
    empty = (
        "services endpoints webhooks api_services crds csrs persistent_volumes claims anonymous_bindings "
        "missing_eks_rbac network_policies service_accounts token_secrets node_pools node_classes eni_configs "
        "velero_backups pod_security_policies kubelets served_apis api_requests"
    )
    return dict.fromkeys(empty.split(), ()) | {
        "storage_classes": (StorageClassRow(name="gp3", provisioner="ebs.csi.aws.com", default=True),),
        "core_config": CoreConfig(corefile=COREFILE, kube_proxy_mode="iptables", aws_auth_unquoted=()),
        "api_writes": ApiWrites(),
        "helm_writes": ApiWrites(),
    }


def healthy_snapshot(version: str = "1.34", **facts: Any) -> ClusterSnapshot:
    """A cluster on ``version`` with everything level and in order.

    Args:
        facts: facts to replace, by their field name in ClusterSnapshot; ``control_plane`` takes a mapping of changes.
    """
    plane = _control_plane(version).model_copy(update=facts.pop("control_plane", {}))
    groups = facts.get("nodegroups", (nodegroup("core", version), nodegroup("workers", version)))
    nodes = () if isinstance(groups, Unknown) else tuple(one for group in groups for one in group_nodes(group))
    values: dict[str, Any] = {
        "caller": CallerIdentity(account=ACCOUNT, arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/eks-upgrade-bot/check"),
        "offered_versions": tuple(OfferedVersion(version=one, status="STANDARD_SUPPORT") for one in EVERY_VERSION),
        "updates": (),
        "subnets": (
            subnet("subnet-a", "eu-central-1a"),
            subnet("subnet-b", "eu-central-1b"),
            subnet("subnet-c", "eu-central-1c"),
        ),
        "cluster_role": IamRole(arn=ROLE_ARN, trusts_eks=True),
        "keys": (),
        "insights": Insights(
            items=tuple(
                insight(f"Deprecated APIs removed in Kubernetes v{one}", str(one))
                for one in EVERY_VERSION
                if one > plane.version
            )
        ),
        "addons": addons_on(version),
        "addon_offers": ADDON_OFFERS,
        "nodegroups": groups,
        "ami_releases": AMI_RELEASES,
        "denied_actions": (),
        "access": Access(mapped=True),
        "nodes": nodes,
        "pods": (pod("shop", "web-1", {"app": "web"}), pod("shop", "web-2", {"app": "web"}, node="workers-0")),
        "pdbs": (pdb("shop", "web"), pdb("kube-system", "coredns")),
        "workloads": (
            workload("DaemonSet", "kube-system", "aws-node"),
            workload("DaemonSet", "kube-system", "kube-proxy"),
            workload("Deployment", "kube-system", "coredns"),
            workload("Deployment", "shop", "web"),
        ),
        "namespaces": (NamespaceRow(name="kube-system"), NamespaceRow(name="shop")),
        **_surroundings(),
        **_objects(),
        "pod_security_policies": ("eks.privileged",) if plane.version <= k8s("1.24") else (),
    }  # fmt: skip
    unexpected = set(facts) - set(values)
    assert not unexpected, f"no such facts: {unexpected}"
    return ClusterSnapshot(
        taken_at=TAKEN_AT,
        cluster=ClusterId(account=ACCOUNT, region="eu-central-1", name="prod-eu"),
        control_plane=plane,
        **{name: _fact(value) for name, value in (values | facts).items()},
    )


def _fact(value: Any) -> Any:
    return value if isinstance(value, Unknown | Known) else known(value)


def with_facts(snapshot: ClusterSnapshot, **facts: Any) -> ClusterSnapshot:
    """The snapshot with some facts replaced."""
    return snapshot.model_copy(update={name: _fact(value) for name, value in facts.items()})


def with_addon(snapshot: ClusterSnapshot, name: str, **changes: Any) -> ClusterSnapshot:
    """The snapshot with one add-on changed, such as ``version="v1.20.1-eksbuild.3"`` or ``status="DEGRADED"``."""
    if "version" in changes:
        changes["version"] = AddonVersion(changes["version"])
    rows = tuple(one.model_copy(update=changes) if one.name == name else one for one in need(snapshot.addons))
    return with_facts(snapshot, addons=rows)


def with_group(snapshot: ClusterSnapshot, name: str, **changes: Any) -> ClusterSnapshot:
    """The snapshot with one node group changed; its nodes stay."""
    rows = tuple(one.model_copy(update=changes) if one.name == name else one for one in need(snapshot.nodegroups))
    return with_facts(snapshot, nodegroups=rows)


def with_kubelets(snapshot: ClusterSnapshot, group: str, *versions: str) -> ClusterSnapshot:
    """The snapshot with the kubelets of one group's nodes set, first to last."""
    rows = need(snapshot.nodes)
    nodes = list(rows)
    mine = [index for index, one in enumerate(nodes) if one.nodegroup == group]
    for index, version in zip(mine, versions, strict=False):
        nodes[index] = msgspec.structs.replace(nodes[index], kubelet_version=f"v{version}.2-eks-113cf36")
    return with_facts(snapshot, nodes=tuple(nodes))
