"""HTTP mode: signed requests to a Bolt app behind a plain HTTP server."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from slack_bolt import App, BoltRequest
from slack_sdk.signature import SignatureVerifier

from sandbox.slack import SlackFace, SlashCommand
from sandbox.slack.request_urls import NotLoopback, sign
from tests.patience import LONGEST, wait_for
from tests.sandbox.slack.conftest import MakeFace, actions, bolt_of, button, client_of

Json = dict[str, Any]
Serve = Callable[[], "Endpoint"]


class Endpoint(ThreadingHTTPServer):
    """Hands requests to a Bolt app, or answers with a fixed status."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.app: App | None = None
        self.status = 200
        self.headers: dict[str, str] = {}
        self.requests: list[tuple[dict[str, str], str]] = []
        self.meanwhile: Callable[[], object] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/slack/events"


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.server.meanwhile()
        if self.server.app is None:
            self._answer(self.server.status, self.server.headers, "")
            return
        headers = {name: self.headers[name] for name in self.headers}
        answer = self.server.app.dispatch(BoltRequest(body=body, headers=headers))
        self._answer(answer.status, answer.first_headers(), answer.body)

    def _answer(self, status: int, headers: dict[str, str], body: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    thread = threading.Thread(target=lambda: server.serve_forever(0.02))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def face(make_face: MakeFace, endpoint: Endpoint) -> SlackFace:
    return make_face(manifest={"socket_mode": False}, request_url=endpoint.url, event_retry_delays=(0.0, 0.05, 0.05))


def test_commands_clicks_and_mentions_arrive_signed(face: SlackFace, endpoint: Endpoint) -> None:
    app = endpoint.app = bolt_of(face, signing_secret=face.app.signing_secret)
    mentions: queue.Queue[Json] = queue.Queue()

    @app.command("/eks-upgrade")
    def command(ack: Any, command: Json) -> None:
        ack(f"you said {command['text']}")

    @app.action("go")
    def action(ack: Any) -> None:
        ack()

    @app.event("app_mention")
    def mentioned(event: Json) -> None:
        mentions.put(event)

    assert face.people.run_command("ada", "ops", "/eks-upgrade", "a & b=c").ok
    assert face.people.messages("ada", "ops")[-1].text == "you said a &amp; b=c"
    posted = client_of(face).chat_postMessage(channel="C0OPS", text="x", blocks=[actions(button("go"))])
    assert face.people.click("ada", face.workspace.message("C0OPS", posted["ts"]), "go").ok
    face.people.post_message("ada", "ops", "@eks-upgrades hello")
    assert face.workspace.changes.wait_until(lambda: all(one.ok for one in face.workspace.deliveries), LONGEST)
    assert mentions.get(timeout=LONGEST)["text"] == "<@U0BOT> hello"
    verifier = SignatureVerifier(face.app.signing_secret)
    assert all(verifier.is_valid_request(body, headers) for headers, body in endpoint.requests)


def test_an_app_with_another_secret_refuses(face: SlackFace, endpoint: Endpoint) -> None:
    app = endpoint.app = bolt_of(face, signing_secret="another")

    @app.command("/eks-upgrade")
    def command(ack: Any) -> None:
        ack()

    outcome = face.people.run_command("ada", "ops", "/eks-upgrade")
    assert outcome.error == '/eks-upgrade failed with the error "http_client_error"'


def test_the_signature_is_slacks() -> None:
    # The worked example of Slack's page on verifying requests.
    body = (
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&"
        "channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&"
        "response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&"
        "trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    expected = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
    assert sign("8f742231b10e8888abcd99yyyzzz85a5", "1531420618", body) == expected


def test_a_failed_event_comes_three_times_more_and_says_why(face: SlackFace, endpoint: Endpoint) -> None:
    endpoint.status = 500
    face.people.post_message("ada", "ops", "@eks-upgrades hello")
    assert face.workspace.changes.wait_until(
        lambda: len(face.workspace.deliveries) == 4 and len(endpoint.requests) == 4, LONGEST
    )
    tries = [
        (headers.get("x-slack-retry-num"), headers.get("x-slack-retry-reason")) for headers, _ in endpoint.requests
    ]
    assert tries == [(None, None), ("1", "http_error"), ("2", "http_error"), ("3", "http_error")]
    assert len({body for _, body in endpoint.requests}) == 1


def test_an_app_can_forbid_retries(face: SlackFace, endpoint: Endpoint) -> None:
    endpoint.status, endpoint.headers = 500, {"x-slack-no-retry": "1"}
    face.people.post_message("ada", "ops", "@eks-upgrades first")
    assert face.workspace.changes.wait_until(lambda: any(one.error for one in face.workspace.deliveries), LONGEST)
    endpoint.status = 200
    face.people.post_message("ada", "ops", "@eks-upgrades second")
    wait_for(lambda: any("second" in body for _, body in endpoint.requests))
    assert ["x-slack-retry-num" in headers for headers, _ in endpoint.requests] == [False, False]


def test_nothing_reaches_the_app_while_slack_is_down(make_face: MakeFace, endpoint: Endpoint) -> None:
    face = make_face(manifest={"socket_mode": False}, request_url=endpoint.url, event_retry_delays=(0.0, 0.0, 0.0))
    endpoint.status = 500
    endpoint.meanwhile = lambda: face.set_outage(True)
    face.people.post_message("ada", "ops", "@eks-upgrades hello")
    assert face.workspace.changes.wait_until(
        lambda: len([one for one in face.workspace.deliveries if one.error]) == 4, LONGEST
    )
    assert [one.error for one in face.workspace.deliveries] == ["http_service_error"] + ["slack_unreachable"] * 3
    assert len(endpoint.requests) == 1


def test_a_command_is_never_sent_twice(face: SlackFace, endpoint: Endpoint) -> None:
    endpoint.status = 500
    outcome = face.people.run_command("ada", "ops", "/eks-upgrade")
    assert outcome.error == '/eks-upgrade failed with the error "http_service_error"'
    assert len(endpoint.requests) == 1


def test_an_app_that_is_not_there_is_told(make_face: MakeFace) -> None:
    face = make_face(manifest={"socket_mode": False}, request_url="http://127.0.0.1:9/slack")
    assert face.people.run_command("ada", "ops", "/eks-upgrade").error == (
        '/eks-upgrade failed with the error "dispatch_failed"'
    )


def test_nobody_beyond_this_machine_is_called(make_face: MakeFace) -> None:
    with pytest.raises(NotLoopback):
        make_face(manifest={"socket_mode": False}, request_url="https://example.com/slack")
    with pytest.raises(NotLoopback):
        make_face(manifest={"socket_mode": False, "events_url": "http://127.0.0.1.example.com/slack"})


def test_the_manifests_own_request_urls_are_used(make_face: MakeFace, endpoint: Endpoint) -> None:
    commands = (SlashCommand("/eks-upgrade", "Upgrade", url=endpoint.url),)
    face = make_face(manifest={"socket_mode": False, "commands": commands, "interactivity_url": endpoint.url})
    assert face.people.run_command("ada", "ops", "/eks-upgrade").ok
    posted = client_of(face).chat_postMessage(channel="C0OPS", text="x", blocks=[actions(button("go"))])
    assert face.people.click("ada", face.workspace.message("C0OPS", posted["ts"]), "go").ok
    assert len(endpoint.requests) == 2
