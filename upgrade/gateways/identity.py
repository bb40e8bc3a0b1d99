"""Who the bot is when it talks to AWS: itself, a named profile, or a role that it assumes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from upgrade.facts import Value

ExternalId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@:/-]{2,1224}$")]


class OwnIdentity(Value):
    """The bot's own credentials, found as every AWS tool finds them (environment, web identity, instance role …)."""

    kind: Literal["own"] = "own"


class ProfileIdentity(Value):
    """A profile of the AWS configuration files."""

    kind: Literal["profile"] = "profile"
    name: Annotated[str, Field(min_length=1, max_length=128)]


class RoleIdentity(Value):
    """A role that the bot's own identity assumes.

    Args:
        arn: ``arn:aws:iam::111122223333:role/eks-upgrade-read``; the partition may be aws, aws-cn or aws-us-gov.
        external_id: what the role's trust policy asks for, if it does.
    """

    kind: Literal["role"] = "role"
    arn: Annotated[str, Field(pattern=r"^arn:aws[a-z-]*:iam::\d{12}:role/[A-Za-z0-9_+=,.@/-]{1,576}$")]
    external_id: ExternalId | None = None


Identity = Annotated[OwnIdentity | ProfileIdentity | RoleIdentity, Field(discriminator="kind")]
