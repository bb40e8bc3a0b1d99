"""Karpenter: releases that go with the versions, and nodes that it replaces by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

from upgrade.checks.images import last_al2
from upgrade.checks.registry import Hop, NotApplicable, Problem, check
from upgrade.checks.rotations import follows_the_version, planned_rotations
from upgrade.components import image_tag
from upgrade.data_files import read_data
from upgrade.facts import need
from upgrade.findings import Severity
from upgrade.floors import Release, parse_release
from upgrade.nodes import NodeKind
from upgrade.objects import DisruptionBudget, NodeClassRow, NodePoolRow
from upgrade.pod_templates import READS
from upgrade.versions import KubernetesVersion

_DISRUPTION: Final = "Karpenter: Disruption"
_POOLS: Final = ("list nodepools.karpenter.sh", "list provisioners.karpenter.sh")
_CLASSES: Final = ("list ec2nodeclasses.karpenter.k8s.aws", "list awsnodetemplates.karpenter.k8s.aws")
_NODES: Final = ("list nodes", "eks:ListNodegroups", "eks:DescribeNodegroup")
_IMAGE: Final = re.compile(r"karpenter[/-]controller|(^|/)karpenter[:@]")
_NOTHING: Final = ("0", "0%")
_DRIFTED: Final = "Drifted"


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = read_data("karpenter.yaml")
    return table


def least_for(version: KubernetesVersion) -> Release | None:
    """The least Karpenter for a Kubernetes version; None when the table does not know that version."""
    return parse_release(str(_table()["at_least"].get(str(version), "")))


def least_kubernetes_for(release: Release) -> KubernetesVersion | None:
    """The least Kubernetes for a Karpenter; None when there is no limit."""
    limits = ((parse_release(str(one["release"])), one["kubernetes"]) for one in _table()["needs"])
    fitting = [kubernetes for since, kubernetes in limits if since and since <= release]
    return KubernetesVersion.parse(fitting[-1]) if fitting else None


def _controllers(hop: Hop) -> dict[str, Release | None]:
    """The Karpenter controllers and their releases, None for one whose image does not tell."""
    found: dict[str, Release | None] = {}
    for one in hop.templates:
        image = next((image for image in one.images if _IMAGE.search(image)), None)
        if one.kind == "Deployment" and image:
            found[one.subject] = parse_release(image_tag(image))
    return found


@check(
    "KAR001",
    "Karpenter supports the version before and after the hop",
    rules=("A-93", "C-18", "B-126-04", "B-136-06"),
    source="Karpenter: Compatibility",
    permissions=(*_NODES, *READS),
    waivable=True,
)
def karpenter_supports_the_versions(hop: Hop) -> Iterator[Problem]:
    controllers = _controllers(hop)
    if not controllers:
        if not _rotates_nodes(hop):
            raise NotApplicable
        summary = "Nodes belong to Karpenter, and its controller does not run in this cluster."
        yield Problem("karpenter", summary, "Find out where it runs and of which release it is.", unknown=True)
    for subject, release in controllers.items():
        if release is None:
            summary = f"The image of {subject} does not tell the release of Karpenter."
            yield Problem(subject, summary, "Look at it by hand.", unknown=True)
            continue
        yield from _unfit(hop, subject, release)


def _unfit(hop: Hop, subject: str, release: Release) -> Iterator[Problem]:
    text = _text(release)
    for version in dict.fromkeys((hop.current, hop.target) if hop.first else (hop.target,)):
        least, lowest = least_for(version), least_kubernetes_for(release)
        if least and release < least:
            yield Problem(
                subject=subject,
                summary=f"Karpenter {text} does not support {version}; that takes {_text(least)} or later.",
                remedy=f"Update Karpenter to {_text(least)} or later first, with its CRDs and IAM policy.",
            )
        elif lowest and version < lowest:
            yield Problem(
                subject=subject,
                summary=f"Karpenter {text} does not support {version}; it takes Kubernetes {lowest} or later.",
                remedy=f"Go back to a release of Karpenter that supports {version}.",
            )
        elif least is None and version > max(map(KubernetesVersion.parse, _table()["at_least"])):
            summary = f"Which Karpenter supports {version} is not known here."
            yield Problem(subject, summary, "Look at Karpenter's compatibility matrix.", unknown=True)


def _text(release: Release) -> str:
    return ".".join(map(str, release))


def _rotates_nodes(hop: Hop) -> bool:
    return any(one.kind is NodeKind.KARPENTER for one in hop.node_sets)


# -- pools ------------------------------------------------------------------------------------------------------------


def _pools(hop: Hop) -> Iterator[tuple[NodePoolRow, NodeClassRow]]:
    """Karpenter's pools with their classes; Auto Mode's have classes of another kind. Raises NotApplicable."""
    pools, classes = need(hop.now.node_pools), {one.name: one for one in need(hop.now.node_classes)}
    found = [(pool, classes[pool.node_class]) for pool in pools if pool.node_class in classes]
    if not found:
        raise NotApplicable
    yield from found


def holds_drift(budgets: Iterable[DisruptionBudget]) -> bool:
    """Whether a budget keeps drifted nodes from being replaced, always or at times."""
    return any(one.nodes in _NOTHING and (not one.reasons or _DRIFTED in one.reasons) for one in budgets)


def holds_drift_always(budgets: Iterable[DisruptionBudget]) -> bool:
    return holds_drift(one for one in budgets if not one.schedule)


@check(
    "KAR002",
    "Karpenter replaces nodes when somebody wants it to",
    rules=("A-94", "C-27"),
    source=_DISRUPTION,
    permissions=(*_POOLS, *_CLASSES),
    severity=Severity.WARNS,
    phases=("control-plane",),
)
def drift_is_wanted(hop: Hop) -> Iterator[Problem]:
    """An alias follows the control plane, so drift begins as soon as it has moved."""
    for pool, node_class in _pools(hop):
        subject = f"{NodeKind.KARPENTER}/{pool.name}"
        if not follows_the_version(node_class):
            yield Problem(
                subject=subject,
                summary=f"Pool {pool.name} names its AMIs, so its nodes keep their version until that is changed.",
                remedy=f"Change amiSelectorTerms of {node_class.name} to an image of the new version.",
                evidence={"amiSelectorTerms": "; ".join(node_class.ami_selectors)},
                severity=Severity.INFORMS,
            )
        elif not holds_drift(pool.budgets):
            yield Problem(
                subject=subject,
                summary=f"Karpenter begins to replace the nodes of {pool.name} as soon as the control plane has moved.",
                remedy='Give it a budget before: nodes "0" for the reason Drifted, or a schedule; and budgets to pods.',
                evidence={"budgets": "; ".join(one.nodes for one in pool.budgets)} if pool.budgets else {},
            )


@check(
    "KAR003",
    "Karpenter may replace the nodes that the plan waits for",
    rules=("A-65", "C-27"),
    source=_DISRUPTION,
    permissions=(*_POOLS, *_NODES),
    severity=Severity.WARNS,
    stops=("nodes",),
    phases=("nodes",),
)
def budgets_let_nodes_go(hop: Hop) -> Iterator[Problem]:
    """Auto Mode's pools have the same budgets."""
    waited_for = planned_rotations(hop)
    for pool in need(hop.now.node_pools):
        for kind in (NodeKind.KARPENTER, NodeKind.AUTO_MODE):
            if f"{kind}/{pool.name}" in waited_for and holds_drift_always(pool.budgets):
                yield Problem(
                    subject=f"{kind}/{pool.name}",
                    summary=f"A budget of pool {pool.name} lets no drifted node go, and the plan waits for its nodes.",
                    remedy="Agree on a time, and loosen the budget when the plan comes to its nodes.",
                )


