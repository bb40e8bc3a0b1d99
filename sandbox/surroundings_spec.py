"""The part of a scenario file that says what stands around a cluster in its account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
"""Nothing unknown, nothing coerced, nothing changed afterwards."""


class OwnerSpec(BaseModel):
    """The tool that declares the cluster's version: it shows in the tags and, but for Terraform, in a stack."""

    model_config = STRICT

    tool: Literal["eksctl", "CloudFormation", "CDK", "Terraform"]
    version: Annotated[str, Field(pattern=r"^1\.\d{1,3}$")] | None = None
    """What it declares; default: the cluster's version at the start. Terraform's cannot be seen from AWS."""
    release: Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")] = "0.230.0"
    """Of eksctl, as its tag tells it."""


class SurroundingsSpec(BaseModel):
    """What stands around the cluster; the defaults are those of a healthy one."""

    model_config = STRICT

    recovery_point_hours_old: Annotated[float, Field(ge=0)] | None = 20.0
    """Age of AWS Backup's newest recovery point at the start; null for none."""
    resilience_apps: list[str] = []
    """Applications in Resilience Hub that the cluster is a source of."""
    stale_tokens: list[str] = []
    """Users who call with a service account token that should have been renewed."""
    owner: OwnerSpec | None = None
    narrow_security_group: bool = False
    """The cluster's security group lets in only port 443 from itself."""
    vcpu_quota: Annotated[int, Field(ge=1)] = 1920
    """vCPUs of on-demand standard instances that the account may run in the region."""
    ip_family: Literal["ipv4", "ipv6"] = "ipv4"
    public_endpoint: bool = True
    hybrid_networks: list[str] = []
    """Address ranges of hybrid nodes."""
    zonal_shift: bool = False
    auto_mode: bool = False
    fargate_profiles: list[str] = []
    status: Literal["ACTIVE", "UPDATING", "FAILED"] = "ACTIVE"
    platform_version: Annotated[str, Field(pattern=r"^eks\.\d{1,3}$")] | None = None
    """Default: that of today for the cluster's version."""
