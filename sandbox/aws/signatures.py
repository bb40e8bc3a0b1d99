"""Signature version 4, checked as AWS checks it: in the Authorization header or in the query (presigned URLs).

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import parse_qsl, quote

from sandbox.aws.credentials import Credential, CredentialStore

ALGORITHM = "AWS4-HMAC-SHA256"
CLOCK_SKEW = timedelta(minutes=5)
_AUTHORIZATION = re.compile(
    r"^AWS4-HMAC-SHA256 Credential=(?P<credential>[^,\s]+),\s*SignedHeaders=(?P<headers>[^,\s]+),\s*"
    r"Signature=(?P<signature>[0-9a-f]{64})$"
)


Flaw = Literal["missing-token", "incomplete-signature", "unknown-key", "expired-token", "bad-signature", "clock-skew"]


class SignatureRejected(Exception):
    """The request is not signed as it must be."""

    def __init__(self, flaw: Flaw, message: str) -> None:
        super().__init__(message)
        self.flaw: Flaw = flaw
        self.message = message


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a signature covers. `path` and `query` as on the wire (still encoded); header names in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Scope:
    """A credential scope, such as `AKIA…/20261120/eu-central-1/eks/aws4_request`."""

    access_key_id: str
    date: str
    region: str
    service: str

    @classmethod
    def parse(cls, text: str) -> Scope:
        parts = text.split("/")
        if len(parts) != 5 or parts[4] != "aws4_request":
            raise SignatureRejected(
                "incomplete-signature", f"Credential must have exactly 5 slash-delimited elements: {text}"
            )
        return cls(*parts[:4])


def scope_of(authorization: str | None) -> Scope | None:
    """The scope that an Authorization header names, not yet checked; None for another kind of header."""
    match = _AUTHORIZATION.match(authorization or "")
    return Scope.parse(match["credential"]) if match else None


def verify_headers(request: SignedRequest, credentials: CredentialStore, now: datetime) -> tuple[Credential, Scope]:
    """The credential that signed `request` in its Authorization header. Raises SignatureRejected."""
    match = _AUTHORIZATION.match(request.headers.get("authorization", ""))
    if match is None:
        raise SignatureRejected("missing-token", "Missing Authentication Token")
    scope = Scope.parse(match["credential"])
    stamp = request.headers.get("x-amz-date", "")
    signed_at = parse_stamp(stamp)
    if abs(now - signed_at) > CLOCK_SKEW:
        raise SignatureRejected(
            "clock-skew",
            f"Signature expired: {stamp} is now earlier or later than {now:%Y%m%dT%H%M%SZ} by more than 5 min.",
        )
    credential = _credential(scope, request.headers.get("x-amz-security-token"), credentials, now)
    expected = signature(request, match["headers"].split(";"), scope, stamp, credential.secret_access_key)
    if not hmac.compare_digest(expected, match["signature"]):
        raise SignatureRejected(
            "bad-signature",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method. Consult the service documentation for details.",
        )
    return credential, scope


def verify_query(
    request: SignedRequest, credentials: CredentialStore, now: datetime
) -> tuple[Credential, Scope, datetime, timedelta]:
    """The credential that presigned `request`, its scope, when it signed and for how long. The caller judges the age.

    Raises SignatureRejected.
    """
    query = dict(parse_qsl(request.query, keep_blank_values=True))
    if query.get("X-Amz-Algorithm") != ALGORITHM or "X-Amz-Signature" not in query:
        raise SignatureRejected("missing-token", "Missing Authentication Token")
    scope = Scope.parse(query.get("X-Amz-Credential", ""))
    stamp = query.get("X-Amz-Date", "")
    signed_at = parse_stamp(stamp)
    credential = _credential(scope, query.get("X-Amz-Security-Token"), credentials, now)
    names = query.get("X-Amz-SignedHeaders", "").split(";")
    expected = signature(request, names, scope, stamp, credential.secret_access_key)
    if not hmac.compare_digest(expected, query["X-Amz-Signature"]):
        raise SignatureRejected("bad-signature", "The request signature we calculated does not match the signature.")
    expires = query.get("X-Amz-Expires", "")
    if not expires.isdigit():
        raise SignatureRejected("incomplete-signature", "X-Amz-Expires must be a number of seconds.")
    return credential, scope, signed_at, timedelta(seconds=int(expires))


def signature(request: SignedRequest, names: list[str], scope: Scope, stamp: str, secret: str) -> str:
    """The hexadecimal signature of a request over the headers `names`, its own signature in the query left out."""
    query = [pair for pair in parse_qsl(request.query, keep_blank_values=True) if pair[0] != "X-Amz-Signature"]
    pairs = sorted((quote(key, safe="-_.~"), quote(value, safe="-_.~")) for key, value in query)
    canonical = "\n".join(
        [
            request.method,
            # All services but S3 encode the path a second time.
            quote(request.path or "/", safe="/~"),
            "&".join(f"{key}={value}" for key, value in pairs),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            hashlib.sha256(request.body).hexdigest(),
        ]
    )
    place = f"{scope.date}/{scope.region}/{scope.service}/aws4_request"
    to_sign = "\n".join([ALGORITHM, stamp, place, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def parse_stamp(text: str) -> datetime:
    """`20261120T090000Z`. Raises SignatureRejected."""
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise SignatureRejected(
            "incomplete-signature", f"Date must be in ISO-8601 'basic format'. Got '{text}'."
        ) from None


def _credential(scope: Scope, token: str | None, credentials: CredentialStore, now: datetime) -> Credential:
    credential = credentials.find(scope.access_key_id)
    if credential is None or credential.session_token != token:
        raise SignatureRejected("unknown-key", "The security token included in the request is invalid.")
    if credential.expires_at is not None and now >= credential.expires_at:
        raise SignatureRejected("expired-token", "The security token included in the request is expired")
    return credential
