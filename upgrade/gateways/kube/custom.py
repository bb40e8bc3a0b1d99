"""Objects of Karpenter, the VPC CNI and Velero on the wire, and the rows that we keep of them.

Their versions are their own business, so a member of another type than ours is possible in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import field

from upgrade.gateways.kube.meta import Meta, Reference, Wire
from upgrade.objects import BackupRow, DisruptionBudget, EniConfigRow, NodeClassRow, NodePoolRow


class Budget(Wire):
    nodes: str | int = ""
    reasons: list[str] | None = None
    schedule: str | None = None
    duration: str | None = None

    def row(self) -> DisruptionBudget:
        return DisruptionBudget(
            nodes=str(self.nodes),
            reasons=tuple(self.reasons or ()),
            schedule=self.schedule or "",
            duration=self.duration or "",
        )


class Disruption(Wire):
    expire_after: str | None = None
    budgets: list[Budget] | None = None


class ClaimSpec(Wire):
    """Of the NodeClaims that a NodePool makes; ``expireAfter`` is here from karpenter.sh/v1 on."""

    expire_after: str | None = None
    node_class_ref: Reference | None = None


class ClaimTemplate(Wire):
    spec: ClaimSpec = field(default_factory=ClaimSpec)


class NodePoolSpec(Wire):
    template: ClaimTemplate = field(default_factory=ClaimTemplate)
    disruption: Disruption = field(default_factory=Disruption)


class NodePool(Wire):
    metadata: Meta
    spec: NodePoolSpec = field(default_factory=NodePoolSpec)

    def row(self, version: str) -> NodePoolRow:
        claim, disruption = self.spec.template.spec, self.spec.disruption
        return NodePoolRow(
            name=self.metadata.name,
            api_version=f"karpenter.sh/{version}",
            node_class=claim.node_class_ref.name if claim.node_class_ref else "",
            expire_after=claim.expire_after or disruption.expire_after or "",
            budgets=tuple(budget.row() for budget in disruption.budgets or ()),
        )


class ProvisionerSpec(Wire):
    provider_ref: Reference | None = None
    ttl_seconds_until_expired: int | None = None


class Provisioner(Wire):
    metadata: Meta
    spec: ProvisionerSpec = field(default_factory=ProvisionerSpec)

    def row(self, version: str) -> NodePoolRow:
        spec = self.spec
        return NodePoolRow(
            name=self.metadata.name,
            api_version=f"karpenter.sh/{version}",
            kind="Provisioner",
            node_class=spec.provider_ref.name if spec.provider_ref else "",
            expire_after="" if spec.ttl_seconds_until_expired is None else f"{spec.ttl_seconds_until_expired}s",
        )


class NodeClassSpec(Wire):
    """``amiSelectorTerms`` of an EC2NodeClass, ``amiSelector`` of an AWSNodeTemplate."""

    ami_family: str | None = field(default=None, name="amiFamily")
    ami_selector_terms: list[dict[str, Any]] | None = None
    ami_selector: dict[str, str] | None = None


class NodeClass(Wire):
    metadata: Meta
    spec: NodeClassSpec = field(default_factory=NodeClassSpec)

    def row(self, kind: str) -> NodeClassRow:
        terms = (*(self.spec.ami_selector_terms or ()), *([self.spec.ami_selector] if self.spec.ami_selector else ()))
        return NodeClassRow(
            name=self.metadata.name,
            kind=kind,
            ami_family=self.spec.ami_family or "",
            ami_selectors=tuple(_selector(term) for term in terms),
        )


def _selector(term: Mapping[str, Any]) -> str:
    """``alias=al2023@latest``, or ``name=x,tags.team=a``: what all must hold."""
    flat = {name: {"": value} if not isinstance(value, dict) else value for name, value in term.items()}
    return ",".join(
        f"{name}{f'.{key}' if key else ''}={value}" for name, pairs in flat.items() for key, value in pairs.items()
    )


class EniConfigSpec(Wire):
    subnet: str = ""


class EniConfig(Wire):
    metadata: Meta
    spec: EniConfigSpec = field(default_factory=EniConfigSpec)

    def row(self) -> EniConfigRow:
        return EniConfigRow(name=self.metadata.name, subnet=self.spec.subnet)


class BackupStatus(Wire):
    phase: str = ""
    completion_timestamp: datetime | None = None


class Backup(Wire):
    metadata: Meta
    status: BackupStatus = field(default_factory=BackupStatus)

    def row(self) -> BackupRow:
        return BackupRow(
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            phase=self.status.phase,
            completed_at=self.status.completion_timestamp,
        )
