"""The message of a step: where it stands while it runs, and how it ended."""

from __future__ import annotations

import pytest

from handlers.views.steps import StepStory, in_a_story, render_step, stories_of
from handlers.views.thread import render_entry
from tests.handlers import samples
from tests.handlers.samples import V36
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus, StepState, StepStatus, UpgradeRun

STEP = "control-plane@1.35"


def story(*rest: UpgradeEvent, attempt: int = 1) -> StepStory:
    return StepStory(samples.event(EventKind.STEP_STARTED, 1, attempt=attempt), rest)


def going(status: StepStatus = StepStatus.FOLLOWING, progress: str = "") -> UpgradeRun:
    return samples.run(steps={STEP: StepState(status=status, progress=progress)})


@pytest.mark.parametrize(
    ("told", "run", "text"),
    [
        (story(), going(), "🔄 Control plane to `1.35`"),
        (story(), going(progress="3 of 5 & more"), "🔄 Control plane to `1.35`\n3 of 5 &amp; more"),
        (story(attempt=2), going(), "🔄 Control plane to `1.35` · attempt 2"),
        (story(), going(StepStatus.BLOCKED), "⛔ Control plane to `1.35`"),
        (
            story(samples.event(EventKind.UPDATE_ADOPTED, 2, update_id="5f3c")),
            going(),
            "🔄 Control plane to `1.35`\n🔁 Following update `5f3c`, which was already under way",
        ),
        (
            story(samples.event(EventKind.STEP_FINISHED, 2, seconds=660)),
            going(StepStatus.DONE),
            "✅ Control plane to `1.35` · 11 min",
        ),
        (
            story(samples.event(EventKind.STEP_SKIPPED, 2, reason="it is so already")),
            going(StepStatus.SKIPPED),
            "✅ Control plane to `1.35`: nothing to do: it is so already",
        ),
        (story(samples.event(EventKind.STEP_FAILED, 2)), going(StepStatus.FAILED), "❌ Control plane to `1.35`"),
        (story(), samples.run(RunStatus.ABORTED), "⏹️ Control plane to `1.35`: not finished"),
    ],
)
def test_a_step_is_told_as_it_stands(told: StepStory, run: UpgradeRun, text: str) -> None:
    assert render_step(told, run).text == text


def test_what_a_person_did_says_who_confirmed_it() -> None:
    step = f"confirm/self-managed/gpu@{V36}"
    begun, confirmed, finished = (
        samples.event(kind, seq).model_copy(update={"step_id": step})
        for seq, kind in enumerate((EventKind.STEP_STARTED, EventKind.STEP_CONFIRMED, EventKind.STEP_FINISHED), 1)
    )
    asked = render_step(StepStory(begun), samples.run()).text
    assert asked.splitlines()[1:] == [
        "→ Replace the nodes of gpu by nodes on 1.36.",
        "Press Confirm above when it is done. <@U0ADA>",
    ]
    assert render_step(StepStory(begun, (confirmed, finished)), samples.run()).text.endswith("confirmed by <@U0ADA>")


def test_each_attempt_is_a_story_of_its_own_and_the_announcement_none() -> None:
    kinds = (
        (EventKind.STEP_STARTED, "announce"),
        (EventKind.STEP_FINISHED, "announce"),
        (EventKind.STEP_STARTED, STEP),
        (EventKind.STEP_PROGRESSED, STEP),
        (EventKind.STEP_FAILED, STEP),
        (EventKind.STEP_STARTED, STEP),
        (EventKind.RUN_PAUSED, None),
    )
    events = [
        samples.event(kind, seq).model_copy(update={"step_id": step}) for seq, (kind, step) in enumerate(kinds, 1)
    ]
    first, second = stories_of(events)
    assert [event.seq for event in (first.begun, *first.rest)] == [3, 4, 5]
    assert [event.seq for event in (second.begun, *second.rest)] == [6]
    assert [one.over(going()) for one in (first, second)] == [True, False]
    assert [one.newest for one in (first, second)] == [5, 6]
    assert second.over(samples.run(RunStatus.ABORTED)), "a run that is over ends all of its steps"


def test_what_is_told_in_the_message_of_a_step_is_no_entry_but_a_failure_is() -> None:
    begun = samples.event(EventKind.STEP_STARTED, 1)
    for kind in (EventKind.STEP_FINISHED, EventKind.UPDATE_ADOPTED, EventKind.STEP_SKIPPED):
        event = samples.event(kind, 2)
        assert in_a_story(event, [begun, event])
        assert render_entry(event, going(), [begun, event]) is None
        assert render_entry(event, going(), [event]) is not None, "a step that never began has no other message"
    failed, mended = samples.event(EventKind.STEP_FAILED, 2), samples.event(EventKind.STEP_FINISHED, 3)
    assert render_entry(failed, going(), [begun, failed]) is not None
    assert render_entry(mended, going(), [begun, failed, mended]) is not None, (
        "what comes after an end is no part of it"
    )
