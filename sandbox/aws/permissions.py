"""May this principal do that? Policies are the world's roles and the switch that denies an action to everybody."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from sandbox.aws.credentials import Principal
from sandbox.world.model import IamRole
from sandbox.world.world import World

ALWAYS_ALLOWED = frozenset({"sts:GetCallerIdentity"})
"""AWS answers it whatever the policies say (API reference of GetCallerIdentity)."""


class Permissions:
    """Decisions over the world's roles. Everything runs under the world's lock."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._users: dict[str, tuple[str, ...]] = {}

    def allow_user(self, arn: str, actions: tuple[str, ...]) -> None:
        """Lets an IAM user take these actions, which may hold wildcards (`eks:*`)."""
        self._users[arn] = actions

    def role(self, arn: str | None) -> IamRole | None:
        """The world's role of that ARN."""
        with self._world.current():
            for account in self._world.accounts.values():
                for role in account.roles.values():
                    if role.arn == arn:
                        return role
        return None

    def knows(self, identity_arn: str) -> bool:
        """Whether there is such a role or user."""
        return identity_arn in self._users or self.role(identity_arn) is not None

    def decision(self, identity_arn: str, action: str) -> str:
        """`allowed`, `implicitDeny` or `explicitDeny`, as SimulatePrincipalPolicy words it."""
        with self._world.current():
            if self._world.faults.denies(action):
                return "explicitDeny"
            role = self.role(identity_arn)
            patterns = role.allowed_actions if role is not None else self._users.get(identity_arn, ())
        return (
            "allowed" if any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns) else "implicitDeny"
        )

    def refusal(self, principal: Principal, action: str, resource: str) -> str | None:
        """Why `principal` may not, in AWS's words; None when it may."""
        if action in ALWAYS_ALLOWED:
            return None
        decision = self.decision(principal.identity_arn, action)
        if decision == "allowed":
            return None
        because = (
            "with an explicit deny in an identity-based policy"
            if decision == "explicitDeny"
            else f"because no identity-based policy allows the {action} action"
        )
        what = f"User: {principal.arn} is not authorized to perform: {action}"
        if action.startswith("ec2:"):
            return f"You are not authorized to perform this operation. {what} {because}"
        return f"{what} on resource: {resource} {because}"

    def trusts(self, role: IamRole, principal: Principal, action: str, external_id: str | None) -> bool:
        """Whether the role's trust policy lets `principal` take `action` (sts:AssumeRole…) on it."""
        with self._world.current():
            statements = role.trust.get("Statement", [])
        return any(_grants(statement, principal, action, external_id) for statement in statements)


def _grants(statement: dict[str, Any], principal: Principal, action: str, external_id: str | None) -> bool:
    if statement.get("Effect") != "Allow" or action not in _listed(statement.get("Action")):
        return False
    named = statement.get("Principal")
    trusted = _listed(named.get("AWS")) if isinstance(named, dict) else _listed(named)
    account_root = f":iam::{principal.account}:root"
    if not any(
        who in ("*", principal.account, principal.arn, principal.identity_arn) or who.endswith(account_root)
        for who in trusted
    ):
        return False
    wanted = statement.get("Condition", {}).get("StringEquals", {}).get("sts:ExternalId")
    return wanted is None or external_id in _listed(wanted)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
