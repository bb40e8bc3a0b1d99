"""The state of the world: AWS's side of it. (Kubernetes' side is an `ObjectStore` a cluster.)

Plain mutable records, named as EKS, EC2 and IAM name things; read and written only under the world's lock. All times
are aware UTC datetimes in domain time. Times and counts here are the truth; the faces only translate.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sandbox.world.surroundings import QUOTAS, Stack, Surroundings

if TYPE_CHECKING:
    from sandbox.world.objects import ObjectStore

UpdateStatus = Literal["InProgress", "Failed", "Cancelled", "Successful"]


@dataclass(slots=True)
class HealthIssue:
    """One entry of `health.issues` of a cluster, node group or add-on."""

    code: str
    message: str
    resource_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class UpdateError:
    """One entry of `update.errors`."""

    error_code: str
    error_message: str
    resource_ids: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Update:
    """An EKS update. `params` maps UpdateParamType to its text value, in order. `ended_at` is None while it runs."""

    id: str
    type: str
    status: UpdateStatus
    params: dict[str, str]
    created_at: datetime
    errors: list[UpdateError] = field(default_factory=list)
    token: str | None = None
    addon_name: str | None = None
    nodegroup_name: str | None = None
    force: bool = False
    ended_at: datetime | None = None
    expected_end_at: datetime | None = None
    """When the world means to end it, where that is known beforehand (control planes); for the page's progress bar."""

    @property
    def subject(self) -> str:
        """What it changes, in the words of a step id: `control-plane`, `addon/NAME`, `nodegroup/NAME`."""
        if self.addon_name:
            return f"addon/{self.addon_name}"
        if self.nodegroup_name:
            return f"nodegroup/{self.nodegroup_name}"
        return "control-plane"


@dataclass(slots=True)
class IamRole:
    """An IAM role. `trust` is its AssumeRolePolicyDocument; `allowed_actions` may hold wildcards (`eks:*`)."""

    name: str
    arn: str
    trust: dict[str, Any]
    allowed_actions: list[str] = field(default_factory=list)
    managed_policies: list[str] = field(default_factory=list)
    external_id: str | None = None


@dataclass(slots=True)
class KmsKey:
    """A KMS key. `state` as in DescribeKey: Enabled, Disabled, PendingDeletion…"""

    key_id: str
    arn: str
    region: str
    state: str = "Enabled"


@dataclass(slots=True)
class Account:
    """An AWS account, with what IAM and KMS keep in it."""

    id: str
    name: str
    roles: dict[str, IamRole] = field(default_factory=dict)
    keys: dict[str, KmsKey] = field(default_factory=dict)


@dataclass(slots=True)
class Subnet:
    """A subnet. `free` is AvailableIpAddressCount; it goes down when instances come and up when they leave."""

    id: str
    vpc_id: str
    zone: str
    zone_id: str
    cidr: str
    free: int


@dataclass(slots=True)
class SecurityGroup:
    """A security group of a cluster's VPC. `narrow`: it no longer lets in what comes from itself."""

    id: str
    vpc_id: str
    name: str
    narrow: bool = False


@dataclass(slots=True)
class Instance:
    """An EC2 instance that is, or will become, a node.

    `state`: pending, running or shutting-down. Gone ones are removed.
    """

    id: str
    zone: str
    subnet_id: str
    instance_type: str
    private_ip: str
    node_name: str
    image_id: str
    kubelet_version: str
    release_version: str
    launch_template_version: int
    launched_at: datetime
    addresses: int
    state: str = "pending"
    ready_at: datetime | None = None


@dataclass(slots=True)
class LaunchTemplate:
    """A launch template; `versions` maps a version number to the AMI it launches. `hop_limit` is of IMDS."""

    id: str
    name: str
    versions: dict[int, str]
    user_data: str = ""
    hop_limit: int = 2

    @property
    def latest(self) -> int:
        return max(self.versions)


@dataclass(slots=True)
class AutoScalingGroup:
    """The Auto Scaling group behind a node group.

    During a rolling update its sizes exceed the node group's scaling config.
    """

    name: str
    min_size: int
    max_size: int
    desired: int
    launch_template_version: int
    instances: dict[str, Instance] = field(default_factory=dict)


