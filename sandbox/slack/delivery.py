"""How commands, interactions and events reach the app, and what counts as an answer."""

import asyncio
import threading
import time
from concurrent.futures import CancelledError, Future
from typing import Any, Protocol

from sandbox.slack import limits, wire
from sandbox.slack.model import Delivery
from sandbox.slack.schema import Json
from sandbox.slack.workspace import Workspace


class NotDelivered(Exception):
    """The app did not answer in time, or not with 200.

    `reason` is what a person reads, `retry_reason` what a retry tells the app; `final`: the app forbade retries.
    """

    def __init__(self, reason: str, retry_reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.retry_reason, self.final = reason, retry_reason, final


class Transport(Protocol):
    """Socket Mode or signed HTTP requests."""

    async def send(self, delivery: Delivery, payload: Json, retry_reason: str, deadline: float) -> Json | None:
        """Hand over a payload and return the body of the ack.

        Raises:
            NotDelivered: no ack within `deadline` seconds.
        """
        ...


class Dispatcher:
    """Sends payloads over the transport and keeps the record. Lives on the face's event loop.

    Args:
        deadline: seconds the app has for an ack.
        retry_delays: seconds before each redelivery of an event that was not acked.
    """

    def __init__(
        self,
        workspace: Workspace,
        transport: Transport,
        *,
        deadline: float = limits.ACK_SECONDS,
        retry_delays: tuple[float, ...] = limits.EVENT_RETRY_DELAYS,
    ) -> None:
        self._workspace = workspace
        self._transport = transport
        self._deadline = deadline
        self._retry_delays = retry_delays
        self._loop: asyncio.AbstractEventLoop | None = None
        self._turn = threading.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        workspace.on_event = self.send_event

    def start(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def stop(self) -> None:
        """Whoever waits for an ack waits no longer."""
        with self._turn:
            self._loop = None
        await asyncio.sleep(0)  # what was handed over before that has begun now, and can be ended
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def interact(self, kind: str, subject: str, user: str, payload: Json) -> Delivery:
        """Deliver a command or an interaction and wait for its ack. For any thread but the face's own."""
        delivery = self._new(kind, subject, user)
        sent = self._submit(delivery, payload)
        try:
            if sent is not None:
                sent.result()
        except CancelledError:
            sent = None
        if sent is None:
            delivery.error = "slack_unreachable"
        return delivery

    def send_event(self, subscription: str, event: Json) -> None:
        """Deliver an event in the background if the app subscribed to it, again and again until it is acked."""
        if subscription in self._workspace.app.manifest.bot_events and self._loop is not None:
            payload = wire.event_callback(self._workspace, event)
            self._loop.call_soon_threadsafe(self._begin, subscription, str(event.get("user", "")), payload)

    def _begin(self, subscription: str, user: str, payload: Json) -> None:
        if self._loop is not None:
            self._keep(self._loop.create_task(self._persist(subscription, user, payload)))

    async def _persist(self, subscription: str, user: str, payload: Json) -> None:
        retry_reason = ""
        for attempt, delay in enumerate((0.0, *self._retry_delays)):
            await asyncio.sleep(delay)
            delivery = self._new("events_api", subscription, user, attempt)
            failure = await self._send(delivery, payload, retry_reason)
            if failure is None or failure.final:
                return
            retry_reason = failure.retry_reason

    async def _send(self, delivery: Delivery, payload: Json, retry_reason: str) -> NotDelivered | None:
        delivery.sent_at = time.time()
        self._workspace.record_delivery(delivery)
        try:
            delivery.response = await self._hand_over(delivery, payload, retry_reason)
        except NotDelivered as failure:
            delivery.error = failure.reason
            return failure
        else:
            delivery.acked_at, delivery.ok = delivery.acked_at or time.time(), True
            return None
        finally:
            self._workspace.record_delivery(delivery)

    async def _hand_over(self, delivery: Delivery, payload: Json, retry_reason: str) -> Json | None:
        if self._workspace.faults.outage:
            raise NotDelivered("slack_unreachable", "connection_failed")
        return await self._transport.send(delivery, payload, retry_reason, self._deadline)

    def _new(self, kind: str, subject: str, user: str, attempt: int = 0) -> Delivery:
        return Delivery(self._workspace.new_id("Dl"), kind, subject, user, time.time(), attempt)

    def _submit(self, delivery: Delivery, payload: Json) -> Future[None] | None:
        """None while Slack cannot be reached."""
        with self._turn:
            if self._loop is None or self._workspace.faults.outage:
                return None
            return asyncio.run_coroutine_threadsafe(self._interact(delivery, payload), self._loop)

    async def _interact(self, delivery: Delivery, payload: Json) -> None:
        if task := asyncio.current_task():
            self._keep(task)
        await self._send(delivery, payload, "")

    def _keep(self, task: asyncio.Task[Any]) -> None:
        """Until it is done, so that it can be ended before."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
