"""`/eks-upgrade …`: parse, ask the service, answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Any, NoReturn

from slack_bolt import App

from handlers.conversation import Caller, Conversation, File, Work
from handlers.digest import make_digest
from handlers.errors import (
    Ack,
    Respond,
    ack_then_answer,
    commit_then_ack,
    commit_then_ack_button,
    explain,
    open_dialog,
    say,
)
from handlers.keeping import tell_of_run
from handlers.manual import MANUAL
from handlers.moves import first_moves
from handlers.own import own_of
from handlers.parse import parse
from handlers.scheduling import (
    must_be_ahead,
    needs_a_zone,
    offer,
    reschedule_form,
    schedule_form,
    start_of,
    times_of,
)
from handlers.views.calendar import render_calendar
from handlers.views.clusters import render_clusters
from handlers.views.dialogs import render_abort_dialog, render_request_dialog
from handlers.views.explained import render_explanation
from handlers.views.help import render_help, render_word
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.moves import with_moves
from handlers.views.plan import render_plan
from handlers.views.report import render_report
from handlers.views.runs import (
    render_glass_noted,
    render_history,
    render_lifted,
    render_looking,
    render_muted,
    render_noted,
    render_rescheduled,
    render_started,
    render_status,
    render_steered,
)
from handlers.words import (
    BreakGlassCommand,
    ClusterCommand,
    Command,
    CommandUnclear,
    ExplainCommand,
    ExportCommand,
    HelpCommand,
    HistoryCommand,
    LiftCommand,
    Look,
    MuteCommand,
    NoteCommand,
    PlanWord,
    PreviewCommand,
    RescheduleCommand,
    RunCommand,
    RunWord,
    StatusCommand,
    Word,
    asks_when,
    opens_a_form,
)
from upgrade.checks.explained import explain as explain_check
from upgrade.errors import NotNow, UpgradeError
from upgrade.findings import Report
from upgrade.plan import PlanRequest
from upgrade.ports import Verb
from upgrade.reports import Format, render
from upgrade.reports.outline import title_of
from upgrade.run import UpgradeRun
from upgrade.service import PlanResult

Tell = Callable[[Message], None]


def register(app: App, talk: Conversation) -> None:
    app.command(talk.command)(partial(_listen, talk))


def _listen(talk: Conversation, ack: Ack, body: dict[str, Any], client: Any, respond: Respond) -> None:
    caller = Caller.of_command(body)
    commit = partial(commit_then_ack, ack=ack, talk=talk, caller=caller)
    hear(talk, caller, commit, client=client, ack=ack, respond=respond)


def press(talk: Conversation, ack: Ack, body: dict[str, Any], client: Any, respond: Respond) -> None:
    """A button that types a command."""
    caller = Caller.of_action(body, str(body["actions"][0].get("value", "")))
    commit = partial(commit_then_ack_button, ack=ack, respond=respond, talk=talk, caller=caller)
    hear(talk, caller, commit, client=client, ack=ack, respond=respond, again=False)


def hear(
    talk: Conversation,
    caller: Caller,
    commit: Callable[[Work], None],
    *,
    client: Any,
    ack: Ack,
    respond: Respond,
    again: bool = True,
) -> None:
    """Do what the caller typed. ``commit``: does what writes, acks and answers; ``again``: as for ``start``."""
    try:
        wanted = parse(caller.typed)
    except CommandUnclear as unclear:
        commit(partial(_refuse, unclear))
        return
    if opens_a_form(wanted) or _asks_first(talk, wanted):
        ack_then_answer(partial(_open_dialog, talk, caller, client, wanted), ack, respond, talk, caller)
    elif writes(wanted):
        commit(partial(write, talk, caller, wanted, again=again))
    elif isinstance(wanted, RescheduleCommand) or (isinstance(wanted, ClusterCommand) and wanted.when is not None):
        ack_then_answer(partial(_offer, talk, caller, client, wanted), ack, respond, talk, caller)
    elif wanted == Look(Word.CALENDAR):
        ack_then_answer(partial(_calendar, talk, caller, client), ack, respond, talk, caller)
    else:
        ack_then_answer(
            partial(look, talk, caller, wanted, partial(say, talk, caller, respond)), ack, respond, talk, caller
        )


def _asks_first(talk: Conversation, wanted: Command) -> bool:
    """An abort of what has begun is for good: what it leaves behind is shown before, also to those who type it."""
    if not isinstance(wanted, RunCommand) or wanted.word is not Word.ABORT:
        return False
    try:
        return talk.service.run_of(wanted.subject).started_at is not None
    except UpgradeError:
        return False  # whoever writes says what is wrong


def _refuse(unclear: CommandUnclear) -> NoReturn:
    raise unclear


def writes(wanted: Command) -> bool:
    """Whether it is committed as it was typed. A time that means another instant elsewhere is shown back first."""
    if asks_when(wanted):
        return wanted.when is not None and not needs_a_zone(wanted.when)
    starts = isinstance(wanted, ClusterCommand) and wanted.word is Word.START
    return starts or isinstance(wanted, RunCommand | LiftCommand | BreakGlassCommand | MuteCommand | NoteCommand)


def write(talk: Conversation, caller: Caller, wanted: Command, *, again: bool = True) -> Message | None:
    """Start, move or steer a run: exactly one row. ``again``: as for ``start``. Raises UpgradeError."""
    if isinstance(wanted, ClusterCommand):
        request = request_of(talk, wanted)
        start_at = start_of(talk.service, wanted.when, request.cluster)
        return start(talk, caller, request, start_at=start_at, again=again)
    if not isinstance(
        wanted, RunCommand | RescheduleCommand | LiftCommand | BreakGlassCommand | MuteCommand | NoteCommand
    ):
        raise TypeError(f"{wanted!r} writes nothing")
    run = talk.service.run_of(wanted.subject)
    thread = talk.post.thread_link(run.id)
    if isinstance(wanted, RescheduleCommand):
        return reschedule(talk, caller, run, start_of(talk.service, wanted.when, run.cluster))
    if isinstance(wanted, LiftCommand):
        lift(talk, caller, run, wanted.freeze, wanted.reason)
        return render_lifted(run, wanted.freeze, thread)
    if isinstance(wanted, BreakGlassCommand):
        talk.service.break_glass(run.id, wanted.reason, actor=caller.user, origin=caller.origin)
        return render_glass_noted(run, thread)
    if isinstance(wanted, MuteCommand | NoteCommand):
        return tend(talk, caller, wanted, run)
    return steer(talk, caller, wanted.word, run)


def start(
    talk: Conversation, caller: Caller, request: PlanRequest, *, start_at: datetime | None = None, again: bool = True
) -> Message | None:
    """Begin a run. The same request delivered twice begins one.

    Args:
        start_at: when its work is to begin; None: as soon as it may.
        again: whether it is answered twice as well: of two acks Slack shows the first, of two messages both.
    """

    def begin() -> Message:
        channel = caller.channel or talk.channel
        run = talk.service.start(request, actor=caller.user, channel=channel, start_at=start_at)
        return render_started(run, talk.post.thread_link(run.id))

    return talk.starts.once(caller.origin, begin, again=again)


def reschedule(talk: Conversation, caller: Caller, run: UpgradeRun, start_at: datetime | None) -> Message:
    """Give a run another start; None: as soon as it may."""
    talk.service.reschedule(run.id, start_at, actor=caller.user, origin=caller.origin)
    return render_rescheduled(run, start_at, talk.post.thread_link(run.id))


def lift(talk: Conversation, caller: Caller, run: UpgradeRun, freeze: str, reason: str) -> None:
    talk.service.lift(run.id, freeze, reason, actor=caller.user, origin=caller.origin)


def steer(talk: Conversation, caller: Caller, word: RunWord, run: UpgradeRun) -> Message:
    """Do it; returns the answer for whoever typed it."""
    thread = talk.post.thread_link(run.id)
    verbs = {
        Word.ABORT: talk.service.abort,
        Word.CANCEL: talk.service.cancel,
        Word.PAUSE: talk.service.pause,
        Word.RESUME: talk.service.resume,
        Word.RETRY: talk.service.retry,
        Word.RECHECK: talk.service.recheck,
        Word.ACKNOWLEDGE: talk.service.acknowledge,
        Word.TAKE_OVER: talk.service.take_over,
    }
    verbs[word](run.id, actor=caller.user, origin=caller.origin)
    return render_steered(run, word, thread)


def tend(talk: Conversation, caller: Caller, wanted: MuteCommand | NoteCommand, run: UpgradeRun) -> Message:
    """Ask for quiet, or write something down."""
    thread = talk.post.thread_link(run.id)
    if isinstance(wanted, NoteCommand):
        talk.service.note(run.id, wanted.text, actor=caller.user, origin=caller.origin)
        return render_noted(run, thread)
    talk.service.mute(run.id, wanted.lasts, actor=caller.user, origin=caller.origin)
    return render_muted(run, wanted.lasts, thread)


def look(talk: Conversation, caller: Caller, wanted: Command, tell: Tell) -> Message | None:
    """Answer what only reads: at once from the store, or later from a worker (check, plan, digest)."""
    if isinstance(wanted, ClusterCommand) or wanted == Look(Word.DIGEST):
        _begin(talk, caller, wanted, tell)
        return None
    if isinstance(wanted, ExplainCommand):
        return render_explanation(explain_check(wanted.code))
    if isinstance(wanted, PreviewCommand | StatusCommand | ExportCommand):
        return tell_of_run(talk, caller, wanted)
    if isinstance(wanted, HelpCommand):
        return _help(talk, caller, wanted.word)
    talk.permit(caller.user, "status", [cluster.id for cluster in talk.service.clusters()])
    return _listed(talk, caller, wanted)


def _begin(talk: Conversation, caller: Caller, wanted: ClusterCommand | Look, tell: Tell) -> None:
    if isinstance(wanted, ClusterCommand):
        examine(talk, caller, wanted.word, request_of(talk, wanted), tell)
    else:
        make_digest(talk, caller, tell)


def _help(talk: Conversation, caller: Caller, word: Word | None) -> Message:
    own, clusters = own_of(talk.service, caller.user), [cluster.id for cluster in talk.service.clusters()]

    def refusal(verb: Verb) -> str:
        return talk.refusal(caller.user, verb, clusters)

    if word is None:
        return render_help(talk.command, own, lambda verb: not refusal(verb))
    verb = MANUAL[word].verb
    return render_word(talk.command, word, own, refusal(verb) if verb else "")


def _listed(talk: Conversation, caller: Caller, wanted: Command) -> Message:
    """A list; where it is empty, what to do first."""
    service = talk.service
    if isinstance(wanted, HistoryCommand):
        cluster = service.resolve(wanted.cluster).id if wanted.cluster else None
        runs = service.history(cluster)
        told = render_history(runs, cluster, talk.post.thread_link)
        own = own_of(service, caller.user) if not runs else None
        return with_moves(told, first_moves(own, about=cluster)) if own else told
    if wanted == Look(Word.STATUS):
        under_way = service.status()
        told = render_status(under_way, talk.post.thread_link, service.now())
        if under_way:
            return told
        return with_moves(told, first_moves(own_of(service, caller.user), Word.CALENDAR, Word.HISTORY))
    return render_clusters(service.clusters(), service.versions_seen(), looking=service.looking)


def examine(talk: Conversation, caller: Caller, word: PlanWord, request: PlanRequest, tell: Tell) -> None:
    """Say that a check or a plan begins, and begin it. Its result comes later, from a worker thread."""
    talk.permit(caller.user, "check" if word is Word.CHECK else "plan", [request.cluster])
    tell(render_looking(request))
    name = talk.service.name_of(request.cluster)
    asking = replace(caller, typed=str(command_of(word, name, request)))
    if word is Word.CHECK:
        talk.service.check(request, partial(_tell_report, talk, asking, request, tell))
    else:
        talk.service.plan(request, partial(_tell_plan, talk, asking, request, tell))


def request_of(talk: Conversation, wanted: ClusterCommand) -> PlanRequest:
    """Raises UnknownCluster, AmbiguousCluster."""
    cluster = talk.service.resolve(wanted.cluster).id
    return PlanRequest(cluster=cluster, target=wanted.target, scope=wanted.scope, node_policy=wanted.node_policy)


def command_of(word: PlanWord, name: str, request: PlanRequest) -> ClusterCommand:
    """The command that asks for it. ``name``: how the cluster is typed."""
    return ClusterCommand(word, name, request.target, request.scope, request.node_policy)


def _tell_report(
    talk: Conversation, caller: Caller, request: PlanRequest, tell: Tell, result: Report | UpgradeError
) -> None:
    """The answer names the file only when it has arrived, so the file goes first."""
    if isinstance(result, UpgradeError):
        tell(explain(result, talk, caller))
        return
    file = report_file(result)
    sent = talk.post.hand_over(caller.user, file)
    tell(render_report(result, request, file=file.name if sent else None))


def report_file(report: Report) -> File:
    """All of a report, to keep and to hand on."""
    name = f"readiness-{report.cluster.name}-{report.target}.html"
    return File(name, title_of(report), render(report, Format.HTML))


def _tell_plan(
    talk: Conversation, caller: Caller, request: PlanRequest, tell: Tell, result: PlanResult | UpgradeError
) -> None:
    if isinstance(result, UpgradeError):
        tell(explain(result, talk, caller))
    else:
        startable = not talk.service.resolve(str(request.cluster)).check_only
        times = times_of(talk, request)
        tell(render_plan(result.plan, result.report, request, result.offers, startable=startable, times=times))


def _open_dialog(talk: Conversation, caller: Caller, client: Any, wanted: Command) -> None:
    if isinstance(wanted, ClusterCommand):
        view = schedule_form(talk, request_of(talk, wanted), caller.channel)
    elif isinstance(wanted, RescheduleCommand):
        view = reschedule_form(talk, talk.service.run_of(wanted.subject))
    elif isinstance(wanted, RunCommand):
        view = abort_form(talk, caller, talk.service.run_of(wanted.subject))
    else:
        view = render_request_dialog(talk.service.clusters(), channel=caller.channel, looking=talk.service.looking)
    open_dialog(client, caller, view)


def abort_form(talk: Conversation, caller: Caller, run: UpgradeRun) -> Block:
    """What an abort leaves behind, and the question. Raises NotAllowed, NotNow."""
    talk.permit(caller.user, "abort", [run.cluster])
    return render_abort_dialog(run, talk.service.what_abort_leaves(run.id))


def _offer(talk: Conversation, caller: Caller, client: Any, wanted: ClusterCommand | RescheduleCommand) -> Message:
    if isinstance(wanted, ClusterCommand):
        return offer(talk, caller, client, wanted.when, request_of(talk, wanted))
    run = talk.service.run_of(wanted.subject)
    must_be_ahead(talk, run)
    return offer(talk, caller, client, wanted.when, run)


def _calendar(talk: Conversation, caller: Caller, client: Any) -> Message:
    """By the days of whoever asks; by those of UTC when Slack does not say where they are."""
    service = talk.service
    talk.permit(caller.user, "status", [cluster.id for cluster in service.clusters()])
    try:
        zone: tzinfo = talk.zones.of(client, caller.user, service.now())
    except NotNow:
        zone = UTC
    ahead, own = service.calendar(), own_of(service, caller.user)
    first = first_moves(own, word=Word.SCHEDULE)
    name = next(iter(own.clusters), "CLUSTER")
    told = render_calendar(
        ahead, talk.post.thread_link, command=talk.command, cluster=name, zone=zone, name_of=service.name_of
    )
    return told if ahead.maintenances else with_moves(told, first)
