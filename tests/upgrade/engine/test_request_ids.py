"""The id by which AWS knows a call stands in the event that the call brought about."""

from __future__ import annotations

from tests.upgrade.runs import CONTROL_PLANE, NOW, done, following, make_run
from upgrade.eks import EksUpdate, UpdateSubject
from upgrade.engine.advance import advance
from upgrade.engine.outcomes import GROUPS_MUST_MATCH
from upgrade.engine.signals import StepLooked
from upgrade.engine.worker import _refused
from upgrade.errors import UpdateRefused
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import Failed, Outcome, RunStatus, StepStatus, Wait


def told(outcome: Outcome, kind: EventKind) -> UpgradeEvent:
    """The event of that kind after a look at the control plane's step, which was about to be started."""
    steps = {**done("announce"), CONTROL_PLANE.id: following(None, status=StepStatus.STARTING)}
    run = make_run(RunStatus.RUNNING, steps=steps)
    _, events = advance(run, StepLooked(step_id=CONTROL_PLANE.id, outcome=outcome, looked_at=NOW), NOW)
    return next(event for event in events if event.kind is kind)


def test_an_update_that_was_started_names_the_request() -> None:
    update = EksUpdate(
        id="u-1",
        subject=UpdateSubject(kind="cluster"),
        type="VersionUpdate",
        status="InProgress",
        created_at=NOW,
        request_id="req-1",
    )
    started = told(Wait(seconds=30, update=update), EventKind.UPDATE_STARTED)
    assert started.data == {"update_id": "u-1", "request_id": "req-1"}
    found = update.model_copy(update={"request_id": ""})
    assert told(Wait(seconds=0, update=found, adopted=True), EventKind.UPDATE_ADOPTED).data == {"update_id": "u-1"}


def test_a_call_that_was_refused_names_the_request() -> None:
    error = UpdateRefused("AWS refused it.", code="InvalidParameterException")
    error.request_id = "req-2"
    assert told(_refused(error), EventKind.STEP_FAILED).data["request_id"] == "req-2"
    assert "request_id" not in told(Failed(code="Ec2LaunchFailure", message=""), EventKind.STEP_FAILED).data


def test_a_refusal_that_takes_the_branch_names_the_request() -> None:
    lagging = Failed(code=GROUPS_MUST_MATCH, message="", request_id="req-3")
    assert told(lagging, EventKind.BRANCH_TAKEN).data["request_id"] == "req-3"
