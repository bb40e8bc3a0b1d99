"""Where a pod may land: nodes as the scheduler sees them.

The predicates are those of kube-scheduler's filters (Kubernetes: Assigning Pods to Nodes, Taints and Tolerations,
Pod Topology Spread Constraints); preferences do not keep a pod from landing, so they are not looked at.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Protocol

from upgrade.disruption import matches
from upgrade.rows import LabelRequirement, NodeRow, NodeTerm, PodRow, PodShape, PodTerm, SpreadRule, Taint, Toleration

HOSTNAME: Final = "kubernetes.io/hostname"
ZONE: Final = "topology.kubernetes.io/zone"
_KEEPS_OUT: Final = ("NoSchedule", "NoExecute")


class Obstacle(IntEnum):
    """Why a pod does not land on a place, in the order of the filters; the later, the closer it came."""

    SELECTOR = 1
    AFFINITY = 2
    TAINT = 3
    VOLUME_ZONE = 4
    TOGETHER = 5
    APART = 6
    REFUSED = 7
    SPREAD = 8
    PORTS = 9
    ROOM = 10


@dataclass(eq=False)
class Place:
    """A node that pods may land on; what is free shrinks as they do. One that does not tell its size has no limit."""

    name: str
    group: str
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    sized: bool
    cpu_millis: int
    memory_bytes: int
    gpus: int
    pods: int
    open: bool = True
    ports: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, node: NodeRow, group: str, *, name: str | None = None) -> Place:
        """``name``: for a new node like this one; it has a host name of its own and no pods yet."""
        labels = node.labels if name is None else {**node.labels, HOSTNAME: name}
        taints = tuple(one for one in node.taints if not one.key.startswith("node.kubernetes.io/"))
        return cls(
            name=name or node.name,
            group=group,
            labels=labels,
            taints=taints,
            sized=node.cpu_millis > 0,
            cpu_millis=node.cpu_millis,
            memory_bytes=node.memory_bytes,
            gpus=node.gpus,
            pods=node.pod_limit or 1_000_000,
            open=name is not None or (node.ready and not node.unschedulable and node.deletion_at is None),
        )

    def take(self, shape: PodShape) -> None:
        self.cpu_millis -= shape.cpu_millis
        self.memory_bytes -= shape.memory_bytes
        self.gpus -= shape.gpus
        self.pods -= 1
        self.ports.update(shape.host_ports)

    def give_back(self, shape: PodShape) -> None:
        self.cpu_millis += shape.cpu_millis
        self.memory_bytes += shape.memory_bytes
        self.gpus += shape.gpus
        self.pods += 1
        self.ports.difference_update(shape.host_ports)

    def has_room(self, shape: PodShape) -> bool:
        if self.pods < 1:
            return False
        return not self.sized or (
            self.cpu_millis >= shape.cpu_millis and self.memory_bytes >= shape.memory_bytes and self.gpus >= shape.gpus
        )


class Nature(Protocol):
    """What keeps pods in or out, whatever runs there: a place, or a pool of places that differ in their names only."""

    @property
    def name(self) -> str: ...

    @property
    def labels(self) -> Mapping[str, str]: ...

    @property
    def taints(self) -> tuple[Taint, ...]: ...


def keeps_out(place: Nature, shape: PodShape, zones: frozenset[str] | None) -> Obstacle | None:
    """What of the place's own nature keeps the pod out.

    Args:
        zones: where the pod's volumes are; None when they are anywhere.
    """
    if not shape.node_selector.items() <= place.labels.items():
        return Obstacle.SELECTOR
    if shape.node_terms and not any(_fits(term, place) for term in shape.node_terms):
        return Obstacle.AFFINITY
    if any(one.effect in _KEEPS_OUT and not tolerated(one, shape.tolerations) for one in place.taints):
        return Obstacle.TAINT
    if zones is not None and place.labels.get(ZONE) not in zones:
        return Obstacle.VOLUME_ZONE
    return None


def tolerated(taint: Taint, tolerations: Iterable[Toleration]) -> bool:
    return any(
        one.effect in ("", taint.effect)
        and (
            (one.operator == "Exists" and one.key in ("", taint.key))
            or (one.key, one.value) == (taint.key, taint.value)
        )
        for one in tolerations
    )


def _fits(term: NodeTerm, place: Nature) -> bool:
    """A term that demands nothing fits no node."""
    if term.fields and not matches({"metadata.name": place.name}, {}, term.fields):
        return False
    return bool(term.requirements or term.fields) and all(_fulfils(one, place.labels) for one in term.requirements)


def _fulfils(requirement: LabelRequirement, labels: Mapping[str, str]) -> bool:
    if requirement.operator not in ("Gt", "Lt"):
        return matches(labels, {}, (requirement,))
    try:
        have, bound = int(labels[requirement.key]), int(requirement.values[0])
    except (KeyError, ValueError, IndexError):
        return False
    return have > bound if requirement.operator == "Gt" else have < bound


Term = PodTerm | SpreadRule


@dataclass(eq=False)
class Refusal:
    """An anti-affinity of pods that run: how many of them have it in each domain of its topology."""

    term: PodTerm
    counts: Counter[str] = field(default_factory=Counter)


class Neighbours:
    """How many pods that a term selects run in each domain of its topology.

    Terms are learnt as pods that have them come along; what counts for which is remembered, because all pods of a
    workload have the same labels.
    """

    def __init__(self, pods: Sequence[PodRow], place_of: Mapping[str, Place]) -> None:
        self._pods: dict[str, list[PodRow]] = defaultdict(list)
        for pod in pods:
            self._pods[pod.namespace].append(pod)
        self._at: dict[tuple[str, str], Place] = {
            (pod.namespace, pod.name): place_of[pod.node] for pod in pods if pod.node in place_of
        }
        self._counts: dict[tuple[str, int], Counter[str]] = {}
        self._terms: dict[tuple[str, int], Term] = {}
        self._about: dict[str, list[tuple[str, int]]] = defaultdict(list)
        self._matching: dict[str, dict[str, list[tuple[str, int]]]] = defaultdict(dict)
        self._refusals: dict[tuple[str, int], Refusal] = {}
        self._refusing_in: dict[str, list[Refusal]] = defaultdict(list)
        self._refused: dict[tuple[str, str], tuple[Refusal, ...]] = {}
        for pod in pods:
            self._refuse(pod, self._at.get((pod.namespace, pod.name)), 1)

    def count(self, term: Term, namespace: str) -> Counter[str]:
        """By domain: how many pods ``term`` of a pod in ``namespace`` selects. The pods' places are those of now."""
        key = (namespace, id(term))
        if key not in self._counts:
            self._terms[key] = term
            counter: Counter[str] = Counter()
            for where in _namespaces(term, namespace):
                self._about[where].append(key)
                self._matching[where].clear()
                for pod in self._pods.get(where, ()):
                    place = self._at.get((where, pod.name))
                    if place is not None and matches(pod.labels, term.match_labels, term.match_expressions):
                        counter[place.labels.get(term.topology_key, "")] += 1
            self._counts[key] = counter
        return self._counts[key]

    def moved(self, pod: PodRow, to: Place | None) -> None:
        """The pod has left its place, for another one or for none."""
        name = (pod.namespace, pod.name)
        old = self._at.pop(name, None)
        if to is not None:
            self._at[name] = to
        self._refuse(pod, old, -1)
        self._refuse(pod, to, 1)
        for key in self._terms_for(pod):
            topology = self._terms[key].topology_key
            if old is not None:
                self._counts[key][old.labels.get(topology, "")] -= 1
            if to is not None:
                self._counts[key][to.labels.get(topology, "")] += 1

    def refusals(self, pod: PodRow) -> tuple[Refusal, ...]:
        """The anti-affinities of other pods that are about this one, which the scheduler heeds as it heeds its own."""
        memo = kin(pod)
        if memo not in self._refused:
            here = self._refusing_in.get(pod.namespace, ())
            self._refused[memo] = tuple(
                one for one in here if matches(pod.labels, one.term.match_labels, one.term.match_expressions)
            )
        return self._refused[memo]

    def _refuse(self, pod: PodRow, place: Place | None, by: int) -> None:
        if place is None:
            return
        for term in pod.shape.apart:
            key = pod.namespace, id(term)
            if key not in self._refusals:
                self._refusals[key] = one = Refusal(term)
                for where in _namespaces(term, pod.namespace):
                    self._refusing_in[where].append(one)
            domain = place.labels.get(term.topology_key)
            if domain is not None:
                self._refusals[key].counts[domain] += by

    def _terms_for(self, pod: PodRow) -> list[tuple[str, int]]:
        namespace, owner = kin(pod)
        known = self._matching[namespace]
        if owner not in known:
            about = self._about.get(namespace, ())
            known[owner] = [key for key in about if _selects(self._terms[key], key[0], pod)]
        return known[owner]


