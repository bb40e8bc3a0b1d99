"""Kubernetes objects reduced to what we read: bulk, so msgspec; decoded from raw responses in gateways/kube."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from upgrade.versions import KubernetesVersion


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=False, omit_defaults=True, gc=False):
    """One object of a Kubernetes list, reduced to what we read.

    A frozen tree holds no circle, so the garbage collector need not look at the many thousands of them.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        # msgspec learns a type when it is first used, which two threads must not do at once (gateways/kube/decoding);
        # so it learns it now, while modules are imported.
        msgspec.json.Decoder(cls)
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else msgspec.convert(value, cls),
            serialization=core_schema.plain_serializer_function_ser_schema(msgspec.to_builtins),
        )


class Taint(Row, frozen=True):
    key: str
    effect: str
    value: str = ""


class NodeRow(Row, frozen=True):
    """A node. ``kubelet_version`` is the full text, such as v1.34.1-eks-113cf36.

    ``cpu_millis``, ``memory_bytes``, ``pod_limit`` and ``gpus`` are what it has for pods (``status.allocatable``).
    """

    name: str
    kubelet_version: str
    ready: bool
    unschedulable: bool = False
    labels: dict[str, str] = {}
    taints: tuple[Taint, ...] = ()
    os_image: str = ""
    container_runtime: str = ""
    provider_id: str = ""
    created_at: datetime | None = None
    deletion_at: datetime | None = None
    annotations: dict[str, str] = {}
    cpu_millis: int = 0
    memory_bytes: int = 0
    pod_limit: int = 0
    gpus: int = 0

    @property
    def kubelet(self) -> KubernetesVersion:
        return KubernetesVersion.of_kubelet(self.kubelet_version)

    @property
    def nodegroup(self) -> str | None:
        """The managed node group the node belongs to (A-40)."""
        return self.labels.get("eks.amazonaws.com/nodegroup")

    @property
    def zone(self) -> str:
        return self.labels.get("topology.kubernetes.io/zone", "")

    @property
    def instance_type(self) -> str:
        return self.labels.get("node.kubernetes.io/instance-type", "")


class Owner(Row, frozen=True):
    kind: str
    name: str
    uid: str = ""


class LabelRequirement(Row, frozen=True):
    key: str
    operator: str
    values: tuple[str, ...] = ()


class Toleration(Row, frozen=True):
    """``effect`` empty means every effect; ``key`` empty with operator Exists means every taint."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class VolumeUse(Row, frozen=True):
    """A volume of a pod: its kind as Pod spells it (``persistentVolumeClaim``, ``emptyDir``, ``hostPath`` …).

    ``detail`` is the claim's name, the host path or the CSI driver.
    """

    kind: str
    detail: str = ""


class LabelSelector(Row, frozen=True):
    """Selects what has labels; an empty one selects everything."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()


class NodeTerm(Row, frozen=True):
    """One term of a required node affinity; terms are alternatives, the requirements of one must all hold.

    ``fields`` are its matchFields: requirements of ``metadata.name``.
    """

    requirements: tuple[LabelRequirement, ...] = ()
    fields: tuple[LabelRequirement, ...] = ()


class PodTerm(Row, frozen=True):
    """A required pod affinity or anti-affinity.

    It is about ``namespaces`` and those that ``namespace_selector`` selects; with neither, about the pod's own.
    ``match_label_keys`` and ``mismatch_label_keys``: what it selects has, or has not, the pod's own values of these.
    """

    topology_key: str
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()
    namespaces: tuple[str, ...] = ()
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()


class SpreadRule(Row, frozen=True):
    """A topologySpreadConstraint; ``hard`` is whenUnsatisfiable DoNotSchedule, ``match_label_keys`` as in PodTerm."""

    topology_key: str
    max_skew: int = 1
    hard: bool = False
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()
    match_label_keys: tuple[str, ...] = ()


