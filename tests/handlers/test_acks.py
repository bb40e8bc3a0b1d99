"""What comes after an ack never comes before it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

from handlers.conversation import Caller, Conversation
from handlers.errors import ack_then_answer, commit_then_ack_button
from handlers.views.kit import Message
from upgrade.ports import Access
from upgrade.service import UpgradeService


class _Order:
    """Notes what happens, and keeps what is to be done later."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.left: list[Callable[[], object]] = []
        nobody = cast("Any", None)
        self.talk = Conversation(
            cast("UpgradeService", nobody), nobody, cast("Access", nobody), nobody, later=self.left.append
        )

    def note(self, what: str, **_arguments: Any) -> Message:
        self.happened.append(what)
        return Message(what)

    def go_on(self) -> None:
        while self.left:
            self.left.pop(0)()


TYPED = Caller("U0ADA", "C0OPS", "")


def test_a_question_is_acknowledged_before_its_answer_is_begun() -> None:
    order = _Order()
    ack_then_answer(
        partial(order.note, "read"), partial(order.note, "ack"), partial(order.note, "answer"), order.talk, TYPED
    )
    assert order.happened == ["ack"]
    order.go_on()
    assert order.happened == ["ack", "read", "answer"]


def test_a_button_is_committed_before_its_ack_and_answered_after() -> None:
    order = _Order()
    commit, ack, respond = (partial(order.note, what) for what in ("commit", "ack", "answer"))
    commit_then_ack_button(commit, ack, respond, order.talk, TYPED)
    assert order.happened == ["commit", "ack"]
    order.go_on()
    assert order.happened == ["commit", "ack", "answer"]


def test_an_answer_that_fails_is_told_and_raises_nothing() -> None:
    order = _Order()

    def fail() -> Message:
        raise RuntimeError("no such thing")

    ack_then_answer(fail, partial(order.note, "ack"), partial(order.note, "answer"), order.talk, TYPED)
    order.go_on()
    assert order.happened == ["ack", "answer"]
