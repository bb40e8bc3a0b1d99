"""A snapshot over the wire: complete when all is allowed, honest when it is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.sampling import sampled
from tests.upgrade.gateways import aws_answers as answers
from tests.upgrade.gateways.aws_answers import ACCOUNT, CREATED, ROLE
from tests.upgrade.gateways.aws_stub import Answer, Asked, AwsStub, refusal
from tests.upgrade.gateways.kube_answers import READINESS_LISTS, meta, node, pdb, pod, workload
from tests.upgrade.gateways.kube_stub import Answer as KubeAnswer
from tests.upgrade.gateways.kube_stub import Asked as KubeAsked
from tests.upgrade.gateways.kube_stub import Authority, KubeStub, status
from tests.upgrade.gateways.test_aws_errors import PROD
from tests.upgrade.gateways.test_aws_gateway import TRUST
from tests.upgrade.gateways.test_kube_readiness import CONVERSION, crd
from tests.upgrade.gateways.test_kube_requests import closed_port
from upgrade.cluster import ClusterSnapshot
from upgrade.components import CSI_DRIVERS
from upgrade.eks import Access
from upgrade.engine.snapshot import take_snapshot
from upgrade.errors import NotPermitted
from upgrade.facts import Unknown, need
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.clusters import ConfiguredCluster, ConfiguredClusters
from upgrade.gateways.identity import OwnIdentity
from upgrade.gateways.kube.api import METADATA_ONLY
from upgrade.objects import KubeletRow
from upgrade.readiness import NOTHING_MORE, Looks
from upgrade.versions import KubernetesVersion

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"


class StandingClock:
    """It is an hour after the insights were refreshed; no delay takes real time."""

    def __init__(self, age: timedelta = timedelta(hours=1)) -> None:
        self._now = datetime.fromtimestamp(CREATED, UTC) + age

    def now(self) -> datetime:
        return self._now

    def real_seconds(self, delay: timedelta) -> float:
        return 0.0

    def new_id(self) -> str:
        return "never asked for"


@pytest.fixture
def aws_stub(standing_aws_stub: tuple[AwsStub, AwsSessions]) -> AwsStub:
    stub, _ = standing_aws_stub
    stub.reset()
    return stub


@pytest.fixture
def clusters(
    aws_stub: AwsStub,
    standing_aws_stub: tuple[AwsStub, AwsSessions],
    kube_stub: KubeStub,
    authority: Authority,
) -> Iterator[ConfiguredClusters]:
    """A small healthy cluster, reachable over both stubs."""
    endpoint = {"endpoint": kube_stub.url, "certificateAuthority": {"data": authority.data}}
    on = aws_stub.on
    on("GET /clusters/prod", answers.cluster(**endpoint))
    offered = [{"clusterVersion": f"1.{minor}", "versionStatus": "STANDARD_SUPPORT"} for minor in (33, 34, 35, 36)]
    on("GET /cluster-versions", {"clusterVersions": offered})
    on("GET /clusters/prod/addons", {"addons": ["vpc-cni", "coredns"]})
    on("GET /clusters/prod/addons/vpc-cni", answers.addon("vpc-cni"))
    on("GET /clusters/prod/addons/coredns", answers.addon("coredns", serviceAccountRoleArn=None))
    on("GET /addons/supported-versions", _offers)
    on("GET /clusters/prod/node-groups", {"nodegroups": ["core"]})
    on("GET /clusters/prod/node-groups/core", answers.nodegroup())
    on("GET /clusters/prod/updates", _update_ids)
    on("GET /clusters/prod/updates/.*", _update)
    on("POST /clusters/prod/insights", {"insights": [answers.insight("i-1", "PASSING")]})
    on("GetCallerIdentity", answers.caller(f"arn:aws:sts::{ACCOUNT}:assumed-role/bot/session"))
    on("GetRole", answers.role(ROLE, TRUST))
    on("SimulatePrincipalPolicy", answers.simulation())
    on("DescribeKey", {"KeyMetadata": {"KeyId": "1", "KeyState": "Enabled"}})
    on("GetParameter", lambda asked: Answer({"Parameter": {"Value": asked.body["Name"].split("/")[5] + ".1-x"}}))
    on("DescribeSubnets", _subnets())
    answers.around(on)
    kube_stub.on_list("/api/v1/nodes", node())
    kube_stub.on_list("/api/v1/pods", pod())
    kube_stub.on_list("/api/v1/namespaces", {"metadata": meta("shop")})
    kube_stub.on_list("/apis/policy/v1/poddisruptionbudgets", pdb(selector={}))
    kube_stub.on_list("/apis/apps/v1/deployments", workload("web", {}, {}))
    for path in ("apps/v1/statefulsets", "apps/v1/daemonsets", "apps/v1/replicasets", "batch/v1/jobs"):
        kube_stub.on_list(f"/apis/{path}")
    for path in ("/apis/batch/v1/cronjobs", *READINESS_LISTS):
        kube_stub.on_list(path)
    for path in ("/api", "/apis"):
        kube_stub.on(path, {"kind": "APIGroupDiscoveryList", "items": []})
    kube_stub.on("/version", {"gitVersion": "v1.34.2-eks-1"})
    kube_stub.on("/metrics", "")
    kube_stub.on(REVIEWS, {"status": {"allowed": True}})
    made = ConfiguredClusters([ConfiguredCluster(id=PROD, change=OwnIdentity())], standing_aws_stub[1])
    yield made
    made.close()


def _subnets() -> str:
    items = "".join(
        f"<item><subnetId>{name}</subnetId><vpcId>vpc-1</vpcId><availabilityZone>eu-west-1{name[-1]}</availabilityZone>"
        "<availableIpAddressCount>200</availableIpAddressCount></item>"
        for name in ("subnet-a", "subnet-b")
    )
    return f"<DescribeSubnetsResponse><subnetSet>{items}</subnetSet></DescribeSubnetsResponse>"


def _offers(asked: Asked) -> Answer:
    fits = [{"clusterVersion": "1.35", "defaultVersion": True}]
    versions = [{"addonVersion": "v1.21.0-eksbuild.1", "compatibilities": fits}]
    return Answer({"addons": [{"addonName": asked.query["addonName"][0], "addonVersions": versions}]})


def _update_ids(asked: Asked) -> Answer:
    about = (asked.query.get("addonName") or asked.query.get("nodegroupName") or ["cluster"])[0]
    return Answer({"updateIds": [f"u-{about}"]})


def _update(asked: Asked) -> Answer:
    return Answer(answers.update(asked.operation.rpartition("/")[2], status="Successful"))


def taken(
    clusters: ConfiguredClusters,
    clock: StandingClock | None = None,
    *,
    refresh: bool = True,
    looks: Looks = NOTHING_MORE,
) -> ClusterSnapshot:
    aws, kube = clusters.reading(PROD)
    return take_snapshot(aws, kube, PROD, clock or StandingClock(), refresh_insights=refresh, looks=looks)


def unknowns(snapshot: ClusterSnapshot) -> dict[str, Unknown]:
    """But what nobody chose to look at."""
    return {name: fact for name, fact in snapshot if isinstance(fact, Unknown) and not fact.chosen}


def test_a_snapshot_of_a_healthy_cluster_knows_everything(clusters: ConfiguredClusters) -> None:
    snapshot = taken(clusters)
    assert unknowns(snapshot) == {}
    assert snapshot.taken_at == StandingClock().now()
    assert {update.id for update in need(snapshot.updates)} == {"u-cluster", "u-vpc-cni", "u-coredns", "u-core"}
    assert [str(release.version) for release in need(snapshot.ami_releases)] == ["1.34", "1.35", "1.36"]
    assert need(snapshot.ami_releases)[1].release_version == "1.35.1-x"
    assert {offer.addon for offer in need(snapshot.addon_offers)} == {"vpc-cni", "coredns", *CSI_DRIVERS}
    assert [subnet.free_addresses for subnet in need(snapshot.subnets)] == [200, 200]
    assert need(snapshot.keys)[0].usable_by_role
    assert need(snapshot.access) == Access(mapped=True)
    assert need(snapshot.denied_actions) == ()
    assert need(snapshot.nodes)[0].kubelet == KubernetesVersion(1, 34)
    assert snapshot == ClusterSnapshot.from_json(snapshot.to_json())


def test_a_snapshot_holds_no_secret(clusters: ConfiguredClusters) -> None:
    assert "hunter2" not in taken(clusters).to_json()


@pytest.mark.parametrize(
    ("operation", "permission", "facts"),
    [
        *sampled(
            [
                ("GET /cluster-versions", "eks:DescribeClusterVersions", {"offered_versions", "ami_releases"}),
                ("GET /clusters/prod/updates", "eks:ListUpdates", {"updates"}),
                ("GET /clusters/prod/updates/.*", "eks:DescribeUpdate", {"updates"}),
                ("DescribeSubnets", "ec2:DescribeSubnets", {"subnets", "vpc_subnets"}),
                ("DescribeKey", "kms:DescribeKey", {"keys"}),
                ("POST /clusters/prod/insights", "eks:ListInsights", {"insights"}),
                ("GET /clusters/prod/addons/coredns", "eks:DescribeAddon", {"addons", "denied_actions"}),
                ("GET /addons/supported-versions", "eks:DescribeAddonVersions", {"addon_offers"}),
                (
                    "GET /clusters/prod/node-groups",
                    "eks:ListNodegroups",
                    {"nodegroups", "updates", "ami_releases", "launch_templates"},
                ),
                ("GetParameter", "ssm:GetParameter", {"ami_releases"}),
                ("DescribeSecurityGroups", "ec2:DescribeSecurityGroups", {"security_groups"}),
                ("DescribeInstances", "ec2:DescribeInstances", {"instances", "quotas"}),
                ("DescribeVolumes", "ec2:DescribeVolumes", {"quotas"}),
                ("GetServiceQuota", "servicequotas:GetServiceQuota", {"quotas"}),
                (
                    "DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingGroups",
                    {"autoscaling_groups", "launch_templates"},
                ),
                ("DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplateVersions", {"launch_templates"}),
                ("GET /clusters/prod/fargate-profiles", "eks:ListFargateProfiles", {"fargate_profiles"}),
                ("GET /resources/.*", "backup:ListRecoveryPointsByResource", {"recovery_point_at"}),
                ("GetTemplate", "cloudformation:GetTemplate", {"owners"}),
                ("DescribeStacks", "cloudformation:DescribeStacks", {"owners"}),
                ("GET /list-apps", "resiliencehub:ListApps", {"resilience_apps"}),
                ("POST /list-app-input-sources", "resiliencehub:ListAppInputSources", {"resilience_apps"}),
                ("StartQuery", "logs:StartQuery", {"audit_requests", "stale_token_users"}),
                ("GetQueryResults", "logs:GetQueryResults", {"audit_requests", "stale_token_users"}),
            ],
            3,
        )
    ],
)
def test_what_aws_denies_is_unknown_and_names_the_permission(
    clusters: ConfiguredClusters, aws_stub: AwsStub, operation: str, permission: str, facts: set[str]
) -> None:
    aws_stub.on(operation, _denial(permission))
    found = unknowns(taken(clusters, looks=Looks(audit_log=True)))
    assert found.keys() == facts
    assert {fact.permission for fact in found.values()} == {permission}


def _denial(permission: str) -> Answer:
    """As the service of that permission words it."""
    service = permission.partition(":")[0]
    if service == "ec2":
        inner = "<Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors>"
        return Answer(f"<Response>{inner}<RequestID>r</RequestID></Response>", 403)
    if service in ("autoscaling", "cloudformation"):
        return Answer(answers.xml_error("AccessDenied", "no"), 403)
    return refusal("AccessDeniedException", "no", 403)


def test_the_simulator_of_iam_denied_leaves_the_permissions_unknown(
    clusters: ConfiguredClusters, aws_stub: AwsStub
) -> None:
    aws_stub.on("SimulatePrincipalPolicy", Answer(answers.xml_error("AccessDenied", "no"), 403))
    found = unknowns(taken(clusters))
    assert found.keys() == {"denied_actions", "keys", "cluster_role_denied"}
    assert {fact.permission for fact in found.values()} == {"iam:SimulatePrincipalPolicy"}


def test_what_an_upgrade_would_lack_is_listed(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    aws_stub.on("SimulatePrincipalPolicy", answers.simulation("eks:UpdateClusterVersion", "iam:PassRole"))
    assert need(taken(clusters).denied_actions) == ("eks:UpdateClusterVersion", "iam:PassRole")


@pytest.mark.parametrize(
    ("path", "access", "facts"),
    [
        *sampled(
            [
                ("/api/v1/nodes", "list nodes", {"nodes"}),
                ("/api/v1/pods", "list pods", {"pods"}),
                ("/apis/policy/v1/poddisruptionbudgets", "list poddisruptionbudgets.policy", {"pdbs"}),
                ("/apis/apps/v1/daemonsets", "list daemonsets.apps", {"workloads"}),
                ("/apis/batch/v1/cronjobs", "list cronjobs.batch", {"workloads"}),
                ("/api/v1/namespaces", "list namespaces", {"namespaces"}),
                ("/api/v1/services", "list services", {"services"}),
                (
                    "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
                    "list validatingwebhookconfigurations.admissionregistration.k8s.io",
                    {"webhooks", "endpoints"},
                ),
                (
                    "/apis/apiregistration.k8s.io/v1/apiservices",
                    "list apiservices.apiregistration.k8s.io",
                    {"api_services", "endpoints"},
                ),
                (
                    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                    "list customresourcedefinitions.apiextensions.k8s.io",
                    {"crds", "endpoints"},
                ),
                (
                    "/apis/certificates.k8s.io/v1/certificatesigningrequests",
                    "list certificatesigningrequests.certificates.k8s.io",
                    {"csrs"},
                ),
                ("/api/v1/persistentvolumes", "list persistentvolumes", {"persistent_volumes"}),
                ("/api/v1/persistentvolumeclaims", "list persistentvolumeclaims", {"claims"}),
                ("/apis/storage.k8s.io/v1/storageclasses", "list storageclasses.storage.k8s.io", {"storage_classes"}),
                (
                    "/apis/rbac.authorization.k8s.io/v1/rolebindings",
                    "list rolebindings.rbac.authorization.k8s.io",
                    {"anonymous_bindings"},
                ),
                (
                    "/apis/rbac.authorization.k8s.io/v1/clusterroles/eks:node-manager",
                    "get clusterroles.rbac.authorization.k8s.io eks:node-manager",
                    {"missing_eks_rbac"},
                ),
                (
                    "/apis/networking.k8s.io/v1/networkpolicies",
                    "list networkpolicies.networking.k8s.io",
                    {"network_policies"},
                ),
                ("/api/v1/serviceaccounts", "list serviceaccounts", {"service_accounts"}),
                (
                    "/api/v1/namespaces/kube-system/configmaps/coredns",
                    "get configmaps kube-system/coredns",
                    {"core_config"},
                ),
                ("/metrics", "get /metrics", {"api_requests"}),
            ],
            3,
        )
    ],
)
def test_what_the_cluster_forbids_is_unknown_and_names_the_access(
    clusters: ConfiguredClusters, kube_stub: KubeStub, path: str, access: str, facts: set[str]
) -> None:
    kube_stub.on(path, status(403, "Forbidden", "no"))
    found = unknowns(taken(clusters))
    assert found.keys() == facts
    assert {fact.permission for fact in found.values()} == {access}


SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"


def test_services_that_the_api_server_calls_come_from_what_is_read_anyway(
    clusters: ConfiguredClusters, kube_stub: KubeStub
) -> None:
    of_kind = {path.rpartition("/")[2]: path for path in READINESS_LISTS}
    client = {"service": {"namespace": "policy", "name": "guard"}}
    hooks = [{"name": "guard.example.com", "clientConfig": client}, {"name": "b", "clientConfig": {"url": "https://x"}}]
    for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        kube_stub.on_list(of_kind[kind], {"metadata": meta("a"), "webhooks": hooks})
    server = {"service": {"namespace": "metrics", "name": "server"}}
    kube_stub.on_list(of_kind["apiservices"], {"metadata": meta("v1.x"), "spec": server})
    kube_stub.on_list(of_kind["customresourcedefinitions"], crd("widgets.example.com", CONVERSION))
    for namespace in ("policy", "metrics", "widgets"):
        kube_stub.on_list(SLICES.format(namespace))
    called = [(row.namespace, row.service) for row in need(taken(clusters).endpoints)]
    assert called == [("metrics", "server"), ("policy", "guard"), ("widgets", "converter")]
    lists = Counter(asked.path for asked in kube_stub.asked if "limit" in asked.query)
    assert lists.keys() >= set(READINESS_LISTS)
    assert {path: times for path, times in lists.items() if times > 1} == {}


CHOSEN = {"token_secrets", "kubelets"}


def test_what_reveals_much_is_read_only_when_somebody_chose_so(
    clusters: ConfiguredClusters, kube_stub: KubeStub
) -> None:
    not_chosen = taken(clusters)
    assert {fact.chosen for name, fact in not_chosen if name in CHOSEN} == {True}
    assert not [asked for asked in kube_stub.asked if asked.path.endswith("/secrets") or "/proxy/" in asked.path]
    kube_stub.on_list("/api/v1/secrets")
    chosen = taken(clusters, looks=Looks(token_secrets=True, kubelets=True))
    assert need(chosen.token_secrets) == ()
    assert need(chosen.kubelets) == (KubeletRow(node="node-1"),)
    assert {asked.accept for asked in kube_stub.calls("/api/v1/secrets")} == {METADATA_ONLY}


def test_denied_accesses_are_listed(clusters: ConfiguredClusters, kube_stub: KubeStub) -> None:
    def answer(asked: KubeAsked) -> KubeAnswer:
        return KubeAnswer({"status": {"allowed": asked.body["spec"]["resourceAttributes"]["resource"] != "csinodes"}})

    kube_stub.on(REVIEWS, answer)
    assert need(taken(clusters).access) == Access(mapped=True, denied=("list csinodes.storage.k8s.io",))


def test_a_review_that_is_forbidden_leaves_the_access_unknown(
    clusters: ConfiguredClusters, kube_stub: KubeStub
) -> None:
    kube_stub.on(REVIEWS, status(403, "Forbidden"))
    found = unknowns(taken(clusters))
    assert found.keys() == {"access"}
    assert found["access"].permission == "create selfsubjectaccessreviews.authorization.k8s.io"


def test_a_bot_that_the_cluster_does_not_know_is_not_mapped(
    clusters: ConfiguredClusters, aws_stub: AwsStub, kube_stub: KubeStub
) -> None:
    kube_stub.on(REVIEWS, status(401, "Unauthorized"))
    aws_stub.on("GET /clusters/prod/access-entries/.*", refusal("ResourceNotFoundException", "none", 404))
    assert need(taken(clusters).access) == Access(mapped=False)


def test_a_bot_with_an_access_entry_that_is_not_let_in_is_a_riddle(
    clusters: ConfiguredClusters, aws_stub: AwsStub, kube_stub: KubeStub
) -> None:
    kube_stub.on(REVIEWS, status(401, "Unauthorized"))
    aws_stub.on("GET /clusters/prod/access-entries/.*", {"accessEntry": {}})
    found = unknowns(taken(clusters))
    assert found.keys() == {"access"}
    assert "has an access entry" in found["access"].reason


def test_a_look_that_is_not_let_in_says_the_same_with_few_requests(
    clusters: ConfiguredClusters, aws_stub: AwsStub, kube_stub: KubeStub
) -> None:
    kube_stub.on_everything(status(401, "Unauthorized", "Unauthorized"))
    aws_stub.on("GET /clusters/prod/access-entries/.*", refusal("ResourceNotFoundException", "none", 404))
    patient = taken(clusters)
    before = len(kube_stub.asked)
    aws, kube = clusters.reading(PROD)
    looked = take_snapshot(aws, kube.for_one_look(), PROD, StandingClock())
    assert looked == patient
    found = unknowns(looked)
    assert found.keys() == TOLD_BY_THE_CLUSTER
    (reason,) = {fact.reason for fact in found.values()}
    assert need(looked.caller).arn in reason
    assert "access entry" in reason
    assert {fact.permission for fact in found.values()} == {None}, "no single permission lets it in"
    # At worst every thread had asked once before it was clear: 10 of the snapshot, 8 for reviews, 3 for metrics.
    assert len(kube_stub.asked) - before <= 10 + 8 + 3 + 3


TOLD_BY_THE_CLUSTER = {
    *("nodes", "pods", "pdbs", "workloads", "namespaces", "services", "endpoints", "webhooks", "api_services", "crds"),
    *("csrs", "persistent_volumes", "claims", "storage_classes", "anonymous_bindings", "missing_eks_rbac"),
    *("network_policies", "service_accounts", "node_pools", "node_classes", "eni_configs", "velero_backups"),
    *("pod_security_policies", "core_config", "served_apis", "api_writes", "api_requests"),
}


def test_an_api_server_out_of_reach_leaves_aws_known(
    clusters: ConfiguredClusters, aws_stub: AwsStub, authority: Authority
) -> None:
    # A name that does not resolve would show the same, and take what the machine's resolver takes for each question.
    nowhere = {"endpoint": f"https://127.0.0.1:{closed_port()}", "certificateAuthority": {"data": authority.data}}
    aws_stub.on("GET /clusters/prod", answers.cluster(**nowhere))
    found = unknowns(taken(clusters))
    assert found.keys() == {"access", *TOLD_BY_THE_CLUSTER}
    assert all("Connection: " in fact.reason for fact in found.values())


def test_without_the_cluster_itself_there_is_no_snapshot(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    aws_stub.on("GET /clusters/prod", refusal("AccessDeniedException", "no", 403))
    with pytest.raises(NotPermitted):
        taken(clusters)


def test_a_subnet_that_is_gone_is_missing_and_not_unknown(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    aws_stub.on("DescribeSubnets", "<DescribeSubnetsResponse><subnetSet/></DescribeSubnetsResponse>")
    assert need(taken(clusters).subnets) == ()


# -- insights -------------------------------------------------------------------------------------------------------

REFRESH = "/clusters/prod/insights-refresh"


def test_insights_of_today_are_not_refreshed(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    taken(clusters, StandingClock(timedelta(hours=23)))
    assert not aws_stub.calls(f"POST {REFRESH}")


def test_old_insights_are_refreshed_and_waited_for(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    fresh = answers.insight("i-2", "PASSING", lastRefreshTime=CREATED + 25 * 3600)
    aws_stub.on(
        "POST /clusters/prod/insights", {"insights": [answers.insight("i-1", "PASSING")]}, {"insights": [fresh]}
    )
    aws_stub.on(f"POST {REFRESH}", {"status": "IN_PROGRESS"})
    aws_stub.on(f"GET {REFRESH}", {"status": "IN_PROGRESS"}, {"status": "IN_PROGRESS"}, {"status": "COMPLETED"})
    snapshot = taken(clusters, StandingClock(timedelta(hours=25)))
    assert [insight.id for insight in need(snapshot.insights).items] == ["i-2"]
    assert len(aws_stub.calls(f"GET {REFRESH}")) == 3


def test_an_error_is_doubted_before_it_stops_a_run(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    """EKS looked this morning; the run, or somebody, has repaired since what it saw."""
    before, after = answers.insight("i-1", "ERROR"), answers.insight("i-1", "PASSING")
    aws_stub.on("POST /clusters/prod/insights", {"insights": [before]}, {"insights": [after]})
    aws_stub.on("GET /clusters/prod/insights/i-1", {"insight": before})
    aws_stub.on(f"POST {REFRESH}", {"status": "IN_PROGRESS"})
    aws_stub.on(f"GET {REFRESH}", {"status": "COMPLETED"})
    aws, kube = clusters.reading(PROD)
    snapshot = take_snapshot(aws, kube, PROD, StandingClock(), refresh_insights=False, doubt_errors=True)
    assert [insight.status for insight in need(snapshot.insights).items] == ["PASSING"]


@pytest.mark.parametrize("status", ["PASSING", "WARNING"])
def test_what_stops_nothing_is_not_doubted(clusters: ConfiguredClusters, aws_stub: AwsStub, status: str) -> None:
    found = answers.insight("i-1", status)
    aws_stub.on("POST /clusters/prod/insights", {"insights": [found]})
    aws_stub.on("GET /clusters/prod/insights/i-1", {"insight": found})
    aws, kube = clusters.reading(PROD)
    take_snapshot(aws, kube, PROD, StandingClock(), doubt_errors=True)
    assert not aws_stub.calls(f"POST {REFRESH}")


def test_a_refresh_that_never_ends_is_not_waited_for_forever(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    aws_stub.on(f"POST {REFRESH}", {"status": "IN_PROGRESS"})
    aws_stub.on(f"GET {REFRESH}", {"status": "IN_PROGRESS"})
    assert unknowns(taken(clusters, StandingClock(timedelta(hours=25)))) == {}


def test_a_refresh_that_is_denied_leaves_the_old_insights(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    aws_stub.on(f"POST {REFRESH}", refusal("AccessDeniedException", "no", 403))
    snapshot = taken(clusters, StandingClock(timedelta(hours=25)))
    assert [insight.id for insight in need(snapshot.insights).items] == ["i-1"]


def test_a_refresh_may_be_declined(clusters: ConfiguredClusters, aws_stub: AwsStub) -> None:
    taken(clusters, StandingClock(timedelta(hours=25)), refresh=False)
    assert not aws_stub.calls(f"POST {REFRESH}")
