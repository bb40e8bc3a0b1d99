"""Wait until the notice is delivered: no notice, no start (A-26)."""

from __future__ import annotations

from datetime import timedelta

from upgrade.announcements import delivered_late
from upgrade.engine.course import LOOK_AGAIN
from upgrade.engine.steps.context import StepContext, Watching
from upgrade.plan import AnnounceStep
from upgrade.run import Done, Outcome, Wait


class AnnounceKind(Watching[AnnounceStep]):
    def follow(self, step: AnnounceStep, context: StepContext) -> Outcome:
        """The lead time counts from the delivery, so that people have it also when Slack was out of reach."""
        del step
        run = context.run
        if run.notice_at is None:
            return Wait(seconds=LOOK_AGAIN.total_seconds(), progress="Waiting until the announcement is delivered.")
        left = run.notice_at + run.policy.notice - context.now
        if delivered_late(run) and left > timedelta(0):
            return Wait(
                seconds=left.total_seconds(), progress="The announcement was late; its lead time is waited for."
            )
        return Done()
