"""What a person typed behind `/eks-upgrade` or a mention: text in, one frozen command out, or a clear refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final, TypeVar

from handlers.when import NextWindow, Now, When, looks_like_time, read_time
from handlers.words import (
    LOOK_WORDS,
    PLAN_WORDS,
    RUN_WORDS,
    USAGE,
    BreakGlassCommand,
    ClusterCommand,
    Command,
    CommandUnclear,
    ExplainCommand,
    ExportCommand,
    HelpCommand,
    HistoryCommand,
    LiftCommand,
    Look,
    MuteCommand,
    NoteCommand,
    OpenDialog,
    PlanWord,
    PreviewCommand,
    RescheduleCommand,
    RunCommand,
    RunWord,
    StatusCommand,
    Word,
    meant,
    near,
    nearest,
    shown,
)
from upgrade.plan import NodePolicy, Scope
from upgrade.records import Form
from upgrade.versions import KubernetesVersion
from upgrade.words import nearest_first

Kind = TypeVar("Kind", bound=StrEnum)
LONGEST_TEXT: Final = 500
_CLUSTER = re.compile(r"(?:[0-9]{12}/[a-z0-9-]{1,40}/)?[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_CODE = re.compile(r"[A-Za-z]{3}[0-9]{3}")
_SUBJECT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_/-]{0,199}")
_VERSION = re.compile(r"v?\d{1,2}\.\d{1,3}")
#: Words, of which the first may stand in quotation marks, as Slack's keyboards and people write them.
_QUOTED = re.compile(r"""\s*(?:"([^"]+)"|“([^“”]+)”|'([^']+)')(?=\s|$)(.*)""", re.DOTALL)
_BUTTONS_ONLY: Final = ("approve", "reject", "waive", "confirm")
_LASTS = re.compile(r"(\d{1,4})(m|h)")
_UNITS: Final = {"m": "minutes", "h": "hours"}
_OPTIONS: Final = ("to", "only", "nodes")
_STARTS: Final = ("at", "in")


def parse(text: str) -> Command:
    """Read the text behind the slash command. Raises CommandUnclear, and nothing else, for whatever is no command."""
    if len(text) > LONGEST_TEXT:
        raise CommandUnclear(
            f"That is {len(text)} characters long; a command has at most {LONGEST_TEXT}.",
            "For example: start prod-eu to 1.36",
        )
    # What people copy from a message of ours, or mark as code themselves, comes in backticks.
    words = _joined([word.strip("`") for word in text.split() if word.strip("`")])
    if not words:
        return OpenDialog()
    word = _first_word(words[0])
    if word in (Word.NOTE, Word.BREAK_GLASS):
        words[2:] = text.split()[2:]  # what they write down stays as it is
    try:
        return _behind(word, words[1:], text)
    except CommandUnclear as unclear:
        unclear.word = word
        raise


def _joined(words: Sequence[str]) -> list[str]:
    """``take over`` is one word, also with a hyphen."""
    for length in (1, 2):
        if " ".join(words[:length]).lower().replace("-", " ") == Word.TAKE_OVER:
            return [Word.TAKE_OVER, *words[length:]]
    return list(words)


def _behind(word: Word, rest: Sequence[str], text: str) -> Command:
    if word is Word.HELP:
        return _help(rest)
    if word in PLAN_WORDS:
        return _cluster_command(word, rest)
    if word is Word.RESCHEDULE:
        return _reschedule(rest)
    if word is Word.LIFT:
        return _lift(rest, text)
    if word in (Word.MUTE, Word.NOTE, Word.BREAK_GLASS, Word.EXPORT):
        return _with_words(word, _subject(word, rest), rest[1:])
    return _short_command(word, rest)


def _help(rest: Sequence[str]) -> HelpCommand:
    words = _joined(rest)
    _nothing_more(Word.HELP, words[1:])
    return HelpCommand(_first_word(words[0]) if words else None)


def _with_words(word: Word, subject: str, rest: Sequence[str]) -> Command:
    """A word for a run with more behind it."""
    if word is Word.MUTE:
        return _mute(subject, rest)
    if word is Word.EXPORT:
        return _export(subject, rest)
    return _note(subject, rest) if word is Word.NOTE else _break_glass(subject, rest)


def _short_command(word: Word, rest: Sequence[str]) -> Command:
    """A word with at most one more behind it."""
    alone = word in LOOK_WORDS and word is not Word.STATUS
    _nothing_more(word, rest if alone else rest[1:])
    if word is Word.STATUS and rest:
        return StatusCommand(_subject(word, rest))
    if word in LOOK_WORDS:
        return Look(word)
    if word in RUN_WORDS:
        return RunCommand(word, _subject(word, rest))
    if word is Word.PREVIEW:
        return PreviewCommand(_subject(word, rest))
    if word is Word.EXPLAIN:
        return ExplainCommand(_code(rest))
    return HistoryCommand(_cluster(rest[0]) if rest else None)


def _export(subject: str, rest: Sequence[str]) -> ExportCommand:
    _nothing_more(Word.EXPORT, rest[1:])
    return ExportCommand(subject, _choice(Form, rest[0], "a format")) if rest else ExportCommand(subject)


