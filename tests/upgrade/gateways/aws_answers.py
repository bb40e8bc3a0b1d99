"""Answers of EKS as it gives them, for a small healthy cluster; a test changes what it is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from tests.upgrade.gateways.aws_stub import Asked

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/eks-cluster"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
CREATED = 1763000000.5


def cluster(**changed: Any) -> dict[str, Any]:
    return {
        "cluster": {
            "name": "prod",
            "arn": f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod",
            "version": "1.34",
            "platformVersion": "eks.9",
            "status": "ACTIVE",
            "roleArn": ROLE,
            "endpoint": "https://127.0.0.1:1",
            "certificateAuthority": {"data": "bm90IGEgY2VydGlmaWNhdGU="},
            "resourcesVpcConfig": {
                "vpcId": "vpc-1",
                "subnetIds": ["subnet-a", "subnet-b"],
                "securityGroupIds": ["sg-1"],
                "clusterSecurityGroupId": "sg-2",
            },
            "encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": KEY}}],
            "accessConfig": {"authenticationMode": "API_AND_CONFIG_MAP"},
            "upgradePolicy": {"supportType": "EXTENDED"},
            "logging": {
                "clusterLogging": [{"types": ["audit"], "enabled": True}, {"types": ["api"], "enabled": False}]
            },
            "health": {"issues": []},
            "tags": {"team": "platform", "alpha.eksctl.io/cluster-name": "prod"},
            **changed,
        }
    }


def update(update_id: str = "u-1", **changed: Any) -> dict[str, Any]:
    return {
        "update": {
            "id": update_id,
            "status": "InProgress",
            "type": "VersionUpdate",
            "params": [{"type": "Version", "value": "1.35"}, {"type": "PlatformVersion", "value": "eks.1"}],
            "createdAt": CREATED,
            "errors": [],
            **changed,
        }
    }


def addon(name: str = "vpc-cni", **changed: Any) -> dict[str, Any]:
    return {
        "addon": {
            "addonName": name,
            "addonVersion": "v1.20.0-eksbuild.1",
            "status": "ACTIVE",
            "health": {"issues": []},
            "serviceAccountRoleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "configurationValues": '{"env":{"PASSWORD":"hunter2"}}',
            "modifiedAt": CREATED,
            **changed,
        }
    }


def nodegroup(name: str = "core", **changed: Any) -> dict[str, Any]:
    return {
        "nodegroup": {
            "nodegroupName": name,
            "version": "1.34",
            "releaseVersion": "1.34.1-20251101",
            "status": "ACTIVE",
            "amiType": "AL2023_x86_64_STANDARD",
            "capacityType": "ON_DEMAND",
            "scalingConfig": {"minSize": 2, "maxSize": 6, "desiredSize": 3},
            "updateConfig": {"maxUnavailable": 1},
            "subnets": ["subnet-a"],
            "instanceTypes": ["m7i.large"],
            "resources": {"autoScalingGroups": [{"name": "asg-core"}]},
            "health": {"issues": []},
            "modifiedAt": CREATED,
            **changed,
        }
    }


def insight(insight_id: str, status: str, **changed: Any) -> dict[str, Any]:
    return {
        "id": insight_id,
        "name": "Deprecated APIs removed in Kubernetes v1.35",
        "category": "UPGRADE_READINESS",
        "kubernetesVersion": "1.35",
        "lastRefreshTime": CREATED,
        "insightStatus": {"status": status, "reason": "because"},
        **changed,
    }


def xml(action: str, inner: str) -> str:
    """An answer of a query service (STS, IAM)."""
    return (
        f'<{action}Response xmlns="https://example.amazonaws.com/"><{action}Result>{inner}</{action}Result>'
        f"<ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )


def xml_error(code: str, message: str) -> str:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></ErrorResponse>"


def caller(arn: str) -> str:
    return xml("GetCallerIdentity", f"<Arn>{arn}</Arn><UserId>U</UserId><Account>{ACCOUNT}</Account>")


def assumed(key: str, expires: str) -> str:
    return xml(
        "AssumeRole",
        f"<Credentials><AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
        f"<Expiration>{expires}</Expiration></Credentials>"
        f"<AssumedRoleUser><AssumedRoleId>A:b</AssumedRoleId><Arn>arn:aws:sts::{ACCOUNT}:assumed-role/r/s</Arn>"
        "</AssumedRoleUser>",
    )


def role(arn: str, trust: str = "") -> str:
    name = arn.rpartition("/")[2]
    return xml(
        "GetRole",
        f"<Role><Path>/</Path><RoleName>{name}</RoleName><RoleId>R</RoleId><Arn>{arn}</Arn>"
        f"<CreateDate>2024-01-01T00:00:00Z</CreateDate>"
        f"<AssumeRolePolicyDocument>{escape(trust)}</AssumeRolePolicyDocument></Role>",
    )


def simulation(*denied: str) -> Any:
    """IAM's simulator: everything asked is allowed but ``denied``."""

    def answer(asked: Asked) -> Any:
        from tests.upgrade.gateways.aws_stub import Answer

        names = [value for key, value in asked.body.items() if key.startswith("ActionNames.")]
        results = "".join(
            f"<member><EvalActionName>{name}</EvalActionName>"
            f"<EvalDecision>{'implicitDeny' if name in denied else 'allowed'}</EvalDecision></member>"
            for name in names
        )
        inner = f"<IsTruncated>false</IsTruncated><EvaluationResults>{results}</EvaluationResults>"
        return Answer(xml("SimulatePrincipalPolicy", inner))

    return answer


def around(on: Callable[..., None]) -> None:
    """Lets a stub (``AwsStub.on``) answer what only a readiness check asks: little of everything."""

    def ec2(action: str, inner: str) -> None:
        on(action, f"<{action}Response>{inner}</{action}Response>")

    ec2("DescribeSecurityGroups", "<securityGroupInfo/>")
    ec2("DescribeInstances", "<reservationSet/>")
    ec2("DescribeVolumes", "<volumeSet/>")
    ec2("DescribeLaunchTemplateVersions", "<launchTemplateVersionSet/>")
    on(
        "DescribeAutoScalingGroups",
        xml("DescribeAutoScalingGroups", f"<AutoScalingGroups>{OWN_GROUP}</AutoScalingGroups>"),
    )
    on("GetServiceQuota", {"Quota": {"QuotaName": "q", "Value": 100.0}})
    on("GET /clusters/prod/fargate-profiles", {"fargateProfileNames": []})
    on("GET /resources/.*/recovery-points/", {"RecoveryPoints": []})
    on("GET /list-apps", {"appSummaries": [{"name": "shop", "appArn": "arn:shop"}]})
    on("POST /list-app-input-sources", {"appInputSources": []})
    on("GetTemplate", xml("GetTemplate", "<TemplateBody>{}</TemplateBody>"))
    on("DescribeStacks", xml("DescribeStacks", "<Stacks/>"))
    on("StartQuery", {"queryId": "q-1"})
    on("GetQueryResults", {"status": "Complete", "results": []})


OWN_GROUP = (
    "<member><AutoScalingGroupName>own</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>2</MaxSize>"
    "<Tags><member><Key>kubernetes.io/cluster/prod</Key><Value>owned</Value></member></Tags>"
    "<LaunchTemplate><LaunchTemplateId>lt-1</LaunchTemplateId></LaunchTemplate></member>"
)
