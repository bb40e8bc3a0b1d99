"""What the bot promises before it knows a cluster's past holds in a world that goes by the same rules."""

from __future__ import annotations

import pytest

from sandbox.world.model import Update
from tests.sandbox.world.play import play
from tests.upgrade.snapshots import healthy_snapshot, k8s, nodegroup
from upgrade.estimate import ADDON, CONTROL_PLANE, Minutes, estimate_minutes
from upgrade.plan import NodegroupStep, Phase


def lasted(update: Update) -> float:
    assert update.status == "Successful"
    assert update.ended_at is not None
    return (update.ended_at - update.created_at).total_seconds() / 60


def estimated(size: int, at_once: int) -> Minutes:
    group = nodegroup("apps", "1.34", desired_size=size, max_unavailable=at_once)
    step = NodegroupStep(name="apps", version=k8s("1.35"))
    phase = Phase(id="nodes@1.35", kind="nodes", title="Nodes", steps=(step,))
    return estimate_minutes([phase], healthy_snapshot("1.34", nodegroups=(group,)))[step.id]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("size", "at_once"), [(0, 1), (1, 1), (2, 2), (4, 2), (7, 1), (9, 3)])
def test_a_node_group_takes_no_less_and_no_more_than_the_estimate_says(seed: int, size: int, at_once: int) -> None:
    group = f"{{name: apps, size: {size}, max_unavailable: {at_once}, labels: {{role: apps}}}}"
    made = play(
        {
            "seed: 7": f"seed: {seed}",
            "{name: apps, size: 4, max_unavailable: 2, labels: {role: apps}}": group,
            "      - {namespace: shop, name: held, replicas: 2, pdb: {max_unavailable: 1}, "
            "node_selector: {role: apps}}\n": "",
        }
    )
    plane = made.upgrade_control_plane("1.35")
    assert CONTROL_PLANE[0] <= lasted(plane) <= CONTROL_PLANE[1]
    low, high = estimated(size, at_once)
    took = lasted(made.finish(made.world.update_nodegroup_version(made.cluster, "apps", version="1.35", token="g")))
    assert low <= took <= high
    assert took <= 3 * low + 3, "the low end is no less than a quick update takes"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_an_add_on_takes_no_less_and_no_more_than_the_estimate_says(seed: int) -> None:
    made = play({"seed: 7": f"seed: {seed}"})
    made.upgrade_control_plane("1.35")
    for name in ("kube-proxy", "coredns"):
        newest = made.world.catalogue.addon_versions(name, "1.35")[0].version
        took = lasted(made.finish(made.world.update_addon(made.cluster, name, version=newest, token=name)))
        assert ADDON[0] <= took <= ADDON[1]
