"""May this principal do that? As IAM's own simulator judges it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def actions_denied_to(
    iam: Any, principal_arn: str, actions: Sequence[str], resources: Sequence[str]
) -> tuple[str, ...]:
    """Those of the actions that the principal may not do to every one of the resources.

    Args:
        principal_arn: a role or a user; not the ARN of an assumed role's session.
        resources: ARNs, or ``*``.
    """
    pages = iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=principal_arn,
        ActionNames=list(actions),
        ResourceArns=list(resources),
        ContextEntries=[
            {
                "ContextKeyName": "iam:PassedToService",
                "ContextKeyValues": ["eks.amazonaws.com"],
                "ContextKeyType": "string",
            }
        ],
    )
    denied = {
        result["EvalActionName"]
        for page in pages
        for result in page["EvaluationResults"]
        if result["EvalDecision"] != "allowed"
    }
    return tuple(action for action in actions if action in denied)