def kin(pod: PodRow) -> tuple[str, str]:
    """The same for all pods of an owner: they have the same labels, as far as selectors go."""
    return pod.namespace, pod.owners[0].uid or pod.owners[0].name if pod.owners else pod.name


def _namespaces(term: Term, namespace: str) -> tuple[str, ...]:
    return (isinstance(term, PodTerm) and term.namespaces) or (namespace,)


def _selects(term: Term, namespace: str, pod: PodRow) -> bool:
    if pod.namespace not in _namespaces(term, namespace):
        return False
    return matches(pod.labels, term.match_labels, term.match_expressions)


Domains = Mapping[str, int]
"""By topology key: over how many domains a pod may be spread."""


def crowded_out(place: Place, pod: PodRow, neighbours: Neighbours, domains: Domains) -> Obstacle | None:
    """What of the other pods keeps this one out of the place."""
    shape = pod.shape
    for together in shape.together:
        counts = neighbours.count(together, pod.namespace)
        alone = not +counts and _selects(together, pod.namespace, pod)  # the first of its kind may go anywhere
        if not alone and counts[place.labels.get(together.topology_key, "")] < 1:
            return Obstacle.TOGETHER
    for apart in shape.apart:
        if _has_one(place, apart, neighbours.count(apart, pod.namespace)):
            return Obstacle.APART
    for refusal in neighbours.refusals(pod):
        if _has_one(place, refusal.term, refusal.counts):
            return Obstacle.REFUSED
    for rule in shape.spread:
        if rule.hard and not _spreads(place, rule, pod, neighbours, domains):
            return Obstacle.SPREAD
    if place.ports.intersection(shape.host_ports):
        return Obstacle.PORTS
    return None if place.has_room(shape) else Obstacle.ROOM


def _has_one(place: Place, term: PodTerm, counts: Mapping[str, int]) -> bool:
    """A node without the topology's label is in no domain, so nothing is too near there."""
    domain = place.labels.get(term.topology_key)
    return domain is not None and counts.get(domain, 0) > 0


def _spreads(place: Place, rule: SpreadRule, pod: PodRow, neighbours: Neighbours, domains: Domains) -> bool:
    domain = place.labels.get(rule.topology_key)
    if domain is None:
        return False
    counts = neighbours.count(rule, pod.namespace)
    peopled = [count for count in counts.values() if count > 0]
    least = min(peopled) if len(peopled) >= domains.get(rule.topology_key, 0) else 0
    itself = 1 if matches(pod.labels, rule.match_labels, rule.match_expressions) else 0
    return counts[domain] + itself - least <= rule.max_skew