def parse_in_thread(text: str) -> RunWord | MuteCommand | NoteCommand:
    """Read a mention inside a run's thread, such as ``<@U0BOT> pause``. Raises CommandUnclear."""
    words = text.split()
    words = words[1:] if words and words[0].startswith("<@") else words
    first = words[0].lower() if words else ""
    if first == Word.NOTE:
        return _note("", words[1:])
    words = [word for word in words if not word.startswith("<@")]
    if first == Word.MUTE:
        return _mute("", words[1:])
    if _joined(words) == [Word.TAKE_OVER]:
        return Word.TAKE_OVER
    allowed = ", ".join((*RUN_WORDS, Word.MUTE, Word.NOTE))
    if len(words) != 1:
        raise CommandUnclear("In the thread of a run, mention me with one word.", f"I know: {allowed}.")
    for word in RUN_WORDS:
        if words[0].lower() == word:
            return word
    close = near(words[0], RUN_WORDS)
    raise CommandUnclear(
        f"{shown(words[0])} does not steer a run.", f"I know: {allowed}.{meant(close)}", typed=words[0], instead=close
    )


def _first_word(typed: str) -> Word:
    word = typed.lower()
    if word in _BUTTONS_ONLY:
        raise CommandUnclear(
            f"To {word}, use the button under the run's message: it is bound to the plan that you see.",
            "status shows the runs with their links.",
        )
    try:
        return Word(word)
    except ValueError:
        close = near(word, tuple(Word))
        known = f"I know: {', '.join(Word)}.{meant(close)}"
        raise CommandUnclear(f"I do not know {shown(typed)}.", known, typed=typed, instead=close) from None


def _write(word: Word, more: str = "") -> str:
    return f"Write: {USAGE[word]}{more}"


def _nothing_more(word: Word, rest: Sequence[str]) -> None:
    if rest:
        raise CommandUnclear(f"{shown(rest[0])} is too much.", _write(word), typed=" ".join(rest), instead=("",))


def _cluster(typed: str) -> str:
    if not _CLUSTER.fullmatch(typed):
        raise CommandUnclear(
            f"{shown(typed)} cannot be the name of an EKS cluster.",
            "Write its name (letters, digits, - and _) or account/region/name.",
            typed=typed,
            lacks="cluster",
        )
    return typed


def _subject(word: Word, rest: Sequence[str]) -> str:
    if not rest:
        raise CommandUnclear(f"Which run shall I {word}?", _write(word), lacks="run")
    if not _SUBJECT.fullmatch(rest[0]):
        neither = f"{shown(rest[0])} is neither a run nor a cluster."
        raise CommandUnclear(neither, _write(word), typed=rest[0], lacks="run")
    return rest[0]


def _code(rest: Sequence[str]) -> str:
    if not rest:
        raise CommandUnclear("Which check shall I explain?", _write(Word.EXPLAIN, ", such as explain PDB001"))
    if not _CODE.fullmatch(rest[0]):
        raise CommandUnclear(f"{shown(rest[0])} is not the code of a check.", "A code looks like PDB001.")
    return rest[0].upper()


# -- one cluster ------------------------------------------------------------------------------------------------------


@dataclass
class _Options:
    """What stands behind the name of a cluster."""

    target: KubernetesVersion | None = None
    scope: Scope | None = None
    node_policy: NodePolicy | None = None
    when: When | None = None


def _cluster_command(word: PlanWord, rest: Sequence[str]) -> ClusterCommand:
    if not rest or _begins_with_an_option(word, rest):
        raise CommandUnclear(f"Which cluster shall I {word}?", _write(word), lacks="cluster")
    cluster, found = _cluster(rest[0]), _options(word, rest[1:])
    return ClusterCommand(word, cluster, found.target, found.scope or Scope.ALL, found.node_policy, found.when)


def _begins_with_an_option(word: PlanWord, rest: Sequence[str]) -> bool:
    """Whether the cluster was forgotten; a cluster may be named ``to`` as well."""
    first, more = rest[0].lower(), [one.lower() for one in rest[1:]]
    if word is Word.SCHEDULE and first in _STARTS:
        return bool(more) and more[0] not in (*_OPTIONS, *_STARTS)
    return first in _OPTIONS and len(more) == 1


def _options(word: PlanWord, rest: Sequence[str]) -> _Options:
    known = (*_OPTIONS, *_STARTS) if word is Word.SCHEDULE else _OPTIONS
    found, seen, left = _Options(), set[str](), list(rest)
    while left:
        name, left = left[0].lower(), left[1:]
        if name not in known:
            raise _not_here(word, rest[-len(left) - 1], known)
        name_seen = "the start" if name in _STARTS else name
        if name_seen in seen:
            raise CommandUnclear(f"{name_seen} is there twice.", _write(word))
        seen.add(name_seen)
        if not left:
            raise CommandUnclear(f"Something is missing behind {name}.", _write(word))
        left = left[_take(found, word, name, left) :]
    return found


