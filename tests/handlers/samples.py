"""Values as the engine makes them, for the views: a healthy two-hop upgrade and the ways it can look."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from upgrade.checklist import items_for
from upgrade.eks import ClusterId
from upgrade.events import EventKind, UpgradeEvent
from upgrade.findings import CheckResult, Finding, Report, Severity, Verdict
from upgrade.freeze import Freeze
from upgrade.gates import GateTerms
from upgrade.plan import (
    AddonStep,
    AnnounceStep,
    BakeStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    NodePolicy,
    Phase,
    PlanRequest,
    Scope,
    Step,
    UpgradePlan,
    UpgradePolicy,
    VerifyStep,
)
from upgrade.run import Approval, NodegroupMix, RunStatus, StepState, StepStatus, Tick, UpgradeRun
from upgrade.versions import AddonVersion, KubernetesVersion

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PROD = ClusterId(account="111122223333", region="eu-central-1", name="prod-eu")
V34, V35, V36 = (KubernetesVersion(1, minor) for minor in (34, 35, 36))
ADDONS = {"vpc-cni": "v1.21.1-eksbuild.3", "kube-proxy": "v1.35.0-eksbuild.2", "coredns": "v1.13.1-eksbuild.1"}
LATER = {"vpc-cni": "v1.22.0-eksbuild.1", "kube-proxy": "v1.36.0-eksbuild.2", "coredns": "v1.14.0-eksbuild.1"}

CHECKLIST = items_for((V35, V36))


def addons(version: KubernetesVersion) -> tuple[Step, ...]:
    texts = ADDONS if version == V35 else LATER
    return tuple(AddonStep(name=name, version=AddonVersion.parse(text)) for name, text in texts.items())


def groups(version: KubernetesVersion) -> tuple[NodegroupStep, ...]:
    return tuple(
        NodegroupStep(name=name, version=version, release_version=f"{version}.1-20261110") for name in ("core", "batch")
    )


def phase(kind: Any, at: KubernetesVersion, title: str, *steps: Step, gate: bool = False) -> Phase:
    name = f"{kind}@{at}"
    return Phase(id=name, kind=kind, title=title, steps=steps, gate=name if gate else None)


def two_hops(*, gate: bool = False) -> UpgradePlan:
    phases = [Phase(id="announce", kind="announce", title="Announcement", steps=(AnnounceStep(),))]
    for version in (V35, V36):
        move = ControlPlaneStep(version=version, if_groups_must_match=groups(version.previous))
        phases.append(phase("control-plane", version, f"Control plane to {version}", move))
        phases.append(phase("add-ons", version, f"Add-ons for {version}", *addons(version)))
        phases.append(phase("verify", version, f"Verify {version}", VerifyStep(version=version)))
    by_hand = ConfirmStep(subject="self-managed/gpu", version=V36, summary="Replace the nodes of gpu by nodes on 1.36.")
    phases.append(phase("nodes", V36, "Nodes to 1.36", *groups(V36), by_hand, gate=gate))
    steps = [step for one in phases for step in one.steps]
    return UpgradePlan(
        cluster=PROD,
        from_version=V34,
        to_version=V36,
        scope=Scope.ALL,
        node_policy=NodePolicy.LAZY,
        approvals=1,
        requester_counts=False,
        phases=tuple(phases),
        minutes={step.id: (8.0, 30.0) if step.kind == "control-plane" else (1.0, 5.0) for step in steps},
        notes=("coredns stays on v1.13.1-eksbuild.1: EKS does not list that version for 1.36 (E-13).",),
        checklist=CHECKLIST,
    )


def with_rests(plan: UpgradePlan) -> UpgradePlan:
    """The plan with a rest behind its first hop, and one before nodes."""
    after = BakeStep(version=V35, lasts=timedelta(hours=24), next_window=True)
    before = BakeStep(version=V36, before="nodes", lasts=timedelta(hours=24))
    first = Phase(id=after.id, kind="bake", title="Watch 1.35 before the next hop", steps=(after,))
    second = Phase(id=before.id, kind="bake", title="Watch 1.36 before nodes follow", steps=(before,))
    *hops, nodes = plan.phases
    return plan.model_copy(update={"phases": (*hops[:4], first, *hops[4:], second, nodes)})


def freeze(word: str = "Year end", **values: Any) -> Freeze:
    content = {"starts_at": NOW - timedelta(days=1), "ends_at": NOW + timedelta(days=9), "lifters": ("U0CY", "S0OPS")}
    return Freeze(name=word, reason=word, **{**content, **values})


WINDOWS = ("fri 22:00-04:00", "tue 22:00-04:00")


def finding(code: str = "NET001", subject: str = "subnet-0a1", **values: Any) -> Finding:
    return Finding(
        code=code,
        subject=subject,
        summary=values.pop("summary", "Only 3 addresses are free; EKS needs 5."),
        remedy=values.pop("remedy", "Free addresses or add a subnet."),
        **values,
    )


def report(*findings: Finding) -> Report:
    failed = CheckResult(code="NET001", title="Subnets", hop=V35, verdict=Verdict.FAILED, findings=findings)
    passed = CheckResult(code="CLU001", title="Cluster is active", hop=V35, verdict=Verdict.PASSED)
    return Report(
        cluster=PROD, from_version=V34, target=V36, taken_at=NOW, results=(passed, failed) if findings else (passed,)
    )


HALF_ROTATED = NodegroupMix(step_id=f"nodegroup/core@{V36}", name="core", kubelets=((V34, 4), (V35, 3)), cordoned=1)
BLOCKER = finding(waivable=True)
WARNING = finding("NOD002", "core", severity=Severity.WARNS)
UNSEEN = finding("INS001", "prod-eu", unknown=True, permission="eks:ListInsights", summary="Insights were not read.")


def run(status: RunStatus = RunStatus.RUNNING, **values: Any) -> UpgradeRun:
    begun = status not in (
        RunStatus.CHECKING,
        RunStatus.BLOCKED,
        RunStatus.AWAITING_APPROVAL,
        RunStatus.SCHEDULED,
        RunStatus.REJECTED,
        RunStatus.EXPIRED,
    )
    content: dict[str, Any] = {
        "id": "r-20261120-ab12",
        "request": PlanRequest(cluster=PROD, target=V36),
        "policy": UpgradePolicy(),
        "requester": "U0ADA",
        "created_at": NOW,
        "status": status,
        "report": report(WARNING),
        "plan": None if status in (RunStatus.CHECKING, RunStatus.BLOCKED) else two_hops(),
        "started_at": NOW if begun else None,
        "finished_at": NOW + timedelta(minutes=72) if status.finished else None,
        "channel": "C0OPS",
    }
    if status is RunStatus.BLOCKED:
        content["report"] = report(BLOCKER, WARNING, UNSEEN)
        content["pause_reasons"] = tuple(f"{one.code} {one.subject}: {one.summary}" for one in (BLOCKER, UNSEEN))
    if status is RunStatus.AWAITING_APPROVAL:
        content["waiting_for"] = "plan"
    if status is RunStatus.SCHEDULED:
        content["start_at"] = NOW + timedelta(minutes=15)
    if begun or status is RunStatus.SCHEDULED:
        content["scheduled_at"] = NOW
    if begun:
        content["ticks"] = tuple(Tick(item=item.id, by="U0BEN", at=NOW) for item in CHECKLIST)
        content["approvals"] = (Approval(gate="plan", digest=two_hops().digest, by="U0BEN", at=NOW),)
        content["steps"] = half_way(NOW)
    return UpgradeRun(**{**content, **values})


def done(minutes: int, start: datetime) -> StepState:
    return StepState(status=StepStatus.DONE, started_at=start, finished_at=start + timedelta(minutes=minutes))


def half_way(start: datetime) -> dict[str, StepState]:
    """The first hop of the control plane is done, coredns is under way."""
    following = StepState(
        status=StepStatus.FOLLOWING, started_at=start, update_id="5f3c-77", progress="Deployment coredns 1/2"
    )
    return {
        "announce": done(0, start),
        f"control-plane@{V35}": done(11, start),
        f"addon/vpc-cni@{ADDONS['vpc-cni']}": done(2, start),
        f"addon/kube-proxy@{ADDONS['kube-proxy']}": done(2, start),
        f"addon/coredns@{ADDONS['coredns']}": following,
    }


EVENT_DATA: dict[EventKind, dict[str, Any]] = {
    EventKind.RUN_REQUESTED: {"target": "1.36", "scope": "all"},
    EventKind.CHECKS_FINISHED: {"blockers": 1, "warnings": 2, "unknowns": 0, "ahead": 24},
    EventKind.REQUEST_REFUSED: {"verb": "abort", "reason": "that is for operators"},
    EventKind.RUN_BLOCKED: {"codes": ["NET001", "POD003"], "reasons": ["Only 3 addresses are free."]},
    EventKind.PLAN_READY: {"digest": "ab" * 32},
    EventKind.PLAN_CHANGED: {
        "old": "ab" * 32,
        "new": "cd" * 32,
        "added": [f"nodegroup/core@{V36}", "addon/adot@v0.9-eksbuild.1"],
        "dropped": [f"nodegroup/core@{V36}", "nodegroup/gone@1.36"],
    },
    EventKind.APPROVAL_GIVEN: {
        "gate": "plan",
        "digest": "ab" * 32,
        "given": 1,
        "needed": 2,
        "ticked": ["kubectl", "gone"],
    },
    EventKind.BREAK_GLASS_USED: {
        "gate": "nodes@1.36",
        "digest": "5f3c" * 16,
        "reason": "a hole is being used",
        "until": (NOW + timedelta(hours=4)).isoformat(),
        "given": 1,
        "needed": 2,
        "unticked": ["kubectl", "gone"],
    },
    EventKind.APPROVAL_REFUSED: {"gate": "nodes@1.36", "reason": "not an approver"},
    EventKind.RUN_REJECTED: {"gate": "plan", "reason": "not on a Friday"},
    EventKind.WAIVER_GIVEN: {"code": "NET001", "subject": "subnet-0a1", "reason": "known"},
    EventKind.WAIVER_EXPIRED: {"code": "NET001", "subject": "subnet-0a1", "until": "2026-11-19"},
    EventKind.RUN_SCHEDULED: {"start_at": NOW.isoformat()},
    EventKind.RUN_RESCHEDULED: {
        "start_at": (NOW + timedelta(days=4)).isoformat(),
        "before": (NOW + timedelta(days=3)).isoformat(),
    },
    EventKind.START_MISSED: {"start_at": NOW.isoformat()},
    EventKind.FREEZE_LIFTED: {"freeze": "Year end", "reason": "a security fix"},
    EventKind.GATE_OPENED: {"gate": "nodes@1.36", "attended": "S0NIGHT", "reason": "a step was slow"},
    EventKind.GATE_PASSED: {"gate": "nodes@1.36"},
    EventKind.PHASE_STARTED: {"phase": "nodes@1.36", "title": "Nodes to 1.36"},
    EventKind.PHASE_FINISHED: {"phase": "nodes@1.36", "title": "Nodes to 1.36", "seconds": 600},
    EventKind.STEP_STARTED: {"attempt": 1},
    EventKind.UPDATE_STARTED: {"update_id": "5f3c-77"},
    EventKind.UPDATE_ADOPTED: {"update_id": "5f3c-77"},
    EventKind.STEP_PROGRESSED: {"text": "nodes 7/12", "done": 7, "total": 12},
    EventKind.STEP_SLOW: {"minutes": 45, "budget": 30},
    EventKind.STEP_SKIPPED: {"reason": "it was already true"},
    EventKind.STEP_BLOCKED: {
        "reasons": ["shop/web-0 is held by PodDisruptionBudget shop/web", "about 9 of 15 minutes"]
    },
    EventKind.STEP_FAILED: {
        "code": "PodEvictionFailure",
        "meaning": "A pod could not be moved away.",
        "action": "Loosen the budget, then Retry.",
        "message": "Reached max retries while trying to evict pods",
    },
    EventKind.STEP_FINISHED: {"seconds": 660.0},
    EventKind.BRANCH_TAKEN: {"step_ids": ["nodegroup/core@1.35"]},
    EventKind.WARNING_RAISED: {"text": "shop/Deployment/web has 2 of 3 ready"},
    EventKind.PAUSE_REQUESTED: {"under_way": [{"step_id": f"control-plane@{V35}", "update_id": "5f3c-77"}]},
    EventKind.RUN_PAUSED: {"reasons": ["a person asked for it"], "codes": [], "under_way": []},
    EventKind.WINDOW_CLOSED: {"opens_at": NOW.isoformat(), "reason": "Year end: nobody is there"},
    EventKind.RETRY_REQUESTED: {"attempt": 2},
    EventKind.ABORT_REQUESTED: {"under_way": [{"step_id": f"control-plane@{V35}", "update_id": "5f3c-77"}]},
    EventKind.RUN_ABORTED: {
        "control_plane": "1.35",
        "node_groups": [HALF_ROTATED.model_dump(mode="json")],
        "done": [],
        "not_done": [f"control-plane@{V36}", f"nodegroup/core@{V36}"],
    },
    EventKind.RUN_SUCCEEDED: {"seconds": 4320},
    EventKind.BOT_RESTARTED: {"following": [{"step_id": f"control-plane@{V35}", "update_id": "5f3c-77"}]},
    EventKind.CALL_ACKNOWLEDGED: {"call": "step-failed"},
    EventKind.RUN_TAKEN_OVER: {"before": "U0BEN"},
    EventKind.RUN_MUTED: {"until": NOW.isoformat()},
    EventKind.NOTE_ADDED: {"text": "the budget of shop/web is being changed"},
    EventKind.SLACK_UNREACHABLE: {"since": NOW.isoformat()},
}


def with_terms(plan: UpgradePlan, terms: GateTerms) -> UpgradePlan:
    """The plan with its gates kept so."""
    kept = [one.model_copy(update={"gate_terms": terms}) if one.gate else one for one in plan.phases]
    return plan.model_copy(update={"phases": tuple(kept)})


def event(kind: EventKind, seq: int = 1, *, actor: str | None = "U0ADA", **data: Any) -> UpgradeEvent:
    return UpgradeEvent(
        run_id="r-20261120-ab12",
        seq=seq,
        at=NOW,
        kind=kind,
        actor=actor,
        step_id=f"control-plane@{V35}",
        data=data or EVENT_DATA.get(kind, {}),
    )
