"""Whom a run calls when it needs a person, and until when it goes on calling (docs/operations.md). Facts only. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from upgrade.engine.approvals import terms_of
from upgrade.engine.course import abort_preview, may_start
from upgrade.events import EventKind, UpgradeEvent
from upgrade.facts import Value
from upgrade.run import Intent, NodegroupMix, RunStatus, StepStatus, UnderWay, UpgradeRun
from upgrade.troubles import CallKind, Rung, Trouble, troubles_of

#: How much of the time that a plan or an attended gate waits has passed when it is brought to mind again.
_REMINDED_AT: Final = {"half": 0.5, "three-quarters": 0.75}
#: How the keys of reminders begin.
_REMINDER: Final = f"{CallKind.APPROVAL}:"
#: Steps whose failure leaves behind what others depend on: an add-on with broken pods, a workload worse than before.
_SERVES: Final = frozenset({"addon", "verify"})
_NOT_WELL: Final = frozenset({StepStatus.FAILED, StepStatus.BLOCKED})


class CallPolicy(Value):
    """Whom to call and when, all counted from the moment at which the trouble began.

    Args:
        owner: of the cluster, if that is a Slack user or user group.
        group: the user group that is on call.
        group_after: how long the person in charge has before the group is called.
        pages: whether there is a webhook to call.
        pages_after: how long people have before the webhooks are called.
        repeat: how often all of them are called again, until somebody acknowledges.
        approvers: users and user groups who may approve, where the environment names nobody.
    """

    owner: str | None = None
    group: str | None = None
    group_after: timedelta = timedelta(minutes=10)
    pages: bool = False
    pages_after: timedelta = timedelta(minutes=20)
    repeat: timedelta = timedelta(minutes=30)
    approvers: tuple[str, ...] = ()


class Call(Value):
    """One call to a person or a pager.

    Args:
        key: tells it from the others of its run; the same after every restart.
        trouble: the key of what it is about; empty for a reminder to approvers.
        to: Slack users and user groups who are called, by id; empty when only the webhooks are.
        pages: the webhooks hear of it.
        due_at: from when it goes out.
        until: from then on another says the same; None: it goes out however late.
        since: when the trouble began, or the approval was asked for.
        reason: as that of the trouble.
    """

    key: str
    kind: CallKind
    trouble: str = ""
    to: tuple[str, ...] = ()
    pages: bool = False
    due_at: datetime
    until: datetime | None = None
    since: datetime
    reason: str = ""

    def due(self, now: datetime) -> bool:
        return self.due_at <= now and (self.until is None or now < self.until)


class Standing(Value):
    """What goes on by itself while nobody does anything, from what is stored.

    Args:
        under_way: updates that EKS finishes on its own.
        node_groups: groups whose rotation began and is not through.
        starts: whether the run would start something by itself.
        held: nothing starts while something outside of the run is so, such as Slack out of reach; then it goes on.
        unwell: steps that ended or stand so that workloads may suffer until somebody has looked.
    """

    under_way: tuple[UnderWay, ...]
    node_groups: tuple[NodegroupMix, ...]
    starts: bool
    held: bool = False
    unwell: tuple[str, ...] = ()

    @property
    def half_way(self) -> tuple[NodegroupMix, ...]:
        """Groups whose nodes are on several versions, or take no new pods in part."""
        return tuple(mix for mix in self.node_groups if len(mix.kubelets) > 1 or mix.cordoned)

    @property
    def steady(self) -> bool:
        """Nothing moves, nothing is half-way, and nothing will begin."""
        return not (self.under_way or self.half_way or self.starts)


def standing_of(run: UpgradeRun) -> Standing:
    left = abort_preview(run)
    steps = run.plan.steps() if run.plan else ()
    return Standing(
        under_way=left.under_way,
        node_groups=left.node_groups,
        starts=may_start(run),
        held="slack" in run.holds and may_start(run.model_copy(update={"holds": ()})),
        unwell=tuple(step.id for _, step in steps if step.kind in _SERVES and run.step(step.id).status in _NOT_WELL),
    )


def in_charge(run: UpgradeRun, owner: str | None) -> str:
    """Who took the run over, else the cluster's owner in Slack, else whoever asked for it."""
    return run.in_charge or owner or run.requester


def approvers_now(run: UpgradeRun, approvers: Sequence[str]) -> tuple[str, ...]:
    """Users and user groups who may decide about the gate that waits; nobody when none does.

    Args:
        approvers: those who may, where neither the gate nor the environment names anybody.
    """
    if run.status is not RunStatus.AWAITING_APPROVAL:
        return ()
    attended = terms_of(run, run.waiting_for).attended
    named = (attended, *(run.policy.approver_groups or approvers))
    return tuple(dict.fromkeys(one for one in named if one))


def calls_of(run: UpgradeRun, events: Sequence[UpgradeEvent], policy: CallPolicy, now: datetime) -> tuple[Call, ...]:
    """Whom to call, by when it is due: all that is due at ``now``, and of what comes again the next.

    Derived from the run and its whole stream of events alone, so that after any restart the same ones are due.
    """
    troubles = troubles_of(run, events)
    calls = list(_reminders(run, policy))
    for trouble in troubles:
        if trouble.calls:
            quiet = tuple(_quiet(trouble, troubles, events))
            calls += _stages(run, trouble, policy, quiet)
            calls += _repeats(run, trouble, policy, quiet, now)
    return tuple(sorted(calls, key=lambda call: (call.due_at, call.key)))


