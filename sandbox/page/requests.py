"""What the page's scripts ask for: each body, checked, and the verb behind it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sandbox.scenario import Fault
from sandbox.slack import Outcome, SlackFace

Json = dict[str, Any]
LONGEST_TEXT = 12_000


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Act(Body):
    """Something that a person does in Slack. ``do`` waits for the app's ack: never call it on an event loop."""

    person: str

    def do(self, face: SlackFace) -> Json:
        raise NotImplementedError


class RunCommand(Act):
    channel: str
    line: str = Field(max_length=LONGEST_TEXT)
    thread_ts: str | None = None

    def do(self, face: SlackFace) -> Json:
        name, _, text = self.line.strip().partition(" ")
        return told(face.people.run_command(self.person, self.channel, name, text.strip(), self.thread_ts))


class PostMessage(Act):
    channel: str
    text: str = Field(min_length=1, max_length=LONGEST_TEXT)
    thread_ts: str | None = None

    def do(self, face: SlackFace) -> Json:
        posted = face.people.post_message(self.person, self.channel, self.text, self.thread_ts)
        return {"ok": True, "ts": posted.ts}


class Click(Act):
    channel: str
    ts: str
    action_id: str
    block_id: str
    value: Any = None
    state: dict[str, Any] = {}

    def do(self, face: SlackFace) -> Json:
        message = face.workspace.message(self.channel, self.ts)
        outcome = face.people.click(
            self.person, message, self.action_id, block_id=self.block_id, value=self.value, state=self.state
        )
        return told(outcome)


class ActInView(Act):
    view: str
    action_id: str
    block_id: str
    value: Any = None

    def do(self, face: SlackFace) -> Json:
        return told(
            face.people.act_in_view(self.person, self.view, self.action_id, block_id=self.block_id, value=self.value)
        )


class SubmitView(Act):
    view: str
    values: dict[str, Any] = {}

    def do(self, face: SlackFace) -> Json:
        return told(face.people.submit_view(self.person, self.view, self.values))


class CloseView(Act):
    view: str

    def do(self, face: SlackFace) -> Json:
        return told(face.people.close_view(self.person, self.view))


class OpenHome(Act):
    def do(self, face: SlackFace) -> Json:
        face.people.open_home(self.person)
        return {"ok": True}


ACTS: dict[str, type[Act]] = {
    "command": RunCommand,
    "message": PostMessage,
    "click": Click,
    "act-in-view": ActInView,
    "submit-view": SubmitView,
    "close-view": CloseView,
    "open-home": OpenHome,
}


class SwitchOn(Body):
    fault: Fault


class SwitchOff(Body):
    id: str


class SlackOutage(Body):
    down: bool


class SlackStumble(Body):
    name: str


class Nothing(Body):
    """A request that says it all by its path."""


def told(outcome: Outcome) -> Json:
    return {"ok": outcome.ok, "error": outcome.error, "errors": dict(outcome.errors)}
