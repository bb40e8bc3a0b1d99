"""Where a run asks again half-way, who attends it there, and what opens by itself (docs/decisions/0009). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Discriminator, Tag, model_validator

from upgrade.facts import Value

#: The gate of the plan itself; all others are named after their phase.
PLAN_GATE: Final = "plan"
#: Kinds of phase; ``first-control-plane`` and ``hop`` are the first control plane of a plan, and each one after it.
GatePlace = Literal["control-plane", "add-ons", "nodes", "first-control-plane", "hop"]


class GateTerms(Value):
    """How a gate is kept.

    Args:
        attended: the user or user group who is called when it opens, and may approve it.
        within: how long it waits for them; then the run pauses.
        unattended: it opens by itself if all signals are green, else it waits for an approval.
    """

    attended: str | None = None
    within: timedelta | None = None
    unattended: bool = False


class GateRule(GateTerms):
    """A gate of a policy that is attended, or unattended. ``before``: where it stands."""

    before: GatePlace

    @model_validator(mode="after")
    def _one_or_the_other(self) -> Self:
        named = self.attended is not None and self.within is not None
        if named is self.unattended or (self.attended is None) is not (self.within is None):
            raise ValueError("needs “attended” with “within”, or “unattended: true”")
        return self

    @property
    def terms(self) -> GateTerms:
        return GateTerms(attended=self.attended, within=self.within, unattended=self.unattended)


def form(value: Any) -> str:
    """Whether a gate is written as a word or as a mapping."""
    return "word" if isinstance(value, str) else "mapping"


Gate = Annotated[Annotated[GatePlace, Tag("word")] | Annotated[GateRule, Tag("mapping")], Discriminator(form)]


def gate_before(gates: Sequence[Gate], kind: str, *, first: bool) -> Gate | None:
    """The first of ``gates`` that stands before a phase of that kind.

    Args:
        first: it is the first of its kind in the plan.
    """
    places = {kind}
    if kind == "control-plane":
        places.add("first-control-plane" if first else "hop")
    return next((one for one in gates if (one if isinstance(one, str) else one.before) in places), None)
