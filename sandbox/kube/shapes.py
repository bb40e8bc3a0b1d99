"""The types of the fields that the world's controllers read; a body of other types is refused before it gets to them.

Fields that are not here are kept as they come. Names are those of the Kubernetes API.
"""
# ruff: noqa: N815

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from sandbox.world.objects import Json

Texts = dict[str, str] | None
Count = Annotated[int, Meta(ge=0)] | None
Share = Annotated[int, Meta(ge=0)] | Annotated[str, Meta(pattern=r"^\d{1,9}%$")] | None


class OwnerReference(Struct):
    kind: str
    name: str
    uid: str
    apiVersion: str
    controller: bool | None = None


class ObjectMeta(Struct):
    name: str | None = None
    generateName: str | None = None
    namespace: str | None = None
    uid: str | None = None
    resourceVersion: str | None = None
    labels: Texts = None
    annotations: Texts = None
    finalizers: list[str] | None = None
    ownerReferences: list[OwnerReference] | None = None


class Requirement(Struct):
    key: str
    operator: Annotated[str, Meta(pattern=r"^(In|NotIn|Exists|DoesNotExist)$")]
    values: list[str] | None = None


class Selector(Struct):
    matchLabels: Texts = None
    matchExpressions: list[Requirement] | None = None


class Container(Struct):
    name: str
    image: str | None = None
    ports: list[Json] | None = None
    env: list[Json] | None = None


class Toleration(Struct):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None
    tolerationSeconds: int | None = None


class AffinityTerm(Struct):
    topologyKey: str
    labelSelector: Selector | None = None


class PodAntiAffinity(Struct):
    requiredDuringSchedulingIgnoredDuringExecution: list[AffinityTerm] | None = None


class Affinity(Struct):
    podAntiAffinity: PodAntiAffinity | None = None


class PodSpec(Struct):
    containers: list[Container] | None = None
    initContainers: list[Container] | None = None
    nodeName: str | None = None
    nodeSelector: Texts = None
    tolerations: list[Toleration] | None = None
    affinity: Affinity | None = None
    terminationGracePeriodSeconds: Count = None
    restartPolicy: str | None = None
    serviceAccountName: str | None = None


class Template(Struct):
    metadata: ObjectMeta | None = None
    spec: PodSpec | None = None


class RollingUpdate(Struct):
    maxSurge: Share = None
    maxUnavailable: Share = None
    partition: Count = None


class Strategy(Struct):
    type: str | None = None
    rollingUpdate: RollingUpdate | None = None


class WorkloadSpec(Struct):
    replicas: Count = None
    selector: Selector | None = None
    template: Template | None = None
    strategy: Strategy | None = None
    updateStrategy: Strategy | None = None
    serviceName: str | None = None
    minReadySeconds: Count = None
    parallelism: Count = None
    completions: Count = None


class JobTemplate(Struct):
    spec: WorkloadSpec | None = None


class CronJobSpec(Struct):
    schedule: str | None = None
    suspend: bool | None = None
    jobTemplate: JobTemplate | None = None


class BudgetSpec(Struct):
    minAvailable: Share = None
    maxUnavailable: Share = None
    selector: Selector | None = None
    unhealthyPodEvictionPolicy: str | None = None


class ServicePort(Struct):
    port: Annotated[int, Meta(ge=1, le=65535)]
    name: str | None = None
    protocol: str | None = None
    targetPort: int | str | None = None


class ServiceSpec(Struct):
    type: str | None = None
    clusterIP: str | None = None
    selector: Texts = None
    ports: list[ServicePort] | None = None
    externalIPs: list[str] | None = None


class Taint(Struct):
    key: str
    effect: Annotated[str, Meta(pattern=r"^(NoSchedule|PreferNoSchedule|NoExecute)$")]
    value: str | None = None


class NodeSpec(Struct):
    unschedulable: bool | None = None
    taints: list[Taint] | None = None


class ScaleTarget(Struct):
    kind: str
    name: str


class AutoscalerSpec(Struct):
    scaleTargetRef: ScaleTarget | None = None
    minReplicas: Count = None
    maxReplicas: Count = None
    metrics: list[Json] | None = None


class Names(Struct):
    plural: str
    kind: str
    shortNames: list[str] | None = None
    categories: list[str] | None = None


