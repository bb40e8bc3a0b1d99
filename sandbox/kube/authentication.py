"""Who calls: a proven IAM principal becomes a Kubernetes user through the cluster's access entries or its aws-auth."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from sandbox.world.model import AccessEntry, AccessPolicyAssociation, Cluster
from sandbox.world.objects import CONFIG_MAPS

AUTHENTICATED = "system:authenticated"
MASTERS = "system:masters"
_ASSUMED_ROLE = re.compile(
    r"arn:(?P<partition>[^:]+):sts::(?P<account>\d+):assumed-role/(?P<role>[^/]+)/(?P<session>.+)$"
)
_ENTITY = re.compile(r"arn:[^:]+:iam::(?P<account>\d+):(?P<kind>role|user)/(?:.*/)?(?P<name>[^/]+)$")


@dataclass(frozen=True, slots=True)
class User:
    """A Kubernetes user.

    `policies` are the EKS access policies of its access entry; `arn` is the IAM principal, empty if it is none.
    """

    name: str
    groups: tuple[str, ...]
    policies: tuple[AccessPolicyAssociation, ...] = ()
    arn: str = ""


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))
ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))


@dataclass(frozen=True, slots=True)
class _Principal:
    """An IAM identity without its path, as assumed-role ARNs tell it. `session` is empty where there is none."""

    arn: str
    account: str
    kind: str
    name: str
    session: str

    def is_(self, arn: str) -> bool:
        entity = _ENTITY.match(arn)
        return entity is not None and entity.group("account", "kind", "name") == (self.account, self.kind, self.name)

    def fill(self, template: str) -> str:
        """Username templates of access entries and aws-auth."""
        safe_session = self.session.replace("@", "-")
        filled = template.replace("{{SessionName}}", safe_session).replace("{{SessionNameRaw}}", self.session)
        return filled.replace("{{AccountID}}", self.account)


def user_of(cluster: Cluster, principal_arn: str) -> User | None:
    """The user that this principal is in the cluster, or None when nothing maps it. Call it under the world's lock.

    `principal_arn` is what GetCallerIdentity says, or the ARN of a role or user. With `API_AND_CONFIG_MAP` access
    entries come first.
    """
    principal = _principal(principal_arn)
    if principal is None:
        return None
    if cluster.authentication_mode != "CONFIG_MAP":
        for entry in cluster.access_entries.values():
            if principal.is_(entry.principal_arn):
                return _from_entry(entry, principal)
    if cluster.authentication_mode != "API":
        return _from_config_map(cluster, principal)
    return None


def _principal(arn: str) -> _Principal | None:
    if match := _ASSUMED_ROLE.match(arn):
        return _Principal(arn, match["account"], "role", match["role"], match["session"])
    if match := _ENTITY.match(arn):
        return _Principal(arn, match["account"], match["kind"], match["name"], "")
    return None


def _from_entry(entry: AccessEntry, principal: _Principal) -> User:
    name = principal.fill(entry.username) if entry.username else principal.arn
    return User(name, (*entry.kubernetes_groups, AUTHENTICATED), tuple(entry.policies), principal.arn)


def _from_config_map(cluster: Cluster, principal: _Principal) -> User | None:
    found = cluster.kube.find(CONFIG_MAPS, "kube-system", "aws-auth")
    data: dict[str, str] = (found or {}).get("data") or {}
    rows = [*_rows(data.get("mapRoles"), "rolearn"), *_rows(data.get("mapUsers"), "userarn")]
    for arn, row in rows:
        if principal.is_(arn):
            name = principal.fill(str(row.get("username") or principal.arn))
            return User(name, (*map(str, row.get("groups") or ()), AUTHENTICATED), (), principal.arn)
    return None


def _rows(text: str | None, key: str) -> Iterable[tuple[str, dict[str, Any]]]:
    try:
        rows = yaml.safe_load(text or "") or []
    except yaml.YAMLError:  # the authenticator then maps nobody through it
        return []
    return [(str(row[key]), row) for row in rows if isinstance(row, dict) and key in row]
