"""A person does something that this program does not change, and confirms it."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from upgrade.engine.steps.context import StepContext, Watching
from upgrade.plan import ConfirmStep
from upgrade.run import Outcome, Wait

#: Only the person's word moves this step, and that wakes the run; looking again merely keeps its budget.
LOOK: Final = timedelta(hours=1)


class ConfirmKind(Watching[ConfirmStep]):
    def follow(self, step: ConfirmStep, context: StepContext) -> Outcome:
        del context
        return Wait(seconds=LOOK.total_seconds(), progress=f"Waiting for a person. {step.summary}".strip())
