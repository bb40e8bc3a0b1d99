"""What every word means, in one place: help in Slack, docs/commands.md and the help of a shell say the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from handlers.own import Own
from handlers.parse import parse
from handlers.words import USAGE, CommandUnclear, Word
from upgrade.plan import NodePolicy, Scope
from upgrade.ports import Verb
from upgrade.records import Form
from upgrade.roles import LOOK, roles_of

TIMES: Final = ("2026-11-24 22:00", "tomorrow 22:00", "fri 22:00 Europe/Berlin", "22:00 UTC")
#: What a capital word of a usage stands for.
PLACEHOLDERS: Final[Mapping[str, str]] = {
    "CLUSTER": "its name, or `account/region/name` where names repeat",
    "RUN": "its id, or as much of it as only one has",
    "VERSION": "a Kubernetes minor; left out, the next one. Several hops only when they are named",
    "SCOPE": ", ".join(f"`{one}`" for one in Scope),
    "POLICY": f"when nodes are rotated: {', '.join(f'`{one}`' for one in NodePolicy)}",
    "TIME": f"such as {', '.join(f'`{one}`' for one in TIMES)}; in your own zone unless it names one",
    "FREEZE": "its name, in quotation marks when it is several words",
    "REASON": "in your own words; it stands in the record",
    "TEXT": "whatever others should know",
    "CODE": "three letters and three digits, as a finding shows it",
    "WORD": "any word of `help`",
    "FORMAT": f"{', '.join(f'`{one}`' for one in Form)}; left out, `{Form.HTML}`",
    "LENGTH": "such as `30m` or `2h`; left out, one hour",
}
_PLACEHOLDER: Final = re.compile(r"[A-Z]{3,}")
_NO_CLUSTER: Final = "my-cluster"


@dataclass(frozen=True)
class Entry:
    """One word.

    Args:
        meaning: what it does, as a phrase.
        more: what else to know, in sentences.
        verb: what the roles are asked for; None when nobody is asked.
        examples: commands for these clusters and runs.
    """

    meaning: str
    more: str
    verb: Verb | None
    examples: Callable[[Own], list[str]]

    @property
    def sentence(self) -> str:
        return f"{self.meaning[0].upper()}{self.meaning[1:]}."


def _cluster(own: Own) -> str:
    """One that can be asked for now: it may be changed, and no run holds it."""
    held = {own.name_of(run) for run in own.runs}
    free = [one for one in own.clusters if one in own.changeable and one not in held]
    return next(iter((*free, *own.clusters)), _NO_CLUSTER)


def _subject(own: Own) -> str:
    """What names a run: its cluster."""
    return own.name_of(own.runs[0]) if own.runs else _cluster(own)


def _alone(word: Word) -> Callable[[Own], list[str]]:
    return lambda _: [word.value]


def _of_run(word: Word, behind: str = "") -> Callable[[Own], list[str]]:
    return lambda own: [f"{word} {_subject(own)} {behind}".strip()]


def _request(word: Word) -> Callable[[Own], list[str]]:
    def examples(own: Own) -> list[str]:
        cluster = _cluster(own)
        target = own.targets.get(cluster)
        return [f"{word} {cluster}", *([f"{word} {cluster} to {target}"] if target else [])]

    return examples


def _schedule(own: Own) -> list[str]:
    cluster = next((one for one in own.clusters if one in own.windowed & own.changeable), _cluster(own))
    window = [f"schedule {cluster} in the next window"] if cluster in own.windowed else []
    return [*window, f"schedule {cluster} at fri 22:00"]


def _reschedule(own: Own) -> list[str]:
    window = own.name_of(own.runs[0]) in own.windowed if own.runs else False
    return [f"reschedule {_subject(own)} {'in the next window' if window else 'at fri 22:00'}"]


def _lift(own: Own) -> list[str]:
    """With the freeze that the run has ahead; one with quotation marks in its name is left to the form."""
    names = [freeze.name for run in own.runs for freeze in run.policy.freezes]
    found = [one for one in names if _reads(f'lift {_subject(own)} "{one}" agreed', Word.LIFT)]
    return [f'lift {_subject(own)} "{next(iter(found), "year end")}" agreed with the shop']


def _explain(own: Own) -> list[str]:
    codes = [finding.code for run in own.runs if run.report for finding in run.report.findings]
    return [f"explain {next(iter(codes), 'PDB001')}"]


def _reads(text: str, word: Word) -> bool:
    try:
        wanted = parse(text)
    except CommandUnclear:
        return False
    return str(wanted).startswith(word.value)


MANUAL: Final[Mapping[Word, Entry]] = {
    Word.HELP: Entry(
        "what I understand",
        "With a word behind it: what that one does, who may use it, and an example for your own clusters.",
        None,
        lambda _: [f"help {Word.SCHEDULE}"],
    ),
    Word.CLUSTERS: Entry(
        "the configured clusters",
        "With the version that was last seen, and what only may be looked at.",
        "status",
        _alone(Word.CLUSTERS),
    ),
    Word.CHECK: Entry(
        "is the cluster ready? Changes nothing",
        "Only you see the answer; the whole report comes as a page in your messages with me.",
        "check",
        _request(Word.CHECK),
    ),
    Word.PLAN: Entry(
        "what would be done, in which order, how long. Changes nothing",
        "Only you see it. A button under it starts exactly that.",
        "plan",
        _request(Word.PLAN),
    ),
    Word.START: Entry(
        "begin an upgrade: check, plan, ask for approval, carry out",
        "Nothing is changed before it is approved and announced, and nothing outside of the cluster's windows.",
        "start",
        _request(Word.START),
    ),
    Word.SCHEDULE: Entry(
        "schedule an upgrade: checked and approved now, begun then",
        "At a time of your own zone, or in the next maintenance window. Without a time a form with a calendar opens.",
        "start",
        _schedule,
    ),
    Word.RESCHEDULE: Entry(
        "give a run that has not begun another start",
        "Its notice is changed, and it is announced anew. Without a time a form with a calendar opens.",
        "reschedule",
        _reschedule,
    ),
    Word.CANCEL: Entry(
        "call off a run that has not begun",
        "Its notice says so. What has begun is stopped with `abort`.",
        "abort",
        _of_run(Word.CANCEL),
    ),
    Word.CALENDAR: Entry(
        "the maintenances and freezes of the next 30 days",
        "By the days of your own time zone.",
        "status",
        _alone(Word.CALENDAR),
    ),
    Word.DIGEST: Entry(
        "whose support ends, what it costs, what EKS newly offers",
        "Every cluster is looked at now. It also comes by itself once a week.",
        "check",
        _alone(Word.DIGEST),
    ),
    Word.STATUS: Entry(
        "the runs that are not finished, or one run",
        "Each with a link to its thread, where its buttons are. Of one run a picture comes to your messages with me.",
        "status",
        lambda own: [Word.STATUS.value, f"{Word.STATUS} {_subject(own)}"],
    ),
    Word.EXPORT: Entry(
        "the audit pack of a run, to keep or to hand on",
        "A file in your messages with me: plan, approvals, waivers, events, calls of AWS; in `html` also the picture.",
        "status",
        lambda own: [f"{Word.EXPORT} {_subject(own)}", f"{Word.EXPORT} {_subject(own)} {Form.CSV}"],
    ),
    Word.PAUSE: Entry(
        "start nothing more; what is under way finishes",
        "`resume` goes on. Anybody of the workspace may.",
        "pause",
        _of_run(Word.PAUSE),
    ),
    Word.RESUME: Entry(
        "go on after a pause",
        "After a failed step it is `retry` that goes on.",
        "resume",
        _of_run(Word.RESUME),
    ),
    Word.RETRY: Entry(
        "try a failed step again",
        "What EKS has done already is not done twice.",
        "retry",
        _of_run(Word.RETRY),
    ),
    Word.RECHECK: Entry(
        "look at the cluster again",
        "For a run that is blocked, waits for the approval of its plan, or stands at a finding.",
        "recheck",
        _of_run(Word.RECHECK),
    ),
    Word.ABORT: Entry(
        "stop for good; what is under way finishes",
        "EKS cannot cancel an upgrade, so the update under way ends first; what is done stays done. Once work has "
        "begun it asks first, and shows what is left behind.",
        "abort",
        _of_run(Word.ABORT),
    ),
    Word.LIFT: Entry(
        "let a run go on in a freeze",
        "Counts for the people whom the freeze names, and for admins.",
        "lift",
        _lift,
    ),
    Word.BREAK_GLASS: Entry(
        "open the gate that waits alone, in an emergency",
        "Security is told. No check, notice or window is skipped, and the requester may too.",
        "break_glass",
        _of_run(Word.BREAK_GLASS, "its version runs out tonight"),
    ),
    Word.ACKNOWLEDGE: Entry(
        "I have seen what the run calls for",
        "It calls no more for that. Anybody of the workspace may.",
        "acknowledge",
        _of_run(Word.ACKNOWLEDGE),
    ),
    Word.TAKE_OVER: Entry(
        "take charge of a run, and be called from now on",
        "Until somebody else takes it over.",
        "take_over",
        _of_run(Word.TAKE_OVER),
    ),
    Word.MUTE: Entry(
        "no more calls of what is known, for an hour",
        "Or for as long as you say. What fails anew calls anyway.",
        "mute",
        _of_run(Word.MUTE, "2h"),
    ),
    Word.NOTE: Entry(
        "write something into the thread and record of a run",
        "Anybody of the workspace may.",
        "note",
        _of_run(Word.NOTE, "the disk was full, I made room"),
    ),
    Word.PREVIEW: Entry(
        "the notice of a run as it would read now",
        "For you alone, with what may be told under it later. Announces nothing.",
        "status",
        _of_run(Word.PREVIEW),
    ),
    Word.HISTORY: Entry(
        "the runs so far",
        "The newest first, with a link to each thread.",
        "status",
        lambda own: [Word.HISTORY.value, f"{Word.HISTORY} {_subject(own)}"],
    ),
    Word.EXPLAIN: Entry(
        "what a check looks at, why, and how to fix what it finds",
        "Needs no cluster.",
        None,
        _explain,
    ),
}


def placeholders_of(word: Word) -> dict[str, str]:
    """What the capital words of its usage stand for."""
    names = dict.fromkeys(_PLACEHOLDER.findall(USAGE[word]))
    return {name: PLACEHOLDERS[name] for name in names}


def who_may(verb: Verb | None) -> str:
    """The roles, for the end of a sentence; of a freeze, also whom it names."""
    if verb == "lift":
        return "the people whom the freeze names, and admin"
    roles = [one.replace("_", "-") for one in roles_of(verb)] if verb else []
    if not roles:
        return "everybody"
    *others, last = roles
    named = f"{', '.join(others)} and {last}" if others else last
    return f"{named}; everybody where no viewer is configured" if verb in LOOK else named


#: For help alone: the words by what people come for.
GROUPS: Final[Mapping[str, tuple[Word, ...]]] = {
    "To look": (
        Word.CLUSTERS,
        Word.CHECK,
        Word.PLAN,
        Word.EXPLAIN,
        Word.STATUS,
        Word.CALENDAR,
        Word.DIGEST,
        Word.HISTORY,
        Word.EXPORT,
        Word.PREVIEW,
    ),
    "To begin": (Word.START, Word.SCHEDULE, Word.RESCHEDULE, Word.CANCEL),
    "To steer a run": (Word.PAUSE, Word.RESUME, Word.RETRY, Word.RECHECK, Word.ABORT, Word.LIFT, Word.BREAK_GLASS),
    "When a run calls": (Word.ACKNOWLEDGE, Word.TAKE_OVER, Word.MUTE, Word.NOTE),
}


def commonest(own: Own, may: Callable[[Verb], bool]) -> tuple[Word, ...]:
    """The three words that this person needs first: by what is under way, and by what they may."""
    steers = (Word.STATUS, Word.PAUSE) if own.runs else ()
    begins = (Word.CHECK, Word.PLAN, Word.SCHEDULE) if may("start") and own.changeable else ()
    looks = (Word.STATUS, Word.CHECK, Word.CALENDAR)
    allowed = [word for word in (*steers, *begins, *looks) if (verb := MANUAL[word].verb) is None or may(verb)]
    return tuple(dict.fromkeys((*allowed, Word.HELP, Word.EXPLAIN, Word.CLUSTERS)))[:3]
