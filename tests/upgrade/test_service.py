"""The door: what it answers, and what it commits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.upgrade.fakes import FakeCluster, ManualClock, cluster_named
from tests.upgrade.snapshots import healthy_snapshot
from tests.upgrade.story import Story
from upgrade.eks import ClusterId, Issue
from upgrade.errors import (
    AmbiguousCluster,
    DecisionOutdated,
    NotAllowed,
    NothingToDo,
    NotNow,
    RunInProgress,
    TargetNotOffered,
    UnknownCluster,
    UnknownRun,
    UpgradeError,
)
from upgrade.events import EventKind
from upgrade.findings import Report
from upgrade.gates import PLAN_GATE
from upgrade.plan import PlanRequest, Scope
from upgrade.run import RunStatus
from upgrade.service import ConfiguredCluster, PlanResult, UpgradeService
from upgrade.versions import KubernetesVersion

FAILURE = Issue(code="IpNotAvailable", message="subnet-a")


@pytest.fixture
def tale(tmp_path: Path) -> Story:
    clock = ManualClock()
    return Story(tmp_path, clock, FakeCluster(clock))


def service_of(tale: Story, *configured: ConfiguredCluster) -> UpgradeService:
    return UpgradeService(
        tale.store, tale.clusters, configured, access=tale.access, delivery=tale.delivery, clock=tale.clock
    )


def named(name: str, region: str = "eu-west-1", account: str = "111122223333") -> ConfiguredCluster:
    return ConfiguredCluster(id=ClusterId(account=account, region=region, name=name))


# -- looking --------------------------------------------------------------------------------------------------------


def test_a_cluster_is_found_by_its_name_or_its_whole_name(tale: Story) -> None:
    service = service_of(tale, named("prod"), named("staging"))
    assert service.resolve(" prod ").id.name == "prod"
    assert service.resolve("111122223333/eu-west-1/staging").id.name == "staging"


def test_the_case_of_a_name_counts_only_where_it_decides(tale: Story) -> None:
    service = service_of(tale, named("prod"), named("Prod"), named("staging"))
    assert service.resolve("STAGING").id.name == "staging"
    assert service.resolve("111122223333/EU-west-1/Staging").id.name == "staging"
    assert service.resolve("Prod").id.name == "Prod"
    with pytest.raises(AmbiguousCluster) as caught:
        service.resolve("PROD")
    assert "111122223333/eu-west-1/Prod, 111122223333/eu-west-1/prod" in caught.value.hint


def test_an_unknown_cluster_lists_the_known_ones(tale: Story) -> None:
    with pytest.raises(UnknownCluster) as caught:
        service_of(tale, named("prod"), named("staging")).resolve("prdo")
    assert "prod, staging" in caught.value.hint


def test_clusters_of_one_name_are_known_by_their_forms(tale: Story) -> None:
    service = service_of(tale, named("prod"), named("prod", "us-east-1"), named("staging"))
    with pytest.raises(UnknownCluster) as caught:
        service.resolve("prdo")
    forms = "111122223333/eu-west-1/prod, 111122223333/us-east-1/prod, staging"
    assert caught.value.hint == f"Known clusters: {forms}."


def test_an_ambiguous_name_lists_its_forms(tale: Story) -> None:
    service = service_of(tale, named("prod"), named("prod", "us-east-1"))
    with pytest.raises(AmbiguousCluster) as caught:
        service.resolve("prod")
    assert "111122223333/eu-west-1/prod, 111122223333/us-east-1/prod" in caught.value.hint


def test_a_run_is_found_by_a_beginning_that_only_it_has(tale: Story) -> None:
    first = tale.start("1.35")
    assert tale.service.run("r-") == first
    tale.ask("abort")
    tale.once()
    second = tale.start("1.35")
    with pytest.raises(UnknownRun, match="Several"):
        tale.service.run("r-0000")
    assert tale.service.run(second.id).id == second.id
    for nothing in ("", "x", "r-%"):
        with pytest.raises(UnknownRun):
            tale.service.run(nothing)


def test_a_cluster_stands_for_its_unfinished_run_else_its_newest(tale: Story) -> None:
    with pytest.raises(UnknownRun, match="no run yet"):
        tale.service.run_of("prod-eu")
    first = tale.start("1.35")
    assert tale.service.run_of("prod-eu").id == first.id
    tale.ask("abort")
    tale.once()
    assert tale.service.run_of("prod-eu").id == first.id
    assert tale.service.run_of(first.id).status is RunStatus.ABORTED
    with pytest.raises(UnknownRun, match="neither"):
        tale.service.run_of("nothing")


def test_status_shows_what_is_not_finished_and_history_all(tale: Story) -> None:
    first = tale.start("1.35")
    assert [run.id for run in tale.service.status()] == [first.id]
    tale.ask("abort")
    tale.once()
    assert tale.service.status() == ()
    assert [run.id for run in tale.service.history(first.cluster)] == [first.id]
    assert [run.id for run in tale.service.history(None, limit=1)] == [first.id]


# -- check and plan -------------------------------------------------------------------------------------------------


def test_check_and_plan_answer_from_a_snapshot_without_asking_aws(tale: Story) -> None:
    request = PlanRequest(cluster=tale.configured.id)
    snapshot = healthy_snapshot("1.34")
    assert tale.service.check_now(request, snapshot).ready
    result = tale.service.plan_now(request, snapshot)
    assert str(result.plan.to_version) == "1.35"
    assert [str(version) for version in result.offers] == ["1.35", "1.36"]
    assert tale.cluster.reads == 0


def test_a_target_that_is_not_offered_and_nothing_to_do_are_told(tale: Story) -> None:
    cluster = tale.configured.id
    with pytest.raises(TargetNotOffered):
        tale.service.plan_now(PlanRequest(cluster=cluster, target=KubernetesVersion(1, 40)))
    with pytest.raises(NothingToDo):
        tale.service.plan_now(PlanRequest(cluster=cluster, scope=Scope.NODES))
    report = tale.service.check_now(PlanRequest(cluster=cluster, target=KubernetesVersion(1, 40)))
    assert not report.ready


def test_short_jobs_reply_with_a_result_or_one_of_our_errors(tale: Story) -> None:
    answers: list[Report | PlanResult | UpgradeError] = []
    request = PlanRequest(cluster=tale.configured.id)
    tale.service.check(request, answers.append)
    tale.service.plan(request, answers.append)
    tale.service.plan(request.model_copy(update={"target": KubernetesVersion(1, 40)}), answers.append)
    tale.service.plan(PlanRequest(cluster=named("nowhere").id), answers.append)  # the fake raises KeyError
    tale.service.stop_engine()
    assert {type(answer).__name__ for answer in answers} == {"Report", "PlanResult", "TargetNotOffered", "UpgradeError"}
    assert "nowhere" not in str(next(a for a in answers if type(a) is UpgradeError))


# -- writing --------------------------------------------------------------------------------------------------------


def test_a_start_commits_the_run_and_tells_who_asked(tale: Story) -> None:
    told: list[str] = []
    tale.service.on_events(lambda: told.append("told"))
    run = tale.start("1.35")
    assert run.status is RunStatus.CHECKING
    assert tale.cluster.reads == 0
    [event] = tale.events
    assert (event.kind, event.actor, event.data) == (
        EventKind.RUN_REQUESTED,
        "U-ASKS",
        {"target": "1.35", "scope": "all"},
    )
    assert told == ["told"]


def test_a_second_start_names_the_run_that_is_under_way(tale: Story) -> None:
    first = tale.start("1.35")
    with pytest.raises(RunInProgress) as caught:
        tale.service.start(PlanRequest(cluster=first.cluster), actor="U-2", channel=None)
    assert caught.value.run_id == first.id


def test_a_cluster_that_may_only_be_checked_cannot_be_started(tale: Story) -> None:
    reason = "no change role is configured."
    only = tale.configured.model_copy(update={"check_only": True, "check_only_reason": reason})
    with pytest.raises(NotAllowed, match="no change role"):
        service_of(tale, only).start(PlanRequest(cluster=only.id), actor="U", channel=None)
    with pytest.raises(UnknownCluster):
        tale.service.start(PlanRequest(cluster=named("other").id), actor="U", channel=None)
    assert tale.store.unfinished() == ()


def test_the_same_origin_twice_is_one_request_even_when_it_took_effect_already(tale: Story) -> None:
    tale.to_running("1.35")
    for _ in range(2):
        tale.service.pause(tale.run_id, actor="U", origin="click")
    tale.once()
    tale.service.pause(tale.run_id, actor="U", origin="click")  # redelivered after it took effect: not NotNow
    tale.once()
    assert len(tale.of(EventKind.PAUSE_REQUESTED)) == 1
    with pytest.raises(NotNow):
        tale.service.pause(tale.run_id, actor="U", origin="another click")


def test_a_decision_for_another_plan_or_gate_is_outdated(tale: Story) -> None:
    tale.start("1.35")
    with pytest.raises(NotNow, match="does not wait"):
        tale.ask("approve", gate=PLAN_GATE, digest="0" * 64)
    run = tale.until(RunStatus.AWAITING_APPROVAL)
    assert run.plan is not None
    with pytest.raises(DecisionOutdated):
        tale.ask("approve", gate=PLAN_GATE, digest="0" * 64)
    with pytest.raises(DecisionOutdated):
        tale.ask("reject", gate="nodes@1.35", digest=run.plan.digest)
    assert tale.store.inbox(tale.run_id) == ()


@pytest.mark.parametrize("verb", ["resume", "retry", "recheck"])
def test_verbs_that_do_not_apply_say_why_and_write_nothing(tale: Story, verb: str) -> None:
    tale.to_running("1.35")
    with pytest.raises(NotNow) as caught:
        tale.ask(verb)
    assert tale.run_id in caught.value.message
    assert tale.store.inbox(tale.run_id) == ()


def test_nothing_can_be_asked_of_a_run_that_has_ended_or_is_ending(tale: Story) -> None:
    tale.to_running("1.35")
    tale.ask("abort")
    tale.once()
    with pytest.raises(NotNow, match="being aborted"):
        tale.ask("pause")
    tale.until(RunStatus.ABORTED)
    for verb in ("pause", "resume", "retry", "abort", "recheck"):
        with pytest.raises(NotNow, match="has ended"):
            tale.ask(verb)


def test_a_failed_step_wants_retry_or_abort_rather_than_resume(tale: Story) -> None:
    tale.to_running("1.35")
    tale.cluster.updates[0].errors = (FAILURE,)
    tale.until(RunStatus.PAUSED)
    with pytest.raises(NotNow) as caught:
        tale.ask("resume")
    assert caught.value.hint == "Use retry or abort; status shows what failed."
    tale.ask("retry")


def test_only_a_step_that_waits_for_a_person_can_be_confirmed(tale: Story) -> None:
    tale.to_running("1.35")
    for step_id in ("control-plane@1.35", "confirm/nothing@1.35"):
        with pytest.raises(NotNow):
            tale.ask("confirm", step_id=step_id)


def test_a_waiver_needs_a_reason_and_a_finding_that_may_be_waived(tale: Story) -> None:
    tale.cluster.change_plane(issues=(FAILURE,))
    tale.start("1.35")
    run = tale.until(RunStatus.BLOCKED)
    assert run.report is not None
    finding = run.report.blockers[0]
    with pytest.raises(NotNow, match="reason"):
        tale.ask("waive", code=finding.code, subject=finding.subject, reason=" ")
    with pytest.raises(NotNow, match="has no finding"):
        tale.ask("waive", code="XXX999", subject="x", reason="because")
    if not finding.waivable:
        with pytest.raises(NotNow, match="cannot be waived"):
            tale.ask("waive", code=finding.code, subject=finding.subject, reason="because")


def test_what_an_abort_leaves_is_told_without_asking_aws(tale: Story) -> None:
    tale.to_running("1.36")
    reads = tale.cluster.reads
    preview = tale.service.what_abort_leaves(tale.run_id)
    assert [one.update_id for one in preview.under_way] == ["u-1"]
    assert str(preview.control_plane) == "1.35"
    assert preview.not_done[-1].startswith("nodegroup/")
    assert tale.cluster.reads == reads


def test_a_listener_that_breaks_does_not_break_the_engine(tale: Story) -> None:
    def broken() -> None:
        raise OSError("no")

    tale.service.on_events(broken)
    tale.start("1.35")
    assert tale.until(RunStatus.AWAITING_APPROVAL)


def test_runs_of_several_clusters_do_not_meet(tmp_path: Path) -> None:
    clock = ManualClock()
    tale = Story(tmp_path, clock, cluster_named(clock, "one"))
    other = cluster_named(clock, "two")
    tale.clusters.by_id[other.snapshot.cluster] = other
    service = service_of(tale, tale.configured, ConfiguredCluster(id=other.snapshot.cluster))
    service.start(PlanRequest(cluster=tale.configured.id), actor="U", channel=None)
    service.start(PlanRequest(cluster=other.snapshot.cluster), actor="U", channel=None)
    assert len(service.status()) == 2
