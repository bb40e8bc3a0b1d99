"""What the help and the next moves are about: the clusters and runs that there are, those of whoever asks first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from upgrade.eks import ClusterId
from upgrade.run import UpgradeRun
from upgrade.service import UpgradeService
from upgrade.versions import KubernetesVersion

#: Runs that are read for it: a refusal is answered within the seconds that Slack gives an ack.
_NEWEST: Final = 10


@dataclass(frozen=True)
class Own:
    """Names are as they are typed.

    Args:
        clusters: those of the asker's owner id and newest runs first, then those that may be changed.
        names: how each cluster is typed.
        runs: that are not finished, the asker's first.
        changeable: clusters that may be upgraded.
        windowed: clusters that have maintenance windows.
        targets: by cluster, the newest version above its own to which EKS let it be planned.
    """

    clusters: tuple[str, ...] = ()
    names: Mapping[ClusterId, str] = field(default_factory=dict)
    runs: tuple[UpgradeRun, ...] = ()
    changeable: frozenset[str] = frozenset()
    windowed: frozenset[str] = frozenset()
    targets: Mapping[str, KubernetesVersion] = field(default_factory=dict)

    def name_of(self, run: UpgradeRun) -> str:
        """How the run is named by its cluster; by its id when that is not configured any more."""
        return self.names.get(run.cluster, run.id)

    def run_of(self, subject: str) -> UpgradeRun | None:
        """The unfinished run of a cluster, or the one whose id begins so."""
        fits = [run for run in self.runs if subject in (self.name_of(run), str(run.cluster)) or run.id == subject]
        begins = [run for run in self.runs if subject and run.id.startswith(subject)]
        found = fits or begins
        return found[0] if found and (fits or len(begins) == 1) else None


def own_of(service: UpgradeService, user: str) -> Own:
    """From what is configured and stored; asks nobody."""
    known = service.clusters()
    names = {one.id: service.name_of(one.id) for one in known}
    newest = service.history(None, _NEWEST)
    theirs = {run.cluster for run in newest if user in (run.requester, run.in_charge)}
    ordered = sorted(known, key=lambda one: (one.owner != user and one.id not in theirs, one.check_only))
    runs = sorted(service.status(), key=lambda run: user not in (run.requester, run.in_charge))
    return Own(
        clusters=tuple(names[one.id] for one in ordered),
        names=names,
        runs=tuple(runs),
        changeable=frozenset(names[one.id] for one in known if not one.check_only),
        windowed=frozenset(names[one.id] for one in known if one.policy.windows),
        targets=_targets(service, newest, names),
    )


def _targets(
    service: UpgradeService, newest: tuple[UpgradeRun, ...], names: Mapping[ClusterId, str]
) -> dict[str, KubernetesVersion]:
    """A plan is made for versions only that EKS offers."""
    targets: dict[str, KubernetesVersion] = {}
    versions = service.versions_seen()
    for run in newest:
        if run.plan is None or run.cluster not in names or names[run.cluster] in targets:
            continue
        seen = versions.get(run.cluster)
        if seen is not None and run.plan.to_version > seen.version:
            targets[names[run.cluster]] = run.plan.to_version
    return targets