class PrinterColumn(Struct):
    name: str
    type: str
    jsonPath: str
    priority: int = 0


class DefinitionVersion(Struct):
    name: str
    served: bool = True
    storage: bool = False
    subresources: Json | None = None
    additionalPrinterColumns: list[PrinterColumn] | None = None


class DefinitionSpec(Struct):
    group: str
    scope: Annotated[str, Meta(pattern=r"^(Cluster|Namespaced)$")]
    names: Names
    versions: list[DefinitionVersion]


class Rule(Struct):
    verbs: list[str]
    apiGroups: list[str] | None = None
    resources: list[str] | None = None
    resourceNames: list[str] | None = None
    nonResourceURLs: list[str] | None = None


class RoleReference(Struct):
    kind: str
    name: str


class RoleSubject(Struct):
    kind: str
    name: str


class Condition(Struct):
    type: str
    status: str


class Status(Struct):
    conditions: list[Condition] | None = None
    replicas: Count = None
    readyReplicas: Count = None


class PodStatus(Struct):
    phase: Annotated[str, Meta(pattern=r"^(Pending|Running|Succeeded|Failed|Unknown)$")] | None = None
    conditions: list[Condition] | None = None
    containerStatuses: list[Json] | None = None


class NodeAddress(Struct):
    type: str
    address: str


class Allocatable(Struct):
    pods: Annotated[str, Meta(pattern=r"^\d{1,9}$")] | None = None


class NodeInfo(Struct):
    kubeletVersion: Annotated[str, Meta(pattern=r"^v\d+\.\d+\.\d+")] | None = None


class NodeStatus(Struct):
    conditions: list[Condition] | None = None
    addresses: Annotated[list[NodeAddress], Meta(min_length=1)] | None = None
    allocatable: Allocatable | None = None
    nodeInfo: NodeInfo | None = None


class AnyKind(Struct):
    metadata: ObjectMeta


class Pod(AnyKind):
    spec: PodSpec | None = None
    status: PodStatus | None = None


class Workload(AnyKind):
    spec: WorkloadSpec | None = None
    status: Status | None = None


class CronJob(AnyKind):
    spec: CronJobSpec | None = None


class Budget(AnyKind):
    spec: BudgetSpec | None = None
    status: Status | None = None


class Service(AnyKind):
    spec: ServiceSpec | None = None


class Node(AnyKind):
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class Autoscaler(AnyKind):
    spec: AutoscalerSpec | None = None


class Definition(AnyKind):
    spec: DefinitionSpec


class ConfigMap(AnyKind):
    data: Texts = None


class Role(AnyKind):
    rules: list[Rule] | None = None


class Binding(AnyKind):
    roleRef: RoleReference
    subjects: list[RoleSubject] | None = None


_SHAPES: dict[str, type[AnyKind]] = {
    "Pod": Pod,
    **dict.fromkeys(("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job"), Workload),
    "CronJob": CronJob,
    "PodDisruptionBudget": Budget,
    "Service": Service,
    "Node": Node,
    "HorizontalPodAutoscaler": Autoscaler,
    "CustomResourceDefinition": Definition,
    "ConfigMap": ConfigMap,
    **dict.fromkeys(("Role", "ClusterRole"), Role),
    **dict.fromkeys(("RoleBinding", "ClusterRoleBinding"), Binding),
}
# msgspec learns a type when it is first used, which two threads must not do at once (0.22.0 crashes): so now.
for _shape in (AnyKind, *_SHAPES.values()):
    msgspec.json.Decoder(_shape)
_AT = re.compile(r"(?P<what>.*) - at `\$\.?(?P<path>.*)`")


class WrongShape(Exception):
    """A field has a type or value that its kind does not allow. `path` names it, for example `spec.replicas`.

    `of_type` tells a wrong type (which cannot even be read) from a wrong value.
    """

    def __init__(self, path: str, message: str, *, of_type: bool) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message
        self.of_type = of_type


def check_shape(kind: str, manifest: Any) -> None:
    """Raises WrongShape. Kinds that nothing in the world reads are checked for their metadata only."""
    try:
        msgspec.convert(manifest, _SHAPES.get(kind, AnyKind))
    except msgspec.ValidationError as error:
        found = _AT.match(str(error))
        path, told = (found["path"], found["what"]) if found else ("", str(error))
        raise WrongShape(path, told, of_type=", got `" in told) from None
