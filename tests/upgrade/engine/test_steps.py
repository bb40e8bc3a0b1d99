"""What each kind of step sees, and what it makes of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.upgrade.fakes import FakeAws, FakeCluster, FakeKube, ManualClock, small_cluster
from tests.upgrade.runs import NOW, make_run
from tests.upgrade.snapshots import TAKEN_AT, default_addon, k8s, pod, release, workload
from upgrade.eks import EksUpdate, Issue, UpdateSubject
from upgrade.engine.baseline import critical_namespaces, ready_workloads, unready_now
from upgrade.engine.settings import EngineSettings
from upgrade.engine.steps import KINDS, StepContext
from upgrade.engine.steps.addon_workloads import addon_workloads, look_at_rollout
from upgrade.engine.steps.draining import see_drains
from upgrade.engine.steps.harmless import harmless
from upgrade.engine.steps.updates import Wanted
from upgrade.facts import need
from upgrade.plan import AddonStep, AnnounceStep, ControlPlaneStep, NodegroupStep, VerifyStep
from upgrade.rows import CsiNodeRow, EndpointsRow, LabelRequirement, Owner, PdbRow, PodRow
from upgrade.run import Blocked, Done, Failed, Outcome, RunStatus, StepState, StepStatus, Wait
from upgrade.versions import AddonVersion

HOP = ControlPlaneStep(version=k8s("1.35"))
COREDNS = AddonStep(name="coredns", version=AddonVersion(default_addon("coredns", "1.35")))
CORE = NodegroupStep(name="core", version=k8s("1.34"), release_version="1.34.9-20261101")
PLANE = UpdateSubject(kind="cluster")
TARGET = {"Version": "1.35", "PlatformVersion": "eks.1"}


class Look:
    """Steps over one small cluster."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.cluster = small_cluster(self.clock)
        self.kube = FakeKube(self.cluster)

    def context(self, state: StepState | None = None, **run: Any) -> StepContext:
        aws = FakeAws(self.cluster)
        return StepContext(
            run=make_run(RunStatus.RUNNING, **run),
            state=state or StepState(),
            now=self.clock.now(),
            aws=aws,
            kube=self.kube,
            changing=lambda: aws,
            settings=EngineSettings(),
        )

    def observe(self, step: Any, state: StepState | None = None) -> Outcome | None:
        return KINDS[step.kind].observe(step, self.context(state))

    def follow(self, step: Any, state: StepState, **run: Any) -> Outcome:
        return KINDS[step.kind].follow(step, self.context(state, **run))

    def start(self, step: Any, **more: Any) -> StepState:
        """Start it and return the state as the engine would save it."""
        outcome = KINDS[step.kind].prepare(step, self.context(**more))("token")
        assert isinstance(outcome, Wait)
        return StepState(
            status=StepStatus.FOLLOWING,
            update_id=outcome.update.id if outcome.update else None,
            intended_at=self.clock.now(),
            memory=outcome.memory or {},
        )


@pytest.fixture
def look() -> Look:
    return Look()


# -- adoption -------------------------------------------------------------------------------------------------------


def test_an_update_with_the_same_type_and_parameters_is_ours_if_it_is_no_older_than_five_minutes(look: Look) -> None:
    update = look.cluster.begin(PLANE, "VersionUpdate", TARGET, lambda: None)
    for minutes, ours in ((4.9, True), (5.1, False)):
        intended = StepState(status=StepStatus.STARTING, intended_at=update.created_at + timedelta(minutes=minutes))
        seen = look.observe(HOP, intended)
        assert isinstance(seen, Wait if ours else Blocked)
        if isinstance(seen, Wait):
            assert seen.update == update
            assert seen.adopted


