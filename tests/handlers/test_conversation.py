"""What people type, press and fill in, over real Socket Mode, and what they see then."""

from __future__ import annotations

import html
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from handlers.commands import start
from handlers.conversation import Caller, Conversation
from sandbox.slack import AppManifest, Fault, InstalledApp, Message, View
from sandbox.slack.errors import NotVisible
from sandbox.slack.inputs import every_box
from tests.bot.conftest import MANIFEST
from tests.handlers.conftest import QUICK, Desk, MakeDesk, MakeFace, buttons_of, said
from tests.upgrade.snapshots import insight, with_facts
from upgrade.checks import REGISTRY
from upgrade.eks import Insights, Issue
from upgrade.events import EventKind
from upgrade.plan import PlanRequest
from upgrade.run import Intent, RunStatus, UpgradeRun


def blocked(desk: Desk) -> None:
    """EKS reports an error that a person may waive."""
    fake = desk.clusters["prod-eu"]
    bad = insight("Deprecated APIs removed in Kubernetes v1.35", "1.35", "ERROR", reason="old clients")
    fake.snapshot = with_facts(fake.snapshot, insights=Insights(items=(bad,)))


def values_of(message: Message | View) -> list[str]:
    """What the buttons carry."""
    return [one.get("value", "") for row in message.blocks if row["type"] == "actions" for one in row["elements"]]


def slow(desk: Desk) -> None:
    """Updates last longer than any test."""
    desk.clusters["prod-eu"].minutes["cluster"] = 1_000_000.0


def started(desk: Desk, text: str = "start prod-eu to 1.35") -> UpgradeRun:
    """A run whose plan waits for its approval."""
    assert desk.type(text).ok
    desk.until_buttons("approve")
    return desk.runs()[0]


def mentioned(desk: Desk, who: str, word: str) -> Message:
    """What somebody is answered who mentions the bot in the thread."""
    heard = len(desk.whispers(who))
    desk.face.people.post_message(who, "ops", f"@eks-upgrades {word}", thread_ts=desk.top.ts)
    desk.until(lambda: len(desk.whispers(who)) > heard)
    return desk.whispers(who)[-1]


def kinds(desk: Desk, run: UpgradeRun) -> list[EventKind]:
    return [event.kind for event in desk.server.service.events(run.id)]


# -- looking ----------------------------------------------------------------------------------------------------------


def test_words_are_answered_to_the_one_who_typed(desk: Desk) -> None:
    assert "`/eks-upgrade check prod-eu` is the cluster ready?" in desk.answer("help")
    assert "prod-eu" in (clusters := desk.answer("clusters"))
    assert "check and plan only: it has no change_role." in clusters
    assert "Nothing is under way." in desk.answer("status")
    assert "No run yet." in desk.answer("history")
    assert "Did you mean start?" in desk.answer("strat prod-eu")
    unknown = desk.answer("start prod-us")
    assert "No cluster named “prod-us” is configured." in unknown
    assert "lab, prod-eu" in unknown
    assert "That is 900 characters long" in desk.answer("x" * 900)
    assert desk.runs() == []
    assert desk.whispers("ben") == []


def test_what_is_refused_is_answered_with_buttons_that_type_the_next_move(desk: Desk) -> None:
    def pressed(label: str) -> Message:
        """What the newest answer's button with this command says."""
        before = len(desk.whispers())
        answer = desk.whispers()[-1]
        elements = [one for block in answer.blocks if block["type"] == "actions" for one in block["elements"]]
        action = next(one["action_id"] for one in elements if one.get("value") == label)
        assert desk.face.people.click("ada", answer, action).ok
        desk.until(lambda: len(desk.whispers()) > before)
        return desk.whispers()[before]

    assert "Did you mean help?" in desk.answer("hlep pause")
    assert "Start nothing more; what is under way finishes." in said(pressed("help pause"))
    assert "Nothing is under way." in desk.answer("status")
    assert "No maintenance is scheduled." in said(pressed("calendar"))
    assert "Which cluster shall I start?" in desk.answer("start")
    assert "checking first" in said(pressed("start prod-eu"))
    assert [run.cluster.name for run in desk.runs()] == ["prod-eu"], "once, however it was asked for"
    desk.until_buttons("approve")
    assert "prod-eu already has an unfinished run" in desk.answer("start prod-eu")
    assert "Waiting for approval" in said(pressed("status"))
    assert "is neither a run nor a cluster" in desk.answer("pause prod")
    assert "Nothing more is started" in said(pressed("pause prod-eu"))
    desk.until(lambda: desk.runs()[0].intent is Intent.PAUSE)


def test_help_with_a_word_says_who_may(desk: Desk) -> None:
    assert "You may." in desk.answer("help start")
    assert "⛔ Not you: That is for the role operator or admin." in desk.answer("help start", "ben")


