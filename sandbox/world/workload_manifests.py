"""Kubernetes objects for the workloads of a scenario."""

from __future__ import annotations

from sandbox.scenario import BudgetSpec, WorkloadSpec
from sandbox.world import manifests
from sandbox.world.objects import (
    AUTOSCALERS,
    BUDGETS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    SERVICES,
    STATEFUL_SETS,
    Json,
    Resource,
)

SERVING = ("Deployment", "StatefulSet")
"""Kinds whose pods answer somebody: they say when they are ready, and are spread over hosts and zones."""


def workload_objects(spec: WorkloadSpec) -> list[tuple[Resource, Json]]:
    """The workload with its budgets, service and autoscaler. A bare Pod comes as its template."""
    labels = {"app": spec.name}
    template = _template(spec, labels)
    objects: list[tuple[Resource, Json]] = [_runner(spec, labels, template)]
    for budget, name in ((spec.pdb, spec.name), (spec.second_pdb, f"{spec.name}-second")):
        if budget is not None:
            objects.append((BUDGETS, _budget(spec, budget, labels, name)))
    if spec.service:
        address = 3 + manifests.hash_text(f"{spec.namespace}/{spec.name}") % 60_000
        cluster_ip = f"172.20.{1 + address // 256}.{address % 256}"
        service = manifests.service(spec.name, spec.namespace, labels, [("http", 8080)], cluster_ip)
        objects.append((SERVICES, service))
    if spec.autoscaled:
        objects.append((AUTOSCALERS, _autoscaler(spec)))
    return objects


def _template(spec: WorkloadSpec, labels: dict[str, str]) -> Json:
    annotations = {}
    if spec.never_ready:
        annotations[manifests.NEVER_READY] = "true"
    if spec.kind == "Job":
        annotations[manifests.RUNS_MINUTES] = str(spec.duration_minutes)
    everything: list[Json] = [{"operator": "Exists"}]
    named: list[Json] = [{"key": key, "operator": "Exists"} for key in spec.tolerates]
    return manifests.template(
        labels,
        [manifests.container("app", spec.image, probed=spec.kind in SERVING)],
        grace_seconds=spec.grace_seconds,
        node_selector=dict(spec.node_selector),
        annotations=annotations,
        tolerations=everything if "*" in spec.tolerates else named,
        one_per_node=spec.one_per_node,
        spread=spec.kind in SERVING,
        restart_policy="Never" if spec.kind == "Job" else "Always",
    )


def _runner(spec: WorkloadSpec, labels: dict[str, str], template: Json) -> tuple[Resource, Json]:
    if spec.kind == "Pod":
        return PODS, template
    selector = {"matchLabels": labels}
    if spec.kind == "Deployment":
        resource, body = DEPLOYMENTS, manifests.deployment_spec(spec.replicas, labels, template)
    elif spec.kind == "StatefulSet":
        resource, body = STATEFUL_SETS, manifests.stateful_set_spec(spec.name, spec.replicas, labels, template)
    elif spec.kind == "DaemonSet":
        resource, body = DAEMON_SETS, manifests.daemon_set_spec(labels, template)
    else:
        counts = {"completions": spec.replicas, "parallelism": spec.replicas, "backoffLimit": 6}
        resource, body = JOBS, {**counts, "selector": selector, "template": template}
    return resource, manifests.workload(spec.name, spec.namespace, body, labels=labels)


def _budget(spec: WorkloadSpec, budget: BudgetSpec, labels: dict[str, str], name: str) -> Json:
    return manifests.budget(
        budget.name or name,
        spec.namespace,
        labels,
        min_available=budget.min_available,
        max_unavailable=budget.max_unavailable,
    )


def _autoscaler(spec: WorkloadSpec) -> Json:
    target = {"apiVersion": "apps/v1", "kind": spec.kind, "name": spec.name}
    return {
        "metadata": {"name": spec.name, "namespace": spec.namespace},
        "spec": {"scaleTargetRef": target, "minReplicas": 1, "maxReplicas": max(2, 3 * spec.replicas), "metrics": []},
        "status": {"currentReplicas": spec.replicas, "desiredReplicas": spec.replicas, "currentMetrics": []},
    }
