"""The commands. Each opens the service, asks it one thing and prints the answer; none decides anything."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from bot.config import Settings
from bot.console import Console, next_moves, refusals, show
from bot.invocation import PROGRAM, actor_of, as_option, format_option, noted, server_runs, settings_of
from bot.looking import (
    REQUEST,
    WORDS,
    looking,
    profile_option,
    read_snapshot,
    region_option,
    snapshot_option,
    words_argument,
    write,
)
from bot.steering import TIMES, ZONES_IN_WORDS, start_told
from bot.wiring import approvers_of, driving_service, opened_service
from bot.zone import zone_option
from handlers.parse import parse
from handlers.scheduling import start_of
from handlers.views.calendar import render_calendar
from handlers.views.clusters import render_clusters
from handlers.views.digest import render_digest
from handlers.views.plan import render_plan
from handlers.views.run import render_run
from handlers.views.runs import render_history, render_status
from handlers.words import ClusterCommand, Word
from upgrade.configured import owner_among
from upgrade.plan import PlanRequest
from upgrade.run import RunStatus, UpgradeRun
from upgrade.service import UpgradeService

_FOLLOW_SECONDS: Final = 0.5


commands = click.Group()


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=str, ensure_ascii=False))


# -- looking --------------------------------------------------------------------------------------------------------


@commands.command(name="plan", epilog=WORDS)
@words_argument
@region_option
@profile_option
@snapshot_option
@format_option
def plan_command(words: Sequence[str], region: str | None, profile: str | None, file: Path | None, form: str) -> None:
    """What would be done, in which order, how long. Changes nothing."""
    snapshot = read_snapshot(file)
    with looking(Word.PLAN, words, region, profile, snapshot) as (service, request):
        result = service.plan_now(request, snapshot)
        times = next((one.work_times for one in service.clusters() if one.id == request.cluster), None)
    if form == "json":
        told = result.model_dump(mode="json")
        told["plan"]["digest"] = result.plan.digest
        _print_json(told)
    else:
        show(render_plan(result.plan, result.report, request, result.offers, startable=False, times=times))


@commands.command()
@click.argument("cluster")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to; else it is printed.")
@region_option
@profile_option
def snapshot(cluster: str, output: Path | None, region: str | None, profile: str | None) -> None:
    """Save all that is known of a cluster, for check and plan. Holds no Secret data."""
    with looking(Word.CHECK, [cluster], region, profile, None) as (service, request):
        taken = service.snapshot_now(request.cluster).to_json()
    if output is None:
        click.echo(taken)
    else:
        write(output, taken)


@commands.command()
def clusters() -> None:
    """The configured clusters."""
    with opened_service(settings_of()) as service:
        show(render_clusters(service.clusters(), service.versions_seen()))


@commands.command()
def digest() -> None:
    """Whose support ends, what it costs, what EKS newly offers. Looks at every cluster."""
    with opened_service(settings_of()) as service:
        for message in render_digest(service.digest_now()):
            show(message)


@commands.command()
@click.argument("run", required=False, metavar="[RUN|CLUSTER]")
def status(run: str | None) -> None:
    """The runs that are not finished, or one run."""
    settings = settings_of()
    with opened_service(settings) as service:
        if run is None:
            show(render_status(service.status(), lambda _: None, service.now()))
        else:
            found = service.run_of(run)
            events = service.events(found.id)
            owner = owner_among(service.clusters(), found.cluster)
            show(render_run(found, events, approvers=approvers_of(settings), owner=owner, now=service.now()))
            for line in (*refusals(events, found), *next_moves(found)):
                click.echo(line)


@commands.command()
@click.argument("cluster", required=False)
def history(cluster: str | None) -> None:
    """The runs so far, newest first."""
    with opened_service(settings_of()) as service:
        found = service.resolve(cluster).id if cluster else None
        show(render_history(service.history(found), found, lambda _: None))


@commands.command()
@zone_option
def calendar(zone: ZoneInfo) -> None:
    """The maintenances and freezes of the next 30 days."""
    with opened_service(settings_of()) as service:
        show(render_calendar(service.calendar(), lambda _: None, command=PROGRAM, zone=zone, name_of=service.name_of))


# -- starting and following -----------------------------------------------------------------------------------------


@commands.command(epilog=WORDS)
@words_argument
@as_option
@click.option("--wait", is_flag=True, help="Follow it to its end; without a server, carry it out here.")
def start(words: Sequence[str], name: str | None, wait: bool) -> None:
    """Begin an upgrade: check, plan, ask for approval, carry out.

    Before the first change it is announced.
    """
    wanted = _cluster_command(Word.START, words)

    def begin(service: UpgradeService) -> UpgradeRun:
        return service.start(_request(service, wanted), actor=actor_of(name), channel=None)

    settings = settings_of()
    if wait:
        _follow(settings, begin)
        return
    with opened_service(settings) as service:
        noted(settings, begin(service), "It is checked first.", "status {} shows the plan and how to approve it")


def _cluster_command(word: Word, words: Sequence[str]) -> ClusterCommand:
    wanted = parse(" ".join((word, *words)))
    if not isinstance(wanted, ClusterCommand):
        raise click.UsageError("Name one cluster.")
    return wanted


def _request(service: UpgradeService, wanted: ClusterCommand) -> PlanRequest:
    cluster = service.resolve(wanted.cluster).id
    return PlanRequest(cluster=cluster, target=wanted.target, scope=wanted.scope, node_policy=wanted.node_policy)


@commands.command(epilog=f"{WORDS}\n{TIMES}", context_settings=ZONES_IN_WORDS)
@click.argument("words", nargs=-1, metavar=f"{REQUEST} at TIME | in the next window")
@zone_option
@as_option
def schedule(words: Sequence[str], zone: ZoneInfo, name: str | None) -> None:
    """Schedule an upgrade: checked and approved now, begun then."""
    wanted = _cluster_command(Word.SCHEDULE, words)
    if wanted.when is None:
        raise click.UsageError("Say when: at TIME, or in the next window.")
    settings = settings_of()
    with opened_service(settings) as service:
        request = _request(service, wanted)
        start_at = start_of(service, wanted.when, request.cluster, zone)
        run = service.start(request, actor=actor_of(name), channel=None, start_at=start_at)
        told = f"It is checked first, and starts {start_told(wanted.when, start_at, zone)} once it is approved."
        noted(settings, run, told, "status {} shows the plan and how to approve it")


@commands.command(name="wait")
@click.argument("run", metavar="RUN|CLUSTER")
def wait_command(run: str) -> None:
    """Follow a run to its end; without a server, carry it out here."""
    _follow(settings_of(), lambda service: service.run_of(run))


def _follow(settings: Settings, find: Callable[[UpgradeService], UpgradeRun]) -> None:
    """Print what happens until the run has ended. Exit 0 only if it succeeded."""
    console = Console(settings.make_clock(), settings.announcements.wording)
    opened = opened_service(settings) if server_runs(settings) else driving_service(settings, console)
    with opened as service:
        run_id = find(service).id
        while True:
            run = service.run(run_id)
            console.follow(run, service.events(run_id), service.delivery_changed)
            if run.status.finished:
                raise click.exceptions.Exit(0 if run.status is RunStatus.SUCCEEDED else 1)
            time.sleep(_FOLLOW_SECONDS)
