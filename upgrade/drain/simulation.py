"""Drain node after node, and see which pod cannot leave or has nowhere to go.

As a managed node group does it (Amazon EKS User Guide: Understand each phase of node updates): all old nodes of the
group are closed, new ones like them come up in every zone, then node after node is drained, terminated and replaced;
with the update strategy MINIMAL the replacement comes only afterwards. Pods that land are taken for ready at once, and
the surge is never scaled down: what is found holds for the most favourable course.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from upgrade.cluster import ClusterSnapshot
from upgrade.disruption import Budgets, evictable
from upgrade.drain.places import Neighbours, Obstacle, Place, crowded_out, kin
from upgrade.drain.pools import Pools
from upgrade.drain.terms import PlainTerms
from upgrade.facts import need
from upgrade.nodes import NodeKind, NodeSet
from upgrade.rows import NodeRow, PdbRow, PodRow, PodShape


class Cause(StrEnum):
    """Why a pod is stuck."""

    NOWHERE = "nowhere to go"
    SEVERAL_BUDGETS = "several budgets"
    NO_BUDGET_LEFT = "no eviction allowed"
    USED_UP = "its budget is used up by pods that have nowhere to go"


@dataclass(frozen=True)
class Stuck:
    """A pod that cannot leave its node, or that has nowhere to go once it has.

    Args:
        group: the node set that is rotated, as ``nodegroup/core``.
        obstacle: with NOWHERE, what the places that came closest lack.
        budgets: the PodDisruptionBudgets that cover the pod.
    """

    pod: PodRow
    node: str
    group: str
    cause: Cause
    obstacle: Obstacle | None = None
    budgets: tuple[PdbRow, ...] = ()


def simulate_drains(snapshot: ClusterSnapshot, rotated: Sequence[NodeSet]) -> tuple[Stuck, ...]:
    """Every pod that is stuck, in the order of the drains.

    Args:
        rotated: the node sets that are rotated, in order. Where Karpenter, Auto Mode or Fargate make nodes to measure,
            pods are asked only whether they can leave.

    Raises FactUnknown when nodes, pods, budgets, claims or volumes could not be read.
    """
    return tuple(_Drains(snapshot).run(rotated))


_MADE_TO_MEASURE = (NodeKind.KARPENTER, NodeKind.AUTO_MODE, NodeKind.FARGATE)


class _Drains:
    """The simulated cluster. Old places of a set are closed before the first of its nodes is drained."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        running = [pod for pod in need(snapshot.pods) if pod.node and pod.phase not in ("Succeeded", "Failed")]
        plain = PlainTerms(snapshot, running)
        pods = [plain.of(pod) for pod in running]
        nodes = need(snapshot.nodes)
        self._places = {node.name: Place.of(node, "") for node in nodes}
        self._zones = _VolumeZones(snapshot)
        self._pods_on: dict[str, list[PodRow]] = defaultdict(list)
        self._staying: dict[str, list[PodShape]] = defaultdict(list)
        for pod in pods:
            if evictable(pod):
                self._pods_on[pod.node].append(pod)
            else:
                self._staying[pod.node].append(pod.shape)
            if pod.node in self._places:
                self._places[pod.node].take(pod.shape)
        self._budgets = Budgets(need(snapshot.pdbs))
        self._used: dict[tuple[str, str], int] = defaultdict(int)
        self._pending: dict[tuple[str, str], tuple[PodRow, tuple[str, Obstacle | None]]] = {}
        self._neighbours = Neighbours(pods, self._places)
        self._pools = Pools()
        for place in self._places.values():
            self._pools.add(place)

    def run(self, rotated: Sequence[NodeSet]) -> Iterator[Stuck]:
        for one in rotated:
            yield from self._rotate(one)

    def _rotate(self, one: NodeSet) -> Iterator[Stuck]:
        old = sorted(one.nodes, key=lambda node: (node.zone, node.name))
        for node in old:
            self._pools.close(self._places[node.name])
        lands = one.kind not in _MADE_TO_MEASURE
        surge = _surge(one, old) if lands else []
        for node in surge:
            self._add(node, one.subject)
        for number, node in enumerate(old):
            yield from self._drain(node, one.subject, lands=lands)
            self._pools.remove(self._places[node.name])
            if lands and number >= len(surge):
                self._add(node, one.subject)
        self._land_pending()
        for pod, (node_name, obstacle) in self._pending.values():
            yield Stuck(pod, node_name, one.subject, Cause.NOWHERE, obstacle, self._covers(pod))
        self._pending.clear()

    def _drain(self, node: NodeRow, group: str, *, lands: bool) -> Iterator[Stuck]:
        """Evict as often as it gets on: a pod that leaves or lands may be what another one waits for."""
        left = self._pods_on.pop(node.name, [])
        before = len(left) + 1
        while left and len(left) < before:
            before = len(left)
            left = [pod for pod in left if not self._evicted(pod, node, lands=lands)]
            if self._land_pending():
                before += 1
        for pod in left:
            budgets = self._covers(pod)
            yield Stuck(pod, node.name, group, self._held_by(budgets, pod) or Cause.NO_BUDGET_LEFT, budgets=budgets)

    def _add(self, like: NodeRow, group: str) -> None:
        place = Place.of(like, group, name=f"new-{len(self._places)}-{like.name}")
        for shape in self._staying.get(like.name, ()):  # its DaemonSets come along
            place.take(shape)
        self._places[place.name] = place
        self._pools.add(place)

    def _evicted(self, pod: PodRow, node: NodeRow, *, lands: bool) -> bool:
        """Whether the pod could leave. One that then has nowhere to go is pending."""
        budgets = self._covers(pod)
        if self._held_by(budgets, pod):
            return False
        self._places[node.name].give_back(pod.shape)
        self._neighbours.moved(pod, None)
        if pod.owners and lands:  # nobody makes a bare pod anew
            if budgets:
                self._used[budgets[0].namespace, budgets[0].name] += 1
            self._pending[pod.namespace, pod.name] = (pod, (node.name, None))
            self._land(pod, node.name)
        return True

    def _land_pending(self) -> bool:
        """Let pending pods land where they can now; whether any could. Where one cannot, its like cannot either."""
        hopeless: set[tuple[str, str, int]] = set()
        landed = False
        for pod, (node, _) in tuple(self._pending.values()):
            alike = (*kin(pod), id(pod.shape))
            if alike not in hopeless:
                if self._land(pod, node):
                    landed = True
                else:
                    hopeless.add(alike)
        return landed

    def _land(self, pod: PodRow, node_name: str) -> bool:
        place, obstacle = self._landing(pod)
        name = (pod.namespace, pod.name)
        if place is None:
            self._pending[name] = (pod, (node_name, obstacle))
            return False
        del self._pending[name]
        place.take(pod.shape)
        self._neighbours.moved(pod, place)
        if budgets := self._covers(pod):
            self._used[budgets[0].namespace, budgets[0].name] -= 1
        return True

    def _covers(self, pod: PodRow) -> tuple[PdbRow, ...]:
        return self._budgets.covering(pod.namespace, pod.labels)

    def _held_by(self, budgets: tuple[PdbRow, ...], pod: PodRow) -> Cause | None:
        """Policy: unhealthyPodEvictionPolicy (Kubernetes: Specifying a Disruption Budget for your Application)."""
        if not budgets:
            return None
        if len(budgets) > 1:
            return Cause.SEVERAL_BUDGETS
        pdb = budgets[0]
        left = pdb.disruptions_allowed - self._used[pdb.namespace, pdb.name]
        healthy = 0 < pdb.desired_healthy <= pdb.current_healthy
        if left > 0 or (not pod.ready and (healthy or pdb.unhealthy_policy == "AlwaysAllow")):
            return None
        return Cause.USED_UP if pdb.disruptions_allowed > 0 else Cause.NO_BUDGET_LEFT

    def _landing(self, pod: PodRow) -> tuple[Place | None, Obstacle | None]:
        zones, shape = self._zones.of(pod), pod.shape
        alone = not (shape.together or shape.apart or shape.host_ports or any(rule.hard for rule in shape.spread))
        alone = alone and not self._neighbours.refusals(pod)
        domains = {} if alone else self._pools.domains(shape)
        closest: Obstacle | None = None
        for place in self._pools.candidates(shape, zones):
            if alone:
                obstacle = None if place.has_room(shape) else Obstacle.ROOM
            else:
                obstacle = crowded_out(place, pod, self._neighbours, domains)
            if obstacle is None:
                return place, None
            closest = max(closest or obstacle, obstacle)
        return None, closest or self._pools.why_none(shape, zones)


