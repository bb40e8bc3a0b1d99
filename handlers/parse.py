"""What a person typed behind `/eks-upgrade` or a mention: text in, one frozen command out, or a clear refusal."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, TypeVar

from upgrade.errors import UpgradeError
from upgrade.plan import NodePolicy, Scope
from upgrade.versions import KubernetesVersion

Kind = TypeVar("Kind", bound=StrEnum)
LONGEST_TEXT: Final = 500
_CLUSTER = re.compile(r"(?:[0-9]{12}/[a-z0-9-]{1,40}/)?[0-9A-Za-z][0-9A-Za-z_-]{0,99}")
_CODE = re.compile(r"[A-Za-z]{3}[0-9]{3}")
_SUBJECT = re.compile(r"[0-9A-Za-z][0-9A-Za-z_/-]{0,199}")


class CommandUnclear(UpgradeError):
    """The text is no command. The message names the word; the hint says what is allowed."""


class Word(StrEnum):
    """The first word of a command; the service method and the action id are the same word."""

    HELP = "help"
    CLUSTERS = "clusters"
    CHECK = "check"
    PLAN = "plan"
    START = "start"
    STATUS = "status"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    RECHECK = "recheck"
    ABORT = "abort"
    HISTORY = "history"
    EXPLAIN = "explain"


LookWord = Literal[Word.HELP, Word.CLUSTERS, Word.STATUS]
PlanWord = Literal[Word.CHECK, Word.PLAN, Word.START]
RunWord = Literal[Word.PAUSE, Word.RESUME, Word.RETRY, Word.RECHECK, Word.ABORT]

_LOOK: Final[tuple[LookWord, ...]] = (Word.HELP, Word.CLUSTERS, Word.STATUS)
_PLAN: Final[tuple[PlanWord, ...]] = (Word.CHECK, Word.PLAN, Word.START)
RUN_WORDS: Final[tuple[RunWord, ...]] = (Word.PAUSE, Word.RESUME, Word.RETRY, Word.RECHECK, Word.ABORT)
_BUTTONS_ONLY: Final = ("approve", "reject", "waive", "confirm")
_OPTIONS: Final = ("to", "only", "nodes")


@dataclass(frozen=True, slots=True)
class OpenDialog:
    """No word at all: the same by filling in a form."""

    def __str__(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Look:
    word: LookWord

    def __str__(self) -> str:
        return self.word.value


@dataclass(frozen=True, slots=True)
class ClusterCommand:
    """``check``, ``plan`` or ``start`` CLUSTER [to V] [only SCOPE] [nodes POLICY]."""

    word: PlanWord
    cluster: str
    target: KubernetesVersion | None = None
    scope: Scope = Scope.ALL
    node_policy: NodePolicy | None = None

    def __str__(self) -> str:
        words = [self.word.value, self.cluster]
        if self.target is not None:
            words += ["to", str(self.target)]
        if self.scope is not Scope.ALL:
            words += ["only", self.scope.value]
        if self.node_policy is not None:
            words += ["nodes", self.node_policy.value]
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class RunCommand:
    """A word that steers a run, which is named by its id or by its cluster."""

    word: RunWord
    subject: str

    def __str__(self) -> str:
        return f"{self.word.value} {self.subject}"


@dataclass(frozen=True, slots=True)
class HistoryCommand:
    cluster: str | None = None

    def __str__(self) -> str:
        return f"history {self.cluster}" if self.cluster else "history"


@dataclass(frozen=True, slots=True)
class ExplainCommand:
    """What the check with this code is about."""

    code: str

    def __str__(self) -> str:
        return f"explain {self.code}"


Command = OpenDialog | Look | ClusterCommand | RunCommand | HistoryCommand | ExplainCommand


def parse(text: str) -> Command:
    """Read the text behind the slash command. Raises CommandUnclear, and nothing else, for whatever is no command."""
    if len(text) > LONGEST_TEXT:
        raise CommandUnclear(
            f"That is {len(text)} characters long; a command has at most {LONGEST_TEXT}.",
            "For example: start prod-eu to 1.36",
        )
    words = text.split()
    if not words:
        return OpenDialog()
    word, rest = _first_word(words[0]), words[1:]
    if word in _LOOK:
        _nothing_more(word, rest)
        return Look(word)
    if word in _PLAN:
        return _cluster_command(word, rest)
    if word in RUN_WORDS:
        return RunCommand(word, _subject(word, rest))
    _nothing_more(word, rest[1:])
    if word is Word.EXPLAIN:
        return ExplainCommand(_code(rest))
    return HistoryCommand(_cluster(rest[0]) if rest else None)


def parse_in_thread(text: str) -> RunWord:
    """Read a mention inside a run's thread, such as ``<@U0BOT> pause``. Raises CommandUnclear."""
    words = [word for word in text[:LONGEST_TEXT].split() if not word.startswith("<@")]
    allowed = ", ".join(RUN_WORDS)
    if len(words) != 1:
        raise CommandUnclear("In the thread of a run, mention me with one word.", f"I know: {allowed}.")
    for word in RUN_WORDS:
        if words[0].lower() == word:
            return word
    raise CommandUnclear(
        f"{shown(words[0])} does not steer a run.", f"I know: {allowed}.{_nearest(words[0], RUN_WORDS)}"
    )


