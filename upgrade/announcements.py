"""Which notice is due for a run, and when (A-26). Facts only: the words belong to the conversation. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from upgrade.eks import ClusterId
from upgrade.facts import Value
from upgrade.run import Intent, RunStatus, UpgradeRun
from upgrade.versions import KubernetesVersion

#: A notice that was delivered no later than this after it was due counts as in time.
ON_TIME: Final = timedelta(minutes=5)


class NoticeState(StrEnum):
    """What everybody should know of a run that was announced."""

    PLANNED = "planned"
    POSTPONED = "postponed"  # announced, then the plan changed or something blocks it
    STARTED = "started"
    PAUSED = "paused"
    STOPPING = "stopping"  # aborted; what is under way still finishes
    FINISHED = "finished"
    STOPPED = "stopped"  # ended early, with something changed
    CALLED_OFF = "called-off"  # ended before it began


class Notice(Value):
    """The facts of one notice: short, for everybody, edited as they change.

    Args:
        due_at: when it must be in the channel; None once nothing more will start.
    """

    state: NoticeState
    cluster: ClusterId
    from_version: KubernetesVersion
    to_version: KubernetesVersion
    start_at: datetime | None
    due_at: datetime | None


def notice_due_at(run: UpgradeRun) -> datetime | None:
    """When the announcement must be out: the lead time before the start. None while no start is set."""
    if run.start_at is None or run.scheduled_at is None:
        return None
    return max(run.scheduled_at, run.start_at - run.policy.notice)


def delivered_late(run: UpgradeRun) -> bool:
    """Whether people had less than the lead time, because the notice came late."""
    due_at = notice_due_at(run)
    return run.notice_at is not None and due_at is not None and run.notice_at - due_at > ON_TIME


def notice_of(run: UpgradeRun) -> Notice | None:
    """The notice as it should read now; None for a run that was never announced nor is to be."""
    if run.plan is None or (run.scheduled_at is None and run.notice_at is None):
        return None
    return Notice(
        state=_state(run),
        cluster=run.cluster,
        from_version=run.plan.from_version,
        to_version=run.plan.to_version,
        start_at=run.start_at,
        due_at=None if run.status.finished else notice_due_at(run),
    )


def _state(run: UpgradeRun) -> NoticeState:
    if run.status is RunStatus.SUCCEEDED:
        return NoticeState.FINISHED
    if run.status.finished:
        return NoticeState.STOPPED if run.started_at else NoticeState.CALLED_OFF
    if run.intent is Intent.ABORT:
        return NoticeState.STOPPING
    if run.started_at is not None:
        return NoticeState.PAUSED if run.status is RunStatus.PAUSED else NoticeState.STARTED
    if run.intent is Intent.PAUSE:
        return NoticeState.PAUSED
    blocked = run.status is RunStatus.BLOCKED or run.start_at is None
    return NoticeState.POSTPONED if blocked else NoticeState.PLANNED
