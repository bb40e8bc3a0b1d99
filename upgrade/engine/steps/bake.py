"""Watch a version for a while before going on, while the way back is open (C-13, docs/decisions/0007)."""

from __future__ import annotations

from datetime import UTC

from upgrade.bake import baked_at, baking_since
from upgrade.engine.steps.context import StepContext, Watching
from upgrade.plan import BakeStep
from upgrade.run import Done, Outcome, Wait


class BakeKind(Watching[BakeStep]):
    def follow(self, step: BakeStep, context: StepContext) -> Outcome:
        """People and their alerts do the watching; the run looks at the cluster again before its next change."""
        since = baking_since(context.run, step) or context.now
        over = baked_at(context.run, step, since).astimezone(UTC)
        left = (over - context.now).total_seconds()
        if left <= 0:
            return Done()
        return Wait(seconds=left, progress=f"Watching {step.version} until {over:%Y-%m-%d %H:%M} UTC.")
