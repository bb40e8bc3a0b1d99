from __future__ import annotations

from collections import deque
from datetime import timedelta

import pytest

from tests.upgrade.snapshots import (
    ADDON_OFFERS,
    EVERY_VERSION,
    addon,
    addon_offer,
    addons_on,
    default_addon,
    group_nodes,
    healthy_snapshot,
    k8s,
    node,
    nodegroup,
    release,
    span,
    with_addon,
    with_facts,
    with_group,
    with_kubelets,
    workload,
)
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import LaunchTemplate, OfferedVersion
from upgrade.errors import FactUnknown, NothingToDo, PlanImpossible, TargetNotOffered
from upgrade.facts import Unknown, need
from upgrade.gates import GatePlace, GateRule
from upgrade.plan import (
    AddonStep,
    BakeStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    NodePolicy,
    Scope,
    UpgradePlan,
    UpgradePolicy,
    Waiver,
)
from upgrade.planner import plan_upgrade
from upgrade.versions import KubernetesVersion, allowed_lag, hops

POLICY = UpgradePolicy()
SIMPLE = {"addons": (), "workloads": ()}


def plan(cluster: ClusterSnapshot, target: str | None, scope: Scope = Scope.ALL, **options: object) -> UpgradePlan:
    policy = options.pop("policy", POLICY)
    assert isinstance(policy, UpgradePolicy)
    return plan_upgrade(cluster, k8s(target) if target else None, policy, scope, **options)  # type: ignore[arg-type]


def step_ids(made: UpgradePlan) -> list[str]:
    return [step.id for _, step in made.steps()]


def phase_ids(made: UpgradePlan) -> list[str]:
    return [phase.id for phase in made.phases]


def moves(made: UpgradePlan) -> str:
    """Control plane moves and rotations in short: ``cp23 rot23 cp24``; groups of one phase are one rotation."""
    short = {"control-plane": "cp", "nodes": "rot"}
    return " ".join(
        f"{short[phase.kind]}{phase.steps[0].version.minor}"  # type: ignore[union-attr]
        for phase in made.phases
        if phase.kind in short
    )


# -- the order of a whole upgrade -----------------------------------------------------------------------------------


def test_two_hops_move_the_control_plane_twice_addons_after_each_and_nodes_once() -> None:
    assert step_ids(plan(healthy_snapshot("1.34"), "1.36")) == [
        "announce",
        "control-plane@1.35",
        "addon/vpc-cni@v1.21.1-eksbuild.3",
        "addon/kube-proxy@v1.35.3-eksbuild.2",
        "addon/coredns@v1.11.3-eksbuild.4",
        "addon/aws-ebs-csi-driver@v1.51.0-eksbuild.1",
        "verify@1.35",
        "control-plane@1.36",
        "addon/vpc-cni@v1.22.1-eksbuild.3",
        "addon/kube-proxy@v1.36.3-eksbuild.2",
        "addon/coredns@v1.12.0-eksbuild.4",
        "addon/aws-ebs-csi-driver@v1.52.0-eksbuild.1",
        "verify@1.36",
        "nodegroup/core@1.36",
        "nodegroup/workers@1.36",
        "verify-nodes@1.36",
    ]


def test_every_step_of_an_addon_phase_stands_alone() -> None:
    made = plan(healthy_snapshot("1.34"), "1.35", policy=UpgradePolicy(parallel_nodegroups=5))
    assert {phase.id: phase.parallelism for phase in made.phases if phase.parallelism > 1} == {"nodes@1.35": 5}


def test_addons_behind_the_present_version_come_up_before_the_control_plane_moves_on() -> None:
    cluster = healthy_snapshot("1.34", addons=addons_on("1.33"))
    made = plan(cluster, "1.35")
    assert phase_ids(made)[:4] == ["announce", "add-ons@1.34", "verify@1.34", "control-plane@1.35"]


def test_without_a_target_the_next_minor_is_planned() -> None:
    assert plan(healthy_snapshot("1.34"), None).to_version == k8s("1.35")


def test_gates_stand_before_each_phase_of_the_kinds_that_the_policy_names() -> None:
    made = plan(healthy_snapshot("1.34"), "1.36", policy=UpgradePolicy(gates=("control-plane", "nodes")))
    assert [phase.gate for phase in made.phases if phase.gate] == [
        "control-plane@1.35",
        "control-plane@1.36",
        "nodes@1.36",
    ]


