"""Judge a cluster: every check on every hop, on the cluster as it will be just before that hop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from upgrade.checks.registry import CRASHED, REGISTRY, Check, Hop, NotApplicable, Present, Problem
from upgrade.cluster import ClusterSnapshot
from upgrade.collector import collector_held_back
from upgrade.errors import FactUnknown
from upgrade.findings import CheckResult, Finding, Report, Severity, Verdict
from upgrade.plan import ControlPlaneStep, UpgradePlan
from upgrade.projection import project
from upgrade.versions import KubernetesVersion, hops


def run_checks(
    snapshot: ClusterSnapshot,
    wish: UpgradePlan | KubernetesVersion,
    *,
    own_updates: Collection[str] = (),
    checks: Iterable[Check] = REGISTRY,
) -> Report:
    """Every verdict for a plan, or for a target version while no plan could be made.

    Args:
        wish: with a plan each hop is judged on the snapshot as it will be just before its control plane step, so that
            what the plan itself repairs is no finding; with a bare target nothing counts as repaired.
        own_updates: ids of EKS updates that the run itself has under way; they do not make the cluster busy (A-01).
    """
    checks = tuple(checks)
    seen = tuple(_hops(snapshot, wish, frozenset(own_updates)))
    with collector_held_back():
        results = tuple(verdict_of(check, hop) for hop in seen for check in checks)
    return Report(
        cluster=snapshot.cluster,
        from_version=snapshot.control_plane.version,
        target=wish.to_version if isinstance(wish, UpgradePlan) else wish,
        taken_at=snapshot.taken_at,
        results=results,
    )


def verdict_of(check: Check, hop: Hop) -> CheckResult:
    """What one check says of one hop. A fact that is unknown and a crash are findings, never silence."""
    findings: list[Finding] = []
    applicable = check.applies(hop)
    if applicable:
        try:
            findings.extend(_finding(check, hop, problem) for problem in check.judge(hop))
        except NotApplicable:
            applicable = False
        except FactUnknown as unknown:
            findings.append(_unread(check, hop, unknown))
        except Exception as crash:
            # A defect of ours must not read as "all is well".
            findings.append(_crashed(check, hop, crash))
    return CheckResult(
        code=check.code,
        title=check.title,
        hop=hop.target,
        verdict=_verdict(applicable, findings),
        rules=check.rules,
        source=check.source,
        findings=tuple(findings),
    )


def _hops(
    snapshot: ClusterSnapshot, wish: UpgradePlan | KubernetesVersion, own_updates: frozenset[str]
) -> Iterator[Hop]:
    if isinstance(wish, UpgradePlan):
        plan, target, steps = wish, wish.to_version, [step for _, step in wish.steps()]
    else:
        plan, target = None, wish
        steps = [ControlPlaneStep(version=version) for version in hops(snapshot.control_plane.version, wish)]
    moves = [number for number, step in enumerate(steps) if isinstance(step, ControlPlaneStep)]
    present, before, done = Present(snapshot), snapshot, 0
    planned: list[Hop] = []
    for number in moves:
        before, done = project(before, steps[done:number]), number
        planned.append(Hop(present, before, _version(steps[number]), plan, tuple(steps[:number]), own_updates, target))
    barred = [hop for hop in planned if plan is None and not hop.within_reach]
    # Nobody comes past the first that is out of reach: what lies before and behind it says nothing about the wish.
    yield from barred[:1] or planned
    if not moves:
        yield Hop(present, project(snapshot, steps), target, plan, tuple(steps), own_updates)


def _version(step: object) -> KubernetesVersion:
    assert isinstance(step, ControlPlaneStep)
    return step.version


def _verdict(applicable: bool, findings: list[Finding]) -> Verdict:
    if not applicable:
        return Verdict.NOT_APPLICABLE
    worth_it = [finding for finding in findings if finding.unknown or finding.severity is not Severity.INFORMS]
    if not worth_it:
        return Verdict.PASSED
    return Verdict.UNKNOWN if all(finding.unknown for finding in worth_it) else Verdict.FAILED


def _finding(check: Check, hop: Hop, problem: Problem) -> Finding:
    return Finding(
        code=check.code,
        subject=problem.subject,
        summary=problem.summary,
        remedy=problem.remedy,
        evidence=dict(problem.evidence),
        severity=check.severity if problem.severity is None else problem.severity,
        stops=check.stops if problem.stops is None else problem.stops,
        hop=hop.target,
        unknown=problem.unknown,
        permission=problem.permission,
        waivable=check.waivable,
    )


def _unread(check: Check, hop: Hop, unknown: FactUnknown) -> Finding:
    """What could not be read weighs what the check weighs; what nobody was meant to read weighs nothing."""
    again = "" if unknown.chosen else "Check again."
    return Finding(
        code=check.code,
        subject=hop.now.cluster.name,
        summary=f"Could not be checked: {unknown.reason}",
        remedy=f"Allow {unknown.permission} and check again." if unknown.permission else again,
        severity=Severity.INFORMS if unknown.chosen else check.severity,
        stops=check.stops,
        hop=hop.target,
        unknown=True,
        permission=unknown.permission,
        waivable=check.waivable,
    )


def _crashed(check: Check, hop: Hop, crash: Exception) -> Finding:
    return Finding(
        code=CRASHED,
        subject=check.code,
        summary=f"Check {check.code} crashed ({type(crash).__name__}), so nobody knows whether “{check.title}” holds.",
        remedy="This is a defect of the bot: report it with the snapshot (eks-upgrade-bot snapshot).",
        evidence={"error": str(crash)[:200]},
        severity=check.severity,
        stops=check.stops,
        hop=hop.target,
        unknown=True,
    )
