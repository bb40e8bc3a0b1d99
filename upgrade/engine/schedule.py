"""When an approved run begins, and what moves its start (docs/decisions/0007). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from upgrade.engine.course import START_GRACE
from upgrade.engine.draft import Draft
from upgrade.engine.signals import FreezeLifted, StartMoved, TimePassed
from upgrade.events import EventKind
from upgrade.fit import will_not_fit
from upgrade.freeze import Freeze
from upgrade.run import Intent, Lift, RunStatus, UpgradeRun
from upgrade.work_times import work_times_of

_NOT_BEGUN = (RunStatus.CHECKING, RunStatus.BLOCKED, RunStatus.AWAITING_APPROVAL, RunStatus.SCHEDULED)


def can_move(run: UpgradeRun) -> bool:
    """Whether its start may be moved: it has not begun, and nobody has given it up."""
    return run.started_at is None and run.status in _NOT_BEGUN and run.intent is not Intent.ABORT


def earliest_start(run: UpgradeRun, now: datetime) -> datetime:
    """Now plus the notice. A start that was announced keeps its lead time, and so does any after it."""
    told = run.start_at or run.wanted_at
    lead = now + run.policy.notice
    if run.notice_at is None or told is None or (told < now and not run.missed_start):
        return lead
    return min(lead, max(now, told))


def schedule_approved(draft: Draft) -> None:
    """Set the first start of a run whose approvals are complete. One that is over by then is asked about."""
    wanted = draft.run.wanted_at
    if wanted is not None and draft.now - wanted > START_GRACE:
        draft.change(scheduled_at=draft.now)
        miss(draft)
        return
    earliest = earliest_start(draft.run, draft.now)
    schedule(draft, max(earliest, wanted or earliest))
    if wanted is not None and wanted < earliest:
        draft.tell(
            EventKind.WARNING_RAISED,
            text="It was approved too late for the start that was wanted: the announcement comes first.",
        )


def schedule(draft: Draft, at: datetime) -> None:
    """Set the start: ``at``, or the first time after it at which work may be done."""
    run = draft.run
    start = work_times_of(run).next_opening(at)
    draft.change(
        status=RunStatus.SCHEDULED,
        scheduled_at=run.scheduled_at or draft.now,
        start_at=start,
        missed_start=False,
        waiting_for=None,
        expires_at=None,
        blocked_phase=None,
        pause_reasons=(),
        check_errors=0,
    )
    if run.start_at is None or run.start_at == start:
        draft.tell(EventKind.RUN_SCHEDULED, start_at=start.isoformat())
    else:
        draft.tell(EventKind.RUN_RESCHEDULED, start_at=start.isoformat(), before=run.start_at.isoformat())
    warn_of_window(draft)


def unschedule(draft: Draft) -> None:
    """Take the start away until the run is approved again. One that is still ahead is kept as the one to have then."""
    told = draft.run.start_at or draft.run.wanted_at
    ahead = told is not None and told > draft.now
    draft.change(
        scheduled_at=None,
        start_at=None,
        wanted_at=told if ahead else draft.run.wanted_at,
        notice_at=draft.run.notice_at if ahead else None,
    )


def warn_of_window(draft: Draft) -> None:
    """Tell when the work will probably not fit into its window."""
    if (text := will_not_fit(draft.run, draft.now)) is not None:
        draft.tell(EventKind.WARNING_RAISED, text=text)


def miss(draft: Draft) -> None:
    """Ask for another start: this one is over, and nothing begins late in silence. What nobody answers expires."""
    start = draft.run.start_at or draft.run.wanted_at
    draft.change(
        status=RunStatus.SCHEDULED,
        missed_start=True,
        waiting_for=None,
        expires_at=draft.now + draft.run.policy.approval_expires,
        blocked_phase=None,
        pause_reasons=(),
        check_errors=0,
    )
    draft.tell(EventKind.START_MISSED, start_at=start.isoformat() if start else None)


def _unanswered(run: UpgradeRun) -> str:
    if run.missed_start:
        return "Nobody said in time when to start it instead."
    if run.status is RunStatus.BLOCKED:
        return "What stands in its way was not mended in time."
    return "Nobody approved it in time."


def pass_time(draft: Draft, signal: TimePassed) -> None:
    """Let a run expire, or begin with its look at the start when that is due and nothing is in the way."""
    run = draft.run
    if run.expires_at is not None and run.expires_at <= draft.now and run.started_at is None:
        draft.change(pause_reasons=(_unanswered(run),))
        draft.finish(RunStatus.EXPIRED, EventKind.RUN_EXPIRED, reason=_unanswered(run))
        return
    if run.status is not RunStatus.SCHEDULED or run.missed_start or run.start_at is None or draft.now < run.start_at:
        return
    if draft.now - run.start_at > signal.grace:
        miss(draft)
    elif run.intent is not Intent.GO:
        return
    elif not work_times_of(run).is_open(draft.now):
        schedule(draft, draft.now)
    elif signal.busy_run:
        _wait_for(draft, signal.busy_run)
    else:
        draft.change(status=RunStatus.CHECKING, check_errors=0)


def _wait_for(draft: Draft, busy_run: str) -> None:
    if draft.run.extra.get("waits_for") != busy_run:
        draft.change(extra={**draft.run.extra, "waits_for": busy_run})
        text = f"The cluster is held by the unfinished run {busy_run}; this one begins when that has ended."
        draft.tell(EventKind.WARNING_RAISED, text=text)


# -- people and the configuration -----------------------------------------------------------------------------------


def move_start(draft: Draft, signal: StartMoved) -> None:
    """Give it another start. Approvals stay; people who were told a later start hear of it anew, a lead time ahead."""
    run = draft.run
    if not can_move(run):
        return
    before = run.start_at or run.wanted_at
    start = signal.start_at
    if run.scheduled_at is not None:
        earliest = earliest_start(run, draft.now)
        start = work_times_of(run).next_opening(max(earliest, start or earliest))
        draft.change(start_at=start, missed_start=False)
        if run.status is RunStatus.SCHEDULED:
            draft.change(expires_at=None, check_errors=0)
    draft.change(wanted_at=signal.start_at)
    if before is not None and (start or draft.now) < before:
        draft.change(notice_at=None)
    draft.tell(
        EventKind.RUN_RESCHEDULED,
        actor=signal.actor,
        start_at=start.isoformat() if start else None,
        before=before.isoformat() if before else None,
    )
    if draft.run.status is RunStatus.SCHEDULED:
        warn_of_window(draft)


def lift(draft: Draft, signal: FreezeLifted) -> None:
    """Let this run go on in a freeze. Whether this person may was looked up before."""
    run = draft.run
    known = any(freeze.name == signal.freeze for freeze in run.policy.freezes)
    if not known or any(one.freeze == signal.freeze for one in run.lifts):
        return
    lifted = Lift(freeze=signal.freeze, by=signal.actor, reason=signal.reason, at=draft.now)
    draft.change(lifts=(*run.lifts, lifted))
    draft.tell(EventKind.FREEZE_LIFTED, actor=signal.actor, freeze=signal.freeze, reason=signal.reason)


def take_freezes(draft: Draft, freezes: Sequence[Freeze] | None) -> None:
    """Those of the configuration count now. A start that lies in a new one moves on while people can be told."""
    if freezes is None or tuple(freezes) == draft.run.policy.freezes:
        return
    draft.change(policy=draft.run.policy.model_copy(update={"freezes": tuple(freezes)}))
    run = draft.run
    waits = run.status is RunStatus.SCHEDULED and not run.missed_start
    ahead = run.start_at if waits and run.start_at is not None and run.start_at > draft.now else None
    if ahead is not None and not work_times_of(run).is_open(ahead):
        schedule(draft, ahead)
