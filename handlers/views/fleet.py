"""The clusters of the fleet board: what is said of each, which ones a person wants to see, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from handlers.ids import HomeChoice, environment_key
from handlers.views.progress import Mark, status_line, versions
from handlers.views.text import code, count, esc, link, local_time
from upgrade.calendar import Maintenance
from upgrade.configured import ConfiguredCluster
from upgrade.eks import ClusterId
from upgrade.findings import Readiness
from upgrade.fleet import ClusterFacts, Verdict
from upgrade.run import RunStatus, UpgradeRun
from upgrade.support import EXTENDED_COST_A_MONTH

#: Clusters that a page shows.
PAGE: Final = 20
#: Support that ends within so long needs attention: time for a plan, an approval and a week's notice.
SOON: Final = timedelta(days=60)
_MARKS: Final = {Readiness.READY: Mark.DONE, Readiness.BLOCKED: Mark.BLOCKED, Readiness.UNKNOWN: Mark.UNKNOWN}
_STUCK: Final = frozenset({RunStatus.BLOCKED, RunStatus.PAUSED, RunStatus.AWAITING_APPROVAL})
_FAR: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """A cluster of the board. Args: run: its unfinished run; maintenance: its next one that has a start."""

    cluster: ConfiguredCluster
    facts: ClusterFacts
    run: UpgradeRun | None = None
    maintenance: Maintenance | None = None


@dataclass(frozen=True)
class Page:
    """What a person sees of the rows. Args: number: from 0; of: how many pages; found: how many rows on all of them."""

    rows: tuple[Row, ...]
    number: int
    of: int
    found: int

    @property
    def first(self) -> int:
        """The number of its first row among those found, from 1."""
        return self.number * PAGE + 1


def rows_of(
    clusters: Sequence[ConfiguredCluster],
    facts: Sequence[ClusterFacts],
    runs: Sequence[UpgradeRun],
    maintenances: Sequence[Maintenance],
) -> tuple[Row, ...]:
    known: Mapping[ClusterId, ClusterFacts] = {one.cluster: one for one in facts}
    # The oldest unfinished run that is not just ahead holds the cluster; of maintenances the first is the next.
    running = {one.cluster: one for one in reversed(runs) if one.status is RunStatus.SCHEDULED}
    running |= {one.cluster: one for one in reversed(runs) if one.status is not RunStatus.SCHEDULED}
    ahead = {one.cluster: one for one in reversed(maintenances) if one.starts_at is not None}
    return tuple(
        Row(one, known.get(one.id, ClusterFacts(cluster=one.id)), running.get(one.id), ahead.get(one.id))
        for one in clusters
    )


def page_of(rows: Sequence[Row], choice: HomeChoice, now: datetime) -> Page:
    """The rows that were chosen: what needs attention first, then whose standard support ends first, or ended."""
    found = [
        row
        for row in rows
        if choice.environment in ("", environment_key(row.cluster.environment))
        and not (choice.attention and not needs_attention(row, now))
    ]
    found.sort(key=lambda row: _rank(row, now))
    pages = max(1, -(-len(found) // PAGE))
    number = min(choice.page, pages - 1)
    return Page(tuple(found[number * PAGE : (number + 1) * PAGE]), number, pages, len(found))


def _rank(row: Row, now: datetime) -> tuple[bool, datetime, str]:
    ends_at = row.facts.support.standard_ends_at if row.facts.support else None
    return (not needs_attention(row, now), ends_at or _FAR, str(row.cluster.id))


def needs_attention(row: Row, now: datetime) -> bool:
    """Support ends soon or costs, nobody can see the cluster, something is in the way, or a run waits for people."""
    verdict = _verdict(row.facts)
    return (
        _support_is_short(row.facts, now)
        or bool(row.facts.problem)
        or (verdict is not None and verdict.readiness is not Readiness.READY)
        or (row.run is not None and (row.run.status in _STUCK or row.run.missed_start))
    )


def row_lines(row: Row, now: datetime, thread: str | None = None) -> list[str]:
    """What is said of a cluster, as mrkdwn lines; ``thread``: the address of its run's."""
    cluster, facts = row.cluster, row.facts
    version = code(facts.version) if facts.version else "version not known yet"
    where = code(f"{cluster.id.account}/{cluster.id.region}")
    name = [f"*{esc(cluster.id.name)}*", version, esc(cluster.environment or "no environment"), where]
    lines = [" · ".join(name), f"{support_text(facts, now)} · {_readiness(facts)}"]
    if row.run is not None:
        said = f"{versions(row.run)} · {status_line(row.run)}"
        lines.append(f"{said} · {link(thread, 'thread')}" if thread else said)
    if row.maintenance is not None and row.maintenance.starts_at and row.maintenance.starts_at > now:
        lines.append(f"Next maintenance {local_time(row.maintenance.starts_at)}")
    if facts.problem_since is not None:
        lines.append(f"{Mark.WARNING} not reachable since {local_time(facts.problem_since)}: {esc(facts.problem)}")
    if cluster.check_only:
        lines.append(f"{Mark.LOOKING} check and plan only: {esc(cluster.check_only_reason)}")
    return lines


def support_text(facts: ClusterFacts, now: datetime) -> str:
    """``support until 2026-12-23 (35 days)``, and what it costs."""
    ends_at, left = facts.support_ends_at(now), facts.support_left(now)
    extended = facts.support is not None and facts.support.is_extended(now)
    kind = "extended support" if extended else "support"
    cost = f", ${facts.extended_cost_a_month(now)} a month more" if extended else ""
    mark = f"{Mark.WARNING} " if _support_is_short(facts, now) else ""
    if ends_at is None or left is None:
        return f"{mark}{kind} {'until EKS says' if extended else 'not known yet'}{cost}"
    day = f"{ends_at:%Y-%m-%d}"
    until = f"until {day} ({count(left.days, 'day')})" if left >= timedelta(0) else f"over since {day}"
    return f"{mark}{kind} {until}{cost or _what_then(facts, left)}"


def _what_then(facts: ClusterFacts, left: timedelta) -> str:
    """What comes of standard support that ends soon."""
    if left >= SOON or facts.support is None:
        return ""
    then = f"${EXTENDED_COST_A_MONTH} a month more" if facts.support.extended else "EKS upgrades it by itself"
    return f", then {then}"


def _support_is_short(facts: ClusterFacts, now: datetime) -> bool:
    left = facts.support_left(now)
    return facts.extended_cost_a_month(now) > 0 or (left is not None and left < SOON)


def _verdict(facts: ClusterFacts) -> Verdict | None:
    """Of a version that it does not have yet."""
    verdict = facts.verdict
    passed = verdict is not None and facts.version is not None and verdict.target <= facts.version
    return None if passed else verdict


def _readiness(facts: ClusterFacts) -> str:
    verdict = _verdict(facts)
    if verdict is None:
        return "newest version" if facts.version and facts.support and not facts.offers else "not checked yet"
    said = {
        Readiness.READY: "ready",
        Readiness.BLOCKED: count(verdict.blockers, "blocker"),
        Readiness.UNKNOWN: f"{verdict.blockers} not seen",
    }[verdict.readiness]
    return f"{_MARKS[verdict.readiness]} {said} for {code(verdict.target)}, {local_time(verdict.at)}"