def _surge(one: NodeSet, nodes: Sequence[NodeRow]) -> list[NodeRow]:
    """A new node like one of each zone, and as many as may be unavailable at once (D-02); none with MINIMAL (D-04)."""
    if one.group is not None and one.group.update_strategy == "MINIMAL":
        return []
    first_of_zone = {node.zone: node for node in reversed(nodes)}
    surge = [first_of_zone[zone] for zone in sorted(first_of_zone)]
    wanted = (one.group.max_unavailable if one.group else None) or 1
    others = [node for node in nodes if node not in surge]
    return surge + others[: max(0, wanted - len(surge))]


class _VolumeZones:
    """The zones that a pod's volumes bind it to."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        zones = {volume.name: frozenset(volume.zones) for volume in need(snapshot.persistent_volumes) if volume.zones}
        self._of_claim = {
            (claim.namespace, claim.name): zones[claim.volume]
            for claim in need(snapshot.claims)
            if claim.volume in zones
        }

    def of(self, pod: PodRow) -> frozenset[str] | None:
        bound: frozenset[str] | None = None
        for use in pod.shape.volumes:
            if use.kind == "persistentVolumeClaim" and (found := self._of_claim.get((pod.namespace, use.detail))):
                bound = found if bound is None else bound & found
        return bound
