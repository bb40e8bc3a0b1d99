"""The run message: where the run stands, and the buttons that apply now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from handlers.views import kit, limits
from handlers.views.buttons import report_button, run_buttons
from handlers.views.checklist import progress_blocks
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.phases import phase_cards, phase_lines
from handlers.views.plan import plan_blocks
from handlers.views.progress import Mark, blockers_of, status_line, versions, work_line
from handlers.views.report import finding_blocks, unknown_lines
from handlers.views.rests import freeze_line, holding_freeze, lifters_line, until_start, work_times_lines
from handlers.views.text import code, count, esc, local_time, person, whom_to_call
from handlers.views.titles import gate_title
from upgrade.calls import approvers_now, in_charge
from upgrade.events import EventKind, UpgradeEvent
from upgrade.findings import Severity, without_waived
from upgrade.run import RunStatus, UpgradeRun
from upgrade.work_times import work_times_of

#: Findings that stop nothing, as the run message shows them; `check` shows all.
_NOTED: Final = 5
#: Approvers who are named.
_PEOPLE: Final = 10
_ACTED = {
    EventKind.APPROVAL_GIVEN: "approved by",
    EventKind.BREAK_GLASS_USED: "glass broken by",
    EventKind.RUN_REJECTED: "rejected by",
    EventKind.PAUSE_REQUESTED: "paused by",
    EventKind.RUN_RESUMED: "resumed by",
    EventKind.RETRY_REQUESTED: "retried by",
    EventKind.RECHECK_REQUESTED: "rechecked by",
    EventKind.ABORT_REQUESTED: "aborted by",
    EventKind.WAIVER_GIVEN: "waived by",
    EventKind.STEP_CONFIRMED: "confirmed by",
    EventKind.RUN_RESCHEDULED: "rescheduled by",
    EventKind.FREEZE_LIFTED: "freeze lifted by",
}


def render_run(
    run: UpgradeRun,
    events: Sequence[UpgradeEvent],
    *,
    problem: str = "",
    approvers: Sequence[str] = (),
    owner: str | None = None,
    now: datetime | None = None,
) -> Message:
    """The message with the buttons. Decisions name who took them last, in the order they were taken.

    Args:
        problem: what keeps the story from being told in Slack.
        approvers: users and user groups who may approve, as configured.
        owner: of the cluster, as configured.
        now: for how long it is until the start, where that is shown once only.
    """
    title = f"{run.cluster.name}: Kubernetes {versions(run)}"
    line = status_line(run)
    top = [
        f"*{line}{_countdown(run, now)}*",
        *work_line(run),
        *_who_approves(run, approvers),
        *_who_lifts(run),
        *_broken(run),
    ]
    said = kit.section(*top, button=report_button(run))
    foot = [kit.context(_people(run, events, owner))]
    if problem:
        foot.append(kit.context(f"{Mark.WARNING} {esc(problem)}"))
    foot += run_buttons(run)

    def around(body: Sequence[Block]) -> list[Block]:
        return [kit.header(title), said, *body, *foot]

    cards = _cards(run)
    fits = cards and limits.size(around(cards)) <= limits.BLOCKS_SIZE
    return Message(f"{esc(title)}: {line}", around(_body(run)), around(cards) if fits else None)


def _who_approves(run: UpgradeRun, approvers: Sequence[str]) -> list[str]:
    approvers = approvers_now(run, approvers)
    if not approvers:
        return []
    own = "" if run.plan is None or run.plan.requester_counts else "; not whoever asked for it"
    more = f" and {len(approvers) - _PEOPLE} more" if len(approvers) > _PEOPLE else ""
    return [f"Approvers: {', '.join(map(person, approvers[:_PEOPLE]))}{more}{own}"]


def _broken(run: UpgradeRun) -> list[str]:
    return [
        f"{Mark.WARNING} Break-glass: {person(one.by)} opened {gate_title(run, one.gate)} alone, good until "
        f"{local_time(one.until)}: {esc(one.reason)}"
        for one in run.glass[-_NOTED:]
    ]


def _countdown(run: UpgradeRun, now: datetime | None) -> str:
    return until_start(run.start_at, now) if run.status is RunStatus.SCHEDULED and run.start_at else ""


def _who_lifts(run: UpgradeRun) -> list[str]:
    freeze = None if run.status.finished else holding_freeze(run)
    return [freeze_line(freeze), lifters_line(freeze)] if freeze else []


def _body(run: UpgradeRun) -> list[Block]:
    if run.status is RunStatus.BLOCKED and run.report is not None:
        return finding_blocks(run.report, *blockers_of(run))
    if run.plan is None:
        return []
    if _is_ahead(run):
        times = work_times_lines(work_times_of(run), run.created_at)
        return [*plan_blocks(run.plan, progress_blocks(run), times), *_noted(run)]
    return [kit.section(*phase_lines(run)), *_standing_at(run)]


def _cards(run: UpgradeRun) -> list[Block]:
    """The body of a run under way or over with a plan block; nothing where it is another one."""
    if run.plan is None or run.status is RunStatus.BLOCKED or _is_ahead(run):
        return []
    cards = phase_cards(run, run.plan)
    return [*cards, *_standing_at(run)] if cards else []


def _is_ahead(run: UpgradeRun) -> bool:
    return run.started_at is None and not run.status.finished


def _standing_at(run: UpgradeRun) -> list[Block]:
    """The findings that a run under way stands at, for what to do about them."""
    if run.blocked_phase is None or run.report is None or run.status.finished:
        return []
    return finding_blocks(run.report, blockers_of(run).now)


def _noted(run: UpgradeRun) -> list[Block]:
    """What approvers should have read, though the run may begin: warnings and unknowns by name, the rest by number."""
    if run.report is None:
        return []
    findings = [one for one in run.report.findings if not one.blocks and not one.unknown]
    unknown = without_waived(run.report.unknowns, run.waivers)
    if not findings and not unknown:
        return []
    warnings = [one for one in findings if one.severity is Severity.WARNS]
    lines = [f"{Mark.WARNING} {code(one.code)} {esc(one.subject)}: {esc(one.summary)}" for one in warnings[:_NOTED]]
    if rest := len(findings) - len(lines):
        where = "Full report" if report_button(run) else "`check`"
        noted = f"… and {count(rest, 'more note')}" if lines else count(rest, "note")
        lines.append(f"{noted}: see {where}")
    head = "Noted:" if any(one.blocks for one in unknown) else "Noted, nothing in the way:"
    return [kit.context("\n".join([head, *lines, *unknown_lines(run.report, unknown)]))]


def _people(run: UpgradeRun, events: Sequence[UpgradeEvent], owner: str | None) -> str:
    acted = [f"{_ACTED[event.kind]} {person(event.actor)}" for event in events if event.kind in _ACTED and event.actor]
    said = list(dict.fromkeys(reversed(acted)))[5::-1]
    return " · ".join([*_hands(run, owner), *said, f"run {code(run.id)}"])


def _hands(run: UpgradeRun, owner: str | None) -> list[str]:
    """Who is called when the run needs a person, while it may, and whoever requested it."""
    requested = f"requested by {person(run.requester)}"
    if run.status.finished:
        taken = run.in_charge not in (None, run.requester)
        return [f"taken over by {person(run.in_charge)}", requested] if taken else [requested]
    charge = in_charge(run, whom_to_call(owner))
    if charge == run.requester:
        return [f"In charge: {person(charge)}, requester"]
    return [f"In charge: {person(charge)}", requested]