def _not_here(word: Word, typed: str, known: Sequence[str]) -> CommandUnclear:
    """A word that is none of these; a version and a time say by themselves what they are."""
    short = typed.lower()
    close = near(short, known, cutoff=0.5)
    if _VERSION.fullmatch(short):
        close = (f"to {short}",)
    elif "at" in known and looks_like_time(short):
        close = (f"at {short}",)
    hint = _write(word, f".{meant(close)}")
    return CommandUnclear(f"I do not know {shown(typed)} here.", hint, typed=typed, instead=close)


def _take(found: _Options, word: PlanWord, name: str, rest: Sequence[str]) -> int:
    """Read what stands behind an option; gives how many words that was."""
    if name in _STARTS:
        found.when, used = _start(word, name, rest, (*_OPTIONS, *_STARTS))
        return used
    if name == "to":
        found.target = _version(rest[0])
    elif name == "only":
        found.scope = _choice(Scope, rest[0], "a scope")
    else:
        found.node_policy = _choice(NodePolicy, rest[0], "a node policy")
    return 1


def _version(typed: str) -> KubernetesVersion:
    try:
        return KubernetesVersion.parse(typed)
    except ValueError:
        raise CommandUnclear(
            f"{shown(typed)} is not a Kubernetes version.", "Write a minor version, like: to 1.36"
        ) from None


def _choice(kind: type[Kind], typed: str, what: str) -> Kind:
    try:
        return kind(typed.lower())
    except ValueError:
        allowed = f"Allowed: {', '.join(kind)}.{nearest(typed, tuple(kind))}"
        raise CommandUnclear(
            f"{shown(typed)} is not {what}.", allowed, typed=typed, instead=nearest_first(typed, tuple(kind))
        ) from None


# -- when -------------------------------------------------------------------------------------------------------------


def _start(word: Word, name: str, rest: Sequence[str], ends: Sequence[str] = ()) -> tuple[When, int]:
    """``at TIME`` or ``in the next window``, and how many words stand behind the first."""
    if name == "at":
        return read_time(rest, ends)
    for said in (("the", "next", "window"), ("next", "window")):
        if tuple(one.lower() for one in rest[: len(said)]) == said:
            return NextWindow(), len(said)
    unknown = f"in {rest[0]}"
    hint = _write(word, ". Did you mean in the next window?")
    raise CommandUnclear(f"I do not know {shown(unknown)}.", hint, typed=unknown, instead=("in the next window",))


def _reschedule(rest: Sequence[str]) -> RescheduleCommand:
    word = Word.RESCHEDULE
    subject, left = _subject(word, rest), rest[1:]
    if not left:
        return RescheduleCommand(subject)
    name, left = left[0].lower(), left[1:]
    if name == "now":
        _nothing_more(word, left)
        return RescheduleCommand(subject, Now())
    if name not in _STARTS:
        raise _not_here(word, rest[1], (*_STARTS, "now"))
    if not left:
        raise CommandUnclear(f"Something is missing behind {name}.", _write(word))
    when, used = _start(word, name, left)
    _nothing_more(word, left[used:])
    return RescheduleCommand(subject, when)


def _mute(subject: str, rest: Sequence[str]) -> MuteCommand:
    if not rest:
        return MuteCommand(subject)
    _nothing_more(Word.MUTE, rest[1:])
    found = _LASTS.fullmatch(rest[0].lower())
    if found is None:
        quiet = f"{shown(rest[0])} is no time to be quiet for."
        raise CommandUnclear(quiet, "Write one such as 30m or 2h.", typed=rest[0], instead=("30m", "2h"))
    return MuteCommand(subject, timedelta(**{_UNITS[found[2]]: int(found[1])}))


def _note(subject: str, rest: Sequence[str]) -> NoteCommand:
    if not rest:
        raise CommandUnclear("What shall I note?", _write(Word.NOTE))
    return NoteCommand(subject, " ".join(rest))


def _break_glass(subject: str, rest: Sequence[str]) -> BreakGlassCommand:
    if not rest:
        raise CommandUnclear("Why can it not wait for an approval?", _write(Word.BREAK_GLASS))
    return BreakGlassCommand(subject, " ".join(rest))


def _lift(rest: Sequence[str], text: str) -> LiftCommand:
    """``FREEZE`` is one word, or several in quotation marks; all behind it is the reason."""
    subject = _subject(Word.LIFT, rest)
    behind = text.split(maxsplit=2)[2:]
    found = _QUOTED.fullmatch(behind[0]) if behind else None
    if found is not None:
        freeze, reason = next(one for one in found.groups()[:3] if one), found[4]
    else:
        freeze, _, reason = " ".join(rest[1:]).partition(" ")
    freeze, reason = " ".join(freeze.split()), " ".join(reason.split())
    if not freeze:
        raise CommandUnclear(
            "Which freeze shall I lift?", _write(Word.LIFT, ', such as lift prod-eu "year end" agreed')
        )
    if not reason:
        raise CommandUnclear(f"Why shall {shown(freeze)} be lifted?", _write(Word.LIFT))
    return LiftCommand(subject, freeze, reason)
