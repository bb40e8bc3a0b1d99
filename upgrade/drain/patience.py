"""Pods that may stay on a node for longer than a managed node group waits for them. Pure.

EKS gives the pods of a node 15 minutes to leave; then the update fails with PodEvictionFailure, as the bot never
forces it (Amazon EKS User Guide: Understand each phase of node updates). A pod may use its whole grace period, and pods
that share a budget leave as many at a time as it allows. It is the most that may happen: most pods end sooner.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Final

from upgrade.cluster import ClusterSnapshot
from upgrade.disruption import Budgets, evictable
from upgrade.facts import need
from upgrade.nodes import NodeSet
from upgrade.rows import PdbRow, PodRow

PATIENCE: Final = timedelta(minutes=15)
_DEFAULT_GRACE: Final = 30


@dataclass(frozen=True)
class Slow:
    """Pods of one kind that may take longer than EKS waits to leave a node.

    Args:
        pods: those that leave one after the other, as the budget allows; one pod when it alone takes too long.
        group: the node set that is rotated, as ``nodegroup/core``.
        takes: the most that it takes until the last of them has ended.
        budget: what makes them leave one after the other.
    """

    pods: tuple[PodRow, ...]
    node: str
    group: str
    takes: timedelta
    budget: PdbRow | None = None


def slow_drains(snapshot: ClusterSnapshot, rotated: Sequence[NodeSet]) -> Iterator[Slow]:
    """In the order of the drains. Raises FactUnknown when pods or budgets could not be read."""
    group_of = {node.name: one.subject for one in rotated if one.group is not None for node in one.nodes}
    pods_on: dict[str, list[PodRow]] = {name: [] for name in group_of}
    for pod in need(snapshot.pods):
        if pod.node in pods_on and evictable(pod):
            pods_on[pod.node].append(pod)
    budgets = Budgets(need(snapshot.pdbs))
    for node, pods in pods_on.items():
        sharing: dict[tuple[str, str], list[PodRow]] = defaultdict(list)
        for pod in pods:
            budget = _budget_of(pod, budgets)
            if _grace(pod) > PATIENCE:
                yield Slow((pod,), node, group_of[node], _grace(pod))
            elif budget is not None:
                sharing[budget.namespace, budget.name].append(pod)
        for together in sharing.values():
            budget = _budget_of(together[0], budgets)
            takes = _one_by_one(together, budget) if budget is not None else timedelta()
            if takes > PATIENCE:
                yield Slow(tuple(together), node, group_of[node], takes, budget)


def _one_by_one(pods: Sequence[PodRow], budget: PdbRow) -> timedelta:
    return ceil(len(pods) / budget.disruptions_allowed) * max(map(_grace, pods))


def _grace(pod: PodRow) -> timedelta:
    seconds = pod.shape.grace_seconds
    return timedelta(seconds=_DEFAULT_GRACE if seconds is None else seconds)


def _budget_of(pod: PodRow, budgets: Budgets) -> PdbRow | None:
    """The budget that alone covers a pod and allows evictions; PDB001 and PDB002 tell the others."""
    covering = budgets.covering(pod.namespace, pod.labels)
    alone = covering[0] if len(covering) == 1 else None
    return alone if alone is not None and alone.disruptions_allowed > 0 else None
