"""Insights are computed from the world, and only as fresh as their last refresh."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.world.errors import ResourceNotFound
from tests.sandbox.world.play import Play, play

USE = """deprecated_uses:
      - usage: /apis/x/v1beta1/things
        replaced_with: /apis/x/v1/things
        stop_serving_version: "1.35"
        start_serving_replacement_version: "1.30"
        user_agent: old-client/1.0
    addons:"""


def statuses(made: Play, version: str) -> dict[str, str]:
    return {i.name: i.status for i in made.world.list_insights(made.cluster, kubernetes_versions=[version])}


def refresh(made: Play) -> None:
    made.world.start_insights_refresh(made.cluster)
    made.wait(timedelta(minutes=3))


def test_healthy_cluster_passes_for_the_next_version(healthy: Play) -> None:
    assert statuses(healthy, "1.35") == {
        "Deprecated APIs removed in Kubernetes v1.35": "PASSING",
        "Kubelet version skew": "PASSING",
        "kube-proxy version skew": "PASSING",
        "EKS add-on version compatibility": "PASSING",
        "Cluster health issues": "PASSING",
    }


def test_first_refresh_lies_back_as_the_scenario_says(healthy: Play) -> None:
    assert {i.last_refresh_at for i in healthy.world.list_insights(healthy.cluster)} == {
        healthy.clock.now() - timedelta(hours=6)
    }
    healthy.wait(timedelta(hours=18))
    assert {i.last_refresh_at for i in healthy.world.list_insights(healthy.cluster)} == {healthy.clock.now()}


def test_removed_api_in_use_is_an_error_for_the_next_version_with_its_clients() -> None:
    made = play({"addons:": USE})
    (insight,) = made.world.list_insights(made.cluster, statuses=["ERROR"])
    assert insight.kubernetes_version == "1.35"
    (detail,) = insight.summary["deprecationDetails"]
    assert detail["clientStats"][0]["userAgent"] == "old-client/1.0"
    assert detail["clientStats"][0]["lastRequestTime"] == made.clock.now() - timedelta(hours=5)
    assert insight.resources[0]["kubernetesResourceUri"] == "/apis/x/v1beta1/things"
    assert made.world.describe_insight(made.cluster, insight.id) is insight


def test_what_concerns_a_later_version_is_a_warning() -> None:
    made = play({"addons:": USE.replace('"1.35"', '"1.36"')})
    assert statuses(made, "1.36")["Deprecated APIs removed in Kubernetes v1.36"] == "WARNING"
    assert statuses(made, "1.35")["Deprecated APIs removed in Kubernetes v1.35"] == "PASSING"


def test_skew_and_add_ons_that_do_not_fit_are_found() -> None:
    made = play(
        {
            "{name: core, size: 3}": '{name: core, size: 3, version: "1.31"}',
            "{name: vpc-cni}": "{name: vpc-cni, version: v1.20.1-eksbuild.3}",
            "{name: kube-proxy}": "{name: kube-proxy, version: v1.31.4-eksbuild.2}",
        }
    )
    found = statuses(made, "1.35")
    assert found["Kubelet version skew"] == "ERROR"
    assert found["kube-proxy version skew"] == "ERROR"
    assert found["EKS add-on version compatibility"] == "ERROR"
    (skew,) = [
        i
        for i in made.world.list_insights(made.cluster, kubernetes_versions=["1.35"])
        if i.name == "Kubelet version skew"
    ]
    assert len(skew.resources) == 3


def test_refresh_takes_a_minute_or_more_and_a_second_joins_it(healthy: Play) -> None:
    with pytest.raises(ResourceNotFound):
        healthy.world.describe_insights_refresh(healthy.cluster)
    first = healthy.world.start_insights_refresh(healthy.cluster)
    assert healthy.world.start_insights_refresh(healthy.cluster) is first
    healthy.wait(timedelta(seconds=59))
    assert healthy.world.describe_insights_refresh(healthy.cluster).status == "IN_PROGRESS"
    healthy.wait(timedelta(seconds=92))
    assert first.status == "COMPLETED"
    assert first.ended_at is not None
    assert {i.last_refresh_at for i in healthy.world.list_insights(healthy.cluster)} == {first.ended_at}
    assert healthy.world.start_insights_refresh(healthy.cluster) is not first


def test_repair_shows_after_a_refresh_and_not_before() -> None:
    made = play({"addons:": USE})
    made.cluster.deprecated_uses.clear()
    assert statuses(made, "1.35")["Deprecated APIs removed in Kubernetes v1.35"] == "ERROR"
    refresh(made)
    assert statuses(made, "1.35")["Deprecated APIs removed in Kubernetes v1.35"] == "PASSING"


def test_transition_time_moves_with_the_status_only() -> None:
    made = play({"addons:": USE})
    before = {i.id: i.last_transition_at for i in made.world.list_insights(made.cluster)}
    made.cluster.deprecated_uses.clear()
    refresh(made)
    moved = [i.name for i in made.world.list_insights(made.cluster) if i.last_transition_at != before[i.id]]
    assert moved == ["Deprecated APIs removed in Kubernetes v1.35"]


def test_insights_for_versions_that_were_reached_go(healthy: Play) -> None:
    healthy.upgrade_control_plane("1.35")
    refresh(healthy)
    assert statuses(healthy, "1.35") == {}
    assert set(statuses(healthy, "1.36").values()) == {"PASSING", "ERROR"}
    assert statuses(healthy, "1.36")["EKS add-on version compatibility"] == "ERROR"
