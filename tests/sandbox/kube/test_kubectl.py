"""The real kubectl against the Kubernetes face."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.patience import wait_for
from tests.sandbox.kube.conftest import Api, Kubectl

pytestmark = [pytest.mark.kubectl, pytest.mark.skipif(not shutil.which("kubectl"), reason="needs kubectl")]

HELLO = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: hello, namespace: shop}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: hello}}
  template:
    metadata: {labels: {app: hello}}
    spec:
      terminationGracePeriodSeconds: 5
      containers: [{name: web, image: "nginx:1.27"}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: hello, namespace: shop}
spec: {minAvailable: 2, selector: {matchLabels: {app: hello}}}
"""


def node_names(api: Api) -> list[str]:
    return [node["metadata"]["name"] for node in api.get("/api/v1/nodes")["items"]]


def pods_on(api: Api, node: str) -> list[Any]:
    found: list[Any] = api.get(f"/api/v1/pods?fieldSelector=spec.nodeName={node}")["items"]
    return found


def of_a_daemon_set(pod: Any) -> bool:
    return any(owner["kind"] == "DaemonSet" for owner in pod["metadata"].get("ownerReferences", ()))


def test_get_shows_nodes_pods_and_workloads_with_their_columns(live: Api, kubectl: Kubectl) -> None:
    nodes = kubectl("get", "nodes", "-o", "wide").stdout.splitlines()
    pods = kubectl("get", "pods", "-A", "-o", "wide").stdout.splitlines()
    rest = kubectl("get", "deploy,ds,sts,rs,jobs,pdb,svc,hpa,ev,cm,csinodes,endpointslices", "-A").stdout

    assert nodes[0].split() == [
        *("NAME", "STATUS", "ROLES", "AGE", "VERSION"),
        *("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"),
    ]
    assert nodes[1].split()[:3] == [node_names(live)[0], "Ready", "<none>"]
    assert pods[0].startswith("NAMESPACE ")
    assert pods[0].split()[1:8] == ["NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE"]
    assert "deployment.apps/cart" in rest
    assert "MIN AVAILABLE   MAX UNAVAILABLE   ALLOWED DISRUPTIONS   AGE" in rest


def test_describe_tells_of_a_node_and_of_a_pod(live: Api, kubectl: Kubectl) -> None:
    node = node_names(live)[0]
    pod = pods_on(live, node)[0]["metadata"]

    about_node = kubectl("describe", "node", node).stdout
    about_pod = kubectl("describe", "pod", "-n", pod["namespace"], pod["name"]).stdout

    assert "KubeletReady" in about_node
    assert pod["name"] in about_node.split("Non-terminated Pods:")[1]
    assert f"Node:             {node}/" in about_pod or f"Node:                 {node}/" in about_pod


def test_cordon_label_taint_and_patch_change_a_node(live: Api, kubectl: Kubectl) -> None:
    node = node_names(live)[0]

    kubectl("cordon", node)
    assert "Ready,SchedulingDisabled" in kubectl("get", "node", node).stdout
    kubectl("uncordon", node)
    kubectl("label", "node", node, "team=blue")
    kubectl("taint", "node", node, "dedicated=batch:NoSchedule")
    kubectl("patch", "node", node, "-p", '{"metadata":{"annotations":{"a":"b"}}}')

    stored = live.get(f"/api/v1/nodes/{node}")
    assert stored["metadata"]["labels"]["team"] == "blue"
    assert stored["metadata"]["annotations"]["a"] == "b"
    assert stored["spec"]["taints"] == [{"key": "dedicated", "value": "batch", "effect": "NoSchedule"}]
    assert "unschedulable" not in stored["spec"]


def test_drain_empties_its_node_and_leaves_the_others_alone(live: Api, kubectl: Kubectl) -> None:
    node = node_names(live)[0]
    going = {pod["metadata"]["uid"] for pod in pods_on(live, node) if not of_a_daemon_set(pod)}
    every = {pod["metadata"]["uid"] for pod in live.get("/api/v1/pods")["items"]}
    assert going

    kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")

    assert all(of_a_daemon_set(pod) for pod in pods_on(live, node))
    left = {pod["metadata"]["uid"] for pod in live.get("/api/v1/pods")["items"]}
    assert every - left == going


def test_drain_gives_up_before_a_budget_that_allows_nothing(live: Api, kubectl: Kubectl) -> None:
    node = next(
        pod["spec"]["nodeName"] for pod in live.get("/api/v1/namespaces/shop/pods?labelSelector=app=cart")["items"]
    )
    patch = '{"spec":{"minAvailable":3}}'
    kubectl("patch", "pdb", "-n", "shop", "cart", "--type=merge", "-p", patch)
    held = {p["metadata"]["uid"] for p in pods_on(live, node) if p["metadata"].get("labels", {}).get("app") == "cart"}

    done = kubectl("drain", node, "--ignore-daemonsets", "--force", "--timeout=1s", "--pod-selector=app=cart", expect=1)

    assert "Cannot evict pod as it would violate the pod's disruption budget" in done.stderr
    assert held <= {pod["metadata"]["uid"] for pod in pods_on(live, node)}


