"""Which buttons a run has now: those that apply, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from handlers.ids import Action, RunRef, encode_request
from handlers.views import kit
from handlers.views.limits import Block
from handlers.views.progress import Minutes, way
from handlers.views.rests import holding_freeze
from upgrade.checklist import unticked
from upgrade.errors import UpgradeError
from upgrade.estimate import phase_minutes, total_minutes
from upgrade.findings import Finding, without_waived
from upgrade.plan import ConfirmStep, Phase
from upgrade.run import RunStatus, StepStatus, UpgradeRun
from upgrade.verbs import (
    must_be_going,
    must_be_recheckable,
    must_be_resumable,
    must_be_waivable,
    must_have_failed,
    must_not_be_paused,
    must_not_have_begun,
)

_LABELS = {
    Action.ABORT: "Abort…",
    Action.REJECT: "Reject…",
    Action.WAIVE: "Waive…",
    Action.RESCHEDULE: "Reschedule…",
    Action.RESCHEDULE_NOW: "Start now…",
    Action.CANCEL: "Cancel…",
    Action.LIFT: "Lift…",
}
_DANGEROUS = (Action.ABORT, Action.CANCEL)


def applicable(run: UpgradeRun) -> tuple[Action, ...]:
    """The actions that the service would take now and that people need, in the order of their buttons."""
    if not _takes(must_be_going, run):
        return ()
    actions: list[Action] = []
    if run.status is RunStatus.AWAITING_APPROVAL:
        actions += [Action.APPROVE, Action.REJECT]
    stopped = run.status is RunStatus.BLOCKED or run.blocked_phase is not None
    if stopped and _takes(must_be_recheckable, run):
        actions.append(Action.RECHECK)
    if waivable(run):
        actions.append(Action.WAIVE)
    if waiting_confirmations(run):
        actions.append(Action.CONFIRM)
    if _takes(must_have_failed, run):
        actions.append(Action.RETRY)
    elif not stopped and _takes(must_be_resumable, run):
        actions.append(Action.RESUME)
    elif run.status in (RunStatus.RUNNING, RunStatus.SCHEDULED) and _takes(must_not_be_paused, run):
        actions += [] if run.missed_start else [Action.PAUSE]
    actions += [Action.LIFT] if (freeze := holding_freeze(run)) and freeze.lifters else []
    return (*actions, *_about_the_start(run))


def _about_the_start(run: UpgradeRun) -> tuple[Action, ...]:
    """Of a run that has a start ahead, how to move it and call it off; of others, how to end them."""
    if not _takes(must_not_have_begun, run) or (run.start_at or run.wanted_at) is None:
        return (Action.ABORT,)
    now = (Action.RESCHEDULE_NOW,) if run.missed_start else ()
    return (*now, Action.RESCHEDULE, Action.CANCEL)


def _takes(must: Callable[[UpgradeRun], None], run: UpgradeRun) -> bool:
    try:
        must(run)
    except UpgradeError:
        return False
    return True


def waivable(run: UpgradeRun) -> tuple[Finding, ...]:
    """Findings in the way that the service would let somebody waive now."""
    left = without_waived(run.report.blockers, run.waivers) if run.report else ()

    def takes(finding: Finding) -> bool:
        return _takes(lambda one: must_be_waivable(one, finding.code, finding.subject, "asked"), run)

    return tuple(finding for finding in left if finding.waivable and takes(finding))


def waiting_confirmations(run: UpgradeRun) -> tuple[ConfirmStep, ...]:
    """Steps that wait for a person's word now."""
    steps = [step for _, step in run.plan.steps()] if run.plan else []
    return tuple(
        step
        for step in steps
        if isinstance(step, ConfirmStep)
        and run.step(step.id).status is StepStatus.FOLLOWING
        and run.step(step.id).confirmed_by is None
    )


def run_buttons(run: UpgradeRun) -> list[Block]:
    buttons: list[Block] = []
    for action in applicable(run):
        if action is Action.CONFIRM:
            buttons += [_confirm_button(run, step, str(n)) for n, step in enumerate(waiting_confirmations(run)[:10])]
        else:
            buttons.append(_button(run, action))
    return kit.actions([*buttons, *_the_rest(run)])


def _the_rest(run: UpgradeRun) -> list[Block]:
    """The next move of a run that ended before its plan was carried out. A plan changes nothing."""
    if run.plan is None or not run.status.finished or run.status is RunStatus.SUCCEEDED:
        return []
    label = "Plan again" if run.started_at is None else "Plan the rest"
    request = run.request.model_copy(update={"target": run.plan.to_version})
    return [kit.button(label, Action.PLAN, encode_request(request))]


def report_button(run: UpgradeRun) -> Block | None:
    """*Full report*, when people decide by what the checks say: the run stands at it, or waits for an approval."""
    decides = run.status in (RunStatus.BLOCKED, RunStatus.AWAITING_APPROVAL)
    stands = decides or (run.blocked_phase is not None and not run.status.finished)
    return kit.button("Full report", Action.REPORT, _ref(run)) if run.report is not None and stands else None


def _ref(run: UpgradeRun, step: str = "") -> str:
    return RunRef(run.id, run.plan.digest if run.plan else "", run.waiting_for or "", step).encode()


def _button(run: UpgradeRun, action: Action) -> Block:
    if action is Action.APPROVE and (left := unticked(run, run.waiting_for)):
        return kit.button(f"Approve: tick {len(left)}…", action, _ref(run), style="primary")
    if action is Action.APPROVE:
        what = "plan" if _waiting_phase(run) is None else "phase"
        sure = kit.confirm(f"Approve this {what}?", approval_text(run), "Approve")
        return kit.button("Approve", action, _ref(run), style="primary", confirm=sure)
    label = _LABELS.get(action, action.verb.capitalize())
    style: Literal["danger"] | None = "danger" if action in _DANGEROUS else None
    return kit.button(label, action, _ref(run), style=style, confirm=_sure(run, action))


def _sure(run: UpgradeRun, action: Action) -> Block | None:
    """What is asked once more, where no form does so."""
    if action is Action.CANCEL:
        text = f"The maintenance of {run.cluster.name} does not take place, and its notice says so."
        return kit.confirm("Call it off?", text, "Call it off")
    if action is Action.RESCHEDULE_NOW:
        text = (
            f"{run.cluster.name} is looked at once more, and begins as soon as it is announced and its window is open."
        )
        return kit.confirm("Start now?", text, "Start now")
    return None


def _confirm_button(run: UpgradeRun, step: ConfirmStep, key: str) -> Block:
    sure = kit.confirm("Is it done?", step.summary or step.subject, "It is done")
    return kit.button(f"Confirm {step.subject}", Action.CONFIRM, _ref(run, step.id), confirm=sure, key=key)


def approval_text(run: UpgradeRun) -> str:
    """What an approval sets going, as plain text."""
    plan = run.plan
    if plan is None:
        return f"Approve {run.cluster.name}."
    phase = _waiting_phase(run)
    lasts = Minutes(*(total_minutes(plan) if phase is None else phase_minutes(phase, plan.minutes)))
    what = f"{plan.cluster.name} {way(plan)}" + (f", {phase.title}" if phase else "")
    return f"{what}, about {lasts}. EKS cannot cancel what is under way."


def _waiting_phase(run: UpgradeRun) -> Phase | None:
    """The phase whose gate is open; None when it is the plan itself, or nothing waits."""
    return run.plan.behind(run.waiting_for) if run.plan else None
