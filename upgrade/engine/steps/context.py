"""What a step sees of the world, and what every kind of step can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from upgrade.engine.settings import EngineSettings
from upgrade.plan import Step
from upgrade.ports import AwsGateway, KubeGateway
from upgrade.run import Outcome, StepState, UpgradeRun

S_contra = TypeVar("S_contra", bound=Step, contravariant=True)


@dataclass(frozen=True)
class StepContext:
    """One look at one step. ``now`` is the one instant of this look.

    Args:
        aws: reads under the read role.
        changing: gives AWS under the change role; asked for only when a call is about to be made.
    """

    run: UpgradeRun
    state: StepState
    now: datetime
    aws: AwsGateway
    kube: KubeGateway
    changing: Callable[[], AwsGateway]
    settings: EngineSettings


#: The one call of a step, given its token.
Act = Callable[[str], Outcome]


class StepKind(Protocol[S_contra]):
    """Observed, not remembered (DESIGN 4)."""

    def observe(self, step: S_contra, context: StepContext) -> Outcome | None:
        """Is it already true, or is its update under way? None when it must be started."""
        ...

    def prepare(self, step: S_contra, context: StepContext) -> Act:
        """Read whatever the call needs. The call itself is made after the intent and the token are saved."""
        ...

    def follow(self, step: S_contra, context: StepContext) -> Outcome:
        """Look at what was started: done only when the cluster shows it."""
        ...


class Watching(ABC, Generic[S_contra]):
    """A kind of step that makes no call: it only looks, and is done when it sees what it wants."""

    def observe(self, step: S_contra, context: StepContext) -> Outcome | None:
        del step, context
        return None

    def prepare(self, step: S_contra, context: StepContext) -> Act:
        return lambda _: self.follow(step, context)

    @abstractmethod
    def follow(self, step: S_contra, context: StepContext) -> Outcome: ...
