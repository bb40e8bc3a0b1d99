"""Pacing, trigger ids, response URLs and the change feed, on a clock of the test's own."""

from __future__ import annotations

import asyncio
import threading

import pytest

from sandbox.slack.changes import ChangeFeed, ChangesForgotten
from sandbox.slack.errors import SlackError
from sandbox.slack.limits import RateLimits
from sandbox.slack.tickets import ResponseUrls, Triggers
from tests.patience import LONGEST


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_channel_takes_a_burst_and_then_one_message_a_second() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    assert [limits.refuse("chat.postMessage", "special", "C1") for _ in range(6)] == [None] * 5 + [1]
    assert limits.refuse("chat.postMessage", "special", "C2") is None
    clock.now += 1.0
    assert limits.refuse("chat.postMessage", "special", "C1") is None
    assert limits.refuse("chat.postMessage", "special", "C1") == 1


def test_a_tier_three_method_is_refused_after_fifty_calls_in_a_minute() -> None:
    clock = Clock()
    limits = RateLimits(clock=clock)
    answers = [limits.refuse("chat.update", "tier3") for _ in range(51)]
    assert answers == [None] * 50 + [2]
    assert limits.refuse("chat.delete", "tier3") is None
    clock.now += 60
    assert [limits.refuse("chat.update", "tier3") for _ in range(50)] == [None] * 50


def test_rates_scale_and_can_be_off() -> None:
    assert [RateLimits(enabled=False).refuse("users.list", "tier2") for _ in range(100)] == [None] * 100
    scaled = RateLimits(scale=10, clock=Clock())
    assert [scaled.refuse("users.list", "tier2") for _ in range(201)][-2:] == [None, 1]


def test_a_trigger_works_once_and_for_three_seconds() -> None:
    clock = Clock()
    triggers = Triggers(clock=clock)
    first, second = triggers.issue("U1"), triggers.issue("U1")
    assert triggers.exchange(first) == "U1"
    with pytest.raises(SlackError, match="exchanged_trigger_id"):
        triggers.exchange(first)
    clock.now += 3.1
    with pytest.raises(SlackError, match="expired_trigger_id"):
        triggers.exchange(second)
    with pytest.raises(SlackError, match="invalid_trigger_id"):
        triggers.exchange("1.2.3")


def test_a_response_url_works_five_times_and_for_half_an_hour() -> None:
    clock = Clock()
    urls = ResponseUrls(clock=clock)
    key, late = urls.issue("U1", "C1"), urls.issue("U1", "C1")
    assert [urls.use(key).uses for _ in range(5)] == [1, 2, 3, 4, 5]
    with pytest.raises(SlackError, match="used_url"):
        urls.use(key)
    clock.now += 1801
    with pytest.raises(SlackError, match="expired_url"):
        urls.use(late)


def test_changes_are_numbered_and_wake_those_who_wait() -> None:
    feed = ChangeFeed(threading.RLock())
    feed.add("message-posted", channel="C1")
    assert [change.seq for change in feed.since(0)] == [1]
    assert feed.since(1) == []
    threading.Timer(0.05, lambda: feed.add("message-posted", audience="U1")).start()
    assert [(change.seq, change.audience) for change in feed.since(1, timeout=LONGEST)] == [(2, "U1")]


async def _await_change(feed: ChangeFeed) -> list[int]:
    threading.Timer(0.05, lambda: feed.add("message-posted")).start()
    return [change.seq for change in await feed.after(0, LONGEST)]


def test_an_event_loop_can_wait_for_changes() -> None:
    feed = ChangeFeed(threading.RLock())
    assert asyncio.run(_await_change(feed)) == [1]
    assert asyncio.run(feed.after(1, 0.01)) == []


def test_a_watcher_who_fell_behind_is_told() -> None:
    feed = ChangeFeed(threading.RLock(), keep=2)
    for _ in range(4):
        feed.add("message-posted")
    with pytest.raises(ChangesForgotten):
        feed.since(1)
    assert [change.seq for change in feed.since(2)] == [3, 4]