def test_a_gate_may_stand_before_the_first_control_plane_or_before_each_further_hop() -> None:
    def gates(*wanted: GatePlace) -> list[str | None]:
        made = plan(healthy_snapshot("1.34"), "1.36", policy=UpgradePolicy(gates=wanted))
        return [phase.gate for phase in made.phases if phase.gate]

    assert gates("first-control-plane") == ["control-plane@1.35"]
    assert gates("hop") == ["control-plane@1.36"]


def test_of_the_gates_that_apply_the_first_says_how_it_is_kept_and_that_is_approved() -> None:
    attended = GateRule(before="nodes", attended="S0NIGHT", within=timedelta(hours=2))
    alone = GateRule(before="nodes", unattended=True)
    made = {
        rules: plan(healthy_snapshot("1.34"), "1.35", policy=UpgradePolicy(gates=rules))
        for rules in (("nodes",), (attended, "nodes"), (alone, attended))
    }
    terms = [next(one.gate_terms for one in each.phases if one.gate) for each in made.values()]
    assert terms == [None, attended.terms, alone.terms]
    assert len({each.digest for each in made.values()}) == 3


def test_every_step_has_an_estimate() -> None:
    made = plan(healthy_snapshot("1.34"), "1.35")
    assert set(made.minutes) == set(step_ids(made))


# -- targets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("1.33", "does not go back to 1.33"),
        ("1.37", "does not offer Kubernetes 1.37"),
        ("2.35", "does not offer Kubernetes 2.35"),
    ],
)
def test_a_target_that_is_older_or_not_offered_is_refused_and_the_allowed_ones_are_listed(
    target: str, sentence: str
) -> None:
    with pytest.raises(TargetNotOffered, match=sentence) as refused:
        plan(healthy_snapshot("1.34"), target)
    assert refused.value.hint == "Allowed: 1.35, 1.36."


def test_a_target_behind_a_hop_that_is_not_offered_is_refused() -> None:
    offered = [OfferedVersion(version=one, status="STANDARD_SUPPORT") for one in span("1.34", "1.36")]
    offered[1] = OfferedVersion(version=k8s("1.35"), status="UNSUPPORTED")
    with pytest.raises(TargetNotOffered, match="nothing newer"):
        plan(healthy_snapshot("1.34", offered_versions=tuple(offered)), "1.36")


def test_versions_in_extended_support_are_offered() -> None:
    offered = tuple(OfferedVersion(version=one, status="EXTENDED_SUPPORT") for one in span("1.28", "1.30"))
    assert plan(healthy_snapshot("1.28", offered_versions=offered), "1.30").to_version == k8s("1.30")


def test_a_cluster_that_is_level_has_nothing_to_do() -> None:
    with pytest.raises(NothingToDo, match=r"is on 1\.34") as level:
        plan(healthy_snapshot("1.34"), "1.34")
    assert level.value.hint == "Allowed: 1.35, 1.36."
    with pytest.raises(NothingToDo) as narrow:
        plan(healthy_snapshot("1.34"), None, scope=Scope.NODES)
    assert narrow.value.hint == "To go on, leave out “only nodes”. Allowed: 1.35, 1.36."
    with pytest.raises(NothingToDo) as newest:
        plan(healthy_snapshot("1.36"), "1.36")
    assert newest.value.hint == ""


def test_the_present_version_as_target_finishes_what_was_left() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),))
    assert phase_ids(plan(cluster, "1.34")) == ["announce", "nodes@1.34", "verify-nodes@1.34"]


# -- scopes ---------------------------------------------------------------------------------------------------------


def test_only_the_control_plane_leaves_addons_and_nodes_alone() -> None:
    made = plan(healthy_snapshot("1.34"), "1.35", Scope.CONTROL_PLANE)
    assert phase_ids(made) == ["announce", "control-plane@1.35", "verify@1.35"]
    assert all(not step.if_groups_must_match for _, step in made.steps() if isinstance(step, ControlPlaneStep))


def test_only_the_control_plane_is_refused_when_skew_would_break() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.34"), nodegroup("old", "1.31")))
    with pytest.raises(PlanImpossible, match=r"nodegroup/old \(1.31\)") as refused:
        plan(cluster, "1.35", Scope.CONTROL_PLANE)
    assert "only nodes" in refused.value.hint


def test_only_addons_brings_them_to_the_default_of_the_present_version() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "coredns", version=default_addon("coredns", "1.33"))
    made = plan(cluster, None, Scope.ADDONS)
    assert step_ids(made) == ["announce", f"addon/coredns@{default_addon('coredns', '1.34')}", "verify@1.34"]


