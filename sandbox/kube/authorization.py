"""Who may: `system:masters`, EKS access policies, and RBAC as the cluster's roles and bindings say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.kube.authentication import AUTHENTICATED, MASTERS, User
from sandbox.kube.status import Refused
from sandbox.world.objects import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    ROLE_BINDINGS,
    ROLES,
    Json,
    ObjectStore,
    Resource,
)

Rule = dict[str, Any]
Denied = set[tuple[str, str]]

_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_EVERYTHING: list[Rule] = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]
_WORKLOADS: dict[str, list[str]] = {
    "": ["configmaps", "endpoints", "persistentvolumeclaims", "pods", "serviceaccounts", "services", "services/status"],
    "apps": ["controllerrevisions", "daemonsets", "deployments", "deployments/scale", "replicasets", "statefulsets"],
    "autoscaling": ["horizontalpodautoscalers"],
    "batch": ["cronjobs", "jobs"],
    "discovery.k8s.io": ["endpointslices"],
    "networking.k8s.io": ["ingresses", "networkpolicies"],
    "policy": ["poddisruptionbudgets"],
}
_VIEW: list[Rule] = [
    *({"apiGroups": [group], "resources": names, "verbs": _READ} for group, names in _WORKLOADS.items()),
    {
        "apiGroups": [""],
        "resources": ["events", "limitranges", "namespaces", "pods/log", "pods/status", "resourcequotas"],
        "verbs": _READ,
    },
]
_EDIT: list[Rule] = [
    *_VIEW,
    *(
        {"apiGroups": [group], "resources": names, "verbs": _WRITE}
        for group, names in _WORKLOADS.items()
        if group != "discovery.k8s.io"
    ),
    {"apiGroups": [""], "resources": ["secrets"], "verbs": [*_READ, *_WRITE]},
    {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
]
_ADMIN: list[Rule] = [
    *_EDIT,
    {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings", "roles"], "verbs": [*_READ, *_WRITE]},
]
BUILT_IN_ROLES: dict[str, list[Rule]] = {
    "cluster-admin": _EVERYTHING,
    "admin": _ADMIN,
    "edit": _EDIT,
    "view": _VIEW,
}
"""Cluster roles that every API server has; one of the same name in the store goes first."""

# https://docs.aws.amazon.com/eks/latest/userguide/access-policy-permissions.html
_ACCESS_POLICIES: dict[str, list[Rule]] = {
    "AmazonEKSClusterAdminPolicy": _EVERYTHING,
    "AmazonEKSAdminPolicy": _ADMIN,
    "AmazonEKSAdminViewPolicy": [{"apiGroups": ["*"], "resources": ["*"], "verbs": _READ}],
    "AmazonEKSEditPolicy": _EDIT,
    "AmazonEKSViewPolicy": _VIEW,
}
_PROBES = ["/healthz", "/livez", "/readyz", "/version", "/version/"]
_DISCOVERY: list[Rule] = [
    {"nonResourceURLs": [*_PROBES, "/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"], "verbs": ["get"]},
    {
        "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        "verbs": ["create"],
    },
    {"apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"]},
]
_PUBLIC: list[Rule] = [{"nonResourceURLs": _PROBES, "verbs": ["get"]}]


@dataclass(frozen=True, slots=True)
class Attributes:
    """What is asked for: a verb on a resource, or on a path when `path` is set.

    `namespace` is empty for the cluster scope.
    """

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def allows(user: User, asked: Attributes, store: ObjectStore, denied: Denied) -> bool:
    """Whether the user may. `denied` are (verb, resource or path) pairs denied to everybody.

    Call it under the world's lock.
    """
    names = (asked.path,) if asked.path else (asked.full_resource, "*")
    if any((asked.verb, name) in denied for name in names):
        return False
    if MASTERS in user.groups:
        return True
    return any(_covers(rule, asked) for rule in rules_of(user, store, asked.namespace))


def rules_of(user: User, store: ObjectStore, namespace: str) -> Iterator[Rule]:
    """All rules that hold for the user in a namespace, or in the cluster scope when it is empty."""
    if MASTERS in user.groups:
        yield from _EVERYTHING
    yield from _DISCOVERY if AUTHENTICATED in user.groups else _PUBLIC
    for policy in user.policies:
        if policy.scope == "cluster" or namespace in policy.namespaces:
            yield from _ACCESS_POLICIES.get(policy.policy_arn.rsplit("/", 1)[-1], ())
    for binding in store.list(CLUSTER_ROLE_BINDINGS):
        if _binds(binding, user):
            yield from _role_rules(binding["roleRef"], "", store)
    if namespace:
        for binding in store.list(ROLE_BINDINGS, namespace):
            if _binds(binding, user):
                yield from _role_rules(binding["roleRef"], namespace, store)


def forbidden(user: User, asked: Attributes) -> Refused:
    """The 403 answer, in the API server's words."""
    if asked.path:
        return Refused(403, "Forbidden", f'forbidden: User "{user.name}" cannot {asked.verb} path "{asked.path}"', {})
    scope = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    kind = f"{asked.resource}.{asked.group}" if asked.group else asked.resource
    subject = f'{kind} "{asked.name}"' if asked.name else kind
    details: Json = {"kind": asked.resource}
    if asked.name:
        details["name"] = asked.name
    if asked.group:
        details["group"] = asked.group
    return Refused(
        403,
        "Forbidden",
        f'{subject} is forbidden: User "{user.name}" cannot {asked.verb} resource "{asked.full_resource}" '
        f'in API group "{asked.group}" {scope}',
        details,
    )


def _binds(binding: Json, user: User) -> bool:
    for subject in binding.get("subjects") or ():
        kind, name = subject.get("kind"), subject.get("name")
        if (kind == "Group" and name in user.groups) or (kind == "User" and name == user.name):
            return True
    return False


def _role_rules(reference: Json, namespace: str, store: ObjectStore) -> Iterable[Rule]:
    resource: Resource = ROLES if reference["kind"] == "Role" else CLUSTER_ROLES
    role = store.find(resource, namespace if reference["kind"] == "Role" else "", reference["name"])
    if role is not None:
        return role.get("rules") or ()
    return BUILT_IN_ROLES.get(reference["name"], ()) if reference["kind"] == "ClusterRole" else ()


def _covers(rule: Rule, asked: Attributes) -> bool:
    if not _among(asked.verb, rule.get("verbs")):
        return False
    if asked.path:
        return any(
            url in ("*", asked.path) or (url.endswith("*") and asked.path.startswith(url[:-1]))
            for url in rule.get("nonResourceURLs") or ()
        )
    resources = rule.get("resources") or ()
    return (
        _among(asked.group, rule.get("apiGroups"))
        and (
            _among(asked.full_resource, resources)
            or (bool(asked.subresource) and f"*/{asked.subresource}" in resources)
        )
        and (not rule.get("resourceNames") or asked.name in rule["resourceNames"])
    )


def _among(value: str, allowed: Iterable[str] | None) -> bool:
    return any(item in ("*", value) for item in allowed or ())
