"""The composition root: the only place where rooms are put together."""

from __future__ import annotations

import gc
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from slack_sdk import WebClient

from bot.access import RoleAccess, SlackDirectory
from bot.answers import Answers
from bot.caller import Caller
from bot.calling import call_policy, webhooks_of
from bot.config import WELL_KNOWN, ClusterSettings, Settings
from bot.console import Console
from bot.health import Health, health_file
from bot.listener import Listener, make_app, make_listener
from bot.notices import Audience
from bot.notifier import Channels, Notifier, told_elsewhere
from bot.pacing import Pacing
from bot.scheduler import Scheduler
from bot.slack import SlackCalls, make_client
from handlers.conversation import Conversation
from upgrade.calls import CallPolicy
from upgrade.eks import ClusterId
from upgrade.engine.settings import EngineSettings
from upgrade.gateways.aws.sessions import AwsSessions
from upgrade.gateways.clusters import ConfiguredCluster as ReachableCluster
from upgrade.gateways.clusters import ConfiguredClusters
from upgrade.gateways.identity import Identity
from upgrade.gateways.reach import AwsOnly
from upgrade.ports import Access, Clusters, Delivery, RunStore
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
    elif isinstance(cluster.reach, AwsOnly):
        reason = "its API is not reached (reach: aws-only)."
    elif not (settings.has_approver or settings.policy(cluster.environment).approver_groups):
        reason = "no approver is configured."
    return ConfiguredCluster(
        id=cluster.id,
        environment=cluster.environment,
        time_zone=cluster.time_zone,
        owner=cluster.owner,
        policy=settings.policy(cluster.environment).model_copy(update={"idle_only": cluster.idle_only}),
        check_only=bool(reason),
        check_only_reason=reason,
    )


