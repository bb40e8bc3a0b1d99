"""The notice of a run as it would be, for one person."""

from __future__ import annotations

from datetime import datetime

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.notice import ENGLISH, render_notice, reply_line
from handlers.views.notice_facts import NoticeFacts, notice_facts
from handlers.views.wording import Wording
from upgrade.announcements import NoticeReply, ReplyKind, notice_of, previewed
from upgrade.errors import NotNow
from upgrade.run import UpgradeRun


def preview_facts(
    run: UpgradeRun, now: datetime, *, environment: str | None, owner: str | None, thread: str | None = None
) -> NoticeFacts:
    """The facts of its notice, also when none is due yet. Raises NotNow for a run without a plan.

    Args:
        environment, owner: of the cluster, as configured.
        thread: the address of the run's thread, once it exists.
    """
    shown = previewed(run, now)
    notice = notice_of(shown, announced=True)
    if notice is None:
        raise NotNow(f"Run {run.id} has no plan yet, so there is nothing to announce.", "Ask again in a minute.")
    return notice_facts(notice, shown, environment=environment, owner=owner, thread=thread, now=now)


def render_preview(facts: NoticeFacts, now: datetime, *, here: bool = False, wording: Wording = ENGLISH) -> Message:
    """The notice, and a line for each thing that may be told under it.

    Args:
        here: whether the notice would call the people in the channel; said, and not done.
    """
    notice = render_notice(facts, wording=wording)
    at = facts.start_at or now
    replies = [NoticeReply(key="", kind=kind, due_at=now, at=at) for kind in ReplyKind]
    calls = " The people in the channel would be called (mention_here)." if here else ""
    lines = [f"• {reply_line(reply, facts, wording)}" for reply in replies]
    told = kit.context(f"Only you see this, and nothing was announced.{calls}")
    return Message(
        notice.text, [*notice.blocks, kit.divider(), kit.section("*What may be told under it:*", *lines), told]
    )
