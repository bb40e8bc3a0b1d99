"""Clusters: description, versions, configuration, tags."""

from __future__ import annotations

from typing import Any

from sandbox.aws.eks.operations import EksCall, Json, operation
from sandbox.aws.eks.updates import update_answer
from sandbox.world.errors import InvalidParameter, ResourceNotFound
from sandbox.world.model import Addon, Cluster, FargateProfile, HealthIssue, Nodegroup

LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
_SUPPORT = {
    "STANDARD_SUPPORT": "standard-support",
    "EXTENDED_SUPPORT": "extended-support",
    "UNSUPPORTED": "unsupported",
}


def issues(found: list[HealthIssue]) -> list[Json]:
    """`health.issues` on the wire."""
    return [{"code": issue.code, "message": issue.message, "resourceIds": issue.resource_ids} for issue in found]


def cluster_answer(cluster: Cluster) -> Json:
    """A cluster as DescribeCluster tells it."""
    disabled = [kind for kind in LOG_TYPES if kind not in cluster.log_types]
    groups = [(kinds, enabled) for kinds, enabled in ((cluster.log_types, True), (disabled, False)) if kinds]
    answer: Json = {
        "name": cluster.name,
        "arn": cluster.arn,
        "createdAt": cluster.created_at,
        "version": cluster.version,
        "endpoint": cluster.endpoint or None,
        "roleArn": cluster.role_arn,
        "resourcesVpcConfig": {
            "subnetIds": cluster.subnet_ids,
            "securityGroupIds": cluster.security_group_ids,
            "clusterSecurityGroupId": cluster.cluster_security_group_id,
            "vpcId": cluster.vpc_id,
            "endpointPublicAccess": cluster.public_access,
            "endpointPrivateAccess": cluster.private_access,
            "publicAccessCidrs": cluster.public_access_cidrs,
        },
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": cluster.service_cidr,
            "ipFamily": cluster.ip_family,
            "elasticLoadBalancing": {"enabled": False},
        },
        "logging": {"clusterLogging": [{"types": list(kinds), "enabled": enabled} for kinds, enabled in groups]},
        "identity": {"oidc": {"issuer": cluster.oidc_issuer}} if cluster.oidc_issuer else None,
        "status": cluster.status,
        "certificateAuthority": {"data": cluster.certificate_authority} if cluster.certificate_authority else {},
        "platformVersion": cluster.platform_version,
        "tags": cluster.tags,
        "health": {"issues": issues(cluster.health)},
        "accessConfig": {"authenticationMode": cluster.authentication_mode},
        "upgradePolicy": {"supportType": cluster.support_type},
        "deletionProtection": cluster.deletion_protection,
        "computeConfig": {"enabled": cluster.auto_mode},
        "storageConfig": {"blockStorage": {"enabled": cluster.auto_mode}},
        "zonalShiftConfig": {"enabled": cluster.zonal_shift},
    }
    if cluster.hybrid_networks:
        answer["remoteNetworkConfig"] = {"remoteNodeNetworks": [{"cidrs": cluster.hybrid_networks}]}
    if cluster.encryption_key_arn:
        answer["encryptionConfig"] = [{"resources": ["secrets"], "provider": {"keyArn": cluster.encryption_key_arn}}]
    return answer


@operation
def describe_cluster(call: EksCall) -> Json:
    return {"cluster": cluster_answer(call.cluster())}


@operation
def list_clusters(call: EksCall) -> Json:
    names = sorted(cluster.name for cluster in call.world.clusters(call.account, call.region))
    page, token = call.page(names)
    return {"clusters": page, "nextToken": token}


@operation
def update_cluster_version(call: EksCall) -> Json:
    cluster = call.cluster()
    update = call.world.update_cluster_version(
        cluster, call.get("version"), token=call.get("clientRequestToken"), force=bool(call.get("force"))
    )
    return {"update": update_answer(update)}


@operation
def update_cluster_config(call: EksCall) -> Json:
    cluster = call.cluster()
    vpc = call.get("resourcesVpcConfig") or {}
    update = call.world.update_cluster_config(
        cluster,
        token=call.get("clientRequestToken"),
        subnet_ids=vpc.get("subnetIds"),
        security_group_ids=vpc.get("securityGroupIds"),
        log_types=_wanted_logs(cluster, call.get("logging")),
        support_type=(call.get("upgradePolicy") or {}).get("supportType"),
        authentication_mode=(call.get("accessConfig") or {}).get("authenticationMode"),
    )
    return {"update": update_answer(update)}


def _wanted_logs(cluster: Cluster, logging: Json | None) -> list[str] | None:
    """The log types that are on afterwards: what `logging` does not name stays as it is."""
    if logging is None:
        return None
    wanted = set(cluster.log_types)
    for setup in logging.get("clusterLogging", []):
        kinds = set(setup.get("types", []))
        wanted = wanted | kinds if setup.get("enabled") else wanted - kinds
    return [kind for kind in LOG_TYPES if kind in wanted]


@operation
def describe_cluster_versions(call: EksCall) -> Json:
    catalogue = call.world.catalogue
    chosen = list(catalogue.cluster_versions)
    named = call.get("clusterVersions") or []
    if call.get("includeAll") or named:
        chosen += catalogue.unsupported_versions
    if named:
        chosen = [found for found in chosen if found.version in named]
        if missing := sorted(set(named) - {found.version for found in chosen}):
            raise InvalidParameter(f"The following Kubernetes versions are not valid: {', '.join(missing)}")
    if call.get("defaultOnly"):
        chosen = [found for found in chosen if found.default]
    if status := call.get("versionStatus"):
        chosen = [found for found in chosen if found.status == status]
    if status := call.get("status"):
        chosen = [found for found in chosen if _SUPPORT[found.status] == status]
    chosen.sort(key=lambda found: int(found.version.split(".")[1]), reverse=True)
    page, token = call.page(chosen)
    versions = [
        {
            "clusterVersion": found.version,
            "clusterType": call.get("clusterType") or "eks",
            "defaultPlatformVersion": found.platform_version,
            "defaultVersion": found.default,
            "releaseDate": found.released_at,
            "endOfStandardSupportDate": found.standard_until,
            "endOfExtendedSupportDate": found.extended_until,
            "status": _SUPPORT[found.status],
            "versionStatus": found.status,
            "kubernetesPatchVersion": found.patch,
        }
        for found in page
    ]
    return {"clusterVersions": versions, "nextToken": token}


@operation
def list_tags_for_resource(call: EksCall) -> Json:
    return {"tags": _tagged(call).tags}


@operation
def tag_resource(call: EksCall) -> Json:
    found = _tagged(call)
    found.tags = {**found.tags, **call.get("tags")}
    call.world.changed()
    return {}


@operation
def untag_resource(call: EksCall) -> Json:
    found = _tagged(call)
    found.tags = {key: value for key, value in found.tags.items() if key not in call.get("tagKeys")}
    call.world.changed()
    return {}


def _tagged(call: EksCall) -> Cluster | Nodegroup | Addon:
    arn = call.get("resourceArn")
    for cluster in call.world.clusters(call.account, call.region):
        candidates: list[Any] = [cluster, *cluster.nodegroups.values(), *cluster.addons.values()]
        for found in candidates:
            if found.arn == arn and not isinstance(found, FargateProfile):
                return found  # type: ignore[no-any-return]
    raise ResourceNotFound(f"No resource found for ARN: {arn}.")
