"""When a run begins: what was understood of a typed time, and the forms that ask for one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from typing import Final

from handlers.ids import Action, Dialog, Input, RunRef, encode_request, freeze_key, with_start
from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.limits import Block
from handlers.views.progress import Mark
from handlers.views.rests import freeze_line, lifters_line, until_start, windows_line, work_times_lines
from handlers.views.text import code, esc, local_time
from handlers.when import spoken
from upgrade.freeze import Freeze
from upgrade.plan import PlanRequest
from upgrade.run import UpgradeRun
from upgrade.windows import is_open
from upgrade.work_times import WorkTimes

#: What the form offers beside a time.
PICKED: Final = "picked"
SOON: Final = "now"


def render_offer(
    subject: PlanRequest | UpgradeRun, at: datetime, zone: tzinfo, times: WorkTimes, now: datetime
) -> Message:
    """What was understood of a typed time, and a button that commits it.

    Args:
        subject: what is to be scheduled, or the run that is to be moved.
        zone: the person's own.
        times: of the cluster, for the window that it falls into.
    """
    title = f"{Mark.CLOCK} {esc(subject.cluster.name)}: {esc(spoken(at, zone))}{until_start(at, now)}"
    opens = times.next_opening(at)
    if opens == at:
        return Message(title, [kit.section(f"*{title}*", _within(times, at)), *_buttons(subject, at, "Schedule")])
    lines = [_without(times, at), f"The next opening is {local_time(opens)}."]
    return Message(title, [kit.section(f"*{title}*", *lines), *_buttons(subject, opens, "Schedule for that")])


def _buttons(subject: PlanRequest | UpgradeRun, at: datetime, label: str) -> list[Block]:
    if isinstance(subject, UpgradeRun):
        action, value = Action.RESCHEDULE_TO, RunRef(subject.id).encode()
    else:
        action, value = Action.SCHEDULE_AT, encode_request(subject)
    return kit.actions([kit.button(label, action, with_start(value, at), style="primary")])


def _within(times: WorkTimes, at: datetime) -> str:
    if not times.windows:
        return "The cluster has no maintenance windows: it may be worked on at any time."
    opened = ", ".join(code(one) for one in times.windows if is_open([one], times.time_zone, at))
    closes = times.next_closing(at)
    until = f", until {local_time(closes)}" if closes else ""
    return f"In its window {opened} ({esc(times.time_zone)}){until}."


def _without(times: WorkTimes, at: datetime) -> str:
    freeze = times.freeze_at(at)
    if freeze is not None:
        return f"{Mark.BLOCKED} {freeze_line(freeze)}"
    return f"{Mark.BLOCKED} Outside of its windows. {windows_line(times)}"


def render_schedule_dialog(
    request: PlanRequest, times: WorkTimes, opens: datetime | None, now: datetime, *, channel: str
) -> Block:
    """Args: opens: the next window at which everybody is still told in time; channel: where the run is shown."""
    goal = f"to {code(request.target)}" if request.target else "to the next minor"
    said = kit.section(f"*{esc(request.cluster.name)}* {goal}", *_times(times, opens, now))
    blocks = [said, *_when(opens, now, soon=False)]
    metadata = f"{channel}|{encode_request(request)}"
    return kit.modal(Dialog.SCHEDULE, "Schedule an upgrade", blocks, submit="Schedule", metadata=metadata)


def render_reschedule_dialog(run: UpgradeRun, times: WorkTimes, opens: datetime | None, now: datetime) -> Block:
    start = run.start_at or run.wanted_at
    begins = f", now to start {local_time(start)}" if start else ""
    said = kit.section(f"*{esc(run.cluster.name)}*{begins}", *_times(times, opens, now))
    blocks = [said, *_when(opens, now, soon=True)]
    metadata = RunRef(run.id).encode()
    return kit.modal(Dialog.RESCHEDULE, "Another start", blocks, submit="Reschedule", metadata=metadata)


def _times(times: WorkTimes, opens: datetime | None, now: datetime) -> list[str]:
    following = [f"Next window: {local_time(opens)}"] if opens else []
    return [*work_times_lines(times, now), *following] or ["It may be worked on at any time."]


def _when(opens: datetime | None, now: datetime, *, soon: bool) -> list[Block]:
    chosen = kit.option("At the day and time below", PICKED)
    offered = [chosen]
    if opens is not None:
        offered.append(kit.option("In the next window, as shown above", with_start("window", opens)))
    if soon:
        offered.append(kit.option("As soon as it may", SOON))
    tomorrow = (now + timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    picker = kit.datetime_input(
        Input.AT, "Day and time", initial=opens or tomorrow, hint="In your own time zone.", optional=True
    )
    return [kit.select(Input.WHEN, "When", offered, initial=chosen), picker] if len(offered) > 1 else [picker]


def render_lift_dialog(run: UpgradeRun, freezes: Sequence[Freeze]) -> Block:
    """``freezes``: those ahead that hold this run."""
    title = "Lift a freeze"
    if not freezes:
        return kit.modal(Dialog.LIFT, title, [kit.section("No freeze holds this run.")])
    options = [kit.option(one.name, freeze_key(one)) for one in freezes]
    lines = [line for one in freezes for line in (freeze_line(one), lifters_line(one))]
    blocks = [
        kit.section(f"*{esc(run.cluster.name)}*: only this run goes on; the freeze holds for all others.", *lines),
        kit.select(Input.FREEZE, "Freeze", options, initial=options[0] if len(options) == 1 else None),
        kit.text_input(Input.REASON, "Why may it go on?", hint="Everybody in the thread reads it."),
    ]
    return kit.modal(Dialog.LIFT, title, blocks, submit="Lift", metadata=RunRef(run.id).encode())
