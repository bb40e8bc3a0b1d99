"""What EKS itself says about the upgrade (upgrade insights)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.eks import Insight
from upgrade.facts import need
from upgrade.findings import Severity

_PAGE: Final = "Amazon EKS User Guide: Prepare for Kubernetes version upgrades with cluster insights"
_PERMISSIONS: Final = ("eks:ListInsights", "eks:DescribeInsight")
_FRESH_FOR: Final = timedelta(hours=24)
#: Insights about what a plan may repair, by a piece of their name, and the kinds of steps that repair it.
_REPAIRED_BY: Final = {
    "add-on version compatibility": ("addon",),
    "kube-proxy version skew": ("addon", "confirm"),
    "kubelet version skew": ("nodegroup", "confirm"),
}


@check(
    "INS001",
    "EKS's upgrade insights show no error",
    rules=("A-13",),
    source=_PAGE,
    permissions=_PERMISSIONS,
    waivable=True,
    phases=("control-plane",),
)
def insights_show_no_error(hop: Hop) -> Iterator[Problem]:
    if not hop.within_reach:
        raise NotApplicable
    items = need(hop.now.insights).items
    about = [one for one in items if one.version in (None, hop.target)]
    if not any(one.version == hop.target for one in about):
        yield Problem(
            subject=str(hop.target),
            summary=f"EKS has no insight for {hop.target} yet.",
            remedy="Refresh the insights and check again; they are read again before each hop.",
            severity=Severity.WARNS if hop.first else Severity.INFORMS,
            unknown=True,
        )
    for insight in about:
        if insight.status in ("ERROR", "WARNING"):
            yield _problem(hop, insight)
        elif insight.status != "PASSING":
            yield Problem(
                subject=insight.name,
                summary=f"EKS could not judge “{insight.name}” ({insight.status}).",
                remedy=insight.recommendation or "Refresh the insights and check again.",
                evidence=_evidence(insight),
                unknown=True,
            )


@check(
    "INS002",
    "EKS's upgrade insights are not older than a day",
    rules=("A-14",),
    source=_PAGE,
    permissions=_PERMISSIONS,
    severity=Severity.WARNS,
    phases=("control-plane",),
)
def insights_are_fresh(hop: Hop) -> Iterator[Problem]:
    for insight in need(hop.now.insights).items:
        if insight.refreshed_at is None or hop.now.taken_at - insight.refreshed_at > _FRESH_FOR:
            when = f"{insight.refreshed_at:%Y-%m-%d %H:%M} UTC" if insight.refreshed_at else "never"
            yield Problem(
                subject=insight.name,
                summary=f"“{insight.name}” was last refreshed: {when}.",
                remedy="Refresh the insights (StartInsightsRefresh) and check again.",
            )


def _problem(hop: Hop, insight: Insight) -> Problem:
    error = insight.status == "ERROR"
    severity = Severity.BLOCKS if error else Severity.WARNS
    summary = f"EKS says: {insight.reason or insight.status}"
    remedy = insight.recommendation
    if _repaired(hop, insight):
        severity, remedy = Severity.INFORMS, ""
        summary += " The plan changes that before the hop; it is read again then."
    stale = error and "deprecated" in insight.name.lower()
    hint = " After a fix EKS may show it for up to 30 days." if stale else ""
    return Problem(insight.name, summary, remedy + hint, _evidence(insight), severity)


def _repaired(hop: Hop, insight: Insight) -> bool:
    kinds = [kind for part, kinds in _REPAIRED_BY.items() if part in insight.name.lower() for kind in kinds]
    return any(step.kind in kinds for step in hop.steps_before)


def _evidence(insight: Insight) -> dict[str, str]:
    lists = {"resources": insight.resources, "callers": insight.callers}
    return {name: ", ".join(values) for name, values in lists.items() if values}
