"""Help: every command with its words."""

from __future__ import annotations

from handlers.parse import USAGE, Word
from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.text import code, esc
from upgrade.plan import NodePolicy, Scope

MEANING = {
    Word.HELP: "what I understand",
    Word.CLUSTERS: "the clusters I look after",
    Word.CHECK: "is the cluster ready? Changes nothing",
    Word.PLAN: "what would be done, in which order, how long. Changes nothing",
    Word.START: "check, plan, ask for approval, announce, upgrade",
    Word.STATUS: "the runs that are not finished",
    Word.PAUSE: "start nothing more; what is under way finishes",
    Word.RESUME: "go on after a pause",
    Word.RETRY: "try a failed step again",
    Word.RECHECK: "look at the cluster again",
    Word.ABORT: "stop for good; what is under way finishes",
    Word.HISTORY: "the runs so far",
    Word.EXPLAIN: "what a check looks at, why, and how to fix what it finds",
}


def render_help(command: str) -> Message:
    lines = [f"{code(f'{command} {USAGE[word]}')} {MEANING[word]}" for word in Word]
    notes = [
        f"Scopes: {', '.join(map(code, Scope))}. Node policies: {', '.join(map(code, NodePolicy))}.",
        f"Without a version: the next minor. {code(command)} alone opens a form.",
        "Approve, Reject, Waive and Confirm are buttons under a run's message.",
        f"What else steers a run also works as a mention in its thread: {code('@eks-upgrades pause')}.",
    ]
    text = f"{esc(command)}: upgrades of EKS clusters"
    return Message(text, [kit.section(*lines), kit.context(*notes)])
