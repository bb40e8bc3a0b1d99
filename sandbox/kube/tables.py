"""`kubectl get`: lists as Table objects, with the API server's columns for each kind."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sandbox.kube import columns
from sandbox.kube.columns import Column
from sandbox.world.objects import Json, Resource

META_API_VERSION = "meta.k8s.io/v1"


def columns_of(resource: Resource, definition: Json | None) -> list[Column]:
    """The columns of a kind; `definition` is its CustomResourceDefinition when it has one."""
    if definition is None:
        return columns.of(resource)
    version = next(v for v in definition["spec"]["versions"] if v["name"] == resource.version)
    return columns.of_custom(version.get("additionalPrinterColumns") or [])


def render_table(
    shown: list[Column], items: Iterable[Json], metadata: Json, now: datetime, include: str, *, headed: bool = True
) -> Json:
    """A Table of these objects as of `now`.

    `include` says what goes with each row: `Metadata`, `Object` or `None` (the query's includeObject). Without `headed`
    the column definitions are left out, as in all events of a watch but the first.
    """
    return {
        "kind": "Table",
        "apiVersion": META_API_VERSION,
        "metadata": metadata,
        "columnDefinitions": [_definition(column) for column in shown] if headed else None,
        "rows": [
            {"cells": [column.cell(item, now) for column in shown], "object": _row_object(item, include)}
            for item in items
        ],
    }


def only_metadata(item: Json) -> Json:
    """The object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": META_API_VERSION, "metadata": item["metadata"]}


def _definition(column: Column) -> Json:
    return {
        "name": column.name,
        "type": column.type,
        "format": "name" if column.name == "Name" else "",
        "description": column.name,
        "priority": column.priority,
    }


def _row_object(item: Json, include: str) -> Json | None:
    if include == "None":
        return None
    return item if include == "Object" else only_metadata(item)
