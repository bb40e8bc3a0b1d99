"""What a verb says of a run that it does not apply to."""

from __future__ import annotations

import pytest

from tests.upgrade.runs import make_run
from upgrade.errors import NotNow
from upgrade.run import RunStatus
from upgrade.verbs import must_be_going


def test_a_run_that_was_turned_down_before_it_had_a_plan_was_not_rejected() -> None:
    rejected = make_run(RunStatus.REJECTED)
    assert rejected.plan is not None
    with pytest.raises(NotNow, match="has ended: it was rejected"):
        must_be_going(rejected)
    with pytest.raises(NotNow, match="has ended: it was not started"):
        must_be_going(rejected.model_copy(update={"plan": None}))
