"""The page of a report in a real browser: filters, print, and that its policy lets in all of it and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Dialog, Page

from tests.browser.conftest import PATIENCE_MS
from tests.upgrade.reports.made import EVERYTHING, HOSTILE, finding, hostile, judged, report
from upgrade.findings import Report, Severity
from upgrade.reports import Format, render

pytestmark = pytest.mark.browser
MANY = report(*(judged(finding("PDB001", f"shop/web-{n:02}")) for n in range(12)), *EVERYTHING.results)


class Screen:
    """Opens reports; whatever the browser complains of is in ``troubles``."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._context = browser.new_context()
        self._context.set_default_timeout(PATIENCE_MS)
        self._folder = folder
        self.troubles: list[str] = []
        self.asked: list[str] = []

    def show(self, found: Report) -> Page:
        file = self._folder / "report.html"
        file.write_text(render(found, Format.HTML), "utf-8")
        page = self._context.new_page()
        page.on("console", lambda message: self.troubles.append(message.text))
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("dialog", self._note)
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(file.as_uri())
        return page

    def _note(self, dialog: Dialog) -> None:
        self.troubles.append(dialog.message)
        dialog.dismiss()

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def screen(chromium: Browser, tmp_path: Path) -> Iterator[Screen]:
    screen = Screen(chromium, tmp_path)
    yield screen
    screen.close()
    assert screen.troubles == []
    assert [url for url in screen.asked if not url.startswith("file:")] == []


def codes(page: Page) -> list[str]:
    """Codes and permissions of the cards that can be seen."""
    return [text.split()[0] for text in page.locator(".card:visible h3").all_inner_texts()]


def test_the_verdict_is_first_and_everything_is_there(screen: Screen) -> None:
    page = screen.show(EVERYTHING)
    assert page.locator("h1").inner_text() == "prod-eu: Kubernetes 1.34 to 1.36"
    assert page.locator(".verdict").inner_text().startswith("✕ Not ready: 2 findings are in the way")
    assert codes(page) == ["ADD001", "NET001", "Allow", "Not", "WRK001"]
    assert page.locator(".tiles").inner_text().split()[:5] == ["2", "in", "the", "way", "2"]
    page.get_by_text("Coverage").click()
    row = page.locator("tr", has_text="All is well with ADD001")
    assert row.locator("td").all_inner_texts()[2:] == ["", "failed"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("severity", "warns", ["WRK001"]),
        ("severity", "unseen", ["Allow", "Not"]),
        ("phase", "add-ons", ["ADD001", "NET001", "Allow", "Not", "WRK001", "SUP003"]),
        ("phase", "nodes", ["NET001", "Allow", "Not", "WRK001", "SUP003"]),
        ("hop", "1.36", ["ADD001", "NET001"]),
        ("hop", "1.35", ["NET001", "Allow", "Not", "WRK001", "SUP003"]),
    ],
)
def test_filters_leave_what_was_asked_for(screen: Screen, name: str, value: str, shown: list[str]) -> None:
    page = screen.show(EVERYTHING)
    page.locator(f"select[name={name}]").select_option(value)
    assert codes(page) == shown
    page.locator(f"select[name={name}]").select_option("")
    assert codes(page) == ["ADD001", "NET001", "Allow", "Not", "WRK001"] + (["SUP003"] if "SUP003" in shown else [])


def test_a_search_finds_folded_findings_by_name_and_owner(screen: Screen) -> None:
    page = screen.show(MANY)
    assert page.get_by_text("shop/web-11").first.is_hidden()
    page.locator("input[name=text]").fill("PDB001 web-11")
    assert page.get_by_text("shop/web-11").first.is_visible()
    assert page.locator("#shown").inner_text() == f"1 of {page.locator('[data-severity]').count()} findings"
    page.locator("input[name=text]").fill("team shop")
    assert codes(page) == ["WRK001"]
    page.locator("input[name=text]").fill("nothing like it")
    assert codes(page) == []


def test_print_shows_what_is_folded_and_no_filters(screen: Screen) -> None:
    page = screen.show(MANY)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.get_by_text("shop/web-11").first.is_visible()
    assert page.locator("table").is_visible()
    assert page.locator(".filters").is_hidden()


def test_it_is_dark_where_people_like_it_dark(screen: Screen) -> None:
    page = screen.show(EVERYTHING)
    grounds = set()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_without_scripts_all_is_shown(chromium: Browser, tmp_path: Path) -> None:
    (tmp_path / "x.html").write_text(render(MANY, Format.HTML), "utf-8")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "x.html").as_uri())
    assert page.locator(".filters").is_hidden()
    assert page.get_by_text("NET001").first.is_visible()
    context.close()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_runs_nothing_and_fits_the_page(screen: Screen, text: str) -> None:
    page = screen.show(hostile(text))
    page.locator("input[name=text]").fill("NET001")
    assert codes(page) == ["NET001"]
    page.set_viewport_size({"width": 400, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 400


def test_severities_of_a_report_with_warnings_only(screen: Screen) -> None:
    page = screen.show(report(judged(finding("WRK001", "shop/web", severity=Severity.WARNS))))
    assert page.locator(".verdict").inner_text() == "✓ Ready: nothing is in the way, 1 warning."
