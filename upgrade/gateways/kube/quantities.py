"""Kubernetes quantities (``250m``, ``1.5``, ``128Mi``, ``1e3``) as whole numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Final, NamedTuple

from upgrade.errors import PermanentError

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,2})|(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]))?")
_FACTORS: Final[dict[str, Decimal]] = {
    "": Decimal(1),
    **{
        prefix: Decimal(10) ** power
        for prefix, power in zip("numkMGTPE", (-9, -6, -3, 3, 6, 9, 12, 15, 18), strict=True)
    },
    **{f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", 1)},
}
_GPU: Final = "nvidia.com/gpu"
_NEURON: Final = "aws.amazon.com/neuron"


class Amount(NamedTuple):
    """What is asked for, or there is, of what the scheduler counts: thousandths of a CPU, bytes, accelerators."""

    cpu_millis: int = 0
    memory_bytes: int = 0
    gpus: int = 0

    def plus(self, other: Amount) -> Amount:
        return Amount(*(mine + its for mine, its in zip(self, other, strict=True)))

    def or_more(self, other: Amount) -> Amount:
        """The larger of the two, of each resource."""
        return Amount(*(max(mine, its) for mine, its in zip(self, other, strict=True)))


@lru_cache(maxsize=4096)
def whole(text: str, scale: int = 1) -> int:
    """``scale`` times a quantity, rounded up as the scheduler does (k8s.io/apimachinery/pkg/api/resource).

    Raises PermanentError for what is no quantity.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise PermanentError(f"{text[:40]!r} is no Kubernetes quantity.", code="UnreadableAnswer")
    number, exponent, suffix = match.groups()
    factor = Decimal(10) ** int(exponent) if exponent else _FACTORS[suffix or ""]
    return math.ceil(Decimal(number) * factor * scale)


def amount(resources: Mapping[str, str]) -> Amount:
    """A resource list, such as a container's requests or a node's allocatable."""
    return Amount(
        cpu_millis=whole(resources.get("cpu", "0"), 1000),
        memory_bytes=whole(resources.get("memory", "0")),
        gpus=sum(whole(text) for name, text in resources.items() if name == _GPU or name.startswith(_NEURON)),
    )
