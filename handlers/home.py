"""App Home, and mentions in the thread of a run."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

from slack_bolt import App

from handlers import commands
from handlers.conversation import Caller, Conversation
from handlers.errors import Ack, attempt, explain
from handlers.ids import Action, HomeChoice, ValueUnreadable
from handlers.parse import parse_in_thread
from handlers.views.home import EVERYTHING, Board, render_closed_home, render_home
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.runs import render_abort_asked
from handlers.words import CommandUnclear, MuteCommand, NoteCommand, Word
from upgrade.errors import NotAllowed, UpgradeError

#: Finished runs that Home shows.
_RECENT: Final = 5


def register(app: App, talk: Conversation) -> None:
    app.event("app_home_opened")(partial(_show_home, talk))
    for action in (Action.HOME_SHOW, Action.HOME_ENVIRONMENT, Action.HOME_PAGE):
        app.action(re.compile(rf"{re.escape(action)}(:.*)?"))(partial(_turn, talk))
    # Bolt acknowledges an event before its listener runs, so a mention is committed in the middleware before that.
    app.event("app_mention", middleware=[partial(_commit_mention, talk)])(_done)


def _show_home(talk: Conversation, event: dict[str, Any]) -> None:
    if event.get("tab") == "home":
        talk.homes.open(str(event["user"]))


def _turn(talk: Conversation, ack: Ack, body: dict[str, Any]) -> None:
    """Somebody chose what Home shows. It is drawn in a moment, by those who publish."""
    try:
        pressed, choice = body["actions"][0], HomeChoice.decode(str(body["view"].get("private_metadata", "")))
        talk.homes.open(str(body["user"]["id"]), chosen(pressed, choice).encode())
    except ValueUnreadable:
        talk.homes.open(str(body["user"]["id"]), "")
    ack()


def chosen(pressed: Mapping[str, Any], choice: HomeChoice) -> HomeChoice:
    """What is wanted after a filter was set or a page was turned. Raises ValueUnreadable."""
    action = str(pressed["action_id"]).partition(":")[0]
    if action == Action.HOME_PAGE:
        return choice.at(str(pressed.get("value", "")))
    value = str((pressed.get("selected_option") or {}).get("value", ""))
    if action == Action.HOME_SHOW:
        return HomeChoice(value == "attention", choice.environment)
    return HomeChoice(choice.attention, "" if value == EVERYTHING else value).at("0")


def home_view(talk: Conversation, user: str, choice: str) -> Block:
    """App Home as that person may see it. It may look up user groups: never before an ack."""
    service, clusters = talk.service, talk.service.clusters()
    try:
        talk.permit(user, "status", [cluster.id for cluster in clusters])
    except NotAllowed as refused:
        return render_closed_home(str(refused))
    runs = service.status()
    board = Board(
        now=service.now(),
        clusters=clusters,
        facts=service.fleet(),
        mine=service.awaiting(user),
        runs=runs,
        recent=[run for run in service.history(None) if run.status.finished][:_RECENT],
        maintenances=service.calendar().maintenances,
        command=talk.command,
        startable=talk.channel is not None,
        looking=service.looking,
    )
    return render_home(board, talk.post.thread_link, _kept(choice))


def _kept(choice: str) -> HomeChoice:
    """What was kept of a choice; what another version wrote is none."""
    try:
        return HomeChoice.decode(choice)
    except ValueUnreadable:
        return HomeChoice()


def _commit_mention(talk: Conversation, body: dict[str, Any], next: Callable[[], Any]) -> None:  # noqa: A002 -- Bolt's name
    event = body["event"]
    if event.get("user") and not event.get("bot_id"):
        caller = Caller.of_event(body)
        answer = attempt(partial(_steer, talk, caller, event), talk, caller)
        if answer is not None:
            thread = event.get("thread_ts")
            talk.later(partial(talk.post.whisper, caller.channel, caller.user, answer, thread=thread))
    next()


def _steer(talk: Conversation, caller: Caller, event: dict[str, Any]) -> Message | None:
    """One row for the run, or the question before an abort. A refusal has the next moves for that very run."""
    run_id = talk.post.run_at(caller.channel, str(event.get("thread_ts") or event.get("ts", "")))
    if run_id is None:
        raise CommandUnclear(
            "Mention me in the thread of a run that is not finished.", f"Elsewhere: {talk.command} help."
        )
    text = str(event.get("text", ""))
    typed = " ".join([*(word for word in text.split() if not word.startswith("<@")), run_id])
    try:
        wanted, run = parse_in_thread(text), talk.service.run(run_id)
        if isinstance(wanted, MuteCommand | NoteCommand):
            commands.tend(talk, caller, wanted, run)
        elif wanted is Word.ABORT and run.started_at is not None:
            # Only a press or a command opens a form, so the button that does comes first.
            return render_abort_asked(run, talk.service.what_abort_leaves(run.id))
        else:
            commands.steer(talk, caller, wanted, run)
    except UpgradeError as error:
        return explain(error, talk, replace(caller, typed=typed))
    return None


def _done() -> None:
    """The commit happened in the middleware."""
