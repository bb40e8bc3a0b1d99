"""Controllers and agents, by their image tags."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, also, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.checks.test_workloads import on
from tests.upgrade.snapshots import addons_on, insight, k8s, pod_shape, with_addon, with_facts, workload
from upgrade.api_usage import ApiRequest
from upgrade.checks import REGISTRY, components, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import InsightClient, InsightDeprecation, Insights
from upgrade.facts import Unknown
from upgrade.findings import Severity
from upgrade.floors import floors, installed, parse_release
from upgrade.plan import AddonStep, ControlPlaneStep, UpgradePlan, UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.pod_templates import pod_templates
from upgrade.versions import AddonVersion

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
LBC = "kube-system/Deployment/aws-load-balancer-controller"
KUBECTL = "kubectl/v1.29.3 (linux/amd64) kubernetes/6813625"


def runs(target: str, image: str, kind: str = "Deployment", namespace: str = "kube-system") -> ClusterSnapshot:
    """A cluster that also runs the image, in a workload of the image's name."""
    name = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
    return also(target, workload(kind, namespace, name, image))


def lbc(target: str, version: str) -> ClusterSnapshot:
    return runs(target, f"public.ecr.aws/eks/aws-load-balancer-controller{version}")


def cni(target: str, version: str) -> ClusterSnapshot:
    return with_addon(before(target), "vpc-cni", version=version)


def own(image: str, name: str, target: str = "1.35", kind: str = "DaemonSet") -> ClusterSnapshot:
    """A cluster whose core add-ons nobody but its owner manages."""
    return before(target, addons=(), workloads=(workload(kind, "kube-system", name, image),))


def fluentd(target: str, runtime: str = "docker://20.10") -> ClusterSnapshot:
    return on(runtime, target, workload("DaemonSet", "amazon-cloudwatch", "fluentd-cloudwatch", "fluent/x:1"))


def called(*agents: str, audited: tuple[str, ...] = ()) -> ClusterSnapshot:
    clients = tuple(InsightClient(user_agent=agent) for agent in agents)
    found = insight("x", "1.35", deprecations=(InsightDeprecation(usage="u", clients=clients),))
    audit = tuple(ApiRequest(group="", version="v1", resource="x", user_agent=agent) for agent in audited)
    return before("1.35", insights=Insights(items=(found,)), audit_requests=audit)


