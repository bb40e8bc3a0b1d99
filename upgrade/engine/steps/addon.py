"""Move one EKS add-on to its pinned version and see it work (C-12, E-02, E-04, E-21)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from upgrade.eks import Addon, UpdateSubject
from upgrade.engine.steps.addon_workloads import look_at_rollout
from upgrade.engine.steps.context import Act, StepContext
from upgrade.engine.steps.updates import Wanted, find_update, follow_update, settling
from upgrade.plan import AddonStep
from upgrade.remedies import explain_update_error
from upgrade.run import Done, Failed, Outcome, Wait

#: How long an add-on may be DEGRADED after its update ended well before that is a failure.
DEGRADED_PATIENCE: Final = timedelta(minutes=10)
_BUSY: Final = frozenset({"UPDATING", "CREATING", "DELETING"})
_RESTARTS: Final = "restarts/"


def _wanted(step: AddonStep) -> Wanted:
    return Wanted(
        UpdateSubject(kind="addon", name=step.name),
        "AddonUpdate",
        {"AddonVersion": str(step.version)},
        {"ResolveConflicts": step.resolve_conflicts},
    )


class AddonKind:
    def observe(self, step: AddonStep, context: StepContext) -> Outcome | None:
        addon = context.aws.describe_addon(step.name)
        busy = addon.status in _BUSY
        found = find_update(_wanted(step), context, busy=busy, poll=context.settings.poll_addon)
        if found is not None:
            return found
        if addon.version > step.version:
            return Failed(
                code="AddonNewerThanPlanned",
                message=f"{step.name} is on {addon.version}, the plan says {step.version}.",
                meaning=f"Somebody moved {step.name} past the planned version; it is never moved back silently.",
                action="Press Abort and plan again.",
            )
        if addon.version == step.version and addon.status == "ACTIVE" and not addon.issues:
            return Done(skipped=True, note=f"{step.name} already is on {addon.version}.")
        return None

    def prepare(self, step: AddonStep, context: StepContext) -> Act:
        aws, addon = context.changing(), context.aws.describe_addon(step.name)
        memory = {f"{_RESTARTS}{pod}": str(n) for pod, n in look_at_rollout(step.name, context.kube).restarts.items()}

        def act(token: str) -> Outcome:
            update = aws.update_addon(
                step.name,
                step.version,
                resolve_conflicts=step.resolve_conflicts,
                role_arn=addon.role_arn,
                token=token,
            )
            return Wait(seconds=context.settings.poll_addon.total_seconds(), update=update, memory=memory)

        return act

    def follow(self, step: AddonStep, context: StepContext) -> Outcome:
        poll = context.settings.poll_addon
        progress = f"EKS is moving {step.name} to {step.version}."
        under_way = follow_update(_wanted(step), context, poll=poll, progress=progress)
        if under_way is not None:
            return under_way
        addon = context.aws.describe_addon(step.name)
        if addon.status == "UPDATE_FAILED":
            return _failure(addon)
        if addon.version != step.version or addon.status != "ACTIVE" or addon.issues:
            return _unwell(addon, context)
        return _rolled_out(step, context)


def _failure(addon: Addon) -> Failed:
    code = addon.issues[0].code if addon.issues else addon.status
    remedy = explain_update_error(code, "addon")
    return Failed(
        code=code,
        message=" ".join(issue.message for issue in addon.issues if issue.message),
        meaning=remedy.meaning,
        action=remedy.action,
        resources=tuple(one for issue in addon.issues for one in issue.resource_ids),
        update_ended=True,
    )


def _unwell(addon: Addon, context: StepContext) -> Outcome:
    """EKS calls its update a success, yet the add-on is not well: give it time, then call that a failure."""
    memory = dict(context.state.memory)
    if addon.issues or addon.status == "DEGRADED":
        since = datetime.fromisoformat(memory.setdefault("unwell", context.now.isoformat()))
        if context.now - since >= DEGRADED_PATIENCE:
            return _failure(addon)
    issues = ", ".join(issue.code for issue in addon.issues)
    text = f"EKS has finished; {addon.name} is {addon.status} on {addon.version}{f' ({issues})' if issues else ''}."
    return Wait(seconds=settling(context.settings.poll_addon), progress=text, memory=memory)


def _rolled_out(step: AddonStep, context: StepContext) -> Outcome:
    rollout = look_at_rollout(step.name, context.kube)
    before = _restarts(context.state.memory)
    memory = {key: value for key, value in context.state.memory.items() if not key.startswith(_RESTARTS)}
    memory |= {f"{_RESTARTS}{pod}": str(number) for pod, number in rollout.restarts.items()}
    rising = sorted(pod for pod, number in rollout.restarts.items() if number > before.get(pod, 0))
    waiting = [*rollout.problems, *(f"pod {pod} restarted" for pod in rising)]
    if not waiting:
        return Done()
    text = f"EKS has finished; {'; '.join(waiting[:3])}."
    return Wait(seconds=settling(context.settings.poll_addon), progress=text, memory=memory)


def _restarts(memory: Mapping[str, str]) -> dict[str, int]:
    return {key.removeprefix(_RESTARTS): int(value) for key, value in memory.items() if key.startswith(_RESTARTS)}
