"""What the checks say of a cluster, for the tests of those about nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from tests.upgrade.snapshots import group_nodes, healthy_snapshot, k8s, node, nodegroup, with_facts
from upgrade.checks import CRASHED, run_checks
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import LaunchTemplate, Nodegroup
from upgrade.errors import UpgradeError
from upgrade.facts import need
from upgrade.findings import Finding, Report, Severity, Verdict
from upgrade.plan import NodePolicy, Scope, UpgradePolicy
from upgrade.planner import plan_upgrade
from upgrade.rows import NodeRow
from upgrade.surroundings import LaunchTemplateVersion, UserData

BLOCKS, WARNS, INFORMS = Severity.BLOCKS, Severity.WARNS, Severity.INFORMS


def judge(
    cluster: ClusterSnapshot, target: str, scope: Scope = Scope.ALL, policy: NodePolicy = NodePolicy.LAZY
) -> Report:
    """Judged for the plan; where none can be made, for the bare target, as the engine does."""
    stays = scope in (Scope.ADDONS, Scope.NODES)
    try:
        plan = plan_upgrade(cluster, None if stays else k8s(target), UpgradePolicy(node_policy=policy), scope)
    except UpgradeError:
        return run_checks(cluster, k8s(target))
    return run_checks(cluster, plan)


def findings(cluster: ClusterSnapshot, code: str, target: str, **options: Any) -> list[Finding]:
    """What that check finds; a check that crashes finds nothing and must not pass for that."""
    found = judge(cluster, target, **options).findings
    assert [one for one in found if one.code == CRASHED] == []
    return [one for one in found if one.code == code]


def verdict(cluster: ClusterSnapshot, code: str, target: str, **options: Any) -> Verdict:
    """Of the last hop."""
    return [one for one in judge(cluster, target, **options).results if one.code == code][-1].verdict


class Wrong(NamedTuple):
    """A cluster with one thing wrong, and the one finding that it makes. ``words`` are a part of its sentence."""

    code: str
    what: str
    cluster: ClusterSnapshot
    target: str
    severity: Severity
    subject: str
    words: str
    options: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.code} {self.what}"

    def is_found(self) -> None:
        (found,) = findings(self.cluster, self.code, self.target, **self.options)
        assert (found.severity, found.subject) == (self.severity, self.subject)
        assert self.words in found.summary
        assert found.remedy


class Fine(NamedTuple):
    """A near miss: a cluster that looks much like one with something wrong."""

    code: str
    what: str
    cluster: ClusterSnapshot
    target: str
    options: Mapping[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.code} {self.what}"

    def is_fine(self) -> None:
        assert findings(self.cluster, self.code, self.target, **self.options) == []


def grouped(version: str, **group: Any) -> ClusterSnapshot:
    """A healthy cluster with one more node group, ``extra``; ``kubelets`` are those of its three nodes."""
    return mixed(version, nodegroup("extra", version, **group))


def mixed(version: str, *groups: Nodegroup, nodes: Sequence[NodeRow] = (), **node_changes: Any) -> ClusterSnapshot:
    """A healthy cluster with these node groups and nodes more; ``node_changes`` are for the nodes of those groups."""
    cluster = healthy_snapshot(version)
    more = [msgspec.structs.replace(row, **node_changes) for group in groups for row in group_nodes(group)]
    return with_facts(
        cluster,
        nodegroups=(*need(cluster.nodegroups), *groups),
        nodes=(*need(cluster.nodes), *more, *nodes),
    )


def lonely(version: str, **changes: Any) -> ClusterSnapshot:
    """A healthy cluster with a self-managed node."""
    return mixed(version, nodes=(node("lonely", version, **changes),))


def own_template(version: int = 3) -> LaunchTemplate:
    return LaunchTemplate(id="lt-1", version=str(version), name="mine")


def template(
    version: int = 3, latest: int = 3, user_data: UserData | None = None, **more: Any
) -> LaunchTemplateVersion:
    return LaunchTemplateVersion(
        id="lt-1", name="mine", version=version, latest=latest, user_data=user_data or UserData(), **more
    )
