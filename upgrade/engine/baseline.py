"""Which workloads were well at the start, and which are worse now (A-28). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from upgrade.rows import NamespaceRow, WorkloadRow

#: People mark a namespace with this label when a worse workload in it must pause the run.
CRITICAL_LABEL = "eks-upgrade-bot/critical"
_COMPARED = ("Deployment", "StatefulSet", "DaemonSet")


def workload_key(row: WorkloadRow) -> str:
    return f"{row.kind}/{row.namespace}/{row.name}"


def ready_workloads(workloads: Iterable[WorkloadRow]) -> tuple[str, ...]:
    """Workloads with all their replicas ready, as ``kind/namespace/name``.

    Compared by owner: ReplicaSets and pods belong to a Deployment or stand for themselves; Jobs come and go.
    """
    return tuple(
        sorted(
            workload_key(row)
            for row in workloads
            if row.kind in _COMPARED or (row.kind == "ReplicaSet" and not row.owners)
            if row.replicas > 0 and row.ready >= row.replicas
        )
    )


def unready_now(baseline: Collection[str], workloads: Iterable[WorkloadRow]) -> tuple[WorkloadRow, ...]:
    """Workloads that were ready at the baseline and are not now.

    A replica count that somebody or an autoscaler changed is no worsening, nor is a workload that was deleted.
    """
    wanted = set(baseline)
    return tuple(row for row in workloads if workload_key(row) in wanted and row.ready < row.replicas)


def critical_namespaces(namespaces: Iterable[NamespaceRow]) -> frozenset[str]:
    """Namespaces whose worse workloads pause the run."""
    labelled = {row.name for row in namespaces if row.labels.get(CRITICAL_LABEL) == "true"}
    return frozenset({"kube-system", *labelled})
