"""What stands around the cluster: security groups, roles, logs, backups, support, owners of the version."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.upgrade.snapshots import ROLE_ARN, TAKEN_AT, healthy_snapshot, k8s, subnet, with_facts
from upgrade.checks import REGISTRY, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import Issue, OfferedVersion
from upgrade.errors import UpgradeError
from upgrade.facts import Unknown
from upgrade.findings import Finding, Severity, Verdict
from upgrade.objects import BackupRow
from upgrade.plan import UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.surroundings import SecurityGroup, TrafficRule, VersionOwner

HEALTHY = healthy_snapshot("1.34")
BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
ALL_IN = (TrafficRule(protocol="-1", itself=True),)
ALL_OUT = (TrafficRule(protocol="-1", everywhere=True),)
SG_1 = SecurityGroup(id="sg-1", ingress=ALL_IN, egress=ALL_OUT)


def findings(cluster: ClusterSnapshot, code: str, target: str = "1.35") -> list[Finding]:
    try:
        report = run_checks(cluster, plan_upgrade(cluster, k8s(target), UpgradePolicy()))
    except UpgradeError:
        report = run_checks(cluster, k8s(target))
    return [one for one in report.findings if one.code == code]


def facts(**changes: Any) -> ClusterSnapshot:
    return with_facts(HEALTHY, **changes)


def plane(**changes: Any) -> ClusterSnapshot:
    return healthy_snapshot("1.34", control_plane=changes)


def own_group(ingress: tuple[TrafficRule, ...] = ALL_IN, egress: tuple[TrafficRule, ...] = ALL_OUT) -> ClusterSnapshot:
    return facts(security_groups=(SecurityGroup(id="sg-2", ingress=ingress, egress=egress), SG_1))


def ports(*wanted: tuple[str, int]) -> tuple[TrafficRule, ...]:
    return tuple(TrafficRule(protocol=name, from_port=port, to_port=port, itself=True) for name, port in wanted)


def offered(days: int | None = None, status: str = "STANDARD_SUPPORT", age: int = 300, **more: Any) -> ClusterSnapshot:
    """1.34 with so many days of extended support left, released so many days ago, and 1.35."""
    ends = None if days is None else TAKEN_AT + timedelta(days=days)
    present = OfferedVersion(
        version=k8s("1.34"),
        status=status,
        released_at=TAKEN_AT - timedelta(days=age),
        extended_support_ends_at=ends,
        **more,
    )
    return facts(offered_versions=(present, OfferedVersion(version=k8s("1.35"), status="STANDARD_SUPPORT")))


def platform(have: str, newest: str) -> ClusterSnapshot:
    versions = tuple(
        OfferedVersion(version=k8s(one), status="STANDARD_SUPPORT", default_platform_version=newest)
        for one in ("1.34", "1.35")
    )
    return with_facts(plane(platform_version=have), offered_versions=versions)


def owned(tool: Any, declared: str | None) -> ClusterSnapshot:
    return facts(owners=(VersionOwner(tool=tool, name="stack-1", declared=k8s(declared) if declared else None),))


def backup(days: float, phase: str = "Completed") -> BackupRow:
    return BackupRow(namespace="velero", name="nightly", phase=phase, completed_at=TAKEN_AT - timedelta(days=days))


LEAST = (("tcp", 443), ("tcp", 10250), ("tcp", 53), ("udp", 53))
EXTENDED = offered(200, "EXTENDED_SUPPORT", standard_support_ends_at=TAKEN_AT)


def made_by(eksctl: str) -> ClusterSnapshot:
    return plane(tags={"alpha.eksctl.io/eksctl-version": eksctl})


DENIED = ("ec2:DescribeAvailabilityZones",)
OLD = healthy_snapshot("1.28")

Found = tuple[str, str, ClusterSnapshot, str, Severity, str]

#: code, what is wrong, the cluster, the target, the severity and a part of the sentence
FOUND: list[Found] = [
    ("NET003", "a group that is gone", facts(security_groups=(SG_1,)), "1.35", BLOCKS, "sg-2 belongs to"),
    ("NET003", "no way in", own_group(ingress=ports(("tcp", 443))), "1.35", WARNS, "all traffic in"),
    ("NET003", "DNS shut in", own_group(egress=ports(("tcp", 443), ("tcp", 10250))), "1.35", WARNS, "udp 53 out"),
    ("IAM003", "a denied action", facts(cluster_role_denied=("ec2:CreateTags",)), "1.35", WARNS, "ec2:CreateTags"),
    ("IAM003", "zones denied", facts(cluster_role_denied=DENIED), "1.35", BLOCKS, "DescribeAvailabilityZones"),
    ("IAM003", "zones denied long ago", with_facts(OLD, cluster_role_denied=DENIED), "1.29", WARNS, "Zones"),
    (
        "IAM003",
        "a denied action that EKS suffers from",
        with_facts(plane(issues=(Issue(code="AccessDenied"),)), cluster_role_denied=("ec2:CreateTags",)),
        "1.35",
        BLOCKS,
        "ec2:CreateTags",
    ),
    ("CLS003", "a stale platform version", platform("eks.3", "eks.6"), "1.35", WARNS, "EKS is on eks.6"),
    ("LOG001", "a log that is off", plane(logging=("api", "audit")), "1.35", WARNS, "authenticator, controllerManager"),
    ("BAK001", "no backup", facts(recovery_point_at=None), "1.35", WARNS, "Neither Velero nor"),
    (
        "BAK001",
        "an old backup and one that failed",
        facts(recovery_point_at=TAKEN_AT - timedelta(days=8), velero_backups=(backup(1, "Failed"),)),
        "1.35",
        WARNS,
        "newest backup",
    ),
    ("RES001", "zonal shift", plane(zonal_shift=True), "1.35", INFORMS, "Zonal shift is on"),
    ("RES001", "an application", facts(resilience_apps=("shop",)), "1.35", INFORMS, "shop in Resilience Hub"),
    ("RBC001", "a binding that is gone", facts(missing_eks_rbac=("eks:node-manager",)), "1.35", BLOCKS, "is gone"),
    ("SUP001", "59 days left", offered(59), "1.35", WARNS, "by itself after 2027-01-01"),
    ("SUP001", "61 days left", offered(61), "1.35", INFORMS, "by itself after"),
    ("SUP001", "extended support", EXTENDED, "1.35", INFORMS, "365 dollars"),
    ("SUP002", "a version of last year", offered(age=366), "1.35", INFORMS, "more than a year ago"),
    ("SUP003", "three hops", healthy_snapshot("1.33"), "1.34", INFORMS, "1.36 is 3 hops away"),
    ("OWN001", "a stack that declares less", owned("CloudFormation", "1.34"), "1.35", BLOCKS, "declares 1.34"),
    ("OWN002", "an old eksctl", made_by("0.208.0"), "1.35", INFORMS, "takes 0.222.0 or newer"),
    ("OWN001", "a stack that cannot be read", owned("Terraform", None), "1.35", WARNS, "cannot be read"),
]

NOT_FOUND: list[tuple[str, str, ClusterSnapshot, str]] = [
    ("NET003", "the least that is needed", own_group(egress=ports(*LEAST)), "1.35"),
    ("CLS003", "two behind", platform("eks.4", "eks.6"), "1.35"),
    ("CLS003", "a platform version of another kind", platform("local.1", "eks.6"), "1.35"),
    ("BAK001", "a week old", facts(recovery_point_at=None, velero_backups=(backup(6.9),)), "1.35"),
    ("SUP001", "dates that EKS does not tell", offered(None), "1.35"),
    ("SUP002", "a version of this year", offered(age=364), "1.35"),
    ("SUP003", "two hops", healthy_snapshot("1.34"), "1.35"),
    ("OWN001", "a stack that declares the target", owned("CDK", "1.35"), "1.35"),
    ("OWN002", "an eksctl that knows it", made_by("0.222.0"), "1.35"),
    ("OWN002", "a tag that is no version", made_by("dev"), "1.35"),
    ("IAM003", "nothing denied", facts(cluster_role_denied=()), "1.35"),
    ("RBC001", "all there", facts(missing_eks_rbac=()), "1.35"),
    ("LOG001", "all on", HEALTHY, "1.35"),
    ("RES001", "neither", HEALTHY, "1.35"),
    ("KUB001", "a list that was refused", facts(nodes=Unknown(reason="no", permission="list nodes")), "1.35"),
]


@pytest.mark.parametrize("found", FOUND, ids=[f"{one[0]} {one[1]}" for one in FOUND])
def test_it_is_found(found: Found) -> None:
    code, _, cluster, target, severity, says = found
    told = [(one.severity, one.summary) for one in findings(cluster, code, target)]
    assert any(weight is severity and says in text for weight, text in told), told


@pytest.mark.parametrize("missed", NOT_FOUND, ids=[f"{one[0]} {one[1]}" for one in NOT_FOUND])
def test_a_near_miss_is_no_finding(missed: tuple[str, str, ClusterSnapshot, str]) -> None:
    code, _, cluster, target = missed
    assert findings(cluster, code, target) == []


def test_an_upgrade_over_several_hops_asks_for_the_last_of_them_to_be_declared() -> None:
    cluster = with_facts(healthy_snapshot("1.33"), owners=(VersionOwner(tool="eksctl", declared=k8s("1.34")),))
    found = findings(cluster, "OWN001", "1.35")
    assert [(one.hop, one.summary) for one in found] == [
        (k8s("1.35"), "eksctl declares 1.34; its next apply would take 1.35 for drift.")
    ]
    assert found[0].waivable
    without = run_checks(cluster, k8s("1.36"), checks=[REGISTRY["OWN001"]]).findings
    assert [one.hop for one in without] == [k8s("1.36")]


def test_few_addresses_are_cured_by_other_subnets_of_the_vpc() -> None:
    short = tuple(subnet(f"subnet-{name}", f"eu-central-1{name}", 1) for name in "abc")
    more = tuple(subnet(f"other-{name}", f"eu-central-1{name}", 100) for name in "abc")
    (finding,) = findings(facts(subnets=short, vpc_subnets=(*short, *more)), "NET002")
    assert "other-a, other-b, other-c" in finding.remedy
    (finding,) = findings(facts(subnets=short, vpc_subnets=(*short, *more[:2])), "NET002")
    assert "other-a" not in finding.remedy


def test_a_cluster_that_is_not_asked_is_one_finding_under_one_waiver() -> None:
    off = Unknown(reason="The cluster's API is not asked (reach: aws-only).", chosen=True)
    silent = dict.fromkeys(("nodes", "pods", "pdbs", "workloads", "namespaces", "services", "access"), off)
    report = run_checks(facts(**silent), k8s("1.35"))
    (finding,) = report.blockers
    assert (finding.code, finding.waivable, finding.unknown) == ("KUB001", True, True)
    assert f"({len(silent)} facts)" in finding.summary
    unknown = {result.code for result in report.results if result.verdict is Verdict.UNKNOWN}
    assert {"WRK001", "ACC002", "KUB001"} <= unknown


def test_the_cluster_role_is_named() -> None:
    (finding,) = findings(facts(cluster_role_denied=("ec2:CreateTags",)), "IAM003")
    assert finding.evidence == {"role": ROLE_ARN}
