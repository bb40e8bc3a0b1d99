"""The policies in deploy/ suffice, and no line of them is idle: proved in the simulated account and cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from bot.config import load_settings
from bot.doctor.clusters import examine_clusters
from bot.doctor.kubernetes import READERS
from bot.doctor.verdicts import State
from sandbox.scenario import load_scenario
from sandbox.stage import TO_UNSET, Stage
from sandbox.world.identities import CHANGE_ROLE, EXTERNAL_ID, READ_ROLE, role_arn
from sandbox.world.objects import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource
from upgrade.eks import ClusterId
from upgrade.engine.snapshot import take_snapshot
from upgrade.errors import ClusterBusy, NotPermitted
from upgrade.facts import Unknown, need
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters
from upgrade.gateways.identity import RoleIdentity
from upgrade.readiness import Looks
from upgrade.versions import KubernetesVersion

DEPLOY: Final = Path(__file__).parents[2] / "deploy"
KINDS: Final[dict[str, Resource]] = {
    "ClusterRole": CLUSTER_ROLES,
    "ClusterRoleBinding": CLUSTER_ROLE_BINDINGS,
    "Role": ROLES,
    "RoleBinding": ROLE_BINDINGS,
}


CLUSTER: Final = ClusterId(account="111122223333", region="eu-central-1", name="prod-eu")


def statements(name: str) -> list[dict[str, Any]]:
    policy: dict[str, list[dict[str, Any]]] = json.loads((DEPLOY / name).read_text())
    return policy["Statement"]


def actions(name: str) -> list[str]:
    return [action for statement in statements(name) for action in statement["Action"]]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """Both roles may what deploy/ gives them, and nothing else: no access policy of EKS."""
    with Stage(load_scenario("two-hops"), speed=600, faces=("aws", "kubernetes")) as stage:
        with stage.world.current() as world:
            roles = world.accounts["111122223333"].roles
            roles[READ_ROLE].allowed_actions[:] = actions("iam-read-policy.json")
            roles[CHANGE_ROLE].allowed_actions[:] = actions("iam-change-policy.json")
            cluster = world.clusters()[0]
            for entry in cluster.access_entries.values():
                if entry.principal_arn.endswith((READ_ROLE, CHANGE_ROLE)):
                    entry.policies, entry.kubernetes_groups = [], [READERS]
            for name in ("rbac.yaml", "rbac-chosen.yaml"):
                for manifest in yaml.safe_load_all((DEPLOY / name).read_text()):
                    cluster.kube.create(KINDS[manifest["kind"]], manifest)
        yield stage


@pytest.fixture
def clusters(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Iterator[ConfiguredClusters]:
    for variable in TO_UNSET:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in stage.environment().items():
        if variable.startswith(("AWS_", "EKS_")):
            monkeypatch.setenv(variable, value)
    made = ConfiguredClusters([ConfiguredCluster(id=CLUSTER, read=identity(READ_ROLE), change=identity(CHANGE_ROLE))])
    yield made
    made.close()


def identity(role: str) -> RoleIdentity:
    return RoleIdentity(arn=role_arn(CLUSTER.account, role), external_id=EXTERNAL_ID)


def test_doctor_has_nothing_to_fix(clusters: ConfiguredClusters) -> None:
    verdicts = list(examine_clusters(load_settings()))
    assert [verdict.line for verdict in verdicts if verdict.state is not State.OK] == []
    assert len(verdicts) == 7


def test_the_read_policy_suffices_for_a_snapshot_without_unknowns(clusters: ConfiguredClusters) -> None:
    aws, kube = ConfiguredClusters([ConfiguredCluster(id=CLUSTER, read=identity(READ_ROLE))]).reading(CLUSTER)
    everything = Looks(helm_releases=True, token_secrets=True, kubelets=True, audit_log=True)
    snapshot = take_snapshot(aws, kube, CLUSTER, load_settings().make_clock(), looks=everything)
    assert {name: fact for name, fact in snapshot if isinstance(fact, Unknown)} == {}
    assert (need(snapshot.denied_actions), need(snapshot.access).denied) == ((), ())
    kube.close()


def test_the_read_policy_starts_no_update(clusters: ConfiguredClusters) -> None:
    aws, _ = clusters.reading(CLUSTER)
    with pytest.raises(NotPermitted, match="eks:UpdateClusterVersion"):
        aws.update_cluster_version(KubernetesVersion(1, 35), token="t")


def test_the_change_policy_suffices_for_each_kind_of_update(clusters: ConfiguredClusters) -> None:
    aws, _ = clusters.changing(CLUSTER, run_id="run-1", requester="U0ANA")
    driver = aws.describe_addon("aws-ebs-csi-driver")
    assert driver.role_arn
    aws.update_addon(driver.name, driver.version, resolve_conflicts="PRESERVE", role_arn=driver.role_arn, token="t-1")
    group = aws.describe_nodegroup("core")
    aws.update_nodegroup_version(
        "core", version=group.version, release_version=None, launch_template=None, force=False, token="t-2"
    )
    # Who may not is told so before it is told that the cluster is busy.
    with pytest.raises(ClusterBusy):
        aws.update_cluster_version(KubernetesVersion(1, 35), token="t-3")


def test_only_roles_of_addons_may_be_passed_on() -> None:
    (passing,) = [one for one in statements("iam-change-policy.json") if one["Action"] == ["iam:PassRole"]]
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "eks.amazonaws.com"}}


@pytest.mark.parametrize("name", ["iam-read-policy.json", "iam-change-policy.json"])
def test_no_policy_has_a_wildcard_among_its_actions_or_is_too_long_for_iam(name: str) -> None:
    assert not [action for action in actions(name) if "*" in action]
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: 10,240 for inline policies of a role
    assert len("".join((DEPLOY / name).read_text().split())) < 10_240


@pytest.mark.parametrize("name", ["rbac.yaml", "rbac-chosen.yaml"])
def test_the_manifest_for_clusters_reads_and_nothing_else(name: str) -> None:
    manifests = list(yaml.safe_load_all((DEPLOY / name).read_text()))
    rules = [rule for manifest in manifests for rule in manifest.get("rules", [])]
    assert {verb for rule in rules for verb in rule["verbs"]} <= {"get", "list"}
    revealing = {"secrets", "nodes/proxy"} & {resource for rule in rules for resource in rule.get("resources", ())}
    assert revealing == ({"secrets", "nodes/proxy"} if name == "rbac-chosen.yaml" else set())


def test_what_is_not_needed_for_an_upgrade_stands_in_statements_of_its_own() -> None:
    needed, checks, chosen, discovery = statements("iam-read-policy.json")
    assert [one["Sid"] for one in (needed, checks, chosen, discovery)] == [
        "ReadForChecksAndPlans",
        "ReadForReadinessOnly",
        "QueryTheAuditLogIfChosen",
        "FindClustersIfDiscovered",
    ]
    assert {action.partition(":")[0] for action in chosen["Action"]} == {"logs"}
    assert discovery["Action"] == ["eks:ListClusters"]
    assert not set(needed["Action"]) & set(checks["Action"])
