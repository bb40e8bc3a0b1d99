"""Block Kit pieces, each within Slack's limits whatever is put in."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from handlers.ids import Action, Dialog, Input
from handlers.views import limits
from handlers.views.limits import Block

#: What views write into mrkdwn; its groups are code, a user, a user group, and the label of a link or date.
_MARKUP: Final = re.compile(r"`([^`\n]+)`|<@([UW]\w+)>|<!subteam\^(S\w+)>|<[^<>|]*\|([^<>]*)>")


@dataclass(frozen=True)
class Message:
    """What is shown: ``text`` (mrkdwn) is for notifications and screen readers, ``blocks`` for everybody else.

    Args:
        cards: instead of ``blocks``, with a plan block, where the workspace takes those.
    """

    text: str
    blocks: list[Block] = field(default_factory=list)
    cards: list[Block] | None = None

    def as_arguments(self, *, cards: bool = False) -> dict[str, Any]:
        """Arguments for chat.* and response URLs; parsing is off, so only our own mentions are alive."""
        blocks = self.cards if cards and self.cards is not None else self.blocks
        return {"text": limits.fit(self.text, limits.TEXT), "blocks": limits.fit_message(blocks)}


def mrkdwn(text: str, most: int = limits.SECTION) -> Block:
    # verbatim: Slack must not turn bare words of others (#channel, @name, addresses) into links and mentions.
    return {"type": "mrkdwn", "text": limits.fit(text, most) or "-", "verbatim": True}


def plain(text: str, most: int) -> Block:
    return {"type": "plain_text", "text": limits.fit_plain(text, most), "emoji": False}


def header(text: str) -> Block:
    return {"type": "header", "text": plain(text, limits.HEADER)}


def section(*lines: str, button: Block | None = None) -> Block:
    block: Block = {"type": "section", "text": mrkdwn(limits.fit_lines(lines))}
    if button is not None:
        block["accessory"] = button
    return block


def context(*texts: str) -> Block:
    return {"type": "context", "elements": [mrkdwn(text, limits.CONTEXT) for text in texts[: limits.CONTEXT_ELEMENTS]]}


def divider() -> Block:
    return {"type": "divider"}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Block:
    """A table of raw text: nothing in it is markup. Slack takes one table a message."""
    lines = [tuple(head), *rows][: limits.TABLE_ROWS]
    cell = limits.TABLE_CELL
    return {
        "type": "table",
        "rows": [[{"type": "raw_text", "text": limits.fit_plain(text, cell)} for text in line] for line in lines],
    }


def plan(title: str, tasks: Sequence[Block]) -> Block:
    """A check list of tasks: a message has one, and no task outside of it."""
    return {"type": "plan", "title": limits.fit_plain(title, limits.TASK_TITLE), "tasks": list(tasks)}


def task(key: str, title: str, status: Literal["pending", "in_progress", "complete", "error"], details: str) -> Block:
    """``title`` is no markup; ``details`` are mrkdwn, and left out when empty."""
    block: Block = {
        "type": "task_card",
        "task_id": limits.fit_plain(key, limits.TASK_ID),
        "title": limits.fit_plain(title, limits.TASK_TITLE),
        "status": status,
    }
    if details:
        block["details"] = rich_text(limits.fit(details, limits.TASK_DETAILS))
    return block


def rich_text(text: str) -> Block:
    """mrkdwn of ours as rich text, where Slack looks for no markup: code, mentions, and for the rest the words.

    It looks for bare markup only: what came from outside has passed `esc`, so none of that becomes a mention.
    """
    elements: list[Block] = []
    end = 0
    for found in _MARKUP.finditer(text):
        elements += _words(text[end : found.start()])
        end = found.end()
        code, user, group, label = found.groups()
        if code is not None:
            elements += _words(code, style={"code": True})
        elif user is not None:
            elements.append({"type": "user", "user_id": user})
        elif group is not None:
            elements.append({"type": "usergroup", "usergroup_id": group})
        else:
            elements += _words(label)
    elements += _words(text[end:])
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def _words(text: str, **more: Any) -> list[Block]:
    """Nothing when there are none: Slack refuses an empty text."""
    return [{"type": "text", "text": html.unescape(text), **more}] if text else []


def button(
    label: str,
    action: Action,
    value: str,
    *,
    style: Literal["primary", "danger"] | None = None,
    confirm: Block | None = None,
    key: str = "",
) -> Block:
    """``key`` tells buttons of one action apart in a block, where Slack wants unique ids: ``run.confirm:2``."""
    block: Block = {
        "type": "button",
        "text": plain(label, limits.BUTTON),
        "action_id": f"{action}:{key}" if key else action.value,
        "value": value,
    }
    if style:
        block["style"] = style
    if confirm:
        block["confirm"] = confirm
    return block


def confirm(title: str, text: str, yes: str, no: str = "Back") -> Block:
    return {
        "title": plain(title, limits.CONFIRM_TITLE),
        "text": plain(text, limits.CONFIRM_TEXT),
        "confirm": plain(yes, limits.CONFIRM_BUTTON),
        "deny": plain(no, limits.CONFIRM_BUTTON),
    }


def actions(buttons: Sequence[Block]) -> list[Block]:
    """A row of buttons, or nothing: Slack refuses an empty row."""
    return [{"type": "actions", "elements": list(buttons[: limits.ACTIONS])}] if buttons else []


def option(label: str, value: str) -> Block:
    return {"text": plain(label, limits.OPTION), "value": value[: limits.OPTION_VALUE]}


def select(
    name: Input, label: str, options: Sequence[Block], *, initial: Block | None = None, optional: bool = False
) -> Block:
    element: Block = {
        "type": "static_select",
        "action_id": name.value,
        "options": list(options[: limits.OPTIONS]),
    }
    if initial is not None:
        element["initial_option"] = initial
    return _input(name, label, element, optional)


def choice(action: Action, options: Sequence[Block], chosen: Block) -> Block:
    """A select that acts at once; ``chosen`` is offered also where Slack has no room for all."""
    offered = list(options[: limits.OPTIONS])
    if chosen not in offered:
        offered[-1] = chosen
    return {"type": "static_select", "action_id": action.value, "options": offered, "initial_option": chosen}


def checkboxes(name: Input, label: str, options: Sequence[Block]) -> list[Block]:
    """Boxes that are all to be ticked; as many groups as Slack needs for them."""
    most = limits.CHECKBOXES
    groups = [options[start : start + most] for start in range(0, len(options), most)]
    elements: list[Block] = [
        {"type": "checkboxes", "action_id": name.value, "options": list(group)} for group in groups
    ]
    return [
        _input(name, f"… {label}" if number else label, element, optional=False, key=str(number or ""))
        for number, element in enumerate(elements)
    ]


def text_input(
    name: Input, label: str, *, hint: str = "", placeholder: str = "", optional: bool = False, multiline: bool = False
) -> Block:
    element: Block = {"type": "plain_text_input", "action_id": name.value, "multiline": multiline}
    element["max_length"] = limits.TYPED
    if placeholder:
        element["placeholder"] = plain(placeholder, 150)
    block = _input(name, label, element, optional)
    if hint:
        block["hint"] = plain(hint, 500)
    return block


def date_input(name: Input, label: str, *, hint: str = "", optional: bool = False) -> Block:
    block = _input(name, label, {"type": "datepicker", "action_id": name.value}, optional)
    if hint:
        block["hint"] = plain(hint, 500)
    return block


def datetime_input(name: Input, label: str, *, initial: datetime, hint: str = "", optional: bool = False) -> Block:
    """Day and time, which Slack shows and reads in the person's own time zone."""
    element: Block = {
        "type": "datetimepicker",
        "action_id": name.value,
        "initial_date_time": int(initial.timestamp()),
    }
    block = _input(name, label, element, optional)
    if hint:
        block["hint"] = plain(hint, 500)
    return block


def _input(name: Input, label: str, element: Block, optional: bool, key: str = "") -> Block:
    return {
        "type": "input",
        "block_id": f"{name.value}:{key}" if key else name.value,
        "label": plain(label, 150),
        "element": element,
        "optional": optional,
    }


def modal(dialog: Dialog, title: str, blocks: Sequence[Block], *, submit: str = "", metadata: str = "") -> Block:
    """Without ``submit`` it only tells something."""
    view: Block = {
        "type": "modal",
        "callback_id": dialog.value,
        "title": plain(title, limits.MODAL_TITLE),
        "close": plain("Back", limits.MODAL_TITLE),
        "private_metadata": metadata,
        "blocks": limits.fit_blocks(blocks, limits.BLOCKS_VIEW),
    }
    if submit:
        view["submit"] = plain(submit, limits.MODAL_TITLE)
    return view
