"""Whatever an app sends, the simulator answers as Slack would: with an error and a name for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sandbox.slack import InstalledApp, RateLimits, Workspace
from sandbox.slack.api import WebApi
from sandbox.slack.api.calls import METHODS
from sandbox.slack.blocks import BLOCKS, validate_blocks, validate_view
from sandbox.slack.elements import ELEMENTS
from tests.sandbox.slack.conftest import channels, groups, manifest, people

KINDS = st.sampled_from([*BLOCKS, *ELEMENTS, "plain_text", "mrkdwn", "modal", "home", "rich_text_section", "text"])
NAMES = st.sampled_from(
    ["text", "elements", "options", "option_groups", "accessory", "element", "fields", "block_id", "action_id", "rows",
     "initial_option", "initial_options", "tasks", "blocks", "title", "submit", "label", "value", "url", "confirm"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5) | KINDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.builds(lambda kind, rest: {**rest, "type": kind}, KINDS, st.dictionaries(NAMES, inner, max_size=4))
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@example({"type": "actions", "elements": True}, "message")
@given(JSON, st.sampled_from(["message", "modal", "home"]))
def test_blocks_of_any_form_are_judged_and_never_crash(value: Any, surface: str) -> None:
    for errors in (validate_blocks(value, surface), validate_view(value), validate_blocks([value], surface)):
        assert all(error.pointer.startswith("/") and error.message for error in errors)


@pytest.fixture(scope="module")
def api() -> WebApi:
    app = InstalledApp.install(manifest())
    return WebApi(Workspace(app, people(), channels(), groups()), RateLimits(enabled=False))


ARGUMENTS = st.dictionaries(
    st.sampled_from(
        ["channel", "ts", "user", "users", "text", "blocks", "view", "metadata", "thread_ts", "limit", "cursor",
         "files", "trigger_id", "user_id", "view_id", "oldest", "timestamp", "name", "attachments", "usergroup",
         "types", "message"]
    ),
    JSON | st.sampled_from(["C0OPS", "U0ADA", "S0APPROVERS", "1.000001", "im", "not-a-number"]),
    max_size=5,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(METHODS)), ARGUMENTS)
def test_every_method_answers_any_arguments(api: WebApi, method: str, arguments: dict[str, Any]) -> None:
    app = api.workspace.app
    token = app.app_token if METHODS[method].opened_by == "xapp" else app.bot_token
    answer = api.call(method, arguments, token)
    assert answer.status == 200
    assert answer.body["ok"] or answer.body["error"]
