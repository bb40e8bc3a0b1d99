"""Controllers and agents that follow the Kubernetes version, told by their image tags."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Final

from upgrade.checks.docker import leaves_docker
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.components import cluster_autoscaler
from upgrade.data_files import read_data
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.floors import Floor, Installed, floors, image_name, installed
from upgrade.plan import AddonStep, ControlPlaneStep
from upgrade.pod_templates import READS
from upgrade.versions import KubernetesVersion

_ADDONS: Final = ("eks:ListAddons", "eks:DescribeAddon")
_NOTES: Final = "Amazon EKS User Guide: Review release notes for Kubernetes versions"
_OLD_REGISTRY: Final = "k8s.gcr.io/"
_KUBECTL: Final = re.compile(r"\bkubectl\S*/v?(\d+\.\d+)\.")


@check(
    "CMP001",
    "The VPC CNI is of a version that the target takes",
    rules=("A-84", "A-85", "B-124-16", "B-126-01", "E-11"),
    source="Amazon EKS User Guide: Amazon VPC CNI",
    permissions=(*_ADDONS, *READS),
    waivable=True,
)
def vpc_cni_fits(hop: Hop) -> Iterator[Problem]:
    yield from _judged(hop, "vpc-cni")
    yield from _picked(hop, "vpc-cni")


@check(
    "CMP002",
    "The AWS Load Balancer Controller is of a version that the target takes",
    rules=("A-85", "A-91", "B-122-02", "B-125-02"),
    source="AWS Load Balancer Controller: Installation",
    permissions=(*_ADDONS, *READS),
    waivable=True,
)
def load_balancer_controller_fits(hop: Hop) -> Iterator[Problem]:
    yield from _judged(hop, "aws-load-balancer-controller")


@check(
    "CMP003",
    "CoreDNS, logging and metrics agents renew their service account tokens",
    rules=("A-85", "B-122-05"),
    source="Amazon EKS User Guide: Service account tokens",
    permissions=(*_ADDONS, *READS),
    severity=Severity.WARNS,
)
def components_renew_their_tokens(hop: Hop) -> Iterator[Problem]:
    yield from _judged(hop, "coredns", "cni-metrics-helper", "aws-for-fluent-bit", "fluentd")


@check(
    "CMP004",
    "The App Mesh controller is of a version that the target takes",
    rules=("B-122-03",),
    source=_NOTES,
    permissions=READS,
    applies_from=KubernetesVersion(1, 22),
    applies_until=KubernetesVersion(1, 22),
    waivable=True,
)
def app_mesh_controller_fits(hop: Hop) -> Iterator[Problem]:
    yield from _judged(hop, "appmesh-controller")


@check(
    "CMP005",
    "No legacy controller of Windows support is left",
    rules=("B-122-04",),
    source=_NOTES,
    permissions=READS,
    applies_from=KubernetesVersion(1, 22),
    applies_until=KubernetesVersion(1, 22),
    waivable=True,
)
def no_legacy_windows_controllers(hop: Hop) -> Iterator[Problem]:
    for row in need(hop.now.workloads):
        legacy = row.name.startswith(("vpc-resource-controller", "vpc-admission-webhook"))
        if row.namespace == "kube-system" and row.kind == "Deployment" and legacy:
            yield Problem(
                subject=f"kube-system/Deployment/{row.name}",
                summary=f"{row.name} is of the legacy Windows support and asks for APIs that 1.22 no longer serves.",
                remedy="Remove it and switch on Windows support of the control plane (ConfigMap amazon-vpc-cni).",
            )


@check(
    "CMP006",
    "Cluster Autoscaler is of the cluster's version",
    rules=("A-92", "C-09", "C-14"),
    source="Kubernetes Autoscaler: Cluster Autoscaler releases",
    permissions=("list deployments.apps",),
    severity=Severity.WARNS,
)
def autoscaler_matches(hop: Hop) -> Iterator[Problem]:
    found = cluster_autoscaler(hop.before)
    if found is None:
        raise NotApplicable
    if found.version is None:
        yield Problem(
            subject=found.subject,
            summary="The image of Cluster Autoscaler does not tell its version.",
            remedy=f"Look whether it is of {hop.current}, and bring it to {hop.target} after the control plane.",
            unknown=True,
        )
    elif found.version != hop.current:
        yield Problem(
            subject=found.subject,
            summary=f"Cluster Autoscaler {found.version} stands beside a control plane of {hop.current}.",
            remedy=f"Set its image to registry.k8s.io/autoscaling/cluster-autoscaler of {hop.current}, and of "
            f"{hop.target} after the control plane.",
        )


@check(
    "CMP007",
    "Container Insights collects its logs with Fluent Bit, not with Fluentd",
    rules=("B-124-05",),
    source=_NOTES,
    permissions=("list nodes", *READS),
    applies_from=KubernetesVersion(1, 24),
    waivable=True,
)
def container_insights_left_fluentd(hop: Hop) -> Iterator[Problem]:
    """Fluentd of Container Insights reads the logs as Docker writes them: it sees nothing on containerd."""
    if not leaves_docker(hop):
        raise NotApplicable
    for one in hop.templates:
        ours = one.namespace == "amazon-cloudwatch" and one.kind == "DaemonSet"
        if ours and (one.subject.endswith("/fluentd-cloudwatch") or any("fluentd" in image for image in one.images)):
            yield Problem(
                subject=one.subject,
                summary="Fluentd of Container Insights does not read the logs of containerd.",
                remedy="Install the Fluent Bit DaemonSet of Container Insights, then remove Fluentd.",
                evidence=one.evidence(images=", ".join(one.images)),
            )


@check(
    "CMP008",
    "No image comes from the registry that Kubernetes froze in 2023",
    rules=("B-125-08",),
    source="Kubernetes: Image registry redirect (March 2023)",
    permissions=READS,
    applies_from=KubernetesVersion(1, 25),
    severity=Severity.WARNS,
)
def no_image_of_the_frozen_registry(hop: Hop) -> Iterator[Problem]:
    for one in hop.templates:
        old = [image for image in one.images if image.startswith(_OLD_REGISTRY)]
        if old:
            yield Problem(
                subject=one.subject,
                summary=f"{one.subject} pulls from k8s.gcr.io, which gets nothing new and only redirects.",
                remedy="Use registry.k8s.io in the manifest, and in allow-lists and mirrors.",
                evidence=one.evidence(images=", ".join(old)),
            )


@check(
    "CMP009",
    "Somebody has looked whether the other components support the target",
    rules=("A-90", "C-14"),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=(*_ADDONS, *READS),
    severity=Severity.INFORMS,
)
def components_are_known(hop: Hop) -> Iterator[Problem]:
    """The inventory: what uses the Kubernetes API and is no EKS add-on. Nobody but its maker knows what it supports."""
    managed = {addon.name for addon in need(hop.now.addons)}
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for one in hop.templates:
        for image in one.images:
            kind = _kind_of(image)
            if kind is None and one.namespace.endswith("-system") and one.namespace != "kube-system":
                kind = f"of {one.namespace}"
            if kind and image_name(image) not in managed:
                found[kind][one.subject] = image
    for kind, images in sorted(found.items()):
        yield Problem(
            subject=f"components/{kind}",
            summary=f"{len(images)} {'component' if len(images) == 1 else 'components'} {_named(kind)} must support "
            f"{hop.target} too.",
            remedy="Look into what their makers say of the target, and update them first where they ask for it.",
            evidence=dict(sorted(images.items())),
        )


@check(
    "CMP010",
    "Every kubectl that is seen is within one minor of the control plane",
    rules=("A-97", "C-08"),
    source="Kubernetes: Version Skew Policy",
    permissions=("eks:ListInsights", "eks:DescribeInsight", "logs:StartQuery", "logs:GetQueryResults"),
    severity=Severity.WARNS,
)
def kubectl_is_within_skew(hop: Hop) -> Iterator[Problem]:
    """As far as it shows: only those that call something deprecated leave their user agent where the bot looks."""
    agents = {
        client.user_agent
        for insight in need(hop.now.insights).items
        for deprecation in insight.deprecations
        for client in deprecation.clients
    }
    yield from _kubectls(hop, agents)
    seen = {one.user_agent for one in need(hop.now.audit_requests)}
    yield from _kubectls(hop, seen - agents)


def _kubectls(hop: Hop, agents: set[str]) -> Iterator[Problem]:
    for agent in sorted(agents):
        found = _KUBECTL.search(agent)
        version = KubernetesVersion.parse(found[1]) if found else None
        if version and max(hop.target.minors_after(version), version.minors_after(hop.current)) > 1:
            yield Problem(
                subject=f"kubectl/{version}",
                summary=f"A kubectl {version} calls the cluster; one minor around {hop.current} and {hop.target} is "
                "supported.",
                remedy=f"Bring it to {hop.target} where it runs (pipelines, runners).",
                evidence={"user agent": agent},
            )


def _judged(hop: Hop, *components: str) -> Iterator[Problem]:
    """What the floors of these components say of them."""
    wanted = [floor for floor in floors() if floor.component in components and floor.applies(hop.target)]
    found = {
        name: installed(hop.before, hop.templates, name) for name in dict.fromkeys(one.component for one in wanted)
    }
    if not any(found.values()):
        raise NotApplicable
    for floor in wanted:
        for one in found[floor.component]:
            if one.release is None:
                yield _untold(one, floor)
            elif not floor.fits(one.release):
                yield Problem(
                    subject=one.subject,
                    summary=f"{floor.component} {one.text} does not go with {hop.target}: {floor.why}.",
                    remedy=f"Bring it to a version that is {floor.wanted} before the control plane moves.",
                    evidence=_evidence(one, rule=floor.rule),
                    severity=floor.severity,
                )


def _untold(one: Installed, floor: Floor) -> Problem:
    return Problem(
        subject=one.subject,
        summary=f"The image of {floor.component} does not tell its version ({one.text or 'no tag'}), so nobody knows "
        f"whether it is {floor.wanted}: {floor.why}.",
        remedy="Look at it by hand, and give it a tag that tells.",
        evidence=_evidence(one, rule=floor.rule),
        severity=floor.severity,
        unknown=True,
    )


def _picked(hop: Hop, component: str) -> Iterator[Problem]:
    """Versions that the plan would move the add-on to, though they never fit the version that the cluster has then."""
    at = hop.now.control_plane.version
    for _, step in hop.plan.steps() if hop.plan and hop.first else ():
        if isinstance(step, ControlPlaneStep):
            at = step.version
        if isinstance(step, AddonStep) and step.name == component:
            for floor in floors():
                if floor.component == component and step.version.patch in floor.never and floor.applies(at):
                    yield Problem(
                        subject=f"addon/{component}",
                        summary=f"The plan would bring {component} to {step.version} on {at}: {floor.why}.",
                        remedy=f"Choose a version that is {floor.wanted}.",
                        severity=floor.severity,
                    )


def _evidence(one: Installed, **more: str) -> dict[str, str]:
    return one.template.evidence(**more) if one.template else more


def _named(kind: str) -> str:
    return kind if kind.startswith("of ") else f"for {kind}"


def _kind_of(image: str) -> str | None:
    """What a component is for, as far as its image tells."""
    name = image_name(image)
    maker = image.partition("@")[0].rpartition("/")[0].rpartition("/")[2]
    return _kinds().get(f"{maker}/{name}") or _kinds().get(name)


@cache
def _kinds() -> dict[str, str]:
    """What components are for, by the last part or two of their images' repositories."""
    table: dict[str, list[str]] = read_data("component_kinds.yaml")["kinds"]
    return {name: kind for kind, names in table.items() for name in names}
