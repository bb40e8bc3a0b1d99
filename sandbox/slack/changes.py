"""What happened in the workspace, numbered, for whoever watches it: the page and the tests."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.slack.schema import Json


@dataclass(frozen=True)
class Change:
    """One change. `audience` is the only user who sees it, None means everybody who sees the channel.

    Kinds: message-posted, message-changed, message-deleted, view-opened, view-changed, view-closed, home-published,
    channel-changed, delivery, slack-state.
    """

    seq: int
    kind: str
    at: float
    audience: str | None = None
    data: Json = field(default_factory=dict)


class ChangesForgotten(LookupError):
    """The watcher fell too far behind and has to read the whole workspace again."""


class ChangeFeed:
    """An append-only feed that threads and event loops can wait on. It shares the workspace's lock."""

    def __init__(self, lock: threading.RLock, keep: int = 20_000) -> None:
        self._changed = threading.Condition(lock)
        self._changes: deque[Change] = deque(maxlen=keep)
        self._wakers: set[Callable[[], None]] = set()
        self._seq = 0

    @property
    def seq(self) -> int:
        return self._seq

    def add(self, kind: str, audience: str | None = None, **data: object) -> Change:
        with self._changed:
            self._seq += 1
            change = Change(self._seq, kind, time.time(), audience, dict(data))
            self._changes.append(change)
            self._changed.notify_all()
            for wake in tuple(self._wakers):
                wake()
            return change

    def since(self, seq: int, timeout: float = 0.0) -> list[Change]:
        """Changes after `seq`, waiting up to `timeout` seconds for the first.

        Raises:
            ChangesForgotten: some changes after `seq` are no longer kept.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._seq > seq, timeout)
            return self._after(seq)

    async def after(self, seq: int, timeout: float) -> list[Change]:
        """`since` for an event loop: waits without a thread."""
        loop = asyncio.get_running_loop()
        arrived = asyncio.Event()

        def wake() -> None:
            loop.call_soon_threadsafe(arrived.set)

        with self._changed:
            if self._seq > seq:
                return self._after(seq)
            self._wakers.add(wake)
        try:
            async with asyncio.timeout(timeout):
                await arrived.wait()
        except TimeoutError:
            return []
        finally:
            with self._changed:
                self._wakers.discard(wake)
        with self._changed:
            return self._after(seq)

    def wait_until(self, true: Callable[[], bool], timeout: float) -> bool:
        """Wait until `true()` holds, looking again after each change; tells if it did."""
        with self._changed:
            return self._changed.wait_for(true, timeout)

    def _after(self, seq: int) -> list[Change]:
        if self._changes and self._changes[0].seq > seq + 1:
            raise ChangesForgotten(f"changes before {self._changes[0].seq} are forgotten")
        return [change for change in self._changes if change.seq > seq]
