"""Which version an EKS add-on should have, and over which versions it gets there (E-03, E-05, E-06, E-13)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final

from upgrade.components import KUBE_PROXY
from upgrade.eks import Addon, AddonOffer, EksUpdate
from upgrade.errors import PlanImpossible
from upgrade.versions import AddonVersion, KubernetesVersion

#: The order inside a hop (C-12); the others follow by name.
ADDON_ORDER: Final = ("vpc-cni", KUBE_PROXY, "coredns", "aws-ebs-csi-driver")
#: These move at most one minor at a time (E-05, E-06).
ONE_MINOR_AT_A_TIME: Final = frozenset({"vpc-cni", "eks-pod-identity-agent"})


class Fit(StrEnum):
    """How an add-on version stands to what EKS lists for a cluster version."""

    LISTED = "listed"
    OTHER_BUILD_LISTED = "other build of the same patch listed"
    NEWER_THAN_LISTED = "newer than anything listed"
    NOT_LISTED = "not listed"
    NOTHING_LISTED = "nothing listed"


#: An installed version that is not listed and yet is no reason to move (E-13).
KEPT_UNLISTED: Final = (Fit.OTHER_BUILD_LISTED, Fit.NEWER_THAN_LISTED)


def addon_rank(name: str) -> tuple[int, str]:
    """Sort key for the order inside a hop (C-12)."""
    return (ADDON_ORDER.index(name) if name in ADDON_ORDER else len(ADDON_ORDER), name)


class AddonOffers:
    """What DescribeAddonVersions offers, by add-on and cluster version, oldest first."""

    def __init__(self, offers: Iterable[AddonOffer]) -> None:
        self._listed: dict[tuple[str, KubernetesVersion], list[AddonVersion]] = {}
        self._defaults: dict[tuple[str, KubernetesVersion], AddonVersion] = {}
        for offer in sorted(offers, key=lambda one: one.version):
            for version in offer.versions:
                # kube-proxy must never be newer than the control plane (C-07), whatever is listed.
                if offer.addon == KUBE_PROXY and offer.version.kubernetes_minor > version:
                    continue
                self._listed.setdefault((offer.addon, version), []).append(offer.version)
                if version in offer.default_for:
                    self._defaults[offer.addon, version] = offer.version

    def on(self, addon: str, version: KubernetesVersion) -> list[AddonVersion]:
        return self._listed.get((addon, version), [])

    def default(self, addon: str, version: KubernetesVersion) -> AddonVersion | None:
        """EKS's default for that cluster version, else the newest that is listed; None when nothing is."""
        listed = self.on(addon, version)
        return self._defaults.get((addon, version)) or (listed[-1] if listed else None)

    def fit(self, addon: str, installed: AddonVersion, version: KubernetesVersion) -> Fit:
        """May ``installed`` run on that cluster version? A build can vanish from the list (E-13)."""
        listed = self.on(addon, version)
        if not listed:
            return Fit.NOTHING_LISTED
        if installed in listed:
            return Fit.LISTED
        if installed.patch and any(one.patch == installed.patch for one in listed):
            return Fit.OTHER_BUILD_LISTED
        return Fit.NEWER_THAN_LISTED if installed > listed[-1] else Fit.NOT_LISTED

    def wanted_on(
        self, addon: str, installed: AddonVersion, version: KubernetesVersion, pinned: AddonVersion | None = None
    ) -> AddonVersion:
        """What an add-on should have on a cluster version: EKS's default, or what is installed if that is newer.

        Never older than installed. A pin of an approved plan that is still listed stands in for the default.
        """
        listed = self.on(addon, version)
        default = pinned if pinned in listed else self.default(addon, version)
        if default is None:
            return installed
        if installed == pinned and self.fit(addon, installed, version) in KEPT_UNLISTED:
            return installed
        if installed < default:
            return default
        if self.fit(addon, installed, version) is Fit.NOT_LISTED:
            return next(one for one in listed if one > installed)
        return installed

    def wanted_for_both(
        self,
        addon: str,
        installed: AddonVersion,
        current: KubernetesVersion,
        target: KubernetesVersion,
        pinned: AddonVersion | None = None,
    ) -> AddonVersion:
        """What an add-on should have before the control plane goes from ``current`` to ``target`` (C-11).

        The installed version when it may run on ``target`` or when nothing newer fits both; the add-on check then
        tells. kube-proxy is bound by skew alone (C-07): it follows the control plane.
        """
        if addon == KUBE_PROXY or self.fit(addon, installed, target) in (Fit.LISTED, *KEPT_UNLISTED):
            return installed
        on_target = set(self.on(addon, target))
        both = [one for one in self.on(addon, current) if one > installed and one in on_target]
        if not both:
            return installed
        if pinned in both:
            return pinned
        default = self.default(addon, target)
        no_newer = [one for one in both if default and one <= default]
        return no_newer[-1] if no_newer else both[0]

    def path(
        self,
        addon: str,
        installed: AddonVersion,
        wanted: AddonVersion,
        version: KubernetesVersion,
        pinned: Collection[AddonVersion] = (),
    ) -> tuple[AddonVersion, ...]:
        """The versions to pass through from ``installed`` to ``wanted`` while the cluster is on ``version``.

        One minor at a time where EKS asks for it (E-05, E-06): over the newest listed build of each minor, or over the
        pinned one. Raises PlanImpossible when a minor in between is not listed.
        """
        if wanted == installed:
            return ()
        if addon not in ONE_MINOR_AT_A_TIME:
            return (wanted,)
        steps: list[AddonVersion] = []
        at = installed
        while not _within_one_minor(at, wanted):
            choices = [one for one in self.on(addon, version) if _is_next_minor(at, one)]
            if not choices:
                raise PlanImpossible(
                    f"{addon} must go one minor at a time, but EKS lists no version between {at} and {wanted} "
                    f"on Kubernetes {version}.",
                    f"Update {addon} to a version next to {wanted} by hand, then plan again.",
                )
            at = next((one for one in choices if one in pinned), choices[-1])
            steps.append(at)
        return (*steps, wanted)


def left_half_done(addon: Addon, wanted: AddonVersion, updates: Iterable[EksUpdate]) -> bool:
    """Whether an add-on shows a version that its update has not finished moving to (E-21).

    EKS may show the new version while the update runs or after it failed. The newest update tells which version that
    was; without one, only ``wanted`` is worth doing again.
    """
    if addon.status not in ("UPDATING", "UPDATE_FAILED"):
        return False
    mine = [one for one in updates if one.subject.kind == "addon" and one.subject.name == addon.name]
    newest = max(mine, key=lambda one: one.created_at, default=None)
    if newest and newest.status != "Successful" and newest.params.get("AddonVersion") == str(addon.version):
        return True
    return addon.version == wanted


def _is_next_minor(at: AddonVersion, other: AddonVersion) -> bool:
    major, minor = at.minor
    return other.minor in ((major, minor + 1), (major + 1, 0))


def _within_one_minor(at: AddonVersion, other: AddonVersion) -> bool:
    return at.minor == other.minor or _is_next_minor(at, other)
