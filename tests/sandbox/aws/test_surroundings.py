"""What stands around a cluster: each answer is held to botocore's model, and says what the scenario says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from sandbox.aws.eks.protocol import model
from sandbox.aws.face import AwsFace
from sandbox.aws.surroundings.app import MODELS
from sandbox.aws.surroundings.insights_query import MalformedQuery, run
from sandbox.aws.surroundings.operations import OPERATIONS
from sandbox.clock import ManualClock
from sandbox.scenario import ActionDenied, parse_scenario
from sandbox.surroundings_spec import OwnerSpec, SurroundingsSpec
from sandbox.world.world import World
from tests.sandbox.aws.conftest import ACCOUNT, REGION, MakeClient
from tests.sandbox.aws.test_contract import flaws, present
from upgrade.gateways.aws import audit_log

CLUSTER = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/prod-eu"
LOG_GROUP = "/aws/eks/prod-eu/cluster"
SCENARIO = """
name: surroundings
description: One cluster with everything around it.
date: 2026-11-17T09:00:00Z
clusters:
  - name: prod-eu
    version: "1.34"
    nodegroups:
      - {name: core, size: 2}
      - {name: own, size: 1, launch_template: true, user_data: "/etc/eks/bootstrap.sh prod-eu", hop_limit: 1}
      - {name: legacy, kind: self-managed, size: 1, instance_type: m5.2xlarge}
    deprecated_uses:
      - usage: /apis/example.com/v1beta1/widgets
        replaced_with: /apis/example.com/v1/widgets
        stop_serving_version: "1.35"
        start_serving_replacement_version: "1.30"
        user_agent: old-controller/v0.1
        requests_last_30_days: 300
    surroundings:
      resilience_apps: [shop]
      stale_tokens: ["system:serviceaccount:shop:old"]
      owner: {tool: CloudFormation, version: "1.33"}
      narrow_security_group: true
      vcpu_quota: 64
      hybrid_networks: [10.80.0.0/16]
      zonal_shift: true
      fargate_profiles: [batch]
