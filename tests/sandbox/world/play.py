"""A small healthy world and the means to let time pass in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

from sandbox.clock import ManualClock
from sandbox.scenario import Scenario, parse_scenario
from sandbox.world.model import Cluster, Update
from sandbox.world.world import World

HEALTHY = """
name: healthy
description: a small healthy cluster
date: 2026-11-17T09:00:00Z
seed: 7
clusters:
  - name: c
    version: "1.34"
    addons:
      - {name: vpc-cni}
      - {name: kube-proxy}
      - {name: coredns}
      - {name: aws-ebs-csi-driver}
    nodegroups:
      - {name: core, size: 3}
      - {name: apps, size: 4, max_unavailable: 2, labels: {role: apps}}
    workloads:
      - {namespace: shop, name: web, replicas: 4, pdb: {max_unavailable: 1}, service: true}
      - {namespace: shop, name: db, kind: StatefulSet, replicas: 3, pdb: {min_available: 2}, one_per_node: true}
      - {namespace: shop, name: held, replicas: 2, pdb: {max_unavailable: 1}, node_selector: {role: apps}}
start: {person: ana, cluster: c, to: "1.35"}
expected: {status: succeeded}
"""


class Play:
    """A world with a clock that the test moves."""

    def __init__(self, scenario: Scenario) -> None:
        self.clock = ManualClock(scenario.date)
        self.world = World(scenario, self.clock)

    @property
    def cluster(self) -> Cluster:
        return self.world.clusters()[0]

    def wait(self, duration: timedelta) -> None:
        """Lets so much domain time pass."""
        self.clock.advance(duration)
        self.world.settle()

    def events(self, until: Callable[[], bool], limit: timedelta = timedelta(hours=4)) -> Iterator[None]:
        """Goes from event to event until the condition holds; fails the test when it does not within the limit."""
        end = self.clock.now() + limit
        while not until():
            at = self.world.next_event_at()
            assert at is not None, "nothing will happen any more"
            assert at <= end, "waited in vain"
            if at > self.clock.now():
                self.clock.set(at)
            self.world.settle()
            yield

    def until(self, condition: Callable[[], bool], limit: timedelta = timedelta(hours=4)) -> None:
        """Lets time pass until the condition holds."""
        for _ in self.events(condition, limit):
            pass

    def finish(self, update: Update) -> Update:
        """Lets time pass until the update has ended."""
        self.until(lambda: update.status != "InProgress")
        return update

    def upgrade_control_plane(self, version: str) -> Update:
        return self.finish(self.world.update_cluster_version(self.cluster, version, token=f"to-{version}"))


def play(changes: dict[str, str] | None = None, faults: str = "") -> Play:
    """The healthy world with pieces of its text replaced, and faults (YAML list items) added."""
    text = HEALTHY
    for old, new in (changes or {}).items():
        assert old in text
        text = text.replace(old, new)
    return Play(parse_scenario(text + (f"faults:\n{faults}" if faults else "")))
