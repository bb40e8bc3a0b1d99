"""Which nodes are replaced around a hop, and which version their successors run.

A rule for nodes of a version is about these: an old node that stays is no concern of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import LaunchTemplate
from upgrade.facts import need
from upgrade.nodes import NodeKind, NodeSet
from upgrade.objects import NodeClassRow
from upgrade.plan import AddonStep, ConfirmStep, NodegroupStep, Step
from upgrade.projection import project
from upgrade.surroundings import AutoScalingGroup, LaunchTemplateVersion
from upgrade.versions import KubernetesVersion

#: Kinds whose image the user builds: its kubelet, runtime and settings are theirs to get right (A-45, C-21).
OWN_IMAGE: Final = frozenset({NodeKind.CUSTOM_AMI, NodeKind.SELF_MANAGED, NodeKind.HYBRID})
#: Kinds that follow the control plane by themselves, whatever the plan says (C-27, C-28).
_DRIFTING: Final = frozenset({NodeKind.KARPENTER, NodeKind.AUTO_MODE})


@dataclass(frozen=True)
class Rotation:
    """Nodes that are replaced, and the version of those that come."""

    nodes: NodeSet
    version: KubernetesVersion

    @property
    def subject(self) -> str:
        return self.nodes.subject

    @property
    def name(self) -> str:
        return self.nodes.name


def rotations(
    hop: Hop, since: KubernetesVersion | None = None, kinds: Collection[NodeKind] = frozenset(NodeKind)
) -> tuple[Rotation, ...]:
    """The node sets that are replaced around this hop, each with the highest version that it gets.

    A hop answers for the rotations to its target, which come after it; the first one also for those that come before
    it. Without a plan every set may be rotated to the target.

    Args:
        since: only those that get this version or a newer one.
        kinds: only those.

    Raises:
        NotApplicable: there are none.
        FactUnknown: nodes or node groups could not be read.
    """
    if since and hop.target < since:
        raise NotApplicable
    planned = planned_rotations(hop)
    found = []
    for one in hop.node_sets:
        version = planned.get(one.subject) if hop.plan else hop.target
        if hop.moves and one.kind in _DRIFTING:
            version = hop.target
        if version and one.kind in kinds and (since is None or version >= since):
            found.append(Rotation(one, version))
    if not found:
        raise NotApplicable
    return tuple(found)


def planned_rotations(hop: Hop) -> dict[str, KubernetesVersion]:
    """The highest version that the plan gives to each node set around this hop, by the set's subject."""
    return dict(_planned(hop))


def _planned(hop: Hop) -> Iterator[tuple[str, KubernetesVersion]]:
    """Subject and version of each rotation that this hop answers for, oldest version first."""
    for _, step in hop.plan.steps() if hop.plan else ():
        found = _rotated_by(step)
        if found and (found[1] == hop.target or (hop.first and found[1] <= hop.now.control_plane.version)):
            yield found


def _rotated_by(step: Step) -> tuple[str, KubernetesVersion] | None:
    """Subject and version of what a step rotates; a confirmation of something else names no node set either."""
    if isinstance(step, NodegroupStep):
        return f"{NodeKind.MANAGED}/{step.name}", step.version
    return (step.subject, step.version) if isinstance(step, ConfirmStep) else None


def with_addons_before(hop: Hop, rotation: Rotation) -> ClusterSnapshot:
    """The cluster with the add-ons that it will have when those nodes are replaced; all else as it was read."""
    if hop.plan is None:
        return hop.now
    steps = [step for _, step in hop.plan.steps()]
    rotated = [_rotated_by(step) for step in steps]
    wanted = (rotation.subject, rotation.version)
    until = rotated.index(wanted) if wanted in rotated else len(hop.steps_before)
    return project(hop.now, (step for step in steps[:until] if isinstance(step, AddonStep)))


def own_images(hop: Hop, since: KubernetesVersion | None = None) -> tuple[Rotation, ...]:
    """The rotations to images that EKS does not build; Karpenter is among them where a class names its AMIs."""
    found = rotations(hop, since, OWN_IMAGE | {NodeKind.KARPENTER})
    pools = {one.name for one in found if one.nodes.kind is NodeKind.KARPENTER}
    pinned = {pool for pool in pools if names_its_amis(hop, pool)} if pools else set()
    kept = tuple(one for one in found if one.nodes.kind in OWN_IMAGE or one.name in pinned)
    if not kept:
        raise NotApplicable
    return kept


def names_its_amis(hop: Hop, pool: str) -> bool:
    """Whether a Karpenter pool's class selects AMIs by id, name or tags, so that they do not follow the version."""
    classes = {one.name: one for one in need(hop.now.node_classes)}
    node_class = next((classes.get(one.node_class) for one in need(hop.now.node_pools) if one.name == pool), None)
    return node_class is not None and not follows_the_version(node_class)


def follows_the_version(node_class: NodeClassRow) -> bool:
    """An alias follows the control plane even when it names a release; no selector at all means the family's newest."""
    selectors = node_class.ami_selectors
    return not selectors or any(one.startswith("alias=") for one in selectors)


# -- launch templates -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Boot:
    """How nodes that come are started: the user's own launch template of a node group or Auto Scaling group.

    Args:
        subject: such as ``nodegroup/core`` or ``autoscaling-group/workers``.
        nodes: the node set; for an Auto Scaling group nobody can tell which self-managed nodes are its own, so the
            first one stands for them.
        merged: EKS adds what joins the cluster to the user data, so the user's own part need not have it.
    """

    subject: str
    nodes: NodeSet
    version: KubernetesVersion
    template: LaunchTemplateVersion
    merged: bool


def boots(hop: Hop, since: KubernetesVersion | None = None) -> tuple[Boot, ...]:
    """The launch templates of the user's own that nodes are started from around this hop; maybe none.

    Raises as ``rotations``.
    """
    rotated = rotations(hop, since)
    templates = need(hop.now.launch_templates)
    found = []
    for one in rotated:
        group = one.nodes.group
        used = template_of(templates, group.launch_template) if group and group.launch_template else None
        if used:
            found.append(Boot(one.subject, one.nodes, one.version, used, one.nodes.kind is NodeKind.MANAGED))
    by_hand = [one for one in rotated if one.nodes.kind is NodeKind.SELF_MANAGED]
    if by_hand:
        version = max(one.version for one in by_hand)
        for asg in self_managed_groups(hop):
            used = _template_of_asg(templates, asg)
            if used:
                found.append(Boot(f"autoscaling-group/{asg.name}", by_hand[0].nodes, version, used, merged=False))
    return tuple(found)


def template_of(templates: Collection[LaunchTemplateVersion], used: LaunchTemplate) -> LaunchTemplateVersion | None:
    return _find(templates, used.id, used.version)


def self_managed_groups(hop: Hop) -> tuple[AutoScalingGroup, ...]:
    return tuple(one for one in need(hop.now.autoscaling_groups) if one.nodegroup is None)


def _template_of_asg(
    templates: Collection[LaunchTemplateVersion], asg: AutoScalingGroup
) -> LaunchTemplateVersion | None:
    return _find(templates, asg.template_id or "", asg.template_version or "$Default")


def _find(templates: Collection[LaunchTemplateVersion], template_id: str, version: str) -> LaunchTemplateVersion | None:
    """A version such as ``$Latest`` is whichever one was read for it: the newest of that template."""
    same = [one for one in templates if one.id == template_id]
    named = [one for one in same if str(one.version) == version]
    if named or version.isdecimal():
        return named[0] if named else None
    return max(same, key=lambda one: one.version, default=None)