def test_check_and_plan_come_from_a_worker_and_change_nothing(desk: Desk) -> None:
    assert "Looking at prod-eu" in desk.answer("check prod-eu")
    desk.until(lambda: len(desk.whispers()) == 2)
    assert "Ready: nothing is in the way." in said(desk.whispers()[-1])
    desk.answer("plan prod-eu")
    desk.until(lambda: len(desk.whispers()) == 4)
    plan = desk.whispers()[-1]
    assert "prod-eu: plan 1.34 → 1.35" in said(plan)
    assert buttons_of(plan)[0] == "request.start"
    assert "request.plan:1.36" in buttons_of(plan)
    assert desk.face.people.click("ada", plan, "request.plan:1.36").ok
    desk.until(lambda: "prod-eu: plan 1.34 → 1.36" in said(desk.whispers()[-1]))
    assert desk.clusters["prod-eu"].log == []
    assert desk.runs() == []


def test_a_check_is_repeated_for_whoever_presses_recheck_and_for_nobody_else(desk: Desk) -> None:
    desk.answer("check prod-eu to 1.36")
    desk.until(lambda: len(desk.whispers()) == 2)
    assert "Ready: nothing is in the way." in said(desk.whispers()[-1])
    blocked(desk)
    assert desk.face.people.click("ada", desk.whispers()[-1], "request.check").ok
    desk.until(lambda: len(desk.whispers()) == 4)
    again = desk.whispers()[-1]
    assert "⛔ Not ready: 1 finding is in the way." in said(again)
    assert "A run can have these waived, with a reason: `INS001`." in said(again)
    assert buttons_of(again) == ["request.check", "request.plan"]
    assert desk.whispers("ben") == []
    assert desk.runs() == []


def test_the_whole_report_is_a_file_for_whoever_asked(desk: Desk) -> None:
    desk.answer("check prod-eu to 1.36", "ben")
    desk.until(lambda: len(desk.whispers("ben")) == 2)
    answer = said(desk.whispers("ben")[-1])
    assert "`readiness-prod-eu-1.36.html`, in your messages with me." in answer
    page = desk.files("ben")["readiness-prod-eu-1.36.html"]
    assert "<title>prod-eu: Kubernetes 1.34 to 1.36</title>" in page
    assert all(check.title in html.unescape(page) for check in REGISTRY)
    assert desk.files("ada") == {}
    assert not [one for one in desk.face.workspace.messages("ops") if one.files], "nobody else sees it"


def test_the_audit_pack_of_a_run_is_a_file_for_whoever_asked(desk: Desk) -> None:
    run = started(desk)
    desk.until_status(RunStatus.AWAITING_APPROVAL)
    for form, begins in (("html", b"<!DOCTYPE html>"), ("json", b"{"), ("csv", b"run,cluster"), ("md", b"# Upgrade")):
        answer = desk.answer(f"export prod-eu {form}")
        assert files_of(desk)[f"{run.id}.{form}"].startswith(begins)
        assert f"The audit pack of prod-eu is in your messages with me: `{run.id}.{form}`." in answer


def test_status_of_one_run_has_no_buttons_and_its_picture_is_in_their_messages(desk: Desk) -> None:
    run = started(desk)
    desk.until_status(RunStatus.AWAITING_APPROVAL)
    answer = desk.answer("status prod-eu")
    assert "prod-eu: Kubernetes 1.34 → 1.35" in answer
    assert f"Its picture `{run.id}.png` is in your messages with me" in answer
    assert buttons_of(desk.whispers()[-1]) == []
    assert files_of(desk)[f"{run.id}.png"].startswith(b"\x89PNG")
    assert "neither a run nor a cluster" in desk.answer("status nobody")


def files_of(desk: Desk) -> dict[str, bytes]:
    """What ada has been handed, by its name."""
    workspace = desk.face.workspace
    direct = workspace.direct_message(workspace.user("ada").id)
    files = [file for message in workspace.messages(direct.id) for file in message.files]
    return {file["name"]: workspace.uploads.content(file["id"]) for file in files}


def test_without_the_scope_the_answer_says_where_the_report_is(make_desk: MakeDesk, make_face: MakeFace) -> None:
    """An app that was installed from an older manifest has no files:write."""
    old = AppManifest.from_yaml(
        "\n".join(line for line in MANIFEST.read_text().splitlines() if "files:write" not in line)
    )
    desk = make_desk(face=make_face(app=InstalledApp.install(old)))
    desk.answer("check prod-eu")
    desk.until(lambda: len(desk.whispers()) == 2)
    answer = said(desk.whispers()[-1])
    assert "Ready: nothing is in the way." in answer
    assert "`eks-upgrade-bot check prod-eu --to 1.35 --format html`" in answer
    assert desk.files() == {}


