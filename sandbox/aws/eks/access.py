"""Who may do what in a cluster: access entries, pod identities; and Fargate profiles."""

from __future__ import annotations

import re
from urllib.parse import quote

from sandbox.aws.eks.operations import EksCall, Json, operation
from sandbox.world.errors import InvalidParameter, InvalidRequest, ResourceInUse, ResourceNotFound
from sandbox.world.model import AccessEntry, AccessPolicyAssociation, Addon, Cluster, PodIdentityAssociation

POLICIES = [
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSAdminViewPolicy",
]
_PRINCIPAL = re.compile(r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+$")
_ENTRY_TYPES = ["STANDARD", "FARGATE_LINUX", "EC2_LINUX", "EC2_WINDOWS", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"]


def policy_arn(cluster: Cluster, name: str) -> str:
    partition = cluster.arn.split(":")[1]
    return f"arn:{partition}:eks::aws:cluster-access-policy/{name}"


def _entries(call: EksCall) -> tuple[Cluster, dict[str, AccessEntry]]:
    cluster = call.cluster()
    if cluster.authentication_mode == "CONFIG_MAP":
        raise InvalidRequest(
            "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] "
            "to perform this operation.",
            clusterName=cluster.name,
        )
    return cluster, cluster.access_entries


def _entry(call: EksCall) -> tuple[Cluster, AccessEntry]:
    cluster, entries = _entries(call)
    principal = call.get("principalArn")
    if principal not in entries:
        raise ResourceNotFound(
            f"The specified principalArn could not be found. You can view your available access entries with "
            f"'list-access-entries'. principalArn: {principal}",
            clusterName=cluster.name,
        )
    return cluster, entries[principal]


def _entry_answer(cluster: Cluster, entry: AccessEntry) -> Json:
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal_arn,
        "kubernetesGroups": entry.kubernetes_groups,
        "accessEntryArn": entry.arn,
        "createdAt": entry.created_at,
        "modifiedAt": entry.created_at,
        "tags": {},
        "username": entry.username,
        "type": entry.type,
    }


def _policy_answer(association: AccessPolicyAssociation) -> Json:
    return {
        "policyArn": association.policy_arn,
        "accessScope": {"type": association.scope, "namespaces": association.namespaces},
        "associatedAt": association.associated_at,
        "modifiedAt": association.associated_at,
    }


@operation
def list_access_entries(call: EksCall) -> Json:
    _, entries = _entries(call)
    policy = call.get("associatedPolicyArn")
    names = [
        principal
        for principal, entry in sorted(entries.items())
        if policy is None or any(association.policy_arn == policy for association in entry.policies)
    ]
    page, token = call.page(names)
    return {"accessEntries": page, "nextToken": token}


@operation
def describe_access_entry(call: EksCall) -> Json:
    return {"accessEntry": _entry_answer(*_entry(call))}


@operation
def create_access_entry(call: EksCall) -> Json:
    cluster, entries = _entries(call)
    principal, kind = str(call.get("principalArn")), call.get("type") or "STANDARD"
    if not _PRINCIPAL.match(principal):
        raise InvalidParameter("The principalArn parameter format is not valid", clusterName=cluster.name)
    if kind not in _ENTRY_TYPES:
        raise InvalidParameter(f"The type parameter must be one of {', '.join(_ENTRY_TYPES)}", clusterName=cluster.name)
    groups = call.get("kubernetesGroups") or []
    if any(group.startswith("system:") for group in groups):
        raise InvalidParameter("The kubernetes group name cannot begin with 'system:'", clusterName=cluster.name)
    if principal in entries:
        raise ResourceInUse(
            "The specified access entry resource is already in use on this cluster.", clusterName=cluster.name
        )
    what, name = principal.split(":")[5].split("/", 1)
    last = name.rsplit("/", 1)[-1]
    entry_arn = cluster.arn.replace(":cluster/", ":access-entry/")
    uid = call.world.draws.uuid("access-entry", cluster.key, principal)
    session = f"arn:aws:sts::{principal.split(':')[4]}:assumed-role/{last}/{{{{SessionName}}}}"
    entry = AccessEntry(
        principal_arn=principal,
        arn=f"{entry_arn}/{what}/{principal.split(':')[4]}/{name}/{uid}",
        username=call.get("username") or (session if what == "role" else principal),
        type=kind,
        kubernetes_groups=groups,
        created_at=call.world.now,
    )
    entries[principal] = entry
    call.world.changed()
    return {"accessEntry": _entry_answer(cluster, entry)}


@operation
def delete_access_entry(call: EksCall) -> Json:
    cluster, entry = _entry(call)
    del cluster.access_entries[entry.principal_arn]
    call.world.changed()
    return {}


@operation
def list_access_policies(call: EksCall) -> Json:
    page, token = call.page(
        [{"name": name, "arn": f"arn:aws:eks::aws:cluster-access-policy/{name}"} for name in POLICIES]
    )
    return {"accessPolicies": page, "nextToken": token}


@operation
def associate_access_policy(call: EksCall) -> Json:
    cluster, entry = _entry(call)
    policy, scope = call.get("policyArn"), call.get("accessScope")
    if policy not in [policy_arn(cluster, name) for name in POLICIES]:
        raise InvalidParameter(
            f"The policyArn parameter format is not valid: {quote(policy)}", clusterName=cluster.name
        )
    kind, namespaces = scope.get("type", "cluster"), scope.get("namespaces", [])
    if (kind == "namespace") != bool(namespaces):
        raise InvalidParameter(
            "Namespaces must be given with the access scope 'namespace', and only with it.", clusterName=cluster.name
        )
    association = AccessPolicyAssociation(policy, kind, namespaces, call.world.now)
    entry.policies = [found for found in entry.policies if found.policy_arn != policy] + [association]
    call.world.changed()
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal_arn,
        "associatedAccessPolicy": _policy_answer(association),
    }


