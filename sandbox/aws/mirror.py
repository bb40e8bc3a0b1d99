"""The world as moto's services show it: before a request is answered, the service is made to say what it says."""

from __future__ import annotations

import ipaddress
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

from moto.ec2.models.availability_zones_and_regions import Zone
from moto.ec2.models.instances import InstanceState, Reservation
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.models.security_groups import SecurityGroup
from moto.ec2.models.vpcs import VPC
from moto.kms.models import Key
from moto.ssm.models import Parameter
from moto.utilities.utils import get_partition

from sandbox.aws.ami_parameters import ami_parameters
from sandbox.aws.credentials import Principal
from sandbox.aws.mirrored import (
    MirroredGroup,
    MirroredSubnet,
    mirrored_instance,
    mirrored_role,
    partition_of,
    template_data,
    traffic_rules,
)
from sandbox.aws.moto_services import MotoServices
from sandbox.world import model
from sandbox.world.world import World

_STATES = {"pending": 0, "running": 16, "shutting-down": 32}


class Mirror:
    """Keeps moto's services in step with a world."""

    def __init__(self, world: World, services: MotoServices) -> None:
        self._world = world
        self._services = services

    def know(self, principal: Principal, access_key_id: str) -> None:
        """Lets STS say who is behind an access key that it did not give out itself."""
        with self._services.present():
            backend = self._services.backend("sts", principal.account, partition_of(principal.arn))
            backend.assumed_roles.append(
                SimpleNamespace(
                    access_key_id=access_key_id,
                    user_id=principal.user_id,
                    arn=principal.arn,
                    account_id=principal.account,
                )
            )

    def refresh(self, service: str, account: str, region: str) -> None:
        """Brings one service in one account and region up to date. Only while moto's services are present."""
        refreshers = {
            "ec2": self._refresh_ec2,
            "autoscaling": self._refresh_autoscaling,
            "iam": self._refresh_iam,
            "kms": self._refresh_kms,
            "ssm": self._refresh_ssm,
        }
        if service in refreshers:
            with self._world.current():
                refreshers[service](account, region)

    # --- EC2 ---

    def _refresh_ec2(self, account: str, region: str) -> None:
        place = self._world.regions.get((account, region))
        backend = self._services.backend("ec2", account, region)
        if not hasattr(backend, "follows_world"):
            backend.follows_world = True
            backend.vpcs.clear()
            backend.subnets.clear()
            backend.groups.clear()
            backend.default_vpc = None
        if place is None:
            return
        self._refresh_network(backend, place)
        self._refresh_templates(backend, place)
        self._refresh_instances(backend, place)

    def _refresh_network(self, backend: Any, place: model.Region) -> None:
        networks: dict[str, str] = {subnet.vpc_id: subnet.cidr for subnet in place.subnets.values()}
        for cluster in place.clusters.values():
            networks.setdefault(cluster.vpc_id, "10.0.0.0/16")
        for vpc_id, cidr in networks.items():
            if vpc_id not in backend.vpcs:
                network = ipaddress.IPv4Network(cidr, strict=False)
                whole = network if network.prefixlen <= 16 else network.supernet(new_prefix=16)
                backend.vpcs[vpc_id] = VPC(backend, vpc_id, str(whole), is_default=False)
        for zone in backend.subnets.values():
            for gone in zone.keys() - place.subnets.keys():
                del zone[gone]
        for subnet in place.subnets.values():
            if subnet.id not in backend.subnets[subnet.zone]:
                zone = Zone(subnet.zone, subnet.zone_id, place.name)
                backend.subnets[subnet.zone][subnet.id] = MirroredSubnet(
                    backend, subnet.id, subnet.vpc_id, subnet.cidr, None, zone, False, False
                )
            backend.subnets[subnet.zone][subnet.id].free = subnet.free
        for group in place.security_groups.values():
            if group.id not in backend.groups[group.vpc_id]:
                backend.groups[group.vpc_id][group.id] = SecurityGroup(
                    backend, group.id, group.name, "EKS created security group", vpc_id=group.vpc_id
                )
            found = backend.groups[group.vpc_id][group.id]
            found.ingress_rules, found.egress_rules = traffic_rules(backend, group)
        for vpc_id in backend.groups:
            for gone in backend.groups[vpc_id].keys() - place.security_groups.keys():
                del backend.groups[vpc_id][gone]

    def _refresh_templates(self, backend: Any, place: model.Region) -> None:
        for _, group in _scaled(place):
            found = group.launch_template
            template = backend.launch_templates.get(found.id)
            if template is None:
                template = LaunchTemplate(backend, found.name, {}, "", {})
                template.id = found.id
                template.versions = []
                backend.launch_templates[found.id] = template
                backend.launch_template_name_to_ids[found.name] = found.id
                backend.launch_template_insert_order.append(found.id)
            known = {version.number for version in template.versions}
            for number, image_id in sorted(found.versions.items()):
                if number not in known:
                    data = template_data(group, image_id)
                    template.versions.append(LaunchTemplateVersion(template, number, data, ""))
            template.default_version_number = min(found.versions)

    def _refresh_instances(self, backend: Any, place: model.Region) -> None:
        wanted = {
            instance.id: (instance, group, cluster)
            for cluster in place.clusters.values()
            for group in (*cluster.nodegroups.values(), *cluster.other_nodegroups.values())
            if group.kind != "fargate"  # these are not in the account
            for instance in group.auto_scaling_group.instances.values()
        }
        present = {
            found.id: key for key, reservation in backend.reservations.items() for found in reservation.instances
        }
        for gone in present.keys() - wanted.keys():
            del backend.reservations[present[gone]]
        for instance_id, (instance, group, cluster) in wanted.items():
            reservation_id = f"r-{instance_id.removeprefix('i-')}"
            if instance_id not in present:
                reservation = Reservation(reservation_id, place.account)
                reservation.instances.append(mirrored_instance(backend, instance, group, cluster))
                backend.reservations[reservation_id] = reservation
            found = backend.reservations[reservation_id].instances[0]
            found._state = InstanceState(  # noqa: SLF001 - moto has no other way in
                instance.state, _STATES[instance.state]
            )

    # --- Auto Scaling ---

    def _refresh_autoscaling(self, account: str, region: str) -> None:
        place = self._world.regions.get((account, region))
        backend = self._services.backend("autoscaling", account, region)
        backend.autoscaling_groups.clear()
        if place is None:
            return
        for cluster, group in _scaled(place):
            backend.autoscaling_groups[group.auto_scaling_group.name] = MirroredGroup(group, cluster, place, backend)

    # --- IAM ---

    def _refresh_iam(self, account: str, region: str) -> None:
        backend = self._services.backend("iam", account, get_partition(region))
        known = self._world.accounts.get(account)
        roles = {role.name: role for role in known.roles.values()} if known else {}
        backend.roles.clear()
        for role in roles.values():
            mirrored = mirrored_role(role, account, region)
            mirrored.create_date = self._world.scenario.date - timedelta(days=400)
            backend.roles[mirrored.id] = mirrored

    # --- KMS ---

    def _refresh_kms(self, account: str, region: str) -> None:
        backend = self._services.backend("kms", account, region)
        known = self._world.accounts.get(account)
        for key in known.keys.values() if known else ():
            if key.region != region:
                continue
            if key.key_id not in backend.keys:
                mirrored = Key(None, "ENCRYPT_DECRYPT", "SYMMETRIC_DEFAULT", "EKS secrets", account, region)
                mirrored.id = key.key_id
                mirrored.arn = key.arn
                mirrored.creation_date = (self._world.scenario.date - timedelta(days=400)).timestamp()
                backend.keys[key.key_id] = mirrored
            mirrored = backend.keys[key.key_id]
            mirrored.key_state = key.state
            mirrored.enabled = key.state == "Enabled"
            mirrored.deletion_date = self._world.now.replace(tzinfo=None) + timedelta(days=14)

    # --- SSM ---

    def _refresh_ssm(self, account: str, region: str) -> None:
        backend = self._services.backend("ssm", account, region)
        if hasattr(backend, "follows_world"):
            return
        backend.follows_world = True
        for name, value in ami_parameters(self._world.catalogue).items():
            backend._parameters[name].append(  # noqa: SLF001 - AWS's own parameters cannot be put through the API
                Parameter(
                    account_id=account,
                    name=name,
                    value=value,
                    parameter_type="String",
                    description=None,
                    allowed_pattern=None,
                    keyid=None,
                    last_modified_date=time.time(),
                    version=1,
                    data_type="text",
                )
            )


def _scaled(place: model.Region) -> list[tuple[model.Cluster, model.Nodegroup]]:
    """Each group of nodes that an Auto Scaling group launches, with its cluster."""
    return [
        (cluster, group)
        for cluster in place.clusters.values()
        for group in (*cluster.nodegroups.values(), *cluster.other_nodegroups.values())
        if group.kind in ("managed", "self-managed")
    ]