def shown(word: str) -> str:
    """A word as it can be repeated to a person: quoted, short, and with whatever is invisible spelled out."""
    short = word if len(word) <= 40 else word[:39] + "…"
    return f"“{short}”" if short.isprintable() else f"“{ascii(short)[1:-1]}”"


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
        hint = _nearest(word, tuple(Word))
        raise CommandUnclear(f"I do not know {shown(typed)}.", f"I know: {', '.join(Word)}.{hint}") from None


def _nearest(typed: str, words: Sequence[str], *, cutoff: float = 0.6) -> str:
    close = difflib.get_close_matches(typed.lower()[:40], words, n=1, cutoff=cutoff)
    return f" Did you mean {close[0]}?" if close else ""


def _nothing_more(word: Word, rest: Sequence[str]) -> None:
    if rest:
        raise CommandUnclear(f"{shown(rest[0])} is too much.", f"Write: {USAGE[word]}")


def _cluster(typed: str) -> str:
    if not _CLUSTER.fullmatch(typed):
        raise CommandUnclear(
            f"{shown(typed)} cannot be the name of an EKS cluster.",
            "Write its name (letters, digits, - and _) or account/region/name.",
        )
    return typed


def _subject(word: Word, rest: Sequence[str]) -> str:
    if not rest:
        raise CommandUnclear(f"Which run shall I {word}?", f"Write: {USAGE[word]}")
    _nothing_more(word, rest[1:])
    if not _SUBJECT.fullmatch(rest[0]):
        raise CommandUnclear(f"{shown(rest[0])} is neither a run nor a cluster.", f"Write: {USAGE[word]}")
    return rest[0]


def _code(rest: Sequence[str]) -> str:
    if not rest:
        raise CommandUnclear("Which check shall I explain?", f"Write: {USAGE[Word.EXPLAIN]}, such as explain PDB001")
    if not _CODE.fullmatch(rest[0]):
        raise CommandUnclear(f"{shown(rest[0])} is not the code of a check.", "A code looks like PDB001.")
    return rest[0].upper()


def _cluster_command(word: PlanWord, rest: Sequence[str]) -> ClusterCommand:
    if not rest or (rest[0].lower() in _OPTIONS and len(rest) == 2):
        raise CommandUnclear(f"Which cluster shall I {word}?", f"Write: {USAGE[word]}")
    cluster = _cluster(rest[0])
    options = _options(word, rest[1:])
    try:
        target = KubernetesVersion.parse(options["to"]) if "to" in options else None
    except ValueError:
        raise CommandUnclear(
            f"{shown(options['to'])} is not a Kubernetes version.", "Write a minor version, like: to 1.36"
        ) from None
    scope = _choice(Scope, options["only"], "a scope") if "only" in options else Scope.ALL
    policy = _choice(NodePolicy, options["nodes"], "a node policy") if "nodes" in options else None
    return ClusterCommand(word, cluster, target, scope, policy)


def _options(word: PlanWord, rest: Sequence[str]) -> Mapping[str, str]:
    options: dict[str, str] = {}
    index = 0
    while index < len(rest):
        name = rest[index].lower()
        if name not in _OPTIONS:
            version = re.fullmatch(r"v?\d{1,2}\.\d{1,3}", name)
            hint = f" Did you mean to {name}?" if version else _nearest(name, _OPTIONS, cutoff=0.5)
            raise CommandUnclear(f"I do not know {shown(rest[index])} here.", f"Write: {USAGE[word]}.{hint}")
        if name in options:
            raise CommandUnclear(f"{name} is there twice.", f"Write: {USAGE[word]}")
        if index + 1 == len(rest):
            raise CommandUnclear(f"Something is missing behind {name}.", f"Write: {USAGE[word]}")
        options[name] = rest[index + 1]
        index += 2
    return options


def _choice(kind: type[Kind], typed: str, what: str) -> Kind:
    try:
        return kind(typed.lower())
    except ValueError:
        raise CommandUnclear(
            f"{shown(typed)} is not {what}.", f"Allowed: {', '.join(kind)}.{_nearest(typed, tuple(kind))}"
        ) from None


_REQUEST = "CLUSTER [to VERSION] [only SCOPE] [nodes POLICY]"
USAGE: Final[Mapping[Word, str]] = {
    Word.HELP: "help",
    Word.CLUSTERS: "clusters",
    Word.CHECK: f"check {_REQUEST}",
    Word.PLAN: f"plan {_REQUEST}",
    Word.START: f"start {_REQUEST}",
    Word.STATUS: "status",
    Word.PAUSE: "pause RUN|CLUSTER",
    Word.RESUME: "resume RUN|CLUSTER",
    Word.RETRY: "retry RUN|CLUSTER",
    Word.RECHECK: "recheck RUN|CLUSTER",
    Word.ABORT: "abort RUN|CLUSTER",
    Word.HISTORY: "history [CLUSTER]",
    Word.EXPLAIN: "explain CODE",
}
