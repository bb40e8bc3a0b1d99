"""What the bot needs, as the gateways declare it: for doctor, the policies in ``deploy/`` and the docs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from upgrade.gateways.aws.discovery import ClusterFinder
from upgrade.gateways.aws.gateway import CHANGING_ACTIONS, BotoAwsGateway
from upgrade.gateways.kube.gateway import HttpKubeGateway
from upgrade.ports import permissions_of

# Anyone may ask who they are (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
_ALWAYS_ALLOWED: Final = frozenset({"sts:GetCallerIdentity"})

READ_ACTIONS: Final[tuple[str, ...]] = tuple(
    action
    for action in permissions_of(BotoAwsGateway, optional=False)
    if action not in CHANGING_ACTIONS | _ALWAYS_ALLOWED
)
"""IAM actions of the read role without which there is no upgrade."""

DISCOVERY_ACTIONS: Final[tuple[str, ...]] = tuple(
    action for action in permissions_of(ClusterFinder) if action not in READ_ACTIONS
)
"""IAM actions of the read role that only finding clusters needs."""

CHOSEN: Final[Mapping[str, str]] = {
    "audit_requests": "audit_log",
    "stale_token_users": "audit_log",
    "helm_writes": "helm_releases",
    "token_secrets": "token_secrets",
    "kubelets": "kubelets",
}
"""Facts that are read only when somebody chose so, and the setting under ``readiness`` that chooses."""


def optional_reads(gateway: type) -> dict[str, tuple[str, ...]]:
    """Each permission that an upgrade can do without, and the facts that stay unknown without it."""
    needed = permissions_of(gateway, optional=False)
    facts: dict[str, list[str]] = {}
    for name in sorted(dir(gateway)):
        method = getattr(gateway, name)
        if getattr(method, "optional", False):
            for one in method.permissions:
                if one not in needed:
                    facts.setdefault(one, []).append(name)
    return {one: tuple(names) for one, names in sorted(facts.items())}


OPTIONAL_ACTIONS: Final = optional_reads(BotoAwsGateway)
"""IAM actions of the read role that only checks need, and the facts that stay unknown without each."""

CHANGE_ACTIONS: Final[tuple[str, ...]] = tuple(sorted(CHANGING_ACTIONS))
"""IAM actions that the change role needs besides the read actions."""

KUBERNETES_ACCESSES: Final[tuple[tuple[str, str], ...]] = tuple(
    (verb, resource)
    for verb, _, resource in (name.partition(" ") for name in permissions_of(HttpKubeGateway, optional=False))
)
"""(verb, resource) that both roles need inside a cluster, as ``KubeGateway.denied`` takes them."""

OPTIONAL_ACCESSES: Final = optional_reads(HttpKubeGateway)
"""Accesses (``list services``) that only checks need, and the facts that stay unknown without each."""
