"""manifest.yml is what the code registers and calls, no more and no less."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from slack_bolt import App

from bot.manifest import manifest
from handlers.commands import register as register_commands
from handlers.home import register as register_home
from tests.bot.conftest import MANIFEST

ROOMS = Path(__file__).parents[2]
#: docs.slack.dev: the scopes of each Web API method; any one of a set opens the door.
SCOPES = {
    "api_test": set(),
    "auth_test": set(),
    "chat_postEphemeral": {"chat:write"},
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "conversations_history": {"channels:history", "groups:history", "im:history"},
    "conversations_info": {"channels:read", "groups:read"},
    "conversations_join": {"channels:join"},
    "conversations_open": {"im:write"},
    "conversations_list": {"channels:read", "groups:read"},
    "conversations_replies": {"channels:history", "groups:history", "im:history"},
    "apps_connections_open": set(),
    "files_upload_v2": {"files:write"},
    "usergroups_list": {"usergroups:read"},
    "usergroups_users_list": {"usergroups:read"},
    "users_info": {"users:read"},
    "views_open": set(),
    "views_publish": set(),
    "views_push": set(),
    "views_update": set(),
}
EVENTS = {"app_mention": {"app_mentions:read"}, "app_home_opened": set()}


class Recorder:
    """Stands where an App would and notes what is registered."""

    def __init__(self) -> None:
        self.commands: list[Any] = []
        self.events: list[Any] = []

    def command(self, name: Any) -> Any:
        self.commands.append(name)
        return lambda listener: listener

    def action(self, *_: Any, **__: Any) -> Any:
        return lambda listener: listener

    def event(self, name: Any, **_: Any) -> Any:
        self.events.append(name)
        return lambda listener: listener


def declared() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(MANIFEST.read_text())
    return content


def called() -> set[str]:
    """Web API methods that the code of bot and handlers names."""
    sources = [path.read_text() for room in ("bot", "handlers") for path in (ROOMS / room).rglob("*.py")]
    method = re.compile(
        r"\b(?:client|_client)\.((?:api|apps|auth|chat|conversations|usergroups|users|views|files)_\w+)"
    )
    return {name for source in sources for name in method.findall(source)}


def test_the_file_is_what_the_command_prints() -> None:
    assert MANIFEST.read_text() == manifest()


def test_another_command_makes_another_manifest() -> None:
    content = yaml.safe_load(manifest("/eks-upgrade-two"))
    assert [one["command"] for one in content["features"]["slash_commands"]] == ["/eks-upgrade-two"]


def test_scopes_are_those_of_what_is_called_and_heard() -> None:
    assert called() - set(SCOPES) == set(), "name the scopes of a new method here"
    needed = {"commands"} | {scope for name in called() for scope in SCOPES[name]}
    needed |= {
        scope for event in declared()["settings"]["event_subscriptions"]["bot_events"] for scope in EVENTS[event]
    }
    assert set(declared()["oauth_config"]["scopes"]["bot"]) == needed


def test_commands_and_events_are_those_that_are_listened_to() -> None:
    app: Any = Recorder()
    talk: Any = type("Talk", (), {"command": "/eks-upgrade"})()
    register_commands(app, talk)
    register_home(app, talk)
    assert [one["command"] for one in declared()["features"]["slash_commands"]] == app.commands
    assert sorted(declared()["settings"]["event_subscriptions"]["bot_events"]) == sorted(app.events)


def test_buttons_dialogs_and_home_have_what_they_need() -> None:
    content = declared()
    assert content["settings"]["interactivity"]["is_enabled"]
    assert content["features"]["app_home"]["home_tab_enabled"]
    assert content["settings"]["socket_mode_enabled"]
    assert content["features"]["slash_commands"][0]["usage_hint"]


@pytest.mark.parametrize("name", sorted(SCOPES))
def test_the_methods_exist_in_the_sdk(name: str) -> None:
    assert hasattr(App, "client")
    from slack_sdk import WebClient

    assert callable(getattr(WebClient, name))
