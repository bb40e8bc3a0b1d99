"""Each EKS answer is held to botocore's model: nothing unknown, nothing of a wrong type, all that gateways read there.

The raw JSON is judged, not what boto3 makes of it, because boto3 silently drops what it does not know.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.aws.eks.operations import OPERATIONS
from sandbox.aws.eks.protocol import model, render
from sandbox.aws.face import AwsFace
from sandbox.world.model import FargateProfile
from sandbox.world.world import World
from tests.sandbox.aws.conftest import ACCOUNT, REGION, MakeClient

CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/prod-eu"
PERSON = f"arn:aws:iam::{ACCOUNT}:role/somebody"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"
UPDATE = [
    "update.id",
    "update.status",
    "update.type",
    "update.params[].type",
    "update.params[].value",
    "update.createdAt",
]
REFRESH = ["message", "status"]
INSIGHT = [
    "id",
    "name",
    "category",
    "kubernetesVersion",
    "lastRefreshTime",
    "insightStatus.status",
    "insightStatus.reason",
]

# Operation → what it is called with, and the members that whoever calls it reads.
GOOD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "DescribeCluster": (
        {"name": "prod-eu"},
        [
            "cluster.name",
            "cluster.arn",
            "cluster.version",
            "cluster.platformVersion",
            "cluster.status",
            "cluster.roleArn",
            "cluster.endpoint",
            "cluster.certificateAuthority.data",
            "cluster.createdAt",
            "cluster.resourcesVpcConfig.vpcId",
            "cluster.resourcesVpcConfig.subnetIds[]",
            "cluster.resourcesVpcConfig.securityGroupIds[]",
            "cluster.resourcesVpcConfig.clusterSecurityGroupId",
            "cluster.health.issues",
            "cluster.encryptionConfig[].provider.keyArn",
            "cluster.accessConfig.authenticationMode",
            "cluster.upgradePolicy.supportType",
            "cluster.computeConfig.enabled",
            "cluster.logging.clusterLogging[].types[]",
            "cluster.logging.clusterLogging[].enabled",
            "cluster.kubernetesNetworkConfig.serviceIpv4Cidr",
            "cluster.deletionProtection",
            "cluster.tags",
        ],
    ),
    "ListClusters": ({}, ["clusters[]"]),
    "UpdateClusterVersion": ({"name": "prod-eu", "version": "1.35"}, UPDATE),
    "UpdateClusterConfig": ({"name": "prod-eu", "upgradePolicy": {"supportType": "STANDARD"}}, UPDATE),
    "DescribeUpdate": ({"name": "prod-eu", "updateId": "$update"}, [*UPDATE, "update.errors"]),
    "ListUpdates": ({"name": "prod-eu"}, ["updateIds[]"]),
    "DescribeClusterVersions": (
        {},
        [
            f"clusterVersions[].{member}"
            for member in (
                "clusterVersion",
                "clusterType",
                "defaultPlatformVersion",
                "defaultVersion",
                "releaseDate",
                "endOfStandardSupportDate",
                "endOfExtendedSupportDate",
                "status",
                "versionStatus",
                "kubernetesPatchVersion",
            )
        ],
    ),
    "ListInsights": ({"clusterName": "prod-eu"}, [f"insights[].{member}" for member in INSIGHT]),
    "DescribeInsight": (
        {"clusterName": "prod-eu", "id": "$deprecated-insight"},
        [
            *(f"insight.{member}" for member in INSIGHT),
            "insight.recommendation",
            "insight.resources[].insightStatus.status",
            "insight.resources[].kubernetesResourceUri",
            "insight.categorySpecificSummary.deprecationDetails[].usage",
            "insight.categorySpecificSummary.deprecationDetails[].replacedWith",
            "insight.categorySpecificSummary.deprecationDetails[].stopServingVersion",
            "insight.categorySpecificSummary.deprecationDetails[].clientStats[].userAgent",
            "insight.categorySpecificSummary.deprecationDetails[].clientStats[].lastRequestTime",
        ],
    ),
    "StartInsightsRefresh": ({"clusterName": "prod-eu"}, REFRESH),
    "DescribeInsightsRefresh": ({"clusterName": "prod-eu"}, [*REFRESH, "startedAt"]),
    "ListAddons": ({"clusterName": "prod-eu"}, ["addons[]"]),
    "DescribeAddon": (
        {"clusterName": "prod-eu", "addonName": "aws-ebs-csi-driver"},
        [
            f"addon.{member}"
            for member in (
                "addonName",
                "clusterName",
                "status",
                "addonVersion",
                "health.issues",
                "addonArn",
                "createdAt",
                "modifiedAt",
                "serviceAccountRoleArn",
                "podIdentityAssociations",
                "tags",
            )
        ],
    ),
    "UpdateAddon": (
        {"clusterName": "prod-eu", "addonName": "coredns", "addonVersion": "$coredns", "resolveConflicts": "PRESERVE"},
        UPDATE,
    ),
    "CreateAddon": (
        {"clusterName": "prod-eu", "addonName": "eks-pod-identity-agent"},
        ["addon.status", "addon.addonVersion"],
    ),
    "DescribeAddonVersions": (
        {"kubernetesVersion": "1.35"},
        [
            f"addons[].{member}"
            for member in (
                "addonName",
                "type",
                "addonVersions[].addonVersion",
                "addonVersions[].architecture[]",
                "addonVersions[].compatibilities[].clusterVersion",
                "addonVersions[].compatibilities[].platformVersions[]",
                "addonVersions[].compatibilities[].defaultVersion",
                "addonVersions[].requiresIamPermissions",
            )
        ],
    ),
    "DescribeAddonConfiguration": (
        {"addonName": "coredns", "addonVersion": "$coredns"},
        ["addonName", "addonVersion", "configurationSchema"],
    ),
    "ListNodegroups": ({"clusterName": "prod-eu"}, ["nodegroups[]"]),
    "DescribeNodegroup": (
        {"clusterName": "prod-eu", "nodegroupName": "own-template"},
        [
            f"nodegroup.{member}"
            for member in (
                "nodegroupName",
                "nodegroupArn",
                "clusterName",
                "version",
                "releaseVersion",
                "status",
                "amiType",
                "capacityType",
                "createdAt",
                "modifiedAt",
                "scalingConfig.minSize",
                "scalingConfig.maxSize",
                "scalingConfig.desiredSize",
                "updateConfig.maxUnavailable",
                "updateConfig.updateStrategy",
                "launchTemplate.id",
                "launchTemplate.name",
                "launchTemplate.version",
                "subnets[]",
                "instanceTypes[]",
                "resources.autoScalingGroups[].name",
                "health.issues",
                "nodeRole",
                "labels.team",
                "taints[].key",
                "taints[].effect",
            )
        ],
    ),
    "UpdateNodegroupVersion": ({"clusterName": "prod-eu", "nodegroupName": "core"}, UPDATE),
    "UpdateNodegroupConfig": (
        {
            "clusterName": "prod-eu",
            "nodegroupName": "core",
            "updateConfig": {"maxUnavailable": 2},
            "labels": {"addOrUpdateLabels": {"a": "b"}},
        },
        UPDATE,
    ),
    "ListAccessEntries": ({"clusterName": "prod-eu"}, ["accessEntries[]"]),
    "CreateAccessEntry": (
        {"clusterName": "prod-eu", "principalArn": PERSON},
        ["accessEntry.principalArn", "accessEntry.username", "accessEntry.type", "accessEntry.accessEntryArn"],
    ),
    "DescribeAccessEntry": (
        {"clusterName": "prod-eu", "principalArn": f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-read"},
        ["accessEntry.principalArn", "accessEntry.kubernetesGroups", "accessEntry.type", "accessEntry.username"],
    ),
    "DeleteAccessEntry": ({"clusterName": "prod-eu", "principalArn": f"arn:aws:iam::{ACCOUNT}:role/prod-eu-node"}, []),
    "ListAccessPolicies": ({}, ["accessPolicies[].name", "accessPolicies[].arn"]),
    "AssociateAccessPolicy": (
        {
            "clusterName": "prod-eu",
            "principalArn": f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-read",
            "policyArn": VIEW,
            "accessScope": {"type": "namespace", "namespaces": ["web"]},
        },
        ["associatedAccessPolicy.policyArn", "associatedAccessPolicy.accessScope.namespaces[]"],
    ),
    "DisassociateAccessPolicy": (
        {
            "clusterName": "prod-eu",
            "principalArn": f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-read",
            "policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy",
        },
        [],
    ),
    "ListAssociatedAccessPolicies": (
        {"clusterName": "prod-eu", "principalArn": f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-read"},
        ["associatedAccessPolicies[].policyArn", "associatedAccessPolicies[].accessScope.type"],
    ),
    "ListPodIdentityAssociations": (
        {"clusterName": "prod-eu"},
        [
            f"associations[].{member}"
            for member in ("namespace", "serviceAccount", "associationArn", "associationId", "ownerArn")
        ],
    ),
    "DescribePodIdentityAssociation": (
        {"clusterName": "prod-eu", "associationId": "$association"},
        [
            f"association.{member}"
            for member in ("namespace", "serviceAccount", "roleArn", "associationArn", "createdAt")
        ],
    ),
    "ListFargateProfiles": ({"clusterName": "prod-eu"}, ["fargateProfileNames"]),
    "DescribeFargateProfile": (
        {"clusterName": "prod-eu", "fargateProfileName": "batch"},
        ["fargateProfile.fargateProfileName", "fargateProfile.status", "fargateProfile.selectors[].namespace"],
    ),
    "ListTagsForResource": ({"resourceArn": CLUSTER}, ["tags.environment"]),
    "TagResource": ({"resourceArn": CLUSTER, "tags": {"a": "b"}}, []),
    "UntagResource": ({"resourceArn": CLUSTER, "tagKeys": ["environment"]}, []),
}

NO_CLUSTER = "No cluster found for name: nowhere."
Refusal = tuple[str, dict[str, Any], str, int, str, dict[str, str]]
# Operation, parameters, error, HTTP status, words of the message, other members of the error.
BAD: list[Refusal] = [
    *(
        (
            name,
            {**GOOD[name][0], key: "nowhere"},
            "ResourceNotFoundException",
            404,
            NO_CLUSTER,
            {"clusterName": "nowhere"},
        )
        for name in sorted(GOOD)
        for key in ("name", "clusterName")
        if key in GOOD[name][0]
    ),
    (
        "CancelUpdate",
        {"name": "prod-eu", "updateId": "$update"},
        "InvalidRequestException",
        400,
        "cannot be cancelled",
        {},
    ),
    ("CancelUpdate", {"name": "prod-eu", "updateId": "none"}, "ResourceNotFoundException", 404, "No update found", {}),
    (
        "UpdateClusterVersion",
        {"name": "prod-eu", "version": "1.36"},
        "InvalidParameterException",
        400,
        "Unsupported Kubernetes minor version update from 1.34 to 1.36",
        {"clusterName": "prod-eu"},
    ),
    (
        "UpdateClusterVersion",
        {"name": "prod-eu", "version": "1.33"},
        "InvalidParameterException",
        400,
        "Unsupported Kubernetes minor version",
        {},
    ),
    (
        "UpdateClusterVersion",
        {"name": "prod-eu", "version": "9.99"},
        "InvalidParameterException",
        400,
        "unsupported Kubernetes version",
        {},
    ),
    (
        "UpdateClusterVersion",
        {"name": "prod-eu", "version": "latest"},
        "InvalidParameterException",
        400,
        "unsupported Kubernetes version",
        {},
    ),
    ("UpdateClusterConfig", {"name": "prod-eu"}, "InvalidParameterException", 400, "Exactly one", {}),
    (
        "UpdateClusterConfig",
        {"name": "prod-eu", "resourcesVpcConfig": {"subnetIds": ["subnet-1"]}},
        "InvalidParameterException",
        400,
        "subnet-1",
        {},
    ),
    (
        "UpdateClusterConfig",
        {"name": "prod-eu", "upgradePolicy": {"supportType": "FOREVER"}},
        "InvalidParameterException",
        400,
        "enum value set: [STANDARD, EXTENDED]",
        {},
    ),
    (
        "DescribeUpdate",
        {"name": "prod-eu", "updateId": "none"},
        "ResourceNotFoundException",
        404,
        "No update found for ID: none",
        {},
    ),
    (
        "DescribeUpdate",
        {"name": "prod-eu", "updateId": "$update", "nodegroupName": "core"},
        "ResourceNotFoundException",
        404,
        "No update found",
        {},
    ),
    (
        "DescribeUpdate",
        {"name": "prod-eu", "updateId": "x", "nodegroupName": "core", "addonName": "coredns"},
        "InvalidParameterException",
        400,
        "not both",
        {},
    ),
    (
        "ListUpdates",
        {"name": "prod-eu", "nodegroupName": "nowhere"},
        "ResourceNotFoundException",
        404,
        "No node group found for name: nowhere.",
        {"nodegroupName": "nowhere"},
    ),
    (
        "ListUpdates",
        {"name": "prod-eu", "addonName": "nowhere"},
        "ResourceNotFoundException",
        404,
        "No addon: nowhere found",
        {"addonName": "nowhere"},
    ),
    ("ListUpdates", {"name": "prod-eu", "nextToken": "garbage"}, "InvalidParameterException", 400, "nextToken", {}),
    ("DescribeClusterVersions", {"clusterVersions": ["1.99"]}, "InvalidParameterException", 400, "1.99", {}),
    ("DescribeInsight", {"clusterName": "prod-eu", "id": "none"}, "ResourceNotFoundException", 404, "none", {}),
    (
        "ListInsights",
        {"clusterName": "prod-eu", "filter": {"statuses": ["FINE"]}},
        "InvalidParameterException",
        400,
        "enum value set",
        {},
    ),
    (
        "DescribeAddon",
        {"clusterName": "prod-eu", "addonName": "nowhere"},
        "ResourceNotFoundException",
        404,
        "No addon: nowhere found in cluster: prod-eu",
        {"addonName": "nowhere"},
    ),
    (
        "UpdateAddon",
        {"clusterName": "prod-eu", "addonName": "nowhere"},
        "ResourceNotFoundException",
        404,
        "No addon",
        {"addonName": "nowhere"},
    ),
    (
        "UpdateAddon",
        {"clusterName": "prod-eu", "addonName": "coredns", "addonVersion": "v9.9.9"},
        "InvalidParameterException",
        400,
        "Addon version specified is not supported",
        {"addonName": "coredns"},
    ),
    (
        "UpdateAddon",
        {"clusterName": "prod-eu", "addonName": "coredns", "resolveConflicts": "MAYBE"},
        "InvalidParameterException",
        400,
        "enum value set: [OVERWRITE, NONE, PRESERVE]",
        {},
    ),
    (
        "CreateAddon",
        {"clusterName": "prod-eu", "addonName": "coredns"},
        "ResourceInUseException",
        409,
        "already exists",
        {"addonName": "coredns"},
    ),
    (
        "CreateAddon",
        {"clusterName": "prod-eu", "addonName": "no-such-addon"},
        "InvalidParameterException",
        400,
        "not supported",
        {},
    ),
    ("DescribeAddonVersions", {"addonName": "no-such-addon"}, "ResourceNotFoundException", 404, "no-such-addon", {}),
    ("DescribeAddonVersions", {"kubernetesVersion": "9.99"}, "InvalidParameterException", 400, "9.99", {}),
    (
        "DescribeAddonConfiguration",
        {"addonName": "coredns", "addonVersion": "v9"},
        "InvalidParameterException",
        400,
        "not supported",
        {},
    ),
    (
        "DescribeAddonConfiguration",
        {"addonName": "no-such-addon", "addonVersion": "v9"},
        "ResourceNotFoundException",
        404,
        "no-such-addon",
        {},
    ),
    (
        "DescribeNodegroup",
        {"clusterName": "prod-eu", "nodegroupName": "nowhere"},
        "ResourceNotFoundException",
        404,
        "No node group found for name: nowhere.",
        {"nodegroupName": "nowhere"},
    ),
    (
        "UpdateNodegroupVersion",
        {"clusterName": "prod-eu", "nodegroupName": "nowhere"},
        "ResourceNotFoundException",
        404,
        "No node group",
        {},
    ),
    (
        "UpdateNodegroupVersion",
        {"clusterName": "prod-eu", "nodegroupName": "core", "version": "1.35"},
        "InvalidParameterException",
        400,
        "1.35 can't be greater than the cluster's version 1.34",
        {"nodegroupName": "core"},
    ),
    (
        "UpdateNodegroupVersion",
        {"clusterName": "prod-eu", "nodegroupName": "core", "releaseVersion": "1.34.0-20200101"},
        "InvalidParameterException",
        400,
        "1.34.0-20200101 is not valid",
        {},
    ),
    (
        "UpdateNodegroupVersion",
        {"clusterName": "prod-eu", "nodegroupName": "core", "launchTemplate": {"id": "lt-1"}},
        "InvalidParameterException",
        400,
        "launch template",
        {},
    ),
    (
        "UpdateNodegroupVersion",
        {"clusterName": "prod-eu", "nodegroupName": "own-template", "launchTemplate": {"version": "2"}},
        "InvalidParameterException",
        400,
        "either the launch template ID or",
        {},
    ),
    (
        "UpdateNodegroupConfig",
        {
            "clusterName": "prod-eu",
            "nodegroupName": "core",
            "updateConfig": {"maxUnavailable": 1, "maxUnavailablePercentage": 5},
        },
        "InvalidParameterException",
        400,
        "mutually exclusive",
        {},
    ),
    (
        "UpdateNodegroupConfig",
        {"clusterName": "prod-eu", "nodegroupName": "core", "updateConfig": {"maxUnavailablePercentage": 500}},
        "InvalidParameterException",
        400,
        "less than or equal to 100",
        {},
    ),
    (
        "DescribeAccessEntry",
        {"clusterName": "prod-eu", "principalArn": PERSON},
        "ResourceNotFoundException",
        404,
        "principalArn",
        {},
    ),
    (
        "CreateAccessEntry",
        {"clusterName": "prod-eu", "principalArn": "somebody"},
        "InvalidParameterException",
        400,
        "principalArn",
        {},
    ),
    (
        "CreateAccessEntry",
        {"clusterName": "prod-eu", "principalArn": PERSON, "kubernetesGroups": ["system:masters"]},
        "InvalidParameterException",
        400,
        "system:",
        {},
    ),
    (
        "CreateAccessEntry",
        {"clusterName": "prod-eu", "principalArn": f"arn:aws:iam::{ACCOUNT}:role/eks-upgrade-bot-read"},
        "ResourceInUseException",
        409,
        "already in use",
        {},
    ),
    (
        "AssociateAccessPolicy",
        {**GOOD["AssociateAccessPolicy"][0], "policyArn": "arn:x"},
        "InvalidParameterException",
        400,
        "policyArn",
        {},
    ),
    (
        "AssociateAccessPolicy",
        {**GOOD["AssociateAccessPolicy"][0], "accessScope": {"type": "namespace"}},
        "InvalidParameterException",
        400,
        "Namespaces",
        {},
    ),
    (
        "DisassociateAccessPolicy",
        {**GOOD["DisassociateAccessPolicy"][0], "policyArn": VIEW},
        "ResourceNotFoundException",
        404,
        "No associated policy",
        {},
    ),
    (
        "DescribePodIdentityAssociation",
        {"clusterName": "prod-eu", "associationId": "none"},
        "ResourceNotFoundException",
        404,
        "none",
        {},
    ),
    (
        "DescribeFargateProfile",
        {"clusterName": "prod-eu", "fargateProfileName": "none"},
        "ResourceNotFoundException",
        404,
        "none",
        {"fargateProfileName": "none"},
    ),
    ("ListTagsForResource", {"resourceArn": f"{CLUSTER}x"}, "ResourceNotFoundException", 404, "No resource found", {}),
    ("DeleteCluster", {"name": "prod-eu"}, "InvalidRequestException", 400, "does not simulate DeleteCluster", {}),
]


@pytest.fixture
def furnished(world: World, pass_time: Callable[..., None]) -> dict[str, str]:
    """A world with something to describe of every kind, at rest again. Gives what the `$words` above stand for."""
    cluster = world.find_cluster("prod-eu")
    cluster.endpoint, cluster.certificate_authority = "https://127.0.0.1:1", "Q0E="
    update = world.update_cluster_config(cluster, token=None, log_types=["audit"])
    pass_time(minutes=3)
    roles = [{"serviceAccount": "ebs-csi-controller-sa", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/ebs-csi"}]
    role = cluster.addons["aws-ebs-csi-driver"].service_account_role_arn
    world.update_addon(
        cluster, "aws-ebs-csi-driver", token=None, pod_identity_associations=roles, service_account_role_arn=role
    )
    world.start_insights_refresh(cluster)
    pass_time(minutes=10)
    cluster.fargate_profiles["batch"] = FargateProfile(
        "batch", f"{CLUSTER}/batch", f"arn:aws:iam::{ACCOUNT}:role/fargate", [], [{"namespace": "batch"}], world.now
    )
    coredns = [found.version for found in world.catalogue.addon_versions("coredns", cluster.version)]
    deprecated = next(found for found in cluster.insights.values() if found.summary.get("deprecationDetails"))
    return {
        "$update": update.id,
        "$association": cluster.addons["aws-ebs-csi-driver"].pod_identity_associations[0].id,
        "$coredns": coredns[0],
        "$deprecated-insight": deprecated.id,
    }


def call(eks: Any, operation: str, parameters: dict[str, Any], words: dict[str, str]) -> Any:
    filled = {key: words.get(value, value) if isinstance(value, str) else value for key, value in parameters.items()}
    return getattr(eks, xform_name(operation))(**filled)


def test_every_operation_that_is_answered_has_an_example() -> None:
    assert set(GOOD) | {"CancelUpdate"} == set(OPERATIONS)


@pytest.mark.parametrize("operation", sorted(GOOD))
def test_the_answer_is_what_the_model_promises(eks: Any, furnished: dict[str, str], operation: str) -> None:
    raw: list[bytes] = []
    eks.meta.events.register("after-call.eks", lambda http_response, **_: raw.append(http_response.content))
    parameters, members = GOOD[operation]
    answer = call(eks, operation, parameters, furnished)
    assert flaws(model().operation_model(operation).output_shape, json.loads(raw[0]), operation) == []
    missing = [path for path in members if not present(answer, path.replace("[]", ".*").split("."))]
    assert missing == []


@pytest.mark.parametrize("refusal", BAD, ids=[f"{case[0]}-{index}" for index, case in enumerate(BAD)])
def test_the_refusal_is_eks_own_and_changes_nothing(
    face: AwsFace, eks: Any, furnished: dict[str, str], refusal: Refusal
) -> None:
    operation, parameters, code, status, words, members = refusal
    effects, seq = len(face.world.effects), face.world.seq
    with pytest.raises(ClientError) as caught:
        call(eks, operation, parameters, furnished)
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert isinstance(caught.value, eks.exceptions.from_code(code))
    assert words in answer["Error"]["Message"]
    assert {name: answer.get(name) for name in members} == members
    assert (len(face.world.effects), face.world.seq) == (effects, seq)


def test_a_request_that_no_operation_has_is_told_so(eks: Any, face: AwsFace) -> None:
    def elsewhere(request: Any, **_: Any) -> None:
        request.url = f"{face.url}/no/such/operation"

    eks.meta.events.register("before-sign.eks", elsewhere)
    with pytest.raises(ClientError, match="no operation for GET /no/such/operation") as caught:
        eks.list_clusters()
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_body_that_is_not_json_is_refused(eks: Any) -> None:
    def spoil(params: dict[str, Any], **_: Any) -> None:
        params["body"] = b'{"version": '

    eks.meta.events.register("before-call.eks.UpdateClusterVersion", spoil)
    with pytest.raises(eks.exceptions.InvalidParameterException, match="not JSON"):
        eks.update_cluster_version(name="prod-eu", version="1.35")


def test_what_botocore_would_have_caught_is_caught_here_too(make_client: MakeClient) -> None:
    """Other clients than boto3 check nothing before they send."""
    careless = make_client("eks", parameter_validation=False)
    with pytest.raises(careless.exceptions.InvalidParameterException, match="'version' is required"):
        careless.update_cluster_version(name="prod-eu")
    with pytest.raises(careless.exceptions.InvalidParameterException, match="must be of type string"):
        careless.update_cluster_version(name="prod-eu", version=1.35)
    with pytest.raises(careless.exceptions.InvalidParameterException, match="greater than or equal to 1"):
        careless.list_clusters(maxResults=0)


def test_an_answer_outside_the_model_cannot_leave() -> None:
    with pytest.raises(ValueError, match="no member nickname"):
        render("DescribeCluster", {"cluster": {"nickname": "x"}})
    with pytest.raises(ValueError, match="does not know 'SLEEPING'"):
        render("DescribeCluster", {"cluster": {"status": "SLEEPING"}})
    with pytest.raises(TypeError, match="aware datetime"):
        render("DescribeCluster", {"cluster": {"createdAt": datetime(2026, 1, 1)}})  # noqa: DTZ001
    with pytest.raises(TypeError, match="must be a string"):
        render("DescribeCluster", {"cluster": {"name": 5}})


def flaws(shape: Any, value: Any, path: str) -> list[str]:
    """Where JSON breaks the model: unknown and missing members, wrong types, unknown enum values."""
    kind = shape.type_name if shape is not None else "structure"
    if kind == "structure":
        members = shape.members if shape is not None else {}
        found = [f"{path}.{name} is unknown" for name in value if name not in members]
        found += [f"{path}.{name} is missing" for name in getattr(shape, "required_members", ()) if name not in value]
        return found + [
            f for name, item in value.items() if name in members for f in flaws(members[name], item, f"{path}.{name}")
        ]
    if kind == "list":
        return [flaw for item in value for flaw in flaws(shape.member, item, f"{path}[]")]
    if kind == "map":
        return [flaw for item in value.values() for flaw in flaws(shape.value, item, f"{path}{{}}")]
    types: dict[str, Any] = {"string": str, "boolean": bool, "integer": int, "timestamp": (int, float)}
    types |= {"long": int, "double": (int, float)}
    enum = getattr(shape, "enum", None)
    if not isinstance(value, types[kind]) or (kind == "integer" and isinstance(value, bool)):
        return [f"{path} is {value!r}, not a {kind}"]
    return [f"{path} is {value!r}, unknown"] if enum and value not in enum else []


def present(value: Any, path: list[str]) -> bool:
    """Whether the member is there; `*` goes into a list, one of whose items must have the rest."""
    if not path:
        return value is not None
    if path[0] == "*":
        return bool(value) and any(present(item, path[1:]) for item in value)
    return isinstance(value, dict) and path[0] in value and present(value[path[0]], path[1:])
