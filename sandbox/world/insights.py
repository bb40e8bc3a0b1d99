"""EKS insights, computed from the world when they are refreshed: once a day, or in a minute or three when somebody
asks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.world.catalogue import minor
from sandbox.world.control_plane import most_lag
from sandbox.world.model import Cluster, Duration, Insight, InsightsRefresh
from sandbox.world.objects import DAEMON_SETS, NODES, timestamp

if TYPE_CHECKING:
    from sandbox.world.world import World

DAILY = timedelta(hours=24)
Row = dict[str, Any]


def start_refresh(world: World, cluster: Cluster) -> InsightsRefresh:
    """Starts a refresh, or answers with the one that runs."""
    running = cluster.insights_refresh
    if running is not None and running.status == "IN_PROGRESS":
        return running
    refresh = InsightsRefresh("IN_PROGRESS", "Insights refresh is in progress", world.now)
    cluster.insights_refresh = refresh
    takes = world.draws.seconds(60, 150, "insights", cluster.key, len(world.refreshes))
    world.plan(takes, lambda: _finish_refresh(world, cluster, refresh))
    world.changed()
    return refresh


def _finish_refresh(world: World, cluster: Cluster, refresh: InsightsRefresh) -> None:
    refresh.status, refresh.message, refresh.ended_at = "COMPLETED", "Insights refresh completed", world.now
    world.refreshes.append(Duration(cluster.key, "InsightsRefresh", "insights", refresh.started_at, world.now))
    compute(world, cluster)


def refresh_daily(world: World, cluster: Cluster) -> None:
    """The refresh that EKS does by itself, now and every 24 hours."""
    compute(world, cluster)
    world.plan(DAILY, lambda: refresh_daily(world, cluster))


@dataclass(frozen=True, slots=True)
class _Asked:
    """For which version an insight is computed, and its status if it finds something: ERROR for the next."""

    world: World
    cluster: Cluster
    version: str
    bad: str


def compute(world: World, cluster: Cluster) -> None:
    """Replaces the cluster's insights by what is true now; the transition time of an unchanged status stays."""
    ahead = [v.version for v in world.catalogue.cluster_versions if minor(v.version) > minor(cluster.version)]
    found: dict[str, Insight] = {}
    for version in ahead:
        bad = "ERROR" if minor(version) == minor(cluster.version) + 1 else "WARNING"
        asked = _Asked(world, cluster, version, bad)
        for build in (_deprecated_apis, _kubelet_skew, _kube_proxy_skew, _addon_compatibility, _cluster_health):
            insight = build(asked)
            known = cluster.insights.get(insight.id)
            if known is not None and known.status == insight.status:
                insight = replace(insight, last_transition_at=known.last_transition_at)
            found[insight.id] = insight
    cluster.insights = found
    world.changed()


@dataclass(frozen=True, slots=True)
class _Text:
    """What an insight of one kind says: always, and when it is not passing."""

    description: str
    recommendation: str
    reason: str


def _insight(asked: _Asked, name: str, text: _Text, rows: list[Row], summary: dict[str, Any] | None = None) -> Insight:
    world, cluster = asked.world, asked.cluster
    return Insight(
        id=world.draws.uuid("insight", cluster.key, name, asked.version),
        name=name,
        category="UPGRADE_READINESS",
        kubernetes_version=asked.version,
        description=text.description,
        recommendation=text.recommendation,
        status=asked.bad if rows else "PASSING",
        reason=text.reason if rows else "",
        last_refresh_at=world.now,
        last_transition_at=world.now,
        resources=rows,
        summary=summary or {},
    )


def _row(status: str, reason: str = "", *, uri: str = "", arn: str = "") -> Row:
    row: Row = {"insightStatus": {"status": status, "reason": reason}}
    if uri:
        row["kubernetesResourceUri"] = uri
    if arn:
        row["arn"] = arn
    return row


