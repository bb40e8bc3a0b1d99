"""Whether what a person asks applies to a run as it stands now; if not, the sentence that says why. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from upgrade.checklist import unticked
from upgrade.engine.advance import can_recheck, can_resume
from upgrade.engine.course import failed_steps
from upgrade.engine.schedule import can_move
from upgrade.errors import ChecklistOpen, DecisionOutdated, NotNow
from upgrade.plan import UpgradePlan
from upgrade.run import Intent, RunStatus, StepStatus, UpgradeRun
from upgrade.troubles import Trouble
from upgrade.windows import time_zone
from upgrade.work_times import WorkTimes, work_times_of

#: How far ahead a start may be set: nobody knows a cluster longer than that.
REACH: Final = timedelta(days=90)

#: How a run stands, for the end of a sentence: "it ...".
_STANDS: Final[Mapping[RunStatus, str]] = {
    RunStatus.CHECKING: "is being checked",
    RunStatus.BLOCKED: "is blocked by what its check found",
    RunStatus.AWAITING_APPROVAL: "waits for an approval",
    RunStatus.SCHEDULED: "is approved and waits for its start",
    RunStatus.RUNNING: "is running",
    RunStatus.PAUSED: "is paused",
    RunStatus.SUCCEEDED: "succeeded",
    RunStatus.FAILED: "was given up at a failed step",
    RunStatus.ABORTED: "was aborted",
    RunStatus.REJECTED: "was rejected",
    RunStatus.EXPIRED: "expired, because nobody decided in time",
}


def _stands(run: UpgradeRun) -> str:
    # Nobody rejected what was turned down before it had a plan (``turn_down``).
    return "was not started" if run.status is RunStatus.REJECTED and run.plan is None else _STANDS[run.status]


def must_be_going(run: UpgradeRun) -> None:
    """Raises NotNow when the run has ended or is ending."""
    if run.status.finished:
        raise NotNow(f"Run {run.id} of {run.cluster.name} has ended: it {_stands(run)}.", "See it with: history.")
    if run.intent is Intent.ABORT:
        raise NotNow(f"Run {run.id} is being aborted; it ends when what is under way has finished.")


def must_wait(run: UpgradeRun) -> UpgradePlan:
    """The plan that waits for an approval. Raises NotNow when no gate is open."""
    if run.status is not RunStatus.AWAITING_APPROVAL or run.plan is None:
        raise NotNow(f"Run {run.id} does not wait for an approval; it {_stands(run)}.")
    return run.plan


def must_wait_for(run: UpgradeRun, gate: str, digest: str) -> None:
    """Raises NotNow when no gate is open, DecisionOutdated when it is another or the plan is another."""
    plan = must_wait(run)
    if run.waiting_for != gate or plan.digest != digest:
        raise DecisionOutdated(
            "That decision is for a plan or a gate that is not open any more.", "Look at the present plan first."
        )


def must_be_approvable(run: UpgradeRun, gate: str, digest: str, ticked: Collection[str]) -> None:
    """Raises what ``must_wait_for`` raises; ChecklistOpen when items of the check list are not ticked yet."""
    must_wait_for(run, gate, digest)
    if left := unticked(run, gate, ticked):
        raise ChecklistOpen(
            f"Not ticked yet: {'; '.join(item.title for item in left)}.",
            "An approval counts once somebody has looked after each of them.",
        )


def must_be_breakable(run: UpgradeRun, reason: str) -> None:
    """Raises NotNow when no gate is open, or the reason is missing or too long."""
    if not reason.strip():
        raise NotNow("Breaking the glass needs a reason.", "Say why this cannot wait for an approval.")
    if len(reason) > LONGEST_NOTE:
        raise NotNow(f"The reason has {len(reason)} characters.", f"Use at most {LONGEST_NOTE}.")
    must_wait(run)


def must_not_be_paused(run: UpgradeRun) -> None:
    if run.intent is not Intent.GO:
        raise NotNow(f"Run {run.id} is paused already.", "Use resume to go on.")


def must_be_resumable(run: UpgradeRun) -> None:
    if failed_steps(run):
        raise NotNow(
            f"Run {run.id} stands at a failed step: resume does not help.",
            "Use retry or abort; status shows what failed.",
        )
    if not can_resume(run):
        raise NotNow(f"Run {run.id} is not paused; it {_stands(run)}.")


def must_have_failed(run: UpgradeRun) -> None:
    if not failed_steps(run):
        raise NotNow(f"No step of run {run.id} has failed; it {_stands(run)}.", "Use resume or recheck.")


def must_be_recheckable(run: UpgradeRun) -> None:
    if not can_recheck(run):
        raise NotNow(
            f"There is nothing to look at again in run {run.id}: it {_stands(run)}.",
            "Recheck works on runs that are blocked, wait for the approval of their plan, or stand at a finding.",
        )


def must_wait_for_confirmation(run: UpgradeRun, step_id: str) -> None:
    if run.step(step_id).status is not StepStatus.FOLLOWING or not step_id.startswith("confirm/"):
        raise NotNow(
            f"Run {run.id} does not wait for a confirmation of “{step_id[:100]}” now.",
            "Its steps that wait are in status.",
        )


def must_be_waivable(
    run: UpgradeRun, code: str, subject: str, reason: str, *, until: date | None = None, now: datetime | None = None
) -> None:
    """Raises NotNow unless the finding is there, may be waived, and stands in the way now.

    ``until`` is the last day on which the waiver is to count; given with ``now`` it must not be over.
    """
    if not reason.strip():
        raise NotNow("A waiver needs a reason.", "Say why the finding can be accepted.")
    if until is not None and now is not None and until < now.astimezone(time_zone(run.time_zone)).date():
        raise NotNow(f"{until} is over.", "Give a day from today on, or none.")
    findings = run.report.findings if run.report else ()
    found = [finding for finding in findings if (finding.code, finding.subject) == (code, subject)]
    if not found:
        raise NotNow(f"Run {run.id} has no finding {code} about “{subject[:100]}”.", "Recheck, then look again.")
    if not any(finding.waivable for finding in found):
        raise NotNow(f"{code} cannot be waived.", found[0].remedy)
    at_start = run.started_at is None and run.status in (RunStatus.BLOCKED, RunStatus.AWAITING_APPROVAL)
    if not at_start and run.blocked_phase is None:
        raise NotNow(f"No finding stands in the way of run {run.id} now: it {_stands(run)}.")


# -- calls ------------------------------------------------------------------------------------------------------------

#: How long nobody is called again, when nothing else is said, and at most.
MUTED: Final = timedelta(hours=1)
LONGEST_MUTE: Final = timedelta(hours=12)
LONGEST_NOTE: Final = 1000


def must_call(run: UpgradeRun, troubles: Sequence[Trouble], call: str) -> None:
    """Raises NotNow when nothing calls for a person, or that does not any more. ``call``: its key; empty: anything."""
    if call in ("", *(one.key for one in troubles if one.calls)) and any(one.calls for one in troubles):
        return
    by = next((one.acknowledged_by for one in troubles if one.key == call and one.acknowledged_by), None)
    if by is not None:
        raise NotNow("That was acknowledged already.", "Take the run over, if it is in your hands now.")
    raise NotNow(f"Nothing in run {run.id} calls for a person now.")


def must_be_in_other_hands(run: UpgradeRun, actor: str) -> None:
    if run.in_charge == actor:
        raise NotNow(f"Run {run.id} is in your hands already.")


def must_be_a_mute(lasts: timedelta) -> None:
    """Raises NotNow for a time that is not ahead, or longer than one night."""
    if not timedelta(0) < lasts <= LONGEST_MUTE:
        hours = int(LONGEST_MUTE / timedelta(hours=1))
        raise NotNow("That is no time to be quiet for.", f"Give one such as 30m or 2h, at most {hours}h.")


def must_be_a_note(text: str) -> None:
    if not text:
        raise NotNow("That note is empty.", "Write what others should know.")
    if len(text) > LONGEST_NOTE:
        raise NotNow(f"That note has {len(text)} characters.", f"It may have {LONGEST_NOTE}.")


# -- the start --------------------------------------------------------------------------------------------------------


def must_be_a_start(times: WorkTimes, start_at: datetime, now: datetime) -> None:
    """Raises NotNow for a start that is over, too far ahead, or at which no work may be done. Both are aware."""
    if start_at <= now:
        raise NotNow(f"{_reading(start_at, times)} is over.", "Give a time that is ahead.")
    if start_at > now + REACH:
        raise NotNow(f"{_reading(start_at, times)} is more than {REACH.days} days ahead.", "Give an earlier time.")
    if times.is_open(start_at):
        return
    freeze = times.freeze_at(start_at)
    why = f"the freeze “{freeze.name}” holds ({freeze.reason})" if freeze else "no maintenance window is open"
    raise NotNow(
        f"Nothing may start at {_reading(start_at, times)}: {why}.",
        f"The next opening is {_reading(times.next_opening(start_at), times)}.",
    )


def next_window(times: WorkTimes, notice: timedelta, now: datetime) -> datetime | None:
    """The next opening that leaves time for the notice, in UTC; None when none is within reach."""
    at = now + notice
    if times.is_open(at) and times.is_open(at - timedelta(microseconds=1)):  # an opening is over by then
        closes = times.next_closing(at)
        if closes is None:
            return None
        at = closes
    opens = times.next_opening(at)
    return opens if opens <= now + REACH else None


def must_not_have_begun(run: UpgradeRun) -> None:
    if run.started_at is not None:
        raise NotNow(f"Run {run.id} has begun: it {_stands(run)}.", "Use abort.")


def must_be_movable(run: UpgradeRun, start_at: datetime | None, now: datetime) -> None:
    """Raises NotNow for a run that has begun, and what ``must_be_a_start`` raises."""
    if not can_move(run):
        raise NotNow(f"Run {run.id} has begun: it {_stands(run)}.", "Use pause, or abort.")
    if start_at is not None:
        must_be_a_start(work_times_of(run), start_at, now)


def must_be_liftable(run: UpgradeRun, freeze: str, reason: str, now: datetime) -> None:
    """Raises NotNow unless that freeze holds the run, or will. Whether the person may is looked up later."""
    if not reason.strip():
        raise NotNow("Lifting a freeze needs a reason.", "Say why this run cannot wait.")
    holding = [one.name for one in work_times_of(run).freezes if one.ends_at > now]
    if freeze in holding:
        return
    known = f"Freezes ahead of it: {', '.join(holding)}." if holding else "No freeze is ahead of it."
    raise NotNow(f"No freeze “{freeze[:100]}” holds run {run.id}.", known)


def _reading(at: datetime, times: WorkTimes) -> str:
    return f"{at.astimezone(time_zone(times.time_zone)):%a %Y-%m-%d %H:%M} {times.time_zone}"
