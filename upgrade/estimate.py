"""How long steps take, as a range: what this cluster's past says, else the durations that are quoted (C-40..C-43)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import Final, Literal

from upgrade.cluster import ClusterSnapshot
from upgrade.eks import Nodegroup
from upgrade.facts import Known, Value
from upgrade.plan import Phase, Step, UpgradePlan

Minutes = tuple[float, float]

#: C-40: quoted from several minutes to half an hour.
CONTROL_PLANE: Final[Minutes] = (8, 30)
#: C-41: seconds for a DaemonSet of a few nodes, minutes for a large cluster.
ADDON: Final[Minutes] = (1, 5)
#: C-43, D-02: surge nodes must join (2-3 minutes, at most 15) before the first old one goes; D-05: they may all stay.
NODEGROUP_SETUP: Final[Minutes] = (2, 15)
#: C-43, D-03: one minute after the cordon and half a minute of termination, when the pods leave at once; a stubborn pod
#: holds up to 15 minutes.
NODEGROUP_ROUND: Final[Minutes] = (1.5, 15)
VERIFY: Final[Minutes] = (1, 10)
NOTHING: Final[Minutes] = (0, 0)


class PastDuration(Value):
    """An update of this cluster that succeeded, and how many minutes it took.

    ``kind`` is the step's kind; ``name`` the add-on or node group, empty for the control plane.
    """

    kind: Literal["control-plane", "addon", "nodegroup"]
    name: str = ""
    minutes: float


class Basis(StrEnum):
    """What an estimate is made from: this cluster's own past updates, quoted durations, or some of each."""

    OWN = "own"
    PARTLY = "partly"
    QUOTED = "quoted"


def estimate_minutes(
    phases: Iterable[Phase], snapshot: ClusterSnapshot, past: Sequence[PastDuration] = ()
) -> dict[str, Minutes]:
    """(low, high) minutes by step id; a bake lasts what it lasts, and its wait for a window is not in it.

    Steps that wait for people (announce, confirm) count as nothing: how long a person takes is not ours to guess.
    """
    groups = {one.name: one for one in snapshot.nodegroups.value} if isinstance(snapshot.nodegroups, Known) else {}
    return {step.id: _from_past(past, step) or _usual_minutes(step, groups) for phase in phases for step in phase.steps}


def measured_steps(phases: Iterable[Phase], past: Sequence[PastDuration]) -> tuple[str, ...]:
    """Ids of the steps whose estimate is this cluster's own past, in their order."""
    known = {(one.kind, one.name) for one in past}
    return tuple(step.id for phase in phases for step in phase.steps if _past_of(step) in known)


def basis_of(plan: UpgradePlan) -> Basis | None:
    """What the estimate of the updates in a plan is made from; what is not an update counts for nothing.

    None when there is no update, and for a plan that was made before its basis was kept.
    """
    updates = [step.id for _, step in plan.steps() if _past_of(step)]
    if plan.measured is None or not updates:
        return None
    own = len(set(updates).intersection(plan.measured))
    return Basis.PARTLY if 0 < own < len(updates) else Basis.OWN if own else Basis.QUOTED


def total_minutes(plan: UpgradePlan) -> Minutes:
    """(low, high) minutes of work in the whole plan: phases in sequence, ``parallelism`` steps of one at a time.

    Bakes are no work; when a run is over, with its bakes, windows and freezes, says ``upgrade.fit.ends_by``.
    """
    low = high = 0.0
    for phase in plan.phases:
        if phase.kind != "bake":
            phase_low, phase_high = phase_minutes(phase, plan.minutes)
            low, high = low + phase_low, high + phase_high
    return low, high


def phase_minutes(phase: Phase, minutes: Mapping[str, Minutes]) -> Minutes:
    """(low, high) minutes of a phase, each step starting in order as soon as one of ``parallelism`` places is free."""
    spans = [minutes.get(step.id, NOTHING) for step in phase.steps]
    low, high = (_makespan([span[end] for span in spans], phase.parallelism) for end in (0, 1))
    return low, high


def _makespan(spans: Sequence[float], places: int) -> float:
    busy_until = [0.0] * max(1, places)
    for span in spans:
        busy_until.sort()
        busy_until[0] += span
    return max(busy_until)


def _usual_minutes(step: Step, groups: Mapping[str, Nodegroup]) -> Minutes:
    match step.kind:
        case "control-plane":
            return CONTROL_PLANE
        case "addon":
            return ADDON
        case "nodegroup":
            return _nodegroup_minutes(groups.get(step.name))
        case "verify":
            return VERIFY
        case "bake":
            minutes = step.lasts / timedelta(minutes=1)
            return minutes, minutes
        case _:
            return NOTHING


def _past_of(step: Step) -> tuple[str, str] | None:
    """Kind and name of the past durations that tell how long a step takes; None for what is not an update."""
    match step.kind:
        case "control-plane":
            return step.kind, ""
        case "addon" | "nodegroup":
            return step.kind, step.name
        case _:
            return None


def _from_past(past: Sequence[PastDuration], step: Step) -> Minutes | None:
    durations = [one.minutes for one in past if (one.kind, one.name) == _past_of(step)]
    return (min(durations), max(durations)) if durations else None


def _nodegroup_minutes(group: Nodegroup | None) -> Minutes:
    size = group.desired_size if group else 1
    if not size:
        return 0, NODEGROUP_SETUP[1]  # no old node to go, so none has to join first
    rounds = math.ceil(size / nodes_at_once(group))
    return NODEGROUP_SETUP[0] + rounds * NODEGROUP_ROUND[0], NODEGROUP_SETUP[1] + rounds * NODEGROUP_ROUND[1]


def nodes_at_once(group: Nodegroup | None) -> int:
    """How many nodes of a group are replaced at the same time (D-01); EKS's own default is one."""
    if group and group.max_unavailable:
        return group.max_unavailable
    if group and group.max_unavailable_percentage:
        return max(1, math.floor(group.desired_size * group.max_unavailable_percentage / 100))
    return 1
