"""Lists, single objects, paging, tables, and the versions that each Kubernetes minor serves."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from kubernetes.client.exceptions import ApiException

from sandbox.world import manifests
from sandbox.world.objects import CONFIG_MAPS, CUSTOM_RESOURCES, NAMESPACES, PODS, SECRETS
from tests.sandbox.kube.conftest import Api

TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def test_the_client_parses_every_kind_that_an_upgrade_looks_at(api: Api) -> None:
    core, apps, storage = api.client("CoreV1Api"), api.client("AppsV1Api"), api.client("StorageV1Api")
    lists = [
        core.list_node(),
        core.list_pod_for_all_namespaces(),
        core.list_event_for_all_namespaces(),
        core.list_namespace(),
        core.list_service_for_all_namespaces(),
        core.list_config_map_for_all_namespaces(),
        apps.list_deployment_for_all_namespaces(),
        apps.list_daemon_set_for_all_namespaces(),
        apps.list_stateful_set_for_all_namespaces(),
        apps.list_replica_set_for_all_namespaces(),
        storage.list_csi_node(),
        storage.list_csi_driver(),
        storage.list_storage_class(),
        api.client("PolicyV1Api").list_pod_disruption_budget_for_all_namespaces(),
        api.client("DiscoveryV1Api").list_endpoint_slice_for_all_namespaces(),
        api.client("BatchV1Api").list_job_for_all_namespaces(),
        api.client("AutoscalingV2Api").list_horizontal_pod_autoscaler_for_all_namespaces(),
        api.client("CoordinationV1Api").list_lease_for_all_namespaces(),
    ]

    assert [found.kind for found in lists if not found.items] == []
    assert all(int(found.metadata.resource_version) > 0 for found in lists)
    assert api.client("VersionApi").get_code().git_version.startswith("v1.34.")


def test_lists_name_their_kind_and_items_go_without(api: Api) -> None:
    found = api.get("/apis/apps/v1/deployments")

    assert (found["kind"], found["apiVersion"]) == ("DeploymentList", "apps/v1")
    assert all("kind" not in item and "apiVersion" not in item for item in found["items"])
    assert api.get("/apis/apps/v1/namespaces/shop/deployments/cart")["kind"] == "Deployment"


def test_pages_show_one_consistent_state_however_much_changes_between_them(api: Api) -> None:
    whole = [item["metadata"]["uid"] for item in api.get("/api/v1/pods")["items"]]
    page = api.get("/api/v1/pods?limit=4")
    seen = [item["metadata"]["uid"] for item in page["items"]]
    assert page["metadata"]["remainingItemCount"] == len(whole) - 4

    while token := page["metadata"].get("continue"):
        victim = api.get("/api/v1/namespaces/shop/pods?labelSelector=app=cart")["items"][0]["metadata"]["name"]
        api.call("DELETE", f"/api/v1/namespaces/shop/pods/{victim}?gracePeriodSeconds=0")
        page = api.get(f"/api/v1/pods?limit=4&continue={token}")
        seen += [item["metadata"]["uid"] for item in page["items"]]

    assert seen == whole


def test_a_continue_token_from_before_compaction_is_gone_but_says_how_to_go_on(api: Api) -> None:
    whole = [item["metadata"]["name"] for item in api.get("/api/v1/pods")["items"]]
    token = api.get("/api/v1/pods?limit=4")["metadata"]["continue"]
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "new"}})
    api.face.compact(api.cluster)

    reply = api.call("GET", f"/api/v1/pods?limit=4&continue={token}")

    assert (reply.code, reply.json["reason"]) == (410, "Expired")
    rest = api.get(f"/api/v1/pods?continue={reply.json['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in rest["items"]] == whole[4:]


def test_the_client_meets_410_as_an_api_exception(api: Api) -> None:
    core = api.client("CoreV1Api")
    token = core.list_pod_for_all_namespaces(limit=3).metadata._continue
    api.call("POST", "/api/v1/namespaces", {"metadata": {"name": "new"}})
    api.face.compact(api.cluster)

    with pytest.raises(ApiException) as gone:
        core.list_pod_for_all_namespaces(limit=3, _continue=token)

    assert gone.value.status == 410


@pytest.mark.parametrize(
    "query",
    [
        "fieldSelector=spec.color=red",
        "labelSelector=a in b",
        "limit=many",
        "continue=!!!",
        "continue=eyJ2IjoxfQ",
        "resourceVersion=latest",
        "resourceVersion=5&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6MSwic3RhcnQiOiJhL2IifQ",
    ],
)
def test_a_query_that_cannot_be_honoured_is_refused(api: Api, query: str) -> None:
    reply = api.call("GET", f"/api/v1/pods?{query}".replace(" ", "%20"))

    assert (reply.code, reply.json["kind"], reply.json["reason"]) == (400, "Status", "BadRequest")


def test_selectors_narrow_lists_and_leave_the_rest_uncounted(api: Api) -> None:
    node = api.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    on_node = api.get(f"/api/v1/pods?fieldSelector=spec.nodeName={node}&limit=1")

    assert on_node["items"][0]["spec"]["nodeName"] == node
    assert "remainingItemCount" not in on_node["metadata"]
    assert api.get("/api/v1/pods?labelSelector=app%20in%20(nothing)")["items"] == []


def test_a_resource_version_from_the_future_is_refused(api: Api) -> None:
    reply = api.call("GET", "/api/v1/pods?resourceVersion=999999999")

    assert (reply.code, reply.json["reason"]) == (504, "Timeout")


@pytest.mark.parametrize(
    ("path", "columns"),
    [
        (
            "/api/v1/nodes",
            "Name Status Roles Age Version Internal-IP External-IP OS-Image Kernel-Version Container-Runtime",
        ),
        ("/api/v1/pods", "Name Ready Status Restarts Age IP Node Nominated Node Readiness Gates"),
        ("/apis/apps/v1/deployments", "Name Ready Up-to-date Available Age Containers Images Selector"),
        ("/apis/apps/v1/statefulsets", "Name Ready Age Containers Images"),
        ("/apis/policy/v1/poddisruptionbudgets", "Name Min Available Max Unavailable Allowed Disruptions Age"),
        ("/api/v1/events", "Last Seen Type Reason Object Subobject Source Message First Seen Count Name"),
    ],
)
def test_tables_have_the_columns_of_their_kind(api: Api, path: str, columns: str) -> None:
    table = api.get(path, accept=TABLE)

    assert table["kind"] == "Table"
    assert " ".join(column["name"] for column in table["columnDefinitions"]) == columns
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    assert all(len(row["cells"]) == len(table["columnDefinitions"]) for row in table["rows"])


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/namespaces",
        "/api/v1/services",
        "/api/v1/configmaps",
        "/apis/apps/v1/daemonsets",
        "/apis/apps/v1/replicasets",
        "/apis/batch/v1/jobs",
        "/apis/autoscaling/v2/horizontalpodautoscalers",
        "/apis/storage.k8s.io/v1/csinodes",
        "/apis/storage.k8s.io/v1/csidrivers",
        "/apis/storage.k8s.io/v1/storageclasses",
        "/apis/discovery.k8s.io/v1/endpointslices",
        "/apis/coordination.k8s.io/v1/leases",
    ],
)
def test_every_kind_in_the_world_can_be_shown_as_a_table(api: Api, path: str) -> None:
    table = api.get(path, accept=TABLE)

    assert table["rows"]
    assert all(cell is not None for row in table["rows"] for cell in row["cells"])


def test_ages_are_told_in_domain_time(api: Api) -> None:
    before = api.get("/api/v1/namespaces/shop", accept=TABLE)["rows"][0]["cells"][-1]
    api.pass_time(days=3)

    assert (before, api.get("/api/v1/namespaces/shop", accept=TABLE)["rows"][0]["cells"][-1]) == ("26d", "29d")


def test_metadata_alone_can_be_asked_for(api: Api) -> None:
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

    found = api.get("/api/v1/pods", accept=accept)

    assert found["kind"] == "PartialObjectMetadataList"
    assert set(found["items"][0]) == {"kind", "apiVersion", "metadata"}


def test_an_answer_in_protobuf_alone_is_not_to_be_had(api: Api) -> None:
    assert api.call("GET", "/api/v1/pods", accept="application/vnd.kubernetes.protobuf").code == 406
    assert api.call("GET", "/api/v1/pods", accept="application/vnd.kubernetes.protobuf,application/json").code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/unicorns",
        "/apis/apps/v2/deployments",
        "/apis/none.example.com/v1",
        "/nowhere",
        "/api/v1/namespaces/shop/nodes",
        "/api/v1/namespaces/shop/pods/x/y/z",
        "/api/v1/namespaces//pods",
        "/api/v1/namespaces/shop/pods/x/portforward",
    ],
)
def test_what_is_not_served_is_not_found(api: Api, path: str) -> None:
    reply = api.call("GET", path)

    assert (reply.code, reply.json["reason"]) == (404, "NotFound")


def test_an_object_that_is_not_there_is_named(api: Api) -> None:
    reply = api.call("GET", "/apis/apps/v1/namespaces/shop/deployments/none")

    assert reply.json["message"] == 'deployments.apps "none" not found'
    assert reply.json["details"] == {"name": "none", "group": "apps", "kind": "deployments"}


@pytest.mark.parametrize(
    ("version", "path", "code"),
    [
        ("1.20", "/apis/policy/v1/poddisruptionbudgets", 404),
        ("1.20", "/apis/policy/v1beta1/poddisruptionbudgets", 200),
        ("1.22", "/apis/policy/v1/poddisruptionbudgets", 200),
        ("1.22", "/apis/policy/v1beta1/podsecuritypolicies", 200),
        ("1.22", "/apis/autoscaling/v2/horizontalpodautoscalers", 404),
    ],
)
def test_each_minor_serves_the_versions_that_it_had(
    api_of: Callable[[str], Api], version: str, path: str, code: int
) -> None:
    assert api_of(version).call("GET", path).code == code


def test_an_old_api_version_is_served_with_a_warning_and_counted(api_of: Callable[[str], Api]) -> None:
    api = api_of("1.22")

    reply = api.call("GET", "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets/cart")

    assert reply.json["apiVersion"] == "policy/v1beta1"
    assert "policy/v1beta1 PodDisruptionBudget is deprecated" in reply.headers["Warning"]
    assert 'group="policy",removed_release="1.25",resource="poddisruptionbudgets"' in api.call("GET", "/metrics").text


def test_custom_resources_are_served_as_soon_as_they_are_defined(api: Api) -> None:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [{"name": "Nodes", "type": "integer", "jsonPath": ".spec.nodes"}],
    }
    definition = {
        "metadata": {"name": "nodepools.karpenter.sh"},
        "spec": {
            "group": "karpenter.sh",
            "scope": "Cluster",
            "names": {"plural": "nodepools", "kind": "NodePool", "shortNames": ["np"]},
            "versions": [version],
        },
    }
    assert api.call("GET", "/apis/karpenter.sh/v1/nodepools").code == 404
    made = api.call("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition)
    assert made.code == 201, made.text

    pool = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "general"}, "spec": {"nodes": 3}}
    assert api.call("POST", "/apis/karpenter.sh/v1/nodepools", pool).code == 201

    found = api.get("/apis/karpenter.sh/v1/nodepools")
    assert (found["kind"], found["items"][0]["kind"]) == ("NodePoolList", "NodePool")
    table = api.get("/apis/karpenter.sh/v1/nodepools", accept=TABLE)
    assert table["rows"][0]["cells"] == ["general", 3]
    assert {"name": "karpenter.sh"}.items() <= api.get("/apis/karpenter.sh").items()
    custom = api.client("CustomObjectsApi").list_cluster_custom_object("karpenter.sh", "v1", "nodepools")
    assert custom["items"][0]["spec"] == {"nodes": 3}
    assert api.cluster.kube.find(CUSTOM_RESOURCES, "", "nodepools.karpenter.sh") is not None


def test_discovery_tells_each_kind_with_its_subresources(api: Api) -> None:
    core = {entry["name"]: entry for entry in api.get("/api/v1")["resources"]}

    assert api.get("/api")["versions"] == ["v1"]
    assert {"kind": "Eviction", "group": "policy", "version": "v1"}.items() <= core["pods/eviction"].items()
    assert core["nodes"]["shortNames"] == ["no"]
    assert not core["nodes"]["namespaced"]
    groups = {group["name"]: group["preferredVersion"]["version"] for group in api.get("/apis")["groups"]}
    assert groups["policy"] == "v1"
    aggregated = api.get("/apis", accept="application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
    assert {item["metadata"]["name"] for item in aggregated["items"]} == set(groups)


def test_a_list_of_a_thousand_pods_takes_less_than_thirty_milliseconds(api: Api) -> None:
    template = manifests.template({"app": "many"}, [manifests.container("app", "registry.example.com/app:1.0.0")])
    with api.world.current():
        api.cluster.kube.create(NAMESPACES, {"metadata": {"name": "many"}})
        for number in range(1000):
            pod = manifests.pod(f"p{number}", "many", template, owner=None, labels={}, address="10.0.0.1")
            api.cluster.kube.create(PODS, pod)

    taken = []
    for _ in range(5):
        started = time.process_time()  # of both ends: what the machine does besides does not count
        reply = api.call("GET", "/api/v1/namespaces/many/pods")
        taken.append(time.process_time() - started)

    assert len(reply.json["items"]) == 1000
    assert min(taken) < 0.03, taken


def test_secrets_and_config_maps_show_counts_in_tables_never_values(api: Api) -> None:
    with api.world.current():
        secret = {"metadata": {"name": "s", "namespace": "shop"}, "type": "Opaque", "data": {"password": "aHVudGVy"}}
        api.cluster.kube.create(SECRETS, secret)
        api.cluster.kube.create(
            CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "shop"}, "data": {"a": "1", "b": "2"}}
        )

    reply = api.call("GET", "/api/v1/namespaces/shop/secrets", accept=TABLE)

    assert [row["cells"][:3] for row in reply.json["rows"]] == [["s", "Opaque", "1"]]
    assert "aHVudGVy" not in reply.text
    shown = api.get("/api/v1/namespaces/shop/configmaps/c", accept=TABLE)["rows"][0]["cells"]
    assert shown[:2] == ["c", "2"]
