"""A request to AWS as it arrived, an answer, and how each protocol words a refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

from sandbox.aws.credentials import Principal
from sandbox.aws.signatures import Flaw

Protocol = Literal["rest-json", "json", "query", "ec2"]
PROTOCOLS: dict[str, Protocol] = {
    "eks": "rest-json",
    "sts": "query",
    "iam": "query",
    "autoscaling": "query",
    "ec2": "ec2",
    "kms": "json",
    "ssm": "json",
    "servicequotas": "json",
    "logs": "json",
    "backup": "rest-json",
    "resiliencehub": "rest-json",
    "cloudformation": "query",
}
Refusal = (
    Flaw | Literal["access-denied", "throttled", "unavailable", "internal-failure", "unknown-operation", "invalid"]
)

_COLUMNS: tuple[Protocol, ...] = ("rest-json", "json", "query", "ec2")
_CODES: dict[Refusal, tuple[tuple[str, int], ...]] = {
    "missing-token": (
        ("MissingAuthenticationTokenException", 403),
        ("MissingAuthenticationTokenException", 400),
        ("MissingAuthenticationToken", 403),
        ("MissingParameter", 400),
    ),
    "incomplete-signature": (
        ("IncompleteSignatureException", 403),
        ("IncompleteSignatureException", 400),
        ("IncompleteSignature", 400),
        ("IncompleteSignature", 400),
    ),
    "unknown-key": (
        ("UnrecognizedClientException", 403),
        ("UnrecognizedClientException", 400),
        ("InvalidClientTokenId", 403),
        ("AuthFailure", 401),
    ),
    "expired-token": (
        ("ExpiredTokenException", 403),
        ("ExpiredTokenException", 400),
        ("ExpiredToken", 403),
        ("RequestExpired", 400),
    ),
    "bad-signature": (
        ("InvalidSignatureException", 403),
        ("InvalidSignatureException", 400),
        ("SignatureDoesNotMatch", 403),
        ("AuthFailure", 401),
    ),
    "clock-skew": (
        ("InvalidSignatureException", 403),
        ("InvalidSignatureException", 400),
        ("SignatureDoesNotMatch", 403),
        ("RequestExpired", 400),
    ),
    "access-denied": (
        ("AccessDeniedException", 403),
        ("AccessDeniedException", 400),
        ("AccessDenied", 403),
        ("UnauthorizedOperation", 403),
    ),
    "throttled": (
        ("ThrottlingException", 429),
        ("ThrottlingException", 400),
        ("Throttling", 400),
        ("RequestLimitExceeded", 503),
    ),
    "unavailable": (
        ("ServiceUnavailableException", 503),
        ("ServiceUnavailableException", 503),
        ("ServiceUnavailable", 503),
        ("Unavailable", 503),
    ),
    "internal-failure": (
        ("ServerException", 500),
        ("InternalFailure", 500),
        ("InternalFailure", 500),
        ("InternalError", 500),
    ),
    "unknown-operation": (
        ("UnknownOperationException", 404),
        ("UnknownOperationException", 404),
        ("InvalidAction", 400),
        ("InvalidAction", 400),
    ),
    "invalid": (
        ("InvalidParameterException", 400),
        ("ValidationException", 400),
        ("ValidationError", 400),
        ("InvalidParameterValue", 400),
    ),
}


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A signed request.

    `path` and `query` as on the wire, header names in lower case, `form` the fields of a query-protocol body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    service: str
    region: str
    operation: str
    principal: Principal
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """The IAM action that it takes, for example `eks:DescribeCluster`."""
        return f"{self.service}:{self.operation}"

    def members(self, name: str) -> list[str]:
        """A list in a query-protocol form: `ActionNames.member.1`, `ActionNames.member.2`…"""
        numbered = [
            (key.rsplit(".", 1)[1], value) for key, value in self.form.items() if key.startswith(f"{name}.member.")
        ]
        return [value for _, value in sorted(numbered, key=lambda pair: int(pair[0]) if pair[0].isdigit() else 0)]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer. `code` is the error's name, empty for success."""

    status: int
    content_type: str
    body: bytes
    code: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of an urlencoded body, the first value of each."""
    try:
        return {key: values[0] for key, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    except (UnicodeDecodeError, ValueError):
        return {}


def refuse(service: str, refusal: Refusal, message: str) -> Answer:
    """The refusal in the words and the protocol of `service`."""
    protocol = PROTOCOLS.get(service, "json")
    code, status = _CODES[refusal][_COLUMNS.index(protocol)]
    return error_answer(protocol, code, status, message)


def error_answer(protocol: Protocol, code: str, status: int, message: str, body: bytes | None = None) -> Answer:
    """An error in the form of a protocol. `body` replaces the JSON of a rest-json error that has more members."""
    request_id = str(uuid4())
    if protocol == "rest-json":
        content = body if body is not None else json.dumps({"message": message}).encode()
        headers = (("x-amzn-ErrorType", code), ("x-amzn-RequestId", request_id))
        return Answer(status, "application/json", content, code, headers)
    if protocol == "json":
        content = json.dumps({"__type": code, "message": message}).encode()
        return Answer(status, "application/x-amz-json-1.1", content, code, (("x-amzn-RequestId", request_id),))
    if protocol == "ec2":
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        fault = "Sender" if status < 500 else "Receiver"
        text = (
            f"<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Answer(status, "text/xml", text.encode(), code)
