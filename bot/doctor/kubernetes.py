"""A cluster's API: what keeps the bot out, told apart, and the exact remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bot.config import ClusterSettings
from bot.doctor.verdicts import Verdict, fix, note, ok
from upgrade.eks import ControlPlane
from upgrade.errors import FactUnknown, UpgradeError
from upgrade.gateways.permissions import CHOSEN, KUBERNETES_ACCESSES
from upgrade.ports import KubeGateway

#: The group that deploy/rbac.yaml binds.
READERS: Final = "eks-upgrade-bot-readers"
_APPLY: Final = "kubectl apply -f deploy/rbac.yaml"
_APPLY_CHOSEN: Final = "kubectl apply -f deploy/rbac-chosen.yaml"


@dataclass(frozen=True)
class Place:
    """Args:
    principal: ARN of the role or user that asks.
    for_checks: accesses (``list services``) that only checks need, and the facts that stay unknown without each.
    """

    subject: str
    cluster: ClusterSettings
    control_plane: ControlPlane
    principal: str
    for_checks: Mapping[str, Sequence[str]] = field(default_factory=dict)


def examine(kube: KubeGateway, place: Place, has_access_entry: Callable[[], bool]) -> Iterator[Verdict]:
    """Is the API there, does it know the bot, and may the bot read what it has to?"""
    try:
        ready = kube.ready()
        denied = kube.denied(_needed(place))
    except FactUnknown as error:
        yield note("kubernetes-not-asked", place.subject, error.message)
        return
    except UpgradeError as error:
        yield _trouble(error, place, has_access_entry)
        return
    if not ready:
        yield note("kubernetes-not-ready", place.subject, "the API server answers, but says that it is not ready.")
    for access in denied:
        yield _denied(access, place)
    if not denied:
        yield ok("kubernetes", place.subject, "the cluster's API lets it read all that it needs.")


def _needed(place: Place) -> list[tuple[str, str]]:
    """Without the ConfigMap aws-auth where nobody reads it."""
    only_entries = place.control_plane.authentication_mode == "API"
    needed = [one for one in KUBERNETES_ACCESSES if not (only_entries and "aws-auth" in one[1])]
    return [*needed, *((verb, resource) for verb, _, resource in (one.partition(" ") for one in place.for_checks))]


def _denied(access: str, place: Place) -> Verdict:
    summary, facts = f"RBAC does not let it {access}", place.for_checks.get(access, ())
    group = f"(and put {place.principal} into the group {READERS})"
    if not facts:
        return fix("kubernetes-rbac", place.subject, f"{summary}.", f"{_APPLY} {group}")
    unknown = ", ".join(fact.replace("_", " ") for fact in facts)
    apply = _APPLY_CHOSEN if all(fact in CHOSEN for fact in facts) else _APPLY
    return note(
        "kubernetes-rbac-optional",
        place.subject,
        f"{summary}; in every check this stays unknown: {unknown}.",
        f"{apply} {group}",
    )


def _trouble(error: UpgradeError, place: Place, has_access_entry: Callable[[], bool]) -> Verdict:
    code = str(getattr(error, "code", ""))
    if code == "Unauthorized":
        return _unknown_there(place, has_access_entry)
    cluster = place.cluster
    host = place.control_plane.endpoint.removeprefix("https://")
    network = (
        f"aws eks describe-cluster --name {cluster.name} --region {cluster.region} "
        "--query cluster.resourcesVpcConfig (public or private endpoint, allowed addresses, security groups)"
    )
    remedies = {
        "DNS": ("kubernetes-dns", f"getent hosts {host}; {network}"),
        "Timeout": ("kubernetes-timeout", network),
        "Connection": ("kubernetes-connection", network),
        "Proxy": ("kubernetes-proxy", f"check HTTPS_PROXY, or add {host} to NO_PROXY"),
        "TLS": ("kubernetes-tls", f"openssl s_client -connect {_with_port(host)} -showcerts </dev/null (who answers?)"),
        "Forbidden": ("kubernetes-forbidden", f"{_APPLY} (and put {place.principal} into the group {READERS})"),
    }
    name, remedy = remedies.get(code, ("kubernetes-error", error.hint or "run doctor again in a minute"))
    return fix(name, place.subject, error.message, remedy)


def _unknown_there(place: Place, has_access_entry: Callable[[], bool]) -> Verdict:
    """401: the token is good for STS or not, but the cluster maps it to nobody (A-30)."""
    cluster, arn = place.cluster, place.principal
    summary = f"the cluster does not know {arn} (401)."
    if place.control_plane.authentication_mode == "CONFIG_MAP":
        kind, member = ("mapUsers", "userarn") if ":user/" in arn else ("mapRoles", "rolearn")
        line = f"- {{{member}: {_without_path(arn)}, username: eks-upgrade-bot, groups: [{READERS}]}}"
        return fix(
            "kubernetes-unauthorized",
            place.subject,
            summary,
            f"kubectl -n kube-system edit configmap aws-auth (add under {kind}: {line}); {_APPLY}",
        )
    try:
        known = has_access_entry()
    except UpgradeError:
        known = False
    if known:
        return fix(
            "kubernetes-unauthorized",
            place.subject,
            f"{arn} has an access entry, and yet the cluster answers 401.",
            "a new entry takes a minute: run doctor again; else compare the clocks",
        )
    return fix(
        "kubernetes-unauthorized",
        place.subject,
        summary,
        f"aws eks create-access-entry --cluster-name {cluster.name} --region {cluster.region} "
        f"--principal-arn {arn} --kubernetes-groups {READERS}; {_APPLY}",
    )


def _without_path(arn: str) -> str:
    """aws-auth knows roles without their path (https://docs.aws.amazon.com/eks/latest/userguide/auth-configmap.html)."""
    owner, _, name = arn.rpartition("/")
    return f"{owner.partition('/')[0]}/{name}"


def _with_port(host: str) -> str:
    return host if ":" in host else f"{host}:443"
