"""What the weekly digest says of clusters, and when it is due."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.upgrade.snapshots import k8s
from upgrade.digest import WITHIN, Digest, DigestTime, Offer, digest_of
from upgrade.eks import ClusterId, OfferedVersion
from upgrade.fleet import ClusterFacts
from upgrade.support import EXTENDED_COST_A_MONTH, Support

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
FRANKFURT, VIRGINIA = "eu-central-1", "us-east-1"


def cluster(name: str, region: str = FRANKFURT, account: str = "111122223333") -> ClusterId:
    return ClusterId(account=account, region=region, name=name)


def facts(
    name: str = "prod-eu",
    left: float | None = 400,
    *,
    version: str = "1.34",
    extended: bool = True,
    offers: tuple[str, ...] = (),
    region: str = FRANKFURT,
) -> ClusterFacts:
    """Facts of a cluster whose standard support ends in so many days; None: EKS does not list its version."""
    support = None
    if left is not None:
        ends_at = NOW + timedelta(days=left)
        support = Support(
            version=k8s(version),
            extended=extended,
            standard_ends_at=ends_at,
            extended_ends_at=ends_at + timedelta(days=365),
        )
    offered = tuple(OfferedVersion(version=k8s(one), status="STANDARD_SUPPORT") for one in offers)
    return ClusterFacts(cluster=cluster(name, region), version=k8s(version), support=support, offers=offered)


def failed(name: str, account: str = "444455556666", reason: str = "Not allowed.") -> ClusterFacts:
    return ClusterFacts(cluster=cluster(name, account=account), problem=reason)


def digest(*read: ClusterFacts, told: dict[Offer, str] | None = None, week: str = "2026-W48") -> Digest:
    return digest_of(read, NOW, told=told or {}, week=week)


# -- support and what it costs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "within"),
    [(0.5, 30), (30, 30), (30.1, 60), (60, 60), (61, 90), (90, 90), (91, 180), (180, 180), (0, 365), (-1, 365)],
)
def test_support_that_ends_is_told_by_how_many_days_are_left(left: float, within: int) -> None:
    found = digest(facts(left=left, extended=True))
    if within == 365:  # over: extended support has begun, and ends in a year
        assert [(line.within, line.cost) for line in found.lines] == [(None, EXTENDED_COST_A_MONTH)]
    else:
        assert [(line.within, line.cost) for line in found.lines] == [(within, 0)]


def test_a_cluster_with_time_left_is_not_worth_a_word() -> None:
    found = digest(facts(left=180.5))
    assert found.lines == ()
    assert found.clusters == 1


def test_without_extended_support_the_end_is_the_end_and_costs_nothing() -> None:
    (line,) = digest(facts(left=-3, extended=False)).lines
    assert (line.within, line.cost) == (0, 0)


def test_extended_support_that_ends_soon_costs_and_ends() -> None:
    (line,) = digest(facts(left=20 - 365)).lines
    assert (line.within, line.cost) == (30, EXTENDED_COST_A_MONTH)


def test_the_fleet_costs_what_its_clusters_cost_together() -> None:
    found = digest(facts("a", -10), facts("b", -20), facts("c", 100), facts("d", 300))
    assert found.cost == 2 * EXTENDED_COST_A_MONTH


def test_the_most_urgent_comes_first_and_the_unknown_before_it() -> None:
    found = digest(facts("later", 80), facts("soon", 3), facts("paying", -30), facts("unlisted", None))
    assert [line.cluster.name for line in found.lines] == ["unlisted", "soon", "later", "paying"]


# -- what could not be read -------------------------------------------------------------------------------------------


def test_clusters_that_cannot_be_read_are_named_by_account_and_keep_nothing_back() -> None:
    found = digest(failed("b"), facts("a", 10), failed("a", reason="No role."), failed("x", "777788889999"))
    assert [line.cluster.name for line in found.lines] == ["a"]
    assert [(one.account, one.clusters, one.reason) for one in found.unread] == [
        ("444455556666", ("a", "b"), "No role."),
        ("777788889999", ("x",), "Not allowed."),
    ]


def test_what_was_known_of_a_cluster_that_cannot_be_read_now_still_counts() -> None:
    found = digest(facts(left=10).model_copy(update={"problem": "Timeout."}))
    assert [line.within for line in found.lines] == [30]
    assert [one.clusters for one in found.unread] == [("prod-eu",)]


def test_a_version_that_a_run_saw_is_not_called_unlisted_because_nobody_could_ask() -> None:
    found = digest(facts(left=None).model_copy(update={"problem": "Timeout."}))
    assert found.lines == ()
    assert len(found.unread) == 1


# -- what is newly offered --------------------------------------------------------------------------------------------


def test_what_is_offered_when_a_region_is_first_seen_is_not_new() -> None:
    found = digest(facts(offers=("1.35",)))
    assert found.newly == ()
    assert found.newest == (Offer(FRANKFURT, k8s("1.35")),)


def test_a_version_is_new_in_one_digest_and_in_each_making_of_it() -> None:
    known = {Offer(FRANKFURT, k8s("1.34")): "2026-W47"}
    fresh = Offer(FRANKFURT, k8s("1.35"))
    found = digest(facts(offers=("1.35",)), told=known)
    assert found.newly == (fresh,)
    assert [line.newly for line in found.lines] == [(k8s("1.35"),)]
    made_again = digest(facts(offers=("1.35",)), told={**known, fresh: "2026-W48"})
    assert made_again.newly == (fresh,)
    assert digest(facts(offers=("1.35",)), told={**known, fresh: "2026-W48"}, week="2026-W49").newly == ()


def test_a_first_digest_that_died_half_written_calls_nothing_new() -> None:
    told = {Offer(FRANKFURT, k8s("1.34")): "2026-W48"}
    assert digest(facts(offers=("1.35",)), told=told).newly == ()


def test_an_old_cluster_that_was_added_makes_no_old_version_new() -> None:
    told = {Offer(FRANKFURT, k8s("1.36")): "2026-W47"}
    found = digest(facts("old", version="1.31", offers=("1.32", "1.33", "1.34", "1.35", "1.36")), told=told)
    assert found.newly == ()


def test_where_every_cluster_has_the_newest_version_the_next_one_is_new_all_the_same() -> None:
    before = digest(facts(version="1.36"))
    told = dict.fromkeys(before.newest, "2026-W47")
    assert digest(facts(version="1.36", offers=("1.37",)), told=told).newly == (Offer(FRANKFURT, k8s("1.37")),)


def test_a_version_is_new_in_the_region_that_has_it() -> None:
    told = {Offer(FRANKFURT, k8s("1.34")): "2026-W47", Offer(VIRGINIA, k8s("1.34")): "2026-W47"}
    found = digest(facts("eu", offers=("1.35",)), facts("us", region=VIRGINIA), told=told)
    assert [(line.cluster.name, line.newly) for line in found.lines] == [("eu", (k8s("1.35"),))]


# -- when it is due ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "week"),
    [
        ("2026-11-22T23:59:59", "2026-W47"),
        ("2026-11-23T00:00:00", None),
        ("2026-11-23T08:59:59", None),
        ("2026-11-23T09:00:00", "2026-W48"),
        ("2026-11-29T23:59:59", "2026-W48"),
        ("2026-11-30T08:59:59", None),
        ("2026-12-28T09:00:00", "2026-W53"),
        ("2027-01-03T12:00:00", "2026-W53"),
        ("2027-01-04T09:00:00", "2027-W01"),
    ],
)
def test_it_is_due_from_its_hour_to_the_end_of_its_week(now: str, week: str | None) -> None:
    assert DigestTime().week_due(datetime.fromisoformat(now).replace(tzinfo=UTC), LONG_AGO) == week


def test_its_day_and_hour_are_those_of_its_time_zone() -> None:
    berlin = DigestTime(weekday=6, at=time(23, 30), time_zone="Europe/Berlin")
    assert berlin.week_due(datetime(2026, 11, 29, 22, 29, tzinfo=UTC), LONG_AGO) is None
    assert berlin.week_due(datetime(2026, 11, 29, 22, 30, tzinfo=UTC), LONG_AGO) == "2026-W48"
    assert berlin.week_due(datetime(2026, 11, 29, 23, 0, tzinfo=UTC), LONG_AGO) is None, "Monday in Berlin"


def test_an_hour_that_summer_time_skips_is_the_instant_of_the_skip() -> None:
    berlin = DigestTime(weekday=6, at=time(2, 30), time_zone="Europe/Berlin")
    assert berlin.week_due(datetime(2027, 3, 28, 0, 59, tzinfo=UTC), LONG_AGO) is None
    assert berlin.week_due(datetime(2027, 3, 28, 1, 0, tzinfo=UTC), LONG_AGO) == "2027-W12"


def test_a_new_bot_does_not_make_up_for_what_was_due_before_it() -> None:
    assert DigestTime().week_due(NOW + timedelta(days=2), since=NOW + timedelta(days=1)) is None
    assert DigestTime().week_due(NOW + timedelta(days=7), since=NOW + timedelta(days=1)) == "2026-W49"


@given(
    st.integers(0, 6),
    st.times(),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kathmandu"]),
    st.dates(date(2025, 1, 1), date(2028, 1, 1)),
)
def test_each_week_has_one_stretch_in_which_it_is_due(day: int, at: time, zone: str, start: date) -> None:
    """Hour by hour through five weeks: no week twice, none left out that was there whole."""
    due = DigestTime(weekday=day, at=at, time_zone=zone)
    midnight = datetime.combine(start, time(0), UTC)
    hours = [midnight + timedelta(hours=step) for step in range(5 * 7 * 24)]
    seen = [week for hour in hours if (week := due.week_due(hour, LONG_AGO))]
    weeks = list(dict.fromkeys(seen))
    assert seen == sorted(seen)
    assert len(weeks) >= 4 or (day, at.hour) >= (6, 22), "looking once an hour may miss the end of a Sunday"


def test_within_rises() -> None:
    assert sorted(WITHIN) == list(WITHIN)
