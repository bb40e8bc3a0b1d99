"""What every part of the gateway reads with: one cluster, one session, lists to their last page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from upgrade.eks import ClusterId
from upgrade.gateways.aws.sessions import AwsSession

T = TypeVar("T")


class Shared(Generic[T]):
    """A question whose answer is for all who ask it at the same time: asked once, and kept for nobody after."""

    def __init__(self, ask: Callable[[], T]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._under_way: Future[T] | None = None

    def __call__(self) -> T:
        with self._lock:
            others, mine = self._under_way, Future[T]()
            if others is None:
                self._under_way = mine
        if others is not None:
            return others.result()
        try:
            mine.set_result(self._ask())
        except BaseException as error:
            mine.set_exception(error)
        finally:
            with self._lock:
                self._under_way = None
        return mine.result()


class AwsReads:
    """Reads for one cluster under one identity."""

    def __init__(self, cluster: ClusterId, session: AwsSession) -> None:
        self.cluster = cluster
        self._session = session

    @property
    def _eks(self) -> Any:
        return self._session.client("eks")

    def _pages(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """Every item of every page. An answer without the list is no empty list: a proxy's page would pass for one."""
        for page in self._session.client(service).get_paginator(operation).paginate(**arguments):
            yield from page[key]

    def _tokens(self, service: str, operation: str, key: str, **arguments: Any) -> Iterator[Any]:
        """The same for a list that botocore has no paginator for; its token is ``nextToken`` both ways."""
        ask = getattr(self._session.client(service), operation)
        page = ask(**arguments)
        yield from page[key]
        while token := page.get("nextToken"):
            page = ask(**arguments, nextToken=token)
            yield from page[key]
