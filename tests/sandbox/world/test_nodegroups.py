"""The rolling update of managed node groups, rules D-01 to D-08."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import pytest

from sandbox.scenario import NodeJoinFails
from sandbox.world import manifests
from sandbox.world.errors import InvalidParameter, ResourceInUse, ResourceNotFound
from sandbox.world.model import Nodegroup, Update
from sandbox.world.objects import BUDGETS, NODES, PODS, Json
from tests.sandbox.world.play import Play, play

BLOCKING = "  - {kind: pdb-blocks, cluster: c, namespace: shop, name: held, nodegroup: apps}\n"


def nodes_of(play: Play, group: str) -> list[Json]:
    return [
        node
        for node in play.cluster.kube.list(NODES)
        if node["metadata"]["labels"].get(manifests.NODEGROUP_LABEL) == group
    ]


def kubelet(node: Json) -> str:
    version: str = node["status"]["nodeInfo"]["kubeletVersion"]
    return version


def roll(play: Play, group: str, token: str = "g", *, force: bool = False) -> Update:
    return play.world.update_nodegroup_version(play.cluster, group, version="1.35", token=token, force=force)


@pytest.fixture
def upgraded() -> Play:
    """The healthy world after its control plane went to 1.35."""
    made = play()
    made.upgrade_control_plane("1.35")
    return made


def test_all_nodes_are_new_and_the_sizes_as_before(upgraded: Play) -> None:
    group = upgraded.cluster.nodegroups["apps"]
    before = {node["metadata"]["name"] for node in nodes_of(upgraded, "apps")}
    update = upgraded.finish(roll(upgraded, "apps"))
    after = nodes_of(upgraded, "apps")
    release = upgraded.world.catalogue.ami_releases("1.35")[0]
    assert update.status == "Successful"
    assert not before & {node["metadata"]["name"] for node in after}
    assert [kubelet(node) for node in after] == [release.kubelet_version] * 4
    assert all(manifests.is_true(node, "Ready") and not node["spec"].get("unschedulable") for node in after)
    assert (group.version, group.release_version, group.status) == ("1.35", release.release_version, "ACTIVE")
    asg = group.auto_scaling_group
    assert (asg.min_size, asg.max_size, asg.desired, len(asg.instances)) == (1, 8, 4, 4)
    assert {node["metadata"]["labels"][manifests.NODEGROUP_IMAGE_LABEL] for node in after} == {release.image_id}


def test_surge_comes_first_with_a_node_in_every_zone_before_any_pod_leaves(upgraded: Play) -> None:
    old = {node["metadata"]["name"] for node in nodes_of(upgraded, "apps")}
    pods = {pod["metadata"]["uid"] for pod in upgraded.cluster.kube.list(PODS) if pod["spec"].get("nodeName") in old}
    roll(upgraded, "apps")
    upgraded.until(lambda: any(node["spec"].get("unschedulable") for node in nodes_of(upgraded, "apps")))
    new = [node for node in nodes_of(upgraded, "apps") if node["metadata"]["name"] not in old]
    assert {node["metadata"]["labels"][manifests.ZONE_LABEL][-1] for node in new} == {"a", "b", "c"}
    assert all(manifests.is_true(node, "Ready") for node in new)
    assert len(new) == 4, "up to two a zone, but no more than the group needs"
    assert all(
        node["spec"].get("unschedulable") and node["metadata"]["labels"][manifests.EXCLUDE_LABEL] == "true"
        for node in nodes_of(upgraded, "apps")
        if node["metadata"]["name"] in old
    )
    assert pods <= {pod["metadata"]["uid"] for pod in upgraded.cluster.kube.list(PODS)}
    assert upgraded.cluster.nodegroups["apps"].auto_scaling_group.desired == 8


@pytest.mark.parametrize(("group", "most"), [("core", 1), ("apps", 2)])
def test_at_most_max_unavailable_nodes_drain_at_once(upgraded: Play, group: str, most: int) -> None:
    update = roll(upgraded, group)
    rolling = upgraded.world._nodegroups.rolling[(upgraded.cluster.key, group)]
    seen = Counter[int]()
    for _ in upgraded.events(lambda: update.status != "InProgress"):
        seen[len(rolling.drains)] += 1
    assert max(seen) == most


def test_budgets_hold_through_the_whole_update(upgraded: Play) -> None:
    for group in ("core", "apps"):
        update = roll(upgraded, group, token=group)
        for _ in upgraded.events(lambda update=update: update.status != "InProgress"):  # type: ignore[misc]
            for budget in upgraded.cluster.kube.list(BUDGETS):
                status = budget["status"]
                assert status["currentHealthy"] >= status["desiredHealthy"], budget["metadata"]["name"]


def test_node_waits_a_minute_between_drain_and_termination(upgraded: Play) -> None:
    group = upgraded.cluster.nodegroups["core"]
    update = roll(upgraded, "core")
    empty_since: dict[str, datetime] = {}
    for _ in upgraded.events(
        lambda: any(i.state == "shutting-down" for i in group.auto_scaling_group.instances.values())
    ):
        rolling = upgraded.world._nodegroups.rolling[(upgraded.cluster.key, "core")]
        for instance_id, drain in rolling.drains.items():
            if not drain.remaining():
                empty_since.setdefault(instance_id, upgraded.clock.now())
    gone = next(i for i in group.auto_scaling_group.instances.values() if i.state == "shutting-down")
    assert upgraded.clock.now() - empty_since[gone.id] >= timedelta(seconds=60)
    assert update.status == "InProgress"


def stuck() -> tuple[Play, Update]:
    """An update of apps that failed because a budget blocked its pods."""
    made = play(faults=BLOCKING)
    made.upgrade_control_plane("1.35")
    return made, made.finish(roll(made, "apps"))


def test_blocking_budget_fails_the_update_fifteen_minutes_after_the_first_eviction() -> None:
    made = play(faults=BLOCKING)
    made.upgrade_control_plane("1.35")
    update = roll(made, "apps")
    rolling = made.world._nodegroups.rolling[(made.cluster.key, "apps")]
    made.until(lambda: any(drain.held for drain in rolling.drains.values()))
    drain = next(drain for drain in rolling.drains.values() if drain.held)
    began = drain.first_eviction_at
    made.finish(update)
    assert began is not None
    assert update.ended_at is not None
    assert timedelta(minutes=15) <= update.ended_at - began < timedelta(minutes=15, seconds=10)
    error = update.errors[0]
    assert (update.status, error.error_code) == ("Failed", "PodEvictionFailure")
    assert "shop/held-" in error.error_message
    assert "PodDisruptionBudget held" in error.error_message
    assert error.resource_ids == [drain.node_name]
    assert drain.node_name in error.error_message


def test_failed_update_leaves_the_mix() -> None:
    made, _ = stuck()
    group = made.cluster.nodegroups["apps"]
    versions = Counter(kubelet(node)[:5] for node in nodes_of(made, "apps"))
    assert versions["v1.35"] == 4
    assert versions["v1.34"] >= 1
    assert (group.version, group.status) == ("1.34", "ACTIVE")
    assert group.auto_scaling_group.launch_template_version == 2
    assert group.desired_size == 4


def test_retry_goes_on_with_the_old_nodes_only() -> None:
    made, first = stuck()
    new = {node["metadata"]["name"] for node in nodes_of(made, "apps") if kubelet(node).startswith("v1.35")}
    made.world.switch_off(next(iter(made.world.faults.switches)))
    launches = made.cluster.launches
    second = made.finish(roll(made, "apps", token="again"))
    assert made.cluster.launches == launches
    assert (first.status, second.status) == ("Failed", "Successful")
    assert first.id != second.id
    after = {node["metadata"]["name"] for node in nodes_of(made, "apps")}
    assert new == after, "the new nodes of the failed run stay, none is made twice"
    assert made.cluster.nodegroups["apps"].auto_scaling_group.desired == 4


def test_same_token_after_a_failure_gives_the_failed_update() -> None:
    made, first = stuck()
    assert roll(made, "apps") is first
    assert len([e for e in made.world.effects if e.kind == "UpdateNodegroupVersion"]) == 1


def test_force_goes_on_over_a_blocking_budget() -> None:
    made = play(faults=BLOCKING)
    made.upgrade_control_plane("1.35")
    update = made.finish(roll(made, "apps", force=True))
    assert update.status == "Successful"
    assert update.ended_at is not None
    assert update.ended_at - update.created_at > timedelta(minutes=15)


def test_pod_under_two_budgets_fails_the_update_naming_both() -> None:
    second = "pdb: {max_unavailable: 1}, second_pdb: {min_available: 1}, node_selector"
    made = play({"pdb: {max_unavailable: 1}, node_selector": second})
    made.upgrade_control_plane("1.35")
    error = made.finish(roll(made, "apps")).errors[0]
    assert error.error_code == "PodEvictionFailure"
    assert "PodDisruptionBudgets held, held-second" in error.error_message


def test_nodes_that_do_not_join_fail_the_update_and_the_next_goes_through() -> None:
    made = play(faults="  - {kind: node-join-fails, cluster: c, nodegroup: core, attempts: 1}\n")
    made.upgrade_control_plane("1.35")
    before = {node["metadata"]["name"] for node in nodes_of(made, "core")}
    update = made.finish(roll(made, "core"))
    error = update.errors[0]
    assert (update.status, error.error_code) == ("Failed", "NodeCreationFailure")
    assert len(error.resource_ids) == 3
    assert all(instance.startswith("i-") for instance in error.resource_ids)
    assert {node["metadata"]["name"] for node in nodes_of(made, "core")} == before
    assert not any(node["spec"].get("unschedulable") for node in nodes_of(made, "core"))
    made.wait(timedelta(minutes=2))
    assert len(made.cluster.nodegroups["core"].auto_scaling_group.instances) == 3
    assert made.finish(roll(made, "core", token="again")).status == "Successful"


def test_join_fault_may_be_switched_on_while_the_world_runs(upgraded: Play) -> None:
    upgraded.world.switch_on(NodeJoinFails(kind="node-join-fails", cluster="c", nodegroup="core"))
    assert upgraded.finish(roll(upgraded, "core")).errors[0].error_code == "NodeCreationFailure"


def test_minimal_strategy_never_has_more_nodes_than_the_group() -> None:
    made = play({"{name: core, size: 3}": "{name: core, size: 3, strategy: MINIMAL}"})
    made.upgrade_control_plane("1.35")
    update = roll(made, "core")
    most = 0
    for _ in made.events(lambda: update.status != "InProgress"):
        most = max(most, len(made.cluster.nodegroups["core"].auto_scaling_group.instances))
    assert update.status == "Successful"
    assert most == 3
    assert {kubelet(node)[:5] for node in nodes_of(made, "core")} == {"v1.35"}


@pytest.mark.parametrize("size", [0, 1, 2, 7])
def test_groups_of_any_size_end_at_their_size(size: int) -> None:
    made = play({"{name: core, size: 3}": f"{{name: core, size: {size}}}"})
    made.upgrade_control_plane("1.35")
    assert made.finish(roll(made, "core")).status == "Successful"
    assert [kubelet(node)[:5] for node in nodes_of(made, "core")] == ["v1.35"] * size


def test_addresses_go_with_new_nodes_and_come_back_with_old_ones(upgraded: Play) -> None:
    place = upgraded.world.regions[(upgraded.cluster.account, upgraded.cluster.region)]

    def free() -> int:
        return sum(subnet.free for subnet in place.subnets.values())

    before = free()
    update = roll(upgraded, "apps")
    lowest = before
    for _ in upgraded.events(lambda: update.status != "InProgress"):
        lowest = min(lowest, free())
    assert lowest == before - 4 * 10
    assert free() == before


def test_update_fails_where_the_subnets_have_no_room_for_the_surge() -> None:
    subnets = 'version: "1.34"\n    subnets: [{zone: a, free_addresses: 12}, {zone: b, free_addresses: 9}]'
    made = play({'version: "1.34"': subnets})
    update = made.finish(made.world.update_nodegroup_version(made.cluster, "core", token="g"))
    assert (update.status, update.errors[0].error_code) == ("Failed", "InsufficientFreeAddresses")


def test_what_eks_refuses_for_node_groups(upgraded: Play) -> None:
    world, cluster = upgraded.world, upgraded.cluster
    with pytest.raises(InvalidParameter, match=r"version 1\.36 can't be greater than the cluster's version 1\.35"):
        world.update_nodegroup_version(cluster, "core", version="1.36", token="a")
    with pytest.raises(InvalidParameter, match=r"can't be lower"):
        world.update_nodegroup_version(cluster, "core", version="1.33", token="b")
    with pytest.raises(InvalidParameter, match=r"Requested release version 1\.35\.0-20200101 is not valid"):
        world.update_nodegroup_version(cluster, "core", version="1.35", release_version="1.35.0-20200101", token="c")
    with pytest.raises(InvalidParameter, match="not created with a launch template"):
        world.update_nodegroup_version(cluster, "core", launch_template={"version": "2"}, token="d")
    with pytest.raises(ResourceNotFound, match="No node group found"):
        world.update_nodegroup_version(cluster, "nope", token="e")
    roll(upgraded, "core")
    with pytest.raises(ResourceInUse):
        roll(upgraded, "core", token="other")
    assert not [error for error in cluster.updates.values() if error.status == "Failed"]


def test_groups_of_one_cluster_may_roll_at_the_same_time(upgraded: Play) -> None:
    first, second = roll(upgraded, "core", token="1"), roll(upgraded, "apps", token="2")
    upgraded.until(lambda: {first.status, second.status} == {"Successful"})


def test_pinned_release_is_what_the_nodes_get(upgraded: Play) -> None:
    release = upgraded.world.catalogue.ami_releases("1.35")[3]
    update = upgraded.world.update_nodegroup_version(
        upgraded.cluster, "core", version="1.35", release_version=release.release_version, token="g"
    )
    upgraded.finish(update)
    assert {kubelet(node) for node in nodes_of(upgraded, "core")} == {release.kubelet_version}
    assert update.params["ReleaseVersion"] == release.release_version


def test_group_with_a_custom_ami_takes_no_version() -> None:
    made = play({"{name: core, size: 3}": "{name: core, size: 3, ami_type: CUSTOM, launch_template: true}"})
    with pytest.raises(InvalidParameter, match="custom AMI"):
        made.world.update_nodegroup_version(made.cluster, "core", version="1.34", token="g")


def test_config_changes_size_labels_and_parallelism(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    update = world.update_nodegroup_config(
        cluster,
        "core",
        token="c",
        scaling={"minSize": 1, "maxSize": 6, "desiredSize": 5},
        update_config={"maxUnavailablePercentage": 50},
        labels={"team": "shop"},
    )
    healthy.finish(update)
    healthy.wait(timedelta(minutes=4))
    group: Nodegroup = cluster.nodegroups["core"]
    assert (group.desired_size, group.max_unavailable, group.max_unavailable_percentage) == (5, None, 50)
    assert [node["metadata"]["labels"]["team"] for node in nodes_of(healthy, "core")] == ["shop"] * 5
    with pytest.raises(InvalidParameter, match="desired capacity 9 must be between"):
        world.update_nodegroup_config(cluster, "core", token="d", scaling={"desiredSize": 9})
    both = {"maxUnavailable": 1, "maxUnavailablePercentage": 10}
    with pytest.raises(InvalidParameter, match="mutually exclusive"):
        world.update_nodegroup_config(cluster, "core", token="e", update_config=both)
