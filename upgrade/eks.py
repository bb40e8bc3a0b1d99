"""A cluster as AWS tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from upgrade.facts import Value
from upgrade.versions import AddonVersion, KubernetesVersion


class ClusterId(Value):
    """Which cluster: its account (12 digits), region and name."""

    account: str
    region: str
    name: str

    def __str__(self) -> str:
        return f"{self.account}/{self.region}/{self.name}"


class Issue(Value):
    """An entry of ``health.issues`` or ``update.errors``: EKS's code, its message and the resources it names."""

    code: str
    message: str = ""
    resource_ids: tuple[str, ...] = ()


class ControlPlane(Value):
    """What DescribeCluster says."""

    arn: str
    version: KubernetesVersion
    platform_version: str = ""
    status: str
    role_arn: str
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    cluster_security_group_id: str | None = None
    issues: tuple[Issue, ...] = ()
    key_arns: tuple[str, ...] = ()
    authentication_mode: str = "CONFIG_MAP"
    support_type: str | None = None
    auto_mode: bool = False
    logging: tuple[str, ...] = ()
    endpoint: str = ""
    certificate_authority: str = ""
    tags: Mapping[str, str] = {}
    created_at: datetime | None = None
    ip_family: str = "ipv4"
    public_endpoint: bool = True
    hybrid_nodes: bool = False
    zonal_shift: bool = False


class CallerIdentity(Value):
    account: str
    arn: str


class OfferedVersion(Value):
    """An entry of DescribeClusterVersions. ``status`` is STANDARD_SUPPORT, EXTENDED_SUPPORT or UNSUPPORTED."""

    version: KubernetesVersion
    status: str
    default: bool = False
    default_platform_version: str = ""
    released_at: datetime | None = None
    standard_support_ends_at: datetime | None = None
    extended_support_ends_at: datetime | None = None


class UpdateSubject(Value):
    """What an EKS update is of: the cluster itself, one node group or one add-on."""

    kind: Literal["cluster", "nodegroup", "addon"]
    name: str = ""


class EksUpdate(Value):
    """An update as DescribeUpdate tells it.

    Args:
        params: maps the parameter type to its value.
        request_id: AWS's id of the request that made it; empty when it was only looked at.
    """

    id: str
    subject: UpdateSubject
    type: str
    status: Literal["InProgress", "Failed", "Cancelled", "Successful"]
    params: Mapping[str, str] = {}
    created_at: datetime
    errors: tuple[Issue, ...] = ()
    request_id: str = ""


class Subnet(Value):
    id: str
    zone: str
    vpc_id: str
    free_addresses: int
    cidr: str = ""


class IamRole(Value):
    """The cluster's role. ``trusts_eks``: its trust policy lets eks.amazonaws.com assume it."""

    arn: str
    trusts_eks: bool


class KmsKey(Value):
    """``usable_by_role``: SimulatePrincipalPolicy allows the cluster role DescribeKey and CreateGrant."""

    arn: str
    state: str
    usable_by_role: bool


class InsightClient(Value):
    """Who called a removed API, as EKS's audit tells it."""

    user_agent: str
    requests: int = 0
    last_request_at: datetime | None = None


class InsightDeprecation(Value):
    """``usage`` such as ``/apis/policy/v1beta1/podsecuritypolicies``; ``stops_at`` the version without it."""

    usage: str
    replaced_with: str = ""
    stops_at: str = ""
    starts_at: str = ""
    clients: tuple[InsightClient, ...] = ()


class Insight(Value):
    """An upgrade insight of EKS (A-13). ``status`` is PASSING, WARNING, ERROR or UNKNOWN."""

    id: str
    name: str
    status: str
    reason: str = ""
    version: KubernetesVersion | None = None
    refreshed_at: datetime | None = None
    recommendation: str = ""
    resources: tuple[str, ...] = ()
    callers: tuple[str, ...] = ()
    deprecations: tuple[InsightDeprecation, ...] = ()

    @property
    def blocks(self) -> bool:
        """Whether it would stop an upgrade: an error, or one that EKS could not judge."""
        return self.status not in ("PASSING", "WARNING")


class Insights(Value):
    items: tuple[Insight, ...]


class Addon(Value):
    """An installed EKS add-on. Its configuration values are never read into a snapshot (they may hold secrets)."""

    name: str
    version: AddonVersion
    status: str
    issues: tuple[Issue, ...] = ()
    role_arn: str | None = None
    modified_at: datetime | None = None


class AddonOffer(Value):
    """An add-on version that EKS offers.

    ``versions``: the cluster versions it runs on; ``default_for``: those whose default it is.
    """

    addon: str
    version: AddonVersion
    versions: tuple[KubernetesVersion, ...]
    default_for: tuple[KubernetesVersion, ...] = ()


class LaunchTemplate(Value):
    id: str
    version: str
    name: str = ""


class Nodegroup(Value):
    """A managed node group (A-43). ``launch_template`` is set when it was made with one of the user's own."""

    name: str
    version: KubernetesVersion
    release_version: str = ""
    status: str
    ami_type: str
    issues: tuple[Issue, ...] = ()
    min_size: int = 0
    max_size: int = 0
    desired_size: int = 0
    max_unavailable: int | None = None
    max_unavailable_percentage: int | None = None
    update_strategy: str = "DEFAULT"
    launch_template: LaunchTemplate | None = None
    subnet_ids: tuple[str, ...] = ()
    instance_types: tuple[str, ...] = ()
    capacity_type: str = "ON_DEMAND"
    autoscaling_groups: tuple[str, ...] = ()
    modified_at: datetime | None = None


class AmiRelease(Value):
    """The recommended AMI release of an AMI type for a Kubernetes version (A-55)."""

    version: KubernetesVersion
    ami_type: str
    release_version: str


class Access(Value):
    """May the bot act inside the cluster (A-30)? ``denied`` lists what the API server refused, as ``verb resource``."""

    mapped: bool
    denied: tuple[str, ...] = ()
