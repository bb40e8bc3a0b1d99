"""The clusters that the service knows, and how people name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from upgrade.configured import ConfiguredCluster
from upgrade.eks import ClusterId
from upgrade.errors import AmbiguousCluster, UnknownCluster
from upgrade.words import nearest_first


class Roster:
    """It is replaced as a whole and never changed, so whoever reads it once sees one state of it, from any thread."""

    _configured: Mapping[ClusterId, ConfiguredCluster]

    def know(self, configured: Iterable[ConfiguredCluster]) -> None:
        """Know these clusters from now on, and no others."""
        self._configured = MappingProxyType({one.id: one for one in configured})

    def clusters(self) -> tuple[ConfiguredCluster, ...]:
        return tuple(self._configured.values())

    def resolve(self, text: str) -> ConfiguredCluster:
        """The cluster of a name, or of ``account/region/name``. Raises UnknownCluster, AmbiguousCluster.

        EKS tells names apart by their case; people who type on a phone do not, so it counts where it decides only.
        """
        wanted = text.strip()
        clusters = self.clusters()
        named = {(one.id.name, str(one.id)): one for one in clusters}
        found = [one for forms, one in named.items() if wanted in forms] or [
            one for forms, one in named.items() if wanted.lower() in map(str.lower, forms)
        ]
        if not found:
            names = sorted(self.name_of(one.id) for one in clusters)
            raise UnknownCluster(
                f"No cluster named “{wanted[:100]}” is configured.",
                f"Known clusters: {', '.join(names)}."
                if names
                else "The configuration names no cluster, and none was found.",
                instead=nearest_first(wanted, names),
            )
        if len(found) > 1:
            forms = sorted(str(one.id) for one in found)
            raise AmbiguousCluster(
                f"Several clusters are named “{wanted}”.", f"Write one of: {', '.join(forms)}.", instead=forms
            )
        return found[0]

    def name_of(self, cluster: ClusterId) -> str:
        """How a configured cluster is typed: by its name, in full where another has the same."""
        alike = Counter(one.name for one in self._configured)
        return cluster.name if alike[cluster.name] == 1 else str(cluster)
