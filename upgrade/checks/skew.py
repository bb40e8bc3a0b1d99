"""Version skew: what may stand next to what (Kubernetes version skew policy)."""

from __future__ import annotations

from collections.abc import Iterator

from upgrade.checks.images import leave_al2, must_leave_al2
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.components import is_kube_proxy, kube_proxy_version
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.nodes import NodeKind
from upgrade.versions import allowed_lag

_SKEW_POLICY = "Kubernetes: Version Skew Policy"
_NODES = ("list nodes", "eks:ListNodegroups", "eks:DescribeNodegroup")


@check(
    "SKW001",
    "No kubelet is newer than the control plane",
    rules=("C-03", "A-54"),
    source=_SKEW_POLICY,
    permissions=_NODES,
)
def kubelets_are_not_newer(hop: Hop) -> Iterator[Problem]:
    for one in hop.node_sets_before:
        if one.newest > hop.current:
            yield Problem(
                subject=one.subject,
                summary=f"Nodes of {one.name} run {one.newest}, newer than the control plane's {hop.current}.",
                remedy=f"Replace them by nodes on {hop.current} or older.",
                evidence={node.name: node.kubelet_version for node in one.nodes if node.kubelet > hop.current},
            )


@check(
    "SKW002",
    "Every kubelet will be within the allowed skew after the hop",
    rules=("A-41", "C-04", "A-52", "A-54"),
    source=_SKEW_POLICY,
    permissions=_NODES,
)
def kubelets_stay_within_skew(hop: Hop) -> Iterator[Problem]:
    """Without a plan nothing counts as rotated on the way, so only the first hop that asks for it tells."""
    for one in hop.node_sets_before:
        lag, allowed = hop.target.minors_after(one.oldest), allowed_lag(one.oldest)
        told = _stands_still(hop) and hop.current.minors_after(one.oldest) > allowed
        # Whoever has to leave Amazon Linux 2 anyway (AMI002) need not rotate within it first.
        leaves = must_leave_al2(one, hop.wish or hop.target)
        if lag > allowed and not told:
            yield Problem(
                subject=one.subject,
                summary=f"Nodes of {one.name} on {one.oldest} would be {lag} minors behind {hop.target}; "
                f"{allowed} are allowed.",
                remedy=leave_al2(one) if leaves else f"Rotate them to {hop.current} first.",
                evidence={node.name: node.kubelet_version for node in one.nodes if node.kubelet == one.oldest},
            )


def _stands_still(hop: Hop) -> bool:
    """Whether nothing counts as repaired since the hop before, so that what held there is told there."""
    return hop.plan is None and not hop.first


@check(
    "SKW003",
    "kube-proxy is within the allowed skew of the control plane and of every node",
    rules=("C-07",),
    source=_SKEW_POLICY,
    permissions=(*_NODES, "eks:DescribeAddon", "list daemonsets"),
)
def kube_proxy_is_within_skew(hop: Hop) -> Iterator[Problem]:
    """Without a plan nothing counts as updated on the way, so only the first hop that asks for it tells."""
    version = kube_proxy_version(hop.before)
    if version is None:
        if not any(is_kube_proxy(row) for row in need(hop.before.workloads)):
            raise NotApplicable
        summary = "The image of kube-proxy does not tell its version."
        yield Problem("kube-proxy", summary, "Look at it by hand.", severity=Severity.WARNS, unknown=True)
        return
    allowed, still = allowed_lag(version), _stands_still(hop)
    if version > hop.current and not still:
        yield Problem(
            subject="kube-proxy",
            summary=f"kube-proxy {version} is newer than the control plane's {hop.current}.",
            remedy=f"Go back to a kube-proxy of {hop.current}.",
        )
    elif hop.target.minors_after(version) > allowed and not (still and hop.current.minors_after(version) > allowed):
        yield Problem(
            subject="kube-proxy",
            summary=f"kube-proxy {version} would be {hop.target.minors_after(version)} minors behind {hop.target}; "
            f"{allowed} are allowed.",
            remedy=f"Update kube-proxy to {hop.current} first.",
        )
    if still:
        return
    for one in hop.node_sets_before:
        # Fargate and Auto Mode bring their own.
        if one.kind in (NodeKind.FARGATE, NodeKind.AUTO_MODE):
            continue
        apart = max(version.minors_after(one.oldest), one.newest.minors_after(version))
        if apart > allowed:
            kubelets = one.oldest if one.oldest == one.newest else f"{one.oldest} to {one.newest}"
            yield Problem(
                subject=f"kube-proxy on {one.subject}",
                summary=f"kube-proxy {version} and the kubelets of {one.name} ({kubelets}) are "
                f"{apart} minors apart; {allowed} are allowed.",
                remedy=f"Bring both to {hop.current}.",
            )