@pytest.mark.parametrize(("kind", "params"), [("VersionUpdate", {"Version": "1.36"}), ("EndpointAccessUpdate", TARGET)])
def test_an_update_of_another_kind_or_with_other_parameters_is_foreign(
    look: Look, kind: str, params: dict[str, str]
) -> None:
    look.cluster.begin(PLANE, kind, params, lambda: None)
    seen = look.observe(HOP, StepState(status=StepStatus.STARTING, intended_at=look.clock.now()))
    assert isinstance(seen, Blocked)
    assert "u-1" in seen.reasons[0]
    assert kind in seen.reasons[0]
    assert seen.seconds == 30


def test_an_update_that_ended_meanwhile_is_adopted_only_when_a_call_was_intended(look: Look) -> None:
    look.cluster.begin(PLANE, "VersionUpdate", TARGET, lambda: None)
    look.clock.pass_(minutes=10)
    assert look.observe(HOP) is None
    seen = look.observe(HOP, StepState(status=StepStatus.STARTING, intended_at=TAKEN_AT))
    assert isinstance(seen, Wait)
    assert seen.adopted


def test_an_update_that_ended_before_anything_was_intended_is_history_and_not_ours(look: Look) -> None:
    look.cluster.minutes["cluster"] = 1
    look.cluster.begin(PLANE, "VersionUpdate", TARGET, lambda: None)
    look.clock.pass_(minutes=1)
    look.cluster.begin(PLANE, "EndpointAccessUpdate", {}, lambda: None)
    seen = look.observe(HOP)
    assert isinstance(seen, Blocked)
    assert "EndpointAccessUpdate" in seen.reasons[0]


def test_an_update_of_an_earlier_attempt_is_never_adopted_again(look: Look) -> None:
    look.cluster.fail["cluster"] = [Issue(code="IpNotAvailable")]
    look.cluster.begin(PLANE, "VersionUpdate", TARGET, lambda: None)
    look.clock.pass_(minutes=10)
    again = StepState(attempt=2, intended_at=TAKEN_AT, past_update_ids=("u-1",))
    assert look.observe(HOP, again) is None


def test_a_release_that_the_answer_does_not_tell_does_not_make_it_foreign() -> None:
    wanted = Wanted(PLANE, "VersionUpdate", {"Version": "1.35"}, {"ReleaseVersion": "1.35.2-1"})

    def told(**params: str) -> EksUpdate:
        return EksUpdate(
            id="u", subject=PLANE, type="VersionUpdate", status="InProgress", params=params, created_at=NOW
        )

    assert wanted.equals(told(Version="1.35"))
    assert wanted.equals(told(Version="1.35", ReleaseVersion="1.35.2-1"))
    assert not wanted.equals(told(Version="1.35", ReleaseVersion="1.35.9-9"))
    assert not wanted.equals(told(ReleaseVersion="1.35.2-1"))


# -- success is what EKS says and what the cluster shows ------------------------------------------------------------


def test_the_control_plane_is_done_only_when_its_api_servers_say_the_version_too(look: Look) -> None:
    state = look.start(HOP)
    assert isinstance(look.follow(HOP, state), Wait)
    look.clock.pass_(minutes=10)
    assert look.follow(HOP, state) == Done()

    class Behind(FakeKube):
        def server_version(self) -> Any:
            return k8s("1.34")

    look.kube = Behind(look.cluster)
    waiting = look.follow(HOP, state)
    assert isinstance(waiting, Wait)
    assert "1.34" in waiting.progress


def test_a_failed_update_is_no_success_although_the_cluster_is_active_again(look: Look) -> None:
    look.cluster.fail["cluster"] = [Issue(code="IpNotAvailable", message="subnet-a", resource_ids=("subnet-a",))]
    state = look.start(HOP)
    look.clock.pass_(minutes=10)
    assert look.cluster.snapshot.control_plane.status in ("ACTIVE", "UPDATING")
    failed = look.follow(HOP, state)
    assert isinstance(failed, Failed)
    assert (failed.code, failed.resources, failed.update_ended) == ("IpNotAvailable", ("subnet-a",), True)
    assert failed.meaning
    assert failed.action


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"updated": 1}, "1 of 2 pods updated"),
        ({"ready": 1}, "1 of 2 pods ready"),
        ({"observed": False}, "has not been noticed"),
    ],
)
def test_an_add_on_is_done_only_when_its_workload_is_rolled_out(look: Look, change: dict[str, Any], told: str) -> None:
    state = look.start(COREDNS)
    look.clock.pass_(minutes=2)
    look.cluster.change_workload("coredns", **change)
    waiting = look.follow(COREDNS, state)
    assert isinstance(waiting, Wait)
    assert told in waiting.progress
    assert waiting.seconds == 5
    look.cluster.change_workload("coredns", updated=2, ready=2, observed=True)
    assert look.follow(COREDNS, state) == Done()


