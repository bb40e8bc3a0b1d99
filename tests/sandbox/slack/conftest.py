"""A small workspace, and real clients to talk to it: slack_sdk's WebClient and a slack_bolt App."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk import WebClient

from sandbox.slack import AppManifest, Channel, InstalledApp, RateLimits, SlackFace, User, UserGroup
from tests.patience import LONGEST, SLACK_SECONDS, wait_for

SCOPES = frozenset(
    {
        "app_mentions:read",
        "channels:history",
        "channels:join",
        "channels:read",
        "chat:write",
        "commands",
        "files:write",
        "groups:read",
        "im:write",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
MANIFEST = """
display_information: {name: EKS upgrades}
features:
  app_home: {home_tab_enabled: true}
  bot_user: {display_name: EKS upgrades}
  slash_commands:
    - {command: /eks-upgrade, description: Upgrade a cluster, usage_hint: "[help]"}
    - {command: /escaped, description: Escaped text, should_escape: true}
oauth_config:
  scopes:
    bot: [%s]
settings:
  event_subscriptions: {bot_events: [app_mention, app_home_opened]}
  interactivity: {is_enabled: true}
  socket_mode_enabled: true
"""

MakeFace = Callable[..., SlackFace]
Connect = Callable[[SlackFace, App], SocketModeHandler]


def manifest() -> AppManifest:
    return AppManifest.from_yaml(MANIFEST % ", ".join(sorted(SCOPES)))


def people() -> list[User]:
    return [
        User("ada", tz="Europe/Berlin"),
        User("bob", tz="America/New_York"),
        User("guest", is_restricted=True),
        User("gone", deleted=True),
        User("other-bot", is_bot=True),
    ]


def channels() -> list[Channel]:
    return [
        Channel("ops"),
        Channel("maintenance-notices"),
        Channel("not-invited", bot_is_member=False),
        Channel("old", archived=True),
        Channel("secret", kind="private", members={"U0ADA"}, bot_is_member=False),
        Channel("leads", kind="private", members={"U0ADA"}),
    ]


def groups() -> list[UserGroup]:
    return [UserGroup("approvers", ["U0BOB"]), UserGroup("retired", ["U0ADA"], disabled=True)]


@pytest.fixture
def make_face() -> Iterator[MakeFace]:
    started: list[SlackFace] = []

    def make(**options: Any) -> SlackFace:
        declared = replace(manifest(), **options.pop("manifest", {}))
        app = InstalledApp.install(declared)
        app = replace(app, scopes=options.pop("scopes", app.scopes))
        options.setdefault("rate_limits", RateLimits(enabled=False))
        options.setdefault("ack_seconds", SLACK_SECONDS)
        options.setdefault("trigger_seconds", SLACK_SECONDS)
        face = SlackFace(people(), channels(), groups(), app=app, **options)
        face.start()
        started.append(face)
        return face

    yield make
    for face in started:
        face.stop()


@pytest.fixture
def face(make_face: MakeFace) -> SlackFace:
    return make_face()


def client_of(face: SlackFace, **options: Any) -> WebClient:
    return WebClient(token=face.app.bot_token, base_url=face.api_url, **options)


@pytest.fixture
def client(face: SlackFace) -> WebClient:
    return client_of(face)


def bolt_of(face: SlackFace, **options: Any) -> App:
    return App(client=client_of(face), **options)


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connects an App over Socket Mode and waits until Slack has the connection."""
    handlers: list[SocketModeHandler] = []
    faces: list[SlackFace] = []

    def connect_app(face: SlackFace, app: App) -> SocketModeHandler:
        before = face.connections
        faces.append(face)
        handler = SocketModeHandler(app, face.app.app_token, ping_interval=2)
        handlers.append(handler)
        handler.connect()  # type: ignore[no-untyped-call]
        assert face.workspace.changes.wait_until(lambda: face.connections == before + 1, LONGEST)
        return handler

    yield connect_app
    for handler in handlers:
        handler.client.auto_reconnect_enabled = False
    for face in faces:
        face.drop_sockets()
    for handler in handlers:
        # close() would wait for a blocking receive, which the reset ends, and for the queue, which the message ends;
        # it fails if the client's own thread closes the socket at the same time.
        wait_for(lambda client=handler.client: not client.is_connected())  # type: ignore[misc]
        handler.client.closed = True
        handler.client.enqueue_message("")
        handler.close()  # type: ignore[no-untyped-call]


def button(action_id: str, value: str = "v", **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": action_id, "value": value, "text": plain(action_id), **more}


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


def actions(*elements: dict[str, Any], block_id: str = "row") -> dict[str, Any]:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    shown = list(blocks) or [question()]
    return {
        "type": "modal",
        "title": plain("Title"),
        "submit": plain("Go"),
        "blocks": shown,
        "callback_id": "m",
        **more,
    }


def question(block_id: str = "reason", **more: Any) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "text", "min_length": 2}
    return {"type": "input", "block_id": block_id, "label": plain("Reason"), "element": element, **more}
