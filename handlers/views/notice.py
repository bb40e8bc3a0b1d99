"""The notice and what is told under it: short, for everybody; no pod names, no error dumps."""

from __future__ import annotations

from typing import Final

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.notice_facts import Also, NoticeFacts, Rest
from handlers.views.progress import Mark, Minutes
from handlers.views.text import contact, count, duration, esc, link, local_time
from upgrade.announcements import Effect, NoticeReply, NoticeState, ReplyKind

#: What may happen, not what should: nothing is promised that EKS does not promise.
_NOTICED: Final = {
    Effect.API: "Brief interruptions of the Kubernetes API are possible.",
    Effect.ADDONS: "Add-ons such as network and DNS are updated one by one: brief interruptions are possible.",
    Effect.NODES: "Nodes are replaced a few at a time: their pods are stopped and started elsewhere.",
}
_ALERTS: Final = {
    Effect.API: "latency and errors of the Kubernetes API, targets of the control plane that are down",
    Effect.ADDONS: "DNS errors, restarts of pods in kube-system",
    Effect.NODES: "nodes that are NotReady or new, pod restarts, workloads with fewer replicas than they want",
}
_KINDS: Final = {"control-plane": "control plane step", "addon": "add-on", "nodegroup": "node group"}
_REPLIES: Final = {
    ReplyKind.REMINDER: f"{Mark.CLOCK} Reminder: the maintenance of {{name}} starts {{at}}.{{by}}",
    ReplyKind.MOVED: f"{Mark.CLOCK} New start: the maintenance of {{name}} now starts {{at}}.{{by}}",
    ReplyKind.POSTPONED: f"{Mark.CLOCK} Postponed: the maintenance of {{name}} does not start as announced.",
    ReplyKind.CALLED_OFF: f"{Mark.STOPPED} Called off: the maintenance of {{name}} will not take place.",
    ReplyKind.STARTED: f"{Mark.RUNNING} The maintenance of {{name}} has started.",
    ReplyKind.PAUSED: f"{Mark.PAUSED} The maintenance of {{name}} is paused.",
    ReplyKind.RESUMED: f"{Mark.RUNNING} The maintenance of {{name}} goes on.",
    ReplyKind.STOPPED: f"{Mark.STOPPED} The maintenance of {{name}} was stopped early. {{left}}",
    ReplyKind.FINISHED: f"{Mark.DONE} The maintenance of {{name}} is finished{{ended}}.",
}
_PLAIN: Final = {
    NoticeState.POSTPONED: f"{Mark.CLOCK} Postponed: the plan is looked at again.",
    NoticeState.PAUSED: f"{Mark.PAUSED} Paused. No new step starts until it is resumed.",
    NoticeState.STOPPING: f"{Mark.STOPPED} Being stopped; what is under way will finish.",
    NoticeState.CALLED_OFF: f"{Mark.STOPPED} Called off: it will not take place.",
}


def render_notice(facts: NoticeFacts, *, here: bool = False) -> Message:
    """What everybody should know.

    Args:
        here: whether the people in the channel are called.
    """
    title = f"Maintenance: {_title(facts)}"
    state = _state(facts)
    call = "<!here> " if here else ""
    ahead = [] if facts.over else [*_when(facts), *_expect(facts)]
    blocks = [kit.header(title), kit.section(f"{call}*{state}*", *ahead)]
    if facts.also:
        blocks.append(kit.section("Also announced here, in the thread:", *map(_also, facts.also)))
    return Message(f"{call}{esc(title)}. {state}", [*blocks, kit.context(" · ".join(_whom(facts)))])


def render_reply(reply: NoticeReply, facts: NoticeFacts) -> Message:
    """One thing that happened, told under the notice or in the channel, so it names the maintenance."""
    said = _reply(reply, facts)
    follow = link(facts.thread, "Follow it here") if facts.thread else ""
    told = " · ".join(part for part in (_contact(facts), follow) if part)
    return Message(said, [kit.section(said), *([kit.context(told)] if told else [])])


def loud(reply: NoticeReply) -> bool:
    """Whether a reply is shown in the channel too: what people who made plans must notice."""
    return reply.kind in (ReplyKind.MOVED, ReplyKind.CALLED_OFF, ReplyKind.STOPPED)


def _title(facts: NoticeFacts) -> str:
    return f"{facts.cluster}, Kubernetes {facts.from_version} → {facts.to_version}"


