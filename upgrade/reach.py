"""Where a control plane may go: upwards, a minor at a time, as far as EKS offers (A-02, A-03). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from upgrade.cluster import ClusterSnapshot
from upgrade.eks import OfferedVersion
from upgrade.errors import TargetNotOffered
from upgrade.facts import Known, Value, need
from upgrade.plan import Scope
from upgrade.versions import KubernetesVersion, hops

SUPPORTED: Final = frozenset({"STANDARD_SUPPORT", "EXTENDED_SUPPORT"})
#: What the control plane stays where it is for.
KEEPS_CONTROL_PLANE: Final = frozenset({Scope.ADDONS, Scope.NODES})


def without_a_gap(current: KubernetesVersion, offered: Iterable[OfferedVersion]) -> tuple[KubernetesVersion, ...]:
    """The versions that EKS supports above the present one, until the first that it does not."""
    supported = {one.version for one in offered if one.status in SUPPORTED}
    found: list[KubernetesVersion] = []
    version = current.next
    while version in supported:
        found.append(version)
        version = version.next
    return tuple(found)


def versions_within_reach(snapshot: ClusterSnapshot) -> tuple[KubernetesVersion, ...]:
    """The versions that EKS offers above the present one, without a gap. Raises FactUnknown."""
    offered = need(snapshot.offered_versions)
    return without_a_gap(snapshot.control_plane.version, offered)


class Reach(Value):
    """A control plane, and the versions above its own that it may go to; None when those are not known."""

    name: str
    current: KubernetesVersion
    versions: tuple[KubernetesVersion, ...] | None

    @classmethod
    def of(cls, snapshot: ClusterSnapshot) -> Reach:
        known = isinstance(snapshot.offered_versions, Known)
        versions = versions_within_reach(snapshot) if known else None
        return cls(name=snapshot.cluster.name, current=snapshot.control_plane.version, versions=versions)

    @property
    def hint(self) -> str:
        """Which versions may be asked for."""
        if self.versions is None:
            return ""
        if not self.versions:
            return f"EKS offers nothing newer now; to bring add-ons and nodes level, ask for {self.current}."
        return f"Allowed: {', '.join(map(str, self.versions))}."

    def must_fit(self, target: KubernetesVersion | None, scope: Scope) -> None:
        """Raises TargetNotOffered for add-ons or nodes alone and a version that the control plane is not on."""
        if scope in KEEPS_CONTROL_PLANE and target not in (None, self.current):
            raise TargetNotOffered(
                f"“only {scope}” keeps the control plane of {self.name} on {self.current}; {target} was asked for.",
                f"Leave out the version, or ask for {target} without “only {scope}”.",
            )

    def route(self, target: KubernetesVersion | None, scope: Scope) -> tuple[KubernetesVersion, ...]:
        """The versions that the control plane passes through; empty when it stays. What is not known is not judged.

        Args:
            target: None means the next minor.

        Raises TargetNotOffered: the target is older, or EKS does not offer a version on the way to it.
        """
        self.must_fit(target, scope)
        if scope in KEEPS_CONTROL_PLANE:
            return ()
        if target is None and self.versions == ():
            raise TargetNotOffered(
                f"{self.name} is on {self.current}, the newest version that EKS offers.",
                f"To bring add-ons and nodes level, ask for {self.current}.",
                instead=(self.current,),
            )
        target = target or self.current.next
        if target < self.current:
            raise TargetNotOffered(
                f"{self.name} is on {self.current} already; a control plane does not go back to {target} "
                "by an upgrade.",
                self.hint,
                instead=self.versions or (),
            )
        if self.versions is not None and target != self.current and target not in self.versions:
            newest = f": from {self.current} it offers up to {self.versions[-1]}" if self.versions else ""
            raise TargetNotOffered(
                f"EKS does not offer Kubernetes {target} to {self.name}{newest}.",
                self.hint,
                instead=self.versions,
            )
        return hops(self.current, target)
