"""The commands that steer a run and decide about it. Each commits one request and says the next move."""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

import click

from bot.console import lines_of, plain
from bot.invocation import PROGRAM, actor_of, as_option, new_origin, noted, settings_of
from bot.wiring import opened_service
from bot.zone import zone_option
from handlers.parse import parse
from handlers.scheduling import start_of
from handlers.views.kit import Message
from handlers.views.left import abort_blocks
from handlers.views.text import count
from handlers.views.titles import title_of
from handlers.when import At, When, spoken, zone_named
from handlers.words import RescheduleCommand, Word
from upgrade.checklist import unticked
from upgrade.errors import ChecklistOpen, DecisionOutdated, NotNow
from upgrade.run import UpgradeRun

_COUNTED: Final = "status {} says whether it counted"


commands = click.Group()


# -- steering -------------------------------------------------------------------------------------------------------


def _steering(verb: str, told: str, explained: str, follow: str = "wait {} follows it") -> None:
    @commands.command(name=verb, help=explained)
    @click.argument("run", metavar="RUN|CLUSTER")
    @as_option
    def command(run: str, name: str | None) -> None:
        settings = settings_of()
        with opened_service(settings) as service:
            found = service.run_of(run)
            getattr(service, verb)(found.id, actor=actor_of(name), origin=new_origin())
            noted(settings, found, told, follow)


_steering(
    "pause",
    "Nothing more is started; what is under way finishes.",
    "Start nothing more; what is under way finishes.",
    "resume {} goes on",
)
_steering("resume", "It goes on.", "Go on after a pause.")
_steering("cancel", "It does not take place.", "Call off a run that has not begun.", "calendar shows what is ahead")
_steering("retry", "The failed step is tried again.", "Try a failed step again.")
_steering("recheck", "The cluster is looked at again.", "Look at the cluster again.")


#: So that a zone such as -03:00 is no option.
ZONES_IN_WORDS: Final = {"ignore_unknown_options": True}
#: What TIME may be, under the help of the commands that take one.
TIMES: Final = """\b
TIME     2026-11-24 22:00, tomorrow 22:00, fri 22:00 or 22:00; a zone behind it (UTC, Europe/Berlin, +01:00)
         goes before --time-zone"""


def start_told(when: When, start_at: datetime | None, zone: tzinfo) -> str:
    """A start as it was understood, in the zone that was meant."""
    meant = zone_named(when.zone) if isinstance(when, At) and when.zone else zone
    return spoken(start_at, meant) if start_at else "as soon as it may"


@commands.command(epilog=TIMES, context_settings=ZONES_IN_WORDS)
@click.argument("run", metavar="RUN|CLUSTER")
@click.argument("words", nargs=-1, required=True, metavar="at TIME | in the next window | now")
@zone_option
@as_option
def reschedule(run: str, words: tuple[str, ...], zone: ZoneInfo, name: str | None) -> None:
    """Give a run that has not begun another start."""
    wanted = parse(" ".join((Word.RESCHEDULE, run, *words)))
    if not isinstance(wanted, RescheduleCommand) or wanted.when is None:
        raise click.UsageError("Say when: at TIME, in the next window, or now.")
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        start_at = start_of(service, wanted.when, found.cluster, zone)
        service.reschedule(found.id, start_at, actor=actor_of(name), origin=new_origin())
        noted(settings, found, f"It starts {start_told(wanted.when, start_at, zone)}.", _COUNTED)


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@click.argument("freeze")
@click.argument("reason", nargs=-1, required=True)
@as_option
def lift(run: str, freeze: str, reason: tuple[str, ...], name: str | None) -> None:
    """Let a run go on in a freeze. Counts for the people that the freeze names, and admins."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        service.lift(found.id, freeze, " ".join(reason), actor=actor_of(name), origin=new_origin())
        noted(settings, found, "Whether that counts is decided next.", _COUNTED)


@commands.command(name="break-glass")
@click.argument("run", metavar="RUN|CLUSTER")
@click.argument("reason", nargs=-1, required=True)
@as_option
def break_glass(run: str, reason: tuple[str, ...], name: str | None) -> None:
    """Open the gate that waits alone, in an emergency. Counts for admins and the role break_glass; security is told."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        service.break_glass(found.id, " ".join(reason), actor=actor_of(name), origin=new_origin())
        noted(settings, found, "Whether that counts is decided next.", _COUNTED)


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@as_option
@click.option("--yes", is_flag=True, help="Do not ask.")
def abort(run: str, name: str | None, yes: bool) -> None:
    """Stop for good; what is under way finishes."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        preview = service.what_abort_leaves(found.id)
        for block in abort_blocks(found, preview):
            click.echo("\n".join(lines_of(Message("", [block]))))
        if not yes and not click.confirm(f"Abort {found.id} of {found.cluster.name}?"):
            click.echo("Not aborted: nothing was changed.")
            return
        service.abort(found.id, actor=actor_of(name), origin=new_origin())
        noted(settings, found, "It stops for good.")


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@click.argument("step")
@as_option
def confirm(run: str, step: str, name: str | None) -> None:
    """Say that a step that people carry out is done."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        service.confirm(found.id, step, actor=actor_of(name), origin=new_origin())
        noted(settings, found, f"Done: {plain(title_of(found.plan, step))}.")


