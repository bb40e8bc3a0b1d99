from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.upgrade.runs import ADDON, APPS, CONTROL_PLANE, CORE, NOW, V35, make_plan, make_run
from upgrade.events import EventKind, UpgradeEvent
from upgrade.plan import BakeStep, NodegroupStep, Phase, UpgradePlan, UpgradePolicy
from upgrade.run import RunStatus, StepState, StepStatus, UpgradeRun
from upgrade.timeline import (
    LINES_SHOWN,
    LONGEST_ALT,
    Bar,
    BarState,
    HaltKind,
    Span,
    Timeline,
    alt_text,
    folds,
    said_of,
    timeline,
)

MINUTES = {CONTROL_PLANE.id: (10.0, 30.0), ADDON.id: (1.0, 5.0), CORE.id: (20.0, 60.0), APPS.id: (20.0, 45.0)}


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def state(begun: float, ended: float | None = None, status: StepStatus | None = None) -> StepState:
    over = StepStatus.DONE if ended is not None else StepStatus.FOLLOWING
    return StepState(status=status or over, started_at=at(begun), finished_at=at(ended) if ended is not None else None)


def event(kind: EventKind, minutes: float, **data: Any) -> UpgradeEvent:
    return UpgradeEvent(run_id="run-1", seq=1, at=at(minutes), kind=kind, data=data)


def told(run: UpgradeRun, *events: UpgradeEvent, now: datetime = NOW) -> Timeline:
    found = timeline(run, events, now)
    assert found is not None
    return found


def bar(found: Timeline, name: str) -> Bar:
    return next(one for one in found.bars if one.id == name)


def minutes(span: Span | None) -> tuple[float, float] | None:
    if span is None:
        return None
    return (span.begins_at - NOW) / timedelta(minutes=1), (span.ends_at - NOW) / timedelta(minutes=1)


def half_way() -> UpgradeRun:
    """Two groups at a time; one is through, the other is being rotated."""
    steps = {CONTROL_PLANE.id: state(0, 12), ADDON.id: state(12, 15), CORE.id: state(15, 40), APPS.id: state(15)}
    return make_run(RunStatus.RUNNING, plan=make_plan(minutes=MINUTES, parallelism=2), steps=steps)


def with_bake(**facts: Any) -> UpgradePlan:
    plan = make_plan(minutes=MINUTES)
    step = BakeStep(version=V35, **facts)
    rest = Phase(id=step.id, kind="bake", title="Watch 1.35", steps=(step,))
    return plan.model_copy(update={"phases": (*plan.phases[:3], rest, *plan.phases[3:])})


def test_a_run_without_a_plan_has_no_picture() -> None:
    assert timeline(make_run(), (), NOW) is None


def test_what_took_place_stands_against_what_was_planned() -> None:
    found = told(half_way(), now=at(50))
    plane = bar(found, "control-plane@1.35")
    assert (plane.state, minutes(plane.planned), minutes(plane.actual), plane.ahead) == (
        BarState.DONE,
        (0, 30),
        (0, 12),
        None,
    )
    nodes = bar(found, "nodes@1.35")
    assert (nodes.state, minutes(nodes.planned), minutes(nodes.actual)) == (BarState.UNDER_WAY, (35, 95), (15, 50))


def test_node_groups_in_parallel_have_a_line_each_and_what_is_left_is_projected_from_now() -> None:
    found = told(half_way(), now=at(50))
    core, apps = bar(found, CORE.id), bar(found, APPS.id)
    assert [one.id for one in found.bars if one.group] == [CORE.id, APPS.id]
    assert (minutes(core.actual), core.ahead) == ((15, 40), None)
    assert (minutes(apps.actual), minutes(apps.ahead)) == ((15, 50), (50, 60))  # 45 minutes after it began
    assert minutes(bar(found, "verify@1.35").planned) == (95, 95)


def test_a_plan_that_waits_for_its_start_is_all_ahead() -> None:
    run = make_run(RunStatus.SCHEDULED, plan=make_plan(minutes=MINUTES), start_at=at(60))
    found = told(run)
    assert {one.state for one in found.bars} == {BarState.AHEAD}
    assert minutes(found.span) == (60, 60 + 30 + 5 + 60 + 45)
    assert all(one.actual is None and one.planned == one.ahead for one in found.bars if one.ahead)


def test_what_is_left_waits_for_the_window() -> None:
    run = half_way().model_copy(update={"policy": UpgradePolicy(windows=("daily 10:00-11:00",))})
    steps = {**run.steps, APPS.id: StepState()}
    apps = bar(told(run.model_copy(update={"steps": steps}), now=at(61)), APPS.id)
    assert minutes(apps.ahead) == (24 * 60, 24 * 60 + 45)


def test_pauses_approvals_and_closed_windows_stand_where_they_were() -> None:
    events = [
        event(EventKind.GATE_OPENED, -30, gate="plan"),
        event(EventKind.GATE_PASSED, -5, gate="plan"),  # before the start: nothing stood still
        event(EventKind.RUN_PAUSED, 5),
        event(EventKind.RUN_RESUMED, 9),
        event(EventKind.WINDOW_CLOSED, 20),
        event(EventKind.WINDOW_OPENED, 30),
        event(EventKind.GATE_OPENED, 40, gate="nodes@1.35"),
    ]
    found = told(half_way(), *events, now=at(50))
    assert [(one.kind, minutes(one.span)) for one in found.halts] == [
        (HaltKind.PAUSED, (5, 9)),
        (HaltKind.WINDOW, (20, 30)),
        (HaltKind.APPROVAL, (40, 50)),
    ]


