"""A scenario's own Kubernetes objects: taken in as they are, laid over what is there, taken out."""

from __future__ import annotations

from sandbox.clock import ManualClock
from sandbox.scenario import parse_scenario
from sandbox.world.model import Cluster
from sandbox.world.objects import (
    BUDGETS,
    CONFIG_MAPS,
    CUSTOM_RESOURCES,
    DEPLOYMENTS,
    NAMESPACES,
    PODS,
    SERVICE_ACCOUNTS,
    Resource,
)
from sandbox.world.world import World

SCENARIO = """
name: given
description: x
date: 2026-11-17T09:00:00Z
clusters:
  - name: c
    version: "1.34"
    nodegroups: [{name: core, size: 2}]
    objects:
      - apiVersion: example.com/v1beta1
        kind: Widget
        metadata: {name: w, labels: {team: shop}}
        spec: {size: 3}
        status: {ok: true}
      - apiVersion: apiextensions.k8s.io/v1
        kind: CustomResourceDefinition
        metadata: {name: widgets.example.com}
        spec:
          group: example.com
          scope: Namespaced
          names: {kind: Widget, plural: widgets}
          versions: [{name: v1}, {name: v1beta1}]
        status: {storedVersions: [v1]}
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: coredns, namespace: kube-system, labels: {mine: "yes"}}
        data: {Corefile: "."}
      - apiVersion: v1
        kind: ConfigMap
        metadata: {name: kube-proxy-config, namespace: kube-system}
        data: {config: null}
      - apiVersion: policy/v1
        kind: PodDisruptionBudget
        metadata: {name: coredns, namespace: kube-system}
        $patch: delete
      - apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: shop}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web}}
            spec: {containers: [{name: app, image: "app:1"}]}
      - apiVersion: v1
        kind: Pod
        metadata: {name: stuck, annotations: {sandbox.example.com/never-ready: ImagePullBackOff}}
        spec: {containers: [{name: app, image: "app:1"}]}
start: {person: ana, cluster: c}
expected: {status: succeeded}
"""
WIDGETS = Resource("example.com", "v1", "widgets", "Widget", True)


def made() -> Cluster:
    scenario = parse_scenario(SCENARIO)
    return World(scenario, ManualClock(scenario.date)).find_cluster("c")


def test_an_object_is_taken_in_with_its_status_and_its_namespace() -> None:
    store = made().kube
    widget = store.get(WIDGETS, "default", "w")
    assert (widget["spec"], widget["status"], widget["metadata"]["labels"]) == (
        {"size": 3},
        {"ok": True},
        {"team": "shop"},
    )
    assert store.get(CUSTOM_RESOURCES, "", "widgets.example.com")["status"] == {"storedVersions": ["v1"]}
    assert store.find(NAMESPACES, "", "shop")
    assert store.find(SERVICE_ACCOUNTS, "shop", "default")
    assert store.get(DEPLOYMENTS, "shop", "web")["status"]["readyReplicas"] == 2


def test_what_is_there_is_changed_member_by_member_or_taken_out() -> None:
    store = made().kube
    corefile = store.get(CONFIG_MAPS, "kube-system", "coredns")
    assert (corefile["data"], corefile["metadata"]["labels"]["mine"]) == ({"Corefile": "."}, "yes")
    assert store.get(CONFIG_MAPS, "kube-system", "kube-proxy-config")["data"] == {}
    assert store.find(BUDGETS, "kube-system", "coredns") is None


def test_a_pod_waits_for_the_reason_that_it_is_given() -> None:
    status = made().kube.get(PODS, "default", "stuck")["status"]
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ImagePullBackOff"}}
