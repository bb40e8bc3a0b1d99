"""Which API versions are in use, from recorded answers: discovery, metadata, Argo CD and Flux, Helm, the metric."""

from __future__ import annotations

import base64
import gzip
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.upgrade.gateways.kube_stub import Asked, KubeStub, Make, status
from upgrade.api_usage import ApiWrite, ServedApi
from upgrade.errors import NotPermitted, TemporaryError
from upgrade.gateways.kube import helm
from upgrade.gateways.kube.api_usage import looks_for
from upgrade.gateways.kube.discovery import Discovered
from upgrade.gateways.kube.gateway import HttpKubeGateway
from upgrade.removals.rules import builtin_rules
from upgrade.versions import KubernetesVersion

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
BUDGETS = "/apis/policy/v1/poddisruptionbudgets"
OLD, NEW = "2024-05-01T10:00:00Z", "2025-06-01T10:00:00Z"
OLD_AT = datetime(2024, 5, 1, 10, tzinfo=UTC)


def resource(
    kind: str, plural: str, group: str, version: str, *verbs: str, scope: str = "Namespaced"
) -> dict[str, Any]:
    return {
        "resource": plural,
        "responseKind": {"group": group, "version": version, "kind": kind},
        "scope": scope,
        "singularResource": "",
        "verbs": list(verbs or ("get", "list")),
    }


def serve(stub: KubeStub, minor: int, **groups: dict[str, list[tuple[str, str]]]) -> None:
    """Aggregated discovery; ``policy={"v1": [("PodDisruptionBudget", "poddisruptionbudgets")]}``, ``_`` for a dot."""
    items = [
        {
            "metadata": {"name": group.replace("_", ".")},
            "versions": [
                {
                    "version": version,
                    "freshness": "Current",
                    "resources": [resource(kind, plural, group.replace("_", "."), version) for kind, plural in kinds],
                }
                for version, kinds in versions.items()
            ],
        }
        for group, versions in groups.items()
    ]
    stub.on("/apis", {"kind": "APIGroupDiscoveryList", "items": items})
    stub.on("/api", {"kind": "APIGroupDiscoveryList", "items": []})
    stub.on("/version", {"gitVersion": f"v1.{minor}.3-eks-1"})


BOTH = {
    "v1": [("PodDisruptionBudget", "poddisruptionbudgets")],
    "v1beta1": [("PodDisruptionBudget", "poddisruptionbudgets")],
}


def managed(manager: str, version: str, at: str, **more: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "apiVersion": version, "time": at, **more}


def budget(name: str = "web", *fields: dict[str, Any], labels: Any = None, annotations: Any = None) -> Any:
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "labels": labels or {},
            "annotations": annotations or {},
            "managedFields": list(fields),
        }
    }


def manifest(version: str = "policy/v1beta1", kind: str = "PodDisruptionBudget") -> str:
    return json.dumps(
        {"apiVersion": version, "kind": kind, "metadata": {"name": "web"}, "spec": {"password": "hunter2"}}
    )


def writes(make: Make, stub: KubeStub, *items: Any) -> tuple[ApiWrite, ...]:
    serve(stub, 24, policy=BOTH)
    stub.on_list(BUDGETS, *items)
    found = make().api_writes()
    assert found.unseen == ()
    return found.items


# -- discovery ------------------------------------------------------------------------------------------------------


def test_one_request_a_root_tells_what_is_served(kube_stub: KubeStub, make: Make) -> None:
    serve(kube_stub, 34, policy=BOTH)
    core = [{"metadata": {}, "versions": [{"version": "v1", "resources": [resource("Pod", "pods", "", "v1")]}]}]
    kube_stub.on("/api", {"kind": "APIGroupDiscoveryList", "items": core})
    assert make().served_apis() == (
        ServedApi("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"),
        ServedApi("policy", "v1beta1", "PodDisruptionBudget", "poddisruptionbudgets"),
        ServedApi("", "v1", "Pod", "pods"),
    )
    assert [one.path for one in kube_stub.asked] == ["/apis", "/api"]
    assert all("as=APIGroupDiscoveryList" in one.accept for one in kube_stub.asked)


def test_an_api_server_without_the_one_document_is_asked_group_by_group(kube_stub: KubeStub, make: Make) -> None:
    kube_stub.on("/apis", {"kind": "APIGroupList", "groups": [{"versions": [{"groupVersion": "policy/v1beta1"}]}]})
    kube_stub.on("/api", {"kind": "APIVersions", "versions": ["v1"]})
    kube_stub.on(
        "/apis/policy/v1beta1",
        {
            "resources": [
                {"name": "podsecuritypolicies", "kind": "PodSecurityPolicy", "namespaced": False, "verbs": ["list"]},
                {
                    "name": "poddisruptionbudgets/status",
                    "kind": "PodDisruptionBudget",
                    "namespaced": True,
                    "verbs": ["get"],
                },
            ]
        },
    )
    assert make().served_apis() == (
        ServedApi("policy", "v1beta1", "PodSecurityPolicy", "podsecuritypolicies", namespaced=False),
    )


