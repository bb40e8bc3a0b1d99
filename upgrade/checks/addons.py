"""EKS add-ons: healthy, and valid for the version that comes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from upgrade.addon_path import AddonOffers, Fit
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.components import KUBE_PROXY, image_tag, self_managed_addons
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.floors import platform_floor
from upgrade.plan import AddonStep
from upgrade.remedies import explain_update_error
from upgrade.versions import KubernetesVersion

_PLATFORM: Final = re.compile(r"^eks\.(\d+)$", re.ASCII)
_IMAGE_FIXED: Final = KubernetesVersion(1, 23)


@check(
    "ADD001",
    "Every EKS add-on has a version that EKS lists for the target",
    rules=("A-80", "E-03", "E-13"),
    source="Amazon EKS API Reference: DescribeAddonVersions",
    permissions=("eks:ListAddons", "eks:DescribeAddon", "eks:DescribeAddonVersions"),
)
def addons_fit_the_target(hop: Hop) -> Iterator[Problem]:
    if not hop.within_reach:
        raise NotApplicable
    listed = need(hop.now.addon_offers)
    offers = AddonOffers(listed)
    for addon in need(hop.before.addons):
        fit = offers.fit(addon.name, addon.version, hop.target)
        # kube-proxy is bound by skew alone (SKW003).
        if fit is Fit.LISTED or (addon.name == KUBE_PROXY and fit is not Fit.NOTHING_LISTED):
            continue
        known = {"listed": ", ".join(map(str, offers.on(addon.name, hop.target)[-3:]))}
        subject = f"addon/{addon.name}"
        if fit is Fit.NOTHING_LISTED:
            yield Problem(
                subject=subject,
                summary=f"EKS lists no version of {addon.name} for {hop.target}.",
                remedy="Find out from its publisher whether it runs there, or remove the add-on.",
                severity=Severity.BLOCKS if hop.moves else Severity.WARNS,
            )
        elif fit is Fit.NOT_LISTED:
            yield Problem(
                subject=subject,
                summary=f"{addon.name} {addon.version} is not among the versions that EKS lists for {hop.target}.",
                remedy=f"Update it to a version that EKS lists for {hop.current} and for {hop.target} first.",
                evidence=known,
                severity=Severity.BLOCKS if hop.moves else Severity.WARNS,
            )
        else:
            yield Problem(
                subject=subject,
                summary=f"EKS does not list {addon.name} {addon.version} for {hop.target} ({fit}), so nobody knows "
                "for certain that it runs there; it is kept.",
                remedy="Choose a listed version to be sure.",
                evidence=known,
                severity=Severity.WARNS,
                unknown=True,
            )


@check(
    "ADD002",
    "Every EKS add-on is active and healthy",
    rules=("A-82", *(f"E-20{letter}" for letter in "abcdefghij"), "E-21"),
    source="Amazon EKS User Guide: Amazon EKS add-ons",
    permissions=("eks:ListAddons", "eks:DescribeAddon"),
    waivable=True,
)
def addons_are_healthy(hop: Hop) -> Iterator[Problem]:
    updated_again = {step.name for step in hop.steps_before if isinstance(step, AddonStep)}
    own = _own_addon_updates(hop)
    for addon in need(hop.now.addons):
        subject = f"addon/{addon.name}"
        repaired = addon.status == "UPDATE_FAILED" and addon.name in updated_again
        if repaired or (addon.status == "UPDATING" and addon.name in own):
            continue
        for issue in addon.issues:
            remedy = explain_update_error(issue.code, "addon")
            yield Problem(
                subject=subject,
                summary=f"{addon.name} reports {issue.code}: {remedy.meaning}",
                remedy=remedy.action,
                evidence={"message": issue.message} if issue.message else {},
            )
        if addon.status != "ACTIVE" and not addon.issues:
            yield Problem(
                subject=subject,
                summary=f"{addon.name} is {addon.status}, not ACTIVE.",
                remedy="Look at its pods in kube-system; repair or update the add-on first.",
            )


@check(
    "ADD003",
    "Every EKS add-on is on EKS's default for the target, or newer",
    rules=("A-81", "E-12"),
    source="Amazon EKS API Reference: DescribeAddonVersions",
    permissions=("eks:ListAddons", "eks:DescribeAddon", "eks:DescribeAddonVersions"),
    severity=Severity.INFORMS,
)
def addons_are_current(hop: Hop) -> Iterator[Problem]:
    """What the plan brings up to date is no finding; only EKS knows the newest, so it is asked (E-12)."""
    planned = {step.name for _, step in hop.plan.steps() if isinstance(step, AddonStep)} if hop.plan else set()
    listed = need(hop.now.addon_offers)
    offers = AddonOffers(listed)
    for addon in need(hop.before.addons):
        default = offers.default(addon.name, hop.target)
        if default and addon.version < default and addon.name not in planned:
            yield Problem(
                subject=f"addon/{addon.name}",
                summary=f"{addon.name} {addon.version} is behind {default}, EKS's default for {hop.target}.",
                remedy="Update it after the control plane.",
            )


@check(
    "ADD004",
    "VPC CNI, kube-proxy and CoreDNS are EKS add-ons",
    rules=("A-83", "E-30", "E-35"),
    source="Amazon EKS Best Practices Guide: Cluster Upgrades",
    permissions=("eks:ListAddons", "list daemonsets.apps", "list deployments.apps"),
    severity=Severity.INFORMS,
)
def core_addons_are_managed(hop: Hop) -> Iterator[Problem]:
    images = {row.name: row.images for row in need(hop.now.workloads) if row.namespace == "kube-system"}
    for one in self_managed_addons(hop.now):
        image = next(iter(images.get(one.subject.removeprefix("add-on/"), ())), "")
        yield Problem(
            subject=one.subject,
            summary=f"{one.addon} is no EKS add-on, so somebody must update it by hand (eksctl utils, kubectl).",
            remedy=f"Save its YAML and make it one: aws eks create-addon --addon-name {one.addon}; settings of your "
            "own go into its configuration values.",
            evidence={"version": image_tag(image)} if image_tag(image) else {},
        )


@check(
    "ADD005",
    "No pod of the core add-ons fails for a reason that is known",
    rules=("B-122-07", "E-32", "E-33"),
    source="Amazon EKS User Guide: Manage kube-proxy in Amazon EKS clusters",
    permissions=("list pods",),
    severity=Severity.WARNS,
)
def no_known_symptom(hop: Hop) -> Iterator[Problem]:
    waiting: dict[str, set[str]] = {"aws-node": set(), KUBE_PROXY: set()}
    for pod in need(hop.now.pods):
        if pod.waiting and pod.namespace == "kube-system":
            for owner in pod.owners:
                if owner.kind == "DaemonSet" and owner.name in waiting:
                    waiting[owner.name].update(pod.waiting)
    if "CreateContainerConfigError" in waiting["aws-node"]:
        yield Problem(
            subject="kube-system/DaemonSet/aws-node",
            summary="Pods of aws-node do not start: most likely runAsNonRoot is set, and their image runs as root.",
            remedy="Take runAsNonRoot and allowPrivilegeEscalation out of the securityContext of container aws-node.",
        )
    if {"ImagePullBackOff", "ErrImagePull"} & waiting[KUBE_PROXY] and hop.target < _IMAGE_FIXED:
        yield Problem(
            subject="kube-system/DaemonSet/kube-proxy",
            summary="Pods of kube-proxy cannot pull their image: known below 1.23, and harmless.",
            remedy="Go on; it passes with 1.23.",
            severity=Severity.INFORMS,
        )


@check(
    "ADD006",
    "EKS's platform version is one that its add-ons work with",
    rules=("E-10",),
    source="Amazon EKS User Guide: Amazon EKS add-ons",
    permissions=("eks:DescribeCluster", "eks:ListAddons"),
    severity=Severity.WARNS,
    stops=("add-ons",),
)
def platform_knows_addons(hop: Hop) -> Iterator[Problem]:
    plane = hop.now.control_plane
    found = _PLATFORM.match(plane.platform_version)
    wanted = platform_floor(plane.version)
    if not found or not need(hop.now.addons):
        raise NotApplicable
    if int(found[1]) < wanted:
        yield Problem(
            subject=hop.now.cluster.name,
            summary=f"Platform version {plane.platform_version} of {plane.version} is older than eks.{wanted}, with "
            "which EKS got the binding that its add-ons are changed by.",
            remedy="EKS updates it by itself unless something keeps it out: look at role, subnets and key.",
        )


def _own_addon_updates(hop: Hop) -> set[str]:
    if not hop.own_updates:
        return set()
    return {one.subject.name for one in need(hop.now.updates) if one.id in hop.own_updates}