@check(
    "KAR004",
    "Where budgets hold Karpenter's drift, expiry is held too",
    rules=("A-94", "C-27"),
    source=_DISRUPTION,
    permissions=(*_POOLS, *_CLASSES),
    severity=Severity.WARNS,
    phases=("control-plane",),
)
def expiry_is_held_too(hop: Hop) -> Iterator[Problem]:
    """Expiry ignores budgets: what it replaces comes back on the control plane's version."""
    for pool, node_class in _pools(hop):
        default = "Never" if pool.kind == "Provisioner" else _table()["expire_after"]
        age = pool.expire_after or default
        if age != "Never" and holds_drift(pool.budgets) and follows_the_version(node_class):
            yield Problem(
                subject=f"{NodeKind.KARPENTER}/{pool.name}",
                summary=f"Nodes of {pool.name} expire at {age}, whatever its budgets say.",
                remedy="Set expireAfter: Never until the upgrade is done; PodDisruptionBudgets alone slow expiry.",
            )


@check(
    "KAR005",
    "Karpenter's objects are of an API that the releases to come serve",
    rules=("A-94", "C-18"),
    source="Karpenter: Upgrade Guide",
    permissions=(*_POOLS, *READS),
    waivable=True,
    phases=("control-plane",),
)
def objects_are_of_an_api_to_come(hop: Hop) -> Iterator[Problem]:
    """A Kubernetes version asks for a Karpenter, and that one serves only newer APIs."""
    if not _controllers(hop):
        raise NotApplicable
    least = least_for(hop.target)
    for pool in need(hop.now.node_pools):
        last = parse_release(str(_table()["apis"].get(pool.api_version, "")))
        if last is None:
            continue
        gone = least is not None and least[:2] > last[:2]
        until = ".".join(map(str, last[:2]))
        yield Problem(
            subject=f"{pool.kind}/{pool.name}",
            summary=f"{pool.kind} {pool.name} is of {pool.api_version}, which Karpenter serves up to {until}"
            + (f"; {hop.target} takes {_text(least)} or later." if gone and least else "."),
            remedy="Convert it to a NodePool of karpenter.sh/v1, by the releases that the upgrade guide names.",
            severity=Severity.BLOCKS if gone else Severity.WARNS,
        )


