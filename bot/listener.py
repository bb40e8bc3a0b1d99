"""Slack's way in: the Bolt app, over Socket Mode or signed HTTP."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import IPPROTO_TCP, SHUT_RDWR, TCP_NODELAY
from typing import Any, Final

from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.request import BoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk import WebClient

from bot.acks import Acks
from bot.config import SlackSettings
from bot.slack import TIMEOUT_SECONDS, SlackCalls
from handlers.conversation import Conversation
from handlers.register import register

log = logging.getLogger(__name__)
HTTP_PATH: Final = "/slack/events"
_MOST_BODY: Final = 1_000_000
_CONNECT_AGAIN_SECONDS: Final = 5.0
_CLOSE_SECONDS: Final = 3.0
#: Bytes. The client takes nothing in until it has read all that is there, a piece of this size at a time.
_RECEIVED_AT_ONCE: Final = 65_536


class _App(App):
    """Bolt's, which tells what it is acknowledging."""

    acks: Acks

    def dispatch(self, req: BoltRequest) -> BoltResponse:
        with self.acks.one():
            return super().dispatch(req)


def make_app(settings: SlackSettings, calls: SlackCalls, talk: Conversation, acks: Acks) -> App:
    """The Bolt app with every listener.

    Who we are is asked once and kept: asking in the first request, as Bolt does, would eat into its three seconds.
    """
    token = settings.bot_token.get_secret_value() if settings.bot_token else ""

    def authorize(**_: Any) -> AuthorizeResult:
        found = calls.workspace()
        return AuthorizeResult(
            enterprise_id=None,
            team_id=found.team_id,
            bot_token=token,
            bot_id=found.bot_id,
            bot_user_id=found.bot_user_id,
        )

    secret = settings.signing_secret.get_secret_value() if settings.signing_secret else None
    app = _App(
        logger=logging.getLogger("slack_bolt"),
        client=WebClient(base_url=settings.api_url, timeout=TIMEOUT_SECONDS),
        authorize=authorize,
        signing_secret=secret,
        request_verification_enabled=settings.mode == "http",
        # The thread that takes a payload carries it through to its ack: no hand-over, and no asking every ten
        # milliseconds whether the ack is there. What takes longer than an ack is done elsewhere (Conversation.later).
        process_before_response=True,
    )
    app.acks = acks
    register(app, talk)
    return app


def _send_at_once(client: Any, message: Mapping[str, Any], _raw: str | None) -> None:
    """At the start of each connection: else the second of two acks may wait 40 ms until the first is confirmed."""
    if message.get("type") == "hello":
        client.current_session.sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


class SocketListener:
    """Socket Mode, connected in the background: the bot starts also while Slack is away."""

    def __init__(self, settings: SlackSettings, app: App) -> None:
        token = settings.app_token.get_secret_value() if settings.app_token else ""
        self._handler = SocketModeHandler(
            app, token, concurrency=settings.listener_threads, receive_buffer_size=_RECEIVED_AT_ONCE
        )
        self._handler.client.message_listeners.append(_send_at_once)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._connect, name="socket-mode", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def _connect(self) -> None:
        while not self._stopping.is_set():
            try:
                self._handler.connect()  # type: ignore[no-untyped-call]
            except Exception as error:
                log.warning("cannot connect to Slack: %s; trying again", type(error).__name__)
                self._stopping.wait(_CONNECT_AGAIN_SECONDS)
            else:
                log.info("connected to Slack")
                return

    @property
    def connected(self) -> bool:
        return bool(self._handler.client.is_connected())

    def stop(self) -> None:
        """Take nothing more in; what is being handled ends in its own thread."""
        self._stopping.set()
        client = self._handler.client
        client.auto_reconnect_enabled = False
        session = client.current_session
        if session is not None and session.sock is not None:
            # close() waits for a receive that blocks until something arrives: end it.
            with suppress(OSError):
                session.sock.shutdown(SHUT_RDWR)
        closer = threading.Thread(target=self._handler.close, name="socket-mode-close", daemon=True)
        closer.start()
        closer.join(_CLOSE_SECONDS)


class _Requests(BaseHTTPRequestHandler):
    """One request of Slack: bounded, signed, answered by Bolt."""

    app: App
    timeout = 10
    server_version, sys_version = "eks-upgrade-bot", ""

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length") or ""
        # The SDK's verifier trips over a timestamp that is no number.
        stamp = self.headers.get("X-Slack-Request-Timestamp") or "0"
        if self.path.partition("?")[0] != HTTP_PATH:
            self._answer(404)
            return
        if not length.isdecimal() or int(length) > _MOST_BODY or not stamp.isdecimal():
            self._answer(400)
            return
        try:
            body = self.rfile.read(int(length)).decode()
            answer = self.app.dispatch(BoltRequest(body=body, headers=dict(self.headers.items())))
        except UnicodeDecodeError:
            self._answer(400)
            return
        self._answer(answer.status, answer.body, answer.first_headers_without_set_cookie())

    def _answer(self, status: int, body: str = "", headers: Mapping[str, str] | None = None) -> None:
        content = body.encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the name that http.server calls
        log.debug(format, *args)


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- as socketserver calls it
        """A peer that hangs up is no news."""
        log.debug("a request broke off: %s", sys.exc_info()[1])


class HttpListener:
    """Signed requests from Slack at one path; TLS is for the proxy in front."""

    def __init__(self, settings: SlackSettings, app: App) -> None:
        handler = type("_RequestsOfApp", (_Requests,), {"app": app})
        self._server = _HttpServer((settings.host, settings.port), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="slack-http", daemon=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    @property
    def connected(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


Listener = SocketListener | HttpListener


def make_listener(settings: SlackSettings, app: App) -> Listener:
    return SocketListener(settings, app) if settings.mode == "socket" else HttpListener(settings, app)
