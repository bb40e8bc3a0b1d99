"""Uses of deprecated and removed APIs in manifests: YAML, JSON and streams of either, whole or broken."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from upgrade.removals.naming import Namers, Naming
from upgrade.removals.parsing import NotParsed, is_json, json_values, problem_in, prose_in, yaml_values
from upgrade.removals.prefilter import Prefilter, computes, is_template
from upgrade.removals.rules import Removal, Rules
from upgrade.removals.templates import sketches_of

#: ``text`` is what a document that is no YAML seems to hold.
Seen = Literal["parsed", "text"]

_DOCUMENT: Final = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_OTHER_MARKS: Final = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
#: How deep manifests may stand inside strings of manifests.
_DEEPEST: Final = 4
#: What an object was once written with is no use of it; the live check weighs it.
_MEMORIES: Final = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "kapp.k14s.io/original",
        "objectset.rio.cattle.io/applied",
        "managedFields",
    }
)


@dataclass(frozen=True, slots=True)
class Use:
    """A manifest that names an API version of the table.

    Args:
        line: where it stands, from 1 on.
        alternatives: the other API versions that a template chooses from.
    """

    rule: Removal
    group_version: str
    kind: str
    namespace: str
    name: str
    line: int = 1
    seen: Seen = "parsed"
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unread:
    """A document that could not be read for certain, and why."""

    line: int
    reason: str


@dataclass(slots=True)
class Reading:
    """What was read.

    Args:
        namings: what names resources of the table in rules; it uses none. Looked for in documents that can be parsed.
        templates: how many documents are templates that nobody rendered; they were read line by line.
        prose: how many documents are text and nothing else: no manifests.
    """

    uses: list[Use] = field(default_factory=list)
    namings: list[Naming] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    templates: int = 0
    prose: int = 0


class DocumentReader:
    """Reads manifests.

    Args:
        every: parse every document, also where no API of the table is named. That finds no more and takes longer.
        damage: look for what is broken also where no API of the table is named.
    """

    def __init__(self, rules: Rules, *, every: bool = False, damage: bool = True) -> None:
        self.rules = rules
        self.namers = Namers(rules)
        self._filter = Prefilter(rules)
        self._every = every
        self._damage = damage

    def read(self, content: bytes) -> Reading:
        """What a file or a stream of manifests uses. Raises nothing: what cannot be read is told."""
        reading = Reading()
        text = _as_utf8(content, reading)
        if self._every or self._filter.may_hold(text):
            self._read_utf8(text, reading)
        elif self._damage:
            _look_for_damage(text, reading)
        return reading

    def uses_in(self, value: Any) -> list[Use]:
        """The uses in an object that is parsed already, strings with manifests included."""
        found, computed = _Found(self), Reading()
        found.walk(value, computed)
        return found.uses

    def _read_utf8(self, content: bytes, reading: Reading) -> None:
        parts = json_values(content)
        if parts is not None:
            for part in parts:
                self._take(part.text, part.line, part.values, reading)
            return
        for line, document in _documents(content):
            if self._every or self._filter.may_hold(document):
                self._take(document, line, None, reading)
            elif self._damage:
                _look_at_document(document, line, reading)

    def _take(self, document: bytes, line: int, values: list[Any] | None, reading: Reading) -> None:
        """Add what one document uses.

        Args:
            values: the document parsed; None to parse it as YAML.
        """
        mine = Reading()
        try:
            found = _Found(self)
            if values is None:
                values = yaml_values(document)
                mine.prose = sum(isinstance(value, str) and bool(value.strip()) for value in values)
            for value in values:
                found.walk(value, mine)
            mine.uses = list(_placed(found.uses, document))
            mine.namings = [replace(one, line=_line_of_name(one.name, document)) for one in found.namings]
        except NotParsed as why:
            mine = self._by_text(document, why)
        reading.uses += [replace(use, line=use.line + line - 1) for use in mine.uses]
        reading.namings += [replace(one, line=one.line + line - 1) for one in mine.namings]
        reading.unread += [replace(one, line=one.line + line - 1) for one in mine.unread]
        reading.templates += mine.templates
        reading.prose += mine.prose

    def look_into(self, text: str, depth: int, outer: _Found) -> None:
        """Add what is in a string that may hold manifests, or a script or template with some, to what is around it."""
        content = text.encode("utf-8", "replace")
        if not (self._every or self._filter.may_hold(content)):
            return
        parts = json_values(content)
        documents = [part.text for part in parts] if parts is not None else [one for _, one in _documents(content)]
        for number, document in enumerate(documents):
            try:
                values = (parts[number].values if parts is not None else None) or yaml_values(document)
            except NotParsed as why:
                outer.uses += self._by_text(document, why).uses
                continue
            found = _Found(self, depth)
            for value in values:
                found.walk(value, Reading())
            outer.uses += found.uses
            outer.namings += found.namings

    def _by_text(self, document: bytes, why: NotParsed) -> Reading:
        text = document.decode("utf-8", "replace")
        reading = _damage(document, why)
        for sketch in sketches_of(text):
            names = dict(sketch.versions)
            for version, line in names.items():
                rule = self.rules.find(version, sketch.kind)
                if rule is None:
                    continue
                others = tuple(name for name in names if name != version)
                reading.uses.append(
                    Use(rule, version, sketch.kind, sketch.namespace, sketch.name, line, "text", others)
                )
        return reading

    def rule(self, group_version: str, kind: str) -> Removal | None:
        return self.rules.find(group_version, kind)


class _Found:
    """The uses in one document; each mapping is looked at once, however often aliases repeat it."""

    def __init__(self, reader: DocumentReader, depth: int = 0) -> None:
        self.uses: list[Use] = []
        self.namings: list[Naming] = []
        self._reader = reader
        self._depth = depth
        self._seen: set[int] = set()
        self._todo: list[tuple[Any, bool, str, str]] = []

    def walk(self, value: Any, reading: Reading) -> None:
        """``reading`` is told of what only rendering tells."""
        self._seen.clear()
        self._todo = [(value, True, "", "")]
        while self._todo:
            one, whole, version, kind = self._todo.pop()
            # By identity: aliases repeat the same object, as often as a hostile document likes.
            if not isinstance(one, str | dict | list) or id(one) in self._seen:
                continue
            self._seen.add(id(one))
            if isinstance(one, dict):
                self._look_at(one, whole, version, kind, reading)
            elif isinstance(one, list):
                self._push((item, whole, version, kind) for item in one)
            elif "apiVersion" in one and ("\n" in one or "{" in one) and self._depth < _DEEPEST:
                self._reader.look_into(one, self._depth + 1, self)

    def _push(self, more: Iterable[tuple[Any, bool, str, str]]) -> None:
        # Last in, first out: turned round, so that uses come in the order of the document.
        self._todo += reversed(list(more))

    def _look_at(self, one: dict[Any, Any], whole: bool, version: str, kind: str, reading: Reading) -> None:
        """A mapping that may be a manifest.

        Args:
            whole: it stands where a manifest stands, not where a reference to one may.
            version, kind: what it is when it does not say so itself, as in a typed list.
        """
        own_version, own_kind = _member(one, "apiVersion"), _member(one, "kind")
        version = own_version if isinstance(own_version, str) else version
        kind = own_kind if isinstance(own_kind, str) else kind
        items = _member(one, "items")
        if kind.endswith("List") and isinstance(items, list):
            of_items = kind.removesuffix("List")
            self._push((item, True, version if of_items else "", of_items) for item in items)
            return
        if version and kind and (whole or isinstance(_member(one, "metadata"), dict)):
            if computes(f"apiVersion: {version}\nkind: {kind}".encode()):
                reading.unread.append(Unread(1, f"unrendered template: it computes {version[:80]} {kind[:80]}"))
            self._add(one, version, kind)
        self._add_exec(one)
        self._push((value, False, "", "") for key, value in one.items() if key not in _MEMORIES)

    def _add(self, one: dict[Any, Any], version: str, kind: str) -> None:
        naming = self._reader.namers.naming_in(one, version, kind)
        if naming is not None:
            self.namings.append(naming)
        rule = self._reader.rule(version, kind)
        if rule is None:
            return
        metadata = _member(one, "metadata")
        name, namespace = (
            (_member(metadata, "name") or _member(metadata, "generateName"), _member(metadata, "namespace"))
            if isinstance(metadata, dict)
            else ("", "")
        )
        self.uses.append(Use(rule, version, kind, _text(namespace), _text(name)))

    def _add_exec(self, one: dict[Any, Any]) -> None:
        """The credential plugin of a kubeconfig: ``users[].user.exec`` names the version of an ExecCredential."""
        plugin = one.get("exec")
        version = plugin.get("apiVersion") if isinstance(plugin, dict) and "command" in plugin else None
        rule = self._reader.rule(version, "ExecCredential") if isinstance(version, str) else None
        if rule is not None and plugin is not None:
            self.uses.append(Use(rule, rule.group_version, "ExecCredential", "", _text(plugin["command"])))


def _member(one: dict[Any, Any], key: str, depth: int = 0) -> Any:
    """A member of a mapping, or of one that it merges (``<<``)."""
    if key in one:
        return one[key]
    merged = one.get("<<")
    if merged is None or depth > _DEEPEST:
        return None
    for other in merged[:_DEEPEST] if isinstance(merged, list) else (merged,):
        found = _member(other, key, depth + 1) if isinstance(other, dict) else None
        if found is not None:
            return found
    return None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _as_utf8(content: bytes, reading: Reading) -> bytes:
    """The content as UTF-8 without marks; what is no text is told, and empty."""
    encoding = next((name for mark, name in _OTHER_MARKS if content.startswith(mark)), None)
    try:
        if encoding:
            return content.decode(encoding).encode()
        if content.isascii():
            if b"\0" not in content:
                return content
        elif b"\0" not in content:
            content.decode()
            return content.replace(_UTF8_MARK, b"")
    except UnicodeError:
        reading.unread.append(Unread(1, f"it is not {encoding or 'utf-8'}: some of it could not be read"))
        return b"" if encoding else content.decode("utf-8", "replace").replace("\ufffd", "?").encode()
    reading.unread.append(Unread(1, "it is no text"))
    return b""


def _documents(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The YAML documents and the lines they begin at. Documents with directives stay together with their neighbours."""
    if content.startswith(b"%") or b"\n%" in content:
        yield 1, content
        return
    line, start = 1, 0
    for mark in _DOCUMENT.finditer(content):
        if mark.start() > start:
            yield line, content[start : mark.start()]
            line += content.count(b"\n", start, mark.start())
            start = mark.start()
    yield line, content[start:]


