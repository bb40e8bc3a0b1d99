"""Dialogs, Home, and the short answers, with hostile and huge words, through Slack's own rules."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError

from handlers.conversation import Caller
from handlers.errors import explain, open_dialog
from handlers.ids import Dialog, Input, RunRef, finding_key
from handlers.modals import FieldWrong, command_of, fields_of
from handlers.views.buttons import approval_text
from handlers.views.clusters import render_clusters
from handlers.views.dialogs import (
    render_abort_dialog,
    render_answer_dialog,
    render_approve_dialog,
    render_note_dialog,
    render_reject_dialog,
    render_request_dialog,
    render_waive_dialog,
)
from handlers.views.progress import Minutes, versions
from handlers.views.run import render_run
from handlers.views.runs import render_history, render_looking, render_started, render_status, render_steered
from handlers.words import ClusterCommand, Word
from sandbox.slack.blocks import validate_view
from tests.bot.conftest import client_of
from tests.handlers import samples
from tests.handlers.conftest import Desk, said
from tests.handlers.samples import PROD, V35, V36
from tests.handlers.test_views import RUNS, WORDS, assert_nothing_comes_alive, assert_slack_takes, mrkdwn_of
from upgrade.checklist import items_for
from upgrade.eks import ClusterId
from upgrade.errors import NotNow, UpgradeError
from upgrade.estimate import phase_minutes, total_minutes
from upgrade.plan import ChecklistItem, NodePolicy, PlanRequest, Scope
from upgrade.run import AbortPreview, RunStatus, Tick, UnderWay, UpgradeRun
from upgrade.service import ConfiguredCluster
from upgrade.versions import KubernetesVersion

LINK = "https://x.slack.com/archives/C1/p1"


def clusters(number: int, word: str = "ok") -> list[ConfiguredCluster]:
    return [
        ConfiguredCluster(
            id=ClusterId(account="111122223333", region="eu-central-1", name=f"prod-{n}"),
            environment=word,
            time_zone="Europe/Berlin",
            owner=word,
            check_only=bool(n % 2),
            check_only_reason=word,
        )
        for n in range(number)
    ]


def assert_view(view: dict[str, Any], surface: str = "modal") -> None:
    assert validate_view(view, surface) == []
    for text in mrkdwn_of(view["blocks"]):
        assert "<!channel>" not in text
        assert "<@U0EVIL>" not in text


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("number", [0, 1, 3, 150])
def test_every_view_is_one_that_slack_takes(word: str, number: int) -> None:
    known = clusters(number, word)
    runs = [samples.run(run.status, requester=word, pause_reasons=(word,)) for run in RUNS.values()] * (number // 3)
    run = samples.run(requester=word)
    bad = [samples.finding(word, f"{word}{n}", waivable=True) for n in range(number)]
    preview = AbortPreview(
        under_way=tuple(UnderWay(step_id=word, update_id=word) for _ in range(number)),
        control_plane=V35,
        done=(word,),
        not_done=(word,) * number,
        node_groups=tuple(samples.HALF_ROTATED.model_copy(update={"name": word}) for _ in range(number)),
    )
    ref = RunRef(run.id, samples.two_hops().digest, "plan")
    assert_view(render_request_dialog(known, channel="C0OPS"))
    assert_view(render_request_dialog(known, channel="C0OPS", looking=True))
    assert_view(render_abort_dialog(run, preview))
    assert_view(render_approve_dialog(with_items(word, number), ref))
    assert_view(render_reject_dialog(run, ref))
    assert_view(render_note_dialog(run, ref))
    assert_view(render_waive_dialog(run, bad, ref))
    assert_view(render_answer_dialog("Abort", explain(NotNow(word or "no", word))))
    assert_view(render_request_dialog(known, channel="", chosen=known[-1].id if known else None))
    for message in (
        render_clusters(known, {}),
        render_clusters(known, {}, looking=True),
        render_status(runs, lambda _: LINK),
        render_history(runs, PROD, lambda _: None),
        render_started(run, LINK),
        render_steered(run, Word.PAUSE, None),
        render_looking(PlanRequest(cluster=PROD)),
        explain(UpgradeError(word or "no", word)),
    ):
        assert_slack_takes(message)
        assert_nothing_comes_alive(message)


def with_items(word: str, number: int) -> UpgradeRun:
    """A run with so many items on its check list, of which the first is ticked."""
    items = tuple(
        ChecklistItem(id=f"item-{n}", rule="A-22", title=word or "x", sentence=word, link="https://example.com")
        for n in range(number)
    )
    ticks = tuple(Tick(item=item.id, by=word, at=samples.NOW) for item in items[:1])
    plan = samples.two_hops().model_copy(update={"checklist": items})
    return samples.run(RunStatus.AWAITING_APPROVAL, plan=plan, ticks=ticks)


def test_who_approves_reads_what_cannot_be_taken_back() -> None:
    noted = samples.two_hops().model_copy(update={"notes": ("From control plane 1.36 on, there is no <way> back.",)})
    ref = RunRef("r", noted.digest, "plan")
    view = render_approve_dialog(samples.run(RunStatus.AWAITING_APPROVAL, plan=noted), ref)
    told = "\n".join(mrkdwn_of(view["blocks"]))
    assert "EKS cannot cancel what is under way." in told
    assert "Way back: the control plane to 1.35 only" in told
    assert "there is no &lt;way&gt; back" in told


def test_a_plan_whose_control_plane_is_there_already_names_one_version() -> None:
    rest = samples.two_hops().model_copy(update={"from_version": samples.V36, "to_version": samples.V36})
    run = samples.run(RunStatus.AWAITING_APPROVAL, plan=rest)
    assert versions(run) == "to 1.36"
    assert f"{run.cluster.name} to 1.36, about" in approval_text(run)


def test_at_a_gate_half_way_the_question_is_about_its_phase() -> None:
    plan, gate = samples.two_hops(gate=True).model_copy(update={"checklist": ()}), f"nodes@{samples.V36}"
    run = samples.run(RunStatus.AWAITING_APPROVAL, plan=plan, waiting_for=gate)
    phase = next(one for one in plan.phases if one.gate == gate)
    lasts = Minutes(*phase_minutes(phase, plan.minutes))
    whole = Minutes(*total_minutes(plan))
    assert lasts != whole
    assert approval_text(run).startswith(f"{run.cluster.name} 1.34 → 1.36, Nodes to 1.36, about {lasts}.")
    for half_way, asked in (
        (run, "Approve this phase?"),
        (run.model_copy(update={"waiting_for": "plan"}), "this plan?"),
    ):
        (row,) = [block["elements"] for block in render_run(half_way, []).blocks if block["type"] == "actions"]
        assert asked in row[0]["confirm"]["title"]["text"]


def test_the_longest_check_list_is_whole_in_its_dialog() -> None:
    items = items_for([KubernetesVersion(1, minor) for minor in range(21, 38)])
    plan = samples.two_hops().model_copy(update={"checklist": items})
    view = render_approve_dialog(samples.run(RunStatus.AWAITING_APPROVAL, plan=plan), RunRef("r", plan.digest, "plan"))
    assert_view(view)
    said = "\n".join(mrkdwn_of(view["blocks"]))
    assert all(f"{item.sentence} <{item.link}|Read more>" in said for item in items)
    groups = [block for block in view["blocks"] if block["type"] == "input"]
    assert [group["block_id"] for group in groups] == ["ticks", "ticks:1", "ticks:2", "ticks:3"][: len(groups)]
    boxes = [option for group in groups for option in group["element"]["options"]]
    assert [(box["value"], box["text"]["text"]) for box in boxes] == [(item.id, item.title) for item in items]


def test_what_is_ticked_in_all_groups_is_one_field() -> None:
    def group(*ids: str) -> dict[str, Any]:
        return {"ticks": {"type": "checkboxes", "selected_options": [{"value": one} for one in ids]}}

    view = {"state": {"values": {"ticks": group("a", "b"), "ticks:1": group("c"), "ticks:2": group()}}}
    assert fields_of(view) == {Input.TICKS: "a b c"}


def test_clusters_of_one_name_are_told_apart() -> None:
    twins = [
        ConfiguredCluster(id=ClusterId(account="111122223333", region=region, name="twin"))
        for region in ("eu-central-1", "us-east-1")
    ]
    options = render_request_dialog(twins, channel="C")["blocks"][1]["element"]["options"]
    assert [one["text"]["text"] for one in options] == [
        "twin (eu-central-1, 111122223333)",
        "twin (us-east-1, 111122223333)",
    ]


def test_a_link_that_is_none_is_not_made_one() -> None:
    said = render_started(samples.run(), "javascript:alert(1)")
    assert "<javascript" not in said.text


def test_the_abort_dialog_names_what_finishes_and_what_is_left() -> None:
    preview = AbortPreview(
        under_way=(UnderWay(step_id=f"control-plane@{V35}", update_id="5f3c"),),
        control_plane=V35,
        not_done=(f"control-plane@{V36}",),
    )
    said = "\n".join(mrkdwn_of(render_abort_dialog(samples.run(), preview)["blocks"]))
    assert "Control plane to `1.35`, update `5f3c`" in said
    assert "*Left behind*\n• Control plane: `1.35`" in said
    assert "*Not done*\n• Control plane to `1.36`" in said


def test_the_abort_dialog_tells_how_far_a_node_group_is() -> None:
    mix = samples.HALF_ROTATED
    failed = AbortPreview(control_plane=V36, node_groups=(mix,), not_done=(mix.step_id,))
    said = "\n".join(mrkdwn_of(render_abort_dialog(samples.run(), failed)["blocks"]))
    assert (
        "*Left behind*\n• Control plane: `1.36`\n• Node group core: 4 nodes on `1.34`, 3 on `1.35`; 1 cordoned" in said
    )
    going = AbortPreview(under_way=(UnderWay(step_id=mix.step_id, update_id="5f3c"),), node_groups=(mix,))
    said = "\n".join(mrkdwn_of(render_abort_dialog(samples.run(), going)["blocks"]))
    assert "update `5f3c`; now 4 nodes on `1.34`, 3 on `1.35`; 1 cordoned" in said
    assert "Left behind" not in said


def test_the_abort_dialog_says_which_nodes_stay_behind_the_control_plane() -> None:
    last = tuple(f"nodegroup/{name}@{V36}" for name in ("core", "batch"))
    stay = "stay on their kubelet version, behind the control plane"

    def said(version: KubernetesVersion, *not_done: str) -> str:
        preview = AbortPreview(control_plane=version, not_done=not_done)
        return "\n".join(mrkdwn_of(render_abort_dialog(samples.run(), preview)["blocks"]))

    assert f"• Nodes of core, batch {stay}" in said(V35, *last)
    assert f"• Nodes of batch {stay}" in said(V36, last[1])
    assert stay not in said(V36)
    assert stay not in said(samples.V34, *last)


GOOD = {
    Input.VERB: "start",
    Input.CLUSTER: str(PROD),
    Input.TARGET: "1.36",
    Input.SCOPE: "nodes",
    Input.NODES: "every-hop",
}


def test_the_form_is_the_command() -> None:
    assert command_of(GOOD) == ClusterCommand(Word.START, str(PROD), V36, Scope.NODES, NodePolicy.EVERY_HOP)
    assert command_of({Input.VERB: "check", Input.CLUSTER: "a"}) == ClusterCommand(Word.CHECK, "a")


@pytest.mark.parametrize(
    ("field", "value"), [(Input.VERB, "explode"), (Input.VERB, ""), (Input.CLUSTER, ""), (Input.TARGET, "latest")]
)
def test_a_wrong_field_is_named(field: Input, value: str) -> None:
    with pytest.raises(FieldWrong) as wrong:
        command_of({**GOOD, field: value})
    assert wrong.value.field is field


@pytest.mark.parametrize("field", [Input.SCOPE, Input.NODES])
def test_a_forged_choice_is_refused(field: Input) -> None:
    with pytest.raises(UpgradeError):
        command_of({**GOOD, field: "everything"})


def test_findings_are_told_apart_by_code_and_subject() -> None:
    keys = {finding_key(samples.finding(code, subject)) for code in ("A", "B") for subject in ("x", "y")}
    assert len(keys) == 4


def _refused(answer: dict[str, Any]) -> Exception:
    return SlackApiError("no", answer)  # type: ignore[no-untyped-call]


class Screen:
    """A client that shows no more than three dialogs."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def views_open(self, *, trigger_id: str, view: dict[str, Any]) -> None:
        self.shown.append(f"open {view['title']['text']}")

    def views_push(self, *, trigger_id: str, view: dict[str, Any]) -> None:
        if len(self.shown) == 3:
            raise _refused({"ok": False, "error": "push_limit_reached"})
        self.shown.append(f"push {view['title']['text']}")


