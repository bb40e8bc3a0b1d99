"""Kubernetes' side of the network: Services, addresses, ingress, kube-proxy."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.components import KUBE_PROXY, is_kube_proxy
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.owner import owner_evidence
from upgrade.pod_templates import READS
from upgrade.rows import WorkloadRow
from upgrade.versions import KubernetesVersion

_NOTES: Final = "Amazon EKS User Guide: Review release notes for Kubernetes versions"
_KUBE_PROXY_PAGE: Final = "Amazon EKS User Guide: Manage kube-proxy in Amazon EKS clusters"
_SERVICES: Final = ("list services",)
_STRICT: Final = KubernetesVersion(1, 36)
_IPVS_DEPRECATED: Final = KubernetesVersion(1, 35)
_IPVS_GONE: Final = KubernetesVersion(1, 40)
_MINIMAL_ONLY: Final = KubernetesVersion(1, 25)
#: Clusters made before have a kube-proxy manifest that runs on one architecture alone (E-34).
_BOTH_ARCHITECTURES_SINCE: Final = datetime(2020, 8, 17, tzinfo=UTC)
_ARCHITECTURE: Final = "kubernetes.io/arch"
#: Kubernetes' own controllers keep Endpoints up to date for the rest of us.
_OWN_CONTROLLERS: Final = (
    "system:kube-",
    "system:node:",
    "system:apiserver",
    "system:serviceaccount:kube-system:",
    "eks:",
)
_SHOWN: Final = 10


@check(
    "SVC001",
    "No Service asks for two address families",
    rules=("B-123-03",),
    source="Amazon EKS User Guide: Learn about IPv6 addresses to clusters, Pods, and services",
    permissions=_SERVICES,
    applies_from=KubernetesVersion(1, 23),
    applies_until=KubernetesVersion(1, 23),
    severity=Severity.WARNS,
)
def no_dual_stack(hop: Hop) -> Iterator[Problem]:
    for one in need(hop.now.services):
        if one.ip_family_policy in ("PreferDualStack", "RequireDualStack"):
            yield Problem(
                subject=f"{one.namespace}/Service/{one.name}",
                summary=f"{one.namespace}/{one.name} asks for {one.ip_family_policy}; an EKS cluster is IPv4 or IPv6.",
                remedy="Set ipFamilyPolicy to SingleStack.",
                evidence=owner_evidence(one.labels),
            )


@check(
    "SVC002",
    "Every address in Services and NetworkPolicies is written as 1.36 wants it",
    rules=("B-127-05", "B-136-03"),
    source="Kubernetes Enhancement 4858: IP/CIDR validation improvements",
    permissions=(*_SERVICES, "list networkpolicies.networking.k8s.io"),
    applies_from=KubernetesVersion(1, 27),
    severity=Severity.WARNS,
)
def addresses_are_canonical(hop: Hop) -> Iterator[Problem]:
    """What is stored stays; from 1.36 on it cannot be created, and before that the API server only warns."""
    severity = Severity.WARNS if hop.target >= _STRICT else Severity.INFORMS
    for subject, label, bad in _bad_addresses(hop):
        yield Problem(
            subject=subject,
            summary=f"{subject} has addresses with leading zeros, host bits or no meaning; 1.36 refuses to write them.",
            remedy="Write them in their canonical form in the manifest or chart.",
            evidence=label | {"addresses": ", ".join(bad[:_SHOWN])},
            severity=severity,
        )


@check(
    "SVC003",
    "No Service has externalIPs",
    rules=("B-136-04",),
    source=_NOTES,
    permissions=_SERVICES,
    applies_from=_STRICT,
    severity=Severity.INFORMS,
)
def no_external_ips(hop: Hop) -> Iterator[Problem]:
    for one in need(hop.now.services):
        if one.external_ips:
            yield Problem(
                subject=f"{one.namespace}/Service/{one.name}",
                summary=f"{one.namespace}/{one.name} has externalIPs, deprecated since 1.36 and meant to go with 1.43.",
                remedy="Use a load balancer, a node port or a Gateway.",
                evidence=owner_evidence(one.labels) | {"addresses": ", ".join(one.external_ips)},
            )


@check(
    "SVC004",
    "No Service steers its traffic by the deprecated annotation",
    rules=("B-133-05",),
    source="Kubernetes 1.33: Changes by Kind, Deprecation",
    permissions=_SERVICES,
    applies_from=KubernetesVersion(1, 33),
    severity=Severity.INFORMS,
)
def no_topology_annotation(hop: Hop) -> Iterator[Problem]:
    for one in need(hop.now.services):
        if one.topology_mode:
            yield Problem(
                subject=f"{one.namespace}/Service/{one.name}",
                summary=f"{one.namespace}/{one.name} has the annotation service.kubernetes.io/topology-mode, "
                "deprecated since 1.33.",
                remedy="Use spec.trafficDistribution.",
                evidence=owner_evidence(one.labels),
            )


@check(
    "SVC005",
    "No ingress is served by Ingress NGINX, which is retired",
    rules=("A-70", "B-135-04"),
    source="Kubernetes: Ingress NGINX Retirement (March 2026)",
    permissions=READS,
    severity=Severity.WARNS,
)
def no_retired_ingress(hop: Hop) -> Iterator[Problem]:
    """Recognised by ``ingress-nginx/controller``, also in a mirror; NGINX's own ingress controller is another."""
    for one in hop.templates:
        image = next((image for image in one.images if "ingress-nginx/controller" in image), None)
        if image:
            yield Problem(
                subject=one.subject,
                summary=f"{one.subject} is Ingress NGINX, which gets no fixes since March 2026.",
                remedy="Plan the move to a Gateway API implementation or to the AWS Load Balancer Controller.",
                evidence=one.evidence(image=image),
            )


