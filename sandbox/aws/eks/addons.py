"""Add-ons: what is installed, what EKS offers, updates."""

from __future__ import annotations

import json
from datetime import timedelta

from sandbox.aws.eks.clusters import issues
from sandbox.aws.eks.operations import EksCall, Json, operation
from sandbox.aws.eks.updates import update_answer
from sandbox.world.catalogue import AddonVersion
from sandbox.world.errors import InvalidParameter, ResourceInUse, ResourceNotFound
from sandbox.world.model import Addon, Cluster
from sandbox.world.requests import find_addon

CREATION = timedelta(minutes=1)
_SCHEMA = {
    "$schema": "http://json-schema.org/draft-06/schema#",
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "replicaCount": {"type": "integer"},
        "nodeSelector": {"type": "object"},
        "tolerations": {"type": "array", "items": {"type": "object"}},
        "resources": {"type": "object"},
        "env": {"type": "object"},
        "podAnnotations": {"type": "object"},
    },
}


def _answer(cluster: Cluster, addon: Addon) -> Json:
    return {
        "addonName": addon.name,
        "clusterName": cluster.name,
        "status": addon.status,
        "addonVersion": addon.version,
        "health": {"issues": issues(addon.health)},
        "addonArn": addon.arn,
        "createdAt": addon.created_at,
        "modifiedAt": addon.modified_at,
        "serviceAccountRoleArn": addon.service_account_role_arn,
        "tags": addon.tags,
        "publisher": addon.publisher,
        "owner": addon.owner,
        "configurationValues": addon.configuration_values,
        "podIdentityAssociations": [association.arn for association in addon.pod_identity_associations],
    }


@operation
def list_addons(call: EksCall) -> Json:
    page, token = call.page(sorted(call.cluster().addons))
    return {"addons": page, "nextToken": token}


@operation
def describe_addon(call: EksCall) -> Json:
    cluster = call.cluster()
    return {"addon": _answer(cluster, find_addon(cluster, call.get("addonName")))}


@operation
def update_addon(call: EksCall) -> Json:
    update = call.world.update_addon(
        call.cluster(),
        call.get("addonName"),
        token=call.get("clientRequestToken"),
        version=call.get("addonVersion"),
        resolve_conflicts=call.get("resolveConflicts"),
        service_account_role_arn=call.get("serviceAccountRoleArn"),
        configuration_values=call.get("configurationValues"),
        pod_identity_associations=call.get("podIdentityAssociations"),
    )
    return {"update": update_answer(update)}


@operation
def create_addon(call: EksCall) -> Json:
    """Installs an add-on, ACTIVE after a minute. Without a version it is the default of the cluster's version."""
    cluster, name = call.cluster(), str(call.get("addonName"))
    where = {"clusterName": cluster.name, "addonName": name}
    if name in cluster.addons:
        raise ResourceInUse("Addon already exists.", **where)
    version = call.get("addonVersion") or call.world.catalogue.default_addon_version(name, cluster.version)
    if version not in [found.version for found in call.world.catalogue.addon_versions(name, cluster.version)]:
        raise InvalidParameter("Addon version specified is not supported", **where)
    now = call.world.now
    identity = call.world.draws.uuid("create-addon", cluster.key, name)
    addon = Addon(
        name=name,
        arn=f"{cluster.arn.replace(':cluster/', ':addon/')}/{name}/{identity}",
        version=version,
        created_at=now,
        modified_at=now,
        status="CREATING",
        service_account_role_arn=call.get("serviceAccountRoleArn"),
        configuration_values=call.get("configurationValues"),
        tags=call.get("tags") or {},
    )
    cluster.addons[name] = addon
    call.world.install(cluster, addon)
    call.world.plan(CREATION, lambda: _become_active(call, addon))
    call.world.changed()
    return {"addon": _answer(cluster, addon)}


def _become_active(call: EksCall, addon: Addon) -> None:
    if addon.status == "CREATING":
        addon.status = "ACTIVE"
        call.world.changed()


@operation
def describe_addon_versions(call: EksCall) -> Json:
    catalogue = call.world.catalogue
    wanted, minor = call.get("addonName"), call.get("kubernetesVersion")
    if wanted and wanted not in catalogue.addon_names():
        raise ResourceNotFound(f"Addon {wanted} specified is not supported", addonName=wanted)
    if minor and not catalogue.offers(minor):
        raise InvalidParameter(f"Kubernetes version {minor} is not supported")
    names = [name for name in catalogue.addon_names() if wanted in (None, name)]
    if types := call.get("types"):
        names = [name for name in names if catalogue.addon_type(name) in types]
    if "aws" not in (call.get("owners") or ["aws"]) or "eks" not in (call.get("publishers") or ["eks"]):
        names = []
    offers = [(name, catalogue.addon_versions(name, minor)) for name in names]
    page, token = call.page([(name, versions) for name, versions in offers if versions])
    addons = [
        {
            "addonName": name,
            "type": catalogue.addon_type(name),
            "addonVersions": [_offer(call, version, minor) for version in versions],
            "publisher": "eks",
            "owner": "aws",
            "defaultNamespace": "kube-system",
        }
        for name, versions in page
    ]
    return {"addons": addons, "nextToken": token}


def _offer(call: EksCall, version: AddonVersion, minor: str | None) -> Json:
    catalogue = call.world.catalogue
    return {
        "addonVersion": version.version,
        "architecture": ["amd64", "arm64"],
        "computeTypes": ["ec2", "hybrid", "auto"],
        "compatibilities": [
            {
                "clusterVersion": cluster.version,
                "platformVersions": ["*"],
                "defaultVersion": catalogue.default_addon_version(version.addon, cluster.version) == version.version,
            }
            for cluster in catalogue.cluster_versions
            if version.serves(cluster.version) and minor in (None, cluster.version)
        ],
        "requiresConfiguration": False,
        "requiresIamPermissions": catalogue.addon_needs_role(version.addon),
    }


@operation
def describe_addon_configuration(call: EksCall) -> Json:
    catalogue = call.world.catalogue
    name, version = call.get("addonName"), call.get("addonVersion")
    if name not in catalogue.addon_names():
        raise ResourceNotFound(f"Addon {name} specified is not supported", addonName=name)
    if version not in [found.version for found in catalogue.addon_versions(name)]:
        raise InvalidParameter("Addon version specified is not supported", addonName=name)
    return {"addonName": name, "addonVersion": version, "configurationSchema": json.dumps(_SCHEMA)}
