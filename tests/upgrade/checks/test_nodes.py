"""Node groups, self-managed nodes and launch templates: one thing changed, and the near miss."""

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
    AMI_TYPES,
    healthy_snapshot,
    k8s,
    node,
    nodegroup,
    pod,
    with_facts,
    with_group,
    with_kubelets,
)
from upgrade.cluster import ClusterSnapshot
from upgrade.facts import Unknown
from upgrade.findings import Verdict
from upgrade.plan import NodePolicy, Scope
from upgrade.rows import Owner
from upgrade.surroundings import AutoScalingGroup

HEALTHY = healthy_snapshot("1.34")
LAGGING = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.33"),))
STRICT = {"policy": NodePolicy.MATCH_FIRST}
ALONE = {"scope": Scope.CONTROL_PLANE}
CUSTOM: dict[str, Any] = {"ami_type": "CUSTOM", "release_version": "", "launch_template": own_template()}


def custom(latest: int = 3, **node_changes: Any) -> ClusterSnapshot:
    cluster = mixed("1.34", nodegroup("own", "1.34", **CUSTOM), **node_changes)
    return with_facts(cluster, launch_templates=(template(latest=latest),))


def templated(version: int, latest: int) -> ClusterSnapshot:
    cluster = grouped("1.34", launch_template=own_template(version))
    return with_facts(cluster, launch_templates=(template(version, latest),))


def scaled(*versions: str) -> ClusterSnapshot:
    asg = AutoScalingGroup(name="workers", template_id="lt-1", template_version="$Latest", template_versions=versions)
    return with_facts(lonely("1.34"), autoscaling_groups=(asg,), launch_templates=(template(),))


def annotated(name: str, value: str, **changes: Any) -> ClusterSnapshot:
    return with_facts(HEALTHY, pods=(pod("shop", "web-1", annotations={name: value}, **changes),))


DO_NOT, EVICT = "karpenter.sh/do-not-disrupt", "cluster-autoscaler.kubernetes.io/safe-to-evict"
_OLD_NODE = mixed("1.34", nodes=(node("l", "1.33"),))
_OLD_IMAGE = with_group(HEALTHY, "core", release_version="1.34.0-20250101")
_HELD = lonely("1.34", annotations={DO_NOT: "true"})
_GONE = ("subnet-a", "subnet-x")
_EMPTY = with_group(HEALTHY, "core", subnet_ids=_GONE)

WRONG = [
    Wrong("NDG002", "a group behind", LAGGING, "1.35", WARNS, "nodegroup/core", "is on 1.33"),
    Wrong(
        "NDG002", "a group that may not lag", LAGGING, "1.35", BLOCKS, "nodegroup/core", "is on 1.33", STRICT | ALONE
    ),
    Wrong("NDG003", "a subnet gone", _EMPTY, "1.35", BLOCKS, "nodegroup/core", "do not exist: subnet-x"),
    Wrong("NDG004", "a newer template version", templated(3, 5), "1.35", WARNS, "nodegroup/extra", "which is at 5"),
    Wrong("NDG004", "a mixed group", scaled("2", "3"), "1.35", WARNS, "autoscaling-group/workers", "versions of"),
    Wrong("NDG005", "a custom AMI", custom(), "1.35", BLOCKS, "custom-ami/own", "no newer launch template version"),
    Wrong("NDG006", "self-managed nodes behind", _OLD_NODE, "1.35", WARNS, "self-managed/nodes", "run 1.33"),
    Wrong("NDG006", "the same for the policy", _OLD_NODE, "1.35", WARNS, "self-managed/nodes", "1.33", STRICT | ALONE),
    Wrong("NDG007", "an image that stays", _OLD_IMAGE, "1.35", INFORMS, "nodegroup/core", "20261019 is out", ALONE),
    Wrong("NDG008", "a pod", annotated(DO_NOT, "true"), "1.35", WARNS, "namespace/shop", "In shop 1 pod is"),
    Wrong("NDG008", "a pod for the autoscaler", annotated(EVICT, "false"), "1.35", WARNS, "namespace/shop", "In shop"),
    Wrong("NDG008", "a node", _HELD, "1.35", WARNS, "self-managed/nodes", "In nodes 1 node is"),
]

