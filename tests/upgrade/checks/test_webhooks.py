"""What the API server calls: webhooks, aggregated APIs, conversion."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judging import Found, NearMiss, before, codes_of, findings, name_of, see, see_none
from upgrade.checks import webhooks
from upgrade.cluster import ClusterSnapshot
from upgrade.findings import Severity
from upgrade.objects import ApiServiceRow, CrdRow, WebhookRow, WebhookRule
from upgrade.rows import EndpointsRow, LabelRequirement, NamespaceRow

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
KIND = "ValidatingWebhookConfiguration"
PODS = WebhookRule(groups=("",), versions=("v1",), resources=("pods",), operations=("CREATE",))
NODES = WebhookRule(groups=("",), versions=("v1",), resources=("nodes/*",), operations=("UPDATE",))
ALL = WebhookRule(groups=("*",), versions=("*",), resources=("*/*",), operations=("*",))
ISSUERS = WebhookRule(groups=("cert-manager.io",), versions=("v1",), resources=("issuers",))
POLICIES = WebhookRule(groups=("policy",), versions=("v1beta1",), resources=("podsecuritypolicies",))
BUDGETS = WebhookRule(groups=("policy",), versions=("v1beta1",), resources=("poddisruptionbudgets/*",))
BOTH = WebhookRule(groups=("policy",), versions=("v1", "v1beta1"), resources=("poddisruptionbudgets",))
SCALERS = WebhookRule(groups=("autoscaling",), versions=("v1", "v2beta1"), resources=("horizontalpodautoscalers",))
OLD_INGRESSES = WebhookRule(groups=("extensions",), versions=("*",), resources=("ingresses",))
INGRESSES = WebhookRule(groups=("networking.k8s.io",), versions=("v1",), resources=("ingresses",))
EXEMPT = (LabelRequirement("kubernetes.io/metadata.name", "NotIn", ("kube-system",)),)
ANSWERS = (EndpointsRow(namespace="guard", service="guard", ready=2),)


def hook(rule: WebhookRule = PODS, ready: int = 2, **changes: Any) -> ClusterSnapshot:
    """A cluster with a webhook of one rule, exempt from kube-system, and so many endpoints behind it."""
    facts: dict[str, Any] = {
        "kind": KIND,
        "configuration": "guard",
        "name": "guard.example",
        "service": "guard/guard",
        "rules": (rule,),
        "match_expressions": EXEMPT,
        "labels": {"team": "security"},
    }
    endpoints = (EndpointsRow(namespace="guard", service="guard", ready=ready),)
    return before("1.35", webhooks=(WebhookRow(**(facts | changes)),), endpoints=endpoints)


def guards(target: str, *rules: WebhookRule) -> ClusterSnapshot:
    row = WebhookRow(KIND, "guard", "guard.example", rules=rules, match_expressions=EXEMPT)
    return before(target, webhooks=(row,))


def api(*, available: bool, **changes: Any) -> ClusterSnapshot:
    row = ApiServiceRow(name="v1beta1.metrics.k8s.io", available=available, **changes)
    return before("1.35", api_services=(row,))


def crd(**changes: Any) -> ClusterSnapshot:
    facts = {"name": "tills.shop.io", "group": "shop.io", "kind": "Till", "plural": "tills"} | changes
    return before("1.35", crds=(CrdRow(**facts),), endpoints=ANSWERS)


GUARD = f"{KIND}/guard"
TILLS = "CustomResourceDefinition/tills.shop.io"
FOUND = [
    Found("WHK001", "nobody behind pods", hook(ready=0), BLOCKS, GUARD, "no ready endpoint"),
    Found("WHK001", "nobody behind nodes", hook(NODES, ready=0), BLOCKS, GUARD, "about nodes/*"),
    Found("WHK001", "nobody behind everything", hook(ALL, ready=0), BLOCKS, GUARD, "about everything"),
    Found("WHK001", "nobody behind something else", hook(ISSUERS, ready=0), WARNS, GUARD, "about issuers"),
    Found("WHK001", "a Service that is not there", hook(service="guard/gone"), BLOCKS, GUARD),
    Found("WHK002", "no exemption", hook(match_expressions=()), WARNS, GUARD, "kube-system"),
    Found("WHK002", "an exact match", hook(match_policy="Exact"), WARNS, GUARD, "Exact"),
    Found("WHK002", "an exact match of nodes", hook(NODES, match_policy="Exact"), WARNS, GUARD, "Exact"),
    Found("WHK003", "an API that is away", api(available=False, service="kube-system/metrics-server"), BLOCKS,
          "APIService/v1beta1.metrics.k8s.io", "not available"),
    Found("WHK004", "a conversion nobody does", crd(conversion_service="guard/gone"), BLOCKS, TILLS, "converted"),
    Found("WHK004", "a version nobody serves", crd(served=("v1",), stored=("v1", "v1alpha1")), WARNS, TILLS,
          "v1alpha1"),
    Found("WHK005", "a version that goes", guards("1.25", BUDGETS), INFORMS, GUARD,
          "poddisruptionbudgets.v1beta1.policy, which 1.25"),
    Found("WHK005", "a kind that goes", guards("1.25", POLICIES), INFORMS, GUARD, "podsecuritypolicies.v1beta1.policy"),
    Found("WHK005", "all versions of a group that it leaves", guards("1.22", OLD_INGRESSES), INFORMS, GUARD,
          "ingresses.extensions"),
]  # fmt: skip

NEAR = [
    NearMiss("WHK001", "somebody answers", hook(ready=1)),
    NearMiss("WHK001", "it may fail", hook(ready=0, failure_policy="Ignore")),
    NearMiss("WHK001", "called by URL", hook(service="")),
    NearMiss("WHK002", "exempt", hook()),
    NearMiss("WHK002", "about nodes, which have no namespace", hook(NODES, match_expressions=())),
    NearMiss("WHK002", "about something else", hook(ISSUERS, match_expressions=())),
    NearMiss("WHK002", "for labelled namespaces", hook(match_expressions=(), match_labels={"guard": "on"})),
    NearMiss("WHK002", "it may fail", hook(match_expressions=(), failure_policy="Ignore")),
    NearMiss("WHK003", "an API that is there", api(available=True)),
    NearMiss("WHK004", "a conversion that works", crd(conversion_service="guard/guard")),
    NearMiss("WHK005", "gone before", guards("1.26", BUDGETS)),
    NearMiss("WHK005", "goes later", guards("1.24", BUDGETS)),
    NearMiss("WHK005", "a version that stays as well", guards("1.25", BOTH)),
    NearMiss("WHK005", "a version that stays, beside the newest", guards("1.25", SCALERS)),
    NearMiss("WHK005", "where it moved to, in another rule", guards("1.22", OLD_INGRESSES, INGRESSES)),
    NearMiss("WHK005", "everything", guards("1.25", ALL)),
    NearMiss("WHK004", "more is served than stored", crd(served=("v1", "v1alpha1"), stored=("v1",))),
]


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    assert {one.code for one in FOUND} == codes_of(webhooks) == {one.code for one in NEAR}


def test_webhooks_of_a_configuration_are_one_finding_with_its_owner() -> None:
    rows = tuple(
        WebhookRow(KIND, "guard", name, service="guard/gone", rules=(PODS,), labels={"team": "security"})
        for name in ("a.example", "b.example")
    )
    (found,) = findings(before("1.35", webhooks=rows), "WHK001")
    assert found.evidence == {"owner": "security", "webhooks": "a.example, b.example", "services": "guard/gone"}


def test_an_exemption_by_a_label_of_ones_own_counts() -> None:
    labelled = (NamespaceRow(name="kube-system", labels={"guard": "off"}),)
    unlabelled = (NamespaceRow(name="kube-system"),)
    by_label = hook(match_expressions=(LabelRequirement("guard", "DoesNotExist"),))
    spared = by_label.model_copy(update={"namespaces": before("1.35", namespaces=labelled).namespaces})
    watched = by_label.model_copy(update={"namespaces": before("1.35", namespaces=unlabelled).namespaces})
    assert [len(findings(one, "WHK002")) for one in (spared, watched)] == [0, 1]
