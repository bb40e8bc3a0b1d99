"""Channels, messages, threads and people, as somebody with a browser sees them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from slack_bolt import App
from slack_sdk import WebClient

from tests.browser.conftest import Open
from tests.sandbox.page.playground import OPS, Playground
from tests.sandbox.slack.conftest import Connect, actions, button, section

pytestmark = pytest.mark.browser


def act_as(page: Page, name: str) -> None:
    page.locator("#sidebar").get_by_role("button", name=name).click()
    expect(page.locator("#sidebar .person.here")).to_contain_text(name)


def say(page: Page, text: str, pane: str = "#channel") -> None:
    page.locator(f"{pane} textarea").fill(text)
    page.keyboard.press("Enter")


def test_a_newcomer_is_told_what_to_type_and_it_is_one_click_away(page: Page) -> None:
    page.get_by_role("button", name="/eks-upgrade start c to 1.35").click()
    expect(page.locator("#channel textarea")).to_have_value("/eks-upgrade start c to 1.35")


def test_a_slash_suggests_the_command_and_enter_runs_it(
    page: Page, ground: Playground, app: App, connect: Connect
) -> None:
    app.command("/eks-upgrade")(lambda ack, command: ack(f"You said {command['text']}."))
    connect(ground.slack, app)
    page.locator("#channel textarea").press_sequentially("/ek")
    expect(page.get_by_role("listbox").get_by_role("option")).to_contain_text("/eks-upgrade[help")
    page.keyboard.press("Tab")
    expect(page.locator("#channel textarea")).to_have_value("/eks-upgrade ")
    page.keyboard.type("status")
    page.keyboard.press("Enter")
    answer = page.locator(".message.ephemeral")
    expect(answer).to_contain_text("Only visible to you")
    expect(answer).to_contain_text("You said status.")
    expect(page.locator("#channel textarea")).to_have_value("")


def test_a_command_that_fails_says_what_slack_says_and_keeps_the_line(page: Page) -> None:
    say(page, "/eks-upgrade help")
    expect(page.locator("#channel .composer-error")).to_have_text(
        re.compile('^/eks-upgrade failed with the error "[a-z_]+"$')
    )
    expect(page.locator("#channel textarea")).to_have_value("/eks-upgrade help")


def test_whoever_sends_sees_what_comes_of_it_even_when_scrolled_up(page: Page, web: WebClient) -> None:
    for number in range(40):
        web.chat_postMessage(channel=OPS, text=f"line {number}")
    expect(page.locator("article")).to_have_count(40)
    page.locator("#channel .scroller").first.evaluate("node => { node.scrollTop = 0; }")
    say(page, "mine")
    expect(page.locator("article", has_text="mine")).to_be_in_viewport()


def test_an_edited_message_changes_where_it_stands(page: Page, web: WebClient) -> None:
    first = web.chat_postMessage(channel=OPS, text="phase 1 of 9")["ts"]
    web.chat_postMessage(channel=OPS, text="another one")
    other = page.locator("article", has_text="another one")
    expect(other).to_be_visible()
    other.evaluate("node => { node.untouched = true; }")
    web.chat_update(channel=OPS, ts=first, text="phase 2 of 9")
    expect(page.locator("article").first).to_contain_text("phase 2 of 9")
    expect(page.locator("article")).to_have_count(2)
    assert other.evaluate("node => node.untouched") is True


def test_whoever_is_about_to_press_enter_is_not_thrown_off_by_an_edit(page: Page, web: WebClient) -> None:
    buttons = actions(button("Pause"), button("Abort"))
    ts = web.chat_postMessage(channel=OPS, text="50 %", blocks=[section("50 %"), buttons])["ts"]
    page.get_by_role("button", name="Abort").focus()
    web.chat_update(channel=OPS, ts=ts, text="60 %", blocks=[section("60 %"), buttons])
    expect(page.locator("article")).to_contain_text("60 %")
    expect(page.get_by_role("button", name="Abort")).to_be_focused()
    act_as(page, "Ben Fischer")
    expect(page.locator("#sidebar").get_by_role("button", name="Ben Fischer")).to_be_focused()


def test_a_thread_counts_its_replies_and_opens_beside(page: Page, ground: Playground, web: WebClient) -> None:
    parent = str(web.chat_postMessage(channel=OPS, text="the run")["ts"])
    for number in range(1, 3):
        web.chat_postMessage(channel=OPS, text=f"step {number}", thread_ts=parent)
    page.get_by_role("button", name="2 replies").click()
    thread = page.get_by_role("complementary", name="Thread")
    expect(thread.locator("article")).to_have_count(3)
    say(page, "well done @ben", pane="#thread")
    expect(thread).to_contain_text("well done @Ben Fischer")
    expect(page.get_by_role("button", name="3 replies")).to_be_visible()
    assert ground.slack.workspace.thread(OPS, parent)[-1].text == "well done <@U0BEN>"
    page.keyboard.press("Escape")
    expect(thread).to_be_hidden()


def test_what_is_half_written_in_a_thread_is_not_lost(page: Page, web: WebClient) -> None:
    first = str(web.chat_postMessage(channel=OPS, text="one")["ts"])
    second = str(web.chat_postMessage(channel=OPS, text="two")["ts"])
    for parent in (first, second):
        web.chat_postMessage(channel=OPS, text="a reply", thread_ts=parent)
    thread = page.get_by_role("complementary", name="Thread")
    field = thread.locator("textarea")
    opener = page.locator("#channel").get_by_role("button", name="1 reply")
    opener.nth(0).click()
    field.fill("not finis")
    page.keyboard.press("Escape")
    expect(thread).to_be_visible()
    expect(field).to_have_value("not finis")
    opener.nth(1).click()
    expect(field).to_have_value("")
    field.fill("for two")
    opener.nth(0).click()
    expect(field).to_have_value("not finis")
    field.fill("")
    page.keyboard.press("Escape")
    expect(thread).to_be_hidden()
    opener.nth(1).click()
    expect(field).to_have_value("for two")


def test_what_only_ben_sees_is_gone_when_ana_looks(page: Page, web: WebClient) -> None:
    web.chat_postEphemeral(channel=OPS, user="U0BEN", text="for ben alone")
    web.chat_postMessage(channel=OPS, text="for everybody")
    expect(page.locator("#channel")).to_contain_text("for everybody")
    expect(page.locator("#channel")).not_to_contain_text("for ben alone")
    act_as(page, "Ben Fischer")
    expect(page.locator(".message.ephemeral")).to_contain_text("for ben alone")
    act_as(page, "Ana Ortiz")
    expect(page.locator("#channel")).not_to_contain_text("for ben alone")


def test_what_came_elsewhere_is_marked_until_it_is_read(page: Page, web: WebClient) -> None:
    notices = page.get_by_role("button", name="maintenance-notices")
    web.chat_postMessage(channel="#maintenance-notices", text="hear, hear <@U0ANA>")
    expect(notices).to_have_class("unread")
    expect(notices.locator(".badge")).to_have_text("1")
    notices.click()
    expect(notices).to_have_class("here")
    expect(notices.locator(".badge")).to_have_count(0)


def test_whoever_is_called_is_marked_as_the_one_to_act_as_next(page: Page, web: WebClient) -> None:
    ben = page.locator("#sidebar").get_by_role("button", name="Ben Fischer")
    web.chat_postMessage(channel=OPS, text="please approve <!subteam^S0APPROVERS>")
    expect(ben.locator(".badge")).to_have_text("1")
    act_as(page, "Ben Fischer")
    expect(page.locator(".message.mentions-me")).to_contain_text("@approvers")
    expect(ben.locator(".badge")).to_have_count(0)


def test_a_date_is_in_the_time_zone_of_whoever_reads_it(page: Page, web: WebClient) -> None:
    at = int(datetime(2026, 11, 20, 14, 30, tzinfo=UTC).timestamp())
    web.chat_postMessage(channel=OPS, text=f"starts <!date^{at}^{{date_short_pretty}} {{time}}|in UTC>")
    expect(page.locator("article")).to_contain_text("starts 20 Nov 2026 15:30")
    act_as(page, "Ben Fischer")
    expect(page.locator("article")).to_contain_text("starts 20 Nov 2026 09:30")


def test_a_permalink_jumps_inside_the_page(page: Page, browse: Open, ground: Playground, web: WebClient) -> None:
    parent = str(web.chat_postMessage(channel=OPS, text="the run")["ts"])
    reply = str(web.chat_postMessage(channel=OPS, text="step one", thread_ts=parent)["ts"])
    link = str(web.chat_getPermalink(channel=OPS, message_ts=reply)["permalink"])
    web.chat_postMessage(channel="#maintenance-notices", text=f"<{link}|Follow it here>")
    page.get_by_role("button", name="maintenance-notices").click()
    page.get_by_role("link", name="Follow it here").click()
    expect(page.locator("#channel h1")).to_have_text("#platform-ops")
    expect(page.locator("#thread article.highlight")).to_contain_text("step one")
    assert page.url == link
    again = browse(ground, link.removeprefix(ground.page.address))
    expect(again.locator("#thread article.highlight")).to_contain_text("step one")


def test_an_outage_is_told_and_what_was_typed_is_not_lost(page: Page, ground: Playground) -> None:
    ground.slack.set_outage(True)
    expect(page.get_by_role("status").filter(has_text="outage")).to_be_visible()
    say(page, "anybody?")
    expect(page.locator("#channel .composer-error")).to_contain_text("cannot be reached")
    expect(page.locator("#channel textarea")).to_have_value("anybody?")
    ground.slack.set_outage(False)
    expect(page.get_by_role("status").filter(has_text="outage")).to_be_hidden()
    page.keyboard.press("Enter")
    expect(page.locator("article")).to_contain_text("anybody?")
