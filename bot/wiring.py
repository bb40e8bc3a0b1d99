"""The composition root: here rooms are put together, and in `serving` what the server has besides."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.access import RoleAccess, SlackDirectory
from bot.config import ClusterSettings, Settings
from bot.console import Console
from bot.discovery import with_discovered
from bot.notices import Audience
from bot.notifier import told_elsewhere
from bot.slack import SlackCalls, make_client
from upgrade.eks import ClusterId
from upgrade.engine.settings import EngineSettings
from upgrade.fleet import FleetStore
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.clusters import ConfiguredCluster as ReachableCluster
from upgrade.gateways.clusters import ConfiguredClusters
from upgrade.gateways.identity import Identity
from upgrade.gateways.reach import AwsOnly
from upgrade.ports import Access, Clusters, Delivery
from upgrade.readiness import Looks
from upgrade.service import ConfiguredCluster, UpgradeService
from upgrade.store.ownership import DatabaseOwnership
from upgrade.store.sqlite import SqliteStore


def configured_clusters(settings: Settings) -> tuple[ConfiguredCluster, ...]:
    """The clusters as the service knows them, each with the policy of its environment."""
    return tuple(_configured(settings, cluster) for cluster in settings.clusters)


def _configured(settings: Settings, cluster: ClusterSettings) -> ConfiguredCluster:
    reason = ""
    if cluster.change_role is None:
        reason = "it has no change_role."
    elif cluster.environment is not None and cluster.environment not in settings.environments:
        reason = f"its environment “{cluster.environment}” is not among the environments of the configuration."
    elif isinstance(cluster.reach, AwsOnly):
        reason = "its API is not reached (reach: aws-only)."
    elif not (settings.has_approver or settings.policy(cluster.environment).approver_groups):
        reason = "no approver is configured."
    own = {"idle_only": cluster.idle_only, **({} if cluster.windows is None else {"windows": cluster.windows})}
    return ConfiguredCluster(
        id=cluster.id,
        environment=cluster.environment,
        time_zone=cluster.time_zone,
        owner=cluster.owner,
        policy=settings.policy(cluster.environment).model_copy(update=own),
        check_only=bool(reason),
        check_only_reason=reason,
    )


def reachable(settings: Settings) -> tuple[ReachableCluster, ...]:
    return tuple(
        ReachableCluster(id=one.id, read=one.read_role, change=one.change_role, reach=one.reach)
        for one in settings.clusters
    )


def approvers_of(settings: Settings) -> tuple[str, ...]:
    """User groups and users who approve: who is named as approver, else the admins."""
    for role in (settings.roles.approver, settings.roles.admin):
        if role.groups or role.users:
            return (*role.groups, *role.users)
    return ()


def audience_of(settings: Settings, cluster: ClusterSettings) -> Audience:
    return Audience(
        environment=cluster.environment,
        owner=cluster.owner,
        channels=cluster.channels,
        mention_here=settings.mentions_here(cluster.environment),
    )


def engine_settings(settings: Settings) -> EngineSettings:
    return EngineSettings(
        poll_control_plane=settings.polls.control_plane,
        poll_addon=settings.polls.addon,
        poll_nodegroup=settings.polls.nodegroup,
        slack_outage="hold" if settings.slack_outage == "hold" else "go-on",
        workers=settings.workers,
        start_grace=settings.start_grace,
        looks=Looks(**settings.readiness.model_dump()),
    )


def access_of(settings: Settings, calls: SlackCalls | None) -> RoleAccess:
    directory = None
    if calls is not None:
        directory = SlackDirectory(make_client(settings.slack), lambda: calls.workspace().team_id)
    return RoleAccess(settings.roles, settings.cli_users, directory)


def service_over(
    settings: Settings,
    store: FleetStore,
    clusters: Clusters,
    access: Access,
    delivery: Delivery,
    *,
    breathe: Callable[[], None] = lambda: None,
) -> UpgradeService:
    """``breathe``: called before each piece of work on a run; it returns when nothing more urgent is to be done."""
    return UpgradeService(
        store,
        clusters,
        configured_clusters(settings),
        access=access,
        delivery=delivery,
        clock=settings.make_clock(),
        settings=engine_settings(settings),
        breathe=breathe,
    )


# -- the command line -----------------------------------------------------------------------------------------------


@contextmanager
def opened_service(settings: Settings) -> Iterator[UpgradeService]:
    """The service over the database, without its engine: a server may own that at the same time."""
    store = SqliteStore(settings.database)
    known = with_discovered(settings, store.discovered())
    clusters = ConfiguredClusters(reachable(known))
    try:
        yield service_over(known, store, clusters, access_of(settings, _calls(settings)), Console())
    finally:
        store.close()
        clusters.close()


@contextmanager
def looking_service(settings: Settings) -> Iterator[UpgradeService]:
    """For check, plan and snapshot: without a database of its own, if there is none."""
    if settings.database.exists():
        with opened_service(settings) as service:
            yield service
        return
    with tempfile.TemporaryDirectory(prefix="eks-upgrade-bot-") as folder:
        elsewhere = settings.model_copy(update={"database": Path(folder) / "none.db"})
        with opened_service(elsewhere) as service:
            yield service


@contextmanager
def driving_service(settings: Settings, console: Console) -> Iterator[UpgradeService]:
    """The service with its engine, and without Slack: notices are printed. Raises DatabaseInUse."""
    with DatabaseOwnership(settings.database):
        store = SqliteStore(settings.database)
        known = with_discovered(settings, store.discovered())
        clusters = ConfiguredClusters(reachable(known))
        service = service_over(known, store, clusters, access_of(settings, _calls(settings)), console)
        service.start_engine()
        try:
            yield service
        finally:
            service.stop_engine()
            for run_id in store.untold():
                store.save_message(told_elsewhere(run_id))
            store.close()
            clusters.close()


def _calls(settings: Settings) -> SlackCalls | None:
    return SlackCalls(make_client(settings.slack)) if settings.slack.bot_token is not None else None


def account_of(identity: Identity, region: str) -> str:
    """The AWS account of an identity, for a cluster that is not configured."""
    return AwsSessions().caller_identity(identity, region).account


def settings_with(settings: Settings, cluster: ClusterId, identity: Identity) -> Settings:
    """Settings that also know a cluster which is named on the command line only; it is check-only."""
    added = ClusterSettings(name=cluster.name, region=cluster.region, account=cluster.account, read_role=identity)
    return settings.model_copy(update={"clusters": (*settings.clusters, added)})
