"""The check list: an approval of the plan counts once somebody has ticked every item of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.upgrade.runs import NOW, UP_TO_NODES, make_finding, make_plan, make_report, make_run
from upgrade.audit import audit
from upgrade.checklist import items_for, unticked
from upgrade.engine.advance import advance
from upgrade.engine.requests import signal_of
from upgrade.engine.signals import ChecksFinished, DecisionGiven, WaiverGiven
from upgrade.events import UpgradeEvent
from upgrade.gates import PLAN_GATE
from upgrade.plan import ChecklistItem, UpgradePolicy
from upgrade.ports import InboxRow
from upgrade.run import RunStatus, Tick, UpgradeRun
from upgrade.versions import KubernetesVersion

ITEMS = tuple(
    ChecklistItem(id=id_, rule="A-22", title=title, sentence=f"{title}.", link="https://example.com")
    for id_, title in (("release-notes@1.35", "Release notes of 1.35"), ("kubectl", "kubectl in pipelines"))
)
NOTES, KUBECTL = ITEMS
ALL = tuple(item.id for item in ITEMS)


def waiting(**changes: Any) -> UpgradeRun:
    return make_run(RunStatus.AWAITING_APPROVAL, **{"plan": make_plan(checklist=ITEMS), **changes})


def approve(run: UpgradeRun, *ticked: str, by: str = "U-APPROVES") -> tuple[UpgradeRun, tuple[UpgradeEvent, ...]]:
    assert run.plan is not None
    gate = run.waiting_for or PLAN_GATE
    decision = DecisionGiven(gate=gate, digest=run.plan.digest, approved=True, actor=by, ticked=ticked)
    return advance(run, decision, NOW)


@pytest.mark.parametrize(
    ("ticked", "missing"),
    [
        ((), "Release notes of 1.35; kubectl in pipelines"),
        ((NOTES.id,), "kubectl in pipelines"),
        (("kubectl", "release-notes@1.34", "nonsense"), "Release notes of 1.35"),
    ],
)
def test_an_approval_with_an_item_left_does_not_count_and_leaves_no_tick(ticked: tuple[str, ...], missing: str) -> None:
    before = waiting()
    after, (event,) = approve(before, *ticked)
    assert event.kind == "approval-refused"
    assert event.data["reason"] == f"Not ticked: {missing}."
    assert (after.status, after.approvals, after.ticks) == (before.status, (), ())


def test_an_approval_that_ticks_all_counts_and_says_who_ticked_what() -> None:
    run, events = approve(waiting(), *ALL, "nonsense")
    assert run.status is RunStatus.SCHEDULED
    assert run.ticks == tuple(Tick(item=one, by="U-APPROVES", at=NOW) for one in ALL)
    assert events[0].data["ticked"] == list(ALL)
    told = [(one.what, one.actor, one.subject) for one in audit(events).decisions]
    assert told == [("approved", "U-APPROVES", "plan"), *(("ticked", "U-APPROVES", one) for one in ALL)]


def test_what_one_approver_ticked_the_next_need_not_tick_again() -> None:
    run, _ = approve(waiting(plan=make_plan(checklist=ITEMS, approvals=2)), *ALL, by="U-1")
    assert (run.status, unticked(run, PLAN_GATE)) == (RunStatus.AWAITING_APPROVAL, ())
    run, events = approve(run, *ALL, by="U-2")
    assert run.status is RunStatus.SCHEDULED
    assert events[0].data["ticked"] == []
    assert {tick.by for tick in run.ticks} == {"U-1"}


def test_whose_approval_does_not_count_ticks_nothing() -> None:
    run, (event,) = approve(waiting(), *ALL, by="U-ASKS")
    assert event.kind == "approval-refused"
    assert "cannot approve" in event.data["reason"]
    assert run.ticks == ()


def test_where_the_list_is_only_shown_nothing_has_to_be_ticked_and_what_is_ticked_is_kept() -> None:
    shown = waiting(policy=UpgradePolicy(checklist="shown"))
    assert unticked(shown, PLAN_GATE) == ()
    assert approve(shown)[0].ticks == ()
    run, _ = approve(shown, KUBECTL.id)
    assert (run.status, [tick.item for tick in run.ticks]) == (RunStatus.SCHEDULED, [KUBECTL.id])


def test_ticks_outlive_a_changed_plan_and_only_what_is_new_has_to_be_ticked() -> None:
    run, _ = approve(waiting(plan=make_plan(checklist=(NOTES,), approvals=2)), NOTES.id, by="U-1")
    changed = make_plan(checklist=ITEMS, parallelism=2)
    run = run.model_copy(update={"status": RunStatus.CHECKING})
    run, _ = advance(run, ChecksFinished(report=make_report(), plan=changed), NOW + timedelta(minutes=1))
    assert (run.approvals, unticked(run, PLAN_GATE)) == ((), (KUBECTL,))
    assert approve(run)[0].status is RunStatus.AWAITING_APPROVAL
    assert approve(run, KUBECTL.id)[0].status is RunStatus.SCHEDULED


def test_the_gate_of_a_phase_asks_for_no_tick() -> None:
    stands = {"status": RunStatus.AWAITING_APPROVAL, "waiting_for": "nodes@1.35"}
    plan = make_plan(checklist=ITEMS, gate=True)
    run = make_run(RunStatus.RUNNING, plan=plan, steps=UP_TO_NODES).model_copy(update=stands)
    assert approve(run)[0].status is RunStatus.RUNNING


def test_a_plan_that_is_waived_half_way_needs_no_tick_again() -> None:
    run, _ = approve(waiting(), *ALL)
    finding = make_finding()
    stands = {"status": RunStatus.PAUSED, "started_at": NOW, "blocked_phase": "nodes@1.35"}
    run = run.model_copy(update={**stands, "report": make_report(finding), "steps": UP_TO_NODES})
    run, _ = advance(run, WaiverGiven(code=finding.code, subject=finding.subject, reason="known", actor="U-OTHER"), NOW)
    assert run.waiting_for == PLAN_GATE
    assert approve(run)[0].status is RunStatus.RUNNING


def test_the_digest_is_of_what_runs_and_not_of_the_list() -> None:
    assert make_plan(checklist=ITEMS).digest == make_plan().digest


def test_ticks_travel_in_the_one_row_of_the_decision() -> None:
    row = InboxRow(
        run_id="r",
        kind="approve",
        actor="U",
        origin="o",
        at=NOW,
        payload={"gate": "plan", "digest": "d", "ticked": " ".join(ALL)},
    )
    signal = signal_of(row)
    assert isinstance(signal, DecisionGiven)
    assert signal.ticked == ALL


def test_an_id_has_no_space_and_a_title_fits_a_check_box() -> None:
    items = items_for([KubernetesVersion(1, minor) for minor in range(21, 40)])
    assert all(not set(" |\n") & set(item.id) and 0 < len(item.title) <= 75 for item in items)
