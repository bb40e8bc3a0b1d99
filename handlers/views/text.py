"""The render boundary: whatever comes from outside passes `esc` (or `code`) on its way into mrkdwn."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from upgrade import words
from upgrade.reports import words as report_words

_GROUP = re.compile(r"S[A-Z0-9]{2,20}")
# The controls of the Unicode bidirectional algorithm; letters that are written from the right stay.
_TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_USER = re.compile(r"[UW][A-Z0-9]{2,20}")

#: As in a report.
count = words.count
duration = report_words.lasting
utc = report_words.utc


def esc(value: object) -> str:
    """Text from outside as mrkdwn: no mention, link or channel in it comes alive, and nothing turns the line around."""
    return straight(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def straight(value: object) -> str:
    """Text from outside where nothing is markup: only what turns the line around is taken from it."""
    return _TURNING.sub("\N{REPLACEMENT CHARACTER}", str(value))


def code(value: object) -> str:
    """A name in code type. mrkdwn has no escape for a backtick, so one inside becomes an apostrophe."""
    text = " ".join(str(value).replace("`", "'").split())
    return f"`{esc(text)}`" if text else "-"


def person(actor: str | None) -> str:
    """A Slack user or user group as a mention, anybody else (``cli:ada``) as text."""
    if actor is None:
        return "the bot"
    if _GROUP.fullmatch(actor):
        return f"<!subteam^{actor}>"
    return f"<@{actor}>" if _USER.fullmatch(actor) else esc(actor)


def contact(owner: str) -> str:
    """The owner of a cluster as configured: the id of a Slack user or user group as a mention, else the words."""
    return person(owner) if callable_owner(owner) else esc(owner)


def callable_owner(owner: str | None) -> bool:
    """Whether it is the id of somebody in Slack rather than a name: ids have a digit, the team SHOP has none."""
    known = owner is not None and (_GROUP.fullmatch(owner) or _USER.fullmatch(owner))
    return bool(known) and any(letter.isdigit() for letter in owner or "")


def whom_to_call(owner: str | None) -> str | None:
    """The owner of a cluster, if that is somebody in Slack."""
    return owner if callable_owner(owner) else None


def link(url: str, label: str) -> str:
    """A link of our own making; nothing is linked when the address is not https or http."""
    if not re.fullmatch(r"https?://[^\s<>|]+", url):
        return esc(label)
    return f"<{url}|{esc(label)}>"


def local_time(at: datetime) -> str:
    """An instant in each reader's own time zone; UTC where Slack cannot."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{utc(at)}>"


def until(day: date | None) -> str:
    """The last day of something, behind it; nothing when it has none."""
    return f" until {day}" if day else ""


def about(low: float, high: float) -> str:
    """An estimate in minutes: ``8-15 min``, ``1 h 10 min - 2 h``; from an hour on in full five minutes, outwards."""
    if high >= 60:
        low, high = (low // 5) * 5, -(-high // 5) * 5
    short, long = duration(timedelta(minutes=low)), duration(timedelta(minutes=high))
    if short == long:
        return short
    if high < 60:
        return f"{round(low)}-{round(high)} min"
    return f"{short} - {long}"
