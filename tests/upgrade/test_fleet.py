"""What is known of every cluster: read now and then, kept over a restart, never lost because a look fails."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.patience import wait_for
from tests.upgrade.fakes import FakeCluster, ManualClock
from tests.upgrade.snapshots import TAKEN_AT, healthy_snapshot, k8s
from tests.upgrade.story import Story
from upgrade.eks import OfferedVersion
from upgrade.errors import RunInProgress, TargetNotOffered, TemporaryError
from upgrade.facts import known
from upgrade.findings import Readiness, Report
from upgrade.fleet import ClusterFacts
from upgrade.plan import Scope
from upgrade.run import RunStatus, VersionSeen
from upgrade.support import EXTENDED_COST_A_MONTH, Support

HALF_AN_HOUR = timedelta(minutes=30)
ENDS_AT = TAKEN_AT + timedelta(days=59, hours=12)


def offered(standard_ends_at: datetime = ENDS_AT) -> tuple[OfferedVersion, ...]:
    return tuple(
        OfferedVersion(
            version=k8s(version),
            status=status,
            standard_support_ends_at=standard_ends_at,
            extended_support_ends_at=standard_ends_at + timedelta(days=365),
        )
        for version, status in (("1.36", "STANDARD_SUPPORT"), ("1.34", "STANDARD_SUPPORT"), ("1.37", "UNSUPPORTED"))
    )


@pytest.fixture
def tale(tmp_path: Path) -> Story:
    clock = ManualClock()
    return Story(tmp_path, clock, FakeCluster(clock, healthy_snapshot("1.34", offered_versions=known(offered()))))


def facts_of(tale: Story) -> ClusterFacts:
    (only,) = tale.service.fleet()
    return only


def test_a_cluster_that_nobody_looked_at_is_known_by_name_only_and_due(tale: Story) -> None:
    assert facts_of(tale) == ClusterFacts(cluster=tale.configured.id)
    assert tale.service.due_looks(HALF_AN_HOUR) == (tale.configured.id,)


def test_a_look_reads_version_support_and_offers_and_survives_a_restart(tale: Story) -> None:
    tale.service.look_at(tale.configured.id)
    tale.awake()
    facts = facts_of(tale)
    assert (facts.version, facts.seen_at, facts.problem) == (k8s("1.34"), TAKEN_AT, "")
    assert [one.version for one in facts.offers] == [k8s("1.36")], "what EKS does not support is no offer"
    assert facts.support_left(TAKEN_AT) == timedelta(days=59, hours=12)
    assert tale.service.due_looks(HALF_AN_HOUR) == ()
    tale.clock.pass_(minutes=30)
    assert tale.service.due_looks(HALF_AN_HOUR) == (tale.configured.id,)


def test_the_version_seen_is_the_newer_of_what_a_look_and_a_run_saw(tale: Story) -> None:
    tale.cluster.snapshot = healthy_snapshot("1.34")
    cluster = tale.configured.id
    assert tale.service.versions_seen() == {}
    tale.service.look_at(cluster)
    tale.clock.pass_(minutes=5)
    assert tale.service.versions_seen()[cluster] == VersionSeen(version=k8s("1.34"), age=timedelta(minutes=5))
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    seen = tale.service.versions_seen()[cluster]
    assert seen.age < timedelta(minutes=5), "the run looked after the look"
    tale.clock.pass_(minutes=30)
    tale.cluster.change_plane(version=k8s("1.35"))
    tale.service.look_at(cluster)
    assert tale.service.versions_seen()[cluster] == VersionSeen(version=k8s("1.35"), age=timedelta(0))


def test_a_look_that_fails_keeps_what_was_known_and_says_since_when(tale: Story) -> None:
    tale.service.look_at(tale.configured.id)
    tale.clock.pass_(minutes=30)
    failed_at = tale.clock.now()
    for _ in range(2):
        tale.cluster.raises["describe_cluster"] = [TemporaryError("AWS did not answer.")]
        tale.service.look_at(tale.configured.id)
        tale.clock.pass_(minutes=30)
    facts = facts_of(tale)
    assert (facts.version, facts.seen_at) == (k8s("1.34"), TAKEN_AT)
    assert (facts.problem, facts.problem_since) == ("AWS did not answer.", failed_at)
    tale.service.look_at(tale.configured.id)
    assert (facts_of(tale).problem, facts_of(tale).problem_since) == ("", None)


def test_a_run_that_moves_the_control_plane_makes_the_next_look_due(tale: Story) -> None:
    tale.cluster.snapshot = healthy_snapshot("1.34")
    tale.service.look_at(tale.configured.id)
    tale.to_running("1.35")
    tale.until(RunStatus.SUCCEEDED)
    facts = facts_of(tale)
    assert (facts.version, facts.support) == (k8s("1.35"), None), "dates of the old version are nobody's"
    assert facts.verdict is not None
    assert facts.verdict.readiness is Readiness.READY
    assert tale.service.due_looks(timedelta(days=365)) == (tale.configured.id,)


def test_what_a_check_came_to_is_remembered(tale: Story) -> None:
    answers: list[object] = []
    tale.service.start_engine()
    try:
        tale.service.check(tale.request("1.35"), answers.append)
        wait_for(lambda: answers)
    finally:
        tale.service.stop_engine()
    tale.awake()
    (report,) = answers
    assert isinstance(report, Report)
    verdict = facts_of(tale).verdict
    assert verdict is not None
    assert (verdict.target, verdict.blockers, verdict.at) == (k8s("1.35"), len(report.blockers), TAKEN_AT)
    assert verdict.readiness is report.readiness()


@pytest.mark.parametrize(
    ("extended", "days", "ends_in", "cost"),
    [
        pytest.param(True, -1, 365, 0, id="standard support lasts"),
        pytest.param(True, 0, 365, EXTENDED_COST_A_MONTH, id="extended support begins with the end of standard"),
        pytest.param(False, 10, -10, 0, id="a cluster that does not stay is never charged"),
    ],
)
def test_support_ends_with_what_holds_now(extended: bool, days: int, ends_in: int, cost: int) -> None:
    now = ENDS_AT + timedelta(days=days)
    support = Support(
        version=k8s("1.34"),
        extended=extended,
        standard_ends_at=ENDS_AT,
        extended_ends_at=ENDS_AT + timedelta(days=365),
    )
    facts = ClusterFacts(cluster=healthy_snapshot().cluster, support=support)
    assert facts.extended_cost_a_month(now) == cost
    expected = 1 if days < 0 else ends_in
    assert facts.support_left(now) == timedelta(days=expected)


def test_facts_that_another_version_wrote_are_read_anew(tale: Story) -> None:
    tale.service.look_at(tale.configured.id)
    with tale.store._writing(1.0) as db:
        db.execute("""update facts set facts = '{"from": "the future"}'""")
    assert facts_of(tale) == ClusterFacts(cluster=tale.configured.id)


@pytest.mark.parametrize(
    ("target", "scope", "why"),
    [
        ("1.37", Scope.ALL, "does not offer Kubernetes 1.37 to prod-eu. EKS offers nothing newer"),
        (None, Scope.ALL, "prod-eu is on 1.34, the newest version that EKS offers. To bring .* level, ask for 1.34"),
        ("1.33", Scope.CONTROL_PLANE, "does not go back to 1.33"),
        ("1.35", Scope.NODES, "keeps the control plane of prod-eu on 1.34"),
    ],
)
def test_a_start_that_cannot_be_is_refused_by_what_was_seen_and_leaves_nothing(
    tale: Story, target: str | None, scope: Scope, why: str
) -> None:
    tale.service.look_at(tale.configured.id)
    with pytest.raises(TargetNotOffered, match=why) as refused:
        tale.start(target, scope=scope)
    assert "as the bot last saw it" in refused.value.hint
    assert tale.store.find() == ()


def test_what_was_never_seen_is_not_judged_before_the_run_looks(tale: Story) -> None:
    assert tale.start("1.37").status is RunStatus.CHECKING


def test_while_a_run_holds_the_cluster_that_is_what_a_start_is_told(tale: Story) -> None:
    tale.start("1.35")
    tale.service.look_at(tale.configured.id)
    with pytest.raises(RunInProgress):
        tale.start("1.37")


def test_a_refusal_by_what_was_seen_has_the_cluster_looked_at_again(tale: Story) -> None:
    tale.service.look_at(tale.configured.id)
    tale.cluster.snapshot = healthy_snapshot("1.35")  # somebody else was faster
    tale.service.start_engine()
    try:
        with pytest.raises(TargetNotOffered, match=r"does not offer Kubernetes 1\.36 to prod-eu") as refused:
            tale.start("1.36")
        assert "it looks again now" in refused.value.hint
        wait_for(lambda: facts_of(tale).version == k8s("1.35"))
        assert tale.start("1.36").status is RunStatus.CHECKING
    finally:
        tale.service.stop_engine()