def test_only_nodes_rotates_to_the_present_control_plane() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"), nodegroup("workers", "1.34")))
    assert step_ids(plan(cluster, None, Scope.NODES)) == ["announce", "nodegroup/core@1.34", "verify-nodes@1.34"]


@pytest.mark.parametrize("scope", [Scope.ADDONS, Scope.NODES])
def test_a_new_version_with_a_scope_that_keeps_the_control_plane_is_refused(scope: Scope) -> None:
    with pytest.raises(TargetNotOffered, match=f"only {scope}"):
        plan(healthy_snapshot("1.34"), "1.35", scope)


# -- nodes as rarely as skew allows (C-20) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "target", "expected"),
    [
        ("1.22", "1.24", "cp23 cp24 rot24"),
        ("1.21", "1.24", "cp22 cp23 rot23 cp24 rot24"),
        ("1.25", "1.28", "cp26 cp27 cp28 rot28"),
        ("1.28", "1.31", "cp29 cp30 cp31 rot31"),
        ("1.30", "1.33", "cp31 cp32 cp33 rot33"),
        ("1.33", "1.36", "cp34 cp35 cp36 rot36"),
        ("1.29", "1.33", "cp30 cp31 cp32 rot32 cp33 rot33"),
        ("1.30", "1.36", "cp31 cp32 cp33 rot33 cp34 cp35 cp36 rot36"),
    ],
)
def test_nodes_wait_until_the_next_hop_would_break_skew(start: str, target: str, expected: str) -> None:
    cluster = healthy_snapshot(start, nodegroups=(nodegroup("core", start),), **SIMPLE)
    assert moves(plan(cluster, target)) == expected


def test_from_1_21_to_1_36_takes_six_rotations() -> None:
    cluster = healthy_snapshot("1.21", nodegroups=(nodegroup("core", "1.21"),), **SIMPLE)
    assert moves(plan(cluster, "1.36")).count("rot") == 6


@pytest.mark.parametrize("policy", [NodePolicy.MATCH_FIRST, NodePolicy.EVERY_HOP])
def test_nodes_are_level_before_each_hop_when_the_policy_says_so(policy: NodePolicy) -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),), **SIMPLE)
    assert moves(plan(cluster, "1.36", node_policy=policy)) == "rot34 cp35 rot35 cp36 rot36"


def fewest_rotations(kubelet: KubernetesVersion, start: KubernetesVersion, target: KubernetesVersion) -> int:
    """By trying everything: the fewest rotations from (control plane, kubelet) to both on the target."""
    queue = deque([(start, kubelet, 0)])
    while queue:
        plane, nodes, count = queue.popleft()
        if plane == nodes == target:
            return count
        if plane < target and plane.next.minors_after(nodes) <= allowed_lag(nodes):
            queue.appendleft((plane.next, nodes, count))
        if nodes < plane:
            queue.append((plane, plane, count + 1))
    raise AssertionError("unreachable")


def pairs_within_skew() -> list[tuple[KubernetesVersion, KubernetesVersion]]:
    return [
        (start, kubelet)
        for start in EVERY_VERSION
        for kubelet in EVERY_VERSION
        if 0 <= start.minors_after(kubelet) <= allowed_lag(kubelet)
    ]


@pytest.mark.parametrize(("start", "kubelet"), pairs_within_skew())
def test_no_plan_has_fewer_rotations_for_any_start_and_target(
    start: KubernetesVersion, kubelet: KubernetesVersion
) -> None:
    cluster = healthy_snapshot(str(start), nodegroups=(nodegroup("core", str(kubelet)),), **SIMPLE)
    for target in hops(start, k8s("1.36")):
        made = plan(cluster, str(target))
        plane, nodes, rotations = start, kubelet, 0
        for _, step in made.steps():
            if isinstance(step, ControlPlaneStep):
                plane = step.version
            elif isinstance(step, NodegroupStep):
                nodes, rotations = step.version, rotations + 1
            assert nodes <= plane
            assert plane.minors_after(nodes) <= allowed_lag(nodes)
        assert nodes == plane == target
        assert rotations == fewest_rotations(kubelet, start, target)


def test_only_the_groups_that_would_break_skew_are_rotated_on_the_way() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("new", "1.34"), nodegroup("old", "1.31")), **SIMPLE)
    assert [one for one in step_ids(plan(cluster, "1.35")) if "nodegroup" in one] == [
        "nodegroup/old@1.34",
        "nodegroup/new@1.35",
        "nodegroup/old@1.35",
    ]