def test_explain_needs_no_cluster_and_no_role(make_desk: MakeDesk) -> None:
    desk = make_desk(roles={"viewer": {"users": ["U0CY"]}, "approver": {"users": ["U0BEN"]}})
    answer = desk.answer("explain pdb001")
    assert "`PDB001` Every PodDisruptionBudget allows an eviction" in answer
    assert "may be waived" in answer
    assert "No check has the code" in desk.answer("explain ZZZ999")
    assert "is not the code of a check" in desk.answer("explain <!channel>")


def test_a_version_that_is_not_offered_is_answered_with_those_that_are(desk: Desk) -> None:
    desk.answer("plan prod-eu to 1.99")
    desk.until(lambda: len(desk.whispers()) == 2)
    answer = said(desk.whispers()[-1])
    assert "EKS does not offer Kubernetes 1.99" in answer
    assert "Allowed: 1.35" in answer


def test_a_check_only_cluster_is_not_started(desk: Desk) -> None:
    assert "it has no change_role" in desk.answer("start lab")
    assert desk.runs() == []


def test_who_may_not_look_is_told_so(make_desk: MakeDesk) -> None:
    roles = {"viewer": {"users": ["U0CY"]}, "approver": {"users": ["U0BEN"]}}
    desk = make_desk(roles=roles)
    assert "That is for the role viewer, operator, approver or admin." in desk.answer("check prod-eu")
    assert "That is for the role viewer" in desk.answer("status")
    assert "Nothing is under way." in desk.answer("status", "cy")
    assert "Nothing is under way." in desk.answer("status", "ben")


# -- the whole way ----------------------------------------------------------------------------------------------------


def test_from_the_command_to_the_upgraded_cluster(desk: Desk) -> None:
    assert "checking first" in desk.answer("start prod-eu to 1.35")
    desk.until_buttons("approve", "reject", "abort")
    waiting = said(desk.top)
    assert "Waiting for approval" in waiting
    assert "Control plane to 1.35" in waiting
    desk.approve()
    run = desk.until_status(RunStatus.SUCCEEDED)
    desk.until(lambda: "Done in" in said(desk.top) and desk.face.workspace.thread("ops", desk.top.ts)[-1].files)
    assert "Done in" in desk.thread()[-2]
    assert str(desk.clusters["prod-eu"].snapshot.control_plane.version) == "1.35"
    assert "approved by <@U0BEN>" in said(desk.top)
    assert desk.buttons() == []
    final, picture = desk.face.workspace.thread("ops", desk.top.ts)[-2:]
    assert "The control plane can go back one minor until" in said(final)
    assert picture.files[0]["name"] == f"{run.id}.png"
    notice, *_ = desk.face.workspace.messages("maintenance-notices")
    desk.until(lambda: "Finished" in desk.face.workspace.messages("maintenance-notices")[0].text)
    assert desk.face.workspace.permalink(desk.top) in said(notice)
    assert "@platform" in said(notice)
    assert run.id in desk.answer("history prod-eu")
    assert [call for call in desk.face.workspace.api_calls if call.error] == []


def test_a_plan_is_started_by_its_button(desk: Desk) -> None:
    desk.answer("plan prod-eu")
    desk.until(lambda: len(desk.whispers()) == 2)
    assert desk.face.people.click("ada", desk.whispers()[-1], "request.start").ok
    desk.until_buttons("approve")
    assert desk.runs()[0].requester == "U0ADA"


def test_a_second_start_answers_with_the_running_thread(desk: Desk) -> None:
    slow(desk)
    started(desk)
    answer = desk.answer("start prod-eu", "ben")
    assert "prod-eu already has an unfinished run" in answer
    assert f"<{desk.face.workspace.permalink(desk.top)}|Go to its thread>" in answer
    assert len(desk.runs()) == 1


def test_two_starts_at_once_are_one_run(desk: Desk) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda who: desk.type("start prod-eu", who), ["ada"] * 4))
    assert all(outcome.ok for outcome in outcomes)
    desk.until_buttons("approve")
    assert len(desk.runs()) == 1


# -- decisions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("ada", "That is for the role approver"),
        ("guest", "Guests cannot do that."),
        ("stranger", "People of other workspaces cannot do that."),
    ],
)
def test_whoever_may_not_decide_is_told_so_before_a_form_is_shown(desk: Desk, who: str, why: str) -> None:
    run = started(desk)
    heard = len(desk.whispers(who))
    assert desk.click("run.approve", who).ok
    assert desk.click("run.reject", who).ok
    desk.until(lambda: len(desk.whispers(who)) == heard + 2)
    assert all(why in said(one) for one in desk.whispers(who)[heard:])
    assert desk.dialogs(who) == []
    assert desk.server.service.run(run.id).approvals == ()
    assert "run.approve" in desk.buttons()


def test_an_approval_is_judged_when_it_is_given_too(make_desk: MakeDesk) -> None:
    """Where nothing has to be ticked, there is no form: the click is the decision."""
    desk = make_desk(environments={"prod": {**QUICK, "checklist": "shown"}})
    run = started(desk)
    assert desk.click("run.approve", "ada").ok
    desk.entry("That is for the role approver")
    assert desk.server.service.run(run.id).approvals == ()


