"""Pods, evictions and the PodDisruptionBudgets that cover them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from upgrade.rows import LabelRequirement, PdbRow, PodRow

_STAYING: Final = ("DaemonSet", "Node")


def evictable(pod: PodRow) -> bool:
    """Whether a drain waits for this pod: not one of a DaemonSet, not a static one, not one that has ended."""
    for owner in pod.owners:
        if owner.kind in _STAYING:
            return False
    return pod.phase not in ("Succeeded", "Failed") and bool(pod.node)


def selects(pdb: PdbRow, pod: PodRow) -> bool:
    """Whether the budget covers the pod (policy/v1: an empty selector covers all pods of its namespace)."""
    return pdb.namespace == pod.namespace and selects_labels(pdb, pod.labels)


def selects_labels(pdb: PdbRow, labels: Mapping[str, str]) -> bool:
    """Whether the budget covers a pod of its own namespace with these labels."""
    return not pdb.selects_nothing and matches(labels, pdb.match_labels, pdb.match_expressions)


def matches(
    labels: Mapping[str, str], match_labels: Mapping[str, str], match_expressions: Sequence[LabelRequirement] = ()
) -> bool:
    """Whether a label selector selects what has these labels; an empty selector selects everything."""
    for key, value in match_labels.items():
        if labels.get(key) != value:
            return False
    return not match_expressions or all(_fulfils(one, labels) for one in match_expressions)


def _fulfils(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    return False