@dataclass(slots=True)
class Nodegroup:
    """A managed node group. `min_size`, `max_size`, `desired_size` are its scaling config as people set it.

    `launch_template_custom` says that DescribeNodegroup shows `launchTemplate` (the group was made with one).
    """

    name: str
    arn: str
    version: str
    release_version: str
    ami_type: str
    capacity_type: str
    instance_types: list[str]
    disk_size: int
    subnet_ids: list[str]
    node_role_arn: str
    min_size: int
    max_size: int
    desired_size: int
    auto_scaling_group: AutoScalingGroup
    launch_template: LaunchTemplate
    launch_template_custom: bool
    created_at: datetime
    modified_at: datetime
    max_unavailable: int | None = 1
    max_unavailable_percentage: int | None = None
    update_strategy: str = "DEFAULT"
    kind: str = "managed"
    """`managed`, or what EKS does not manage: `self-managed`, `karpenter`, `fargate`."""
    status: str = "ACTIVE"
    health: list[HealthIssue] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    taints: list[dict[str, str]] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    pods_per_node: int = 58
    addresses_per_node: int = 10


@dataclass(slots=True)
class PodIdentityAssociation:
    """A pod identity of an add-on."""

    id: str
    arn: str
    service_account: str
    role_arn: str


@dataclass(slots=True)
class Addon:
    """A managed add-on. `configuration_values` is the text given by people, None when there is none."""

    name: str
    arn: str
    version: str
    created_at: datetime
    modified_at: datetime
    status: str = "ACTIVE"
    health: list[HealthIssue] = field(default_factory=list)
    service_account_role_arn: str | None = None
    configuration_values: str | None = None
    pod_identity_associations: list[PodIdentityAssociation] = field(default_factory=list)
    owner: str = "aws"
    publisher: str = "eks"
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class DeprecatedUse:
    """Calls to an API that a later version stops serving; feeds the deprecated-API insight."""

    usage: str
    replaced_with: str
    stop_serving_version: str
    start_serving_replacement_version: str
    user_agent: str
    requests_last_30_days: int
    last_request_at: datetime


@dataclass(slots=True)
class Insight:
    """An EKS insight as last refreshed.

    `resources` are DescribeInsight's rows in wire shape, `summary` its category summary.
    """

    id: str
    name: str
    category: str
    kubernetes_version: str
    description: str
    recommendation: str
    status: str
    reason: str
    last_refresh_at: datetime
    last_transition_at: datetime
    resources: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    additional_info: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class InsightsRefresh:
    """The last refresh that somebody asked for. `status`: IN_PROGRESS, COMPLETED or FAILED."""

    status: str
    message: str
    started_at: datetime
    ended_at: datetime | None = None


@dataclass(slots=True)
class AccessPolicyAssociation:
    """An access policy on an access entry. `namespaces` is empty for cluster scope."""

    policy_arn: str
    scope: str
    namespaces: list[str]
    associated_at: datetime


@dataclass(slots=True)
class AccessEntry:
    """An EKS access entry."""

    principal_arn: str
    arn: str
    username: str
    type: str
    kubernetes_groups: list[str]
    created_at: datetime
    policies: list[AccessPolicyAssociation] = field(default_factory=list)


@dataclass(slots=True)
class FargateProfile:
    """A Fargate profile."""

    name: str
    arn: str
    pod_execution_role_arn: str
    subnet_ids: list[str]
    selectors: list[dict[str, Any]]
    created_at: datetime
    status: str = "ACTIVE"


