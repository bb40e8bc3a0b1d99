"""Errors as people read them, and the two ways a listener ends: committed and then acknowledged, or the reverse."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from slack_sdk.errors import SlackApiError

from handlers.conversation import Caller, Conversation, Work
from handlers.moves import Move, moves_of
from handlers.own import own_of
from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.moves import move_buttons
from handlers.views.progress import Mark
from handlers.views.text import code, esc, link, person
from upgrade.errors import NotAllowed, NotNow, RunInProgress, UpgradeError

log = logging.getLogger(__name__)
Ack = Callable[..., Any]
Respond = Callable[..., Any]


def explain(error: Exception, talk: Conversation | None = None, caller: Caller | None = None) -> Message:
    """What was wrong, what is allowed and the next move; for an error nobody foresaw, a reference into the log.

    Args:
        caller: who is offered the next moves as buttons.
    """
    moves = _moves(error, talk, caller) if talk is not None and caller is not None else ()
    if not isinstance(error, UpgradeError):
        reference = secrets.token_hex(4)
        log.error("listener failed", exc_info=error, extra={"reference": reference})
        wrong = "Something went wrong on my side; nothing was changed by this request."
        return _alert(wrong, f"Reference {code(reference)}.", moves)
    hint = esc(error.hint)
    if isinstance(error, RunInProgress) and talk is not None:
        thread = talk.post.thread_link(error.run_id)
        hint = f"{hint} {link(thread, 'Go to its thread')}" if thread else f"{hint} Run {code(error.run_id)}."
    if isinstance(error, NotAllowed) and error.who:
        hint = f"{hint} Ask {_people(error.who)}."
    return _alert(esc(error.message), hint.strip(), moves)


def _alert(text: str, hint: str, moves: Sequence[Move]) -> Message:
    lines = [f"{Mark.WARNING} {text}", *([hint] if hint else [])]
    return Message("\n".join(lines), [kit.section(*lines), *move_buttons(moves)])


def _people(who: Sequence[str]) -> str:
    """The first few: groups, then people."""
    return " or ".join(person(one) for one in who[:5])


def _moves(error: Exception, talk: Conversation, caller: Caller) -> Sequence[Move]:
    """None when they cannot be found: the sentence alone is an answer too."""
    try:
        return moves_of(error, caller.typed, own_of(talk.service, caller.user))
    except Exception as broken:
        log.warning("no next move was found", exc_info=broken)
        return ()


def commit_then_ack(work: Work, ack: Ack, talk: Conversation, caller: Caller | None = None) -> None:
    """For a command that writes: one row, then the ack as the last statement, which carries the answer or the error."""
    answer = attempt(work, talk, caller)
    if answer is None:
        ack()
    else:
        ack(**answer.as_arguments(), response_type="ephemeral")


def commit_then_ack_button(work: Work, ack: Ack, respond: Respond, talk: Conversation, caller: Caller) -> None:
    """For a button that writes: an ack shows nothing there, so an answer follows it."""
    answer = attempt(work, talk, caller)
    ack()
    if answer is not None:
        talk.later(partial(say, talk, caller, respond, answer))


def ack_then_answer(work: Work, ack: Ack, respond: Respond, talk: Conversation, caller: Caller) -> None:
    """For a listener that only reads."""
    ack()
    talk.later(partial(_answer, work, respond, talk, caller))


def _answer(work: Work, respond: Respond, talk: Conversation, caller: Caller) -> None:
    answer = attempt(work, talk, caller)
    if answer is not None:
        say(talk, caller, respond, answer)


def attempt(work: Work, talk: Conversation, caller: Caller | None = None) -> Message | None:
    """Do the work; whatever it raises becomes a message. Never raises: an exception just after an ack cancels it."""
    try:
        return work()
    except Exception as error:
        return explain(error, talk, caller)


def open_dialog(client: Any, caller: Caller, view: Block) -> None:
    """Show a dialog; over the one in which a button was pressed. Raises NotNow when Slack does not take it any more."""
    show = client.views_push if caller.in_dialog else client.views_open
    try:
        show(trigger_id=caller.trigger, view=view)
    except SlackApiError as error:
        why = str(error.response.get("error"))
        if why == "push_limit_reached":
            raise NotNow("Slack shows no more dialogs above each other.", "Close one, then press the button.") from None
        if why == "expired_trigger_id":
            raise NotNow("Slack did not wait long enough for the dialog.", "Press the button once more.") from None
        # A click that was delivered twice: the dialog is open.
        if why != "exchanged_trigger_id":
            raise


def say(talk: Conversation, caller: Caller, respond: Respond, message: Message) -> None:
    """Answer whoever asked, alone. Never raises: an ephemeral answer may get lost, the ack may not.

    At the response URL, which is the one way into a channel where the bot is no member. In a thread it is the second
    choice: what is answered there stands in the channel, and ``thread_ts`` is for answers that all see
    (https://docs.slack.dev/interactivity/handling-user-interaction/#publishing_in_thread).
    """
    if caller.thread and talk.post.whisper(caller.channel, caller.user, message, thread=caller.thread):
        return
    try:
        respond(**message.as_arguments(), response_type="ephemeral", replace_original=False)
    except Exception as error:
        log.warning("answer was lost", exc_info=error)
