"""Clusters from the configuration: which identity reads, which one changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from upgrade.eks import ClusterId
from upgrade.errors import NotAllowed, UnknownCluster
from upgrade.facts import Value
from upgrade.gateways.aws.gateway import BotoAwsGateway
from upgrade.gateways.aws.sessions import READ_SESSION_NAME, AwsSession, AwsSessions
from upgrade.gateways.identity import Identity, OwnIdentity
from upgrade.gateways.kube.connection import Endpoint
from upgrade.gateways.kube.gateway import HttpKubeGateway
from upgrade.gateways.kube.unreached import UnreachedKubeGateway
from upgrade.gateways.reach import AwsOnly, Direct, Proxy, Reach

_MOST_RUNS: Final = 64

Gateways = tuple[BotoAwsGateway, HttpKubeGateway | UnreachedKubeGateway]


class ConfiguredCluster(Value):
    """A cluster and who the bot is there.

    Args:
        read: the identity for checks and plans.
        change: the identity of an approved run; None makes the cluster check-only.
        reach: how its API server is reached.
    """

    id: ClusterId
    read: Identity = OwnIdentity()
    change: Identity | None = None
    reach: Reach = Direct()


class ConfiguredClusters:
    """Gateways for the configured clusters, made once for reading and once a run.

    Args:
        breathe: called before each call and before its answer is decoded; it returns when nothing more urgent is to be
            done.
    """

    def __init__(
        self,
        clusters: Iterable[ConfiguredCluster],
        sessions: AwsSessions | None = None,
        *,
        breathe: Callable[[], None] = lambda: None,
    ) -> None:
        self._clusters = {cluster.id: cluster for cluster in clusters}
        self._sessions = sessions or AwsSessions(breathe)
        self._breathe = breathe
        self._lock = threading.Lock()
        self._made: dict[ClusterId, Gateways] = {}
        self._runs: OrderedDict[tuple[ClusterId, str], Gateways] = OrderedDict()

    def know(self, clusters: Iterable[ConfiguredCluster]) -> None:
        """Know these from now on, and no others; what is read otherwise now is read by new gateways."""
        after = {cluster.id: cluster for cluster in clusters}
        with self._lock:
            stale = [one for one in self._made if after.get(one) != self._clusters.get(one)]
            dropped = [self._made.pop(one) for one in stale]
            self._clusters = after
        for _, kube in dropped:
            kube.close()

    def reading(self, cluster: ClusterId) -> Gateways:
        """Gateways under the read identity. Raises UnknownCluster."""
        with self._lock:
            known = self._known(cluster)
            if cluster not in self._made:
                session = self._sessions.session(known.read, cluster.region)
                self._made[cluster] = self._gateways(cluster, known.reach, session, self._change_session(known))
            return self._made[cluster]

    def changing(self, cluster: ClusterId, *, run_id: str, requester: str) -> Gateways:
        """Gateways under the change identity, its session named after the run, SourceIdentity the requester.

        Raises UnknownCluster; NotAllowed when the cluster is check-only.
        """
        known = self._known(cluster)
        if known.change is None:
            raise NotAllowed(
                f"{cluster.name} is check-only: it has no change role.", "Set change_role for it to upgrade it."
            )
        with self._lock:
            key = (cluster, run_id)
            if key not in self._runs:
                session = self._sessions.session(known.change, cluster.region, name=run_id, source_identity=requester)
                self._runs[key] = self._gateways(cluster, known.reach, session, session)
            self._runs.move_to_end(key)
            if len(self._runs) > _MOST_RUNS:
                _, (_, kube) = self._runs.popitem(last=False)
                kube.close()
            return self._runs[key]

    def close(self) -> None:
        """Close every connection and wake whoever waits for a retry."""
        with self._lock:
            for _, kube in [*self._made.values(), *self._runs.values()]:
                kube.close()

    def _known(self, cluster: ClusterId) -> ConfiguredCluster:
        try:
            return self._clusters[cluster]
        except KeyError:
            known = ", ".join(sorted(map(str, self._clusters))) or "none"
            raise UnknownCluster(f"No cluster {cluster} is configured.", f"Configured: {known}.") from None

    def _change_session(self, known: ConfiguredCluster) -> AwsSession | None:
        """The session whose permissions are judged beforehand; its role is assumed only inside a run."""
        if known.change is None:
            return None
        return self._sessions.session(known.change, known.id.region, name=READ_SESSION_NAME)

    def _gateways(self, cluster: ClusterId, reach: Reach, session: AwsSession, changing: AwsSession | None) -> Gateways:
        aws = BotoAwsGateway(cluster, session, changing)

        def locate() -> Endpoint:
            found = aws.describe_cluster()
            proxy = reach.proxy if isinstance(reach, Proxy) else None
            return Endpoint(found.endpoint, found.certificate_authority, proxy)

        if isinstance(reach, AwsOnly):
            return aws, UnreachedKubeGateway()
        return aws, HttpKubeGateway(cluster.name, locate, lambda: session.cluster_token(cluster.name), self._breathe)
