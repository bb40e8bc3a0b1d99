"""Managed node groups, and what keeps their nodes from draining."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.checks.rotations import boots, rotations, self_managed_groups, template_of
from upgrade.disruption import evictable
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.nodes import NodeKind
from upgrade.plan import NodegroupStep, NodePolicy
from upgrade.remedies import explain_update_error
from upgrade.rows import PdbRow, PodRow
from upgrade.words import count

_UPDATE_BEHAVIOR = "Amazon EKS User Guide: Understand each phase of node updates"
_SHOWN = 5
_GROUPS: Final = ("eks:ListNodegroups", "eks:DescribeNodegroup")
_NODES: Final = ("list nodes", *_GROUPS)
_TEMPLATES: Final = ("ec2:DescribeLaunchTemplateVersions", "autoscaling:DescribeAutoScalingGroups")
_MANAGED: Final = frozenset({NodeKind.MANAGED, NodeKind.CUSTOM_AMI})
_DO_NOT_DISRUPT: Final = ("karpenter.sh/do-not-disrupt", "karpenter.sh/do-not-evict")
_SAFE_TO_EVICT: Final = "cluster-autoscaler.kubernetes.io/safe-to-evict"


@check(
    "NDG001",
    "Every managed node group is active and healthy",
    rules=("A-42", "D-20"),
    source=_UPDATE_BEHAVIOR,
    permissions=_GROUPS,
    waivable=True,
    stops=("nodes",),
)
def nodegroups_are_healthy(hop: Hop) -> Iterator[Problem]:
    severity = Severity.BLOCKS if hop.has_phase(["nodes"]) else Severity.WARNS
    own = {one.subject.name for one in need(hop.now.updates) if one.id in hop.own_updates} if hop.own_updates else ()
    for group in need(hop.now.nodegroups):
        subject = f"nodegroup/{group.name}"
        for issue in group.issues:
            remedy = explain_update_error(issue.code, "nodegroup")
            evidence = {"message": issue.message, "resources": ", ".join(issue.resource_ids)}
            yield Problem(
                subject=subject,
                summary=f"Node group {group.name} reports {issue.code}: {remedy.meaning}",
                remedy=remedy.action,
                evidence={name: text for name, text in evidence.items() if text},
                severity=severity,
            )
        under_way = group.status == "UPDATING" and group.name in own
        if group.status != "ACTIVE" and not group.issues and not under_way:
            yield Problem(
                subject=subject,
                summary=f"Node group {group.name} is {group.status}, not ACTIVE.",
                remedy="Wait until it is ACTIVE, or repair it, before its nodes are rotated.",
                severity=severity,
            )


@check(
    "NDG002",
    "Managed node groups are on the control plane's version before it moves",
    rules=("C-05", "C-06"),
    source="Amazon EKS User Guide: Update existing cluster to new Kubernetes version",
    permissions=_NODES,
    waivable=True,
    severity=Severity.WARNS,
    stops=("control-plane",),
    phases=("control-plane",),
)
def nodegroups_are_level(hop: Hop) -> Iterator[Problem]:
    """A lag that the policy itself makes is no finding: only one that was there before, or that the policy forbids."""
    strict = must_match(hop)
    if not (hop.first or strict):
        raise NotApplicable
    for one in hop.node_sets_before:
        if one.group and one.oldest < hop.current:
            yield Problem(
                subject=one.subject,
                summary=f"Node group {one.name} is on {one.oldest}, the control plane on {hop.current}; "
                "EKS may refuse to move on before they are level.",
                remedy=f"Rotate it to {hop.current} first.",
                severity=Severity.BLOCKS if strict else None,
            )


def must_match(hop: Hop) -> bool:
    """Whether the plan's node policy wants nodes level with the control plane before it moves (X2)."""
    return hop.plan is not None and hop.plan.node_policy is NodePolicy.MATCH_FIRST


@check(
    "NDG003",
    "Every subnet of a node group that is rotated exists",
    rules=("D-26",),
    source="Amazon EKS API Reference: Issue",
    permissions=(*_GROUPS, "ec2:DescribeSubnets"),
    stops=("nodes",),
)
def nodegroup_subnets_exist(hop: Hop) -> Iterator[Problem]:
    rotated = rotations(hop, kinds=_MANAGED)
    there = {one.id for one in need(hop.now.vpc_subnets)}
    for one in rotated:
        gone = [subnet for subnet in one.nodes.group.subnet_ids if subnet not in there] if one.nodes.group else []
        if gone:
            yield Problem(
                subject=one.subject,
                summary=f"Node group {one.name} has subnets that do not exist: {', '.join(gone)}.",
                remedy="Create the node group again in subnets that exist.",
            )


