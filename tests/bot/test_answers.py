"""What follows an ack is done elsewhere, and never holds anybody up."""

from __future__ import annotations

import threading

import pytest

from bot.answers import Answers


def test_work_is_done_later_and_elsewhere() -> None:
    answers = Answers()
    go_on, done = threading.Event(), threading.Event()
    threads: list[str] = []

    def work() -> None:
        go_on.wait(10)
        threads.append(threading.current_thread().name)
        done.set()

    answers.later(work)  # would never return if it did the work itself
    go_on.set()
    assert done.wait(10)
    assert threads[0].startswith("answers")
    answers.stop()


def test_one_answer_that_hangs_holds_up_no_other() -> None:
    answers = Answers()
    hangs, done = threading.Event(), threading.Event()
    answers.later(lambda: hangs.wait(10))
    answers.later(done.set)
    assert done.wait(10)
    hangs.set()
    answers.stop()


def test_after_the_stop_nothing_is_begun() -> None:
    answers = Answers()
    answers.stop()
    with pytest.raises(RuntimeError):
        answers.later(lambda: None)
