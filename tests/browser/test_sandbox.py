"""The live picture of the cluster, the switches, and the whole page in a narrow window or without a mouse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from slack_sdk import WebClient

from handlers.views.run import render_run
from sandbox.world.objects import NODES
from tests.browser.conftest import Open
from tests.handlers import samples
from tests.sandbox.page.playground import OPS, Playground
from upgrade.run import RunStatus

pytestmark = pytest.mark.browser


def test_the_cluster_moves_before_ones_eyes(browse: Open, tmp_path: Path) -> None:
    with Playground(tmp_path, by_hand=True) as ground:
        world = ground.stage.world
        cluster = world.find_cluster("c")
        page = browse(ground)
        plane = page.get_by_role("region", name="Control plane")
        expect(plane).to_contain_text("1.34")
        expect(page.locator(".legend")).to_have_text("1.34 · 5 nodes")
        assert page.locator(".cell .pod.ready").count() > 5
        world.update_cluster_version(cluster, "1.35", token="a")
        expect(plane.get_by_role("progressbar")).to_be_visible()
        expect(plane).to_contain_text("→1.35")
        ground.let_pass(lambda: cluster.status == "ACTIVE")
        expect(plane.locator(".status")).to_have_text("ACTIVE")
        world.update_nodegroup_version(cluster, "core", version="1.35", token="b")
        expect(page.locator(".group.busy")).to_contain_text("core")
        ground.let_pass(lambda: any(node["spec"].get("unschedulable") for node in cluster.kube.list(NODES)))
        expect(page.locator(".cell.cordoned").first).to_contain_text("cordoned")
        ground.let_pass(lambda: cluster.nodegroups["core"].status == "ACTIVE")
        expect(page.locator(".legend")).to_have_text(re.compile(r"1\.34 · 3 nodes.*1\.35 · 2 nodes"))
        history = page.locator(".updates li").last
        expect(history).to_contain_text("control-plane → 1.35")
        expect(history.locator(".update-took")).to_have_text(re.compile(r"^\d+ min$"))


def test_without_slack_there_is_the_cluster_alone(browse: Open, tmp_path: Path) -> None:
    with Playground(tmp_path, with_bot=False, with_slack=False) as ground:
        page = browse(ground)
        expect(page.get_by_role("region", name="Control plane")).to_contain_text("1.34")
        expect(page.locator(".bot")).to_have_text("No bot: connect your own")
        expect(page.locator("#channel")).to_be_hidden()
        expect(page.locator("#sidebar")).to_be_hidden()


def test_another_cluster_can_be_chosen(page: Page) -> None:
    page.get_by_role("combobox", name="Cluster").select_option(label="other · 1.33")
    expect(page.locator(".cluster-title h2")).to_have_text("other")
    expect(page.locator(".group")).to_have_count(1)
    expect(page.locator(".cell")).to_have_count(1)


def test_a_budget_is_broken_and_repaired_with_a_switch(page: Page, ground: Playground) -> None:
    budget = page.locator(".budget", has_text="web")
    expect(budget).to_contain_text("1 may go")
    page.get_by_role("tab", name="Faults").click()
    page.locator("[name=budget]").select_option("shop/web")
    page.get_by_role("button", name="Break: A PodDisruptionBudget").click()
    switch = page.get_by_role("switch", name="PDB shop/web blocks")
    expect(switch).to_be_checked()
    page.get_by_role("tab", name="Cluster").click()
    expect(budget).to_contain_text("0 may go")
    page.get_by_role("tab", name="Faults").click()
    switch.click()
    expect(switch).not_to_be_checked()
    page.get_by_role("tab", name="Cluster").click()
    expect(budget).to_contain_text("1 may go")


def test_a_fault_that_cannot_be_says_why(page: Page, ground: Playground) -> None:
    page.get_by_role("tab", name="Faults").click()
    page.locator("[name=action]").fill("everything")
    page.get_by_role("button", name="Break: IAM").click()
    expect(page.locator("#panel-faults").get_by_role("alert")).to_contain_text("action")
    assert not ground.stage.world.faults.denied_actions


def test_a_name_with_a_mistake_is_refused_and_says_what_was_meant(page: Page, ground: Playground) -> None:
    page.get_by_role("tab", name="Faults").click()
    alert = page.locator("#panel-faults").get_by_role("alert")
    for field, wrong, button, said in (
        ("action", "eks:UpdateClusterVersoin", "Break: IAM", "Did you mean UpdateClusterVersion"),
        ("rule", "list nods", "Break: RBAC", "Did you mean nodes"),
        ("operation", "garbage", "Break: AWS throttles", "AWS has no operation garbage"),
    ):
        page.locator(f"[name={field}]").fill(wrong)
        page.get_by_role("button", name=button).click()
        expect(alert).to_contain_text(said)
    faults = ground.stage.world.faults
    assert not faults.denied_actions
    assert not faults.denied_rbac
    expect(page.locator("#panel-faults")).not_to_contain_text("garbage (")


def test_what_is_mended_is_not_listed_as_broken(browse: Open, tmp_path: Path) -> None:
    with Playground(tmp_path) as ground:
        page = browse(ground)
        page.get_by_role("tab", name="Faults").click()
        now = page.locator("#panel-faults section", has_text="Broken now")
        before = page.locator("#panel-faults section", has_text="Broken before")
        nothing = now.get_by_text("Nothing is broken.")
        expect(nothing).to_be_visible()
        expect(before).to_be_hidden()
        page.get_by_role("button", name="Break: IAM").click()
        switch = now.get_by_role("switch", name="IAM denies")
        expect(switch).to_be_checked()
        expect(nothing).to_be_hidden()
        switch.click()
        expect(nothing).to_be_visible()
        expect(now.get_by_role("switch")).to_have_count(0)
        expect(before.get_by_role("switch", name="IAM denies")).not_to_be_checked()
        before.get_by_role("switch", name="IAM denies").click()
        expect(now.get_by_role("switch", name="IAM denies")).to_be_checked()
        expect(before).to_be_hidden()


def test_the_bot_is_killed_and_started_from_the_page(page: Page, ground: Playground) -> None:
    page.get_by_role("button", name="Start the bot").click()
    expect(page.locator(".bot-state")).to_contain_text("pid")
    assert ground.bot is not None
    first = ground.bot.pid
    page.get_by_role("button", name="kill -9 the bot").click()
    expect(page.locator(".bot-state")).to_have_text("Bot killed")
    page.get_by_role("button", name="Start the bot").click()
    expect(page.locator(".bot-state")).to_contain_text(re.compile(r"pid.*1 restart"))
    assert ground.bot.pid not in (None, first)
    page.get_by_role("tab", name="Bot log").click()
    expect(page.locator(".log")).to_contain_text("here I am")
    ground.bot.kill()


def test_the_plan_fits_one_phone_screen(browse: Open, ground: Playground, web: WebClient) -> None:
    page = browse(ground, width=390, height=844)
    web.chat_postMessage(channel=OPS, **render_run(samples.run(RunStatus.AWAITING_APPROVAL), []).as_arguments())
    message = page.locator("article")
    expect(message.get_by_role("button", name="Approve")).to_be_in_viewport(ratio=1)
    expect(message.locator(".block-header")).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = message.bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= 390


def test_on_a_phone_everything_is_a_tap_away(browse: Open, ground: Playground) -> None:
    page = browse(ground, width=390, height=844, has_touch=True)
    expect(page.locator("#stage")).to_be_hidden()
    page.get_by_role("button", name="Cluster", exact=True).tap()
    expect(page.get_by_role("region", name="Control plane")).to_be_in_viewport()
    page.get_by_role("button", name="Slack", exact=True).tap()
    page.get_by_role("button", name="Channels", exact=True).tap()
    page.locator("#sidebar").get_by_role("button", name="Ben Fischer").tap()
    expect(page.locator("#sidebar")).to_be_hidden()
    expect(page.locator("#channel textarea")).to_be_visible()
    acting = page.get_by_role("button", name="Acting as Ben Fischer")
    expect(acting).to_be_in_viewport(ratio=1)
    acting.tap()
    page.locator("#sidebar").get_by_role("button", name="Ana Ortiz").tap()
    expect(page.get_by_role("button", name="Acting as Ana Ortiz")).to_be_in_viewport(ratio=1)


def test_a_keyboard_is_enough(page: Page, ground: Playground) -> None:
    page.locator("#sidebar").get_by_role("button", name="platform-ops").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#channel h1")).to_have_text("#maintenance-notices")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#channel textarea')"):
            break
    page.keyboard.type("typed without a mouse")
    page.keyboard.press("Enter")
    expect(page.locator("article")).to_contain_text("typed without a mouse")
    page.get_by_role("tab", name="Cluster").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Faults")).to_be_focused()
    expect(page.get_by_role("tabpanel", name="Faults")).to_be_visible()


def test_every_control_has_a_name(page: Page, web: WebClient) -> None:
    web.chat_postMessage(channel=OPS, **render_run(samples.run(RunStatus.AWAITING_APPROVAL), []).as_arguments())
    expect(page.locator("article")).to_be_visible()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select, textarea, [role=img], [role=log]")]
            .filter((node) => !(node.ariaLabel || node.innerText || node.textContent || node.labels?.length))
            .map((node) => node.outerHTML)"""
    )
    assert nameless == []
