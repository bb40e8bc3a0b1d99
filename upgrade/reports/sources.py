"""Where to read on: the address of what a check names as its source."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Final
from urllib.parse import urljoin

import yaml

_NUMBERED: Final = re.compile(r"(.+) ([0-9]+(?:\.[0-9]+)?)")
_ADDRESS: Final = re.compile(r"https://[^\s<>\"|]+")


def address(source: str) -> str | None:
    """The address of ``Book: Page``, or of the first such in ``Book: Page; Book: Page``.

    It is the book's when the page is not known, and None when the book is not. An https address stands for itself.
    Addresses are facts that age, kept in ``upgrade/data/sources.yaml``.
    """
    if _ADDRESS.fullmatch(source):
        return source
    return next(filter(None, map(_page, source.split("; "))), None)


def _page(source: str) -> str | None:
    title, _, page = source.partition(": ")
    book, number = _books().get(title), ""
    if book is None and (numbered := _NUMBERED.fullmatch(title)):
        book, number = _books().get(f"{numbered[1]} {{}}"), numbered[2]
    if book is None:
        return None
    pages: Mapping[str, str] = book.get("pages", {})
    call = str(book["calls"]).format(page) if "calls" in book and page.isalnum() else ""
    return urljoin(str(book["address"]).format(number), pages.get(page, call))


@cache
def _books() -> Mapping[str, Any]:
    text = (resources.files("upgrade") / "data" / "sources.yaml").read_text("utf-8")
    loaded: Mapping[str, Any] = yaml.safe_load(text)["books"]
    return loaded
