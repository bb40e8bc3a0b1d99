"""The Web API as slack_sdk's WebClient finds it."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from sandbox.slack import Channel, SlackFace
from tests.sandbox.slack.conftest import SCOPES, MakeFace, actions, button, client_of, modal, plain, section


def refusal(call: Any, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        call(**arguments)
    return str(caught.value.response["error"])


def test_auth_test_says_who_the_bot_is_and_what_it_may(face: SlackFace, client: WebClient) -> None:
    answer = client.auth_test()
    assert (answer["user_id"], answer["bot_id"], answer["team_id"]) == ("U0BOT", "B0UPGRADE", "T0SANDBOX")
    assert "chat:write" in answer.headers["x-oauth-scopes"]


@pytest.mark.parametrize(
    ("token", "error"), [("xoxb-wrong", "invalid_auth"), ("", "not_authed"), ("app", "not_allowed_token_type")]
)
def test_a_wrong_token_is_refused(face: SlackFace, token: str, error: str) -> None:
    client = WebClient(token=face.app.app_token if token == "app" else token, base_url=face.api_url)
    assert refusal(client.auth_test) == error


def test_a_missing_scope_is_named(make_face: MakeFace) -> None:
    client = client_of(make_face(scopes=SCOPES - {"chat:write"}))
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="#ops", text="x")
    answer = caught.value.response
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
    assert "commands" in answer["provided"]


def test_scopes_follow_the_kind_of_channel(client: WebClient) -> None:
    assert client.conversations_history(channel="C0OPS")["messages"] == []
    assert refusal(client.conversations_history, channel="C0LEADS") == "missing_scope"


def test_an_unknown_method_is_refused(client: WebClient) -> None:
    with pytest.raises(SlackApiError, match="unknown_method"):
        client.api_call("chat.shout")


def test_a_message_comes_back_as_it_was_posted(face: SlackFace, client: WebClient) -> None:
    metadata = {"event_type": "run", "event_payload": {"run": "r-1", "seq": 7}}
    blocks = [section("Hello"), actions(button("go"))]
    posted = client.chat_postMessage(channel="C0OPS", text="Hello & goodbye", blocks=blocks, metadata=metadata)
    assert posted["message"]["blocks"][1]["elements"][0]["action_id"] == "go"
    bare = client.conversations_history(channel="C0OPS")["messages"]
    assert [message["text"] for message in bare] == ["Hello &amp; goodbye"]
    assert "metadata" not in bare[0]
    full = client.conversations_history(channel="C0OPS", include_all_metadata=True)["messages"]
    assert full[0]["metadata"] == metadata
    assert full[0]["bot_id"] == face.app.bot_id


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"channel": "C0NOWHERE", "text": "x"}, "channel_not_found"),
        ({"channel": "#nowhere", "text": "x"}, "channel_not_found"),
        ({"channel": "C0SECRET", "text": "x"}, "channel_not_found"),
        ({"channel": "C0NOTINVITED", "text": "x"}, "not_in_channel"),
        ({"channel": "C0OLD", "text": "x"}, "is_archived"),
        ({"channel": "C0OPS", "text": ""}, "no_text"),
        ({"channel": "C0OPS", "text": "x", "blocks": "{"}, "invalid_blocks_format"),
        ({"channel": "C0OPS", "text": "x", "metadata": {"event_type": "x"}}, "invalid_metadata_format"),
        (
            {"channel": "C0OPS", "text": "x", "metadata": {"event_type": "x", "event_payload": {"a": "b" * 20_000}}},
            "metadata_too_large",
        ),
        ({"channel": "C0OPS", "text": "x", "thread_ts": "1.000001"}, "thread_not_found"),
    ],
)
def test_a_message_that_slack_refuses_is_not_there(
    face: SlackFace, client: WebClient, arguments: dict[str, Any], error: str
) -> None:
    assert refusal(client.api_call, api_method="chat.postMessage", json=arguments) == error
    assert face.workspace.messages("C0OPS") == []


def test_bad_blocks_are_told_with_their_pointers(client: WebClient) -> None:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C0OPS", text="x", blocks=[section("x" * 3001)])
    answer = caught.value.response
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"] == ["must be less than 3001 characters [json-pointer:/blocks/0/text/text]"]


def test_a_workspace_may_lack_a_kind_of_block(make_face: MakeFace) -> None:
    face = make_face(refused_blocks=["plan"])
    client, plan = client_of(face), {"type": "plan", "title": "P", "tasks": []}
    ts = client.chat_postMessage(channel="C0OPS", text="x", blocks=[section("x")])["ts"]
    for method, more in ((client.chat_postMessage, {}), (client.chat_update, {"ts": ts})):
        with pytest.raises(SlackApiError) as caught:
            method(channel="C0OPS", text="y", blocks=[section("y"), plan], **more)
        answer = caught.value.response
        assert (answer["error"], answer["errors"]) == (
            "invalid_blocks",
            ["unsupported type: plan [json-pointer:/blocks/1]"],
        )
    assert refusal(client.blocks_validate, blocks=[plan]) == "invalid_blocks"
    assert [message.text for message in face.workspace.messages("C0OPS")] == ["x"]


def test_blocks_can_be_validated_without_posting(face: SlackFace, client: WebClient) -> None:
    stranger = WebClient(base_url=face.api_url)
    assert stranger.blocks_validate(blocks=[section("x")])["ok"]
    assert refusal(stranger.blocks_validate, blocks=[{"type": "x"}]) == "invalid_blocks"
    assert refusal(stranger.blocks_validate, message={"text": "x", "blocks": [{"type": "x"}]}) == "invalid_blocks"
    assert refusal(stranger.blocks_validate, view=modal(title=plain("x" * 25))) == "invalid_arguments"
    assert face.workspace.messages("C0OPS") == []


def test_text_beyond_forty_thousand_characters_is_cut(face: SlackFace, client: WebClient) -> None:
    client.chat_postMessage(channel="C0OPS", text="x" * 40_001)
    assert len(face.workspace.messages("ops")[0].text) == 40_000


def test_timestamps_are_unique_and_grow(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="C0OPS", text=str(n))["ts"] for n in range(20)]
    assert stamps == sorted(set(stamps), key=float)


def test_an_update_with_text_alone_removes_the_blocks_and_keeps_the_metadata(client: WebClient) -> None:
    metadata = {"event_type": "run", "event_payload": {"run": "r-1"}}
    posted = client.chat_postMessage(channel="C0OPS", text="one", blocks=[section("one")], metadata=metadata)
    client.chat_update(channel="C0OPS", ts=posted["ts"], text="two")
    after = client.conversations_history(channel="C0OPS", include_all_metadata=True)["messages"][0]
    assert (after["text"], after["metadata"]) == ("two", metadata)
    assert "blocks" not in after
    assert after["edited"]["user"] == "U0BOT"


def test_an_update_of_blocks_alone_is_not_marked_as_edited(client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C0OPS", text="one", blocks=[section("one")])
    client.chat_update(channel="C0OPS", ts=posted["ts"], text="one", blocks=[section("two")])
    after = client.conversations_history(channel="C0OPS")["messages"][0]
    assert after["blocks"][0]["text"]["text"] == "two"
    assert "edited" not in after


def test_only_the_author_updates_and_deletes(face: SlackFace, client: WebClient) -> None:
    theirs = face.people.post_message("ada", "ops", "mine")
    assert refusal(client.chat_update, channel="C0OPS", ts=theirs.ts, text="x") == "cant_update_message"
    assert refusal(client.chat_delete, channel="C0OPS", ts=theirs.ts) == "cant_delete_message"
    assert refusal(client.chat_update, channel="C0OPS", ts="1.000001", text="x") == "message_not_found"
    assert refusal(client.chat_update, channel="ops", ts=theirs.ts, text="x") == "channel_not_found"
    own = client.chat_postMessage(channel="C0OPS", text="own")["ts"]
    assert refusal(client.chat_update, channel="C0OPS", ts=own, text="x" * 4001) == "msg_too_long"
    long = [{"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3000}}] * 5
    assert refusal(client.chat_update, channel="C0OPS", ts=own, text="x", blocks=long) == "msg_blocks_too_long"
    client.chat_delete(channel="C0OPS", ts=own)
    assert [message.text for message in face.workspace.messages("ops")] == ["mine"]


def test_a_thread_is_apart_from_the_channel_unless_broadcast(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0OPS", text="parent")["ts"]
    reply = client.chat_postMessage(channel="C0OPS", text="reply", thread_ts=parent)["ts"]
    client.chat_postMessage(channel="C0OPS", text="loud", thread_ts=parent, reply_broadcast=True)
    replies = client.conversations_replies(channel="C0OPS", ts=parent)["messages"]
    assert [message["text"] for message in replies] == ["parent", "reply", "loud"]
    assert (replies[0]["reply_count"], replies[1]["parent_user_id"]) == (2, "U0BOT")
    shown = client.conversations_history(channel="C0OPS")["messages"]
    assert [message["text"] for message in shown] == ["loud", "parent"]
    assert refusal(client.chat_postMessage, channel="C0OPS", text="x", thread_ts=reply) == "cannot_reply_to_message"
    assert refusal(client.conversations_replies, channel="C0OPS", ts="1.000001") == "thread_not_found"


def test_history_pages_from_the_newest_and_can_be_bounded(client: WebClient) -> None:
    stamps = [client.chat_postMessage(channel="C0OPS", text=str(n))["ts"] for n in range(5)]
    pages = [page["messages"] for page in client.conversations_history(channel="C0OPS", limit=2)]
    assert [[message["text"] for message in page] for page in pages] == [["4", "3"], ["2", "1"], ["0"]]
    bounded = client.conversations_history(channel="C0OPS", oldest=stamps[1], latest=stamps[3])
    assert [message["text"] for message in bounded["messages"]] == ["2"]
    inclusive = client.conversations_history(channel="C0OPS", oldest=stamps[1], latest=stamps[3], inclusive=True)
    assert [message["text"] for message in inclusive["messages"]] == ["3", "2", "1"]
    for cursor in ("junk", "\x80"):
        assert refusal(client.conversations_history, channel="C0OPS", cursor=cursor) == "invalid_cursor"
    assert refusal(client.conversations_history, channel="C0OPS", limit=5000) == "invalid_limit"


def test_an_ephemeral_message_is_for_one_person(face: SlackFace, client: WebClient) -> None:
    client.chat_postEphemeral(channel="C0OPS", user="U0ADA", text="psst")
    assert [message.text for message in face.people.messages("ada", "ops")] == ["psst"]
    assert face.people.messages("bob", "ops") == []
    assert client.conversations_history(channel="C0OPS")["messages"] == []
    ts = face.people.messages("ada", "ops")[0].ts
    assert refusal(client.chat_update, channel="C0OPS", ts=ts, text="x") == "message_not_found"
    assert refusal(client.chat_postEphemeral, channel="C0OPS", user="U0GUEST", text="x") == "user_not_in_channel"


def test_a_permalink_leads_into_the_thread(client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0OPS", text="parent")["ts"]
    reply = client.chat_postMessage(channel="C0OPS", text="reply", thread_ts=parent)["ts"]
    link = client.chat_getPermalink(channel="C0OPS", message_ts=reply)["permalink"]
    assert link == f"https://sandbox.slack.com/archives/C0OPS/p{reply.replace('.', '')}?thread_ts={parent}&cid=C0OPS"


def test_channels_are_listed_and_joined(face: SlackFace, client: WebClient) -> None:
    names = [
        channel["name"]
        for page in client.conversations_list(types="public_channel,private_channel", limit=2, exclude_archived=True)
        for channel in page["channels"]
    ]
    assert names == ["ops", "maintenance-notices", "not-invited", "leads"]
    assert refusal(client.conversations_list, types="im") == "missing_scope"
    assert not client.conversations_info(channel="C0NOTINVITED")["channel"]["is_member"]
    client.conversations_join(channel="C0NOTINVITED")
    assert client.chat_postMessage(channel="C0NOTINVITED", text="here now")["ok"]
    assert client.conversations_members(channel="C0LEADS")["members"] == ["U0ADA", "U0BOT"]
    assert refusal(client.conversations_info, channel="C0SECRET") == "channel_not_found"


def test_a_direct_message_opens_once(face: SlackFace, client: WebClient) -> None:
    first, second = (client.conversations_open(users="U0ADA")["channel"]["id"] for _ in range(2))
    assert first == second
    assert client.chat_postMessage(channel="U0ADA", text="hi")["channel"] == first
    assert refusal(client.conversations_open, users="U0GONE") == "user_disabled"


def test_an_app_without_a_messages_tab_cannot_write_to_people(make_face: MakeFace) -> None:
    client = client_of(make_face(manifest={"messages_tab": False}))
    assert refusal(client.chat_postMessage, channel="U0ADA", text="hi") == "messages_tab_disabled"


def test_people_are_found_with_zone_and_standing(client: WebClient) -> None:
    ada = client.users_info(user="U0ADA")["user"]
    assert (ada["tz"], ada["profile"]["email"], ada["is_bot"]) == ("Europe/Berlin", "ada@example.com", False)
    assert ada["tz_offset"] in (3600, 7200)
    flags = {
        user["name"]: (user["is_bot"], user["deleted"], user["is_restricted"])
        for user in client.users_list()["members"]
    }
    assert flags["guest"] == (False, False, True)
    assert flags["gone"] == (False, True, False)
    assert flags["other-bot"] == (True, False, False)
    assert client.users_lookupByEmail(email="bob@example.com")["user"]["id"] == "U0BOB"
    assert refusal(client.users_lookupByEmail, email="gone@example.com") == "users_not_found"
    assert refusal(client.users_info, user="U0NOBODY") == "user_not_found"


def test_an_address_needs_its_own_scope(make_face: MakeFace) -> None:
    client = client_of(make_face(scopes=SCOPES - {"users:read.email"}))
    assert "email" not in client.users_info(user="U0ADA")["user"]["profile"]
    assert refusal(client.users_lookupByEmail, email="ada@example.com") == "missing_scope"


def test_group_members_are_listed(face: SlackFace, client: WebClient) -> None:
    assert client.usergroups_users_list(usergroup="S0APPROVERS")["users"] == ["U0BOB"]
    face.workspace.usergroups["S0APPROVERS"].users.append("U0ADA")
    assert client.usergroups_users_list(usergroup="S0APPROVERS")["users"] == ["U0BOB", "U0ADA"]
    assert refusal(client.usergroups_users_list, usergroup="S0RETIRED") == "no_such_subteam"
    assert [group["handle"] for group in client.usergroups_list()["usergroups"]] == ["approvers"]


def test_groups_need_a_paid_plan(make_face: MakeFace) -> None:
    client = client_of(make_face(paid=False))
    assert refusal(client.usergroups_users_list, usergroup="S0APPROVERS") == "plan_upgrade_required"


def test_reactions_come_and_go(face: SlackFace, client: WebClient) -> None:
    ts = client.chat_postMessage(channel="C0OPS", text="x")["ts"]
    client.reactions_add(channel="C0OPS", timestamp=ts, name="eyes")
    assert refusal(client.reactions_add, channel="C0OPS", timestamp=ts, name="eyes") == "already_reacted"
    assert face.workspace.message("C0OPS", ts).reactions == {"eyes": ["U0BOT"]}
    client.reactions_remove(channel="C0OPS", timestamp=ts, name="eyes")
    assert face.workspace.message("C0OPS", ts).reactions == {}


def test_a_file_arrives_in_the_thread(face: SlackFace, client: WebClient) -> None:
    parent = client.chat_postMessage(channel="C0OPS", text="parent")["ts"]
    answer = client.files_upload_v2(
        channel="C0OPS", thread_ts=parent, filename="plan.json", content="{}", initial_comment="the plan"
    )
    reply = face.workspace.thread("C0OPS", parent)[1]
    assert (reply.text, reply.files[0]["name"]) == ("the plan", "plan.json")
    assert face.workspace.uploads.content(answer["files"][0]["id"]) == b"{}"


def test_a_file_for_one_person_arrives_as_a_direct_message(face: SlackFace, client: WebClient) -> None:
    client.files_upload_v2(channels=["U0ADA"], filename="report.html", title="Readiness", content="<html>")
    (message,) = face.workspace.messages(face.workspace.direct_message("U0ADA").id)
    assert message.files[0]["name"] == "report.html"
    assert face.workspace.messages("C0OPS") == []


def test_a_picture_carries_words_for_those_who_do_not_see_it(face: SlackFace, client: WebClient) -> None:
    client.files_upload_v2(channel="C0OPS", filename="a.png", content=b"\x89PNG", alt_txt="A timeline.")
    (message,) = face.workspace.messages("C0OPS")
    assert message.files[0]["alt_txt"] == "A timeline."
    long = {"filename": "a.png", "length": 4, "alt_txt": "a" * 1001}
    assert refusal(client.files_getUploadURLExternal, **long) == "invalid_arguments"


def test_a_file_of_another_length_is_refused(face: SlackFace, client: WebClient) -> None:
    upload = client.files_getUploadURLExternal(filename="plan.json", length=10)
    request = urllib.request.Request(upload["upload_url"], data=b"short", method="POST")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    with caught.value as answer:
        assert answer.status == 400
    unfinished = {"files": [{"id": upload["file_id"]}]}
    assert refusal(client.files_completeUploadExternal, **unfinished) == "file_update_failed"
    assert refusal(client.files_getUploadURLExternal, filename="empty", length=0) == "invalid_arguments"


def test_a_home_tab_is_published_and_guarded_by_its_hash(face: SlackFace, client: WebClient) -> None:
    home = {"type": "home", "blocks": [section("one")]}
    first = client.views_publish(user_id="U0ADA", view=home)["view"]
    client.views_publish(user_id="U0ADA", view={"type": "home", "blocks": [section("two")]}, hash=first["hash"])
    assert refusal(client.views_publish, user_id="U0ADA", view=home, hash=first["hash"]) == "hash_conflict"
    shown = face.workspace.modals.home("U0ADA")
    assert shown is not None
    assert shown.blocks[0]["text"]["text"] == "two"


def test_team_and_bot_are_described(client: WebClient) -> None:
    assert client.team_info()["team"]["domain"] == "sandbox"
    assert client.bots_info(bot="B0UPGRADE")["bot"]["user_id"] == "U0BOT"
    assert client.api_test(foo="bar")["args"] == {"foo": "bar"}


def test_arguments_are_checked(face: SlackFace, client: WebClient) -> None:
    assert refusal(client.api_call, api_method="chat.postMessage", json={"text": "x"}) == "invalid_arguments"
    request = urllib.request.Request(
        f"{face.api_url}chat.postMessage", data=b"[]", headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert b"invalid_form_data" in answer.read()


def test_every_call_is_on_record_without_its_token(face: SlackFace, client: WebClient) -> None:
    client.chat_postMessage(channel="C0OPS", text="x")
    refusal(client.chat_postMessage, channel="C0OLD", text="x")
    calls = [(call.method, call.args["channel"], call.error) for call in face.workspace.api_calls]
    assert calls == [("chat.postMessage", "C0OPS", None), ("chat.postMessage", "C0OLD", "is_archived")]
    assert face.app.bot_token not in repr(face.workspace.api_calls)


def test_a_channel_can_be_added_while_it_runs(face: SlackFace, client: WebClient) -> None:
    face.workspace.add_channel(Channel("new"))
    assert client.chat_postMessage(channel="#new", text="x")["ok"]
