"""Managed node groups (A-43, D-01…D-08)."""

from __future__ import annotations

from sandbox.aws.eks.clusters import issues
from sandbox.aws.eks.operations import EksCall, Json, operation
from sandbox.aws.eks.updates import update_answer
from sandbox.world.errors import InvalidParameter, InvalidRequest
from sandbox.world.model import Cluster, Nodegroup
from sandbox.world.requests import find_nodegroup


def _answer(cluster: Cluster, group: Nodegroup) -> Json:
    custom_ami = group.ami_type == "CUSTOM"
    answer: Json = {
        "nodegroupName": group.name,
        "nodegroupArn": group.arn,
        "clusterName": cluster.name,
        "version": group.version,
        "releaseVersion": group.release_version,
        "createdAt": group.created_at,
        "modifiedAt": group.modified_at,
        "status": group.status,
        "capacityType": group.capacity_type,
        "scalingConfig": {"minSize": group.min_size, "maxSize": group.max_size, "desiredSize": group.desired_size},
        "instanceTypes": group.instance_types,
        "subnets": group.subnet_ids,
        "amiType": group.ami_type,
        "nodeRole": group.node_role_arn,
        "labels": group.labels,
        "taints": group.taints,
        "resources": {"autoScalingGroups": [{"name": group.auto_scaling_group.name}]},
        "diskSize": None if group.launch_template_custom else group.disk_size,
        "health": {"issues": issues(group.health)},
        "updateConfig": {
            "maxUnavailable": group.max_unavailable,
            "maxUnavailablePercentage": group.max_unavailable_percentage,
            "updateStrategy": group.update_strategy,
        },
        "nodeRepairConfig": {"enabled": False},
        "tags": group.tags,
    }
    if custom_ami:
        # With an AMI of one's own EKS tells the AMI in place of a release.
        template = group.launch_template
        answer["releaseVersion"] = template.versions[group.auto_scaling_group.launch_template_version]
    if group.launch_template_custom:
        answer["launchTemplate"] = {
            "id": group.launch_template.id,
            "name": group.launch_template.name,
            "version": str(group.auto_scaling_group.launch_template_version),
        }
    return answer


@operation
def list_nodegroups(call: EksCall) -> Json:
    page, token = call.page(sorted(call.cluster().nodegroups))
    return {"nodegroups": page, "nextToken": token}


@operation
def describe_nodegroup(call: EksCall) -> Json:
    cluster = call.cluster()
    return {"nodegroup": _answer(cluster, find_nodegroup(cluster, call.get("nodegroupName")))}


@operation
def update_nodegroup_version(call: EksCall) -> Json:
    cluster, name, template = call.cluster(), str(call.get("nodegroupName")), call.get("launchTemplate")
    if template is not None and ("id" in template) == ("name" in template):
        raise InvalidParameter(
            "You must specify either the launch template ID or the launch template name in the request, but not both.",
            clusterName=cluster.name,
            nodegroupName=name,
        )
    update = call.world.update_nodegroup_version(
        cluster,
        name,
        token=call.get("clientRequestToken"),
        version=call.get("version"),
        release_version=call.get("releaseVersion"),
        launch_template=template,
        force=bool(call.get("force")),
    )
    return {"update": update_answer(update)}


@operation
def update_nodegroup_config(call: EksCall) -> Json:
    cluster = call.cluster()
    group = find_nodegroup(cluster, call.get("nodegroupName"))
    labels = call.get("labels") or {}
    if call.get("nodeRepairConfig") or call.get("warmPoolConfig") or labels.get("removeLabels"):
        raise InvalidRequest(
            "The sandbox does not simulate nodeRepairConfig, warmPoolConfig and removeLabels.",
            clusterName=cluster.name,
            nodegroupName=group.name,
        )
    update = call.world.update_nodegroup_config(
        cluster,
        group.name,
        token=call.get("clientRequestToken"),
        scaling=call.get("scalingConfig"),
        update_config=call.get("updateConfig"),
        labels=labels.get("addOrUpdateLabels"),
        taints=_changed_taints(group, call.get("taints")),
    )
    return {"update": update_answer(update)}


def _changed_taints(group: Nodegroup, change: Json | None) -> list[dict[str, str]] | None:
    """The taints afterwards; a taint is known by its key and effect."""
    if change is None:
        return None
    added = change.get("addOrUpdateTaints", [])
    touched = {(taint.get("key"), taint.get("effect")) for taint in [*added, *change.get("removeTaints", [])]}
    return [*(taint for taint in group.taints if (taint["key"], taint["effect"]) not in touched), *added]
