"""GPU, Inferentia and Trainium nodes: what their instances and device plugins need of a version."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, Final

from upgrade.checks.images import NODES, Family, family_of
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.checks.rotations import Rotation, rotations
from upgrade.components import image_tag
from upgrade.data_files import read_data
from upgrade.findings import Severity
from upgrade.floors import image_name
from upgrade.nodes import NodeKind, NodeSet
from upgrade.pod_templates import READS, PodTemplate
from upgrade.versions import KubernetesVersion

_FAMILY: Final = re.compile(r"([a-z]+)(\d)")


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = read_data("accelerators.yaml")
    return table


def _instance_types(one: NodeSet) -> set[str]:
    return {node.instance_type for node in one.nodes if node.instance_type} | set(
        one.group.instance_types if one.group else ()
    )


def _families(one: NodeSet) -> set[str]:
    """The letters of the instance families of a node set, such as ``inf`` or ``p``."""
    return {found[1] for name in _instance_types(one) if (found := _FAMILY.match(name))}


@check(
    "GPU001",
    "EKS's images have drivers for the instances that are rotated",
    rules=("B-125-06",),
    source="Amazon EKS User Guide: Review release notes for Kubernetes versions",
    permissions=NODES,
    applies_from=KubernetesVersion(1, 25),
    waivable=True,
    stops=("nodes",),
)
def instances_have_drivers(hop: Hop) -> Iterator[Problem]:
    for entry in _table()["unsupported"]:
        since = KubernetesVersion.parse(entry["from"])
        for one in rotations(hop, since):
            old = sorted(name for name in _instance_types(one.nodes) if name.startswith(f"{entry['family']}."))
            if old:
                yield Problem(
                    subject=one.subject,
                    summary=f"{one.name} has {', '.join(old)}, which nodes of {since} and later do not support: "
                    f"{entry['why']}.",
                    remedy="Move to another GPU instance type first.",
                )


@check(
    "GPU002",
    "Nodes with NVIDIA GPUs have a device plugin",
    rules=("A-95", "C-14"),
    source="Amazon EKS User Guide: Update existing cluster to new Kubernetes version",
    permissions=(*NODES, *READS),
    severity=Severity.WARNS,
)
def gpus_have_a_device_plugin(hop: Hop) -> Iterator[Problem]:
    """EKS does not update it. Bottlerocket and Auto Mode bring their own."""
    rotated = [one for one in rotations(hop) if _has_gpus(one) and not _brings_its_plugin(one.nodes)]
    if not rotated:
        raise NotApplicable
    names = ", ".join(one.name for one in rotated)
    plugins = list(_running(hop, _table()["nvidia"]["images"]))
    if not plugins:
        yield Problem(
            subject=rotated[0].subject,
            summary=f"GPU nodes ({names}) are rotated, and no NVIDIA device plugin runs as a workload.",
            remedy="Make sure that new nodes get one, or their GPUs cannot be asked for.",
        )
    for plugin, image in plugins:
        yield Problem(
            subject=plugin.subject,
            summary=f"{plugin.subject} is at {image_tag(image) or 'a version that its image does not tell'}; EKS "
            f"does not update it, and GPU nodes ({names}) are rotated.",
            remedy="Apply the release that you choose after the upgrade.",
            severity=Severity.INFORMS,
        )


def _has_gpus(one: Rotation) -> bool:
    gpus = any(node.gpus for node in one.nodes.nodes)
    return gpus or bool(_families(one.nodes) & set(_table()["nvidia"]["families"]))


def _brings_its_plugin(one: NodeSet) -> bool:
    return one.kind is NodeKind.AUTO_MODE or family_of(one) is Family.BOTTLEROCKET


@check(
    "GPU003",
    "The Neuron device plugin is new enough",
    rules=("B-124-11",),
    source="Amazon EKS User Guide: Review release notes for Kubernetes versions",
    permissions=(*NODES, *READS),
    applies_from=KubernetesVersion(1, 24),
    waivable=True,
)
def neuron_plugin_is_new_enough(hop: Hop) -> Iterator[Problem]:
    neuron = _table()["neuron"]
    if not any(_families(one) & set(neuron["families"]) for one in hop.node_sets):
        raise NotApplicable
    for plugin, image in _running(hop, neuron["images"]):
        tag = image_tag(image)
        told = re.match(r"v?(\d+(?:\.\d+)+)", tag)
        remedy = f"Update it to {neuron['at_least']} or later first."
        if not told:
            summary = f"The image of {plugin.subject} does not tell its version."
            yield Problem(plugin.subject, summary, "Look at it by hand.", severity=Severity.WARNS, unknown=True)
        elif _numbers(told[1]) < _numbers(neuron["at_least"]):
            summary = f"Neuron device plugin {tag} is older than {neuron['at_least']}, which {neuron['from']} needs."
            yield Problem(plugin.subject, summary, remedy)


def _running(hop: Hop, images: list[str]) -> Iterator[tuple[PodTemplate, str]]:
    """The pod templates that run one of those images, each with the image."""
    for one in hop.templates:
        image = next((image for image in one.images if image_name(image) in images), None)
        if image:
            yield one, image


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(".")))
