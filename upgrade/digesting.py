"""Making the weekly digest: every cluster is looked at first. A part of the service."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Final

from upgrade.digest import Digest, Offer, digest_of
from upgrade.eks import ClusterId
from upgrade.errors import UpgradeError
from upgrade.fleet import ClusterFacts, Fleet
from upgrade.ports import StoredMessage
from upgrade.versions import KubernetesVersion

#: In the table of messages: what stands in place of a run, and the kind of its messages.
DIGEST: Final = "digest"
#: Kind of a row that is no message: it says in which week's digest a version was first seen as the newest of a region.
OFFER: Final = "digest-offer"
#: Accounts and regions that are asked at once. In each, one cluster after the other: EKS's limits are by these.
_AT_ONCE: Final = 8

_log = logging.getLogger(__name__)


class Digesting(Fleet):
    """What is told of the fleet every week, and to whoever asks."""

    @abstractmethod
    def _submit(self, work: Callable[[], Digest], reply: Callable[[Digest | UpgradeError], None]) -> None:
        """Do a short job in a worker thread."""
        ...

    def digest(self, reply: Callable[[Digest | UpgradeError], None], week: str | None = None) -> None:
        """``reply`` is called from a worker thread. A crash or a stop loses the job."""
        self._submit(lambda: self.digest_now(week), reply)

    def digest_now(self, week: str | None = None) -> Digest:
        """Look at every cluster under its read role. One that cannot be read is named, and keeps nothing else back.

        Args:
            week: whose digest it is; None: for somebody who asks, who sees as new what the last one told as new.
        """
        told = offers_told(self._store.messages(DIGEST))
        facts = self._look_at_all([one.id for one in self.clusters()])
        return digest_of(facts, self.now(), told=told, week=week or max(told.values(), default=""))

    def _look_at_all(self, clusters: Sequence[ClusterId]) -> list[ClusterFacts]:
        def place(cluster: ClusterId) -> tuple[str, str]:
            return cluster.account, cluster.region

        places = [list(together) for _, together in groupby(sorted(clusters, key=place), key=place)]
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="digest") as pool:
            found = pool.map(lambda together: [self._look(cluster) for cluster in together], places)
            return [one for several in found for one in several]

    def _look(self, cluster: ClusterId) -> ClusterFacts:
        try:
            return self.look_at(cluster)
        except Exception as error:
            _log.exception("the digest does without %s", cluster)
            return ClusterFacts(cluster=cluster, problem=f"An error that nobody foresaw: {type(error).__name__}.")


def offers_told(rows: Iterable[StoredMessage]) -> dict[Offer, str]:
    """By offer, the week in whose digest it was first seen as the newest of its region."""
    return {_offer(row.key): row.channel_id for row in rows if row.kind == OFFER}


def offer_row(offer: Offer, week: str) -> StoredMessage:
    """Says that it was first seen as the newest of its region in the digest of that week."""
    return StoredMessage(run_id=DIGEST, kind=OFFER, key=f"{offer.region} {offer.version}", channel_id=week)


def _offer(key: str) -> Offer:
    region, _, version = key.partition(" ")
    return Offer(region, KubernetesVersion.parse(version))
