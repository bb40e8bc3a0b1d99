"""Questions that are under way at once, and what becomes of their answers."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from upgrade.errors import UpgradeError
from upgrade.facts import Known, Unknown, known

A = TypeVar("A")
B = TypeVar("B")
Answer = Callable[[], B]

_log = logging.getLogger(__name__)


class Asked:
    """Questions under way. One that needs another's answer is asked by the taking thread: no worker ever waits."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool

    def ask(self, question: Callable[[], B]) -> Answer[B]:
        return self._pool.submit(question).result

    def for_each(self, things: Answer[Iterable[A]], question: Callable[[A], B]) -> Answer[tuple[B, ...]]:
        """Ask the same of each thing, as soon as it is known which there are."""
        try:
            under_way: list[Future[B]] = [self._pool.submit(question, thing) for thing in things()]
        except Exception as error:
            return partial(_again, error)
        return lambda: tuple(future.result() for future in under_way)


def _again(error: Exception) -> Any:
    raise error


def fact(answer: Answer[B]) -> Known[B] | Unknown:
    """The answer, or why there is none; a defect of ours is a reason too: nothing unknown passes for good."""
    try:
        return known(answer())
    except UpgradeError as error:
        permission, chosen = getattr(error, "permission", None), getattr(error, "chosen", False)
        return Unknown(reason=str(error), permission=permission, chosen=chosen)
    except Exception as error:
        _log.exception("a collector of the snapshot failed")
        return Unknown(reason=f"The bot failed to read it ({type(error).__name__}); its log says where.")
