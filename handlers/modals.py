"""What people filled in: validated purely, answered under the field that is wrong, committed before the ack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from typing import Any, Final

from slack_bolt import App, BoltContext

from handlers import commands
from handlers.conversation import Caller, Conversation, channel_of
from handlers.errors import Ack, attempt, explain
from handlers.ids import (
    Dialog,
    Input,
    RunRef,
    ValueUnreadable,
    decode_request,
    finding_key,
    freeze_key,
    instant_of_epoch,
    split_start,
)
from handlers.scheduling import freezes_ahead, schedule_form
from handlers.views.dialogs import render_answer_dialog
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.schedule import PICKED, SOON
from handlers.words import PLAN_WORDS, ClusterCommand, Word
from upgrade.errors import (
    AmbiguousCluster,
    ChecklistOpen,
    NothingToDo,
    NotNow,
    TargetNotOffered,
    UnknownCluster,
    UpgradeError,
)
from upgrade.plan import NodePolicy, Scope
from upgrade.run import UpgradeRun
from upgrade.verbs import must_be_going, must_not_have_begun, must_wait
from upgrade.versions import KubernetesVersion

Fields = Mapping[Input, str]
After = Callable[[], None]
#: Gives nothing when all is committed, else what is done after the ack, or the next form.
Submit = Callable[[Conversation, Caller, str, Fields], After | Block | None]
#: Dialogs that ask for a run: their metadata begins with the channel where it is shown.
_FOR_A_CHANNEL: Final = frozenset({Dialog.REQUEST, Dialog.SCHEDULE})
#: The title of an answer to a button in App Home.
_AT_HOME: Final = "EKS upgrades"


@dataclass(frozen=True)
class _Form:
    """A dialog, and what submitting it does.

    Args:
        field: under which an error is shown that can be put right in it.
        holds: raises when its run does not take it any more, however it is filled in; None: it always may.
    """

    dialog: Dialog
    submit: Submit
    field: Input | None = None
    holds: Callable[[UpgradeRun], object] | None = None


class FieldWrong(UpgradeError):
    """What stands in a field cannot be used. Args: field: which one."""

    def __init__(self, field: Input, message: str, hint: str = "") -> None:
        super().__init__(message, hint)
        self.field = field


def register(app: App, talk: Conversation) -> None:
    forms = (
        _Form(Dialog.REQUEST, _request, Input.CLUSTER),
        _Form(Dialog.APPROVE, _approve, Input.TICKS, must_wait),
        _Form(Dialog.ABORT, _abort, None, must_be_going),
        _Form(Dialog.REJECT, _reject, Input.REASON, must_wait),
        _Form(Dialog.WAIVE, _waive, Input.FINDING, must_be_going),
        _Form(Dialog.SCHEDULE, _schedule, Input.AT),
        _Form(Dialog.RESCHEDULE, _reschedule, Input.AT, must_not_have_begun),
        _Form(Dialog.LIFT, _lift, Input.FREEZE, must_be_going),
        _Form(Dialog.NOTE, _note, Input.REASON),
    )
    for form in forms:
        app.view(form.dialog.value)(partial(_listen, talk, form))


def _listen(talk: Conversation, form: _Form, ack: Ack, body: dict[str, Any]) -> None:
    """Commit, then ack: with nothing (the dialog closes), or with the error where the person is looking.

    What can be put right in the form stands beside its field. What cannot takes the form's place, with the next moves
    as buttons. What only reads is done after the ack.
    """
    view = body["view"]
    fields, metadata, caller = fields_of(view), str(view.get("private_metadata") or ""), Caller.of_view(body)
    after: After | Block | None = None
    try:
        after = form.submit(talk, caller, metadata, fields)
        answer: dict[str, Any] = {"response_action": "update", "view": after} if isinstance(after, dict) else {}
    except Exception as error:
        where = error.field if isinstance(error, FieldWrong) else form.field
        if where is not None and where in fields and _can_be_put_right(talk, form, metadata, error):
            answer = {"response_action": "errors", "errors": {where.value: str(error)}}
        else:
            message = explain(error, talk, replace(caller, typed=_typed(talk, form, metadata, fields)))
            channel = metadata.partition("|")[0] if form.dialog in _FOR_A_CHANNEL else ""
            answer = {"response_action": "update", "view": _in_place_of(view, message, channel)}
    ack(**answer)
    if callable(after):
        talk.later(after)


def _can_be_put_right(talk: Conversation, form: _Form, metadata: str, error: Exception) -> bool:
    """Whether the same form, filled in otherwise, may be taken. What its run does not take any more never is."""
    if form.dialog is Dialog.REQUEST:
        return isinstance(error, FieldWrong | UnknownCluster | AmbiguousCluster | TargetNotOffered | NothingToDo)
    if not isinstance(error, FieldWrong | NotNow | ChecklistOpen):
        return False
    try:
        if form.holds is not None:
            form.holds(talk.service.run(RunRef.decode(metadata).run))
    except UpgradeError:
        return False
    return True


def _typed(talk: Conversation, form: _Form, metadata: str, fields: Fields) -> str:
    """The command that the form stands for, or that shows its run; empty when it cannot be read."""
    try:
        if form.dialog is Dialog.REQUEST:
            return str(command_of(fields))
        if form.dialog is Dialog.SCHEDULE:
            request = decode_request(metadata.partition("|")[2])
            return str(commands.command_of(Word.SCHEDULE, talk.service.name_of(request.cluster), request))
        return f"{Word.STATUS} {RunRef.decode(metadata).run}"
    except UpgradeError:
        return ""


def _in_place_of(view: Mapping[str, Any], message: Message, channel: str) -> Block:
    return render_answer_dialog(str(view["title"]["text"]), message, channel=channel)


def answer_in_place(context: BoltContext, body: dict[str, Any], client: Any, next: Callable[[], Any]) -> None:  # noqa: A002 -- Bolt's name
    """A button in a dialog or in App Home has no response URL: what answers it takes the dialog's place, or is one."""
    view = body.get("view") or {}
    if body.get("type") == "block_actions" and view:
        context["respond"] = partial(_show, client, view, str(body.get("trigger_id", "")))
    next()


