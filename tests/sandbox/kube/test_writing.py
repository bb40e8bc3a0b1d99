"""Creating, changing and deleting over the wire; the world's controllers answer to it."""

from __future__ import annotations

from typing import Any

import pytest
from kubernetes import client
from kubernetes.client.exceptions import ApiException, ConflictException, NotFoundException

from tests.sandbox.kube.conftest import Api

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
SHOP = "/api/v1/namespaces/shop"
CART = "/apis/apps/v1/namespaces/shop/deployments/cart"


def hello(replicas: int = 2, name: str = "hello") -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": "nginx:1.27"}]},
            },
        },
    }


def pods_of(api: Api, app: str, namespace: str = "shop") -> list[Any]:
    found: list[Any] = api.get(f"/api/v1/namespaces/{namespace}/pods?labelSelector=app={app}")["items"]
    return found


def test_a_deployment_that_is_created_gets_its_pods(api: Api) -> None:
    made = api.client("AppsV1Api").create_namespaced_deployment("shop", hello())
    api.pass_time(minutes=2)

    ready = api.get("/apis/apps/v1/namespaces/shop/deployments/hello")["status"]["readyReplicas"]

    assert made.spec.strategy.type == "RollingUpdate"
    assert (made.metadata.generation, ready) == (1, 2)
    pod = pods_of(api, "hello")[0]
    assert pod["spec"]["containers"][0]["imagePullPolicy"] == "IfNotPresent"
    assert api.client("CoreV1Api").list_namespaced_pod("shop", label_selector="app=hello").items


@pytest.mark.parametrize(
    ("path", "body", "code", "told"),
    [
        (
            "/apis/apps/v1/namespaces/shop/deployments",
            {"metadata": {"name": "x"}},
            422,
            "spec.selector: Required value",
        ),
        ("/apis/apps/v1/namespaces/shop/deployments", hello(-1), 422, "spec.replicas"),
        ("/apis/apps/v1/namespaces/nowhere/deployments", hello(), 404, 'namespaces "nowhere" not found'),
        ("/apis/apps/v1/namespaces/shop/deployments", hello(name="Not Valid"), 422, "RFC 1123"),
        (
            "/apis/apps/v1/namespaces/shop/deployments",
            hello(name="cart"),
            409,
            'deployments.apps "cart" already exists',
        ),
        ("/apis/apps/v1/namespaces/shop/statefulsets", hello(), 400, "do not match"),
        (
            "/apis/apps/v1/namespaces/batch/deployments",
            {**hello(), "metadata": {"namespace": "shop"}},
            400,
            "namespace",
        ),
        (f"{SHOP}/configmaps", {"metadata": {}}, 422, "metadata.name"),
        (f"{SHOP}/configmaps", {"metadata": {"name": "x", "labels": {"a": 1}}}, 400, "metadata.labels"),
        (f"{SHOP}/configmaps", {"metadata": {"name": "x", "resourceVersion": "5"}}, 400, "resourceVersion"),
        (f"{SHOP}/configmaps", {"metadata": "x"}, 400, "must be an object"),
        (f"{SHOP}/configmaps", [1], 400, "not an object"),
        (f"{SHOP}/configmaps", b"{broken", 400, "json"),
        (f"{SHOP}/configmaps?dryRun=Some", {"metadata": {"name": "x"}}, 400, "dryRun"),
    ],
)
def test_a_bad_object_is_refused_and_nothing_is_stored(api: Api, path: str, body: Any, code: int, told: str) -> None:
    before = api.cluster.kube.resource_version

    reply = api.call("POST", path, body)

    assert (reply.code, reply.json["kind"], reply.json["status"]) == (code, "Status", "Failure")
    assert told in reply.json["message"]
    assert api.cluster.kube.resource_version == before


def test_names_are_generated_from_a_prefix(api: Api) -> None:
    names = [
        api.call("POST", f"{SHOP}/configmaps", {"metadata": {"generateName": "run-"}}).json["metadata"]["name"]
        for _ in range(2)
    ]

    assert names[0] != names[1]
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


def test_a_put_with_an_old_resource_version_conflicts(api: Api) -> None:
    core = api.client("CoreV1Api")
    first = core.read_node(core.list_node().items[0].metadata.name)
    second = core.read_node(first.metadata.name)
    first.metadata.labels["a"] = "1"
    core.replace_node(first.metadata.name, first)
    second.metadata.labels["a"] = "2"

    with pytest.raises(ConflictException) as conflict:
        core.replace_node(second.metadata.name, second)

    assert "the object has been modified" in str(conflict.value.body)
    assert core.read_node(first.metadata.name).metadata.labels["a"] == "1"


