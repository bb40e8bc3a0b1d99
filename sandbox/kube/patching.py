"""PATCH by content type: JSON patch (RFC 6902), merge patch (RFC 7396), strategic merge, server-side apply as a merge.

Nothing here changes its arguments.
"""

from __future__ import annotations

from typing import Any

from sandbox.kube.status import Cause, Refused, bad_request
from sandbox.world.objects import Json, copy_json

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
CONTENT_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_MERGE_PATCH, APPLY_PATCH)

# Lists that merge by key, from the API types' patchMergeKey; all others are replaced whole (tolerations among them).
_MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "taints": ("key", "effect"),
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "ownerReferences": ("uid",),
    "webhooks": ("name",),
    "drivers": ("name",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
    "secrets": ("name",),
}
_SET_LISTS = ("finalizers",)


def json_patch(document: Json, operations: Any) -> Json:
    """RFC 6902. Raises Refused: 400 for a patch that is malformed, 422 for one that does not apply."""
    if not isinstance(operations, list):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    patched: Any = copy_json(document)
    for operation in operations:
        patched = _operate(patched, operation)
    if not isinstance(patched, dict):
        raise bad_request("the patched document is not an object")
    return patched


def merge_patch(document: Any, patch: Any) -> Any:
    """RFC 7396: null deletes, lists are replaced."""
    if not isinstance(patch, dict):
        return copy_json(patch)
    merged: Json = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def strategic_merge_patch(document: Any, patch: Any) -> Any:
    """As a merge patch, but known lists merge by their keys.

    Directives: `$patch: delete|replace`, `$retainKeys`, `$deleteFromPrimitiveList`.
    """
    if not isinstance(patch, dict):
        return copy_json(patch)
    if patch.get("$patch") == "replace":
        return {key: copy_json(value) for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    merged: Json = dict(document) if isinstance(document, dict) else {}
    if "$retainKeys" in patch:
        merged = {key: value for key, value in merged.items() if key in patch["$retainKeys"]}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            merged[name] = [item for item in merged.get(name) or [] if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            merged.pop(key, None)
        elif isinstance(value, list):
            merged[key] = _merge_list(key, merged.get(key) or [], value)
        else:
            merged[key] = strategic_merge_patch(merged.get(key), value)
    return merged


def _merge_list(name: str, present: list[Any], patch: list[Any]) -> list[Any]:
    if name in _SET_LISTS:
        return [*present, *(item for item in patch if item not in present)]
    keys = _list_keys(name, patch)
    if keys is None:
        return [copy_json(item) for item in patch]
    if any(item.get("$patch") == "replace" for item in patch):
        return [copy_json(item) for item in patch if "$patch" not in item]
    merged = list(present)
    for item in patch:
        identity = _identity(item, keys)
        at = next((i for i, old in enumerate(merged) if _identity(old, keys) == identity), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del merged[at]
        elif at is None:
            merged.append(copy_json(item))
        else:
            merged[at] = strategic_merge_patch(merged[at], item)
    return merged


def _list_keys(name: str, patch: list[Any]) -> tuple[str, ...] | None:
    if not all(isinstance(item, dict) for item in patch):
        return None
    if name == "ports":  # containers key theirs by containerPort, services by port
        return ("containerPort",) if any("containerPort" in item for item in patch) else ("port",)
    return _MERGE_KEYS.get(name)


def _identity(item: Json, keys: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(item.get(key) for key in keys)


def _operate(document: Any, operation: Any) -> Any:
    try:
        kind, path = operation["op"], _pointer(operation["path"])
        value = operation["value"] if kind in ("add", "replace", "test") else None
        source = _pointer(operation["from"]) if kind in ("move", "copy") else []
    except (KeyError, TypeError) as missing:
        raise bad_request(f"invalid JSON patch operation {operation!r}: {missing}") from None
    try:
        match kind:
            case "test":
                if _read(document, path) != value:
                    raise _does_not_apply(f"testing value {operation['path']} failed")
                return document
            case "add":
                return _put(document, path, copy_json(value), insert=True)
            case "replace":
                _read(document, path)
                return _put(document, path, copy_json(value), insert=False)
            case "remove":
                return _remove(document, path)
            case "move":
                moved = _read(document, source)
                return _put(_remove(document, source), path, moved, insert=True)
            case "copy":
                return _put(document, path, copy_json(_read(document, source)), insert=True)
    except (KeyError, IndexError, ValueError, TypeError):
        raise _does_not_apply(
            f"{kind} operation does not apply: doc is missing path: {operation['path']}: missing value"
        ) from None
    raise bad_request(f"unexpected kind: {kind}")


def _does_not_apply(message: str) -> Refused:
    return Refused(
        422,
        "Invalid",
        f"the server rejected our request due to an error in our request: {message}",
        {"causes": [Cause("UnexpectedServerResponse", message).as_json()]},
    )


def _pointer(text: str) -> list[str]:
    if text == "":
        return []
    if not text.startswith("/"):
        raise KeyError("a path begins with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _read(document: Any, path: list[str]) -> Any:
    for part in path:
        document = document[_index(document, part)] if isinstance(document, list) else document[part]
    return document


def _index(items: list[Any], part: str, *, append: bool = False) -> int:
    if append and part == "-":
        return len(items)
    at = int(part)
    if not 0 <= at < len(items) + (1 if append else 0):
        raise IndexError(part)
    return at


def _put(document: Any, path: list[str], value: Any, *, insert: bool) -> Any:
    if not path:
        return value
    parent = _read(document, path[:-1])
    if isinstance(parent, list):
        if insert:
            parent.insert(_index(parent, path[-1], append=True), value)
        else:
            parent[_index(parent, path[-1])] = value
    else:
        parent[path[-1]] = value
    return document


def _remove(document: Any, path: list[str]) -> Any:
    parent = _read(document, path[:-1])
    if isinstance(parent, list):
        del parent[_index(parent, path[-1])]
    else:
        del parent[path[-1]]
    return document
