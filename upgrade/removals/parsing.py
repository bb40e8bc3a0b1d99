"""YAML and JSON as plain values, whatever the text tries."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import msgspec
import yaml

# The C parser is part of every wheel of PyYAML; without it the same is done, slowly. BaseLoader: every scalar is a
# string, so that no date, number or tag of somebody else's can be wrong.
_Loader: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_OPENING_MANY: Final = 2_000
_NESTED_LINE: Final = re.compile(rb"^[ \t?-]{2000}", re.MULTILINE)
_DEEPEST: Final = 200
_SPACE: Final = re.compile(r"\s*")
#: The beginning of a document that is no text, for certain: empty, or a mapping or a list behind comments and markers.
_NO_PROSE: Final = re.compile(
    rb"(?:(?:---)?[ \t]*(?:#[^\n]*)?\r?\n)*(?:[A-Za-z][\w./-]*:[ \t\r\n]|\"[\w./-]+\":[ \t\r\n]|- |[\[{]|\Z)"
)
#: Where a line may end a document or begin another one than ``---`` does.
_ODD_ENDS: Final = (b"\n...", b"\n%")


class NotParsed(Exception):
    """The document is neither YAML nor JSON; the message says why.

    Args:
        line: of the document, from 1 on, where that is known.
    """

    def __init__(self, why: str, line: int = 1) -> None:
        super().__init__(why)
        self.line = line


@dataclass(frozen=True, slots=True)
class JsonPart:
    """A piece of a JSON stream: its text, the line that it begins at, and its values; None when it is broken."""

    text: bytes
    line: int
    values: list[Any] | None


def yaml_values(document: bytes) -> list[Any]:
    """The documents of a YAML stream, scalars as strings. Raises NotParsed."""
    if _too_deep(document):
        raise NotParsed(f"it is nested deeper than {_DEEPEST} levels")
    try:
        return list(yaml.load_all(document, _Loader))
    except (yaml.YAMLError, ValueError, TypeError) as error:
        raise _broken(error, document) from None
    except RecursionError:
        raise NotParsed("it is nested too deep") from None


def problem_in(document: bytes) -> NotParsed | None:
    """What keeps a YAML stream from being read, found without building its values; None when nothing does."""
    try:
        _run_through(document)
    except yaml.YAMLError as error:
        return _broken(error, document)
    return None


def prose_in(stream: bytes) -> int:
    """How many documents of a YAML stream are text and nothing else, found without building them; 0 if it is broken."""
    if _is_no_prose(stream):
        return 0
    try:
        events = list(yaml.parse(stream, _Loader))
    except (yaml.YAMLError, ValueError):
        return 0
    return sum(
        isinstance(before, yaml.DocumentStartEvent) and isinstance(root, yaml.ScalarEvent) and bool(root.value.strip())
        for before, root in pairwise(events)
    )


def _is_no_prose(stream: bytes) -> bool:
    """Whether that can be told from how the documents begin; a small part of the time that a parser takes."""
    begin = 0
    while _NO_PROSE.match(stream, begin):
        end = stream.find(b"\n---", begin + 1)
        if end < 0:
            return not any(one in stream for one in _ODD_ENDS)
        begin = end + 1
    return False


def is_json(content: bytes) -> bool:
    """Whether it is one value of JSON, found without building it."""
    try:
        msgspec.json.decode(content, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def json_values(content: bytes) -> list[JsonPart] | None:
    """The values of JSON, of one value a line, or of values in a row; None when it is something else."""
    text = content.strip()
    if not text.startswith((b"{", b"[")) or text.startswith(b"{{"):
        return None
    try:
        return [JsonPart(content, 1, [msgspec.json.decode(text)])]
    except (msgspec.DecodeError, RecursionError, ValueError):
        return _line_by_line(content) or _in_a_row(content)


def _line_by_line(content: bytes) -> list[JsonPart] | None:
    """One value a line, as ``kubectl … -o json | jq -c`` makes them; None when the first line is none."""
    parts: list[JsonPart] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            values: list[Any] | None = [msgspec.json.decode(line)]
        except (msgspec.DecodeError, RecursionError, ValueError):
            values = None
        if not parts and (values is None or not isinstance(values[0], dict | list)):
            return None
        parts.append(JsonPart(line, number, values))
    return parts


def _in_a_row(content: bytes) -> list[JsonPart] | None:
    """Values over many lines, one behind the other; None when anything between them is no JSON."""
    decoder, line, end = json.JSONDecoder(), 1, 0
    parts: list[JsonPart] = []
    try:
        text = content.decode()
        while (gap := _SPACE.match(text, end)) is not None and gap.end() < len(text):
            line, begin = line + text.count("\n", end, gap.end()), gap.end()
            value, end = decoder.raw_decode(text, begin)
            parts.append(JsonPart(text[begin:end].encode(), line, [value]))
            line += text.count("\n", begin, end)
    except (ValueError, RecursionError):
        return None
    return parts


def _broken(error: Exception, document: bytes) -> NotParsed:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        line = min(error.problem_mark.line, document.rstrip().count(b"\n")) + 1
        return NotParsed(f"broken YAML ({error.problem})", line)
    return NotParsed(f"broken YAML ({' '.join(str(error).split())[:120]})")


def _run_through(document: bytes) -> None:
    """Raises YAMLError. In C this takes a small part of the time that building the values takes."""
    if hasattr(yaml, "CBaseLoader"):
        yaml.CBaseLoader(document).raw_parse()
    else:
        for _ in yaml.parse(document, _Loader):
            pass


def _too_deep(document: bytes) -> bool:
    """Whether a document is nested so deep that the C parser would run out of stack, which ends the process."""
    if document.count(b"[") + document.count(b"{") < _OPENING_MANY and not _NESTED_LINE.search(document):
        return False
    depth = 0
    try:
        for event in yaml.parse(document, _Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _DEEPEST:
                    return True
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except (yaml.YAMLError, ValueError):
        return False  # the loader says so in its own words
    return False
