"""The thread of a run: one entry an event, in order; what is told of a step stands in the message of that step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from handlers.views import kit
from handlers.views.checklist import item_titles
from handlers.views.final import render_final
from handlers.views.kit import Message
from handlers.views.limits import fit
from handlers.views.mentions import mentions
from handlers.views.progress import Mark
from handlers.views.steps import ANNOUNCE, because, in_a_story, render_step, stories_of, took
from handlers.views.text import code, count, esc, link, local_time, person
from handlers.views.titles import gate_title, in_words, title_of
from upgrade.events import EventKind, UpgradeEvent
from upgrade.gates import PLAN_GATE
from upgrade.plan import Scope
from upgrade.run import RunStatus, UpgradeRun

#: What the service itself said, as small print.
_RAW: Final = 400
_ENDINGS: Final = frozenset({EventKind.RUN_SUCCEEDED, EventKind.RUN_FAILED, EventKind.RUN_ABORTED})
_CAUSES: Final = frozenset({EventKind.STEP_FAILED, EventKind.PAUSE_REQUESTED})


def render_entry(
    event: UpgradeEvent,
    run: UpgradeRun,
    events: Sequence[UpgradeEvent] = (),
    *,
    approvers: Sequence[str] = (),
    owner: str | None = None,
) -> Message | None:
    """The entry of an event; None for an event that the thread does not tell by itself.

    Args:
        events: all of the run, for the record that its last entry is.
        approvers: users and user groups who are called when an approval is wanted.
        owner: of the cluster, as configured; called when the run stands still, if it is a Slack user or user group.
    """
    told = _Told(event, run)
    if _said_already(event, run, events):
        return None
    if event.kind is EventKind.STEP_STARTED:
        return next(
            (render_step(one, run) for one in stories_of(events or [event]) if one.begun.seq == event.seq), None
        )
    half_way = event.kind is EventKind.RUN_REJECTED and run.started_at is not None
    if event.kind in _ENDINGS or half_way:
        return render_final(run, events, event.data)
    say = _SAY.get(event.kind)
    line = say if say is None or isinstance(say, str) else say(told)
    if not line:
        return None
    line = "\n".join([line, *mentions(event, run, approvers=approvers, owner=owner)])
    blocks = [kit.section(*line.split("\n"))]
    if event.kind is EventKind.STEP_FAILED and told.text("code"):
        blocks.append(kit.context(fit(f"{code(told.text('code'))} {esc(told.text('message'))}", _RAW)))
    return Message(line, blocks)


def asks_for_approval(event: UpgradeEvent, run: UpgradeRun) -> bool:
    """Whether the plan of this event waits for its approval: the channel hears of it once. Half-way a call says so."""
    waits = run.status is RunStatus.AWAITING_APPROVAL and run.started_at is None
    digest = run.plan.digest if run.plan else None
    return waits and event.kind is EventKind.PLAN_READY and event.data.get("digest") == digest


def render_glass(event: UpgradeEvent, run: UpgradeRun, thread: str | None) -> Message:
    """What the security channel hears of a gate that somebody opened alone. ``thread``: the address of its story."""
    told = _Told(event, run)
    line = f"*{esc(run.cluster.name)}*: {_broke_glass(told)}"
    story = link(thread, "thread") if thread else ""
    where = f"run {code(run.id)}, plan {code(told.text('digest')[:8])} {story}".rstrip()
    return Message(line, [kit.section(line), kit.context(where)])


def _said_already(event: UpgradeEvent, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> bool:
    """What another entry tells: an announcement, a pause right after its cause, a second look that found nothing."""
    if event.kind is EventKind.PHASE_STARTED:
        return _of_one_step(str(event.data.get("phase", "")), run)
    if event.kind is EventKind.STEP_FINISHED and event.step_id == ANNOUNCE:
        return True
    if in_a_story(event, events):
        return True
    if event.kind is EventKind.RUN_PAUSED:
        return any(one.kind in _CAUSES and one.at == event.at for one in events)
    # What is in the way is told by the entry that says so, and a plan that cannot begin is not called ready.
    blocked = any(one.kind is EventKind.RUN_BLOCKED and one.at == event.at for one in events)
    if blocked and event.kind in (EventKind.CHECKS_FINISHED, EventKind.PLAN_READY):
        return True
    looks = [one for one in events if one.kind is EventKind.CHECKS_FINISHED and one.seq < event.seq]
    at_the_start = event.kind is EventKind.CHECKS_FINISHED and event.data.get("ahead") is None
    return at_the_start and bool(looks) and not event.data.get("blockers")


def _of_one_step(phase_id: str, run: UpgradeRun) -> bool:
    """Whether the message of its step says all that there is to say of a phase."""
    phases = run.plan.phases if run.plan else ()
    return any(phase.id == phase_id and len(phase.steps) == 1 for phase in phases)


@dataclass(frozen=True)
class _Told:
    """An event as people hear of it: every part is mrkdwn, but for ``text`` and ``items``, which are raw."""

    event: UpgradeEvent
    run: UpgradeRun

    @property
    def who(self) -> str:
        return person(self.event.actor)

    @property
    def step(self) -> str:
        return title_of(self.run.plan, self.event.step_id)

    @property
    def gate(self) -> str:
        return gate_title(self.run, self.text("gate"))

    @property
    def because(self) -> str:
        return because(self.event)

    @property
    def took(self) -> str:
        return took(self.event)

    def text(self, key: str) -> str:
        return ", ".join(self.items(key))

    def items(self, key: str) -> list[str]:
        value = self.event.data.get(key)
        if value is None:
            return []
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [str(item) for item in value]
        return [str(value)]

    def short(self, key: str) -> str:
        return code(self.text(key)[:8])

    def when(self, key: str) -> str:
        try:
            return local_time(datetime.fromisoformat(self.text(key)))
        except ValueError:
            return esc(self.text(key)) or "it opens again"

    def steps(self, key: str) -> str:
        """Steps as titles; those under way with the id of their update, as EKS shows it."""
        value = self.event.data.get(key)
        named = []
        for item in value if isinstance(value, Sequence) and not isinstance(value, str) else ():
            step_id = item.get("step_id") if isinstance(item, Mapping) else item
            update_id = item.get("update_id") if isinstance(item, Mapping) else None
            update = f" (update {code(update_id)})" if update_id else ""
            named.append(f"{title_of(self.run.plan, str(step_id))}{update}")
        return ", ".join(named)

    def bullets(self, key: str) -> list[str]:
        return [f"• {in_words(self.run.plan, item)}" for item in self.items(key)]


def _requested(told: _Told) -> str:
    request = told.run.request
    goal = f"to {code(request.target)}" if request.target else "to the next minor"
    scope = "" if request.scope is Scope.ALL else f", only {request.scope}"
    return f"{told.who} asked for {esc(request.cluster.name)} {goal}{scope}. Looking at the cluster first."


#: What the run message counts otherwise, with what only informs, is told by its own name.
_NOTED: Final = {"waived": "{} waived", "warnings": "{} with a warning", "unknowns": "{} unknown"}


def _checked(told: _Told) -> str:
    if told.text("phase"):
        return ""  # the look before a phase: told by what it stops, if anything
    blockers = told.text("blockers")
    clear = blockers in ("", "0")
    mark, found = (Mark.DONE, "nothing") if clear else (Mark.BLOCKED, esc(blockers))
    rest = [word.format(esc(told.text(key))) for key, word in _NOTED.items() if told.text(key) not in ("", "0")]
    ahead = told.text("ahead")
    what = f"Looked again, {esc(ahead)} h before the start" if ahead else "Checked"
    return f"{mark} {what}: {', '.join([f'{found} in the way', *rest])}"


def _ready(told: _Told) -> str:
    """The channel is asked by it, once, so it says later what the answer was."""
    run, digest = told.run, told.text("digest")
    line = f"*{esc(run.cluster.name)}*: plan {told.short('digest')} is ready."
    if run.plan is not None and run.plan.digest != digest:
        return f"{line} Another has taken its place."
    if asks_for_approval(told.event, run) and run.expires_at is not None:
        return f"{line} Approve or reject it with the buttons above until {local_time(run.expires_at)}."
    if run.status is RunStatus.REJECTED:
        return f"{line} It was rejected."
    if run.status is RunStatus.EXPIRED:
        return f"{line} {esc(' '.join(run.pause_reasons))}".rstrip()
    approved = [person(one.by) for one in run.approvals if (one.gate, one.digest) == (PLAN_GATE, digest)]
    return f"{line} Approved by {', '.join(approved)}." if approved else line


def _broke_glass(told: _Told) -> str:
    unticked = item_titles(told.run.plan, told.items("unticked"))
    return (
        f"{Mark.WARNING} Break-glass: {told.who} opened {told.gate} alone, with {esc(told.text('given'))} of "
        f"{esc(told.text('needed'))} approvals, good until {told.when('until')}{told.because}{_too_early(told)}"
    ) + (f"\nNobody ticked: {unticked}" if unticked else "")


def _too_early(told: _Told) -> str:
    """The glass that is broken today opens nothing for a start that lies behind its end."""
    run, until = told.run, told.text("until")
    start = run.start_at if run.status is RunStatus.SCHEDULED else None
    if start is None or not until or datetime.fromisoformat(until) >= start:
        return ""
    return (
        f"\n{Mark.CLOCK} The start is later, {local_time(start)}: this does not count any more then, and an approval "
        f"is asked for again. {code('reschedule')} moves the start."
    )


def _approved(told: _Told) -> str:
    given, needed = told.text("given"), told.text("needed")
    counted = f" ({esc(given)} of {esc(needed)})" if needed not in ("", "1") else ""
    ticked = item_titles(told.run.plan, told.items("ticked"))
    return f"{Mark.DONE} {told.who} approved {told.gate}{counted}" + (
        f"\n{told.who} ticked: {ticked}" if ticked else ""
    )


def _rejected(told: _Told) -> str:
    if told.text("gate") == "start":
        return f"{Mark.BLOCKED} Not started{told.because}\n{person(told.run.requester)}"
    return f"{Mark.STOPPED} {told.who} rejected {told.gate}{told.because}"


def _failed(told: _Told) -> str:
    lines = [f"{Mark.FAILED} *{told.step}* failed"]
    if told.text("meaning"):
        lines.append(in_words(told.run.plan, told.text("meaning")))
    else:
        lines.append(in_words(told.run.plan, told.text("message")))
    if told.text("action"):
        lines.append(f"→ {esc(told.text('action'))}")
    return "\n".join([*lines, "Retry or Abort with the buttons above."])


def _stuck(told: _Told) -> str:
    return "\n".join([f"{Mark.BLOCKED} *{told.step}* cannot go on", *told.bullets("reasons")])


def _not_now(told: _Told) -> str:
    codes = list(dict.fromkeys(told.items("codes")))
    if not codes:
        return "\n".join([f"{Mark.BLOCKED} Not now", *told.bullets("reasons")])
    found = sum(reason.partition(" ")[0] in codes for reason in told.items("reasons")) or len(codes)
    named = ", ".join(map(code, codes))
    waived = f", {len(told.run.waivers)} waived" if told.run.waivers else ""
    way = f"{count(found, 'finding')} in the way ({named}){waived}"
    return f"{Mark.BLOCKED} Not now: {way}. The message above says what to do."


def _pausing(told: _Told) -> str:
    after = f" {told.steps('under_way')} will finish." if told.items("under_way") else ""
    return f"{Mark.PAUSED} {told.who} asked for a pause: nothing more is started.{after}"


def _aborting(told: _Told) -> str:
    after = f" EKS cannot cancel {told.steps('under_way')}: it will still finish." if told.items("under_way") else ""
    return f"{Mark.STOPPED} {told.who} aborts the run.{after}"


def _restarted(told: _Told) -> str:
    going = told.steps("following")
    return f"🔁 Restarted, following {going}." if going else "🔁 Restarted; nothing was under way."


def _slow(told: _Told) -> str:
    spent, budget = esc(told.text("minutes")), esc(told.text("budget"))
    return f"{Mark.CLOCK} {told.step} takes longer than usual ({spent} min, usually up to {budget}). I keep watching."


def _changed(told: _Told) -> str:
    """What sets the new plan apart: steps that it has and the approved one had not, and the other way round."""
    added, dropped = told.items("added"), told.items("dropped")
    differences = {
        "now also": [one for one in added if one not in dropped],
        "with another pin": [one for one in added if one in dropped],
        "no longer": [one for one in dropped if one not in added],
    }
    lines = [
        f"• {word}: {', '.join(title_of(told.run.plan, one) for one in steps)}"
        for word, steps in differences.items()
        if steps
    ]
    first = (
        f"{Mark.WARNING} The plan changed from {told.short('old')} to {told.short('new')}: "
        "approvals of the old one do not count."
    )
    return "\n".join([first, *lines])


def _moved(told: _Told) -> str:
    before = f" from {told.when('before')}" if told.text("before") else ""
    to = f"to {told.when('start_at')}" if told.text("start_at") else "to as soon as it may begin"
    return f"{Mark.CLOCK} {told.who} moved the start{before} {to}"


def _missed(told: _Told) -> str:
    when = f" {told.when('start_at')}" if told.text("start_at") else ""
    return (
        f"{Mark.WARNING} The start{when} was missed: nothing begins late by itself.\n"
        "Start it now, give it another time or cancel it with the buttons above."
    )


def _closed(told: _Told) -> str:
    freeze = told.text("reason")
    why = f"A freeze holds it ({esc(freeze)})" if freeze else "The maintenance window has closed"
    return f"{Mark.CLOCK} {why}; no new step starts until {told.when('opens_at')}"


def _until(told: _Told) -> str:
    return f" until {esc(told.text('until'))}" if told.text("until") else ""


_SAY: Final[Mapping[EventKind, str | Callable[[_Told], str]]] = {
    EventKind.RUN_REQUESTED: _requested,
    EventKind.CHECKS_FINISHED: _checked,
    EventKind.REQUEST_REFUSED: lambda told: (
        f"{Mark.BLOCKED} {told.who} may not {esc(told.text('verb').replace('_', ' '))}{told.because}"
    ),
    EventKind.RUN_BLOCKED: _not_now,
    EventKind.PLAN_READY: _ready,
    EventKind.PLAN_CHANGED: _changed,
    EventKind.APPROVAL_GIVEN: _approved,
    EventKind.APPROVAL_REFUSED: lambda told: (
        f"{Mark.BLOCKED} The decision of {told.who} on {told.gate} does not count{told.because}"
    ),
    EventKind.RUN_REJECTED: _rejected,
    EventKind.WAIVER_GIVEN: lambda told: (
        f"{Mark.WARNING} {told.who} waived {code(told.text('code'))} {esc(told.text('subject'))}"
        f"{_until(told)}{told.because}"
    ),
    EventKind.WAIVER_EXPIRED: lambda told: (
        f"{Mark.WARNING} The waiver of {code(told.text('code'))} {esc(told.text('subject'))} was good"
        f"{_until(told)}: the finding counts again."
    ),
    EventKind.RUN_SCHEDULED: lambda told: f"{Mark.CLOCK} Starts {told.when('start_at')}",
    EventKind.RUN_RESCHEDULED: _moved,
    EventKind.START_MISSED: _missed,
    EventKind.FREEZE_LIFTED: lambda told: (
        f"{Mark.WARNING} {told.who} lifted the freeze “{esc(told.text('freeze'))}” for this run{told.because}"
    ),
    EventKind.RUN_STARTED: f"{Mark.RUNNING} Started",
    EventKind.BREAK_GLASS_USED: _broke_glass,
    EventKind.GATE_OPENED: lambda told: f"{Mark.WAITING} {told.gate} waits for an approval of its own{told.because}",
    EventKind.GATE_PASSED: lambda told: (
        f"{Mark.DONE} {told.gate} goes on unattended: all signals are green" if told.text("unattended") else ""
    ),
    EventKind.NOTICE_DELIVERED: "📣 Announced",
    EventKind.PHASE_STARTED: lambda told: f"▶️ *{esc(told.text('title') or told.text('phase'))}*",
    EventKind.UPDATE_ADOPTED: lambda told: (
        f"🔁 {told.step}: following update {code(told.text('update_id'))}, which was already under way"
    ),
    EventKind.STEP_SLOW: _slow,
    EventKind.STEP_SKIPPED: lambda told: f"{Mark.DONE} {told.step}: nothing to do{told.because}",
    EventKind.STEP_BLOCKED: _stuck,
    EventKind.STEP_FAILED: _failed,
    EventKind.STEP_FINISHED: lambda told: f"{Mark.DONE} {told.step}{told.took}",
    EventKind.STEP_CONFIRMED: lambda told: f"{Mark.DONE} {told.who} confirmed {told.step}",
    EventKind.BRANCH_TAKEN: lambda told: (
        f"EKS wants the node groups to match first, as the plan foresaw: {told.steps('step_ids')}"
    ),
    EventKind.WARNING_RAISED: lambda told: f"{Mark.WARNING} {in_words(told.run.plan, told.text('text'))}",
    EventKind.PAUSE_REQUESTED: _pausing,
    EventKind.RUN_PAUSED: lambda told: "\n".join(
        [f"{Mark.PAUSED} Paused", *told.bullets("reasons"), "Put that right, then go on with the buttons above."]
    ),
    EventKind.RUN_RESUMED: lambda told: f"▶️ {told.who} resumed the run",
    EventKind.RETRY_REQUESTED: lambda told: f"🔁 {told.who} retries: attempt {esc(told.text('attempt'))}",
    EventKind.RECHECK_REQUESTED: lambda told: f"{Mark.LOOKING} {told.who} asked to look again",
    EventKind.ABORT_REQUESTED: _aborting,
    EventKind.RUN_EXPIRED: lambda told: f"{Mark.STOPPED} The run is over{told.because}",
    EventKind.BOT_RESTARTED: _restarted,
    EventKind.WINDOW_CLOSED: _closed,
    EventKind.WINDOW_OPENED: f"{Mark.CLOCK} The maintenance window is open",
    EventKind.CALL_ACKNOWLEDGED: lambda told: f"{Mark.DONE} {told.who} is on it",
    EventKind.RUN_TAKEN_OVER: lambda told: (
        f"{Mark.DONE} {told.who} is in charge of this run now"
        + (f", in place of {person(told.text('before'))}" if told.text("before") else "")
    ),
    EventKind.RUN_MUTED: lambda told: f"{Mark.CLOCK} {told.who} muted its calls until {told.when('until')}",
    EventKind.NOTE_ADDED: lambda told: f"{told.who} notes: {esc(told.text('text'))}",
    EventKind.SLACK_UNREACHABLE: lambda told: (
        f"{Mark.WARNING} Slack was out of reach since {told.when('since')}: no new step was started"
    ),
    EventKind.SLACK_REACHABLE: f"{Mark.DONE} Slack can be reached again",
}
