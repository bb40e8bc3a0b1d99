"""Upgrade insights (A-13) and their refresh."""

from __future__ import annotations

from sandbox.aws.eks.operations import EksCall, Json, operation
from sandbox.world.model import Insight, InsightsRefresh


def _summary(insight: Insight) -> Json:
    return {
        "id": insight.id,
        "name": insight.name,
        "category": insight.category,
        "kubernetesVersion": insight.kubernetes_version,
        "lastRefreshTime": insight.last_refresh_at,
        "lastTransitionTime": insight.last_transition_at,
        "description": insight.description,
        "insightStatus": {"status": insight.status, "reason": insight.reason},
    }


def _refresh(refresh: InsightsRefresh) -> Json:
    return {"message": refresh.message, "status": refresh.status}


@operation
def list_insights(call: EksCall) -> Json:
    chosen = call.get("filter") or {}
    found = call.world.list_insights(
        call.cluster(),
        categories=chosen.get("categories"),
        kubernetes_versions=chosen.get("kubernetesVersions"),
        statuses=chosen.get("statuses"),
    )
    page, token = call.page(found)
    return {"insights": [_summary(insight) for insight in page], "nextToken": token}


@operation
def describe_insight(call: EksCall) -> Json:
    insight = call.world.describe_insight(call.cluster(), call.get("id"))
    return {
        "insight": {
            **_summary(insight),
            "recommendation": insight.recommendation,
            "additionalInfo": insight.additional_info,
            "resources": insight.resources,
            "categorySpecificSummary": insight.summary,
        }
    }


@operation
def start_insights_refresh(call: EksCall) -> Json:
    return _refresh(call.world.start_insights_refresh(call.cluster()))


@operation
def describe_insights_refresh(call: EksCall) -> Json:
    refresh = call.world.describe_insights_refresh(call.cluster())
    return {**_refresh(refresh), "startedAt": refresh.started_at, "endedAt": refresh.ended_at}
