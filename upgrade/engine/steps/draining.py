"""What keeps a node from draining: the pods that are left and the PodDisruptionBudgets that hold them (D-03). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from upgrade.disruption import Budgets, evictable
from upgrade.rows import NodeRow, PdbRow, PodRow

#: D-03: how long EKS tries to evict the pods of one node before it fails with PodEvictionFailure.
EVICTION_LIMIT: Final = timedelta(minutes=15)
_PODS: Final = "pods/"
_SINCE: Final = "draining/"


@dataclass(frozen=True)
class HeldPod:
    """A pod that is still on a draining node, and the budgets that forbid its eviction now."""

    pod: str
    node: str
    budgets: tuple[str, ...]


@dataclass(frozen=True)
class Drain:
    """A node that is being drained: the pods left on it and since when the first eviction was seen."""

    node: str
    since: datetime
    left: tuple[HeldPod, ...]

    def minutes_left(self, now: datetime) -> int:
        """About how many of the 15 minutes are left."""
        return max(0, round((EVICTION_LIMIT - (now - self.since)).total_seconds() / 60))


def held(pods: Sequence[PodRow], pdbs: Sequence[PdbRow]) -> tuple[HeldPod, ...]:
    """Each pod with the budgets that allow no disruption of it now; a pod that is going already is not held."""
    budgets = Budgets(tuple(pdb for pdb in pdbs if pdb.disruptions_allowed == 0))
    return tuple(
        HeldPod(
            pod=f"{pod.namespace}/{pod.name}",
            node=pod.node,
            budgets=tuple(
                f"{pdb.namespace}/{pdb.name}"
                for pdb in budgets.covering(pod.namespace, pod.labels)
                if pod.deletion_at is None
            ),
        )
        for pod in pods
    )


def see_drains(
    old_nodes: Sequence[NodeRow],
    pods: Sequence[PodRow],
    pdbs: Sequence[PdbRow],
    memory: Mapping[str, str],
    now: datetime,
) -> tuple[tuple[Drain, ...], dict[str, str]]:
    """The nodes that are draining, and what to remember for the next look.

    EKS cordons every old node before it drains the first one, so a cordon alone says nothing. A node drains from the
    first eviction seen: a pod on it is going or has gone, or all that is left on it is held by budgets.
    """
    drains: list[Drain] = []
    remembered: dict[str, str] = {}
    for node in old_nodes:
        on_node = [pod for pod in pods if pod.node == node.name and evictable(pod)]
        before = int(memory.get(f"{_PODS}{node.name}", len(on_node)))
        remembered[f"{_PODS}{node.name}"] = str(len(on_node))
        left = held(on_node, pdbs)
        evicting = any(pod.deletion_at is not None for pod in on_node) or len(on_node) < before
        stuck = bool(left) and all(one.budgets for one in left)
        since = memory.get(f"{_SINCE}{node.name}")
        if since is None and node.unschedulable and (evicting or stuck):
            since = now.isoformat()
        if since is not None:
            remembered[f"{_SINCE}{node.name}"] = since
            drains.append(Drain(node.name, datetime.fromisoformat(since), left))
    return tuple(drains), remembered


def drain_sentence(drain: Drain, now: datetime) -> str:
    """Names the pods left and what holds them; empty when nothing holds the node."""
    stuck = [one for one in drain.left if one.budgets]
    if not stuck:
        return ""
    named = ", ".join(f"{one.pod} held by PodDisruptionBudget {' and '.join(one.budgets)}" for one in stuck[:3])
    more = f" and {len(stuck) - 3} more" if len(stuck) > 3 else ""
    return f"node {drain.node} is draining: {named}{more}; about {drain.minutes_left(now)} minutes of its 15 left"
