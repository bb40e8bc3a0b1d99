"""The next move after a refusal or where there is nothing to show: commands that would be understood here. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import Final

from handlers.own import Own
from handlers.parse import parse
from handlers.views.buttons import applicable
from handlers.words import (
    RUN_WORDS,
    ClusterCommand,
    Command,
    CommandUnclear,
    HistoryCommand,
    Look,
    MuteCommand,
    OpenDialog,
    RescheduleCommand,
    RunsCommand,
    StatusCommand,
    Word,
    opens_a_form,
)
from upgrade.eks import ClusterId
from upgrade.errors import (
    AmbiguousCluster,
    DecisionOutdated,
    FactUnknown,
    NotAllowed,
    NothingToDo,
    NotNow,
    PermanentError,
    RunChanged,
    RunInProgress,
    StillLooking,
    TargetNotOffered,
    TemporaryError,
    UnknownCheck,
    UnknownCluster,
    UnknownRun,
    UpgradeError,
)
from upgrade.plan import Scope
from upgrade.run import UpgradeRun
from upgrade.verbs import LONGEST_MUTE, MUTED

#: So many buttons that a phone still shows the sentence above them.
MOST: Final = 5
_ALIKE: Final = 4
#: They end something: a form, or a person who types them.
_FINAL: Final = (Word.ABORT, Word.CANCEL)


@dataclass(frozen=True, slots=True)
class Move:
    """A command that a button types. ``label``: the command itself where nothing says it better."""

    text: str
    label: str = ""


def moves_of(error: Exception, typed: str, own: Own) -> tuple[Move, ...]:
    """What can be done instead of what was typed, the likeliest first; each is a command that is understood.

    Args:
        typed: the command that was refused; empty when it came from a button that stands for none.
    """
    found = dict.fromkeys(_next(error, " ".join(typed.split()), own))
    return tuple(islice((one for one in found if one.text != typed or one.label), MOST))


def _next(error: Exception, typed: str, own: Own) -> Iterator[Move]:
    if isinstance(error, CommandUnclear):
        yield from _understood(_corrected(error, typed, own))
        known = error.word not in (None, Word.HELP)
        yield Move(f"{Word.HELP} {error.word}" if known else Word.HELP.value)
        return
    wanted = _read(typed)
    if isinstance(wanted, ClusterCommand | HistoryCommand):
        yield from _understood(_about_a_cluster(error, wanted, own))
    elif isinstance(wanted, RunsCommand):
        yield from _understood(_about_a_run(error, wanted, own))
    if isinstance(error, UnknownCheck):
        yield from _understood(f"{Word.EXPLAIN} {one}" for one in error.instead)
    yield from _always(error, wanted)


def _always(error: Exception, wanted: Command | None) -> Iterator[Move]:
    """What helps whatever it was about."""
    again = isinstance(error, TemporaryError | PermanentError | FactUnknown | RunChanged | StillLooking)
    looks = isinstance(wanted, ClusterCommand) and wanted.word in (Word.CHECK, Word.PLAN)
    if (
        wanted is not None
        and not isinstance(wanted, StatusCommand)
        and (again or (looks and not isinstance(error, UpgradeError)))
    ):
        yield Move(str(wanted), "Try again")
    if isinstance(error, NotNow | DecisionOutdated | RunChanged) and isinstance(wanted, StatusCommand):
        yield Move(str(wanted), "Look at the run")
    if isinstance(error, UnknownCluster | AmbiguousCluster):
        yield Move(Word.CLUSTERS.value)
    elif isinstance(error, NotAllowed):
        yield Move(f"{Word.HELP} {word}" if (word := _word_of(wanted)) else Word.HELP.value)
    elif isinstance(error, UpgradeError) and not isinstance(wanted, Look):
        yield Move(Word.STATUS.value)


def _read(typed: str) -> Command | None:
    try:
        return parse(typed)
    except CommandUnclear:
        return None


def _understood(texts: Iterable[str]) -> Iterator[Move]:
    for text in texts:
        wanted = _read(text)
        if wanted is not None and not isinstance(wanted, OpenDialog):
            yield Move(text, "Pick a time…" if opens_a_form(wanted) else "")


def _word_of(wanted: Command | None) -> Word | None:
    """The word of a command. ``str`` writes it first."""
    text = str(wanted) if wanted is not None else ""
    return next((word for word in Word if text == word or text.startswith(f"{word} ")), None)


# -- a text that was not understood -----------------------------------------------------------------------------------


def _corrected(error: CommandUnclear, typed: str, own: Own) -> Iterator[str]:
    if error.typed:
        yield from (_put(typed, error.typed, one, first=error.word is None) for one in error.instead[:_ALIKE])
    if error.lacks and error.word:
        known = own.clusters if error.lacks == "cluster" else _subjects(error.word, own)
        for name in known[:_ALIKE]:
            if error.typed:
                yield _put(typed, error.typed, name)
            else:
                yield f"{error.word} {name} {typed[len(error.word) :].strip()}".strip()
    if error.word in (Word.SCHEDULE, Word.RESCHEDULE) and not error.lacks:
        yield _without_a_time(typed)


def _put(text: str, old: str, new: str, *, first: bool = False) -> str:
    """The text with other words in the place of those that were wrong: the last of them, or the first."""
    words, wrong = text.split(), old.split()
    places = [n for n in range(len(words)) if words[n : n + len(wrong)] == wrong]
    if not places:
        return ""
    at = places[0] if first else places[-1]
    return " ".join([*words[:at], *new.split(), *words[at + len(wrong) :]])


def _without_a_time(text: str) -> str:
    """A command without its start, so that a form asks for one."""
    words = text.split()
    starts = [n for n, word in enumerate(words) if n > 1 and word.lower() in ("at", "in")]
    return " ".join(words[: starts[0]]) if starts else ""


def _subjects(word: Word, own: Own) -> Sequence[str]:
    """Runs that take the word now; a word that looks takes all."""
    takes = [run for run in own.runs if word not in RUN_WORDS or word in _words_for(run)]
    return [own.name_of(run) for run in takes or own.runs]


# -- a command that is not possible -----------------------------------------------------------------------------------


def _about_a_cluster(error: Exception, wanted: ClusterCommand | HistoryCommand, own: Own) -> Iterator[str]:
    if isinstance(error, UnknownCluster | AmbiguousCluster):
        yield from (str(replace(wanted, cluster=name)) for name in error.instead[:_ALIKE])
    if isinstance(wanted, HistoryCommand):
        return
    if isinstance(error, TargetNotOffered | NothingToDo):
        bare = replace(wanted, target=None)
        yield from (f"{bare.word} {bare.cluster} to {one}{_behind(bare)}" for one in error.instead[:_ALIKE])
        if wanted.scope is not Scope.ALL:
            yield from (str(replace(wanted, target=None)), str(replace(wanted, scope=Scope.ALL)))
    elif isinstance(error, NotAllowed):
        yield from (str(replace(wanted, word=word, when=None)) for word in (Word.PLAN, Word.CHECK))
    elif isinstance(error, NotNow) and wanted.word is Word.SCHEDULE:
        yield str(replace(wanted, when=None))
    elif isinstance(error, RunInProgress):
        run = own.run_of(error.run_id)
        yield from _steering(run, own) if run else ()


def _behind(wanted: ClusterCommand) -> str:
    """What stands behind the version."""
    return str(wanted).removeprefix(f"{wanted.word} {wanted.cluster}")


def _about_a_run(error: Exception, wanted: RunsCommand, own: Own) -> Iterator[str]:
    subject = wanted.subject
    if isinstance(error, UnknownRun | UnknownCluster | AmbiguousCluster):
        word = _word_of(wanted)
        known = _subjects(word, own) if word else ()
        names = [one for one in error.instead if one in known or one not in own.clusters]
        if isinstance(wanted, RescheduleCommand) and subject in own.clusters:
            yield _for_the_first_time(wanted)
        yield from (_with_subject(wanted, name) for name in (names or known)[:_ALIKE])
        if subject in own.clusters:
            yield from (f"{Word.PLAN} {subject}", f"{Word.HISTORY} {subject}")
    elif isinstance(error, NotNow):
        if isinstance(wanted, RescheduleCommand) and wanted.when is not None:
            yield str(replace(wanted, when=None))
        if isinstance(wanted, MuteCommand) and not timedelta(0) < wanted.lasts <= LONGEST_MUTE:
            # Only its length was wrong: nothing that steers the run is meant.
            yield str(replace(wanted, lasts=MUTED))
        elif run := own.run_of(subject):
            yield from (one for one in _steering(run, own) if one != str(wanted))
        elif subject in own.clusters:
            yield from (f"{Word.HISTORY} {subject}", f"{Word.PLAN} {subject}")


def _for_the_first_time(wanted: RescheduleCommand) -> str:
    """The command that gives a cluster the start that was typed, when it has no run yet."""
    start = str(wanted).removeprefix(f"{Word.RESCHEDULE} {wanted.subject}")
    now = start.strip() == "now"
    return f"{Word.START} {wanted.subject}" if now else f"{Word.SCHEDULE} {wanted.subject}{start}"


def _with_subject(wanted: RunsCommand, name: str) -> str:
    return str(replace(wanted, subject=name))


def _steering(run: UpgradeRun, own: Own) -> Iterator[str]:
    """What the run takes now, but for what would end it."""
    yield from (f"{word} {own.name_of(run)}" for word in _words_for(run) if word not in _FINAL)


def _words_for(run: UpgradeRun) -> list[Word]:
    actions = {action.verb for action in applicable(run)}
    return [word for word in (*RUN_WORDS, Word.RESCHEDULE) if word in actions]


# -- nothing to show --------------------------------------------------------------------------------------------------


def first_moves(own: Own, *others: Word, about: ClusterId | None = None, word: Word | None = None) -> tuple[Move, ...]:
    """What to do first where nothing has happened yet.

    Args:
        others: words that need no cluster.
        about: the cluster to begin with; None: one that may be upgraded.
        word: the word to begin with; None: a look, which changes nothing.
    """
    free = [one for one in own.clusters if one in own.changeable] or list(own.clusters)
    first = [own.names[about]] if about is not None and about in own.names else free[:1]
    texts = (f"{one} {name}" for name in first for one in ((word,) if word else (Word.CHECK, Word.PLAN)))
    return (*_understood(texts), *(Move(one.value) for one in others))
