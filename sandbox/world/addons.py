"""Managed add-ons: UpdateAddon, the rollout that follows, and what becomes of one that does not get well."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox.world import requests
from sandbox.world.addon_manifests import addon_objects
from sandbox.world.catalogue import version_order
from sandbox.world.errors import InvalidParameter
from sandbox.world.model import Addon, Cluster, HealthIssue, PodIdentityAssociation, Update, UpdateError
from sandbox.world.objects import DAEMON_SETS, DEPLOYMENTS, Json, Resource, copy_json

if TYPE_CHECKING:
    from sandbox.world.world import World

PATIENCE = timedelta(minutes=5)
LOOK_AGAIN = timedelta(seconds=5)
CONFLICT_MODES = ("OVERWRITE", "NONE", "PRESERVE")
UNHEALTHY = "The add-on is unhealthy because it doesn't have the desired number of replicas."


class Addons:
    """Updates of add-ons, one to four minutes each."""

    def __init__(self, world: World) -> None:
        self._world = world

    def install(self, cluster: Cluster, addon: Addon) -> None:
        """Puts the add-on's objects into the cluster."""
        for resource, manifest in addon_objects(addon.name, addon.version, cluster.region):
            cluster.kube.create(resource, manifest)

    def update(
        self,
        cluster: Cluster,
        addon_name: str,
        *,
        token: str | None,
        version: str | None,
        resolve_conflicts: str | None,
        service_account_role_arn: str | None,
        configuration_values: str | None,
        pod_identity_associations: list[dict[str, str]] | None,
    ) -> Update:
        args = {
            "addon_name": addon_name,
            "version": version,
            "resolve_conflicts": resolve_conflicts,
            "service_account_role_arn": service_account_role_arn,
            "configuration_values": configuration_values,
            "pod_identity_associations": pod_identity_associations,
        }
        args = {name: value for name, value in args.items() if value is not None}

        def start() -> Update:
            addon = requests.find_addon(cluster, addon_name)
            target = version or addon.version
            self._check(cluster, addon, target, resolve_conflicts)
            requests.refuse_if_busy(cluster, "AddonUpdate", with_subject=f"addon/{addon_name}")
            addon.service_account_role_arn = service_account_role_arn
            if configuration_values is not None:
                addon.configuration_values = configuration_values
            if pod_identity_associations is not None:
                self._associate(cluster, addon, pod_identity_associations)
            return self._start(cluster, addon, target, resolve_conflicts)

        return requests.admit(
            self._world, cluster, "UpdateAddon", subject=f"addon/{addon_name}", args=args, token=token, start=start
        )

    def _check(self, cluster: Cluster, addon: Addon, version: str, resolve_conflicts: str | None) -> None:
        fields = {"clusterName": cluster.name, "addonName": addon.name}
        if resolve_conflicts not in (None, *CONFLICT_MODES):
            raise InvalidParameter(f"resolveConflicts must be one of {', '.join(CONFLICT_MODES)}", **fields)
        if version == addon.version:
            return
        offered = {found.version for found in self._world.catalogue.addon_versions(addon.name, cluster.version)}
        if version not in offered:
            raise InvalidParameter("Addon version specified is not supported", **fields)
        if addon.name == "vpc-cni" and abs(version_order(version)[1] - version_order(addon.version)[1]) > 1:
            raise InvalidParameter("Updating VPC-CNI can only go up or down 1 minor version at a time", **fields)

    def _associate(self, cluster: Cluster, addon: Addon, wanted: list[dict[str, str]]) -> None:
        addon.pod_identity_associations = []
        for entry in wanted:
            name = f"a-{self._world.draws.hex(17, 'pod-identity', cluster.key, addon.name, entry['serviceAccount'])}"
            arn = f"arn:aws:eks:{cluster.region}:{cluster.account}:podidentityassociation/{cluster.name}/{name}"
            association = PodIdentityAssociation(name, arn, entry["serviceAccount"], entry["roleArn"])
            addon.pod_identity_associations.append(association)

    def _start(self, cluster: Cluster, addon: Addon, version: str, resolve_conflicts: str | None) -> Update:
        world = self._world
        params = {"AddonVersion": version, "ResolveConflicts": resolve_conflicts or "NONE"}
        if addon.service_account_role_arn:
            params["ServiceAccountRoleArn"] = addon.service_account_role_arn
        if addon.configuration_values is not None:
            params["ConfigurationValues"] = addon.configuration_values
        update = requests.begin(world, cluster, "AddonUpdate", params, addon_name=addon.name)
        addon.status = "UPDATING"
        addon.modified_at = world.now
        number = len(cluster.updates)
        overwrite = resolve_conflicts == "OVERWRITE"
        world.plan(
            world.draws.seconds(8, 20, "addon-apply", cluster.key, addon.name, number),
            lambda: self._apply(cluster, addon, version, overwrite=overwrite),
        )
        world.plan(
            world.draws.seconds(60, 150, "addon", cluster.key, addon.name, number),
            lambda: self._follow(cluster, addon, update),
        )
        return update

    def _apply(self, cluster: Cluster, addon: Addon, version: str, *, overwrite: bool) -> None:
        addon.version = version
        kubelet = self._world.controllers(cluster).kubelet
        switch = self._world.faults.addon_failure(cluster.name, addon.name, version)
        for resource, manifest in addon_objects(addon.name, version, cluster.region):
            self._apply_object(cluster, resource, manifest, overwrite=overwrite)
            if resource in (DEPLOYMENTS, DAEMON_SETS):
                for container in manifest["spec"]["template"]["spec"]["containers"]:
                    if switch is None:
                        kubelet.crashing_images.pop(container["image"], None)
                    else:
                        kubelet.crashing_images[container["image"]] = switch

    def _apply_object(self, cluster: Cluster, resource: Resource, manifest: Json, *, overwrite: bool) -> None:
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace", "")
        if cluster.kube.find(resource, namespace, metadata["name"]) is None:
            cluster.kube.create(resource, manifest)
            return
        if resource not in (DEPLOYMENTS, DAEMON_SETS):
            return

        def change(stored: Json) -> None:
            stored["spec"]["template"] = copy_json(manifest["spec"]["template"])
            if overwrite and "replicas" in manifest["spec"]:
                stored["spec"]["replicas"] = manifest["spec"]["replicas"]

        cluster.kube.edit(resource, namespace, metadata["name"], change)

    def _follow(self, cluster: Cluster, addon: Addon, update: Update) -> None:
        if self.rolled_out(cluster, addon):
            addon.status, addon.health = "ACTIVE", []
            addon.modified_at = self._world.now
            requests.end(self._world, update, "Successful")
        elif self._world.now - update.created_at >= PATIENCE:
            names = self._lacking(cluster, addon)
            addon.status = "DEGRADED"
            addon.health = [HealthIssue("InsufficientNumberOfReplicas", UNHEALTHY, names)]
            addon.modified_at = self._world.now
            requests.end(self._world, update, "Failed", [UpdateError("InsufficientNumberOfReplicas", UNHEALTHY, names)])
            self._world.plan(LOOK_AGAIN, lambda: self._recover(cluster, addon))
        else:
            self._world.plan(LOOK_AGAIN, lambda: self._follow(cluster, addon, update))

    def _recover(self, cluster: Cluster, addon: Addon) -> None:
        """An add-on whose pods get well by themselves is ACTIVE again."""
        if addon.status != "DEGRADED":
            return
        if self.rolled_out(cluster, addon):
            addon.status, addon.health = "ACTIVE", []
            addon.modified_at = self._world.now
            self._world.changed()
        else:
            self._world.plan(LOOK_AGAIN * 6, lambda: self._recover(cluster, addon))

    def rolled_out(self, cluster: Cluster, addon: Addon) -> bool:
        """Whether every pod of the add-on is of its present version and Ready."""
        return not self._lacking(cluster, addon)

    @staticmethod
    def _lacking(cluster: Cluster, addon: Addon) -> list[str]:
        """Names of the add-on's workloads that are not fully rolled out."""
        lacking = []
        for resource, manifest in addon_objects(addon.name, addon.version, cluster.region):
            if resource not in (DEPLOYMENTS, DAEMON_SETS):
                continue
            metadata = manifest["metadata"]
            stored = cluster.kube.find(resource, metadata["namespace"], metadata["name"])
            if stored is None or not _complete(resource, stored):
                lacking.append(metadata["name"])
        return lacking


def _complete(resource: Resource, stored: Json) -> bool:
    status = stored["status"]
    if status.get("observedGeneration") != stored["metadata"]["generation"]:
        return False
    if resource is DEPLOYMENTS:
        wanted = stored["spec"]["replicas"]
        counts = [status.get(key, 0) for key in ("replicas", "updatedReplicas", "availableReplicas")]
    else:
        wanted = status["desiredNumberScheduled"]
        counts = [status.get(key, 0) for key in ("updatedNumberScheduled", "numberAvailable")]
    return all(count == wanted for count in counts)
