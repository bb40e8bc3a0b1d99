"""From the configuration to gateways, and what permissions those declare."""

from __future__ import annotations

import inspect

import pytest
from botocore.session import Session

from tests.upgrade.gateways import aws_answers as answers
from tests.upgrade.gateways.aws_answers import ACCOUNT
from tests.upgrade.gateways.aws_stub import AwsStub
from tests.upgrade.gateways.kube_answers import node
from tests.upgrade.gateways.kube_stub import Authority, KubeStub
from tests.upgrade.gateways.test_aws_errors import PROD
from tests.upgrade.gateways.test_aws_identities import expiring_in
from upgrade.errors import NotAllowed, UnknownCluster
from upgrade.gateways.aws.gateway import BotoAwsGateway
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters
from upgrade.gateways.identity import OwnIdentity, RoleIdentity
from upgrade.gateways.kube.gateway import HttpKubeGateway
from upgrade.gateways.permissions import CHANGE_ACTIONS, KUBERNETES_ACCESSES, OPTIONAL_ACTIONS, READ_ACTIONS
from upgrade.ports import AwsGateway, Clusters, KubeGateway

READ = RoleIdentity(arn=f"arn:aws:iam::{ACCOUNT}:role/read")
CHANGE = RoleIdentity(arn=f"arn:aws:iam::{ACCOUNT}:role/change", external_id="x-1")


def test_reading_and_changing_use_their_own_roles(aws_stub: AwsStub, kube_stub: KubeStub, authority: Authority) -> None:
    aws_stub.on("AssumeRole", lambda asked: _assumed(asked.body["RoleArn"]))
    endpoint = {"endpoint": kube_stub.url, "certificateAuthority": {"data": authority.data}}
    aws_stub.on("GET /clusters/prod", answers.cluster(**endpoint))
    kube_stub.on_list("/api/v1/nodes", node())
    clusters: Clusters = ConfiguredClusters([ConfiguredCluster(id=PROD, read=READ, change=CHANGE)])
    aws, kube = clusters.reading(PROD)
    aws.describe_cluster()
    assert aws_stub.calls("GET /clusters/prod")[-1].access_key == "ASIAREAD000000000000"
    aws, kube = clusters.changing(PROD, run_id="run-1", requester="U1")
    assert len(kube.nodes()) == 1
    assert aws_stub.calls("GET /clusters/prod")[-1].access_key == "ASIACHANGE0000000000"
    asked = aws_stub.calls("AssumeRole")
    assert [call.body["RoleSessionName"] for call in asked] == ["eks-upgrade-bot", "run-1"]
    assert asked[1].body["SourceIdentity"] == "U1"
    assert asked[1].body["ExternalId"] == "x-1"
    assert clusters.changing(PROD, run_id="run-1", requester="U1") == (aws, kube)
    assert clusters.changing(PROD, run_id="run-2", requester="U1") != (aws, kube)
    assert clusters.reading(PROD) == clusters.reading(PROD)
    clusters.close()  # type: ignore[attr-defined]


def test_a_call_and_the_decoding_of_its_answer_let_others_go_first(
    aws_stub: AwsStub, kube_stub: KubeStub, authority: Authority
) -> None:
    turns: list[int] = []

    def asked() -> int:
        return len(aws_stub.calls("GET /clusters/prod")) + len(kube_stub.calls("/api/v1/nodes"))

    endpoint = {"endpoint": kube_stub.url, "certificateAuthority": {"data": authority.data}}
    aws_stub.on("GET /clusters/prod", answers.cluster(**endpoint))
    kube_stub.on_list("/api/v1/nodes", node())
    known = [ConfiguredCluster(id=PROD, read=OwnIdentity())]
    clusters = ConfiguredClusters(known, breathe=lambda: turns.append(asked()))
    aws, kube = clusters.reading(PROD)
    aws.describe_cluster()
    assert turns == [0, 1]
    kube.nodes()
    assert turns == [0, 1, 1, 2, 2, 3]  # where is the API server, then its nodes
    clusters.close()


def _assumed(role: str) -> object:
    from tests.upgrade.gateways.aws_stub import Answer

    key = f"ASIA{role.rpartition('/')[2].upper()}".ljust(20, "0")
    return Answer(answers.assumed(key, expiring_in(hours=1)))


def test_a_cluster_without_a_change_identity_is_check_only() -> None:
    clusters = ConfiguredClusters([ConfiguredCluster(id=PROD)])
    assert clusters.reading(PROD)
    with pytest.raises(NotAllowed, match="check-only") as caught:
        clusters.changing(PROD, run_id="run-1", requester="U1")
    assert "change_role" in caught.value.hint


def test_an_unknown_cluster_lists_the_known_ones() -> None:
    clusters = ConfiguredClusters([ConfiguredCluster(id=PROD, read=OwnIdentity())])
    with pytest.raises(UnknownCluster, match="111122223333/eu-west-1/prod"):
        clusters.reading(PROD.model_copy(update={"name": "other"}))


def test_gateways_of_old_runs_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upgrade.gateways.clusters._MOST_RUNS", 2)
    clusters = ConfiguredClusters([ConfiguredCluster(id=PROD, change=CHANGE)])
    first = clusters.changing(PROD, run_id="run-0", requester="U1")
    for number in range(1, 3):
        clusters.changing(PROD, run_id=f"run-{number}", requester="U1")
    assert clusters.changing(PROD, run_id="run-0", requester="U1") != first


# -- permissions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("port", "gateway"), [(AwsGateway, BotoAwsGateway), (KubeGateway, HttpKubeGateway)])
def test_every_method_of_a_port_declares_its_permissions(port: type, gateway: type) -> None:
    methods = [name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_")]
    assert len(methods) > 8
    assert [name for name in methods if not hasattr(getattr(gateway, name), "permissions")] == []


def test_every_declared_action_exists() -> None:
    session = Session()
    for action in (*READ_ACTIONS, *OPTIONAL_ACTIONS, *CHANGE_ACTIONS):
        service, _, operation = action.partition(":")
        service = {"servicequotas": "service-quotas"}.get(service, service)
        if action != "iam:PassRole":  # a permission that no operation of its own asks for
            assert operation in session.get_service_model(service).operation_names, action


def test_reading_needs_nothing_that_changes() -> None:
    looking = ("Describe", "List", "Get", "Simulate", "StartInsightsRefresh", "StartQuery", "StopQuery")
    reading = (*READ_ACTIONS, *OPTIONAL_ACTIONS)
    assert [action for action in reading if not action.partition(":")[2].startswith(looking)] == []
    assert CHANGE_ACTIONS == (
        "eks:UpdateAddon",
        "eks:UpdateClusterVersion",
        "eks:UpdateNodegroupVersion",
        "iam:PassRole",
    )


def test_inside_a_cluster_the_bot_only_looks() -> None:
    assert {verb for verb, _ in KUBERNETES_ACCESSES} == {"get", "list"}
    assert not [resource for _, resource in KUBERNETES_ACCESSES if "secrets" in resource]
    assert ("list", "deployments.apps") in KUBERNETES_ACCESSES
