"""GET: single objects and lists, selected, paged and in the form that was asked for."""

from __future__ import annotations

import base64
import binascii
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from sandbox.kube.answers import Answer, as_json, negotiate
from sandbox.kube.columns import Column
from sandbox.kube.requests import Asked
from sandbox.kube.resources import Served
from sandbox.kube.selectors import Match, field_selector, label_selector
from sandbox.kube.status import bad_request, expired, too_large_version
from sandbox.kube.tables import META_API_VERSION, only_metadata, render_table
from sandbox.world.objects import Json

CONTINUE_LIFETIME = 300.0
MOST_SNAPSHOTS = 64


@dataclass(frozen=True, slots=True)
class Kind:
    """What is needed to show objects of a kind: how it is served, its columns, and whether it is a custom one."""

    served: Served
    columns: list[Column]
    custom: bool

    def dressed(self, item: Json) -> Json:
        """The object under the API version that was asked for."""
        wanted = self.served.resource.api_version
        return item if item.get("apiVersion") == wanted else {**item, "apiVersion": wanted}

    def complete(self, item: Json, resource_version: int) -> Json:
        """An object that was not stored (a dry run), with what stored ones have."""
        if "resourceVersion" in item["metadata"]:
            return item
        metadata = {**item["metadata"], "resourceVersion": str(resource_version)}
        return {
            "apiVersion": self.served.resource.api_version,
            "kind": self.served.resource.kind,
            **item,
            "metadata": metadata,
        }

    def in_list(self, item: Json) -> Json:
        """As lists hold it: built-in kinds go without apiVersion and kind."""
        if self.custom:
            return self.dressed(item)
        return {name: value for name, value in item.items() if name not in ("apiVersion", "kind")}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects of a kind and namespace at one resource version; `taken_at` is monotonic machine time."""

    items: list[Json]
    resource_version: int
    taken_at: float


class Snapshots:
    """Lists that were begun and may be continued, as etcd keeps old revisions until it is compacted."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[tuple[str, str], str | None, int], Snapshot] = OrderedDict()

    def keep(self, asked: Asked, snapshot: Snapshot) -> None:
        self._kept[((asked.group, asked.plural), asked.namespace, snapshot.resource_version)] = snapshot
        while len(self._kept) > MOST_SNAPSHOTS:
            self._kept.popitem(last=False)

    def find(self, asked: Asked, resource_version: int) -> Snapshot | None:
        found = self._kept.get(((asked.group, asked.plural), asked.namespace, resource_version))
        return found if found and time.monotonic() - found.taken_at < CONTINUE_LIFETIME else None

    def forget(self) -> None:
        self._kept.clear()


def select(asked: Asked, served: Served) -> Match | None:
    """The label and field selectors together. Raises Refused (400)."""
    chosen = [
        match
        for match in (
            label_selector(asked.query.get("labelSelector", "")),
            field_selector(asked.query.get("fieldSelector", ""), served.resource),
        )
        if match
    ]
    if len(chosen) < 2:
        return chosen[0] if chosen else None
    first, second = chosen
    return lambda item: first(item) and second(item)


def render_object(asked: Asked, kind: Kind, item: Json, now: datetime, code: int = 200) -> Answer:
    """One object, in the form that was asked for."""
    form = negotiate(asked.accept)
    shown = kind.dressed(item)
    if form == "table":
        metadata = {"resourceVersion": item["metadata"]["resourceVersion"]}
        return as_json(render_table(kind.columns, [shown], metadata, now, _include(asked)), code)
    return as_json(only_metadata(shown) if form == "metadata" else shown, code)


def render_list(asked: Asked, kind: Kind, present: Snapshot, snapshots: Snapshots, now: datetime) -> Answer:
    """A list or one page of it. `present` is the state now.

    Raises Refused: 400 for bad selectors or parameters, 410 for a continue token that is too old, 504 for a resource
    version to come.
    """
    matches = select(asked, kind.served)
    limit = asked.number("limit") or 0
    snapshot, start = _snapshot(asked, present, snapshots)
    ordered = sorted(snapshot.items, key=_key)
    chosen = [item for item in ordered if (start is None or _key(item) > start) and (matches is None or matches(item))]
    metadata: Json = {"resourceVersion": str(snapshot.resource_version)}
    if limit and len(chosen) > limit:
        snapshots.keep(asked, snapshot)
        metadata["continue"] = _token(snapshot.resource_version, _key(chosen[limit - 1]))
        if matches is None:  # with selectors the API server does not count what is left
            metadata["remainingItemCount"] = len(chosen) - limit
        chosen = chosen[:limit]
    return _render(asked, kind, chosen, metadata, now)


def _render(asked: Asked, kind: Kind, chosen: list[Json], metadata: Json, now: datetime) -> Answer:
    form = negotiate(asked.accept)
    if form == "table":
        return as_json(render_table(kind.columns, map(kind.dressed, chosen), metadata, now, _include(asked)))
    resource = kind.served.resource
    if form == "metadata":
        kind_name, api_version, items = "PartialObjectMetadataList", META_API_VERSION, [*map(only_metadata, chosen)]
    else:
        kind_name, api_version = f"{resource.kind}List", resource.api_version
        items = [kind.in_list(item) for item in chosen]
    return as_json({"kind": kind_name, "apiVersion": api_version, "metadata": metadata, "items": items})


def _include(asked: Asked) -> str:
    return asked.query.get("includeObject", "") or "Metadata"


def _key(item: Json) -> tuple[str, str]:
    metadata = item["metadata"]
    return (metadata.get("namespace", ""), metadata["name"])


def _snapshot(asked: Asked, present: Snapshot, snapshots: Snapshots) -> tuple[Snapshot, tuple[str, str] | None]:
    """The state to list from, and the key after which to go on."""
    if text := asked.query.get("continue", ""):
        if asked.query.get("resourceVersion"):
            raise bad_request("specifying resource version is not allowed when using continue")
        version, start = _read_token(text)
        if version in (-1, present.resource_version):
            return present, start
        kept = snapshots.find(asked, version)
        if kept is None:
            raise expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new "
                "list without the continue parameter, or use the continue token in this response to retrieve the "
                "remainder of the results. Continuing with the provided token results in an inconsistent list - "
                "objects that were created, modified, or deleted between the time the first chunk was returned and now "
                "may show up in the list.",
                _token(-1, start),
            )
        return kept, start
    version = asked.number("resourceVersion") or 0
    if version > present.resource_version:
        raise too_large_version(version, present.resource_version)
    if asked.query.get("resourceVersionMatch") == "Exact" and version != present.resource_version:
        raise expired(f"The resourceVersion for the provided list is too old: {version}")
    return present, None


def _token(version: int, start: tuple[str, str]) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(start)}, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_token(text: str) -> tuple[int, tuple[str, str]]:
    try:
        content = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        namespace, _, name = str(content["start"]).partition("/")
        return int(content["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise bad_request("continue key is not valid: it was not given out by this server") from None
