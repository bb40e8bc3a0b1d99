"""What a readiness check reads of a cluster is there, as EKS makes it, and can be denied."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from sandbox.world.objects import NODES, SECRETS, Json
from tests.sandbox.kube.conftest import Api

RBAC = "/apis/rbac.authorization.k8s.io/v1"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


def names(found: Json) -> set[str]:
    return {item["metadata"]["name"] for item in found["items"]}


def test_a_cluster_has_what_eks_works_with(api: Api) -> None:
    assert "eks:node-manager" in names(api.get(f"{RBAC}/clusterroles"))
    bindings = names(api.get(f"{RBAC}/clusterrolebindings"))
    assert bindings >= {"eks:node-manager", "eks:addon-cluster-admin", "system:public-info-viewer"}


def test_core_add_ons_bring_their_configuration_and_accounts(api: Api) -> None:
    maps = "/api/v1/namespaces/kube-system/configmaps"
    config = yaml.safe_load(api.get(f"{maps}/kube-proxy-config")["data"]["config"])
    assert (config["kind"], config["mode"]) == ("KubeProxyConfiguration", "iptables")
    assert "ready" in api.get(f"{maps}/coredns")["data"]["Corefile"]
    assert names(api.get("/api/v1/namespaces/kube-system/serviceaccounts")) >= {"default", "aws-node", "coredns"}


def test_the_default_pod_security_policy_is_there_until_there_are_none(api: Api, api_of: Callable[[str], Api]) -> None:
    path = "/apis/policy/v1beta1/podsecuritypolicies"
    assert names(api_of("1.22").get(path)) == {"eks.privileged"}
    assert api.call("GET", path).code == 404


def test_signing_requests_are_kept(api: Api) -> None:
    path = "/apis/certificates.k8s.io/v1/certificatesigningrequests"
    assert names(api.get(path)) == set()
    request = {"metadata": {"name": "node-1"}, "spec": {"signerName": "kubernetes.io/kubelet-serving", "request": "x"}}
    assert api.call("POST", path, request).code == 201
    assert api.get(f"{path}/node-1")["spec"]["signerName"] == "kubernetes.io/kubelet-serving"


def test_the_metadata_of_secrets_of_a_type_and_nothing_of_their_data(api: Api) -> None:
    with api.world.current():
        for name, kind in (("token", "kubernetes.io/service-account-token"), ("other", "Opaque")):
            secret = {"metadata": {"name": name, "namespace": "shop"}, "type": kind, "data": {"token": "aHVudGVyMg=="}}
            api.cluster.kube.create(SECRETS, secret)
    reply = api.call(
        "GET", "/api/v1/secrets?fieldSelector=type%3Dkubernetes.io%2Fservice-account-token", accept=METADATA_ONLY
    )
    assert (reply.json["kind"], names(reply.json)) == ("PartialObjectMetadataList", {"token"})
    assert "aHVudGVyMg" not in reply.text


# -- kubelets -------------------------------------------------------------------------------------------------------


def node_of(api: Api, kubelet: str, image: str) -> str:
    """The path to a node that has been given this kubelet and operating system."""
    node: str = api.get("/api/v1/nodes")["items"][0]["metadata"]["name"]

    def change(found: Json) -> None:
        found["status"]["nodeInfo"] |= {"kubeletVersion": kubelet, "osImage": image}

    with api.world.current():
        api.cluster.kube.edit(NODES, "", node, change)
    return f"/api/v1/nodes/{node}/proxy"


@pytest.mark.parametrize(
    ("kubelet", "image", "told", "fails"),
    [
        ("v1.30.9-eks-1", "Amazon Linux 2", None, None),
        ("v1.31.2-eks-1", "Amazon Linux 2", "kubelet_cgroup_version 1", False),
        ("v1.34.1-eks-1", "Amazon Linux 2023.9", "kubelet_cgroup_version 2", False),
        ("v1.35.0-eks-1", "Amazon Linux 2023.9", "kubelet_cgroup_version 2", True),
    ],
)
def test_a_kubelet_tells_of_itself_through_the_api_server(
    api: Api, kubelet: str, image: str, told: str | None, fails: bool | None
) -> None:
    path = node_of(api, kubelet, image)
    lines = api.call("GET", f"{path}/metrics").text.splitlines()
    assert [line for line in lines if line.startswith("kubelet_cgroup")] == ([told] if told else [])
    assert api.get(f"{path}/configz")["kubeletconfig"].get("failCgroupV1") is fails


def test_a_node_that_is_not_there_has_no_kubelet_and_a_kubelet_knows_its_paths(api: Api) -> None:
    assert api.call("GET", "/api/v1/nodes/nowhere/proxy/metrics").code == 404
    path = node_of(api, "v1.34.1-eks-1", "Amazon Linux 2023.9")
    assert api.call("GET", f"{path}/logs/x").code == 404
    assert api.call("DELETE", f"{path}/metrics").code == 405


@pytest.mark.parametrize(
    ("verb", "resource", "path"), [("get", "nodes/proxy", "nodes/{}/proxy/metrics"), ("get", "/metrics", "/metrics")]
)
def test_kubelets_and_metrics_can_be_denied(api: Api, verb: str, resource: str, path: str) -> None:
    node = api.get("/api/v1/nodes")["items"][0]["metadata"]["name"]
    address = path.format(node) if path.startswith("/") else f"/api/v1/{path.format(node)}"
    assert api.call("GET", address).code == 200
    with api.world.current() as world:
        world.faults.denied_rbac.add((verb, resource))
    assert api.call("GET", address).code == 403
    assert api.call("GET", f"/api/v1/nodes/{node}").code == 200
