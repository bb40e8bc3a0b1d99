"""Whose approval counts, for which plan, and for how long. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from upgrade.checklist import unticked
from upgrade.engine.course import effective_phases, first_change
from upgrade.engine.draft import Draft
from upgrade.engine.schedule import schedule_approved, unschedule
from upgrade.engine.signals import DecisionGiven, GlassBroken, WaiverGiven
from upgrade.events import EventKind
from upgrade.findings import without_waived
from upgrade.gates import PLAN_GATE, GateTerms
from upgrade.plan import UpgradePlan, Waiver
from upgrade.rest import difference
from upgrade.run import Approval, BrokenGlass, RunStatus, Tick, UpgradeRun
from upgrade.windows import time_zone


def counted(run: UpgradeRun, gate: str, digest: str) -> tuple[str, ...]:
    """Who approved ``gate`` for ``digest`` so that it counts: each person once, for this gate and digest only."""
    people = dict.fromkeys(a.by for a in run.approvals if a.gate == gate and a.digest == digest)
    return tuple(person for person in people if why_it_does_not_count(run, person) is None)


def why_it_does_not_count(run: UpgradeRun, person: str) -> str | None:
    """Why this person's approval does not count for this run; None when it does (DESIGN 6)."""
    if person != run.requester or run.plan is None:
        return None
    if not run.plan.requester_counts:
        return "The person who asked for the upgrade cannot approve it."
    if any(waiver.by == person for waiver in run.plan.waivers):
        return "The person who asked for the upgrade waived a finding, so somebody else must approve."
    return None


def broken_glass(run: UpgradeRun) -> tuple[BrokenGlass, ...]:
    """Gates of the plan as it is that somebody opened alone."""
    return tuple(one for one in run.glass if run.plan is not None and one.digest == run.plan.digest)


def approved(run: UpgradeRun) -> bool:
    """Whether the plan as it is has all its approvals, or was opened by somebody alone."""
    if any(one.gate == PLAN_GATE for one in broken_glass(run)):
        return True
    return run.plan is not None and len(counted(run, PLAN_GATE, run.plan.digest)) >= run.plan.approvals


def approved_at(run: UpgradeRun) -> datetime | None:
    """When the last approval was given that the plan as it is needed."""
    if run.plan is None or len(counted(run, PLAN_GATE, run.plan.digest)) < run.plan.approvals:
        return None
    given = {a.by: a.at for a in reversed(run.approvals) if a.gate == PLAN_GATE and a.digest == run.plan.digest}
    return sorted(given[person] for person in counted(run, PLAN_GATE, run.plan.digest))[run.plan.approvals - 1]


def lapsed(run: UpgradeRun, at: datetime) -> bool:
    """Whether the approvals of the plan do not count any more at ``at`` (docs/decisions/0007)."""
    if any(at > one.until for one in broken_glass(run)):
        return True
    given_at = approved_at(run)
    return given_at is not None and at - given_at > run.policy.approval_valid


def ask_again(draft: Draft) -> None:
    """The approvals of the plan are older than they may be: ask for them anew, keeping the start that was set."""
    draft.change(approvals=tuple(one for one in draft.run.approvals if one.gate != PLAN_GATE), glass=())
    draft.tell(
        EventKind.WARNING_RAISED,
        text="The approval of this plan was given too long ago to count for what comes next: it is asked for again.",
    )
    await_approval(draft, PLAN_GATE)
    if draft.run.started_at is not None or draft.run.plan is None:
        draft.tell(EventKind.GATE_OPENED, gate=PLAN_GATE)
    else:
        unschedule(draft)
        draft.tell(EventKind.PLAN_READY, digest=draft.run.plan.digest)


