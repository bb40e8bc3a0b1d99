"""A run: one upgrade of one cluster, from the request to its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from upgrade.eks import ClusterId, EksUpdate
from upgrade.facts import Value
from upgrade.findings import Report
from upgrade.plan import PlanRequest, UpgradePlan, UpgradePolicy, Waiver
from upgrade.versions import KubernetesVersion


class RunStatus(StrEnum):
    """Written by the engine only."""

    CHECKING = "checking"
    BLOCKED = "blocked"
    AWAITING_APPROVAL = "awaiting-approval"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ABORTED = "aborted"
    REJECTED = "rejected"
    EXPIRED = "expired"

    @property
    def finished(self) -> bool:
        return self in FINISHED


FINISHED = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.ABORTED, RunStatus.REJECTED, RunStatus.EXPIRED})


class Intent(StrEnum):
    """What people want of a run; written by people only."""

    GO = "go"
    PAUSE = "pause"
    ABORT = "abort"


class StepStatus(StrEnum):
    PENDING = "pending"
    STARTING = "starting"  # the intent and token are saved; the call may or may not have been made
    FOLLOWING = "following"  # an update (or a wait) is under way
    BLOCKED = "blocked"
    FAILED = "failed"
    DONE = "done"
    SKIPPED = "skipped"


class StepState(Value):
    """Where a step stands.

    Args:
        attempt: 1 at first; Retry adds one, and so changes the token.
        update_id: the EKS update that is followed.
        update_at: when that update was made; before it a step may have waited for people or for another's update.
        update_ended: EKS said that this update failed or was cancelled, so there is nothing left to follow.
        past_update_ids: updates of earlier attempts that ended; they are never adopted again.
        intended_at: when the intent to call was saved; an update made more than five minutes earlier is not ours.
        acting: a call is being made; still set after a restart, it means that the process died in it.
        crashes: how often the process died while this step was acting, in a row.
        errors: temporary errors in a row.
        needs_person: blocked until somebody presses Resume or Recheck.
        progress: what ``follow`` last said.
        told: warnings that were raised already, each once.
        memory: what the step must remember from one look to the next, such as when a node began to drain.
    """

    status: StepStatus = StepStatus.PENDING
    attempt: int = 1
    token: str | None = None
    update_id: str | None = None
    update_at: datetime | None = None
    update_ended: bool = False
    past_update_ids: tuple[str, ...] = ()
    intended_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    due_at: datetime | None = None
    slow_told: bool = False
    acting: bool = False
    crashes: int = 0
    errors: int = 0
    needs_person: bool = False
    progress: str = ""
    reasons: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    memory: Mapping[str, str] = {}
    confirmed_by: str | None = None


Hold = Literal["window", "slack"]


class Approval(Value):
    gate: str
    digest: str
    by: str
    at: datetime


class Tick(Value):
    """Somebody has looked after an item of the check list. ``item``: its id."""

    item: str
    by: str
    at: datetime


class Lift(Value):
    """Somebody let one run go on in a freeze. ``freeze``: its name."""

    freeze: str
    by: str
    reason: str
    at: datetime


class BrokenGlass(Value):
    """Somebody opened a gate alone, with a reason. It counts for that plan until then (docs/decisions/0009)."""

    gate: str
    digest: str
    by: str
    reason: str
    at: datetime
    until: datetime


_NOT_BEGUN: Final = StepState()


class UpgradeRun(Value):
    """Everything about a run but its events. ``version`` counts saves (optimistic lock).

    Args:
        plan: None until the checks have finished.
        glass: gates that somebody opened alone.
        ticks: what came with approvals; unlike these they outlive a changed plan.
        scheduled_at: when the approvals were complete.
        wanted_at: when the person who scheduled it wants it to begin; None means as soon as it may.
        start_at: when the approved run may begin.
        missed_start: the start passed while nobody could see to it: it waits until a person gives another.
        looked_ahead_at: when a scheduled run last looked at its cluster ahead of the start.
        lifts: freezes that do not hold this run.
        in_charge: who took it over, and is called when it needs a person.
        notice_at: when the announcement was seen to be delivered.
        steps: state by step id; a step that is missing is pending.
        branches: ids of C-06 branch steps that were put in front of a control-plane step, by that step's id.
        waiting_for: the gate that is open (``plan`` for the plan itself), while awaiting approval.
        paused_by: who asked for the pause that it is in, while ``intent`` says so.
        pause_reasons: why it stands still, was rejected or has expired; empty when it does not, or nobody said.
        holds: what keeps new steps from starting without being a pause: a closed window, Slack out of reach.
        phases_checked: phases whose blocking findings were looked at again, right before their first step.
        blocked_phase: the phase that such a look stopped.
        check_errors: temporary errors in a row while looking at the cluster.
        warned_at: when something was last told that is not as planned: a warning, a failed or a slow step.
        unapproved: steps that a plan made half-way would have and the approved one has not; told, never done.
        baseline: ready workloads at the start, as ``kind/namespace/name`` (A-28).
    """

    id: str
    version: int = 0
    request: PlanRequest
    policy: UpgradePolicy
    time_zone: str = "UTC"
    requester: str
    created_at: datetime
    status: RunStatus = RunStatus.CHECKING
    intent: Intent = Intent.GO
    report: Report | None = None
    plan: UpgradePlan | None = None
    approvals: tuple[Approval, ...] = ()
    glass: tuple[BrokenGlass, ...] = ()
    ticks: tuple[Tick, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    waiting_for: str | None = None
    scheduled_at: datetime | None = None
    wanted_at: datetime | None = None
    start_at: datetime | None = None
    missed_start: bool = False
    looked_ahead_at: datetime | None = None
    lifts: tuple[Lift, ...] = ()
    in_charge: str | None = None
    notice_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    steps: Mapping[str, StepState] = {}
    branches: Mapping[str, tuple[str, ...]] = {}
    gates_passed: tuple[str, ...] = ()
    paused_by: str | None = None
    pause_reasons: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()
    window_opens_at: datetime | None = None
    phases_checked: tuple[str, ...] = ()
    blocked_phase: str | None = None
    check_errors: int = 0
    warned_at: datetime | None = None
    unapproved: tuple[str, ...] = ()
    baseline: tuple[str, ...] = ()
    next_due_at: datetime | None = None
    last_seq: int = 0
    channel: str | None = None
    extra: Mapping[str, str] = {}

    @property
    def cluster(self) -> ClusterId:
        return self.request.cluster

    @property
    def holds_cluster(self) -> bool:
        """Whether no other run may begin on its cluster: always but at its end, and while its start is to come."""
        return not self.status.finished and self.status is not RunStatus.SCHEDULED

    def step(self, step_id: str) -> StepState:
        return self.steps.get(step_id, _NOT_BEGUN)


# -- Outcomes of a step -------------------------------------------------------------------------------------------


class Done(Value):
    """The cluster shows what the step wanted."""

    kind: Literal["done"] = "done"
    skipped: bool = False
    note: str = ""
    warnings: tuple[str, ...] = ()


class Wait(Value):
    """Not yet.

    Args:
        seconds: domain time from this look to the next.
        update: what is being followed, if any; ``adopted`` when it was found rather than started.
        acted: False when the call did not take effect (the cluster is busy), so the step has yet to start.
        trouble: the temporary error that this look met.
        memory: what to remember until the next look; None leaves it as it is.
    """

    kind: Literal["wait"] = "wait"
    seconds: float
    progress: str = ""
    done: int | None = None
    total: int | None = None
    update: EksUpdate | None = None
    adopted: bool = False
    acted: bool = True
    trouble: str = ""
    warnings: tuple[str, ...] = ()
    memory: Mapping[str, str] | None = None


class Blocked(Value):
    """Cannot go on until a person or the cluster changes something.

    Args:
        seconds: domain time until the next look; None when a person must act first, which pauses the run.
    """

    kind: Literal["blocked"] = "blocked"
    reasons: tuple[str, ...]
    seconds: float | None = None
    memory: Mapping[str, str] | None = None


class Failed(Value):
    """The step failed: what happened in plain words and what to do.

    Args:
        code: EKS's code, or one of ours.
        message: what the service said.
        update_ended: the update itself has ended; False when only our way of looking at it broke.
        request_id: AWS's id of the request that it refused, if that is what failed.
        memory: what was seen last, for people who end the run here; None leaves it as it is.
    """

    kind: Literal["failed"] = "failed"
    code: str
    message: str
    meaning: str = ""
    action: str = ""
    resources: tuple[str, ...] = ()
    update_ended: bool = False
    request_id: str = ""
    memory: Mapping[str, str] | None = None


Outcome = Annotated[Done | Wait | Blocked | Failed, Field(discriminator="kind")]


class UnderWay(Value):
    """A step whose call was made or may have been made. ``update_id`` is None while that is not known."""

    step_id: str
    update_id: str | None = None


class VersionSeen(Value):
    """The version that a control plane had when a run saw it last. ``age``: how long ago that was."""

    version: KubernetesVersion
    age: timedelta


class NodegroupMix(Value):
    """The nodes of a group whose rotation began and is not through, as last seen (D-08).

    Args:
        kubelets: how many nodes are on which version, the oldest first.
        cordoned: how many of them take no new pods.
    """

    step_id: str
    name: str
    kubelets: tuple[tuple[KubernetesVersion, int], ...]
    cordoned: int = 0


class AbortPreview(Value):
    """What an abort leaves behind (C-38): EKS cannot cancel an ordinary upgrade.

    Args:
        under_way: updates that will still finish.
        control_plane: the version the control plane has, or will have once they have finished.
        node_groups: groups that are half way, also those whose update is under way.
        done: step ids that took effect.
        not_done: step ids that will not be carried out.
    """

    under_way: tuple[UnderWay, ...] = ()
    control_plane: KubernetesVersion | None = None
    node_groups: tuple[NodegroupMix, ...] = ()
    done: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()
