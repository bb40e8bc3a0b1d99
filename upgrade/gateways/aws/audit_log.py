"""Questions to the control plane's audit log in CloudWatch Logs Insights, which counts on its own side (A-17, A-86)."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from upgrade.api_usage import ApiRequest
from upgrade.errors import PermanentError, TemporaryError

#: The machine's clock: how long one question may take, and how long to wait between two looks at its answer.
PATIENCE_SECONDS = 90.0
FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS: Final = 5.0
_MOST_ROWS: Final = 10_000

_REMOVED: Final = "annotations.k8s.io/removed-release"
REMOVED_APIS: Final = (
    "filter @logStream like /^kube-apiserver-audit/"
    f' | filter `annotations.k8s.io/deprecated` = "true" and ispresent(`{_REMOVED}`)'
    " | stats count(*) as requests, max(@timestamp) as last"
    f" by objectRef.apiGroup, objectRef.apiVersion, objectRef.resource, objectRef.subresource, `{_REMOVED}`,"
    " userAgent, user.username"
    " | sort requests desc"
)
STALE_TOKENS: Final = (
    "filter @logStream like /^kube-apiserver-audit/"
    " | filter @message like /seconds after warning threshold/"
    " | stats count(*) as requests by user.username"
    " | sort requests desc"
)

Row = Mapping[str, str]


def log_group(cluster: str) -> str:
    return f"/aws/eks/{cluster}/cluster"


def audit_log_off(cluster: str) -> PermanentError:
    return PermanentError(
        f"The audit log of {cluster} is off, so nobody can say who called what.",
        f"Turn it on: aws eks update-cluster-config --name {cluster} --logging "
        """'{"clusterLogging":[{"types":["audit"],"enabled":true}]}'""",
        code="AuditLogOff",
    )


def ask(logs: Any, cluster: str, query: str, since: datetime, until: datetime) -> list[Row]:
    """The rows that a query answers, each by the names of its columns.

    Raises TemporaryError when it takes too long; the query is stopped then. PermanentError when there is no audit log
    or the query fails.
    """
    try:
        started = logs.start_query(
            logGroupName=log_group(cluster),
            startTime=int(since.timestamp()),
            endTime=int(until.timestamp()),
            queryString=query,
            limit=_MOST_ROWS,
        )
    except logs.exceptions.ResourceNotFoundException:
        raise audit_log_off(cluster) from None
    return _followed(logs, started["queryId"])


def _followed(logs: Any, query_id: str) -> list[Row]:
    until, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
    nobody = threading.Event()
    while True:
        answer = logs.get_query_results(queryId=query_id)
        status = answer["status"]
        if status == "Complete":
            return [_row(fields) for fields in answer["results"]]
        if status in ("Failed", "Cancelled", "Timeout"):
            raise PermanentError(
                f"CloudWatch Logs could not answer the question to the audit log: it ended as {status}.",
                "Check again later; a shorter retention of the log group makes the question smaller.",
                code=f"Query{status}",
            )
        if time.monotonic() >= until:
            # It is paid for what it has read so far, and for nothing after this.
            with suppress(logs.exceptions.InvalidParameterException):  # it has just ended
                logs.stop_query(queryId=query_id)
            raise TemporaryError(
                f"CloudWatch Logs did not answer the question to the audit log within {PATIENCE_SECONDS:.0f} seconds.",
                "Check again later.",
                code="QueryTooSlow",
            )
        nobody.wait(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _row(fields: list[dict[str, str]]) -> Row:
    return {field["field"].replace("`", ""): field.get("value") or "" for field in fields}


def api_request(row: Row) -> ApiRequest:
    return ApiRequest(
        group=row.get("objectRef.apiGroup", ""),
        version=row.get("objectRef.apiVersion", ""),
        resource=row.get("objectRef.resource", ""),
        subresource=row.get("objectRef.subresource", ""),
        removed_release=row.get(_REMOVED, ""),
        username=row.get("user.username", ""),
        user_agent=row.get("userAgent", ""),
        count=int(float(row.get("requests") or 0)),
        last_at=_moment(row.get("last", "")),
    )


def _moment(text: str) -> datetime | None:
    """``max(@timestamp)``: milliseconds since 1970, or the text that Logs Insights shows for a timestamp."""
    try:
        return datetime.fromtimestamp(float(text) / 1000, UTC)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