@check(
    "NDG004",
    "No launch template has a change that waits for the next rotation",
    rules=("A-44",),
    source="Amazon EKS User Guide: Customize managed nodes with launch templates",
    permissions=(*_GROUPS, *_TEMPLATES),
    severity=Severity.WARNS,
    stops=("nodes",),
)
def launch_templates_have_no_pending_change(hop: Hop) -> Iterator[Problem]:
    remedy = "Apply the newer version before the upgrade, or leave it until after: one change at a time."
    for boot in boots(hop):
        # With a custom AMI the newer version is what the rotation waits for (NDG005).
        if boot.nodes.kind is NodeKind.CUSTOM_AMI or boot.template.version >= boot.template.latest:
            continue
        yield Problem(
            subject=boot.subject,
            summary=f"{boot.subject} uses version {boot.template.version} of launch template "
            f"{boot.template.name or boot.template.id}, which is at {boot.template.latest}.",
            remedy=remedy,
        )
    for asg in self_managed_groups(hop):
        if len(set(asg.template_versions)) > 1:
            yield Problem(
                subject=f"autoscaling-group/{asg.name}",
                summary=f"Instances of {asg.name} were made from several versions of its launch template: "
                f"{', '.join(sorted(set(asg.template_versions)))}.",
                remedy="Bring them to one version before the upgrade.",
            )


@check(
    "NDG005",
    "Node groups with a custom AMI have a launch template version to be rotated to",
    rules=("A-45", "C-21"),
    source="Amazon EKS API Reference: UpdateNodegroupVersion",
    permissions=(*_GROUPS, *_TEMPLATES),
    waivable=True,
    stops=("nodes",),
)
def custom_amis_are_prepared(hop: Hop) -> Iterator[Problem]:
    rotated = rotations(hop, kinds={NodeKind.CUSTOM_AMI})
    templates = need(hop.now.launch_templates)
    for one in rotated:
        # Nodes that are on it already show that somebody rotates it now.
        if one.nodes.group is None or one.nodes.newest >= one.version:
            continue
        used = one.nodes.group.launch_template
        found = template_of(templates, used) if used else None
        remedy = f"Build an AMI for {one.version} and make a launch template version with it."
        if found is None:
            summary = f"Nobody can tell whether node group {one.name} has a launch template version for {one.version}."
            yield Problem(one.subject, summary, remedy, unknown=True)
        elif found.latest <= found.version:
            summary = f"Node group {one.name} has a custom AMI and no newer launch template version to go to."
            yield Problem(
                one.subject, summary, remedy, {"launch template": f"{found.name or found.id} {found.version}"}
            )


@check(
    "NDG006",
    "Self-managed nodes are on the control plane's version",
    rules=("A-51",),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=(*_NODES, "autoscaling:DescribeAutoScalingGroups"),
    severity=Severity.WARNS,
    phases=("control-plane",),
)
def self_managed_nodes_are_level(hop: Hop) -> Iterator[Problem]:
    if not (hop.first or must_match(hop)):
        raise NotApplicable
    groups = [one.name for one in self_managed_groups(hop)]
    for one in hop.node_sets_before:
        if one.kind is NodeKind.SELF_MANAGED and one.oldest < hop.current:
            yield Problem(
                subject=one.subject,
                summary=f"Self-managed nodes of {one.name} run {one.oldest}, the control plane {hop.current}.",
                remedy=f"Replace them by a group on {hop.current}: create it, taint and drain the old one, delete it.",
                evidence={"Auto Scaling groups": ", ".join(groups)} if groups else {},
            )


@check(
    "NDG007",
    "Node groups that stay run the newest AMI of their version",
    rules=("A-55", "C-23"),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=(*_GROUPS, "ssm:GetParameter"),
    severity=Severity.INFORMS,
)
def images_are_current(hop: Hop) -> Iterator[Problem]:
    if not hop.first:
        raise NotApplicable
    newest = {(one.version, one.ami_type): one.release_version for one in need(hop.now.ami_releases)}
    replaced = {step.name for _, step in hop.plan.steps() if isinstance(step, NodegroupStep)} if hop.plan else set()
    for group in need(hop.now.nodegroups):
        release = newest.get((group.version, group.ami_type))
        if group.name not in replaced and release and group.release_version not in ("", release):
            yield Problem(
                subject=f"nodegroup/{group.name}",
                summary=f"Node group {group.name} stays on AMI release {group.release_version}; {release} is out.",
                remedy=f"Update it to the newest release of {group.version} for its security fixes.",
            )


