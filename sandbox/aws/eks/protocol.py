"""EKS on the wire (rest-json), read from botocore's own service model: which operation, which parameters, what answer.

The other services that speak JSON are read from their models in the same way. Answers are held to the model while they
are made: a member that the service does not have, or an enum value it does not know, is an error of ours and raises, so
that a client can never come to rely on it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote

import botocore.loaders
from botocore.model import OperationModel, ServiceModel

from sandbox.world.errors import InvalidParameter

Json = dict[str, Any]
LONGEST_BODY = 1_000_000


class UnknownOperation(Exception):
    """No operation of EKS has this method and path."""


@dataclass(frozen=True, slots=True)
class Route:
    """An operation and the values that its path carries, by the path's own names. `service` as botocore names it."""

    operation: str
    uri: dict[str, str]
    service: str = "eks"


@cache
def model(service: str = "eks") -> ServiceModel:
    """The service model that botocore ships."""
    return ServiceModel(botocore.loaders.Loader().load_service_model(service, "service-2"), service)


@cache
def _operation(name: str, service: str) -> OperationModel:
    return model(service).operation_model(name)


@cache
def _routes(service: str) -> list[tuple[str, re.Pattern[str], str]]:
    found = []
    for name in model(service).operation_names:
        http = _operation(name, service).http
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", http["requestUri"])
        found.append((http["method"], re.compile(f"^{pattern}$"), name))
    return found


def route(method: str, raw_path: str, service: str = "eks") -> Route:
    """The operation that a request means. `raw_path` is still percent-encoded. Raises UnknownOperation."""
    for verb, pattern, name in _routes(service):
        if verb == method and (match := pattern.match(raw_path)):
            return Route(name, {key: unquote(value) for key, value in match.groupdict().items()}, service)
    raise UnknownOperation(f"{method} {raw_path}")


def parse(found: Route, query: str, body: bytes) -> Json:
    """The operation's parameters by their model names, typed.

    Raises InvalidParameter for what breaks the model's constraints.
    """
    shape = _operation(found.operation, found.service).input_shape
    if shape is None:
        return {}
    texts = parse_qs(query, keep_blank_values=True)
    content = _json_object(body)
    parameters: Json = {}
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        location = member.serialization.get("location")
        if location == "uri":
            parameters[name] = found.uri[wire_name]
        elif location == "querystring":
            if wire_name in texts:
                parameters[name] = _from_query(member, texts[wire_name], name)
        elif content.get(wire_name) is not None:
            parameters[name] = content[wire_name]
    problems = _problems(shape, parameters, "")
    if problems:
        raise InvalidParameter(problems[0])
    return parameters


def render(operation: str, answer: Mapping[str, Any], service: str = "eks") -> bytes:
    """The answer's JSON. Raises ValueError or TypeError when it is not what the model allows."""
    shape = _operation(operation, service).output_shape
    return json.dumps(_rendered(shape, answer, operation)).encode()


def render_error(code: str, message: str, fields: Mapping[str, str]) -> bytes:
    """An error's JSON; members that this exception does not have are left out."""
    shape = model().shape_for(code) if code in model().shape_names else None
    known = shape.members if shape is not None else {}
    return json.dumps({**{name: value for name, value in fields.items() if name in known}, "message": message}).encode()


def mutates(operation: str) -> bool:
    return not operation.startswith(("Describe", "List"))


def _json_object(body: bytes) -> Json:
    if not body:
        return {}
    if len(body) > LONGEST_BODY:
        raise InvalidParameter("The request body is too large.")
    try:
        content = json.loads(body)
    except ValueError:
        raise InvalidParameter("The request body is not JSON.") from None
    if not isinstance(content, dict):
        raise InvalidParameter("The request body must be a JSON object.")
    return content


def _from_query(shape: Any, texts: list[str], name: str) -> Any:
    if shape.type_name == "list":
        return texts
    text = texts[0]
    if shape.type_name == "integer":
        try:
            return int(text)
        except ValueError:
            raise InvalidParameter(f"{name} must be an integer, not {text!r}.") from None
    if shape.type_name == "boolean":
        return text == "true"
    return text


_TYPES: dict[str, Any] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, str),
}


def _problems(shape: Any, value: Any, path: str) -> list[str]:
    """What breaks the model's constraints, in EKS's words."""
    if not isinstance(value, _TYPES[shape.type_name]) or (isinstance(value, bool) and shape.type_name != "boolean"):
        return [f"Value at '{path}' must be of type {shape.type_name}."]
    if shape.type_name == "structure":
        missing = [
            f"Parameter '{_join(path, name)}' is required." for name in shape.required_members if name not in value
        ]
        return missing + [
            problem
            for name, member in shape.members.items()
            if value.get(name) is not None
            for problem in _problems(member, value[name], _join(path, name))
        ]
    if shape.type_name == "list":
        return [p for i, item in enumerate(value) for p in _problems(shape.member, item, f"{path}.{i + 1}.member")]
    if shape.type_name == "map":
        return [p for key, item in value.items() for p in _problems(shape.value, item, _join(path, str(key)))]
    return _scalar_problems(shape, value, path)


def _scalar_problems(shape: Any, value: Any, path: str) -> list[str]:
    constraint = ""
    if shape.type_name == "string":
        enum = getattr(shape, "enum", None)
        pattern = shape.metadata.get("pattern")
        if enum and value not in enum:
            constraint = f"Member must satisfy enum value set: [{', '.join(enum)}]"
        elif len(value) < shape.metadata.get("min", 0):
            constraint = f"Member must have length greater than or equal to {shape.metadata['min']}"
        elif len(value) > shape.metadata.get("max", len(value)):
            constraint = f"Member must have length less than or equal to {shape.metadata['max']}"
        elif pattern and not re.match(f"(?:{pattern})$", value):
            constraint = f"Member must satisfy regular expression pattern: {pattern}"
    elif shape.type_name == "integer":
        if value < shape.metadata.get("min", value):
            constraint = f"Member must have value greater than or equal to {shape.metadata['min']}"
        elif value > shape.metadata.get("max", value):
            constraint = f"Member must have value less than or equal to {shape.metadata['max']}"
    return [f"Value '{value}' at '{path}' failed to satisfy constraint: {constraint}"] if constraint else []


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _rendered(shape: Any, value: Any, path: str) -> Any:
    kind = shape.type_name
    if kind == "structure":
        if unknown := sorted(set(value) - set(shape.members)):
            raise ValueError(f"{path} has no member {unknown[0]}")
        return {
            name: _rendered(shape.members[name], item, f"{path}.{name}")
            for name, item in value.items()
            if item is not None
        }
    if kind == "list":
        return [_rendered(shape.member, item, path) for item in value]
    if kind == "map":
        return {str(key): _rendered(shape.value, item, path) for key, item in value.items()}
    if kind == "timestamp":
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise TypeError(f"{path} must be an aware datetime, not {value!r}")
        return value.timestamp()
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        raise ValueError(f"{path} does not know {value!r}; it knows {', '.join(enum)}")
    if not isinstance(value, _TYPES[kind]):
        raise TypeError(f"{path} must be a {kind}, not {value!r}")
    return value
