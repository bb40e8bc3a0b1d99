"""`/eks-upgrade …`: parse, ask the service, answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from slack_bolt import App

from handlers.conversation import Caller, Conversation, File
from handlers.errors import Ack, Respond, ack_then_answer, commit_then_ack, explain, open_dialog, say
from handlers.parse import (
    ClusterCommand,
    Command,
    ExplainCommand,
    HistoryCommand,
    Look,
    OpenDialog,
    RunCommand,
    RunWord,
    Word,
    parse,
)
from handlers.views.clusters import render_clusters
from handlers.views.dialogs import render_request_dialog
from handlers.views.explained import render_explanation
from handlers.views.help import render_help
from handlers.views.kit import Message
from handlers.views.plan import render_plan
from handlers.views.report import render_report
from handlers.views.runs import render_history, render_looking, render_started, render_status, render_steered
from upgrade.checks.explained import explain as explain_check
from upgrade.errors import UpgradeError
from upgrade.findings import Report
from upgrade.plan import PlanRequest
from upgrade.reports import Format, render
from upgrade.reports.outline import title_of
from upgrade.service import PlanResult

Tell = Callable[[Message], None]


def register(app: App, talk: Conversation) -> None:
    app.command(talk.command)(partial(_listen, talk))


def _listen(talk: Conversation, ack: Ack, body: dict[str, Any], client: Any, respond: Respond) -> None:
    caller = Caller.of_command(body)
    try:
        wanted = parse(str(body.get("text") or ""))
    except UpgradeError as error:
        message = explain(error)
        ack(**message.as_arguments(), response_type="ephemeral")
        return
    if writes(wanted):
        commit_then_ack(partial(write, talk, caller, wanted), ack, talk)
    elif isinstance(wanted, OpenDialog):
        ack_then_answer(partial(_open_dialog, talk, caller, client), ack, respond, talk)
    else:
        ack_then_answer(partial(look, talk, caller, wanted, partial(say, respond)), ack, respond, talk)


def writes(wanted: Command) -> bool:
    return isinstance(wanted, RunCommand) or (isinstance(wanted, ClusterCommand) and wanted.word is Word.START)


def write(talk: Conversation, caller: Caller, wanted: Command) -> Message | None:
    """Start or steer a run: exactly one row. Raises UpgradeError."""
    if isinstance(wanted, ClusterCommand):
        return start(talk, caller, request_of(talk, wanted))
    if not isinstance(wanted, RunCommand):
        raise TypeError(f"{wanted!r} writes nothing")
    run = talk.service.run_of(wanted.subject)
    steer(talk, caller, wanted.word, run.id)
    return render_steered(run, wanted.word, talk.post.thread_link(run.id))


def start(talk: Conversation, caller: Caller, request: PlanRequest, *, again: bool = True) -> Message | None:
    """Begin a run. The same request delivered twice begins one.

    ``again``: whether it is answered twice as well: of two acks Slack shows the first, of two messages both.
    """

    def begin() -> Message:
        run = talk.service.start(request, actor=caller.user, channel=caller.channel or talk.channel)
        return render_started(run, talk.post.thread_link(run.id))

    return talk.starts.once(caller.origin, begin, again=again)


def steer(talk: Conversation, caller: Caller, word: RunWord, run_id: str) -> None:
    verbs = {
        Word.PAUSE: talk.service.pause,
        Word.RESUME: talk.service.resume,
        Word.RETRY: talk.service.retry,
        Word.RECHECK: talk.service.recheck,
        Word.ABORT: talk.service.abort,
    }
    verbs[word](run_id, actor=caller.user, origin=caller.origin)


def look(talk: Conversation, caller: Caller, wanted: Command, tell: Tell) -> Message | None:
    """Answer what only reads: at once from the store, or later from a worker (check, plan)."""
    service = talk.service
    if isinstance(wanted, ClusterCommand):
        examine(talk, caller, wanted.word, request_of(talk, wanted), tell)
        return None
    if isinstance(wanted, ExplainCommand):
        return render_explanation(explain_check(wanted.code))
    if wanted != Look(Word.HELP):
        talk.permit(caller.user, "status", [cluster.id for cluster in service.clusters()])
    if isinstance(wanted, HistoryCommand):
        cluster = service.resolve(wanted.cluster).id if wanted.cluster else None
        return render_history(service.history(cluster), cluster, talk.post.thread_link)
    if wanted == Look(Word.STATUS):
        return render_status(service.status(), talk.post.thread_link)
    if wanted == Look(Word.CLUSTERS):
        return render_clusters(service.clusters(), service.version_seen)
    return render_help(talk.command)


def examine(talk: Conversation, caller: Caller, word: Word, request: PlanRequest, tell: Tell) -> None:
    """Say that a check or a plan begins, and begin it. Its result comes later, from a worker thread."""
    talk.permit(caller.user, "check" if word is Word.CHECK else "plan", [request.cluster])
    tell(render_looking(request))
    if word is Word.CHECK:
        talk.service.check(request, partial(_tell_report, talk, caller.user, request, tell))
    else:
        talk.service.plan(request, partial(_tell_plan, talk, request, tell))


def request_of(talk: Conversation, wanted: ClusterCommand) -> PlanRequest:
    """Raises UnknownCluster, AmbiguousCluster."""
    cluster = talk.service.resolve(wanted.cluster).id
    return PlanRequest(cluster=cluster, target=wanted.target, scope=wanted.scope, node_policy=wanted.node_policy)


def _tell_report(
    talk: Conversation, user: str, request: PlanRequest, tell: Tell, result: Report | UpgradeError
) -> None:
    """The answer names the file only when it has arrived, so the file goes first."""
    if isinstance(result, UpgradeError):
        tell(explain(result, talk))
        return
    file = report_file(result)
    sent = talk.post.hand_over(user, file)
    tell(render_report(result, request, file=file.name if sent else None))


def report_file(report: Report) -> File:
    """All of a report, to keep and to hand on."""
    name = f"readiness-{report.cluster.name}-{report.target}.html"
    return File(name, title_of(report), render(report, Format.HTML))


def _tell_plan(talk: Conversation, request: PlanRequest, tell: Tell, result: PlanResult | UpgradeError) -> None:
    if isinstance(result, UpgradeError):
        tell(explain(result, talk))
    else:
        startable = not talk.service.resolve(str(request.cluster)).check_only
        tell(render_plan(result.plan, result.report, request, result.offers, startable=startable))


def _open_dialog(talk: Conversation, caller: Caller, client: Any) -> None:
    view = render_request_dialog(talk.service.clusters(), channel=caller.channel)
    open_dialog(client, caller.trigger, view)
