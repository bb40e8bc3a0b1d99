"""Requests to an API server: defaults, refusals, graceful deletion, and the record of what was written."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.world import manifests
from sandbox.world.errors import EvictionBlocked, ObjectConflict, ObjectExists, ObjectInvalid, ObjectNotFound
from sandbox.world.objects import BUDGETS, DEPLOYMENTS, NAMESPACES, NODES, PODS, SERVICES, Json
from tests.sandbox.world.play import Play

CONTAINER = {"name": "app", "image": "registry.example.com/app:1"}


def deployment(name: str = "new", labels: dict[str, str] | None = None) -> Json:
    template = {"metadata": {"labels": labels or {"app": name}}, "spec": {"containers": [CONTAINER]}}
    return {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": name}}, "template": template}}


def test_created_deployment_gets_defaults_and_runs(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    made = api.create(DEPLOYMENTS, deployment())
    assert (made["spec"]["replicas"], made["metadata"]["namespace"]) == (1, "default")
    healthy.wait(timedelta(minutes=1))
    assert api.get(DEPLOYMENTS, "default", "new")["status"]["readyReplicas"] == 1


def test_bare_pod_is_scheduled_and_becomes_ready(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    made = api.create(PODS, {"metadata": {"generateName": "probe-"}, "spec": {"containers": [CONTAINER]}})
    assert made["status"]["phase"] == "Pending"
    assert made["metadata"]["name"].startswith("probe-")
    healthy.wait(timedelta(minutes=1))
    pod = api.get(PODS, "default", made["metadata"]["name"])
    assert manifests.is_true(pod, "Ready")
    assert pod["status"]["podIP"]


def test_two_generated_names_differ(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    manifest = {"metadata": {"generateName": "probe-"}, "spec": {"containers": [CONTAINER]}}
    assert api.create(PODS, manifest)["metadata"]["name"] != api.create(PODS, manifest)["metadata"]["name"]


@pytest.mark.parametrize(
    ("resource", "manifest", "error", "words"),
    [
        (DEPLOYMENTS, deployment(labels={"app": "x"}), ObjectInvalid, "`selector` does not match template `labels`"),
        (DEPLOYMENTS, {"metadata": {"name": "x"}}, ObjectInvalid, "spec.template.spec.containers: Required value"),
        (PODS, {"metadata": {"name": "x"}, "spec": {}}, ObjectInvalid, "spec.containers: Required value"),
        (PODS, {"metadata": {}, "spec": {"containers": [CONTAINER]}}, ObjectInvalid, "name or generateName is req"),
        (
            BUDGETS,
            {"metadata": {"name": "x"}, "spec": {"minAvailable": 1, "maxUnavailable": 1}},
            ObjectInvalid,
            "cannot be both set",
        ),
        (PODS, {"metadata": {"name": "x", "namespace": "nope"}, "spec": {}}, ObjectNotFound, 'namespaces "nope" not'),
        (NAMESPACES, {"metadata": {"name": "shop"}}, ObjectExists, 'namespaces "shop" already exists'),
    ],
)  # fmt: skip
def test_what_an_api_server_refuses_changes_nothing(
    healthy: Play, resource: object, manifest: Json, error: type[Exception], words: str
) -> None:
    before = healthy.cluster.kube.resource_version
    with pytest.raises(error, match=words):
        healthy.world.kube(healthy.cluster).create(resource, manifest)  # type: ignore[arg-type]
    assert healthy.cluster.kube.resource_version == before
    assert not healthy.world.effects


def test_writes_are_recorded_and_dry_runs_are_not(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    node = api.list(NODES)[0][0]
    cordoned = {**node, "spec": {**node["spec"], "unschedulable": True}}
    api.replace(NODES, cordoned, dry_run=True)
    assert not healthy.world.calls
    api.replace(NODES, cordoned)
    api.replace(NODES, api.get(NODES, "", node["metadata"]["name"]))
    assert [(call.kind, call.outcome) for call in healthy.world.calls] == [
        ("update nodes", "ok"),
        ("update nodes", "unchanged"),
    ]
    assert [(effect.kind, effect.subject) for effect in healthy.world.effects] == [
        ("update nodes", node["metadata"]["name"])
    ]


def test_status_is_not_written_by_the_way(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    node = api.list(NODES)[0][0]
    stored = api.replace(NODES, {**node, "status": {}})
    assert stored["status"] == node["status"]


def test_stale_write_is_a_conflict_and_recorded_as_one(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    node = api.list(NODES)[0][0]
    api.replace(NODES, {**node, "spec": {**node["spec"], "unschedulable": True}})
    with pytest.raises(ObjectConflict):
        api.replace(NODES, {**node, "spec": {**node["spec"], "unschedulable": False}})
    assert healthy.world.calls[-1].outcome == "Conflict"
    assert len(healthy.world.effects) == 1


def test_eviction_is_recorded_with_what_came_of_it(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    first, second = [
        p["metadata"]["name"] for p in api.list(PODS, "shop")[0] if p["metadata"]["labels"]["app"] == "web"
    ][:2]
    api.evict("shop", first, dry_run=True)
    assert "deletionTimestamp" not in api.get(PODS, "shop", first)["metadata"]
    api.evict("shop", first)
    with pytest.raises(EvictionBlocked):
        api.evict("shop", second)
    assert [(c.kind, c.subject, c.outcome) for c in healthy.world.calls] == [
        ("evict pods", f"shop/{first}", "ok"),
        ("evict pods", f"shop/{second}", "TooManyRequests"),
    ]


def test_pod_deleted_without_grace_is_gone_at_once(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    api.delete(PODS, "shop", "db-0", grace_seconds=0)
    assert api.get(PODS, "shop", "db-0")["status"]["phase"] == "Pending", "its StatefulSet has made another"
    api.delete(PODS, "shop", "db-1")
    assert "deletionTimestamp" in api.get(PODS, "shop", "db-1")["metadata"]


def test_deleted_node_takes_its_pods_and_daemon_pods_with_it(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    name = api.get(PODS, "shop", "db-0")["spec"]["nodeName"]
    api.delete(NODES, "", name)
    assert all(pod["spec"].get("nodeName") != name for pod in api.list(PODS)[0])
    healthy.wait(timedelta(minutes=2))
    assert manifests.is_true(api.get(PODS, "shop", "db-0"), "Ready")


def test_deleted_namespace_is_emptied(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    api.delete(NAMESPACES, "", "shop")
    assert api.list(PODS, "shop")[0] == []
    assert api.list(DEPLOYMENTS, "shop")[0] == []
    healthy.wait(timedelta(minutes=2))
    assert api.list(PODS, "shop")[0] == []


def test_service_gets_an_address(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    made = api.create(
        SERVICES, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], "selector": {"app": "web"}}}
    )
    assert made["spec"]["clusterIP"].startswith("172.20.")


def test_watch_sees_what_controllers_do(healthy: Play) -> None:
    api = healthy.world.kube(healthy.cluster)
    _, version = api.list(PODS, "shop")
    api.evict("shop", "db-2")
    healthy.wait(timedelta(minutes=2))
    changes, reached = api.changes_since(version, PODS, "shop")
    told = [(c.type, c.object["metadata"]["name"]) for c in changes]
    assert told[0] == ("MODIFIED", "db-2")
    assert ("DELETED", "db-2") in told
    assert told.index(("DELETED", "db-2")) < told.index(("ADDED", "db-2"))
    assert reached == healthy.cluster.kube.resource_version
