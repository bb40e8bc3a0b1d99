"""How long EKS supports the version, what it costs, and how far the newest one is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.eks import OfferedVersion
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.reach import SUPPORTED
from upgrade.support import support_of

_CALENDAR: Final = "Amazon EKS User Guide: Understand the Kubernetes version lifecycle on EKS"
_SOON: Final = timedelta(days=60)
_YEAR: Final = timedelta(days=365)
#: So many hops make people think of a new cluster beside the old one (A-66).
_MANY_HOPS: Final = 3


@check(
    "SUP001",
    "EKS supports the present version for long enough",
    rules=("A-04", "B-128-01"),
    source=_CALENDAR,
    permissions=("eks:DescribeClusterVersions",),
    severity=Severity.INFORMS,
)
def support_lasts(hop: Hop) -> Iterator[Problem]:
    """After the last day EKS moves the control plane by itself; add-ons and nodes stay where they are."""
    if not hop.first:
        raise NotApplicable
    offered, now = need(hop.now.offered_versions), hop.now.taken_at
    support = support_of(hop.now.control_plane, offered)
    if support is None:
        raise NotApplicable
    if support.forced_at is not None:
        late = support.forced_at - now < _SOON
        yield Problem(
            subject=str(support.version),
            summary=f"EKS moves the control plane off {support.version} by itself after {_day(support.forced_at)}.",
            remedy="Upgrade before that day: a forced upgrade comes unannounced and moves the control plane alone.",
            severity=Severity.WARNS if late else Severity.INFORMS,
        )
    if support.is_extended(now):
        yield Problem(
            subject=str(support.version),
            summary=f"{support.version} is in extended support: it costs about {support.extended_cost(now)} dollars a "
            "month more than a version in standard support.",
            remedy="Upgrade to a version in standard support.",
        )


@check(
    "SUP002",
    "The cluster is upgraded at least once a year",
    rules=("A-35",),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=("eks:DescribeClusterVersions",),
    severity=Severity.INFORMS,
)
def cadence_is_kept(hop: Hop) -> Iterator[Problem]:
    if not hop.first:
        raise NotApplicable
    present = _present(hop)
    if present is None or present.released_at is None:
        raise NotApplicable
    if hop.now.taken_at - present.released_at > _YEAR:
        yield Problem(
            subject=str(present.version),
            summary=f"The version was released on {_day(present.released_at)}, more than a year ago.",
            remedy="Plan a quarterly look: the control plane twice and the nodes once a year keep up.",
        )


@check(
    "SUP003",
    "The newest version is few hops away",
    rules=("A-66",),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=("eks:DescribeClusterVersions",),
    severity=Severity.INFORMS,
)
def newest_is_near(hop: Hop) -> Iterator[Problem]:
    if not hop.first:
        raise NotApplicable
    newest = max((one.version for one in need(hop.now.offered_versions) if one.status in SUPPORTED), default=None)
    if newest is None:
        raise NotApplicable
    hops = newest.minors_after(hop.now.control_plane.version)
    if hops >= _MANY_HOPS:
        yield Problem(
            subject=str(newest),
            summary=f"{newest} is {hops} hops away; a new cluster beside this one would jump them.",
            remedy="Weigh blue/green: it can go back, but it has another endpoint and OIDC issuer, costs twice as much "
            "for a while, and moves load balancers, DNS and data.",
        )


def _present(hop: Hop) -> OfferedVersion | None:
    version = hop.now.control_plane.version
    return next((one for one in need(hop.now.offered_versions) if one.version == version), None)


def _day(when: datetime) -> str:
    return f"{when:%Y-%m-%d}"
