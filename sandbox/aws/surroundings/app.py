"""Answers a request to one of these services that is signed and allowed, in the service's own protocol."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

# Importing these fills the table of operations.
from sandbox.aws.eks import protocol
from sandbox.aws.requests import PROTOCOLS, Answer, ApiRequest, error_answer, refuse
from sandbox.aws.surroundings import logs, services  # noqa: F401
from sandbox.aws.surroundings.operations import OPERATIONS, SurroundingCall
from sandbox.world.errors import AwsError
from sandbox.world.world import World

MODELS = {
    "servicequotas": "service-quotas",
    "logs": "logs",
    "backup": "backup",
    "resiliencehub": "resiliencehub",
    "cloudformation": "cloudformation",
}
"""The services answered here, as requests are signed for them, and what botocore calls their models."""


class SurroundingServices:
    """These services of one face. What they remember between calls is lost with it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memory: dict[str, Any] = {}

    def answer(self, request: ApiRequest, route: protocol.Route | None) -> Answer:
        """The answer, or a refusal in the service's words; an operation that is not simulated is refused too."""
        kind, operation = PROTOCOLS[request.service], OPERATIONS.get((request.service, request.operation))
        if operation is None:
            message = f"The sandbox does not simulate {request.action}."
            return refuse(request.service, "unknown-operation", message)
        model = MODELS[request.service]
        try:
            if kind == "query":
                parameters: dict[str, Any] = dict(request.form)
            else:
                found = route or protocol.Route(request.operation, {}, model)
                parameters = protocol.parse(found, request.query, request.body)
            call = SurroundingCall(self._world, parameters, request.principal.account, request.region, self._memory)
            with self._world.current():
                content = operation(call)
        except AwsError as error:
            return error_answer(kind, error.code, error.http_status, error.message)
        if kind == "query":
            return _xml(request, model, content)
        body = protocol.render(request.operation, content, model)
        content_type = "application/json" if kind == "rest-json" else "application/x-amz-json-1.1"
        return Answer(200, content_type, body, headers=(("x-amzn-RequestId", str(uuid4())),))


def _xml(request: ApiRequest, model: str, content: Mapping[str, Any]) -> Answer:
    protocol.render(request.operation, content, model)  # raises for what the model does not allow
    name = request.operation
    text = (
        f'<{name}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><{name}Result>{_element(content)}'
        f"</{name}Result><ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata></{name}Response>"
    )
    return Answer(200, "text/xml", text.encode())


def _element(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(f"<{name}>{_element(item)}</{name}>" for name, item in value.items())
    if isinstance(value, list):
        return "".join(f"<member>{_element(item)}</member>" for item in value)
    return escape(value.isoformat() if isinstance(value, datetime) else str(value))
