"""Ask for the facts that only a readiness check needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from upgrade.eks import ControlPlane, Nodegroup
from upgrade.engine.asked import Answer, Asked
from upgrade.errors import FactUnknown
from upgrade.ports import AwsGateway, KubeGateway
from upgrade.readiness import Looks
from upgrade.rows import NodeRow

# EKS's own insights look back 30 days; a query of a week costs a quarter and finds what still runs.
_AUDIT_SPAN: Final = timedelta(days=7)

ASKED_WITH: Final[Mapping[str, tuple[str, ...]]] = {
    "endpoints_of": ("webhooks", "api_services", "crds"),
    "launch_templates": ("autoscaling_groups",),
}
"""Facts that are asked for with the answers of others, and those: without one of them they are unknown as well."""


def ask_for_readiness(
    asked: Asked,
    aws: AwsGateway,
    kube: KubeGateway,
    control_plane: ControlPlane,
    *,
    groups: Answer[tuple[Nodegroup, ...]],
    nodes: Answer[tuple[NodeRow, ...]],
    looks: Looks,
    now: datetime,
) -> dict[str, Answer[Any]]:
    """The answers under way, by the fact's name in ClusterSnapshot."""
    plain = asked.ask
    audit = (now - _AUDIT_SPAN, now)
    in_cluster: dict[str, Answer[Any]] = {
        name: plain(getattr(kube, name))
        for name in (
            "services",
            "webhooks",
            "api_services",
            "crds",
            "csrs",
            "persistent_volumes",
            "claims",
            "storage_classes",
            "anonymous_bindings",
            "missing_eks_rbac",
            "network_policies",
            "service_accounts",
            "node_pools",
            "node_classes",
            "eni_configs",
            "velero_backups",
            "pod_security_policies",
            "core_config",
            "served_apis",
            "api_writes",
            "api_requests",
        )
    }
    asg = plain(aws.autoscaling_groups)
    return in_cluster | {
        "security_groups": plain(partial(aws.security_groups, _group_ids(control_plane))),
        "vpc_subnets": plain(partial(aws.vpc_subnets, control_plane.vpc_id)),
        "cluster_role_denied": plain(partial(aws.cluster_role_denied, control_plane.role_arn)),
        "quotas": plain(aws.quotas),
        "instances": plain(aws.instances),
        "autoscaling_groups": asg,
        "fargate_profiles": plain(aws.fargate_profiles),
        "recovery_point_at": plain(partial(aws.recovery_point_at, control_plane.arn)),
        "owners": plain(aws.owners),
        "resilience_apps": plain(partial(aws.resilience_apps, control_plane.arn)),
        "helm_writes": _if(looks.helm_releases, "helm_releases", lambda: plain(kube.helm_writes)),
        "token_secrets": _if(looks.token_secrets, "token_secrets", lambda: plain(kube.token_secrets)),
        "audit_requests": _if(looks.audit_log, "audit_log", lambda: plain(partial(aws.audit_requests, *audit))),
        "stale_token_users": _if(looks.audit_log, "audit_log", lambda: plain(partial(aws.stale_token_users, *audit))),
        # These need the answers of others, so they are asked last, by the thread that takes the snapshot.
        "endpoints": _after(asked, partial(_called_services, in_cluster), kube.endpoints_of),
        "kubelets": _if(looks.kubelets, "kubelets", lambda: _after(asked, nodes, _ask_kubelets(kube))),
        "launch_templates": _after(asked, groups, lambda found: aws.launch_templates(found, asg())),
    }


def _group_ids(control_plane: ControlPlane) -> tuple[str, ...]:
    of_cluster = control_plane.cluster_security_group_id
    return (*((of_cluster,) if of_cluster else ()), *control_plane.security_group_ids)


def _called_services(answers: Mapping[str, Answer[Any]]) -> tuple[str, ...]:
    """The Services that the API server calls: those of webhooks, APIServices and CRD conversions."""
    called = {
        *(row.service for row in answers["webhooks"]()),
        *(row.service for row in answers["api_services"]()),
        *(row.conversion_service for row in answers["crds"]()),
    }  # ASKED_WITH names them
    return tuple(sorted(called - {""}))


def _ask_kubelets(kube: KubeGateway) -> Callable[[tuple[NodeRow, ...]], Any]:
    return lambda found: kube.kubelets([node.name for node in found])


def _after(asked: Asked, first: Answer[Any], then: Callable[[Any], Any]) -> Answer[Any]:
    """Ask once the first answer is there; without it this one is missing for the same reason."""
    try:
        found = first()
    except Exception:
        return first
    return asked.ask(lambda: then(found))


def _if(chosen: bool, setting: str, ask: Callable[[], Answer[Any]]) -> Answer[Any]:
    if chosen:
        return ask()

    def off() -> Any:
        raise FactUnknown(f"Not looked at: the setting readiness.{setting} is off.", chosen=True)

    return off
