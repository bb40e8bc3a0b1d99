"""Faults on demand, as slack_sdk's client and its retry handlers meet them."""

from __future__ import annotations

import http.client
import time
from typing import Any
from urllib.error import URLError

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import (
    ConnectionErrorRetryHandler,
    RateLimitErrorRetryHandler,
    ServerErrorRetryHandler,
)
from slack_sdk.webhook import WebhookClient

from sandbox.slack import Fault, Outcome, RateLimits, SlackFace
from sandbox.slack.errors import NotVisible
from tests.patience import LONGEST
from tests.sandbox.slack.conftest import Connect, MakeFace, bolt_of, client_of

GONE = (URLError, ConnectionResetError, http.client.RemoteDisconnected)


def bare(face: SlackFace) -> WebClient:
    return client_of(face, retry_handlers=[])


def texts(face: SlackFace) -> list[str]:
    return [message.text for message in face.workspace.messages("ops")]


def test_a_reset_after_the_effect_leaves_the_message_there(face: SlackFace) -> None:
    face.faults.fail_next("chat.postMessage", Fault("reset-after"))
    with pytest.raises(GONE):
        bare(face).chat_postMessage(channel="C0OPS", text="once")
    assert texts(face) == ["once"]


def test_the_sdk_doubles_a_message_whose_answer_was_lost(face: SlackFace) -> None:
    face.faults.fail_next("chat.*", Fault("reset-after"))
    client_of(face, retry_handlers=[ConnectionErrorRetryHandler()]).chat_postMessage(channel="C0OPS", text="twice")
    assert texts(face) == ["twice", "twice"]


def test_a_reset_before_the_effect_leaves_nothing(face: SlackFace) -> None:
    face.faults.fail_next("chat.postMessage", Fault("reset-before"))
    with pytest.raises(GONE):
        bare(face).chat_postMessage(channel="C0OPS", text="x")
    assert texts(face) == []
    bare(face).chat_postMessage(channel="C0OPS", text="y")
    assert texts(face) == ["y"]


def test_a_server_error_passes_with_a_retry(face: SlackFace) -> None:
    face.faults.fail_next("chat.postMessage", Fault("server-error"))
    client_of(face, retry_handlers=[ServerErrorRetryHandler()]).chat_postMessage(channel="C0OPS", text="x")
    assert texts(face) == ["x"]


def test_an_error_answer_can_be_asked_for(face: SlackFace) -> None:
    face.faults.fail_next("*", Fault("error", code="fatal_error"), times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError, match="fatal_error"):
            bare(face).auth_test()
    assert bare(face).auth_test()["ok"]


def test_a_delay_holds_the_answer(face: SlackFace) -> None:
    face.faults.fail_next("auth.test", Fault("delay", seconds=0.2))
    began = time.monotonic()
    assert bare(face).auth_test()["ok"]
    assert time.monotonic() - began >= 0.2


def test_a_fault_of_unknown_kind_is_refused(face: SlackFace) -> None:
    with pytest.raises(ValueError, match="there are"):
        face.faults.fail_next("*", Fault("explode"))


def test_too_many_posts_get_429_and_the_time_to_wait(make_face: MakeFace) -> None:
    face = make_face(rate_limits=RateLimits(clock=lambda: 1000.0))  # no time passes
    client = bare(face)
    for number in range(5):
        client.chat_postMessage(channel="C0OPS", text=str(number))
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C0OPS", text="too much")
    answer = caught.value.response
    assert (answer.status_code, answer["error"], answer.headers["Retry-After"]) == (429, "ratelimited", "1")
    assert len(texts(face)) == 5


def test_the_sdk_waits_as_told_and_gets_through(make_face: MakeFace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.random", lambda: 0.0)
    face = make_face(rate_limits=RateLimits())
    client = client_of(face, retry_handlers=[RateLimitErrorRetryHandler(max_retry_count=1)])
    began = time.monotonic()
    for number in range(6):
        client.chat_postMessage(channel="C0OPS", text=str(number))
    assert texts(face) == list("012345")
    assert time.monotonic() - began >= 1.0


def test_a_429_can_be_asked_for_with_any_wait(face: SlackFace) -> None:
    face.faults.fail_next("users.info", Fault("rate-limited", seconds=30))
    with pytest.raises(SlackApiError) as caught:
        bare(face).users_info(user="U0ADA")
    assert caught.value.response.headers["Retry-After"] == "30"


def test_an_answer_at_a_response_url_can_be_lost_too(face: SlackFace) -> None:
    key = face.workspace.response_urls.issue("U0ADA", "C0OPS")
    webhook = WebhookClient(f"{face.url}response/{key}", retry_handlers=[])
    face.faults.fail_next("response_url", Fault("reset-after"))
    with pytest.raises(GONE):
        webhook.send(text="there all the same")
    assert [message.text for message in face.people.messages("ada", "ops")] == ["there all the same"]


def test_an_outage_takes_everything_and_then_gives_it_back(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)

    @app.command("/eks-upgrade")
    def answer(ack: Any) -> None:
        ack("here")

    connect(face, app)
    face.set_outage(True)
    assert face.workspace.changes.wait_until(lambda: face.connections == 0, LONGEST)
    with pytest.raises(GONE):
        bare(face).auth_test()
    assert face.people.run_command("ada", "ops", "/eks-upgrade").error == (
        '/eks-upgrade failed with the error "slack_unreachable"'
    )
    with pytest.raises(NotVisible, match="cannot be reached"):
        face.people.post_message("ada", "ops", "x")
    face.set_outage(False)
    assert bare(face).auth_test()["ok"]
    assert face.workspace.changes.wait_until(lambda: face.connections == 1, LONGEST)
    again: Outcome = face.people.run_command("ada", "ops", "/eks-upgrade")
    assert again.ok
