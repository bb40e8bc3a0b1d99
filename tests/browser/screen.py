"""What a person does at the sandbox's page, and nothing else."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

OPERATIONS, NOTICES = "platform-ops", "maintenance-notices"


class Screen:
    """One page, at which everybody acts in turn."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.thread = page.get_by_role("complementary", name="Thread")

    def acts_as(self, name: str) -> None:
        person = self.page.locator("#sidebar").get_by_role("button", name=name)
        person.click()
        expect(person).to_have_attribute("aria-pressed", "true")

    def goes_to(self, channel: str) -> None:
        self.page.locator("#sidebar").get_by_role("button", name=channel).click()
        expect(self.page.locator("#channel h1")).to_have_text(re.compile(f"#?{re.escape(channel)}"))

    def reads_messages(self) -> Locator:
        """What the app told this person alone."""
        self.page.locator("#sidebar").get_by_role("button", name="Messages").click()
        expect(self.page.locator("#channel .intro")).to_contain_text("This is a direct message with the app.")
        return self.page.locator("#channel article")

    def says(self, text: str, pane: str = "#channel") -> None:
        field = self.page.locator(f"{pane} textarea")
        field.fill(text)
        field.press("Enter")
        expect(field).to_have_value("")

    def whisper(self, words: str) -> Locator:
        """The newest answer for this person's eyes only that has these words."""
        answer = self.page.locator("#channel .message.ephemeral", has_text=words).last
        expect(answer).to_be_visible()
        return answer

    def run(self, cluster: str) -> Locator:
        """The message of the newest run of a cluster."""
        title = self.page.locator(".block-header", has_text=f"{cluster}: Kubernetes")
        return self.page.locator("#channel article:not(.ephemeral)", has=title).last

    def looks_at(self, tab: str) -> None:
        """One of the tabs beside the workspace."""
        self.page.get_by_role("tab", name=tab).click()

    def incident(self, cluster: str) -> Locator:
        """What the pager shows of a cluster."""
        return self.page.locator(".incident", has_text=cluster)

    def id_of(self, run: Locator) -> str:
        found = re.search(r"r-[0-9a-f]{8}", run.inner_text())
        assert found is not None
        return found[0]

    def opens_file(self, message: Locator) -> Page:
        """In a tab of its own."""
        with self.page.expect_popup() as opened:
            message.get_by_role("link").first.click()
        return opened.value

    def opens_thread(self, message: Locator) -> None:
        message.get_by_role("button", name=re.compile("repl(y|ies)")).click()
        expect(self.thread).to_be_visible()

    def presses(self, where: Locator, name: str) -> None:
        where.get_by_role("button", name=name, exact=True).click()

    def dialog(self, title: str) -> Locator:
        dialog = self.page.get_by_role("dialog", name=title)
        expect(dialog).to_be_visible()
        return dialog

    def ticks_all(self, dialog: Locator) -> None:
        boxes = dialog.get_by_role("checkbox")
        expect(boxes.first).to_be_visible()
        for number in range(boxes.count()):
            boxes.nth(number).check()

    def approves(self, run: Locator, cluster: str) -> None:
        run.get_by_role("button", name=re.compile("^Approve")).click()
        dialog = self.dialog(f"Approve {cluster}?")
        self.ticks_all(dialog)
        self.presses(dialog, "Approve")
        expect(dialog).to_have_count(0)


class Phone(Screen):
    """A narrow screen that is touched, on which one view is there at a time."""

    def acts_as(self, name: str) -> None:
        self.page.get_by_role("button", name="Acting as").tap()
        self.page.locator("#sidebar").get_by_role("button", name=name).tap()
        expect(self.page.get_by_role("button", name=f"Acting as {name}")).to_be_visible()

    def goes_to(self, channel: str) -> None:
        self.presses(self.page.locator("#channel"), "Channels")
        super().goes_to(channel)

    def presses(self, where: Locator, name: str) -> None:
        where.get_by_role("button", name=name, exact=True).tap()

    def dialog(self, title: str) -> Locator:
        dialog = super().dialog(title)
        self.fits(dialog)
        return dialog

    def fits(self, part: Locator) -> None:
        """Nothing of it is cut off at a side, and the page does not scroll sideways."""
        cut = part.evaluate(_CUT_OFF)
        assert cut == []


_CUT_OFF = """part => {
    const wide = document.documentElement.clientWidth;
    const scroller = (node) => /auto|scroll/.test(getComputedStyle(node).overflowX);
    const scrolls = (node) => node && (scroller(node) || scrolls(node.parentElement));
    const cut = [part, ...part.querySelectorAll("*")].filter((node) => {
        const { left, right, width } = node.getBoundingClientRect();
        return width && (left < -0.5 || right > wide + 0.5) && !scrolls(node.parentElement);
    });
    const page = document.documentElement.scrollWidth > wide ? ["the page scrolls sideways"] : [];
    return [...page, ...cut.map((node) => node.outerHTML.slice(0, 200))];
}"""


class Keyboard:
    """The same with no mouse: Tab until it is there, then a key."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen
        self.keys = screen.page.keyboard

    def goes_to(self, target: Locator) -> None:
        expect(target).to_be_visible()
        for _ in range(150):
            if target.evaluate("node => node === document.activeElement"):
                return
            self.keys.press("Tab")
        raise AssertionError(f"Tab never gets to {target}")

    def presses(self, button: Locator) -> None:
        self.goes_to(button)
        self.keys.press("Enter")

    def acts_as(self, name: str) -> None:
        person = self.screen.page.locator("#sidebar").get_by_role("button", name=name)
        self.presses(person)
        expect(person).to_have_attribute("aria-pressed", "true")

    def says(self, text: str) -> None:
        field = self.screen.page.locator("#channel textarea")
        self.goes_to(field)
        self.keys.type(text)
        self.keys.press("Enter")
        expect(field).to_have_value("")
