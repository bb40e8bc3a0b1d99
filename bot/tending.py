"""The commands of people who are called by a run, or look after it. Each commits one request."""

from __future__ import annotations

import click

from bot.invocation import actor_of, as_option, new_origin, noted, settings_of
from bot.wiring import opened_service
from handlers.parse import parse
from handlers.words import MuteCommand, Word

_TOLD = "status {} says where it stands"


commands = click.Group()


def _tending(verb: str, told: str, explained: str) -> None:
    @commands.command(name=verb, help=explained)
    @click.argument("run", metavar="RUN|CLUSTER")
    @as_option
    def command(run: str, name: str | None) -> None:
        settings = settings_of()
        with opened_service(settings) as service:
            found = service.run_of(run)
            getattr(service, verb.replace("-", "_"))(found.id, actor=actor_of(name), origin=new_origin())
            noted(settings, found, told, _TOLD)


_tending("acknowledge", "It calls no more for what it called for.", "I have seen what the run calls for.")
_tending("take-over", "It is in your hands.", "Take charge of a run, and be called from now on.")


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@click.argument("time", required=False, metavar="[TIME]")
@as_option
def mute(run: str, time: str | None, name: str | None) -> None:
    """No more calls of what is known, for an hour or TIME.

    TIME is such as 30m or 2h. What fails anew calls anyway.
    """
    wanted = parse(" ".join([Word.MUTE, run, *([time] if time else [])]))
    assert isinstance(wanted, MuteCommand)
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        service.mute(found.id, wanted.lasts, actor=actor_of(name), origin=new_origin())
        noted(settings, found, "It calls nobody of what is known for that long.", _TOLD)


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@click.argument("text", nargs=-1, required=True)
@as_option
def note(run: str, text: tuple[str, ...], name: str | None) -> None:
    """Write something into the thread and record of a run."""
    settings = settings_of()
    with opened_service(settings) as service:
        found = service.run_of(run)
        service.note(found.id, " ".join(text), actor=actor_of(name), origin=new_origin())
        noted(settings, found, "Written down.", _TOLD)
