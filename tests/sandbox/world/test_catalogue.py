"""What EKS offers depends on the date."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sandbox.world.catalogue import Catalogue, minor, version_order

NOVEMBER_2026 = datetime(2026, 11, 17, tzinfo=UTC)


def offered(year: int, month: int, day: int) -> list[str]:
    return [found.version for found in Catalogue(datetime(year, month, day, tzinfo=UTC)).cluster_versions]


def test_offer_follows_the_calendar() -> None:
    assert offered(2021, 9, 15) == ["1.17", "1.18", "1.19", "1.20", "1.21"]
    assert offered(2023, 1, 17) == ["1.21", "1.22", "1.23", "1.24"]
    assert offered(2026, 11, 17) == ["1.31", "1.32", "1.33", "1.34", "1.35", "1.36"]
    assert offered(2026, 11, 26) == ["1.32", "1.33", "1.34", "1.35", "1.36"]


def test_support_status_changes_on_its_day() -> None:
    before, after = (Catalogue(datetime(2026, 12, day, tzinfo=UTC)).describe("1.34").status for day in (1, 2))
    assert (before, after) == ("STANDARD_SUPPORT", "EXTENDED_SUPPORT")
    gone = Catalogue(NOVEMBER_2026).describe("1.30")
    assert gone.status == "UNSUPPORTED"
    with pytest.raises(KeyError):
        Catalogue(datetime(2023, 1, 17, tzinfo=UTC)).describe("1.30")


def test_newest_offered_version_is_the_default() -> None:
    assert [v.version for v in Catalogue(NOVEMBER_2026).cluster_versions if v.default] == ["1.36"]


def test_add_on_versions_come_newest_first_and_only_once_they_are_out() -> None:
    now = Catalogue(NOVEMBER_2026).addon_versions("vpc-cni", "1.34")
    assert [v.version for v in now][:2] == ["v1.21.2-eksbuild.2", "v1.21.1-eksbuild.1"]
    assert [version_order(v.version) for v in now] == sorted((version_order(v.version) for v in now), reverse=True)
    earlier = Catalogue(datetime(2025, 10, 20, tzinfo=UTC)).addon_versions("vpc-cni", "1.34")
    assert earlier[0].version == "v1.20.1-eksbuild.3"
    assert Catalogue(NOVEMBER_2026).addon_versions("nope") == []


@pytest.mark.parametrize("date", [datetime(2021, 9, 15, tzinfo=UTC), datetime(2023, 1, 17, tzinfo=UTC), NOVEMBER_2026])
def test_default_is_an_offered_version_of_the_right_minor(date: datetime) -> None:
    catalogue = Catalogue(date)
    for version in catalogue.cluster_versions:
        for addon in ("vpc-cni", "kube-proxy", "coredns"):
            default = catalogue.default_addon_version(addon, version.version)
            assert default in [found.version for found in catalogue.addon_versions(addon, version.version)]
        proxy = catalogue.default_addon_version("kube-proxy", version.version)
        assert proxy is not None
        assert minor(proxy) == minor(version.version)


def test_kube_proxy_serves_as_long_as_skew_allows() -> None:
    catalogue = Catalogue(NOVEMBER_2026)
    served = {minor(v.version) for v in catalogue.addon_versions("kube-proxy", "1.36")}
    assert served == {33, 34, 35, 36}
    old = Catalogue(datetime(2023, 1, 17, tzinfo=UTC))
    assert {minor(v.version) for v in old.addon_versions("kube-proxy", "1.24")} == {22, 23, 24}


def test_some_default_is_more_than_one_vpc_cni_minor_away() -> None:
    """So that a plan has to go through versions in between (E-05)."""
    catalogue = Catalogue(NOVEMBER_2026)
    steps = {minor(v.version) for v in catalogue.addon_versions("vpc-cni", "1.34")}
    assert {19, 20, 21} <= steps


def test_ami_releases_are_dated_and_newest_first() -> None:
    releases = Catalogue(NOVEMBER_2026).ami_releases("1.36")
    assert len(releases) == 8
    assert releases == sorted(releases, key=lambda found: found.released_at, reverse=True)
    newest = releases[0]
    assert newest.release_version == f"1.36.3-{newest.released_at:%Y%m%d}"
    assert newest.kubelet_version.startswith("v1.36.3-eks-")
    assert newest.image_id.startswith("ami-")
    assert len({found.image_id for found in releases}) == 8
    assert newest.image_id != Catalogue(NOVEMBER_2026).ami_releases("1.36", "BOTTLEROCKET_x86_64")[0].image_id


def test_scenario_may_name_the_versions_itself() -> None:
    catalogue = Catalogue(NOVEMBER_2026, ["1.34", "1.35"])
    assert [v.version for v in catalogue.cluster_versions] == ["1.34", "1.35"]
    assert not catalogue.offers("1.36")
