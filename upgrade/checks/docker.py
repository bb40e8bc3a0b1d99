"""Docker: gone from nodes with 1.24, and what still leans on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from upgrade.checks.registry import Hop, Problem, check
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.nodes import NodeKind
from upgrade.pod_templates import READS
from upgrade.rows import NodeRow, VolumeUse
from upgrade.versions import KubernetesVersion
from upgrade.words import count

_PAGE: Final = "Amazon EKS User Guide: Migrate from dockershim to containerd"
_GONE: Final = KubernetesVersion(1, 24)
_SOCKETS: Final = frozenset(
    f"{run}/{name}" for run in ("/var/run", "/run") for name in ("docker.sock", "dockershim.sock", "docker/docker.sock")
)
_OWN_IMAGE: Final = (NodeKind.CUSTOM_AMI, NodeKind.SELF_MANAGED)
_SHOWN: Final = 5


def leaves_docker(hop: Hop) -> bool:
    """Whether nodes of this cluster have yet to move from Docker to containerd. Raises FactUnknown."""
    nodes = need(hop.now.nodes)
    return any(_runs_docker(node) for node in nodes) or (not nodes and hop.current < _GONE)


@check(
    "DOC001",
    "No workload mounts the socket of Docker",
    rules=("A-69", "B-123-02", "B-124-02"),
    source=_PAGE,
    permissions=("list nodes", *READS),
    waivable=True,
    stops=("nodes",),
)
def no_docker_socket(hop: Hop) -> Iterator[Problem]:
    """It blocks nodes from 1.24 on while some still run Docker; where none does, the mount has long been dead."""
    mounting = [one for one in hop.templates if _sockets(one.shape.volumes)]
    if not mounting:
        return
    moving = leaves_docker(hop)
    for one in mounting:
        yield Problem(
            subject=one.subject,
            summary=f"{one.subject} mounts the socket of Docker, which nodes of 1.24 and later do not have.",
            remedy="Use the socket of containerd or the API instead, or remove the mount.",
            evidence=one.evidence(path=", ".join(_sockets(one.shape.volumes))),
            severity=Severity.BLOCKS if moving and hop.target >= _GONE else Severity.WARNS,
        )


@check(
    "DOC002",
    "Nodes run containerd",
    rules=("B-123-02", "B-124-02"),
    source=_PAGE,
    permissions=("list nodes", "eks:ListNodegroups", "eks:DescribeNodegroup"),
    applies_from=KubernetesVersion(1, 23),
    severity=Severity.WARNS,
    stops=("nodes",),
)
def nodes_run_containerd(hop: Hop) -> Iterator[Problem]:
    """EKS's images of 1.24 bring containerd; an image of the user's own must be built with it, so that one blocks."""
    for one in hop.node_sets:
        with_docker = [node for node in one.nodes if _runs_docker(node)]
        if with_docker:
            own = one.kind in _OWN_IMAGE
            yield Problem(
                subject=one.subject,
                summary=f"In {one.name} {count(len(with_docker), 'node runs', 'nodes run')} Docker; from 1.24 on there "
                "is containerd alone.",
                remedy=f"{'Build their image with containerd' if own else 'Try one node group with containerd'} and "
                "test what reads logs, builds images or uses the Docker command line.",
                evidence={node.name: node.container_runtime for node in with_docker[:_SHOWN]},
                severity=Severity.BLOCKS if own and hop.target >= _GONE else Severity.WARNS,
            )


def _runs_docker(node: NodeRow) -> bool:
    return node.container_runtime.startswith("docker")


def _sockets(volumes: tuple[VolumeUse, ...]) -> list[str]:
    return [one.detail for one in volumes if one.kind == "hostPath" and one.detail in _SOCKETS]
