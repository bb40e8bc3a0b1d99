"""What follows an ack is done elsewhere, and never holds anybody up."""

from __future__ import annotations

import threading

import pytest

from bot.acks import Acks
from bot.answers import Answers
from tests.patience import LONGEST


def test_work_is_done_later_and_elsewhere() -> None:
    answers = Answers(Acks())
    go_on, done = threading.Event(), threading.Event()
    threads: list[str] = []

    def work() -> None:
        go_on.wait(LONGEST)
        threads.append(threading.current_thread().name)
        done.set()

    answers.later(work)  # would never return if it did the work itself
    go_on.set()
    assert done.wait(LONGEST)
    assert threads[0].startswith("answers")
    answers.stop()


def test_one_answer_that_hangs_holds_up_no_other() -> None:
    answers = Answers(Acks())
    hangs, done = threading.Event(), threading.Event()
    answers.later(lambda: hangs.wait(LONGEST))
    answers.later(done.set)
    assert done.wait(LONGEST)
    hangs.set()
    answers.stop()


def test_after_the_stop_nothing_is_begun() -> None:
    answers = Answers(Acks())
    answers.stop()
    with pytest.raises(RuntimeError):
        answers.later(lambda: None)
