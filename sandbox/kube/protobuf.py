"""Kubernetes protobuf bodies, as newer kubectls send them for the few objects that they build themselves.

An envelope (`k8s\\0`, then runtime.Unknown) around a message; field numbers are those of the generated.proto files of
k8s.io/api and k8s.io/apimachinery. What is not in the tables here is refused, never dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.world.objects import Json

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_VARINT, _BYTES = 0, 2

# Message → field number → (JSON name, type); `[]` marks repeated fields, `{}` maps of texts, other names are messages.
_MESSAGES: dict[str, dict[int, tuple[str, str]]] = {
    "ObjectMeta": {
        1: ("name", "text"),
        2: ("generateName", "text"),
        3: ("namespace", "text"),
        4: ("selfLink", "text"),
        5: ("uid", "text"),
        6: ("resourceVersion", "text"),
        7: ("generation", "number"),
        8: ("creationTimestamp", "Nothing"),
        11: ("labels", "text{}"),
        12: ("annotations", "text{}"),
    },
    "Nothing": {},
    "SelfSubjectAccessReview": {
        1: ("metadata", "ObjectMeta"),
        2: ("spec", "AccessSpec"),
        3: ("status", "AccessStatus"),
    },
    "AccessSpec": {1: ("resourceAttributes", "ResourceAttributes"), 2: ("nonResourceAttributes", "PathAttributes")},
    "ResourceAttributes": {
        1: ("namespace", "text"),
        2: ("verb", "text"),
        3: ("group", "text"),
        4: ("version", "text"),
        5: ("resource", "text"),
        6: ("subresource", "text"),
        7: ("name", "text"),
    },
    "PathAttributes": {1: ("path", "text"), 2: ("verb", "text")},
    "AccessStatus": {
        1: ("allowed", "flag"),
        2: ("reason", "text"),
        3: ("evaluationError", "text"),
        4: ("denied", "flag"),
    },
    "SelfSubjectRulesReview": {1: ("metadata", "ObjectMeta"), 2: ("spec", "RulesSpec"), 3: ("status", "RulesStatus")},
    "RulesSpec": {1: ("namespace", "text")},
    "RulesStatus": {3: ("incomplete", "flag"), 4: ("evaluationError", "text")},
    "SelfSubjectReview": {1: ("metadata", "ObjectMeta"), 2: ("status", "ReviewStatus")},
    "ReviewStatus": {1: ("userInfo", "UserInfo")},
    "UserInfo": {1: ("username", "text"), 2: ("uid", "text")},
    "Namespace": {1: ("metadata", "ObjectMeta"), 2: ("spec", "Nothing"), 3: ("status", "NamespaceStatus")},
    "NamespaceStatus": {1: ("phase", "text")},
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", "text{}")},
    "ServiceAccount": {1: ("metadata", "ObjectMeta")},
    "Eviction": {1: ("metadata", "ObjectMeta"), 2: ("deleteOptions", "DeleteOptions")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "number"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "flag"),
        4: ("propagationPolicy", "text"),
        5: ("dryRun", "text[]"),
    },
    "Preconditions": {1: ("uid", "text"), 2: ("resourceVersion", "text")},
    "PodDisruptionBudget": {1: ("metadata", "ObjectMeta"), 2: ("spec", "BudgetSpec"), 3: ("status", "BudgetStatus")},
    "BudgetSpec": {
        1: ("minAvailable", "IntOrString"),
        2: ("selector", "LabelSelector"),
        3: ("maxUnavailable", "IntOrString"),
    },
    "BudgetStatus": {
        1: ("observedGeneration", "number"),
        3: ("disruptionsAllowed", "number"),
        4: ("currentHealthy", "number"),
        5: ("desiredHealthy", "number"),
        6: ("expectedPods", "number"),
    },
    "IntOrString": {1: ("type", "number"), 2: ("intVal", "number"), 3: ("strVal", "text")},
    "LabelSelector": {1: ("matchLabels", "text{}"), 2: ("matchExpressions", "LabelRequirement[]")},
    "LabelRequirement": {1: ("key", "text"), 2: ("operator", "text"), 3: ("values", "text[]")},
    "Deployment": {1: ("metadata", "ObjectMeta"), 2: ("spec", "DeploymentSpec"), 3: ("status", "DeploymentStatus")},
    "DeploymentSpec": {
        1: ("replicas", "number"),
        2: ("selector", "LabelSelector"),
        3: ("template", "PodTemplate"),
        4: ("strategy", "Strategy"),
        5: ("minReadySeconds", "number"),
        7: ("paused", "flag"),
    },
    "Strategy": {1: ("type", "text")},
    "DeploymentStatus": {number: (f"count{number}", "number") for number in (1, 2, 3, 4, 5, 7)},
    "PodTemplate": {1: ("metadata", "ObjectMeta"), 2: ("spec", "PodSpec")},
    "PodSpec": {
        2: ("containers", "Container[]"),
        3: ("restartPolicy", "text"),
        4: ("terminationGracePeriodSeconds", "number"),
        6: ("dnsPolicy", "text"),
        8: ("serviceAccountName", "text"),
        9: ("serviceAccount", "text"),
        10: ("nodeName", "text"),
        11: ("hostNetwork", "flag"),
        12: ("hostPID", "flag"),
        13: ("hostIPC", "flag"),
        16: ("hostname", "text"),
        17: ("subdomain", "text"),
        19: ("schedulerName", "text"),
        24: ("priorityClassName", "text"),
    },
    "Container": {
        1: ("name", "text"),
        2: ("image", "text"),
        3: ("command", "text[]"),
        4: ("args", "text[]"),
        5: ("workingDir", "text"),
        6: ("ports", "ContainerPort[]"),
        8: ("resources", "Nothing"),
        13: ("terminationMessagePath", "text"),
        14: ("imagePullPolicy", "text"),
        16: ("stdin", "flag"),
        17: ("stdinOnce", "flag"),
        18: ("tty", "flag"),
        20: ("terminationMessagePolicy", "text"),
    },
    "ContainerPort": {
        1: ("name", "text"),
        2: ("hostPort", "number"),
        3: ("containerPort", "number"),
        4: ("protocol", "text"),
        5: ("hostIP", "text"),
    },
}


class NotUnderstood(Exception):
    """A protobuf body that is malformed, or holds something that the tables do not know."""


def decode_body(body: bytes) -> Json:
    """The object in a protobuf body, in JSON form. Raises NotUnderstood."""
    if not body.startswith(_MAGIC):
        raise NotUnderstood("the body does not begin with the protobuf envelope")
    envelope = {number: value for number, value in _fields(body[len(_MAGIC) :]) if isinstance(value, bytes)}
    type_meta = {number: value for number, value in _fields(envelope.get(1, b"")) if isinstance(value, bytes)}
    kind = type_meta.get(2, b"").decode()
    if kind not in _MESSAGES:
        raise NotUnderstood(f"{kind or 'an object without kind'} is taken as JSON or YAML only")
    return {"apiVersion": type_meta.get(1, b"").decode(), "kind": kind, **_message(kind, envelope.get(2, b""))}


def _message(name: str, data: bytes) -> Json:
    table = _MESSAGES[name]
    found: Json = {}
    for number, value in _fields(data):
        if number not in table:
            raise NotUnderstood(f"field {number} of {name} is taken in JSON or YAML bodies only")
        field, kind = table[number]
        if kind.endswith("{}"):
            entry = dict(_fields(_expect_bytes(value)))
            found.setdefault(field, {})[_text(entry.get(1, b""))] = _text(entry.get(2, b""))
        elif kind.endswith("[]"):
            found.setdefault(field, []).append(_value(kind.removesuffix("[]"), value))
        else:
            found[field] = _value(kind, value)
    # The wire cannot tell an empty text from none; JSON clients leave them out.
    return {field: value for field, value in found.items() if value not in ("", {}, None)}


def _value(kind: str, value: int | bytes) -> Any:
    if kind == "text":
        return _text(value)
    if kind in ("number", "flag"):
        if isinstance(value, bytes):
            raise NotUnderstood("a number was expected")
        return bool(value) if kind == "flag" else value - (1 << 64) if value >> 63 else value
    if kind == "Nothing":
        return None
    if kind == "IntOrString":
        parts = _message(kind, _expect_bytes(value))
        return parts.get("strVal", "") if parts.get("type") else parts.get("intVal", 0)
    return _message(kind, _expect_bytes(value))


def _text(value: int | bytes) -> str:
    try:
        return _expect_bytes(value).decode()
    except UnicodeDecodeError:
        raise NotUnderstood("a text is not UTF-8") from None


def _expect_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise NotUnderstood("a text or message was expected")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a message as it is on the wire."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, at = _varint(data, at)
            yield number, value
        elif wire_type == _BYTES:
            length, at = _varint(data, at)
            if at + length > len(data):
                raise NotUnderstood("the body ends too early")
            yield number, data[at : at + length]
            at += length
        else:
            raise NotUnderstood(f"wire type {wire_type} is not used by Kubernetes objects")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise NotUnderstood("the body ends too early")
