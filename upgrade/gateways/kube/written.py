"""With which API versions an object was written, as its metadata and those who apply it tell."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import field

from upgrade.api_usage import ApiWrite, WriteSource
from upgrade.gateways.kube.decoding import decode
from upgrade.gateways.kube.meta import Wire
from upgrade.owner import OWNER_LABELS
from upgrade.removals.documents import DocumentReader
from upgrade.removals.evidence import is_applier, is_system
from upgrade.removals.rules import Removal, Rules

_APPLIED: Final[dict[str, WriteSource]] = {
    "kubectl.kubernetes.io/last-applied-configuration": "last-applied",
    "kapp.k14s.io/original": "kapp",
    "objectset.rio.cattle.io/applied": "rancher",
}
_APPLIERS: Final[dict[WriteSource, str]] = {"last-applied": "kubectl", "kapp": "kapp", "rancher": "rancher"}
_KEPT_LABELS: Final = frozenset(
    {
        *OWNER_LABELS,
        "app.kubernetes.io/name",
        "app.kubernetes.io/managed-by",
        "app.kubernetes.io/instance",
        "helm.sh/chart",
        "argocd.argoproj.io/instance",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/name",
    }
)
#: EKS's and Kubernetes' own objects are theirs to convert.
_OWN_OBJECTS: Final = ("eks.amazonaws.com/component", "kubernetes.io/cluster-service")
#: Bytes of what an annotation unpacks to.
_LARGEST: Final = 4 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b"


class ManagedField(Wire):
    manager: str = ""
    api_version: str = ""
    time: datetime | None = None
    subresource: str = ""


class WrittenMeta(Wire):
    name: str = ""
    namespace: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    managed_fields: list[ManagedField] | None = None


class Written(Wire):
    """An object of a list of metadata alone."""

    metadata: WrittenMeta


class Applied(Wire):
    """What is read of a manifest in an annotation: what it is, never what is in it."""

    api_version: str = ""
    kind: str = ""


class ManagedResource(Wire):
    """An entry of ``status.resources`` of an Argo CD Application: what Git holds."""

    group: str = ""
    version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""


class InventoryEntry(Wire):
    """An entry of ``status.inventory`` of Flux: ``NAMESPACE_NAME_GROUP_KIND`` and the version applied."""

    id: str = ""
    version: str = field(default="", name="v")


class Inventory(Wire):
    entries: list[InventoryEntry] | None = None


class DeliveryStatus(Wire):
    resources: list[ManagedResource] | None = None
    inventory: Inventory | None = None
    reconciled_at: datetime | None = None


class Delivery(Wire):
    """An Application of Argo CD, a Kustomization or HelmRelease of Flux."""

    metadata: WrittenMeta
    spec: Any = None
    status: DeliveryStatus = field(default_factory=DeliveryStatus)


def writes_of(kind: str, item: Written, rules: Rules) -> tuple[ApiWrite, ...]:
    """What the object's annotations and managed fields tell of versions that some version of Kubernetes removes."""
    meta = item.metadata
    fields = [
        one
        for one in meta.managed_fields or ()
        if one.api_version and not one.subresource and not is_system(one.manager)
    ]
    writes = [
        _write(meta, kind, one.api_version, "managed-fields", manager=one.manager, at=one.time, fields=fields)
        for one in fields
        if ends(rules, one.api_version, kind)
    ]
    for source, version in _applied(meta, kind):
        if ends(rules, version, kind):
            at = next((one.time for one in fields if one.api_version == version and is_applier(one.manager)), None)
            writes.append(_write(meta, kind, version, source, manager=_APPLIERS[source], at=at, fields=fields))
    return tuple(writes)


def existing(kind: str, group_version: str, item: Written) -> tuple[ApiWrite, ...]:
    """An object of a kind that is served in no version which stays."""
    meta = item.metadata
    if any(label in (meta.labels or {}) for label in _OWN_OBJECTS):
        return ()
    return (_write(meta, kind, group_version, "served-only"),)


