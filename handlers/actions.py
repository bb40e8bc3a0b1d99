"""Buttons. Each carries its run, digest and gate; what no longer applies answers clearly and changes nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from slack_bolt import App

from handlers import commands
from handlers.conversation import Caller, Conversation
from handlers.errors import Ack, Respond, ack_then_answer, commit_then_ack_button, open_dialog, say
from handlers.ids import Action, RunRef, decode_cluster, decode_request, split_start
from handlers.scheduling import lift_form, reschedule_form, schedule_form
from handlers.views.buttons import waivable
from handlers.views.dialogs import (
    render_approve_dialog,
    render_note_dialog,
    render_reject_dialog,
    render_request_dialog,
    render_waive_dialog,
)
from handlers.views.kit import Message
from handlers.views.report import render_handed_over
from handlers.words import RUN_WORDS, PlanWord, Word
from upgrade.errors import ChecklistOpen, NotNow, UpgradeError
from upgrade.ports import Verb
from upgrade.verbs import must_be_approvable

_WRITING = (
    Action.PAUSE,
    Action.RESUME,
    Action.RETRY,
    Action.RECHECK,
    Action.CONFIRM,
    Action.START,
    Action.SCHEDULE_AT,
    Action.RESCHEDULE_TO,
    Action.RESCHEDULE_NOW,
    Action.CANCEL,
    Action.ACKNOWLEDGE,
    Action.TAKE_OVER,
    Action.MUTE,
)
_ASKING = (
    Action.ABORT,
    Action.REJECT,
    Action.WAIVE,
    Action.DIALOG,
    Action.SCHEDULE,
    Action.RESCHEDULE,
    Action.LIFT,
    Action.NOTE,
)
_DECISIONS: Final[Mapping[Action, Verb]] = {
    Action.APPROVE: "approve",
    Action.REJECT: "reject",
    Action.WAIVE: "waive",
}
_LOOKING: Final[Mapping[Action, PlanWord]] = {Action.CHECK: Word.CHECK, Action.PLAN: Word.PLAN}
_REQUESTS: Final[Mapping[Action, PlanWord]] = {
    **_LOOKING,
    Action.START: Word.START,
    Action.SCHEDULE: Word.SCHEDULE,
    Action.SCHEDULE_AT: Word.SCHEDULE,
}


def register(app: App, talk: Conversation) -> None:
    for action in _WRITING:
        app.action(_id(action))(partial(_write, talk))
    for action in _ASKING:
        app.action(_id(action))(partial(_ask, talk))
    app.action(_id(Action.APPROVE))(partial(_approve, talk))
    for action in _LOOKING:
        app.action(_id(action))(partial(_look, talk))
    app.action(_id(Action.REPORT))(partial(_report, talk))
    app.action(_id(Action.TYPE))(partial(commands.press, talk))


def _id(action: Action) -> re.Pattern[str]:
    """The id with or without the key that tells alike buttons apart."""
    return re.compile(rf"{re.escape(action)}(:.*)?")


def _pressed(body: dict[str, Any]) -> tuple[Action, str]:
    """Which button, and what it carries."""
    pressed = body["actions"][0]
    return Action(str(pressed["action_id"]).partition(":")[0]), str(pressed.get("value", ""))


def _write(talk: Conversation, ack: Ack, body: dict[str, Any], respond: Respond) -> None:
    action, value = _pressed(body)
    caller = Caller.of_action(body, stands_for(talk, action, value))
    commit_then_ack_button(partial(_commit, talk, action, caller, value), ack, respond, talk, caller)


def stands_for(talk: Conversation, action: Action, value: str) -> str:
    """The command that does what the button does; empty when it cannot be read, or there is none."""
    carried = value.rpartition("|")[0] if action in (Action.SCHEDULE_AT, Action.RESCHEDULE_TO) else value
    word = next((word for word in Word if word.replace(" ", "_") == action.verb), None)
    try:
        if action in _REQUESTS:
            request = decode_request(carried)
            return str(commands.command_of(_REQUESTS[action], talk.service.name_of(request.cluster), request))
        return f"{word} {RunRef.decode(carried).run}" if word else ""
    except UpgradeError:
        return ""


def _commit(talk: Conversation, action: Action, caller: Caller, value: str) -> Message | None:
    """One row for the button. The run message shows what came of it, so there is no answer but for a start."""
    if action is Action.START:
        return commands.start(talk, caller, decode_request(value), again=False)
    if action is Action.SCHEDULE_AT:
        request, start_at = split_start(value)
        return commands.start(talk, caller, decode_request(request), start_at=start_at, again=False)
    if action is Action.RESCHEDULE_TO:
        moved, start_at = split_start(value)
        return commands.reschedule(talk, caller, talk.service.run(RunRef.decode(moved).run), start_at)
    _commit_on_run(talk, action, caller, RunRef.decode(value))
    return None


def _commit_on_run(talk: Conversation, action: Action, caller: Caller, ref: RunRef) -> None:
    service, actor, origin = talk.service, caller.user, caller.origin
    if action is Action.APPROVE:
        service.approve(ref.run, gate=ref.gate, digest=ref.digest, actor=actor, origin=origin)
    elif action is Action.CONFIRM:
        service.confirm(ref.run, ref.step, actor=actor, origin=origin)
    elif action is Action.ACKNOWLEDGE:
        service.acknowledge(ref.run, call=ref.step, actor=actor, origin=origin)
    elif action is Action.TAKE_OVER:
        service.take_over(ref.run, actor=actor, origin=origin)
    elif action is Action.MUTE:
        service.mute(ref.run, actor=actor, origin=origin)
    elif action is Action.RESCHEDULE_NOW:
        service.reschedule(ref.run, None, actor=actor, origin=origin)
    else:
        word = next(word for word in RUN_WORDS if word == action.verb)
        commands.steer(talk, caller, word, service.run(ref.run))


def _approve(talk: Conversation, ack: Ack, body: dict[str, Any], client: Any, respond: Respond) -> None:
    """One row, as for other buttons; while the check list is open, the dialog that has it ticked."""
    if _list_is_open(talk, _pressed(body)[1]):
        _ask(talk, ack, body, client, respond)
    else:
        _write(talk, ack, body, respond)


def _list_is_open(talk: Conversation, value: str) -> bool:
    """Whatever else is wrong with that button is said by the one who writes."""
    try:
        ref = RunRef.decode(value)
        must_be_approvable(talk.service.run(ref.run), ref.gate, ref.digest, ())
    except Exception as error:
        return isinstance(error, ChecklistOpen)
    return False


def _ask(talk: Conversation, ack: Ack, body: dict[str, Any], client: Any, respond: Respond) -> None:
    caller = Caller.of_action(body, stands_for(talk, *_pressed(body)))
    ack_then_answer(partial(_open, talk, caller, body, client), ack, respond, talk, caller)


def _open(talk: Conversation, caller: Caller, body: dict[str, Any], client: Any) -> None:
    action, value = _pressed(body)
    open_dialog(client, caller, _dialog(talk, action, caller, value))


def _dialog(talk: Conversation, action: Action, caller: Caller, value: str) -> dict[str, Any]:
    if action is Action.DIALOG:
        chosen = decode_cluster(value) if "/" in value else None
        channel, service = caller.channel or talk.channel or "", talk.service
        return render_request_dialog(service.clusters(), channel=channel, chosen=chosen, looking=service.looking)
    if action is Action.SCHEDULE:
        return schedule_form(talk, decode_request(value), caller.channel or talk.channel or "")
    return _run_dialog(talk, action, caller, RunRef.decode(value))


def _run_dialog(talk: Conversation, action: Action, caller: Caller, ref: RunRef) -> dict[str, Any]:
    run = talk.service.run(ref.run)
    if action in _DECISIONS:
        # It is judged again when it is decided; here it spares others a form that would be refused.
        talk.permit(caller.user, _DECISIONS[action], [run.cluster])
    if action is Action.RESCHEDULE:
        return reschedule_form(talk, run)
    if action is Action.LIFT:
        return lift_form(talk, run)
    if action is Action.ABORT:
        return commands.abort_form(talk, caller, run)
    simple = {
        Action.APPROVE: render_approve_dialog,
        Action.REJECT: render_reject_dialog,
        Action.NOTE: render_note_dialog,
    }
    if action in simple:
        return simple[action](run, ref)
    return render_waive_dialog(run, waivable(run), ref)


def _look(talk: Conversation, ack: Ack, body: dict[str, Any], respond: Respond) -> None:
    """Check or plan for whoever presses, and answer to nobody else."""
    caller = Caller.of_action(body, stands_for(talk, *_pressed(body)))

    def work() -> None:
        action, value = _pressed(body)
        commands.examine(talk, caller, _LOOKING[action], decode_request(value), partial(say, talk, caller, respond))

    ack_then_answer(work, ack, respond, talk, caller)


def _report(talk: Conversation, ack: Ack, body: dict[str, Any], respond: Respond) -> None:
    """Send the report that a run stands on to whoever asks."""
    caller = Caller.of_action(body)

    def work() -> Message:
        run = talk.service.run(RunRef.decode(_pressed(body)[1]).run)
        talk.permit(caller.user, "status", [run.cluster])
        if run.report is None:
            raise NotNow(f"Run {run.id} has no report yet.", "Look at its message again in a minute.")
        file = commands.report_file(run.report)
        return render_handed_over(run.report, file.name, sent=talk.post.hand_over(caller.user, file))

    ack_then_answer(work, ack, respond, talk, caller)
