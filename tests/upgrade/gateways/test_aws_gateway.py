"""The AWS gateway over HTTP, against recorded answers."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.upgrade.gateways import aws_answers as answers
from tests.upgrade.gateways.aws_answers import ACCOUNT, CREATED, KEY, ROLE
from tests.upgrade.gateways.aws_stub import Answer, Asked, AwsStub, refusal
from tests.upgrade.gateways.test_aws_errors import PROD, V135, gateway
from upgrade.eks import InsightClient, KmsKey, LaunchTemplate, UpdateSubject
from upgrade.errors import NotPermitted
from upgrade.gateways.aws.ami_parameters import release_parameter
from upgrade.gateways.aws.decode import trusts_eks
from upgrade.gateways.aws.gateway import BotoAwsGateway
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.identity import OwnIdentity, RoleIdentity
from upgrade.versions import AddonVersion, KubernetesVersion

CLUSTER = UpdateSubject(kind="cluster")


def test_a_cluster_is_read_in_full(aws_stub: AwsStub) -> None:
    issue = {"code": "KmsKeyDisabled", "message": "m", "resourceIds": [KEY]}
    aws_stub.on("GET /clusters/prod", answers.cluster(health={"issues": [issue]}))
    found = gateway().describe_cluster()
    assert found.version == KubernetesVersion(1, 34)
    assert found.subnet_ids == ("subnet-a", "subnet-b")
    assert found.key_arns == (KEY,)
    assert found.issues[0].code == "KmsKeyDisabled"
    assert found.issues[0].resource_ids == (KEY,)
    assert (found.authentication_mode, found.support_type, found.auto_mode) == ("API_AND_CONFIG_MAP", "EXTENDED", False)
    assert found.logging == ("audit",)
    assert (found.created_at, found.ip_family, found.public_endpoint) == (None, "ipv4", True)
    assert (found.hybrid_nodes, found.zonal_shift) == (False, False)


def test_a_cluster_tells_what_is_special_about_it(aws_stub: AwsStub) -> None:
    answer = answers.cluster(
        createdAt=CREATED,
        kubernetesNetworkConfig={"ipFamily": "ipv6"},
        remoteNetworkConfig={"remoteNodeNetworks": [{"cidrs": ["10.80.0.0/16"]}]},
        zonalShiftConfig={"enabled": True},
    )
    answer["cluster"]["resourcesVpcConfig"]["endpointPublicAccess"] = False
    aws_stub.on("GET /clusters/prod", answer)
    found = gateway().describe_cluster()
    assert found.created_at == datetime.fromtimestamp(CREATED, UTC)
    assert (found.ip_family, found.public_endpoint) == ("ipv6", False)
    assert (found.hybrid_nodes, found.zonal_shift) == (True, True)


def test_a_cluster_of_old_days_without_the_newer_members_is_read(aws_stub: AwsStub) -> None:
    old = dict.fromkeys(("accessConfig", "upgradePolicy", "encryptionConfig", "logging", "health", "tags"))
    aws_stub.on("GET /clusters/prod", answers.cluster(**old))
    found = gateway().describe_cluster()
    assert (found.authentication_mode, found.key_arns, found.issues) == ("CONFIG_MAP", (), ())


def test_every_list_is_read_to_its_last_page(aws_stub: AwsStub) -> None:
    def pages(key: str, *values: Any) -> Any:
        def answer(asked: Asked) -> Answer:
            at = int((asked.query.get("nextToken") or [asked.body.get("nextToken") or "0"])[0])
            more = {"nextToken": str(at + 1)} if at + 1 < len(values) else {}
            return Answer({key: [values[at]], **more})

        return answer

    aws_stub.on("GET /clusters/prod/updates", pages("updateIds", "u-1", "u-2", "u-3"))
    aws_stub.on("GET /clusters/prod/addons", pages("addons", "coredns", "kube-proxy"))
    aws_stub.on("GET /clusters/prod/node-groups", pages("nodegroups", "a", "b"))
    aws_stub.on(
        "POST /clusters/prod/insights",
        pages("insights", answers.insight("i-1", "PASSING"), answers.insight("i-2", "PASSING")),
    )
    offers = [{"clusterVersion": v, "versionStatus": "STANDARD_SUPPORT"} for v in ("1.36", "1.35")]
    aws_stub.on("GET /cluster-versions", pages("clusterVersions", *offers))
    vpc_cni = [{"addonName": "vpc-cni", "addonVersions": [{"addonVersion": v}]} for v in ("v1.21.0", "v1.20.0")]
    aws_stub.on("GET /addons/supported-versions", pages("addons", *vpc_cni))
    aws = gateway()
    assert aws.list_update_ids(CLUSTER) == ("u-1", "u-2", "u-3")
    assert aws.addon_names() == ("coredns", "kube-proxy")
    assert aws.nodegroup_names() == ("a", "b")
    assert [insight.id for insight in aws.insights()] == ["i-1", "i-2"]
    assert [str(offer.version) for offer in aws.offered_versions()] == ["1.35", "1.36"]
    assert [offer.version.text for offer in aws.addon_offers(["vpc-cni"])] == ["v1.21.0", "v1.20.0"]


def test_an_update_of_a_node_group_is_asked_for_by_its_name(aws_stub: AwsStub) -> None:
    failed = {"errorCode": "PodEvictionFailure", "errorMessage": "m", "resourceIds": ["node-1"]}
    aws_stub.on("GET /clusters/prod/updates/u-1", answers.update(status="Failed", errors=[failed]))
    subject = UpdateSubject(kind="nodegroup", name="core")
    found = gateway().describe_update("u-1", subject)
    assert aws_stub.asked[0].query["nodegroupName"] == ["core"]
    assert (found.subject, found.status, found.params["Version"]) == (subject, "Failed", "1.35")
    assert found.created_at == datetime.fromtimestamp(answers.CREATED, UTC)
    assert found.created_at.tzinfo is UTC
    assert found.errors[0].resource_ids == ("node-1",)


def test_an_update_that_has_ended_is_asked_for_once(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod/updates/u-1", answers.update(), answers.update(status="Successful"))
    aws = gateway()
    seen = [aws.describe_update("u-1", CLUSTER).status for _ in range(4)]
    assert seen == ["InProgress", "Successful", "Successful", "Successful"]
    assert len(aws_stub.asked) == 2


def test_an_insight_that_does_not_pass_comes_with_its_details(aws_stub: AwsStub) -> None:
    listed = [answers.insight("i-1", "PASSING"), answers.insight("i-2", "ERROR")]
    details = answers.insight(
        "i-2",
        "ERROR",
        recommendation="Update the manifests.",
        resources=[{"kubernetesResourceUri": "/apis/policy/v1beta1/podsecuritypolicies/a"}, {"arn": "arn:x"}],
        categorySpecificSummary={
            "deprecationDetails": [
                {
                    "usage": "/apis/policy/v1beta1",
                    "replacedWith": "/apis/policy/v1",
                    "stopServingVersion": "1.25",
                    "startServingReplacementVersion": "1.21",
                    "clientStats": [{"userAgent": "helm", "numberOfRequestsLast30Days": 4, "lastRequestTime": CREATED}],
                }
            ]
        },
    )
    aws_stub.on("POST /clusters/prod/insights", {"insights": listed})
    aws_stub.on("GET /clusters/prod/insights/i-2", {"insight": details})
    passing, failing = gateway().insights()
    assert aws_stub.asked[0].body["filter"] == {"categories": ["UPGRADE_READINESS"]}
    assert (passing.status, passing.recommendation) == ("PASSING", "")
    assert failing.recommendation == "Update the manifests."
    assert failing.resources == ("/apis/policy/v1beta1/podsecuritypolicies/a", "arn:x")
    assert failing.callers == ("helm: 4 requests to /apis/policy/v1beta1 in 30 days",)
    (use,) = failing.deprecations
    assert (use.usage, use.replaced_with, use.stops_at, use.starts_at) == (
        "/apis/policy/v1beta1",
        "/apis/policy/v1",
        "1.25",
        "1.21",
    )
    assert use.clients == (
        InsightClient(user_agent="helm", requests=4, last_request_at=datetime.fromtimestamp(CREATED, UTC)),
    )


def test_a_refresh_that_eks_cannot_do_is_no_error(aws_stub: AwsStub) -> None:
    aws_stub.on("POST /clusters/prod/insights-refresh", Answer("<html>404</html>", 404))
    aws_stub.on("GET /clusters/prod/insights-refresh", refusal("InvalidRequestException", "no refresh"))
    aws = gateway()
    aws.start_insights_refresh()
    assert aws.insights_refresh_under_way() is False


def test_a_refresh_that_is_denied_says_so(aws_stub: AwsStub) -> None:
    aws_stub.on("POST /clusters/prod/insights-refresh", refusal("AccessDeniedException", "no", 403))
    with pytest.raises(NotPermitted) as caught:
        gateway().start_insights_refresh()
    assert caught.value.permission == "eks:StartInsightsRefresh"


def test_configuration_values_of_an_add_on_are_left_behind(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod/addons/vpc-cni", answers.addon())
    found = gateway().describe_addon("vpc-cni")
    assert found.role_arn == f"arn:aws:iam::{ACCOUNT}:role/vpc-cni"
    assert "hunter2" not in found.model_dump_json()


def test_an_offer_tells_where_it_runs_and_where_it_is_the_default(aws_stub: AwsStub) -> None:
    fits = [{"clusterVersion": "1.35", "defaultVersion": True}, {"clusterVersion": "1.34", "defaultVersion": False}]
    offered = {"addonVersion": "v1.20.4-eksbuild.2", "compatibilities": fits}
    aws_stub.on("GET /addons/supported-versions", {"addons": [{"addonName": "vpc-cni", "addonVersions": [offered]}]})
    (offer,) = gateway().addon_offers(["vpc-cni"])
    assert aws_stub.asked[0].query["addonName"] == ["vpc-cni"]
    assert "kubernetesVersion" not in aws_stub.asked[0].query
    assert [str(v) for v in offer.versions] == ["1.35", "1.34"]
    assert [str(v) for v in offer.default_for] == ["1.35"]


def test_a_node_group_with_its_own_launch_template(aws_stub: AwsStub) -> None:
    template = {"id": "lt-1", "name": "core", "version": "7"}
    aws_stub.on(
        "GET /clusters/prod/node-groups/core",
        answers.nodegroup(
            launchTemplate=template, updateConfig={"maxUnavailablePercentage": 33, "updateStrategy": "MINIMAL"}
        ),
    )
    found = gateway().describe_nodegroup("core")
    assert found.launch_template == LaunchTemplate(id="lt-1", version="7", name="core")
    assert (found.max_unavailable, found.max_unavailable_percentage, found.update_strategy) == (None, 33, "MINIMAL")
    assert (found.min_size, found.max_size, found.desired_size) == (2, 6, 3)
    assert found.autoscaling_groups == ("asg-core",)


def test_an_add_on_update_keeps_what_it_does_not_name(aws_stub: AwsStub) -> None:
    aws_stub.on("POST /clusters/prod/addons/vpc-cni/update", answers.update(type="AddonUpdate"))
    found = gateway().update_addon(
        "vpc-cni", AddonVersion("v1.20.4-eksbuild.2"), resolve_conflicts="PRESERVE", role_arn=ROLE, token="t-1"
    )
    assert aws_stub.asked[0].body == {
        "addonVersion": "v1.20.4-eksbuild.2",
        "serviceAccountRoleArn": ROLE,
        "resolveConflicts": "PRESERVE",
        "clientRequestToken": "t-1",
    }
    assert found.subject == UpdateSubject(kind="addon", name="vpc-cni")


def test_an_add_on_without_a_role_is_given_none(aws_stub: AwsStub) -> None:
    aws_stub.on("POST /clusters/prod/addons/coredns/update", answers.update())
    gateway().update_addon("coredns", AddonVersion("v1.2.3"), resolve_conflicts="NONE", role_arn=None, token="t")
    assert "serviceAccountRoleArn" not in aws_stub.asked[0].body


def test_a_control_plane_update_carries_the_token_and_nothing_else(aws_stub: AwsStub) -> None:
    aws_stub.on("POST /clusters/prod/updates", answers.update())
    assert gateway().update_cluster_version(V135, token="t-1").id == "u-1"
    assert aws_stub.asked[0].body == {"version": "1.35", "clientRequestToken": "t-1"}


def test_a_change_carries_the_id_by_which_aws_knows_the_request(aws_stub: AwsStub) -> None:
    made = Answer(answers.update(), headers={"x-amzn-RequestId": "req-1"})
    aws_stub.on("POST /clusters/prod/updates", made)
    aws_stub.on("POST /clusters/prod/addons/coredns/update", made)
    aws_stub.on("POST /clusters/prod/node-groups/core/update-version", made)
    aws, addon = gateway(), AddonVersion("v1.2.3")
    group = aws.update_nodegroup_version(
        "core", version=V135, release_version=None, launch_template=None, force=False, token="t"
    )
    plane = aws.update_cluster_version(V135, token="t")
    coredns = aws.update_addon("coredns", addon, resolve_conflicts="NONE", role_arn=None, token="t")
    assert {one.request_id for one in (group, plane, coredns)} == {"req-1"}
    assert coredns.subject == UpdateSubject(kind="addon", name="coredns")


def test_a_lost_answer_is_asked_for_again_with_the_same_token(aws_stub: AwsStub) -> None:
    aws_stub.on("POST /clusters/prod/updates", refusal("ServerException", "oops", 500), answers.update())
    gateway().update_cluster_version(V135, token="t-1")
    assert [asked.body["clientRequestToken"] for asked in aws_stub.asked] == ["t-1", "t-1"]


def test_a_node_group_update_names_only_what_is_asked(aws_stub: AwsStub) -> None:
    aws_stub.on("POST /clusters/prod/node-groups/core/update-version", answers.update())
    aws = gateway()
    aws.update_nodegroup_version(
        "core", version=V135, release_version="1.35.1-20260101", launch_template=None, force=False, token="t"
    )
    template = LaunchTemplate(id="lt-1", version="8", name="core")
    aws.update_nodegroup_version(
        "core", version=None, release_version=None, launch_template=template, force=True, token="t"
    )
    assert aws_stub.asked[0].body == {
        "version": "1.35",
        "releaseVersion": "1.35.1-20260101",
        "clientRequestToken": "t",
    }
    assert aws_stub.asked[1].body == {
        "launchTemplate": {"id": "lt-1", "version": "8"},
        "force": True,
        "clientRequestToken": "t",
    }


# -- IAM, KMS, SSM, access ------------------------------------------------------------------------------------------

TRUST = json.dumps(
    {"Statement": [{"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
)


def test_the_role_of_the_cluster_trusts_eks(aws_stub: AwsStub) -> None:
    aws_stub.on("GetRole", answers.role(ROLE, TRUST))
    found = gateway().role(ROLE)
    assert found is not None
    assert found.trusts_eks
    assert aws_stub.asked[0].body["RoleName"] == "eks-cluster"


def test_a_role_that_is_gone_is_none(aws_stub: AwsStub) -> None:
    aws_stub.on("GetRole", Answer(answers.xml_error("NoSuchEntity", "gone"), 404))
    assert gateway().role(ROLE) is None


@pytest.mark.parametrize(
    ("statement", "trusted"),
    [
        (
            {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com", "eks.amazonaws.com"]}, "Action": "*"},
            True,
        ),
        ({"Effect": "Allow", "Principal": {"Service": "eks.amazonaws.com"}, "Action": ["sts:TagSession"]}, False),
        ({"Effect": "Deny", "Principal": {"Service": "eks.amazonaws.com"}, "Action": "sts:AssumeRole"}, False),
        ({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::1:root"}, "Action": "sts:AssumeRole"}, False),
    ],
)
def test_trust_is_read_from_the_policy(statement: dict[str, Any], trusted: bool) -> None:
    assert trusts_eks({"Statement": statement}) is trusted
    assert trusts_eks({"Statement": [statement]}) is trusted


@pytest.mark.parametrize(("denied", "usable"), [((), True), (("kms:CreateGrant",), False)])
def test_a_key_is_usable_when_the_role_may_use_it(aws_stub: AwsStub, denied: tuple[str, ...], usable: bool) -> None:
    aws_stub.on("DescribeKey", {"KeyMetadata": {"KeyId": "1", "KeyState": "Enabled"}})
    aws_stub.on("SimulatePrincipalPolicy", answers.simulation(*denied))
    assert gateway().key(KEY, ROLE) == KmsKey(arn=KEY, state="Enabled", usable_by_role=usable)
    asked = aws_stub.calls("SimulatePrincipalPolicy")[0].body
    assert (asked["PolicySourceArn"], asked["ResourceArns.member.1"]) == (ROLE, KEY)


def test_a_deleted_key_is_known_to_be_gone(aws_stub: AwsStub) -> None:
    aws_stub.on("DescribeKey", refusal("NotFoundException", "gone"))
    assert gateway().key(KEY, ROLE).state == "NotFound"


def test_the_release_of_an_ami_is_a_public_parameter(aws_stub: AwsStub) -> None:
    aws_stub.on("GetParameter", {"Parameter": {"Name": "n", "Value": "1.35.2-20260101"}})
    assert gateway().ami_release(V135, "AL2023_ARM_64_STANDARD") == "1.35.2-20260101"
    wanted = "/aws/service/eks/optimized-ami/1.35/amazon-linux-2023/arm64/standard/recommended/release_version"
    assert aws_stub.asked[0].body["Name"] == wanted


def test_a_release_that_aws_does_not_publish_is_none(aws_stub: AwsStub) -> None:
    aws_stub.on("GetParameter", refusal("ParameterNotFound", "none"))
    assert gateway().ami_release(V135, "AL2_x86_64") is None
    assert gateway().ami_release(V135, "CUSTOM") is None
    assert len(aws_stub.asked) == 1


def test_every_ami_type_of_eks_has_a_parameter_or_none_on_purpose() -> None:
    from botocore.session import Session

    types = Session().get_service_model("eks").shape_for("AMITypes").enum
    without = {kind for kind in types if release_parameter(V135, kind) is None}
    assert without == {kind for kind in types if kind == "CUSTOM" or kind.startswith("WINDOWS")}
    assert release_parameter(V135, "BOTTLEROCKET_ARM_64_NVIDIA_FIPS") == (
        "/aws/service/bottlerocket/aws-k8s-1.35-nvidia-fips/arm64/latest/image_version"
    )


def test_an_access_entry_is_looked_up_for_the_role_behind_a_session(aws_stub: AwsStub) -> None:
    sso = f"arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/Admin_1"
    aws_stub.on("GetRole", answers.role(sso))
    aws_stub.on("GET /clusters/prod/access-entries/.*", {"accessEntry": {"principalArn": sso}})
    assert gateway().has_access_entry(f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin_1/me@example.com")
    assert "aws-reserved" in aws_stub.asked[-1].operation


def test_without_iam_get_role_the_path_is_taken_to_be_empty(aws_stub: AwsStub) -> None:
    aws_stub.on("GetRole", Answer(answers.xml_error("AccessDenied", "no"), 403))
    aws_stub.on("GET /clusters/prod/access-entries/.*", refusal("ResourceNotFoundException", "none", 404))
    assert not gateway().has_access_entry(f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/bot/s")
    assert f"arn%3Aaws-cn%3Aiam%3A%3A{ACCOUNT}%3Arole%2Fbot" in aws_stub.asked[-1].operation


def test_the_change_role_is_judged_where_there_is_one(aws_stub: AwsStub) -> None:
    change = f"arn:aws:iam::{ACCOUNT}:role/eks/upgrade"
    aws_stub.on("SimulatePrincipalPolicy", answers.simulation("eks:UpdateAddon", "eks:DescribeClusterVersions"))
    sessions = AwsSessions()
    aws = BotoAwsGateway(
        PROD,
        sessions.session(OwnIdentity(), PROD.region),
        sessions.session(RoleIdentity(arn=change), PROD.region),
    )
    wanted = ("eks:DescribeCluster", "eks:DescribeClusterVersions", "eks:UpdateAddon")
    assert aws.denied_actions(wanted) == ("eks:DescribeClusterVersions", "eks:UpdateAddon")
    asked = aws_stub.calls("SimulatePrincipalPolicy")
    assert {call.body["PolicySourceArn"] for call in asked} == {change}
    assert {call.body["ResourceArns.member.1"] for call in asked} == {
        f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod",
        "*",
        f"arn:aws:eks:eu-west-1:{ACCOUNT}:addon/prod/any/any",
    }
    assert not aws_stub.calls("AssumeRole"), "a role is assumed only inside a run"


def test_a_check_only_cluster_is_not_asked_about_changes(aws_stub: AwsStub) -> None:
    aws_stub.on("GetCallerIdentity", answers.caller(f"arn:aws:iam::{ACCOUNT}:user/me"))
    aws_stub.on("SimulatePrincipalPolicy", answers.simulation("eks:UpdateAddon", "eks:ListAddons"))
    assert gateway().denied_actions(("eks:ListAddons", "eks:UpdateAddon")) == ("eks:ListAddons",)


def test_passing_a_role_is_judged_for_the_roles_of_the_add_ons(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod/addons", {"addons": ["vpc-cni", "coredns"]})
    aws_stub.on("GET /clusters/prod/addons/vpc-cni", answers.addon("vpc-cni"))
    aws_stub.on("GET /clusters/prod/addons/coredns", answers.addon("coredns", serviceAccountRoleArn=None))
    aws_stub.on("SimulatePrincipalPolicy", answers.simulation("iam:PassRole"))
    own = AwsSessions().session(RoleIdentity(arn=ROLE), PROD.region)
    reading = AwsSessions().session(OwnIdentity(), PROD.region)
    assert BotoAwsGateway(PROD, reading, own).denied_actions(("iam:PassRole",)) == ("iam:PassRole",)
    asked = aws_stub.calls("SimulatePrincipalPolicy")[0].body
    assert asked["ResourceArns.member.1"] == f"arn:aws:iam::{ACCOUNT}:role/vpc-cni"
    assert asked["ContextEntries.member.1.ContextKeyValues.member.1"] == "eks.amazonaws.com"


def test_arns_carry_the_partition_of_the_region(aws_stub: AwsStub) -> None:
    aws_stub.on("SimulatePrincipalPolicy", answers.simulation())
    beijing = PROD.model_copy(update={"region": "cn-north-1"})
    sessions = AwsSessions()
    role = sessions.session(RoleIdentity(arn=f"arn:aws-cn:iam::{ACCOUNT}:role/r"), "cn-north-1")
    BotoAwsGateway(beijing, sessions.session(OwnIdentity(), "cn-north-1"), role).denied_actions(["eks:DescribeCluster"])
    asked = aws_stub.calls("SimulatePrincipalPolicy")[0].body
    assert asked["ResourceArns.member.1"] == f"arn:aws-cn:eks:cn-north-1:{ACCOUNT}:cluster/prod"
