"""A step in the thread of its run: one message an attempt, edited while it runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.progress import Mark
from handlers.views.rests import progress_line
from handlers.views.text import code, duration, esc, person
from handlers.views.titles import title_of
from upgrade.events import EventKind, UpgradeEvent
from upgrade.plan import ConfirmStep
from upgrade.run import StepStatus, UpgradeRun

#: What the message of a step tells in place of an entry of its own. A failure and what holds a step up call somebody,
#: which an edit does not, so those are entries too.
_ITS_OWN: Final = frozenset(
    {EventKind.STEP_FINISHED, EventKind.STEP_SKIPPED, EventKind.STEP_CONFIRMED, EventKind.UPDATE_ADOPTED}
)
_ENDS: Final = frozenset({EventKind.STEP_FINISHED, EventKind.STEP_SKIPPED, EventKind.STEP_FAILED})
#: The step that the announcement itself tells.
ANNOUNCE: Final = "announce"


@dataclass(frozen=True)
class StepStory:
    """An attempt at a step. ``begun``: the event by which it began; ``rest``: what was told of it since."""

    begun: UpgradeEvent
    rest: tuple[UpgradeEvent, ...] = ()

    @property
    def step_id(self) -> str:
        return self.begun.step_id or ""

    def last(self, *kinds: EventKind) -> UpgradeEvent | None:
        return next((event for event in reversed(self.rest) if event.kind in kinds), None)

    @property
    def newest(self) -> int:
        """The number of the last event that was told of it."""
        return self.rest[-1].seq if self.rest else self.begun.seq

    def over(self, run: UpgradeRun) -> bool:
        """Whether nothing more comes; a run that is over ends all of its steps."""
        return run.status.finished or self.last(*_ENDS) is not None


def stories_of(events: Iterable[UpgradeEvent]) -> list[StepStory]:
    """Every attempt at a step that the thread tells, in the order in which they began."""
    told: dict[int, list[UpgradeEvent]] = {}
    latest: dict[str, list[UpgradeEvent]] = {}
    for event in events:
        if event.step_id is None or event.step_id == ANNOUNCE:
            continue
        if event.kind is EventKind.STEP_STARTED:
            latest[event.step_id] = told[event.seq] = [event]
        elif event.step_id in latest:
            latest[event.step_id].append(event)
            if event.kind in _ENDS:
                del latest[event.step_id]
    return [StepStory(begun, tuple(rest)) for begun, *rest in told.values()]


def in_a_story(event: UpgradeEvent, events: Sequence[UpgradeEvent]) -> bool:
    """Whether the message of its step tells an event."""
    return event.kind in _ITS_OWN and any(one.seq == event.seq for story in stories_of(events) for one in story.rest)


def render_step(story: StepStory, run: UpgradeRun) -> Message:
    """Where an attempt stands, or how it ended."""
    lines = list(_lines(story, run))
    return Message("\n".join(lines), [kit.section(*lines)])


def _lines(story: StepStory, run: UpgradeRun) -> Iterator[str]:
    title, state = title_of(run.plan, story.step_id), run.step(story.step_id)
    if skipped := story.last(EventKind.STEP_SKIPPED):
        yield f"{Mark.DONE} {title}: nothing to do{because(skipped)}"
    elif finished := story.last(EventKind.STEP_FINISHED):
        confirmed = story.last(EventKind.STEP_CONFIRMED)
        by = f" · confirmed by {person(confirmed.actor)}" if confirmed else ""
        yield f"{Mark.DONE} {title}{took(finished)}{by}"
    elif story.last(EventKind.STEP_FAILED):
        yield f"{Mark.FAILED} {title}{_attempt(story)}"
    elif run.status.finished:
        yield f"{Mark.STOPPED} {title}: not finished"
    elif (asked := _by_hand(story, run)) is not None:
        yield from _asking(asked, title, run)
    else:
        held = state.status is StepStatus.BLOCKED
        yield f"{Mark.BLOCKED if held else Mark.RUNNING} {title}{_attempt(story)}"
        if state.progress:
            yield progress_line(run, story.step_id)
        if adopted := story.last(EventKind.UPDATE_ADOPTED):
            yield f"🔁 Following update {code(adopted.data.get('update_id', ''))}, which was already under way"


def _asking(step: ConfirmStep, title: str, run: UpgradeRun) -> Iterator[str]:
    yield f"{Mark.WAITING} *{title}*"
    if step.summary:
        yield f"→ {esc(step.summary)}"
    yield f"Press Confirm above when it is done. {person(run.requester)}"


def _by_hand(story: StepStory, run: UpgradeRun) -> ConfirmStep | None:
    """The step, when a person does it."""
    try:
        step = run.plan.find(story.step_id) if run.plan else None
    except KeyError:
        return None
    return step if isinstance(step, ConfirmStep) else None


def _attempt(story: StepStory) -> str:
    number = story.begun.data.get("attempt", 1)
    return f" · attempt {number}" if isinstance(number, int) and number > 1 else ""


def because(event: UpgradeEvent) -> str:
    """The reason of an event, behind what it tells."""
    reason = event.data.get("reason")
    return f": {esc(str(reason))}" if reason else ""


def took(event: UpgradeEvent) -> str:
    """How long it lasted, behind what it tells."""
    seconds = event.data.get("seconds")
    return f" · {duration(timedelta(seconds=float(seconds)))}" if isinstance(seconds, int | float) else ""
