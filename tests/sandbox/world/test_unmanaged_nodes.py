"""Nodes that EKS does not manage."""

from __future__ import annotations

from datetime import timedelta

import pytest

from sandbox.world.objects import BUDGETS, NODES, PODS, Json
from tests.sandbox.world.play import Play, play

GROUPS = """{name: core, size: 3}
      - {name: own, kind: self-managed, size: 2}
      - {name: spot, kind: karpenter, size: 1}
      - {name: serverless, kind: fargate, size: 1}"""


@pytest.fixture
def mixed() -> Play:
    return play({"{name: core, size: 3}": GROUPS})


def labelled(made: Play, key: str, value: str) -> list[Json]:
    return [node for node in made.cluster.kube.list(NODES) if node["metadata"]["labels"].get(key) == value]


def test_each_kind_is_known_by_its_labels(mixed: Play) -> None:
    assert len(labelled(mixed, "alpha.eksctl.io/nodegroup-name", "own")) == 2
    assert len(labelled(mixed, "karpenter.sh/nodepool", "spot")) == 1
    (fargate,) = labelled(mixed, "eks.amazonaws.com/compute-type", "fargate")
    assert fargate["spec"]["taints"][0]["key"] == "eks.amazonaws.com/compute-type"
    assert not any(pod["spec"]["nodeName"] == fargate["metadata"]["name"] for pod in mixed.cluster.kube.list(PODS))
    assert set(mixed.cluster.nodegroups) == {"core", "apps"}


def test_person_brings_self_managed_nodes_to_the_clusters_version(mixed: Play) -> None:
    mixed.upgrade_control_plane("1.35")
    mixed.world.rotate_by_hand(mixed.cluster, "own")
    group = mixed.cluster.other_nodegroups["own"]
    for _ in mixed.events(lambda: group.version == "1.35", timedelta(hours=1)):
        for budget in mixed.cluster.kube.list(BUDGETS):
            assert budget["status"]["currentHealthy"] >= budget["status"]["desiredHealthy"]
    nodes = labelled(mixed, "alpha.eksctl.io/nodegroup-name", "own")
    assert [node["status"]["nodeInfo"]["kubeletVersion"][:5] for node in nodes] == ["v1.35", "v1.35"]
    with pytest.raises(KeyError):
        mixed.world.rotate_by_hand(mixed.cluster, "core")
