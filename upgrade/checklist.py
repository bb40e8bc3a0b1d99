"""What a person ticks by name before a plan is approved: facts that age, kept in ``upgrade/data/checklist.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from typing import Final, Literal

from upgrade.cluster import ClusterSnapshot
from upgrade.components import cluster_autoscaler
from upgrade.data_files import read_data
from upgrade.errors import FactUnknown
from upgrade.gates import PLAN_GATE
from upgrade.nodes import NodeKind, node_sets
from upgrade.plan import ChecklistItem
from upgrade.pod_templates import pod_templates
from upgrade.run import UpgradeRun
from upgrade.versions import KubernetesVersion

Condition = Literal["own-images", "fluent-bit", "several-containers", "cluster-autoscaler"]


class _Entry(ChecklistItem):
    """An item as the file has it.

    Args:
        applies_from, applies_until: the first and the last target that it is for; None means any.
        each_hop: ticked once for every version on the way.
        only_with: what a cluster must have for it to matter.
    """

    applies_from: KubernetesVersion | None = None
    applies_until: KubernetesVersion | None = None
    each_hop: bool = False
    only_with: Condition | None = None

    def applies(self, target: KubernetesVersion) -> bool:
        return (self.applies_from or target) <= target <= (self.applies_until or target)

    def item(self, hop: KubernetesVersion | None = None) -> ChecklistItem:
        texts = {name: getattr(self, name) for name in ChecklistItem.model_fields}
        if hop is not None:
            texts = {name: text.format(version=hop) for name, text in texts.items()} | {"id": f"{self.id}@{hop}"}
        return ChecklistItem(**texts)


def items_for(hops: Iterable[KubernetesVersion], snapshot: ClusterSnapshot | None = None) -> tuple[ChecklistItem, ...]:
    """What must be ticked for a way over these versions, in the order of the file; nothing without a hop.

    Args:
        snapshot: what the cluster has leaves out what cannot matter to it; what is not known of it leaves out nothing.
    """
    targets = tuple(hops)
    return tuple(one for entry in _entries() for one in _on_the_way(entry, targets, snapshot))


def _on_the_way(
    entry: _Entry, targets: tuple[KubernetesVersion, ...], snapshot: ClusterSnapshot | None
) -> Iterator[ChecklistItem]:
    meant = [target for target in targets if entry.applies(target)]
    if not meant or not _may_matter(entry, snapshot):
        return
    if entry.each_hop:
        yield from map(entry.item, meant)
    else:
        yield entry.item()


def _may_matter(entry: _Entry, snapshot: ClusterSnapshot | None) -> bool:
    if entry.only_with is None or snapshot is None:
        return True
    try:
        return _CONDITIONS[entry.only_with](snapshot)
    except FactUnknown:
        return True


def _has_own_images(snapshot: ClusterSnapshot) -> bool:
    own = (NodeKind.CUSTOM_AMI, NodeKind.SELF_MANAGED, NodeKind.HYBRID)
    return any(one.kind in own for one in node_sets(snapshot))


def _has_fluent_bit(snapshot: ClusterSnapshot) -> bool:
    return any("fluent-bit" in image for template in pod_templates(snapshot) for image in template.images)


def _has_several_containers(snapshot: ClusterSnapshot) -> bool:
    return any(len(template.images) > 1 for template in pod_templates(snapshot))


_CONDITIONS: Final[Mapping[Condition, Callable[[ClusterSnapshot], bool]]] = {
    "own-images": _has_own_images,
    "fluent-bit": _has_fluent_bit,
    "several-containers": _has_several_containers,
    "cluster-autoscaler": lambda snapshot: cluster_autoscaler(snapshot) is not None,
}


@cache
def _entries() -> tuple[_Entry, ...]:
    return tuple(map(_Entry.model_validate, read_data("checklist.yaml")["items"]))


def unticked(run: UpgradeRun, gate: str | None, ticked: Collection[str] = ()) -> tuple[ChecklistItem, ...]:
    """What must still be ticked before an approval of ``gate`` counts.

    Only the gate of the plan itself asks for it, and only where the environment wants so. ``ticked``: ids of items that
    come with the decision.
    """
    if run.plan is None or run.policy.checklist != "required" or gate != PLAN_GATE:
        return ()
    done = {tick.item for tick in run.ticks}.union(ticked)
    return tuple(item for item in run.plan.checklist if item.id not in done)
