"""What the Kubernetes gateway reads for readiness checks alone, and what it says when it may not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.upgrade.gateways.kube_answers import CREATED, meta
from tests.upgrade.gateways.kube_stub import KubeStub, Make, status
from upgrade.errors import NotPermitted, PermanentError
from upgrade.gateways.kube.gateway import HttpKubeGateway
from upgrade.gateways.kube.readiness import KubeReadinessReads
from upgrade.objects import (
    ApiServiceRow,
    BackupRow,
    BindingRow,
    ClaimRow,
    CoreConfig,
    CrdRow,
    CsrRow,
    DisruptionBudget,
    EniConfigRow,
    KubeletRow,
    NetworkPolicyRow,
    NodeClassRow,
    NodePoolRow,
    ServiceAccountRow,
    ServiceRow,
    StorageClassRow,
    TokenSecretRow,
    WebhookRow,
    WebhookRule,
)
from upgrade.rows import EndpointsRow, LabelRequirement

WHEN = datetime(2026, 11, 1, 8, tzinfo=UTC)
VALIDATING = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
MUTATING = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ENDPOINTS = "list endpointslices.discovery.k8s.io"
CLUSTER_BINDINGS = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
BINDINGS = "/apis/rbac.authorization.k8s.io/v1/rolebindings"


@pytest.fixture
def kube(make: Make) -> HttpKubeGateway:
    return make()


def test_a_service(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    spec = {
        "type": "LoadBalancer",
        "ipFamilyPolicy": "PreferDualStack",
        "clusterIPs": ["172.20.0.10", "fd00::a"],
        "externalIPs": ["203.0.113.7"],
        "loadBalancerSourceRanges": ["10.0.0.0/8"],
        "selector": {"app": "web"},
    }
    hints = {"service.kubernetes.io/topology-aware-hints": "auto", "secret": "hunter2"}
    bare = {"metadata": meta("none", "shop"), "spec": {"type": "ExternalName", "externalName": "example.com"}}
    kube_stub.on_list(
        "/api/v1/services", {"metadata": meta("web", "shop", annotations=hints, labels={"a": "b"}), "spec": spec}, bare
    )
    assert kube.services() == (
        ServiceRow(
            namespace="shop",
            name="web",
            type="LoadBalancer",
            ip_family_policy="PreferDualStack",
            cluster_ips=("172.20.0.10", "fd00::a"),
            external_ips=("203.0.113.7",),
            source_ranges=("10.0.0.0/8",),
            topology_mode=True,
            selector={"app": "web"},
            labels={"a": "b"},
        ),
        ServiceRow(namespace="shop", name="none", type="ExternalName"),
    )


def webhook(service: str = "", **more: Any) -> dict[str, Any]:
    namespace, _, name = service.partition("/")
    config = {"service": {"namespace": namespace, "name": name, "path": "/x"}} if service else {"url": "https://x"}
    return {"name": "pods.example.com", "clientConfig": {**config, "caBundle": "Zm9v"}, **more}


def test_webhooks_of_both_kinds(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    rules = [{"apiGroups": ["", "apps"], "apiVersions": ["*"], "resources": ["pods"], "operations": ["CREATE"]}]
    exempt = {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system"]}
    full = webhook("policy/guard", failurePolicy="Ignore", matchPolicy="Exact", rules=rules) | {
        "namespaceSelector": {"matchLabels": {"guarded": "yes"}, "matchExpressions": [exempt]}
    }
    kube_stub.on_list(VALIDATING, {"metadata": meta("guard", labels={"team": "sec"}), "webhooks": [full]})
    kube_stub.on_list(MUTATING, {"metadata": meta("inject"), "webhooks": [webhook()]}, {"metadata": meta("empty")})
    assert kube.webhooks() == (
        WebhookRow(
            kind="ValidatingWebhookConfiguration",
            configuration="guard",
            name="pods.example.com",
            failure_policy="Ignore",
            match_policy="Exact",
            service="policy/guard",
            rules=(WebhookRule(groups=("", "apps"), versions=("*",), resources=("pods",), operations=("CREATE",)),),
            match_labels={"guarded": "yes"},
            match_expressions=(
                LabelRequirement(key="kubernetes.io/metadata.name", operator="NotIn", values=("kube-system",)),
            ),
            labels={"team": "sec"},
        ),
        WebhookRow(kind="MutatingWebhookConfiguration", configuration="inject", name="pods.example.com"),
    )


def api_service(name: str, available: str, service: dict[str, str] | None) -> dict[str, Any]:
    conditions = [{"type": "Available", "status": available, "reason": "FailedDiscoveryCheck"}]
    return {"metadata": meta(name), "spec": {"service": service}, "status": {"conditions": conditions}}


def test_api_services(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list(
        API_SERVICES,
        api_service("v1beta1.metrics.k8s.io", "False", {"namespace": "kube-system", "name": "metrics-server"}),
        api_service("v1.apps", "True", None),
        {"metadata": meta("v1.new"), "spec": {}},
    )
    broken, own, new = kube.api_services()
    assert broken == ApiServiceRow(
        name="v1beta1.metrics.k8s.io",
        available=False,
        reason="FailedDiscoveryCheck",
        service="kube-system/metrics-server",
    )
    assert (own.available, own.service, new.available) == (True, "", False)


def crd(name: str, conversion: dict[str, Any] | None = None) -> dict[str, Any]:
    plural, _, group = name.partition(".")
    return {
        "metadata": meta(name),
        "spec": {
            "group": group,
            "names": {"kind": "Widget", "plural": plural, "singular": "widget"},
            "scope": "Cluster",
            "versions": [
                {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}},
                {"name": "v1alpha1", "served": False, "storage": False},
            ],
            **({"conversion": conversion} if conversion else {}),
        },
        "status": {"storedVersions": ["v1alpha1", "v1"]},
    }


CONVERSION = {
    "strategy": "Webhook",
    "webhook": {"clientConfig": {"service": {"namespace": "widgets", "name": "converter"}}},
}


def test_custom_resource_definitions(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list(CRDS, crd("widgets.example.com", CONVERSION), crd("w.example.com", {"strategy": "None"}))
    first, second = kube.crds()
    assert first == CrdRow(
        name="widgets.example.com",
        group="example.com",
        kind="Widget",
        plural="widgets",
        namespaced=False,
        served=("v1",),
        stored=("v1alpha1", "v1"),
        conversion_service="widgets/converter",
    )
    assert second.conversion_service == ""


def test_endpoints_of_services_take_a_request_a_namespace(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    def part(service: str, *ready: bool) -> dict[str, Any]:
        return {
            "metadata": meta(f"{service}-1", labels={"kubernetes.io/service-name": service}),
            "endpoints": [{"addresses": [f"10.0.0.{n}"], "conditions": {"ready": one}} for n, one in enumerate(ready)],
        }

    slices = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
    kube_stub.on_list(slices.format("policy"), part("guard", True, False), part("guard", True, True))
    kube_stub.on_list(slices.format("metrics"), part("server", False))
    kube_stub.on_list("/apis/discovery.k8s.io/v1beta1/namespaces/widgets/endpointslices", part("converter", True))
    assert kube.endpoints_of(["policy/inject", "widgets/converter", "policy/guard", "metrics/server"]) == (
        EndpointsRow(namespace="metrics", service="server", ready=0),
        EndpointsRow(namespace="policy", service="guard", ready=2),
        EndpointsRow(namespace="policy", service="inject", ready=0),
        EndpointsRow(namespace="widgets", service="converter", ready=1),
    )
    (asked,) = kube_stub.calls(slices.format("policy"))
    assert asked.query["labelSelector"] == ["kubernetes.io/service-name in (guard,inject)"]
    assert kube.endpoints_of([]) == ()


def test_endpoints_that_may_not_be_listed(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on("/apis/discovery.k8s.io/v1/namespaces/policy/endpointslices", status(403, "Forbidden", "no"))
    kube_stub.on("/apis/discovery.k8s.io/v1", {"resources": [{"name": "endpointslices"}]})
    with pytest.raises(NotPermitted) as caught:
        kube.endpoints_of(["policy/guard"])
    assert caught.value.permission == ENDPOINTS


def test_certificate_signing_requests(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    spec = {"signerName": "kubernetes.io/kubelet-serving", "username": "system:node:a", "request": "c2VjcmV0"}
    issued = {"conditions": [{"type": "Approved", "status": "True"}], "certificate": "Zm9v"}
    kube_stub.on_list(
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        {"metadata": meta("one"), "spec": spec, "status": issued},
        {"metadata": meta("two"), "spec": spec, "status": {"conditions": [{"type": "Denied", "status": "True"}]}},
        {"metadata": meta("three"), "spec": spec, "status": {}},
    )
    one, two, three = kube.csrs()
    assert one == CsrRow(
        name="one",
        signer="kubernetes.io/kubelet-serving",
        requestor="system:node:a",
        approved=True,
        issued=True,
        created_at=WHEN,
    )
    assert (two.approved, two.denied, two.issued) == (False, True, False)
    assert (three.approved, three.denied, three.issued) == (False, False, False)


def volume(name: str, zones: list[list[str]] | None = None, **spec: Any) -> dict[str, Any]:
    terms = [
        {"matchExpressions": [{"key": "topology.ebs.csi.aws.com/zone", "operator": "In", "values": values}]}
        if values
        else {"matchExpressions": [{"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}]}
        for values in zones or ()
    ]
    affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": terms}}} if terms else {}
    return {"metadata": meta(name), "spec": {**affinity, **spec}}


def test_persistent_volumes(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    csi = {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"}
    older = volume("older", awsElasticBlockStore={"volumeID": "vol-2"})
    older["metadata"] |= {
        "labels": {"failure-domain.beta.kubernetes.io/zone": "eu-west-1b"},
        "annotations": {"volume.beta.kubernetes.io/mount-options": "ro"},
    }
    claim = {"kind": "PersistentVolumeClaim", "namespace": "shop", "name": "data"}
    kube_stub.on_list(
        "/api/v1/persistentvolumes",
        volume("new", [["eu-west-1b"], ["eu-west-1a"]], csi=csi, claimRef=claim, storageClassName="gp3"),
        older,
        volume("anywhere", [["eu-west-1b"], []], cephfs={"monitors": []}),
        volume("nothing known", somethingNew={}),
    )
    new, in_tree, anywhere, unknown = kube.persistent_volumes()
    assert (new.source, new.driver, new.zones) == ("csi", "ebs.csi.aws.com", ("eu-west-1a", "eu-west-1b"))
    assert (new.claim, new.storage_class, new.mount_options_annotation) == ("shop/data", "gp3", False)
    assert (in_tree.source, in_tree.zones, in_tree.claim) == ("awsElasticBlockStore", ("eu-west-1b",), "")
    assert in_tree.mount_options_annotation
    assert (anywhere.source, anywhere.zones) == ("cephfs", ())
    assert unknown.source == ""


def test_claims_and_storage_classes(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    older = {"volume.beta.kubernetes.io/storage-class": "gp2"}
    kube_stub.on_list(
        "/api/v1/persistentvolumeclaims",
        {"metadata": meta("a", "shop"), "spec": {"volumeName": "pv-1", "storageClassName": ""}},
        {"metadata": meta("b", "shop"), "spec": {}, "status": {"phase": "Pending"}},
        {"metadata": meta("c", "shop", annotations=older), "spec": {}},
        {"metadata": meta("d", "shop", annotations=older), "spec": {"storageClassName": "gp3"}},
    )
    kube_stub.on_list(
        "/apis/storage.k8s.io/v1/storageclasses",
        {
            "metadata": meta("gp3", annotations={"storageclass.kubernetes.io/is-default-class": "true"}),
            "provisioner": "ebs.csi.aws.com",
        },
        {
            "metadata": meta("gp2", annotations={"storageclass.kubernetes.io/is-default-class": "false"}),
            "provisioner": "kubernetes.io/aws-ebs",
        },
    )
    assert kube.claims() == (
        ClaimRow(namespace="shop", name="a", volume="pv-1", storage_class=""),
        ClaimRow(namespace="shop", name="b", phase="Pending"),
        ClaimRow(namespace="shop", name="c", storage_class="gp2"),
        ClaimRow(namespace="shop", name="d", storage_class="gp2"),
    )
    assert kube.storage_classes() == (
        StorageClassRow(name="gp3", provisioner="ebs.csi.aws.com", default=True),
        StorageClassRow(name="gp2", provisioner="kubernetes.io/aws-ebs"),
    )


# -- who may what ---------------------------------------------------------------------------------------------------


def binding(name: str, role: str, *subjects: tuple[str, str], namespace: str = "") -> dict[str, Any]:
    return {
        "metadata": meta(name, namespace),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": kind, "name": name} for kind, name in subjects] or None,
    }


def test_bindings_to_nobody_in_particular(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    anybody, nobody = ("Group", "system:unauthenticated"), ("User", "system:anonymous")
    kube_stub.on_list(
        CLUSTER_BINDINGS,
        binding("system:public-info-viewer", "system:public-info-viewer", anybody),
        binding("probes", "view", ("Group", "ops"), anybody, nobody),
        binding("ops", "view", ("Group", "system:authenticated"), ("User", "system:unauthenticated")),
        binding("empty", "view"),
    )
    kube_stub.on_list(BINDINGS, binding("dashboard", "edit", nobody, namespace="tools"))
    assert kube.anonymous_bindings() == (
        BindingRow(
            kind="ClusterRoleBinding",
            name="probes",
            role="view",
            subjects=("Group system:unauthenticated", "User system:anonymous"),
        ),
        BindingRow(
            kind="RoleBinding", name="dashboard", role="edit", namespace="tools", subjects=("User system:anonymous",)
        ),
    )


def test_what_eks_needs_and_is_gone(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on("/apis/rbac.authorization.k8s.io/v1/clusterroles/eks:node-manager", {"metadata": meta("x")})
    kube_stub.on(f"{CLUSTER_BINDINGS}/eks:addon-cluster-admin", {"metadata": meta("x")})
    assert kube.missing_eks_rbac() == ("ClusterRoleBinding eks:node-manager",)


def test_service_accounts_and_network_policies(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    arn = "arn:aws:iam::111122223333:role/web"
    kube_stub.on_list(
        "/api/v1/serviceaccounts",
        {"metadata": meta("web", "shop", annotations={"eks.amazonaws.com/role-arn": arn})},
        {"metadata": meta("old", "shop", annotations={"kubernetes.io/enforce-mountable-secrets": "true"})},
    )
    block = {"ipBlock": {"cidr": "10.0.0.1/8", "except": ["10.1.0.0/16"]}}
    pods: dict[str, Any] = {"podSelector": {}}
    spec = {"ingress": [{"from": [block, pods]}, {}], "egress": [{"to": [block, {"ipBlock": {"cidr": "::/0"}}]}]}
    kube_stub.on_list("/apis/networking.k8s.io/v1/networkpolicies", {"metadata": meta("web", "shop"), "spec": spec})
    assert kube.service_accounts() == (
        ServiceAccountRow(namespace="shop", name="web", role_arn=arn),
        ServiceAccountRow(namespace="shop", name="old", mountable_secrets=True),
    )
    assert kube.network_policies() == (
        NetworkPolicyRow(namespace="shop", name="web", cidrs=("10.0.0.1/8", "10.1.0.0/16", "::/0")),
    )


def test_token_secrets_are_asked_for_by_their_metadata_alone(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    secret = {
        "kind": "PartialObjectMetadata",
        "metadata": meta(
            "web-token",
            "shop",
            labels={
                "kubernetes.io/legacy-token-last-used": "2026-10-24",
                "kubernetes.io/legacy-token-invalid-since": "2026-11-01",
            },
            annotations={
                "kubernetes.io/service-account.name": "web",
                "kubectl.kubernetes.io/last-applied-configuration": '{"data":{"token":"hunter2"}}',
            },
        ),
    }
    kube_stub.on_list("/api/v1/secrets", secret)
    found = kube.token_secrets()
    assert found == (
        TokenSecretRow(
            namespace="shop",
            name="web-token",
            service_account="web",
            last_used="2026-10-24",
            invalid_since="2026-11-01",
        ),
    )
    assert b"hunter2" not in msgspec.json.encode(found)
    (asked,) = kube_stub.asked
    assert asked.query["fieldSelector"] == ["type=kubernetes.io/service-account-token"]
    assert asked.accept == "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"


# -- what may not be installed --------------------------------------------------------------------------------------

BUDGETS = [{"nodes": "10%"}, {"nodes": "0", "reasons": ["Drifted"], "schedule": "0 9 * * *", "duration": "8h"}]
BUDGET_ROWS = (
    DisruptionBudget(nodes="10%"),
    DisruptionBudget(nodes="0", reasons=("Drifted",), schedule="0 9 * * *", duration="8h"),
)


def pool(*, expires_in_template: bool) -> dict[str, Any]:
    expiry = {"expireAfter": "720h"}
    own, older = (expiry, {}) if expires_in_template else ({}, expiry)
    template = {"spec": {"nodeClassRef": {"name": "default", "group": "karpenter.k8s.aws"}, **own}}
    return {"metadata": meta("general"), "spec": {"template": template, "disruption": {"budgets": BUDGETS, **older}}}


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
def test_node_pools_of_karpenter_at_the_newest_version_that_it_has(
    kube: HttpKubeGateway, kube_stub: KubeStub, version: str
) -> None:
    kube_stub.on_list(f"/apis/karpenter.sh/{version}/nodepools", pool(expires_in_template=version == "v1"))
    assert kube.node_pools() == (
        NodePoolRow(
            name="general",
            api_version=f"karpenter.sh/{version}",
            node_class="default",
            expire_after="720h",
            budgets=BUDGET_ROWS,
        ),
    )


def test_provisioners_of_karpenter_before_node_pools(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    spec = {"providerRef": {"name": "default"}, "ttlSecondsUntilExpired": 2592000}
    path = "/apis/karpenter.sh/v1alpha5/provisioners"
    kube_stub.on_list(path, {"metadata": meta("a"), "spec": spec}, {"metadata": meta("b"), "spec": {}})
    first, second = kube.node_pools()
    assert first == NodePoolRow(
        name="a",
        api_version="karpenter.sh/v1alpha5",
        kind="Provisioner",
        node_class="default",
        expire_after="2592000s",
    )
    assert (second.node_class, second.expire_after) == ("", "")


def test_node_classes_of_both_kinds(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    terms = [{"alias": "al2023@latest"}, {"id": "ami-1"}, {"name": "x-*", "tags": {"team": "a"}}]
    classes = {"metadata": meta("new"), "spec": {"amiFamily": "AL2023", "amiSelectorTerms": terms}}
    kube_stub.on_list("/apis/karpenter.k8s.aws/v1/ec2nodeclasses", classes)
    template = {"metadata": meta("old"), "spec": {"amiFamily": "AL2", "amiSelector": {"aws::ids": "ami-2"}}}
    kube_stub.on_list("/apis/karpenter.k8s.aws/v1alpha1/awsnodetemplates", template)
    assert kube.node_classes() == (
        NodeClassRow(
            name="new", ami_family="AL2023", ami_selectors=("alias=al2023@latest", "id=ami-1", "name=x-*,tags.team=a")
        ),
        NodeClassRow(name="old", kind="AWSNodeTemplate", ami_family="AL2", ami_selectors=("aws::ids=ami-2",)),
    )


def test_eni_configs_backups_and_pod_security_policies(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    eni = {"metadata": meta("eu-west-1a"), "spec": {"subnet": "subnet-1"}}
    kube_stub.on_list("/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs", eni)
    done = {"phase": "Completed", "completionTimestamp": CREATED}
    kube_stub.on_list(
        "/apis/velero.io/v1/backups",
        {"metadata": meta("nightly", "velero"), "status": done},
        {"metadata": meta("new", "velero")},
    )
    kube_stub.on_list("/apis/policy/v1beta1/podsecuritypolicies", {"metadata": meta("eks.privileged")})
    assert kube.eni_configs() == (EniConfigRow(name="eu-west-1a", subnet="subnet-1"),)
    assert kube.velero_backups() == (
        BackupRow(namespace="velero", name="nightly", phase="Completed", completed_at=WHEN),
        BackupRow(namespace="velero", name="new", phase=""),
    )
    assert kube.pod_security_policies() == ("eks.privileged",)


NOT_INSTALLED: dict[str, Callable[[HttpKubeGateway], tuple[Any, ...]]] = {
    "/apis/karpenter.sh/v1/nodepools": HttpKubeGateway.node_pools,
    "/apis/karpenter.sh/v1alpha5/provisioners": HttpKubeGateway.node_pools,
    "/apis/karpenter.k8s.aws/v1/ec2nodeclasses": HttpKubeGateway.node_classes,
    "/apis/karpenter.k8s.aws/v1alpha1/awsnodetemplates": HttpKubeGateway.node_classes,
    "/apis/crd.k8s.amazonaws.com/v1alpha1/eniconfigs": HttpKubeGateway.eni_configs,
    "/apis/velero.io/v1/backups": HttpKubeGateway.velero_backups,
    "/apis/policy/v1beta1/podsecuritypolicies": HttpKubeGateway.pod_security_policies,
}


@pytest.mark.parametrize("path", NOT_INSTALLED)
@pytest.mark.parametrize("answer", [(404, "NotFound"), (403, "Forbidden")])
def test_what_is_not_installed_is_no_unknown(
    kube: HttpKubeGateway, kube_stub: KubeStub, path: str, answer: tuple[int, str]
) -> None:
    """The API server refuses whoever may not, before it looks whether there is such a kind."""
    kube_stub.on(path, status(*answer))
    assert NOT_INSTALLED[path](kube) == ()


@pytest.mark.parametrize("path", NOT_INSTALLED)
def test_what_is_installed_and_denied_is_unknown(kube: HttpKubeGateway, kube_stub: KubeStub, path: str) -> None:
    version, _, plural = path.rpartition("/")
    kube_stub.on(path, status(403, "Forbidden"))
    kube_stub.on(version, {"resources": [{"name": "other"}, {"name": plural}]})
    with pytest.raises(NotPermitted) as caught:
        NOT_INSTALLED[path](kube)
    assert caught.value.permission == f"list {plural}.{version.split('/')[2]}"


# -- ConfigMaps of kube-system --------------------------------------------------------------------------------------

MAPS = "/api/v1/namespaces/kube-system/configmaps/"


def test_what_config_maps_say(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on(f"{MAPS}coredns", {"data": {"Corefile": ".:53 {}"}})
    kube_stub.on(f"{MAPS}kube-proxy-config", {"data": {"config": "kind: KubeProxyConfiguration\nmode: ipvs\n"}})
    roles = f"""
