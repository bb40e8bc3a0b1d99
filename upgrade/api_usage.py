"""Who uses which Kubernetes API version: what is served, what objects were written with, what was asked for."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from upgrade.facts import Value
from upgrade.rows import Row

WriteSource = Literal["last-applied", "kapp", "rancher", "managed-fields", "argocd", "flux", "helm", "served-only"]


class ServedApi(Row, frozen=True):
    """A resource that the API server serves; ``group`` is empty for the core group."""

    group: str
    version: str
    kind: str
    resource: str
    namespaced: bool = True


class ApiWrite(Row, frozen=True):
    """Evidence that an object was written with an API version.

    Args:
        group_version: such as ``policy/v1beta1``.
        source: where the evidence stands; ``served-only`` is an object whose kind is served in no other version.
        manager: the field manager, or the Helm release or Application (``namespace/name``) that holds the manifest.
        at: when it was written, if that is known.
        current: the newest version that an applier has written the object with since, if it is another one.
        labels: of the object, only those that tell its owner.
    """

    group_version: str
    kind: str
    namespace: str
    name: str
    source: WriteSource
    manager: str = ""
    at: datetime | None = None
    current: str = ""
    labels: dict[str, str] = {}


class Unseen(Value):
    """A kind that could not be listed, and why. ``permission`` such as ``list ingresses.networking.k8s.io``."""

    what: str
    reason: str
    permission: str | None = None


class ApiWrites(Value):
    """What was found, and what could not be looked at: a list that could not be read is never an empty list."""

    items: tuple[ApiWrite, ...] = ()
    unseen: tuple[Unseen, ...] = ()


class ApiRequest(Row, frozen=True):
    """Requests to a deprecated API: from the API server's metric (no client, no count) or from the audit log.

    Args:
        removed_release: such as ``1.37``; empty when it is not told.
        username, user_agent, count, last_at: of the audit log.
    """

    group: str
    version: str
    resource: str
    subresource: str = ""
    removed_release: str = ""
    username: str = ""
    user_agent: str = ""
    count: int = 0
    last_at: datetime | None = None