def test_the_start_of_somebody_who_may_not_is_called_off(desk: Desk) -> None:
    assert desk.type("start prod-eu", "ben").ok
    desk.until_status(RunStatus.REJECTED)
    desk.until(lambda: desk.face.workspace.messages("ops") and "Not started" in desk.top.text)
    assert "That is for the role operator" in desk.entry("Not started")


def test_the_preview_is_for_the_one_who_asks_and_announces_nothing(desk: Desk) -> None:
    assert "prod-eu has had no run yet" in desk.answer("preview prod-eu")
    run = started(desk)
    before = kinds(desk, run)
    shown = desk.answer("preview prod-eu")
    assert "Maintenance: prod-eu" in shown
    assert "nothing was announced" in shown
    assert not [one for one in desk.face.workspace.messages("maintenance-notices") if one.by_bot]
    assert kinds(desk, run) == before


def test_a_decision_on_an_outdated_screen_changes_nothing(desk: Desk) -> None:
    run = started(desk)
    old = Message(**{**vars(desk.top), "blocks": [dict(block) for block in desk.top.blocks]})
    desk.approve()
    desk.until_status(RunStatus.SUCCEEDED)
    before = kinds(desk, run)
    for action in ("run.approve", "run.reject", "run.abort"):
        assert desk.click(action, "ben", old).ok
    desk.until(lambda: len(desk.whispers("ben")) >= 1)
    assert "has ended" in said(desk.whispers("ben")[0])
    assert kinds(desk, run) == before


def test_a_double_click_and_a_redelivered_click_are_one_approval(desk: Desk) -> None:
    run = started(desk)
    desk.face.faults.duplicate_next_envelopes()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: desk.click("run.approve"), range(2)))
    desk.until(lambda: sum(call.method == "views.open" for call in desk.face.workspace.api_calls) == 3)
    view = desk.dialog("ben")
    desk.face.faults.duplicate_next_envelopes()

    def submit(_: int) -> None:
        with suppress(NotVisible):  # the other click has closed it
            desk.face.people.submit_view("ben", view.id, every_box(view.blocks))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(submit, range(2)))
    desk.until_status(RunStatus.SUCCEEDED)
    assert kinds(desk, run).count(EventKind.APPROVAL_GIVEN) == 1
    assert EventKind.APPROVAL_REFUSED not in kinds(desk, run)
    assert kinds(desk, run).count(EventKind.RUN_STARTED) == 1


def test_approve_asks_for_the_check_list_and_counts_with_every_item_ticked(desk: Desk) -> None:
    run = started(desk)
    assert run.plan is not None
    items = [item.id for item in run.plan.checklist]
    assert desk.click("run.approve").ok
    view = desk.dialog("ben")
    assert all(f"{item.sentence} <{item.link}|Read more>" in said(view) for item in run.plan.checklist)
    people = desk.face.people
    assert people.submit_view("ben", view.id).errors == {"ticks": "Please complete this required field."}
    short = people.submit_view("ben", view.id, {"ticks": items[1:]})
    assert set(short.errors) == {"ticks"}
    assert "Not ticked yet: Release notes of 1.35." in short.errors["ticks"]
    assert desk.server.store.inbox(run.id) == ()
    assert desk.server.service.run(run.id) == run, "nothing was written"
    assert people.submit_view("ben", view.id, {"ticks": items}).ok
    desk.until_status(RunStatus.SUCCEEDED)
    told = desk.entry("<@U0BEN> ticked: Release notes of 1.35; ")
    assert "<@U0BEN> approved the plan" in told
    assert desk.entry("Ticked by <@U0BEN>: Release notes of 1.35; ")
    assert [tick.item for tick in desk.runs()[0].ticks] == items


def test_a_second_approver_sees_who_ticked_and_is_asked_as_without_a_list(make_desk: MakeDesk) -> None:
    desk = make_desk(environments={"prod": {**QUICK, "approvals": 2}})
    run = started(desk)
    assert "Approve: tick 7…" in said(desk.top)
    desk.approve("ben")
    desk.until(lambda: "(1 of 2 given)" in said(desk.top))
    assert "7 items of the check list ticked by <@U0BEN>" in said(desk.top)
    row = next(block for block in desk.top.blocks if block["type"] == "actions")
    assert row["elements"][0]["confirm"]["title"]["text"] == "Approve this plan?"
    assert desk.click("run.approve", "cy").ok
    desk.until_status(RunStatus.SUCCEEDED)
    assert {tick.by for tick in desk.server.service.run(run.id).ticks} == {"U0BEN"}