def coredns_pod(restarts: int, name: str = "coredns-1", **changes: Any) -> PodRow:
    return pod("kube-system", name, {"app": "coredns"}, restarts=restarts, **changes)


def test_restarts_that_rise_are_waited_for_until_they_stand_still(look: Look) -> None:
    look.cluster.facts(pods=(coredns_pod(3, "coredns-old"),))
    state = look.start(COREDNS)
    look.clock.pass_(minutes=2)
    look.cluster.facts(pods=(coredns_pod(1),))
    rising = look.follow(COREDNS, state)
    assert isinstance(rising, Wait)
    assert "restarted" in rising.progress
    assert rising.memory is not None
    state = state.model_copy(update={"memory": rising.memory})
    assert look.follow(COREDNS, state) == Done()


def test_an_unready_pod_is_named_with_its_reason(look: Look) -> None:
    state = look.start(COREDNS)
    look.clock.pass_(minutes=2)
    look.cluster.facts(pods=(coredns_pod(0, ready=False, waiting=("CrashLoopBackOff",)),))
    waiting = look.follow(COREDNS, state)
    assert isinstance(waiting, Wait)
    assert "coredns-1 is not ready (CrashLoopBackOff)" in waiting.progress


def test_coredns_needs_a_ready_endpoint(look: Look) -> None:
    class Silent(FakeKube):
        def endpoints(self, namespace: str, service: str) -> EndpointsRow:
            return EndpointsRow(namespace=namespace, service=service, ready=0)

    state = look.start(COREDNS)
    look.clock.pass_(minutes=2)
    look.kube = Silent(look.cluster)
    waiting = look.follow(COREDNS, state)
    assert isinstance(waiting, Wait)
    assert "Service kube-dns has no ready endpoint" in waiting.progress


def test_a_csi_driver_must_be_listed_on_each_node_that_runs_it(look: Look) -> None:
    class Csi(FakeKube):
        rows: tuple[CsiNodeRow, ...] = ()

        def csi_nodes(self) -> tuple[CsiNodeRow, ...]:
            return self.rows

    kube = Csi(look.cluster)
    look.cluster.facts(
        workloads=(workload("DaemonSet", "kube-system", "ebs-csi-node"),),
        pods=(pod("kube-system", "ebs-csi-node-x", {"app": "ebs-csi-node"}, node="core-1"),),
    )
    assert look_at_rollout("aws-ebs-csi-driver", kube).problems == (
        "node core-1 does not list the driver ebs.csi.aws.com",
    )
    kube.rows = (CsiNodeRow(name="core-1", drivers=("ebs.csi.aws.com",)),)
    assert look_at_rollout("aws-ebs-csi-driver", kube).problems == ()


def test_an_add_on_that_this_program_does_not_know_is_judged_by_eks_alone(look: Look) -> None:
    assert addon_workloads("some-vendor_agent").workloads == ()
    assert look_at_rollout("some-vendor_agent", look.kube).problems == ()


