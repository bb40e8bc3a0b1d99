"""From every half-way state replanning gives the rest of the same plan."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.upgrade.snapshots import (
    ADDON_OFFERS,
    AMI_TYPES,
    CORE_ADDONS,
    TAKEN_AT,
    addon,
    addon_offer,
    default_addon,
    group_nodes,
    healthy_snapshot,
    k8s,
    node,
    nodegroup,
    with_addon,
    with_facts,
    with_group,
    with_kubelets,
    workload,
)
from upgrade.addon_path import AddonOffers
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import EksUpdate, LaunchTemplate, UpdateSubject
from upgrade.errors import NothingToDo, PlanImpossible
from upgrade.facts import need
from upgrade.nodes import NodeKind, set_of
from upgrade.plan import (
    AddonStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    NodePolicy,
    Scope,
    Step,
    UpgradePlan,
    UpgradePolicy,
)
from upgrade.planner import plan_upgrade
from upgrade.projection import project
from upgrade.rest import difference, visible_steps
from upgrade.rows import NodeRow
from upgrade.versions import KubernetesVersion, hops

OFFERS = AddonOffers(ADDON_OFFERS)
OTHER_NODES = (
    {"alpha.eksctl.io/nodegroup-name": "nb-a"},
    {"karpenter.sh/nodepool": "default"},
    {"eks.amazonaws.com/compute-type": "fargate"},
    {"eks.amazonaws.com/compute-type": "hybrid"},
    {"eks.amazonaws.com/compute-type": "auto", "karpenter.sh/nodepool": "general-purpose"},
)


def minus(version: KubernetesVersion, minors: int) -> str:
    return str(KubernetesVersion(version.major, max(20, version.minor - minors)))


class Made:
    """A generated cluster, printed by what was drawn and not by its thousands of offers."""

    def __init__(self, snapshot: ClusterSnapshot) -> None:
        self.snapshot = snapshot

    def __repr__(self) -> str:
        cluster = self.snapshot
        return "\n  ".join(
            [
                f"{cluster.control_plane.version}",
                *(f"addon {one.name} {one.version}" for one in need(cluster.addons)),
                *(f"group {one.name} {one.version} {one.ami_type}" for one in need(cluster.nodegroups)),
                *(f"node {one.name} {one.kubelet}" for one in need(cluster.nodes)),
                *(f"runs {one.images}" for one in need(cluster.workloads)),
            ]
        )


@st.composite
def clusters(draw: st.DrawFn) -> Made:
    """Clusters of every shape: add-ons behind, level or ahead; groups behind, mixed or empty; every kind of node."""
    version = k8s(f"1.{draw(st.integers(22, 33))}")
    lag = st.integers(0, 2)
    groups = []
    nodes: list[NodeRow] = []
    for name in draw(st.lists(st.sampled_from(["core-a", "workers", "gpu", "spot"]), unique=True, max_size=3)):
        ami_type = draw(st.sampled_from([*AMI_TYPES, "CUSTOM"]))
        own = LaunchTemplate(id="lt-1", version="7") if draw(st.booleans()) else None
        group = nodegroup(name, minus(version, draw(lag)), ami_type=ami_type, launch_template=own)
        kubelets = draw(st.lists(lag.map(lambda one: minus(version, one)), max_size=3))
        groups.append(group)
        nodes.extend(group_nodes(group, kubelets) if kubelets else ())
    for number, labels in enumerate(draw(st.lists(st.sampled_from(OTHER_NODES), unique_by=str, max_size=2))):
        nodes.append(node(f"other-{number}", minus(version, draw(lag)), labels))
    installed = []
    workloads = [workload("Deployment", "shop", "web")]
    for name in (*CORE_ADDONS, "eks-pod-identity-agent"):
        how = draw(st.sampled_from(["managed", "managed", "managed", "self-managed", "none"]))
        behind = draw(st.integers(-1, 2)) if name != "kube-proxy" else draw(lag)
        if how == "managed":
            version_text = default_addon(name, minus(version, behind))
            build = draw(st.sampled_from(["", ".0", ".1", ".9"]))
            installed.append(addon(name, version_text.rpartition(".")[0] + build if build else version_text))
        elif how == "self-managed" and name != "aws-ebs-csi-driver":
            kind, row = (
                ("Deployment", name) if name == "coredns" else ("DaemonSet", name.replace("vpc-cni", "aws-node"))
            )
            tag = draw(st.sampled_from([f"v{minus(version, behind)}.3", "latest"]))
            workloads.append(workload(kind, "kube-system", row, f"602401143452.dkr.ecr.example/eks/{row}:{tag}"))
    if draw(st.booleans()):
        tag = draw(st.sampled_from([f"v{minus(version, draw(lag))}.1", "custom"]))
        workloads.append(workload("Deployment", "kube-system", "autoscaler", f"k8s.example/cluster-autoscaler:{tag}"))
    return Made(
        healthy_snapshot(
            str(version),
            nodegroups=tuple(groups),
            nodes=tuple(nodes),
            addons=tuple(installed),
            workloads=tuple(workloads),
        )
    )


policies = st.builds(
    UpgradePolicy,
    node_policy=st.sampled_from(NodePolicy),
    parallel_nodegroups=st.integers(1, 3),
    gates=st.lists(st.sampled_from(["control-plane", "add-ons", "nodes"]), unique=True).map(tuple),
    windows=st.sampled_from([(), ("fri 22:00-04:00",)]),
    bake_after_hop=st.sampled_from([timedelta(0), timedelta(hours=6)]),
    bake_before_nodes=st.sampled_from([timedelta(0), timedelta(hours=24)]),
    one_hop_a_window=st.booleans(),
)


def half_done(before: ClusterSnapshot, step: Step) -> Iterator[ClusterSnapshot]:
    """The ways in which a step can have been begun and not finished."""
    match step:
        case ControlPlaneStep():
            plane = before.control_plane.model_copy(update={"status": "UPDATING"})
            yield before.model_copy(update={"control_plane": plane})
        case AddonStep():
            for shown in (None, str(step.version)):
                version = {"version": shown} if shown else {}
                for status, outcome in (("UPDATING", "InProgress"), ("UPDATE_FAILED", "Failed")):
                    state = with_facts(before, updates=(_addon_update(step, outcome),))
                    yield with_addon(state, step.name, status=status, **version)
        case NodegroupStep():
            yield with_group(before, step.name, status="UPDATING")
            nodes = [one for one in need(before.nodes) if one.nodegroup == step.name]
            if nodes and nodes[-1].kubelet < step.version:
                some_new = [str(step.version)] * (len(nodes) - 1)
                yield with_kubelets(before, step.name, *some_new)
                mixed = with_kubelets(before, step.name, *some_new)
                yield with_group(mixed, step.name, version=step.version, status="DEGRADED")
        case ConfirmStep() if step.subject.partition("/")[0] in set(NodeKind):
            groups = {one.name: one for one in need(before.nodegroups)}
            known_nodes = need(before.nodes)
            rows = list(known_nodes)
            mine = [i for i, one in enumerate(rows) if "/".join(set_of(one, groups)) == step.subject]
            if len(mine) > 1:
                first = max(mine, key=lambda index: rows[index].kubelet)
                rows[first] = msgspec.structs.replace(rows[first], kubelet_version=f"v{step.version}.0")
                yield with_facts(before, nodes=tuple(rows))


def _addon_update(step: AddonStep, status: str) -> EksUpdate:
    return EksUpdate(
        id="update-1",
        subject=UpdateSubject(kind="addon", name=step.name),
        type="AddonUpdate",
        status=status,
        params={"AddonVersion": str(step.version)},
        created_at=TAKEN_AT - timedelta(minutes=5),
    )


def places(plan: UpgradePlan, done: set[str]) -> list[tuple[str, str | None, int, str]]:
    """Where each visible step stands: its phase, gate and parallelism."""
    left = {step.id for step in visible_steps(plan, done)}
    return [(phase.id, phase.gate, phase.parallelism, step.id) for phase, step in plan.steps() if step.id in left]


def wanted_bakes(plan: UpgradePlan, policy: UpgradePolicy) -> list[str]:
    """The rests that a plan must have, read off its other phases: each behind a hop of this plan, none elsewhere."""
    wanted, reached = [], None
    for phase in plan.phases:
        first = phase.steps[0]
        if phase.kind == "nodes" and reached and policy.bake_before_nodes:
            wanted.append(f"bake-before-nodes@{reached}")
        if isinstance(first, ControlPlaneStep):
            if reached and (policy.bake_after_hop or (policy.one_hop_a_window and policy.windows)):
                wanted.append(f"bake@{reached}")
            reached = first.version
    return wanted


def replan(state: ClusterSnapshot, plan: UpgradePlan, policy: UpgradePolicy, pins: UpgradePlan | None) -> UpgradePlan:
    try:
        return plan_upgrade(state, plan.to_version, policy, plan.scope, pins=pins)
    except NothingToDo:
        return plan.model_copy(update={"phases": ()})


@settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(clusters(), policies, st.integers(0, 4), st.sampled_from([Scope.ALL, Scope.ALL, *Scope]), st.booleans())
def test_replanning_from_every_half_way_state_gives_the_rest_of_the_plan(
    made: Made, policy: UpgradePolicy, minors: int, scope: Scope, pinned: bool
) -> None:
    cluster = made.snapshot
    current = cluster.control_plane.version
    target = None if scope in (Scope.ADDONS, Scope.NODES) else k8s(f"1.{min(36, current.minor + minors)}")
    try:
        plan = plan_upgrade(cluster, target, policy, scope)
    except (NothingToDo, PlanImpossible) as none:
        event(type(none).__name__)
        return
    event(f"{len(hops(current, plan.to_version))} hops")
    pins = plan if pinned else None
    steps = [step for _, step in plan.steps()]
    assert [step.id for step in steps if step.kind == "bake"] == wanted_bakes(plan, policy)
    assert len({step.id for step in steps}) == len(steps)
    assert len({phase.id for phase in plan.phases}) == len(plan.phases)
    state = cluster
    for number, step in enumerate(steps):
        done = {one.id for one in steps[:number]}
        fresh = replan(state, plan, policy, pins)
        assert difference(plan, done, fresh).same
        assert places(fresh, set()) == places(plan, done)
        for half in half_done(state, step):
            assert difference(plan, done, replan(half, plan, policy, pins)).same
        if isinstance(step, ControlPlaneStep):
            refused = difference(plan, done, replan(project(state, step.if_groups_must_match), plan, policy, plan))
            assert not refused.added
            assert not refused.reordered
        state = project(state, [step])
    assert not visible_steps(replan(state, plan, policy, pins))


@settings(max_examples=30, deadline=None)
@given(clusters(), policies, st.integers(1, 4))
def test_a_newer_release_does_not_change_an_approved_plan(made: Made, policy: UpgradePolicy, minors: int) -> None:
    cluster = made.snapshot
    target = k8s(f"1.{min(36, cluster.control_plane.version.minor + minors)}")
    try:
        plan = plan_upgrade(cluster, target, policy)
    except PlanImpossible:
        return
    newer = []
    for offer in ADDON_OFFERS:
        newer.append(offer.model_copy(update={"default_for": ()}))
        if offer.default_for:
            build = f"{offer.version}9"
            newer.append(addon_offer(offer.addon, build, offer.versions, offer.default_for))
    releases = tuple(
        one.model_copy(update={"release_version": one.release_version + "9"}) for one in need(cluster.ami_releases)
    )
    later = with_facts(cluster, addon_offers=tuple(newer), ami_releases=releases)
    state, steps = later, [step for _, step in plan.steps()]
    for number, step in enumerate(steps):
        done = {one.id for one in steps[:number]}
        assert difference(plan, done, replan(state, plan, policy, plan)).same
        state = project(state, [step])


def test_a_vanished_pin_changes_the_plan() -> None:
    cluster = healthy_snapshot("1.34")
    plan = plan_upgrade(cluster, k8s("1.35"), UpgradePolicy())
    gone = default_addon("coredns", "1.35")
    later = with_facts(cluster, addon_offers=tuple(one for one in ADDON_OFFERS if str(one.version) != gone))
    changed = difference(plan, (), plan_upgrade(later, k8s("1.35"), UpgradePolicy(), pins=plan))
    assert changed.dropped == (f"addon/coredns@{gone}",)
    assert len(changed.added) == 1


@pytest.mark.parametrize("made_by_hand", ["add-on downgraded", "group added"])
def test_a_changed_cluster_changes_the_plan(made_by_hand: str) -> None:
    cluster = healthy_snapshot("1.34")
    plan = plan_upgrade(cluster, k8s("1.35"), UpgradePolicy())
    if made_by_hand == "add-on downgraded":
        later = with_addon(cluster, "coredns", version=default_addon("coredns", "1.33"))
    else:
        later = with_facts(cluster, nodegroups=(*need(cluster.nodegroups), nodegroup("gpu", "1.34")))
    assert difference(plan, (), plan_upgrade(later, k8s("1.35"), UpgradePolicy(), pins=plan)).added


def test_a_branch_that_was_taken_does_not_move_an_approved_rotation() -> None:
    """EKS refused 1.23 and core went to 1.22; left to itself a plan would now rotate it at 1.24, not at 1.23."""
    cluster = healthy_snapshot("1.22", nodegroups=(nodegroup("core", "1.21"),), addons=(), workloads=())
    plan = plan_upgrade(cluster, k8s("1.25"), UpgradePolicy())
    hop = plan.find("control-plane@1.23")
    assert isinstance(hop, ControlPlaneStep)
    rotated = project(cluster, hop.if_groups_must_match)
    fresh = plan_upgrade(rotated, k8s("1.25"), UpgradePolicy())
    assert difference(plan, (), fresh).added == ("nodegroup/core@1.24",)
    pinned = plan_upgrade(rotated, k8s("1.25"), UpgradePolicy(), pins=plan)
    assert difference(plan, (), pinned).same


def test_a_finished_step_is_no_difference_and_a_reordered_one_is() -> None:
    plan = plan_upgrade(healthy_snapshot("1.34"), k8s("1.35"), UpgradePolicy())
    nodes = next(phase for phase in plan.phases if phase.id == "nodes@1.35")
    turned = nodes.model_copy(update={"steps": nodes.steps[::-1]})
    other = plan.model_copy(update={"phases": tuple(turned if one is nodes else one for one in plan.phases)})
    assert difference(plan, (), other).reordered
    rest = plan.model_copy(update={"phases": plan.phases[3:]})
    assert difference(plan, {step.id for phase in plan.phases[:3] for step in phase.steps}, rest).same
