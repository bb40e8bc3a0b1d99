"""Helm releases: which API versions their newest deployed revision holds. Nothing else of them is kept."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import field

from upgrade.api_usage import ApiWrite, ApiWrites, Unseen
from upgrade.errors import NotFound, UpgradeError
from upgrade.gateways.kube.api import METADATA_ONLY, KubeApi, decoded, list_path
from upgrade.gateways.kube.decoding import decode
from upgrade.gateways.kube.meta import Meta, Named, Wire
from upgrade.gateways.kube.written import ends, unpacked
from upgrade.removals.documents import DocumentReader
from upgrade.removals.rules import Rules

#: Bytes of a release once unpacked; what is larger is not read, and told.
LARGEST_RELEASE: Final = 32 * 1024 * 1024
ACCESSES: Final = ("list secrets", "get secrets", "list configmaps", "get configmaps")
_DEPLOYED: Final = [("labelSelector", "owner=helm,status=deployed")]
_AT_ONCE: Final = 8


class Info(Wire, rename=None):
    last_deployed: str = ""


class Hook(Wire):
    manifest: str = ""


class Release(Wire):
    """Of a release only these: its chart and its values may hold secrets."""

    info: Info = field(default_factory=Info)
    manifest: str = ""
    hooks: list[Hook] | None = None


class Stored(Wire):
    """The Secret or ConfigMap that holds a revision."""

    data: dict[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Revision:
    """Args: resource: ``secrets`` or ``configmaps``; release: the release's name, name: the object's."""

    resource: str
    namespace: str
    name: str
    release: str
    number: int


class _TooLarge(Exception):
    """The release is larger than what is read."""


def read_releases(api: KubeApi, rules: Rules) -> ApiWrites:
    """The newest deployed revision of each release, its hooks too. Raises TemporaryError or PermanentError."""
    newest: dict[tuple[str, str], _Revision] = {}
    unseen: list[Unseen] = []
    for resource in ("secrets", "configmaps"):
        try:
            for revision in _revisions(api, resource):
                key = revision.namespace, revision.release
                newest[key] = max(newest.get(key, revision), revision, key=lambda one: one.number)
        except UpgradeError as error:
            if resource == "secrets":  # where Helm keeps its releases unless it is told otherwise
                raise
            permission = getattr(error, "permission", None)
            unseen.append(Unseen(what="Helm releases in ConfigMaps", reason=error.message, permission=permission))
    # Helm has parsed what it deployed: where none of these APIs is named, nobody has to see again whether it is whole.
    reader = DocumentReader(rules, damage=False)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="helm") as pool:
        found = list(pool.map(lambda revision: _read(api, revision, rules, reader), newest.values()))
    return ApiWrites(
        items=tuple(write for one in found for write in one.items),
        unseen=(*unseen, *(missing for one in found for missing in one.unseen)),
    )


def _revisions(api: KubeApi, resource: str) -> Sequence[_Revision]:
    """The deployed revisions, by their labels alone."""

    def revision(item: Named) -> _Revision:
        meta: Meta = item.metadata
        labels = meta.labels or {}
        number = labels.get("version", "")
        release = labels.get("name", meta.name)
        return _Revision(resource, meta.namespace, meta.name, release, int(number) if number.isdecimal() else 0)

    path = list_path("", "v1", resource)
    return api.rows(path, f"list {resource}", Named, revision, _DEPLOYED, accept=METADATA_ONLY)


def _read(api: KubeApi, revision: _Revision, rules: Rules, reader: DocumentReader) -> ApiWrites:
    where = f"{revision.namespace}/{revision.release}"

    def missing(reason: str, permission: str | None = None) -> ApiWrites:
        return ApiWrites(unseen=(Unseen(what=f"Helm release {where}", reason=reason, permission=permission),))

    access = f"get {revision.resource}"
    path = f"{list_path('', 'v1', revision.resource, revision.namespace)}/{quote(revision.name, safe='')}"
    try:
        stored = decoded(api.get(path, access), Stored, access)
        release = _release(stored, in_secret=revision.resource == "secrets")
    except NotFound:  # replaced by a newer revision since
        return ApiWrites()
    except UpgradeError as error:
        return missing(error.message, getattr(error, "permission", None))
    except _TooLarge:
        return missing(f"It is larger than {LARGEST_RELEASE // 1024 // 1024} MiB once unpacked.")
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return missing("It is not stored as Helm stores releases.")
    writes, unread = _uses(release, revision, rules, reader)
    told = missing(f"{unread} of its manifests could not be read for certain.").unseen if unread else ()
    return ApiWrites(items=writes, unseen=told)


def _release(stored: Stored, *, in_secret: bool) -> Release:
    """Raises _TooLarge, or ValueError for anything that is no release."""
    text = (stored.data or {}).get("release", "").encode()
    # A Secret's data is base64 of what Helm stored; Helm stores base64 of gzip of JSON.
    content = unpacked(base64.b64decode(base64.b64decode(text) if in_secret else text), LARGEST_RELEASE)
    if content is None:
        raise _TooLarge
    return decode(content, Release)


def _uses(
    release: Release, revision: _Revision, rules: Rules, reader: DocumentReader
) -> tuple[tuple[ApiWrite, ...], int]:
    """The writes, and how many manifests could not be read for certain."""
    readings = [reader.read(text.encode()) for text in _manifests(release)]
    at = _instant(release.info.last_deployed)
    writes = tuple(
        ApiWrite(
            group_version=use.group_version,
            kind=use.kind,
            namespace=use.namespace or revision.namespace,
            name=use.name,
            source="helm",
            manager=f"{revision.namespace}/{revision.release}",
            at=at,
        )
        for reading in readings
        for use in reading.uses
        if ends(rules, use.group_version, use.kind)
    )
    return writes, sum(len(reading.unread) + reading.templates for reading in readings)


def _manifests(release: Release) -> Iterator[str]:
    yield release.manifest
    yield from (hook.manifest for hook in release.hooks or ())


def _instant(text: str) -> datetime | None:
    convert: Callable[[str], datetime] = datetime.fromisoformat
    try:
        at = convert(text)
    except ValueError:
        return None
    return at if at.tzinfo else None
