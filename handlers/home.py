"""App Home, and mentions in the thread of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from slack_bolt import App

from handlers import commands
from handlers.conversation import Caller, Conversation
from handlers.errors import attempt, explain
from handlers.parse import parse_in_thread
from handlers.views.home import render_home
from handlers.views.kit import Message
from handlers.words import CommandUnclear, MuteCommand, NoteCommand
from upgrade.errors import UpgradeError


def register(app: App, talk: Conversation) -> None:
    app.event("app_home_opened")(partial(_show_home, talk))
    # Bolt acknowledges an event before its listener runs, so a mention is committed in the middleware before that.
    app.event("app_mention", middleware=[partial(_commit_mention, talk)])(_done)


def _show_home(talk: Conversation, event: dict[str, Any], client: Any) -> None:
    if event.get("tab") == "home":
        talk.later(partial(attempt, partial(_publish, talk, str(event["user"]), client), talk))


def _publish(talk: Conversation, user: str, client: Any) -> None:
    service = talk.service
    runs, clusters = service.status(), service.clusters()
    talk.permit(user, "status", [cluster.id for cluster in clusters])
    startable = talk.channel is not None
    view = render_home(
        runs,
        clusters,
        talk.post.thread_link,
        command=talk.command,
        startable=startable,
        seen_of=service.version_seen,
        maintenances=service.calendar().maintenances,
    )
    client.views_publish(user_id=user, view=view)


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
    """One row for the run. A refusal has the next moves for that very run."""
    run_id = talk.post.run_at(caller.channel, str(event.get("thread_ts") or event.get("ts", "")))
    if run_id is None:
        raise CommandUnclear(
            "Mention me in the thread of a run that is not finished.", f"Elsewhere: {talk.command} help."
        )
    text = str(event.get("text", ""))
    typed = " ".join([*(word for word in text.split() if not word.startswith("<@")), run_id])
    try:
        wanted = parse_in_thread(text)
        if isinstance(wanted, MuteCommand | NoteCommand):
            commands.tend(talk, caller, wanted, talk.service.run(run_id))
        else:
            commands.steer(talk, caller, wanted, run_id)
    except UpgradeError as error:
        return explain(error, talk, replace(caller, typed=typed))
    return None


def _done() -> None:
    """The commit happened in the middleware."""
