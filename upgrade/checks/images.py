"""What nodes are made of: the image's family, its container runtime, and what an image of one's own must do."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Annotated, Final

from pydantic import BeforeValidator, Field

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.checks.rotations import Rotation, boots, own_images, rotations, with_addons_before
from upgrade.data_files import read_data
from upgrade.facts import Known, Value, need
from upgrade.findings import Severity
from upgrade.floors import Release, installed, parse_release
from upgrade.nodes import NodeKind, NodeSet, kubelet_of
from upgrade.objects import KubeletRow
from upgrade.pod_templates import READS
from upgrade.rows import NodeRow, PodRow
from upgrade.versions import KubernetesVersion
from upgrade.words import count

_AL2_FAQ: Final = "Amazon EKS User Guide: EKS AL2 AMI deprecation FAQs"
_AL2023_PAGE: Final = "Amazon EKS User Guide: Upgrade from Amazon Linux 2 to Amazon Linux 2023"
_NOTES: Final = "Amazon EKS User Guide: Review release notes for Kubernetes versions"
NODES: Final = ("list nodes", "eks:ListNodegroups", "eks:DescribeNodegroup")
#: Kinds whose nodes are EC2 instances that people chose an image for; Karpenter's classes are judged by themselves.
CHOSEN: Final = frozenset({NodeKind.MANAGED, NodeKind.CUSTOM_AMI, NodeKind.SELF_MANAGED})
_AL2: Final = re.compile(r"Amazon Linux 2(?!0)")
_SHOWN: Final = 5


class Family(StrEnum):
    AL2 = "Amazon Linux 2"
    AL2023 = "Amazon Linux 2023"
    BOTTLEROCKET = "Bottlerocket"
    OTHER = "another"


def family_of(one: NodeSet) -> Family:
    """The family of a node set: as EKS names it, else as its nodes say; one old node makes the set old."""
    if one.kind is NodeKind.MANAGED and one.group:
        kind = one.group.ami_type
        for prefix, family in (("AL2_", Family.AL2), ("AL2023", Family.AL2023), ("BOTTLEROCKET", Family.BOTTLEROCKET)):
            if kind.startswith(prefix):
                return family
        return Family.OTHER
    families = {_family_of_node(node) for node in one.nodes}
    return next((family for family in Family if family in families), Family.OTHER)


def _family_of_node(node: NodeRow) -> Family:
    if _AL2.match(node.os_image):
        return Family.AL2
    for family in (Family.AL2023, Family.BOTTLEROCKET):
        if node.os_image.startswith(family):
            return family
    return Family.OTHER


@cache
def last_al2() -> KubernetesVersion:
    """The last version that EKS built Amazon Linux 2 for."""
    return KubernetesVersion.parse(read_data("node_images.yaml")["al2"]["last"])


@check(
    "AMI001",
    "No node runs Amazon Linux 2",
    rules=("B-132-03",),
    source=_AL2_FAQ,
    permissions=NODES,
    severity=Severity.WARNS,
    stops=("nodes",),
)
def nodes_have_left_al2(hop: Hop) -> Iterator[Problem]:
    if not hop.first:
        raise NotApplicable
    for one in hop.node_sets:
        if one.kind in CHOSEN and family_of(one) is Family.AL2:
            yield Problem(
                subject=one.subject,
                summary=f"Nodes of {one.name} run Amazon Linux 2, which EKS builds no images of any more.",
                remedy=leave_al2(one),
            )


@check(
    "AMI002",
    "Nodes that are rotated have an image for the version that they get",
    rules=("B-133-01", "C-21"),
    source=_AL2_FAQ,
    permissions=NODES,
    applies_from=KubernetesVersion(1, 33),
    waivable=True,
    stops=("nodes",),
)
def images_exist_for_the_version(hop: Hop) -> Iterator[Problem]:
    """The control plane may still move on while skew allows; it is the nodes that cannot follow."""
    for one in rotations(hop, last_al2().next, CHOSEN):
        if family_of(one.nodes) is Family.AL2:
            yield Problem(
                subject=one.subject,
                summary=f"Nodes of {one.name} run Amazon Linux 2, of which there is no image after {last_al2()}.",
                remedy=leave_al2(one.nodes),
            )


def leave_al2(one: NodeSet) -> str:
    """How those nodes get another family."""
    match one.kind:
        case NodeKind.CUSTOM_AMI:
            return "Put an image of AL2023 or Bottlerocket into the launch template, with user data for it."
        case NodeKind.MANAGED:
            return "Create a node group with AL2023 or Bottlerocket beside it, move the pods, then delete it."
    return "Replace them by nodes with AL2023 or Bottlerocket and user data for it."


# -- container runtime ------------------------------------------------------------------------------------------------


class _RuntimeFloor(Value):
    rule: str
    at_least: Annotated[Release, BeforeValidator(lambda text: parse_release(str(text)))]
    first: KubernetesVersion = Field(alias="from")
    until: KubernetesVersion | None = None
    severity: Severity
    source: str


@cache
def _runtime_floors() -> tuple[_RuntimeFloor, ...]:
    """Highest floor first."""
    found = (_RuntimeFloor.model_validate(entry) for entry in read_data("node_images.yaml")["containerd"])
    return tuple(sorted(found, key=lambda floor: floor.at_least, reverse=True))


def containerd_of(node: NodeRow) -> Release | None:
    runtime, _, version = node.container_runtime.partition("://")
    return parse_release(version) if runtime == "containerd" else None


@check(
    "AMI003",
    "Images of your own have a containerd that the kubelet speaks to",
    rules=("B-126-02", "B-135-02", "B-136-05"),
    source=_NOTES,
    permissions=NODES,
    applies_from=KubernetesVersion(1, 26),
    waivable=True,
    stops=("nodes",),
)
def own_images_have_a_containerd_that_fits(hop: Hop) -> Iterator[Problem]:
    """EKS's own images bring one that fits; of an image that a person builds only the one in use can be seen."""
    for one in own_images(hop, KubernetesVersion(1, 26)):
        for floor in _runtime_floors():
            if not floor.first <= one.version <= (floor.until or one.version):
                continue
            old = [n for n in one.nodes.nodes if (release := containerd_of(n)) and release < floor.at_least]
            if old:
                least = ".".join(map(str, floor.at_least))
                why = f"{one.version} is the last version that takes it" if floor.until else f"{floor.first} needs it"
                yield Problem(
                    subject=one.subject,
                    summary=f"Nodes of {one.name} run a containerd older than {least}; {why}.",
                    remedy=f"Build the image for {one.version} with containerd {least} or later.",
                    evidence={node.name: node.container_runtime for node in old[:_SHOWN]},
                    severity=floor.severity,
                )
                break


