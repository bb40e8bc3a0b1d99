"""What a readiness check reads of AWS, over HTTP, against recorded answers."""

from __future__ import annotations

import base64
import json
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.upgrade.gateways import aws_answers as answers
from tests.upgrade.gateways.aws_answers import ACCOUNT, ROLE, xml
from tests.upgrade.gateways.aws_stub import Answer, Asked, AwsStub, refusal
from tests.upgrade.gateways.test_aws_errors import PROD, gateway
from upgrade.eks import LaunchTemplate, Nodegroup
from upgrade.errors import FactUnknown, NotPermitted, PermanentError, TemporaryError
from upgrade.gateways.aws import audit_log
from upgrade.gateways.aws.gateway import BotoAwsGateway
from upgrade.gateways.aws.readiness import CLUSTER_ROLE_ACTIONS
from upgrade.gateways.aws.reading import Shared
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.identity import OwnIdentity
from upgrade.surroundings import AutoScalingGroup, TrafficRule, VersionOwner
from upgrade.versions import KubernetesVersion

ARN = f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/prod"
SINCE, UNTIL = datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 17, tzinfo=UTC)


def ec2(action: str, inner: str, token: str = "") -> str:
    more = f"<nextToken>{token}</nextToken>" if token else ""
    return f"<{action}Response>{inner}{more}</{action}Response>"


# -- network and roles ----------------------------------------------------------------------------------------------


def test_security_groups_are_asked_for_by_filter_and_read_rule_by_rule(aws_stub: AwsStub) -> None:
    rules = (
        "<item><ipProtocol>-1</ipProtocol><groups><item><groupId>sg-2</groupId></item></groups></item>"
        "<item><ipProtocol>tcp</ipProtocol><fromPort>443</fromPort><toPort>443</toPort>"
        "<ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item></ipRanges></item>"
    )
    out = "<item><ipProtocol>-1</ipProtocol><ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges></item>"
    group = (
        f"<item><groupId>sg-2</groupId><ipPermissions>{rules}</ipPermissions>"
        f"<ipPermissionsEgress>{out}</ipPermissionsEgress></item>"
    )
    aws_stub.on(
        "DescribeSecurityGroups", ec2("DescribeSecurityGroups", f"<securityGroupInfo>{group}</securityGroupInfo>")
    )
    (found,) = gateway().security_groups(["sg-2", "sg-gone"])
    assert found.ingress == (
        TrafficRule(protocol="-1", itself=True),
        TrafficRule(protocol="tcp", from_port=443, to_port=443),
    )
    assert found.egress == (TrafficRule(protocol="-1", everywhere=True),)
    (asked,) = aws_stub.calls("DescribeSecurityGroups")
    assert (asked.body["Filter.1.Name"], asked.body["Filter.1.Value.2"]) == ("group-id", "sg-gone")
    assert gateway().security_groups([]) == ()


def test_the_subnets_of_a_vpc_come_with_their_ranges(aws_stub: AwsStub) -> None:
    item = (
        "<item><subnetId>subnet-a</subnetId><vpcId>vpc-1</vpcId><availabilityZone>eu-west-1a</availabilityZone>"
        "<availableIpAddressCount>7</availableIpAddressCount><cidrBlock>10.0.0.0/24</cidrBlock></item>"
    )
    aws_stub.on(
        "DescribeSubnets",
        ec2("DescribeSubnets", f"<subnetSet>{item}</subnetSet>", "more"),
        ec2("DescribeSubnets", f"<subnetSet>{item.replace('subnet-a', 'subnet-b')}</subnetSet>"),
    )
    found = gateway().vpc_subnets("vpc-1")
    assert [(one.id, one.cidr, one.free_addresses) for one in found] == [
        ("subnet-a", "10.0.0.0/24", 7),
        ("subnet-b", "10.0.0.0/24", 7),
    ]
    assert aws_stub.calls("DescribeSubnets")[0].body["Filter.1.Name"] == "vpc-id"


