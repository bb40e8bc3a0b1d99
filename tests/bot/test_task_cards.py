"""A run shows its phases as a plan block where the workspace takes that, elsewhere in sections, and always once."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest

from bot.config import SlackSettings
from bot.slack import SlackCalls
from handlers.views.run import render_run
from sandbox.slack import Fault, SlackFace
from tests.bot.conftest import MakeFace, Story, client_of, deliver, notifier_of
from tests.bot.test_notifier import top_of
from tests.handlers import samples
from upgrade.events import EventKind
from upgrade.run import Intent, RunStatus

LINES = (
    "✅ *Control plane to 1.35* · 11 min",
    "🔄 *Add-ons for 1.35* · 2/3",
    "⬜ *Control plane to 1.36*: node groups core, batch first if EKS asks · 8-30 min",
)


def begun() -> dict[str, Any]:
    """What changes when a run is half way."""
    return {
        "status": RunStatus.RUNNING,
        "plan": samples.two_hops(),
        "started_at": samples.NOW,
        "steps": samples.half_way(samples.NOW),
    }


def under_way(story: Story) -> None:
    """A run that is half way before anybody looks."""
    story.begin()
    story.tell(EventKind.RUN_STARTED, **begun())


def kinds_of(face: SlackFace) -> list[str]:
    return [str(block["type"]) for block in top_of(face).blocks]


def refusals(face: SlackFace) -> list[str]:
    return [call.method for call in face.workspace.api_calls if call.error in ("invalid_blocks", "block_mismatch")]


def assert_sections(face: SlackFace) -> None:
    assert "plan" not in kinds_of(face)
    (lines,) = [block for block in top_of(face).blocks if "Control plane to 1.35" in str(block)]
    assert all(line in lines["text"]["text"] for line in LINES)


def test_a_workspace_that_takes_plan_blocks_gets_them(face: SlackFace, story: Story) -> None:
    under_way(story)
    deliver(notifier_of(face, story))
    assert kinds_of(face) == ["header", "section", "plan", "section", "context", "actions"]
    assert refusals(face) == []
    assert top_of(face).text == render_run(story.run(story.id), []).text


def test_a_refused_post_is_posted_once_in_sections_and_plan_blocks_are_not_tried_again(
    make_face: MakeFace, story: Story, caplog: pytest.LogCaptureFixture
) -> None:
    face = make_face(refused_blocks=["plan"])
    notifier = notifier_of(face, story)
    under_way(story)
    with caplog.at_level(logging.WARNING):
        deliver(notifier)
        assert_sections(face)
        assert refusals(face) == ["chat.postMessage"]
        assert top_of(face).text == render_run(story.run(story.id), []).text
        story.tell(EventKind.PAUSE_REQUESTED, actor="U0BEN", intent=Intent.PAUSE)
        deliver(notifier)
    assert "paused by <@U0BEN>" in str(top_of(face).blocks)
    assert refusals(face) == ["chat.postMessage"]
    assert [record.message for record in caplog.records if "plan block" in record.message] == [
        "this workspace does not take plan blocks (invalid_blocks): runs show sections instead"
    ]
    story.tell(EventKind.RUN_SUCCEEDED, status=RunStatus.SUCCEEDED, finished_at=samples.NOW + timedelta(hours=1))
    deliver(notifier_of(face, story))
    assert refusals(face) == ["chat.postMessage", "chat.update"], "the next process asks once more"
    assert "Done in 1 h" in top_of(face).text


@pytest.mark.parametrize("code", ["invalid_blocks", "invalid_blocks_format", "block_mismatch", "msg_blocks_too_long"])
def test_a_refused_edit_is_made_in_sections(face: SlackFace, story: Story, code: str) -> None:
    notifier = notifier_of(face, story)
    story.begin()
    deliver(notifier)
    face.faults.fail_next("chat.update", Fault("error", code=code))
    story.tell(EventKind.RUN_STARTED, **begun())
    deliver(notifier)
    assert_sections(face)
    story.tell(EventKind.STEP_PROGRESSED)
    deliver(notifier)
    assert_sections(face)


@pytest.mark.parametrize("lost", ["reset-before", "reset-after"])
def test_a_lost_answer_behind_a_refusal_doubles_nothing(face: SlackFace, story: Story, lost: str) -> None:
    under_way(story)
    face.faults.fail_next("chat.postMessage", Fault("error", code="invalid_blocks"))
    face.faults.fail_next("chat.postMessage", Fault(lost))
    deliver(notifier_of(face, story))
    assert_sections(face)


def test_another_refusal_says_nothing_about_plan_blocks(face: SlackFace, story: Story) -> None:
    under_way(story)
    face.faults.fail_next("chat.postMessage", Fault("error", code="not_in_channel"))
    deliver(notifier_of(face, story))
    assert "plan" in kinds_of(face)


def test_who_does_not_want_them_gets_sections_without_a_refusal(make_face: MakeFace, story: Story) -> None:
    face = make_face(refused_blocks=["plan"])
    under_way(story)
    deliver(notifier_of(face, story, calls=SlackCalls(client_of(face), cards=False)))
    assert_sections(face)
    assert refusals(face) == []
    assert SlackSettings().task_cards == "auto"
