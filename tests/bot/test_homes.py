"""App Home: published for those who opened it, when it has changed, at Slack's pace, and over a restart."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.fleet_watch import FleetWatch
from bot.homes import FRESH_SECONDS, KEPT_SECONDS, MOST, Homes
from bot.pacing import Pacing
from bot.slack import SlackBusy, SlackRefused, SlackUnreachable
from upgrade.eks import ClusterId
from upgrade.errors import TemporaryError
from upgrade.store.sqlite import SqliteStore


class Screen:
    """What people see, a board that changes, and a clock that moves when a test says so."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.time = 1000.0
        self.board = "calm"
        self.raises: list[Exception] = []
        self.calls: list[str] = []
        self.seen: dict[str, str] = {}
        self.homes = self.started()

    def started(self) -> Homes:
        homes = Homes(self.store, self, machine=lambda: self.time, pacing=Pacing(lambda: self.time))
        homes.prepare(self.render)
        return homes

    def render(self, user: str, choice: str) -> dict[str, Any]:
        if user == "U-BROKEN":
            raise ZeroDivisionError
        if self.board == "broken":
            raise TemporaryError("The database is busy.")
        return {"type": "home", "private_metadata": choice, "blocks": [self.board]}

    def publish_home(self, user: str, view: dict[str, Any]) -> None:
        if self.raises:
            raise self.raises.pop(0)
        self.calls.append(user)
        self.seen[user] = f"{view['blocks'][0]} {view['private_metadata']}".strip()

    def changes(self, board: str) -> None:
        self.board = board
        self.homes.wake()


@pytest.fixture
def screen(tmp_path: Path) -> Screen:
    return Screen(SqliteStore(tmp_path / "bot.db"))


def test_what_changed_is_shown_to_openers_only_and_not_more_often_than_it_may(screen: Screen) -> None:
    screen.homes.open("U1")
    screen.homes.publish_once()
    assert screen.seen == {"U1": "calm"}
    screen.changes("a run began")
    assert screen.homes.publish_once() == pytest.approx(FRESH_SECONDS)
    assert screen.seen == {"U1": "calm"}
    screen.time += FRESH_SECONDS
    screen.homes.publish_once()
    assert screen.seen == {"U1": "a run began"}, "and nobody else's"


def test_a_board_that_is_the_same_is_not_published_again_unless_somebody_opens_it(screen: Screen) -> None:
    screen.homes.open("U1")
    screen.homes.publish_once()
    screen.time += FRESH_SECONDS
    screen.homes.wake()
    screen.homes.publish_once()
    assert screen.calls == ["U1"]
    screen.homes.open("U1")
    screen.homes.publish_once()
    assert screen.calls == ["U1", "U1"]


def test_who_opened_it_and_what_they_chose_outlive_a_restart(screen: Screen) -> None:
    screen.homes.open("U1", "prod")
    screen.homes.publish_once()
    screen.homes = screen.started()
    screen.changes("a run began")
    screen.homes.publish_once()
    assert screen.seen == {"U1": "a run began prod"}
    screen.homes.open("U1")
    screen.homes.publish_once()
    assert screen.seen == {"U1": "a run began prod"}, "opened once more it shows what was chosen"


def test_who_has_not_looked_for_long_is_left_in_peace(screen: Screen) -> None:
    screen.homes.open("U1")
    screen.homes.publish_once()
    screen.time += KEPT_SECONDS + 1
    screen.changes("a run began")
    screen.homes.publish_once()
    screen.homes = screen.started()
    screen.homes.publish_once()
    assert screen.seen == {"U1": "calm"}
    assert screen.store.homes() == ()


def test_of_too_many_openers_the_newest_are_kept_fresh(screen: Screen) -> None:
    for number in range(MOST + 1):
        screen.time += 1
        screen.homes.open(f"U{number}")
    for _ in range(MOST):
        screen.time += 2
        screen.homes.publish_once()
    assert "U0" not in screen.seen
    assert len(screen.seen) == MOST


@pytest.mark.parametrize("error", [SlackBusy(7), SlackUnreachable("timeout")])
def test_slack_that_cannot_take_it_gets_it_later(screen: Screen, error: Exception) -> None:
    screen.raises = [error]
    screen.homes.open("U1")
    delay = screen.homes.publish_once()
    assert screen.seen == {}
    screen.time += delay
    screen.homes.publish_once()
    assert screen.seen == {"U1": "calm"}


def test_a_store_that_is_busy_is_asked_again(screen: Screen) -> None:
    screen.board = "broken"
    screen.homes.open("U1")
    screen.homes.publish_once()
    screen.board = "calm"
    screen.homes.publish_once()
    assert screen.seen == {"U1": "calm"}


def test_slack_that_refuses_is_not_asked_again_before_something_changes(screen: Screen) -> None:
    screen.raises = [SlackRefused("not_enabled")]
    screen.homes.open("U1")
    screen.homes.publish_once()
    screen.homes.publish_once()
    assert screen.calls == []
    screen.time += FRESH_SECONDS
    screen.changes("a run began")
    screen.homes.publish_once()
    assert screen.calls == ["U1"]


def test_a_home_that_cannot_be_drawn_keeps_nobody_from_theirs(screen: Screen) -> None:
    screen.homes.open("U-BROKEN")
    screen.homes.open("U1")
    screen.homes.publish_once()
    assert screen.seen == {"U1": "calm"}


def test_people_who_open_it_come_before_refreshes(screen: Screen) -> None:
    for user in ("U1", "U2"):
        screen.homes.open(user)
        screen.homes.publish_once()
    screen.time += FRESH_SECONDS
    screen.changes("a run began")
    screen.homes.open("U2")
    screen.homes.publish_once()
    assert screen.calls[2:] == ["U2", "U1"]


def test_a_cluster_whose_look_breaks_keeps_no_other_from_its_look() -> None:
    ids = [ClusterId(account="111122223333", region="eu-central-1", name=name) for name in ("a", "b", "c")]
    seen: list[str] = []

    class Service:
        def due_looks(self, every: object) -> tuple[ClusterId, ...]:
            return tuple(ids)

        def look_at(self, cluster: ClusterId) -> None:
            seen.append(cluster.name)
            if cluster.name == "a":
                raise RuntimeError("nobody foresaw this")

    FleetWatch(Service(), timedelta(minutes=1)).look_once()
    assert sorted(seen) == ["a", "b", "c"]