def _show(
    client: Any, view: Mapping[str, Any], trigger: str, text: str, blocks: Sequence[Block] = (), **_how: Any
) -> None:
    answer = Message(text, list(blocks))
    if view.get("type") != "modal":
        client.views_open(trigger_id=trigger, view=render_answer_dialog(_AT_HOME, answer))
        return
    client.views_update(view_id=view["id"], view=_in_place_of(view, answer, channel_of(view)))


def fields_of(view: Mapping[str, Any]) -> dict[Input, str]:
    """What stands in each field, trimmed; an empty field is an empty text, ticked boxes have spaces between them."""
    values: Mapping[str, Any] = view.get("state", {}).get("values", {})
    fields = {}
    for name in Input:
        # One question may take several blocks.
        blocks = [block for block_id, block in values.items() if block_id.partition(":")[0] == name.value]
        if blocks:
            fields[name] = " ".join(_answer_of(block.get(name.value, {})) for block in blocks).strip()
    return fields


def _answer_of(element: Mapping[str, Any]) -> str:
    chosen = element.get("selected_options") or [element.get("selected_option") or {}]
    typed = element.get("value") or element.get("selected_date") or element.get("selected_date_time")
    return str(typed or " ".join(str(one.get("value") or "") for one in chosen)).strip()


def _request(talk: Conversation, caller: Caller, channel: str, fields: Fields) -> After | Block | None:
    wanted = command_of(fields)
    # Submitted once more after a correction, the same dialog is another request.
    here = Caller(caller.user, channel, f"{caller.origin}:{caller.trigger}", caller.trigger)
    if wanted.word is Word.START:
        commands.write(talk, here, wanted)
        return None
    request = commands.request_of(talk, wanted)
    if wanted.word is Word.SCHEDULE:
        return schedule_form(talk, request, channel)

    def tell(message: Message) -> None:
        talk.post.whisper(channel, caller.user, message)

    def after() -> None:
        answer = attempt(partial(commands.examine, talk, here, wanted.word, request, tell), talk)
        if answer is not None:
            tell(answer)

    return after


