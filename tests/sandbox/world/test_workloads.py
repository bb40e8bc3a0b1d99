"""Controllers, scheduler, kubelets and PodDisruptionBudgets: small, but true."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.scenario import BudgetBlocks
from sandbox.world import manifests
from sandbox.world.errors import EvictionBlocked, ObjectNotFound, SeveralBudgets
from sandbox.world.objects import (
    BUDGETS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NODES,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Json,
)
from tests.sandbox.world.play import Play, play

SOON = timedelta(minutes=3)


def pods(made: Play, app: str) -> list[Json]:
    return [pod for pod in made.cluster.kube.list(PODS, "shop") if pod["metadata"]["labels"].get("app") == app]


def budget(made: Play, name: str) -> dict[str, int]:
    status = made.cluster.kube.get(BUDGETS, "shop", name)["status"]
    keys = ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed")
    return {key: status[key] for key in keys}


def scale(made: Play, name: str, replicas: int) -> None:
    with made.world.current():
        made.cluster.kube.edit(DEPLOYMENTS, "shop", name, lambda found: found["spec"].update(replicas=replicas))


def test_everything_is_ready_when_the_scenario_begins(healthy: Play) -> None:
    assert all(pod["ready"] for pod in healthy.world.picture(healthy.cluster)["pods"])
    assert all(node["ready"] for node in healthy.world.picture(healthy.cluster)["nodes"])
    assert not healthy.cluster.kube.list(EVENTS), "events are an hour old at most"


def test_pods_spread_over_nodes(healthy: Play) -> None:
    assert len({pod["spec"]["nodeName"] for pod in pods(healthy, "web")}) == 4


def test_pods_are_owned_through_their_replica_set(healthy: Play) -> None:
    owner = manifests.controller_of(pods(healthy, "web")[0])
    assert owner is not None
    replica_set = healthy.cluster.kube.get(REPLICA_SETS, "shop", owner["name"])
    deployment = manifests.controller_of(replica_set)
    assert deployment is not None
    assert (owner["kind"], deployment["kind"], deployment["name"]) == ("ReplicaSet", "Deployment", "web")
    assert pods(healthy, "web")[0]["metadata"]["labels"]["pod-template-hash"] in owner["name"]


def test_scaling_makes_and_takes_pods_and_the_budget_follows(healthy: Play) -> None:
    scale(healthy, "web", 6)
    assert budget(healthy, "web") == {
        "expectedPods": 6, "currentHealthy": 4, "desiredHealthy": 5, "disruptionsAllowed": 0,
    }  # fmt: skip
    healthy.wait(SOON)
    assert budget(healthy, "web")["disruptionsAllowed"] == 1
    scale(healthy, "web", 2)
    healthy.wait(SOON)
    assert len(pods(healthy, "web")) == 2
    assert budget(healthy, "web") == {
        "expectedPods": 2, "currentHealthy": 2, "desiredHealthy": 1, "disruptionsAllowed": 1,
    }  # fmt: skip


def test_new_template_rolls_within_its_limits(healthy: Play) -> None:
    def change(deployment: Json) -> None:
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = "registry.example.com/app:2.0.0"

    with healthy.world.current():
        healthy.cluster.kube.edit(DEPLOYMENTS, "shop", "web", change)

    def done() -> bool:
        status = healthy.cluster.kube.get(DEPLOYMENTS, "shop", "web")["status"]
        return bool(status["updatedReplicas"] == status["replicas"] == status.get("availableReplicas") == 4)

    for _ in healthy.events(done, timedelta(minutes=10)):
        alive = [pod for pod in pods(healthy, "web") if manifests.is_active(pod)]
        assert len(alive) <= 5
        assert sum(manifests.is_true(pod, "Ready") for pod in alive) >= 3
    images = {pod["spec"]["containers"][0]["image"] for pod in pods(healthy, "web") if manifests.is_active(pod)}
    assert images == {"registry.example.com/app:2.0.0"}


def test_evicted_pod_leaves_by_its_grace_period_and_another_comes(healthy: Play) -> None:
    victim = pods(healthy, "web")[0]["metadata"]
    healthy.world.evict_pod(healthy.cluster, "shop", victim["name"])
    leaving = healthy.cluster.kube.get(PODS, "shop", victim["name"])
    assert leaving["metadata"]["deletionGracePeriodSeconds"] == 30
    target = manifests.condition_of(leaving, "DisruptionTarget")
    assert target is not None
    assert target["reason"] == "EvictionByEvictionAPI"
    assert budget(healthy, "web")["disruptionsAllowed"] == 0
    with pytest.raises(EvictionBlocked) as blocked:
        healthy.world.evict_pod(healthy.cluster, "shop", pods(healthy, "web")[1]["metadata"]["name"])
    assert blocked.value.cause == "The disruption budget web needs 3 healthy pods and has 3 currently"
    healthy.wait(timedelta(seconds=30))
    assert healthy.cluster.kube.find(PODS, "shop", victim["name"]) is None
    healthy.wait(SOON)
    assert budget(healthy, "web")["disruptionsAllowed"] == 1
    assert len(pods(healthy, "web")) == 4


def test_eviction_of_a_pod_that_is_not_there(healthy: Play) -> None:
    with pytest.raises(ObjectNotFound, match='pods "nope" not found'):
        healthy.world.evict_pod(healthy.cluster, "shop", "nope")


def test_pod_under_two_budgets_cannot_be_evicted(healthy: Play) -> None:
    extra = manifests.budget("extra", "shop", {"app": "web"}, min_available=1)
    healthy.world.kube(healthy.cluster).create(BUDGETS, extra)
    with pytest.raises(SeveralBudgets, match="more than one PodDisruptionBudget"):
        healthy.world.evict_pod(healthy.cluster, "shop", pods(healthy, "web")[0]["metadata"]["name"])


@pytest.mark.parametrize(
    ("limit", "desired", "allowed"),
    [
        ({"min_available": 4}, 4, 0),
        ({"min_available": "100%"}, 4, 0),
        ({"min_available": "50%"}, 2, 2),
        ({"min_available": "51%"}, 3, 1),
        ({"max_unavailable": 0}, 4, 0),
        ({"max_unavailable": "25%"}, 3, 1),
        ({"max_unavailable": "26%"}, 2, 2),
        ({"min_available": 9}, 9, 0),
    ],
)
def test_budget_arithmetic(limit: dict[str, int | str], desired: int, allowed: int) -> None:
    made = play({"pdb: {max_unavailable: 1}, service": "service"})
    wanted = manifests.budget("b", "shop", {"app": "web"}, **limit)
    made.world.kube(made.cluster).create(BUDGETS, wanted)
    assert budget(made, "b") == {
        "expectedPods": 4, "currentHealthy": 4, "desiredHealthy": desired, "disruptionsAllowed": allowed,
    }  # fmt: skip


def test_budget_over_nothing_allows_nothing(healthy: Play) -> None:
    healthy.world.kube(healthy.cluster).create(BUDGETS, manifests.budget("b", "shop", {"app": "x"}, max_unavailable=1))
    assert budget(healthy, "b")["disruptionsAllowed"] == 0


def test_budget_turned_blocking_by_hand_gets_its_limits_back(healthy: Play) -> None:
    fault = BudgetBlocks(kind="pdb-blocks", cluster="c", namespace="shop", name="web")
    switch = healthy.world.switch_on(fault)
    assert budget(healthy, "web")["disruptionsAllowed"] == 0
    healthy.world.switch_off(switch.id)
    assert budget(healthy, "web")["disruptionsAllowed"] == 1
    assert healthy.cluster.kube.get(BUDGETS, "shop", "web")["spec"]["maxUnavailable"] == 1


def test_cordoned_nodes_take_no_pods_and_say_why(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    for node in api.list(NODES)[0]:
        api.replace(NODES, {**node, "spec": {**node["spec"], "unschedulable": True}})
    scale(healthy, "web", 5)
    (pending,) = [pod for pod in pods(healthy, "web") if not pod["spec"].get("nodeName")]
    told = manifests.condition_of(pending, "PodScheduled")
    assert told is not None
    assert told["reason"] == "Unschedulable"
    assert told["message"] == "0/7 nodes are available: 7 node(s) were unschedulable."
    node = api.list(NODES)[0][0]
    assert {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"} in node["spec"]["taints"]
    api.replace(NODES, {**node, "spec": {**node["spec"], "unschedulable": False}})
    assert "taints" not in api.get(NODES, "", node["metadata"]["name"])["spec"]
    healthy.wait(SOON)
    assert {
        pod["spec"]["nodeName"]
        for pod in pods(healthy, "web")
        if pod["metadata"]["name"] == pending["metadata"]["name"]
    } == {node["metadata"]["name"]}


def test_selectors_taints_and_room_are_respected() -> None:
    made = play(
        {
            "{name: core, size: 3}": '{name: core, size: 3, taints: ["only=core:NoSchedule"], pods_per_node: 4}',
            "node_selector: {role: apps}": "node_selector: {role: apps}, tolerates: [only]",
        }
    )
    group = {node["name"]: node["group"] for node in made.world.picture(made.cluster)["nodes"]}
    assert {group[pod["spec"]["nodeName"]] for pod in pods(made, "web")} == {"apps"}
    assert {group[pod["spec"]["nodeName"]] for pod in pods(made, "held")} == {"apps"}


def test_stateful_pods_keep_their_names_and_come_one_by_one(healthy: Play) -> None:
    healthy.world.evict_pod(healthy.cluster, "shop", "db-0")
    assert {pod["metadata"]["name"] for pod in pods(healthy, "db")} == {"db-0", "db-1", "db-2"}
    first = healthy.cluster.kube.get(PODS, "shop", "db-0")["metadata"]["uid"]
    healthy.wait(SOON)
    assert healthy.cluster.kube.get(PODS, "shop", "db-0")["metadata"]["uid"] != first
    status = healthy.cluster.kube.get(STATEFUL_SETS, "shop", "db")["status"]
    assert (status["readyReplicas"], status["replicas"]) == (3, 3)
    assert len({pod["spec"]["nodeName"] for pod in pods(healthy, "db")}) == 3, "kept apart"


def test_daemon_set_has_one_pod_a_node_also_on_cordoned_ones(healthy: Play) -> None:
    status = healthy.cluster.kube.get(DAEMON_SETS, "kube-system", "aws-node")["status"]
    assert status["desiredNumberScheduled"] == status["numberReady"] == 7
    victim = next(p for p in healthy.cluster.kube.list(PODS) if p["metadata"]["labels"].get("k8s-app") == "aws-node")
    healthy.world.controllers(healthy.cluster).nodes.cordon(victim["spec"]["nodeName"])
    healthy.world.kube(healthy.cluster).delete(PODS, "kube-system", victim["metadata"]["name"])
    healthy.wait(SOON)
    on_node = healthy.world.controllers(healthy.cluster).pods.on_node(victim["spec"]["nodeName"])
    assert [p["metadata"]["labels"].get("k8s-app") for p in on_node].count("aws-node") == 1


def test_job_runs_to_its_end_once() -> None:
    job = "workloads:\n      - {namespace: shop, name: report, kind: Job, replicas: 1, duration_minutes: 20}"
    made = play({"workloads:": job})
    assert made.cluster.kube.get(JOBS, "shop", "report")["status"]["active"] == 1
    made.wait(timedelta(minutes=20))
    (pod,) = pods(made, "report")
    assert pod["status"]["phase"] == "Succeeded"
    assert manifests.is_true(made.cluster.kube.get(JOBS, "shop", "report"), "Complete")
    made.world.kube(made.cluster).delete(PODS, "shop", pod["metadata"]["name"])
    made.wait(SOON)
    assert pods(made, "report") == []


def test_evicted_job_pod_is_made_again() -> None:
    job = "workloads:\n      - {namespace: shop, name: report, kind: Job, replicas: 1, duration_minutes: 20}"
    made = play({"workloads:": job})
    (pod,) = pods(made, "report")
    made.world.evict_pod(made.cluster, "shop", pod["metadata"]["name"])
    made.wait(SOON)
    (other,) = pods(made, "report")
    assert other["metadata"]["name"] != pod["metadata"]["name"]


def test_deleted_workload_takes_its_pods_with_it(healthy: Play) -> None:
    healthy.world.kube(healthy.cluster).delete(DEPLOYMENTS, "shop", "web")
    healthy.wait(SOON)
    assert pods(healthy, "web") == []
    assert budget(healthy, "web")["disruptionsAllowed"] == 0


def test_bare_pod_does_not_come_back() -> None:
    made = play({"workloads:": "workloads:\n      - {namespace: shop, name: lonely, kind: Pod}"})
    assert manifests.is_true(made.cluster.kube.get(PODS, "shop", "lonely"), "Ready")
    made.world.evict_pod(made.cluster, "shop", "lonely")
    made.wait(SOON)
    assert made.cluster.kube.find(PODS, "shop", "lonely") is None


def test_workload_that_is_unwell_from_the_start_stays_so() -> None:
    made = play({"name: held, replicas: 2": "name: held, never_ready: true, replicas: 2"})
    made.wait(timedelta(hours=1))
    assert [manifests.is_true(pod, "Ready") for pod in pods(made, "held")] == [False, False]
    assert budget(made, "held") == {
        "expectedPods": 2, "currentHealthy": 0, "desiredHealthy": 1, "disruptionsAllowed": 0,
    }  # fmt: skip


def test_unready_pod_is_evicted_only_as_its_budget_says() -> None:
    made = play({"name: held, replicas: 2": "name: held, never_ready: true, replicas: 2"})
    name = pods(made, "held")[0]["metadata"]["name"]
    with pytest.raises(EvictionBlocked):
        made.world.evict_pod(made.cluster, "shop", name)
    with made.world.current():
        made.cluster.kube.edit(
            BUDGETS, "shop", "held", lambda b: b["spec"].update(unhealthyPodEvictionPolicy="AlwaysAllow")
        )
    made.world.evict_pod(made.cluster, "shop", name)
