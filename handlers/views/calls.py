"""A call: what happens, what can wait until morning, and what each button does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from handlers.ids import Action, RunRef
from handlers.views import kit
from handlers.views.buttons import applicable
from handlers.views.kit import Message
from handlers.views.limits import Block, fit
from handlers.views.progress import Mark
from handlers.views.text import count, esc, link, local_time, person
from handlers.views.titles import gate_title, in_words, title_of
from upgrade.calls import Call, standing_of
from upgrade.run import NodegroupMix, StepStatus, UpgradeRun
from upgrade.troubles import CallKind, Trouble
from upgrade.windows import time_zone

_MARKS: Final[Mapping[CallKind, str]] = {
    CallKind.STALLED: "📟",
    CallKind.FAILED: "📟",
    CallKind.DECISION: "📟",
    CallKind.APPROVAL: "⏳",
}
#: What the buttons under the run's message do, behind their name.
_MEANING: Final[Mapping[Action, str]] = {
    Action.APPROVE: "lets it go on",
    Action.REJECT: "ends the run",
    Action.RECHECK: "looks at the cluster again and goes on if it may",
    Action.WAIVE: "accepts a finding",
    Action.CONFIRM: "says that it is done",
    Action.RETRY: "tries the step again",
    Action.RESUME: "goes on",
    Action.PAUSE: "starts nothing more",
    Action.RESCHEDULE: "gives it another start",
    Action.RESCHEDULE_NOW: "starts it as soon as it may",
    Action.CANCEL: "calls it off",
    Action.LIFT: "lets it go on in a freeze",
    Action.ABORT: "ends the run here; what is under way finishes",
}
_NAMES: Final[Mapping[Action, str]] = {Action.RESCHEDULE_NOW: "Start now"}
_NOTHING_NEW: Final = "nothing new starts"
#: People and groups who are named.
_CALLED: Final = 10
#: The buttons of a call, with what stands on them.
_CALL: Final[Mapping[Action, str]] = {
    Action.ACKNOWLEDGE: "Acknowledge",
    Action.TAKE_OVER: "Take over",
    Action.MUTE: "Mute 1 h",
    Action.NOTE: "Note…",
}
#: Between these hours of the cluster's own zone people are asleep.
_NIGHT: Final = (21, 6)
#: Of one reason: it may be what a service said.
_REASON: Final = 600


def render_call(call: Call, run: UpgradeRun, thread: str | None, *, direct: bool = False) -> Message:
    """A call to people in the thread of the run.

    Args:
        thread: the address of the run's thread.
        direct: it is a message to one person, who is not in the thread.
    """
    called = "" if direct else f"{' '.join(map(person, call.to[:_CALLED]))} "
    if call.kind is CallKind.APPROVAL:
        return _reminder(run, called, thread if direct else None)
    lines = call_lines(call, run)
    first = f"{_MARKS[call.kind]} {called}{lines[0]}"
    where = [link(thread, "To its thread")] if direct and thread else []
    last = [*lines[-1:], *where]
    blocks = [
        kit.section(first, *lines[1:-1]),
        kit.context(" · ".join(last)),
        *kit.actions(_buttons(call.trouble, run, _CALL)),
    ]
    return Message(first, blocks)


def call_lines(call: Call, run: UpgradeRun, *, paged: bool = False) -> list[str]:
    """Mrkdwn: what happens, since when, what goes on by itself, and, last, what the buttons do.

    Args:
        paged: read outside of Slack, where there are no such buttons.
    """
    reason = fit(in_words(run.plan, call.reason), _REASON)
    return [
        f"*{esc(run.cluster.name)}* needs you: {reason}",
        f"Since {local_time(call.since)}.",
        *_until_morning(call, run),
        _what_to_do_outside(run) if paged else _what_buttons_do(run),
    ]


def render_reminder_over(run: UpgradeRun) -> Message:
    """A reminder whose question nobody has to answer any more; what was decided stands in the thread."""
    line = f"{Mark.CLOCK} *{esc(run.cluster.name)}*: approvers were reminded here; it does not wait for them any more."
    return Message(line, [kit.section(line)])


def render_call_over(trouble: Trouble, run: UpgradeRun, *, brief: bool = False) -> Message:
    """A call that nobody has to answer any more: who did, or that it is over; done only once its step is.

    Args:
        brief: an earlier message of its thread says what it was.
    """
    seen = trouble.open and trouble.acknowledged_by is not None
    how = f"{Mark.DONE} {person(trouble.acknowledged_by)} has seen it" if seen else _how_it_ended(trouble, run)
    if brief:
        line = f"{how}."
    else:
        reason = fit(in_words(run.plan, trouble.reason), _REASON)
        by = f" {person(trouble.acknowledged_by)} had seen it." if trouble.acknowledged_by and not seen else ""
        line = f"{how}: *{esc(run.cluster.name)}*: {reason}{by}"
    # Whoever has seen it may find out that it is theirs; who is in charge already needs no button.
    left = [Action.TAKE_OVER, Action.NOTE] if seen and not brief and run.in_charge is None else []
    return Message(line, [kit.section(line), *kit.actions(_buttons(trouble.key, run, left))])


def _how_it_ended(trouble: Trouble, run: UpgradeRun) -> str:
    if not trouble.step or run.step(trouble.step).status in (StepStatus.DONE, StepStatus.SKIPPED):
        return f"{Mark.DONE} Over"
    if trouble.retried_by is not None:
        mark = Mark.STOPPED if run.status.finished else Mark.RUNNING
        return f"{mark} Retried by {person(trouble.retried_by)}"
    return f"{Mark.STOPPED} Over"


def _until_morning(call: Call, run: UpgradeRun) -> list[str]:
    standing = standing_of(run)
    lines = []
    if standing.unwell:
        titles = ", ".join(title_of(run.plan, one) for one in standing.unwell)
        lines.append(f"Look at the cluster before you leave it until morning: workloads may suffer from {titles}.")
    new = "nothing new starts before Slack is back; then the run goes on by itself" if standing.held else _NOTHING_NEW
    if standing.steady:
        calm = f"no update is under way, no node group is half-way, {new}."
        lines.append(f"N{calm[1:]}" if standing.unwell else f"It can wait until morning: {calm}")
        groups = ", ".join(map(_mix, standing.node_groups))
        return [*lines, f"Nodes as last seen: {groups}."] if groups else lines
    if standing.under_way:
        going = ", ".join(title_of(run.plan, one.step_id) for one in standing.under_way)
        lines.append(f"Under way at EKS: {going}. EKS finishes that on its own; nobody has to wait for it.")
    if standing.node_groups:
        groups = ", ".join(map(_mix, standing.node_groups))
        name = "Half-way" if standing.half_way else "Nodes as last seen"
        lines.append(f"{name}: {groups}.{_beside_each_other(standing.node_groups, call, run)}")
    if standing.starts:
        return [*lines, "The rest of the run goes on by itself."]
    return [*lines, f"N{new[1:]}." if standing.held else "Nothing new starts by itself."]


def _beside_each_other(mixes: Sequence[NodegroupMix], call: Call, run: UpgradeRun) -> str:
    """Of node groups whose nodes are on several versions, for how long that may be; nothing where all are on one."""
    if all(len(mix.kubelets) < 2 for mix in mixes):
        return ""
    hour = call.due_at.astimezone(time_zone(run.time_zone)).hour
    night = hour >= _NIGHT[0] or hour < _NIGHT[1]
    lasts = "until morning" if night else "for hours"
    return f" Nodes of both versions work beside each other and can stay so {lasts}."


def _mix(mix: NodegroupMix) -> str:
    nodes = ", ".join(f"{number} on {version}" for version, number in mix.kubelets)
    closed = f"; {count(mix.cordoned, 'node')} take no new pods" if mix.cordoned else ""
    return f"{esc(mix.name)} ({nodes}{closed})"


def _what_buttons_do(run: UpgradeRun) -> str:
    tend = (
        "*Acknowledge* ends these calls. *Take over* also puts you in charge. *Mute* keeps them quiet for an hour. "
        "*Note* writes something into the thread."
    )
    steer = [
        f"*{_NAMES.get(one, one.verb.capitalize())}* {_MEANING[one]}" for one in applicable(run) if one in _MEANING
    ]
    return f"{tend} Under the run's message: {'; '.join(steer)}." if steer else tend


def _what_to_do_outside(run: UpgradeRun) -> str:
    """Slack's buttons are in Slack; while it is away only the command line is left."""
    if "slack" not in run.holds:
        return f"In the run's thread in Slack: {_what_buttons_do(run)}"
    return (
        f"No button works before Slack is back. On the command line, where the bot runs: "
        f"`eks-upgrade-bot pause {run.id}` keeps it from going on then, "
        f"`eks-upgrade-bot status {run.id}` shows where it is."
    )


def _buttons(trouble: str, run: UpgradeRun, which: Iterable[Action]) -> list[Block]:
    value = RunRef(run.id, step=trouble).encode()
    return [kit.button(_CALL[one], one, value, style="primary" if one is Action.ACKNOWLEDGE else None) for one in which]


def _reminder(run: UpgradeRun, called: str, thread: str | None) -> Message:
    after = "the run is over" if run.started_at is None else "it pauses"
    until = f" until {local_time(run.expires_at)}; then {after}" if run.expires_at else ""
    where = f" {link(thread, 'To its thread')}" if thread else ""
    gate = gate_title(run, run.waiting_for)
    start = f" It is to start {local_time(run.wanted_at)}." if run.wanted_at and run.started_at is None else ""
    line = (
        f"{_MARKS[CallKind.APPROVAL]} {called}*{esc(run.cluster.name)}*: {gate} still waits for an approval"
        f"{until}.{start} Approve or reject it under the run's message.{where}"
    )
    return Message(line, [kit.section(line)])
