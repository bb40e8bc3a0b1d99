"""Modals on people's screens, at most three deep, and their Home tabs."""

import copy
import secrets
from typing import TYPE_CHECKING

from sandbox.slack.errors import SlackError
from sandbox.slack.inputs import initial_state
from sandbox.slack.model import View
from sandbox.slack.schema import Json

if TYPE_CHECKING:
    from sandbox.slack.workspace import Workspace

DEEPEST = 3


def _new_hash() -> str:
    return f"{secrets.randbelow(10**10)}.{secrets.token_hex(4)}"


class Modals:
    """Each user's stack of views, the topmost last, and the Home tabs by user."""

    def __init__(self, workspace: "Workspace") -> None:
        self._workspace = workspace
        self._stacks: dict[str, list[View]] = {}
        self._homes: dict[str, View] = {}

    def on_screen(self, user: str) -> list[View]:
        """Copies of the views that a user has open, the topmost last."""
        with self._workspace.lock:
            return copy.deepcopy(self._stacks.get(user, []))

    def home(self, user: str) -> View | None:
        with self._workspace.lock:
            return copy.deepcopy(self._homes.get(user))

    def view(self, view_id: str = "", external_id: str = "") -> View:
        """A copy of a view that is open or published.

        Raises:
            SlackError: not_found.
        """
        with self._workspace.lock:
            return copy.deepcopy(self._find(view_id, external_id))

    def open(self, user: str, content: Json) -> View:
        with self._workspace.lock:
            self._refuse_duplicate(content)
            view = self._new(user, content)
            self._stacks[user] = [view]
            self._tell("view-opened", view)
            return copy.deepcopy(view)

    def push(self, user: str, content: Json) -> View:
        with self._workspace.lock:
            stack = self._stacks.get(user)
            if not stack:
                raise SlackError("not_found")
            if len(stack) >= DEEPEST:
                raise SlackError("push_limit_reached")
            self._refuse_duplicate(content)
            view = self._new(user, content)
            view.root_view_id, view.previous_view_id = stack[0].id, stack[-1].id
            stack.append(view)
            self._tell("view-opened", view)
            return copy.deepcopy(view)

    def update(self, view_id: str, external_id: str, content: Json, expected_hash: str | None) -> View:
        """Replace a view's content. Answers already given stay where the inputs stay.

        Raises:
            SlackError: not_found, or hash_conflict when the view is no longer the one that was looked at.
        """
        with self._workspace.lock:
            view = self._find(view_id, external_id)
            if expected_hash is not None and expected_hash != view.hash:
                raise SlackError("hash_conflict")
            self._fill(view, content)
            self._tell("view-changed", view)
            return copy.deepcopy(view)

    def publish(self, user: str, content: Json, expected_hash: str | None) -> View:
        with self._workspace.lock:
            home = self._homes.get(user)
            if expected_hash is not None and (home is None or home.hash != expected_hash):
                raise SlackError("hash_conflict")
            if home is None:
                home = self._homes[user] = self._new(user, content)
            else:
                self._fill(home, content)
            self._tell("home-published", home)
            return copy.deepcopy(home)

    def answer(self, view_id: str, state: dict[str, dict[str, Json]]) -> View:
        """Save what the user has filled in so far."""
        with self._workspace.lock:
            view = self._find(view_id, "")
            view.state = copy.deepcopy(state)
            return copy.deepcopy(view)

    def close(self, view: View, *, everything: bool = False) -> list[View]:
        """Take a view, and those above it, off the screen (or the whole stack); returns what was closed."""
        with self._workspace.lock:
            stack = self._stacks.get(view.user, [])
            position = next((index for index, open_view in enumerate(stack) if open_view.id == view.id), None)
            if position is None:
                return []
            closed = stack[0 if everything else position :]
            self._stacks[view.user] = [] if everything else stack[:position]
            for each in closed:
                self._tell("view-closed", each)
            return closed

    def _new(self, user: str, content: Json) -> View:
        view_id = self._workspace.new_id("V")
        view = View(view_id, user, content, "", root_view_id=view_id)
        self._fill(view, content)
        return view

    def _fill(self, view: View, content: Json) -> None:
        blocks = self._workspace.complete(content["blocks"])
        view.content = {**copy.deepcopy(content), "blocks": blocks}
        view.state = initial_state(blocks, view.state)
        view.hash = _new_hash()

    def _find(self, view_id: str, external_id: str) -> View:
        views = [*(view for stack in self._stacks.values() for view in stack), *self._homes.values()]
        for view in views:
            if view_id == view.id or (external_id and external_id == view.content.get("external_id")):
                return view
        raise SlackError("not_found")

    def _refuse_duplicate(self, content: Json) -> None:
        external_id = content.get("external_id")
        if external_id and any(
            view.content.get("external_id") == external_id for stack in self._stacks.values() for view in stack
        ):
            raise SlackError("duplicate_external_id")

    def _tell(self, kind: str, view: View) -> None:
        self._workspace.changes.add(kind, view.user, view=view.id)
