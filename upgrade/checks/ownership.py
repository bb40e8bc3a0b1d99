"""Who owns the version: a tool that declares another one takes the upgrade back at its next run."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.data_files import read_data
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.floors import Release, parse_release
from upgrade.versions import KubernetesVersion

_EKSCTL_VERSION: Final = "alpha.eksctl.io/eksctl-version"


@check(
    "OWN001",
    "What declares the cluster's version declares the target",
    rules=("A-33", "C-36"),
    source="Amazon EKS User Guide: Update existing cluster to new Kubernetes version",
    permissions=("cloudformation:GetTemplate", "cloudformation:DescribeStacks"),
    waivable=True,
    stops=("control-plane",),
    phases=("control-plane",),
)
def declared_version_is_the_target(hop: Hop) -> Iterator[Problem]:
    """eksctl, Terraform, CloudFormation and CDK apply what they declare: a fresh upgrade looks to them like drift.

    The templates of stacks are read. What Terraform declares stands in files and states that the bot has no access to,
    so that it is known by the cluster's tags, warned of, and left to the check list.
    """
    if not _last(hop):
        raise NotApplicable  # what is declared is asked of the whole way, once
    for owner in need(hop.now.owners):
        subject = f"{owner.tool}/{owner.name}" if owner.name else owner.tool
        evidence = {"seen in": owner.evidence} if owner.evidence else {}
        if owner.declared is None:
            yield Problem(
                subject,
                f"{owner.tool} owns the cluster, and which version it declares cannot be read.",
                f"Raise the version there to {hop.target} and merge it before the next apply.",
                evidence,
                Severity.WARNS,
            )
        elif owner.declared < hop.target:
            yield Problem(
                subject,
                f"{owner.tool} declares {owner.declared}; its next apply would take {hop.target} for drift.",
                f"Merge the change to {hop.target} first, or waive this and keep everybody from applying.",
                evidence,
            )


@check(
    "OWN002",
    "The eksctl that made the cluster knows the target",
    rules=("A-32", "C-17"),
    source="eksctl: release notes",
    permissions=("eks:DescribeCluster",),
    severity=Severity.INFORMS,
    phases=("control-plane",),
)
def eksctl_knows_the_target(hop: Hop) -> Iterator[Problem]:
    """The bot uses no eksctl, and the tag tells only which one made the cluster; who uses it still needs a newer."""
    text = hop.now.control_plane.tags.get(_EKSCTL_VERSION, "")
    release = parse_release(text)
    if release is None or not _last(hop):
        raise NotApplicable
    needed = max((one for version, one in _eksctl().items() if version <= hop.target), default=None)
    if needed is not None and release < needed:
        wanted = ".".join(map(str, needed))
        yield Problem(
            subject=f"eksctl/{text}",
            summary=f"The cluster was made with eksctl {text}; {hop.target} takes {wanted} or newer.",
            remedy=f"Whoever uses eksctl for this cluster needs {wanted} or newer; the bot uses none.",
        )


def _last(hop: Hop) -> bool:
    """Whether it reaches the version that was asked for, with a plan or without one."""
    return hop.wish is None or hop.target == hop.wish


@cache
def _eksctl() -> dict[KubernetesVersion, Release]:
    """The first release that knows each version."""
    first = read_data("eksctl.yaml")["first"]
    return {
        KubernetesVersion.parse(version): release for version, text in first.items() if (release := parse_release(text))
    }
