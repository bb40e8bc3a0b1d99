"""The weekly digest: whose support ends soon, what that costs, what EKS newly offers. Pure.

Its week is the ISO week of the day in the digest's own time zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Final, NamedTuple

from upgrade.eks import ClusterId
from upgrade.facts import Value
from upgrade.fleet import ClusterFacts
from upgrade.support import Support
from upgrade.versions import KubernetesVersion
from upgrade.windows import instant_of, time_zone

#: Support that ends within so many days is told, in groups.
WITHIN: Final = (30, 60, 90, 180)


class Offer(NamedTuple):
    """A version that EKS offers in a region."""

    region: str
    version: KubernetesVersion


class DigestLine(Value):
    """A cluster that is worth a word.

    Args:
        support: None when EKS does not list its version (any more).
        ends_at: when the support that it has now ends.
        within: the least of `WITHIN` that the days left fit into, 0 when they are over; None when more are left, or
            it is not known how many.
        cost: dollars a month that it costs more than in standard support, now.
        newly: versions above its own that EKS newly offers in its region.
    """

    cluster: ClusterId
    version: KubernetesVersion
    support: Support | None
    ends_at: datetime | None = None
    within: int | None = None
    cost: int = 0
    newly: tuple[KubernetesVersion, ...] = ()


class Unread(Value):
    """Clusters of an account that could not be looked at now. ``reason``: of the first."""

    account: str
    clusters: tuple[str, ...]
    reason: str


class Digest(Value):
    """What is told in a week.

    Args:
        at: when the clusters were read.
        clusters: how many there are.
        lines: those that are worth a word, the most urgent first.
        newest: what EKS offers in each region.
        newly: what EKS offers that is newer than what it offered when the digest before this one was made.
    """

    at: datetime
    clusters: int
    lines: tuple[DigestLine, ...] = ()
    newest: tuple[Offer, ...] = ()
    newly: tuple[Offer, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def cost(self) -> int:
        """Dollars a month that the fleet costs more because standard support is over."""
        return sum(line.cost for line in self.lines)


class DigestTime(Value):
    """When it is due. ``weekday``: 0 is Monday; ``time_zone``: IANA name."""

    weekday: int = 0
    at: time = time(9)
    time_zone: str = "UTC"

    def week_due(self, now: datetime, since: datetime) -> str | None:
        """The week that wants its digest at ``now``, such as ``2026-W48``; None when it is not due yet.

        It stays due to the end of its week, so a bot that was down comes late, and a week that it missed altogether is
        left out. What was due before ``since``, when the bot first ran, is not made up for.
        """
        zone = time_zone(self.time_zone)
        today = now.astimezone(zone).date()
        due_at = instant_of(today + timedelta(days=self.weekday - today.weekday()), self.at, zone)
        year, week, _ = today.isocalendar()
        return f"{year}-W{week:02}" if since <= due_at <= now else None


def digest_of(facts: Sequence[ClusterFacts], now: datetime, *, told: Mapping[Offer, str], week: str) -> Digest:
    """The digest of what is known of the clusters, just read if that was possible.

    Args:
        told: in the digest of which week each of these was first seen as the newest of its region.
        week: of this digest; what it saw first is still new when it is made again, say after a crash.
    """
    # When it could not be read now, what it had a week ago is still worth a word, if all of it is known.
    read = [one for one in facts if one.version is not None and (one.support is not None or not one.problem)]
    newly = _newly(read, told, week)
    lines = [_line(one, one.version, newly, now) for one in read if one.version is not None]
    return Digest(
        at=now,
        clusters=len(facts),
        lines=tuple(sorted(filter(_worth_a_word, lines), key=_urgency)),
        newest=_newest(read),
        newly=newly,
        unread=_unread(facts),
    )


def _newest(read: Iterable[ClusterFacts]) -> tuple[Offer, ...]:
    """Of each region. What clusters have counts too: where all have the newest version, none is offered above it."""
    newest: dict[str, KubernetesVersion] = {}
    for one in read:
        for version in (one.version, *(offer.version for offer in one.offers)):
            if version is not None:
                newest[one.cluster.region] = max(version, newest.get(one.cluster.region, version))
    return tuple(Offer(region, version) for region, version in sorted(newest.items()))


def _newly(read: Iterable[ClusterFacts], told: Mapping[Offer, str], week: str) -> tuple[Offer, ...]:
    """Nothing in a region that is looked at for the first time: there everything would be new."""
    before: dict[str, KubernetesVersion] = {}
    for offer, first in told.items():
        if first < week:
            before[offer.region] = max(offer.version, before.get(offer.region, offer.version))
    offered = {Offer(one.cluster.region, offer.version) for one in read for offer in one.offers}
    return tuple(sorted(one for one in offered if one.region in before and one.version > before[one.region]))


def _line(one: ClusterFacts, version: KubernetesVersion, newly: Sequence[Offer], now: datetime) -> DigestLine:
    ends_at = one.support_ends_at(now)
    above = (offer.version for offer in newly if offer.region == one.cluster.region and offer.version > version)
    return DigestLine(
        cluster=one.cluster,
        version=version,
        support=one.support,
        ends_at=ends_at,
        within=_within(ends_at - now) if ends_at else None,
        cost=one.extended_cost_a_month(now),
        newly=tuple(above),
    )


def _within(left: timedelta) -> int | None:
    if left <= timedelta(0):
        return 0
    return next((days for days in WITHIN if left <= timedelta(days=days)), None)


def _worth_a_word(line: DigestLine) -> bool:
    return line.ends_at is None or line.within is not None or bool(line.cost or line.newly)


def _urgency(line: DigestLine) -> tuple[bool, float, str]:
    """By the day; what EKS says no day for goes first, because that day may be over."""
    return line.ends_at is not None, line.ends_at.timestamp() if line.ends_at else 0.0, str(line.cluster)


def _unread(facts: Sequence[ClusterFacts]) -> tuple[Unread, ...]:
    failed = sorted((one for one in facts if one.problem), key=lambda one: str(one.cluster))
    grouped = [(account, list(ones)) for account, ones in groupby(failed, key=lambda one: one.cluster.account)]
    return tuple(
        Unread(account=account, clusters=tuple(one.cluster.name for one in ones), reason=ones[0].problem)
        for account, ones in grouped
    )
