"""Freezes: times in which nothing starts, such as the end of the year or a sale."""

from __future__ import annotations

from typing import Self

from pydantic import AwareDatetime, model_validator

from upgrade.facts import Value


class Freeze(Value):
    """One freeze. A plan's windows do not matter in it.

    Args:
        name: tells it from others; unique in the configuration.
        starts_at: its first instant.
        ends_at: the instant at which it is over.
        reason: why, in a few words for everybody.
        lifters: ids of the Slack users and user groups that may lift it for a run; none means nobody.

    Raises ValueError when it does not end after it begins, or a time has no zone.
    """

    name: str
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    reason: str
    lifters: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.starts_at >= self.ends_at:
            raise ValueError("a freeze must end after it begins")
        return self

    def holds(self, now: AwareDatetime) -> bool:
        return self.starts_at <= now < self.ends_at
