"""A big cluster that answers with bytes made beforehand, in a process of its own: AWS over HTTP, the rest over TLS."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from benchmarks import recorded_objects as objects
from benchmarks.recorded_objects import NODES_OF_A_GROUP, VERSION, ZONES, App, Size, encoded
from benchmarks.recorded_releases import release
from tests.upgrade.gateways import aws_answers as aws
from tests.upgrade.gateways.aws_stub import Answer as AwsAnswer
from tests.upgrade.gateways.aws_stub import Asked as AwsAsked
from tests.upgrade.gateways.aws_stub import AwsStub, serving
from tests.upgrade.gateways.kube_answers import READINESS_LISTS
from tests.upgrade.gateways.kube_stub import Asked, Authority, KubeStub, serving_tls
from upgrade.gateways.kube.api import PAGE

PODS = "/api/v1/pods"
_PATIENCE_SECONDS = 300.0
_ADDONS = ("vpc-cni", "kube-proxy", "coredns")
_OFFERED = ("1.31", "1.32", "1.33", "1.34")
#: Keys that open nothing.
_NO_KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIABENCHMARK0000000",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}
_EMPTY = (
    "/apis/karpenter.sh/v1/nodepools",
    "/apis/karpenter.k8s.aws/v1/ec2nodeclasses",
    "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    "/apis/flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations",
    "/api/v1/configmaps",
)


class RecordedCluster:
    """The process. ``environment`` is what the AWS SDK needs to find it.

    Args:
        url, authority: where the Kubernetes API is, and the base64 of its certificate authority.
        pod_bytes: of all pods together.
    """

    def __init__(self, size: Size) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=_serve, args=(there, size), name="recorded-cluster", daemon=True)
        self._process.start()
        there.close()
        if not self._here.poll(_PATIENCE_SECONDS):
            self.stop()
            raise TimeoutError("the recorded cluster is not ready")
        told: dict[str, Any] = self._here.recv()
        self.url: str = told["url"]
        self.authority: str = told["authority"]
        self.environment: Mapping[str, str] = told["environment"]
        self.pod_bytes: int = told["pod_bytes"]

    def stop(self) -> None:
        self._here.close()
        self._process.join(10)
        if self._process.is_alive():
            self._process.kill()


class Recording:
    """A list as bytes: the pages that our gateway asks for and the whole of it."""

    def __init__(self, items: Iterable[bytes]) -> None:
        every = list(items)
        self.whole = _page(every, None)
        self._pages = [
            _page(every[first : first + PAGE], first + PAGE if first + PAGE < len(every) else None)
            for first in range(0, max(1, len(every)), PAGE)
        ]

    def answer(self, asked: Asked) -> bytes:
        if "limit" not in asked.query:
            return self.whole
        if asked.query["limit"] != [str(PAGE)]:
            raise ValueError(f"pages of {asked.query['limit']} are not recorded")
        return self._pages[int(asked.query.get("continue", ["0"])[0]) // PAGE]


def _page(items: Sequence[bytes], following: int | None) -> bytes:
    more = {} if following is None else {"continue": str(following)}
    head = encoded({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1", **more}})
    return head[:-1] + b',"items":[' + b",".join(items) + b"]}"


class MetadataRecording(Recording):
    """A list that gives metadata alone to those who ask for it."""

    def __init__(self, items: Iterable[Mapping[str, Any]]) -> None:
        every = list(items)
        super().__init__(encoded(one) for one in every)
        self._metadata = Recording(encoded({"metadata": one["metadata"]}) for one in every)

    def answer(self, asked: Asked) -> bytes:
        return self._metadata.answer(asked) if "PartialObjectMetadata" in asked.accept else super().answer(asked)


def _serve(connection: Connection, size: Size) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends with the pipe
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
        authority, kube, eks = Authority(folder), KubeStub(), AwsStub()
        pods = record_kubernetes(kube, size)
        held.enter_context(serving_tls(kube, authority))
        record_aws(eks, size, endpoint={"endpoint": kube.url, "certificateAuthority": {"data": authority.data}})
        held.enter_context(serving(eks))
        told = {
            "url": kube.url,
            "authority": authority.data,
            "environment": _NO_KEYS | {"AWS_ENDPOINT_URL": eks.url},
            "pod_bytes": len(pods.whole),
        }
        connection.send(told)
        try:
            connection.recv()
        except EOFError:
            return


def record_kubernetes(stub: KubeStub, size: Size) -> Recording:
    """Give the stub its answers; gives the pods back."""
    every = objects.apps(size)
    pods = Recording(objects.pods(size, every))
    lists: dict[str, Recording] = {path: Recording(()) for path in (*READINESS_LISTS, *_EMPTY)}
    lists[PODS] = pods
    lists["/api/v1/nodes"] = Recording(encoded(objects.node(number)) for number in range(size.nodes))
    lists["/api/v1/namespaces"] = Recording(map(encoded, objects.namespaces()))
    deployments = [app for app in every if app.kind == "Deployment"]
    lists["/apis/policy/v1/poddisruptionbudgets"] = _of(deployments[: size.pdbs], objects.pdb)
    lists["/api/v1/services"] = _of(deployments, objects.service)
    lists["/api/v1/serviceaccounts"] = _of(every, objects.service_account)
    lists["/apis/apiextensions.k8s.io/v1/customresourcedefinitions"] = Recording(
        encoded(_crd(number)) for number in range(60)
    )
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
        group = "batch" if kind in ("Job", "CronJob") else "apps"
        chosen = [app for app in every if app.kind == kind]
        lists[f"/apis/{group}/v1/{kind.lower()}s"] = _of(chosen, objects.workload)
    lists["/apis/apps/v1/replicasets"] = MetadataRecording(
        found for app in deployments for found in objects.replica_sets(app)
    )
    lists["/api/v1/secrets"] = Recording(_releases(stub, deployments[: size.releases]))
    for path, recording in lists.items():
        stub.on(path, recording.answer)
    _record_the_rest(stub)
    return pods


def _of(apps: Iterable[App], make: Any) -> Recording:
    return Recording(encoded(make(app)) for app in apps)


def _releases(stub: KubeStub, apps: Iterable[App]) -> Iterator[bytes]:
    """The metadata of Helm's Secrets; each Secret has its own address."""
    for app in apps:
        listed, secret = release(app)
        meta = listed["metadata"]
        stub.on(f"/api/v1/namespaces/{meta['namespace']}/secrets/{meta['name']}", encoded(secret))
        yield encoded(listed)


