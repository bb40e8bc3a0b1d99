"""What EKS offers at the scenario's date: cluster versions, add-on versions, AMI releases."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import yaml

KUBE_PROXY = "kube-proxy"


def minor(version: str) -> int:
    """The minor of `1.34` or `v1.34.2-eks-…`."""
    return int(version.removeprefix("v").split(".")[1])


def version_order(text: str) -> tuple[int, ...]:
    """Sorts add-on versions and AMI releases: all numbers of `v1.20.4-eksbuild.2`, in order."""
    return tuple(map(int, re.findall(r"\d+", text)))


@dataclass(frozen=True, slots=True)
class ClusterVersion:
    """A Kubernetes version as DescribeClusterVersions tells it.

    `extended_until` is None for versions before extended support.
    """

    version: str
    released_at: datetime
    standard_until: datetime
    extended_until: datetime | None
    patch: str
    platform_version: str
    status: str
    default: bool


@dataclass(frozen=True, slots=True)
class AddonVersion:
    """One version of an add-on with the cluster minors it serves."""

    addon: str
    version: str
    first: int
    last: int
    released_at: datetime

    def serves(self, cluster_version: str) -> bool:
        return self.first <= minor(cluster_version) <= self.last


@dataclass(frozen=True, slots=True)
class AmiRelease:
    """An EKS optimized AMI: `release_version` is `1.34.2-20261105`."""

    version: str
    release_version: str
    image_id: str
    released_at: datetime

    @property
    def kubelet_version(self) -> str:
        """As a node reports it."""
        patch = self.release_version.split("-")[0]
        return f"v{patch}-eks-{hashlib.sha256(self.release_version.encode()).hexdigest()[:7]}"


class Catalogue:
    """EKS's offer at one date. `versions` narrows or widens the cluster versions that the calendar gives."""

    def __init__(self, at: datetime, versions: list[str] | None = None) -> None:
        self.at = at
        data = _data()
        self._calendar: dict[str, Any] = data["versions"]
        self._addons: dict[str, Any] = data["addons"]
        offered = versions if versions is not None else [v for v in self._calendar if self._supported(v)]
        self.cluster_versions = [self._cluster_version(v, offered) for v in sorted(offered, key=minor)]
        self.unsupported_versions = [
            self._cluster_version(v, offered)
            for v in self._calendar
            if v not in offered and _midnight(self._calendar[v][0]) <= at
        ]
        self._released = {addon: self._released_versions(addon) for addon in self.addon_names()}
        self._defaults: dict[tuple[str, str], str | None] = {}

    def offers(self, version: str) -> bool:
        return any(offered.version == version for offered in self.cluster_versions)

    def describe(self, version: str) -> ClusterVersion:
        """A version offered now or once. Raises KeyError."""
        for known in (*self.cluster_versions, *self.unsupported_versions):
            if known.version == version:
                return known
        raise KeyError(version)

    def addon_names(self) -> list[str]:
        return [KUBE_PROXY, *self._addons]

    def addon_type(self, addon: str) -> str:
        return "networking" if addon == KUBE_PROXY else str(self._addons[addon]["type"])

    def addon_needs_role(self, addon: str) -> bool:
        return addon != KUBE_PROXY and bool(self._addons[addon].get("needs_role"))

    def addon_versions(self, addon: str, cluster_version: str | None = None) -> list[AddonVersion]:
        """Versions out at this date, newest first, for `cluster_version` if given; none for an unknown add-on."""
        every = self._released.get(addon, ())
        return [version for version in every if not cluster_version or version.serves(cluster_version)]

    def default_addon_version(self, addon: str, cluster_version: str) -> str | None:
        """What EKS marks as default for that cluster version; None where no version serves it."""
        key = (addon, cluster_version)
        if key not in self._defaults:  # DescribeAddonVersions asks for it thousands of times
            self._defaults[key] = self._default(addon, cluster_version)
        return self._defaults[key]

    def _default(self, addon: str, cluster_version: str) -> str | None:
        fitting = self.addon_versions(addon, cluster_version)
        if not fitting:
            return None
        if addon == KUBE_PROXY:
            own = [v for v in fitting if v.first == minor(cluster_version)]
            return (own[1] if len(own) > 1 else own[0]).version if own else fitting[0].version
        named = self._addons[addon].get("defaults", {}).get(minor(cluster_version))
        return named if any(v.version == named for v in fitting) else fitting[0].version

    def ami_releases(self, version: str, ami_type: str = "AL2023_x86_64_STANDARD") -> list[AmiRelease]:
        """The last releases for a Kubernetes version at this date, newest first, one a fortnight."""
        released = _midnight(self._calendar[version][0])
        fortnight = timedelta(days=14)
        newest = released + fortnight * max(0, (self.at - released) // fortnight)
        dates = [newest - fortnight * back for back in range(8)]
        return [self._ami_release(version, ami_type, at) for at in dates if at >= released]

    def _ami_release(self, version: str, ami_type: str, at: datetime) -> AmiRelease:
        release = f"{version}.{self._patch(version, at)}-{at:%Y%m%d}"
        image = hashlib.sha256(f"{ami_type} {release}".encode()).hexdigest()[:17]
        return AmiRelease(version, release, f"ami-{image}", at)

    def _supported(self, version: str) -> bool:
        released, standard, extended = self._calendar[version]
        return _midnight(released) <= self.at < _midnight(extended or standard)

    def _cluster_version(self, version: str, offered: list[str]) -> ClusterVersion:
        released, standard, extended = self._calendar[version]
        if version not in offered:
            status = "UNSUPPORTED"
        else:
            status = "STANDARD_SUPPORT" if self.at < _midnight(standard) else "EXTENDED_SUPPORT"
        months = max(0, (self.at - _midnight(released)).days // 30)
        return ClusterVersion(
            version=version,
            released_at=_midnight(released),
            standard_until=_midnight(standard),
            extended_until=_midnight(extended) if extended else None,
            patch=f"{version}.{self._patch(version, self.at)}",
            platform_version=f"eks.{1 + months}",
            status=status,
            default=version == max(offered, key=minor),
        )

    def _patch(self, version: str, at: datetime) -> int:
        return min(14, max(0, (at - _midnight(self._calendar[version][0])).days) // 60 + 1)

    def _released_versions(self, addon: str) -> tuple[AddonVersion, ...]:
        """Those that are out, newest first."""
        every = self._kube_proxies() if addon == KUBE_PROXY else self._listed(addon)
        out = [version for version in every if version.released_at <= self.at]
        return tuple(sorted(out, key=lambda found: version_order(found.version), reverse=True))

    def _listed(self, addon: str) -> list[AddonVersion]:
        rows = self._addons.get(addon, {}).get("versions", [])
        return [AddonVersion(addon, name, first, last, _midnight(at)) for name, first, last, at in rows]

    def _kube_proxies(self) -> list[AddonVersion]:
        found = []
        for version, (released, _, _) in self._calendar.items():
            number = minor(version)
            last = number + (3 if number >= 25 else 2)
            for patch in range(8):
                at = _midnight(released) + timedelta(days=60 * patch)
                build = 2 if patch % 2 == 0 else 1
                found.append(AddonVersion(KUBE_PROXY, f"v{version}.{patch}-eksbuild.{build}", number, last, at))
        return found


@cache
def _data() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "catalogue.yaml").read_text("utf-8"))
    return content


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
