"""Look whether all is as planned and no workload is worse than before (A-28, D-07)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from upgrade.engine.baseline import critical_namespaces, unready_now, workload_key
from upgrade.engine.course import SETTLED
from upgrade.engine.steps.context import StepContext, Watching
from upgrade.engine.steps.harmless import harmless
from upgrade.errors import NotFound
from upgrade.plan import NodegroupStep, VerifyStep
from upgrade.rows import NodeRow, PodRow, WorkloadRow
from upgrade.run import Blocked, Done, Outcome, Wait
from upgrade.versions import AddonVersion

#: A workload is worse when it was ready at the baseline and has been unready for this long since the look began.
WORSE_AFTER: Final = timedelta(minutes=10)
LOOK: Final = timedelta(seconds=15)
_SINCE: Final = "unready/"
_OFF_PLAN: Final = "off-plan"


class VerifyKind(Watching[VerifyStep]):
    def follow(self, step: VerifyStep, context: StepContext) -> Outcome:
        memory = dict(context.state.memory)
        off_plan = _off_plan(step, context)
        if off_plan:
            since = datetime.fromisoformat(memory.setdefault(_OFF_PLAN, context.now.isoformat()))
            if context.now - since >= WORSE_AFTER:
                return Blocked(reasons=tuple(off_plan), memory={})
        else:
            memory.pop(_OFF_PLAN, None)
        return _judge(step, context, memory, off_plan)


def _judge(step: VerifyStep, context: StepContext, memory: dict[str, str], off_plan: list[str]) -> Outcome:
    """Nothing worse is done at once; what is unready gets ten minutes to settle."""
    unready = unready_now(context.run.baseline, context.kube.workloads()) if context.run.baseline else ()
    pods = context.kube.pods() if unready else ()
    symptoms = {workload_key(row): harmless(workload_key(row), pods, step.version) for row in unready}
    notes = [f"Known and harmless ({known.rule}): {known.text}" for known in symptoms.values() if known]
    judged = [row for row in unready if symptoms[workload_key(row)] is None]
    kept = {f"{_SINCE}{workload_key(row)}" for row in judged}
    memory = {key: value for key, value in memory.items() if not key.startswith(_SINCE) or key in kept}
    worse: list[WorkloadRow] = []
    settling: list[WorkloadRow] = []
    for row in judged:
        since = datetime.fromisoformat(memory.setdefault(f"{_SINCE}{workload_key(row)}", context.now.isoformat()))
        (worse if context.now - since >= WORSE_AFTER else settling).append(row)
    if settling or off_plan:
        waiting = [*off_plan, *(_sentence(row, pods) for row in settling)]
        text = f"Settling: {'; '.join(waiting[:3])}{' …' if len(waiting) > 3 else ''}"
        return Wait(seconds=LOOK.total_seconds(), progress=text, warnings=tuple(notes), memory=memory)
    critical = critical_namespaces(context.kube.namespaces()) if worse else frozenset()
    if bad := [row for row in worse if row.namespace in critical]:
        return Blocked(reasons=tuple(f"Worse than before: {_sentence(row, pods)}" for row in bad), memory={})
    warnings = (*notes, *(f"Worse than before: {_sentence(row, pods)}" for row in worse))
    return Done(warnings=warnings)


def _sentence(row: WorkloadRow, pods: Sequence[PodRow]) -> str:
    stem = f"{row.name}-"
    reasons = sorted({r for p in pods if p.namespace == row.namespace and p.name.startswith(stem) for r in p.waiting})
    why = f" ({', '.join(reasons)})" if reasons else ""
    return f"{row.kind} {row.namespace}/{row.name} has {row.ready} of {row.replicas} pods ready{why}"


def _off_plan(step: VerifyStep, context: StepContext) -> list[str]:
    """What is not as the settled part of the plan says: versions, health, nodes."""
    plane = context.aws.describe_cluster()
    problems = []
    if plane.version != step.version or plane.status != "ACTIVE":
        problems.append(f"the control plane is {plane.status} on {plane.version}, planned is {step.version}")
    problems += [f"cluster health says {issue.code}" for issue in plane.issues]
    problems += _addon_problems(context)
    problems += [f"node {node.name} is not Ready" for node in context.kube.nodes() if _down(node)]
    problems += _group_problems(context)
    return problems


def _down(node: NodeRow) -> bool:
    return not node.ready and node.deletion_at is None


def _planned_addons(context: StepContext) -> dict[str, AddonVersion]:
    """The version that each add-on has after the phases so far."""
    planned: dict[str, AddonVersion] = {}
    plan = context.run.plan
    for phase in plan.phases if plan else ():
        if any(step.kind == "verify" and context.run.step(step.id).status not in SETTLED for step in phase.steps):
            break
        planned |= (plan.addon_versions.get(phase.id) or {}) if plan else {}
    return planned


def _addon_problems(context: StepContext) -> list[str]:
    problems = []
    for name, version in _planned_addons(context).items():
        try:
            addon = context.aws.describe_addon(name)
        except NotFound:
            problems.append(f"add-on {name} is gone")
            continue
        if addon.version != version:
            problems.append(f"add-on {name} is on {addon.version}, planned is {version}")
        elif addon.status != "ACTIVE" or addon.issues:
            codes = ", ".join(issue.code for issue in addon.issues)
            problems.append(f"add-on {name} is {addon.status}{f' ({codes})' if codes else ''}")
    return problems


def _group_problems(context: StepContext) -> list[str]:
    plan = context.run.plan
    last: dict[str, NodegroupStep] = {}
    for _, step in plan.steps() if plan else ():
        if isinstance(step, NodegroupStep) and context.run.step(step.id).status in SETTLED:
            last[step.name] = step
    problems = []
    for name, step in last.items():
        group = context.aws.describe_nodegroup(name)
        if group.version != step.version or group.status != "ACTIVE":
            problems.append(f"node group {name} is {group.status} on {group.version}, planned is {step.version}")
        problems += [f"node group {name}: {issue.code}" for issue in group.issues]
    return problems
