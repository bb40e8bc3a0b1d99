"""What a person can do in Slack's client. Each verb answers with what that person would see.

The verbs wait for the app's ack, up to three seconds: call them from a thread, never from an event loop.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.slack import payloads, wire
from sandbox.slack.api.chat import post_answer
from sandbox.slack.api.views import checked_view
from sandbox.slack.blocks import elements_of
from sandbox.slack.delivery import Dispatcher
from sandbox.slack.errors import NotVisible, SlackError
from sandbox.slack.inputs import answer, complaints, filled_in, initial_state
from sandbox.slack.mentions import as_sent
from sandbox.slack.model import Channel, Delivery, Message, User, View
from sandbox.slack.schema import Json
from sandbox.slack.workspace import Workspace

NOT_INTERACTIVE = "This app is not configured to handle interactive responses."
TROUBLE = "We had some trouble connecting. Try again?"
_DELIVERED_ONLY = frozenset({"button", "overflow"})


@dataclass(frozen=True)
class Outcome:
    """What came of it for the person: `error` is the line Slack shows, `errors` stand under a modal's blocks."""

    ok: bool
    error: str | None = None
    errors: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery | None = None


class People:
    """The verbs. Users and channels may be given by id or by name; `url` is where response URLs lead."""

    def __init__(self, workspace: Workspace, dispatcher: Dispatcher) -> None:
        self.workspace = workspace
        self._dispatcher = dispatcher
        self.url = ""

    def run_command(
        self, user: str, channel: str, command: str, text: str = "", thread_ts: str | None = None
    ) -> Outcome:
        """Type `command text` in a channel. The app's answer in the ack, if any, appears as a message."""
        person, place = self._present(user, channel)
        declared = self.workspace.app.manifest.command(command)
        if declared is None:
            return Outcome(False, f"{command} is not a valid command.")
        if thread_ts is not None:
            return Outcome(False, f"{command} is not supported in threads. Sorry!")
        with self.workspace.lock:
            response_url = self._response_url(person.id, place.id)
            typed = as_sent(self.workspace, text) if declared.should_escape else text
            line = f"{command} {typed}".strip()
            payload = payloads.command(self.workspace, person, place, line, response_url)
        delivery = self._dispatcher.interact("slash_commands", command, person.id, payload)
        failure = delivery.error
        if failure is None and delivery.response:
            try:
                post_answer(self.workspace, place, person.id, delivery.response)
            except SlackError as error:
                failure = error.code
        if failure is not None:
            return Outcome(False, f'{command} failed with the error "{failure}"', delivery=delivery)
        return Outcome(True, delivery=delivery)

    def click(
        self,
        user: str,
        message: Message,
        action_id: str,
        *,
        block_id: str | None = None,
        value: Any = None,
        state: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """Press a button or choose in a select of `message` as this person sees it.

        An outdated copy of the message is a stale screen: Slack delivers such clicks too.

        Args:
            value: what was chosen: an option's value, a user id, a date…; nothing for buttons.
            state: answers standing in the message's other inputs, as for `submit_view`.

        Raises:
            NotVisible: the person does not see the message, the element or the option.
        """
        person, place = self._present(user, message.channel)
        if message.ephemeral_for not in (None, person.id):
            raise NotVisible(f"{person.name} does not see that message")
        block, element = _element(message.blocks, action_id, block_id)
        if person.id not in (element.get("visible_to_user_ids") or [person.id]):
            raise NotVisible(f"{person.name} does not see {action_id}")
        if not self.workspace.app.manifest.interactivity:
            return Outcome(False, NOT_INTERACTIVE)
        chosen = {} if element["type"] == "button" else answer(element, value)
        with self.workspace.lock:
            answers = filled_in(message.blocks, initial_state(message.blocks), state or {})
            if element["type"] not in _DELIVERED_ONLY:
                answers[block["block_id"]][element["action_id"]] = chosen
            response_url = self._response_url(person.id, place.id, message)
            used = payloads.Use(block["block_id"], element, chosen, answers)
            payload = payloads.message_action(self.workspace, person, message, used, response_url)
        return self._interact(action_id, person, payload)

    def act_in_view(
        self, user: str, view_id: str, action_id: str, *, block_id: str | None = None, value: Any = None
    ) -> Outcome:
        """Use an element of an open modal or of the Home tab. An input that does not dispatch only keeps the answer."""
        person, view = self._view(user, view_id)
        block, element = _element(view.blocks, action_id, block_id)
        chosen = {} if element["type"] == "button" else answer(element, value)
        if element["type"] not in _DELIVERED_ONLY:
            state = filled_in(view.blocks, view.state, {block["block_id"]: {element["action_id"]: value}})
            view = self.workspace.modals.answer(view.id, state)
        if block["type"] == "input" and not block.get("dispatch_action"):
            return Outcome(True)
        if not self.workspace.app.manifest.interactivity:
            return Outcome(False, NOT_INTERACTIVE)
        with self.workspace.lock:
            payload = payloads.view_action(
                self.workspace, person, view, payloads.Use(block["block_id"], element, chosen)
            )
        return self._interact(action_id, person, payload)

    def submit_view(self, user: str, view_id: str, values: Mapping[str, Any] | None = None) -> Outcome:
        """Fill in and submit the topmost modal.

        Args:
            values: `{block_id: value}` or `{block_id: {action_id: value}}`; what is left out stays as it stands.

        Raises:
            NotVisible: the modal is not on top of this person's screen, or has no such input or option.
        """
        person, view = self._view(user, view_id)
        state = filled_in(view.blocks, view.state, values or {})
        view = self.workspace.modals.answer(view.id, state)
        missing = complaints(view.blocks, state)
        if missing:
            return Outcome(False, errors=missing)
        if not self.workspace.app.manifest.interactivity:
            return Outcome(False, NOT_INTERACTIVE)
        payload = payloads.view_submission(self.workspace, person, view)
        delivery = self._dispatcher.interact("interactive", _callback_id(view), person.id, payload)
        if delivery.error is not None:
            return Outcome(False, TROUBLE, delivery=delivery)
        try:
            errors = self._follow(view, delivery.response or {})
        except SlackError as error:
            delivery.error = error.code
            return Outcome(False, TROUBLE, delivery=delivery)
        return Outcome(not errors, errors=errors, delivery=delivery)

    def close_view(self, user: str, view_id: str) -> Outcome:
        """Close a modal with its cross; the app hears of it only if it asked to (`notify_on_close`)."""
        person, view = self._view(user, view_id)
        clear = bool(view.content.get("clear_on_close"))
        self.workspace.modals.close(view, everything=clear)
        if not (view.content.get("notify_on_close") and self.workspace.app.manifest.interactivity):
            return Outcome(True)
        payload = payloads.view_closed(self.workspace, person, view, cleared=clear)
        delivery = self._dispatcher.interact("interactive", _callback_id(view), person.id, payload)
        return Outcome(True, delivery=delivery)

    def post_message(self, user: str, channel: str, text: str, thread_ts: str | None = None) -> Message:
        """Say something, with @mentions as typed. The app hears what its manifest subscribed to."""
        person, place = self._present(user, channel)
        if self.workspace.faults.outage:
            raise NotVisible("Slack cannot be reached")
        return self.workspace.post(place, person.id, as_sent(self.workspace, text), thread_ts=thread_ts)

    def react(self, user: str, message: Message, name: str, *, remove: bool = False) -> None:
        person, _ = self._present(user, message.channel)
        self.workspace.react(message, person.id, name, remove=remove)

    def open_home(self, user: str) -> View | None:
        """Open the app's Home tab; returns what is published there now."""
        person = self._person(user)
        home = self.workspace.modals.home(person.id)
        if self.workspace.app.manifest.home_tab:
            event: Json = {
                "type": "app_home_opened",
                "user": person.id,
                "channel": self.workspace.direct_message(person.id).id,
                "event_ts": self.workspace.new_ts(),
                "tab": "home",
            }
            if home is not None:
                event["view"] = wire.view_json(self.workspace, home)
            self.workspace.on_event("app_home_opened", event)
        return home

    def messages(self, user: str, channel: str, thread_ts: str | None = None) -> list[Message]:
        """What this person sees in a channel or in a thread, oldest first, messages for their eyes only included."""
        person, place = self._present(user, channel)
        if thread_ts is not None:
            return self.workspace.thread(place.id, thread_ts, person.id)
        kept = self.workspace.messages(place.id, person.id)
        return [message for message in kept if not message.is_reply or message.broadcast]

    def _interact(self, subject: str, person: User, payload: Json) -> Outcome:
        delivery = self._dispatcher.interact("interactive", subject, person.id, payload)
        return Outcome(delivery.error is None, delivery.error, delivery=delivery)

    def _follow(self, view: View, response: Json) -> dict[str, str]:
        """Do what the ack of a submission says; returns the errors to show by block id."""
        modals, action = self.workspace.modals, response.get("response_action")
        if action is None:
            modals.close(view)
            return {}
        if action == "clear":
            modals.close(view, everything=True)
            return {}
        if action == "update":
            modals.update(view.id, "", checked_view(response.get("view"), "modal"), None)
            return {}
        if action == "push":
            modals.push(view.user, checked_view(response.get("view"), "modal"))
            return {}
        errors = response.get("errors")
        inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
        if action != "errors" or not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
            raise SlackError("invalid_response_action")
        return {str(block_id): str(text) for block_id, text in errors.items()}

    def _person(self, ref: str) -> User:
        person = self.workspace.user(ref)
        if person.is_bot or person.deleted:
            raise NotVisible(f"{person.name} cannot act")
        return person

    def _present(self, user: str, channel: str) -> tuple[User, Channel]:
        person, place = self._person(user), self.workspace.channel(channel)
        if not self.workspace.is_member(person.id, place):
            raise NotVisible(f"{person.name} is not in #{place.name}")
        return person, place

    def _view(self, user: str, view_id: str) -> tuple[User, View]:
        person = self._person(user)
        shown = [*self.workspace.modals.on_screen(person.id)[-1:], self.workspace.modals.home(person.id)]
        for view in shown:
            if view is not None and view.id == view_id:
                return person, view
        raise NotVisible(f"{person.name} does not have {view_id} in front")

    def _response_url(self, user: str, channel: str, message: Message | None = None) -> str:
        key = self.workspace.response_urls.issue(user, channel, message.ts if message else None)
        return f"{self.url}response/{key}"


def _callback_id(view: View) -> str:
    return str(view.content.get("callback_id") or view.id)


def _element(blocks: list[Json], action_id: str, block_id: str | None) -> tuple[Json, Json]:
    alike = [(block, element) for block, element in _elements(blocks) if element["action_id"] == action_id]
    for block, element in alike:
        if block_id in (None, block["block_id"]):
            return block, element
    if len(alike) == 1:
        return alike[0]  # edited since it was drawn: the same button, in a block that got another id
    shown = sorted({element["action_id"] for _, element in _elements(blocks)})
    raise NotVisible(f"there is no {action_id!r}; there are {shown}")


def _elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    for block in blocks:
        for _, element in elements_of(block):
            yield block, element
