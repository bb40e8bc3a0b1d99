"""From the ARN of a caller to the ARN that policies and access entries know."""

from __future__ import annotations

import re
from typing import Any

from botocore.exceptions import ClientError

from upgrade.errors import PermanentError

_ASSUMED = re.compile(r"^arn:(?P<partition>[\w-]+):sts::(?P<account>\d{12}):assumed-role/(?P<role>[^/]+)/.+$")
_PLAIN = re.compile(r"^arn:[\w-]+:iam::\d{12}:(role|user)/.+$")


def principal_of(arn: str, iam: Any) -> str:
    """The role behind ``arn:aws:sts::…:assumed-role/NAME/SESSION``; a role's or user's own ARN as it is.

    The session's ARN leaves out the role's path, so IAM is asked; without iam:GetRole the path is taken to be empty.
    Raises PermanentError for a principal that has no such ARN (the root user, a federated user).
    """
    if _PLAIN.match(arn):
        return arn
    session = _ASSUMED.match(arn)
    if not session:
        raise PermanentError(
            f"{arn} is neither a role nor a user.", "Run the bot as an IAM role.", code="PrincipalKind"
        )
    try:
        return str(iam.get_role(RoleName=session["role"])["Role"]["Arn"])
    except ClientError:
        return f"arn:{session['partition']}:iam::{session['account']}:role/{session['role']}"
