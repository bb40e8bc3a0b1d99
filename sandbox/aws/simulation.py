"""iam:SimulatePrincipalPolicy, which moto does not have, answered from the world's roles."""

from __future__ import annotations

import re
from uuid import uuid4
from xml.sax.saxutils import escape

from sandbox.aws.permissions import Permissions
from sandbox.aws.requests import Answer, ApiRequest, error_answer, refuse

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
PAGE = 100
_ENTITY = re.compile(r"^arn:aws[a-z-]*:iam::\d{12}:(role|user)/.+$")
"""A session's ARN (`…:assumed-role/…`) is not an entity: its role's is wanted."""


def simulate_principal_policy(request: ApiRequest, permissions: Permissions) -> Answer:
    """The decision for each action and resource, in pages of MaxItems."""
    source = request.form.get("PolicySourceArn", "")
    actions = request.members("ActionNames")
    if not source or not actions:
        return refuse("iam", "invalid", "PolicySourceArn and ActionNames are required.")
    if any(":" not in action for action in actions):
        wrong = next(action for action in actions if ":" not in action)
        return error_answer(
            "query", "InvalidInput", 400, f"Invalid action: {wrong}. Actions are written service:Operation."
        )
    if not _ENTITY.match(source):
        message = f"Invalid Entity Arn: {source} does not clearly define entity type and name."
        return error_answer("query", "InvalidInput", 400, message)
    if source.split(":")[4] != request.principal.account or not permissions.knows(source):
        return error_answer("query", "NoSuchEntity", 404, f"The entity with ARN {source} cannot be found.")
    resources = request.members("ResourceArns") or ["*"]
    pairs = [(action, resource) for action in actions for resource in resources]
    start = int(request.form.get("Marker") or 0) if (request.form.get("Marker") or "0").isdigit() else 0
    size = min(PAGE, int(request.form.get("MaxItems") or PAGE))
    page = pairs[start : start + size]
    more = start + size < len(pairs)
    results = "".join(_result(action, resource, permissions.decision(source, action)) for action, resource in page)
    marker = f"<Marker>{start + size}</Marker>" if more else ""
    text = (
        f'<SimulatePrincipalPolicyResponse xmlns="{NAMESPACE}"><SimulatePrincipalPolicyResult>'
        f"<EvaluationResults>{results}</EvaluationResults><IsTruncated>{str(more).lower()}</IsTruncated>{marker}"
        f"</SimulatePrincipalPolicyResult><ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata>"
        "</SimulatePrincipalPolicyResponse>"
    )
    return Answer(200, "text/xml", text.encode())


def _result(action: str, resource: str, decision: str) -> str:
    return (
        f"<member><EvalActionName>{escape(action)}</EvalActionName><EvalResourceName>{escape(resource)}</EvalResourceName>"
        f"<EvalDecision>{decision}</EvalDecision><MatchedStatements/><MissingContextValues/></member>"
    )
