"""Every pod template of a cluster, once: of its workloads, and of the pods that no workload of ours explains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from upgrade.cluster import ClusterSnapshot
from upgrade.facts import need
from upgrade.owner import owner_evidence
from upgrade.rows import PodRow, PodShape, WorkloadRow

#: What reading them takes.
READS: Final = (
    "list pods",
    "list deployments.apps",
    "list statefulsets.apps",
    "list daemonsets.apps",
    "list replicasets.apps",
    "list jobs.batch",
    "list cronjobs.batch",
)
#: Owners whose template is listed with the workloads; Node owns the static pods, which are no template of anybody.
_EXPLAINED: Final = frozenset({"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "CronJob", "Node"})
_ENDED: Final = ("Succeeded", "Failed")


@dataclass(frozen=True)
class PodTemplate:
    """What pods of one kind are made from.

    Args:
        subject: ``namespace/Kind/name``; the kind is Pod for a bare pod, and the owner's for pods of an operator.
        images: of its containers.
        row: its workload; None for bare pods and for those of an operator.
    """

    subject: str
    namespace: str
    kind: str
    shape: PodShape
    images: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    object_labels: Mapping[str, str]
    row: WorkloadRow | None = None

    def evidence(self, **more: str) -> dict[str, str]:
        """Evidence for a finding: whose it is, and more."""
        return owner_evidence(self.object_labels, self.labels) | {name: text for name, text in more.items() if text}


def pod_templates(snapshot: ClusterSnapshot) -> tuple[PodTemplate, ...]:
    """The pod templates of all workloads, then of pods that stand alone or belong to an operator.

    A workload that another one owns (a Deployment's ReplicaSet, a CronJob's Job) is left out: the owner's template is
    the one to mend. So is a Job that has ended. Raises FactUnknown.
    """
    workloads = need(snapshot.workloads)
    return (*_of_workloads(workloads), *_of_pods(need(snapshot.pods)))


def workload_subject(row: WorkloadRow) -> str:
    return f"{row.namespace}/{row.kind}/{row.name}"


def _of_workloads(rows: tuple[WorkloadRow, ...]) -> Iterator[PodTemplate]:
    for row in rows:
        if any(owner.kind in _EXPLAINED for owner in row.owners) or _has_ended(row):
            continue
        yield PodTemplate(
            subject=workload_subject(row),
            namespace=row.namespace,
            kind=row.kind,
            shape=row.shape,
            images=row.shape.images or row.images,
            labels=row.template_labels or row.selector,
            annotations=row.template_annotations,
            object_labels=row.labels,
            row=row,
        )


def _of_pods(pods: tuple[PodRow, ...]) -> Iterator[PodTemplate]:
    seen: set[tuple[str, str, str]] = set()
    for pod in pods:
        if pod.owners:
            owner = pod.owners[0]
            if owner.kind in _EXPLAINED:
                continue
            kind, name = owner.kind, owner.name
        else:
            kind, name = "Pod", pod.name
        key = (pod.namespace, kind, name)
        if pod.phase in _ENDED or key in seen:
            continue
        seen.add(key)
        yield PodTemplate(
            subject=f"{pod.namespace}/{kind}/{name}",
            namespace=pod.namespace,
            kind=kind,
            shape=pod.shape,
            images=pod.shape.images,
            labels=pod.labels,
            annotations=pod.annotations,
            object_labels=pod.labels,
        )


def _has_ended(row: WorkloadRow) -> bool:
    return row.kind == "Job" and row.ready == 0 and row.available >= max(row.replicas, 1)
