"""What is known of every cluster without a run: its version, its support, what was found when somebody last checked.

It is read now and then under the read role (DescribeCluster, DescribeClusterVersions), kept in the store, and never
asked for while somebody waits.
"""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from upgrade.configured import ConfiguredCluster
from upgrade.eks import ClusterId, ControlPlane, OfferedVersion
from upgrade.engine.course import seen_version
from upgrade.errors import UpgradeError
from upgrade.facts import Value
from upgrade.findings import Readiness, Report
from upgrade.ports import Clusters, RunStore
from upgrade.reach import SUPPORTED, Reach, without_a_gap
from upgrade.run import UpgradeRun, VersionSeen
from upgrade.support import Support, support_of
from upgrade.versions import KubernetesVersion

_log = logging.getLogger(__name__)
_NEVER: Final = datetime(1, 1, 1, tzinfo=UTC)
#: How many finished runs are asked what they saw: what older ones saw was kept when their cluster was looked at.
_NEWEST_RUNS: Final = 20


class Verdict(Value):
    """What a check or a plan last came to. ``blockers``: how many findings are in the way."""

    target: KubernetesVersion
    readiness: Readiness
    blockers: int = 0
    at: datetime

    @classmethod
    def of(cls, report: Report) -> Verdict:
        return cls(
            target=report.target, readiness=report.readiness(), blockers=len(report.blockers), at=report.taken_at
        )


class ClusterFacts(Value):
    """What is known of a cluster, and since when.

    Args:
        version: None when it was never read.
        support: of that version; None when it is not known, or EKS does not list the version.
        offers: the newer versions that EKS supports, the oldest first.
        offers_at: when those were read; None when they never were.
        seen_at: when version and support were read last.
        looked_at: when the last look ended, whatever came of it.
        problem: why the last look failed, in a sentence; empty when it did not.
        problem_since: when looks began to fail.
        verdict: of the newest check; None when there was none.
    """

    cluster: ClusterId
    version: KubernetesVersion | None = None
    support: Support | None = None
    offers: tuple[OfferedVersion, ...] = ()
    offers_at: datetime | None = None
    seen_at: datetime | None = None
    looked_at: datetime | None = None
    problem: str = ""
    problem_since: datetime | None = None
    verdict: Verdict | None = None

    def support_ends_at(self, now: datetime) -> datetime | None:
        """When what holds now ends: standard support, or extended support once it has begun."""
        return self.support.ends_at(now) if self.support else None

    def support_left(self, now: datetime) -> timedelta | None:
        """Until then; negative when it is over."""
        ends_at = self.support_ends_at(now)
        return ends_at - now if ends_at else None

    def extended_cost_a_month(self, now: datetime) -> int:
        """Dollars that it costs more a month because its standard support is over."""
        return self.support.extended_cost(now) if self.support else 0


class FactsStore(Protocol):
    """Where facts are kept."""

    def facts(self) -> tuple[ClusterFacts, ...]: ...
    def facts_of(self, cluster: ClusterId) -> ClusterFacts | None: ...

    def save_facts(self, facts: ClusterFacts) -> None:
        """In place of what was known of that cluster."""
        ...


class FleetStore(RunStore, FactsStore, Protocol):
    """Runs and facts."""


