"""The stories of a requester, an approver, a reader and an on-call person, at the page alone: the real bot behind it.

`make pictures` remakes the pictures of the docs from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from sandbox.page.server import Page as Served
from sandbox.scenario import load_scenario
from sandbox.world.objects import NODES
from tests.browser.conftest import Open
from tests.browser.pictures import small
from tests.browser.screen import NOTICES, OPERATIONS, Keyboard, Phone, Screen
from tests.scenarios.play import Play

pytestmark = pytest.mark.browser
Take = Callable[[Page, str], None]


class Theatre:
    """The stage with the real bot, and the page that shows it."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.stage = play.stage
        self.page = Served(play.stage, play.bot, 0)


@pytest.fixture(scope="module")
def theatre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    scenario = load_scenario(Path(__file__).with_name("stories.yaml"))
    with Play(scenario, tmp_path_factory.mktemp("stories")) as play:
        theatre = Theatre(play)
        theatre.page.start()
        yield theatre
        theatre.page.stop()


@pytest.fixture
def screen(browse: Open, theatre: Theatre) -> Screen:
    return Screen(browse(theatre, width=1500, height=950, smooth=True))


@pytest.fixture
def take(request: pytest.FixtureRequest) -> Iterator[Take]:
    """Takes a picture for the docs, if pictures are wanted; drawn when the story is over, for the clock runs."""
    folder = request.config.getoption("pictures")
    shots: dict[str, bytes] = {}

    def take(page: Page, name: str) -> None:
        if folder is not None:
            page.mouse.move(0, 0)
            page.evaluate("document.activeElement.blur()")
            shots[name] = page.screenshot(animations="disabled", caret="hide")

    yield take
    for name, shot in shots.items():
        small(Image.open(BytesIO(shot)).convert("RGB")).save(Path(folder) / f"{name}.png", optimize=True)


