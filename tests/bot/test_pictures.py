"""The picture under the end of a story: once, whatever goes wrong, and never at the cost of the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bot.export import picture_file
from bot.slack import SlackCalls, SlackUnreachable
from sandbox.slack import Fault, Message, SlackFace
from tests.bot.conftest import MakeFace, MemoryStore, Story, client_of, deliver, notifier_of, thread_of
from tests.bot.test_notifier import Died, Mortal, top_of
from tests.bot.test_picture import size_of
from tests.handlers import samples
from upgrade.events import EventKind, UpgradeEvent
from upgrade.run import RunStatus, UpgradeRun

NAME = "r-20261120-ab12.png"


def drawn(run: UpgradeRun, events: Sequence[UpgradeEvent]) -> Any:
    return picture_file(run, events, samples.NOW)


def with_pictures(face: SlackFace, story: Story, **options: Any) -> Any:
    return notifier_of(face, story, picture_of=drawn, **options)


def pictures_of(face: SlackFace) -> list[Message]:
    return [message for message in thread_of(face, top_of(face)) if message.files]


@pytest.fixture
def told() -> Story:
    story = Story(MemoryStore())
    story.whole()
    return story


def test_it_is_the_last_thing_in_the_thread_with_words_for_those_who_do_not_see_it(
    face: SlackFace, told: Story
) -> None:
    deliver(with_pictures(face, told))
    last = thread_of(face, top_of(face))[-1]
    (file,) = last.files
    assert (file["name"], file["title"]) == (NAME, "prod-eu: Kubernetes 1.34 to 1.36")
    assert file["alt_txt"].startswith("Timeline of the upgrade of prod-eu from 1.34 to 1.36, succeeded.")
    assert size_of(face.workspace.uploads.content(file["id"]))[0] == 1000
    deliver(with_pictures(face, told))
    assert len(pictures_of(face)) == 1


def test_a_run_that_never_began_has_none(face: SlackFace) -> None:
    story = Story(MemoryStore())
    story.begin()
    story.tell(EventKind.RUN_REJECTED, actor="U0BEN", status=RunStatus.REJECTED, plan=samples.two_hops())
    deliver(with_pictures(face, story))
    assert pictures_of(face) == []
    assert story.store.untold() == []


def test_a_crash_at_any_boundary_doubles_no_picture(make_face: MakeFace) -> None:
    def deliver_and_die(dies_at: int) -> int:
        face, story, count = make_face(), Story(MemoryStore()), [0]
        story.whole()
        deliver(notifier_of(face, story, picture_of=lambda *_: None))
        del story.store.rows[story.id, "picture", ""]  # type: ignore[union-attr]
        top = story.store.message(story.id, "run", "")
        assert top is not None
        story.store.save_message(top.model_copy(update={"shown_seq": 0}))
        calls = Mortal(SlackCalls(client_of(face)), ("share", "has_file"), count, dies_at)
        messages = Mortal(story.store, ("save_message",), count, dies_at)
        try:
            deliver(with_pictures(face, story, calls=calls, messages=messages))
        except Died:
            deliver(with_pictures(face, story))
        assert len(pictures_of(face)) == 1
        assert story.store.untold() == []
        face.stop()
        return count[0]

    boundaries = deliver_and_die(0)
    assert boundaries >= 4
    for dies_at in range(1, boundaries + 1):
        deliver_and_die(dies_at)


@pytest.mark.parametrize("kind", ["reset-after", "reset-before", "rate-limited"])
def test_an_upload_that_may_have_happened_is_looked_for(face: SlackFace, told: Story, kind: str) -> None:
    face.faults.fail_next("files.completeUploadExternal", Fault(kind, seconds=0.01))
    notifier = with_pictures(face, told)
    deliver(notifier)  # an outage ends a pass; the next one goes on
    deliver(notifier)
    assert len(pictures_of(face)) == 1
    assert told.store.untold() == []


def test_a_picture_that_slack_refuses_or_nobody_can_draw_costs_no_word(face: SlackFace, told: Story) -> None:
    face.faults.fail_next("files.getUploadURLExternal", Fault("error", code="missing_scope"))
    deliver(with_pictures(face, told))
    assert pictures_of(face) == []
    assert told.store.untold() == []
    assert "✅ Done" in thread_of(face, top_of(face))[-1].text


def test_who_cannot_be_reached_is_told_so(face: SlackFace, told: Story) -> None:
    """The calls raise what the notifier knows, and nothing else."""
    calls = SlackCalls(client_of(face))
    deliver(notifier_of(face, told))
    top = top_of(face)
    assert calls.has_file(top.channel, top.ts, NAME) is False
    face.faults.outage = True
    with pytest.raises(SlackUnreachable):
        calls.has_file(top.channel, top.ts, NAME)
