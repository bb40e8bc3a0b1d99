"""views.*: modals and the Home tab."""

import json
from typing import Any

from sandbox.slack import limits
from sandbox.slack.api.calls import Call, method
from sandbox.slack.blocks import validate_view
from sandbox.slack.errors import InvalidArguments, SlackError
from sandbox.slack.model import View
from sandbox.slack.schema import Json
from sandbox.slack.wire import view_json


def checked_view(view: Any, surface: str | None = None) -> Json:
    """
    Raises:
        SlackError: view_too_large, or invalid_arguments with a JSON pointer for each complaint.
    """
    errors = validate_view(view, surface)
    if errors:
        raise InvalidArguments(*map(str, errors))
    if len(json.dumps(view).encode()) > limits.MOST_VIEW_BYTES:
        raise SlackError("view_too_large")
    return dict(view)


def _view(call: Call, surface: str | None = None) -> Json:
    call.args.text("view")
    return checked_view(call.args.json("view"), surface)


def _user(call: Call) -> str:
    return call.workspace.triggers.exchange(call.args.text("trigger_id"))


def _answer(call: Call, view: View) -> Json:
    return {"view": view_json(call.workspace, view)}


@method("views.open", "tier4")
def open_view(call: Call) -> Json:
    content = _view(call, "modal")
    return _answer(call, call.workspace.modals.open(_user(call), content))


@method("views.push", "tier4")
def push(call: Call) -> Json:
    content = _view(call, "modal")
    return _answer(call, call.workspace.modals.push(_user(call), content))


@method("views.update", "tier4")
def update(call: Call) -> Json:
    if not (call.args.has("view_id") or call.args.has("external_id")):
        raise InvalidArguments("missing required field: view_id [json-pointer:/view_id]")
    modals, view_id = call.workspace.modals, call.args.maybe("view_id") or ""
    external_id = call.args.maybe("external_id") or ""
    content = _view(call, modals.view(view_id, external_id).kind)
    return _answer(call, modals.update(view_id, external_id, content, call.args.maybe("hash")))


@method("views.publish", "tier4")
def publish(call: Call) -> Json:
    user = call.workspace.users.get(call.args.text("user_id"))
    if user is None or user.is_bot:
        raise SlackError("user_not_found")
    if not call.workspace.app.manifest.home_tab:
        raise SlackError("not_enabled")
    content = _view(call, "home")
    return _answer(call, call.workspace.modals.publish(user.id, content, call.args.maybe("hash")))
