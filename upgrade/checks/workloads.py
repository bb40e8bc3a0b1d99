"""What runs in the cluster, before anything is changed, and whether it survives that its nodes are replaced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.data_files import read_data
from upgrade.disruption import matches
from upgrade.facts import Value, need
from upgrade.findings import Severity
from upgrade.pod_templates import READS, PodTemplate, workload_subject
from upgrade.rows import LabelRequirement, PodShape, Toleration
from upgrade.versions import KubernetesVersion
from upgrade.words import count

_COMPARED = ("Deployment", "StatefulSet", "DaemonSet")
_REPLICATED: Final = ("Deployment", "StatefulSet", "ReplicaSet")
_UPDATE_BEHAVIOR: Final = "Amazon EKS User Guide: Understand each phase of node updates"
_PRACTICES: Final = "Amazon EKS Best Practices Guide: Cluster Upgrades"
_SHOWN = 10
_HOST: Final = "kubernetes.io/hostname"
_ZONE: Final = "topology.kubernetes.io/zone"


@check(
    "WRK001",
    "Nodes are ready and workloads have the pods they want",
    rules=("A-28",),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=("list nodes", *READS),
    severity=Severity.WARNS,
)
def baseline_is_healthy(hop: Hop) -> Iterator[Problem]:
    for node in need(hop.now.nodes):
        if not node.ready and node.deletion_at is None:
            summary = f"Node {node.name} is not ready."
            yield Problem(
                f"node/{node.name}", summary, "Repair or replace it, so that it is not blamed on the upgrade."
            )
    unwell: dict[str, list[str]] = defaultdict(list)
    for row in need(hop.now.workloads):
        if row.kind in _COMPARED and row.ready < row.replicas:
            unwell[row.namespace].append(f"{row.kind}/{row.name} {row.ready} of {row.replicas}")
    for pod in need(hop.now.pods):
        if not pod.owners and pod.phase != "Succeeded" and not (pod.phase == "Running" and pod.ready):
            unwell[pod.namespace].append(f"Pod/{pod.name} {pod.phase}")
    for namespace, rows in sorted(unwell.items()):
        shown = ", ".join(sorted(rows)[:_SHOWN]) + (f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else "")
        yield Problem(
            subject=f"namespace/{namespace}",
            summary=f"In {namespace} {count(len(rows), 'workload is', 'workloads are')} not ready before anything was "
            "changed.",
            remedy="Look at them first; what is unwell now is not compared after the upgrade.",
            evidence={"not ready": shown},
        )


class UserPods(Value):
    """Pods that exist only while a person works: ``what`` they are, and how they are recognised."""

    what: str
    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()


@cache
def user_pods() -> tuple[UserPods, ...]:
    return tuple(UserPods.model_validate(entry) for entry in read_data("user_pods.yaml")["pods"])


@check(
    "WRK002",
    "Nobody works in the cluster who would be interrupted",
    rules=("A-27",),
    source="2i2c Infrastructure Guide: Upgrade Kubernetes cluster on AWS",
    permissions=("list pods",),
    severity=Severity.WARNS,
)
def nobody_is_interrupted(hop: Hop) -> Iterator[Problem]:
    counts: dict[tuple[str, str], int] = defaultdict(int)
    of_labels: dict[int, list[str]] = {}  # by id: pods of one template mostly share one object of labels
    for pod in need(hop.now.pods):
        if pod.labels and pod.phase in ("Running", "Pending"):
            labels = id(pod.labels)
            if labels not in of_labels:
                found = (one for one in user_pods() if matches(pod.labels, one.match_labels, one.match_expressions))
                of_labels[labels] = [one.what for one in found]
            for what in of_labels[labels]:
                counts[pod.namespace, what] += 1
    for (namespace, what), number in sorted(counts.items()):
        yield Problem(
            subject=f"{namespace}/{what}",
            summary=f"Open {what} in {namespace}: {number}; their users lose them when the nodes are replaced.",
            remedy="Tell the users ahead of time, or wait until nobody works there.",
        )


@check(
    "WRK003",
    "No pod tolerates every taint",
    rules=("A-62",),
    source=_UPDATE_BEHAVIOR,
    permissions=READS,
    severity=Severity.WARNS,
    stops=("nodes",),
)
def no_pod_tolerates_everything(hop: Hop) -> Iterator[Problem]:
    """Such pods go back to the node that is being emptied, so it never gets empty."""
    for one in hop.templates:
        if one.kind != "DaemonSet" and any(map(_tolerates_everything, one.shape.tolerations)):
            yield Problem(
                subject=one.subject,
                summary=f"{one.subject} tolerates every taint, so its pods return to the node that is being drained.",
                remedy="Name the taints that it must tolerate.",
                evidence=one.evidence(),
            )


@check(
    "WRK004",
    "Every replicated workload has a PodDisruptionBudget",
    rules=("A-63",),
    source=_PRACTICES,
    permissions=("list poddisruptionbudgets.policy", *READS),
    severity=Severity.WARNS,
)
def replicated_workloads_have_a_budget(hop: Hop) -> Iterator[Problem]:
    for one in hop.templates:
        row = one.row
        if row is None or row.kind not in _REPLICATED or row.replicas < 2:
            continue
        if not hop.budgets.covering(one.namespace, one.labels):
            yield Problem(
                subject=one.subject,
                summary=f"No PodDisruptionBudget covers the {row.replicas} pods of {one.subject}, so a drain may take "
                "all of them at once.",
                remedy="Give it a budget, for example minAvailable 80 %.",
                evidence=one.evidence(),
            )


@check(
    "WRK005",
    "Every workload keeps serving while one of its pods moves",
    rules=("A-64",),
    source=_PRACTICES,
    permissions=READS,
    severity=Severity.WARNS,
)
def workloads_keep_serving(hop: Hop) -> Iterator[Problem]:
    """Single replicas, no spread over hosts and zones, no readiness probe, no time to end: one finding a workload."""
    for one in hop.templates:
        row = one.row
        if row is None or row.kind not in _REPLICATED or row.replicas == 0:
            continue
        lacks = list(_lacks(one))
        if lacks:
            yield Problem(
                subject=one.subject,
                summary=f"{one.subject} {_and(lacks)}.",
                remedy="Mend it, or know that it is away while its pods move.",
                evidence=one.evidence(),
            )
        elif row.min_ready_seconds == 0:
            yield Problem(
                subject=one.subject,
                summary=f"{one.subject} counts a pod as available the moment it is ready (minReadySeconds 0).",
                remedy="Some seconds more keep a rollout from running ahead of pods that fail early.",
                evidence=one.evidence(),
                severity=Severity.INFORMS,
            )


@check(
    "WRK006",
    "Every pod belongs to a controller that makes it again",
    rules=("A-64",),
    source=_PRACTICES,
    permissions=READS,
    severity=Severity.WARNS,
)
def no_bare_pods(hop: Hop) -> Iterator[Problem]:
    for one in hop.templates:
        if one.kind == "Pod":
            yield Problem(
                subject=one.subject,
                summary=f"{one.subject} belongs to no controller: once drained, it is gone.",
                remedy="Make it part of a Deployment or Job, or start it again by hand afterwards.",
                evidence=one.evidence(),
            )


@check(
    "WRK007",
    "No spread constraint counts nodes that its pods cannot use",
    rules=("B-124-15",),
    source="Kubernetes 1.24: Urgent Upgrade Notes",
    permissions=READS,
    applies_from=KubernetesVersion(1, 24),
    applies_until=KubernetesVersion(1, 24),
    severity=Severity.INFORMS,
)
def spread_counts_usable_nodes(hop: Hop) -> Iterator[Problem]:
    for one in hop.templates:
        narrowed = one.shape.node_terms or one.shape.node_selector
        if narrowed and any(rule.hard for rule in one.shape.spread):
            yield Problem(
                subject=one.subject,
                summary=f"From 1.24 on the spread of {one.subject} no longer counts nodes that its node affinity "
                "rules out, so its pods may land elsewhere.",
                remedy="Look whether its zones still suit it.",
                evidence=one.evidence(),
            )


@check(
    "WRK008",
    "No CronJob has its time zone in the schedule",
    rules=("B-129-04",),
    source="Kubernetes 1.29: Urgent Upgrade Notes",
    permissions=("list cronjobs.batch",),
    applies_from=KubernetesVersion(1, 29),
    severity=Severity.WARNS,
)
def no_time_zone_in_schedules(hop: Hop) -> Iterator[Problem]:
    crons = [row for row in need(hop.now.workloads) if row.kind == "CronJob"]
    if not crons:
        raise NotApplicable
    for row in crons:
        if row.schedule.startswith(("TZ=", "CRON_TZ=")):
            yield Problem(
                subject=workload_subject(row),
                summary=f"The schedule {row.schedule!r} names a time zone; from 1.29 on it cannot be created again.",
                remedy="Move the zone to spec.timeZone.",
            )


def _tolerates_everything(one: Toleration) -> bool:
    return one.operator == "Exists" and not one.key and one.effect in ("", "NoSchedule")


def _lacks(one: PodTemplate) -> Iterator[str]:
    assert one.row
    if one.row.replicas == 1:
        yield "has a single replica"
    elif not _spreads(one.shape):
        yield "does not spread its pods over hosts and zones"
    if not one.shape.probed:
        yield "has containers without a readiness probe"
    if one.kind == "StatefulSet" and one.shape.grace_seconds == 0:
        yield "gives its pods no time to end (terminationGracePeriodSeconds 0)"


def _spreads(shape: PodShape) -> bool:
    """By a spread constraint or anti-affinity over hosts or zones; a preferred one is not read in detail."""
    keys = {rule.topology_key for rule in shape.spread} | {term.topology_key for term in shape.apart}
    return shape.prefers_apart or bool(keys & {_HOST, _ZONE})


def _and(parts: list[str]) -> str:
    return " and ".join((", ".join(parts[:-1]), parts[-1])) if len(parts) > 1 else parts[0]
