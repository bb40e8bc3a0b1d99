"""What moto keeps says what the world says, at every moment, and no face sees another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.face import AwsFace
from sandbox.clock import ManualClock
from sandbox.scenario import Scenario
from sandbox.world.world import World
from tests.sandbox.aws.conftest import ACCOUNT, OTHER_ACCOUNT, SESSION, MakeClient

PassTime = Callable[..., None]


def subnets(ec2: Any) -> dict[str, dict[str, Any]]:
    return {found["SubnetId"]: found for found in ec2.describe_subnets()["Subnets"]}


def test_subnets_are_the_worlds_with_its_free_addresses(world: World, make_client: MakeClient) -> None:
    ec2 = make_client("ec2")
    cluster = world.find_cluster("prod-eu")
    found = subnets(ec2)
    assert sorted(found) == sorted(cluster.subnet_ids)
    first = found[cluster.subnet_ids[0]]
    assert (first["AvailabilityZone"], first["VpcId"], first["State"]) == ("eu-central-1a", cluster.vpc_id, "available")
    place = world.regions[(ACCOUNT, "eu-central-1")]
    place.subnets[cluster.subnet_ids[0]].free = 3
    assert subnets(ec2)[cluster.subnet_ids[0]]["AvailableIpAddressCount"] == 3
    del place.subnets[cluster.subnet_ids[1]]
    with pytest.raises(ClientError) as caught:
        ec2.describe_subnets(SubnetIds=cluster.subnet_ids)
    assert caught.value.response["Error"]["Code"] == "InvalidSubnetID.NotFound"


def test_a_rolling_update_is_seen_in_ec2_and_auto_scaling(
    world: World, make_client: MakeClient, eks: Any, pass_time: PassTime
) -> None:
    ec2, scaling = make_client("ec2"), make_client("autoscaling")
    group = eks.describe_nodegroup(clusterName="prod-eu", nodegroupName="core")["nodegroup"]
    name = group["resources"]["autoScalingGroups"][0]["name"]

    def instances() -> set[str]:
        answer = ec2.describe_instances(Filters=[{"Name": "tag:eks:nodegroup-name", "Values": ["core"]}])
        return {found["InstanceId"] for row in answer["Reservations"] for found in row["Instances"]}

    def described() -> Any:
        return scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]

    before, at_rest = instances(), described()
    assert len(before) == at_rest["DesiredCapacity"] == 2
    assert {found["InstanceId"] for found in at_rest["Instances"]} == before
    eks.update_nodegroup_version(clusterName="prod-eu", nodegroupName="core")
    pass_time(minutes=1)
    assert described()["DesiredCapacity"] > 2
    pass_time(hours=2)
    after, settled = instances(), described()
    assert len(after) == settled["DesiredCapacity"] == 2
    assert not after & before
    assert int(settled["LaunchTemplate"]["Version"]) > int(at_rest["LaunchTemplate"]["Version"])
    template = settled["LaunchTemplate"]["LaunchTemplateId"]
    versions = ec2.describe_launch_template_versions(LaunchTemplateId=template)["LaunchTemplateVersions"]
    assert len({found["LaunchTemplateData"]["ImageId"] for found in versions}) == len(versions) >= 2


def test_roles_show_whom_they_trust_and_what_is_attached(world: World, make_client: MakeClient) -> None:
    iam = make_client("iam")
    role = iam.get_role(RoleName="prod-eu-cluster")["Role"]
    assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/prod-eu-cluster"
    statement = role["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"Service": "eks.amazonaws.com"}
    attached = iam.list_attached_role_policies(RoleName="prod-eu-cluster")["AttachedPolicies"]
    assert [policy["PolicyArn"] for policy in attached] == ["arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"]
    del world.accounts[ACCOUNT].roles["prod-eu-cluster"]
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_role(RoleName="prod-eu-cluster")


def test_a_key_shows_its_state(world: World, make_client: MakeClient, eks: Any) -> None:
    kms = make_client("kms")
    arn = eks.describe_cluster(name="prod-eu")["cluster"]["encryptionConfig"][0]["provider"]["keyArn"]
    assert kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"] == "Enabled"
    (key,) = world.accounts[ACCOUNT].keys.values()
    key.state = "PendingDeletion"
    metadata = kms.describe_key(KeyId=arn)["KeyMetadata"]
    assert (metadata["KeyState"], metadata["Enabled"]) == ("PendingDeletion", False)
    with pytest.raises(kms.exceptions.NotFoundException):
        kms.describe_key(KeyId=arn[:-1] + "0")


@pytest.mark.parametrize("version", ["1.34", "1.35", "1.36"])
def test_public_parameters_name_the_release_that_a_group_would_get(
    world: World, make_client: MakeClient, version: str
) -> None:
    ssm = make_client("ssm")
    root = f"/aws/service/eks/optimized-ami/{version}/amazon-linux-2023/x86_64/standard/recommended"
    newest = world.catalogue.ami_releases(version)[0]
    assert ssm.get_parameter(Name=f"{root}/release_version")["Parameter"]["Value"] == newest.release_version
    assert ssm.get_parameter(Name=f"{root}/image_id")["Parameter"]["Value"] == newest.image_id
    bottlerocket = f"/aws/service/bottlerocket/aws-k8s-{version}/x86_64/latest/image_id"
    assert ssm.get_parameter(Name=bottlerocket)["Parameter"]["Value"].startswith("ami-")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=root.replace(version, "1.99") + "/image_id")


def test_accounts_and_regions_are_apart(face: AwsFace, make_client: MakeClient, world: World) -> None:
    other = face.issue_user_credentials(OTHER_ACCOUNT, "x")
    theirs = subnets(make_client("ec2", other, region="us-east-1"))
    assert sorted(theirs) == sorted(world.find_cluster("staging-us").subnet_ids)
    assert subnets(make_client("ec2", other)) == {}
    assert subnets(make_client("ec2", region="us-east-1")) == {}
    with pytest.raises(ClientError):
        make_client("iam", other).get_role(RoleName="prod-eu-cluster")


def test_two_faces_in_one_process_do_not_see_each_other(
    scenario: Scenario, face: AwsFace, world: World, make_client: MakeClient
) -> None:
    second_world = World(scenario.model_copy(update={"seed": 2}), ManualClock(scenario.date))
    second = AwsFace(second_world)
    second.start()
    try:
        credential = second.issue_bot_credentials()
        keys = {"aws_access_key_id": credential.access_key_id, "aws_secret_access_key": credential.secret_access_key}
        role = f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-read"
        sts = SESSION.client("sts", endpoint_url=second.url, region_name="eu-central-1", **keys)
        session = sts.assume_role(RoleArn=role, RoleSessionName="s1", ExternalId="eks-upgrade-bot-sandbox")[
            "Credentials"
        ]
        keys = {
            "aws_access_key_id": session["AccessKeyId"],
            "aws_secret_access_key": session["SecretAccessKey"],
            "aws_session_token": session["SessionToken"],
        }
        theirs = SESSION.client("ec2", endpoint_url=second.url, region_name="eu-central-1", **keys)
        ours = make_client("ec2")
        for _ in range(2):
            for ec2, cluster in ((ours, world.find_cluster("prod-eu")), (theirs, second_world.find_cluster("prod-eu"))):
                assert [found["VpcId"] for found in ec2.describe_vpcs()["Vpcs"]] == [cluster.vpc_id]
                assert sorted(subnets(ec2)) == sorted(cluster.subnet_ids)
        after = SESSION.client("sts", endpoint_url=second.url, region_name="eu-central-1", **keys)
        assert after.get_caller_identity()["Arn"].endswith("assumed-role/eks-upgrade-bot-read/s1")
        stranger = SESSION.client("sts", endpoint_url=face.url, region_name="eu-central-1", **keys)
        with pytest.raises(ClientError, match="security token"):
            stranger.get_caller_identity()
        for client in (sts, theirs, after, stranger):
            client.close()
    finally:
        second.stop()


def test_what_moto_says_of_an_account_comes_from_the_signature_only(make_client: MakeClient) -> None:
    sts = make_client("sts")

    def pretend(request: Any, **_: Any) -> None:
        request.headers["x-moto-account-id"] = OTHER_ACCOUNT

    sts.meta.events.register("before-send.sts", pretend)
    assert sts.get_caller_identity()["Account"] == ACCOUNT
