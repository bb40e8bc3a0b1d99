"""What the API server itself calls: admission webhooks, aggregated APIs and CRD conversion."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.disruption import matches
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.objects import WebhookRow
from upgrade.owner import owner_evidence
from upgrade.removals.naming import ResourceRule, gone, remedy
from upgrade.removals.rules import builtin_rules
from upgrade.versions import KubernetesVersion

_ENDPOINTS: Final = "list endpointslices.discovery.k8s.io"
_WEBHOOKS: Final = (
    "list validatingwebhookconfigurations.admissionregistration.k8s.io",
    "list mutatingwebhookconfigurations.admissionregistration.k8s.io",
)
_SKEW_POLICY: Final = "Kubernetes: Version Skew Policy"
_GUIDE: Final = "https://kubernetes.io/docs/reference/using-api/deprecation-guide/"
_KUBE_SYSTEM: Final = "kube-system"
_ALL: Final = frozenset({"*", "*/*"})


@check(
    "WHK001",
    "Every admission webhook that must answer can answer",
    rules=("A-67",),
    source=_SKEW_POLICY,
    permissions=(*_WEBHOOKS, _ENDPOINTS),
    waivable=True,
)
def webhooks_can_answer(hop: Hop) -> Iterator[Problem]:
    """A webhook with failurePolicy Fail and nobody behind it refuses all that it is asked about: pods and nodes too."""
    required = [one for one in need(hop.now.webhooks) if one.failure_policy == "Fail"]
    if not required:
        raise NotApplicable
    ready = _ready_endpoints(hop)
    dead: dict[str, list[WebhookRow]] = defaultdict(list)
    for one in required:
        if one.service and not ready.get(one.service):
            dead[_subject(one)].append(one)
    for subject, rows in sorted(dead.items()):
        stops_nodes = any(_is_about(one, "pods") or _is_about(one, "nodes") for one in rows)
        yield Problem(
            subject=subject,
            summary=f"{subject} must be asked about {_resources(rows)}, and nobody answers: its Service has no ready "
            "endpoint.",
            remedy="Get its pods ready, or remove the configuration if its program is gone.",
            evidence=_evidence(rows) | {"services": ", ".join(sorted({one.service for one in rows}))},
            severity=Severity.BLOCKS if stops_nodes else Severity.WARNS,
        )


@check(
    "WHK002",
    "No required admission webhook for pods holds up kube-system or overlooks a version",
    rules=("A-67",),
    source=_SKEW_POLICY,
    permissions=(*_WEBHOOKS, "list namespaces"),
    severity=Severity.WARNS,
)
def webhooks_spare_the_system(hop: Hop) -> Iterator[Problem]:
    labels = _labels_of_kube_system(hop)
    watching: dict[str, list[WebhookRow]] = defaultdict(list)
    exact: dict[str, list[WebhookRow]] = defaultdict(list)
    for one in need(hop.now.webhooks):
        if one.failure_policy != "Fail" or not (_is_about(one, "pods") or _is_about(one, "nodes")):
            continue
        # An apiserver serves nodes outside every namespace: only for pods does the selector matter.
        if _is_about(one, "pods") and matches(labels, one.match_labels, one.match_expressions):
            watching[_subject(one)].append(one)
        if one.match_policy == "Exact":
            exact[_subject(one)].append(one)
    for subject, rows in sorted(watching.items()):
        yield Problem(
            subject=subject,
            summary=f"{subject} must be asked about pods of kube-system too: while its own pods move, add-ons cannot "
            "start theirs.",
            remedy="Exempt kube-system by its namespaceSelector, and run two or more replicas behind a budget.",
            evidence=_evidence(rows),
        )
    for subject, rows in sorted(exact.items()):
        yield Problem(
            subject=subject,
            summary=f"{subject} has matchPolicy Exact, so it is not asked when the new API server gets another "
            "version of the same object.",
            remedy="Set matchPolicy to Equivalent.",
            evidence=_evidence(rows),
        )


@check(
    "WHK003",
    "Every aggregated API is available",
    rules=("A-68",),
    source="Kubernetes: Kubernetes API Aggregation Layer",
    permissions=("list apiservices.apiregistration.k8s.io",),
    waivable=True,
)
def aggregated_apis_are_available(hop: Hop) -> Iterator[Problem]:
    for one in need(hop.now.api_services):
        if not one.available:
            yield Problem(
                subject=f"APIService/{one.name}",
                summary=f"The API {one.name} is not available, so lists of all APIs and deletions of namespaces hang.",
                remedy=f"Get {one.service or 'what serves it'} ready, or delete the APIService if its program is gone.",
                evidence={"reason": one.reason} if one.reason else {},
            )


@check(
    "WHK004",
    "Custom resources can be converted, and are stored in a version that is served",
    rules=("A-68",),
    source="Kubernetes: Versions in CustomResourceDefinitions",
    permissions=("list customresourcedefinitions.apiextensions.k8s.io", _ENDPOINTS),
    waivable=True,
)
def custom_resources_are_readable(hop: Hop) -> Iterator[Problem]:
    crds = need(hop.now.crds)
    for one in crds:
        unserved = sorted(set(one.stored) - set(one.served))
        if unserved:
            yield Problem(
                subject=f"CustomResourceDefinition/{one.name}",
                summary=f"{one.name} may have objects stored in {', '.join(unserved)}, which it no longer serves.",
                remedy="Write its objects again in a version that is served, then drop the old one from "
                "status.storedVersions.",
                evidence=owner_evidence(one.labels),
                severity=Severity.WARNS,
            )
    converted = [one for one in crds if one.conversion_service]
    ready = _ready_endpoints(hop) if converted else {}
    for one in converted:
        if not ready.get(one.conversion_service):
            yield Problem(
                subject=f"CustomResourceDefinition/{one.name}",
                summary=f"Objects of {one.name} cannot be converted: {one.conversion_service} has no ready endpoint.",
                remedy="Get the pods of its conversion webhook ready; without it nobody reads or writes these objects.",
                evidence=owner_evidence(one.labels),
            )


@check(
    "WHK005",
    "No admission webhook guards only versions that the target removes",
    rules=("A-67", "B-API"),
    source=_GUIDE,
    permissions=_WEBHOOKS,
    severity=Severity.INFORMS,
    phases=("control-plane",),
)
def webhooks_name_versions_that_stay(hop: Hop) -> Iterator[Problem]:
    """It fails no request: the webhook is just not asked any more, whatever its matchPolicy."""
    table = builtin_rules()
    for one in need(hop.now.webhooks):
        named = [ResourceRule(rule.groups, rule.resources, rule.versions) for rule in one.rules]
        before = {lost.api for lost in gone(named, table, hop.current)}
        for lost in gone(named, table, hop.target):
            if lost.api not in before:
                yield Problem(
                    subject=_subject(one),
                    summary=f"{one.name} is to be asked about {lost.api}, which {hop.target} no longer serves, and "
                    "names no version of it that stays: it will not be asked any more.",
                    remedy=remedy(lost),
                    evidence=_evidence([one]),
                )


def _ready_endpoints(hop: Hop) -> dict[str, int]:
    """Ready endpoints by ``namespace/service``; a Service that is not there has none."""
    return {f"{one.namespace}/{one.service}": one.ready for one in need(hop.now.endpoints)}


def _labels_of_kube_system(hop: Hop) -> Mapping[str, str]:
    """Its labels, with the one that the API server gives to every namespace (since 1.21)."""
    found = next((one.labels for one in need(hop.now.namespaces) if one.name == _KUBE_SYSTEM), {})
    named = {"kubernetes.io/metadata.name": _KUBE_SYSTEM} if hop.current >= KubernetesVersion(1, 21) else {}
    return named | found


def _is_about(one: WebhookRow, resource: str) -> bool:
    """Whether one of its rules names a resource of the core group, or all of them."""
    return any(
        ("" in rule.groups or "*" in rule.groups) and any(_names(text, resource) for text in rule.resources)
        for rule in one.rules
    )


def _names(text: str, resource: str) -> bool:
    return text in _ALL or text in (resource, f"{resource}/*")


def _subject(one: WebhookRow) -> str:
    return f"{one.kind}/{one.configuration}"


def _resources(rows: list[WebhookRow]) -> str:
    named = sorted({text for one in rows for rule in one.rules for text in rule.resources})
    return "everything" if _ALL & set(named) else ", ".join(named)


def _evidence(rows: list[WebhookRow]) -> dict[str, str]:
    return owner_evidence(rows[0].labels) | {"webhooks": ", ".join(sorted({one.name for one in rows}))}