BY_IMAGE = workload("DaemonSet", "amazon-cloudwatch", "f", "x/fluentd")
FOUND = [
    Found("CMP001", "an old CNI", cni("1.25", "v1.7.10-eksbuild.1"), WARNS, "addon/vpc-cni", "asks for it"),
    Found("CMP001", "below 1.12 at 1.26", cni("1.26", "v1.11.5-eksbuild.1"), BLOCKS, "addon/vpc-cni", "crash on 1.26"),
    Found(
        "CMP001",
        "one of one's own",
        own("602401143452.dkr.ecr.eu-west-1.amazonaws.com/amazon-k8s-cni:v1.11.4", "aws-node", "1.27"),
        BLOCKS,
        "kube-system/DaemonSet/aws-node",
        "v1.11.4",
    ),
    Found("CMP001", "1.16.1 at 1.23", cni("1.23", "v1.16.1-eksbuild.1"), BLOCKS, "addon/vpc-cni", "CNI specification"),
    Found(
        "CMP001",
        "an image without a version",
        own("mirror/amazon-k8s-cni@sha256:00", "aws-node"),
        BLOCKS,
        "kube-system/DaemonSet/aws-node",
        "does not tell its version (no tag)",
    ),
    Found("CMP002", "below 2.4.1 at 1.22", lbc("1.22", ":v2.4.0"), BLOCKS, LBC, "1.22 changes"),
    Found("CMP002", "below 2.4.7 at 1.25", lbc("1.25", ":v2.4.6"), BLOCKS, LBC, "EndpointSlices"),
    Found("CMP002", "below 2.4.7 later", lbc("1.30", ":v2.4.6"), WARNS, LBC, "EndpointSlices"),
    Found("CMP002", "too new for 1.21", lbc("1.21", ":v2.5.0"), WARNS, LBC, "need Kubernetes 1.22"),
    Found("CMP002", "a digest", lbc("1.25", "@sha256:00"), BLOCKS, LBC, "does not tell its version"),
    Found("CMP003", "old CoreDNS", own("x/coredns:v1.8.3", "coredns", kind="Deployment"), WARNS,
          "kube-system/Deployment/coredns"),
    Found("CMP003", "old Fluent Bit", runs("1.35", "x/aws-for-fluent-bit:2.24.9", "DaemonSet"), WARNS,
          "kube-system/DaemonSet/aws-for-fluent-bit"),
    Found("CMP003", "old Fluentd", runs("1.35", "fluent/fluentd-kubernetes-daemonset:v1.14-debian-1"), WARNS,
          "kube-system/Deployment/fluentd-kubernetes-daemonset"),
    Found("CMP003", "old metrics helper", runs("1.35", "x/cni-metrics-helper:v1.7.9"), WARNS,
          "kube-system/Deployment/cni-metrics-helper"),
    Found("CMP004", "an old one", runs("1.22", "amazon/appmesh-controller:v1.4.2"), BLOCKS,
          "kube-system/Deployment/appmesh-controller"),
    Found("CMP005", "a legacy webhook", runs("1.22", "x/vpc-admission-webhook-deployment:1"), BLOCKS,
          "kube-system/Deployment/vpc-admission-webhook-deployment"),
    Found("CMP006", "another minor", runs("1.35", "x/cluster-autoscaler:v1.33.2"), WARNS,
          "controller/cluster-autoscaler", "1.33"),
    Found("CMP006", "no version", runs("1.35", "x/cluster-autoscaler:latest"), WARNS, "controller/cluster-autoscaler"),
    Found("CMP007", "while Docker goes", fluentd("1.24"), BLOCKS, "amazon-cloudwatch/DaemonSet/fluentd-cloudwatch"),
    Found("CMP007", "with nodes that stayed", fluentd("1.25"), BLOCKS,
          "amazon-cloudwatch/DaemonSet/fluentd-cloudwatch"),
    Found("CMP007", "by its image", on("docker://20", "1.24", BY_IMAGE), BLOCKS,
          "amazon-cloudwatch/DaemonSet/f"),
    Found("CMP008", "an old registry", runs("1.25", "k8s.gcr.io/pause:3.2"), WARNS, "kube-system/Deployment/pause"),
    Found("CMP009", "a known one", runs("1.35", "x/metrics-server/metrics-server:v0.6.3"), INFORMS,
          "components/metrics", "1 component for metrics must support 1.35"),
    Found("CMP009", "by its maker", runs("1.35", "gcr.io/datadog/agent:7"), INFORMS, "components/monitoring"),
    Found("CMP009", "one of a system namespace", runs("1.35", "x/whatever:1", namespace="acme-system"), INFORMS,
          "components/of acme-system", "of acme-system"),
    Found("CMP010", "an old kubectl", called(KUBECTL), WARNS, "kubectl/1.29", "A kubectl 1.29"),
    Found("CMP010", "one in the audit log", called(audited=(KUBECTL,)), WARNS, "kubectl/1.29"),
    Found("CMP010", "one that is too new", called(KUBECTL.replace("1.29", "1.36")), WARNS, "kubectl/1.36"),
]  # fmt: skip

NEAR = [
    NearMiss("CMP001", "1.8.0 at 1.25", cni("1.25", "v1.8.0-eksbuild.1")),
    NearMiss("CMP001", "1.12 at 1.26", cni("1.26", "v1.12.0-eksbuild.1")),
    NearMiss("CMP001", "1.16.1 at 1.24", cni("1.24", "v1.16.1-eksbuild.1")),
    NearMiss("CMP001", "1.16.2 at 1.23", cni("1.23", "v1.16.2-eksbuild.1")),
    NearMiss("CMP002", "2.4.1 at 1.22", lbc("1.22", ":v2.4.1")),
    NearMiss("CMP002", "2.4.7 at 1.25", lbc("1.25", ":v2.4.7-linux_amd64")),
    NearMiss("CMP002", "2.10 is above 2.4", lbc("1.35", ":v2.10.0")),
    NearMiss("CMP003", "CoreDNS 1.8.4", own("x/coredns:v1.8.4", "coredns", kind="Deployment")),
    NearMiss("CMP003", "Fluentd 1.16", runs("1.35", "fluent/fluentd-kubernetes-daemonset:v1.16-debian-1")),
    NearMiss("CMP004", "1.4.3", runs("1.22", "amazon/appmesh-controller:v1.4.3")),
    NearMiss("CMP004", "later", runs("1.23", "amazon/appmesh-controller:v1.4.2")),
    NearMiss("CMP005", "another namespace", runs("1.22", "x/vpc-resource-controller:1", namespace="shop")),
    NearMiss("CMP006", "the same minor", runs("1.35", "x/cluster-autoscaler:v1.34.0")),
    NearMiss("CMP007", "all on containerd", fluentd("1.24", "containerd://1.4.13")),
    NearMiss("CMP007", "another namespace", on("docker://20", "1.24", workload("DaemonSet", "ops", "f", "x/fluentd"))),
    NearMiss("CMP008", "the new registry", runs("1.25", "registry.k8s.io/pause:3.2")),
    NearMiss("CMP008", "before 1.25", runs("1.24", "k8s.gcr.io/pause:3.2")),
    NearMiss("CMP009", "a shop", runs("1.35", "x/whatever:1", namespace="shop")),
    NearMiss("CMP009", "an EKS add-on", with_facts(runs("1.35", "x/metrics-server:v0.7.1"),
             addons=addons_on("1.34", ["vpc-cni"]) + tuple(
                 one.model_copy(update={"name": "metrics-server"}) for one in addons_on("1.34", ["coredns"])))),
    NearMiss("CMP010", "one minor below", called(KUBECTL.replace("1.29", "1.34"))),
    NearMiss("CMP010", "the target's", called(KUBECTL.replace("1.29", "1.35"))),
    NearMiss("CMP010", "another client", called("kubelet/v1.29.3 (linux/amd64)")),
]  # fmt: skip


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    assert {one.code for one in FOUND} == codes_of(components) == {one.code for one in NEAR}


