"""Finds clusters in the accounts and regions that the settings name, and lets the rest of the bot know."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from bot.config import ClusterSettings, Settings
from upgrade.discovery import DiscoveredCluster, DiscoveryStore, Place, merged
from upgrade.errors import UpgradeError
from upgrade.gateways.identity import RoleIdentity

log = logging.getLogger(__name__)

#: Places that are looked into side by side: an account that does not answer holds up few others.
_AT_ONCE: Final = 4
#: How soon a place that did not answer is asked again, at the latest.
_AGAIN: Final = timedelta(minutes=5)


class Finds(Protocol):
    """``ClusterFinder`` does."""

    def clusters(self, identity: RoleIdentity, place: Place) -> tuple[DiscoveredCluster, ...]: ...


def with_discovered(settings: Settings, found: Iterable[DiscoveredCluster]) -> Settings:
    """Settings that also list the clusters that were found; whoever lists a cluster is right about it."""
    listed = {one.id for one in settings.clusters}
    added = (_as_listed(settings, one) for one in found if one.id not in listed)
    return settings.model_copy(update={"clusters": (*settings.clusters, *(one for one in added if one))})


def _as_listed(settings: Settings, found: DiscoveredCluster) -> ClusterSettings | None:
    return next((one.cluster(found) for one in settings.discovery if one.covers(found)), None)


def looks_of(settings: Settings) -> tuple[tuple[RoleIdentity, Place], ...]:
    """Who looks where, each once."""
    return tuple(dict.fromkeys(look for one in settings.discovery for look in one.looks()))


class Discovery:
    """What is known of clusters that nobody listed. One thread looks.

    Args:
        settings: as they were read; they are not changed.
        now: domain time.
        know: is given the settings with all clusters that are known, after each look, and whether every place answered.
    """

    def __init__(
        self,
        settings: Settings,
        store: DiscoveryStore,
        finder: Finds,
        *,
        now: Callable[[], datetime],
        know: Callable[[Settings, bool], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._finder = finder
        self._now = now
        self._know = know
        self._due_at: datetime | None = None
        self._silent: set[tuple[RoleIdentity, Place]] = set()

    def look_if_due(self, stopping: Callable[[], bool] = lambda: False) -> None:
        """Look when it was not done for so long; one that is stopped counts for the places that answered."""
        if self._due_at is None or self._now() >= self._due_at:
            every = self._settings.fleet.discover_every
            self._due_at = self._now() + (every if self._look(stopping) else min(every, _AGAIN))

    def _look(self, stopping: Callable[[], bool]) -> bool:
        """Whether every place answered."""
        looks = looks_of(self._settings)
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="discovery") as pool:
            found = list(pool.map(partial(self._ask, stopping), looks))
        answers = {place: there for (_, place), there in zip(looks, found, strict=True) if there is not None}
        known = self._store.discovered()
        after = merged(known, answers, {run.cluster for run in self._store.unfinished()})
        if after != known:
            self._store.save_discovered(after)
        settings = with_discovered(self._settings, after)
        whole = None not in found
        self._know(settings, whole)
        for line in _news(with_discovered(self._settings, known), settings):
            log.info("%s", line)
        return whole

    def _ask(
        self, stopping: Callable[[], bool], look: tuple[RoleIdentity, Place]
    ) -> tuple[DiscoveredCluster, ...] | None:
        """What a place has; None when it did not answer, which is told when it begins and when it ends."""
        if stopping():
            return None
        try:
            found = self._finder.clusters(*look)
        except UpgradeError as error:
            if look not in self._silent:
                self._silent.add(look)
                log.warning("no clusters could be looked for in %s; what is known stays: %s", look[1], error.message)
            return None
        if look in self._silent:
            self._silent.remove(look)
            log.info("clusters can be looked for in %s again", look[1])
        return found


def _news(before: Settings, after: Settings) -> Iterator[str]:
    """What a look found, in words for the log."""
    old, new = ({one.id: one for one in settings.clusters} for settings in (before, after))
    for one, cluster in new.items():
        if one not in old:
            yield f"found the cluster {one}, environment {cluster.environment or 'not named'}"
        elif cluster != old[one]:
            yield f"the cluster {one} has other tags now, environment {cluster.environment or 'not named'}"
    yield from (f"the cluster {one} is gone" for one in old if one not in new)
