"""Which API versions Kubernetes deprecates and removes, and what comes after them.

The tables are data files (``upgrade/data/api_*.csv``); a file of one's own adds rows to them and overrides them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib import resources
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from upgrade.errors import UpgradeError
from upgrade.versions import KubernetesVersion


class RulesUnreadable(UpgradeError):
    """A file of rules is not what it should be."""


class Standing(StrEnum):
    """What an API version is at some version of Kubernetes."""

    DEPRECATED = "deprecated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Removal:
    """One API version of one kind, and when it ends.

    Args:
        group_version: such as ``policy/v1beta1``.
        kind: empty for every kind of the group version.
        replacement: ``policy/v1``, with the kind behind it where that is another one; empty when there is none.
        replacement_in: the first version of Kubernetes that serves the replacement.
        component: whose API it is when it is not Kubernetes' own, such as ``cert-manager``.
        ended: what the component says of it in its own versions; ``deprecated_in`` and ``removed_in`` are None then.
        how: what has to change in a manifest, for a rule of one's own.
    """

    group_version: str
    kind: str
    deprecated_in: KubernetesVersion | None = None
    removed_in: KubernetesVersion | None = None
    replacement: str = ""
    replacement_in: KubernetesVersion | None = None
    component: str = ""
    ended: str = ""
    how: str = ""
    source: str = ""

    @property
    def api(self) -> str:
        """``policy/v1beta1 PodDisruptionBudget``."""
        return f"{self.group_version} {self.kind}".rstrip()

    @property
    def group(self) -> str:
        return self.group_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.group_version.rpartition("/")[2]

    @property
    def resource(self) -> str:
        """The plural of the kind as it stands in addresses; empty without a kind."""
        return plural(self.kind) if self.kind else ""

    def status(self, target: KubernetesVersion) -> Standing | None:
        """What it is in a cluster of version ``target``; None while it is neither deprecated nor removed.

        What a component ended in versions of its own counts as deprecated: Kubernetes' version does not tell.
        """
        if self.removed_in is not None and self.removed_in <= target:
            return Standing.REMOVED
        if self.ended or (self.deprecated_in is not None and self.deprecated_in <= target):
            return Standing.DEPRECATED
        return None


def plural(kind: str) -> str:
    """The resource of a kind of Kubernetes: ``Ingress`` → ``ingresses``."""
    name = kind.lower()
    if name.endswith("endpoints"):
        return name
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


@dataclass(frozen=True)
class Rules:
    """A table of removals, by group version and kind."""

    rows: tuple[Removal, ...]
    payloads: frozenset[tuple[str, str]] = frozenset()
    _by_api: dict[tuple[str, str], Removal] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_api", {(row.group_version, row.kind): row for row in self.rows})

    def __iter__(self) -> Iterator[Removal]:
        return iter(self.rows)

    def find(self, group_version: str, kind: str) -> Removal | None:
        """The rule for a kind, else that for its whole group version; None for payloads and what has no rule."""
        found = self._by_api.get((group_version, kind)) or self._by_api.get((group_version, ""))
        return found if found and (group_version, kind) not in self.payloads else None

    def of_resource(self, group: str, version: str, resource: str) -> Removal | None:
        """The rule for a resource as requests name it."""
        group_version = f"{group}/{version}" if group else version
        rows = [row for row in self.rows if row.group_version == group_version]
        return next((row for row in rows if row.resource in (resource, "")), None)

    def removed_between(self, current: KubernetesVersion, target: KubernetesVersion) -> tuple[Removal, ...]:
        """What a cluster loses on its way from ``current`` to ``target``."""
        return tuple(row for row in self.rows if row.removed_in is not None and current < row.removed_in <= target)

    def replacement_at(self, rule: Removal, target: KubernetesVersion) -> str:
        """What to move to for a cluster of version ``target``: a replacement may be removed there as well."""
        seen = {rule.group_version}
        while rule.replacement:
            group_version, _, kind = rule.replacement.partition(" ")
            following = self.find(group_version, kind or rule.kind)
            if following is None or following.status(target) is not Standing.REMOVED or group_version in seen:
                return rule.replacement
            seen.add(group_version)
            rule = following
        return ""

    def with_own(self, rows: Iterable[Removal]) -> Rules:
        """These rules and one's own; an own row takes the place of ours, one without a kind that of all its kinds."""
        own = {(row.group_version, row.kind): row for row in rows}
        kept = [
            row for row in self.rows if (row.group_version, row.kind) not in own and (row.group_version, "") not in own
        ]
        return Rules((*kept, *own.values()), self.payloads)


