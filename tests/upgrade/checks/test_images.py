"""Images, runtimes, cgroups: one thing changed, and the near miss."""

from __future__ import annotations

from typing import Any

import pytest

from tests.upgrade.checks.judged import (
    BLOCKS,
    INFORMS,
    WARNS,
    Fine,
    Wrong,
    findings,
    grouped,
    lonely,
    mixed,
    own_template,
    template,
    verdict,
)
from tests.upgrade.snapshots import (
    AMI_RELEASES,
    healthy_snapshot,
    k8s,
    node,
    nodegroup,
    pod,
    span,
    with_addon,
    with_facts,
)
from upgrade.checks import run_checks
from upgrade.checks.images import Family, family_of
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import AmiRelease
from upgrade.facts import Unknown, need
from upgrade.findings import Verdict
from upgrade.nodes import NodeKind, NodeSet
from upgrade.objects import KubeletRow, NodeClassRow, NodePoolRow
from upgrade.plan import Scope
from upgrade.rows import PodShape, VolumeUse
from upgrade.surroundings import UserData

ALONE = {"scope": Scope.CONTROL_PLANE}
OWN: dict[str, Any] = {"ami_type": "CUSTOM", "release_version": "", "launch_template": own_template()}
AL2, AL2023, UBUNTU = "Amazon Linux 2", "Amazon Linux 2023.6.20250107", "Ubuntu 22.04.4 LTS"
AL2_RELEASES = tuple(
    AmiRelease(version=one, ami_type="AL2_x86_64", release_version=f"{one}.2-20251119") for one in span("1.24", "1.32")
)
SELF = "self-managed/nodes"


def al2_group(version: str) -> ClusterSnapshot:
    cluster = grouped(version, ami_type="AL2_x86_64", release_version=f"{version}.2-20251119")
    return with_facts(cluster, ami_releases=AMI_RELEASES + AL2_RELEASES)


def own_group(version: str, **node_changes: Any) -> ClusterSnapshot:
    cluster = mixed(version, nodegroup("own", version, **OWN), **node_changes)
    return with_facts(cluster, launch_templates=(template(latest=4),))


def runtime(version: str, release: str) -> ClusterSnapshot:
    return lonely(version, container_runtime=f"containerd://{release}")


def karpenter(version: str, *selectors: str, **node_changes: Any) -> ClusterSnapshot:
    cluster = mixed(version, nodes=(node("k-1", version, {"karpenter.sh/nodepool": "default"}, **node_changes),))
    pool = NodePoolRow(name="default", api_version="karpenter.sh/v1", node_class="main")
    return with_facts(cluster, node_pools=(pool,), node_classes=(NodeClassRow(name="main", ami_selectors=selectors),))


def managed_runtime(release: str, kind: Any) -> ClusterSnapshot:
    group = nodegroup("extra", "1.33", launch_template=own_template())
    cluster = mixed("1.33", group, container_runtime=f"containerd://{release}")
    return with_facts(cluster, launch_templates=(template(user_data=UserData(kind=kind)),))


def cgroups(version: str, cgroup: int | None, os_image: str = UBUNTU, **more: Any) -> ClusterSnapshot:
    row = KubeletRow(node="lonely", cgroup_version=cgroup, **more)
    return with_facts(lonely(version, os_image=os_image), kubelets=(row,))


def static(kind: str, where: str = "lonely", annotation: str = "kubernetes.io/config.mirror") -> ClusterSnapshot:
    shape = PodShape(volumes=(VolumeUse(kind=kind, detail="x"),))
    row = pod("kube-system", f"proxy-{where}", node=where, annotations={annotation: "1"}, shape=shape)
    return with_facts(lonely("1.33"), pods=(row,))


def cni(version: str, cluster: ClusterSnapshot) -> ClusterSnapshot:
    return with_addon(cluster, "vpc-cni", version=version)


def windows(version: str) -> ClusterSnapshot:
    return mixed(version, nodes=(node("w", version, {"kubernetes.io/os": "windows"}),))


AL2_GROUP = nodegroup("old", "1.31", ami_type="AL2_x86_64", release_version="r")
AL2_LEVEL = healthy_snapshot("1.32", nodegroups=(AL2_GROUP,), ami_releases=AL2_RELEASES)
AL2_ALONE = healthy_snapshot("1.32", nodegroups=(AL2_GROUP,), ami_releases=())
LEVEL = healthy_snapshot("1.30", nodegroups=(nodegroup("core", "1.29"),))

