"""What an API server serves."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from msgspec import field

from upgrade.api_usage import ServedApi
from upgrade.errors import NotFound
from upgrade.gateways.kube.api import KubeApi, decoded
from upgrade.gateways.kube.meta import Wire

#: One document for all groups, from Kubernetes 1.26 on; an older API server answers with the list of its groups.
_AGGREGATED: Final = ",".join(
    [
        *(
            f"application/json;g=apidiscovery.k8s.io;v={version};as=APIGroupDiscoveryList"
            for version in ("v2", "v2beta1")
        ),
        "application/json",
    ]
)
_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Discovered:
    """A resource that is served, and whether its objects can be listed: some are only ever asked."""

    api: ServedApi
    listable: bool


class Kind(Wire):
    group: str = ""
    version: str = ""
    kind: str = ""


class AggregatedResource(Wire):
    resource: str
    response_kind: Kind = field(default_factory=Kind)
    scope: str = ""
    verbs: list[str] | None = None


class AggregatedVersion(Wire):
    version: str
    resources: list[AggregatedResource] | None = None


class GroupName(Wire):
    name: str = ""


class AggregatedGroup(Wire):
    metadata: GroupName = field(default_factory=GroupName)
    versions: list[AggregatedVersion] | None = None


class PlainVersion(Wire):
    group_version: str


class PlainGroup(Wire):
    versions: list[PlainVersion] | None = None


class Discovery(Wire):
    """Of the members of both documents that one is filled which came."""

    kind: str = ""
    items: list[AggregatedGroup] | None = None
    groups: list[PlainGroup] | None = None
    versions: list[str] | None = None


class PlainResource(Wire):
    name: str
    kind: str = ""
    namespaced: bool = False
    verbs: list[str] | None = None


class ResourceList(Wire):
    resources: list[PlainResource] | None = None


def discover(api: KubeApi) -> tuple[Discovered, ...]:
    """Everything that is served, by one request for the named groups and one for the core group.

    Raises TemporaryError or PermanentError.
    """
    return tuple(found for path in ("/apis", "/api") for found in _below(api, path))


def _below(api: KubeApi, path: str) -> Iterator[Discovered]:
    access = f"get {path}"
    document = decoded(api.get(path, access, accept=_AGGREGATED), Discovery, access)
    if document.items is not None:
        yield from (found for group in document.items for found in _of_group(group))
        return
    versions = [one.group_version for group in document.groups or () for one in group.versions or ()]
    versions += document.versions or []
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="discovery") as pool:
        for found in pool.map(lambda version: _of_version(api, path, version), versions):
            yield from found


def _of_group(group: AggregatedGroup) -> Iterator[Discovered]:
    for version in group.versions or ():
        for one in version.resources or ():
            yield _discovered(
                group.metadata.name,
                version.version,
                one.resource,
                one.response_kind.kind,
                one.verbs,
                namespaced=one.scope == "Namespaced",
            )


def _of_version(api: KubeApi, path: str, group_version: str) -> list[Discovered]:
    access = f"get {path}/{group_version}"
    try:
        found = decoded(api.get(f"{path}/{group_version}", access), ResourceList, access).resources or ()
    except NotFound:  # gone since
        return []
    group, _, version = group_version.rpartition("/")
    return [
        _discovered(group, version, one.name, one.kind, one.verbs, namespaced=one.namespaced)
        for one in found
        if "/" not in one.name
    ]


def _discovered(
    group: str, version: str, resource: str, kind: str, verbs: list[str] | None, *, namespaced: bool
) -> Discovered:
    served = ServedApi(group=group, version=version, kind=kind, resource=resource, namespaced=namespaced)
    return Discovered(served, "list" in (verbs or ()))
