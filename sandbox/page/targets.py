"""What a switch may name: actions and operations that AWS has, verbs and resources that a cluster serves.

A name with a mistake in it would be accepted, shown as broken, and break nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from functools import cache
from typing import Final

from botocore.loaders import Loader

from sandbox.kube import discovery, resources
from sandbox.world.objects import CUSTOM_RESOURCES, ObjectStore

#: What the AWS face answers.
SERVICES: Final = ("eks", "sts", "ec2", "iam", "kms", "autoscaling", "ssm")


def unknown_action(action: str) -> str | None:
    """What is wrong with an IAM action such as ``eks:UpdateAddon`` or ``eks:*``; None when nothing is."""
    service, _, name = action.partition(":")
    if service not in SERVICES:
        return f"AWS has no service {service} here; there are {', '.join(SERVICES)}."
    if name == "*" or name in _operations(service):
        return None
    return f"{service} has no action {name}.{_hint(name, _operations(service))}"


def unknown_call(name: str, stores: Iterable[ObjectStore]) -> str | None:
    """What is wrong with a call to throttle: an AWS operation, or verb and resource (``list nodes``)."""
    verb, space, resource = name.partition(" ")
    if space:
        return unknown_rule(verb, resource, stores)
    known = [operation for service in SERVICES for operation in _operations(service)]
    return None if name in known else f"AWS has no operation {name}.{_hint(name, known)}"


def unknown_rule(verb: str, resource: str, stores: Iterable[ObjectStore]) -> str | None:
    """What is wrong with an RBAC verb and resource; None when nothing is."""
    if verb not in resources.VERBS:
        return f"Kubernetes has no verb {verb}; there are {', '.join(resources.VERBS)}."
    known = _served(stores)
    return None if resource in known else f"The clusters serve no resource {resource}.{_hint(resource, known)}"


@cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(Loader().load_service_model(service, "service-2")["operations"])


def _served(stores: Iterable[ObjectStore]) -> set[str]:
    names = {"*"} | {plural for kinds in discovery.REVIEWS.values() for plural in kinds}
    for served in resources.TABLE:
        plural = served.resource.plural
        names |= {plural, *(f"{plural}/{one}" for one in served.subresources)}
    for store in stores:
        names |= {one["spec"]["names"]["plural"] for one in store.list(CUSTOM_RESOURCES)}
    return names


def _hint(name: str, known: Collection[str]) -> str:
    folded = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), folded, n=3)
    return f" Did you mean {' or '.join(folded[one] for one in close)}?" if close else ""
