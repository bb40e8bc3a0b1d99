"""AWS's answers as our values. Pure; ``Json`` is what botocore has parsed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from upgrade.eks import (
    Addon,
    AddonOffer,
    ControlPlane,
    EksUpdate,
    Insight,
    InsightClient,
    InsightDeprecation,
    Issue,
    LaunchTemplate,
    Nodegroup,
    OfferedVersion,
    Subnet,
    UpdateSubject,
)
from upgrade.versions import AddonVersion, KubernetesVersion

Json = Mapping[str, Any]

_MOST_NAMED = 50


def control_plane(cluster: Json) -> ControlPlane:
    vpc = cluster.get("resourcesVpcConfig") or {}
    return ControlPlane(
        arn=cluster["arn"],
        version=KubernetesVersion.parse(cluster["version"]),
        platform_version=cluster.get("platformVersion") or "",
        status=cluster["status"],
        role_arn=cluster["roleArn"],
        vpc_id=vpc.get("vpcId") or "",
        subnet_ids=tuple(vpc.get("subnetIds") or ()),
        security_group_ids=tuple(vpc.get("securityGroupIds") or ()),
        cluster_security_group_id=vpc.get("clusterSecurityGroupId") or None,
        issues=_issues(cluster),
        key_arns=tuple(
            config["provider"]["keyArn"]
            for config in cluster.get("encryptionConfig") or ()
            if (config.get("provider") or {}).get("keyArn")
        ),
        authentication_mode=(cluster.get("accessConfig") or {}).get("authenticationMode") or "CONFIG_MAP",
        support_type=(cluster.get("upgradePolicy") or {}).get("supportType"),
        auto_mode=bool((cluster.get("computeConfig") or {}).get("enabled")),
        logging=tuple(
            kind
            for setup in (cluster.get("logging") or {}).get("clusterLogging") or ()
            if setup.get("enabled")
            for kind in setup.get("types") or ()
        ),
        endpoint=cluster.get("endpoint") or "",
        certificate_authority=(cluster.get("certificateAuthority") or {}).get("data") or "",
        tags=dict(cluster.get("tags") or {}),
        created_at=_at(cluster.get("createdAt")),
        ip_family=(cluster.get("kubernetesNetworkConfig") or {}).get("ipFamily") or "ipv4",
        public_endpoint=bool(vpc.get("endpointPublicAccess", True)),
        hybrid_nodes=bool(cluster.get("remoteNetworkConfig")),
        zonal_shift=bool((cluster.get("zonalShiftConfig") or {}).get("enabled")),
    )


def offered_version(item: Json) -> OfferedVersion:
    return OfferedVersion(
        version=KubernetesVersion.parse(item["clusterVersion"]),
        status=item["versionStatus"],
        default=bool(item.get("defaultVersion")),
        default_platform_version=item.get("defaultPlatformVersion") or "",
        released_at=_at(item.get("releaseDate")),
        standard_support_ends_at=_at(item.get("endOfStandardSupportDate")),
        extended_support_ends_at=_at(item.get("endOfExtendedSupportDate")),
    )


def update(item: Json, subject: UpdateSubject) -> EksUpdate:
    return EksUpdate(
        id=item["id"],
        subject=subject,
        type=item["type"],
        status=item["status"],
        params={param["type"]: param.get("value") or "" for param in item.get("params") or ()},
        created_at=_time(item["createdAt"]),
        errors=tuple(
            Issue(
                code=error.get("errorCode") or "Unknown",
                message=error.get("errorMessage") or "",
                resource_ids=tuple(error.get("resourceIds") or ()),
            )
            for error in item.get("errors") or ()
        ),
    )


def insight(item: Json) -> Insight:
    """An insight, from ListInsights or, with its recommendation and callers, from DescribeInsight."""
    status = item.get("insightStatus") or {}
    summary = item.get("categorySpecificSummary") or {}
    version = item.get("kubernetesVersion")
    return Insight(
        id=item["id"],
        name=item["name"],
        status=status.get("status") or "UNKNOWN",
        reason=status.get("reason") or item.get("description") or "",
        version=KubernetesVersion.parse(version) if version else None,
        refreshed_at=_at(item.get("lastRefreshTime")),
        recommendation=item.get("recommendation") or "",
        resources=tuple(
            named
            for resource in item.get("resources") or ()
            if (named := resource.get("kubernetesResourceUri") or resource.get("arn"))
        )[:_MOST_NAMED],
        callers=tuple(
            f"{stat.get('userAgent') or 'unknown client'}: {stat.get('numberOfRequestsLast30Days', 0)} requests to "
            f"{detail.get('usage') or 'a removed API'} in 30 days"
            for detail in summary.get("deprecationDetails") or ()
            for stat in detail.get("clientStats") or ()
        )[:_MOST_NAMED],
        deprecations=tuple(_deprecation(detail) for detail in summary.get("deprecationDetails") or ())[:_MOST_NAMED],
    )


def _deprecation(item: Json) -> InsightDeprecation:
    return InsightDeprecation(
        usage=item.get("usage") or "",
        replaced_with=item.get("replacedWith") or "",
        stops_at=item.get("stopServingVersion") or "",
        starts_at=item.get("startServingReplacementVersion") or "",
        clients=tuple(
            InsightClient(
                user_agent=stat.get("userAgent") or "",
                requests=stat.get("numberOfRequestsLast30Days") or 0,
                last_request_at=_at(stat.get("lastRequestTime")),
            )
            for stat in item.get("clientStats") or ()
        )[:_MOST_NAMED],
    )


def addon(item: Json) -> Addon:
    return Addon(
        name=item["addonName"],
        version=AddonVersion.parse(item["addonVersion"]),
        status=item["status"],
        issues=_issues(item),
        role_arn=item.get("serviceAccountRoleArn") or None,
        modified_at=_at(item.get("modifiedAt")),
    )


def addon_offers(item: Json) -> tuple[AddonOffer, ...]:
    """Each version of one add-on that EKS offers for any cluster version."""
    return tuple(
        AddonOffer(
            addon=item["addonName"],
            version=AddonVersion.parse(offer["addonVersion"]),
            versions=tuple(
                KubernetesVersion.parse(fit["clusterVersion"])
                for fit in offer.get("compatibilities") or ()
                if fit.get("clusterVersion")
            ),
            default_for=tuple(
                KubernetesVersion.parse(fit["clusterVersion"])
                for fit in offer.get("compatibilities") or ()
                if fit.get("clusterVersion") and fit.get("defaultVersion")
            ),
        )
        for offer in item.get("addonVersions") or ()
    )


def nodegroup(item: Json) -> Nodegroup:
    scaling = item.get("scalingConfig") or {}
    config = item.get("updateConfig") or {}
    template = item.get("launchTemplate") or {}
    return Nodegroup(
        name=item["nodegroupName"],
        version=KubernetesVersion.parse(item["version"]),
        release_version=item.get("releaseVersion") or "",
        status=item["status"],
        ami_type=item.get("amiType") or "CUSTOM",
        issues=_issues(item),
        min_size=scaling.get("minSize") or 0,
        max_size=scaling.get("maxSize") or 0,
        desired_size=scaling.get("desiredSize") or 0,
        max_unavailable=config.get("maxUnavailable"),
        max_unavailable_percentage=config.get("maxUnavailablePercentage"),
        update_strategy=config.get("updateStrategy") or "DEFAULT",
        launch_template=LaunchTemplate(
            id=template.get("id") or "", version=str(template.get("version") or ""), name=template.get("name") or ""
        )
        if template
        else None,
        subnet_ids=tuple(item.get("subnets") or ()),
        instance_types=tuple(item.get("instanceTypes") or ()),
        capacity_type=item.get("capacityType") or "ON_DEMAND",
        autoscaling_groups=tuple(
            group["name"] for group in (item.get("resources") or {}).get("autoScalingGroups") or () if group.get("name")
        ),
        modified_at=_at(item.get("modifiedAt")),
    )


def subnet(item: Json) -> Subnet:
    return Subnet(
        id=item["SubnetId"],
        zone=item.get("AvailabilityZone") or item.get("AvailabilityZoneId") or "",
        vpc_id=item.get("VpcId") or "",
        free_addresses=item["AvailableIpAddressCount"],
        cidr=item.get("CidrBlock") or "",
    )


def trusts_eks(policy: Any) -> bool:
    """Does a trust policy let eks.amazonaws.com assume the role (A-10)?"""
    statements = policy.get("Statement", []) if isinstance(policy, dict) else []
    for statement in [statements] if isinstance(statements, dict) else statements:
        principal = statement.get("Principal")
        services = _several(principal.get("Service")) if isinstance(principal, dict) else _several(principal)
        allowed = {action.lower() for action in _several(statement.get("Action"))}
        if (
            statement.get("Effect") == "Allow"
            and {"eks.amazonaws.com", "*"} & set(services)
            and {"sts:assumerole", "sts:*", "*"} & allowed
        ):
            return True
    return False


def _several(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(item) for item in value]


def _issues(item: Json) -> tuple[Issue, ...]:
    return tuple(
        Issue(
            code=issue.get("code") or "Unknown",
            message=issue.get("message") or "",
            resource_ids=tuple(issue.get("resourceIds") or ()),
        )
        for issue in (item.get("health") or {}).get("issues") or ()
    )


def _at(value: datetime | None) -> datetime | None:
    return _time(value) if value is not None else None


def _time(value: datetime) -> datetime:
    """botocore gives epoch times in the machine's zone; ours are UTC."""
    return value.astimezone(UTC)