def is_reminder(key: str) -> bool:
    """Whether a call of that key brings an approval to mind that is waited for."""
    return key.startswith(_REMINDER)


def muted_until(events: Sequence[UpgradeEvent], now: datetime) -> datetime | None:
    """Until when nobody is called again of what is known; None when nothing is muted."""
    ends = [_instant(event, "until") for event in events if event.kind is EventKind.RUN_MUTED]
    return ends[-1] if ends and ends[-1] > now else None


# -- stages -----------------------------------------------------------------------------------------------------------

_Quiet = tuple[tuple[datetime, datetime], ...]


def _stages(run: UpgradeRun, trouble: Trouble, policy: CallPolicy, quiet: _Quiet) -> Iterator[Call]:
    person = in_charge(run, policy.owner)
    alone = person.startswith("cli:")  # whoever took it over in a shell cannot be called
    group_after = timedelta(0) if alone else policy.group_after
    delays = {Rung.PERSON: timedelta(0), Rung.GROUP: group_after, Rung.PAGES: policy.pages_after}
    group = (policy.group,) if policy.group else ()
    named = {Rung.PERSON: tuple(dict.fromkeys((*_attending(run, trouble), person))), Rung.GROUP: group}
    for rung in trouble.rungs:
        to = named.get(rung, ())
        pages = rung is Rung.PAGES and policy.pages
        if to or pages:
            due_at = trouble.since if trouble.at_once else trouble.since + delays[rung]
            yield _call(trouble, rung.value, to, due_at=_after(due_at, quiet), pages=pages)


def _attending(run: UpgradeRun, trouble: Trouble) -> tuple[str, ...]:
    """Whoever attends the gate that a run waits at: they come first."""
    waits = trouble.kind is CallKind.DECISION and run.status is RunStatus.AWAITING_APPROVAL
    attended = terms_of(run, run.waiting_for).attended if waits else None
    return (attended,) if attended else ()


def _repeats(run: UpgradeRun, trouble: Trouble, policy: CallPolicy, quiet: _Quiet, now: datetime) -> Iterator[Call]:
    """Everybody again: the one that is due now, and the next."""
    if trouble.rungs == (Rung.PERSON,):
        return
    last = trouble.since if trouble.at_once else trouble.since + policy.pages_after
    # Whoever is in charge may not be the one who can open a gate.
    deciding = approvers_now(run, policy.approvers) if trouble.kind is CallKind.DECISION else ()
    to = tuple(dict.fromkeys(one for one in (in_charge(run, policy.owner), policy.group, *deciding) if one))
    number = max(0, (now - last) // policy.repeat)
    while True:
        due_at = last + policy.repeat * number
        if number and _after(due_at, quiet) == due_at:
            yield _call(trouble, f"again-{number}", to, due_at=due_at, pages=policy.pages)
        number += 1
        if due_at > now and _after(due_at, quiet) == due_at:
            return


def _call(trouble: Trouble, stage: str, to: tuple[str, ...], *, due_at: datetime, pages: bool) -> Call:
    return Call(
        key=f"{trouble.key}:{stage}",
        kind=trouble.kind,
        trouble=trouble.key,
        to=to,
        pages=pages,
        due_at=due_at,
        since=trouble.since,
        reason=trouble.reason,
    )


def _quiet(
    trouble: Trouble, troubles: Sequence[Trouble], events: Sequence[UpgradeEvent]
) -> Iterator[tuple[datetime, datetime]]:
    """When nobody is called of it: people muted the run after it began, until the time they gave or a new failure."""
    for event in events:
        if event.kind is EventKind.RUN_MUTED and event.seq > trouble.seq:
            fresh = [one.since for one in troubles if one.seq > event.seq]
            yield event.at, min([_instant(event, "until"), *fresh])


def _after(due_at: datetime, quiet: _Quiet) -> datetime:
    """``due_at``, or the end of the time in which nobody is called."""
    for begins, ends in quiet:
        if begins <= due_at < ends:
            due_at = ends
    return due_at


def _reminders(run: UpgradeRun, policy: CallPolicy) -> Iterator[Call]:
    """Of a plan, or a gate with a deadline: those who may approve it are reminded twice before it is over.

    A plan with a start of its own must be approved in time for that: later than its notice before it is too late.
    """
    to = approvers_now(run, policy.approvers)
    waits = run.policy.approval_expires if run.started_at is None else terms_of(run, run.waiting_for).within
    if not to or waits is None or run.expires_at is None or run.intent is Intent.ABORT:
        return
    asked_at = run.expires_at - waits
    over_at = _approve_by(run, asked_at, run.expires_at)
    dues = {name: asked_at + (over_at - asked_at) * part for name, part in _REMINDED_AT.items()}
    ends = [*list(dues.values())[1:], over_at]
    for (name, due_at), until in zip(dues.items(), ends, strict=True):
        yield Call(
            key=f"{_REMINDER}{int(asked_at.timestamp())}:{name}",
            kind=CallKind.APPROVAL,
            to=to,
            due_at=due_at,
            until=until,
            since=asked_at,
        )


def _approve_by(run: UpgradeRun, asked_at: datetime, expires_at: datetime) -> datetime:
    """Until when an approval is in time for the start that is wanted; its expiry where no such time is ahead."""
    if run.started_at is not None or run.wanted_at is None:
        return expires_at
    last = run.wanted_at.astimezone(UTC) - run.policy.notice
    return last if asked_at < last < expires_at else expires_at


def _instant(event: UpgradeEvent, name: str) -> datetime:
    return datetime.fromisoformat(str(event.data[name]))
