"""Discovery: which groups, versions and kinds there are, in the plain and in the aggregated form.

And as much of OpenAPI as `kubectl apply` asks for: whether a kind's PATCH knows dryRun and fieldValidation.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from sandbox.kube.resources import VERBS, Served
from sandbox.world.objects import Json

AGGREGATED = "apidiscovery.k8s.io"
_SUBRESOURCE_KINDS = {
    "eviction": ("policy", "v1", "Eviction"),
    "scale": ("autoscaling", "v1", "Scale"),
    "proxy": ("", "", "NodeProxyOptions"),
}
_SUBRESOURCE_VERBS = {"eviction": ["create"], "log": ["get"], "proxy": ["get"], "scale": ["get", "patch", "update"]}
REVIEWS: dict[tuple[str, str], dict[str, str]] = {
    ("authorization.k8s.io", "v1"): {
        "selfsubjectaccessreviews": "SelfSubjectAccessReview",
        "selfsubjectrulesreviews": "SelfSubjectRulesReview",
    },
    ("authentication.k8s.io", "v1"): {"selfsubjectreviews": "SelfSubjectReview"},
}
"""Kinds that are only asked, never stored: group and version → plural → kind."""


def api_versions() -> Json:
    """`/api`"""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": ""}],
    }


def api_groups(served: Iterable[Served]) -> Json:
    """`/apis`"""
    groups = _groups(served)
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, groups[name]) for name in groups]}


def api_group(served: Iterable[Served], name: str) -> Json | None:
    """`/apis/NAME`"""
    versions = _groups(served).get(name)
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, versions)} if versions else None


def resource_list(served: Iterable[Served], group: str, version: str) -> Json | None:
    """`/api/v1` and `/apis/GROUP/VERSION`; None where nothing is served under that version."""
    resources: list[Json] = []
    for item in served:
        if (item.resource.group, item.resource.version) == (group, version):
            resources += _entries(item)
    for plural, kind in REVIEWS.get((group, version), {}).items():
        resources.append(
            {"name": plural, "singularName": kind.lower(), "namespaced": False, "kind": kind, "verbs": ["create"]}
        )
    if not resources:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def aggregated(served: Iterable[Served], *, core: bool, version: str) -> Json:
    """All groups with all their kinds in one document (`version` of apidiscovery.k8s.io: v2 or v2beta1)."""
    known = list(served)
    groups: dict[str, list[str]] = {"": ["v1"]} if core else _groups(known)
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"{AGGREGATED}/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name} if name else {},
                "versions": [_version_discovery(known, name, version) for version in versions],
            }
            for name, versions in groups.items()
        ],
    }


def openapi_paths(served: Iterable[Served]) -> Json:
    """`/openapi/v3`"""
    paths = dict.fromkeys(item.path.lstrip("/") for item in served)
    return {"paths": {path: {"serverRelativeURL": f"/openapi/v3/{path}?hash=1"} for path in paths}}


def openapi_document(served: Iterable[Served], path: str) -> Json | None:
    """`/openapi/v3/apis/apps/v1`: the PATCH operations with their query parameters."""
    found = [item for item in served if item.path.lstrip("/") == path]
    if not found:
        return None
    parameters = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in ("dryRun", "fieldValidation")]
    paths: dict[str, Any] = {}
    for item in found:
        resource = item.resource
        scope = "/namespaces/{namespace}" if resource.namespaced else ""
        paths[f"{item.path}{scope}/{resource.plural}/{{name}}"] = {
            "patch": {
                "parameters": parameters,
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {
                    "group": resource.group,
                    "version": resource.version,
                    "kind": resource.kind,
                },
            }
        }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "unversioned"}, "paths": paths}


def _groups(served: Iterable[Served]) -> dict[str, list[str]]:
    """Named groups with their versions, the preferred one first."""
    found: dict[str, list[str]] = {}
    for item in served:
        if item.resource.group:
            versions = found.setdefault(item.resource.group, [])
            if item.resource.version not in versions:
                versions.append(item.resource.version)
    for group, version in REVIEWS:
        found.setdefault(group, [version])
    return found


def _group(name: str, versions: list[str]) -> Json:
    told = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": told, "preferredVersion": told[0]}


def _entries(item: Served) -> list[Json]:
    resource = item.resource
    entries: list[Json] = [
        {
            "name": resource.plural,
            "singularName": item.singular,
            "namespaced": resource.namespaced,
            "kind": resource.kind,
            "verbs": list(VERBS),
            **({"shortNames": list(resource.short_names)} if resource.short_names else {}),
            **({"categories": list(item.categories)} if item.categories else {}),
        }
    ]
    for name in item.subresources:
        group, version, kind = _SUBRESOURCE_KINDS.get(name, ("", "", resource.kind))
        entries.append(
            {
                "name": f"{resource.plural}/{name}",
                "singularName": "",
                "namespaced": resource.namespaced,
                **({"group": group, "version": version} if group else {}),
                "kind": kind,
                "verbs": _SUBRESOURCE_VERBS.get(name, ["get", "patch", "update"]),
            }
        )
    return entries


def _version_discovery(served: list[Served], group: str, version: str) -> Json:
    document = resource_list(served, group, version)
    entries = document["resources"] if document else []
    resources: list[Json] = []
    for plural, rows in groupby(entries, key=lambda entry: str(entry["name"]).split("/")[0]):
        parent, *subresources = rows
        resources.append(
            {
                "resource": plural,
                "responseKind": _response_kind(parent, group, version),
                "scope": "Namespaced" if parent["namespaced"] else "Cluster",
                "singularResource": parent["singularName"],
                "verbs": parent["verbs"],
                **({"shortNames": parent["shortNames"]} if "shortNames" in parent else {}),
                **({"categories": parent["categories"]} if "categories" in parent else {}),
                "subresources": [
                    {
                        "subresource": row["name"].split("/")[1],
                        "responseKind": _response_kind(row, group, version),
                        "verbs": row["verbs"],
                    }
                    for row in subresources
                ],
            }
        )
    return {"version": version, "freshness": "Current", "resources": resources}


def _response_kind(entry: Json, group: str, version: str) -> Json:
    return {"group": entry.get("group", group), "version": entry.get("version", version), "kind": entry["kind"]}
