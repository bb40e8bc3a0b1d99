"""AssumeRole: what STS checks before it gives out a session, and what the session is afterwards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.aws.credentials import Credential, CredentialStore, Principal
from sandbox.aws.permissions import Permissions
from sandbox.aws.requests import Answer, ApiRequest, refuse

_NAME = re.compile(r"^[\w+=,.@-]{2,64}$", re.ASCII)
_EXTERNAL_ID = re.compile(r"^[\w+=,.@:/-]{2,1224}$", re.ASCII)
SHORTEST_SESSION = 900
LONGEST_SESSION = 3600
"""The roles of the world have the usual maximum session duration of one hour."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session that AssumeRole gave out."""

    at: datetime
    role_arn: str
    session_name: str
    source_identity: str | None
    external_id: str | None
    caller_arn: str
    region: str
    duration_seconds: int
    access_key_id: str


def refuse_assume_role(request: ApiRequest, permissions: Permissions) -> Answer | None:
    """STS's refusal, or None when the role may be assumed. It never tells whether a role exists."""
    form, principal = request.form, request.principal
    role_arn = form.get("RoleArn", "")
    if problem := _problem(request):
        return refuse("sts", "invalid", f"1 validation error detected: {problem}")
    role = permissions.role(role_arn)
    if "SourceIdentity" in form and (reason := permissions.refusal(principal, "sts:SetSourceIdentity", role_arn)):
        return refuse("sts", "access-denied", reason)
    for action in ("sts:AssumeRole", *(["sts:SetSourceIdentity"] if "SourceIdentity" in form else [])):
        if role is None or not permissions.trusts(role, principal, action, form.get("ExternalId")):
            return refuse("sts", "access-denied", _not_authorized(principal, action, role_arn))
    if principal.source_identity not in (None, form.get("SourceIdentity", principal.source_identity)):
        # A source identity that was once set stays through every chained role.
        return refuse("sts", "access-denied", _not_authorized(principal, "sts:SetSourceIdentity", role_arn))
    return None


def remember_session(request: ApiRequest, assumed: Any, credentials: CredentialStore, now: datetime) -> Session:
    """Makes the credentials that moto gave out known and says what the session is; `assumed` is moto's record."""
    form = request.form
    source_identity = form.get("SourceIdentity") or request.principal.source_identity
    principal = Principal(
        account=assumed.account_id,
        arn=assumed.arn,
        user_id=assumed.user_id,
        role_arn=form["RoleArn"],
        session_name=assumed.session_name,
        source_identity=source_identity,
    )
    credentials.add(
        Credential(
            access_key_id=assumed.access_key_id,
            secret_access_key=assumed.secret_access_key,
            principal=principal,
            session_token=assumed.session_token,
            expires_at=assumed.expiration.replace(tzinfo=now.tzinfo)
            if assumed.expiration.tzinfo is None
            else assumed.expiration,
        )
    )
    return Session(
        at=now,
        role_arn=form["RoleArn"],
        session_name=assumed.session_name,
        source_identity=source_identity,
        external_id=form.get("ExternalId"),
        caller_arn=request.principal.arn,
        region=request.region,
        duration_seconds=int(form.get("DurationSeconds", LONGEST_SESSION)),
        access_key_id=assumed.access_key_id,
    )


def _not_authorized(principal: Principal, action: str, role_arn: str) -> str:
    return f"User: {principal.arn} is not authorized to perform: {action} on resource: {role_arn}"


def _problem(request: ApiRequest) -> str | None:
    form = request.form
    if not re.match(r"^arn:aws[a-z-]*:iam::\d{12}:role/.+$", form.get("RoleArn", "")):
        return f"Value '{form.get('RoleArn', '')}' at 'roleArn' is invalid"
    for field, pattern in (("RoleSessionName", _NAME), ("SourceIdentity", _NAME), ("ExternalId", _EXTERNAL_ID)):
        value = form.get(field)
        if (value is None and field == "RoleSessionName") or (value is not None and not pattern.match(value)):
            member = field[0].lower() + field[1:]
            return (
                f"Value '{value or ''}' at '{member}' failed to satisfy constraint: "
                f"Member must satisfy regular expression pattern: {pattern.pattern.strip('^$')}"
            )
    duration = form.get("DurationSeconds", str(LONGEST_SESSION))
    if not duration.isdigit() or int(duration) < SHORTEST_SESSION:
        return (
            f"Value '{duration}' at 'durationSeconds' failed to satisfy constraint: "
            "Member must have value greater than or equal to 900"
        )
    if int(duration) > LONGEST_SESSION:
        return "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    return None