def decide(draft: Draft, signal: DecisionGiven) -> None:
    run = draft.run
    plan = run.plan
    open_now = run.status is RunStatus.AWAITING_APPROVAL and plan is not None and run.waiting_for == signal.gate
    given_already = {(a.gate, a.digest, a.by) for a in run.approvals}
    if signal.approved and (signal.gate, signal.digest, signal.actor) in given_already:
        return  # a double click
    if plan is None or not open_now or plan.digest != signal.digest:
        draft.tell(
            EventKind.APPROVAL_REFUSED,
            actor=signal.actor,
            gate=signal.gate,
            reason="That decision was for a plan or a gate that is not open any more.",
        )
        return
    if not signal.approved:
        left = draft.left_behind() if run.started_at else {}
        told = {"gate": signal.gate, "digest": signal.digest, "reason": signal.reason, **left, **_in_view(run)}
        draft.change(pause_reasons=(signal.reason,) if signal.reason else ())
        draft.finish(RunStatus.REJECTED, EventKind.RUN_REJECTED, actor=signal.actor, **told)
        return
    if reason := why_it_does_not_count(run, signal.actor) or _what_is_left_to_tick(run, signal):
        draft.tell(EventKind.APPROVAL_REFUSED, actor=signal.actor, gate=signal.gate, reason=reason)
        return
    approval = Approval(gate=signal.gate, digest=signal.digest, by=signal.actor, at=draft.now)
    ticks = _fresh_ticks(draft, plan, signal)
    draft.change(approvals=(*run.approvals, approval), ticks=(*run.ticks, *ticks))
    given = len(counted(draft.run, signal.gate, signal.digest))
    draft.tell(
        EventKind.APPROVAL_GIVEN,
        actor=signal.actor,
        gate=signal.gate,
        digest=signal.digest,
        given=given,
        needed=plan.approvals,
        ticked=[tick.item for tick in ticks],
        **_in_view(run),
    )
    if given >= plan.approvals:
        _open(draft, signal.gate)


def break_glass(draft: Draft, signal: GlassBroken) -> None:
    """Open the gate that waits without the approvals and ticks that it needs; no check, notice or window is skipped."""
    run, plan = draft.run, draft.run.plan
    open_now = run.status is RunStatus.AWAITING_APPROVAL and run.waiting_for == signal.gate
    if plan is None or not open_now or plan.digest != signal.digest:
        reason = "That was for a plan or a gate that is not open any more."
        draft.tell(EventKind.REQUEST_REFUSED, actor=signal.actor, verb="break_glass", reason=reason)
        return
    until = draft.now + run.policy.break_glass_valid
    told = {"gate": signal.gate, "digest": signal.digest, "reason": signal.reason}
    draft.change(glass=(*run.glass, BrokenGlass(**told, by=signal.actor, at=draft.now, until=until)))
    draft.tell(
        EventKind.BREAK_GLASS_USED,
        actor=signal.actor,
        **told,
        until=until.isoformat(),
        given=len(counted(run, signal.gate, signal.digest)),
        needed=plan.approvals,
        unticked=[item.id for item in unticked(run, signal.gate)],
        **_in_view(run),
    )
    _open(draft, signal.gate)


def _in_view(run: UpgradeRun) -> dict[str, Any]:
    """What the message showed beside the plan to whoever decides: a later look takes its place in the run."""
    if run.report is None:
        return {}
    noted = Counter(finding.code for finding in without_waived(run.report.findings, run.waivers))
    return {"looked_at": run.report.taken_at.isoformat(), "noted": dict(sorted(noted.items()))}


def _what_is_left_to_tick(run: UpgradeRun, signal: DecisionGiven) -> str | None:
    left = unticked(run, signal.gate, signal.ticked)
    return f"Not ticked: {'; '.join(item.title for item in left)}." if left else None


def _fresh_ticks(draft: Draft, plan: UpgradePlan, signal: DecisionGiven) -> tuple[Tick, ...]:
    """What this decision ticks that nobody had ticked before."""
    before = {tick.item for tick in draft.run.ticks}
    fresh = [item.id for item in plan.checklist if item.id in signal.ticked and item.id not in before]
    return tuple(Tick(item=item_id, by=signal.actor, at=draft.now) for item_id in fresh)


def terms_of(run: UpgradeRun, gate: str | None) -> GateTerms:
    """How ``gate`` is kept; that of the plan, and one that is a word in the policy, waits for an approval."""
    phase = run.plan.behind(gate) if run.plan else None
    return (phase.gate_terms if phase else None) or GateTerms()


def named_for(run: UpgradeRun, gate: str) -> tuple[str, ...]:
    """Users and user groups who are named to decide about ``gate``, whatever their role."""
    attended = terms_of(run, gate).attended
    return (*run.policy.approver_groups, *((attended,) if attended else ()))


def _open(draft: Draft, gate: str) -> None:
    """All approvals of ``gate`` are there."""
    if draft.run.started_at is None:
        schedule_approved(draft)
        return
    draft.change(status=RunStatus.RUNNING, waiting_for=None, expires_at=None, phases_checked=())
    if gate != PLAN_GATE:
        draft.change(gates_passed=(*draft.run.gates_passed, gate))
    draft.tell(EventKind.GATE_PASSED, gate=gate)


