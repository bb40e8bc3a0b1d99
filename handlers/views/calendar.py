"""The calendar: the maintenances of the next weeks by day, and the freezes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, tzinfo
from itertools import groupby
from operator import attrgetter
from typing import Final

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.progress import Mark
from handlers.views.rests import freeze_line
from handlers.views.text import code, count, duration, esc, link, local_time
from upgrade.calendar import Calendar, FrozenTime, Maintenance
from upgrade.eks import ClusterId
from upgrade.run import RunStatus

LinkOf = Callable[[str], str | None]
NameOf = Callable[[ClusterId], str]

_STATES: Final = {
    RunStatus.CHECKING: f"{Mark.LOOKING} being checked",
    RunStatus.BLOCKED: f"{Mark.BLOCKED} blocked",
    RunStatus.AWAITING_APPROVAL: f"{Mark.WAITING} waits for approval",
    RunStatus.SCHEDULED: f"{Mark.DONE} approved",
    RunStatus.RUNNING: f"{Mark.RUNNING} under way",
    RunStatus.PAUSED: f"{Mark.PAUSED} paused",
}


def render_calendar(
    calendar: Calendar,
    link_of: LinkOf,
    *,
    command: str,
    cluster: str = "CLUSTER",
    days: int = 30,
    zone: tzinfo = UTC,
    name_of: NameOf = attrgetter("name"),
) -> Message:
    """The calendar by the days of one person.

    Args:
        zone: whose days they are.
        command: what is typed to schedule one; ``cluster``: for an example of it.
        name_of: what tells a cluster from all others.
    """
    title = f"The next {days} days"
    if not calendar.maintenances:
        how = f"No maintenance is scheduled. Schedule one with {code(f'{command} schedule {cluster} at fri 22:00')}."
        return Message(title, [kit.section(f"*{title}*", how), *_freezes(calendar.freezes, name_of)])
    known = [one for one in calendar.maintenances if one.starts_at is not None]
    later = [one for one in calendar.maintenances if one.starts_at is None]
    blocks = [kit.section(f"*{title}: {count(len(calendar.maintenances), 'maintenance')}*")]
    for day, together in groupby(known, key=lambda one: _day(one.starts_at, zone)):
        heading = f"*{day:%a} {day.day} {day:%b}*"
        blocks.append(kit.section(heading, *(maintenance_line(one, link_of, name_of) for one in together)))
    if later:
        blocks.append(kit.section("*Without a start yet*", *(maintenance_line(one, link_of, name_of) for one in later)))
    return Message(title, [*blocks, *_freezes(calendar.freezes, name_of)])


def maintenance_line(one: Maintenance, link_of: LinkOf, name_of: NameOf = attrgetter("name")) -> str:
    """Cluster, versions, start and length, state, and a link to its thread."""
    known = f"{one.from_version or '?'} → {one.to_version or 'the next minor'}"
    parts = [f"*{esc(name_of(one.cluster))}* {known}"]
    if one.starts_at is not None:
        lasts = f", over by {local_time(one.ends_by)}" if one.ends_by else ""
        parts.append(f"{local_time(one.starts_at)}{lasts}{_length(one.starts_at, one.ends_by)}")
    state = _STATES.get(one.status, esc(one.status))
    waits = "" if one.status is RunStatus.SCHEDULED else f", {state}"
    parts.append(f"{Mark.WARNING} start missed{waits}" if one.missed else state)
    thread = link_of(one.run_id)
    parts.append(f"{link(thread, 'thread')}" if thread else code(one.run_id))
    return " · ".join(parts)


def _length(starts_at: datetime, ends_by: datetime | None) -> str:
    return f" (up to {duration(ends_by - starts_at)})" if ends_by and ends_by > starts_at else ""


def _day(at: datetime | None, zone: tzinfo) -> date:
    return at.astimezone(zone).date() if at else date.min


def _freezes(freezes: tuple[FrozenTime, ...], name_of: NameOf) -> list[Block]:
    lines = [f"{freeze_line(one.freeze)} ({esc(', '.join(map(name_of, one.clusters)))})" for one in freezes]
    return [kit.section("*Freezes*", *lines)] if lines else []