def test_what_the_role_of_the_cluster_lacks_is_simulated(aws_stub: AwsStub) -> None:
    aws_stub.on("SimulatePrincipalPolicy", answers.simulation("ec2:DescribeAvailabilityZones"))
    assert gateway().cluster_role_denied(ROLE) == ("ec2:DescribeAvailabilityZones",)
    (asked,) = aws_stub.calls("SimulatePrincipalPolicy")
    assert asked.body["PolicySourceArn"] == ROLE
    assert {value for key, value in asked.body.items() if key.startswith("ActionNames.")} == set(CLUSTER_ROLE_ACTIONS)


# -- capacity -------------------------------------------------------------------------------------------------------


def instance(name: str, kind: str = "m7i.large", more: str = "") -> str:
    return (
        f"<item><instancesSet><item><instanceId>{name}</instanceId><instanceType>{kind}</instanceType>"
        "<imageId>ami-1</imageId><placement><availabilityZone>eu-west-1a</availabilityZone></placement>"
        "<cpuOptions><coreCount>1</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>"
        "<metadataOptions><httpTokens>required</httpTokens>"
        "<httpPutResponseHopLimit>1</httpPutResponseHopLimit></metadataOptions>"
        f"{more}</item></instancesSet></item>"
    )


def instances(*items: str, token: str = "") -> str:
    return ec2("DescribeInstances", f"<reservationSet>{''.join(items)}</reservationSet>", token)


def volume(kind: str, size: int) -> str:
    return f"<item><volumeId>vol-1</volumeId><size>{size}</size><volumeType>{kind}</volumeType></item>"


def volumes(*items: str, token: str = "") -> str:
    return ec2("DescribeVolumes", f"<volumeSet>{''.join(items)}</volumeSet>", token)


def quota(name: str, value: float) -> dict[str, Any]:
    return {"Quota": {"QuotaName": name, "Value": value}}


def test_quotas_come_with_what_is_used_of_them(aws_stub: AwsStub) -> None:
    spot = "<instanceLifecycle>spot</instanceLifecycle>"
    aws_stub.on(
        "DescribeInstances",
        instances(instance("i-1"), instance("i-2", "hpc7g.4xlarge"), token="more"),
        instances(instance("i-3", "im4gn.large"), instance("i-4", more=spot), instance("i-5", "trn1.2xlarge")),
    )
    aws_stub.on("DescribeVolumes", volumes(volume("gp2", 512), token="more"), volumes(volume("gp3", 2048)))

    def limit(asked: Asked) -> Answer:
        if asked.body["QuotaCode"] == "L-D18FCD1D":
            return refusal("NoSuchResourceException", "none")
        return Answer(quota(asked.body["QuotaCode"], 64.0))

    aws_stub.on("GetServiceQuota", limit)
    aws_stub.on("GetAWSDefaultServiceQuota", quota("default", 50.0))
    found = gateway().quotas()
    assert [(one.service, one.code, one.limit, one.used) for one in found] == [
        ("ec2", "L-1216C47A", 64.0, 4.0),
        ("ebs", "L-D18FCD1D", 50.0, 0.5),
        ("ebs", "L-7A658B76", 64.0, 2.0),
    ]
    assert found[1].name == "default"


def test_instances_are_those_with_the_tag_of_the_cluster(aws_stub: AwsStub) -> None:
    ours, theirs = (
        f"<tagSet><item><key>kubernetes.io/cluster/{name}</key></item></tagSet>" for name in ("prod", "dev")
    )
    aws_stub.on(
        "DescribeInstances",
        instances(instance("i-1", more=ours), instance("i-0", more=theirs), instance("i-9"), token="more"),
        instances(instance("i-2", more=ours)),
    )
    first, second = gateway().instances()
    assert (first.id, first.zone, first.hop_limit, first.tokens_required) == ("i-1", "eu-west-1a", 1, True)
    assert second.id == "i-2"
    asked = aws_stub.calls("DescribeInstances")[0].body
    assert asked["Filter.1.Name"] == "instance-state-name"


