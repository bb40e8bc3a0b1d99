"""Whatever is sent in, the answer is a clear refusal or a sound object; the server does not fail, the world goes on."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sandbox.kube.conftest import Api

LABELS = {"app": "x"}
TEMPLATE: Any = {
    "metadata": {"labels": LABELS},
    "spec": {
        "containers": [{"name": "a", "image": "a:1", "ports": [{"containerPort": 80}]}],
        "nodeSelector": {"a": "b"},
        "tolerations": [{"key": "a", "operator": "Exists"}],
        "terminationGracePeriodSeconds": 5,
    },
}
ROLLING = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}}
WORKLOAD = {"replicas": 1, "selector": {"matchLabels": LABELS}, "template": TEMPLATE, "strategy": ROLLING}
SHOP = "/api/v1/namespaces/shop"
SHOP_APPS = "/apis/apps/v1/namespaces/shop"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
NEW: list[tuple[str, Any]] = [
    (f"{SHOP_APPS}/deployments", {"spec": WORKLOAD}),
    (f"{SHOP_APPS}/statefulsets", {"spec": {**WORKLOAD, "serviceName": "x", "updateStrategy": ROLLING}}),
    (f"{SHOP_APPS}/daemonsets", {"spec": {**WORKLOAD, "updateStrategy": ROLLING}}),
    ("/apis/batch/v1/namespaces/shop/jobs", {"spec": {"template": TEMPLATE, "completions": 1}}),
    (
        f"{SHOP}/pods",
        {"spec": {**TEMPLATE["spec"], "nodeName": None}, "metadata": {"labels": LABELS, "annotations": {}}},
    ),
    (
        "/apis/policy/v1/namespaces/shop/poddisruptionbudgets",
        {"spec": {"minAvailable": "50%", "selector": {"matchLabels": {"app": "cart"}}}},
    ),
    (f"{SHOP}/services", {"spec": {"selector": LABELS, "ports": [{"port": 80, "targetPort": 80}]}}),
    (f"{SHOP}/configmaps", {"data": {"a": "b"}}),
    ("/api/v1/namespaces", {"metadata": {"labels": {}}}),
    (
        "/api/v1/nodes",
        {"metadata": {"labels": {}}, "spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}, "status": {}},
    ),
    (f"{RBAC}/clusterroles", {"rules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]}),
    (
        f"{RBAC}/clusterrolebindings",
        {"roleRef": {"kind": "ClusterRole", "name": "view"}, "subjects": [{"kind": "Group", "name": "x"}]},
    ),
    (
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        {
            "spec": {
                "group": "x.io",
                "scope": "Cluster",
                "names": {"plural": "xs", "kind": "X"},
                "versions": [
                    {"name": "v1", "served": True, "additionalPrinterColumns": [], "subresources": {"status": {}}}
                ],
            }
        },
    ),
]
PRESENT: list[tuple[str, Any]] = [
    (f"{SHOP_APPS}/deployments/cart", {"metadata": {"labels": {}}, "spec": WORKLOAD, "status": {"replicas": 1}}),
    (f"{SHOP_APPS}/daemonsets/agent", {"spec": {"template": TEMPLATE, "updateStrategy": ROLLING}}),
    ("/apis/policy/v1/namespaces/shop/poddisruptionbudgets/cart", {"spec": {"minAvailable": 1, "selector": {}}}),
    ("NODE", {"metadata": {"labels": {}}, "spec": {"unschedulable": True, "taints": []}}),
    ("NODE/status", {"status": {"conditions": [{"type": "Ready", "status": "True"}], "addresses": [], "nodeInfo": {}}}),
    ("POD", {"metadata": {"labels": {}, "annotations": {}}, "spec": {"containers": [], "tolerations": []}}),
    ("POD/status", {"status": {"phase": "Running", "conditions": [], "containerStatuses": []}}),
    (f"{SHOP}/services/cart", {"spec": {"selector": {}, "ports": []}}),
    ("/api/v1/namespaces/kube-system/configmaps/aws-auth", {"data": {"mapRoles": "[]"}}),
]
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 10**12) | st.sampled_from(["", "x", "50%", "-", "In", "a/b", "é"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["a", "app", "name", "key"]), inner, max_size=2)
    ),
    max_leaves=4,
)


def paths(value: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """All places in a document."""
    keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((*prefix, key), *paths(value[key], (*prefix, key)))]


@st.composite
def spoiled(draw: st.DrawFn, documents: list[tuple[str, Any]]) -> tuple[str, Any]:
    """One of the documents with one or two places made into something else."""
    path, document = draw(st.sampled_from(documents))
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 2))):
        *parents, last = draw(st.sampled_from(paths(document) or [("metadata",)]))
        place = document
        for key in parents:
            place = place[key]
        place[last] = draw(ANYTHING)
    return path, document


def goes_on(api: Api) -> None:
    """Time passes, everything can be shown, and nothing that was stored breaks the next request."""
    api.pass_time(seconds=40)
    for path in ("/api/v1/nodes", "/api/v1/pods", "/apis/apps/v1/deployments", "/apis"):
        assert api.call("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json").code == 200
    assert api.call("GET", "/api/v1/nodes", token="k8s-aws-v1.prod-eu.eks-upgrade-bot-read").code in (200, 401, 403)


SETTINGS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SETTINGS
@given(spoiled(NEW))
def test_no_new_object_breaks_the_world(api: Api, made: tuple[str, Any]) -> None:
    path, document = made
    if isinstance(document.get("metadata", {}), dict):
        document["metadata"] = {"generateName": "x-", **document.get("metadata", {})}

    reply = api.call("POST", path, document)

    assert reply.code in (201, 400, 404, 409, 422), (path, document, reply.text)
    goes_on(api)


@SETTINGS
@given(spoiled(PRESENT), st.sampled_from(["merge-patch", "strategic-merge-patch"]))
def test_no_patch_breaks_the_world(api: Api, made: tuple[str, Any], kind: str) -> None:
    path, document = made
    for word, collection in (("NODE", "/api/v1/nodes"), ("POD", f"{SHOP}/pods")):
        items = api.get(collection)["items"]
        path = path.replace(word, f"{collection}/{items[0]['metadata']['name']}")

    reply = api.call("PATCH", path, document, content_type=f"application/{kind}+json")

    assert reply.code in (200, 400, 404, 409, 422), (path, document, reply.text)
    goes_on(api)
