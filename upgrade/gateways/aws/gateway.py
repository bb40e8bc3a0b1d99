"""AwsGateway over botocore: one cluster, one identity."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from upgrade.eks import (
    Addon,
    AddonOffer,
    CallerIdentity,
    ClusterId,
    ControlPlane,
    EksUpdate,
    IamRole,
    Insight,
    KmsKey,
    LaunchTemplate,
    Nodegroup,
    OfferedVersion,
    Subnet,
    UpdateSubject,
)
from upgrade.gateways.aws import decode
from upgrade.gateways.aws.ami_parameters import release_parameter
from upgrade.gateways.aws.errors import changes, reads
from upgrade.gateways.aws.principals import principal_of
from upgrade.gateways.aws.readiness import AwsReadinessReads
from upgrade.gateways.aws.sessions import AwsSession
from upgrade.gateways.aws.simulation import actions_denied_to
from upgrade.versions import AddonVersion, KubernetesVersion

# EKS answers an operation that it does not have with one of these; a refresh is a convenience.
_UNSUPPORTED: Final = frozenset({"404", "UnknownOperationException", "InvalidAction", "InvalidRequestException"})
_MOST_REMEMBERED: Final = 5000


class BotoAwsGateway(AwsReadinessReads):
    """AWS for one cluster.

    Args:
        session: the credentials to use.
        changing: the credentials that an upgrade would use, None for a cluster that the bot may only check;
            ``denied_actions`` judges those.
    """

    def __init__(self, cluster: ClusterId, session: AwsSession, changing: AwsSession | None = None) -> None:
        super().__init__(cluster, session)
        self._changing = changing
        self._ended: dict[tuple[UpdateSubject, str], EksUpdate] = {}

    # -- who and what ---------------------------------------------------------------------------------------------

    @reads("sts:GetCallerIdentity")
    def caller_identity(self) -> CallerIdentity:
        return self._session.caller_identity()

    @reads("eks:DescribeCluster")
    def describe_cluster(self) -> ControlPlane:
        return decode.control_plane(self._eks.describe_cluster(name=self.cluster.name)["cluster"])

    @reads("eks:DescribeClusterVersions")
    def offered_versions(self) -> tuple[OfferedVersion, ...]:
        found = self._pages("eks", "describe_cluster_versions", "clusterVersions")
        return tuple(sorted((decode.offered_version(item) for item in found), key=lambda offer: offer.version))

    # -- updates --------------------------------------------------------------------------------------------------

    @reads("eks:ListUpdates")
    def list_update_ids(self, subject: UpdateSubject) -> tuple[str, ...]:
        return tuple(self._pages("eks", "list_updates", "updateIds", name=self.cluster.name, **_of(subject)))

    @reads("eks:DescribeUpdate")
    def describe_update(self, update_id: str, subject: UpdateSubject) -> EksUpdate:
        """An update. One that has ended never changes again, so it is asked for once."""
        if known := self._ended.get((subject, update_id)):
            return known
        answer = self._eks.describe_update(name=self.cluster.name, updateId=update_id, **_of(subject))
        found = decode.update(answer["update"], subject)
        if found.status != "InProgress" and len(self._ended) < _MOST_REMEMBERED:
            self._ended[subject, update_id] = found
        return found

    # -- insights -------------------------------------------------------------------------------------------------

    @reads("eks:ListInsights", "eks:DescribeInsight")
    def insights(self) -> tuple[Insight, ...]:
        """The upgrade insights, those that do not pass with their details (A-13)."""
        found = self._pages(
            "eks",
            "list_insights",
            "insights",
            clusterName=self.cluster.name,
            filter={"categories": ["UPGRADE_READINESS"]},
        )
        return tuple(decode.insight(self._with_details(item)) for item in found)

    def _with_details(self, item: decode.Json) -> decode.Json:
        if (item.get("insightStatus") or {}).get("status") == "PASSING":
            return item
        details: decode.Json = self._eks.describe_insight(clusterName=self.cluster.name, id=item["id"])["insight"]
        return details

    @reads("eks:StartInsightsRefresh")
    def start_insights_refresh(self) -> None:
        """Ask EKS to look again (A-14); an EKS that cannot be asked looks once a day by itself."""
        try:
            self._eks.start_insights_refresh(clusterName=self.cluster.name)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in _UNSUPPORTED:
                raise

    @reads("eks:DescribeInsightsRefresh")
    def insights_refresh_under_way(self) -> bool:
        try:
            return bool(self._eks.describe_insights_refresh(clusterName=self.cluster.name)["status"] == "IN_PROGRESS")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _UNSUPPORTED | {"ResourceNotFoundException"}:
                return False
            raise

    # -- add-ons and node groups ----------------------------------------------------------------------------------

    @reads("eks:ListAddons")
    def addon_names(self) -> tuple[str, ...]:
        return tuple(self._pages("eks", "list_addons", "addons", clusterName=self.cluster.name))

    @reads("eks:DescribeAddon")
    def describe_addon(self, name: str) -> Addon:
        return decode.addon(self._eks.describe_addon(clusterName=self.cluster.name, addonName=name)["addon"])

    @reads("eks:DescribeAddonVersions")
    def addon_offers(self, names: Sequence[str]) -> tuple[AddonOffer, ...]:
        """Every version of these add-ons, for every cluster version, newest first as EKS lists them."""
        return tuple(
            offer
            for name in names
            for item in self._pages("eks", "describe_addon_versions", "addons", addonName=name)
            for offer in decode.addon_offers(item)
        )

    @reads("eks:ListNodegroups")
    def nodegroup_names(self) -> tuple[str, ...]:
        return tuple(self._pages("eks", "list_nodegroups", "nodegroups", clusterName=self.cluster.name))

    @reads("eks:DescribeNodegroup")
    def describe_nodegroup(self, name: str) -> Nodegroup:
        answer = self._eks.describe_nodegroup(clusterName=self.cluster.name, nodegroupName=name)
        return decode.nodegroup(answer["nodegroup"])

    @reads("ssm:GetParameter")
    def ami_release(self, version: KubernetesVersion, ami_type: str) -> str | None:
        """The recommended release of an AMI type, or None when AWS publishes none (CUSTOM, Windows, a new version)."""
        name = release_parameter(version, ami_type)
        if name is None:
            return None
        ssm = self._session.client("ssm")
        try:
            return str(ssm.get_parameter(Name=name)["Parameter"]["Value"])
        except ssm.exceptions.ParameterNotFound:
            return None

    # -- what the cluster stands on -------------------------------------------------------------------------------

    @reads("ec2:DescribeSubnets")
    def subnets(self, ids: Sequence[str]) -> tuple[Subnet, ...]:
        """Those of the subnets that exist (A-06); asked by filter, because asking by id fails when one is gone."""
        if not ids:
            return ()
        found = self._pages("ec2", "describe_subnets", "Subnets", Filters=[{"Name": "subnet-id", "Values": list(ids)}])
        return tuple(decode.subnet(item) for item in found)

    @reads("iam:GetRole")
    def role(self, arn: str) -> IamRole | None:
        iam = self._session.client("iam")
        try:
            found = iam.get_role(RoleName=arn.rpartition("/")[2])["Role"]
        except iam.exceptions.NoSuchEntityException:
            return None
        return IamRole(arn=found["Arn"], trusts_eks=decode.trusts_eks(found.get("AssumeRolePolicyDocument")))

    @reads("kms:DescribeKey", "iam:SimulatePrincipalPolicy")
    def key(self, arn: str, role_arn: str) -> KmsKey:
        """The state of a key and whether the cluster's role may use it (A-12). A deleted key has state NotFound."""
        kms = self._session.client("kms")
        try:
            state = str(kms.describe_key(KeyId=arn)["KeyMetadata"]["KeyState"])
        except kms.exceptions.NotFoundException:
            return KmsKey(arn=arn, state="NotFound", usable_by_role=False)
        wanted = ("kms:DescribeKey", "kms:CreateGrant")
        denied = actions_denied_to(self._session.client("iam"), role_arn, wanted, (arn,))
        return KmsKey(arn=arn, state=state, usable_by_role=not denied)

    @reads("eks:DescribeAccessEntry")
    def has_access_entry(self, principal_arn: str) -> bool:
        """Has the principal an access entry (A-30)? An assumed role's session stands for its role."""
        principal = principal_of(principal_arn, self._session.client("iam"))
        try:
            self._eks.describe_access_entry(clusterName=self.cluster.name, principalArn=principal)
        except self._eks.exceptions.ResourceNotFoundException:
            return False
        return True

    @reads("iam:SimulatePrincipalPolicy")
    def denied_actions(self, actions: Sequence[str]) -> tuple[str, ...]:
        """Those of the IAM actions that an upgrade of this cluster would lack (A-31).

        Judged is the principal that would upgrade. Where there is none, the caller is, and only for what reads.
        """
        judged = self._changing or self._session
        wanted = [name for name in actions if self._changing or name not in CHANGING_ACTIONS]
        iam = self._session.client("iam")
        principal = judged.principal_arn()
        denied: list[str] = []
        for resources, names in self._by_resource(wanted):
            denied += actions_denied_to(iam, principal, names, resources)
        return tuple(name for name in actions if name in denied)

    def _by_resource(self, actions: Sequence[str]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
        """The actions, grouped by the resources that a policy may limit them to."""
        groups: dict[str, list[str]] = {}
        for action in actions:
            groups.setdefault(_resource_of(action), []).append(action)
        # Where the cluster has none of these, the actions are not needed.
        named_by_cluster: dict[str, Callable[[], tuple[str, ...]]] = {
            "add-on roles": self._addon_roles,
            "cluster role": lambda: (self.describe_cluster().role_arn,),
            "keys": lambda: self.describe_cluster().key_arns,
            "audit log": lambda: (self._audit_log_arn,),
        }
        owner = f"arn:{self._session.partition}:eks:{self.cluster.region}:{self.cluster.account}"
        for resource, names in groups.items():
            if resource in named_by_cluster:
                if arns := named_by_cluster[resource]():
                    yield arns, names
            elif resource == "*":
                yield ("*",), names
            else:
                yield (f"{owner}:{resource.format(name=self.cluster.name, account=self.cluster.account)}",), names

    def _addon_roles(self) -> tuple[str, ...]:
        """The roles of the installed add-ons: an add-on's update passes them on."""
        roles = {self.describe_addon(name).role_arn for name in self.addon_names()}
        return tuple(sorted(arn for arn in roles if arn))

    # -- changes --------------------------------------------------------------------------------------------------

    @changes("eks:UpdateClusterVersion")
    def update_cluster_version(self, version: KubernetesVersion, *, token: str) -> EksUpdate:
        answer = self._eks.update_cluster_version(
            name=self.cluster.name, version=str(version), clientRequestToken=token
        )
        return _made(answer, UpdateSubject(kind="cluster"))

    @changes("eks:UpdateAddon", "iam:PassRole")
    def update_addon(
        self, name: str, version: AddonVersion, *, resolve_conflicts: str, role_arn: str | None, token: str
    ) -> EksUpdate:
        """Move an add-on to a version. What is left out is kept: its configuration and its pod identities (E-02).

        Args:
            role_arn: the role it has now; left out, EKS would fall back to the node's role.
        """
        role = {"serviceAccountRoleArn": role_arn} if role_arn else {}
        answer = self._eks.update_addon(
            clusterName=self.cluster.name,
            addonName=name,
            addonVersion=str(version),
            resolveConflicts=resolve_conflicts,
            clientRequestToken=token,
            **role,
        )
        return _made(answer, UpdateSubject(kind="addon", name=name))

    @changes("eks:UpdateNodegroupVersion")
    def update_nodegroup_version(
        self,
        name: str,
        *,
        version: KubernetesVersion | None,
        release_version: str | None,
        launch_template: LaunchTemplate | None,
        force: bool,
        token: str,
    ) -> EksUpdate:
        wanted: dict[str, Any] = {"force": True} if force else {}
        if version is not None:
            wanted["version"] = str(version)
        if release_version is not None:
            wanted["releaseVersion"] = release_version
        if launch_template is not None:
            named = {"id": launch_template.id} if launch_template.id else {"name": launch_template.name}
            wanted["launchTemplate"] = {**named, "version": launch_template.version}
        answer = self._eks.update_nodegroup_version(
            clusterName=self.cluster.name, nodegroupName=name, clientRequestToken=token, **wanted
        )
        return _made(answer, UpdateSubject(kind="nodegroup", name=name))


def _made(answer: decode.Json, subject: UpdateSubject) -> EksUpdate:
    """The update that a call made, with the id by which AWS, and CloudTrail, know that call."""
    request_id = str(answer.get("ResponseMetadata", {}).get("RequestId") or "")
    return decode.update(answer["update"], subject).model_copy(update={"request_id": request_id})


def _of(subject: UpdateSubject) -> dict[str, str]:
    """The argument that names a node group or an add-on in calls about updates."""
    return {} if subject.kind == "cluster" else {f"{subject.kind}Name": subject.name}


# The resource that a policy can limit an action to; where nothing is said, the cluster for EKS and ``*`` for the others
# (https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelastickubernetesservice.html).
_RESOURCES: Final = {
    "eks:DescribeAccessEntry": "access-entry/{name}/role/{account}/any/any",
    "eks:DescribeAddon": "addon/{name}/any/any",
    "eks:DescribeAddonVersions": "*",
    "eks:DescribeClusterVersions": "*",
    "eks:DescribeNodegroup": "nodegroup/{name}/any/any",
    "eks:UpdateAddon": "addon/{name}/any/any",
    "eks:UpdateNodegroupVersion": "nodegroup/{name}/any/any",
    "iam:GetRole": "cluster role",
    "iam:PassRole": "add-on roles",
    "iam:SimulatePrincipalPolicy": "cluster role",
    "kms:DescribeKey": "keys",
    "logs:StartQuery": "audit log",
}


def _resource_of(action: str) -> str:
    return _RESOURCES.get(action, "cluster/{name}" if action.startswith("eks:") else "*")


CHANGING_ACTIONS: Final = frozenset(
    action
    for method in vars(BotoAwsGateway).values()
    if getattr(method, "changes", False)
    for action in method.permissions
)
