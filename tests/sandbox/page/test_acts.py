"""What a person does on the page happens in Slack, and its answer comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from slack_bolt import App
from slack_sdk import WebClient

from tests.sandbox.page.playground import OPS, Playground
from tests.sandbox.slack.conftest import Connect, actions, button, modal, plain, section


@pytest.fixture
def app(ground: Playground) -> App:
    return App(client=WebClient(token=ground.slack.app.bot_token, base_url=ground.slack.api_url))


def act(ground: Playground, verb: str, **body: Any) -> tuple[int, dict[str, Any]]:
    return ground.post(f"act/{verb}", {"person": "U0ANA", **body})


def test_a_command_reaches_the_app_and_its_answer_appears(ground: Playground, app: App, connect: Connect) -> None:
    app.command("/eks-upgrade")(lambda ack, command: ack(f"heard {command['text']}"))
    connect(ground.slack, app)
    assert act(ground, "command", channel=OPS, line="/eks-upgrade  status ") == (
        200,
        {"ok": True, "error": None, "errors": {}},
    )
    assert ground.slack.people.messages("ana", OPS)[-1].text == "heard status"


def test_without_an_app_the_person_reads_what_slack_would_say(ground: Playground) -> None:
    _, answer = act(ground, "command", channel=OPS, line="/eks-upgrade help")
    assert answer["ok"] is False
    assert answer["error"].startswith("/eks-upgrade failed with the error")
    _, answer = act(ground, "command", channel=OPS, line="/unheard of")
    assert answer["error"] == "/unheard is not a valid command."


def test_a_button_tells_the_app_who_pressed_it(ground: Playground, app: App, connect: Connect) -> None:
    pressed: list[str] = []

    def approve(ack: Callable[[], None], body: dict[str, Any]) -> None:
        pressed.append(body["user"]["id"])
        ack()

    app.action("run.approve")(approve)
    connect(ground.slack, app)
    posted = app.client.chat_postMessage(channel=OPS, text="plan", blocks=[actions(button("run.approve"))])
    body = {"channel": OPS, "ts": posted["ts"], "action_id": "run.approve", "block_id": "row"}
    assert act(ground, "click", **body)[1]["ok"] is True
    assert pressed == ["U0ANA"]
    status, answer = act(ground, "click", **{**body, "action_id": "run.abort"})
    assert status == 409
    assert "run.abort" in answer["error"]


def test_a_modal_comes_with_errors_and_goes_when_it_is_right(ground: Playground, app: App, connect: Connect) -> None:
    def submit(ack: Callable[..., None], view: dict[str, Any]) -> None:
        typed = view["state"]["values"]["reason"]["text"]["value"]
        ack() if typed == "because" else ack(response_action="errors", errors={"reason": "Why, really?"})

    app.action("open")(
        lambda ack, client, body: (client.views_open(trigger_id=body["trigger_id"], view=modal()), ack())
    )
    app.view("m")(submit)
    connect(ground.slack, app)
    posted = app.client.chat_postMessage(channel=OPS, text="?", blocks=[section("?"), actions(button("open"))])
    with ground.events(**{"as": "U0ANA"}) as stream:
        assert stream.next("screen")["modals"] == []
        act(ground, "click", channel=OPS, ts=posted["ts"], action_id="open", block_id="row")
        [view] = stream.next("screen")["modals"]
        assert view["title"] == plain("Title")
        for typed, errors in (("", "Please complete this required field."), ("so", "Why, really?")):
            _, answer = act(ground, "submit-view", view=view["id"], values={"reason": {"text": typed}})
            assert answer["errors"] == {"reason": errors}
        assert act(ground, "submit-view", view=view["id"], values={"reason": {"text": "because"}})[1]["ok"] is True
        assert stream.next("screen")["modals"] == []


def test_the_home_tab_is_asked_for_and_shown(ground: Playground, app: App, connect: Connect) -> None:
    def publish(client: WebClient, event: dict[str, Any]) -> None:
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [section("all quiet")]})

    app.event("app_home_opened")(publish)
    connect(ground.slack, app)
    with ground.events(**{"as": "U0ANA"}) as stream:
        stream.next("screen")
        assert act(ground, "open-home") == (200, {"ok": True})
        while (home := stream.next("screen")["home"]) is None:
            pass
        assert home["blocks"][0]["text"]["text"] == "all quiet"


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("message", {"channel": OPS, "text": ""}, 400),
        ("message", {"channel": OPS, "text": "x" * 12_001}, 400),
        ("message", {"channel": OPS}, 400),
        ("message", {"channel": OPS, "text": "hi", "more": 1}, 400),
        ("message", {"channel": OPS, "text": 7}, 400),
        ("message", {"channel": "C0NOWHERE", "text": "hi"}, 409),
        ("message", {"channel": OPS, "text": "hi", "person": "U0NOBODY"}, 409),
        ("message", {"channel": OPS, "text": "hi", "person": "U0BOT"}, 409),
        ("message", {"channel": OPS, "text": "hi", "thread_ts": "1.000000"}, 409),
        ("click", {"channel": OPS, "ts": "1.000000", "action_id": "a", "block_id": "b"}, 409),
        ("submit-view", {"view": "V0NONE"}, 409),
        ("fly", {}, 404),
    ],
)
def test_garbage_is_refused_and_changes_nothing(
    ground: Playground, verb: str, body: dict[str, Any], status: int
) -> None:
    before = len(ground.slack.workspace.messages(OPS))
    answered, answer = act(ground, verb, **body)
    assert answered == status
    assert answer["error"]
    assert len(ground.slack.workspace.messages(OPS)) == before


def test_a_sandbox_without_slack_says_so(tmp_path: Path) -> None:
    with Playground(tmp_path, with_slack=False) as alone:
        assert act(alone, "open-home") == (404, {"error": "This sandbox serves no Slack."})
        assert alone.post("slack/outage", {"down": True})[0] == 409


@pytest.mark.parametrize("body", ["", "[]", "{", '"x"', "null", "{}"])
def test_a_body_that_is_no_request_is_refused(ground: Playground, body: str) -> None:
    assert ground.post("act/message", body)[0] == 400
    assert ground.post("slack/outage", body)[0] == 400
