"""Whatever has time lets acks go first, but not for ever."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from bot.acks import Acks
from tests.patience import LONGEST


def waiting(acks: Acks) -> tuple[threading.Thread, threading.Event]:
    begun = threading.Event()

    def work() -> None:
        acks.first()
        begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    return thread, begun


def test_work_begins_at_once_when_nobody_waits() -> None:
    thread, begun = waiting(Acks())
    assert begun.wait(LONGEST)
    thread.join(LONGEST)


def test_work_begins_when_the_last_of_them_is_acknowledged() -> None:
    acks = Acks()
    with acks.one():
        with acks.one():
            thread, begun = waiting(acks)
        assert not begun.wait(0.05)
    assert begun.wait(LONGEST)
    thread.join(LONGEST)


def test_an_ack_that_does_not_come_holds_work_up_for_a_second_only() -> None:
    acks = Acks()
    with acks.one():
        since = time.monotonic()
        thread, begun = waiting(acks)
        assert begun.wait(LONGEST)
        assert time.monotonic() - since >= 0.9
    thread.join(LONGEST)


def test_what_a_request_does_itself_waits_for_nothing() -> None:
    acks = Acks()
    with acks.one(), acks.one():
        since = time.monotonic()
        acks.first()
        assert time.monotonic() - since < 0.9


def test_a_request_that_fails_waits_no_longer() -> None:
    acks = Acks()
    with suppress(ZeroDivisionError), acks.one():
        print(1 / 0)
    thread, begun = waiting(acks)
    assert begun.wait(LONGEST)
    thread.join(LONGEST)
