"""Request bodies: decoded, and checked for what every object must have."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import yaml

from sandbox.kube import protobuf
from sandbox.kube.requests import Asked
from sandbox.kube.shapes import WrongShape, check_shape
from sandbox.kube.status import Cause, Refused, bad_request, invalid
from sandbox.world import manifests
from sandbox.world.objects import DAEMON_SETS, DEPLOYMENTS, JOBS, REPLICA_SETS, STATEFUL_SETS, Json, Resource

_DNS_SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
_DNS_LABEL = re.compile(r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_PATH_SEGMENT_KINDS = ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")
_LABEL_KINDS = ("Namespace", "Service")
_REQUIRED: dict[str, tuple[str, ...]] = {
    "Deployment": ("selector", "template"),
    "DaemonSet": ("selector", "template"),
    "StatefulSet": ("selector", "template"),
    "ReplicaSet": ("selector",),
    "Job": ("template",),
    "CronJob": ("schedule", "jobTemplate"),
    "Pod": ("containers",),
    "HorizontalPodAutoscaler": ("scaleTargetRef", "maxReplicas"),
}


_WITH_TEMPLATE = (DEPLOYMENTS.key, REPLICA_SETS.key, STATEFUL_SETS.key, DAEMON_SETS.key, JOBS.key)


def decode(text: bytes, content_type: str) -> Any:
    """JSON; YAML or protobuf where the content type says so. Raises Refused: 400 for what cannot be read, 415 else."""
    media_type = content_type.split(";", maxsplit=1)[0].strip().lower()
    if media_type == protobuf.MEDIA_TYPE:
        try:
            return protobuf.decode_body(text)
        except protobuf.NotUnderstood as error:
            raise _unsupported(f"{media_type}: {error}") from None
    if media_type.endswith("yaml"):
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise bad_request(f"error converting YAML to JSON: {error}") from None
    if media_type in ("", "application/json") or media_type.endswith("+json"):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise bad_request(f"couldn't get version/kind; json parse error: {error}") from None
    raise _unsupported(media_type)


def _unsupported(told: str) -> Refused:
    return Refused(
        415,
        "UnsupportedMediaType",
        "the body of the request was in an unknown format - accepted media types include: application/json, "
        f"application/yaml; got {told}",
        {},
    )


def read_body(asked: Asked) -> Json:
    """The body as an object; none for an empty body. Raises Refused."""
    if not asked.body.strip():
        return {}
    found = decode(asked.body, asked.content_type)
    if not isinstance(found, dict):
        raise bad_request("the body is not an object")
    return found


def read_object(asked: Asked, resource: Resource) -> Json:
    """The body as an object of that kind for the namespace of the path. Raises Refused (400, 415)."""
    found = read_body(asked)
    if not found:
        raise bad_request("an object is required: the body is empty")
    for name, expected in (("kind", resource.kind), ("apiVersion", resource.api_version)):
        if found.get(name, expected) != expected:
            raise bad_request(
                f"the API version in the data ({found.get('apiVersion')}) and the kind ({found.get('kind')}) do not "
                f"match the expected ones ({resource.api_version}, {resource.kind})"
            )
    metadata = found.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise bad_request("metadata must be an object")
    if resource.namespaced and metadata.get("namespace", asked.namespace) != asked.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    scope = {"namespace": asked.namespace} if resource.namespaced else {}
    return {**found, "metadata": {**metadata, **scope}}


def without_nulls(value: Any) -> Any:
    """A copy in which fields that are null are left out, as the API server reads them."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_nulls(item) for item in value]
    return value


def check_types(resource: Resource, found: Json) -> None:
    """Raises Refused when a field has a type (400) or a value (422) that its kind does not allow."""
    try:
        check_shape(resource.kind, found)
    except WrongShape as wrong:
        if not wrong.of_type:
            cause = Cause("FieldValueInvalid", f"Invalid value: {wrong.message}", wrong.path)
            raise invalid(resource, str(found["metadata"].get("name") or ""), [cause]) from None
        told = f"{resource.kind} in version {resource.version!r} cannot be handled as a {resource.kind}: {wrong}"
        raise bad_request(told) from None


def check_object(resource: Resource, found: Json) -> None:
    """What every kind, and this kind, must have, types being right. Raises Refused (422) with a cause a field."""
    name = found["metadata"].get("name")
    causes = _name_causes(resource, name)
    spec = found.get("spec") or {}
    for field in _REQUIRED.get(resource.kind, ()):
        if spec.get(field) in (None, [], "", {}):
            causes.append(Cause("FieldValueRequired", "Required value", f"spec.{field}"))
    causes = causes or _spec_causes(resource, spec)
    if causes:
        raise invalid(resource, str(name or ""), causes)


def _name_causes(resource: Resource, name: Any) -> list[Cause]:
    if not name:
        return [Cause("FieldValueRequired", "Required value: name or generateName is required", "metadata.name")]
    if resource.kind in _PATH_SEGMENT_KINDS:
        fits = isinstance(name, str) and "/" not in name and "%" not in name and name not in (".", "..")
    else:
        pattern = _DNS_LABEL if resource.kind in _LABEL_KINDS else _DNS_SUBDOMAIN
        fits = isinstance(name, str) and pattern.match(name) is not None
    if fits:
        return []
    told = (
        f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '
        "'-' or '.', and must start and end with an alphanumeric character"
    )
    return [Cause("FieldValueInvalid", told, "metadata.name")]


def _spec_causes(resource: Resource, spec: Json) -> list[Cause]:
    if resource.key in _WITH_TEMPLATE and "template" in spec:
        if not (spec["template"].get("spec") or {}).get("containers"):
            return [Cause("FieldValueRequired", "Required value", "spec.template.spec.containers")]
        labels = (spec["template"].get("metadata") or {}).get("labels") or {}
        if resource.group == "apps" and not manifests.matches(spec["selector"], labels):
            told = f"Invalid value: {labels}: `selector` does not match template `labels`"
            return [Cause("FieldValueInvalid", told, "spec.template.metadata.labels")]
    if resource.kind == "PodDisruptionBudget" and "minAvailable" in spec and "maxUnavailable" in spec:
        return [Cause("FieldValueInvalid", "Invalid value: minAvailable and maxUnavailable cannot be both set", "spec")]
    return []
