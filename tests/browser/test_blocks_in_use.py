"""Buttons, dialogs, menus and modals: what a person does with them reaches the app, and nothing else does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from slack_bolt import App
from slack_sdk import WebClient

from handlers.ids import Input, RunRef
from handlers.modals import fields_of
from handlers.views.dialogs import render_approve_dialog
from tests.browser.conftest import notes, opens
from tests.handlers import samples
from tests.patience import LONGEST, wait_for
from tests.sandbox.page.playground import OPS, Playground
from tests.sandbox.slack.conftest import Connect, actions, button, modal, plain, question, section
from upgrade.run import RunStatus

pytestmark = pytest.mark.browser

SURE = {
    "title": plain("Approve this plan?"),
    "text": plain("There is no way back."),
    "confirm": plain("Approve it"),
    "deny": plain("Back"),
}
OPTIONS = [{"text": plain(label), "value": label.lower()} for label in ("Lazy", "Match first", "Every hop")]
Ack = Callable[..., None]


def show(web: WebClient, *blocks: dict[str, Any]) -> None:
    web.chat_postMessage(channel=OPS, text="shown", blocks=list(blocks))


def test_a_confirm_dialog_stands_between_a_button_and_the_app(
    page: Page, ground: Playground, app: App, connect: Connect
) -> None:
    pressed: list[str] = []
    app.action("go")(notes(pressed, lambda body: body["actions"][0]["value"]))
    connect(ground.slack, app)
    show(app.client, actions(button("go", "yes", confirm=SURE, style="primary")))
    dialog = page.get_by_role("dialog", name="Approve this plan?")
    page.get_by_role("button", name="go").click()
    expect(dialog).to_contain_text("There is no way back.")
    dialog.get_by_role("button", name="Back").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="go").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert pressed == []
    page.get_by_role("button", name="go").click()
    dialog.get_by_role("button", name="Approve it").click()
    expect(page.get_by_role("button", name="go")).to_be_enabled()
    wait_for(lambda: pressed)
    assert pressed == ["yes"]


def test_a_button_waits_for_the_app_and_takes_no_second_press(
    page: Page, ground: Playground, app: App, connect: Connect
) -> None:
    go_on, pressed = threading.Event(), []

    def slow(ack: Ack, action: dict[str, Any]) -> None:
        pressed.append(action["value"])
        go_on.wait(LONGEST)
        ack()

    app.action("slow")(slow)
    connect(ground.slack, app)
    ts = app.client.chat_postMessage(channel=OPS, text="1", blocks=[section("before"), actions(button("slow"))])["ts"]
    target = page.get_by_role("button", name="slow")
    target.click()
    expect(target).to_be_disabled()
    expect(target).to_have_attribute("aria-busy", "true")
    app.client.chat_update(channel=OPS, ts=ts, text="2", blocks=[section("edited meanwhile"), actions(button("slow"))])
    expect(page.locator("article")).to_contain_text("edited meanwhile")
    expect(target).to_be_disabled()
    go_on.set()
    expect(target).to_be_enabled()
    assert pressed == ["v"]


def test_without_an_app_a_button_says_that_it_did_not_work(page: Page, web: WebClient) -> None:
    show(web, actions(button("lost")))
    page.get_by_role("button", name="lost").click()
    expect(page.get_by_role("alert").filter(has_text="That did not work")).to_be_visible()
    expect(page.get_by_role("button", name="lost")).to_be_enabled()


def test_menus_in_a_message_tell_what_was_chosen(page: Page, ground: Playground, app: App, connect: Connect) -> None:
    chosen: list[str] = []
    for action in ("policy", "more"):
        app.action(action)(notes(chosen, lambda body: body["actions"][0]["selected_option"]["value"]))
    connect(ground.slack, app)
    select = {"type": "static_select", "action_id": "policy", "placeholder": plain("Policy"), "options": OPTIONS}
    more = {"type": "overflow", "action_id": "more", "options": OPTIONS[:2]}
    show(app.client, section("choose", accessory=more), actions(select))
    page.get_by_label("Policy").select_option("Every hop")
    wait_for(lambda: chosen)
    page.get_by_role("button", name="More actions").click()
    page.get_by_role("menuitem", name="Match first").click()
    expect(page.get_by_role("menuitem")).to_have_count(0)
    expect(page.get_by_role("button", name="More actions")).to_be_enabled()
    wait_for(lambda: len(chosen) == 2)
    assert chosen == ["every hop", "match first"]


def test_a_modal_keeps_what_was_typed_shows_errors_and_closes(
    page: Page, ground: Playground, app: App, connect: Connect
) -> None:
    closed: list[str] = []
    policy = {
        "type": "input",
        "block_id": "policy",
        "label": plain("Nodes"),
        "dispatch_action": True,
        "element": {"type": "static_select", "action_id": "pick", "options": OPTIONS},
    }
    view = modal(policy, question(), title=plain("Waive?"), notify_on_close=True)

    def submit(ack: Ack, view: dict[str, Any]) -> None:
        reason = view["state"]["values"]["reason"]["text"]["value"]
        ack() if reason == "because" else ack(response_action="errors", errors={"reason": "Say why."})

    def pick(ack: Ack, body: dict[str, Any], client: WebClient) -> None:
        ack()
        told = section(f"You chose {body['actions'][0]['selected_option']['value']}.")
        client.views_update(view_id=body["view"]["id"], view={**view, "blocks": [*view["blocks"], told]})

    app.action("open")(opens(view))
    app.action("pick")(pick)
    app.view("m")(submit)
    app.view_closed("m")(notes(closed, lambda body: body["user"]["id"]))
    connect(ground.slack, app)
    show(app.client, actions(button("open")))

    page.get_by_role("button", name="open").click()
    dialog = page.get_by_role("dialog", name="Waive?")
    dialog.get_by_label("Reason").fill("so what")
    dialog.get_by_label("Nodes").select_option("Lazy")
    expect(dialog).to_contain_text("You chose lazy.")
    expect(dialog.get_by_label("Reason")).to_have_value("so what")
    dialog.get_by_role("button", name="Go").click()
    expect(dialog.get_by_role("alert").filter(has_text="Say why.")).to_be_visible()
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_label("Reason").fill("because")
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert closed == []

    page.get_by_role("button", name="open").click()
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert ground.slack.workspace.modals.on_screen("U0ANA") == []


def test_day_and_time_are_picked_on_the_persons_own_clock(
    page: Page, ground: Playground, app: App, connect: Connect
) -> None:
    """In November, and in a March in which summer time begins in New York and not yet in Berlin."""
    picked: list[int] = []
    shown = int(datetime(2026, 11, 20, 21, 30, tzinfo=UTC).timestamp())
    picker = {"type": "datetimepicker", "action_id": "at", "initial_date_time": shown}
    view = modal({"type": "input", "block_id": "at", "label": plain("Day and time"), "element": picker})
    app.action("open")(opens(view))
    app.view("m")(notes(picked, lambda body: body["view"]["state"]["values"]["at"]["at"]["selected_date_time"]))
    connect(ground.slack, app)
    show(app.client, actions(button("open")))
    for name, reads, hour in (("Ana Ortiz", "2026-11-20T22:30", 21), ("Ben Fischer", "2026-11-20T16:30", 18)):
        page.locator("#sidebar").get_by_role("button", name=name).click()
        page.get_by_role("button", name="open", exact=True).click()
        dialog = page.get_by_role("dialog", name="Title")
        expect(dialog.get_by_label("Day and time")).to_have_value(reads)
        dialog.get_by_label("Day and time").fill("2027-03-20T22:00" if hour == 21 else "2027-03-20T14:00")
        dialog.get_by_role("button", name="Go").click()
        expect(dialog).to_have_count(0)
        assert picked.pop() == int(datetime(2027, 3, 20, hour, tzinfo=UTC).timestamp())


def test_the_check_list_is_ticked_in_the_dialog_behind_approve(
    page: Page, ground: Playground, app: App, connect: Connect
) -> None:
    run = samples.run(RunStatus.AWAITING_APPROVAL)
    first, *others = samples.CHECKLIST
    view = render_approve_dialog(run, RunRef(run.id, samples.two_hops().digest, "plan"))
    ticked: list[str] = []

    def submit(ack: Ack, view: dict[str, Any]) -> None:
        ticked[:] = fields_of(view)[Input.TICKS].split()
        missing = [item.title for item in samples.CHECKLIST if item.id not in ticked]
        ack(response_action="errors", errors={"ticks": f"Not ticked yet: {missing[0]}."}) if missing else ack()

    app.action("open")(opens(view))
    app.view("dialog.approve")(submit)
    connect(ground.slack, app)
    show(app.client, actions(button("open")))
    page.get_by_role("button", name="open").click()
    dialog = page.get_by_role("dialog", name="Approve prod-eu?")
    expect(dialog.get_by_role("link", name="Read more").first).to_have_attribute("href", first.link)
    boxes = dialog.get_by_role("group", name="I have looked after").get_by_role("checkbox")
    expect(boxes).to_have_count(len(samples.CHECKLIST))
    for item in others:
        dialog.get_by_role("checkbox", name=item.title).check()
    dialog.get_by_role("button", name="Approve").click()
    expect(dialog.get_by_role("alert").filter(has_text=f"Not ticked yet: {first.title}.")).to_be_visible()
    assert ticked == [item.id for item in others]
    expect(dialog.get_by_role("checkbox", checked=True)).to_have_count(len(others))
    dialog.get_by_role("checkbox", name=first.title).check()
    page.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    assert ticked == [item.id for item in samples.CHECKLIST]


def test_the_home_tab_is_published_when_it_is_opened_and_its_buttons_work(
    page: Page, ground: Playground, app: App, connect: Connect
) -> None:
    def publish(client: WebClient, event: dict[str, Any]) -> None:
        client.views_publish(
            user_id=event["user"], view={"type": "home", "blocks": [section("All quiet."), actions(button("ask"))]}
        )

    app.event("app_home_opened")(publish)
    app.action("ask")(opens(modal()))
    connect(ground.slack, app)
    page.locator("#sidebar").get_by_role("button", name="eks-upgrades").click()
    expect(page.locator(".app-home")).to_contain_text("All quiet.")
    page.get_by_role("button", name="ask").click()
    expect(page.get_by_role("dialog", name="Title")).to_be_visible()
    page.keyboard.press("Escape")
