"""Take a snapshot: ask everything at once, and say of each fact whether it is known."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Final, TypeVar

from upgrade.cluster import ClusterSnapshot
from upgrade.components import CSI_DRIVERS
from upgrade.eks import (
    Access,
    AddonOffer,
    AmiRelease,
    CallerIdentity,
    ClusterId,
    ControlPlane,
    EksUpdate,
    Insight,
    Insights,
    Nodegroup,
    OfferedVersion,
    UpdateSubject,
)
from upgrade.engine.asked import Answer, Asked, fact
from upgrade.engine.readiness import ask_for_readiness
from upgrade.errors import FactUnknown, NotFound, NotPermitted, UpgradeError
from upgrade.facts import Known, Unknown
from upgrade.ports import AwsGateway, Clock, KubeGateway, permissions_of
from upgrade.readiness import NOTHING_MORE, Looks
from upgrade.versions import KubernetesVersion

A = TypeVar("A")
_WORKERS: Final = 12
#: The code of a 401.
_STRANGER: Final = "Unauthorized"
_INSIGHTS_AGE: Final = timedelta(hours=24)
_REFRESH_PATIENCE: Final = timedelta(minutes=5)
_REFRESH_POLL: Final = timedelta(seconds=5)
# EKS lists ids only and promises no order, so all are described; a list longer than this is cut.
_MOST_UPDATES: Final = 100

_log = logging.getLogger(__name__)


def take_snapshot(
    aws: AwsGateway,
    kube: KubeGateway,
    cluster: ClusterId,
    clock: Clock,
    *,
    refresh_insights: bool = True,
    doubt_errors: bool = False,
    looks: Looks = NOTHING_MORE,
) -> ClusterSnapshot:
    """Everything known of a cluster now; a fact that could not be read is Unknown and names the missing permission.

    Args:
        refresh_insights: ask EKS to look again when its insights are older than 24 hours (A-14), and wait up to five
            minutes of domain time for them.
        doubt_errors: ask it also when one would stop an upgrade. By itself EKS looks once a day; what it saw then may
            have been repaired since, by people or by the very run that it would stop now.
        looks: what to look at of that which is looked at only when somebody chose so.

    Raises TemporaryError or PermanentError when the cluster itself cannot be described.
    """
    taken_at = clock.now()
    control_plane = aws.describe_cluster()
    with ThreadPoolExecutor(max_workers=_WORKERS, thread_name_prefix=f"snapshot-{cluster.name}") as pool:
        asked = Asked(pool)
        insights = asked.ask(partial(_insights, aws, clock, old=refresh_insights, errors=doubt_errors))
        nodes, pods = asked.ask(kube.nodes), asked.ask(kube.pods)
        pdbs, workloads, namespaces = asked.ask(kube.pdbs), asked.ask(kube.workloads), asked.ask(kube.namespaces)
        addon_names, group_names = asked.ask(aws.addon_names), asked.ask(aws.nodegroup_names)
        caller, offered = asked.ask(aws.caller_identity), asked.ask(aws.offered_versions)
        access = asked.ask(partial(_access, aws, kube, control_plane))
        denied = asked.ask(partial(_denied_actions, aws))
        subnets = asked.ask(partial(aws.subnets, control_plane.subnet_ids))
        role = asked.ask(partial(aws.role, control_plane.role_arn))
        keys = asked.for_each(lambda: control_plane.key_arns, partial(aws.key, role_arn=control_plane.role_arn))
        addons = asked.for_each(addon_names, aws.describe_addon)
        groups = asked.for_each(group_names, aws.describe_nodegroup)
        offers = asked.for_each(lambda: _offered(addon_names()), partial(_offers, aws))
        updates = _updates(asked, aws, addon_names, group_names)
        releases = _ami_releases(asked, aws, control_plane, groups, offered)
        more = ask_for_readiness(asked, aws, kube, control_plane, groups=groups, nodes=nodes, looks=looks, now=taken_at)
        told = partial(_told, caller)
        return ClusterSnapshot(
            taken_at=taken_at,
            cluster=cluster,
            control_plane=control_plane,
            caller=fact(caller),
            offered_versions=told(offered),
            updates=told(updates),
            subnets=told(subnets),
            cluster_role=told(role),
            keys=told(keys),
            insights=told(insights),
            addons=told(addons),
            addon_offers=told(lambda: tuple(offer for several in offers() for offer in several)),
            nodegroups=told(groups),
            ami_releases=told(releases),
            denied_actions=told(denied),
            access=told(access),
            nodes=told(nodes),
            pods=told(pods),
            pdbs=told(pdbs),
            workloads=told(workloads),
            namespaces=told(namespaces),
            **{name: told(answer) for name, answer in more.items()},
        )


def _told(caller: Answer[CallerIdentity], answer: Answer[A]) -> Known[A] | Unknown:
    """The fact. A cluster that does not know the bot keeps everything back for one reason, which names the unknown."""

    def named() -> A:
        try:
            return answer()
        except NotPermitted as error:
            if error.code != _STRANGER:
                raise
            cure = "Give it an access entry of the cluster, or a line in aws-auth."
            raise FactUnknown(f"The cluster does not know {caller().arn} (401). {cure}") from None

    return fact(named)


def _offered(addon_names: tuple[str, ...]) -> tuple[str, ...]:
    """A driver that runs without being an add-on is judged by what EKS offers of it all the same (A-96)."""
    return tuple(dict.fromkeys((*addon_names, *CSI_DRIVERS)))


def _offers(aws: AwsGateway, name: str) -> tuple[AddonOffer, ...]:
    try:
        return aws.addon_offers([name])
    except NotFound:
        return ()  # EKS has no such add-on


def _updates(
    asked: Asked, aws: AwsGateway, addon_names: Answer[tuple[str, ...]], group_names: Answer[tuple[str, ...]]
) -> Answer[tuple[EksUpdate, ...]]:
    """The updates of the cluster, its add-ons and its node groups, newest first (A-01)."""

    def subjects() -> list[UpdateSubject]:
        return [
            UpdateSubject(kind="cluster"),
            *(UpdateSubject(kind="addon", name=name) for name in addon_names()),
            *(UpdateSubject(kind="nodegroup", name=name) for name in group_names()),
        ]

    def ids_of(subject: UpdateSubject) -> list[tuple[str, UpdateSubject]]:
        return [(update_id, subject) for update_id in aws.list_update_ids(subject)[:_MOST_UPDATES]]

    listed = asked.for_each(subjects, ids_of)
    found = asked.for_each(
        lambda: [pair for pairs in listed() for pair in pairs], lambda pair: aws.describe_update(*pair)
    )
    return lambda: tuple(sorted(found(), key=lambda update: update.created_at, reverse=True))


def _ami_releases(
    asked: Asked,
    aws: AwsGateway,
    control_plane: ControlPlane,
    groups: Answer[tuple[Nodegroup, ...]],
    offered: Answer[tuple[OfferedVersion, ...]],
) -> Answer[tuple[AmiRelease, ...]]:
    """The recommended release of each AMI type in use, for each version that a group could be moved to (A-55)."""

    def wanted() -> list[tuple[KubernetesVersion, str]]:
        oldest = min([control_plane.version, *(group.version for group in groups())])
        versions = {offer.version for offer in offered() if offer.version >= oldest} | {control_plane.version}
        return [(version, kind) for version in sorted(versions) for kind in sorted({g.ami_type for g in groups()})]

    def release(pair: tuple[KubernetesVersion, str]) -> AmiRelease | None:
        version, ami_type = pair
        found = aws.ami_release(version, ami_type)
        return AmiRelease(version=version, ami_type=ami_type, release_version=found) if found else None

    releases = asked.for_each(wanted, release)
    return lambda: tuple(found for found in releases() if found)


def _insights(aws: AwsGateway, clock: Clock, *, old: bool, errors: bool) -> Insights:
    found = aws.insights()
    if (old and _stale(found, clock.now())) or (errors and any(insight.blocks for insight in found)):
        try:
            _refresh_insights(aws, clock)
        except UpgradeError:
            return Insights(items=found)  # their age is in them; A-14 tells it
        found = aws.insights()
    return Insights(items=found)


def _stale(insights: tuple[Insight, ...], now: datetime) -> bool:
    return not insights or any(
        insight.refreshed_at is None or now - insight.refreshed_at > _INSIGHTS_AGE for insight in insights
    )


def _refresh_insights(aws: AwsGateway, clock: Clock) -> None:
    aws.start_insights_refresh()
    nobody = threading.Event()
    for _ in range(_REFRESH_PATIENCE // _REFRESH_POLL):
        if not aws.insights_refresh_under_way():
            return
        nobody.wait(clock.real_seconds(_REFRESH_POLL))


def _denied_actions(aws: AwsGateway) -> tuple[str, ...]:
    """What an upgrade would lack (A-31). Reads of other services are not simulated: this snapshot tries them."""
    needed = [name for name in permissions_of(aws, optional=False) if name.startswith("eks:") or name == "iam:PassRole"]
    return aws.denied_actions(needed)


def _access(aws: AwsGateway, kube: KubeGateway, control_plane: ControlPlane) -> Access:
    """May the bot act inside the cluster (A-30)? The API server itself is asked: it knows every way to be let in."""
    needed = [
        (verb, resource)
        for verb, _, resource in (name.partition(" ") for name in permissions_of(kube, optional=False))
        if control_plane.authentication_mode != "API" or "aws-auth" not in resource
    ]
    try:
        return Access(mapped=True, denied=kube.denied(needed))
    except NotPermitted as error:
        if error.code != _STRANGER:
            raise
        if control_plane.authentication_mode != "CONFIG_MAP" and aws.has_access_entry(aws.caller_identity().arn):
            raise FactUnknown(f"The bot has an access entry, and yet: {error.message}") from None
        return Access(mapped=False)