def test_an_add_on_that_stays_degraded_after_a_successful_update_fails_after_ten_minutes(look: Look) -> None:
    state = look.start(COREDNS)
    look.clock.pass_(minutes=2)
    FakeAws(look.cluster).describe_addon("coredns")
    look.cluster.change_addon("coredns", status="DEGRADED", issues=(Issue(code="InsufficientNumberOfReplicas"),))
    waiting = look.follow(COREDNS, state)
    assert isinstance(waiting, Wait)
    assert "DEGRADED" in waiting.progress
    state = state.model_copy(update={"memory": waiting.memory})
    look.clock.pass_(minutes=10)
    failed = look.follow(COREDNS, state)
    assert isinstance(failed, Failed)
    assert failed.code == "InsufficientNumberOfReplicas"
    assert failed.update_ended


def test_an_add_on_that_somebody_moved_further_is_never_moved_back(look: Look) -> None:
    look.cluster.change_addon("coredns", version=AddonVersion("v9.0.0-eksbuild.1"))
    seen = look.observe(COREDNS)
    assert isinstance(seen, Failed)
    assert seen.code == "AddonNewerThanPlanned"


def test_the_role_of_an_add_on_is_kept(look: Look) -> None:
    roles: list[str | None] = []

    class Watched(FakeAws):
        def update_addon(self, name: str, version: Any, *, resolve_conflicts: str, role_arn: Any, token: str) -> Any:
            roles.append(role_arn)
            return super().update_addon(
                name, version, resolve_conflicts=resolve_conflicts, role_arn=role_arn, token=token
            )

    look.cluster.change_addon("coredns", role_arn="arn:aws:iam::1:role/dns")
    aws = Watched(look.cluster)
    context = look.context()
    KINDS["addon"].prepare(COREDNS, StepContext(**{**vars(context), "changing": lambda: aws}))("token")
    assert roles == ["arn:aws:iam::1:role/dns"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ready": False}, "is not Ready"),
        ({"unschedulable": True}, "still unschedulable"),
        ({"kubelet_version": "v1.33.1-eks-1"}, "is on 1.33"),
    ],
)
def test_a_node_group_is_done_only_when_each_node_is_on_the_version_ready_and_schedulable(
    look: Look, change: dict[str, Any], told: str
) -> None:
    state = look.start(CORE)
    look.clock.pass_(minutes=12)
    assert look.follow(CORE, state) == Done()
    first, *rest = need(look.cluster.snapshot.nodes)
    look.cluster.facts(nodes=(msgspec.structs.replace(first, **change), *rest))
    waiting = look.follow(CORE, state)
    assert isinstance(waiting, Wait)
    assert told in waiting.progress
    look.cluster.facts(nodes=tuple(rest))
    waiting = look.follow(CORE, state)
    assert isinstance(waiting, Wait)
    assert "2 of 3 nodes are there" in waiting.progress


def test_a_mere_change_of_the_image_counts_every_node_as_old(look: Look) -> None:
    state = look.start(CORE)
    waiting = look.follow(CORE, state)
    assert isinstance(waiting, Wait)
    assert (waiting.done, waiting.total) == (0, 3)
    assert waiting.progress == "nodes 0/3, 0 of 1 pods evicted"


def test_nodes_that_a_failed_attempt_brought_over_are_not_counted_again(look: Look) -> None:
    newer = NodegroupStep(name="core", version=k8s("1.35"), release_version=release("1.35"))
    first, *rest = need(look.cluster.snapshot.nodes)
    look.cluster.facts(nodes=(msgspec.structs.replace(first, kubelet_version="v1.35.2-eks-1"), *rest))
    waiting = look.follow(newer, look.start(newer))
    assert isinstance(waiting, Wait)
    assert (waiting.done, waiting.total) == (0, 2)


# -- draining -------------------------------------------------------------------------------------------------------


def drains(look: Look, pods: tuple[PodRow, ...], memory: dict[str, str], minutes: float = 0) -> tuple[Any, ...]:
    node = msgspec.structs.replace(need(look.cluster.snapshot.nodes)[0], unschedulable=True)
    pdbs: tuple[PdbRow, ...] = need(look.cluster.snapshot.pdbs)
    return see_drains([node], pods, pdbs, memory, TAKEN_AT + timedelta(minutes=minutes))


