"""Whole runs on fakes, in compressed time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.upgrade.fakes import FakeCluster, ManualClock, small_cluster
from tests.upgrade.snapshots import AMI_TYPES, default_addon, healthy_snapshot, k8s, nodegroup, pdb, release, with_addon
from tests.upgrade.story import POLICY, Story
from upgrade.eks import Insights, Issue, UpdateSubject
from upgrade.engine.assessment import past_durations
from upgrade.engine.steps import KINDS
from upgrade.errors import ClusterBusy, NodegroupsMustMatch, PermanentError, TemporaryError
from upgrade.events import EventKind
from upgrade.facts import need
from upgrade.plan import NodePolicy, UpgradePolicy
from upgrade.ports import Clock
from upgrade.run import RunStatus, StepStatus, UpgradeRun

Make = Callable[..., Story]


@pytest.fixture
def story(tmp_path: Path) -> Make:
    def make(build: Callable[[Clock], FakeCluster] = small_cluster, **more: Any) -> Story:
        clock = ManualClock()
        return Story(tmp_path, clock, build(clock), **more)

    return make


def step_is(step_id: str, status: StepStatus) -> Callable[[UpgradeRun], bool]:
    return lambda run: run.step(step_id).status is status


ADDONS = ("vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver")
TWO_HOPS = [
    "update_cluster_version 1.35",
    *(f"update_addon {name} {default_addon(name, '1.35')}" for name in ADDONS),
    "update_cluster_version 1.36",
    *(f"update_addon {name} {default_addon(name, '1.36')}" for name in ADDONS),
    "update_nodegroup_version core 1.36",
    "update_nodegroup_version workers 1.36",
]


def test_two_hops_change_the_control_plane_twice_and_the_nodes_once(story: Make) -> None:
    tale = story(FakeCluster)
    tale.to_running("1.36")
    began = tale.clock.now()
    run = tale.until(RunStatus.SUCCEEDED)
    assert tale.cluster.took_effect() == TWO_HOPS
    assert [event.seq for event in tale.events] == list(range(1, run.last_seq + 1))
    assert tale.told()[-1] == "run-succeeded"
    assert not tale.of(EventKind.WARNING_RAISED)
    # The chain: 2 control planes of 10 minutes, 8 add-ons of 2, 2 groups of 12. Polls may add a tenth.
    chain = timedelta(minutes=2 * 10 + 8 * 2 + 2 * 12)
    assert chain <= tale.clock.now() - began <= 1.1 * chain
    assert {who for _, who in tale.clusters.sessions} == {"U-ASKS"}
    assert {what for what, _ in tale.clusters.sessions} == {tale.run_id}


@pytest.mark.parametrize("policy", list(NodePolicy))
@pytest.mark.parametrize(("version", "target", "groups"), [("1.30", "1.34", ("1.28", "1.30")), ("1.22", "1.25", ())])
def test_every_node_policy_gets_there_and_nothing_seems_unapproved_on_the_way(
    story: Make, policy: NodePolicy, version: str, target: str, groups: tuple[str, ...]
) -> None:
    old = k8s(version) < k8s("1.23")  # AL2023 wants a vpc-cni that old clusters do not have
    image = AMI_TYPES[1] if old else AMI_TYPES[0]
    sets = tuple(nodegroup(f"group-{number}", one, ami_type=image) for number, one in enumerate(groups or (version,)))
    snapshot = healthy_snapshot(version, nodegroups=sets)
    tale = story(lambda clock: FakeCluster(clock, snapshot), policy=POLICY.model_copy(update={"node_policy": policy}))
    tale.to_running(target)
    tale.until(RunStatus.SUCCEEDED)
    now = tale.cluster.snapshot
    assert str(now.control_plane.version) == target
    assert {str(group.version) for group in need(now.nodegroups)} == {target}
    assert not tale.of(EventKind.WARNING_RAISED)
    assert len(tale.cluster.took_effect()) == len(set(tale.cluster.took_effect()))


def test_a_second_run_learns_its_durations_from_the_first(story: Make) -> None:
    tale = story()
    tale.cluster.minutes["cluster"] = 44.0
    tale.to_running("1.35")
    tale.until(RunStatus.SUCCEEDED)
    tale.start("1.36")
    run = tale.until(RunStatus.AWAITING_APPROVAL)
    assert run.plan is not None
    low, high = run.plan.minutes["control-plane@1.36"]
    assert low <= 44.5 <= high + 1


def test_what_people_took_is_no_duration_of_a_step(story: Make) -> None:
    tale = story()
    tale.cluster.fail["nodegroup/core"] = [Issue(code="NodeCreationFailure", message="i-1 did not join")]
    tale.to_running("1.35")
    tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    tale.cluster.minutes["addon"] = 300.0
    other = UpdateSubject(kind="addon", name="vpc-cni")
    tale.cluster.begin(other, "AddonUpdate", {"AddonVersion": "v1.0.0-eksbuild.1"}, lambda: None)
    tale.cluster.minutes["addon"] = 2.0
    tale.until(RunStatus.PAUSED)  # by the failed node group, after five hours for the other's update
    tale.clock.pass_(hours=9)
    tale.ask("retry")
    tale.until(RunStatus.SUCCEEDED)
    past = {(one.kind, one.name): one.minutes for one in past_durations([tale.run])}
    assert ("nodegroup", "core") not in past
    assert past["addon", "vpc-cni"] < 10
    assert {("control-plane", ""), ("addon", "coredns")} < set(past)
    assert all(minutes > 0 for minutes in past.values())


def test_the_lead_time_is_kept_and_a_late_notice_counts_from_its_delivery(story: Make) -> None:
    tale = story(policy=UpgradePolicy(notice=timedelta(minutes=15)))
    tale.delivery.delivered = False
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    approved_at = tale.clock.now()
    tale.approve()
    run = tale.until(RunStatus.RUNNING)
    assert tale.clock.now() == approved_at + timedelta(minutes=15)
    assert run.step("announce").status is StepStatus.FOLLOWING
    tale.clock.pass_(hours=1)
    tale.once()
    assert tale.cluster.log == []  # no notice, no start
    tale.delivery.delivered = True
    delivered_at = tale.clock.now()
    tale.go_on(step_is("announce", StepStatus.DONE))
    assert tale.clock.now() >= delivered_at + timedelta(minutes=15)


def test_a_failed_node_group_pauses_and_retry_makes_one_more_call(story: Make) -> None:
    tale = story()
    tale.cluster.fail["nodegroup/core"] = [Issue(code="NodeCreationFailure", message="i-1 did not join")]
    tale.to_running("1.35")
    run = tale.until(RunStatus.PAUSED)
    failed = tale.of(EventKind.STEP_FAILED)[0]
    assert failed.step_id == "nodegroup/core@1.35"
    assert failed.data["code"] == "NodeCreationFailure"
    assert failed.data["meaning"]
    assert failed.data["action"]
    assert run.pause_reasons
    tale.ask("retry")
    tale.until(RunStatus.SUCCEEDED)
    calls = [call for call in tale.cluster.took_effect() if call.startswith("update_nodegroup")]
    assert calls == ["update_nodegroup_version core 1.35"] * 2
    assert len({one.token for one in tale.cluster.updates}) == len(tale.cluster.updates)


def test_giving_up_on_a_failed_step_fails_the_run_and_says_what_is_left(story: Make) -> None:
    tale = story()
    tale.cluster.fail["cluster"] = [Issue(code="IpNotAvailable", message="no address", resource_ids=("subnet-a",))]
    tale.to_running("1.35")
    tale.until(RunStatus.PAUSED)
    tale.ask("abort")
    run = tale.once()
    assert run.status is RunStatus.FAILED
    assert tale.events[-1].data["control_plane"] == "1.34"


def test_pause_follows_what_is_under_way_and_resume_goes_on(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    tale.ask("pause")
    tale.go_on(step_is("control-plane@1.35", StepStatus.DONE))
    assert tale.run.status is RunStatus.PAUSED
    assert tale.once().next_due_at is None
    assert len(tale.cluster.log) == 1
    tale.ask("resume")
    tale.until(RunStatus.SUCCEEDED)


def test_abort_lets_the_update_finish_and_ends_then(story: Make) -> None:
    tale = story()
    tale.to_running("1.36")
    tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    preview = tale.service.what_abort_leaves(tale.run_id)
    assert str(preview.control_plane) == "1.35"
    assert preview.under_way[0].update_id == "u-1"
    tale.ask("abort")
    assert not tale.once().status.finished
    with pytest.raises(Exception, match="already has an unfinished run"):
        tale.service.start(tale.run.request, actor="U-ASKS", channel=None)
    run = tale.until(RunStatus.ABORTED)
    assert tale.cluster.took_effect() == ["update_cluster_version 1.35"]
    assert run.finished_at is not None
    assert tale.events[-1].data["done"] == ["control-plane@1.35"]


def test_a_foreign_update_is_followed_shown_and_waited_for(story: Make) -> None:
    tale = story()
    run = tale.to_running("1.35")
    assert run.plan is not None
    subject = UpdateSubject(kind="addon", name="vpc-cni")
    tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    tale.cluster.minutes["addon"] = 30
    tale.cluster.begin(subject, "AddonUpdate", {"AddonVersion": "v1.0.0-eksbuild.1"}, lambda: None)
    tale.cluster.minutes["addon"] = 2
    tale.until(RunStatus.SUCCEEDED)
    blocked = tale.of(EventKind.STEP_BLOCKED)
    assert len(blocked) == 1
    assert "u-2" in blocked[0].data["reasons"][0]
    assert tale.cluster.took_effect()[:2] == [
        "update_cluster_version 1.35",
        f"update_addon vpc-cni {default_addon('vpc-cni', '1.35')}",
    ]


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_lost_answer_makes_one_update_whichever_way_it_was_lost(story: Make, lost: str) -> None:
    tale = story()
    method = "update_cluster_version" if lost == "before" else "after:update_cluster_version"
    tale.cluster.raises[method] = [TemporaryError("the connection broke")]
    tale.to_running("1.35")
    tale.until(RunStatus.SUCCEEDED)
    assert tale.cluster.took_effect().count("update_cluster_version 1.35") == 1
    kind = EventKind.UPDATE_STARTED if lost == "before" else EventKind.UPDATE_ADOPTED
    assert "control-plane@1.35" in [event.step_id for event in tale.of(kind)]


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("place", ["update_addon", "after:update_addon", "list_update_ids"])
def test_a_process_that_dies_around_the_call_repeats_nothing(story: Make, place: str) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("control-plane@1.35", StepStatus.DONE))
    deaths = ["update_addon", place] if place == "list_update_ids" else [place]
    for death in deaths:
        tale.cluster.raises[death] = [Killed()]  # type: ignore[list-item]
        with pytest.raises(Killed):
            tale.until(RunStatus.SUCCEEDED)
        tale.restart()
    tale.until(RunStatus.SUCCEEDED)
    assert tale.cluster.took_effect()[1:5] == TWO_HOPS[1:5]
    assert len(tale.cluster.log) == 6
    assert [event.seq for event in tale.events] == list(range(1, tale.run.last_seq + 1))
    assert len(tale.of(EventKind.BOT_RESTARTED)) == len(deaths)


@pytest.mark.parametrize("place", ["update_cluster_version", "after:update_cluster_version"])
def test_a_call_that_the_process_died_in_is_not_repeated_while_paused(story: Make, place: str) -> None:
    tale = story()
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    tale.cluster.raises[place] = [Killed()]  # type: ignore[list-item]
    with pytest.raises(Killed):
        tale.until(RunStatus.SUCCEEDED)
    tale.ask("pause")
    tale.restart()
    run = tale.once()
    took_effect = int(place.startswith("after"))
    assert len(tale.cluster.log) == took_effect
    assert run.step("control-plane@1.35").status is (StepStatus.FOLLOWING if took_effect else StepStatus.PENDING)
    tale.ask("resume")
    tale.until(RunStatus.SUCCEEDED)
    assert tale.cluster.took_effect().count("update_cluster_version 1.35") == 1
    assert len(tale.cluster.updates) == len(tale.cluster.log)


def test_a_step_that_kills_the_process_three_times_is_parked(story: Make) -> None:
    tale = story()
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    tale.cluster.raises["update_cluster_version"] = [Killed(), Killed(), Killed()]  # type: ignore[list-item]
    for _ in range(3):
        with pytest.raises(Killed):
            tale.until(RunStatus.SUCCEEDED)
        tale.restart()
    assert tale.once().status is RunStatus.PAUSED
    assert tale.of(EventKind.STEP_FAILED)[0].data["code"] == "Parked"
    tale.ask("retry")
    tale.until(RunStatus.SUCCEEDED)


def test_groups_that_must_match_are_rotated_first_and_the_hop_is_tried_again(story: Make) -> None:
    lagging = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),))
    tale = story(lambda clock: FakeCluster(clock, lagging))
    refusal = NodegroupsMustMatch("Nodegroups core must be updated to match cluster version 1.34.")
    tale.cluster.raises["update_cluster_version"] = [refusal]
    tale.to_running("1.35")
    tale.until(RunStatus.SUCCEEDED)
    calls = [call for call in tale.cluster.took_effect() if "addon" not in call]
    assert calls == [
        "update_nodegroup_version core 1.34",
        "update_cluster_version 1.35",
        "update_nodegroup_version core 1.35",
    ]
    assert tale.of(EventKind.BRANCH_TAKEN)[0].data["step_ids"] == ["nodegroup/core@1.34"]
    assert not tale.of(EventKind.WARNING_RAISED)


def test_a_gate_before_the_nodes_waits_for_its_own_approval(story: Make) -> None:
    policy = POLICY.model_copy(update={"gates": ("nodes",)})
    tale = story(policy=policy)
    tale.to_running("1.35")
    run = tale.until(RunStatus.AWAITING_APPROVAL)
    assert run.waiting_for == "nodes@1.35"
    assert tale.once().next_due_at is None
    tale.approve()
    tale.until(RunStatus.SUCCEEDED)


def test_a_finding_that_stops_the_nodes_does_not_stop_the_start_and_is_looked_at_again(story: Make) -> None:
    tale = story()
    tale.cluster.facts(pdbs=(pdb("shop", "web", max_unavailable=0, disruptions_allowed=0),))
    tale.to_running("1.35")
    run = tale.until(RunStatus.PAUSED)
    assert "shop" in run.pause_reasons[0]
    assert run.blocked_phase == "nodes@1.35"
    assert run.step("nodegroup/core@1.35").status is StepStatus.PENDING
    tale.ask("recheck")
    assert tale.until(RunStatus.PAUSED).blocked_phase == "nodes@1.35"
    tale.cluster.facts(pdbs=(pdb("shop", "web"),))
    tale.ask("recheck")
    tale.until(RunStatus.SUCCEEDED)


def test_what_only_a_later_hop_meets_stops_nothing_until_that_hop_is_the_next(story: Make) -> None:
    tale = story(lambda clock: small_cluster(clock, "1.33"))
    tale.to_running("1.36")
    tale.go_on(step_is("control-plane@1.34", StepStatus.DONE))
    items = tuple(
        one.model_copy(update={"status": "ERROR"}) if one.version == k8s("1.36") else one
        for one in need(tale.cluster.snapshot.insights).items
    )
    tale.cluster.facts(insights=Insights(items=items))
    run = tale.until(RunStatus.PAUSED)
    assert run.step("control-plane@1.35").status is StepStatus.DONE
    assert run.step("control-plane@1.36").status is StepStatus.PENDING
    assert "v1.36" in run.pause_reasons[0]
    assert str(tale.cluster.snapshot.control_plane.version) == "1.35"


def test_a_waiver_changes_the_plan_and_asks_for_another_approval(story: Make) -> None:
    tale = story()
    tale.cluster.facts(pdbs=(pdb("shop", "web", max_unavailable=0, disruptions_allowed=0),))
    tale.to_running("1.35")
    run = tale.until(RunStatus.PAUSED)
    assert run.report is not None
    finding = next(f for f in run.report.blockers if "nodes" in f.stops)
    tale.ask("waive", code=finding.code, subject=finding.subject, reason="one minute of downtime is fine")
    assert tale.once().status is RunStatus.AWAITING_APPROVAL
    tale.approve()
    tale.until(RunStatus.SUCCEEDED)
    assert tale.of(EventKind.WAIVER_GIVEN)[0].actor == "U-OPERATES"


def test_a_cluster_that_changed_since_the_approval_asks_again(story: Make) -> None:
    tale = story(FakeCluster, policy=UpgradePolicy(notice=timedelta(hours=1)))
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    tale.until(RunStatus.SCHEDULED)
    tale.cluster.snapshot = with_addon(tale.cluster.snapshot, "coredns", version=default_addon("coredns", "1.35"))
    run = tale.until(RunStatus.AWAITING_APPROVAL)
    assert run.approvals == ()
    assert tale.of(EventKind.PLAN_CHANGED)
    assert tale.cluster.log == []


def test_what_came_to_the_cluster_half_way_is_told_once_and_left_alone(story: Make) -> None:
    tale = story()
    tale.to_running("1.36")
    tale.go_on(step_is("control-plane@1.35", StepStatus.DONE))
    groups = need(tale.cluster.snapshot.nodegroups)
    tale.cluster.facts(nodegroups=(*groups, nodegroup("late", "1.34", desired_size=0)))
    nodes = need(tale.cluster.snapshot.nodes)
    late = msgspec.structs.replace(nodes[0], name="late-0", labels={"eks.amazonaws.com/nodegroup": "late"})
    tale.cluster.facts(nodes=(*nodes, late))
    tale.until(RunStatus.SUCCEEDED)
    told = [event.data["text"] for event in tale.of(EventKind.WARNING_RAISED)]
    assert len(told) == 1
    assert "nodegroup/late@1.36" in told[0]
    assert not [call for call in tale.cluster.took_effect() if "late" in call]


def test_a_newer_release_since_the_approval_changes_nothing(story: Make) -> None:
    tale = story(policy=UpgradePolicy(notice=timedelta(hours=1)))
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    tale.until(RunStatus.SCHEDULED)
    newer = tuple(
        one.model_copy(update={"release_version": "1.35.9-20270101"}) if one.version == k8s("1.35") else one
        for one in need(tale.cluster.snapshot.ami_releases)
    )
    tale.cluster.facts(ami_releases=newer)
    tale.until(RunStatus.SUCCEEDED)
    assert tale.cluster.log[-1][2]["ReleaseVersion"] == release("1.35")
    assert not tale.of(EventKind.PLAN_CHANGED)


def test_slack_out_of_reach_holds_new_steps_after_five_minutes(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    tale.delivery.since = tale.clock.now()
    tale.go_on(step_is("control-plane@1.35", StepStatus.DONE))
    held_at = tale.clock.now()
    tale.go_on(lambda _: tale.clock.now() >= held_at + timedelta(hours=1))
    assert len(tale.cluster.log) == 1
    tale.delivery.since = None
    tale.until(RunStatus.SUCCEEDED)
    assert [e.kind for e in tale.events if "slack" in e.kind] == ["slack-unreachable", "slack-reachable"]


def test_a_short_outage_of_slack_holds_nothing(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    tale.delivery.since = tale.clock.now() + timedelta(minutes=8)
    tale.go_on(step_is("control-plane@1.35", StepStatus.DONE))
    assert tale.once().holds == ()


def test_a_window_holds_the_steps_between_its_openings(story: Make) -> None:
    # 2026-11-03 is a Tuesday; the control plane takes ten minutes and the window closes five minutes after it began.
    policy = POLICY.model_copy(update={"windows": ("tue 09:00-09:05", "wed 09:00-12:00")})
    tale = story(policy=policy)
    tale.to_running("1.35")
    run = tale.until(RunStatus.SUCCEEDED)
    assert [e.kind for e in tale.events if "window" in e.kind] == ["window-closed", "window-opened"]
    addon = tale.of(EventKind.STEP_STARTED)[2]
    assert addon.at.isoformat() == "2026-11-04T09:00:00+00:00"
    assert run.started_at is not None
    assert run.started_at.day == 3


def test_a_refused_call_is_told_in_plain_words_and_asks(story: Make) -> None:
    tale = story()
    refusal = PermanentError("EKS refused: 1.35 is too far.", "Pick another version.", code="InvalidParameterException")
    tale.cluster.raises["update_cluster_version"] = [refusal]
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    tale.until(RunStatus.PAUSED)
    told = tale.of(EventKind.STEP_FAILED)[0].data
    assert told["code"] == "InvalidParameterException"
    assert told["meaning"] == "EKS refused: 1.35 is too far."
    assert told["action"] == "Pick another version."


def test_an_error_nobody_foresaw_pauses_and_does_not_leak_its_text(story: Make) -> None:
    tale = story()
    tale.cluster.raises["update_cluster_version"] = [KeyError("secret-value")]
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    tale.until(RunStatus.PAUSED)
    assert tale.of(EventKind.STEP_FAILED)[0].data["code"] == "Unforeseen"
    assert "secret-value" not in tale.run.model_dump_json() + "".join(e.model_dump_json() for e in tale.events)


def test_throttling_while_following_backs_off_and_goes_on(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    tale.cluster.raises["describe_update"] = [TemporaryError("slow down")] * 5
    tale.until(RunStatus.SUCCEEDED)


def test_a_busy_cluster_is_waited_for(story: Make) -> None:
    tale = story()
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    busy = ClusterBusy("Another update is under way.")
    tale.cluster.raises["update_cluster_version"] = [busy, busy]
    tale.approve()
    tale.until(RunStatus.SUCCEEDED)
    assert tale.cluster.took_effect()[0] == "update_cluster_version 1.35"


def test_an_add_on_that_nobody_must_move_is_skipped(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("control-plane@1.35", StepStatus.DONE))
    version = default_addon("kube-proxy", "1.35")
    tale.cluster.snapshot = with_addon(tale.cluster.snapshot, "kube-proxy", version=version)
    tale.until(RunStatus.SUCCEEDED)
    assert [event.step_id for event in tale.of(EventKind.STEP_SKIPPED)] == [f"addon/kube-proxy@{version}"]


def test_a_worse_critical_workload_pauses_the_run_and_another_only_warns(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("nodegroup/core@1.35", StepStatus.FOLLOWING))
    tale.cluster.change_workload("web", ready=1)
    tale.cluster.change_workload("aws-node", ready=1)
    run = tale.until(RunStatus.PAUSED)
    assert any("kube-system/aws-node" in reason for reason in run.pause_reasons)
    tale.cluster.change_workload("aws-node", ready=2)
    tale.ask("resume")
    tale.until(RunStatus.SUCCEEDED)
    warnings = [event.data["text"] for event in tale.of(EventKind.WARNING_RAISED)]
    assert any("shop/web" in text for text in warnings)


def test_a_workload_that_recovers_within_ten_minutes_is_not_worse(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    tale.go_on(step_is("nodegroup/core@1.35", StepStatus.FOLLOWING))
    tale.cluster.change_workload("web", ready=1)
    tale.go_on(lambda run: "shop/web" in run.step("verify-nodes@1.35").progress)
    tale.cluster.change_workload("web", ready=2)
    tale.until(RunStatus.SUCCEEDED)
    assert not tale.of(EventKind.WARNING_RAISED)


def test_a_draining_node_names_its_pods_their_budget_and_the_minutes_left(story: Make) -> None:
    tale = story()
    tale.cluster.fail["nodegroup/core"] = [Issue(code="PodEvictionFailure", message="Reached max retries")]
    tale.cluster.minutes["nodegroup"] = 20
    tale.to_running("1.35")
    tale.go_on(step_is("nodegroup/core@1.35", StepStatus.FOLLOWING))
    nodes = tuple(msgspec.structs.replace(node, unschedulable=True) for node in need(tale.cluster.snapshot.nodes))
    tale.cluster.facts(nodes=nodes, pdbs=(pdb("shop", "web", disruptions_allowed=0),))
    run = tale.go_on(lambda run: "minutes of its 15" in run.step("nodegroup/core@1.35").progress)
    progress = run.step("nodegroup/core@1.35").progress
    assert "nodes 0/3" in progress
    assert "shop/web-1 held by PodDisruptionBudget shop/web; about 15 minutes of its 15 left" in progress
    tale.until(RunStatus.PAUSED)
    told = tale.of(EventKind.STEP_FAILED)[0].data
    assert "PodDisruptionBudget shop/web" in told["resources"]
    assert "pod shop/web-1" in told["resources"]
    assert "shop/web-1" in told["meaning"]


def test_an_abort_half_way_through_a_node_group_tells_its_nodes_and_what_is_cordoned(story: Make) -> None:
    tale = story()
    tale.cluster.fail["nodegroup/core"] = [Issue(code="PodEvictionFailure", message="Reached max retries")]
    tale.cluster.minutes["nodegroup"] = 20
    tale.to_running("1.35")
    tale.go_on(step_is("nodegroup/core@1.35", StepStatus.FOLLOWING))
    new, stuck, old = need(tale.cluster.snapshot.nodes)
    new = msgspec.structs.replace(new, name="new", kubelet_version="v1.35.1-eks-1")
    tale.cluster.facts(nodes=(new, msgspec.structs.replace(stuck, unschedulable=True), old))
    tale.until(RunStatus.PAUSED)
    preview = tale.service.what_abort_leaves(tale.run_id)
    (group,) = preview.node_groups
    assert (group.name, [(str(version), number) for version, number in group.kubelets]) == (
        "core",
        [("1.34", 2), ("1.35", 1)],
    )
    assert group.cordoned == 1
    tale.ask("abort")
    assert tale.once().status is RunStatus.FAILED
    assert tale.events[-1].data["node_groups"] == [group.model_dump(mode="json")]


def test_two_runs_may_be_scheduled_but_one_waits_for_the_other(story: Make) -> None:
    tale = story(policy=UpgradePolicy(notice=timedelta(hours=1)))
    first = tale.start("1.35").id
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve()
    tale.until(RunStatus.SCHEDULED)
    second = tale.start("1.35").id
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.run_id = first
    tale.clock.pass_(hours=1)
    assert tale.once().status is RunStatus.SCHEDULED
    assert second in tale.of(EventKind.WARNING_RAISED)[0].data["text"]
    tale.run_id = second
    tale.ask("abort")
    tale.once()
    tale.run_id = first
    tale.until(RunStatus.SUCCEEDED)


def test_a_blocked_cluster_is_not_touched(story: Make) -> None:
    tale = story(FakeCluster)
    tale.cluster.change_plane(issues=(Issue(code="Ec2SubnetNotFound", message="gone"),))
    tale.start("1.35")
    run = tale.until(RunStatus.BLOCKED)
    assert run.pause_reasons
    tale.cluster.change_plane(issues=())
    tale.ask("recheck")
    tale.until(RunStatus.AWAITING_APPROVAL)
    assert tale.cluster.log == []


def test_where_an_environment_names_its_approvers_only_their_approvals_count(story: Make) -> None:
    tale = story(policy=POLICY.model_copy(update={"approver_groups": ("S0PROD", "U-CHIEF")}))
    tale.access.groups["S0PROD"] = {"U-MEMBER"}
    tale.access.refused[("U-MEMBER", "approve")] = "That is for the role approver."
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.approve("U-APPROVES")
    assert tale.once().status is RunStatus.AWAITING_APPROVAL
    said = "In this environment only approvals of S0PROD, U-CHIEF count (approver_groups)."
    assert [event.data["reason"] for event in tale.of(EventKind.APPROVAL_REFUSED)] == [said]
    tale.approve("U-MEMBER")
    assert tale.until(RunStatus.RUNNING).approvals[0].by == "U-MEMBER"


def test_approvers_that_an_environment_names_may_reject_as_those_of_the_role(story: Make) -> None:
    tale = story(policy=POLICY.model_copy(update={"approver_groups": ("S0PROD",)}))
    tale.access.groups["S0PROD"] = {"U-MEMBER"}
    for person in ("U-MEMBER", "U-STRANGER"):
        tale.access.refused[(person, "reject")] = "That is for the role approver."
    tale.start("1.35")
    digest = tale.until(RunStatus.AWAITING_APPROVAL).plan.digest  # type: ignore[union-attr]
    tale.ask("reject", "U-STRANGER", gate="plan", digest=digest)
    assert tale.once().status is RunStatus.AWAITING_APPROVAL
    tale.ask("reject", "U-MEMBER", gate="plan", digest=digest)
    assert tale.once().status is RunStatus.REJECTED


def test_people_who_may_not_are_told_and_change_nothing(story: Make) -> None:
    tale = story()
    tale.start("1.35")
    tale.until(RunStatus.AWAITING_APPROVAL)
    tale.access.refused[("U-APPROVES", "approve")] = "You are no approver."
    tale.access.refused[("U-VIEWS", "abort")] = "Viewers may not abort."
    tale.approve()
    tale.ask("abort", "U-VIEWS")
    run = tale.once()
    assert run.status is RunStatus.AWAITING_APPROVAL
    assert tale.of(EventKind.APPROVAL_REFUSED)[0].data["reason"] == "You are no approver."
    assert tale.of(EventKind.REQUEST_REFUSED)[0].data == {"verb": "abort", "reason": "Viewers may not abort."}
    tale.ask("cancel", "U-VIEWS")
    assert tale.once().status is RunStatus.AWAITING_APPROVAL
    assert tale.of(EventKind.REQUEST_REFUSED)[1].data["verb"] == "cancel"


def test_a_requester_who_may_not_start_is_refused_before_aws_is_asked(story: Make) -> None:
    tale = story(FakeCluster)
    tale.access.refused[("U-ASKS", "start")] = "Only operators start."
    tale.start("1.35")
    assert tale.once().status is RunStatus.REJECTED
    assert tale.cluster.reads == 0


def test_a_poll_that_sees_nothing_new_writes_nothing(story: Make) -> None:
    tale = story()
    tale.to_running("1.35")
    run = tale.go_on(step_is("control-plane@1.35", StepStatus.FOLLOWING))
    tale.clock.pass_(seconds=30)
    first = tale.once()
    tale.clock.pass_(seconds=30)
    second = tale.once()
    assert second.version == first.version == tale.run.version
    assert second.next_due_at == tale.clock.now() + timedelta(seconds=30)
    assert run.status is RunStatus.RUNNING


def test_every_kind_of_step_has_its_module() -> None:
    assert set(KINDS) == {"announce", "control-plane", "addon", "nodegroup", "confirm", "verify", "bake"}
