"""What only readiness checks read, out of the fake cluster's snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from upgrade.api_usage import ApiRequest, ApiWrites, ServedApi
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import Nodegroup, Subnet
from upgrade.facts import need
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
from upgrade.rows import EndpointsRow
from upgrade.surroundings import AutoScalingGroup, Instance, LaunchTemplateVersion, Quota, SecurityGroup, VersionOwner


class FakeAwsReadiness:
    @property
    def _now(self) -> ClusterSnapshot:
        raise NotImplementedError

    def security_groups(self, ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
        return need(self._now.security_groups)

    def vpc_subnets(self, vpc_id: str) -> tuple[Subnet, ...]:
        return need(self._now.vpc_subnets)

    def cluster_role_denied(self, role_arn: str) -> tuple[str, ...]:
        return need(self._now.cluster_role_denied)

    def quotas(self) -> tuple[Quota, ...]:
        return need(self._now.quotas)

    def instances(self) -> tuple[Instance, ...]:
        return need(self._now.instances)

    def autoscaling_groups(self) -> tuple[AutoScalingGroup, ...]:
        return need(self._now.autoscaling_groups)

    def launch_templates(
        self, nodegroups: Sequence[Nodegroup], groups: Sequence[AutoScalingGroup]
    ) -> tuple[LaunchTemplateVersion, ...]:
        return need(self._now.launch_templates)

    def fargate_profiles(self) -> tuple[str, ...]:
        return need(self._now.fargate_profiles)

    def recovery_point_at(self, cluster_arn: str) -> datetime | None:
        return need(self._now.recovery_point_at)

    def owners(self) -> tuple[VersionOwner, ...]:
        return need(self._now.owners)

    def resilience_apps(self, cluster_arn: str) -> tuple[str, ...]:
        return need(self._now.resilience_apps)

    def audit_requests(self, since: datetime, until: datetime) -> tuple[ApiRequest, ...]:
        return need(self._now.audit_requests)

    def stale_token_users(self, since: datetime, until: datetime) -> tuple[str, ...]:
        return need(self._now.stale_token_users)


class FakeKubeReadiness:
    @property
    def _now(self) -> ClusterSnapshot:
        raise NotImplementedError

    def services(self) -> tuple[ServiceRow, ...]:
        return need(self._now.services)

    def webhooks(self) -> tuple[WebhookRow, ...]:
        return need(self._now.webhooks)

    def api_services(self) -> tuple[ApiServiceRow, ...]:
        return need(self._now.api_services)

    def crds(self) -> tuple[CrdRow, ...]:
        return need(self._now.crds)

    def endpoints_of(self, services: Sequence[str]) -> tuple[EndpointsRow, ...]:
        return need(self._now.endpoints)

    def csrs(self) -> tuple[CsrRow, ...]:
        return need(self._now.csrs)

    def persistent_volumes(self) -> tuple[VolumeRow, ...]:
        return need(self._now.persistent_volumes)

    def claims(self) -> tuple[ClaimRow, ...]:
        return need(self._now.claims)

    def storage_classes(self) -> tuple[StorageClassRow, ...]:
        return need(self._now.storage_classes)

    def anonymous_bindings(self) -> tuple[BindingRow, ...]:
        return need(self._now.anonymous_bindings)

    def missing_eks_rbac(self) -> tuple[str, ...]:
        return need(self._now.missing_eks_rbac)

    def network_policies(self) -> tuple[NetworkPolicyRow, ...]:
        return need(self._now.network_policies)

    def service_accounts(self) -> tuple[ServiceAccountRow, ...]:
        return need(self._now.service_accounts)

    def token_secrets(self) -> tuple[TokenSecretRow, ...]:
        return need(self._now.token_secrets)

    def node_pools(self) -> tuple[NodePoolRow, ...]:
        return need(self._now.node_pools)

    def node_classes(self) -> tuple[NodeClassRow, ...]:
        return need(self._now.node_classes)

    def eni_configs(self) -> tuple[EniConfigRow, ...]:
        return need(self._now.eni_configs)

    def velero_backups(self) -> tuple[BackupRow, ...]:
        return need(self._now.velero_backups)

    def pod_security_policies(self) -> tuple[str, ...]:
        return need(self._now.pod_security_policies)

    def core_config(self) -> CoreConfig:
        return need(self._now.core_config)

    def kubelets(self, nodes: Sequence[str]) -> tuple[KubeletRow, ...]:
        return need(self._now.kubelets)

    def served_apis(self) -> tuple[ServedApi, ...]:
        return need(self._now.served_apis)

    def api_writes(self) -> ApiWrites:
        return need(self._now.api_writes)

    def helm_writes(self) -> ApiWrites:
        return need(self._now.helm_writes)

    def api_requests(self) -> tuple[ApiRequest, ...]:
        return need(self._now.api_requests)