- rolearn: arn:aws:iam::1:role/node
  username: system:node:{{{{EC2PrivateDNSName}}}}
- rolearn: arn:aws:iam::1:role/ops
  username: {{{{SessionName}}}}
- username: "{{{{SessionName}}}}"
- username: {{{"x" * 300}}}
"""
    kube_stub.on(f"{MAPS}aws-auth", {"data": {"mapRoles": roles, "mapUsers": "- username:   {{A}}"}})
    found = kube.core_config()
    assert (found.corefile, found.kube_proxy_mode) == (".:53 {}", "ipvs")
    assert found.aws_auth_unquoted is not None
    first, long, user = found.aws_auth_unquoted
    assert (first, user) == ("username: {{SessionName}}", "- username:   {{A}}")
    assert len(long) == 200


def test_config_maps_that_are_not_there_or_empty(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    assert kube.core_config() == CoreConfig()
    for name in ("coredns", "kube-proxy-config", "aws-auth"):
        kube_stub.on(f"{MAPS}{name}", {"data": None})
    assert kube.core_config() == CoreConfig(corefile=None, kube_proxy_mode="", aws_auth_unquoted=())


@pytest.mark.parametrize("text", ["[unclosed", "- a list"])
def test_a_configuration_of_kube_proxy_that_is_none(kube: HttpKubeGateway, kube_stub: KubeStub, text: str) -> None:
    kube_stub.on(f"{MAPS}kube-proxy-config", {"data": {"config": text}})
    with pytest.raises(PermanentError, match="kube-proxy-config"):
        kube.core_config()


# -- kubelets -------------------------------------------------------------------------------------------------------


def kubelet(kube_stub: KubeStub, node: str, metrics: Any, configz: Any) -> None:
    kube_stub.on(f"/api/v1/nodes/{node}/proxy/metrics", metrics)
    kube_stub.on(f"/api/v1/nodes/{node}/proxy/configz", configz)


METRICS = "# TYPE kubelet_cgroup_version gauge\nkubelet_cgroup_version {}\nkubelet_cgroup_version_other 9\n"


def test_kubelets_answer_each_for_itself(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    config = {"kubeletconfig": {"failCgroupV1": False, "cgroupDriver": "systemd"}}
    kubelet(kube_stub, "new", METRICS.format(2), config)
    kubelet(kube_stub, "old", METRICS.format(1), {"kubeletconfig": {}})
    kubelet(kube_stub, "older", "process_start_time_seconds 1\n", {"kubeletconfig": {"failCgroupV1": True}})
    kubelet(kube_stub, "dead", status(503, "ServiceUnavailable", "dial tcp 10.0.0.1:10250: i/o timeout"), "<html>")
    kubelet(kube_stub, "refusing", status(403, "Forbidden"), status(403, "Forbidden"))
    assert kube.kubelets(["new", "old", "older", "dead", "refusing", "gone"]) == (
        KubeletRow(node="new", cgroup_version=2, fail_cgroup_v1=False),
        KubeletRow(node="old", cgroup_version=1),
        KubeletRow(node="older", fail_cgroup_v1=True),
        KubeletRow(node="dead"),
        KubeletRow(node="refusing"),
        KubeletRow(node="gone"),
    )
    assert len(kube_stub.calls("/api/v1/nodes/dead/proxy/metrics")) == 1, "a dead kubelet is not waited for"


def test_when_no_kubelet_may_be_asked_the_access_is_named(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    for node in ("a", "b"):
        kubelet(kube_stub, node, status(403, "Forbidden"), status(403, "Forbidden"))
    with pytest.raises(NotPermitted) as caught:
        kube.kubelets(["a", "b"])
    assert caught.value.permission == "get nodes/proxy"
    assert kube.kubelets([]) == ()


# -- every access ---------------------------------------------------------------------------------------------------

DENIED: list[tuple[str, str, Callable[[HttpKubeGateway], Any]]] = [
    ("/api/v1/services", "list services", HttpKubeGateway.services),
    (VALIDATING, "list validatingwebhookconfigurations.admissionregistration.k8s.io", HttpKubeGateway.webhooks),
    (MUTATING, "list mutatingwebhookconfigurations.admissionregistration.k8s.io", HttpKubeGateway.webhooks),
    (API_SERVICES, "list apiservices.apiregistration.k8s.io", HttpKubeGateway.api_services),
    (CRDS, "list customresourcedefinitions.apiextensions.k8s.io", HttpKubeGateway.crds),
    (
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        "list certificatesigningrequests.certificates.k8s.io",
        HttpKubeGateway.csrs,
    ),
    ("/api/v1/persistentvolumes", "list persistentvolumes", HttpKubeGateway.persistent_volumes),
    ("/api/v1/persistentvolumeclaims", "list persistentvolumeclaims", HttpKubeGateway.claims),
    ("/apis/storage.k8s.io/v1/storageclasses", "list storageclasses.storage.k8s.io", HttpKubeGateway.storage_classes),
    (CLUSTER_BINDINGS, "list clusterrolebindings.rbac.authorization.k8s.io", HttpKubeGateway.anonymous_bindings),
    (BINDINGS, "list rolebindings.rbac.authorization.k8s.io", HttpKubeGateway.anonymous_bindings),
    (
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/eks:node-manager",
        "get clusterroles.rbac.authorization.k8s.io eks:node-manager",
        HttpKubeGateway.missing_eks_rbac,
    ),
    (
        f"{CLUSTER_BINDINGS}/eks:node-manager",
        "get clusterrolebindings.rbac.authorization.k8s.io eks:node-manager",
        HttpKubeGateway.missing_eks_rbac,
    ),
    (
        f"{CLUSTER_BINDINGS}/eks:addon-cluster-admin",
        "get clusterrolebindings.rbac.authorization.k8s.io eks:addon-cluster-admin",
        HttpKubeGateway.missing_eks_rbac,
    ),
    (
        "/apis/networking.k8s.io/v1/networkpolicies",
        "list networkpolicies.networking.k8s.io",
        HttpKubeGateway.network_policies,
    ),
    ("/api/v1/serviceaccounts", "list serviceaccounts", HttpKubeGateway.service_accounts),
    ("/api/v1/secrets", "list secrets", HttpKubeGateway.token_secrets),
    (f"{MAPS}coredns", "get configmaps kube-system/coredns", HttpKubeGateway.core_config),
    (f"{MAPS}kube-proxy-config", "get configmaps kube-system/kube-proxy-config", HttpKubeGateway.core_config),
    (f"{MAPS}aws-auth", "get configmaps kube-system/aws-auth", HttpKubeGateway.core_config),
]


@pytest.mark.parametrize(("path", "access", "read"), DENIED)
def test_a_denied_access_is_named(
    kube: HttpKubeGateway, kube_stub: KubeStub, path: str, access: str, read: Callable[[HttpKubeGateway], Any]
) -> None:
    for other, _, _ in DENIED:
        kube_stub.on_list(other)
    read(kube)
    kube_stub.on(path, status(403, "Forbidden", "no"))
    with pytest.raises(NotPermitted) as caught:
        read(kube)
    assert caught.value.permission == access
    assert access in read.permissions  # type: ignore[attr-defined]


def test_every_declared_access_was_denied_once() -> None:
    """Beside those of what may not be installed, of endpoints and of kubelets, which have tests of their own."""
    own = {
        access
        for method in vars(KubeReadinessReads).values()
        if getattr(method, "optional", False)
        for access in method.permissions
    }
    others = {f"list {p.rsplit('/', 1)[1]}.{p.split('/')[2]}" for p in NOT_INSTALLED} | {"get nodes/proxy", ENDPOINTS}
    assert own == {access for _, access, _ in DENIED} | others
