"""CloudWatch Logs Insights in small: filter, stats, sort and limit over the events of a log group.

What it does not know it refuses, so that no query can pass here that means something else there
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Event = Mapping[str, str]
Predicate = Callable[[Event], bool]
Result = list[dict[str, str]]

_TOKEN = re.compile(
    r"`(?P<quoted>[^`]*)`|\"(?P<text>[^\"]*)\"|/(?P<pattern>(?:\\.|[^/])+)/|(?P<word>[\w.@*]+)|(?P<sign>!=|[=(),|])|\s+"
)


class MalformedQuery(ValueError):
    """The query is wrong, or says something that the sandbox does not understand."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def run(query: str, events: Iterable[Event]) -> list[Result]:
    """The rows of a query, each a list of `field` and `value`. Raises MalformedQuery."""
    rows: list[dict[str, str]] = [dict(event) for event in events]
    parser = _Parser(_tokens(query))
    while True:
        rows = parser.command(rows)
        if parser.done():
            break
        parser.expect("|")
    return [[{"field": name, "value": value} for name, value in row.items()] for row in rows]


def _tokens(query: str) -> list[_Token]:
    found, at = [], 0
    while at < len(query):
        match = _TOKEN.match(query, at)
        if match is None:
            raise MalformedQuery(f"unexpected character at {at}: {query[at : at + 20]}")
        if match.lastgroup:
            found.append(_Token(match.lastgroup, match[match.lastgroup]))
        at = match.end()
    return found


class _Parser:
    """Reads a query command by command, and does each at once."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._at = 0

    def done(self) -> bool:
        return self._at >= len(self._tokens)

    def expect(self, text: str) -> None:
        if self._next().text != text:
            raise MalformedQuery(f"{text} is missing")

    def command(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        word = self._next().text
        if word == "filter":
            holds = self._either()
            return [row for row in rows if holds(row)]
        if word == "stats":
            return self._stats(rows)
        if word == "sort":
            name, order = self._field(), self._next().text
            return sorted(rows, key=lambda row: _order(row.get(name, "")), reverse=order == "desc")
        if word == "limit":
            return rows[: int(self._next().text)]
        raise MalformedQuery(f"the sandbox does not know the command {word}")

    # --- conditions ---

    def _either(self) -> Predicate:
        found = [self._both()]
        while self._take("or"):
            found.append(self._both())
        return lambda event: any(one(event) for one in found)

    def _both(self) -> Predicate:
        found = [self._condition()]
        while self._take("and"):
            found.append(self._condition())
        return lambda event: all(one(event) for one in found)

    def _condition(self) -> Predicate:
        if self._take("("):
            inner = self._either()
            self.expect(")")
            return inner
        if self._take("ispresent"):
            self.expect("(")
            name = self._field()
            self.expect(")")
            return lambda event: name in event
        name, sign = self._field(), self._next().text
        value = self._next()
        if sign == "like" and value.kind in ("pattern", "text"):
            pattern = re.compile(value.text if value.kind == "pattern" else re.escape(value.text))
            return lambda event: pattern.search(event.get(name, "")) is not None
        if sign in ("=", "!=") and value.kind in ("text", "word"):
            return lambda event: (event.get(name) == value.text) == (sign == "=")
        raise MalformedQuery(f"the sandbox does not know the condition {name} {sign} {value.text}")

    # --- statistics ---

    def _stats(self, rows: list[dict[str, str]]) -> list[dict[str, str]]:
        wanted = [self._aggregate()]
        while self._take(","):
            wanted.append(self._aggregate())
        by: list[str] = []
        if self._take("by"):
            by.append(self._field())
            while self._take(","):
                by.append(self._field())
        groups: dict[tuple[str | None, ...], list[dict[str, str]]] = {}
        for row in rows:
            groups.setdefault(tuple(row.get(name) for name in by), []).append(row)
        return [
            {name: value for name, value in zip(by, key, strict=True) if value is not None}
            | {name: aggregate(members) for name, aggregate in wanted}
            for key, members in groups.items()
        ]

    def _aggregate(self) -> tuple[str, Callable[[list[dict[str, str]]], str]]:
        function = self._next().text
        self.expect("(")
        name = self._field()
        self.expect(")")
        shown = self._field() if self._take("as") else f"{function}({name})"
        if function == "count" and name == "*":
            return shown, lambda rows: str(len(rows))
        if function in ("max", "min"):
            pick = max if function == "max" else min
            return shown, lambda rows: pick((row[name] for row in rows if name in row), key=_order, default="")
        raise MalformedQuery(f"the sandbox does not know {function}({name})")

    # --- tokens ---

    def _field(self) -> str:
        token = self._next()
        if token.kind not in ("word", "quoted"):
            raise MalformedQuery(f"a field is missing before {token.text}")
        return token.text

    def _next(self) -> _Token:
        if self.done():
            raise MalformedQuery("the query ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, text: str) -> bool:
        here = None if self.done() else self._tokens[self._at]
        if here is None or here.text != text or here.kind not in ("word", "sign"):
            return False
        self._at += 1
        return True


def _order(text: str) -> tuple[int, float, str]:
    """Numbers as numbers, before text."""
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text)
