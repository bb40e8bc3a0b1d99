"""A waiver says who, why and until when; once its last day is over, its finding counts again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from tests.upgrade.fakes import ManualClock, cluster_named
from tests.upgrade.runs import NOW, make_finding, make_plan, make_report, make_run
from tests.upgrade.snapshots import pdb
from tests.upgrade.story import Story
from upgrade.audit import audit
from upgrade.engine.advance import advance
from upgrade.engine.approvals import waivers_in_force
from upgrade.engine.signals import ChecksFinished, WaiverGiven
from upgrade.errors import NotNow
from upgrade.events import EventKind
from upgrade.findings import Finding
from upgrade.plan import Waiver
from upgrade.run import RunStatus

TODAY = NOW.date()
WAIVER = Waiver(code="POD001", subject="shop/web", by="U-A", reason="known")


def until(day: date | None) -> Waiver:
    return WAIVER.model_copy(update={"until": day})


@pytest.mark.parametrize(
    ("zone", "now", "counts"),
    [
        ("UTC", datetime(2026, 3, 3, 23, 59, tzinfo=UTC), True),
        ("UTC", datetime(2026, 3, 4, 0, 0, tzinfo=UTC), False),
        ("Pacific/Kiritimati", datetime(2026, 3, 3, 10, 0, tzinfo=UTC), False),
        ("America/Los_Angeles", datetime(2026, 3, 4, 7, 59, tzinfo=UTC), True),
        ("America/Los_Angeles", datetime(2026, 3, 4, 8, 0, tzinfo=UTC), False),
    ],
)
def test_the_last_day_is_the_clusters(zone: str, now: datetime, counts: bool) -> None:
    run = make_run(RunStatus.BLOCKED, waivers=(until(date(2026, 3, 3)),), time_zone=zone)
    assert bool(waivers_in_force(run, now)) is counts


def test_without_a_last_day_it_counts_as_long_as_the_run_goes_on() -> None:
    assert waivers_in_force(make_run(RunStatus.BLOCKED, waivers=(WAIVER,)), NOW + timedelta(days=999)) == (WAIVER,)


def test_the_digest_covers_the_last_day_and_is_as_it_was_without_one() -> None:
    digests = [make_plan(waivers=(until(day),)).digest for day in (None, TODAY, TODAY + timedelta(days=1))]
    assert len(set(digests)) == 3
    assert until(None).pins == ["POD001", "shop/web", "U-A", "known"]


def test_a_check_forgets_what_has_expired_and_tells_it() -> None:
    finding = make_finding(waivable=True)
    old, good = until(TODAY - timedelta(days=1)), until(TODAY).model_copy(update={"subject": "shop/api"})
    run = make_run(RunStatus.CHECKING, waivers=(old, good))
    signal = ChecksFinished(report=make_report(finding), plan=make_plan(waivers=(good,)), stopping=(finding,))
    run, events = advance(run, signal, NOW)
    assert run.waivers == (good,)
    assert [event.data for event in events if event.kind is EventKind.WAIVER_EXPIRED] == [
        {"code": "POD001", "subject": "shop/web", "until": "2026-03-02"}
    ]
    assert run.status is RunStatus.BLOCKED


def test_what_has_expired_can_be_waived_again() -> None:
    run = make_run(RunStatus.BLOCKED, waivers=(until(TODAY - timedelta(days=1)),))
    again = WaiverGiven(code="POD001", subject="shop/web", reason="still", until=TODAY, actor="U-B")
    run, events = advance(run, again, NOW)
    assert [(one.by, one.reason, one.until) for one in run.waivers] == [("U-B", "still", TODAY)]
    assert [event.kind for event in events] == [EventKind.WAIVER_EXPIRED, EventKind.WAIVER_GIVEN]
    (decision,) = audit(events).decisions
    assert (decision.actor, decision.what, decision.subject, decision.reason, decision.until) == (
        "U-B",
        "waived",
        "POD001 shop/web",
        "still",
        TODAY,
    )


@pytest.fixture
def tale(tmp_path: Path) -> Iterator[Story]:
    clock = ManualClock()
    tale = Story(tmp_path, clock, cluster_named(clock, "prod-eu"))
    yield tale
    tale.store.close()


def stopped_at_the_nodes(tale: Story) -> Finding:
    """A run that stands before its node phase at a budget that allows nothing."""
    tale.cluster.facts(pdbs=(pdb("shop", "web", max_unavailable=0, disruptions_allowed=0),))
    tale.to_running("1.35")
    run = tale.until(RunStatus.PAUSED)
    assert run.report is not None
    return next(one for one in run.report.blockers if "nodes" in one.stops and one.waivable)


def test_an_approval_after_the_last_day_does_not_let_the_finding_pass(tale: Story) -> None:
    finding = stopped_at_the_nodes(tale)
    today = tale.clock.now().date()
    tale.ask("waive", code=finding.code, subject=finding.subject, reason="tonight only", until=today)
    assert tale.once().status is RunStatus.AWAITING_APPROVAL
    tale.clock.time += timedelta(days=2)
    tale.approve()
    run = tale.until(RunStatus.PAUSED)
    assert finding.code in run.pause_reasons[0]
    assert tale.of(EventKind.WAIVER_EXPIRED)[0].data["until"] == today.isoformat()
    assert run.waivers == ()
    tale.ask("waive", code=finding.code, subject=finding.subject, reason="for good")
    assert tale.once().status is RunStatus.AWAITING_APPROVAL
    tale.approve()
    tale.until(RunStatus.SUCCEEDED)


def test_a_day_that_is_over_is_refused_and_nothing_is_written(tale: Story) -> None:
    finding = stopped_at_the_nodes(tale)
    yesterday = tale.clock.now().date() - timedelta(days=1)
    with pytest.raises(NotNow, match=f"{yesterday} is over"):
        tale.ask("waive", code=finding.code, subject=finding.subject, reason="x", until=yesterday)
    assert tale.store.inbox(tale.run_id) == ()