class Fleet(ABC):
    """What the service knows of all its clusters."""

    def __init__(self, store: FleetStore, clusters: Clusters) -> None:
        self._store = store
        self._clusters = clusters
        self._keeping = threading.Lock()

    @abstractmethod
    def now(self) -> datetime: ...
    @abstractmethod
    def clusters(self) -> Sequence[ConfiguredCluster]: ...
    @abstractmethod
    def _tell(self) -> None: ...

    def fleet(self) -> tuple[ClusterFacts, ...]:
        """What is known of each configured cluster, without asking AWS; in the order of the configuration."""
        known = {one.cluster: one for one in self._store.facts()}
        found = {one.id: known.get(one.id, ClusterFacts(cluster=one.id)) for one in self.clusters()}
        for run in self._newest_runs():
            if run.cluster in found:
                found[run.cluster] = with_run(found[run.cluster], run)
        return tuple(found.values())

    def versions_seen(self) -> dict[ClusterId, VersionSeen]:
        """What a look or a run saw last of each control plane, without asking AWS; not of those that none has seen."""
        seen = {one.cluster: (one.seen_at, one.version) for one in self._store.facts() if one.seen_at and one.version}
        for run in self._newest_runs():
            if found := seen_version(run):
                seen[run.cluster] = max(found, seen.get(run.cluster, found))
        now = self.now()
        return {cluster: VersionSeen(version=version, age=now - at) for cluster, (at, version) in seen.items()}

    def _newest_runs(self) -> tuple[UpgradeRun, ...]:
        return (*self._store.unfinished(), *self._store.find(limit=_NEWEST_RUNS))

    def _reach(self, cluster: ClusterId, newest: Sequence[UpgradeRun]) -> Reach | None:
        """Where the control plane may go, without asking AWS; None when its version was never seen."""
        known = _with_runs(self._store.facts_of(cluster) or ClusterFacts(cluster=cluster), newest)
        if known.version is None:
            return None
        versions = without_a_gap(known.version, known.offers) if known.offers_at else None
        return Reach(name=cluster.name, current=known.version, versions=versions)

    def due_looks(self, every: timedelta) -> tuple[ClusterId, ...]:
        """Clusters that were not looked at for so long, or whose version a run has changed since; the stalest first."""
        now = self.now()
        due = [(one.looked_at or _NEVER, one) for one in self.fleet()]
        return tuple(
            one.cluster
            for at, one in sorted(due, key=lambda pair: pair[0])
            if now - at >= every or (one.seen_at or _NEVER) > at
        )

    def look_at(self, cluster: ClusterId) -> ClusterFacts:
        """Read version and support of a cluster, and keep them: or that they could not be read, and since when."""
        newest = self._store.find(cluster=cluster, limit=1)
        now = self.now()
        try:
            aws, _ = self._clusters.reading(cluster)
            plane, offered = aws.describe_cluster(), aws.offered_versions()
        except UpgradeError as error:
            problem = error.message
            found = self._keep(cluster, lambda known: unreached(_with_runs(known, newest), problem, now))
        else:
            found = self._keep(cluster, lambda known: seen(_with_runs(known, newest), plane, offered, now))
        self._tell()
        return found

    def _remember(self, report: Report) -> None:
        """What a check came to. That it could not be written down takes nothing from its answer."""
        try:
            self._keep(report.cluster, lambda known: known.model_copy(update={"verdict": Verdict.of(report)}))
        except UpgradeError as error:
            _log.warning("the verdict on %s was not kept: %s", report.cluster, error)
        self._tell()

    def _keep(self, cluster: ClusterId, change: Callable[[ClusterFacts], ClusterFacts]) -> ClusterFacts:
        with self._keeping:
            found = change(self._store.facts_of(cluster) or ClusterFacts(cluster=cluster))
            self._store.save_facts(found)
        return found


def _with_runs(known: ClusterFacts, runs: Sequence[UpgradeRun]) -> ClusterFacts:
    for run in runs:
        known = with_run(known, run)
    return known


def with_run(known: ClusterFacts, run: UpgradeRun) -> ClusterFacts:
    """What is known, with what a run has seen since."""
    changed: dict[str, object] = {}
    at, version = seen_version(run) or (_NEVER, None)
    if version is not None and version != known.version and at > (known.seen_at or _NEVER):
        offers = tuple(one for one in known.offers if one.version > version)
        changed = {"version": version, "support": None, "offers": offers, "seen_at": at}
    if run.report and (known.verdict is None or run.report.taken_at > known.verdict.at):
        changed["verdict"] = Verdict.of(run.report)
    return known.model_copy(update=changed)


def seen(known: ClusterFacts, plane: ControlPlane, offered: Sequence[OfferedVersion], now: datetime) -> ClusterFacts:
    """What AWS says now."""
    return known.model_copy(
        update={
            "version": plane.version,
            "support": support_of(plane, offered),
            "offers": newer(offered, plane.version),
            "offers_at": now,
            "seen_at": now,
            "looked_at": now,
            "problem": "",
            "problem_since": None,
        }
    )


def unreached(known: ClusterFacts, problem: str, now: datetime) -> ClusterFacts:
    """What was known, and that it could not be read now."""
    since = known.problem_since or now
    return known.model_copy(update={"looked_at": now, "problem": problem, "problem_since": since})


def newer(offered: Sequence[OfferedVersion], version: KubernetesVersion) -> tuple[OfferedVersion, ...]:
    """The versions above one that EKS supports, the oldest first."""
    above = [one for one in offered if one.version > version and one.status in SUPPORTED]
    return tuple(sorted(above, key=lambda one: one.version))
