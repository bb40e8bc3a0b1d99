"""What an operator may tune in the engine."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from upgrade.engine.course import START_GRACE
from upgrade.facts import Value
from upgrade.readiness import NOTHING_MORE, Looks


class EngineSettings(Value):
    """Polls, patience and threads. Delays are domain time.

    Args:
        poll_control_plane: between two looks at a control-plane update; likewise the other two.
        slack_outage: whether new steps wait while Slack is out of reach (nobody could press Pause).
        slack_patience: how long Slack may be out of reach before they do.
        workers: threads for runs and short jobs together.
        crash_limit: how often a step may take the process down before it is parked.
        start_grace: how late a run may begin; later than that a person is asked.
        looks: what a snapshot looks at of that which is looked at only when somebody chose so.
    """

    poll_control_plane: timedelta = timedelta(seconds=30)
    poll_addon: timedelta = timedelta(seconds=15)
    poll_nodegroup: timedelta = timedelta(seconds=30)
    slack_outage: Literal["hold", "go-on"] = "hold"
    slack_patience: timedelta = timedelta(minutes=5)
    workers: int = Field(default=8, ge=2, le=64)
    crash_limit: int = Field(default=3, ge=1)
    start_grace: timedelta = START_GRACE
    looks: Looks = NOTHING_MORE
