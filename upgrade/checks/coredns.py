"""CoreDNS: a Corefile that its versions understand, and an update of it that nothing holds up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.floors import installed
from upgrade.pod_templates import READS
from upgrade.rows import WorkloadRow
from upgrade.versions import KubernetesVersion

_PAGE: Final = "Amazon EKS User Guide: Manage CoreDNS for DNS in Amazon EKS clusters"
_NOTES: Final = "Amazon EKS User Guide: Review release notes for Kubernetes versions"
_CONFIG: Final = "configmaps kube-system/coredns"
_DEPLOYMENT: Final = "kube-system/Deployment/coredns"
_COREFILE: Final = "kube-system/ConfigMap/coredns"
#: The budget that EKS's add-on brings itself (since v1.9.3-eksbuild.6 and v1.10.1-eksbuild.3).
_OWN_BUDGET: Final = "coredns"
_PROXY: Final = re.compile(r"^\s*proxy\s+\.(\s|$)", re.MULTILINE)
_UPSTREAM: Final = re.compile(r"^\s*upstream\s*$", re.MULTILINE)
_READY: Final = re.compile(r"^\s*ready(\s|$)", re.MULTILINE)
_WILDCARD: Final = re.compile(r"^[^#\n]*(?<![\w*])\*\.[\w.-]+", re.MULTILINE)


@check(
    "DNS001",
    "CoreDNS understands its Corefile",
    rules=("A-88",),
    source=_PAGE,
    permissions=(f"get {_CONFIG}",),
    stops=("add-ons",),
    waivable=True,
)
def corefile_is_understood(hop: Hop) -> Iterator[Problem]:
    """CoreDNS 1.7.0 dropped ``upstream``, 1.5.0 dropped ``proxy``; a line of either keeps a newer one from starting."""
    corefile = _corefile(hop)
    if _UPSTREAM.search(corefile):
        yield Problem(
            subject=_COREFILE,
            summary="The Corefile has a line that is only “upstream”; CoreDNS 1.7.0 and later does not start with it.",
            remedy="Delete that line alone from the ConfigMap coredns of kube-system.",
        )
    if _PROXY.search(corefile):
        yield Problem(
            subject=_COREFILE,
            summary="The Corefile uses the plugin proxy; CoreDNS 1.5.0 and later does not start with it.",
            remedy="Write forward instead of proxy in the ConfigMap coredns of kube-system.",
        )


@check(
    "DNS002",
    "An update of CoreDNS will go through and nobody will miss an answer",
    rules=("A-89", "E-08"),
    source=_PAGE,
    permissions=(f"get {_CONFIG}", "eks:DescribeAddon", "list poddisruptionbudgets.policy", "list deployments.apps"),
    severity=Severity.WARNS,
    stops=("add-ons",),
)
def coredns_updates_smoothly(hop: Hop) -> Iterator[Problem]:
    if not _READY.search(_corefile(hop)):
        yield Problem(
            subject=_COREFILE,
            summary="The Corefile lacks the plugin ready, so a CoreDNS that cannot answer yet is asked all the same.",
            remedy="Add a line “ready” to the server block of the Corefile.",
        )
    rows = [row for row in need(hop.now.workloads) if _is_coredns(row)]
    for row in rows:
        if row.replicas < 2:
            yield Problem(
                subject=_DEPLOYMENT,
                summary="CoreDNS has fewer than two replicas: names cannot be looked up while its pod moves.",
                remedy="Scale it to two or more before it is updated and before nodes are replaced.",
            )
    if any(addon.name == "coredns" for addon in need(hop.now.addons)):
        yield from _foreign_budgets(hop, rows)


@check(
    "DNS003",
    "Nobody asks CoreDNS for wildcard names of services",
    rules=("B-125-07",),
    source=_NOTES,
    permissions=(f"get {_CONFIG}",),
    applies_from=KubernetesVersion(1, 25),
    applies_until=KubernetesVersion(1, 25),
    severity=Severity.INFORMS,
)
def no_wildcards(hop: Hop) -> Iterator[Problem]:
    found = _WILDCARD.search(_corefile(hop))
    if found:
        yield Problem(
            subject=_COREFILE,
            summary="The Corefile has a wildcard name; CoreDNS 1.9 answers NXDOMAIN to wildcard queries.",
            remedy="Look whether something asks for names that begin with “*.”, and let it ask for whole names.",
            evidence={"line": found[0].strip()},
        )


@check(
    "DNS004",
    "Self-managed CoreDNS may list EndpointSlices",
    rules=("A-89",),
    source=_PAGE,
    permissions=("eks:DescribeAddon", *READS),
    severity=Severity.INFORMS,
)
def cluster_role_reads_slices(hop: Hop) -> Iterator[Problem]:
    """The role itself is not read; a CoreDNS that EKS manages brings its own."""
    for one in installed(hop.now, hop.templates, "coredns"):
        if one.template and one.subject == _DEPLOYMENT and (one.release or (0, 0, 0)) < (1, 8, 3):
            yield Problem(
                subject="ClusterRole/system:coredns",
                summary="CoreDNS 1.8.3 and later lists EndpointSlices, and nobody but you gives its role that right.",
                remedy="Add list and watch of endpointslices (discovery.k8s.io) to the ClusterRole system:coredns "
                "before you update it.",
            )


def _corefile(hop: Hop) -> str:
    corefile = need(hop.now.core_config).corefile
    if corefile is None:
        raise NotApplicable
    return corefile


def _foreign_budgets(hop: Hop, rows: list[WorkloadRow]) -> Iterator[Problem]:
    """EKS's add-on brings a budget called coredns; another one for the same pods makes its update or drains fail."""
    for row in rows:
        for pdb in hop.budgets.covering(row.namespace, row.template_labels or row.selector):
            if pdb.name != _OWN_BUDGET:
                yield Problem(
                    subject=f"{pdb.namespace}/PodDisruptionBudget/{pdb.name}",
                    summary=f"{pdb.name} covers CoreDNS, and EKS's add-on brings a budget of its own, so its update "
                    "may fail and its pods cannot be evicted.",
                    remedy="Remove it, or have the add-on update resolve conflicts with OVERWRITE.",
                )


def _is_coredns(row: WorkloadRow) -> bool:
    return (row.kind, row.namespace, row.name) == ("Deployment", "kube-system", "coredns")
