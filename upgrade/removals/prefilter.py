"""Bytes that can hold no use of a removed API, told from those that may, without parsing them.

It errs to one side only: whatever a full parse would find is let through. The value of an ``apiVersion`` or a ``kind``
stands in a document letter by letter, wherever and however quoted (flow and block scalars, anchors, merges, strings
with manifests in them), except where escapes write it in another way; a document with such an escape is let through.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Final

from upgrade.removals.naming import Namers
from upgrade.removals.rules import Rules

#: A version as removed ones are: ``/v1beta1``. A group stands before the slash.
_UNSTABLE: Final = re.compile(rb"/v\d+(?:alpha|beta)\d+")
_WHOLE: Final = re.compile(r"[^/]+/v\d+(?:alpha|beta)\d+")
#: Escapes of YAML and JSON that can stand for a letter of a name, and a line that goes on after a backslash.
_ESCAPE: Final = re.compile(rb"\\[xuU/\r\n]")
#: What a template engine would fill in or obey; with it a document is often no YAML.
_TEMPLATE: Final = (b"{{", b"<%", b"{%")
_COMPUTED: Final = re.compile(rb"(?:apiVersion|kind)\\?[\"']?[ \t]*:[ \t]*\\?[\"']?(?:\{\{|\$\{|<%|\{%|\$\()")
#: Where a kind need not stand beside its version: what stands there instead.
_INSTEAD_OF_KIND: Final = {"ExecCredential": b"exec"}


class Prefilter:
    """Knows the names in a table of rules."""

    def __init__(self, rules: Rules) -> None:
        kinds: dict[bytes, set[bytes]] = defaultdict(set)
        whole: set[bytes] = set()
        for row in rules:
            name = row.group_version.encode()
            kinds[name] |= {row.kind.encode(), _INSTEAD_OF_KIND.get(row.kind, row.kind.encode())}
            if _WHOLE.fullmatch(row.group_version):
                whole.add(name)
        self._unstable = tuple(sorted(whole))
        self._kinds = {name: tuple(sorted(found)) for name, found in kinds.items()}
        self._others = tuple((name, self._kinds[name]) for name in sorted(set(kinds) - whole))
        self._namers = tuple(
            (mark.encode(), tuple((resource.encode(), group.encode()) for group, resource in sorted(pairs)))
            for mark, pairs in Namers(rules).marks.items()
        )

    def may_hold(self, content: bytes) -> bool:
        """Whether a parse of these bytes (UTF-8) could find something, or something that only rendering tells."""
        return self.names(content) or self._in_rules(content) or _escapes(content) or computes(content)

    def _in_rules(self, content: bytes) -> bool:
        """Whether a webhook or a role may name a resource of the table there."""
        for mark, pairs in self._namers:
            if mark in content and any(resource in content and group in content for resource, group in pairs):
                return True
        return False

    def names(self, content: bytes) -> bool:
        """Whether an API version of the table stands there, and a kind that the table has for it."""
        if b"beta" in content or b"alpha" in content:
            for found in _UNSTABLE.finditer(content):
                end = found.end()
                if content.endswith(self._unstable, 0, end) and self._with_kind(content, end):
                    return True
        # The kind first: the version of these may be as common as "v1".
        return any(any(kind in content for kind in kinds) and name in content for name, kinds in self._others)

    def _with_kind(self, content: bytes, end: int) -> bool:
        names = (name for name in self._unstable if content.endswith(name, 0, end))
        return any(kind in content for name in names for kind in self._kinds[name])


def computes(content: bytes) -> bool:
    """Whether an ``apiVersion`` or ``kind`` is left to a template engine."""
    # Spelt out, as every file is asked: a mark of a template engine, or a variable of a shell or of envsubst.
    marked = b"{{" in content or b"${" in content or b"$(" in content or b"<%" in content or b"{%" in content
    return marked and _COMPUTED.search(content) is not None


def is_template(content: bytes) -> bool:
    """Whether something in it is for a template engine."""
    return any(mark in content for mark in _TEMPLATE)


def _escapes(content: bytes) -> bool:
    return b"\\" in content and _ESCAPE.search(content) is not None
