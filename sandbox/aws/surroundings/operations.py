"""The table of what is answered here, and what every operation is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.world.errors import AwsError
from sandbox.world.model import Cluster, Region
from sandbox.world.world import World

Json = dict[str, Any]


class Refused(AwsError):
    """A refusal with a code of the service's own; all of them are HTTP 400 here."""

    http_status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class SurroundingCall:
    """One call, with its parameters by their model names. `memory` is what a service remembers between calls."""

    world: World
    parameters: Json
    account: str
    region: str
    memory: dict[str, Any]

    def get(self, name: str) -> Any:
        """A parameter, or None."""
        return self.parameters.get(name)

    @property
    def place(self) -> Region:
        """The caller's account in this region; empty where the scenario has nothing."""
        return self.world.regions.get((self.account, self.region)) or Region(self.account, self.region, [])

    def clusters(self) -> list[Cluster]:
        return list(self.place.clusters.values())


Operation = Callable[[SurroundingCall], Json]
OPERATIONS: dict[tuple[str, str], Operation] = {}


def operation(service: str, name: str) -> Callable[[Operation], Operation]:
    """Registers a function as the answer to an operation; `service` as requests are signed for it."""

    def register(answer: Operation) -> Operation:
        OPERATIONS[service, name] = answer
        return answer

    return register
