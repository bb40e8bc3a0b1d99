"""Threads: a dispatcher that hands out due runs to a bounded pool. A waiting step holds no thread (DESIGN 5)."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from upgrade.engine.settings import EngineSettings
from upgrade.engine.worker import RunWorker
from upgrade.errors import UnknownRun
from upgrade.ports import Clock, RunStore

_log = logging.getLogger(__name__)

#: Real seconds: how often the store is asked although nobody woke us, for what another process has committed.
_IDLE: Final = 1.0
#: Real seconds until a run is tried again whose pass broke in a way that nobody foresaw.
_BROKEN: Final = 2.0


class Runner:
    """Runs the engine between ``start`` and ``stop``. One run is never in two threads at once.

    Short jobs (check, plan) share the pool, at most half of it, and do not survive a crash.

    Args:
        breathe: called before each piece of work; it returns when nothing more urgent is to be done.
    """

    def __init__(
        self,
        worker: RunWorker,
        store: RunStore,
        clock: Clock,
        settings: EngineSettings,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self._worker = worker
        self._store = store
        self._clock = clock
        self._breathe = breathe
        self._pool = ThreadPoolExecutor(max_workers=settings.workers, thread_name_prefix="engine")
        self._condition = threading.Condition()
        self._woken = False
        self._stopping = False
        self._in_hand: set[str] = set()
        self._restarted: set[str] = set()
        self._look_now: set[str] = set()
        # When a pass ended with nothing worth a write, what is due next is known here only: by run, for its version.
        self._dues: dict[str, tuple[int, datetime | None]] = {}
        self._jobs: deque[Callable[[], object]] = deque()
        self._jobs_free = max(1, settings.workers // 2)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Every unfinished run is looked at at once: after a crash nothing else is known of it."""
        self._restarted = {item.run_id for item in self._store.agenda()}
        self._look_now = set(self._restarted)
        self._thread = threading.Thread(target=self._dispatch, name="engine-dispatcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Start nothing more, let each pass end after the act it is in, and return when all threads are done."""
        with self._condition:
            self._stopping = True
            self._jobs.clear()
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._pool.shutdown(wait=True)

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def wake(self) -> None:
        """Something was committed."""
        with self._condition:
            self._woken = True
            self._condition.notify_all()

    def look_at_all(self) -> None:
        """Something changed that no row tells, such as Slack being back: look at every unfinished run now."""
        unfinished = {item.run_id for item in self._store.agenda()}
        with self._condition:
            self._look_now |= unfinished
        self.wake()

    def submit(self, job: Callable[[], object]) -> None:
        """Run a short job on the pool as soon as there is room. It handles its own errors; what it gives is dropped."""
        with self._condition:
            if self._stopping:
                return
            self._jobs.append(job)
        self._next_job()

    # -- the dispatcher ---------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        while not self._stopping:
            self._breathe()
            with self._condition:
                self._woken = False
            try:
                delay = self._hand_out()
            except Exception:
                _log.exception("asking the store what is due failed")
                delay = _IDLE
            with self._condition:
                if not self._woken and not self._stopping:
                    self._condition.wait(delay)

    def _hand_out(self) -> float:
        """Give every due run to the pool; returns real seconds until the next one is due."""
        delay = _IDLE
        now = self._clock.now()
        for item in self._store.agenda():
            with self._condition:
                if item.run_id in self._in_hand:
                    continue
                version, remembered = self._dues.get(item.run_id, (-1, None))
                due_at = remembered if version == item.version else item.due_at
                if item.requested or item.run_id in self._look_now:
                    due_at = now
                if due_at is None:
                    continue
                if due_at > now:
                    delay = min(delay, self._clock.real_seconds(due_at - now))
                    continue
                self._in_hand.add(item.run_id)
                self._look_now.discard(item.run_id)
            self._submit(item.run_id)
        return delay

    def _submit(self, run_id: str) -> None:
        try:
            self._pool.submit(self._process, run_id)
        except RuntimeError:  # the pool was shut down meanwhile
            self._in_hand.discard(run_id)

    def _process(self, run_id: str) -> None:
        self._breathe()
        try:
            if run_id in self._restarted:
                self._worker.restarted(run_id)
                self._restarted.discard(run_id)
            run = self._worker.process(run_id, self._ends_here)
        except UnknownRun:
            self._release(run_id)
        except Exception:
            _log.exception("run %s: a pass broke; it is tried again", run_id)
            timer = threading.Timer(_BROKEN, self._release, [run_id])
            timer.daemon = True
            timer.start()
        else:
            with self._condition:
                self._dues[run_id] = (run.version, run.next_due_at)
                if run.status.finished:
                    self._dues.pop(run_id)
            self._release(run_id)

    def _ends_here(self) -> bool:
        """Asked between two pieces of work."""
        self._breathe()
        return self._stopping

    def _release(self, run_id: str) -> None:
        with self._condition:
            self._in_hand.discard(run_id)
        self.wake()

    # -- short jobs -------------------------------------------------------------------------------------------------

    def _next_job(self) -> None:
        with self._condition:
            if self._jobs_free == 0 or not self._jobs:
                return
            self._jobs_free -= 1
            job = self._jobs.popleft()
        try:
            self._pool.submit(self._run_job, job)
        except RuntimeError:
            _log.info("a short job was dropped: the engine is stopping")

    def _run_job(self, job: Callable[[], object]) -> None:
        try:
            job()
        except Exception:
            _log.exception("a short job failed")
        finally:
            with self._condition:
                self._jobs_free += 1
            self._next_job()