def test_where_the_list_is_only_shown_approve_asks_for_no_tick(make_desk: MakeDesk) -> None:
    desk = make_desk(environments={"prod": {**QUICK, "checklist": "shown"}})
    started(desk)
    assert (
        "To look after: <https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-1.35.md|Release"
        in said(desk.top)
    )
    assert desk.click("run.approve").ok
    assert desk.until_status(RunStatus.SUCCEEDED).ticks == ()
    assert desk.dialogs("ben") == []


def test_a_list_that_was_ticked_for_a_plan_that_is_gone_is_refused_in_the_dialog(desk: Desk) -> None:
    run = started(desk)
    assert desk.click("run.approve").ok
    view = desk.dialog("ben")
    assert desk.type("abort prod-eu").ok
    desk.until_status(RunStatus.ABORTED)
    refused = desk.face.people.submit_view("ben", view.id, every_box(view.blocks))
    assert (refused.ok, refused.errors) == (True, {}), "no box can put that right: the dialog says so in its place"
    assert "has ended: it was aborted" in said(desk.dialog("ben"))
    assert EventKind.APPROVAL_GIVEN not in kinds(desk, run)
    assert values_of(desk.dialog("ben")) == [f"status {run.id}", "status"]
    assert desk.face.people.act_in_view("ben", view.id, "command.type:1").ok
    desk.until(lambda: "Aborted" in said(desk.dialog("ben")))
    assert desk.whispers("ben") == []


def test_reject_asks_why(desk: Desk) -> None:
    started(desk)
    assert desk.click("run.reject").ok
    view = desk.dialog("ben")
    assert desk.face.people.submit_view("ben", view.id, {"reason": "not on a <!channel> Friday"}).ok
    desk.until_status(RunStatus.REJECTED)
    desk.until(lambda: "Rejected: not on a &lt;!channel&gt; Friday" in said(desk.top))
    desk.entry("rejected the plan: not on a &lt;!channel&gt; Friday")
    assert "rejected by <@U0BEN>" in said(desk.top)


def test_a_finding_is_waived_with_a_reason_by_a_second_person(desk: Desk) -> None:
    blocked(desk)
    assert desk.type("start prod-eu to 1.35").ok
    desk.until_buttons("recheck", "waive")
    assert desk.click("report.send", "cy").ok
    desk.until(lambda: desk.files("cy"))
    assert "Not ready: 1 finding is in the way" in desk.files("cy")["readiness-prod-eu-1.35.html"]
    assert "INS001" in said(desk.top)
    assert desk.click("run.waive").ok
    view = desk.dialog("ben")
    finding = view.blocks[0]["element"]["options"][0]["value"]
    people, filled = desk.face.people, {"finding": finding, "reason": "only the old dashboard"}
    assert people.submit_view("ben", view.id, {"finding": finding, "reason": "   "}).errors
    over = people.submit_view("ben", view.id, filled | {"until": "2026-11-02"})
    assert "2026-11-02 is over." in str(over.errors)
    assert people.submit_view("ben", view.id, filled | {"until": "2027-01-31"}).ok
    desk.until_buttons("approve")
    assert "waived by <@U0BEN>" in said(desk.top)
    assert "until 2027-01-31: only the old dashboard" in desk.entry("waived `INS001`")
    desk.approve("cy")
    desk.until_status(RunStatus.SUCCEEDED)


def test_a_dialog_that_is_asked_for_twice_opens_once_and_one_that_came_too_late_says_so(desk: Desk) -> None:
    started(desk)
    desk.face.faults.duplicate_next_envelopes()
    assert desk.click("run.reject").ok
    view = desk.dialog("ben")
    desk.until(lambda: sum(call.method == "views.open" for call in desk.face.workspace.api_calls) == 2)
    desk.face.people.close_view("ben", view.id)
    assert desk.whispers("ben") == []
    desk.face.faults.fail_next("views.open", Fault("error", code="expired_trigger_id"))
    assert desk.click("run.reject").ok
    desk.until(lambda: desk.whispers("ben"))
    assert "Press the button once more." in said(desk.whispers("ben")[-1])


def test_recheck_looks_again(desk: Desk) -> None:
    healthy = desk.clusters["prod-eu"].snapshot
    blocked(desk)
    assert desk.type("start prod-eu to 1.35").ok
    desk.until_buttons("recheck")
    desk.clusters["prod-eu"].snapshot = healthy
    assert desk.click("run.recheck", "ada").ok
    desk.until_buttons("approve")
    desk.entry("asked to look again")


# -- steering ---------------------------------------------------------------------------------------------------------


def test_pause_by_button_resume_by_command(desk: Desk) -> None:
    slow(desk)
    run = started(desk)
    desk.approve()
    desk.until_buttons("pause")
    desk.until(lambda: desk.clusters["prod-eu"].log)
    assert desk.click("run.pause", "cy").ok, "anyone who sees a run may pause it"
    desk.until_buttons("resume", "abort")
    assert "Control plane to `1.35` will still finish." in said(desk.top)
    assert "noted" in desk.answer("resume prod-eu")
    desk.until(lambda: desk.server.service.run(run.id).intent is Intent.GO)
    assert "is paused already" not in desk.answer("pause " + run.id)
    desk.until(lambda: desk.server.service.run(run.id).intent is Intent.PAUSE)
    assert "is paused already" in desk.answer("pause prod-eu")
    desk.until(lambda: kinds(desk, run).count(EventKind.PAUSE_REQUESTED) == 2)