def test_a_dialog_opens_over_the_one_in_which_its_button_is() -> None:
    screen, run = Screen(), samples.run()
    view = render_note_dialog(run, RunRef(run.id))
    title = view["title"]["text"]
    pressed = {"user": {"id": "U1"}, "actions": [{"action_id": "run.note"}], "view": {"type": "modal"}}
    open_dialog(screen, Caller("U1", "C0OPS", "command:1"), view)
    open_dialog(screen, Caller.of_action(pressed), view)
    open_dialog(screen, Caller.of_action(pressed), view)
    assert screen.shown == [f"open {title}", f"push {title}", f"push {title}"]
    with pytest.raises(NotNow, match="Close one"):
        open_dialog(screen, Caller.of_action(pressed), view)


def test_what_is_pressed_in_an_answer_belongs_to_the_channel_where_it_was_asked() -> None:
    asked = render_answer_dialog("Upgrade", explain(NotNow("no")), channel="C0OPS")
    body = {"user": {"id": "U1"}, "actions": [{"action_id": "command.type"}], "view": asked}
    assert Caller.of_action(body).channel == "C0OPS"
    other = {**asked, "callback_id": Dialog.NOTE.value, "private_metadata": "r-1|||"}
    assert Caller.of_action({**body, "view": other}).channel == ""


def test_a_button_of_home_that_does_nothing_any_more_is_answered_in_a_dialog(desk: Desk) -> None:
    home = {"type": "home", "blocks": [{"type": "actions", "elements": [old_button()]}]}
    client_of(desk.face).views_publish(user_id="U0ADA", view=home)
    view = desk.face.workspace.modals.home("U0ADA")
    assert view is not None
    assert desk.face.people.act_in_view("ada", view.id, "of.another.version").ok
    assert "That button does nothing any more." in said(desk.dialog("ada"))


def old_button() -> dict[str, Any]:
    return {"type": "button", "action_id": "of.another.version", "text": {"type": "plain_text", "text": "Old"}}