WRONG = [
    Wrong("AMI001", "an AL2 group", al2_group("1.30"), "1.31", WARNS, "nodegroup/extra", "run Amazon Linux 2"),
    Wrong("AMI001", "an AL2 node", lonely("1.30", os_image=AL2), "1.31", WARNS, SELF, "run Amazon Linux 2"),
    Wrong("AMI001", "AL2 that stays", al2_group("1.30"), "1.31", WARNS, "nodegroup/extra", "run Amazon", ALONE),
    Wrong("AMI002", "AL2 at its end", al2_group("1.32"), "1.33", BLOCKS, "nodegroup/extra", "no image after 1.32"),
    Wrong("AMI002", "an own AL2 image", own_group("1.32", os_image=AL2), "1.33", BLOCKS, "custom-ami/own", "1.32"),
    Wrong("AMI003", "containerd 1.5", runtime("1.25", "1.5.9"), "1.26", BLOCKS, SELF, "older than 1.6.0; 1.26 needs"),
    Wrong("AMI003", "containerd 1.7 at 1.35", runtime("1.34", "1.7.27"), "1.35", WARNS, SELF, "the last version that"),
    Wrong("AMI003", "containerd 1.7 at 1.36", runtime("1.35", "1.7.27"), "1.36", BLOCKS, SELF, "1.36 needs it"),
    Wrong(
        "AMI003", "Karpenter's own images", karpenter("1.35", "id=ami-1", container_runtime="containerd://1.7.1"),
        "1.36", BLOCKS, "karpenter/default", "1.36 needs it",
    ),
    Wrong("AMI004", "user data of one's own", managed_runtime("1.7.27", "nodeadm"), "1.34", WARNS, "nodegroup/extra",
          "from containerd 1.7.27 to containerd 2.1"),
    Wrong("AMI004", "no user data", managed_runtime("1.7.27", "none"), "1.34", INFORMS, "nodegroup/extra", "to con"),
    Wrong("AMI005", "an own image", lonely("1.23"), "1.24", WARNS, SELF, "Nobody can see"),
    Wrong("AMI006", "a kubelet on v1", cgroups("1.34", 1), "1.35", BLOCKS, SELF, "use cgroup v1"),
    Wrong("AMI006", "an image of v1", lonely("1.34", os_image=AL2), "1.35", BLOCKS, SELF, "use cgroup v1"),
    Wrong("AMI006", "what old kubelets assume", cgroups("1.34", 1, fail_cgroup_v1=False), "1.35", BLOCKS, SELF, "v1"),
    Wrong("AMI006", "a kubelet that tells nothing", cgroups("1.34", None), "1.35", BLOCKS, "nodes", "do not tell"),
    Wrong("AMI007", "a secret", static("secret"), "1.34", WARNS, "kube-system/Pod/proxy", "refers to objects"),
    Wrong("AMI008", "an old CNI", cni("v1.15.0-eksbuild.1", LEVEL), "1.30", BLOCKS, "addon/vpc-cni", "than 1.16.2",
          {"scope": Scope.NODES}),
    Wrong("AMI008", "AL2 that goes", cni("v1.15.0-eksbuild.1", AL2_ALONE), "1.33", BLOCKS, "addon/vpc-cni", "1.16"),
    Wrong("WIN001", "a Windows node", windows("1.22"), "1.23", INFORMS, SELF, "no extended support"),
]  # fmt: skip