def _deprecated_apis(asked: _Asked) -> Insight:
    version = asked.version
    uses = [use for use in asked.cluster.deprecated_uses if use.stop_serving_version == version]
    details = [
        {
            "usage": use.usage,
            "replacedWith": use.replaced_with,
            "stopServingVersion": use.stop_serving_version,
            "startServingReplacementVersion": use.start_serving_replacement_version,
            "clientStats": [
                {
                    "userAgent": use.user_agent,
                    "numberOfRequestsLast30Days": use.requests_last_30_days,
                    "lastRequestTime": use.last_request_at,
                }
            ],
        }
        for use in uses
    ]
    text = _Text(
        f"Checks for usage of deprecated APIs that are scheduled for removal in Kubernetes v{version}.",
        "Update manifests and API clients to use newer Kubernetes APIs if applicable before upgrading.",
        f"Deprecated API usage detected within last 30 days: {', '.join(use.usage for use in uses)}.",
    )
    rows = [_row(asked.bad, "Deprecated API is in use", uri=use.usage) for use in uses]
    name = f"Deprecated APIs removed in Kubernetes v{version}"
    return _insight(asked, name, text, rows, {"deprecationDetails": details})


def _kubelet_skew(asked: _Asked) -> Insight:
    rows = []
    for node in asked.cluster.kube.list(NODES):
        kubelet = minor(node["status"]["nodeInfo"]["kubeletVersion"])
        if minor(asked.version) - kubelet > most_lag(kubelet):
            uri = f"/api/v1/nodes/{node['metadata']['name']}"
            rows.append(_row(asked.bad, f"kubelet 1.{kubelet} is too old for {asked.version}", uri=uri))
    text = _Text(
        "Checks for kubelet versions of worker nodes in the cluster to see if upgrade would cause non compliance "
        "with supported Kubernetes kubelet version skew policy.",
        "Upgrade your worker nodes to match the Kubernetes version of your cluster control plane.",
        "Some nodes would be outside the supported kubelet version skew.",
    )
    return _insight(asked, "Kubelet version skew", text, rows)


def _kube_proxy_skew(asked: _Asked) -> Insight:
    rows = []
    daemon_set = asked.cluster.kube.find(DAEMON_SETS, "kube-system", "kube-proxy")
    if daemon_set is not None:
        image = daemon_set["spec"]["template"]["spec"]["containers"][0]["image"]
        proxy = minor(image.rsplit(":", 1)[1])
        if minor(asked.version) - proxy > most_lag(proxy):
            uri = "/apis/apps/v1/namespaces/kube-system/daemonsets/kube-proxy"
            rows.append(_row(asked.bad, f"kube-proxy 1.{proxy} is too old for {asked.version}", uri=uri))
    text = _Text(
        "Checks version of kube-proxy in cluster to see if upgrade would cause non compliance with supported "
        "Kubernetes kube-proxy version skew policy.",
        "Upgrade kube-proxy in your cluster to match the version of your cluster control plane.",
        "kube-proxy would be outside the supported version skew.",
    )
    return _insight(asked, "kube-proxy version skew", text, rows)


def _addon_compatibility(asked: _Asked) -> Insight:
    rows, details = [], []
    for addon in asked.cluster.addons.values():
        fitting = [found.version for found in asked.world.catalogue.addon_versions(addon.name, asked.version)]
        if addon.version in fitting:
            continue
        rows.append(_row(asked.bad, f"{addon.name} {addon.version} does not support {asked.version}", arn=addon.arn))
        details.append({"name": addon.name, "compatibleVersions": fitting})
    text = _Text(
        "Checks version of installed EKS add-ons to ensure they are compatible with the next version of Kubernetes.",
        "Upgrade the installed EKS add-on versions to be compatible with the next Kubernetes version.",
        "Some EKS add-ons are not compatible with the next Kubernetes version.",
    )
    name = "EKS add-on version compatibility"
    return _insight(asked, name, text, rows, {"addonCompatibilityDetails": details})


def _cluster_health(asked: _Asked) -> Insight:
    cluster = asked.cluster
    rows = [_row(asked.bad, f"{issue.code}: {issue.message}", arn=cluster.arn) for issue in cluster.health]
    text = _Text(
        "Checks for any cluster health issues that prevent successful upgrade to the next Kubernetes version on EKS.",
        "Follow the recommended actions for each of the cluster health issues.",
        f"Cluster has health issues as of {timestamp(asked.world.now)}.",
    )
    return _insight(asked, "Cluster health issues", text, rows)