def test_a_cordon_alone_is_no_drain_but_an_eviction_is(look: Look) -> None:
    pods = (pod("shop", "web-1", {"app": "web"}), pod("shop", "web-2", {"app": "web"}))
    seen, memory = drains(look, pods, {})
    assert seen == ()
    going = (msgspec.structs.replace(pods[0], deletion_at=TAKEN_AT), pods[1])
    seen, _ = drains(look, going, memory)
    assert [drain.node for drain in seen] == ["core-0"]
    seen, memory = drains(look, pods[:1], memory, minutes=1)  # one has gone
    assert seen[0].since == TAKEN_AT + timedelta(minutes=1)
    seen, _ = drains(look, pods[:1], memory, minutes=5)
    assert seen[0].since == TAKEN_AT + timedelta(minutes=1)
    assert seen[0].minutes_left(TAKEN_AT + timedelta(minutes=5)) == 11


def test_daemon_sets_do_not_hold_a_drain(look: Look) -> None:
    agent = pod("kube-system", "agent", owners=(Owner(kind="DaemonSet", name="agent"),))
    _, memory = drains(look, (agent,), {})
    assert memory == {"pods/core-0": "0"}


@pytest.mark.parametrize(("operator", "holds"), [("In", True), ("NotIn", False), ("Exists", True)])
def test_budgets_that_select_by_expression_are_named_too(look: Look, operator: str, holds: bool) -> None:
    requirement = LabelRequirement(key="app", operator=operator, values=("web",) if operator != "Exists" else ())
    budget = msgspec.structs.replace(
        need(look.cluster.snapshot.pdbs)[0], match_labels={}, match_expressions=(requirement,), disruptions_allowed=0
    )
    look.cluster.facts(pdbs=(budget,))
    seen, _ = drains(look, (pod("shop", "web-1", {"app": "web"}),), {})
    assert bool(seen) is holds


# -- announce and verify --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("delivered", "now", "done"),
    [(None, 20, False), (0, 15, True), (4, 15, True), (9, 15, False), (9, 24, True), (200, 201, False)],
)
def test_the_lead_time_counts_from_the_delivery_when_that_was_late(
    look: Look, delivered: int | None, now: int, done: bool
) -> None:
    notice_at = None if delivered is None else NOW + timedelta(minutes=delivered)
    start_at = NOW + timedelta(minutes=15)
    look.clock.time = NOW + timedelta(minutes=now)
    outcome = look.follow(AnnounceStep(), StepState(), notice_at=notice_at, scheduled_at=NOW, start_at=start_at)
    assert (outcome == Done()) is done


def test_a_notice_is_due_its_lead_time_before_a_start_that_is_far_off(look: Look) -> None:
    start_at = NOW + timedelta(hours=9)
    notice_at = start_at - timedelta(minutes=14)
    look.clock.time = start_at
    outcome = look.follow(AnnounceStep(), StepState(), notice_at=notice_at, scheduled_at=NOW, start_at=start_at)
    assert outcome == Done()


BASELINE = ("Deployment/kube-system/coredns", "Deployment/shop/web", "DaemonSet/kube-system/kube-proxy")
VERIFY = VerifyStep(version=k8s("1.34"))


def verify_until_judged(look: Look, **run: Any) -> Outcome:
    state = StepState(status=StepStatus.FOLLOWING)
    for _ in range(100):
        outcome = look.follow(VERIFY, state, plan=None, baseline=BASELINE, **run)
        if not isinstance(outcome, Wait):
            return outcome
        state = state.model_copy(update={"memory": outcome.memory})
        look.clock.pass_(seconds=outcome.seconds)
    raise AssertionError("never judged")


def test_all_as_before_is_done_at_once(look: Look) -> None:
    assert verify_until_judged(look) == Done()
    assert look.clock.now() == TAKEN_AT


