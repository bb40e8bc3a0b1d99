"""The record of a run: everything that shows what was done, who let it be done, and how AWS knows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from upgrade.audit import Audit, audit
from upgrade.events import EventKind, UpgradeEvent
from upgrade.facts import Value
from upgrade.run import RunStatus, StepStatus, UpgradeRun


class AwsCall(Value):
    """A call that changed the cluster, or that AWS refused for good.

    Args:
        action: such as ``eks:UpdateClusterVersion``.
        outcome: ``accepted``, ``found`` (its answer was lost, its update was found afterwards) or ``refused: CODE``.
        update_id: the update that it made; empty for a refusal.
        request_id: by which AWS and CloudTrail know the call; empty when its answer was lost.
    """

    at: datetime
    action: str
    step_id: str
    attempt: int
    outcome: str
    update_id: str = ""
    request_id: str = ""


class PlanDigest(Value):
    """A plan that the run had. ``digest``: what an approval is bound to."""

    at: datetime
    digest: str


class Record(Value):
    """What a record is written from.

    Args:
        events: of the run, in order; all of them.
        standing: how it stands, in one line, as people see it elsewhere.
        picture: its timeline as a PNG; empty when there is none.
        picture_alt: what the picture shows.
    """

    run: UpgradeRun
    events: tuple[UpgradeEvent, ...]
    standing: str
    picture: bytes = b""
    picture_alt: str = ""

    @property
    def audit(self) -> Audit:
        return audit(self.events)

    @property
    def title(self) -> str:
        """For people; all of it is text of others."""
        run = self.run
        target = run.plan.to_version if run.plan else run.request.target
        hops = f" to {target}" if target else ""
        return f"Upgrade of {run.cluster.name}{hops}: {self.standing}"


_ACTIONS: Final = {
    "control-plane": "eks:UpdateClusterVersion",
    "addon": "eks:UpdateAddon",
    "nodegroup": "eks:UpdateNodegroupVersion",
}
_MADE: Final = {EventKind.UPDATE_STARTED: "accepted", EventKind.UPDATE_ADOPTED: "found"}
_DIGESTS: Final = {EventKind.PLAN_READY: "digest", EventKind.PLAN_CHANGED: "new"}
_STANDS: Final = (StepStatus.FAILED, StepStatus.BLOCKED, StepStatus.FOLLOWING, StepStatus.STARTING)


def aws_calls(events: Iterable[UpgradeEvent]) -> Iterator[AwsCall]:
    """In order. A call that was throttled, or met another update under way, changed nothing and is none of them."""
    attempts: dict[str, int] = {}
    for event in events:
        step_id, data = event.step_id or "", event.data
        if event.kind in (EventKind.STEP_STARTED, EventKind.RETRY_REQUESTED):
            attempts[step_id] = int(data.get("attempt", 1))
        refused = event.kind in (EventKind.STEP_FAILED, EventKind.BRANCH_TAKEN) and data.get("request_id")
        if event.kind not in _MADE and not refused:
            continue
        yield AwsCall(
            at=event.at,
            action=_action(step_id),
            step_id=step_id,
            attempt=attempts.get(step_id, 1),
            outcome=_MADE.get(event.kind) or f"refused: {data.get('code', 'NodegroupsMustMatch')}",
            update_id=str(data.get("update_id") or ""),
            request_id=str(data.get("request_id") or ""),
        )


def _action(step_id: str) -> str:
    """A step's id begins with its kind; its plan may be gone."""
    return _ACTIONS.get(step_id.partition("@")[0].partition("/")[0], "")


def digests(events: Iterable[UpgradeEvent]) -> tuple[PlanDigest, ...]:
    """The plans that the run had, one after the other."""
    return tuple(
        PlanDigest(at=event.at, digest=str(event.data.get(_DIGESTS[event.kind], "")))
        for event in events
        if event.kind in _DIGESTS
    )


def standing_at(run: UpgradeRun) -> str | None:
    """The step that a run stands at or works on: a failed one first, then a blocked one, then what is under way."""
    if run.status is RunStatus.SUCCEEDED:
        return None
    for status in _STANDS:
        for step_id, state in run.steps.items():
            if state.status is status:
                return step_id
    return None
