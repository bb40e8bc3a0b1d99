"""Rules of admission webhooks and of roles that name resources which are gone.

Such a rule breaks nothing: the webhook is not asked any more about what it guards, the role allows nothing, unless they
also name a version of the same kind that stays. All versions (``*``) of a group that a kind has left count as gone with
it; roles name no versions, so that is what they always mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

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
class Naming:
    """A manifest whose rules name resources of the table.

    Args:
        rules: what is judged together: the rules of one webhook, or of the whole role.
        line: where it stands, from 1 on.
    """

    kind: str
    namespace: str
    name: str
    rules: tuple[tuple[ResourceRule, ...], ...]
    line: int = 1


Pair = tuple[str, str]
"""A group and a resource."""

_WEBHOOKS: Final = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_ROLES: Final = ("ClusterRole", "Role")
_GROUPS: Final = {
    **dict.fromkeys(_WEBHOOKS, "admissionregistration.k8s.io"),
    **dict.fromkeys(_ROLES, "rbac.authorization.k8s.io"),
}


class Namers:
    """The kinds of manifests that name resources, and the resources of a table that they can name in vain."""

    def __init__(self, table: Rules) -> None:
        rows = [row for row in table if row.kind and row.removed_in is not None and "alpha" not in row.version]
        versioned = frozenset((row.group, row.resource) for row in rows)
        whole = frozenset((row.group, row.resource) for row in rows if _leaves_its_group(row, table))
        self._pairs: Mapping[str, frozenset[Pair]] = {
            **dict.fromkeys(_WEBHOOKS, versioned),
            **dict.fromkeys(_ROLES, whole),
        }
        #: What stands in each of their manifests (the end of its kind), and what it may name.
        self.marks: Mapping[str, frozenset[Pair]] = {"WebhookConfiguration": versioned, "Role": whole}

    def naming_in(self, one: Mapping[Any, Any], group_version: str, kind: str) -> Naming | None:
        """What a manifest names; None when it is of no such kind, or names nothing of the table."""
        if _GROUPS.get(kind) != group_version.rpartition("/")[0] or kind not in self._pairs:
            return None
        if kind in _WEBHOOKS:
            rules = tuple(tuple(_rules(webhook)) for webhook in _mappings(one.get("webhooks")))
        else:
            rules = (tuple(_rules(one, versions=("*",))),)
        if not any(self._names(rule, self._pairs[kind]) for together in rules for rule in together):
            return None
        metadata = one.get("metadata")
        told = metadata if isinstance(metadata, dict) else {}
        name, namespace = (value if isinstance(value := told.get(key), str) else "" for key in ("name", "namespace"))
        return Naming(kind, namespace, name, rules)

    def _names(self, rule: ResourceRule, pairs: frozenset[Pair]) -> bool:
        resources = {one.partition("/")[0] for one in rule.resources}
        return any((group, resource) in pairs for group in rule.groups for resource in resources)


def _rules(one: Mapping[Any, Any], versions: tuple[str, ...] = ()) -> Iterator[ResourceRule]:
    for rule in _mappings(one.get("rules")):
        groups, resources = _texts(rule.get("apiGroups")), _texts(rule.get("resources"))
        yield ResourceRule(groups, resources, versions or _texts(rule.get("apiVersions")))


def _mappings(value: object) -> Iterator[Mapping[Any, Any]]:
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else iter(())


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _leaves_its_group(row: Removal, table: Rules) -> bool:
    """Whether there may come a version that serves the kind nowhere in its group."""
    seen = {row.group_version}
    while row.replacement:
        group_version, _, kind = row.replacement.partition(" ")
        following = table.find(group_version, kind or row.kind)
        if group_version.rpartition("/")[0] != row.group or group_version in seen:
            return True
        if following is None or following.removed_in is None:
            return False
        seen.add(group_version)
        row = following
    return True


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