def test_worse_is_unready_for_ten_minutes_in_a_row(look: Look) -> None:
    look.cluster.change_workload("web", ready=0)
    outcome = verify_until_judged(look)
    assert look.clock.now() - TAKEN_AT == timedelta(minutes=10)
    assert isinstance(outcome, Done)
    assert outcome.warnings == ("Worse than before: Deployment shop/web has 0 of 2 pods ready",)


def test_a_namespace_labelled_critical_pauses(look: Look) -> None:
    rows = need(look.cluster.snapshot.namespaces)
    labels = {"eks-upgrade-bot/critical": "true"}
    look.cluster.facts(namespaces=tuple(msgspec.structs.replace(row, labels=labels) for row in rows))
    look.cluster.change_workload("web", ready=0)
    outcome = verify_until_judged(look)
    assert isinstance(outcome, Blocked)
    assert outcome.seconds is None


def test_what_is_not_as_planned_pauses_after_ten_minutes(look: Look) -> None:
    first, *rest = need(look.cluster.snapshot.nodes)
    look.cluster.facts(nodes=(msgspec.structs.replace(first, ready=False), *rest))
    outcome = verify_until_judged(look)
    assert isinstance(outcome, Blocked)
    assert outcome.reasons == ("node core-0 is not Ready",)


def test_scaling_and_deleting_are_no_worsening_and_jobs_are_left_out() -> None:
    rows = [
        workload("Deployment", "shop", "web"),
        workload("Job", "shop", "report"),
        workload("StatefulSet", "shop", "db", ready=1),
        workload("ReplicaSet", "shop", "alone"),
        msgspec.structs.replace(workload("ReplicaSet", "shop", "owned"), owners=(Owner(kind="Deployment", name="w"),)),
        msgspec.structs.replace(workload("Deployment", "shop", "off"), replicas=0, ready=0),
    ]
    assert ready_workloads(rows) == ("Deployment/shop/web", "ReplicaSet/shop/alone")
    scaled = msgspec.structs.replace(rows[0], replicas=1, ready=1)
    assert unready_now(ready_workloads(rows), [scaled]) == ()


def test_critical_is_kube_system_and_what_is_labelled() -> None:
    assert critical_namespaces([]) == {"kube-system"}


def test_a_known_harmless_symptom_is_shown_and_pauses_nothing(look: Look) -> None:
    stuck = pod(
        "kube-system", "kube-proxy-x", ready=False, waiting=("ImagePullBackOff",),
        owners=(Owner(kind="DaemonSet", name="kube-proxy"),),
    )  # fmt: skip
    name = "DaemonSet/kube-system/kube-proxy"
    assert harmless(name, [stuck], k8s("1.22")) is not None
    assert harmless(name, [stuck], k8s("1.23")) is None
    assert harmless(name, [msgspec.structs.replace(stuck, waiting=("CrashLoopBackOff",))], k8s("1.22")) is None
    look.cluster.change_plane(version=k8s("1.22"))
    look.cluster.facts(pods=(stuck,))
    look.cluster.change_workload("kube-proxy", ready=1)
    step = VerifyStep(version=k8s("1.22"))
    outcome = look.follow(step, StepState(status=StepStatus.FOLLOWING), plan=None, baseline=BASELINE)
    assert isinstance(outcome, Done)
    assert "E-33" in outcome.warnings[0]


def test_every_workload_of_the_table_reads_as_kind_namespace_name() -> None:
    names = ("vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver", "metrics-server")
    for name in names:
        assert all(len(one.split("/")) == 3 for one in addon_workloads(name).workloads)


def test_fakes_refuse_a_second_update_and_know_tokens(look: Look) -> None:
    """The fake must be as strict as EKS, or the tests above prove nothing."""
    aws = FakeAws(look.cluster)
    one = aws.update_cluster_version(k8s("1.35"), token="a")
    assert aws.update_cluster_version(k8s("1.35"), token="a") == one
    with pytest.raises(Exception, match="under way"):
        aws.update_cluster_version(k8s("1.35"), token="b")
    assert isinstance(look.cluster, FakeCluster)
