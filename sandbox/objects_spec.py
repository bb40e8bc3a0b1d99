"""The part of a scenario file that brings Kubernetes objects of its own, written as `kubectl` would apply them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from sandbox.world.objects import CUSTOM_RESOURCES, RESOURCES, Resource

_KNOWN = {(resource.group, resource.kind): resource for resource in RESOURCES}


class MetadataSpec(BaseModel):
    """`metadata`, with whatever else it holds."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)
    __pydantic_extra__: dict[str, JsonValue]

    name: Annotated[str, Field(min_length=1)]
    namespace: Annotated[str, Field(min_length=1)] = "default"


class ObjectSpec(BaseModel):
    """An object, taken into the world as it is; laid over the one that is there already; or taken out of it."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True, populate_by_name=True)
    __pydantic_extra__: dict[str, JsonValue]

    api_version: Annotated[str, Field(alias="apiVersion", pattern=r"^([a-z0-9.-]+/)?v\d+((alpha|beta)\d+)?$")]
    kind: Annotated[str, Field(pattern=r"^[A-Z]\w*$")]
    metadata: MetadataSpec
    patch: Annotated[Literal["merge", "delete"], Field(alias="$patch")] = "merge"
    """`delete` takes out the object of that name."""

    @property
    def group(self) -> str:
        return self.api_version.rpartition("/")[0]

    def manifest(self) -> dict[str, Any]:
        """The object as JSON."""
        content: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude={"patch"}, exclude_unset=True)
        return content


def resources_of(objects: Sequence[ObjectSpec]) -> dict[tuple[str, str], Resource]:
    """The kinds that a cluster knows, those defined among the objects included, by group and kind."""
    return _KNOWN | {(found.group, found.kind): found for found in _defined(objects)}


def _defined(objects: Sequence[ObjectSpec]) -> Iterator[Resource]:
    for one in objects:
        if (one.group, one.kind) == (CUSTOM_RESOURCES.group, CUSTOM_RESOURCES.kind) and not incomplete(one):
            spec = one.manifest()["spec"]
            names = spec["names"]
            version = spec["versions"][0]["name"]
            yield Resource(spec["group"], version, names["plural"], names["kind"], spec["scope"] == "Namespaced")


def incomplete(definition: ObjectSpec) -> str:
    """What a CustomResourceDefinition lacks that an API server cannot do without; empty when it is whole."""
    spec = definition.manifest().get("spec")
    if not isinstance(spec, dict):
        return "spec"
    for name in ("group", "names", "scope", "versions"):
        if not spec.get(name):
            return f"spec.{name}"
    names, versions = spec["names"], spec["versions"]
    if not isinstance(names, dict) or not names.get("plural") or not names.get("kind"):
        return "spec.names.plural and spec.names.kind"
    whole = isinstance(versions, list) and all(isinstance(one, dict) and one.get("name") for one in versions)
    return "" if whole else "spec.versions.0.name"
