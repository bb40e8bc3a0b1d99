"""What is known of a cluster at one instant."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Final

import msgspec
from pydantic import ValidationError

from upgrade.api_usage import ApiRequest, ApiWrites, ServedApi
from upgrade.eks import (
    Access,
    Addon,
    AddonOffer,
    AmiRelease,
    CallerIdentity,
    ClusterId,
    ControlPlane,
    EksUpdate,
    IamRole,
    Insights,
    KmsKey,
    Nodegroup,
    OfferedVersion,
    Subnet,
)
from upgrade.errors import SnapshotUnreadable
from upgrade.facts import Fact, Unknown, Value
from upgrade.objects import (
    ApiServiceRow,
    BackupRow,
    BindingRow,
    ClaimRow,
    CoreConfig,
    CrdRow,
    CsrRow,
    EniConfigRow,
    KubeletRow,
    NetworkPolicyRow,
    NodeClassRow,
    NodePoolRow,
    ServiceAccountRow,
    ServiceRow,
    StorageClassRow,
    TokenSecretRow,
    VolumeRow,
    WebhookRow,
)
from upgrade.rows import EndpointsRow, NamespaceRow, NodeRow, PdbRow, PodRow, WorkloadRow
from upgrade.surroundings import AutoScalingGroup, Instance, LaunchTemplateVersion, Quota, SecurityGroup, VersionOwner

SNAPSHOT_SCHEMA_VERSION: Final = 2

NOT_READ: Final = Unknown(reason="The snapshot does not hold it: it was made by an older version.")


class ClusterSnapshot(Value):
    """Everything known of a cluster at ``taken_at``. ``control_plane`` is no Fact: without it there is no snapshot.

    Facts whose meaning does not show in their names:
        vpc_subnets: every subnet of the cluster's VPC, so also those of nodes and of pods.
        cluster_role_denied: the actions of A-11 that the cluster's role lacks.
        recovery_point_at: when AWS Backup last made a recovery point of the cluster, None for never.
        owners: the tools that declare the cluster's version.
        endpoints: the ready endpoints of the Services that webhooks, APIServices and conversions call.
        anonymous_bindings: bindings to anonymous or unauthenticated users, but for ``system:public-info-viewer``.
        missing_eks_rbac: the roles and bindings of EKS (A-37) that are gone.
        api_writes, helm_writes, api_requests, audit_requests: see upgrade.api_usage; only what some version removes.
        stale_token_users: who calls with a service account token older than an hour (A-86).
    """

    schema_version: int = SNAPSHOT_SCHEMA_VERSION
    taken_at: datetime
    cluster: ClusterId
    control_plane: ControlPlane
    caller: Fact[CallerIdentity]
    offered_versions: Fact[tuple[OfferedVersion, ...]]
    updates: Fact[tuple[EksUpdate, ...]]
    subnets: Fact[tuple[Subnet, ...]]
    cluster_role: Fact[IamRole | None]
    keys: Fact[tuple[KmsKey, ...]]
    insights: Fact[Insights]
    addons: Fact[tuple[Addon, ...]]
    addon_offers: Fact[tuple[AddonOffer, ...]]
    nodegroups: Fact[tuple[Nodegroup, ...]]
    ami_releases: Fact[tuple[AmiRelease, ...]]
    denied_actions: Fact[tuple[str, ...]]
    access: Fact[Access]
    nodes: Fact[tuple[NodeRow, ...]]
    pods: Fact[tuple[PodRow, ...]]
    pdbs: Fact[tuple[PdbRow, ...]]
    workloads: Fact[tuple[WorkloadRow, ...]]
    namespaces: Fact[tuple[NamespaceRow, ...]]
    # From schema version 2 on; a snapshot that is older does not know them.
    security_groups: Fact[tuple[SecurityGroup, ...]] = NOT_READ
    vpc_subnets: Fact[tuple[Subnet, ...]] = NOT_READ
    cluster_role_denied: Fact[tuple[str, ...]] = NOT_READ
    quotas: Fact[tuple[Quota, ...]] = NOT_READ
    instances: Fact[tuple[Instance, ...]] = NOT_READ
    launch_templates: Fact[tuple[LaunchTemplateVersion, ...]] = NOT_READ
    autoscaling_groups: Fact[tuple[AutoScalingGroup, ...]] = NOT_READ
    fargate_profiles: Fact[tuple[str, ...]] = NOT_READ
    recovery_point_at: Fact[datetime | None] = NOT_READ
    owners: Fact[tuple[VersionOwner, ...]] = NOT_READ
    resilience_apps: Fact[tuple[str, ...]] = NOT_READ
    services: Fact[tuple[ServiceRow, ...]] = NOT_READ
    endpoints: Fact[tuple[EndpointsRow, ...]] = NOT_READ
    webhooks: Fact[tuple[WebhookRow, ...]] = NOT_READ
    api_services: Fact[tuple[ApiServiceRow, ...]] = NOT_READ
    crds: Fact[tuple[CrdRow, ...]] = NOT_READ
    csrs: Fact[tuple[CsrRow, ...]] = NOT_READ
    persistent_volumes: Fact[tuple[VolumeRow, ...]] = NOT_READ
    claims: Fact[tuple[ClaimRow, ...]] = NOT_READ
    storage_classes: Fact[tuple[StorageClassRow, ...]] = NOT_READ
    anonymous_bindings: Fact[tuple[BindingRow, ...]] = NOT_READ
    missing_eks_rbac: Fact[tuple[str, ...]] = NOT_READ
    network_policies: Fact[tuple[NetworkPolicyRow, ...]] = NOT_READ
    service_accounts: Fact[tuple[ServiceAccountRow, ...]] = NOT_READ
    token_secrets: Fact[tuple[TokenSecretRow, ...]] = NOT_READ
    node_pools: Fact[tuple[NodePoolRow, ...]] = NOT_READ
    node_classes: Fact[tuple[NodeClassRow, ...]] = NOT_READ
    eni_configs: Fact[tuple[EniConfigRow, ...]] = NOT_READ
    velero_backups: Fact[tuple[BackupRow, ...]] = NOT_READ
    pod_security_policies: Fact[tuple[str, ...]] = NOT_READ
    core_config: Fact[CoreConfig] = NOT_READ
    kubelets: Fact[tuple[KubeletRow, ...]] = NOT_READ
    served_apis: Fact[tuple[ServedApi, ...]] = NOT_READ
    api_writes: Fact[ApiWrites] = NOT_READ
    helm_writes: Fact[ApiWrites] = NOT_READ
    api_requests: Fact[tuple[ApiRequest, ...]] = NOT_READ
    audit_requests: Fact[tuple[ApiRequest, ...]] = NOT_READ
    stale_token_users: Fact[tuple[str, ...]] = NOT_READ

    def to_json(self) -> str:
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> ClusterSnapshot:
        """Read a saved snapshot. Raises SnapshotUnreadable, also for one written by a newer version."""
        try:
            version = json.loads(text).get("schema_version")
        except (ValueError, AttributeError):
            raise SnapshotUnreadable(
                "The file is not a snapshot.", "Make one with: eks-upgrade-bot snapshot CLUSTER -o FILE"
            ) from None
        if not isinstance(version, int) or version > SNAPSHOT_SCHEMA_VERSION:
            raise SnapshotUnreadable(
                f"The snapshot has schema version {version!r}; this program reads up to {SNAPSHOT_SCHEMA_VERSION}.",
                "Use a newer eks-upgrade-bot, or take the snapshot again.",
            )
        try:
            return cls.model_validate_json(text)
        except (ValidationError, msgspec.ValidationError) as error:
            first = str(error).splitlines()[0]
            raise SnapshotUnreadable(f"The snapshot is damaged: {first}", "Take the snapshot again.") from None
