from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ConfirmObject,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    InputBlock,
    MarkdownTextObject,
    Option,
    PlainTextInputElement,
    PlanBlock,
    RichTextBlock,
    RichTextElementParts,
    RichTextListElement,
    RichTextPreformattedElement,
    RichTextSectionElement,
    SectionBlock,
    StaticSelectElement,
    TableBlock,
    TaskCardBlock,
)

from sandbox.slack.blocks import completed, validate_blocks, validate_view
from tests.sandbox.slack.conftest import actions, button, modal, plain, question, section

Json = dict[str, Any]


def option(value: str, text: str = "Text") -> Json:
    return {"text": plain(text), "value": value}


def confirm(**texts: str) -> Json:
    return {name: plain(texts.get(name, "x")) for name in ("title", "text", "confirm", "deny")}


def rich(*elements: Json) -> Json:
    return {"type": "rich_text", "elements": list(elements)}


def select(**more: Any) -> Json:
    return {"type": "static_select", "action_id": "s", "options": [option("a"), option("b")], **more}


def test_what_the_sdk_builds_is_accepted() -> None:
    text = RichTextBlock(
        elements=[
            RichTextSectionElement(
                elements=[RichTextElementParts.Text(text="hi"), RichTextElementParts.User(user_id="U1")]
            ),
            RichTextPreformattedElement(elements=[RichTextElementParts.Text(text="raw")]),
            RichTextListElement(
                style="bullet", elements=[RichTextSectionElement(elements=[RichTextElementParts.Text(text="one")])]
            ),
        ]
    )
    sure = ConfirmObject(title="Sure?", text="Really", confirm="Yes", deny="No")
    card = TaskCardBlock(task_id="t1", title="Control plane", status="in_progress", details=text.to_dict())
    blocks = [
        HeaderBlock(text="prod-eu"),
        SectionBlock(text=MarkdownTextObject(text="*1.34* to *1.36*"), fields=[MarkdownTextObject(text="a")]),
        ContextBlock(elements=[MarkdownTextObject(text="now")]),
        DividerBlock(),
        text,
        PlanBlock(title="Phases", tasks=[card]),
        TableBlock(rows=[[{"type": "raw_text", "text": "a"}, {"type": "raw_number", "value": 1}]]),
        ActionsBlock(
            elements=[
                ButtonElement(text="Approve", action_id="approve", value="v", style="primary", confirm=sure),
                StaticSelectElement(action_id="hops", placeholder="Hops", options=[Option(text="One", value="1")]),
            ]
        ),
        InputBlock(label="Why", element=PlainTextInputElement(action_id="why", multiline=True)),
    ]
    assert validate_blocks([block.to_dict() for block in blocks]) == []


@pytest.mark.parametrize(
    ("block", "pointer"),
    [
        (section("x" * 3001), "/blocks/0/text/text"),
        (section(""), "/blocks/0/text/text"),
        ({"type": "section"}, "/blocks/0"),
        ({"type": "section", "fields": [plain("x" * 2001)]}, "/blocks/0/fields/0/text"),
        ({"type": "section", "fields": [plain("x")] * 11}, "/blocks/0/fields"),
        (section("x", accessory={"type": "plain_text_input", "action_id": "a"}), "/blocks/0/accessory"),
        (section("x", unknown=1), "/blocks/0"),
        ({"type": "header", "text": plain("x" * 151)}, "/blocks/0/text/text"),
        ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "/blocks/0/text"),
        ({"type": "context", "elements": [plain("x")] * 11}, "/blocks/0/elements"),
        ({"type": "nonsense"}, "/blocks/0"),
        ({"text": plain("x")}, "/blocks/0"),
        ("text", "/blocks/0"),
        (section("x", block_id="b" * 256), "/blocks/0/block_id"),
        (actions(*[button(f"a{n}") for n in range(26)]), "/blocks/0/elements"),
        (actions(button("a"), button("a")), "/blocks/0/elements/1/action_id"),
        (actions(button("a", text=plain("x" * 76))), "/blocks/0/elements/0/text/text"),
        (actions(button("a", "x" * 2001)), "/blocks/0/elements/0/value"),
        (actions(button("a", style="loud")), "/blocks/0/elements/0/style"),
        (
            actions(button("a", confirm=confirm(title="x" * 101))),
            "/blocks/0/elements/0/confirm/title/text",
        ),
        (
            actions(button("a", confirm=confirm(text="x" * 301))),
            "/blocks/0/elements/0/confirm/text/text",
        ),
        (actions(select(options=[option(str(n)) for n in range(101)])), "/blocks/0/elements/0/options"),
        (actions(select(options=[])), "/blocks/0/elements/0/options"),
        (actions(select(options=[option("v" * 151)])), "/blocks/0/elements/0/options/0/value"),
        (actions(select(options=[option("v", "t" * 76)])), "/blocks/0/elements/0/options/0/text/text"),
        (actions(select(initial_option=option("z"))), "/blocks/0/elements/0"),
        (actions(select(options=None)), "/blocks/0/elements/0"),
        (actions({"type": "overflow", "action_id": "o", "options": [option("a")]}), "/blocks/0/elements/0/options"),
        (actions({"type": "datepicker", "initial_date": "1.2.2026"}), "/blocks/0/elements/0/initial_date"),
        ({"type": "image", "alt_text": "x"}, "/blocks/0"),
        (rich({"type": "paragraph"}), "/blocks/0/elements/0"),
        (
            rich({"type": "rich_text_section", "elements": [{"type": "text", "text": ""}]}),
            "/blocks/0/elements/0/elements/0/text",
        ),
        ({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * 21]}, "/blocks/0/rows/0"),
        ({"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]] * 101}, "/blocks/0/rows"),
        ({"type": "task_card", "task_id": "t", "title": "T", "status": "completed"}, "/blocks/0/status"),
        ({"type": "markdown", "text": "x" * 12_001}, "/blocks/0/text"),
        ({"type": "alert", "text": plain("x"), "level": "panic"}, "/blocks/0/level"),
    ],
)  # fmt: skip
def test_each_limit_is_told_with_its_pointer(block: Any, pointer: str) -> None:
    errors = validate_blocks([block])
    assert [error.pointer for error in errors] == [pointer]


