"""Serves the page on loopback: its files, the stream of what happens, and the control API."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from pydantic import ValidationError

from sandbox.bot_process import BotProcess
from sandbox.page import files, requests
from sandbox.page.controls import Controls, NoSuchThing, stumble
from sandbox.page.guard import LOOPBACK, Guard, add_headers, refusal
from sandbox.page.seen import people_of
from sandbox.page.stream import PICTURE_SECONDS, Stream
from sandbox.slack import SlackFace, User
from sandbox.slack.errors import NotVisible, SlackError
from sandbox.stage import Stage
from sandbox.world.model import Cluster

STATIC = Path(__file__).parent / "static"
MOST_BODY = 256 * 1024
# A verb waits up to three seconds for the bot's ack; so many people may do so at once.
THREADS = 16
LEAST_PAUSE = 0.03
HEARTBEAT_SECONDS = 10.0

BodyT = TypeVar("BodyT", bound=requests.Body)


class Page:
    """The page of a stage, in a thread of its own.

    Args:
        stage: what is shown; started.
        bot: the child process behind the switches; None where the sandbox starts none.
        port: 0 chooses a free one.
    """

    def __init__(self, stage: Stage, bot: BotProcess | None, port: int) -> None:
        self.stage = stage
        self.bot = bot
        self.address = ""
        self._port = port
        self._controls = Controls(stage, bot)
        self._guard = Guard()
        self._session = secrets.token_hex(8)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> str:
        """Serve; returns the page's address. Permalinks of the workspace lead to it from now on.

        Raises:
            OSError: the port is taken.
        """
        started: Future[int] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), name="page", daemon=True)
        self._thread.start()
        port = started.result(10)
        self.address = f"http://{LOOPBACK}:{port}/"
        if self.stage.slack is not None:
            self.stage.slack.workspace.team_url = self.address
        return self.address

    def stop(self) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    async def _serve(self, started: Future[int]) -> None:
        application = web.Application(middlewares=[self._guard.refuse_others], client_max_size=MOST_BODY)
        application.on_response_prepare.append(add_headers)
        self._add_routes(application)
        self._stopping = asyncio.Event()
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        with ThreadPoolExecutor(THREADS, thread_name_prefix="page") as pool:
            asyncio.get_running_loop().set_default_executor(pool)
            try:
                await runner.setup()
                await web.TCPSite(runner, LOOPBACK, self._port).start()
            except OSError as error:
                await runner.cleanup()
                started.set_exception(error)
                return
            port: int = runner.addresses[0][1]
            self._guard.listen_on(port)
            self._loop = asyncio.get_running_loop()
            started.set_result(port)
            await self._stopping.wait()
            self._loop = None
            await runner.cleanup()

    def _add_routes(self, application: web.Application) -> None:
        router = application.router
        router.add_get("/", self._index)
        router.add_get("/archives/{channel}/{message}", self._index)
        router.add_static("/static/", STATIC)
        router.add_get("/api/people", self._people)
        router.add_get("/api/events", self._events)
        router.add_get("/api/files/{id}", self._file)
        router.add_post("/api/act/{verb}", self._act)
        router.add_post("/api/faults/on", self._answer(requests.SwitchOn, self._switch_on))
        router.add_post("/api/faults/off", self._answer(requests.SwitchOff, self._switch_off))
        router.add_post("/api/slack/outage", self._answer(requests.SlackOutage, self._slack_outage))
        router.add_post("/api/slack/stumble", self._answer(requests.SlackStumble, self._slack_stumble))
        router.add_post("/api/bot/kill", self._answer(requests.Nothing, self._kill_bot))
        router.add_post("/api/bot/start", self._answer(requests.Nothing, self._start_bot))

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(STATIC / "index.html")

    # --- what is seen -------------------------------------------------------------------------------------------------

    async def _people(self, _request: web.Request) -> web.Response:
        """Who can be acted as, the one who begins the story first."""
        slack, starter = self.stage.slack, self.stage.scenario.start.person
        people = people_of(slack) if slack else []
        ordered = sorted(people, key=lambda person: person.name != starter)
        return web.json_response([person.id for person in ordered])

    async def _file(self, request: web.Request) -> web.Response:
        try:
            return files.served(self._slack(), request.match_info["id"])
        except (NoSuchThing, SlackError):
            return refusal(404, "There is no such file.")

    async def _events(self, request: web.Request) -> web.StreamResponse:
        try:
            person, cluster = self._who(request.query.get("as")), self._cluster(request.query.get("cluster"))
        except KeyError as error:
            return refusal(404, f"{error.args[0]} is not in this sandbox.")
        stream = Stream(self.stage, self._controls, person=person, cluster=cluster, session=self._session)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            await self._send(stream, response)
        return response

    async def _send(self, stream: Stream, response: web.StreamResponse) -> None:
        loop = asyncio.get_running_loop()
        quiet_since = loop.time()
        while self._stopping is not None and not self._stopping.is_set():
            events = await asyncio.to_thread(stream.news)
            for name, data in events:
                await response.write(f"event: {name}\ndata: {data}\n\n".encode())
            if events or loop.time() - quiet_since > HEARTBEAT_SECONDS:
                quiet_since = loop.time()
                await response.write(b": still here\n\n")
            await asyncio.sleep(LEAST_PAUSE)
            if self.stage.slack is None:
                await asyncio.sleep(PICTURE_SECONDS)
            else:
                await self.stage.slack.workspace.changes.after(stream.seq, PICTURE_SECONDS)

    def _who(self, person_id: str | None) -> User | None:
        """Raises KeyError."""
        if self.stage.slack is None:
            return None
        people = {person.id: person for person in people_of(self.stage.slack)}
        return people[person_id] if person_id else next(iter(people.values()))

    def _cluster(self, key: str | None) -> Cluster:
        """Raises KeyError."""
        return self.stage.world.find_cluster(key or self.stage.scenario.start.cluster)

    # --- what is done -------------------------------------------------------------------------------------------------

    async def _act(self, request: web.Request) -> web.Response:
        act = requests.ACTS.get(request.match_info["verb"])
        slack = self.stage.slack
        if act is None or slack is None:
            return refusal(404, "This sandbox serves no Slack." if act else "There is no such verb.")
        return await self._answer(act, lambda body: body.do(slack))(request)

    def _answer(
        self, body: type[BodyT], do: Callable[[BodyT], Any]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        """A handler that reads and checks the body, does it in a thread, and tells what came of it."""

        async def handle(request: web.Request) -> web.Response:
            try:
                asked = body.model_validate_json(await request.text() or "{}")
                return web.json_response(await asyncio.to_thread(do, asked) or {"ok": True})
            except ValidationError as error:
                return refusal(400, "; ".join(_problem(each) for each in error.errors()))
            except (NotVisible, NoSuchThing) as error:
                return refusal(409, str(error))
            except SlackError as error:
                return refusal(409, error.code)

        return handle

    def _switch_on(self, body: requests.SwitchOn) -> Any:
        return self._controls.switch_on(body.fault)

    def _switch_off(self, body: requests.SwitchOff) -> Any:
        return self._controls.switch_off(body.id)

    def _slack_outage(self, body: requests.SlackOutage) -> None:
        self._slack().set_outage(body.down)

    def _slack_stumble(self, body: requests.SlackStumble) -> None:
        stumble(self._slack(), body.name)

    def _kill_bot(self, _body: requests.Nothing) -> None:
        self._bot().kill()

    def _start_bot(self, _body: requests.Nothing) -> None:
        self._bot().start()

    def _slack(self) -> SlackFace:
        if self.stage.slack is None:
            raise NoSuchThing("This sandbox serves no Slack.")
        return self.stage.slack

    def _bot(self) -> BotProcess:
        if self.bot is None:
            raise NoSuchThing("This sandbox was started without a bot.")
        return self.bot


def _problem(error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"])
    return f"{path}: {error['msg']}" if path else str(error["msg"])
