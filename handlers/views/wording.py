"""The words of notices: Jinja templates in a sandbox, shipped in two languages, each text replaceable by configuration.

Whatever a template prints passes `esc`, but for the times, mentions and links that are made here.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from types import SimpleNamespace
from typing import Any, Final, Literal, NoReturn

from jinja2 import StrictUndefined, Template
from jinja2.exceptions import SecurityError
from jinja2.runtime import BlockReference, Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from handlers.views.notice_facts import NoticeFacts
from handlers.views.progress import Minutes
from handlers.views.text import contact, duration, esc, local_time

log = logging.getLogger(__name__)

Language = Literal["en", "zh-CN"]
#: Characters of one text; the notice as a whole is cut to what Slack takes.
LONGEST: Final = 3000

#: What may be put into other words, and what each is.
TEXTS: Final[Mapping[str, str]] = {
    "name": "the maintenance in one line, as the other texts name it; plain text",
    "title": "the heading; plain text",
    "state_planned": "the line under the heading, before it begins",
    "state_postponed": "likewise, when it does not start as announced",
    "state_started": "likewise, while it is under way",
    "state_paused": "likewise, while it stands still",
    "state_stopping": "likewise, while what is under way finishes",
    "state_finished": "likewise, when all is done",
    "state_stopped": "likewise, when it ended early",
    "state_called_off": "likewise, when it does not take place",
    "windows": "in which windows it works; may be empty",
    "rests": "where it waits on purpose; may be empty",
    "effects": "what people may notice; may be empty",
    "alerts": "which alerts may fire; may be empty",
    "contact": "whom to ask; may be empty",
    "follow": "the link to the run's thread; may be empty",
    "also": "the heading over other maintenances in the thread; may be empty",
    "also_one": "one of those; the variables are its own",
    "reply_reminder": "under the notice: a reminder of the start",
    "reply_moved": "likewise: another start",
    "reply_postponed": "likewise: no start as announced",
    "reply_called_off": "likewise: it does not take place",
    "reply_started": "likewise: it has begun",
    "reply_paused": "likewise: it stands still",
    "reply_resumed": "likewise: it goes on",
    "reply_stopped": "likewise: it ended early",
    "reply_finished": "likewise: all is done",
    "ended": "when it ended and how long it took, for other texts; may be empty",
    "left": "what an early end leaves, for other texts; may be empty",
}

#: What a template may print or ask for.
VARIABLES: Final[Mapping[str, str]] = {
    "state": "`planned`, `postponed`, `started`, `paused`, `stopping`, `finished`, `stopped` or `called-off`",
    "cluster": "the name of the cluster",
    "region": "its region",
    "environment": "its environment; empty without one",
    "owner": "whom to ask: a mention, or the words of the configuration; empty without one",
    "from_version": "the Kubernetes version before",
    "to_version": "the Kubernetes version after",
    "start": "when it starts, in each reader's own time zone; empty while no start is set",
    "goes_on": "when it goes on by itself, likewise; empty unless it stands still and does",
    "ends_by": "the expected end, likewise; in a reply only while that start holds",
    "lasts": "how long the work takes, such as `1 h 10 min - 2 h`; may be empty",
    "windows": "list: `begin` and `end` of each time in which it works",
    "rests": "list: `version`, `lasts`, `before` (`hop` or `nodes`) and `next_window` of each wait",
    "effects": "list of `api`, `add-ons`, `nodes`: what people may notice",
    "thread": "the address of the run's thread; empty before it exists",
    "phase": "the phase under way, counted from 1",
    "phases": "how many there are",
    "finished": "when it ended; empty before",
    "took": "how long it took; empty before",
    "changed": "whether anything was changed",
    "missing": "list: `kind` (`control-plane`, `addon`, `nodegroup`) and `number` of what was left undone",
    "at": "in a reply: the start, the end of a rest, or when it happened; may be empty",
}

PLAIN: Final = ("name", "title")
MAY_BE_EMPTY: Final = frozenset(name for name, meaning in TEXTS.items() if meaning.endswith("may be empty"))
#: Filters that make neither markup nor long texts.
_FILTERS: Final = ("default", "first", "join", "last", "length")
_REFUSED_OPERATORS: Final = frozenset({"*", "**", "%"})
_CALLS_EVERYBODY: Final = re.compile(r"<!(here|channel|everyone)")
_ADDRESS: Final = re.compile(r"https?://[^\s<>|]+")
_BARE: Final = re.compile("&(?!(?:amp|lt|gt);)")
_UNIT: Final = re.compile(r"(?<=\d )(s|min|h|d)\b")
_UNITS: Final = ("s", "min", "h", "d")


class TextUnusable(ValueError):
    """What a template made cannot be shown."""


class _Sandbox(ImmutableSandboxedEnvironment):
    """Templates call nothing but each other, and compute nothing large."""

    intercepted_binops = _REFUSED_OPERATORS

    def is_safe_callable(self, obj: Any) -> bool:
        return isinstance(obj, BlockReference)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> NoReturn:  # noqa: ARG002
        raise SecurityError(f"the operator {operator} is not for templates")


def _alive(mrkdwn: str) -> Markup:
    """What was escaped or made here."""
    return Markup(mrkdwn)  # noqa: S704 -- the only one


def _quoted(value: object) -> Markup:
    return _alive(esc(value))


def _printed(value: object) -> object:
    # Asked for its text, an undefined value says what is missing, so it is left to that.
    return value if isinstance(value, Markup | StrictUndefined) else _quoted(value)


def _environment() -> _Sandbox:
    made = _Sandbox(autoescape=True, undefined=StrictUndefined, finalize=_printed)
    made.globals.clear()
    made.filters = {name: made.filters[name] for name in _FILTERS}
    return made


ENVIRONMENT: Final = _environment()


@cache
def shipped(language: Language) -> Template:
    """The texts of a language as they come with the bot: a block each."""
    file = resources.files("handlers") / "templates" / f"notice.{language}.j2"
    return ENVIRONMENT.from_string(file.read_text("utf-8"))


class Wording:
    """A language, and the texts that the configuration puts in place of its own.

    Args:
        texts: Jinja by name of the text.

    Raises jinja2.TemplateSyntaxError.
    """

    def __init__(self, language: Language = "en", texts: Mapping[str, str] | None = None) -> None:
        self._shipped = shipped(language)
        self._own = {name: ENVIRONMENT.from_string(text) for name, text in (texts or {}).items()}
        self._units = tuple(self._render("units", {}, {}).split())

    def say(self, name: str, facts: NoticeFacts, at: datetime | None = None) -> str:
        """A text as mrkdwn in one line. What the configuration's own cannot say, the shipped one says.

        Args:
            at: what a reply tells of.
        """
        if self._own:
            try:
                return self.try_to_say(name, facts, at)
            except Exception as error:  # a template is a program of somebody else; the notice goes out in any case
                log.warning("announcements.templates.%s: %s; the shipped text is used", name, error)
        return self._render(name, self._variables(facts, at), {})

    def try_to_say(self, name: str, facts: NoticeFacts, at: datetime | None = None) -> str:
        """As `say`, and raises whatever the template raises."""
        said = self._render(name, self._variables(facts, at), self._own)
        if not said and name not in MAY_BE_EMPTY:
            raise TextUnusable("is empty")
        return said

    def plain(self, name: str, facts: NoticeFacts) -> str:
        """A text for where Slack takes no markup, so nothing in it is escaped."""
        return self.say(name, facts).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")

    def _variables(self, facts: NoticeFacts, at: datetime | None) -> dict[str, object]:
        return variables(facts, at, lambda text: _UNIT.sub(lambda unit: self._unit(unit[1]), text))

    def _unit(self, unit: str) -> str:
        return self._units[_UNITS.index(unit)]

    def _render(self, name: str, given: Mapping[str, object], own: Mapping[str, Template]) -> str:
        context = self._shipped.new_context(dict(given))
        context.blocks.update({one: [template.root_render_func] for one, template in own.items()})
        pieces = context.blocks[name][0](context)
        said = " ".join("".join(_within(pieces) if own else pieces).split())
        if _CALLS_EVERYBODY.search(said):
            raise TextUnusable("calls everybody; that is for mention_here of the environment to say")
        # Escaped for HTML where a template joins texts; mrkdwn knows no such escape and needs none.
        return _BARE.sub("&amp;", said.replace("&#39;", "'").replace("&#34;", '"'))


def _within(pieces: Iterator[str]) -> Iterator[str]:
    used = 0
    for piece in pieces:
        used += len(piece)
        if used > LONGEST:
            raise TextUnusable(f"is longer than {LONGEST} characters")
        yield piece


def variables(
    facts: NoticeFacts, at: datetime | None = None, in_units: Callable[[str], str] = str
) -> dict[str, object]:
    """The facts as templates see them: everything of others escaped, times as each reader sees them.

    Args:
        at: what a reply tells of.
        in_units: puts the units of a duration into the language.
    """

    def time(instant: datetime | None) -> Markup:
        return _alive(local_time(instant) if instant else "")

    return {
        **{name: _quoted(getattr(facts, name)) for name in _STRINGS},
        "owner": _alive(contact(facts.owner) if facts.owner else ""),
        "thread": _alive(facts.thread if _ADDRESS.fullmatch(facts.thread) else ""),
        "start": time(facts.start_at),
        "goes_on": time(facts.goes_on_at),
        "ends_by": time(facts.ends_by),
        "finished": time(facts.finished_at),
        "at": time(at),
        "lasts": _alive(in_units(str(Minutes(*facts.minutes))) if facts.minutes[1] else ""),
        "took": _alive(in_units(duration(facts.took)) if facts.took else ""),
        "phase": facts.phase,
        "phases": facts.phases,
        "changed": facts.changed,
        "effects": [_quoted(one) for one in facts.effects],
        "windows": [SimpleNamespace(begin=time(begin), end=time(end)) for begin, end in facts.windows],
        "missing": [SimpleNamespace(kind=_quoted(kind), number=number) for kind, number in facts.missing],
        "rests": [
            SimpleNamespace(
                version=_quoted(one.version),
                before=_quoted(one.before),
                lasts=_alive(in_units(duration(one.lasts)) if one.lasts else ""),
                next_window=one.next_window,
            )
            for one in facts.rests
        ],
    }


_STRINGS: Final = ("state", "cluster", "region", "environment", "from_version", "to_version")