# -- Amazon Linux 2 ---------------------------------------------------------------------------------------------------


@check(
    "KAR006",
    "No Karpenter class makes nodes with Amazon Linux 2",
    rules=("B-132-03",),
    source="Amazon EKS User Guide: EKS AL2 AMI deprecation FAQs",
    permissions=(*_POOLS, *_CLASSES),
    severity=Severity.WARNS,
)
def classes_have_left_al2(hop: Hop) -> Iterator[Problem]:
    if not hop.first:
        raise NotApplicable
    for node_class in {one.name: one for _, one in _pools(hop)}.values():
        if _is_al2(node_class):
            yield Problem(
                subject=f"{node_class.kind}/{node_class.name}",
                summary=f"{node_class.name} makes nodes with Amazon Linux 2, which EKS builds no images of any more.",
                remedy="Set amiFamily AL2023 and alias al2023@…, or Bottlerocket.",
            )


@check(
    "KAR007",
    "Karpenter finds images for the version",
    rules=("B-133-01", "C-21"),
    source="Amazon EKS User Guide: EKS AL2 AMI deprecation FAQs",
    permissions=(*_NODES, *READS, *_POOLS, *_CLASSES),
    applies_from=KubernetesVersion(1, 33),
    waivable=True,
    phases=("control-plane",),
)
def karpenter_finds_images(hop: Hop) -> Iterator[Problem]:
    """It stops the control plane: after that no new node comes, so a cluster that scales stands still."""
    if not (_controllers(hop) or _rotates_nodes(hop)):
        raise NotApplicable
    for node_class in {one.name: one for _, one in _pools(hop)}.values():
        if _is_al2(node_class) and follows_the_version(node_class):
            yield Problem(
                subject=f"{node_class.kind}/{node_class.name}",
                summary=f"{node_class.name} follows the control plane with Amazon Linux 2, of which there is no image "
                f"after {last_al2()}: Karpenter could start no node.",
                remedy="Set amiFamily AL2023 and alias al2023@…, or Bottlerocket, and let nodes be replaced first.",
            )


def _is_al2(node_class: NodeClassRow) -> bool:
    by_alias = any(one.startswith("alias=al2@") for one in node_class.ami_selectors)
    return by_alias or node_class.ami_family == "AL2"
