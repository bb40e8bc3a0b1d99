"""Makes the world that a scenario describes.

It is built some weeks before the scenario's date and then lives up to it.
"""

from __future__ import annotations

from datetime import UTC, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.scenario import AddonSpec, ClusterSpec, NodegroupSpec, Scenario, WorkloadSpec
from sandbox.world import insights, instances, manifests
from sandbox.world.catalogue import AmiRelease, minor
from sandbox.world.controllers import Controllers
from sandbox.world.given_objects import add_namespace, give_objects
from sandbox.world.identities import add_access, add_cluster_role, add_key, add_roles, addon_role, node_role_arn
from sandbox.world.instances import Joining
from sandbox.world.model import (
    Account,
    Addon,
    AutoScalingGroup,
    Cluster,
    DeprecatedUse,
    HealthIssue,
    LaunchTemplate,
    Nodegroup,
    Region,
    SecurityGroup,
    Subnet,
)
from sandbox.world.objects import PODS, SERVICES, ObjectStore
from sandbox.world.surrounding import surround
from sandbox.world.system_objects import system_objects
from sandbox.world.workload_manifests import workload_objects

if TYPE_CHECKING:
    from sandbox.world.world import World

LIVED = timedelta(days=26)
A_DAY = 24
JOBS_BEGIN = timedelta(minutes=5)
TAINT_EFFECTS = {effect: name for name, effect in instances.EFFECTS.items()}


def build(world: World, scenario: Scenario) -> None:
    """Fills an empty world and lets it live until the scenario's date."""
    world.now = scenario.date.astimezone(UTC) - LIVED
    for number, spec in enumerate(scenario.clusters):
        account = world.accounts.get(spec.account)
        if account is None:
            account = Account(spec.account, scenario.account_names.get(spec.account, f"{spec.environment}-account"))
            world.accounts[spec.account] = account
            add_roles(world, account)
        place = world.regions.setdefault(
            (spec.account, spec.region), Region(spec.account, spec.region, [f"{spec.region}{z}" for z in "abc"])
        )
        cluster = _cluster(world, place, spec, number)
        place.clusters[spec.name] = cluster
        surround(world, place, cluster, spec)
        _populate(world, cluster, spec)


def _cluster(world: World, place: Region, spec: ClusterSpec, number: int) -> Cluster:
    draws = world.draws
    arn = f"arn:aws:eks:{spec.region}:{spec.account}:cluster/{spec.name}"
    vpc_id = f"vpc-{draws.hex(17, 'vpc', arn)}"
    group_ids = [f"sg-{draws.hex(17, 'security-group', arn, part)}" for part in ("cluster", "control-plane")]
    for group_id, name in zip(group_ids, (f"eks-cluster-sg-{spec.name}", f"{spec.name}-control-plane"), strict=True):
        place.security_groups[group_id] = SecurityGroup(group_id, vpc_id, name)
    subnet_ids = _subnets(world, place, spec, vpc_id, number)
    account = world.accounts[spec.account]
    offered = world.catalogue.describe(spec.version)
    cluster = Cluster(
        name=spec.name,
        arn=arn,
        account=spec.account,
        region=spec.region,
        environment=spec.environment,
        version=spec.version,
        platform_version=offered.platform_version,
        role_arn=add_cluster_role(account, spec),
        vpc_id=vpc_id,
        subnet_ids=subnet_ids,
        security_group_ids=group_ids[1:],
        cluster_security_group_id=group_ids[0],
        created_at=world.now - timedelta(days=400),
        kube=ObjectStore(lambda: world.now, lambda count: draws.uuid("uid", arn, count)),
        health=[HealthIssue(i.code, i.message, list(i.resource_ids)) for i in spec.health],
        encryption_key_arn=add_key(world, account, spec),
        authentication_mode=spec.authentication_mode,
        support_type=spec.support_type,
        log_types=list(spec.log_types),
        tags={"environment": spec.environment, "owner": spec.owner},
        patch_version=offered.patch,
    )
    cluster.deprecated_uses = [
        DeprecatedUse(
            usage=use.usage,
            replaced_with=use.replaced_with,
            stop_serving_version=use.stop_serving_version,
            start_serving_replacement_version=use.start_serving_replacement_version,
            user_agent=use.user_agent,
            requests_last_30_days=use.requests_last_30_days,
            last_request_at=world.now + LIVED - timedelta(hours=use.last_request_hours_ago),
        )
        for use in spec.deprecated_uses
    ]
    return cluster


