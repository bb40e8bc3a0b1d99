"""How long EKS supports a version, and what the time after standard support costs. Pure.

Source: Amazon EKS User Guide, Understand the Kubernetes version lifecycle on EKS; Amazon EKS pricing
(``upgrade/data/prices.yaml``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from upgrade.data_files import read_data
from upgrade.eks import ControlPlane, OfferedVersion
from upgrade.facts import Value
from upgrade.versions import KubernetesVersion

_PRICES: Final = read_data("prices.yaml")
_HOURS_A_MONTH: Final = 730
#: Dollars a month that a cluster costs more in extended support than in standard support.
EXTENDED_COST_A_MONTH: Final = round((_PRICES["extended_support"] - _PRICES["standard_support"]) * _HOURS_A_MONTH)


class Support(Value):
    """The support of a cluster's version.

    Args:
        extended: the cluster's policy lets it stay in extended support, which costs; else EKS moves it by itself on
            the last day of standard support.
        begun: EKS itself says that extended support has begun.
    """

    version: KubernetesVersion
    extended: bool
    begun: bool = False
    standard_ends_at: datetime | None = None
    extended_ends_at: datetime | None = None

    @property
    def forced_at(self) -> datetime | None:
        """When EKS moves the control plane by itself; None when that is not known."""
        return self.extended_ends_at if self.extended else self.standard_ends_at

    def is_extended(self, now: datetime) -> bool:
        """Whether it is in extended support, and pays for it."""
        ended = self.standard_ends_at
        return self.extended and ended is not None and (self.begun or ended <= now)

    def ends_at(self, now: datetime) -> datetime | None:
        """When what holds now ends: standard support, or extended support once it has begun."""
        return self.extended_ends_at if self.is_extended(now) else self.standard_ends_at

    def extended_cost(self, now: datetime) -> int:
        """Dollars a month that it costs more than in standard support."""
        return EXTENDED_COST_A_MONTH if self.is_extended(now) else 0


def support_of(plane: ControlPlane, offers: Sequence[OfferedVersion]) -> Support | None:
    """None when EKS does not list the version."""
    present = next((one for one in offers if one.version == plane.version), None)
    if present is None:
        return None
    return Support(
        version=present.version,
        extended=plane.support_type != "STANDARD",
        begun=present.status == "EXTENDED_SUPPORT",
        standard_ends_at=present.standard_support_ends_at,
        extended_ends_at=present.extended_support_ends_at,
    )
