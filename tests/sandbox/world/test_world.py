"""Time, threads and what the world remembers."""

from __future__ import annotations

import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.clock import DomainClock
from sandbox.scenario import CallsThrottled, load_scenario, parse_scenario
from sandbox.world.model import Duration
from sandbox.world.picture import longest_chain
from sandbox.world.world import World
from tests.patience import LONGEST
from tests.sandbox.world.play import HEALTHY, Play, play


def history(seed: int, polls: int) -> list[Any]:
    """Everything that happens in one upgrade, asked about at `polls` random times between its calls."""
    made = play(
        {"seed: 7": f"seed: {seed}"},
        "  - {kind: pdb-blocks, cluster: c, namespace: shop, name: held, nodegroup: apps}\n",
    )
    start, dice = made.clock.now(), random.Random(polls)
    cluster, world = made.cluster, made.world
    calls = {
        60: lambda: world.update_cluster_version(cluster, "1.35", token="cp"),
        1200: lambda: world.update_addon(cluster, "coredns", version="v1.13.1-eksbuild.1", token="dns"),
        1500: lambda: world.update_nodegroup_version(cluster, "core", version="1.35", token="core"),
        1503: lambda: world.update_nodegroup_version(cluster, "apps", version="1.35", token="apps"),
    }
    times = {*calls, 7200, *(dice.randrange(7200) for _ in range(polls))}
    for second in sorted(times):
        made.clock.set(start + timedelta(seconds=second))
        if second in calls:
            calls[second]()
        else:
            world.picture(cluster)
    log = [(c.type, c.resource_version, c.object["metadata"]["name"]) for c in cluster.kube.changes_since(0)]
    updates = [(u.id, u.status, u.ended_at, [e.error_message for e in u.errors]) for u in cluster.updates.values()]
    return [log, updates, cluster.kube.resource_version, [pod["metadata"] for pod in cluster.kube.list(_pods())]]


def _pods() -> Any:
    from sandbox.world.objects import PODS

    return PODS


def test_how_often_somebody_asks_does_not_change_what_happens() -> None:
    once = history(seed=3, polls=0)
    assert once == history(seed=3, polls=400)
    assert {status for _, status, _, _ in once[1]} == {"Successful", "Failed"}


def test_another_seed_is_another_world() -> None:
    assert history(seed=3, polls=0) != history(seed=4, polls=0)


def test_events_happen_at_their_own_time_however_late_they_are_noticed(healthy: Play) -> None:
    update = healthy.world.update_cluster_version(healthy.cluster, "1.35", token="t")
    healthy.wait(timedelta(hours=5))
    assert update.ended_at is not None
    assert update.ended_at - update.created_at <= timedelta(minutes=15)


def test_idle_world_costs_next_to_nothing() -> None:
    made = Play(load_scenario("fleet"))
    made.wait(timedelta(hours=2))
    start = time.thread_time()  # of this thread alone, however busy the machine is
    for _ in range(1000):
        made.world.settle()
    assert (time.thread_time() - start) / 1000 < 0.001


def test_watchers_are_woken_when_something_happens_by_itself() -> None:
    scenario = parse_scenario(HEALTHY)
    world = World(scenario, DomainClock(scenario.date, rate=3000))
    signals = threading.Event()
    unsubscribe = world.subscribe(signals.set)
    world.start()
    try:
        cluster = world.clusters()[0]
        update = world.update_cluster_version(cluster, "1.35", token="t")
        seen = world.seq
        while update.status == "InProgress":
            now = world.wait_for_change(seen, timeout=LONGEST)
            assert now > seen, "nobody was woken"
            seen = now
        assert signals.is_set()
    finally:
        unsubscribe()
        world.stop()
    assert threading.current_thread() is threading.main_thread()
    assert "world-ticker" not in {thread.name for thread in threading.enumerate()}


def test_stopping_lets_nobody_wait() -> None:
    scenario = parse_scenario(HEALTHY)
    world = World(scenario, DomainClock(scenario.date))
    world.start()
    waiter = threading.Thread(target=lambda: world.wait_for_change(world.seq, timeout=10 * LONGEST))
    waiter.start()
    world.stop()
    waiter.join(timeout=LONGEST)
    assert not waiter.is_alive()


