"""The Slack face: a workspace served on loopback over the protocols of real Slack."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
from typing import Any

from aiohttp import web

from sandbox.slack import limits
from sandbox.slack.api import Answer, WebApi
from sandbox.slack.api.chat import answer_response_url
from sandbox.slack.delivery import Dispatcher
from sandbox.slack.errors import SlackError
from sandbox.slack.faults import Fault
from sandbox.slack.limits import RateLimits
from sandbox.slack.manifest import InstalledApp
from sandbox.slack.model import Channel, User, UserGroup
from sandbox.slack.people import People
from sandbox.slack.request_urls import RequestUrls
from sandbox.slack.resets import reset
from sandbox.slack.schema import Json
from sandbox.slack.socket_mode import SocketMode
from sandbox.slack.workspace import Workspace

LOOPBACK = "127.0.0.1"
MOST_BODY = 8 * 1024 * 1024


class SlackFace:
    """A Slack workspace on a loopback port, in a thread of its own.

    Args:
        people, channels, usergroups: who and what is there.
        app: the installed app; `InstalledApp.install(AppManifest.from_yaml(...))` gives one with fresh tokens.
        request_url: where HTTP mode sends everything; used when the manifest has Socket Mode off.
        rate_limits: pacing; `RateLimits(enabled=False)` or a scale for tests.
        ack_seconds: the deadline of an ack. trigger_seconds: how long a trigger id is good.
        event_retry_delays: seconds before each redelivery of an event.
        workspace_options: further keywords of `Workspace`, such as team_url and paid.
    """

    def __init__(
        self,
        people: Iterable[User],
        channels: Iterable[Channel],
        usergroups: Iterable[UserGroup] = (),
        *,
        app: InstalledApp,
        request_url: str | None = None,
        rate_limits: RateLimits | None = None,
        ack_seconds: float = limits.ACK_SECONDS,
        trigger_seconds: float = limits.TRIGGER_SECONDS,
        event_retry_delays: tuple[float, ...] = limits.EVENT_RETRY_DELAYS,
        **workspace_options: Any,
    ) -> None:
        self.app = app
        self.workspace = Workspace(app, people, channels, usergroups, **workspace_options)
        self.workspace.triggers.lifetime = trigger_seconds
        self.faults = self.workspace.faults
        self._api = WebApi(self.workspace, rate_limits or RateLimits())
        self._sockets = SocketMode(self.workspace)
        self._request_urls = None if app.manifest.socket_mode else RequestUrls(self.workspace, request_url)
        transport = self._request_urls or self._sockets
        self._dispatcher = Dispatcher(self.workspace, transport, deadline=ack_seconds, retry_delays=event_retry_delays)
        self.people = People(self.workspace, self._dispatcher)
        self.url = ""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL has to be."""
        return f"{self.url}api/"

    @property
    def connections(self) -> int:
        """Socket Mode connections that are open now."""
        return self._sockets.connected

    def environment(self) -> dict[str, str]:
        """What a bot needs in its environment to live in this workspace."""
        return {
            "SLACK_API_URL": self.api_url,
            "SLACK_BOT_TOKEN": self.app.bot_token,
            "SLACK_APP_TOKEN": self.app.app_token,
            "SLACK_SIGNING_SECRET": self.app.signing_secret,
        }

    def start(self, port: int = 0) -> str:
        """Serve; returns the Web API's base URL."""
        started: Future[int] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(port, started)), name="slack-face", daemon=True
        )
        self._thread.start()
        self.url = self._api.url = self.people.url = f"http://{LOOPBACK}:{started.result(60)}/"
        return self.api_url

    def stop(self) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def __enter__(self) -> "SlackFace":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def set_outage(self, down: bool) -> None:
        """Slack is gone: connections are cut, every call is refused, nobody can do anything; or it is back."""
        self.faults.outage = down
        self.workspace.changes.add("slack-state", outage=down)
        if down:
            self.drop_sockets()

    def drop_sockets(self) -> None:
        """Reset every Socket Mode connection without a word."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._sockets.drop_all)

    def disconnect_sockets(self, reason: str = "refresh_requested", grace: float = 0.0) -> None:
        """Send every Socket Mode connection away; returns when they are closed."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._sockets.disconnect_all(reason, grace), self._loop).result(grace + 10)

    async def _serve(self, port: int, started: "Future[int]") -> None:
        application = web.Application(client_max_size=MOST_BODY)
        application.router.add_route("*", "/api/{method}", self._handle_call)
        application.router.add_get("/link/", self._handle_socket)
        application.router.add_post("/response/{key:.+}", self._handle_response_url)
        application.router.add_post("/upload/{key}", self._handle_upload)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        try:
            await runner.setup()
            await web.TCPSite(runner, LOOPBACK, port).start()
        except OSError as error:
            await runner.cleanup()
            started.set_exception(error)
            return
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._dispatcher.start()
        started.set_result(runner.addresses[0][1])
        await self._stopping.wait()
        self._loop = None
        await self._dispatcher.stop()
        self._sockets.drop_all()
        if self._request_urls is not None:
            await self._request_urls.stop()
        await runner.cleanup()

    async def _handle_call(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]

        async def answer() -> web.Response:
            try:
                values = await _arguments(request)
            except ValueError:
                return web.json_response({"ok": False, "error": "invalid_form_data"})
            return _http(self._api.call(method, values, _bearer(request)))

        return await self._through_faults(request, method, answer)

    async def _through_faults(
        self, request: web.Request, method: str, answer: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        if self.faults.outage:
            return _reset(request)
        fault = self.faults.take(method)
        if fault is not None and fault.kind != "reset-after":
            refused = await _suffer(request, fault)
            if refused is not None:
                return refused
        given = await answer()
        return _reset(request) if fault is not None and fault.kind == "reset-after" else given

    async def _handle_socket(self, request: web.Request) -> web.StreamResponse:
        return _reset(request) if self.faults.outage else await self._sockets.serve(request)

    async def _handle_response_url(self, request: web.Request) -> web.StreamResponse:
        async def answer() -> web.Response:
            try:
                body = await _arguments(request)
                if isinstance(body.get("payload"), str):
                    body = _mapping(json.loads(body["payload"]))
                answer_response_url(self.workspace, request.match_info["key"], body)
            except ValueError:
                return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
            except SlackError as error:
                gone = error.code in ("used_url", "expired_url", "no_such_url")
                return web.json_response({"ok": False, "error": error.code}, status=404 if gone else 400)
            return web.Response(text="ok")

        return await self._through_faults(request, "response_url", answer)

    async def _handle_upload(self, request: web.Request) -> web.StreamResponse:
        if self.faults.outage:
            return _reset(request)
        content = await request.read()
        if not self.workspace.uploads.receive(request.match_info["key"], content):
            return web.Response(status=400, text="no such upload")
        return web.Response(text=f"OK - {len(content)}")


def _reset(request: web.Request) -> web.Response:
    reset(request.transport)
    return web.Response(status=503)


async def _suffer(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Meet a fault before the call has any effect; None lets the call go on."""
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds)
        return None
    if fault.kind == "reset-before":
        return _reset(request)
    if fault.kind == "rate-limited":
        headers = {"Retry-After": str(max(1, round(fault.seconds)))}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
    if fault.kind == "server-error":
        return web.Response(status=500, text="Internal Server Error")
    return web.json_response({"ok": False, "error": fault.code})


def _bearer(request: web.Request) -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() or None if scheme == "Bearer" else None


def _mapping(value: Any) -> Json:
    if not isinstance(value, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - what was sent is wrong, not our call
    return value


async def _arguments(request: web.Request) -> Json:
    """The arguments from the query and the body, whatever its form.

    Raises:
        ValueError: the body is not what its content type says.
    """
    values: Json = dict(request.query)
    if request.content_type == "application/json":
        text = await request.text()
        return values | (_mapping(json.loads(text)) if text.strip() else {})
    return values | {name: value for name, value in (await request.post()).items() if isinstance(value, str)}


def _http(answer: Answer) -> web.Response:
    return web.json_response(answer.body, status=answer.status, headers=answer.headers)
