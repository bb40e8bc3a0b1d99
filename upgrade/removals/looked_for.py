"""Whose objects are looked at for traces of APIs that end, and what reading them takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from upgrade.api_usage import WriteSource
from upgrade.removals.rules import Removal, Rules, builtin_rules
from upgrade.versions import KubernetesVersion

#: Made by controllers out of other objects, which are looked at; or gone within the hour.
_COPIES: Final = frozenset({"ControllerRevision", "ReplicaSet", "EndpointSlice", "Event"})
#: The oldest version of a cluster that may still be upgraded.
_OLDEST: Final = KubernetesVersion(1, 21)
#: Those who apply manifests from Git: group, kind, resource, and what their traces are called.
DELIVERIES: Final[tuple[tuple[str, str, str, WriteSource], ...]] = (
    ("argoproj.io", "Application", "applications", "argocd"),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", "kustomizations", "flux"),
    ("helm.toolkit.fluxcd.io", "HelmRelease", "helmreleases", "flux"),
)


def ending_kinds(rules: Rules) -> Iterator[Removal]:
    """The rules of kinds that are worth a look: some version of Kubernetes removes theirs, and people write them."""
    return (rule for rule in rules if rule.removed_in is not None and rule.kind and rule.kind not in _COPIES)


def _lists() -> Iterator[str]:
    for rule in ending_kinds(builtin_rules()):
        if _eks_serves(rule):
            group = rule.replacement.partition("/")[0] if "/" in rule.replacement else rule.group
            yield f"list {rule.resource}.{group}"
    for group, _, resource, _ in DELIVERIES:
        yield f"list {resource}.{group}"


def _eks_serves(rule: Removal) -> bool:
    """Whether some version of EKS that can be upgraded serves it and has objects of it.

    EKS serves no alphas, and of the betas that Kubernetes has off by default (KEP-3136) only those that it turned on:
    VolumeAttributesClass in 1.31, dynamic resource allocation in 1.33 (the EKS release notes of both).
    """
    if rule.removed_in is None or rule.removed_in <= _OLDEST or "alpha" in rule.version:
        return False
    only_asked = rule.kind.endswith("Review") or rule.group == "audit.k8s.io"
    off = "off-by-default" in rule.source and rule.kind != "VolumeAttributesClass" and rule.group != "resource.k8s.io"
    return not only_asked and not off


LISTS: Final = tuple(sorted(set(_lists())))
"""The accesses that reading them may take on some version of EKS."""
