"""Runs in a line each: status, history, and the short answers to what a person asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from handlers.ids import Action, RunRef
from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.left import abort_blocks
from handlers.views.progress import Mark, status_line, versions
from handlers.views.rests import until_start
from handlers.views.text import code, count, duration, esc, link, local_time, person
from handlers.words import RunWord, Word
from upgrade.eks import ClusterId
from upgrade.plan import PlanRequest
from upgrade.run import AbortPreview, RunStatus, UpgradeRun

LinkOf = Callable[[str], str | None]
_FIRST: Final = "An upgrade begins with a check or a plan, which change nothing."

#: The engine looks up who may after the ack, so what is noted is not done yet.
_JUDGED: Final = "if that is for you to say: the thread tells"
_STEERED = {
    Word.PAUSE: "Nothing more is started; what is under way finishes.",
    Word.RESUME: f"It goes on, {_JUDGED}.",
    Word.RETRY: f"The failed step is tried again, {_JUDGED}.",
    Word.RECHECK: f"I look at the cluster again, {_JUDGED}.",
    Word.CANCEL: f"It does not take place, {_JUDGED}.",
    Word.ACKNOWLEDGE: "It calls no more for what it called for.",
    Word.TAKE_OVER: f"It is in your hands, {_JUDGED}.",
    Word.ABORT: f"It stops for good, {_JUDGED}. What is under way finishes.",
}


def render_status(runs: Sequence[UpgradeRun], link_of: LinkOf, now: datetime | None = None) -> Message:
    """``now``: for how long it is until a start."""
    if not runs:
        return _nothing("Nothing is under way.")
    title = f"{count(len(runs), 'run')} under way"
    return Message(title, [kit.section(*(run_line(run, link_of, now) for run in runs))])


def run_line(run: UpgradeRun, link_of: LinkOf, now: datetime | None = None) -> str:
    scheduled = run.status is RunStatus.SCHEDULED and run.start_at is not None
    left = until_start(run.start_at, now) if scheduled and run.start_at else ""
    return f"*{esc(run.cluster.name)}* {versions(run)} · {status_line(run)}{left} · {_where(run.id, link_of(run.id))}"


def render_history(runs: Sequence[UpgradeRun], cluster: ClusterId | None, link_of: LinkOf) -> Message:
    of = f" of {esc(cluster.name)}" if cluster else ""
    if not runs:
        return _nothing(f"No run{of} yet.")
    lines = []
    for run in runs:
        when = local_time(run.created_at)
        lines.append(f"{when} · {run_line(run, link_of)} · asked for by {person(run.requester)}")
    return Message(f"History{of}", [kit.section(f"*History{of}*"), kit.section(*lines)])


def render_started(run: UpgradeRun, thread: str | None) -> Message:
    start = f" Once it is approved it starts {local_time(run.wanted_at)}." if run.wanted_at else ""
    where = link(thread, "Its thread") if thread else "Its message appears in a moment"
    return _line(f"{Mark.LOOKING} {esc(run.cluster.name)}: checking first.{start} {where} (run {code(run.id)}).")


def render_steered(run: UpgradeRun, word: RunWord, thread: str | None) -> Message:
    mark = Mark.CLOCK if _JUDGED in _STEERED[word] else Mark.DONE
    return _line(f"{mark} {esc(run.cluster.name)}: noted. {_STEERED[word]} {_where(run.id, thread)}")


def render_abort_asked(run: UpgradeRun, preview: AbortPreview) -> Message:
    """The question before an abort that is for good, and what it leaves behind; its button opens the form."""
    text = f"{Mark.WARNING} Abort *{esc(run.cluster.name)}*? Nothing is stopped before you press Abort… and confirm it."
    button = kit.button("Abort…", Action.ABORT, RunRef(run.id).encode(), style="danger")
    return Message(text, [kit.section(text), *abort_blocks(run, preview), *kit.actions([button])])


def render_rescheduled(run: UpgradeRun, start_at: datetime | None, thread: str | None) -> Message:
    start = local_time(start_at) if start_at else "as soon as it may"
    said = f"noted. It starts {start}, {_JUDGED}."
    return _line(f"{Mark.CLOCK} {esc(run.cluster.name)}: {said} {_where(run.id, thread)}")


def render_lifted(run: UpgradeRun, freeze: str, thread: str | None) -> Message:
    said = f"noted. The freeze “{esc(freeze)}” holds it no longer, {_JUDGED}."
    return _line(f"{Mark.CLOCK} {esc(run.cluster.name)}: {said} {_where(run.id, thread)}")


def render_glass_noted(run: UpgradeRun, thread: str | None) -> Message:
    said = f"noted. Its gate opens without further approvals, {_JUDGED}."
    return _line(f"{Mark.WARNING} {esc(run.cluster.name)}: {said} {_where(run.id, thread)}")


def render_muted(run: UpgradeRun, lasts: timedelta, thread: str | None) -> Message:
    said = f"noted. It calls nobody of what is known for {duration(lasts)}, {_JUDGED}."
    return _line(f"{Mark.CLOCK} {esc(run.cluster.name)}: {said} {_where(run.id, thread)}")


def render_noted(run: UpgradeRun, thread: str | None) -> Message:
    return _line(f"{Mark.DONE} {esc(run.cluster.name)}: written down. {_where(run.id, thread)}")


def render_looking(request: PlanRequest) -> Message:
    return _line(
        f"{Mark.LOOKING} Looking at {esc(request.cluster.name)}. The answer comes here in a minute or two; "
        "should I be restarted before, ask again."
    )


def render_looking_at_all(clusters: int) -> Message:
    return _line(
        f"{Mark.LOOKING} Looking at {count(clusters, 'cluster')}. The answer comes here in a minute or two; "
        "should I be restarted before, ask again."
    )


def _where(run_id: str, thread: str | None) -> str:
    return f"{link(thread, 'thread')} ({code(run_id)})" if thread else code(run_id)


def _nothing(text: str) -> Message:
    """With what to do first."""
    return Message(text, [kit.section(text, _FIRST)])


def _line(text: str) -> Message:
    return Message(text, [kit.section(text)])
