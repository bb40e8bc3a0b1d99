"""Calls as people read them: within Slack's rules, nothing comes alive, and true of what goes on by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from handlers.ids import Action, RunRef
from handlers.views.calls import call_lines, render_call, render_call_over
from handlers.views.kit import Message
from handlers.views.text import local_time
from tests.handlers import samples
from tests.handlers.test_views import WORDS, assert_nothing_comes_alive, assert_slack_takes, mrkdwn_of
from upgrade.calls import Call
from upgrade.run import RunStatus, StepState, StepStatus
from upgrade.troubles import CallKind, Trouble

THREAD = "https://acme.slack.com/archives/C0OPS/p1"
STEP = "control-plane@1.35"
UNDER_WAY = {STEP: StepState(status=StepStatus.FOLLOWING, update_id="u-1", slow_told=True)}


def call(kind: CallKind = CallKind.FAILED, reason: str = f"{STEP} failed: no") -> Call:
    due_at = samples.NOW
    return Call(
        key="failed:7:person", kind=kind, trouble="failed:7", to=("U0ADA",), due_at=due_at, since=due_at, reason=reason
    )


def words(message: Message) -> str:
    return "\n".join(mrkdwn_of(message.blocks))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("kind", CallKind)
def test_every_call_is_taken_by_slack_and_nothing_in_it_comes_alive(kind: CallKind, word: str) -> None:
    run = samples.run(plan=samples.two_hops())
    trouble = Trouble(key="failed:7", kind=kind, seq=7, since=samples.NOW, reason=word, open=True)
    for message in (
        render_call(call(kind, word), run, THREAD),
        render_call(call(kind, word), run, None, direct=True),
        render_call_over(trouble, run),
        render_call_over(trouble.model_copy(update={"acknowledged_by": word or None}), run),
    ):
        assert_slack_takes(message)
        assert_nothing_comes_alive(message)


def test_a_call_says_what_can_wait_and_what_each_button_does() -> None:
    plan = samples.two_hops()
    still = samples.run(RunStatus.PAUSED, plan=plan, steps={STEP: StepState(status=StepStatus.FAILED)})
    said = words(render_call(call(), still, THREAD))
    assert "<@U0ADA>" in said
    assert "It can wait until morning" in said
    assert "*Acknowledge* ends these calls" in said
    assert "*Retry* tries the step again; *Abort* ends the run here" in said
    going = words(
        render_call(call(CallKind.STALLED, f"{STEP} takes long."), samples.run(plan=plan, steps=UNDER_WAY), None)
    )
    assert "EKS finishes that on its own" in going
    assert "Nothing new starts by itself." in going


def test_the_buttons_of_a_call_carry_what_it_is_about_and_go_when_somebody_has_seen_it() -> None:
    run = samples.run(plan=samples.two_hops())
    shown = render_call(call(), run, THREAD, direct=True)
    assert "<@U0ADA>" not in shown.text
    (row,) = [block["elements"] for block in shown.blocks if block["type"] == "actions"]
    assert [one["action_id"] for one in row] == [Action.ACKNOWLEDGE, Action.TAKE_OVER, Action.MUTE, Action.NOTE]
    assert {RunRef.decode(one["value"]).step for one in row} == {"failed:7"}
    trouble = Trouble(
        key="failed:7", kind=CallKind.FAILED, seq=7, since=samples.NOW, reason="x", open=True, acknowledged_by="U0BEN"
    )
    over = render_call_over(trouble, run)
    assert "<@U0BEN> has seen it" in over.text
    (left,) = [block["elements"] for block in over.blocks if block["type"] == "actions"]
    assert [one["action_id"] for one in left] == [Action.TAKE_OVER, Action.NOTE]
    taken = samples.run(plan=samples.two_hops(), in_charge="U0BEN")
    again = render_call_over(trouble, run, brief=True)
    assert again.text == "✅ <@U0BEN> has seen it."
    ended = render_call_over(trouble.model_copy(update={"open": False}), run)
    for none in (render_call_over(trouble, taken), again, ended):
        assert all(block["type"] != "actions" for block in none.blocks)


def test_a_call_is_done_once_its_step_is_and_retry_alone_does_not_do_it() -> None:
    trouble = Trouble(
        key="failed:7", kind=CallKind.FAILED, seq=7, since=samples.NOW, reason=f"{STEP} failed: no", step=STEP
    )
    retried = trouble.model_copy(update={"retried_by": "U0BEN", "acknowledged_by": "U0CY"})
    for status in (StepStatus.PENDING, StepStatus.FOLLOWING, StepStatus.FAILED):
        run = samples.run(plan=samples.two_hops(), steps={STEP: StepState(status=status)})
        said = render_call_over(retried, run).text
        assert "Retried by <@U0BEN>: *prod-eu*: Control plane to `1.35` failed: no" in said
        assert "<@U0CY> had seen it." in said
        assert "✅" not in said
    for status in (StepStatus.DONE, StepStatus.SKIPPED):
        run = samples.run(plan=samples.two_hops(), steps={STEP: StepState(status=status)})
        assert render_call_over(retried, run).text.startswith("✅ Over: *prod-eu*: Control plane")
    given_up = samples.run(RunStatus.ABORTED, steps={STEP: StepState(status=StepStatus.FAILED)})
    assert render_call_over(trouble, given_up).text.startswith("⏹️ Over: ")
    assert render_call_over(retried, given_up, brief=True).text == "⏹️ Retried by <@U0BEN>."
    other = trouble.model_copy(update={"step": ""})
    assert render_call_over(other, samples.run()).text.startswith("✅ Over: ")


@pytest.mark.parametrize(
    ("kubelets", "hour", "zone", "lasts"),
    [
        ("1.34=4 1.35=3", 1, "UTC", "until morning"),
        ("1.34=4 1.35=3", 14, "UTC", "for hours"),
        ("1.34=4 1.35=3", 14, "Asia/Tokyo", "until morning"),
    ],
)
def test_nodes_of_two_versions_can_wait_until_morning_only_at_night(
    kubelets: str, hour: int, zone: str, lasts: str
) -> None:
    state = StepState(status=StepStatus.FAILED, memory={"kubelets": kubelets})
    run = samples.run(
        RunStatus.PAUSED, plan=samples.two_hops(), steps={samples.HALF_ROTATED.step_id: state}, time_zone=zone
    )
    said = words(render_call(call().model_copy(update={"due_at": samples.NOW.replace(hour=hour)}), run, THREAD))
    assert "Half-way: core (" in said
    assert f"Nodes of both versions work beside each other and can stay so {lasts}." in said
    assert "It can wait until morning" not in said


@pytest.mark.parametrize(("kubelets", "cordoned", "waits"), [("1.34=3", "0", True), ("1.34=3", "1", False)])
def test_a_group_that_is_as_it_was_can_wait_and_is_not_half_way(kubelets: str, cordoned: str, waits: bool) -> None:
    state = StepState(status=StepStatus.FAILED, memory={"kubelets": kubelets, "cordoned": cordoned})
    run = samples.run(RunStatus.PAUSED, plan=samples.two_hops(), steps={samples.HALF_ROTATED.step_id: state})
    said = words(render_call(call(), run, THREAD))
    assert ("It can wait until morning: no update is under way" in said) is waits
    assert ("Nodes as last seen: core (3 on 1.34)." in said) is waits
    assert ("Half-way: core (" in said) is not waits
    assert "both versions" not in said


@pytest.mark.parametrize(
    ("step", "status", "title"),
    [
        ("addon/coredns@v1.13.1-eksbuild.1", StepStatus.FAILED, "coredns `v1.13.1-eksbuild.1`"),
        ("verify@1.35", StepStatus.BLOCKED, "Verify `1.35`"),
    ],
)
def test_what_workloads_may_suffer_from_is_looked_at_before_morning(step: str, status: StepStatus, title: str) -> None:
    run = samples.run(RunStatus.PAUSED, plan=samples.two_hops(), steps={step: StepState(status=status)})
    said = words(render_call(call(reason=f"{step} failed: no"), run, THREAD))
    assert f"Look at the cluster before you leave it until morning: workloads may suffer from {title}." in said
    assert "It can wait until morning" not in said
    assert "No update is under way, no node group is half-way, nothing new starts." in said


def test_while_slack_is_away_a_page_offers_what_works_without_it() -> None:
    held = samples.run(RunStatus.RUNNING, plan=samples.two_hops(), steps={}, holds=("slack",))
    said = "\n".join(call_lines(call(CallKind.STALLED, "Slack cannot be reached."), held, paged=True))
    assert "nothing new starts before Slack is back; then the run goes on by itself." in said
    assert "No button works before Slack is back." in said
    assert f"`eks-upgrade-bot pause {held.id}`" in said
    assert "*Acknowledge*" not in said
    going = "\n".join(call_lines(call(), held.model_copy(update={"steps": UNDER_WAY}), paged=True))
    assert "EKS finishes that on its own" in going
    # A step that stands still for its own reasons does not go on with Slack.
    assert going.splitlines()[-2] == "Nothing new starts by itself."
    other = "\n".join(call_lines(call(), samples.run(plan=samples.two_hops()), paged=True))
    assert "In the run's thread in Slack: *Acknowledge* ends these calls" in other


def test_a_reminder_names_the_start_that_waits_for_the_approval() -> None:
    wanted, expires = samples.NOW + timedelta(hours=9), samples.NOW + timedelta(hours=24)
    plan = samples.two_hops()
    waits = samples.run(RunStatus.AWAITING_APPROVAL, plan=plan, started_at=None, wanted_at=wanted, expires_at=expires)
    said = words(render_call(call(CallKind.APPROVAL), waits, THREAD))
    assert f"until {local_time(expires)}; then the run is over. It is to start {local_time(wanted)}. Approve" in said
