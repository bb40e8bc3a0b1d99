"""What a person can say behind `/eks-upgrade`: the words, and a frozen command for each way to use them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, TypeGuard

from upgrade.errors import UpgradeError
from upgrade.plan import NodePolicy, Scope
from upgrade.records import Form
from upgrade.verbs import MUTED
from upgrade.versions import KubernetesVersion

if TYPE_CHECKING:
    from handlers.when import When


class CommandUnclear(UpgradeError):
    """The text is no command. The message names the word; the hint says what is allowed.

    Args:
        typed: what was not understood, as it stands in the text; ``instead`` may take its place.
        lacks: what was left out.
    """

    #: The first word of the text, once it is known.
    word: Word | None = None

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        typed: str = "",
        instead: Iterable[object] = (),
        lacks: Literal["", "cluster", "run"] = "",
    ) -> None:
        super().__init__(message, hint, instead=instead)
        self.typed = typed
        self.lacks = lacks


class Word(StrEnum):
    """The first word of a command; the service method and the action id are the same word."""

    HELP = "help"
    CLUSTERS = "clusters"
    CHECK = "check"
    PLAN = "plan"
    START = "start"
    SCHEDULE = "schedule"
    RESCHEDULE = "reschedule"
    CANCEL = "cancel"
    CALENDAR = "calendar"
    DIGEST = "digest"
    STATUS = "status"
    EXPORT = "export"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    RECHECK = "recheck"
    ABORT = "abort"
    LIFT = "lift"
    BREAK_GLASS = "break-glass"
    ACKNOWLEDGE = "acknowledge"
    TAKE_OVER = "take over"
    MUTE = "mute"
    NOTE = "note"
    PREVIEW = "preview"
    HISTORY = "history"
    EXPLAIN = "explain"


LookWord = Literal[Word.CLUSTERS, Word.CALENDAR, Word.DIGEST, Word.STATUS]
PlanWord = Literal[Word.CHECK, Word.PLAN, Word.START, Word.SCHEDULE]
RunWord = Literal[
    Word.CANCEL,
    Word.PAUSE,
    Word.RESUME,
    Word.RETRY,
    Word.RECHECK,
    Word.ABORT,
    Word.ACKNOWLEDGE,
    Word.TAKE_OVER,
]

LOOK_WORDS: Final[tuple[LookWord, ...]] = (Word.CLUSTERS, Word.CALENDAR, Word.DIGEST, Word.STATUS)
PLAN_WORDS: Final[tuple[PlanWord, ...]] = (Word.CHECK, Word.PLAN, Word.START, Word.SCHEDULE)
RUN_WORDS: Final[tuple[RunWord, ...]] = (
    Word.CANCEL,
    Word.PAUSE,
    Word.RESUME,
    Word.RETRY,
    Word.RECHECK,
    Word.ABORT,
    Word.ACKNOWLEDGE,
    Word.TAKE_OVER,
)

_REQUEST: Final = "CLUSTER [to VERSION] [only SCOPE] [nodes POLICY]"
_START: Final = "at TIME | in the next window"
USAGE: Final[Mapping[Word, str]] = {
    Word.HELP: "help [WORD]",
    Word.CLUSTERS: "clusters",
    Word.CHECK: f"check {_REQUEST}",
    Word.PLAN: f"plan {_REQUEST}",
    Word.START: f"start {_REQUEST}",
    Word.SCHEDULE: f"schedule {_REQUEST} [{_START}]",
    Word.RESCHEDULE: f"reschedule RUN|CLUSTER [{_START} | now]",
    Word.CANCEL: "cancel RUN|CLUSTER",
    Word.CALENDAR: "calendar",
    Word.DIGEST: "digest",
    Word.STATUS: "status [RUN|CLUSTER]",
    Word.EXPORT: "export RUN|CLUSTER [FORMAT]",
    Word.PAUSE: "pause RUN|CLUSTER",
    Word.RESUME: "resume RUN|CLUSTER",
    Word.RETRY: "retry RUN|CLUSTER",
    Word.RECHECK: "recheck RUN|CLUSTER",
    Word.ABORT: "abort RUN|CLUSTER",
    Word.LIFT: "lift RUN|CLUSTER FREEZE REASON",
    Word.BREAK_GLASS: "break-glass RUN|CLUSTER REASON",
    Word.ACKNOWLEDGE: "acknowledge RUN|CLUSTER",
    Word.TAKE_OVER: "take over RUN|CLUSTER",
    Word.MUTE: "mute RUN|CLUSTER [LENGTH]",
    Word.NOTE: "note RUN|CLUSTER TEXT",
    Word.PREVIEW: "preview RUN|CLUSTER",
    Word.HISTORY: "history [CLUSTER]",
    Word.EXPLAIN: "explain CODE",
}


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
    """``check``, ``plan``, ``start`` or ``schedule`` CLUSTER [to V] [only SCOPE] [nodes POLICY].

    ``when``: for ``schedule``; None asks with a form.
    """

    word: PlanWord
    cluster: str
    target: KubernetesVersion | None = None
    scope: Scope = Scope.ALL
    node_policy: NodePolicy | None = None
    when: When | None = None

    def __str__(self) -> str:
        words = [self.word.value, self.cluster]
        if self.target is not None:
            words += ["to", str(self.target)]
        if self.scope is not Scope.ALL:
            words += ["only", self.scope.value]
        if self.node_policy is not None:
            words += ["nodes", self.node_policy.value]
        if self.when is not None:
            words.append(str(self.when))
        return " ".join(words)


@dataclass(frozen=True, slots=True)
class RunCommand:
    """A word that steers a run, which is named by its id or by its cluster."""

    word: RunWord
    subject: str

    def __str__(self) -> str:
        return f"{self.word.value} {self.subject}"


@dataclass(frozen=True, slots=True)
class RescheduleCommand:
    """Another start for a run. ``when`` None asks with a form."""

    subject: str
    when: When | None = None

    def __str__(self) -> str:
        return f"reschedule {self.subject} {self.when or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class LiftCommand:
    """Let a run go on in a freeze."""

    subject: str
    freeze: str
    reason: str

    def __str__(self) -> str:
        return f'lift {self.subject} "{self.freeze}" {self.reason}'


@dataclass(frozen=True, slots=True)
class BreakGlassCommand:
    """Open a gate alone, in an emergency."""

    subject: str
    reason: str

    def __str__(self) -> str:
        return f"break-glass {self.subject} {self.reason}"


@dataclass(frozen=True, slots=True)
class MuteCommand:
    """No more calls of what is known, for so long; ``subject`` is empty in the thread of a run."""

    subject: str
    lasts: timedelta = MUTED

    def __str__(self) -> str:
        return f"mute {self.subject} {int(self.lasts.total_seconds()) // 60}m"


@dataclass(frozen=True, slots=True)
class NoteCommand:
    """Something for the story of a run; ``subject`` is empty in its thread."""

    subject: str
    text: str

    def __str__(self) -> str:
        return f"note {self.subject} {self.text}"


@dataclass(frozen=True, slots=True)
class PreviewCommand:
    """The notice of a run, for the one who asks."""

    subject: str

    def __str__(self) -> str:
        return f"preview {self.subject}"


@dataclass(frozen=True, slots=True)
class StatusCommand:
    """How one run stands."""

    subject: str

    def __str__(self) -> str:
        return f"status {self.subject}"


@dataclass(frozen=True, slots=True)
class ExportCommand:
    """The audit pack of a run."""

    subject: str
    form: Form = Form.HTML

    def __str__(self) -> str:
        return f"export {self.subject} {self.form}"


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


@dataclass(frozen=True, slots=True)
class HelpCommand:
    """What a word means; None: what there is."""

    word: Word | None = None

    def __str__(self) -> str:
        return f"help {self.word or ''}".rstrip()


#: They name a run, or its cluster, as their ``subject``.
RunsCommand = (
    RunCommand
    | RescheduleCommand
    | LiftCommand
    | BreakGlassCommand
    | MuteCommand
    | NoteCommand
    | PreviewCommand
    | StatusCommand
    | ExportCommand
)
Command = OpenDialog | HelpCommand | Look | ClusterCommand | RunsCommand | HistoryCommand | ExplainCommand


def asks_when(wanted: Command) -> TypeGuard[ClusterCommand | RescheduleCommand]:
    """Whether it is about a start, which may be left open."""
    schedules = isinstance(wanted, ClusterCommand) and wanted.word is Word.SCHEDULE
    return schedules or isinstance(wanted, RescheduleCommand)


def opens_a_form(wanted: Command) -> bool:
    """Whether a form asks for the rest."""
    return wanted.when is None if asks_when(wanted) else isinstance(wanted, OpenDialog)


def shown(word: str) -> str:
    """A word as it can be repeated to a person: quoted, short, and with whatever is invisible spelled out."""
    short = word if len(word) <= 40 else word[:39] + "…"
    return f"“{short}”" if short.isprintable() else f"“{ascii(short)[1:-1]}”"


def near(typed: str, words: Sequence[str], *, cutoff: float = 0.6) -> tuple[str, ...]:
    """The word that is near, if one is; of words that begin with what was typed (two letters at least), the nearest."""
    short = typed.lower()[:40]
    begun = [word for word in words if len(short) > 1 and word.startswith(short)]
    return tuple(difflib.get_close_matches(short, begun or words, n=1, cutoff=0 if begun else cutoff))


def meant(words: Sequence[str]) -> str:
    """`` Did you mean start?``, or nothing when no word is near."""
    return f" Did you mean {words[0]}?" if words else ""


def nearest(typed: str, words: Sequence[str]) -> str:
    """What is near, as a question."""
    return meant(near(typed, words))
