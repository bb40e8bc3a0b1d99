"""EKS updates: finding ours among all, and reading how one ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from upgrade.eks import EksUpdate, UpdateSubject
from upgrade.engine.steps.context import StepContext
from upgrade.errors import NotFound
from upgrade.remedies import explain_update_error
from upgrade.run import Blocked, Failed, Outcome, Wait

#: An update made earlier than this before the intent was saved is not ours (DESIGN 4): clocks differ a little.
ADOPTION_SLACK: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class Wanted:
    """The update that a step would make. ``params`` must be equal; ``optional`` where EKS tells them."""

    subject: UpdateSubject
    type: str
    params: Mapping[str, str]
    optional: Mapping[str, str]

    def equals(self, update: EksUpdate) -> bool:
        return (
            update.type == self.type
            and all(update.params.get(name) == value for name, value in self.params.items())
            and all(update.params.get(name, value) == value for name, value in self.optional.items())
        )


def find_update(wanted: Wanted, context: StepContext, *, busy: bool, poll: timedelta) -> Outcome | None:
    """Ask ListUpdates when our call may have been made, or when the subject is busy.

    Returns what to follow (ours, adopted), what stands in the way (foreign), or None when nothing is under way.
    """
    state = context.state
    if state.intended_at is None and not busy:
        return None
    earliest = (state.intended_at or context.now) - ADOPTION_SLACK
    foreign: EksUpdate | None = None
    for update in _updates(wanted.subject, context):
        ours = wanted.equals(update) and update.created_at >= earliest
        if ours and (update.status == "InProgress" or state.intended_at is not None):
            return Wait(seconds=0, update=update, adopted=True)
        if update.status == "InProgress":
            foreign = update
    if foreign is not None:
        return Blocked(reasons=(_foreign_sentence(foreign),), seconds=poll.total_seconds())
    if busy:
        return Wait(seconds=poll.total_seconds(), acted=False, progress="EKS is still busy with something else here.")
    return None


def _updates(subject: UpdateSubject, context: StepContext) -> list[EksUpdate]:
    updates = []
    for update_id in context.aws.list_update_ids(subject):
        if update_id in context.state.past_update_ids:
            continue
        try:
            updates.append(context.aws.describe_update(update_id, subject))
        except NotFound:
            continue
    return sorted(updates, key=lambda update: update.created_at, reverse=True)


def _foreign_sentence(update: EksUpdate) -> str:
    what = f"{update.subject.kind} {update.subject.name}".strip()
    params = "".join(f", {name} {value}" for name, value in sorted(update.params.items()))
    return (
        f"Somebody else's update of the {what} is under way: {update.type} {update.id}{params}, "
        f"since {update.created_at:%H:%M} UTC. It is watched; this step waits for it."
    )


def follow_update(wanted: Wanted, context: StepContext, *, poll: timedelta, progress: str) -> Outcome | None:
    """How the followed update stands; None when EKS says Successful, so that the cluster must be asked next."""
    assert context.state.update_id is not None
    update = context.aws.describe_update(context.state.update_id, wanted.subject)
    match update.status:
        case "InProgress":
            return Wait(seconds=poll.total_seconds(), progress=progress)
        case "Successful":
            return None
        case _:
            return failed_update(update)


def failed_update(update: EksUpdate) -> Failed:
    """A failed or cancelled update in plain words (D2, D4, E2)."""
    if not update.errors:
        return Failed(
            code=update.status,
            message=f"EKS says that update {update.id} ended as {update.status} and gives no reason.",
            meaning=f"The update ended as {update.status}.",
            action="Look at the EKS console, then press Retry or Abort.",
            update_ended=True,
        )
    first = update.errors[0]
    remedy = explain_update_error(first.code, update.subject.kind)
    return Failed(
        code=first.code,
        message=" ".join(error.message for error in update.errors if error.message),
        meaning=remedy.meaning,
        action=remedy.action,
        resources=tuple(dict.fromkeys(one for error in update.errors for one in error.resource_ids)),
        update_ended=True,
    )


def settling(poll: timedelta) -> float:
    """Seconds to the next look once EKS has finished and the cluster is to show it: a third of the poll."""
    return poll.total_seconds() / 3
