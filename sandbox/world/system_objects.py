"""What every EKS cluster has in it before anybody puts anything there."""

from __future__ import annotations

from sandbox.world.catalogue import minor
from sandbox.world.objects import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, SECURITY_POLICIES, Json, Resource

RBAC_GROUP = "rbac.authorization.k8s.io"
NODE_MANAGER = "eks:node-manager"
PUBLIC_INFO = "system:public-info-viewer"
LAST_WITH_SECURITY_POLICIES = 24


def system_objects(version: str) -> list[tuple[Resource, Json]]:
    """The roles and bindings that EKS itself works with, and the default pod security policy of old versions.

    `version` is the cluster's at its making.
    """
    probes = [{"nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"]}]
    managing = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch", "delete"]},
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
    ]
    objects = [
        _role(NODE_MANAGER, managing),
        _binding(NODE_MANAGER, NODE_MANAGER, ("User", NODE_MANAGER)),
        _binding("eks:addon-cluster-admin", "cluster-admin", ("User", "eks:addon-manager")),
        _role(PUBLIC_INFO, probes),
        _binding(PUBLIC_INFO, PUBLIC_INFO, ("Group", "system:authenticated"), ("Group", "system:unauthenticated")),
    ]
    if minor(version) <= LAST_WITH_SECURITY_POLICIES:
        everything = {"privileged": True, "allowPrivilegeEscalation": True, "allowedCapabilities": ["*"]}
        objects.append((SECURITY_POLICIES, {"metadata": {"name": "eks.privileged"}, "spec": everything}))
    return objects


def _role(name: str, rules: list[Json]) -> tuple[Resource, Json]:
    return CLUSTER_ROLES, {"metadata": {"name": name}, "rules": rules}


def _binding(name: str, role: str, *subjects: tuple[str, str]) -> tuple[Resource, Json]:
    manifest = {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": RBAC_GROUP, "kind": kind, "name": subject} for kind, subject in subjects],
    }
    return CLUSTER_ROLE_BINDINGS, manifest