def test_a_put_cannot_change_what_the_server_keeps(api: Api) -> None:
    cart = api.get(CART)
    changed = {**cart, "metadata": {**cart["metadata"], "generation": 99, "creationTimestamp": "2000-01-01T00:00:00Z"}}
    changed["status"] = {"replicas": 77}

    after = api.call("PUT", CART, changed).json

    assert after["metadata"]["generation"] == cart["metadata"]["generation"]
    assert after["metadata"]["creationTimestamp"] == cart["metadata"]["creationTimestamp"]
    assert after["status"] == cart["status"]


def test_a_put_of_an_object_that_was_replaced_conflicts(api: Api) -> None:
    cart = api.get(CART)
    other = {**cart, "metadata": {**cart["metadata"], "uid": "11111111-2222-3333-4444-555555555555"}}

    assert api.call("PUT", CART, other).code == 409


def test_an_immutable_field_stays(api: Api) -> None:
    reply = api.call("PATCH", CART, {"spec": {"selector": {"matchLabels": {"app": "other"}}}}, content_type=MERGE)

    assert reply.code == 422
    assert api.get(CART)["spec"]["selector"] == {"matchLabels": {"app": "cart"}}


def test_cordoning_by_patch_keeps_new_pods_away(api: Api) -> None:
    core = api.client("CoreV1Api")
    nodes = [node.metadata.name for node in core.list_node().items]
    for name in nodes[:2]:
        core.patch_node(name, {"spec": {"unschedulable": True}})
    api.client("AppsV1Api").create_namespaced_deployment("shop", hello(4))
    api.pass_time(minutes=1)

    assert {pod["spec"].get("nodeName") for pod in pods_of(api, "hello")} == {nodes[2]}
    taints = api.get(f"/api/v1/nodes/{nodes[0]}")["spec"]["taints"]
    assert {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}.items() <= taints[0].items()


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (MERGE, {"metadata": {"labels": {"team": "blue"}}}),
        (STRATEGIC, {"metadata": {"labels": {"team": "blue"}}}),
        ("application/json-patch+json", [{"op": "add", "path": "/metadata/labels/team", "value": "blue"}]),
    ],
)
def test_each_kind_of_patch_sets_a_label(api: Api, content_type: str, patch: Any) -> None:
    reply = api.call("PATCH", CART, patch, content_type=content_type)

    assert (reply.code, reply.json["metadata"]["labels"]["team"]) == (200, "blue")


