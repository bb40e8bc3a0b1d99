"""`preview`: the notice of a run as it would read now. Announces nothing."""

from __future__ import annotations

from typing import get_args

import click

from bot.console import show
from bot.invocation import settings_of
from bot.wiring import opened_service
from handlers.views.preview import preview_facts, render_preview
from handlers.views.wording import Language

commands = click.Group()


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@click.option(
    "--language",
    type=click.Choice(get_args(Language)),
    help="Of the texts that announcements.templates does not replace.  [default: as configured]",
)
def preview(run: str, language: Language | None) -> None:
    """The notice of a run as it would read now.

    And what may be told under it. Announces nothing.
    """
    settings = settings_of()
    words = settings.announcements
    if language is not None:
        words = words.model_copy(update={"language": language})
    with opened_service(settings) as service:
        found = service.run_of(run)
        cluster = next((one for one in service.clusters() if one.id == found.cluster), None)
        environment, owner = (cluster.environment, cluster.owner) if cluster else (None, None)
        now = service.now()
        facts = preview_facts(found, now, environment=environment, owner=owner)
        show(render_preview(facts, now, here=settings.mentions_here(environment), wording=words.wording))