def test_a_mention_in_the_thread_is_the_button(desk: Desk) -> None:
    slow(desk)
    run = started(desk)
    desk.approve()
    desk.until_buttons("pause")
    desk.face.people.post_message("cy", "ops", "@eks-upgrades pause", thread_ts=desk.top.ts)
    desk.until(lambda: desk.server.service.run(run.id).intent is Intent.PAUSE)
    desk.face.people.post_message("cy", "ops", "@eks-upgrades explode", thread_ts=desk.top.ts)
    desk.until(lambda: desk.whispers("cy"))
    assert "“explode” does not steer a run." in said(desk.whispers("cy")[-1])
    desk.face.people.post_message("cy", "ops", "@eks-upgrades resmue", thread_ts=desk.top.ts)
    desk.until(lambda: len(desk.whispers("cy")) == 2)
    assert values_of(desk.whispers("cy")[-1]) == [f"resume {run.id}", "help"]
    desk.face.people.post_message("cy", "ops", "@eks-upgrades pause", thread_ts=desk.top.ts)
    desk.until(lambda: len(desk.whispers("cy")) == 3)
    assert values_of(desk.whispers("cy")[-1]) == ["resume prod-eu", "status"]
    desk.face.people.post_message("cy", "ops", "@eks-upgrades pause")
    desk.until(lambda: len(desk.whispers("cy")) == 4)
    assert "in the thread of a run" in said(desk.whispers("cy")[-1])


def test_a_button_in_a_thread_is_answered_there_unless_the_bot_may_not_write_there(desk: Desk) -> None:
    started(desk)
    thread, refusal = desk.top.ts, mentioned(desk, "cy", "explode")
    assert desk.face.people.click("cy", refusal, "command.type:1").ok
    desk.until(lambda: len(desk.whispers("cy")) == 2)
    assert [one.thread_ts for one in desk.whispers("cy")] == [thread, thread]
    desk.face.faults.fail_next("chat.postEphemeral", Fault("error", code="not_in_channel"))
    assert desk.face.people.click("cy", refusal, "command.type:1").ok
    desk.until(lambda: len(desk.whispers("cy")) == 3)
    assert [one.thread_ts for one in desk.whispers("cy")] == [thread, thread, None]


@pytest.mark.parametrize(
    ("container", "message", "thread"),
    [
        ({"message_ts": "1.2", "thread_ts": "1.1"}, {}, "1.1"),
        ({"message_ts": "1.2", "thread_ts": "1.1"}, {"subtype": "thread_broadcast"}, ""),
        ({"message_ts": "1.1", "thread_ts": "1.1"}, {}, ""),
        ({"message_ts": "1.1"}, {}, ""),
        ({"view_id": "V1", "type": "view"}, None, ""),
    ],
)
def test_an_answer_stands_where_whoever_pressed_is_looking(
    container: dict[str, str], message: dict[str, str] | None, thread: str
) -> None:
    body = {"container": container, "user": {"id": "U1"}, "actions": [{"action_id": "a"}]}
    assert Caller.of_action(body if message is None else {**body, "message": message}).thread == thread


def test_abort_names_what_will_still_finish(desk: Desk) -> None:
    slow(desk)
    run = started(desk)
    desk.approve()
    desk.until(lambda: any(state.update_id for state in desk.server.service.run(run.id).steps.values()))
    update_id = next(s.update_id for s in desk.server.service.run(run.id).steps.values() if s.update_id)
    desk.until_buttons("abort")
    assert desk.click("run.abort", "ada").ok
    view = desk.dialog("ada")
    told = said(view)
    assert "Will still finish" in told
    assert f"Control plane to `1.35`, update `{update_id}`" in told
    assert "• Control plane: `1.35`" in told
    assert desk.face.people.submit_view("ada", view.id).ok
    desk.until(lambda: desk.server.service.run(run.id).intent is Intent.ABORT)
    desk.until(lambda: desk.buttons() == [])
    assert "will still finish" in said(desk.top)
    late = desk.answer("abort prod-eu")
    assert "is being aborted" in late


def test_a_typed_abort_asks_first_once_work_has_begun(desk: Desk) -> None:
    slow(desk)
    run = started(desk)
    desk.approve()
    desk.until(lambda: any(state.update_id for state in desk.server.service.run(run.id).steps.values()))
    assert desk.type("abort prod-eu", "ada").ok
    view = desk.dialog("ada")
    told = said(view)
    assert "Will still finish" in told
    assert "Control plane to `1.35`, update" in told
    assert desk.server.service.run(run.id).intent is Intent.GO
    assert "That is for" in desk.answer("abort prod-eu", "cy")
    assert desk.dialogs("cy") == []
    assert desk.face.people.submit_view("ada", view.id).ok
    desk.until(lambda: desk.server.service.run(run.id).intent is Intent.ABORT)


