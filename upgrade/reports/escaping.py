"""Texts of others in markup: nothing in them comes alive, whatever page or comment they stand in."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import Final

from upgrade.reports.words import LONGEST, clean

_MARKUP: Final = re.compile(r"([\\`*_\[\]|~$])")
#: What a name, a number or an address behind it would make a mention, a reference or a link.
_ALIVE: Final = re.compile(r"([@#]|:(?=//)|\bwww(?=\.))", re.IGNORECASE)


def in_markdown(value: object, most: int = 250) -> str:
    """Text in which nothing is markup, a mention or a link; a comment in its middle keeps GitHub from making one."""
    safe = _MARKUP.sub(r"\\\1", html.escape(clean(value, most), quote=False))
    return _ALIVE.sub(r"\1<!-- -->", safe)


def in_html(value: object, most: int = LONGEST) -> str:
    """Text for the content of an element, or for an attribute in quotes."""
    return html.escape(clean(value, most))


def let_in(text: str) -> str:
    """How a Content-Security-Policy names a style or a script that it lets in."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
