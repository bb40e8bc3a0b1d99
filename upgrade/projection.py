"""The cluster as it will be once some steps are done: what checks and plans are judged on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from upgrade.cluster import ClusterSnapshot
from upgrade.components import CLUSTER_AUTOSCALER, KUBE_PROXY, is_autoscaler, is_kube_proxy, with_minor
from upgrade.eks import Addon, Nodegroup
from upgrade.facts import Known, Unknown, known
from upgrade.nodes import NodeKind, set_of
from upgrade.plan import AddonStep, ConfirmStep, ControlPlaneStep, NodegroupStep, Step
from upgrade.rows import NodeRow, WorkloadRow
from upgrade.versions import KubernetesVersion

T = TypeVar("T")


def project(snapshot: ClusterSnapshot, steps: Iterable[Step]) -> ClusterSnapshot:
    """The snapshot as it would be taken after those steps, done in that order.

    What is unknown stays unknown. Steps that leave no trace (announce, verify, bake) change nothing. The branch of a
    control plane step (C-06) is not taken: it is for a refusal that may never come.
    """
    for step in steps:
        snapshot = _after(snapshot, step)
    return snapshot


def _after(snapshot: ClusterSnapshot, step: Step) -> ClusterSnapshot:
    match step:
        case ControlPlaneStep():
            plane = snapshot.control_plane.model_copy(update={"version": step.version, "status": "ACTIVE"})
            return snapshot.model_copy(update={"control_plane": plane})
        case AddonStep():
            done = {"version": step.version, "status": "ACTIVE", "issues": ()}

            def moved(addon: Addon) -> Addon:
                return addon.model_copy(update=done) if addon.name == step.name else addon

            return _changed(snapshot, "addons", moved)
        case NodegroupStep():
            return _rotated(snapshot, NodeKind.MANAGED, step.name, step.version, step)
        case ConfirmStep():
            return _confirmed(snapshot, step)
        case _:
            return snapshot


def _confirmed(snapshot: ClusterSnapshot, step: ConfirmStep) -> ClusterSnapshot:
    kind, _, name = step.subject.partition("/")
    if kind in set(NodeKind):
        return _rotated(snapshot, NodeKind(kind), name, step.version)
    if not step.shows:
        return snapshot
    is_meant = {CLUSTER_AUTOSCALER: is_autoscaler, f"add-on/{KUBE_PROXY}": is_kube_proxy}[step.subject]

    def done(row: WorkloadRow) -> WorkloadRow:
        return _retagged(row, step.version) if is_meant(row) else row

    return _changed(snapshot, "workloads", done)


def _rotated(
    snapshot: ClusterSnapshot,
    kind: NodeKind,
    name: str,
    version: KubernetesVersion,
    step: NodegroupStep | None = None,
) -> ClusterSnapshot:
    if isinstance(snapshot.nodegroups, Unknown):
        return snapshot
    groups = {group.name: group for group in snapshot.nodegroups.value}
    kubelet = _kubelet_text(version, step.release_version if step else None)

    def moved_node(node: NodeRow) -> NodeRow:
        if set_of(node, groups) != (kind, name):
            return node
        return msgspec.structs.replace(node, kubelet_version=kubelet)

    def moved_group(group: Nodegroup) -> Nodegroup:
        if group.name != name or kind not in (NodeKind.MANAGED, NodeKind.CUSTOM_AMI):
            return group
        update: dict[str, Any] = {"version": version, "status": "ACTIVE", "issues": ()}
        if step and step.release_version:
            update["release_version"] = step.release_version
        return group.model_copy(update=update)

    return _changed(_changed(snapshot, "nodes", moved_node), "nodegroups", moved_group)


def _kubelet_text(version: KubernetesVersion, release: str | None) -> str:
    """An EKS AMI release such as 1.35.2-20260219 begins with its kubelet's version; Bottlerocket's does not."""
    patch = (release or "").partition("-")[0]
    return f"v{patch}-eks" if patch.startswith(f"{version}.") else f"v{version}.0-eks"


def _retagged(row: WorkloadRow, version: KubernetesVersion) -> WorkloadRow:
    return msgspec.structs.replace(row, images=(with_minor(row.images[0], version), *row.images[1:]))


def _changed(snapshot: ClusterSnapshot, fact: str, change: Callable[[T], T]) -> ClusterSnapshot:
    value: Known[tuple[T, ...]] | Unknown = getattr(snapshot, fact)
    if isinstance(value, Unknown):
        return snapshot
    return snapshot.model_copy(update={fact: known(tuple(change(one) for one in value.value))})