FINE = [
    Fine("AMI001", "AL2023", lonely("1.30", os_image=AL2023), "1.31"),
    Fine("AMI001", "a Fargate pod", mixed("1.30", nodes=(node("fargate-ip-1", "1.30", os_image=AL2),)), "1.31"),
    Fine("AMI002", "AL2 before its end", al2_group("1.31"), "1.32"),
    Fine("AMI002", "AL2 that stays", al2_group("1.32"), "1.33", ALONE),
    Fine("AMI003", "containerd 1.6", runtime("1.25", "1.6.0"), "1.26"),
    Fine("AMI003", "containerd 1.7 below 1.35", runtime("1.33", "1.7.27"), "1.34"),
    Fine("AMI003", "containerd 2", runtime("1.35", "2.0.0"), "1.36"),
    Fine("AMI003", "an image of EKS", mixed("1.35", nodegroup("x", "1.35"), container_runtime="containerd://1.7.1"),
         "1.36"),
    Fine("AMI003", "Karpenter by alias", karpenter("1.35", "alias=al2023@latest",
                                                   container_runtime="containerd://1.7.1"), "1.36"),
    Fine("AMI004", "containerd 2.1 already", managed_runtime("2.1.0", "nodeadm"), "1.34"),
    Fine("AMI004", "before 1.34", mixed("1.32", nodegroup("x", "1.32"), container_runtime="containerd://1.7.1"),
         "1.33"),
    Fine("AMI005", "an image that runs on 1.24 already", lonely("1.24"), "1.25"),
    Fine("AMI005", "images of EKS", healthy_snapshot("1.23"), "1.24"),
    Fine("AMI006", "a kubelet on v2", cgroups("1.34", 2), "1.35"),
    Fine("AMI006", "before 1.35", cgroups("1.33", 1), "1.34"),
    Fine("AMI006", "a kubelet that goes on", cgroups("1.35", 1, fail_cgroup_v1=False), "1.36"),
    Fine("AMI006", "an image of v2", lonely("1.34", os_image=AL2023), "1.35"),
    Fine("AMI007", "a path of the host", static("hostPath"), "1.34"),
    Fine("AMI007", "a pod that is not static", static("secret", annotation="x"), "1.34"),
    Fine("AMI007", "a node of EKS's image", static("secret", "core-0"), "1.34"),
    Fine("AMI008", "a CNI that the plan updates first", cni("v1.15.0-eksbuild.1", healthy_snapshot("1.30")), "1.31"),
    Fine("AMI008", "an old CNI without AL2023", cni("v1.15.0-eksbuild.1", healthy_snapshot("1.30", nodegroups=(
        nodegroup("core", "1.29", ami_type="BOTTLEROCKET_x86_64"),))), "1.30", {"scope": Scope.NODES}),
    Fine("AMI008", "the least CNI", cni("v1.16.2-eksbuild.1", LEVEL), "1.30", {"scope": Scope.NODES}),
    Fine("AMI008", "AL2 that stays AL2", cni("v1.15.0-eksbuild.1", AL2_LEVEL), "1.32", {"scope": Scope.NODES}),
    Fine("WIN001", "a later version", windows("1.23"), "1.24"),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_one_thing_wrong_is_one_finding(case: Wrong) -> None:
    case.is_found()


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_near_miss_is_no_finding(case: Fine) -> None:
    case.is_fine()


@pytest.mark.parametrize("kind", [NodeKind.CUSTOM_AMI, NodeKind.SELF_MANAGED])
@pytest.mark.parametrize(
    ("os_image", "family"),
    [
        ("Amazon Linux 2", Family.AL2),
        ("Amazon Linux 2023.6.20250107", Family.AL2023),
        ("Bottlerocket OS 1.30.0 (aws-k8s-1.31)", Family.BOTTLEROCKET),
        ("Ubuntu 22.04.4 LTS", Family.OTHER),
        ("Windows Server 2022 Datacenter", Family.OTHER),
    ],
)
def test_a_family_is_told_by_what_nodes_say(kind: NodeKind, os_image: str, family: Family) -> None:
    row = node("n", "1.30", os_image=os_image)
    assert family_of(NodeSet(kind, "x", k8s("1.30"), k8s("1.30"), (row,))) is family


def test_one_old_node_makes_the_set_old() -> None:
    rows = (node("a", "1.30", os_image=AL2023), node("b", "1.30", os_image=AL2))
    assert family_of(NodeSet(NodeKind.SELF_MANAGED, "x", k8s("1.30"), k8s("1.30"), rows)) is Family.AL2


def test_the_end_of_al2_shows_at_the_hop_that_rotates_to_it() -> None:
    """Lazy: nodes of 1.31 wait until the control plane is on 1.34, so no hop before it has them on 1.33."""
    cluster = own_group("1.31", os_image=AL2)
    (found,) = findings(cluster, "AMI002", "1.34")
    assert found.hop == k8s("1.34")
    assert findings(cluster, "AMI002", "1.34", scope=Scope.CONTROL_PLANE) == []


def test_a_kubelet_that_nobody_was_meant_to_ask_weighs_nothing_and_one_that_refuses_blocks() -> None:
    ubuntu = lonely("1.34", os_image=UBUNTU)
    off = with_facts(ubuntu, kubelets=Unknown(reason="The setting is off.", chosen=True))
    (found,) = findings(off, "AMI006", "1.35")
    assert (found.unknown, found.severity) == (True, INFORMS)
    (found,) = findings(with_facts(ubuntu, kubelets=Unknown(reason="no", permission="p")), "AMI006", "1.35")
    assert (found.unknown, found.severity, found.permission) == (True, BLOCKS, "p")


def test_kubelets_of_images_that_are_known_need_not_be_asked() -> None:
    off = with_facts(healthy_snapshot("1.34"), kubelets=Unknown(reason="The setting is off.", chosen=True))
    assert verdict(off, "AMI006", "1.35") is Verdict.NOT_APPLICABLE


def test_the_same_static_pod_on_many_nodes_is_one_finding() -> None:
    cluster = static("secret")
    twin = node("second", "1.33")
    (row,) = need(cluster.pods)
    pods = (row, pod("kube-system", "proxy-second", node="second", annotations=row.annotations, shape=row.shape))
    cluster = with_facts(cluster, nodes=(*need(cluster.nodes), twin), pods=pods)
    assert [one.subject for one in findings(cluster, "AMI007", "1.34")] == ["kube-system/Pod/proxy"]


def test_without_a_plan_skew_is_told_at_its_first_hop_and_asks_for_the_new_family_at_once() -> None:
    told = [one for one in run_checks(al2_group("1.30"), k8s("1.36")).findings if one.code in ("AMI002", "SKW002")]
    skew = [one for one in told if one.code == "SKW002"]
    assert {one.hop for one in skew} == {k8s("1.34")}
    leaving = {(one.subject, one.remedy) for one in told if one.code == "AMI002"}
    assert {(one.subject, one.remedy) for one in skew if "AL2023" in one.remedy} == leaving
    assert {one.remedy for one in skew if (one.subject, one.remedy) not in leaving} <= {"Rotate them to 1.33 first."}
    assert leaving
