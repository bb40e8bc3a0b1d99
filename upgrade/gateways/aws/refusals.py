"""What the error codes of AWS mean: one table, one sentence each."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from botocore.exceptions import ClientError

from upgrade.errors import (
    ClusterBusy,
    NodegroupsMustMatch,
    NotFound,
    NotPermitted,
    PermanentError,
    TemporaryError,
    UpdateRefused,
    UpgradeError,
)

_LONGEST: Final = 400
CREDENTIALS_HINT: Final = "Check the credentials of the bot: its environment, its profile, or the role it runs as."

# C-06 in the words of EKS: "Nodegroups … must be updated to match cluster version … before updating cluster version".
_GROUPS_MUST_MATCH = re.compile(r"node\s?groups?\b.*must be updated to match cluster version", re.IGNORECASE)
_NOT_AUTHORIZED = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9]+)")


@dataclass(frozen=True)
class Refusal:
    """An answer of AWS that is an error.

    Args:
        action: the IAM action that was refused, such as ``eks:DescribeCluster``.
        changes: whether the call would have changed something.
        request_id: AWS's id of the request.
    """

    code: str
    text: str
    status: int
    action: str
    retry_after_seconds: float | None
    changes: bool
    request_id: str

    @classmethod
    def of(cls, error: ClientError, actions: Sequence[str], *, changes: bool) -> Refusal:
        said = error.response.get("Error", {})
        metadata = error.response.get("ResponseMetadata", {})
        code = str(said.get("Code", ""))
        after = str(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
        return cls(
            code=code,
            text=one_line(said.get("Message") or code),
            status=metadata.get("HTTPStatusCode", 0),
            action=_action(error.operation_name, actions),
            retry_after_seconds=float(after) if after.isdigit() else None,
            changes=changes,
            request_id=str(metadata.get("RequestId") or ""),
        )

    def meaning(self) -> UpgradeError:
        """Our error for it."""
        error = self._sentence()(self)
        if self.changes and isinstance(error, PermanentError):
            error.request_id = self.request_id
        return error

    def _sentence(self) -> Callable[[Refusal], UpgradeError]:
        if known := _BY_CODE.get(self.code):
            return known
        if self.status == 429:
            return _throttled
        if self.status >= 500:
            return _aws_side
        return _missing if self.code.endswith(".NotFound") else _refused


def one_line(said: object) -> str:
    """What was said, on one line and not longer than a person wants to read."""
    text = " ".join(str(said).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _action(operation: str, actions: Sequence[str]) -> str:
    """The declared action of an operation. A call may fail before it is sent, when its role is assumed."""
    if operation == "AssumeRole":
        return "sts:AssumeRole"
    return next((action for action in actions if action.partition(":")[2] == operation), operation)


def _denied(refusal: Refusal) -> UpgradeError:
    found = _NOT_AUTHORIZED.search(refusal.text)
    missing = found[1] if found else refusal.action
    return NotPermitted(
        f"AWS does not allow {missing}: {refusal.text}", f"Allow {missing}.", code=refusal.code, permission=missing
    )


def _throttled(refusal: Refusal) -> UpgradeError:
    return TemporaryError(
        f"AWS throttles {refusal.action}.",
        "That passes: a run tries again by itself, a command can be given again.",
        retry_after_seconds=refusal.retry_after_seconds,
    )


def _aws_side(refusal: Refusal) -> UpgradeError:
    return TemporaryError(
        f"AWS could not answer {refusal.action} just now: {refusal.code}: {refusal.text}",
        "That passes: a run tries again by itself, a command can be given again.",
        retry_after_seconds=refusal.retry_after_seconds,
    )


def _busy(refusal: Refusal) -> UpgradeError:
    return ClusterBusy(f"Another update of this cluster is under way: {refusal.text}", "Wait until it has ended.")


def _missing(refusal: Refusal) -> UpgradeError:
    return NotFound(f"AWS knows no such thing ({refusal.action}): {refusal.text}", code=refusal.code)


def _bad_credentials(refusal: Refusal) -> UpgradeError:
    return PermanentError(
        f"AWS does not accept the bot's credentials for {refusal.action}: {refusal.text}",
        CREDENTIALS_HINT,
        code=refusal.code,
    )


def _refused(refusal: Refusal) -> UpgradeError:
    if _GROUPS_MUST_MATCH.search(refusal.text):
        return NodegroupsMustMatch(
            f"EKS wants the node groups on the cluster's version first: {refusal.text}",
            "Rotate those node groups, then go on.",
            code=refusal.code,
        )
    kind = UpdateRefused if refusal.changes else PermanentError
    return kind(f"AWS refused {refusal.action}: {refusal.text}", code=refusal.code)


_MEANINGS: Final[dict[Callable[[Refusal], UpgradeError], tuple[str, ...]]] = {
    _denied: (
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "UnauthorizedOperation",
    ),
    _throttled: (
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    ),
    _aws_side: (
        "DependencyTimeoutException",
        "IDPCommunicationError",
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "KMSInternalException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ResourcePropagationDelayException",
        "ServerException",
        "ServiceFailure",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Unavailable",
    ),
    _busy: ("ResourceInUse", "ResourceInUseException"),
    _missing: (
        "NoSuchEntity",
        "NoSuchEntityException",
        "NotFoundException",
        "ParameterNotFound",
        "ResourceNotFoundException",
    ),
    _bad_credentials: (
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidIdentityToken",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ),
}
_BY_CODE: Final = {code: meaning for meaning, codes in _MEANINGS.items() for code in codes}
