"""Label and field selectors: parsed whole or refused, never ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from sandbox.kube.status import bad_request
from sandbox.world.objects import Json, Resource

Match = Callable[[Json], bool]

_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY = re.compile(rf"(?=.{{1,317}}$)([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?{_NAME}$")
_VALUE = re.compile(rf"(?=.{{0,63}}$)({_NAME})?$")
_SET = re.compile(r"(?P<key>\S+)\s+(?P<operator>in|notin)\s*\((?P<values>[^()]*)\)$")
_COMPARISON = re.compile(r"(?P<key>[^=!<>\s]+)\s*(?P<operator>==|=|!=|<|>)\s*(?P<value>[^=!<>\s]*)$")

_COMMON_FIELDS = ("metadata.name", "metadata.namespace")
_FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "pods"): (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "namespaces"): ("status.phase",),
    ("", "secrets"): ("type",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("", "events"): (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
}
_BOOLEANS = ("spec.unschedulable", "spec.hostNetwork")


def label_selector(text: str) -> Match | None:
    """A predicate over objects, None for the empty selector. Raises Refused (400) for one that cannot be parsed."""
    requirements = [_requirement(part.strip()) for part in _split(text)] if text.strip() else []
    if not requirements:
        return None
    return lambda found: all(holds(found["metadata"].get("labels") or {}) for holds in requirements)


def field_selector(text: str, resource: Resource) -> Match | None:
    """A predicate over objects, None for the empty selector. Raises Refused (400) for a field that the kind lacks."""
    terms = [_term(part, resource) for part in text.split(",") if part] if text else []
    if not terms:
        return None
    return lambda found: all((_field(found, path) == wanted) is equal for path, equal, wanted in terms)


def _split(text: str) -> list[str]:
    """At commas outside parentheses."""
    return re.split(r",(?![^(]*\))", text)


def _requirement(part: str) -> Callable[[dict[str, str]], bool]:
    if match := _SET.fullmatch(part):
        values = frozenset(value.strip() for value in match["values"].split(","))
        key = _checked(match["key"], *values, part=part)
        if match["operator"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if match := _COMPARISON.fullmatch(part):
        return _comparison(match["operator"], _checked(match["key"], match["value"], part=part), match["value"], part)
    if part.startswith("!"):
        key = _checked(part[1:].strip(), part=part)
        return lambda labels: key not in labels
    key = _checked(part, part=part)
    return lambda labels: key in labels


def _comparison(operator: str, key: str, value: str, part: str) -> Callable[[dict[str, str]], bool]:
    if operator in ("=", "=="):
        return lambda labels: labels.get(key) == value
    if operator == "!=":
        return lambda labels: labels.get(key) != value
    if not value.lstrip("-").isdecimal():
        raise bad_request(f"unable to parse requirement: {part!r}: {operator} needs an integer")
    bound = int(value)

    def holds(labels: dict[str, str]) -> bool:
        own = labels.get(key, "")
        if not own.lstrip("-").isdecimal():
            return False
        return int(own) > bound if operator == ">" else int(own) < bound

    return holds


def _checked(key: str, *values: str, part: str) -> str:
    if not _KEY.match(key) or not all(_VALUE.match(value) for value in values):
        raise bad_request(
            f"unable to parse requirement: found {part!r}, expected: a label key, an operator and label values"
        )
    return key


def _term(part: str, resource: Resource) -> tuple[str, bool, str]:
    match = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
    if not match:
        raise bad_request(f"invalid selector: {part!r}; can't understand {part!r}")
    path, operator, value = match.groups()
    if path not in (*_COMMON_FIELDS, *_FIELDS.get(resource.key, ())):
        raise bad_request(f"field label not supported: {path}")
    return path, operator != "!=", value


def _field(found: Json, path: str) -> str:
    if path == "source":
        return str((found.get("source") or {}).get("component", ""))
    if path == "status.successful":
        path = "status.succeeded"
    value: Any = found
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if isinstance(value, bool) or path in _BOOLEANS:
        return str(bool(value)).lower()
    if value is None:
        return "0" if path in ("status.replicas", "status.succeeded") else ""
    return str(value)
