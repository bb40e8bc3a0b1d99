"""CloudWatch Logs, as far as the audit log of a control plane goes: queries that take a moment, over its events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sandbox.aws.surroundings.insights_query import MalformedQuery, run
from sandbox.aws.surroundings.operations import Json, Refused, SurroundingCall, operation
from sandbox.world.model import Cluster, DeprecatedUse

MONTH = timedelta(days=30)
WARNED_AFTER = 3607
"""Seconds after which a service account token is stale (https://docs.aws.amazon.com/eks/latest/userguide/service-accounts.html)."""
_STREAM = "kube-apiserver-audit-4d5145b3a5a1a4bd9ab4ad0a05a3d4f5"


@operation("logs", "StartQuery")
def start_query(call: SurroundingCall) -> Json:
    name = call.get("logGroupName")
    cluster = next((one for one in call.clusters() if one.log_types and name == f"/aws/eks/{one.name}/cluster"), None)
    if cluster is None:
        raise Refused("ResourceNotFoundException", f"Log group '{name}' does not exist for account ID '{call.account}'")
    events = [
        event
        for event in audit_events(cluster, call.world.now)
        if call.get("startTime") <= int(event["@timestamp"]) / 1000 <= call.get("endTime")
    ]
    try:
        rows = run(call.get("queryString"), events)
    except MalformedQuery as error:
        raise Refused("MalformedQueryException", str(error)) from None
    queries: dict[str, Any] = call.memory.setdefault("queries", {})
    query_id = call.world.draws.uuid("logs-query", call.account, call.region, len(queries))
    queries[query_id] = {"rows": rows[: call.get("limit") or 1000], "looks": 0, "scanned": len(events)}
    return {"queryId": query_id}


@operation("logs", "GetQueryResults")
def get_query_results(call: SurroundingCall) -> Json:
    """The first look finds the query running, every later one its end."""
    found = _query(call)
    found["looks"] += 1
    if found["looks"] == 1:
        return {"results": [], "status": "Running", "queryLanguage": "CWLI"}
    statistics = {"recordsMatched": float(len(found["rows"])), "recordsScanned": float(found["scanned"])}
    return {"results": found["rows"], "status": "Complete", "statistics": statistics, "queryLanguage": "CWLI"}


@operation("logs", "StopQuery")
def stop_query(call: SurroundingCall) -> Json:
    found = _query(call)
    if found["looks"] > 1:
        raise Refused("InvalidParameterException", "Query is not in a state that can be stopped")
    found["looks"] = 2
    return {"success": True}


def _query(call: SurroundingCall) -> dict[str, Any]:
    found: dict[str, Any] | None = call.memory.get("queries", {}).get(call.get("queryId"))
    if found is None:
        raise Refused("ResourceNotFoundException", "Query does not exist.")
    return found


def audit_events(cluster: Cluster, now: datetime) -> Iterator[dict[str, str]]:
    """What the API server wrote down in the last month of those who call what goes, or with a token that is stale."""
    if "audit" not in cluster.log_types:
        return
    for use in cluster.deprecated_uses:
        gap = MONTH / max(1, use.requests_last_30_days)
        for number in range(use.requests_last_30_days):
            yield _event(_call_of(use), use.last_request_at - number * gap)
    for number, user in enumerate(cluster.surroundings.stale_tokens):
        note = {
            "authentication.k8s.io/stale-token": f"subject: {user}, seconds after warning threshold: {WARNED_AFTER}"
        }
        who = {
            "user": {"username": user},
            "userAgent": "client/v0.9",
            "objectRef": {"resource": "pods", "apiVersion": "v1"},
        }
        yield _event({**who, "annotations": note}, now - timedelta(hours=1 + number))


def _call_of(use: DeprecatedUse) -> Json:
    """The usage is a path such as `/apis/policy/v1beta1/podsecuritypolicies`; the core group's is `/api/v1/…`."""
    parts = use.usage.strip("/").split("/")[1:]
    group = parts.pop(0) if use.usage.startswith("/apis/") else ""
    target = {"apiVersion": parts[0], "resource": parts[1] if len(parts) > 1 else ""}
    return {
        "objectRef": {**target, "apiGroup": group} if group else target,
        "user": {"username": f"system:serviceaccount:default:{use.user_agent.partition('/')[0]}"},
        "userAgent": use.user_agent,
        "annotations": {
            "k8s.io/deprecated": "true",
            "k8s.io/removed-release": use.stop_serving_version,
        },
    }


def _event(content: Json, at: datetime) -> dict[str, str]:
    return {
        "@timestamp": str(int(at.timestamp() * 1000)),
        "@logStream": _STREAM,
        "@message": json.dumps(content),
        **dict(_flat(content, "")),
    }


def _flat(content: Json, path: str) -> Iterator[tuple[str, str]]:
    """JSON fields as Logs Insights names them: members joined by dots."""
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(value)
