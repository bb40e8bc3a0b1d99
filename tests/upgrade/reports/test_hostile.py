"""Whatever somebody called an object, no format lets it do anything: each is read back by a parser of its own."""

from __future__ import annotations

import json
import unicodedata
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import jsonschema  # type: ignore[import-untyped]
import pytest
from markdown_it import MarkdownIt

from tests.upgrade.reports.made import HOSTILE, hostile
from tests.upgrade.reports.sarif_schema import SARIF
from upgrade.reports import Format, render
from upgrade.reports.words import clean

texts = pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))


class Page(HTMLParser):
    """What a browser would make of a page: its elements, their attributes, and the texts outside of the script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def skeleton(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    """Elements with the names of their attributes."""
    return [(tag, tuple(sorted(attributes))) for tag, attributes in page.elements]


@texts
def test_no_format_prints_what_a_terminal_or_a_reader_would_obey(text: str) -> None:
    for form in Format:
        made = render(hostile(text), form)
        made.encode()
        forbidden = [c for c in made if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn")]
        assert forbidden == [], form


@texts
def test_html_has_the_elements_of_a_harmless_report(text: str) -> None:
    page, plain = Page(render(hostile(text), Format.HTML)), Page(render(hostile("harmless"), Format.HTML))
    assert skeleton(page) == skeleton(plain)
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}
    assert all(link is not None and link.startswith("https://docs.aws.amazon.com/") for link in links)
    assert clean(text) in "".join(page.text)


def test_html_asks_nobody_for_anything() -> None:
    page = Page(render(hostile("x"), Format.HTML))
    policy = next(a["content"] for _, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert not [tag for tag, attributes in page.elements if attributes.keys() & {"src", "style", "onclick"}]
    assert not [tag for tag, _ in page.elements if tag in ("link", "img", "iframe", "object", "base")]


@texts
def test_junit_is_read_by_an_xml_parser(text: str) -> None:
    root = ElementTree.fromstring(render(hostile(text), Format.JUNIT))
    assert (root.tag, root.get("tests"), root.get("failures"), root.get("errors")) == ("testsuites", "5", "1", "2")
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.get("message") == f"{clean(text)}: {clean(text)}"


@texts
def test_sarif_keeps_its_structure(text: str) -> None:
    told = json.loads(render(hostile(text), Format.SARIF))
    jsonschema.Draft202012Validator(SARIF).validate(told)
    assert len(told["runs"][0]["results"]) == 5


@texts
def test_json_is_whole(text: str) -> None:
    told = json.loads(render(hostile(text), Format.JSON))
    assert told["results"][0]["findings"][0]["subject"] == text
    assert render(hostile(text), Format.JSON).isascii()


def tokens(text: str) -> list[Any]:
    """As GitHub reads it: tables, strike-through and bare addresses too."""
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    return [inner for token in parser.parse(text) for inner in (token, *(token.children or ()))]


@texts
def test_markdown_has_the_markup_of_a_harmless_report(text: str) -> None:
    def markup(found: str) -> list[tuple[str, str]]:
        told = [
            one for one in tokens(render(hostile(found), Format.MARKDOWN)) if one.type not in ("text", "text_special")
        ]
        return [
            (one.type, one.content if one.type in ("html_inline", "html_block") else str(one.attrs))
            for one in told
            if one.type != "inline" and one.content != "<!-- -->"
        ]

    assert markup(text) == markup("harmless")


@texts
def test_markdown_mentions_and_links_nobody(text: str) -> None:
    made = render(hostile(text), Format.MARKDOWN)
    shown = "\n".join(one.content for one in tokens(made) if one.type == "text")
    for alive in ("@everyone", "#1", "://", "www."):
        assert alive not in shown


@texts
def test_long_names_are_cut_and_a_comment_is_short_enough(text: str) -> None:
    for form in (Format.TEXT, Format.MARKDOWN, Format.HTML, Format.JUNIT):
        assert "x" * 601 not in render(hostile(text), form)
    assert len(render(hostile(text), Format.MARKDOWN)) <= 60_000
