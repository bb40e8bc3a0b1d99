"""Socket Mode: WebSocket connections that the app opened, and the envelopes that go over them."""

import asyncio
import json
import logging
import random
import time
import uuid
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from sandbox.slack import limits
from sandbox.slack.delivery import NotDelivered
from sandbox.slack.model import Delivery
from sandbox.slack.resets import reset
from sandbox.slack.schema import Json
from sandbox.slack.workspace import Workspace

logger = logging.getLogger(__name__)
PING_SECONDS = 20.0
MOST_WAITING = 10_000


@dataclass(frozen=True)
class _Connection:
    socket: web.WebSocketResponse
    transport: asyncio.BaseTransport | None


class SocketMode:
    """The app's connections. A payload goes to one of them, whichever."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._connections: dict[str, _Connection] = {}
        self._waiting: dict[str, tuple[Delivery, asyncio.Future[Json | None]]] = {}

    @property
    def connected(self) -> int:
        return len(self._connections)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from hello to the end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._workspace.socket_tickets:
            return web.Response(status=401, text="this address was used or never issued")
        self._workspace.socket_tickets.discard(ticket)
        socket = web.WebSocketResponse(heartbeat=PING_SECONDS)
        await socket.prepare(request)
        if len(self._connections) >= limits.MOST_CONNECTIONS:
            await self._disconnect(socket, "too_many_websockets")
            return socket
        name = uuid.uuid4().hex[:8]
        await socket.send_json(self._hello(len(self._connections) + 1))
        self._enter(name, _Connection(socket, request.transport))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._receive(message.data)
        except ConnectionError:
            logger.debug("connection %s was cut while an answer was on its way", name)
        finally:
            self._leave(name)
        return socket

    async def send(self, delivery: Delivery, payload: Json, retry_reason: str, deadline: float) -> Json | None:
        envelope_id = str(uuid.uuid4())
        envelope: Json = {
            "envelope_id": envelope_id,
            "type": delivery.kind,
            "payload": payload,
            "accepts_response_payload": delivery.kind != "events_api",
        }
        if delivery.kind == "events_api":
            envelope |= {"retry_attempt": delivery.attempt, "retry_reason": retry_reason}
        acked: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = (delivery, acked)
        while len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
        delivery.connection = await self._to_anyone(envelope)
        if self._workspace.faults.take_duplicate():
            await self._to_anyone(envelope)
        try:
            return await asyncio.wait_for(acked, deadline)
        except TimeoutError:
            raise NotDelivered("operation_timeout", "timeout") from None

    async def disconnect_all(self, reason: str, grace: float = 0.0) -> None:
        """Tell every connection to go and close it after `grace` seconds.

        `reason` is warning, refresh_requested or link_disabled.
        """
        sockets = [connection.socket for connection in self._connections.values()]
        for socket in sockets:
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
        await asyncio.sleep(grace)
        await asyncio.gather(*(socket.close() for socket in sockets))

    def drop_all(self) -> None:
        """Cut every connection without a word."""
        for name, connection in list(self._connections.items()):
            self._leave(name)
            reset(connection.transport)

    async def _to_anyone(self, envelope: Json) -> str:
        while self._connections:
            name = random.choice(list(self._connections))  # noqa: S311 - Slack's choice is arbitrary too
            try:
                await self._connections[name].socket.send_json(envelope)
            except (ConnectionError, RuntimeError):
                self._leave(name)
            else:
                return name
        raise NotDelivered("dispatch_failed", "connection_failed")

    def _receive(self, text: str) -> None:
        try:
            ack = json.loads(text)
            envelope_id, payload = ack["envelope_id"], ack.get("payload")
        except (ValueError, TypeError, KeyError):
            return
        if envelope_id not in self._waiting:
            return
        delivery, acked = self._waiting.pop(envelope_id)
        delivery.acked_at = time.time()
        if acked.done():
            self._workspace.record_delivery(delivery)
        else:
            acked.set_result(payload if isinstance(payload, dict) else None)

    def _hello(self, connections: int) -> Json:
        return {
            "type": "hello",
            "num_connections": connections,
            "debug_info": {"host": "sandbox", "build_number": 1, "approximate_connection_time": 18060},
            "connection_info": {"app_id": self._workspace.app.app_id},
        }

    async def _disconnect(self, socket: web.WebSocketResponse, reason: str) -> None:
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "sandbox"}})
        await socket.close()

    def _enter(self, name: str, connection: _Connection) -> None:
        self._connections[name] = connection
        self._workspace.changes.add("slack-state", connections=self.connected)

    def _leave(self, name: str) -> None:
        if self._connections.pop(name, None) is not None:
            self._workspace.changes.add("slack-state", connections=self.connected)
