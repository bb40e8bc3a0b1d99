"""What the world refuses, named as AWS and Kubernetes name it. The faces turn these into the wire's error answers."""

from __future__ import annotations


class WorldError(Exception):
    """Something the world refuses."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class AwsError(WorldError):
    """An error answer of the EKS API.

    `code` is the exception's name in the service model, `fields` its other members.
    """

    code = "ServerException"
    http_status = 500

    def __init__(self, message: str, **fields: str) -> None:
        super().__init__(message)
        self.fields = {name: value for name, value in fields.items() if value}


class ResourceNotFound(AwsError):
    """No such cluster, node group, add-on, update or insight. `fields`: clusterName, nodegroupName or addonName."""

    code = "ResourceNotFoundException"
    http_status = 404


class ResourceInUse(AwsError):
    """Another update is in progress on what this call would change."""

    code = "ResourceInUseException"
    http_status = 409


class InvalidParameter(AwsError):
    """A parameter's value is wrong. `fields`: clusterName, nodegroupName or addonName."""

    code = "InvalidParameterException"
    http_status = 400


class InvalidRequest(AwsError):
    """The request cannot be done in the present state. `fields`: clusterName, nodegroupName or addonName."""

    code = "InvalidRequestException"
    http_status = 400


class InvalidState(AwsError):
    """Readiness checks hold the update back. `fields`: clusterName."""

    code = "InvalidStateException"
    http_status = 400


class Throttled(AwsError):
    """Too many requests of this kind."""

    code = "ThrottlingException"
    http_status = 429


class AccessDenied(AwsError):
    """The caller's identity may not do this."""

    code = "AccessDeniedException"
    http_status = 403


class KubernetesError(WorldError):
    """An error answer of the Kubernetes API. `reason` and `http_status` as in a Status object."""

    reason = "InternalError"
    http_status = 500


class ObjectNotFound(KubernetesError):
    """No object of this kind with this name."""

    reason = "NotFound"
    http_status = 404


class ObjectExists(KubernetesError):
    """An object of this kind with this name is there already."""

    reason = "AlreadyExists"
    http_status = 409


class ObjectConflict(KubernetesError):
    """The object changed since the version that the writer read."""

    reason = "Conflict"
    http_status = 409


class ObjectInvalid(KubernetesError):
    """The object breaks a rule of its kind."""

    reason = "Invalid"
    http_status = 422


class WatchExpired(KubernetesError):
    """The resource version is older than the change log reaches."""

    reason = "Expired"
    http_status = 410


class EvictionBlocked(KubernetesError):
    """A PodDisruptionBudget does not allow this eviction now."""

    reason = "TooManyRequests"
    http_status = 429

    def __init__(self, budget: str, desired: int, healthy: int) -> None:
        super().__init__("Cannot evict pod as it would violate the pod's disruption budget.")
        self.budget = budget
        self.cause = f"The disruption budget {budget} needs {desired} healthy pods and has {healthy} currently"


class SeveralBudgets(KubernetesError):
    """More than one PodDisruptionBudget matches the pod; the eviction API then answers 500."""

    def __init__(self, budgets: list[str]) -> None:
        super().__init__(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
        self.budgets = budgets