def _subnets(world: World, place: Region, spec: ClusterSpec, vpc_id: str, number: int) -> list[str]:
    ids = []
    short = "".join(part[:1] if index == 1 else part for index, part in enumerate(spec.region.split("-")))
    for index, subnet in enumerate(spec.subnets):
        subnet_id = f"subnet-{world.draws.hex(17, 'subnet', spec.account, spec.region, spec.name, index)}"
        ids.append(subnet_id)
        if subnet.deleted:
            continue
        zone_id = f"{short[:-1]}{short[-1]}-az{ord(subnet.zone) - ord('a') + 1}"
        cidr = f"10.{16 + number}.{64 * index}.0/18"
        zone = f"{spec.region}{subnet.zone}"
        # What the nodes of the beginning take comes on top, so that the scenario names what is free at its date.
        place.subnets[subnet_id] = Subnet(subnet_id, vpc_id, zone, zone_id, cidr, subnet.free_addresses + 10_000)
    return ids


def _populate(world: World, cluster: Cluster, spec: ClusterSpec) -> None:
    controllers = Controllers(world, cluster)
    world.adopt(cluster, controllers)
    _namespaces(cluster, spec)
    for resource, manifest in system_objects(cluster.version):
        cluster.kube.create(resource, manifest)
    for addon_spec in spec.addons:
        _addon(world, cluster, addon_spec)
    for group_spec in spec.nodegroups:
        _nodegroup(world, cluster, spec, group_spec)
    for work in spec.workloads:
        if work.kind == "Job":
            world.plan(LIVED - JOBS_BEGIN, partial(_workload, cluster, work))
        else:
            _workload(cluster, work)
    add_access(world, cluster, spec)
    give_objects(world, cluster, spec.objects)
    _free_addresses(world, cluster, spec)
    started = world.scenario.date - timedelta(hours=spec.insights_hours_old)
    refresh = insights.refresh_daily if spec.insights_hours_old <= A_DAY else insights.compute
    world.plan(max(timedelta(0), started - world.now), lambda: refresh(world, cluster))


def _namespaces(cluster: Cluster, spec: ClusterSpec) -> None:
    names = ["default", "kube-system", "kube-public", "kube-node-lease", *(work.namespace for work in spec.workloads)]
    for name in dict.fromkeys([*names, *spec.critical_namespaces]):
        critical = {"eks-upgrade-bot/critical": "true"} if name in spec.critical_namespaces else {}
        add_namespace(cluster, name, critical)
    api = manifests.service("kubernetes", "default", {}, [("https", 443)], "172.20.0.1")
    cluster.kube.create(SERVICES, api)


def _addon(world: World, cluster: Cluster, spec: AddonSpec) -> None:
    version = spec.version or world.catalogue.default_addon_version(spec.name, cluster.version)
    if version is None:
        raise ValueError(f"no version of {spec.name} serves {cluster.version}")
    arn = f"arn:aws:eks:{cluster.region}:{cluster.account}:addon/{cluster.name}/{spec.name}"
    addon = Addon(
        name=spec.name,
        arn=f"{arn}/{world.draws.uuid('addon', arn)}",
        version=version,
        created_at=cluster.created_at,
        modified_at=world.now,
        status=spec.status,
        health=[HealthIssue(i.code, i.message, list(i.resource_ids)) for i in spec.health],
        configuration_values=spec.configuration_values,
    )
    role = spec.role
    if role is None and world.catalogue.addon_needs_role(spec.name):
        role = f"{cluster.name}-{spec.name}"
    if role is not None:
        addon.service_account_role_arn = addon_role(world.accounts[cluster.account], role, cluster)
    cluster.addons[spec.name] = addon
    world.install(cluster, addon)


def _nodegroup(world: World, cluster: Cluster, spec: ClusterSpec, group_spec: NodegroupSpec) -> None:
    group = _new_group(world, cluster, spec, group_spec)
    joining = Joining(at_once=True)
    release = _release_at_birth(world, group)
    if group_spec.kind == "managed":
        cluster.nodegroups[group.name] = group
    else:
        cluster.other_nodegroups[group.name] = group
    for _ in range(group_spec.size):
        instances.launch(world, cluster, group, release, joining=joining)


