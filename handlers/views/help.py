"""Help: the commonest words for whoever asks and all there are; and everything about one word."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from handlers.ids import Action
from handlers.manual import GROUPS, MANUAL, commonest, placeholders_of, who_may
from handlers.moves import Move
from handlers.own import Own
from handlers.views import kit
from handlers.views.kit import Message
from handlers.views.moves import move_buttons
from handlers.views.progress import Mark
from handlers.views.text import code, esc
from handlers.words import USAGE, Word
from upgrade.ports import Verb

#: A button for what only reads: pressing an example must not begin anything.
_READS: Final = (
    Word.CLUSTERS,
    Word.CHECK,
    Word.PLAN,
    Word.STATUS,
    Word.CALENDAR,
    Word.DIGEST,
    Word.HISTORY,
    Word.EXPLAIN,
)


def render_help(command: str, own: Own, may: Callable[[Verb], bool]) -> Message:
    """Args: may: whether the person may do that."""
    words = commonest(own, may)
    first = [(word, MANUAL[word].examples(own)[0]) for word in words]
    groups = [f"*{title}*: {' '.join(map(code, group))}" for title, group in GROUPS.items()]
    form = kit.button("Open the form…", Action.DIALOG, "help")
    notes = [
        f"{code(f'{command} help {Word.SCHEDULE}')} says more of that word; {code(command)} alone opens a form.",
        "Approve, Reject, Waive and Confirm are buttons under a run's message.",
        f"What else steers a run also works as a mention in its thread: {code('@eks-upgrades pause')}.",
    ]
    text = f"{esc(command)}: upgrades of EKS clusters"
    most = [f"• {code(f'{command} {example}')} {MANUAL[word].meaning}" for word, example in first]
    buttons = move_buttons([Move(example) for word, example in first if word in _READS], form)
    return Message(text, [kit.section(f"*{text}*", *most), *buttons, kit.section(*groups), kit.context(*notes)])


def render_word(command: str, word: Word, own: Own, refusal: str = "") -> Message:
    """Args: refusal: why the person may not; empty when they may."""
    entry, usage = MANUAL[word], f"{command} {USAGE[word]}"
    examples = entry.examples(own)
    behind = [f"{code(name)} {told}" for name, told in placeholders_of(word).items()]
    allowed = f"{Mark.BLOCKED} Not you: {esc(refusal)}" if refusal else "You may."
    for_whom = f"For: {who_may(entry.verb)}."
    blocks = [
        kit.section(f"*{code(usage)}*", entry.sentence, entry.more),
        kit.section("*For example*", *(code(f"{command} {example}") for example in examples)),
        *move_buttons([Move(example) for example in examples] if word in _READS else ()),
        *([kit.section("*Its words*", *behind)] if behind else []),
        # Whom a freeze names is known with the freeze only.
        kit.context(for_whom if entry.verb == "lift" else f"{for_whom} {allowed}"),
    ]
    return Message(f"{esc(usage)}: {entry.meaning}", blocks)
