"""Webhooks hear of each trouble in its time, whatever they answer and whenever the process dies."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from bot.caller import Caller
from bot.webhooks.http import Generic
from bot.webhooks.page import Page, PageLost
from tests.bot.conftest import FixedClock, Story
from tests.bot.webhooks.receiver import receiving
from tests.handlers import samples
from upgrade.calls import CallPolicy
from upgrade.events import EventKind
from upgrade.ports import StoredMessage
from upgrade.run import Intent, RunStatus, StepState, StepStatus
from upgrade.store.sqlite import SqliteStore

STEP = "control-plane@1.35"
POLICY = CallPolicy(group="S0NIGHT", pages=True)
MINUTE = timedelta(minutes=1)


@dataclass
class Pager:
    """A receiver that keeps what it takes; ``fails`` are what it does first."""

    name: str = "night"
    taken: list[Page] = field(default_factory=list)
    fails: list[Exception] = field(default_factory=list)

    def send(self, page: Page) -> None:
        if self.fails:
            raise self.fails.pop(0)
        self.taken.append(page)

    @property
    def heard(self) -> list[tuple[str, str]]:
        return [(page.action.value, page.id.rpartition(":")[2]) for page in self.taken]


class Night:
    """A step that failed at ``samples.NOW``, and a clock that the test moves by hand."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.story = Story(store)
        self.clock = FixedClock(samples.NOW)
        self.machine = 0.0
        self.story.begin(plan=samples.two_hops())
        failed = {STEP: StepState(status=StepStatus.FAILED)}
        changes: dict[str, Any] = {"status": RunStatus.PAUSED, "started_at": samples.NOW, "steps": failed}
        self.seq = self.story.tell(EventKind.STEP_FAILED, step=STEP, **changes).last_seq

    def caller(self, *pagers: Any, messages: Any = None) -> Caller:
        return Caller(
            self.story,
            messages or self.store,
            pagers,
            self.clock,
            policy_of=lambda _: POLICY,
            machine=lambda: self.machine,
        )

    def at(self, minutes: int) -> None:
        self.clock.time = self.story.now = samples.NOW + minutes * MINUTE
        self.machine += 1000

    def acknowledge(self) -> None:
        self.story.tell(EventKind.CALL_ACKNOWLEDGED, actor="U0ADA", data={"call": f"failed:{self.seq}"})


@pytest.fixture
def night(store: SqliteStore) -> Night:
    return Night(store)


def test_a_webhook_hears_after_people_had_their_time_then_again_then_that_it_is_seen_and_over(night: Night) -> None:
    pager = Pager()
    caller = night.caller(pager)
    caller.page_once()
    assert pager.heard == []
    for minutes in (20, 25, 50):
        night.at(minutes)
        caller.page_once()
    assert pager.heard == [("trigger", "pages"), ("trigger", "again-1")]
    night.acknowledge()
    night.at(90)
    caller.page_once()
    night.story.tell(EventKind.RUN_FAILED, status=RunStatus.FAILED, intent=Intent.ABORT, finished_at=night.clock.now())
    for _ in range(2):
        night.caller(pager).page_once()
    assert pager.heard[2:] == [("acknowledge", "acknowledged"), ("resolve", "resolved")]
    assert {page.key for page in pager.taken} == {f"{night.story.id}:failed:{night.seq}"}
    assert not [row for row in night.store.messages_behind() if row.kind == "page"]


def test_what_is_over_before_its_time_wakes_nobody(night: Night) -> None:
    pager = Pager()
    night.acknowledge()
    night.at(200)
    night.caller(pager).page_once()
    assert pager.heard == []


def test_slack_out_of_reach_wakes_at_once(night: Night) -> None:
    pager = Pager()
    night.story.tell(EventKind.SLACK_UNREACHABLE, holds=("slack",))
    night.caller(pager).page_once()
    assert pager.heard == [("trigger", "pages")]


def test_a_receiver_that_fails_is_tried_again_later_and_holds_up_no_other(night: Night) -> None:
    bad = Pager("bad", fails=[PageLost("it answered 500"), PageLost("it answered 500"), ValueError("nobody foresaw")])
    good = Pager("good")
    night.at(20)
    caller = night.caller(bad, good)
    for tries in range(4):
        assert len(bad.fails) == 3 - tries
        caller.page_once()
        caller.page_once()  # it is left alone for a while
        night.machine += 60
    assert bad.heard == good.heard == [("trigger", "pages")]


def test_a_death_between_the_delivery_and_its_row_sends_the_same_again_under_the_same_id(night: Night) -> None:
    class Dies:
        def __getattr__(self, name: str) -> Any:
            return getattr(night.store, name)

        def save_message(self, _: Any) -> None:
            raise KeyboardInterrupt

    pager = Pager()
    night.at(20)
    with pytest.raises(KeyboardInterrupt):
        night.caller(pager, messages=Dies()).page_once()
    for _ in range(2):
        night.caller(pager).page_once()
    first, second = pager.taken
    assert (first.id, first.key, first.content()) == (second.id, second.key, second.content())


def test_a_death_right_after_a_resolution_leaves_no_trigger_behind(night: Night) -> None:
    class Dies:
        def __getattr__(self, name: str) -> Any:
            return getattr(night.store, name)

        def save_message(self, row: StoredMessage) -> None:
            night.store.save_message(row)
            if row.key.endswith(":resolved"):
                raise KeyboardInterrupt

    pager = Pager()
    night.at(20)
    night.caller(pager).page_once()
    night.story.tell(EventKind.RUN_ABORTED, status=RunStatus.ABORTED)
    with pytest.raises(KeyboardInterrupt):
        night.caller(pager, messages=Dies()).page_once()
    night.caller(pager).page_once()
    assert pager.heard == [("trigger", "pages"), ("resolve", "resolved")]
    assert not [row for row in night.store.messages_behind() if row.kind == "page"]


def test_over_the_wire_two_refusals_are_waited_out(night: Night) -> None:
    with receiving() as receiver:
        receiver.answers = [500, 500]
        caller = night.caller(Generic("chat", receiver.url, SecretStr("s")))
        night.at(20)
        for _ in range(4):
            caller.page_once()
            night.machine += 60
        assert [status for status, _, _ in receiver.heard] == [500, 500, 202]
        (page,) = receiver.taken
        assert page["action"] == "trigger"
        assert "prod-eu needs you: Control plane to 1.35 failed" in page["summary"]
        assert "It can wait until morning" in page["text"]
