"""Each check: a healthy cluster with one thing changed, and a near miss that is no finding."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.upgrade.snapshots import (
    ACCOUNT,
    ADDON_OFFERS,
    ROLE_ARN,
    TAKEN_AT,
    addon,
    addon_offer,
    addons_on,
    default_addon,
    healthy_snapshot,
    insight,
    k8s,
    node,
    nodegroup,
    pdb,
    pod,
    subnet,
    with_addon,
    with_facts,
    with_group,
    with_kubelets,
    workload,
)
from upgrade.checks import REGISTRY, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import (
    Access,
    CallerIdentity,
    EksUpdate,
    IamRole,
    Insights,
    Issue,
    KmsKey,
    OfferedVersion,
    UpdateSubject,
)
from upgrade.errors import NothingToDo
from upgrade.findings import Finding, Report, Severity, findings_stopping
from upgrade.plan import Scope, UpgradePolicy, Waiver
from upgrade.planner import plan_upgrade
from upgrade.rows import LabelRequirement, Owner

HEALTHY = healthy_snapshot("1.34")
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/1"


def report(cluster: ClusterSnapshot, target: str = "1.35", scope: Scope = Scope.ALL, **options: Any) -> Report:
    same = scope in (Scope.ADDONS, Scope.NODES)
    plan = plan_upgrade(cluster, None if same else k8s(target), UpgradePolicy(), scope)
    return run_checks(cluster, plan, **options)


def findings(cluster: ClusterSnapshot, code: str, **options: Any) -> list[Finding]:
    return [one for one in report(cluster, **options).findings if one.code == code]


def facts(**changes: Any) -> ClusterSnapshot:
    return with_facts(HEALTHY, **changes)


def plane(**changes: Any) -> ClusterSnapshot:
    return healthy_snapshot("1.34", control_plane=changes)


def update(status: Any, kind: Any = "cluster", name: str = "") -> EksUpdate:
    subject = UpdateSubject(kind=kind, name=name)
    return EksUpdate(id="u-1", subject=subject, type="ConfigUpdate", status=status, created_at=TAKEN_AT)


def offered(**statuses: str) -> tuple[OfferedVersion, ...]:
    return tuple(OfferedVersion(version=k8s(f"1.{minor[1:]}"), status=status) for minor, status in statuses.items())


def subnets(*free: int, zones: str = "abc") -> ClusterSnapshot:
    return facts(subnets=tuple(subnet(f"subnet-{n}", f"z{z}", f) for n, z, f in zip("abc", zones, free, strict=True)))


def insights(*items: Any) -> ClusterSnapshot:
    return facts(insights=Insights(items=(insight("Deprecated APIs removed in Kubernetes v1.35", "1.35"), *items)))


ISSUE = (Issue(code="KmsKeyDisabled", message="key off"),)
ALL = ("all",)
BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS

FOUND: list[tuple[str, str, ClusterSnapshot, Severity, str]] = [
    ("CLS001", "an update under way", facts(updates=(update("InProgress"),)), BLOCKS, "is under way"),
    ("CLS001", "a cluster that is not active", plane(status="UPDATING"), BLOCKS, "UPDATING, not ACTIVE"),
    ("CLS002", "a health issue", plane(issues=ISSUE), BLOCKS, "key that encrypts the cluster's secrets is disabled"),
    (
        "ACC001",
        "credentials of another account",
        facts(caller=CallerIdentity(account="9", arn="a")),
        BLOCKS,
        "account 9",
    ),
    ("ACC002", "an identity the cluster does not know", facts(access=Access(mapped=False)), BLOCKS, "does not know"),
    ("ACC002", "a refused verb", facts(access=Access(mapped=True, denied=("list pods",))), BLOCKS, "list pods"),
    ("IAM001", "a missing role", facts(cluster_role=None), BLOCKS, "does not exist"),
    ("IAM001", "a role without trust", facts(cluster_role=IamRole(arn=ROLE_ARN, trusts_eks=False)), BLOCKS, "assume"),
    ("IAM002", "a denied action", facts(denied_actions=("eks:UpdateAddon",)), BLOCKS, "eks:UpdateAddon"),
    (
        "NET001",
        "a subnet that is gone",
        facts(subnets=(subnet("subnet-a", "za"), subnet("subnet-b", "zb"))),
        BLOCKS,
        "-c",
    ),
    ("NET002", "four free addresses together", subnets(4, 0, 0), BLOCKS, "4 free addresses together"),
    ("NET002", "one zone with room", subnets(40, 40, 0, zones="aab"), WARNS, "Only zone za has"),
    ("NET002", "no zone with room", subnets(4, 4, 4), WARNS, "No zone has"),
    ("NET002", "a subnet below six", subnets(5, 40, 40), WARNS, "asks for 6"),
    ("NET002", "a subnet below sixteen", subnets(15, 40, 40), INFORMS, "recommends 16"),
    ("INS001", "an insight with an error", insights(insight("kubelet", "1.35", "ERROR")), BLOCKS, "EKS says: "),
    ("INS001", "an insight with a warning", insights(insight("x", "1.35", "WARNING")), WARNS, "EKS says: "),
    (
        "INS001",
        "an insight that EKS cannot judge",
        insights(insight("x", "1.35", "UNKNOWN")),
        BLOCKS,
        "could not judge",
    ),
    ("INS001", "an insight of no version", insights(insight("x", None, "ERROR")), BLOCKS, "EKS says: "),
    ("INS001", "no insight for the next version", facts(insights=Insights(items=())), WARNS, "no insight for 1.35"),
    (
        "INS002",
        "a stale insight",
        insights(insight("x", "1.35", refreshed_at=TAKEN_AT - timedelta(hours=25))),
        WARNS,
        "x",
    ),
    ("INS002", "an insight never refreshed", insights(insight("x", "1.35", refreshed_at=None)), WARNS, "never"),
    ("SKW001", "a kubelet newer than the control plane", with_kubelets(HEALTHY, "core", "1.35"), BLOCKS, "newer than"),
    ("ADD002", "a degraded add-on", with_addon(HEALTHY, "coredns", status="DEGRADED"), BLOCKS, "DEGRADED"),
    ("ADD002", "an add-on with an issue", with_addon(HEALTHY, "coredns", issues=ISSUE), BLOCKS, "KmsKeyDisabled"),
    ("NDG001", "a degraded node group", with_group(HEALTHY, "core", status="DEGRADED"), BLOCKS, "DEGRADED"),
    ("NDG001", "a node group with an issue", with_group(HEALTHY, "core", issues=ISSUE), BLOCKS, "KmsKeyDisabled"),
    ("PDB001", "a budget with no room", facts(pdbs=(pdb("shop", "web", disruptions_allowed=0),)), BLOCKS, "now"),
    ("PDB001", "maxUnavailable 0", facts(pdbs=(pdb("shop", "web", max_unavailable=0),)), BLOCKS, "never"),
    ("PDB001", "maxUnavailable 0%", facts(pdbs=(pdb("shop", "web", max_unavailable="0%"),)), BLOCKS, "never"),
    ("PDB001", "minAvailable 100%", facts(pdbs=(pdb("shop", "web", min_available="100%"),)), BLOCKS, "never"),
    ("PDB001", "as many demanded as there are", facts(pdbs=(pdb("shop", "web", min_available=2),)), BLOCKS, "never"),
    (
        "PDB002",
        "two budgets for a pod",
        facts(pdbs=(pdb("shop", "web"), pdb("shop", "all", match_labels={}))),
        BLOCKS,
        "2 pods",
    ),
    (
        "WRK001",
        "a node that is not ready",
        facts(nodes=(node("n", "1.34", ready=False),)),
        WARNS,
        "Node n is not ready",
    ),
    (
        "WRK001",
        "a deployment that lacks pods",
        facts(workloads=(workload("Deployment", "shop", "web", ready=1),)),
        WARNS,
        "In shop 1 workload is not ready",
    ),
    ("WRK001", "a lonely pod that fails", facts(pods=(pod("shop", "p", owners=(), phase="Pending"),)), WARNS, "shop"),
]

NEAR_MISSES: list[tuple[str, str, ClusterSnapshot]] = [
    ("CLS001", "an update that has ended", facts(updates=(update("Failed"), update("Successful")))),
    ("CLS002", "an issue of a node group", with_group(HEALTHY, "core", issues=ISSUE)),
    ("NDG001", "an issue of the cluster", plane(issues=ISSUE)),
    (
        "ACC001",
        "another role of the account",
        facts(caller=CallerIdentity(account=ACCOUNT, arn="arn:aws:iam::1:role/x")),
    ),
    ("ACC002", "known by aws-auth instead of an access entry", plane(authentication_mode="CONFIG_MAP")),
    ("IAM002", "a cluster role that lacks what EKS uses", facts(cluster_role_denied=("ec2:CreateTags",))),
    ("NET001", "a subnet of somebody else that is gone", plane(subnet_ids=("subnet-a",))),
    ("NET002", "sixteen addresses in each", subnets(16, 16, 16)),
    ("IAM001", "a role that trusts EKS", HEALTHY),
    ("INS001", "an error that is about a later version", insights(insight("x", "1.36", "ERROR"))),
    ("INS002", "an insight of 24 hours", insights(insight("x", "1.35", refreshed_at=TAKEN_AT - timedelta(hours=24)))),
    ("SKW001", "a kubelet on the control plane's version", with_kubelets(HEALTHY, "core", "1.34")),
    ("ADD002", "a failed update that the plan does again", with_addon(HEALTHY, "coredns", status="UPDATE_FAILED")),
    ("PDB001", "a budget without pods", facts(pdbs=(pdb("shop", "x", expected_pods=0, disruptions_allowed=0),))),
    ("PDB001", "one fewer demanded than there are", facts(pdbs=(pdb("shop", "web", min_available=1),))),
    ("PDB002", "two budgets in two namespaces", facts(pdbs=(pdb("shop", "web"), pdb("till", "all", match_labels={})))),
    (
        "PDB002",
        "a budget whose selector is null",
        facts(pdbs=(pdb("shop", "web"), pdb("shop", "n", match_labels={}, selects_nothing=True))),
    ),
    (
        "PDB002",
        "pods that a drain does not wait for",
        facts(
            pdbs=(pdb("shop", "web"), pdb("shop", "all", match_labels={})),
            pods=(pod("shop", "web-1", {"app": "web"}, owners=(Owner(kind="DaemonSet", name="web"),)),),
        ),
    ),
    ("WRK001", "a node that is being deleted", facts(nodes=(node("n", "1.34", ready=False, deletion_at=TAKEN_AT),))),
    ("WRK001", "a pod that has ended well", facts(pods=(pod("shop", "p", owners=(), phase="Succeeded", ready=False),))),
]


@pytest.mark.parametrize(
    ("code", "what", "cluster", "severity", "words"), FOUND, ids=lambda v: v if isinstance(v, str) else ""
)
def test_one_thing_wrong_is_one_finding(
    code: str, what: str, cluster: ClusterSnapshot, severity: Severity, words: str
) -> None:
    (found,) = findings(cluster, code)
    assert found.severity is severity
    assert words in found.summary
    assert found.subject
    assert found.remedy or code == "INS001"


@pytest.mark.parametrize(("code", "what", "cluster"), NEAR_MISSES, ids=lambda v: v if isinstance(v, str) else "")
def test_a_near_miss_is_no_finding(code: str, what: str, cluster: ClusterSnapshot) -> None:
    assert findings(cluster, code) == []


def test_a_healthy_cluster_has_nothing_above_informs_on_any_hop() -> None:
    healthy = report(HEALTHY, "1.36")
    assert [one for one in healthy.findings if one.severity is not INFORMS] == []
    assert healthy.ready


# -- targets and hops -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["1.34", "1.33"])
def test_an_older_or_equal_target_fails(target: str) -> None:
    codes = {one.code for one in run_checks(HEALTHY, k8s(target)).findings}
    assert "VER001" in codes


def test_the_present_version_is_a_fine_target_while_a_plan_has_something_left_to_do() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),))
    assert report(cluster, "1.34").findings == ()
    with pytest.raises(NothingToDo):
        report(HEALTHY, "1.34")


def test_a_hop_that_eks_does_not_offer_fails() -> None:
    cluster = facts(offered_versions=offered(v34="STANDARD_SUPPORT", v35="UNSUPPORTED", v36="STANDARD_SUPPORT"))
    found = [one for one in run_checks(cluster, k8s("1.36")).findings if one.code == "VER002"]
    assert [one.subject for one in found] == ["1.35"]


def test_a_target_that_cannot_be_reached_is_told_once_and_nothing_behind_it() -> None:
    assert [one.code for one in run_checks(HEALTHY, k8s("1.33")).findings] == ["VER001"]
    beyond = run_checks(HEALTHY, k8s("1.39"))
    assert [(one.code, one.hop) for one in beyond.findings] == [("VER002", k8s("1.37"))]
    assert beyond.findings[0].summary == "EKS does not offer Kubernetes 1.37, let alone 1.39."
    assert {result.hop for result in beyond.results} == {k8s("1.37")}


def test_each_hop_is_judged_against_its_own_target() -> None:
    items = tuple(insight("x", version) for version in ("1.35", "1.36"))
    cluster = facts(insights=Insights(items=(*items, insight("y", "1.36", "ERROR"))))
    (found,) = findings(cluster, "INS001", target="1.36")
    assert found.hop == k8s("1.36")


def test_a_missing_insight_of_a_later_hop_only_informs() -> None:
    cluster = facts(insights=Insights(items=(insight("x", "1.35"),)))
    (found,) = findings(cluster, "INS001", target="1.36")
    assert (found.hop, found.severity, found.unknown) == (k8s("1.36"), INFORMS, True)


# -- what the plan repairs is no finding ----------------------------------------------------------------------------


def test_skew_that_the_plan_prevents_is_no_finding_and_without_a_plan_it_is_one() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.31"),))
    assert findings(cluster, "SKW002") == []
    (found,) = [one for one in run_checks(cluster, k8s("1.35")).findings if one.code == "SKW002"]
    assert "4 minors behind" in found.summary


def test_an_addon_that_the_plan_makes_fit_is_no_finding_and_without_addons_in_scope_it_is_one() -> None:
    cluster = with_addon(HEALTHY, "vpc-cni", version=default_addon("vpc-cni", "1.32"))
    assert findings(cluster, "ADD001") == []
    (found,) = findings(cluster, "ADD001", scope=Scope.CONTROL_PLANE)
    assert found.blocks


def test_an_insight_about_skew_that_the_plan_repairs_only_informs() -> None:
    lagging = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.31"),))
    items = (insight("Kubelet version skew", "1.35", "ERROR"), insight("Cluster health issues", "1.35", "ERROR"))
    found = findings(with_facts(lagging, insights=Insights(items=items)), "INS001")
    assert {one.subject: one.severity for one in found} == {
        "Kubelet version skew": INFORMS,
        "Cluster health issues": BLOCKS,
    }


# -- skew of kube-proxy ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "target", "words"),
    [
        ("v1.35.0-eksbuild.1", "1.35", "newer than the control plane"),
        ("v1.31.0-eksbuild.1", "1.35", "4 minors behind 1.35"),
        ("v1.32.0-eksbuild.1", "1.35", ""),
    ],
)
def test_kube_proxy_is_judged_by_skew_alone(version: str, target: str, words: str) -> None:
    cluster = with_addon(HEALTHY, "kube-proxy", version=version)
    found = findings(cluster, "SKW003", target=target, scope=Scope.CONTROL_PLANE)
    assert [words in one.summary for one in found] == ([True] if words else [])


def test_without_a_plan_skew_of_kube_proxy_is_told_at_the_first_hop_that_asks_for_it() -> None:
    def told(version: str) -> list[tuple[str, str]]:
        cluster = with_addon(healthy_snapshot("1.33"), "kube-proxy", version=version)
        found = run_checks(cluster, k8s("1.36"), checks=[REGISTRY["SKW003"]]).findings
        return [(one.subject, str(one.hop)) for one in found]

    assert told("v1.31.0-eksbuild.1") == [("kube-proxy", "1.35")]
    assert told("v1.29.0-eksbuild.1") == [
        ("kube-proxy", "1.34"),
        *((f"kube-proxy on nodegroup/{name}", "1.34") for name in ("core", "workers")),
    ]
    assert told("v1.35.0-eksbuild.1") == [("kube-proxy", "1.34")]
    assert told("v1.33.0-eksbuild.1") == []


def test_kube_proxy_is_judged_against_every_kubelet() -> None:
    cluster = healthy_snapshot(
        "1.34", addons=addons_on("1.31"), nodegroups=(nodegroup("core", "1.34"), nodegroup("old", "1.31"))
    )
    cluster = with_addon(cluster, "kube-proxy", version="v1.30.0-eksbuild.1")
    found = findings(cluster, "SKW003", scope=Scope.NODES)
    assert [one.subject for one in found] == [
        "kube-proxy",
        "kube-proxy on nodegroup/core",
        "kube-proxy on nodegroup/old",
    ]


def test_a_cluster_without_kube_proxy_has_nothing_to_judge() -> None:
    cluster = healthy_snapshot("1.34", addons=addons_on("1.34", ["vpc-cni"]), workloads=())
    verdicts = {one.code: one.verdict for one in report(cluster).results}
    assert verdicts["SKW003"] == "not-applicable"


def test_a_kube_proxy_whose_image_tells_no_version_is_unknown() -> None:
    image = workload("DaemonSet", "kube-system", "kube-proxy", "mirror/kube-proxy@sha256:00")
    cluster = healthy_snapshot("1.34", addons=addons_on("1.34", ["vpc-cni"]), workloads=(image,))
    (found,) = findings(cluster, "SKW003")
    assert (found.unknown, found.severity) == (True, WARNS)


# -- add-ons --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("installed", ["v1.11.2-eksbuild.9", "v1.99.0-eksbuild.1"])
def test_an_installed_version_that_vanished_from_the_list_is_unknown_not_incompatible(installed: str) -> None:
    cluster = with_addon(HEALTHY, "coredns", version=installed)
    (found,) = findings(cluster, "ADD001", scope=Scope.CONTROL_PLANE)
    assert (found.unknown, found.severity) == (True, WARNS)


def test_an_addon_of_which_nothing_is_listed_for_the_target_blocks() -> None:
    extra = addon("acme", "v1.0.0")
    offers = (*ADDON_OFFERS, addon_offer("acme", "v1.0.0", ["1.34"], ["1.34"]))
    (found,) = findings(healthy_snapshot("1.34", addons=(extra,), addon_offers=offers), "ADD001")
    assert "lists no version of acme for 1.35" in found.summary
    assert found.blocks


def test_an_addon_that_no_version_fits_both_blocks() -> None:
    others = tuple(one for one in ADDON_OFFERS if one.addon != "coredns")
    on34 = addon_offer("coredns", default_addon("coredns", "1.34"), ["1.34"], ["1.34"])
    on35 = addon_offer("coredns", "v1.12.0-eksbuild.1", ["1.35"], ["1.35"])
    (found,) = findings(facts(addon_offers=(*others, on34, on35)), "ADD001")
    assert found.blocks


# -- keys, subnets, budgets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ((), "does not exist"),
        ((KmsKey(arn=KEY, state="PendingDeletion", usable_by_role=True),), "PendingDeletion"),
        ((KmsKey(arn=KEY, state="Enabled", usable_by_role=False),), "may not use"),
        ((KmsKey(arn=KEY, state="Enabled", usable_by_role=True),), ""),
    ],
)
def test_the_encryption_key_must_exist_be_enabled_and_be_usable(keys: tuple[KmsKey, ...], words: str) -> None:
    found = findings(with_facts(plane(key_arns=(KEY,)), keys=keys), "KMS001")
    assert [words in one.summary for one in found] == ([True] if words else [])


def test_without_encryption_there_is_no_key_to_judge() -> None:
    assert {one.code: one.verdict for one in report(HEALTHY).results}["KMS001"] == "not-applicable"


def test_short_subnets_come_with_other_subnets_of_the_same_zones() -> None:
    short = subnets(1, 1, 1)
    rows = [subnet(f"new-{zone}-{free}", f"z{zone}", free) for zone in "abc" for free in (7, 90)]
    present = tuple(subnet(f"subnet-{name}", f"z{name}", 1) for name in "abc")
    (proposed,) = findings(with_facts(short, vpc_subnets=(*present, *rows)), "NET002")
    assert "new-a-90, new-b-90, new-c-90" in proposed.remedy
    (without,) = findings(with_facts(short, vpc_subnets=(*present, *rows[:4])), "NET002")
    assert "CIDR" in without.remedy


@pytest.mark.parametrize(
    ("operator", "values", "covers"),
    [
        ("In", ("web", "api"), True),
        ("In", ("api",), False),
        ("NotIn", ("api",), True),
        ("NotIn", ("web",), False),
        ("Exists", (), True),
        ("DoesNotExist", (), False),
    ],
)
def test_budgets_are_matched_by_their_expressions_too(operator: str, values: tuple[str, ...], covers: bool) -> None:
    by_expression = pdb("shop", "x", match_labels={}, match_expressions=(LabelRequirement("app", operator, values),))
    assert bool(findings(facts(pdbs=(pdb("shop", "web"), by_expression)), "PDB002")) is covers


# -- which phases a finding stops -----------------------------------------------------------------------------------

TIGHT = facts(pdbs=(pdb("shop", "web", max_unavailable=0),))


def test_a_budget_stops_the_node_phase_and_nothing_else() -> None:
    found = report(TIGHT)
    assert [one.code for one in findings_stopping(found, "nodes")] == ["PDB001"]
    assert findings_stopping(found, "announce") == findings_stopping(found, "control-plane") == ()


def test_a_budget_is_not_judged_when_no_node_is_rotated() -> None:
    verdicts = {one.code: one.verdict for one in report(TIGHT, scope=Scope.CONTROL_PLANE).results}
    assert verdicts["PDB001"] == verdicts["PDB002"] == "not-applicable"


def test_an_unhealthy_node_group_stops_the_node_phase_and_warns_where_there_is_none() -> None:
    degraded = with_group(HEALTHY, "core", status="DEGRADED")
    assert findings_stopping(report(degraded), "nodes")
    (found,) = findings(degraded, "NDG001", scope=Scope.CONTROL_PLANE)
    assert found.severity is WARNS


def test_what_concerns_the_control_plane_is_not_judged_when_it_stays() -> None:
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),), cluster_role=None)
    assert findings(cluster, "IAM001", scope=Scope.NODES) == []
    assert findings(cluster, "IAM001") != []


def test_a_waiver_lifts_a_finding_only_where_the_check_allows_it() -> None:
    found = report(with_facts(TIGHT, denied_actions=("eks:UpdateAddon",)))
    waivers = [Waiver(code=one.code, subject=one.subject, by="U1", reason="known") for one in found.blockers]
    assert len(waivers) == 2
    assert [one.code for one in findings_stopping(found, "nodes", waivers=waivers)] == ["IAM002"]


def test_findings_of_later_hops_can_be_left_out() -> None:
    items = tuple(insight("x", version) for version in ("1.35", "1.36"))
    cluster = facts(insights=Insights(items=(*items, insight("y", "1.36", "ERROR"))))
    found = report(cluster, "1.36")
    assert findings_stopping(found, "control-plane")
    assert findings_stopping(found, "control-plane", hop=k8s("1.35")) == ()


# -- updates of the run itself --------------------------------------------------------------------------------------


def test_an_update_of_the_run_itself_does_not_make_the_cluster_busy() -> None:
    cluster = healthy_snapshot("1.34", control_plane={"status": "UPDATING"}, updates=(update("InProgress"),))
    assert findings(cluster, "CLS001", own_updates=["u-1"]) == []
    assert len(findings(cluster, "CLS001", own_updates=["u-2"])) == 2


def test_an_addon_or_group_that_the_run_itself_updates_is_no_finding() -> None:
    updating = with_addon(HEALTHY, "coredns", status="UPDATING")
    updating = with_facts(updating, updates=(update("InProgress", "addon", "coredns"),))
    assert findings(updating, "ADD002", own_updates=["u-1"]) == []
    assert len(findings(updating, "ADD002")) == 1
    rotating = with_group(HEALTHY, "core", status="UPDATING")
    rotating = with_facts(rotating, updates=(update("InProgress", "nodegroup", "core"),))
    assert findings(rotating, "NDG001", own_updates=["u-1"]) == []
    assert len(findings(rotating, "NDG001")) == 1