def command_of(fields: Fields) -> ClusterCommand:
    """The command that the form stands for. Raises FieldWrong."""
    word = next((word for word in PLAN_WORDS if word == fields.get(Input.VERB, "")), None)
    cluster = fields.get(Input.CLUSTER, "")
    if word is None:
        raise FieldWrong(Input.VERB, "Choose what to do.")
    if not cluster:
        raise FieldWrong(Input.CLUSTER, "Choose a cluster.")
    target = fields.get(Input.TARGET, "")
    try:
        version = KubernetesVersion.parse(target) if target else None
    except ValueError:
        raise FieldWrong(Input.TARGET, "That is not a Kubernetes version.", "Write it like 1.36.") from None
    try:
        scope = Scope(fields.get(Input.SCOPE) or Scope.ALL)
        policy = NodePolicy(fields[Input.NODES]) if fields.get(Input.NODES) else None
    except ValueError:
        raise ValueUnreadable from None
    return ClusterCommand(word, cluster, version, scope, policy)


def _schedule(talk: Conversation, caller: Caller, metadata: str, fields: Fields) -> None:
    channel, _, request = metadata.partition("|")
    here = Caller(caller.user, channel, f"{caller.origin}:{caller.trigger}", caller.trigger)
    commands.start(talk, here, decode_request(request), start_at=start_in(fields))


def _reschedule(talk: Conversation, caller: Caller, metadata: str, fields: Fields) -> None:
    run = talk.service.run(RunRef.decode(metadata).run)
    commands.reschedule(talk, caller, run, start_in(fields))


def start_in(fields: Fields) -> datetime | None:
    """The instant that was chosen; None: as soon as it may. Raises FieldWrong, ValueUnreadable."""
    chosen = fields.get(Input.WHEN) or PICKED
    if chosen == SOON:
        return None
    if chosen != PICKED:
        return split_start(chosen)[1]
    picked = fields.get(Input.AT, "")
    if not picked:
        raise FieldWrong(Input.AT, "Pick a day and a time.")
    return instant_of_epoch(picked)


def _lift(talk: Conversation, caller: Caller, metadata: str, fields: Fields) -> None:
    run = talk.service.run(RunRef.decode(metadata).run)
    reason = fields.get(Input.REASON, "")
    if not reason:
        raise FieldWrong(Input.REASON, "Lifting a freeze needs a reason.")
    wanted = fields.get(Input.FREEZE, "")
    found = [freeze for freeze in freezes_ahead(talk, run) if freeze_key(freeze) == wanted]
    if not found:
        raise NotNow("That freeze does not hold this run any more.", "Close this and look at the run's message.")
    commands.lift(talk, caller, run, found[0].name, reason)


def _approve(talk: Conversation, caller: Caller, metadata: str, fields: Fields) -> None:
    ref = RunRef.decode(metadata)
    ticked = fields.get(Input.TICKS, "").split()
    talk.service.approve(
        ref.run, gate=ref.gate, digest=ref.digest, actor=caller.user, origin=caller.origin, ticked=ticked
    )


def _abort(talk: Conversation, caller: Caller, metadata: str, _fields: Fields) -> None:
    talk.service.abort(RunRef.decode(metadata).run, actor=caller.user, origin=caller.origin)


def _reject(talk: Conversation, caller: Caller, metadata: str, fields: Fields) -> None:
    ref = RunRef.decode(metadata)
    reason = fields.get(Input.REASON, "")
    talk.service.reject(
        ref.run, gate=ref.gate, digest=ref.digest, actor=caller.user, reason=reason, origin=caller.origin
    )


def _note(talk: Conversation, caller: Caller, metadata: str, fields: Fields) -> None:
    ref = RunRef.decode(metadata)
    talk.service.note(ref.run, fields.get(Input.REASON, ""), actor=caller.user, origin=caller.origin)


def _waive(talk: Conversation, caller: Caller, metadata: str, fields: Fields) -> None:
    ref = RunRef.decode(metadata)
    reason = fields.get(Input.REASON, "")
    if not reason:
        raise FieldWrong(Input.REASON, "A waiver needs a reason.")
    try:
        until = date.fromisoformat(fields[Input.UNTIL]) if fields.get(Input.UNTIL) else None
    except ValueError:
        raise FieldWrong(Input.UNTIL, "That is not a day.", "Write it like 2026-12-31.") from None
    report = talk.service.run(ref.run).report
    wanted = fields.get(Input.FINDING, "")
    found = [finding for finding in (report.findings if report else ()) if finding_key(finding) == wanted]
    if not found:
        raise NotNow("That finding is not there any more.", "Close this and look at the run's message.")
    talk.service.waive(
        ref.run,
        code=found[0].code,
        subject=found[0].subject,
        reason=reason,
        until=until,
        actor=caller.user,
        origin=caller.origin,
    )