@dataclass(slots=True)
class Cluster:
    """A cluster.

    `endpoint`, `certificate_authority` (base64 PEM) and `oidc_issuer` are set by the Kubernetes face when it listens.
    """

    name: str
    arn: str
    account: str
    region: str
    environment: str
    version: str
    platform_version: str
    role_arn: str
    vpc_id: str
    subnet_ids: list[str]
    security_group_ids: list[str]
    cluster_security_group_id: str
    created_at: datetime
    kube: ObjectStore
    status: str = "ACTIVE"
    health: list[HealthIssue] = field(default_factory=list)
    encryption_key_arn: str | None = None
    authentication_mode: str = "API_AND_CONFIG_MAP"
    access_entries: dict[str, AccessEntry] = field(default_factory=dict)
    support_type: str = "EXTENDED"
    deletion_protection: bool = False
    public_access: bool = True
    private_access: bool = True
    public_access_cidrs: list[str] = field(default_factory=lambda: ["0.0.0.0/0"])
    service_cidr: str = "172.20.0.0/16"
    log_types: list[str] = field(default_factory=list)
    tags: dict[str, str] = field(default_factory=dict)
    endpoint: str = ""
    certificate_authority: str = ""
    oidc_issuer: str = ""
    addons: dict[str, Addon] = field(default_factory=dict)
    nodegroups: dict[str, Nodegroup] = field(default_factory=dict)
    other_nodegroups: dict[str, Nodegroup] = field(default_factory=dict)
    """Nodes that EKS does not manage (self-managed, Karpenter, Fargate), kept in the same form; unknown to the EKS
    API.
    """
    fargate_profiles: dict[str, FargateProfile] = field(default_factory=dict)
    updates: dict[str, Update] = field(default_factory=dict)
    tokens: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """Client request tokens seen: (operation, token) -> (what was asked, update id)."""
    insights: dict[str, Insight] = field(default_factory=dict)
    insights_refresh: InsightsRefresh | None = None
    deprecated_uses: list[DeprecatedUse] = field(default_factory=list)
    surroundings: Surroundings = field(default_factory=Surroundings)
    ip_family: str = "ipv4"
    hybrid_networks: list[str] = field(default_factory=list)
    """Address ranges of hybrid nodes; empty when the cluster takes none."""
    zonal_shift: bool = False
    auto_mode: bool = False
    api_resets_until: datetime | None = None
    """Until when API-server connections are cut now and then, after a control-plane update (a fault)."""
    launches: int = 0
    """How many instances this cluster ever launched; names and numbers the next one."""
    patch_version: str = ""
    """Full Kubernetes version of the API server, for example 1.34.2; `/version` says `v1.34.2-eks-…`."""

    @property
    def key(self) -> str:
        """`account/region/name`, unique in the world."""
        return f"{self.account}/{self.region}/{self.name}"

    def updates_in_progress(self) -> list[Update]:
        return [update for update in self.updates.values() if update.status == "InProgress"]


@dataclass(slots=True)
class Region:
    """What one region of one account keeps besides clusters. A deleted subnet is simply not here."""

    account: str
    name: str
    zones: list[str]
    clusters: dict[str, Cluster] = field(default_factory=dict)
    subnets: dict[str, Subnet] = field(default_factory=dict)
    security_groups: dict[str, SecurityGroup] = field(default_factory=dict)
    stacks: dict[str, Stack] = field(default_factory=dict)
    quotas: dict[tuple[str, str], float] = field(default_factory=lambda: dict(QUOTAS))


@dataclass(frozen=True, slots=True)
class Call:
    """A mutating call that was received, whether it took effect or not.

    `outcome` is `ok`, `repeated` (same token) or the error's name.
    """

    at: datetime
    kind: str
    cluster: str
    subject: str
    args: dict[str, Any]
    token: str | None
    outcome: str


@dataclass(frozen=True, slots=True)
class Effect:
    """A mutating call that took effect.

    `kind` is the operation (`UpdateAddon`, `pods/evict`), `update_id` set for EKS updates.
    """

    at: datetime
    kind: str
    cluster: str
    subject: str
    args: dict[str, Any]
    token: str | None
    update_id: str | None = None


@dataclass(frozen=True, slots=True)
class Duration:
    """How long the world itself took for one thing that was asked of it."""

    cluster: str
    kind: str
    subject: str
    started_at: datetime
    ended_at: datetime

    @property
    def length(self) -> timedelta:
        return self.ended_at - self.started_at
