"""Rules of admission webhooks that name resources which are gone.

Such a rule breaks nothing: the webhook is not asked any more about what it guards, unless it also names a version of
the same kind that stays. All versions (``*``) of a group that a kind has left count as gone with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from upgrade.removals.rules import Removal, Rules, Standing
from upgrade.versions import KubernetesVersion


@dataclass(frozen=True, slots=True)
class ResourceRule:
    """Resources that a rule names, with their groups and versions; ``*`` for all."""

    groups: tuple[str, ...]
    resources: tuple[str, ...]
    versions: tuple[str, ...]

    def names(self, group: str, version: str, resource: str) -> bool:
        """Whether it names the group itself; ``*`` as a group is about what there is, whatever that is."""
        return group in self.groups and self.covers(group, version, resource)

    def covers(self, group: str, version: str, resource: str) -> bool:
        resources = {one.partition("/")[0] for one in self.resources}
        return (
            not {group, "*"}.isdisjoint(self.groups)
            and not {version, "*"}.isdisjoint(self.versions)
            and not {resource, "*"}.isdisjoint(resources)
        )


@dataclass(frozen=True, slots=True)
class Gone:
    """A resource that is named and no longer served.

    Args:
        api: ``ingresses.extensions``; with the version when that was named: ``ingresses.v1beta1.extensions``.
        successor: ``networking.k8s.io/v1``, empty when there is none.
    """

    api: str
    successor: str


def gone(named: Sequence[ResourceRule], table: Rules, target: KubernetesVersion) -> tuple[Gone, ...]:
    """What the rules name that ``target`` does not serve, but for what they also name where it lives on.

    Alphas are left out: EKS serves none. A rule for all resources of a group tells nothing that one could name.
    """
    found: dict[str, Gone] = {}
    for row in table:
        if row.kind and "alpha" not in row.version and row.status(target) is Standing.REMOVED:
            for rule in named:
                explicit = any(one.partition("/")[0] == row.resource for one in rule.resources)
                if explicit and rule.names(row.group, row.version, row.resource):
                    versioned = "*" not in rule.versions
                    if not _lives_on(row, named, table, target, versioned=versioned):
                        api = (
                            f"{row.resource}.{row.version}.{row.group}" if versioned else f"{row.resource}.{row.group}"
                        )
                        found[api] = Gone(api, table.replacement_at(row, target))
    return tuple(found[api] for api in sorted(found))


def _lives_on(
    row: Removal, named: Sequence[ResourceRule], table: Rules, target: KubernetesVersion, *, versioned: bool
) -> bool:
    """Whether the rules also name a place where the kind is served at the target."""
    home = table.replacement_at(row, target).partition(" ")[0]
    group, _, version = home.rpartition("/")
    if home and any(rule.covers(group, version, row.resource) for rule in named):
        return True
    # Another version that stays: one that is stable, or that the table does not say to be removed by then.
    return versioned and any(
        rule.covers(one_group, one, row.resource) and _served(table, f"{one_group}/{one}", row.kind, target)
        for rule in named
        for one_group in {row.group, group} - {""}
        for one in rule.versions
        if one != "*" and (one_group == group or not home)
    )


def _served(table: Rules, group_version: str, kind: str, target: KubernetesVersion) -> bool:
    found = table.find(group_version, kind)
    return found is None or found.status(target) is not Standing.REMOVED


def remedy(one: Gone) -> str:
    if not one.successor:
        return f"Drop {one.api} from its rules: it has no successor."
    return f"Let its rules name the same of {one.successor}, and drop {one.api}."
