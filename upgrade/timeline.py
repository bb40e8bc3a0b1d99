"""A run as a picture shows it: what was planned, what took place, what is ahead, and when nothing moved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from upgrade.events import EventKind, UpgradeEvent
from upgrade.facts import Value
from upgrade.fit import begins_at, forecast
from upgrade.plan import NodegroupStep, Phase, PhaseKind, Step
from upgrade.reports.words import lasting
from upgrade.run import StepState, StepStatus, UpgradeRun
from upgrade.versions import KubernetesVersion

#: Node groups of a phase that have a line of their own, and lines of a picture that can still be read.
GROUPS_SHOWN: Final = 6
LINES_SHOWN: Final = 30
#: Slack takes 1,000 characters of alt text; so do screen readers, with patience.
LONGEST_ALT: Final = 1000


class Span(Value):
    """From one instant to another."""

    begins_at: datetime
    ends_at: datetime

    @property
    def length(self) -> timedelta:
        return self.ends_at - self.begins_at


class BarState(StrEnum):
    AHEAD = "ahead"
    UNDER_WAY = "under way"
    STOPPED = "stopped"  # failed, blocked, or left half done by a run that is over
    DONE = "done"
    SKIPPED = "nothing to do"
    LEFT_OUT = "not done"  # the run is over


class Bar(Value):
    """One line: a phase, or a node group of the phase above it.

    Args:
        id: of the phase or the step.
        group: it is a node group.
        planned: where the high end of the estimate puts it, counted from the start of the run.
        actual: from its beginning to its end, or to now while it goes on; None before it begins.
        ahead: what is still to come of it by the estimate, seen from now; None when nothing is.
    """

    id: str
    title: str
    kind: PhaseKind
    group: bool = False
    state: BarState
    planned: Span | None = None
    actual: Span | None = None
    ahead: Span | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(span for span in (self.planned, self.actual, self.ahead) if span)


class HaltKind(StrEnum):
    PAUSED = "paused"
    APPROVAL = "waiting for an approval"
    WINDOW = "outside of its window"
    SLACK = "Slack out of reach"


class Halt(Value):
    """Nothing new was started."""

    kind: HaltKind
    span: Span


class Timeline(Value):
    """The bars of a run from top to bottom, in the order of its plan, and where it stood still.

    Args:
        span: all that the bars cover.
        now: None once the run is over.
    """

    cluster: str
    from_version: KubernetesVersion
    to_version: KubernetesVersion
    outcome: str
    span: Span
    now: datetime | None
    bars: tuple[Bar, ...]
    halts: tuple[Halt, ...] = ()


_OVER: Final = (StepStatus.DONE, StepStatus.SKIPPED)
_HALTS: Final = {
    EventKind.RUN_PAUSED: HaltKind.PAUSED,
    EventKind.GATE_OPENED: HaltKind.APPROVAL,
    EventKind.WINDOW_CLOSED: HaltKind.WINDOW,
    EventKind.SLACK_UNREACHABLE: HaltKind.SLACK,
}
_ENDS: Final = {
    EventKind.RUN_RESUMED: HaltKind.PAUSED,
    EventKind.RETRY_REQUESTED: HaltKind.PAUSED,
    EventKind.RECHECK_REQUESTED: HaltKind.PAUSED,
    EventKind.GATE_PASSED: HaltKind.APPROVAL,
    EventKind.WINDOW_OPENED: HaltKind.WINDOW,
    EventKind.SLACK_REACHABLE: HaltKind.SLACK,
}


class _Facts(NamedTuple):
    """``until``: now, or the end of a run that is over."""

    run: UpgradeRun
    until: datetime
    planned: Mapping[str, tuple[datetime, datetime]]
    ahead: Mapping[str, tuple[datetime, datetime]]


def timeline(run: UpgradeRun, events: Sequence[UpgradeEvent], now: datetime) -> Timeline | None:
    """The picture's content; None without a plan.

    Args:
        events: of the run, in order.
        now: aware; what is not done yet is put there by the estimate, seen from then.
    """
    plan = run.plan
    if plan is None:
        return None
    until = run.finished_at or now
    start = run.started_at or begins_at(run, until)
    ahead = {} if run.status.finished else forecast(run, now)
    facts = _Facts(run, until, forecast(run.model_copy(update={"steps": {}}), start), ahead)
    phases = [phase for phase in plan.phases if phase.kind != "announce"]
    bars = [bar for phase in phases for bar in _bars(facts, phase)]
    if len(bars) > LINES_SHOWN:
        bars = [bar for bar in bars if not bar.group]
    halts = list(_halts(events, start, until)) if run.started_at else []
    spans = [span for bar in bars for span in bar.spans] + [halt.span for halt in halts]
    return Timeline(
        cluster=plan.cluster.name,
        from_version=plan.from_version,
        to_version=plan.to_version,
        outcome=run.status.value.replace("-", " "),
        span=_around(spans) or Span(begins_at=start, ends_at=until),
        now=None if run.status.finished else now,
        bars=tuple(bars),
        halts=tuple(halts),
    )


def _bars(facts: _Facts, phase: Phase) -> Iterator[Bar]:
    branches = [step_id for step in phase.steps for step_id in facts.run.branches.get(step.id, ())]
    yield _bar(facts, phase.id, phase.title, phase.kind, [*branches, *(step.id for step in phase.steps)])
    groups = [*(_found(facts.run, step_id) for step_id in branches), *phase.steps]
    groups = [step for step in groups if isinstance(step, NodegroupStep)]
    if len(groups) < 2 and not branches:
        return
    shown = groups if len(groups) <= GROUPS_SHOWN else groups[: GROUPS_SHOWN - 1]
    for step in shown:
        title = f"{step.name} to {step.version}" if isinstance(step, NodegroupStep) else step.id
        yield _bar(facts, step.id, title, "nodes", [step.id], group=True)
    if rest := groups[len(shown) :]:
        title = f"{len(rest)} more node groups"
        yield _bar(facts, f"{phase.id} rest", title, "nodes", [step.id for step in rest], group=True)


def _found(run: UpgradeRun, step_id: str) -> Step:
    assert run.plan is not None
    return run.plan.find(step_id)


def _bar(facts: _Facts, name: str, title: str, kind: PhaseKind, ids: Sequence[str], *, group: bool = False) -> Bar:
    states = [facts.run.step(step_id) for step_id in ids]
    return Bar(
        id=name,
        title=title,
        kind=kind,
        group=group,
        state=_state(states, over=facts.run.status.finished),
        planned=_around(_spans(facts.planned, ids)),
        actual=_around(_took(facts, states)),
        ahead=_from(_around(_spans(facts.ahead, ids)), facts.until),
    )


def _spans(found: Mapping[str, tuple[datetime, datetime]], ids: Sequence[str]) -> list[Span]:
    return [Span(begins_at=found[one][0], ends_at=found[one][1]) for one in ids if one in found]


def _took(facts: _Facts, states: Sequence[StepState]) -> list[Span]:
    return [
        Span(begins_at=state.started_at, ends_at=max(state.started_at, state.finished_at or facts.until))
        for state in states
        if state.started_at is not None
    ]


def _around(spans: Iterable[Span]) -> Span | None:
    found = list(spans)
    if not found:
        return None
    return Span(begins_at=min(one.begins_at for one in found), ends_at=max(one.ends_at for one in found))


def _from(span: Span | None, now: datetime) -> Span | None:
    """What of it lies behind ``now``."""
    if span is None or span.ends_at <= now:
        return None
    return Span(begins_at=max(now, span.begins_at), ends_at=span.ends_at)


def _state(states: Sequence[StepState], *, over: bool) -> BarState:
    statuses = [state.status for state in states]
    if all(status in _OVER for status in statuses):
        skipped = all(status is StepStatus.SKIPPED for status in statuses)
        return BarState.SKIPPED if skipped else BarState.DONE
    if any(status in (StepStatus.FAILED, StepStatus.BLOCKED) for status in statuses):
        return BarState.STOPPED
    begun = any(state.started_at is not None for state in states)
    if over:
        return BarState.STOPPED if begun else BarState.LEFT_OUT
    return BarState.UNDER_WAY if begun else BarState.AHEAD


def _halts(events: Iterable[UpgradeEvent], start: datetime, until: datetime) -> Iterator[Halt]:
    """Since the start of the run; what has not ended lasts until now, or to the end of the run."""
    open_since: dict[HaltKind, datetime] = {}
    for event in events:
        if (begun := _HALTS.get(event.kind)) is not None:
            open_since.setdefault(begun, event.at)
        elif (ended := _ENDS.get(event.kind)) in open_since:
            yield from _halt(ended, open_since.pop(ended), event.at, start)
    for kind, since in open_since.items():
        yield from _halt(kind, since, until, start)


def _halt(kind: HaltKind, since: datetime, until: datetime, start: datetime) -> Iterator[Halt]:
    since = max(since, start)
    if until > since:
        yield Halt(kind=kind, span=Span(begins_at=since, ends_at=until))


# -- quiet stretches --------------------------------------------------------------------------------------------------


class Fold(Value):
    """A stretch in which nothing but rest and waiting takes place, drawn as if it lasted only ``shown``."""

    span: Span
    shown: timedelta


def folds(told: Timeline) -> tuple[Fold, ...]:
    """The quiet stretches beside which the work could not be seen, such as a night between two windows, in order.

    Each is drawn no longer than a quarter of all the work. A phase that stands at a failed step is quiet, too.
    """
    work = sorted(
        (span for bar in told.bars if bar.kind != "bake" for span in _worked(bar, told.halts)),
        key=lambda span: span.begins_at,
    )
    busy_until, busy, quiet = told.span.begins_at, timedelta(0), []
    for span in work:
        if span.begins_at > busy_until:
            quiet.append(Span(begins_at=busy_until, ends_at=span.begins_at))
        busy += max(timedelta(0), span.ends_at - max(span.begins_at, busy_until))
        busy_until = max(busy_until, span.ends_at)
    if told.span.ends_at > busy_until:
        quiet.append(Span(begins_at=busy_until, ends_at=told.span.ends_at))
    most = busy / 4
    return tuple(Fold(span=span, shown=most) for span in quiet if busy and span.length > most)


def _worked(bar: Bar, halts: Sequence[Halt]) -> Iterator[Span]:
    """The spans of a bar without those in which nothing of it moved. A node group may go on while the run halts."""
    yield from (span for span in (bar.planned, bar.ahead) if span)
    if bar.actual is None:
        return
    begins, ends = bar.actual.begins_at, bar.actual.ends_at
    for halt in sorted(halts, key=lambda one: one.span.begins_at):
        goes_on = bar.group and bar.state is not BarState.STOPPED and halt.span.ends_at >= ends
        if goes_on or not begins < halt.span.ends_at or halt.span.begins_at >= ends:
            continue
        if halt.span.begins_at > begins:
            yield Span(begins_at=begins, ends_at=halt.span.begins_at)
        begins = halt.span.ends_at
    if begins < ends:
        yield Span(begins_at=begins, ends_at=ends)


# -- in words ---------------------------------------------------------------------------------------------------------


def said_of(bar: Bar) -> str:
    """How it went, in a few words: ``11 min``, ``under way, 4 min``, ``not done``."""
    if bar.state is BarState.AHEAD:
        return f"at most {lasting(bar.ahead.length)}" if bar.ahead and bar.ahead.length else "ahead"
    if bar.actual is None or bar.state is BarState.SKIPPED:
        return bar.state.value
    took = lasting(bar.actual.length)
    return took if bar.state is BarState.DONE else f"{bar.state.value}, {took}"


def title_of(told: Timeline) -> str:
    return f"{told.cluster}: Kubernetes {told.from_version} to {told.to_version}"


def alt_text(told: Timeline) -> str:
    """What the picture shows, for those who do not see it."""
    head = f"Timeline of the upgrade of {told.cluster} from {told.from_version} to {told.to_version}, {told.outcome}."
    phases = [_alt(bar) for bar in told.bars if not bar.group]
    halts = [f"{one.kind.value.capitalize()} for {lasting(one.span.length)}." for one in told.halts]
    for shown in range(len(phases), -1, -1):
        more = [] if shown == len(phases) else [f"And {len(phases) - shown} more phases."]
        text = " ".join([head, *phases[:shown], *more, *halts[: len(halts) if shown else 0]])
        if len(text) <= LONGEST_ALT:
            return text
    return text[:LONGEST_ALT]


def _alt(bar: Bar) -> str:
    planned = f", planned at most {lasting(bar.planned.length)}" if bar.planned and bar.planned.length else ""
    return f"{bar.title}: {said_of(bar)}{planned if bar.state is not BarState.AHEAD else ''}."
