"""What is known of clusters without a run: a part of the store. All of it can be read again, so it may be lost."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any, Final

from pydantic import ValidationError
from sqlite_utils import Database

from upgrade.fleet import ClusterFacts

#: Seconds that a write waits for the lock of the file.
_BUSY_SECONDS: Final = 30.0


class FleetTables(ABC):
    @abstractmethod
    def _writing(self, busy_seconds: float) -> AbstractContextManager[Database]: ...
    @abstractmethod
    def _query(self, sql: str, values: Sequence[Any] = ()) -> list[dict[str, Any]]: ...

    def facts(self) -> tuple[ClusterFacts, ...]:
        """Those that this version can read: what another one wrote is read from AWS again."""
        found = []
        for row in self._query("select facts from facts order by cluster"):
            with suppress(ValidationError):
                found.append(ClusterFacts.model_validate_json(row["facts"]))
        return tuple(found)

    def save_facts(self, facts: ClusterFacts) -> None:
        with self._writing(_BUSY_SECONDS) as db:
            db.execute(
                "insert into facts (cluster, facts) values (?, ?) "
                "on conflict (cluster) do update set facts = excluded.facts",
                [str(facts.cluster), facts.model_dump_json()],
            )