def test_a_maintenance_from_its_schedule_to_its_end(theatre: Theatre, screen: Screen, take: Take) -> None:
    page, play, world = screen.page, theatre.play, theatre.stage.world
    start = (play.clock.now() + timedelta(days=10)).astimezone(ZoneInfo("Europe/Berlin")).replace(minute=0)

    screen.acts_as("Ana Ortiz")
    screen.says("/eks-upgrade schedule prod-eu to 1.36")
    form = screen.dialog("Schedule an upgrade")
    form.get_by_label("Day and time").fill(f"{start:%Y-%m-%dT%H}:00")
    screen.presses(form, "Schedule")
    expect(form).to_have_count(0)
    run = screen.run("prod-eu")
    expect(run).to_contain_text("Waiting for approval")
    expect(run).to_contain_text(f"{start:%H}:00")
    take(page, "plan")

    screen.acts_as("Ben Fischer")
    expect(run).to_contain_text(f"{start.astimezone(ZoneInfo('America/New_York')):%H}:00")
    run.get_by_role("button", name=re.compile("^Approve")).click()
    dialog = screen.dialog("Approve prod-eu?")
    screen.ticks_all(dialog)
    take(page, "approve")
    screen.presses(dialog, "Approve")
    expect(dialog).to_have_count(0)
    expect(run).to_contain_text("Starts")
    expect(run.get_by_role("button", name="Approve")).to_have_count(0)

    screen.acts_as("Dev Patel")
    screen.says("/eks-upgrade calendar")
    theirs = start.astimezone(ZoneInfo("Asia/Kolkata"))
    expect(screen.whisper("The next 30 days")).to_contain_text(re.compile(f"prod-eu 1.35 → 1.36.*{theirs:%H:%M}"))
    screen.goes_to("shop-platform")
    expect(page.locator("#channel article", has_text="prod-eu")).to_contain_text("1.36")
    screen.goes_to(NOTICES)
    notice = page.locator("#channel article", has_text="prod-eu")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("1.36")
    screen.opens_thread(notice)
    expect(screen.thread).to_contain_text("Reminder")
    take(page, "notice")

    screen.acts_as("Ana Ortiz")
    screen.goes_to(OPERATIONS)
    with play.holding("prod-eu"):
        screen.presses(run, "Reschedule…")
        form = screen.dialog("Another start")
        form.get_by_role("combobox", name="When").select_option(label="As soon as it may")
        screen.presses(form, "Reschedule")
        expect(run).to_contain_text("Running")
        screen.opens_thread(run)
        call = screen.thread.locator("article", has_text="@on-call").last
        expect(call).to_contain_text("prod-eu needs you")
        expect(screen.reads_messages().last).to_contain_text("prod-eu needs you")

        screen.acts_as("Eve Larsen")
        screen.goes_to(OPERATIONS)
        screen.opens_thread(run)
        screen.looks_at("Pager")
        incident = screen.incident("prod-eu")
        expect(incident).to_contain_text("TRIGGERED")
        take(page, "called")
        screen.presses(call, "Take over")
        expect(screen.thread).to_contain_text("@Eve Larsen has seen it")
        expect(run).to_contain_text("In charge: @Eve Larsen")
        expect(incident).to_contain_text("ACKNOWLEDGED")
        screen.presses(run, "Pause")
        expect(screen.thread).to_contain_text("@Eve Larsen asked for a pause")
    expect(run).to_contain_text("Paused")
    screen.looks_at("Cluster")

    cluster = world.find_cluster("prod-eu")

    def half_way() -> bool:
        nodes = cluster.kube.list(NODES)
        apps = [node for node in nodes if node["metadata"]["labels"].get("eks.amazonaws.com/nodegroup") == "apps"]
        return any(node["spec"].get("unschedulable") for node in apps)

    with play.clock.standing(world, half_way):
        screen.presses(run, "Resume")
        expect(page.locator(".group.busy", has_text="apps").locator(".cell.cordoned").first).to_be_visible()
        expect(run).to_contain_text("Node group apps to 1.36")
        take(page, "under-way")
    expect(run).to_contain_text("Done in")
    expect(screen.thread.locator("img").last).to_be_visible()
    expect(page.get_by_role("combobox", name="Cluster")).not_to_contain_text("updating")
    take(page, "end")
    screen.looks_at("Pager")
    expect(incident).to_contain_text("RESOLVED")

    screen.says(f"/eks-upgrade export {screen.id_of(run)} html")
    pack = screen.opens_file(screen.reads_messages().filter(has_text=".html"))
    expect(pack.locator("h1")).to_contain_text("prod-eu")
    for words in ("UpdateClusterVersion", "UpdateNodegroupVersion", "U0BEN", "U0EVE", "run-rescheduled"):
        expect(pack.locator("body")).to_contain_text(words)
    lines = pack.locator("td bdi", has_text="UpdateNodegroupVersion").first.evaluate(
        "cell => cell.getClientRects().length"
    )
    assert lines == 1, "a word is broken"
    expect(pack.locator("img").first).not_to_have_js_property("naturalWidth", 0)


def test_a_reader_may_not_decide_and_an_approver_finds_what_waits_at_home(screen: Screen, take: Take) -> None:
    page = screen.page
    screen.acts_as("Ana Ortiz")
    screen.says("/eks-upgrade start staging-us to 1.36")
    run = screen.run("staging-us")
    expect(run).to_contain_text("Waiting for approval")

    screen.acts_as("Dev Patel")
    screen.presses(run, "Reject…")
    screen.whisper("That is for the role approver or admin.")
    expect(page.get_by_role("dialog")).to_have_count(0)
    screen.says("/eks-upgrade status staging-us")
    expect(screen.whisper("Waiting for approval")).to_contain_text("staging-us")

    screen.acts_as("Ben Fischer")
    screen.goes_to("eks-upgrades")
    home = page.locator(".app-home")
    expect(home).to_contain_text("Needs your approval")
    expect(home).to_contain_text("prod-data")
    take(page, "home")
    home.get_by_role("link", name="thread").first.click()
    expect(screen.thread).to_contain_text("staging-us: Kubernetes")
    assert page.evaluate("document.scrollingElement.scrollTop") == 0, "the jump moves the list, not the page"
    screen.presses(run, "Reject…")
    dialog = screen.dialog("Reject staging-us?")
    dialog.get_by_role("textbox", name="Why?").fill("Not before the sale & <b>not</b> alone")
    screen.presses(dialog, "Reject")
    expect(dialog).to_have_count(0)
    expect(screen.thread).to_contain_text("Not before the sale & <b>not</b> alone")
    expect(run).to_contain_text("Rejected")
    expect(run.get_by_role("button", name="Abort…")).to_have_count(0)


