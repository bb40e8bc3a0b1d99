"""Whom an entry of a thread calls: an edited message notifies nobody, so an entry mentions who can do something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from handlers.views.text import person, whom_to_call
from upgrade.calls import approvers_now, in_charge
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import StepStatus, UpgradeRun

_CALLS_FOR: Final = frozenset(
    {
        EventKind.STEP_FAILED,
        EventKind.STEP_BLOCKED,
        EventKind.RUN_BLOCKED,
        EventKind.RUN_PAUSED,
        EventKind.START_MISSED,
    }
)
_CALLS_APPROVERS: Final = frozenset({EventKind.PLAN_READY, EventKind.GATE_OPENED})
#: People who are named in one line.
_MOST: Final = 10


def mentions(event: UpgradeEvent, run: UpgradeRun, *, approvers: Sequence[str], owner: str | None) -> Iterator[str]:
    """Lines of mrkdwn, as `render_entry` has its arguments."""
    owner = whom_to_call(owner)
    if event.kind in _CALLS_FOR:
        yield _line(_concerned(run, owner))
    if attended := event.data.get("attended"):
        yield f"{person(str(attended))} attends it."
    others = [one for one in approvers_now(run, approvers) if one != attended]
    if event.kind in _CALLS_APPROVERS and others:
        yield _line(others)
    if event.kind is EventKind.PAUSE_REQUESTED:
        charge = in_charge(run, owner)
        # Anybody may pause, and no call follows a pause: whoever answers for the run must hear of it.
        if charge != event.actor:
            failed = any(state.status is StepStatus.FAILED for state in run.steps.values())
            goes_on = "has the failed step retried" if failed else "resumes it"
            yield f"{person(charge)}: it waits until somebody {goes_on}."


def _concerned(run: UpgradeRun, owner: str | None) -> list[str]:
    """Whoever asked for the run; once it is under way also those who approved it, and the cluster's owner."""
    people = [run.requester]
    if run.started_at is not None:
        people += [approval.by for approval in run.approvals]
        people += [owner] if owner else []
    return list(dict.fromkeys(people))


def _line(people: Sequence[str]) -> str:
    return " ".join(map(person, people[:_MOST]))
