"""Kubernetes objects on the wire, and the rows that we keep of them.

Only these members are read: no Secret, no environment value but two switches of the VPC CNI, and of annotations only
those that a rule names (meta).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import field

from upgrade.gateways.kube.meta import Condition, Meta, Selector, Wire, holds, kept
from upgrade.gateways.kube.podspec import Container, PodSpec
from upgrade.gateways.kube.quantities import amount, whole
from upgrade.gateways.kube.shapes import Shapes
from upgrade.rows import NamespaceRow, NodeRow, PdbRow, PodRow, Taint, WorkloadRow

#: The label of an EndpointSlice that names its Service.
SERVICE_NAME: Final = "kubernetes.io/service-name"
#: Controllers whose command line a rule reads, all DaemonSets of kube-system.
_KUBE_PROXY: Final = "kube-proxy"
_AWS_NODE: Final = "aws-node"
_SWITCHES: Final = ("ENABLE_PREFIX_DELEGATION", "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG")


class WireTaint(Wire):
    key: str
    effect: str = ""
    value: str | None = None


class NodeSpec(Wire, rename={"provider_id": "providerID"}):
    unschedulable: bool = False
    taints: list[WireTaint] | None = None
    provider_id: str = ""


class NodeInfo(Wire):
    kubelet_version: str = ""
    os_image: str = ""
    container_runtime_version: str = ""


class NodeStatus(Wire):
    conditions: list[Condition] | None = None
    node_info: NodeInfo = field(default_factory=NodeInfo)
    allocatable: dict[str, str] | None = None


class Node(Wire):
    metadata: Meta
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)

    def row(self) -> NodeRow:
        info, there = self.status.node_info, self.status.allocatable or {}
        room = amount(there)
        return NodeRow(
            name=self.metadata.name,
            kubelet_version=info.kubelet_version,
            ready=holds("Ready", self.status.conditions),
            unschedulable=self.spec.unschedulable,
            labels=self.metadata.labels or {},
            taints=tuple(
                Taint(key=taint.key, effect=taint.effect, value=taint.value or "") for taint in self.spec.taints or ()
            ),
            os_image=info.os_image,
            container_runtime=info.container_runtime_version,
            provider_id=self.spec.provider_id,
            created_at=self.metadata.creation_timestamp,
            deletion_at=self.metadata.deletion_timestamp,
            annotations=kept(self.metadata.annotations),
            cpu_millis=room.cpu_millis,
            memory_bytes=room.memory_bytes,
            pod_limit=whole(there.get("pods", "0")),
            gpus=room.gpus,
        )


class Waiting(Wire):
    reason: str = ""


class ContainerState(Wire):
    waiting: Waiting | None = None


class ContainerStatus(Wire):
    restart_count: int = 0
    state: ContainerState = field(default_factory=ContainerState)


class PodStatus(Wire):
    phase: str = "Unknown"
    conditions: list[Condition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None


class Pod(Wire):
    metadata: Meta
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)

    def row(self, shapes: Shapes) -> PodRow:
        owners = self.metadata.owners
        shape = shapes.of(self.spec, pinned=any(one.kind == "DaemonSet" for one in owners))
        containers = [*(self.status.init_container_statuses or ()), *(self.status.container_statuses or ())]
        reasons = [status.state.waiting.reason for status in containers if status.state.waiting]
        return PodRow(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            phase=self.status.phase,
            node=self.spec.node_name,
            ready=holds("Ready", self.status.conditions),
            labels=shapes.labels(self.metadata.labels or {}),
            annotations=kept(self.metadata.annotations),
            owners=owners,
            tolerates_everything=any(
                toleration.operator == "Exists" and not toleration.key and not toleration.effect
                for toleration in shape.tolerations
            ),
            restarts=sum(status.restart_count for status in containers),
            waiting=tuple(dict.fromkeys(reason for reason in reasons if reason)),
            created_at=self.metadata.creation_timestamp,
            deletion_at=self.metadata.deletion_timestamp,
            shape=shape,
        )


class PdbSpec(Wire):
    selector: Selector | None = None
    min_available: str | int | None = None
    max_unavailable: str | int | None = None
    unhealthy_pod_eviction_policy: str | None = None


class PdbStatus(Wire):
    disruptions_allowed: int = 0
    expected_pods: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0


class Pdb(Wire):
    metadata: Meta
    spec: PdbSpec = field(default_factory=PdbSpec)
    status: PdbStatus = field(default_factory=PdbStatus)

    def row(self, *, empty_selects_nothing: bool) -> PdbRow:
        """The row; an empty selector selects all pods of the namespace in policy/v1 and none in policy/v1beta1."""
        selector = self.spec.selector
        return PdbRow(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            match_labels=selector.labels if selector else {},
            match_expressions=selector.expressions if selector else (),
            selects_nothing=selector is None or (empty_selects_nothing and selector.empty),
            min_available=self.spec.min_available,
            max_unavailable=self.spec.max_unavailable,
            disruptions_allowed=self.status.disruptions_allowed,
            expected_pods=self.status.expected_pods,
            current_healthy=self.status.current_healthy,
            desired_healthy=self.status.desired_healthy,
            unhealthy_policy=self.spec.unhealthy_pod_eviction_policy or "",
        )


class Variable(Wire):
    name: str = ""
    value: str = ""


class TemplateContainer(Container):
    command: list[str] | None = None
    args: list[str] | None = None
    env: list[Variable] | None = None


class TemplateSpec(PodSpec):
    containers: tuple[TemplateContainer, ...] | None = None


class TemplateMeta(Wire):
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class Template(Wire):
    metadata: TemplateMeta = field(default_factory=TemplateMeta)
    spec: TemplateSpec = field(default_factory=TemplateSpec)


class JobSpec(Wire):
    template: Template = field(default_factory=Template)


class JobTemplate(Wire):
    spec: JobSpec = field(default_factory=JobSpec)


class WorkloadSpec(Wire):
    """The union of the specs of the six kinds; each fills its own members."""

    replicas: int | None = None
    parallelism: int | None = None
    selector: Selector = field(default_factory=Selector)
    template: Template = field(default_factory=Template)
    min_ready_seconds: int | None = None
    schedule: str = ""
    job_template: JobTemplate | None = None


class WorkloadStatus(Wire):
    """The union of the statuses of the six kinds; each fills its own members."""

    observed_generation: int | None = None
    ready_replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    desired_number_scheduled: int = 0
    number_ready: int = 0
    updated_number_scheduled: int = 0
    number_available: int = 0
    ready: int | None = None
    succeeded: int | None = None


class Workload(Wire):
    metadata: Meta
    spec: WorkloadSpec = field(default_factory=WorkloadSpec)
    status: WorkloadStatus = field(default_factory=WorkloadStatus)

    def row(self, kind: str, shapes: Shapes) -> WorkloadRow:
        replicas, ready, updated, available = self._counts(kind)
        observed, spec = self.status.observed_generation, self.spec
        template = spec.job_template.spec.template if spec.job_template else spec.template
        containers = template.spec.containers or ()
        name = self.metadata.name if (kind, self.metadata.namespace) == ("DaemonSet", "kube-system") else ""
        return WorkloadRow(
            kind=kind,
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            uid=self.metadata.uid,
            replicas=replicas,
            ready=ready,
            updated=updated,
            available=available,
            observed=kind in ("Job", "CronJob") or (observed or 0) >= self.metadata.generation,
            labels=self.metadata.labels or {},
            selector=spec.selector.labels,
            owners=self.metadata.owners,
            images=tuple(container.image for container in containers),
            shape=shapes.of(template.spec),
            template_labels=template.metadata.labels or {},
            template_annotations=kept(template.metadata.annotations),
            min_ready_seconds=spec.min_ready_seconds or 0,
            schedule=spec.schedule,
            arguments=_arguments(containers) if name in (_KUBE_PROXY, _AWS_NODE) else (),
            switches=_switches(containers) if name == _AWS_NODE else (),
        )

    def _counts(self, kind: str) -> tuple[int, int, int, int]:
        """(wanted, ready, updated, available); a DaemonSet counts nodes, a Job counts what runs and what succeeded."""
        status = self.status
        if kind == "CronJob":
            return 0, 0, 0, 0
        if kind == "DaemonSet":
            return (
                status.desired_number_scheduled,
                status.number_ready,
                status.updated_number_scheduled,
                status.number_available,
            )
        if kind == "Job":
            wanted = 1 if self.spec.parallelism is None else self.spec.parallelism
            return wanted, status.ready or 0, 0, status.succeeded or 0
        wanted = 1 if self.spec.replicas is None else self.spec.replicas
        updated = status.ready_replicas if kind == "ReplicaSet" else status.updated_replicas
        return wanted, status.ready_replicas, updated, status.available_replicas


class Namespace(Wire):
    metadata: Meta

    def row(self) -> NamespaceRow:
        return NamespaceRow(name=self.metadata.name, labels=self.metadata.labels or {})


class TargetRef(Wire):
    uid: str = ""
    name: str = ""


class EndpointConditions(Wire):
    ready: bool | None = None


class SliceEndpoint(Wire):
    addresses: list[str] | None = None
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    target_ref: TargetRef | None = None


class SliceMeta(Wire):
    labels: dict[str, str] | None = None


class EndpointSlice(Wire):
    metadata: SliceMeta = field(default_factory=SliceMeta)
    endpoints: list[SliceEndpoint] | None = None

    @property
    def service(self) -> str:
        return (self.metadata.labels or {}).get(SERVICE_NAME, "")

    def ready(self) -> set[str]:
        """Who is ready: the pods, or the addresses that belong to none. Unsaid means ready (discovery.k8s.io)."""
        return {
            (endpoint.target_ref and (endpoint.target_ref.uid or endpoint.target_ref.name))
            or (endpoint.addresses or [""])[0]
            for endpoint in self.endpoints or ()
            if endpoint.conditions.ready is not False
        }


class ConfigMap(Wire):
    data: dict[str, str] | None = None


class VersionInfo(Wire):
    git_version: str


class ReviewStatus(Wire):
    allowed: bool = False


class AccessReview(Wire):
    status: ReviewStatus = field(default_factory=ReviewStatus)


def _arguments(containers: Iterable[TemplateContainer]) -> tuple[str, ...]:
    return tuple(word for container in containers for word in (*(container.command or ()), *(container.args or ())))


def _switches(containers: Iterable[TemplateContainer]) -> tuple[str, ...]:
    on = {one.name for container in containers for one in container.env or () if one.value.lower() == "true"}
    return tuple(name for name in _SWITCHES if name in on)
