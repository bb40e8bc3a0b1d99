"""The plan, from what the cluster is and what it should be.

``plan_upgrade`` looks at the cluster alone, never at how it got there. That is why a plan made half-way is the rest of
the plan made at the start. On every Kubernetes version that the control plane stands on, from the first to the last:

1. add-ons come up to EKS's default for that version, one by one (C-12), before the control plane goes on (C-02);
2. nodes are rotated to that version if the policy wants it or the next hop would break skew (C-04, C-20);
3. add-ons that may not run on the next version are moved to one that fits both (C-11, E-03);
4. the control plane moves one minor (C-01).

After the last hop nodes are rotated once more (C-15). Behind a hop stand the bakes that the policy wants: before nodes
follow and before the next hop (docs/decisions/0007). What this program does not change, a person does and confirms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal

from upgrade.addon_path import KEPT_UNLISTED, AddonOffers, Fit, addon_rank, left_half_done
from upgrade.bake import bake_before
from upgrade.checklist import items_for
from upgrade.cluster import ClusterSnapshot
from upgrade.components import Component, cluster_autoscaler, self_managed_addons
from upgrade.eks import Addon, Nodegroup
from upgrade.errors import NothingToDo, PlanImpossible
from upgrade.estimate import PastDuration, estimate_minutes, measured_steps
from upgrade.facts import Known, need
from upgrade.nodes import NodeKind, NodeSet, names, node_sets
from upgrade.pins import Pins
from upgrade.plan import (
    AddonStep,
    AnnounceStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    NodePolicy,
    Phase,
    PhaseKind,
    Scope,
    Step,
    UpgradePlan,
    UpgradePolicy,
    VerifyStep,
    Waiver,
)
from upgrade.projection import project
from upgrade.reach import KEEPS_CONTROL_PLANE, Reach
from upgrade.versions import AddonVersion, KubernetesVersion, allowed_lag

_CHANGING: Final = frozenset({"control-plane", "add-ons", "nodes"})

_HOW_TO_ROTATE: Final = {
    NodeKind.CUSTOM_AMI: "Make a launch template version with an AMI for {version} and update node group {name} to it.",
    NodeKind.SELF_MANAGED: "Replace the self-managed nodes of {name} by nodes on {version}, then drain the old ones.",
    NodeKind.KARPENTER: "Wait until Karpenter has replaced the nodes of {name} by nodes on {version}, or drain them.",
    NodeKind.FARGATE: "Restart the workloads that run on Fargate, so that their pods come back on {version}.",
    NodeKind.HYBRID: "Upgrade the hybrid nodes to {version} with nodeadm, or move their pods to new ones.",
    NodeKind.AUTO_MODE: "Wait until EKS Auto Mode has replaced the nodes of {name} by nodes on {version}.",
}


def plan_upgrade(
    snapshot: ClusterSnapshot,
    target: KubernetesVersion | None,
    policy: UpgradePolicy,
    scope: Scope = Scope.ALL,
    *,
    node_policy: NodePolicy | None = None,
    waivers: Sequence[Waiver] = (),
    pins: UpgradePlan | None = None,
    past: Sequence[PastDuration] = (),
) -> UpgradePlan:
    """The plan that takes the cluster to ``target`` (C-01, C-02, C-11, C-12, C-15, C-20).

    Args:
        target: None means the next minor; for the scopes add-ons and nodes, the version that the control plane has.
        node_policy: overrides the policy's own.
        pins: the approved plan when planning the rest of it: its add-on versions and AMI releases are kept as long as
            EKS still offers them, so that only a changed cluster or a vanished pin changes the plan.
        past: this cluster's own past durations, for the estimates.

    Raises:
        TargetNotOffered: the target is older, or EKS does not offer a version on the way to it.
        NothingToDo: the cluster is what was asked for.
        PlanImpossible: no order of steps gets there in this scope.
        FactUnknown: the plan needs a fact that could not be read.
    """
    route = _route(snapshot, target, scope)
    draft = _Draft(snapshot, policy, scope, node_policy or policy.node_policy, Pins.of(pins))
    draft.add("announce", "announce", "Announcement", [AnnounceStep()])
    draft.bring_addons_level()
    for version in route:
        draft.rotate_before(version)
        draft.bake("hop")
        draft.fit_addons_for(version)
        draft.move_control_plane(version)
        draft.bring_addons_level()
    draft.rotate_last()
    if not any(phase.kind in _CHANGING for phase in draft.phases):
        reach = Reach.of(snapshot)
        raise NothingToDo(
            f"{reach.name} is on {reach.current} and everything in scope “{scope}” is level with it.",
            _level_hint(reach, scope),
            instead=() if scope in KEEPS_CONTROL_PLANE else reach.versions or (),
        )
    return UpgradePlan(
        cluster=snapshot.cluster,
        from_version=snapshot.control_plane.version,
        to_version=draft.version,
        scope=scope,
        node_policy=draft.node_policy,
        approvals=policy.approvals,
        requester_counts=policy.requester_counts,
        approver_groups=policy.approver_groups,
        phases=tuple(draft.phases),
        waivers=tuple(waivers),
        minutes=estimate_minutes(draft.phases, snapshot, past),
        measured=measured_steps(draft.phases, past),
        addon_versions=draft.addon_versions,
        notes=tuple(dict.fromkeys(draft.notes)),
        checklist=items_for(route, snapshot),
        idle_only=policy.idle_only,
    )


def _route(snapshot: ClusterSnapshot, target: KubernetesVersion | None, scope: Scope) -> tuple[KubernetesVersion, ...]:
    """The versions the control plane passes through; empty when it stays."""
    route = Reach.of(snapshot).route(target, scope)
    if route:
        need(snapshot.offered_versions)
    return route


def _level_hint(reach: Reach, scope: Scope) -> str:
    """The way on from a cluster that has all that was asked for."""
    if not reach.versions:
        return ""
    return f"To go on, leave out “only {scope}”. {reach.hint}" if scope in KEEPS_CONTROL_PLANE else reach.hint


class _Draft:
    """Phases so far, and the cluster as it will be after them."""

    def __init__(
        self, snapshot: ClusterSnapshot, policy: UpgradePolicy, scope: Scope, node_policy: NodePolicy, pins: Pins
    ) -> None:
        self.cluster = snapshot
        self.policy = policy
        self.scope = scope
        self.node_policy = node_policy
        self.pins = pins
        self.phases: list[Phase] = []
        self.addon_versions: dict[str, dict[str, AddonVersion]] = {}
        self.notes: list[str] = []
        self.came_from: KubernetesVersion | None = None
        self.with_addons = scope in (Scope.ALL, Scope.ADDONS)
        self.with_nodes = scope in (Scope.ALL, Scope.NODES)
        offers = need(snapshot.addon_offers) if self.with_addons else ()
        self.offers = AddonOffers(offers)

    @property
    def version(self) -> KubernetesVersion:
        return self.cluster.control_plane.version

    def add(self, phase_id: str, kind: PhaseKind, title: str, steps: Sequence[Step], parallelism: int = 1) -> bool:
        """Append a phase unless it has no steps. Tells whether it has any."""
        if not steps:
            return False
        phase = Phase(id=phase_id, kind=kind, title=title, parallelism=parallelism, steps=tuple(steps))
        first = all(one.kind != kind for one in self.phases)
        self.phases.append(phase.with_gate(self.policy.gates, first=first))
        self.cluster = project(self.cluster, steps)
        return True

    def move_control_plane(self, version: KubernetesVersion) -> None:
        if self.came_from:
            self.notes.append(f"From control plane {version} on, there is no way back to {self.came_from}.")  # C-30
        step = ControlPlaneStep(version=version, if_groups_must_match=self._lagging_groups())
        self.came_from = self.version
        self.add(f"control-plane@{version}", "control-plane", f"Control plane to {version}", [step])

    def bake(self, before: Literal["hop", "nodes"]) -> None:
        """Watch what the last hop of this plan reached, as long as the policy says."""
        step = bake_before(before, self.version, self.policy) if self.came_from else None
        if step:
            what = "before nodes follow" if before == "nodes" else "before the next hop"
            self.add(step.id, "bake", f"Watch {self.version} {what}", [step])

    def _lagging_groups(self) -> tuple[NodegroupStep, ...]:
        """What EKS may ask for before it moves on (C-06); approved with the plan, so only with nodes in scope."""
        if not self.with_nodes:
            return ()
        return tuple(
            self._rotation(one.group)
            for one in node_sets(self.cluster)
            if one.kind is NodeKind.MANAGED and one.group and one.oldest < self.version
        )

    # -- add-ons ----------------------------------------------------------------------------------------------------

    def bring_addons_level(self) -> None:
        """Add-ons to EKS's default for the version that the control plane is on, then look at what was reached."""
        version, changed = self.version, False
        if self.with_addons:
            phase_id = f"add-ons@{version}"
            moves = self._addon_moves(phase_id, self._level)
            for one in self_managed_addons(self.cluster):
                if one.version and one.version < version:
                    moves.append((one.addon, [self._confirm(one, version)]))
            steps = [step for _, some in sorted(moves, key=lambda move: addon_rank(move[0])) for step in some]
            autoscaler = cluster_autoscaler(self.cluster)
            if autoscaler and autoscaler.version and autoscaler.version < version:
                steps.append(self._confirm(autoscaler, version))
            changed = self.add(phase_id, "add-ons", f"Add-ons for {version}", steps)
        if changed or (self.phases and self.phases[-1].kind == "control-plane"):
            self.add(f"verify@{version}", "verify", f"Verify {version}", [VerifyStep(version=version)])

    def _level(self, addon: Addon, pinned: AddonVersion | None) -> tuple[AddonVersion, ...]:
        wanted = self.offers.wanted_on(addon.name, addon.version, self.version, pinned)
        updates = self.cluster.updates.value if isinstance(self.cluster.updates, Known) else ()
        again = (addon.version,) if left_half_done(addon, wanted, updates) else ()
        if self.offers.fit(addon.name, wanted, self.version) in KEPT_UNLISTED:
            self.notes.append(
                f"{addon.name} stays on {wanted}: EKS does not list that version for {self.version} (E-13)."
            )
        return again + self._path(addon, wanted)

    def fit_addons_for(self, target: KubernetesVersion) -> None:
        """Add-ons that may not run on ``target`` to a version that fits both, before the control plane moves (C-11)."""
        if not self.with_addons:
            return

        def fitting(addon: Addon, pinned: AddonVersion | None) -> tuple[AddonVersion, ...]:
            wanted = self.offers.wanted_for_both(addon.name, addon.version, self.version, target, pinned)
            path = self._path(addon, wanted)
            enough = next((i for i, one in enumerate(path) if target_lists(addon.name, one)), len(path))
            return path[: enough + 1]

        def target_lists(name: str, version: AddonVersion) -> bool:
            return self.offers.fit(name, version, target) is Fit.LISTED

        phase_id = f"add-ons-before@{target}"
        steps = [step for _, some in self._addon_moves(phase_id, fitting) for step in some]
        # Which version a self-managed component needs cannot be told from outside, so a person is asked before the hop.
        untold = [*self_managed_addons(self.cluster), cluster_autoscaler(self.cluster)]
        steps.extend(self._confirm(one, target) for one in untold if one and one.version is None)
        self.add(phase_id, "add-ons", f"Add-ons ready for {target}", steps)

    def _addon_moves(
        self, phase_id: str, way: Callable[[Addon, AddonVersion | None], tuple[AddonVersion, ...]]
    ) -> list[tuple[str, list[Step]]]:
        """For each add-on, in order, its steps in that phase. ``way`` gives the versions to pass through."""
        moves: list[tuple[str, list[Step]]] = []
        reached: dict[str, AddonVersion] = {}
        addons = need(self.cluster.addons)
        for addon in sorted(addons, key=lambda one: addon_rank(one.name)):
            versions = way(addon, self.pins.addon_versions.get((phase_id, addon.name)))
            reached[addon.name] = versions[-1] if versions else addon.version
            moves.append((addon.name, [AddonStep(name=addon.name, version=version) for version in versions]))
        self.addon_versions[phase_id] = reached
        return moves

    def _path(self, addon: Addon, wanted: AddonVersion) -> tuple[AddonVersion, ...]:
        pinned = self.pins.addon_steps.get(addon.name, frozenset())
        return self.offers.path(addon.name, addon.version, wanted, self.version, pinned)

    def _confirm(self, component: Component, version: KubernetesVersion) -> ConfirmStep:
        name = component.subject.partition("/")[2]
        summary = (
            f"Bring {name} to its {version} release; this program does not change it."
            if component.version
            else f"Make sure that {name} runs on {self.version} and on {version}; this program does not change it."
        )
        return ConfirmStep(
            subject=component.subject, version=version, shows=component.version is not None, summary=summary
        )

    # -- nodes ------------------------------------------------------------------------------------------------------

    def rotate_before(self, target: KubernetesVersion) -> None:
        """Rotate what the policy wants level, or what would fall out of skew, before the hop to ``target`` (C-20)."""
        sets = node_sets(self.cluster)
        too_old = [one for one in sets if target.minors_after(one.oldest) > allowed_lag(one.oldest)]
        if too_old and not self.with_nodes:
            raise PlanImpossible(
                f"The control plane cannot go to {target} while these nodes are further behind than Kubernetes "
                f"allows: {names(too_old)}.",
                f"Rotate them first (“only nodes” brings them to {self.version}), or leave out “only {self.scope}”.",
            )
        if self.with_nodes:
            lazy = self.node_policy is NodePolicy.LAZY
            behind = [one for one in sets if one.oldest < self.version]
            self._rotate([one for one in behind if not lazy or one in too_old or self._cannot_wait(one)])

    def _cannot_wait(self, one: NodeSet) -> bool:
        """A managed group whose rotation to the present version has begun (D-08), or was approved for here."""
        if one.kind is not NodeKind.MANAGED:
            return False
        return one.newest == self.version or (one.name, self.version) in self.pins.rotations

    def rotate_last(self) -> None:
        if self.with_nodes:
            self._rotate([one for one in node_sets(self.cluster) if one.oldest < self.version])

    def _rotate(self, sets: Sequence[NodeSet]) -> None:
        version = self.version
        steps: list[Step] = [
            self._rotation(one.group) if one.kind is NodeKind.MANAGED and one.group else self._confirm_rotation(one)
            for one in sets
        ]
        if steps:
            self.bake("nodes")
        if self.add(f"nodes@{version}", "nodes", f"Nodes to {version}", steps, self.policy.parallel_nodegroups):
            verify = VerifyStep(version=version, after="nodes")
            self.add(verify.id, "verify", f"Verify nodes on {version}", [verify])
            if self.came_from:
                back = f"the control plane goes back to {self.came_from} only after them"  # C-33
                self.notes.append(f"From nodes on {version} on, {back}.")

    def _rotation(self, group: Nodegroup) -> NodegroupStep:
        """The step for a managed node group, with its AMI release pinned (A-55)."""
        version = self.version
        releases = need(self.cluster.ami_releases)
        offered = next((one for one in releases if (one.version, one.ami_type) == (version, group.ami_type)), None)
        if offered is None:
            raise PlanImpossible(
                f"Node group {group.name} cannot be pinned to {version}: no AMI release of type {group.ami_type} "
                "was found for it.",
                "If EKS publishes one, allow ssm:GetParameter; if not (AL2 ends at 1.32), replace the group by one "
                "with another AMI type, or plan “only control-plane”.",
            )
        return NodegroupStep(
            name=group.name,
            version=version,
            release_version=self.pins.releases.get((group.name, version), offered.release_version),
            launch_template=group.launch_template,
        )

    def _confirm_rotation(self, one: NodeSet) -> ConfirmStep:
        summary = _HOW_TO_ROTATE[one.kind].format(name=one.name, version=self.version)
        return ConfirmStep(subject=one.subject, version=self.version, shows=True, summary=summary)
