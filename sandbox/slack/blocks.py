"""Block Kit as Slack judges it: block kinds, limits and the rules between blocks."""

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.slack.elements import (
    ACCESSORY,
    IN_ACTIONS,
    IN_CONTEXT,
    IN_INPUT,
    INTERACTIVE,
    URL,
    URL_SOURCE,
    plain,
    text,
)
from sandbox.slack.schema import (
    BlockError,
    Errors,
    Json,
    Rule,
    anything,
    at_least_one_of,
    choice,
    exactly_one_of,
    flag,
    listing,
    number,
    shape,
    string,
    typed,
)

MOST_BLOCKS = {"message": 50, "modal": 100, "home": 100}
MOST_MARKDOWN = 12_000
BLOCK_ID = {"block_id": string(255)}

_STYLE = shape({}, dict.fromkeys(("bold", "italic", "strike", "code", "underline", "highlight", "unlink"), flag))
_INLINE = typed(
    {
        "text": shape({"text": string(3000)}, {"style": _STYLE}),
        "link": shape({"url": URL}, {"text": string(3000, 0), "style": _STYLE, "unsafe": flag}),
        "user": shape({"user_id": string(30)}, {"style": _STYLE}),
        "usergroup": shape({"usergroup_id": string(30)}, {"style": _STYLE}),
        "channel": shape({"channel_id": string(30)}, {"style": _STYLE}),
        "emoji": shape({"name": string(100)}, {"unicode": string(60), "skin_tone": number(1, 6), "style": _STYLE}),
        "broadcast": shape({"range": choice("here", "channel", "everyone")}, {"style": _STYLE}),
        "date": shape({"timestamp": number(0, 10**11), "format": string(200)}, {"url": URL, "fallback": string(200)}),
    }
)
_PREFORMATTED_INLINE = typed(
    {"text": shape({"text": string(12_000)}, {"style": _STYLE}), "link": shape({"url": URL}, {"text": string(3000, 0)})}
)
_SECTION = shape({"elements": listing(_INLINE, 1000, 0)})
_RICH = {
    "rich_text_section": _SECTION,
    "rich_text_quote": shape({"elements": listing(_INLINE, 1000, 0)}, {"border": number(0, 1)}),
    "rich_text_preformatted": shape(
        {"elements": listing(_PREFORMATTED_INLINE, 1000, 0)}, {"border": number(0, 1), "language": string(40)}
    ),
    "rich_text_list": shape(
        {"elements": listing(typed({"rich_text_section": _SECTION}), 1000), "style": choice("bullet", "ordered")},
        {"indent": number(0, 8), "offset": number(0, 10**6), "border": number(0, 1)},
    ),
}
RICH_TEXT = shape({"elements": listing(typed(_RICH), 1000)}, BLOCK_ID)
_CELL = typed(
    {
        "raw_text": shape({"text": string(3000)}),
        "raw_number": shape({"value": number(-(10**15), 10**15, whole=False)}, {"text": string(100)}),
        "rich_text": RICH_TEXT,
    }
)
_COLUMN = shape({}, {"align": choice("left", "center", "right"), "is_wrapped": flag})


def _column_or_nothing(value: Any, at: str, errors: Errors) -> None:
    if value is not None:
        _COLUMN(value, at, errors)


TASK_CARD = shape(
    {"task_id": string(255), "title": string(150)},
    {
        **BLOCK_ID,
        "details": typed({"rich_text": RICH_TEXT}),
        "output": typed({"rich_text": RICH_TEXT}),
        "sources": listing(URL_SOURCE, 20, 0),
        "status": choice("pending", "in_progress", "complete", "error"),
    },
)

