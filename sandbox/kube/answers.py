"""Answers, and in which form the caller wants them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from sandbox.kube.discovery import AGGREGATED
from sandbox.kube.status import Refused

JSON_TYPE = "application/json"
Form = Literal["object", "table", "metadata"]
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer."""

    code: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: dict[str, str] = field(default_factory=dict)


def encode(document: Any) -> bytes:
    """JSON."""
    return _encoder.encode(document)


def as_json(document: Any, code: int = 200, headers: dict[str, str] | None = None) -> Answer:
    return Answer(code, encode(document), headers=headers or {})


def as_text(text: str, code: int = 200) -> Answer:
    return Answer(code, text.encode(), "text/plain; charset=utf-8")


def of_refusal(refused: Refused) -> Answer:
    return as_json(refused.status(), refused.code, refused.headers)


def negotiate(accept: str) -> Form:
    """The first form of an Accept header that we can give. Raises Refused (406), for protobuf alone for example."""
    for media_type, parameters in _clauses(accept):
        if media_type not in (JSON_TYPE, "application/*", "*/*"):
            continue
        wanted = parameters.get("as", "")
        if wanted == "Table" and parameters.get("v") == "v1":
            return "table"
        if wanted in ("PartialObjectMetadata", "PartialObjectMetadataList") and parameters.get("v") == "v1":
            return "metadata"
        if not wanted:
            return "object"
    raise Refused(
        406,
        "NotAcceptable",
        "only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io",
        {},
    )


def aggregated_version(accept: str) -> str | None:
    """The version of the aggregated discovery document that is asked for, if any."""
    for media_type, parameters in _clauses(accept):
        if media_type == JSON_TYPE and parameters.get("g") == AGGREGATED and parameters.get("v") in ("v2", "v2beta1"):
            return parameters["v"]
    return None


def _clauses(accept: str) -> list[tuple[str, dict[str, str]]]:
    clauses = []
    for clause in (accept or "*/*").split(","):
        media_type, *parameters = (part.strip() for part in clause.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        clauses.append((media_type, {name: value for name, _, value in pairs}))
    return clauses
