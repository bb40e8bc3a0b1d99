"""Which pod templates a cluster has, and whose they are."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.snapshots import healthy_snapshot, pod, workload
from upgrade.owner import owner_evidence, owner_of
from upgrade.pod_templates import pod_templates
from upgrade.rows import Owner


def subjects(**facts: Any) -> list[str]:
    return [one.subject for one in pod_templates(healthy_snapshot("1.34", **{"workloads": (), "pods": ()} | facts))]


def test_a_template_is_told_once_by_what_people_mend() -> None:
    rows = (
        workload("Deployment", "shop", "web"),
        workload("ReplicaSet", "shop", "web-1", owners=(Owner(kind="Deployment", name="web"),)),
        workload("ReplicaSet", "shop", "rollout-1", owners=(Owner(kind="Rollout", name="rollout"),)),
        workload("CronJob", "shop", "nightly"),
        workload("Job", "shop", "nightly-1", owners=(Owner(kind="CronJob", name="nightly"),)),
    )
    assert subjects(workloads=rows) == [
        "shop/Deployment/web",
        "shop/ReplicaSet/rollout-1",
        "shop/CronJob/nightly",
    ]


@pytest.mark.parametrize(("ready", "succeeded", "told"), [(0, 2, False), (0, 1, True), (1, 2, True)])
def test_a_job_that_has_ended_is_left_out(ready: int, succeeded: int, told: bool) -> None:
    assert bool(subjects(workloads=(workload("Job", "shop", "once", ready=ready, available=succeeded),))) is told


def test_pods_stand_for_themselves_or_for_their_operator_but_not_for_workloads_nor_nodes() -> None:
    pods = (
        pod("shop", "lonely", owners=()),
        pod("shop", "done", owners=(), phase="Succeeded"),
        pod("kube-system", "static", owners=(Owner(kind="Node", name="n"),)),
        pod("shop", "kafka-0", owners=(Owner(kind="StrimziPodSet", name="kafka"),)),
        pod("shop", "kafka-1", owners=(Owner(kind="StrimziPodSet", name="kafka"),)),
        pod("shop", "web-1"),
    )
    assert subjects(pods=pods) == ["shop/Pod/lonely", "shop/StrimziPodSet/kafka"]


@pytest.mark.parametrize(
    ("labels", "owner"),
    [
        (({"team": "till"}, {"team": "shop"}), "till"),
        (({"app.kubernetes.io/part-of": "shop", "owner": "ann"},), "ann"),
        (({"app": "x"}, {"app.kubernetes.io/part-of": "shop"}), "shop"),
        (({"team": ""},), ""),
        ((), ""),
    ],
)
def test_the_most_telling_label_names_the_owner(labels: tuple[dict[str, str], ...], owner: str) -> None:
    assert owner_of(*labels) == owner
    assert owner_evidence(*labels) == ({"owner": owner} if owner else {})
