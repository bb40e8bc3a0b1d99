from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.upgrade.runs import CLUSTER, CONTROL_PLANE, CORE, NOW, V35, done, following, make_plan, make_run
from upgrade.bake import baked_at, baking_since
from upgrade.calendar import calendar_of
from upgrade.eks import ClusterId
from upgrade.fit import ends_by, will_not_fit
from upgrade.freeze import Freeze
from upgrade.plan import BakeStep, Phase, UpgradePlan, UpgradePolicy
from upgrade.run import Lift, RunStatus, StepState, StepStatus, UpgradeRun

#: A Tuesday; NOW is its 10:00 UTC.
MINUTES = {CONTROL_PLANE.id: (10.0, 30.0), CORE.id: (20.0, 60.0), "nodegroup/apps@1.35": (20.0, 45.0)}
OTHER = ClusterId(account="111122223333", region="eu-central-1", name="dev-eu")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=UTC)


def bake(**facts: Any) -> BakeStep:
    return BakeStep(version=V35, **facts)


def plan_with(step: BakeStep | None = None, **changes: Any) -> UpgradePlan:
    """One hop, with that bake behind its add-ons."""
    plan = make_plan(minutes=MINUTES, **changes)
    if step is None:
        return plan
    minutes = {**MINUTES, step.id: (step.lasts / timedelta(minutes=1),) * 2}
    rest = Phase(id=step.id, kind="bake", title="Watch 1.35", steps=(step,))
    return plan.model_copy(update={"phases": (*plan.phases[:3], rest, *plan.phases[3:]), "minutes": minutes})


def run_with(plan: UpgradePlan, *windows: str, freezes: tuple[Freeze, ...] = (), **changes: Any) -> UpgradeRun:
    policy = UpgradePolicy(windows=windows, freezes=freezes)
    stage = changes.pop("stage", RunStatus.SCHEDULED)
    return make_run(stage, **{"plan": plan, "policy": policy, "start_at": NOW, **changes})


def freeze(since: str, until: str) -> Freeze:
    return Freeze(name="sale", starts_at=at(since), ends_at=at(until), reason="The sale.")


# -- bakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "windows", "since", "over"),
    [
        ({"lasts": timedelta(hours=24)}, (), "03T11:00", "04T11:00"),
        ({"lasts": timedelta(hours=24)}, ("tue 09:00-17:00",), "03T11:00", "04T11:00"),
        ({"next_window": True}, ("daily 09:00-17:00",), "03T11:00", "04T09:00"),
        # The work before it went on past the closing: the next window is another one than it began in.
        ({"next_window": True}, ("daily 09:00-17:00",), "03T17:20", "04T09:00"),
        ({"next_window": True, "lasts": timedelta(hours=30)}, ("daily 09:00-17:00",), "03T11:00", "04T17:00"),
        ({"next_window": True}, ("daily 00:00-24:00",), "03T11:00", "03T11:00"),
        ({"next_window": True}, (), "03T11:00", "03T11:00"),
    ],
)
def test_when_a_bake_is_over(facts: dict[str, Any], windows: tuple[str, ...], since: str, over: str) -> None:
    step = bake(**facts)
    assert baked_at(run_with(plan_with(step), *windows), step, at(since)) == at(over)


def test_a_bake_counts_from_the_end_of_what_stands_before_it_and_not_from_what_follows() -> None:
    step = bake(lasts=timedelta(hours=1))
    run = run_with(plan_with(step))
    assert baking_since(run, step) is None
    ended = {
        "announce": StepState(status=StepStatus.DONE, finished_at=at("03T10:00")),
        CONTROL_PLANE.id: StepState(status=StepStatus.DONE, finished_at=at("03T10:30")),
        CORE.id: StepState(status=StepStatus.DONE, finished_at=at("03T15:00")),
    }
    assert baking_since(run.model_copy(update={"steps": ended}), step) == at("03T10:30")


# -- the end --------------------------------------------------------------------------------------------------------


def test_without_windows_the_end_is_the_start_and_the_high_estimate() -> None:
    assert ends_by(run_with(plan_with()), NOW) == NOW + timedelta(minutes=135)
    assert ends_by(run_with(plan_with(parallelism=2)), NOW) == NOW + timedelta(minutes=90)
    assert ends_by(make_run(), NOW) is None


def test_a_step_waits_for_the_window_and_one_under_way_goes_on_past_it() -> None:
    run = run_with(plan_with(), "tue,wed 10:00-10:50")
    # The control plane until 10:30, core from 10:30 to 11:30, past the closing; apps tomorrow from 10:00 to 10:45.
    assert ends_by(run, NOW) == at("04T10:45")


def test_a_freeze_moves_the_end_unless_it_was_lifted() -> None:
    sale = freeze("03T09:00", "03T20:00")
    run = run_with(plan_with(), freezes=(sale,))
    assert ends_by(run, NOW) == at("03T20:00") + timedelta(minutes=135)
    lift = Lift(freeze="sale", by="U-BOSS", reason="A security fix.", at=NOW)
    assert ends_by(run.model_copy(update={"lifts": (lift,)}), NOW) == NOW + timedelta(minutes=135)