def test_limits_themselves_are_allowed() -> None:
    at_the_limit = [
        section("x" * 3000, fields=[plain("x" * 2000)] * 10),
        {"type": "header", "text": plain("x" * 150)},
        actions(*[button(f"a{n}", "v" * 2000) for n in range(25)]),
    ]
    assert validate_blocks(at_the_limit) == []


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([section("x")] * 51, "no more than 50 items"),
        ([section("x", block_id="b"), section("y", block_id="b")], "already exists"),
        ([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}] * 2, "only one table"),
        ([{"type": "markdown", "text": "x" * 6001}] * 2, "together"),
        (
            [{"type": "plan", "title": "P"}, {"type": "task_card", "task_id": "t", "title": "T", "status": "pending"}],
            "mutually exclusive",
        ),
        ({"type": "section"}, "array"),
    ],
)
def test_blocks_that_do_not_go_together_are_told(blocks: Any, words: str) -> None:
    assert [words in str(error) for error in validate_blocks(blocks)] == [True]


def test_the_same_action_id_in_two_blocks_is_fine() -> None:
    assert validate_blocks([actions(button("a"), block_id="1"), actions(button("a"), block_id="2")]) == []


def test_a_home_takes_a_hundred_blocks_but_no_table() -> None:
    assert validate_blocks([section("x")] * 100, "home") == []
    assert validate_blocks([{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}], "home")


@pytest.mark.parametrize(
    ("view", "pointer"),
    [
        (modal(title=plain("x" * 25)), "/view/title/text"),
        (modal(private_metadata="x" * 3001), "/view/private_metadata"),
        (modal(callback_id="x" * 256), "/view/callback_id"),
        (modal(submit=None), "/view"),
        (modal(close=plain("x" * 25)), "/view/close/text"),
        (modal(blocks=[question()] * 2), "/view/blocks/1/block_id"),
        (modal(blocks=None), "/view"),
        ({"type": "home", "blocks": []}, "/view"),
        ([], "/view"),
    ],
)
def test_a_modal_is_held_to_its_limits(view: Any, pointer: str) -> None:
    assert pointer in [error.pointer for error in validate_view(view, "modal")]


def test_a_sound_modal_passes() -> None:
    assert validate_view(modal(private_metadata="x" * 3000), "modal") == []


def test_completed_blocks_have_ids_and_text_flags_and_leave_the_original_alone() -> None:
    given = [{"type": "actions", "elements": [{"type": "button", "text": plain("Go")}]}]
    answer = completed(given, iter(["b1", "a1"]))
    assert answer[0]["block_id"] == "b1"
    assert answer[0]["elements"][0]["action_id"] == "a1"
    assert answer[0]["elements"][0]["text"] == {"type": "plain_text", "text": "Go", "emoji": True}
    assert "block_id" not in given[0]
