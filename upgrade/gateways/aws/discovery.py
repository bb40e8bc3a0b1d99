"""Which clusters an account has in a region, and their tags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from upgrade.discovery import DiscoveredCluster, Place
from upgrade.eks import ClusterId
from upgrade.gateways.aws.errors import reads
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.identity import Identity


class ClusterFinder:
    """Looks into accounts and regions, under the identity that is named for each look."""

    def __init__(self, sessions: AwsSessions | None = None) -> None:
        self._sessions = sessions or AwsSessions()

    @reads("eks:ListClusters", "eks:DescribeCluster")
    def clusters(self, identity: Identity, place: Place) -> tuple[DiscoveredCluster, ...]:
        """All of them. Raises TemporaryError or PermanentError: then nothing is known of any."""
        eks = self._sessions.session(identity, place.region).client("eks")
        return tuple(_described(eks, place))


def _described(eks: Any, place: Place) -> Iterator[DiscoveredCluster]:
    for page in eks.get_paginator("list_clusters").paginate():
        for name in page["clusters"]:
            try:
                found = eks.describe_cluster(name=name)["cluster"]
            except eks.exceptions.ResourceNotFoundException:
                continue  # deleted since it was listed
            cluster = ClusterId(account=place.account, region=place.region, name=name)
            yield DiscoveredCluster(id=cluster, tags=found.get("tags") or {})
