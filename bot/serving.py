"""`serve`: the server, everything that runs in it, and in which order."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import click
from slack_sdk import WebClient

from bot.acks import Acks
from bot.answers import Answers
from bot.caller import Caller
from bot.calling import call_policy, webhooks_of
from bot.config import WELL_KNOWN, Settings
from bot.digests import Digests
from bot.discovery import Discovery, with_discovered
from bot.export import RunFiles, picture_file
from bot.fleet_watch import FleetWatch
from bot.health import Health, health_file
from bot.homes import Homes
from bot.invocation import settings_of
from bot.listener import Listener, make_app, make_listener
from bot.notices import Audience
from bot.notifier import Channels, Notifier
from bot.pacing import Pacing
from bot.scheduler import TICK_SECONDS, Scheduler
from bot.slack import SlackCalls, make_client
from bot.webhooks.page import Webhook
from bot.wiring import access_of, approvers_of, audience_of, configured_clusters, reachable, service_over
from handlers.conversation import Conversation
from handlers.home import home_view
from upgrade.calls import CallPolicy
from upgrade.eks import ClusterId
from upgrade.gateways.aws.discovery import ClusterFinder
from upgrade.gateways.clusters import ConfiguredClusters
from upgrade.service import UpgradeService
from upgrade.store.ownership import DatabaseOwnership
from upgrade.store.sqlite import SqliteStore


class _Delivery:
    """The notifier as the engine sees it. It comes after the service, which it reads."""

    notifier: Notifier

    def notice_delivered(self, run_id: str) -> bool:
        return self.notifier.notice_delivered(run_id)

    def unreachable_since(self) -> datetime | None:
        return self.notifier.unreachable_since()


class _Whom:
    """Whom notices and calls of each cluster are for; replaced as a whole when clusters are found."""

    def __init__(self, settings: Settings) -> None:
        self.know(settings)

    def know(self, settings: Settings) -> None:
        approvers = approvers_of(settings)
        self._of = {
            one.id: (audience_of(settings, one), call_policy(settings, one, approvers)) for one in settings.clusters
        }

    def audience(self, cluster: ClusterId) -> Audience:
        found = self._of.get(cluster)
        return found[0] if found else Audience()

    def calls(self, cluster: ClusterId) -> CallPolicy:
        found = self._of.get(cluster)
        return found[1] if found else CallPolicy()


@dataclass
class Server:
    """Everything that runs, in the order in which it starts; it stops the other way round."""

    store: SqliteStore
    service: UpgradeService
    notifier: Notifier
    caller: Caller
    homes: Homes
    watch: FleetWatch
    talk: Conversation
    listener: Listener
    answers: Answers
    scheduler: Scheduler
    health: Health

    def start(self) -> None:
        self.service.start_engine()
        self.notifier.start()
        self.caller.start()
        self.homes.start(partial(home_view, self.talk))
        self.watch.start()
        self.listener.start()
        self.scheduler.start()

    def stop(self) -> None:
        self.scheduler.stop()
        self.listener.stop()
        self.answers.stop()
        self.watch.stop()
        self.homes.stop()
        self.service.stop_engine()
        self.caller.stop()
        self.notifier.stop()
        self.store.close()
        self.health.remove()


@dataclass
class Outside:
    """What a server reaches outside of its own memory, and how often it looks at the clock.

    ``acks`` is here for the calls of ``clusters``, which come after them.
    """

    store: SqliteStore
    clusters: ConfiguredClusters
    slack: WebClient
    pacing: Pacing
    webhooks: tuple[Webhook, ...] = ()
    acks: Acks = field(default_factory=Acks)
    tick_seconds: float = TICK_SECONDS


def outside_of(settings: Settings) -> Outside:
    store = SqliteStore(settings.database)
    acks = Acks()
    known = reachable(with_discovered(settings, store.discovered()))
    clusters = ConfiguredClusters(known, breathe=acks.first)
    return Outside(store, clusters, make_client(settings.slack), Pacing(), webhooks_of(settings), acks)


def make_server(settings: Settings, outside: Outside) -> Server:
    calls = SlackCalls(outside.slack, cards=settings.slack.task_cards == "auto")
    clusters, store = outside.clusters, outside.store
    delivery, acks = _Delivery(), outside.acks
    access = access_of(settings, calls)
    known = with_discovered(settings, store.discovered())
    service = service_over(known, store, clusters, access, delivery, breathe=acks.first)
    service.looking = bool(settings.discovery)
    whom = _Whom(known)
    notifier = Notifier(
        service,
        store,
        calls,
        settings.make_clock(),
        _channels(settings),
        audience_of=whom.audience,
        calls_policy_of=whom.calls,
        delivered=service.delivery_changed,
        breathe=acks.first,
        pacing=outside.pacing,
        wording=settings.announcements.wording,
        digests=_digests(settings, service, store),
        picture_of=lambda run, events: picture_file(run, events, service.now()),
    )
    delivery.notifier = notifier
    caller = Caller(
        service,
        store,
        outside.webhooks,
        settings.make_clock(),
        policy_of=whom.calls,
        thread_link=notifier.thread_link,
    )
    service.on_events(notifier.wake)
    service.on_events(caller.wake)
    homes = Homes(store, calls, pacing=Pacing(outside.pacing.clock))
    service.on_events(homes.wake)
    answers = Answers(acks)
    channel = settings.operations_channel
    files, command = RunFiles(service), settings.slack.command
    talk = Conversation(service, notifier, access, files, command, channel, homes=homes, later=answers.later)
    listener = make_listener(settings.slack, make_app(settings.slack, calls, talk, acks))
    health = Health(
        health_file(settings),
        {
            "slack": lambda: listener.connected,
            "engine": lambda: service.engine_alive,
            "notifier": lambda: notifier.alive,
        },
    )
    scheduler = Scheduler([service.wake, notifier.wake, caller.wake, health.write], outside.tick_seconds)
    watch = FleetWatch(service, settings.fleet.look_every, _discovery(settings, service, outside, whom, homes))
    return Server(store, service, notifier, caller, homes, watch, talk, listener, answers, scheduler, health)


def _discovery(
    settings: Settings, service: UpgradeService, outside: Outside, whom: _Whom, homes: Homes
) -> Discovery | None:
    """What is found is known everywhere, and shown to who has App Home open."""

    def know(known: Settings, whole: bool) -> None:
        outside.clusters.know(reachable(known))
        whom.know(known)
        service.know(configured_clusters(known), looking=not whole)
        homes.wake()

    if not settings.discovery:
        return None
    return Discovery(settings, outside.store, ClusterFinder(), now=service.now, know=know)


def _favour_acks() -> None:
    """An ack has three seconds, and shares the interpreter with runs, deliveries and answers.

    A thread that computes lets others in after half a millisecond, not five. What is loaded by now stays for good, so
    the garbage collector leaves it alone, and looks seldom at what lives long: that stopped all threads up to 0.3 s.
    """
    sys.setswitchinterval(0.0005)
    gc.freeze()
    gc.set_threshold(1_000, 20, 100)


def _digests(settings: Settings, service: UpgradeService, store: SqliteStore) -> Digests | None:
    due, wanted = settings.digest.due, (settings.operations_channel, settings.announcement_channel)
    places = tuple(place for place in wanted if place)
    return Digests(service, store, settings.make_clock(), due, places) if due else None


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


commands = click.Group()


@commands.command(name="serve")
def serve_command() -> None:
    """Run the bot: Slack, engine and delivery, until SIGTERM."""
    serve(settings_of(server=True))