def _reachable(settings: Settings) -> tuple[ReachableCluster, ...]:
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
    environment = settings.environments.get(cluster.environment or "")
    return Audience(
        environment=cluster.environment,
        owner=cluster.owner,
        channels=cluster.channels,
        mention_here=environment is not None and environment.mention_here,
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


def _access(settings: Settings, calls: SlackCalls | None) -> RoleAccess:
    directory = None
    if calls is not None:
        directory = SlackDirectory(make_client(settings.slack), lambda: calls.workspace().team_id)
    return RoleAccess(settings.roles, settings.cli_users, directory)


def _service(
    settings: Settings, store: RunStore, clusters: Clusters, access: Access, delivery: Delivery
) -> UpgradeService:
    return UpgradeService(
        store,
        clusters,
        configured_clusters(settings),
        access=access,
        delivery=delivery,
        clock=settings.make_clock(),
        settings=engine_settings(settings),
    )


# -- the command line -----------------------------------------------------------------------------------------------


@contextmanager
def opened_service(settings: Settings) -> Iterator[UpgradeService]:
    """The service over the database, without its engine: a server may own that at the same time."""
    clusters = ConfiguredClusters(_reachable(settings))
    store = SqliteStore(settings.database)
    try:
        yield _service(settings, store, clusters, _access(settings, _calls(settings)), Console())
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
        clusters = ConfiguredClusters(_reachable(settings))
        store = SqliteStore(settings.database)
        service = _service(settings, store, clusters, _access(settings, _calls(settings)), console)
        service.start_engine()
        try:
            yield service
        finally:
            service.stop_engine()
            for run_id in store.untold():
                store.save_message(told_elsewhere(run_id))
            store.close()
            clusters.close()


def server_runs(settings: Settings) -> bool:
    """Whether some process owns the database now."""
    return DatabaseOwnership(settings.database).holder() is not None


def _calls(settings: Settings) -> SlackCalls | None:
    return SlackCalls(make_client(settings.slack)) if settings.slack.bot_token is not None else None


def account_of(identity: Identity, region: str) -> str:
    """The AWS account of an identity, for a cluster that is not configured."""
    return AwsSessions().caller_identity(identity, region).account


def settings_with(settings: Settings, cluster: ClusterId, identity: Identity) -> Settings:
    """Settings that also know a cluster which is named on the command line only; it is check-only."""
    added = ClusterSettings(name=cluster.name, region=cluster.region, account=cluster.account, read_role=identity)
    return settings.model_copy(update={"clusters": (*settings.clusters, added)})


# -- serve ------------------------------------------------------------------------------------------------------------


class _Delivery:
    """The notifier as the engine sees it. It comes after the service, which it reads."""

    notifier: Notifier

    def notice_delivered(self, run_id: str) -> bool:
        return self.notifier.notice_delivered(run_id)

    def unreachable_since(self) -> datetime | None:
        return self.notifier.unreachable_since()


@dataclass
class Server:
    """Everything that runs, in the order in which it starts; it stops the other way round."""

    store: SqliteStore
    service: UpgradeService
    notifier: Notifier
    caller: Caller
    listener: Listener
    answers: Answers
    scheduler: Scheduler
    health: Health

    def start(self) -> None:
        self.service.start_engine()
        self.notifier.start()
        self.caller.start()
        self.listener.start()
        self.scheduler.start()

    def stop(self) -> None:
        self.scheduler.stop()
        self.listener.stop()
        self.answers.stop()
        self.service.stop_engine()
        self.caller.stop()
        self.notifier.stop()
        self.store.close()
        self.health.remove()


@dataclass
class Outside:
    """What a server reaches outside of its own memory."""

    store: SqliteStore
    clusters: ConfiguredClusters
    slack: WebClient
    pacing: Pacing


def outside_of(settings: Settings) -> Outside:
    clusters = ConfiguredClusters(_reachable(settings))
    return Outside(SqliteStore(settings.database), clusters, make_client(settings.slack), Pacing())


def make_server(settings: Settings, outside: Outside) -> Server:
    calls = SlackCalls(outside.slack)
    clusters, store = outside.clusters, outside.store
    delivery = _Delivery()
    access = _access(settings, calls)
    service = _service(settings, store, clusters, access, delivery)
    approvers = approvers_of(settings)
    policies = {cluster.id: call_policy(settings, cluster, approvers) for cluster in settings.clusters}
    audiences = {cluster.id: audience_of(settings, cluster) for cluster in settings.clusters}
    notifier = Notifier(
        service,
        store,
        calls,
        settings.make_clock(),
        _channels(settings),
        audience_of=lambda cluster: audiences.get(cluster, Audience()),
        calls_policy_of=lambda cluster: policies.get(cluster, CallPolicy()),
        delivered=service.delivery_changed,
        pacing=outside.pacing,
        wording=settings.announcements.wording,
    )
    delivery.notifier = notifier
    caller = Caller(
        service,
        store,
        webhooks_of(settings),
        settings.make_clock(),
        policy_of=lambda cluster: policies.get(cluster, CallPolicy()),
        thread_link=notifier.thread_link,
    )
    service.on_events(notifier.wake)
    service.on_events(caller.wake)
    answers = Answers()
    channel = settings.operations_channel
    talk = Conversation(service, notifier, access, settings.slack.command, channel, later=answers.later)
    listener = make_listener(settings.slack, make_app(settings.slack, calls, talk))
    health = Health(
        health_file(settings),
        {
            "slack": lambda: listener.connected,
            "engine": lambda: service.engine_alive,
            "notifier": lambda: notifier.alive,
        },
    )
    scheduler = Scheduler([service.wake, notifier.wake, caller.wake, health.write])
    return Server(store, service, notifier, caller, listener, answers, scheduler, health)


def _favour_acks() -> None:
    """An ack has three seconds, and shares the interpreter with runs, deliveries and answers.

    A thread that computes lets others in after a millisecond, not five. What is loaded by now stays for good, so the
    garbage collector leaves it alone, and looks seldom at what lives long: that stopped all threads for up to 0.3 s.
    """
    sys.setswitchinterval(0.001)
    gc.freeze()
    gc.set_threshold(1_000, 20, 100)


def _channels(settings: Settings) -> Channels:
    return Channels(
        settings.announcement_channel, settings.operations_channel, approvers_of(settings), settings.security_channel
    )


def serve(settings: Settings, reach_out: Callable[[Settings], Outside] = outside_of) -> None:
    """Run until SIGTERM or SIGINT. Raises DatabaseInUse.

    Args:
        reach_out: makes what the server reaches, once it owns the database; the crash tests wrap all of it.
    """
    for name in WELL_KNOWN:  # Bolt would take them from there on its own; so would a child.
        os.environ.pop(name, None)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with DatabaseOwnership(settings.database):
        outside = reach_out(settings)
        server = make_server(settings, outside)
        _favour_acks()
        server.start()
        try:
            ended.wait()
        finally:
            server.stop()
            outside.clusters.close()
