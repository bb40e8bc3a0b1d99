"""Nodes that are not instances of a node group: Fargate, Auto Mode, hybrid nodes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from upgrade.checks.nodes import must_match
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.facts import Known, need
from upgrade.findings import Severity
from upgrade.nodes import NodeKind, NodeSet, kubelet_of
from upgrade.pod_templates import READS
from upgrade.words import count

_UPDATE_PAGE: Final = "Amazon EKS User Guide: Update existing cluster to new Kubernetes version"
_NODES: Final = ("list nodes", "eks:ListNodegroups", "eks:DescribeNodegroup")
#: The CNIs that hybrid nodes may have; EKS installs neither.
_HYBRID_CNI: Final = re.compile(r"(^|/)(cilium/cilium|calico/node)([:@]|$)")
_SHOWN: Final = 5


@check(
    "FGT001",
    "Fargate pods are on the control plane's version before it moves",
    rules=("A-52", "C-05", "C-26"),
    source=_UPDATE_PAGE,
    permissions=(*_NODES, "eks:ListFargateProfiles", "list pods"),
    waivable=True,
    severity=Severity.WARNS,
    stops=("control-plane",),
    phases=("control-plane",),
)
def fargate_pods_are_level(hop: Hop) -> Iterator[Problem]:
    """A pod on Fargate keeps the version that it was started with; skew that must not be is SKW002's."""
    profiles = need(hop.now.fargate_profiles)
    sets = [one for one in hop.node_sets_before if one.kind is NodeKind.FARGATE]
    strict = must_match(hop)
    if not (hop.first or strict) or not (profiles or sets):
        raise NotApplicable
    for one in sets:
        old = {node.name for node in one.nodes if kubelet_of(node) < hop.current}
        if old:
            yield Problem(
                subject=one.subject,
                summary=f"On Fargate {count(len(old), 'pod runs', 'pods run')} {one.oldest} or later, "
                f"but older than the control plane's {hop.current}.",
                remedy=f"Restart their workloads before the update, so that they come back on {hop.current}; a pod "
                "without a controller does not come back.",
                evidence=_on(hop, old),
                severity=Severity.BLOCKS if strict else None,
            )


def _on(hop: Hop, nodes: set[str]) -> dict[str, str]:
    rows = hop.now.pods.value if isinstance(hop.now.pods, Known) else ()
    here = [pod for pod in rows if pod.node in nodes]
    bare = [f"{pod.namespace}/{pod.name}" for pod in here if not pod.owners]
    evidence = {"pods": ", ".join(f"{pod.namespace}/{pod.name}" for pod in here[:_SHOWN])}
    evidence["without a controller"] = ", ".join(bare[:_SHOWN])
    return {name: text for name, text in evidence.items() if text}


@check(
    "ATM001",
    "No nodes are replaced by EKS Auto Mode on its own",
    rules=("A-53", "C-28"),
    source="Amazon EKS User Guide: Update the Kubernetes version of an EKS Auto Mode cluster",
    permissions=("eks:DescribeCluster",),
    severity=Severity.INFORMS,
    phases=("control-plane",),
)
def auto_mode_follows(hop: Hop) -> Iterator[Problem]:
    if not hop.now.control_plane.auto_mode:
        raise NotApplicable
    yield Problem(
        subject=hop.now.cluster.name,
        summary="EKS Auto Mode replaces its nodes after every hop, within their budgets; compute, storage, load "
        "balancing, network, DNS and kube-proxy on them need no update.",
        remedy="Watch their versions. Only budgets of NodePools hold them back between hops.",
    )


@check(
    "HYB001",
    "Hybrid nodes have somebody who upgrades them",
    rules=("A-54",),
    source="Amazon EKS User Guide: Upgrade hybrid nodes for your cluster",
    permissions=(*_NODES, *READS),
    severity=Severity.WARNS,
)
def hybrid_nodes_are_cared_for(hop: Hop) -> Iterator[Problem]:
    """Their skew is judged with that of all nodes (SKW001, SKW002); what their CNI supports nobody can look up."""
    sets = [one for one in hop.node_sets if one.kind is NodeKind.HYBRID]
    if not sets:
        raise NotApplicable
    cni = _hybrid_cni(hop)
    for one in sets:
        if cni:
            summary = (
                f"Nobody can tell here whether {cni} on {count(len(one.nodes), 'hybrid node')} supports {hop.target}."
            )
        else:
            summary = f"{count(len(one.nodes), 'hybrid node has', 'hybrid nodes have')} a CNI that is not known here."
        yield Problem(
            subject=one.subject,
            summary=summary,
            remedy=f"Look at the CNI's compatibility with {hop.target}; plan a cut-over to new nodes, or nodeadm "
            "upgrade, which stops the node's pods.",
            evidence=_versions(one),
            unknown=True,
        )


def _hybrid_cni(hop: Hop) -> str:
    images = (image for one in hop.templates if one.kind == "DaemonSet" for image in one.images)
    return next((image.partition("@")[0].rpartition("/")[2] for image in images if _HYBRID_CNI.search(image)), "")


def _versions(one: NodeSet) -> dict[str, str]:
    return {node.name: node.kubelet_version for node in one.nodes[:_SHOWN]}
