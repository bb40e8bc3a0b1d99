"""A year on the scaled clock: what is due comes once and at its instant, whatever goes down and whenever.

What had to be told is worked out here from the starts that were set and the times at which the bot was down, in other
words than the bot's own.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, time, timedelta
from functools import partial
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bot.notices import NOTICE, REPLY
from tests.bot.year import CHANGES, DAY, END, HOUR, LEADS, MINUTE, NOTICES, TICK, ZONES, Maintenance, Year, digests_due
from upgrade.digest import DigestTime
from upgrade.digesting import DIGEST
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus, UpgradeRun
from upgrade.store.sqlite import SqliteStore

SHORT = {7 * DAY: "168h", DAY: "24h", HOUR: "1h"}
GRACE = 15 * MINUTE
#: How long before its start a run looks at its cluster again.
LOOKS = (DAY, 2 * HOUR)
#: The weekday and hour of the digest, in Berlin; the first is skipped once and shown twice once.
DIGESTS = ((6, 2, 30), (0, 9, 0))
#: A pass may still be busy that much later, when it dies.
BUSY = 3 * TICK
FOR_EVER = END + 365 * DAY


class Held(NamedTuple):
    """A start, from when to when it stood, and the event that set it."""

    since: datetime
    start: datetime
    until: datetime
    seq: int
    ended_by: EventKind | None


SETS = (EventKind.RUN_SCHEDULED, EventKind.RUN_RESCHEDULED)
ENDS = (EventKind.RUN_STARTED, EventKind.START_MISSED, EventKind.ABORT_REQUESTED)
OVER = (EventKind.RUN_ABORTED, EventKind.RUN_EXPIRED)
TELLS = (EventKind.RUN_STARTED, EventKind.START_MISSED, EventKind.RUN_ABORTED, EventKind.RUN_EXPIRED)


def starts_of(events: tuple[UpgradeEvent, ...]) -> list[Held]:
    held: list[Held] = []
    for event in events:
        if held and held[-1].ended_by is None and event.kind in (*SETS, *ENDS):
            held[-1] = held[-1]._replace(until=event.at, ended_by=event.kind)
        if event.kind in SETS:
            held.append(Held(event.at, datetime.fromisoformat(event.data["start_at"]), FOR_EVER, event.seq, None))
    return held


class Judge:
    """Compares what was told in a year with what had to be."""

    def __init__(self, year: Year) -> None:
        self.year = year

    def chances(self, at: datetime) -> list[datetime]:
        """When the bot can have done what was due at ``at``: each time but the last it may have died over it."""
        chances = []
        for died_at, up_at in self.year.downs:
            if died_at > at + BUSY:
                break
            if up_at > at or died_at >= at:
                if died_at >= at:
                    chances.append(at)
                at = max(at, up_at)
        return [*chances, at]

    def told_once(self, what: object, told: list[datetime], at: datetime, until: datetime = FOR_EVER) -> None:
        """Once, at the first instant at which the bot was up; not at all when that is too late."""
        chances = self.chances(at)
        least = 1 if chances[-1] < until - BUSY else 0
        context = (what, told, at, until, chances)
        assert least <= len(told) <= 1, context
        for one in told:
            assert one < until + BUSY, context
            # What several maintenances tell at one instant goes out a message a second.
            assert any(-TICK <= one - chance <= BUSY for chance in chances), context

    def judge(self) -> None:
        for run_id in self.year.runs:
            self.judge_run(run_id)
        for cluster in self.year.clusters.values():
            runs = [run for run in map(self.year.store.load, self.year.runs) if run.cluster == cluster.snapshot.cluster]
            begun = [one for one in cluster.log if one[0] == "update_cluster_version"]
            assert len(begun) == sum("control-plane@1.35" in run.steps for run in runs)
        self.judge_digests()

    def judge_run(self, run_id: str) -> None:
        run, events = self.year.store.load(run_id), self.year.store.events(run_id)
        # Nobody could answer for a day, because the bot was down.
        expired = run.status is RunStatus.EXPIRED and any(up - down >= DAY for down, up in self.year.downs)
        assert run.status is RunStatus.ABORTED or expired, (run.id, run.status, events[-1])
        leads = LEADS[run.cluster.name.partition("-")[0]]
        held = starts_of(events)
        self.judge_starts(run, events, held)
        self.judge_looks(run_id, events, held)
        out = self.judge_notice(run, events, held)
        expected: dict[str, tuple[datetime, datetime]] = {}
        if out is not None:
            for number, one in enumerate(held):
                ahead = one.since if number and one.seq > out.seq else out.at
                for lead, after in pairwise((*leads, timedelta(0))):
                    if ahead < one.start - lead < one.until:
                        key = f"remind:{SHORT[lead]}@{one.start.isoformat()}"
                        expected[key] = one.start - lead, min(one.until, one.start - after)
                if number and one.seq > out.seq:
                    expected[f"event:{one.seq}"] = one.since, one.until
            for event in events:
                if event.kind in TELLS and event.seq > out.seq:
                    expected[f"event:{event.seq}"] = event.at, self.answered_at(event, events, held)
        self.judge_replies(run_id, expected)

    @staticmethod
    def answered_at(event: UpgradeEvent, events: tuple[UpgradeEvent, ...], held: list[Held]) -> datetime:
        """From when on nobody has to hear of it any more: of a missed start, once it was moved or given up."""
        if event.kind is not EventKind.START_MISSED:
            return FOR_EVER
        moved = [one.since for one in held if one.seq > event.seq]
        over = [one.at for one in events if one.seq > event.seq and one.kind in OVER]
        return min((*moved, *over), default=FOR_EVER)

    def judge_starts(self, run: UpgradeRun, events: tuple[UpgradeEvent, ...], held: list[Held]) -> None:
        """Begun at most once, in time, or asked about."""
        assert [event.kind for event in events].count(EventKind.RUN_STARTED) <= 1
        assert not {event.kind for event in events} & {EventKind.PLAN_CHANGED, EventKind.RUN_BLOCKED}
        for one in held:
            chances = self.chances(one.start)
            context = (run.id, run.cluster.name, one, chances)
            if one.ended_by is EventKind.RUN_STARTED:
                assert one.start <= one.until <= one.start + GRACE + TICK, context
                assert any(abs(one.until - chance) <= BUSY for chance in chances), context
            elif one.ended_by is EventKind.START_MISSED:
                assert chances[-1] > one.start + GRACE, context
            else:
                assert one.until < one.start + BUSY, context

    def judge_looks(self, run_id: str, events: tuple[UpgradeEvent, ...], held: list[Held]) -> None:
        """Each look ahead of a start once; of those that a move or a downtime passed over, one does for all."""
        looks = [one.at for one in events if one.kind is EventKind.CHECKS_FINISHED and "ahead" in one.data]
        due = 0
        for one in held:
            known = max([held[0].since, *(look for look in looks if look < one.since)])
            ahead = {max(one.start - lead, one.since) for lead in LOOKS if known < one.start - lead}
            for at, after in pairwise((*sorted(ahead), one.start)):
                until = min(one.until, after)
                if at < until:
                    taken = [look for look in looks if at <= look < until]
                    self.told_once((run_id, "look", at), taken, at, until)
                    due += len(taken)
        assert len(looks) == due, (run_id, looks, held)

    def judge_notice(self, run: UpgradeRun, events: tuple[UpgradeEvent, ...], held: list[Held]) -> UpgradeEvent | None:
        """Exactly one, in time for the longest lead of the first start that got so far, and before anything changes."""
        environment = run.cluster.name.partition("-")[0]
        longest = max((NOTICES[environment], *LEADS[environment]))
        told = [one.at for one in self.year.slack.told if (one.run, one.kind) == (run.id, NOTICE)]
        for one, after in zip_longest(held, held[1:]):
            due_at = max(one.since, one.start - longest)
            until = one.until
            if one.ended_by is EventKind.RUN_STARTED:
                until = FOR_EVER
            elif one.ended_by is EventKind.START_MISSED:
                until = after.since if after else min((e.at for e in events if e.kind in OVER), default=FOR_EVER)
            chances = self.chances(due_at)
            must = chances[-1] < until - BUSY
            if must or (told and chances[0] <= until and told[0] < until + BUSY):
                self.told_once((run.id, run.cluster.name, one), told, due_at, until)
                break
        else:
            assert told == [], (run.id, run.cluster.name, held)
        delivered = [event for event in events if event.kind is EventKind.NOTICE_DELIVERED]
        changes = [event.seq for event in events if event.kind is EventKind.UPDATE_STARTED]
        assert bool(delivered) <= bool(told)
        assert not changes or delivered[0].seq < changes[0]
        return delivered[0] if delivered else None

    def judge_replies(self, run_id: str, expected: dict[str, tuple[datetime, datetime]]) -> None:
        told = [one for one in self.year.slack.told if (one.run, one.kind) == (run_id, REPLY)]
        unexpected = {one.key for one in told} - expected.keys()
        assert not unexpected, (run_id, unexpected, expected)
        for key, (at, until) in expected.items():
            replies = [one for one in told if one.key == key]
            self.told_once((run_id, key), [one.at for one in replies], at, until)
            assert all(key.startswith("event:") is not one.text.startswith("🕒 Reminder") for one in replies)

    def judge_digests(self) -> None:
        told = [one for one in self.year.slack.told if one.kind == DIGEST]
        due = {
            f"{at.date().isocalendar()[0]}-W{at.date().isocalendar()[1]:02}": at for at in digests_due(self.year.digest)
        }
        assert {one.key for one in told} <= due.keys()
        zone = ZoneInfo(self.year.digest.time_zone)
        for week, at in due.items():
            monday = at.astimezone(zone).date() + timedelta(days=7 - self.year.digest.weekday)
            until = datetime(monday.year, monday.month, monday.day, tzinfo=zone).astimezone(UTC)
            self.told_once(week, [one.at for one in told if one.key == week], at, until)


# -- whatever happens -------------------------------------------------------------------------------------------------

# What comes first is what the simplest example has.
MOVES = st.sampled_from([9 * DAY, -20 * HOUR, 3 * DAY, timedelta(0)])
BEFORE = st.sampled_from([5 * DAY + 7 * MINUTE, None, 37 * MINUTE, 26 * HOUR + 7 * MINUTE])
NAPS = st.sampled_from([timedelta(0), timedelta(0), 5 * MINUTE, 50 * MINUTE, 26 * HOUR])
#: How long before which lead time of the last start that is wanted the bot goes down, and for how long.
SLEEPS = st.tuples(
    st.sampled_from([timedelta(0), 7 * DAY, DAY, 2 * HOUR, HOUR]),
    st.sampled_from([3 * MINUTE, 30 * MINUTE]),
    st.sampled_from([2 * HOUR, 10 * MINUTE, 40 * MINUTE, 30 * HOUR, 9 * DAY]),
)


@st.composite
def maintenances(draw: st.DrawFn) -> list[Maintenance]:
    """Around each change of summer time one of production, whose lead times lie on both sides of it, and another."""
    wanted = []
    for place, changes in CHANGES.items():
        for change in changes:
            start = change + draw(st.integers(0, 170)) * HOUR
            ahead = draw(st.integers(8, 14)) * DAY + 11 * MINUTE
            wanted.append(Maintenance("production", place, start, ahead, draw(BEFORE), draw(MOVES)))
            other = draw(st.sampled_from(["dev", "staging"]))
            start = change + draw(st.integers(-90, 90)) * MINUTE
            wanted.append(Maintenance(other, place, start, 8 * DAY + 17 * MINUTE, draw(BEFORE), draw(MOVES)))
    return wanted


class Wish(NamedTuple):
    """What happens in a year: what people want, when the bot goes down, after how many writes it dies, for how long."""

    wanted: list[Maintenance]
    sleeps: list[tuple[int, tuple[timedelta, timedelta, timedelta]]]
    lives: list[int]
    naps: list[timedelta]
    digest: tuple[int, int, int]


YEARS = st.builds(
    Wish,
    wanted=maintenances(),
    sleeps=st.lists(st.tuples(st.integers(0, 7), SLEEPS), min_size=2, max_size=5),
    lives=st.lists(st.integers(1, 80), min_size=4, max_size=12),
    naps=st.lists(NAPS, min_size=12, max_size=12),
    digest=st.sampled_from(DIGESTS),
)
#: To shrink a year takes too long.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(max_examples=2, phases=PHASES)
@given(YEARS)
def test_each_lead_time_and_start_and_digest_of_a_year_comes_once_and_at_its_instant(wish: Wish) -> None:
    judge_a_year(wish)


@pytest.mark.campaign
@pytest.mark.parametrize("share", range(4))
@settings(max_examples=25, derandomize=False, phases=PHASES)
@given(YEARS)
def test_so_it_is_in_a_hundred_years(share: int, wish: Wish) -> None:
    """Others each time."""
    judge_a_year(wish)


def judge_a_year(wish: Wish) -> None:
    weekday, hour, minute = wish.digest
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "bot.db")
        due = DigestTime(weekday=weekday, at=time(hour, minute), time_zone=ZONES["eu"])
        year = Year(store, due, list(wish.lives), list(wish.naps))
        for one in wish.wanted:
            year.at(one.start - one.ahead, partial(year.begin, one))
        for number, (lead, before, lasts) in wish.sleeps:
            year.at(wish.wanted[number].last_start - lead - before, partial(year.goes_down, lasts))
        year.live()
        Judge(year).judge()
        store.close()
