"""What an identity may not do is refused in each service's own words."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.face import AwsFace
from sandbox.scenario import ActionDenied
from sandbox.world.world import World
from tests.sandbox.aws.conftest import ACCOUNT, OTHER_ACCOUNT, MakeClient

READ_ROLE = f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-read"
CHANGE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-change"
Denial = tuple[str, str, dict[str, Any], str, int]
CALLS: list[Denial] = [
    ("eks:DescribeCluster", "describe_cluster", {"name": "prod-eu"}, "AccessDeniedException", 403),
    ("ec2:DescribeSubnets", "describe_subnets", {}, "UnauthorizedOperation", 403),
    ("iam:GetRole", "get_role", {"RoleName": "prod-eu-cluster"}, "AccessDenied", 403),
    ("kms:DescribeKey", "describe_key", {"KeyId": "x"}, "AccessDeniedException", 400),
    ("ssm:GetParameter", "get_parameter", {"Name": "/aws/x"}, "AccessDeniedException", 400),
    ("autoscaling:DescribeAutoScalingGroups", "describe_auto_scaling_groups", {}, "AccessDenied", 403),
    ("sts:AssumeRole", "assume_role", {"RoleArn": READ_ROLE, "RoleSessionName": "s1"}, "AccessDenied", 403),
]


@pytest.mark.parametrize("denial", CALLS, ids=[call[0] for call in CALLS])
def test_a_denied_action_is_refused_and_allowed_again(world: World, make_client: MakeClient, denial: Denial) -> None:
    action, method, parameters, code, status = denial
    client = make_client(action.partition(":")[0])
    switch = world.switch_on(ActionDenied(kind="deny-action", action=action))
    with pytest.raises(ClientError) as caught:
        getattr(client, method)(**parameters)
    answer = caught.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)
    user = f"User: arn:aws:iam::{ACCOUNT}:user/tester is not authorized to perform: {action}"
    assert user in answer["Error"]["Message"]
    assert "with an explicit deny" in answer["Error"]["Message"]
    world.switch_off(switch.id)
    try:
        getattr(client, method)(**parameters)
    except ClientError as error:
        # Some examples name what is not there; they are then refused for that and nothing else.
        assert "explicit deny" not in str(error)  # noqa: PT017


def test_the_read_role_cannot_change_anything(face: AwsFace, world: World, make_client: MakeClient) -> None:
    eks = make_client("eks", face.issue_role_credentials(READ_ROLE, "reader"))
    assert eks.describe_cluster(name="prod-eu")["cluster"]["status"] == "ACTIVE"
    with pytest.raises(ClientError) as caught:
        eks.update_cluster_version(name="prod-eu", version="1.35")
    assert caught.value.response["Error"]["Message"] == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/eks-upgrade-bot-read/reader is not authorized to perform: "
        f"eks:UpdateClusterVersion on resource: arn:aws:eks:eu-central-1:{ACCOUNT}:cluster/prod-eu "
        "because no identity-based policy allows the eks:UpdateClusterVersion action"
    )
    assert world.effects == []
    assert [(call.operation, call.code) for call in face.calls] == [("UpdateClusterVersion", "AccessDeniedException")]


def test_the_bots_own_identity_can_only_assume_roles(face: AwsFace, make_client: MakeClient) -> None:
    bot = face.issue_bot_credentials()
    with pytest.raises(ClientError, match="no identity-based policy allows the eks:ListClusters action"):
        make_client("eks", bot).list_clusters()
    sts = make_client("sts", bot)
    assert sts.assume_role(RoleArn=READ_ROLE, RoleSessionName="s1", ExternalId="eks-upgrade-bot-sandbox")["Credentials"]


def test_whoever_one_is_one_may_ask_who_one_is(world: World, face: AwsFace, make_client: MakeClient) -> None:
    world.switch_on(ActionDenied(kind="deny-action", action="sts:*"))
    assert make_client("sts", face.issue_bot_credentials()).get_caller_identity()["Account"] == ACCOUNT


def test_a_whole_service_can_be_denied(world: World, make_client: MakeClient) -> None:
    world.switch_on(ActionDenied(kind="deny-action", action="eks:*"))
    with pytest.raises(ClientError, match="explicit deny"):
        make_client("eks").list_clusters()


def test_a_simulation_says_what_a_call_would_meet(world: World, make_client: MakeClient) -> None:
    iam = make_client("iam")
    world.switch_on(ActionDenied(kind="deny-action", action="eks:UpdateAddon"))
    actions = ["eks:DescribeCluster", "eks:UpdateAddon", "eks:DeleteCluster"]
    answer = iam.simulate_principal_policy(PolicySourceArn=CHANGE_ROLE, ActionNames=actions)
    assert {row["EvalActionName"]: row["EvalDecision"] for row in answer["EvaluationResults"]} == {
        "eks:DescribeCluster": "allowed",
        "eks:UpdateAddon": "explicitDeny",
        "eks:DeleteCluster": "implicitDeny",
    }


def test_a_simulation_comes_in_pages(make_client: MakeClient) -> None:
    pages = list(
        make_client("iam")
        .get_paginator("simulate_principal_policy")
        .paginate(
            PolicySourceArn=READ_ROLE,
            ActionNames=[f"eks:Describe{number}" for number in range(5)],
            ResourceArns=["*", "arn:aws:eks:eu-central-1:111122223333:cluster/a"],
            PaginationConfig={"PageSize": 4},
        )
    )
    assert [len(page["EvaluationResults"]) for page in pages] == [4, 4, 2]


@pytest.mark.parametrize(
    ("source", "actions", "code"),
    [
        (f"arn:aws:iam::{ACCOUNT}:role/none", ["eks:ListClusters"], "NoSuchEntity"),
        (f"arn:aws:iam::{OTHER_ACCOUNT}:role/eks-upgrade-bot-read", ["eks:ListClusters"], "NoSuchEntity"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/eks-upgrade-bot-read/s1", ["eks:ListClusters"], "InvalidInput"),
        (READ_ROLE, ["ListClusters"], "InvalidInput"),
    ],
)
def test_a_simulation_for_nobody_or_nothing_is_refused(
    make_client: MakeClient, source: str, actions: list[str], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        make_client("iam").simulate_principal_policy(PolicySourceArn=source, ActionNames=actions)
    assert caught.value.response["Error"]["Code"] == code