class _OwnRule(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    group_version: str
    kind: str = ""
    deprecated_in: KubernetesVersion | None = None
    removed_in: KubernetesVersion | None = None
    replacement: str = ""
    replacement_available_in: KubernetesVersion | None = None
    how: str = ""

    @field_validator("deprecated_in", "removed_in", "replacement_available_in", mode="before")
    @classmethod
    def _quoted(cls, value: object) -> object:
        if isinstance(value, float):
            raise ValueError(f'YAML reads {value} as a number, and 1.30 as 1.3: write it in quotes, "1.30"')  # noqa: TRY004
        return value

    @field_validator("group_version", mode="after")
    @classmethod
    def _named(cls, value: str) -> str:
        if not value.strip() or value.count("/") > 1:
            raise ValueError("write it like example.com/v1beta1")
        return value.strip()

    def removal(self) -> Removal:
        return Removal(
            group_version=self.group_version,
            kind=self.kind,
            deprecated_in=self.deprecated_in,
            removed_in=self.removed_in,
            replacement=self.replacement,
            replacement_in=self.replacement_available_in,
            how=self.how,
            source="your own rules",
        )


def own_rules(text: str, where: str) -> tuple[Removal, ...]:
    """The rows of a file of one's own: a YAML list of mappings with the columns of our table.

    Args:
        where: the file's name, for errors.

    Raises RulesUnreadable.
    """
    hint = "It is a YAML list of mappings with group_version, kind, deprecated_in, removed_in, replacement, how."
    try:
        rows = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RulesUnreadable(f"{where} is no YAML: {' '.join(str(error).split())[:200]}", hint) from None
    if not isinstance(rows, list):
        raise RulesUnreadable(f"{where} holds no list of rules.", hint)
    return tuple(_own_row(row, f"{where}, rule {number}", hint) for number, row in enumerate(rows, 1))


def _own_row(row: Any, where: str, hint: str) -> Removal:
    try:
        return _OwnRule.model_validate(row).removal()
    except ValidationError as error:
        first = error.errors()[0]
        member = ".".join(map(str, first["loc"]))
        raise RulesUnreadable(f"{where}: {member + ': ' if member else ''}{first['msg']}", hint) from None


@cache
def builtin_rules() -> Rules:
    """Kubernetes' own removals and those of well-known components."""
    own = tuple(
        Removal(
            group_version=row["group_version"],
            kind=row["kind"],
            deprecated_in=_version(row["deprecated_in"]),
            removed_in=_version(row["removed_in"]),
            replacement=row["replacement"],
            replacement_in=_version(row["replacement_available_in"]),
            source=row["source"],
        )
        for row in _table("api_removals.csv")
        # A typed list is taken apart: what counts are its items.
        if not row["kind"].endswith("List")
    )
    others = tuple(
        Removal(
            group_version=row["group_version"],
            kind=row["kind"],
            replacement=row["replacement"],
            component=row["component"],
            ended=_ended(row),
            source=row["source"],
        )
        for row in _table("api_removals_thirdparty.csv")
    )
    payloads = frozenset((row["group_version"], row["kind"]) for row in _table("api_payload_kinds.csv"))
    return Rules((*own, *others), payloads)


def _ended(row: dict[str, str]) -> str:
    component, deprecated, removed = row["component"], row["deprecated_in"], row["removed_in"]
    if removed:
        return f"{component} removed it in {removed}"
    return f"{component} has deprecated it" + ("" if not deprecated else f" (since Kubernetes {deprecated})")


def _version(text: str) -> KubernetesVersion | None:
    return KubernetesVersion.parse(text) if text else None


def _table(name: str) -> Iterator[dict[str, str]]:
    text = resources.files("upgrade").joinpath("data", name).read_text(encoding="utf-8")
    yield from csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
