"""Drain simulation: a cluster with one thing changed, and the near miss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.upgrade.snapshots import healthy_snapshot, k8s, node, nodegroup, pdb, pod, with_facts, workload
from upgrade.checks import run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.drain import Cause, simulate_drains
from upgrade.facts import Unknown, need
from upgrade.findings import Finding, Severity, Verdict
from upgrade.nodes import node_sets
from upgrade.objects import ClaimRow, VolumeRow
from upgrade.plan import UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.rows import (
    LabelRequirement,
    LabelSelector,
    NamespaceRow,
    NodeRow,
    NodeTerm,
    Owner,
    PdbRow,
    PodRow,
    PodShape,
    PodTerm,
    SpreadRule,
    Taint,
    Toleration,
    VolumeUse,
)

ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
BLOCKS, WARNS = Severity.BLOCKS, Severity.WARNS
NO_LABELS: Mapping[str, str] = {}
PLAIN = PodShape()
OWNED = (Owner(kind="ReplicaSet", name="web-5d", uid="rs"),)


def machine(
    name: str, zone: str = "a", group: str = "core", labels: Mapping[str, str] = NO_LABELS, **changes: Any
) -> NodeRow:
    size = {"cpu_millis": 4000, "memory_bytes": 16 << 30, "pod_limit": 29}
    marks = {"eks.amazonaws.com/nodegroup": group, ZONE: zone, HOST: name}
    return node(name, "1.34", {**marks, **labels}, **(size | changes))


def cluster(
    pods: Sequence[PodRow],
    nodes: Sequence[NodeRow] = (machine("core-0", "a"), machine("core-1", "b")),
    pdbs: Sequence[PdbRow] = (),
    groups: Sequence[Any] = (nodegroup("core", "1.34", desired_size=2),),
    **facts: Any,
) -> ClusterSnapshot:
    return with_facts(
        healthy_snapshot("1.34", nodegroups=tuple(groups)),
        nodes=tuple(nodes),
        pods=tuple(pods),
        pdbs=tuple(pdbs),
        **facts,
    )


def web(name: str = "web-1", where: str = "core-0", shape: PodShape = PLAIN, **changes: Any) -> PodRow:
    facts: dict[str, Any] = {
        "node": where,
        "shape": shape,
        "owners": (Owner(kind="ReplicaSet", name="web-5d", uid="rs"),),
    }
    return pod("shop", name, {"app": "web", "team": "storefront"}, **(facts | changes))


def findings(snapshot: ClusterSnapshot, code: str = "DRN001") -> list[Finding]:
    report = run_checks(snapshot, plan_upgrade(snapshot, k8s("1.35"), UpgradePolicy()))
    return [one for one in report.findings if one.code == code]


def term(key: str, operator: str, *values: str) -> tuple[NodeTerm, ...]:
    return (NodeTerm((LabelRequirement(key, operator, values),)),)


DAEMON = (Owner("DaemonSet", "agent"),)
APART = (PodTerm(HOST, {"app": "web"}),)
DATA = (VolumeUse("persistentVolumeClaim", "data"),)
PORT = PodShape(host_ports=(80,))
EVEN = (SpreadRule(ZONE, 1, True, {"app": "web"}),)
SOFT = (SpreadRule(ZONE, 1, False, {"app": "web"}),)
ANY = PodShape(tolerations=(Toleration("gpu", "Exists"),))
SOFTLY = (Taint("gpu", "PreferNoSchedule"),)
NEVER = (pdb("shop", "web", disruptions_allowed=0),)
CLAIM = (ClaimRow("shop", "data", "pv-1"),)
TAINTED = [machine(f"core-{n}", "ab"[n], taints=(Taint("gpu", "NoSchedule", "yes"),)) for n in (0, 1)]
ONE_BY_ONE = (nodegroup("core", "1.34", desired_size=2, update_strategy="MINIMAL"),)


def volume(*zones: str) -> tuple[VolumeRow, ...]:
    return (VolumeRow("pv-1", "csi", "ebs.csi.aws.com", zones=zones, claim="shop/data"),)


UNREAD = Unknown(reason="no", permission="list namespaces")
BY_LABEL = LabelSelector({"tier": "system"})
NAMED = (NodeTerm(fields=(LabelRequirement("metadata.name", "In", ("core-0",)),)),)
NOT_NAMED = (NodeTerm(fields=(LabelRequirement("metadata.name", "NotIn", ("core-0",)),)),)
SPACES = (NamespaceRow("kube-system", {"tier": "system"}), NamespaceRow("shop"))


def agents(selector: LabelSelector, **facts: Any) -> ClusterSnapshot:
    """A pod that keeps away from zones with an agent, and an agent of another namespace on every node."""
    term = PodTerm(ZONE, {"app": "agent"}, namespace_selector=selector)
    daemons = [
        pod("kube-system", f"agent-{number}", {"app": "agent"}, node=f"core-{number}", owners=DAEMON)
        for number in range(2)
    ]
    return cluster([web(shape=PodShape(apart=(term,))), *daemons], **({"namespaces": SPACES} | facts))


def together(selector: LabelSelector, **facts: Any) -> ClusterSnapshot:
    """A pod that wants to be in a zone with an agent of another namespace; each zone has one."""
    term = PodTerm(ZONE, {"app": "agent"}, namespace_selector=selector)
    agent = pod("kube-system", "agent", {"app": "agent"}, node="core-1", owners=DAEMON)
    other = web(shape=PodShape(together=(term,)))
    return cluster([other, agent], **({"namespaces": SPACES} | facts))


def of_revision(hash_: str, **keys: Any) -> ClusterSnapshot:
    """A pod of revision one that keeps away from zones with some others; each zone has a pod of a revision."""
    daemons = [
        pod("shop", f"agent-{number}", {"app": "web", "hash": hash_}, node=f"core-{number}", owners=DAEMON)
        for number in range(2)
    ]
    mine = web(shape=PodShape(apart=(PodTerm(ZONE, {"app": "web"}, **keys),)))
    labelled = replace(mine, labels={**mine.labels, "hash": "one"})
    return cluster([labelled, *daemons])


def near_loners(number: int = 2, about: str = "web", topology: str = ZONE) -> ClusterSnapshot:
    """A pod with no wishes, and in so many zones an agent that wants none like it near."""
    shape = PodShape(apart=(PodTerm(topology, {"app": about}, namespaces=("shop",)),))
    loners = [
        pod("kube-system", f"loner-{at}", {"app": "loner"}, node=f"core-{at}", owners=DAEMON, shape=shape)
        for at in range(number)
    ]
    return cluster([web(), *loners])


STUCK: list[tuple[str, ClusterSnapshot, Severity, str]] = [
    ("a label set by hand", cluster([web(shape=PodShape(node_selector={HOST: "core-0"}))]), BLOCKS, "nodeSelector"),
    ("an affinity", cluster([web(shape=PodShape(node_terms=term("disk", "In", "ssd")))]), BLOCKS, "node affinity"),
    ("too small a number", cluster([web(shape=PodShape(node_terms=term("cores", "Gt", "8")))]), BLOCKS, "affinity"),
    ("a taint", cluster([web()], TAINTED), BLOCKS, "taint"),
    (
        "a volume in a zone that the group has left",
        cluster([web(shape=PodShape(volumes=DATA))], claims=CLAIM, persistent_volumes=volume("c")),
        BLOCKS,
        "zone of its volume",
    ),
    ("anti-affinity to what is everywhere", cluster([
        web(shape=PodShape(apart=(PodTerm(ZONE, {"app": "agent"}, namespaces=("kube-system",)),))),
        pod("kube-system", "agent", {"app": "agent"}, node="core-1", owners=DAEMON),
        pod("kube-system", "agent-b", {"app": "agent"}, node="core-0", owners=DAEMON),
    ]), BLOCKS, "anti-affinity"),
    ("a node by its name", cluster([web(shape=PodShape(node_terms=NAMED))]), BLOCKS, "node affinity"),
    ("anti-affinity to what is everywhere in namespaces with a label", agents(BY_LABEL), BLOCKS, "anti-affinity"),
    ("anti-affinity to what is everywhere in any namespace", agents(LabelSelector()), BLOCKS, "anti-affinity"),
    ("affinity to a namespace that no label selects", together(LabelSelector({"tier": "none"})), BLOCKS, "affinity"),
    ("anti-affinity to its own revision", of_revision("one", match_label_keys=("hash",)), BLOCKS, "anti-affinity"),
    ("anti-affinity, a key that it lacks", of_revision("other", match_label_keys=("none",)), BLOCKS, "anti-affinity"),
    ("anti-affinity to other tenants", of_revision("other", mismatch_label_keys=("hash",)), BLOCKS, "anti-affinity"),
    ("anti-affinity of what is everywhere", near_loners(), BLOCKS, "keeps it away"),
    ("too much memory", cluster([web(shape=PodShape(memory_bytes=17 << 30))]), WARNS, "room"),
    ("a host port that is taken everywhere", cluster([
        web(shape=PodShape(host_ports=(80,))),
        pod("kube-system", "agent", owners=DAEMON, shape=PORT),
        pod("kube-system", "agent-b", node="core-1", owners=DAEMON, shape=PORT),
    ]), BLOCKS, "host port"),
    ("a spread over zones where one zone is full", cluster(
        [web(f"web-{number}", "core-0", PodShape(spread=EVEN)) for number in range(2)],
        nodes=[machine("core-0", "a"), machine("core-1", "b", taints=(Taint("gpu", "NoSchedule", "yes"),))],
    ), BLOCKS, "spread"),
]  # fmt: skip

FINE: list[tuple[str, ClusterSnapshot]] = [
    ("a label of the group", cluster([web(shape=PodShape(node_selector={ZONE: "a"}))])),
    ("a term that holds beside one that does not", cluster([
        web(shape=PodShape(node_terms=(*term("disk", "In", "ssd"), *term(ZONE, "NotIn", "b"))))
    ])),
    ("a toleration", cluster([web(shape=PodShape(tolerations=(Toleration("gpu", value="yes"),)))], TAINTED)),
    ("a toleration of every value", cluster([web(shape=ANY)], TAINTED)),
    ("a soft taint", cluster([web()], [machine("core-0", taints=SOFTLY), machine("core-1")])),
    ("a volume in the group's zone", cluster(
        [web(shape=PodShape(volumes=DATA))], claims=CLAIM, persistent_volumes=volume("a")
    )),
    ("a claim that is not bound", cluster([web(shape=PodShape(volumes=DATA))], claims=CLAIM)),
    ("anti-affinity, and the surge", cluster([
        web("web-1", "core-0", PodShape(apart=APART)), web("web-2", "core-1", PodShape(apart=APART))
    ])),
    ("affinity to its like", cluster([
        web("web-1", "core-0", PodShape(together=APART)), web("web-2", "core-0", PodShape(together=APART))
    ])),
    ("every node but one, by its name", cluster([web(shape=PodShape(node_terms=NOT_NAMED))])),
    ("anti-affinity to other namespaces", agents(LabelSelector({"tier": "none"}))),
    ("affinity to a namespace with a label", together(BY_LABEL)),
    ("anti-affinity to its own revision, beside another", of_revision("other", match_label_keys=("hash",))),
    ("anti-affinity to other tenants, beside its own", of_revision("one", mismatch_label_keys=("hash",))),
    ("anti-affinity of what is in one zone only", near_loners(1)),
    ("anti-affinity of what is everywhere, to others", near_loners(about="db")),
    ("anti-affinity over a label that no node has", near_loners(topology="rack")),
    ("its own anti-affinity over a label that no node has", cluster([
        web(f"web-{number}", shape=PodShape(apart=(PodTerm("rack", {"app": "web"}),))) for number in range(3)
    ])),
    ("memory that just fits", cluster([web(shape=PodShape(memory_bytes=16 << 30))])),
    ("nodes that do not tell their size", cluster([web(shape=PodShape(memory_bytes=17 << 30))], [
        machine("core-0", cpu_millis=0, memory_bytes=0), machine("core-1")
    ])),
    ("a host port that is free on new nodes", cluster([web(shape=PodShape(host_ports=(80,)))])),
    ("a soft spread", cluster([web(f"web-{number}", shape=PodShape(spread=SOFT)) for number in range(4)])),
    ("a pod that has ended", cluster([web(shape=PodShape(node_selector={HOST: "core-0"}), phase="Succeeded")])),
    ("a DaemonSet's pod", cluster([web(shape=PodShape(node_selector={HOST: "x"}), owners=DAEMON)])),
    ("what a budget holds from the first is PDB001's", cluster([web()], pdbs=NEVER)),
]  # fmt: skip


@pytest.mark.parametrize("stuck", STUCK, ids=[one[0] for one in STUCK])
def test_a_pod_that_has_nowhere_to_go_is_named(stuck: tuple[str, ClusterSnapshot, Severity, str]) -> None:
    _, snapshot, severity, says = stuck
    found = findings(snapshot)
    assert [(one.severity, says in one.summary) for one in found] == [(severity, True)], [one.summary for one in found]
    assert found[0].stops == ("nodes",)
    assert found[0].remedy
    assert found[0].evidence["owner"] == "storefront"
    assert " on core-" in found[0].evidence["pods"]


@pytest.mark.parametrize("fine", FINE, ids=[one[0] for one in FINE])
def test_a_pod_that_lands_is_no_finding(fine: tuple[str, ClusterSnapshot]) -> None:
    assert findings(fine[1]) == []


def one_node_of(number: int, grace: int | None, allowed: int = 0, group: str = "core") -> ClusterSnapshot:
    """So many pods of a Deployment on one node; ``allowed`` at a time where that is not nought."""
    pods = [web(f"web-{at}", shape=PodShape(grace_seconds=grace)) for at in range(number)]
    budget = (pdb("shop", "web", disruptions_allowed=allowed),) if allowed else ()
    labels = {"eks.amazonaws.com/nodegroup": group}
    machines = [machine("core-0", labels=labels, pod_limit=110), machine("core-1", "b", labels=labels, pod_limit=110)]
    return cluster(pods, machines, budget)


@pytest.mark.parametrize(
    ("slow", "words"),
    [
        (one_node_of(1, 901), "1 pod of shop/Deployment/web may take 16 minutes to leave core-0; when"),
        (
            one_node_of(31, None, 1),
            "31 pods of shop/Deployment/web may take 16 minutes to leave core-0, 1 at a time",
        ),
        (one_node_of(5, 400, 2), "5 pods of shop/Deployment/web may take 20 minutes to leave core-0, 2 at a time"),
    ],
)
def test_what_may_take_longer_than_eks_waits_is_a_warning(slow: ClusterSnapshot, words: str) -> None:
    (found,) = findings(slow)
    assert (found.severity, words in found.summary) == (WARNS, True), found.summary
    assert "EKS waits 15" in found.summary


@pytest.mark.parametrize(
    "fast",
    [
        one_node_of(1, 900),
        one_node_of(31, None),
        one_node_of(30, None, 1),
        one_node_of(4, 400, 2),
        one_node_of(1, 901, group="elsewhere"),
        cluster([web(shape=PodShape(grace_seconds=3600), owners=DAEMON)]),
    ],
)
def test_what_leaves_in_time_or_is_not_rotated_by_eks_is_no_finding(fast: ClusterSnapshot) -> None:
    assert findings(fast) == []


def test_pods_of_a_deployment_are_one_finding_of_it() -> None:
    shape = PodShape(node_selector={"disk": "ssd"})
    snapshot = cluster([web("web-1", shape=shape), web("web-2", "core-1", shape)])
    snapshot = with_facts(snapshot, workloads=(*need(snapshot.workloads), workload("Deployment", "shop", "web")))
    (found,) = findings(snapshot)
    assert found.subject == "shop/Deployment/web"
    assert found.summary.startswith("2 pods of shop/Deployment/web would have nowhere to go")


def test_a_pod_that_cannot_land_uses_up_the_budget_of_the_next() -> None:
    stray = PodShape(node_selector={HOST: "core-0"})
    snapshot = cluster([web("web-1", shape=stray), web("web-2", "core-1")], pdbs=[pdb("shop", "web")])
    found = findings(snapshot)
    assert [one.summary.split(":")[0] for one in found] == [
        "1 pod of shop/Deployment/web cannot leave nodegroup/core",
        "1 pod of shop/Deployment/web would have nowhere to go when nodegroup/core is rotated",
    ]
    assert "shop/web is used up" in found[0].summary
    assert found[0].evidence["budget"] == "shop/web"


def test_pods_that_must_be_together_wait_for_the_last_of_them_unless_a_budget_keeps_it() -> None:
    together = PodShape(together=APART)
    pods = [web("web-1", "core-0", together), web("web-2", "core-0", together)]
    assert findings(cluster(pods)) == []
    found = findings(cluster(pods, pdbs=[pdb("shop", "web")]))
    assert {one.summary.split(":")[1] for one in found} == {
        " shop/web is used up by pods that have nowhere to go.",
        " no node is near the pods that its affinity demands.",
    }


def test_a_replacement_that_comes_only_afterwards_is_waited_for() -> None:
    assert findings(cluster([web("web-1"), web("web-2", "core-1")], groups=ONE_BY_ONE)) == []


@pytest.mark.parametrize(
    ("policy", "healthy", "leaves"),
    [("", 1, True), ("", 0, False), ("IfHealthyBudget", 0, False), ("AlwaysAllow", 0, True)],
)
def test_an_unhealthy_pod_leaves_as_its_budget_says(policy: str, healthy: int, leaves: bool) -> None:
    budget = pdb(
        "shop", "web", disruptions_allowed=0, current_healthy=healthy, desired_healthy=1, unhealthy_policy=policy
    )
    snapshot = cluster([web(ready=False)], pdbs=[budget])
    stuck = simulate_drains(snapshot, node_sets(snapshot))
    assert [one.cause for one in stuck] == ([] if leaves else [Cause.NO_BUDGET_LEFT])


def test_two_budgets_answer_every_eviction_with_an_error() -> None:
    snapshot = cluster([web()], pdbs=[pdb("shop", "web"), pdb("shop", "all", match_labels={})])
    (stuck,) = simulate_drains(snapshot, node_sets(snapshot))
    assert stuck.cause is Cause.SEVERAL_BUDGETS
    assert {one.name for one in stuck.budgets} == {"web", "all"}


def test_a_budget_selects_by_expressions_too() -> None:
    chosen = pdb("shop", "web", match_labels={}, match_expressions=(LabelRequirement("app", "NotIn", ("web",)),))
    snapshot = cluster([web()], pdbs=[pdb("shop", "all"), chosen])
    assert simulate_drains(snapshot, node_sets(snapshot)) == ()


def test_groups_are_drained_in_the_planned_order_and_later_ones_are_open_until_then() -> None:
    """Pinned to the label of the other group by hand: it has somewhere to go until that group is rotated too."""
    nodes = [machine("core-0"), machine("workers-0", group="workers", labels={"disk": "ssd"})]
    groups = [nodegroup("core", "1.34", desired_size=1), nodegroup("workers", "1.34", desired_size=1)]
    pinned = web(shape=PodShape(node_selector={HOST: "workers-0"}))
    assert findings(cluster([pinned], nodes, groups=groups)) == []
    back = web(where="workers-0", shape=PodShape(node_selector={HOST: "core-0"}))
    (found,) = findings(cluster([back], nodes, groups=groups))
    assert "nodegroup/workers" in found.summary


def test_a_bare_pod_is_lost_and_said_so() -> None:
    snapshot = cluster([web(owners=())])
    (found,) = findings(snapshot, "DRN002")
    assert (found.severity, found.subject, found.evidence) == (WARNS, "shop/Pod/web-1", {"owner": "storefront"})
    assert findings(snapshot) == []
    assert findings(cluster([web()]), "DRN002") == []


def test_a_statefulset_that_keeps_data_on_its_node_is_told() -> None:
    scratch = PodShape(volumes=(VolumeUse("emptyDir"),))
    (found,) = findings(cluster([web(shape=scratch, owners=(Owner("StatefulSet", "db"),))]), "DRN003")
    assert (found.severity, found.subject) == (Severity.INFORMS, "shop/StatefulSet/db")
    assert findings(cluster([web(shape=scratch)]), "DRN003") == []


@pytest.mark.parametrize("fact", ["pods", "nodes", "pdbs", "claims", "persistent_volumes"])
def test_what_cannot_be_read_leaves_the_drain_unknown(fact: str) -> None:
    snapshot = with_facts(cluster([web()]), **{fact: Unknown(reason="no", permission=f"list {fact}")})
    report = run_checks(snapshot, k8s("1.35"))
    (result,) = [one for one in report.results if one.code == "DRN001"]
    assert result.verdict is Verdict.UNKNOWN
    assert result.findings[0].blocks
    assert result.findings[0].permission == f"list {fact}"


@pytest.mark.parametrize("snapshot", [
    agents(BY_LABEL, namespaces=UNREAD), together(LabelSelector({"tier": "none"}), namespaces=UNREAD)
])  # fmt: skip
def test_labels_of_namespaces_that_cannot_be_read_invent_no_blocker_and_are_told(snapshot: ClusterSnapshot) -> None:
    (found,) = findings(snapshot)
    assert (found.severity, found.unknown, found.permission) == (Severity.INFORMS, True, "list namespaces")
    assert "taken for fulfilled" in found.summary


def test_who_asks_for_no_label_of_a_namespace_needs_none() -> None:
    assert findings(cluster([web()], namespaces=UNREAD)) == []
    (found,) = findings(agents(LabelSelector(), namespaces=UNREAD))
    assert "anti-affinity" in found.summary


def test_a_spread_over_one_revision_does_not_count_the_others() -> None:
    def spread(*keys: str) -> ClusterSnapshot:
        rule = SpreadRule(ZONE, 1, True, {"app": "web"}, match_label_keys=keys)
        shape = PodShape(spread=(rule,))
        new = [replace(web("new", "core-0", shape), labels={"app": "web", "hash": "new"})]
        old = [pod("shop", f"old-{n}", {"app": "web", "hash": "old"}, node="core-0", owners=DAEMON) for n in range(4)]
        nodes = [machine("core-0", "a"), machine("core-1", "b", taints=(Taint("gpu", "NoSchedule", "yes"),))]
        return cluster([*new, *old], nodes)

    assert len(findings(spread())) == 1
    assert findings(spread("hash")) == []


def test_a_pod_that_is_stuck_says_that_it_is_the_least_that_gets_stuck() -> None:
    (found,) = findings(cluster([web(shape=PodShape(node_selector={HOST: "core-0"}))]))
    assert found.evidence["at least"] == (
        "Landed pods are taken for ready at once and the surge for staying, so more may get stuck."
    )


def test_karpenter_makes_nodes_to_measure() -> None:
    pool = {"karpenter.sh/nodepool": "default"}
    nodes = [node("kp-0", "1.34", {**pool, ZONE: "a", HOST: "kp-0"})]
    snapshot = cluster([web(where="kp-0", shape=PodShape(memory_bytes=1 << 50))], nodes, groups=())
    assert simulate_drains(snapshot, node_sets(snapshot)) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["core-0", "core-1", "workers-0"]), st.integers(0, 4000), st.sampled_from("abc")),
        max_size=20,
    )
)
def test_more_room_never_leaves_more_pods_stuck(wanted: list[tuple[str, int, str]]) -> None:
    """And whoever asks for nothing special lands as long as there is any room."""
    groups = [nodegroup("core", "1.34", desired_size=2), nodegroup("workers", "1.34", desired_size=1)]
    pods = [
        web(f"web-{number}", where, PodShape(cpu_millis=cpu), owners=(Owner("ReplicaSet", owner, owner),))
        for number, (where, cpu, owner) in enumerate(wanted)
    ]

    def stuck(cpu: int) -> int:
        nodes = [
            machine("core-0", "a", cpu_millis=cpu),
            machine("core-1", "b", cpu_millis=cpu),
            machine("workers-0", "a", "workers", cpu_millis=cpu),
        ]
        snapshot = cluster(pods, nodes, groups=groups)
        return len(simulate_drains(snapshot, node_sets(snapshot)))

    assert stuck(80_000) == 0
    assert stuck(4_000) <= len(pods)
