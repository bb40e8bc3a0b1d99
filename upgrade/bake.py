"""Where a plan bakes, and when a bake is over (docs/decisions/0007). Pure.

Its clock runs from the end of what stands before it, so that a closed window, a pause or a restart does not stop it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from upgrade.plan import BakeStep, UpgradePolicy
from upgrade.run import UpgradeRun
from upgrade.versions import KubernetesVersion
from upgrade.windows import is_open, next_closing, next_opening
from upgrade.work_times import work_times_of


def bake_before(what: Literal["hop", "nodes"], version: KubernetesVersion, policy: UpgradePolicy) -> BakeStep | None:
    """The rest that the policy wants on ``version``, which a hop reached; None when it wants none."""
    if what == "nodes":
        lasts, next_window = policy.bake_before_nodes, False
    else:
        lasts, next_window = policy.bake_after_hop, policy.one_hop_a_window and bool(policy.windows)
    if not lasts and not next_window:
        return None
    return BakeStep(version=version, before=what, lasts=lasts, next_window=next_window)


def baking_since(run: UpgradeRun, step: BakeStep) -> datetime | None:
    """When the last step before this bake was over, else when it began itself; None when neither is known."""
    ends = []
    for _, other in run.plan.steps() if run.plan else ():
        if other.id == step.id:
            break
        ends.append(run.step(other.id).finished_at)
    return max((end for end in ends if end is not None), default=run.step(step.id).started_at)


def baked_at(run: UpgradeRun, step: BakeStep, since: datetime) -> datetime:
    """When the run may go on after a bake that began at ``since`` (aware); its windows hold it as ever after that.

    ``next_window``: not in the window in which it began; one that began when the windows were closed, because the work
    before it took longer, goes on in the next one.
    """
    over = since + step.lasts
    windows, zone = run.policy.windows, run.time_zone
    if not step.next_window or not windows:
        return over
    closing = next_closing(windows, zone, since) if is_open(windows, zone, since) else since
    return max(over, next_opening(windows, zone, closing)) if closing is not None else over


def goes_on_at(run: UpgradeRun, step: BakeStep, since: datetime) -> datetime:
    """When work goes on after a bake that began at ``since`` (aware): once it is over and the work times are open."""
    return work_times_of(run).next_opening(baked_at(run, step, since))