class PodShape(Row, frozen=True):
    """What a pod's spec demands of a node and of a version; one object for all pods of a template.

    Args:
        cpu_millis, memory_bytes, gpus: what the scheduler makes room for, from what its containers request.
        privileged: some container is.
        prefers_apart: it has a preferred pod anti-affinity.
        probed: every container but init containers has a readiness probe.
        app_armor: a profile other than Unconfined is set by a field.
        selinux_policy: ``seLinuxChangePolicy``.
    """

    images: tuple[str, ...] = ()
    cpu_millis: int = 0
    memory_bytes: int = 0
    gpus: int = 0
    volumes: tuple[VolumeUse, ...] = ()
    node_selector: dict[str, str] = {}
    node_terms: tuple[NodeTerm, ...] = ()
    together: tuple[PodTerm, ...] = ()
    apart: tuple[PodTerm, ...] = ()
    spread: tuple[SpreadRule, ...] = ()
    prefers_apart: bool = False
    tolerations: tuple[Toleration, ...] = ()
    service_account: str = ""
    host_network: bool = False
    host_ports: tuple[int, ...] = ()
    grace_seconds: int | None = None
    privileged: bool = False
    probed: bool = False
    app_armor: bool = False
    selinux_policy: str = ""


class PodRow(Row, frozen=True):
    """A pod. ``restarts`` is the sum over its containers; ``waiting`` holds waiting reasons of containers."""

    namespace: str
    name: str
    phase: str
    node: str = ""
    ready: bool = False
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owners: tuple[Owner, ...] = ()
    tolerates_everything: bool = False
    restarts: int = 0
    waiting: tuple[str, ...] = ()
    created_at: datetime | None = None
    deletion_at: datetime | None = None
    shape: PodShape = PodShape()


class PdbRow(Row, frozen=True):
    """A PodDisruptionBudget with its selector and its status.

    ``unhealthy_policy`` is ``unhealthyPodEvictionPolicy``: IfHealthyBudget when empty, or AlwaysAllow.
    """

    namespace: str
    name: str
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()
    selects_nothing: bool = False
    min_available: str | int | None = None
    max_unavailable: str | int | None = None
    disruptions_allowed: int = 0
    expected_pods: int = 0
    current_healthy: int = 0
    desired_healthy: int = 0
    unhealthy_policy: str = ""


class WorkloadRow(Row, frozen=True):
    """A Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or CronJob.

    For a DaemonSet ``replicas`` is desiredNumberScheduled, ``ready`` numberReady, ``updated`` updatedNumberScheduled.
    ``shape``, ``template_labels`` and ``template_annotations`` are its pod template's, the annotations only those that
    a rule names. ``schedule`` is a CronJob's; ``arguments`` the command and arguments of the containers of controllers
    in ``kube-system`` that a rule names (kube-proxy, aws-node), never of others: they may hold secrets.
    ``switches``: of aws-node alone, which of ENABLE_PREFIX_DELEGATION and AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG are true.
    """

    kind: str
    namespace: str
    name: str
    uid: str = ""
    replicas: int = 0
    ready: int = 0
    updated: int = 0
    available: int = 0
    observed: bool = True
    labels: dict[str, str] = {}
    selector: dict[str, str] = {}
    owners: tuple[Owner, ...] = ()
    images: tuple[str, ...] = ()
    shape: PodShape = PodShape()
    template_labels: dict[str, str] = {}
    template_annotations: dict[str, str] = {}
    min_ready_seconds: int = 0
    schedule: str = ""
    arguments: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()


class NamespaceRow(Row, frozen=True):
    name: str
    labels: dict[str, str] = {}


class EndpointsRow(Row, frozen=True):
    """How many endpoints of a Service are ready."""

    namespace: str
    service: str
    ready: int


class CsiNodeRow(Row, frozen=True):
    """The CSI drivers registered on a node."""

    name: str
    drivers: tuple[str, ...] = ()
