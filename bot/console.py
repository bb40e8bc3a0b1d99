"""What the command line prints: the same views as Slack, as plain text."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Final

import click

from handlers.ids import Action
from handlers.views.buttons import applicable, waiting_confirmations
from handlers.views.kit import Message
from handlers.views.notice import ENGLISH, render_notice
from handlers.views.notice_facts import notice_facts
from handlers.views.thread import render_entry
from handlers.views.wording import Wording
from upgrade.announcements import notice_of
from upgrade.checklist import unticked
from upgrade.events import EventKind, UpgradeEvent
from upgrade.ports import Clock
from upgrade.run import UpgradeRun

_DATE: Final = re.compile(r"<!date\^[^|>]*\|([^>]*)>")
_LINK: Final = re.compile(r"<(https?://[^|>]*)\|([^>]*)>")
_MENTION: Final = re.compile(r"<[@!](?:subteam\^)?([A-Z0-9]+)>")
_REFUSED: Final = (EventKind.REQUEST_REFUSED, EventKind.APPROVAL_REFUSED)
_MOST_REFUSALS: Final = 3
#: Named with each of its steps.
_STEPS: Final = (Action.CONFIRM,)


def plain(text: str) -> str:
    """mrkdwn as a terminal shows it; whatever a terminal would obey is taken out."""
    text = _DATE.sub(r"\1", text)
    text = _LINK.sub(r"\2 (\1)", text)
    text = _MENTION.sub(r"@\1", text)
    text = html.unescape(text.replace("*", "").replace("`", ""))
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n")


def lines_of(message: Message) -> Iterator[str]:
    """A message, block by block; buttons are left out."""
    for block in message.blocks:
        kind = block["type"]
        if kind == "header":
            yield plain(block["text"]["text"])
        elif kind == "section":
            texts = [block["text"], *block.get("fields", ())] if "text" in block else block["fields"]
            yield from (line for text in texts for line in plain(text["text"]).split("\n"))
        elif kind == "context":
            yield from (line for text in block["elements"] for line in plain(text["text"]).split("\n"))
        elif kind == "table":
            rows = [[plain(cell["text"]) for cell in row] for row in block["rows"]]
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for row in rows:
                yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def show(message: Message) -> None:
    click.echo("\n".join(lines_of(message)))


def refusals(events: Sequence[UpgradeEvent], run: UpgradeRun) -> list[str]:
    """The last requests that did not count, and why: nobody else tells them on a terminal."""
    refused = [event for event in events if event.kind in _REFUSED][-_MOST_REFUSALS:]
    told = [(event, render_entry(event, run)) for event in refused]
    return [f"{event.at:%Y-%m-%d %H:%M} UTC  {line}" for event, entry in told if entry for line in lines_of(entry)]


def next_moves(run: UpgradeRun) -> list[str]:
    """The commands that apply to a run as it stands, in one line."""
    digest = run.plan.digest[:8] if run.plan else ""
    decided = f" {run.id} --plan {digest}"
    ticks = " --tick ITEM" if unticked(run, run.waiting_for) else ""
    arguments = {
        Action.APPROVE: f"{decided}{ticks}",
        Action.REJECT: decided,
        Action.RESCHEDULE: f" {run.id} at TIME",
        Action.RESCHEDULE_NOW: f" {run.id} now",
        Action.LIFT: f" {run.id} FREEZE REASON",
        Action.WAIVE: f" {run.id} CODE SUBJECT --reason WHY",
    }
    moves = [
        f"{action.verb}{arguments.get(action, f' {run.id}')}" for action in applicable(run) if action not in _STEPS
    ]
    moves += [f"confirm {run.id} {step.id}" for step in waiting_confirmations(run)]
    return [f"Next, one of: {'; '.join(moves)}."] if moves else []


class Console:
    """The Delivery of a run that is driven without Slack: what Slack would show is printed, and always arrives."""

    def __init__(self, clock: Clock | None = None, wording: Wording = ENGLISH) -> None:
        self._clock = clock
        self._wording = wording
        self._told: dict[str, int] = {}
        self._noticed: set[str] = set()

    def notice_delivered(self, run_id: str) -> bool:
        return run_id in self._noticed

    def unreachable_since(self) -> datetime | None:
        return None

    def follow(self, run: UpgradeRun, events: Sequence[UpgradeEvent], delivered: Callable[[], None]) -> None:
        """Print what is new in a run."""
        for event in events:
            if event.seq > self._told.get(run.id, 0):
                self._told[run.id] = event.seq
                entry = render_entry(event, run, events)
                if entry is not None:
                    click.echo(f"{event.at:%H:%M:%S}  " + "\n          ".join(lines_of(entry)))
        notice = notice_of(run)
        due = notice.due_at if notice is not None else None
        if notice is not None and due is not None and self._clock is not None and run.id not in self._noticed:
            now = self._clock.now()
            if due <= now:
                shown = render_notice(notice_facts(notice, run, now=now), wording=self._wording)
                click.echo("\n".join(f"          | {line}" for line in lines_of(shown)))
                self._noticed.add(run.id)
                delivered()
