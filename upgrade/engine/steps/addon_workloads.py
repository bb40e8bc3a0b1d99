"""Whether the workloads of an add-on are rolled out and well (C-12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml

from upgrade.engine.baseline import workload_key
from upgrade.ports import KubeGateway
from upgrade.rows import PodRow, WorkloadRow


@dataclass(frozen=True)
class AddonWorkloads:
    """What an add-on consists of. Empty for one that this program does not know: EKS's word must do then.

    Args:
        workloads: ``kind/namespace/name`` of each.
        service: ``namespace/name`` of the Service that must have ready endpoints.
        csi_driver: the driver that CSINode must list on each node that runs a pod of ``csi_node``.
    """

    workloads: tuple[str, ...] = ()
    service: str = ""
    csi_driver: str = ""
    csi_node: str = ""


@cache
def _table() -> Mapping[str, AddonWorkloads]:
    text = resources.files("upgrade").joinpath("data/addon_workloads.yaml").read_text("utf-8")
    return {
        name: AddonWorkloads(**{**entry, "workloads": tuple(entry["workloads"])})
        for name, entry in yaml.safe_load(text).items()
    }


def addon_workloads(name: str) -> AddonWorkloads:
    return _table().get(name, AddonWorkloads())


@dataclass(frozen=True)
class Rollout:
    """How far the rollout is: sentences that say what is missing, and restarts by ``namespace/pod``."""

    problems: tuple[str, ...]
    restarts: Mapping[str, int]


def look_at_rollout(name: str, kube: KubeGateway) -> Rollout:
    """Workloads rolled out, pods Ready, the driver registered, endpoints ready."""
    spec = addon_workloads(name)
    if not spec.workloads:
        return Rollout((), {})
    namespaces = {key.split("/")[1] for key in spec.workloads}
    rows = [row for namespace in sorted(namespaces) for row in kube.workloads(namespace=namespace)]
    pods = [pod for namespace in sorted(namespaces) for pod in kube.pods(namespace=namespace)]
    ours = [row for row in rows if workload_key(row) in spec.workloads]
    own_pods = {workload_key(row): _pods_of(row, pods) for row in ours}
    problems = [sentence for row in ours for sentence in _rollout_problems(row, own_pods[workload_key(row)])]
    if spec.csi_driver:
        problems += _driver_problems(spec, own_pods.get(spec.csi_node, []), kube)
    if spec.service and any(row.replicas for row in ours):
        namespace, service = spec.service.split("/")
        if kube.endpoints(namespace, service).ready == 0:
            problems.append(f"Service {service} has no ready endpoint")
    restarts = {f"{pod.namespace}/{pod.name}": pod.restarts for group in own_pods.values() for pod in group}
    return Rollout(tuple(problems), restarts)


def _pods_of(row: WorkloadRow, pods: Sequence[PodRow]) -> list[PodRow]:
    if not row.selector:
        return []
    return [
        pod
        for pod in pods
        if pod.namespace == row.namespace
        and pod.deletion_at is None
        and pod.phase not in ("Succeeded", "Failed")
        and row.selector.items() <= pod.labels.items()
    ]


def _rollout_problems(row: WorkloadRow, pods: Sequence[PodRow]) -> list[str]:
    name = f"{row.kind} {row.name}"
    if not row.observed:
        return [f"{name}: the new version has not been noticed yet"]
    if row.updated < row.replicas:
        return [f"{name}: {row.updated} of {row.replicas} pods updated"]
    if row.ready < row.replicas:
        return [f"{name}: {row.ready} of {row.replicas} pods ready{_waiting(pods)}"]
    if unready := [pod.name for pod in pods if not pod.ready]:
        return [f"{name}: pod {unready[0]} is not ready{_waiting(pods)}"]
    return []


def _waiting(pods: Sequence[PodRow]) -> str:
    reasons = sorted({reason for pod in pods for reason in pod.waiting})
    return f" ({', '.join(reasons)})" if reasons else ""


def _driver_problems(spec: AddonWorkloads, pods: Sequence[PodRow], kube: KubeGateway) -> list[str]:
    nodes = {pod.node for pod in pods if pod.node}
    registered = {row.name for row in kube.csi_nodes() if spec.csi_driver in row.drivers}
    missing = sorted(nodes - registered)
    return [f"node {missing[0]} does not list the driver {spec.csi_driver}"] if missing else []