def _placed(uses: list[Use], document: bytes) -> Iterator[Use]:
    """The uses with their lines: the n-th use of a version stands where the document names it for the n-th time."""
    lines: dict[str, list[int]] = {}
    count: dict[str, int] = {}
    for use in uses:
        name = use.group_version
        if name not in lines:
            lines[name] = _lines_of(name.encode(), document)
        places = lines[name]
        number = count[name] = count.get(name, -1) + 1
        yield replace(use, line=places[min(number, len(places) - 1)] if places else 1)


def _lines_of(name: bytes, document: bytes) -> list[int]:
    value = re.compile(rb"apiVersion\\?[\"']?\s*:\s*\\?[\"']?" + re.escape(name) + rb"(?![\w./-])")
    found = [match.start() for match in value.finditer(document)]
    if not found:
        found = [match.start() for match in re.finditer(re.escape(name), document)]
    line, counted, lines = 1, 0, []
    for start in found:
        line, counted = line + document.count(b"\n", counted, start), start
        lines.append(line)
    return lines


def _line_of_name(name: str, document: bytes) -> int:
    """Where a document gives something that name."""
    text = re.escape(name.encode("utf-8", "replace"))
    found = re.search(rb"name\\?[\"']?\s*:\s*\\?[\"']?" + text + rb"(?![\w.:-])", document)
    return document.count(b"\n", 0, found.start()) + 1 if found else 1


def _look_for_damage(content: bytes, reading: Reading) -> None:
    """Tell what is broken of content that names nothing of the table: it holds no use, but it was not understood."""
    if content.lstrip()[:1] in (b"{", b"[") and (is_json(content) or b"apiVersion" not in content):
        return  # JSON with comments and the like are settings of other tools
    if problem_in(content):
        for line, document in _documents(content):
            _look_at_document(document, line, reading)
    else:
        reading.prose += prose_in(content)


def _look_at_document(document: bytes, line: int, reading: Reading) -> None:
    why = problem_in(document)
    if why:
        found = _damage(document, why)
        reading.unread += [replace(one, line=one.line + line - 1) for one in found.unread]
        reading.templates += found.templates
    else:
        reading.prose += prose_in(document)


def _damage(document: bytes, why: NotParsed) -> Reading:
    """A document that could not be parsed. A template is read line by line, for certain unless it computes a name."""
    if computes(document):
        return Reading(unread=[Unread(1, "unrendered template: it computes an apiVersion or kind")], templates=1)
    if is_template(document):
        return Reading(templates=1)
    return Reading(unread=[Unread(why.line, f"{why}: read line by line")])
