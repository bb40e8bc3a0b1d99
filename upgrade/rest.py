"""Is a fresh plan the rest of the approved one? That is how a changed cluster is noticed before a run goes on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from upgrade.facts import Value
from upgrade.plan import TRACELESS, ConfirmStep, ControlPlaneStep, Step, UpgradePlan


class PlanDifference(Value):
    """What sets a fresh plan apart from the rest of the approved one, by step id.

    Args:
        added: steps that nobody approved, or approved with other pins.
        dropped: approved steps that the cluster no longer needs, such as node groups that a refused hop had rotated
            already (C-06), or that are needed with other pins.
        reordered: the steps that both have stand in another order.
    """

    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    reordered: bool = False

    @property
    def same(self) -> bool:
        return not (self.added or self.dropped or self.reordered)


def shows(step: Step) -> bool:
    """Whether the cluster itself shows that the step was done, so that planning again leaves it out."""
    return step.kind not in TRACELESS and not (isinstance(step, ConfirmStep) and not step.shows)


def visible_steps(plan: UpgradePlan, done: Collection[str] = ()) -> tuple[Step, ...]:
    """The steps not yet done whose effect the cluster will show, in order. ``done``: ids of finished steps."""
    return tuple(step for _, step in plan.steps() if shows(step) and step.id not in done)


def difference(approved: UpgradePlan, done: Collection[str], fresh: UpgradePlan) -> PlanDifference:
    """Compare a plan made now with what is left of the approved one.

    Steps without a trace (announce, verify, bake, what only a person can tell) are left out: they are remembered, not
    seen. A C-06 branch may hold less than was approved, or rotations that were approved elsewhere in the plan; anything
    else in it makes its step count as added.
    """
    left = {step.id: step for step in visible_steps(approved, done)}
    now = {step.id: step for step in visible_steps(fresh)}
    approved_pins = {step.id: step.pins for _, one in approved.steps() for step in (one, *_branch(one))}
    changed = {
        step_id
        for step_id in left.keys() & now.keys()
        if _own_pins(now[step_id]) != _own_pins(left[step_id])
        or any(approved_pins.get(step.id) != step.pins for step in _branch(now[step_id]))
    }
    common = [step_id for step_id in left if step_id in now]
    return PlanDifference(
        added=tuple(step_id for step_id in now if step_id not in left or step_id in changed),
        dropped=tuple(step_id for step_id in left if step_id not in now or step_id in changed),
        reordered=common != [step_id for step_id in now if step_id in left],
    )


def _own_pins(step: Step) -> Mapping[str, Any]:
    return {key: value for key, value in step.pins.items() if key != "if_groups_must_match"}


def _branch(step: Step) -> tuple[Step, ...]:
    return step.if_groups_must_match if isinstance(step, ControlPlaneStep) else ()
