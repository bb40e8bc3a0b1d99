"""GPU, Inferentia and Trainium nodes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judged import BLOCKS, INFORMS, WARNS, Fine, Wrong, grouped, mixed, verdict
from tests.upgrade.snapshots import healthy_snapshot, node, nodegroup, with_facts, workload
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import need
from upgrade.findings import Verdict
from upgrade.plan import Scope

ALONE = {"scope": Scope.CONTROL_PLANE}
NVIDIA, NEURON = "nvcr.io/nvidia/k8s-device-plugin", "public.ecr.aws/neuron/neuron-device-plugin"


def typed(version: str, *types: str, image: str = "", **group: Any) -> ClusterSnapshot:
    """A cluster with a node group of those instance types, and a DaemonSet of that image."""
    cluster = grouped(version, instance_types=types, **group)
    more = (workload("DaemonSet", "kube-system", "plugin", image),) if image else ()
    return with_facts(cluster, workloads=(*need(cluster.workloads), *more))


def labelled(version: str, instance_type: str) -> ClusterSnapshot:
    return mixed(version, nodes=(node("n", version, {"node.kubernetes.io/instance-type": instance_type}),))


PLUGIN = "kube-system/DaemonSet/plugin"
EXTRA = "nodegroup/extra"
UNTOLD = typed("1.23", "inf1.xlarge", image=f"{NEURON}@sha256:00")

WRONG = [
    Wrong("GPU001", "P2", typed("1.24", "p2.xlarge", "p3.2xlarge"), "1.25", BLOCKS, EXTRA, "has p2.xlarge, which"),
    Wrong("GPU001", "a P2 node", labelled("1.24", "p2.xlarge"), "1.25", BLOCKS, "self-managed/nodes", "p2.xlarge"),
    Wrong("GPU002", "no plugin", typed("1.34", "g5.xlarge"), "1.35", WARNS, EXTRA, "no NVIDIA device plugin"),
    Wrong("GPU002", "a plugin", typed("1.34", "g5.xlarge", image=f"{NVIDIA}:v0.17.1"), "1.35", INFORMS, PLUGIN, "0.17"),
    Wrong("GPU002", "GPUs of a node", mixed("1.34", nodegroup("extra", "1.34"), gpus=1), "1.35", WARNS, EXTRA, "GPU"),
    Wrong("GPU003", "an old plugin", typed("1.23", "inf1.xlarge", image=f"{NEURON}:1.9.2.9"), "1.24", BLOCKS, PLUGIN,
          "1.9.2.9 is older"),
    Wrong("GPU003", "a plugin without a version", UNTOLD, "1.24", WARNS, PLUGIN, "does not tell"),
]  # fmt: skip

FINE = [
    Fine("GPU001", "P2 below 1.25", typed("1.23", "p2.xlarge"), "1.24"),
    Fine("GPU001", "P2 that stays", typed("1.24", "p2.xlarge"), "1.25", ALONE),
    Fine("GPU001", "P3", typed("1.24", "p3.2xlarge"), "1.25"),
    Fine("GPU002", "Bottlerocket", typed("1.34", "g5.xlarge", ami_type="BOTTLEROCKET_x86_64"), "1.35"),
    Fine("GPU002", "GPU nodes that stay", typed("1.34", "g5.xlarge"), "1.35", ALONE),
    Fine("GPU003", "the least version", typed("1.23", "trn1.2xlarge", image=f"{NEURON}:1.9.3.0"), "1.24"),
    Fine("GPU003", "a version of two digits", typed("1.23", "inf2.xlarge", image=f"{NEURON}:v1.10.0.0"), "1.24"),
]


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_one_thing_wrong_is_one_finding(case: Wrong) -> None:
    case.is_found()


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_near_miss_is_no_finding(case: Fine) -> None:
    case.is_fine()


def test_an_old_plugin_without_such_nodes_is_nobodys_business() -> None:
    assert verdict(typed("1.23", "m7i.large", image=f"{NEURON}:1.9.2.0"), "GPU003", "1.24") is Verdict.NOT_APPLICABLE
    assert verdict(healthy_snapshot("1.34"), "GPU002", "1.35") is Verdict.NOT_APPLICABLE
