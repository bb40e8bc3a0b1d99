"""Requests to a cluster's API server: signed in, patient within bounds, and lists page by page."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Generic, TypeVar

import msgspec

from upgrade.collector import collector_held_back
from upgrade.errors import NotFound, NotPermitted, PermanentError, TemporaryError, UpgradeError
from upgrade.gateways.kube.connection import JSON, Answer, Connection, Endpoint
from upgrade.gateways.kube.decoding import decode
from upgrade.gateways.kube.errors import Gone, of_answer
from upgrade.gateways.kube.tokens import TokenCache

T = TypeVar("T")
R = TypeVar("R")
Query = Sequence[tuple[str, str]]

PAGE: Final = 500
#: Accept header of a list of metadata alone: names, labels, annotations and owners, nothing of the contents.
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
# The pause between two tries of a request; it doubles.
FIRST_PAUSE_SECONDS: Final = 0.5
_TRIES: Final = 4
_LISTS: Final = 3
_PATIENCE_SECONDS: Final = 30.0
_LONGEST_WAIT_SECONDS: Final = 10.0


class _Meta(msgspec.Struct, rename={"continue_": "continue"}):
    continue_: str | None = None


class _Page(msgspec.Struct, Generic[T]):
    items: list[T] | None  # null is Go's empty list; without the member it is no list at all
    metadata: _Meta = msgspec.field(default_factory=_Meta)


@dataclass(frozen=True)
class _Request:
    """``access`` is what is asked, as ``verb resource``."""

    method: str
    path: str
    access: str
    query: tuple[tuple[str, str], ...] = ()
    body: Any = None
    accept: str = JSON


class _Served(msgspec.Struct):
    name: str


class _Discovered(msgspec.Struct):
    resources: list[_Served] | None = None


class KubeApi:
    """The API server of one cluster.

    Args:
        locate: asks EKS where the API server is and which authority signs for it.
        mint: makes a bearer token.
    """

    def __init__(self, cluster_name: str, locate: Callable[[], Endpoint], mint: Callable[[], str]) -> None:
        self._name = cluster_name
        self._locate = locate
        self._tokens = TokenCache(mint)
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._deserted_until = 0.0

    def get(self, path: str, access: str, query: Query = (), *, accept: str = JSON, patient: bool = True) -> bytes:
        """The body of an answer. Raises TemporaryError or PermanentError.

        Args:
            patient: try again when it fails in a way that passes.
        """
        ask = self._ask if patient else self._answered
        return ask(_Request("GET", path, access, tuple(query), accept=accept))

    def review(self, path: str, access: str, body: Any) -> bytes:
        """POST a review: a question that changes nothing, so it may be asked again."""
        return self._ask(_Request("POST", path, access, body=body))

    def probe(self, path: str, access: str) -> bool:
        """Does a health endpoint answer 200? Raises when there is no answer, or the bot may not ask."""
        try:
            answer = self._once(_Request("GET", path, access))
        except TemporaryError:
            self._relocate()
            answer = self._once(_Request("GET", path, access))
        if answer.status in (401, 403):
            raise of_answer(answer.status, answer.body, answer.retry_after, access)
        return answer.status == 200

    def items(self, path: str, access: str, kind: type[T], query: Query = (), *, accept: str = JSON) -> tuple[T, ...]:
        """All items of a list."""
        return self.rows(path, access, kind, lambda item: item, query, accept=accept)

    def rows(
        self, path: str, access: str, kind: type[T], make: Callable[[T], R], query: Query = (), *, accept: str = JSON
    ) -> tuple[R, ...]:
        """What ``make`` makes of each item of a list, page by page: only one page is in memory as it came.

        When its continue token expires on the way (410), the list is read again.
        """
        for _ in range(_LISTS):
            try:
                return tuple(chain.from_iterable(self._pages(path, access, kind, make, query, accept=accept)))
            except Gone:
                continue
        raise TemporaryError(f"The list changed faster than it could be read ({access}).")

    def newest(
        self, access: str, versions: Sequence[str], kind: type[T], query: Query = (), *, namespace: str | None = None
    ) -> tuple[str, tuple[T, ...]]:
        """The first of the versions that is served, and the objects there; ("", ()) when none is.

        Whoever may not list is refused before the API server looks whether there is such a kind at all; so it is asked
        what it serves, which everybody may.

        Args:
            access: ``list PLURAL.GROUP``.
        """
        plural, _, group = access.removeprefix("list ").partition(".")
        for version in versions:
            try:
                return version, self.items(list_path(group, version, plural, namespace), access, kind, query)
            except NotFound:
                continue
            except NotPermitted:
                if self._serves(group, version, plural):
                    raise
        return "", ()

    def _serves(self, group: str, version: str, plural: str) -> bool:
        path = f"/apis/{group}/{version}"
        try:
            found = decoded(self.get(path, f"get {path}"), _Discovered, f"get {path}")
        except NotFound:
            return False
        return any(resource.name == plural for resource in found.resources or ())

    def close(self) -> None:
        """Wake whoever waits, and close the connections."""
        self._closed.set()
        with self._lock:
            if self._connection:
                self._connection.close()

    def _pages(
        self, path: str, access: str, kind: type[T], make: Callable[[T], R], query: Query, *, accept: str
    ) -> Iterator[list[R]]:
        token: str | None = None
        while True:
            page_query = [*query, ("limit", str(PAGE)), *([("continue", token)] if token else [])]
            body = self.get(path, access, page_query, accept=accept)
            with collector_held_back():
                page = decoded(body, _Page[kind], access)  # type: ignore[valid-type]
                made = [make(item) for item in page.items or ()]
            token = page.metadata.continue_
            del body, page  # before the next one comes
            yield made
            if not token:
                return

    def _ask(self, request: _Request) -> bytes:
        """Try a few times: resets, 429 and 5xx pass, and around a control-plane update so does a 401 (C-16).

        Once nobody has answered for all tries, a snapshot's many other questions are tried but once each.
        """
        now = time.monotonic()
        give_up_at, pause = now + _PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
        for left in reversed(range(1 if now < self._deserted_until else _TRIES)):
            try:
                return self._answered(request)
            except UpgradeError as error:
                wait = _wait_before_retry(error, pause)
                if wait is None or not left or time.monotonic() + wait > give_up_at or self._closed.wait(wait):
                    if isinstance(error, TemporaryError) and error.code:
                        self._deserted_until = time.monotonic() + _PATIENCE_SECONDS
                    raise
            pause *= 2
        raise AssertionError("unreachable")

    def _answered(self, request: _Request) -> bytes:
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

    def _once(self, request: _Request) -> Answer:
        with self._lock:
            if self._connection is None:
                self._connection = Connection(self._name, self._locate())
            connection = self._connection
        token = self._tokens.token()
        query = list(request.query)
        answer = connection.send(request.method, request.path, query, request.body, token, accept=request.accept)
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


def list_path(group: str, version: str, plural: str, namespace: str | None = None) -> str:
    """Where the objects of a kind are listed, of one namespace or of all."""
    root = f"/apis/{group}/{version}" if group else f"/api/{version}"
    return f"{root}/namespaces/{namespace}/{plural}" if namespace else f"{root}/{plural}"


def decoded(body: bytes, kind: type[T], access: str) -> T:
    """``body`` as ``kind``. Raises PermanentError when it is something else."""
    try:
        return decode(body, kind)
    except msgspec.DecodeError as error:
        raise PermanentError(
            f"The API server answered {access} in a way that this program does not understand: {error}",
            "Is there a proxy that answers in its place?",
            code="UnreadableAnswer",
        ) from None


def _wait_before_retry(error: UpgradeError, pause: float) -> float | None:
    """How long to wait before the next try; None when there is to be none."""
    jittered = pause * random.uniform(0.75, 1.25)  # noqa: S311  (spreads tries, hides nothing)
    if isinstance(error, NotPermitted):
        return jittered if error.code == "Unauthorized" else None
    if not isinstance(error, TemporaryError) or isinstance(error, Gone):
        return None
    asked = error.retry_after_seconds
    if asked is None:
        return jittered
    return max(asked, jittered) if asked <= _LONGEST_WAIT_SECONDS else None