def _crd(number: int) -> dict[str, Any]:
    """With the schema, which is what makes them large."""
    fields = {f"field{n}": {"type": "string", "description": "What it is for. " * 8} for n in range(300)}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": fields}},
    }
    names = {"plural": f"things{number}", "kind": f"Thing{number}"}
    return {
        "metadata": {"name": f"things{number}.example.com", "uid": str(number), "creationTimestamp": objects.CREATED},
        "spec": {"group": "example.com", "names": names, "scope": "Namespaced", "versions": [version]},
        "status": {"storedVersions": ["v1"]},
    }


def _record_the_rest(stub: KubeStub) -> None:
    stub.on("/apis", {"kind": "APIGroupDiscoveryList", "items": [_group("flowcontrol.apiserver.k8s.io")]})
    stub.on("/api", {"kind": "APIGroupDiscoveryList", "items": []})
    stub.on("/version", {"gitVersion": f"v{VERSION}.4-eks-113cf36"})
    stub.on("/metrics", "# nothing deprecated was asked for\n")
    stub.on("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {"status": {"allowed": True}})
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    for path in (
        f"{rbac}/clusterroles/eks:node-manager",
        f"{rbac}/clusterrolebindings/eks:node-manager",
        f"{rbac}/clusterrolebindings/eks:addon-cluster-admin",
    ):
        stub.on(path, {"metadata": {"name": path}})
    for name in ("coredns", "kube-proxy-config", "aws-auth"):
        stub.on(f"/api/v1/namespaces/kube-system/configmaps/{name}", {"data": {}})


def _group(name: str) -> dict[str, Any]:
    kinds = (("flowschemas", "FlowSchema"), ("prioritylevelconfigurations", "PriorityLevelConfiguration"))

    def resource(version: str, plural: str, kind: str) -> dict[str, Any]:
        told = {"group": name, "version": version, "kind": kind}
        return {"resource": plural, "responseKind": told, "scope": "Cluster", "verbs": ["get", "list"]}

    versions = [
        {"version": version, "resources": [resource(version, *one) for one in kinds]} for version in ("v1", "v1beta3")
    ]
    return {"metadata": {"name": name}, "versions": versions}


def record_aws(stub: AwsStub, size: Size, endpoint: Mapping[str, Any]) -> None:
    """Give the stub its answers: EKS, its node groups of a hundred nodes each, and their instances."""
    on = stub.on
    aws.around(on)
    groups = [f"group-{number}" for number in range(-(-size.nodes // NODES_OF_A_GROUP))]
    on("GET /clusters/prod", aws.cluster(version=VERSION, **endpoint))
    on("GET /cluster-versions", {"clusterVersions": [_offered(version) for version in _OFFERED]})
    on("GET /clusters/prod/addons", {"addons": list(_ADDONS)})
    for name in _ADDONS:
        on(f"GET /clusters/prod/addons/{name}", aws.addon(name, addonVersion="v1.31.0-eksbuild.1"))
    on("GET /addons/supported-versions", _addon_versions)
    on("GET /clusters/prod/node-groups", {"nodegroups": groups})
    scaling = {"minSize": 50, "maxSize": 150, "desiredSize": NODES_OF_A_GROUP}
    for name in groups:
        made = aws.nodegroup(name, version=VERSION, releaseVersion=f"{VERSION}.4-20261001", scalingConfig=scaling)
        on(f"GET /clusters/prod/node-groups/{name}", made)
    on("GET /clusters/prod/updates", {"updateIds": []})
    on("POST /clusters/prod/insights", {"insights": [aws.insight("i-1", "PASSING")]})
    on("GetCallerIdentity", aws.caller(f"arn:aws:sts::{aws.ACCOUNT}:assumed-role/bot/session"))
    on("GetRole", aws.role(aws.ROLE, '{"Statement": []}'))
    on("SimulatePrincipalPolicy", aws.simulation())
    on("DescribeKey", {"KeyMetadata": {"KeyId": "1", "KeyState": "Enabled"}})
    on("GetParameter", _ami_release)
    on("DescribeSubnets", _subnets())
    on("DescribeInstances", _instances(size))


def _offered(version: str) -> dict[str, str]:
    return {"clusterVersion": version, "versionStatus": "STANDARD_SUPPORT"}


def _addon_versions(asked: AwsAsked) -> AwsAnswer:
    listed = [
        {
            "addonVersion": f"v{version}.0-eksbuild.1",
            "compatibilities": [
                {"clusterVersion": one, "defaultVersion": one == version} for one in _OFFERED if one >= version
            ],
        }
        for version in _OFFERED
    ]
    return AwsAnswer({"addons": [{"addonName": asked.query["addonName"][0], "addonVersions": listed}]})


def _ami_release(asked: AwsAsked) -> AwsAnswer:
    return AwsAnswer({"Parameter": {"Value": f"{asked.body['Name'].split('/')[5]}.4-20261001"}})


def _subnets() -> str:
    items = "".join(
        f"<item><subnetId>subnet-{zone}</subnetId><vpcId>vpc-1</vpcId><availabilityZone>eu-west-1{zone}"
        "</availabilityZone><availableIpAddressCount>4000</availableIpAddressCount></item>"
        for zone in ZONES
    )
    return f"<DescribeSubnetsResponse><subnetSet>{items}</subnetSet></DescribeSubnetsResponse>"


def _instances(size: Size) -> Callable[[AwsAsked], AwsAnswer]:
    every = [_instance(number) for number in range(size.nodes)]

    def answer(asked: AwsAsked) -> AwsAnswer:
        first, limit = (
            int(asked.body.get(name, most)) for name, most in (("NextToken", 0), ("MaxResults", size.nodes))
        )
        more = f"<nextToken>{first + limit}</nextToken>" if first + limit < size.nodes else ""
        items = "".join(every[first : first + limit])
        return AwsAnswer(
            f"<DescribeInstancesResponse><reservationSet>{items}</reservationSet>{more}</DescribeInstancesResponse>"
        )

    return answer


def _instance(number: int) -> str:
    tags = "".join(
        f"<item><key>{key}</key><value>{value}</value></item>"
        for key, value in {
            "kubernetes.io/cluster/prod": "owned",
            "eks:cluster-name": "prod",
            "eks:nodegroup-name": f"group-{number // NODES_OF_A_GROUP}",
            "aws:autoscaling:groupName": f"eks-group-{number // NODES_OF_A_GROUP}",
            "k8s.io/cluster-autoscaler/enabled": "true",
        }.items()
    )
    zone, name = ZONES[number % 3], objects.node_name(number)
    groups = "<groupSet><item><groupId>sg-1</groupId><groupName>eks-cluster-sg-prod</groupName></item></groupSet>"
    addresses = "".join(
        f"<item><privateIpAddress>10.0.{n}.7</privateIpAddress><privateDnsName>ip-10-0-{n}-7.internal</privateDnsName>"
        f"<primary>{'true' if n == 0 else 'false'}</primary></item>"
        for n in range(15)
    )
    interfaces = "".join(
        f"<item><networkInterfaceId>eni-{number:08x}{n}</networkInterfaceId><subnetId>subnet-{zone}</subnetId>"
        f"<vpcId>vpc-1</vpcId><status>in-use</status><sourceDestCheck>true</sourceDestCheck>{groups}"
        f"<privateIpAddressesSet>{addresses}</privateIpAddressesSet></item>"
        for n in range(2)
    )
    return (
        f"<item><reservationId>r-{number}</reservationId><ownerId>{aws.ACCOUNT}</ownerId><instancesSet><item>"
        f"<instanceId>i-{number:017x}</instanceId><imageId>ami-1</imageId><instanceType>m7i.4xlarge</instanceType>"
        f"<instanceState><code>16</code><name>running</name></instanceState><privateDnsName>{name}</privateDnsName>"
        f"<launchTime>2025-10-01T08:00:00.000Z</launchTime><subnetId>subnet-{zone}</subnetId><vpcId>vpc-1</vpcId>"
        f"<placement><availabilityZone>eu-west-1{zone}</availabilityZone><tenancy>default</tenancy></placement>"
        "<monitoring><state>disabled</state></monitoring><architecture>x86_64</architecture>"
        "<cpuOptions><coreCount>8</coreCount><threadsPerCore>2</threadsPerCore></cpuOptions>"
        f"{groups}<networkInterfaceSet>{interfaces}</networkInterfaceSet><tagSet>{tags}</tagSet></item>"
        "</instancesSet></item>"
    )