# -- the notice -------------------------------------------------------------------------------------------------------


def _state(facts: NoticeFacts) -> str:
    by = f" Expected end: by {local_time(facts.ends_by)}." if facts.ends_by else ""
    match NoticeState(facts.state):
        case NoticeState.FINISHED:
            return f"{Mark.DONE} Finished{_ended(facts)}."
        case NoticeState.STOPPED:
            return f"{Mark.STOPPED} Stopped early{_ended(facts)}. {_left(facts)}"
        case NoticeState.STARTED:
            return f"{Mark.RUNNING} In progress, phase {facts.phase} of {facts.phases}.{by}"
        case NoticeState.PLANNED if facts.start_at is not None:
            lasts = f" It takes about {Minutes(*facts.minutes)}." if facts.minutes[1] else ""
            return f"{Mark.CLOCK} Starts {local_time(facts.start_at)}.{lasts}{by}"
        case state:
            return _PLAIN.get(state, _PLAIN[NoticeState.POSTPONED])


def _when(facts: NoticeFacts) -> list[str]:
    spans = [f"{local_time(begin)} to {local_time(end)}" for begin, end in facts.windows]
    windows = [f"It works in these windows: {'; '.join(spans)}."] if len(spans) > 1 else []
    rests = [f"In between it waits: {'; '.join(map(_rest, facts.rests))}."] if facts.rests else []
    return [*windows, *rests]


def _rest(rest: Rest) -> str:
    window = "until the next window" if rest.next_window else ""
    lasts = " and ".join(part for part in (duration(rest.lasts) if rest.lasts else "", window) if part)
    before = "nodes follow" if rest.before == "nodes" else "it goes on"
    return f"{lasts} on {esc(rest.version)} before {before}"


def _expect(facts: NoticeFacts) -> list[str]:
    effects = [Effect(one) for one in facts.effects]
    if not effects:
        return []
    alone = [] if Effect.NODES in effects else ["Pods are left alone."]
    noticed = " ".join([*(_NOTICED[one] for one in effects), *(alone if effects == [Effect.API] else [])])
    return [noticed, f"Alerts that may fire: {', '.join(_ALERTS[one] for one in effects)}."]


def _whom(facts: NoticeFacts) -> list[str]:
    where = [f"{esc(facts.environment)}" if facts.environment else "", esc(facts.region)]
    follow = link(facts.thread, "Follow it here") if facts.thread else ""
    return [part for part in (*where, _contact(facts), follow) if part]


def _contact(facts: NoticeFacts) -> str:
    return f"Contact: {contact(facts.owner)}" if facts.owner else ""


def _also(other: Also) -> str:
    name = f"{esc(other.cluster)}, Kubernetes {esc(other.from_version)} → {esc(other.to_version)}"
    if other.state == NoticeState.PLANNED and other.start_at is not None:
        return f"• {name}: starts {local_time(other.start_at)}"
    return f"• {name}: {esc(other.state.replace('-', ' '))}"


def _ended(facts: NoticeFacts) -> str:
    """When, and how long it took."""
    lasted = f", after {duration(facts.took)}" if facts.took else ""
    return f" {local_time(facts.finished_at)}{lasted}" if facts.finished_at else lasted


def _left(facts: NoticeFacts) -> str:
    """What a run that ended early leaves: the cluster may be between two versions."""
    if not facts.changed:
        return "Nothing was changed."
    if not facts.missing:
        return "All was changed, but not all was seen to work; the owners see to it."
    rest = ", ".join(count(number, _KINDS[kind]) for kind, number in facts.missing)
    return f"The upgrade is half way: {rest} not done. The owners take it from here."


# -- under the notice -------------------------------------------------------------------------------------------------


def _reply(reply: NoticeReply, facts: NoticeFacts) -> str:
    name = f"*{esc(_title(facts))}*"
    at = local_time(reply.at) if reply.at else ""
    # The facts are those of now: the expected end belongs to this start only if that is the one that holds.
    by = f" Expected end: by {local_time(facts.ends_by)}." if facts.ends_by and facts.start_at == reply.at else ""
    said = _REPLIES[reply.kind].format(name=name, at=at, by=by, ended=_ended(facts), left=_left(facts))
    return f"{said} It goes on {at}." if reply.kind is ReplyKind.PAUSED and at else said
