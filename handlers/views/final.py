"""The last message of a run: phases and durations, who approved and waived what, the way back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from typing import Any

from handlers.views import kit
from handlers.views.checklist import item_titles
from handlers.views.kit import Message
from handlers.views.left import left_lines, next_lines, not_done_lines
from handlers.views.limits import Block
from handlers.views.progress import Mark, progress_of, status_line, versions
from handlers.views.text import duration, esc, local_time, person, until, utc
from handlers.views.titles import gate_title, in_words
from upgrade.audit import Audit, Decision, PhaseTime, audit
from upgrade.events import UpgradeEvent
from upgrade.gates import PLAN_GATE
from upgrade.run import UpgradeRun

_RESULTS = {Mark.DONE: "done", Mark.FAILED: "failed", Mark.PENDING: "not begun", Mark.BLOCKED: "blocked"}
_WORTH_TELLING = timedelta(minutes=1)
_TOLD = ("approved", "ticked", "rejected", "waived", "confirmed", "aborted", "broke the glass")


def render_final(run: UpgradeRun, events: Sequence[UpgradeEvent], left: Mapping[str, Any]) -> Message:
    """``left``: what the event of an early end says of the state that it leaves."""
    record = audit(events)
    line = f"{esc(run.cluster.name)} {versions(run)}: {status_line(run)}"
    blocks: list[Block] = [kit.section(f"*{line}*"), *_left_behind(run, left)]
    if run.plan is not None and run.started_at is not None:
        blocks.append(kit.table(("Phase", "Began (UTC)", "Took", "Result"), _rows(run, record)))
    blocks.append(kit.section(f"Requested by {person(run.requester)}", *_decisions(run, record)))
    if record.rollback_until is not None:
        back = f"The control plane can go back one minor until {local_time(record.rollback_until)}"
        blocks.append(kit.context(f"{back}; nodes and add-ons go first."))
    return Message(line, blocks)


def _left_behind(run: UpgradeRun, left: Mapping[str, Any]) -> list[Block]:
    """A section each: a long list of what is not done must not crowd out how the cluster stands."""
    blocks = []
    if stands := left_lines(run, left):
        blocks.append(kit.section("*Left as it is now*", *stands))
    if not_done := not_done_lines(run, left):
        blocks += [kit.section("*Not done*", *not_done), kit.section(*next_lines(left))]
    return blocks


def _rows(run: UpgradeRun, record: Audit) -> list[tuple[str, str, str, str]]:
    times = {phase.id: phase for phase in record.phases}
    rows = []
    for phase in run.plan.phases if run.plan else ():
        progress, time = progress_of(run, phase), times.get(phase.id)
        result = _RESULTS.get(progress.mark, "stopped")
        if phase.kind == "bake" and progress.mark is Mark.DONE:
            result = "rested"
        counted = result if progress.mark is Mark.DONE else f"{result} {progress.done}/{progress.total}"
        tried = f", {time.attempts} attempts" if time is not None and time.attempts > 1 else ""
        rows.append((phase.title, *_when(time), counted + tried))
    return rows


def _when(time: PhaseTime | None) -> tuple[str, str]:
    """When it began, and how long it took; what it waited for people is told apart."""
    if time is None:
        return "", ""
    took = duration(time.duration - time.waited) if time.duration is not None else ""
    if time.duration is not None and time.waited >= _WORTH_TELLING:
        took += f" + {duration(time.waited)} waiting"
    return utc(time.started_at).removesuffix(" UTC"), took


def _decisions(run: UpgradeRun, record: Audit) -> Iterator[str]:
    """A line each; what somebody ticked with an approval is one."""
    told = (one for one in record.decisions if one.what in _TOLD)
    for (what, actor, at), together in groupby(told, key=lambda one: (one.what, one.actor, one.at)):
        if what == "ticked":
            titles = item_titles(run.plan, (one.subject for one in together))
            yield f"Ticked by {person(actor)}: {titles} ({local_time(at)})"
        else:
            yield from (_decided(run, one) for one in together)


def _decided(run: UpgradeRun, decision: Decision) -> str:
    at_gate = run.plan is not None and run.plan.behind(decision.subject) is not None
    named = gate_title(run, decision.subject) if at_gate else in_words(run.plan, decision.subject)
    subject = "" if decision.subject in ("", PLAN_GATE) else f": {named}"
    because = f", because {esc(decision.reason)}" if decision.reason else ""
    told = f"{decision.what.capitalize()} by {person(decision.actor)}{until(decision.until)}{subject}{because}"
    return f"{told} ({local_time(decision.at)})"
