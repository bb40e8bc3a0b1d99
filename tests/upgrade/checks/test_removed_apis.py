"""APIs that end: objects, requests, callers and releases; stale traces and what is only deprecated."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.snapshots import TAKEN_AT, healthy_snapshot, insight, k8s, with_facts
from upgrade.api_usage import ApiRequest, ApiWrite, ApiWrites, ServedApi, Unseen
from upgrade.checks import REGISTRY, removed_apis, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import InsightClient, InsightDeprecation, Insights
from upgrade.facts import Unknown
from upgrade.findings import Severity
from upgrade.plan import UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.removals.rules import builtin_rules

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
WEB = "shop/PodDisruptionBudget/web"
API = "policy/v1beta1 poddisruptionbudgets"


def write(source: Any = "managed-fields", manager: str = "kubectl", **more: Any) -> ApiWrite:
    version, kind = more.pop("api", ("policy/v1beta1", "PodDisruptionBudget"))
    return ApiWrite(version, kind, "shop", "web", source, manager, at=TAKEN_AT, **more)


def written(*writes: ApiWrite, target: str = "1.25", unseen: tuple[Unseen, ...] = (), **facts: Any) -> ClusterSnapshot:
    return before(target, api_writes=ApiWrites(items=writes, unseen=unseen), **facts)


def request(removed: str = "1.25", resource: str = "poddisruptionbudgets", **caller: Any) -> ApiRequest:
    return ApiRequest("policy", "v1beta1", resource, removed_release=removed, **caller)


def asked(*requests: ApiRequest, target: str = "1.25", **facts: Any) -> ClusterSnapshot:
    return before(target, api_requests=requests, **facts)


def told(days: int | None, agent: str = "pdb-operator/v0.1", stops_at: str = "1.25") -> Insights:
    """EKS's insight, with a caller that was last seen so many days ago."""
    last = None if days is None else TAKEN_AT - timedelta(days=days)
    callers = () if days is None else (InsightClient(user_agent=agent, requests=7, last_request_at=last),)
    usage = InsightDeprecation(usage="/apis/policy/v1beta1/poddisruptionbudgets", stops_at=stops_at, clients=callers)
    one = insight("Deprecated APIs removed in Kubernetes v1.25", "1.25", status="ERROR")
    return Insights(items=(one.model_copy(update={"deprecations": (usage,)}),))


def audited(*users: str, target: str = "1.25", **facts: Any) -> ClusterSnapshot:
    rows = tuple(request(username=user, user_agent="x/1", count=3, last_at=TAKEN_AT) for user in users)
    return before(target, audit_requests=rows, **facts)


def released(*writes: ApiWrite, unseen: tuple[Unseen, ...] = (), target: str = "1.25") -> ClusterSnapshot:
    return before(target, helm_writes=ApiWrites(items=writes, unseen=unseen))


HELM = write("helm", "shop/web")
STALE = write("last-applied", current="policy/v1")
ARGO = Unseen(what="applications.argoproj.io", reason="no")
ODD = Unseen(what="Helm release shop/odd", reason="It is too large.")
UNREAD = Unseen(what="poddisruptionbudgets.policy", reason="no", permission="list poddisruptionbudgets.policy")

FOUND = [
    Found("API001", "applied by a person", written(write()), WARNS, WEB, "written with policy/v1beta1, which 1.25"),
    Found("API001", "last applied", written(write("last-applied")), WARNS, WEB),
    Found("API001", "applied by Argo CD", written(write("argocd", "argocd/shop")), BLOCKS, WEB),
    Found("API001", "applied by Flux", written(write("flux", "flux/shop")), BLOCKS, WEB),
    Found("API001", "by a controller that still asks",
          written(write(manager="pdb-operator"), api_requests=(request(),)), BLOCKS, WEB),
    Found("API001", "by a controller, requests unknown",
          written(write(manager="pdb-operator"), api_requests=Unknown(reason="no")), BLOCKS, WEB),
    Found("API001", "by a controller that asks no more", written(write(manager="pdb-operator")), WARNS, WEB),
    Found("API001", "served nowhere else", written(write("served-only", "")), WARNS, WEB),
    Found("API001", "a stale annotation", written(STALE), INFORMS, WEB, "has been applied with policy/v1 since"),
    Found("API001", "a kind that could not be listed", written(unseen=(UNREAD,)), BLOCKS, UNREAD.what, "could not be"),
    Found("API001", "Argo CD could not be asked", written(unseen=(ARGO,)), WARNS, "applications.argoproj.io"),
    Found("API002", "goes two versions later", written(write(), target="1.23"), INFORMS,
          "policy/v1beta1 PodDisruptionBudget", "goes in 1.25: 1 object is written with it"),
    Found("API002", "asked for", asked(request(), target="1.23"), INFORMS,
          "policy/v1beta1 PodDisruptionBudget", "clients ask for it"),
    Found("API003", "the metric", asked(request()), BLOCKS, API, "Some API server was asked for"),
    Found("API003", "what the bot itself reads", asked(request(resource="podsecuritypolicies")), WARNS,
          "policy/v1beta1 podsecuritypolicies"),
    Found("API003", "a caller of yesterday", before("1.25", insights=told(1)), BLOCKS, API, "EKS saw requests"),
    Found("API003", "a caller of last week, and the metric", asked(request(), insights=told(20)), BLOCKS, API),
    Found("API003", "fixed, ageing out", before("1.25", insights=told(20)), INFORMS, API, "30 days"),
    Found("API004", "a user", audited("system:serviceaccount:shop:web"), BLOCKS, API, "shop:web with x/1 (3 requests"),
    Found("API004", "the system and a user", audited("system:kube-scheduler", "ann"), BLOCKS, API, "ann"),
    Found("API004", "only the system", audited("system:kube-scheduler"), INFORMS, API, "only parts of Kubernetes"),
    Found("API005", "a release", released(HELM, write("helm", "shop/web", api=("batch/v1beta1", "CronJob"))), WARNS,
          "Helm release shop/web", "policy/v1beta1 PodDisruptionBudget"),
    Found("API005", "a release that could not be read", released(unseen=(ODD,)),
          WARNS, "Helm release shop/odd", "could not be looked at"),
]  # fmt: skip