def test_an_abort_by_mention_asks_first_with_a_button_once_work_has_begun(desk: Desk) -> None:
    slow(desk)
    run = started(desk)
    desk.approve()
    desk.until(lambda: any(state.update_id for state in desk.server.service.run(run.id).steps.values()))
    for who in ("ada", "cy"):
        asked = mentioned(desk, who, "abort")
        assert "Nothing is stopped before you press Abort…" in said(asked)
        assert "Control plane to `1.35`, update" in said(asked)
        assert desk.click("run.abort", who, asked).ok
    assert desk.face.people.submit_view("ada", desk.dialog("ada").id).ok
    desk.until(lambda: desk.server.service.run(run.id).intent is Intent.ABORT)
    desk.until(lambda: "That is for the role operator or admin." in said(desk.whispers("cy")[-1]))
    assert desk.dialogs("cy") == []
    assert [e.actor for e in desk.server.service.events(run.id) if e.kind is EventKind.ABORT_REQUESTED] == ["U0ADA"]
    assert "is being aborted" in said(mentioned(desk, "ada", "abort"))


def test_who_may_not_reads_so_beside_the_thread(desk: Desk) -> None:
    started(desk)
    assert "🕒" in desk.answer("abort prod-eu", "cy")  # who may is looked up after the ack
    desk.until(lambda: any("may not abort" in said(one) for one in desk.whispers("cy")))
    desk.entry("<@U0CY> may not abort")
    assert not any("may not abort" in said(one) for one in desk.whispers("ada"))


def test_a_failed_step_is_told_in_plain_words_and_retried(desk: Desk) -> None:
    fake = desk.clusters["prod-eu"]
    fake.fail["nodegroup/core"] = [Issue(code="PodEvictionFailure", message="Reached max retries <!here>")]
    run = started(desk)
    desk.approve()
    desk.until_buttons("retry", "abort")
    entry = desk.entry("PodEvictionFailure")
    assert "&lt;!here&gt;" in entry
    assert "<@U0ADA>" in entry, "an edited message notifies nobody"
    assert desk.click("run.retry", "ada").ok
    desk.until_status(RunStatus.SUCCEEDED)
    assert kinds(desk, run).count(EventKind.RETRY_REQUESTED) == 1


# -- dialogs and Home -------------------------------------------------------------------------------------------------


def test_no_word_opens_a_dialog_that_does_the_same(desk: Desk) -> None:
    assert desk.type("").ok
    view = desk.dialog("ada")
    cluster = next(one["value"] for one in view.blocks[1]["element"]["options"] if one["text"]["text"] == "prod-eu")
    filled: dict[str, Any] = {"verb": "check", "cluster": cluster, "target": "latest"}
    refused = desk.face.people.submit_view("ada", view.id, filled)
    assert refused.errors == {"target": "That is not a Kubernetes version. Write it like 1.36."}
    assert desk.face.people.submit_view("ada", view.id, {**filled, "target": "1.35"}).ok
    desk.until(lambda: any("Ready: nothing is in the way." in said(one) for one in desk.whispers()))
    assert desk.type("").ok
    view = desk.dialog("ada")
    assert desk.face.people.submit_view("ada", view.id, {**filled, "verb": "start", "target": ""}).ok
    desk.until_buttons("approve")
    assert desk.type("", "ben").ok
    view = desk.dialog("ben")
    again = desk.face.people.submit_view("ben", view.id, {**filled, "verb": "start", "target": ""})
    assert again.ok, again.errors
    assert "already has an unfinished run" in said(desk.dialog("ben"))
    assert values_of(desk.dialog("ben")) == ["status"]
    assert desk.face.people.act_in_view("ben", view.id, "command.type:1").ok
    desk.until(lambda: "Waiting for approval" in said(desk.dialog("ben")))


def test_home_shows_what_is_under_way(make_desk: MakeDesk) -> None:
    desk = make_desk(operations_channel="#ops")
    started(desk)
    desk.face.people.open_home("cy")
    user = desk.face.workspace.user("cy").id
    desk.until(lambda: desk.face.workspace.modals.home(user))
    home = desk.face.workspace.modals.home(user)
    assert home is not None
    assert "Waiting for approval" in said(home)
    assert "lab" in said(home)
    assert desk.face.people.act_in_view("cy", home.id, "request.dialog").ok
    desk.dialog("cy")


# -- what goes wrong --------------------------------------------------------------------------------------------------


