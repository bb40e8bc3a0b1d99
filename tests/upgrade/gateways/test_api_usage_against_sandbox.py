"""What writes and asks leave behind in the sandbox's API server, and what the gateway makes of it, over the wire."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.world.objects import BUDGETS, SECRETS
from tests.sandbox.kube.conftest import Api, api_of
from upgrade.gateways.kube.connection import Endpoint
from upgrade.gateways.kube.gateway import HttpKubeGateway

__all__ = ["api_of"]  # the fixture is used here by its name
BUDGETS_V1BETA1 = "/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets"
BUDGETS_V1 = "/apis/policy/v1/namespaces/shop/poddisruptionbudgets"


def budget(name: str, version: str, **annotations: str) -> dict[str, Any]:
    return {
        "apiVersion": version,
        "kind": "PodDisruptionBudget",
        "metadata": {"name": name, "namespace": "shop", "annotations": annotations},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": name}}},
    }


@pytest.fixture
def old(api_of: Callable[[str], Api]) -> Api:
    return api_of("1.22")


@pytest.fixture
def kube(old: Api) -> Iterator[HttpKubeGateway]:
    endpoint = Endpoint(old.cluster.endpoint, old.cluster.certificate_authority)
    gateway = HttpKubeGateway("prod-eu", lambda: endpoint, lambda: old.token)
    yield gateway
    gateway.close()


def test_who_writes_with_what_is_seen_at_the_version_that_stays(old: Api, kube: HttpKubeGateway) -> None:
    applied = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(budget("kubectl", "policy/v1beta1"))}
    made = {
        f"{BUDGETS_V1BETA1}?fieldManager=pdb-operator": budget("operator", "policy/v1beta1"),
        f"{BUDGETS_V1BETA1}?fieldManager=kube-controller-manager": budget("system", "policy/v1beta1"),
        f"{BUDGETS_V1BETA1}?fieldManager=kubectl-client-side-apply": budget("kubectl", "policy/v1beta1", **applied),
        f"{BUDGETS_V1}?fieldManager=helm": budget("new", "policy/v1"),
    }
    for path, manifest in made.items():
        assert old.call("POST", path, manifest).code == 201
    old.pass_time(hours=1)
    again = old.call(
        "PATCH",
        f"{BUDGETS_V1}/kubectl?fieldManager=argocd-controller&force=true",
        budget("kubectl", "policy/v1"),
        content_type="application/apply-patch+yaml",
    )
    assert again.code == 200
    before = set(old.call("GET", "/metrics").text.splitlines())
    found = kube.api_writes()
    assert found.unseen == ()
    assert {
        (one.name, one.source, one.manager, one.current) for one in found.items if one.kind == "PodDisruptionBudget"
    } == {
        ("operator", "managed-fields", "pdb-operator", ""),
        ("kubectl", "managed-fields", "kubectl-client-side-apply", "policy/v1"),
        ("kubectl", "last-applied", "kubectl", "policy/v1"),
    }
    # The look itself asks for no API that goes, but for the one whose kind is served nowhere else.
    (more,) = set(old.call("GET", "/metrics").text.splitlines()) - before
    assert 'resource="podsecuritypolicies"' in more


def test_requests_for_an_api_that_goes_stand_in_the_metric(old: Api, kube: HttpKubeGateway) -> None:
    def asked() -> set[tuple[str, str, str, str]]:
        return {(one.group, one.version, one.resource, one.removed_release) for one in kube.api_requests()}

    assert ("policy", "v1beta1", "poddisruptionbudgets", "1.25") not in asked()
    old.get(BUDGETS_V1BETA1)
    assert ("policy", "v1beta1", "poddisruptionbudgets", "1.25") in asked()


def test_what_is_served_is_what_the_server_says_kind_by_kind(old: Api, kube: HttpKubeGateway) -> None:
    served = {(f"{one.group}/{one.version}".strip("/"), one.kind, one.namespaced) for one in kube.served_apis()}
    assert {
        ("policy/v1", "PodDisruptionBudget", True),
        ("policy/v1beta1", "PodDisruptionBudget", True),
        ("v1", "Pod", True),
        ("v1", "Node", False),
    } <= served
    plain = {one["name"] for one in old.get("/apis/policy/v1beta1")["resources"] if "/" not in one["name"]}
    assert plain == {one.resource for one in kube.served_apis() if (one.group, one.version) == ("policy", "v1beta1")}


def test_a_helm_release_in_the_cluster_is_read(old: Api, kube: HttpKubeGateway) -> None:
    told = {"info": {"last_deployed": "2022-05-01T10:00:00Z"}, "manifest": json.dumps(budget("web", "policy/v1beta1"))}
    stored = base64.b64encode(gzip.compress(json.dumps(told).encode()))
    labels = {"owner": "helm", "name": "web", "status": "deployed", "version": "1"}
    with old.world.current():
        old.cluster.kube.create(
            SECRETS,
            {
                "metadata": {"name": "sh.helm.release.v1.web.v1", "namespace": "shop", "labels": labels},
                "type": "helm.sh/release.v1",
                "data": {"release": base64.b64encode(stored).decode()},
            },
        )
        assert not [one for one in old.cluster.kube.list(BUDGETS) if one["metadata"]["name"] == "web"]
    found = kube.helm_writes()
    assert [(one.group_version, one.name, one.manager) for one in found.items] == [
        ("policy/v1beta1", "web", "shop/web")
    ]
