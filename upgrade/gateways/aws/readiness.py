"""What only a readiness check reads of the account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, Final

from botocore.exceptions import ClientError, EndpointConnectionError

from upgrade.api_usage import ApiRequest
from upgrade.collector import collector_held_back
from upgrade.eks import ClusterId, Nodegroup, Subnet
from upgrade.gateways.aws import audit_log, decode, surroundings, version_owners
from upgrade.gateways.aws.errors import reads
from upgrade.gateways.aws.reading import AwsReads, Shared
from upgrade.gateways.aws.sessions import AwsSession
from upgrade.gateways.aws.simulation import actions_denied_to
from upgrade.surroundings import AutoScalingGroup, Instance, LaunchTemplateVersion, Quota, SecurityGroup, VersionOwner

CLUSTER_ROLE_ACTIONS: Final = (
    "ec2:CreateTags",
    "ec2:DescribeInstances",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeVpcs",
    "ec2:DescribeDhcpOptions",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInstanceTopology",
    "kms:DescribeKey",
)
"""What EKS does with the cluster's role (A-11)."""

_GIB_A_TIB: Final = 1024
#: Instances in one answer; EC2 gives up to a thousand.
_PAGE: Final = 500
_RUNNING: Final = {"Name": "instance-state-name", "Values": ["pending", "running"]}
_VCPUS: Final = ("ec2", "L-1216C47A")
_VOLUMES: Final = {"gp2": ("ebs", "L-D18FCD1D"), "gp3": ("ebs", "L-7A658B76")}