start: {person: ana, cluster: prod-eu, to: "1.35"}
expected: {status: blocked}
"""


@pytest.fixture
def world() -> World:
    scenario = parse_scenario(SCENARIO)
    return World(scenario, ManualClock(scenario.date))


@pytest.fixture
def face(world: World) -> Iterator[AwsFace]:
    face = AwsFace(world)
    face.start()
    yield face
    face.stop()


STACK = "prod-eu-stack"
QUERY = "stats count(*) as requests by userAgent"
# (service as botocore names it, operation) → what it is called with, and members that whoever calls it reads.
GOOD: dict[tuple[str, str], tuple[dict[str, Any], list[str]]] = {
    ("service-quotas", "GetServiceQuota"): (
        {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"},
        ["Quota.QuotaName", "Quota.Value"],
    ),
    ("service-quotas", "GetAWSDefaultServiceQuota"): (
        {"ServiceCode": "ebs", "QuotaCode": "L-D18FCD1D"},
        ["Quota.QuotaName", "Quota.Value"],
    ),
    ("backup", "ListRecoveryPointsByResource"): (
        {"ResourceArn": CLUSTER},
        ["RecoveryPoints[].CreationDate", "RecoveryPoints[].Status"],
    ),
    ("resiliencehub", "ListApps"): ({}, ["appSummaries[].appArn", "appSummaries[].name"]),
    ("resiliencehub", "ListAppInputSources"): (
        {"appArn": "$app", "appVersion": "draft"},
        ["appInputSources[].importType", "appInputSources[].eksSourceClusterNamespace.eksClusterArn"],
    ),
    ("cloudformation", "GetTemplate"): ({"StackName": STACK}, ["TemplateBody.Resources.ControlPlane.Properties"]),
    ("cloudformation", "DescribeStacks"): (
        {"StackName": STACK},
        ["Stacks[].StackName", "Stacks[].Parameters[].ParameterKey", "Stacks[].Parameters[].ParameterValue"],
    ),
    ("logs", "StartQuery"): (
        {"logGroupName": LOG_GROUP, "startTime": 0, "endTime": 2_000_000_000, "queryString": QUERY},
        ["queryId"],
    ),
    ("logs", "GetQueryResults"): ({"queryId": "$query"}, ["status", "results"]),
    ("logs", "StopQuery"): ({"queryId": "$query"}, ["success"]),
}


def words(make_client: MakeClient) -> dict[str, str]:
    """What the `$words` above stand for."""
    (app,) = make_client("resiliencehub").list_apps()["appSummaries"]
    started = make_client("logs").start_query(**GOOD["logs", "StartQuery"][0])
    return {"$app": app["appArn"], "$query": started["queryId"]}


def test_every_operation_that_is_answered_has_an_example() -> None:
    assert {(MODELS[service], name) for service, name in OPERATIONS} == set(GOOD)


@pytest.mark.parametrize(("service", "operation"), sorted(GOOD))
def test_the_answer_is_what_the_model_promises(make_client: MakeClient, service: str, operation: str) -> None:
    parameters, members = GOOD[service, operation]
    known = words(make_client)
    client, raw = make_client(service), list[bytes]()
    client.meta.events.register(f"after-call.{service}", lambda http_response, **_: raw.append(http_response.content))
    filled = {key: known.get(value, value) if isinstance(value, str) else value for key, value in parameters.items()}
    answer = getattr(client, xform_name(operation))(**filled)
    if service != "cloudformation":  # XML; the face itself holds it to the model
        assert flaws(model(service).operation_model(operation).output_shape, json.loads(raw[0]), operation) == []
    assert [path for path in members if not present(answer, path.replace("[]", ".*").split("."))] == []


@pytest.mark.parametrize(("service", "operation"), sorted(GOOD))
def test_each_action_can_be_denied(world: World, make_client: MakeClient, service: str, operation: str) -> None:
    signed_for = next(name for name, known in MODELS.items() if known == service)
    known = words(make_client)
    world.switch_on(ActionDenied(kind="deny-action", action=f"{signed_for}:{operation}"))
    filled = {key: known.get(value, value) for key, value in GOOD[service, operation][0].items() if value is not None}
    with pytest.raises(ClientError, match=f"not authorized to perform: {signed_for}:{operation}") as caught:
        getattr(make_client(service), xform_name(operation))(**filled)
    assert caught.value.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException")


NO_APP = {"appArn": f"arn:aws:resiliencehub:{REGION}:{ACCOUNT}:app/no-such-app", "appVersion": "draft"}
ANY_QUERY = GOOD["logs", "StartQuery"][0]
BAD: list[tuple[str, str, dict[str, Any], str]] = [
    ("service-quotas", "GetServiceQuota", {"ServiceCode": "ebs", "QuotaCode": "L-D18FCD1D"}, "NoSuchResourceException"),
    (
        "service-quotas",
        "GetAWSDefaultServiceQuota",
        {"ServiceCode": "ebs", "QuotaCode": "L-0"},
        "NoSuchResourceException",
    ),
    ("resiliencehub", "ListAppInputSources", NO_APP, "ResourceNotFoundException"),
    ("cloudformation", "GetTemplate", {"StackName": "none"}, "ValidationError"),
    ("cloudformation", "ListStacks", {}, "InvalidAction"),
    ("backup", "ListBackupVaults", {}, "UnknownOperationException"),
    ("logs", "GetQueryResults", {"queryId": "none"}, "ResourceNotFoundException"),
    ("logs", "StartQuery", {**ANY_QUERY, "logGroupName": "/aws/eks/none/cluster"}, "ResourceNotFoundException"),
    ("logs", "StartQuery", {**ANY_QUERY, "queryString": "parse @message"}, "MalformedQueryException"),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "code"), BAD)
def test_what_is_not_there_or_not_simulated_is_refused(
    make_client: MakeClient, service: str, operation: str, parameters: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(make_client(service), xform_name(operation))(**parameters)
    assert caught.value.response["Error"]["Code"] == code


# -- what the scenario says ----------------------------------------------------------------------------------------


def test_a_backup_has_the_age_that_the_scenario_says(world: World, make_client: MakeClient) -> None:
    backup = make_client("backup")
    (point,) = backup.list_recovery_points_by_resource(ResourceArn=CLUSTER)["RecoveryPoints"]
    assert world.scenario.date - point["CreationDate"] == timedelta(hours=20)
    world.find_cluster("prod-eu").surroundings.recovery_points.clear()
    assert backup.list_recovery_points_by_resource(ResourceArn=CLUSTER)["RecoveryPoints"] == []
    assert backup.list_recovery_points_by_resource(ResourceArn=f"{CLUSTER}x")["RecoveryPoints"] == []


def test_the_cluster_shows_who_made_it_and_what_is_special(make_client: MakeClient) -> None:
    cluster = make_client("eks").describe_cluster(name="prod-eu")["cluster"]
    assert cluster["tags"]["aws:cloudformation:stack-name"] == STACK
    by_arn = make_client("cloudformation").describe_stacks(StackName=cluster["tags"]["aws:cloudformation:stack-id"])
    assert by_arn["Stacks"][0]["Parameters"] == [{"ParameterKey": "KubernetesVersion", "ParameterValue": "1.33"}]
    assert cluster["zonalShiftConfig"] == {"enabled": True}
    assert cluster["remoteNetworkConfig"]["remoteNodeNetworks"][0]["cidrs"] == ["10.80.0.0/16"]
    assert make_client("eks").list_fargate_profiles(clusterName="prod-eu")["fargateProfileNames"] == ["batch"]


def test_the_quota_is_the_accounts_and_the_default_aws_own(make_client: MakeClient) -> None:
    quotas = make_client("service-quotas")
    asked = {"ServiceCode": "ec2", "QuotaCode": "L-1216C47A"}
    assert quotas.get_service_quota(**asked)["Quota"]["Value"] == 64.0
    assert quotas.get_aws_default_service_quota(**asked)["Quota"]["Value"] == 5.0


def test_instances_tell_their_cluster_their_cpus_and_their_metadata_service(make_client: MakeClient) -> None:
    wanted = [{"Name": "tag-key", "Values": ["kubernetes.io/cluster/prod-eu"]}]
    found = [
        instance
        for reservation in make_client("ec2").describe_instances(Filters=wanted)["Reservations"]
        for instance in reservation["Instances"]
    ]
    cpus = sorted(one["CpuOptions"]["CoreCount"] * one["CpuOptions"]["ThreadsPerCore"] for one in found)
    assert cpus == [4, 4, 4, 8]
    assert sorted(one["MetadataOptions"]["HttpPutResponseHopLimit"] for one in found) == [1, 2, 2, 2]


def test_the_security_group_is_as_narrow_as_the_scenario_says(world: World, make_client: MakeClient) -> None:
    ec2, cluster = make_client("ec2"), world.find_cluster("prod-eu")
    own = cluster.cluster_security_group_id
    wanted = [{"Name": "group-id", "Values": [own, *cluster.security_group_ids, "sg-gone"]}]
    found = {one["GroupId"]: one for one in ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]}
    assert len(found) == 2
    (narrow,), (wide,) = found[own]["IpPermissions"], found[cluster.security_group_ids[0]]["IpPermissions"]
    assert (narrow["IpProtocol"], narrow["FromPort"]) == ("tcp", 443)
    assert (wide["IpProtocol"], wide["UserIdGroupPairs"][0]["GroupId"]) == ("-1", cluster.security_group_ids[0])
    assert found[own]["IpPermissionsEgress"][0]["IpRanges"] == [{"CidrIp": "0.0.0.0/0"}]
    del world.regions[ACCOUNT, REGION].security_groups[own]
    assert len(ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]) == 1


def test_groups_that_people_made_scale_without_eks(make_client: MakeClient) -> None:
    wanted = [{"Name": "tag-key", "Values": ["kubernetes.io/cluster/prod-eu", "eks:cluster-name"]}]
    found = make_client("autoscaling").describe_auto_scaling_groups(Filters=wanted)["AutoScalingGroups"]
    named = {tag["Value"] for group in found for tag in group["Tags"] if tag["Key"] == "eks:nodegroup-name"}
    assert (len(found), named) == (3, {"core", "own"})


def test_a_launch_template_has_the_user_data_of_the_scenario(make_client: MakeClient) -> None:
    group = make_client("eks").describe_nodegroup(clusterName="prod-eu", nodegroupName="own")["nodegroup"]
    template = group["launchTemplate"]
    version, *_ = make_client("ec2").describe_launch_template_versions(
        LaunchTemplateId=template["id"], Versions=[template["version"], "$Latest"]
    )["LaunchTemplateVersions"]
    data = version["LaunchTemplateData"]
    assert data["UserData"] == "L2V0Yy9la3MvYm9vdHN0cmFwLnNoIHByb2QtZXU="
    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


# -- the audit log -------------------------------------------------------------------------------------------------


def answered(logs: Any, world: World, query: str, days: int = 7) -> list[dict[str, str]]:
    until = int(world.scenario.date.timestamp())
    asked = {"logGroupName": LOG_GROUP, "queryString": query, "startTime": until - days * 86400, "endTime": until}
    query_id = logs.start_query(**asked)["queryId"]
    assert logs.get_query_results(queryId=query_id)["status"] == "Running"
    answer = logs.get_query_results(queryId=query_id)
    assert answer["status"] == "Complete"
    return [{field["field"]: field["value"] for field in row} for row in answer["results"]]


def test_the_gateways_questions_are_counted_over_the_days_that_were_asked_for(
    world: World, make_client: MakeClient
) -> None:
    logs = make_client("logs")
    (row,) = answered(logs, world, audit_log.REMOVED_APIS)
    assert 60 <= int(row["requests"]) <= 71  # 300 in 30 days
    assert row["objectRef.resource"] == "widgets"
    assert row["annotations.k8s.io/removed-release"] == "1.35"
    assert row["userAgent"] == "old-controller/v0.1"
    assert "objectRef.subresource" not in row
    assert int(answered(logs, world, audit_log.REMOVED_APIS, days=30)[0]["requests"]) > 250
    (stale,) = answered(logs, world, audit_log.STALE_TOKENS)
    assert stale["user.username"] == "system:serviceaccount:shop:old"


def test_without_audit_logging_there_is_nothing_to_ask(world: World, make_client: MakeClient) -> None:
    logs, cluster = make_client("logs"), world.find_cluster("prod-eu")
    cluster.log_types = ["api"]
    assert answered(logs, world, audit_log.REMOVED_APIS) == []
    cluster.log_types = []
    with pytest.raises(logs.exceptions.ResourceNotFoundException):
        answered(logs, world, audit_log.REMOVED_APIS)


def test_asking_is_no_change(world: World, face: AwsFace, make_client: MakeClient) -> None:
    answered(make_client("logs"), world, QUERY)
    assert (face.calls, world.effects) == ([], [])


EVENTS = [
    {"@message": "a | b", "who": "ana", "at": "9", "x.y/z": "1"},
    {"@message": "c", "who": "ben", "at": "10"},
    {"@message": "d", "who": "ana", "at": "8"},
]


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("stats count(*) by who", [{"who": "ana", "count(*)": "2"}, {"who": "ben", "count(*)": "1"}]),
        ("stats max(at) as last, min(at) as first", [{"last": "10", "first": "8"}]),
        ("filter `x.y/z` = \"1\" | stats count(*) as n by `x.y/z`", [{"x.y/z": "1", "n": "1"}]),
        ("filter who != \"ana\" or @message like /a \\| b/ | stats count(*) as n", [{"n": "2"}]),
        ("filter ispresent(`x.y/z`) and (who = \"ben\" or who = \"ana\") | stats count(*) as n", [{"n": "1"}]),
        ("stats count(*) as n by who | sort n desc | limit 1", [{"who": "ana", "n": "2"}]),
        ("filter who = \"ana\" and who = \"ben\" | stats count(*) as n by who", []),
    ],
)  # fmt: skip
def test_insights_filter_and_count(query: str, rows: list[dict[str, str]]) -> None:
    assert [{one["field"]: one["value"] for one in row} for row in run(query, EVENTS)] == rows


@pytest.mark.parametrize(
    "query",
    [
        "",
        "display x",
        "filter",
        "filter a ~ b",
        "stats avg(x)",
        'filter a = "b',
        "stats count(*) extra",
        "filter a > 5",
    ],
)
def test_what_insights_might_understand_otherwise_is_refused(query: str) -> None:
    with pytest.raises(MalformedQuery):
        run(query, EVENTS)


def test_every_field_of_the_surroundings_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "scenarios.md").read_text("utf-8")
    fields = {*SurroundingsSpec.model_fields, *OwnerSpec.model_fields}
    assert {name for name in fields if f"`{name}`" not in page} == set()
