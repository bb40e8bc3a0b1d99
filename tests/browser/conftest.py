"""A real browser on a real page. A script error, or anything that the page's policy had to block, fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, expect, sync_playwright
from slack_bolt import App
from slack_sdk import WebClient

from sandbox.page.server import Page as Served
from sandbox.stage import Stage
from tests.conftest import TOOLS
from tests.patience import LONGEST
from tests.sandbox.page.playground import Playground
from tests.sandbox.slack.conftest import connect

__all__ = ["connect"]

SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 1000 * LONGEST
expect.set_options(timeout=PATIENCE_MS)

Open = Callable[..., Page]


class Shown(Protocol):
    """A stage and the page that shows it."""

    stage: Stage
    page: Served


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = next(found for command in TOOLS["browser"] if (found := shutil.which(command)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(SWITCHES))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Playground]:
    with Playground(tmp_path_factory.mktemp("page")) as playground:
        yield playground


@pytest.fixture
def browse(chromium: Browser) -> Iterator[Open]:
    """Opens a page; the browser's own time zone is nobody's in the workspace.

    `stream` stands in for what it hears. With `smooth`, a request that is refused is a trouble as well.
    """
    contexts = []
    troubles: list[str] = []

    def fail(request: Request) -> None:
        # A page that goes, or listens as somebody else, hangs up on the stream.
        if "/api/events" not in request.url:
            troubles.append(f"{request.method} {request.url}: {request.failure}")

    def refuse(answer: Response) -> None:
        if answer.status >= 400:
            troubles.append(f"{answer.request.method} {answer.url}: {answer.status}")

    def note(message: ConsoleMessage) -> None:
        # A refusal (4xx) that the page shows to the person is no trouble of the page.
        if message.type == "error" and "responded with a status of 4" not in message.text:
            troubles.append(message.text)

    def open_page(
        ground: Shown,
        path: str = "",
        *,
        width: int = 1280,
        height: int = 800,
        stream: str | None = None,
        smooth: bool = False,
        **options: Any,
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": height},
            timezone_id="Asia/Tokyo",
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("requestfailed", fail)
        if smooth:
            page.on("response", refuse)
        if stream is not None:
            page.route("**/api/events?*", lambda route: route.fulfill(content_type="text/event-stream", body=stream))
        page.goto(ground.page.address + path)
        if ground.stage.slack is not None:
            page.locator("#sidebar .person").first.wait_for(state="attached")
        page.locator(".plane-version").wait_for(state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def page(browse: Open, ground: Playground) -> Page:
    return browse(ground)


@pytest.fixture
def web(ground: Playground) -> WebClient:
    return WebClient(token=ground.slack.app.bot_token, base_url=ground.slack.api_url)


@pytest.fixture
def app(web: WebClient) -> App:
    return App(client=web)


@pytest.fixture(autouse=True)
def _an_empty_channel(request: pytest.FixtureRequest) -> Iterator[None]:
    """Messages of a test go with it."""
    yield
    if "ground" in request.fixturenames:
        workspace = request.getfixturevalue("ground").slack.workspace
        for channel in ("platform-ops", "maintenance-notices", "general"):
            for message in workspace.messages(channel, "U0BEN") + workspace.messages(channel, "U0ANA"):
                if workspace.store.find(message.channel, message.ts):
                    workspace.delete(message)


def opens(view: dict[str, Any]) -> Callable[..., None]:
    """A listener that opens this modal."""

    def listen(ack: Callable[[], None], client: WebClient, body: dict[str, Any]) -> None:
        ack()
        client.views_open(trigger_id=body["trigger_id"], view=view)

    return listen


def notes(into: list[Any], what: Callable[[dict[str, Any]], Any]) -> Callable[..., None]:
    """A listener that notes something of each payload."""

    def listen(ack: Callable[[], None], body: dict[str, Any]) -> None:
        into.append(what(body))
        ack()

    return listen
