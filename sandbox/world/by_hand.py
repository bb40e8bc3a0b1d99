"""What a person does to nodes that EKS does not manage: replaces them one after the other, with care."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world import instances
from sandbox.world.drain import Drain
from sandbox.world.model import Cluster, Instance, Nodegroup

if TYPE_CHECKING:
    from sandbox.world.world import World


class HandRotation:
    """Brings the nodes of an unmanaged group to the cluster's version: a new one, then an old one drained and gone."""

    def __init__(self, world: World, cluster: Cluster, group: Nodegroup) -> None:
        self._world = world
        self._cluster = cluster
        self._group = group
        self._release = world.catalogue.ami_releases(cluster.version, group.ami_type)[0]

    def next(self) -> None:
        """Replaces the next old node; afterwards the group has the cluster's version."""
        if self._old() is None:
            self._group.version = self._release.version
            self._group.release_version = self._release.release_version
            self._world.changed()
        else:
            instances.launch(self._world, self._cluster, self._group, self._release, ready=self._drain_one)

    def _old(self) -> Instance | None:
        alive = (i for i in self._group.auto_scaling_group.instances.values() if i.state != "shutting-down")
        return next((found for found in alive if found.image_id != self._release.image_id), None)

    def _drain_one(self, _new: Instance) -> None:
        old = self._old()
        if old is None:
            self.next()
            return
        self._world.controllers(self._cluster).nodes.cordon(old.node_name)

        def terminate() -> None:
            instances.terminate(self._world, self._cluster, self._group, old, gone=lambda _: self.next())

        # A person with a blocked drain deletes the pods at last, so `force`; nothing is left that could fail.
        Drain(self._world, self._cluster, old.node_name, force=True, done=terminate, failed=lambda _: None).start()