def test_core_groups_go_first_by_name_or_by_what_their_nodes_carry() -> None:
    groups = (nodegroup("apps", "1.34"), nodegroup("infra", "1.34"), nodegroup("zz-system", "1.34"))
    plain = [one for group in groups if group.name != "infra" for one in group_nodes(group)]
    tainted = node(
        "infra-0", "1.34", {"eks.amazonaws.com/nodegroup": "infra", "CriticalAddonsOnly": "true"}
    )  # fmt: skip
    cluster = healthy_snapshot("1.34", nodegroups=groups, nodes=(*plain, tainted), **SIMPLE)
    assert [one for one in step_ids(plan(cluster, "1.35")) if "nodegroup" in one] == [
        "nodegroup/infra@1.35",
        "nodegroup/zz-system@1.35",
        "nodegroup/apps@1.35",
    ]


def test_a_group_on_the_version_with_leftovers_of_a_failed_rotation_stays_in_the_plan() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.34"), nodegroup("workers", "1.34")))
    made = plan(with_kubelets(cluster, "workers", "1.34", "1.33"), "1.34")
    assert [one for one in step_ids(made) if "nodegroup" in one] == ["nodegroup/workers@1.34"]


def test_a_group_whose_own_version_lags_behind_its_nodes_stays_in_the_plan() -> None:
    cluster = with_group(healthy_snapshot("1.34"), "workers", version=k8s("1.33"))
    assert [one for one in step_ids(plan(cluster, "1.34")) if "nodegroup" in one] == ["nodegroup/workers@1.34"]


def test_a_custom_ami_group_is_judged_by_its_kubelets_not_by_the_version_it_was_made_with() -> None:
    group = nodegroup("gpu", "1.33", ami_type="CUSTOM")
    cluster = healthy_snapshot("1.34", nodegroups=(group,), nodes=group_nodes(group, ["1.34"]))
    with pytest.raises(NothingToDo):
        plan(cluster, "1.34")


def test_nodes_are_pinned_to_an_ami_release_and_keep_their_launch_template() -> None:
    own = LaunchTemplate(id="lt-1", version="7")
    cluster = with_group(healthy_snapshot("1.34"), "core", launch_template=own)
    step = plan(cluster, "1.35").find("nodegroup/core@1.35")
    assert isinstance(step, NodegroupStep)
    assert (step.release_version, step.launch_template) == (release("1.35"), own)


def test_a_group_whose_ami_has_no_release_for_the_target_makes_the_plan_impossible() -> None:
    cluster = with_group(healthy_snapshot("1.32"), "core", ami_type="AL2_x86_64")
    with pytest.raises(PlanImpossible, match="AL2_x86_64") as refused:
        plan(cluster, "1.33")
    assert "ssm:GetParameter" in refused.value.hint


# -- EKS refuses a hop because groups lag (C-06) --------------------------------------------------------------------


def test_each_hop_carries_the_rotations_that_eks_may_ask_for() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"), nodegroup("workers", "1.34")))
    made = plan(cluster, "1.36")
    branches = {
        step.id: [one.id for one in step.if_groups_must_match]
        for _, step in made.steps()
        if isinstance(step, ControlPlaneStep)
    }
    assert branches == {
        "control-plane@1.35": ["nodegroup/core@1.34"],
        "control-plane@1.36": ["nodegroup/core@1.35", "nodegroup/workers@1.35"],
    }


# -- add-ons --------------------------------------------------------------------------------------------------------


def addon_steps(made: UpgradePlan, name: str) -> list[tuple[str, str]]:
    return [
        (phase.id, str(step.version))
        for phase, step in made.steps()
        if isinstance(step, AddonStep) and step.name == name
    ]


def offers_of(name: str, *rows: tuple[str, str, str]) -> tuple[object, ...]:
    """Offers for one add-on: version, the cluster versions it is listed for, those whose default it is."""
    others = tuple(one for one in ADDON_OFFERS if one.addon != name)
    return (*others, *(addon_offer(name, version, on.split(), default.split()) for version, on, default in rows))


def test_the_vpc_cni_moves_one_minor_at_a_time() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "vpc-cni", version="v1.18.2-eksbuild.1")
    assert addon_steps(plan(cluster, "1.35"), "vpc-cni") == [
        ("add-ons@1.34", "v1.19.1-eksbuild.3"),
        ("add-ons@1.34", "v1.20.1-eksbuild.3"),
        ("add-ons@1.35", "v1.21.1-eksbuild.3"),
    ]


