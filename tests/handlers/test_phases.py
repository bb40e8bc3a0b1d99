"""The phases of a run as a plan block: what each task says, what Slack limits, and what outsiders cannot make of it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from handlers.views import kit, limits
from handlers.views.kit import Message
from handlers.views.run import render_run
from handlers.views.text import code, esc, person
from sandbox.slack.blocks import validate_blocks
from tests.handlers import samples
from tests.handlers.samples import NOW, V35, V36
from tests.handlers.test_views import HOSTILE, RUNS, assert_nothing_comes_alive, elements_of
from upgrade.gates import GateTerms
from upgrade.run import RunStatus, StepState, StepStatus, UpgradeRun

MOVE, COREDNS = f"control-plane@{V35}", f"addon/coredns@{samples.ADDONS['coredns']}"


def plan_of(message: Message) -> dict[str, Any]:
    assert message.cards is not None
    (block,) = [block for block in message.cards if block["type"] == "plan"]
    return block


def tasks_of(run: UpgradeRun) -> dict[str, tuple[str, str]]:
    """By id: status and title."""
    tasks = plan_of(render_run(run, []))["tasks"]
    return {task["task_id"]: (task["status"], task["title"]) for task in tasks}


def with_step(step_id: str, status: StepStatus, *, run: RunStatus = RunStatus.RUNNING, **values: Any) -> UpgradeRun:
    state = StepState(status=status, started_at=NOW, **values)
    return samples.run(run, steps={**samples.half_way(NOW), step_id: state})


def words(block: dict[str, Any]) -> str:
    return "".join(element.get("text", "@") for element in block["elements"][0]["elements"])


# -- what a task says -------------------------------------------------------------------------------------------------


def test_each_phase_is_a_task_with_what_is_short_in_its_title() -> None:
    block = plan_of(render_run(samples.run(), []))
    assert block["title"] == "2 of 6 phases done"
    assert [(task["status"], task["title"]) for task in block["tasks"]] == [
        ("complete", "Announcement"),
        ("complete", "Control plane to 1.35 · 11 min"),
        ("in_progress", "Add-ons for 1.35 · 2/3"),
        ("pending", "Control plane to 1.36 · 8-30 min"),
        ("pending", "Add-ons for 1.36 · 3-15 min"),
        ("pending", "Nodes to 1.36 · 3-15 min"),
    ]
    nodes = block["tasks"][-1]["details"]
    assert words(nodes) == "core 1.36.1-20261110, batch 1.36.1-20261110, ✋ self-managed/gpu"
    assert {"type": "text", "text": "1.36.1-20261110", "style": {"code": True}} in nodes["elements"][0]["elements"]
    assert all("details" not in task for task in block["tasks"][:3])


@pytest.mark.parametrize(
    ("run", "step", "status", "said"),
    [
        (RunStatus.RUNNING, StepStatus.FOLLOWING, "in_progress", "2/3"),
        (RunStatus.RUNNING, StepStatus.BLOCKED, "error", "2/3 · blocked"),
        (RunStatus.PAUSED, StepStatus.FAILED, "error", "2/3 · failed"),
        (RunStatus.PAUSED, StepStatus.PENDING, "pending", "2/3 · paused"),
        (RunStatus.ABORTED, StepStatus.PENDING, "pending", "2/3 · stopped"),
        (RunStatus.ABORTED, StepStatus.FAILED, "error", "2/3 · failed"),
        (RunStatus.RUNNING, StepStatus.DONE, "complete", "2 min"),
    ],
)
def test_a_phase_stands_as_its_steps_do(run: RunStatus, step: StepStatus, status: str, said: str) -> None:
    ends = {"finished_at": NOW + timedelta(minutes=2)} if step is StepStatus.DONE else {}
    told = tasks_of(with_step(COREDNS, step, run=run, **ends))
    assert told[f"add-ons@{V35}"] == (status, f"Add-ons for 1.35 · {said}")


def test_a_phase_that_waits_for_its_approval_does_not_turn() -> None:
    run = samples.run(plan=samples.two_hops(gate=True), waiting_for=f"nodes@{V36}")
    assert tasks_of(run)[f"nodes@{V36}"] == ("pending", "Nodes to 1.36 · 0/3 · waits for its approval")
    assert json.dumps(render_run(run, []).cards).count("waits for its approval") == 1


def test_what_is_not_done_any_more_takes_no_time() -> None:
    run = samples.run(RunStatus.ABORTED)
    assert tasks_of(run)[f"nodes@{V36}"] == ("pending", "Nodes to 1.36")
    assert "details" not in plan_of(render_run(run, []))["tasks"][-1]


def test_the_title_counts_the_phases_that_are_ticked_and_no_verification() -> None:
    everything = {step.id: StepState(status=StepStatus.DONE) for _, step in samples.two_hops().steps()}
    verifying = {**everything, f"verify@{V36}": StepState(status=StepStatus.FOLLOWING)}
    first = samples.run(steps={"announce": StepState(status=StepStatus.DONE)})
    titles = [
        plan_of(render_run(run, []))["title"]
        for run in (first, samples.run(RunStatus.SUCCEEDED, steps=everything), samples.run(steps=verifying))
    ]
    assert titles == ["1 of 6 phases done", "6 of 6 phases done", "6 of 6 phases done"]


def test_a_verification_is_a_task_only_while_it_is_worth_one() -> None:
    assert f"verify@{V35}" not in tasks_of(samples.run())
    assert tasks_of(with_step(f"verify@{V35}", StepStatus.FOLLOWING))[f"verify@{V35}"] == ("in_progress", "Verify 1.35")


def test_who_keeps_a_gate_is_a_mention() -> None:
    terms = GateTerms(attended="U0CY", within=timedelta(hours=2))
    plan = samples.two_hops(gate=True)
    *hops, nodes = plan.phases
    run = samples.run(plan=plan.model_copy(update={"phases": (*hops, nodes.model_copy(update={"gate_terms": terms}))}))
    details = plan_of(render_run(run, []))["tasks"][-1]["details"]
    assert elements_of(details, "user") == [{"type": "user", "user_id": "U0CY"}]
    assert words(details).endswith("own approval, attended by @: pauses after 2 h")


# -- what stays outside of it -----------------------------------------------------------------------------------------


def test_what_is_under_way_stands_under_the_plan_where_nothing_folds_it() -> None:
    message = render_run(samples.run(), [])
    assert message.cards is not None
    kinds = [block["type"] for block in message.cards]
    assert kinds == ["header", "section", "plan", "section", "context", "actions"]
    now = message.cards[3]["text"]["text"]
    assert now == "🔄 coredns `v1.13.1-eksbuild.1`: Deployment coredns 1/2", "what is under way, and nothing twice"
    assert json.dumps(message.cards).count("Add-ons for 1.35") == 1


def test_why_a_step_failed_stands_under_the_plan() -> None:
    run = with_step(MOVE, StepStatus.FAILED, run=RunStatus.PAUSED, reasons=("No free addresses.",))
    cards = render_run(run, []).cards or []
    assert "No free addresses." in "".join(block["text"]["text"] for block in cards if block["type"] == "section")


@pytest.mark.parametrize("name", RUNS)
def test_all_but_the_phases_is_as_in_sections(name: str) -> None:
    run = RUNS[name]
    message = render_run(run, [], problem="no channel")
    begun = run.status is not RunStatus.BLOCKED and run.plan and (run.started_at or run.status.finished)
    assert (message.cards is not None) == bool(begun)
    if message.cards is not None:
        same = [block for block in message.blocks if block in message.cards]
        assert len(same) == len(message.blocks) - 1
        assert message.as_arguments(cards=True)["text"] == message.as_arguments()["text"]


# -- limits and hostile words -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("phases", "taken"), [(limits.TASKS, True), (limits.TASKS + 1, False)])
def test_more_phases_than_a_plan_takes_are_lines(phases: int, taken: bool) -> None:
    (first, *_) = samples.two_hops().phases
    many = tuple(first.model_copy(update={"id": f"announce-{number}"}) for number in range(phases))
    message = render_run(samples.run(plan=samples.two_hops().model_copy(update={"phases": many})), [])
    assert (message.cards is not None) is taken
    if message.cards is not None:
        assert len(plan_of(message)["tasks"]) == phases
        assert validate_blocks(message.as_arguments(cards=True)["blocks"]) == []


def test_what_is_too_much_for_one_message_are_lines() -> None:
    plan = samples.two_hops()
    phases = tuple(
        phase.model_copy(update={"id": f"{phase.id}-{number}"}) for number in range(8) for phase in plan.phases
    )
    message = render_run(samples.run(plan=plan.model_copy(update={"phases": phases})), [])
    assert message.cards is None
    small = render_run(samples.run(), [])
    assert limits.size(small.cards or []) < limits.BLOCKS_SIZE


def test_a_hostile_title_and_name_stay_words() -> None:
    plan = samples.two_hops()
    phases = tuple(
        phase.model_copy(
            update={
                "title": HOSTILE,
                "steps": tuple(
                    step.model_copy(update={"name": HOSTILE} if hasattr(step, "name") else {}) for step in phase.steps
                ),
            }
        )
        for phase in plan.phases
    )
    message = render_run(samples.run(plan=plan.model_copy(update={"phases": phases})), [])
    assert_nothing_comes_alive(message)
    assert validate_blocks(message.as_arguments(cards=True)["blocks"]) == []
    last = plan_of(message)["tasks"][-1]
    assert last["title"].startswith("<!channel> <@U0EVIL> <http://evil.example|AWS console> & `code` *bold* \ufffd")
    assert "<!channel> <@U0EVIL> <http://evil.example|AWS console> & code *bold*" in words(last["details"])


@pytest.mark.parametrize(
    ("text", "elements"),
    [
        ("plain", [{"type": "text", "text": "plain"}]),
        (code("a & b"), [{"type": "text", "text": "a & b", "style": {"code": True}}]),
        (person("U0BEN"), [{"type": "user", "user_id": "U0BEN"}]),
        (person("S0OPS"), [{"type": "usergroup", "usergroup_id": "S0OPS"}]),
        (esc("<@U0BEN> &lt;"), [{"type": "text", "text": "<@U0BEN> &lt;"}]),
        ("<!date^1^{date}|today>", [{"type": "text", "text": "today"}]),
        ("a `", [{"type": "text", "text": "a `"}]),
    ],
)
def test_rich_text_has_the_words_of_mrkdwn(text: str, elements: list[dict[str, Any]]) -> None:
    assert kit.rich_text(text)["elements"][0]["elements"] == elements
    assert validate_blocks([kit.rich_text(text)]) == []
