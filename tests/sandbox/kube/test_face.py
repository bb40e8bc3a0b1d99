"""The ports: TLS, version, health, metrics, and the troubles that the world can switch on."""

from __future__ import annotations

import base64
import ssl
import time
from datetime import timedelta

import pytest
import urllib3

from sandbox.kube.certificates import issue_certificates
from sandbox.scenario import ApiResets, CallsThrottled
from tests.sandbox.kube.conftest import Api

TOKEN = "k8s-aws-v1.prod-eu.eks-upgrade-bot-read"


def test_a_cluster_is_reached_by_the_ca_that_the_world_tells(api: Api) -> None:
    assert api.cluster.endpoint.startswith("https://127.0.0.1:")
    assert b"BEGIN CERTIFICATE" in base64.b64decode(api.cluster.certificate_authority)
    assert "/id/" in api.cluster.oidc_issuer
    assert len(api.client("CoreV1Api").list_node().items) == 3


def test_another_ca_is_refused(api: Api) -> None:
    other = base64.b64encode(issue_certificates("prod-eu").authority).decode()
    api.kubeconfig["clusters"][0]["cluster"]["certificate-authority-data"] = other

    with pytest.raises(urllib3.exceptions.MaxRetryError) as refused:
        api.client("CoreV1Api").list_node()

    assert isinstance(refused.value.reason, (urllib3.exceptions.SSLError, ssl.SSLError))


def test_version_tells_the_cluster_s_own_in_both_spellings(api: Api) -> None:
    told = api.get("/version")

    assert told == api.get("/version/")
    assert (told["major"], told["minor"]) == ("1", "34")
    assert told["gitVersion"].startswith(f"v{api.cluster.patch_version}-eks-")
    assert set(told) == {
        *("major", "minor", "gitVersion", "gitCommit", "gitTreeState", "buildDate", "goVersion", "compiler", "platform")
    }


@pytest.mark.parametrize("path", ["/healthz", "/livez", "/readyz"])
def test_health_is_told(api: Api, path: str) -> None:
    assert api.call("GET", path).text == "ok"
    assert "[+]etcd ok" in api.call("GET", f"{path}?verbose").text


def test_metrics_name_the_deprecated_apis_in_use(api: Api) -> None:
    text = api.call("GET", "/metrics").text

    assert (
        'apiserver_requested_deprecated_apis{group="flowcontrol.apiserver.k8s.io",removed_release="1.32",'
        'resource="flowschemas",subresource="",version="v1beta3"} 1'
    ) in text


def test_throttled_calls_say_when_to_come_back(api: Api) -> None:
    api.world.switch_on(CallsThrottled(kind="throttle", operation="list nodes", calls=1))

    reply = api.call("GET", "/api/v1/nodes")

    assert (reply.code, reply.json["reason"], reply.headers["Retry-After"]) == (429, "TooManyRequests", "1")
    assert api.call("GET", "/api/v1/nodes").code == 200


def test_latency_holds_answers_back(api: Api) -> None:
    api.face.latency = 0.2
    started = time.monotonic()

    api.get("/version")

    assert time.monotonic() - started >= 0.2


def test_after_a_control_plane_update_a_good_token_is_refused_once_and_connections_are_cut_for_a_while(
    api: Api,
) -> None:
    """C-16."""
    api.world.switch_on(ApiResets(kind="api-resets", cluster="prod-eu", seconds=90))
    update = api.world.update_cluster_version(api.cluster, "1.35", token="t")
    assert api.call("GET", "/api/v1/nodes", token=TOKEN).code == 200
    while update.status == "InProgress":
        api.pass_time(seconds=10)

    assert api.call("GET", "/api/v1/nodes", token=TOKEN).code == 401
    outcomes = []
    for _ in range(20):
        try:
            outcomes.append(str(api.call("GET", "/version", token=TOKEN).code))
        except urllib3.exceptions.ProtocolError:
            outcomes.append("cut")
    assert set(outcomes) == {"200", "cut"}
    assert api.get("/version")["minor"] == "35"
    api.pass_time(seconds=100)
    assert [api.call("GET", "/version", token=TOKEN).code for _ in range(10)] == [200] * 10


def test_people_with_the_administrator_s_token_are_spared_the_trouble(api: Api) -> None:
    with api.world.current():
        api.cluster.api_resets_until = api.world.now + timedelta(minutes=1)

    assert [api.call("GET", "/version").code for _ in range(10)] == [200] * 10


def test_a_method_or_body_that_makes_no_sense_is_refused(api: Api) -> None:
    assert api.call("PUT", "/api/v1/nodes").code == 405
    assert api.call("POST", "/version", {}).code == 405
    assert api.call("DELETE", "/apis").code == 405
    assert api.call("POST", "/api/v1/namespaces", b"x" * 4_000_000).code == 413
    assert api.call("POST", "/api/v1/pods", {"metadata": {"name": "x"}}).code == 405


def test_the_kubeconfig_s_token_is_of_no_use_elsewhere(api: Api) -> None:
    assert not api.token.startswith("k8s-aws-v1.")
    assert api.call("GET", "/api/v1/nodes", token=api.token + "x").code == 401
