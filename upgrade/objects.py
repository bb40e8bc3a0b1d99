"""Kubernetes objects beside nodes, pods and workloads, reduced to what a readiness check reads of them.

No Secret data, no environment value, no annotation but those that a member names.
"""

from __future__ import annotations

from datetime import datetime

from upgrade.rows import LabelRequirement, Row


class ServiceRow(Row, frozen=True):
    """``topology_mode``: the annotation service.kubernetes.io/topology-mode or its older name is set."""

    namespace: str
    name: str
    type: str = "ClusterIP"
    ip_family_policy: str = ""
    cluster_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()
    topology_mode: bool = False
    selector: dict[str, str] = {}
    labels: dict[str, str] = {}


class WebhookRule(Row, frozen=True):
    groups: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()


class WebhookRow(Row, frozen=True):
    """One webhook of a ValidatingWebhookConfiguration or MutatingWebhookConfiguration (``kind``).

    ``service`` is ``namespace/name``, empty for one that is called by URL. ``match_labels`` and ``match_expressions``
    are its namespaceSelector.
    """

    kind: str
    configuration: str
    name: str
    failure_policy: str = "Fail"
    match_policy: str = "Equivalent"
    service: str = ""
    rules: tuple[WebhookRule, ...] = ()
    match_labels: dict[str, str] = {}
    match_expressions: tuple[LabelRequirement, ...] = ()
    labels: dict[str, str] = {}


class ApiServiceRow(Row, frozen=True):
    """An APIService; ``service`` is ``namespace/name``, empty for what the API server itself serves."""

    name: str
    available: bool
    reason: str = ""
    service: str = ""


class CrdRow(Row, frozen=True):
    """A CustomResourceDefinition; ``conversion_service`` is ``namespace/name`` of its conversion webhook."""

    name: str
    group: str
    kind: str
    plural: str
    namespaced: bool = True
    served: tuple[str, ...] = ()
    stored: tuple[str, ...] = ()
    conversion_service: str = ""
    labels: dict[str, str] = {}


class CsrRow(Row, frozen=True):
    """A CertificateSigningRequest."""

    name: str
    signer: str
    requestor: str = ""
    approved: bool = False
    denied: bool = False
    issued: bool = False
    created_at: datetime | None = None


class VolumeRow(Row, frozen=True):
    """A PersistentVolume: its source as the spec spells it (``csi``, ``awsElasticBlockStore``, ``cephfs``, ``rbd``).

    ``zones`` are those that its node affinity allows; none means any. ``claim`` is ``namespace/name``.
    """

    name: str
    source: str
    driver: str = ""
    zones: tuple[str, ...] = ()
    claim: str = ""
    storage_class: str = ""
    mount_options_annotation: bool = False


class ClaimRow(Row, frozen=True):
    """A PersistentVolumeClaim; ``storage_class`` None means that it names none."""

    namespace: str
    name: str
    volume: str = ""
    storage_class: str | None = None
    phase: str = ""


class StorageClassRow(Row, frozen=True):
    name: str
    provisioner: str
    default: bool = False


class BindingRow(Row, frozen=True):
    """A ClusterRoleBinding or RoleBinding to nobody in particular; a subject as ``Group system:unauthenticated``."""

    kind: str
    name: str
    role: str
    namespace: str = ""
    subjects: tuple[str, ...] = ()


class NetworkPolicyRow(Row, frozen=True):
    """A NetworkPolicy's ``ipBlock`` CIDRs and their exceptions, as written."""

    namespace: str
    name: str
    cidrs: tuple[str, ...] = ()


class ServiceAccountRow(Row, frozen=True):
    """Annotations: eks.amazonaws.com/role-arn, and whether kubernetes.io/enforce-mountable-secrets is set."""

    namespace: str
    name: str
    role_arn: str = ""
    mountable_secrets: bool = False


class TokenSecretRow(Row, frozen=True):
    """A Secret of type kubernetes.io/service-account-token, by its metadata alone."""

    namespace: str
    name: str
    service_account: str = ""
    last_used: str = ""
    invalid_since: str = ""


class DisruptionBudget(Row, frozen=True):
    """A Karpenter disruption budget; ``nodes`` such as ``0`` or ``10%``; no ``reasons`` means all."""

    nodes: str
    reasons: tuple[str, ...] = ()
    schedule: str = ""
    duration: str = ""


class NodePoolRow(Row, frozen=True):
    """A Karpenter NodePool, or Provisioner of v1alpha5 (``api_version`` and ``kind`` as listed)."""

    name: str
    api_version: str
    kind: str = "NodePool"
    node_class: str = ""
    expire_after: str = ""
    budgets: tuple[DisruptionBudget, ...] = ()


class NodeClassRow(Row, frozen=True):
    """A Karpenter EC2NodeClass or AWSNodeTemplate; ``ami_selectors`` such as ``alias=al2023@latest``, ``id=ami-1``."""

    name: str
    kind: str = "EC2NodeClass"
    ami_family: str = ""
    ami_selectors: tuple[str, ...] = ()


class EniConfigRow(Row, frozen=True):
    """An ENIConfig of the VPC CNI's custom networking: which subnet pods of a zone get their addresses from."""

    name: str
    subnet: str


class BackupRow(Row, frozen=True):
    """A Velero Backup."""

    namespace: str
    name: str
    phase: str
    completed_at: datetime | None = None


class CoreConfig(Row, frozen=True):
    """What a few ConfigMaps of kube-system say; None where there is no such ConfigMap.

    Args:
        corefile: CoreDNS's Corefile.
        kube_proxy_mode: ``mode`` of kube-proxy-config, empty when it is not set.
        aws_auth_unquoted: lines of aws-auth whose value begins with a brace and is not quoted.
    """

    corefile: str | None = None
    kube_proxy_mode: str | None = None
    aws_auth_unquoted: tuple[str, ...] | None = None


class KubeletRow(Row, frozen=True):
    """What a kubelet says of itself; None where it does not say."""

    node: str
    cgroup_version: int | None = None
    fail_cgroup_v1: bool | None = None