@check(
    "AMI004",
    "The containerd of EKS's images does what the present one does",
    rules=("B-134-01",),
    source=_NOTES,
    permissions=(*NODES, "ec2:DescribeLaunchTemplateVersions", "autoscaling:DescribeAutoScalingGroups"),
    applies_from=KubernetesVersion(1, 34),
    severity=Severity.WARNS,
)
def containerd_stays_compatible(hop: Hop) -> Iterator[Problem]:
    """Configuration of its own can only be in user data; who has none is told and need not look."""
    brought = read_data("node_images.yaml")["eks_images"]
    since, release = KubernetesVersion.parse(brought["from"]), parse_release(brought["containerd"])
    rotated = rotations(hop, since, {NodeKind.MANAGED})
    configured = {boot.subject for boot in boots(hop, since) if boot.template.user_data.kind != "none"}
    for one in rotated:
        old = [node for node in one.nodes.nodes if (present := containerd_of(node)) and release and present < release]
        if old:
            yield Problem(
                subject=one.subject,
                summary=f"Nodes of {one.name} go from {old[0].container_runtime.replace('://', ' ')} to containerd "
                f"{brought['containerd']} or later.",
                remedy="Read containerd's notes on 2.0 and 2.1; test configuration of your own, runtime plugins and "
                "registries with images of schema 1.",
                severity=Severity.WARNS if one.subject in configured else Severity.INFORMS,
            )


# -- images that a person builds --------------------------------------------------------------------------------------


@check(
    "AMI005",
    "Images of your own forward IP packets",
    rules=("B-124-04",),
    source="Amazon EKS User Guide: Migrate from dockershim to containerd",
    permissions=NODES,
    applies_from=KubernetesVersion(1, 24),
    severity=Severity.WARNS,
    stops=("nodes",),
)
def own_images_forward_packets(hop: Hop) -> Iterator[Problem]:
    since = KubernetesVersion(1, 24)
    for one in own_images(hop, since):
        if one.nodes.oldest < since:
            yield Problem(
                subject=one.subject,
                summary=f"Nobody can see from outside whether the image of {one.name} switches IP forwarding on.",
                remedy="Make sure that it sets net.ipv4.ip_forward=1: Docker did so, containerd does not.",
                unknown=True,
            )


@check(
    "AMI006",
    "Images of your own use cgroup v2",
    rules=("B-135-01",),
    source="Kubernetes: About cgroup v2",
    permissions=(*NODES, "get nodes/proxy"),
    applies_from=KubernetesVersion(1, 35),
    waivable=True,
    stops=("nodes",),
)
def own_images_use_cgroup_v2(hop: Hop) -> Iterator[Problem]:
    """EKS's images are of v2, or set what lets the kubelet start; of others the kubelet is asked, if that is chosen."""
    since = KubernetesVersion(1, 35)
    told = {row.node: row for row in hop.now.kubelets.value} if isinstance(hop.now.kubelets, Known) else {}
    untold: list[str] = []
    for one in own_images(hop, since):
        old: list[str] = []
        for node in one.nodes.nodes:
            cgroup = _cgroup_version(node, told.get(node.name), since)
            if cgroup is None:
                untold.append(node.name)
            elif cgroup == 1:
                old.append(node.name)
        if old:
            yield Problem(
                subject=one.subject,
                summary=f"Nodes of {one.name} use cgroup v1, with which a kubelet of 1.35 and later does not start.",
                remedy="Build the image with cgroup v2, or set failCgroupV1: false in its kubelet configuration.",
                evidence={"nodes": ", ".join(old[:_SHOWN])},
            )
    if untold:
        need(hop.now.kubelets)
        summary = f"The kubelets of {count(len(untold), 'node')} do not tell which cgroup version they use."
        yield Problem(
            "nodes", summary, "Look at the image by hand.", {"nodes": ", ".join(untold[:_SHOWN])}, unknown=True
        )


