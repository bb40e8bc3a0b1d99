"""Kubernetes Events (`kubectl get events`): what the controllers tell people.

They are gone after an hour, as on EKS.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.world.errors import ObjectNotFound
from sandbox.world.objects import EVENTS, Json, timestamp

if TYPE_CHECKING:
    from sandbox.world.controllers import Controllers

KEPT = timedelta(hours=1)


class Tidings:
    """Writes Event objects; the same tidings of the same object are counted, not repeated."""

    def __init__(self, controllers: Controllers) -> None:
        self._controllers = controllers
        self._count = 0
        self._latest: dict[tuple[str, str, str], str] = {}

    def tell(self, about: Json, reason: str, message: str, *, source: str, warning: bool = False) -> None:
        """An Event about an object: `Killing`, `FailedScheduling`, `NodeReady`…"""
        metadata = about["metadata"]
        namespace = metadata.get("namespace", "default")
        now = timestamp(self._controllers.world.now)
        key = (metadata["uid"], reason, message)
        store = self._controllers.store
        known = self._latest.get(key)
        if known and store.find(EVENTS, namespace, known):
            store.edit(
                EVENTS, namespace, known, lambda event: event.update(count=event["count"] + 1, lastTimestamp=now)
            )
            return
        self._count += 1
        name = f"{metadata['name']}.{self._count:016x}"
        self._latest[key] = name
        involved = {
            "apiVersion": about["apiVersion"],
            "kind": about["kind"],
            "name": metadata["name"],
            "uid": metadata["uid"],
        }
        if "namespace" in metadata:
            involved["namespace"] = metadata["namespace"]
        store.create(
            EVENTS,
            {
                "metadata": {"name": name, "namespace": namespace},
                "involvedObject": involved,
                "reason": reason,
                "message": message,
                "type": "Warning" if warning else "Normal",
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "eventTime": None,
                "source": {"component": source},
                "reportingComponent": source,
                "reportingInstance": "",
            },
        )
        self._controllers.world.plan(KEPT, lambda: self._forget(namespace, name, key))

    def _forget(self, namespace: str, name: str, key: tuple[str, str, str]) -> None:
        try:
            self._controllers.store.delete(EVENTS, namespace, name)
        except ObjectNotFound:
            return
        if self._latest.get(key) == name:
            del self._latest[key]
