"""The clusters that the service knows, and how people name them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from upgrade.configured import ConfiguredCluster
from upgrade.eks import ClusterId
from upgrade.errors import AmbiguousCluster, StillLooking, UnknownCluster
from upgrade.words import nearest_first


class Roster:
    """It is replaced as a whole and never changed, so whoever reads it once sees one state of it, from any thread."""

    _configured: Mapping[ClusterId, ConfiguredCluster]
    #: Not every place where clusters are looked for has answered yet: one that is not known may be there.
    looking = False

    def know(self, configured: Iterable[ConfiguredCluster], *, looking: bool = False) -> None:
        """Know these clusters from now on, and no others. ``looking``: there may be more."""
        self._configured, self.looking = MappingProxyType({one.id: one for one in configured}), looking

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
            raise self._unknown(wanted[:100], names)
        if len(found) > 1:
            forms = sorted(str(one.id) for one in found)
            raise AmbiguousCluster(
                f"Several clusters are named “{wanted}”.", f"Write one of: {', '.join(forms)}.", instead=forms
            )
        return found[0]

    def _unknown(self, wanted: str, names: Sequence[str]) -> UnknownCluster:
        known = f"Known clusters: {', '.join(names)}." if names else ""
        instead = nearest_first(wanted, names)
        if self.looking:
            found = "I am still looking for clusters, and not every account has answered yet: ask again in a moment."
            return StillLooking(f"I know no cluster named “{wanted}” yet.", f"{found} {known}".strip(), instead=instead)
        none = "The configuration names no cluster, and none was found."
        return UnknownCluster(f"No cluster named “{wanted}” is configured.", known or none, instead=instead)

    def name_of(self, cluster: ClusterId) -> str:
        """How a configured cluster is typed: by its name, in full where another has the same."""
        alike = Counter(one.name for one in self._configured)
        return cluster.name if alike[cluster.name] == 1 else str(cluster)