def await_approval(draft: Draft, gate: str, reason: str = "") -> None:
    """Open ``gate``. A plan that was not begun expires; an attended gate waits as long as its terms say."""
    terms = terms_of(draft.run, gate)
    within = draft.run.policy.approval_expires if draft.run.started_at is None else terms.within
    expires = draft.now + within if within else None
    draft.change(status=RunStatus.AWAITING_APPROVAL, waiting_for=gate, expires_at=expires, pause_reasons=())
    if gate != PLAN_GATE:
        attended = {"attended": terms.attended} if terms.attended else {}
        draft.tell(EventKind.GATE_OPENED, gate=gate, **attended, **({"reason": reason} if reason else {}))


def replace_plan(draft: Draft, plan: UpgradePlan) -> None:
    """Take a plan; a changed one voids every approval of the old."""
    old = draft.run.plan
    if old is not None and old.digest == plan.digest:
        draft.change(plan=plan)
        return
    draft.change(plan=plan, approvals=())
    unschedule(draft)
    if old is not None:
        _tell_change(draft, old, plan)
    draft.tell(EventKind.PLAN_READY, digest=plan.digest)


def _tell_change(draft: Draft, old: UpgradePlan, new: UpgradePlan) -> None:
    """What sets the plan apart from the one that was approved, by step id."""
    found = difference(old, (), new)
    draft.tell(
        EventKind.PLAN_CHANGED,
        old=old.digest,
        new=new.digest,
        added=list(found.added),
        dropped=list(found.dropped),
    )


def waivers_in_force(run: UpgradeRun, now: datetime) -> tuple[Waiver, ...]:
    """Those that somebody still accepts: the day is that of the cluster's time zone."""
    today = now.astimezone(time_zone(run.time_zone)).date()
    return tuple(waiver for waiver in run.waivers if waiver.counts_on(today))


def let_waivers_expire(draft: Draft) -> None:
    """Forget those whose last day is over, so that their findings count again."""
    left = waivers_in_force(draft.run, draft.now)
    for waiver in draft.run.waivers:
        if waiver not in left and waiver.until is not None:
            until = waiver.until.isoformat()
            draft.tell(EventKind.WAIVER_EXPIRED, code=waiver.code, subject=waiver.subject, until=until)
    draft.change(waivers=left)


def waive(draft: Draft, signal: WaiverGiven) -> None:
    """Accept a finding: plan and approvals are made anew (DESIGN 6)."""
    let_waivers_expire(draft)
    run = draft.run
    waivable = run.report is not None and any(
        f.waivable and f.code == signal.code and f.subject == signal.subject for f in run.report.findings
    )
    waiver = Waiver(code=signal.code, subject=signal.subject, by=signal.actor, reason=signal.reason, until=signal.until)
    known = any((w.code, w.subject) == (waiver.code, waiver.subject) for w in run.waivers)
    half_way = run.status is RunStatus.PAUSED and run.blocked_phase is not None
    fresh = run.started_at is None and run.status in (RunStatus.BLOCKED, RunStatus.AWAITING_APPROVAL)
    if not waivable or known or not (half_way or fresh):
        return
    draft.change(waivers=(*run.waivers, waiver))
    draft.tell(
        EventKind.WAIVER_GIVEN,
        actor=signal.actor,
        code=waiver.code,
        subject=waiver.subject,
        reason=waiver.reason,
        until=waiver.until.isoformat() if waiver.until else None,
    )
    if fresh:
        draft.change(status=RunStatus.CHECKING, waiting_for=None, expires_at=None, check_errors=0)
    elif run.plan is not None:
        waived = run.plan.model_copy(update={"waivers": draft.run.waivers})
        begun = {p.id for p in effective_phases(run) if any(run.step(s.id).started_at for s in p.steps)}
        kept = tuple(gate for gate in run.gates_passed if gate in begun)
        draft.change(plan=waived, approvals=(), gates_passed=kept, blocked_phase=None)
        _tell_change(draft, run.plan, waived)
        await_approval(draft, PLAN_GATE)


def mark_checked_for_start(draft: Draft) -> None:
    """The look at the start covers the first phase that changes anything."""
    first = first_change(draft.run)
    draft.change(phases_checked=(first.id,) if first else ())
