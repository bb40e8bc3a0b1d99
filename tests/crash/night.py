"""A maintenance with everything around it, by a bot that dies: set, announced, moved, failed at night, called, retried.

Time stands while the bot is being started. So nothing falls due in between that it need not tell any more, and whatever
is missing at the end was lost.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from bot.webhooks.http import SIGNATURE, TIMESTAMP, signature
from sandbox.scenario import Scenario, load_scenario
from sandbox.slack import Message
from sandbox.slack.blocks import elements_of
from tests.bot.webhooks.receiver import Receiver, receiving
from tests.crash.tale import (
    Tale,
    events_are_whole,
    messages_are_whole,
    payload,
)
from tests.held import StandingClock
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus, UpgradeRun
from upgrade.windows import is_open

SCENARIO: Final = Path(__file__).with_name("night.yaml")
SECRET: Final = "told-to-nobody"
CONTROL_PLANE: Final = "control-plane@1.36"
WINDOWS: Final = ("daily 18:00-12:00",)
#: What ana first asks for, and what she moves it to: 19:00 and 21:00 in Berlin.
FIRST, MOVED = datetime(2026, 11, 17, 18, tzinfo=UTC), datetime(2026, 11, 17, 20, tzinfo=UTC)
#: Keys of what is told under the notice ahead of that, by how long ahead.
REMINDERS: Final = {timedelta(hours=lead): f"remind:{lead}h@{MOVED.isoformat()}" for lead in (3, 1)}


@dataclass
class Night(Tale):
    """Ana sets a start and moves it; ben approves plan and gate; the failed step calls until ana has seen it."""

    speed: float = 2400.0
    receiver: Receiver = field(init=False)

    def __enter__(self) -> Night:
        self._open = ExitStack()
        self.receiver = self._open.enter_context(receiving())
        super().__enter__()
        return self

    def __exit__(self, *why: object) -> None:
        with self._open:
            super().__exit__(*why)

    def scenario(self) -> Scenario:
        scenario = load_scenario(SCENARIO)
        hook = {"kind": "generic", "name": "pager", "url": self.receiver.url, "secret_variable": "PAGER_SECRET"}
        on_call = {**scenario.bot["on_call"], "webhooks": [hook]}  # type: ignore[dict-item]
        return scenario.model_copy(update={"bot": {**scenario.bot, "on_call": on_call}})

    def make_clock(self, scenario: Scenario) -> StandingClock:
        self.standing = StandingClock(scenario.date, self.speed, self.folder / "clock")
        return self.standing

    def bear(self, at: str) -> int:
        environment = {**self.stage.environment(), "PAGER_SECRET": SECRET}
        self.standing.stand()
        return self.nursery.start(self.folder, environment, at, str(self.standing.file))

    # -- people -------------------------------------------------------------------------------------------------------

    def people_act(self) -> None:
        run, events = self.run, {event.kind for event in self.events}
        self._let_time_go(run, events)
        if run is None:
            self.type("schedule demo to 1.36 at 19:00 Europe/Berlin")
        elif self._heard():
            return
        elif run.status is RunStatus.SCHEDULED:
            if EventKind.NOTICE_DELIVERED in events and run.start_at == FIRST:
                self.type("reschedule demo at 21:00 Europe/Berlin")
        elif run.status is RunStatus.AWAITING_APPROVAL or EventKind.CALL_ACKNOWLEDGED in events:
            if top := self.top:
                self.press(top)
        elif called := self._called_again():
            self._acknowledge(called)

    def _let_time_go(self, run: UpgradeRun | None, events: set[EventKind]) -> None:
        """It stands until the start is set, while it is moved, and while something is due: no machine is too slow.

        So what never comes is noticed by the story standing still.
        """
        moves = run is not None and run.start_at == FIRST and EventKind.NOTICE_DELIVERED in events
        if EventKind.RUN_SCHEDULED in events and not moves and not self._waits_for_something(run):
            self.standing.go()
        else:
            self.standing.stand()

    def _waits_for_something(self, run: UpgradeRun | None) -> bool:
        """A reminder or the look ahead is due, and is not there."""
        if run is None or run.status is not RunStatus.SCHEDULED or run.start_at != MOVED:
            return False
        told = {payload(one).get("key") for one in self.messages}
        ahead = MOVED - self.clock.now()
        looked = any(event.data.get("ahead") for event in self.events)
        return any(ahead <= lead and key not in told for lead, key in REMINDERS.items()) or (
            ahead <= timedelta(hours=2) and not looked
        )

    def _heard(self) -> bool:
        """What somebody did is being looked at."""
        return bool(self.store and self.run and self.store.inbox(self.run.id))

    def _called_again(self) -> Message | None:
        """The failure, told once more to people and to the pager."""
        paged = any(":again-" in page["id"] for page in self.receiver.taken)
        calls = (one for one in self.messages if payload(one).get("kind") == "call")
        return next((one for one in calls if paged and ":again-" in payload(one)["key"]), None)

    def _acknowledge(self, called: Message) -> None:
        assert self.stage.slack is not None
        for block in called.blocks:
            for _, element in elements_of(block):
                if element.get("action_id") == "run.acknowledge":
                    click = partial(self.stage.slack.people.click, "ana", called, "run.acknowledge")
                    self.act("run.acknowledge", partial(click, block_id=block["block_id"]))

    def direct(self) -> list[Message]:
        """What the bot told ana alone."""
        assert self.stage.slack is not None
        workspace = self.stage.slack.workspace
        return [one for one in workspace.messages(workspace.direct_message("U0ANA").id) if one.by_bot]


# -- what must be true ----------------------------------------------------------------------------------------------


def night_told_well(tale: Night) -> None:
    """Nothing twice, nothing missing, nothing early."""
    run, events = tale.run, tale.events
    assert run is not None
    assert run.status is RunStatus.SUCCEEDED, tale.told()
    assert tale.store is not None
    assert tale.store.inbox(run.id) == ()
    changes_are_in_time(tale, run, events)
    events_are_whole(run, events, only=CONTROL_PLANE)
    decisions_count_once(events)
    messages_are_whole(tale, run, events, reminders=tuple(REMINDERS.values()))
    calls_are_whole(tale, events)
    pages_are_whole(tale, run, events)


def changes_are_in_time(tale: Night, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> None:
    """Each once, but the one that failed: that twice; all of them in the window, after the start that was set last."""
    assert run.plan is not None
    world = tale.stage.world
    effects = [effect for effect in world.effects if effect.update_id]
    assert Counter(effect.subject for effect in effects) == {
        "control-plane": 2,
        "addon/coredns": 1,
        "nodegroup/core": 1,
    }
    tokens = [call.token for call in world.calls if call.outcome == "ok"]
    assert None not in tokens
    assert len(set(tokens)) == len(tokens)
    assert {call.outcome for call in world.calls} <= {"ok", "repeated"}
    assert world.find_cluster("demo").version == "1.36"
    assert all(effect.at >= MOVED for effect in effects)
    steps_begin_in_the_window(events)


def steps_begin_in_the_window(events: Sequence[UpgradeEvent]) -> None:
    closed = False
    for event in events:
        # On this clock a look at the cluster takes an hour, and a step begins after one.
        known = (event.at, event.at - timedelta(hours=3))
        if event.kind in (EventKind.WINDOW_CLOSED, EventKind.WINDOW_OPENED):
            closed = event.kind is EventKind.WINDOW_CLOSED
            assert is_open(WINDOWS, "Europe/Berlin", event.at) is not closed
        elif event.kind is EventKind.STEP_STARTED:
            assert not closed
            assert any(is_open(WINDOWS, "Europe/Berlin", at) for at in known)


def decisions_count_once(events: Sequence[UpgradeEvent]) -> None:
    def of(kind: EventKind) -> list[UpgradeEvent]:
        return [event for event in events if event.kind is kind]

    assert [event.data["gate"] for event in of(EventKind.APPROVAL_GIVEN)] == ["plan", "nodes@1.36"]
    assert [(event.data["gate"], event.actor) for event in of(EventKind.GATE_OPENED)] == [("nodes@1.36", None)]
    assert [datetime.fromisoformat(event.data["start_at"]) for event in of(EventKind.RUN_SCHEDULED)] == [FIRST]
    assert [datetime.fromisoformat(event.data["start_at"]) for event in of(EventKind.RUN_RESCHEDULED)] == [MOVED]
    assert [event.actor for event in of(EventKind.CALL_ACKNOWLEDGED)] == ["U0ANA"]
    failed = of(EventKind.STEP_FAILED)  # also one that a share's deaths hit three times, which is parked
    assert [event.actor for event in of(EventKind.RETRY_REQUESTED)] == ["U0BEN"] * len(failed)
    assert [event.data["code"] for event in failed if event.data["code"] != "Parked"] == ["EniLimitReached"]
    [started] = of(EventKind.RUN_STARTED)
    assert MOVED <= started.at < MOVED + timedelta(hours=3)  # after a look, and machines may be slow
    assert not of(EventKind.START_MISSED)
    assert [event.data["ahead"] for event in of(EventKind.CHECKS_FINISHED) if event.data.get("ahead")] == [2]


def failure_of(events: Sequence[UpgradeEvent]) -> str:
    """The key of the trouble that the people of this night let call: the first, though a share's deaths parked it."""
    failed = next(event for event in events if event.kind is EventKind.STEP_FAILED)
    assert failed.step_id == CONTROL_PLANE
    return f"failed:{failed.seq}"


