"""What a run leaves for the record, and what everybody should hear of it."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.upgrade.fakes import ManualClock, small_cluster
from tests.upgrade.runs import NOW, done, make_run
from tests.upgrade.snapshots import workload
from tests.upgrade.story import POLICY, Story
from upgrade.announcements import NoticeState, delivered_late, notice_due_at, notice_of
from upgrade.audit import audit
from upgrade.eks import Issue
from upgrade.engine.advance import advance
from upgrade.engine.signals import FreezeLifted, StartMoved
from upgrade.events import EventKind
from upgrade.facts import need
from upgrade.freeze import Freeze
from upgrade.plan import UpgradePolicy
from upgrade.records.outline import tables
from upgrade.records.record import Record
from upgrade.reports.words import utc
from upgrade.run import Intent, RunStatus, StepStatus


def test_the_record_of_a_run_names_people_phases_and_the_rollback_deadline(tmp_path: Path) -> None:
    clock = ManualClock()
    tale = Story(tmp_path, clock, small_cluster(clock))
    tale.to_running("1.36")
    tale.ask("pause", "U-NERVOUS")
    tale.once()
    tale.ask("resume", "U-NERVOUS")
    tale.until(RunStatus.SUCCEEDED)
    record = audit(tale.events)
    assert tale.run.plan is not None
    assert [(one.actor, one.what, one.subject) for one in record.decisions] == [
        ("U-ASKS", "requested", "1.36"),
        ("U-APPROVES", "approved", "plan"),
        *(("U-APPROVES", "ticked", item.id) for item in tale.run.plan.checklist),
        ("U-NERVOUS", "paused", ""),
        ("U-NERVOUS", "resumed", ""),
    ]
    assert [phase.id for phase in record.phases][:3] == ["announce", "control-plane@1.35", "add-ons@1.35"]
    assert all(phase.duration is not None for phase in record.phases)
    moved = [e.at for e in tale.of(EventKind.STEP_FINISHED) if (e.step_id or "").startswith("control-plane")]
    assert record.rollback_until == moved[-1] + timedelta(days=7)


def test_the_record_says_what_each_decision_saw(tmp_path: Path) -> None:
    clock = ManualClock()
    tale = Story(tmp_path, clock, small_cluster(clock), policy=POLICY.model_copy(update={"approvals": 2}))
    tale.start("1.35")
    waiting = tale.until(RunStatus.AWAITING_APPROVAL)
    plan, report = waiting.plan, waiting.report
    assert plan is not None
    assert report is not None
    assert report.findings
    tale.approve("U-ONE")
    tale.once()
    tale.ask("reject", "cli:ben", gate="plan", digest=plan.digest, reason="not today")
    tale.once()
    seen = [
        (one.actor, one.what, one.digest, one.given, one.needed, one.reason) for one in audit(tale.events).decisions
    ]
    assert ("U-ONE", "approved", plan.digest, 1, 2, "") in seen
    assert ("cli:ben", "rejected", plan.digest, None, None, "not today") in seen
    (approved,) = [one for one in audit(tale.events).decisions if one.what == "approved"]
    assert approved.ticked == tuple(item.id for item in plan.checklist)
    assert approved.at == clock.now()
    for decision in [one for one in audit(tale.events).decisions if one.digest]:
        assert decision.looked_at == report.taken_at
        assert decision.noted == Counter(finding.code for finding in report.findings)
    (table,) = [
        one for one in tables(Record(run=tale.run, events=tale.events, standing="")) if one.title == "Decisions"
    ]
    in_view = {row[2]: row[-1] for row in table.rows}
    assert in_view["approved (1 of 2)"].startswith(f"looked at {utc(report.taken_at)}, to note: ")
    assert f"{report.findings[0].code} (" in in_view["rejected"]


def test_the_record_has_moved_starts_and_lifted_freezes() -> None:
    freeze = Freeze(name="sale", starts_at=NOW, ends_at=NOW + timedelta(days=1), reason="a sale", lifters=("U",))
    run = make_run(RunStatus.SCHEDULED, policy=UpgradePolicy(freezes=(freeze,)))
    moved, events = advance(run, StartMoved(start_at=NOW + timedelta(days=2), actor="U-MOVES"), NOW)
    _, more = advance(moved, FreezeLifted(freeze="sale", reason="it must", actor="U"), NOW)
    decisions = [(one.actor, one.what, one.subject, one.reason) for one in audit((*events, *more)).decisions]
    assert decisions == [
        ("U-MOVES", "rescheduled", (NOW + timedelta(days=2)).isoformat(), ""),
        ("U", "lifted a freeze", "sale", "it must"),
    ]


def test_a_phase_tells_its_attempts_and_how_long_it_waited_for_people(tmp_path: Path) -> None:
    clock = ManualClock()
    tale = Story(tmp_path, clock, small_cluster(clock))
    tale.cluster.fail["nodegroup/core"] = [Issue(code="NodeCreationFailure", message="i-1 did not join")]
    tale.to_running("1.35")
    tale.go_on(lambda run: run.step("control-plane@1.35").status is StepStatus.FOLLOWING)
    tale.ask("pause")
    tale.go_on(lambda run: run.step("control-plane@1.35").status is StepStatus.DONE)
    clock.pass_(hours=3)
    tale.ask("resume")
    tale.until(RunStatus.PAUSED)
    clock.pass_(hours=9)
    tale.ask("retry")
    tale.until(RunStatus.SUCCEEDED)
    phases = {phase.id: phase for phase in audit(tale.events).phases}
    moved, nodes = phases["control-plane@1.35"], phases["nodes@1.35"]
    assert (moved.attempts, moved.waited) == (1, timedelta(0))  # its update went on while the run was paused
    assert (nodes.attempts, nodes.waited) == (2, timedelta(hours=9))
    assert nodes.duration is not None
    assert timedelta(hours=9) < nodes.duration
    others = [phase for phase in phases.values() if phase.id != "nodes@1.35"]
    assert {(phase.attempts, phase.waited) for phase in others} == {(1, timedelta(0))}


def test_what_a_person_does_by_hand_is_waited_for(tmp_path: Path) -> None:
    image = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.2"
    clock = ManualClock()
    cluster = small_cluster(clock)
    rows = need(cluster.snapshot.workloads)
    cluster.facts(workloads=(*rows, workload("Deployment", "kube-system", "ca", image)))
    tale = Story(tmp_path, clock, cluster)
    tale.to_running("1.35")
    by_hand = "confirm/controller/cluster-autoscaler@1.35"
    tale.go_on(lambda run: run.step(by_hand).status is StepStatus.FOLLOWING)
    clock.pass_(hours=5)
    tale.ask("confirm", step_id=by_hand)
    tale.until(RunStatus.SUCCEEDED)
    waited = {phase.id: phase.waited for phase in audit(tale.events).phases if phase.waited}
    assert len(waited) == 1
    assert timedelta(hours=5) <= next(iter(waited.values())) < timedelta(hours=6)


def test_without_a_moved_control_plane_there_is_nothing_to_roll_back() -> None:
    assert audit([]).rollback_until is None


@pytest.mark.parametrize(
    ("run", "state"),
    [
        (make_run(RunStatus.AWAITING_APPROVAL), None),
        (make_run(RunStatus.SCHEDULED), NoticeState.PLANNED),
        (make_run(RunStatus.AWAITING_APPROVAL, notice_at=NOW), NoticeState.POSTPONED),
        (make_run(RunStatus.SCHEDULED, status=RunStatus.BLOCKED), NoticeState.POSTPONED),
        (make_run(RunStatus.SCHEDULED, intent=Intent.PAUSE), NoticeState.PAUSED),
        (make_run(RunStatus.RUNNING, steps=done("announce")), NoticeState.STARTED),
        (make_run(RunStatus.PAUSED), NoticeState.PAUSED),
        (make_run(RunStatus.RUNNING, intent=Intent.ABORT), NoticeState.STOPPING),
        (make_run(RunStatus.SUCCEEDED), NoticeState.FINISHED),
        (make_run(RunStatus.FAILED), NoticeState.STOPPED),
        (make_run(RunStatus.ABORTED, started_at=None), NoticeState.CALLED_OFF),
    ],
)
def test_the_notice_follows_the_run(run: Any, state: NoticeState | None) -> None:
    notice = notice_of(run)
    assert (notice.state if notice else None) == state


def test_a_notice_is_due_its_lead_time_before_the_start_and_late_five_minutes_after_that() -> None:
    run = make_run(RunStatus.SCHEDULED, start_at=NOW + timedelta(hours=9))
    due = notice_due_at(run)
    assert due == NOW + timedelta(hours=9) - run.policy.notice
    assert not delivered_late(run.model_copy(update={"notice_at": due + timedelta(minutes=5)}))
    assert delivered_late(run.model_copy(update={"notice_at": due + timedelta(minutes=6)}))
    assert notice_due_at(make_run(RunStatus.BLOCKED)) is None
