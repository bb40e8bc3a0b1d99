"""Workloads and whether they survive that their nodes are replaced."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.upgrade.checks.judging import Found, NearMiss, also, before, codes_of, findings, name_of, see, see_none
from tests.upgrade.snapshots import pdb, pod, pod_shape, with_facts, workload
from upgrade.checks import docker, workloads
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.rows import NodeTerm, Owner, PodTerm, SpreadRule, Toleration, VolumeUse

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS
HOST = "kubernetes.io/hostname"
ANYTHING = (Toleration(operator="Exists"),)
SOCKET = (VolumeUse("hostPath", "/var/run/docker.sock"),)


def one(kind: str = "Deployment", target: str = "1.35", **changes: Any) -> ClusterSnapshot:
    """A cluster that also has the workload ``shop/KIND/till`` of these changes; budgets cover all of the shop."""
    covered = (pdb("kube-system", "coredns"), pdb("shop", "all", match_labels={}))
    return also(target, workload(kind, "shop", "till", **changes), pdbs=covered)


def shaped(kind: str = "Deployment", target: str = "1.35", **shape: Any) -> ClusterSnapshot:
    return one(kind, target, shape=pod_shape(**shape))


def budgets(*names: str, **changes: Any) -> ClusterSnapshot:
    return before("1.35", pdbs=(pdb("kube-system", "coredns"), *(pdb("shop", name, **changes) for name in names)))


def on(runtime: str, target: str, *rows: Any, **changes: Any) -> ClusterSnapshot:
    """A cluster whose core nodes have that container runtime and these changes; the workers have containerd."""
    cluster = also(target, *rows)
    nodes = tuple(
        msgspec.structs.replace(node, container_runtime=runtime, **changes) if node.nodegroup == "core" else node
        for node in need(cluster.nodes)
    )
    return with_facts(cluster, nodes=nodes)


MOUNTS = workload("DaemonSet", "ops", "agent", shape=pod_shape(volumes=SOCKET), labels={"team": "ops"})
NOTEBOOK = {"component": "singleuser-server"}
HARD = (SpreadRule(HOST, hard=True),)

FOUND = [
    Found("WRK002", "a notebook", also("1.35", pod("hub", "ann", NOTEBOOK)), WARNS, "hub/notebook servers", "Open"),
    Found(
        "WRK002",
        "a Dask worker",
        also("1.35", pod("hub", "w", {"app.kubernetes.io/component": "dask-worker"})),
        WARNS,
        "hub/Dask clusters",
    ),
    Found("WRK003", "a deployment", shaped(tolerations=ANYTHING), WARNS, "shop/Deployment/till", "every taint"),
    Found(
        "WRK003",
        "a bare pod",
        also("1.35", pod("shop", "p", owners=(), shape=pod_shape(tolerations=ANYTHING))),
        WARNS,
        "shop/Pod/p",
    ),
    Found("WRK004", "no budget", budgets(), WARNS, "shop/Deployment/web", "2 pods"),
    Found("WRK004", "a budget of others", budgets("till"), WARNS, "shop/Deployment/web"),
    Found("WRK005", "one replica", one(replicas=1), WARNS, "shop/Deployment/till", "has a single replica."),
    Found("WRK005", "no probe", shaped(probed=False), WARNS, "shop/Deployment/till", "without a readiness probe."),
    Found("WRK005", "no spread", shaped("StatefulSet", spread=()), WARNS, "shop/StatefulSet/till", "spread its pods"),
    Found(
        "WRK005",
        "all of it",
        shaped("StatefulSet", spread=(), probed=False, grace_seconds=0),
        WARNS,
        "shop/StatefulSet/till",
        "zones, has containers without a readiness probe and gives its pods no time",
    ),
    Found("WRK005", "no minReadySeconds", one(min_ready_seconds=0), INFORMS, "shop/Deployment/till", "minReadySeconds"),
    Found("WRK006", "a bare pod", also("1.35", pod("shop", "p", owners=())), WARNS, "shop/Pod/p", "gone"),
    Found(
        "WRK007",
        "a narrowed spread",
        shaped(target="1.24", spread=HARD, node_terms=(NodeTerm(),)),
        INFORMS,
        "shop/Deployment/till",
    ),
    Found(
        "WRK008",
        "a zone in the schedule",
        one("CronJob", schedule="CRON_TZ=Europe/Berlin 0 3 * * *"),
        WARNS,
        "shop/CronJob/till",
        "CRON_TZ",
    ),
    Found("DOC001", "the socket before 1.24", on("docker://20.10", "1.23", MOUNTS), WARNS, "ops/DaemonSet/agent"),
    Found("DOC001", "the socket at 1.24", on("docker://20.10", "1.24", MOUNTS), BLOCKS, "ops/DaemonSet/agent"),
    Found("DOC001", "a mount that is dead", also("1.35", MOUNTS), WARNS, "ops/DaemonSet/agent"),
    Found("DOC001", "before there are nodes", also("1.24", MOUNTS, nodes=()), BLOCKS, "ops/DaemonSet/agent"),
    Found("DOC001", "no nodes, later", also("1.25", MOUNTS, nodes=()), WARNS, "ops/DaemonSet/agent"),
    Found("DOC002", "Docker at 1.23", on("docker://20.10", "1.23"), WARNS, "nodegroup/core", "In core 3 nodes run"),
    Found("DOC002", "Docker at 1.24", on("docker://20.10", "1.24"), WARNS, "nodegroup/core"),
]

NEAR = [
    NearMiss("WRK002", "a notebook that has ended", also("1.35", pod("hub", "ann", NOTEBOOK, phase="Succeeded"))),
    NearMiss("WRK003", "a DaemonSet", shaped("DaemonSet", tolerations=ANYTHING)),
    NearMiss("WRK003", "a named taint", shaped(tolerations=(Toleration(key="gpu", operator="Exists"),))),
    NearMiss("WRK003", "only NoExecute", shaped(tolerations=(Toleration(operator="Exists", effect="NoExecute"),))),
    NearMiss("WRK004", "a budget for all", budgets("all", match_labels={})),
    NearMiss("WRK004", "a single replica", one(replicas=1)),
    NearMiss("WRK005", "scaled to nothing", one(replicas=0, shape=pod_shape(probed=False))),
    NearMiss("WRK005", "apart by zone", shaped(spread=(), apart=(PodTerm("topology.kubernetes.io/zone"),))),
    NearMiss("WRK005", "apart if possible", shaped(spread=(), prefers_apart=True)),
    NearMiss("WRK005", "a deployment without time to end", shaped(grace_seconds=0)),
    NearMiss("WRK005", "a DaemonSet", shaped("DaemonSet", spread=(), probed=False)),
    NearMiss("WRK006", "a static pod", also("1.35", pod("shop", "p", owners=(Owner(kind="Node", name="n"),)))),
    NearMiss("WRK006", "a pod that has ended", also("1.35", pod("shop", "p", owners=(), phase="Succeeded"))),
    NearMiss("WRK007", "after 1.24", shaped(target="1.25", spread=HARD, node_terms=(NodeTerm(),))),
    NearMiss("WRK007", "a soft one", shaped(target="1.24", spread=(SpreadRule(HOST),), node_terms=(NodeTerm(),))),
    NearMiss("WRK008", "a zone in its field", one("CronJob", schedule="0 3 * * *")),
    NearMiss("DOC001", "another socket", shaped(volumes=(VolumeUse("hostPath", "/run/containerd/containerd.sock"),))),
    NearMiss("DOC002", "containerd", on("containerd://1.4.13", "1.24")),
    NearMiss("DOC002", "before 1.23", on("docker://20.10", "1.22")),
]


@pytest.mark.parametrize("case", FOUND, ids=name_of)
def test_one_thing_wrong_is_one_finding(case: Found) -> None:
    see(case)


@pytest.mark.parametrize("case", NEAR, ids=name_of)
def test_a_near_miss_is_no_finding(case: NearMiss) -> None:
    see_none(case)


def test_every_check_has_both() -> None:
    codes = codes_of(workloads) | codes_of(docker)
    assert {one.code for one in FOUND} | {"WRK001"} == codes == {one.code for one in NEAR} | {"WRK001"}


def test_a_finding_names_the_owner_that_labels_tell() -> None:
    (found,) = findings(also("1.35", MOUNTS), "DOC001")
    assert found.evidence == {"owner": "ops", "path": "/var/run/docker.sock"}


def test_docker_on_an_image_of_ones_own_blocks_nodes_of_1_24() -> None:
    (found,) = findings(on("docker://20.10", "1.24", labels={}), "DOC002")
    assert (found.subject, found.severity, found.stops) == ("self-managed/nodes", BLOCKS, ("nodes",))