def test_an_image_that_tells_no_version_is_unknown() -> None:
    (found,) = findings(lbc("1.25", ":latest"), "CMP002")
    assert found.unknown


def test_what_is_seen_of_kubectl_is_told_though_the_audit_log_was_not_asked() -> None:
    unasked = with_facts(called(KUBECTL), audit_requests=Unknown(reason="off", chosen=True))
    assert [(one.unknown, one.severity) for one in findings(unasked, "CMP010")] == [(False, WARNS), (True, INFORMS)]


def test_a_cni_that_the_plan_brings_up_in_time_is_no_finding() -> None:
    old = cni("1.23", "v1.6.1-eksbuild.3")
    plan = plan_upgrade(old, k8s("1.23"), UpgradePolicy())
    assert [one.severity for one in findings(old, "CMP001")] == [WARNS]
    assert run_checks(old, plan, checks=[REGISTRY["CMP001"]]).findings == ()


def test_a_version_that_the_plan_must_not_choose_is_found_before_it_is_there() -> None:
    cluster = cni("1.23", "v1.15.0-eksbuild.1")
    step = AddonStep(name="vpc-cni", version=AddonVersion("v1.16.0-eksbuild.1"))
    late = AddonStep(name="vpc-cni", version=AddonVersion("v1.16.1-eksbuild.1"))
    plan = plan_upgrade(cluster, k8s("1.23"), UpgradePolicy())
    ways = {}
    for name, steps in {"on 1.23": (ControlPlaneStep(version=k8s("1.23")), step), "none": ()}.items():
        phase = plan.phases[0].model_copy(update={"steps": steps})
        ways[name] = findings_of(cluster, plan.model_copy(update={"phases": (phase,)}))
    assert "would bring vpc-cni to v1.16.0" in ways["on 1.23"]
    assert not ways["none"]
    later = before("1.24")
    moved = plan_upgrade(later, k8s("1.24"), UpgradePolicy())
    phase = moved.phases[0].model_copy(update={"steps": (ControlPlaneStep(version=k8s("1.24")), late)})
    assert not findings_of(later, moved.model_copy(update={"phases": (phase,)}))


def findings_of(cluster: ClusterSnapshot, plan: UpgradePlan) -> str:
    return " ".join(one.summary for one in run_checks(cluster, plan, checks=[REGISTRY["CMP001"]]).findings)


@pytest.mark.parametrize(
    ("tag", "release"),
    [
        ("v2.4.7", (2, 4, 7)),
        ("2.31", (2, 31, 0)),
        ("v1.16.2-eksbuild.1", (1, 16, 2)),
        ("latest", None),
        ("", None),
        ("v2", None),
    ],
)
def test_a_tag_is_read_as_numbers(tag: str, release: Any) -> None:
    assert parse_release(tag) == release


def test_init_images_of_a_similar_name_are_another_component() -> None:
    cluster = own("x/amazon-k8s-cni-init:v1.2.0", "aws-node")
    assert installed(cluster, pod_templates(cluster), "vpc-cni") == ()


def test_every_floor_says_what_it_wants_and_why() -> None:
    for one in floors():
        assert one.at_least or one.below or one.never
        assert one.why
        assert one.source
        assert not one.why.endswith(".")


def test_the_shape_lists_the_images_of_init_containers_too() -> None:
    row = workload("Deployment", "shop", "till", "x:1", shape=pod_shape(images=("k8s.gcr.io/init:1", "x:1")))
    assert [one.subject for one in findings(also("1.25", row), "CMP008")] == ["shop/Deployment/till"]