def test_a_strategic_patch_of_one_container_rolls_the_deployment(api: Api) -> None:
    api.client("AppsV1Api").patch_namespaced_deployment(
        "cart", "shop", {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": "app:2"}]}}}}
    )
    api.pass_time(minutes=5)

    assert {pod["spec"]["containers"][0]["image"] for pod in pods_of(api, "cart")} == {"app:2"}
    status = api.get(CART)["status"]
    assert (status["updatedReplicas"], status["readyReplicas"]) == (3, 3)


def test_server_side_apply_creates_and_then_merges(api: Api) -> None:
    path = "/apis/apps/v1/namespaces/shop/deployments/hello"
    apply = {"content_type": "application/apply-patch+yaml"}

    assert api.call("PATCH", path, hello(2), **apply).code == 400
    created = api.call("PATCH", f"{path}?fieldManager=me", hello(2), **apply)
    assert (created.code, created.json["spec"]["replicas"]) == (201, 2)
    merged = api.call(
        "PATCH", f"{path}?fieldManager=me", b"kind: Deployment\napiVersion: apps/v1\nspec: {replicas: 3}", **apply
    )

    assert (merged.code, merged.json["spec"]["replicas"]) == (200, 3)
    assert merged.json["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.27"


def test_a_patch_of_an_unknown_type_is_refused(api: Api) -> None:
    assert api.call("PATCH", CART, {}, content_type="text/plain").code == 415
    assert api.call("PATCH", CART, [1], content_type=MERGE).code == 400


def test_the_status_subresource_changes_the_status_and_nothing_else(api: Api) -> None:
    node = api.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    condition = {"type": "DiskPressure", "status": "True"}
    patch = {"spec": {"unschedulable": True}, "status": {"conditions": [condition]}}

    after = api.call("PATCH", f"/api/v1/nodes/{node}/status", patch, content_type=STRATEGIC).json

    conditions = {found["type"]: found["status"] for found in after["status"]["conditions"]}
    assert conditions["DiskPressure"] == "True"
    assert conditions["Ready"] == "True"
    assert "unschedulable" not in after["spec"]


def test_scale_makes_and_takes_pods(api: Api) -> None:
    apps = api.client("AppsV1Api")
    assert apps.read_namespaced_deployment_scale("cart", "shop").spec.replicas == 3

    apps.patch_namespaced_deployment_scale("cart", "shop", {"spec": {"replicas": 1}})
    api.pass_time(minutes=2)

    assert len(pods_of(api, "cart")) == 1
    scale = apps.read_namespaced_stateful_set_scale("search", "shop")
    scale.spec.replicas = 3
    apps.replace_namespaced_stateful_set_scale("search", "shop", scale)
    api.pass_time(minutes=2)
    assert len(pods_of(api, "search")) == 3
    assert api.call("PATCH", f"{CART}/scale", {"spec": {"replicas": -1}}, content_type=MERGE).code == 422


def test_a_deleted_pod_goes_gracefully_and_comes_back_under_another_name(api: Api) -> None:
    victim = pods_of(api, "cart")[0]["metadata"]["name"]

    reply = api.call("DELETE", f"{SHOP}/pods/{victim}").json

    assert reply["metadata"]["deletionGracePeriodSeconds"] == 20
    assert reply["metadata"]["deletionTimestamp"] == "2026-11-17T09:00:20Z"
    api.pass_time(minutes=2)
    names = [pod["metadata"]["name"] for pod in pods_of(api, "cart")]
    assert victim not in names
    assert len(names) == 3


def test_delete_honours_preconditions_and_dry_run(api: Api) -> None:
    victim = pods_of(api, "cart")[0]["metadata"]
    path = f"{SHOP}/pods/{victim['name']}"

    assert api.call("DELETE", path, {"preconditions": {"uid": "another"}}).code == 409
    assert api.call("DELETE", path, {"propagationPolicy": "Sideways"}).code == 400
    assert api.call("DELETE", path, {"dryRun": ["All"]}).code == 200
    assert "deletionTimestamp" not in api.get(path)["metadata"]
    assert api.call("DELETE", path, {"preconditions": {"uid": victim["uid"]}, "gracePeriodSeconds": 0}).code == 200
    assert api.call("GET", path).code == 404


def test_deleting_a_deployment_takes_its_pods_unless_they_are_orphaned(api: Api) -> None:
    api.call("POST", "/apis/apps/v1/namespaces/shop/deployments", hello())

    api.call("DELETE", "/apis/apps/v1/namespaces/shop/deployments/hello")
    api.call("DELETE", CART, {"propagationPolicy": "Orphan"})
    api.pass_time(minutes=2)

    assert pods_of(api, "hello") == []
    assert len(pods_of(api, "cart")) == 3


def test_a_finalizer_holds_an_object_until_it_is_taken_off(api: Api) -> None:
    path = f"{SHOP}/configmaps/held"
    api.call("POST", f"{SHOP}/configmaps", {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})

    api.call("DELETE", path)
    assert "deletionTimestamp" in api.get(path)["metadata"]
    api.call("PATCH", path, {"metadata": {"finalizers": None}}, content_type=MERGE)

    assert api.call("GET", path).code == 404


def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
        api.call("POST", f"{SHOP}/configmaps", {"metadata": {"name": name, "labels": {"color": color}}})

    gone = api.call("DELETE", f"{SHOP}/configmaps?labelSelector=color=red").json

    assert [item["metadata"]["name"] for item in gone["items"]] == ["a", "c"]
    assert [item["metadata"]["name"] for item in api.get(f"{SHOP}/configmaps")["items"]] == ["b"]


def test_a_dry_run_shows_the_outcome_and_changes_nothing(api: Api) -> None:
    before = api.cluster.kube.resource_version

    made = api.call("POST", f"{SHOP}/configmaps?dryRun=All", {"metadata": {"name": "x"}})
    patched = api.call("PATCH", f"{CART}?dryRun=All", {"spec": {"replicas": 9}}, content_type=MERGE)
    scaled = api.call("PATCH", f"{CART}/scale?dryRun=All", {"spec": {"replicas": 9}}, content_type=MERGE)

    assert (made.code, patched.json["spec"]["replicas"], scaled.json["spec"]["replicas"]) == (201, 9, 9)
    assert api.call("POST", "/api/v1/namespaces?dryRun=All", {"metadata": {"name": "shop"}}).code == 409
    assert api.cluster.kube.resource_version == before


def eviction(api: Api, name: str, namespace: str = "shop", **options: Any) -> None:
    body = client.V1Eviction(
        metadata=client.V1ObjectMeta(name=name, namespace=namespace),
        delete_options=client.V1DeleteOptions(**options) if options else None,
    )
    api.client("CoreV1Api").create_namespaced_pod_eviction(name, namespace, body)


def test_an_eviction_beyond_the_budget_is_refused_with_its_cause(api: Api) -> None:
    pods = [pod["metadata"]["name"] for pod in pods_of(api, "cart")]
    eviction(api, pods[0])

    with pytest.raises(ApiException) as blocked:
        eviction(api, pods[1])

    assert blocked.value.status == 429
    status = api.call("POST", f"{SHOP}/pods/{pods[1]}/eviction", {"metadata": {"name": pods[1]}}).json
    assert status["reason"] == "TooManyRequests"
    assert status["details"]["causes"] == [
        {
            "reason": "DisruptionBudget",
            "message": "The disruption budget cart needs 2 healthy pods and has 2 currently",
        }
    ]
    api.pass_time(minutes=2)
    eviction(api, pods[1])


def test_an_eviction_may_shorten_the_grace_period(api: Api) -> None:
    name = pods_of(api, "cart")[0]["metadata"]["name"]

    eviction(api, name, grace_period_seconds=3)

    assert api.get(f"{SHOP}/pods/{name}")["metadata"]["deletionGracePeriodSeconds"] == 3


def test_an_eviction_can_be_rehearsed(api: Api) -> None:
    pods = [pod["metadata"]["name"] for pod in pods_of(api, "cart")]

    eviction(api, pods[0], dry_run=["All"])
    eviction(api, pods[1], dry_run=["All"])

    assert all("deletionTimestamp" not in pod["metadata"] for pod in pods_of(api, "cart"))


def test_two_budgets_over_one_pod_are_a_server_error_on_eviction(api: Api) -> None:
    budget = {"metadata": {"name": "second"}, "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "cart"}}}}
    assert api.call("POST", "/apis/policy/v1/namespaces/shop/poddisruptionbudgets", budget).code == 201

    reply = api.call("POST", f"{SHOP}/pods/{pods_of(api, 'cart')[0]['metadata']['name']}/eviction", {})

    assert (reply.code, reply.json["reason"]) == (500, "InternalError")
    assert "more than one PodDisruptionBudget" in reply.json["message"]


def test_evicting_a_pod_that_is_gone_is_not_found(api: Api) -> None:
    with pytest.raises(NotFoundException):
        eviction(api, "ghost")


def test_a_namespace_can_be_made_and_used_and_taken_away(api: Api) -> None:
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "canary"}})
    assert api.call("POST", "/apis/apps/v1/namespaces/canary/deployments", hello()).code == 201
    api.pass_time(minutes=1)
    assert len(pods_of(api, "hello", "canary")) == 2

    api.call("DELETE", "/api/v1/namespaces/canary")
    api.pass_time(minutes=2)

    assert api.call("GET", "/api/v1/namespaces/canary").code == 404
    assert pods_of(api, "hello", "canary") == []


def test_every_change_is_noted_as_an_effect_of_the_world(api: Api) -> None:
    victim = pods_of(api, "cart")[0]["metadata"]["name"]
    api.call("POST", f"{SHOP}/pods/{victim}/eviction", {})
    api.call("PATCH", CART, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    api.call("POST", f"{SHOP}/pods/ghost/eviction", {})

    told = [(effect.kind, effect.subject) for effect in api.world.effects]

    assert told == [("evict pods", f"shop/{victim}"), ("update deployments", "shop/cart")]
    assert [call.outcome for call in api.world.calls] == ["ok", "ok", "NotFound"]


def test_logs_are_a_few_lines(api: Api) -> None:
    pod = pods_of(api, "cart")[0]["metadata"]["name"]

    assert api.client("CoreV1Api").read_namespaced_pod_log(pod, "shop").endswith("ready\n")
    assert api.call("GET", f"{SHOP}/pods/{pod}/log?tailLines=1").text.count("\n") == 1
    assert api.call("GET", f"{SHOP}/pods/{pod}/log?container=none").code == 400
