"""Whole stories with people who do what people do: wrong, twice, too early, too late, at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from handlers.ids import Dialog
from handlers.views.thread import render_entry
from sandbox.scenario import Scenario, load_scenario
from sandbox.slack import User
from sandbox.stage import OPERATIONS
from tests.scenarios.play import Play, buttons_of, said
from upgrade.events import EventKind
from upgrade.run import RunStatus


def scenario() -> Scenario:
    """The small clusters of the stories, one that is blocked in every way, and the fleet to look at."""
    people, fleet = load_scenario(Path(__file__).with_name("people.yaml")), load_scenario("fleet")
    blocked = load_scenario("blocked").clusters[0].model_copy(update={"name": "blocked", "environment": "quick"})
    return people.model_copy(update={"clusters": [*people.clusters, blocked, *fleet.clusters]})


@pytest.fixture(scope="module")
def play(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Play]:
    play = Play(scenario(), tmp_path_factory.mktemp("people"))
    workspace = play.slack.workspace
    for stranger in (User("gus", id="U0GUS", is_restricted=True), User("robot", id="U0ROBOT", is_bot=True)):
        stranger.team_id = workspace.team_id
        workspace.users[stranger.id] = stranger
    workspace.channel(OPERATIONS).members = {*workspace.users}
    with play:
        yield play


@pytest.fixture(autouse=True)
def _nothing_is_left_in_front_of_anybody(play: Play) -> Iterator[None]:
    yield
    play.closes_what_is_left()


# -- looking ----------------------------------------------------------------------------------------------------------


def test_everybody_may_look_and_looking_changes_nothing(play: Play) -> None:
    with play.unchanged():
        assert "`/eks-upgrade status` the runs that are not finished" in play.asks("dev", "help")
        assert "*staging-data* · `444455556666/eu-central-1` · staging" in play.asks("dev", "clusters")
        assert "Nothing is under way." in play.asks("dev", "status")
        assert "No run of prod-data yet." in play.asks("dev", "history prod-data")
        checked = play.asks("dev", "check prod-eu", answers=2)
        assert "prod-eu: 1.34 → 1.35\n*✅ Ready: nothing is in the way" in checked
        every_hop = play.asks("dev", "plan dev-eu-2 to 1.35 nodes every-hop", answers=2)
        assert "*Nodes to 1.34*: core" in every_hop
        assert "*Nodes to 1.35*: core" in every_hop
        assert "Plan to 1.36" in every_hop
        control_plane = play.asks("dev", "plan staging-eu only control-plane", answers=2)
        assert "*Control plane to 1.36*" in control_plane
        assert "*Nodes to" not in control_plane


def test_an_unknown_cluster_is_answered_with_the_known_ones_each_once(play: Play) -> None:
    with play.unchanged():
        for word in ("check", "plan", "start"):
            answer = play.asks("ana", f"{word} prod-uk to 1.36")
            assert "No cluster named “prod-uk” is configured." in answer
            known = answer.partition("Known clusters: ")[2].splitlines()[0].rstrip(".").split(", ")
            assert {"dev-eu-1", "prod-us", "pause"} <= set(known)
            assert len(known) == len(set(known)) == len(play.stage.scenario.clusters)


def test_an_ambiguous_name_lists_its_forms_and_any_of_them_works(play: Play) -> None:
    forms = ["111122223333/us-east-1/tools", "444455556666/us-east-1/tools"]
    with play.unchanged():
        for words in ("check tools", "start tools to 1.35", "pause tools", "history tools"):
            assert f"Write one of: {', '.join(forms)}." in play.asks("ana", words)
        assert "tools: 1.33 → 1.34" in play.asks("ana", f"check {forms[0]}", answers=2)
        assert "tools: 1.34 → 1.35" in play.asks("ana", f"check {forms[1]}", answers=2)


def test_app_home_shows_clusters_and_what_is_under_way(play: Play) -> None:
    def shown() -> str:
        view = play.slack.workspace.modals.home("U0DEV")
        return said(view) if view else ""

    play.slack.people.open_home("dev")
    play.until(lambda: "prod-data" in shown(), "the Home tab")
    assert "Nothing is under way" in shown()
    with play.story("ana", "reject") as run:
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        play.slack.people.open_home("dev")
        play.until(lambda: run.id in shown() or "Waiting for approval" in shown(), "the run in the Home tab")


# -- what cannot be asked for -----------------------------------------------------------------------------------------

GARBAGE: Final = (
    "💥",
    "strat prod-eu",
    "start",
    "start ../../etc/passwd",
    "start prod-eu to latest",
    "start prod-eu to 1.36; reboot",
    "start prod-eu to \u0661.\u0663\u0666",
    "start prod-eu to 1.36 to 1.35",
    "start prod-eu to 1.36 only everything",
    "start prod-eu 1.36",
    "start prod-eu\u200b to 1.36",
    "start prod-eu to \x1b[31m1.36",
    "<script>alert(1)</script>",
    "start <!channel> to 1.36",
    "check <@U0ANA>",
    "*start* prod-eu",
    "plan *prod-eu*",
    "pause nobody",
    "abort r-00000000",
    "resume '; drop table runs; --",
    "approve prod-eu",
    "history prod-eu staging-eu",
    "a" * 10_000,
    "start " + "prod-eu " * 1000,
    "\U0001f469\u200d\U0001f4bb" * 200,
)


@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: ascii(text[:24]))
def test_garbage_is_answered_clearly_and_changes_nothing(play: Play, text: str) -> None:
    with play.unchanged():
        answer = play.asks("ana", text)
    assert answer.startswith("⚠️ ")
    assert len(answer) < 1500
    assert "Something went wrong" not in answer
    assert not any(alive in answer for alive in ("<script>", "<!channel>", "<@U0ANA>", "\x1b", "\u200b"))


def test_a_mention_that_is_no_word_for_a_run_is_answered_and_changes_nothing(play: Play) -> None:
    with play.story("ana", "garbage") as run:
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        top = play.screen(run.id)
        for place, words in ((top.ts, "<b>pause</b>"), (top.ts, "pause now"), (None, "pause"), (top.ts, "x" * 5000)):
            heard = len(play.whispers("ana"))
            with play.unchanged():
                play.slack.people.post_message("ana", OPERATIONS, f"{play.bot_mention} {words}", thread_ts=place)
                play.until(lambda heard=heard: len(play.whispers("ana")) > heard, "an answer")  # type: ignore[misc]
            answer = play.whispers("ana")[-1]
            assert answer.startswith("⚠️ ")
            assert "mention me" in answer.lower() or "I know: cancel, pause, resume" in answer
            assert "<b>" not in answer


@pytest.mark.parametrize(
    ("words", "why"), [("to 1.39", "EKS does not offer Kubernetes 1.39"), ("to 1.30", "does not go back to 1.30")]
)
def test_a_version_that_cannot_be_had_is_refused_privately_with_those_that_can(
    play: Play, words: str, why: str
) -> None:
    play.until(lambda: play.has_looked_at("versions"), "the first look at the cluster")
    with play.unchanged():
        for word, answers in (("plan", 2), ("start", 1), ("schedule", 1)):
            behind = " at tomorrow 22:00" if word == "schedule" else ""
            told = play.asks("ana", f"{word} versions {words}{behind}", answers=answers)
            assert why in told
            assert "Allowed: 1.36." in told


def test_what_only_a_look_can_tell_ends_a_run_before_anybody_is_asked(play: Play) -> None:
    calls = len(play.effects("versions"))
    with play.unchanged():
        planned = play.asks("ana", "plan versions to 1.35", answers=2)
        assert "Allowed: 1.36." in planned
    run = play.starts("ana", "versions", "to 1.35")
    assert play.ends(run.id).status is RunStatus.REJECTED
    assert "Allowed: 1.36." in play.told(run.id, "⛔ Not started", "everything in scope “all” is level with it")
    assert play.buttons(run.id) == []
    assert len(play.effects("versions")) == calls


# -- the dialog -------------------------------------------------------------------------------------------------------


def test_the_dialog_does_what_the_command_does_and_shows_mistakes_under_the_field(play: Play) -> None:
    people = play.slack.people
    form = {"verb": "plan", "cluster": "111122223333/eu-central-1/modal", "target": "latest"}
    with play.unchanged():
        assert play.types("ana", "").ok
        view = play.dialog("ana")
        wrong = people.submit_view("ana", view.id, form)
        assert set(wrong.errors) == {"target"}
        assert "1.36" in wrong.errors["target"]
        heard = len(play.whispers("ana"))
        assert people.submit_view("ana", view.id, {"target": "1.36"}).ok
        play.until(lambda: len(play.whispers("ana")) == heard + 2, "the plan")
        assert "modal: plan 1.35 → 1.36" in play.whispers("ana")[-1]
        assert play.no_dialog("ana")
    play.types("ana", "")
    known = {run.id for run in play.store.find(limit=500)}
    assert people.submit_view("ana", play.dialog("ana").id, form | {"verb": "start", "target": "1.36"}).ok
    (run,) = [one for one in play.store.find(limit=500) if one.id not in known]
    play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
    with play.unchanged():
        play.types("chi", "")
        second = people.submit_view("chi", play.dialog("chi").id, form | {"verb": "start", "target": "1.36"})
        assert (second.ok, second.errors) == (True, {}), "no field of the form puts that right"
        assert "already has an unfinished run" in json.dumps(play.dialog("chi").blocks)
        people.close_view("chi", play.dialog("chi").id)
    play.types("ana", f"abort {run.id}")
    play.ends(run.id)


# -- pause, abort, reject ---------------------------------------------------------------------------------------------


def test_pause_holds_after_the_update_under_way_and_resume_goes_on(play: Play) -> None:
    with play.story("ana", "pause") as run:
        with play.holding("pause"):
            play.approved(run.id, "ben")
            going = play.until_under_way(run.id, "control-plane")
            assert play.presses("ana", run.id, "pause").ok
            play.told(run.id, "<@U0ANA> asked for a pause", play.run(run.id).step(going).update_id or "", "will finish")
        play.told(run.id, "✅ Control plane to `1.36`")
        paused_for = play.stage.clock.now()
        play.until(lambda: play.stage.clock.now() - paused_for > timedelta(minutes=10), "ten minutes")
        assert play.run(run.id).status is RunStatus.PAUSED
        assert [effect.subject for effect in play.effects("pause")] == ["control-plane"]
        with play.holding("pause", "nodegroup/core"):
            assert "goes on" in play.asks("ana", "resume pause")
            play.until_under_way(run.id, "nodegroup")
            play.mentions("dev", run.id, "pause")  # anybody who sees a run may pause it
            play.told(run.id, "<@U0DEV> asked for a pause")
        play.mentions("dev", run.id, "resume")
        play.refused(run.id, "<@U0DEV>", "may not resume")
        assert play.presses("ana", run.id, "resume").ok
        before = play.screen(run.id)
        assert play.ends(run.id).status is RunStatus.SUCCEEDED
    started_after_pause(play, run.id)
    assert play.buttons(run.id) == []
    assert "✅ Finished" in play.notices(run.id)[0]
    with play.unchanged():  # a click on a screen that was not redrawn, a word in the thread of a finished run
        heard = len(play.whispers("ana"))
        stale = next(one for one in buttons_of(before) if one.startswith("run."))
        assert play.slack.people.click("ana", before, stale).ok
        play.until(lambda: len(play.whispers("ana")) > heard, "an answer to the stale click")
        assert "has ended: it succeeded" in play.whispers("ana")[-1]
        assert "Nothing is under way." in play.asks("ana", "status")
        assert "has ended: it succeeded" in play.asks("ana", "pause pause")
        assert "Done in" in play.asks("ana", "history pause")


def started_after_pause(play: Play, run_id: str) -> None:
    """Between a pause and the resume no step was started."""
    paused = False
    for event in play.events(run_id):
        paused = (paused or event.kind is EventKind.PAUSE_REQUESTED) and event.kind is not EventKind.RUN_RESUMED
        assert not (paused and event.kind is EventKind.STEP_STARTED), event


def test_abort_names_what_will_finish_and_the_run_stays_until_then(play: Play) -> None:
    with play.story("ana", "abort") as run:
        with play.holding("abort"):
            play.approved(run.id, "ben")
            going = play.until_under_way(run.id, "control-plane")
            assert play.presses("ana", run.id, "abort").ok
            dialog = said(play.dialog("ana"))
            assert "*Will still finish*: EKS cannot cancel it" in dialog
            assert f"Control plane to `1.36`, update `{play.run(run.id).step(going).update_id}`" in dialog
            assert "*Left behind*\n• Control plane: `1.36`" in dialog
            assert "*Not done*\n• vpc-cni" in dialog
            assert not play.run(run.id).status.finished
            assert play.slack.people.submit_view("ana", play.dialog("ana").id).ok
            play.told(run.id, "aborts the run. EKS cannot cancel Control plane to `1.36`")
            assert "which is being aborted" in play.asks("ben", "start abort to 1.36")
        assert play.ends(run.id).status is RunStatus.ABORTED
        assert "*Not done*\n• vpc-cni" in play.told(run.id, "⏹️ Aborted", "• Control plane: `1.36`")
    assert [effect.subject for effect in play.effects("abort")] == ["control-plane"]
    play.until(lambda: play.buttons(run.id) == ["request.plan"], "the next move")
    assert "Plan the rest" in said(play.screen(run.id))
    heard = len(play.ephemerals("ana"))
    assert play.slack.people.click("ana", play.screen(run.id), "request.plan").ok
    rest = play.until(lambda: play.ephemerals("ana")[heard + 1 :], "the plan of the rest")[0]
    assert "request.start" in buttons_of(rest)
    assert "vpc-cni" in said(rest)
    assert "Control plane to" not in said(rest)
    with play.story("ben", "abort") as again:
        plan = play.until_status(again.id, RunStatus.AWAITING_APPROVAL).plan
        assert plan is not None
        assert not any(phase.kind == "control-plane" for phase in plan.phases)


def test_reject_says_why_and_frees_the_cluster(play: Play) -> None:
    with play.story("ana", "reject") as run:
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        assert play.presses("chi", run.id, "reject").ok
        reason = "Not before the sale <!channel> & *bold*"
        assert play.slack.people.submit_view("chi", play.dialog("chi").id, {"reason": reason}).ok
        assert play.ends(run.id).status is RunStatus.REJECTED
        told = play.told(run.id, "<@U0CHI> rejected the plan")
        assert "Not before the sale &lt;!channel&gt; &amp;" in told
    play.until(lambda: "Rejected: Not before the sale &lt;!channel&gt;" in said(play.screen(run.id)), "the reason")
    assert play.buttons(run.id) == ["request.plan"]
    assert play.effects("reject") == []
    with play.story("ben", "reject") as again:
        play.until_status(again.id, RunStatus.AWAITING_APPROVAL)


# -- decisions --------------------------------------------------------------------------------------------------------


def test_whoever_may_not_is_told_why_and_the_run_stays_as_it_is(play: Play) -> None:
    with play.story("ben", "persons") as run:
        before = play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        refusals = {
            "dev": "That is for the role approver or admin.",
            "ana": "That is for the role approver or admin.",
            "gus": "Guests cannot do that.",
        }
        for who, why in refusals.items():
            for verb in ("approve", "reject"):
                assert why in play.turned_away(who, run.id, verb)
        assert play.approves("ben", run.id).ok
        play.refused(run.id, "<@U0BEN>", "The person who asked for the upgrade cannot approve it.")
        assert "That is for the role operator or admin." in play.turned_away("dev", run.id, "abort")
        play.mentions("gus", run.id, "pause")
        play.refused(run.id, "<@U0GUS> may not pause: Guests cannot do that.")
        top = play.screen(run.id)
        channel = play.slack.workspace.channel(top.channel)
        play.slack.workspace.post(channel, "U0ROBOT", f"{play.bot_mention} abort", thread_ts=top.ts)
        play.refused(run.id, "<@U0ROBOT> may not abort: Bots and former members cannot do that.")
        after = play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        assert (after.approvals, after.plan, after.intent) == (before.approvals, before.plan, before.intent)
        assert play.effects("persons") == []
    refused = play.starts("dev", "persons", "to 1.36")
    assert play.ends(refused.id).status is RunStatus.REJECTED
    play.told(refused.id, "Not started: That is for the role operator or admin.")


def test_an_approval_with_an_item_unticked_is_refused_in_its_dialog_and_changes_nothing(play: Play) -> None:
    with play.story("ana", "persons") as run:
        plan = play.until_status(run.id, RunStatus.AWAITING_APPROVAL).plan
        assert plan is not None
        items = {item.id: item.title for item in plan.checklist}
        *some, last = items
        people = play.slack.people
        with play.unchanged():
            assert play.presses("chi", run.id, "approve").ok
            dialog = play.dialog("chi")
            assert "Read more" in said(dialog)
            assert people.submit_view("chi", dialog.id).errors == {"ticks": "Please complete this required field."}
            wrong = people.submit_view("chi", dialog.id, {"ticks": some})
            assert f"Not ticked yet: {items[last]}." in wrong.errors["ticks"]
        assert people.submit_view("chi", dialog.id, {"ticks": [*some, last]}).ok
        told = play.told(run.id, "<@U0CHI> approved the plan")
        assert f"<@U0CHI> ticked: {'; '.join(items.values())}" in told
        play.until(lambda: play.events(run.id, EventKind.APPROVAL_GIVEN), "the approval")
        assert {(tick.item, tick.by) for tick in play.run(run.id).ticks} == {(item, "U0CHI") for item in items}


def test_a_double_click_counts_once_and_two_people_are_two_approvals(play: Play) -> None:
    with play.story("ana", "pair") as run:
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        screen = play.screen(run.id)
        for _ in range(3):
            assert play.approves("ben", run.id, on=screen).ok
        play.told(run.id, "<@U0BEN> approved the plan (1 of 2)")
        assert play.until_status(run.id, RunStatus.AWAITING_APPROVAL).approvals
        assert "(1 of 2 given)" in said(play.screen(run.id))
        with play.holding("pair"):
            assert play.approves("chi", run.id, on=screen).ok
            play.told(run.id, "<@U0CHI> approved the plan (2 of 2)")
            play.until_under_way(run.id, "control-plane")
            heard = len(play.whispers("chi"))
            assert play.approves("chi", run.id, on=screen).ok
            play.until(lambda: len(play.whispers("chi")) > heard, "an answer to the late click")
        assert "does not wait for an approval; it is running" in play.whispers("chi")[-1]
        given = play.events(run.id, EventKind.APPROVAL_GIVEN)
        assert [event.actor for event in given] == ["U0BEN", "U0CHI"]


def test_two_people_who_approve_at_once_begin_one_upgrade(play: Play) -> None:
    with play.story("ana", "twice") as run:
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        screen = play.screen(run.id)
        clicks = [
            threading.Thread(target=play.approves, args=(who, run.id), kwargs={"on": screen}) for who in ("ben", "chi")
        ]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()
        play.until(lambda: play.events(run.id, EventKind.STEP_STARTED), "the first step")
        for kind in (EventKind.RUN_SCHEDULED, EventKind.RUN_STARTED, EventKind.APPROVAL_GIVEN):
            assert len(play.events(run.id, kind)) == 1
        assert len(play.notices(run.id)) == 1


def test_of_two_starts_at_once_the_second_gets_the_thread_of_the_first(play: Play) -> None:
    before = {run.id for run in play.store.find(limit=500)}
    heard = {who: len(play.whispers(who)) for who in ("ana", "ben")}
    starts = [threading.Thread(target=play.types, args=(who, "start starts")) for who in heard]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    answers = [play.until(lambda who=who: play.whispers(who)[heard[who] :], "an answer")[0] for who in heard]  # type: ignore[misc]
    (run,) = [one for one in play.store.find(limit=500) if one.id not in before]
    assert sorted("already has an unfinished run" in answer for answer in answers) == [False, True]
    assert all(run.id in answer for answer in answers)
    top = play.screen(run.id)
    third = play.asks("chi", "start starts to 1.36")
    assert f"/archives/{top.channel}/p{top.ts.replace('.', '')}|Go to its thread>" in third
    play.types("ana", "abort starts")
    play.ends(run.id)


def test_an_envelope_that_comes_twice_changes_nothing(play: Play) -> None:
    play.slack.faults.duplicate_next_envelopes()
    with play.story("ana", "envelopes") as run:
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        assert len(play.store.find(cluster=run.cluster)) == 1
        with play.holding("envelopes"):
            play.slack.faults.duplicate_next_envelopes()
            play.approves("ben", run.id)
            play.until_under_way(run.id, "control-plane")
            play.slack.faults.duplicate_next_envelopes()
            play.mentions("ana", run.id, "pause")
            play.told(run.id, "<@U0ANA> asked for a pause")
        play.told(run.id, "✅ Control plane to `1.36`")
        with play.holding("envelopes", "addon/vpc-cni"):
            play.slack.faults.duplicate_next_envelopes()
            play.presses("ana", run.id, "resume")
            play.until_under_way(run.id, "addon")
            play.slack.faults.duplicate_next_envelopes()
            play.presses("ana", run.id, "abort")
            play.slack.people.submit_view("ana", play.dialog("ana").id)
            play.until(lambda: play.events(run.id, EventKind.ABORT_REQUESTED), "the abort")
        play.ends(run.id)
        for kind in (
            EventKind.RUN_REQUESTED,
            EventKind.APPROVAL_GIVEN,
            EventKind.PAUSE_REQUESTED,
            EventKind.RUN_RESUMED,
            EventKind.ABORT_REQUESTED,
        ):
            assert len(play.events(run.id, kind)) == 1, kind
        assert play.events(run.id, EventKind.APPROVAL_REFUSED, EventKind.REQUEST_REFUSED) == []


def test_a_gate_asks_for_a_second_approval_in_the_middle(play: Play) -> None:
    with play.story("ana", "gated") as run:
        play.approved(run.id, "ben")
        play.told(run.id, "“Nodes to 1.36” waits for an approval of its own", "<!subteam^S0APPROVERS>")
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        assert not [effect for effect in play.effects("gated") if effect.subject.startswith("nodegroup")]
        play.approves("ana", run.id)
        play.refused(run.id, "<@U0ANA>", "“Nodes to 1.36”", "That is for the role approver")
        assert play.approves("chi", run.id).ok
        play.told(run.id, "<@U0CHI> approved “Nodes to 1.36”")
        assert play.ends(run.id).status is RunStatus.SUCCEEDED
    assert [effect.subject for effect in play.effects("gated") if effect.update_id][-1] == "nodegroup/core"


# -- findings and steps for people ------------------------------------------------------------------------------------


def test_a_requesters_own_waiver_needs_another_approver(play: Play) -> None:
    with play.story("ben", "waive") as run:
        play.until_status(run.id, RunStatus.BLOCKED)
        assert "`ADD002` *addon/coredns*" in said(play.screen(run.id))
        play.presses("ana", run.id, "recheck")
        play.told(run.id, "<@U0ANA> asked to look again")
        play.until_status(run.id, RunStatus.BLOCKED)
        assert "That is for the role approver or admin." in play.turned_away("ana", run.id, "waive")
        play.presses("ben", run.id, "waive")
        without = play.slack.people.submit_view("ben", play.dialog("ben", Dialog.WAIVE).id)
        assert set(without.errors) == {"reason"}
        reason = "Known & harmless"
        assert play.slack.people.submit_view("ben", play.dialog("ben", Dialog.WAIVE).id, {"reason": reason}).ok
        play.told(run.id, "<@U0BEN> waived `ADD002` addon/coredns: Known &amp; harmless")
        play.until_status(run.id, RunStatus.AWAITING_APPROVAL)
        assert "Known &amp; harmless" in said(play.screen(run.id))
        play.approves("ben", run.id)
        play.refused(run.id, "<@U0BEN>", "waived a finding, so somebody else must approve")
        assert play.effects("waive") == []
        assert play.approves("chi", run.id).ok
        play.until(lambda: play.events(run.id, EventKind.STEP_STARTED), "the first step")


def test_what_cannot_be_waived_is_not_offered_and_blocks_on(play: Play) -> None:
    with play.story("ana", "blocked") as run:
        play.until_status(run.id, RunStatus.BLOCKED)
        assert play.buttons(run.id) == ["recheck", "waive", "abort"]
        play.presses("chi", run.id, "waive")
        dialog = play.dialog("chi", Dialog.WAIVE)
        offered = {one["value"]: one["text"]["text"] for one in dialog.blocks[0]["element"]["options"]}
        blockers = {f"{one.code} {one.subject}" for one in play.run(run.id).report.blockers}  # type: ignore[union-attr]
        assert set(offered.values()) < blockers
        assert not any(name.startswith(("NET", "KMS")) for name in offered.values())
        chosen = next(value for value, name in offered.items() if name.startswith("INS001"))
        assert play.slack.people.submit_view("chi", dialog.id, {"finding": chosen, "reason": "the caller is gone"}).ok
        play.told(run.id, "<@U0CHI> waived `INS001`", "the caller is gone")
        play.told(run.id, "1 waived")
        play.until_status(run.id, RunStatus.BLOCKED)
        assert play.effects("blocked") == []


def test_what_a_person_does_is_asked_for_and_goes_on_with_their_word(play: Play) -> None:
    with play.story("ana", "by-hand") as run:
        play.approved(run.id, "ben")
        asked = play.told(run.id, "Replace the self-managed nodes of workers", "<@U0ANA>")
        assert "by hand" in asked
        play.until(lambda: "confirm:0" in play.buttons(run.id), "the button Confirm")
        assert "✋ Waiting for a person: self-managed/workers" in said(play.screen(run.id))
        play.presses("dev", run.id, "confirm")
        play.refused(run.id, "<@U0DEV> may not confirm")
        assert play.run(run.id).status is RunStatus.RUNNING
        assert play.presses("ana", run.id, "confirm").ok
        play.told(run.id, "✅ self-managed/workers", "confirmed by <@U0ANA>")


# -- Slack and the machine --------------------------------------------------------------------------------------------


def test_an_outage_of_slack_holds_new_steps_and_loses_no_word(play: Play) -> None:
    with play.story("ana", "outage") as run:
        with play.holding("outage"):
            play.approved(run.id, "ben")
            play.until_under_way(run.id, "control-plane")
            play.slack.set_outage(True)
            play.until(lambda: play.events(run.id, EventKind.SLACK_UNREACHABLE), "the outage to be noticed")
        play.until(lambda: not any(s.update_id and not s.finished_at for s in play.run(run.id).steps.values()), "rest")
        rests = play.stage.clock.now()
        play.until(lambda: play.stage.clock.now() - rests > timedelta(minutes=15), "a quarter of an hour")
        assert play.run(run.id).status is RunStatus.RUNNING
        held = play.events(run.id, EventKind.SLACK_UNREACHABLE)[0]
        assert not [one for one in play.events(run.id, EventKind.STEP_STARTED) if one.at > held.at]
        play.slack.set_outage(False)
        assert play.ends(run.id).status is RunStatus.SUCCEEDED
    told_whole(play, run.id)
    assert play.told(run.id, "Slack was out of reach since")
    play.until(lambda: play.slack.connections > 0, "the bot to be connected again")


def test_after_a_kill_the_thread_says_what_is_followed_and_nothing_is_done_twice(play: Play) -> None:
    with play.story("ana", "restart") as run:
        with play.holding("restart"):
            play.approved(run.id, "ben")
            going = play.until_under_way(run.id, "control-plane")
            play.kill_bot()
            play.start_bot()
            update = play.run(run.id).step(going).update_id
            play.told(run.id, f"Restarted, following Control plane to `1.36` (update `{update}`)")
        assert play.ends(run.id).status is RunStatus.SUCCEEDED
    told_whole(play, run.id)
    subjects = [effect.subject for effect in play.effects("restart") if effect.update_id]
    assert subjects == ["control-plane", "addon/vpc-cni", "addon/coredns", "nodegroup/core"]


def told_whole(play: Play, run_id: str) -> None:
    """Every event that is told has its entry, once, in order."""
    run, events = play.run(run_id), play.events(run_id)
    assert play.entries(run_id) == [event.seq for event in events if render_entry(event, run, events) is not None]
