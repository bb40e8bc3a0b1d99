"""EKS add-ons beside their health and fit (test_checks)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, also, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.snapshots import addons_on, default_addon, healthy_snapshot, k8s, pod, with_addon, workload
from upgrade.checks import REGISTRY, addons, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.findings import Severity
from upgrade.plan import Scope, UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.rows import Owner

WARNS, INFORMS = Severity.WARNS, Severity.INFORMS
AWS_NODE, KUBE_PROXY = "kube-system/DaemonSet/aws-node", "kube-system/DaemonSet/kube-proxy"
BEHIND = {name: default_addon(name, "1.35") for name in ("vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver")}


def on_default(**versions: str) -> ClusterSnapshot:
    """A cluster of 1.34 whose add-ons are on the defaults of 1.35, but for these."""
    cluster = before("1.35", addons=addons_on("1.35"))
    for name, version in versions.items():
        cluster = with_addon(cluster, name, version=version)
    return cluster


def waiting(daemonset: str, reason: str, target: str = "1.35", namespace: str = "kube-system") -> ClusterSnapshot:
    owners = (Owner(kind="DaemonSet", name=daemonset),)
    return also(target, pod(namespace, f"{daemonset}-x", owners=owners, waiting=(reason,)))


def platform(version: str, platform_version: str, **facts: Any) -> ClusterSnapshot:
    return healthy_snapshot(version, control_plane={"platform_version": platform_version}, **facts)


FOUND = [
    Found("ADD003", "one behind", on_default(coredns=default_addon("coredns", "1.34")), INFORMS, "addon/coredns",
          "behind v1.11.3"),
    Found("ADD004", "one that nobody manages",
          before("1.35", addons=addons_on("1.34", ["kube-proxy", "coredns"]),
                 workloads=(workload("DaemonSet", "kube-system", "aws-node", "x/amazon-k8s-cni:v1.20.1"),)),
          INFORMS, "add-on/aws-node", "vpc-cni is no EKS add-on"),
    Found("ADD005", "aws-node as root", waiting("aws-node", "CreateContainerConfigError"), WARNS, AWS_NODE, "root"),
    Found("ADD005", "kube-proxy's image", waiting("kube-proxy", "ImagePullBackOff", "1.22"), INFORMS, KUBE_PROXY,
          "harmless"),
    Found("ADD006", "an old platform", platform("1.23", "eks.4"), WARNS, "prod-eu", "older than eks.5"),
]  # fmt: skip

NEAR = [
    NearMiss("ADD003", "on the default", on_default()),
    NearMiss("ADD003", "newer than the default", on_default(**{"vpc-cni": default_addon("vpc-cni", "1.36")})),
    NearMiss("ADD004", "all managed", before("1.35")),
    NearMiss("ADD005", "another namespace", waiting("aws-node", "CreateContainerConfigError", namespace="shop")),
    NearMiss("ADD005", "another reason", waiting("aws-node", "CrashLoopBackOff")),
    NearMiss("ADD005", "from 1.23 on", waiting("kube-proxy", "ImagePullBackOff", "1.23")),
    NearMiss("ADD006", "new enough", platform("1.23", "eks.5")),
    NearMiss("ADD006", "a later version", platform("1.34", "eks.1")),
    NearMiss("ADD006", "no add-ons", platform("1.23", "eks.4", addons=())),
]


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    elsewhere = {"ADD001", "ADD002"}
    assert {one.code for one in FOUND} | elsewhere == codes_of(addons) == {one.code for one in NEAR} | elsewhere


def test_what_the_plan_brings_up_to_date_is_not_behind() -> None:
    cluster = healthy_snapshot("1.34")
    planned = {
        scope: run_checks(
            cluster, plan_upgrade(cluster, k8s("1.35"), UpgradePolicy(), scope), checks=[REGISTRY["ADD003"]]
        )
        for scope in (Scope.ALL, Scope.CONTROL_PLANE)
    }
    assert planned[Scope.ALL].findings == ()
    assert {one.subject for one in planned[Scope.CONTROL_PLANE].findings} == {f"addon/{name}" for name in BEHIND}


def test_the_version_of_a_self_managed_one_is_shown() -> None:
    (found,) = findings(FOUND[1].cluster, "ADD004")
    assert found.evidence == {"version": "v1.20.1"}
