"""What the Kubernetes gateway makes of the objects that an API server gives."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.upgrade.gateways.kube_answers import cron_job, meta, node, pdb, pod, workload
from tests.upgrade.gateways.kube_stub import Answer, Asked, KubeStub, Make, status
from upgrade.errors import NotPermitted, PermanentError
from upgrade.gateways.kube.gateway import HttpKubeGateway
from upgrade.rows import LabelRequirement, Owner, Taint
from upgrade.versions import KubernetesVersion


@pytest.fixture
def kube(make: Make) -> HttpKubeGateway:
    return make()


def test_a_node(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    taints = [{"key": "dedicated", "value": "gpu", "effect": "NoSchedule"}, {"key": "x", "effect": "NoExecute"}]
    kube_stub.on_list("/api/v1/nodes", node(taints=taints, unschedulable=True), node("node-2", ready="Unknown"))
    first, second = kube.nodes()
    assert (first.kubelet, first.nodegroup) == (KubernetesVersion(1, 34), "core")
    assert (first.ready, first.unschedulable, second.ready, second.unschedulable) == (True, True, False, False)
    assert first.taints == (
        Taint(key="dedicated", effect="NoSchedule", value="gpu"),
        Taint(key="x", effect="NoExecute"),
    )
    assert first.created_at == datetime(2026, 11, 1, 8, tzinfo=UTC)
    assert (first.os_image, first.provider_id) == ("Amazon Linux 2023", "aws:///eu-west-1a/node-1")
    assert (first.cpu_millis, first.memory_bytes, first.pod_limit, first.gpus) == (3920, 15052524 * 1024, 58, 3)
    assert first.annotations == {"karpenter.sh/do-not-disrupt": "true"}


def test_a_quantity_that_is_none_is_said_to_be_one(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    odd = node()
    odd["status"]["allocatable"] = {"cpu": "a lot"}
    kube_stub.on_list("/api/v1/nodes", odd)
    with pytest.raises(PermanentError, match="'a lot' is no Kubernetes quantity"):
        kube.nodes()


def test_a_pod(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list("/api/v1/pods", pod())
    (found,) = kube.pods()
    assert (found.namespace, found.name, found.node, found.phase, found.ready) == (
        "shop",
        "web-1",
        "node-1",
        "Running",
        True,
    )
    assert found.owners == (Owner(kind="ReplicaSet", name="web", uid="uid-web"),)
    assert (found.restarts, found.waiting) == (3, ("CrashLoopBackOff",))
    assert not found.tolerates_everything


def test_environment_values_never_enter_a_row(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list("/api/v1/pods", pod())
    for plural in ("statefulsets", "daemonsets", "replicasets"):
        kube_stub.on_list(f"/apis/apps/v1/{plural}")
    kube_stub.on_list("/apis/batch/v1/jobs")
    kube_stub.on_list("/apis/batch/v1/cronjobs", cron_job("nightly"))
    kube_stub.on_list("/apis/apps/v1/deployments", workload("web", {"replicas": 2}, {}))
    saved = msgspec.json.encode([kube.pods(), kube.workloads()])
    assert b"hunter2" not in saved
    assert b"karpenter.sh/do-not-disrupt" in saved


def test_a_pod_that_tolerates_everything(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    anywhere = pod()
    anywhere["spec"]["tolerations"] = [{"operator": "Exists"}]
    kube_stub.on_list("/api/v1/pods", anywhere)
    assert kube.pods()[0].tolerates_everything


def test_a_pod_that_is_only_just_made_has_no_status_yet(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    bare: dict[str, Any] = {"metadata": {"name": "a", "namespace": "b", "labels": None, "creationTimestamp": None}}
    kube_stub.on_list("/api/v1/pods", bare, {**bare, "spec": {}, "status": {"containerStatuses": None}})
    assert [(found.phase, found.ready, found.labels) for found in kube.pods()] == [("Unknown", False, {})] * 2


def test_pods_of_a_node_or_of_a_namespace(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list("/api/v1/pods")
    kube_stub.on_list("/api/v1/namespaces/shop/pods")
    kube.pods(node="node-1")
    kube.pods(namespace="shop")
    assert kube_stub.asked[0].query["fieldSelector"] == ["spec.nodeName=node-1"]
    assert kube_stub.asked[1].path == "/api/v1/namespaces/shop/pods"


def test_a_budget_with_its_selector(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    expression = {"key": "tier", "operator": "In", "values": ["a", "b"]}
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": [expression, {"key": "x", "operator": "Exists"}]}
    spec = {"selector": selector, "minAvailable": "100%", "unhealthyPodEvictionPolicy": "AlwaysAllow"}
    kube_stub.on_list("/apis/policy/v1/poddisruptionbudgets", pdb(**spec))
    (found,) = kube.pdbs()
    assert found.unhealthy_policy == "AlwaysAllow"
    assert (found.min_available, found.max_unavailable) == ("100%", None)
    assert (found.disruptions_allowed, found.expected_pods) == (0, 2)
    assert found.match_labels == {"app": "web"}
    assert found.match_expressions[0] == LabelRequirement(key="tier", operator="In", values=("a", "b"))
    assert not found.selects_nothing


def test_an_empty_selector_selects_all_and_a_missing_one_nothing(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list("/apis/policy/v1/poddisruptionbudgets", pdb(selector={}, maxUnavailable=0), pdb())
    empty, missing = kube.pdbs()
    assert (empty.selects_nothing, missing.selects_nothing) == (False, True)
    assert empty.max_unavailable == 0


def test_budgets_of_clusters_before_1_21_are_read_where_they_are(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list("/apis/policy/v1beta1/poddisruptionbudgets", pdb(selector={}, maxUnavailable=1))
    assert kube.pdbs()[0].selects_nothing, "in policy/v1beta1 an empty selector selects nothing"


def test_workloads_of_all_kinds(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    replicas = {"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2}
    kube_stub.on_list("/apis/apps/v1/deployments", workload("web", {"replicas": 3}, replicas))
    kube_stub.on_list("/apis/apps/v1/statefulsets", workload("db", {}, {"observedGeneration": 2}))
    numbers = {"desiredNumberScheduled": 4, "numberReady": 3, "updatedNumberScheduled": 2, "numberAvailable": 1}
    kube_stub.on_list("/apis/apps/v1/daemonsets", workload("agent", {}, numbers))
    kube_stub.on_list("/apis/apps/v1/replicasets", workload("web-1", {"replicas": 0}, {}))
    kube_stub.on_list("/apis/batch/v1/jobs", workload("job", {"parallelism": 2}, {"ready": 1, "succeeded": 5}))
    kube_stub.on_list("/apis/batch/v1/cronjobs", cron_job("nightly"))
    rows = {row.kind: row for row in kube.workloads()}
    web, database, agent = rows["Deployment"], rows["StatefulSet"], rows["DaemonSet"]
    assert (web.replicas, web.ready, web.updated, web.available, web.observed) == (3, 2, 1, 2, True)
    assert (web.selector, web.images) == ({"app": "web"}, ("registry/web:1",))
    assert (database.replicas, database.ready, database.observed) == (1, 0, False)
    assert (agent.replicas, agent.ready, agent.updated, agent.available) == (4, 3, 2, 1)
    assert rows["ReplicaSet"].replicas == 0
    assert (rows["Job"].replicas, rows["Job"].ready, rows["Job"].available) == (2, 1, 5)
    nightly = rows["CronJob"]
    assert (nightly.schedule, nightly.replicas, nightly.observed) == ("TZ=UTC 0 3 * * *", 0, True)
    assert (nightly.images, nightly.template_labels) == (("registry/web:1",), {"app": "nightly"})


def test_cron_jobs_of_clusters_before_1_21_are_read_where_they_are(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    for path in ("apps/v1/deployments", "apps/v1/statefulsets", "apps/v1/daemonsets", "apps/v1/replicasets"):
        kube_stub.on_list(f"/apis/{path}")
    kube_stub.on_list("/apis/batch/v1/jobs")
    kube_stub.on_list("/apis/batch/v1beta1/cronjobs", cron_job("nightly"))
    assert [(row.kind, row.name) for row in kube.workloads()] == [("CronJob", "nightly")]


def test_what_rules_read_of_a_workload_s_template(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    web = workload("web", {"minReadySeconds": 5}, {})
    web["spec"]["template"]["metadata"] = {
        "labels": {"app": "web"},
        "annotations": {
            "container.apparmor.security.beta.kubernetes.io/app": "runtime/default",
            "container.seccomp.security.alpha.kubernetes.io/app": "unconfined",
            "seccomp.security.alpha.kubernetes.io/pod": "runtime/default",
            "karpenter.sh/do-not-disrupt": "true",
            "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
            "vault.example/secret": "hunter2",
        },
    }
    for path in ("apps/v1/statefulsets", "apps/v1/daemonsets", "apps/v1/replicasets", "batch/v1/jobs"):
        kube_stub.on_list(f"/apis/{path}")
    kube_stub.on_list("/apis/batch/v1/cronjobs")
    kube_stub.on_list("/apis/apps/v1/deployments", web)
    (row,) = kube.workloads()
    assert (row.min_ready_seconds, row.template_labels) == (5, {"app": "web"})
    assert len(row.template_annotations) == 5
    assert "hunter2" not in str(row)


def test_only_the_command_lines_of_two_controllers_are_kept(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    def controller(name: str, namespace: str = "kube-system") -> dict[str, Any]:
        found = workload(name, {}, {})
        (container,) = found["spec"]["template"]["spec"]["containers"]
        container |= {"command": ["run"], "args": [f"--token={name}-{namespace}"]}
        container["env"] = [{"name": "ENABLE_PREFIX_DELEGATION", "value": "true"}, {"name": "X", "value": "true"}]
        found["metadata"]["namespace"] = namespace
        return found

    for path in ("apps/v1/deployments", "apps/v1/statefulsets", "apps/v1/replicasets", "batch/v1/jobs"):
        kube_stub.on_list(f"/apis/{path}")
    kube_stub.on_list("/apis/batch/v1/cronjobs")
    kube_stub.on_list(
        "/apis/apps/v1/daemonsets",
        *(controller(name) for name in ("kube-proxy", "aws-node", "agent")),
        controller("kube-proxy", "shop"),
    )
    assert [(row.name, row.arguments, row.switches) for row in kube.workloads()] == [
        ("kube-proxy", ("run", "--token=kube-proxy-kube-system"), ()),
        ("aws-node", ("run", "--token=aws-node-kube-system"), ("ENABLE_PREFIX_DELEGATION",)),
        ("agent", (), ()),
        ("kube-proxy", (), ()),
    ]


def test_workloads_of_one_namespace(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    for group, plural in (("apps", "deployments"), ("apps", "statefulsets"), ("apps", "daemonsets")):
        kube_stub.on_list(f"/apis/{group}/v1/namespaces/kube-system/{plural}")
    kube_stub.on_list("/apis/apps/v1/namespaces/kube-system/replicasets")
    kube_stub.on_list("/apis/batch/v1/namespaces/kube-system/jobs")
    kube_stub.on_list("/apis/batch/v1/namespaces/kube-system/cronjobs")
    assert kube.workloads(namespace="kube-system") == ()
    assert len(kube_stub.asked) == 6


def test_namespaces_and_csi_nodes(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on_list("/api/v1/namespaces", {"metadata": meta("shop", labels={"critical": "yes"})})
    driver = {"name": "ebs.csi.aws.com", "nodeID": "i-1"}
    kube_stub.on_list(
        "/apis/storage.k8s.io/v1/csinodes",
        {"metadata": meta("node-1"), "spec": {"drivers": [driver]}},
        {"metadata": meta("node-2"), "spec": {"drivers": None}},
    )
    assert kube.namespaces()[0].labels == {"critical": "yes"}
    assert [found.drivers for found in kube.csi_nodes()] == [("ebs.csi.aws.com",), ()]


def test_ready_endpoints_are_counted_once_over_all_slices(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    def endpoint(uid: str, address: str, ready: bool | None) -> dict[str, Any]:
        return {"addresses": [address], "conditions": {"ready": ready}, "targetRef": {"kind": "Pod", "uid": uid}}

    v4 = [endpoint("p1", "10.0.0.1", True), endpoint("p2", "10.0.0.2", False), endpoint("p3", "10.0.0.3", None)]
    v6 = [endpoint("p1", "fd00::1", True)]
    path = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices"
    kube_stub.on_list(path, {"endpoints": v4}, {"endpoints": v6}, {"endpoints": None})
    assert kube.endpoints("kube-system", "kube-dns").ready == 2
    assert kube_stub.asked[0].query["labelSelector"] == ["kubernetes.io/service-name=kube-dns"]


def test_the_servers_version_and_one_that_makes_no_sense(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on("/version", {"major": "1", "minor": "34+", "gitVersion": "v1.34.2-eks-1"}, {"gitVersion": "latest"})
    assert kube.server_version() == KubernetesVersion(1, 34)
    with pytest.raises(PermanentError, match="latest"):
        kube.server_version()


# -- access ---------------------------------------------------------------------------------------------------------

AWS_AUTH = "/api/v1/namespaces/kube-system/configmaps/aws-auth"


def test_principals_of_aws_auth(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    data = {
        "mapRoles": "- rolearn: arn:aws:iam::1:role/node\n  groups: [system:nodes]\n",
        "mapUsers": "- userarn: arn:aws:iam::1:user/ops\n  username: ops\n",
    }
    kube_stub.on(AWS_AUTH, {"data": data}, {"data": None}, status(404, "NotFound"))
    assert kube.aws_auth_principals() == ("arn:aws:iam::1:role/node", "arn:aws:iam::1:user/ops")
    assert kube.aws_auth_principals() == ()
    assert kube.aws_auth_principals() == ()


@pytest.mark.parametrize("text", ["- [unclosed", "3", "- 3"])
def test_an_unreadable_aws_auth_is_said_to_be_one(kube: HttpKubeGateway, kube_stub: KubeStub, text: str) -> None:
    kube_stub.on(AWS_AUTH, {"data": {"mapRoles": text}})
    with pytest.raises(PermanentError, match="mapRoles"):
        kube.aws_auth_principals()


def test_each_access_is_asked_for(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    def answer(asked: Asked) -> Answer:
        wanted = asked.body["spec"].get("resourceAttributes", {})
        return Answer({"status": {"allowed": wanted.get("resource") != "pods"}}, 201)

    kube_stub.on("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", answer)
    attributes: dict[str, dict[str, str]] = {
        "list pods": {"resource": "pods"},
        "list deployments.apps": {"group": "apps", "resource": "deployments"},
        "get configmaps kube-system/aws-auth": {
            "resource": "configmaps",
            "namespace": "kube-system",
            "name": "aws-auth",
        },
        "get clusterroles.rbac.authorization.k8s.io eks:node-manager": {
            "group": "rbac.authorization.k8s.io",
            "resource": "clusterroles",
            "name": "eks:node-manager",
        },
        "get nodes/proxy": {"resource": "nodes", "subresource": "proxy"},
    }
    accesses = [(verb, resource) for verb, _, resource in (access.partition(" ") for access in attributes)]
    assert kube.denied([*accesses, ("get", "/metrics")]) == ("list pods",)
    specs = [asked.body["spec"] for asked in kube_stub.asked]
    for access, wanted in attributes.items():
        nothing = {"group": "", "namespace": "", "name": "", "verb": access.partition(" ")[0]}
        assert {"resourceAttributes": nothing | wanted} in specs
    assert {"nonResourceAttributes": {"verb": "get", "path": "/metrics"}} in specs
    assert len(specs) == 6


def test_an_access_that_cannot_be_judged_is_an_error(kube: HttpKubeGateway, kube_stub: KubeStub) -> None:
    kube_stub.on("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", status(403, "Forbidden"))
    with pytest.raises(NotPermitted, match="selfsubjectaccessreviews"):
        kube.denied([("list", "pods"), ("list", "nodes")])
