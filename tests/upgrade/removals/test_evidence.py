"""What traces mean together: certain, likely or stale; and who is a person, a controller or the system."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from upgrade.api_usage import ApiRequest, ApiWrite
from upgrade.removals.evidence import Confidence, by_system, is_applier, is_system, objects_of
from upgrade.removals.looked_for import LISTS

AT = datetime(2024, 5, 1, tzinfo=UTC)


def write(source: Any = "managed-fields", manager: str = "kubectl", **more: Any) -> ApiWrite:
    return ApiWrite("policy/v1beta1", "PodDisruptionBudget", "shop", "web", source, manager, **more)


@pytest.mark.parametrize(
    ("writes", "confidence"),
    [
        ([write(at=AT)], Confidence.CERTAIN),
        ([write("last-applied")], Confidence.LIKELY),
        ([write("last-applied", at=AT)], Confidence.CERTAIN),
        ([write("last-applied", current="policy/v1")], Confidence.STALE),
        ([write(at=AT, current="policy/v1"), write("last-applied", current="policy/v1")], Confidence.STALE),
        ([write("last-applied", current="policy/v1"), write("helm", "shop/web")], Confidence.CERTAIN),
        ([write("served-only", "")], Confidence.CERTAIN),
    ],
)
def test_the_best_trace_of_an_object_counts(writes: list[ApiWrite], confidence: Confidence) -> None:
    (written,) = objects_of(writes)
    assert written.confidence is confidence


@pytest.mark.parametrize(
    ("one", "goes_on"),
    [
        (write(manager="kubectl-client-side-apply", at=AT), False),
        (write(manager="helm", at=AT), False),
        (write(manager="Terraform", at=AT), False),
        (write(manager="argocd-controller", at=AT), True),
        (write(manager="helm-controller", at=AT), True),
        (write(manager="pdb-operator", at=AT), True),
        (write(manager="pdb-operator", at=AT, current="policy/v1"), False),
        (write("argocd", "argocd/shop"), True),
        (write("helm", "shop/web"), False),
        (write("last-applied"), False),
    ],
)
def test_controllers_write_again_and_people_do_not(one: ApiWrite, goes_on: bool) -> None:
    (written,) = objects_of([one])
    assert written.goes_on is goes_on


def test_objects_are_told_apart_by_version_too_and_traces_are_told_together() -> None:
    other = ApiWrite(
        "policy/v1beta2", "PodDisruptionBudget", "shop", "web", "managed-fields", "x", labels={"team": "a"}
    )
    written = objects_of([other, write("last-applied"), write(at=AT), write(at=AT)])
    assert [(one.group_version, len(one.writes)) for one in written] == [("policy/v1beta1", 3), ("policy/v1beta2", 1)]
    assert written[0].subject == "shop/PodDisruptionBudget/web"
    assert written[0].traces == "last-applied by kubectl; managed-fields by kubectl, 2024-05-01"
    assert written[1].labels == {"team": "a"}


@pytest.mark.parametrize(
    "manager", ["eks", "eks-internal", "kube-controller-manager", "api-priority-and-fairness-config-x"]
)
def test_parts_of_the_system_are_known(manager: str) -> None:
    assert is_system(manager)
    assert not is_applier(manager)


@pytest.mark.parametrize("manager", ["eksctl", "my-eks", "kubelet-operator", "kube-controller-manager-x"])
def test_names_that_only_begin_so_are_others(manager: str) -> None:
    assert not is_system(manager)


@pytest.mark.parametrize(
    ("user", "agent", "system"),
    [
        ("system:kube-controller-manager", "kube-controller-manager/v1.24", True),
        ("system:serviceaccount:kube-system:generic-garbage-collector", "", True),
        ("eks:addon-manager", "", True),
        ("arn:aws:sts::1:assumed-role/bot", "eks-upgrade-bot", True),
        ("system:serviceaccount:kube-system:aws-load-balancer-controller", "controller/v2.4", False),
        ("system:serviceaccount:shop:web", "", False),
        ("system:anonymous", "curl", False),
        ("ann", "kubectl/v1.24", False),
    ],
)
def test_callers_are_of_the_system_or_not(user: str, agent: str, system: bool) -> None:
    assert by_system(ApiRequest("policy", "v1beta1", "pdbs", username=user, user_agent=agent)) is system


def test_the_lists_are_of_what_eks_serves() -> None:
    assert {
        "list poddisruptionbudgets.policy",
        "list ingresses.networking.k8s.io",
        "list applications.argoproj.io",
    } <= set(LISTS)
    assert "list volumeattributesclasses.storage.k8s.io" in LISTS
    for never in ("secrets", "tokenreviews", "endpointslices", "replicasets", "clustertrustbundles", "events"):
        assert not [one for one in LISTS if one.startswith(f"list {never}.")]
