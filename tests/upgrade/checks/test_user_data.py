"""User data and launch templates of one's own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.upgrade.checks.judged import (
    BLOCKS,
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
from tests.upgrade.snapshots import AMI_RELEASES, healthy_snapshot, nodegroup, with_facts, workload
from upgrade.checks.user_data import flags
from upgrade.cluster import ClusterSnapshot
from upgrade.eks import AmiRelease
from upgrade.facts import need
from upgrade.findings import Verdict
from upgrade.objects import ServiceAccountRow
from upgrade.plan import Scope
from upgrade.rows import PodShape
from upgrade.surroundings import AutoScalingGroup, Instance, UserData

ALONE = {"scope": Scope.CONTROL_PLANE}
OWN: dict[str, Any] = {"ami_type": "CUSTOM", "release_version": "", "launch_template": own_template()}
KEYS = ("apiServerEndpoint", "certificateAuthority", "cidr")
AL2023 = "Amazon Linux 2023.6.20250107"


def passing(version: str, *passed: str) -> ClusterSnapshot:
    """A node group with a launch template whose user data passes those flags."""
    cluster = grouped(version, launch_template=own_template())
    return with_facts(cluster, launch_templates=(template(user_data=UserData(kind="bootstrap.sh", flags=passed)),))


def scaled(version: str, data: UserData, template_version: str = "$Latest") -> ClusterSnapshot:
    """Self-managed nodes and the Auto Scaling group that makes them."""
    asg = AutoScalingGroup(name="workers", template_id="lt-1", template_version=template_version)
    return with_facts(
        lonely(version, os_image=AL2023), autoscaling_groups=(asg,), launch_templates=(template(user_data=data),)
    )


def al2023_group(kind: Any) -> ClusterSnapshot:
    cluster = grouped("1.32", launch_template=own_template())
    return with_facts(cluster, launch_templates=(template(user_data=UserData(kind=kind)),))


def own_al2(version: str) -> ClusterSnapshot:
    cluster = mixed(version, nodegroup("own", version, **OWN), os_image="Amazon Linux 2")
    data = UserData(kind="bootstrap.sh")
    return with_facts(cluster, launch_templates=(template(user_data=data, latest=4),))


def metadata(
    present: int, coming: int | None = None, version: str = "1.32", ami: str = "AL2_x86_64"
) -> ClusterSnapshot:
    """Nodes whose instances have one hop limit, and a launch template that has another."""
    own = own_template() if coming else None
    release = AmiRelease(
        version=need(healthy_snapshot(version).nodegroups)[0].version, ami_type=ami, release_version="r"
    )
    group = nodegroup("extra", version, ami_type=ami, launch_template=own)
    cluster = mixed(version, group, provider_id="aws:///eu-central-1a/i-1")
    return with_facts(
        cluster,
        ami_releases=(*AMI_RELEASES, release),
        instances=(Instance(id="i-1", type="m7i.large", hop_limit=present),),
        launch_templates=(template(hop_limit=coming),),
    )


WRONG = [
    *(
        Wrong("UDT001", f"{flag} from {version}", passing(before, flag), version, severity, "nodegroup/extra", words)
        for flag, before, version, severity, words in (
            ("--container-runtime=dockerd", "1.23", "1.24", BLOCKS, "gone from 1.24"),
            ("--enable-docker-bridge", "1.23", "1.24", BLOCKS, "gone from 1.24"),
            ("--docker-config-json", "1.23", "1.24", BLOCKS, "gone from 1.24"),
            ("--container-runtime=remote", "1.26", "1.27", BLOCKS, "gone from 1.27"),
            ("--container-runtime", "1.26", "1.27", BLOCKS, "gone from 1.27"),
            ("--keep-terminated-pod-volumes", "1.30", "1.31", BLOCKS, "gone from 1.31"),
            ("--cloud-config", "1.33", "1.34", BLOCKS, "gone from 1.34"),
            ("--cgroup-driver", "1.33", "1.34", WARNS, "deprecated from 1.34"),
            ("--pod-infra-container-image", "1.34", "1.35", BLOCKS, "gone from 1.35"),
        )
    ),
    Wrong("UDT001", "a self-managed group", scaled("1.34", UserData(kind="nodeadm", flags=("--cloud-config",),
          cluster_keys=KEYS)), "1.35", BLOCKS, "autoscaling-group/workers", "passes --cloud-config"),
    Wrong("UDT002", "bootstrap.sh on AL2023", al2023_group("bootstrap.sh"), "1.33", BLOCKS, "nodegroup/extra",
          "calls /etc/eks/bootstrap.sh"),
    Wrong("UDT002", "bootstrap.sh on the way there", own_al2("1.32"), "1.33", BLOCKS, "custom-ami/own", "bootstrap.sh"),
    Wrong("UDT002", "half a NodeConfig", scaled("1.32", UserData(kind="nodeadm", cluster_keys=KEYS[:2])), "1.33",
          BLOCKS, "autoscaling-group/workers", "does not say cidr"),
    Wrong("UDT003", "a limit that sinks with AL2", metadata(2), "1.33", WARNS, "nodegroup/extra", "limit of 1, "),
    Wrong("UDT003", "a limit that a template lowers", metadata(2, 1, "1.34", "AL2023_x86_64_STANDARD"), "1.35", WARNS,
          "nodegroup/extra", "limit of 1"),
]  # fmt: skip

FINE = [
    Fine("UDT001", "a flag before its end", passing("1.32", "--cloud-config"), "1.33"),
    Fine("UDT001", "a word of bootstrap.sh", passing("1.26", "--container-runtime=containerd"), "1.27"),
    Fine("UDT001", "a group that stays", passing("1.33", "--cloud-config"), "1.34", ALONE),
    Fine("UDT002", "a NodeConfig on AL2023", al2023_group("nodeadm"), "1.33"),
    Fine("UDT002", "bootstrap.sh on AL2", own_al2("1.31"), "1.32"),
    Fine("UDT002", "a whole NodeConfig", scaled("1.32", UserData(kind="nodeadm", cluster_keys=KEYS)), "1.33"),
    Fine("UDT003", "a limit that was 1 before", metadata(1), "1.33"),
    Fine("UDT003", "a template with a limit of 2", metadata(2, 2), "1.33"),
    Fine("UDT003", "AL2 that stays AL2", metadata(2, version="1.31"), "1.32"),
    Fine("UDT003", "nodes that stay", metadata(2), "1.33", ALONE),
]  # fmt: skip


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_one_thing_wrong_is_one_finding(case: Wrong) -> None:
    case.is_found()


@pytest.mark.parametrize("case", FINE, ids=str)
def test_a_near_miss_is_no_finding(case: Fine) -> None:
    case.is_fine()


def test_clusters_without_launch_templates_have_nothing_to_judge() -> None:
    for code in ("UDT001", "UDT002"):
        assert verdict(healthy_snapshot("1.34"), code, "1.35") is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(("named", "found"), [("3", 1), ("$Latest", 1), ("$Default", 1), ("2", 0)])
def test_a_group_uses_the_template_version_that_it_names(named: str, found: int) -> None:
    data = UserData(kind="nodeadm", flags=("--cloud-config",), cluster_keys=KEYS)
    assert len(findings(scaled("1.34", data, named), "UDT001", "1.35")) == found


def test_every_flag_is_gone_or_deprecated_for_a_reason_that_is_named() -> None:
    assert {one.rule for one in flags()} == {"B-124-03", "B-127-02", "B-131-01", "B-134-04", "B-135-03"}
    assert all(one.source and one.flag.startswith("--") for one in flags())


@pytest.mark.parametrize(
    ("role", "host_network", "named"), [("", False, True), ("arn:role", False, False), ("", True, False)]
)
def test_who_is_known_to_call_aws_without_a_role_is_named(role: str, host_network: bool, named: bool) -> None:
    shape = PodShape(service_account="lbc", host_network=host_network)
    row = workload("Deployment", "kube-system", "lbc", "public.ecr.aws/eks/aws-load-balancer-controller:v2.13.0")
    account = ServiceAccountRow(namespace="kube-system", name="lbc", role_arn=role)
    cluster = metadata(2)
    workloads = (*need(cluster.workloads), msgspec.structs.replace(row, shape=shape))
    cluster = with_facts(cluster, workloads=workloads, service_accounts=(account,))
    (found,) = findings(cluster, "UDT003", "1.33")
    assert ("kube-system/Deployment/lbc" in found.evidence.get("call AWS without a role", "")) is named


def test_the_newest_version_is_the_highest_number() -> None:
    data = UserData(kind="nodeadm", flags=("--cloud-config",), cluster_keys=KEYS)
    whole = UserData(kind="nodeadm", cluster_keys=KEYS)
    cluster = with_facts(scaled("1.34", whole), launch_templates=(template(10, 10, data), template(9, 10, whole)))
    (found,) = findings(cluster, "UDT001", "1.35")
    assert found.evidence == {"launch template": "mine 10"}


def test_the_highest_hop_limit_among_the_nodes_counts() -> None:
    cluster = metadata(2)
    first, *others = need(cluster.nodes)[-3:]
    nodes = (*need(cluster.nodes)[:-3], first, *(msgspec.structs.replace(one, provider_id="x/i-2") for one in others))
    instances = (*need(cluster.instances), Instance(id="i-2", type="m7i.large", hop_limit=1))
    (found,) = findings(with_facts(cluster, nodes=nodes, instances=instances), "UDT003", "1.33")
    assert "the present ones of 2" in found.summary