# -- deciding -------------------------------------------------------------------------------------------------------

plan_option = click.option(
    "--plan", "digest", required=True, help="The plan that you saw: the first 8 or more characters of its digest."
)
gate_option = click.option("--gate", help="The gate that you mean.  [default: the open one]")


def _open_gate(run: UpgradeRun, digest: str, gate: str | None) -> dict[str, str]:
    """What the decision is bound to. Raises DecisionOutdated when the plan is another than the one that was seen."""
    present = run.plan.digest if run.plan else ""
    if len(digest) < 8:
        raise DecisionOutdated(f"{digest} is too short to name a plan.", "Give 8 or more characters of its digest.")
    if not present.startswith(digest.lower()):
        raise DecisionOutdated(
            f"The plan of {run.id} is not {digest[:64]}.", f"See the present one with: status {run.id}."
        )
    return {"digest": present, "gate": gate or run.waiting_for or ""}


def _ticked(run: UpgradeRun, ticks: tuple[str, ...]) -> tuple[str, ...]:
    """Ids of items, ``all`` in full. Raises NotNow for one that is not on the list."""
    known = tuple(item.id for item in run.plan.checklist) if run.plan else ()
    if strange := [one for one in ticks if one not in (*known, "all")]:
        allowed = f"Allowed: {', '.join((*known, 'all'))}." if known else "It has no check list: leave out --tick."
        raise NotNow(f"“{strange[0][:64]}” is not on the check list of {run.id}.", allowed)
    return known if "all" in ticks else tuple(dict.fromkeys(ticks))


def _left_to_tick(run: UpgradeRun, gate: str, digest: str, ticked: tuple[str, ...], name: str | None) -> ChecklistOpen:
    """Print what is left of the check list; gives the error with the command that ticks it."""
    left = unticked(run, gate, ticked)
    for item in left:
        click.echo(plain(f"{item.id}: {item.sentence} {item.link}"))
    ticks = " ".join(f"--tick {one}" for one in (*ticked, *(item.id for item in left)))
    whose = f" --as {name}" if name else ""
    return ChecklistOpen(
        f"Not approved: {count(len(left), 'item')} of the check list {'is' if len(left) == 1 else 'are'} not ticked.",
        f"When you have looked after them: {PROGRAM} approve {run.id} --plan {digest}{whose} {ticks}",
    )


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@plan_option
@gate_option
@click.option(
    "--tick",
    "ticks",
    metavar="ITEM|all",
    multiple=True,
    help="An item of the check list that you looked after; once for each, or all.",
)
@as_option
def approve(run: str, digest: str, gate: str | None, ticks: tuple[str, ...], name: str | None) -> None:
    """Approve a plan, or the gate that is open."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        bound = _open_gate(found, digest, gate)
        ticked = _ticked(found, ticks)
        try:
            service.approve(found.id, **bound, actor=actor_of(name), origin=new_origin(), ticked=ticked)
        except ChecklistOpen:
            raise _left_to_tick(found, bound["gate"], digest, ticked, name) from None
        noted(settings, found, "Whether the approval counts is decided next.", _COUNTED)


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@plan_option
@gate_option
@click.option("--reason", default="", help="Why.")
@as_option
def reject(run: str, digest: str, gate: str | None, reason: str, name: str | None) -> None:
    """Reject a plan, or the gate that is open."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        bound = _open_gate(found, digest, gate)
        service.reject(found.id, **bound, actor=actor_of(name), reason=reason, origin=new_origin())
        noted(settings, found, "Whether the rejection counts is decided next.", _COUNTED)


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@click.argument("code")
@click.argument("subject")
@click.option("--reason", required=True, help="Why the finding can be accepted.")
@click.option(
    "--until",
    "last",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The last day on which that counts.  [default: as long as the run goes on]",
)
@as_option
def waive(*, run: str, code: str, subject: str, reason: str, last: datetime | None, name: str | None) -> None:
    """Accept a finding. Changes the plan, so approvals are asked for anew."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        service.waive(
            found.id,
            code=code,
            subject=subject,
            reason=reason,
            until=last.date() if last else None,
            actor=actor_of(name),
            origin=new_origin(),
        )
        noted(settings, found, "Whether the waiver counts is decided next.", _COUNTED)
