"""Plans, runs and reports for the tests of the engine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from upgrade.eks import ClusterId
from upgrade.findings import CheckResult, Finding, Report, Stops, Verdict
from upgrade.gates import PLAN_GATE
from upgrade.plan import (
    AddonStep,
    AnnounceStep,
    ConfirmStep,
    ControlPlaneStep,
    NodegroupStep,
    NodePolicy,
    Phase,
    PlanRequest,
    Scope,
    UpgradePlan,
    UpgradePolicy,
    VerifyStep,
)
from upgrade.run import Approval, Intent, RunStatus, StepState, StepStatus, UpgradeRun
from upgrade.versions import AddonVersion, KubernetesVersion

NOW = datetime(2026, 3, 3, 10, 0, tzinfo=UTC)
CLUSTER = ClusterId(account="111122223333", region="eu-central-1", name="prod-eu")
V34, V35, V36 = (KubernetesVersion.parse(text) for text in ("1.34", "1.35", "1.36"))

CONTROL_PLANE = ControlPlaneStep(
    version=V35, if_groups_must_match=(NodegroupStep(name="core", version=V34, release_version="1.34.1-1"),)
)
ADDON = AddonStep(name="coredns", version=AddonVersion("v1.13.0-eksbuild.1"))
CORE = NodegroupStep(name="core", version=V35, release_version="1.35.0-1")
APPS = NodegroupStep(name="apps", version=V35, release_version="1.35.0-1")
CONFIRM = ConfirmStep(subject="controller/cluster-autoscaler", version=V35, summary="Upgrade the autoscaler.")
VERIFY = VerifyStep(version=V35)


def make_plan(*, gate: bool = False, parallelism: int = 1, **changes: Any) -> UpgradePlan:
    """One hop: announce, control plane, add-on, two node groups, a confirmation, verify."""
    plan = UpgradePlan(
        cluster=CLUSTER,
        from_version=V34,
        to_version=V35,
        scope=Scope.ALL,
        node_policy=NodePolicy.LAZY,
        approvals=1,
        requester_counts=False,
        phases=(
            Phase(id="announce", kind="announce", title="Announce", steps=(AnnounceStep(),)),
            Phase(id="control-plane@1.35", kind="control-plane", title="Control plane 1.35", steps=(CONTROL_PLANE,)),
            Phase(id="add-ons@1.35", kind="add-ons", title="Add-ons for 1.35", steps=(ADDON,)),
            Phase(
                id="nodes@1.35",
                kind="nodes",
                title="Nodes to 1.35",
                parallelism=parallelism,
                gate="nodes@1.35" if gate else None,
                steps=(CORE, APPS),
            ),
            Phase(id="manual@1.35", kind="nodes", title="By hand", steps=(CONFIRM,)),
            Phase(id="verify@1.35", kind="verify", title="Verify", steps=(VERIFY,)),
        ),
    )
    return plan.model_copy(update=changes)


def make_finding(
    code: str = "POD001", subject: str = "shop/web", stops: tuple[Stops, ...] = ("all",), **changes: Any
) -> Finding:
    finding = Finding(code=code, subject=subject, summary="One thing is wrong.", stops=stops, waivable=True)
    return finding.model_copy(update=changes)


def make_report(*findings: Finding) -> Report:
    result = CheckResult(
        code="POD001",
        title="All is well",
        hop=V35,
        verdict=Verdict.FAILED if findings else Verdict.PASSED,
        findings=findings,
    )
    return Report(cluster=CLUSTER, from_version=V34, target=V35, taken_at=NOW, results=(result,))


def make_run(stage: RunStatus = RunStatus.CHECKING, **changes: Any) -> UpgradeRun:
    """A run as it would stand in the status ``stage``, at its most ordinary."""
    plan = changes.get("plan") or make_plan()
    run = UpgradeRun(
        id="run-1",
        request=PlanRequest(cluster=CLUSTER, target=V35),
        policy=UpgradePolicy(notice=timedelta(minutes=15)),
        requester="U-ASKS",
        created_at=NOW,
        status=stage,
        next_due_at=NOW,
        last_seq=7,
    )
    expires = {"expires_at": NOW + timedelta(hours=24)}
    approval = Approval(gate=PLAN_GATE, digest=plan.digest, by="U-APPROVES", at=NOW)
    scheduled = {
        "plan": plan,
        "report": make_report(),
        "approvals": (approval,),
        "scheduled_at": NOW,
        "start_at": NOW + timedelta(minutes=15),
        "notice_at": NOW,
    }
    started = {**scheduled, "started_at": NOW, "start_at": NOW, "phases_checked": ("control-plane@1.35",)}
    fields: dict[RunStatus, dict[str, Any]] = {
        RunStatus.CHECKING: {},
        RunStatus.BLOCKED: {"report": make_report(make_finding()), "plan": plan, **expires},
        RunStatus.AWAITING_APPROVAL: {"plan": plan, "report": make_report(), "waiting_for": PLAN_GATE, **expires},
        RunStatus.SCHEDULED: scheduled,
        RunStatus.RUNNING: started,
        RunStatus.PAUSED: {
            **started,
            "intent": Intent.PAUSE,
            "paused_by": "U-OPS",
            "pause_reasons": ("U-OPS paused it.",),
        },
    }
    ended = {**started, "finished_at": NOW}
    return run.model_copy(update={**fields.get(stage, ended), **changes})


def following(update_id: str | None = "u-1", **changes: Any) -> StepState:
    state = StepState(
        status=StepStatus.FOLLOWING, token="t" * 64, update_id=update_id, intended_at=NOW, started_at=NOW, due_at=NOW
    )
    return state.model_copy(update=changes)


def done(*step_ids: str) -> dict[str, StepState]:
    state = StepState(status=StepStatus.DONE, token="t" * 64, started_at=NOW, finished_at=NOW)
    return dict.fromkeys(step_ids, state)


UP_TO_NODES = done("announce", CONTROL_PLANE.id, ADDON.id)
