"""Terms about other pods, made plain: what they take from the pod's own labels or from namespaces is filled in.

Sources: Kubernetes: Assigning Pods to Nodes (namespaceSelector, matchLabelKeys, mismatchLabelKeys) and Pod Topology
Spread Constraints (matchLabelKeys).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from msgspec.structs import replace

from upgrade.cluster import ClusterSnapshot
from upgrade.disruption import matches
from upgrade.facts import Known
from upgrade.rows import LabelRequirement, LabelSelector, PodRow, PodShape, PodTerm, SpreadRule

_Term = TypeVar("_Term", PodTerm, SpreadRule)
#: No namespace has this name, so a term about it alone selects no pod.
_NONE: Final = ""
_NAME: Final = "kubernetes.io/metadata.name"


def asks_for_namespace_labels(shape: PodShape) -> bool:
    """Whether labels of namespaces decide where the pod may land; a selector that selects all of them needs none."""
    return any(_asks_for_labels(term) for term in (*shape.together, *shape.apart))


class PlainTerms:
    """Makes shapes plain; pods of a template share the result, as they share the shape.

    Where the namespaces could not be listed, a selector of them is taken for harmless: an affinity for fulfilled, an
    anti-affinity for one about the namespaces that it lists.
    """

    def __init__(self, snapshot: ClusterSnapshot, pods: Sequence[PodRow]) -> None:
        self._namespaces = sorted({pod.namespace for pod in pods})
        self._labels: Mapping[str, Mapping[str, str]] | None = None
        if isinstance(snapshot.namespaces, Known):
            self._labels = {row.name: {_NAME: row.name} | row.labels for row in snapshot.namespaces.value}
        self._keys: dict[int, tuple[str, ...] | None] = {}
        self._made: dict[tuple[int, tuple[str | None, ...]], PodShape] = {}

    def of(self, pod: PodRow) -> PodRow:
        """The pod with plain terms; itself when they are."""
        shape = pod.shape
        if id(shape) not in self._keys:
            self._keys[id(shape)] = _keys(shape)
        keys = self._keys[id(shape)]
        if keys is None:
            return pod
        memo = (id(shape), tuple(pod.labels.get(key) for key in keys))
        if memo not in self._made:
            self._made[memo] = self._plain(shape, pod.labels)
        return replace(pod, shape=self._made[memo])

    def _plain(self, shape: PodShape, labels: Mapping[str, str]) -> PodShape:
        together = [one for one in shape.together if self._labels is not None or not _asks_for_labels(one)]
        return replace(
            shape,
            together=tuple(self._term(one, labels) for one in together),
            apart=tuple(self._term(one, labels) for one in shape.apart),
            spread=tuple(_with_own_values(one, labels) for one in shape.spread),
        )

    def _term(self, term: PodTerm, labels: Mapping[str, str]) -> PodTerm:
        if term.namespace_selector is not None:
            chosen = {*term.namespaces, *self._selected(term.namespace_selector)}
            term = replace(term, namespaces=tuple(sorted(chosen)) or (_NONE,), namespace_selector=None)
        missing = _own_values(term.mismatch_label_keys, "NotIn", labels)
        expressions = (*term.match_expressions, *missing)
        return _with_own_values(replace(term, match_expressions=expressions, mismatch_label_keys=()), labels)

    def _selected(self, selector: LabelSelector) -> list[str]:
        """Of the namespaces that have pods."""
        if not selector.match_labels and not selector.match_expressions:
            return self._namespaces
        known = self._labels or {}  # unknown: it selects none, which keeps an anti-affinity harmless
        return [
            name
            for name in self._namespaces
            if name in known and matches(known[name], selector.match_labels, selector.match_expressions)
        ]


def _asks_for_labels(term: PodTerm) -> bool:
    selector = term.namespace_selector
    return selector is not None and bool(selector.match_labels or selector.match_expressions)


def _keys(shape: PodShape) -> tuple[str, ...] | None:
    """The labels of a pod that decide what its terms mean; None when they are plain."""
    terms = (*shape.together, *shape.apart)
    keys = [key for one in terms for key in (*one.match_label_keys, *one.mismatch_label_keys)]
    keys += [key for one in shape.spread for key in one.match_label_keys]
    return tuple(keys) if keys or any(one.namespace_selector is not None for one in terms) else None


def _with_own_values(term: _Term, labels: Mapping[str, str]) -> _Term:
    expressions = (*term.match_expressions, *_own_values(term.match_label_keys, "In", labels))
    return replace(term, match_expressions=expressions, match_label_keys=())


def _own_values(keys: Sequence[str], operator: str, labels: Mapping[str, str]) -> list[LabelRequirement]:
    """A key that the pod does not have is passed over, as the scheduler does."""
    return [LabelRequirement(key, operator, (labels[key],)) for key in keys if key in labels]
