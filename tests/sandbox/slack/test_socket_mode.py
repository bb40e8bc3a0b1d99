"""A real Bolt app over Socket Mode: commands, interactions, modals, events, and what happens when acks fail."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from slack_bolt import App
from slack_sdk.errors import SlackApiError
from slack_sdk.webhook import WebhookClient

from sandbox.slack import Message, Outcome, SlackFace
from sandbox.slack.errors import NotVisible
from tests.patience import LONGEST
from tests.sandbox.slack.conftest import (
    Connect,
    MakeFace,
    actions,
    bolt_of,
    button,
    client_of,
    modal,
    plain,
    question,
    section,
)

Json = dict[str, Any]
Inbox = "queue.Queue[Json]"


def inbox() -> queue.Queue[Json]:
    return queue.Queue()


def post(face: SlackFace, *blocks: Json, **more: Any) -> Message:
    posted = client_of(face).chat_postMessage(channel="C0OPS", text="a message", blocks=list(blocks), **more)
    return face.workspace.message("C0OPS", posted["ts"])


def heard(app: App, face: SlackFace, *action_ids: str) -> queue.Queue[Json]:
    received = inbox()
    for action_id in action_ids:

        @app.action(action_id)
        def remember(ack: Any, body: Json) -> None:
            received.put(body)
            ack()

    return received


def listening(face: SlackFace, connect: Connect, *action_ids: str) -> queue.Queue[Json]:
    """An app that is connected, and what it hears of these actions."""
    app = bolt_of(face)
    received = heard(app, face, *action_ids)
    connect(face, app)
    return received


def test_a_command_is_acked_and_its_answer_is_for_one(face: SlackFace, connect: Connect) -> None:
    app, received = bolt_of(face), inbox()

    @app.command("/eks-upgrade")
    def answer(ack: Any, command: Json) -> None:
        received.put(command)
        ack(f"you said {command['text']}")

    connect(face, app)
    outcome = face.people.run_command("ada", "ops", "/eks-upgrade", "plan prod <now>")
    assert outcome.ok
    assert outcome.delivery is not None
    assert outcome.delivery.ack_seconds is not None
    assert outcome.delivery.ack_seconds > 0
    command = received.get(timeout=LONGEST)
    assert (command["user_name"], command["channel_name"], command["text"]) == ("ada", "ops", "plan prod <now>")
    assert [message.text for message in face.people.messages("ada", "ops")] == ["you said plan prod <now>"]
    assert face.people.messages("bob", "ops") == []


def test_a_command_may_answer_everybody_with_blocks(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)

    @app.command("/eks-upgrade")
    def answer(ack: Any) -> None:
        ack(text="hello", blocks=[section("hello")], response_type="in_channel")

    connect(face, app)
    assert face.people.run_command("ada", "ops", "/eks-upgrade").ok
    assert [message.blocks[0]["text"]["text"] for message in face.people.messages("bob", "ops")] == ["hello"]


@pytest.mark.parametrize(
    ("command", "thread_ts", "error"),
    [
        ("/nonsense", None, "/nonsense is not a valid command."),
        ("/eks-upgrade", "1.000001", "/eks-upgrade is not supported in threads. Sorry!"),
        ("/eks-upgrade", None, '/eks-upgrade failed with the error "dispatch_failed"'),
    ],
)
def test_a_command_that_cannot_be_is_told(face: SlackFace, command: str, thread_ts: str | None, error: str) -> None:
    assert face.people.run_command("ada", "ops", command, thread_ts=thread_ts) == Outcome(
        False, error, delivery=face.workspace.deliveries[-1] if face.workspace.deliveries else None
    )


def test_a_late_ack_is_a_timeout_for_the_person_and_stays_on_record(make_face: MakeFace, connect: Connect) -> None:
    face = make_face(ack_seconds=0.3)
    app, release = bolt_of(face), threading.Event()

    @app.command("/eks-upgrade")
    def answer(ack: Any) -> None:
        release.wait(LONGEST)
        ack()

    connect(face, app)
    outcome = face.people.run_command("ada", "ops", "/eks-upgrade")
    assert outcome.error == '/eks-upgrade failed with the error "operation_timeout"'
    delivery = face.workspace.deliveries[-1]
    assert not delivery.ok
    assert delivery.acked_at is None
    release.set()
    assert face.workspace.changes.wait_until(lambda: delivery.acked_at is not None, LONGEST)
    assert not delivery.ok


def test_escaped_text_carries_mentions_by_id(face: SlackFace, connect: Connect) -> None:
    app, received = bolt_of(face), inbox()

    @app.command("/escaped")
    def answer(ack: Any, command: Json) -> None:
        received.put(command)
        ack()

    connect(face, app)
    face.people.run_command("ada", "ops", "/escaped", "ask @bob or @approvers in #ops")
    assert received.get(timeout=LONGEST)["text"] == "ask <@U0BOB> or <!subteam^S0APPROVERS> in <#C0OPS|ops>"


def test_a_click_carries_the_message_and_can_be_answered(face: SlackFace, connect: Connect) -> None:
    received = listening(face, connect, "approve")
    metadata = {"event_type": "run", "event_payload": {"run": "r-1"}}
    parent = post(face)
    message = post(face, actions(button("approve", "run-1|digest")), thread_ts=parent.ts, metadata=metadata)
    assert face.people.click("bob", message, "approve").ok
    body = received.get(timeout=LONGEST)
    action = body["actions"][0]
    assert (action["value"], action["block_id"], action["type"]) == ("run-1|digest", "row", "button")
    assert (body["user"]["id"], body["channel"]["id"]) == ("U0BOB", "C0OPS")
    assert body["container"]["message_ts"] == message.ts
    assert body["container"]["thread_ts"] == body["message"]["thread_ts"] == parent.ts
    assert body["message"]["metadata"] == metadata
    assert float(action["action_ts"]) > float(message.ts)
    WebhookClient(body["response_url"]).send(text="only you", response_type="ephemeral")
    assert [seen.text for seen in face.people.messages("bob", "ops")][-1] == "only you"
    assert "only you" not in [seen.text for seen in face.people.messages("ada", "ops", parent.ts)]


def test_a_choice_and_the_answers_around_it_are_reported(face: SlackFace, connect: Connect) -> None:
    received = listening(face, connect, "hops", "go")
    options = [{"text": plain(value), "value": value} for value in ("one", "two")]
    select = {"type": "static_select", "action_id": "hops", "options": options, "initial_option": options[0]}
    message = post(face, actions(select, button("go")))
    face.people.click("ada", message, "hops", value="two")
    chosen = received.get(timeout=LONGEST)
    assert chosen["actions"][0]["selected_option"]["value"] == "two"
    assert chosen["state"]["values"]["row"]["hops"]["selected_option"]["value"] == "two"
    face.people.click("ada", message, "go")
    assert received.get(timeout=LONGEST)["state"]["values"]["row"]["hops"]["selected_option"]["value"] == "one"
    face.people.click("ada", message, "go", state={"row": {"hops": "two"}})
    assert received.get(timeout=LONGEST)["state"]["values"]["row"]["hops"]["selected_option"]["value"] == "two"


def test_people_use_only_what_they_see(face: SlackFace) -> None:
    private = {**button("mine"), "visible_to_user_ids": ["U0BOB"]}
    message = post(face, actions(button("go"), private))
    with pytest.raises(NotVisible, match="no 'gone'; there are"):
        face.people.click("ada", message, "gone")
    with pytest.raises(NotVisible, match="does not see mine"):
        face.people.click("ada", message, "mine")
    with pytest.raises(NotVisible, match="not in #ops"):
        face.people.click("guest", message, "go")
    with pytest.raises(NotVisible, match="cannot act"):
        face.people.click("gone", message, "go")
    client_of(face).chat_postEphemeral(channel="C0OPS", user="U0ADA", text="x", blocks=[actions(button("go"))])
    with pytest.raises(NotVisible, match="does not see that message"):
        face.people.click("bob", face.people.messages("ada", "ops")[-1], "go")


def test_a_stale_button_still_reaches_the_app(face: SlackFace, connect: Connect) -> None:
    received = listening(face, connect, "approve")
    message = post(face, actions(button("approve")))
    client_of(face).chat_update(channel="C0OPS", ts=message.ts, text="approved", blocks=[section("approved")])
    assert face.people.click("ada", message, "approve").ok
    assert received.get(timeout=LONGEST)["message"]["text"] == "a message"


def test_a_button_whose_block_was_edited_since_it_was_drawn_is_pressed_unless_two_are_alike(
    face: SlackFace, connect: Connect
) -> None:
    received = listening(face, connect, "approve")
    message = post(face, actions(button("approve")))
    assert face.people.click("ada", message, "approve", block_id="as it was").ok
    assert received.get(timeout=LONGEST)["actions"][0]["block_id"] == "row"
    twins = post(face, actions(button("approve"), block_id="1"), actions(button("approve"), block_id="2"))
    with pytest.raises(NotVisible, match="no 'approve'"):
        face.people.click("ada", twins, "approve", block_id="as it was")


def test_without_interactivity_nothing_is_delivered(make_face: MakeFace) -> None:
    face = make_face(manifest={"interactivity": False})
    outcome = face.people.click("ada", post(face, actions(button("go"))), "go")
    assert outcome.error is not None
    assert "not configured" in outcome.error
    assert len(face.workspace.deliveries) == 0


def test_a_response_url_answers_five_times_and_replaces_the_original(face: SlackFace, connect: Connect) -> None:
    received = listening(face, connect, "go")
    message = post(face, actions(button("go")))
    face.people.click("ada", message, "go")
    webhook = WebhookClient(received.get(timeout=LONGEST)["response_url"])
    assert webhook.send(text="done", replace_original=True).status_code == 200
    assert face.workspace.message("C0OPS", message.ts).blocks == []
    bad = webhook.send(text="x", blocks=[{"type": "nonsense"}])
    assert (bad.status_code, "invalid_blocks" in bad.body) == (400, True)
    assert webhook.send(text="everybody", response_type="in_channel").status_code == 200
    assert [seen.text for seen in face.people.messages("bob", "ops")] == ["done", "everybody"]
    assert webhook.send(delete_original=True).status_code == 200
    assert [seen.text for seen in face.people.messages("bob", "ops")] == ["everybody"]
    webhook = WebhookClient(webhook.url)
    assert webhook.send(text="fifth").status_code == 400
    gone = webhook.send(text="sixth")
    assert (gone.status_code, "used_url" in gone.body) == (404, True)


def test_an_answer_stands_in_the_channel_also_where_the_button_is_in_a_thread(
    face: SlackFace, connect: Connect
) -> None:
    received = listening(face, connect, "go")
    message = post(face, actions(button("go")))
    reply = post(face, actions(button("go")), thread_ts=message.ts)
    for pressed in (message, reply):
        face.people.click("ada", pressed, "go")
        webhook = WebhookClient(received.get(timeout=LONGEST)["response_url"])
        webhook.send_dict({"text": "not for you", "response_type": "ephemeral", "thread_ts": message.ts})
    webhook.send_dict({"text": "for all", "response_type": "in_channel", "thread_ts": message.ts})
    assert [seen.text for seen in face.people.messages("ada", "ops")] == ["a message", "not for you", "not for you"]
    assert [seen.text for seen in face.people.messages("ada", "ops", message.ts)] == ["a message"] * 2 + ["for all"]


def test_an_ephemeral_message_can_be_clicked_and_replaced_but_is_not_in_the_payload(
    face: SlackFace, connect: Connect
) -> None:
    received = listening(face, connect, "go")
    client_of(face).chat_postEphemeral(channel="C0OPS", user="U0ADA", text="sure?", blocks=[actions(button("go"))])
    face.people.click("ada", face.people.messages("ada", "ops")[0], "go")
    body = received.get(timeout=LONGEST)
    assert body["container"]["is_ephemeral"]
    assert "message" not in body
    WebhookClient(body["response_url"]).send(text="done", replace_original=True)
    assert [seen.text for seen in face.people.messages("ada", "ops")] == ["done"]
    assert face.people.messages("bob", "ops") == []


def open_modal(face: SlackFace, app: App, connect: Connect, view: Json) -> str:
    """Let the app open a modal for ada; returns the view id."""

    @app.command("/eks-upgrade")
    def answer(ack: Any, client: Any, command: Json) -> None:
        ack()
        client.views_open(trigger_id=command["trigger_id"], view=view)

    connect(face, app)
    assert face.people.run_command("ada", "ops", "/eks-upgrade").ok
    assert face.workspace.changes.wait_until(lambda: bool(face.workspace.modals.on_screen("U0ADA")), LONGEST)
    return face.workspace.modals.on_screen("U0ADA")[-1].id


def test_a_modal_shows_errors_until_it_is_right(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)

    @app.view("m")
    def submitted(ack: Any, view: Json) -> None:
        given = view["state"]["values"]["reason"]["text"]["value"]
        if given == "because":
            ack(response_action="errors", errors={"reason": "that is no reason"})
        else:
            ack()

    view_id = open_modal(face, app, connect, modal(private_metadata="run-1"))
    assert face.people.submit_view("ada", view_id).errors == {"reason": "Please complete this required field."}
    assert face.people.submit_view("ada", view_id, {"reason": "x"}).errors == {
        "reason": "Must be at least 2 characters."
    }
    assert [delivery.subject for delivery in face.workspace.deliveries] == ["/eks-upgrade"]
    refused = face.people.submit_view("ada", view_id, {"reason": "because"})
    assert (refused.ok, refused.errors) == (False, {"reason": "that is no reason"})
    assert face.workspace.modals.on_screen("U0ADA")[-1].state["reason"]["text"]["value"] == "because"
    assert face.people.submit_view("ada", view_id, {"reason": {"text": "security"}}).ok
    assert face.workspace.modals.on_screen("U0ADA") == []


def test_a_submission_can_update_push_and_clear(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)
    steps: Iterator[Json] = iter(
        [
            {"response_action": "update", "view": modal(title=plain("Second"))},
            {"response_action": "push", "view": modal(title=plain("Third"))},
            {"response_action": "push", "view": modal(title=plain("Fourth"))},
            {"response_action": "push", "view": modal(title=plain("Too deep"))},
            {"response_action": "clear"},
        ]
    )

    @app.view("m")
    def submitted(ack: Any) -> None:
        ack(**next(steps))

    open_modal(face, app, connect, modal(title=plain("First")))
    titles = []
    for _ in range(5):
        outcome = face.people.submit_view("ada", face.workspace.modals.on_screen("U0ADA")[-1].id, {"reason": "why"})
        titles.append([view.content["title"]["text"] for view in face.workspace.modals.on_screen("U0ADA")])
    deep = ["Second", "Third", "Fourth"]
    assert titles == [deep[:1], deep[:2], deep, deep, []]
    assert outcome.ok


def test_an_answer_about_a_block_that_is_not_there_is_trouble(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)

    @app.view("m")
    def submitted(ack: Any) -> None:
        ack(response_action="errors", errors={"nowhere": "x"})

    view_id = open_modal(face, app, connect, modal())
    outcome = face.people.submit_view("ada", view_id, {"reason": "why"})
    assert (outcome.ok, outcome.error) == (False, "We had some trouble connecting. Try again?")


def test_closing_is_told_only_to_those_who_asked(face: SlackFace, connect: Connect) -> None:
    app, received = bolt_of(face), inbox()

    @app.view_closed("m")
    def closed(ack: Any, body: Json) -> None:
        received.put(body)
        ack()

    view_id = open_modal(face, app, connect, modal(notify_on_close=True, private_metadata="run-1"))
    assert face.people.close_view("ada", view_id).ok
    body = received.get(timeout=LONGEST)
    assert (body["is_cleared"], body["view"]["private_metadata"]) == (False, "run-1")
    with pytest.raises(NotVisible):
        face.people.submit_view("ada", view_id, {"reason": "why"})


def test_an_update_keeps_what_was_typed_and_minds_the_hash(face: SlackFace, connect: Connect) -> None:
    app, received = bolt_of(face), inbox()

    @app.action("cluster")
    def chosen(ack: Any, body: Json) -> None:
        received.put(body)
        ack()

    options = [{"text": plain(value), "value": value} for value in ("prod", "dev")]
    select = {"type": "static_select", "action_id": "cluster", "options": options}
    cluster = question("cluster", element=select, dispatch_action=True)
    view_id = open_modal(face, app, connect, modal(question(), cluster))
    assert face.people.act_in_view("ada", view_id, "text", value="typed").ok
    assert received.empty()
    face.people.act_in_view("ada", view_id, "cluster", value="prod")
    view = received.get(timeout=LONGEST)["view"]
    assert view["state"]["values"]["cluster"]["cluster"]["selected_option"]["value"] == "prod"
    client = client_of(face)
    updated = client.views_update(view_id=view_id, hash=view["hash"], view=modal(question(), cluster, section("prod!")))
    assert updated["view"]["state"]["values"]["reason"]["text"]["value"] == "typed"
    with pytest.raises(SlackApiError, match="hash_conflict"):
        client.views_update(view_id=view_id, hash=view["hash"], view=modal())
    with pytest.raises(SlackApiError, match="not_found"):
        client.views_update(view_id="V1", view=modal())


def test_closing_can_clear_the_stack_and_external_ids_are_unique(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)
    received = heard(app, face, "more")
    view = modal(question(), actions(button("more")), external_id="the-one", clear_on_close=True)
    view_id = open_modal(face, app, connect, view)
    client = client_of(face)
    for pushed, error in ((view, "duplicate_external_id"), (modal(clear_on_close=True), None)):
        face.people.act_in_view("ada", view_id, "more")
        trigger = received.get(timeout=LONGEST)["trigger_id"]
        if error is None:
            client.views_push(trigger_id=trigger, view=pushed)
        else:
            with pytest.raises(SlackApiError, match=error):
                client.views_open(trigger_id=trigger, view=pushed)
    assert len(face.workspace.modals.on_screen("U0ADA")) == 2
    face.people.close_view("ada", face.workspace.modals.on_screen("U0ADA")[-1].id)
    assert face.workspace.modals.on_screen("U0ADA") == []


def test_an_answer_does_not_survive_in_an_input_of_another_kind(face: SlackFace, connect: Connect) -> None:
    view_id = open_modal(face, bolt_of(face), connect, modal())
    face.people.act_in_view("ada", view_id, "text", value="typed")
    picker = question(element={"type": "datepicker", "action_id": "text", "initial_date": "2026-01-05"})
    updated = client_of(face).views_update(view_id=view_id, view=modal(picker))["view"]
    assert updated["state"]["values"]["reason"]["text"] == {"type": "datepicker", "selected_date": "2026-01-05"}


def test_a_trigger_opens_one_view_and_a_view_is_held_to_its_limits(face: SlackFace, connect: Connect) -> None:
    received = listening(face, connect, "go")
    face.people.click("ada", post(face, actions(button("go"))), "go")
    trigger, client = received.get(timeout=LONGEST)["trigger_id"], client_of(face)
    with pytest.raises(SlackApiError) as caught:
        client.views_open(trigger_id=trigger, view=modal(title=plain("x" * 25)))
    assert "[json-pointer:/view/title/text]" in caught.value.response["response_metadata"]["messages"][0]
    client.views_open(trigger_id=trigger, view=modal())
    with pytest.raises(SlackApiError, match="exchanged_trigger_id"):
        client.views_open(trigger_id=trigger, view=modal())
    face.workspace.triggers.lifetime = 0.0
    face.people.click("ada", post(face, actions(button("go"))), "go")
    with pytest.raises(SlackApiError, match="expired_trigger_id"):
        client.views_open(trigger_id=received.get(timeout=LONGEST)["trigger_id"], view=modal())


def test_a_mention_is_an_event_where_the_bot_is(face: SlackFace, connect: Connect) -> None:
    app, received = bolt_of(face), inbox()

    @app.event("app_mention")
    def mentioned(body: Json, say: Any) -> None:
        received.put(body)
        say("pausing", thread_ts=body["event"]["thread_ts"])

    connect(face, app)
    parent = post(face)
    face.people.post_message("ada", "not-invited", "@eks-upgrades hello")
    said = face.people.post_message("ada", "ops", "@eks-upgrades pause", parent.ts)
    assert said.text == "<@U0BOT> pause"
    body = received.get(timeout=LONGEST)
    assert (body["event"]["ts"], body["event"]["thread_ts"], body["event"]["user"]) == (said.ts, parent.ts, "U0ADA")
    assert body["event_id"].startswith("Ev")
    assert face.workspace.changes.wait_until(lambda: len(face.workspace.thread("ops", parent.ts)) == 3, LONGEST)
    assert received.empty()


def test_opening_the_home_tab_is_an_event(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)

    @app.event("app_home_opened")
    def opened(client: Any, event: Json) -> None:
        client.views_publish(user_id=event["user"], view={"type": "home", "blocks": [actions(button("refresh"))]})

    received = heard(app, face, "refresh")
    connect(face, app)
    assert face.people.open_home("ada") is None
    assert face.workspace.changes.wait_until(lambda: face.workspace.modals.home("U0ADA") is not None, LONGEST)
    home = face.workspace.modals.home("U0ADA")
    assert home is not None
    assert face.people.act_in_view("ada", home.id, "refresh").ok
    assert received.get(timeout=LONGEST)["view"]["type"] == "home"


def test_an_event_without_an_ack_comes_again_and_says_so(make_face: MakeFace, connect: Connect) -> None:
    face = make_face(
        # However late the third ack is, one of the many deliveries after it is acked in time.
        ack_seconds=0.3,
        event_retry_delays=(0.0, *[0.05] * 50),
        manifest={"bot_events": frozenset({"app_mention"})},
    )
    app, received = bolt_of(face, process_before_response=True), inbox()

    @app.event("app_mention")
    def mentioned(body: Json, request: Any) -> None:
        received.put({"id": body["event_id"], **{name: request.headers.get(name) for name in request.headers}})
        if received.qsize() < 3:
            raise RuntimeError("no ack for this one")

    connect(face, app)
    face.people.post_message("ada", "ops", "@eks-upgrades hello")
    assert face.workspace.changes.wait_until(
        lambda: any(delivery.ok for delivery in face.workspace.deliveries), LONGEST
    )
    seen = sorted((received.get(timeout=LONGEST) for _ in range(3)), key=lambda one: one["x-slack-retry-num"])
    assert len({one["id"] for one in seen}) == 1
    assert [one.get("x-slack-retry-num") for one in seen] == [["0"], ["1"], ["2"]]
    assert [one.get("x-slack-retry-reason") for one in seen] == [[""], ["timeout"], ["timeout"]]


def test_an_envelope_can_arrive_twice(face: SlackFace, connect: Connect) -> None:
    received = listening(face, connect, "go")
    face.faults.duplicate_next_envelopes()
    assert face.people.click("ada", post(face, actions(button("go"))), "go").ok
    first, second = received.get(timeout=LONGEST), received.get(timeout=LONGEST)
    assert first["actions"] == second["actions"]


def test_a_payload_goes_to_one_connection_of_several(face: SlackFace, connect: Connect) -> None:
    app = bolt_of(face)
    received = heard(app, face, "go")
    connect(face, app)
    connect(face, app)
    message = post(face, actions(button("go")))
    for _ in range(12):
        assert face.people.click("ada", message, "go").ok
    assert received.qsize() == 12
    assert len({delivery.connection for delivery in face.workspace.deliveries}) == 2


def test_a_refreshed_connection_is_replaced(face: SlackFace, connect: Connect) -> None:
    received = listening(face, connect, "go")
    face.disconnect_sockets("refresh_requested", grace=0.2)
    # It came and went and another came, in whichever order.
    assert face.workspace.changes.wait_until(lambda: len(comings_and_goings(face)) == 3, LONGEST)
    assert face.connections == 1
    assert face.people.click("ada", post(face, actions(button("go"))), "go").ok
    assert received.qsize() == 1


def comings_and_goings(face: SlackFace) -> list[int]:
    """How many connections there were after each change of that."""
    changes = face.workspace.changes.since(0)
    return [int(one.data["connections"]) for one in changes if "connections" in one.data]


async def _dial(url: str) -> int:
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url) as socket:
                hello = await socket.receive_json(timeout=LONGEST)
                assert hello["type"] == "hello"
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


def test_a_socket_address_works_once(face: SlackFace) -> None:
    url = client_of(face).apps_connections_open(app_token=face.app.app_token)["url"]
    assert [asyncio.run(_dial(url)) for _ in range(2)] == [101, 401]


async def _crowd(face: SlackFace) -> list[str]:
    kinds = []
    async with aiohttp.ClientSession() as session, AsyncExitStack() as stack:
        for _ in range(11):
            url = client_of(face).apps_connections_open(app_token=face.app.app_token)["url"]
            socket = await stack.enter_async_context(session.ws_connect(url))
            frame = await socket.receive_json(timeout=LONGEST)
            kinds.append(frame.get("reason", frame["type"]))
    return kinds


def test_the_eleventh_connection_is_sent_away(face: SlackFace) -> None:
    assert asyncio.run(_crowd(face)) == ["hello"] * 10 + ["too_many_websockets"]


def test_the_bot_token_opens_no_socket(face: SlackFace) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        client_of(face).apps_connections_open(app_token=face.app.bot_token)


def test_messages_are_events_for_those_who_subscribed(make_face: MakeFace, connect: Connect) -> None:
    face = make_face(manifest={"bot_events": frozenset({"message.channels"})})
    app, received = bolt_of(face), inbox()

    @app.event("message")
    def said(event: Json) -> None:
        received.put(event)

    connect(face, app)
    face.people.post_message("ada", "ops", "hello <b> & @nobody")
    assert received.get(timeout=LONGEST)["text"] == "hello &lt;b&gt; &amp; @nobody"
