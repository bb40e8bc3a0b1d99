"""The notice: short, for everybody; no pod names, no error dumps; edited as facts change."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.progress import Mark, Minutes, length, minutes_left, phase_number
from handlers.views.text import contact, count, duration, esc, link, local_time
from upgrade.announcements import Notice, NoticeState
from upgrade.estimate import total_minutes
from upgrade.plan import Scope
from upgrade.run import StepStatus, UpgradeRun

_API = "Brief interruptions of the Kubernetes API are possible"
_NODES = "Nodes are replaced a few at a time: their pods are stopped and started elsewhere"
#: What may happen, not what should: nothing is promised that EKS does not promise.
_WHAT_TO_EXPECT = {
    Scope.ALL: f"{_API}. {_NODES}.",
    Scope.CONTROL_PLANE: f"{_API}. Pods are left alone.",
    Scope.ADDONS: "Cluster add-ons, such as network and DNS, are updated one by one: brief interruptions are possible.",
    Scope.NODES: f"{_NODES}.",
}
_KINDS = {"control-plane": "control plane step", "addon": "add-on", "nodegroup": "node group"}
_SETTLED = (StepStatus.DONE, StepStatus.SKIPPED)
_PLAIN = {
    NoticeState.POSTPONED: f"{Mark.CLOCK} Postponed: the plan is looked at again.",
    NoticeState.PAUSED: f"{Mark.PAUSED} Paused. No new step starts until it is resumed.",
    NoticeState.STOPPING: f"{Mark.STOPPED} Being stopped; what is under way will finish.",
    NoticeState.CALLED_OFF: f"{Mark.STOPPED} Called off: it will not take place.",
}


def render_notice(notice: Notice, run: UpgradeRun, *, owner: str | None, thread: str | None, now: datetime) -> Message:
    """What everybody should know.

    Args:
        owner: whom to ask, as configured.
        thread: the address of the run's thread, once it exists.
        now: domain time, for the expected end.
    """
    title = f"Maintenance: {notice.cluster.name}, Kubernetes {notice.from_version} → {notice.to_version}"
    state = _state(notice, run, now)
    expect = [] if run.status.finished else [_WHAT_TO_EXPECT[run.request.scope]]
    who = f"Contact: {contact(owner)}" if owner else ""
    follow = link(thread, "Follow it here") if thread else ""
    told = " · ".join(part for part in (who, follow) if part)
    blocks = [kit.header(title), kit.section(f"*{state}*", *expect), *([kit.context(told)] if told else [])]
    return Message(f"{esc(title)}. {state}", blocks)


def _state(notice: Notice, run: UpgradeRun, now: datetime) -> str:
    if notice.state is NoticeState.FINISHED:
        return f"{Mark.DONE} Finished{_ended(run)}."
    if notice.state is NoticeState.STOPPED:
        return f"{Mark.STOPPED} Stopped early{_ended(run)}. {_left(run)}"
    if notice.state is NoticeState.STARTED:
        number, total = phase_number(run)
        end = _rounded(now + timedelta(minutes=minutes_left(run).high))
        return f"{Mark.RUNNING} In progress, phase {number} of {total}. Expected end: by {local_time(end)}."
    if notice.state is NoticeState.PLANNED and notice.start_at is not None:
        most = Minutes(*total_minutes(run.plan)) if run.plan else Minutes(0, 0)
        lasts = f" It takes about {most}." if most.high else ""
        return f"{Mark.CLOCK} Starts {local_time(notice.start_at)}.{lasts}"
    return _PLAIN.get(notice.state, _PLAIN[NoticeState.POSTPONED])


def _ended(run: UpgradeRun) -> str:
    """When, and how long it took."""
    took = length(run)
    lasted = f", after {duration(took)}" if took else ""
    return f" {local_time(run.finished_at)}{lasted}" if run.finished_at else lasted


def _left(run: UpgradeRun) -> str:
    """What a run that ended early leaves: the cluster may be between two versions."""
    changing = [step for _, step in run.plan.steps() if run.plan.updates(step.id)] if run.plan else []
    states = [run.step(step.id) for step in changing]
    if all(state.token is None for state in states):
        return "Nothing was changed."
    missing = Counter(step.kind for step, state in zip(changing, states, strict=True) if state.status not in _SETTLED)
    if not missing:
        return "All was changed, but not all was seen to work; the owners see to it."
    rest = ", ".join(count(number, _KINDS[kind]) for kind, number in missing.items())
    return f"The upgrade is half way: {rest} not done. The owners take it from here."


def _rounded(at: datetime) -> datetime:
    """Up to full five minutes: nobody plans by seconds, and the notice is not edited for them."""
    return datetime.fromtimestamp(-(-at.timestamp() // 300) * 300, UTC)