# -- where is looked ------------------------------------------------------------------------------------------------


def listable(group: str, version: str, kind: str, *, asked: bool = False) -> Discovered:
    return Discovered(ServedApi(group, version, kind, f"{kind.lower()}s"), not asked)


@pytest.mark.parametrize(
    ("served", "minor", "looks"),
    [
        # The newest version, not the one that ends.
        ([("policy", "v1beta1", "PodDisruptionBudget"), ("policy", "v1", "PodDisruptionBudget")], 24, [("v1", False)]),
        # Gone here already: nothing to lose.
        ([("policy", "v1", "PodDisruptionBudget")], 30, []),
        # The kind has moved to another group.
        ([("extensions", "v1beta1", "Ingress"), ("networking.k8s.io", "v1", "Ingress")], 21, [("v1", False)]),
        # Nothing else is served: that it is there is the finding.
        ([("policy", "v1beta1", "PodSecurityPolicy")], 24, [("v1beta1", True)]),
        # Not deprecated yet: an ordinary list.
        ([("storage.k8s.io", "v1beta1", "VolumeAttributesClass")], 33, [("v1beta1", False)]),
        # v1 is newer than v1beta2 is newer than v1beta1.
        (
            [("resource.k8s.io", version, "ResourceClaim") for version in ("v1beta2", "v1", "v1beta1")],
            36,
            [("v1", False)],
        ),
        # Copies that controllers make.
        ([("discovery.k8s.io", "v1beta1", "EndpointSlice"), ("discovery.k8s.io", "v1", "EndpointSlice")], 24, []),
        # Deprecated, never removed.
        ([("", "v1", "Endpoints")], 34, []),
    ],
)  # fmt: skip
def test_what_ends_is_looked_for_where_it_lasts(
    served: list[tuple[str, str, str]], minor: int, looks: list[tuple[str, bool]]
) -> None:
    found = looks_for([listable(*one) for one in served], KubernetesVersion(1, minor), builtin_rules())
    assert [(look.at.version, look.only_there) for look in found] == looks


def test_what_is_only_asked_is_not_listed() -> None:
    reviews = [listable("authentication.k8s.io", version, "TokenReview", asked=True) for version in ("v1beta1", "v1")]
    assert looks_for(reviews, KubernetesVersion(1, 21), builtin_rules()) == ()


def test_lists_are_of_metadata_alone_and_read_page_by_page(kube_stub: KubeStub, make: Make) -> None:
    serve(kube_stub, 24, policy=BOTH)
    old = managed("ingress-operator", "policy/v1beta1", OLD)
    kube_stub.on(
        BUDGETS,
        {"items": [budget("a", old)], "metadata": {"continue": "more"}},
        {"items": [budget("b", old)], "metadata": {}},
    )
    assert [one.name for one in make().api_writes().items] == ["a", "b"]
    calls = kube_stub.calls(BUDGETS)
    assert ["continue" in one.query for one in calls] == [False, True]
    assert all("as=PartialObjectMetadataList" in one.accept and one.query["limit"] == ["500"] for one in calls)
    assert not kube_stub.calls(BUDGETS.replace("v1", "v1beta1"))


def test_what_is_served_nowhere_else_is_asked_for_once(kube_stub: KubeStub, make: Make) -> None:
    serve(kube_stub, 24, policy={"v1beta1": [("PodSecurityPolicy", "podsecuritypolicies")]})
    path = "/apis/policy/v1beta1/podsecuritypolicies"
    own = {"metadata": {"name": "eks.privileged", "labels": {"eks.amazonaws.com/component": "pod-security-policy"}}}
    kube_stub.on(path, {"items": [own, {"metadata": {"name": "mine"}}], "metadata": {"continue": "more"}})
    found = make().api_writes()
    assert [(one.name, one.source) for one in found.items] == [("mine", "served-only")]
    assert [one.what for one in found.unseen] == ["podsecuritypolicies.policy"]
    assert len(kube_stub.calls(path)) == 1


