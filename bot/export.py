"""What is left of a run to keep: its audit pack in a file, and its picture."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import click

from bot.console import plain
from bot.invocation import settings_of
from bot.looking import write
from bot.wiring import opened_service
from handlers.conversation import File
from handlers.views.progress import status_line
from upgrade.events import UpgradeEvent
from upgrade.records import Form, Record, render
from upgrade.run import UpgradeRun
from upgrade.service import UpgradeService
from upgrade.timeline import Timeline, alt_text, timeline, title_of

log = logging.getLogger(__name__)


commands = click.Group()


@commands.command()
@click.argument("run", metavar="RUN|CLUSTER")
@click.option(
    "--format",
    "form",
    type=click.Choice([one.value for one in Form]),
    default=Form.JSON.value,
    show_default=True,
    help="How to write it.",
)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to; else it is printed.")
def export(run: str, form: str, output: Path | None) -> None:
    """The audit pack of a run, to keep or to hand on.

    Its plan with the digest, approvals and gates, waivers, calls of AWS with their request ids, every event. html holds
    all of it in one page, with the picture; json is for scripts; csv has a row for each step of the plan
    and for each event.
    """
    with opened_service(settings_of()) as service:
        found = service.run_of(run)
        text = exported(found, service.events(found.id), Form(form), service.now())
    if output is None:
        # As bytes: the same on every terminal and in every locale.
        click.echo(text.encode(), nl=False)
    else:
        write(output, text)


def exported(run: UpgradeRun, events: Sequence[UpgradeEvent], form: Form, now: datetime) -> str:
    """The whole record of a run in one format. ``now``: what is not done yet is drawn as seen from then."""
    told = timeline(run, events, now) if form in (Form.MARKDOWN, Form.HTML) else None
    record = Record(
        run=run,
        events=tuple(events),
        standing=plain(status_line(run)),
        picture=_drawn(told) if told and form is Form.HTML else b"",
        picture_alt=alt_text(told) if told else "",
    )
    return render(record, form)


class RunFiles:
    """The same as files to hand over."""

    def __init__(self, service: UpgradeService) -> None:
        self._service = service

    def record(self, run: UpgradeRun, form: Form) -> File:
        text = exported(run, self._service.events(run.id), form, self._service.now())
        return File(f"{run.id}.{form.value}", f"Audit pack of {run.cluster.name}", text)

    def picture(self, run: UpgradeRun) -> File | None:
        return picture_file(run, self._service.events(run.id), self._service.now())


def picture_file(run: UpgradeRun, events: Sequence[UpgradeEvent], now: datetime) -> File | None:
    """The picture of a run; None when there is nothing to show, or it cannot be drawn."""
    told = timeline(run, events, now)
    drawn = _drawn(told) if told and told.bars else b""
    return File(f"{run.id}.png", title_of(told), drawn, alt_text(told)) if told and drawn else None


def _drawn(told: Timeline) -> bytes:
    """A message is worth more than its picture: whatever goes wrong is logged, and there is none."""
    try:
        from bot.picture import draw  # noqa: PLC0415 (no other command loads what draws)

        return draw(told)
    except Exception:
        log.exception("the picture of %s could not be drawn", told.cluster)
        return b""
