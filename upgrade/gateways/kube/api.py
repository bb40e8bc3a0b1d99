"""Requests to a cluster's API server, and lists page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, Generic, TypeVar

import msgspec

from upgrade.collector import collector_held_back
from upgrade.errors import NotFound, NotPermitted, PermanentError, TemporaryError
from upgrade.gateways.kube.connection import JSON
from upgrade.gateways.kube.decoding import decode
from upgrade.gateways.kube.errors import Gone, of_answer
from upgrade.gateways.kube.line import Line, LineOfOneLook, Request

T = TypeVar("T")
R = TypeVar("R")
Query = Sequence[tuple[str, str]]

PAGE: Final = 500
#: Accept header of a list of metadata alone: names, labels, annotations and owners, nothing of the contents.
METADATA_ONLY: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_LISTS: Final = 3


class _Meta(msgspec.Struct, rename={"continue_": "continue"}):
    continue_: str | None = None


class _Page(msgspec.Struct, Generic[T]):
    items: list[T] | None  # null is Go's empty list; without the member it is no list at all
    metadata: _Meta = msgspec.field(default_factory=_Meta)


class _Served(msgspec.Struct):
    name: str


class _Discovered(msgspec.Struct):
    resources: list[_Served] | None = None


class KubeApi:
    """The API server of one cluster.

    Args:
        line: carries the questions there.
    """

    def __init__(self, line: Line | LineOfOneLook) -> None:
        self._line = line

    def for_one_look(self) -> KubeApi:
        """The same API server for one look; see LineOfOneLook."""
        return KubeApi(self._line.for_one_look())

    def get(self, path: str, access: str, query: Query = (), *, accept: str = JSON, patient: bool = True) -> bytes:
        """The body of an answer. Raises TemporaryError or PermanentError.

        Args:
            patient: try again when it fails in a way that passes.
        """
        ask = self._line.ask if patient else self._line.ask_once
        return ask(Request("GET", path, access, tuple(query), accept=accept))

    def review(self, path: str, access: str, body: Any) -> bytes:
        """POST a review: a question that changes nothing, so it may be asked again."""
        return self._line.ask(Request("POST", path, access, body=body))

    def probe(self, path: str, access: str) -> bool:
        """Does a health endpoint answer 200? Raises when there is no answer, or the bot may not ask."""
        answer = self._line.probe(Request("GET", path, access))
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
                with collector_held_back():
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
        self._line.close()

    def _pages(
        self, path: str, access: str, kind: type[T], make: Callable[[T], R], query: Query, *, accept: str
    ) -> Iterator[list[R]]:
        token: str | None = None
        while True:
            page_query = [*query, ("limit", str(PAGE)), *([("continue", token)] if token else [])]
            body = self.get(path, access, page_query, accept=accept)
            page = decoded(body, _Page[kind], access)  # type: ignore[valid-type]
            made = [make(item) for item in page.items or ()]
            token = page.metadata.continue_
            del body, page  # before the next one comes
            yield made
            if not token:
                return


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