def _cgroup_version(node: NodeRow, kubelet: KubeletRow | None, since: KubernetesVersion) -> int | None:
    """1, 2, or None when nobody tells; a v1 node that is set to go on counts as 2."""
    if kubelet and kubelet.cgroup_version:
        # Before 1.35 false is only what the kubelet assumes, and 1.35 assumes true.
        goes_on = kubelet.fail_cgroup_v1 is False and kubelet_of(node) >= since
        return 2 if goes_on else kubelet.cgroup_version
    return {Family.AL2: 1, Family.AL2023: 2, Family.BOTTLEROCKET: 2}.get(_family_of_node(node))


@check(
    "AMI007",
    "Static pods refer to no objects of the API",
    rules=("B-134-05",),
    source="Kubernetes: Create static Pods",
    permissions=(*NODES, "list pods"),
    applies_from=KubernetesVersion(1, 34),
    severity=Severity.WARNS,
    stops=("nodes",),
)
def static_pods_refer_to_nothing(hop: Hop) -> Iterator[Problem]:
    nodes = {node.name for one in own_images(hop, KubernetesVersion(1, 34)) for node in one.nodes.nodes}
    found: dict[str, set[str]] = defaultdict(set)
    for pod in need(hop.now.pods):
        if pod.annotations and _MIRROR in pod.annotations and pod.node in nodes:
            name = pod.name.removesuffix(f"-{pod.node}")
            found[f"{pod.namespace}/Pod/{name}"].update(_references(pod))
    for subject, references in sorted(found.items()):
        if references:
            yield Problem(
                subject=subject,
                summary=f"The static pod {subject} refers to objects of the API, which a kubelet of 1.34 refuses.",
                remedy="Take the references out of its manifest in the image.",
                evidence={"refers to": ", ".join(sorted(references))},
            )


_MIRROR: Final = "kubernetes.io/config.mirror"
_OF_THE_API: Final = frozenset({"configMap", "secret", "persistentVolumeClaim", "projected"})


def _references(pod: PodRow) -> Iterator[str]:
    if pod.shape.service_account:
        yield "service account"
    for volume in pod.shape.volumes:
        if volume.kind in _OF_THE_API:
            yield volume.kind


# -- AL2023 -----------------------------------------------------------------------------------------------------------


@check(
    "AMI008",
    "The VPC CNI is new enough for nodes with Amazon Linux 2023",
    rules=("B-133-02", "E-11"),
    source=_AL2023_PAGE,
    permissions=(*NODES, "eks:ListAddons", "eks:DescribeAddon", *READS),
    waivable=True,
    stops=("nodes",),
)
def vpc_cni_fits_al2023(hop: Hop) -> Iterator[Problem]:
    least = parse_release(read_data("node_images.yaml")["al2023"]["vpc_cni"])
    rotated = [one for one in rotations(hop, kinds=CHOSEN) if _is_or_will_be_al2023(one)]
    if not rotated or least is None:
        raise NotApplicable
    for one in rotated:
        for cni in installed(with_addons_before(hop, one), hop.templates, "vpc-cni"):
            if cni.release and cni.release < least:
                wanted = ".".join(map(str, least))
                yield Problem(
                    subject=cni.subject,
                    summary=f"VPC CNI {cni.text} is older than {wanted}, which nodes with Amazon Linux 2023 need.",
                    remedy=f"Update it to {wanted} or later before nodes are rotated.",
                )
                return


def must_leave_al2(one: NodeSet, version: KubernetesVersion) -> bool:
    """Whether those nodes get another family with that version."""
    return family_of(one) is Family.AL2 and version > last_al2()


def _is_or_will_be_al2023(one: Rotation) -> bool:
    return family_of(one.nodes) is Family.AL2023 or must_leave_al2(one.nodes, one.version)


@check(
    "WIN001",
    "Windows nodes do not stay on 1.23",
    rules=("B-123-09",),
    source=_NOTES,
    permissions=NODES,
    applies_from=KubernetesVersion(1, 23),
    applies_until=KubernetesVersion(1, 23),
    severity=Severity.INFORMS,
)
def windows_does_not_stay(hop: Hop) -> Iterator[Problem]:
    for one in hop.node_sets:
        if any(node.labels.get("kubernetes.io/os") == "windows" for node in one.nodes):
            yield Problem(
                subject=one.subject,
                summary=f"Nodes of {one.name} run Windows, whose EKS images have no extended support on 1.23.",
                remedy="Go on to 1.24.",
            )