@check(
    "NDG008",
    "No pod or node that is rotated asks not to be disrupted",
    rules=("A-65",),
    source="Karpenter: Disruption",
    permissions=(*_NODES, "list pods"),
    severity=Severity.WARNS,
    stops=("nodes",),
)
def nobody_asks_not_to_be_disrupted(hop: Hop) -> Iterator[Problem]:
    """Karpenter and Auto Mode wait for such pods; EKS evicts them from a node group, which their owner did not want."""
    rotated: set[str] = set()
    for one in rotations(hop):
        rotated.update(node.name for node in one.nodes.nodes)
        held = [node.name for node in one.nodes.nodes if _unwilling(node.annotations)]
        if held:
            yield Problem(
                subject=one.subject,
                summary=f"In {one.name} {count(len(held), 'node is', 'nodes are')} annotated as not to be disrupted.",
                remedy="Agree with their owner on a time, then take the annotation off.",
                evidence={"nodes": ", ".join(held[:_SHOWN])},
            )
    unwilling: dict[str, list[PodRow]] = defaultdict(list)
    for pod in need(hop.now.pods):
        if pod.annotations and pod.node in rotated and evictable(pod) and _unwilling(pod.annotations):
            unwilling[pod.namespace].append(pod)
    for namespace, pods in sorted(unwilling.items()):
        yield Problem(
            subject=f"namespace/{namespace}",
            summary=f"In {namespace} {count(len(pods), 'pod is', 'pods are')} annotated as not to be disrupted, on "
            "nodes that are rotated.",
            remedy="Agree with their owner on a time: Karpenter and Auto Mode wait for them, a node group does not.",
            evidence={"pods": ", ".join(pod.name for pod in pods[:_SHOWN])},
        )


def _unwilling(annotations: Mapping[str, str]) -> bool:
    return (
        any(annotations.get(name, "false") != "false" for name in _DO_NOT_DISRUPT)
        or annotations.get(_SAFE_TO_EVICT) == "false"
    )


@check(
    "PDB001",
    "Every PodDisruptionBudget allows an eviction",
    rules=("A-60", "D-03"),
    source=_UPDATE_BEHAVIOR,
    permissions=("list poddisruptionbudgets",),
    waivable=True,
    stops=("nodes",),
    phases=("nodes",),
)
def budgets_allow_an_eviction(hop: Hop) -> Iterator[Problem]:
    for pdb in need(hop.now.pdbs):
        if pdb.expected_pods == 0:
            continue
        never = _never_allows(pdb)
        if never:
            pods = "1 pod" if pdb.expected_pods == 1 else f"{pdb.expected_pods} pods"
            summary = f"{pdb.namespace}/{pdb.name} never allows an eviction: {never} with {pods}."
            remedy = "Loosen the budget or run more pods than it demands."
        elif pdb.disruptions_allowed == 0:
            summary = f"{pdb.namespace}/{pdb.name} allows no eviction now."
            remedy = "Get its pods ready again, run more of them, or loosen the budget."
        else:
            continue
        yield Problem(
            subject=f"{pdb.namespace}/PodDisruptionBudget/{pdb.name}",
            summary=summary,
            remedy=remedy,
            evidence={
                "pods": f"{pdb.current_healthy} healthy of {pdb.expected_pods}, {pdb.desired_healthy} demanded",
                "disruptions allowed": str(pdb.disruptions_allowed),
            },
        )


@check(
    "PDB002",
    "No pod is covered by more than one PodDisruptionBudget",
    rules=("A-61",),
    source=_UPDATE_BEHAVIOR,
    permissions=("list poddisruptionbudgets", "list pods"),
    waivable=True,
    stops=("nodes",),
    phases=("nodes",),
)
def pods_have_one_budget(hop: Hop) -> Iterator[Problem]:
    crowded: dict[tuple[str, tuple[str, ...]], list[PodRow]] = defaultdict(list)
    for pod in need(hop.now.pods):
        covering = hop.budgets.covering(pod.namespace, pod.labels)
        if len(covering) > 1 and evictable(pod):
            crowded[pod.namespace, tuple(sorted(pdb.name for pdb in covering))].append(pod)
    for (namespace, names), pods in crowded.items():
        yield Problem(
            subject=f"{namespace}/PodDisruptionBudget/{'+'.join(names)}",
            summary=f"{len(pods)} pods in {namespace} are covered by {len(names)} budgets at once, "
            f"so every eviction of them fails: {', '.join(names)}.",
            remedy="Keep one budget for these pods: delete the others or narrow their selectors.",
            evidence={"pods": ", ".join(pod.name for pod in pods[:_SHOWN])},
        )


def _never_allows(pdb: PdbRow) -> str:
    """The setting by which a budget forbids every eviction, whatever the state of its pods; empty if none does."""
    if str(pdb.max_unavailable) in ("0", "0%"):
        return f"maxUnavailable {pdb.max_unavailable}"
    demanded = pdb.min_available
    if demanded == "100%" or (isinstance(demanded, int) and demanded >= pdb.expected_pods):
        return f"minAvailable {demanded}"
    return ""