@pytest.mark.parametrize(
    ("answer", "permission"),
    [
        (status(403, "Forbidden", "no"), "list poddisruptionbudgets.policy"),
        (status(500, "InternalError", "no"), None),
    ],
)
def test_a_kind_that_cannot_be_listed_is_told_and_the_others_are_read(
    kube_stub: KubeStub, make: Make, answer: Any, permission: str | None
) -> None:
    serve(kube_stub, 24, policy=BOTH, batch={version: [("CronJob", "cronjobs")] for version in ("v1", "v1beta1")})
    kube_stub.on(BUDGETS, answer)
    kube_stub.on_list("/apis/batch/v1/cronjobs", budget("night", managed("kubectl", "batch/v1beta1", OLD)))
    found = make().api_writes()
    assert [one.name for one in found.items] == ["night"]
    assert [(one.what, one.permission) for one in found.unseen] == [("poddisruptionbudgets.policy", permission)]


# -- what metadata tells --------------------------------------------------------------------------------------------


def test_managed_fields_tell_who_wrote_with_what_and_when(kube_stub: KubeStub, make: Make) -> None:
    labels = {"team": "shop", "app.kubernetes.io/name": "web", "pod-template-hash": "x"}
    item = budget("web", managed("pdb-operator", "policy/v1beta1", OLD), labels=labels)
    assert writes(make, kube_stub, item) == (
        ApiWrite(
            group_version="policy/v1beta1",
            kind="PodDisruptionBudget",
            namespace="shop",
            name="web",
            source="managed-fields",
            manager="pdb-operator",
            at=OLD_AT,
            labels={"team": "shop", "app.kubernetes.io/name": "web"},
        ),
    )


@pytest.mark.parametrize(
    "field",
    [
        managed("kube-controller-manager", "policy/v1beta1", OLD),
        managed("eks", "policy/v1beta1", OLD),
        managed("api-priority-and-fairness-config-producer-v1", "policy/v1beta1", OLD),
        managed("pdb-operator", "policy/v1beta1", OLD, subresource="status"),
        managed("pdb-operator", "policy/v1", OLD),
        {"manager": "pdb-operator"},
    ],
)
def test_what_the_system_or_a_status_writes_is_no_evidence(kube_stub: KubeStub, make: Make, field: Any) -> None:
    assert writes(make, kube_stub, budget("web", field)) == ()


def _rancher(text: str) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode().rstrip("=")


@pytest.mark.parametrize(
    ("annotation", "text", "source"),
    [
        (LAST_APPLIED, manifest(), "last-applied"),
        ("kapp.k14s.io/original", manifest(), "kapp"),
        ("objectset.rio.cattle.io/applied", _rancher(manifest()), "rancher"),
        ("objectset.rio.cattle.io/applied", manifest(), "rancher"),
    ],
)
def test_annotations_of_those_who_apply_are_read(
    kube_stub: KubeStub, make: Make, annotation: str, text: str, source: str
) -> None:
    (one,) = writes(make, kube_stub, budget("web", annotations={annotation: text}))
    assert (one.source, one.group_version, one.at, one.current) == (source, "policy/v1beta1", None, "")
    assert "hunter2" not in repr(one)


@pytest.mark.parametrize(
    "text",
    [
        manifest("policy/v1"),
        manifest(kind="Deployment"),
        "{not json",
        "!!!",
        "[]",
        _rancher(manifest())[:40],
        _rancher(" " * (5 * 1024 * 1024)),
    ],
)
def test_annotations_that_say_something_else_or_nothing_are_no_evidence(
    kube_stub: KubeStub, make: Make, text: str
) -> None:
    names = (LAST_APPLIED, "objectset.rio.cattle.io/applied")
    assert writes(make, kube_stub, budget("web", annotations=dict.fromkeys(names, text))) == ()


@pytest.mark.parametrize(
    ("fields", "at", "current"),
    [
        ([], None, ""),
        ([managed("kubectl-client-side-apply", "policy/v1beta1", OLD)], OLD_AT, ""),
        ([managed("argocd-controller", "policy/v1", NEW)], None, "policy/v1"),
        (
            [
                managed("kubectl-client-side-apply", "policy/v1beta1", OLD),
                managed("argocd-controller", "policy/v1", NEW),
            ],
            OLD_AT,
            "policy/v1",
        ),
        (
            [
                managed("argocd-controller", "policy/v1", OLD),
                managed("kubectl-client-side-apply", "policy/v1beta1", NEW),
            ],
            datetime(2025, 6, 1, 10, tzinfo=UTC),
            "",
        ),
        # A controller that touches the object is no new version of the manifest.
        ([managed("some-operator", "policy/v1", NEW)], None, ""),
    ],
)
def test_an_annotation_is_weighed_against_who_applied_since(
    kube_stub: KubeStub, make: Make, fields: list[Any], at: datetime | None, current: str
) -> None:
    found = writes(make, kube_stub, budget("web", *fields, annotations={LAST_APPLIED: manifest()}))
    (one,) = [write for write in found if write.source == "last-applied"]
    assert (one.at, one.current) == (at, current)


