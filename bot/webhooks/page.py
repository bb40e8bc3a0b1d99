"""What a webhook is told of a trouble of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from upgrade.eks import ClusterId
from upgrade.troubles import CallKind


class PageAction(StrEnum):
    TRIGGER = "trigger"
    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"


@dataclass(frozen=True)
class Page:
    """One delivery.

    Args:
        id: the same whenever this very delivery is tried again, also after a restart.
        key: the same for all that is about one trouble of one run.
        lines: plain text: what happens, since when, what can wait, what to do.
        by: who has seen it, for an acknowledgement.
        link: the address of the run's thread, once it is known.
    """

    action: PageAction
    id: str
    key: str
    run_id: str
    cluster: ClusterId
    kind: CallKind
    lines: tuple[str, ...]
    since: datetime
    by: str = ""
    link: str | None = None

    @property
    def summary(self) -> str:
        """What happens, in a line; PagerDuty takes 1024 characters."""
        return self.lines[0][:1000]

    def content(self) -> dict[str, Any]:
        """All of it, for JSON. Keys are stable."""
        return {
            "id": self.id,
            "key": self.key,
            "action": self.action.value,
            "kind": self.kind.value,
            "run": self.run_id,
            "cluster": {"name": self.cluster.name, "region": self.cluster.region, "account": self.cluster.account},
            "since": self.since.isoformat(),
            "summary": self.summary,
            "text": "\n".join(self.lines),
            "acknowledged_by": self.by or None,
            "link": self.link,
        }


class PageLost(Exception):
    """It was not taken, or nobody knows whether it was. Args: reason: never with a secret in it."""


class Webhook(Protocol):
    """A receiver of pages. ``name`` tells it from the others."""

    @property
    def name(self) -> str: ...
    def send(self, page: Page) -> None:
        """Deliver one page. Raises PageLost, and nothing else."""
        ...
