"""A cluster as the configuration describes it."""

from __future__ import annotations

from collections.abc import Iterable

from upgrade.eks import ClusterId
from upgrade.facts import Value
from upgrade.plan import UpgradePolicy
from upgrade.work_times import WorkTimes


class ConfiguredCluster(Value):
    """A cluster that the configuration names.

    Args:
        time_zone: IANA name; maintenance windows are in it.
        owner: whom to ask about it.
        check_only: nothing may be changed, for the reason given: no change role, or no approver.
    """

    id: ClusterId
    environment: str | None = None
    time_zone: str = "UTC"
    owner: str | None = None
    policy: UpgradePolicy = UpgradePolicy()
    check_only: bool = False
    check_only_reason: str = ""

    @property
    def work_times(self) -> WorkTimes:
        """When work may be done on it, whatever was lifted for one run."""
        return WorkTimes(windows=self.policy.windows, time_zone=self.time_zone, freezes=self.policy.freezes)


def owner_among(clusters: Iterable[ConfiguredCluster], cluster: ClusterId) -> str | None:
    """Whom to ask about a cluster; None also for one that the configuration names no more."""
    return next((one.owner for one in clusters if one.id == cluster), None)
