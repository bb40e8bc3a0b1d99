"""What the Kubernetes gateway makes of pod specs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from upgrade.errors import PermanentError
from upgrade.gateways.kube.podspec import PodSpec
from upgrade.gateways.kube.quantities import whole
from upgrade.gateways.kube.shapes import Shapes
from upgrade.rows import (
    LabelRequirement,
    LabelSelector,
    NodeTerm,
    PodShape,
    PodTerm,
    SpreadRule,
    Toleration,
    VolumeUse,
)


def shape(*containers: dict[str, Any], **spec: Any) -> PodShape:
    return Shapes().of(msgspec.convert({"containers": containers or [{}], **spec}, PodSpec))


def wants(cpu: str = "0", memory: str = "0", **more: Any) -> dict[str, Any]:
    return {"resources": {"requests": {"cpu": cpu, "memory": memory}}, **more}


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("250m", 1000, 250),
        ("1", 1000, 1000),
        ("1.5", 1000, 1500),
        (".5", 1000, 500),
        ("100u", 1000, 1),
        ("0.0001", 1000, 1),
        ("128Mi", 1, 128 * 2**20),
        ("1e3", 1, 1000),
        ("2E3", 1, 2000),
        ("12E-1", 1, 2),
        ("512k", 1, 512_000),
        ("1.5Gi", 1, 3 * 2**29),
        ("1Ei", 1, 2**60),
        ("3E", 1, 3 * 10**18),
        ("15052524Ki", 1, 15052524 * 1024),
        ("1500m", 1, 2),
        ("0", 1000, 0),
        ("9007199254740993", 1, 9007199254740993),
    ],
)
def test_quantities(text: str, scale: int, expected: int) -> None:
    assert whole(text, scale) == expected


@pytest.mark.parametrize("text", ["", "a", "1 Gi", "1GiB", "--1", "1e", "0x10", "1e999", "Infinity", "NaN", "1" + "K"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(PermanentError, match="no Kubernetes quantity"):
        whole(text)


def test_what_containers_request_is_added_up() -> None:
    found = shape(
        wants("250m", "64Mi"),
        {"resources": {"requests": {"cpu": "1", "nvidia.com/gpu": "1", "aws.amazon.com/neuroncore": "2"}}},
        {"resources": {"limits": {"cpu": "100m", "memory": "1Mi"}}},
        overhead={"cpu": "10m"},
    )
    assert (found.cpu_millis, found.memory_bytes, found.gpus) == (1360, 65 * 2**20, 3)


@pytest.mark.parametrize(
    ("init", "cpu"),
    [
        ([wants("50m"), wants("80m")], 100),
        ([wants("300m"), wants("80m")], 300),
        ([wants("50m", restartPolicy="Always"), wants("80m")], 150),
        ([wants("50m", restartPolicy="Always"), wants("200m")], 250),
        ([wants("200m"), wants("50m", restartPolicy="Always")], 200),
    ],
)
def test_init_containers_need_room_before_the_others_do(init: list[Any], cpu: int) -> None:
    assert shape(wants("100m"), initContainers=init).cpu_millis == cpu


def test_what_is_requested_for_the_whole_pod_counts_instead() -> None:
    found = shape(wants("100m", "1Mi"), resources={"requests": {"cpu": "2"}})
    assert (found.cpu_millis, found.memory_bytes) == (2000, 2**20)


def test_volumes_by_kind_with_what_names_them() -> None:
    volumes = [
        {"name": "a", "persistentVolumeClaim": {"claimName": "data"}},
        {"name": "b", "hostPath": {"path": "/var/run/docker.sock", "type": "Socket"}},
        {"name": "c", "csi": {"driver": "secrets-store.csi.k8s.io", "volumeAttributes": {"password": "hunter2"}}},
        {"name": "d", "emptyDir": {}},
        {"name": "e", "awsElasticBlockStore": {"volumeID": "vol-1"}},
        {"name": "f", "downwardAPI": {"items": []}},
        {"name": "g", "somethingNew": {}},
    ]
    assert shape(volumes=volumes).volumes == (
        VolumeUse(kind="persistentVolumeClaim", detail="data"),
        VolumeUse(kind="hostPath", detail="/var/run/docker.sock"),
        VolumeUse(kind="csi", detail="secrets-store.csi.k8s.io"),
        VolumeUse(kind="emptyDir"),
        VolumeUse(kind="awsElasticBlockStore"),
        VolumeUse(kind="downwardAPI"),
    )


def test_where_it_may_go() -> None:
    zone = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["eu-west-1a"]}
    hard = "requiredDuringSchedulingIgnoredDuringExecution"
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    relative = {"namespaceSelector": {}, "matchLabelKeys": ["hash"], "mismatchLabelKeys": ["tenant"]}
    found = shape(
        nodeSelector={"role": "core"},
        affinity={
            "nodeAffinity": {hard: {"nodeSelectorTerms": [{"matchExpressions": [zone]}, {"matchFields": [zone]}]}},
            "podAffinity": {hard: [{**term, "namespaces": ["shop"], **relative}, {"topologyKey": "x"}]},
            "podAntiAffinity": {hard: [term], "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1}]},
        },
        topologySpreadConstraints=[
            {
                "maxSkew": 2,
                "topologyKey": "zone",
                "whenUnsatisfiable": "DoNotSchedule",
                "labelSelector": {},
                "matchLabelKeys": ["hash"],
            },
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        ],
        tolerations=[{"key": "dedicated", "value": "x", "effect": "NoSchedule"}, {"operator": "Exists"}],
    )
    requirement = LabelRequirement(key="topology.kubernetes.io/zone", operator="In", values=("eu-west-1a",))
    assert found.node_selector == {"role": "core"}
    assert found.node_terms == (NodeTerm(requirements=(requirement,)), NodeTerm(fields=(requirement,)))
    own = PodTerm(topology_key="kubernetes.io/hostname", match_labels={"app": "web"})
    assert (found.apart, found.prefers_apart) == ((own,), True)
    assert found.together == (
        msgspec.structs.replace(
            own,
            namespaces=("shop",),
            namespace_selector=LabelSelector(),
            match_label_keys=("hash",),
            mismatch_label_keys=("tenant",),
        ),
    )
    assert found.spread == (
        SpreadRule(topology_key="zone", max_skew=2, hard=True, match_label_keys=("hash",)),
        SpreadRule(topology_key="zone"),
    )
    assert found.tolerations == (
        Toleration(key="dedicated", value="x", effect="NoSchedule"),
        Toleration(operator="Exists"),
    )


def test_what_it_asks_of_a_node() -> None:
    container = {
        "image": "a:1",
        "ports": [{"containerPort": 80}, {"containerPort": 81, "hostPort": 8081}],
        "readinessProbe": {"httpGet": {}},
        "securityContext": {"privileged": False},
    }
    init = {"image": "b:1", "securityContext": {"privileged": True}}
    found = shape(
        container,
        initContainers=[init],
        hostNetwork=True,
        serviceAccountName="web",
        terminationGracePeriodSeconds=0,
        securityContext={"seLinuxChangePolicy": "Recursive"},
    )
    assert (found.images, found.host_ports, found.privileged) == (("a:1", "b:1"), (8081,), True)
    assert (found.host_network, found.service_account, found.grace_seconds) == (True, "web", 0)
    assert (found.probed, found.selinux_policy, found.app_armor) == (True, "Recursive", False)


@pytest.mark.parametrize("probes", [[True, False], [False]])
def test_a_container_without_a_readiness_probe_leaves_it_unprobed(probes: list[bool]) -> None:
    assert not shape(*({"readinessProbe": {}} if probed else {} for probed in probes)).probed


@pytest.mark.parametrize(("kind", "counts"), [("RuntimeDefault", True), ("Localhost", True), ("Unconfined", False)])
def test_an_app_armor_profile_of_the_pod_or_of_a_container(kind: str, counts: bool) -> None:
    context = {"appArmorProfile": {"type": kind}}
    assert shape(securityContext=context).app_armor is counts
    assert shape({"securityContext": context}).app_armor is counts


def test_pods_of_a_template_share_one_shape_whatever_their_node() -> None:
    def pod(number: int, **more: Any) -> PodSpec:
        volume = {"name": f"kube-api-access-{number}", "projected": {"sources": []}}
        spec = {"nodeName": f"node-{number}", "containers": [wants("1")], "volumes": [volume], **more}
        return msgspec.convert(spec, PodSpec)

    shapes, first = Shapes(), pod(1)
    assert shapes.of(first) is shapes.of(pod(2))
    assert first.node_name == "node-1"
    assert shapes.of(pod(3, restartPolicy="Always")) is shapes.of(first)
    assert shapes.of(pod(3, hostNetwork=True)) is not shapes.of(first)
    assert shapes.of(pod(4, hostNetwork=None, tolerations=[])) is shapes.of(first), "another spec, the same demands"


def test_pods_of_a_daemonset_share_a_shape_though_each_names_its_node() -> None:
    def pinned(node: str) -> PodSpec:
        fields = [{"key": "metadata.name", "operator": "In", "values": [node]}]
        required = {"nodeSelectorTerms": [{"matchFields": fields}]}
        affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}
        return msgspec.convert({"containers": [{}], "affinity": affinity}, PodSpec)

    shapes = Shapes()
    assert shapes.of(pinned("a"), pinned=True) is shapes.of(pinned("b"), pinned=True)
    assert shapes.of(pinned("a")) is not shapes.of(pinned("b"))


def test_pods_with_the_same_labels_share_them() -> None:
    shapes = Shapes()
    one, other = shapes.labels({"app": "web"}), shapes.labels({"app": "web"})
    assert one is other
    assert shapes.labels({"app": "db"}) == {"app": "db"}
