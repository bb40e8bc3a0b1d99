from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upgrade.versions import AddonVersion, KubernetesVersion, allowed_lag, hops

minors = st.integers(0, 999)


@given(minors, minors)
def test_versions_are_ordered_as_numbers_and_read_back_as_written(one: int, other: int) -> None:
    a, b = KubernetesVersion.parse(f"1.{one}"), KubernetesVersion.parse(f"v1.{other}")
    assert (a < b) is (one < other)
    assert str(a) == f"1.{one}"
    assert a.next.previous == a
    assert len(hops(a, b)) == max(0, other - one)


@given(st.text(alphabet="v1.90 -x", max_size=8))
def test_whatever_is_read_as_a_version_reads_the_same_again(text: str) -> None:
    try:
        parsed = KubernetesVersion.parse(text)
    except ValueError:
        return
    assert KubernetesVersion.parse(str(parsed)) == parsed


@pytest.mark.parametrize("text", ["1", "1.", "1.34.1", "latest", "", "1.x", "-1.3", "1.3400", "\uff11.34"])
def test_near_versions_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        KubernetesVersion.parse(text)


@pytest.mark.parametrize("text", ["v1.34.1-eks-113cf36", "1.34.0", "v1.34+", "v1.34"])
def test_the_minor_of_a_kubelet_is_read(text: str) -> None:
    assert KubernetesVersion.of_kubelet(text) == KubernetesVersion(1, 34)


@given(st.tuples(minors, minors, minors, minors), st.tuples(minors, minors, minors, minors))
def test_addon_versions_are_ordered_by_semver_and_then_by_build(
    a: tuple[int, int, int, int], b: tuple[int, int, int, int]
) -> None:
    one, other = (AddonVersion("v{}.{}.{}-eksbuild.{}".format(*parts)) for parts in (a, b))
    assert (one < other) is (a < b)
    assert one.minor == a[:2]
    assert one.patch == a[:3]


def test_a_version_of_another_shape_sorts_below_and_has_no_patch() -> None:
    odd = AddonVersion.parse("2024-release")
    assert odd < AddonVersion("v0.0.1-eksbuild.1")
    assert odd.patch is None


@pytest.mark.parametrize(("version", "lag"), [("1.24", 2), ("1.25", 3), ("1.36", 3)])
def test_a_component_below_1_25_may_lag_two_minors_and_three_from_there(version: str, lag: int) -> None:
    assert allowed_lag(KubernetesVersion.parse(version)) == lag
