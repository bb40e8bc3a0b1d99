"""The only truth of the sandbox: one lock, one heap of future events in domain time, and the doors to everything in it.

Use it like this, from any thread:

    with world.current():                       # takes the lock and lets everything due happen first
        cluster = world.cluster(account, region, name)
        update = world.update_cluster_version(cluster, "1.35", token=token)
        ...read what you need and turn it into bytes before you leave...

Each method below takes the lock itself, so a single call needs no `with`. Records that are handed out (`Cluster`,
`Addon`…) are the live ones: read them under the lock. Kubernetes objects are never changed in place and may be kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.clock import Clock
from sandbox.scenario import Fault, Scenario
from sandbox.world import building, insights, picture, requests
from sandbox.world.addons import Addons
from sandbox.world.by_hand import HandRotation
from sandbox.world.catalogue import Catalogue
from sandbox.world.control_plane import ControlPlanes
from sandbox.world.controllers import Controllers
from sandbox.world.draws import Draws
from sandbox.world.errors import ResourceNotFound
from sandbox.world.faults import Faults, Switch
from sandbox.world.kube_api import KubeApi
from sandbox.world.model import (
    Account,
    Addon,
    Call,
    Cluster,
    Duration,
    Effect,
    Insight,
    InsightsRefresh,
    Region,
    Update,
)
from sandbox.world.nodegroups import Nodegroups
from sandbox.world.timeline import Action, Event, Timeline

LONGEST_NAP = 0.25
SHORTEST_NAP = 0.002


class World:
    """A simulated world made from a scenario. `clock` is read when somebody asks; events happen at their own times."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        self.scenario = scenario
        self.clock = clock
        self.draws = Draws(scenario.seed)
        self.catalogue = Catalogue(scenario.date, list(scenario.versions) if scenario.versions is not None else None)
        self.faults = Faults(scenario.faults)
        self.accounts: dict[str, Account] = {}
        self.regions: dict[tuple[str, str], Region] = {}
        self.calls: list[Call] = []
        self.effects: list[Effect] = []
        self.refreshes: list[Duration] = []
        self.seq = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._depth = 0
        self._timeline = Timeline()
        self._listeners: list[Callable[[], None]] = []
        self._ticker: threading.Thread | None = None
        self._stopping = False
        self._controllers: dict[str, Controllers] = {}
        self._control_planes = ControlPlanes(self)
        self._addons = Addons(self)
        self._nodegroups = Nodegroups(self)
        self.now = scenario.date.astimezone(UTC)
        """Domain time of what is happening: the event's own time while one is processed, else the time of the last
        look at the clock.
        """
        with self._lock:
            building.build(self, scenario)
            self._react()
            self._run_until(scenario.date.astimezone(UTC))
            self._apply_faults()
            self._react()

    # --- time ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def current(self) -> Iterator[World]:
        """Holds the lock, with everything due up to the clock's now already done. May be nested."""
        with self._lock:
            if self._depth == 0:
                self._run_until(self.clock.now())
            self._depth += 1
            seen = self.seq
            try:
                yield self
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._react()
                    if self.seq != seen:
                        self._wake()

    def settle(self) -> None:
        """Lets everything due up to the clock's now happen, each event at its own time."""
        with self.current():
            pass

    def next_event_at(self) -> datetime | None:
        """When the next thing will happen by itself, or None."""
        with self._lock:
            return self._timeline.next_at()

    def wait_for_change(self, since: int, timeout: float) -> int:
        """Waits until `seq` is beyond `since`, at most `timeout` real seconds, and gives the present `seq`.

        Needs the ticker (`start()`) or somebody who calls to make time pass.
        """
        with self._lock:
            self._changed.wait_for(lambda: self.seq > since or self._stopping, timeout)
            return self.seq

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Calls `listener` after each batch of changes, under the lock, so it must only signal.

        Gives the way to unsubscribe.
        """
        with self._lock:
            self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def start(self) -> None:
        """Starts the ticker thread, which makes events happen when they are due though nobody asks."""
        with self._lock:
            if self._ticker is None:
                self._stopping = False
                self._ticker = threading.Thread(target=self._tick, name="world-ticker", daemon=True)
                self._ticker.start()

    def stop(self) -> None:
        """Stops the ticker and wakes everybody who waits."""
        with self._lock:
            self._stopping = True
            ticker, self._ticker = self._ticker, None
            self._changed.notify_all()
        if ticker is not None:
            ticker.join()

    def plan(self, delay: timedelta, action: Action) -> Event:
        """Lets `action` happen `delay` after the present event. For the world's own modules."""
        return self._timeline.plan(self.now + delay, action)

    def adopt(self, cluster: Cluster, controllers: Controllers) -> None:
        """A new cluster gets its controllers. For the building of the world."""
        self._controllers[cluster.key] = controllers

    def install(self, cluster: Cluster, addon: Addon) -> None:
        """Puts an add-on's objects into its cluster. For the building of the world."""
        self._addons.install(cluster, addon)

    def changed(self) -> None:
        """Something that a watcher may see has changed. For the world's own modules."""
        self.seq += 1

    # --- finding ------------------------------------------------------------------------------------------------------

    def clusters(self, account: str | None = None, region: str | None = None) -> list[Cluster]:
        """Clusters in order of the scenario, of one account and region if given."""
        with self.current():
            return [
                cluster
                for place in self.regions.values()
                if account in (None, place.account) and region in (None, place.name)
                for cluster in place.clusters.values()
            ]

    def cluster(self, account: str, region: str, name: str) -> Cluster:
        """One cluster. Raises ResourceNotFound as DescribeCluster does."""
        with self.current():
            place = self.regions.get((account, region))
            if place is None or name not in place.clusters:
                raise ResourceNotFound(f"No cluster found for name: {name}.", clusterName=name)
            return place.clusters[name]

    def find_cluster(self, name: str) -> Cluster:
        """The cluster of that name, `account/region/name` or ARN; the first one where a name is not unique.

        Raises KeyError.
        """
        for cluster in self.clusters():
            if name in (cluster.name, cluster.key, cluster.arn):
                return cluster
        raise KeyError(name)

    def kube(self, cluster: Cluster) -> KubeApi:
        """What the API server of this cluster does with requests; the Kubernetes face goes through it."""
        return KubeApi(self, cluster)

    def controllers(self, cluster: Cluster) -> Controllers:
        """The controllers of this cluster. For the world's own modules."""
        return self._controllers[cluster.key]

    # --- EKS: updates -------------------------------------------------------------------------------------------------

    def update_cluster_version(
        self, cluster: Cluster, version: str, *, token: str | None, force: bool = False
    ) -> Update:
        """UpdateClusterVersion: one minor up.

        Raises InvalidParameter (not one minor up, or not offered; kubelets that would break C-03 or C-04),
        InvalidRequest (node groups must match first, C-06), ResourceInUse (anything of this cluster is being updated).
        The same token gives the same update.
        """
        with self.current():
            return self._control_planes.update_version(cluster, version, token=token, force=force)

    def update_cluster_config(
        self,
        cluster: Cluster,
        *,
        token: str | None,
        subnet_ids: list[str] | None = None,
        security_group_ids: list[str] | None = None,
        log_types: list[str] | None = None,
        support_type: str | None = None,
        authentication_mode: str | None = None,
    ) -> Update:
        """UpdateClusterConfig: exactly one of the settings, in about a minute.

        Raises InvalidParameter, InvalidRequest, ResourceInUse.
        """
        with self.current():
            return self._control_planes.update_config(
                cluster,
                token=token,
                subnet_ids=subnet_ids,
                security_group_ids=security_group_ids,
                log_types=log_types,
                support_type=support_type,
                authentication_mode=authentication_mode,
            )

    def update_addon(
        self,
        cluster: Cluster,
        addon_name: str,
        *,
        token: str | None,
        version: str | None = None,
        resolve_conflicts: str | None = None,
        service_account_role_arn: str | None = None,
        configuration_values: str | None = None,
        pod_identity_associations: list[dict[str, str]] | None = None,
    ) -> Update:
        """UpdateAddon. What is None stays as it is, except the role, which falls back to the node's role when it is
        left out (E-02).

        Raises ResourceNotFound, InvalidParameter (version not offered for the cluster's version; vpc-cni by more than
        one minor, E-05), ResourceInUse (this add-on or the control plane is being updated).
        """
        with self.current():
            return self._addons.update(
                cluster,
                addon_name,
                token=token,
                version=version,
                resolve_conflicts=resolve_conflicts,
                service_account_role_arn=service_account_role_arn,
                configuration_values=configuration_values,
                pod_identity_associations=pod_identity_associations,
            )

    def update_nodegroup_version(
        self,
        cluster: Cluster,
        nodegroup_name: str,
        *,
        token: str | None,
        version: str | None = None,
        release_version: str | None = None,
        launch_template: dict[str, str] | None = None,
        force: bool = False,
    ) -> Update:
        """UpdateNodegroupVersion: rolls the group to the newest AMI of `version` (default: the group's), or to
        `release_version`.

        Raises ResourceNotFound, InvalidParameter (newer than the control plane, older than now, release not offered),
        ResourceInUse (this group or the control plane is being updated).
        """
        with self.current():
            return self._nodegroups.update_version(
                cluster,
                nodegroup_name,
                token=token,
                version=version,
                release_version=release_version,
                launch_template=launch_template,
                force=force,
            )

    def update_nodegroup_config(
        self,
        cluster: Cluster,
        nodegroup_name: str,
        *,
        token: str | None,
        scaling: dict[str, int] | None = None,
        update_config: dict[str, Any] | None = None,
        labels: dict[str, str] | None = None,
        taints: list[dict[str, str]] | None = None,
    ) -> Update:
        """UpdateNodegroupConfig.

        `scaling` and `update_config` as on the wire (minSize, maxUnavailable…). Raises as the version update.
        """
        with self.current():
            return self._nodegroups.update_config(
                cluster,
                nodegroup_name,
                token=token,
                scaling=scaling,
                update_config=update_config,
                labels=labels,
                taints=taints,
            )

    def describe_update(
        self, cluster: Cluster, update_id: str, *, nodegroup_name: str | None = None, addon_name: str | None = None
    ) -> Update:
        """DescribeUpdate. Updates of a node group or add-on are found only with its name. Raises ResourceNotFound."""
        with self.current():
            return requests.describe_update(cluster, update_id, nodegroup_name, addon_name)

    def list_updates(
        self, cluster: Cluster, *, nodegroup_name: str | None = None, addon_name: str | None = None
    ) -> list[Update]:
        """ListUpdates, newest first; without a name those of the cluster itself. Raises ResourceNotFound."""
        with self.current():
            return requests.list_updates(cluster, nodegroup_name, addon_name)

    # --- EKS: insights ------------------------------------------------------------------------------------------------

    def list_insights(
        self,
        cluster: Cluster,
        *,
        categories: list[str] | None = None,
        kubernetes_versions: list[str] | None = None,
        statuses: list[str] | None = None,
    ) -> list[Insight]:
        """ListInsights as last refreshed."""
        with self.current():
            return [
                insight
                for insight in cluster.insights.values()
                if (not categories or insight.category in categories)
                and (not kubernetes_versions or insight.kubernetes_version in kubernetes_versions)
                and (not statuses or insight.status in statuses)
            ]

    def describe_insight(self, cluster: Cluster, insight_id: str) -> Insight:
        """DescribeInsight. Raises ResourceNotFound."""
        with self.current():
            if insight_id not in cluster.insights:
                raise ResourceNotFound(f"No insight found for id: {insight_id}.", clusterName=cluster.name)
            return cluster.insights[insight_id]

    def start_insights_refresh(self, cluster: Cluster) -> InsightsRefresh:
        """StartInsightsRefresh: one to three minutes; while one runs it answers with that one."""
        with self.current():
            return insights.start_refresh(self, cluster)

    def describe_insights_refresh(self, cluster: Cluster) -> InsightsRefresh:
        """DescribeInsightsRefresh: the last one. Raises ResourceNotFound when there never was one."""
        with self.current():
            if cluster.insights_refresh is None:
                raise ResourceNotFound("No insights refresh found for this cluster.", clusterName=cluster.name)
            return cluster.insights_refresh

    # --- Kubernetes ---------------------------------------------------------------------------------------------------

    def evict_pod(self, cluster: Cluster, namespace: str, name: str) -> None:
        """Evicts a pod as the eviction subresource does, PodDisruptionBudgets respected.

        Raises ObjectNotFound, EvictionBlocked (HTTP 429) or SeveralBudgets (HTTP 500).
        """
        with self.current():
            self._controllers[cluster.key].evictions.evict(namespace, name)

    # --- faults, for the page and tests -------------------------------------------------------------------------------

    def switch_on(self, fault: Fault) -> Switch:
        """Switches a fault on at run time; a `pdb-blocks` without node group takes effect at once."""
        with self.current():
            switch = self.faults.switch_on(fault)
            self._apply_faults()
            self.changed()
            return switch

    def switch_off(self, switch_id: str) -> Switch:
        """Switches a fault off; a budget that it had turned blocking gets its former limits back. Raises KeyError."""
        with self.current():
            switch = self.faults.switch_off(switch_id)
            for cluster in self.clusters():
                self._controllers[cluster.key].budgets.restore(switch.fault)
            self.changed()
            return switch

    def rotate_by_hand(self, cluster: Cluster, group_name: str) -> None:
        """Somebody brings nodes that EKS does not manage to the cluster's version. Raises KeyError."""
        with self.current():
            HandRotation(self, cluster, cluster.other_nodegroups[group_name]).next()

    def record(self, call: Call) -> None:
        """Notes a mutating call that was received. For the world's own modules and the faces."""
        self.calls.append(call)

    # --- what happened, for the page, the autopilot and benchmarks ----------------------------------------------------

    def picture(self, cluster: Cluster) -> dict[str, Any]:
        """The cluster as the page draws it, JSON-able. See `sandbox.world.picture`."""
        with self.current():
            return picture.draw(self, cluster)

    def chain_durations(self) -> list[Duration]:
        """Every update and requested insights refresh that ended, with the time that the world itself took, oldest
        first.
        """
        with self.current():
            return picture.durations(self)

    def longest_chain(self) -> timedelta:
        """The longest chain of durations in which each began after the one before had ended."""
        return picture.longest_chain(self.chain_durations())

    # --- inside -------------------------------------------------------------------------------------------------------

    def _run_until(self, until: datetime) -> None:
        """Processes what is due. Only for the holder of the lock, never from within an event."""
        seen = self.seq
        self._depth += 1
        try:
            while (event := self._timeline.pop_due(until)) is not None:
                self.now = max(self.now, event.at)
                if event.action is not None:
                    event.action()
                self._react()
            self.now = max(self.now, until)
        finally:
            self._depth -= 1
        if self.seq != seen:
            self._wake()

    def _react(self) -> None:
        """Controllers answer to what has changed, at this very instant, until nothing is left to do."""
        for controllers in self._controllers.values():
            if controllers.dirty():
                controllers.reconcile()

    def _apply_faults(self) -> None:
        for cluster in self.clusters():
            for fault in self.faults.budgets_to_block(cluster.name, None):
                self._controllers[cluster.key].budgets.block(fault)

    def _wake(self) -> None:
        self._changed.notify_all()
        for listener in tuple(self._listeners):
            listener()

    def _tick(self) -> None:
        while True:
            with self._lock:
                if self._stopping:
                    return
                self._run_until(self.clock.now())
                at = self._timeline.next_at()
                nap = LONGEST_NAP
                if at is not None:
                    nap = min(LONGEST_NAP, max(SHORTEST_NAP, self.clock.to_real(at - self.clock.now())))
                self._changed.wait(nap)