BLOCKS: dict[str, Rule] = {
    "header": shape({"text": plain(150)}, {**BLOCK_ID, "level": number(1, 4)}),
    "section": shape(
        {},
        {**BLOCK_ID, "text": text(3000), "fields": listing(text(2000), 10), "accessory": ACCESSORY, "expand": flag},
        at_least_one_of("text", "fields"),
    ),
    "context": shape({"elements": listing(IN_CONTEXT, 10)}, BLOCK_ID),
    "divider": shape({}, BLOCK_ID),
    "actions": shape({"elements": listing(IN_ACTIONS, 25)}, BLOCK_ID),
    "input": shape(
        {"label": plain(2000), "element": IN_INPUT},
        {**BLOCK_ID, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
    "image": shape(
        {"alt_text": string(2000)},
        {**BLOCK_ID, "image_url": URL, "slack_file": anything, "title": plain(2000)},
        exactly_one_of("image_url", "slack_file"),
    ),
    "rich_text": RICH_TEXT,
    "markdown": shape({"text": string(MOST_MARKDOWN)}, BLOCK_ID),
    "table": shape(
        {"rows": listing(listing(_CELL, 20), 100)}, {**BLOCK_ID, "column_settings": listing(_column_or_nothing, 20, 0)}
    ),
    "task_card": TASK_CARD,
    "plan": shape({"title": string(150)}, {**BLOCK_ID, "tasks": listing(typed({"task_card": TASK_CARD}), 50, 0)}),
    "alert": shape(
        {"text": text(3000)}, {**BLOCK_ID, "level": choice("default", "info", "warning", "error", "success")}
    ),
}
_MESSAGE_ONLY = frozenset({"markdown", "table", "task_card", "plan"})
_SURFACES = {
    "message": typed(BLOCKS),
    "modal": typed({kind: rule for kind, rule in BLOCKS.items() if kind not in _MESSAGE_ONLY}),
    "home": typed({kind: rule for kind, rule in BLOCKS.items() if kind not in _MESSAGE_ONLY}),
}


def elements_of(block: Json) -> Iterator[tuple[str, Json]]:
    """Each interactive element of a block with its pointer inside the block."""
    candidates: list[tuple[str, Any]] = [("accessory", block.get("accessory")), ("element", block.get("element"))]
    elements = block.get("elements")
    if block.get("type") == "actions" and isinstance(elements, list):
        candidates += [(f"elements/{index}", item) for index, item in enumerate(elements)]
    for pointer, item in candidates:
        if isinstance(item, dict) and item.get("type") in INTERACTIVE:
            yield pointer, item


def validate_blocks(
    blocks: Any, surface: str = "message", root: str = "/blocks", *, without: frozenset[str] = frozenset()
) -> list[BlockError]:
    """Judge blocks as Slack would for a `message`, `modal` or `home`; an empty list means that Slack takes them.

    `without`: kinds that are not taken all the same.
    """
    errors: Errors = []
    listing(_SURFACES[surface], MOST_BLOCKS[surface], 0)(blocks, root, errors)
    if isinstance(blocks, list):
        sound = [(f"{root}/{index}", block) for index, block in enumerate(blocks) if isinstance(block, dict)]
        kinds = [(at, str(block.get("type"))) for at, block in sound]
        errors += [BlockError(at, f"unsupported type: {kind}") for at, kind in kinds if kind in without]
        _ids_are_unique(sound, errors)
        _blocks_go_together(sound, root, errors)
    return errors


def _ids_are_unique(blocks: Sequence[tuple[str, Json]], errors: Errors) -> None:
    seen: set[str] = set()
    for at, block in blocks:
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in seen:
                errors.append(BlockError(f"{at}/block_id", f"`block_id` {block_id} already exists"))
            seen.add(block_id)
        action_ids: set[str] = set()
        for pointer, element in elements_of(block):
            action_id = element.get("action_id")
            if isinstance(action_id, str):
                if action_id in action_ids:
                    errors.append(BlockError(f"{at}/{pointer}/action_id", f"`action_id` {action_id} already exists"))
                action_ids.add(action_id)


def _blocks_go_together(blocks: Sequence[tuple[str, Json]], root: str, errors: Errors) -> None:
    kinds = [block.get("type") for _, block in blocks]
    if kinds.count("table") > 1:
        errors.append(BlockError(root, "only one table is allowed in a message"))
    if "plan" in kinds and "task_card" in kinds:
        errors.append(BlockError(root, "a plan and a task_card outside of it are mutually exclusive"))
    markdown = [block.get("text") for _, block in blocks if block.get("type") == "markdown"]
    if len(markdown) > 1 and sum(len(part) for part in markdown if isinstance(part, str)) > MOST_MARKDOWN:
        errors.append(BlockError(root, f"markdown blocks must be less than {MOST_MARKDOWN + 1} characters together"))


_VIEW_FIELDS = {
    "blocks": anything,
    "private_metadata": string(3000, 0),
    "callback_id": string(255, 0),
    "external_id": string(255, 0),
}
_MODAL = shape(
    {"title": plain(24), "blocks": anything},
    {
        **_VIEW_FIELDS,
        "submit": plain(24),
        "close": plain(24),
        "clear_on_close": flag,
        "notify_on_close": flag,
        "submit_disabled": flag,
    },
)
_HOME = shape({"blocks": anything}, _VIEW_FIELDS)
_VIEWS = {"modal": typed({"modal": _MODAL}), "home": typed({"home": _HOME})}


def validate_view(view: Any, surface: str | None = None) -> list[BlockError]:
    """Judge a modal or a Home tab; `surface` fixes which one it has to be."""
    errors: Errors = []
    rule = _VIEWS[surface] if surface else typed({"modal": _MODAL, "home": _HOME})
    rule(view, "/view", errors)
    if isinstance(view, dict) and view.get("type") in _VIEWS:
        errors += validate_blocks(view.get("blocks"), str(view["type"]), "/view/blocks")
        blocks = view["blocks"] if isinstance(view.get("blocks"), list) else []
        asks = any(isinstance(block, dict) and block.get("type") == "input" for block in blocks)
        if view["type"] == "modal" and asks and not view.get("submit"):
            errors.append(BlockError("/view", "`submit` is required when an `input` block is within blocks"))
    return errors


def completed(blocks: Sequence[Json], new_id: "Iterator[str]") -> list[Json]:
    """The blocks as Slack hands them back: ids filled in, text objects with their default flags."""
    answer = copy.deepcopy(list(blocks))
    for block in answer:
        block.setdefault("block_id", next(new_id))
        for _, element in elements_of(block):
            element.setdefault("action_id", next(new_id))
        _set_text_defaults(block)
    return answer


def _set_text_defaults(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _set_text_defaults(item)
    elif isinstance(value, dict):
        if value.get("type") == "plain_text":
            value.setdefault("emoji", True)
        elif value.get("type") == "mrkdwn":
            value.setdefault("verbatim", False)
        else:
            for item in value.values():
                _set_text_defaults(item)
