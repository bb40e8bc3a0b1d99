"""Managed add-ons: what EKS refuses, how they roll out, how one gets unwell and well again."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.scenario import AddonDegrades
from sandbox.world import manifests
from sandbox.world.errors import InvalidParameter, ResourceInUse, ResourceNotFound
from sandbox.world.objects import CSI_NODES, DAEMON_SETS, DEPLOYMENTS, ENDPOINT_SLICES, PODS
from tests.sandbox.world.play import Play, play


def test_update_rolls_every_pod_to_the_new_image_before_it_succeeds(healthy: Play) -> None:
    cluster = healthy.cluster
    update = healthy.world.update_addon(cluster, "kube-proxy", version="v1.34.6-eksbuild.2", token="t")
    assert cluster.addons["kube-proxy"].status == "UPDATING"
    unready = set()
    for _ in healthy.events(lambda: update.status != "InProgress"):
        status = cluster.kube.get(DAEMON_SETS, "kube-system", "kube-proxy")["status"]
        unready.add(status.get("numberUnavailable", 0))
    status = cluster.kube.get(DAEMON_SETS, "kube-system", "kube-proxy")["status"]
    images = {
        pod["spec"]["containers"][0]["image"]
        for pod in cluster.kube.list(PODS, "kube-system")
        if pod["metadata"]["labels"].get("k8s-app") == "kube-proxy"
    }
    assert update.status == "Successful"
    assert update.ended_at is not None
    assert timedelta(minutes=1) <= update.ended_at - update.created_at <= timedelta(minutes=4)
    assert status["updatedNumberScheduled"] == status["desiredNumberScheduled"] == status["numberReady"] == 7
    assert {image.rsplit(":", 1)[1] for image in images} == {"v1.34.6-minimal-eksbuild.2"}
    assert unready == {0, 1}, "a tenth of seven nodes, rounded up, at a time"
    assert update.params["AddonVersion"] == "v1.34.6-eksbuild.2"


def test_coredns_keeps_an_endpoint_through_its_update(healthy: Play) -> None:
    cluster = healthy.cluster
    update = healthy.world.update_addon(cluster, "coredns", version="v1.13.1-eksbuild.1", token="t")
    for _ in healthy.events(lambda: update.status != "InProgress"):
        (found,) = [
            item
            for item in cluster.kube.list(ENDPOINT_SLICES, "kube-system")
            if item["metadata"]["labels"]["kubernetes.io/service-name"] == "kube-dns"
        ]
        assert any(endpoint["conditions"]["ready"] for endpoint in found["endpoints"])
    deployment = cluster.kube.get(DEPLOYMENTS, "kube-system", "coredns")
    assert deployment["status"]["updatedReplicas"] == deployment["status"]["availableReplicas"] == 2
    assert deployment["status"]["observedGeneration"] == deployment["metadata"]["generation"]


def test_csi_driver_is_registered_on_every_node(healthy: Play) -> None:
    csi_nodes = healthy.cluster.kube.list(CSI_NODES)
    assert len(csi_nodes) == 7
    assert all([d["name"] for d in node["spec"]["drivers"]] == ["ebs.csi.aws.com"] for node in csi_nodes)


def test_vpc_cni_moves_one_minor_at_a_time(healthy: Play) -> None:
    made = play({"{name: vpc-cni}": "{name: vpc-cni, version: v1.19.6-eksbuild.7}"})
    with pytest.raises(InvalidParameter, match="Updating VPC-CNI can only go up or down 1 minor version at a time"):
        made.world.update_addon(made.cluster, "vpc-cni", version="v1.21.1-eksbuild.1", token="t")
    assert made.cluster.addons["vpc-cni"].status == "ACTIVE"
    for version in ("v1.20.4-eksbuild.2", "v1.21.1-eksbuild.1"):
        made.finish(made.world.update_addon(made.cluster, "vpc-cni", version=version, token=version))
    assert made.cluster.addons["vpc-cni"].version == "v1.21.1-eksbuild.1"


def test_version_that_does_not_serve_the_cluster_is_refused(healthy: Play) -> None:
    with pytest.raises(InvalidParameter, match="Addon version specified is not supported"):
        healthy.world.update_addon(healthy.cluster, "aws-ebs-csi-driver", version="v1.25.0-eksbuild.1", token="t")
    with pytest.raises(InvalidParameter, match="resolveConflicts"):
        healthy.world.update_addon(healthy.cluster, "coredns", resolve_conflicts="KEEP", token="t")
    with pytest.raises(ResourceNotFound, match="No addon: nope"):
        healthy.world.update_addon(healthy.cluster, "nope", token="t")


def test_add_ons_may_move_side_by_side_but_not_under_a_moving_control_plane(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    first = world.update_addon(cluster, "coredns", token="a")
    second = world.update_addon(cluster, "vpc-cni", token="b")
    with pytest.raises(ResourceInUse):
        world.update_addon(cluster, "coredns", token="c")
    healthy.until(lambda: {first.status, second.status} == {"Successful"})
    world.update_cluster_version(cluster, "1.35", token="t")
    with pytest.raises(ResourceInUse):
        world.update_addon(cluster, "coredns", token="d")


def test_role_that_is_left_out_is_lost(healthy: Play) -> None:
    world, addon = healthy.world, healthy.cluster.addons["aws-ebs-csi-driver"]
    role = addon.service_account_role_arn
    assert role is not None
    healthy.finish(world.update_addon(healthy.cluster, addon.name, token="a", service_account_role_arn=role))
    assert addon.service_account_role_arn == role
    healthy.finish(world.update_addon(healthy.cluster, addon.name, token="b"))
    assert addon.service_account_role_arn is None


def test_configuration_stays_when_left_out_and_empty_pod_identities_delete(healthy: Play) -> None:
    world, addon = healthy.world, healthy.cluster.addons["coredns"]
    identities = [{"serviceAccount": "coredns", "roleArn": "arn:aws:iam::111122223333:role/x"}]
    healthy.finish(
        world.update_addon(
            healthy.cluster,
            "coredns",
            token="a",
            configuration_values='{"replicaCount":2}',
            pod_identity_associations=identities,
        )
    )
    healthy.finish(world.update_addon(healthy.cluster, "coredns", token="b"))
    assert addon.configuration_values == '{"replicaCount":2}'
    assert [entry.service_account for entry in addon.pod_identity_associations] == ["coredns"]
    healthy.finish(world.update_addon(healthy.cluster, "coredns", token="c", pod_identity_associations=[]))
    assert addon.pod_identity_associations == []


def test_replicas_that_people_chose_survive_an_update_that_preserves(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    cluster.kube.edit(DEPLOYMENTS, "kube-system", "coredns", lambda d: d["spec"].update(replicas=4))
    healthy.finish(world.update_addon(cluster, "coredns", token="a", resolve_conflicts="PRESERVE"))
    assert cluster.kube.get(DEPLOYMENTS, "kube-system", "coredns")["status"]["readyReplicas"] == 4
    healthy.finish(world.update_addon(cluster, "coredns", token="b", resolve_conflicts="OVERWRITE"))
    assert cluster.kube.get(DEPLOYMENTS, "kube-system", "coredns")["spec"]["replicas"] == 2


def test_degrading_add_on_fails_its_update_and_says_which_workload() -> None:
    made = play(faults="  - {kind: addon-degrades, cluster: c, addon: coredns, version: v1.13.1-eksbuild.1}\n")
    update = made.finish(made.world.update_addon(made.cluster, "coredns", version="v1.13.1-eksbuild.1", token="t"))
    addon = made.cluster.addons["coredns"]
    assert update.status == "Failed"
    assert [(e.error_code, e.resource_ids) for e in update.errors] == [("InsufficientNumberOfReplicas", ["coredns"])]
    assert (addon.status, addon.health[0].code) == ("DEGRADED", "InsufficientNumberOfReplicas")
    crashing = [
        status["state"]["waiting"]["reason"]
        for pod in made.cluster.kube.list(PODS, "kube-system")
        for status in pod["status"].get("containerStatuses", [])
        if status["restartCount"]
    ]
    assert crashing
    assert set(crashing) == {"CrashLoopBackOff"}
    coredns = made.cluster.kube.get(DEPLOYMENTS, "kube-system", "coredns")
    assert coredns["status"]["readyReplicas"] == 2, "the old pods still serve"


def test_add_on_gets_well_when_the_fault_is_switched_off() -> None:
    made = play(faults="  - {kind: addon-degrades, cluster: c, addon: coredns}\n")
    made.finish(made.world.update_addon(made.cluster, "coredns", version="v1.13.1-eksbuild.1", token="t"))
    made.world.switch_off(next(iter(made.world.faults.switches)))
    made.until(lambda: made.cluster.addons["coredns"].status == "ACTIVE", timedelta(minutes=10))
    assert made.cluster.addons["coredns"].health == []


def test_only_so_many_attempts_are_spoiled() -> None:
    made = play(faults="  - {kind: addon-degrades, cluster: c, addon: vpc-cni, attempts: 1}\n")
    assert made.finish(made.world.update_addon(made.cluster, "vpc-cni", token="a")).status == "Successful", (
        "no new pods"
    )
    made = play(faults="  - {kind: addon-degrades, cluster: c, addon: vpc-cni, attempts: 1}\n")
    version = "v1.21.1-eksbuild.1"
    assert made.finish(made.world.update_addon(made.cluster, "vpc-cni", version=version, token="a")).status == "Failed"
    retry = made.finish(made.world.update_addon(made.cluster, "vpc-cni", version=version, token="b"))
    assert retry.status == "Successful"
    assert all(manifests.is_true(pod, "Ready") for pod in made.cluster.kube.list(PODS, "kube-system"))


def test_fault_may_be_switched_on_while_the_world_runs(healthy: Play) -> None:
    healthy.world.switch_on(AddonDegrades(kind="addon-degrades", cluster="c", addon="kube-proxy"))
    update = healthy.world.update_addon(healthy.cluster, "kube-proxy", version="v1.34.6-eksbuild.2", token="t")
    assert healthy.finish(update).errors[0].resource_ids == ["kube-proxy"]
