"""How new nodes are started: what user data passes on, and what a launch template says of the metadata service."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from pydantic import Field

from upgrade.checks.images import CHOSEN, NODES, Family, family_of, must_leave_al2
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.checks.rotations import boots, rotations
from upgrade.data_files import read_data
from upgrade.facts import Known, Value, need
from upgrade.findings import Severity
from upgrade.floors import image_name
from upgrade.versions import KubernetesVersion

_AL2023_PAGE: Final = "Amazon EKS User Guide: Upgrade from Amazon Linux 2 to Amazon Linux 2023"
_READS: Final = (*NODES, "ec2:DescribeLaunchTemplateVersions", "autoscaling:DescribeAutoScalingGroups")
#: What a NodeConfig of nodeadm must have where EKS adds nothing to it.
_CLUSTER_KEYS: Final = ("apiServerEndpoint", "certificateAuthority", "cidr")
_SHOWN: Final = 5


class Flag(Value):
    """A flag that nodes of a version and newer do not take; only with one of ``values``, if there are any."""

    rule: str
    flag: str
    values: tuple[str, ...] = ()
    first: KubernetesVersion = Field(alias="from")
    severity: Severity
    source: str

    def is_passed_by(self, written: str) -> bool:
        """``written`` is a flag as user data has it, such as ``--container-runtime=dockerd``."""
        name, _, value = written.partition("=")
        return name == self.flag and (not self.values or value in self.values)


@cache
def flags() -> tuple[Flag, ...]:
    return tuple(Flag.model_validate(entry) for entry in read_data("kubelet_flags.yaml")["flags"])


@check(
    "UDT001",
    "User data passes no flag that new nodes do not take",
    rules=("B-124-03", "B-127-02", "B-131-01", "B-134-04", "B-135-03"),
    source="Amazon EKS User Guide: Customize managed nodes with launch templates",
    permissions=_READS,
    waivable=True,
    stops=("nodes",),
)
def user_data_passes_no_removed_flag(hop: Hop) -> Iterator[Problem]:
    started = boots(hop)
    if not started:
        raise NotApplicable
    for boot in started:
        for flag in flags():
            passed = [written for written in boot.template.user_data.flags if flag.is_passed_by(written)]
            if boot.version >= flag.first and passed:
                yield Problem(
                    subject=boot.subject,
                    summary=f"User data of {boot.subject} passes {passed[0]}, "
                    + ("deprecated" if flag.severity is Severity.WARNS else "gone")
                    + f" from {flag.first} on.",
                    remedy="Make a launch template version without it.",
                    evidence={"launch template": f"{boot.template.name or boot.template.id} {boot.template.version}"},
                    severity=flag.severity,
                )


@check(
    "UDT002",
    "User data suits Amazon Linux 2023 where nodes get it",
    rules=("B-133-02",),
    source=_AL2023_PAGE,
    permissions=_READS,
    waivable=True,
    stops=("nodes",),
)
def user_data_suits_al2023(hop: Hop) -> Iterator[Problem]:
    started = boots(hop)
    if not started:
        raise NotApplicable
    for boot in started:
        data = boot.template.user_data
        leaves = must_leave_al2(boot.nodes, boot.version)
        if data.kind == "bootstrap.sh" and (leaves or family_of(boot.nodes) is Family.AL2023):
            yield Problem(
                subject=boot.subject,
                summary=f"User data of {boot.subject} calls /etc/eks/bootstrap.sh, which Amazon Linux 2023 lacks.",
                remedy="Write its settings as a NodeConfig for nodeadm.",
            )
        lacking = [key for key in _CLUSTER_KEYS if key not in data.cluster_keys]
        if data.kind == "nodeadm" and not boot.merged and lacking:
            yield Problem(
                subject=boot.subject,
                summary=f"The NodeConfig of {boot.subject} does not say {', '.join(lacking)}.",
                remedy="Add them: EKS puts nothing into user data of an image that is your own.",
            )


@check(
    "UDT003",
    "Pods reach the metadata service on new nodes as they do now",
    rules=("A-99", "B-133-02"),
    source=_AL2023_PAGE,
    permissions=(*_READS, "ec2:DescribeInstances", "list serviceaccounts"),
    severity=Severity.WARNS,
    stops=("nodes",),
)
def pods_reach_the_metadata_service(hop: Hop) -> Iterator[Problem]:
    """With a hop limit of 1 only pods on the host network get credentials and region from the instance."""
    rotated = rotations(hop, kinds=CHOSEN)
    limits = {one.id: one.hop_limit for one in need(hop.now.instances)}
    templates = {boot.subject: boot.template.hop_limit for boot in boots(hop)}
    for one in rotated:
        coming = templates.get(one.subject) or (1 if must_leave_al2(one.nodes, one.version) else None)
        present = max((limits.get(node.provider_id.rpartition("/")[2]) or 0 for node in one.nodes.nodes), default=0)
        if coming is not None and coming < 2 <= present:
            callers = _call_aws_by_the_node(hop)
            yield Problem(
                subject=one.subject,
                summary=f"New nodes of {one.name} have an IMDS hop limit of {coming}, the present ones of {present}: "
                "pods lose the node's credentials and its region.",
                remedy="Set the hop limit to 2 in a launch template of your own, or give the pods a role (Pod "
                "Identity, IRSA) and tell them the region.",
                evidence={"call AWS without a role": ", ".join(callers)} if callers else {},
            )


def _call_aws_by_the_node(hop: Hop) -> list[str]:
    if not isinstance(hop.now.service_accounts, Known):
        return []
    roles = {(one.namespace, one.name) for one in hop.now.service_accounts.value if one.role_arn}
    known = set(read_data("node_images.yaml")["calls_aws"])
    return [
        one.subject
        for one in hop.templates
        if not one.shape.host_network
        and (one.namespace, one.shape.service_account) not in roles
        and any(image_name(image) in known for image in one.images)
    ][:_SHOWN]
