from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.upgrade.snapshots import healthy_snapshot, k8s, node, with_facts
from upgrade.checks import CRASHED, REGISTRY, CheckCodeTaken, Hop, NotApplicable, Problem, Registry, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import Unknown, need
from upgrade.findings import Report, Severity, Verdict, findings_stopping
from upgrade.objects import WebhookRow
from upgrade.plan import UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.versions import KubernetesVersion

HEALTHY = healthy_snapshot("1.34")


def judged(registry: Registry, target: str = "1.35", cluster: ClusterSnapshot = HEALTHY) -> Report:
    return run_checks(cluster, k8s(target), checks=registry)


def test_a_code_is_given_once_only() -> None:
    registry = Registry()
    registry.check("NET001", "All is well", rules=(), source="")(_finds)
    with pytest.raises(CheckCodeTaken, match="NET001"):
        registry.check("NET001", "All is well again", rules=(), source="")(_finds)


@pytest.mark.parametrize("code", ["NET1", "net001", "NETW001", CRASHED])
def test_a_malformed_or_reserved_code_is_refused(code: str) -> None:
    with pytest.raises(CheckCodeTaken):
        Registry().check(code, "All is well", rules=(), source="")(_finds)


def test_a_crash_inside_a_check_is_an_unknown_with_a_code_of_its_own() -> None:
    registry = Registry()

    @registry.check("NET001", "All is well", rules=(), source="", stops=("nodes",))
    def broken(hop: Hop) -> Iterator[Problem]:
        yield Problem("first", "was seen before the crash")
        raise ZeroDivisionError("oops")

    report = judged(registry)
    assert [(one.code, one.subject, one.unknown) for one in report.findings] == [
        ("NET001", "first", False),
        (CRASHED, "NET001", True),
    ]
    assert report.findings[1].evidence == {"error": "oops"}
    assert len(findings_stopping(report, "nodes")) == 2
    assert findings_stopping(report, "control-plane") == ()


@pytest.mark.parametrize("severity", Severity)
def test_what_could_not_be_read_weighs_what_its_check_weighs(severity: Severity) -> None:
    registry = Registry()

    @registry.check("NET001", "All is well", rules=(), source="", severity=severity, waivable=True)
    def reads(hop: Hop) -> Iterator[Problem]:
        need(hop.now.subnets)
        yield from ()

    unread = with_facts(HEALTHY, subnets=Unknown(reason="AccessDenied", permission="ec2:DescribeSubnets"))
    report = judged(registry, cluster=unread)
    (found,) = report.findings
    assert (found.unknown, found.severity, found.permission) == (True, severity, "ec2:DescribeSubnets")
    assert "ec2:DescribeSubnets" in found.remedy
    assert report.results[0].verdict is Verdict.UNKNOWN
    assert report.ready is (severity is not Severity.BLOCKS)


def test_a_check_is_judged_for_the_targets_it_is_for() -> None:
    registry = Registry()
    registry.check("VER135", "x", rules=(), source="", applies_from=k8s("1.35"), applies_until=k8s("1.35"))(_finds)
    registry.check("VER136", "x", rules=(), source="", applies_from=k8s("1.36"))(_finds)
    verdicts = {(one.code, str(one.hop)): one.verdict for one in judged(registry, "1.36").results}
    assert verdicts == {
        ("VER135", "1.35"): Verdict.FAILED,
        ("VER136", "1.35"): Verdict.NOT_APPLICABLE,
        ("VER135", "1.36"): Verdict.NOT_APPLICABLE,
        ("VER136", "1.36"): Verdict.FAILED,
    }


def test_a_check_can_say_that_there_is_nothing_to_judge() -> None:
    registry = Registry()

    @registry.check("NET001", "x", rules=(), source="")
    def nothing(hop: Hop) -> Iterator[Problem]:
        raise NotApplicable
        yield  # a generator, as every check

    assert judged(registry).results[0].verdict is Verdict.NOT_APPLICABLE


def test_a_check_that_only_informs_has_passed() -> None:
    registry = Registry()
    registry.check("NET001", "x", rules=(), source="", severity=Severity.INFORMS)(_finds)
    assert judged(registry).results[0].verdict is Verdict.PASSED


def _finds(hop: Hop) -> Iterator[Problem]:
    yield Problem(str(hop.target), "is seen")


def test_each_hop_sees_the_cluster_as_it_will_be_just_before_it() -> None:
    registry = Registry()
    seen: list[tuple[KubernetesVersion, KubernetesVersion, str]] = []

    @registry.check("NET001", "x", rules=(), source="")
    def looks(hop: Hop) -> Iterator[Problem]:
        coredns = next(one for one in need(hop.before.addons) if one.name == "coredns")
        seen.append((hop.current, hop.target, str(coredns.version)))
        yield from ()

    run_checks(HEALTHY, plan_upgrade(HEALTHY, k8s("1.36"), UpgradePolicy()), checks=registry)
    assert seen == [
        (k8s("1.34"), k8s("1.35"), "v1.11.2-eksbuild.4"),
        (k8s("1.35"), k8s("1.36"), "v1.11.3-eksbuild.4"),
    ]


def test_every_check_says_what_it_is_for() -> None:
    checks = list(REGISTRY)
    assert len(checks) >= 22
    for one in checks:
        assert one.title
        assert one.title[0].isupper() or one.title.startswith("kube-proxy")
        assert not one.title.endswith(".")
        assert one.rules
        assert one.source


@pytest.mark.parametrize("fact", [name for name in ClusterSnapshot.model_fields if name in HEALTHY.model_dump()])
def test_no_fact_can_go_missing_unnoticed(fact: str) -> None:
    """Every fact that is unknown shows in the report, except AMI releases, which no check reads."""
    value = getattr(HEALTHY, fact)
    if not hasattr(value, "known") or fact == "ami_releases":
        return
    changes = {"key_arns": ("arn:key",)} if fact == "keys" else {}
    # Some matter to one hop alone.
    version = {"pod_security_policies": "1.24", "anonymous_bindings": "1.31"}.get(fact, "1.34")
    cluster = healthy_snapshot(version, control_plane=changes)
    if fact == "kubelets":  # they are asked for what an image does not tell
        cluster = with_facts(cluster, nodes=(*need(cluster.nodes), node("n", "1.34", os_image="Ubuntu 24.04")))
    if fact == "endpoints":  # they are asked for who is behind a webhook
        cluster = with_facts(cluster, webhooks=(WebhookRow("ValidatingWebhookConfiguration", "w", "w", service="w/w"),))
    plan = plan_upgrade(cluster, k8s(version).next, UpgradePolicy())
    report = run_checks(with_facts(cluster, **{fact: Unknown(reason="denied", permission="p:X")}), plan)
    assert any(one.unknown and one.permission == "p:X" for one in report.findings)
    assert not [one for one in report.findings if one.code == CRASHED]
