"""Slack over signed HTTP: only what Slack signed, just now, gets in."""

from __future__ import annotations

import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.signature import SignatureVerifier

from bot.acks import Acks
from bot.config import SlackSettings
from bot.listener import HTTP_PATH, HttpListener, make_app
from bot.slack import SlackCalls, make_client
from handlers.conversation import Conversation
from sandbox.slack import AppManifest, InstalledApp, RateLimits, SlackFace
from tests.bot.conftest import MANIFEST, channels, people, slack_settings
from tests.patience import LONGEST, SLACK_SECONDS, wait_for
from tests.ports import free_port

BODY = "command=%2Feks-upgrade&text=help&user_id=U0ADA&channel_id=C0OPS&trigger_id=1.2.3&team_id=T1"


@pytest.fixture
def http() -> Iterator[tuple[HttpListener, SlackFace]]:
    port = free_port()
    url = f"http://127.0.0.1:{port}{HTTP_PATH}"
    declared = replace(AppManifest.from_yaml(MANIFEST.read_text()), socket_mode=False)
    app = InstalledApp.install(declared)
    rates = RateLimits(enabled=False)
    with SlackFace(
        people(), channels(), app=app, request_url=url, rate_limits=rates, ack_seconds=SLACK_SECONDS
    ) as face:
        settings: SlackSettings = slack_settings(face).model_copy(update={"mode": "http", "port": port})
        calls = SlackCalls(make_client(settings))
        nobody: Any = None  # help asks nothing of them
        talk = Conversation(nobody, nobody, nobody, nobody)
        listener = HttpListener(settings, make_app(settings, calls, talk, Acks()))
        listener.start()
        yield listener, face
        listener.stop()


def send(listener: HttpListener, body: str, headers: dict[str, str], path: str = HTTP_PATH) -> int:
    request = urllib.request.Request(f"http://127.0.0.1:{listener.port}{path}", body.encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=LONGEST) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def signed(secret: str, body: str, at: int) -> dict[str, str]:
    signature = SignatureVerifier(secret).generate_signature(timestamp=str(at), body=body)
    return {"x-slack-request-timestamp": str(at), "x-slack-signature": signature or ""}


def test_a_command_over_http_is_answered(http: tuple[HttpListener, SlackFace]) -> None:
    _, face = http
    assert face.people.run_command("ada", "ops", "/eks-upgrade", "help").ok
    wait_for(lambda: any(one.ephemeral_for for one in face.people.messages("ada", "ops")))


def test_what_slack_did_not_sign_just_now_does_not_get_in(http: tuple[HttpListener, SlackFace]) -> None:
    listener, face = http
    secret, now = face.app.signing_secret, int(time.time())
    assert send(listener, BODY, signed(secret, BODY, now)) == 200
    assert send(listener, BODY, signed("another", BODY, now)) == 401
    assert send(listener, BODY + "&x=1", signed(secret, BODY, now)) == 401
    assert send(listener, BODY, signed(secret, BODY, now - 600)) == 401
    assert send(listener, BODY, {}) == 401
    assert send(listener, BODY, {**signed(secret, BODY, now), "x-slack-request-timestamp": "soon"}) == 400


def test_other_paths_and_huge_bodies_are_turned_away(http: tuple[HttpListener, SlackFace]) -> None:
    listener, _ = http
    assert send(listener, BODY, {}, "/") == 404
    with socket.create_connection(("127.0.0.1", listener.port), timeout=LONGEST) as raw:
        raw.sendall(f"POST {HTTP_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n".encode())
        assert raw.recv(20).startswith(b"HTTP/1.0 400")
