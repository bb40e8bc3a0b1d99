"""Nodes by kind, as one decides about them: a node group, a Karpenter pool, all Fargate pods (A-40)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from upgrade.cluster import ClusterSnapshot
from upgrade.eks import Nodegroup
from upgrade.errors import FactUnknown
from upgrade.facts import need
from upgrade.rows import NodeRow
from upgrade.versions import KubernetesVersion

CUSTOM_AMI = "CUSTOM"
CRITICAL_ADDONS_ONLY = "CriticalAddonsOnly"
_CORE_NAME = re.compile(r"(^|[-_.])(core|system)", re.IGNORECASE)


class NodeKind(StrEnum):
    """Kinds of nodes, in the order in which they are rotated. Only ``MANAGED`` is changed by this program."""

    MANAGED = "nodegroup"
    CUSTOM_AMI = "custom-ami"
    SELF_MANAGED = "self-managed"
    KARPENTER = "karpenter"
    FARGATE = "fargate"
    HYBRID = "hybrid"
    AUTO_MODE = "auto-mode"


_ROTATION_ORDER = {kind: position for position, kind in enumerate(NodeKind)}


@dataclass(frozen=True)
class NodeSet:
    """Nodes that are rotated together.

    Args:
        oldest: the lowest version among its kubelets and, for a managed node group, the group itself: a failed rotation
            leaves a mix behind (D-08).
        core: it carries what the rest needs, so it goes first (C-15).
        group: the managed node group, for the kinds ``MANAGED`` and ``CUSTOM_AMI``.
    """

    kind: NodeKind
    name: str
    oldest: KubernetesVersion
    newest: KubernetesVersion
    nodes: tuple[NodeRow, ...] = ()
    core: bool = False
    group: Nodegroup | None = None

    @property
    def subject(self) -> str:
        return f"{self.kind}/{self.name}"


def kubelet_of(node: NodeRow) -> KubernetesVersion:
    """The minor of a node's kubelet. Raises FactUnknown when the node does not tell it."""
    try:
        return node.kubelet
    except ValueError:
        raise FactUnknown(f"Node {node.name} does not tell its kubelet version ({node.kubelet_version!r}).") from None


def set_of(node: NodeRow, groups: Mapping[str, Nodegroup]) -> tuple[NodeKind, str]:
    """Kind and name of the set that a node belongs to. ``groups``: the managed node groups by name."""
    labels = node.labels
    group = groups.get(node.nodegroup or "")
    if group:
        return _kind_of(group), group.name
    compute = labels.get("eks.amazonaws.com/compute-type", "")
    if compute == "fargate" or node.name.startswith("fargate-"):
        return NodeKind.FARGATE, "pods"
    if compute == "hybrid":
        return NodeKind.HYBRID, "nodes"
    pool = labels.get("karpenter.sh/nodepool") or labels.get("karpenter.sh/provisioner-name")
    if compute == "auto":
        return NodeKind.AUTO_MODE, pool or "nodes"
    if pool:
        return NodeKind.KARPENTER, pool
    return NodeKind.SELF_MANAGED, labels.get("alpha.eksctl.io/nodegroup-name") or node.nodegroup or "nodes"


def node_sets(snapshot: ClusterSnapshot) -> tuple[NodeSet, ...]:
    """All node sets, in the order of rotation: core node groups, the other ones, then the kinds that others rotate.

    Raises FactUnknown when nodes or node groups could not be read.
    """
    groups = {group.name: group for group in need(snapshot.nodegroups)}
    members: dict[tuple[NodeKind, str], list[NodeRow]] = {(_kind_of(group), name): [] for name, group in groups.items()}
    for node in need(snapshot.nodes):
        members.setdefault(set_of(node, groups), []).append(node)
    sets = (_gather(kind, name, nodes, groups.get(name)) for (kind, name), nodes in members.items())
    return tuple(sorted(sets, key=lambda one: (_ROTATION_ORDER[one.kind], not one.core, one.name)))


def _kind_of(group: Nodegroup) -> NodeKind:
    return NodeKind.CUSTOM_AMI if group.ami_type == CUSTOM_AMI else NodeKind.MANAGED


def _gather(kind: NodeKind, name: str, nodes: list[NodeRow], group: Nodegroup | None) -> NodeSet:
    if kind not in (NodeKind.MANAGED, NodeKind.CUSTOM_AMI):
        group = None
    versions = [kubelet_of(node) for node in nodes]
    # With a custom AMI the group's version is only what it was made with; the kubelets tell the truth.
    if group and (kind is NodeKind.MANAGED or not versions):
        versions.append(group.version)
    core = bool(_CORE_NAME.search(name)) or any(_carries_critical_addons(node) for node in nodes)
    return NodeSet(kind, name, min(versions), max(versions), tuple(nodes), core, group)


def _carries_critical_addons(node: NodeRow) -> bool:
    return CRITICAL_ADDONS_ONLY in node.labels or any(taint.key == CRITICAL_ADDONS_ONLY for taint in node.taints)


def names(sets: Iterable[NodeSet]) -> str:
    """The sets for a sentence: ``nodegroup/core (1.31), karpenter/default (1.32)``."""
    return ", ".join(f"{one.subject} ({one.oldest})" for one in sets)