def test_a_run_that_is_over_has_nothing_ahead_and_says_what_was_left() -> None:
    steps = {CONTROL_PLANE.id: state(0, 12), ADDON.id: state(12, status=StepStatus.FAILED)}
    run = make_run(RunStatus.ABORTED, plan=make_plan(minutes=MINUTES), steps=steps, finished_at=at(30))
    found = told(run, event(EventKind.RUN_PAUSED, 20), now=at(500))
    states = {one.id: one.state for one in found.bars}
    assert states["add-ons@1.35"] is BarState.STOPPED
    assert states["nodes@1.35"] is BarState.LEFT_OUT
    assert not any(one.ahead for one in found.bars)
    assert found.now is None
    assert minutes(found.halts[0].span) == (20, 30)


def test_a_step_that_was_refused_shows_the_groups_that_went_before_it() -> None:
    branch = CONTROL_PLANE.if_groups_must_match[0]
    run = make_run(
        RunStatus.RUNNING,
        plan=make_plan(minutes=MINUTES),
        steps={branch.id: state(2, 20), CONTROL_PLANE.id: state(0, 35)},
        branches={CONTROL_PLANE.id: (branch.id,)},
    )
    assert [one.title for one in told(run, now=at(40)).bars][:2] == ["Control plane 1.35", "core to 1.34"]


def test_many_groups_are_summed_up_and_a_picture_has_an_end() -> None:
    groups = tuple(NodegroupStep(name=f"g{number}", version=V35) for number in range(40))
    phases = [Phase(id=f"nodes@{number}", kind="nodes", title="Nodes", steps=groups) for number in range(3)]
    plan = make_plan(phases=(phases[0],))
    assert [one.title for one in told(make_run(RunStatus.RUNNING, plan=plan)).bars][-1] == "35 more node groups"
    many = make_plan(phases=tuple(one.model_copy(update={"id": f"{one.id}-{n}"}) for n in range(8) for one in phases))
    assert len(told(make_run(RunStatus.RUNNING, plan=many)).bars) == 24 <= LINES_SHOWN


def test_a_night_between_two_windows_is_folded_and_work_is_not() -> None:
    steps = {
        CONTROL_PLANE.id: state(0, 12),
        ADDON.id: state(12, 15),
        "bake@1.35": state(15, 15 + 24 * 60),
        CORE.id: state(1455, 1480),
        APPS.id: state(1480, 1500),
        "confirm/controller/cluster-autoscaler@1.35": state(1500, 1500),
        "verify@1.35": state(1500, 1500),
    }
    plan = with_bake(lasts=timedelta(hours=24))
    found = told(make_run(RunStatus.SUCCEEDED, plan=plan, steps=steps, finished_at=at(1500)), now=at(1500))
    folded = folds(found)
    assert len(folded) == 1
    # The plan puts the control plane's end at 35, and the nodes 24 hours later.
    assert minutes(folded[0].span) == (35, 1455)
    assert folded[0].shown < timedelta(hours=1)
    assert folds(told(half_way(), now=at(50))) == ()


def test_the_night_at_a_failed_step_is_folded_and_a_group_that_goes_on_meanwhile_is_not() -> None:
    night = (event(EventKind.RUN_PAUSED, 14), event(EventKind.RETRY_REQUESTED, 614))
    steps = {
        CONTROL_PLANE.id: state(0, 12),
        ADDON.id: state(12, 618),
        CORE.id: state(618, 650),
        APPS.id: state(650, 680),
    }
    run = make_run(RunStatus.SUCCEEDED, plan=make_plan(minutes=MINUTES), steps=steps, finished_at=at(680))
    # What was planned ends at 140.
    assert [minutes(one.span) for one in folds(told(run, *night, now=at(680)))] == [(140, 614)]
    failed = {CONTROL_PLANE.id: state(0, 12), ADDON.id: state(12, status=StepStatus.FAILED)}
    given_up = make_run(RunStatus.FAILED, plan=make_plan(minutes=MINUTES), steps=failed, finished_at=at(614))
    assert [minutes(one.span) for one in folds(told(given_up, night[0], now=at(614)))] == [(140, 614)]
    going = half_way()
    assert folds(told(going, event(EventKind.RUN_PAUSED, 40), now=at(400))) == ()


def test_the_words_beside_a_bar() -> None:
    found = told(half_way(), now=at(50))
    assert said_of(bar(found, CORE.id)) == "25 min"
    assert said_of(bar(found, APPS.id)) == "under way, 35 min"
    left = told(make_run(RunStatus.ABORTED, plan=make_plan(), finished_at=NOW), now=NOW)
    assert {said_of(one) for one in left.bars} == {"not done"}


def test_the_alt_text_tells_it_all_and_has_an_end() -> None:
    text = alt_text(told(half_way(), event(EventKind.RUN_PAUSED, 5), event(EventKind.RUN_RESUMED, 9), now=at(50)))
    assert text.startswith("Timeline of the upgrade of prod-eu from 1.34 to 1.35, running. Control plane 1.35: 12 min")
    assert "Nodes to 1.35: under way, 35 min, planned at most 1 h." in text
    assert text.endswith("Paused for 4 min.")
    phases = tuple(
        Phase(id=f"nodes@{number}", kind="nodes", title="Nodes " * 12, steps=(CORE,)) for number in range(29)
    )
    long = alt_text(told(make_run(RunStatus.RUNNING, plan=make_plan(phases=phases))))
    assert len(long) <= LONGEST_ALT
    assert "more phases." in long
