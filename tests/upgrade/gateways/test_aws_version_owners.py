"""Who declares the version: tags and templates as people and tools write them."""

from __future__ import annotations

from typing import Any

import pytest

from upgrade.gateways.aws.version_owners import (
    Stack,
    declared_version,
    parse_template,
    stack_of,
    terraform_in,
    tool_of,
)
from upgrade.versions import KubernetesVersion

STACK = Stack(id="s", name="s", logical_id=None, by_eksctl=False, evidence="")
YAML = """
Parameters:
  KubernetesVersion: {Type: String, Default: "1.33"}
Resources:
  Network: {Type: "AWS::EC2::VPC", Properties: {CidrBlock: !FindInMap [A, !Ref B, c]}}
  ControlPlane:
    Type: AWS::EKS::Cluster
    Properties:
      Name: !Sub "${AWS::StackName}-cluster"
      Version: VERSION
      RoleArn: !GetAtt Role.Arn
"""


def declared(version: str, parameters: dict[str, str] | None = None) -> str | None:
    found = declared_version(parse_template(YAML.replace("VERSION", version)), parameters or {}, "prod", None)
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('"1.34"', "1.34"),
        ("1.30", "1.30"),  # YAML would read a number, CloudFormation does not
        ("!Ref KubernetesVersion", "1.35"),
        ("{Ref: KubernetesVersion}", "1.35"),
        ('!Sub "${KubernetesVersion}"', "1.35"),
        ('!Sub "1.34"', "1.34"),
        ("!Ref Unheard", None),
        ("!FindInMap [Versions, !Ref Stage, version]", None),
        ('!Sub "1.${Minor}"', None),
        ("latest", None),
        ("[1.34]", None),
    ],
)
def test_the_declared_version_is_resolved_as_far_as_a_stack_tells(written: str, found: str | None) -> None:
    assert declared(written, {"KubernetesVersion": "1.35"}) == found


def cluster(version: Any, name: str = "prod") -> dict[str, Any]:
    return {"Type": "AWS::EKS::Cluster", "Properties": {"Name": name, "Version": version}}


def test_among_several_clusters_the_right_one_is_read_or_none() -> None:
    template = {"Resources": {"A": cluster("1.31", "other"), "B": cluster("1.34"), "C": "broken"}}
    assert declared_version(template, {}, "prod", None) == KubernetesVersion(1, 34)
    assert declared_version(template, {}, "prod", "A") == KubernetesVersion(1, 31)
    assert declared_version(template, {}, "unheard", None) is None
    assert declared_version({"Resources": {"A": cluster("1.31", "other")}}, {}, "prod", None) == KubernetesVersion(
        1, 31
    )


def test_the_older_construct_of_cdk_hides_its_cluster_in_a_custom_resource() -> None:
    config = {"name": "prod", "version": "1.34"}
    template = {"Resources": {"C": {"Type": "Custom::AWSCDK-EKS-Cluster", "Properties": {"Config": config}}}}
    assert declared_version(template, {}, "prod", None) == KubernetesVersion(1, 34)
    assert tool_of(STACK, template) == "CDK"


@pytest.mark.parametrize("body", ["", "[", "a: !Ref [", 5, None, "text", {"Resources": {"X": {"Properties": 1}}}])
def test_a_template_that_makes_no_sense_declares_nothing(body: Any) -> None:
    assert declared_version(parse_template(body), {}, "prod", "X") is None


def test_the_tool_shows_in_the_stack_and_its_template() -> None:
    plain = {"Resources": {"C": cluster("1.34")}}
    by_cdk = {"Resources": {"C": {**cluster("1.34"), "Metadata": {"aws:cdk:path": "App/Cluster"}}}}
    assert tool_of(STACK, plain) == "CloudFormation"
    assert tool_of(STACK, by_cdk) == "CDK"
    eksctl = stack_of({"aws:cloudformation:stack-name": "eksctl-prod-cluster"}, "prod")
    assert eksctl
    assert tool_of(eksctl, plain) == "eksctl"


def test_the_tags_name_the_stack() -> None:
    tags = {
        "aws:cloudformation:stack-name": "platform",
        "aws:cloudformation:stack-id": "arn:aws:cloudformation:eu-west-1:111122223333:stack/platform/1",
        "aws:cloudformation:logical-id": "ControlPlane",
    }
    found = stack_of(tags, "prod")
    assert found
    assert (found.id, found.name, found.logical_id) == (tags["aws:cloudformation:stack-id"], "platform", "ControlPlane")
    by_eksctl = stack_of({"alpha.eksctl.io/cluster-oidc-enabled": "true"}, "prod")
    assert by_eksctl
    assert (by_eksctl.id, by_eksctl.by_eksctl) == ("eksctl-prod-cluster", True)
    assert stack_of({"team": "web"}, "prod") is None


@pytest.mark.parametrize(
    ("tags", "workspace"),
    [
        ({"Terraform": "true"}, ""),
        ({"terraform": "yes", "terraform-workspace": "prod-eu"}, "prod-eu"),
        ({"managed-by": "Terraform Cloud"}, ""),
        ({"ManagedBy": "terraform"}, ""),
        ({"created_by": "OpenTofu 1.9"}, ""),
        ({"tf-module": "eks", "tf:workspace": "x"}, "x"),
        ({"GithubRepo": "terraform-aws-eks"}, ""),
    ],
)
def test_terraform_shows_in_the_tags_that_people_use(tags: dict[str, str], workspace: str) -> None:
    found = terraform_in(tags)
    assert found
    assert found[0] == workspace


@pytest.mark.parametrize(
    "tags",
    [{}, {"Terraform": "false"}, {"managed-by": "eksctl"}, {"tfl": "x"}, {"note": "not terraform"}, {"platform": "tf"}],
)
def test_what_only_sounds_like_terraform_is_not(tags: dict[str, str]) -> None:
    assert terraform_in(tags) is None