@check(
    "SVC006",
    "kube-proxy runs in a mode that is named and stays",
    rules=("B-133-06", "B-135-05", "B-137-04"),
    source="Kubernetes Enhancement 5495: Deprecate ipvs mode in kube-proxy",
    permissions=("get configmaps kube-system/kube-proxy-config",),
    applies_from=KubernetesVersion(1, 33),
    severity=Severity.WARNS,
    waivable=True,
)
def kube_proxy_mode_stays(hop: Hop) -> Iterator[Problem]:
    """IPVS: deprecated with 1.35, behind a gate with 1.37, off with 1.40; 1.36 does not remove it."""
    mode = need(hop.now.core_config).kube_proxy_mode
    if mode is None:
        raise NotApplicable
    subject = "kube-system/ConfigMap/kube-proxy-config"
    if mode == "ipvs" and hop.target >= _IPVS_DEPRECATED:
        yield Problem(
            subject=subject,
            summary=f"kube-proxy runs in IPVS mode, deprecated since {_IPVS_DEPRECATED} and off by {_IPVS_GONE}.",
            remedy="Change its mode to nftables or iptables, and let the nodes be replaced.",
            severity=Severity.BLOCKS if hop.target >= _IPVS_GONE else None,
        )
    elif not mode:
        yield Problem(
            subject=subject,
            summary="The mode of kube-proxy is not named: iptables is the default today, and 1.37 warns of it.",
            remedy="Set mode to iptables or nftables.",
            severity=Severity.INFORMS,
        )


