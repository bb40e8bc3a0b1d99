"""A whole story over signed HTTP requests instead of Socket Mode; whatever Slack did not sign is not heard."""

from __future__ import annotations

import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from sandbox.scenario import load_scenario
from sandbox.slack.request_urls import sign
from tests.patience import LONGEST
from tests.ports import free_port
from tests.scenarios.play import MANIFEST, Play, said
from upgrade.run import RunStatus

PEOPLE: Final = Path(__file__).with_name("people.yaml")
MINUTE: Final = 60


def manifest_for(url: str) -> str:
    """Our manifest, as one would change it for HTTP."""
    document: dict[str, Any] = yaml.safe_load(MANIFEST)
    document["settings"]["socket_mode_enabled"] = False
    document["settings"]["interactivity"]["request_url"] = url
    document["settings"]["event_subscriptions"]["request_url"] = url
    for command in document["features"]["slash_commands"]:
        command["url"] = url
    return yaml.safe_dump(document)


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    port = free_port()
    people = load_scenario(PEOPLE)
    scenario = people.model_copy(update={"bot": people.bot | {"slack": {"mode": "http", "port": port}}})
    manifest = manifest_for(f"http://127.0.0.1:{port}/slack/events")
    with Play(scenario, tmp_path_factory.mktemp("http"), manifest=manifest) as play:
        yield play


def test_commands_buttons_dialogs_and_mentions_come_by_http(play: Play) -> None:
    assert play.slack.connections == 0
    with play.story("ana", "twice") as run:
        with play.holding("twice"):
            play.approved(run.id, "ben")
            play.until_under_way(run.id, "control-plane")
            play.mentions("dev", run.id, "pause")
            play.told(run.id, "<@U0DEV> asked for a pause")
            assert play.presses("ana", run.id, "abort").ok
            assert "Will still finish" in said(play.dialog("ana"))
            assert play.slack.people.submit_view("ana", play.dialog("ana").id).ok
        assert play.ends(run.id).status is RunStatus.ABORTED
    assert [one for one in play.slack.workspace.deliveries if not one.ok] == []


def test_what_slack_did_not_sign_just_now_is_refused_and_changes_nothing(play: Play) -> None:
    secret, now = play.slack.app.signing_secret, int(time.time())
    body = urllib.parse.urlencode(
        {
            "command": "/eks-upgrade",
            "text": "start modal",
            "user_id": "U0ANA",
            "channel_id": "C0PLATFORMOPS",
            "team_id": play.slack.workspace.team_id,
            "trigger_id": "1.2.3",
        }
    )
    with play.unchanged():
        assert knock(play, body, now, sign("not the secret", str(now), body)) == 401
        assert knock(play, body + "&user_id=U0CHI", now, sign(secret, str(now), body)) == 401
        assert knock(play, body, now - 6 * MINUTE, sign(secret, str(now - 6 * MINUTE), body)) == 401
        assert knock(play, body, now, "") == 401
    assert knock(play, body, now, sign(secret, str(now), body)) == 200
    (run,) = [one for one in play.store.find(limit=9) if one.cluster.name == "modal"]
    assert run.requester == "U0ANA"


def knock(play: Play, body: str, at: int, signature: str) -> int:
    headers = {"X-Slack-Request-Timestamp": str(at), "X-Slack-Signature": signature}
    request = urllib.request.Request(str(play.slack.app.manifest.interactivity_url), body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=LONGEST) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
