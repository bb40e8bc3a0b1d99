"""Facts that are asked for with the answers of others."""

from __future__ import annotations

import pytest

from tests.upgrade.fakes import FakeAws, FakeCluster, FakeKube, ManualClock
from tests.upgrade.snapshots import healthy_snapshot, with_facts
from upgrade.cluster import ClusterSnapshot
from upgrade.engine.readiness import ASKED_WITH
from upgrade.engine.snapshot import take_snapshot
from upgrade.facts import Unknown
from upgrade.readiness import Looks

EVERYTHING = Looks(helm_releases=True, token_secrets=True, kubelets=True, audit_log=True)
FACT_OF = {"endpoints_of": "endpoints"}


def unknown_without(fact: str) -> set[str]:
    """The facts that are unknown in a snapshot of a healthy cluster that keeps one back."""
    cluster = FakeCluster(ManualClock(), healthy_snapshot())
    cluster.snapshot = with_facts(cluster.snapshot, **{fact: Unknown(reason="kept back")})
    aws, kube = FakeAws(cluster), FakeKube(cluster)
    taken = take_snapshot(aws, kube, cluster.snapshot.cluster, cluster.clock, looks=EVERYTHING)
    return {name for name in ClusterSnapshot.model_fields if isinstance(getattr(taken, name), Unknown)} - {fact}


@pytest.mark.parametrize(
    "fact",
    ["webhooks", "api_services", "crds", "autoscaling_groups", "services", "claims", "quotas", "fargate_profiles"],
)
def test_what_is_asked_for_with_an_answer_is_unknown_without_it_and_the_table_says_so(fact: str) -> None:
    said = {FACT_OF.get(name, name) for name, others in ASKED_WITH.items() if fact in others}
    assert unknown_without(fact) == said
