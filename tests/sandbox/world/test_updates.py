"""Control-plane updates, tokens, and what EKS refuses."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.scenario import parse_scenario
from sandbox.world.errors import InvalidParameter, InvalidRequest, ResourceInUse, ResourceNotFound
from tests.sandbox.world.play import HEALTHY, Play, play


def test_control_plane_moves_one_minor_and_only_at_the_end(healthy: Play) -> None:
    cluster = healthy.cluster
    update = healthy.world.update_cluster_version(cluster, "1.35", token="t")
    assert (cluster.status, cluster.version, update.type) == ("UPDATING", "1.34", "VersionUpdate")
    healthy.wait(timedelta(minutes=7, seconds=59))
    assert (update.status, cluster.version) == ("InProgress", "1.34")
    healthy.wait(timedelta(minutes=7, seconds=1))
    assert (update.status, cluster.status, cluster.version) == ("Successful", "ACTIVE", "1.35")
    assert cluster.patch_version.startswith("1.35.")
    assert update.params["Version"] == "1.35"
    assert update.ended_at is not None
    assert timedelta(minutes=8) <= update.ended_at - update.created_at <= timedelta(minutes=15)


def test_same_token_gives_the_same_update_and_takes_effect_once(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    first = world.update_cluster_version(cluster, "1.35", token="t")
    again = world.update_cluster_version(cluster, "1.35", token="t")
    healthy.finish(first)
    late = world.update_cluster_version(cluster, "1.35", token="t")
    assert first is again is late
    assert [effect.kind for effect in world.effects] == ["UpdateClusterVersion"]
    assert [call.outcome for call in world.calls] == ["ok", "repeated", "repeated"]


def test_another_token_while_one_runs_is_refused(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    world.update_cluster_version(cluster, "1.35", token="t")
    with pytest.raises(ResourceInUse, match="currently has update"):
        world.update_cluster_version(cluster, "1.35", token="other")
    assert len(world.effects) == 1
    assert world.calls[-1].outcome == "ResourceInUseException"


def test_token_reused_for_something_else_is_refused(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    world.update_addon(cluster, "coredns", token="t", version="v1.12.4-eksbuild.1")
    with pytest.raises(InvalidParameter, match="different parameters"):
        world.update_addon(cluster, "coredns", token="t", version="v1.13.1-eksbuild.1")


def test_any_update_of_the_cluster_holds_the_control_plane_back(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    addon = world.update_addon(cluster, "coredns", token="a")
    with pytest.raises(ResourceInUse):
        world.update_cluster_version(cluster, "1.35", token="t")
    healthy.finish(addon)
    group = world.update_nodegroup_version(cluster, "core", token="g")
    with pytest.raises(ResourceInUse):
        world.update_cluster_version(cluster, "1.35", token="t2")
    healthy.finish(group)
    world.update_cluster_version(cluster, "1.35", token="t3")


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.36", "Unsupported Kubernetes minor version update from 1.34 to 1.36"),
        ("1.34", "Unsupported Kubernetes minor version update"),
        ("1.33", "Unsupported Kubernetes minor version update"),
        ("1.37", "unsupported Kubernetes version: 1.37"),
        ("latest", "unsupported Kubernetes version: latest"),
        ("1.35.0", "unsupported Kubernetes version"),
    ],
)
def test_versions_that_eks_does_not_take_change_nothing(healthy: Play, version: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words):
        healthy.world.update_cluster_version(healthy.cluster, version, token="t")
    assert healthy.cluster.status == "ACTIVE"
    assert not healthy.cluster.updates
    assert not healthy.world.effects


def test_kubelets_that_would_lag_more_than_three_minors_hold_the_control_plane_back() -> None:
    old = play({"{name: core, size: 3}": '{name: core, size: 3, version: "1.31"}'})
    with pytest.raises(InvalidRequest, match=r"Nodegroups core must be updated to match cluster version 1\.34"):
        old.world.update_cluster_version(old.cluster, "1.35", token="t")
    lagging = play({"{name: core, size: 3}": '{name: core, size: 3, version: "1.32"}'})
    assert lagging.upgrade_control_plane("1.35").status == "Successful"


def test_kubelets_before_1_25_may_lag_two_minors_only() -> None:
    text = (
        HEALTHY.replace("2026-11-17", "2023-01-17")
        .replace('version: "1.34"', 'version: "1.23"')
        .replace('to: "1.35"', 'to: "1.24"')
    )
    assert Play(
        parse_scenario(text.replace("name: core, size: 3", 'name: core, size: 3, version: "1.22"'))
    ).upgrade_control_plane("1.24")
    too_old = Play(parse_scenario(text.replace("name: core, size: 3", 'name: core, size: 3, version: "1.21"')))
    with pytest.raises(InvalidRequest, match="Nodegroups core must be updated"):
        too_old.world.update_cluster_version(too_old.cluster, "1.24", token="t")


def test_old_kubelets_of_unmanaged_nodes_hold_the_control_plane_back() -> None:
    own = '{name: own, kind: self-managed, size: 1, version: "1.31"}'
    mixed = play({"{name: core, size: 3}": f"{{name: core, size: 3}}\n      - {own}"})
    with pytest.raises(InvalidRequest, match=r"runs kubelet 1\.31, too old"):
        mixed.world.update_cluster_version(mixed.cluster, "1.35", token="t")


def test_groups_must_match_the_control_plane_while_the_fault_is_on() -> None:
    strict = play(
        {"{name: core, size: 3}": '{name: core, size: 3, version: "1.33"}'},
        "  - {kind: groups-must-match, cluster: c}\n",
    )
    words = "Nodegroups core must be updated to match cluster version 1.34 before updating cluster version"
    with pytest.raises(InvalidRequest, match=words):
        strict.world.update_cluster_version(strict.cluster, "1.35", token="t")
    strict.finish(strict.world.update_nodegroup_version(strict.cluster, "core", version="1.34", token="g"))
    assert strict.upgrade_control_plane("1.35").status == "Successful"


def test_failed_control_plane_update_goes_back_to_the_former_version() -> None:
    failing = play(faults="  - {kind: control-plane-fails, cluster: c, code: EniLimitReached, attempts: 1}\n")
    update = failing.upgrade_control_plane("1.35")
    assert update.status == "Failed"
    assert [error.error_code for error in update.errors] == ["EniLimitReached"]
    assert (failing.cluster.status, failing.cluster.version) == ("ACTIVE", "1.34")
    retry = failing.finish(failing.world.update_cluster_version(failing.cluster, "1.35", token="second"))
    assert retry.status == "Successful"


def test_control_plane_update_fails_without_free_addresses() -> None:
    subnets = 'version: "1.34"\n    subnets: [{zone: a, free_addresses: 2}, {zone: b, free_addresses: 1}]'
    full = play({'version: "1.34"': subnets})
    assert full.upgrade_control_plane("1.35").errors[0].error_code == "IpNotAvailable"
    assert full.cluster.version == "1.34"


def test_updates_are_found_only_where_eks_shows_them(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    addon = healthy.finish(world.update_addon(cluster, "coredns", token="a"))
    group = world.update_nodegroup_version(cluster, "core", token="g")
    assert world.list_updates(cluster) == []
    assert world.list_updates(cluster, addon_name="coredns") == [addon]
    assert world.list_updates(cluster, nodegroup_name="core") == [group]
    assert world.describe_update(cluster, group.id, nodegroup_name="core") is group
    for missing in ({}, {"addon_name": "coredns"}, {"nodegroup_name": "apps"}):
        with pytest.raises(ResourceNotFound):
            world.describe_update(cluster, group.id, **missing)
    with pytest.raises(ResourceNotFound, match="No node group found for name: nope"):
        world.list_updates(cluster, nodegroup_name="nope")


def test_newest_update_is_listed_first(healthy: Play) -> None:
    first = healthy.upgrade_control_plane("1.35")
    second = healthy.upgrade_control_plane("1.36")
    assert healthy.world.list_updates(healthy.cluster) == [second, first]


def test_cluster_config_takes_one_kind_of_change_at_a_time(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    with pytest.raises(InvalidParameter, match="one type of update"):
        world.update_cluster_config(cluster, token="x", log_types=["api"], support_type="STANDARD")
    update = healthy.finish(world.update_cluster_config(cluster, token="y", support_type="STANDARD"))
    assert (update.type, update.status, cluster.support_type) == ("UpgradePolicyUpdate", "Successful", "STANDARD")


def test_unknown_cluster_is_told_by_name(healthy: Play) -> None:
    with pytest.raises(ResourceNotFound, match="No cluster found for name: nope"):
        healthy.world.cluster("111122223333", "eu-central-1", "nope")
    with pytest.raises(ResourceNotFound):
        healthy.world.cluster("111122223333", "us-east-1", "c")


def test_two_hops_by_hand_end_with_everything_at_1_36() -> None:
    hops = play()
    world, cluster = hops.world, hops.cluster
    for version in ("1.35", "1.36"):
        assert hops.upgrade_control_plane(version).status == "Successful"
        for addon in cluster.addons.values():
            wanted = world.catalogue.default_addon_version(addon.name, version)
            update = world.update_addon(
                cluster,
                addon.name,
                version=wanted,
                resolve_conflicts="PRESERVE",
                service_account_role_arn=addon.service_account_role_arn,
                token=f"{addon.name}-{version}",
            )
            assert hops.finish(update).status == "Successful"
            assert (addon.version, addon.status) == (wanted, "ACTIVE")
    for name in cluster.nodegroups:
        assert (
            hops.finish(world.update_nodegroup_version(cluster, name, version="1.36", token=name)).status
            == "Successful"
        )
    assert {group.version for group in cluster.nodegroups.values()} == {"1.36"}
    kinds = [effect.kind for effect in world.effects]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "UpdateClusterVersion": 2,
        "UpdateAddon": 8,
        "UpdateNodegroupVersion": 2,
    }
    assert all(node["kubelet"].startswith("v1.36.") for node in world.picture(cluster)["nodes"])
    assert all(pod["ready"] for pod in world.picture(cluster)["pods"])
