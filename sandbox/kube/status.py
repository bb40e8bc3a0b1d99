"""The API server's error answers: Status objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.world.errors import EvictionBlocked, KubernetesError
from sandbox.world.objects import Json, Resource


class Refused(Exception):
    """A request is answered with a Status of `code` and `reason`.

    `details` and `metadata` are the Status's own; `headers` go with the answer.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Json | None = None,
        *,
        metadata: Json | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}
        self.headers = headers or {}

    def status(self) -> Json:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            **({"details": self.details} if self.details else {}),
            "code": self.code,
        }


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `details.causes`."""

    reason: str
    message: str
    field: str = ""

    def as_json(self) -> Json:
        return {"reason": self.reason, "message": self.message, **({"field": self.field} if self.field else {})}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a Status is about."""

    resource: Resource
    name: str = ""
    causes: tuple[Cause, ...] = field(default_factory=tuple)

    @property
    def qualified(self) -> str:
        """`pods`, `deployments.apps`, as error messages call the kind."""
        return f"{self.resource.plural}.{self.resource.group}" if self.resource.group else self.resource.plural

    def details(self) -> Json:
        found: Json = {"kind": self.resource.plural}
        if self.name:
            found["name"] = self.name
        if self.resource.group:
            found["group"] = self.resource.group
        if self.causes:
            found["causes"] = [cause.as_json() for cause in self.causes]
        return found


def success(details: Json | None = None, code: int | None = None) -> Json:
    """A Status object that tells of success."""
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        **({"details": details} if details else {}),
        **({"code": code} if code else {}),
    }


def bad_request(message: str) -> Refused:
    return Refused(400, "BadRequest", message)


def unauthorized() -> Refused:
    return Refused(401, "Unauthorized", "Unauthorized")


def not_found(resource: Resource, name: str) -> Refused:
    subject = Subject(resource, name)
    return Refused(404, "NotFound", f'{subject.qualified} "{name}" not found', subject.details())


def no_such_path() -> Refused:
    return Refused(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> Refused:
    return Refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def expired(message: str, continue_token: str = "") -> Refused:
    """410 for a watch or a continue token that is too old; `continue_token` lets a list go on, inconsistently."""
    return Refused(410, "Expired", message, metadata={"continue": continue_token} if continue_token else None)


def throttled(resource: str) -> Refused:
    """429 as API priority and fairness answers."""
    return Refused(
        429,
        "TooManyRequests",
        "too many requests, please try again later",
        {"kind": resource, "retryAfterSeconds": 1},
        headers={"Retry-After": "1"},
    )


def too_large_version(asked: int, current: int) -> Refused:
    return Refused(
        504,
        "Timeout",
        f"Too large resource version: {asked}, current: {current}",
        {"causes": [Cause("ResourceVersionTooLarge", "Too large resource version").as_json()], "retryAfterSeconds": 1},
    )


def invalid(resource: Resource, name: str, causes: list[Cause]) -> Refused:
    """422 with a cause for each field that is wrong."""
    told = [f"{cause.field}: {cause.message}" for cause in causes]
    subject = Subject(resource, name, tuple(causes))
    text = told[0] if len(told) == 1 else f"[{', '.join(told)}]"
    group = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    return Refused(422, "Invalid", f'{group} "{name}" is invalid: {text}', {**subject.details(), "kind": resource.kind})


def from_world(error: KubernetesError, resource: Resource, name: str) -> Refused:
    """What the world refuses, as the wire tells it."""
    details: Json = Subject(resource, name).details()
    if isinstance(error, EvictionBlocked):
        causes: list[dict[str, Any]] = [Cause("DisruptionBudget", error.cause).as_json()]
        return Refused(429, error.reason, error.message, {"causes": causes})
    return Refused(error.http_status, error.reason, error.message, details)
