"""Plays the people of a scenario through Slack, and waits for the end.

It sees what people see: the run message and its buttons. Where the run stands it asks of the bot's own command line.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sandbox.bot_process import run_bot
from sandbox.scenario import Reaction
from sandbox.slack import Message, SlackFace, View
from sandbox.slack.blocks import elements_of
from sandbox.slack.inputs import every_box
from sandbox.stage import OPERATIONS, Stage

FINISHED = frozenset({"succeeded", "failed", "aborted", "rejected", "expired"})
STANDING = {"awaiting-approval", "blocked", "paused"}
REASON = "Played by the sandbox's autopilot."
# Real seconds: the bot starts in a few, and Slack's pacing may hold a message back for some more; busy machines exist.
READY_SECONDS = 120.0
LEAST_PATIENCE_SECONDS = 120.0
SETTLED_SECONDS = 4.0
SETTLED_LOOKS = 3
# What Slack gives for an ack while nobody watches: the story is what counts then, not how busy this machine is.
SLACK_SECONDS = 60.0


class NothingHappens(Exception):
    """The story stands still and nobody of the scenario would move it on."""


@dataclass(frozen=True)
class Standing:
    """The run as it stands: its message and buttons (``run.VERB`` to element), and what the bot says of it."""

    message: Message
    buttons: dict[str, dict[str, Any]]
    run: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.run["status"])

    @property
    def step(self) -> str:
        """The step it stands at, if it does."""
        return str(self.run.get("standing_at") or "")


class Autopilot:
    """Plays one story.

    Args:
        patience: how long, in domain time, nothing may change before the story counts as stuck.
        bot_runs: whether the bot's process is there; one that ends before it has come to Slack is not waited for.
    """

    def __init__(
        self,
        stage: Stage,
        *,
        patience: timedelta = timedelta(hours=3),
        say: Callable[[str], None] = lambda _line: None,
        bot_runs: Callable[[], bool] = lambda: True,
    ) -> None:
        if stage.slack is None:
            raise ValueError("the autopilot plays people in Slack, so it needs the Slack face")
        self.stage = stage
        self.slack: SlackFace = stage.slack
        self.command = self.slack.app.manifest.commands[0].name
        self.say = say
        self._bot_runs = bot_runs
        self._patience = max(LEAST_PATIENCE_SECONDS, stage.clock.to_real(patience))
        self._pressed: Counter[int] = Counter()
        self._look_seconds = 0.0

    def play(self) -> Standing:
        """Type the scenario's command, react as it says, and tell how the run stands at the end.

        Raises NothingHappens.
        """
        self._type_the_command()
        shown: object = None
        deadline = time.monotonic() + self._patience
        while time.monotonic() < deadline:
            message = self._run_message()
            if message is not None and _content(message) != shown:
                shown, deadline = _content(message), time.monotonic() + self._patience
                if _moves(message):
                    continue
                standing = self._look(message)
                if standing.status in FINISHED:
                    return standing
                stands = standing.status in STANDING
                # While one step waits for a person's word, others may go on.
                reacted = (stands or "run.confirm" in standing.buttons) and self._react(standing)
                if stands and not reacted and self._stays(standing):
                    return standing
            self._wait()
        raise NothingHappens(f"nothing has changed for {self._patience:.0f} seconds")

    def _type_the_command(self) -> None:
        self._until(self._has_come, READY_SECONDS, "the bot does not connect to Slack")
        start = self.stage.scenario.start
        slash, _, text = start.command(self.command).partition(" ")
        self.say(f"{start.person} types {slash} {text}")
        outcome = self.slack.people.run_command(start.person, OPERATIONS, slash, text)
        if not outcome.ok:
            raise NothingHappens(f"the command failed: {outcome.error}")

    def _has_come(self) -> bool:
        if self.slack.connections > 0:
            return True
        if not self._bot_runs():
            raise NothingHappens("the bot ended before it came to Slack")
        return False

    def _react(self, standing: Standing) -> bool:
        """Do what the scenario's people would do now; False when nobody would do anything."""
        for number, reaction in enumerate(self.stage.scenario.reactions):
            if _meant(reaction, standing) and self._pressed[number] < reaction.times:
                self._pressed[number] += 1
                self._repair(reaction)
                self._press(reaction, standing)
                return True
        return False

    def _stays(self, standing: Standing) -> bool:
        """Whether it still stands so when Slack and the engine have had the time to say otherwise.

        The message and the command line are two looks at the run: one of them may be behind the other, by the longer
        the slower this machine is.
        """
        until = time.monotonic() + max(SETTLED_SECONDS, SETTLED_LOOKS * self._look_seconds)
        while time.monotonic() < until:
            now = self._run_message()
            if now is None or _content(now) != _content(standing.message):
                return False
            self._wait()
        return self._look(standing.message).status == standing.status

    def _press(self, reaction: Reaction, standing: Standing) -> None:
        self.say(f"{reaction.person} presses {reaction.press} ({standing.status} {standing.step})".replace(" )", ")"))
        button = standing.buttons[f"run.{reaction.press}"]
        outcome = self.slack.people.click(
            reaction.person, standing.message, button["action_id"], block_id=button["block_id"]
        )
        if not outcome.ok:
            raise NothingHappens(f"{reaction.press} failed: {outcome.error}")
        self._answer_dialog(reaction.person, standing.message)

    def _answer_dialog(self, person: str, before: Message) -> None:
        """Some buttons ask back in a modal: give a reason, tick all boxes and send it."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            for view in self.slack.workspace.modals.on_screen(self.slack.workspace.user(person).id):
                outcome = self.slack.people.submit_view(person, view.id, _answers(view))
                if not outcome.ok:
                    raise NothingHappens(f"the dialog was refused: {outcome.error or dict(outcome.errors)}")
                return
            now = self._run_message()
            if now is None or _content(now) != _content(before):
                return
            self._wait()

    def _repair(self, reaction: Reaction) -> None:
        """What somebody mended in the world before pressing the button."""
        for switch in self.stage.world.faults.switches.values():
            if switch.on and switch.fault.kind in reaction.switch_off:
                self.say(f"somebody repairs: {switch.fault.kind}")
                self.stage.world.switch_off(switch.id)

    def _run_message(self) -> Message | None:
        """The newest run message in the operations channel."""
        for message in reversed(self.slack.workspace.messages(OPERATIONS)):
            payload = (message.metadata or {}).get("event_payload", {})
            if message.by_bot and payload.get("kind") == "run":
                return message
        return None

    def _look(self, message: Message) -> Standing:
        run_id = str((message.metadata or {})["event_payload"]["run"])
        began = time.monotonic()
        told = json.loads(run_bot(["export", run_id], self.stage.environment()))
        self._look_seconds = time.monotonic() - began
        return Standing(message, dict(_buttons(message)), told)

    def _wait(self) -> None:
        changes = self.slack.workspace.changes
        changes.since(changes.seq, timeout=0.2)

    def _until(self, true: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            if time.monotonic() > deadline:
                raise NothingHappens(otherwise)
            self._wait()


def _meant(reaction: Reaction, standing: Standing) -> bool:
    """Whether this is the moment that the reaction is for, and its button is there."""
    moment = "confirm" if "run.confirm" in standing.buttons else standing.status
    return (
        reaction.when in (moment, standing.status)
        and f"run.{reaction.press}" in standing.buttons
        and (reaction.step is None or standing.step.startswith(reaction.step))
    )


def _buttons(message: Message) -> Iterator[tuple[str, dict[str, Any]]]:
    for block in message.blocks:
        for _, element in elements_of(block):
            if element["type"] == "button":
                # Alike buttons are told apart by a key behind a colon; the first of them comes first.
                yield element["action_id"].partition(":")[0], {**element, "block_id": block["block_id"]}


def _moves(message: Message) -> bool:
    """Whether the run goes on by itself: all that people could do is stop it, or move its start."""
    there = dict(_buttons(message)).keys()
    moving = {"run.pause", "run.reschedule", "run.cancel", "run.abort"}
    return bool(there & {"run.abort", "run.cancel"}) and there <= moving


def _content(message: Message) -> str:
    """The message without the ids that Slack gives anew at each edit."""
    bare = [{key: value for key, value in block.items() if key != "block_id"} for block in message.blocks]
    return json.dumps([message.text, bare], sort_keys=True)


def _answers(view: View) -> dict[str, Any]:
    """A reason in every text field, every box ticked; selects keep what they show."""
    reasons = {
        block["block_id"]: REASON
        for block in view.blocks
        if block["type"] == "input" and block["element"]["type"] == "plain_text_input"
    }
    return reasons | every_box(view.blocks)
