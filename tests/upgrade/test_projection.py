from __future__ import annotations

from tests.upgrade.snapshots import (
    default_addon,
    healthy_snapshot,
    k8s,
    node,
    nodegroup,
    with_addon,
    with_facts,
    with_group,
    workload,
)
from upgrade.components import cluster_autoscaler, image_tag, kube_proxy_version, with_minor
from upgrade.eks import Issue
from upgrade.facts import Unknown, need
from upgrade.nodes import node_sets
from upgrade.plan import (
    AddonStep,
    AnnounceStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    Step,
    UpgradePolicy,
    VerifyStep,
)
from upgrade.planner import plan_upgrade
from upgrade.projection import project
from upgrade.versions import AddonVersion

V35 = k8s("1.35")


def test_the_whole_plan_leads_to_the_target() -> None:
    cluster = healthy_snapshot("1.34")
    plan = plan_upgrade(cluster, V35, UpgradePolicy())
    after = project(cluster, [step for _, step in plan.steps()])
    assert after.control_plane.version == V35
    assert {str(one.version) for one in need(after.addons)} == {
        default_addon(one.name, "1.35") for one in need(cluster.addons)
    }
    assert {one.oldest for one in node_sets(after)} == {V35}
    assert kube_proxy_version(after) == V35


def test_an_addon_step_leaves_the_addon_active_and_the_others_alone() -> None:
    issue = (Issue(code="InsufficientNumberOfReplicas"),)
    cluster = with_addon(healthy_snapshot("1.34"), "coredns", status="UPDATE_FAILED", issues=issue)
    after = project(cluster, [AddonStep(name="coredns", version=AddonVersion("v1.12.0-eksbuild.1"))])
    by_name = {one.name: one for one in need(after.addons)}
    assert (by_name["coredns"].status, by_name["coredns"].issues) == ("ACTIVE", ())
    before = {one.name: one for one in need(cluster.addons)}
    assert {name for name in by_name if by_name[name] != before[name]} == {"coredns"}


def test_a_node_group_step_moves_its_group_and_its_nodes_only() -> None:
    step = NodegroupStep(name="core", version=V35, release_version="1.35.2-20261019")
    issue = (Issue(code="PodEvictionFailure"),)
    after = project(with_group(healthy_snapshot("1.34"), "core", status="DEGRADED", issues=issue), [step])
    core, workers = need(after.nodegroups)
    assert (core.status, core.issues) == ("ACTIVE", ())
    assert (core.version, core.release_version, workers.version) == (V35, "1.35.2-20261019", k8s("1.34"))
    kubelets = {one.name: one.kubelet_version for one in need(after.nodes)}
    assert kubelets["core-0"] == "v1.35.2-eks"
    assert kubelets["workers-0"].startswith("v1.34.")


def test_a_bottlerocket_release_says_nothing_of_its_kubelet() -> None:
    step = NodegroupStep(name="core", version=V35, release_version="1.50.0-7a3f")
    rows = need(project(healthy_snapshot("1.34"), [step]).nodes)
    assert rows[0].kubelet == V35


def test_a_confirmed_rotation_shows_in_the_kubelets_of_its_kind() -> None:
    cluster = healthy_snapshot(
        "1.34",
        nodegroups=(nodegroup("gpu", "1.34", ami_type="CUSTOM"),),
        nodes=(node("gpu-0", "1.34", {"eks.amazonaws.com/nodegroup": "gpu"}), node("fargate-ip-1", "1.34")),
    )
    after = project(cluster, [ConfirmStep(subject="custom-ami/gpu", version=V35, shows=True)])
    assert [str(one.kubelet) for one in need(after.nodes)] == ["1.35", "1.34"]
    assert need(after.nodegroups)[0].version == V35


def test_a_confirmed_controller_shows_in_its_image() -> None:
    image = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.2"
    cluster = healthy_snapshot("1.34", workloads=(workload("Deployment", "kube-system", "ca", image),))
    after = project(cluster, [ConfirmStep(subject="controller/cluster-autoscaler", version=V35, shows=True)])
    found = cluster_autoscaler(after)
    assert found
    assert found.version == V35


def test_steps_without_a_trace_change_nothing() -> None:
    cluster = healthy_snapshot("1.34")
    steps: list[Step] = [AnnounceStep(), VerifyStep(version=V35), ConfirmStep(subject="add-on/coredns", version=V35)]
    assert project(cluster, steps) == cluster


def test_a_refusal_that_has_not_come_rotates_nothing() -> None:
    branch = (NodegroupStep(name="core", version=k8s("1.34")),)
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),))
    after = project(cluster, [ControlPlaneStep(version=V35, if_groups_must_match=branch)])
    assert need(after.nodegroups) == need(cluster.nodegroups)


def test_what_is_unknown_stays_unknown() -> None:
    unknown = Unknown(reason="denied")
    cluster = with_facts(healthy_snapshot("1.34"), addons=unknown, nodegroups=unknown)
    steps: list[Step] = [AddonStep(name="coredns", version=AddonVersion("v1")), NodegroupStep(name="core", version=V35)]
    assert project(cluster, steps) == cluster


def test_an_image_is_read_with_a_registry_port_and_a_digest() -> None:
    assert image_tag("registry:5000/eks/kube-proxy") == ""
    assert image_tag("registry:5000/eks/kube-proxy:v1.34.0@sha256:00") == "v1.34.0"
    assert with_minor("registry:5000/eks/kube-proxy:v1.34.0@sha256:00", V35) == "registry:5000/eks/kube-proxy:v1.35.0"