# -- Argo CD and Flux -----------------------------------------------------------------------------------------------


def test_what_argo_cd_and_flux_apply_is_read(kube_stub: KubeStub, make: Make) -> None:
    serve(
        kube_stub,
        24,
        argoproj_io={"v1alpha1": [("Application", "applications")]},
        kustomize_toolkit_fluxcd_io={
            "v1": [("Kustomization", "kustomizations")],
            "v1beta2": [("Kustomization", "kustomizations")],
        },
        helm_toolkit_fluxcd_io={"v2": [("HelmRelease", "helmreleases")]},
    )
    listed = [
        {"group": "policy", "version": "v1beta1", "kind": "PodDisruptionBudget", "namespace": "shop", "name": "web"},
        {"group": "policy", "version": "v1", "kind": "PodDisruptionBudget", "namespace": "shop", "name": "new"},
        {"version": "v1", "kind": "Service", "namespace": "shop", "name": "web"},
    ]
    where = {"name": "shop", "namespace": "argocd", "labels": {"team": "shop"}}
    kube_stub.on_list(
        "/apis/argoproj.io/v1alpha1/applications",
        {"metadata": where, "status": {"resources": listed, "reconciledAt": OLD}},
    )
    kube_stub.on_list(
        "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations",
        {
            "metadata": {"name": "apps", "namespace": "flux"},
            "status": {"inventory": {"entries": [{"id": "shop_night_batch_CronJob", "v": "v1beta1"}, {"id": "odd"}]}},
        },
    )
    inline = {"values": {"extraObjects": [json.loads(manifest())], "note": f"a\n{manifest()}"}}
    kube_stub.on_list(
        "/apis/helm.toolkit.fluxcd.io/v2/helmreleases",
        {"metadata": {"name": "web", "namespace": "flux"}, "spec": inline},
    )
    found = make().api_writes()
    assert found.unseen == ()
    assert [(one.source, one.manager, one.group_version, one.name) for one in found.items] == [
        ("argocd", "argocd/shop", "policy/v1beta1", "web"),
        ("flux", "flux/apps", "batch/v1beta1", "night"),
        ("flux", "flux/web", "policy/v1beta1", "web"),
    ]
    assert (found.items[0].at, found.items[0].labels) == (OLD_AT, {"team": "shop"})
    assert "hunter2" not in repr(found)


# -- Helm -----------------------------------------------------------------------------------------------------------


def release(text: str, *hooks: str) -> bytes:
    told = {
        "name": "web",
        "info": {"status": "deployed", "last_deployed": "2024-05-01T10:00:00.123456789Z"},
        "config": {"password": "hunter2"},
        "manifest": text,
        "hooks": [{"name": "hook", "manifest": hook} for hook in hooks],
    }
    return base64.b64encode(gzip.compress(json.dumps(told).encode()))


@pytest.fixture
def helm_stub(kube_stub: KubeStub) -> Callable[..., None]:
    """Puts releases into Secrets: (name, revision, what Helm stores)."""

    def put(*revisions: tuple[str, int, bytes], resource: str = "secrets") -> None:
        listed = []
        for name, number, stored in revisions:
            object_name = f"sh.helm.release.v1.{name}.v{number}"
            labels = {"owner": "helm", "status": "deployed", "name": name, "version": str(number)}
            listed.append({"metadata": {"name": object_name, "namespace": "shop", "labels": labels}})
            data = base64.b64encode(stored).decode() if resource == "secrets" else stored.decode()
            kube_stub.on(f"/api/v1/namespaces/shop/{resource}/{object_name}", {"data": {"release": data}})
        kube_stub.on_list(f"/api/v1/{resource}", *listed)

    put()
    put(resource="configmaps")
    return put


def test_the_newest_deployed_revision_is_read_with_its_hooks(
    kube_stub: KubeStub, make: Make, helm_stub: Callable[..., None]
) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [json.loads(manifest())]})
    hook = manifest("batch/v1beta1", "CronJob")
    helm_stub(
        # As the API server sorts them: by name.
        ("web", 10, release(f"---\n{text}", hook)),
        ("web", 9, release(manifest("extensions/v1beta1", "Ingress"))),
    )
    found = make().helm_writes()
    assert found.unseen == ()
    assert [(one.group_version, one.namespace, one.source, one.manager) for one in found.items] == [
        ("policy/v1beta1", "shop", "helm", "shop/web"),
        ("batch/v1beta1", "shop", "helm", "shop/web"),
    ]
    assert found.items[0].at == OLD_AT.replace(microsecond=123456)
    assert "hunter2" not in repr(found)
    (listing,) = kube_stub.calls("/api/v1/secrets")
    assert listing.query["labelSelector"] == ["owner=helm,status=deployed"]
    assert "PartialObjectMetadataList" in listing.accept
    assert not kube_stub.calls("/api/v1/namespaces/shop/secrets/sh.helm.release.v1.web.v9")


