"""The calendar: which maintenances are ahead, and when nothing may start. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from upgrade.eks import ClusterId
from upgrade.facts import Value
from upgrade.fit import ends_by
from upgrade.freeze import Freeze
from upgrade.run import RunStatus, UpgradeRun
from upgrade.versions import KubernetesVersion


class Maintenance(Value):
    """A run that is ahead or under way.

    Args:
        from_version: None before the cluster was looked at; likewise ``to_version`` when the next minor was asked for.
        starts_at: when it began, or begins; a run that waits for its approval and has no start of its own, none.
        ends_by: by the high end of the estimate, windows and bakes respected; None without a plan or a start ahead.
        missed: its start passed, and it waits for people: to say what is to be done, to approve, or for a repair.
    """

    run_id: str
    cluster: ClusterId
    from_version: KubernetesVersion | None
    to_version: KubernetesVersion | None
    starts_at: datetime | None
    ends_by: datetime | None
    status: RunStatus
    missed: bool


class FrozenTime(Value):
    """A freeze and the clusters that it holds, in order."""

    freeze: Freeze
    clusters: tuple[ClusterId, ...]


class Calendar(Value):
    """Both in the order in which they begin; maintenances without a start are the last."""

    maintenances: tuple[Maintenance, ...] = ()
    freezes: tuple[FrozenTime, ...] = ()


def calendar_of(
    runs: Iterable[UpgradeRun],
    freezes: Mapping[ClusterId, Sequence[Freeze]],
    since: datetime,
    until: datetime,
) -> Calendar:
    """What lies between now and ``until``.

    Args:
        runs: finished ones are left out.
        freezes: by cluster, as the configuration has them now.
        since: now, aware.
    """
    ahead = [_maintenance(run, since) for run in runs if not run.status.finished]
    frozen: dict[Freeze, list[ClusterId]] = {}
    for cluster in sorted(freezes, key=str):
        for freeze in freezes[cluster]:
            if freeze.starts_at < until and freeze.ends_at > since:
                frozen.setdefault(freeze, []).append(cluster)
    return Calendar(
        maintenances=tuple(
            sorted(
                (one for one in ahead if one.starts_at is None or one.starts_at < until),
                key=lambda one: (one.starts_at or until, str(one.cluster), one.run_id),
            )
        ),
        freezes=tuple(
            FrozenTime(freeze=freeze, clusters=tuple(clusters))
            for freeze, clusters in sorted(frozen.items(), key=lambda item: (item[0].starts_at, item[0].name))
        ),
    )


def _maintenance(run: UpgradeRun, now: datetime) -> Maintenance:
    starts_at = run.started_at or run.start_at or run.wanted_at
    report = run.report
    late = run.started_at is None and starts_at is not None and starts_at < now
    missed = run.missed_start or (late and run.status in (RunStatus.AWAITING_APPROVAL, RunStatus.BLOCKED))
    return Maintenance(
        run_id=run.id,
        cluster=run.cluster,
        from_version=run.plan.from_version if run.plan else report.from_version if report else None,
        to_version=run.plan.to_version if run.plan else run.request.target,
        starts_at=starts_at,
        ends_by=ends_by(run, now) if starts_at and not missed else None,
        status=run.status,
        missed=missed,
    )