def test_a_bake_is_in_the_end_once_also_when_it_has_begun() -> None:
    step = bake(lasts=timedelta(hours=24))
    run = run_with(plan_with(step))
    assert ends_by(run, NOW) == NOW + timedelta(hours=24, minutes=135)
    half = done("announce", CONTROL_PLANE.id, "addon/coredns@v1.13.0-eksbuild.1")
    assert ends_by(run.model_copy(update={"steps": half}), NOW + timedelta(hours=20)) == NOW + timedelta(
        hours=24, minutes=105
    )


def test_what_is_under_way_counts_from_when_it_began() -> None:
    steps = {**done("announce"), CONTROL_PLANE.id: following()}
    run = run_with(plan_with(), stage=RunStatus.RUNNING, steps=steps)
    assert ends_by(run, NOW + timedelta(minutes=20)) == NOW + timedelta(minutes=135)


# -- whether it fits ------------------------------------------------------------------------------------------------


def test_what_may_last_longer_than_the_window_is_told_from_the_start_that_is_set() -> None:
    run = run_with(plan_with(), "tue 11:00-12:30", start_at=at("03T11:00"))
    assert will_not_fit(run, NOW) == (
        "The work is estimated at 50 minutes to 2 h 15 min, and from its start it may go on for 90 minutes: "
        "what has not begun by then waits until work may go on."
    )
    assert will_not_fit(run_with(plan_with(), "tue 11:00-14:00", start_at=at("03T11:00")), NOW) is None
    assert will_not_fit(run_with(plan_with()), NOW) is None
    assert will_not_fit(make_run(), NOW) is None


def test_what_comes_after_a_bake_need_not_fit_into_the_first_window() -> None:
    run = run_with(plan_with(bake(next_window=True)), "daily 10:00-11:00")
    assert will_not_fit(run, NOW) is None


def test_a_bake_is_no_work_that_must_fit() -> None:
    run = run_with(plan_with(bake(lasts=timedelta(days=1))), "daily 10:00-11:00", stage=RunStatus.RUNNING)
    rest = run.plan.phases[3]  # type: ignore[union-attr]
    assert rest.kind == "bake"
    assert will_not_fit(run, NOW, phase=rest) is None


def test_a_freeze_ends_the_time_too() -> None:
    run = run_with(plan_with(), freezes=(freeze("03T11:00", "05T00:00"),))
    assert "may go on for 60 minutes" in (will_not_fit(run, NOW) or "")


def test_before_a_phase_only_that_phase_must_fit() -> None:
    run = run_with(plan_with(), "tue 10:00-12:00", stage=RunStatus.RUNNING)
    plane, nodes = run.plan.phases[1], run.plan.phases[3]  # type: ignore[union-attr]
    assert will_not_fit(run, NOW, phase=plane) is None
    told = will_not_fit(run, NOW + timedelta(minutes=30), phase=nodes)
    assert told is not None
    assert told.startswith("Nodes to 1.35: the work is estimated at 40 minutes to 105 minutes, and it may go on for 90")
    core_is_done = run.model_copy(update={"steps": done(CORE.id)})
    assert will_not_fit(core_is_done, NOW + timedelta(minutes=30), phase=nodes) is None


# -- the calendar ---------------------------------------------------------------------------------------------------


def test_the_calendar_has_what_is_ahead_in_order_and_nothing_that_is_over() -> None:
    later = run_with(plan_with(), id="later", start_at=NOW + timedelta(days=3))
    missed = run_with(plan_with(), id="missed", start_at=NOW - timedelta(hours=1), missed_start=True)
    unapproved = make_run(RunStatus.AWAITING_APPROVAL, id="unapproved")
    wanted = make_run(RunStatus.CHECKING, id="wanted", wanted_at=NOW + timedelta(days=1))
    beyond = run_with(plan_with(), id="beyond", start_at=NOW + timedelta(days=40))
    over = make_run(RunStatus.SUCCEEDED, id="over")
    runs = (unapproved, later, over, beyond, wanted, missed)
    made = calendar_of(runs, {}, NOW, NOW + timedelta(days=30)).maintenances
    assert [one.run_id for one in made] == ["missed", "wanted", "later", "unapproved"]
    assert [one.missed for one in made] == [True, False, False, False]
    assert made[2].ends_by == NOW + timedelta(days=3, minutes=135)
    assert (made[1].ends_by, made[1].from_version, made[1].to_version) == (None, None, V35)
    assert (made[3].starts_at, made[3].ends_by) == (None, None)


def test_a_start_that_passed_while_it_waited_for_people_is_missed_and_has_no_end() -> None:
    past = {"wanted_at": NOW - timedelta(hours=1), "plan": plan_with()}
    stages = (RunStatus.AWAITING_APPROVAL, RunStatus.BLOCKED, RunStatus.CHECKING)
    runs = [make_run(stage, id=stage.value, **past) for stage in stages]
    made = calendar_of(runs, {}, NOW, NOW + timedelta(days=30)).maintenances
    assert {one.run_id: one.missed for one in made} == {"awaiting-approval": True, "blocked": True, "checking": False}
    assert [one.ends_by is None for one in made] == [one.missed for one in made]


def test_a_freeze_is_there_once_with_all_its_clusters() -> None:
    sale, over = freeze("04T00:00", "05T00:00"), freeze("01T00:00", "02T00:00")
    beyond = freeze("20T00:00", "21T00:00")
    freezes = {CLUSTER: (sale, over), OTHER: (sale, beyond)}
    made = calendar_of((), freezes, NOW, NOW + timedelta(days=10)).freezes
    assert [(one.freeze, one.clusters) for one in made] == [(sale, (OTHER, CLUSTER))]