def test_a_busy_database_is_told_in_the_ack_and_changes_nothing(desk: Desk) -> None:
    holder = sqlite3.connect(desk.settings.database, isolation_level=None)
    holder.execute("begin immediate")
    try:
        outcome = desk.type("start prod-eu")
    finally:
        holder.execute("rollback")
        holder.close()
    assert outcome.ok, "acknowledged in time, with the error"
    assert "The database is busy, so nothing was saved." in said(desk.whispers()[-1])
    assert desk.runs() == []


def test_an_error_nobody_foresaw_is_a_reference_into_the_log(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.server.service, "status", lambda: 1 / 0)
    answer = desk.answer("status")
    assert "Something went wrong on my side" in answer
    reference = answer.partition("Reference `")[2][:8]
    assert any(getattr(record, "reference", "") == reference for record in caplog.records)
    assert "ZeroDivisionError" not in answer


def test_what_nobody_listens_to_is_acknowledged_all_the_same(desk: Desk) -> None:
    started(desk)
    forged = Message(**{**vars(desk.top), "blocks": [dict(block) for block in desk.top.blocks]})
    row = next(block for block in forged.blocks if block["type"] == "actions")
    row["elements"] = [{**row["elements"][0], "action_id": "run.nonsense"}, {**row["elements"][0], "value": "garbage|"}]
    assert desk.click("run.nonsense", "ben", forged).ok
    desk.until(lambda: "does nothing any more" in said(desk.whispers("ben")[-1]) if desk.whispers("ben") else False)
    assert desk.click("run.approve", "ben", forged).ok
    desk.until(lambda: "I cannot read what that button carries" in said(desk.whispers("ben")[-1]))


def test_forty_commands_at_once_are_all_acknowledged(desk: Desk) -> None:
    started(desk)
    with ThreadPoolExecutor(40) as pool:
        outcomes = list(pool.map(lambda n: desk.type("status" if n % 2 else "pause prod-eu", "cy"), range(40)))
    assert all(outcome.ok for outcome in outcomes)


def test_a_restart_in_between_goes_on_with_the_same_messages(make_desk: MakeDesk) -> None:
    first = make_desk()
    slow(first)
    run = started(first)
    first.approve()
    first.until(lambda: first.clusters["prod-eu"].log)
    first.stop()
    second = make_desk(face=first.face, database=first.settings.database, clock=first.settings.clock)
    second.until(lambda: EventKind.BOT_RESTARTED in kinds(second, run))
    second.until(lambda: any(entry.startswith("🔁 Restarted, following Control plane") for entry in second.thread()))
    tops = [m for m in second.face.workspace.messages("ops") if m.by_bot and not m.is_reply and not m.ephemeral_for]
    assert len(tops) == 1


def test_the_requesters_own_approval_does_not_count(make_desk: MakeDesk) -> None:
    desk = make_desk(roles={"admin": {"users": ["U0ADA", "U0BEN"]}})
    run = started(desk)
    desk.approve("ada")
    desk.entry("The person who asked for the upgrade cannot approve it.")
    assert desk.server.service.run(run.id).approvals == ()
    desk.approve("ben")
    desk.until_status(RunStatus.SUCCEEDED)


def test_a_redelivered_start_is_one_run_even_when_the_first_was_turned_down(desk: Desk) -> None:
    nobody: Any = None
    talk = Conversation(desk.server.service, desk.server.notifier, nobody, nobody)
    request = PlanRequest(cluster=desk.clusters["prod-eu"].snapshot.cluster)
    typed = Caller("U0BEN", "C0OPS", "command:1.2.3")
    first = start(talk, typed, request)
    desk.until_status(RunStatus.REJECTED)
    assert start(talk, typed, request) is first is not None, "an ack: Slack shows whichever comes first"
    assert start(talk, typed, request, again=False) is None, "a message: Slack would show both"
    assert len(desk.runs()) == 1
    assert start(talk, Caller("U0BEN", "C0OPS", "command:4.5.6"), request) is not None
    assert len(desk.runs()) == 2


@pytest.mark.parametrize("attempt", range(3))
def test_a_start_that_is_delivered_twice_is_answered_whichever_ack_comes_first(desk: Desk, attempt: int) -> None:
    desk.face.faults.duplicate_next_envelopes()
    assert "checking first" in desk.answer("start prod-eu")
    assert len(desk.runs()) == 1


def test_a_dialog_that_was_refused_can_be_corrected_and_sent_again(desk: Desk) -> None:
    slow(desk)
    run = started(desk)
    assert desk.type("", "ada").ok
    view = desk.dialog("ada")
    assert desk.type("abort prod-eu").ok
    desk.until_status(RunStatus.ABORTED)
    desk.server.service.look_at(run.cluster)
    form = {"verb": "start", "cluster": str(run.cluster), "target": "1.99"}
    assert "1.99" in desk.face.people.submit_view("ada", view.id, form).errors["cluster"]
    assert desk.face.people.submit_view("ada", view.id, {"target": "1.35"}).ok
    desk.until(lambda: len(desk.runs()) == 2)