def test_on_a_narrow_phone_a_form_begins_an_upgrade_and_another_ends_it(
    browse: Open, theatre: Theatre, take: Take
) -> None:
    phone = Phone(browse(theatre, width=375, height=667, has_touch=True, smooth=True))
    page = phone.page
    phone.acts_as("Ana Ortiz")
    phone.says("/eks-upgrade")
    form = phone.dialog("Upgrade a cluster")
    form.get_by_role("combobox", name="What").select_option(label="Start: check, ask for approval, upgrade")
    form.get_by_role("combobox", name="Cluster").select_option(label="dev-eu")
    form.get_by_role("textbox", name="To version").fill("1.36")
    phone.presses(form, "Go")
    run = phone.run("dev-eu")
    expect(run).to_contain_text("Waiting for approval")
    phone.fits(run)
    with theatre.play.holding("dev-eu"):
        phone.acts_as("Ben Fischer")
        phone.approves(run, "dev-eu")
        expect(run).to_contain_text("Running")
        phone.acts_as("Ana Ortiz")
        phone.presses(run, "Abort…")
        dialog = phone.dialog("Abort dev-eu?")
        expect(dialog).to_contain_text("Control plane to 1.36")
        phone.presses(dialog, "Abort")
        expect(dialog).to_have_count(0)
        phone.opens_thread(run)
        expect(phone.thread).to_contain_text("@Ana Ortiz aborts the run.")
        phone.fits(phone.thread)
        phone.presses(phone.thread, "Close thread")
        take(page, "phone")
    expect(run).to_contain_text("Aborted")
    phone.fits(run)

    phone.acts_as("Dev Patel")
    phone.goes_to(NOTICES)
    expect(page.locator("#channel article", has_text="dev-eu").first).to_contain_text("Stopped early")
    phone.fits(page.locator("#channel"))
    phone.goes_to("eks-upgrades")
    expect(page.locator(".app-home")).to_contain_text("dev-eu")
    phone.fits(page.locator("#channel"))
    page.get_by_role("button", name="Cluster", exact=True).tap()
    phone.fits(page.locator("#stage"))


def test_without_a_mouse_from_the_check_to_the_approval(screen: Screen) -> None:
    hands = Keyboard(screen)
    hands.acts_as("Ana Ortiz")
    hands.says("/eks-upgrade check staging-eu to 1.36")
    expect(screen.whisper("staging-eu: 1.35 → 1.36")).to_contain_text("Ready")
    hands.says("/eks-upgrade plan staging-eu to 1.36")
    answer = screen.whisper("Control plane to 1.36")
    hands.presses(answer.get_by_role("button", name=re.compile("^Start")))
    run = screen.run("staging-eu")
    expect(run).to_contain_text("Waiting for approval")
    hands.acts_as("Ben Fischer")
    hands.presses(run.get_by_role("button", name=re.compile("^Approve")))
    dialog = screen.dialog("Approve staging-eu?")
    boxes = dialog.get_by_role("checkbox")
    for number in range(boxes.count()):
        hands.goes_to(boxes.nth(number))
        screen.page.keyboard.press("Space")
    hands.presses(dialog.get_by_role("button", name="Approve"))
    expect(dialog).to_have_count(0)
    expect(run).to_contain_text("Done in")
