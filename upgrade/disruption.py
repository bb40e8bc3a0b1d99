"""Pods, evictions and the PodDisruptionBudgets that cover them."""

from __future__ import annotations

from collections import defaultdict
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


class Budgets:
    """The budgets of a cluster by what they cover (policy/v1: an empty selector covers all pods of its namespace).

    Pods of one template are alike, and mostly share one object of labels: each kind is looked at once.
    """

    def __init__(self, pdbs: tuple[PdbRow, ...]) -> None:
        self._in: dict[str, list[PdbRow]] = defaultdict(list)
        for pdb in pdbs:
            if not pdb.selects_nothing:
                self._in[pdb.namespace].append(pdb)
        #: By namespace and id of the labels; with the labels themselves, so that nothing else gets that id.
        self._known: dict[tuple[str, int], tuple[tuple[PdbRow, ...], Mapping[str, str]]] = {}

    def covering(self, namespace: str, labels: Mapping[str, str]) -> tuple[PdbRow, ...]:
        """Those that cover a pod with these labels, in the order in which they were given."""
        here = self._in.get(namespace)
        if here is None:
            return ()
        known = self._known.get((namespace, id(labels)))
        if known is None:
            found = tuple(pdb for pdb in here if matches(labels, pdb.match_labels, pdb.match_expressions))
            known = self._known[namespace, id(labels)] = (found, labels)
        return known[0]


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
