"""Control planes: UpdateClusterVersion and UpdateClusterConfig."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.world import requests
from sandbox.world.catalogue import minor
from sandbox.world.errors import InvalidParameter, InvalidRequest
from sandbox.world.model import Cluster, Update, UpdateError
from sandbox.world.objects import NODES

if TYPE_CHECKING:
    from sandbox.world.world import World

FEWEST_FREE_ADDRESSES = 5


def most_lag(kubelet_minor: int) -> int:
    """By how many minors a kubelet may be older than the API server (C-04)."""
    return 3 if kubelet_minor >= 25 else 2


class ControlPlanes:
    """Updates of control planes, 8 to 15 minutes each."""

    def __init__(self, world: World) -> None:
        self._world = world

    def update_version(self, cluster: Cluster, version: str, *, token: str | None, force: bool) -> Update:
        args = {"version": version, "force": force}
        return requests.admit(
            self._world,
            cluster,
            "UpdateClusterVersion",
            subject="control-plane",
            args=args,
            token=token,
            start=lambda: self._start_version(cluster, version, force),
        )

    def _start_version(self, cluster: Cluster, version: str, force: bool) -> Update:
        world = self._world
        self._check_version(cluster, version)
        requests.refuse_if_busy(cluster, "VersionUpdate")
        if cluster.status != "ACTIVE":
            raise InvalidRequest(f"Cluster {cluster.name} is in status {cluster.status}", clusterName=cluster.name)
        self._check_nodes(cluster, version)
        offered = world.catalogue.describe(version)
        params = {"Version": version, "PlatformVersion": offered.platform_version}
        update = requests.begin(world, cluster, "VersionUpdate", params, force=force)
        cluster.status = "UPDATING"
        error = self._error_to_come(cluster)
        takes = world.draws.seconds(480, 900, "control-plane", cluster.key, version, len(cluster.updates))
        update.expected_end_at = world.now + takes
        if error is None:
            world.plan(takes, lambda: self._succeed(cluster, update, version))
        else:
            world.plan(takes * 0.5, lambda: self._revert(cluster, update, error))
        return update

    def _check_version(self, cluster: Cluster, version: str) -> None:
        parts = version.split(".")
        if len(parts) != 2 or not all(part.isdigit() for part in parts) or not self._world.catalogue.offers(version):
            raise InvalidParameter(f"unsupported Kubernetes version: {version}", clusterName=cluster.name)
        if minor(version) != minor(cluster.version) + 1:
            raise InvalidParameter(
                f"Unsupported Kubernetes minor version update from {cluster.version} to {version}",
                clusterName=cluster.name,
            )

    def _check_nodes(self, cluster: Cluster, version: str) -> None:
        if self._world.faults.groups_must_match(cluster.name):
            behind = [g.name for g in cluster.nodegroups.values() if minor(g.version) != minor(cluster.version)]
        else:
            behind = [
                group.name
                for group in cluster.nodegroups.values()
                if minor(version) - minor(group.version) > most_lag(minor(group.version))
            ]
        if behind:
            raise InvalidRequest(
                f"Nodegroups {', '.join(behind)} must be updated to match cluster version {cluster.version} "
                "before updating cluster version",
                clusterName=cluster.name,
                nodegroupName=behind[0],
            )
        for node in cluster.kube.list(NODES):
            kubelet = minor(node["status"]["nodeInfo"]["kubeletVersion"])
            name = node["metadata"]["name"]
            if kubelet > minor(cluster.version):
                raise InvalidRequest(
                    f"Node {name} runs kubelet 1.{kubelet}, newer than cluster version {cluster.version}",
                    clusterName=cluster.name,
                )
            if minor(version) - kubelet > most_lag(kubelet):
                raise InvalidRequest(
                    f"Node {name} runs kubelet 1.{kubelet}, too old for cluster version {version}; update it "
                    "before updating cluster version",
                    clusterName=cluster.name,
                )

    def _error_to_come(self, cluster: Cluster) -> UpdateError | None:
        """What will make the update fail: a fault that was switched on, or the state of the network."""
        fault = self._world.faults.control_plane_failure(cluster.name)
        if fault is not None:
            return UpdateError(fault.code, fault.message, list(cluster.subnet_ids))
        place = self._world.regions[(cluster.account, cluster.region)]
        missing = [subnet for subnet in cluster.subnet_ids if subnet not in place.subnets]
        if missing:
            return UpdateError("SubnetNotFound", "Subnets of the cluster do not exist.", missing)
        if sum(place.subnets[subnet].free for subnet in cluster.subnet_ids) < FEWEST_FREE_ADDRESSES:
            return UpdateError(
                "IpNotAvailable",
                "There are not enough free IP addresses in the subnets of the cluster.",
                list(cluster.subnet_ids),
            )
        return None

    def _succeed(self, cluster: Cluster, update: Update, version: str) -> None:
        world = self._world
        offered = world.catalogue.describe(version)
        cluster.version = version
        cluster.platform_version = offered.platform_version
        cluster.patch_version = offered.patch
        cluster.status = "ACTIVE"
        resets = world.faults.api_resets(cluster.name)
        if resets is not None:
            cluster.api_resets_until = world.now + timedelta(seconds=resets.seconds)
        requests.end(world, update, "Successful")

    def _revert(self, cluster: Cluster, update: Update, error: UpdateError) -> None:
        cluster.status = "ACTIVE"
        requests.end(self._world, update, "Failed", [error])

    def update_config(
        self,
        cluster: Cluster,
        *,
        token: str | None,
        subnet_ids: list[str] | None,
        security_group_ids: list[str] | None,
        log_types: list[str] | None,
        support_type: str | None,
        authentication_mode: str | None,
    ) -> Update:
        settings = {
            "subnet_ids": subnet_ids,
            "security_group_ids": security_group_ids,
            "log_types": log_types,
            "support_type": support_type,
            "authentication_mode": authentication_mode,
        }
        given = {name: value for name, value in settings.items() if value is not None}
        return requests.admit(
            self._world,
            cluster,
            "UpdateClusterConfig",
            subject="control-plane",
            args=dict(given),
            token=token,
            start=lambda: self._start_config(cluster, given),
        )

    def _start_config(self, cluster: Cluster, given: dict[str, list[str] | str]) -> Update:
        kinds = {
            "subnet_ids": ("VpcConfigUpdate", "Subnets"),
            "security_group_ids": ("VpcConfigUpdate", "SecurityGroups"),
            "log_types": ("LoggingUpdate", "ClusterLogging"),
            "support_type": ("UpgradePolicyUpdate", "UpgradePolicy"),
            "authentication_mode": ("AccessConfigUpdate", "AuthenticationMode"),
        }
        if len({kinds[name][0] for name in given}) != 1:
            raise InvalidParameter("Exactly one type of update can be requested at a time.", clusterName=cluster.name)
        place = self._world.regions[(cluster.account, cluster.region)]
        unknown = [subnet for subnet in given.get("subnet_ids", ()) if subnet not in place.subnets]
        if unknown:
            raise InvalidParameter(f"The subnet ID '{unknown[0]}' does not exist", clusterName=cluster.name)
        requests.refuse_if_busy(cluster, "ConfigUpdate")
        params = {kinds[name][1]: value if isinstance(value, str) else ",".join(value) for name, value in given.items()}
        update = requests.begin(self._world, cluster, kinds[next(iter(given))][0], params)
        cluster.status = "UPDATING"
        takes = self._world.draws.seconds(40, 90, "config", cluster.key, len(cluster.updates))
        self._world.plan(takes, lambda: self._apply_config(cluster, update, given))
        return update

    def _apply_config(self, cluster: Cluster, update: Update, given: dict[str, list[str] | str]) -> None:
        for name, value in given.items():
            setattr(cluster, name, value)
        cluster.status = "ACTIVE"
        requests.end(self._world, update, "Successful")