def _new_group(world: World, cluster: Cluster, spec: ClusterSpec, group_spec: NodegroupSpec) -> Nodegroup:
    version = group_spec.version or cluster.version
    ami_type = group_spec.ami_type or ("AL2023_x86_64_STANDARD" if minor(version) >= 30 else "AL2_x86_64")
    arn = f"arn:aws:eks:{cluster.region}:{cluster.account}:nodegroup/{cluster.name}/{group_spec.name}"
    uuid = world.draws.uuid("nodegroup", arn)
    zones = group_spec.zones or sorted({subnet.zone for subnet in spec.subnets})
    subnets = [i for i, s in zip(cluster.subnet_ids, spec.subnets, strict=True) if s.zone in zones]
    most = group_spec.max_size or max(1, 2 * group_spec.size)
    own_taints = ["eks.amazonaws.com/compute-type=fargate:NoSchedule"] if group_spec.kind == "fargate" else []
    template = LaunchTemplate(
        id=f"lt-{world.draws.hex(17, 'launch-template', arn)}",
        name=f"{cluster.name}-{group_spec.name}" if group_spec.launch_template else f"eks-{uuid}",
        versions={},
        user_data=group_spec.user_data,
        hop_limit=group_spec.hop_limit,
    )
    group = Nodegroup(
        name=group_spec.name,
        arn=f"{arn}/{uuid}",
        version=version,
        release_version="",
        ami_type=ami_type,
        capacity_type=group_spec.capacity_type,
        instance_types=[group_spec.instance_type],
        disk_size=20,
        subnet_ids=subnets,
        node_role_arn=node_role_arn(cluster),
        min_size=min(1, group_spec.size),
        max_size=most,
        desired_size=group_spec.size,
        auto_scaling_group=AutoScalingGroup(
            f"eks-{group_spec.name}-{uuid}", min(1, group_spec.size), most, group_spec.size, 1
        ),
        launch_template=template,
        launch_template_custom=group_spec.launch_template,
        created_at=cluster.created_at,
        modified_at=world.now,
        max_unavailable=None if group_spec.max_unavailable_percentage else group_spec.max_unavailable or 1,
        max_unavailable_percentage=group_spec.max_unavailable_percentage,
        update_strategy=group_spec.strategy,
        kind=group_spec.kind,
        status=group_spec.status,
        health=[HealthIssue(i.code, i.message, list(i.resource_ids)) for i in group_spec.health],
        labels=dict(group_spec.labels),
        taints=[_taint(text) for text in (*group_spec.taints, *own_taints)],
        pods_per_node=group_spec.pods_per_node,
    )
    release = _release_at_birth(world, group)
    group.release_version = release.release_version
    template.versions[1] = release.image_id
    if group_spec.newer_template:
        template.versions[2] = world.catalogue.ami_releases(group.version, group.ami_type)[0].image_id
    return group


def _release_at_birth(world: World, group: Nodegroup) -> AmiRelease:
    """An older release than today's, as groups have that nobody touched for a while."""
    return world.catalogue.ami_releases(group.version, group.ami_type)[-1]


def _taint(text: str) -> dict[str, str]:
    pair, effect = text.rsplit(":", 1)
    key, _, value = pair.partition("=")
    return {"key": key, "value": value, "effect": TAINT_EFFECTS[effect]}


def _workload(cluster: Cluster, spec: WorkloadSpec) -> None:
    for resource, manifest in workload_objects(spec):
        made: dict[str, Any] = manifest
        if resource is PODS:
            made = manifests.pod(
                spec.name, spec.namespace, manifest, owner=None, labels={}, address=f"10.9.0.{len(spec.name) + 2}"
            )
        cluster.kube.create(resource, made)


def _free_addresses(world: World, cluster: Cluster, spec: ClusterSpec) -> None:
    place = world.regions[(cluster.account, cluster.region)]
    for subnet_id, subnet in zip(cluster.subnet_ids, spec.subnets, strict=True):
        if subnet_id in place.subnets:
            place.subnets[subnet_id].free = subnet.free_addresses
