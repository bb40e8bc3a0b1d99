"""What only readiness checks read, out of the sandbox's Kubernetes: all known, each access missed when denied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.scenario import VerbDenied
from sandbox.world.objects import CUSTOM_RESOURCES, VALIDATING_WEBHOOKS, Resource
from tests.upgrade.gateways.test_against_sandbox import Sandbox, play
from upgrade.errors import NotPermitted
from upgrade.facts import need
from upgrade.gateways.kube.gateway import HttpKubeGateway
from upgrade.gateways.kube.readiness import KubeReadinessReads
from upgrade.objects import EniConfigRow
from upgrade.rows import EndpointsRow

INSTALLED = (
    Resource("karpenter.sh", "v1", "nodepools", "NodePool", namespaced=False),
    Resource("karpenter.sh", "v1alpha5", "provisioners", "Provisioner", namespaced=False),
    Resource("karpenter.k8s.aws", "v1", "ec2nodeclasses", "EC2NodeClass", namespaced=False),
    Resource("karpenter.k8s.aws", "v1alpha1", "awsnodetemplates", "AWSNodeTemplate", namespaced=False),
    Resource("crd.k8s.amazonaws.com", "v1alpha1", "eniconfigs", "ENIConfig", namespaced=False),
    Resource("velero.io", "v1", "backups", "Backup", namespaced=True),
)
READS = {
    (name, access)
    for name, method in vars(KubeReadinessReads).items()
    for access in getattr(method, "permissions", ())
    if access != "list podsecuritypolicies.policy"  # not served any more by a cluster of today
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A healthy cluster with Karpenter, Velero, custom networking and a webhook installed."""
    for playing in play("two-hops"):
        with playing.stage.world.current() as world:
            store = world.clusters()[0].kube
            for resource in INSTALLED:
                store.create(CUSTOM_RESOURCES, definition(resource))
                place = {"namespace": "velero"} if resource.namespaced else {}
                store.create(resource, {"metadata": {"name": "one", **place}, "spec": {"subnet": "subnet-1"}})
            service = {"service": {"namespace": "shop", "name": "cart"}}
            hook = {"name": "x.example.com", "clientConfig": service, "sideEffects": "None"}
            store.create(VALIDATING_WEBHOOKS, {"metadata": {"name": "guard"}, "webhooks": [hook]})
        yield playing


def definition(resource: Resource) -> dict[str, Any]:
    spec = {
        "group": resource.group,
        "names": {"plural": resource.plural, "kind": resource.kind},
        "scope": "Namespaced" if resource.namespaced else "Cluster",
        "versions": [{"name": resource.version, "served": True, "storage": True}],
    }
    return {
        "metadata": {"name": f"{resource.plural}.{resource.group}"},
        "spec": spec,
        "status": {"storedVersions": [resource.version]},
    }


def read(kube: HttpKubeGateway, name: str) -> Any:
    if name == "kubelets":
        return kube.kubelets([node.name for node in kube.nodes()])
    return kube.endpoints_of(["shop/cart"]) if name == "endpoints_of" else getattr(kube, name)()


def gateway(sandbox: Sandbox) -> HttpKubeGateway:
    kube = sandbox.clusters.reading(sandbox.id)[1]
    assert isinstance(kube, HttpKubeGateway)
    return kube


def test_a_healthy_cluster_tells_what_is_asked(sandbox: Sandbox) -> None:
    snapshot = sandbox.snapshot()
    services = {row.name for row in need(snapshot.services)}
    assert services >= {"kubernetes", "kube-dns", "cart"}
    assert need(snapshot.endpoints) == (EndpointsRow(namespace="shop", service="cart", ready=3),)
    assert (need(snapshot.missing_eks_rbac), need(snapshot.anonymous_bindings)) == ((), ())
    assert [row.name for row in need(snapshot.storage_classes) if row.default] == ["gp3"]
    assert need(snapshot.core_config).kube_proxy_mode == "iptables"
    assert need(snapshot.core_config).aws_auth_unquoted == ()
    assert {(row.kind, row.api_version) for row in need(snapshot.node_pools)} == {
        ("NodePool", "karpenter.sh/v1"),
        ("Provisioner", "karpenter.sh/v1alpha5"),
    }
    assert {row.kind for row in need(snapshot.node_classes)} == {"EC2NodeClass", "AWSNodeTemplate"}
    assert need(snapshot.eni_configs) == (EniConfigRow(name="one", subnet="subnet-1"),)
    assert [row.name for row in need(snapshot.velero_backups)] == ["one"]
    assert all(row.cpu_millis and row.memory_bytes and row.pod_limit for row in need(snapshot.nodes))
    cart = [row for row in need(snapshot.pods) if row.labels.get("app") == "cart"]
    assert {row.shape.cpu_millis for row in cart} == {100}
    assert len({id(row.shape) for row in cart}) == 1


def test_kubelets_and_tokens_are_told_when_they_are_asked_for(sandbox: Sandbox) -> None:
    kube = gateway(sandbox)
    nodes = [node.name for node in kube.nodes()]
    assert {(row.cgroup_version, row.fail_cgroup_v1) for row in kube.kubelets(nodes)} == {(2, False)}
    assert kube.token_secrets() == ()


@pytest.mark.parametrize(("name", "access"), sorted(READS))
def test_no_denied_access_of_a_check_goes_unnoticed(sandbox: Sandbox, name: str, access: str) -> None:
    kube, world = gateway(sandbox), sandbox.stage.world
    read(kube, name)
    verb, resource, *_ = access.split(" ")
    switch = world.switch_on(VerbDenied(kind="deny-rbac", verb=verb, resource=resource.partition(".")[0]))
    try:
        with pytest.raises(NotPermitted) as caught:
            read(kube, name)
    finally:
        world.switch_off(switch.id)
    assert caught.value.permission is not None
    assert caught.value.permission.split(" ")[:2] == [verb, resource], "all objects of a kind are denied at once"
