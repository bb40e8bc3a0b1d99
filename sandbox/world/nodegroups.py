"""Managed node groups: UpdateNodegroupVersion and UpdateNodegroupConfig."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.world import instances, manifests, requests
from sandbox.world.catalogue import AmiRelease, minor
from sandbox.world.errors import InvalidParameter, InvalidRequest
from sandbox.world.model import Cluster, Nodegroup, Update
from sandbox.world.objects import NODES, Json
from sandbox.world.rolling_update import RollingUpdate

if TYPE_CHECKING:
    from sandbox.world.world import World


class Nodegroups:
    """Updates of managed node groups."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.rolling: dict[tuple[str, str], RollingUpdate] = {}
        """By cluster key and node group: the rolling update that runs, or ran last."""

    # --- version ------------------------------------------------------------------------------------------------------

    def update_version(
        self,
        cluster: Cluster,
        nodegroup_name: str,
        *,
        token: str | None,
        version: str | None,
        release_version: str | None,
        launch_template: dict[str, str] | None,
        force: bool,
    ) -> Update:
        args: dict[str, Any] = {"nodegroup_name": nodegroup_name, "force": force}
        optional = {"version": version, "release_version": release_version, "launch_template": launch_template}
        args |= {name: value for name, value in optional.items() if value is not None}

        def start() -> Update:
            group = requests.find_nodegroup(cluster, nodegroup_name)
            release = self._release(cluster, group, version, release_version, launch_template)
            requests.refuse_if_busy(cluster, "VersionUpdate", with_subject=f"nodegroup/{nodegroup_name}")
            return self._start(cluster, group, release, force=force)

        subject = f"nodegroup/{nodegroup_name}"
        return requests.admit(
            self._world, cluster, "UpdateNodegroupVersion", subject=subject, args=args, token=token, start=start
        )

    def _release(
        self,
        cluster: Cluster,
        group: Nodegroup,
        version: str | None,
        release_version: str | None,
        launch_template: dict[str, str] | None,
    ) -> AmiRelease:
        """The AMI release to roll to. Raises InvalidParameter."""
        fields = {"clusterName": cluster.name, "nodegroupName": group.name}
        if group.ami_type == "CUSTOM" and (version or release_version):
            raise InvalidParameter(
                "You cannot specify a version or release version for a node group with a custom AMI.", **fields
            )
        if launch_template is not None and not group.launch_template_custom:
            raise InvalidParameter("The node group was not created with a launch template.", **fields)
        target = version or (".".join(release_version.split(".")[:2]) if release_version else group.version)
        if minor(target) > minor(cluster.version):
            raise InvalidParameter(
                f"Requested Nodegroup version {target} can't be greater than the cluster's version {cluster.version}",
                **fields,
            )
        if minor(target) < minor(group.version):
            raise InvalidParameter(
                f"Requested Nodegroup version {target} can't be lower than its present version {group.version}",
                **fields,
            )
        releases = self._world.catalogue.ami_releases(target, group.ami_type)
        if release_version is None:
            return releases[0]
        for release in releases:
            if release.release_version == release_version:
                return release
        raise InvalidParameter(
            f"Requested release version {release_version} is not valid for kubernetes version {target}.", **fields
        )

    def _start(self, cluster: Cluster, group: Nodegroup, release: AmiRelease, *, force: bool) -> Update:
        world = self._world
        if group.status not in ("ACTIVE", "DEGRADED"):
            raise InvalidRequest(
                f"Nodegroup {group.name} is in status {group.status}",
                clusterName=cluster.name,
                nodegroupName=group.name,
            )
        params = {"Version": release.version, "ReleaseVersion": release.release_version}
        if group.launch_template_custom:
            params |= {"LaunchTemplateName": group.launch_template.name}
            params |= {"LaunchTemplateVersion": str(group.launch_template.latest)}
        update = requests.begin(world, cluster, "VersionUpdate", params, nodegroup_name=group.name, force=force)
        group.status = "UPDATING"
        group.modified_at = world.now
        joins = not world.faults.node_join_failure(cluster.name, group.name)
        rolling = RollingUpdate(world, cluster, group, update, release, joins=joins)
        self.rolling[(cluster.key, group.name)] = rolling
        rolling.begin()
        return update

    # --- config -------------------------------------------------------------------------------------------------------

    def update_config(
        self,
        cluster: Cluster,
        nodegroup_name: str,
        *,
        token: str | None,
        scaling: dict[str, int] | None,
        update_config: dict[str, Any] | None,
        labels: dict[str, str] | None,
        taints: list[dict[str, str]] | None,
    ) -> Update:
        given = {"scaling": scaling, "update_config": update_config, "labels": labels, "taints": taints}
        args: dict[str, Any] = {name: value for name, value in given.items() if value is not None}

        def start() -> Update:
            group = requests.find_nodegroup(cluster, nodegroup_name)
            self._check_config(cluster, group, args)
            requests.refuse_if_busy(cluster, "ConfigUpdate", with_subject=f"nodegroup/{nodegroup_name}")
            update = requests.begin(
                self._world, cluster, "ConfigUpdate", _config_params(args), nodegroup_name=nodegroup_name
            )
            group.status = "UPDATING"
            takes = self._world.draws.seconds(20, 60, "nodegroup-config", cluster.key, update.id)
            self._world.plan(takes, lambda: self._apply_config(cluster, group, update, args))
            return update

        subject = f"nodegroup/{nodegroup_name}"
        all_args = {"nodegroup_name": nodegroup_name, **args}
        return requests.admit(
            self._world, cluster, "UpdateNodegroupConfig", subject=subject, args=all_args, token=token, start=start
        )

    @staticmethod
    def _check_config(cluster: Cluster, group: Nodegroup, args: dict[str, Any]) -> None:
        fields = {"clusterName": cluster.name, "nodegroupName": group.name}
        scaling = args.get("scaling", {})
        least, most = scaling.get("minSize", group.min_size), scaling.get("maxSize", group.max_size)
        wanted = scaling.get("desiredSize", group.desired_size)
        if not 0 <= least <= wanted <= most:
            raise InvalidParameter(
                f"desired capacity {wanted} must be between minSize {least} and maxSize {most}", **fields
            )
        update_config = args.get("update_config", {})
        if "maxUnavailable" in update_config and "maxUnavailablePercentage" in update_config:
            raise InvalidParameter("maxUnavailable and maxUnavailablePercentage are mutually exclusive", **fields)

    def _apply_config(self, cluster: Cluster, group: Nodegroup, update: Update, args: dict[str, Any]) -> None:
        scaling = args.get("scaling", {})
        group.min_size = scaling.get("minSize", group.min_size)
        group.max_size = scaling.get("maxSize", group.max_size)
        group.desired_size = scaling.get("desiredSize", group.desired_size)
        for name, value in args.get("update_config", {}).items():
            if name == "maxUnavailable":
                group.max_unavailable, group.max_unavailable_percentage = value, None
            elif name == "maxUnavailablePercentage":
                group.max_unavailable, group.max_unavailable_percentage = None, value
            elif name == "updateStrategy":
                group.update_strategy = value
        if "labels" in args:
            group.labels |= args["labels"]
            self._label_nodes(cluster, group)
        group.taints = args.get("taints", group.taints)
        self._resize(cluster, group)
        group.status = "ACTIVE"
        group.modified_at = self._world.now
        requests.end(self._world, update, "Successful")

    def _resize(self, cluster: Cluster, group: Nodegroup) -> None:
        """More or fewer instances; a scale-in by configuration does not ask PodDisruptionBudgets."""
        asg = group.auto_scaling_group
        asg.min_size, asg.max_size, asg.desired = group.min_size, group.max_size, group.desired_size
        releases = self._world.catalogue.ami_releases(group.version, group.ami_type)
        current = next((r for r in releases if r.release_version == group.release_version), releases[0])
        alive = [found for found in asg.instances.values() if found.state != "shutting-down"]
        for _ in range(group.desired_size - len(alive)):
            instances.launch(self._world, cluster, group, current)
        for surplus in alive[group.desired_size :]:
            instances.terminate(self._world, cluster, group, surplus)

    @staticmethod
    def _label_nodes(cluster: Cluster, group: Nodegroup) -> None:
        def change(node: Json) -> None:
            node["metadata"]["labels"].update(group.labels)

        for node in cluster.kube.list(NODES):
            if node["metadata"]["labels"].get(manifests.NODEGROUP_LABEL) == group.name:
                cluster.kube.edit(NODES, "", node["metadata"]["name"], change)


def _config_params(args: dict[str, Any]) -> dict[str, str]:
    names = {
        "minSize": "MinSize",
        "maxSize": "MaxSize",
        "desiredSize": "DesiredSize",
        "maxUnavailable": "MaxUnavailable",
        "maxUnavailablePercentage": "MaxUnavailablePercentage",
        "updateStrategy": "UpdateStrategy",
    }
    params = {
        names[name]: str(value)
        for part in ("scaling", "update_config")
        for name, value in args.get(part, {}).items()
        if name in names
    }
    if "labels" in args:
        params["LabelsToAdd"] = manifests.canonical(args["labels"])
    if "taints" in args:
        params["TaintsToAdd"] = manifests.canonical(args["taints"])
    return params
