from __future__ import annotations

from typing import Any

import pytest

from sandbox.slack.manifest import AppManifest, InstalledApp, ManifestRefused
from tests.sandbox.slack.conftest import manifest


def test_a_manifest_is_read_as_slack_reads_it() -> None:
    read = manifest()
    assert read.socket_mode
    assert read.interactivity
    assert read.home_tab
    command = read.command("/eks-upgrade")
    assert command is not None
    assert (command.usage_hint, command.should_escape) == ("[help]", False)
    assert "app_mention" in read.bot_events


def _document(**changes: Any) -> dict[str, Any]:
    command = {"command": "/x", "description": "X"}
    return {
        "display_information": {"name": "App"},
        "features": {"slash_commands": [command]},
        "oauth_config": {"scopes": {"bot": ["commands"]}},
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"display_information": {"name": "x" * 36}}, "35 characters"),
        ({"feature": {}}, "unknown sections"),
        ({"oauth_config": {}}, "need the scope `commands`"),
        ({"features": {"slash_commands": [{"command": "x", "description": "X"}]}}, "slash command"),
        ({"features": {"slash_commands": [{"command": "/x"}]}}, "description"),
        ({"features": {"slash_commands": [{"command": "/x", "description": "X"}] * 2}}, "same name"),
        ({"settings": {"event_subscriptions": {"bot_events": ["app_mention"]}}}, "app_mentions:read"),
        ({"settings": {"event_subscriptions": {"bot_events": ["nonsense"]}}}, "unknown event"),
        ({"settings": []}, "unknown"),
    ],
)
def test_a_manifest_that_slack_would_refuse_is_refused(changes: dict[str, Any], words: str) -> None:
    if changes == {"settings": []}:
        changes, words = {"settings": [1]}, "must be a mapping"
    with pytest.raises(ManifestRefused, match=words):
        AppManifest.from_mapping(_document(**changes))


def test_secrets_do_not_show_in_the_repr() -> None:
    app = InstalledApp.install(manifest())
    for secret in (app.bot_token, app.app_token, app.signing_secret):
        assert secret not in repr(app)