def test_a_minor_of_the_vpc_cni_that_is_not_listed_makes_the_plan_impossible() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "vpc-cni", version="v1.15.2-eksbuild.1")
    with pytest.raises(PlanImpossible, match="one minor at a time") as refused:
        plan(cluster, "1.35")
    assert "by hand" in refused.value.hint


def test_other_addons_go_straight_to_their_version() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "aws-ebs-csi-driver", version="v1.44.0-eksbuild.1")
    assert addon_steps(plan(cluster, "1.34"), "aws-ebs-csi-driver") == [("add-ons@1.34", "v1.50.0-eksbuild.1")]


def test_an_addon_that_does_not_fit_the_next_version_moves_to_one_for_both_first() -> None:
    offers = offers_of(
        "coredns",
        ("v1.11.2-eksbuild.4", "1.34", "1.34"),
        ("v1.11.3-eksbuild.1", "1.34 1.35", ""),
        ("v1.11.4-eksbuild.1", "1.34 1.35", ""),
        ("v1.12.0-eksbuild.1", "1.35", "1.35"),
    )
    assert addon_steps(plan(healthy_snapshot("1.34", addon_offers=offers), "1.35"), "coredns") == [
        ("add-ons-before@1.35", "v1.11.4-eksbuild.1"),
        ("add-ons@1.35", "v1.12.0-eksbuild.1"),
    ]


def test_the_way_to_a_version_for_both_ends_at_the_first_that_fits() -> None:
    offers = offers_of(
        "vpc-cni",
        ("v1.20.1-eksbuild.3", "1.34", "1.34"),
        ("v1.21.1-eksbuild.3", "1.34 1.35", ""),
        ("v1.22.1-eksbuild.3", "1.34 1.35", "1.35"),
    )
    assert addon_steps(plan(healthy_snapshot("1.34", addon_offers=offers), "1.35"), "vpc-cni") == [
        ("add-ons-before@1.35", "v1.21.1-eksbuild.3"),
        ("add-ons@1.35", "v1.22.1-eksbuild.3"),
    ]


def test_an_addon_that_no_version_fits_both_stays_for_the_check_to_tell() -> None:
    offers = offers_of(
        "coredns", ("v1.11.2-eksbuild.4", "1.34", "1.34"), ("v1.12.0-eksbuild.1", "1.35", "1.35")
    )  # fmt: skip
    assert addon_steps(plan(healthy_snapshot("1.34", addon_offers=offers), "1.35"), "coredns") == [
        ("add-ons@1.35", "v1.12.0-eksbuild.1")
    ]


def test_a_newer_installed_version_that_fits_is_kept() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "aws-ebs-csi-driver", version="v1.52.0-eksbuild.1")
    assert addon_steps(plan(cluster, "1.36"), "aws-ebs-csi-driver") == []


def test_an_addon_newer_than_anything_listed_is_kept_and_told() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "coredns", version="v1.99.0-eksbuild.1")
    made = plan(cluster, "1.35")
    assert addon_steps(made, "coredns") == []
    assert "coredns stays on v1.99.0-eksbuild.1: EKS does not list that version for 1.35 (E-13)." in made.notes


def test_an_unlisted_build_of_a_listed_patch_is_kept_and_told() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "coredns", version="v1.11.2-eksbuild.9")
    made = plan(cluster, "1.35")
    assert addon_steps(made, "coredns") == [("add-ons@1.35", default_addon("coredns", "1.35"))]
    assert any("coredns stays on v1.11.2-eksbuild.9" in note for note in made.notes)


def test_an_unlisted_version_between_listed_ones_moves_up_never_down() -> None:
    offers = offers_of(
        "coredns", ("v1.10.0-eksbuild.1", "1.34", "1.34"), ("v1.12.0-eksbuild.1", "1.34 1.35", "1.35")
    )  # fmt: skip
    cluster = with_addon(healthy_snapshot("1.34", addon_offers=offers), "coredns", version="v1.11.0-eksbuild.1")
    assert addon_steps(plan(cluster, "1.34"), "coredns") == [("add-ons@1.34", "v1.12.0-eksbuild.1")]


def test_kube_proxy_is_never_newer_than_the_control_plane() -> None:
    offers = (*ADDON_OFFERS, addon_offer("kube-proxy", "v1.36.0-eksbuild.1", ["1.35", "1.36"], ["1.35"]))
    made = plan(healthy_snapshot("1.34", addon_offers=offers), "1.35")
    assert addon_steps(made, "kube-proxy") == [("add-ons@1.35", "v1.35.3-eksbuild.2")]


