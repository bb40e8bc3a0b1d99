"""Which clusters were found, what is known of them without a run, who looks at it: all of it may be lost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from sqlite_utils import Database

from upgrade.discovery import DiscoveredCluster
from upgrade.eks import ClusterId
from upgrade.fleet import ClusterFacts
from upgrade.ports import StoredHome

#: Seconds that a write waits for the lock of the file.
_BUSY_SECONDS: Final = 30.0
M = TypeVar("M", bound=BaseModel)


class FleetTables(ABC):
    @abstractmethod
    def _writing(self, busy_seconds: float) -> AbstractContextManager[Database]: ...
    @abstractmethod
    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]: ...

    def facts(self) -> tuple[ClusterFacts, ...]:
        """Those that this version can read: what another one wrote is read from AWS again."""
        return _readable(ClusterFacts, self._query("select facts as value from facts order by cluster"))

    def facts_of(self, cluster: ClusterId) -> ClusterFacts | None:
        """None when there are none that this version can read."""
        rows = self._query("select facts as value from facts where cluster = ?", [str(cluster)])
        return next(iter(_readable(ClusterFacts, rows)), None)

    def save_facts(self, facts: ClusterFacts) -> None:
        row = [str(facts.cluster), facts.model_dump_json()]
        with self._writing(_BUSY_SECONDS) as db:
            db.execute(
                "insert into facts (cluster, facts) values (?, ?) "
                "on conflict (cluster) do update set facts = excluded.facts",
                row,
            )

    def discovered(self) -> tuple[DiscoveredCluster, ...]:
        """In the order of their ids; those that this version can read: the others are found again."""
        return _readable(DiscoveredCluster, self._query("select found as value from discovered order by cluster"))

    def save_discovered(self, clusters: Iterable[DiscoveredCluster]) -> None:
        """In place of all that was kept."""
        rows = [(str(one.id), one.model_dump_json()) for one in clusters]
        with self._writing(_BUSY_SECONDS) as db:
            db.execute("delete from discovered")
            db.conn.executemany("insert into discovered (cluster, found) values (?, ?)", rows)

    def homes(self) -> tuple[StoredHome, ...]:
        """The newest first."""
        rows = self._query("select user, choice, at from homes order by at desc, user")
        return tuple(StoredHome(**row) for row in rows)

    def save_home(self, home: StoredHome) -> None:
        with self._writing(_BUSY_SECONDS) as db:
            db.execute(
                "insert into homes (user, choice, at) values (:user, :choice, :at) "
                "on conflict (user) do update set choice = excluded.choice, at = excluded.at",
                home.model_dump(),
            )

    def drop_homes(self, before: float) -> None:
        """Forget who has not looked since."""
        with self._writing(_BUSY_SECONDS) as db:
            db.execute("delete from homes where at < ?", [before])


def _readable(kind: type[M], rows: Sequence[dict[str, Any]]) -> tuple[M, ...]:
    found = []
    for row in rows:
        with suppress(ValidationError):
            found.append(_parsed(kind, row["value"]))
    return tuple(found)


@lru_cache(maxsize=1024)
def _parsed(kind: type[M], text: str) -> M:
    """What did not change is not parsed again: values are frozen, and these are read at every glance at the fleet."""
    return kind.model_validate_json(text)
