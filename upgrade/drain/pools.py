"""Places that differ in their names only, taken together: thousands of nodes are few kinds of nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from upgrade.drain.places import HOSTNAME, Domains, Obstacle, Place, keeps_out
from upgrade.rows import NodeTerm, PodShape, Taint, Toleration

_Size = tuple[int, int, int]
_Wish = tuple[frozenset[tuple[str, str]], tuple[NodeTerm, ...], tuple[Toleration, ...]]


@dataclass(eq=False)
class Pool:
    """``labels`` are without the host name. ``open`` are the places that pods may enter, ``members`` counts all.

    It has no ``name``: who names a host asks its places one by one.
    """

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    open: list[Place] = field(default_factory=list)
    members: int = 0
    full_until: dict[_Size, int] = field(default_factory=dict)
    name: str = ""

    def with_room(self, shape: PodShape) -> Iterator[Place]:
        """What is free only shrinks, so a place without room for a size is never asked for that size again."""
        size = (shape.cpu_millis, shape.memory_bytes, shape.gpus)
        first = self.full_until.get(size, 0)
        while first < len(self.open) and not self.open[first].has_room(shape):
            first += 1
        self.full_until[size] = first
        for number in range(first, len(self.open)):
            yield self.open[number]


class Pools:
    """All places of the simulated cluster."""

    def __init__(self) -> None:
        self._pools: dict[tuple[frozenset[tuple[str, str]], tuple[Taint, ...]], Pool] = {}
        self._pool_of: dict[str, Pool] = {}
        self._entered: dict[tuple[_Wish, frozenset[str] | None], list[Pool]] = {}
        self._spread_over: dict[_Wish, list[Pool]] = {}
        self._wishes: dict[int, _Wish] = {}

    def add(self, place: Place) -> None:
        labels = {key: value for key, value in place.labels.items() if key != HOSTNAME}
        kind = (frozenset(labels.items()), place.taints)
        if kind not in self._pools:
            self._pools[kind] = Pool(labels, place.taints)
            self._entered.clear()
            self._spread_over.clear()
        pool = self._pools[kind]
        pool.members += 1
        self._pool_of[place.name] = pool
        if place.open:
            pool.open.append(place)

    def close(self, place: Place) -> None:
        """No pod enters it any more."""
        pool = self._pool_of[place.name]
        if place.open:
            pool.open.remove(place)
            pool.full_until.clear()
        place.open = False

    def remove(self, place: Place) -> None:
        """It is gone, and no domain any more."""
        self.close(place)
        self._pool_of.pop(place.name).members -= 1

    def candidates(self, shape: PodShape, zones: frozenset[str] | None) -> Iterator[Place]:
        """The open places whose nature lets the pod in, those left out that have no room for it."""
        for pool in self._let_in(shape, zones):
            for place in pool.with_room(shape):
                if not _names_a_host(shape) or keeps_out(place, shape, zones) is None:
                    yield place

    def why_none(self, shape: PodShape, zones: frozenset[str] | None) -> Obstacle | None:
        """What keeps the pod out of the places that come closest; None when there is no open place."""
        open_places = (place for pool in self._pools.values() for place in pool.open)
        return max((keeps_out(place, shape, zones) or Obstacle.ROOM for place in open_places), default=None)

    def domains(self, shape: PodShape) -> Domains:
        """Taints are no reason to leave a domain out (nodeTaintsPolicy: Ignore is the default)."""
        wish = self._wish(shape)
        if wish not in self._spread_over:
            self._spread_over[wish] = [
                pool
                for pool in self._pools.values()
                if _names_a_host(shape) or keeps_out(pool, shape, None) in (None, Obstacle.TAINT)
            ]
        natures = [pool for pool in self._spread_over[wish] if pool.members]
        keys = {rule.topology_key for rule in shape.spread if rule.hard}
        return {
            key: sum(pool.members for pool in natures)
            if key == HOSTNAME
            else len({pool.labels[key] for pool in natures if key in pool.labels})
            for key in keys
        }

    def _let_in(self, shape: PodShape, zones: frozenset[str] | None) -> list[Pool]:
        if _names_a_host(shape):
            return list(self._pools.values())
        memo = (self._wish(shape), zones)
        if memo not in self._entered:
            self._entered[memo] = [pool for pool in self._pools.values() if keeps_out(pool, shape, zones) is None]
        return self._entered[memo]

    def _wish(self, shape: PodShape) -> _Wish:
        """What a shape demands of a node's nature: thousands of shapes have few wishes."""
        if id(shape) not in self._wishes:
            self._wishes[id(shape)] = (frozenset(shape.node_selector.items()), shape.node_terms, shape.tolerations)
        return self._wishes[id(shape)]


def _names_a_host(shape: PodShape) -> bool:
    return HOSTNAME in shape.node_selector or any(
        term.fields or any(one.key == HOSTNAME for one in term.requirements) for term in shape.node_terms
    )
