"""The line to a cluster's API server: signed in, and patient within bounds."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from upgrade.errors import TemporaryError, UpgradeError
from upgrade.gateways.kube.connection import JSON, Answer, Connection, Endpoint
from upgrade.gateways.kube.errors import Gone, Unauthorized, of_answer
from upgrade.gateways.kube.tokens import TokenCache

# The pause between two tries of a request; it doubles.
FIRST_PAUSE_SECONDS: Final = 0.5
_TRIES: Final = 4
_PATIENCE_SECONDS: Final = 30.0
_LONGEST_WAIT_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Request:
    """``access`` is what is asked, as ``verb resource``."""

    method: str
    path: str
    access: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    accept: str = JSON


class Line:
    """The way to one API server.

    Args:
        locate: asks EKS where the API server is and which authority signs for it.
        mint: makes a bearer token.
        breathe: called before and after each request; it returns when nothing more urgent is to be done.
    """

    def __init__(
        self, cluster_name: str, locate: Callable[[], Endpoint], mint: Callable[[], str], breathe: Callable[[], None]
    ) -> None:
        self._name = cluster_name
        self._locate = locate
        self._tokens = TokenCache(mint)
        self._breathe = breathe
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._deserted_until = 0.0

    def for_one_look(self) -> LineOfOneLook:
        return LineOfOneLook(self)

    def ask(self, request: Request, tries: int = _TRIES, *, refused_at_once: bool = False) -> bytes:
        """Try a few times: resets, 429 and 5xx pass, and around a control-plane update so does a 401 (C-16).

        Once nobody has answered for all tries, a snapshot's many other questions are tried but once each.

        Args:
            refused_at_once: a 401 is raised without another try.
        """
        now = time.monotonic()
        give_up_at, pause = now + _PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
        for left in reversed(range(1 if now < self._deserted_until else tries)):
            try:
                return self.ask_once(request)
            except UpgradeError as error:
                refused = refused_at_once and isinstance(error, Unauthorized)
                wait = None if refused else _wait_before_retry(error, pause)
                if wait is None or not left or time.monotonic() + wait > give_up_at or self._closed.wait(wait):
                    if isinstance(error, TemporaryError) and error.code:
                        self._deserted_until = time.monotonic() + _PATIENCE_SECONDS
                    raise
            pause *= 2
        raise AssertionError("unreachable")

    def ask_once(self, request: Request) -> bytes:
        try:
            answer = self._once(request)
        except UpgradeError:
            # Nobody there, or somebody else: the endpoint or its authority may have changed.
            if not self._relocate():
                raise
            answer = self._once(request)
        self._deserted_until = 0.0
        if 200 <= answer.status < 300:
            return answer.body
        raise of_answer(answer.status, answer.body, answer.retry_after, request.access)

    def _once(self, request: Request) -> Answer:
        with self._lock:
            if self._connection is None:
                self._connection = Connection(self._name, self._locate())
            connection = self._connection
        token = self._tokens.token()
        query = list(request.query)
        self._breathe()
        answer = connection.send(request.method, request.path, query, request.body, token, accept=request.accept)
        self._breathe()
        if answer.status == 401:
            self._tokens.forget(token)
        return answer

    def _relocate(self) -> bool:
        """Ask EKS again where the API server is; True when it has moved, or has another authority now."""
        endpoint = self._locate()
        with self._lock:
            if self._connection is None or self._connection.endpoint == endpoint:
                return False
            self._connection.close()
            self._connection = Connection(self._name, endpoint)
            return True

    def probe(self, request: Request) -> Answer:
        """Whatever is answered; when nobody answers, one more try where EKS says that the API server is now."""
        try:
            return self._once(request)
        except TemporaryError:
            self._relocate()
            return self._once(request)

    def close(self) -> None:
        """Wake whoever waits, and close the connections."""
        self._closed.set()
        with self._lock:
            if self._connection:
                self._connection.close()


class LineOfOneLook:
    """A line for the many questions of one look: whether the cluster knows the bot is found out once.

    A 401 may pass (C-16), so the first question to meet one tries again and the others that met one wait for what it
    learns. When the 401 stays, they and all later ones fail with it, and ask nothing more.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        self._finding_out = threading.Lock()
        self._refusal: Unauthorized | None = None

    def for_one_look(self) -> LineOfOneLook:
        return LineOfOneLook(self._line)

    def ask(self, request: Request) -> bytes:
        self._raise_refusal()
        try:
            return self._line.ask(request, refused_at_once=True)
        except Unauthorized:
            pass
        with self._finding_out:
            self._raise_refusal()
            try:
                return self._line.ask(request, _TRIES - 1)
            except Unauthorized as refusal:
                self._refusal = refusal
                raise

    def ask_once(self, request: Request) -> bytes:
        self._raise_refusal()
        return self._line.ask_once(request)

    def probe(self, request: Request) -> Answer:
        return self._line.probe(request)

    def close(self) -> None:
        self._line.close()

    def _raise_refusal(self) -> None:
        if self._refusal:
            raise Unauthorized(self._refusal.said)


def _wait_before_retry(error: UpgradeError, pause: float) -> float | None:
    """How long to wait before the next try; None when there is to be none."""
    jittered = pause * random.uniform(0.75, 1.25)  # noqa: S311  (spreads tries, hides nothing)
    if isinstance(error, Unauthorized):
        return jittered
    if not isinstance(error, TemporaryError) or isinstance(error, Gone):
        return None
    asked = error.retry_after_seconds
    if asked is None:
        return jittered
    return max(asked, jittered) if asked <= _LONGEST_WAIT_SECONDS else None