DAEMON = (Owner(kind="DaemonSet", name="agent"),)
FINE = [
    Fine("NDG002", "a group that the plan brings level first", LAGGING, "1.35", STRICT),
    Fine("NDG002", "a lag that the policy makes itself", HEALTHY, "1.36"),
    Fine("NDG003", "a subnet of a group that stays", _EMPTY, "1.35", ALONE),
    Fine("NDG004", "the newest version", templated(5, 5), "1.35"),
    Fine("NDG004", "a newer version of a group that stays", templated(3, 5), "1.35", ALONE),
    Fine("NDG004", "a custom AMI that is prepared", custom(4), "1.35"),
    Fine("NDG004", "an even Auto Scaling group", scaled("3", "3"), "1.35"),
    Fine("NDG005", "a launch template version to go to", custom(4), "1.35"),
    Fine("NDG005", "a custom AMI that stays", custom(), "1.35", ALONE),
    Fine("NDG006", "self-managed nodes that people replace first", _OLD_NODE, "1.35", STRICT),
    Fine("NDG006", "level nodes", lonely("1.34"), "1.35"),
    Fine("NDG007", "an old image that goes", _OLD_IMAGE, "1.35"),
    Fine("NDG007", "a release that nobody tells", with_group(HEALTHY, "core", release_version=""), "1.35", ALONE),
    Fine("NDG008", "an annotation that says no", annotated(DO_NOT, "false"), "1.35"),
    Fine("NDG008", "a pod on a node that stays", annotated(DO_NOT, "true", node="elsewhere"), "1.35"),
    Fine("NDG008", "a pod that goes with its node", annotated(DO_NOT, "true", owners=DAEMON), "1.35"),
]


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_one_thing_wrong_is_one_finding(case: Wrong) -> None:
    case.is_found()


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_near_miss_is_no_finding(case: Fine) -> None:
    case.is_fine()


def test_a_custom_ami_whose_template_cannot_be_found_is_unknown_and_blocks() -> None:
    (found,) = findings(with_facts(custom(), launch_templates=()), "NDG005", "1.35")
    assert (found.unknown, found.severity, found.waivable) == (True, BLOCKS, True)


def test_a_custom_ami_that_is_being_rotated_is_no_finding_any_more() -> None:
    cluster = with_facts(mixed("1.34", nodegroup("own", "1.33", **CUSTOM)), launch_templates=(template(),))
    assert findings(cluster, "NDG005", "1.34", scope=Scope.NODES) != []
    half = with_kubelets(cluster, "own", "1.34")
    assert findings(half, "NDG005", "1.34", scope=Scope.NODES) == []


def test_what_nobody_may_read_names_the_permission() -> None:
    denied = with_facts(HEALTHY, launch_templates=Unknown(reason="denied", permission="ec2:X"))
    (found,) = findings(denied, "NDG004", "1.35")
    assert (found.unknown, found.permission, found.severity) == (True, "ec2:X", WARNS)


def test_nothing_is_judged_of_nodes_that_stay() -> None:
    for code in ("NDG003", "NDG004", "NDG005", "NDG008"):
        assert verdict(HEALTHY, code, "1.35", scope=Scope.CONTROL_PLANE) is Verdict.NOT_APPLICABLE


def test_a_rotation_belongs_to_the_hop_that_it_comes_after() -> None:
    """Nodes of 1.34 stay while the control plane goes to 1.36, so only that hop answers for the rotation."""
    (found,) = findings(annotated(DO_NOT, "true"), "NDG008", "1.36")
    assert found.hop == k8s("1.36")


def test_another_image_family_has_releases_of_its_own() -> None:
    cluster = grouped("1.34", ami_type=AMI_TYPES[1])
    assert findings(cluster, "NDG007", "1.35", scope=Scope.CONTROL_PLANE) == []


def test_a_rotation_that_comes_before_the_first_hop_belongs_to_it() -> None:
    """Nodes of 1.31 must be rotated to 1.34 before 1.35, and once more after 1.36."""
    cluster = healthy_snapshot("1.34", nodegroups=(nodegroup("core", "1.31"),))
    held = with_facts(cluster, pods=(pod("shop", "web-1", annotations={DO_NOT: "true"}),))
    (found,) = findings(held, "NDG008", "1.36")
    assert found.hop == k8s("1.35")
