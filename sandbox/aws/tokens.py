"""Cluster tokens (`k8s-aws-v1.…`), checked as EKS's authenticator and STS check them.

A token is a presigned STS GetCallerIdentity URL with the cluster's name in a signed header; it lives 15 minutes from
its signing, whatever X-Amz-Expires says (https://github.com/kubernetes-sigs/aws-iam-authenticator, pkg/token).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Collection
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from sandbox.aws.credentials import CredentialStore, Principal
from sandbox.aws.signatures import CLOCK_SKEW, SignatureRejected, SignedRequest, verify_query

PREFIX = "k8s-aws-v1."
CLUSTER_HEADER = "x-k8s-aws-id"
LIFETIME = timedelta(minutes=15)
LONGEST = 4096
_STS_HOST = re.compile(r"^sts(-fips)?(\.[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com(\.cn)?$")
_PARAMETERS = {
    "action",
    "version",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-security-token",
    "x-amz-signature",
    "x-amz-signedheaders",
}


class TokenRejected(Exception):
    """The token does not prove who calls; the API server answers 401. The text says why and never holds the token."""


def verify_token(
    token: str, cluster_name: str, credentials: CredentialStore, now: datetime, own_hosts: Collection[str] = ()
) -> Principal:
    """Who made `token` for `cluster_name`.

    `now` is the machine's time; `own_hosts` are addresses (`127.0.0.1:4000`) that stand for STS besides its real names.
    Raises TokenRejected.
    """
    url = urlsplit(_decode(token))
    if not (_STS_HOST.match(url.netloc) and url.scheme == "https") and url.netloc not in own_hosts:
        raise TokenRejected(f"unexpected hostname {url.netloc!r} in the pre-signed URL")
    if url.path not in ("", "/"):
        raise TokenRejected("unexpected path in the pre-signed URL")
    query = {name.lower(): value for name, value in parse_qsl(url.query, keep_blank_values=True)}
    if unknown := sorted(query.keys() - _PARAMETERS):
        raise TokenRejected(f"non-whitelisted query parameter {unknown[0]!r}")
    if query.get("action") != "GetCallerIdentity":
        raise TokenRejected("unexpected action parameter in the pre-signed URL")
    if CLUSTER_HEADER not in query.get("x-amz-signedheaders", "").lower().split(";"):
        raise TokenRejected(f"client did not sign the {CLUSTER_HEADER} header in the pre-signed URL")
    request = SignedRequest("GET", "/", url.query, {"host": url.netloc, CLUSTER_HEADER: cluster_name})
    try:
        credential, _, signed_at, lifetime = verify_query(request, credentials, now)
    except SignatureRejected as error:
        # A token made for another cluster fails here: the name is part of what was signed.
        raise TokenRejected(f"STS refused the pre-signed URL: {error.message}") from None
    if lifetime > LIFETIME:
        raise TokenRejected("invalid X-Amz-Expires parameter in the pre-signed URL")
    if now - signed_at > LIFETIME:
        raise TokenRejected(f"X-Amz-Date parameter is expired ({LIFETIME.total_seconds() / 60:.0f} minute lifetime)")
    if signed_at - now > CLOCK_SKEW:
        raise TokenRejected("X-Amz-Date parameter is in the future")
    return credential.principal


def _decode(token: str) -> str:
    if len(token) > LONGEST:
        raise TokenRejected("token is too large")
    if not token.startswith(PREFIX):
        raise TokenRejected(f"token is missing the expected prefix {PREFIX!r}")
    text = token.removeprefix(PREFIX)
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, UnicodeDecodeError):
        raise TokenRejected("token is not base64url") from None
