"""Whose approval a run waits for: what App Home shows to one and not to another."""

from __future__ import annotations

from tests.upgrade.fakes import FakeAccess
from tests.upgrade.runs import NOW, make_plan, make_run
from upgrade.engine.rights import waits_for
from upgrade.gates import PLAN_GATE
from upgrade.run import Approval, RunStatus

PLAN = make_plan()
WAITING = make_run(RunStatus.AWAITING_APPROVAL, plan=PLAN)


def test_it_waits_for_whoever_may_approve() -> None:
    assert waits_for(FakeAccess(), WAITING, "U-APPROVES")


def test_it_waits_for_nobody_once_nothing_is_open() -> None:
    assert not waits_for(FakeAccess(), WAITING.model_copy(update={"status": RunStatus.RUNNING}), "U-APPROVES")


def test_it_does_not_wait_for_whoever_asked_for_it() -> None:
    assert not waits_for(FakeAccess(), WAITING, "U-ASKS")


def test_it_does_not_wait_for_whoever_has_approved_that_plan_but_for_one_who_approved_another() -> None:
    given = Approval(gate=PLAN_GATE, digest=PLAN.digest, by="U-APPROVES", at=NOW)
    assert not waits_for(FakeAccess(), WAITING.model_copy(update={"approvals": (given,)}), "U-APPROVES")
    older = given.model_copy(update={"digest": "0" * 64})
    assert waits_for(FakeAccess(), WAITING.model_copy(update={"approvals": (older,)}), "U-APPROVES")


def test_it_does_not_wait_for_whoever_may_not_approve() -> None:
    access = FakeAccess()
    access.refused["U-VIEWS", "approve"] = "That is for the role approver."
    assert not waits_for(access, WAITING, "U-VIEWS")


def test_where_approvers_are_named_it_waits_for_them_only() -> None:
    access = FakeAccess()
    access.groups["S-PROD"] = {"U-PROD"}
    policy = WAITING.policy.model_copy(update={"approver_groups": ("S-PROD",)})
    run = WAITING.model_copy(update={"policy": policy})
    assert waits_for(access, run, "U-PROD")
    assert not waits_for(access, run, "U-APPROVES")