class AwsReadinessReads(AwsReads):
    """An upgrade can do without all of these; without one of them its check is unknown."""

    def __init__(self, cluster: ClusterId, session: AwsSession) -> None:
        super().__init__(cluster, session)
        self._running = Shared(self._list_running)

    # -- network and roles ----------------------------------------------------------------------------------------

    @reads("ec2:DescribeSecurityGroups", optional=True)
    def security_groups(self, ids: Sequence[str]) -> tuple[SecurityGroup, ...]:
        """Those of the groups that exist (A-09); asked by filter, because asking by id fails when one is gone."""
        if not ids:
            return ()
        wanted = [{"Name": "group-id", "Values": list(ids)}]
        found = self._pages("ec2", "describe_security_groups", "SecurityGroups", Filters=wanted)
        return tuple(surroundings.security_group(item) for item in found)

    @reads("ec2:DescribeSubnets", optional=True)
    def vpc_subnets(self, vpc_id: str) -> tuple[Subnet, ...]:
        """Every subnet of the VPC (A-08, A-46)."""
        if not vpc_id:
            return ()
        found = self._pages("ec2", "describe_subnets", "Subnets", Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])
        return tuple(decode.subnet(item) for item in found)

    @reads("iam:SimulatePrincipalPolicy", optional=True)
    def cluster_role_denied(self, role_arn: str) -> tuple[str, ...]:
        """What the cluster's role lacks of what EKS does with it (A-11)."""
        return actions_denied_to(self._session.client("iam"), role_arn, CLUSTER_ROLE_ACTIONS, ("*",))

    # -- capacity -------------------------------------------------------------------------------------------------

    @reads(
        "servicequotas:GetServiceQuota",
        "servicequotas:GetAWSDefaultServiceQuota",
        "ec2:DescribeInstances",
        "ec2:DescribeVolumes",
        optional=True,
    )
    def quotas(self) -> tuple[Quota, ...]:
        """Quotas that new nodes may meet, and what the region uses of them (A-48)."""
        _, vcpus = self._running()
        wanted = [{"Name": "volume-type", "Values": list(_VOLUMES)}]
        gib = dict.fromkeys(_VOLUMES, 0)
        for volume in self._pages("ec2", "describe_volumes", "Volumes", Filters=wanted):
            gib[volume["VolumeType"]] += volume["Size"]
        return (
            self._quota(_VCPUS, vcpus),
            *(self._quota(quota, gib[kind] / _GIB_A_TIB) for kind, quota in _VOLUMES.items()),
        )

    def _quota(self, which: tuple[str, str], used: float) -> Quota:
        """The quota as the account has it, or AWS's default where the account never had another."""
        service, code = which
        client = self._session.client("service-quotas")
        try:
            found = client.get_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
        except client.exceptions.NoSuchResourceException:
            found = client.get_aws_default_service_quota(ServiceCode=service, QuotaCode=code)["Quota"]
        return Quota(service=service, code=code, name=found["QuotaName"], limit=found["Value"], used=used)

    @reads("ec2:DescribeInstances", optional=True)
    def instances(self) -> tuple[Instance, ...]:
        """The instances that are nodes of the cluster, whoever launched them (A-99)."""
        instances, _ = self._running()
        return instances

    def _list_running(self) -> tuple[tuple[Instance, ...], int]:
        """The cluster's instances, and the vCPUs of all that the region runs; what came is dropped page by page.

        One list serves both: thousands of instances take seconds to parse.
        """
        found: list[Instance] = []
        vcpus = 0
        pages = self._pages(
            "ec2", "describe_instances", "Reservations", Filters=[_RUNNING], PaginationConfig={"PageSize": _PAGE}
        )
        with collector_held_back():
            for item in chain.from_iterable(reservation["Instances"] for reservation in pages):
                vcpus += surroundings.standard_vcpus(item)
                if surroundings.runs_nodes_of(item, self.cluster.name):
                    found.append(surroundings.instance(item))
        return tuple(found), vcpus

    @reads("autoscaling:DescribeAutoScalingGroups", optional=True)
    def autoscaling_groups(self) -> tuple[AutoScalingGroup, ...]:
        """The cluster's Auto Scaling groups: those of EKS and those that people made (A-44, A-51)."""
        keys = [f"kubernetes.io/cluster/{self.cluster.name}", "eks:cluster-name"]
        found = self._pages(
            "autoscaling",
            "describe_auto_scaling_groups",
            "AutoScalingGroups",
            Filters=[{"Name": "tag-key", "Values": keys}],
        )
        return tuple(
            surroundings.autoscaling_group(item) for item in found if surroundings.belongs(item, self.cluster.name)
        )

    @reads("ec2:DescribeLaunchTemplateVersions", optional=True)
    def launch_templates(
        self, nodegroups: Sequence[Nodegroup], groups: Sequence[AutoScalingGroup]
    ) -> tuple[LaunchTemplateVersion, ...]:
        """The versions in use of people's own launch templates (A-44, B-124-03); what is deleted is left out.

        Templates that EKS makes for its node groups are its own business.
        """
        wanted: dict[tuple[str, str], set[str]] = {}
        for group in nodegroups:
            if own := group.launch_template:
                key = ("LaunchTemplateId", own.id) if own.id else ("LaunchTemplateName", own.name)
                wanted.setdefault(key, set()).add(own.version or "$Default")
        for scaling in groups:
            if scaling.nodegroup is None and scaling.template_id:
                versions = {*scaling.template_versions, scaling.template_version or "$Default"}
                wanted.setdefault(("LaunchTemplateId", scaling.template_id), set()).update(versions)
        return tuple(found for key, versions in wanted.items() for found in self._template_versions(key, versions))

    def _template_versions(self, key: tuple[str, str], wanted: set[str]) -> Iterator[LaunchTemplateVersion]:
        found = {item["VersionNumber"]: item for item in self._described_versions(key, sorted(wanted | {"$Latest"}))}
        for number, item in sorted(found.items()):
            names = {str(number)} | ({"$Default"} if item.get("DefaultVersion") else set())
            if number == max(found):
                names.add("$Latest")
            if names & wanted:
                yield surroundings.launch_template_version(item, max(found))

    def _described_versions(self, key: tuple[str, str], versions: list[str]) -> list[Any]:
        """Those of the versions that exist; asked together, because all but a few clusters have all of them."""
        name, value = key
        operation = "describe_launch_template_versions"
        asked: dict[str, Any] = {name: value, "Versions": versions}
        try:
            return list(self._pages("ec2", operation, "LaunchTemplateVersions", **asked))
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "")
            if not (code.startswith("InvalidLaunchTemplate") and "NotFound" in code):
                raise
        if len(versions) == 1:
            return []
        return [item for version in versions for item in self._described_versions(key, [version])]

    @reads("eks:ListFargateProfiles", optional=True)
    def fargate_profiles(self) -> tuple[str, ...]:
        return tuple(self._pages("eks", "list_fargate_profiles", "fargateProfileNames", clusterName=self.cluster.name))

    # -- who else depends on the cluster --------------------------------------------------------------------------

    @reads("backup:ListRecoveryPointsByResource", optional=True)
    def recovery_point_at(self, cluster_arn: str) -> datetime | None:
        """When AWS Backup last completed a recovery point of the cluster (A-24), None for never."""
        backup = self._session.client("backup")
        try:
            found = [
                point["CreationDate"]
                for point in self._pages(
                    "backup", "list_recovery_points_by_resource", "RecoveryPoints", ResourceArn=cluster_arn
                )
                if point.get("Status") == "COMPLETED"
            ]
        except backup.exceptions.ResourceNotFoundException:
            return None
        return max(found).astimezone(UTC) if found else None

    @reads("eks:DescribeCluster", "cloudformation:GetTemplate", "cloudformation:DescribeStacks", optional=True)
    def owners(self) -> tuple[VersionOwner, ...]:
        """The tools that declare the cluster's version, and the version where a stack tells it (A-33)."""
        tags = self._eks.describe_cluster(name=self.cluster.name)["cluster"].get("tags") or {}
        found = []
        if stack := version_owners.stack_of(tags, self.cluster.name):
            found.append(self._stack_owner(stack))
        if told := version_owners.terraform_in(tags):
            workspace, evidence = told
            found.append(VersionOwner(tool="Terraform", name=workspace, evidence=evidence))
        return tuple(found)

    def _stack_owner(self, stack: version_owners.Stack) -> VersionOwner:
        client = self._session.client("cloudformation")
        template: Mapping[str, Any] = {}
        parameters: dict[str, str] = {}
        try:
            # Processed: what macros and transforms have made of it.
            body = client.get_template(StackName=stack.id, TemplateStage="Processed")["TemplateBody"]
            template = version_owners.parse_template(body)
            for described in self._pages("cloudformation", "describe_stacks", "Stacks", StackName=stack.id):
                parameters = {
                    one["ParameterKey"]: one.get("ResolvedValue") or one.get("ParameterValue") or ""
                    for one in described.get("Parameters") or ()
                }
        except ClientError as error:
            # CloudFormation's word for a stack that is gone; its tags outlive it.
            if error.response.get("Error", {}).get("Code") != "ValidationError":
                raise
        declared = version_owners.declared_version(template, parameters, self.cluster.name, stack.logical_id)
        return VersionOwner(
            tool=version_owners.tool_of(stack, template), name=stack.name, declared=declared, evidence=stack.evidence
        )

    @reads("resiliencehub:ListApps", "resiliencehub:ListAppInputSources", optional=True)
    def resilience_apps(self, cluster_arn: str) -> tuple[str, ...]:
        """The applications in Resilience Hub that the cluster is a source of (A-98)."""
        try:
            apps = list(self._tokens("resiliencehub", "list_apps", "appSummaries"))
        except EndpointConnectionError:
            if self._session.offers("resiliencehub"):
                raise
            return ()  # the service is not in this region
        return tuple(sorted(app["name"] for app in apps if cluster_arn in self._sources_of(app["appArn"])))

    def _sources_of(self, app_arn: str) -> set[str]:
        """The EKS clusters that an application was put together from; every application has a draft."""
        found = self._tokens(
            "resiliencehub", "list_app_input_sources", "appInputSources", appArn=app_arn, appVersion="draft"
        )
        return {
            str(arn)
            for source in found
            for arn in (source.get("sourceArn"), (source.get("eksSourceClusterNamespace") or {}).get("eksClusterArn"))
            if arn
        }

    # -- the audit log --------------------------------------------------------------------------------------------

    @reads("eks:DescribeCluster", "logs:StartQuery", "logs:GetQueryResults", "logs:StopQuery", optional=True)
    def audit_requests(self, since: datetime, until: datetime) -> tuple[ApiRequest, ...]:
        """Who called APIs that some version removes (A-17)."""
        rows = self._audit_rows(audit_log.REMOVED_APIS, since, until)
        return tuple(audit_log.api_request(row) for row in rows)

    @reads("eks:DescribeCluster", "logs:StartQuery", "logs:GetQueryResults", "logs:StopQuery", optional=True)
    def stale_token_users(self, since: datetime, until: datetime) -> tuple[str, ...]:
        """Who called with a service account token that should have been renewed (A-86)."""
        rows = self._audit_rows(audit_log.STALE_TOKENS, since, until)
        return tuple(sorted({name for row in rows if (name := row.get("user.username"))}))

    def _audit_rows(self, query: str, since: datetime, until: datetime) -> list[audit_log.Row]:
        # A log group may outlive its logging: what is off must not pass for silence.
        if "audit" not in decode.control_plane(self._eks.describe_cluster(name=self.cluster.name)["cluster"]).logging:
            raise audit_log.audit_log_off(self.cluster.name)
        return audit_log.ask(self._session.client("logs"), self.cluster.name, query, since, until)

    @property
    def _audit_log_arn(self) -> str:
        where = f"{self._session.partition}:logs:{self.cluster.region}:{self.cluster.account}"
        return f"arn:{where}:log-group:{audit_log.log_group(self.cluster.name)}:*"