def delivered(item: Delivery, source: WriteSource, rules: Rules, reader: DocumentReader) -> tuple[ApiWrite, ...]:
    """What Argo CD or Flux applies, by its own list and by the manifests that stand in it."""
    told = {
        *_listed(item),
        *((use.group_version, use.kind, use.namespace, use.name) for use in reader.uses_in(item.spec)),
    }
    where = f"{item.metadata.namespace}/{item.metadata.name}"
    return tuple(
        ApiWrite(
            group_version=version,
            kind=kind,
            namespace=namespace,
            name=name,
            source=source,
            manager=where,
            at=item.status.reconciled_at,
            labels=kept_labels(item.metadata.labels),
        )
        for version, kind, namespace, name in sorted(told)
        if ends(rules, version, kind)
    )


def ends(rules: Rules, group_version: str, kind: str) -> Removal | None:
    """The rule of an API version that some version of Kubernetes removes."""
    rule = rules.find(group_version, kind)
    return rule if rule is not None and rule.removed_in is not None else None


def unpacked(packed: bytes, most: int) -> bytes | None:
    """Gzip undone, or what was not packed; None when it is larger than ``most`` bytes. Raises ValueError."""
    if not packed.startswith(_GZIP):
        return packed if len(packed) <= most else None
    try:
        stream = zlib.decompressobj(wbits=31)
        found = stream.decompress(packed, most + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    return found if len(found) <= most else None


def kept_labels(labels: dict[str, str] | None) -> dict[str, str]:
    return {key: value for key, value in (labels or {}).items() if key in _KEPT_LABELS}


def _write(
    meta: WrittenMeta,
    kind: str,
    version: str,
    source: WriteSource,
    *,
    manager: str = "",
    at: datetime | None = None,
    fields: Iterable[ManagedField] = (),
) -> ApiWrite:
    return ApiWrite(
        group_version=version,
        kind=kind,
        namespace=meta.namespace,
        name=meta.name,
        source=source,
        manager=manager,
        at=at,
        current=_since(version, at, fields),
        labels=kept_labels(meta.labels),
    )


def _since(version: str, at: datetime | None, fields: Iterable[ManagedField]) -> str:
    """The version with which the object was applied last, if that was later and with another one."""
    later = [
        one for one in fields if one.time is not None and is_applier(one.manager) and (at is None or one.time > at)
    ]
    newest = max(later, key=lambda one: one.time.timestamp() if one.time else 0.0, default=None)
    return newest.api_version if newest is not None and newest.api_version != version else ""


def _applied(meta: WrittenMeta, kind: str) -> Iterator[tuple[WriteSource, str]]:
    for name, source in _APPLIED.items():
        text = (meta.annotations or {}).get(name, "")
        manifest = _manifest(text) if text else None
        # Controllers hand annotations on: a ControllerRevision carries its DaemonSet's.
        if manifest is not None and manifest.kind == kind:
            yield source, manifest.api_version


def _manifest(text: str) -> Applied | None:
    try:
        if not text.startswith("{"):
            packed = base64.b64decode(f"{text}{'=' * (-len(text) % 4)}")
            return decode(unpacked(packed, _LARGEST) or b"", Applied)
        return decode(text.encode(), Applied)
    except (msgspec.DecodeError, binascii.Error, ValueError):
        return None


def _listed(item: Delivery) -> Iterator[tuple[str, str, str, str]]:
    for one in item.status.resources or ():
        yield _group_version(one.group, one.version), one.kind, one.namespace, one.name
    for entry in (item.status.inventory.entries if item.status.inventory else None) or ():
        parts = entry.id.split("_")
        if len(parts) >= 4:
            namespace, *name, group, kind = parts
            yield _group_version(group, entry.version), kind, namespace, "_".join(name)


def _group_version(group: str, version: str) -> str:
    return f"{group}/{version}" if group else version
