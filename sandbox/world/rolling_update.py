"""The rolling update of one managed node group (rules D-01 to D-08).

Setup: a launch-template version with the new AMI. Scale up: surge nodes, at least one a zone, waited for. Upgrade: old
nodes cordoned, then drained in random order, at most maxUnavailable at once, each waited on for a minute and
terminated. Scale down: the former sizes again. A failure leaves the mix as it is; the next update goes on with the old
nodes that are left.
"""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from sandbox.world import instances, manifests, requests
from sandbox.world.catalogue import AmiRelease
from sandbox.world.drain import Drain
from sandbox.world.instances import Joining
from sandbox.world.model import Cluster, Instance, Nodegroup, Update, UpdateError

if TYPE_CHECKING:
    from sandbox.world.world import World

JOIN_PATIENCE = timedelta(minutes=15)
AFTER_DRAIN = timedelta(seconds=60)
Phase = Literal["setup", "scale-up", "upgrade", "scale-down", "over"]


class RollingUpdate:
    """One run of the algorithm. `joins` false: a fault keeps its new instances from joining."""

    def __init__(
        self, world: World, cluster: Cluster, group: Nodegroup, update: Update, release: AmiRelease, *, joins: bool
    ) -> None:
        self._world = world
        self._cluster = cluster
        self._group = group
        self._update = update
        self._release = release
        self._joining = Joining(joins=joins)
        self._asg = group.auto_scaling_group
        self._minimal = group.update_strategy == "MINIMAL"
        self._phase: Phase = "setup"
        self._replaced_by: dict[str, str] = {}
        self.drains: dict[str, Drain] = {}
        """By instance id, from the first eviction to the end of the instance (MINIMAL: until its replacement is
        Ready).
        """

    # --- what there is ------------------------------------------------------------------------------------------------

    def _is_old(self, instance: Instance) -> bool:
        return instance.image_id != self._release.image_id

    def _alive(self) -> list[Instance]:
        return [found for found in self._asg.instances.values() if found.state != "shutting-down"]

    def _new_instances(self) -> list[Instance]:
        return [found for found in self._alive() if not self._is_old(found)]

    def old_instances(self) -> list[Instance]:
        """Instances that still have to go, in the random order in which they will."""
        old = [found for found in self._alive() if self._is_old(found)]
        return sorted(old, key=lambda found: self._world.draws.fraction("drain-order", self._update.id, found.id))

    def _most_unavailable(self) -> int:
        if self._group.max_unavailable_percentage is not None:
            return max(1, math.floor(self._group.max_unavailable_percentage * self._group.desired_size / 100))
        return self._group.max_unavailable or 1

    def _surge(self) -> int:
        """Up to two nodes a zone but no more than the group needs, at least one a zone and maxUnavailable (D-02)."""
        zones = len(instances.subnets_of(self._world, self._cluster, self._group))
        useful = min(2 * zones, max(zones, self._group.desired_size))
        return max(useful, self._most_unavailable())

    # --- phases -------------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Starts with the setup phase."""
        budgets = self._world.controllers(self._cluster).budgets
        for fault in self._world.faults.budgets_to_block(self._cluster.name, self._group.name):
            budgets.block(fault)
        takes = self._world.draws.seconds(20, 45, "setup", self._update.id)
        self._world.plan(takes, self._set_up)

    def _set_up(self) -> None:
        template = self._group.launch_template
        if template.versions[self._asg.launch_template_version] != self._release.image_id:
            template.versions[template.latest + 1] = self._release.image_id
            self._asg.launch_template_version = template.latest
        self._world.changed()
        if not self.old_instances():
            self._scale_down()
        elif self._minimal:
            self._drain_more()
        else:
            self._scale_up()

    def _scale_up(self) -> None:
        self._phase = "scale-up"
        needed = max(0, self._surge() - len(self._new_instances()))
        self._asg.desired = len(self._alive()) + needed
        self._asg.max_size = max(self._asg.max_size, self._group.max_size + self._surge(), self._asg.desired)
        for _ in range(needed):
            if self._launch() is None:
                return
        self._upgrade_when_joined()

    def _launch(self) -> Instance | None:
        launched = instances.launch(
            self._world, self._cluster, self._group, self._release, joining=self._joining, ready=self._joined
        )
        if launched is None:
            self._fail(
                "InsufficientFreeAddresses",
                f"One or more subnets of node group {self._group.name} do not have enough free IP addresses.",
                list(self._group.subnet_ids),
            )
        else:
            self._world.plan(JOIN_PATIENCE, self._give_up_on_the_missing)
        return launched

    def _joined(self, instance: Instance) -> None:
        if self._phase == "scale-up":
            self._upgrade_when_joined()
        elif self._phase == "upgrade" and self._minimal:
            replaced = [old for old, new in self._replaced_by.items() if new == instance.id]
            for old in replaced:
                del self._replaced_by[old]
                self.drains.pop(old, None)
            self._drain_more()
        elif self._phase == "scale-down" and not self.drains:
            self._scale_down()

    def _give_up_on_the_missing(self) -> None:
        """Fifteen minutes after a launch: an instance that has not joined by now fails the update."""
        since = self._world.now - JOIN_PATIENCE
        missing = [found for found in self._new_instances() if found.state == "pending" and found.launched_at <= since]
        if self._phase == "over" or not missing:
            return
        for found in missing:
            instances.terminate(self._world, self._cluster, self._group, found)
        self._asg.desired = len(self._alive())
        self._fail(
            "NodeCreationFailure",
            "Instances failed to join the kubernetes cluster",
            [found.id for found in missing],
        )

    def _upgrade_when_joined(self) -> None:
        """When every new node is Ready: cordons all old nodes and begins to drain."""
        if any(found.state == "pending" for found in self._new_instances()):
            return
        nodes = self._world.controllers(self._cluster).nodes
        for old in self.old_instances():
            nodes.cordon(old.node_name, extra_labels={manifests.EXCLUDE_LABEL: "true"})
        self._drain_more()

    def _drain_more(self) -> None:
        self._phase = "upgrade"
        nodes = self._world.controllers(self._cluster).nodes
        for old in self.old_instances():
            if len(self.drains) >= self._most_unavailable():
                return
            if old.id not in self.drains:
                nodes.cordon(old.node_name, extra_labels={manifests.EXCLUDE_LABEL: "true"})
                self._drain(old)
        if not self.drains:
            self._scale_down()

    def _drain(self, instance: Instance) -> None:
        drain = Drain(
            self._world,
            self._cluster,
            instance.node_name,
            force=self._update.force,
            done=lambda: self._drained(instance),
            failed=lambda pods: self._stuck(instance, pods),
        )
        self.drains[instance.id] = drain
        drain.start()

    def _drained(self, instance: Instance) -> None:
        self._world.plan(AFTER_DRAIN, lambda: self._terminate(instance))

    def _terminate(self, instance: Instance) -> None:
        if self._phase != "over":
            instances.terminate(self._world, self._cluster, self._group, instance, gone=self._gone)

    def _gone(self, instance: Instance) -> None:
        if self._phase == "over":
            return
        if self._is_old(instance) and len(self._new_instances()) < self._group.desired_size:
            replacement = self._launch()
            if replacement is None:
                return
            if self._minimal:
                self._replaced_by[instance.id] = replacement.id
                return
        else:
            self._asg.desired = len(self._alive())
        self.drains.pop(instance.id, None)
        self._drain_more()

    def _scale_down(self) -> None:
        """When all new nodes are Ready: takes away what is more than the group's size, one by one, then ends (D-05)."""
        self._phase = "scale-down"
        new = self._new_instances()
        if any(found.state == "pending" for found in new):
            return
        if len(new) > self._group.desired_size:
            last = max(new, key=lambda found: (found.launched_at, found.id))
            self._world.controllers(self._cluster).nodes.cordon(last.node_name)
            self._drain(last)
            return
        self._finish()

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _stuck(self, instance: Instance, pods: list[str]) -> None:
        self._fail(
            "PodEvictionFailure",
            f"Reached max retries while trying to evict pods from nodes in node group {self._group.name}. "
            f"Pods left on {instance.node_name}: {', '.join(pods)}",
            [instance.node_name],
        )

    def _fail(self, code: str, message: str, resource_ids: list[str]) -> None:
        self._stop()
        self._group.status = "ACTIVE"
        requests.end(self._world, self._update, "Failed", [UpdateError(code, message, resource_ids)])

    def _finish(self) -> None:
        self._stop()
        group = self._group
        self._asg.min_size, self._asg.max_size, self._asg.desired = group.min_size, group.max_size, group.desired_size
        group.version = self._release.version
        group.release_version = self._release.release_version
        group.status, group.health = "ACTIVE", []
        group.modified_at = self._world.now
        requests.end(self._world, self._update, "Successful")

    def _stop(self) -> None:
        self._phase = "over"
        for drain in self.drains.values():
            drain.stop()