NEAR = [
    NearMiss("API001", "removed later", written(write(), target="1.24")),
    NearMiss("API001", "removed before", written(write(), target="1.26")),
    NearMiss("API001", "another kind's list failed",
             written(unseen=(Unseen(what="volumeattributesclasses.storage.k8s.io", reason="no"),))),
    NearMiss("API001", "a list failed, and nothing ends", written(unseen=(UNREAD,), target="1.30")),
    NearMiss("API002", "removed now", written(write())),
    NearMiss("API002", "a stale annotation", written(STALE, target="1.23")),
    NearMiss("API002", "not deprecated yet",
             written(write(api=("storage.k8s.io/v1beta1", "VolumeAttributesClass")), target="1.33")),
    NearMiss("API003", "removed later", asked(request("1.26"))),
    NearMiss("API003", "never removed", asked(request(""))),
    NearMiss("API003", "no callers", before("1.25", insights=told(None))),
    NearMiss("API003", "the bot itself", before("1.25", insights=told(1, "eks-upgrade-bot/1.0"))),
    NearMiss("API003", "goes elsewhere", before("1.25", insights=told(1, stops_at="1.27"))),
    NearMiss("API003", "told by the audit log", asked(request(), insights=told(1), audit_requests=(request(),))),
    NearMiss("API004", "removed later", audited("ann", target="1.24")),
    NearMiss("API005", "removed later", released(HELM, target="1.24")),
    NearMiss("API005", "unread, and nothing ends",
             released(unseen=(ODD,), target="1.30")),
]  # fmt: skip


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    assert {one.code for one in FOUND} == codes_of(removed_apis) == {one.code for one in NEAR}


@pytest.mark.parametrize(
    ("code", "fact", "severity"),
    [
        ("API001", "api_writes", BLOCKS),
        ("API001", "served_apis", BLOCKS),
        ("API002", "api_writes", INFORMS),
        ("API003", "api_requests", BLOCKS),
        ("API004", "audit_requests", BLOCKS),
        ("API005", "helm_writes", WARNS),
    ],
)
def test_what_could_not_be_read_weighs_what_a_finding_would(code: str, fact: str, severity: Severity) -> None:
    (found,) = findings(before("1.25", **{fact: Unknown(reason="no", permission="p")}), code)
    assert (found.unknown, found.permission, found.severity) == (True, "p", severity)
    (found,) = findings(before("1.25", **{fact: Unknown(reason="off", chosen=True)}), code)
    assert (found.unknown, found.severity) == (True, INFORMS)


def test_an_unseen_kind_is_unknown_with_the_permission_that_cures_it() -> None:
    (found,) = findings(written(unseen=(UNREAD,)), "API001")
    assert (found.unknown, found.permission) == (True, "list poddisruptionbudgets.policy")


def test_each_object_is_one_finding_with_traces_owner_and_successor() -> None:
    served = (ServedApi("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),)
    both = (write(labels={"team": "shop"}), write("last-applied"))
    (found,) = findings(written(*both, served_apis=served), "API001")
    assert found.evidence == {
        "seen": "managed-fields by kubectl, 2026-11-03; last-applied by kubectl, 2026-11-03",
        "confidence": "certain",
        "successor": "policy/v1, served already",
        "owner": "shop",
    }
    assert "empty spec.selector" in found.remedy


def test_a_successor_that_comes_with_the_hop_is_told_with_what_to_use_until_then() -> None:
    group = "flowcontrol.apiserver.k8s.io"
    served = tuple(ServedApi(group, version, "FlowSchema", "flowschemas") for version in ("v1beta2", "v1beta3"))
    flow = write(api=(f"{group}/v1beta2", "FlowSchema"))
    (found,) = findings(written(flow, target="1.29", served_apis=served), "API001")
    assert found.evidence["successor"] == f"{group}/v1, served from 1.29 on; until then {group}/v1beta3"


def test_what_a_later_hop_removes_is_shown_for_that_hop() -> None:
    cluster = with_facts(healthy_snapshot("1.23"), api_writes=ApiWrites(items=(write(),)), api_requests=(request(),))
    plan = plan_upgrade(cluster, k8s("1.26"), UpgradePolicy())
    found = {
        (one.code, str(one.hop)): one.severity
        for one in run_checks(cluster, plan, checks=[REGISTRY[code] for code in codes_of(removed_apis)]).findings
    }
    assert found == {("API001", "1.25"): WARNS, ("API003", "1.25"): BLOCKS}


@pytest.mark.parametrize(
    "rule",
    [rule for rule in builtin_rules() if rule.removed_in and k8s("1.22") <= rule.removed_in <= k8s("1.36")],
    ids=lambda rule: f"{rule.removed_in} {rule.api}",
)
def test_every_removal_is_found_at_its_hop_and_says_how_to_convert(rule: Any) -> None:
    one = write(api=(rule.group_version, rule.kind))
    (found,) = findings(written(one, target=str(rule.removed_in)), "API001")
    assert found.severity is WARNS
    assert found.remedy.endswith(".")
    assert len(found.remedy) > 20
