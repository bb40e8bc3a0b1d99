"""Questions that a caller may ask about itself: may I, what may I, who am I."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.kube.authentication import User
from sandbox.kube.authorization import Attributes, Denied, allows, rules_of
from sandbox.kube.status import bad_request
from sandbox.world.objects import Json, ObjectStore


def answer_review(kind: str, review: Json, user: User, store: ObjectStore, denied: Denied) -> Json:
    """The review with its status filled in. Raises Refused (400). Call it under the world's lock."""
    api_version = "authentication.k8s.io/v1" if kind == "SelfSubjectReview" else "authorization.k8s.io/v1"
    answered = {"kind": kind, "apiVersion": api_version, "metadata": {"creationTimestamp": None}}
    spec = review.get("spec") or {}
    statuses: dict[str, Callable[[], Json]] = {
        "SelfSubjectAccessReview": lambda: _access(spec, user, store, denied),
        "SelfSubjectRulesReview": lambda: _rules(spec, user, store),
        "SelfSubjectReview": lambda: _who(user),
    }
    return {**answered, "spec": spec, "status": statuses[kind]()}


def _access(spec: Json, user: User, store: ObjectStore, denied: Denied) -> Json:
    resource: Json = spec.get("resourceAttributes") or {}
    path: Json | None = spec.get("nonResourceAttributes") or None
    if bool(resource) == bool(path):  # neither, or both
        raise bad_request("exactly one of resourceAttributes or nonResourceAttributes must be specified")
    if path is None:
        asked = Attributes(
            resource.get("verb", ""),
            resource.get("group", ""),
            resource.get("resource", ""),
            resource.get("subresource", ""),
            resource.get("namespace", ""),
            resource.get("name", ""),
        )
    else:
        asked = Attributes(path.get("verb", ""), path=path.get("path", ""))
    if allows(user, asked, store, denied):
        return {"allowed": True, "reason": "EKS access entry or RBAC allows it"}
    return {"allowed": False}


def _rules(spec: Json, user: User, store: ObjectStore) -> Json:
    rules = list(rules_of(user, store, spec.get("namespace", "")))
    return {
        "resourceRules": [
            {
                "verbs": rule["verbs"],
                "apiGroups": rule.get("apiGroups", []),
                "resources": rule["resources"],
                **({"resourceNames": rule["resourceNames"]} if rule.get("resourceNames") else {}),
            }
            for rule in rules
            if rule.get("resources")
        ],
        "nonResourceRules": [
            {"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]}
            for rule in rules
            if rule.get("nonResourceURLs")
        ],
        "incomplete": False,
    }


def _who(user: User) -> Json:
    told: Json = {"username": user.name, "groups": list(user.groups)}
    if user.arn:
        told["extra"] = {"arn": [user.arn], "canonicalArn": [user.arn]}
    return {"userInfo": told}
