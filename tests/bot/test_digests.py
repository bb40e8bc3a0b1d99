"""The weekly digest is posted exactly once a week, whatever the clock does and whatever dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.digests import Digests
from bot.outbox import Outbox
from bot.pacing import Pacing
from bot.slack import SlackCalls, SlackUnreachable
from handlers.views.kit import Message
from tests.bot.conftest import FixedClock, MemoryStore, Story, deliver, notifier_of
from tests.bot.test_notifier import Died, Mortal
from tests.handlers.test_digest import big, told
from tests.upgrade.snapshots import k8s
from tests.upgrade.test_digest import FRANKFURT, digest, facts
from upgrade.digest import Digest, DigestTime, Offer
from upgrade.digesting import DIGEST, offers_told
from upgrade.errors import TemporaryError, UpgradeError

#: A Sunday, the evening before the digest of 2026-W48.
SUNDAY = datetime(2026, 11, 22, 21, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Posted:
    channel: str
    thread: str | None
    payload: dict[str, str]
    message: Message


@dataclass
class FakeSlack:
    """What a digest needs of Slack. ``out``: out of reach; ``lost``: it takes what it does not answer."""

    posted: list[Posted] = field(default_factory=list)
    out: bool = False
    lost: bool = False

    def channel_id(self, name: str) -> str:
        return name

    def post(
        self, channel: str, message: Message, *, payload: dict[str, str], thread: str | None, broadcast: bool
    ) -> tuple[str, str]:
        if self.out:
            raise SlackUnreachable("timeout")
        self.posted.append(Posted(channel, thread, payload, message))
        if self.lost:
            raise SlackUnreachable("reset")
        return channel, str(len(self.posted))

    def find(self, channel: str, payload: dict[str, str], *, thread: str | None) -> str | None:
        if self.out:
            raise SlackUnreachable("timeout")
        found = (number for number, one in enumerate(self.posted, start=1) if one.payload == payload)
        return next((str(number) for number in found), None)

    @property
    def weeks(self) -> list[str]:
        return [one.payload["key"] for one in self.posted]


@dataclass
class FakeReader:
    """Makes digests when it is told to, as a worker thread would: at once, later, or never."""

    made: Callable[[], Digest | UpgradeError] = lambda: digest(facts("prod-eu", 10))
    at_once: bool = True
    asked: list[str] = field(default_factory=list)
    waiting: list[Callable[[], None]] = field(default_factory=list)

    def digest(self, reply: Callable[[Digest | UpgradeError], None], week: str | None = None) -> None:
        self.asked.append(week or "")
        self.waiting.append(lambda: reply(self.made()))
        if self.at_once:
            self.go_on()

    def go_on(self) -> None:
        while self.waiting:
            self.waiting.pop(0)()


@dataclass
class Bot:
    """A process: what it remembers dies with it; the store, Slack and the clock do not."""

    slack: Any
    store: Any
    clock: FixedClock
    reader: FakeReader = field(default_factory=FakeReader)
    machine: list[float] = field(default_factory=lambda: [0.0])

    def __post_init__(self) -> None:
        pacing = Pacing(lambda: self.machine[0])
        self.outbox = Outbox(self.store, cast("SlackCalls", self.slack), pacing)
        self.digests = Digests(
            self.reader, self.store, self.clock, DigestTime(), ("#ops", "#all"), machine=lambda: self.machine[0]
        )

    def look(self) -> float | None:
        """One pass; real time goes on until it may go on."""
        self.machine[0] += 30
        try:
            return self.digests.deliver(self.outbox)
        except SlackUnreachable:
            return None

    def settle(self) -> None:
        for _ in range(30):
            if self.look() is None:
                return
        raise AssertionError("the digest does not come to an end")


@pytest.fixture
def bot() -> Bot:
    """It first ran on Sunday."""
    bot = Bot(FakeSlack(), MemoryStore(), FixedClock(SUNDAY))
    bot.settle()
    assert bot.slack.weeks == []
    return bot


def restarted(bot: Bot) -> Bot:
    return Bot(bot.slack, bot.store, bot.clock)


# -- exactly once -----------------------------------------------------------------------------------------------------


def test_it_comes_at_its_hour_and_once(bot: Bot) -> None:
    bot.clock.time = MONDAY - timedelta(seconds=1)
    bot.settle()
    assert bot.slack.weeks == []
    bot.clock.time = MONDAY
    for one in (bot, bot, restarted(bot)):
        one.settle()
        assert bot.slack.weeks == ["2026-W48"]
    assert bot.slack.posted[0].channel == "#ops"
    assert "prod-eu 1.34" in told(bot.slack.posted[0].message)


def test_a_bot_that_was_down_tells_it_in_the_same_week_and_not_in_the_next(bot: Bot) -> None:
    bot.clock.time = MONDAY + timedelta(days=6, hours=14, minutes=59)
    restarted(bot).settle()
    assert bot.slack.weeks == ["2026-W48"]
    bot.clock.time = MONDAY + timedelta(days=21, hours=-1)
    restarted(bot).settle()
    assert bot.slack.weeks == ["2026-W48"], "W49 and W50 are over"


def test_a_new_bot_waits_for_its_first_monday() -> None:
    bot = Bot(FakeSlack(), MemoryStore(), FixedClock(MONDAY + timedelta(days=1)))
    bot.settle()
    assert bot.slack.weeks == []
    bot.clock.time = MONDAY + timedelta(days=7)
    restarted(bot).settle()
    assert bot.slack.weeks == ["2026-W49"]


def test_a_bot_that_first_ran_on_a_wrong_clock_does_not_wait_for_that_year() -> None:
    bot = Bot(FakeSlack(), MemoryStore(), FixedClock(MONDAY.replace(year=2040)))
    bot.settle()
    bot.clock.time = SUNDAY
    restarted(bot).settle()
    bot.clock.time = MONDAY
    restarted(bot).settle()
    assert bot.slack.weeks == ["2026-W48"]


def test_what_slack_took_without_an_answer_is_found_again(bot: Bot) -> None:
    bot.clock.time = MONDAY
    bot.slack.lost = True
    bot.settle()
    bot.slack.lost = False
    restarted(bot).settle()
    assert bot.slack.weeks == ["2026-W48"]


def test_an_outage_is_waited_out_within_the_week(bot: Bot) -> None:
    bot.clock.time = MONDAY
    bot.slack.out = True
    bot.settle()
    bot.clock.time += timedelta(days=2)
    bot.slack.out = False
    bot.settle()
    assert bot.slack.weeks == ["2026-W48"]
    assert bot.reader.asked == ["2026-W48"]


MOVES = st.lists(
    st.one_of(
        st.floats(0.1, 20).map(lambda days: ("goes on", days)),
        st.floats(-20, -0.1).map(lambda days: ("jumps back", days)),
        st.sampled_from(
            [("dies", 0.0), ("is out", 0.0), ("is back", 0.0), ("loses answers", 0.0), ("reads slowly", 0.0)]
        ),
        st.integers(1, 8).map(lambda calls: ("dies after", float(calls))),
    ),
    max_size=25,
)


@given(MOVES)
def test_whatever_happens_each_week_is_told_once(moves: list[tuple[str, float]]) -> None:
    """Clocks that jump, processes that die at any boundary, a Slack that comes and goes."""
    slack, store, clock = FakeSlack(), MemoryStore(), FixedClock(SUNDAY)
    alive = Bot(slack, store, clock)
    alive.settle()
    wanted: set[str] = set()
    for move, amount in moves:
        slack.lost = move == "loses answers"
        if move == "dies":
            alive = Bot(slack, store, clock)
        elif move == "dies after":
            alive = mortal(slack, store, clock, int(amount))
        elif move in ("is out", "is back"):
            slack.out = move == "is out"
        elif move == "reads slowly":
            alive.reader.at_once = False
        clock.time += timedelta(days=amount if move in ("goes on", "jumps back") else 0)
        try:
            alive.settle()
            alive.reader.go_on()
            alive.reader.at_once = True
            alive.settle()
        except Died:
            alive = Bot(slack, store, clock)
            alive.settle()
        since = datetime.fromisoformat(store.rows[DIGEST, "digest-since", ""].ts or "")
        due = DigestTime().week_due(clock.time, since)
        wanted |= {due} if due and not slack.out else set()
        assert due is None or slack.out or due in slack.weeks
        assert len(slack.weeks) == len(set(slack.weeks)), "twice"
    assert wanted <= set(slack.weeks)


def mortal(slack: FakeSlack, store: MemoryStore, clock: FixedClock, dies_at: int) -> Bot:
    count = [0]
    return Bot(Mortal(slack, ("post", "find"), count, dies_at), Mortal(store, ("save_message",), count, dies_at), clock)


# -- what is in it ----------------------------------------------------------------------------------------------------


def test_a_long_one_goes_on_in_its_thread_and_a_crash_repeats_no_part_of_it() -> None:
    def parts(dies_at: int) -> tuple[list[str], int]:
        slack, store, clock = FakeSlack(), MemoryStore(), FixedClock(SUNDAY)
        Bot(slack, store, clock).settle()
        clock.time = MONDAY
        bot = mortal(slack, store, clock, dies_at)
        bot.reader.made = lambda: big(120)
        try:
            bot.settle()
        except Died:
            bot = Bot(slack, store, clock)
            bot.reader.made = lambda: big(120)
            bot.settle()
        assert [one.thread for one in slack.posted] == [None] + ["1"] * (len(slack.posted) - 1)
        assert {one.channel for one in slack.posted} == {"#ops"}
        asked = len(bot.reader.asked)
        later = Bot(slack, store, clock)
        later.settle()
        assert later.reader.asked == [], "nobody looks at clusters again for a digest that is told"
        return slack.weeks, asked

    whole, _ = parts(0)
    assert whole[:3] == ["2026-W48", "2026-W48/2", "2026-W48/3"]
    for dies_at in range(1, 4 * len(whole)):
        assert parts(dies_at)[0] == whole


def test_what_is_new_is_new_in_one_digest_also_when_it_had_to_be_made_twice(bot: Bot) -> None:
    def made(*offers: str) -> Callable[[], Digest]:
        return lambda: digest(facts(offers=offers), told=offers_told(bot.store.messages(DIGEST)), week=week)

    week, bot.clock.time = "2026-W48", MONDAY
    bot.reader.made = made("1.35")
    bot.settle()
    week, bot.clock.time = "2026-W49", MONDAY + timedelta(days=7)
    bot.slack.out, bot.reader.made = True, made("1.35", "1.36")
    bot.settle()
    assert Offer(FRANKFURT, k8s("1.36")) in offers_told(bot.store.messages(DIGEST))
    bot.slack.out, again = False, restarted(bot)
    again.reader.made = made("1.35", "1.36")
    again.settle()
    week, bot.clock.time = "2026-W50", MONDAY + timedelta(days=14)
    again.settle()
    assert ["newly offers" in told(one.message) for one in bot.slack.posted] == [False, True, False]


def test_one_that_could_not_be_made_is_tried_again_after_a_while(bot: Bot) -> None:
    bot.clock.time = MONDAY
    bot.reader.made = lambda: TemporaryError("The database is busy.")
    bot.look()
    bot.look()
    assert bot.reader.asked == ["2026-W48"]
    bot.reader.made = lambda: digest(facts("prod-eu", 10))
    bot.look()
    bot.settle()
    assert bot.slack.weeks == ["2026-W48"]


def test_a_reading_that_comes_when_another_week_is_due_is_let_go(bot: Bot) -> None:
    bot.reader.at_once = False
    bot.clock.time = MONDAY
    bot.settle()
    bot.clock.time += timedelta(days=7)
    bot.settle()
    first, second = bot.reader.waiting
    bot.reader.waiting.clear()
    second()
    first()
    bot.settle()
    assert bot.slack.weeks == ["2026-W49"]


# -- with the notifier, in Slack --------------------------------------------------------------------------------------


def test_the_notifier_posts_it_where_the_bot_may_speak(face: Any, story: Story) -> None:
    clock, store = FixedClock(SUNDAY), story.store
    digests = Digests(FakeReader(lambda: big(60)), store, clock, DigestTime(), ("#nowhere", "#ops"))
    deliver(notifier_of(face, story, clock=clock, digests=digests))
    clock.time = MONDAY
    notifier = notifier_of(face, story, clock=clock, digests=digests)
    deliver(notifier)
    (top,) = [one for one in face.workspace.messages("ops") if one.by_bot and not one.is_reply]
    assert top.text.startswith("Upgrade digest: 60 clusters")
    assert [one.text for one in face.workspace.thread("ops", top.ts)][1:] == ["Upgrade digest: 60 clusters, continued"]
    restarted_digests = Digests(FakeReader(), store, clock, DigestTime(), ("#ops",))
    deliver(notifier_of(face, story, clock=clock, digests=restarted_digests))
    assert len([one for one in face.workspace.messages("ops") if one.by_bot]) == 2