def wait_for_a_sharer() -> None:
    """Until some thread waits inside Shared for the answer that another one gets."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for frame in sys._current_frames().values():
            inner, outer = frame.f_back, frame.f_back and frame.f_back.f_back
            if inner and outer and (inner.f_code, outer.f_code) == (Future.result.__code__, Shared.__call__.__code__):
                return
        time.sleep(0.001)
    raise AssertionError("nobody shares the answer under way")


def test_quotas_and_instances_asked_at_once_list_the_region_once(aws_stub: AwsStub) -> None:
    """And whoever asks later gets a list of his own: what it says is never old."""
    asked, go_on = threading.Event(), threading.Event()

    def slow(_: Asked) -> Answer:
        asked.set()
        assert go_on.wait(30)
        return Answer(instances(instance("i-1")))

    aws_stub.on("DescribeInstances", slow)
    aws_stub.on("DescribeVolumes", volumes())
    aws_stub.on("GetServiceQuota", quota("q", 64.0))
    aws = gateway()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(aws.instances)
        assert asked.wait(30)
        second = pool.submit(aws.quotas)
        wait_for_a_sharer()
        go_on.set()
        assert (first.result(30), second.result(30)[0].used) == ((), 2.0)
    aws.instances()
    assert len(aws_stub.calls("DescribeInstances")) == 2


def scaling(name: str, tags: dict[str, str], template: str = "", used: str = "") -> str:
    listed = "".join(f"<member><Key>{key}</Key><Value>{value}</Value></member>" for key, value in tags.items())
    return (
        f"<member><AutoScalingGroupName>{name}</AutoScalingGroupName><MinSize>1</MinSize><MaxSize>4</MaxSize>"
        f"<DesiredCapacity>2</DesiredCapacity><Tags>{listed}</Tags>{template}<Instances>{used}</Instances></member>"
    )


def test_auto_scaling_groups_are_the_clusters_own(aws_stub: AwsStub) -> None:
    named = "<LaunchTemplateId>lt-1</LaunchTemplateId><Version>$Latest</Version>"
    mixed = (
        "<MixedInstancesPolicy><LaunchTemplate><LaunchTemplateSpecification><LaunchTemplateId>lt-2</LaunchTemplateId>"
        "</LaunchTemplateSpecification></LaunchTemplate></MixedInstancesPolicy>"
    )
    used = "".join(
        f"<member><InstanceId>i</InstanceId><LaunchTemplate><Version>{version}</Version></LaunchTemplate></member>"
        for version in (3, 4, 4)
    )
    groups = (
        scaling("eks-core", {"eks:cluster-name": "prod", "eks:nodegroup-name": "core"}),
        scaling("own", {"kubernetes.io/cluster/prod": "owned"}, f"<LaunchTemplate>{named}</LaunchTemplate>", used),
        scaling("mixed", {"kubernetes.io/cluster/prod": "owned"}, mixed),
        scaling("shared", {"kubernetes.io/cluster/prod": "shared"}),
        scaling("elsewhere", {"eks:cluster-name": "staging"}),
    )
    inner = f"<AutoScalingGroups>{''.join(groups)}</AutoScalingGroups>"
    aws_stub.on("DescribeAutoScalingGroups", xml("DescribeAutoScalingGroups", inner))
    core, own, mixed_group = gateway().autoscaling_groups()
    assert (core.name, core.nodegroup, core.template_id, core.desired) == ("eks-core", "core", None, 2)
    assert (own.template_id, own.template_version, own.template_versions) == ("lt-1", "$Latest", ("3", "4"))
    assert (mixed_group.template_id, mixed_group.template_version) == ("lt-2", "$Default")


USER_DATA = base64.b64encode(b"/etc/eks/bootstrap.sh prod --kubelet-extra-args --cloud-config hunter2").decode()


def template_answer(asked: Asked) -> Answer:
    """A template with versions 1 to 4; 2 is the default and 3 was deleted."""
    wanted = [value for key, value in sorted(asked.body.items()) if key.startswith("LaunchTemplateVersion.")]
    if asked.body.get("LaunchTemplateId") == "lt-gone":
        inner = "<Errors><Error><Code>InvalidLaunchTemplateId.NotFound</Code><Message>no</Message></Error></Errors>"
        return Answer(f"<Response>{inner}<RequestID>r</RequestID></Response>", 400)
    if "3" in wanted:
        inner = (
            "<Errors><Error><Code>InvalidLaunchTemplateId.VersionNotFound</Code><Message>no</Message></Error></Errors>"
        )
        return Answer(f"<Response>{inner}<RequestID>r</RequestID></Response>", 400)
    numbers = sorted({{"$Latest": 4, "$Default": 2}.get(one) or int(one) for one in wanted})
    items = "".join(
        f"<item><launchTemplateId>lt-1</launchTemplateId><launchTemplateName>web</launchTemplateName>"
        f"<versionNumber>{number}</versionNumber><defaultVersion>{str(number == 2).lower()}</defaultVersion>"
        f"<launchTemplateData><imageId>ami-{number}</imageId><userData>{USER_DATA}</userData>"
        "<metadataOptions><httpTokens>required</httpTokens><httpPutResponseHopLimit>2</httpPutResponseHopLimit>"
        "</metadataOptions></launchTemplateData></item>"
        for number in numbers
    )
    inner = f"<launchTemplateVersionSet>{items}</launchTemplateVersionSet>"
    return Answer(ec2("DescribeLaunchTemplateVersions", inner))


def nodegroup(template: LaunchTemplate | None) -> Nodegroup:
    return Nodegroup(
        name="core",
        version=KubernetesVersion(1, 34),
        release_version="",
        status="ACTIVE",
        ami_type="CUSTOM",
        launch_template=template,
    )


def own_group(
    version: str | None, *used: str, template: str = "lt-1", nodegroup: str | None = None
) -> AutoScalingGroup:
    return AutoScalingGroup(
        name="own", template_id=template, template_version=version, template_versions=used, nodegroup=nodegroup
    )


def test_the_versions_in_use_are_read_once_a_template(aws_stub: AwsStub) -> None:
    aws_stub.on("DescribeLaunchTemplateVersions", template_answer)
    found = gateway().launch_templates(
        [nodegroup(LaunchTemplate(id="lt-1", version="1")), nodegroup(None)], [own_group("$Default", "1")]
    )
    assert [(one.name, one.version, one.latest, one.image_id) for one in found] == [
        ("web", 1, 4, "ami-1"),
        ("web", 2, 4, "ami-2"),
    ]
    assert (found[0].hop_limit, found[0].tokens_required) == (2, True)
    assert (found[0].user_data.kind, found[0].user_data.flags) == ("bootstrap.sh", ("--cloud-config",))
    assert "hunter2" not in found[0].model_dump_json()
    assert len(aws_stub.calls("DescribeLaunchTemplateVersions")) == 1


def test_a_deleted_version_or_template_does_not_hide_the_others(aws_stub: AwsStub) -> None:
    aws_stub.on("DescribeLaunchTemplateVersions", template_answer)
    found = gateway().launch_templates([], [own_group("$Latest", "2", "3"), own_group("1", template="lt-gone")])
    assert [one.version for one in found] == [2, 4]


def test_a_template_may_be_known_by_its_name_only_and_those_of_eks_are_not_read(aws_stub: AwsStub) -> None:
    aws_stub.on("DescribeLaunchTemplateVersions", template_answer)
    found = gateway().launch_templates([nodegroup(LaunchTemplate(id="", name="web", version="4"))], [])
    assert [one.version for one in found] == [4]
    assert aws_stub.calls("DescribeLaunchTemplateVersions")[0].body["LaunchTemplateName"] == "web"
    assert gateway().launch_templates([], [own_group("1", nodegroup="core")]) == ()


def test_fargate_profiles_are_listed_to_the_last_page(aws_stub: AwsStub) -> None:
    aws_stub.on(
        "GET /clusters/prod/fargate-profiles",
        {"fargateProfileNames": ["a"], "nextToken": "more"},
        {"fargateProfileNames": ["b"]},
    )
    assert gateway().fargate_profiles() == ("a", "b")


# -- who else depends on the cluster --------------------------------------------------------------------------------

POINTS = "GET /resources/.*/recovery-points/"


def test_the_newest_completed_recovery_point_counts(aws_stub: AwsStub) -> None:
    def point(at: float, status: str = "COMPLETED") -> dict[str, Any]:
        return {"CreationDate": at, "Status": status}

    aws_stub.on(
        POINTS,
        {"RecoveryPoints": [point(1763000000), point(1763200000, "PARTIAL")], "NextToken": "more"},
        {"RecoveryPoints": [point(1763100000)]},
    )
    assert gateway().recovery_point_at(ARN) == datetime.fromtimestamp(1763100000, UTC)


@pytest.mark.parametrize("answer", [{"RecoveryPoints": []}, refusal("ResourceNotFoundException", "none", 404)])
def test_a_cluster_without_recovery_points_has_none(aws_stub: AwsStub, answer: Any) -> None:
    aws_stub.on(POINTS, answer)
    assert gateway().recovery_point_at(ARN) is None


TAGS = {"aws:cloudformation:stack-name": "platform", "aws:cloudformation:stack-id": "arn:stack", "Terraform": "true"}
TEMPLATE = {"Resources": {"C": {"Type": "AWS::EKS::Cluster", "Properties": {"Version": {"Ref": "Version"}}}}}


def stacks(value: str) -> str:
    one = f"<member><ParameterKey>Version</ParameterKey><ParameterValue>{value}</ParameterValue></member>"
    member = (
        f"<member><StackName>platform</StackName><StackStatus>CREATE_COMPLETE</StackStatus>"
        f"<CreationTime>2026-01-01T00:00:00Z</CreationTime><Parameters>{one}</Parameters></member>"
    )
    return xml("DescribeStacks", f"<Stacks>{member}</Stacks>")


@pytest.mark.parametrize(
    "body", [json.dumps(TEMPLATE), "Resources: {C: {Type: AWS::EKS::Cluster, Properties: {Version: !Ref Version}}}"]
)
def test_owners_show_in_the_tags_and_the_version_in_the_stack(aws_stub: AwsStub, body: str) -> None:
    aws_stub.on("GET /clusters/prod", answers.cluster(tags=TAGS))
    aws_stub.on("GetTemplate", xml("GetTemplate", f"<TemplateBody><![CDATA[{body}]]></TemplateBody>"))
    aws_stub.on("DescribeStacks", stacks("1.33"))
    assert gateway().owners() == (
        VersionOwner(
            tool="CloudFormation",
            name="platform",
            declared=KubernetesVersion(1, 33),
            evidence="tag aws:cloudformation:stack-name",
        ),
        VersionOwner(tool="Terraform", evidence="tag Terraform"),
    )
    assert aws_stub.calls("GetTemplate")[0].body["StackName"] == "arn:stack"


def test_a_stack_that_is_gone_declares_nothing_but_a_denied_one_is_unknown(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", answers.cluster(tags={"alpha.eksctl.io/cluster-name": "prod"}))
    gone = "Stack with id eksctl-prod-cluster does not exist"
    aws_stub.on("GetTemplate", Answer(answers.xml_error("ValidationError", gone), 400))
    (owner,) = gateway().owners()
    assert (owner.tool, owner.name, owner.declared) == ("eksctl", "eksctl-prod-cluster", None)
    aws_stub.on("GetTemplate", Answer(answers.xml_error("AccessDenied", "no"), 403))
    with pytest.raises(NotPermitted) as caught:
        gateway().owners()
    assert caught.value.permission == "cloudformation:GetTemplate"


def test_a_cluster_that_nobody_declares_has_no_owner(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", answers.cluster(tags={"team": "platform"}))
    assert gateway().owners() == ()


def test_resilience_hub_is_asked_for_the_sources_of_each_application(aws_stub: AwsStub) -> None:
    def sources(asked: Asked) -> Answer:
        assert asked.body["appVersion"] == "draft"
        found: dict[str, Any] = {
            "arn:shop": {"importType": "EKS", "eksSourceClusterNamespace": {"eksClusterArn": ARN, "namespace": "shop"}},
            "arn:bank": {"importType": "EKS", "sourceArn": ARN},
            "arn:other": {"importType": "Terraform"},
        }
        return Answer({"appInputSources": [found[asked.body["appArn"]]]})

    aws_stub.on(
        "GET /list-apps",
        {
            "appSummaries": [{"name": "shop", "appArn": "arn:shop"}, {"name": "x", "appArn": "arn:other"}],
            "nextToken": "t",
        },
        {"appSummaries": [{"name": "bank", "appArn": "arn:bank"}]},
    )
    aws_stub.on("POST /list-app-input-sources", sources)
    assert gateway().resilience_apps(ARN) == ("bank", "shop")
    assert aws_stub.calls("GET /list-apps")[1].query["nextToken"] == ["t"]


@pytest.mark.parametrize(("region", "offered"), [("mx-central-1", False), ("eu-west-1", True)])
def test_only_a_region_without_resilience_hub_has_no_applications(
    aws_environment: pytest.MonkeyPatch, region: str, offered: bool
) -> None:
    """Out of reach is unknown, except where there is nothing to reach."""
    aws_environment.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    asking = BotoAwsGateway(PROD, AwsSessions().session(OwnIdentity(), region))
    if offered:
        with pytest.raises(TemporaryError):
            asking.resilience_apps(ARN)
    else:
        assert asking.resilience_apps(ARN) == ()


# -- the audit log --------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setattr(audit_log, "FIRST_PAUSE_SECONDS", 0.001)
    return monkeypatch


def row(**fields: str) -> list[dict[str, str]]:
    return [{"field": name.replace("__", "."), "value": value} for name, value in fields.items()]


def test_calls_to_removed_apis_are_counted_by_the_log_itself(aws_stub: AwsStub, quick: pytest.MonkeyPatch) -> None:
    found = row(
        objectRef__apiGroup="policy",
        objectRef__apiVersion="v1beta1",
        objectRef__resource="podsecuritypolicies",
        userAgent="old/1.0",
        user__username="system:serviceaccount:shop:old",
        requests="12",
        last="1763000000500",
    )
    found.append({"field": "annotations.k8s.io/removed-release", "value": "1.25"})
    shown = row(objectRef__apiVersion="v1beta1", requests="3", last="2026-11-13 02:13:20.500")
    aws_stub.on("GET /clusters/prod", answers.cluster())
    aws_stub.on("StartQuery", {"queryId": "q-1"})
    aws_stub.on(
        "GetQueryResults",
        {"status": "Scheduled", "results": []},
        {"status": "Running", "results": []},
        {"status": "Complete", "results": [found, shown]},
    )
    first, second = gateway().audit_requests(SINCE, UNTIL)
    assert (first.group, first.version, first.resource, first.removed_release) == (
        "policy",
        "v1beta1",
        "podsecuritypolicies",
        "1.25",
    )
    assert (first.user_agent, first.username, first.count) == ("old/1.0", "system:serviceaccount:shop:old", 12)
    assert first.last_at == datetime.fromtimestamp(1763000000.5, UTC)
    assert second.last_at == datetime(2026, 11, 13, 2, 13, 20, 500_000, tzinfo=UTC)
    (asked,) = aws_stub.calls("StartQuery")
    assert asked.body["logGroupName"] == "/aws/eks/prod/cluster"
    assert (asked.body["startTime"], asked.body["endTime"]) == (int(SINCE.timestamp()), int(UNTIL.timestamp()))
    assert "stats count(*)" in asked.body["queryString"]
    assert not aws_stub.calls("StopQuery")


def test_users_of_stale_tokens_are_named_once(aws_stub: AwsStub, quick: pytest.MonkeyPatch) -> None:
    aws_stub.on("GET /clusters/prod", answers.cluster())
    aws_stub.on("StartQuery", {"queryId": "q-1"})
    rows = [row(user__username="b", requests="1"), row(user__username="a", requests="1"), row(requests="1")]
    aws_stub.on("GetQueryResults", {"status": "Complete", "results": rows})
    assert gateway().stale_token_users(SINCE, UNTIL) == ("a", "b")


@pytest.mark.parametrize("missing", ["logging", "log group"])
def test_an_audit_log_that_is_off_is_no_silence(aws_stub: AwsStub, missing: str) -> None:
    logging = {"clusterLogging": [{"types": ["api"], "enabled": True}]}
    aws_stub.on("GET /clusters/prod", answers.cluster(**({"logging": logging} if missing == "logging" else {})))
    aws_stub.on("StartQuery", refusal("ResourceNotFoundException", "no such log group"))
    with pytest.raises(PermanentError, match="audit log of prod is off") as caught:
        gateway().audit_requests(SINCE, UNTIL)
    assert "update-cluster-config --name prod" in caught.value.hint
    assert not isinstance(caught.value, FactUnknown)


def test_a_query_that_fails_says_how_it_ended(aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", answers.cluster())
    aws_stub.on("StartQuery", {"queryId": "q-1"})
    aws_stub.on("GetQueryResults", {"status": "Timeout", "results": []})
    with pytest.raises(PermanentError, match="Timeout"):
        gateway().audit_requests(SINCE, UNTIL)


@pytest.mark.parametrize("stopped", [{"success": True}, refusal("InvalidParameterException", "it has ended")])
def test_a_query_that_takes_too_long_is_stopped(aws_stub: AwsStub, quick: pytest.MonkeyPatch, stopped: Any) -> None:
    quick.setattr(audit_log, "PATIENCE_SECONDS", 0.01)
    aws_stub.on("GET /clusters/prod", answers.cluster())
    aws_stub.on("StartQuery", {"queryId": "q-1"})
    aws_stub.on("GetQueryResults", {"status": "Running", "results": []})
    aws_stub.on("StopQuery", stopped)
    with pytest.raises(TemporaryError, match="did not answer"):
        gateway().stale_token_users(SINCE, UNTIL)
    assert [asked.body for asked in aws_stub.calls("StopQuery")] == [{"queryId": "q-1"}]


def test_a_query_that_may_not_be_stopped_names_the_permission(aws_stub: AwsStub, quick: pytest.MonkeyPatch) -> None:
    quick.setattr(audit_log, "PATIENCE_SECONDS", 0.01)
    aws_stub.on("GET /clusters/prod", answers.cluster())
    aws_stub.on("StartQuery", {"queryId": "q-1"})
    aws_stub.on("GetQueryResults", {"status": "Running", "results": []})
    aws_stub.on("StopQuery", refusal("AccessDeniedException", "no"))
    with pytest.raises(NotPermitted) as caught:
        gateway().audit_requests(SINCE, UNTIL)
    assert caught.value.permission == "logs:StopQuery"