def test_releases_in_config_maps_are_read_as_well(make: Make, helm_stub: Callable[..., None]) -> None:
    helm_stub(("web", 1, release(manifest())), resource="configmaps")
    assert [one.name for one in make().helm_writes().items] == ["web"]


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        (base64.b64encode(gzip.compress(b"x" * 2000, mtime=0)), "larger than"),
        (base64.b64encode(b"\x1f\x8bno gzip"), "not stored as Helm"),
        (b"%", "not stored as Helm"),
        (base64.b64encode(gzip.compress(b"[]", mtime=0)), "not stored as Helm"),
        (release("apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: ["), "could not be read"),
    ],
)
def test_a_release_that_cannot_be_read_is_told(
    make: Make, helm_stub: Callable[..., None], monkeypatch: pytest.MonkeyPatch, stored: bytes, why: str
) -> None:
    monkeypatch.setattr(helm, "LARGEST_RELEASE", 1999)
    helm_stub(("odd", 1, stored), ("web", 1, release(manifest())))
    found = make().helm_writes()
    assert "web" in [one.name for one in found.items]
    assert [(one.what, why in one.reason) for one in found.unseen] == [("Helm release shop/odd", True)]


def test_secrets_that_may_not_be_listed_are_a_missing_permission(kube_stub: KubeStub, make: Make) -> None:
    kube_stub.on("/api/v1/secrets", status(403, "Forbidden"))
    with pytest.raises(NotPermitted) as refused:
        make().helm_writes()
    assert refused.value.permission == "list secrets"


def test_config_maps_that_may_not_be_listed_are_told(
    kube_stub: KubeStub, make: Make, helm_stub: Callable[..., None]
) -> None:
    kube_stub.on("/api/v1/configmaps", status(403, "Forbidden"))
    assert [one.permission for one in make().helm_writes().unseen] == ["list configmaps"]


# -- the metric -----------------------------------------------------------------------------------------------------

METRICS = """\
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="policy",removed_release="1.25",resource="poddisruptionbudgets",\
subresource="",version="v1beta1"} 1
apiserver_requested_deprecated_apis{group="batch",removed_release="1.25",resource="cronjobs",subresource="",\
version="v1beta1"} 0
apiserver_request_total{group="policy"} 1
"""


def requests(kube: HttpKubeGateway) -> list[tuple[str, str, str, str]]:
    return [(one.group, one.version, one.resource, one.removed_release) for one in kube.api_requests()]


def test_the_metric_is_read_several_times_and_united(kube_stub: KubeStub, make: Make) -> None:
    other = METRICS.replace("poddisruptionbudgets", "podsecuritypolicies")
    kube_stub.on("/metrics", METRICS, other, status(500, "InternalError"), METRICS)
    assert requests(make()) == [
        ("policy", "v1beta1", "poddisruptionbudgets", "1.25"),
        ("policy", "v1beta1", "podsecuritypolicies", "1.25"),
    ]
    assert len(kube_stub.calls("/metrics")) >= 3


def test_the_scrapes_have_connections_of_their_own(kube_stub: KubeStub, make: Make) -> None:
    """All are under way before the first is answered, so none can have taken another's connection."""

    together = threading.Barrier(3, timeout=30)

    def answer(asked: Asked) -> str:
        together.wait()
        return METRICS

    kube_stub.on("/metrics", answer)
    make().api_requests()
    assert len({one.peer for one in kube_stub.calls("/metrics")}) == 3


@pytest.mark.parametrize(
    ("answer", "error"), [(status(403, "Forbidden"), NotPermitted), (status(500, "x"), TemporaryError)]
)
def test_metrics_that_cannot_be_read_are_no_empty_metrics(
    kube_stub: KubeStub, make: Make, answer: Any, error: type[Exception]
) -> None:
    kube_stub.on("/metrics", answer)
    with pytest.raises(error):
        make().api_requests()


def test_an_empty_metric_is_known_to_be_empty(kube_stub: KubeStub, make: Make) -> None:
    kube_stub.on("/metrics", "# nothing\n")
    assert make().api_requests() == ()
