"""The table of EKS operations that the sandbox answers, and what every one of them is given."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.aws.credentials import Principal
from sandbox.world.errors import InvalidParameter
from sandbox.world.model import Cluster
from sandbox.world.world import World

T = TypeVar("T")
Json = dict[str, Any]
LARGEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class EksCall:
    """One call: who makes it, where, and with which parameters (by their model names)."""

    world: World
    operation: str
    parameters: Json
    account: str
    region: str
    principal: Principal

    def get(self, name: str) -> Any:
        """A parameter, or None."""
        return self.parameters.get(name)

    @property
    def cluster_name(self) -> str:
        """The cluster that the path names; the model calls it `name` or `clusterName`."""
        return str(self.parameters.get("clusterName") or self.parameters.get("name") or "")

    def cluster(self) -> Cluster:
        """The cluster that the path names, among those that the caller's account has. Raises ResourceNotFound."""
        return self.world.cluster(self.account, self.region, self.cluster_name)

    def page(self, items: Sequence[T]) -> tuple[list[T], str | None]:
        """The page that `maxResults` and `nextToken` ask for, and the next token.

        Raises InvalidParameter for a foreign token.
        """
        start = self._start()
        size = self.get("maxResults") or LARGEST_PAGE
        following = start + size
        token = None
        if following < len(items):
            token = base64.urlsafe_b64encode(f"{self.operation} {following}".encode()).decode()
        return list(items[start:following]), token

    def _start(self) -> int:
        token = self.get("nextToken")
        if not token:
            return 0
        try:
            operation, start = base64.urlsafe_b64decode(token).decode().split()
            if operation == self.operation:
                return int(start)
        except (binascii.Error, UnicodeDecodeError, ValueError):
            pass
        raise InvalidParameter("The nextToken is not valid for this request.")


Operation = Callable[[EksCall], Json]
OPERATIONS: dict[str, Operation] = {}


def operation(answer: Operation) -> Operation:
    """Registers a function under the operation it is named after: `describe_cluster` answers DescribeCluster."""
    name = "".join(part.capitalize() for part in answer.__name__.split("_"))
    if name in OPERATIONS:
        raise ValueError(f"{name} is answered twice")
    OPERATIONS[name] = answer
    return answer
