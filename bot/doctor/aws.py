"""What AWS refuses, and the move that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

from bot.config import ClusterSettings
from bot.doctor.verdicts import Verdict, fix, note
from upgrade.eks import CallerIdentity
from upgrade.errors import NotFound, NotPermitted, UpgradeError
from upgrade.gateways.identity import Identity, RoleIdentity

#: What assuming a role may take; sts:TagSession where the bot's own session has tags, as with EKS Pod Identity.
_ASSUMING: Final = {
    "sts:AssumeRole": "aws-assume-role",
    "sts:SetSourceIdentity": "aws-set-source-identity",
    "sts:TagSession": "aws-tag-session",
}
_LISTED: Final = ", ".join(_ASSUMING)
_SENTENCES_END: Final = (".", "!", "?")
_CREDENTIALS: Final = "aws sts get-caller-identity (in the bot's environment: keys, profile, or the role of its pod)"


def trouble(subject: str, error: UpgradeError, identity: Identity | None = None, own: str = "") -> Verdict:
    """The verdict for an identity that does not work.

    Args:
        own: ARN of the bot's own identity, which assumes the roles.
    """
    permission = getattr(error, "permission", None)
    code = str(getattr(error, "code", ""))
    if isinstance(identity, RoleIdentity) and permission in _ASSUMING:
        return _not_assumed(subject, identity, permission, own)
    if code == "TLS":
        return fix("aws-tls", subject, error.message, error.hint or "set AWS_CA_BUNDLE to the authority's PEM file")
    if code == "NotReached":
        remedy = "check the network, HTTPS_PROXY and NO_PROXY, or the VPC endpoints"
        return fix("aws-unreachable", subject, error.message, remedy)
    if isinstance(error, NotPermitted):
        return fix("aws-permission", subject, error.message, f"allow {permission} to the bot's own identity")
    return fix("aws-credentials", subject, sentence(error.message), _CREDENTIALS)


def _not_assumed(subject: str, role: RoleIdentity, permission: str, own: str) -> Verdict:
    name = role.arn.rpartition("/")[2]
    condition = "and the external id of the settings" if role.external_id else "without a condition on an external id"
    return fix(
        _ASSUMING[permission],
        subject,
        f"{own} may not do {permission} on {role.arn}; STS does not say why.",
        f"aws iam get-role --role-name {name} --query Role.AssumeRolePolicyDocument (it must allow {_LISTED} "
        f"to {own} {condition}; and so must the policy of {own}: docs/install.md)",
    )


def wrong_account(subject: str, caller: CallerIdentity, cluster: ClusterSettings) -> Verdict:
    """A-29: the identity belongs to another account than the cluster."""
    return fix(
        "aws-wrong-account",
        subject,
        f"{caller.arn} belongs to account {caller.account}, the cluster is configured for {cluster.account}.",
        f"name a role of account {cluster.account}, or correct account of {cluster.name} in the settings",
    )


def no_cluster(subject: str, error: UpgradeError, cluster: ClusterSettings, identity: Identity) -> Verdict:
    if isinstance(error, NotFound):
        return fix(
            "aws-cluster-missing",
            subject,
            f"there is no cluster {cluster.name} in {cluster.region} of account {cluster.account}.",
            f"aws eks list-clusters --region {cluster.region}",
        )
    if isinstance(error, NotPermitted):
        action = error.permission or "eks:DescribeCluster"
        return fix(
            "aws-cluster-unreadable",
            subject,
            f"without {action} the cluster itself could not be looked at.",
            put_policy(identity.arn, "read") if isinstance(identity, RoleIdentity) else f"allow {action}",
        )
    return trouble(subject, error)


def denied(subject: str, action: str, principal: str, kind: Literal["read", "change"]) -> Verdict:
    policy: Literal["read", "change"] = "change" if kind == "change" else "read"
    return fix("aws-permission", subject, f"{principal} lacks {action}.", put_policy(principal, policy))


def denied_to_checks(subject: str, action: str, facts: Iterable[str], principal: str) -> Verdict:
    """Something that an upgrade can do without; the facts are named as in a snapshot."""
    unknown = ", ".join(fact.replace("_", " ") for fact in facts)
    return note(
        "aws-permission-optional",
        subject,
        f"{principal} lacks {action}; in every check this stays unknown: {unknown}.",
        put_policy(principal, "read"),
    )


def not_judged(subject: str, error: UpgradeError, identity: Identity) -> Verdict:
    """The simulator could not be asked, so nothing is known of the permissions: that is not good news."""
    action = getattr(error, "permission", None)
    if action is None:
        return fix("aws-permissions-unknown", subject, sentence(error.message), error.hint or _CREDENTIALS)
    principal = identity.arn if isinstance(identity, RoleIdentity) else "the bot's own identity"
    remedy = put_policy(identity.arn, "read") if isinstance(identity, RoleIdentity) else f"allow {action}"
    return fix("aws-permission", subject, f"{principal} lacks {action}, so the rest could not be judged.", remedy)


def put_policy(principal: str, kind: Literal["read", "change"]) -> str:
    """The command that gives a role or user the policy in ``deploy/``."""
    entity = "user" if ":user/" in principal else "role"
    name = principal.rpartition("/")[2]
    return (
        f"aws iam put-{entity}-policy --{entity}-name {name} --policy-name eks-upgrade-bot-{kind} "
        f"--policy-document file://deploy/iam-{kind}-policy.json"
    )


def sentence(text: str) -> str:
    return text if text.endswith(_SENTENCES_END) else f"{text}."