@operation
def disassociate_access_policy(call: EksCall) -> Json:
    cluster, entry = _entry(call)
    policy = call.get("policyArn")
    if policy not in [found.policy_arn for found in entry.policies]:
        raise ResourceNotFound(
            f"No associated policy found for: {entry.principal_arn} and {policy}.", clusterName=cluster.name
        )
    entry.policies = [found for found in entry.policies if found.policy_arn != policy]
    call.world.changed()
    return {}


@operation
def list_associated_access_policies(call: EksCall) -> Json:
    cluster, entry = _entry(call)
    page, token = call.page(entry.policies)
    return {
        "clusterName": cluster.name,
        "principalArn": entry.principal_arn,
        "nextToken": token,
        "associatedAccessPolicies": [_policy_answer(association) for association in page],
    }


# --- pod identities ---


def _pod_identities(cluster: Cluster) -> list[tuple[PodIdentityAssociation, Addon]]:
    return [(found, addon) for addon in cluster.addons.values() for found in addon.pod_identity_associations]


@operation
def list_pod_identity_associations(call: EksCall) -> Json:
    cluster = call.cluster()
    found = [
        {
            "clusterName": cluster.name,
            "namespace": "kube-system",
            "serviceAccount": association.service_account,
            "associationArn": association.arn,
            "associationId": association.id,
            "ownerArn": addon.arn,
        }
        for association, addon in _pod_identities(cluster)
        if call.get("serviceAccount") in (None, association.service_account)
        and call.get("namespace") in (None, "kube-system")
    ]
    page, token = call.page(found)
    return {"associations": page, "nextToken": token}


@operation
def describe_pod_identity_association(call: EksCall) -> Json:
    cluster = call.cluster()
    for association, addon in _pod_identities(cluster):
        if association.id == call.get("associationId"):
            return {
                "association": {
                    "clusterName": cluster.name,
                    "namespace": "kube-system",
                    "serviceAccount": association.service_account,
                    "roleArn": association.role_arn,
                    "associationArn": association.arn,
                    "associationId": association.id,
                    "tags": {},
                    "createdAt": addon.created_at,
                    "modifiedAt": addon.modified_at,
                    "ownerArn": addon.arn,
                }
            }
    raise ResourceNotFound(f"Association id does not exist: {call.get('associationId')}", clusterName=cluster.name)


# --- Fargate ---


@operation
def list_fargate_profiles(call: EksCall) -> Json:
    page, token = call.page(sorted(call.cluster().fargate_profiles))
    return {"fargateProfileNames": page, "nextToken": token}


@operation
def describe_fargate_profile(call: EksCall) -> Json:
    cluster, name = call.cluster(), call.get("fargateProfileName")
    if name not in cluster.fargate_profiles:
        raise ResourceNotFound(
            f"No Fargate Profile found with name: {name}.", clusterName=cluster.name, fargateProfileName=name
        )
    profile = cluster.fargate_profiles[name]
    return {
        "fargateProfile": {
            "fargateProfileName": profile.name,
            "fargateProfileArn": profile.arn,
            "clusterName": cluster.name,
            "createdAt": profile.created_at,
            "podExecutionRoleArn": profile.pod_execution_role_arn,
            "subnets": profile.subnet_ids,
            "selectors": profile.selectors,
            "status": profile.status,
            "tags": {},
            "health": {"issues": []},
        }
    }