@check(
    "SVC007",
    "A self-managed kube-proxy keeps its type of image and runs on every architecture",
    rules=("B-123-05", "B-125-09", "E-34"),
    source=_KUBE_PROXY_PAGE,
    permissions=("eks:ListAddons", "list daemonsets.apps", "list nodes"),
    applies_from=KubernetesVersion(1, 23),
    severity=Severity.WARNS,
)
def kube_proxy_keeps_its_image(hop: Hop) -> Iterator[Problem]:
    own = [row for row in need(hop.now.workloads) if is_kube_proxy(row)]
    if not own or any(addon.name == KUBE_PROXY for addon in need(hop.now.addons)):
        raise NotApplicable
    for row in own:
        image = next(iter(row.images), "")
        if "eks/kube-proxy" in image and "-minimal" not in image:
            only = hop.target >= _MINIMAL_ONLY
            fate = "from 1.25 on there is only the minimal one" if only else "the minimal one has no shell"
            yield Problem(
                subject="kube-system/DaemonSet/kube-proxy",
                summary=f"kube-proxy has the default type of image; {fate}, and their manifests differ.",
                remedy="Apply the manifest of the minimal type, and let no probe or script use a shell in it."
                if only
                else "Keep the type of image when you update it, or change the manifest with it.",
                evidence={"image": image},
            )
        yield from _one_architecture(hop, row)


@check(
    "SVC008",
    "Nobody but Kubernetes itself is seen using the Endpoints API",
    rules=("B-133-03",),
    source=_NOTES,
    permissions=("logs:StartQuery", "logs:GetQueryResults"),
    applies_from=KubernetesVersion(1, 33),
    severity=Severity.WARNS,
)
def nobody_uses_endpoints(hop: Hop) -> Iterator[Problem]:
    agents: dict[str, set[str]] = defaultdict(set)
    for one in need(hop.now.audit_requests):
        if (one.group, one.resource) == ("", "endpoints") and not one.username.startswith(_OWN_CONTROLLERS):
            agents[one.username].add(one.user_agent)
    for user, seen in sorted(agents.items()):
        yield Problem(
            subject=user,
            summary=f"{user} uses the Endpoints API, deprecated since 1.33.",
            remedy="Let it read EndpointSlices (discovery.k8s.io/v1).",
            evidence={"user agents": ", ".join(sorted(seen)[:_SHOWN])},
        )


def _one_architecture(hop: Hop, row: WorkloadRow) -> Iterator[Problem]:
    made = hop.now.control_plane.created_at
    named = {one.key for term in row.shape.node_terms for one in term.requirements} | row.shape.node_selector.keys()
    if made is None or made >= _BOTH_ARCHITECTURES_SINCE or _ARCHITECTURE in named:
        return
    found = {node.labels.get(_ARCHITECTURE, "") for node in need(hop.now.nodes)}
    if {"amd64", "arm64"} <= found:
        yield Problem(
            subject="kube-system/DaemonSet/kube-proxy",
            summary="The cluster is from before 17 August 2020 and has nodes of two architectures, which one "
            "kube-proxy of that time does not serve.",
            remedy="Give its DaemonSet a node selector for the architecture, or take the image for both.",
            severity=Severity.INFORMS,
        )


def _bad_addresses(hop: Hop) -> Iterator[tuple[str, dict[str, str], list[str]]]:
    """Subject, owner and the addresses that are not canonical."""
    for service in need(hop.now.services):
        bad = _not_canonical((*service.cluster_ips, *service.external_ips), service.source_ranges)
        if bad:
            yield f"{service.namespace}/Service/{service.name}", owner_evidence(service.labels), bad
    for policy in need(hop.now.network_policies):
        bad = _not_canonical((), policy.cidrs)
        if bad:
            yield f"{policy.namespace}/NetworkPolicy/{policy.name}", {}, bad


def _not_canonical(addresses: Iterable[str], blocks: Iterable[str]) -> list[str]:
    return [text for text in addresses if text != "None" and not _is_address(text)] + [
        text for text in blocks if not _is_block(text)
    ]


def _is_address(text: str) -> bool:
    try:
        return not _maps_ipv4(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_block(text: str) -> bool:
    """A block has its length and no bits behind it."""
    try:
        return "/" in text and not _maps_ipv4(ipaddress.ip_network(text.strip(), strict=True).network_address)
    except ValueError:
        return False


def _maps_ipv4(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
