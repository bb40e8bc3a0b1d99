"""Draining one node: evict, ask again while a budget says no, give up fifteen minutes after the first try."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sandbox.world import manifests
from sandbox.world.errors import EvictionBlocked, ObjectNotFound, SeveralBudgets
from sandbox.world.model import Cluster
from sandbox.world.objects import Json

if TYPE_CHECKING:
    from sandbox.world.world import World

ASK_AGAIN = timedelta(seconds=5)
PATIENCE = timedelta(minutes=15)


class Drain:
    """Takes the pods off one node, DaemonSet pods left alone. Calls `done` when it is empty, or `failed` with what
    held it up.

    With `force`, pods that a budget holds are deleted when the fifteen minutes are over, and the drain goes on.
    """

    def __init__(
        self,
        world: World,
        cluster: Cluster,
        node_name: str,
        *,
        force: bool,
        done: Callable[[], None],
        failed: Callable[[list[str]], None],
    ) -> None:
        self._world = world
        self._controllers = world.controllers(cluster)
        self.node_name = node_name
        self._force = force
        self._done = done
        self._failed = failed
        self._stopped = False
        self.first_eviction_at: datetime | None = None
        self.held: dict[str, str] = {}
        """`namespace/pod` -> the budget, or the several budgets, that hold it now."""

    def start(self) -> None:
        """Begins to evict."""
        self._step()

    def stop(self) -> None:
        """Gives up without a word: the update has failed elsewhere."""
        self._stopped = True

    def _step(self) -> None:
        if self._stopped:
            return
        pods = self.remaining()
        if not pods:
            self._done()
            return
        now = self._world.now
        self.first_eviction_at = self.first_eviction_at or now
        too_long = now - self.first_eviction_at >= PATIENCE
        if too_long and not self._force:
            self._failed([f"{pod} ({self.held[pod]})" if pod in self.held else pod for pod in map(_name, pods)])
            return
        self.held = {}
        for pod in pods:
            if manifests.is_terminating(pod):
                continue
            if too_long:
                self._controllers.kubelet.delete(pod)
            else:
                self._evict(pod)
        self._world.changed()
        self._world.plan(ASK_AGAIN, self._step)

    def remaining(self) -> list[Json]:
        """Pods that still have to leave."""
        return [pod for pod in self._controllers.pods.on_node(self.node_name) if _has_to_leave(pod)]

    def _evict(self, pod: Json) -> None:
        metadata = pod["metadata"]
        try:
            self._controllers.evictions.evict(metadata["namespace"], metadata["name"])
        except EvictionBlocked as blocked:
            self.held[_name(pod)] = f"PodDisruptionBudget {blocked.budget}"
        except SeveralBudgets as several:
            self.held[_name(pod)] = f"PodDisruptionBudgets {', '.join(several.budgets)}"
        except ObjectNotFound:
            return


def _has_to_leave(pod: Json) -> bool:
    owner = manifests.controller_of(pod)
    return not (owner and owner["kind"] == "DaemonSet") and not manifests.is_finished(pod)


def _name(pod: Json) -> str:
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