def test_apply_scale_and_rollout_make_the_world_follow(live: Api, kubectl: Kubectl) -> None:
    first = kubectl("apply", "-f", "-", stdin=HELLO.replace("REPLICAS", "2")).stdout
    second = kubectl("apply", "-f", "-", stdin=HELLO.replace("REPLICAS", "3")).stdout
    third = kubectl(
        "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=HELLO.replace("REPLICAS", "3")
    ).stdout

    assert first.splitlines() == ["deployment.apps/hello created", "poddisruptionbudget.policy/hello created"]
    assert "deployment.apps/hello configured" in second
    assert "deployment.apps/hello serverside-applied" in third
    kubectl("rollout", "status", "-n", "shop", "deployment/hello", "--timeout=120s")
    kubectl("scale", "-n", "shop", "deployment/hello", "--replicas=1")
    wait_for(lambda: live.get("/apis/apps/v1/namespaces/shop/deployments/hello")["status"].get("replicas") == 1)


def test_a_deleted_pod_is_made_again(live: Api, kubectl: Kubectl) -> None:
    victim = live.get("/api/v1/namespaces/shop/pods?labelSelector=app=cart")["items"][0]["metadata"]["name"]

    kubectl("delete", "pod", "-n", "shop", victim)

    names = [
        pod["metadata"]["name"] for pod in live.get("/api/v1/namespaces/shop/pods?labelSelector=app=cart")["items"]
    ]
    assert victim not in names
    assert len(names) == 3


def test_objects_that_kubectl_builds_itself_are_understood(live: Api, kubectl: Kubectl) -> None:
    kubectl("create", "namespace", "canary")
    kubectl("create", "deployment", "web", "-n", "canary", "--image=nginx:1.27", "--replicas=2")
    kubectl("create", "poddisruptionbudget", "web", "-n", "canary", "--selector=app=web", "--min-available=50%")
    kubectl("create", "configmap", "settings", "-n", "canary", "--from-literal=a=b")

    assert live.get("/apis/policy/v1/namespaces/canary/poddisruptionbudgets/web")["spec"] == {
        "minAvailable": "50%",
        "selector": {"matchLabels": {"app": "web"}},
    }
    assert live.get("/api/v1/namespaces/canary/configmaps/settings")["data"] == {"a": "b"}
    kubectl("rollout", "status", "-n", "canary", "deployment/web", "--timeout=120s")


def test_can_i_and_whoami_are_answered(live: Api, kubectl: Kubectl) -> None:
    assert kubectl("auth", "can-i", "create", "pods/eviction", "-n", "shop").stdout == "yes\n"
    assert "*.*" in kubectl("auth", "can-i", "--list").stdout
    assert "kubernetes-admin" in kubectl("auth", "whoami").stdout
    with live.world.current() as world:
        world.faults.denied_rbac.add(("list", "nodes"))
    assert kubectl("auth", "can-i", "list", "nodes", expect=1).stdout == "no\n"
    assert "cannot list resource" in kubectl("get", "nodes", expect=1).stderr


def test_watch_prints_a_change(live: Api, kubectl: Kubectl, tmp_path: Path) -> None:
    config = tmp_path / "kubeconfig"
    node = node_names(live)[0]
    with subprocess.Popen(
        ["kubectl", "--kubeconfig", str(config), "get", "node", node, "-w"],
        stdout=subprocess.PIPE,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin"},
    ) as watching:
        lines: list[str] = []
        assert watching.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(watching.stdout or ()), daemon=True)
        reader.start()
        try:
            wait_for(lambda: len(lines) >= 2)
            kubectl("cordon", node)
            wait_for(lambda: any("SchedulingDisabled" in line for line in lines))
        finally:
            watching.terminate()
            reader.join()


def test_discovery_and_version_are_understood(live: Api, kubectl: Kubectl) -> None:
    resources = kubectl("api-resources", "--verbs=list", "-o", "name").stdout.split()
    version = json.loads(kubectl("version", "-o", "json").stdout)["serverVersion"]

    assert {"pods", "deployments.apps", "poddisruptionbudgets.policy", "csinodes.storage.k8s.io"} <= set(resources)
    assert (version["major"], version["minor"]) == ("1", "34")
    assert kubectl("get", "--raw", "/readyz").stdout == "ok"
    assert "the server doesn't have a resource type" in kubectl("get", "unicorns", expect=1).stderr
