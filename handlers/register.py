"""Every listener, registered once, and what answers when none fits."""

from __future__ import annotations

import logging
import re
from functools import partial
from typing import Any

from slack_bolt import App

from handlers import actions, commands, home, modals
from handlers.conversation import Caller, Conversation, thread_of
from handlers.errors import Ack, Respond, explain, say
from upgrade.errors import NotNow

log = logging.getLogger(__name__)
_ANY = re.compile(".*", re.DOTALL)


def register(app: App, talk: Conversation) -> None:
    """Order matters to Bolt: the first listener that fits is the one, so the catch-alls come last."""
    app.middleware(modals.answer_in_place)
    for part in (commands, actions, modals, home):
        part.register(app, talk)
    app.command(_ANY)(partial(_unknown_command, talk))
    app.action(_ANY)(partial(_unknown_action, talk))
    app.view(_ANY)(_only_ack)
    app.view_closed(_ANY)(_only_ack)
    app.shortcut(_ANY)(_only_ack)
    app.options(_ANY)(_only_ack)
    app.event(_ANY)(_only_ack)
    app.error(_log)


def _unknown_command(talk: Conversation, ack: Ack) -> None:
    message = explain(NotNow("That command is not mine.", f"Mine is {talk.command}; {talk.command} help says more."))
    ack(**message.as_arguments(), response_type="ephemeral")


def _unknown_action(talk: Conversation, ack: Ack, body: dict[str, Any], respond: Respond) -> None:
    ack()
    gone = NotNow("That button does nothing any more.", "Look at the newest message of the run.")
    user, channel = (str((body.get(key) or {}).get("id", "")) for key in ("user", "channel"))
    caller = Caller(user, channel, "", thread=thread_of(body))
    talk.later(partial(say, talk, caller, respond, explain(gone, talk, caller)))


def _only_ack(ack: Ack) -> None:
    ack()


def _log(error: Exception, body: dict[str, Any]) -> None:
    log.error("listener failed", exc_info=error, extra={"payload_type": str(body.get("type", ""))})
