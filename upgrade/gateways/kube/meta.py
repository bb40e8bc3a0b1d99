"""What all Kubernetes objects have on the wire: metadata, conditions, selectors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct

from upgrade.rows import LabelRequirement, Owner

# ``last-applied-configuration`` repeats a pod's whole environment, so an annotation is kept only when it is named here.
_KEPT: Final = frozenset(
    {
        "cluster-autoscaler.kubernetes.io/safe-to-evict",
        "cluster-autoscaler.kubernetes.io/scale-down-disabled",
        "karpenter.sh/do-not-disrupt",
        "karpenter.sh/do-not-evict",
        "kubernetes.io/config.mirror",
        "kubernetes.io/config.source",
        "seccomp.security.alpha.kubernetes.io/pod",
    }
)
_KEPT_OF_CONTAINERS: Final = (
    "container.apparmor.security.beta.kubernetes.io/",
    "container.seccomp.security.alpha.kubernetes.io/",
)


class Wire(Struct, rename="camel", omit_defaults=True, gc=False):
    """An object as it comes. It is a tree and soon gone: the garbage collector need not look for circles in it."""


class OwnerReference(Wire):
    kind: str
    name: str
    uid: str = ""


class Meta(Wire):
    name: str
    namespace: str = ""
    uid: str = ""
    generation: int = 0
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: list[OwnerReference] | None = None
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None

    def annotation(self, name: str) -> str | None:
        return (self.annotations or {}).get(name)

    @property
    def owners(self) -> tuple[Owner, ...]:
        return tuple(Owner(kind=owner.kind, name=owner.name, uid=owner.uid) for owner in self.owner_references or ())


class Condition(Wire):
    type: str
    status: str
    reason: str = ""


class Requirement(Wire):
    key: str
    operator: str
    values: list[str] | None = None

    def row(self) -> LabelRequirement:
        return LabelRequirement(key=self.key, operator=self.operator, values=tuple(self.values or ()))


class Selector(Wire):
    match_labels: dict[str, str] | None = None
    match_expressions: list[Requirement] | None = None

    @property
    def labels(self) -> dict[str, str]:
        return self.match_labels or {}

    @property
    def expressions(self) -> tuple[LabelRequirement, ...]:
        return tuple(item.row() for item in self.match_expressions or ())

    @property
    def empty(self) -> bool:
        return not self.match_labels and not self.match_expressions


class Reference(Wire):
    """To a Service, a claim, a role …"""

    name: str = ""
    namespace: str = ""

    @property
    def path(self) -> str:
        return f"{self.namespace}/{self.name}"


def kept(annotations: Mapping[str, str] | None) -> dict[str, str]:
    """Of annotations only those that a rule names."""
    if not annotations:
        return {}
    return {key: value for key, value in annotations.items() if key in _KEPT or key.startswith(_KEPT_OF_CONTAINERS)}


def holds(condition: str, conditions: list[Condition] | None) -> bool:
    return any(found.type == condition and found.status == "True" for found in conditions or ())


class Named(Wire):
    """An object of which the name suffices."""

    metadata: Meta