def calls_are_whole(tale: Night, events: Sequence[UpgradeEvent]) -> None:
    """In the thread, and to the person in charge directly: each stage once."""
    trouble = failure_of(events)
    calls = [payload(one)["key"] for one in tale.messages if payload(one).get("kind") == "call"]
    directs = [payload(one)["key"] for one in tale.direct()]
    assert len(directs) == len(set(directs))
    stages = [key.removeprefix(f"{trouble}:") for key in calls if key.startswith(f"{trouble}:")]
    assert stages[:2] == ["person", "group"], calls
    assert len(set(stages)) == len(stages) > 2
    assert all(stage.startswith("again-") for stage in stages[2:])  # how often: people may be slow
    assert [key for key in directs if key.startswith(f"{trouble}:")] == [
        f"{trouble}:{stage}" for stage in stages if stage != "group"
    ]
    assert all("Over:" in one.text for one in tale.direct())


def pages_are_whole(tale: Night, run: UpgradeRun, events: Sequence[UpgradeEvent]) -> None:
    """At least once each, in order, the same under one id; more than once only if the bot died of it."""
    for status, headers, body in tale.receiver.heard:
        assert status == 202
        assert hmac.compare_digest(headers[SIGNATURE], signature(SECRET, headers[TIMESTAMP], body))
    trouble = failure_of(events)
    pages = [page for page in tale.receiver.taken if page["key"] == f"{run.id}:{trouble}"]
    assert {page["kind"] for page in pages} == {"failed"}
    heard = Counter(page["id"].removeprefix(f"{run.id}:pager:{trouble}:") for page in pages)
    first, *again, seen, over = heard
    assert (first, seen, over) == ("pages", "acknowledged", "resolved")
    assert again
    assert all(stage.startswith("again-") for stage in again)
    assert sum(heard.values()) - len(heard) <= len(tale.died_at())
    assert [page["acknowledged_by"] for page in pages if page["action"] == "acknowledge"][:1] == ["U0ANA"]
