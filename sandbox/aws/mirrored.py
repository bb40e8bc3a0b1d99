"""Single objects of the world as moto keeps them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from types import SimpleNamespace
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup
from moto.core.types import Base64EncodedString
from moto.ec2.models.instances import Instance, MetadataOptions
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.models.subnets import Subnet
from moto.iam.models import AWSManagedPolicy, Role
from moto.utilities.utils import get_partition

from sandbox.world import model


class MirroredSubnet(Subnet):  # type: ignore[misc]
    """A subnet whose free addresses are the world's, not a count of network interfaces."""

    free = 0

    @property
    def available_ip_address_count(self) -> int:
        return self.free


class MirroredGroup(FakeAutoScalingGroup):  # type: ignore[misc]
    """An Auto Scaling group as it is described. It launches nothing: the world does."""

    def __init__(self, group: model.Nodegroup, cluster: model.Cluster, place: model.Region, backend: Any) -> None:
        scaling = group.auto_scaling_group
        self.autoscaling_backend = backend
        self.name = scaling.name
        self._id = scaling.name.rsplit("-", 1)[-1]
        self.region, self.account_id = place.name, place.account
        self.min_size, self.max_size, self.desired_capacity = scaling.min_size, scaling.max_size, scaling.desired
        zones = [place.subnets[subnet].zone for subnet in group.subnet_ids if subnet in place.subnets]
        self.availability_zones = sorted(set(zones))
        self.vpc_zone_identifier = ",".join(group.subnet_ids)
        self.mixed_instances_policy = None
        self.launch_config_name = None
        self.launch_configuration_name = None
        self.ec2_launch_template = SimpleNamespace(
            id=group.launch_template.id, name=group.launch_template.name, default_version_number=1
        )
        self.provided_launch_template_version = str(scaling.launch_template_version)
        self.default_cooldown = 300
        self.health_check_grace_period = 15
        self.health_check_type = "EC2"
        self.load_balancer_names: list[str] = []
        self.target_group_arns: list[str] = []
        self.placement_group = None
        self.capacity_rebalance = True
        self.termination_policies = ["AllocationStrategy", "OldestLaunchTemplate", "OldestInstance"]
        self.new_instances_protected_from_scale_in = False
        self.suspended_processes: list[str] = []
        partition = get_partition(place.name)
        self.service_linked_role_arn = (
            f"arn:{partition}:iam::{place.account}:role/aws-service-role/"
            "autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
        )
        self.instance_states = [_instance_state(self, group, instance) for instance in scaling.instances.values()]
        tags = {f"kubernetes.io/cluster/{cluster.name}": "owned"}
        if group.kind == "managed":
            tags |= {"eks:cluster-name": cluster.name, "eks:nodegroup-name": group.name}
        self.tags = [{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()]
        self.metrics: list[str] = []
        self.warm_pool = None
        self.created_time = group.created_at.isoformat()


def _instance_state(scaling: Any, group: model.Nodegroup, instance: model.Instance) -> SimpleNamespace:
    lifecycle = {"pending": "Pending", "running": "InService", "shutting-down": "Terminating"}[instance.state]
    return SimpleNamespace(
        instance=SimpleNamespace(id=instance.id, autoscaling_group=scaling),
        instance_id=instance.id,
        instance_type=instance.instance_type,
        availability_zone=instance.zone,
        lifecycle_state=lifecycle,
        health_status="Healthy",
        protected_from_scale_in=False,
        auto_scaling_group_name=scaling.name,
        launch_configuration_name=None,
        launch_template={
            "LaunchTemplateId": group.launch_template.id,
            "LaunchTemplateName": group.launch_template.name,
            "Version": str(instance.launch_template_version),
        },
    )


def mirrored_instance(
    backend: Any, instance: model.Instance, group: model.Nodegroup, cluster: model.Cluster
) -> Instance:
    known_subnet = any(instance.subnet_id in zone for zone in backend.subnets.values())
    mirrored = Instance(
        backend,
        instance.image_id,
        None,
        [],
        instance_type=instance.instance_type,
        subnet_id=instance.subnet_id if known_subnet else None,
        private_ip=instance.private_ip,
        region_name=cluster.region,
        placement=instance.zone,
        lifecycle="spot" if group.capacity_type == "SPOT" else None,
    )
    mirrored.id = instance.id
    mirrored.launch_time = instance.launched_at
    vcpus = vcpus_of(instance.instance_type)
    mirrored.cpu_options = SimpleNamespace(core_count=max(1, vcpus // 2), threads_per_core=min(2, vcpus))
    mirrored.metadata_options = MetadataOptions(
        {"HttpTokens": "required", "HttpPutResponseHopLimit": group.launch_template.hop_limit}
    )
    mirrored.add_tags(
        {
            "Name": instance.node_name,
            f"kubernetes.io/cluster/{cluster.name}": "owned",
            "eks:cluster-name": cluster.name,
            "eks:nodegroup-name": group.name,
            "aws:autoscaling:groupName": group.auto_scaling_group.name,
            "aws:ec2launchtemplate:id": group.launch_template.id,
            "aws:ec2launchtemplate:version": str(instance.launch_template_version),
        }
    )
    return mirrored


def vcpus_of(instance_type: str) -> int:
    """By the size's name: 2 of `large`, 4 of `xlarge`, 4 times n of `nxlarge`."""
    size = instance_type.partition(".")[2]
    found = re.fullmatch(r"(\d*)xlarge", size)
    return 4 * int(found[1] or 1) if found else 2


def traffic_rules(backend: Any, group: model.SecurityGroup) -> tuple[list[SecurityGroupRule], list[SecurityGroupRule]]:
    """What comes in and what goes out: all from the group itself, all to everywhere."""
    itself = {"GroupId": group.id, "UserId": backend.account_id, "VpcId": group.vpc_id}
    ports = ("tcp", group.id, "443", "443") if group.narrow else ("-1", group.id, None, None)
    coming = SecurityGroupRule(backend, *ports, None, itself, is_egress=False)
    going = SecurityGroupRule(backend, "-1", group.id, None, None, {"CidrIp": "0.0.0.0/0"})
    return [coming], [going]


def template_data(group: model.Nodegroup, image_id: str) -> dict[str, Any]:
    """What a version of the group's launch template holds."""
    template = group.launch_template
    data: dict[str, Any] = {
        "ImageId": image_id,
        "InstanceType": group.instance_types[0],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": template.hop_limit},
    }
    if template.user_data:
        data["UserData"] = Base64EncodedString(base64.b64encode(template.user_data.encode()).decode())
    return data


def mirrored_role(role: model.IamRole, account: str, region: str) -> Role:
    path = "/" + "".join(f"{part}/" for part in role.arn.split(":role/", 1)[1].split("/")[:-1])
    mirrored = Role(
        account_id=account,
        partition=get_partition(region),
        role_id="AROA" + unique_id(role.arn),
        name=role.name,
        assume_role_policy_document=json.dumps(role.trust),
        path=path,
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )
    if role.allowed_actions:
        statement = {"Effect": "Allow", "Action": role.allowed_actions, "Resource": "*"}
        mirrored.policies["allowed-actions"] = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    for text in role.managed_policies:
        policy = AWSManagedPolicy(text.rsplit("/", 1)[-1], account_id=account, region=region, path="/", document="{}")
        mirrored.managed_policies[policy.arn] = policy
    return mirrored


def unique_id(arn: str) -> str:
    """The part of an identity's unique id that tells it from others; the same as long as it lives."""
    return base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()[:17]


def partition_of(arn: str) -> str:
    return arn.split(":")[1]
