"""What people tick before a plan is approved: which items, and for which cluster."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.snapshots import healthy_snapshot, k8s, nodegroup, span, with_facts, workload
from upgrade.checklist import items_for
from upgrade.facts import Unknown
from upgrade.plan import Scope, UpgradePolicy
from upgrade.planner import plan_upgrade


def test_a_way_of_two_hops_asks_for_the_release_notes_of_both_and_for_the_rest_once() -> None:
    items = items_for(span("1.24", "1.25"))
    ids = [one.id for one in items]
    assert ids[:2] == ["release-notes@1.24", "release-notes@1.25"]
    assert len(set(ids)) == len(ids)
    assert {"tested-elsewhere", "ip-forwarding", "list-requests"} <= set(ids)
    assert "Kubernetes 1.24 have" in items[0].sentence
    assert items[1].link.endswith("CHANGELOG-1.25.md")


@pytest.mark.parametrize(("first", "last", "asked"), [("1.24", "1.24", True), ("1.25", "1.36", False)])
def test_an_item_of_one_version_is_asked_on_its_way_alone(first: str, last: str, asked: bool) -> None:
    assert ("B-124-12" in {one.rule for one in items_for(span(first, last))}) is asked


@pytest.mark.parametrize(
    ("id_", "with_it"),
    [
        ("ip-forwarding", {"nodegroups": (nodegroup("own", "1.23", ami_type="CUSTOM"),)}),
        ("ip-forwarding", {"nodegroups": Unknown(reason="not read")}),
        (
            "fluent-bit-manifest",
            {"workloads": (workload("Deployment", "shop", "logs", "public.ecr.aws/x/aws-for-fluent-bit:2.1"),)},
        ),
        (
            "autoscaler-describes-groups",
            {"workloads": (workload("Deployment", "shop", "ca", "registry.k8s.io/cluster-autoscaler:v1.23.0"),)},
        ),
        ("ipv6-loopback", {"workloads": (workload("Deployment", "shop", "two", "a", "b"),)}),
    ],
)
def test_an_item_is_asked_only_where_it_can_matter(id_: str, with_it: dict[str, Any]) -> None:
    hop, healthy = span("1.24", "1.24"), healthy_snapshot("1.23")
    assert id_ not in [one.id for one in items_for(hop, healthy)]
    assert id_ in [one.id for one in items_for(hop, with_facts(healthy, **with_it))]


def test_a_plan_has_the_list_of_its_own_hops() -> None:
    healthy = healthy_snapshot("1.34")
    plan = plan_upgrade(healthy, k8s("1.36"), UpgradePolicy())
    assert plan.checklist == items_for(span("1.35", "1.36"), healthy)
    stale = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),), nodes=())
    assert plan_upgrade(stale, None, UpgradePolicy(), Scope.NODES).checklist == ()


def test_without_a_hop_nothing_is_ticked() -> None:
    assert items_for(()) == ()


def test_every_item_says_what_it_is_and_where_to_read_more() -> None:
    for one in items_for(span("1.21", "1.37")):
        assert one.sentence.endswith(".")
        assert "{" not in one.sentence + one.link
        assert one.link.startswith("https://")
