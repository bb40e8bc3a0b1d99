"""Clusters that are found rather than listed: what AWS has in an account and region, and what is kept of it.

What was found is kept as AWS tells it, with its tags; what the tags mean is for the configuration to say.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from upgrade.eks import ClusterId
from upgrade.facts import Value
from upgrade.run import UpgradeRun


class Place(Value):
    """Where clusters are looked for: an account (12 digits) and a region."""

    account: str
    region: str

    def __str__(self) -> str:
        return f"{self.account}/{self.region}"

    @classmethod
    def of(cls, cluster: ClusterId) -> Place:
        return cls(account=cluster.account, region=cluster.region)


class DiscoveredCluster(Value):
    """A cluster that was found, and its tags."""

    id: ClusterId
    tags: Mapping[str, str] = {}


class DiscoveryStore(Protocol):
    """Where it is kept what was found."""

    def discovered(self) -> tuple[DiscoveredCluster, ...]: ...

    def save_discovered(self, clusters: Iterable[DiscoveredCluster]) -> None:
        """In place of all that was kept."""
        ...

    def unfinished(self) -> tuple[UpgradeRun, ...]: ...


def merged(
    known: Iterable[DiscoveredCluster],
    answers: Mapping[Place, Iterable[DiscoveredCluster]],
    busy: Collection[ClusterId],
) -> tuple[DiscoveredCluster, ...]:
    """What is known after a look, in the order of ids.

    A place that did not answer removes and changes nothing. A cluster that has an unfinished run stays as it was known,
    tags and all: the run was approved under the policy that they gave it.

    Args:
        answers: what the places that answered have.
        busy: clusters that have an unfinished run.
    """
    found = {one.id: one for there in answers.values() for one in there}
    kept = {one.id: one for one in known if one.id in busy or Place.of(one.id) not in answers}
    after = found | kept
    return tuple(after[one] for one in sorted(after, key=str))