def test_an_addon_whose_last_update_failed_on_the_wanted_version_is_updated_again() -> None:
    cluster = with_addon(healthy_snapshot("1.34"), "coredns", status="UPDATE_FAILED")
    assert addon_steps(plan(cluster, "1.34"), "coredns") == [("add-ons@1.34", default_addon("coredns", "1.34"))]


def test_a_newly_installed_other_addon_comes_last() -> None:
    extra = addon("eks-pod-identity-agent", default_addon("eks-pod-identity-agent", "1.34"))
    cluster = healthy_snapshot("1.34", addons=(extra, *addons_on("1.34")))
    last = [step.id for phase, step in plan(cluster, "1.35").steps() if phase.id == "add-ons@1.35"][-1]
    assert last == f"addon/eks-pod-identity-agent@{default_addon('eks-pod-identity-agent', '1.35')}"


# -- what a person does ---------------------------------------------------------------------------------------------


def confirms(made: UpgradePlan) -> list[tuple[str, str]]:
    return [(phase.id, step.id) for phase, step in made.steps() if isinstance(step, ConfirmStep)]


@pytest.mark.parametrize(
    ("labels", "name", "subject"),
    [
        ({}, "ip-10-0-0-1", "self-managed/nodes"),
        ({"alpha.eksctl.io/nodegroup-name": "nb-a"}, "ip-10-0-0-1", "self-managed/nb-a"),
        ({"karpenter.sh/nodepool": "default"}, "ip-10-0-0-1", "karpenter/default"),
        ({}, "fargate-ip-10-0-0-1", "fargate/pods"),
        ({"eks.amazonaws.com/compute-type": "hybrid"}, "mi-1", "hybrid/nodes"),
        ({"eks.amazonaws.com/compute-type": "auto", "karpenter.sh/nodepool": "system"}, "i-1", "auto-mode/system"),
    ],
)
def test_nodes_of_other_kinds_are_confirmed_by_a_person_and_never_skipped(
    labels: dict[str, str], name: str, subject: str
) -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(), nodes=(node(name, "1.34", labels),))
    assert confirms(plan(cluster, "1.35")) == [("nodes@1.35", f"confirm/{subject}@1.35")]


def test_a_custom_ami_group_is_confirmed_because_its_image_is_not_ours_to_choose() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("gpu", "1.34", ami_type="CUSTOM"),))
    made = plan(cluster, "1.35")
    assert confirms(made) == [("nodes@1.35", "confirm/custom-ami/gpu@1.35")]
    assert not any(isinstance(step, NodegroupStep) for _, step in made.steps())


def test_other_nodes_that_would_break_skew_are_confirmed_before_the_hop() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(), nodes=(node("ip-1", "1.31"),), **SIMPLE)
    assert [phase for phase, _ in confirms(plan(cluster, "1.35"))] == ["nodes@1.34", "nodes@1.35"]


def test_self_managed_addons_are_confirmed_each_where_it_belongs() -> None:
    cluster = healthy_snapshot(
        "1.34",
        addons=addons_on("1.34", ["aws-ebs-csi-driver"]),
        workloads=(
            workload("DaemonSet", "kube-system", "aws-node", "eks/amazon-k8s-cni:v1.20.4"),
            workload("DaemonSet", "kube-system", "kube-proxy", "eks/kube-proxy:v1.34.1-minimal-eksbuild.2"),
            workload("Deployment", "kube-system", "coredns", "eks/coredns:v1.11.4"),
        ),
    )
    made = plan(cluster, "1.35")
    assert confirms(made) == [
        ("add-ons-before@1.35", "confirm/add-on/aws-node@1.35"),
        ("add-ons-before@1.35", "confirm/add-on/coredns@1.35"),
        ("add-ons@1.35", "confirm/add-on/kube-proxy@1.35"),
    ]
    assert next(step.id for phase, step in made.steps() if phase.id == "add-ons@1.35").startswith("confirm")


@pytest.mark.parametrize(
    ("image", "phase"),
    [
        ("registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.2", "add-ons@1.35"),
        ("registry.k8s.io/autoscaling/cluster-autoscaler@sha256:00", "add-ons-before@1.35"),
    ],
)
def test_cluster_autoscaler_follows_the_control_plane_by_hand(image: str, phase: str) -> None:
    cluster = healthy_snapshot("1.34", workloads=(workload("Deployment", "kube-system", "ca", image),))
    assert confirms(plan(cluster, "1.35")) == [(phase, "confirm/controller/cluster-autoscaler@1.35")]


