"""Clusters that are upgraded only while nobody works in them (A-27). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import model_validator

from upgrade.disruption import matches
from upgrade.facts import Value
from upgrade.rows import LabelRequirement, PodRow

_NAME: Final = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_VALUE: Final = rf"(?:{_NAME})?"
_SET: Final = re.compile(rf"({_NAME})\s+(in|notin)\s*\(\s*({_VALUE}(?:\s*,\s*{_VALUE})*)\s*\)")
_EQUAL: Final = re.compile(rf"({_NAME})\s*(==|=|!=)\s*({_VALUE})")
_HAS: Final = re.compile(rf"(!?)\s*({_NAME})")
#: Commas that separate requirements, not the values of one.
_COMMA: Final = re.compile(r",(?![^(]*\))")


class IdleOnly(Value):
    """Where people work: a cluster with a ready pod of these is in use.

    Args:
        namespaces: none means every namespace.
        selector: of labels, as kubectl takes it; empty means every pod.
    """

    namespaces: tuple[str, ...] = ()
    selector: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> IdleOnly:
        if not self.namespaces and not self.selector.strip():
            raise ValueError("name namespaces, a selector such as component=singleuser-server, or both")
        parse_selector(self.selector)
        return self

    def users(self, pods: Iterable[PodRow]) -> Iterator[PodRow]:
        """The ready pods that say that somebody works here."""
        requirements = parse_selector(self.selector)
        for pod in pods:
            here = not self.namespaces or pod.namespace in self.namespaces
            if here and pod.ready and pod.deletion_at is None and matches(pod.labels, {}, requirements):
                yield pod


def parse_selector(text: str) -> tuple[LabelRequirement, ...]:
    """Read a label selector: ``app=hub,tier in (a, b),!gone`` (Kubernetes: Labels and Selectors). Raises ValueError."""
    parts = [part.strip() for part in _COMMA.split(text)] if text.strip() else []
    return tuple(map(_requirement, parts))


def _requirement(part: str) -> LabelRequirement:
    if found := _SET.fullmatch(part):
        values = tuple(value.strip() for value in found[3].split(","))
        return LabelRequirement(found[1], "In" if found[2] == "in" else "NotIn", values)
    if found := _EQUAL.fullmatch(part):
        return LabelRequirement(found[1], "NotIn" if found[2] == "!=" else "In", (found[3],))
    if found := _HAS.fullmatch(part):
        return LabelRequirement(found[2], "DoesNotExist" if found[1] else "Exists")
    raise ValueError(f"“{part}” is not a label selector; write it like app=hub, tier in (a, b) or !gone")
