"""Drain simulation: node by node in the planned order, can every pod leave and land?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from math import ceil
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.disruption import evictable
from upgrade.drain import Cause, Stuck, simulate_drains
from upgrade.drain.patience import PATIENCE, Slow, slow_drains
from upgrade.drain.places import Obstacle
from upgrade.drain.terms import asks_for_namespace_labels
from upgrade.facts import Known, need
from upgrade.findings import Severity
from upgrade.nodes import NodeKind, NodeSet
from upgrade.owner import owner_of
from upgrade.plan import ConfirmStep, NodegroupStep
from upgrade.rows import PodRow
from upgrade.words import count

_BEHAVIOR: Final = "Amazon EKS User Guide: Understand each phase of node updates"
_SCHEDULING: Final = "Kubernetes: Assigning Pods to Nodes"
_SHOWN: Final = 5
_LEAST: Final = "Landed pods are taken for ready at once and the surge for staying, so more may get stuck."
_LACKS: Final = {
    Obstacle.SELECTOR: "no node has the labels that its nodeSelector demands",
    Obstacle.AFFINITY: "no node fulfils its node affinity",
    Obstacle.TAINT: "no node is without a taint that it does not tolerate",
    Obstacle.VOLUME_ZONE: "no node is in the zone of its volume",
    Obstacle.TOGETHER: "no node is near the pods that its affinity demands",
    Obstacle.APART: "no node is free of the pods that its anti-affinity keeps away from",
    Obstacle.REFUSED: "every node is near pods whose anti-affinity keeps it away",
    Obstacle.SPREAD: "no node keeps its topology spread even",
    Obstacle.PORTS: "no node has its host port free",
    Obstacle.ROOM: "no node has room for what it requests",
}
_REMEDIES: Final = {
    Obstacle.SELECTOR: "Give the node group that label (new nodes do not get what was set by hand), or loosen the "
    "selector.",
    Obstacle.AFFINITY: "Give nodes the labels that the affinity asks for, or loosen it.",
    Obstacle.TAINT: "Add the toleration, or nodes without the taint.",
    Obstacle.VOLUME_ZONE: "Let the node group have a node in the volume's zone, or move the data.",
    Obstacle.TOGETHER: "Make the affinity preferred instead of required.",
    Obstacle.APART: "Make the anti-affinity preferred, or let the node group grow by one node.",
    Obstacle.REFUSED: "Make the anti-affinity of those pods preferred, or let the node group grow by one node.",
    Obstacle.SPREAD: "Set whenUnsatisfiable to ScheduleAnyway, or let the node group grow.",
    Obstacle.PORTS: "Let the node group grow by one node, or drop the host port.",
    Obstacle.ROOM: "Let the node group grow, or lower the requests.",
}


@check(
    "DRN001",
    "Every pod on a node that is rotated can leave and has somewhere to go",
    rules=("A-60", "A-64", "D-03"),
    source=f"{_BEHAVIOR}; {_SCHEDULING}",
    permissions=(
        "list pods",
        "list nodes",
        "list poddisruptionbudgets.policy",
        "list persistentvolumeclaims",
        "list persistentvolumes",
    ),
    waivable=True,
    stops=("nodes",),
    phases=("nodes",),
)
def pods_leave_and_land(hop: Hop) -> Iterator[Problem]:
    """The nodes are drained one after the other in the planned order, on paper, with new nodes as EKS brings them up.

    What a budget holds from the first is told by PDB001 and PDB002; here it is what gets stuck on the way. It is the
    least that may happen: landed pods are taken for ready at once, and the surge for staying until the end.

    Pods that may take longer to leave a node than the 15 minutes for which EKS waits are a warning: by their grace
    period alone, or one after the other as their budget allows. That is the most that may happen.
    """
    grouped: dict[tuple[str, str, Cause, Obstacle | None], list[Stuck]] = defaultdict(list)
    for stuck in simulate_drains(hop.now, _rotated(hop)):
        if stuck.cause in (Cause.NOWHERE, Cause.USED_UP):
            subject = _workload_of(hop, stuck.pod)
            grouped[subject, stuck.group, stuck.cause, stuck.obstacle].append(stuck)
    for (subject, group, cause, obstacle), several in grouped.items():
        yield _stuck(subject, group, cause, obstacle, several)
    yield from _slow(hop)
    yield from _assumed(hop)


def _slow(hop: Hop) -> Iterator[Problem]:
    """What may take longer than EKS waits, the worst of each workload and node group."""
    worst: dict[tuple[str, str], Slow] = {}
    for one in slow_drains(hop.now, _rotated(hop)):
        key = (_workload_of(hop, one.pods[0]), one.group)
        if key not in worst or worst[key].takes < one.takes:
            worst[key] = one
    for (subject, group), one in worst.items():
        minutes = ceil(one.takes / timedelta(minutes=1))
        pods, budget = count(len(one.pods), "pod"), one.budget
        why = f", {budget.disruptions_allowed} at a time as {budget.namespace}/{budget.name} allows" if budget else ""
        names = ", ".join(pod.name for pod in one.pods[:_SHOWN])
        evidence = {"pods": f"{names} on {one.node}", "owner": owner_of(one.pods[0].labels)}
        yield Problem(
            subject=subject,
            summary=f"{pods} of {subject} may take {minutes} minutes to leave {one.node}{why}; when {group} is rotated "
            f"EKS waits {PATIENCE // timedelta(minutes=1)}, and then the update fails.",
            remedy="Let the budget allow more at a time, or spread the pods over more nodes."
            if budget
            else "Shorten terminationGracePeriodSeconds, or end these pods before the rotation.",
            evidence={k: v for k, v in evidence.items() if v},
            severity=Severity.WARNS,
        )


def _assumed(hop: Hop) -> Iterator[Problem]:
    """What the simulation took for granted because it could not be read: it invents no blocker."""
    namespaces = hop.now.namespaces
    if isinstance(namespaces, Known):
        return
    about = dict.fromkeys(_workload_of(hop, pod) for pod, _ in _leaving(hop) if asks_for_namespace_labels(pod.shape))
    if about:
        why = namespaces.reason.rstrip(".")
        yield Problem(
            subject="namespaces",
            summary=f"Pod affinities with a namespaceSelector were taken for fulfilled: {why}.",
            remedy=f"Allow {namespaces.permission} and check again." if namespaces.permission else "Check again.",
            evidence={"pods of": ", ".join(list(about)[:_SHOWN])},
            severity=Severity.INFORMS,
            unknown=True,
            permission=namespaces.permission,
        )


def _stuck(subject: str, group: str, cause: Cause, obstacle: Obstacle | None, several: list[Stuck]) -> Problem:
    budget = next((f"{pdb.namespace}/{pdb.name}" for one in several for pdb in one.budgets), "")
    pods = count(len(several), "pod")
    if cause is Cause.USED_UP:
        summary = f"{pods} of {subject} cannot leave {group}: {budget} is used up by pods that have nowhere to go."
        remedy = "Cure what keeps the others from landing."
    else:
        why = _LACKS[obstacle] if obstacle else "no node is open"
        summary = f"{pods} of {subject} would have nowhere to go when {group} is rotated: {why}."
        remedy = _REMEDIES[obstacle] if obstacle else "Let another node group be open while this one is rotated."
    evidence = {
        "pods": ", ".join(f"{one.pod.name} on {one.node}" for one in several[:_SHOWN]),
        "owner": owner_of(several[0].pod.labels),
        "budget": budget,
        "at least": _LEAST,
    }
    # An autoscaler may make room; nobody makes a label, a zone or a port.
    roomy = cause is Cause.NOWHERE and obstacle is Obstacle.ROOM
    severity = Severity.WARNS if roomy else Severity.BLOCKS
    return Problem(subject, summary, remedy, {k: v for k, v in evidence.items() if v}, severity)


@check(
    "DRN002",
    "No pod is lost when its node is drained",
    rules=("A-64",),
    source=_BEHAVIOR,
    permissions=("list pods", "list nodes"),
    severity=Severity.WARNS,
    phases=("nodes",),
)
def no_bare_pod_is_lost(hop: Hop) -> Iterator[Problem]:
    for pod, node in _leaving(hop):
        if not pod.owners:
            yield Problem(
                subject=f"{pod.namespace}/Pod/{pod.name}",
                summary=f"{pod.namespace}/{pod.name} has no controller: draining {node} deletes it for good.",
                remedy="Put it under a Deployment, or save it and create it again afterwards.",
                evidence={"owner": owner} if (owner := owner_of(pod.labels)) else {},
            )


@check(
    "DRN003",
    "No pod keeps data on a node that is rotated",
    rules=("A-64",),
    source="Kubernetes: Volumes (emptyDir, local)",
    permissions=("list pods", "list nodes"),
    severity=Severity.INFORMS,
    phases=("nodes",),
)
def no_data_is_left_on_nodes(hop: Hop) -> Iterator[Problem]:
    """Deployments use emptyDir for scratch; a StatefulSet or a bare pod may mean it."""
    seen: set[str] = set()
    for pod, _ in _leaving(hop):
        keeps = sorted({use.kind for use in pod.shape.volumes if use.kind in ("emptyDir", "hostPath")})
        if not keeps or not any(owner.kind == "StatefulSet" for owner in pod.owners):
            continue
        subject = _workload_of(hop, pod)
        if subject not in seen:
            seen.add(subject)
            yield Problem(
                subject=subject,
                summary=f"{subject} has {' and '.join(keeps)} volumes: what is in them stays behind on the old node.",
                remedy="Make sure that nothing in them is needed after the drain.",
            )


def _leaving(hop: Hop) -> Iterator[tuple[PodRow, str]]:
    """The pods that the planned drains evict, with their nodes."""
    nodes = {node.name for one in _rotated(hop) for node in one.nodes}
    for pod in need(hop.now.pods):
        if pod.node in nodes and evictable(pod):
            yield pod, pod.node


def _rotated(hop: Hop) -> tuple[NodeSet, ...]:
    """The node sets that the plan rotates, in its order, each once; without a plan all of them.

    Raises NotApplicable but at the first hop: the drains of the whole plan are simulated at once.
    """
    if not hop.first:
        raise NotApplicable
    sets = {one.subject: one for one in hop.node_sets}
    if hop.plan is None:
        return tuple(sets.values())
    order = dict.fromkeys(
        subject for _, step in hop.plan.steps() if (subject := _subject_of(step)) is not None and subject in sets
    )
    return tuple(sets[subject] for subject in order)


def _subject_of(step: object) -> str | None:
    if isinstance(step, NodegroupStep):
        return f"{NodeKind.MANAGED}/{step.name}"
    return step.subject if isinstance(step, ConfirmStep) else None


def _workload_of(hop: Hop, pod: PodRow) -> str:
    """``namespace/Kind/name`` of what a pod belongs to; a ReplicaSet's pods belong to its Deployment."""
    if not pod.owners:
        return f"{pod.namespace}/Pod/{pod.name}"
    owner = pod.owners[0]
    if owner.kind == "ReplicaSet":
        deployment = owner.name.rpartition("-")[0]
        if any(
            row.kind == "Deployment" and row.namespace == pod.namespace and row.name == deployment
            for row in need(hop.now.workloads)
        ):
            return f"{pod.namespace}/Deployment/{deployment}"
    return f"{pod.namespace}/{owner.kind}/{owner.name}"