def test_a_proportional_autoscaler_is_not_taken_for_cluster_autoscaler() -> None:
    image = "registry.k8s.io/cpa/cluster-proportional-autoscaler:1.8.9"
    cluster = healthy_snapshot("1.34", workloads=(workload("Deployment", "kube-system", "cpa", image),))
    assert confirms(plan(cluster, "1.35")) == []


# -- what is not known ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fact", ["offered_versions", "addons", "addon_offers", "nodegroups", "nodes", "ami_releases"])
def test_a_fact_that_the_plan_needs_and_nobody_knows_is_told_with_its_permission(fact: str) -> None:
    cluster = with_facts(healthy_snapshot("1.34"), **{fact: Unknown(reason="denied", permission="eks:Some")})
    with pytest.raises(FactUnknown, match="denied") as unknown:
        plan(cluster, "1.35")
    assert unknown.value.permission == "eks:Some"


def test_only_the_facts_of_the_scope_are_needed() -> None:
    unknown = Unknown(reason="denied")
    cluster = with_facts(healthy_snapshot("1.34"), addon_offers=unknown, ami_releases=unknown, workloads=unknown)
    assert plan(cluster, "1.35", Scope.CONTROL_PLANE).to_version == k8s("1.35")


def test_a_node_without_a_kubelet_version_is_unknown_not_guessed() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(), nodes=(node("ip-1", "1.34", kubelet_version=""),))
    with pytest.raises(FactUnknown, match="ip-1"):
        plan(cluster, "1.35")


# -- the digest -----------------------------------------------------------------------------------------------------


def test_the_digest_changes_with_policy_gates_and_waivers_only_where_they_change_what_runs() -> None:
    cluster = healthy_snapshot("1.34")
    waiver = Waiver(code="PDB001", subject="shop/PodDisruptionBudget/web", by="U1", reason="test")
    digests = {
        plan(cluster, "1.35").digest,
        plan(cluster, "1.35", policy=UpgradePolicy(approvals=2)).digest,
        plan(cluster, "1.35", policy=UpgradePolicy(approver_groups=("S0PROD",))).digest,
        plan(cluster, "1.35", policy=UpgradePolicy(gates=("nodes",))).digest,
        plan(cluster, "1.35", policy=UpgradePolicy(parallel_nodegroups=2)).digest,
        plan(cluster, "1.35", node_policy=NodePolicy.EVERY_HOP).digest,
        plan(cluster, "1.35", waivers=(waiver,)).digest,
        plan(cluster, "1.36").digest,
        plan(cluster, "1.35", Scope.CONTROL_PLANE).digest,
    }
    assert len(digests) == 9


def test_the_digest_changes_with_pins_and_with_the_branch() -> None:
    cluster = healthy_snapshot("1.34")
    made = plan(cluster, "1.35")
    other_release = tuple(
        one.model_copy(update={"release_version": "1.35.2-20261102"}) if one.version == k8s("1.35") else one
        for one in need(cluster.ami_releases)
    )
    assert plan(with_facts(cluster, ami_releases=other_release), "1.35").digest != made.digest
    lagging = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"), nodegroup("workers", "1.34")))
    without_branch = plan(lagging, "1.35").model_copy(update={"phases": made.phases})
    assert plan(lagging, "1.35").digest != without_branch.digest


def test_the_digest_leaves_out_what_only_explains() -> None:
    made = plan(healthy_snapshot("1.34"), "1.35")
    told_otherwise = made.model_copy(update={"minutes": {}, "notes": ("a note",), "addon_versions": {}})
    assert told_otherwise.digest == made.digest
    assert UpgradePlan.model_validate_json(made.model_dump_json()).digest == made.digest
    assert UpgradePlan.model_validate_json(made.model_dump_json()) == made


def test_what_is_irrelevant_to_the_plan_does_not_change_its_digest() -> None:
    cluster = healthy_snapshot("1.34")
    other = with_facts(cluster, pods=(), pdbs=(), insights=Unknown(reason="denied"))
    assert plan(other, "1.35").digest == plan(cluster, "1.35").digest


# -- bakes ----------------------------------------------------------------------------------------------------------

NIGHTS = ("daily 22:00-04:00",)
DAY = timedelta(hours=24)


def without_add_ons(made: UpgradePlan) -> list[str]:
    return [phase.id for phase in made.phases if phase.kind not in ("announce", "add-ons", "verify")]


