"""The notice and what is told under it: short, for everybody; no pod names, no error dumps.

Here stands what is said where; the words are templates (``handlers.views.wording``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.notice_facts import Also, NoticeFacts
from handlers.views.progress import Mark
from handlers.views.text import esc
from handlers.views.wording import Wording
from upgrade.announcements import NoticeReply, NoticeState, ReplyKind

_STATES: Final = {
    NoticeState.PLANNED: Mark.CLOCK,
    NoticeState.POSTPONED: Mark.CLOCK,
    NoticeState.STARTED: Mark.RUNNING,
    NoticeState.PAUSED: Mark.PAUSED,
    NoticeState.STOPPING: Mark.STOPPED,
    NoticeState.FINISHED: Mark.DONE,
    NoticeState.STOPPED: Mark.STOPPED,
    NoticeState.CALLED_OFF: Mark.STOPPED,
}
_REPLIES: Final = {
    ReplyKind.REMINDER: Mark.CLOCK,
    ReplyKind.MOVED: Mark.CLOCK,
    ReplyKind.POSTPONED: Mark.CLOCK,
    ReplyKind.CALLED_OFF: Mark.STOPPED,
    ReplyKind.STARTED: Mark.RUNNING,
    ReplyKind.PAUSED: Mark.PAUSED,
    ReplyKind.RESUMED: Mark.RUNNING,
    ReplyKind.STOPPED: Mark.STOPPED,
    ReplyKind.FINISHED: Mark.DONE,
}
ENGLISH: Final = Wording()


def render_notice(facts: NoticeFacts, *, here: bool = False, wording: Wording = ENGLISH) -> Message:
    """What everybody should know.

    Args:
        here: whether the people in the channel are called.
    """
    state = _state(facts, wording)
    call = "<!here> " if here else ""
    ahead = () if facts.over else said_in(wording, facts, "windows", "rests", "effects", "alerts")
    blocks = [kit.header(wording.plain("title", facts)), kit.section(f"{call}*{state}*", *ahead)]
    if facts.also:
        others = [_also(other, facts, wording) for other in facts.also]
        blocks.append(kit.section(*said_in(wording, facts, "also"), *others))
    where = [esc(one) for one in (facts.environment, facts.region) if one]
    whom = [*where, *said_in(wording, facts, "contact", "follow")]
    return Message(f"{call}{wording.say('title', facts)}. {state}", [*blocks, kit.context(" · ".join(whom))])


def render_reply(reply: NoticeReply, facts: NoticeFacts, *, wording: Wording = ENGLISH) -> Message:
    """One thing that happened, told under the notice or in the channel, so it names the maintenance."""
    said = reply_line(reply, facts, wording)
    told = " · ".join(said_in(wording, facts, "contact", "follow"))
    return Message(said, [kit.section(said), *([kit.context(told)] if told else [])])


def reply_line(reply: NoticeReply, facts: NoticeFacts, wording: Wording) -> str:
    # The facts are those of now: the expected end belongs to this start only if that is the one that holds.
    if facts.start_at != reply.at:
        facts = replace(facts, ends_by=None)
    return f"{_REPLIES[reply.kind]} {wording.say(_name('reply', reply.kind), facts, reply.at)}"


def loud(reply: NoticeReply) -> bool:
    """Whether a reply is shown in the channel too: what people who made plans must notice."""
    return reply.kind in (ReplyKind.MOVED, ReplyKind.CALLED_OFF, ReplyKind.STOPPED)


def said_in(wording: Wording, facts: NoticeFacts, *names: str) -> Iterator[str]:
    """Those texts that have something to say."""
    return (said for said in (wording.say(name, facts) for name in names) if said)


def _state(facts: NoticeFacts, wording: Wording) -> str:
    state = NoticeState(facts.state)
    if state is NoticeState.PLANNED and facts.start_at is None:
        state = NoticeState.POSTPONED
    return f"{_STATES[state]} {wording.say(_name('state', state), facts)}"


def _name(kind: str, of: NoticeState | ReplyKind) -> str:
    return f"{kind}_{of.replace('-', '_')}"


def _also(other: Also, facts: NoticeFacts, wording: Wording) -> str:
    of_its_own = NoticeFacts(
        state=other.state,
        cluster=other.cluster,
        region=facts.region,
        environment=facts.environment,
        owner=facts.owner,
        from_version=other.from_version,
        to_version=other.to_version,
        start_at=other.start_at,
    )
    return f"• {wording.say('also_one', of_its_own)}"
