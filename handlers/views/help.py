"""Help: every command with its words."""

from __future__ import annotations

from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.text import code, esc
from handlers.words import USAGE, Word
from upgrade.plan import NodePolicy, Scope

MEANING = {
    Word.HELP: "what I understand",
    Word.CLUSTERS: "the clusters I look after",
    Word.CHECK: "is the cluster ready? Changes nothing",
    Word.PLAN: "what would be done, in which order, how long. Changes nothing",
    Word.START: "check, plan, ask for approval, announce, upgrade",
    Word.SCHEDULE: "as start, at a time of your own zone or in the next maintenance window",
    Word.RESCHEDULE: "give a run that has not begun another start",
    Word.CANCEL: "call off a run that has not begun",
    Word.CALENDAR: "the maintenances and freezes of the next 30 days",
    Word.STATUS: "the runs that are not finished",
    Word.PAUSE: "start nothing more; what is under way finishes",
    Word.RESUME: "go on after a pause",
    Word.RETRY: "try a failed step again",
    Word.RECHECK: "look at the cluster again",
    Word.ABORT: "stop for good; what is under way finishes",
    Word.LIFT: "let a run go on in a freeze",
    Word.BREAK_GLASS: "open the gate that waits alone, in an emergency; security is told",
    Word.ACKNOWLEDGE: "I have seen what the run calls for; it calls no more",
    Word.TAKE_OVER: "the run is in my hands; I am the one who is called",
    Word.MUTE: "no more calls of what is known, for an hour or the time given, such as 2h",
    Word.NOTE: "write something down in its thread and its record",
    Word.PREVIEW: "the notice of a run as it would read now, for you alone. Announces nothing",
    Word.HISTORY: "the runs so far",
    Word.EXPLAIN: "what a check looks at, why, and how to fix what it finds",
}


TIMES = ("2026-11-24 22:00", "tomorrow 22:00", "fri 22:00 Europe/Berlin", "22:00 UTC")


def render_help(command: str) -> Message:
    lines = [f"{code(f'{command} {USAGE[word]}')} {MEANING[word]}" for word in Word]
    notes = [
        f"Scopes: {', '.join(map(code, Scope))}. Node policies: {', '.join(map(code, NodePolicy))}.",
        f"Times: {', '.join(map(code, TIMES))}; a zone behind them if it is not yours.",
        f"Without a version: the next minor. {code(command)} alone opens a form.",
        "Approve, Reject, Waive and Confirm are buttons under a run's message.",
        f"What else steers a run also works as a mention in its thread: {code('@eks-upgrades pause')}.",
    ]
    text = f"{esc(command)}: upgrades of EKS clusters"
    return Message(text, [kit.section(*lines), kit.context(*notes)])