def test_many_threads_with_one_token_start_one_update(healthy: Play) -> None:
    cluster = healthy.cluster
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(healthy.world.update_addon(cluster, "coredns", token="t")))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({update.id for update in found}) == 1
    assert len(healthy.world.effects) == 1
    assert len(healthy.world.calls) == 8


def duration(start: int, end: int) -> Duration:
    origin = datetime(2026, 1, 1, tzinfo=UTC)
    return Duration("c", "k", "s", origin + timedelta(minutes=start), origin + timedelta(minutes=end))


@pytest.mark.parametrize(
    ("spans", "minutes"),
    [
        ([], 0),
        ([(0, 10)], 10),
        ([(0, 10), (10, 15), (20, 25)], 20),
        ([(0, 10), (5, 30), (12, 20)], 25),
        ([(0, 10), (5, 18), (12, 20)], 18),
        ([(0, 4), (1, 5), (5, 9), (4, 8)], 8),
    ],
)
def test_longest_chain_takes_only_what_waited_for_each_other(spans: list[tuple[int, int]], minutes: int) -> None:
    assert longest_chain([duration(*span) for span in spans]) == timedelta(minutes=minutes)


def test_durations_tell_every_update_and_requested_refresh(healthy: Play) -> None:
    world = healthy.world
    world.start_insights_refresh(healthy.cluster)
    healthy.wait(timedelta(minutes=5))
    healthy.upgrade_control_plane("1.35")
    found = world.chain_durations()
    assert [(d.kind, d.subject) for d in found] == [("InsightsRefresh", "insights"), ("VersionUpdate", "control-plane")]
    assert world.longest_chain() == found[0].length + found[1].length


def test_clusters_are_found_by_name_key_and_arn(healthy: Play) -> None:
    world, cluster = healthy.world, healthy.cluster
    assert world.find_cluster("c") is world.find_cluster(cluster.key) is world.find_cluster(cluster.arn) is cluster
    with pytest.raises(KeyError):
        world.find_cluster("nope")
    assert world.clusters("111122223333", "eu-central-1") == [cluster]
    assert world.clusters("111122223333", "us-east-1") == []


def test_picture_shows_an_update_under_way(healthy: Play) -> None:
    healthy.world.update_cluster_version(healthy.cluster, "1.35", token="t")
    healthy.wait(timedelta(minutes=4))
    drawn = healthy.world.picture(healthy.cluster)
    assert drawn["control_plane"]["status"] == "UPDATING"
    assert 0.2 < drawn["control_plane"]["update"]["progress"] < 0.6
    assert sum(node["pods"] for node in drawn["nodes"]) == len(drawn["pods"])
    assert {node["group"] for node in drawn["nodes"]} == {"core", "apps"}


def test_throttled_calls_are_counted(healthy: Play) -> None:
    healthy.world.switch_on(CallsThrottled(kind="throttle", operation="DescribeUpdate", calls=2))
    answers = [healthy.world.faults.throttles(name) for name in ("ListUpdates", *["DescribeUpdate"] * 3)]
    assert answers == [False, True, True, False]


def test_denied_actions_and_verbs_come_and_go() -> None:
    made = play(
        faults="  - {kind: deny-action, action: eks:UpdateAddon}\n  - {kind: deny-rbac, verb: list, resource: nodes}\n"
    )
    faults = made.world.faults
    assert faults.denies("eks:UpdateAddon")
    assert not faults.denies("eks:DescribeAddon")
    assert faults.denied_rbac == {("list", "nodes")}
    for switch in [*faults.switches]:
        made.world.switch_off(switch)
    assert not faults.denies("eks:UpdateAddon")
    assert faults.denied_rbac == set()
    faults.denied_actions.add("iam:*")
    assert faults.denies("iam:GetRole")


def test_api_server_cuts_connections_for_a_while_after_the_update() -> None:
    made = play(faults="  - {kind: api-resets, cluster: c, seconds: 90}\n")
    api = made.world.kube(made.cluster)
    assert not api.resets_connections()
    made.upgrade_control_plane("1.35")
    assert api.resets_connections()
    made.wait(timedelta(seconds=91))
    assert not api.resets_connections()
    assert api.git_version().startswith("v1.35.")