def test_productions_bakes_stand_before_the_next_hop_and_before_nodes_follow() -> None:
    policy = UpgradePolicy(bake_before_nodes=DAY, one_hop_a_window=True, windows=NIGHTS)
    made = plan(healthy_snapshot("1.34"), "1.36", policy=policy)
    assert without_add_ons(made) == [
        "control-plane@1.35",
        "bake@1.35",
        "control-plane@1.36",
        "bake-before-nodes@1.36",
        "nodes@1.36",
    ]
    assert made.find("bake@1.35") == BakeStep(version=k8s("1.35"), next_window=True)
    assert made.find("bake-before-nodes@1.36") == BakeStep(version=k8s("1.36"), before="nodes", lasts=DAY)


def test_a_version_is_watched_once_it_is_verified_and_before_anything_is_done_for_the_next() -> None:
    unready = with_addon(healthy_snapshot("1.34"), "vpc-cni", version=default_addon("vpc-cni", "1.32"))
    offers = tuple(
        one.model_copy(update={"versions": span("1.30", "1.34")})
        if str(one.version) == default_addon("vpc-cni", "1.35")
        else one
        for one in ADDON_OFFERS
    )
    made = plan(with_facts(unready, addon_offers=offers), "1.36", policy=UpgradePolicy(bake_after_hop=DAY))
    ids = phase_ids(made)
    assert ids[ids.index("bake@1.35") - 1] == "verify@1.35"


def test_nodes_that_skew_wants_before_the_next_hop_follow_the_control_plane_too() -> None:
    groups = (nodegroup("core", "1.21"),)
    cluster = healthy_snapshot("1.23", nodegroups=groups, nodes=group_nodes(groups[0]), **SIMPLE)
    policy = UpgradePolicy(bake_before_nodes=DAY, bake_after_hop=timedelta(hours=1))
    made = plan(cluster, "1.25", policy=policy)
    # On 1.23 the nodes are rotated before any hop of this plan, so there is nothing to watch.
    assert without_add_ons(made) == [
        "nodes@1.23",
        "control-plane@1.24",
        "bake@1.24",
        "control-plane@1.25",
        "bake-before-nodes@1.25",
        "nodes@1.25",
    ]
    firsts = plan(cluster, "1.25", policy=policy, node_policy=NodePolicy.MATCH_FIRST)
    assert without_add_ons(firsts)[1:5] == ["control-plane@1.24", "bake-before-nodes@1.24", "nodes@1.24", "bake@1.24"]


@pytest.mark.parametrize(
    "policy",
    [
        UpgradePolicy(),
        UpgradePolicy(one_hop_a_window=True),  # without windows there is no next one
        UpgradePolicy(windows=NIGHTS),
    ],
)
def test_a_policy_that_wants_no_rest_has_none(policy: UpgradePolicy) -> None:
    made = plan(healthy_snapshot("1.34"), "1.36", policy=policy)
    assert not [phase for phase in made.phases if phase.kind == "bake"]


@pytest.mark.parametrize("scope", [Scope.NODES, Scope.ADDONS])
def test_without_a_hop_there_is_nothing_to_watch(scope: Scope) -> None:
    policy = UpgradePolicy(bake_before_nodes=DAY, bake_after_hop=DAY)
    behind = with_group(healthy_snapshot("1.34", addons=addons_on("1.33")), "core", version=k8s("1.33"))
    made = plan(with_kubelets(behind, "core", "1.33"), None, scope, policy=policy)
    assert {phase.kind for phase in made.phases} == {
        "announce",
        "verify",
        "nodes" if scope is Scope.NODES else "add-ons",
    }


def test_what_is_approved_covers_how_long_a_version_is_watched() -> None:
    def digest(**rests: object) -> str:
        return plan(healthy_snapshot("1.34"), "1.36", policy=UpgradePolicy.model_validate(rests)).digest

    digests = [
        digest(),
        digest(bake_after_hop=DAY),
        digest(bake_after_hop=2 * DAY),
        digest(bake_before_nodes=DAY),
        digest(one_hop_a_window=True, windows=NIGHTS),
    ]
    assert len(set(digests)) == len(digests)


def test_the_plan_says_which_way_back_each_hop_and_the_nodes_give_up() -> None:
    assert plan(healthy_snapshot("1.34"), "1.36").notes == (
        "From control plane 1.36 on, there is no way back to 1.34.",
        "From nodes on 1.36 on, the control plane goes back to 1.35 only after them.",
    )
    behind = with_kubelets(with_group(healthy_snapshot("1.34"), "core", version=k8s("1.33")), "core", "1.33")
    assert plan(behind, None, Scope.NODES).notes == ()
