"""What stands around a cluster in its AWS account, as far as an upgrade depends on it."""

from __future__ import annotations

from typing import Literal

from upgrade.facts import Value
from upgrade.versions import KubernetesVersion


class TrafficRule(Value):
    """A rule of a security group. ``protocol`` is ``-1`` for all; ports are None then.

    ``itself``: the peer is the group itself. ``everywhere``: the peer is 0.0.0.0/0 or ::/0.
    """

    protocol: str
    from_port: int | None = None
    to_port: int | None = None
    itself: bool = False
    everywhere: bool = False


class SecurityGroup(Value):
    id: str
    ingress: tuple[TrafficRule, ...] = ()
    egress: tuple[TrafficRule, ...] = ()


class Quota(Value):
    """A service quota and how much of it is used, in the quota's unit; None when nobody can tell."""

    service: str
    code: str
    name: str
    limit: float
    used: float | None = None


class UserData(Value):
    """What a launch template's user data does at boot; the text itself may hold secrets and is not kept.

    Args:
        kind: ``bootstrap.sh`` (AL2), ``nodeadm`` (AL2023), ``settings`` (Bottlerocket's TOML), ``none`` or ``other``.
        flags: the kubelet and bootstrap flags in it, values only where a rule reads them.
        cluster_keys: which of ``apiServerEndpoint``, ``certificateAuthority`` and ``cidr`` a nodeadm NodeConfig has.
    """

    kind: Literal["bootstrap.sh", "nodeadm", "settings", "none", "other"] = "none"
    flags: tuple[str, ...] = ()
    cluster_keys: tuple[str, ...] = ()


class LaunchTemplateVersion(Value):
    """A version of a launch template that a node group or Auto Scaling group uses; ``latest`` is the newest."""

    id: str
    name: str = ""
    version: int
    latest: int
    image_id: str | None = None
    instance_type: str | None = None
    hop_limit: int | None = None
    tokens_required: bool | None = None
    user_data: UserData = UserData()


class AutoScalingGroup(Value):
    """An Auto Scaling group of the cluster. ``nodegroup`` is set for one that EKS manages.

    ``template_versions`` are the launch template versions that its instances were made from.
    """

    name: str
    nodegroup: str | None = None
    template_id: str | None = None
    template_version: str | None = None
    template_versions: tuple[str, ...] = ()
    desired: int = 0
    minimum: int = 0
    maximum: int = 0


class Instance(Value):
    """An EC2 instance of the cluster; its node's provider id ends with ``id``."""

    id: str
    type: str
    image_id: str = ""
    zone: str = ""
    hop_limit: int | None = None
    tokens_required: bool = False


class VersionOwner(Value):
    """A tool that declares the cluster's version.

    Args:
        tool: ``eksctl``, ``Terraform``, ``CloudFormation`` or ``CDK``.
        name: its stack or workspace, as far as tags tell.
        declared: the version that it declares, None when it cannot be read.
    """

    tool: Literal["eksctl", "Terraform", "CloudFormation", "CDK"]
    name: str = ""
    declared: KubernetesVersion | None = None
    evidence: str = ""
