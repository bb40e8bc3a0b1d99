"""Whether texts of the configuration can be used: each is tried on notices of every state before anybody reads one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Final

from jinja2 import TemplateSyntaxError, meta

from handlers.views import limits
from handlers.views.notice_facts import NoticeFacts, Rest
from handlers.views.wording import ENVIRONMENT, PLAIN, TEXTS, VARIABLES, Language, TextUnusable, Wording
from upgrade.announcements import NoticeState

#: Characters of one text at most, for a notice with everything in it: five of them share a block of 3000.
MOST: Final = 1500
_AT: Final = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
_HOUR: Final = timedelta(hours=1)


def mistakes(language: Language, texts: Mapping[str, str]) -> list[str]:
    """A line for each text that cannot be used, with its name in front; empty when all can."""
    found = [f"{name}: {line}" for name, text in texts.items() for line in _mistakes(language, name, text)]
    if texts and not found:  # each alone is right; they may still name each other in circles
        whole = Wording(language, texts)
        found = [f"{name}: {line}" for name in TEXTS for line in _tried(whole, name)]
    return found


def _mistakes(language: Language, name: str, text: str) -> list[str]:
    if name not in TEXTS:
        return [f"there is no such text{_nearest(name, tuple(TEXTS))}"]
    try:
        tree = ENVIRONMENT.parse(text)
        wording = Wording(language, {name: text})
    except TemplateSyntaxError as error:
        return [f"line {error.lineno}: {error.message}"]
    unknown = sorted(meta.find_undeclared_variables(tree) - VARIABLES.keys())
    if unknown:
        return [f"unknown variable {one}{_nearest(one, tuple(VARIABLES))}" for one in unknown]
    return _tried(wording, name)


def _tried(wording: Wording, name: str) -> list[str]:
    """The first that is wrong with it, if anything is."""
    for facts, at in product(_samples(), (_AT, None)):
        try:
            said = wording.try_to_say(name, facts, at)
        except TextUnusable as error:
            return [str(error)]
        except Exception as error:  # whatever a template can do wrong
            return [f"cannot be filled in: {error or type(error).__name__}"]
        most = limits.HEADER if name in PLAIN else MOST
        if len(said) > most:
            return [f"becomes {len(said)} characters long; at most {most} fit"]
        if name in PLAIN and "<" in said:
            return ["is plain text: no times, links or mentions in it"]
    return []


def _samples() -> Iterator[NoticeFacts]:
    """Every state, with everything and with as little as there may be."""
    for state in NoticeState:
        yield NoticeFacts(
            state=state.value,
            cluster="c" * 100,
            region="ap-southeast-1",
            environment="production",
            owner="platform team",
            from_version="1.34",
            to_version="1.36",
            start_at=_AT,
            goes_on_at=_AT + _HOUR if state is NoticeState.PAUSED else None,
            ends_by=_AT + 6 * _HOUR,
            minutes=(65.0, 130.0),
            windows=tuple((_AT + n * 24 * _HOUR, _AT + (n * 24 + 8) * _HOUR) for n in range(8)),
            rests=(Rest("1.35", "hop", 24 * _HOUR, next_window=True), Rest("1.36", "nodes", 24 * _HOUR, False)),
            effects=("api", "add-ons", "nodes"),
            thread="https://example.slack.com/archives/C0123456789/p1763629200000000",
            phase=2,
            phases=6,
            finished_at=_AT + 5 * _HOUR,
            took=5 * _HOUR,
            changed=True,
            missing=(("control-plane", 1), ("addon", 4), ("nodegroup", 2)),
        )
        yield NoticeFacts(state.value, "dev", "eu-central-1", "", "", "1.34", "1.35")


def _nearest(typed: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(typed, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
