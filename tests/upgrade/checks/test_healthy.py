"""A healthy cluster of any version is let through by every check."""

from __future__ import annotations

import pytest

from tests.upgrade.snapshots import healthy_snapshot, k8s, span, with_addon
from upgrade.checks import CRASHED, run_checks
from upgrade.findings import Severity
from upgrade.versions import KubernetesVersion


@pytest.mark.parametrize("version", span("1.21", "1.35"), ids=str)
def test_a_healthy_cluster_has_nothing_above_informs(version: KubernetesVersion) -> None:
    cluster = healthy_snapshot(str(version), control_plane={"platform_version": "eks.20"})
    if version < k8s("1.31"):
        # The defaults of these tests lag behind what the rules ask of old versions.
        cluster = with_addon(cluster, "vpc-cni", version="v1.19.6-eksbuild.1")
        cluster = with_addon(cluster, "coredns", version="v1.9.3-eksbuild.6")
    report = run_checks(cluster, version.next)
    unfit = {"ADD001"} if version < k8s("1.31") else set()
    worse = [(one.code, one.summary) for one in report.findings if one.severity is not Severity.INFORMS]
    assert [one for one in worse if one[0] not in unfit] == []
    assert not [one for one in report.findings if one.code == CRASHED]
