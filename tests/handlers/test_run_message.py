"""The run message: how much is done, by what its estimate is made, and who is in charge."""

from __future__ import annotations

import pytest

from handlers.views.kept import render_standing
from handlers.views.plan import render_plan
from handlers.views.run import render_run
from handlers.views.runs import render_status
from tests.handlers import samples
from tests.handlers.test_views import words_of
from upgrade.plan import PlanRequest, UpgradePlan
from upgrade.run import RunStatus, StepState, StepStatus, UpgradeRun

DONE = StepState(status=StepStatus.DONE)
UPDATES = ("control-plane", "addon", "nodegroup")
OWN = "from this cluster's past"
PARTLY = "partly from this cluster's past"
QUOTED = "from quoted ranges"


def measured(*kinds: str) -> UpgradePlan:
    plan = samples.two_hops()
    return plan.model_copy(update={"measured": tuple(step.id for _, step in plan.steps() if step.kind in kinds)})


def done_to(number: int, plan: UpgradePlan | None = None) -> UpgradeRun:
    """A run whose first steps are done."""
    made = plan or measured()
    ids = [step.id for _, step in made.steps()]
    return samples.run(plan=made, steps=dict.fromkeys(ids[:number], DONE))


# -- who is in charge -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("taken", "owner", "said"),
    [
        (None, None, "In charge: <@U0ADA>, requester · run"),
        (None, "U0ADA", "In charge: <@U0ADA>, requester · run"),
        (None, "Team <!here>", "In charge: <@U0ADA>, requester · run"),
        (None, "S0SHOP1", "In charge: <!subteam^S0SHOP1> · requested by <@U0ADA> · run"),
        ("U0BEN", "S0SHOP1", "In charge: <@U0BEN> · requested by <@U0ADA> · run"),
        ("cli:<ben>", None, "In charge: cli:&lt;ben&gt; · requested by <@U0ADA> · run"),
        ("U0ADA", "S0SHOP1", "In charge: <@U0ADA>, requester · run"),
    ],
)
def test_an_unfinished_run_names_who_is_in_charge_once(taken: str | None, owner: str | None, said: str) -> None:
    for status in RunStatus:
        run = samples.run(status, in_charge=taken)
        shown = words_of(render_run(run, [], owner=owner))
        assert (said in shown) is not status.finished
        assert shown.count("<@U0ADA>") == 1


def test_status_of_one_run_names_who_is_in_charge_as_well() -> None:
    told = render_standing(samples.run(), [], None, None, owner="S0SHOP1", now=samples.NOW)
    assert "In charge: <!subteam^S0SHOP1>" in words_of(told)


def test_nobody_is_in_charge_of_what_is_over() -> None:
    assert "In charge" not in words_of(render_run(samples.run(RunStatus.SUCCEEDED), [], owner="S0SHOP1"))
    taken = samples.run(RunStatus.SUCCEEDED, in_charge="U0BEN")
    assert "taken over by <@U0BEN> · requested by <@U0ADA> · run" in words_of(render_run(taken, []))


# -- how much is done -------------------------------------------------------------------------------------------------


def test_the_bar_grows_with_the_work_and_is_full_only_at_the_end() -> None:
    steps = len(list(samples.two_hops().steps()))
    bars = [words_of(render_run(done_to(number), [])) for number in range(steps + 1)]
    assert "▱▱▱▱▱▱▱▱▱▱ 0 % of the work done" in bars[0]
    percents = [int(bar.split(" % of the work")[0].split()[-1]) for bar in bars]
    assert percents == sorted(set(percents))
    assert percents[-2] < percents[-1] == 100
    assert "▰▰▰▰▰▰▰▰▰▰ 100 %" in bars[-1]


def test_a_control_plane_weighs_more_than_an_add_on() -> None:
    plan = samples.two_hops()
    minutes = {step.id: (0.0, 0.0) for _, step in plan.steps()}
    minutes |= {"control-plane@1.35": (20.0, 40.0), f"addon/vpc-cni@{samples.ADDONS['vpc-cni']}": (10.0, 10.0)}
    told = words_of(render_run(done_to(2, plan.model_copy(update={"minutes": minutes})), []))
    assert "▰▰▰▰▰▰▰▱▱▱ 75 % of the work done" in told


def test_a_paused_run_shows_how_far_it_came() -> None:
    assert "% of the work done" in words_of(render_run(samples.run(RunStatus.PAUSED), []))


@pytest.mark.parametrize(
    "status", [RunStatus.CHECKING, RunStatus.AWAITING_APPROVAL, RunStatus.SCHEDULED, RunStatus.SUCCEEDED]
)
def test_there_is_no_bar_before_the_start_and_after_the_end(status: RunStatus) -> None:
    assert "of the work done" not in words_of(render_run(samples.run(status), []))


def test_there_is_no_bar_where_people_do_all_of_it() -> None:
    plan = samples.two_hops().model_copy(update={"minutes": {}})
    assert "of the work done" not in words_of(render_run(done_to(1, plan), []))


# -- what the estimate is made from -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan", "basis"),
    [(measured(*UPDATES), OWN), (measured("control-plane"), PARTLY), (measured(), QUOTED)],
)
def test_an_estimate_says_what_it_is_made_from(plan: UpgradePlan, basis: str) -> None:
    request = PlanRequest(cluster=samples.PROD, target=samples.V36)
    planned = words_of(render_plan(plan, samples.report(), request, [], startable=True))
    assert f" · estimate {basis} · nodes:" in planned
    run = done_to(1, plan)
    for shown in (render_run(run, []), render_status([run], lambda _: None)):
        assert f" left, {basis}" in words_of(shown)
    waiting = samples.run(RunStatus.AWAITING_APPROVAL, plan=plan)
    assert basis in words_of(render_run(waiting, []))


def test_the_basis_is_that_of_what_is_left() -> None:
    plan = measured("nodegroup")
    behind = sum(phase.kind != "nodes" for phase in plan.phases for _ in phase.steps)
    assert f" left, {PARTLY}" in words_of(render_run(done_to(1, plan), []))
    assert f" left, {OWN}" in words_of(render_run(done_to(behind, plan), []))


def test_a_plan_of_an_older_version_of_the_bot_says_nothing_of_its_basis() -> None:
    assert samples.two_hops().measured is None
    told = words_of(render_run(done_to(1, samples.two_hops()), []))
    assert " left*" in told
    assert " left, " not in told
    plan = render_plan(samples.two_hops(), samples.report(), PlanRequest(cluster=samples.PROD), [], startable=True)
    assert "estimate" not in words_of(plan)
