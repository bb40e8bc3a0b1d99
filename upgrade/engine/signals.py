"""Everything that can move a run: the closed union that ``advance`` understands (docs/decisions/0001)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field

from upgrade.engine.course import START_GRACE
from upgrade.facts import Value
from upgrade.findings import Finding, Report
from upgrade.freeze import Freeze
from upgrade.plan import UpgradePlan
from upgrade.ports import Verb
from upgrade.run import Outcome


class IntentGiven(Value):
    """A person wants the run to pause, go on, try again, look again or end."""

    kind: Literal["intent"] = "intent"
    verb: Literal["pause", "resume", "retry", "abort", "recheck"]
    actor: str


class DecisionGiven(Value):
    """A person approved or rejected. Counts only for this gate and this digest.

    ``ticked``: ids of the items of the check list that the person ticked with it.
    """

    kind: Literal["decision"] = "decision"
    gate: str
    digest: str
    approved: bool
    actor: str
    reason: str = ""
    ticked: tuple[str, ...] = ()


class GlassBroken(Value):
    """A person opens a gate alone, with a reason. Counts only for this gate and this digest."""

    kind: Literal["break-glass"] = "break-glass"
    gate: str
    digest: str
    reason: str
    actor: str


class WaiverGiven(Value):
    """A person accepts a finding. Changes the digest."""

    kind: Literal["waiver"] = "waiver"
    code: str
    subject: str
    reason: str
    until: date | None = None
    actor: str


class StepConfirmed(Value):
    """A person did what a confirm step asks for."""

    kind: Literal["confirmed"] = "confirmed"
    step_id: str
    actor: str


class RequestRefused(Value):
    """The look-up after the commit says that this person may not do that.

    Args:
        asked: the word that people know, where it is another: who cancels aborts what has not begun.
    """

    kind: Literal["refused"] = "refused"
    verb: Verb
    asked: str = ""
    actor: str
    reason: str
    gate: str = ""


class ChecksFinished(Value):
    """The cluster was looked at: for the start (``phase`` None) or right before a phase.

    Args:
        stopping: the findings that stop the start, or that phase.
        plan: the plan made from the fresh snapshot; None when there is none or the look was for a phase.
        baseline: ready workloads as ``kind/namespace/name`` (A-28).
        unapproved: ids of steps that a plan made now would have and the approved one has not.
        error: why there is no report or plan; ``temporary`` when looking again may help.
        ahead: a look ahead of the start of a scheduled run: while people are awake, they hear what would void it.
        impossible: the request itself cannot be met: the version is not offered, or there is nothing to do.
        busy_run: the unfinished run that holds the cluster, so that this one can only stay scheduled.
        grace: how late a run may begin.
    """

    kind: Literal["checks"] = "checks"
    phase: str | None = None
    report: Report | None = None
    plan: UpgradePlan | None = None
    stopping: tuple[Finding, ...] = ()
    baseline: tuple[str, ...] = ()
    unapproved: tuple[str, ...] = ()
    error: str = ""
    temporary: bool = False
    ahead: bool = False
    impossible: bool = False
    busy_run: str = ""
    grace: timedelta = START_GRACE


class StepIntended(Value):
    """A call is about to be made: save its token first. Ignored when nothing may start, so look before calling.

    ``crash_limit``: a step that took the process down so often is parked instead.
    """

    kind: Literal["intended"] = "intended"
    step_id: str
    crash_limit: int = 3


class StepReleased(Value):
    """An intended call was never made, as ListUpdates shows, and may not be made now."""

    kind: Literal["released"] = "released"
    step_id: str


class StepLooked(Value):
    """The outcome of a look at a step that began at ``looked_at``."""

    kind: Literal["outcome"] = "outcome"
    step_id: str
    outcome: Outcome
    looked_at: datetime


class WindowChanged(Value):
    """The maintenance window closed, or opened. ``reason``: why it is closed, when that is a freeze."""

    kind: Literal["window"] = "window"
    open: bool
    opens_at: datetime | None = None
    reason: str = ""


class StartMoved(Value):
    """A person gives a run another start; None means as soon as it may."""

    kind: Literal["start-moved"] = "start-moved"
    start_at: datetime | None
    actor: str


class FreezeLifted(Value):
    """A person lets this run go on in a freeze."""

    kind: Literal["freeze-lifted"] = "freeze-lifted"
    freeze: str
    reason: str
    actor: str


class CallAcknowledged(Value):
    """A person has seen what they were called for. ``call``: its key; empty: all that there is."""

    kind: Literal["acknowledged"] = "acknowledged"
    call: str = ""
    actor: str


class RunTakenOver(Value):
    """A person takes charge of a run."""

    kind: Literal["taken-over"] = "taken-over"
    actor: str


class RunMuted(Value):
    """A person does not want to be called of what is known until then."""

    kind: Literal["muted"] = "muted"
    until: datetime
    actor: str


class NoteAdded(Value):
    """A person writes something down in the story of a run."""

    kind: Literal["note-added"] = "note-added"
    text: str
    actor: str


class SlackChanged(Value):
    """Slack has been out of reach for too long (``unreachable_since``), or is back (None)."""

    kind: Literal["slack"] = "slack"
    unreachable_since: datetime | None


class NoticeDelivered(Value):
    """The announcement of this run exists in Slack."""

    kind: Literal["notice"] = "notice"


class TimePassed(Value):
    """Something may be due: the start, or an expiry.

    ``busy_run``: the unfinished run that holds the cluster, if another does. ``grace``: how late a run may begin.
    """

    kind: Literal["time"] = "time"
    busy_run: str = ""
    grace: timedelta = START_GRACE


class Restarted(Value):
    """The process died or was stopped, and is back. ``freezes``: those of the configuration now; None: as they were."""

    kind: Literal["restarted"] = "restarted"
    freezes: tuple[Freeze, ...] | None = None


Signal = Annotated[
    IntentGiven
    | DecisionGiven
    | GlassBroken
    | WaiverGiven
    | StepConfirmed
    | RequestRefused
    | ChecksFinished
    | StepIntended
    | StepReleased
    | StepLooked
    | WindowChanged
    | StartMoved
    | FreezeLifted
    | CallAcknowledged
    | RunTakenOver
    | RunMuted
    | NoteAdded
    | SlackChanged
    | NoticeDelivered
    | TimePassed
    | Restarted,
    Field(discriminator="kind"),
]
